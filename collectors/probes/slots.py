"""The slots of a vantage point: which records are still awaited, and the Poll that each slot becomes. Pure.

One poll a slot, `<vantage>/probe`, with a row a path. When anchors were looked at and none answered, this vantage point
was blind: what did not answer is then unmeasured, on our account, and the poll says `anchors_lost`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collectors.probes import figures, looks
from netops.facts import Fact
from netops.model import ANSWERED, OURS, Poll, Reason
from netops.raw import frame, unframe
from netops.series import rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from netops.evidence.canonical import JSON
    from netops.model import Gap, Observation
    from netops.probing import Target

PROFILE = "probe"
GRACE_MS = 5_000  # how long a slot that is over waits for looks that still run
_RULES = ("figures.py", "radio/figures.py", "stamp/measure.py", "stamp/timestamps.py")
Record = dict[str, Any]


@dataclass(slots=True)
class Slot:
    """What was begun in a slot, when, and what came of it."""

    begun: dict[str, int] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether everything that was begun has come to an end."""
        return self.begun.keys() == self.records.keys()


class Slots:
    """The slots that are open. Used from one thread."""

    def __init__(self, *, every_ms: int) -> None:
        self._every_ms = every_ms
        self._open: dict[int, Slot] = {}
        self.late = 0  # records that came after their slot was told

    def begin(self, target: str, *, now_ms: int) -> int:
        """Note that a look begins; return its slot."""
        slot_ms = now_ms // self._every_ms * self._every_ms
        self._open.setdefault(slot_ms, Slot()).begun[target] = now_ms
        return slot_ms

    def end(self, slot_ms: int, record: Record) -> None:
        """Note what came of a look."""
        slot = self._open.get(slot_ms)
        if slot is None:
            self.late += 1
            return
        slot.records[record["target"]] = record

    def ripe(
        self, targets: Mapping[str, Target], *, now_ms: int, all_of_them: bool = False
    ) -> Iterator[tuple[int, list[Record]]]:
        """Take the slots that are over, oldest first, each with a record for everything that was begun in it."""
        for slot_ms in sorted(self._open):
            over = slot_ms + self._every_ms
            slot = self._open[slot_ms]
            stepped = slot_ms > now_ms  # the clock went back: it would be told when that time comes again
            if all_of_them or stepped or (now_ms >= over and (slot.whole or now_ms >= over + GRACE_MS)):
                del self._open[slot_ms]
                missing = [
                    looks.unlooked(name, targets[name], at_ms=at, reason=Reason.DEADLINE, detail="its end was not seen")
                    for name, at in slot.begun.items()
                    if name not in slot.records and name in targets
                ]
                yield slot_ms, [*slot.records.values(), *missing]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """How well this vantage point saw in a slot."""

    anchors: int
    reachable: int

    @property
    def word(self) -> str:
        """The state as the fact `monitor_health` names it; without anchors nobody can say better."""
        if self.reachable == self.anchors:
            return "ok"
        return "degraded" if self.reachable else "blind"


def sight(records: Sequence[Record]) -> Sight:
    """Return how many anchors were looked at and how many answered."""
    anchors = [each for each in records if each["anchor"] and figures.failed(each) not in OURS]
    return Sight(anchors=len(anchors), reachable=sum(figures.reached(each) for each in anchors))


def poll(vantage: str, slot_ms: int, records: Sequence[Record]) -> Poll:
    """Return the Poll of a slot."""
    device = f"{vantage}/probe"
    blind = sight(records).word == "blind"
    kept = [each | {"blind": True} if blind else each for each in sorted(records, key=lambda each: each["target"])]
    observations: list[Observation] = []
    gaps: list[Gap] = []
    for each in kept:
        seen, missed = figures.read(each, device=device, vantage=vantage)
        observations += seen
        gaps += missed
    return Poll(
        device=device,
        slot_ms=slot_ms,
        at_ms=min((int(each["at_ms"]) for each in kept), default=slot_ms),
        outcome=_outcome(kept, blind=blind),
        profile=PROFILE,
        digest=rules(),
        attempts=1,
        rows=rows(observations, gaps),
        raw=frame(_octets(each) for each in kept),
    )


def _outcome(records: Sequence[Record], *, blind: bool) -> str:
    if blind:
        return Reason.ANCHORS_LOST.value
    if not records:
        return Reason.MISSED_SLOT.value
    if any(figures.reached(each) for each in records):
        return ANSWERED
    reasons = [figures.failed(each) or Reason.NO_ANSWER for each in records]
    theirs = [each for each in reasons if each not in OURS]
    return (theirs or reasons)[0].value


def _octets(record: Record) -> bytes:
    return json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def explained(raw: bytes) -> list[Record]:
    """Return the records of a poll's framed octets; what is none is left out."""
    found = []
    for each in unframe(raw):
        try:
            record = json.loads(each)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict) and record.get("kind") in figures.KINDS:
            found.append(record)
    return found


@cache
def rules() -> str:
    """Return the digest of what turns records into figures."""
    here = Path(__file__).parent
    return hashlib.sha256(b"\0".join((here / name).read_bytes() for name in _RULES)).hexdigest()


def health(vantage: str, seen: Sight, *, at_ms: int) -> Fact:
    """Return the fact that says how well we see."""
    body: dict[str, JSON] = {
        "vantage": vantage,
        "state": seen.word,
        "anchors": seen.anchors,
        "reachable": seen.reachable,
    }
    return Fact(kind="monitor_health", at_ms=at_ms, body=body)
