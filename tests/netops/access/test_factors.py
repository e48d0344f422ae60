"""One-time codes and recovery codes: taken once, by one, slowly; nothing in the file proves anybody."""

from __future__ import annotations

import dataclasses
import threading

import pyotp
import pytest
import sqlalchemy as sa

from netops.access import factors, steps, tables, throttle
from netops.access.factors import Factors
from netops.access.sealed import LIFE_MS, Seal, spend
from netops.access.staff import ThrottledError
from netops.access.steps import Held, Rule, Step
from netops.config import City, Settings
from netops.entering import Access
from netops.errors import AccessError, ConfigError, UsageError

NOW = 1_790_000_010_000
MINUTE = 60_000
HERE = "192.0.2.7"


@pytest.fixture
def seal() -> Seal:
    return Seal(bytes(32))


@pytest.fixture
def held(staff, seal) -> Factors:
    staff.add("wang.min", role="operator", by="t", now_ms=NOW)
    staff.add("li.na", role="operator", by="t", now_ms=NOW)
    return Factors(staff, seal)


def code(secret: str, at_ms: int = NOW) -> str:
    return pyotp.TOTP(secret).at(at_ms // 1000)


@pytest.fixture
def phone(held):
    """An account with one-time codes; its secret and its recovery codes."""
    offer = held.offer("wang.min", issuer="city", now_ms=NOW)
    codes = held.take_up("wang.min", offer.sealed, code(offer.secret), address=HERE, now_ms=NOW)
    return offer.secret, codes


def prove(held, given, at_ms=NOW + MINUTE, **more):
    return held.prove("wang.min", given, address=HERE, now_ms=at_ms, **more)


def test_a_code_of_the_present_or_a_step_beside_it_is_taken(held, phone):
    secret, _ = phone

    assert prove(held, code(secret, NOW + 30_000), NOW + MINUTE) == "code"
    assert prove(held, f" {code(secret, NOW + MINUTE)[:3]} {code(secret, NOW + MINUTE)[3:]} ", NOW + MINUTE) == "code"
    with pytest.raises(AccessError, match="wrong, or was used"):
        prove(held, code(secret, NOW + 4 * MINUTE), NOW + 2 * MINUTE)


@pytest.mark.parametrize("later_ms", [0, 30_000])
def test_the_same_code_again_is_refused(held, phone, later_ms):
    given = code(phone[0], NOW + MINUTE)
    prove(held, given)

    with pytest.raises(AccessError):
        prove(held, given, NOW + MINUTE + later_ms)


def test_the_code_of_the_set_up_does_not_prove_a_login(held, phone):
    with pytest.raises(AccessError):
        prove(held, code(phone[0]), NOW)


def test_an_older_code_than_the_one_taken_last_is_refused(held, phone):
    prove(held, code(phone[0], NOW + 90_000), NOW + MINUTE)

    with pytest.raises(AccessError):
        prove(held, code(phone[0], NOW + MINUTE), NOW + MINUTE)


def at_once(work, number=6):
    done, ready = [], threading.Barrier(number)

    def run():
        ready.wait(20)
        try:
            done.append(work())
        except AccessError as error:
            done.append(error)

    threads = [threading.Thread(target=run) for _ in range(number)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    return done


@pytest.mark.parametrize("kind", ["code", "recovery code"])
def test_of_many_who_bring_the_same_code_at_once_one_is_let_in(held, phone, kind, monkeypatch):
    monkeypatch.setitem(throttle.LIMITS, "factor", throttle.Limit(1000))
    monkeypatch.setitem(throttle.LIMITS, "both", throttle.Limit(1000))
    given = code(phone[0], NOW + MINUTE) if kind == "code" else phone[1][3]

    done = at_once(lambda: prove(held, given))

    assert [each for each in done if isinstance(each, str)] == [kind]


def test_a_recovery_code_stands_in_once(held, phone):
    assert len(set(phone[1])) == factors.RECOVERY_CODES == 10
    assert prove(held, phone[1][0].upper().replace("-", " ")) == "recovery code"
    assert held.held("wang.min") == Held(codes=True, recovery=9)

    with pytest.raises(AccessError):
        prove(held, phone[1][0])


def test_a_recovery_code_of_somebody_else_is_none(held, phone):
    with pytest.raises(AccessError):
        held.prove("li.na", phone[1][0], address=HERE, now_ms=NOW + MINUTE)

    assert held.held("wang.min").recovery == 10


def test_new_recovery_codes_replace_the_old(held, phone):
    fresh = held.renew_recovery("wang.min", address=HERE, now_ms=NOW)

    with pytest.raises(AccessError):
        prove(held, phone[1][0])
    assert prove(held, fresh[0]) == "recovery code"


def test_a_code_is_no_proof_where_a_passkey_must_be_and_a_recovery_code_is(held, phone):
    with pytest.raises(AccessError):
        prove(held, code(phone[0], NOW + MINUTE), codes=False)

    assert prove(held, phone[1][0], codes=False) == "recovery code"


def test_guesses_are_slowed_down_and_a_right_password_forgives_none(held, phone, staff):
    once = staff.reset("wang.min", by="t", now_ms=NOW)
    for _ in range(5):
        with pytest.raises(AccessError, match="wrong"):
            prove(held, "000000")
        staff.login("wang.min", once, address=HERE, now_ms=NOW + MINUTE)

    with pytest.raises(ThrottledError):
        prove(held, code(phone[0], NOW + MINUTE))


def test_guesses_from_many_addresses_are_slowed_down_too(held, phone):
    for number in range(11):
        with pytest.raises(AccessError, match="wrong"):
            held.prove("wang.min", "000000", address=f"192.0.2.{number}", now_ms=NOW + MINUTE)

    with pytest.raises(ThrottledError):
        held.prove("wang.min", code(phone[0], NOW + MINUTE), address="192.0.2.99", now_ms=NOW + MINUTE)


@pytest.mark.parametrize(
    "given",
    ["", " ", "12345", "1234567", "\uff11\uff12\uff13\uff14\uff15\uff16", "\udcff", "\x00", "-" * 70, "a" * 9999],
)
def test_what_is_no_code_is_refused(held, phone, given):
    with pytest.raises(AccessError):
        prove(held, given)


def test_the_file_holds_neither_secret_nor_recovery_code(held, phone, database):
    with database.read() as db:
        rows = [str(row) for table in (tables.CODES, tables.RECOVERY) for row in db.execute(sa.select(table))]
    kept = " ".join(rows).lower()

    assert phone[0].lower() not in kept
    assert not any(each.replace("-", "") in kept for each in phone[1])


def test_a_secret_sealed_for_one_account_does_not_open_for_another(held, phone, database):
    with database.write() as db:
        db.execute(sa.update(tables.CODES).values(account="li.na"))

    with pytest.raises(AccessError, match="somebody else"):
        held.prove("li.na", code(phone[0], NOW + MINUTE), address=HERE, now_ms=NOW + MINUTE)


# ---- setting up
def test_nothing_is_kept_of_an_offer_until_a_code_of_it_comes(held):
    offer = held.offer("wang.min", issuer="city", now_ms=NOW)
    with pytest.raises(UsageError, match="clock"):
        held.take_up("wang.min", offer.sealed, "000000", address=HERE, now_ms=NOW)

    assert held.held("wang.min") == Held()
    assert held.reoffer("wang.min", offer.sealed, issuer="city") == offer
    assert "secret=" in offer.uri
    assert offer.secret not in repr(offer)


@pytest.mark.parametrize("what", ["old", "others", "again", "cut", "odd"])
def test_an_offer_is_taken_up_in_time_by_whose_it_is_and_once(held, what):
    offer = held.offer("li.na" if what == "others" else "wang.min", issuer="city", now_ms=NOW)
    at_ms = NOW + LIFE_MS if what == "old" else NOW
    sealed = {"cut": offer.sealed[:-2], "odd": "\u00e9 no base64"}.get(what, offer.sealed)
    if what == "again":
        held.take_up("wang.min", sealed, code(offer.secret), address=HERE, now_ms=NOW)

    with pytest.raises(AccessError):
        held.take_up("wang.min", sealed, code(offer.secret, at_ms), address=HERE, now_ms=at_ms)


def test_a_reset_forgets_all_and_ends_the_sessions(held, phone, database):
    from netops.access.sessions import Sessions

    kept = Sessions(database)
    secret = kept.begin("wang.min", now_ms=NOW)
    held.forget("wang.min", by="admin", now_ms=NOW)

    assert held.held("wang.min") == Held()
    assert kept.person(secret, now_ms=NOW) is None
    with pytest.raises(UsageError, match="no account 'nobody'"):
        held.forget("nobody", by="admin", now_ms=NOW)


# ---- tickets
def test_a_ticket_holds_for_its_purpose_and_owner_for_minutes_and_once(seal, database):
    made = seal.ticket("p", "wang.min", now_ms=NOW)

    assert seal.genuine("p", "wang.min", made, now_ms=NOW + LIFE_MS - 1)
    assert not seal.genuine("p", "wang.min", made, now_ms=NOW + LIFE_MS)
    assert not seal.genuine("p", "li.na", made, now_ms=NOW)
    assert not seal.genuine("q", "wang.min", made, now_ms=NOW)
    assert not seal.genuine("p", "wang.min", made[:-1] + bytes([made[-1] ^ 1]), now_ms=NOW)
    assert not seal.genuine("p", "wang.min", b"", now_ms=NOW)
    assert at_once(lambda: spend(database, made, now_ms=NOW)).count(True) == 1


# ---- who needs what
CODES, KEYS = Held(codes=True), Held(passkeys=1)
RULE = Rule(required=frozenset({"admin"}), passkey=frozenset({"contract_manager"}))


@pytest.mark.parametrize(
    ("role", "has", "first", "then"),
    [
        ("viewer", Held(), Step.NOTHING, Step.NOTHING),
        ("viewer", CODES, Step.PROVE, Step.NOTHING),
        ("admin", Held(), Step.SET_UP, Step.SET_UP),
        ("admin", CODES, Step.PROVE, Step.NOTHING),
        ("admin", KEYS, Step.PROVE, Step.NOTHING),
        ("contract_manager", Held(), Step.SET_UP, Step.SET_UP),
        ("contract_manager", CODES, Step.PROVE, Step.SET_UP),
        ("contract_manager", KEYS, Step.PROVE, Step.NOTHING),
    ],
)
def test_what_a_login_still_needs(role, has, first, then):
    assert steps.after_password(role, has, RULE) is first
    assert steps.after_proof(role, has, RULE) is then


def test_those_who_decide_need_a_second_factor_in_production_and_nobody_in_a_rehearsal():
    asked = steps.rule(Settings()).required

    assert asked == {"contract_manager", "admin", "privacy_officer"}
    assert steps.rule(Settings(city=City(rehearsal=True))).required == frozenset()
    assert steps.rule(Settings(access=Access(second_factor="none"))).required == frozenset()
    assert steps.rule(Settings(access=Access(second_factor=" viewer , admin"))).required == {"viewer", "admin"}


@pytest.mark.parametrize("name", ["second_factor", "passkey"])
def test_a_role_that_there_is_not_is_named(name):
    settings = dataclasses.replace(Settings(), access=Access(**{name: "admn"}))

    with pytest.raises(ConfigError, match=f"'access.{name}': there is no role 'admn'; .*did you mean 'admin'"):
        steps.rule(settings)
