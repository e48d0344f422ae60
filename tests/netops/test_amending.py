"""What two persons decide about the register: the core carries it out once, states it, or says why not."""

from __future__ import annotations

import os
from dataclasses import replace
from types import SimpleNamespace

import pytest
from argon2 import PasswordHasher

from inventory import edits, sql
from inventory.edits import Edit, digest
from inventory.reading.folder import read_city
from inventory.register import Register
from inventory.snapshot import snapshot
from netops import amending, facts
from netops.access import approvals, tables
from netops.access.admission import Admission
from netops.access.passwords import Passwords
from netops.access.staff import Staff
from netops.errors import UsageError
from netops.facts import Fact
from netops.ledger import Ledger, LedgerEntry
from netops.speakers import SPEAKERS
from tests.netops.instances import founded, how_to_city

NOW = 1_790_784_000_000
HOUR = 3_600_000


@pytest.fixture
def house(tmp_path):
    settings = founded(tmp_path)
    with Register(settings.register_url, rehearsal=False) as register:
        register.apply(read_city(how_to_city(tmp_path)), at_ms=NOW - HOUR, now_ms=NOW - HOUR)
    with Ledger(settings.data.dir / "ledger.db", origin=settings.ledger_origin, rehearsal=False, signer=None) as ledger:
        yield settings, ledger


def site(settings, name="library"):
    with Register(settings.register_url, rehearsal=False, readonly=True) as register:
        return snapshot(register, at_ms=NOW + 10 * HOUR).site[name]


def renamed(settings, name):
    held = site(settings)
    return Edit(noun="site", id=held.id, before=digest(held), after=replace(held, name=name))


def decided(ledger, wanted, *, from_ms=0, at_ms=NOW, decision="approved", by="wang.min", role="contract_manager"):
    """Let one ask and another decide; return the request's name."""
    terms = amending.terms_of(wanted, from_ms=from_ms)
    made = approvals.ask("register_change", terms=terms, by="li.na", role="operator", reason="搬迁", now_ms=at_ms)
    name = made[0].body["request"]
    said = {"request": name, "decision": decision, "by": by, "role": role, "reason": ""}
    both = [*made, Fact(kind="approval_decision", at_ms=at_ms + 1, body=said)]
    first = ledger.size
    ledger.append([LedgerEntry("web/1", first + n, fact) for n, fact in enumerate(both, 1)], now_ms=at_ms + 2)
    return name


def step(house, now_ms=NOW + 10, health=None):
    settings, ledger = house
    return amending.step(settings, ledger, {} if health is None else health, now_ms=now_ms)


def outcomes(ledger):
    return [(leaf.fact.body["request"], leaf.fact.body["outcome"]) for leaf in ledger.find("register_change")]


def test_what_was_approved_is_in_the_register_and_in_the_ledger_once(house):
    settings, ledger = house
    name = decided(ledger, [renamed(settings, "新馆")])

    assert step(house) is True
    assert step(house, NOW + 20) is False

    assert site(settings).name == "新馆"
    (leaf,) = ledger.find("register_change")
    facts.check(leaf.fact)
    assert (leaf.fact.body["request"], leaf.fact.body["outcome"], leaf.fact.body["by"]) == (name, "applied", "wang.min")
    with Register(settings.register_url, rehearsal=False, readonly=True) as register:
        newest = register.applications(most=1)[0]
    assert (newest.request, newest.by, newest.reason, newest.recorded_ms) == (
        name, "li.na, wang.min", "搬迁", leaf.fact.body["revision"],
    )  # fmt: skip


@pytest.mark.parametrize(
    "kind",
    [
        {"decision": "refused"},
        {"by": "li.na"},
        {"role": "operator"},
        {"role": "viewer"},
    ],
    ids=["refused", "the same person", "a role that may not", "a viewer"],
)
def test_what_two_persons_did_not_allow_changes_nothing(house, kind):
    settings, ledger = house
    decided(ledger, [renamed(settings, "新馆")], **kind)

    assert step(house) is False
    assert site(settings).name != "新馆"


def test_a_core_that_died_between_register_and_ledger_states_what_it_did(house, monkeypatch):
    settings, ledger = house
    name = decided(ledger, [renamed(settings, "新馆")])
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "append", lambda *_, **__: (_ for _ in ()).throw(OSError("killed")))
        with pytest.raises(OSError, match="killed"):
            step(house)
    assert (site(settings).name, outcomes(ledger)) == ("新馆", [])

    step(house, NOW + 500)

    assert outcomes(ledger) == [(name, "applied")]
    with Register(settings.register_url, rehearsal=False, readonly=True) as register:
        assert len([each for each in register.applications(most=9) if each.request]) == 1


def test_the_second_of_two_changes_of_one_record_is_refused_by_name_and_stays_refused(house):
    settings, ledger = house
    first = decided(ledger, [renamed(settings, "甲馆")])
    second = decided(ledger, [renamed(settings, "乙馆")], at_ms=NOW + 5)

    step(house)
    step(house, NOW + 50)

    assert outcomes(ledger) == [(first, "applied"), (second, "refused")]
    reason = list(ledger.find("register_change"))[1].fact.body["reason"]
    assert "site 'library': has changed since the request was made" in reason
    assert site(settings).name == "甲馆"


def test_a_change_for_later_holds_from_then_on(house):
    settings, ledger = house
    decided(ledger, [renamed(settings, "新馆")], from_ms=NOW + HOUR)

    step(house)

    with Register(settings.register_url, rehearsal=False, readonly=True) as register:
        names = [snapshot(register, at_ms=at).site["library"].name for at in (NOW + HOUR - 1, NOW + HOUR)]
    assert names == [names[0], "新馆"]
    assert names[0] != "新馆"


def test_a_core_that_comes_late_carries_out_what_was_approved_in_time(house):
    settings, ledger = house
    name = decided(ledger, [renamed(settings, "新馆")], from_ms=NOW + HOUR)

    step(house, NOW + 5 * HOUR)

    assert outcomes(ledger) == [(name, "applied")]
    assert site(settings).name == "新馆"


def test_what_is_approved_after_it_was_to_hold_is_refused(house):
    settings, ledger = house
    name = decided(ledger, [renamed(settings, "新馆")], from_ms=NOW + 1)

    step(house)

    assert outcomes(ledger) == [(name, "refused")]
    assert site(settings).name != "新馆"


def test_a_core_that_may_not_write_the_register_says_what_waits_and_the_command_carries_it_out(
    house, monkeypatch, capsys
):
    from netops.commands import approve

    settings, ledger = house
    name = decided(ledger, [renamed(settings, "新馆")])
    may = os.access
    monkeypatch.setattr(approve, "SYSTEM", SimpleNamespace(now_ms=lambda: NOW + 20))
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, mode: mode != os.W_OK and may(path, mode))
        health = {}
        assert step(house, health=health) is False
        assert health == {"register changes": "1 approved; `netops approve apply` carries them out"}
        assert site(settings).name != "新馆"

        approve._apply(settings)
        assert f"{name}: applied" in capsys.readouterr().out
        assert site(settings).name == "新馆"

        assert step(house, health=health) is True
    assert (health, outcomes(ledger)) == ({}, [(name, "applied")])


def test_a_core_that_may_not_write_still_states_what_cannot_be(house, monkeypatch):
    settings, ledger = house
    name = decided(ledger, [replace(renamed(settings, "新馆"), before="0" * 64)])
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and may(path, mode))

    assert step(house) is True
    assert outcomes(ledger) == [(name, "refused")]


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ({"changes": [], "from_ms": 0}, "list of changes"),
        ({"changes": "x", "from_ms": 0}, "list of changes"),
        ({"changes": [1], "from_ms": 0}, "list of changes"),
        ({"changes": ["{}"], "from_ms": 0}, "no object of noun"),
        ({"changes": ["{}"], "from_ms": -1}, "instant in milliseconds"),
        ({"changes": ["{}"], "from_ms": True}, "instant in milliseconds"),
        ({"changes": ["x" * 3_000] * 20, "from_ms": 0}, "ask for fewer at a time"),
        ({"changes": ["x" * 4_001], "from_ms": 0}, "ask for fewer at a time"),
        ({"changes": ["{}"]}, "is asked for with changes, from_ms"),
    ],
)
def test_terms_that_are_no_change_are_refused(terms, why):
    with pytest.raises(UsageError, match=why):
        approvals.ask("register_change", terms=terms, by="li.na", role="operator", reason="x", now_ms=NOW)


def test_the_largest_request_fits_a_fact(house):
    settings, _ = house
    held = site(settings)
    many = [
        Edit(noun="site", id=f"s-{n}", before="", after=replace(held, id=f"s-{n}", name='"' * 60, address='"' * 60))
        for n in range(500)
    ]
    size, wanted = 0, []
    for each in many:
        size += len(edits.text(each).encode()) + edits.text(each).count('"') + edits.text(each).count("\\") + 2
        if size > approvals.MOST_CHANGES - 100:
            break
        wanted.append(each)
    terms = amending.terms_of(wanted)

    (fact,) = approvals.ask("register_change", terms=terms, by="li.na", role="operator", reason="由" * 2000, now_ms=NOW)

    assert len(facts.encode(fact)) <= facts.MAX_FACT
    assert len(wanted) > 50


def test_admission_takes_a_change_of_a_known_person_and_no_other(house):
    settings, ledger = house
    with sql.Database(tables.url(settings)) as database:
        cheap = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
        keeper = Staff(database, cheap)
        once = keeper.add("li.na", role="operator", by="t", now_ms=NOW - HOUR)
        keeper.change("li.na", old=once, new="correct horse battery", address="::1", now_ms=NOW - HOUR)
    gate = Admission(ledger, tables.url(settings))
    terms = amending.terms_of([renamed(settings, "新馆")])
    (good,) = approvals.ask("register_change", terms=terms, by="li.na", role="operator", reason="x", now_ms=NOW)
    forged = replace(good, body={**good.body, "request": "req-2", "subject": "req-2", "by": "nobody"})
    wider = replace(good, body={**good.body, "request": "req-3", "subject": "req-3", "terms": {**terms, "from_ms": 5}})

    said = gate.refuses([LedgerEntry("web/1", n, f) for n, f in enumerate((good, forged, wider), 1)], now_ms=NOW + 1)

    assert said[0] == ""
    assert said[1] == "there is no such account"
    assert "digest" in said[2]


def test_nobody_but_the_core_states_what_became_of_a_change():
    assert not [spool for spool, kinds in SPEAKERS.items() if "register_change" in kinds]
