"""Contracts: versions follow one another, are never edited, and never vanish from the past."""

from dataclasses import replace

import pytest

from inventory.city import City, Source, city_of, key
from inventory.errors import FilesError
from inventory.model import Contract
from inventory.register import Register
from inventory.snapshot import of_city, snapshot
from inventory.tables import FOREVER

FIRST = Contract(id="c", version="1", carrier="a", title="one", valid_from_ms=100)
SECOND = replace(FIRST, version="2", title="two", valid_from_ms=200)
THIRD = replace(FIRST, version="3", title="three", valid_from_ms=300)


@pytest.fixture
def register(url):
    with Register(url, rehearsal=False) as opened:
        yield opened


def filed(*contracts):
    records = {key(each): each for each in contracts}
    return City(records, {at: Source(f"contracts/{at[2]}.yaml:1") for at in records})


def holding(register, *instants, recorded_ms=None):
    found = [snapshot(register, at_ms=at, recorded_ms=recorded_ms).contracts for at in instants]
    return [each[0].version if each else "" for each in found]


def refused(register, city, at_ms=150):
    with pytest.raises(FilesError) as caught:
        register.apply(city, at_ms=at_ms, now_ms=2000)
    return str(caught.value)


def test_each_version_holds_from_its_own_day_until_the_next(register):
    """The instant of the application plays no part."""
    register.apply(filed(FIRST, SECOND, THIRD), at_ms=150, now_ms=1000)

    assert holding(register, 99, 100, 199, 200, 299, 300) == ["", "1", "1", "2", "2", "3"]


@pytest.mark.parametrize("keeps", [True, False], ids=["old file kept", "old file dropped"])
def test_an_amendment_is_a_new_version_and_the_old_one_stays_on_record(register, keeps):
    register.apply(filed(FIRST), at_ms=150, now_ms=1000)

    plan = register.apply(filed(*([FIRST] if keeps else []), SECOND), at_ms=150, now_ms=1100)
    again = register.apply(filed(SECOND), at_ms=160, now_ms=1200)

    assert [(each.action, each.note) for each in plan.changes] == [("change", "amends version 1")]
    assert ("title", "one", "two") in plan.changes[0].fields
    assert again.changes == ()
    assert holding(register, 150, 200, 250) == ["1", "2", "2"]
    assert holding(register, 250, recorded_ms=1050) == ["1"]


def test_the_spells_of_a_contract_split_the_period_at_the_amendment(register):
    register.apply(filed(FIRST, SECOND), at_ms=150, now_ms=1000)

    spells = register.spells("contract", start_ms=150, end_ms=250)

    assert [(each.record.version, each.from_ms, each.to_ms) for each in spells] == [("1", 150, 200), ("2", 200, 250)]


def test_a_silent_edit_is_refused_with_the_remedy(register):
    register.apply(filed(FIRST), at_ms=150, now_ms=1000)

    said = refused(register, filed(replace(FIRST, title="other", currency="EUR")))

    assert said == (
        "contracts/1.yaml:1: contract 'c' version 1 is recorded and differs here in: title, currency; "
        "a recorded version is never edited: restore it and write the change as a new version"
    )
    assert holding(register, 150) == ["1"]


def test_an_edit_of_a_version_that_was_replaced_is_refused_too(register):
    register.apply(filed(FIRST), at_ms=150, now_ms=1000)
    register.apply(filed(SECOND), at_ms=150, now_ms=1100)

    assert "version 1 is recorded and differs here in: title" in refused(
        register, filed(replace(FIRST, title="other"), SECOND)
    )


def test_an_amendment_before_the_newest_version_is_refused(register):
    register.apply(filed(FIRST, THIRD), at_ms=150, now_ms=1000)

    assert refused(register, filed(FIRST, SECOND, THIRD)).startswith(
        "contracts/2.yaml:1: contract 'c' version 2 starts at 1970-01-01T00:00:00.200Z, "
        "before the recorded version 3 of 1970-01-01T00:00:00.300Z; an amendment starts with or after"
    )


def test_dropping_the_newest_version_in_favour_of_an_older_is_refused(register):
    register.apply(filed(FIRST, SECOND), at_ms=150, now_ms=1000)

    assert "contract 'c': version 2 is recorded, but no file has it" in refused(register, filed(FIRST))


def test_two_new_versions_of_the_same_day_are_refused(register):
    said = refused(register, filed(FIRST, replace(FIRST, version="1b")))

    assert "versions 1 and 1b start at the same instant; give each its own valid_from" in said


def test_a_version_of_the_same_day_corrects_what_was_entered_wrongly(register):
    register.apply(filed(FIRST), at_ms=150, now_ms=1000)
    right = replace(FIRST, version="1b", title="right")

    plan = register.apply(filed(FIRST, right), at_ms=150, now_ms=1100)
    again = register.apply(filed(FIRST, right), at_ms=150, now_ms=1200)

    assert plan.changes[0].note == "corrects version 1 from its first day"
    assert again.changes == ()
    assert holding(register, 100, 150) == ["1b", "1b"]
    assert holding(register, 100, 150, recorded_ms=1050) == ["1", "1"]


def test_an_amendment_of_the_past_says_that_it_is_back_dated(register):
    register.apply(filed(FIRST), at_ms=150, now_ms=1000)

    plan = register.apply(filed(FIRST, SECOND), at_ms=500, now_ms=1100)

    assert plan.changes[0].note == "amends version 1, back-dated"


def test_a_contract_ends_by_its_own_date(register):
    register.apply(filed(replace(FIRST, ends_ms=180)), at_ms=150, now_ms=1000)

    assert holding(register, 179, 180) == ["1", ""]


def test_a_contract_in_no_file_ends_and_what_was_to_come_is_taken_back(register):
    register.apply(filed(FIRST, SECOND), at_ms=150, now_ms=1000)

    plan = register.apply(filed(), at_ms=160, now_ms=1100)

    assert [(each.action, each.at[2], each.from_ms, each.to_ms) for each in plan.changes] == [
        ("end", "1", 160, 200),
        ("end", "2", 200, FOREVER),
    ]
    assert holding(register, 159, 160, 250) == ["1", "", ""]
    assert holding(register, 250, recorded_ms=1050) == ["2"]


def test_a_contract_whose_file_is_back_holds_again_from_then_on(register):
    register.apply(filed(FIRST), at_ms=150, now_ms=1000)
    register.apply(filed(), at_ms=160, now_ms=1100)

    plan = register.apply(filed(FIRST), at_ms=170, now_ms=1200)
    again = register.apply(filed(FIRST), at_ms=180, now_ms=1300)

    assert [(each.action, each.note) for each in plan.changes] == [("add", "in the files again")]
    assert again.changes == ()
    assert holding(register, 159, 165, 170) == ["1", "", "1"]


def test_all_versions_that_are_back_hold_again_each_in_its_own_time(register):
    register.apply(filed(FIRST, SECOND, THIRD), at_ms=150, now_ms=1000)
    register.apply(filed(), at_ms=160, now_ms=1100)

    register.apply(filed(THIRD, SECOND, FIRST), at_ms=170, now_ms=1200)

    assert holding(register, 159, 169, 170, 199, 200, 299, 300) == ["1", "", "1", "1", "2", "2", "3"]


def test_of_two_versions_of_the_same_day_the_correction_comes_back(register):
    right = replace(FIRST, version="0", title="right")
    register.apply(filed(FIRST), at_ms=150, now_ms=1000)
    register.apply(filed(right, FIRST), at_ms=150, now_ms=1100)
    register.apply(filed(), at_ms=160, now_ms=1200)

    register.apply(filed(right, FIRST), at_ms=170, now_ms=1300)

    assert holding(register, 159, 169, 170) == ["0", "", "0"]


def test_a_contract_taken_back_before_it_began_can_come_again(register):
    register.apply(filed(FIRST), at_ms=50, now_ms=1000)
    register.apply(filed(), at_ms=60, now_ms=1100)
    register.apply(filed(FIRST), at_ms=70, now_ms=1200)

    assert holding(register, 99, 100) == ["", "1"]


def test_a_contract_that_is_over_stays_as_it_is(register):
    over = replace(FIRST, ends_ms=120)
    register.apply(filed(over), at_ms=150, now_ms=1000)

    assert register.apply(filed(over), at_ms=160, now_ms=1100).changes == ()
    assert register.apply(filed(), at_ms=170, now_ms=1200).changes == ()
    assert holding(register, 110) == ["1"]


def test_files_alone_show_the_version_that_holds():
    city = city_of([FIRST, SECOND, replace(FIRST, id="over", ends_ms=120)])

    assert [[c.version for c in of_city(city, at_ms=at, rehearsal=False).contracts] for at in (50, 110, 150, 250)] == [
        [],
        ["1", "1"],
        ["1"],
        ["2"],
    ]


OCTOBER, NOVEMBER = 1_790_784_000_000, 1_793_462_400_000  # midnight in Shanghai


@pytest.mark.parametrize(
    ("field", "value", "was"),
    [("currency", "USD", "CNY"), ("credit_cap_percent", "1", "none")],
    ids=["currency", "cap"],
)
@pytest.mark.parametrize("recorded", [True, False], ids=["first recorded", "both new"])
def test_a_change_of_what_a_month_has_one_of_is_refused_inside_it(register, recorded, field, value, was):
    """Credits of the two parts could not be added; a late cap would rule the weeks before it."""
    first = replace(FIRST, valid_from_ms=OCTOBER)
    second = replace(SECOND, valid_from_ms=NOVEMBER - 1, **{field: value})
    if recorded:
        register.apply(filed(first), at_ms=150, now_ms=1000)

    told = refused(register, filed(first, second), OCTOBER)

    assert f"contract 'c' version 2 turns '{field}' from {was} into {value} inside a month" in told
    assert "start on the first of a month" in told


def test_a_change_of_currency_with_the_month_is_taken(register):
    first = replace(FIRST, valid_from_ms=OCTOBER)
    register.apply(filed(first), at_ms=150, now_ms=1000)

    register.apply(filed(first, replace(SECOND, valid_from_ms=NOVEMBER, currency="USD")), at_ms=150, now_ms=1100)

    assert holding(register, NOVEMBER - 1, NOVEMBER) == ["1", "2"]
