"""The one SQLAlchemy door: engines, transactions, migrations, errors. It knows no table of anyone.

Rooms that keep rows write `tables.py` in SQLAlchemy's vocabulary (Table, Column, select) and come here for everything
that touches a database. SQLite files opened here belong to the interpreter's `sqlite3`: journal_mode=DELETE, because
SQLite 3.40 can lose data at a WAL reset (fixed in 3.51.3), and synchronous=FULL, because what is committed must
survive a power cut. `apsw` never opens them. PostgreSQL goes by URL, through psycopg.
"""

from __future__ import annotations

import importlib
import os
import sqlite3
import subprocess
import tempfile
import zlib
from contextlib import closing, contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import exc

from inventory.errors import SqlBusyError, SqlConflictError, SqlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from alembic.script import ScriptDirectory

BUSY_S = 15.0  # how long a writer waits for another before SqlBusyError, where its opener says nothing else


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrations:
    """A package's own branch of migrations: scripts in `<package>/migrations/versions`, a version table of its own.

    Several packages may share a database or have one each: `url` takes the settings and says where.
    """

    name: str
    package: str
    url: Callable[[Any], str]

    @property
    def version_table(self) -> str:
        """The table in which Alembic keeps this branch's version."""
        return f"{self.name}_version"


class Database:
    """One database by URL. Inert until entered; safe to use from several threads.

    `readonly` makes every write fail in the engine itself, and refuses a file that is not there. `busy_s` is how long
    whoever finds it held waits before SqlBusyError.
    """

    def __init__(self, url: str, *, readonly: bool = False, busy_s: float | None = None) -> None:
        self.url = _parse(url)
        self.readonly = readonly
        self._busy_s = busy_s
        self._engine: sa.Engine | None = None

    @property
    def shown(self) -> str:
        """The URL without its password."""
        return self.url.render_as_string(hide_password=True)

    def __enter__(self) -> Self:
        self._engine = _engine(self.url, BUSY_S if self._busy_s is None else self._busy_s, readonly=self.readonly)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all connections; safe to call twice."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Yield a connection in one read transaction: everything read in it is of one state."""
        with self._mapped(), self._open().connect() as connection:
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")  # noqa: PLW2901
            with connection.begin():
                yield connection

    @contextmanager
    def still(self) -> Iterator[sa.Connection]:
        """Yield a connection to one state that stands still while it is read, however long that takes.

        On SQLite, where nobody commits while somebody reads, that is a copy: writers wait while it is made, some
        seconds for a gigabyte (none where the file system shares blocks). It lies beside the database if we may write
        there, needs as much room, has no name while it is read, and is overwritten at the end, as what is deleted is.
        """
        if self.url.get_backend_name() == "postgresql":
            with self.read() as connection:
                yield connection
            return
        with self._mapped(), self._copied() as raw:
            engine = sa.create_engine("sqlite://", creator=lambda: raw, poolclass=sa.StaticPool)
            with engine.connect() as connection:
                yield connection

    @contextmanager
    def _copied(self) -> Iterator[sqlite3.Connection]:
        file = _file(self.url)
        try:
            descriptor, name = tempfile.mkstemp(
                prefix=f".{file.name}.", dir=file.parent if os.access(file.parent, os.W_OK) else None
            )
            with os.fdopen(descriptor, "r+b", buffering=0) as copy:
                try:
                    self._copy_to(name)
                    raw = sqlite3.connect(f"file:{quote(name)}?mode=ro&immutable=1", uri=True, check_same_thread=False)
                    raw.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # now it has the file itself
                finally:
                    Path(name).unlink()
                try:
                    with closing(raw):
                        yield raw
                finally:
                    _overwrite(copy)
        except (sqlite3.Error, OSError, subprocess.SubprocessError) as error:
            raise SqlError(f"{self.shown}: no copy of it to read from ({error}); free some space") from None

    def _copy_to(self, name: str) -> None:
        """Copy the file while a read transaction keeps it as it is.

        Another process does it: whoever opens a file and closes it lets go of all locks that SQLite has on it.
        """
        with self.read() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM sqlite_schema")  # takes the lock, ends a cut-off change
            words = ["/bin/cp", "--reflink=auto", "--", str(_file(self.url)), name]
            subprocess.run(words, check=True, capture_output=True)  # noqa: S603  (no word of anybody else's)

    @contextmanager
    def write(self, *, lock: str = "") -> Iterator[sa.Connection]:
        """Yield a connection in one write transaction: all of it is durable on return, or none.

        SQLite has one writer anyway; on PostgreSQL, writers of the same `lock` go one after the other.
        """
        with (
            self._mapped(),
            self._open().connect().execution_options(netops_write=True) as connection,
            connection.begin(),
        ):
            if lock and connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(zlib.crc32(lock.encode()))))
            yield connection

    def _open(self) -> sa.Engine:
        if self._engine is None:
            raise SqlError(f"database {self.shown} is not open; enter it with `with`")
        return self._engine

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except exc.SQLAlchemyError as error:
            raise _ours(error, self.shown) from error


class Many:
    """One statement for many rows, compiled once for a kind of database.

    A row is a tuple of text, whole numbers, octets and None in the order of `names`, and goes to the driver as it is:
    what SQLAlchemy does for each value of each row is more than SQLite's own work on a small batch.
    """

    def __init__(self, statement: sa.Insert | sa.Update, *names: str) -> None:
        self._statement = statement
        self._names = names
        self._compiled: dict[str, tuple[str, Callable[[tuple[Any, ...]], Any]]] = {}

    def run(self, connection: sa.Connection, rows: Iterable[tuple[Any, ...]]) -> None:
        """Do it for each row; nothing where there are none."""
        text, fitted = self._compiled.get(connection.dialect.name) or self.compiled(connection.dialect)
        given = list(map(fitted, rows))
        if given:
            connection.exec_driver_sql(text, given)

    def compiled(self, dialect: sa.Dialect) -> tuple[str, Callable[[tuple[Any, ...]], Any]]:
        """Return the statement's text, and what makes a row as the driver takes it."""
        keys = list(self._names) if isinstance(self._statement, sa.Insert) else None
        made = self._statement.compile(dialect=dialect, column_keys=keys)
        names, order = self._names, made.positiontup

        def named(row: tuple[Any, ...]) -> Any:
            return dict(zip(names, row, strict=True))

        fitted = named if order is None else itemgetter(*(names.index(each) for each in order))
        self._compiled[dialect.name] = made.string, fitted
        return made.string, fitted


def _overwrite(file: IO[bytes]) -> None:
    left = file.seek(0, os.SEEK_END)
    file.seek(0)
    while left > 0:
        left -= file.write(bytes(min(left, 1 << 20))) or left
    os.fsync(file.fileno())


def upgrade(migrations: Migrations, url: str) -> tuple[str, str]:
    """Bring one branch to its newest version in one transaction; return (version before, version after).

    Killed half-way, it has changed nothing. Two at once: the second waits and finds nothing to do.
    """
    from alembic.config import Config  # noqa: PLC0415  (Alembic costs every process 0.1 s, and only this needs it)
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    script = _script(migrations)
    before: list[str] = []

    def steps(revision: Any, _context: Any) -> Any:
        before.append(_one(revision))
        return script._upgrade_revs("head", revision)  # noqa: SLF001  (what alembic.command.upgrade does)

    with Database(url) as database, database.write(lock=migrations.version_table) as connection:
        environment = EnvironmentContext(Config(), script, fn=steps, destination_rev="head")
        try:
            environment.configure(connection=connection, version_table=migrations.version_table, transactional_ddl=True)
            with environment:
                environment.run_migrations()
        except CommandError as error:
            what = f"{database.shown}: the schema of '{migrations.name}' is not known here ({error})"
            raise SqlError(f"{what}; another version of NetOps wrote it: install that version or a newer one") from None
    return before[0], script.get_current_head() or ""


def current(migrations: Migrations, url: str) -> tuple[str, str]:
    """Return (version in the database, newest version); the first is empty where nothing was ever created."""
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415

    head = _script(migrations).get_current_head() or ""
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite" and not _file(parsed).exists():
        return "", head
    with Database(url, readonly=True) as database, database.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": migrations.version_table})
        return _one(context.get_current_heads()), head


def _one(revision: Any) -> str:
    if isinstance(revision, (tuple, list)):
        return ", ".join(revision)
    return str(revision or "")


def _script(migrations: Migrations) -> ScriptDirectory:
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    package = importlib.import_module(migrations.package)
    folder = Path(str(package.__path__[0])) / "migrations"
    return ScriptDirectory(str(folder), version_locations=[str(folder / "versions")])


def _parse(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except (exc.ArgumentError, ValueError):
        expected = "expected sqlite:////path/file.db or postgresql://user@host/name"
        raise SqlError(f"a database URL cannot be read; {expected}") from None
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        shown = parsed.render_as_string(hide_password=True)
        raise SqlError(f"{shown}: the database '{backend}' is not supported; expected sqlite or postgresql")
    if not parsed.database or parsed.database == ":memory:" or parsed.query:
        raise SqlError(f"{parsed}: expected a file, sqlite:////path/file.db, without options")
    return parsed


def _file(url: sa.URL) -> Path:
    return Path(str(url.database))


def _engine(url: sa.URL, busy_s: float, *, readonly: bool) -> sa.Engine:
    if url.get_backend_name() == "postgresql":
        options = "-c default_transaction_read_only=on" if readonly else "-c synchronous_commit=on"
        connect = {"options": options, "connect_timeout": max(1, int(busy_s))}
        try:
            return sa.create_engine(url, connect_args=connect, pool_pre_ping=True)
        except ImportError:
            raise SqlError("PostgreSQL needs psycopg, which is not installed; install 'psycopg[binary]'") from None
    file = _file(url)
    if readonly and not file.exists():
        raise SqlError(f"{file}: there is no such database; `netops db upgrade` creates it")
    if not file.parent.is_dir():
        raise SqlError(f"{file}: the directory {file.parent} does not exist; create it or correct the URL")
    engine = sa.create_engine(url, connect_args={"timeout": busy_s})
    sa.event.listen(engine, "connect", _pragmas(readonly=readonly))
    sa.event.listen(engine, "begin", _begin)
    return engine


def _pragmas(*, readonly: bool) -> Callable[[Any, Any], None]:
    # secure_delete: what is deleted is overwritten, not only forgotten; the law of privacy means the octets
    wanted = (
        *("foreign_keys = ON", "synchronous = FULL", "journal_mode = DELETE", "trusted_schema = OFF"),
        "secure_delete = ON",
    )

    def connect(raw: Any, _record: Any) -> None:
        raw.isolation_level = None  # sqlite3 would otherwise begin late and let DDL run outside the transaction
        for pragma in wanted:
            raw.execute(f"PRAGMA {pragma}")
        if readonly:  # not mode=ro: a reader must still be able to roll back a writer's hot journal
            raw.execute("PRAGMA query_only = ON")

    return connect


def _begin(connection: sa.Connection) -> None:
    """Take the write lock at once: a transaction that reads first and writes later could fail in its middle."""
    writes = connection.get_execution_options().get("netops_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


_BUSY = ("database is locked", "could not connect", "connection failed", "connection refused", "lock timeout")
_CLOSED = ("unable to open", "readonly database")
_FULL = ("disk is full", "disk i/o error", "no space left")
_NO_TABLE = ("no such table", "no such column", "does not exist", "undefined")


def _ours(error: exc.SQLAlchemyError, shown: str) -> SqlError:
    reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    if isinstance(error, exc.IntegrityError):
        return SqlConflictError(f"{shown}: {reason}; another row already says so")
    if isinstance(error, (exc.OperationalError, exc.ProgrammingError)):
        low = reason.lower()
        if any(word in low for word in _NO_TABLE) and "database" not in low:
            return SqlError(f"{shown}: the schema is missing or old ({reason}); run `netops db upgrade`")
        if any(word in low for word in _BUSY) or getattr(error, "connection_invalidated", False):
            return SqlBusyError(f"{shown}: cannot be used now ({reason}); try again")
        if any(word in low for word in _FULL):
            return SqlError(f"{shown}: nothing was changed, the disk has no room or fails ({reason}); free some space")
        if any(word in low for word in _CLOSED):
            remedy = "run as the instance's user (`sudo -u netops netops …`), who also ends a change that was cut off"
            return SqlError(f"{shown}: {reason}; it is not yours, {remedy}")
    if isinstance(error, exc.TimeoutError):
        return SqlBusyError(f"{shown}: all connections are in use; try again")
    return SqlError(f"{shown}: {reason}")
