"""What a vantage point may tell: its own polls, about its own paths, and facts about itself. Pure; all else is refused.

A probe stands in somebody else's building. Whoever takes its key can lie about what was seen from there, and about
nothing else: not about a device, not about another vantage point, not about a service that it was not enrolled for, not
about people, approvals or reports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netops import facts, reread, wire
from netops.errors import EvidenceError, SpoolError, StoreError
from netops.raw import unframe

if TYPE_CHECKING:
    from collections.abc import Collection

    from netops.facts import Fact
    from netops.model import Poll, Row

AHEAD_MS = 2 * 3_600_000  # a slot further ahead than this is not taken: it would stand in the way of the true one
BEHIND_MS = 62 * 86_400_000  # nor one that no link was ever away for: the past is told while it is fresh
SECOND_MS = 1000
KINDS = frozenset({"path"})
PREFIX = "probe."
SERVES = "probe.service"
TELLS_OF_US = "spool_dropped"  # taken whatever its time: a refusal is told by one, and that one must end it
_OWN = {"clock_state": "vantage", "monitor_health": "vantage", "service_state": "service", "spool_dropped": "spool"}


def refusal(kind: str, payload: bytes, *, vantage: str, now_ms: int, services: Collection[str] = frozenset()) -> str:
    """Return why this record of the vantage point is not taken, empty when it is. `services` empty: any."""
    return judged(kind, payload, vantage=vantage, now_ms=now_ms, services=services)[0]


def judged(
    kind: str, payload: bytes, *, vantage: str, now_ms: int, services: Collection[str] = frozenset()
) -> tuple[str, int]:
    """Return why this record is not taken, and how many rows it has when it is."""
    try:
        if kind == "fact":
            return _fact(facts.decode(payload), vantage, now_ms), 0
        return _poll(wire.decode(payload), vantage, now_ms, services)
    except (EvidenceError, SpoolError, StoreError) as error:
        return str(error)[:200], 0


def _fact(fact: Fact, vantage: str, now_ms: int) -> str:
    field = _OWN.get(fact.kind)
    if field is None:
        return f"a probe may not state '{fact.kind}'"
    allowed = vantage if field == "vantage" else f"probe@{vantage}"
    if fact.body[field] != allowed:
        return f"'{fact.kind}' tells of {fact.body[field]!r:.60}, not of '{allowed}'"
    return "" if fact.kind == TELLS_OF_US else _untimely(fact.at_ms, now_ms)


def _untimely(at_ms: int, now_ms: int) -> str:
    if at_ms > now_ms + AHEAD_MS:
        return "its time lies ahead of our clock"
    return "its time lies too far back" if at_ms < now_ms - BEHIND_MS else ""


def _poll(poll: Poll, vantage: str, now_ms: int, services: Collection[str]) -> tuple[str, int]:
    if untimely := _misplaced(poll, vantage, now_ms):
        return untimely, 0
    unframe(poll.raw)
    poll = reread.again(poll)  # one that comes without its rows is read by its replies, here as in the core
    wire.encode(poll)
    return next((why for row in poll.rows if (why := _stray(row, vantage, services))), ""), len(poll.rows)


def _misplaced(poll: Poll, vantage: str, now_ms: int) -> str:
    if poll.device != f"{vantage}/probe":
        return f"a poll of '{poll.device[:60]}', not of '{vantage}/probe'"
    if untimely := _untimely(poll.slot_ms, now_ms) or _untimely(poll.at_ms, now_ms):
        return untimely
    if poll.slot_ms % SECOND_MS:
        return "no slot begins within a second"
    return ""


def _stray(row: Row, vantage: str, services: Collection[str]) -> str:
    if row.subject.kind not in KINDS or not row.subject.id.startswith(f"{vantage}/"):
        return f"it tells of '{row.subject!s:.60}', which is no path of '{vantage}'"
    stray = next((name for name in (*row.values, *row.codes, *row.texts) if not name.startswith(PREFIX)), "")
    if stray:
        return f"it tells of '{stray[:60]}', which no probe measures"
    service = row.texts.get(SERVES, "")
    if service and services and service not in services:
        return f"it tells of the service '{service[:60]}', for which '{vantage}' was not enrolled"
    return ""
