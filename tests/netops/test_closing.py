"""Closing: every month that has hours and no report is caught up, once, whenever the core died in between."""

import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from netops import correcting, founding
from netops.closing import Closing
from netops.errors import EvidenceError, NetopsError, UsageError
from netops.evidence import told as audit
from netops.facts import Fact
from netops.journal import Journal
from netops.ledger import LedgerEntry
from netops.report import issue
from netops.sla import calendar
from netops.sla.intervals import Cause, State
from netops.sla.timeline import Sample
from tests.netops import months
from tests.netops.instances import how_to_city
from tests.netops.months import HOUR, MONTHS, NOW, SHANGHAI, bundles, close, closing, house_of, opened, told


@pytest.fixture(autouse=True)
def fonts(monkeypatch):
    """Set no papers: Typst takes its time."""
    monkeypatch.setattr("netops.report.fonts.found", lambda: None)


@pytest.fixture
def house(tmp_path):
    """The how-to's city with a sealed day in July, August and October: all down."""
    return house_of(tmp_path)


def test_every_month_with_hours_and_no_report_is_closed_oldest_first_and_once(house):
    """A core that was off from August to November issues the older months too; a month without hours has no report."""
    close(house)
    names = [f"wifi-2026-{month}-r1" for month in MONTHS]
    assert told(house) == names
    made = bundles(house)
    assert sorted(made) == [f"{name}.zip" for name in names]

    close(house)
    assert (told(house), bundles(house)) == (names, made)
    key = founding.evidence_key(house.settings).with_name(issue.VKEY)
    for name in made:
        assert audit.run(house.settings.data.dir / "reports" / name, vkey=key, rehearsal=False, say=[].append) == 0


def test_a_month_whose_hours_still_come_is_not_closed_and_the_older_ones_are(house):
    start, _ = calendar.month("2026-10", SHANGHAI)

    close(house, ripe=start)
    assert told(house) == ["wifi-2026-2026-07-r1", "wifi-2026-2026-08-r1"]


def test_a_month_that_cannot_be_closed_holds_no_later_one_and_is_named(house, monkeypatch):
    prepare = issue.prepare

    def frail(*args, month, **given):
        if month == "2026-08":
            raise EvidenceError("an hour of August does not hold")
        return prepare(*args, month=month, **given)

    with monkeypatch.context() as patch:
        patch.setattr(issue, "prepare", frail)
        with pytest.raises(EvidenceError, match="August"):
            close(house)
    assert told(house) == ["wifi-2026-2026-07-r1", "wifi-2026-2026-10-r1"]

    close(house)
    assert told(house)[-1] == "wifi-2026-2026-08-r1"


def test_a_crash_over_one_contract_stops_no_other_and_is_told_with_its_traceback(house, monkeypatch, caplog):
    prepare = issue.prepare
    other = replace(house.contract, id="another")

    def frail(*args, contract, **given):
        if contract == "another":
            raise OverflowError("date value out of range")
        return prepare(*args, contract=contract, **given)

    monkeypatch.setattr(issue, "prepare", frail)
    known = Closing._has_hours
    monkeypatch.setattr(Closing, "_has_hours", lambda self, who, *span: who == "another" or known(self, who, *span))
    with opened(house.settings) as ledger, Journal(house.settings.data.dir / "states.db") as journal:
        made = closing(house.settings, ledger, journal)
        with pytest.raises(NetopsError, match="contract another: 2026-10 cannot be closed: OverflowError"):
            made.report([other, house.contract])
        failed = made.failed

    assert told(house) == [f"wifi-2026-{month}-r1" for month in MONTHS]
    assert "report on another" in failed
    assert "date value out of range" in failed["report on another"]
    assert any(record.exc_info for record in caplog.records if record.message == "a month could not be closed")


def test_what_is_to_be_tried_again_holds_the_months_after_it(house, monkeypatch):
    class LaterError(UsageError):
        exit_code = 75

    def later(*_, **__):
        raise LaterError("the register is busy")

    with monkeypatch.context() as patch:
        patch.setattr(issue, "prepare", later)
        with pytest.raises(LaterError):
            close(house)
    assert told(house) == []


def asked_for(house, *, ripe=NOW, seen=(), many=1):
    """Ask for October's report, and have the core look once; return why it was not issued."""
    with opened(house.settings) as ledger, Journal(house.settings.data.dir / "states.db") as journal:
        body = {"contract": house.contract.id, "month": "2026-10"}
        entries = [LedgerEntry("cli", i, Fact(kind="report_asked", at_ms=NOW - i, body=body)) for i in range(many)]
        ledger.append(entries, now_ms=NOW)
        journal.put([("wifi-1", Sample(at, at, State.UP, Cause.NONE, "")) for at in seen], newest={})
        try:
            closing(house.settings, ledger, journal, ripe=ripe).asked()
        except NetopsError as error:
            return f"{error.exit_code}: {error}"
    return ""


def test_a_report_that_is_asked_for_before_its_hours_are_sealed_waits_for_them(house):
    """Who is quick on the first of a month would else have the last hours unknown, for ever: the month was issued."""
    _, end = calendar.month("2026-10", SHANGHAI)

    assert "75: contract wifi-2026: hours of 2026-10 are still to be sealed" in asked_for(house, ripe=end - 1)
    assert told(house) == []
    assert asked_for(house) == ""
    assert told(house) == ["wifi-2026-2026-10-r1"]


def test_nor_is_it_issued_while_an_hour_of_the_month_was_seen_and_is_not_sealed(house):
    _, end = calendar.month("2026-10", SHANGHAI)

    assert "75: contract wifi-2026: hours of 2026-10 are still to be sealed" in asked_for(house, seen=[end - HOUR])
    assert told(house) == []


def corrected(ledger):
    """Have a manager ask that October's first hour be stated again; return the correction's leaf."""
    hour = min(leaf.index for leaf in ledger.find("availability_hour", start_ms=NOW - 32 * 24 * HOUR))
    body = {"corrects": hour, "by": "zhao", "reason": "polls came late"}
    ledger.append([LedgerEntry("web", 0, Fact(kind="correction", at_ms=NOW, body=body))], now_ms=NOW)
    return ledger.size - 1


def test_a_month_with_a_correction_that_still_waits_is_not_closed(house):
    """One that was sealed right before the closing would have moved the month after its report."""
    with opened(house.settings) as ledger:
        number = corrected(ledger)
    close(house)
    assert told(house) == ["wifi-2026-2026-07-r1", "wifi-2026-2026-08-r1"]
    assert "75: contract wifi-2026: hours of 2026-10 are still to be sealed" in asked_for(house)

    with opened(house.settings) as ledger:
        (asked,) = correcting.waiting(ledger)
        ledger.append([correcting.refusal(asked, "gone", now_ms=NOW)], now_ms=NOW)
        assert asked.number == number
    close(house)
    assert told(house)[-1] == "wifi-2026-2026-10-r1"


def came_late(ledger, contract="wifi-2026"):
    """Tell the ledger that samples of October's first hour came late; return the leaf."""
    start, _ = calendar.month("2026-10", SHANGHAI)
    told = {"services": 1, "samples": 7, "vantages": {"bureau": 7}, "digest": "0" * 64}
    fact = Fact(kind="late_samples", at_ms=NOW, body={"contract": contract, "start_ms": start, **told})
    ledger.append([LedgerEntry(f"late:{contract}", 0, fact)], now_ms=NOW)
    return ledger.size - 1


def verified(house, month):
    key = founding.evidence_key(house.settings).with_name(issue.VKEY)
    said = []
    path = house.settings.data.dir / "reports" / f"wifi-2026-{month}-r1.zip"
    assert audit.run(path, vkey=key, rehearsal=False, say=said.append) == 0
    return "\n".join(said)


def test_a_report_lists_hours_with_late_samples_and_the_auditor_is_told_how_many(house):
    with opened(house.settings) as ledger:
        came_late(ledger)
    close(house)

    assert "samples of 1 hours came late and are in no statement: 2026-09-30T16:00" in verified(house, "2026-10")
    assert "came late" not in verified(house, "2026-08")


@pytest.fixture
def strict(tmp_path, monkeypatch):
    """The same house where the contract asks that late samples are taken in before a report."""

    def city(folder):
        made = how_to_city(folder)
        (path,) = (each for each in made.rglob("*.yaml") if each.read_text().startswith("contract:"))
        path.write_text(f"{path.read_text()}late_samples: correct\n")
        return made

    monkeypatch.setattr(months, "how_to_city", city)
    return house_of(tmp_path)


def test_where_the_contract_asks_for_it_late_hours_are_stated_again_before_the_month_is_closed(strict):
    """Otherwise who corrects would choose what the month's report rests on."""
    with opened(strict.settings) as ledger:
        last = came_late(ledger)
    for _ in range(2):
        close(strict)
        assert told(strict) == ["wifi-2026-2026-07-r1", "wifi-2026-2026-08-r1"]
    assert "75: contract wifi-2026: hours of 2026-10 are still to be sealed" in asked_for(strict)
    with opened(strict.settings) as ledger:
        (asked,) = correcting.waiting(ledger)
        (leaf,) = ledger.entries(asked.number, asked.number + 1)
        assert (leaf.fact.body["by"], asked.number > last) == ("contract", True)
        ledger.append([correcting.refusal(asked, "gone", now_ms=NOW)], now_ms=NOW)

    close(strict)
    assert told(strict)[-1] == "wifi-2026-2026-10-r1"
    assert "samples of 1 hours came late" in verified(strict, "2026-10")


def test_where_the_contract_lists_them_late_hours_hold_no_month(house):
    with opened(house.settings) as ledger:
        came_late(ledger)
    close(house)

    assert told(house)[-1] == "wifi-2026-2026-10-r1"


def test_a_report_that_many_ask_for_is_built_once(house, monkeypatch):
    prepare, built = issue.prepare, []

    def counted(*args, **given):
        built.append(given["month"])
        return prepare(*args, **given)

    monkeypatch.setattr(issue, "prepare", counted)

    assert (asked_for(house, many=20), built) == ("", ["2026-10"])


def test_a_bundle_that_is_gone_and_cannot_be_made_again_is_told_of_until_it_is_back(house):
    """Its carrier's days run: whoever took it away must not be the only one who knows."""
    close(house)
    path = house.settings.data.dir / "reports" / "wifi-2026-2026-10-r1.zip"
    kept = path.read_bytes()
    path.unlink()
    with opened(house.settings) as ledger, Journal(house.settings.data.dir / "states.db") as journal:
        corrected(ledger)
        (asked,) = correcting.waiting(ledger)
        ledger.append([correcting.refusal(asked, "gone", now_ms=NOW)], now_ms=NOW)
        made = closing(house.settings, ledger, journal)
        made.report([house.contract])
        lost = made.short
        path.write_bytes(kept)
        back = made.short

    assert "its file is missing" in lost["bundle wifi-2026-2026-10-r1"]
    assert (back, told(house)) == ({}, [f"wifi-2026-{month}-r1" for month in MONTHS])


CHILD = """
import os, sys, threading
from types import SimpleNamespace
from pathlib import Path
sys.dont_write_bytecode = True
from inventory.model import Contract
from inventory.register import Register
from netops import config, founding
from netops.closing import Closing
from netops.journal import Journal
from netops.ledger import Ledger
from netops.report import fonts, issue

fonts.found = lambda: None
file, now, where, number = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
settings, real, calls = config.load(file, environ={}), getattr(issue, where), []
def killed(*args, **given):
    calls.append(1)
    if len(calls) == number:
        os.kill(os.getpid(), 9)
    return real(*args, **given)
setattr(issue, where, killed)
with Register(settings.register_url, rehearsal=False, readonly=True) as register:
    contracts = [each.record for each in register.spells("contract", start_ms=now - 1, end_ms=now)]
path, signer = issue.ledger_path(settings), founding.signer(settings)
ledger = Ledger(path, origin=settings.ledger_origin, rehearsal=False, signer=signer)
with ledger, Journal(settings.data.dir / "states.db") as journal:
    Closing(settings, SimpleNamespace(now_ms=lambda: now), ledger=ledger, journal=journal, acting=threading.RLock(),
        ripe_until=lambda: 2 * now).report(contracts)
"""


@pytest.mark.parametrize(
    ("where", "number"),
    [
        ("seal", 2),
        ("finish", 1),
        pytest.param("prepare", 2, marks=pytest.mark.slow),
        pytest.param("finish", 3, marks=pytest.mark.slow),
    ],
)
def test_closing_goes_on_after_kill_9(house, where, number):
    """Before the seal nothing is issued; between seal and file the ledger says so and the bundle is composed anew."""
    ended = subprocess.run(
        [sys.executable, "-c", CHILD, str(house.file), str(NOW), where, str(number)], check=False, timeout=60
    )
    assert ended.returncode == -signal.SIGKILL
    assert len(bundles(house)) == number - 1

    close(house)
    assert told(house) == [f"wifi-2026-{month}-r1" for month in MONTHS]
    assert len(bundles(house)) == len(MONTHS)
