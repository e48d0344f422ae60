"""What an application of a city's files would change: pure, over the register's present beliefs.

The files speak from an instant on, until the next change that is already recorded for the same record: a change that
was planned ahead stays. What is no longer in the files ends then; nothing is deleted. A contract lives by its own
dates: each version from its `valid_from` until the next, and a recorded version is never edited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inventory import amendments
from inventory.change import Belief, Change, Piece, Plan, covering, differences
from inventory.errors import FilesError
from inventory.tables import FOREVER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inventory.city import City, Key
    from inventory.model import Contract, Record


def plan(city: City, beliefs: Iterable[Belief], ever: Mapping[Key, Contract], *, at_ms: int) -> Plan:
    """Return what applying `city` from `at_ms` on would change; FilesError when a recorded contract was edited.

    `ever` holds every contract version that was ever recorded, in the order of the recording.
    """
    known: dict[tuple[str, str], list[Belief]] = {}
    for belief in sorted(beliefs, key=lambda each: each.valid_from):
        known.setdefault(belief.at[:2], []).append(belief)
    changes: list[Change] = []
    wanted = set()
    unchanged = 0
    for at, record in city.records.items():
        if at[0] == "contract":
            continue
        wanted.add(at[:2])
        change = stated(at, record, known.get(at[:2], ()), at_ms, city.source(at).place)
        if change is None:
            unchanged += 1
        else:
            changes.append(change)
    for name, rows in known.items():
        if (
            name not in wanted
            and name[0] != "contract"
            and (end := ended(rows, at_ms, note="in no file any more")) is not None
        ):
            changes.append(end)
    contracts, problems, kept = amendments.plan(city, known, ever, at_ms=at_ms)
    if problems:
        raise FilesError(problems)
    order = {action: index for index, action in enumerate(("add", "change", "end"))}
    changes = sorted([*changes, *contracts], key=lambda each: (order[each.action], *each.at[:2], each.from_ms))
    return Plan(at_ms=at_ms, changes=tuple(changes), unchanged=unchanged + kept, sources=city.sources)


def stated(at: Key, record: Record, rows: Sequence[Belief], at_ms: int, place: str) -> Change | None:
    """Return what lets a record hold from an instant on; None when it does. `rows` are the beliefs about it."""
    holding = covering(rows, at_ms)
    if holding is not None and holding.record == record:
        return None
    until = holding.valid_to if holding else min((r.valid_from for r in rows if r.valid_from > at_ms), default=FOREVER)
    pieces = [Piece(at=at, valid_from=at_ms, valid_to=until, record=record)]
    if holding is not None and holding.valid_from < at_ms:
        pieces.insert(0, Piece(at=at, valid_from=holding.valid_from, valid_to=at_ms, record=holding.record))
    return Change(
        action="change" if holding else "add",
        at=at,
        from_ms=at_ms,
        to_ms=until,
        place=place,
        fields=differences(holding.record, record) if holding else (),
        note=_noted(holding, "" if until == FOREVER else "until the change that is already recorded"),
        supersedes=(holding.row,) if holding else (),
        pieces=tuple(pieces),
    )


def ended(rows: Sequence[Belief], at_ms: int, *, note: str) -> Change | None:
    """Return what ends the record that holds at an instant; None when none does."""
    holding = covering(rows, at_ms)
    if holding is None:
        return None
    left = Piece(at=holding.at, valid_from=holding.valid_from, valid_to=at_ms, record=holding.record)
    return Change(
        action="end",
        at=holding.at,
        from_ms=at_ms,
        to_ms=holding.valid_to,
        place="",
        note=_noted(holding, note),
        supersedes=(holding.row,),
        pieces=(left,) if holding.valid_from < at_ms else (),
    )


def _noted(holding: Belief | None, note: str) -> str:
    """Return a note, with the decision of two persons that the change takes back: files that lack it would undo it."""
    back = f"takes back what {holding.request} changed" if holding is not None and holding.request else ""
    return "; ".join(filter(None, (note, back)))
