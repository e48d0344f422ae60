"""The worked examples of availability: what the rules must give, to the last digit printed."""

from fractions import Fraction

import pytest

from netops.errors import UsageError
from netops.sla import aggregate, availability, changes
from netops.sla.aggregate import Aggregation, Object
from netops.sla.availability import ExclusionMode, Modes, Tally, UnknownMode
from netops.sla.changes import Change
from netops.sla.intervals import Cause, Interval, State
from netops.sla.numbers import percent, shown

H = 3_600_000
MONTH = ((0, 720 * H),)
ANY = Fraction(1)


def history(*down, unknown=(), end=720 * H):
    marks = [(s, e, State.DOWN) for s, e in down] + [(s, e, State.UNKNOWN) for s, e in unknown]
    made, at = [], 0
    for s, e, state in sorted(marks):
        if s > at:
            made.append(Interval(at, s, State.UP))
        made.append(Interval(s, e, state, Cause.CARRIER))
        at = e
    if at < end:
        made.append(Interval(at, end, State.UP))
    return made


def value(intervals, *, excluded=(), judged=MONTH, **modes):
    sums = availability.tally(intervals, judged=judged, excluded=excluded)
    return availability.judge(sums, Modes(**{"max_unknown_ratio": ANY} | modes))


MAINTENANCE = ((100 * H, 104 * H),)
OUTAGES = ((101 * H, 103 * H), (300 * H, 301 * H))
BLIND = ((500 * H, 512 * H),)


@pytest.mark.parametrize(
    ("exclusion", "unknown", "blind", "expected"),
    [
        pytest.param("not_excluded", "removed", (), "99.583333", id="nothing-excluded"),
        pytest.param("count_as_up", "removed", (), "99.861111", id="excluded-counted-as-up"),
        pytest.param("remove_from_denominator", "removed", (), "99.860335", id="excluded-removed"),
        pytest.param("remove_from_denominator", "as_up", BLIND, "99.860335", id="monitor-outage-as-up"),
        pytest.param("remove_from_denominator", "removed", BLIND, "99.857954", id="monitor-outage-removed"),
        pytest.param("remove_from_denominator", "as_down", BLIND, "98.184357", id="monitor-outage-as-down"),
    ],
)
def test_four_hours_of_maintenance_and_an_outage_outside_it(exclusion, unknown, blind, expected):
    """The examples round half up; ours round down, so two of them differ in the last digit and agree exactly."""
    found = value(
        history(*OUTAGES, unknown=blind),
        excluded=MAINTENANCE,
        exclusion=ExclusionMode(exclusion),
        unknown=UnknownMode(unknown),
    )

    assert shown(percent(found.ratio)) == expected


@pytest.mark.parametrize(
    ("unknown", "exact", "printed"),
    [
        ("removed", Fraction(703, 704), 99.857955),
        ("as_down", Fraction(703, 716), 98.184358),
        ("as_up", Fraction(715, 716), 99.860335),
    ],
)
def test_the_unrounded_value_is_the_fraction_of_hours(unknown, exact, printed):
    found = value(
        history(*OUTAGES, unknown=BLIND),
        excluded=MAINTENANCE,
        exclusion=ExclusionMode.REMOVE,
        unknown=UnknownMode(unknown),
    )

    assert (found.ratio, round(float(found.ratio * 100), 6)) == (exact, printed)


def test_both_bounds_are_what_the_unseen_time_could_have_been():
    found = value(history(*OUTAGES, unknown=BLIND), excluded=MAINTENANCE, exclusion=ExclusionMode.REMOVE)

    assert (found.lower, found.ratio, found.upper) == (Fraction(703, 716), Fraction(703, 704), Fraction(715, 716))


def test_too_much_unknown_time_is_not_determinable():
    modes = {"exclusion": ExclusionMode.REMOVE, "max_unknown_ratio": Fraction(12, 720)}

    within = value(history(unknown=BLIND), **modes)
    beyond = value(history(unknown=((500 * H, 512 * H + 1),)), **modes)

    assert (within.determinable, beyond.determinable) == (True, False)


@pytest.mark.parametrize(
    ("aggregation", "objects", "expected"),
    [
        pytest.param(Aggregation.OBJECT_TIME, 0, "99.965277", id="object-time"),
        pytest.param(Aggregation.ANY_DOWN, 0, "99.861111", id="any-down"),
        pytest.param(Aggregation.OBJECT_TIME, 1, "99.964759", id="the-controller-as-201st-object"),
        pytest.param(Aggregation.ALL_DOWN, 0, "100.000000", id="all-down"),
        pytest.param(Aggregation.OBJECT_MEAN, 0, "99.965277", id="mean-of-objects"),
        pytest.param(Aggregation.WEIGHTED, 0, "99.930555", id="the-50-weigh-double-so-many"),
    ],
)
def test_two_hundred_access_points_lose_a_controller_for_an_hour(aggregation, objects, expected):
    hit, spared = history((10 * H, 11 * H)), history()
    all_ = [hit] * (50 + objects) + [spared] * 150
    tallies = [availability.tally(each, judged=MONTH) for each in all_]
    modes = Modes()
    match aggregation:
        case Aggregation.OBJECT_TIME:
            ratio = aggregate.by_time(tallies, modes)
        case Aggregation.OBJECT_MEAN:
            ratio = aggregate.by_object(tallies, modes, "o")
        case Aggregation.WEIGHTED:
            weights = [Fraction(3, 4)] * 50 + [Fraction(1, 4)] * 150
            ratio = aggregate.by_weight(list(zip(tallies, weights, strict=True)), modes)
        case _:
            unit = aggregate.united([Object(intervals=each, judged=MONTH) for each in all_], aggregation=aggregation)
            ratio = aggregate.by_time([unit], modes)

    assert shown(percent(ratio.value)) == expected


def icinga(text):
    """Read `S(time,state,previous)` and `D(start,end)`; 0 is up, 2 down, 99 unknown."""
    states = {"0": State.UP, "2": State.DOWN, "99": State.UNKNOWN}
    found, excluded = [], []
    for part in filter(None, text.replace(" ", "").split(")")):
        numbers = part[2:].split(",")
        if part[0] == "S":
            found.append(Change(int(numbers[0]), states[numbers[1]], states[numbers[2]]))
        else:
            excluded.append((int(numbers[0]), int(numbers[1])))
    return found, tuple(excluded)


@pytest.mark.parametrize(
    ("window", "text", "expected"),
    [
        pytest.param(
            (1000, 2000),
            "S(1000,2,99)S(1100,0,2)S(1300,2,0)S(1400,0,2)S(1600,2,0)S(1700,0,2)S(1900,2,0)",
            Fraction(60),
            id="four-outages",
        ),
        pytest.param((1000, 1300), "S(1000,2,99)S(1100,0,2)", Fraction(200, 3), id="short-window"),
        pytest.param((1000, 2000), "D(1100,1300)D(1400,1600)S(1200,2,0)S(1500,0,2)", Fraction(90), id="two-downtimes"),
        pytest.param((1000, 2000), "S(800,2,99)D(600,1800)", Fraction(80), id="downtime-from-before"),
        pytest.param((1000, 2000), "S(1200,0,2)", Fraction(80), id="state-from-previous"),
        pytest.param((1000, 2000), "S(1500,2,99)S(1700,0,2)", Fraction(60), id="unknown-removed"),
        pytest.param((1000, 2000), "", Fraction(100), id="empty-history-compatible"),
    ],
)
def test_state_changes_give_icingas_figures(window, text, expected):
    found, excluded = icinga(text)
    intervals = changes.intervals(found, start_ms=window[0], end_ms=window[1], empty_is_up=True)
    result = value(intervals, judged=(window,), excluded=excluded, exclusion=ExclusionMode.COUNT_AS_UP)

    assert result.ratio * 100 == expected


def test_an_empty_history_is_not_determinable_in_the_strict_profile():
    intervals = changes.intervals([], start_ms=1000, end_ms=2000)

    assert not value(intervals, judged=((1000, 2000),)).determinable


@pytest.mark.parametrize("window", [(2000, 2000), (2000, 1000)], ids=["zero", "negative"])
def test_a_window_without_length_is_an_error(window):
    with pytest.raises(UsageError, match="empty or negative"):
        changes.intervals([], start_ms=window[0], end_ms=window[1])


def test_a_cause_that_the_contract_excuses_is_excluded_time():
    intervals = [
        Interval(0, 10, State.DOWN, Cause.POWER),
        Interval(10, 30, State.DOWN, Cause.CARRIER),
        Interval(30, 100, State.UP),
    ]
    sums = availability.tally(intervals, judged=((0, 100),), excused=[Cause.POWER])

    assert sums == Tally(up=70, down=20, excluded_down=10)


def test_no_object_alive_is_down_only_while_the_known_ones_decide():
    up, down, blind = ([Interval(0, 10, state)] for state in (State.UP, State.DOWN, State.UNKNOWN))

    def unit(aggregation, *objects):
        return aggregate.united(
            [Object(intervals=each, judged=((0, 10),)) for each in objects], aggregation=aggregation
        )

    assert unit(Aggregation.ALL_DOWN, down, blind) == Tally(unknown=10)
    assert unit(Aggregation.ALL_DOWN, down, down) == Tally(down=10)
    assert unit(Aggregation.ALL_DOWN, up, blind) == Tally(up=10)
    assert unit(Aggregation.ANY_DOWN, up, blind) == Tally(unknown=10)
    assert unit(Aggregation.ANY_DOWN, down, blind) == Tally(down=10)


def test_an_object_that_joined_in_mid_month_is_judged_pro_rata():
    judged = availability.contracted(MONTH, valid=((360 * H, 720 * H),))
    found = value(history((0, 100 * H), (400 * H, 436 * H)), judged=judged)

    assert (found.ratio, availability.pro_rata(judged, MONTH)) == (Fraction(9, 10), Fraction(1, 2))
