"""Portal 2.0 in figures: logins and notifications a second, what 50,000 users cost.

    python benchmarks/portal2.py [--logins 3000] [--threads 12] [--users 50000]

The controller is the tests' simulator in a process of its own; it answers at once and asks no RADIUS server.
Figures are of our side: CPU seconds of this process, and wall clock where it says so.
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import os
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from captive_portal.model import Bounds, Client  # noqa: E402
from captive_portal.portal2 import packets  # noqa: E402
from netops.clock import SYSTEM  # noqa: E402
from netops.run import keep_to_one_core, spare_collector  # noqa: E402

HOST = "127.0.0.31"


def loaded(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / "captive_portal" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def station(number: int) -> tuple[str, str]:
    mac = f"02:00:{number >> 24 & 255:02x}:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", mac


def controller(pipe, stations: int) -> None:
    simulator = loaded("ac_simulator")
    with simulator.Ac(authorise=lambda *_: 3600, host=HOST) as ac:
        for number in range(stations):
            ac.station(*station(number))
        ac.heard = _Nothing()
        pipe.send(ac.port)
        while (said := pipe.recv()) != "end":
            if said == "power cut":
                ac.online.clear()
                ac.answers.clear()  # a serial may come again
                pipe.send(len(ac.online))
            else:
                pipe.send([ac.kick(station(each)[0], tell=False) for each in said])


class _Nothing(list):
    def append(self, _each) -> None:
        self[:] = [_each]


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--logins", type=int, default=3000)
    words.add_argument("--threads", type=int, default=12)
    words.add_argument("--users", type=int, default=50_000)
    args = words.parse_args()
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    stations = max(args.logins, args.users)
    process = multiprocessing.get_context("spawn").Process(target=controller, args=(theirs, stations))
    process.start()
    spare_collector()
    keep_to_one_core("portal")  # as netops.run does; the controller has the others
    others = os.sched_getaffinity(process.pid) - os.sched_getaffinity(0)
    os.sched_setaffinity(process.pid, others or os.sched_getaffinity(0))
    worlds = loaded("portal2_world")

    class Remote:
        host, port = HOST, ours.recv()

    with tempfile.TemporaryDirectory() as folder:
        gateway = worlds.Portal2(worlds.settings_of(Path(folder), Remote), SYSTEM)
        with gateway:
            part = gateway.parts()[0]
            logins(gateway, part, args.logins, args.threads, "logins (CHAP, token, AFF_ACK_AUTH, five packets kept)")
            ours.send("power cut")
            ours.recv()
            for each in part.side.book.every(SYSTEM.now_ms()):  # what the user synchronisation finds
                part.side.book.drop(each)
            logins(
                gateway, part, args.users, args.threads, "storm: the controller has forgotten all, and each comes back"
            )
            notifications(gateway, part, ours, args)
            gateway.journal.settle(60)
            users(part)
        began = time.perf_counter()
        with worlds.Portal2(worlds.settings_of(Path(folder), Remote), SYSTEM) as again:
            took = time.perf_counter() - began
            print(f"start with {len(again.admitted()):,} users online: {took:.2f} s; nobody is asked")
        began = time.perf_counter()
        checked = packets.check(gateway.journal.path)
        rate = checked.packets / (time.perf_counter() - began)
        print(f"chain of {checked.packets:,} packets recomputed: {rate:,.0f}/s, broken: {checked.broken}")
    ours.send("end")
    process.join(10)


def logins(gateway, part, count: int, threads_: int, what: str) -> None:
    """Let so many in; over when their packets are in the file, too: at most 20,000 may wait for it."""
    numbers, missed = iter(range(count)), gateway.journal.missed
    lock, took = threading.Lock(), []

    def work() -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            address, mac = station(number)
            began = time.perf_counter()
            part.allow(Client(mac=mac, interface="ac-1", addresses=(address,)), Bounds(seconds=3600))
            took.append(time.perf_counter() - began)

    threads = [threading.Thread(target=work) for _ in range(threads_)]
    wall, cpu = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    in_after = time.perf_counter() - wall
    gateway.journal.settle(60)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    took.sort()
    print(
        f"{what}: {len(took):,} of {count:,} in after {in_after:.1f} s, kept after {wall:.1f} s;"
        f" {len(took) / wall:,.0f}/s wall, {len(took) / cpu:,.0f} per CPU second;"
        f" p50 {took[len(took) // 2] * 1000:.1f} ms, p99 {took[len(took) * 99 // 100] * 1000:.1f} ms;"
        f" {part.counters()['resent']} packets sent again, {gateway.journal.missed - missed} not kept"
    )


def notifications(gateway, part, ours, args) -> None:
    """Half of the users are put out by the controller: each notification is answered, judged and followed."""
    half = list(range(args.logins // 2))
    ours.send(half)
    octets = ours.recv()
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.bind((HOST, 0))
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    wall, cpu = time.perf_counter(), time.process_time()
    for at, each in enumerate(octets):
        link.sendto(each, ("127.0.0.1", gateway.post.port))
        if at % 100 == 99:
            time.sleep(0.002)
    while part.counters()["put_out"] < len(half) and time.perf_counter() - wall < 30:
        time.sleep(0.005)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    out = part.counters()["put_out"]
    rates = f"{out / wall:,.0f}/s wall, {out / cpu:,.0f} per CPU second"
    print(f"NTF_LOGOUT answered and followed: {out:,} of {len(half):,}, {rates}")
    link.close()


def users(part) -> None:
    began = time.process_time()
    found = len(part.admitted())
    print(f"who is in, of {found:,}: {(time.process_time() - began) * 1000:.0f} ms, every 30 s")


if __name__ == "__main__":
    main()
