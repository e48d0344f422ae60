"""What a reviewer asks about a profile that is right by its vocabulary. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collectors.detect import STANDARD
from netops.metrics import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collectors.profile import Column, Profile, Table

_OPTICS: Final = ("rx_power", "tx_power")
_STEADY: Final = (".model", ".version", ".description", ".vendor", ".location", ".contact")
_WIDE: Final = 12  # cheap columns of one table, asked in every slot


def remarks(profile: Profile) -> list[str]:
    """Return what is odd, each remark with where and what to do about it; empty when nothing is."""
    return list(_remarks(profile))


def _remarks(profile: Profile) -> Iterator[str]:
    if not profile.match.probes and profile.name != STANDARD:
        yield "match has no probes: a device is then known by what it says of itself alone; name an object of its own"
    for probe in profile.match.probes:
        if any(len(probe.under(root)) < 8 for root in profile.roots):
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
        if not readers & {"mac", "string_mac", "string", "implied_string"}:
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
