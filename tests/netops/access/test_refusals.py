"""Failed logins in bulk: a bounded number of rows, one fact for a quarter of an hour, and only far above the usual."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from netops import facts
from netops.access import bulk, refusals, tables, throttle
from netops.access.bulk import CEILING, FLOOR, TIMES, WINDOW_MS, Refused, far_above, told
from netops.access.factors import Factors
from netops.access.refusals import MOST, Refusals
from netops.access.sealed import Seal
from netops.access.staff import ThrottledError
from netops.errors import AccessError, SpoolError

START = bulk.window(1_790_000_010_000)
HERE = "192.0.2.7"


def fill(database, count: int, *, account="wang.min", address=HERE, at_ms=START):
    with database.write() as db:
        for _ in range(count):
            refusals.count(db, at_ms, account=account, address=address)


def step(database, at_ms=START + WINDOW_MS, made=None):
    out = [] if made is None else made
    Refusals(database).step(out.extend, now_ms=at_ms)
    return out


def rows(database) -> list[tuple[str, str, int]]:
    with database.read() as db:
        found = db.execute(sa.select(tables.REFUSED))
        return [(row.account, row.address, row.failures) for row in found]


# ---- what is far above the usual
@given(of=st.sampled_from(["account", "address"]), count=st.integers(0, 1000), usual=st.integers(0, 1000))
def test_more_failures_are_never_less_bulk_and_more_usual_never_more(of, count, usual):
    bulky = far_above(of, count, usual)

    assert not bulky or far_above(of, count + 1, usual)
    assert bulky or not far_above(of, count, usual + 1)
    assert far_above(of, CEILING, usual)
    assert not far_above(of, FLOOR[of] - 1, usual)


@pytest.mark.parametrize(
    ("of", "count", "usual", "is_bulk"),
    [
        ("account", FLOOR["account"], 0, True),
        ("account", FLOOR["account"] - 1, 0, False),
        ("address", FLOOR["address"], 4, True),
        ("address", 5 * TIMES - 1, 5, False),
        ("address", 5 * TIMES, 5, True),
        ("address", CEILING, 10_000, True),
    ],
)
def test_far_above_is_by_the_own_past(of, count, usual, is_bulk):
    assert far_above(of, count, usual) is is_bulk


def test_a_fact_has_counts_and_networks_and_no_address():
    given_rows = [Refused(account="wang.min", address=f"198.51.100.{n}", count=3) for n in range(8)]
    given_rows += [Refused(account="", address=HERE, count=25), Refused(account="", address="192.0.2.8", count=30)]
    fact = told(START, given_rows, lambda _of, _name: 0, now_ms=START + WINDOW_MS)
    facts.check(fact)

    assert fact.body == {
        "start_ms": START,
        "end_ms": START + WINDOW_MS,
        "refused": 79,
        "accounts": {"wang.min": 24},
        "networks": {"192.0.2.0/24": 55},
        "addresses": 10,
    }


def test_a_botnet_and_many_names_make_a_fact_that_fits():
    many = [Refused(account=f"a{n:060}", address=f"2001:db8:{n:x}::1", count=CEILING) for n in range(5000)]
    fact = told(START, many, lambda _of, _name: 0, now_ms=START)

    assert len(facts.encode(fact)) < 10_000
    assert len(fact.body["accounts"]) == len(fact.body["networks"]) == bulk.NAMED


# ---- counting
def test_what_was_typed_as_a_name_that_nobody_has_is_kept_nowhere(staff, database):
    for name in ("my secret pass phrase", "13800138000"):
        with pytest.raises(AccessError):
            staff.login(name, "x", address=HERE, now_ms=START)

    assert rows(database) == [("", HERE, 2)]


def test_each_way_to_fail_counts_and_one_that_waits_does_not(staff, database):
    staff.add("wang.min", role="operator", by="t", now_ms=START)
    with pytest.raises(AccessError):
        staff.login("wang.min", "wrong", address=HERE, now_ms=START)
    with pytest.raises(AccessError):
        Factors(staff, Seal(bytes(32))).prove("wang.min", "000000", address=HERE, now_ms=START)
    assert rows(database) == [("wang.min", HERE, 2)]
    kinds = []
    for _ in range(20):
        with pytest.raises(AccessError) as failed:
            staff.login("wang.min", "wrong", address=HERE, now_ms=START)
        kinds.append(failed.type)

    assert kinds[-1] is ThrottledError
    assert rows(database) == [("wang.min", HERE, 2 + sum(kind is not ThrottledError for kind in kinds))]


def test_one_client_that_tries_on_and_on_is_far_above_within_a_quarter(staff, database, monkeypatch):
    """The limits that make it wait leave enough to see it by."""
    monkeypatch.setattr(staff.passwords, "fits", lambda *_: False)
    staff.add("wang.min", role="operator", by="t", now_ms=START)
    for second in range(0, 900, 2):
        with pytest.raises(AccessError):
            staff.login("wang.min", "x", address=HERE, now_ms=START + second * 1000)

    (fact,) = step(database)
    assert list(fact.body["accounts"]) == ["wang.min"]


def test_whatever_is_tried_the_rows_are_of_a_bounded_number(database):
    with database.write() as db:
        for n in range(MOST * 3):
            refusals.count(db, START, account="wang.min" if n % 2 else "", address=f"2001:db8::{n:x}")
    found = rows(database)

    assert len(found) <= MOST + 2
    assert sum(count for _, _, count in found) == MOST * 3, "none is lost"
    assert step(database)[0].body["accounts"]["wang.min"] == MOST * 3 // 2


def test_rows_are_forgotten_after_the_time_that_says_what_is_usual(database):
    fill(database, 1)
    fill(database, 1, at_ms=START + bulk.USUAL_MS + WINDOW_MS)

    assert len(rows(database)) == 1


# ---- telling
def test_a_quarter_is_told_once_when_it_is_over(database):
    fill(database, FLOOR["account"])
    assert step(database, START + WINDOW_MS - 1) == []
    first = step(database)

    assert len(first) == 1
    assert step(database) == [], "another process, or the same one after a start"
    assert step(database, START + bulk.TOLD_MS) == []


def test_what_is_not_far_above_is_told_of_nobody(database):
    fill(database, FLOOR["account"] - 1)

    assert step(database) == []


def test_an_office_that_fails_often_is_not_told_until_it_is_far_above_its_own_usual(database):
    for day in range(1, 6):
        for person in range(9):
            fill(database, 2, account=f"p{person}", at_ms=START - day * 86_400_000)
    for person in range(9):
        fill(database, 8, account=f"p{person}")
    assert step(database) == [], "72 of an address that often has 18"
    for person in range(9):
        fill(database, 2, account=f"p{person}")

    assert step(database)[0].body["networks"] == {"192.0.2.0/24": 90}


def test_a_flood_that_was_told_is_nobodys_usual(database):
    fill(database, CEILING, at_ms=START - WINDOW_MS)
    assert len(step(database, START)) == 1
    fill(database, FLOOR["account"])

    assert step(database)[0].body["accounts"] == {"wang.min": FLOOR["account"]}


def test_what_could_not_be_stated_is_stated_the_next_time(database):
    fill(database, FLOOR["account"])

    def full(_made):
        raise SpoolError("no room")

    held = Refusals(database)
    with pytest.raises(SpoolError):
        held.step(full, now_ms=START + WINDOW_MS)
    made: list[facts.Fact] = []

    assert held.step(made.extend, now_ms=START + WINDOW_MS) == 1
    assert json.loads(facts.encode(made[0]))["kind"] == "logins_refused"


def test_a_process_that_was_away_for_longer_than_a_day_tells_nothing_of_before(database):
    fill(database, FLOOR["account"])

    assert step(database, START + bulk.TOLD_MS + WINDOW_MS) == []


def test_floors_are_within_what_the_limits_let_through():
    """A client alone comes to as many attempts in a quarter as `throttle` looks at: free ones, then doubling waits."""
    for of, limit in (("account", "both"), ("address", "client")):
        assert FLOOR[of] <= throttle.LIMITS[limit].free + 8
