"""SSH sessions a second and CPU milliseconds a session: our two transports and plain netmiko, in one run.

    .venv/bin/python benchmarks/ssh.py [--sessions 300] [--rows 40]

All speak with the same scripted device (the tests', in a process of its own) and read the same table; each client is a
process of its own, so its CPU time is its own. A table is whole when all of its rows and its trailer came; "short" are
tables that a client took for whole and that were not. Plain netmiko is what its manual shows: connect, `send_command`,
disconnect; all parse the table by the same template. The ratios hold on a busy machine, the absolute figures do not.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import queue
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import netmiko

from collectors.ssh.by_asyncssh import Asyncssh
from collectors.ssh.by_netmiko import Netmiko
from collectors.ssh.course import visit
from collectors.ssh.dialects import DIALECTS
from collectors.ssh.keys import Trusted
from collectors.ssh.read import Complete
from collectors.ssh.read_yaml import shipped
from collectors.ssh.rows import rows as parsed
from collectors.ssh.talk import Limits
from collectors.ssh.transport import Errand, Login, Place

ROOT = Path(__file__).resolve().parents[1]
COMMAND = "display ap all"
CLIENTS = {
    "ours by asyncssh, 100 at once": ("asyncssh", 100),
    "ours by netmiko, 50 threads": ("netmiko", 50),
    "plain netmiko, 50 threads": ("plain", 50),
    "plain netmiko, 100 threads": ("plain", 100),
}


def device_module():
    """Return the scripted device of the tests."""
    spec = importlib.util.spec_from_file_location("ssh_device", ROOT / "tests/collectors/ssh/ssh_device.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["ssh_device"] = module
    spec.loader.exec_module(module)
    return module


def serve(rows: int) -> None:
    """Be the device until standard input ends."""
    ssh_device = device_module()
    with ssh_device.Site() as site:
        port = site.serve(ssh_device.Device(count=rows, chatty=True))
        print(json.dumps({"port": port, "print": site.print}), flush=True)
        sys.stdin.read()


def ours(kind: str, at_once: int, place: dict, sessions: int, rows: int) -> dict:
    """Have our transport make the visits."""
    limits = Limits(connect_s=60, read_s=60, deadline_s=120)
    dialect, reads = DIALECTS["huawei_vrp"], [shipped()["vrp_aps"]]
    login = Login(user="ops", password=device_module().PASSWORD)
    where = Place(address="127.0.0.1", port=place["port"], trusted=Trusted((place["print"],)), login=login)
    errand = Errand(place=where, dialect=dialect, course=lambda: visit(dialect, reads, limits), limits=limits)
    transport = Asyncssh(sessions=at_once) if kind == "asyncssh" else Netmiko(threads=at_once)
    came: queue.Queue = queue.Queue()
    transport.start()
    began = time.monotonic()
    transport.carry([errand] * sessions, came.put)
    found = [came.get(timeout=600) for _ in range(sessions)]
    took = time.monotonic() - began
    transport.stop()
    taken = [each.visited.taken[0] for each in found if each.visited]
    whole = sum(each.failed is None and len(each.rows) == rows for each in taken)
    short = sum(each.failed is None and len(each.rows) != rows for each in taken)
    return {"took": took, "whole": whole, "short": short, "told": sessions - whole - short}


def plain(at_once: int, place: dict, sessions: int, rows: int) -> dict:
    """Do what netmiko's manual shows."""
    password = device_module().PASSWORD
    read = replace(shipped()["vrp_aps"], complete=Complete())  # nobody tells it how many rows there are

    def session(_: int) -> str:
        try:
            with netmiko.ConnectHandler(
                device_type="huawei", host="127.0.0.1", port=place["port"], username="ops", password=password
            ) as connection:
                said = connection.send_command(COMMAND)
        except Exception:  # noqa: BLE001  (whatever it says, it said something)
            return "told"
        found = parsed(read, said.splitlines())
        return "whole" if isinstance(found, list) and len(found) == rows else "short"

    began = time.monotonic()
    with ThreadPoolExecutor(at_once) as pool:
        found = list(pool.map(session, range(sessions)))
    took = time.monotonic() - began
    return {"took": took, **{word: found.count(word) for word in ("whole", "short", "told")}}


def client(kind: str, at_once: int, place: dict, sessions: int, rows: int) -> None:
    """Make the sessions in this process and print what came of them."""
    made = plain(at_once, place, sessions, rows) if kind == "plain" else ours(kind, at_once, place, sessions, rows)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps(made | {"cpu": used.ru_utime + used.ru_stime}), flush=True)


def start_cpu() -> float:
    """Return the CPU seconds that a client needs before its first session: its imports."""
    code = (
        "import asyncssh, netmiko, resource; from collectors.ssh.read_yaml import shipped; shipped(); "
        "used = resource.getrusage(resource.RUSAGE_SELF); print(used.ru_utime + used.ru_stime)"
    )
    return float(
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    )


def main() -> None:
    """Run every client against one device and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=300)
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--client", default="", help=argparse.SUPPRESS)
    parser.add_argument("--at-once", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--place", default="", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.rows)
        return
    if args.client:
        client(args.client, args.at_once, json.loads(args.place), args.sessions, args.rows)
        return
    me = [sys.executable, __file__, "--sessions", str(args.sessions), "--rows", str(args.rows)]
    idle = start_cpu()
    device = subprocess.Popen([*me, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    place = device.stdout.readline().strip()
    print(f"{'client':<32}{'sessions/s':>11}{'CPU ms':>9}{'whole':>7}{'short':>7}{'told':>6}")
    for title, (kind, at_once) in CLIENTS.items():
        words = ["--client", kind, "--at-once", str(at_once), "--place", place]
        done = subprocess.run([*me, *words], stdout=subprocess.PIPE, text=True, check=True)
        made = json.loads(done.stdout.splitlines()[-1])
        rate, cpu = args.sessions / made["took"], (made["cpu"] - idle) * 1000 / args.sessions
        print(f"{title:<32}{rate:>11.1f}{cpu:>9.1f}{made['whole']:>7}{made['short']:>7}{made['told']:>6}", flush=True)
    device.stdin.close()
    device.wait(20)


if __name__ == "__main__":
    main()
