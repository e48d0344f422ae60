"""A carrier with a key, the terms of its contract, and a ledger that holds an issued report."""

from __future__ import annotations

import hashlib
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from inventory.model import Dispute
from netops.clock import to_ms
from netops.dispute.terms import Terms
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry
from netops.sign import Signer

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
