"""A deadline is over at the end of its last working day, where the contract is."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netops.clock import iso, to_ms
from netops.dispute.deadlines import due, left, weekday
from netops.errors import UsageError

SHANGHAI, BERLIN, KIRITIMATI = map(ZoneInfo, ("Asia/Shanghai", "Europe/Berlin", "Pacific/Kiritimati"))
NATIONAL_DAY = {date(2026, 10, day) for day in range(1, 8)}  # seven days off; Saturday the 10th is worked instead


def october(day):
    return day == date(2026, 10, 10) or (weekday(day) and day not in NATIONAL_DAY)


def at(zone, *moment):
    return to_ms(datetime(*moment, tzinfo=zone))


@pytest.mark.parametrize(
    ("begun", "days", "over"),
    [
        pytest.param((2026, 9, 28, 10), 1, (2026, 9, 30), id="monday-plus-one-is-the-end-of-tuesday"),
        pytest.param((2026, 9, 30, 10), 1, (2026, 10, 9), id="over-the-holiday"),
        pytest.param((2026, 9, 30, 10), 3, (2026, 10, 11), id="the-shifted-saturday-counts"),
        pytest.param((2026, 9, 30, 10), 4, (2026, 10, 13), id="the-sunday-does-not"),
        pytest.param((2026, 10, 3, 10), 1, (2026, 10, 9), id="begun-on-a-holiday"),
        pytest.param((2026, 9, 30, 23, 59), 1, (2026, 10, 9), id="the-last-minute-of-a-day-is-that-day"),
        pytest.param((2026, 10, 1, 0, 0), 1, (2026, 10, 9), id="midnight-is-the-next-day"),
    ],
)
def test_a_deadline_runs_over_working_days(begun, days, over):
    assert iso(due(at(SHANGHAI, *begun), days, SHANGHAI, october)) == iso(at(SHANGHAI, *over))


def test_the_day_is_the_contracts_wherever_the_clock_stands():
    moment = at(BERLIN, 2026, 9, 28, 19)  # already Tuesday in Shanghai, Monday in Berlin

    assert due(moment, 1, SHANGHAI, october) == at(SHANGHAI, 2026, 10, 1)
    assert due(moment, 1, BERLIN, weekday) == at(BERLIN, 2026, 9, 30)
    assert due(moment, 1, KIRITIMATI, weekday) == at(KIRITIMATI, 2026, 10, 1)


@pytest.mark.parametrize(("begun", "hours"), [((2026, 3, 27, 12), 24), ((2026, 10, 23, 12), 24)])
def test_a_change_of_the_clocks_moves_no_deadline_from_midnight(begun, hours):
    over = due(at(BERLIN, *begun), 1, BERLIN, weekday)

    assert datetime.fromtimestamp(over / 1000, BERLIN).hour == 0
    assert over - at(BERLIN, *begun) > hours * 3_600_000


def test_a_calendar_without_working_days_is_named():
    with pytest.raises(UsageError, match="no working day"):
        due(0, 1, SHANGHAI, lambda _: False)


@given(st.integers(0, 4 * 10**12), st.integers(1, 60), st.integers(0, 10**9), st.sampled_from([SHANGHAI, BERLIN]))
def test_more_days_and_a_later_beginning_are_never_over_sooner(begun, days, later, zone):
    over = due(begun, days, zone, weekday)

    assert begun < over < due(begun, days + 1, zone, weekday)
    assert over <= due(begun + later, days, zone, weekday)


@pytest.mark.parametrize(
    ("now", "over", "days"),
    [
        pytest.param((2026, 9, 30, 23, 59), (2026, 10, 1), 0, id="today-is-the-last"),
        pytest.param((2026, 9, 30, 10), (2026, 10, 9), 1, id="the-holiday-does-not-count"),
        pytest.param((2026, 10, 9, 10), (2026, 10, 13), 2, id="the-saturday-that-is-worked-does"),
        pytest.param((2026, 10, 9, 10), (2026, 10, 9), 0, id="it-is-over"),
    ],
)
def test_so_many_working_days_are_left_after_today(now, over, days):
    assert days == left(at(SHANGHAI, *now), at(SHANGHAI, *over), SHANGHAI, october)


@given(st.integers(0, 40), st.integers(0, 400 * 24))
def test_on_the_day_something_happens_all_its_working_days_are_left(days, hour):
    begun = at(SHANGHAI, 2026, 1, 1) + hour * 3_600_000

    assert days == left(begun, due(begun, days, SHANGHAI, weekday), SHANGHAI, weekday)
