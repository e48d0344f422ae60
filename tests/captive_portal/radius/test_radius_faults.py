"""The server killed at any moment, its disk full, its doors hammered with nonsense: nothing acknowledged is lost."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import os
import random
import socket
import subprocess
import sys
import threading
from pathlib import Path

import apsw
import pytest

from captive_portal.errors import PortalError
from captive_portal.model import Bounds, Client
from captive_portal.radius import accounting, rest
from captive_portal.radius.answering import Tally
from captive_portal.radius.line import Verbs
from netops import sqlite
from netops.clock import SYSTEM

_spec = importlib.util.spec_from_file_location(
    "fuzzing", Path(__file__).resolve().parents[2] / "collectors" / "fuzzing.py"
)
fuzzing = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fuzzing)

ROOT = Path(__file__).resolve().parents[3]
ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "3"))
RUN = (
    "import signal, sys, threading; from pathlib import Path; from netops.config import load\n"
    "from captive_portal.radius.service import RadiusService\n"
    "s = RadiusService(load(Path(sys.argv[1]), environ={})); s.start(); print('READY', flush=True)\n"
    "threading.Event().wait()\n"
)
START, INTERIM = 1, 3
HOUR = Bounds(seconds=3600)


def free() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as at:
        at.bind(("127.0.0.1", 0))
        return int(at.getsockname()[1])


def started(file: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(file)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout
    assert "READY" in process.stdout.readline()
    return process


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kill_at_any_moment_loses_no_report_that_was_acknowledged(tmp_path, wire):
    """R20 behind a controller: what it was told is durable it forgets, so it must be."""
    dice, auth, acct = random.Random("kill"), free(), free()
    file = tmp_path / "netops.toml"
    file.write_text(
        f'[city]\nrehearsal = true\n[data]\ndir = "{tmp_path}"\n[portal.acs.ac-1]\naddress = "127.0.9.1"\n'
        f'networks = "10.0.0.0/8"\nsite = "s"\nsecret = "plain:{wire.SECRET.decode()}"\n[portal]\ngateway = "none"\n'
        f'[radius]\nenabled = true\nlisten = "127.0.0.1"\nauth_port = {auth}\nacct_port = {acct}\n',
        encoding="utf-8",
    )
    ac = wire.OldController("127.0.9.1", auth, acct)
    acknowledged: set[str] = set()
    try:
        for n in range(ROUNDS):
            process = started(file)
            threading.Timer(dice.uniform(0.05, 1.0), process.kill).start()
            for m in range(100_000):
                session = f"{n}-{m}"
                try:
                    done = ac.report(
                        START, session, f"02-00-{n:02x}-{m >> 16:02x}-{m >> 8 & 255:02x}-{m & 255:02x}", wait_s=0.5
                    )
                except ConnectionRefusedError:
                    break
                if not done:
                    break
                acknowledged.add(session)
            process.wait()
            assert process.stdout
            process.stdout.close()
        db = sqlite.reader(tmp_path / "radius.db")
        kept = {session for (session,) in sqlite.rows(db, "SELECT session FROM sojourn")}
        sqlite.close(db)
    finally:
        ac.close()

    assert len(acknowledged) > ROUNDS * 10
    assert acknowledged - kept == set()


@pytest.mark.parametrize("capped", [True, False], ids=["as it is", "if a row cannot be written all the same"])
def test_an_absurd_counter_costs_no_other_controller_its_answer(place, monkeypatch, caplog, capped):
    """2^64-1 octets fit into a packet and not into SQLite: the report is one controller's, the batch everybody's."""
    most = accounting.MOST_OCTETS
    if not capped:
        monkeypatch.setattr(accounting, "MOST_OCTETS", 2**64)
    absurd, honest = place.controllers["ac-1"], place.controllers["ac-cisco"]
    for n in range(3):  # both wait at the port together, behind the first of each round
        for m in range(20):
            absurd.at.sendto(
                absurd.account(INTERIM, f"x-{n}-{m}", "02-11-22-33-44-66", "10.8.0.10", up=2**64 - 1), absurd.acct
            )
        assert honest.report(INTERIM, f"s-{n}", "02-11-22-33-44-55", "10.11.0.2", up=7, wait_s=1.0)

    kept = sqlite.reader(place.parts.keeping.path)
    found = dict(sqlite.rows(kept, "SELECT place, max(up) FROM sojourn GROUP BY place"))
    sqlite.close(kept)
    assert found == ({"ac-1": most} if capped else {}) | {"ac-cisco": 7}
    assert (place.parts.tally.counts["not_durable"] == 0) is capped
    caplog.clear()


def test_a_datagram_that_fails_costs_those_behind_it_nothing(place, monkeypatch, caplog):
    ac, take = place.controllers["ac-1"], place.parts.doors.take

    def failing(report, now_ms):
        if report.session == "bad":
            raise ArithmeticError("a fault of ours")
        return take(report, now_ms)

    monkeypatch.setattr(place.parts.doors, "take", failing)
    for _ in range(20):
        ac.at.sendto(ac.account(START, "bad", "02-11-22-33-44-66", "10.8.0.10"), ac.acct)

    assert ac.report(START, "good", "02-11-22-33-44-55", "10.8.0.9")
    assert place.parts.tally.counts["failed"] == 20
    assert "a fault of ours" in caplog.text


def test_a_disk_that_is_full_acknowledges_nothing_and_lets_nobody_in_anew(place, monkeypatch):
    """R7: controllers keep their reports, those who are in stay in, the portal hears why; then it goes on."""
    ac, keeping = place.controllers["ac-1"], place.parts.keeping
    client = Client(mac="02:11:22:33:44:55", interface="ac-1", addresses=("10.8.0.9",))
    place.parts.reaching.allow(client, HOUR)

    def full(_works: object) -> None:
        raise apsw.FullError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(keeping._writer, "_keep", full)
        assert not ac.report(START, "s-1", "02-11-22-33-44-66", "10.8.0.10", wait_s=0.4)
        with pytest.raises(PortalError, match="not written"):
            place.parts.reaching.allow(client.at("10.8.0.11"), HOUR)
        assert ac.ask("021122334455", None, "02-11-22-33-44-55")[0] == 2

    assert place.parts.tally.counts["not_durable"] == 1
    assert ac.report(START, "s-1", "02-11-22-33-44-66", "10.8.0.10")


# ---- S1
ASKED = {
    "User-Name": {"type": "string", "value": ["02-11-22-33-44-55"]},
    "User-Password": {"type": "string", "value": ["x"]},
    "CHAP-Password": {"type": "octets", "value": ["0x" + "00" * 17]},
    "Calling-Station-Id": {"type": "string", "value": ["02-11-22-33-44-55"]},
    "Acct-Status-Type": {"type": "integer", "value": ["Start"]},
    "Acct-Session-Id": {"type": "string", "value": ["s-1"]},
    "Acct-Input-Octets": {"type": "integer", "value": [4294967295]},
    "Framed-IP-Address": {"type": "ipaddr", "value": ["10.8.0.9"]},
    "Framed-IPv6-Prefix": {"type": "ipv6prefix", "value": ["fd88::9/128"]},
    "Event-Timestamp": {"type": "date", "value": ["Nov 27 2026 03:05:40 UTC"]},
}


@pytest.mark.slow
def test_no_damage_to_a_body_of_rlm_rest_does_more_than_an_error(place):
    parts = place.parts
    key = b"the key of the tests"
    api = rest.Api(parts.judge, parts.keeping, parts.known, Tally(), key, 300, SYSTEM)
    header = "Basic " + base64.b64encode(b"netops:" + key).decode()
    seen = set()

    def call(octets: bytes) -> None:
        for what in ("authorize", "post-auth"):
            environ = {
                "HTTP_AUTHORIZATION": header,
                "PATH_INFO": f"/v1/ac-1/{what}",
                "REQUEST_METHOD": "POST",
                "CONTENT_LENGTH": str(len(octets)),
                "wsgi.input": io.BytesIO(octets),
            }
            list(api(environ, lambda status, _headers: seen.add(status[:3])))

    fuzzing.fuzz(fuzzing.Parser("rlm_rest", [json.dumps(ASKED).encode(), b"{}"], call))

    assert seen == {"204", "400", "401"}


@pytest.mark.parametrize(
    ("header", "path", "method", "status"),
    [
        ("", "/v1/ac-1/authorize", "POST", "403"),
        ("Basic !!!", "/v1/ac-1/authorize", "POST", "403"),
        ("Basic " + base64.b64encode(b"netops:wrong").decode(), "/v1/ac-1/authorize", "POST", "403"),
        (None, "/v1/ac-9/authorize", "POST", "404"),
        (None, "/v1/ac-1/anything", "POST", "404"),
        (None, "/v1/ac-1/authorize", "GET", "405"),
        (None, "/v1/ac-1/authorize", "POST", "400"),
    ],
    ids=["no key", "no Basic", "another key", "no controller", "no verb", "no POST", "no body"],
)
def test_the_api_is_for_freeradius_alone(place, header, path, method, status):
    parts, said = place.parts, []
    api = rest.Api(parts.judge, parts.keeping, parts.known, Tally(), b"the key", 300, SYSTEM)
    right = "Basic " + base64.b64encode(b"netops:the key").decode()
    environ = {
        "HTTP_AUTHORIZATION": right if header is None else header,
        "PATH_INFO": path,
        "REQUEST_METHOD": method,
        "wsgi.input": io.BytesIO(b""),
    }
    list(api(environ, lambda line, _headers: said.append(line[:3])))

    assert said == [status]


@pytest.mark.slow
def test_no_damage_on_the_line_does_more_than_an_error(place):
    verbs = Verbs(place.parts.reaching, "x", dict)
    who = {"place": "ac-uam", "mac": "02:11:22:33:44:55", "addresses": ["10.10.0.9"]}
    seeds = [
        {"verb": "allow", **who, "bounds": [3600, 0, 0, 0, 0], "back": "http://portal.test"},
        {"verb": "revoke", **who},
        {"verb": "who", "address": "10.8.0.9"},
        {"verb": "list", "places": ["ac-1"]},
        {"verb": "news", "wait_ms": 0},
        {"verb": "addresses", **who},
    ]

    def call(octets: bytes) -> None:
        if b'"news"' in octets and b'"wait_ms": 0' not in octets:
            return  # it may wait as long as it was asked to
        for each in verbs.answer(octets):
            json.dumps(each)

    lines = [json.dumps(each).encode() + b"\n" for each in seeds]
    fuzzing.fuzz(fuzzing.Parser("radius line", lines, call, cpu_s=0.03))
