"""The city at one instant, as believed at another: immutable, with canonical bytes and their SHA-256 digest.

The bytes hold the records and the rehearsal mark, not the two instants: while nothing changes, the digest is the same,
and a verdict that names it can be recomputed from any instant of that state.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar, cast

from inventory import codec
from inventory.city import City, Source, key
from inventory.model import NOUNS, Area, Carrier, Contract, Device, Door, Record, Service, Site

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inventory.city import Key
    from inventory.register import Register

FORMAT = "netops/register@1"
R = TypeVar("R", Area, Site, Carrier, Contract, Device, Service, Door)
_LATER = frozenset({"door"})  # nouns younger than the format: left out of the bytes while there is none of them


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """All records that hold at `at_ms`, as recorded by `recorded_ms`, each noun in the order of its ids."""

    at_ms: int
    recorded_ms: int
    rehearsal: bool
    areas: tuple[Area, ...]
    sites: tuple[Site, ...]
    carriers: tuple[Carrier, ...]
    contracts: tuple[Contract, ...]
    devices: tuple[Device, ...]
    services: tuple[Service, ...]
    doors: tuple[Door, ...]
    canonical: bytes = field(repr=False)
    digest: str
    sources: Mapping[Key, Source] = field(repr=False, compare=False, default_factory=dict)

    @cached_property
    def area(self) -> dict[str, Area]:
        """The areas by id."""
        return {each.id: each for each in self.areas}

    @cached_property
    def site(self) -> dict[str, Site]:
        """The sites by id."""
        return {each.id: each for each in self.sites}

    @cached_property
    def carrier(self) -> dict[str, Carrier]:
        """The carriers by id."""
        return {each.id: each for each in self.carriers}

    @cached_property
    def contract(self) -> dict[str, Contract]:
        """The contracts by id: at one instant one version of each holds."""
        return {each.id: each for each in self.contracts}

    @cached_property
    def device(self) -> dict[str, Device]:
        """The devices by id."""
        return {each.id: each for each in self.devices}

    @cached_property
    def service(self) -> dict[str, Service]:
        """The services by id."""
        return {each.id: each for each in self.services}

    @cached_property
    def door(self) -> dict[str, Door]:
        """The doors by id."""
        return {each.id: each for each in self.doors}

    def where(self, record: Record, path: str = "") -> str:
        """Return `file:line` of a record or of a part of it (`items.wifi.objectives.a.indicator`), or its name."""
        source = self.sources.get(key(record), Source())
        return source.where(path) or f"{type(record).__name__.lower()} '{record.id}'"


def snapshot(register: Register, *, at_ms: int, recorded_ms: int | None = None) -> Snapshot:
    """Return the city at `at_ms` as believed now, or as it was believed at `recorded_ms`."""
    rows, sources, last = register.holding(at_ms=at_ms, recorded_ms=recorded_ms)
    believed = last if recorded_ms is None else recorded_ms
    return _made(rows, at_ms=at_ms, recorded_ms=believed, rehearsal=register.rehearsal, sources=sources)


def of_city(city: City, *, at_ms: int, rehearsal: bool) -> Snapshot:
    """Return what a snapshot at `at_ms` would be if these files alone had been applied: to check them beforehand."""
    newest: dict[tuple[str, str], Record] = {}
    for at, record in city.records.items():
        if isinstance(record, Contract):
            other = newest.get(at[:2])
            over = record.ends_ms is not None and record.ends_ms <= at_ms
            later = isinstance(other, Contract) and other.valid_from_ms > record.valid_from_ms
            if record.valid_from_ms > at_ms or over or later:
                continue
        newest[at[:2]] = record
    rows = [(name, id_, codec.encode(record)) for (name, id_), record in newest.items()]
    return _made(rows, at_ms=at_ms, recorded_ms=at_ms, rehearsal=rehearsal, sources=city.sources)


def _made(
    rows: Iterable[tuple[str, str, str]],
    *,
    at_ms: int,
    recorded_ms: int,
    rehearsal: bool,
    sources: Mapping[Key, Source],
) -> Snapshot:
    """Build from (noun, id, canonical body): the bodies are joined as they are, not written anew.

    A city without a noun that came later has the bytes, and so the digest, that older verdicts name.
    """
    bodies: dict[str, list[str]] = {name: [] for name in NOUNS}
    for name, _, body in sorted(rows, key=lambda row: row[:2]):
        bodies[name].append(body)
    plural = {f"{name}s": name for name in NOUNS if bodies[name] or name not in _LATER} | {
        "format": "",
        "rehearsal": "",
    }
    parts = []
    for word in sorted(plural):
        if word == "format":
            parts.append(f'"format":"{FORMAT}"')
        elif word == "rehearsal":
            parts.append(f'"rehearsal":{"true" if rehearsal else "false"}')
        else:
            parts.append(f'"{word}":[{",".join(bodies[plural[word]])}]')
    canonical = ("{" + ",".join(parts) + "}").encode()

    def of(kind: type[R]) -> tuple[R, ...]:
        name = kind.__name__.lower()
        return tuple(cast("R", codec.decode(name, body)) for body in bodies[name])

    return Snapshot(
        at_ms=at_ms,
        recorded_ms=recorded_ms,
        rehearsal=rehearsal,
        areas=of(Area),
        sites=of(Site),
        carriers=of(Carrier),
        contracts=of(Contract),
        devices=of(Device),
        services=of(Service),
        doors=of(Door),
        canonical=canonical,
        digest=hashlib.sha256(canonical).hexdigest(),
        sources=sources,
    )
