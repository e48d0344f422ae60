"""Answers → a Poll's rows, whole columns at a time: what `rows(decode(...))` gives, at a fraction of its cost. Pure.

A poller of ten thousand devices needs rows only; raw values, OIDs and rules can be had from the archived replies at any
time. Nearly every answer is plain: its columns stand side by side and every cell can be read. What is not plain (a cell
missing, unreadable or torn, rows that claim one identity) gives None here, and the general way takes the whole answer.
A test holds both to the same result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from collectors.cells import as_written, factor_of, is_among, product, read_cell
from collectors.convert import IDENTITY, UnreadableError
from collectors.decode import restarted
from collectors.known_as import collect
from collectors.rows import Cell, row_names, suits
from collectors.snmp.ask import Failure
from collectors.snmp.varbind import NULL, UNREADABLE
from netops.metrics import Kind
from netops.model import Quality, Reason, Row, Subject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from fractions import Fraction

    from collectors.plan import Plan, Rule, Section, TableRules
    from collectors.profile import Column, Contradiction
    from collectors.snmp.ask import Answer, Walked
    from collectors.snmp.varbind import Oid, Value, Varbinds

_OK: Final = Quality.OK
_NUMBERS: Final = frozenset({Kind.GAUGE, Kind.COUNTER})


class _NotPlainError(Exception):
    """Something that only the general way can tell."""


class Known:
    """The subjects that a device's tables had last time: while indexes and identities stay, they need no reading.

    `fresh` are the tables whose subjects are known by other names than last time, with all of those names: for whoever
    keeps them, and who then empties it. What was told before is remembered by its hash alone.
    """

    __slots__ = ("_told", "fresh", "tables")

    def __init__(self) -> None:
        self.tables: dict[str, tuple[tuple[object, ...], tuple[Subject, ...]]] = {}
        self.fresh: dict[str, Mapping[str, str]] = {}
        self._told: dict[str, int] = {}

    def learn(self, table: str, names: Mapping[str, str]) -> bool:
        """Take the names of a table's subjects; return whether they are news."""
        mark = hash(frozenset(names.items()))
        news = self._told.get(table) != mark
        if news:
            self._told[table] = mark
            self.fresh[table] = names
        return news


class _Cells(NamedTuple):
    """One column as read: its metric, one value for each row, and the codes of those that are not simply ok."""

    rule: Rule
    text: bool
    values: Sequence[float | str | None]
    codes: Mapping[int, str]


@dataclass(slots=True)
class _Rows:
    """The rows while they grow, by subject; as `netops.series.rows` has them."""

    values: dict[Subject, dict[str, float | None]]
    codes: dict[Subject, dict[str, str]]
    texts: dict[Subject, dict[str, str]]

    def put(self, subject: Subject, metric: str, value: float | str | None, code: str, *, text: bool) -> None:
        """Take one value: the first that is ok stays, else the first."""
        into = self.values.setdefault(subject, {})
        if text and value is not None:
            self.texts.setdefault(subject, {}).setdefault(metric, str(value))
            return
        mine = self.codes.setdefault(subject, {})
        if metric in into and (metric not in mine or code):
            return
        into[metric] = None if value is None else float(value)
        mine.pop(metric, None)
        if code:
            mine[metric] = code

    def gap(self, subject: Subject, metric: str, reason: Reason) -> None:
        """Say why a metric of which there is no value is not there."""
        into = self.values.setdefault(subject, {})
        if metric not in into and metric not in self.texts.get(subject, {}):
            into[metric] = None
            self.codes.setdefault(subject, {})[metric] = reason.value

    def whole(self) -> tuple[Row, ...]:
        """Return the rows in the order in which subjects appeared."""
        codes, texts = self.codes, self.texts
        return tuple(
            Row(subject=s, values=v, codes=codes.get(s, {}), texts=texts.get(s, {})) for s, v in self.values.items()
        )


def quick_rows(plan: Plan, answer: Answer, *, device: str, known: Known) -> tuple[Row, ...] | None:
    """Return the rows of a plain answer, or None when the general way has to read it."""
    if answer.failed is not None or restarted(answer.uptime_first, answer.uptime_last):
        return None
    reader = _Reader(device, answer, known)
    try:
        for section in plan.sections:
            reader.section(section)
    except (_NotPlainError, UnreadableError):
        return None
    for subject, metric, reason in reader.gaps:
        reader.rows.gap(subject, metric, reason)
    return reader.rows.whole()


class _Reader:
    """Collects while one answer is read; never leaves `quick_rows`."""

    __slots__ = ("answer", "device", "gaps", "gets", "known", "rows", "whole")

    def __init__(self, device: str, answer: Answer, known: Known) -> None:
        self.device, self.answer, self.known = device, answer, known
        self.whole = Subject("device", device)
        self.gets = answer.gets
        self.rows = _Rows({}, {}, {})
        self.gaps: list[tuple[Subject, str, Reason]] = []

    def section(self, section: Section) -> None:
        scalars: dict[str, float] = {}
        for at, rule in enumerate(section.scalars, section.first):
            self.scalar(rule, self.gets[at], scalars)
        sums: dict[tuple[str, str], tuple[int, float]] = {}
        for rules in section.tables:
            read = self.table(rules, self.answer.walks[rules.walk])
            if section.contradictions:
                _add_up(rules.table.name, read, sums)
        for contradiction in section.contradictions:
            self.spread(contradiction, scalars, sums)

    def scalar(self, rule: Rule, got: object, scalars: dict[str, float]) -> None:
        column = rule.column
        subject = Subject(column.kind, f"{self.device}/{column.local}") if column.local else self.whole
        metric = column.metric
        if isinstance(got, Failure):
            self.gaps.append((subject, metric.name if metric else column.key, got.reason))
            return
        tag, value = got.tag, got.value  # type: ignore[attr-defined]
        if tag in (NULL, UNREADABLE):
            raise _NotPlainError
        if metric is None:
            return
        found, quality = read_cell(column, value)
        text = isinstance(found, str) or metric.kind is Kind.TEXT
        self.rows.put(subject, metric.name, found, "" if quality is _OK else quality.value, text=text)
        if quality is _OK and not isinstance(found, str) and found is not None:
            scalars[column.key] = found

    def table(self, rules: TableRules, walked: Walked) -> list[_Cells]:
        if walked.failures:
            raise _NotPlainError
        every = (*rules.rules, *rules.helpers)
        got = walked.columns
        columns = [got[at] for at in rules.at]
        there = [at for at in range(len(every)) if columns[at].oids]
        self.gaps += [
            (self.whole, rule.column.metric.name, Reason.NO_SUCH_OBJECT)
            for at, rule in enumerate(every)
            if not columns[at].oids and rule.column.metric is not None
        ]
        if not any(at < len(rules.rules) and _names_rows(rules, at) for at in there):
            if rules.table.only:
                raise _NotPlainError
            return []  # helpers alone, or columns that do not say which rows there are, make no row
        indexes = _side_by_side(every, columns, there)
        helpers = {h.column.key: columns[at].values for at, h in enumerate(rules.helpers, len(rules.rules))}
        kept = _kept(rules, helpers, len(indexes))
        named = [at for at in there if every[at].column.key in _naming(rules)]
        subjects = self.subjects(rules, indexes, {at: columns[at].values for at in named}, kept)
        rows = range(len(indexes)) if kept is None else kept
        read: list[_Cells] = []
        parts: list[tuple[list[int], _Cells]] = []
        for at, rule in enumerate(rules.rules):
            if not columns[at].oids or rule.column.metric is None:
                continue
            factors = _factors(rules, rule.column, helpers)
            if not rule.column.only:
                read.append(_column(rule, columns[at].values, factors, kept))
                continue
            mine = [place for place, row in enumerate(rows) if suits(rule.column.only, _said(helpers, row))]
            cells = _column(rule, columns[at].values, factors, [rows[place] for place in mine])
            parts.append((mine, cells))
        self.put_all(subjects, read)
        for places, cells in parts:
            self.put_some([subjects[place] for place in places], cells)
        return [*read, *(cells for _, cells in parts)]

    def put_some(self, subjects: Sequence[Subject], cells: _Cells) -> None:
        assert cells.rule.column.metric is not None  # helpers are no cells
        name = cells.rule.column.metric.name
        for row, (subject, value) in enumerate(zip(subjects, cells.values, strict=True)):
            self.rows.put(subject, name, value, cells.codes.get(row, ""), text=cells.text)

    def subjects(
        self, rules: TableRules, indexes: list[Oid], naming: Mapping[int, Sequence[Value]], kept: Sequence[int] | None
    ) -> tuple[Subject, ...]:
        """Return each row's subject, as last time when nothing that names them has changed."""
        name = f"{rules.rules[0].name}/{rules.walk}"
        seen = (indexes, *naming.values(), kept)
        held = self.known.tables.get(name)
        if held is not None and held[0] == seen:
            return held[1]
        rows = range(len(indexes)) if kept is None else kept
        naming_rules = [(rules.rules + rules.helpers)[at] for at in naming]
        named = [
            row_names(
                rules.table,
                indexes[row],
                [(rule, Cell(0, values[row])) for rule, values in zip(naming_rules, naming.values(), strict=True)],
                self.device,
            )
            for row in rows
        ]
        subjects = tuple(subject for subject, _ in named)
        if len(set(subjects)) != len(subjects):
            raise _NotPlainError
        self.known.tables[name] = (seen, subjects)
        if len(rules.table.identity) > 1:
            self.known.learn(rules.name, collect((each, subject.id) for subject, also in named for each in also))
        return subjects

    def put_all(self, subjects: Sequence[Subject], read: Sequence[_Cells]) -> None:
        into = self.rows
        metrics = [cells.rule.column.metric.name for cells in read if cells.rule.column.metric]
        odd_texts = any(None in cells.values for cells in read if cells.text)
        if odd_texts or len(set(metrics)) != len(metrics) or not into.values.keys().isdisjoint(subjects):
            for row, subject in enumerate(subjects):
                into.values.setdefault(subject, {})
                for metric, cells in zip(metrics, read, strict=True):
                    into.put(subject, metric, cells.values[row], cells.codes.get(row, ""), text=cells.text)
            return
        numbers = [(m, c) for m, c in zip(metrics, read, strict=True) if not c.text]
        texts = [(m, c) for m, c in zip(metrics, read, strict=True) if c.text]
        names = [m for m, _ in numbers]
        columns = [c.values for _, c in numbers]
        for subject in subjects:
            into.values[subject] = {}
        for subject, filled in zip(subjects, zip(*columns, strict=True), strict=bool(columns)):
            into.values[subject] = dict(zip(names, filled, strict=True))
            into.codes[subject] = {}
        for metric, cells in numbers:
            for row, code in cells.codes.items():
                into.codes[subjects[row]][metric] = code
        for metric, cells in texts:
            for row, (subject, value) in enumerate(zip(subjects, cells.values, strict=True)):
                into.put(subject, metric, value, cells.codes.get(row, ""), text=True)

    def spread(
        self,
        contradiction: Contradiction,
        scalars: Mapping[str, float],
        sums: Mapping[tuple[str, str], tuple[int, float]],
    ) -> None:
        found: list[float] = []
        for count in contradiction.counts:
            if count.scalar:
                if count.scalar in scalars:
                    found.append(scalars[count.scalar])
                continue
            rows, total = sums.get((count.table, count.column), (0, 0.0))
            if rows:
                found.append(total)
                self.rows.put(self.whole, count.metric.name, total, "", text=False)
        if len(found) > 1:
            self.rows.put(self.whole, contradiction.spread.name, max(found) - min(found), "", text=False)


def _names_rows(rules: TableRules, at: int) -> bool:
    return not rules.table.rows or rules.rules[at].column.key in rules.table.rows


def _naming(rules: TableRules) -> set[str]:
    return {name for choice in rules.table.identity for name in choice}


def _side_by_side(every: Sequence[Rule], columns: Sequence[Varbinds], there: Sequence[int]) -> list[Oid]:
    """Return the indexes that all columns share."""
    first: list[Oid] = []
    for at in there:
        got, depth = columns[at], len(every[at].oid)
        indexes = [oid[depth:] for oid in got.oids]
        if NULL in got.tags or UNREADABLE in got.tags or every[at].column.deeper or (first and indexes != first):
            raise _NotPlainError
        first = first or indexes
    return first


def _kept(rules: TableRules, helpers: Mapping[str, Sequence[Value]], count: int) -> Sequence[int] | None:
    """Return which rows are subjects of this table, None for all; a row is none when a helper says so."""
    gone: set[int] = set()
    for key, listed in rules.table.unless:
        gone |= {row for row, value in enumerate(helpers[key]) if is_among(as_written(value), listed)}
    for key, listed in rules.table.only:
        if not helpers[key]:  # nothing says which rows are this table's
            raise _NotPlainError
        gone |= {row for row, value in enumerate(helpers[key]) if not is_among(as_written(value), listed)}
    return tuple(row for row in range(count) if row not in gone) if gone else None


def _said(helpers: Mapping[str, Sequence[Value]], row: int) -> dict[str, int | str]:
    return {key: as_written(values[row]) for key, values in helpers.items() if values}


def _factors(
    rules: TableRules, column: Column, helpers: Mapping[str, Sequence[Value]]
) -> Sequence[int | Fraction | None] | None:
    """Return by what each row's number is multiplied; nothing for a column that is not."""
    if not column.factors:
        return None
    read = {h.column.key: [factor_of(h.column, v) for v in helpers[h.column.key]] for h in rules.helpers}
    if not all(read[name] for name in column.factors):
        raise _NotPlainError
    rows = range(len(read[column.factors[0]]))
    return [product(column.factors, {name: read[name][row] for name in column.factors}) for row in rows]


def _column(
    rule: Rule,
    values: Sequence[Value],
    factors: Sequence[int | Fraction | None] | None,
    kept: Sequence[int] | None,
) -> _Cells:
    """Read a column: at once where all cells are plain numbers or states within bounds, else cell by cell."""
    column = rule.column
    if kept is not None:
        values = [values[row] for row in kept]
        factors = None if factors is None else [factors[row] for row in kept]
    metric = column.metric
    if metric is not None and factors is None and values:
        numbers = _plain_numbers(column, values) if metric.kind in _NUMBERS else None
        if metric.kind is Kind.STATE and not column.sentinels:
            codes = [column.states.get(value) if type(value) is int else None for value in values]
            numbers = None if None in codes else [float(code) for code in codes if code is not None]
        if numbers is not None:
            return _Cells(rule, text=False, values=numbers, codes={})
    read: list[float | str | None] = []
    told: dict[int, str] = {}
    for row, value in enumerate(values):
        factor = factors[row] if factors is not None else 1
        if factor is None:
            raise _NotPlainError
        found, quality = read_cell(column, value, factor)
        if quality is not _OK:
            told[row] = quality.value
        read.append(found if found is None or isinstance(found, str) else float(found))
    text = metric is not None and metric.kind is Kind.TEXT
    if not text and any(isinstance(found, str) for found in read):
        raise _NotPlainError
    return _Cells(rule, text=text, values=read, codes=told)


def _plain_numbers(column: Column, values: Sequence[Value]) -> list[float] | None:
    """Return the column as floats when every cell is an integer that needs no look of its own."""
    metric = column.metric
    if column.read != "number" or metric is None or set(map(type, values)) != {int}:
        return None
    numbers = cast("Sequence[int]", values)
    if column.sentinels and not column.sentinels.isdisjoint(numbers):
        return None
    found: Sequence[float] = numbers if column.linear is IDENTITY else [column.linear.apply(n) for n in numbers]
    low, high = min(found), max(found)
    for least, most in (metric.bounds, column.bounds):
        if (least is not None and low < least) or (most is not None and high > most):
            return None
    return list(map(float, found))


def _add_up(table: str, read: Sequence[_Cells], sums: dict[tuple[str, str], tuple[int, float]]) -> None:
    for cells in read:
        if cells.text:
            continue
        good = [v for row, v in enumerate(cells.values) if row not in cells.codes and isinstance(v, float)]
        sums[table, cells.rule.column.key] = (len(good), sum(good))
