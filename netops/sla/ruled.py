"""What rulings decide of an interval: on whose account an outage goes, that there was none, that nothing was measured.

A ruling that upholds an objection about an outage names a service, an interval and what it decides. Bad time inside the
interval is judged by that from then on, as if it had been measured so:

- a cause: the outage stays, on that account. A class of the contract that needs no claim excuses it; of one that does
  the ruling stands for the claim, approved and in time, and its cap holds. Without a class for it nothing is excused;
- `up`: the service was there. What remains of an outage is measured against the minimum countable one again;
- `not_measured`: the interval is unknown on our account, good time too.

A later ruling decides on what the earlier ones left. Which rulings count, `netops/report/decided.py` says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from netops.sla.exclusions import Claim
from netops.sla.intervals import Cause, Interval, State
from netops.sla.timeline import counted, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from inventory.model import ExclusionClass

UP: Final = "up"
NOT_MEASURED: Final = "not_measured"
LABEL: Final = "ruling:"
_BAD = frozenset({State.DOWN, State.DEGRADED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the ruling on an objection decides of `[start_ms, end_ms)`; `service` is empty where it is of all of them.

    `decides` is a cause, `up` or `not_measured`; `leaf` is the ruling's, `known_ms` when it was recorded.
    """

    objection: str
    leaf: int
    decides: str
    service: str
    start_ms: int
    end_ms: int
    known_ms: int = 0
    by: str = ""
    reason: str = ""


def of(decisions: Iterable[Decision], service: str) -> tuple[Decision, ...]:
    """Return the decisions about a service, in the order of the ledger."""
    return tuple(each for each in decisions if each.service in {"", service})


def ruled(intervals: Sequence[Interval], decisions: Sequence[Decision], *, minimum_ms: int = 0) -> list[Interval]:
    """Return the intervals as they are judged after these decisions, which are in the order of the ledger."""
    made = list(intervals)
    for decision in decisions:
        made = joined(part for each in made for part in _cut(each, decision))
    return joined(counted(made, minimum_ms)) if decisions and minimum_ms else made


def _cut(each: Interval, decision: Decision) -> Iterator[Interval]:
    start, end = max(each.start_ms, decision.start_ms), min(each.end_ms, decision.end_ms)
    if start >= end or (decision.decides != NOT_MEASURED and each.state not in _BAD):
        yield each
        return
    if each.start_ms < start:
        yield replace(each, end_ms=start)
    yield _decided(replace(each, start_ms=start, end_ms=end), decision)
    if end < each.end_ms:
        yield replace(each, start_ms=end)


def _decided(each: Interval, decision: Decision) -> Interval:
    because = LABEL + decision.objection
    match decision.decides:
        case "up":
            return replace(each, state=State.UP, cause=Cause.NONE, because=because)
        case "not_measured":
            return replace(each, state=State.UNKNOWN, cause=Cause.MONITOR, because=because)
        case cause:
            return replace(each, cause=Cause(cause), because=because)


def claims(decisions: Iterable[Decision], classes: Mapping[str, ExclusionClass]) -> Iterator[Claim]:
    """Yield the claims that rulings on a cause stand for: of the first class for that cause, where it needs claims."""
    for each in decisions:
        kind = next((one for one in classes.values() if one.cause == each.decides), None)
        if kind is not None and kind.approver:
            yield Claim(
                id=each.objection,
                class_id=kind.id,
                start_ms=each.start_ms,
                end_ms=each.end_ms,
                noticed_ms=each.known_ms,
                services=(each.service,) if each.service else (),
                reason=each.reason,
                by=each.by,
                approved=True,
                ruling=each.leaf,
            )
