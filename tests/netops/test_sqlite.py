from __future__ import annotations

import os

import apsw
import pytest

from netops import sqlite
from netops.errors import NetopsError
from netops.spool import Spool


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some.db"


def test_a_commit_is_on_disk_when_it_returns(path):
    """WAL with FULL: the settings that the promise rests on."""
    db = sqlite.writer(path)

    assert db.execute("PRAGMA journal_mode").get == "wal"
    assert db.execute("PRAGMA synchronous").get == 2
    sqlite.close(db)


def test_a_writer_who_leaves_keeps_the_log_for_readers(path):
    """A reader without write permission in the directory could not make one."""
    db = sqlite.writer(path)
    with db:
        db.execute("CREATE TABLE t(a); INSERT INTO t VALUES (1)")
    sqlite.close(db)

    assert path.with_name("some.db-wal").exists()
    reader = sqlite.reader(path)
    assert sqlite.rows(reader, "SELECT a FROM t") == [(1,)]
    with pytest.raises(apsw.ReadOnlyError):
        reader.execute("INSERT INTO t VALUES (2)")
    sqlite.close(reader)


def test_settling_empties_the_log_and_waits_for_no_one_for_ever(path, monkeypatch):
    """A reader that stays in its transaction is named, not waited for."""
    monkeypatch.setattr(sqlite, "BUSY_MS", 50)
    db = sqlite.writer(path)
    with db:
        db.execute("CREATE TABLE t(a)")
    reader = sqlite.reader(path)
    reader.execute("BEGIN")
    sqlite.rows(reader, "SELECT * FROM t")
    with db:
        db.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(apsw.BusyError):
        sqlite.settle(db)
    reader.execute("COMMIT")
    sqlite.settle(db)

    assert path.with_name("some.db-wal").stat().st_size == 0
    sqlite.close(reader)
    sqlite.close(db)


def test_a_renewed_log_holds_the_same_transactions(path, tmp_path):
    """A log of several pieces is written over itself unchanged, and opened as before."""
    db = sqlite.writer(path)
    db.execute("PRAGMA wal_autocheckpoint=0")
    with db:
        db.execute("CREATE TABLE t(a)")
        db.executemany("INSERT INTO t VALUES (?)", [(b"x" * 1000,)] * 500)
    copy = tmp_path / "copy.db"
    copy.write_bytes(path.read_bytes())  # the process dies here: main file and log as they are
    log = path.with_name("some.db-wal").read_bytes()
    copy.with_name("copy.db-wal").write_bytes(log)
    sqlite.close(db)
    assert len(log) > 2 * sqlite.RENEW_BYTES

    sqlite._renew_log(copy.with_name("copy.db-wal"), "")
    assert copy.with_name("copy.db-wal").read_bytes() == log
    again = sqlite.writer(copy)
    assert again.execute("SELECT count(*) FROM t").get == 500
    assert again.execute("PRAGMA integrity_check").get == "ok"
    sqlite.close(again)


def test_a_claim_is_exclusive_and_given_back(path):
    claim = sqlite.Claim(path)
    with pytest.raises(BlockingIOError):
        sqlite.Claim(path, wait_s=0.0)
    claim.release()

    sqlite.Claim(path, wait_s=0.0).release()


def test_the_engine_is_one_without_the_reset_fault():
    """WAL files need SQLite 3.51.3 or later: apsw's wheel brings it, the interpreter's may not."""
    version = tuple(int(part) for part in apsw.sqlitelibversion().split("."))

    assert version >= (3, 51, 3)


@pytest.mark.root
def test_what_root_makes_in_a_services_directory_is_the_services(tmp_path):
    """`sudo netops staff …` states a fact: the core, which is not root, must be able to read and to seal it."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    os.chown(data, 4711, 4711)
    before = os.umask(0o077)
    try:
        with Spool(data / "spool" / "cli.db", source="cli") as spool:
            spool.put("fact", [b"x"])
    finally:
        os.umask(before)

    made = [data / "spool", *(data / "spool").iterdir()]
    assert len(made) == 5
    assert {path.stat().st_uid for path in made} == {4711}


FORMS = ("CREATE TABLE IF NOT EXISTS t(a TEXT)", "ALTER TABLE t ADD COLUMN b INTEGER NOT NULL DEFAULT 7")


def form(path) -> int:
    db = sqlite.reader(path)
    found = sqlite.rows(db, "PRAGMA user_version")[0][0]
    sqlite.close(db)
    return found


@pytest.mark.parametrize("before", ["nothing", "an unnumbered one", "the first"])
def test_a_file_of_any_form_before_is_brought_to_this_programs(path, before):
    db = sqlite.writer(path)
    if before == "an unnumbered one":
        db.execute(FORMS[0])
    if before == "the first":
        sqlite.upgrade(db, path, FORMS[:1])
        assert form(path) == 1
    if before != "nothing":
        db.execute("INSERT INTO t (a) VALUES ('kept')")

    sqlite.upgrade(db, path, FORMS)
    sqlite.upgrade(db, path, FORMS)  # a second start changes nothing

    assert form(path) == 2
    assert sqlite.rows(db, "SELECT a, b FROM t") == ([] if before == "nothing" else [("kept", 7)])
    sqlite.close(db)


def test_a_file_of_a_newer_program_is_refused_by_name_and_stays_as_it_is(path):
    db = sqlite.writer(path)
    sqlite.upgrade(db, path, (*FORMS, "CREATE TABLE later(x)"))
    for refused in (lambda: sqlite.upgrade(db, path, FORMS), lambda: sqlite.readable(sqlite.reader(path), path, FORMS)):
        with pytest.raises(NetopsError, match=r"some\.db: it has form 3, .* up to 2; another version .* install"):
            refused()

    assert form(path) == 3
    assert sqlite.rows(db, "SELECT name FROM sqlite_schema ORDER BY name") == [("later",), ("t",)]
    sqlite.close(db)


def test_a_step_that_fails_leaves_the_form_of_before(path):
    db = sqlite.writer(path)
    sqlite.upgrade(db, path, FORMS[:1])
    with pytest.raises(apsw.Error):
        sqlite.upgrade(db, path, (*FORMS, "CREATE TABLE t(a)"))

    assert form(path) == 1
    assert [row[1] for row in sqlite.rows(db, "PRAGMA table_info(t)")] == ["a"], "all steps together, or none"
    sqlite.close(db)
