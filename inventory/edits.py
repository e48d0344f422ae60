"""Edits of single records: what a person on a page or an importer wants changed, beside the city's files.

An edit names the record as it was seen (`before`: the SHA-256 of its canonical body; empty: there was none) and what
shall hold instead (`after`; None: it ends). It is planned by the same functions as the files. What is no longer as it
was seen is refused by name: nobody's change is written over unseen. Pure.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from inventory import canonical, codec
from inventory.change import Plan, covering
from inventory.city import City, Source, key
from inventory.errors import FilesError, Problem, nearest
from inventory.model import NOUNS, Device, noun
from inventory.plan import ended, stated
from inventory.reading import flat, references
from inventory.reading.form import Form
from inventory.reading.tree import Node, Notes, Scalar, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inventory.change import Belief, Change
    from inventory.city import Key
    from inventory.model import Record

EDITABLE = ("site", "device", "service", "door")
"""What is edited one by one; areas, carriers with their keys and contracts are the files' alone. Parents come first."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ORDER = {name: place for place, name in enumerate(EDITABLE)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One record to be changed, added (`before` is empty) or ended (`after` is None)."""

    noun: str
    id: str
    before: str
    after: Record | None

    @property
    def at(self) -> Key:
        """What names the record in the register."""
        return self.noun, self.id, ""


class Fields(Form):
    """A record whose values come from fields, not from a file: problems stand at the field's name."""

    def where(self, key: str = "") -> str:
        """Return the field, behind the place of the record where there is one."""
        return " ".join(filter(None, (self.file, key)))


def digest(record: Record | None) -> str:
    """Return the SHA-256 of a record's canonical body; empty for none."""
    return hashlib.sha256(codec.encode(record).encode()).hexdigest() if record is not None else ""


def made(of: str, cells: Mapping[str, str], notes: Notes, *, place: str = "") -> Record | None:
    """Return the record of a noun that cells say, by the readers of the files; None with notes of what is wrong."""
    reader, known, _ = flat.READERS[of]
    entries: dict[str, Node] = {name: Scalar(text.strip(), 0) for name, text in cells.items() if text.strip()}
    form = Fields(f"the {of}", place, Table(entries, {}, 0), known, notes)
    record = reader(form)
    return record if form.good else None


def cells(record: Record) -> dict[str, str]:
    """Return a record as the cells of its CSV file, by column; lists are separated by semicolons.

    Reading them gives the same record. The port of a device without an address means nothing and is left out.
    """
    values = codec.plain(record)
    columns = flat.READERS[noun(record)][1]
    out = {name: _cell(values.get("id" if name == "code" else name, "")) for name in columns}
    if isinstance(record, Device) and not record.address:
        out["port"] = ""
    return out


def taken(of: str, known: Record | None, cells_: Mapping[str, str], notes: Notes, *, place: str) -> Record | None:
    """Return the record that cells say, or `known` where they say the same: what holds already is not judged again."""
    if known is not None and {name: cell for name, cell in cells(known).items() if cell} == {
        name: cell for name, cell in cells_.items() if cell
    }:
        return known
    return made(of, cells_, notes, place=place)


def _cell(value: object) -> str:
    return ";".join(map(str, value)) if isinstance(value, list) else str(value)


def text(edit: Edit) -> str:
    """Return the canonical JSON of an edit: what two persons decide on and the ledger keeps."""
    after = codec.plain(edit.after) if edit.after is not None else None
    return canonical.text({"noun": edit.noun, "id": edit.id, "before": edit.before, "after": after})


def read(written: str) -> Edit:
    """Return the edit of such a text; FilesError when it is none, or its record none that a file may say."""
    try:
        told = json.loads(written)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or set(told) != {"noun", "id", "before", "after"}:
        raise FilesError([Problem("the edit", "is no object of noun, id, before and after", "make it anew")])
    of, name, before, after = told["noun"], told["id"], told["before"], told["after"]
    if of not in EDITABLE:
        raise FilesError(
            [Problem("the edit", f"'{str(of)[:40]}' is not edited one by one", nearest(str(of), EDITABLE))]
        )
    if not isinstance(name, str) or not isinstance(before, str) or (before and not _DIGEST.fullmatch(before)):
        raise FilesError([Problem(f"the {of}", "has no id, or no digest of what was seen", "make the edit anew")])
    record = _record(of, name, after) if after is not None else None
    if record is None and not before:
        raise FilesError([Problem(f"{of} '{name[:100]}'", "is ended, but was not there", "make the edit anew")])
    return Edit(noun=of, id=name, before=before, after=record)


def _record(of: str, name: str, after: object) -> Record:
    """Return the record, read once more by the rules of the files: who wrote the text is not believed."""
    notes = Notes()
    place = f"{of} '{name[:100]}'"
    known = {field for field in NOUNS[of].__dataclass_fields__ if isinstance(after, dict) and field in after}
    if not isinstance(after, dict) or known != set(after):
        raise FilesError([Problem(place, f"is no {of}", "make the edit anew")])
    told = {field: _cell(value) for field, value in after.items()}
    if of == "device" and not told.get("address"):
        told.pop("port", None)
    found = made(of, told, notes, place=place)
    if found is None:
        raise FilesError(notes.all(place))
    if codec.plain(found) != after or found.id != name:
        raise FilesError([Problem(place, "is not written in its one form", "make the edit anew")])
    return found


def differing(records: Iterable[Record], held: Mapping[tuple[str, str], Record]) -> list[Edit]:
    """Return the edits that make the register say these records, in an order in which each can stand on those before.

    `held` is what holds now, by noun and id. What the register has beside them stays.
    """
    found = []
    for record in records:
        at = noun(record), record.id
        if held.get(at) != record:
            found.append(Edit(noun=at[0], id=at[1], before=digest(held.get(at)), after=record))
    return ordered(found)


def ordered(edits: Iterable[Edit]) -> list[Edit]:
    """Return edits in the order site, device (parents first), service, door, so that a first part can stand alone."""
    every = list(edits)
    depth = _depths(every)
    return sorted(every, key=lambda each: (_ORDER[each.noun], depth.get(each.at, 0), each.id))


def _depths(edits: Sequence[Edit]) -> dict[Key, int]:
    parents = {each.id: each.after.parent for each in edits if isinstance(each.after, Device)}
    found = {}
    for name in parents:
        line: list[str] = []
        at = name
        while at in parents and at not in line:
            line.append(at)
            at = parents[at]
        found["device", name, ""] = len(line)
    return found


def plan(edits: Sequence[Edit], beliefs: Iterable[Belief], *, at_ms: int, place: str) -> Plan:
    """Return what the edits change from `at_ms` on; FilesError with every one that does not fit the register.

    `place` says where the new records stand, as `file:line` does for those of files. What was planned ahead stays, and
    is held against the edits as well.
    """
    # a later edit takes nothing back unseen, as files may that lack an earlier one: of whom a row is does not matter
    held = sorted((replace(each, request="") for each in beliefs), key=lambda each: each.valid_from)
    known: dict[tuple[str, str], list[Belief]] = {}
    for belief in held:
        known.setdefault(belief.at[:2], []).append(belief)
    changes: list[Change] = []
    problems = [
        Problem(f"{each.noun} '{each.id}'", "is in the request twice", "ask for one change of a record at a time")
        for place_, each in enumerate(edits)
        if each.at in {one.at for one in edits[:place_]}
    ]
    for edit in edits:
        change = _one(edit, known.get(edit.at[:2], ()), at_ms, place, problems)
        if change is not None:
            changes.append(change)
    if not problems:
        problems = _unfit(held, changes, at_ms=at_ms)
    if problems:
        raise FilesError(problems)
    sources = {change.at: Source(place) for change in changes if change.action != "end"}
    return Plan(at_ms=at_ms, changes=tuple(changes), unchanged=len(edits) - len(changes), sources=sources)


def _one(edit: Edit, rows: Sequence[Belief], at_ms: int, place: str, problems: list[Problem]) -> Change | None:
    holding = covering(rows, at_ms)
    whom = f"{edit.noun} '{edit.id}'"
    if digest(holding.record if holding is not None else None) != edit.before:
        what = "has changed since the request was made" if edit.before and holding else "is there already"
        if holding is None:
            what = "does not hold any more"
        problems.append(Problem(whom, what, "make the change anew from what the register holds now"))
        return None
    if edit.after is None:
        return ended(rows, at_ms, note="retired")
    change = stated(edit.at, edit.after, rows, at_ms, place)
    if change is None:
        problems.append(Problem(whom, "is already as the request says", "withdraw the request"))
    return change


def _unfit(held: Sequence[Belief], changes: Sequence[Change], *, at_ms: int) -> list[Problem]:
    """Return what would dangle or stand twice at `at_ms`, or at any later instant for which something is planned."""
    gone = {row for change in changes for row in change.supersedes}
    rows = [(each.at, each.valid_from, each.valid_to, each.record) for each in held]
    after = [(each.at, each.valid_from, each.valid_to, each.record) for each in held if each.row not in gone]
    after += [(p.at, p.valid_from, p.valid_to, p.record) for change in changes for p in change.pieces]
    edges = sorted({at_ms, *(start for _, start, _, _ in after if start > at_ms)})
    found: dict[str, Problem] = {}
    edited = {change.at for change in changes}
    for edge in edges:
        before = {str(each) for each in _problems(rows, edge, edited)}
        for problem in _problems(after, edge, edited):
            if str(problem) not in before:
                found.setdefault(str(problem), problem)
    return list(found.values())


def _problems(rows: Iterable[tuple[Key, int, int, Record]], at_ms: int, edited: set[Key]) -> list[Problem]:
    """Return what is wrong at an instant; of an edited record at its field, `device 'ap-1' site`."""
    records = {at: record for at, start, end, record in rows if start <= at_ms < end}
    places = {at: f"{at[0]} '{at[1]}'" for at in records}
    parts = {at: {name: f"{places[at]} {name}" for name in flat.READERS[at[0]][1]} for at in edited if at in records}
    city = City(records, {at: Source(places[at], parts.get(at, {})) for at in records})
    ids: dict[str, set[str]] = {name: set() for name in NOUNS}
    for of, name, _ in records:
        ids[of].add(name)
    notes = Notes()
    references.check(city, ids, notes)
    return notes.found


def overlaid(records: Iterable[Record], edits: Iterable[Edit]) -> City:
    """Return the city of these records as the edits would have it: to show what they bring about."""
    found = {key(record): record for record in records}
    for edit in edits:
        if edit.after is None:
            found.pop(edit.at, None)
        else:
            found[edit.at] = edit.after
    return City(found)
