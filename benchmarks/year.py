"""Judge a year of a city month by month, in one process: seconds a month, and whether memory stays flat.

    .venv/bin/python benchmarks/year.py [--services 10000] [--step 300] [--months 12]

One ledger holds the year: a slot each `--step` seconds of each service, one availability objective. Each service has
three outages of its own a month, a hundredth of the hours has a gap of ours, and once a day a controller takes 50
services with it. The writer is a process of its own, so that the judge's memory is the judge's. Exit code 1: the peak
grew by more than a tenth after the first month of 31 days.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from inventory.model import Contract, Credits, Objective, Rules, Selector, ServiceItem, Tier
from netops.evidence import canonical
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry
from netops.ledger_file import LedgerReader
from netops.report import build, bundle, code, zone
from netops.sign import Signer
from netops.sla import calendar, hours
from netops.sla.hours import Listed

H = 3_600_000
ORIGIN = "netops.invalid/benchmark"
SHANGHAI = zone.load("Asia/Shanghai")
YEAR = 2026
GROWTH = 0.1


def contract(step_s: int) -> Contract:
    rules = Rules(check_every_s=step_s)
    credit = Credits(tiers=(Tier(percent="10", below="99.9", at_least="99"), Tier(percent="30", below="99")))
    objective = Objective(id="availability", indicator="availability", target="99.9", rules=rules, credits=credit)
    item = ServiceItem(id="wifi", kind="wifi", select=Selector(), fee="120.00", objectives=(objective,))
    begins, _ = calendar.month(f"{YEAR}-01", SHANGHAI.tz())
    return Contract(id="c1", version="1", carrier="x", title="benchmark", valid_from_ms=begins, items=(item,))


def months(count: int) -> list[tuple[str, int, int]]:
    """Return `(name, start, end)` of the first months of the year."""
    names = [f"{YEAR}-{number:02d}" for number in range(1, count + 1)]
    return [(name, *calendar.month(name, SHANGHAI.tz())) for name in names]


def sealed_hours(start: int, end: int, services: int, step: int, rng: random.Random) -> list[dict[str, Any]]:
    """Return the bodies of a month's hours, as `netops.sla.hours.bodies` writes them."""
    slots = H // step
    made: list[dict[str, Any]] = []
    outages: dict[int, set[int]] = {}
    for service in range(services):
        for _ in range(3):
            outages.setdefault(rng.randrange((end - start) // H), set()).add(service)
    for number in range((end - start) // H):
        gap = rng.random() < 0.01
        usual = [[0, slots, "UNKNOWN", "monitor", "missed_slot"] if gap else [0, slots, "UP", "", ""]]
        first, count = rng.randrange(1, slots - 2), rng.randrange(1, 3)
        runs = [[0, first, "UP", "", ""], [first, count, "DOWN", "carrier", "los"]]
        rest = slots - first - count
        runs += [[first + count, rest, "UP", "", ""]] if rest else []
        down = set() if gap else outages.get(number, set())
        if number % 24 == 13 and not gap:
            begin = rng.randrange(max(services - 50, 1))
            down |= set(range(begin, min(begin + 50, services)))
        others = [[runs, [[position, 1] for position in sorted(down)]]] if down else []
        made.append(
            {"start_ms": start + number * H, "end_ms": start + (number + 1) * H} | {"usual": usual, "others": others}
        )
    return made


def written(path: Path, services: int, step_s: int, count: int) -> None:
    """Write the year's ledger."""
    signer = Signer.generate(path / "evidence.key", ORIGIN)
    rng, held = random.Random(1), contract(step_s)
    roster = hours.roster("c1", [Listed(f"service-{i:05d}", "wifi") for i in range(services)])
    version: dict[str, Any] = {"contract": "c1", "version": "1", "valid_from_ms": held.valid_from_ms}
    version["digest"] = canonical.digest(build.document(held))
    facts = [Fact(kind="contract_version", at_ms=held.valid_from_ms, body=version)]
    facts += [Fact(kind=hours.ROSTER, at_ms=held.valid_from_ms, body=body) for body in hours.roster_bodies(roster)]
    same: dict[str, Any] = {"contract": "c1", "step_ms": step_s * 1000, "roster": roster.digest, "part": 0, "parts": 1}
    with Ledger(path / "ledger.db", origin=ORIGIN, signer=signer) as ledger:
        number = 0
        for _, start, end in months(count):
            bodies = sealed_hours(start, end, services, step_s * 1000, rng)
            facts += [Fact(kind=hours.KIND, at_ms=body["start_ms"], body=body | same) for body in bodies]
            entries = [LedgerEntry("core", number + i, fact) for i, fact in enumerate(facts)]
            for at in range(0, len(entries), 500):
                ledger.append(entries[at : at + 500], now_ms=end)
            number, facts = number + len(entries), []
        ledger.checkpoint(now_ms=months(count)[-1][2])


def judged(path: Path, step_s: int, count: int) -> None:
    """Judge one month after the other; print a line of JSON for each."""
    held = contract(step_s)
    with LedgerReader(path / "ledger.db") as ledger:
        for name, start, end in months(count):
            began = time.perf_counter()
            asked = build.Ask(
                contracts=(held,),
                period=build.Period(name=name, start_ms=start, end_ms=end),
                zone=SHANGHAI,
                register=canonical.digest(b"{}"),
                catalogue=code.catalogue(),
                code=code.code(),
            )
            report = build.build(asked, bundle.gather(ledger, contract="c1", start_ms=start, end_ms=end))
            took = time.perf_counter() - began
            whole = report.content["parts"][0]["items"][0]["objectives"][0]
            told = {"month": name, "seconds": round(took, 2), "value": whole["shown"]}
            told |= {"incidents": len(whole["incidents"]["rows"])}
            del report, whole
            gc.collect()
            resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(json.dumps(told | {"rss_MB": round(resident), "peak_MB": round(peak)}), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, default=10_000)
    parser.add_argument("--step", type=int, default=300, help="seconds between slots (%(default)s)")
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--child", choices=("write", "judge"), help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child == "write":
        written(args.path, args.services, args.step, args.months)
    elif args.child == "judge":
        judged(args.path, args.step, args.months)
    if args.child:
        return 0
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, __file__, "--path", folder, "--services", str(args.services)]
        words += ["--step", str(args.step), "--months", str(args.months), "--child"]
        subprocess.run([*words, "write"], check=True)
        size = (Path(folder) / "ledger.db").stat().st_size / 1e6
        lines = subprocess.run([*words, "judge"], check=True, capture_output=True, text=True).stdout.splitlines()
    told = [json.loads(line) for line in lines]
    for each in told:
        print(", ".join(f"{key} {value}" for key, value in each.items()))
    first, last = told[0]["peak_MB"], told[-1]["peak_MB"]
    seconds = [each["seconds"] for each in told]
    resident = [each["rss_MB"] for each in told]
    print(
        f"{args.services} services, {args.months} months of {args.step} s slots, ledger {size:.0f} MB: "
        f"{sum(seconds):.0f} s in all, slowest month {max(seconds)} s; peak {first} MB after the first month, "
        f"{last} MB after the last; {min(resident)} to {max(resident)} MB between months"
    )
    return int(last > first * (1 + GROWTH))


if __name__ == "__main__":
    raise SystemExit(main())
