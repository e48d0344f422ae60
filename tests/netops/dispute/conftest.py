"""A carrier with a key, the terms of its contract, and a ledger that holds an issued report."""

from __future__ import annotations

import hashlib
import shutil
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from argon2 import PasswordHasher

from inventory import commands as inventory
from inventory import sql
from inventory.model import Dispute
from inventory.register import Register
from inventory.snapshot import snapshot
from netops import hourly, sealing
from netops.access import tables
from netops.access.passwords import Passwords
from netops.access.staff import Account, Staff
from netops.clock import to_ms
from netops.commands import approve, dispute_city, report
from netops.dispute import listening
from netops.dispute.terms import Terms
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry
from netops.sign import Signer
from netops.sla.sold import sold
from tests.netops.dispute import desks
from tests.netops.instances import founded, how_to_city, settings_of

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = 86_400_000
START = to_ms(datetime(2026, 8, 1, tzinfo=SHANGHAI))
END = to_ms(datetime(2026, 9, 1, tzinfo=SHANGHAI))
NOW = to_ms(datetime(2026, 9, 7, 10, tzinfo=SHANGHAI))  # a Monday
MANIFEST = "ab" * 32
CARRIER = Signer("carrier-a/disputes", hashlib.sha256(b"a test's key").digest())
OTHER = Signer("carrier-b/disputes", hashlib.sha256(b"another test's key").digest())
TERMS = Terms(carrier="carrier-a", keys=(CARRIER.vkey,), zone=SHANGHAI, days=Dispute())
REPORT = "wifi-a-2026-08-r0"
OBJECTION = {
    "report": REPORT,
    "manifest_digest": MANIFEST,
    "made_ms": NOW,
    "code": "calculation",
    "target": f"interval:{START}-{END}",
    "reason": "第3项的扣减与合同第12条不符",
}


def terms(contract, _at_ms):
    return TERMS if contract == "wifi-a" else None


def issued(revision=0, *, manifest=MANIFEST, amount="240.00"):
    body = {
        "report": f"wifi-a-2026-08-r{revision}",
        "contract": "wifi-a",
        "start_ms": START,
        "end_ms": END,
        "revision": revision,
        "digest": f"{revision}" * 64,
        "manifest_digest": manifest,
        "leaves": 1,
        "amount": amount,
        "currency": "CNY",
    }
    return Fact(kind="report_issued", at_ms=NOW, body=body)


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "ledger.db", origin="x/rehearsal", rehearsal=True) as made:
        made.append([LedgerEntry("report:r0", 0, issued())], now_ms=NOW)
        yield made


@pytest.fixture
def clock(monkeypatch):
    made = desks.Day(desks.NOW)
    monkeypatch.setattr(dispute_city, "SYSTEM", made)
    monkeypatch.setattr(
        approve,
        "login",
        lambda _s, name, *_: Account(name=name, title="", role="contract_manager", must_change=False, disabled=False),
    )
    return made


@pytest.fixture(scope="session")
def watched(tmp_path_factory):
    """An instance watched all October, with a late claim and an issued report; its carrier and another have keys."""
    folder = tmp_path_factory.mktemp("disputed")
    carriers = how_to_city(folder) / "carriers.yaml"
    told = carriers.read_text("utf-8").replace("    # keys: ", f"    keys: [{CARRIER.vkey}] # ")
    carriers.write_text(f"{told}  - id: carrier-b\n    name: 乙运营商\n    keys: [{OTHER.vkey}]\n", "utf-8")
    settings = founded(folder)
    (settings.data.dir / "spool").mkdir()
    desks.words(inventory, settings, "apply", folder / "city", "--at", "2026-01-01")
    with Register(settings.register_url, rehearsal=False, readonly=True) as register:
        seen = snapshot(register, at_ms=desks.START)
    contract = seen.contracts[0]
    roster = sold(contract, seen)
    entries = sealing.register(seen, revision=1, by="test")
    told = [*desks.late_claim(), *desks.stuck_claims()]
    entries += [LedgerEntry("cli/00000000", number, fact) for number, fact in enumerate(told)]
    for hour_ms in range(desks.START, desks.END, desks.H):
        runs = {
            each.service: desks.hour(hour_ms, lost=desks.START + 200 * desks.H <= hour_ms < desks.START + 204 * desks.H)
            for each in roster.listed
        }
        entries += hourly.entries(contract.id, roster, runs, hour_ms=hour_ms, step=desks.M, known=hour_ms > desks.START)
    with desks.writer(settings) as ledger:
        ledger.append(entries, now_ms=desks.END)
        ledger.checkpoint(now_ms=desks.END)
    desks.words(report, settings, "build", *desks.MONTH, "--out", folder / "r1.zip", "--seal-here")
    with sql.Database(tables.url(settings)) as database:
        staff = Staff(database, Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)))
        for name in desks.PEOPLE:
            first = staff.add(name, role="contract_manager", by="t", now_ms=desks.NOW - 1000 * desks.H)
            staff.change(
                name, old=first, new="a long enough pass phrase", address="::1", now_ms=desks.NOW - 999 * desks.H
            )
            for at_ms in (desks.NOW, desks.LATER):
                staff.login(name, "a long enough pass phrase", address="::1", now_ms=at_ms - desks.H)
    return folder


@pytest.fixture
def city(watched, tmp_path, monkeypatch):
    """An own copy of that instance, whose core has been listening all the time."""
    shutil.copytree(watched / "data", tmp_path / "city" / "data")
    made = settings_of(tmp_path / "city")
    listening.write(listening.path(made), 1)
    monkeypatch.setattr(listening, "SHORT_MS", 2**52)
    return made


@pytest.fixture
def desk(watched, tmp_path, monkeypatch):
    """The carrier's directory: a bundle and a key. Its settings name a directory that does not exist."""
    folder = tmp_path / "desk"
    folder.mkdir()
    shutil.copy(watched / "r1.zip", folder)
    (folder / "disputes.key").write_text(CARRIER.private_line() + "\n")
    (folder / "disputes.key").chmod(0o600)
    monkeypatch.chdir(folder)
    return folder


# A take that is killed as soon as its facts are durable: instance, note, now; which facts, 1: that the note came in.
KILLED = """
import os, signal, sys, argparse
from pathlib import Path
from netops import config
from netops.access import record
from netops.commands import dispute
real, left = record.state, [int(*sys.argv[4:] or [2])]
def state(settings, made):
    real(settings, made)
    left[0] -= 1
    if left[0]:
        return
    os.kill(os.getpid(), signal.SIGKILL)
record.state = state
parser = argparse.ArgumentParser()
dispute.arguments(parser)
args = parser.parse_args(["take", sys.argv[2]])
args.now_ms = int(sys.argv[3])
dispute.run(args, config.load(Path(sys.argv[1]), environ={}))
"""
