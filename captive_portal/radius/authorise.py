"""May this device in? The decision of the hot path: one keyed hash or one look into a dictionary, nothing slow.

Two kinds of names are known. A *token* was made by the portal a moment ago for this device at this controller; it is
good once. A *MAC address* is how a controller asks about a device that it has just seen (Service-Type Call-Check, or
plain): it is let in while its door is open, so that who comes back, roams or was made to ask again needs no login.
Everybody else is refused, which a controller answers with the login page.

A question also tells who has an address, whatever its answer is, and its seal says that it was genuine, not when: a
token is good once, a question about a MAC may be sent again by whoever has heard it. So what it tells is believed when
it is of now, by its Event-Timestamp and by its authenticator, which is random and comes once.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from captive_portal.model import Client
from captive_portal.radius import accounting, packet, tokens
from captive_portal.radius import dictionary as d
from captive_portal.radius.accounting import get
from captive_portal.radius.nas import mac

if TYPE_CHECKING:
    from collections.abc import Mapping

    from captive_portal.model import Bounds
    from captive_portal.radius.alone import Alone
    from captive_portal.radius.doors import Doors
    from captive_portal.radius.nas import Nas
    from captive_portal.radius.stay import Door, Row
    from captive_portal.radius.tokens import Mint

CHAP_LENGTH = 17  # identifier and MD5


class Why(StrEnum):
    """Why a device is not let in. The words are counted, and told to the controller."""

    UNKNOWN = "unknown user"
    NO_DEVICE = "no calling station"
    NO_PASSWORD = "no password"  # noqa: S105  (a reason)
    WRONG = "wrong password"
    LATE = "token too old"
    EARLY = "token from the future"
    BEFORE_US = "token from before this server began"
    USED = "token already used"
    OVER = "time is over"
    NO_DOOR = "device has not logged in"
    METHOD = "method not supported"


class Age(StrEnum):
    """When a question about a MAC was asked."""

    NOW = "now"
    UNSURE = "unsure"  # nothing proves it, nothing speaks against it
    PAST = "past"


@dataclass(frozen=True, slots=True)
class Accept:
    """A yes: what may be used, and the mark that accounting will carry. `rows` need not be waited for."""

    bounds: Bounds
    mark: bytes
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Reject:
    """A no."""

    why: Why
    rows: list[Row]


Decision: TypeAlias = Accept | Reject


@dataclass(frozen=True, slots=True)
class Judge:
    """What decides, with the memory it decides by."""

    mint: Mint
    doors: Doors
    alone: Alone | None = None  # what lets devices in while the portal is dead

    def decide(
        self, fields: Mapping[int, bytes], password: bytes | None, nas: Nas, now_ms: int, *, seal: bytes = b""
    ) -> Decision:
        """Answer one question.

        `password` is the clear one of PAP; CHAP's is in the fields. `seal` is the request's authenticator where a
        Message-Authenticator holds.
        """
        calling, user = get(fields, d.CALLING_STATION_ID), get(fields, d.USER_NAME)
        device = mac(calling) if isinstance(calling, str) else None
        if device is None:
            return Reject(Why.NO_DEVICE, [])
        if not isinstance(user, str):
            return Reject(Why.UNKNOWN, [])
        said = accounting.addresses(fields, nas)
        claims = tokens.claims(user)
        if claims is None:
            age, rows = self._age(fields, nas, now_ms, seal) if said else (Age.NOW, [])
            for each in said if age is not Age.PAST else ():
                rows += self.doors.sight(nas.id, device, each, now_ms, sure=age is Age.NOW)
            if mac(user) != device:
                return Reject(Why.UNKNOWN, rows)
            client = Client(mac=device, interface=nas.id, addresses=said)
            return self._known(client, rows, nas, now_ms, past=age is Age.PAST)
        wanted = self.mint.password(user, place=nas.id, mac=device).encode()
        wrong = _wrong(fields, password, wanted) or self._untimely(claims, now_ms)
        if wrong is not None:
            return Reject(wrong, [])
        bounds = claims.left(now_ms)
        if not bounds.seconds:
            return Reject(Why.OVER, [])
        if not self.doors.spend(claims.nonce, now_ms):
            return Reject(Why.USED, [])
        door = self.doors.redeem(Client(mac=device, interface=nas.id, addresses=said), bounds, now_ms, user)
        return Accept(bounds, door.mark, [])

    def _age(self, fields: Mapping[int, bytes], nas: Nas, now_ms: int, seal: bytes) -> tuple[Age, list[Row]]:
        """Return when a question was asked, and what is to be remembered of it."""
        stamped = d.EVENT_TIMESTAMP.number in fields and not nas.untimed
        if stamped and not accounting.timely(fields, now_ms):
            return Age.PAST, []
        if not seal:
            return Age.UNSURE, []
        first = self.doors.heard.first(seal, now_ms)
        return (Age.NOW, first) if first else (Age.PAST, [])

    def _known(self, client: Client, rows: list[Row], nas: Nas, now_ms: int, *, past: bool) -> Decision:
        door: Door | None = self.doors.door(nas.id, client.mac)
        left = door.left(now_ms) if door is not None else None
        if door is None or left is None or not left.seconds or not nas.by_mac:
            opened = self.alone.admit(client) if self.alone is not None and nas.by_mac and not past else None
            if opened is None:
                return Reject(Why.NO_DOOR, rows)
            return Accept(opened[0].bounds, opened[0].mark, rows + opened[1])
        if not past:
            self.doors.let_in(door.key, now_ms)
        return Accept(left, door.mark, rows)

    def _untimely(self, claims: tokens.Claims, now_ms: int) -> Why | None:
        if claims.issued_ms < self.doors.born_ms:
            return Why.BEFORE_US
        if now_ms - claims.issued_ms > tokens.LIFE_MS:
            return Why.LATE
        return Why.EARLY if claims.issued_ms - now_ms > tokens.AHEAD_MS else None


def _wrong(fields: Mapping[int, bytes], password: bytes | None, wanted: bytes) -> Why | None:
    """Return what is wrong with the proof; None when it holds."""
    if password is not None:
        return None if hmac.compare_digest(password, wanted) else Why.WRONG
    shown = fields.get(d.CHAP_PASSWORD.number)
    if shown is None:
        return Why.METHOD if d.EAP_MESSAGE.number in fields else Why.NO_PASSWORD
    challenge = fields.get(d.CHAP_CHALLENGE.number, b"")
    if len(shown) != CHAP_LENGTH or not challenge:
        return Why.WRONG
    return None if hmac.compare_digest(packet.chap(shown[0], wanted, challenge), shown[1:]) else Why.WRONG
