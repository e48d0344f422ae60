"""From a datagram to its answer: who sent it, is it genuine, was it asked before, and what is said.

What no known controller sent, what is no packet and what is not proved by the secret is dropped without a word and
counted (RFC 2865 section 3): an answer would tell a stranger that somebody listens. Nothing here touches a socket.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from captive_portal.radius import accounting, packet
from captive_portal.radius import dictionary as d
from captive_portal.radius.authorise import Accept, Judge
from captive_portal.radius.packet import Packet, PacketError, Seal
from captive_portal.radius.profiles import granted
from captive_portal.radius.repeats import Repeats

if TYPE_CHECKING:
    from captive_portal.radius.authorise import Decision
    from captive_portal.radius.dictionary import Said
    from captive_portal.radius.doors import Doors
    from captive_portal.radius.nas import Known, Nas
    from captive_portal.radius.stay import Row

LOG = logging.getLogger("netops.radius")
QUIET_MS = 60_000  # one line of log for each kind of nonsense and source in so long
MOST_SOURCES = 1_000
MOST_KINDS = 1_000
EAP_FAILURE, EAP_HEAD = 4, 4
Sender: TypeAlias = "tuple[str, int]"


@dataclass(slots=True)
class Tally:
    """What came and what was said, and a voice that is heard once a minute about each stranger."""

    counts: Counter[str] = field(default_factory=Counter)
    _said: dict[tuple[str, str], int] = field(default_factory=dict)

    def dropped(self, why: str, host: str, now_ms: int) -> None:
        """Count what is not answered."""
        self.counts[f"dropped_{why}"] += 1
        if now_ms - self._said.get((why, host), -QUIET_MS) < QUIET_MS:
            return
        if len(self._said) >= MOST_SOURCES:
            self._said.clear()
        self._said[why, host] = now_ms
        LOG.warning("packet dropped why=%s source=%s", why, host)


def _heard(octets: bytes, sender: Sender, known: Known, tally: Tally, now_ms: int) -> tuple[Nas, Packet] | None:
    """Return who says what, both known by form alone; None for a stranger and for what is no packet: it is counted."""
    nas = known.by_address.get(sender[0])
    if nas is None:
        tally.dropped("stranger", sender[0], now_ms)
        return None
    try:
        return nas, packet.decode(octets)
    except PacketError:
        tally.dropped("malformed", sender[0], now_ms)
        return None


@dataclass(slots=True)
class Authorising:
    """The door on the authorisation port. For one thread."""

    judge: Judge
    known: Known
    interim_s: int
    tally: Tally = field(default_factory=Tally)
    repeats: Repeats = field(default_factory=Repeats)
    _rest: dict[tuple[str, int, int, int, int], bytes] = field(default_factory=dict)

    def answer(self, octets: bytes, sender: Sender, now_ms: int, now: float) -> tuple[bytes | None, list[Row]]:
        """Return the answer, None to say nothing, and rows that nobody has to wait for."""
        heard = _heard(octets, sender, self.known, self.tally, now_ms)
        if heard is None:
            return None, []
        nas, asked = heard
        if asked.code not in {packet.ACCESS_REQUEST, packet.STATUS_SERVER}:
            self.tally.dropped("code", sender[0], now_ms)
            return None, []
        seal = packet.seal_of(octets, asked, nas.secret, asked.authenticator)
        if seal is not Seal.HOLDS and (seal is Seal.WRONG or not _excused(asked, nas)):
            self.tally.dropped("unsigned" if seal is Seal.MISSING else "forged", sender[0], now_ms)
            return None, []
        source = (*sender, asked.identifier)
        before = self.repeats.answer(source, asked.authenticator, now)
        if before is not None:
            return before, []
        if asked.code == packet.STATUS_SERVER:
            return packet.reply(packet.ACCESS_ACCEPT, asked, (), nas.secret), []
        decision = self._decide(asked, nas, now_ms, seal=asked.authenticator if seal is Seal.HOLDS else b"")
        answer = self._said(decision, asked, nas)
        self.repeats.keep(source, asked.authenticator, answer, now)
        return answer, decision.rows

    def _decide(self, asked: Packet, nas: Nas, now_ms: int, *, seal: bytes) -> Decision:
        fields = dict(reversed(asked.attributes))  # the first of a kind counts
        hidden = fields.get(d.USER_PASSWORD.number)
        password = packet.reveal(hidden, asked.authenticator, nas.secret) or b"" if hidden is not None else None
        if d.CHAP_PASSWORD.number in fields:
            fields.setdefault(d.CHAP_CHALLENGE.number, asked.authenticator)  # RFC 2865 section 5.3
        return self.judge.decide(fields, password, nas, now_ms, seal=seal)

    def _said(self, decision: Decision, asked: Packet, nas: Nas) -> bytes:
        proxied = [(d.PROXY_STATE.number, each) for each in asked.every(d.PROXY_STATE.number)]
        if isinstance(decision, Accept):
            self.tally.counts["accepted"] += 1
            said = self._granted(decision, nas) + packet.packed(proxied)
            return packet.reply(packet.ACCESS_ACCEPT, asked, said, nas.secret)
        self.tally.counts[f"rejected_{decision.why.name.lower()}"] += 1
        eap = asked.first(d.EAP_MESSAGE.number)
        failure = [(d.EAP_MESSAGE.number, bytes((EAP_FAILURE, eap[1], 0, EAP_HEAD)))] if eap and len(eap) > 1 else []
        told = [] if failure else [d.REPLY_MESSAGE.pair(str(decision.why))]  # RFC 3579 section 2.6.5: never both
        return packet.reply(packet.ACCESS_REJECT, asked, [*failure, *told, *proxied], nas.secret)

    def _granted(self, decision: Accept, nas: Nas) -> bytes:
        """Return what a yes says, packed. All of it but the mark and the seconds is one site's, thousands of times."""
        bounds = decision.bounds
        key = (nas.id, bounds.idle_s, bounds.octets, bounds.down_kbps, bounds.up_kbps)
        rest = self._rest.get(key)
        if rest is None:
            if len(self._rest) >= MOST_KINDS:
                self._rest.clear()
            said = granted(nas.profile, bounds, interim_s=self.interim_s)
            rest = packet.packed([each.pair(value) for each, value in said if each is not d.SESSION_TIMEOUT])
            self._rest[key] = rest
        mark = decision.mark
        seconds = min(bounds.seconds, d.MOST_INTEGER).to_bytes(4, "big")
        return b"%c%c%b\x1b\x06%b%b" % (d.CLASS.number, len(mark) + 2, mark, seconds, rest)


def accepted(decision: Accept, nas: Nas, interim_s: int) -> list[Said]:
    """Return what a yes says to this controller."""
    return [(d.CLASS, decision.mark), *granted(nas.profile, decision.bounds, interim_s=interim_s)]


def _excused(asked: Packet, nas: Nas) -> bool:
    """Whether a controller may leave the Message-Authenticator out: by its settings, and never with EAP or a status."""
    return nas.unsigned and asked.code == packet.ACCESS_REQUEST and asked.first(d.EAP_MESSAGE.number) is None


@dataclass(slots=True)
class Accounting:
    """The door on the accounting port. For one thread."""

    doors: Doors
    known: Known
    tally: Tally = field(default_factory=Tally)
    repeats: Repeats = field(default_factory=Repeats)

    def answer(self, octets: bytes, sender: Sender, now_ms: int, now: float) -> tuple[bytes | None, list[Row]]:
        """Return the answer, to be sent when the rows are durable and then to be told to `sent`; None for nothing."""
        heard = _heard(octets, sender, self.known, self.tally, now_ms)
        if heard is None:
            return None, []
        nas, asked = heard
        wrong = _forged(octets, asked, nas)
        if wrong:
            self.tally.dropped(wrong, sender[0], now_ms)
            return None, []
        before = self.repeats.answer((*sender, asked.identifier), asked.authenticator, now)
        if before is not None:
            return before, []
        answer = packet.reply(
            packet.ACCOUNTING_RESPONSE,
            asked,
            [(d.PROXY_STATE.number, each) for each in asked.every(d.PROXY_STATE.number)],
            nas.secret,
        )
        if asked.code == packet.STATUS_SERVER:
            return answer, []
        fields = dict(reversed(asked.attributes))
        if not nas.untimed and not accounting.timely(fields, now_ms):
            self.tally.dropped("untimely", sender[0], now_ms)
            return None, []
        return answer, taken(self.doors, self.tally, fields, nas, now_ms, mark=asked.authenticator)

    def sent(self, octets: bytes, sender: Sender, answer: bytes, now: float) -> None:
        """Remember an answer that was sent, for when it is asked for again."""
        self.repeats.keep((*sender, octets[1]), octets[4 : packet.HEADER], answer, now)


def taken(
    doors: Doors, tally: Tally, fields: dict[int, bytes], nas: Nas, now_ms: int, *, mark: bytes = b""
) -> list[Row]:
    """Take in what a controller reports; return what is to be made durable. A restart is taken once, by its mark."""
    status = accounting.get(fields, d.ACCT_STATUS_TYPE)
    if status in {accounting.ON, accounting.OFF}:
        first = doors.heard.first(mark or accounting.digest(fields, nas), now_ms)
        tally.counts["restarts" if first else "restarts_again"] += 1
        return first + doors.restarted(nas.id, now_ms) if first else []
    report = accounting.report(fields, nas)
    tally.counts["reports" if report else "reports_of_nobody"] += 1
    return doors.take(report, now_ms) if report else []


def _forged(octets: bytes, asked: Packet, nas: Nas) -> str:
    """Return why a packet on the accounting port is not genuine, or the empty string."""
    if asked.code == packet.STATUS_SERVER:
        seal = packet.seal_of(octets, asked, nas.secret, asked.authenticator)
        return "" if seal is Seal.HOLDS else "forged"
    if asked.code != packet.ACCOUNTING_REQUEST:
        return "code"
    seal = packet.seal_of(octets, asked, nas.secret, packet.ZEROS)
    return "" if seal is not Seal.WRONG and packet.keyed(octets, asked, nas.secret) else "forged"
