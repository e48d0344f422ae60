"""Profiles → questions: which objects to ask a device, and which rule reads which answer. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from collectors.profile import COST_S, digest
from collectors.snmp.ask import Ask, Limits
from collectors.snmp.varbind import dotted

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from collectors.profile import Column, Contradiction, Profile, Table
    from collectors.snmp.varbind import Oid


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A profile as it fits one device: under which enterprise root, in which layouts."""

    profile: Profile
    root: Oid = ()
    layouts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One column for one device: its full OID, and the name its values carry (`profile.table.metric@digest8`)."""

    column: Column
    oid: Oid
    shown: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRules:
    """One table for one device: its name with its profile's, and its place in `Ask.walks`.

    `at` says which column of the walk each rule and then each helper reads: what several of them read is asked once.
    """

    name: str
    table: Table
    rules: tuple[Rule, ...]
    helpers: tuple[Rule, ...]
    walk: int
    at: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What one profile asks of one device; `first` is where its scalars begin in `Ask.gets`."""

    profile: str
    digest: str
    scalars: tuple[Rule, ...]
    first: int
    tables: tuple[TableRules, ...]
    contradictions: tuple[Contradiction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The whole question to one device and how its answer is to be read. Keep it: one plan serves many devices."""

    ask: Ask
    sections: tuple[Section, ...]

    @property
    def profile(self) -> str:
        """The names of the profiles, joined with `+`."""
        return "+".join(s.profile for s in self.sections)

    @property
    def digest(self) -> str:
        """The digests of the profiles, joined with `+`."""
        return "+".join(s.digest for s in self.sections)


def plan(
    chosen: Sequence[Chosen],
    *,
    costs: Collection[str] = tuple(COST_S),
    metrics: Collection[str] = (),
    limits: Limits | None = None,
) -> Plan:
    """Return the question for these profiles, with only the columns of these cost classes and, if given, metrics.

    Columns that make the identity of a row are always asked: a value without its subject is worth nothing.
    """
    gets: list[Oid] = []
    walks: list[tuple[Oid, ...]] = []
    wanted = _Wanted(frozenset(costs), frozenset(metrics))
    sections = tuple(_section(c, wanted, gets, walks) for c in chosen)
    return Plan(ask=Ask(tuple(gets), tuple(walks), uptime=True, limits=limits or Limits()), sections=sections)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which columns are asked: of these costs, and of these metrics unless none is named."""

    costs: frozenset[str]
    metrics: frozenset[str]

    def __contains__(self, column: Column) -> bool:
        named = not self.metrics or (column.metric is not None and column.metric.name in self.metrics)
        return named and column.cost in self.costs


def _section(chosen: Chosen, wanted: _Wanted, gets: list[Oid], walks: list[tuple[Oid, ...]]) -> Section:
    profile, mark = chosen.profile, digest(chosen.profile)
    first = len(gets)
    scalars = tuple(
        _rule(column, chosen.root, f"{profile.name}.scalar", mark)
        for column in profile.scalars
        if column in wanted and column.layout in {"", *chosen.layouts}
    )
    gets += [rule.oid for rule in scalars]
    tables: list[TableRules] = []
    for table in profile.tables:
        rules = _table_rules(table, chosen, wanted, mark)
        if rules is not None:
            oids = [r.oid for r in (*rules.rules, *rules.helpers)]
            walks.append(tuple(dict.fromkeys(oids)))
            tables.append(replace(rules, walk=len(walks) - 1, at=tuple(walks[-1].index(oid) for oid in oids)))
    return Section(
        profile=profile.name,
        digest=mark,
        scalars=scalars,
        first=first,
        tables=tuple(tables),
        contradictions=() if wanted.metrics else profile.contradictions,  # a part of the counts contradicts nothing
    )


def _table_rules(table: Table, chosen: Chosen, asked: _Wanted, mark: str) -> TableRules | None:
    layouts = {"", *chosen.layouts}
    if table.layout not in layouts:
        return None
    wanted = [c for c in table.columns if c in asked and c.layout in layouts]
    if not wanted:
        return None
    named = {name for choice in table.identity for name in choice} | table.rows
    columns = [c for c in table.columns if c in wanted or (c.key in named and c.layout in layouts)]
    used = {f for c in columns for f in c.factors} | {key for c in columns for key, _ in c.only}
    used |= named | {key for key, _ in (*table.unless, *table.only)}
    where = f"{chosen.profile.name}.{table.name}"
    return TableRules(
        name=where,
        table=table,
        rules=tuple(_rule(c, chosen.root, where, mark) for c in columns),
        helpers=tuple(_rule(h, chosen.root, where, mark) for h in table.helpers if h.key in used),
        walk=-1,
        at=(),
    )


def _rule(column: Column, root: Oid, where: str, mark: str) -> Rule:
    oid = column.place.under(root)
    return Rule(column=column, oid=oid, shown=dotted(oid), name=f"{where}.{column.key}@{mark[:8]}")
