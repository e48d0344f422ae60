"""The core over a real register, spool, store and ledger: what it seals when telemetry comes late."""

import socket
from dataclasses import replace
from types import SimpleNamespace

import pytest
from argon2 import PasswordHasher

from inventory import sql
from inventory.edits import Edit, digest
from inventory.reading.folder import read_city
from inventory.register import Register
from netops import amending, facts, fail_open, founding
from netops.access import approvals, tables
from netops.access.passwords import Passwords
from netops.access.scope import parse
from netops.access.staff import Staff
from netops.clock import SYSTEM
from netops.config import Listener
from netops.dispute import receipts
from netops.errors import EvidenceError
from netops.evidence import note
from netops.evidence import told as audit
from netops.facts import Fact
from netops.ledger import LedgerReader
from netops.report import issue
from netops.sign import Signer
from netops.sla import calendar
from netops.spool import Spool
from netops.web.server import Server
from netops.witness.desk import Desk
from netops.witness.service import Application
from tests.netops.core.pieces import HOUR, START, KilledError, M, hours, killed, silent, stated, until
from tests.netops.instances import how_to_city


def test_an_hour_whose_polls_still_wait_in_the_spool_is_not_sealed_without_them(house):
    """A sealed hour is never opened again: polls held back by a store that is down would be lost to the verdict."""
    made, spool, store, settings = house
    spool.put("poll", silent(range(30)))
    until(lambda: made._taken["polls"] == 30)
    store.down = True
    spool.put("poll", silent(range(30, 60)))
    made._clock.at_ms = START + HOUR + 10 * M
    until(lambda: made._waiting)
    made._seal_hours(0)
    assert hours(settings) == []

    store.down = False
    until(lambda: made._taken["polls"] == 60)
    until(lambda: made._ripe_until() >= START + HOUR)
    made._seal_hours(0)
    (sealed,) = hours(settings)
    assert sealed["usual"] == [[0, 60, "DOWN", "carrier", "parent:ac-1"]]


def test_a_slot_that_holds_a_step_of_our_clock_proves_nothing_and_a_step_of_anothers_says_nothing(house):
    made, spool, _, settings = house
    body = {"state": "stepped", "step_ms": -90_000}
    for minute, vantage in ((10, settings.collect.vantage), (20, "site-7")):
        at_ms = START + minute * M + 5
        facts.submit(spool, Fact(kind="clock_state", at_ms=at_ms, body={"vantage": vantage, **body}))
    spool.put("poll", silent(range(60)))
    made._clock.at_ms = START + HOUR + 10 * M
    until(lambda: (made._taken["polls"], made._taken["facts"]) == (60, 2) and made._ripe_until() >= START + HOUR)

    made._seal_hours(0)
    (sealed,) = hours(settings)
    assert [run[:4] for run in sealed["usual"]] == [
        [0, 10, "DOWN", "carrier"],
        [10, 1, "UNKNOWN", "monitor"],
        [11, 49, "DOWN", "carrier"],
    ]


def test_what_ails_one_contract_holds_no_others_report(house, monkeypatch):
    made, *_ = house
    asked = []

    def on(contract):
        asked.append(contract)
        if contract.id == "one":
            raise EvidenceError("an hour of it does not hold")
        return []

    monkeypatch.setattr(made._closing, "_report_on", on)
    monkeypatch.setattr(made, "_contracts", (SimpleNamespace(id="one"), SimpleNamespace(id="other")))
    with pytest.raises(EvidenceError, match="does not hold"):
        made._report(0)
    assert [each.id for each in asked] == ["one", "other"]
    assert made.health()["report on one"] == "an hour of it does not hold"


def test_the_last_month_of_a_contract_is_closed_after_its_end(house, monkeypatch):
    """At that time the register's present knows the contract no more."""
    made, *_ = house
    asked = []
    monkeypatch.setattr(made._closing, "_report_on", lambda contract: asked.append(contract.id) or [])
    made._clock.at_ms = calendar.month("2027-01", calendar.zone("Asia/Shanghai"))[0] + HOUR
    made._read_register()
    assert made._seen.contracts == ()

    made._report(0)
    assert asked == ["wifi-2026"]


def carrier_keys(settings, tmp_path, now_ms, *lines):
    """Apply a register in which the carrier has these keys."""
    city = how_to_city(tmp_path)
    if lines:
        told = (city / "carriers.yaml").read_text("utf-8")
        (city / "carriers.yaml").write_text(told.replace("    # keys: ", f"    keys: [{', '.join(lines)}] # "), "utf-8")
    with Register(settings.register_url, rehearsal=False) as register:
        register.apply(read_city(city), at_ms=now_ms, now_ms=now_ms)


def test_a_key_that_the_register_takes_in_or_out_is_sealed_before_anything_is_judged_by_it(house, tmp_path):
    made, *_, settings = house
    vkey = str(Signer.new("carrier-a/disputes").vkey)
    assert stated(settings, "party_key") == []

    for lines in ([vkey], [vkey], []):
        made._clock.at_ms += M
        carrier_keys(settings, tmp_path, made._clock.at_ms, *lines)
        made._read_register()

    told = [(leaf.sequence, leaf.fact.body["key"], leaf.fact.body["state"]) for leaf in stated(settings, "party_key")]
    assert told == [(0, vkey, "registered"), (1, vkey, "removed")]


def test_a_register_that_could_not_be_sealed_is_sealed_when_the_disk_has_room(house, tmp_path, monkeypatch):
    made, *_, settings = house
    vkey = str(Signer.new("carrier-a/disputes").vkey)
    carrier_keys(settings, tmp_path, made._clock.at_ms, vkey)
    terms = made._admission.terms
    with monkeypatch.context() as full:
        full.setattr(made._ledger, "append", lambda *_, **__: (_ for _ in ()).throw(EvidenceError("disk full")))
        with pytest.raises(EvidenceError):
            made._read_register()
    assert made._admission.terms is terms

    made._read_register()
    assert [leaf.fact.body["key"] for leaf in stated(settings, "party_key")] == [vkey]


def test_a_core_that_died_between_seal_and_file_writes_the_bundle_when_it_is_back(house, monkeypatch):
    """The ledger says that the report is issued; without its bundle nobody could ever read or check it."""
    made, spool, _, settings = house
    (contract,) = made._seen.contracts
    start, end = calendar.month("2026-10", calendar.zone(contract.timezone))
    assert start == START
    spool.put("poll", silent(range(60)))
    made._clock.at_ms = end + HOUR
    until(lambda: made._taken["polls"] == 60 and made._ripe_until() >= end)
    made._seal_hours(0)
    with monkeypatch.context() as patch:
        patch.setattr(issue, "finish", killed)
        with pytest.raises(KilledError):
            made._report(0)
    assert not list(settings.data.dir.glob("reports/*.zip"))

    made._report(0)
    (bundle,) = settings.data.dir.glob("reports/*.zip")
    held = bundle.read_bytes()
    made._report(0)
    assert bundle.read_bytes() == held
    key = founding.evidence_key(settings).with_name(issue.VKEY)
    assert audit.run(bundle, vkey=key, rehearsal=False) == 0
    with LedgerReader(settings.data.dir / "ledger.db") as ledger:
        assert len(list(ledger.find("report_issued"))) == 1


def test_a_core_asks_its_witnesses_and_the_bundle_goes_out_under_their_signatures(house, tmp_path):
    made, spool, _, settings = house
    end = calendar.month("2026-10", calendar.zone("Asia/Shanghai"))[1]
    spool.put("poll", silent(range(60)))
    made._clock.at_ms = end + HOUR
    until(lambda: made._taken["polls"] == 60 and made._ripe_until() >= end)
    made._seal_hours(0)
    witness = Signer("auditor.example/w", bytes(range(32)), algorithm=note.COSIGNATURE_V1)
    log_key = founding.evidence_key(settings).with_name(issue.VKEY)
    key = note.VerifierKey.parse(log_key.read_text().strip())
    with Desk(tmp_path / "book", witness, [key]) as desk, socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
        found.close()
        server = Server(Application(desk, name=witness.vkey.name, clock=SYSTEM), Listener(port=port), clear=True)
        server.start()
        (settings.data.dir / "witnesses.txt").write_text(f"quorum 1\n{witness.vkey} http://127.0.0.1:{port}\n")
        made._ask_witnesses(0)
        made._report(0)
        assert not list(settings.data.dir.glob("reports/*.zip"))
        for turn in made._circle._turns.values():
            turn.join()
        made._ask_witnesses(0)
        for turn in made._circle._turns.values():
            turn.join()
        server.stop()

    made._report(0)
    (bundle,) = settings.data.dir.glob("reports/*.zip")
    (tmp_path / "keys").write_text(f"{key}\n{witness.vkey}\n")
    assert audit.run(bundle, vkey=tmp_path / "keys", rehearsal=False) == 0
    assert made.health() == {}


def test_a_core_says_what_went_out_without_co_signatures(house):
    made, spool, _, settings = house
    end = calendar.month("2026-10", calendar.zone("Asia/Shanghai"))[1]
    spool.put("poll", silent(range(60)))
    made._clock.at_ms = end + HOUR
    until(lambda: made._taken["polls"] == 60 and made._ripe_until() >= end)
    made._seal_hours(0)
    witness = Signer("auditor.example/w", bytes(range(32)), algorithm=note.COSIGNATURE_V1)
    (settings.data.dir / "witnesses.txt").write_text(f"quorum 1\n{witness.vkey}\n")
    made._ask_witnesses(0)
    made._report(0)
    made._clock.at_ms += settings.evidence.cosign_wait_s * 1000
    made._report(0)

    (bundle,) = settings.data.dir.glob("reports/*.zip")
    assert audit.run(bundle, vkey=founding.evidence_key(settings).with_name(issue.VKEY), rehearsal=False) == 5
    said = made.health()[f"bundle {bundle.stem}"]
    assert said.startswith("went out with 0 of the 1 co-signatures")


def test_what_two_persons_did_not_allow_is_isolated_and_its_refusal_sealed(house):
    """Whoever may write the web's spool may make up names and roles; the accounts know better."""
    made, _, _, settings = house
    now = made._clock.at_ms
    terms = {"contract": "wifi-2026", "class": "maintenance", "services": ["*"], "start_ms": now, "end_ms": now + HOUR}
    asked = approvals.ask("exclusion", terms=terms, by="ghost", role="operator", reason="x", now_ms=now)
    with Spool(settings.data.dir / "spool" / "web.db", source="web") as web:
        facts.submit(web, *asked)
        facts.submit(web, Fact(kind="staff_action", at_ms=now, body={"action": "a", "subject": "s", "by": "cli:root"}))
        facts.submit(
            web, Fact(kind="service_state", at_ms=now, body={"service": "web", "state": "started", "version": "1"})
        )
    until(lambda: made._taken["isolated"] == 3 and made._taken["facts"] >= 1)

    with LedgerReader(settings.data.dir / "ledger.db") as ledger:
        told = {leaf.fact.body["what"]: leaf.fact.body["reason"] for leaf in ledger.find("fact_refused")}
        assert not list(ledger.find("exclusion_claim")) + list(ledger.find("approval_request"))
        assert not list(ledger.find("staff_action"))
    assert "no such account" in told["exclusion_claim"]
    assert told["staff_action"] == "there is no such account", "the pages do not speak for the command line"
    assert [why for _, why in made._drain.quarantined()] == list(told.values())


def test_a_carriers_refused_note_is_sealed_and_nobody_but_a_desk_of_the_city_says_that_there_was_one(house):
    """The receipt is then a proof of that leaf under the checkpoint of the next minute."""
    made, _, _, settings = house
    told = {"digest": "ab" * 32, "by": "carrier-a/disputes", "reason": "it is late"}
    for name in ("web", "portal"):
        with Spool(settings.data.dir / "spool" / f"{name}.db", source=name) as spool:
            facts.submit(spool, Fact(kind="note_refused", at_ms=made._clock.at_ms, body=told))
    until(lambda: made._taken["isolated"] == 1 and made._taken["facts"] >= 1)
    with pytest.raises(receipts.PendingError, match="waits for its checkpoint"):
        receipts.made(settings, told["digest"])
    with made._acting:
        made._ledger.checkpoint(now_ms=made._clock.at_ms)
    with LedgerReader(settings.data.dir / "ledger.db") as ledger:
        (leaf,) = ledger.find("note_refused")

    assert (leaf.fact.body, leaf.source.partition("/")[0]) == (told, "web")
    assert receipts.made(settings, told["digest"]).startswith(b"c2sp.org/tlog-proof@v1\nextra ")


def test_a_fault_of_the_drain_is_seen_and_does_not_end_it(house, monkeypatch):
    """A thread that ended would let every spool grow while all else said that it is well."""
    made, spool, _, _ = house
    broken = [True]
    judge = made._judge_polls

    def judged(polls):
        if broken:
            raise KeyError("a fault of ours")
        judge(polls)

    monkeypatch.setattr(made._drain, "_on_polls", judged)
    spool.put("poll", silent(range(3)))
    until(lambda: "round" in made.health())
    assert "a fault of ours" in made.health()["round"]

    broken.clear()
    until(lambda: made._taken["polls"] == 3)
    until(lambda: "round" not in made.health())


def test_what_two_persons_allowed_is_handed_on_signed_until_it_is_taken_back(house):
    made, _, _, settings = house
    now = made._clock.at_ms
    with sql.Database(tables.url(settings)) as database:
        staff = Staff(database, Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)))
        for name, role in (("li.na", "operator"), ("zhao", "privacy_officer")):
            once = staff.add(name, role=role, by="t", now_ms=now - M)
            staff.change(name, old=once, new="correct horse battery", address="::1", now_ms=now - M)
    terms = {"sites": ["park"], "start_ms": now, "end_ms": now + HOUR}
    asked = approvals.ask("fail_open", terms=terms, by="li.na", role="operator", reason="flood", now_ms=now)

    def say(what, by, role):
        body = {"request": asked[0].body["request"], "decision": what, "by": by, "role": role, "reason": ""}
        return Fact(kind="approval_decision", at_ms=now, body=body)

    def told(**taken):
        until(lambda: all(made._taken[name] == count for name, count in taken.items()))
        made._tell_open()
        return [each.sites for each in fail_open.opened(fail_open.read(settings), fail_open.key(settings)).orders]

    with Spool(settings.data.dir / "spool" / "cli.db", source="cli") as cli:
        facts.submit(cli, *asked, say("approved", "li.na", "operator"), say("approved", "ghost", "admin"))
        alone = told(facts=1, isolated=2)
        facts.submit(cli, say("approved", "zhao", "privacy_officer"))
        allowed = told(facts=2)
        facts.submit(cli, say("withdrawn", "li.na", "operator"))

        assert (alone, allowed, told(facts=3)) == ([], [("park",)], [])


def test_what_two_persons_decide_about_the_register_is_carried_out_and_judged_by(house):
    made, _, _, settings = house
    now = made._clock.at_ms
    with sql.Database(tables.url(settings)) as database:
        staff = Staff(database, Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)))
        for name, role in (("li.na", "operator"), ("zhao", "contract_manager")):
            once = staff.add(name, role=role, by="t", now_ms=now - M)
            staff.change(name, old=once, new="correct horse battery", address="::1", now_ms=now - M)
    known = made._seen.site["library"]
    wanted = [Edit(noun="site", id="library", before=digest(known), after=replace(known, name="新馆"))]
    terms = amending.terms_of(wanted)
    asked = approvals.ask("register_change", terms=terms, by="li.na", role="operator", reason="搬迁", now_ms=now)
    said = {"request": asked[0].body["request"], "decision": "approved", "reason": ""}
    with Spool(settings.data.dir / "spool" / "cli.db", source="cli") as cli:
        facts.submit(
            cli,
            *asked,
            Fact(kind="approval_decision", at_ms=now, body={**said, "by": "li.na", "role": "operator"}),
            Fact(kind="approval_decision", at_ms=now, body={**said, "by": "zhao", "role": "contract_manager"}),
        )
    until(lambda: made._taken["facts"] == 2 and made._taken["isolated"] == 1)
    (job,) = [each for each in made._jobs() if each.name == "amendments"]
    job.run(0)
    job.run(0)

    assert made._seen.site["library"].name == "新馆", "the verifier is built anew from it at once"
    (leaf,) = stated(settings, "register_change")
    assert (leaf.fact.body["outcome"], leaf.fact.body["request"]) == ("applied", asked[0].body["request"])
    assert stated(settings, "register_applied")[-1].fact.body["revision"] == leaf.fact.body["revision"]


def test_who_sees_a_part_of_the_city_speaks_of_what_was_put_there_a_moment_ago_and_of_nothing_else(house):
    made, _, _, settings = house
    now = made._clock.at_ms
    known = made._seen.site["library"]
    mine, theirs = (each.id for each in made._seen.areas[:2])
    with sql.Database(tables.url(settings)) as database:
        staff = Staff(database, Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)))
        once = staff.add("li.na", role="operator", by="t", now_ms=now - M, scope=parse([f"area:{mine}"]))
        staff.change("li.na", old=once, new="correct horse battery", address="::1", now_ms=now - M)
    edits = [
        Edit(noun="site", id=name, before="", after=replace(known, id=name, area=area))
        for name, area in (("new", mine), ("far", theirs))
    ]
    with Register(settings.register_url, rehearsal=False) as register:
        register.edit(edits, at_ms=now - M, now_ms=now, request="req-0", by="li.na, zhao", reason="x")
    assert "new" not in made._seen.site, "the job that reads the register has not run since"
    with Spool(settings.data.dir / "spool" / "web.db", source="web") as web:
        for name in ("new", "far"):
            terms = {"sites": [name], "start_ms": now, "end_ms": now + HOUR}
            asked = {"terms": terms, "by": "li.na", "role": "operator", "reason": "flood", "now_ms": now}
            facts.submit(web, *approvals.ask("fail_open", **asked))
        until(lambda: made._taken["facts"] == 1 and made._taken["isolated"] == 1)

    (leaf,) = stated(settings, "approval_request")
    assert leaf.fact.body["terms"]["sites"] == ["new"]
    (refused,) = stated(settings, "fact_refused")
    assert "outside your part of the city" in refused.fact.body["reason"]
