"""A program of its own, so that its memory is the product's: an outage by a simulated clock, then the catching up.

    python tests/netops/faults/outage.py --dir D --url URL --devices 10 --hours 24 --seed 1
    python tests/netops/faults/outage.py --dir D --devices 10 --hours 24 < /dev/null    # the embedded store

Per device and minute one poll of the size that benchmarks/snmp/scale.py asks: 20 scalars and a table of 32 rows x 10
columns, with raw replies. While the store is away (the caller's stub refuses, or takes and never answers; the embedded
one fails) each hour is spooled and a step of the drain is tried; then the caller is told `back` on stdout, and
everything is drained, while polling goes on. Last comes one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path

from netops import wire
from netops.config import load
from netops.drain import Drain, taken
from netops.errors import StoreError
from netops.model import Poll, Row, Subject
from netops.raw import Archive, frame
from netops.run import spare_collector
from netops.spool import Spool
from netops.store import open_store

T0 = 1_790_812_800_000
MINUTE = 60_000
SCALARS = ("system.uptime", *(f"host.value_{n}" for n in range(19)))
COLUMNS = tuple(f"interface.value_{n}" for n in range(10))


class Clock:
    ms = T0

    def now_ms(self):
        return self.ms

    def monotonic(self):
        return time.monotonic()


class Device:
    """Counters that go on from slot to slot, and replies that hold them as BER does."""

    def __init__(self, name, dice):
        self.name, self.dice = name, dice
        self.counts = [dice.randrange(1 << 31) for _ in range(20 + 320)]

    def poll(self, slot_ms):
        self.counts = [count + self.dice.randrange(5_000) for count in self.counts]
        rows = [
            Row(subject=Subject("device", self.name), values=dict(zip(SCALARS, map(float, self.counts), strict=False)))
        ]
        octets = [b"\x30\x14\x06\x0a\x2b\x06\x01\x02\x01\x02\x02\x01\x0a%c\x41\x04" % (n % 250) for n in range(340)]
        replies = [
            b"".join(octets[n] + self.counts[n].to_bytes(8, "big")[4:] for n in range(at, at + 57))
            for at in range(0, 340, 57)
            if at + 57 <= 340
        ]
        for n in range(32):
            mine = map(float, self.counts[20 + n * 10 : 30 + n * 10])
            rows.append(
                Row(subject=Subject("interface", f"{self.name}/{n}"), values=dict(zip(COLUMNS, mine, strict=True)))
            )
        at = slot_ms + self.dice.randrange(40_000)
        return Poll(
            device=self.name,
            slot_ms=slot_ms,
            at_ms=at,
            outcome="answered",
            profile="standard",
            digest="0" * 64,
            attempts=1,
            rtt_ms=3.0,
            lag_ms=float(at - slot_ms),
            rows=tuple(rows),
            raw=frame(replies),
        )


def _peak_mb() -> float:
    """Return this program's own peak: `ru_maxrss` begins with that of who started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def away(_):
    raise StoreError("store: it is away")


def kept(store, args):
    """Return how often each poll, and a row of each kind of each poll, is in the embedded store."""
    end = T0 + (args.hours + 2) * 60 * MINUTE
    polls = Counter(f"{each.device}@{each.slot_ms}" for each in store.outcomes(start_ms=T0, end_ms=end))
    asked = [(Subject("device", f"d{n}"), SCALARS[-1]) for n in range(args.devices)]
    asked += [(Subject("interface", f"d{n}/31"), COLUMNS[-1]) for n in range(args.devices)]
    rows = Counter(
        f"{subject}@{each.slot_ms}"
        for subject, metric in asked
        for each in store.series(subject, metric, start_ms=T0, end_ms=end)
    )
    return {"polls": polls.total(), "rows": rows.total(), "twice": sum(n > 1 for n in (polls | rows).values())}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--url", default="", help="of an InfluxDB; without it the embedded store")
    parser.add_argument("--devices", type=int, default=10)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--seed", default="1")
    args = parser.parse_args()
    spare_collector()
    words = ["store.kind=influxdb", "store.dialect=v1", f"store.url={args.url}", "store.timeout_s=1"]
    settings = load(None, environ={}, overrides=[f"data.dir={args.dir}", *(words if args.url else ())])
    clock, dice = Clock(), random.Random(args.seed)
    devices = [Device(f"d{n}", dice) for n in range(args.devices)]
    seen: list[int] = []
    archive = Archive(args.dir / "raw", days={"evidence": 9, "other": 9}, budget_bytes=1 << 40, writing=True)
    with (
        Spool(args.dir / "spool" / "collect.db", source="collect") as spool,
        open_store(settings, writing=True) as store,
        archive,
        Drain(
            args.dir / "drain.db",
            spools=args.dir / "spool",
            store=store,
            archive=archive,
            on_facts=lambda _: None,
            on_polls=lambda polls: seen.extend(poll.slot_ms for poll in polls),
            clock=clock,
        ) as drain,
    ):

        def minutes(count: int) -> int:
            payloads = []
            for _ in range(count):
                payloads += [wire.encode(each.poll(clock.ms)) for each in devices]
                clock.ms += MINUTE
            return spool.put("poll", payloads)

        real = store.write
        if not args.url:
            store.write = away
        for _ in range(args.hours):
            minutes(60)
            step = drain.step()
            assert step.polls == 0, "the store is away"
            assert step.waiting
        waiting, held = spool.backlog(), spool.held_bytes
        print("back", flush=True)
        sys.stdin.readline()
        store.write = real
        back, steps = clock.ms, 0
        drain.step()
        last = minutes(1)
        drain.step()
        fresh = sum(slot >= back for slot in seen)
        begun, cpu = time.perf_counter(), time.process_time()
        already = len(seen)
        while taken(drain.path, spool.source) < last:
            assert not (step := drain.step()).waiting, step.waiting
            steps += 1
        took, used = time.perf_counter() - begun, time.process_time() - cpu
        spool.trim(last)
        told = {
            "waited": waiting,
            "bytes_per_poll": held / waiting,
            "fresh_after_a_minute": fresh,
            "seen": len(seen),
            "archived": sum(chunk.polls for chunk in archive.untold(1_000_000)),
            "left": spool.backlog(),
            "kept": kept(store, args) if not args.url else {},
            "polls_s": (len(seen) - already) / took,
            "cpu_ms_per_poll": used / (len(seen) - already) * 1000,
            "peak_rss_mb": _peak_mb(),
        }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
