"""R3: a server that is slow, refuses, takes half, dies before it replies; poison; real servers killed in a run."""

from __future__ import annotations

import importlib.util
import os
import random
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from netops import wire
from netops.drain import Drain
from netops.errors import ConfigError, RefusedError, StoreError
from netops.model import Poll, Row, Subject
from netops.raw import Archive
from netops.spool import Spool
from netops.store import line
from netops.store.influxdb import InfluxDB
from netops.store.victoriametrics import VictoriaMetrics

_spec = importlib.util.spec_from_file_location(
    "fault_servers", Path(__file__).resolve().parents[1] / "store" / "servers.py"
)
servers = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(servers)

ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "2"))
T0 = 1_748_736_000_000
POISON = "mac:poison"
TIMEOUT_S = 0.5


class Chaos(ThreadingHTTPServer):
    """Keeps lines as a server does: a point written again replaces itself. `moods` says what a request meets."""

    daemon_threads = True
    moods = ("ok", "ok", "500", "503", "429", "slow", "half", "dies", "dies_before", "garbage")

    def __init__(self, seed):
        super().__init__(("127.0.0.1", 0), Handler)
        self.chance = random.Random(seed)
        self.guard = threading.Lock()
        self.points = {}
        self.changed = []
        self.met = Counter()
        self.calm = False
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.began = 1
        self.uptime = 1

    def mood(self):
        with self.guard:
            mood = "ok" if self.calm else self.chance.choice(self.moods)
            self.met[mood] += 1
            return mood

    def keep(self, lines):
        with self.guard:
            for each in lines:
                rest, _, at = each.rpartition(" ")
                key, _, fields = rest.rpartition(" ")
                if self.points.setdefault((key, at), fields) != fields:
                    self.changed.append((key, at))

    def handle_error(self, request, client_address):
        """A connection that the mood closed is no error."""


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        return

    def do_GET(self):
        began, uptime = self.server.began, self.server.uptime
        self.reply(200, b"vm_app_start_timestamp %d\nvm_app_uptime_seconds %d\n" % (began, uptime))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        assert urlsplit(self.path).path in ("/write", "/api/v2/write")
        lines = body.splitlines()
        mood = self.server.mood()
        if mood in ("500", "503", "429"):
            return self.reply(int(mood), b'{"error":"no"}')
        if mood == "dies_before":
            return self.die()
        if mood == "half":
            self.server.keep(lines[: len(lines) // 2])
            return self.reply(500, b'{"error":"partial write: timeout"}')
        sound = [each for each in lines if POISON not in each]
        self.server.keep(sound)
        if mood == "dies":
            return self.die()
        if mood == "garbage":
            self.wfile.write(b"\x00\xff nonsense\r\n\r\n")
            return self.die()
        if mood == "slow":
            time.sleep(TIMEOUT_S * 1.6)
        if len(sound) < len(lines):
            return self.reply(400, b'{"error":"partial write: unable to parse line"}')
        return self.reply(204, b"")

    def die(self):
        self.close_connection = True

    def reply(self, status, content):
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            self.close_connection = True


@pytest.fixture
def chaos(request):
    server = Chaos(getattr(request, "param", 1))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def poll(number, subject=""):
    rows = tuple(
        Row(subject=Subject("ap", subject or f"mac:{part}"), values={"m.a": number + part / 10}) for part in range(3)
    )
    slot_ms = T0 + number // 10 * 60_000
    return Poll(device=f"ac-{number % 10}", slot_ms=slot_ms, at_ms=slot_ms + 3, outcome="answered", rows=rows)


@pytest.fixture
def house(tmp_path):
    """A spool and an archive; `drain(store)` opens the core's side."""
    days = {"evidence": 9, "other": 9}
    archive = Archive(tmp_path / "raw", days=days, budget_bytes=1 << 30, writing=True)
    with archive, Spool(tmp_path / "spool" / "collect.db", source="collect") as spool:

        def drain(store, batch=20):
            return Drain(
                tmp_path / "drain.db",
                spools=tmp_path / "spool",
                store=store,
                archive=archive,
                on_facts=lambda _: None,
                batch=batch,
            )

        yield spool, drain


def stores(url):
    return {
        "influx v1": lambda: InfluxDB(url, dialect="v1", timeout_s=TIMEOUT_S),
        "influx v2": lambda: InfluxDB(url, dialect="v2", timeout_s=TIMEOUT_S),
        "victoria v2": lambda: VictoriaMetrics(url, dialect="v2", timeout_s=TIMEOUT_S),
    }


def step_until(drain, done, limit=2000):
    for _ in range(limit):
        drain.step()
        if done():
            return
    pytest.fail("the backlog was not drained")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("dialect", ["influx v1", "influx v2", "victoria v2"])
@pytest.mark.parametrize("chaos", range(1, ROUNDS + 1), indirect=True)
def test_a_chaotic_server_loses_and_doubles_nothing(house, chaos, dialect):
    """All lines arrive, each point once and unchanged; the poison is isolated, the others flow."""
    spool, drain_of = house
    polls = [poll(number, POISON if number % 97 == 13 else "") for number in range(300)]
    for start in range(0, len(polls), 50):
        spool.put("poll", [wire.encode(each) for each in polls[start : start + 50]])
    with stores(chaos.url)[dialect]() as store:
        store.settle_s = 0.0
        with drain_of(store) as drain:
            seen = Counter()

            def done():
                chaos.calm = sum(chaos.met.values()) > 120
                step = drain.step()
                seen.update(polls=step.polls, isolated=step.isolated)
                return step.idle and not step.waiting

            step_until(drain, done)
            isolated = {wire.decode(entry.payload).id for entry, _ in drain.quarantined()}
    tags = store._tags if dialect.startswith("victoria") else ""

    assert isolated == {each.id for each in polls if POISON in str(each)}
    for each in line.lines([each for each in polls if each.id not in isolated], tags=tags):
        rest, _, at = each.rpartition(" ")
        key, _, fields = rest.rpartition(" ")
        assert chaos.points.pop((key, at)) == fields
    assert all(key.startswith("netops-poll") for key, _ in chaos.points)  # the sound head of a poisoned poll
    assert len(chaos.points) <= len(isolated)
    assert chaos.changed == []
    assert len(chaos.met) > 5


@pytest.mark.parametrize("dialect", ["influx v1", "influx v2", "victoria v2"])
def test_each_fault_is_one_of_our_errors_that_names_the_server(chaos, dialect):
    """Patience for what passes, refusal for what never will; nothing else escapes."""
    with stores(chaos.url)[dialect]() as store:
        for mood in ("500", "503", "429", "half", "dies", "dies_before", "garbage", "slow"):
            chaos.moods = (mood,)
            with pytest.raises(StoreError, match=chaos.url.removeprefix("http://")) as found:
                store.write([poll(1)])
            assert not isinstance(found.value, RefusedError), mood
        chaos.moods = ("ok",)
        with pytest.raises(RefusedError, match="400"):
            store.write([poll(1, POISON)])
        store.write([poll(1)])


@pytest.mark.parametrize("dialect", ["influx v1", "influx v2", "victoria v2"])
def test_a_server_that_is_not_there_is_a_store_error(dialect):
    """Writing and asking say where nobody answered."""
    url = f"http://127.0.0.1:{servers.free_port()}"
    with stores(url)[dialect]() as store:
        for action in (
            lambda: store.write([poll(1)]),
            lambda: store.outcomes(start_ms=T0, end_ms=T0 + 1),
            lambda: store.texts(Subject("ap", "x")),
        ):
            with pytest.raises(StoreError, match=url.removeprefix("http://")):
                action()


def test_a_server_that_has_only_just_started_is_not_written_to(chaos):
    """Its start is told in whole seconds: within the first, the process before it may have told the same."""
    with VictoriaMetrics(chaos.url) as store:
        chaos.uptime = 0
        with pytest.raises(StoreError, match="only just started"):
            store.incarnation()
        chaos.uptime = 1
        first = store.incarnation()
        chaos.uptime = 40
        assert store.incarnation() == first
        chaos.began += 1
        assert store.incarnation() != first


def test_an_address_that_is_none_is_a_setting_at_fault():
    with pytest.raises(ConfigError, match=r"'store\.url' is 'file:///etc/passwd'"), InfluxDB("file:///etc/passwd"):
        pass


def _run_with_interruptions(house, server, store, interrupt):
    """Put and drain while the server is interrupted at random; return what was acknowledged."""
    spool, drain_of = house
    chance = random.Random(11)
    polls = [poll(number) for number in range(600)]
    with drain_of(store) as drain:
        turns = sorted(chance.sample(range(5, 55), min(ROUNDS, 40)))
        for turn in range(60):
            spool.put("poll", [wire.encode(each) for each in polls[turn * 10 : turn * 10 + 10]])
            drain.step()
            if turn in turns:
                interrupt(server)
                drain.step()  # the store is down now, or is just back
                server.start()
        deadline = time.monotonic() + 120
        while drain_backlog(drain, spool) and time.monotonic() < deadline:
            time.sleep(0.05)
    return polls


def drain_backlog(drain, spool):
    from netops.drain import taken

    drain.step()
    return taken(drain.path, spool.source) < 600


def assert_all_there_once(store, polls):
    found = store.outcomes(start_ms=T0, end_ms=T0 + 10**9)
    assert [(each.slot_ms, each.device) for each in found] == sorted((each.slot_ms, each.device) for each in polls)
    assert sum(tally.polls for tally in store.tally(start_ms=T0, end_ms=T0 + 10**9)) == len(polls)
    for part in range(3):
        readings = store.series(Subject("ap", f"mac:{part}"), "m.a", start_ms=T0, end_ms=T0 + 10**9)
        assert sorted(each.value for each in readings) == pytest.approx([n + part / 10 for n in range(600)])


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.partner("influxd")
@pytest.mark.parametrize("how", ["kill", "stop"])
def test_influxd_killed_or_stopped_in_a_run_loses_and_doubles_nothing(house, tmp_path, how):
    server = servers.influxd(tmp_path / "influxd").start()
    try:
        with InfluxDB(server.url, dialect="v1", timeout_s=5) as store:
            polls = _run_with_interruptions(house, server, store, lambda each: getattr(each, how)())
            assert_all_there_once(store, polls)
    finally:
        server.kill()


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.partner("victoria-metrics")
@pytest.mark.parametrize("how", ["kill", "stop"])
def test_victoria_metrics_killed_or_stopped_in_a_run_loses_and_doubles_nothing(house, tmp_path, how):
    """It forgets its last seconds when killed: the drain writes them again, and the cursor waits for its flush."""
    server = servers.victoria_metrics(tmp_path / "victoria").start()
    try:
        with VictoriaMetrics(server.url, timeout_s=5) as store:
            polls = _run_with_interruptions(house, server, store, lambda each: getattr(each, how)())
            store.flush()
            assert_all_there_once(store, polls)
    finally:
        server.kill()
