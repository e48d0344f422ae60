"""The SQLAlchemy door: what is promised of engines, transactions, migrations and errors."""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import textwrap

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import psycopg

from inventory.errors import SqlBusyError, SqlConflictError, SqlError
from inventory.sql import BUSY_S, Database, Many, Migrations, current, upgrade
from inventory.tables import META, MIGRATIONS, RECORD
from netops.clock import SYSTEM


def columns(connection, table):
    return {
        (column["name"], str(column["type"]).upper().replace("INT64", "BIGINT"), column["nullable"])
        for column in sa.inspect(connection).get_columns(table)
    }


def test_an_upgrade_creates_what_the_tables_say_and_a_second_does_nothing(empty_url):
    first = upgrade(MIGRATIONS, empty_url)
    second = upgrade(MIGRATIONS, empty_url)

    assert (first, second) == (("", "0002"), ("0002", "0002"))
    assert current(MIGRATIONS, empty_url) == ("0002", "0002")
    with Database(empty_url, readonly=True) as database, database.read() as connection:
        for table in (META, RECORD):
            expected = {
                (c.name, str(c.type.compile(connection.dialect)).upper(), bool(c.nullable)) for c in table.columns
            }
            assert columns(connection, table.name) == expected
        indexes = {index["name"] for index in sa.inspect(connection).get_indexes("register_record")}
        assert {"register_record_open", "register_record_times"} <= indexes


def test_two_branches_share_a_database_and_keep_their_own_versions(empty_url, branch):
    upgrade(MIGRATIONS, empty_url)
    upgrade(branch, empty_url)

    assert current(branch, empty_url) == ("b1", "b1")
    assert current(MIGRATIONS, empty_url) == ("0002", "0002")


@pytest.fixture
def branch(tmp_path, monkeypatch):
    """Another package's migrations, whose second step fails in its middle when a file says so."""
    package = f"branch_{os.getpid()}_{tmp_path.name.replace('-', '_')}"
    versions = tmp_path / package / "migrations" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / package / "__init__.py").touch()
    (versions / "b1.py").write_text(
        textwrap.dedent(f"""
        from pathlib import Path
        import sqlalchemy as sa
        from alembic import op
        revision, down_revision, branch_labels, depends_on = "b1", None, None, None
        def upgrade():
            op.create_table("branch_thing", sa.Column("id", sa.Integer, primary_key=True))
            op.execute("INSERT INTO branch_thing (id) VALUES (7)")
            if Path({str(tmp_path / "fail")!r}).exists():
                import os, signal
                os.kill(os.getpid(), signal.SIGKILL)
        """)
    )
    monkeypatch.syspath_prepend(tmp_path)
    return Migrations(name="branch", package=package, url=str)


def test_a_migration_killed_in_its_middle_has_changed_nothing(empty_url, branch, tmp_path):
    """Row R14: the next run starts from the same version and succeeds."""
    (tmp_path / "fail").touch()
    child = multiprocessing.get_context("fork").Process(target=upgrade, args=(branch, empty_url))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert current(branch, empty_url)[0] == ""

    (tmp_path / "fail").unlink()

    assert upgrade(branch, empty_url) == ("", "b1")
    with Database(empty_url) as database, database.read() as connection:
        assert connection.exec_driver_sql("SELECT id FROM branch_thing").scalars().all() == [7]


def test_a_schema_of_a_newer_netops_is_refused(url):
    with Database(url) as database, database.write() as connection:
        connection.exec_driver_sql("UPDATE inventory_version SET version_num = '9999'")
    try:
        with pytest.raises(SqlError, match="another version of NetOps wrote it"):
            upgrade(MIGRATIONS, url)
    finally:
        with Database(url) as database, database.write() as connection:
            connection.exec_driver_sql("UPDATE inventory_version SET version_num = '0002'")


def test_a_database_without_tables_says_which_command_makes_them(empty_url):
    with (
        Database(empty_url) as database,
        pytest.raises(SqlError, match="run `netops db upgrade`"),
        database.read() as c,
    ):
        c.execute(sa.select(META))


def test_a_failed_transaction_leaves_nothing(database):
    with pytest.raises(SqlConflictError, match="another row already says so"), database.write() as connection:
        connection.execute(META.insert(), [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}])

    with database.read() as connection:
        assert connection.execute(sa.select(META)).all() == []


def test_foreign_keys_are_held(database):
    row = {"noun": "x", "name": "y", "valid_from": 1, "valid_to": 2, "recorded_from": 1, "recorded_to": 2}
    with pytest.raises(SqlConflictError), database.write() as connection:
        connection.execute(RECORD.insert().values(**row, application=12345, body="{}"))


def test_a_read_only_database_writes_nothing(url):
    with (
        Database(url, readonly=True) as database,
        pytest.raises(SqlError, match="read"),
        database.write() as connection,
    ):
        connection.execute(META.insert().values(key="a", value="b"))


@pytest.mark.partner("postgres")
def test_a_reader_sees_one_state_while_a_writer_commits(postgres, fresh):
    """On SQLite, where the writer waits for the reader, it cannot be otherwise; PostgreSQL must be told."""
    url = fresh(postgres)
    upgrade(MIGRATIONS, url)
    with Database(url) as writer, Database(url, readonly=True) as reader, reader.read() as first:
        assert first.execute(sa.select(META)).all() == []
        with writer.write() as connection:
            connection.execute(META.insert().values(key="a", value="b"))

        assert first.execute(sa.select(META)).all() == []
        with reader.read() as second:
            assert second.execute(sa.select(META.c.key)).scalars().all() == ["a"]


def test_a_state_that_stands_still_keeps_no_writer_waiting(url, tmp_path):
    before = set(tmp_path.iterdir())
    with Database(url, busy_s=0.05) as writer, Database(url, readonly=True) as reader, reader.still() as state:
        assert state.execute(sa.select(META)).all() == []
        with writer.write() as connection:
            connection.execute(META.insert().values(key="a", value="b"))

        assert state.execute(sa.select(META)).all() == []
        assert set(tmp_path.iterdir()) == before, "a copy that has a name stays behind when its reader is killed"
        with reader.still() as later:
            assert later.execute(sa.select(META.c.key)).scalars().all() == ["a"]


def test_a_state_of_a_held_or_damaged_file_is_an_error_like_any_other(sqlite_url, tmp_path, monkeypatch):
    holder = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with Database(sqlite_url, busy_s=0.05) as database, pytest.raises(SqlBusyError, match="try again"):
            database.still().__enter__()
    finally:
        holder.close()

    before = set(tmp_path.iterdir())

    def full(words, **_):
        raise subprocess.CalledProcessError(1, words)

    monkeypatch.setattr("inventory.sql.subprocess.run", full)
    with Database(sqlite_url) as database, pytest.raises(SqlError, match="free some space"):
        database.still().__enter__()
    assert set(tmp_path.iterdir()) == before


def test_a_copy_to_read_from_is_overwritten_at_its_end(sqlite_url, monkeypatch):
    left = []
    monkeypatch.setattr("inventory.sql.os.fsync", lambda descriptor: left.append(os.pread(descriptor, 1 << 24, 0)))

    with Database(sqlite_url) as database, database.still() as state:
        assert state.execute(sa.select(META)).all() == []

    assert len(left) == 1
    assert len(left[0]) >= 4096
    assert not left[0].strip(b"\0")


def test_sqlite_is_opened_for_power_cuts(sqlite_url):
    with Database(sqlite_url) as database, database.read() as connection:
        pragma = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }

    assert pragma == {"journal_mode": "delete", "synchronous": 2, "foreign_keys": 1}


@pytest.fixture
def sqlite_url(tmp_path):
    url = f"sqlite:///{tmp_path / 'x.db'}"
    upgrade(MIGRATIONS, url)
    return url


def test_a_held_sqlite_file_says_try_again(sqlite_url, tmp_path, monkeypatch):
    monkeypatch.setattr("inventory.sql.BUSY_S", 0.05)
    holder = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with Database(sqlite_url) as database, pytest.raises(SqlBusyError, match="try again") as caught:
            database.write().__enter__()
    finally:
        holder.close()

    assert caught.value.exit_code == 75


def test_who_opens_a_database_says_how_long_it_waits(sqlite_url, tmp_path):
    holder = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    began = SYSTEM.monotonic()
    try:
        with Database(sqlite_url, busy_s=0.05) as database, pytest.raises(SqlBusyError, match="try again"):
            database.write().__enter__()
    finally:
        holder.close()

    assert SYSTEM.monotonic() - began < BUSY_S / 3


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "x.db").write_bytes(b"not a database, but long enough to be looked at" * 100)
    with (
        Database(f"sqlite:///{tmp_path / 'x.db'}") as database,
        pytest.raises(SqlError, match="file is not a database"),
        database.read(),
    ):
        pass


def test_a_server_that_is_not_there_says_try_again():
    with (
        Database("postgresql://someone:secret@127.0.0.1:1/x") as database,
        pytest.raises(SqlBusyError, match="try again") as caught,
        database.read(),
    ):
        pass

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", "cannot be read"),
        ("mysql://u:geheim@h/d", "'mysql' is not supported"),
        ("sqlite://", "expected a file"),
        ("sqlite:///:memory:", "expected a file"),
        ("sqlite:////tmp/x.db?mode=ro", "without options"),
        ("sqlite:////nowhere/at/all/x.db", "does not exist; create it or correct the URL"),
    ],
)
def test_a_url_that_cannot_be_used_is_named_without_its_password(written, expected):
    with pytest.raises(SqlError, match=expected) as caught, Database(written):
        pass

    assert "geheim" not in str(caught.value)


def test_a_missing_file_is_not_created_by_a_reader(tmp_path):
    with (
        pytest.raises(SqlError, match="`netops db upgrade` creates it"),
        Database(f"sqlite:///{tmp_path / 'x.db'}", readonly=True),
    ):
        pass

    assert list(tmp_path.iterdir()) == []


# ---- many rows by one statement
THINGS = sa.Table(
    "many_things", sa.MetaData(), sa.Column("key", sa.String, primary_key=True), sa.Column("end", sa.LargeBinary)
)
PUT = Many(sa.insert(THINGS), "end", "key")


def test_many_rows_go_in_by_one_statement_in_the_order_of_its_names(tmp_path):
    with Database(f"sqlite:///{tmp_path / 'a.db'}") as database, database.write() as connection:
        THINGS.create(connection)
        PUT.run(connection, [(b"\x00\xff", "a"), (None, "'; DROP TABLE many_things")])
        PUT.run(connection, [])
        rows = connection.execute(sa.select(THINGS.c.key, THINGS.c.end).order_by(THINGS.c.key.desc())).all()

    assert [tuple(each) for each in rows] == [("a", b"\x00\xff"), ("'; DROP TABLE many_things", None)]


def test_a_row_of_many_that_another_has_says_so_and_none_of_them_stays(tmp_path):
    with Database(f"sqlite:///{tmp_path / 'a.db'}") as database:
        with database.write() as connection:
            THINGS.create(connection)
        with pytest.raises(SqlConflictError, match="another row already says so"), database.write() as connection:
            PUT.run(connection, [(None, "a"), (None, "a")])
        with database.read() as connection:
            assert connection.execute(sa.select(THINGS)).all() == []


def test_many_rows_are_named_where_the_driver_wants_names():
    text, fitted = PUT.compiled(psycopg.dialect())

    assert text == 'INSERT INTO many_things (key, "end") VALUES (%(key)s::VARCHAR, %(end)s)'
    assert fitted((b"x", "a")) == {"end": b"x", "key": "a"}
