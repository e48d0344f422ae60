"""One poll of one device: what to ask in a slot, and how its answer becomes a Poll. Pure.

A device is asked its cheap columns in every slot, its dear ones every five minutes, its heavy ones (optics) once an
hour, each device at minutes of its own. While its breaker is open it is asked one cheap question a slot, so that the
slot is still measured.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from collectors.columns import Known, quick_rows
from collectors.decode import decode, wholes
from collectors.detect import STANDARD, choose, detect, questions
from collectors.plan import Chosen, Plan, plan
from collectors.profile import COST_S
from collectors.snmp.ask import Limits
from netops.model import Poll, Reason, Row, Subject
from netops.raw import frame
from netops.series import rows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from collectors.profile import Profile
    from collectors.snmp.ask import Answer, Ask

LATE_MS = 500.0  # a time-out under more lag than this proves nothing about the device


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The profiles of one device as it answered to be asked."""

    chosen: tuple[Chosen, ...]


class Plans:
    """The questions made so far: devices that look alike share one, so that the engine encodes it once."""

    def __init__(self, *, most_varbinds: int = Limits().varbinds) -> None:
        self._made: dict[object, Plan] = {}
        self._most = most_varbinds

    def of(self, fitted: Fitted, costs: frozenset[str], metrics: frozenset[str] = frozenset()) -> Plan:
        """Return the question with these cost classes (and metrics only); the same object for the same words."""
        key = (costs, metrics, tuple((each.profile.name, each.root, each.layouts) for each in fitted.chosen))
        found = self._made.get(key)
        if found is None:
            limits = bounds((each.profile for each in fitted.chosen), self._most)
            found = self._made[key] = plan(fitted.chosen, costs=costs, metrics=metrics, limits=limits)
        return found


def bounds(profiles: Iterable[Profile], most_varbinds: int) -> Limits:
    """Return where an answer stops: the settings' bound, or what the family with most to say may bring."""
    varbinds = max([each.most_varbinds for each in profiles], default=0) or most_varbinds
    return Limits(varbinds=varbinds, walk_varbinds=max(Limits().walk_varbinds, varbinds // 2))


def due_costs(device: str, slot_ms: int, interval_s: int) -> frozenset[str]:
    """Return the cost classes whose turn comes in this slot; a device's turn is at an instant of its own."""
    return frozenset(
        cost for cost, every_s in COST_S.items() if _turn(device, cost, slot_ms, max(every_s, 1), interval_s)
    )


def _turn(device: str, cost: str, slot_ms: int, every_s: int, interval_s: int) -> bool:
    if every_s <= interval_s:
        return True
    own = int.from_bytes(blake2b(f"{device}/{cost}".encode(), digest_size=4).digest(), "big") % every_s
    return (slot_ms // 1000 - own) % every_s < interval_s


def named(profiles: Mapping[str, Profile], name: str) -> dict[str, Profile]:
    """Return the profiles that a register's `profile` means: its own, and the standard one with it."""
    wanted = dict.fromkeys((STANDARD, name)) if name else dict.fromkeys((STANDARD,))
    return {each: profiles[each] for each in wanted}


def question(profiles: Mapping[str, Profile], name: str) -> Ask:
    """Return what tells how a device's tree is laid out: asked once, before its first poll."""
    return questions(named(profiles, name).values() if name else profiles.values())


def fit(profiles: Mapping[str, Profile], name: str, answer: Answer) -> Fitted:
    """Return the device's profiles as its answer to `question` fits them; without a name they are detected."""
    if name:
        known = named(profiles, name)
        return Fitted(chosen=choose(known, tuple(known), answer))
    return Fitted(chosen=detect(profiles, answer).chosen)


def wider(before: Fitted | None, now: Fitted) -> Fitted:
    """Return how a device fits now, with what it has shown before: tables that it once had are asked for ever after.

    A device that was met while it booted, or that chose its moment, must not be asked for less ever after.
    """
    held = {each.profile.name: each for each in before.chosen} if before else {}
    grown = tuple(
        replace(each, layouts=each.layouts | held[each.profile.name].layouts)
        if each.profile.name in held and held[each.profile.name].root == each.root
        else each
        for each in now.chosen
    )
    names = {each.profile.name for each in grown}
    return Fitted(chosen=(*grown, *(each for name, each in held.items() if name not in names)))


def outcome(answer: Answer) -> str:
    """Return what the slot came to; silence that we may have caused ourselves is ours."""
    said = answer.outcome
    if said == Reason.NO_ANSWER.value and answer.lag_ms > LATE_MS:
        return Reason.POLLER_LATE.value
    return said


def polled(device: str, slot_ms: int, used: Plan, answer: Answer, known: Known | None = None) -> Poll:
    """Return the Poll of an answer: outcome, rows, raw replies. `known` is what the device's tables held last time."""
    return Poll(
        device=device,
        slot_ms=slot_ms,
        at_ms=answer.at_ms,
        outcome=outcome(answer),
        profile=used.profile,
        digest=used.digest,
        attempts=answer.attempts,
        rtt_ms=answer.rtt_ms,
        lag_ms=answer.lag_ms,
        rows=_rows(device, used, answer, known or Known()) if answer.raw else (),
        raw=frame(answer.raw),
    )


def _rows(device: str, used: Plan, answer: Answer, known: Known) -> tuple[Row, ...]:
    for section in used.sections:
        if whole := wholes(section, answer.gets, device):
            known.learn(f"{section.profile}.", whole)
    quick = quick_rows(used, answer, device=device, known=known)
    if quick is not None:
        return quick
    decoded = decode(used, answer, device=device, at_ms=answer.at_ms)
    for table, names in decoded.names.items():
        if known.learn(table, names):
            known.tables.clear()  # the quick way looks anew
    return rows(decoded.observations, decoded.gaps)


class Load(NamedTuple):
    """What asking cost a device: datagrams sent to it, varbinds and octets that it answered."""

    datagrams: int = 0
    varbinds: int = 0
    octets: int = 0

    def and_(self, other: Load) -> Load:
        """Return both together."""
        return Load(*(sum(both) for both in zip(self, other, strict=True)))


def load_of(answer: Answer) -> Load:
    """Return what this answer cost the device."""
    varbinds = sum(len(got) for _, got in answer.got) + sum(len(c) for walk in answer.walks for c in walk.columns)
    return Load(answer.sent, varbinds, sum(map(len, answer.raw)))


def with_load(poll: Poll, cost: Load, skipped: Mapping[str, Reason]) -> Poll:
    """Return the poll with what asking cost the device, and the metrics that were due and not asked as gaps of ours."""
    if not cost.datagrams:
        return poll
    load: dict[str, float | None] = {f"poll.{name}": float(value) for name, value in cost._asdict().items()}
    there = {name for row in poll.rows for name in (*row.values, *row.texts)} if skipped else set()
    gaps = {name: reason.value for name, reason in skipped.items() if name not in there}
    load |= dict.fromkeys(gaps)
    whole = Subject("device", poll.device)
    rows_ = list(poll.rows)
    for at, row in enumerate(rows_):
        if row.subject == whole:
            rows_[at] = replace(row, values={**row.values, **load}, codes={**row.codes, **gaps})
            break
    else:
        rows_.append(Row(subject=whole, values=load, codes=gaps))
    return replace(poll, rows=tuple(rows_))


def metrics_of(fitted: Fitted, costs: Collection[str]) -> frozenset[str]:
    """Return the metrics of these classes that this device's profiles would have been asked for."""
    return frozenset(
        column.metric.name
        for each in fitted.chosen
        for column in (*each.profile.scalars, *(c for t in each.profile.tables for c in t.columns))
        if column.metric is not None and column.cost in costs and column.layout in {"", *each.layouts}
    )


def checked(device: str, slot_ms: int, answer: Answer) -> Poll:
    """Return the Poll of a device that was asked one cheap question only: its breaker is open, or it is unknown yet."""
    return Poll(
        device=device,
        slot_ms=slot_ms,
        at_ms=answer.at_ms,
        outcome=outcome(answer),
        attempts=answer.attempts,
        rtt_ms=answer.rtt_ms,
        lag_ms=answer.lag_ms,
        raw=frame(answer.raw),
    )


def unpolled(device: str, slot_ms: int, at_ms: int, reason: Reason) -> Poll:
    """Return the Poll of a slot in which nothing was asked, on our account."""
    return Poll(device=device, slot_ms=slot_ms, at_ms=at_ms, outcome=reason.value)
