"""One hour of one contract as a sealed fact: the runs of every service, small enough for a month of 10,000.

Most services have the same hour (all slots up). So the hour names a roster (the contract's services at that hour,
sealed by its digest in `availability_roster` facts), the `usual` runs and `others` by position.
A run is `[first slot, count, state, cause, because]`; slot `i` is at `start_ms + i × step_ms`. A slot that no run
covers was missing. A service outside the roster is not stated: absence never means up.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError, UsageError
from netops.evidence import canonical
from netops.sla.intervals import Cause, State
from netops.sla.timeline import Run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

HOUR_MS = 3_600_000
KIND = "availability_hour"
ROSTER = "availability_roster"
PART_BYTES = 48_000  # a leaf ends at 65,535 bytes
MOST_LISTED = 1_000_000  # services in a roster

Packed = tuple[tuple[int, int, str, str, str], ...]


@dataclass(frozen=True, slots=True, order=True)
class Listed:
    """One line of a roster: a service, the item of the contract that sells it, its weight (exact text)."""

    service: str
    item: str
    weight: str = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """The services of a contract at some hour, ordered by id; `digest` names the whole list."""

    contract: str
    listed: tuple[Listed, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical list."""
        return canonical.digest(canonical.dumps([[e.service, e.item, e.weight] for e in self.listed]))


def roster(contract: str, listed: Iterable[Listed]) -> Roster:
    """Return the ordered roster; UsageError when a service is listed twice (under two items, say)."""
    ordered = tuple(sorted(listed))
    for before, after in pairwise(ordered):
        if before.service == after.service:
            raise UsageError(
                f"contract {contract}: service '{after.service}' is sold by items '{before.item}' and '{after.item}'; "
                "expected one: narrow their selectors"
            )
    return Roster(contract=contract, listed=ordered)


def roster_bodies(given: Roster) -> list[dict[str, Any]]:
    """Return the bodies of the `availability_roster` facts that hold the list, in parts."""
    chunks: list[list[list[str]]] = [[]]
    size = 0
    for each in given.listed:
        row = [each.service, each.item, each.weight]
        cost = sum(len(text.encode()) for text in row) + 10
        if size + cost > PART_BYTES:
            chunks.append([])
            size = 0
        chunks[-1].append(row)
        size += cost
    digest = given.digest
    return [
        {"contract": given.contract, "roster": digest, "part": i, "parts": len(chunks), "services": chunk}
        for i, chunk in enumerate(chunks)
    ]


def pack(runs: Sequence[Run], *, start_ms: int, step_ms: int) -> Packed:
    """Return runs as slots of the hour; UsageError for one that is off the grid or outside the hour."""
    made = []
    at = 0
    for run in runs:
        first, off = divmod(run.first_ms - start_ms, step_ms)
        if off or first < at or run.last_ms != run.first_ms + (run.count - 1) * step_ms:
            raise UsageError(
                f"run {run.first_ms}..{run.last_ms} × {run.count}: off the grid of {step_ms} ms, or unordered"
            )
        at = first + run.count
        if run.count < 1 or start_ms + (at - 1) * step_ms >= start_ms + HOUR_MS:
            raise UsageError(f"run {run.first_ms}..{run.last_ms}: expected slots of the hour that begins at {start_ms}")
        made.append((first, run.count, run.state.value, run.cause.value, run.because))
    return tuple(made)


def unpack(packed: Iterable[Sequence[Any]], *, start_ms: int, step_ms: int) -> list[Run]:
    """Return the runs of an hour."""
    made = []
    for first, count, state, cause, because in packed:
        begin = start_ms + first * step_ms
        made.append(Run(begin, begin + (count - 1) * step_ms, count, State(state), Cause(cause), because))
    return made


def bodies(
    given: Roster,
    runs: Mapping[str, Sequence[Run]],
    *,
    start_ms: int,
    step_ms: int,
    stream: str = "",
    inputs_digest: str = "",
) -> list[dict[str, Any]]:
    """Return the bodies of the `availability_hour` facts of one hour: one, or several parts.

    `stream` names how the slots were judged (`netops.sla.streams`); empty: by the state of the service.
    A service of the roster without runs had no slot at all in this hour. UsageError for one that is not in the roster.
    """
    if HOUR_MS % step_ms or start_ms % HOUR_MS:
        raise UsageError(f"hour at {start_ms} in steps of {step_ms} ms: expected a full hour, and steps that divide it")
    position = {each.service: i for i, each in enumerate(given.listed)}
    stray = next((service for service in runs if service not in position), None)
    if stray is not None:
        raise UsageError(f"contract {given.contract}: service '{stray}' has runs but is not in the hour's roster")
    packed = [pack(runs.get(each.service, ()), start_ms=start_ms, step_ms=step_ms) for each in given.listed]
    usual = Counter(packed).most_common(1)[0][0] if packed else ()
    others: dict[Packed, list[int]] = {}
    for i, each in enumerate(packed):
        if each != usual:
            others.setdefault(each, []).append(i)
    groups = [[_lists(each), _ranges(positions)] for each, positions in sorted(others.items(), key=lambda g: g[1])]
    chunks = _chunks(groups)
    return [
        {
            "contract": given.contract,
            "start_ms": start_ms,
            "end_ms": start_ms + HOUR_MS,
            "step_ms": step_ms,
            "roster": given.digest,
            "usual": _lists(usual),
            "others": chunk,
            "part": i,
            "parts": len(chunks),
        }
        | {key: said for key, said in (("stream", stream), ("inputs_digest", inputs_digest)) if said}
        for i, chunk in enumerate(chunks)
    ]


def _lists(packed: Packed) -> list[list[Any]]:
    return [list(run) for run in packed]


def _ranges(positions: Sequence[int]) -> list[list[int]]:
    made: list[list[int]] = []
    for each in positions:
        if made and each == made[-1][0] + made[-1][1]:
            made[-1][1] += 1
        else:
            made.append([each, 1])
    return made


def _chunks(groups: list[Any]) -> list[list[Any]]:
    """Cut the groups so that each part fits a leaf; one group alone is cut by its positions."""
    made: list[list[Any]] = [[]]
    size = 0
    for runs, ranges in groups:
        for at in range(0, len(ranges), 2000):
            piece = [runs, ranges[at : at + 2000]]
            cost = len(canonical.dumps(piece)) + 1
            if made[-1] and size + cost > PART_BYTES:
                made.append([])
                size = 0
            made[-1].append(piece)
            size += cost
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """One hour read back: `usual` for everybody in the roster but the positions in `others`."""

    start_ms: int
    step_ms: int
    roster: str
    usual: Packed
    others: Mapping[int, Packed]


def read_streams(parts: Iterable[Mapping[str, Any]]) -> dict[str, list[Hour]]:
    """Return the hours of each stream; those of the services' state stand under the empty name, also when none do."""
    grouped: dict[str, list[Mapping[str, Any]]] = {"": []}
    for body in parts:
        grouped.setdefault(body.get("stream", ""), []).append(body)
    return {name: read(found) for name, found in grouped.items()}


def read(parts: Iterable[Mapping[str, Any]]) -> list[Hour]:
    """Return the hours that fact bodies of one stream state, ordered; EvidenceError for a missing or doubled part."""
    grouped: dict[int, list[Mapping[str, Any]]] = {}
    for body in parts:
        grouped.setdefault(body["start_ms"], []).append(body)
    return [_hour(start_ms, grouped[start_ms]) for start_ms in sorted(grouped)]


def _hour(start_ms: int, parts: list[Mapping[str, Any]]) -> Hour:
    first = parts[0]
    numbers = sorted(body["part"] for body in parts)
    if numbers != list(range(first["parts"])):
        raise EvidenceError(
            f"{KIND} at {start_ms}: parts {numbers} of {first['parts']}; expected each once (a leaf is missing)"
        )
    for body in parts:
        if any(body[key] != first[key] for key in ("step_ms", "roster", "usual", "parts")):
            raise EvidenceError(f"{KIND} at {start_ms}: its parts contradict each other")
    others: dict[int, Packed] = {}
    for body in parts:
        for runs, ranges in body["others"]:
            packed = tuple((run[0], run[1], run[2], run[3], run[4]) for run in runs)
            for begin, count in ranges:
                if not (begin >= 0 and begin + count <= MOST_LISTED):
                    raise EvidenceError(
                        f"{KIND} at {start_ms}: positions {begin} to {begin + count}; expected at most {MOST_LISTED}"
                    )
                for position in range(begin, begin + count):
                    if position in others:
                        raise EvidenceError(f"{KIND} at {start_ms}: position {position} is stated twice")
                    others[position] = packed
    usual = tuple((run[0], run[1], run[2], run[3], run[4]) for run in first["usual"])
    return Hour(start_ms=start_ms, step_ms=first["step_ms"], roster=first["roster"], usual=usual, others=others)


def read_rosters(parts: Iterable[Mapping[str, Any]]) -> dict[str, Roster]:
    """Return the rosters by digest; EvidenceError when the parts do not give the list that the digest names."""
    grouped: dict[str, dict[int, Mapping[str, Any]]] = {}
    for body in parts:
        grouped.setdefault(body["roster"], {})[body["part"]] = body
    made = {}
    for digest, by_part in grouped.items():
        first = next(iter(by_part.values()))
        rows = [row for number in sorted(by_part) for row in by_part[number]["services"]]
        found = Roster(contract=first["contract"], listed=tuple(Listed(*row) for row in rows))
        if found.digest != digest:
            raise EvidenceError(
                f"{ROSTER} {digest[:12]}…: its parts give {found.digest[:12]}…; a part is missing or changed"
            )
        made[digest] = found
    return made
