"""What a reviewer asks about a profile that is right by its vocabulary. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collectors.detect import STANDARD
from netops.errors import nearest
from netops.metrics import Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from collectors.profile import Column, Place, Profile, Table

_OPTICS: Final = ("rx_power", "tx_power")
_STEADY: Final = (".model", ".version", ".description", ".vendor", ".location", ".contact")
_WIDE: Final = 12  # cheap columns of one table, asked in every slot


def remarks(profile: Profile, kinds: Collection[str] = ()) -> list[str]:
    """Return what is odd, each remark with where and what to do about it; empty when nothing is.

    `kinds` are the kinds of subjects that other families have; none leaves the question out.
    """
    return [*_remarks(profile), *_unknown_kinds(profile, kinds), *_places(profile)]


def kinds_of(profile: Profile) -> frozenset[str]:
    """Return the kinds of subjects of which the family tells."""
    return frozenset((*(table.kind for table in profile.tables), *(column.kind for column in profile.scalars)))


def _unknown_kinds(profile: Profile, kinds: Collection[str]) -> Iterator[str]:
    for kind in sorted(kinds_of(profile) - set(kinds)) if kinds and profile.name != STANDARD else ():
        known = ", ".join(sorted(kinds))
        yield f"no other family has subjects of kind '{kind}'{nearest(kind, kinds)} (known: {known})"


def _places(profile: Profile) -> Iterator[str]:
    """Yield what is odd about where things stand."""
    for place in (*profile.match.probes, *profile.layouts.values()):
        yield from _adrift("match and layouts", place)
    for column in profile.scalars:
        yield from _adrift(f"scalars.{column.key}", column.place)
        if column.place.arcs and column.place.arcs[-1] and not column.local and not column.place.absolute:
            yield f"scalars.{column.key} does not end in .0, as a scalar's one instance does; is it {_told(column)}.0?"
    for table in profile.tables:
        seen: dict[object, str] = {}
        for column in table.columns:
            where = f"tables.{table.name}.{column.key}"
            yield from _adrift(where, column.place)
            first = seen.setdefault(
                (column.place, column.layout, column.read, column.only, frozenset(column.states.items())), column.key
            )
            if first != column.key:
                yield f"{where} reads {_told(column)} as {first} does; is one of them another column's?"


def _adrift(where: str, place: Place) -> Iterator[str]:
    if place.absolute and place.arcs[0] > 2:
        arcs = ".".join(map(str, place.arcs))
        yield f"{where}: no OID begins with {place.arcs[0]}; write .{arcs} for what stands below root"


def _told(column: Column) -> str:
    return ("" if column.place.absolute else ".") + ".".join(map(str, column.place.arcs))


def _remarks(profile: Profile) -> Iterator[str]:
    if not profile.match.probes and profile.name != STANDARD:
        yield "match has no probes: a device is then known by what it says of itself alone; name an object of its own"
    if "TODO" in (profile.zh, profile.en):
        yield "the title still says TODO; name the family in both languages"
    for probe in profile.match.probes:
        if probe.arcs[0] <= 2 and any(len(probe.under(root)) < 8 for root in profile.roots):
            arcs = ".".join(map(str, probe.arcs))
            yield f"the probe {arcs} is a whole branch: other families of the vendor have it too"
    for table in profile.tables:
        yield from _table(table)
    for column in profile.scalars:
        yield from _column(f"scalars.{column.key}", column)


def _table(table: Table) -> Iterator[str]:
    where = f"tables.{table.name}"
    if not table.needed:
        yield f"{where} needs no column: a torn row could not be told from a whole one; name those that a verdict needs"
    indexes = {name for name, _ in table.index}
    if table.kind in ("ap", "onu", "cell") and all(set(choice) <= indexes for choice in table.identity):
        readers = {reader for name, reader in table.index if any(name in choice for choice in table.identity)}
        if not readers & {"mac", "string_mac", "serial", "string", "implied_string"}:
            yield f"{where}: its subjects are known by row numbers; add a MAC address or a serial number to identity"
    cheap = sum(column.cost == "cheap" for column in table.columns)
    if cheap > _WIDE:
        yield f"{where} asks {cheap} columns in every slot; give what changes slowly the cost dear"
    for column in table.columns:
        yield from _column(f"{where}.{column.key}", column)


def _column(where: str, column: Column) -> Iterator[str]:
    metric = column.metric
    if metric is None:
        return
    if metric.name.startswith(("pon.", "optics.")) and metric.name.endswith(_OPTICS) and column.cost != "heavy":
        yield f"{where} is optics and not heavy: polling optics has hurt line cards"
    if metric.name.endswith(_STEADY) and column.cost == "cheap":
        yield f"{where} is asked in every slot and seldom changes; give it the cost dear"
    if metric.kind is Kind.GAUGE and metric.bounds == (None, None) and column.bounds == (None, None):
        yield f"{where} has no bounds anywhere: nothing would be too strange to be believed; give it a range"
