"""Viewers that keep the overview open: `python benchmarks/viewers.py [--viewers 1000] [--every 30] [--seconds 90]`.

A small city of `--services` is served by a process of its own; its situation is written anew every ten seconds, as the
core does. Each viewer asks as `poll.js` does: at an instant of its own, every `--every` seconds, with the ETag that it
holds, over a new connection (ours are let go after ten idle seconds). Printed: how many asked a second, how long they
waited, how many were told 304, and how many cores the server took. Exit code 1 when anybody was not answered, or the
99th percentile is above a second.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from dashboards import pages as dashboard_pages
from dashboards.service import application
from netops import situation
from netops.config import Listener
from netops.web import Server, pages

ROOT = Path(__file__).resolve().parents[1]
ROLES = ("viewer", "operator", "contract_manager", "auditor")
SESSIONS = 5  # of each, which the viewers share: logging in is not what is measured
LIMIT_S = 1.0


def small_city():
    spec = importlib.util.spec_from_file_location("small_city", ROOT / "tests" / "dashboards" / "small_city.py")
    made = importlib.util.module_from_spec(spec)
    sys.modules["small_city"] = made
    spec.loader.exec_module(made)
    return made


def serve(directory: Path) -> None:
    """Serve the city that lies there until told to end; print the port."""
    city = small_city()
    dashboard_pages.Passwords = city.cheap
    pages.load = lambda context: [dashboard_pages.pages(context)]
    with ExitStack() as stack:
        server = Server(application(city.settings(directory), city.Fixed(), stack), Listener(port=0))
        server.start()
        print(server.port, flush=True)
        signal.sigwait({signal.SIGTERM, signal.SIGINT})
        server.stop()


def session(port: int, name: str, password: str) -> str:
    """Log in; return the cookies."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    data = urllib.parse.urlencode({"name": name, "password": password}).encode()
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/login", data=data)
    try:
        answer = urllib.request.build_opener(Stay).open(asked, timeout=10)
    except urllib.error.HTTPError as error:
        answer = error
    answer.close()
    cookies = [each.split(";")[0] for each in answer.headers.get_all("Set-Cookie", [])]
    if answer.code != 303 or not cookies:
        sys.exit(f"the login answered {answer.code}")
    return "; ".join(cookies)


class Viewers:
    """Those who look on, and what they met."""

    def __init__(self, port: int, cookies: list[str], *, every_s: float, until: float) -> None:
        self.port, self.cookies, self.every_s, self.until = port, cookies, every_s, until
        self.took: list[float] = []
        self.codes: dict[int, int] = {}
        self.failed: list[str] = []

    async def view(self, number: int) -> None:
        """Be one of them: ask at an instant of one's own, until it is over."""
        dice, tag = random.Random(number), ""
        at = time.monotonic() + dice.random() * self.every_s
        while at < self.until:
            await asyncio.sleep(max(0.0, at - time.monotonic()))
            began = time.monotonic()
            try:
                code, told = await asyncio.wait_for(self._ask(self.cookies[number % len(self.cookies)], tag), 30)
            except (OSError, TimeoutError, ValueError) as error:
                self.failed.append(repr(error))
            else:
                self.took.append(time.monotonic() - began)
                self.codes[code] = self.codes.get(code, 0) + 1
                tag = told or tag
            at += self.every_s

    async def _ask(self, cookie: str, tag: str) -> tuple[int, str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            held = f"If-None-Match: {tag}\r\n" if tag else ""
            head = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nX-Poll: 1\r\nCookie: {cookie}\r\n{held}"
            writer.write(f"{head}Connection: close\r\n\r\n".encode())
            answer = await reader.read(-1)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        code = int(answer[9:12])
        found = re.search(rb"(?i)\r\netag: ([^\r]*)", answer)
        return code, found[1].decode() if found else ""


async def look_on(viewers: Viewers, count: int) -> None:
    await asyncio.gather(*(viewers.view(number) for number in range(count)))


def renew(settings, stop: float) -> None:
    """Write the situation anew every ten seconds, ten seconds later, as the core does."""
    while time.monotonic() < stop:
        time.sleep(10)
        seen = situation.read(settings)
        situation.write(settings, replace(seen, at_ms=seen.at_ms + 10_000))


def measure(directory: Path, *, viewers: int, every_s: float, seconds: float, services: int) -> dict[str, float]:
    """Return what the viewers met, and what they cost."""
    city = small_city()
    settings = city.build(directory, services=services, seed=7)
    words = [sys.executable, __file__, "--serve", str(directory)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        port = int(child.stdout.readline())
        cookies = [session(port, name, city.PASSWORD) for name in ROLES for _ in range(SESSIONS)]
        before, began = cpu_s(child.pid), time.monotonic()
        crowd = Viewers(port, cookies, every_s=every_s, until=began + seconds)
        threading.Thread(target=renew, args=(settings, began + seconds - 11), daemon=True).start()
        asyncio.run(look_on(crowd, viewers))
        lasted, used = time.monotonic() - began, cpu_s(child.pid) - before
    finally:
        child.terminate()
        child.wait(20)
        child.stdout.close()
    took = sorted(crowd.took)
    return {
        "viewers": viewers,
        "services": services,
        "asked": len(took),
        "asked_per_s": round(len(took) / lasted, 1),
        "p50_ms": round(took[len(took) // 2] * 1000, 1),
        "p95_ms": round(took[len(took) * 95 // 100] * 1000, 1),
        "p99_ms": round(took[len(took) * 99 // 100] * 1000, 1),
        "not_modified": crowd.codes.get(304, 0),
        "whole": crowd.codes.get(200, 0),
        "other": sum(n for code, n in crowd.codes.items() if code not in {200, 304}),
        "failed": len(crowd.failed),
        "server_cores": round(used / lasted, 3),
    }


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--viewers", type=int, default=1000)
    parser.add_argument("--every", type=float, default=30.0, help="seconds between two polls of a viewer")
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--services", type=int, default=5000)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.serve)
        return 0
    with tempfile.TemporaryDirectory() as directory:
        asked = {"viewers": args.viewers, "every_s": args.every, "seconds": args.seconds, "services": args.services}
        told = measure(Path(directory), **asked)
    print(json.dumps(told))
    return 0 if not told["failed"] and not told["other"] and told["p99_ms"] <= LIMIT_S * 1000 else 1


if __name__ == "__main__":
    raise SystemExit(main())
