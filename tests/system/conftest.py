"""A whole rehearsal as a person starts it: `netops demo` as a process, on free ports, in a directory of its own."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from http.cookiejar import CookieJar

NETOPS = Path(sys.executable).parent / "netops"
CONTRACTS = ("contract-carrier-a", "contract-carrier-b", "contract-carrier-c")


def free_port(kind=socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as wire:
        wire.bind(("127.0.0.1", 0))
        return wire.getsockname()[1]


class Rehearsal:
    """One `netops demo`; stop() is Ctrl-C."""

    def __init__(self, home: Path, *extra: str) -> None:
        self.home = home
        self.extra = extra
        self.web, self.portal = free_port(), free_port()
        self.snmp = free_port(socket.SOCK_DGRAM)
        self.said: list[str] = []
        self.process: subprocess.Popen[str] | None = None
        self.begun = 0.0
        self.once: dict[str, str] = {}  # one-time passwords of who came later than the terminal tells
        self.sessions: dict[str, CookieJar] = {}  # of who has logged in, by account
        self.lives: list[tuple[float, str]] = []  # what live() saw of each: seconds until data, what the terminal said

    def start(self) -> None:
        words = [NETOPS, "demo", "--data", self.home, "--web-port", self.web, "--portal-port", self.portal]
        words += ["--snmp-port", self.snmp, "--interval", "5", *self.extra]
        self.begun = time.monotonic()
        log = (self.home.parent / "terminal.txt").open("w", encoding="utf-8")
        with log:
            self.process = subprocess.Popen(list(map(str, words)), stdout=log, stderr=subprocess.STDOUT, text=True)

    def terminal(self) -> str:
        return (self.home.parent / "terminal.txt").read_text(encoding="utf-8")

    def stop(self, sign: int = signal.SIGINT) -> int:
        assert self.process is not None
        self.process.send_signal(sign)
        return self.process.wait(60)

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def live(self) -> None:
        """See to it that it lives and shows data, whatever its last user left behind."""
        if not self.running:
            self.start()
            self.lives.append((self.wait_for_data(), self.terminal()))

    def closed(self, seconds: float = 1200) -> None:
        """See to it that it lives, and wait until the reports of its month are issued."""
        self.live()
        reports = self.home / "reports"
        asked = [*CONTRACTS]
        self.wait(
            "three reports",
            seconds=seconds,
            ask=lambda: all(any(reports.glob(f"{name}-*-r1.zip")) for name in asked),
        )
        self.wait(  # the core signs the papers within a minute after it has issued the bundle
            "three signed papers",
            seconds=300,
            ask=lambda: all(any(reports.glob(f"{name}-*-r1.zh.pdf")) for name in asked),
        )

    def rest(self) -> None:
        """Stop if it runs: two cities at once would be in each other's way."""
        if self.running:
            assert self.stop() == 0

    def situation(self) -> dict:
        return json.loads((self.home / "situation.json").read_text(encoding="utf-8"))

    def wait(self, what, *, seconds: float, ask) -> float:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            assert self.process is not None
            assert self.process.poll() is None, self.terminal()
            try:
                if ask():
                    return time.monotonic() - self.begun
            except (OSError, ValueError, KeyError):
                pass
            time.sleep(0.2)
        pytest.fail(f"{what}: not within {seconds} s\n{self.terminal()}\n{self.logs()}")

    def wait_for_data(self, seconds: float = 100) -> float:
        def on_screen() -> bool:
            shown = self.get("/healthz")[0] == 200 and self.get("/", self.portal)[0] == 200
            return shown and self.states().get("up", 0) > 200

        return self.wait("data on screen", seconds=seconds, ask=on_screen)

    def states(self) -> dict[str, int]:
        found = self.situation()
        at = found["columns"].index("state")
        counted: dict[str, int] = {}
        for row in found["services"]:
            counted[row[at]] = counted.get(row[at], 0) + 1
        return counted

    def get(self, path: str, port: int | None = None) -> tuple[int, str]:
        with urllib.request.urlopen(f"http://127.0.0.1:{port or self.web}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()

    def pid(self, service: str) -> int:
        """The service's process; waits for one that is just being started again."""
        until = time.monotonic() + 60
        while True:
            found = subprocess.run(
                ["ps", "--ppid", str(self.process.pid), "-o", "pid=,args="], capture_output=True, text=True, check=True
            ).stdout
            match = re.search(rf"^\s*(\d+) .*netops\.run {service}\b", found, re.MULTILINE)
            if match:
                return int(match[1])
            assert time.monotonic() < until, f"no process of '{service}' among\n{found}"
            time.sleep(0.1)

    def logs(self) -> str:
        return "\n".join(
            f"== {path.name}\n" + "\n".join(path.read_text(encoding="utf-8").splitlines()[-6:])
            for path in sorted((self.home / "log").glob("*.log"))
        )


@pytest.fixture
def rehearsal(tmp_path):
    made: list[Rehearsal] = []

    def make(*extra: str) -> Rehearsal:
        made.append(Rehearsal(tmp_path / "city", *extra))
        return made[-1]

    yield make
    for each in made:
        if each.running:
            each.stop(signal.SIGTERM)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One city without a history for several tests: each calls live() first, or stop()s it; a start takes seconds."""
    city = Rehearsal(tmp_path_factory.mktemp("shared") / "city", "--no-history")
    yield city
    if city.running:
        city.stop(signal.SIGTERM)


@pytest.fixture(scope="session")
def past(tmp_path_factory):
    """One city with a month behind it, for all tests that need one; whoever uses it lets it rest when done."""
    city = Rehearsal(tmp_path_factory.mktemp("past") / "city", "--history-step", "3600", "--interval", "30")
    yield city
    if city.running:
        city.stop(signal.SIGTERM)
