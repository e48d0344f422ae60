"""A week or a month hour by hour: what nobody measured, what we were blind for and what is a gap are states apart."""

from __future__ import annotations

import re

import pytest
from audited_city import BLIND, OUTAGE, START
from hypothesis import given
from hypothesis import strategies as st
from small_city import HOUR, NOW, TIMED

from dashboards import charts, months, weeks
from dashboards.blind import Gap
from netops.clock import utc
from netops.journal import HourSum, Journal
from netops.sla import calendar
from netops.sums import SEVERAL, together

ENGLISH = {"Accept-Language": "en"}
DAY = months.Span(name="2026-09-20", start_ms=NOW - NOW % HOUR - 22 * HOUR, end_ms=NOW - NOW % HOUR + 2 * HOUR)


def line(letters: str) -> months.Line:
    return months.Line(day=DAY, letters=letters, up_ms=0, degraded_ms=0, down_ms=0, unknown_ms=0)


def fault(hour: int, *, hours: int = 1, kind: str = "monitor_health", state: str = "blind") -> Gap:
    start = DAY.start_ms + hour * HOUR
    return Gap(kind=kind, start_ms=start, end_ms=start + hours * HOUR - 1, who="v", state=state, detail="", leaf=1)


def card(text: str) -> str:
    return text.split('id="day"')[1].partition("</section>")[0]


def test_only_what_is_not_known_better_is_blind_and_hours_to_come_are_nothing():
    letters = "UUNNXX--" + "U" * 12 + "U---"
    made = weeks.overlaid(line(letters), [fault(1, hours=6)], now_ms=DAY.start_ms + 22 * HOUR)

    assert made == "UUBBXXB-" + "U" * 12 + "U-  "


@given(st.text(alphabet="UDXN-", min_size=24, max_size=24), st.integers(0, 23), st.integers(1, 24))
def test_no_fault_of_ours_makes_an_hour_up_or_down_or_hides_that_it_was(letters, hour, hours):
    made = weeks.overlaid(line(letters), [fault(hour, hours=hours)], now_ms=DAY.end_ms + HOUR)

    for before, after in zip(letters, made, strict=True):
        assert after == before or (before in "N-" and after == charts.BLIND)


def test_a_vantage_point_that_still_saw_some_anchors_was_not_blind():
    seen = [fault(1), fault(2, state="degraded"), fault(3, kind="slots_missed", state=""), fault(4, kind="clock_state")]

    assert weeks.blinding(seen) == [seen[0], seen[2]]


def test_several_services_are_one_sum_down_where_one_was_and_unmeasured_where_most_was(tmp_path):
    path, hour = tmp_path / "states.db", NOW - NOW % HOUR
    told = {"a": "U", "b": "N", "c": "X", "d": "D"}
    sums = {"U": "up_ms", "N": "unknown_ms", "X": "down_ms", "D": "degraded_ms"}
    none = dict.fromkeys(sums.values(), 0)
    with Journal(path) as journal:
        for name, worst in told.items():
            made = HourSum(service=name, hour_ms=hour, worst=worst, **{**none, sums[worst]: HOUR})
            journal.seal(hour, {name: [made]})

    def of(*names):
        (found,) = together(path, names, [hour, hour + HOUR])
        return found.worst, found.up_ms, found.degraded_ms, found.down_ms, found.unknown_ms

    assert of("a", "b", "nobody") == ("U", HOUR, 0, 0, HOUR)
    assert of("b", "nobody") == ("N", 0, 0, 0, HOUR)
    assert of("d", "b") == ("D", 0, HOUR, 0, HOUR)
    assert of("a", "b", "c", "d") == ("X", HOUR, HOUR, HOUR, HOUR)
    assert together(path, ["nobody"], [hour]) == []
    assert together(path, ["a"], [hour])[0].service == SEVERAL
    assert together(tmp_path / "none.db", ["a"], [hour]) == []


def test_a_device_shows_seven_days_each_leading_to_its_own_with_what_we_were_blind_for(audited):
    page = (
        audited.browser("auditor")
        .get("/device/wlan-controller-0?week=2026-08-08", headers=ENGLISH)
        .get_data(as_text=True)
    )
    rows = re.findall(r'<th scope="row" class="nw"><a href="([^"]+)" title="(2026-[\d-]+)">(\w+ \d\d)</a>', card(page))
    labels = dict(re.findall(r'aria-label="(2026-[\d-]+): ([^"]+)"', page))

    assert [name for _href, name, _said in rows] == [f"2026-08-{day:02d}" for day in range(2, 9)]
    assert rows[0][2] == "Sun 02"
    assert rows[3][0] == "/device/wlan-controller-0?day=2026-08-05#day"
    assert utc(BLIND).astimezone(calendar.zone(audited.settings.city.timezone)).day == 5
    assert labels["2026-08-05"] == "Up 23, We were blind (so the ledger says) 1"
    assert labels["2026-08-06"] == "Up 24"
    assert 'class="wrap wide">a vantage point lost its anchors, ' in card(page)


def test_the_month_of_a_site_has_the_outage_and_a_month_before_everything_is_all_gap(audited):
    client = audited.browser("auditor")
    page = client.get("/site/site-0?month=2026-08", headers=ENGLISH).get_data(as_text=True)
    before = client.get("/site/site-0?month=2026-07", headers=ENGLISH).get_data(as_text=True)
    labels = dict(re.findall(r'aria-label="(2026-[\d-]+): ([^"]+)"', page))

    assert len(labels) == 31
    assert "Down 2" in labels["2026-08-20"]
    assert START <= OUTAGE
    assert set(dict(re.findall(r'aria-label="(2026-07-[\d-]+): ([^"]+)"', before)).values()) == {
        "Gap: nothing sealed 24"
    }
    assert "services added up: an hour is down where one of them was" in page


def test_a_service_chooses_a_week_and_its_month_stays_where_it_is(site):
    page = site.browser("operator").get(f"/service/{TIMED}?week=2026-09-21", headers=ENGLISH).get_data(as_text=True)
    labels = dict(re.findall(r'aria-label="(2026-[\d-]+): ([^"]+)"', page))

    assert re.search(r'week=2026-09-21#day" aria-current="true">Week', page)
    assert f'href="/service/{TIMED}?month=2026-09#month">Month' in page
    assert "Down 2" in labels["2026-09-21"]
    assert "Not measured 1" in labels["2026-09-20"]
    assert labels["2026-09-15"] == "Up 24"


@pytest.mark.parametrize("wish", ["week=2026-09-32", "week=2026-09", "week=x", "week=2027-01-01", "month=2026-13"])
@pytest.mark.parametrize("path", ["/device/wlan-controller-9", "/site/site-9"])
def test_what_is_no_week_or_lies_ahead_is_not_found(site, path, wish):
    assert site.browser("operator").get(f"{path}?{wish}").status_code == 404


@pytest.mark.parametrize("wish", ["week=2026-09-21", "month=2026-09"])
@pytest.mark.parametrize("path", ["/device/wlan-controller-9", "/site/site-9", "/service/wifi-0009"])
def test_a_page_with_a_week_is_no_larger_than_a_page_may_be(site, path, wish):
    answer = site.browser("operator").get(f"{path}?{wish}")

    assert answer.status_code == 200
    assert len(answer.data) <= 60_000
