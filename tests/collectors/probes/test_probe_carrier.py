"""What a probe has seen goes to the core, whatever answers there, and nothing is lost or doubled."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from collectors.probes import calling, keys
from collectors.probes.carry import Carrier
from collectors.probes.intake.enrolled import Enrolled
from collectors.probes.intake.service import Intake, place
from netops import facts, wire
from netops.config import Data, Listener, Settings
from netops.config import Intake as IntakeSettings
from netops.errors import ConfigError
from netops.spool import Spool, read
from tests.collectors.probes.handed import NOW, Standing, join, poll, taken


@pytest.mark.parametrize(
    "url",
    [
        "http://core.example",
        "ftp://127.0.0.1",
        "https://",
        "core.example",
        "http://10.0.0.1",
        "https://core.example:84430",
        "https://core.example:0",
        "https://[core.example",
        "https://core.example/netops",
        "https://name@core.example",
    ],
)
def test_an_answer_that_could_be_forged_is_not_waited_for(url):
    with pytest.raises(ConfigError, match="https"):
        calling.check_url(url)


def test_over_tls_the_core_shows_a_certificate_that_the_probe_trusts_or_gets_nothing(tmp_path, site, certificate):
    spool, carrier = site
    listen = Listener(port=0, tls_certificate=certificate / "cert.pem", tls_key=certificate / "key.pem")
    settings = Settings(data=Data(dir=tmp_path / "core"), intake=IntakeSettings(enabled=True, listen=listen))
    spool.put("poll", [wire.encode(poll(0))])
    sealed = Intake(replace(settings, data=Data(dir=tmp_path / "sealed")), clock=Standing())
    join(Enrolled(place(sealed._settings)), carrier._key)
    sealed.start()
    try:
        carrier._url = f"https://127.0.0.1:{sealed.port}"
        with pytest.raises(calling.AwayError, match="CERTIFICATE_VERIFY_FAILED"):
            carrier.step()
        carrier._ca = certificate / "cert.pem"
        assert carrier.step()
    finally:
        sealed.stop()

    assert [wire.decode(each.payload).slot_ms - NOW for each in taken(sealed) if each.kind == "poll"] == [0]


def test_while_the_core_is_away_everything_stays_and_is_handed_in_when_it_is_back(core, site, tmp_path):
    spool, carrier = site
    port = core.port
    core.stop()
    spool.put("poll", [wire.encode(poll(0))])
    with pytest.raises(calling.AwayError):
        carrier.step()
    assert spool.backlog() == 1
    settings = replace(core._settings, intake=replace(core._settings.intake, listen=Listener(port=port)))
    back = Intake(settings, clock=Standing())
    back.start()
    carrier.start()
    try:
        until = time.monotonic() + 20
        while spool.backlog() and time.monotonic() < until:
            time.sleep(0.05)
    finally:
        carrier.stop()
        back.stop()

    assert [wire.decode(each.payload).slot_ms - NOW for each in taken(core) if each.kind == "poll"] == [0]


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 500 no\r\nContent-Length: 2\r\n\r\n{}",
        b"noise",
    ],
    ids=["closed", "no upto", "500", "noise"],
)
def test_an_answer_that_is_none_lets_go_of_nothing(site, reply):
    spool, carrier = site
    spool.put("poll", [wire.encode(poll(0))])
    listening = socket.create_server(("127.0.0.1", 0))
    carrier._url = f"http://127.0.0.1:{listening.getsockname()[1]}"

    def answer():
        connection, _ = listening.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(reply)

    thread = threading.Thread(target=answer)
    thread.start()
    with pytest.raises(calling.AwayError):
        carrier.step()
    thread.join()
    listening.close()

    assert spool.backlog() == 1


def test_beyond_its_cap_the_oldest_is_dropped_and_that_is_a_fact(site):
    spool, carrier = site
    payload = wire.encode(replace(poll(0), raw=os.urandom(8000)))
    slots = 0
    while spool.held_bytes < spool.cap_bytes * 0.95:
        spool.put("poll", [payload])
        slots += 1

    carrier.make_room()

    held = read(spool.path, after=0, limit=1000)
    (lost,) = [facts.decode(each.payload).body for each in held if each.kind == "fact"]
    kept = [each.sequence for each in held if each.kind == "poll"]
    assert spool.held_bytes <= spool.cap_bytes * 0.81
    assert (lost["first_sequence"], lost["last_sequence"], lost["count"]) == (1, kept[0] - 1, kept[0] - 1)
    assert kept == list(range(kept[0], slots + 1))


_SITE = """
import sys
from pathlib import Path
from collectors.probes import keys
from collectors.probes.carry import Carrier
from netops import wire
from netops.model import ANSWERED, Poll
from netops.spool import Spool
folder, url, first = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with Spool(folder / "spool" / "probe.db", source="probe") as spool:
    carrier = Carrier(spool, vantage="site-7", key=keys.load(folder / "keys" / "probe.key"), url=url, idle_s=0.001)
    carrier.start()
    for slot in range(first, first + 5_000_000, 1000):
        spool.put("poll", [wire.encode(Poll(device="site-7/probe", slot_ms=slot, at_ms=slot, outcome=ANSWERED))])
        print(slot, flush=True)
"""


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_site_killed_at_any_moment_loses_nothing_acknowledged_and_hands_nothing_in_twice(core, site, tmp_path):
    spool, _ = site
    spool.__exit__()
    random_ = random.Random(4)
    acknowledged: list[int] = []
    for number in range(int(os.environ.get("NETOPS_ROUNDS", "10"))):
        first = (NOW - 5_000_000_000) // 1000 * 1000 + number * 5_000_000
        words = [sys.executable, "-c", _SITE, tmp_path / "site", f"http://127.0.0.1:{core.port}", str(first)]
        child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        acknowledged.append(int(child.stdout.readline()))
        time.sleep(random_.uniform(0.05, 0.6))
        child.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in child.stdout.read().split("\n") if line]
        child.wait()
        child.stdout.close()
    with Spool(spool.path, source="probe") as again:
        carrier = Carrier(
            again,
            vantage="site-7",
            key=keys.load(tmp_path / "site" / "keys" / "probe.key"),
            url=f"http://127.0.0.1:{core.port}",
        )
        while carrier.step():
            pass

    slots = [wire.decode(each.payload).slot_ms for each in taken(core)]
    assert len(set(slots)) == len(slots)
    assert set(acknowledged) <= set(slots)
