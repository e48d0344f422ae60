"""Judge coverage of 29 areas by a million samples: read the survey, build the month's report, verify its bundle.

    .venv/bin/python benchmarks/coverage.py [--samples 1000000] [--areas 29] [--cells 142]

LTE samples over the last 120 days before October 2026 ends, by a few instruments, one in forty deaf; 142 cells of
resolution 9 an area are about the surface of a city district of 430 km². Every figure is of a process of its own, so
that peak memory is its own.
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
from datetime import UTC, datetime
from pathlib import Path

import h3

from inventory.model import Contract, Coverage, Credits, Objective, Selector, ServiceItem, Tier
from netops import sealing
from netops.coverage import grid, promised, sealed, survey
from netops.evidence import bundle as bundles
from netops.evidence import canonical, told
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry
from netops.report import build, bundle, code, zone
from netops.sign import Signer
from netops.sla import calendar, hours, timeline
from netops.sla.hours import Listed
from netops.sla.intervals import Cause, State

H = 3_600_000
ORIGIN = "netops.invalid/benchmark"
SHANGHAI = zone.load("Asia/Shanghai")
START, END = calendar.month("2026-10", SHANGHAI.tz())
MIDDLE = (39.96, 116.3)
DAYS = 120


def contract() -> Contract:
    """Return a contract that promises an objective and coverage, so that its bundle is a usual one."""
    credit = Credits(tiers=(Tier(percent="5", below="95", at_least="85"), Tier(percent="15", below="85")))
    cover = Coverage(id="outdoor", metric="rsrp", level="-105", target="95", minimum="90", credits=credit)
    objective = Objective(id="availability", indicator="availability", target="99", credits=credit)
    item = ServiceItem(id="lte", kind="lte", select=Selector(), fee="900", objectives=(objective,), coverage=(cover,))
    return Contract(id="c1", version="1", carrier="x", title="benchmark", valid_from_ms=START, items=(item,))


def zones(areas: int, cells: int) -> dict[str, dict[str, int]]:
    """Return areas of neighbouring cells."""
    centre = grid.cell(*MIDDLE)
    found = iter(h3.grid_disk(centre, 60))
    return {
        f"110108{number:03}": {(c := next(found)): grid.area_dm2(c) for _ in range(cells)} for number in range(areas)
    }


def walk(path: Path, areas: dict[str, dict[str, int]], samples: int, seed: int = 1) -> None:
    """Write a survey: at each place some samples of one hour, then the next place."""
    rng = random.Random(seed)
    names = [cell for cells in areas.values() for cell in cells]
    with path.open("w", encoding="utf-8") as file:
        file.write("time,latitude,longitude,datum,instrument,rsrp,sinr\n")
        left = samples
        while left:
            latitude, longitude = h3.cell_to_latlng(rng.choice(names))
            at = END // 1000 - rng.randrange(3600, DAYS * 86_400)
            level = rng.gauss(-92, 6)
            for _ in range(min(left, rng.randint(1, 8))):
                left -= 1
                moment = datetime.fromtimestamp(at + rng.randrange(60), UTC).isoformat()
                place = f"{latitude + rng.uniform(-2e-4, 2e-4):.7f},{longitude + rng.uniform(-2e-4, 2e-4):.7f}"
                heard = f"{rng.gauss(level, 3):.2f},{rng.uniform(0, 20):.1f}" if rng.random() > 0.025 else "none,"
                file.write(f"{moment},{place},WGS-84,TSME6 {rng.randint(1, 5)},{heard}\n")


def step_import(work: Path, args: argparse.Namespace) -> dict[str, float]:
    """Read the survey's file and cut its facts."""
    made = zones(args.areas, args.cells)
    walk(work / "walk.csv", made, args.samples)
    start = time.perf_counter()
    found = survey.read(work / "walk.csv", now_ms=END)
    read_s = time.perf_counter() - start
    facts = sealed.of_areas(made, grid=grid.version(), resolution=9, by="b", now_ms=START)
    facts += sealed.of_survey(found, carrier="x", grid=grid.version(), by="b", now_ms=END)
    (work / "facts.json").write_text(json.dumps([[each.kind, each.at_ms, dict(each.body)] for each in facts]))
    rows = sum(map(len, found.table.hours.values()))
    return {"read_s": read_s, "cell_hours": rows, "cells": len(found.table.hours), "facts": len(facts)}


def step_bundle(work: Path, _args: argparse.Namespace) -> dict[str, float]:
    """Seal the facts, build the report and its bundle."""
    signer = Signer.new(ORIGIN)
    (work / "vkey").write_text(f"{signer.vkey}\n")
    with Ledger(work / "ledger.db", origin=ORIGIN, signer=signer) as ledger:
        facts = [sealing.contract_version(contract()).fact]
        roster = hours.roster("c1", [Listed("cell-1", "lte", "1")])
        facts += [Fact(kind=hours.ROSTER, at_ms=START, body=body) for body in hours.roster_bodies(roster)]
        for at in range(START, END, H):
            runs = {"cell-1": [timeline.Run(at, at + 59 * 60_000, 60, State.UP, Cause.NONE, "")]}
            bodies = hours.bodies(roster, runs, start_ms=at, step_ms=60_000)
            facts += [Fact(kind=hours.KIND, at_ms=at, body=body) for body in bodies]
        facts += [Fact(kind=k, at_ms=at, body=body) for k, at, body in json.loads((work / "facts.json").read_text())]
        ledger.append([LedgerEntry("b", n, fact) for n, fact in enumerate(facts)], now_ms=START - H)
        ask = build.Ask(
            contracts=(contract(),),
            period=build.Period(name="2026-10", start_ms=START, end_ms=END),
            zone=SHANGHAI,
            register=canonical.digest(b"{}"),
            catalogue=code.catalogue(),
            code=code.code(),
        )
        surveyed = promised.asked(ask.contracts)
        start = time.perf_counter()
        leaves = bundle.gather(ledger, contract="c1", start_ms=START, end_ms=END, surveyed=surveyed)
        gathered = time.perf_counter()
        report = build.build(ask, leaves)
        built = time.perf_counter()
        draft = bundle.draft(ask, leaves, register=b"{}", vkeys=[str(signer.vkey)], origin=ORIGIN)
        ledger.append([LedgerEntry("r", n, f) for n, f in enumerate(bundle.facts(draft, now_ms=END))], now_ms=END)
        ledger.checkpoint(now_ms=END)
        seal = ledger.holds("r", 0)
        bundles.write(work / "bundle.zip", bundle.compose(ledger, draft, seal))
        whole = time.perf_counter()
    found = report.content["parts"][0]["items"][0]["coverage"][0]
    return {
        "gather_s": gathered - start,
        "judge_s": built - gathered,
        "bundle_s": whole - built,
        "bundle_mb": (work / "bundle.zip").stat().st_size / 1e6,
        "areas": len(found["areas"]["rows"]),
        "share": float(found["whole"]["area_shown"]),
    }


def step_verify(work: Path, _args: argparse.Namespace) -> dict[str, float]:
    """Verify the bundle."""
    start = time.perf_counter()
    exit_code = told.run(work / "bundle.zip", vkey=work / "vkey", rehearsal=False, say=lambda _: None)
    assert exit_code == 0, exit_code
    return {"verify_s": time.perf_counter() - start}


STEPS = {"import": step_import, "bundle": step_bundle, "verify": step_verify}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--areas", type=int, default=29)
    parser.add_argument("--cells", type=int, default=142)
    parser.add_argument("--step", choices=STEPS)
    parser.add_argument("--work", type=Path)
    args = parser.parse_args()
    if args.step:
        figures = STEPS[args.step](args.work, args)
        figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(args.step, json.dumps({name: round(value, 2) for name, value in figures.items()}))
        return
    with tempfile.TemporaryDirectory() as work:
        given = ["--samples", str(args.samples), "--areas", str(args.areas), "--cells", str(args.cells)]
        for step in STEPS:
            subprocess.run([sys.executable, __file__, "--step", step, "--work", work, *given], check=True)


if __name__ == "__main__":
    main()
