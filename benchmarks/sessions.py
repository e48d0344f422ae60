"""Fifty thousand live sessions through desk, gate and a real kernel: a power cut, a storm of devices, a kill -9.

    sudo python benchmarks/sessions.py [--live 50000] [--storm 100000]

The sessions are put on record as logins put them there (chain, consent, sealed MAC). Then, with portal and gate as
processes in a namespace of their own:

* power cut: the kernel knows nobody, `--storm` devices knock, the known among them; how long until all known are in;
* kill -9 of the portal: how long until a new one serves with every session, and whether one was ever out of the kernel;
* the gate and its table lost while the portal runs: how long until all are in again;
* a thousand doors opened behind everybody's back: how long until the next round has closed them.

The devices that knock ask on loopback of the gateway's namespace, so the firewall does not hold any of them up.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Self

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from captive_portal import keys, tables
from captive_portal.model import Bounds, Client, Grant, Session, State
from captive_portal.records.persons import Persons
from captive_portal.store import Admission, Consent, Store
from netops.clock import SYSTEM
from netops.config import load

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).resolve()
CONSENT = Consent(terms="1", language="en", digest="0" * 64, channel="page")
HOURS_MS = 6 * 3_600_000
DRIFT = 1000
WAIT_S = 300.0


class Site:
    """A gateway in a namespace of its own, with portal and gate as processes."""

    def __init__(self, folder: Path) -> None:
        mark = secrets.token_hex(3)
        self.folder, self.space, self.link = folder, f"nb{mark}g", f"v{mark}"
        self.file = folder / "netops.toml"
        self.file.write_text(
            f'[city]\nrehearsal = true\n[data]\ndir = "{folder}"\n[portal]\ngateway = "nftables"\n'
            f'public_url = "http://portal.test"\n[portal.listen]\nhost = "127.0.0.1"\nport = 8081\n'
            f'[portal.visitors]\n{self.link} = "bench"\n',
            encoding="utf-8",
        )
        self.settings = load(self.file, environ={})
        self.running: dict[str, subprocess.Popen[str]] = {}

    def __enter__(self) -> Self:
        ip("netns", "add", self.space)
        ip("-n", self.space, "link", "set", "lo", "up")
        ip("-n", self.space, "link", "add", self.link, "type", "veth", "peer", "name", "far")
        ip("-n", self.space, "address", "add", "10.0.0.1/8", "dev", self.link)
        ip("-n", self.space, "link", "set", self.link, "up")
        return self

    def __exit__(self, *_: object) -> None:
        for each in self.running.values():
            each.terminate()
            each.wait(30)
        ip("netns", "del", self.space)

    def command(self, *words: str) -> list[str]:
        return ["ip", "netns", "exec", self.space, *words]

    def start(self, name: str) -> float:
        """Start a service; return how many seconds passed until it served."""
        began = time.perf_counter()
        env = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
        words = self.command(sys.executable, "-m", "netops.run", name, "--config", str(self.file))
        with (self.folder / f"{name}.log").open("a", encoding="utf-8") as log:
            process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, text=True, env=env)
        self.running[name] = process
        assert process.stdout
        assert "ready" in process.stdout.readline()
        return time.perf_counter() - began

    def kill(self, name: str) -> None:
        process = self.running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def cpu_s(self, name: str) -> float:
        """Return the processor time that a service has used: what a time is worth on a busy machine."""
        said = Path(f"/proc/{self.running[name].pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return round((int(said[11]) + int(said[12])) / os.sysconf("SC_CLK_TCK"), 1)

    def inside(self) -> int:
        """Return how many addresses the kernel lets through."""
        return len(self.elements())

    def elements(self) -> list[str]:
        words = self.command("nft", "list", "set", "inet", "netops_portal", "auth4")
        return re.findall(r"\d+\.\d+\.\d+\.\d+(?= [^,}]*expires)", subprocess.run(
            words, capture_output=True, text=True, check=True).stdout)  # fmt: skip

    def live(self) -> int:
        """Return how many sessions the portal says that it has."""
        words = self.command("curl", "-s", "http://127.0.0.1:8081/metrics")
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        found = re.search(r"^netops_portal_sessions(?:\{[^}]*\})? (\d+)", said, re.MULTILINE)
        return int(found[1]) if found else 0


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def device(number: int, place: str) -> Client:
    octets = (number + 256).to_bytes(4, "big")
    address = ".".join(str(each) for each in (10, *octets[1:]))
    return Client(mac=bytes([2, 0, *octets]).hex(":"), interface=place, addresses=(address,))


def record(site: Site, live: int) -> float:
    """Put so many sessions on record, as logins do; return how many a second."""
    settings, now_ms = site.settings, SYSTEM.now_ms()
    key = keys.identity_key(settings)
    grant = Grant(method="click_through", until_ms=now_ms + HOURS_MS, bounds=Bounds(seconds=HOURS_MS // 1000))
    with Persons(settings) as persons, Store(tables.url(settings), persons) as store, ThreadPoolExecutor(64) as pool:

        def one(number: int) -> None:
            client = device(number, site.link)
            made = Session(id=secrets.token_hex(12), client=client, state=State.RECORDED, since_ms=now_ms, grant=grant)
            store.admit(Admission(session=made, identity=keys.identity(key, client), site="bench", consent=CONSENT))

        began = time.perf_counter()
        list(pool.map(one, range(live), chunksize=64))
        return live / (time.perf_counter() - began)


def knock(storm: int) -> None:
    """Be devices that look for the internet: runs inside the namespace; each is an address of its own."""
    took, lost = [], 0
    lock, turn = threading.Lock(), iter(range(storm))
    request = b"GET /generate_204 HTTP/1.1\r\nHost: connectivitycheck.gstatic.com\r\nConnection: close\r\n\r\n"

    def run() -> None:
        nonlocal lost
        while True:
            with lock:
                number = next(turn, None)
            if number is None:
                return
            began, said = time.perf_counter(), b""
            with contextlib.suppress(OSError), socket.socket() as link:
                link.settimeout(10)
                link.bind((f"127.{1 + (number >> 16)}.{number >> 8 & 255}.{number & 255}", 0))
                link.connect(("127.0.0.1", 8081))
                link.sendall(request)
                said = link.recv(65_536)
            with lock:
                took.append(time.perf_counter() - began)
                lost += not said.startswith(b"HTTP/1.1 302")

    while True:  # until the portal is back
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", 8081), 1):
            break
        time.sleep(0.05)
    began = time.perf_counter()
    threads = [threading.Thread(target=run) for _ in range(32)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    took.sort()
    seconds = time.perf_counter() - began
    told = {"knocked": len(took), "unanswered": lost, "per_s": round(len(took) / seconds), "seconds": round(seconds, 1)}
    print(json.dumps({**told, "p99_ms": round(took[len(took) * 99 // 100] * 1000, 1)}))


def until(holds: Callable[[], bool], what: str) -> float:
    began = time.perf_counter()
    while not holds():
        if time.perf_counter() - began > WAIT_S:
            sys.exit(f"{what}: not within {WAIT_S:g} s")
        time.sleep(1.0)  # a list of so many costs something itself
    return time.perf_counter() - began


def power_cut(site: Site, live: int, storm: int) -> dict[str, object]:
    site.start("gate")
    began = time.perf_counter()
    words = site.command(sys.executable, str(HERE), "--knock", str(storm))
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as crowd:
        serves = site.start("portal")
        until(lambda: site.inside() >= live, "known sessions are back")
        back = time.perf_counter() - began
        said = json.loads(crowd.communicate(timeout=WAIT_S * 4)[0]) if storm else {}
    return {"known_back_s": round(back, 1), "portal_serves_s": round(serves, 1), "storm": said}


def killed(site: Site, live: int) -> dict[str, object]:
    """Kill the portal and start another; the kernel is looked at all the time."""
    least, ended = [live], threading.Event()

    def look() -> None:
        while not ended.wait(2.0):  # the list itself costs both processors something
            least.append(site.inside())

    looking = threading.Thread(target=look)
    looking.start()
    site.kill("portal")
    serves = site.start("portal")
    used = site.cpu_s("portal")
    ended.set()
    looking.join()
    told = {
        "restart_s": round(serves, 1),
        "restart_cpu_s": used,
        "live_after": site.live(),
        "least_in_the_kernel": min(least),
    }
    return {**told, "in_the_kernel": site.inside()}


def gate_anew(site: Site, live: int) -> dict[str, object]:
    """The gate and its table are lost while the portal runs: it opens every door again."""
    site.kill("gate")
    subprocess.run(site.command("nft", "delete", "table", "inet", "netops_portal"), check=True)
    began = time.perf_counter()
    site.start("gate")
    until(lambda: site.inside() >= live, "every door is open again")
    return {"known_back_s": round(time.perf_counter() - began, 1)}


def unrecorded(site: Site, live: int) -> dict[str, object]:
    """Open some doors behind everybody's back: the next round closes them (I4)."""
    every = [device(live + number, site.link) for number in range(DRIFT)]
    doors = ", ".join(f'"{each.interface}" . {each.mac} . {each.addresses[0]} timeout 1h' for each in every)
    text = f"add element inet netops_portal auth4 {{ {doors} }}\n"
    subprocess.run(site.command("nft", "-f", "-"), input=text, text=True, check=True)
    closed = until(lambda: site.inside() == live, "doors without a record are closed")
    return {"doors": DRIFT, "closed_s": round(closed, 1), "a_round_is_s": 30}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--live", type=int, default=50_000)
    parser.add_argument("--storm", type=int, default=100_000)
    parser.add_argument("--knock", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.knock:
        knock(arguments.knock)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # the namespace goes, too
    with tempfile.TemporaryDirectory() as name, Site(Path(name)) as site:
        tell("live", {"visits": arguments.live, "recorded_per_s": round(record(site, arguments.live))})
        tell("power_cut", power_cut(site, arguments.live, arguments.storm))
        tell("kill", killed(site, arguments.live))
        tell("gate_anew", gate_anew(site, arguments.live))
        tell("without_a_record", unrecorded(site, arguments.live))


def tell(what: str, told: dict[str, object]) -> None:
    """Say it at once: what comes later may not come."""
    print(json.dumps({what: told, "load_average": round(os.getloadavg()[0], 1)}), flush=True)


if __name__ == "__main__":
    main()
