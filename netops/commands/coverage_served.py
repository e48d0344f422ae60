"""`netops coverage served`: how much surface was served for how long, by a declared footprint. It states nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from netops.coverage import ground, served
from netops.coverage.sealed import AREAS
from netops.errors import UsageError, nearest
from netops.ledger_file import LedgerReader
from netops.report import bundle, issue
from netops.report.served import by_area
from netops.sla import calendar, numbers
from netops.sla.hours import HOUR_MS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from inventory.snapshot import Snapshot
    from netops.config import Settings
    from netops.coverage.served import Served
    from netops.report.leaves import Leaves

KM2_H = 10**8 * HOUR_MS
# (English, Chinese)
WORDS: Mapping[str, tuple[str, str]] = {
    "head": (
        "surface served in {month} by the declared footprint, of surface and time together (a claim: it owes nothing)",
        "{month} 按申报覆盖范围的面积×时间服务率（属申报，不作扣减依据）",
    ),
    "whole": ("all areas", "全部区域"),
    "line": (
        "{name}: {share} % [{lower}, {upper}], served {up} km²·h of {claimed}; in no footprint {unclaimed} km²·h",
        "{name}：{share} % [{lower}, {upper}]，服务 {up} / {claimed} km²·h；不在任何申报范围内 {unclaimed} km²·h",
    ),
    "not_claimed": (
        "{name}: no share: the footprint names no cell of it, so nobody claims to serve it ({unclaimed} km²·h)",
        "{name}：无占比：申报范围不含其任何网格，即无人申报服务（{unclaimed} km²·h）",
    ),
    "not_known": (
        "{name}: no share: no sealed hour tells of its services ({claimed} km²·h); in no footprint {unclaimed} km²·h",
        "{name}：无占比：已申报 {claimed} km²·h，但已封存的小时未显示其服务状态；不在任何申报范围内 {unclaimed} km²·h",
    ),
    "brackets": (
        "in brackets: if all that is unknown had been down, and if all of it had been up",
        "方括号内：未知部分全按中断、全按正常计算时的数值",
    ),
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--contract", required=True, help="whose services, by the contract's id")
    parser.add_argument("--footprint", type=Path, required=True, help="CSV `service,cell`: what each serves when up")
    parser.add_argument("--month", required=True, metavar="YYYY-MM", help="of the contract's zone; one so far is cut")
    parser.add_argument("--json", action="store_true", help="tell as one JSON object")
    parser.add_argument("--language", choices=("zh_CN", "en"), help="of the words (default: the city's)")


def run(args: argparse.Namespace, settings: Settings, seen: Snapshot) -> int:
    """Do it."""
    contract = seen.contract.get(args.contract)
    if contract is None:
        close = nearest(args.contract, seen.contract) or "; `netops inventory show contracts`"
        raise UsageError(f"contract '{args.contract}' is not in the register{close}")
    start_ms, end_ms = calendar.month(args.month, calendar.zone(contract.timezone))
    end_ms = min(end_ms, args.now_ms // HOUR_MS * HOUR_MS)
    if end_ms <= start_ms:
        raise UsageError(f"--month {args.month} has no whole hour yet; expected one that has begun")
    with LedgerReader(issue.ledger_path(settings)) as ledger:
        asked = {(contract.carrier, "")}  # of surveys none: only the areas are needed
        leaves = bundle.gather(ledger, contract=contract.id, start_ms=start_ms, end_ms=end_ms, surveyed=asked)
    held = _areas(leaves, end_ms)
    footprint = served.read(args.footprint, seen.service, resolution=held[1])
    found = by_area(leaves, held[0], footprint, contract=contract.id, start_ms=start_ms, end_ms=end_ms)
    for line in _told(found, args, settings, seen):
        print(line)
    return 0


def _areas(leaves: Leaves, at_ms: int) -> tuple[dict[str, dict[str, int]], int]:
    """Return the areas that hold at the month's end, and their resolution."""
    stated = [(each.fact, each.known_ms) for each in leaves.of(AREAS)]
    found = ground.ground(stated, carrier="", technology="", at_ms=at_ms)
    resolutions = [fact.body["resolution"] for fact, _ in stated if fact.body["areas"] == found.areas]
    if not resolutions:
        raise UsageError("which cells make up each area was not stated before; `netops coverage areas FILE` first")
    return found.zones, int(str(resolutions[0]))


def _told(found: dict[str, Served], args: argparse.Namespace, settings: Settings, seen: Snapshot) -> Iterator[str]:
    whole = sum(found.values(), served.Served())
    if args.json:
        areas = {area: _plain(each) for area, each in found.items()}
        told = {"column": "area_time", "month": args.month, "whole": _plain(whole), "areas": areas}
        yield json.dumps(told, ensure_ascii=False)
        return
    chinese = (args.language or settings.city.language) == "zh_CN"
    yield WORDS["head"][chinese].format(month=args.month)
    for name, each in [(WORDS["whole"][chinese], whole), *((seen.area[a].name, e) for a, e in found.items())]:
        yield f"  {_line(name, each, chinese=chinese)}"
    if whole.share is not None:
        yield WORDS["brackets"][chinese]


def _line(name: str, each: Served, *, chinese: bool) -> str:
    """Return what is said of one area; where there is no share, why there is none."""
    surface = {key: f"{getattr(each, key) / KM2_H:.1f}" for key in ("up", "claimed", "unclaimed")}
    if each.share is None:
        return WORDS["not_known" if each.claimed else "not_claimed"][chinese].format(name=name, **surface)
    lower, upper = (numbers.shown(bound * 100, 3) for bound in each.bounds)
    share = numbers.shown(each.share * 100, 3)
    return WORDS["line"][chinese].format(name=name, share=share, lower=lower, upper=upper, **surface)


def _plain(each: Served) -> dict[str, str | int | None]:
    lower, upper = each.bounds
    return {
        "share": None if each.share is None else str(each.share),
        "lower": str(lower),
        "upper": str(upper),
        "served_dm2_ms": each.up,
        "not_served_dm2_ms": each.down,
        "unknown_dm2_ms": each.unknown,
        "unclaimed_dm2_ms": each.unclaimed,
    }
