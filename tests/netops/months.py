"""An instance with months that are over and no report on them, and the core's hand that closes them."""

import threading
from types import SimpleNamespace

from inventory.model import Contract
from inventory.reading.folder import read_city
from inventory.register import Register
from netops import founding, sealing
from netops.closing import GRACE_MS, Closing
from netops.facts import Fact
from netops.journal import Journal
from netops.ledger import Ledger, LedgerEntry, LedgerReader
from netops.report import issue
from netops.sla import calendar, hours
from netops.sla.hours import Listed
from netops.sla.intervals import Cause, State
from netops.sla.timeline import Run
from tests.netops.instances import founded, how_to_city

HOUR, M = 3_600_000, 60_000
SHANGHAI = calendar.zone("Asia/Shanghai")
MONTHS = ("2026-07", "2026-08", "2026-10")
NOW = calendar.month("2026-11", SHANGHAI)[0] + HOUR


def house_of(tmp_path, *, hours=24):
    """The how-to's city with a sealed day (or so many hours) in July, August and October: all down."""
    settings = founded(tmp_path)
    began = calendar.month("2026-07", SHANGHAI)[0] - HOUR
    with Register(settings.register_url, rehearsal=False) as register:
        register.apply(read_city(how_to_city(tmp_path)), at_ms=began, now_ms=began)
        (contract,) = [each.record for each in register.spells("contract", start_ms=began, end_ms=NOW)]
    assert isinstance(contract, Contract)
    with opened(settings) as ledger:
        ledger.append([sealing.contract_version(contract), *facts_of(contract, hours)], now_ms=began)
        ledger.checkpoint(now_ms=began)
    return SimpleNamespace(settings=settings, contract=contract, file=settings.file)


def opened(settings):
    return Ledger(
        issue.ledger_path(settings), origin=settings.ledger_origin, rehearsal=False, signer=founding.signer(settings)
    )


def facts_of(contract, long=24):
    roster = hours.roster(contract.id, [Listed("wifi-1", contract.items[0].id), Listed("wifi-2", contract.items[0].id)])
    made = [(hours.ROSTER, body) for body in hours.roster_bodies(roster)]
    for month in MONTHS:
        start, _ = calendar.month(month, SHANGHAI)
        for at in range(start, start + long * HOUR, HOUR):
            down = Run(at, at + 59 * M, 60, State.DOWN, Cause.CARRIER, "los")
            runs = {"wifi-1": [down], "wifi-2": [down]}
            made += [(hours.KIND, body) for body in hours.bodies(roster, runs, start_ms=at, step_ms=M)]
    at = [body.get("start_ms", NOW - 1) for _, body in made]
    return [LedgerEntry("test", i, Fact(kind=k, at_ms=at[i], body=body)) for i, (k, body) in enumerate(made)]


def closing(settings, ledger, journal, *, ripe=NOW, now=NOW):
    clock = SimpleNamespace(now_ms=lambda: now)
    return Closing(
        settings, clock, ledger=ledger, journal=journal, acting=threading.RLock(), ripe_until=lambda: ripe + GRACE_MS
    )


def close(house, **given):
    with opened(house.settings) as ledger, Journal(house.settings.data.dir / "states.db") as journal:
        closing(house.settings, ledger, journal, **given).report([house.contract])


def told(house):
    with LedgerReader(issue.ledger_path(house.settings)) as ledger:
        return [leaf.fact.body["report"] for leaf in sorted(ledger.find("report_issued"), key=lambda leaf: leaf.index)]


def bundles(house):
    return {path.name: path.read_bytes() for path in house.settings.data.dir.glob("reports/*.zip")}
