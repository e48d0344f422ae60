"""Tokens: never more than their owner, dead with the account, nothing of them in the file."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from netops.access import tables, tokens
from netops.access.attempts import ThrottledError
from netops.access.permissions import ROLES, SELF
from netops.access.sealed import Seal
from netops.access.tokens import MOST, Tokens
from netops.errors import AccessError, UsageError

NOW = 1_790_000_000_000
DAY = 86_400_000
GOOD = "correct horse battery staple"


@pytest.fixture
def held(staff, database) -> Tokens:
    for name, role in (("wang.min", "operator"), ("li.na", "viewer")):
        once = staff.add(name, role=role, by="t", now_ms=NOW)
        staff.change(name, old=once, new=GOOD, address="::1", now_ms=NOW)
    return Tokens(database, Seal(bytes(32)))


@pytest.fixture
def make(held, staff):
    def made(name="wang.min", **more):
        return held.add(staff.account(name), title="billing", by="t", now_ms=NOW, **more)

    return made


def person(held, secret, now_ms=NOW, address="192.0.2.7"):
    return held.person(secret, address=address, now_ms=now_ms)


def test_a_token_speaks_in_its_owners_name_and_is_no_person(held, make):
    found = person(held, make()[0])

    assert (found.account, found.role, found.is_in) == ("wang.min", "operator", True)
    assert found.may("raw.see")
    assert not found.may(SELF)
    assert not found.may("approval.decide")


def test_the_file_holds_no_token(held, make, database):
    secret, _ = make()
    with database.read() as db:
        kept = str(db.execute(sa.select(tables.TOKEN)).all())

    assert secret not in kept
    assert secret.removeprefix(tokens.MARK) not in kept
    with pytest.raises(AccessError):
        person(Tokens(database, Seal(bytes([1]) * 32)), secret)


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_role_above_the_owners_is_refused(make, role):
    if ROLES[role] <= ROLES["operator"]:
        assert make(role=role)[1].role == role
    else:
        with pytest.raises(UsageError, match="may less than"):
            make(role=role)


def test_a_bound_token_may_nothing_else(held, make):
    found = person(held, make(only=["contract.see"])[0])

    assert [each for each in sorted(ROLES["operator"]) if found.may(each)] == ["contract.see"]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"only": ["approval.decide"]}, "has no permission 'approval.decide'"),
        ({"role": "amdin"}, "did you mean 'admin'"),
        ({"until_ms": NOW}, "expired already"),
    ],
)
def test_a_token_that_cannot_be_is_refused_with_what_may(make, more, why):
    with pytest.raises(UsageError, match=why):
        make(**more)


@pytest.mark.parametrize("title", ["", " ", "a" * 61, "a\nb", "\u202eevil"])
def test_a_token_says_what_it_is_for(held, staff, title):
    with pytest.raises(UsageError, match="what it is for"):
        held.add(staff.account("wang.min"), title=title, by="t", now_ms=NOW)


def test_a_token_ends_at_its_time_or_when_it_is_revoked(held, make):
    secret, made = make(until_ms=NOW + DAY)
    other, _ = make()
    assert person(held, secret, NOW + DAY - 1).account == "wang.min"
    with pytest.raises(AccessError):
        person(held, secret, NOW + DAY)
    with pytest.raises(UsageError, match="no token"):
        held.revoke(made.id, by="t", now_ms=NOW, account="li.na")
    held.revoke(made.id, by="t", now_ms=NOW)

    with pytest.raises(AccessError):
        person(held, secret)
    assert person(held, other).account == "wang.min"


@pytest.mark.parametrize("act", ["disable", "reset", "lower"])
def test_a_token_dies_at_once_with_what_it_rests_on(held, make, staff, database, act):
    secret, _ = make()
    if act == "lower":
        with database.write() as db:
            db.execute(sa.update(tables.ACCOUNT).values(role="viewer"))
    else:
        getattr(staff, act)("wang.min", by="t", now_ms=NOW)

    with pytest.raises(AccessError):
        person(held, secret)


def test_nobody_has_tokens_without_bound(held, make):
    for _ in range(MOST):
        make()

    with pytest.raises(UsageError, match=f"has {MOST} tokens"):
        make()
    assert make("li.na")[1].account == "li.na"


def test_when_it_was_used_last_is_kept_to_the_minute(held, make):
    secret, made = make()
    for at_ms in (NOW + 1000, NOW + 2000, NOW + 62_000):
        person(held, secret, at_ms)
    (kept,) = held.all("wang.min")

    assert (kept.id, kept.used_ms) == (made.id, NOW + 62_000)
    assert [each.id for each in held.all()] == [made.id]


@pytest.mark.parametrize("secret", ["", "netops_", "netops_" + "a" * 43, "\udcff" * 50, "a" * 100_000, "' OR 1=1 --"])
def test_what_is_no_token_is_nobodys(held, make, secret):
    make()

    with pytest.raises(AccessError, match="not valid"):
        person(held, secret)


def test_guessing_is_slowed_down_by_client_and_a_good_token_is_not(held, make):
    good, _ = make()
    for _ in range(21):
        with pytest.raises(AccessError, match="not valid"):
            person(held, "netops_guess")
    with pytest.raises(ThrottledError):
        person(held, "netops_guess")

    assert person(held, good).account == "wang.min"
    with pytest.raises(AccessError, match="not valid"):
        person(held, "netops_guess", address="198.51.100.1")


def test_what_was_done_with_tokens_is_kept(held, make, staff):
    _, made = make()
    held.revoke(made.id, by="admin", now_ms=NOW)

    assert [each.what for each in staff.events()][:2] == ["token revoked", "token added"]
