"""Seal an hour of a contract: journal → runs → facts → ledger, and its sums back into the journal for the pages.

An hour is sealed once: its facts carry `(verify:<contract>, hour number × PARTS + part)`, so that a repeated run after
a crash changes nothing. The core decides which hours are ripe.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from netops.facts import Fact
from netops.journal import HOUR_MS, HourSum
from netops.ledger import LedgerEntry
from netops.metrics import lte, probe
from netops.sla import counted, counters, hours, packets, streams
from netops.sla.intervals import State
from netops.sla.measured import rates, samples
from netops.sla.timeline import intervals, runs, stretches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from inventory.model import Contract
    from netops.journal import Journal
    from netops.ledger_file import LedgerReader
    from netops.sla.hours import Roster
    from netops.sla.intervals import Interval
    from netops.sla.measured import Look
    from netops.sla.streams import Stream
    from netops.sla.timeline import Run, Sample

WAIT_MS = 24 * HOUR_MS  # for a vantage point that looked lately: it may lie behind the very line that is down
PARTS = 1 << 14  # of an hour: 100,000 services that flap each in its own way fit; beyond it hours would share sequences
LETTER = {State.UP: "U", State.DEGRADED: "D", State.DOWN: "X", State.UNKNOWN: "N"}
WORST = (State.DOWN, State.DEGRADED, State.UNKNOWN, State.UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What was seen in an hour: the journal's samples and looks, and by whom nothing could be seen.

    `blind`: when, each time for `blind_ms`. `ours` is the collector's vantage point, `steps` when the clock of one
    stepped.
    """

    hour_ms: int
    samples: Mapping[str, Sequence[Sample]]
    looks: Mapping[str, Sequence[Look]]
    blind: frozenset[int]
    blind_ms: int
    ours: str
    steps: Mapping[str, Sequence[int]]
    planned: Callable[[str, int], bool]
    before: Mapping[str, Sequence[Look]] = field(default_factory=dict)  # counters as they were last read before


def sight(
    journal: Journal,
    ledger: LedgerReader,
    hour_ms: int,
    *,
    ours: str,
    blind_ms: int,
    planned: Callable[[str, int], bool],
) -> Sight:
    """Read what was seen in an hour. A step blinds what its own clock timed: what others looked at stands."""
    window = hour_ms, hour_ms + HOUR_MS
    steps: dict[str, list[int]] = {}
    for leaf in ledger.find("clock_state", start_ms=window[0], end_ms=window[1]):
        if leaf.fact.body["state"] == "stepped":
            steps.setdefault(str(leaf.fact.body["vantage"]), []).append(leaf.fact.at_ms)
    return Sight(
        hour_ms=hour_ms,
        samples=journal.window(*window),
        looks=journal.looks(*window),
        blind=journal.blind(*window),
        blind_ms=blind_ms,
        ours=ours,
        steps=steps,
        planned=planned,
        before=journal.looks(hour_ms - counters.BEFORE_MS, hour_ms, of=counters.READ),
    )


def waits(contract: Contract) -> bool:
    """Whether the contract's hours wait for vantage points, which may hand in what they saw much later."""
    return any(stream.probed for stream in streams.of(contract))


def sealed(contract: Contract, roster: Roster, sight: Sight, *, known: bool) -> tuple[list[LedgerEntry], list[HourSum]]:
    """Return a contract's hour as ledger entries, state first and then each stream, and its sums for the pages."""
    step, hour_ms = step_ms(contract), sight.hour_ms
    ours = sight.steps.get(sight.ours, ())
    found = runs_of(sight.samples, roster, step=step, clock_steps=ours)
    made = entries(contract.id, roster, found, hour_ms=hour_ms, step=step, known=known)
    for stream in streams.of(contract):
        if stream.counted:
            made += counts(contract.id, roster, sight, stream=stream)
            continue
        if stream.rated:
            slots = {
                name: rates(stream, each, steps=sight.steps, planned=partial(sight.planned, name))
                for name, each in sight.looks.items()
            }
            made += measured(contract.id, roster, slots, stream=stream, hour_ms=hour_ms)
            continue
        slots = {
            name: samples(
                stream,
                each,
                blind=sight.blind,
                blind_ms=sight.blind_ms,
                steps=sight.steps,
                planned=partial(sight.planned, name),
            )
            for name, each in sight.looks.items()
        }
        own = () if stream.probed else ours
        made += measured(contract.id, roster, slots, stream=stream, hour_ms=hour_ms, clock_steps=own)
    return made, sums(roster, found, hour_ms=hour_ms, step=step)


def step_ms(contract: Contract) -> int:
    """Return the grid of the contract's samples."""
    return contract.rules.check_every_s * 1000


def runs_of(
    told: Mapping[str, Sequence[Sample]], roster: Roster, *, step: int, clock_steps: Sequence[int] = ()
) -> dict[str, list[Run]]:
    """Return the runs of every service of the roster that has samples on the contract's grid.

    A poller that looks more often than the contract asks for changes no verdict: only the contract's slots count.
    """
    found = {}
    for listed in roster.listed:
        on_grid = [each for each in told.get(listed.service, ()) if each.slot_ms % step == 0]
        if on_grid:
            found[listed.service] = runs(on_grid, step_ms=step, clock_steps=clock_steps)
    return found


def entries(
    contract: str, roster: Roster, found: Mapping[str, Sequence[Run]], *, hour_ms: int, step: int, known: bool
) -> list[LedgerEntry]:
    """Return the ledger entries of one hour of states; the roster first unless the ledger knows it already."""
    made = []
    source, number = first_of(contract, hour_ms)
    if not known:
        made += _entries(hours.ROSTER, f"roster:{contract}", number, hour_ms, hours.roster_bodies(roster))
    bodies = hours.bodies(roster, found, start_ms=hour_ms, step_ms=step)
    return made + _entries(hours.KIND, source, number, hour_ms, bodies)


def first_of(contract: str, hour_ms: int) -> tuple[str, int]:
    """Return (source, sequence) of the first leaf of an hour of states."""
    return f"verify:{contract}", hour_ms // HOUR_MS * PARTS


def measured(
    contract: str,
    roster: Roster,
    told: Mapping[str, Sequence[Sample]],
    *,
    stream: Stream,
    hour_ms: int,
    clock_steps: Sequence[int] = (),
) -> list[LedgerEntry]:
    """Return the ledger entries of one hour of a stream; `entries` has told its roster."""
    step = stream.every_s * 1000
    found = runs_of(told, roster, step=step, clock_steps=clock_steps)
    bodies = hours.bodies(roster, found, start_ms=hour_ms, step_ms=step, stream=stream.name)
    return _entries(hours.KIND, _source(contract, stream), hour_ms // HOUR_MS * PARTS, hour_ms, bodies)


def counts(contract: str, roster: Roster, sight: Sight, *, stream: Stream) -> list[LedgerEntry]:
    """Return the ledger entries of one hour of a stream that counts."""
    listed = {each.service for each in roster.listed}
    if stream.metric not in probe.COUNTED:  # of packets also who told nothing is told: so many are unknown
        listed &= sight.looks.keys()
    found = {name: _places(stream, name, sight.looks.get(name, ()), sight) for name in sorted(listed)}
    bodies = hours.bodies(roster, found, start_ms=sight.hour_ms, step_ms=counted.PLACE_MS, stream=stream.name)
    return _entries(hours.KIND, _source(contract, stream), sight.hour_ms // HOUR_MS * PARTS, sight.hour_ms, bodies)


def _places(stream: Stream, service: str, looks: Sequence[Look], sight: Sight) -> list[Run]:
    planned = partial(sight.planned, service)
    if stream.metric in lte.ATTEMPTS:
        told = (*sight.before.get(service, ()), *looks)
        return counters.attempts(stream, told, hour_ms=sight.hour_ms, planned=planned)
    if stream.metric in lte.FREE:
        return counters.free(stream, looks, hour_ms=sight.hour_ms, planned=planned)
    if stream.metric in probe.COUNTED:
        return packets.runs(stream, looks, hour_ms=sight.hour_ms, steps=sight.steps, planned=planned)
    return counted.runs(stream, looks, planned=planned)


def _source(contract: str, stream: Stream) -> str:
    return f"verify:{contract}:{sha256(stream.name.encode()).hexdigest()[:16]}"


def _entries(kind: str, source: str, first: int, at_ms: int, bodies: Sequence[dict[str, Any]]) -> list[LedgerEntry]:
    return [LedgerEntry(source, first + i, Fact(kind=kind, at_ms=at_ms, body=body)) for i, body in enumerate(bodies)]


def sums(roster: Roster, found: Mapping[str, Sequence[Run]], *, hour_ms: int, step: int) -> list[HourSum]:
    """Return each service's hour in milliseconds per state."""
    return [
        _sum(each.service, hour_ms, seen(found.get(each.service, ()), hour_ms, hour_ms + HOUR_MS, step))
        for each in roster.listed
    ]


def seen(given: Sequence[Run], start_ms: int, end_ms: int, step: int) -> list[Interval]:
    """Return runs as intervals that cover a window; what nobody saw is UNKNOWN."""
    return intervals(stretches(given, step_ms=step), start_ms=start_ms, end_ms=end_ms)


def _sum(service: str, hour_ms: int, given: Sequence[Interval]) -> HourSum:
    spent = dict.fromkeys(State, 0)
    for each in given:
        spent[each.state] += each.length_ms
    worst = next(state for state in WORST if spent[state])
    return HourSum(
        service=service,
        hour_ms=hour_ms,
        up_ms=spent[State.UP],
        degraded_ms=spent[State.DEGRADED],
        down_ms=spent[State.DOWN],
        unknown_ms=spent[State.UNKNOWN],
        worst=LETTER[worst],
    )
