"""R20 and I4 behind a controller: the portal is killed while visitors log in, and record and controller agree."""

from __future__ import annotations

import http.client
import importlib.util
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from urllib.parse import urlencode

import pytest

from captive_portal.store import Store

HERE = Path(__file__).resolve().parent
ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "1")) * 4
_spec = importlib.util.spec_from_file_location("portal2_world", HERE / "portal2_world.py")
worlds = sys.modules.get("portal2_world") or importlib.util.module_from_spec(_spec)
if "portal2_world" not in sys.modules:
    sys.modules["portal2_world"] = worlds
    _spec.loader.exec_module(worlds)
simulator, until = worlds.simulator, worlds.until
VISITORS = 40


def free_port(kind) -> int:
    """Return one below those that the kernel gives to anybody while the portal is dead (ip_local_port_range)."""
    for port in random.Random(os.getpid()).sample(range(20_000, 32_000), 1_000):
        with socket.socket(socket.AF_INET, kind) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


class Portal:
    """The portal in a process of its own."""

    def __init__(self, folder: Path, ac) -> None:
        self.port, self.post = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
        self.file = folder / "netops.toml"
        self.file.write_text(
            f'[city]\nrehearsal = true\n[data]\ndir = "{folder}"\n[portal]\ngateway = "none"\n'
            f'public_url = "http://portal.test"\nmethods = "click_through"\n'
            f'[portal.listen]\nport = {self.port}\n[portal2]\nhost = "127.0.0.1"\nport = {self.post}\n'
            f'[portal.acs.ac-1]\ngateway = "portal2"\naddress = "{ac.host}"\nnetworks = "127.0.0.0/8"\n'
            f'portal_secret = "plain:{worlds.SECRET}"\nportal_port = {ac.port}\nsite = "site-1"\n',
            encoding="utf-8",
        )
        ac.portal = ("127.0.0.1", self.post)
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, str(HERE / "run_service.py"), "portal", str(self.file)]
        environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self.process.stdout
        assert "READY" in self.process.stdout.readline()

    def end(self, sign: int) -> None:
        if self.process is None:
            return
        self.process.send_signal(sign)
        self.process.wait(20)
        self.process.stdout.close()
        self.process = None

    def ask(self, source: str, path: str = "/", form: dict | None = None) -> tuple[int, str]:
        with closing(
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=20, source_address=(source, 0))
        ) as link:
            return self._ask(link, path, form)

    def _ask(self, link: http.client.HTTPConnection, path: str, form: dict | None) -> tuple[int, str]:
        headers = {"Host": "portal.test", "Content-Type": "application/x-www-form-urlencoded"}
        link.request("POST" if form else "GET", path, urlencode(form) if form else None, headers)
        answer = link.getresponse()
        return answer.status, answer.read().decode()

    def login(self, source: str) -> bool:
        page = self.ask(source)[1]
        token = re.search(r'name="token" value="([^"]+)"', page)
        assert token
        return self.ask(source, "/login", {"token": token[1], "method": "click_through"})[0] == 303


@pytest.mark.slow
@pytest.mark.timeout(120 + 30 * ROUNDS)
def test_kills_while_visitors_log_in_lose_nobody_and_let_nobody_in_without_a_record(settings) -> None:
    folder = settings.data.dir
    with ExitStack() as stack:
        ac = stack.enter_context(simulator.Ac(authorise=None, secret=worlds.SECRET.encode()))
        ac.authorise = worlds.Radius(worlds.settings_of(folder, ac), "ac-1")
        for number in range(ROUNDS * VISITORS):
            ac.station(f"127.1.{number >> 8}.{number & 255}", f"02:00:00:01:{number >> 8:02x}:{number & 255:02x}")
        portal = Portal(folder, ac)
        portal.start()
        stack.callback(portal.end, signal.SIGKILL)
        promised: set[str] = set()
        for round_ in range(ROUNDS):
            threads = _storm(portal, round_, promised)
            portal.end(signal.SIGKILL)
            for thread in threads:
                thread.join()
            portal.start()
            until(lambda: _agree(folder, ac), 15)

            live = _live(folder)
            assert promised <= live, "somebody who was told that they are online is lost"
            assert set(ac.online) == live
        portal.end(signal.SIGTERM)

        assert set(ac.online) == _live(folder)
        assert promised


def _storm(portal: Portal, round_: int, promised: set[str]) -> list[threading.Thread]:
    """Let visitors log in, four at a time, and end it in the middle."""
    numbers = iter(range(round_ * VISITORS, (round_ + 1) * VISITORS))
    lock, some = threading.Lock(), threading.Event()

    def visit() -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            source = f"127.1.{number >> 8}.{number & 255}"
            try:
                if portal.login(source):
                    promised.add(source)
            except (OSError, http.client.HTTPException, AssertionError):
                return
            if number % VISITORS >= VISITORS // 4 + round_ % 8:
                some.set()

    threads = [threading.Thread(target=visit, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    some.wait(20)
    time.sleep(0.01 * (round_ % 5))
    return threads


def _live(folder: Path) -> set[str]:
    with Store(f"sqlite:///{folder / 'portal.db'}") as store:
        return {address for each in store.live() for address in each.client.addresses}


def _agree(folder: Path, ac) -> bool:
    return set(ac.online) == _live(folder)
