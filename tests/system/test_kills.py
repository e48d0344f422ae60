"""R4 and R7 on a living city: services are killed or starved at random; what was acknowledged is there, once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time

import apsw
import pytest

from netops import config
from netops.ledger import LedgerReader
from netops.spool import Reader
from netops.store import open_store

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("rehearsal"), pytest.mark.timeout(900)]
SEED = int(os.environ.get("NETOPS_SEED", "20261126"))
ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "1"))


def acknowledged(city) -> int:
    with Reader(city.home / "spool" / "collect.db") as reader:
        return reader.newest()


def drained(city) -> int:
    db = apsw.Connection(str(city.home / "drain.db"), flags=apsw.SQLITE_OPEN_READONLY)
    found = db.execute("SELECT coalesce(max(upto), 0) FROM cursor WHERE source LIKE 'collect%'").get
    db.close()
    return int(found)


def outcomes(city):
    settings = config.load(city.home / "netops.toml", environ={})
    with open_store(settings) as store:
        return store.outcomes(start_ms=0, end_ms=2**53)


def test_killed_services_lose_and_double_nothing_and_work_again_within_five_seconds(rehearsal):
    chance = random.Random(SEED)
    city = rehearsal("--no-history")
    city.start()
    city.wait_for_data()
    slowest = 0.0
    for _ in range(6 * ROUNDS):
        time.sleep(chance.uniform(0.5, 4))
        name = chance.choice(("collect", "core"))
        before = acknowledged(city)
        os.kill(city.pid(name), signal.SIGKILL)
        killed = time.monotonic()
        if name == "collect":
            city.wait("polling again", seconds=60, ask=lambda before=before: acknowledged(city) > before + 3)
            slowest = max(slowest, time.monotonic() - killed)
        else:
            city.wait("the core takes again", seconds=90, ask=lambda before=before: drained(city) >= before)
    last = acknowledged(city)
    city.wait("all is drained", seconds=90, ask=lambda: drained(city) >= last)
    assert city.stop() == 0

    seen = outcomes(city)
    names = [(each.device, each.slot_ms) for each in seen]
    db = apsw.Connection(str(city.home / "drain.db"), flags=apsw.SQLITE_OPEN_READONLY)
    assert db.execute("SELECT count(*) FROM quarantine").get == 0
    db.close()
    assert len(set(names)) == len(names)
    with LedgerReader(city.home / "ledger.db") as ledger:
        ledger.audit()
        stated = [(leaf.source, leaf.sequence) for leaf in ledger.entries(0, ledger.size)]
    assert len(set(stated)) == len(stated)
    assert slowest < 10, "polling again: 5 s on an idle machine; this one may be loaded"


@pytest.mark.root
def test_a_full_disk_stops_nothing_for_good_and_loses_nothing_acknowledged(rehearsal, tmp_path):
    home = tmp_path / "city"
    home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(home)], check=True)
    try:
        city = rehearsal("--no-history")
        city.start()
        city.wait_for_data()
        last = ("trap ready", "acs ready", "alert ready")
        city.wait("every service", seconds=60, ask=lambda: all(each in city.terminal() for each in last))
        free = os.statvfs(home)
        ballast = home / "ballast"
        with ballast.open("wb") as file:
            try:
                file.write(b"\0" * (free.f_bavail * free.f_frsize))
                file.flush()
            except OSError:
                pass
        time.sleep(15)
        kept = acknowledged(city)
        ballast.unlink()
        freed = time.monotonic()
        city.wait("polling again", seconds=60, ask=lambda: acknowledged(city) > kept + 30)
        again = time.monotonic() - freed
        last = acknowledged(city)
        city.wait("all is drained", seconds=90, ask=lambda: drained(city) >= last)
        assert city.stop() == 0
        names = [(each.device, each.slot_ms) for each in outcomes(city)]
        with LedgerReader(home / "ledger.db") as ledger:
            ledger.audit()
    finally:
        subprocess.run(["umount", "-l", str(home)], check=False)

    assert again < 30
    assert len(set(names)) == len(names)
