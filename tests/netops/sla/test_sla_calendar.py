"""Calendar months and wall-clock hours in a contract's time zone."""

from datetime import UTC, datetime

import pytest

from inventory.model import Hours
from netops.clock import to_ms
from netops.errors import UsageError
from netops.sla import calendar
from netops.sla.intervals import total

BERLIN, SHANGHAI = calendar.zone("Europe/Berlin"), calendar.zone("Asia/Shanghai")
H = 3_600_000
DAILY = tuple(range(1, 8))


def at(*parts):
    return to_ms(datetime(*parts, tzinfo=UTC))


@pytest.mark.parametrize(
    ("date", "tz", "hours"),
    [
        pytest.param((2026, 3, 29), BERLIN, 23, id="berlin-spring"),
        pytest.param((2026, 10, 25), BERLIN, 25, id="berlin-autumn"),
        pytest.param((2026, 10, 25), SHANGHAI, 24, id="shanghai"),
        pytest.param((1988, 4, 17), SHANGHAI, 23, id="shanghai-dst-1988-begins"),
        pytest.param((1988, 9, 11), SHANGHAI, 25, id="shanghai-dst-1988-ends"),
    ],
)
def test_a_day_has_as_many_hours_as_its_clock(date, tz, hours):
    start, end = calendar.day(*date, tz)

    assert (end - start) / H == hours


@pytest.mark.parametrize(
    ("text", "tz", "start", "hours"),
    [
        ("2026-10", SHANGHAI, (2026, 9, 30, 16), 744),
        ("2026-12", SHANGHAI, (2026, 11, 30, 16), 744),
        ("2028-02", SHANGHAI, (2028, 1, 31, 16), 696),
        ("2026-10", BERLIN, (2026, 9, 30, 22), 745),
        ("2026-03", BERLIN, (2026, 2, 28, 23), 743),
    ],
)
def test_a_month_is_a_calendar_month_of_the_zone(text, tz, start, hours):
    begin, end = calendar.month(text, tz)

    assert (begin, (end - begin) / H) == (at(*start), hours)


@pytest.mark.parametrize("text", ["2026-13", "2026-1", "2026-10\n", "0000-01", "october"])
def test_what_is_no_month_is_refused(text):
    with pytest.raises(UsageError, match="expected YYYY-MM"):
        calendar.month(text, SHANGHAI)


def test_an_unknown_zone_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'Asia/Shanghai'"):
        calendar.zone("Asia/Shangai")


def spans(date, window, tz=BERLIN, days=DAILY):
    start, end = calendar.day(*date, tz)
    return calendar.service_hours(start, end, [Hours(days=days, start_minute=window[0], end_minute=window[1])], tz)


def test_half_past_two_comes_twice_when_clocks_go_back():
    found = spans((2026, 10, 25), (150, 180))

    assert found == ((at(2026, 10, 25, 0, 30), at(2026, 10, 25, 1)), (at(2026, 10, 25, 1, 30), at(2026, 10, 25, 2)))


def test_half_past_two_never_comes_when_clocks_go_forward():
    assert spans((2026, 3, 29), (150, 180)) == ()


def test_office_hours_keep_their_wall_clock_through_the_change():
    before, after = spans((2026, 10, 24), (480, 1320)), spans((2026, 10, 26), (480, 1320))

    assert before == ((at(2026, 10, 24, 6), at(2026, 10, 24, 20)),)
    assert after == ((at(2026, 10, 26, 7), at(2026, 10, 26, 21)),)


def test_weekdays_are_those_of_the_zone():
    start, end = calendar.month("2026-10", SHANGHAI)
    weekend = calendar.service_hours(start, end, [Hours(days=(6, 7), start_minute=0, end_minute=1440)], SHANGHAI)

    assert total(weekend) == 9 * 24 * H  # 3/4, 10/11, 17/18, 24/25 and Saturday the 31st
    assert weekend[0][0] == at(2026, 10, 2, 16)


def test_a_full_schedule_is_the_whole_month_whatever_the_clocks_do():
    start, end = calendar.month("2026-10", BERLIN)
    always = calendar.service_hours(start, end, [Hours(days=DAILY, start_minute=0, end_minute=1440)], BERLIN)

    assert always == ((start, end),)
