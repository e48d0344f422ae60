"""Judge a month of 10,000 services, build the bundle of 5,000 with workbook and papers, verify it: seconds and memory.

    .venv/bin/python benchmarks/judge.py [--services 10000] [--bundle 5000] [--step 300]

October 2026, one slot each `--step` seconds, one availability objective. Each service has three outages of its own in
the month, a hundredth of the hours has a gap of ours, and a controller takes 50 services with it once a day. Every
figure is of a process of its own, so that peak memory is its own.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from inventory.model import Contract, Credits, Objective, Rules, Selector, ServiceItem, Tier
from netops.evidence import bundle as bundles
from netops.evidence import canonical, told
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry
from netops.report import build, bundle, code, zone
from netops.sign import Signer
from netops.sla import calendar, hours
from netops.sla.hours import Listed
from netops.sla.intervals import Cause, State
from netops.sla.timeline import Run

H = 3_600_000
UP = (State.UP, Cause.NONE, "")
ORIGIN = "netops.invalid/benchmark"
SHANGHAI = zone.load("Asia/Shanghai")
START, END = calendar.month("2026-10", SHANGHAI.tz())
SHOWN = ("days.json", "report.html", "report.xlsx", "report.zh.pdf", "report.en.pdf")
REGISTER = b'{"format":"netops/register@1"}'


def contract(step_s: int) -> Contract:
    rules = Rules(check_every_s=step_s)
    credit = Credits(tiers=(Tier(percent="10", below="99.9", at_least="99"), Tier(percent="30", below="99")))
    objective = Objective(id="availability", indicator="availability", target="99.9", rules=rules, credits=credit)
    item = ServiceItem(id="wifi", kind="wifi", select=Selector(), fee="120.00", objectives=(objective,))
    return Contract(id="c1", version="1", carrier="x", title="benchmark", valid_from_ms=START, items=(item,))


def run(slots: tuple[int, int], start: int, step: int, was: tuple[State, Cause, str]) -> Run:
    """Return `(first, count)` slots of an hour in one state."""
    first, count = slots
    begin = start + first * step
    return Run(begin, begin + (count - 1) * step, count, *was)


def month(services: int, step_s: int, seed: int = 1) -> list[tuple[str, int, dict]]:
    """Return (kind, at_ms, body) of every fact of the month."""
    rng = random.Random(seed)
    step, slots = step_s * 1000, 3600 // step_s
    names = [f"service-{i:05d}" for i in range(services)]
    roster = hours.roster("c1", [Listed(name, "wifi") for name in names])
    made = contract(step_s)
    body = {
        "contract": "c1",
        "version": "1",
        "valid_from_ms": START,
        "digest": canonical.digest(build.document(made)),
    }
    facts = [("contract_version", START, body)]
    facts += [(hours.ROSTER, START, each) for each in hours.roster_bodies(roster)]
    total = (END - START) // H
    outages: dict[int, list[int]] = {}
    for i in range(services):
        for _ in range(3):
            outages.setdefault(rng.randrange(total), []).append(i)
    for number in range(total):
        start = START + number * H
        whole = (run((0, slots), start, step, UP),)
        found = dict.fromkeys(names, whole)
        if rng.random() < 0.01:
            found = dict.fromkeys(names, (run((0, slots), start, step, (State.UNKNOWN, Cause.MONITOR, "missed_slot")),))
        down = dict.fromkeys(outages.get(number, ()), (Cause.CARRIER, "wlan.ap.state=fault"))
        if number % 24 == 13:
            first = rng.randrange(max(services - 50, 1))
            down |= dict.fromkeys(range(first, min(first + 50, services)), (Cause.CARRIER, "parent:ac-1"))
        for i, (cause, because) in down.items():
            first = rng.randrange(1, slots - 2)
            count = rng.randrange(1, slots - first)
            rest = slots - first - count
            pieces = [run((0, first), start, step, UP)]
            pieces.append(run((first, count), start, step, (State.DOWN, cause, because)))
            pieces += [run((first + count, rest), start, step, UP)] if rest else []
            found[names[i]] = tuple(pieces)
        bodies = hours.bodies(roster, found, start_ms=start, step_ms=step)
        facts += [(hours.KIND, start, each) for each in bodies]
    return facts


def ask(step_s: int) -> build.Ask:
    return build.Ask(
        contracts=(contract(step_s),),
        period=build.Period(name="2026-10", start_ms=START, end_ms=END),
        zone=SHANGHAI,
        register=canonical.digest(REGISTER),
        catalogue=code.catalogue(),
        code=code.code(),
    )


def sealed(path: Path, services: int, step_s: int) -> None:
    """Write the ledger of the month and its key."""
    signer = Signer.generate(path / "evidence.key", ORIGIN)
    (path / "vkey").write_text(f"{signer.vkey}\n")
    facts = month(services, step_s)
    with Ledger(path / "ledger.db", origin=ORIGIN, signer=signer) as ledger:
        entries = [LedgerEntry("core", i, Fact(kind=k, at_ms=at, body=b)) for i, (k, at, b) in enumerate(facts)]
        for at in range(0, len(entries), 500):
            ledger.append(entries[at : at + 500], now_ms=END)
        ledger.checkpoint(now_ms=END)


def judged(path: Path, step_s: int) -> dict[str, float | str]:
    """Read the month from the ledger and judge it."""
    began = time.perf_counter()
    with Ledger(path / "ledger.db", origin=ORIGIN) as ledger:
        leaves = bundle.gather(ledger, contract="c1", start_ms=START, end_ms=END)
    read = time.perf_counter()
    report = build.build(ask(step_s), leaves)
    done = time.perf_counter()
    whole = report.content["parts"][0]["items"][0]["objectives"][0]
    return {
        "read_s": read - began,
        "judge_and_report_s": done - read,
        "services": len(whole["services"]["rows"]),
        "incidents": len(whole["incidents"]["rows"]),
        "value": whole["shown"],
        "report_MB": len(report.data) / 1e6,
    }


def bundled(path: Path, step_s: int) -> dict[str, float | str]:
    """Build, seal and write the bundle."""
    began = time.perf_counter()
    signer = Signer.load(path / "evidence.key")
    with Ledger(path / "ledger.db", origin=ORIGIN, signer=signer) as ledger:
        leaves = bundle.gather(ledger, contract="c1", start_ms=START, end_ms=END)
        draft = bundle.draft(ask(step_s), leaves, register=REGISTER, vkeys=[str(signer.vkey)], origin=ORIGIN)
        facts = bundle.facts(draft, now_ms=END)
        ledger.append([LedgerEntry("cli", i, fact) for i, fact in enumerate(facts)], now_ms=END)
        first = ledger.holds("cli", 0)
        ledger.checkpoint(now_ms=END)
        bundles.write(path / "bundle.zip", bundle.compose(ledger, draft, first))
    took = time.perf_counter() - began
    sizes = {name.replace(".", "_") + "_kB": len(data) / 1e3 for name, data in draft.members.items() if name in SHOWN}
    return {"build_s": took, "bundle_MB": (path / "bundle.zip").stat().st_size / 1e6, "leaves": len(leaves.all)} | sizes


def verified(path: Path) -> dict[str, float | str]:
    """Verify the bundle."""
    began = time.perf_counter()
    code_ = told.run(path / "bundle.zip", vkey=path / "vkey", rehearsal=False, say=lambda _: None)
    return {"verify_s": time.perf_counter() - began, "exit": code_}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, default=10_000)
    parser.add_argument("--bundle", type=int, default=5_000)
    parser.add_argument("--step", type=int, default=300, help="seconds between slots (%(default)s)")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        act = {"judge": lambda: judged(args.path, args.step), "bundle": lambda: bundled(args.path, args.step)}
        told_ = act.get(args.child, lambda: verified(args.path))()
        told_["cpu_s"] = time.process_time()
        told_["peak_rss_MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(told_))
        return
    for services, children in ((args.services, ["judge"]), (args.bundle, ["bundle", "verify"])):
        with tempfile.TemporaryDirectory() as folder:
            sealed(Path(folder), services, args.step)
            for child in children:
                words = [sys.executable, __file__, "--child", child, "--path", folder, "--step", str(args.step)]
                made = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
                shown = ", ".join(f"{k} {v:.2f}" if isinstance(v, float) else f"{k} {v}" for k, v in made.items())
                print(f"{child} {services} services, a month of {args.step} s slots: {shown}", flush=True)


if __name__ == "__main__":
    main()
