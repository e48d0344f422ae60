"""Faults, assets and rates: what is summed of what was seen, and what stays open."""

from dataclasses import replace
from fractions import Fraction
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.model import Contract, Objective, Rules, Selector, ServiceItem
from netops.errors import UsageError
from netops.metrics import optics
from netops.sla import derived, rules, streams
from netops.sla.derived import Figure
from netops.sla.intervals import Cause, Interval, State
from netops.sla.measured import Look, rates, samples
from netops.sla.timeline import joined

H = 3_600_000
STATES = {"u": State.UP, "d": State.DOWN, "p": State.DOWN, "g": State.DEGRADED, "?": State.UNKNOWN}
CAUSES = {"d": Cause.CARRIER, "p": Cause.POWER, "?": Cause.MONITOR}


def hours(letters):
    """Return a line of one letter an hour."""
    return joined(
        Interval(i * H, (i + 1) * H, STATES[each], CAUSES.get(each, Cause.NONE)) for i, each in enumerate(letters)
    )


def counted(indicator, threshold, letters, *, out=(), judged=None, excused=()):
    """Return `(hour, state)` of each thing that counts."""
    figure = Figure(indicator=indicator, threshold=Fraction(threshold), excused=frozenset(excused))
    window = ((0, len(letters) * H),) if judged is None else judged
    made = figure.of(hours(letters), judged=window, out=tuple((a * H, b * H) for a, b in out))
    assert all(each.length_ms == 1 for each in made.parts)
    there = {start for start, _ in made.judged}
    return [(each.start_ms // H, each.state.value) for each in made.parts if each.start_ms in there]


@pytest.mark.parametrize(
    ("letters", "out", "expected"),
    [
        ("uuddu", (), [(2, "UP")]),
        ("uudddu", (), [(2, "DOWN")]),
        ("uudddu", ((3, 4),), [(2, "UP")]),  # what a claim in force excuses is not time of the repair
        ("uddu?dddu", (), [(1, "UP"), (5, "DOWN")]),  # late, whenever it began
        ("udd?", (), [(1, "UNKNOWN")]),  # open: nobody knows when it was over
        ("ddu", (), [(0, "UNKNOWN")]),  # open: nobody knows when it began
        ("u?d?u", (), [(2, "UNKNOWN")]),
        ("upddu", (), [(1, "DOWN")]),
        ("uuuu", (), []),
        ("????", (), []),
    ],
)
def test_a_fault_is_repaired_in_time_or_late_or_open(letters, out, expected):
    assert counted(derived.REPAIR, "2", letters, out=out) == expected


def test_a_late_fault_goes_on_the_account_of_its_longest_part():
    made = Figure(indicator=derived.REPAIR, threshold=Fraction(1)).of(hours("uppdu"), judged=((0, 5 * H),), out=())

    assert [(each.state, each.cause, each.because) for each in made.parts] == [
        (State.DOWN, Cause.POWER, derived.LATE),
    ]


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("udu" + "u" * 22 + "udu", [(1, "UP"), (26, "DOWN")]),  # 24 hours after the first was over
        ("udu" + "u" * 23 + "udu", [(1, "UP"), (27, "UP")]),
        ("ud?du", [(1, "UP"), (3, "UNKNOWN")]),  # perhaps one fault
        ("ud?u?du", [(1, "UP"), (5, "DOWN")]),
        ("dudud", [(0, "UP"), (2, "DOWN"), (4, "DOWN")]),
    ],
    ids=len,
)
def test_a_fault_soon_after_another_of_the_same_service_is_a_repeat(letters, expected):
    assert counted(derived.REPEAT, "1", letters) == expected


def test_the_repeated_faults_of_a_line_that_flaps_all_month_are_counted_in_no_time():
    line, began = hours("ud" * 10_000), process_time()

    made = Figure(indicator=derived.REPEAT, threshold=Fraction(1)).of(line, judged=((0, 20_000 * H),), out=())

    assert sum(each.state is State.DOWN for each in made.parts) == 9_999
    assert process_time() - began < 5  # looking through all that was up for each fault took half a minute


@pytest.mark.parametrize(
    ("letters", "out", "expected"),
    [
        ("uudd", (), [(0, "UP")]),
        ("ugdd", (), [(0, "UP")]),
        ("uddd", (), [(0, "DOWN")]),
        ("u?dd", (), [(0, "UNKNOWN")]),
        ("uddd", ((2, 3),), [(0, "UNKNOWN")]),  # excused: it could not show it
        ("updd", (), [(0, "UNKNOWN")]),
        ("u", (), [(0, "UP")]),  # up all the time that it was contracted
        ("dudd", ((0, 1),), [(1, "UNKNOWN")]),  # counted where nothing excuses it
    ],
)
def test_an_asset_is_active_when_it_was_up_for_so_long(letters, out, expected):
    assert counted(derived.ACTIVE, "2", letters, out=out, excused={Cause.POWER}) == expected


@pytest.mark.parametrize(("share", "expected"), [("1", State.DOWN), ("1/2", State.UP), ("3/4", State.DOWN)], ids=str)
def test_an_asset_needs_less_where_it_was_contracted_for_a_part_of_the_month(share, expected):
    figure = Figure(indicator=derived.ACTIVE, threshold=Fraction(2))

    made = figure.of(hours("dudd"), judged=((0, 4 * H),), out=(), share=Fraction(share))

    assert [each.state for each in made.parts] == [expected]


def test_a_service_without_judged_time_is_no_asset():
    assert counted(derived.ACTIVE, "2", "uu", judged=()) == []


def test_a_fault_counts_where_its_beginning_is_judged():
    assert counted(derived.REPAIR, "9", "uduudu", judged=((2 * H, 6 * H),)) == [(4, "UP")]


def shares(line, judged, out=(), contracted="1000"):
    made = Figure(indicator=derived.RATE, threshold=Fraction(contracted)).of(line, judged=judged, out=out)
    return [(each.start_ms, each.end_ms, each.state.value) for each in made.parts]


def test_a_rate_is_a_share_of_its_slot_and_no_more_than_all_of_it():
    line = [
        Interval(0, 600, State.UP, because="250"),
        Interval(600, 1200, State.UP, because="5000"),
        Interval(1200, 1800, State.DOWN, Cause.CARRIER, "no_answer"),
        Interval(1800, 2400, State.UNKNOWN, Cause.MONITOR),
        Interval(2400, 3000, State.UP, because="0"),
    ]

    assert shares(line, ((0, 3000),)) == [
        (0, 150, "UP"),
        (150, 600, "DOWN"),
        (600, 1200, "UP"),
        (1200, 1800, "DOWN"),
        (1800, 2400, "UNKNOWN"),
        (2400, 3000, "DOWN"),
    ]


def test_an_excused_half_of_a_slot_takes_half_of_its_good_share():
    line = [Interval(0, 600, State.UP, because="500")]

    assert shares(line, ((0, 600),), out=((0, 200),)) == [
        (0, 100, "UP"),
        (100, 200, "DOWN"),
        (200, 400, "UP"),
        (400, 600, "DOWN"),
    ]


@given(st.integers(0, 10**9), st.integers(1, 10**9), st.integers(1, 10**7))
def test_a_rate_is_rounded_in_favour_of_who_is_judged_and_hardly(rate, contracted, length):
    line = [Interval(0, length, State.UP, because=str(rate))]
    up = sum(end - start for start, end, state in shares(line, ((0, length),), contracted=contracted) if state == "UP")
    exact = min(Fraction(rate, contracted), Fraction(1)) * length

    assert exact <= up <= exact + Fraction(length, derived.SHARES) + 1


STREAM = streams.Stream(metric=derived.RATE, sign=">=", threshold="1000", every_s=900)


def look(value, source="vp/a", slot=0):
    code = value if isinstance(value, str) else ""
    return Look(
        slot_ms=slot * 900_000,
        at_ms=slot * 900_000,
        source=source,
        metric="probe.throughput",
        value=None if code else value,
        code=code,
    )


@pytest.mark.parametrize(
    ("looks", "quorum", "expected"),
    [
        ([look(800.0)], 1, ("UP", "800")),
        ([look(800.25)], 1, ("UP", "801")),
        ([look(0.0)], 1, ("UP", "0")),
        ([look(800.0), look(900.0, "vp/b")], 1, ("UP", "900")),  # of its targets the best
        ([look(800.0), look("no_answer", "vp/b")], 1, ("UP", "800")),
        ([look("no_answer"), look("no_answer", "vp/b")], 1, ("DOWN", "no_answer")),
        ([look(800.0), look("deadline", "vp/b")], 1, ("UNKNOWN", "deadline")),  # it may have been faster there
        ([look(800.0)], 2, ("UNKNOWN", "no quorum")),
        ([look(800.0), look(900.0, "wp/a")], 2, ("UP", "900")),
        ([], 1, None),
    ],
    ids=str,
)
def test_a_slot_holds_the_rate_that_was_reached_once_the_quorum_has_measured_it(looks, quorum, expected):
    found = rates(replace(STREAM, quorum=quorum, vantages=2), looks)

    assert [(each.state.value, each.because) for each in found] == ([] if expected is None else [expected])


def test_each_slot_has_its_own_rate():
    found = rates(STREAM, [look(800.0), look(100.0, slot=1), look(7.0, slot=1)])

    assert [(each.slot_ms, each.because) for each in found] == [(0, "800"), (900_000, "7")]


ITEM = ServiceItem(id="fiber", kind="fiber", select=Selector())
CONTRACT = Contract(id="c", version="1", carrier="x", title="", valid_from_ms=0, items=(ITEM,))


@pytest.mark.parametrize(
    ("indicator", "threshold", "changed", "message"),
    [
        (derived.REPAIR, "", {}, "threshold is ''; 'fault.repair' needs a plain decimal number of h"),
        (derived.REPAIR, "4h", {}, "threshold is '4h'"),
        (derived.REPEAT, "0", {}, "threshold is 0; 'fault.repeat' needs more than 0 d"),
        (derived.ACTIVE, "1", {"aggregation": "any_down"}, "aggregation is 'any_down'.*expected 'object_time_mean'"),
        (derived.ACTIVE, "1", {"empty_history": "as_up"}, "empty_history is 'as_up'"),
        (derived.RATE, "-5", {}, "needs more than 0 bit/s, the contracted rate"),
        (derived.RATE, "1000", {"min_outage_s": 60}, "min_outage_s is '60'.*expected '0'"),
        (derived.RATE, "1000", {"outage_edge": "midpoint"}, "outage_edge is 'midpoint'"),
        ("fault.repairs", "4", {}, "did you mean 'fault.repair'"),
    ],
)
def test_what_such_a_promise_cannot_have_is_refused(indicator, threshold, changed, message):
    each = Objective(id="o", indicator=indicator, target="90", threshold=threshold, rules=replace(Rules(), **changed))

    with pytest.raises(UsageError, match=message):
        rules.objective(CONTRACT, ITEM, each)


def test_things_are_not_credited_by_the_minute():
    each = Objective(id="o", indicator=derived.REPAIR, target="90", threshold="4")

    with pytest.raises(UsageError, match=r"'fault\.repair' counts things, not minutes"):
        rules.objective(CONTRACT, replace(ITEM, double_credit="by_minute"), each)


MARGIN = streams.Stream(metric="pon.onu.margin.gpon_b_plus", sign=">=", threshold="0", every_s=3600)


@pytest.mark.parametrize(
    ("received", "threshold", "good"),
    [
        (-27.0, "0", True),
        (-27.01, "0", False),
        (-8.0, "0", True),
        (-7.9, "0", False),  # too much light blinds as well
        (-25.0, "2", True),
        (-25.5, "2", False),
        (-10.0, "2", True),
        (-9.5, "2", False),
        (-27.5, "-0.5", True),
    ],
)
def test_received_power_keeps_a_margin_to_both_limits_of_the_class(received, threshold, good):
    seen = Look(slot_ms=0, at_ms=0, source="olt-1", metric="pon.onu.rx_power", value=received)

    (found,) = samples(replace(MARGIN, threshold=threshold), [seen])

    assert (found.state is State.UP) is good
    if not good:
        assert (found.cause, found.because) == (Cause.CARRIER, f"not pon.onu.margin.gpon_b_plus >= {threshold}")


def test_a_margin_is_looked_for_in_the_received_power_and_what_it_says_of_itself_is_another_metric():
    assert MARGIN.metrics == ("pon.onu.rx_power",)
    seen = Look(slot_ms=0, at_ms=0, source="olt-1", metric=MARGIN.metric, value=20.0)
    assert samples(MARGIN, [seen]) == []


def test_each_class_has_room_between_its_limits_and_an_entry_in_the_catalogue():
    for name, (low, high) in optics.LIMITS.items():
        assert Fraction(low) < Fraction(high)
        assert streams.promised(name) is not None
