"""Contracts in the plan: versions that follow one another and are never edited.

A version holds from its own `valid_from` until the next version's, or until the contract `ends`. A new version may
start at or after the newest recorded one: at the same instant it corrects what was entered wrongly, and the register
keeps both by recorded time. A file may keep old versions beside the new one, or drop them: history stays.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from inventory.change import Belief, Change, Piece, differences
from inventory.errors import Problem
from inventory.model import Contract
from inventory.tables import FOREVER
from inventory.times import iso, month_start

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inventory.city import City, Key


def plan(
    city: City,
    known: Mapping[tuple[str, str], Sequence[Belief]],
    ever: Mapping[Key, Contract],
    *,
    at_ms: int,
) -> tuple[list[Change], list[Problem], int]:
    """Return the changes of all contracts, what forbids them, and how many versions stay as they are."""
    filed: dict[str, dict[Key, Contract]] = {}
    for at, record in city.records.items():
        if isinstance(record, Contract):
            filed.setdefault(record.id, {})[at] = record
    changes: list[Change] = []
    problems: list[Problem] = []
    kept = 0
    for name in sorted({*filed, *(at[1] for at in known if at[0] == "contract")}):
        rows, files = known.get(("contract", name), ()), filed.get(name, {})
        new = sorted((c for at, c in files.items() if at not in ever), key=lambda each: each.valid_from_ms)
        wrong = [*_edited(city, files, ever), *_misplaced(city, files, rows, new), *_recoined(city, rows, new)]
        problems.extend(wrong)
        kept += len(files) - len(new)
        if not files:
            changes.extend(_withdrawn(rows, at_ms))
        elif not wrong and new:
            changes.extend(_amended(city, rows, new, at_ms))
        elif not wrong:
            again = _reopened(city, rows, files, ever, at_ms)
            changes.extend(again)
            kept -= len(again)
    return changes, problems, kept


def _key(contract: Contract) -> Key:
    return "contract", contract.id, contract.version


def _edited(city: City, files: Mapping[Key, Contract], ever: Mapping[Key, Contract]) -> list[Problem]:
    found = []
    for at, contract in files.items():
        recorded = ever.get(at)
        if recorded is not None and recorded != contract:
            names = ", ".join(name for name, _, _ in differences(recorded, contract))
            what = f"contract '{contract.id}' version {contract.version} is recorded and differs here in: {names}"
            remedy = "a recorded version is never edited: restore it and write the change as a new version"
            found.append(Problem(city.source(at).place, what, remedy))
    return found


def _misplaced(
    city: City, files: Mapping[Key, Contract], rows: Sequence[Belief], new: Sequence[Contract]
) -> list[Problem]:
    found = []
    newest = rows[-1] if rows else None
    if newest is not None and files and newest.at not in files and not new:
        what = f"contract '{newest.at[1]}': version {newest.at[2]} is recorded, but no file has it"
        found.append(Problem(_first(city, files), what, "restore its file, or write what replaces it as a new version"))
    earlier = newest.record.valid_from_ms if newest is not None and isinstance(newest.record, Contract) else -1
    for contract in new:
        place = city.source(_key(contract)).where("valid_from")
        if newest is not None and contract.valid_from_ms < earlier:
            what = (
                f"contract '{contract.id}' version {contract.version} starts at {iso(contract.valid_from_ms)}, before"
            )
            what += f" the recorded version {newest.at[2]} of {iso(earlier)}"
            found.append(Problem(place, what, "an amendment starts with or after the newest recorded version"))
    for first, second in pairwise(new):
        if first.valid_from_ms == second.valid_from_ms:
            what = f"contract '{first.id}': versions {first.version} and {second.version} start at the same instant"
            found.append(Problem(city.source(_key(second)).where("valid_from"), what, "give each its own valid_from"))
    return found


def _recoined(city: City, rows: Sequence[Belief], new: Sequence[Contract]) -> list[Problem]:
    told = [row.record for row in rows if isinstance(row.record, Contract)] + [*new]
    found = [(each, recoined(each, told)) for each in new]
    return [Problem(city.source(_key(each)).where(said[0]), *said[1:]) for each, said in found if said is not None]


MONTHLY = ("currency", "credit_cap_percent")  # what a month has one of: its parts' credits are added, then capped


def recoined(contract: Contract, told: Sequence[Contract]) -> tuple[str, str, str] | None:
    """Return the field, what is wrong, and the remedy, where a version changes one of `MONTHLY` inside a month.

    Credits in two currencies could not be added, and a late amendment's cap would rule the weeks before it. `told` are
    all known versions of the contract.
    """
    first = month_start(contract.valid_from_ms, contract.timezone)
    before = [each for each in told if each.valid_from_ms < contract.valid_from_ms]
    last = max(before, key=lambda each: each.valid_from_ms, default=contract)
    ended = last.ends_ms is not None and last.ends_ms <= first
    if contract.valid_from_ms == first or ended or (field := changed(last, contract)) is None:
        return None
    remedy = f"let the version with another '{field}' start on the first of a month: a month is owed under one"
    return (
        field,
        f"contract '{contract.id}' version {contract.version} {turns(last, contract, field)} inside a month",
        remedy,
    )


def changed(before: Contract, after: Contract) -> str | None:
    """Return the first of `MONTHLY` in which two versions differ."""
    return next((name for name in MONTHLY if getattr(before, name) != getattr(after, name)), None)


def turns(before: Contract, after: Contract, field: str) -> str:
    """Return in words that a version changes a field."""
    return f"turns '{field}' from {getattr(before, field) or 'none'} into {getattr(after, field) or 'none'}"


def _first(city: City, files: Mapping[Key, Contract]) -> str:
    return min(city.source(at).place for at in files)


def _amended(city: City, rows: Sequence[Belief], new: Sequence[Contract], at_ms: int) -> list[Change]:
    changes = []
    for index, contract in enumerate(new):
        start = contract.valid_from_ms
        following = new[index + 1].valid_from_ms if index + 1 < len(new) else FOREVER
        until = min(following, FOREVER if contract.ends_ms is None else contract.ends_ms)
        cut = [row for row in rows if row.valid_to > start] if index == 0 else []
        pieces = [
            Piece(at=row.at, valid_from=row.valid_from, valid_to=start, record=row.record)
            for row in cut
            if row.valid_from < start
        ]
        pieces.append(Piece(at=_key(contract), valid_from=start, valid_to=until, record=contract))
        before = rows[-1].record if index == 0 and rows else new[index - 1] if index else None
        change = Change(
            action="add" if before is None else "change",
            at=_key(contract),
            from_ms=start,
            to_ms=until,
            place=city.source(_key(contract)).place,
            fields=differences(before, contract) if before is not None else (),
            note=_note(contract, before, at_ms),
            supersedes=tuple(row.row for row in cut),
            pieces=tuple(pieces),
        )
        changes.append(change)
    return changes


def _note(contract: Contract, before: object, at_ms: int) -> str:
    if not isinstance(before, Contract):
        return ""
    if before.valid_from_ms == contract.valid_from_ms:
        return f"corrects version {before.version} from its first day"
    back = ", back-dated" if contract.valid_from_ms < at_ms else ""
    return f"amends version {before.version}{back}"


def _withdrawn(rows: Sequence[Belief], at_ms: int) -> list[Change]:
    """End what holds now, and take back what was to come."""
    changes = []
    for row in rows:
        if row.valid_to > at_ms:
            left = Piece(at=row.at, valid_from=row.valid_from, valid_to=at_ms, record=row.record)
            change = Change(
                action="end",
                at=row.at,
                from_ms=max(at_ms, row.valid_from),
                to_ms=row.valid_to,
                place="",
                note="in no file any more",
                supersedes=(row.row,),
                pieces=(left,) if row.valid_from < at_ms else (),
            )
            changes.append(change)
    return changes


def _reopened(
    city: City, rows: Sequence[Belief], files: Mapping[Key, Contract], ever: Mapping[Key, Contract], at_ms: int
) -> list[Change]:
    """Let versions whose files were gone and are back hold again, from now on and each in its own time."""
    order = {at: place for place, at in enumerate(ever)}
    filed = sorted(files.items(), key=lambda item: (item[1].valid_from_ms, order[item[0]]))
    following = [contract.valid_from_ms for _, contract in filed[1:]] + [FOREVER]
    held = max((row.valid_to for row in rows), default=0)
    changes = []
    for (at, contract), next_ms in zip(filed, following, strict=True):
        until = min(next_ms, FOREVER if contract.ends_ms is None else contract.ends_ms)
        start = max(at_ms, contract.valid_from_ms, held)
        if start < until:
            change = Change(
                action="add",
                at=at,
                from_ms=start,
                to_ms=until,
                place=city.source(at).place,
                note="in the files again",
                pieces=(Piece(at=at, valid_from=start, valid_to=until, record=contract),),
            )
            changes.append(change)
    return changes
