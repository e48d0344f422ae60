"""`netops report summary --month`: the month on one page, of the reports that are closed. It judges nothing anew."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from inventory.model import Contract
from inventory.register import Register
from netops.errors import UsageError
from netops.ledger_file import LedgerReader
from netops.report import issue
from netops.sla import calendar
from netops.summary import closed, page, paper

if TYPE_CHECKING:
    import argparse

    from netops.config import Settings

MONTH = re.compile(r"20\d\d-(0[1-9]|1[0-2])")
PARTIAL = 5


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--month", required=True, metavar="YYYY-MM", help="the month that is over")
    parser.add_argument("--language", choices=("zh", "en"), default="zh", help="of the paper (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="the PDF to write (default: summary-MONTH.LANGUAGE.pdf here)")
    parser.add_argument("--json", action="store_true", help="print the texts and figures, write no PDF")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Write the paper or print its figures; 5 when a contract's report is missing or one cannot be read."""
    given = given_of(settings, args.month)
    if args.json:
        print(json.dumps(page.content(given, args.language), ensure_ascii=False))
    else:
        path = args.out or Path(f"summary-{given.month}.{args.language}.pdf")
        path.write_bytes(paper.made(given, args.language))
        print(f"wrote {path}", file=sys.stderr)
    for name in given.missing:
        print(
            f"contract {name}: no report of {given.month} is closed; `netops report build` asks for it", file=sys.stderr
        )
    for why in given.unread.values():
        print(why, file=sys.stderr)
    return PARTIAL if given.missing or given.unread else 0


def given_of(settings: Settings, month: str) -> page.Given:
    """Return what a page is made of, of ledger, register and the core's bundles; UsageError for what is no month."""
    if not MONTH.fullmatch(month):
        raise UsageError(f"--month '{month}': expected a calendar month such as 2026-10")
    with LedgerReader(issue.ledger_path(settings)) as ledger:
        leaves = list(ledger.find("report_issued"))
    made, unread = closed.of(issue.shelf(settings), leaves, page.year(month))
    start_ms, end_ms = calendar.month(month, calendar.zone(settings.city.timezone))
    with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
        spells = register.spells("contract", start_ms=start_ms, end_ms=end_ms)
    asked = {each.record.id for each in spells if isinstance(each.record, Contract)}
    there = {each.contract for each in made if each.month == month}
    return page.Given(month=month, closed=made, missing=sorted(asked - there), unread=unread)
