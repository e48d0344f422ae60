"""Killed at any step, session log, chain, ledger and firewall agree afterwards (I1, I4, I5).

The portal is whole: its records, its spool, its hourly round. The ledger is the real one, fed from the spool between
its lives as the core does; the firewall is one of files, or a real kernel's. `NETOPS_ROUNDS` scales the lives; seeds
are named in what fails.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from captive_portal import tables
from captive_portal.records import chain, verify
from captive_portal.records.persons import Persons
from captive_portal.tables import RECORD, SESSION
from inventory.sql import Database
from netops import config, facts, spool
from netops.clock import SystemClock
from netops.config import City, Data, Retention, Settings
from netops.ledger import Ledger, LedgerEntry

HERE = Path(__file__).parent
ROUNDS = max(1, int(os.environ.get("NETOPS_ROUNDS", "3")))
SEED = int(os.environ.get("NETOPS_SEED", "9"))
START_MS = 1_790_000_000_000
KINDS = {"": 300, "put": 12, "_together": 60, "allow": 30, "revoke": 30, "erase_entries": 6, "delete_sessions": 6}
LAW_DAYS = 10
PORTAL = "http://portal.test/"


class Accounts:
    """What a portal has acknowledged over all its lives, and the ledger beside it."""

    def __init__(self, settings: Settings, at_ms: int) -> None:
        self.settings, self.folder, self.at_ms = settings, settings.data.dir, at_ms
        self.inside: dict[str, str] = {}  # MAC → session, as was said last
        self.every: dict[str, int] = {}  # session → when
        self.ended: set[str] = set()

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
        raise NotImplementedError


class Lives(Accounts):
    """A portal that dies at its nth step of a kind, before a firewall of files."""

    def __init__(self, folder: Path) -> None:
        kept = Retention(session_days=12, law_days=LAW_DAYS)
        super().__init__(Settings(city=City(rehearsal=True), data=Data(dir=folder), retention=kept), START_MS)

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

    def kernel(self) -> dict[str, str]:
        found = {}
        for file in (self.folder / "kernel").glob("[0-9]*"):
            mac, until = json.loads(file.read_text(encoding="utf-8"))
            if until * 1000 > self.at_ms:
                found[file.name] = mac
        return found


class RealKernel(Accounts):
    """The portal of a gateway with a real kernel; what it said comes through the visitor's own browser."""

    def __init__(self, city) -> None:
        super().__init__(config.load(city.settings_file), 0)
        self.city = city

    def kernel(self) -> dict[str, str]:
        table = json.loads(self.city.nft("-j", "list", "set", "inet", "netops_portal", "auth4"))
        found = next(each["set"] for each in table["nftables"] if "set" in each).get("elem", [])
        let_through = (each["elem"]["val"]["concat"] for each in found)
        return {address: mac for _, mac, address in let_through}

    def live(self, dies_after_s: float) -> None:
        """Let a visitor log in, and kill the portal meanwhile."""
        answers: list[str] = []
        login = threading.Thread(target=lambda: answers.append(self.login()))
        login.start()
        time.sleep(dies_after_s)
        self.city.stop("portal", signal.SIGKILL)
        login.join(30)
        self.at_ms = SystemClock().now_ms()
        recorded = {row.mac: row.id for row in self.log() if row.ended_ms is None}
        inside = set(self.kernel().values())
        assert inside <= set(recorded), f"seed {SEED}: in without a record"
        if answers[0].startswith("303"):
            assert inside, f"seed {SEED}: told online, and not in"
            self.every |= dict.fromkeys(recorded.values(), self.at_ms)
        self.city.start_portal()
        assert set(self.kernel().values()) == set(recorded), f"seed {SEED}: a record and no way in, or the reverse"

    def log(self):
        with Database(tables.url(self.settings), readonly=True) as database, database.read() as connection:
            return list(connection.execute(sa.select(SESSION)))

    def logout(self) -> None:
        if self.kernel():
            self.city.curl("-o", "/dev/null", "-d", f"token={self._token()}", f"{PORTAL}logout")
            assert not self.kernel()
            self.ended |= set(self.every)

    def login(self) -> str:
        form = ("-d", f"token={self._token()}", "-d", "method=click_through")
        return str(self.city.curl("-o", "/dev/null", "-w", "%{http_code}", *form, f"{PORTAL}login").stdout)

    def _token(self) -> str:
        return str(self.city.curl(PORTAL).stdout).partition('name="token" value="')[2].partition('"')[0]


@pytest.mark.slow
@pytest.mark.root
@pytest.mark.partner("nft", "ip", "curl", "dnsmasq")
@pytest.mark.timeout(600)
def test_killed_at_any_moment_log_chain_ledger_and_a_real_kernel_agree(city) -> None:
    dice, lives = random.Random(SEED), RealKernel(city)
    city.nft("flush", "set", "inet", "netops_portal", "auth4")
    for _ in range(ROUNDS):
        lives.live(dice.uniform(0.0, 0.25))
        if dice.random() < 0.7:  # the core may be away for a while
            lives.drain()
        lives.logout()

    # A kill takes the minute's counts of logins with it: the last life has one of its own, and states it as it stops.
    assert lives.login().startswith("303")
    city.stop("portal", signal.SIGTERM)
    lives.at_ms = SystemClock().now_ms()
    lives.drain()
    everything_agrees(lives, f"seed {SEED}, in the end")


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


def nobody_is_in_without_a_record(lives: Accounts, where: str) -> None:
    with Database(tables.url(lives.settings), readonly=True) as database, database.read() as connection:
        if not sa.inspect(connection).has_table("portal_session"):
            assert not lives.kernel(), where
            return
        live = set(connection.execute(sa.select(SESSION.c.mac).where(SESSION.c.ended_ms.is_(None))).scalars())
    assert set(lives.kernel().values()) <= live, f"{where}: let through without a record"


def everything_agrees(lives: Accounts, where: str) -> None:
    stated = lives.facts("portal_records")
    heads = verify.heads_of(stated)
    with Database(tables.url(lives.settings), readonly=True) as database, database.read() as connection:
        found = verify.verify(connection, heads, now_ms=lives.at_ms, law_days=lives.settings.retention.law_days)
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
        kept_for_the_law = at_ms > lives.at_ms - lives.settings.retention.law_days * 86_400_000
        assert id_ in rows or not kept_for_the_law, f"{where}: a session that was acknowledged is gone"
        assert id_ not in lives.ended or id_ not in rows or rows[id_].ended_ms is not None, f"{where}: an end is lost"
    opened = sum(row.kind == chain.OPENED for row in entries)
    consents = sum(leaf.fact.body["consents"] for leaf in lives.facts("portal_logins"))
    assert 0 < consents <= opened, f"{where}: more consents in the ledger than sessions in the chain"
