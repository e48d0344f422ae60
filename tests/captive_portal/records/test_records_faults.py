"""Faults of the records: kill -9 at any moment of a login, an erasure, the end of a key, a wish (R7, R20, I1, I4)."""

from __future__ import annotations

import importlib.util
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from captive_portal import tables
from captive_portal.records import chain, retention, verify
from captive_portal.records.periods import ends_ms
from captive_portal.records.persons import Persons
from captive_portal.records.tables import PERIOD, PERSON
from captive_portal.tables import RECORD, SESSION
from inventory.sql import Database

HERE = Path(__file__).parent
ROUNDS = max(1, int(os.environ.get("NETOPS_ROUNDS", "3")))
SEED = int(os.environ.get("NETOPS_SEED", "6"))
START_MS = 1_790_000_000_000


def settings_of(folder: Path):
    spec = importlib.util.spec_from_file_location("run_records", HERE / "run_records.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.settings_of(folder)


class Told:
    """What the process acknowledged, over all of its lives."""

    def __init__(self) -> None:
        self.at_ms = START_MS
        self.opened: dict[str, tuple[int, str]] = {}
        self.ended: set[str] = set()
        self.wishes: dict[str, int] = {}

    def hear(self, line: str) -> None:
        match line.split():
            case ["at", at_ms]:
                self.at_ms = int(at_ms)
            case ["open", id_, at_ms, phone]:
                self.opened[id_] = (int(at_ms), phone)
            case ["end", id_]:
                self.ended.add(id_)
            case ["wish", phone, at_ms]:
                self.wishes[phone] = int(at_ms)


def live(folder: Path, told: Told, seed: str, seconds: float) -> None:
    """Let the process live for a while, then kill it."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "run_records.py"), str(folder), str(told.at_ms), seed],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(HERE.parents[2])},
    )
    assert process.stdout
    assert process.stdout.readline().strip() == "READY"
    killer = threading.Timer(seconds, process.send_signal, [signal.SIGKILL])
    killer.start()
    for line in process.stdout:
        if line.endswith("\n"):
            told.hear(line)
    killer.join()
    assert process.wait(20) == -signal.SIGKILL
    process.stdout.close()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_any_moment_the_records_are_whole_and_everything_acknowledged_is_there(tmp_path: Path) -> None:
    dice, told = random.Random(SEED), Told()
    settings = settings_of(tmp_path)
    enough_ms, number = START_MS + 90 * retention.DAY_MS, 0  # in which two months' keys come to their end
    while number < 4 * ROUNDS or told.at_ms <= enough_ms:
        live(tmp_path, told, f"{SEED}/{number}", dice.uniform(0.1, 2.0))
        _look(settings, told, f"seed {SEED}, life {number}")
        number += 1
        assert number < 100 * ROUNDS, "hardly anything is done within a life"

    assert len(told.opened) > 20


def _look(settings, told: Told, where: str) -> None:
    with Database(tables.url(settings), readonly=True) as database, database.read() as connection:
        found = verify.verify(connection, {}, now_ms=told.at_ms, law_days=verify.law_days(settings))
        rows = {row.id: row for row in connection.execute(sa.select(SESSION))}
        kinds = list(connection.execute(sa.select(RECORD).where(RECORD.c.kind == chain.DESTROYED)))
    assert found.problems == [], where
    law_ms = told.at_ms - 30 * retention.DAY_MS
    for id_, (at_ms, _phone) in told.opened.items():
        if at_ms > law_ms:
            assert id_ in rows, f"{where}: a session that the law keeps is gone"
            assert rows[id_].ended_ms is not None or id_ not in told.ended, f"{where}: an end is lost"
    with Persons(settings, readonly=True) as persons:
        verify.persons(found, persons)
        assert found.problems == [], where
        for row in rows.values():
            known = persons.opened(row.person)
            assert known is not None, f"{where}: {row.id} is nobody's"
            assert persons.opened(row.identity) is not None
        with persons.database.read() as connection:
            periods = {row.period: row for row in connection.execute(sa.select(PERIOD))}
            held = set(connection.execute(sa.select(PERSON.c.period)).scalars())
    assert set(Counter(row.body for row in kinds).values()) <= {1}, f"{where}: a key was certified twice"
    for period in held - set(persons.periods.names()):
        assert periods[period].certified_ms is None, f"{where}: rows of a destroyed month outlive their certificate"
        assert ends_ms(period) < told.at_ms


@pytest.mark.slow
@pytest.mark.root
@pytest.mark.timeout(120)
def test_a_full_disk_lets_nobody_in_unrecorded_and_heals(tmp_path: Path) -> None:
    """R7: both databases on a small tmpfs; what was refused left no half of a record."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(tmp_path)], check=True)
    try:
        told = Told()
        live(tmp_path, told, "before", 1.5)
        filler = tmp_path / "filler"
        with filler.open("wb", buffering=0) as full:
            try:
                while True:
                    full.write(b"x" * 4096)
            except OSError:
                pass
        process = subprocess.run(
            [sys.executable, str(HERE / "run_records.py"), str(tmp_path), str(told.at_ms), "full"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "PYTHONPATH": str(HERE.parents[2])},
        )
        for line in process.stdout.splitlines():
            told.hear(line)
        assert process.returncode != 0
        filler.unlink()
        time.sleep(0.1)
        live(tmp_path, told, "after", 2.0)

        _look(settings_of(tmp_path), told, "full disk")
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)
