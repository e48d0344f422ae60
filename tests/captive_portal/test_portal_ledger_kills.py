"""Killed at any step, session log, chain, ledger and firewall agree afterwards (I1, I4, I5).

The portal is whole: its records, its spool, its hourly round. The ledger is the real one, fed from the spool between
its lives as the core does. `NETOPS_ROUNDS` scales the lives; seeds are named in what fails.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from captive_portal import tables
from captive_portal.records import chain, verify
from captive_portal.records.persons import Persons
from captive_portal.tables import RECORD, SESSION
from inventory.sql import Database
from netops import facts, spool
from netops.config import City, Data, Retention, Settings
from netops.ledger import Ledger, LedgerEntry

HERE = Path(__file__).parent
ROUNDS = max(1, int(os.environ.get("NETOPS_ROUNDS", "3")))
SEED = int(os.environ.get("NETOPS_SEED", "9"))
START_MS = 1_790_000_000_000
KINDS = {"": 300, "put": 12, "_together": 60, "allow": 30, "revoke": 30, "erase_entries": 6, "delete_sessions": 6}
LAW_DAYS = 10


class Lives:
    """What the portal has acknowledged over all its lives, and the ledger beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.at_ms = folder, START_MS
        self.inside: dict[str, str] = {}  # MAC → session, as was said last
        self.every: dict[str, int] = {}  # session → when
        self.ended: set[str] = set()
        kept = Retention(session_days=12, law_days=LAW_DAYS)
        self.settings = Settings(city=City(rehearsal=True), data=Data(dir=folder), retention=kept)

    def live(self, seed: str, kind: str, last: int) -> bool:
        """Let it live until its last step of a kind; return whether it came to that."""
        process = subprocess.Popen(
            [sys.executable, str(HERE / "run_ledgered.py"), str(self.folder), str(self.at_ms), seed, kind, str(last)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        )
        assert process.stdout
        for line in process.stdout:
            match line.split() if line.endswith("\n") else []:
                case ["at", at_ms]:
                    self.at_ms = int(at_ms)
                case ["in", id_, mac]:
                    self.inside[mac] = id_
                    self.every[id_] = self.at_ms
                case ["out", mac]:
                    self.ended.add(self.inside.pop(mac, ""))
        process.stdout.close()
        came = process.wait(60)
        assert came in {0, -signal.SIGKILL}, f"{seed}: exit {came}"
        return came != 0

    def drain(self) -> None:
        """Do what the core does with the spool: each fact once into the ledger, by its source and sequence."""
        waiting = spool.read(self.folder / "spool" / "portal.db", after=0, limit=100_000)
        new = [each for each in waiting if each.kind == "fact"]
        with Ledger(self.folder / "ledger.db", origin="x/rehearsal", rehearsal=True) as ledger:
            entries = [LedgerEntry(each.source, each.sequence, facts.decode(each.payload)) for each in new]
            if entries:
                ledger.append(entries, now_ms=self.at_ms)

    def facts(self, kind: str):
        with Ledger(self.folder / "ledger.db", origin="x/rehearsal", rehearsal=True) as ledger:
            return list(ledger.find(kind))

    def kernel(self) -> dict[str, str]:
        """Return who is let through now: address → MAC."""
        found = {}
        for file in (self.folder / "kernel").glob("[0-9]*"):
            mac, until = json.loads(file.read_text(encoding="utf-8"))
            if until * 1000 > self.at_ms:
                found[file.name] = mac
        return found


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_at_any_step_log_chain_ledger_and_firewall_agree(tmp_path: Path) -> None:
    dice, lives, killed = random.Random(SEED), Lives(tmp_path), 0
    for number in range(3 * ROUNDS):
        where = f"seed {SEED}, life {number}"
        kind = "put" if dice.random() < 0.4 else dice.choice(list(KINDS))  # most can go amiss there
        killed += lives.live(f"{SEED}/{number}", kind, dice.randint(1, KINDS[kind]))
        if not (tmp_path / "portal.db").exists():
            continue
        nobody_is_in_without_a_record(lives, where)
        if dice.random() < 0.7:  # the core may be away for a while
            lives.drain()
    assert killed >= ROUNDS

    assert not lives.live(f"{SEED}/last", "", 0)
    lives.drain()
    everything_agrees(lives, f"seed {SEED}, in the end")
    assert len(lives.every) > 3 * ROUNDS


def nobody_is_in_without_a_record(lives: Lives, where: str) -> None:
    with Database(tables.url(lives.settings), readonly=True) as database, database.read() as connection:
        if not sa.inspect(connection).has_table("portal_session"):
            assert not lives.kernel(), where
            return
        live = set(connection.execute(sa.select(SESSION.c.mac).where(SESSION.c.ended_ms.is_(None))).scalars())
    assert set(lives.kernel().values()) <= live, f"{where}: let through without a record"


def everything_agrees(lives: Lives, where: str) -> None:
    stated = lives.facts("portal_records")
    heads = verify.heads_of(stated)
    with Database(tables.url(lives.settings), readonly=True) as database, database.read() as connection:
        found = verify.verify(connection, heads, now_ms=lives.at_ms, law_days=LAW_DAYS)
        rows = {row.id: row for row in connection.execute(sa.select(SESSION))}
        entries = list(connection.execute(sa.select(RECORD).order_by(RECORD.c.n)))
    assert found.problems == [], where
    with Persons(lives.settings, readonly=True) as persons:
        verify.persons(found, persons)
    assert found.problems == [], where

    assert found.anchored == found.entries == entries[-1].n, f"{where}: a stop states the newest head"
    certified = Counter()
    for row in entries:
        if row.kind in chain.CERTIFICATES:
            certified[json.loads(row.body)["why"] if row.kind == chain.ERASED else "key"] += 1
    told: Counter[str] = Counter()
    for leaf in {leaf.fact.body["digest"]: leaf for leaf in lives.facts("records_erased")}.values():
        told[leaf.fact.body["why"]] += leaf.fact.body.get("certificates", 1)
    assert told == certified, f"{where}: an erasure that the ledger does not know, or one that never was"

    live = {row.mac for row in rows.values() if row.ended_ms is None}
    assert set(lives.kernel().values()) == live, f"{where}: firewall and session log"
    for id_, at_ms in lives.every.items():
        kept_for_the_law = at_ms > lives.at_ms - LAW_DAYS * 86_400_000
        assert id_ in rows or not kept_for_the_law, f"{where}: a session that was acknowledged is gone"
        assert id_ not in lives.ended or id_ not in rows or rows[id_].ended_ms is not None, f"{where}: an end is lost"
    opened = sum(row.kind == chain.OPENED for row in entries)
    consents = sum(leaf.fact.body["consents"] for leaf in lives.facts("portal_logins"))
    assert 0 < consents <= opened, f"{where}: more consents in the ledger than sessions in the chain"
