"""Codes by SMS: how long a code takes to be judged, and how many requests for one the budgets bear.

    python benchmarks/sms.py

In one process, on the disk of the temporary directory (name another by TMPDIR): the method with its database, a
provider that takes every message at once. A judged code is a transaction with its fsync; what is counted durable is
looked for in the file at the end.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

from captive_portal import tables
from captive_portal.methods import Shown, Tools
from captive_portal.methods.sms import Sms
from captive_portal.model import Bounds, Grant
from captive_portal.policy import Policy
from captive_portal.records.persons import Persons
from captive_portal.sms.courier import Courier
from captive_portal.sms.providers import Answer, Came, Message, Provider
from captive_portal.store import Store
from captive_portal.verdict import Ask
from netops.clock import SYSTEM
from netops.config import City, Data, Settings
from netops.run import keep_to_one_core, spare_collector
from netops.texting import Sms as Caps

BOUNDS = Bounds(seconds=3600)
POLICY = Policy(id="bench", title="bench", methods=("sms",), bounds=BOUNDS)


class Pocket(Provider):
    """Takes every message and remembers the codes."""

    name = "pocket"

    def __init__(self) -> None:
        self.codes: dict[str, str] = {}

    def hand(self, message: Message) -> Answer:
        self.codes[message.phone] = message.code
        return Answer(came=Came.TAKEN)


def shown(device: int, **fields: str) -> Shown:
    site = f"site-{device % 20}"
    return Shown(fields=fields, identity=device.to_bytes(32, "big"), site=site, bounds=BOUNDS, policy=POLICY)


def press(method: Sms, device: int, **fields: str) -> object:
    asked, now_ms = shown(device, **fields), SYSTEM.now_ms()
    return method.prove(replace(asked, answer=method.consult(asked, now_ms)), now_ms)


def spread(count: int, threads: int, work) -> tuple[list[float], float]:
    """Return how long each took in ms, ascending, and how many a second."""
    took: list[float] = [0.0] * count
    turn, lock = iter(range(count)), threading.Lock()

    def run() -> None:
        while True:
            with lock:
                n = next(turn, None)
            if n is None:
                return
            began = time.perf_counter()
            work(n)
            took[n] = (time.perf_counter() - began) * 1000

    began = time.perf_counter()
    runners = [threading.Thread(target=run) for _ in range(threads)]
    for each in runners:
        each.start()
    for each in runners:
        each.join()
    return sorted(took), count / (time.perf_counter() - began)


def say(what: str, took: list[float], rate: float) -> None:
    at = {q: took[min(len(took) - 1, int(len(took) * q))] for q in (0.5, 0.95, 0.99)}
    print(f"{what:44} p50 {at[0.5]:7.2f} ms  p95 {at[0.95]:7.2f} ms  p99 {at[0.99]:7.2f} ms  {rate:8.0f}/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--codes", type=int, default=1000, help="codes for each figure (%(default)s)")
    count = parser.parse_args().codes
    spare_collector()
    keep_to_one_core("portal")  # as netops.run does
    with tempfile.TemporaryDirectory() as folder:
        caps = Caps(site_per_hour=10**6, city_per_hour=10**6, city_per_day=10**6)
        settings = Settings(city=City(rehearsal=True), data=Data(dir=Path(folder)), sms=caps)
        pocket = Pocket()
        with Persons(settings) as persons, Store(tables.url(settings), persons) as store:
            method = Sms(Tools(settings=settings, store=store, persons=persons))
            method._courier = Courier([pocket], workers=8, clock=SYSTEM)  # noqa: SLF001  (a provider that no setting names)
            method.begin()
            print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {count} codes a figure, in {folder}")
            for base, threads in ((0, 1), (count, 8), (2 * count, 32)):
                phones = [f"1380{base + n:07d}" for n in range(count)]
                done = spread(count, threads, lambda n, b=base, p=phones: press(method, b + n, phone=p[n]))
                say(f"a code asked for and handed over, {threads} at once", *done)
                right = [pocket.codes.get(f"+86{phone}", "") for phone in phones]
                came: list[object] = [None] * count

                def judge(n: int, b: int = base, r: list[str] = right, c: list[object] = came) -> None:
                    c[n] = press(method, b + n, otp=r[n])

                say(f"a code judged, {threads} at once", *spread(count, threads, judge))
                print(f"{'':44} right {sum(isinstance(each, Grant) for each in came)} of {sum(map(bool, right))}")
            answers: list[object] = [None] * 1000

            def bomb(n: int) -> None:
                answers[n] = press(method, 9_000_000 + n, phone="18600000000")

            say("one number asked for by 1,000 devices at once", *spread(1000, 64, bomb))
            print(f"{'':44} sent {sum(isinstance(each, Ask) for each in answers)}")
            method.close()
        with sqlite3.connect(Path(folder) / "portal.db") as database:
            print("messages on disk:", database.execute("SELECT count(*) FROM portal_sms_sent").fetchone()[0])


if __name__ == "__main__":
    main()
