"""The pages of logins: ratios of sums with how many they are of, by site, way in and hour; nobody is not measured."""

from __future__ import annotations

import re

import pytest

from netops.model import ANSWERED, Poll, Row, Subject
from netops.store import open_store

NOW = 1_790_000_040_000
MINUTE, HOUR = 60_000, 3_600_000
NAMES = ("online", "failed", "unserved", "unconfirmed", "ours", "refused")
ENGLISH = {"Accept-Language": "en"}


def counts(*numbers, timed=0, quick=0):
    made = {f"portal.login.{name}": float(n) for name, n in zip(NAMES, numbers, strict=True)}
    return {**made, "portal.login.time.timed": float(timed), "portal.login.time.within_10000": float(quick)}


def minute(ago, *rows):
    at = NOW - NOW % MINUTE - ago * MINUTE
    made = tuple(Row(subject=Subject(kind, name), values=values) for kind, name, values in rows)
    return Poll(device="portal/portal", slot_ms=at, at_ms=at, outcome=ANSWERED, rows=made)


@pytest.fixture(scope="module")
def crowded(sites, tmp_path_factory):
    """The small city, with an evening of logins at two sites, a quiet third, and a day of before."""
    made = sites(tmp_path_factory.mktemp("logins"), telemetry=False)
    there = {"portal.state": 1.0}
    polls = [
        minute(90, ("site", "site-0", there | counts(990, 10, 0, 3, 1, 7, timed=900, quick=800))),
        minute(30, ("site", "site-0", there | counts(1, 1, 2, 0, 0, 0, timed=1))),
        minute(29, ("site", "site-1", there | counts(2, 0, 0, 0, 0, 0, timed=2, quick=2)), ("site", "site-2", there)),
        minute(
            28, ("login", "site-0/sms", counts(90, 10, 0, 0, 0, 0)), ("login", "site-1/sms", counts(9, 1, 0, 0, 0, 0))
        ),
        minute(27, ("login", "site-0/click_through", counts(7, 0, 0, 0, 0, 0))),
        minute(60 * 30, ("site", "site-0", there | counts(0, 500, 0, 0, 0, 0))),
    ]
    with open_store(made.settings, writing=True) as store:
        store.write(polls)
    return made


def rows(page):
    found = re.findall(r"<tr><th[^>]*>(.*?)</th>(.*?)</tr>", page, re.DOTALL)
    plain = [
        (re.sub(r"<[^>]+>", "", name), re.sub(r"<[^>]+>", "|", cells).replace("&nbsp;", " ")) for name, cells in found
    ]
    return {name.strip(): re.sub(r"\|+", "|", cells).strip("|") for name, cells in plain}


def test_the_city_adds_sites_and_ways_in_the_worst_first_and_a_quiet_site_is_not_measured(crowded):
    page = crowded.browser("operator").get("/logins", headers=ENGLISH).get_data(as_text=True)
    told = rows(page)

    assert "98.7" in page, "993 of 1006: a ratio of sums"
    assert "n=1006" in page
    assert told["code by SMS"].startswith("90.0%| |n=110|") or told["code by SMS"].startswith("90.0")
    assert "n=110" in told["code by SMS"]
    assert "100" in told["one tap"]
    names = [each.strip() for each in re.findall(r'href="/logins/(site-\d)"', page)]
    assert names == ["site-0", "site-1", "site-2"]
    quiet = page.partition('href="/logins/site-2"')[2]
    assert quiet.count("not measured") == 2


def test_a_site_has_its_hours_and_what_is_on_nobodys_account_is_not_counted(crowded):
    page = crowded.browser("operator").get("/logins/site-0", headers=ENGLISH).get_data(as_text=True)

    assert "n=1004" in page
    assert "98.7" in page
    assert page.count("<tr><th") == 2 + 2 + 2  # two heads, two ways in, two hours
    assert "n=914" in page, "who never came online waited as well"


def test_a_site_that_nobody_knows_is_no_page_and_without_a_portal_nothing_is_measured(crowded, site):
    assert crowded.browser("viewer").get("/logins/nowhere").status_code == 404
    page = site.browser("viewer").get("/logins", headers=ENGLISH).get_data(as_text=True)

    assert "Not measured: the portal told nothing." in page
    assert "100" not in re.sub(r"<p class=.lead.*?</p>", "", page).partition("<h1")[2].partition("</section>")[0]
