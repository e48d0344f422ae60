"""What a controller reports about a visitor (RFC 2866, Gigawords by RFC 2869): a pure reading of one request.

An Accounting-Request is proved by the secret alone, so an old one stays genuine for ever. Two things keep a replay from
putting anybody online again: its own time (Event-Timestamp plus Acct-Delay-Time is now, or it is not taken), and the
session's (what has ended stays ended; captive_portal/radius/doors.py).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from captive_portal.model import MOST_OCTETS
from captive_portal.radius import dictionary as d
from captive_portal.radius.nas import mac

if TYPE_CHECKING:
    from collections.abc import Mapping

    from captive_portal.radius.dictionary import Attribute, Value
    from captive_portal.radius.nas import Nas

START, STOP, INTERIM, ON, OFF = 1, 2, 3, 7, 8
STALE_MS = 300_000  # RFC 5176 section 6.3 proposes five minutes
GIGAWORD = 2**32
LONGEST_SESSION_ID = 128
LONGEST_USER = 253
USER_REQUEST, IDLE_TIMEOUT, SESSION_TIMEOUT, ADMIN_RESET = 1, 4, 5, 6
ADDRESSES = (d.FRAMED_IP_ADDRESS, d.FRAMED_IPV6_ADDRESS, d.FRAMED_IPV6_PREFIX)
FINAL = frozenset({IDLE_TIMEOUT, SESSION_TIMEOUT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One Start, Interim-Update or Stop. `up` and `down` are octets from and to the visitor."""

    place: str
    session: str
    status: int
    mac: str
    calling: str = ""
    user: str = ""
    addresses: tuple[str, ...] = ()
    up: int = 0
    down: int = 0
    lasted_s: int = 0
    cause: int = 0
    mark: bytes = b""
    timed: bool = True  # it was proved to be of now
    final: bool = False  # a Stop after which the device asks for a new login

    @property
    def stops(self) -> bool:
        """Whether the session is over."""
        return self.status == STOP

    def continues(self, since_ms: int, now_ms: int) -> bool:
        """Whether it is of now about a session since then: by its own time, else by how long the session has lasted."""
        if self.status == INTERIM:
            return self.timed or abs(now_ms - self.lasted_s * 1000 - since_ms) <= STALE_MS
        return self.stops  # said once in a session's life


def get(fields: Mapping[int, bytes], attribute: Attribute) -> Value | None:
    """Return a field's value; None where there is none that can be read."""
    octets = fields.get(attribute.number)
    return None if octets is None else d.read(attribute, octets)


def timely(fields: Mapping[int, bytes], now_ms: int) -> bool:
    """Whether a report is of now: what happened then, plus how long the controller has been trying to say so."""
    stamp, delay = get(fields, d.EVENT_TIMESTAMP), get(fields, d.ACCT_DELAY_TIME) or 0
    if not isinstance(stamp, int) or not isinstance(delay, int):
        return False
    return abs((stamp + delay) * 1000 - now_ms) <= STALE_MS


def report(fields: Mapping[int, bytes], nas: Nas) -> Report | None:
    """Return what a request reports; None for one that names no session or no device: that is acknowledged only."""
    session, calling = get(fields, d.ACCT_SESSION_ID), get(fields, d.CALLING_STATION_ID)
    status = get(fields, d.ACCT_STATUS_TYPE)
    device = mac(calling) if isinstance(calling, str) else None
    if status not in {START, STOP, INTERIM} or device is None:
        return None
    if not isinstance(session, str) or not 0 < len(session) <= LONGEST_SESSION_ID:
        return None
    cause = _number(fields, d.ACCT_TERMINATE_CAUSE)
    user = get(fields, d.USER_NAME)
    return Report(
        place=nas.id,
        session=session,
        status=int(status),
        mac=device,
        calling=str(calling),
        user=user[:LONGEST_USER] if isinstance(user, str) else "",
        addresses=addresses(fields, nas),
        up=_octets(fields, d.ACCT_INPUT_OCTETS, d.ACCT_INPUT_GIGAWORDS),
        down=_octets(fields, d.ACCT_OUTPUT_OCTETS, d.ACCT_OUTPUT_GIGAWORDS),
        lasted_s=_number(fields, d.ACCT_SESSION_TIME),
        cause=cause,
        mark=fields.get(d.CLASS.number, b""),
        timed=not nas.untimed,
        # with `mac` a device that left may come back as long as its time lasts; a token is good once
        final=cause in FINAL or nas.entry == "uam",
    )


def digest(fields: Mapping[int, bytes], nas: Nas) -> bytes:
    """Return what tells one report from another where its authenticator is not known; a retry has the same."""
    told = sorted((kind, value.hex()) for kind, value in fields.items() if kind != d.ACCT_DELAY_TIME.number)
    return hashlib.blake2b(repr((nas.id, told)).encode(), digest_size=16).digest()


def addresses(fields: Mapping[int, bytes], nas: Nas) -> tuple[str, ...]:
    """Return the visitor's addresses that are said and that may be this controller's."""
    said = [get(fields, each) for each in ADDRESSES if each.number in fields]
    believed = (nas.believed(each) for each in said if isinstance(each, str))
    return tuple(each for each in believed if each is not None)


def _octets(fields: Mapping[int, bytes], low: Attribute, high: Attribute) -> int:
    return min(_number(fields, high) * GIGAWORD + _number(fields, low), MOST_OCTETS)


def _number(fields: Mapping[int, bytes], attribute: Attribute) -> int:
    value = get(fields, attribute)
    return value if isinstance(value, int) else 0
