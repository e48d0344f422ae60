"""What probes and doors measured becomes slots: good, bad, or not measured and on whose account."""

from dataclasses import replace
from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory import codec
from inventory.model import Objective, Rules
from netops.errors import UsageError
from netops.evidence import seen
from netops.metrics import METRICS, optics
from netops.model import OURS as OUR_REASONS
from netops.sla import measured, streams
from netops.sla.intervals import Cause, State
from netops.sla.measured import Look
from netops.sla.percentiles import nearest_rank

M = 60_000
T0 = 1_790_784_000_000
GOOD, BAD = (State.UP, Cause.NONE), (State.DOWN, Cause.CARRIER)
SILENT = (State.DOWN, Cause.UNDETERMINED)
OURS, OPEN = (State.UNKNOWN, Cause.MONITOR), (State.UNKNOWN, Cause.UNDETERMINED)


def objective(indicator="probe.rtt.p95", threshold="30", **rules):
    return Objective(id="x", indicator=indicator, target="99", threshold=threshold, rules=replace(Rules(), **rules))


def stream(*args, **rules):
    found = streams.stream(objective(*args, **rules))
    assert found is not None
    return found


def look(value, source="vp/a", *, n=0, metric="probe.rtt.p95"):
    """A number was measured; a word is why none was."""
    said = {"value": None, "code": value} if isinstance(value, str) else {"value": value}
    return Look(slot_ms=T0 + n * M, at_ms=T0 + n * M + 7, source=source, metric=metric, **said)


def slots(*looks, of=None, **more):
    return [(each.state, each.cause) for each in measured.samples(of or stream(), looks, **more)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (30.0, GOOD),
        (30.000000000000004, BAD),
        ("no_answer", SILENT),
        ("refused", SILENT),
        ("clock", OURS),
        ("anchors_lost", OURS),
        ("budget", OURS),
        ("row_missing", OPEN),
        ("out_of_range", OPEN),
    ],
)
def test_a_look_is_good_bad_or_not_measured_on_somebodys_account(value, expected):
    assert slots(look(value)) == [expected]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((10.0, 99.0), GOOD),
        (("no_answer", 10.0), GOOD),
        (("no_answer", 99.0), SILENT),
        (("no_answer", "no_answer"), SILENT),
        (("no_answer", "deadline"), OURS),
        ((99.0, "clock"), OURS),
    ],
    ids=str,
)
def test_a_vantage_point_accuses_with_all_its_targets_of_the_service(values, expected):
    assert slots(*(look(each, f"vp/{n}") for n, each in enumerate(values))) == [expected]


@pytest.mark.parametrize(
    ("values", "need", "expected"),
    [
        ((99.0, 99.0, 10.0), 2, BAD),
        ((99.0, 10.0, 10.0), 2, GOOD),
        ((99.0, "deadline", "deadline"), 2, OURS),
        ((99.0,), 2, OURS),
        ((99.0, 99.0), 3, OURS),
        ((99.0, 10.0), 1, BAD),
    ],
    ids=str,
)
def test_down_takes_the_quorum_of_vantage_points(values, need, expected):
    of = stream(quorum=need, vantages=3)

    assert slots(*(look(each, f"vp-{n}/a") for n, each in enumerate(values)), of=of) == [expected]


@pytest.mark.parametrize(
    ("error", "expected"), [(1.0, GOOD), (3.0, GOOD), (3.001, OURS), ("no_answer", OURS), (None, OURS)]
)
def test_a_one_way_delay_stands_only_where_the_clocks_err_by_less_than_their_share_of_the_threshold(error, expected):
    metric = "probe.delay_there.p95"
    of = stream(metric, "30", max_clock_error_ratio="0.1")
    told = [look(20.0, metric=metric)] + ([look(error, metric="probe.clock.error")] if error is not None else [])

    assert slots(*told, of=of) == [expected]
    if error == 1.0:
        doubtful = replace(told[1], code="stale")
        assert slots(told[0], doubtful, of=of) == [OURS]


@pytest.mark.parametrize("metric", sorted(streams.ANSWERED_IN))
@pytest.mark.parametrize(("right", "expected"), [(1.0, GOOD), (0.0, SILENT), (None, GOOD)])
def test_an_error_that_came_in_no_time_keeps_no_promise(metric, right, expected):
    of = stream(metric, "50")
    told = [look(2.0, metric=metric)] + ([look(right, metric="probe.reached")] if right is not None else [])

    assert slots(*told, of=of) == [expected]


def test_who_is_not_reached_is_down_and_nobody_saw_why():
    of = stream("probe.reached", "1")

    assert slots(look(0.0, metric=of.metric), look(1.0, metric=of.metric, n=1), of=of) == [SILENT, GOOD]


def test_more_is_better_where_the_catalogue_says_so():
    of = stream("probe.throughput", "50000000")

    assert of.good == ">= 50000000"
    assert slots(look(5e7, metric=of.metric), look(49_999_999.0, metric=of.metric, n=1), of=of) == [GOOD, BAD]


def test_who_looks_more_often_than_asked_changes_no_verdict():
    of = stream(check_every_s=300)
    looks = [look(10.0), look(99.0, n=1), look(99.0, n=4), look(99.0, n=5), look(10.0, n=6)]

    found = measured.samples(of, looks)

    assert [(each.slot_ms, each.state) for each in found] == [(T0, State.UP), (T0 + 5 * M, State.DOWN)]


def test_the_step_of_one_vantage_points_clock_blinds_that_one_alone():
    looks = [look(10.0, "vp-1/a"), look(99.0, "vp-2/a"), look(99.0, "vp-2/a", n=1)]

    assert slots(*looks, of=stream(vantages=2), steps={"vp-1": [T0 + 30_000]}) == [BAD, BAD]
    assert slots(*looks, of=stream(vantages=2), steps={"vp-2": [T0 + 30_000]}) == [GOOD, BAD]
    assert slots(look(10.0, "vp-1/a"), steps={"vp-1": [T0]}) == [OURS]


def test_maintenance_is_the_cause_of_what_is_bad_in_it():
    assert slots(look(99.0), look(1.0, n=1), planned=lambda _: True) == [(State.DOWN, Cause.PLANNED), GOOD]


def test_what_a_device_tells_is_unknown_where_it_tells_nothing_and_blind_where_the_collector_was():
    of = stream("pon.onu.rx_power", "-27")
    told = [look("no_answer", "olt-1", metric=of.metric), look(-20.0, "olt-1", metric=of.metric, n=1)]

    assert of.good == ">= -27"
    assert slots(*told, of=of) == [OPEN, GOOD]
    assert slots(*told, of=of, blind={T0 + M}) == [OPEN, OURS]


@pytest.mark.parametrize(("after_s", "expected"), [(59, OPEN), (60, OURS), (179, OURS), (180, OPEN)])
def test_another_door_is_blind_when_it_looked_and_not_when_its_slot_began(after_s, expected):
    """SSH goes round every five minutes, and asks a device at some instant of them."""
    of = stream("pon.onu.rx_power", "-27", check_every_s=300)
    told = replace(look("no_answer", "olt-1/ssh", metric=of.metric), at_ms=T0 + after_s * 1000)

    assert slots(told, of=of, blind={T0 + M, T0 + 2 * M}, blind_ms=M) == [expected]


@pytest.mark.parametrize(("by_ssh", "expected"), [(-20.0, GOOD), (-28.0, BAD), ("no_answer", OPEN)])
def test_a_metric_is_taken_from_whichever_door_tells_it(by_ssh, expected):
    of = stream("pon.onu.rx_power", "-27")
    looks = [look("no_answer", "olt-1", metric=of.metric), look(by_ssh, "olt-1/ssh", metric=of.metric)]

    assert slots(*looks, of=of) == [expected]


@pytest.mark.parametrize(
    ("values", "need", "expected"),
    [
        (("row_missing", "deadline"), 2, OURS),
        (("row_missing",), 2, OURS),
        (("row_missing", 99.0), 2, OPEN),
        (("row_missing", "out_of_range", "deadline"), 2, OPEN),
        (("row_missing", "deadline"), 1, OPEN),
        (("row_missing", 10.0), 2, GOOD),
    ],
    ids=str,
)
def test_what_too_few_vantage_points_did_not_see_is_ours_whatever_their_names(values, need, expected):
    """A contract may count as down what was not shown: one vantage point alone must not bring that about."""
    of = stream(quorum=need, vantages=3)

    for order in permutations(values):
        assert slots(*(look(each, f"vp-{n}/a") for n, each in enumerate(order)), of=of) == [expected]


@pytest.mark.parametrize("order", [("row_missing", "deadline"), ("deadline", "row_missing")])
def test_of_a_vantage_point_whose_targets_were_not_measured_our_reason_stands_and_of_a_device_its_own(order):
    of = stream("pon.onu.rx_power", "-27")
    doors = ["olt-1", "olt-1/ssh"]

    assert slots(*(look(each, f"vp/{n}") for n, each in enumerate(order))) == [OURS]
    assert slots(*(look(each, n, metric=of.metric) for n, each in zip(doors, order, strict=True)), of=of) == [OPEN]


@pytest.mark.parametrize(
    ("first", "then", "expected"),
    [
        ("no_answer", -20.0, GOOD),
        ("deadline", -28.0, BAD),
        ("device_busy", -20.0, GOOD),
        ("device_busy", None, OPEN),
        ("no_answer", "sentinel", OPEN),
        ("sentinel", -20.0, OPEN),
    ],
)
def test_a_door_that_was_silent_hides_no_later_look_of_the_slot_and_one_that_told_does(first, then, expected):
    """Optics are read once an hour: a poll that was lost minutes before is no look at them."""
    of = stream("pon.onu.rx_power", "-27", check_every_s=3600)
    told = [(n, each) for n, each in ((5, first), (10, then), (15, "no_answer")) if each is not None]
    looks = [look(each, "olt-1", n=n, metric=of.metric) for n, each in told]

    assert slots(*looks, of=of) == [expected]
    assert slots(look("deadline"), look(99.0, n=1), of=stream(check_every_s=300)) == [OURS]


@given(st.lists(st.integers(0, 60), min_size=1, max_size=60), st.integers(1, 100))
def test_the_share_of_good_slots_reaches_p_percent_exactly_when_their_pth_percentile_keeps_the_threshold(delays, p):
    found = measured.samples(stream(), [look(float(each), n=n) for n, each in enumerate(delays)])
    share = Fraction(sum(each.state is State.UP for each in found) * 100, len(found))

    assert (share >= p) == (nearest_rank(delays, p) <= 30)


@given(st.lists(st.one_of(st.floats(0, 60), st.sampled_from(["no_answer", "deadline"])), min_size=1, max_size=6))
def test_a_further_bad_target_never_makes_a_slot_better(values):
    looks = [look(each, f"vp/{n}") for n, each in enumerate(values)]
    rank = {State.UP: 2, State.UNKNOWN: 1, State.DOWN: 0}

    (before,), (after,) = slots(*looks), slots(*looks, look(99.0, "vp/z"))

    assert rank[after[0]] <= rank[before[0]]


OUR_CODES = sorted(reason.value for reason in OUR_REASONS)
GAPS = st.sampled_from([*OUR_CODES, "row_missing", "sentinel", "out_of_range", "stale", "torn", "device_busy"])
SAID = st.one_of(st.floats(0, 60), GAPS, st.just("no_answer"))
STREAMS = [
    ("probe.rtt.p95", "30", {"quorum": 1, "vantages": 3}),
    ("probe.rtt.p95", "30", {"quorum": 2, "vantages": 3}),
    ("probe.delay_there.p99", "30", {"quorum": 2, "vantages": 3}),
    ("system.cpu", "30", {}),
]


def told(made, values):
    """Values of one slot by source: two targets of three vantage points each, or three doors of a device."""
    probed = made[0].startswith("probe.")
    names = [f"vp-{n // 2}/{n % 2}" if probed else ("olt-1", "olt-1/ssh", "olt-1/cwmp")[n % 3] for n in range(6)]
    beside = [look(1.0, name, metric="probe.clock.error") for name in names if probed]
    return beside, [look(each, name, metric=made[0]) for each, name in zip(values, names, strict=False)]


@given(st.sampled_from(STREAMS), st.lists(GAPS, min_size=1, max_size=6))
def test_a_gap_counts_as_neither_good_nor_bad(made, gaps):
    beside, looks = told(made, gaps)

    ((state, cause),) = slots(*beside, *looks, of=stream(made[0], made[1], **made[2]))

    assert state is State.UNKNOWN
    if set(gaps) <= set(OUR_CODES):
        assert cause is Cause.MONITOR


@given(st.sampled_from(STREAMS), st.lists(SAID, min_size=1, max_size=6), st.integers(0, 5), GAPS)
def test_a_look_that_is_lost_makes_no_verdict_of_what_was_left_open(made, values, at, gap):
    of = stream(made[0], made[1], **made[2])
    lost = [gap if n == at % len(values) else each for n, each in enumerate(values)]
    beside, before = told(made, values)

    ((was, _),) = slots(*beside, *before, of=of)
    ((now, _),) = slots(*beside, *told(made, lost)[1], of=of)

    assert was is not State.UNKNOWN or now is State.UNKNOWN


@given(st.sampled_from(STREAMS), st.lists(SAID, min_size=1, max_size=6), st.randoms())
def test_the_order_in_which_looks_came_in_decides_nothing(made, values, rng):
    of = stream(made[0], made[1], **made[2])
    beside, looks = told(made, values)
    mixed = [*beside, *looks]
    rng.shuffle(mixed)

    assert slots(*mixed, of=of) == slots(*beside, *looks, of=of)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"threshold": ""}, "no threshold; expected what makes a slot good: 'probe.rtt.p95' <= so many ms"),
        ({"threshold": "3" * 31}, "a threshold of 31 digits"),
        ({"threshold": "1e3"}, "threshold is '1e3'; expected a plain decimal"),
        ({"threshold": "1/3"}, "threshold is '1/3'"),
        ({"max_clock_error_ratio": ""}, "max_clock_error_ratio is ''"),
        ({"quorum": 2}, "quorum 2 of 1 vantage points"),
        ({"indicator": "pon.onu.rx_power", "vantages": 2}, "told by one device"),
        ({"percentile": "linear"}, "by nearest_rank"),
        ({"check_every_s": 7}, "seconds that divide an hour"),
    ],
    ids=lambda value: "" if isinstance(value, str) else ",".join(value),
)
def test_a_promise_on_a_metric_that_cannot_be_judged_is_refused_and_holds_up_no_other(changed, message):
    given_ = objective(**changed)

    with pytest.raises(UsageError, match=message):
        streams.sound(given_, "x")


@pytest.mark.parametrize("name", ["probe.rtt.p59", "probe.kind", "wlan.ap.state", "probe.sent"])
def test_what_has_no_good_direction_is_no_indicator(name):
    with pytest.raises(UsageError, match=f"is '{name}'; expected availability, or a metric"):
        streams.word(name, "x: indicator")


@given(
    st.sampled_from([name for name in METRICS if streams.promised(name) is not None]),
    st.decimals(-(10**9), 10**9, places=6).map(lambda each: f"{each:f}"),
    st.sampled_from(["0", "0.1", "0.100", "1"]),
    st.sampled_from([(1, 1), (2, 3), (99, 99)]),
    st.sampled_from([1, 60, 300, 3600]),
)
def test_the_verifier_writes_by_itself_the_words_by_which_slots_were_judged(name, threshold, share, need, every_s):
    agreed = {"quorum": need[0], "vantages": need[1], "check_every_s": every_s, "max_clock_error_ratio": share}
    given_ = objective(name, threshold, **agreed)

    found = stream(name, threshold, **agreed)

    assert seen.stream_of(codec.plain(given_), found.sign) == found.name
    is_margin = name in optics.LIMITS  # there the threshold is how far within its limits a reading lies
    assert is_margin or found.keeps(float(Fraction(threshold))) or float(Fraction(threshold)) != Fraction(threshold)


def test_every_metric_with_a_direction_can_be_promised():
    found = [name for name in METRICS if streams.promised(name) is not None]

    assert {"probe.loss", "probe.reached", "probe.rtt.p95", "probe.dns.time", "probe.login.success"} <= set(found)
    for name in found:
        streams.word(name, "x")
