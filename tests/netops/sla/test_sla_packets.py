"""Packets of probes become places of an hour: lost over sent, sum over sum, whoever looked and whoever did not."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.model import Contract, Objective, Rules, Selector, ServiceItem
from netops import hourly
from netops.errors import UsageError
from netops.evidence import seen
from netops.metrics import probe
from netops.sla import packets, rules, streams
from netops.sla.hours import Listed, Roster
from netops.sla.intervals import State
from netops.sla.measured import Look

H, M = 3_600_000, 60_000
HOUR = 1_790_784_000_000
ANSWERED = Objective(
    id="packets", indicator=probe.ANSWERED, threshold="100", target="99.9", rules=Rules(check_every_s=900)
)


def look(minute, sent, lost, *, source="van-1/line", code=""):
    """A look of a vantage point; with a code there are no counts."""
    values = {"probe.loss": None if code else lost * 100 / sent}
    values |= {} if code else {"probe.sent": sent, "probe.lost": lost}
    at = HOUR + minute * M
    return [
        Look(slot_ms=at, at_ms=at, source=source, metric=name, value=value, code=code if value is None else "")
        for name, value in values.items()
    ]


def told(*looks, quorum=1, steps=None, slots=(0,), **more):
    """Return what the slots come to: (count, state, cause, because), without the places."""
    stream = streams.stream(replace(ANSWERED, rules=Rules(check_every_s=900, quorum=quorum, vantages=3)))
    made = packets.runs(stream, [each for one in looks for each in one], hour_ms=HOUR, steps=steps or {}, **more)
    wanted = [each for each in made if (each.first_ms - HOUR) // (15 * M) in slots]
    return [(each.count, each.state.value, each.cause.value, each.because) for each in wanted]


def test_a_slot_is_the_sums_of_its_looks_and_what_it_lacks_is_unknown():
    """20 of 20 in the first minute and 15 of 20 in the second: 35 answered, 5 lost, 60 of 100 were never sent."""
    found = told(look(0, 20, 0), look(1, 20, 5))

    missing = (60, "UNKNOWN", "monitor", "missing slot")
    assert found == [(35, "UP", "", ""), (5, "DOWN", "carrier", "lost"), missing]


def test_the_month_is_a_ratio_of_sums_and_no_mean_of_ratios():
    """The design's successes and failures, a look each: 0.252762 % were lost."""
    pairs = [(931, 0), (2150, 0), (674, 2), (186, 5), (883, 6), (131, 5), (2365, 12), (2147, 0), (2085, 2), (2260, 3)]
    found = told(*(look(i, good + bad, bad) for i, (good, bad) in enumerate(pairs)))

    (good, *_), (lost, *_) = found
    assert Fraction(lost, good + lost) == Fraction(sum(b for _, b in pairs), sum(sum(pair) for pair in pairs))
    assert f"{100 * lost / (good + lost):.6f}" == "0.252762"


def test_an_hour_of_which_nobody_told_is_so_many_unknown_packets():
    assert told(slots=range(4)) == [(100, "UNKNOWN", "monitor", "missing slot")] * 4


def test_a_target_that_refuses_loses_as_many_packets_as_others_looks_sent():
    """Else an answer of the carrier's own router would turn what is lost into what was not measured."""
    found = told(look(0, 20, 0), look(1, 20, 0, code="refused"), look(2, 20, 0, code="poller_late"))

    assert found == [
        (20, "UP", "", ""),
        (20, "DOWN", "undetermined", "refused"),
        (20, "UNKNOWN", "monitor", "poller_late"),
        (40, "UNKNOWN", "monitor", "missing slot"),
    ]


def test_looks_without_any_count_share_the_packets_of_the_slot():
    found = told(look(0, 20, 0, code="no_answer"), look(1, 20, 0, code="no_answer"), look(2, 20, 0, code="torn"))

    assert found == [
        (66, "DOWN", "undetermined", "no_answer"),
        (33, "UNKNOWN", "undetermined", "torn"),
        (1, "UNKNOWN", "monitor", "missing slot"),
    ]


def test_a_vantage_point_accuses_with_all_its_targets():
    """The target that lost the smallest share speaks; while another one was not measured its losses are open."""
    both = told(look(0, 100, 40, source="van-1/a"), look(0, 100, 10, source="van-1/b"))
    open_ = told(look(0, 100, 40, source="van-1/a"), look(0, 100, 0, source="van-1/b", code="poller_late"))

    assert both == [(90, "UP", "", ""), (10, "DOWN", "carrier", "lost")]
    assert open_ == [(60, "UP", "", ""), (40, "UNKNOWN", "monitor", "another target was not measured")]


@pytest.mark.parametrize(("quorum", "lost"), [(1, 30), (2, 20), (3, 10)])
def test_of_several_vantage_points_the_quorum_decides_how_much_was_lost(quorum, lost):
    looks = [look(0, 100, n, source=f"van-{n}/line") for n in (10, 20, 30)]

    found = told(*looks, quorum=quorum)

    assert found == [(100 - lost, "UP", "", ""), (lost, "DOWN", "carrier", "lost")]


def test_where_the_quorum_was_not_measured_answers_stand_and_losses_are_open():
    found = told(look(0, 100, 30), look(0, 100, 0, source="van-2/line", code="poller_late"), quorum=2)

    assert found == [(70, "UP", "", ""), (30, "UNKNOWN", "monitor", "no quorum")]


def test_a_vantage_point_whose_clock_stepped_measured_nothing_in_that_slot():
    step = {"van-1": [HOUR + 5 * M]}

    assert told(look(0, 100, 30), steps=step) == [(100, "UNKNOWN", "monitor", "clock step")]
    assert told(look(15, 100, 30), steps=step, slots=(1,))[0] == (70, "UP", "", "")


def test_what_is_lost_while_maintenance_runs_is_planned():
    found = told(look(0, 100, 30), planned=lambda slot_ms: slot_ms == HOUR)

    assert found[1] == (30, "DOWN", "planned", "lost")


@given(
    st.lists(
        st.tuples(st.integers(0, 14), st.sampled_from("ab"), st.integers(1, 50), st.integers(0, 50)),
        unique_by=lambda each: each[:2],
        max_size=20,
    ),
    st.randoms(),
)
def test_no_packet_is_counted_twice_none_is_lost_and_the_order_is_no_matter(given_, rng):
    looks = [look(m, sent, min(lost, sent), source=f"van-{who}/line") for m, who, sent, lost in given_]
    first = told(*looks)
    rng.shuffle(looks)

    assert told(*looks) == first
    spoke = {
        m: max((n, sent) for at, _, sent, lost in given_ if at == m for n in [Fraction(min(lost, sent), sent)])
        for m, *_ in given_
    }
    measured = sum(count for count, state, *_ in first if state != "UNKNOWN")
    sizes = {
        m: {sent for at, _, sent, lost in given_ if at == m and Fraction(min(lost, sent), sent) == spoke[m][0]}
        for m in spoke
    }
    assert sum(map(min, sizes.values())) <= measured <= sum(map(max, sizes.values()))
    assert sum(count for count, *_ in first) == max(100, measured)


def test_an_hour_is_sealed_with_every_service_and_the_verifier_names_it_alike():
    item = ServiceItem(id="fiber", kind="fiber", select=Selector(), fee="1", objectives=(ANSWERED,))
    contract = Contract(id="c1", version="1", carrier="x", title="t", valid_from_ms=0, items=(item,))
    roster = Roster(contract="c1", listed=tuple(Listed(f"s-{n}", "fiber", "1") for n in range(2)))
    sight = hourly.Sight(
        hour_ms=HOUR,
        samples={},
        looks={"s-0": look(0, 100, 0)},
        blind=frozenset(),
        blind_ms=1,
        ours="core",
        steps={},
        planned=lambda _service, _slot_ms: False,
    )

    made, _ = hourly.sealed(contract, roster, sight, known=True)

    (stream,) = streams.of(contract)
    (body,) = [each.fact.body for each in made if each.fact.body.get("stream")]
    assert body["stream"] == stream.name == "probe.packets.answered >= 100 one by one, in slots of 900 s, 1 of 1"
    document = {"indicator": probe.ANSWERED, "threshold": "100"}
    assert seen.stream_of(document | {"rules": {"check_every_s": 900, "quorum": 1, "vantages": 1}}, ">=") == stream.name
    runs = [body["usual"], *(each for each, _ in body["others"])]
    unknown = [sum(run[1] for run in each if run[2] == State.UNKNOWN.value) for each in runs]
    assert sorted(unknown) == [300, 400]
    assert hourly.waits(contract)


@pytest.mark.parametrize("threshold", ["0", "1.5", "-3", "", "90001", "9" * 40])
def test_a_contract_says_how_many_packets_a_slot_has(threshold):
    with pytest.raises(UsageError, match=r"threshold|no threshold"):
        streams.sound(replace(ANSWERED, threshold=threshold), "here")


def test_things_counted_one_by_one_are_no_minutes_to_be_credited_once():
    """Of cells as of packets: a place is a thing and no millisecond that another objective could have had."""
    for indicator, threshold in ((probe.ANSWERED, "100"), ("lte.cell.rrc.success", "1")):
        one = replace(ANSWERED, indicator=indicator, threshold=threshold)
        item = ServiceItem(
            id="x", kind="fiber", select=Selector(), fee="1", double_credit="by_minute", objectives=(one,)
        )
        held = Contract(id="c1", version="1", carrier="x", title="t", valid_from_ms=0, items=(item,))
        with pytest.raises(UsageError, match="counts things, not minutes"):
            rules.objective(held, item, one)


def test_time_in_which_the_state_was_not_seen_is_no_matter_where_packets_tell_themselves():
    """A line whose device nobody polls is judged by what vantage points sent."""
    assert seen.unattended({"indicator": "portal.login.success"})
    assert not seen.unattended({"indicator": probe.ANSWERED})
    assert not seen.unattended({"indicator": "availability"})
