"""A city as its files describe it: the records, and where each stands. What `plan` compares with the register."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from inventory.model import Contract, noun

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inventory.model import Record


@dataclass(frozen=True, slots=True)
class Source:
    """Where a record stands: `file:line`, and its parts by dotted path (`items.wifi.objectives.a.target`)."""

    place: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)

    def where(self, path: str = "") -> str:
        """Return the place of a part, or of the nearest thing around it that has one."""
        while path:
            if path in self.parts:
                return self.parts[path]
            path = path.rpartition(".")[0]
        return self.place


Key = tuple[str, str, str]
"""Noun, id, version; the version is empty for everything but a contract."""


def key(record: Record) -> Key:
    """Return what names a record in the register."""
    return noun(record), record.id, record.version if isinstance(record, Contract) else ""


@dataclass(frozen=True, slots=True)
class City:
    """All records of a city by key, in the order in which they were read."""

    records: Mapping[Key, Record]
    sources: Mapping[Key, Source] = field(default_factory=dict)

    def source(self, at: Key) -> Source:
        """Return where a record stands; an empty Source for one that no file holds."""
        return self.sources.get(at, Source())


def city_of(records: Iterable[Record], *, source: str = "") -> City:
    """Return the city of records made by a program (a rehearsal, an importer); `source` names what made them."""
    found = {key(record): record for record in records}
    return City(found, {at: Source(source) for at in found} if source else {})
