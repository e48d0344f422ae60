"""Two persons: what counts is derived from facts by rules, not by who managed to write them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netops import facts
from netops.access import approvals, record
from netops.access.permissions import ROLES
from netops.errors import AccessError, UsageError
from netops.facts import Fact
from netops.spool import Spool

NOW = 1_790_000_000_000
WINDOW = {
    "contract": "wifi-a",
    "class": "planned",
    "services": ["wifi-0001"],
    "start_ms": NOW + 86_400_000,
    "end_ms": NOW + 90_000_000,
}
OPEN = {"sites": ["site-1"], "start_ms": NOW, "end_ms": NOW + 3_600_000}


def asked(by="li.na", role="operator", action="exclusion", terms=WINDOW, reason="更换控制器"):
    return approvals.ask(action, terms=terms, by=by, role=role, reason=reason, now_ms=NOW)


def fold(made):
    return next(iter(approvals.fold((fact, True) for fact in made).values()))


def decision(of, *, by="wang.min", role="contract_manager", what="approved", at=NOW + 1):
    return Fact(
        kind="approval_decision",
        at_ms=at,
        body={"request": of.request.id, "decision": what, "by": by, "role": role, "reason": ""},
    )


def test_a_request_waits_until_another_person_decides():
    made = asked()
    waiting = fold(made)
    fact = approvals.decide(waiting, "approved", by="wang.min", role="contract_manager", reason="", now_ms=NOW + 1)

    assert waiting.state == "pending"
    assert fold([*made, fact]).state == "approved"


def test_every_fact_of_a_request_is_of_the_ledgers_vocabulary():
    for made in (asked(), asked(action="fail_open", terms=OPEN)):
        for fact in made:
            facts.check(fact)
    facts.check(decision(fold(asked())))


@pytest.mark.parametrize(
    ("by", "role", "what", "why"),
    [
        ("li.na", "contract_manager", "approved", "second person"),
        ("wang.min", "operator", "approved", "role 'operator'"),
        ("wang.min", "auditor", "refused", "role 'auditor'"),
        ("wang.min", "no_such_role", "approved", "no_such_role"),
        ("wang.min", "contract_manager", "withdrawn", "only the person who asked"),
    ],
)
def test_who_may_not_decide_is_refused_and_a_fact_written_anyway_has_no_effect(by, role, what, why):
    made = asked()
    waiting = fold(made)
    with pytest.raises(AccessError, match=why):
        approvals.decide(waiting, what, by=by, role=role, reason="x", now_ms=NOW + 1)

    forged = fold([*made, decision(waiting, by=by, role=role, what=what)])

    assert forged.state == "pending"
    assert why in forged.void[0][1]


def test_the_first_decision_counts_and_the_second_is_void():
    made = asked()
    waiting = fold(made)
    both = fold([*made, decision(waiting, what="refused"), decision(waiting, by="zhao", at=NOW + 2)])

    assert both.state == "refused"
    assert both.void[0][0].by == "zhao"


def test_terms_changed_after_the_request_cannot_be_approved():
    made = asked()
    request = made[-1]
    wider = {**dict(request.body)["terms"], "end_ms": NOW + 900_000_000}
    forged = replace(request, body={**request.body, "terms": wider})

    with pytest.raises(AccessError, match="digest differs"):
        approvals.decide(fold([forged]), "approved", by="wang.min", role="contract_manager", reason="", now_ms=NOW + 1)


def test_a_second_request_under_a_known_id_changes_nothing():
    made = asked()
    again = replace(made[-1], body={**made[-1].body, "by": "somebody.else"})

    assert fold([*made, again]).request.by == "li.na"


def test_only_the_person_who_asked_withdraws():
    made = asked()
    fact = approvals.decide(fold(made), "withdrawn", by="li.na", role="operator", reason="", now_ms=NOW + 1)

    assert fold([*made, fact]).state == "withdrawn"


@pytest.mark.parametrize("role", sorted(set(ROLES) - {"operator", "contract_manager"}))
def test_a_role_that_may_not_ask_is_refused(role):
    with pytest.raises(AccessError, match="may not ask"):
        asked(role=role)


@pytest.mark.parametrize(
    ("action", "terms", "why"),
    [
        ("exclusion", {**WINDOW, "end_ms": WINDOW["start_ms"]}, "end after it begins"),
        ("exclusion", {**WINDOW, "services": []}, "services"),
        ("exclusion", {**WINDOW, "services": "all"}, "list"),
        ("exclusion", {**WINDOW, "contract": ""}, "contract"),
        ("exclusion", {**WINDOW, "class": "a\nb"}, "class"),
        ("exclusion", {**WINDOW, "start_ms": True}, "end after it begins"),
        ("exclusion", {k: v for k, v in WINDOW.items() if k != "class"}, "asked for with"),
        ("fail_open", {**OPEN, "end_ms": NOW + 72 * 3_600_000 + 1}, "72 hours"),
        ("fail_open", {**OPEN, "sites": "site-1"}, "list"),
        ("fail_open", {**OPEN, "sites": []}, "sites"),
        ("fail_open", {**OPEN, "sites": [f"s{n}" for n in range(1001)]}, "at most 1000"),
        ("fail_opne", OPEN, "did you mean 'fail_open'"),
    ],
)
def test_terms_that_say_nothing_sensible_are_refused(action, terms, why):
    with pytest.raises(UsageError, match=why):
        asked(action=action, terms=terms)


def recalled(*, by, role, at=NOW + 2, first="approved", action="fail_open"):
    made = asked(role="operator", action=action, terms=OPEN if action == "fail_open" else WINDOW)
    held = fold(made)
    second = "privacy_officer" if action == "fail_open" else "contract_manager"
    return fold(
        [
            *made,
            decision(held, what=first, role=second),
            decision(held, what="withdrawn", by=by, role=role, at=at),
        ]
    )


@pytest.mark.parametrize(
    ("by", "role"), [("li.na", "operator"), ("wang.min", "privacy_officer"), ("zhao", "admin")], ids=str
)
def test_what_opens_a_door_is_taken_back_by_who_asked_or_by_whoever_may_decide(by, role):
    held = recalled(by=by, role=role)

    assert held.state == "withdrawn"
    assert held.decision.decision == "approved"
    assert approvals.approved([held], "fail_open") == []
    with pytest.raises(AccessError, match="already decided: withdrawn"):
        approvals.decide(held, "approved", by="zhao", role="admin", reason="", now_ms=NOW + 3)


@pytest.mark.parametrize(
    ("held", "why"),
    [
        (recalled(by="chen", role="operator"), "may take it back"),
        (recalled(by="chen", role="auditor"), "may take it back"),
        (recalled(by="li.na", role="operator", at=NOW), "before it was allowed"),
        (recalled(by="li.na", role="operator", first="refused"), "already decided: refused"),
        (recalled(by="li.na", role="operator", action="exclusion"), "already decided: approved"),
    ],
    ids=["another-operator", "auditor", "before", "refused", "an-exclusion-stays"],
)
def test_nobody_else_takes_anything_back(held, why):
    assert held.state in {"approved", "refused"}
    assert why in held.void[0][1]


LOOK = {"session": "0" * 24, "basis": "case 2026-17", "start_ms": NOW, "end_ms": NOW + 86_400_000}


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({}, "the caller is 13800138000"),
        ({}, "the caller is +852 5123 4567"),
        ({"basis": "phone 13800138000"}, "asked by the police"),
        ({"basis": "id 110108199001011234"}, "asked by the police"),
        ({}, "device 02:00:00:00:00:01"),
    ],
)
def test_what_the_ledger_cannot_forget_names_nobody(terms, reason):
    with pytest.raises(UsageError, match="names somebody"):
        asked(action="disclosure", terms={**LOOK, **terms}, reason=reason)


@pytest.mark.parametrize(("action", "terms"), [("exclusion", WINDOW), ("fail_open", OPEN)])
def test_no_reason_names_anybody_whatever_is_asked_for(action, terms):
    with pytest.raises(UsageError, match="names somebody"):
        asked(action=action, terms=terms, reason="call 13800138000")
    waiting = fold(asked(action=action, terms=terms))

    with pytest.raises(UsageError, match="names somebody"):
        approvals.decide(
            waiting, "withdrawn", by="li.na", role="operator", reason="13800138000 says so", now_ms=NOW + 1
        )


def test_a_decision_on_a_person_names_nobody_either():
    waiting = fold(asked(action="disclosure", terms=LOOK))

    with pytest.raises(UsageError, match="names somebody"):
        approvals.decide(
            waiting, "approved", by="wang.min", role="privacy_officer", reason="he is 13800138000", now_ms=NOW + 1
        )


def test_a_look_at_a_person_is_decided_by_another_who_guards_privacy():
    waiting = fold(asked(action="disclosure", terms=LOOK))

    assert waiting.request.subject == LOOK["session"]
    for by, role in (("li.na", "privacy_officer"), ("wang.min", "admin"), ("wang.min", "contract_manager")):
        with pytest.raises(AccessError):
            approvals.decide(waiting, "approved", by=by, role=role, reason="", now_ms=NOW + 1)
    assert approvals.decide(waiting, "approved", by="wang.min", role="privacy_officer", reason="", now_ms=NOW + 1)


def test_a_look_at_a_person_is_over_in_a_week():
    with pytest.raises(UsageError, match="168 hours"):
        asked(action="disclosure", terms={**LOOK, "end_ms": NOW + 8 * 86_400_000})


def test_a_refusal_needs_a_reason():
    with pytest.raises(UsageError, match="reason"):
        approvals.decide(fold(asked()), "refused", by="wang.min", role="contract_manager", reason=" ", now_ms=NOW + 1)


def test_notice_is_counted_from_the_request_to_the_beginning():
    assert fold(asked()).request.notice_ms == 86_400_000


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["li.na", "wang.min", "zhao", "eve"]),
            st.sampled_from([*ROLES, "x"]),
            st.sampled_from(["approved", "refused", "withdrawn"]),
        ),
        max_size=8,
    )
)
def test_nothing_is_ever_approved_without_two_persons_and_the_right_role(tries):
    made = asked()
    waiting = fold(made)
    facts_ = [decision(waiting, by=by, role=role, what=what, at=NOW + n) for n, (by, role, what) in enumerate(tries)]

    end = fold([*made, *facts_])

    assert len(end.void) + (end.decision is not None) == len(
        {(d.body["by"], d.body["role"], d.body["decision"], d.at_ms) for d in facts_}
    )
    if end.state == "approved":
        assert end.decision.by != end.request.by
        assert end.decision.role == "contract_manager"


def test_waiting_facts_count_before_the_ledger_has_them(settings):
    made = asked()
    with Spool(record.spool_path(settings, "web"), source="web") as spool:
        facts.submit(spool, *made)
    waiting = record.read(settings)[made[-1].body["request"]]
    with Spool(record.spool_path(settings, "cli"), source="cli") as spool:
        facts.submit(spool, decision(waiting))

    after = record.read(settings)[waiting.request.id]

    assert (after.state, after.sealed) == ("approved", False)


def test_a_fact_seen_in_spool_and_ledger_counts_once(settings):
    from netops.ledger import Ledger, LedgerEntry

    made = asked()
    with Spool(record.spool_path(settings, "web"), source="web") as spool:
        facts.submit(spool, *made)
        fact = decision(fold(made))
        facts.submit(spool, fact)
        source = spool.source
    with Ledger(record.ledger_path(settings), origin="x/rehearsal", rehearsal=True) as ledger:
        ledger.append([LedgerEntry(source, n + 1, each) for n, each in enumerate([*made, fact])], now_ms=NOW)

    held = record.read(settings)[fold(made).request.id]

    assert (held.state, held.sealed, held.void) == ("approved", True, ())
