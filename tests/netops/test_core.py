"""The core over a real register, spool, store and ledger: what it seals when telemetry comes late."""

import contextlib
import socket
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from argon2 import PasswordHasher

from inventory import sql
from inventory.edits import Edit, digest
from inventory.reading.folder import read_city
from inventory.register import Register
from netops import amending, cli, core, facts, fail_open, founding, wire
from netops.access import approvals, tables
from netops.access.passwords import Passwords
from netops.access.staff import Staff
from netops.clock import SYSTEM
from netops.config import Listener
from netops.dispute import listening, receipts
from netops.errors import EvidenceError, NetopsError, StoreError, UsageError
from netops.evidence import note
from netops.evidence import told as audit
from netops.facts import Fact
from netops.ledger import LedgerEntry, LedgerReader
from netops.model import Poll
from netops.report import issue
from netops.sign import Signer
from netops.sla import calendar
from netops.spool import Spool
from netops.store.memory import Memory
from netops.web.server import Server
from netops.witness.desk import Desk
from netops.witness.service import Application
from tests.netops.instances import founded, how_to_city

HOUR, M = 3_600_000, 60_000
START = 1_790_784_000_000


class Clock:
    def __init__(self):
        self.at_ms = START + 31 * M

    def now_ms(self):
        return self.at_ms

    def monotonic(self):
        return time.monotonic()


class Idle:
    """A scheduler that leaves the jobs to the test."""

    def __init__(self, *_, **__):
        self.failures = {}

    def start(self):
        pass

    stop = start


class Frail(Memory):
    down = False

    def write(self, polls):
        if self.down:
            raise StoreError("store: connection refused")
        super().write(polls)


def alone(made, act):
    """Return the act as the scheduler does it: the drain, which runs all the time, waits meanwhile."""

    def done(*words):
        with made._acting:
            return act(*words)

    return done


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A core that runs over the how-to's city, its collector's spool, and a store that can be down."""
    settings = founded(tmp_path)
    with Register(settings.register_url, rehearsal=False) as register:
        register.apply(read_city(how_to_city(tmp_path)), at_ms=START - 24 * HOUR, now_ms=START - 24 * HOUR)
    store = Frail()
    monkeypatch.setattr(core, "open_store", lambda *_, **__: store)
    monkeypatch.setattr(core, "Scheduler", Idle)
    made = core.Core(settings, clock=Clock())
    for name in ("_correct", "_tell_late", "_tell_open", "_seal_hours", "_show", "_read_register"):
        monkeypatch.setattr(made, name, alone(made, getattr(made, name)))
    with Spool(settings.data.dir / "spool" / "collect.db", source="collect") as spool:
        made.start()
        try:
            yield made, spool, store, settings
        finally:
            made.stop()


def silent(slots):
    at = [START + n * M for n in slots]
    return [wire.encode(Poll(device="ac-1", slot_ms=s, at_ms=s, outcome="no_answer", rows=(), raw=b"")) for s in at]


def until(ask):
    end = time.monotonic() + 20
    while not ask():
        assert time.monotonic() < end
        time.sleep(0.02)


def hours(settings):
    with LedgerReader(settings.data.dir / "ledger.db") as ledger:
        return [leaf.fact.body for leaf in ledger.find("availability_hour")]


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


class KilledError(BaseException):
    """The process is gone: nothing in it may catch this."""


def killed(*_, **__):
    raise KilledError


def test_what_two_persons_did_not_allow_is_isolated_and_its_refusal_sealed(house):
    """Whoever may write the web's spool may make up names and roles; the accounts know better."""
    made, _, _, settings = house
    now = made._clock.at_ms
    terms = {"contract": "wifi-2026", "class": "maintenance", "services": ["*"], "start_ms": now, "end_ms": now + HOUR}
    asked = approvals.ask("exclusion", terms=terms, by="ghost", role="operator", reason="x", now_ms=now)
    with Spool(settings.data.dir / "spool" / "web.db", source="web") as web:
        facts.submit(web, *asked)
        facts.submit(web, Fact(kind="staff_action", at_ms=now, body={"action": "a", "subject": "s", "by": "b"}))
    until(lambda: made._taken["isolated"] == 2 and made._taken["facts"] >= 1)

    with LedgerReader(settings.data.dir / "ledger.db") as ledger:
        told = {leaf.fact.body["what"]: leaf.fact.body["reason"] for leaf in ledger.find("fact_refused")}
        assert not list(ledger.find("exclusion_claim")) + list(ledger.find("approval_request"))
        assert len(list(ledger.find("staff_action"))) == 1
    assert "no such account" in told["exclusion_claim"]
    assert [why for _, why in made._drain.quarantined()] == [told["exclusion_claim"], told["approval_request"]]


def test_a_carriers_refused_note_is_sealed_and_nobody_but_the_citys_desk_says_that_there_was_one(house):
    """The receipt is then a proof of that leaf under the checkpoint of the next minute."""
    made, _, _, settings = house
    told = {"digest": "ab" * 32, "by": "carrier-a/disputes", "reason": "it is late"}
    for name in ("cli", "web"):
        with Spool(settings.data.dir / "spool" / f"{name}.db", source=name) as spool:
            facts.submit(spool, Fact(kind="note_refused", at_ms=made._clock.at_ms, body=told))
    until(lambda: made._taken["isolated"] == 1 and made._taken["facts"] >= 1)
    with pytest.raises(receipts.PendingError, match="waits for its checkpoint"):
        receipts.made(settings, told["digest"])
    with made._acting:
        made._ledger.checkpoint(now_ms=made._clock.at_ms)
    with LedgerReader(settings.data.dir / "ledger.db") as ledger:
        (leaf,) = ledger.find("note_refused")

    assert (leaf.fact.body, leaf.source.partition("/")[0]) == (told, "cli")
    assert receipts.made(settings, told["digest"]).startswith(b"c2sp.org/tlog-proof@v1\nextra ")


@pytest.fixture
def window(house, monkeypatch):
    """The window of a report that nobody objects to, and a core that looks after some days: what it stated by then."""
    made, _, _, settings = house
    issued = {"report": "r", "contract": "wifi-2026", "start_ms": START - 24 * HOUR, "end_ms": START, "revision": 1}
    issued |= {"digest": "0" * 64, "manifest_digest": "0" * 64, "leaves": 0}
    with made._acting:
        fact = Fact(kind="report_issued", at_ms=START, body=issued)
        made._ledger.append([LedgerEntry("report:r", 0, fact)], now_ms=START)
    (job,) = [each for each in made._jobs() if each.name == "disputes"]
    monkeypatch.setattr(made._ear, "_synchronised", lambda: True)

    def after(days):
        made._clock.at_ms = START + days * 24 * HOUR
        until(lambda: made._caught_up_ms == made._heard_ms == made._clock.at_ms)
        job.run(0)
        with LedgerReader(settings.data.dir / "ledger.db") as ledger:
            return [leaf.fact.body["by"] for leaf in ledger.find("report_accepted")]

    return after


def test_a_window_that_nobody_used_is_over_once_however_often_the_core_looks(window, monkeypatch):
    """A report that nobody objects to would stay open for ever if somebody had to say so."""
    monkeypatch.setattr(listening, "SHORT_MS", 14 * 24 * HOUR)  # the core was there all the time between its looks

    assert [window(days) for days in (0, 13, 16, 17)] == [[], [], ["deadline"], ["deadline"]]


def test_a_core_that_was_not_there_when_a_window_ended_hears_first_who_speaks_on_the_next_working_day(window):
    assert [window(days) for days in (0, 13, 16)] == [[], [], []]


def test_the_core_seals_when_it_was_not_there_before_it_states_anything_by_it(window, house, monkeypatch):
    assert [window(days) for days in (0, 13, 16)] == [[], [], []]
    monkeypatch.setattr(listening, "SHORT_MS", 14 * 24 * HOUR)
    assert window(20) == ["deadline"]

    leaves = [*stated(house[-1], "listening_break"), *stated(house[-1], "report_accepted")]
    assert [leaf.fact.body.get("number") for leaf in leaves] == [0, 1, 2, None]
    assert [leaf.index for leaf in leaves] == sorted(leaf.index for leaf in leaves)


def test_a_core_whose_clock_nobody_keeps_states_no_silence_and_says_so(window, house, monkeypatch):
    monkeypatch.setattr(listening, "SHORT_MS", 14 * 24 * HOUR)
    assert window(0) == []
    monkeypatch.setattr(house[0]._ear, "_synchronised", lambda: False)

    with pytest.raises(UsageError, match=r"1 deadlines of disputes are over.*clock is synchronised"):
        window(16)
    monkeypatch.setattr(house[0]._ear, "_synchronised", lambda: True)
    assert window(17) == []


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


def stated(settings, kind):
    with LedgerReader(settings.data.dir / "ledger.db") as ledger:
        return sorted(ledger.find(kind), key=lambda leaf: leaf.index)


@pytest.fixture
def late(house, monkeypatch):
    """An hour of which a half came only after it was sealed, and people who may say something about it."""
    made, spool, _, settings = house
    with sql.Database(tables.url(settings)) as database:
        staff = Staff(database, Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)))
        for name, role in (("li.na", "operator"), ("zhao", "contract_manager")):
            once = staff.add(name, role=role, by="t", now_ms=START - M)
            staff.change(name, old=once, new="correct horse battery", address="::1", now_ms=START - M)
    spool.put("poll", silent(range(30)))
    made._clock.at_ms = START + HOUR + 10 * M
    until(lambda: made._taken["polls"] == 30 and made._ripe_until() >= START + HOUR)
    made._seal_hours(0)
    spool.put("poll", silent(range(30, 60)))
    until(lambda: made._taken["polls"] == 60)
    made._show()
    monkeypatch.setenv("NETOPS_TEST_WORD", "correct horse battery")
    monkeypatch.setattr("netops.commands.sla_correct.SYSTEM", made._clock)
    monkeypatch.setattr("netops.commands.approve.SYSTEM", made._clock)
    return house


def correct(settings, person="zhao", hour="2026-10-01T00:00"):
    config = settings.data.dir.parent / "netops.toml"
    words = ["sla", "correct", "--contract", "wifi-2026", "--hour", hour, "--reason", "polls came late"]
    return cli.main(["--config", str(config), *words, "--as", person, "--password", "env:NETOPS_TEST_WORD"])


def test_an_hour_is_stated_again_from_what_came_late_and_the_first_statement_stays(late):
    made, _, _, settings = late
    (before,) = hours(settings)
    assert before["usual"] == [[0, 30, "DOWN", "carrier", "parent:ac-1"]]
    assert "1 hours have samples that came after they were sealed" in made.health()["late samples"]

    assert correct(settings) == 0
    until(lambda: stated(settings, "correction"))
    made._correct()
    made._correct()
    made._show()

    (asked,) = stated(settings, "correction")
    first, again = hours(settings)
    assert first == before
    assert again == {**before, "usual": [[0, 60, "DOWN", "carrier", "parent:ac-1"]], "correction": asked.index}
    assert "late samples" not in made.health()


@pytest.mark.parametrize(("room", "step"), [("_journal", "restated"), ("_ledger", "append")])
def test_killed_between_a_correction_and_its_hour_the_core_states_it_once(late, monkeypatch, room, step):
    """Neither the hour is lost then, nor its sums for the pages, nor is it said for ever that it has late samples."""
    made, _, _, settings = late
    assert correct(settings) == 0
    until(lambda: stated(settings, "correction"))
    with made._acting, monkeypatch.context() as patch:
        patch.setattr(getattr(made, room), step, killed)
        with pytest.raises(KilledError):
            made._correct()
    made._correct()
    made._show()

    assert len(hours(settings)) == 2
    assert "late samples" not in made.health()


def test_the_ledger_is_told_what_came_late_whether_or_not_anybody_corrects_it(late):
    """Who picks the hours that are corrected could else pass over those that do not suit the city."""
    made, _, _, settings = late
    made._report(0)
    made._report(0)
    (told,) = stated(settings, "late_samples")
    body = told.fact.body
    vantage = made._settings.collect.vantage

    assert (body["contract"], body["start_ms"], body["services"]) == ("wifi-2026", START, len(hours_services(settings)))
    assert body["vantages"] == {vantage: body["samples"]}
    assert body["samples"] == 30 * body["services"]

    assert correct(settings) == 0
    until(lambda: stated(settings, "correction"))
    made._correct()
    made._report(0)
    assert len(stated(settings, "late_samples")) == 1
    assert stated(settings, "availability_hour")[-1].index > told.index


def test_killed_before_the_journal_notes_it_the_ledger_is_told_once_what_came_late(late, monkeypatch):
    made, _, _, settings = late
    with made._acting, monkeypatch.context() as patch:
        patch.setattr(made._journal, "told_late", killed)
        with pytest.raises(KilledError):
            made._hours.tell_late()
    made._clock.at_ms += M
    made._report(0)

    assert len(stated(settings, "late_samples")) == 1
    assert not stated(settings, "source_conflict")


def test_a_correction_takes_in_what_came_late_before_anybody_was_told(late):
    made, _, _, settings = late
    assert correct(settings) == 0
    until(lambda: stated(settings, "correction"))
    made._correct()

    (told,) = stated(settings, "late_samples")
    assert told.index < stated(settings, "availability_hour")[-1].index


def hours_services(settings):
    (body,) = [leaf.fact.body for leaf in stated(settings, "availability_roster")]
    return body["services"]


def lose_samples(made):
    """A journal from a backup knows less than was sealed: what was seen to be down would become unknown."""
    made._journal._open().execute("DELETE FROM sample WHERE slot_ms >= ?", (START + 29 * M,))
    return "fewer samples of 2026-09-30T16:00"


def lose_contract(made):
    seen = made._hours._register_at(START)
    made._hours._was = made._hours._was[0], replace(seen, contracts=())
    return "contract wifi-2026 is not in the register of 2026-09-30T16:00"


def lose_hour(made):
    made._clock.at_ms = START + 40 * 24 * HOUR
    return "the samples of 2026-09-30T16:00"


@pytest.mark.parametrize("lose", [lose_samples, lose_contract, lose_hour])
def test_a_correction_that_can_never_be_stated_is_refused_once_and_the_hour_stands(late, lose):
    """Its job had failed for ever, and every later correction with it."""
    made, _, _, settings = late
    assert correct(settings) == 0
    until(lambda: stated(settings, "correction"))
    why = lose(made)

    for _ in range(2):
        made._correct()
    (asked,), (refused,) = stated(settings, "correction"), stated(settings, "correction_refused")
    assert refused.fact.body["correction"] == asked.index
    assert refused.fact.body["reason"].startswith(why)
    assert refused.fact.body["reason"].endswith("stands as it was stated")
    assert len(hours(settings)) == 1


def test_who_may_not_correct_and_what_cannot_be_corrected_moves_nothing(late, capsys):
    made, _, _, settings = late
    assert correct(settings, person="li.na") != 0
    assert correct(settings, hour="2026-10-01T05:00") != 0
    assert correct(settings, hour="2026-10-01T00:30") != 0
    told = capsys.readouterr().err
    for why in ("the role 'operator' may not", "has no sealed hour at", "begins no hour"):
        assert why in told

    (hour,) = stated(settings, "availability_hour")
    made._journal.prune(START + HOUR)
    with Spool(settings.data.dir / "spool" / "cli.db", source="cli") as spool:
        for leaf, by in ((0, "zhao"), (10**6, "zhao"), (hour.index, "zhao"), (hour.index, "li.na")):
            body = {"corrects": leaf, "by": by, "reason": "r"}
            facts.submit(spool, Fact(kind="correction", at_ms=made._clock.at_ms, body=body))
    until(lambda: made._taken["isolated"] == 4)
    made._correct()

    assert correct(settings) == 1
    assert "the core refused the correction: the samples of that hour are not here any more" in capsys.readouterr().err
    assert not stated(settings, "correction")
    why = [leaf.fact.body["reason"] for leaf in stated(settings, "fact_refused")]
    assert [each[:30] for each in why] == [
        "leaf 0 is a service_state; exp",
        "there is no leaf 1000000",
        *["the samples of that hour are n"] * 3,
    ]
    assert len(hours(settings)) == 1


@pytest.fixture
def strict(monkeypatch):
    """The how-to's city, where the contract asks that late samples are taken in."""

    _city = how_to_city

    def city(folder):
        made = _city(folder)
        (path,) = (each for each in made.rglob("*.yaml") if each.read_text().startswith("contract:"))
        path.write_text(f"{path.read_text()}late_samples: correct\n")
        return made

    monkeypatch.setitem(globals(), "how_to_city", city)


@pytest.mark.usefixtures("strict")
def test_what_comes_late_after_its_month_is_closed_is_stated_again_and_a_revision_rests_on_it(house):
    """From the spool to the sealed revision, by a core that runs: nobody chooses which late samples count."""
    made, spool, _, settings = house
    over, first = START + 31 * 24 * HOUR, 31 * 24 * 60 - 60  # the end of the month, the slots of its last hour
    spool.put("poll", silent(range(first, first + 30)))
    made._clock.at_ms = over + 10 * M
    until(lambda: made._taken["polls"] == 30 and made._ripe_until() >= over)
    made._seal_hours(0)
    made._report(0)
    assert [leaf.fact.body["revision"] for leaf in stated(settings, "report_issued")] == [1]

    spool.put("poll", silent(range(first + 30, first + 60)))
    until(lambda: made._taken["polls"] == 60)
    made._report(0)  # it tells the ledger what came late
    made._clock.at_ms += M
    with Spool(settings.data.dir / "spool" / "cli.db", source="cli") as cli:
        asked = {"contract": "wifi-2026", "month": "2026-10"}
        facts.submit(cli, Fact(kind="report_asked", at_ms=made._clock.at_ms, body=asked))
    until(lambda: stated(settings, "report_asked"))
    with contextlib.suppress(NetopsError):  # it waits for the hour
        made._answer(0)
    assert [leaf.fact.body["revision"] for leaf in stated(settings, "report_issued")] == [1]
    made._correct()
    made._answer(0)

    (told,), (correction,) = stated(settings, "late_samples"), stated(settings, "correction")
    assert (correction.fact.body["by"], correction.index > told.index) == ("contract", True)
    assert [len(body["usual"]) and body["usual"][0][1] for body in hours(settings)] == [30, 60]
    assert [leaf.fact.body["revision"] for leaf in stated(settings, "report_issued")] == [1, 2]
