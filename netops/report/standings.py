"""How a contract stands now, read from register and ledger: `netops sla status`, the rules of incidents, the pages.

What it comes to is `standing.py`'s; here is what must be read for it, in one place.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from inventory.model import Contract
from inventory.register import Register
from netops.coverage import promised
from netops.report import bundle, standing
from netops.sla import calendar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netops.config import Settings
    from netops.ledger_file import LedgerReader
    from netops.report.standing import Standing

EVER_MS = 2**53


def versions(settings: Settings, name: str = "", *, until_ms: int = EVER_MS) -> dict[str, list[Contract]]:
    """Return by contract the versions that the register ever knew to hold before `until_ms`, the first valid first."""
    with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
        spells = register.spells("contract", start_ms=0, end_ms=until_ms, name=name)
    found = {(each.record.id, each.record.version): each.record for each in spells if isinstance(each.record, Contract)}
    made: dict[str, list[Contract]] = {}
    for each in sorted(found.values(), key=lambda one: (one.id, one.valid_from_ms)):
        made.setdefault(each.id, []).append(each)
    return made


def read(ledger: LedgerReader, known: Sequence[Contract], *, now_ms: int, surveys: bool) -> Standing | None:
    """Return how a contract of these versions stands; None before the first hour of the month is sealed.

    `surveys`: with its promises of coverage. Who asks for burn rates alone leaves them out: surveys of a city are long
    to read, and coverage has no budget that burns.
    """
    zone = calendar.zone(known[-1].timezone)
    low, _ = standing.reads(now_ms, zone)
    surveyed = promised.asked(known) if surveys else ()
    leaves = bundle.gather(ledger, contract=known[0].id, start_ms=low, end_ms=now_ms, surveyed=surveyed)
    found = standing.stands(known, leaves, now_ms=now_ms, tz=zone)
    return found if surveys or found is None else replace(found, coverage=())
