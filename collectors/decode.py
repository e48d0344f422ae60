"""Answers → observations and gaps, by the rules of a plan. Pure: no device, no clock.

Every value keeps its raw form, OID, rule and quality. Everything that was asked and is not there is a Gap with its
reason; a table is torn where its columns do not fit together or the device restarted while it was walked.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from collectors.cells import product
from collectors.convert import raw
from collectors.known_as import collect, in_numbers
from collectors.rows import Cell, Grid, grid
from collectors.snmp.ask import Failure
from collectors.snmp.varbind import NULL, UNREADABLE, Varbind
from collectors.told import Told
from netops.model import Gap, Observation, Quality, Reason, Subject

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from fractions import Fraction

    from collectors.plan import Plan, Rule, Section, TableRules
    from collectors.profile import Contradiction
    from collectors.snmp.ask import Answer

_TICKS = 2**32
_LONGEST_WALK = 360_000  # one hour in ticks: a sysUpTime that went on by more has gone back


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What came of one answer; `names` are by what else the subjects of each table are known."""

    observations: tuple[Observation, ...]
    gaps: tuple[Gap, ...]
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether everything that was asked is there."""
        return not self.gaps


def restarted(first: int | None, last: int | None) -> bool:
    """Whether sysUpTime went back between first and last; its wrap after 497 days is no restart (RFC 3418)."""
    return first is not None and last is not None and (last - first) % _TICKS > _LONGEST_WALK


def decode(plan: Plan, answer: Answer, *, device: str, at_ms: int) -> Decoded:
    """Return the observations and gaps of one device's answer to `plan.ask`."""
    reader = _Reader(device, at_ms, torn=restarted(answer.uptime_first, answer.uptime_last))
    gets = answer.gets
    for section in plan.sections:
        reader.section(section, gets, answer)
    return Decoded(observations=tuple(reader.observations), gaps=tuple(reader.gaps), names=reader.names)


def wholes(section: Section, gets: Sequence[Varbind | Failure], device: str) -> dict[str, str]:
    """Return the names of what is the device itself: a cell of which its scalars tell is its only one."""
    tables = {rules.table.kind for rules in section.tables}
    told = {
        (rule.column.kind, rule.column.local)
        for rule, got in zip(section.scalars, gets[section.first :], strict=False)
        if rule.column.local and rule.column.kind not in tables and not isinstance(got, Failure)
    }
    return collect((in_numbers(kind, ""), f"{device}/{local}") for kind, local in told)


class _Reader(Told):
    """Collects while one answer is read; never leaves `decode`."""

    __slots__ = ("names", "torn")

    def __init__(self, device: str, at_ms: int, *, torn: bool) -> None:
        super().__init__(device, at_ms)
        self.torn = torn
        self.names: dict[str, Mapping[str, str]] = {}

    def section(self, section: Section, gets: Sequence[Varbind | Failure], answer: Answer) -> None:
        start = len(self.observations)
        if whole := wholes(section, gets, self.device):
            self.names[f"{section.profile}."] = whole  # no table has this name
        failed = answer.failed or Failure(Reason.NO_ANSWER)
        for at, rule in enumerate(section.scalars, section.first):
            self.scalar(rule, gets[at] if at < len(gets) else failed)
        for rules in section.tables:
            walked = answer.walks[rules.walk] if rules.walk < len(answer.walks) else None
            rows = grid(rules, walked, failed, device=self.device)
            self.table(rules, rows)
            if walked is not None and not walked.failures and not self.torn:
                self.known_as(rules, rows)
        mine = self.observations[start:]
        for contradiction in section.contradictions:
            self.observations += spread(contradiction, mine, section, device=self.device)

    def scalar(self, rule: Rule, got: Varbind | Failure) -> None:
        column = rule.column
        subject = Subject(column.kind, f"{self.device}/{column.local}") if column.local else self.whole
        if isinstance(got, Failure):
            self.gap(rule, subject, got, oid=rule.shown)
        elif got.tag == NULL:
            self.gap(rule, subject, Failure(Reason.UNREADABLE, "NULL"), oid=rule.shown)
        else:
            self.cell(rule, subject, Cell(got.tag, got.value), index="", oid=rule.shown, torn=False, factor=1)

    def table(self, rules: TableRules, rows: Grid) -> None:
        for rule, failure in rows.absent:
            self.gap(rule, self.whole, failure, oid=rule.shown)
        for row in rows.rows:
            torn = row.torn or self.torn
            for rule, cell in zip(rules.rules, row.cells, strict=True):
                oid = f"{rule.shown}.{row.index}"
                if isinstance(cell, Failure):
                    self.gap(rule, row.subject, cell, oid=oid, index=row.index)
                elif cell is not None:
                    factor = product(rule.column.factors, row.factors)
                    self.cell(rule, row.subject, cell, index=row.index, oid=oid + cell.deeper, torn=torn, factor=factor)

    def known_as(self, rules: TableRules, rows: Grid) -> None:
        """Take by what else the subjects are known, from a table that came whole."""
        if len(rules.table.identity) > 1 and rows.rows:
            self.names[rules.name] = collect((name, row.subject.id) for row in rows.rows for name in row.also)

    def cell(
        self,
        rule: Rule,
        subject: Subject,
        cell: Cell,
        *,
        index: str,
        oid: str,
        torn: bool,
        factor: int | Fraction | None,
    ) -> None:
        column = rule.column
        if column.metric is None:
            return
        shown = raw(cell.value, cell.tag)
        if cell.tag == UNREADABLE:
            self.unreadable(column, subject, "content does not fit its type", shown=shown, place=oid, index=index)
        elif factor is None:
            named = "', '".join(column.factors)
            why = f"expected the row's '{named}', by which it is multiplied"
            self.unreadable(column, subject, why, shown=shown, place=oid, index=index)
        else:
            self.value(
                column,
                cell.value,
                shown=shown,
                subject=subject,
                place=oid,
                rule=rule.name,
                index=index,
                torn=torn,
                factor=factor,
            )

    def gap(self, rule: Rule, subject: Subject, failure: Failure, *, oid: str, index: str = "") -> None:
        self.missing(rule.column, subject, failure.reason, failure.detail, place=oid, index=index)


def spread(
    contradiction: Contradiction, observations: Sequence[Observation], section: Section, *, device: str
) -> Iterator[Observation]:
    """Yield what a device's own counts of one thing add up to, and how far apart they are.

    Only complete rows count; a count without any row, or a scalar that is not there, takes no part.
    """
    whole = Subject("device", device)
    found: list[tuple[str, float]] = []
    sample: Observation | None = None
    for count in contradiction.counts:
        name = count.scalar or count.column
        where = f"{section.profile}.{count.table or 'scalar'}.{name}@"
        mine = [o for o in observations if o.metric == name and o.rule.startswith(where) and o.quality is Quality.OK]
        numbers = [o.value for o in mine if isinstance(o.value, (int, float))]
        if not numbers:
            continue
        sample = sample or mine[0]
        found.append((count.metric.name, sum(numbers)))
        if not count.scalar:
            yield replace(
                mine[0],
                metric=count.metric.name,
                subject=whole,
                value=sum(numbers),
                unit=count.metric.unit,
                raw=f"sum of {len(numbers)} rows",
                oid=mine[0].oid.removesuffix(f".{mine[0].index}"),
                rule=f"{section.profile}.sum.{count.metric.name}@{section.digest[:8]}",
                index="",
            )
    if sample is not None and len(found) > 1:
        numbers = [n for _, n in found]
        yield replace(
            sample,
            metric=contradiction.spread.name,
            subject=whole,
            value=max(numbers) - min(numbers),
            unit=contradiction.spread.unit,
            raw=" ".join(f"{name}={n:g}" for name, n in found),
            oid="",
            rule=f"{section.profile}.spread.{contradiction.spread.name}@{section.digest[:8]}",
            index="",
        )
