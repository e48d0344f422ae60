"""A month of a service hour by hour, and the way from any figure to the reading that made it."""

from __future__ import annotations

import re
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from small_city import HOUR, NOW, TIMED

from dashboards import months
from netops.errors import NetopsError
from netops.journal import HourSum
from netops.sums import hours_of

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
OUTAGE = NOW - NOW % HOUR - 3 * HOUR


def summed(hour_ms: int, worst: str, **sums: int) -> HourSum:
    whole = {"up_ms": 0, "degraded_ms": 0, "down_ms": 0, "unknown_ms": 0} | sums
    return HourSum(service="s", hour_ms=hour_ms, worst=worst, **whole)


@pytest.mark.parametrize("name", ["", "2026", "2026-13", "2026-00", "2026-1", "2026-11-05", "2026-11x", "1999-01"])
def test_what_is_no_month_is_none(name):
    assert months.month(name, SHANGHAI) is None


@pytest.mark.parametrize("name", ["", "2026-11", "2026-02-29", "2026-11-31", "2026-11-05 ", "2026-11-5"])
def test_what_is_no_day_is_none(name):
    assert months.day(name, SHANGHAI) is None


def test_a_month_is_civil_and_follows_upon_the_one_before():
    december = months.month("2026-12", SHANGHAI)

    assert (december.end_ms - december.start_ms) // HOUR == 31 * 24
    assert months.before(december, SHANGHAI).name == "2026-11"
    assert months.month_of(december.end_ms, SHANGHAI).name == "2027-01"
    assert (
        months.before(months.month("2026-01", SHANGHAI), SHANGHAI).end_ms == months.day("2026-01-01", SHANGHAI).start_ms
    )


def test_every_hour_of_a_month_stands_in_one_day_once_also_when_the_clocks_change():
    october = months.month("2026-10", BERLIN)
    sealed = [summed(at, "U", up_ms=HOUR) for at in months.hours(october)]
    lines = months.lines(october, sealed, BERLIN, now_ms=october.end_ms)

    assert [len(each.letters) for each in lines] == [24] * 24 + [25] + [24] * 6
    assert sum(each.up_ms for each in lines) == october.end_ms - october.start_ms


def test_a_day_says_its_sums_and_an_hour_that_is_not_sealed_has_no_letter():
    day = months.day("2026-11-01", SHANGHAI)
    sealed = [
        summed(day.start_ms, "X", up_ms=HOUR // 2, down_ms=HOUR // 2),
        summed(day.start_ms + 2 * HOUR, "D", degraded_ms=HOUR),
        summed(day.start_ms + 3 * HOUR, "N", unknown_ms=HOUR),
    ]
    (line,) = months.lines(months.month("2026-11", SHANGHAI), sealed, SHANGHAI, now_ms=day.end_ms)

    assert line.letters == "X-DN" + "-" * 20
    assert line.share == Fraction(3, 4), "of the measured time; what we did not see is no outage"


def test_days_to_come_are_not_drawn():
    month = months.month("2026-11", SHANGHAI)

    assert len(months.lines(month, [], SHANGHAI, now_ms=month.start_ms + 30 * HOUR)) == 2
    assert months.lines(month, [], SHANGHAI, now_ms=month.start_ms) == []


def test_the_sums_are_read_beside_the_core_and_no_file_is_no_hours(site, tmp_path):
    path = site.settings.data.dir / "states.db"
    asked = [OUTAGE - HOUR, OUTAGE, OUTAGE + 400 * HOUR]

    assert [(each.hour_ms, each.worst) for each in hours_of(path, TIMED, asked)] == [(asked[0], "U"), (OUTAGE, "X")]
    assert hours_of(path, "nothing", asked) == []
    assert hours_of(tmp_path / "states.db", TIMED, asked) == []
    (tmp_path / "states.db").write_bytes(b"no database, by no means; " * 50)
    with pytest.raises(NetopsError, match=r"states\.db: the sums of sealed hours cannot be read"):
        hours_of(tmp_path / "states.db", TIMED, asked)


def test_a_month_shows_its_hours_that_were_not_up_and_the_share_of_the_measured_time(site):
    text = site.browser("operator").get(f"/service/{TIMED}").get_data(as_text=True)
    month = text.split('id="month"')[1].split("</section>")[0]
    links = re.findall(rf'href="/service/{TIMED}/sample\?from=(\d+)&amp;until=(\d+)"', month)

    assert [int(start) for start, _ in links] == [OUTAGE + HOUR, OUTAGE, OUTAGE - 27 * HOUR]
    assert "99.582%" in month, "479 of 480 hours measured, 2 of them down, cut off and not rounded"
    assert month.count('<a href="/service/wifi-0009?day=2026-09-') == 21, "a line a day, the 21st is today"


@pytest.mark.parametrize("role", ["operator", "auditor", "contract_manager"])
def test_from_the_overview_a_trouble_leads_in_one_click_to_the_poll_that_shows_it(site, role):
    client = site.browser(role)
    page = client.get("/").get_data(as_text=True)
    link = re.search(r'href="(/service/wifi-\d+/sample[^"]+)">显示它的原始读数', page)[1].replace("&amp;", "&")
    answer = client.get(link)
    reading = client.get(answer.headers["Location"]).get_data(as_text=True)

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/reading/wlan-controller-9/")
    assert "无应答" in reading


def test_an_hour_leads_to_its_worst_poll_with_the_value_that_told_it(site):
    start = NOW - NOW % 60_000 - 17 * HOUR  # in it the cell of small-cell-2 had no radio, from minute 100 on
    answer = site.browser("auditor").get(f"/service/lte-0002/sample?from={start - 6 * HOUR}&until={start}")
    reading = site.browser("auditor").get(answer.headers["Location"])

    assert answer.status_code == 303
    assert "metric=" in answer.headers["Location"]
    assert reading.status_code == 200


@pytest.mark.parametrize(
    "asked",
    ["", "?from=1", "?from=5&until=5", "?from=x&until=y", f"?from={1 << 60}&until={(1 << 60) + 1}", "?from=1&until=9"],
)
def test_a_window_that_is_none_or_empty_is_not_found(site, asked):
    assert site.browser("auditor").get(f"/service/{TIMED}/sample{asked}").status_code == 404


def test_a_viewer_sees_the_figures_without_the_raw_readings_behind_them(site):
    text = site.browser("viewer").get(f"/service/{TIMED}").get_data(as_text=True)

    assert "/sample?" not in text
    assert "99.582%" in text


def test_a_day_that_is_none_is_not_found_and_a_day_says_which_it_is(site):
    client = site.browser("viewer")

    for path in ("/device/wlan-controller-9?day=2026-02-30", "/service/wifi-0009?day=x", "/service/wifi-0009?month=x"):
        assert client.get(path).status_code == 404
    text = client.get("/device/wlan-controller-9?day=2026-09-20").get_data(as_text=True)
    assert '<h2 id="day">2026-09-20</h2>' in text
    assert "day=2026-09-19" in text
    assert "day=2026-09-21" in text
