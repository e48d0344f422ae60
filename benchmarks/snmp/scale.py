"""One poller, one core, 10,000 devices every 60 s, 20 scalars and a table of 32 rows x 10 columns each, 30 % dead.

    .venv/bin/python benchmarks/snmp/scale.py [--devices 10000] [--dead 30] [--interval 60] [--pulse 15] [--minutes 4]

The whole collecting service in a process of its own, bound to one core: register, schedule, engine, decoding, spool
with fsync. The devices are addresses of loopback behind the C responder (which takes the other core); the dead ones
have a port that never answers. What is read off: how late the first datagram of a poll left against its instant
(p50, p99, worst), slots that were missed, CPU and memory of the process. The first two intervals (layouts are asked,
breakers close) are told apart. Needs root and gcc.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from load import COLUMNS, SCALARS, cpu_of
from run import build, free_port, running

from collectors import profile_yaml
from collectors.service import SOURCE, Collector
from inventory import sql
from inventory.reading.folder import built_in_areas, read_city
from inventory.register import Register
from inventory.tables import MIGRATIONS
from netops import clock, config, raw, wire
from netops.drain import Drain
from netops.model import ANSWERED, Reason
from netops.spool import Reader
from netops.store import open_store

NAMES = {  # what each column of the responder's table is called in the catalogue
    1: "interface.in_octets32",
    2: "interface.description",
    3: "interface.type",
    5: "interface.speed",
    8: "interface.oper",
    10: "interface.in_octets",
    13: "interface.in_discards",
    14: "interface.in_errors",
    16: "interface.out_octets",
    20: "interface.out_errors",
}


def profile() -> str:
    """Return a family of the benchmark: every object cheap, so that each is asked in each slot."""
    texts = [
        "system.description",
        "system.object_id",
        "system.uptime",
        "system.contact",
        "system.name",
        "system.location",
    ]
    counters = [
        "host.processes",
        "host.uptime",
        "host.memory.size",
        "wlan.controller.clients",
        "wlan.controller.aps_joined",
    ]
    counters += ["wlan.controller.clients_online", "wlan.controller.clients_by_ap", "wlan.controller.clients_by_radio"]
    counters += [
        "wlan.controller.clients_by_vap",
        "system.temperature",
        "lte.cell.rrc_attempts",
        "lte.cell.rrc_successes",
    ]
    counters += ["lte.cell.erab_attempts", "lte.cell.erab_successes"]
    lines = ["profile: standard", "title: {zh: 负载, en: Load}", "synthetic: true", "root: 1.3.6.1.2.1", "scalars:"]
    for name, oid in zip([*texts, *counters], SCALARS, strict=True):
        lines.append(f"  {name}: {{oid: {oid}}}")
    lines += [
        "tables:",
        "  interface:",
        "    kind: interface",
        "    index: {ifindex: integer}",
        "    identity: [interface.description, ifindex]",
    ]
    lines += ["    needed: [interface.oper]", "    columns:"]
    for oid in COLUMNS:
        name = NAMES[int(oid.rsplit(".", 1)[1])]
        states = ", states: {1: up, 2: down}" if name.endswith("oper") else ""
        lines.append(f"      {name}: {{oid: {oid}{states}}}")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--dead", type=int, default=30, help="percent")
    parser.add_argument("--interval", type=int, default=60)
    parser.add_argument(
        "--pulse", type=int, default=config.Collect().pulse_s, help="seconds between two pulses; 0: none"
    )
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--poll", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.poll:
        poll(args)
        return
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        port, silent = free_port(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        silent.bind(("0.0.0.0", 0))  # a datagram to the dead is taken and never answered
        found(place, args, port, silent.getsockname()[1])
        responder = build(place).get("responder") or sys.exit("this benchmark needs gcc")
        with running([str(responder), str(port), "0", "0", "1"]):
            result = measured(place, args)
        result["core"] = drained(place, args)
    print(json.dumps(result, indent=1))
    if args.json:
        args.json.write_text(json.dumps(result), encoding="utf-8")


def found(place: Path, args: argparse.Namespace, port: int, silent: int) -> None:
    city = place / "city"
    (city / "contracts").mkdir(parents=True)
    (place / "profiles").mkdir()
    (place / "profiles" / "standard.yaml").write_text(profile(), encoding="utf-8")
    (city / "sites.csv").write_text(f"id,name,area\ns,站,{built_in_areas()[0].id}\n", encoding="utf-8")
    (city / "services.csv").write_text("id,kind,carrier,site,role,device,subject\n", encoding="utf-8")
    (city / "carriers.yaml").write_text("carriers:\n- {id: c, name: 甲}\n", encoding="utf-8")
    rows = ["id,name,site,carrier,role,profile,address,port,credential"]
    for n in range(args.devices):
        at = silent if n % 100 < args.dead else port
        rows.append(f"d{n},D{n},s,c,switch,standard,127.1.{n // 250}.{n % 250 + 1},{at},load")
    (city / "devices.csv").write_text("\n".join(rows), encoding="utf-8")
    settings = settings_of(place, args)
    sql.upgrade(MIGRATIONS, settings.register_url)
    now = clock.SYSTEM.now_ms()
    with Register(settings.register_url, rehearsal=True) as register:
        register.apply(read_city(city), at_ms=0, now_ms=now)


def settings_of(place: Path, args: argparse.Namespace) -> config.Settings:
    words = [f"data.dir={place}", "city.rehearsal=true", f"collect.interval_s={args.interval}"]
    words.append(f"collect.pulse_s={args.pulse}")
    return config.load(None, environ={}, overrides=[*words, "credentials.load.community=plain:public"])


def measured(place: Path, args: argparse.Namespace) -> dict[str, object]:
    words = [sys.executable, __file__, "--poll", str(place), "--interval", str(args.interval)]
    words += ["--pulse", str(args.pulse)]
    words += ["--minutes", str(args.minutes)]
    child = subprocess.Popen(words)
    marks: list[tuple[float, float]] = []
    resident = 0
    while child.poll() is None:
        try:
            marks.append((time.monotonic(), cpu_of(child.pid)))
            status = Path(f"/proc/{child.pid}/status").read_text()
            resident = max(
                resident, *(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
            )
        except (OSError, ValueError, TypeError):
            pass
        time.sleep(0.5)
    warm = min(marks)[0] + 2 * args.interval
    steady = [mark for mark in marks if mark[0] >= warm]
    everything = spooled(place)
    polls = [each for each in everything if each[1] % (args.interval * 1000) == 0]
    between = [each for each in everything if each[1] % (args.interval * 1000)]
    begun = min(slot for _, slot, *_ in polls) + 2 * args.interval * 1000
    last = max(slot for _, slot, *_ in polls)
    whole = [each for each in polls if begun <= each[1] < last]
    lags = sorted(each[3] for each in whole if each[2] != Reason.MISSED_SLOT.value)
    slots = len({each[1] for each in whole})
    return {
        "devices": args.devices,
        "dead_percent": args.dead,
        "slots": slots,
        "polls": len(whole),
        "of": slots * args.devices,
        "outcomes": dict(Counter(each[2] for each in whole)),
        "between_slots": dict(Counter(each[2] for each in between)),
        "values": sum(each[4] for each in whole),
        "lag_ms": {q: lags[min(len(lags) - 1, int(len(lags) * q / 1000))] for q in (500, 990, 999, 1000)}
        if lags
        else {},
        "cpu_share_of_one_core": (steady[-1][1] - steady[0][1]) / (steady[-1][0] - steady[0][0])
        if len(steady) > 1
        else None,
        "peak_rss_mb": resident / 1024,
    }


def drained(place: Path, args: argparse.Namespace) -> dict[str, object]:
    """Return how fast the core takes what the poller has spooled: into the store and the archive, durably."""
    settings = settings_of(place, args)
    polls, begun, used = 0, time.perf_counter(), time.process_time()
    with ExitStack() as stack:
        store = stack.enter_context(open_store(settings, writing=True))
        archive = stack.enter_context(raw.build(settings, writing=True))
        spools, facts = place / "spool", []
        drain = stack.enter_context(
            Drain(
                place / "drain.db", spools=spools, store=store, archive=archive, on_facts=facts.extend, rehearsal=True
            )
        )
        while not (took := drain.step()).idle:
            polls += took.polls
    took_s, cpu_s = time.perf_counter() - begun, time.process_time() - used
    disk = sum(
        each.stat().st_size for part in ("telemetry", "raw") for each in (place / part).rglob("*") if each.is_file()
    )
    return {
        "polls_s": polls / took_s,
        "cpu_ms_per_poll": cpu_s / polls * 1000,
        "needed_polls_s": args.devices / args.interval,
        "disk_bytes_per_poll": disk / polls,
    }


def spooled(place: Path) -> list[tuple[str, int, str, float, int]]:
    told: list[tuple[str, int, str, float, int]] = []
    with Reader(place / "spool" / f"{SOURCE}.db") as reader:
        after = 0
        while entries := reader.read(after=after, limit=2_000, kind="poll"):
            after = entries[-1].sequence
            for entry in entries:
                each = wire.decode(entry.payload)
                count = sum(len(row.values) + len(row.texts) for row in each.rows) if each.outcome == ANSWERED else 0
                told.append((each.device, each.slot_ms, each.outcome, each.lag_ms, count))
    return told


def poll(args: argparse.Namespace) -> None:
    """The child: the service alone, on one core."""
    os.sched_setaffinity(0, {0})
    profiles = profile_yaml.load(args.poll / "profiles")
    service = Collector(settings_of(args.poll, args), profiles=profiles)
    service.start()
    time.sleep(args.minutes * 60)
    service.stop()
    print(service.figures(), service.health(), file=sys.stderr)


if __name__ == "__main__":
    main()
