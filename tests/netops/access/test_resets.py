"""Second factors are reset by two persons, none of them whose they are; once, and late rather than never."""

from __future__ import annotations

import pyotp
import pytest

from netops import facts
from netops.access import approvals, resets
from netops.access.factors import Factors
from netops.access.resets import ACTION, WITHIN_MS
from netops.access.sealed import Seal
from netops.access.sessions import Sessions
from netops.access.steps import Held
from netops.errors import AccessError, UsageError
from netops.facts import Fact

NOW = 1_790_000_010_000


@pytest.fixture
def held(staff) -> Factors:
    """Three accounts; wang.min has one-time codes."""
    for name, role in (("wang.min", "contract_manager"), ("li.na", "operator"), ("root", "admin")):
        staff.add(name, role=role, by="t", now_ms=NOW)
    made = Factors(staff, Seal(bytes(32)))
    _codes(made)
    return made


def _codes(held: Factors, at_ms: int = NOW) -> None:
    offer = held.offer("wang.min", issuer="city", now_ms=at_ms)
    code = pyotp.TOTP(offer.secret).at(at_ms // 1000)
    held.take_up("wang.min", offer.sealed, code, address="192.0.2.7", now_ms=at_ms)


def asked(by="li.na", role="operator", account="wang.min"):
    return approvals.ask(ACTION, terms={"account": account}, by=by, role=role, reason="手机丢失", now_ms=NOW)


def decided(made, by="root", role="admin", what="approved"):
    body = {"request": made[0].body["request"], "decision": what, "by": by, "role": role, "reason": ""}
    return [*made, Fact(kind="approval_decision", at_ms=NOW + 1, body=body)]


def fold(made):
    return approvals.fold((fact, True) for fact in made).values()


def step(held, made, at_ms=NOW + 2):
    return resets.step(fold(made), held, now_ms=at_ms)


def test_what_one_asked_and_another_approved_is_carried_out_once_and_stated(held):
    secret = Sessions(held.database).begin("wang.min", now_ms=NOW)
    made = decided(asked())
    (told,) = step(held, made)
    facts.check(told)

    assert held.held("wang.min") == Held()
    assert Sessions(held.database).person(secret, now_ms=NOW) is None
    assert told.body == {
        "action": "second factors reset",
        "subject": "wang.min",
        "by": "root",
        "detail": made[0].body["request"],
    }
    _codes(held, NOW + 60_000)
    assert step(held, made, NOW + 60_000) == []
    assert held.held("wang.min").codes, "what was set up since is not forgotten by the same decision"


@pytest.mark.parametrize("what", ["refused", "pending", "withdrawn"])
def test_what_nobody_approved_is_not_carried_out(held, what):
    made = asked()
    if what != "pending":
        made = decided(made, by="li.na" if what == "withdrawn" else "root", what=what)

    assert step(held, made) == []
    assert held.held("wang.min").codes


@pytest.mark.parametrize(("request_by", "decided_by"), [("wang.min", "root"), ("li.na", "wang.min"), ("root", "root")])
def test_nobody_has_a_say_in_the_own_factors_and_no_one_alone(held, request_by, decided_by):
    """Whatever the role: an administrator's own factors are reset by two others."""
    body = dict(asked()[0].body) | {"by": request_by, "role": "admin"}
    made = decided([Fact(kind="approval_request", at_ms=NOW, body=body)], by=decided_by)
    (approval,) = fold(made)

    assert approval.state == "pending"
    assert approval.void[0][1]
    assert step(held, made) == []
    with pytest.raises(AccessError):
        approvals.decide(approval, "approved", by=decided_by, role="admin", reason="", now_ms=NOW)


def test_nobody_asks_for_the_own_factors():
    with pytest.raises(AccessError, match="two others must ask and decide"):
        asked(by="wang.min", role="admin")


@pytest.mark.parametrize("role", ["viewer", "auditor", "carrier", "contract_manager"])
def test_roles_that_have_no_say_neither_ask_nor_approve(held, role):
    with pytest.raises(AccessError, match=f"the role '{role}' may not ask"):
        asked(role=role)
    (approval,) = fold(decided(asked(), role=role))

    assert approval.state == "pending"


def test_a_decision_of_a_day_ago_that_nobody_carried_out_says_nothing_of_today(held):
    made = decided(asked())

    assert step(held, made, NOW + 1 + WITHIN_MS) == []
    assert len(step(held, made, NOW + WITHIN_MS)) == 1


@pytest.mark.parametrize("account", ["li.na", "nobody", ""])
def test_who_has_no_second_factor_is_not_asked_for(held, account):
    with pytest.raises(UsageError, match="that has a second factor"):
        resets.check(held, account)


@pytest.mark.parametrize("terms", [{}, {"account": 3}, {"account": ""}, {"account": "a", "start_ms": 1}])
def test_terms_that_name_no_account_are_refused(terms):
    with pytest.raises(UsageError):
        approvals.check(ACTION, terms)
