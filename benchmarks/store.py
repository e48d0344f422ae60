"""Telemetry stores: points taken per second, bytes per point, and four questions, in one run on one machine.

    .venv/bin/python benchmarks/store.py                       # 200 devices x 20 metrics x 240 cycles, < 2 min
    .venv/bin/python benchmarks/store.py --full                # 1,000 x 20 x 1,440 = 28.8 M points
    .venv/bin/python benchmarks/store.py --stores embedded --spool

q1 the last values of all devices, q2 one series over the whole span, q3 hourly mean and exact p95 of 29 groups, q4 how
many polls of each device had which outcome. Times are the median of five, in ms, through the store's own protocol: what
a page waits for, not what an engine could do. Making the polls is not counted. `M/cpu-s` is millions of points per CPU
second of this process alone: the figure to trust on a busy machine.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import shutil
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from netops import wire
from netops.model import Poll, Row, Subject
from netops.spool import Spool
from netops.store.embedded import Embedded
from netops.store.influxdb import InfluxDB
from netops.store.memory import Memory
from netops.store.victoriametrics import VictoriaMetrics

T0 = 1_748_736_000_000  # 2025-06-01T00:00:00Z
MINUTE = 60_000
HOUR = 3_600_000
GROUPS = 29
SERVERS = Path(__file__).resolve().parents[1] / "tests" / "netops" / "store" / "servers.py"


def cycle(number, devices, metrics, chance):
    """Return the polls of one minute: gauges that wander, counters that grow, one device in 200 silent."""
    slot_ms = T0 + number * MINUTE
    polls = []
    for device in range(devices):
        silent = chance.random() < 0.005
        values = {
            f"bench.m{m}": float(number * 1000 + device) if m % 4 == 0 else round(50 + 40 * chance.random(), 2)
            for m in range(metrics)
        }
        rows = () if silent else (Row(subject=Subject("device", f"dev-{device}"), values=values),)
        polls.append(
            Poll(
                device=f"dev-{device}",
                slot_ms=slot_ms,
                at_ms=slot_ms + device % 900,
                outcome="no_answer" if silent else "answered",
                attempts=3 if silent else 1,
                rtt_ms=None if silent else 1.0 + device % 7,
                lag_ms=0.5,
                rows=rows,
            )
        )
    return polls


def batches(args):
    chance = random.Random(1)
    for number in range(args.cycles):
        polls = cycle(number, args.devices, args.metrics, chance)
        for start in range(0, len(polls), args.batch):
            yield polls[start : start + args.batch]


def ingest(store, args):
    """Return points, seconds and CPU seconds spent in `write`."""
    points, spent, cpu = 0, 0.0, 0.0
    for batch in batches(args):
        points += sum(len(row.values) for poll in batch for row in poll.rows)
        began, used = time.perf_counter(), time.process_time()
        store.write(batch)
        spent += time.perf_counter() - began
        cpu += time.process_time() - used
    return points, (spent, cpu)


def questions(store, args):
    """Return the median of five, in ms, of each question, and check that the answers are there."""
    end_ms = T0 + args.cycles * MINUTE
    metrics = [f"bench.m{m}" for m in range(args.metrics)]
    subjects = [Subject("device", f"dev-{n}") for n in range(args.devices)]
    groups = {subject: f"g{n % GROUPS:02d}" for n, subject in enumerate(subjects)}
    window = {"start_ms": T0, "end_ms": end_ms}
    asked = {
        "q1": lambda: store.last("device", metrics, now_ms=end_ms, max_age_ms=5 * MINUTE),
        "q2": lambda: store.series(subjects[0], "bench.m1", **window),
        "q3": lambda: store.grouped("bench.m1", groups, **window, step_ms=HOUR),
        "q4": lambda: store.tally(**window),
    }
    found = {}
    for name, question in asked.items():
        times = []
        for _ in range(5):
            began = time.perf_counter()
            answer = question()
            times.append((time.perf_counter() - began) * 1000)
            assert answer, f"{name} found nothing"
        found[name] = round(statistics.median(times), 1)
    counted = sum(tally.polls for tally in store.tally(**window))
    assert counted == args.devices * args.cycles, f"{counted} polls of {args.devices * args.cycles}"
    return found


def size_of(directory):
    return sum(file.stat().st_size for file in Path(directory).rglob("*") if file.is_file())


def embedded(home, args):
    with Embedded(home, hot_hours=0, writing=True) as store:
        points, spent = ingest(store, args)
        yield "embedded, all hot", points, spent, questions(store, args), size_of(home)
        # all but the last hours are sealed, as in operation
        border_ms = T0 + max(args.cycles * MINUTE - args.hot_hours * HOUR, 0)
        calls, cpu = [], 0.0
        while True:
            began, used = time.perf_counter(), time.process_time()
            files = store.seal(border_ms)
            calls.append(time.perf_counter() - began)
            cpu += time.process_time() - used
            if not files:
                break
            store.told(files)
        name = f"embedded, sealed but {args.hot_hours} h"
        sealed = sum(file.stat().st_size for file in (home / "cold").rglob("*.parquet"))
        yield name, points, (sum(calls), cpu), questions(store, args), sealed
        print(f"    sealing: {len(calls)} calls, the longest {max(calls) * 1000:.0f} ms; bytes are those of the files")


def memory(_, args):
    with Memory() as store:
        points, spent = ingest(store, args)
        yield "memory", points, spent, questions(store, args), 0


def influxdb(home, args):
    server = _servers().influxd(home).start()
    try:
        with InfluxDB(server.url, dialect="v1", timeout_s=120) as store:
            points, spent = ingest(store, args)
            yield "InfluxDB 1.6 (v1)", points, spent, questions(store, args), size_of(home)
    finally:
        server.stop()


def victoriametrics(home, args):
    server = _servers().victoria_metrics(home).start()
    try:
        with VictoriaMetrics(server.url, timeout_s=120) as store:
            points, spent = ingest(store, args)
            store.flush()
            yield "VictoriaMetrics (v2)", points, spent, questions(store, args), size_of(home / "data")
    finally:
        server.stop()


def spool(home, args):
    """Points per second through the wire and the fsynced spool, batch by batch."""
    points, spent, cpu, encoded = 0, 0.0, 0.0, 0
    with Spool(home / "spool.db", source="bench") as kept:
        for batch in batches(args):
            points += sum(len(row.values) for poll in batch for row in poll.rows)
            began, used = time.perf_counter(), time.process_time()
            payloads = [wire.encode(poll) for poll in batch]
            kept.put("poll", payloads)
            spent += time.perf_counter() - began
            cpu += time.process_time() - used
            encoded += sum(map(len, payloads))
    yield "spool (encode + fsync)", points, (spent, cpu), {}, encoded


def _servers():
    spec = importlib.util.spec_from_file_location("bench_servers", SERVERS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


STORES = {"embedded": embedded, "influxdb": influxdb, "victoriametrics": victoriametrics, "memory": memory}
PARTNERS = {"influxdb": "influxd", "victoriametrics": "victoria-metrics"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=200)
    parser.add_argument("--metrics", type=int, default=20)
    parser.add_argument("--cycles", type=int, default=240)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--hot-hours", type=int, default=2)
    parser.add_argument("--full", action="store_true", help="1,000 devices x 20 metrics x 1,440 cycles")
    parser.add_argument("--stores", default="embedded,influxdb,victoriametrics", help="comma-separated")
    parser.add_argument("--spool", action="store_true", help="the spool too")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    args = parser.parse_args()
    if args.full:
        args.devices, args.metrics, args.cycles = 1000, 20, 1440
    print(f"{args.devices} devices x {args.metrics} metrics x {args.cycles} cycles, batches of {args.batch} polls")
    print(
        f"{'store':26s}{'M points/s':>11s}{'M/cpu-s':>9s}{'bytes/point':>13s}"
        + "".join(f"{q + ' ms':>10s}" for q in ("q1", "q2", "q3", "q4"))
    )
    runs = [(name, STORES[name]) for name in args.stores.split(",")] + ([("spool", spool)] if args.spool else [])
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="netops-bench-")))
        for name, run in runs:
            if name in PARTNERS and not shutil.which(PARTNERS[name]):
                print(f"{name:26s} left out: {PARTNERS[name]} is not installed")
                continue
            (home / name).mkdir()
            for label, points, (spent, cpu), times, size in run(home / name, args):
                shown = {
                    "store": label,
                    "points": points,
                    "points_per_s": round(points / spent),
                    "points_per_cpu_s": round(points / cpu),
                }
                if args.json:
                    print(json.dumps(shown | times | {"bytes": size}))
                    continue
                asked = "".join(f"{times.get(q, float('nan')):10.1f}" for q in ("q1", "q2", "q3", "q4"))
                print(
                    f"{label:26s}{points / spent / 1e6:11.2f}{points / cpu / 1e6:9.2f}{size / points:13.2f}{asked}",
                    flush=True,
                )
            shutil.rmtree(home / name)


if __name__ == "__main__":
    main()
