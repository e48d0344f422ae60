"""Hot rows and sealed files as one answer, the same wherever the border between them lies.

A View is one read transaction over the hot part; the list of sealed files is read in it, so every row is seen once.
SQLite answers for the hot rows, DuckDB for the files. Percentiles are exact (nearest rank by whole-number arithmetic)
and means are summed in sorted order with compensation, so that not even the last bit depends on where a row lies.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from netops import sqlite
from netops.model import Subject
from netops.store import cold, hot
from netops.store.values import OK, Grouped, Outcome, Reading, Tally, in_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import apsw
    import duckdb

_NO_VALUE, _NO_CODE = "NULL::DOUBLE", "NULL::VARCHAR"
POLL_COLUMNS = ("device", "slot_ms", "at_ms", "outcome", "attempts", "rtt_ms", "lag_ms", "profile", "digest")


class View:
    """What a store holds at one instant: enter it, ask, leave it."""

    def __init__(self, db: apsw.Connection, names: hot.Names, files: duckdb.DuckDBPyConnection, root: Path) -> None:
        self._db = db
        self._names = names
        self._duck = files
        self._root = root

    def __enter__(self) -> View:  # noqa: PYI034  (final: nothing inherits here)
        self._db.execute("BEGIN")
        self._metrics = self._names.space("metric")
        return self

    def __exit__(self, *_: object) -> None:
        self._db.execute("COMMIT")

    def last(self, kind: str, metrics: Sequence[str], *, start_ms: int, end_ms: int) -> list[Reading]:
        """Return the newest reading of each (subject, metric, device) in the window."""
        newest: dict[tuple[str, str, str], Reading] = {}
        for reading in (
            *self._cold_last(kind, metrics, start_ms, end_ms),
            *self._hot_last(kind, metrics, start_ms, end_ms),
        ):
            key = (reading.subject.id, reading.metric, reading.device)
            if key not in newest or newest[key].slot_ms < reading.slot_ms:
                newest[key] = reading
        return [newest[key] for key in sorted(newest)]

    def readings(self, subject: Subject, metrics: Sequence[str], *, start_ms: int, end_ms: int) -> list[Reading]:
        """Return the series of several metrics of one subject, one after the other, in one scan of each part."""
        asked = list(dict.fromkeys(metrics))
        found = [*self._cold_readings(subject, asked, start_ms, end_ms)]
        found += self._hot_readings(subject, asked, start_ms, end_ms)
        return in_order(found, asked)

    def grouped(
        self, metric: str, groups: Mapping[Subject, str], *, start_ms: int, end_ms: int, step_ms: int
    ) -> list[Grouped]:
        """Return n, mean and p95 of the ok values per (step, group)."""
        kinds = sorted({subject.kind for subject in groups})
        asked = {kind: {hot.stored(s.id): group for s, group in groups.items() if s.kind == kind} for kind in kinds}
        parts = ["SELECT slot_ms, value, grp FROM hot_values"]
        tables = {"hot_values": self._hot_values(metric, asked, start_ms, end_ms)}
        for place, kind in enumerate(kinds):
            source = self._sealed(kind, metric, start_ms, end_ms)
            if source:
                tables[f"groups_{place}"] = _strings(subject=list(asked[kind]), grp=list(asked[kind].values()))
                parts.append(
                    f"SELECT slot_ms, value, grp FROM ({source}) JOIN groups_{place} USING (subject) "  # noqa: S608
                    f"WHERE value IS NOT NULL AND coalesce(code, '{OK}') = '{OK}'"
                )
        step = f"{start_ms} + (slot_ms - {start_ms}) // {step_ms} * {step_ms}"
        sql = (
            "SELECT step, grp, list_aggregate(found, 'favg'), found[(len(found) * 95 + 99) // 100], len(found) FROM ("  # noqa: S608
            f"SELECT {step} AS step, grp, list(value ORDER BY value) AS found "
            f"FROM ({' UNION ALL '.join(parts)}) GROUP BY ALL) ORDER BY step, grp"
        )
        return [
            Grouped(start_ms=at, group=group, mean=mean, p95=p95, n=n)
            for at, group, mean, p95, n in cold.fetch(self._duck, sql, **tables)
        ]

    def outcomes(self, *, start_ms: int, end_ms: int, device: str | None) -> list[Outcome]:
        """Return one outcome per poll in order of (slot, device)."""
        found: list[tuple[Any, ...]] = []
        paths = [path for path, _ in self._files(cold.POLLS, start_ms, end_ms)]
        if paths:
            only = "" if device is None else f" AND device = {cold.quoted(device)}"
            found = cold.fetch(
                self._duck,
                f"SELECT {', '.join(POLL_COLUMNS)} FROM {cold.files(self._root, paths)} "  # noqa: S608
                f"WHERE slot_ms >= {start_ms} AND slot_ms < {end_ms}{only}",
            )
        found += self._hot_outcomes(start_ms, end_ms, device)
        found.sort(key=lambda row: (row[1], row[0]))
        return [Outcome(**dict(zip(POLL_COLUMNS, row, strict=True))) for row in found]

    def tally(self, *, start_ms: int, end_ms: int) -> list[Tally]:
        """Return the number of polls per device and outcome."""
        counted: Counter[tuple[str, str]] = Counter()
        paths = [path for path, _ in self._files(cold.POLLS, start_ms, end_ms)]
        if paths:
            sql = (
                f"SELECT device, outcome, count(*) FROM {cold.files(self._root, paths)} "  # noqa: S608
                f"WHERE slot_ms >= {start_ms} AND slot_ms < {end_ms} GROUP BY ALL"
            )
            counted.update({(device, outcome): n for device, outcome, n in cold.fetch(self._duck, sql)})
        texts = self._names.texts()
        sql = "SELECT device, outcome, count(*) FROM poll WHERE slot_ms >= ? AND slot_ms < ? GROUP BY device, outcome"
        for device, outcome, polls in sqlite.rows(self._db, sql, (start_ms, end_ms)):
            counted[texts[device], texts[outcome]] += polls
        return [Tally(device=key[0], outcome=key[1], polls=counted[key]) for key in sorted(counted)]

    def texts(self, subject: Subject) -> dict[str, str]:
        """Return the newest text of each name."""
        number = self._names.find(subject.kind, hot.stored(subject.id))
        if number is None:
            return {}
        names = self._names.texts()
        sql = "SELECT name, slot_ms, device, value FROM text WHERE subject = ?"
        told = sqlite.rows(self._db, sql, (number,))
        told.sort(key=lambda row: (row[1], names[row[2]]))
        return {names[name]: value for name, _, _, value in told}

    def polled(self, keys: Sequence[tuple[str, int]]) -> set[tuple[str, int]]:
        """Return those of these `(device, slot_ms)` that lie in sealed files."""
        slots = [slot_ms for _, slot_ms in keys]
        paths = [path for path, _ in self._files(cold.POLLS, min(slots), max(slots) + 1)] if keys else []
        if not paths:
            return set()
        asked = pa.table({"device": [device for device, _ in keys], "slot_ms": pa.array(slots, pa.int64())})
        sql = f"SELECT device, slot_ms FROM {cold.files(self._root, paths)} SEMI JOIN asked USING (device, slot_ms)"  # noqa: S608
        return {(device, slot_ms) for device, slot_ms in cold.fetch(self._duck, sql, asked=asked)}

    # ---- the sealed part

    def _files(self, kind: str, start_ms: int, end_ms: int) -> list[tuple[str, set[str]]]:
        sql = "SELECT path, columns FROM sealed WHERE kind = ? AND last_ms >= ? AND first_ms < ? ORDER BY path"
        return [
            (path, set(json.loads(columns))) for path, columns in sqlite.rows(self._db, sql, (kind, start_ms, end_ms))
        ]

    def _by_columns(
        self, kind: str, metrics: Sequence[str], start_ms: int, end_ms: int
    ) -> dict[tuple[tuple[str, str], ...], list[str]]:
        """Return the files that speak of any of the metrics, by the SQL of each metric's value and code in them."""
        found: dict[tuple[tuple[str, str], ...], list[str]] = {}
        for path, known in self._files(kind, start_ms, end_ms):
            pairs = tuple(
                (
                    cold.column(metric) if metric in known else _NO_VALUE,
                    cold.column(f"{metric}:code") if f"{metric}:code" in known else _NO_CODE,
                )
                for metric in metrics
            )
            if any(pair != (_NO_VALUE, _NO_CODE) for pair in pairs):
                found.setdefault(pairs, []).append(path)
        return found

    def _sealed(self, kind: str, metric: str, start_ms: int, end_ms: int) -> str:
        """Return the SQL of (subject, device, slot_ms, at_ms, value, code), empty when no file speaks of the metric."""
        within = f"slot_ms >= {start_ms} AND slot_ms < {end_ms}"
        return " UNION ALL ".join(
            f"SELECT subject, device, slot_ms, at_ms, {value} AS value, {code} AS code "  # noqa: S608
            f"FROM {cold.files(self._root, paths)} "
            f"WHERE {within} AND ({value} IS NOT NULL OR {code} IS NOT NULL)"
            for ((value, code),), paths in self._by_columns(kind, [metric], start_ms, end_ms).items()
        )

    def _cold_last(self, kind: str, metrics: Sequence[str], start_ms: int, end_ms: int) -> Iterable[Reading]:
        for pairs, paths in self._by_columns(kind, metrics, start_ms, end_ms).items():
            newest = ", ".join(
                f"arg_max({{'slot': slot_ms, 'at': at_ms, 'value': {value}, 'code': {code}}}, slot_ms) "
                f"FILTER (WHERE {value} IS NOT NULL OR {code} IS NOT NULL)"
                for value, code in pairs
            )
            sql = (
                f"SELECT subject, device, {newest} FROM {cold.files(self._root, paths)} "  # noqa: S608
                f"WHERE slot_ms >= {start_ms} AND slot_ms < {end_ms} GROUP BY subject, device"
            )
            for subject, device, *found in cold.fetch(self._duck, sql):
                about = Subject(kind, subject)
                for metric, told in zip(metrics, found, strict=True):
                    if told is not None:
                        yield _reading(about, metric, device, told["slot"], told["at"], told["value"], told["code"])

    def _cold_readings(self, subject: Subject, metrics: Sequence[str], start_ms: int, end_ms: int) -> Iterable[Reading]:
        asked = cold.quoted(hot.stored(subject.id))
        for columns, paths in self._by_columns(subject.kind, metrics, start_ms, end_ms).items():
            pairs = ", ".join(f"{value}, {code}" for value, code in columns)
            sql = (
                f"SELECT device, slot_ms, at_ms, {pairs} FROM {cold.files(self._root, paths)} "  # noqa: S608
                f"WHERE subject = {asked} AND slot_ms >= {start_ms} AND slot_ms < {end_ms}"
            )
            for device, slot, at, *told in cold.fetch(self._duck, sql):
                for place, metric in enumerate(metrics):
                    value, code = told[2 * place : 2 * place + 2]
                    if value is not None or code is not None:
                        yield _reading(subject, metric, device, slot, at, value, code)

    # ---- the hot part

    def _hot_columns(self, kind: str, metrics: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Return the SQL of value and code of those metrics that the kind's table speaks of."""
        known = hot.columns(self._db, kind)
        found = {}
        for metric in metrics:
            number = self._metrics.get(metric)
            value, code = f"m{number}", f"c{number}"
            if value in known or code in known:
                found[metric] = (value if value in known else "NULL", code if code in known else "NULL")
        return found

    def _hot_last(self, kind: str, metrics: Sequence[str], start_ms: int, end_ms: int) -> Iterable[Reading]:
        columns = self._hot_columns(kind, metrics)
        if not columns:
            return
        texts = self._names.texts()
        newest = ", ".join(
            f"max(CASE WHEN {value} IS NOT NULL OR {code} IS NOT NULL THEN slot_ms END)"
            for value, code in columns.values()
        )
        where = f"FROM {hot.table(kind)} WHERE slot_ms >= ? AND slot_ms < ? GROUP BY subject, device"
        found = sqlite.rows(self._db, f"SELECT subject, device, {newest} {where}", (start_ms, end_ms))
        pairs = ", ".join(f"{value}, {code}" for value, code in columns.values())
        one = f"SELECT at_ms, {pairs} FROM {hot.table(kind)} WHERE slot_ms = ? AND subject = ? AND device = ?"  # noqa: S608
        for subject, device, *slots in found:
            about = Subject(kind, texts[subject])
            rows = {
                slot: sqlite.rows(self._db, one, (slot, subject, device))[0] for slot in set(slots) if slot is not None
            }
            for place, (metric, slot) in enumerate(zip(columns, slots, strict=True)):
                if slot is not None:
                    row = rows[slot]
                    value, code = row[1 + 2 * place : 3 + 2 * place]
                    yield _reading(about, metric, texts[device], slot, row[0], value, code and texts[code])

    def _hot_readings(self, subject: Subject, metrics: Sequence[str], start_ms: int, end_ms: int) -> Iterable[Reading]:
        columns = self._hot_columns(subject.kind, metrics)
        number = self._names.find(subject.kind, hot.stored(subject.id))
        if not columns or number is None:
            return
        texts = self._names.texts()
        pairs = ", ".join(f"{value}, {code}" for value, code in columns.values())
        rows = hot.table(subject.kind)
        sql = (
            f"{_slots(rows)} SELECT device, slot_ms, at_ms, {pairs} "  # noqa: S608
            f"FROM slot CROSS JOIN {rows} ON slot_ms = slot.at AND subject = ? WHERE slot.at < ?"
        )
        for device, slot, at, *told in sqlite.rows(self._db, sql, (start_ms, end_ms, number, end_ms)):
            for place, metric in enumerate(columns):
                value, code = told[2 * place : 2 * place + 2]
                if value is not None or code is not None:
                    yield _reading(subject, metric, texts[device], slot, at, value, code and texts[code])

    def _hot_values(self, metric: str, asked: Mapping[str, Mapping[str, str]], start_ms: int, end_ms: int) -> pa.Table:
        """Return (slot_ms, value, grp) of the ok values."""
        slots: list[int] = []
        values: list[float] = []
        groups: list[str] = []
        for kind, wanted in asked.items():
            columns = self._hot_columns(kind, [metric])
            if not columns:
                continue
            value, code = columns[metric]
            ids = self._names.space(kind)
            group_of = {ids[subject]: group for subject, group in wanted.items() if subject in ids}
            ok = self._names.find("code", OK)
            sql = (
                f"SELECT slot_ms, {value}, subject FROM {hot.table(kind)} "  # noqa: S608
                f"WHERE slot_ms >= ? AND slot_ms < ? AND {value} IS NOT NULL AND ({code} IS NULL OR {code} = ?)"
            )
            kept = [row for row in sqlite.rows(self._db, sql, (start_ms, end_ms, ok)) if row[2] in group_of]
            slots += [row[0] for row in kept]
            values += [row[1] for row in kept]
            groups += [group_of[row[2]] for row in kept]
        return pa.table(
            {
                "slot_ms": pa.array(slots, pa.int64()),
                "value": pa.array(values, pa.float64()),
                "grp": pa.array(groups, pa.string()),
            }
        )

    def _hot_outcomes(self, start_ms: int, end_ms: int, device: str | None) -> list[tuple[Any, ...]]:
        columns, wanted = ", ".join(POLL_COLUMNS), [start_ms, end_ms]
        sql = f"SELECT {columns} FROM poll WHERE slot_ms >= ? AND slot_ms < ?"  # noqa: S608
        if device is not None:
            number = self._names.find("device", device)
            if number is None:
                return []
            sql = (
                f"{_slots('poll')} SELECT {columns} FROM slot CROSS JOIN poll "  # noqa: S608
                "ON slot_ms = slot.at AND device = ? WHERE slot.at < ?"
            )
            wanted += [number, end_ms]
        texts = self._names.texts()
        return [
            (texts[told], slot, at, texts[outcome], attempts, rtt, lag, texts[profile], texts[digest])
            for told, slot, at, outcome, attempts, rtt, lag, profile, digest in sqlite.rows(self._db, sql, wanted)
        ]


def _slots(table: str) -> str:
    """Return the SQL that finds the slots of `[?, ?)` one by one: a table has few slots and many rows in each.

    Its key begins with the slot, so each step is one search; a plain range would read every row of every other subject.
    """
    first = f"SELECT min(slot_ms) FROM {table} WHERE slot_ms >= ?"  # noqa: S608
    following = f"SELECT min(slot_ms) FROM {table} WHERE slot_ms > slot.at"  # noqa: S608
    return f"WITH RECURSIVE slot(at) AS ({first} UNION ALL SELECT ({following}) FROM slot WHERE slot.at < ?)"  # noqa: S608


def _reading(about: Subject, metric: str, device: str, slot_ms: int, *told: Any) -> Reading:
    at_ms, value, code = told
    return Reading(
        subject=about, metric=metric, device=device, slot_ms=slot_ms, at_ms=at_ms, value=value, code=code or OK
    )


def _strings(**columns: list[str]) -> pa.Table:
    return pa.table({name: pa.array(column, pa.string()) for name, column in columns.items()})
