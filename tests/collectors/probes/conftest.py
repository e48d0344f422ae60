"""What the tests of the probes share: a good clock, settings with targets, a small web server, a core and a site."""

from __future__ import annotations

import http.server
import ipaddress
import json
import os
import secrets
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from collectors.probes import keys
from collectors.probes.carry import Carrier
from collectors.probes.clocks import ClockState
from collectors.probes.intake.enrolled import Enrolled
from collectors.probes.intake.service import Intake, place
from collectors.probes.intake.volume import Schedule
from netops.config import City, Data, Listener, Settings
from netops.config import Intake as IntakeSettings
from netops.probing import Probe, Target
from netops.spool import Spool
from tests.collectors.probes.handed import NOW, Standing, join

if TYPE_CHECKING:
    from collections.abc import Iterator

GOOD_CLOCK = ClockState(synchronised=True, error_ns=50_000)


@pytest.fixture
def good_clock():
    return lambda: GOOD_CLOCK


@pytest.fixture
def settings_of(tmp_path):
    def make(targets: dict[str, Target] | None = None, **probe) -> Settings:
        given = {"vantage": "site-7", "interval_s": 1} | probe
        return Settings(city=City(rehearsal=True), data=Data(dir=tmp_path), probe=Probe(targets=targets or {}, **given))

    return make


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers by the server's table: (method, path) → (status, headers, body) or a function of the request."""

    def do_GET(self):
        self._answer("GET", b"")

    def do_POST(self):
        self._answer("POST", self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _answer(self, method, body):
        self.server.asked.append((method, self.path, dict(self.headers), body))
        path = self.path.partition("?")[0]
        given = self.server.table.get((method, path), (404, {}, b"nothing"))
        status, headers, told = given(self, body) if callable(given) else given
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_):
        return


@contextmanager
def serving(table, *, tls=None, host="127.0.0.1") -> Iterator[http.server.ThreadingHTTPServer]:
    server = http.server.ThreadingHTTPServer((host, 0), Answers)
    server.daemon_threads = True
    server.table, server.asked = table, []
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def web_server():
    return serving


@pytest.fixture
def core(tmp_path):
    """The core's side, listening on loopback."""
    settings = Settings(
        city=City(rehearsal=True),
        data=Data(dir=tmp_path / "core"),
        intake=IntakeSettings(enabled=True, listen=Listener(port=0)),
    )
    intake = Intake(settings, clock=Standing())
    intake.start()
    yield intake
    intake.stop()


@pytest.fixture
def site(tmp_path, core):
    """A probe's side that has joined as site-7: (spool, carrier)."""
    key = keys.generate(tmp_path / "site" / "keys" / "probe.key")
    enrolled = Enrolled(place(core._settings))
    join(enrolled, key, token=enrolled.invite("site-7", now_ms=NOW, hours=1, schedule=Schedule(every_s=1)))
    with Spool(tmp_path / "site" / "spool" / "probe.db", source="probe", cap_bytes=1 << 20) as spool:
        yield spool, Carrier(spool, vantage="site-7", key=key, url=f"http://127.0.0.1:{core.port}", idle_s=0.05)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that is good for ten days, with its key; it is its own authority."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "city test")])
    now = datetime(2026, 11, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=3650))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return folder


HERE = Path(__file__).parent
ROOT = HERE.parents[2]
HOME, AWAY = "10.99.0.1", "10.99.0.2"  # the vantage point, and what it looks at


class Wire:
    """Two namespaces and a wire of known vices between them; every name carries the run's mark."""

    def __init__(self, **vices) -> None:
        mark = secrets.token_hex(3)
        self.home, self.away = f"pw{mark}h", f"pw{mark}a"
        self.did: dict[str, dict[str, int]] = {}
        self._vices = vices
        self._running: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        for name in (self.home, self.away):
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        words = [sys.executable, str(HERE / "run_wire.py"), self.home, self.away, json.dumps(self._vices)]
        self._wire = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert self._wire.stdout.readline() == "READY\n"
        for name, mine, other in ((self.home, HOME, AWAY), (self.away, AWAY, HOME)):
            _ip("-n", name, "address", "add", mine, "peer", other, "dev", "wire0")
            _ip("-n", name, "link", "set", "wire0", "up")
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running[::-1]:
            process.terminate()
            process.wait(10)
            process.stdout.close()
        self.cut()
        for name in (self.home, self.away):
            _ip("netns", "del", name)

    def cut(self) -> dict[str, dict[str, int]]:
        """End the wire; return what it did, by way: `{"there": {"lost 862": 3, "passed 862": 97}, …}`."""
        if self._wire.poll() is None:
            self._wire.terminate()
            self.did = json.loads(self._wire.communicate(timeout=10)[0])
        return self.did

    def start(self, where: str, *words: str, ready: str = "READY") -> subprocess.Popen[str]:
        """Start a process in a namespace and wait for its word."""
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            ["ip", "netns", "exec", where, *words], stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
        )
        self._running.append(process)
        if ready:
            line = process.stdout.readline()
            assert ready in line, line
        return process

    def run(self, where: str, *words: str, check: bool = True) -> str:
        """Run a command in a namespace; return what it says."""
        done = subprocess.run(
            ["ip", "netns", "exec", where, *words],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            cwd=ROOT,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def look(self, kind: str, **target) -> dict:
        """Look at a target from home; return the record."""
        words = (sys.executable, str(HERE / "run_look.py"), json.dumps({"kind": kind, "address": AWAY} | target))
        return json.loads(self.run(self.home, *words))

    def reflect(self, **how) -> None:
        """Start a reflector away from home, on port 862."""
        self.reflect_on(AWAY, f"{HOME}/32", **how)

    def reflect_on(self, address: str, allowed: str, **how) -> None:
        """Start a reflector on another address, for others."""
        self.start(
            self.away, sys.executable, str(HERE / "run_reflector.py"), address, allowed, json.dumps(how), ready="READY"
        )


@pytest.fixture
def wire_of():
    return Wire


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"
