"""Why somebody could not get online: each link of the chain, whose it was, and that no person is in it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from dashboards import why
from dashboards.logins import Counts
from netops.model import ANSWERED, Poll, Row, Subject
from netops.store import open_store

NOW = 1_790_000_040_000
MINUTE = 60_000
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture(autouse=True)
def words(site):
    """The pure parts speak in a request's language."""
    with site.app.test_request_context("/", headers=ENGLISH):
        yield


def counts(**numbers):
    return Counts(Counter({f"portal.login.{name}": n for name, n in numbers.items()}))


@pytest.mark.parametrize(
    ("states", "state"),
    [
        ({}, ""),
        ({"X": 3}, "down"),
        ({"X": 1, "U": 2}, "degraded"),
        ({"D": 1, "U": 2}, "degraded"),
        ({"N": 3}, "unknown"),
        ({"N": 1, "U": 2}, "up"),
    ],
)
def test_the_air(states, state):
    link = why.air(states)

    assert link.state == state
    assert bool(link.whose) is (state in {"down", "degraded"})


@pytest.mark.parametrize(
    ("sums", "there", "state"),
    [
        (None, True, "down"),
        (None, False, ""),
        ({"portal.state": 30}, True, "up"),
        ({"portal.state": 12}, True, "degraded"),
    ],
)
def test_the_portal(sums, there, state):
    assert why.portal(sums, minutes=30, there=there).state == state


@pytest.mark.parametrize(
    ("numbers", "state", "whose"),
    [
        ({}, "", ""),
        ({"online": 5}, "up", ""),
        ({"online": 5, "refused": 3}, "up", ""),
        ({"online": 5, "failed": 1}, "degraded", "Carrier (controller)"),
        ({"failed": 4}, "down", "Carrier (controller)"),
        ({"ours": 4}, "down", "Us"),
        ({"ours": 4, "online": 9}, "degraded", "Us"),
    ],
)
def test_the_logins(numbers, state, whose):
    link = why.login(counts(**numbers), reports=2)

    assert (link.state, link.whose) == (state, whose)
    assert "2" in link.said


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ({}, ""),
        ({"a": {"portal.sms.asked": 4}}, "up"),
        ({"a": {"portal.sms.asked": 4, "portal.sms.lost": 1}, "b": {"portal.sms.asked": 1}}, "degraded"),
        ({"a": {"portal.sms.asked": 4, "portal.sms.lost": 4}}, "down"),
    ],
)
def test_the_codes(told, state):
    assert why.sms(told).state == state


@pytest.mark.parametrize(
    ("told", "state"), [({}, ""), ({"up": 1}, "up"), ({"down": 2}, "down"), ({"down": 1, "up": 1}, "degraded")]
)
def test_the_way_out(told, state):
    assert why.uplink(told).state == state


def test_the_first_broken_link_is_named_and_a_partly_broken_one_only_where_none_is():
    partly, broken = why.air({"X": 1, "U": 1}), why.uplink({"down": 1})

    assert why.first_broken([partly, broken]) is broken
    assert why.first_broken([partly]) is partly
    assert why.first_broken([why.air({"U": 1})]) is None


# ---- the page


@pytest.fixture(scope="module")
def evening(sites, tmp_path_factory):
    """The small city; at site-0 nobody has been let in for half an hour, and all was well before."""
    made = sites(tmp_path_factory.mktemp("why"), telemetry=False)
    polls = []
    for ago in range(180):
        bad = ago < 30
        values = {"portal.state": 1.0, "portal.login.online": 0.0 if bad else 2.0, "portal.login.failed": float(bad)}
        at = NOW - NOW % MINUTE - ago * MINUTE
        rows = (Row(subject=Subject("site", "site-0"), values=values),)
        polls.append(Poll(device="portal/portal", slot_ms=at, at_ms=at, outcome=ANSWERED, rows=rows))
    with open_store(made.settings, writing=True) as store:
        store.write(polls)
    return made


def test_the_page_says_whose_it_was_and_when_all_was_well(evening):
    client = evening.browser("operator")

    now = client.get("/why/site-0", headers=ENGLISH).get_data(as_text=True)
    assert "The first link that was broken: Visitors&#39; logins (Carrier (controller))" in now
    then = datetime.fromtimestamp(NOW / 1000 - 7200, ZoneInfo("Asia/Shanghai"))
    before = client.get(f"/why/site-0?at={then:%Y-%m-%dT%H:%M}", headers=ENGLISH).get_data(as_text=True)
    assert "devices online: " in before
    assert "first link that was broken" not in before


@pytest.mark.parametrize("at", ["nonsense", "2126-01-01T00:00", "0001-01-01T00:00", "<script>", "9" * 40])
def test_a_time_that_is_none_is_said(evening, at):
    text = evening.browser("viewer").get("/why/site-0", query_string={"at": at}, headers=ENGLISH).get_data(as_text=True)

    assert "the last half hour is shown" in text
    assert "<script>" not in text


def test_a_site_that_is_none_is_not_found(evening):
    assert evening.browser("viewer").get("/why/nowhere").status_code == 404
