"""Before anything that people asked and decided is sealed, the rules and the accounts are asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from inventory import sql
from netops import facts
from netops.access import approvals, record, tables
from netops.access.admission import AHEAD_MS, WAIT_MS, Admission
from netops.access.passwords import Passwords
from netops.access.staff import Staff
from netops.errors import AccessError
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry
from netops.speakers import SPEAKERS, may_state
from netops.spool import Spool

NOW = 1_790_000_000_000
H = 3_600_000
CHEAP = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
TERMS = {
    "contract": "wifi-a",
    "class": "planned",
    "services": ["wifi-0001"],
    "start_ms": NOW + 24 * H,
    "end_ms": NOW + 25 * H,
}


@pytest.fixture(scope="module")
def accounts(tmp_path_factory):
    """A file, made once: six accounts that logged in an hour ago, and one that has only its one-time password."""
    url = f"sqlite:///{tmp_path_factory.mktemp('staff') / 'staff.db'}"
    sql.upgrade(tables.MIGRATIONS, url)
    with sql.Database(url) as database:
        staff = Staff(database, CHEAP)
        for name, role in (
            ("li.na", "operator"),
            ("wang.min", "contract_manager"),
            ("zhao", "contract_manager"),
            ("chen", "contract_manager"),
            ("eve", "viewer"),
            ("root", "admin"),
        ):
            first = staff.add(name, role=role, by="t", now_ms=NOW - 1000 * H)
            staff.change(name, old=first, new="a long enough pass phrase", address="::1", now_ms=NOW - 999 * H)
            staff.login(name, "a long enough pass phrase", address="::1", now_ms=NOW - H)
        staff.add("fresh", role="contract_manager", by="t", now_ms=NOW - 2 * H)
    return Path(url.removeprefix("sqlite:///")).read_bytes()


@pytest.fixture
def people(accounts, settings):
    """The accounts in this test's own database."""
    url = tables.url(settings)
    Path(url.removeprefix("sqlite:///")).write_bytes(accounts)
    with sql.Database(url) as database:
        yield Staff(database, CHEAP)


@pytest.fixture
def ledger(settings):
    with Ledger(record.ledger_path(settings), origin="x/rehearsal", rehearsal=True) as made:
        yield made


@pytest.fixture
def gate(ledger, people, settings):
    return Admission(ledger, tables.url(settings))


def asked(by="li.na", role="operator", at=NOW, **terms):
    return approvals.ask("exclusion", terms=TERMS | terms, by=by, role=role, reason="x", now_ms=at)


def decided(request, by="wang.min", role="contract_manager", what="approved", at=NOW + 1):
    body = {"request": request, "decision": what, "by": by, "role": role, "reason": ""}
    return Fact(kind="approval_decision", at_ms=at, body=body)


def entries(made, source="web/00000000", first=1):
    return [LedgerEntry(source, first + n, fact) for n, fact in enumerate(made)]


def name_of(made):
    return made[-1].body["request"]


def changed(fact, **fields):
    return replace(fact, body={**fact.body, **fields})


def refused(gate, ledger, made, now_ms=NOW + 10):
    """Take a batch as the core does; return the reasons."""
    given = entries(made, first=ledger.size + 1)
    reasons = gate.refuses(given, now_ms=now_ms)
    ledger.append([entry for entry, why in zip(given, reasons, strict=True) if not why], now_ms=now_ms)
    return reasons


def test_what_two_open_accounts_asked_and_decided_is_sealed(gate, ledger):
    made = asked()

    assert refused(gate, ledger, [*made, decided(name_of(made))]) == ["", "", ""]
    assert list(ledger.find("fact_refused")) == []


@pytest.mark.parametrize(
    ("decision", "why"),
    [
        ({"by": "li.na"}, "a second person must"),
        ({"by": "nobody"}, "no such account"),
        ({"by": "eve"}, "has the role 'viewer', not 'contract_manager'"),
        ({"by": "eve", "role": "viewer"}, "may not decide"),
        ({"by": "root", "role": "admin"}, "may not decide"),
        ({"by": "root"}, "has the role 'admin'"),
        ({"by": "fresh"}, "one-time password"),
        ({"at": NOW - 1}, "before it was asked for"),
        ({"at": NOW + 11 + AHEAD_MS}, "in the future"),
        ({"what": "withdrawn"}, "only the person who asked"),
        ({"at": NOW + 13 * H}, "in the future"),
    ],
)
def test_a_decision_that_the_rules_or_the_accounts_do_not_allow_is_refused(gate, ledger, decision, why):
    made = asked()
    *before, reason = refused(gate, ledger, [*made, decided(name_of(made), **decision)])
    (leaf,) = ledger.find("fact_refused")

    assert before == ["", ""]
    assert why in reason
    assert leaf.fact.body["reason"] == reason
    assert (leaf.fact.body["what"], leaf.fact.body["request"]) == ("approval_decision", name_of(made))
    assert not list(ledger.find("approval_decision"))


@pytest.mark.parametrize(
    ("forge", "why"),
    [
        (lambda claim, request: [claim, changed(request, by="nobody")], "by the same person"),
        (lambda claim, request: [claim, changed(request, role="contract_manager")], "has the role 'operator'"),
        (lambda claim, request: [claim, changed(request, role="viewer")], "may not ask"),
        (lambda claim, request: [claim, changed(request, digest="0" * 64)], "digest"),
        (lambda claim, request: [claim, changed(request, terms={**TERMS, "end_ms": NOW + 99 * H})], "digest"),
        (lambda _, request: [request], "no claim of the same name"),
        (lambda claim, request: [changed(claim, end_ms=NOW + 99 * H), request], "no claim of the same name and terms"),
        (lambda claim, request: [claim, changed(request, action="nothing")], "nothing that two persons decide"),
        (lambda claim, request: [claim, request, changed(request, reason="y")], "already"),
        (lambda claim, _: [claim, changed(claim, services=["all"])], "already"),
        (lambda claim, _: [changed(claim, services=[])], "services"),
        (lambda claim, _: [changed(claim, by="nobody")], "no such account"),
        (lambda claim, _: [changed(claim, by="eve")], "may not state this"),
    ],
)
def test_a_request_or_claim_that_they_do_not_allow_is_refused(gate, ledger, forge, why):
    *_, reason = refused(gate, ledger, forge(*asked()))

    assert why in reason
    assert len(list(ledger.find("fact_refused"))) == 1


def test_a_second_decision_is_refused_whatever_it_says(gate, ledger):
    made = asked()
    name = name_of(made)
    reasons = refused(gate, ledger, [*made, decided(name, what="refused"), decided(name, by="zhao"), decided(name)])

    assert [bool(each) for each in reasons] == [False, False, False, True, True]
    assert "has already decided: refused" in reasons[3]


def test_who_was_disabled_or_not_logged_in_at_that_time_decides_nothing(gate, ledger, people):
    made = asked()
    people.disable("wang.min", by="t", now_ms=NOW + 5)
    early, late = decided(name_of(made), at=NOW + 4), decided(name_of(made), at=NOW + 6)

    assert "was disabled" in refused(gate, ledger, [*made, late])[-1]
    assert refused(gate, ledger, [early])[-1] == ""  # what he decided before stands, though it comes in later

    again = asked(at=NOW + 20 * H)
    assert "was not logged in" in refused(gate, ledger, again, now_ms=NOW + 20 * H)[0]


def test_an_account_that_was_reset_speaks_again_only_after_a_new_password(gate, ledger, people):
    made = asked()
    first = people.reset("wang.min", by="t", now_ms=NOW + 1)
    assert "one-time password" in refused(gate, ledger, [*made, decided(name_of(made), at=NOW + 2)])[-1]

    people.change("wang.min", old=first, new="another long pass phrase", address="::1", now_ms=NOW + 3)
    assert refused(gate, ledger, [decided(name_of(made), at=NOW + 4)]) == [""]


def test_what_is_asked_again_is_answered_the_same(gate, ledger, people):
    """A drain that died between sealing and its cursor repeats the batch; an account may have changed meanwhile."""
    made = asked()
    good, bad = decided(name_of(made)), decided(name_of(made), by="nobody")
    given = entries([*made, bad, good])
    first = gate.refuses(given, now_ms=NOW + 10)
    ledger.append([entry for entry, why in zip(given, first, strict=True) if not why], now_ms=NOW + 10)
    people.disable("wang.min", by="t", now_ms=NOW)
    size = ledger.size

    assert gate.refuses(given, now_ms=NOW + 20) == first
    assert ledger.size == size


def test_a_decision_waits_for_a_request_in_another_spool_but_not_for_ever(gate, ledger):
    made = asked()
    early = entries([decided(name_of(made))], source="cli/00000000")
    with pytest.raises(AccessError, match="there is no request"):
        gate.refuses(early, now_ms=NOW + 10)

    assert refused(gate, ledger, made) == ["", ""]
    assert gate.refuses(early, now_ms=NOW + 20) == [""]

    stray = entries([decided("req-none")], source="cli/00000000", first=9)
    with pytest.raises(AccessError):
        gate.refuses(stray, now_ms=NOW + 30)
    assert "no request" in gate.refuses(stray, now_ms=NOW + 30 + WAIT_MS)[0]


@pytest.fixture
def real(settings, people):
    with Ledger(settings.data.dir / "real.db", origin="x", rehearsal=False) as made:
        yield Admission(made, tables.url(settings))


def test_a_word_of_long_ago_is_not_heard_unless_nobody_was_there_to_hear_it(real, people):
    """Whoever writes into a spool could else decide as an account that was shut long since."""
    made = asked()
    given = entries([*made, decided(name_of(made))])
    people.disable("wang.min", by="t", now_ms=NOW + 5)

    told = real.refuses(given, now_ms=NOW + 90 * 24 * H)
    assert told == ["it says that it was made 2160 hours before it was heard", told[1]]
    assert told[1].startswith("there is no claim"), "what rests on it falls with it"

    made = asked(start_ms=NOW + 26 * H, end_ms=NOW + 27 * H)
    real.breaks = lambda now_ms: ((NOW + 10, now_ms - H),)
    later = entries(made, first=20)
    assert real.refuses(later, now_ms=NOW + 10 * 24 * H) == ["", ""]


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        ("incident_taken", {"by": "13800138000"}, "a name has"),
        ("incident_taken", {"by": " wang"}, "not written as it would be"),
        ("alerts_muted", {"until_ms": NOW + 400 * 24 * H}, "a week at most"),
        ("alerts_muted", {"reason": " "}, "no reason"),
        ("alerts_muted", {"reason": "x "}, "not written as it would be"),
    ],
)
def test_a_word_on_alerts_that_no_page_would_write_is_not_sealed(gate, kind, body, why):
    whole = {"incident": "i", "by": "wang", "way": "link", "link": "ops"}
    if kind == "alerts_muted":
        whole = {"root": "*", "until_ms": NOW + H, "by": "li.na", "reason": "x"}
    fact = Fact(kind=kind, at_ms=NOW, body=whole | body)

    assert why in gate.refuses([LedgerEntry("web/00000000", 1, fact)], now_ms=NOW)[0]


def test_a_link_takes_on_no_incident_that_there_is_not(gate, ledger):
    fact = Fact(kind="incident_taken", at_ms=NOW, body={"incident": "i-9", "by": "wang", "way": "link"})
    entry = LedgerEntry("web/00000000", 1, fact)
    with pytest.raises(AccessError, match="no incident 'i-9'"):
        gate.refuses([entry], now_ms=NOW)

    assert gate.refuses([entry], now_ms=NOW + WAIT_MS) == ["there is no incident 'i-9'"]


def test_many_words_on_nothing_wait_together_and_hold_back_nobody_who_spoke_before(gate):
    """One after the other they would have waited twice as long each: 20 of them for longer than a year."""
    words = [*asked(), *(decided(f"req-none{n}") for n in range(20)), *asked(at=NOW + 1)]
    given = entries(words, source="cli/00000000")
    first = len(asked())

    assert gate.refuses(given, now_ms=NOW + 10) == [""] * first
    behind = given[first:]
    with pytest.raises(AccessError):
        gate.refuses(behind, now_ms=NOW + 10 + WAIT_MS - 1)
    told = gate.refuses(behind, now_ms=NOW + 10 + WAIT_MS)
    assert len(told) == len(behind)
    assert all("no request" in why for why in told[:20])
    assert told[20:] == [""] * first


def test_what_waited_long_is_refused_though_its_batch_has_to_wait_again(gate, people, monkeypatch):
    """A word that was due for its refusal waited anew whenever another one in its batch failed."""
    stray = entries([decided("req-none")], source="cli/00000000")
    with pytest.raises(AccessError):
        gate.refuses(stray, now_ms=NOW + 10)
    later = [*stray, *entries(asked(), source="cli/00000000", first=2)]
    with monkeypatch.context() as patch:
        patch.setattr(
            "netops.access.admission.look", lambda *_, **__: (_ for _ in ()).throw(AccessError("no accounts"))
        )
        with pytest.raises(AccessError, match="no accounts"):
            gate.refuses(later, now_ms=NOW + 10 + WAIT_MS)

    assert "no request" in gate.refuses(later, now_ms=NOW + 11 + WAIT_MS)[0]


def test_accounts_that_cannot_be_read_make_the_batch_wait(ledger, settings):
    with pytest.raises(AccessError, match="cannot be read"):
        Admission(ledger, "sqlite:////nowhere/staff.db").refuses(entries(asked()), now_ms=NOW)
    assert ledger.size == 0


def test_other_facts_pass_without_a_look_at_the_accounts(ledger):
    fact = Fact(kind="service_state", at_ms=NOW, body={"service": "web", "state": "started", "version": "1"})

    assert Admission(ledger, "sqlite:////nowhere/staff.db").refuses(entries([fact]), now_ms=NOW) == [""]


def test_a_refused_decision_no_longer_counts_on_the_page(gate, ledger, settings):
    made = asked()
    assert refused(gate, ledger, made) == ["", ""]
    with Spool(record.spool_path(settings, "web"), source="web") as spool:
        facts.submit(spool, decided(name_of(made), by="nobody"))
        source = spool.source
    assert record.read(settings)[name_of(made)].state == "approved"

    forged = [LedgerEntry(source, 1, decided(name_of(made), by="nobody"))]
    assert gate.refuses(forged, now_ms=NOW + 10) != [""]
    assert record.read(settings)[name_of(made)].state == "pending"


def test_junk_in_a_spool_does_not_close_the_page(settings):
    made = asked()
    with Spool(record.spool_path(settings, "web"), source="web") as spool:
        spool.put("fact", [b"junk", b"{}"])
        facts.submit(spool, *made)

    assert record.read(settings)[name_of(made)].state == "pending"


# ---- the dispute over a report

ISSUED = {
    "report": "wifi-a-2026-08",
    "contract": "wifi-a",
    "start_ms": NOW - 900 * H,
    "end_ms": NOW - 200 * H,
    "revision": 0,
    "digest": "0" * 64,
    "manifest_digest": "0" * 64,
    "leaves": 1,
    "amount": "100.00",
    "currency": "CNY",
}
CLAIM = {"claim": "c-1", **TERMS, "reason": "x", "by": "li.na"}


def said(kind, by="wang.min", at=NOW, **body):
    words = {
        "objection": {
            "objection": "o-1",
            "report": ISSUED["report"],
            "code": "claim_refused",
            "target": "c-1",
            "reason": "x",
        },
        "rebuttal": {"objection": "o-1", "stance": "rejected", "reason": "x"},
        "ruling": {"objection": "o-1", "outcome": "upheld", "reason": "x"},
        "report_accepted": {"report": ISSUED["report"], "digest": ISSUED["digest"]},
        "report_final": {"report": ISSUED["report"], "digest": "0" * 64, "amount": "100.00", "currency": "CNY"},
        "report_settled": {"report": ISSUED["report"], "amount": "100", "currency": "CNY"},
        "correction": {"corrects": 0, "reason": "x"},
    }[kind]
    return Fact(kind=kind, at_ms=at, body={**words, "by": by, **body})


ANSWERED = (said("objection"), said("rebuttal", by="zhao"))
FINAL = (said("report_accepted"), said("report_final"))
CAME = Fact(kind="note_received", at_ms=NOW, body={"digest": "a" * 64, "by": "a/disputes", "report": ISSUED["report"]})


@pytest.fixture
def issued(ledger):
    told = [("exclusion_claim", CLAIM), ("exclusion_claim", CLAIM | {"claim": "c-2"}), ("report_issued", ISSUED)]
    facts = [Fact(kind=kind, at_ms=NOW - 100 * H, body=body) for kind, body in told]
    ledger.append([LedgerEntry("core", number, fact) for number, fact in enumerate(facts)], now_ms=NOW)


@pytest.mark.usefixtures("issued")
def test_a_dispute_between_two_contract_managers_is_sealed_in_its_order(gate, ledger):
    made = [
        said("objection"),
        said("rebuttal", by="zhao"),
        said("ruling", by="chen", outcome="dismissed"),
        said("report_accepted"),
        said("report_final", by="zhao"),
        said("report_settled"),
    ]

    assert refused(gate, ledger, made) == [""] * len(made)
    assert not list(ledger.find("fact_refused"))


@pytest.mark.usefixtures("issued")
@pytest.mark.parametrize(
    ("made", "why"),
    [
        ([said("ruling")], "no objection 'o-1'"),
        ([said("rebuttal")], "no objection 'o-1'"),
        ([said("objection"), said("ruling", by="zhao")], "not answered yet"),
        ([*ANSWERED, said("ruling")], "a second person"),
        ([*ANSWERED, said("ruling", by="zhao")], "another person must rule"),
        ([said("objection"), said("rebuttal")], "a second person"),
        ([*ANSWERED, said("ruling", by="chen"), said("ruling", by="chen", outcome="dismissed")], "already"),
        ([*ANSWERED, said("rebuttal", by="chen", stance="accepted")], "answered already"),
        ([said("objection"), said("objection", by="zhao", target="c-2")], "already"),
        ([said("objection"), said("objection", objection="o-2")], "the same objection was made already: 'o-1'"),
        ([said("objection", target="c-3")], "no claim 'c-3'"),
        ([said("objection", code="late")], "code 'late' is unknown"),
        ([said("objection", code="fact", target="c-1")], "said of one leaf"),
        ([said("objection", code="fact", target="leaf:99")], "no leaf 99"),
        ([said("objection", code="cause", target=f"incident:w@{ISSUED['end_ms']}")], "does not begin in the period"),
        (
            [said("objection", code="calculation", target=f"interval:1-{ISSUED['end_ms']}")],
            "does not lie in the period",
        ),
        ([*ANSWERED, said("ruling", by="nobody")], "no such account"),
        ([*ANSWERED, said("ruling", by="fresh")], "one-time password"),
        ([*ANSWERED, said("ruling", by="li.na")], "the role 'operator' may not"),
        ([*ANSWERED, said("ruling", by="root")], "the role 'admin' may not"),
        ([*ANSWERED, said("ruling", by="deadline")], "the core states by itself"),
        ([*ANSWERED, said("ruling", by="chen", due_ms=1)], "the core states by itself"),
        ([*ANSWERED, said("ruling", by="chen", outcome="partly_upheld")], "a part is upheld in minutes"),
        ([*ANSWERED, said("ruling", by="chen", minutes=3)], "a part is upheld in minutes"),
        ([*ANSWERED, said("ruling", by="chen"), said("report_final")], "the revision that follows it first"),
        ([said("report_final")], "its window is open"),
        ([said("report_accepted"), said("report_final", digest="1" * 64)], "the digest is not"),
        ([said("report_accepted"), said("report_final", amount="99.00")], "sealed with: 100.00 CNY"),
        ([said("report_accepted"), CAME, said("report_final")], "came in and nobody looked at it"),
        ([said("report_accepted"), said("report_settled")], "it is accepted, and a report_settled has no place"),
        ([*FINAL, said("report_settled", amount="99.99")], "owes: 100.00 CNY"),
        ([*FINAL, said("report_settled", currency="USD")], "owes: 100.00 CNY"),
        ([*FINAL, said("report_settled"), said("report_settled")], "settled already"),
        ([*FINAL, said("objection")], "it is final"),
        ([said("objection", by="eve")], "the role 'viewer' may not"),
        ([said("objection", report="wifi-a-1999-01")], "no report"),
        ([said("report_accepted", report="wifi-b-2026-08")], "no report"),
        ([said("report_settled", report="wifi-b-2026-08")], "no report"),
        ([*FINAL, said("report_settled", by="li.na")], "may not"),
        ([said("correction", corrects=10**6)], "no leaf 1000000"),
        ([said("objection", at=NOW + 11 + AHEAD_MS)], "in the future"),
        ([said("objection", at=NOW - 20 * H)], "not logged in"),
    ],
)
def test_what_a_spools_writer_cannot_say_alone_is_refused_and_the_refusal_sealed(gate, ledger, made, why):
    *before, reason = refused(gate, ledger, made)
    (leaf,) = ledger.find("fact_refused")

    assert before == [""] * (len(made) - 1)
    assert why in reason
    assert leaf.fact.body["what"] == made[-1].kind
    assert leaf.fact.body.get("request", "") in ("o-1", "o-2", *(str(made[-1].body.get("report", "")),))


@pytest.mark.usefixtures("issued")
def test_a_ruling_on_a_refused_objection_is_refused_with_it(gate, ledger):
    assert all(refused(gate, ledger, [said("objection", by="nobody"), said("ruling", by="zhao")]))


@pytest.mark.parametrize("spool", sorted(SPEAKERS))
@pytest.mark.parametrize("kind", ["register_applied", "availability_hour", "fact_refused", "verdict", "report_issued"])
def test_what_the_core_alone_states_comes_through_no_spool(spool, kind):
    assert not may_state(spool, kind, rehearsal=False)
    assert not may_state(spool, kind, rehearsal=True)
