"""The ACS is killed in the middle: whatever it acknowledged is on disk, and nothing stands there twice."""

from __future__ import annotations

import contextlib
import http.client
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

from collectors.simulator.cpe import Cpe, small_cell
from inventory import sql
from inventory.city import city_of
from inventory.register import Register
from inventory.tables import MIGRATIONS
from netops import clock, config, facts, wire
from netops.spool import Reader

ROOT = Path(__file__).resolve().parents[3]
SERVE = (
    "import sys,threading; from pathlib import Path; from netops.config import load\n"
    "from collectors.cwmp.service import AcsService\n"
    "s = AcsService(load(Path(sys.argv[1]), environ={})); s.start(); print(s.port, flush=True)\n"
    "threading.Event().wait()\n"
)
COUNT = 12


def serve(file):
    made = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return made, int(made.stdout.readline())


def kept(folder, kind):
    with Reader(folder / "spool" / "acs.db") as reader:
        return [each.payload for each in reader.read(after=0, limit=100_000, kind=kind)]


@pytest.mark.slow
def test_what_was_acknowledged_outlives_a_kill(tmp_path, records_of):
    file = tmp_path / "netops.toml"
    file.write_text(
        f'[city]\nrehearsal = true\n[data]\ndir = "{tmp_path}"\n'
        "[acs]\nenabled = true\ninterval_s = 86400\ncall = false\n[acs.listen]\nport = 0\n"
        '[credentials.fleet]\nkind = "cwmp"\npassword = "plain:secret"\n',
        encoding="utf-8",
    )
    settings = config.load(file, environ={})
    sql.upgrade(MIGRATIONS, settings.register_url)
    with Register(settings.register_url, rehearsal=True) as register:
        serials = {f"cell-{n}": f"SN{n}" for n in range(COUNT)}
        register.apply(city_of(records_of(serials)), at_ms=0, now_ms=clock.SYSTEM.now_ms())
    chance, acknowledged, lock = random.Random(3), [], threading.Lock()

    def boots(port, n, number):
        """Inform of boots until the house falls; remember which were acknowledged."""
        cpe = Cpe(port, f"SN{n}", small_cell(f"SN{n}"))
        with contextlib.suppress(OSError, http.client.HTTPException):
            for _ in range(50):  # a CPE states at most sixty events a minute
                code = f"X 00AA01 {number}-{n}-{cpe.count}"
                if cpe.post(cpe.inform([code]))[0] != 200:
                    return
                with lock:
                    acknowledged.append((f"cell-{n}", code))
        cpe.close()

    for number in range(3 * int(os.environ.get("NETOPS_ROUNDS", "1"))):
        process, port = serve(file)
        crowd = [threading.Thread(target=boots, args=(port, n, number)) for n in range(COUNT)]
        for each in crowd:
            each.start()
        time.sleep(0.5 + chance.random())
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        for each in crowd:
            each.join()

    stated = [facts.decode(each) for each in kept(tmp_path, "fact")]
    events = Counter((each.body["device"], each.body["trap"]) for each in stated if each.kind == "device_event")
    assert len(acknowledged) > 50
    assert [each for each in acknowledged if each not in events] == []
    assert max(events.values()) == 1
    polls = Counter(wire.decode(each).device for each in kept(tmp_path, "poll"))
    assert max(polls.values(), default=0) <= 1
