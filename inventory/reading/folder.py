"""A directory of YAML and CSV files to a City: everything that is wrong in it comes out at once.

`areas.csv` may be left out: the 29 subdistricts of Haidian are then the areas; so may `doors.csv`: SNMP is then the
only door. Every other file must be there, if only with its header: a directory in which they are missing is more likely
the wrong one than a city that sold everything.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from inventory.city import City, Source, key
from inventory.errors import FilesError, Problem, nearest
from inventory.model import NOUNS, Area
from inventory.reading import contract, csv, flat, references, text, yaml
from inventory.reading.form import Form
from inventory.reading.tree import Notes, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from inventory.city import Key
    from inventory.model import Record

MOST_CONTRACTS = 1000
_CSV = {f"{noun}s.csv": noun for noun in ("area", "site", "device", "service", "door")}
_YAML = {"carriers.yaml": "carrier", "devices.yaml": "device", "doors.yaml": "door"}
_NEEDED = (("sites.csv",), ("carriers.yaml",), ("devices.csv", "devices.yaml"), ("services.csv",), ("contracts",))
_NOTHING = {
    "carriers.yaml": "write it, the line `carriers:` alone if there is nothing to say",
    "contracts": "make the folder, empty if there is no contract yet",
}
BUILT_IN = "(built in) areas.csv"


def read_city(folder: Path) -> City:
    """Return the city that a directory describes; FilesError with all problems when it cannot be used."""
    if not folder.is_dir():
        raise FilesError([Problem(str(folder), "is no directory", "name the directory that holds sites.csv")])
    desk = _Desk()
    _names(folder, desk.notes, desk.blind)
    for name, noun in _CSV.items():
        if (folder / name).exists():
            desk.rows(noun, text.read(folder / name, name, desk.notes, most=text.MOST_CSV), name)
        elif noun == "area":
            desk.rows(noun, _built_in(), BUILT_IN)
    for name, noun in _YAML.items():
        if (folder / name).exists():
            desk.maps(noun, text.read(folder / name, name, desk.notes, most=text.MOST_YAML), name)
    for path in _contracts(folder, desk.notes):
        name = f"contracts/{path.name}"
        desk.contract(text.read(path, name, desk.notes, most=text.MOST_YAML), name)
    city = City(desk.records, desk.sources)
    references.check(city, {noun: desk.ids.get(noun, set()) for noun in NOUNS if noun not in desk.blind}, desk.notes)
    if desk.notes.found:
        raise FilesError(desk.notes.all(str(folder)))
    return city


def built_in_areas() -> tuple[Area, ...]:
    """Return the 29 subdistricts of Haidian in the order of their codes."""
    desk = _Desk()
    desk.rows("area", _built_in(), BUILT_IN)
    return tuple(each for each in desk.records.values() if isinstance(each, Area))


def _built_in() -> str:
    return files("inventory").joinpath("areas.csv").read_text(encoding="utf-8")


class _Desk:
    """What has been read so far. A noun is `blind` when some of its ids could not be read: then none dangles."""

    def __init__(self) -> None:
        self.records: dict[Key, Record] = {}
        self.sources: dict[Key, Source] = {}
        self.ids: dict[str, set[str]] = {}
        self.blind: set[str] = set()
        self.notes = Notes()

    def rows(self, noun: str, written: str | None, name: str) -> None:
        tables: list[Table] = []
        whole = False
        if written is not None:
            _, columns, needed = flat.READERS[noun]
            tables, whole = csv.rows(written, name, self.notes, columns=columns, required=needed)
        self._flat(noun, tables, name, whole=whole)

    def maps(self, noun: str, written: str | None, name: str) -> None:
        before = self.notes.count
        table = yaml.read(written, name, self.notes) if written is not None else None
        if table is None:
            self.blind.add(noun)
            return
        form = Form("the file", name, table, (f"{noun}s",), self.notes)
        if f"{noun}s" not in table.entries:
            form.wrong("", f"the file lacks '{noun}s'", f"write `{noun}s:` and a list below it")
        tables = form.maps(f"{noun}s")
        self._flat(noun, tables, name, whole=self.notes.count == before)

    def _flat(self, noun: str, tables: Iterable[Table], name: str, *, whole: bool) -> None:
        reader, known, _ = flat.READERS[noun]
        if not whole:
            self.blind.add(noun)
        for table in tables:
            form = Form(f"the {noun}", name, table, known, self.notes)
            record = reader(form)
            if record.id:
                self._keep(record, form, {} if name.endswith(".csv") else _lines(table, name))
            else:
                self.blind.add(noun)

    def contract(self, written: str | None, name: str) -> None:
        table = yaml.read(written, name, self.notes) if written is not None else None
        if table is not None:
            form = Form("the contract", name, table, contract.KEYS, Notes())
            made = contract.contract(table, name, self.notes)
            if made is not None:
                self._keep(made, form, contract.parts(table, name))

    def _keep(self, record: Record, form: Form, parts: dict[str, str]) -> None:
        at = key(record)
        if at in self.sources:
            version = f" version {at[2]}" if at[2] else ""
            what = f"{at[0]} '{at[1]}'{version} is already at {self.sources[at].place}"
            self.notes.add(form.where(), what, "give each its own id, or remove one of the two")
            return
        self.ids.setdefault(at[0], set()).add(at[1])
        self.sources[at] = Source(form.where(), parts)
        if form.good:
            self.records[at] = record


def _lines(table: Table, name: str) -> dict[str, str]:
    return {word: f"{name}:{line}" for word, line in table.lines.items()}


def _names(folder: Path, notes: Notes, blind: set[str]) -> None:
    """Note files that are missing, and files that look meant but would not be read."""
    known = (*_CSV, *_YAML, "contracts")
    there = sorted(path.name for path in folder.iterdir())
    for name in there:
        if name not in known and name.lower().endswith((".csv", ".yaml", ".yml")):
            notes.add(name, "no file of this name is read", nearest(name, known))
    for choices in _NEEDED:
        if not any(choice in there for choice in choices):
            what = f"{' or '.join(choices)} is missing"
            notes.add(
                str(folder), what, _NOTHING.get(choices[0], "write it, its header alone if there is nothing to say")
            )
            blind.update(choice.partition(".")[0].removesuffix("s") for choice in choices)


def _contracts(folder: Path, notes: Notes) -> Iterator[Path]:
    place = folder / "contracts"
    if not place.is_dir():
        if place.exists():
            notes.add("contracts", "is no directory", "put each contract version into a file contracts/NAME.yaml")
        return
    found = sorted(place.iterdir())
    if len(found) > MOST_CONTRACTS:
        notes.add("contracts", f"holds more than {MOST_CONTRACTS} files", "keep one file a contract version")
        return
    for path in found:
        if path.suffix == ".yaml":
            yield path
        elif path.suffix in {".yml", ".csv", ".json"}:
            notes.add(f"contracts/{path.name}", "is not read", "contracts are files that end in .yaml")
