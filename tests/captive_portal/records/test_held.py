"""While another process holds `persons.db`: everybody is told at once, nobody is half in, and the next try does."""

from __future__ import annotations

import hashlib
import json
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from captive_portal.errors import PortalError
from captive_portal.model import Client
from captive_portal.records import chain, retention, verify
from captive_portal.records.persons import HELD_S, Persons
from captive_portal.records.tables import PERIOD, PERSON
from captive_portal.tables import RECORD, SESSION
from inventory.errors import SqlBusyError
from inventory.sql import BUSY_S

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
PHONE = "+8613800138000"
VISITORS = 12
# Behind another batch, and once more for the note that nobody came in; a held database cost 15 s, and 15 s for each.
AT_ONCE_S = 4 * HELD_S + 3.0
HOLDER = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute(sys.argv[2])
held.execute("SELECT count(*) FROM person").fetchone()
print("HELD", flush=True)
sys.stdin.read()
"""
DIES = """
import os, signal, sys
from pathlib import Path
from types import SimpleNamespace
sys.path.insert(0, sys.argv[2])
import run_records
from captive_portal import tables
from captive_portal.records import retention
from captive_portal.records.persons import Persons
from captive_portal.store import Store

settings, retention.ROWS, pauses = run_records.settings_of(Path(sys.argv[1])), 10, []

def dies(_):
    pauses.append(1)
    if len(pauses) == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

retention.time = SimpleNamespace(sleep=dies)
with Persons(settings) as persons, Store(tables.url(settings), persons) as store:
    retention._destroy(store, persons, "2026-09", int(sys.argv[4]))
"""


@contextmanager
def held(office: Any, how: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """Hold the persons from a process of its own."""
    file = office.house.settings.data.dir / "persons.db"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(file), how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdin
    assert holder.stdout
    with holder:
        assert holder.stdout.readline() == "HELD\n"
        try:
            yield
        finally:
            holder.stdin.close()


def timed(work: Any, *given: Any) -> tuple[str, float]:
    began = time.monotonic()
    try:
        work(*given)
    except (PortalError, SqlBusyError) as error:
        return type(error).__name__, time.monotonic() - began
    return "", time.monotonic() - began


def months_rows(office: Any, count: int) -> None:
    """Have a month that is over hold so many sealed values."""
    office.persons.keep("phone", PHONE)
    rows = [{"hash": hashlib.sha256(b"%d" % n).digest(), "period": "2026-09", "kind": "phone", "sealed": b"x" * 45}
            for n in range(count - 1)]  # fmt: skip
    with office.persons.database.write() as connection:
        connection.execute(sa.insert(PERSON), rows)
    office.forward(300)


def left(office: Any) -> int:
    with office.persons.database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).where(PERSON.c.period == "2026-09")).scalar() or 0)


def certified(office: Any) -> list[int]:
    return [json.loads(each.body)["rows"] for each in office.entries() if each.kind == chain.DESTROYED]


# ---- logins
@pytest.mark.parametrize("how", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE", "BEGIN"], ids=["order", "erasure", "backup"])
def test_everybody_is_told_at_once_that_the_persons_are_held_and_comes_in_after(office, how: str) -> None:
    with ThreadPoolExecutor(VISITORS) as visitors:
        with held(office, how):
            told = list(visitors.map(lambda number: timed(office.visit, number), range(VISITORS)))
            inside = office.desk.gateway.admitted()
        assert [error for error, _ in told] == ["PortalError"] * VISITORS
        assert max(took for _, took in told) < AT_ONCE_S
        assert (list(inside), office.rows(SESSION), office.rows(RECORD)) == ([], [], [])

        after = list(visitors.map(lambda number: timed(lambda: office.visit(number, ended=False)), range(VISITORS)))

    assert [error for error, _ in after] == [""] * VISITORS
    assert len(office.desk.gateway.admitted()) == len(office.rows(SESSION)) == VISITORS
    assert None not in [office.persons.opened(row.identity) for row in office.rows(SESSION)]


def test_a_number_is_told_at_once_that_the_persons_are_held(office) -> None:
    with ThreadPoolExecutor(VISITORS) as visitors, held(office):
        phones = [f"{PHONE[:-2]}{number:02}" for number in range(VISITORS)]
        told = list(visitors.map(lambda number: timed(office.visit, number, phones[number]), range(VISITORS)))

    assert [error for error, _ in told] == ["SqlBusyError"] * VISITORS
    assert max(took for _, took in told) < AT_ONCE_S


def test_who_is_known_comes_in_and_who_is_in_gets_out_while_the_persons_are_held(office) -> None:
    office.visit(1)
    staying = office.visit(2, ended=False)
    with held(office), ThreadPoolExecutor() as others:
        refused = others.submit(timed, office.visit, 3)
        assert office.desk.logout(staying.client)
        assert refused.result(30)[0] == "PortalError"
        office.visit(1)

    assert [row.ended_ms is not None for row in office.rows(SESSION)] == [True] * 3
    assert office.store.read(lambda connection: verify.verify(connection, {}, now_ms=office.now_ms)).problems == []


def test_an_admission_that_is_refused_takes_nothing_else_of_its_batch_with_it(office) -> None:
    session = office.visit(1, ended=False)
    fresh = Client(mac="02:00:00:00:09:09", interface="simulated", addresses=("127.0.9.9",))
    running, go = threading.Event(), threading.Event()
    office.store.write_lazily(lambda _: (running.set(), go.wait(20)))
    with held(office), ThreadPoolExecutor() as others:
        assert running.wait(20)
        refused = others.submit(timed, office.visit, 0x0909)
        ended = others.submit(office.desk.logout, session.client)
        go.set()

        assert (refused.result(30)[0], ended.result(30)) == ("PortalError", True)
    assert [row.end for row in office.rows(SESSION)] == ["logout"]
    assert office.desk.current(fresh) is None


def test_orders_of_staff_wait_longer_than_visitors(office) -> None:
    def order() -> None:
        with office.persons.database.write() as connection:
            connection.execute(sa.delete(PERSON))

    with ThreadPoolExecutor() as staff:
        with held(office):
            ordered = staff.submit(timed, order)
            visitor = timed(office.persons.keep, "phone", PHONE)
            waits = not ordered.done()

        assert (visitor[0], waits, ordered.result(BUSY_S)[0]) == ("SqlBusyError", True, "")


# ---- the end of a month
def test_logins_go_on_while_a_month_is_emptied(office, monkeypatch) -> None:
    """Who waits for SQLite's lock looks ten times a second: a lock that is free for an instant is seldom found free."""
    months_rows(office, 12_000)
    emptied, told, before = retention._emptied, list[tuple[str, float]](), list[int]()
    monkeypatch.setattr(retention, "_emptied", lambda *given: (before.append(len(told)), emptied(*given))[1])
    ending = threading.Thread(target=retention._destroy, args=(office.store, office.persons, "2026-09", office.now_ms))
    ending.start()
    while ending.is_alive():
        told.append(timed(office.persons.keep, "phone", f"+86139{len(told):08}"))
    ending.join()

    assert {error for error, _ in told} == {""}
    assert len(set(before)) > 8, f"logins before each of {len(before)} slices: {before}"
    assert certified(office) == [12_000]


def test_between_two_slices_the_lock_is_free(office, monkeypatch) -> None:
    months_rows(office, 25)
    file, seen = office.house.settings.data.dir / "persons.db", []

    def other(_seconds: float) -> None:
        with sqlite3.connect(file, timeout=0) as connection:
            connection.execute("INSERT INTO wish VALUES (?, 1, 'x')", (bytes([len(seen)]),))
        seen.append(left(office))

    monkeypatch.setattr(retention, "ROWS", 10)
    monkeypatch.setattr(retention, "time", SimpleNamespace(sleep=other))
    retention._destroy(office.store, office.persons, "2026-09", office.now_ms)

    assert (seen, certified(office)) == ([15, 5], [25])


def test_killed_between_slices_the_next_round_goes_on_and_each_row_is_counted_once(office, tmp_path: Path) -> None:
    months_rows(office, 55)
    for pause, expected in ((2, 35), (1, 25)):
        done = subprocess.run(
            [sys.executable, "-c", DIES, str(tmp_path), str(HERE), str(pause), str(office.now_ms)],
            check=False,
            timeout=60,
        )
        found = verify.Verified()
        verify.persons(found, office.persons)
        assert (done.returncode, left(office), certified(office)) == (-signal.SIGKILL, expected, [])
        assert found.problems == [], "an end that is under way is no alteration"
    office.settle()
    office.settle()

    assert (left(office), certified(office)) == (0, [55])


def test_what_a_wish_takes_between_two_slices_is_not_in_the_certificate(office, monkeypatch) -> None:
    months_rows(office, 15)

    def wish(_seconds: float) -> None:
        with office.persons.database.write() as connection:
            some = sa.select(PERSON.c.hash).limit(1)
            connection.execute(sa.delete(PERSON).where(PERSON.c.hash.in_(some)))

    monkeypatch.setattr(retention, "ROWS", 10)
    monkeypatch.setattr(retention, "time", SimpleNamespace(sleep=wish))
    retention._destroy(office.store, office.persons, "2026-09", office.now_ms)

    assert certified(office) == [14]


def test_an_end_that_was_under_way_before_an_upgrade_is_counted_once(office) -> None:
    months_rows(office, 5)
    with office.persons.database.write() as connection:
        connection.execute(sa.update(PERIOD).where(PERIOD.c.period == "2026-09").values(rows=5))
        connection.execute(sa.text("UPDATE persons_version SET version_num = '0001'"))
    with Persons(office.house.settings, office.house.clock) as upgraded:
        retention._destroy(office.store, upgraded, "2026-09", office.now_ms)

    assert certified(office) == [5]


# ---- the verification
def test_logins_go_on_while_the_persons_are_verified(office, monkeypatch) -> None:
    for number in range(5):
        office.persons.keep("phone", f"{PHONE[:-1]}{number}")
    unsealed, looked = verify._page, []

    def page(*given: Any) -> int | None:
        last = unsealed(*given)
        if len(looked) < 3:
            office.persons.keep("phone", f"+86139{len(looked):08}")
        looked.append(last)
        return last

    monkeypatch.setattr(verify, "PAGE", 2)
    monkeypatch.setattr(verify, "_page", page)
    found = verify.Verified()
    verify.persons(found, office.persons)

    assert (found.persons, found.problems) == (8, [])
    assert looked == [2, 4, 6, 8, None]
