"""What one slot's polls say about one service, and on whose account."""

import pytest

from netops.model import OURS, Reason
from netops.sla import state
from netops.sla.intervals import Cause, State
from netops.sla.state import Place, Seen
from netops.sla.timeline import Sample

AP = Place(role="ap", device="ac-1", itself=False, parent="ac-1")
ONT = Place(role="ont", device="olt-1", itself=False, parent="olt-1")
CELL = Place(role="small_cell", device="cell-1", itself=True, parent="gw-1")
M = 60_000


def seen(outcome="answered", slot=M, codes=None, **values):
    named = {name.replace("__", "."): value for name, value in values.items()}
    return Seen(slot_ms=slot, at_ms=slot + 10, outcome=outcome, values=named, codes=codes or {})


def told(place, given, **more):
    found = state.classify(place, given, **more)
    return found.state, found.cause, found.because


@pytest.mark.parametrize(
    ("place", "given", "expected"),
    [
        pytest.param(AP, seen(wlan__ap__state=8), (State.UP, Cause.NONE, ""), id="normal"),
        pytest.param(AP, seen(wlan__ap__state=4), (State.DOWN, Cause.CARRIER, "wlan.ap.state=fault"), id="fault"),
        pytest.param(
            AP, seen(wlan__ap__state=11), (State.UNKNOWN, Cause.UNDETERMINED, "wlan.ap.state=standby"), id="standby"
        ),
        pytest.param(AP, seen(), (State.UNKNOWN, Cause.UNDETERMINED, "row_missing"), id="row-missing-is-not-down"),
        pytest.param(
            AP,
            seen(codes={"wlan.ap.state": "no_such_instance"}),
            (State.UNKNOWN, Cause.UNDETERMINED, "no_such_instance"),
            id="no-value",
        ),
        pytest.param(AP, seen("no_answer"), (State.DOWN, Cause.CARRIER, "parent:ac-1"), id="controller-silent"),
        pytest.param(
            AP, seen("authentication_failed"), (State.UNKNOWN, Cause.UNDETERMINED, "authentication_failed"), id="auth"
        ),
        pytest.param(
            ONT,
            seen(pon__onu__state=2, pon__onu__down_cause=13),
            (State.DOWN, Cause.POWER, "dying_gasp"),
            id="dying-gasp-is-power-at-home",
        ),
        pytest.param(
            ONT, seen(pon__onu__state=2, pon__onu__down_cause=1), (State.DOWN, Cause.CARRIER, "los"), id="fiber-cut"
        ),
        pytest.param(CELL, seen("no_answer"), (State.DOWN, Cause.UNDETERMINED, "no_answer"), id="silent-itself"),
        pytest.param(
            CELL,
            seen(lte__cell__oper=1, lte__cell__rf=0),
            (State.DOWN, Cause.CARRIER, "lte.cell.rf=off"),
            id="up-but-does-not-radiate",
        ),
        pytest.param(CELL, seen(lte__cell__oper=1), (State.UP, Cause.NONE, ""), id="others-only-when-told"),
    ],
)
def test_a_slot_is_told_by_the_facts_alone(place, given, expected):
    assert told(place, given) == expected


@pytest.mark.parametrize("reason", sorted(OURS))
def test_our_own_gap_is_never_charged(reason):
    assert told(AP, seen(reason.value)) == (State.UNKNOWN, Cause.MONITOR, reason.value)


def test_a_blind_vantage_point_saw_nothing_even_of_a_silent_device():
    assert told(CELL, seen("no_answer"), blind=True) == (State.UNKNOWN, Cause.MONITOR, "anchors_lost")


def test_a_silent_device_under_a_silent_parent_goes_down_with_it():
    assert told(CELL, seen("no_answer"), parent_outcome="no_answer") == (State.DOWN, Cause.CARRIER, "parent:gw-1")
    assert told(CELL, seen("no_answer"), parent_outcome="answered")[1] is Cause.UNDETERMINED


def test_an_outage_under_approved_maintenance_is_planned():
    assert told(AP, seen("no_answer"), planned=True) == (State.DOWN, Cause.PLANNED, "parent:ac-1")


def ap_up(slot, uptime):
    given = seen(slot=slot, wlan__ap__state=8, wlan__ap__uptime=uptime)
    return given, Sample(slot, slot + 10, State.UP)


@pytest.mark.parametrize(
    ("then", "now", "state_"),
    [
        pytest.param(90_000, 5, State.DEGRADED, id="began-after-the-last-look"),
        pytest.param(90_000, 90_060, State.UP, id="went-on"),
        pytest.param(90_000, 90_000, State.UP, id="cached-by-the-controller"),
        pytest.param(90_000, 89_999, State.DEGRADED, id="went-backwards"),
        pytest.param(3, 5, State.UP, id="slack-does-not-accuse"),
    ],
)
def test_a_reboot_that_no_poll_saw_is_degraded_time(then, now, state_):
    found = state.classify(AP, ap_up(2 * M, now)[0], before=ap_up(M, then))

    assert found.state is state_
    assert found.because == ("hidden_reboot" if state_ is State.DEGRADED else "")


def test_a_reboot_after_an_outage_is_not_hidden():
    before = (seen(slot=M, wlan__ap__state=4, wlan__ap__uptime=90_000), Sample(M, M, State.DOWN, Cause.CARRIER))

    assert told(AP, seen(slot=2 * M, wlan__ap__state=8, wlan__ap__uptime=5), before=before)[0] is State.UP


def test_the_wrap_of_sysuptime_is_no_reboot():
    place = Place(role="router", device="r-1", itself=True)
    wrap_s = 2**32 / 100
    before = (seen(slot=M, system__uptime=wrap_s - 20), Sample(M, M, State.UP))

    assert told(place, seen(slot=2 * M, system__uptime=40), before=before)[0] is State.UP
    assert (
        told(place, seen(slot=2 * M, system__uptime=40), before=(seen(slot=M, system__uptime=5000), before[1]))[0]
        is State.DEGRADED
    )


@pytest.mark.parametrize(("role", "uptime"), [("router", "host__uptime"), ("ap", "wlan__ap__uptime")])
def test_every_uptime_may_wrap_and_no_reboot_hides_behind_one(role, uptime):
    """An access point of 497 days is not accused; one that restarts on that very day is not excused."""
    place = Place(role=role, device="d", itself=True)
    up = {"wlan__ap__state": 8} if role == "ap" else {}
    before = (seen(slot=M, **up, **{uptime: 2**32 / 100 - 20}), Sample(M, M, State.UP))

    assert told(place, seen(slot=2 * M, **up, **{uptime: 40}), before=before)[0] is State.UP
    far = (seen(slot=M, **up, **{uptime: 2**32 / 100 - 20}), Sample(M, M, State.UP))
    assert told(place, seen(slot=10 * M, **up, **{uptime: 60}), before=far)[0] is State.DEGRADED


def test_down_takes_a_quorum_of_vantage_points():
    down, up, blind = (Sample(M, M, each) for each in (State.DOWN, State.UP, State.UNKNOWN))

    assert state.quorum([down, up, blind], 2).state is State.UP
    assert state.quorum([down, down, up], 2).state is State.DOWN
    assert state.quorum([down, blind, blind], 2).because == "no quorum"


def test_a_missed_slot_goes_on_our_account():
    assert state.missed(M) == Sample(M, M, State.UNKNOWN, Cause.MONITOR, Reason.MISSED_SLOT.value)
