"""A backlog of polls through the core's drain: polls and values per second, stage by stage and as a whole.

    .venv/bin/python benchmarks/drain.py                              # 1,000 switches x 30 minutes, 340 values a poll
    .venv/bin/python benchmarks/drain.py --kind ap --devices 5000     # small polls: an access point, 24 values
    .venv/bin/python benchmarks/drain.py --store none                 # read, decode, claims and archive alone
    .venv/bin/python benchmarks/drain.py --json FILE

A switch answers 20 scalars and a table of 32 rows x 10 columns: counters that go on from minute to minute, in 6 kB of
BER replies; an access point three rows of 8 values in 0.5 kB. The stages are timed apart on one batch after another;
then the whole, in a process of its own: the backlog lies in the spool, the store was away, and a minute of fresh polls
comes in beside it. `cpu ms` is processor time per poll of that process with all its threads: the figure to trust on a
busy machine.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from netops import blocks, run, wire
from netops.drain import PAST, Drain, taken
from netops.model import Poll, Row, Subject
from netops.raw import Archive, frame
from netops.spool import Reader, Spool
from netops.store.embedded import Embedded
from netops.store.memory import Memory

T0 = 1_790_812_800_000
MINUTE = 60_000
DAY = 86_400_000
KINDS = {"switch": (20, 32, 10), "ap": (8, 2, 8)}  # scalars, rows, columns


class Device:
    """Counters that go on from slot to slot, and replies that hold them as BER does."""

    def __init__(self, name, kind, dice):
        self.name, self.dice = name, dice
        self.scalars, self.rows, self.columns = KINDS[kind]
        self.counts = [dice.randrange(1 << 31) for _ in range(self.scalars + self.rows * self.columns)]

    def poll(self, slot_ms):
        self.counts = [count + self.dice.randrange(5_000) * (n % 3 > 0) for n, count in enumerate(self.counts)]
        values = dict(zip((f"host.value_{n}" for n in range(self.scalars)), map(float, self.counts), strict=False))
        rows = [Row(subject=Subject("device", self.name), values=values)]
        for n in range(self.rows):
            mine = self.counts[self.scalars + n * self.columns :][: self.columns]
            values = {f"interface.value_{m}": float(value) for m, value in enumerate(mine)}
            rows.append(Row(subject=Subject("interface", f"{self.name}/{n}"), values=values))
        bindings = [
            b"\x30\x11\x06\x09\x2b\x06\x01\x02\x01\x02\x02\x01%c\x41\x04" % (n % 120)
            + (count & 0xFFFFFFFF).to_bytes(4, "big")
            for n, count in enumerate(self.counts)
        ]
        replies = [b"".join(bindings[at : at + 57]) for at in range(0, len(bindings), 57)]
        at = slot_ms + self.dice.randrange(40_000)
        about = {"device": self.name, "profile": "standard", "digest": "0" * 64, "outcome": "answered"}
        how = {"attempts": 1, "rtt_ms": 3.0, "lag_ms": float(at - slot_ms)}
        return Poll(slot_ms=slot_ms, at_ms=at, rows=tuple(rows), raw=frame(replies), **about, **how)


class Nowhere(Memory):
    def write(self, polls):
        pass


class Clock:
    ms = T0 + DAY

    def now_ms(self):
        return self.ms

    def monotonic(self):
        return time.monotonic()


def timed(what, act, polls, told):
    began, used = time.perf_counter(), time.process_time()
    found = act()
    spent, cpu = time.perf_counter() - began, time.process_time() - used
    told.append({"stage": what, "polls_s": round(polls / spent), "cpu_ms": round(cpu / polls * 1000, 4)})
    return found


def stages(args, home):
    """Time each stage on batches of the size the drain takes."""
    dice = random.Random(1)
    devices = [Device(f"d{n}", args.kind, dice) for n in range(args.devices)]
    told = []
    count = max(1, 500 * PAST // args.devices)
    first, polls = [
        [each.poll(T0 + n * MINUTE) for n in range(at, at + count) for each in devices] for at in (0, count)
    ]
    many = len(polls)
    payloads = timed("encode", lambda: [wire.encode(each) for each in polls], many, told)
    timed("compress", lambda: [blocks.pack(each) for each in blocks.split(payloads)], many, told)
    with Spool(home / "stage.db", source="collect") as spool:
        timed("put, fsync", lambda: spool.put("poll", payloads), many, told)
        told[-1]["bytes_per_poll"] = round(spool.held_bytes / many)
    with Reader(home / "stage.db") as reader:
        entries = timed("read", lambda: reader.read(after=0, limit=many), many, told)
    packed = timed("decode", lambda: [wire.unpack(each.payload) for each in entries], many, told)
    archive = Archive(home / "stage-raw", days={"evidence": 9, "other": 9}, budget_bytes=1 << 40, writing=True)
    with archive:
        timed("archive", lambda: archive.keep("s", list(enumerate(packed, 1))), many, told)
    with Embedded(home / "stage", writing=True) as store:
        store.write([wire.unpack(wire.encode(each)) for each in first])
        timed("store, fresh", lambda: store.write(packed), many, told)
        timed("store, sealing", lambda: store.seal(T0 + 9 * DAY) and store.seal(T0 + 9 * DAY), 2 * many, told)
    with Embedded(home / "stage-past", writing=True) as store:
        store.write([Poll(device="x", slot_ms=T0 + DAY, at_ms=T0 + DAY, outcome="answered")])
        timed("store, backlog", lambda: store.write(packed), many, told)
    return told


def fill(args, home):
    """Put the backlog into the spool, as the poller does: some hundred polls at a time."""
    dice = random.Random(2)
    devices = [Device(f"d{n}", args.kind, dice) for n in range(args.devices)]
    with Spool(home / "spool" / "collect.db", source="collect", cap_bytes=1 << 40) as spool:
        for minute in range(args.minutes):
            made = [wire.encode(each.poll(T0 + minute * MINUTE)) for each in devices]
            for at in range(0, len(made), args.put):
                spool.put("poll", made[at : at + args.put])
        return spool.held_bytes / (args.minutes * args.devices)


def drain(args, home):
    """Drain it, in this process; print one line of JSON."""
    run.spare_collector()  # as every service does
    clock, seen, fresh = Clock(), [], []
    stores = {"embedded": lambda: Embedded(home / "telemetry", writing=True), "none": Nowhere}
    archive = Archive(home / "raw", days={"evidence": 9, "other": 9}, budget_bytes=1 << 40, writing=True)

    def took(polls):
        seen.append(len(polls))
        fresh.extend(time.perf_counter() for poll in polls if poll.slot_ms == clock.ms)

    with ExitStack() as stack:
        spool = stack.enter_context(Spool(home / "spool" / "collect.db", source="collect", cap_bytes=1 << 40))
        store, _ = stack.enter_context(stores[args.store]()), stack.enter_context(archive)
        parts = {"spools": home / "spool", "store": store, "archive": archive, "clock": clock}
        core = stack.enter_context(Drain(home / "drain.db", **parts, on_facts=lambda _: None, on_polls=took))
        core.step()
        dice = random.Random(3)
        devices = [Device(f"d{n}", args.kind, dice) for n in range(args.devices)]
        last = spool.put("poll", [wire.encode(each.poll(clock.ms)) for each in devices])
        already = sum(seen)
        began, used, longest = time.perf_counter(), time.process_time(), 0.0
        while taken(core.path, spool.source) < last:
            at = time.perf_counter()
            step = core.step()
            assert not step.waiting, step.waiting
            longest = max(longest, time.perf_counter() - at)
        spent, cpu = time.perf_counter() - began, time.process_time() - used
        polls = sum(seen) - already
        assert sum(seen) == last, (sum(seen), last)
    rows = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(each.split()[1]) for each in rows if each.startswith("VmHWM")) / 1024
    values = KINDS[args.kind][0] + KINDS[args.kind][1] * KINDS[args.kind][2]
    told = {
        "polls": polls,
        "polls_s": round(polls / spent),
        "values_s": round(polls / spent * values),
        "cpu_ms": round(cpu / polls * 1000, 3),
        "cores": round(cpu / spent, 2),
        "fresh_in_s": round(max(fresh) - began, 2),
        "longest_step_s": round(longest, 2),
        "peak_rss_mb": round(peak),
    }
    print(json.dumps(told))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=KINDS, default="switch")
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--put", type=int, default=170, help="polls of one put: what 10,000 devices bring in a second")
    parser.add_argument("--store", choices=("embedded", "none"), default="embedded")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--dir", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.dir:
        drain(args, args.dir)
        return
    home = Path(tempfile.mkdtemp(prefix="netops-drain-"))
    try:
        told = stages(args, home)
        for each in told:
            more = f"  {each['bytes_per_poll']} bytes a poll" if "bytes_per_poll" in each else ""
            print(f"{each['stage']:<16} {each['polls_s']:>8} polls/s  {each['cpu_ms']:.4f} cpu ms{more}", flush=True)
        size = fill(args, home)
        words = [f"--{name}={getattr(args, name)}" for name in ("kind", "devices", "store")]
        whole = subprocess.run(
            [sys.executable, __file__, *words, f"--dir={home}"], check=True, capture_output=True, text=True
        )
        whole = json.loads(whole.stdout) | {"bytes_per_poll": round(size)}
        day = 10_000 * 1440
        whole["hours_for_a_day_of_10000_devices"] = round(day / (whole["polls_s"] - 10_000 / 60) / 3600, 2)
        print("whole", json.dumps(whole, indent=1))
        if args.json:
            args.json.write_text(json.dumps({"stages": told, "whole": whole}, indent=1))
    finally:
        shutil.rmtree(home)


if __name__ == "__main__":
    main()
