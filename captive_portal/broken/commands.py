"""`netops portal fail-open`: which sites two persons have opened, and when they were open without a login."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from captive_portal.broken import checks
from inventory.times import chosen, shown, utc_option
from netops import fail_open
from netops.access.record import ledger_path
from netops.ledger_file import LedgerReader

if TYPE_CHECKING:
    import argparse
    from datetime import tzinfo

    from netops.config import Settings
    from netops.fail_open import Order

VERBS = frozenset({"fail-open"})
DAY_MS = 86_400_000


def arguments(verbs: Any) -> None:
    """Declare fail-open."""
    said = verbs.add_parser("fail-open", help="print which sites two persons have opened, and when they were open")
    said.add_argument("--days", type=int, default=30, metavar="N", help="periods of the last N days (default 30)")
    said.add_argument("--json", action="store_true", help="print JSON")
    utc_option(said)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print what is in force by the signed note, and what the ledger says of periods."""
    note = fail_open.read(settings)
    orders = fail_open.opened(note, fail_open.key(settings)).orders if note else ()
    ahead = [each for each in orders if each.end_ms > args.now_ms]
    periods = _periods(settings, args.now_ms - args.days * DAY_MS)
    closed = checks.closed(settings, sorted({site for each in ahead for site in each.sites}))
    if args.json:
        orders_ = [{**asdict(each), "closed": [s for s in each.sites if s in closed]} for each in ahead]
        print(json.dumps({"orders": orders_, "periods": periods}, ensure_ascii=False))
        return 0
    where = chosen(args, settings.city.timezone)
    for each in ahead:
        print(_order(each, args.now_ms, where))
        for site in (site for site in each.sites if site in closed):
            print(f"    {site} stays closed: its policy says when_broken: closed, so nobody acts")
    for period in periods:
        more = f"{period['let_in']} devices" if "let_in" in period else period.get("why", "")
        print(f"{shown(period['at_ms'], where)}  {period['site']}  {period['state']}  {period['cause']}  {more}")
    if not ahead:
        print("no decision of two persons is in force: every site is closed when its way in is broken", file=sys.stderr)
    return 0


def _order(order: Order, now_ms: int, where: tzinfo) -> str:
    word = "may be open" if order.start_ms <= now_ms else "will be allowed to be open"
    span = f"from {shown(order.start_ms, where)} to {shown(order.end_ms, where)}"
    return f"{order.request}  {', '.join(order.sites)} {word} {span}; approval: leaf {order.leaf}"


def _periods(settings: Settings, start_ms: int) -> list[dict[str, Any]]:
    if not ledger_path(settings).exists():
        return []
    with LedgerReader(ledger_path(settings)) as ledger:
        leaves = sorted(ledger.find("fail_open", start_ms=start_ms), key=lambda leaf: (leaf.fact.at_ms, leaf.index))
        return [{"at_ms": leaf.fact.at_ms, **leaf.fact.body} for leaf in leaves]
