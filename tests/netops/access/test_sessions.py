"""Sessions end in time, with their account, and cannot be taken from the database."""

from __future__ import annotations

import hashlib

import pytest
import sqlalchemy as sa

from netops.access import browsers, sessions, tables
from netops.access.sessions import Sessions, Whence
from netops.errors import UsageError

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


# ---- as their owner sees them
PHONE = (
    "Mozilla/5.0 (Linux; Android 14; V2 Pro) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36 MicroMessenger/8.0"
)
HERE, THERE = "192.0.2.7", "2001:db8::1"


def begin(held, at_ms=NOW, address=HERE, agent=PHONE):
    return held.begin("wang.min", now_ms=at_ms, whence=Whence(address=address, agent=agent))


def end(held, *, mark="", but=None, account="wang.min"):
    told = {"by": "root", "now_ms": NOW + 2, "origin": THERE}
    return held.end_one(account, mark, **told) if but is None else held.end_all(account, but=but, **told)


def test_a_session_says_when_from_where_and_by_which_browser(held):
    secret = begin(held)
    held.person(secret, now_ms=NOW + 90_000, address=HERE)
    (live,) = held.live("wang.min", now_ms=NOW + 90_000)

    assert (live.since_ms, live.seen_ms) == (NOW, NOW + 90_000)
    assert (live.address, live.seen_address) == (HERE, HERE)
    assert (live.browser, live.system) == ("WeChat", "Android")
    assert live.id == sessions.mark(secret) == hashlib.sha256(secret.encode()).hexdigest()[:16]


def test_another_address_shows_at_once_even_of_a_page_that_refreshes_itself(held):
    """Whoever has stolen a session and only listens is seen as well."""
    secret = begin(held)
    held.person(secret, now_ms=NOW + 1, idle=True, address=THERE)
    (live,) = held.live("wang.min", now_ms=NOW + 1)

    assert (live.address, live.seen_address, live.seen_ms) == (HERE, THERE, NOW)


def test_what_has_ended_by_time_is_no_more_among_them(held):
    begin(held)

    assert held.live("wang.min", now_ms=NOW + sessions.IDLE_MS) == []
    with pytest.raises(UsageError, match="may have ended already"):
        held.end_one("wang.min", "0" * 16, by="root", now_ms=NOW, origin=HERE)


def test_one_ends_and_the_others_go_on(held, staff):
    gone, kept = begin(held), begin(held, NOW + 1)
    (ended,) = end(held, mark=sessions.mark(gone))

    assert ended.id == sessions.mark(gone)
    assert held.person(gone, now_ms=NOW + 3) is None
    assert held.person(kept, now_ms=NOW + 3) is not None
    event = staff.events(limit=1)[0]
    assert (event.account, event.what, event.by, event.origin) == ("wang.min", "session ended", "root", THERE)


def test_all_end_but_the_one_that_says_so(held):
    secrets = [begin(held, NOW + each) for each in range(3)]
    ended = end(held, but=secrets[1])

    assert len(ended) == 2
    assert [held.person(each, now_ms=NOW + 3) is not None for each in secrets] == [False, True, False]


@pytest.mark.parametrize("mark", ["", "%", "_" * 16, "0" * 16, "x"])
def test_a_mark_of_nothing_or_of_somebody_elses_session_ends_none(held, staff, mark):
    staff.add("li.na", role="operator", by="t", now_ms=NOW)
    secret = begin(held)
    for account, named in (("wang.min", mark), ("li.na", sessions.mark(secret))):
        with pytest.raises(UsageError):
            end(held, account=account, mark=named)

    assert held.person(secret, now_ms=NOW) is not None


def test_what_a_login_at_a_provider_left_goes_along(held):
    secret = held.begin("wang.min", now_ms=NOW, whence=Whence(provider="city", id_token="sealed"))

    assert held.whence(secret) == Whence(provider="city", id_token="sealed")
    assert held.whence("nothing") == Whence()
    assert "sealed" not in repr(held.whence(secret))


EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36 Edg/120.0"
FOX = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.0 Safari/605.1.15"


@pytest.mark.parametrize(
    ("agent", "told"),
    [
        (PHONE, ("WeChat", "Android")),
        (EDGE, ("Edge", "Windows")),
        (FOX, ("Firefox", "Linux")),
        (MAC, ("Safari", "macOS")),
        ("curl/8.5.0", ("curl", "")),
        ("", ("", "")),
        ("<script>alert(1)</script>", ("", "")),
        ("x" * 5000 + "Firefox/1", ("", "")),
    ],
)
def test_a_browser_is_said_in_two_plain_words_or_none(agent, told):
    assert browsers.words(agent) == told
