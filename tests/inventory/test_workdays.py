"""Public holidays and shifted working days: as published, complete, and refused where a year is not there."""

from datetime import date, timedelta

import chinese_calendar
import pytest

from inventory import workdays
from inventory.errors import FilesError, UsageError

GOOD = """calendar: cn
year: 2026
source: x
holidays:
  - {name: a, first: 2026-10-01, last: 2026-10-07}
workdays: [2026-10-10]
"""


@pytest.mark.parametrize("number", [2025, 2026])
def test_every_day_is_as_an_independent_calendar_has_it(number):
    """`chinesecalendar` is nobody's relation of ours; it calls weekends holidays too, so both are compared."""
    day = date(number, 1, 1)
    days = [day + timedelta(days=n) for n in range(366) if (day + timedelta(days=n)).year == number]
    named = {each for each in days if each in chinese_calendar.constants.holidays}

    assert [each for each in days if workdays.is_workday("cn", each) != chinese_calendar.is_workday(each)] == []
    assert {each for each in days if workdays.kind("cn", each) == "holiday"} == named


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        (date(2026, 10, 10), "workday"),  # a Saturday, worked for the National Day
        (date(2026, 10, 1), "holiday"),
        (date(2026, 10, 3), "holiday"),  # a Saturday within the holiday
        (date(2026, 10, 11), "weekend"),
        (date(2026, 10, 12), "workday"),
        (date(2025, 1, 26), "workday"),
    ],
)
def test_kinds_of_days(day, kind):
    assert workdays.kind("cn", day) == kind


def test_a_year_that_nobody_has_published_is_refused_by_name():
    with pytest.raises(UsageError, match=r"calendar 'cn' has no year 2027: expected inventory/calendars/cn-2027\.yaml"):
        workdays.kind("cn", date(2027, 1, 4))


@pytest.mark.parametrize("name", ["de", "../cn", ""])
def test_an_unknown_calendar_is_refused(name):
    with pytest.raises(UsageError, match="has no year 2026"):
        workdays.year(name, 2026)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("2026-10-10", "2026-10-12", "no weekend day"),
        ("2026-10-10", "2026-10-03", "a holiday"),
        ("2026-10-10", "2027-10-10", "is not in 2026"),
        ("2026-10-10", "october", "'workdays' has 'october'"),
        ("last: 2026-10-07", "last: 2026-09-07", "runs from 2026-10-01 to 2026-09-07"),
        ("last: 2026-10-07", "last: 2026-12-07", "runs from"),
        ("last: 2026-10-07}", "last: 2026-10-07}\n  - {name: b, first: 2026-10-07, last: 2026-10-08}", "two holidays"),
        ("year: 2026", "year: 2025", "is called cn-2026.yaml"),
        ("source: x\n", "", "lacks 'source'"),
        ("workdays:", "workday:", "no 'workday'"),
    ],
)
def test_a_calendar_that_contradicts_itself_is_refused_with_its_place(old, new, what):
    assert workdays.read(GOOD.encode(), "cn-2026.yaml").workdays == {date(2026, 10, 10)}
    with pytest.raises(FilesError, match=r"cn-2026\.yaml:\d+: ") as refused:
        workdays.read(GOOD.replace(old, new).encode(), "cn-2026.yaml")

    assert what in str(refused.value)
