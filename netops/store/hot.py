"""The hot hours in SQLite: wide rows, one table per kind of subject, a column pair per metric.

Key `(slot_ms, subject, device)`: two controllers may tell of one access point. `m7` holds the value of metric 7, `c7`
its code, NULL meaning ok; both NULL meaning that the row does not speak of the metric. Names are interned, so a row is
numbers only. `sealed` lists the Parquet files in the same transactions that take their rows away: whoever reads list
and rows in one transaction sees every row once, wherever the border lies.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import chain, repeat
from typing import TYPE_CHECKING

from netops import sqlite
from netops.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    import apsw

    from netops.packed import Packed, Shape, Table

SCHEMA = """
CREATE TABLE IF NOT EXISTS name(id INTEGER PRIMARY KEY, space TEXT NOT NULL, text TEXT NOT NULL, UNIQUE(space, text));
CREATE TABLE IF NOT EXISTS poll(
    slot_ms INTEGER NOT NULL, device INTEGER NOT NULL, at_ms INTEGER NOT NULL, outcome INTEGER NOT NULL,
    profile INTEGER NOT NULL, digest INTEGER NOT NULL, attempts INTEGER NOT NULL, rtt_ms REAL, lag_ms REAL NOT NULL,
    PRIMARY KEY(slot_ms, device)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS text(
    subject INTEGER NOT NULL, name INTEGER NOT NULL, slot_ms INTEGER NOT NULL, device INTEGER NOT NULL,
    value TEXT NOT NULL, PRIMARY KEY(subject, name, slot_ms, device)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sealed(
    path TEXT PRIMARY KEY, sha256 TEXT NOT NULL, kind TEXT NOT NULL, hour_ms INTEGER NOT NULL, number INTEGER NOT NULL,
    first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, rows INTEGER NOT NULL, size INTEGER NOT NULL,
    columns TEXT NOT NULL, told INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sealed_when ON sealed(kind, last_ms, first_ms);
CREATE TABLE IF NOT EXISTS gone(
    path TEXT PRIMARY KEY, sha256 TEXT NOT NULL, hour_ms INTEGER NOT NULL, rows INTEGER NOT NULL, why TEXT NOT NULL);
"""
HOUR_MS = 3_600_000
COLUMNS = 1990  # SQLite takes 2,000; two a metric
TEXTS_KNOWN = 500_000  # newest texts remembered in memory; beyond it the memory starts anew (I6)


class Names:
    """Interned texts, each in its space: device, outcome, code, profile, digest, metric, text, or a kind of subject."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._ids: dict[str, dict[str, int]] = defaultdict(dict)
        self._texts: dict[int, str] = {}
        self._read_up_to = 0

    def id(self, space: str, text: str) -> int:
        """Return the number of `text`, giving it one; within a write transaction."""
        known = self._ids[space].get(text)
        if known is None:
            self._db.execute("INSERT OR IGNORE INTO name(space, text) VALUES (?, ?)", (space, text))
            known = int(self._db.execute("SELECT id FROM name WHERE space = ? AND text = ?", (space, text)).get)
            self._ids[space][text] = known
        return known

    def ids(self, space: str, texts: Sequence[str]) -> list[int]:
        """Return the numbers of many texts; within a write transaction."""
        known = self._ids[space]
        try:
            return [known[text] for text in texts]
        except KeyError:
            return [self.id(space, stored(text)) for text in texts]

    def find(self, space: str, text: str) -> int | None:
        """Return the number of `text`, None when it never came in."""
        found = self._db.execute("SELECT id FROM name WHERE space = ? AND text = ?", (space, text)).get
        return None if found is None else int(found)

    def texts(self) -> dict[int, str]:
        """Return the text of every number, as of the current transaction; names are only ever added."""
        for number, text in self._db.execute("SELECT id, text FROM name WHERE id > ?", (self._read_up_to,)):
            self._texts[number] = text
            self._read_up_to = max(self._read_up_to, number)
        return self._texts

    def space(self, space: str) -> dict[str, int]:
        """Return the numbers of all texts of a space."""
        return dict(sqlite.rows(self._db, "SELECT text, id FROM name WHERE space = ?", (space,)))


def table(kind: str) -> str:
    """Return the quoted table of a kind (a word of [a-z0-9_], checked on the wire)."""
    return f'"row_{kind}"'


def kinds(db: apsw.Connection) -> list[str]:
    """Return the kinds that have a table."""
    found = db.execute(
        "SELECT substr(name, 5) FROM sqlite_master WHERE type = 'table' AND name LIKE 'row\\_%' ESCAPE '\\'"
    )
    return sorted(str(name) for (name,) in found)


def columns(db: apsw.Connection, kind: str) -> set[str]:
    """Return the columns of a kind's table; empty when there is none."""
    return {str(row[1]) for row in db.execute(f"PRAGMA table_info({table(kind)})")}


class Writing:
    """What the one writer remembers between writes; thrown away whole after any error."""

    def __init__(self, db: apsw.Connection) -> None:
        self.db = db
        self.names = Names(db)
        self._columns: dict[str, set[str]] = {}
        self._texts: dict[tuple[int, int], tuple[str, int]] = {}

    def known(self, poll: Packed) -> bool:
        """Whether the hot part holds this `(device, slot)`."""
        key = (poll.slot_ms, self.names.id("device", poll.device))
        return self.db.execute("SELECT 1 FROM poll WHERE slot_ms = ? AND device = ?", key).get is not None

    def newest_ms(self) -> int:
        """Return the newest slot of any device, -1 when there is none."""
        return int(self.db.execute("SELECT coalesce(max(slot_ms), -1) FROM poll").get)

    def insert(self, polls: Sequence[Packed], *, passed: Container[tuple[str, int]] = (), before_ms: int = 0) -> None:
        """Insert polls that are known to be new; within a transaction.

        Rows of the kinds and hours of `passed`, and before that instant, lie in sealed files already.
        """
        heads: list[tuple[object, ...]] = []
        shapes: dict[tuple[Shape, tuple[str, ...]], list[Iterable[tuple[object, ...]]]] = defaultdict(list)
        for poll in polls:
            device = self.names.id("device", poll.device)
            heads.append(self._head(poll, device))
            for table in poll.tables:
                if table.texts:
                    self._keep_texts(poll.slot_ms, table, device)
                if poll.slot_ms < before_ms and (table.shape.kind, poll.slot_ms // HOUR_MS * HOUR_MS) in passed:
                    continue
                subjects = self.names.ids(table.shape.kind, table.subjects)
                codes = self._codes(table)
                key = (poll.slot_ms, device, poll.at_ms)
                slot, by, at = (repeat(each, len(subjects)) for each in key)
                rows = zip(slot, subjects, by, at, *table.by_metric(), *codes.values(), strict=True)
                shapes[table.shape, tuple(codes)].append(rows)
        self.db.executemany("INSERT INTO poll VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", heads)
        for (shape, codes_of), rows_of in shapes.items():
            self.db.executemany(self._statement(shape.kind, shape.metrics, codes_of), chain.from_iterable(rows_of))

    def _codes(self, table: Table) -> dict[str, list[int | None]]:
        """Return a column of codes for each metric that has any."""
        found: dict[str, list[int | None]] = {}
        for row, metric, code in table.codes:
            found.setdefault(metric, [None] * len(table.subjects))[row] = self.names.id("code", code)
        return found

    def _head(self, poll: Packed, device: int) -> tuple[object, ...]:
        number = self.names.id
        how = (number("outcome", poll.outcome), number("profile", poll.profile), number("digest", poll.digest))
        return (poll.slot_ms, device, poll.at_ms, *how, poll.attempts, poll.rtt_ms, poll.lag_ms)

    def _statement(self, kind: str, values: Sequence[str], codes: Sequence[str]) -> str:
        wanted = [f"m{self.names.id('metric', metric)}" for metric in values]
        wanted += [f"c{self.names.id('metric', metric)}" for metric in codes]
        self._widen(kind, wanted)
        places = ", ".join("?" * (4 + len(wanted)))
        into = ", ".join(["slot_ms", "subject", "device", "at_ms", *wanted])
        return f"INSERT INTO {table(kind)}({into}) VALUES ({places})"  # noqa: S608

    def _widen(self, kind: str, wanted: Sequence[str]) -> None:
        known = self._columns.get(kind)
        if known is None:
            self.db.execute(
                f"CREATE TABLE IF NOT EXISTS {table(kind)}(slot_ms INTEGER NOT NULL, subject INTEGER NOT NULL, "
                "device INTEGER NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY(slot_ms, subject, device)) WITHOUT ROWID"
            )
            known = self._columns[kind] = columns(self.db, kind)
        new = [column for column in wanted if column not in known]
        if len(known) + len(new) > COLUMNS:
            raise RefusedError(f"kind '{kind}': {len(known) + len(new)} columns, a table holds at most {COLUMNS}")
        for column in new:
            if column not in known:
                kept_as = "REAL" if column.startswith("m") else "INTEGER"
                self.db.execute(f"ALTER TABLE {table(kind)} ADD COLUMN {column} {kept_as}")
                known.add(column)

    def _keep_texts(self, slot_ms: int, table: Table, device: int) -> None:
        subjects = table.subjects
        for row, name, told in table.texts:
            key = (self.names.id(table.shape.kind, stored(subjects[row])), self.names.id("text", name))
            value = stored(told)
            newest = self._newest_text(key)
            if newest is None or slot_ms >= newest[1]:
                if newest is None or newest[0] != value:
                    self._keep_text(key, slot_ms, device, value)
                self._texts[key] = (value, slot_ms)
            elif newest[0] != value:  # a late one: what was seen after it is said again, or it would look newest
                self._keep_text(key, slot_ms, device, value)
                self._keep_text(key, newest[1], device, newest[0])

    def _newest_text(self, key: tuple[int, int]) -> tuple[str, int] | None:
        if key not in self._texts:
            sql = "SELECT value, slot_ms FROM text WHERE subject = ? AND name = ? ORDER BY slot_ms DESC LIMIT 1"
            found = self.db.execute(sql, key).fetchone()
            if found is None:
                return None
            if len(self._texts) >= TEXTS_KNOWN:
                self._texts.clear()
            self._texts[key] = (str(found[0]), int(found[1]))
        return self._texts[key]

    def _keep_text(self, key: tuple[int, int], slot_ms: int, device: int, value: str) -> None:
        self.db.execute("INSERT OR REPLACE INTO text VALUES (?, ?, ?, ?, ?)", (*key, slot_ms, device, value))


def stored(text: str) -> str:
    """Return the text as UTF-8 can hold it: a lone surrogate of a hostile string becomes `?`."""
    return text.encode("utf-8", "replace").decode("utf-8")
