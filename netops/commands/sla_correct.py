"""`netops sla correct`: say that a sealed hour is to be stated again, from the samples that are here by now.

A contract manager's word with a reason; what the hour was, the core derives by itself. It needs a staff account, like
`netops dispute`.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from inventory import times
from netops.access import record
from netops.clock import SYSTEM, iso
from netops.commands.approve import identity, manager
from netops.dispute import notes
from netops.errors import AccessError, UsageError, nearest
from netops.facts import Fact
from netops.journal import HOUR_MS
from netops.ledger_file import LedgerReader
from netops.sla.hours import KIND

if TYPE_CHECKING:
    import argparse

    from netops.config import Settings

AGAIN = 75
PAUSE_S = 0.2


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--contract", required=True, help="the contract's id")
    parser.add_argument(
        "--hour", required=True, metavar="TIME", help="its beginning: 2026-10-12T02:00 (the city's time) or with a zone"
    )
    parser.add_argument("--reason", required=True, help="stands in the ledger and in the report for ever; names nobody")
    identity(parser)
    parser.add_argument(
        "--wait", type=float, default=15.0, metavar="S", help="how long to wait for the core (%(default)s)"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do it."""
    notes.check_reason(args.reason)
    reason = args.reason.strip()
    try:
        at_ms = times.instant(args.hour, times.zone(settings.city.timezone))
    except ValueError as error:
        raise UsageError(f"--hour: {error}") from None
    if at_ms % HOUR_MS:
        raise UsageError(f"--hour {args.hour}: {iso(at_ms)} begins no hour; expected a full hour of UTC")
    leaf = _leaf(settings, args.contract, at_ms)
    person = manager(settings, args.person, args.password)
    fact = Fact(kind="correction", at_ms=SYSTEM.now_ms(), body={"corrects": leaf, "by": person.name, "reason": reason})
    about = f"leaf {leaf}, {args.contract} at {iso(at_ms)}"
    if args.dry_run:
        print(f"{about}: correction would be handed over")
        return 0
    found = _awaited(settings, record.state(settings, [fact]), args.wait)
    if isinstance(found, str):
        raise AccessError(f"{about}: the core refused the correction: {found}")
    if found is None:
        print(f"{about}: correction handed over; the core has not taken it yet")
        return AGAIN
    print(f"{about}: correction sealed as leaf {found}")
    print(
        "the core states the hour again; `netops report build` then makes the revision that follows it", file=sys.stderr
    )
    return 0


def _awaited(settings: Settings, stated: tuple[str, int], wait_s: float) -> int | str | None:
    until = time.monotonic() + wait_s
    with LedgerReader(record.ledger_path(settings)) as ledger:
        while (found := record.became(ledger, *stated)) is None and time.monotonic() < until:
            time.sleep(PAUSE_S)
    return found


def _leaf(settings: Settings, contract: str, hour_ms: int) -> int:
    """Return the first leaf of the contract's hour."""
    with LedgerReader(record.ledger_path(settings)) as ledger:
        found = list(ledger.find(KIND, start_ms=hour_ms, end_ms=hour_ms + 1))
    mine = [leaf.index for leaf in found if leaf.fact.body["contract"] == contract]
    if not mine:
        others = sorted({str(leaf.fact.body["contract"]) for leaf in found})
        raise UsageError(
            f"contract '{contract}' has no sealed hour at {iso(hour_ms)}{nearest(contract, others)}; "
            "an hour is sealed some minutes after its end, and only a sealed one is corrected"
        )
    return min(mine)
