"""Sessions end in time, with their account, and cannot be taken from the database."""

from __future__ import annotations

import hashlib

import pytest
import sqlalchemy as sa

from netops.access import sessions, tables
from netops.access.sessions import Sessions

NOW = 1_790_000_000_000


@pytest.fixture
def held(staff, database):
    staff.add("wang.min", role="operator", by="t", now_ms=NOW)
    return Sessions(database)


def test_a_session_names_its_person(held):
    person = held.person(held.begin("wang.min", now_ms=NOW), now_ms=NOW)

    assert (person.account, person.role) == ("wang.min", "operator")


def test_the_database_holds_only_the_digest(held, database):
    secret = held.begin("wang.min", now_ms=NOW)

    with database.read() as db:
        kept = db.execute(sa.select(tables.SESSION.c.digest)).scalar_one()

    assert kept == hashlib.sha256(secret.encode()).hexdigest()
    assert held.person(kept, now_ms=NOW) is None


def test_a_session_ends_after_an_hour_of_silence(held):
    secret = held.begin("wang.min", now_ms=NOW)

    assert held.person(secret, now_ms=NOW + sessions.IDLE_MS - 1) is not None
    assert held.person(secret, now_ms=NOW + 2 * sessions.IDLE_MS - 2) is not None, "use prolonged it"
    assert held.person(secret, now_ms=NOW + 4 * sessions.IDLE_MS) is None


def test_a_page_that_refreshes_itself_does_not_prolong(held):
    secret = held.begin("wang.min", now_ms=NOW)
    for minute in range(0, 60, 5):
        held.person(secret, now_ms=NOW + minute * 60_000, idle=True)

    assert held.person(secret, now_ms=NOW + sessions.IDLE_MS) is None


def test_a_session_ends_after_twelve_hours_however_busy(held):
    secret = held.begin("wang.min", now_ms=NOW)
    for step in range(1, 24):
        assert held.person(secret, now_ms=NOW + step * 1_800_000) is not None

    assert held.person(secret, now_ms=NOW + sessions.ABSOLUTE_MS) is None


def test_a_session_from_the_future_is_none(held):
    """R13: a clock that was set back must not lengthen a session."""
    secret = held.begin("wang.min", now_ms=NOW + 3_600_000)

    assert held.person(secret, now_ms=NOW) is None


@pytest.mark.parametrize("act", ["disable", "reset"])
def test_a_change_of_the_account_ends_its_sessions(held, staff, act):
    secret = held.begin("wang.min", now_ms=NOW)
    getattr(staff, act)("wang.min", by="t", now_ms=NOW)

    assert held.person(secret, now_ms=NOW) is None


def test_at_most_eight_sessions_an_account(held):
    secrets = [held.begin("wang.min", now_ms=NOW + n) for n in range(10)]

    assert [held.person(each, now_ms=NOW + 10) is not None for each in secrets] == [False] * 2 + [True] * 8


@pytest.mark.parametrize("secret", ["", "x", "\udcff", "a" * 100_000])
def test_a_made_up_id_is_nobody(held, secret):
    assert held.person(secret, now_ms=NOW) is None
