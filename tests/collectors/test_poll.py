from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors import poll
from collectors.profile import COST_S
from collectors.profile_yaml import shipped
from collectors.snmp.ask import Answer, Failure
from netops.model import Reason


@given(st.text("abcdef0123-", min_size=1, max_size=12), st.sampled_from([10, 30, 60]), st.integers(0, 10**6))
def test_each_cost_has_its_turn_exactly_once_in_its_period(device, interval_s, start):
    slot = start * interval_s * 1000
    for cost, every_s in COST_S.items():
        period = max(every_s, interval_s)
        turns = sum(
            cost in poll.due_costs(device, slot + n * interval_s * 1000, interval_s)
            for n in range(period // interval_s)
        )

        assert turns == (1 if every_s > interval_s else period // interval_s)


def test_devices_do_not_have_their_heavy_turn_together():
    turns = {
        device: next(n for n in range(60) if "heavy" in poll.due_costs(device, n * 60_000, 60))
        for device in (f"olt-{n}" for n in range(200))
    }

    assert len(set(turns.values())) > 40


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(failed=Failure(Reason.NO_ANSWER)), "no_answer"),
        (Answer(failed=Failure(Reason.NO_ANSWER), lag_ms=900.0), "poller_late"),
        (Answer(failed=Failure(Reason.SOCKET_DROPS)), "socket_drops"),
        (Answer(failed=Failure(Reason.UNDECODABLE)), "answered_undecodably"),
        (Answer(raw=(b"x",), lag_ms=900.0), "answered"),
    ],
    ids=["silent", "silent while we were late", "our kernel dropped it", "nonsense", "an answer is an answer"],
)
def test_silence_under_our_own_lag_is_ours(answer, said):
    assert poll.outcome(answer) == said


def test_devices_that_look_alike_share_one_question():
    profiles = shipped()
    plans = poll.Plans()
    one = poll.Fitted(chosen=tuple(map(_whole, poll.named(profiles, "netops_smallcell").values())))
    two = poll.Fitted(chosen=tuple(map(_whole, poll.named(profiles, "netops_smallcell").values())))

    assert plans.of(one, frozenset({"cheap"})) is plans.of(two, frozenset({"cheap"}))
    assert plans.of(one, frozenset({"cheap"})) is not plans.of(one, frozenset(COST_S))


def _whole(profile):
    from collectors.detect import whole

    return whole(profile)
