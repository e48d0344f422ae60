"""`netops coverage`: which cells are an area's, surveys, and the verdict on coverage by area.

`areas` and `import` read a file of the city's, refuse it as a whole when anything in it is off, and hand its facts to
the core; `check` reads such a file once more. `judge` reads the facts, those that wait for the core included, and
judges; it states nothing.
"""

from __future__ import annotations

import getpass
import json
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inventory import snapshot
from inventory.register import Register
from netops.access import record
from netops.clock import iso
from netops.commands import coverage_served
from netops.commands.coverage_words import LINES, WORDS
from netops.coverage import datum, grid, prediction, sealed, survey, zones
from netops.coverage.cells import HOUR_MS, Rules, Table
from netops.coverage.judge import Outcome, Promise, hit_rate, judge
from netops.errors import EvidenceError, UsageError, nearest

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from inventory.snapshot import Snapshot
    from netops.config import Settings
    from netops.coverage.judge import Coverage, Hit, Standing
    from netops.coverage.sealed import Held

SUMMARY = "Coverage by area: areas as cells, surveys, the verdict with its bounds."
OK, BREACH, TRY_AGAIN = 0, 3, 75
HUNDRED = 100


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    below = parser.add_subparsers(dest="subcommand", required=True)
    areas = below.add_parser("areas", help="state which H3 cells make up each area, from cells.csv or GeoJSON")
    areas.add_argument("file", type=Path, help="CSV `cell,area`, or a FeatureCollection with the property `area`")
    taken = below.add_parser("import", help="state a survey's samples, by cell and hour")
    taken.add_argument(
        "file", type=Path, help="CSV: time, latitude, longitude, datum, instrument, and rsrp, sinr or rssi, snr"
    )
    taken.add_argument("--carrier", required=True, help="whose network was measured, by its id in the register")
    checked = below.add_parser("check", help="hold a survey against its file; exit 4: differs, 75: not sealed yet")
    checked.add_argument("file", type=Path, help="the file that was imported, byte for byte")
    checked.add_argument("--carrier", required=True, help="whose network was measured")
    for each in (areas, taken):
        each.add_argument(
            "--resolution",
            type=int,
            default=grid.RESOLUTION,
            choices=range(grid.COARSEST, grid.FINEST + 1),
            help="of the H3 grid; one for all of a city's files (%(default)s)",
        )
        each.add_argument("--dry-run", action="store_true", help="check and tell, state nothing")
    coverage_served.arguments(
        below.add_parser("served", help="how much of the surface was served for how long, by a declared footprint")
    )
    _judge_arguments(below.add_parser("judge", help="judge a carrier's coverage; exit 3 when it is missed"))


def _judge_arguments(judged: argparse.ArgumentParser) -> None:
    judged.add_argument("--carrier", required=True, help="whose network, by its id in the register")
    judged.add_argument("--technology", choices=tuple(survey.RADIO), default="lte", help="default: %(default)s")
    judged.add_argument("--level", default="", metavar="DBM", help="least RSRP or RSSI (default: -105 or -75)")
    judged.add_argument("--quality", default="", metavar="DB", help="least SINR or SNR (default: not asked for)")
    judged.add_argument("--target", default="95", metavar="PERCENT", help="share of the whole area (%(default)s)")
    judged.add_argument("--minimum", default="90", metavar="PERCENT", help="share of each single area (%(default)s)")
    judged.add_argument("--z", default="1.96", help="standard errors of the bounds (%(default)s: 95 %%)")
    judged.add_argument("--max-unknown", default="10", metavar="PERCENT", help="more is no verdict (%(default)s)")
    judged.add_argument("--min-hours", type=int, default=3, help="fewer leave a cell unknown (%(default)s)")
    judged.add_argument(
        "--max-age", type=int, default=180, metavar="DAYS", help="older hours do not count (%(default)s)"
    )
    judged.add_argument("--claimed", type=Path, metavar="FILE", help="a prediction (CSV `cell,level`): its hit rate")
    judged.add_argument("--json", action="store_true", help="tell as one JSON object")
    judged.add_argument("--language", choices=tuple(WORDS), help="of the words (default: the city's)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do it."""
    with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
        seen = snapshot.snapshot(register, at_ms=args.now_ms)
    match args.subcommand:
        case "areas":
            return _areas(args, settings, seen)
        case "import":
            return _import(args, settings, seen)
        case "check":
            return _check(args, settings, seen)
        case "served":
            return coverage_served.run(args, settings, seen)
        case _:
            return _judge(args, settings, seen)


def _carrier(name: str, seen: Snapshot) -> str:
    if name not in seen.carrier:
        known = f"it has {zones.few(sorted(seen.carrier), 12)}" if seen.carrier else "it has no carrier yet"
        raise UsageError(f"carrier '{name}' is not in the register{nearest(name, seen.carrier)}; {known}")
    return name


def _by() -> str:
    return f"{getpass.getuser()}@cli"


# ---- in


def _areas(args: argparse.Namespace, settings: Settings, seen: Snapshot) -> int:
    found = zones.read(args.file, seen.area, resolution=args.resolution)
    facts = sealed.of_areas(found, grid=grid.version(), resolution=args.resolution, by=_by(), now_ms=args.now_ms)
    if not args.dry_run:
        record.state(settings, facts)
    surface = sum(sum(cells.values()) for cells in found.values())
    print(
        f"{args.file}: {_many(len(found), 'area')}, {_many(sum(map(len, found.values())), 'cell')}, {_km2(surface)} km²"
        f" {_handed(dry=args.dry_run)}"
    )
    return OK


def _import(args: argparse.Namespace, settings: Settings, seen: Snapshot) -> int:
    carrier = _carrier(args.carrier, seen)
    found = survey.read(args.file, now_ms=args.now_ms, resolution=args.resolution)
    held, _ = _held(settings, carrier, found.technology)
    if held.resolution not in {0, args.resolution}:
        raise UsageError(f"--resolution {args.resolution}: the areas are cells of {held.resolution}; expected the same")
    if any(each.digest == found.digest for each, _ in held.surveys):
        print(f"{args.file}: was imported before (digest {found.digest}); nothing is stated")
        return OK
    if not args.dry_run:
        facts = sealed.of_survey(found, carrier=carrier, grid=grid.version(), by=_by(), now_ms=args.now_ms)
        record.state(settings, facts)
    inside = {cell for cells in held.zones.values() for cell in cells}
    outside = sum(cell not in inside for cell in found.table.hours)
    print(
        f"{args.file}: {_many(found.samples, 'sample')} ({found.technology}) in"
        f" {_many(len(found.table.hours), 'cell')},"
        f" {iso(found.first_ms)} to {iso(found.last_ms)}, {_handed(dry=args.dry_run)}"
    )
    for by, count in sorted(found.datums.items()):
        print(f"  {by}: {_many(count, 'sample')}, {_converted(by)}")
    if outside:
        lie = "cell lies" if outside == 1 else "cells lie"
        print(f"  {outside} {lie} in no area: what was measured there is kept and is in no area's share")
    return OK


def _check(args: argparse.Namespace, settings: Settings, seen: Snapshot) -> int:
    """Read the file again by the grid: what the bare verifier cannot do, for it has no grid."""
    carrier = _carrier(args.carrier, seen)
    stated = record.stated(settings, sealed.KINDS)
    facts = [fact for fact, _ in stated]
    resolution = sealed.read(facts).resolution or grid.RESOLUTION
    found = survey.read(args.file, now_ms=args.now_ms, resolution=resolution)
    held = sealed.read(facts, carrier=carrier, technology=found.technology)
    tables = [table for each, table in held.surveys if each.digest == found.digest]
    if not tables:
        raise EvidenceError(
            f"{args.file}: no survey of {carrier} has its digest {found.digest}; the file is not the one imported"
        )
    if why := sealed.differs(tables[0], found):
        raise EvidenceError(f"{args.file}: {why}")
    said = f"is what the file says: {_many(found.samples, 'sample')}, grid h3 {grid.version()}"
    if found.digest in sealed.waiting(stated, carrier=carrier, technology=found.technology):
        print(f"{args.file}: what was stated {said}; it is not in the ledger yet: the core seals it when it runs")
        return TRY_AGAIN
    print(f"{args.file}: what is sealed {said}")
    return OK


def _many(count: int, what: str) -> str:
    return f"{count} {what}" + "s" * (count != 1)


def _converted(by: str) -> str:
    """Return what became of positions in a datum; the state has not published GCJ-02, so its formula is named."""
    if not (error_mm := datum.INVERSION_MM[by]):
        return "as the file has them"
    return f"converted to WGS-84, exact to {error_mm} mm by the known formula"


def _handed(*, dry: bool) -> str:
    return "would be handed to the core" if dry else "handed to the core"


def _held(settings: Settings, carrier: str, technology: str) -> tuple[Held, frozenset[str]]:
    """Return what was stated, and the digests of what the ledger does not hold yet."""
    stated = record.stated(settings, sealed.KINDS)
    held = sealed.read([fact for fact, _ in stated], carrier=carrier, technology=technology)
    return held, sealed.waiting(stated, carrier=carrier, technology=technology)


# ---- judge


def _judge(args: argparse.Namespace, settings: Settings, seen: Snapshot) -> int:
    carrier = _carrier(args.carrier, seen)
    promise = _promise(args)
    held, waiting = _held(settings, carrier, args.technology)
    if not held.zones:
        raise UsageError("which cells make up each area is not stated yet; `netops coverage areas FILE` first")
    missing = sorted(set(seen.area) - set(held.zones))
    if missing:
        raise UsageError(f"{zones.without_cells(missing)}; `netops coverage areas FILE` with all areas of the register")
    table = Table()
    for of_survey, each in held.surveys:
        if of_survey.resolution != held.resolution:
            raise UsageError(
                f"survey {of_survey.digest} has cells of resolution {of_survey.resolution},"
                f" the areas {held.resolution}; state the areas by the same"
            )
        table.merge(each)
    coverage = judge(table, held.zones, promise, at_ms=args.now_ms)
    hit = None
    if args.claimed:
        claimed = prediction.read(args.claimed, technology=args.technology, resolution=held.resolution)
        hit = hit_rate(claimed, table, promise.rules, at_ms=args.now_ms)
    if args.json:
        print(json.dumps(_plain(coverage, held, promise, hit, args) | _sealed(held, waiting), ensure_ascii=False))
    else:
        language = args.language or settings.city.language
        _print(coverage, seen, hit, args, language=language)
        _print_waiting(held, waiting, WORDS[language])
    return BREACH if coverage.whole.outcome is Outcome.MISSED else OK


def _promise(args: argparse.Namespace) -> Promise:
    level_of, quality_of = survey.RADIO[args.technology]
    usual = {"lte": "-105", "wifi": "-75"}[args.technology]
    level = _decibels("--level", "dBm", level_of, args.level or usual)
    quality = _decibels("--quality", "dB", quality_of, args.quality) if args.quality else None
    if args.min_hours < 1 or args.max_age < 1:
        raise UsageError("--min-hours and --max-age: expected at least 1")
    return Promise(
        rules=Rules(level=level, quality=quality, min_hours=args.min_hours, max_age_ms=args.max_age * 24 * HOUR_MS),
        target=_number("--target", args.target, HUNDRED) / HUNDRED,
        minimum=_number("--minimum", args.minimum, HUNDRED) / HUNDRED,
        z=_number("--z", args.z, 10),
        max_unknown=_number("--max-unknown", args.max_unknown, HUNDRED) / HUNDRED,
    )


def _decibels(option: str, unit: str, column: str, text: str) -> int:
    value = survey.hundredths(column, text)
    if value is None:
        low, high = survey.RANGES[column]
        hint = survey.unsigned(column, text)
        raise UsageError(f"{option} {text[:20]}: expected {unit} from {low} to {high}{hint}")
    return value


def _number(what: str, text: str, most: int) -> Fraction:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(-1)
    if not value.is_finite() or not 0 <= value <= most or len(text) > 20:
        raise UsageError(f"{what} {text[:20]!r}: expected a number from 0 to {most}")
    return Fraction(value)


# ---- out


def _print(coverage: Coverage, seen: Snapshot, hit: Hit | None, args: argparse.Namespace, *, language: str) -> None:
    words = WORDS[language]
    print(words["head"])
    never = [area for area, each in coverage.areas.items() if not each.newest_ms]
    folded = never if len(never) > 1 else []  # where nothing was ever measured all says the same of each
    rows = [(words["whole"], coverage.whole)]
    rows += [(seen.area[area].name, each) for area, each in coverage.areas.items() if area not in folded]
    for name, each in rows:
        print(f"  {name}: {words[each.outcome]} ({_because(each, words)})")
        print(f"    {_figures(each, words)}")
        print(f"    {words['cells']}: " + ", ".join(f"{words[key]} {count}" for key, count in each.cells.items()))
        if each.newest_ms:
            days = [(args.now_ms - at) // (24 * HOUR_MS) for at in (each.newest_ms, each.oldest_ms)]
            print(f"    {words['age']}: {days[0]}-{days[1]}")
    if folded:
        names = words["comma"].join(seen.area[area].name for area in folded)
        print(f"  {words['never'].format(count=len(folded))}: {names}")
    for line in LINES[language]:
        print(line)
    if coverage.outside:
        print(f"{words['outside']}: {coverage.outside}")
    if hit is not None:
        print(f"{words['claimed']}: {hit.hits}/{hit.known} ({hit.claimed})")


def _print_waiting(held: Held, waiting: frozenset[str], words: Mapping[str, str]) -> None:
    if held.areas_digest in waiting:
        print(words["areas_unsealed"])
    if surveys := sum(each.digest in waiting for each, _ in held.surveys):
        print(f"{words['surveys_unsealed']}: {surveys}")


def _because(each: Standing, words: Mapping[str, str]) -> str:
    why, colon, names = each.because.partition(":")
    return f"{words[why]}{colon}{names}"


def _figures(each: Standing, words: Mapping[str, str]) -> str:
    unknown = f"{words['unknown']} {_percent(each.unknown, up=True)} %"
    if each.share is None:
        return unknown
    bounds = f"{_percent(each.lower)}-{_percent(each.upper, up=True)} %"
    share = f"{words['share']} {_percent(each.share)} %, {words['bounds']} {bounds}, n {float(each.n):.1f}"
    return f"{share}, {words['target']} {_percent(each.target)} %, {unknown}"


def _percent(share: Fraction, *, up: bool = False) -> str:
    """Return percent with two decimals, rounded down, or up where that is outward."""
    scaled = share * 10_000
    whole = -(-scaled // 1) if up else scaled // 1
    return f"{whole // 100}.{whole % 100:02d}"


def _km2(surface: int) -> str:
    return f"{surface / 10**8:.2f}"


def _plain(
    coverage: Coverage, held: Held, promise: Promise, hit: Hit | None, args: argparse.Namespace
) -> dict[str, Any]:
    return {
        "column": "area",
        "at": iso(args.now_ms),
        "carrier": args.carrier,
        "technology": args.technology,
        "grid": {"h3": held.grid, "resolution": held.resolution, "areas": held.areas_digest},
        "rules": {
            "level_dbm": promise.rules.level / 100,
            "quality_db": None if promise.rules.quality is None else promise.rules.quality / 100,
            "min_hours": promise.rules.min_hours,
            "max_age_days": args.max_age,
            "z": str(promise.z),
            "max_unknown": str(promise.max_unknown),
            "n": "at most one sample of a cell and hour; Kish over surfaces",
        },
        "surveys": [
            {"digest": each.digest, "samples": each.samples, "first": iso(each.first_ms), "last": iso(each.last_ms)}
            | {"error_mm": each.error_mm}
            for each, _ in held.surveys
        ],
        "whole": _standing(coverage.whole),
        "areas": {area: _standing(each) for area, each in coverage.areas.items()},
        "samples_outside": coverage.outside,
        "claimed": None if hit is None else {"cells": hit.claimed, "known": hit.known, "hits": hit.hits},
    }


def _sealed(held: Held, waiting: frozenset[str]) -> dict[str, Any]:
    """Return what of the verdict's ground the ledger does not hold yet."""
    surveys = [each.digest for each, _ in held.surveys if each.digest in waiting]
    return {"unsealed": {"areas": held.areas_digest in waiting, "surveys": surveys}}


def _standing(each: Standing) -> dict[str, Any]:
    return {
        "outcome": each.outcome,
        "because": each.because,
        "target": str(each.target),
        "share": None if each.share is None else str(each.share),
        "lower": str(each.lower),
        "upper": str(each.upper),
        "n": str(each.n),
        "surface_dm2": each.surface,
        "known_dm2": each.known_surface,
        "unknown": str(each.unknown),
        "cells": dict(each.cells),
        "newest": iso(each.newest_ms) if each.newest_ms else None,
        "oldest": iso(each.oldest_ms) if each.oldest_ms else None,
    }
