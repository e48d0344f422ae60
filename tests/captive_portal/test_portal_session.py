"""The laws of a visit, over every order of events that can be made up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captive_portal import session as visit
from captive_portal.errors import SessionError
from captive_portal.model import ADDRESSES_PER_CLIENT, Bounds, Client, End, Grant, Session, State

CLIENT = Client(mac="02:00:00:00:00:01", interface="vlan0", addresses=("10.0.0.1",))
NOW = 1_790_000_000_000
GRANT = Grant(method="click_through", until_ms=NOW + 600_000)

EVENTS = st.sampled_from(
    [
        visit.Begun(),
        visit.Proved(GRANT),
        visit.Proved(replace(GRANT, until_ms=NOW - 1)),
        visit.Refused(),
        visit.Recorded(),
        visit.RecordFailed(),
        visit.Opened(),
        visit.OpenFailed(),
        visit.Seen("fd00::1"),
        visit.Seen("10.0.0.2"),
        visit.Extended(NOW + 1_200_000),
        visit.Adjusted(NOW + 300_000),
        visit.Restored(),
        visit.LoggedOut(),
        visit.Expired(),
        visit.Disconnected(),
        visit.Lost(),
    ]
)
STORY = st.lists(st.tuples(EVENTS, st.integers(min_value=0, max_value=200_000)), max_size=14)


def told(story) -> list[tuple[Session, visit.Event, Session, tuple[visit.Effect, ...], int]]:
    """Run a story, leaving out what the table does not know; return every step that was taken."""
    session, now_ms, steps = Session(id="s", client=CLIENT), NOW, []
    for event, passed_ms in story:
        now_ms += passed_ms
        try:
            after, effects = visit.step(session, event, now_ms)
        except SessionError:
            continue
        steps.append((session, event, after, effects, now_ms))
        session = after
    return steps


@given(STORY)
@settings(max_examples=100, deadline=None)
def test_no_door_opens_before_the_record_is_durable(story) -> None:
    recorded = False
    for _, event, _, effects, _ in told(story):
        recorded = recorded or isinstance(event, visit.Recorded)
        assert recorded or not any(isinstance(effect, visit.Allow) for effect in effects)


@given(STORY)
@settings(max_examples=100, deadline=None)
def test_no_door_opens_for_longer_than_the_grant_and_never_for_ever(story) -> None:
    for _, _, after, effects, now_ms in told(story):
        for effect in effects:
            if isinstance(effect, visit.Allow):
                assert after.grant
                assert 0 < effect.bounds.seconds <= (after.grant.until_ms - now_ms) / 1000


@given(STORY)
@settings(max_examples=100, deadline=None)
def test_an_ended_visit_is_revoked_once_if_it_was_recorded_and_answers_nothing_more(story) -> None:
    steps = told(story)
    revokes = [effect for *_, effects, _ in steps for effect in effects if isinstance(effect, visit.Revoke)]
    ended = [after for _, _, after, _, _ in steps if after.state is State.ENDED]
    recorded = any(isinstance(event, visit.Recorded) for _, event, *_ in steps)

    assert len(ended) <= 1
    assert len(revokes) == (1 if ended and recorded else 0)
    if ended:
        assert ended[0].end is not None
        assert ended[0].ended_ms is not None
        with pytest.raises(SessionError, match="expected one of nothing"):
            visit.step(ended[0], visit.Begun(), NOW)


@given(STORY)
@settings(max_examples=80, deadline=None)
def test_online_is_said_only_after_the_firewall_has_answered(story) -> None:
    for _, event, after, effects, _ in told(story):
        if visit.Tell("login") in effects:
            assert isinstance(event, visit.Opened)
            assert after.state is State.ONLINE


@given(STORY)
@settings(max_examples=80, deadline=None)
def test_what_is_revoked_covers_whatever_was_allowed(story) -> None:
    allowed: set[str] = set()
    for *_, effects, _ in told(story):
        for effect in effects:
            if isinstance(effect, visit.Allow):
                allowed |= set(effect.client.addresses)
            if isinstance(effect, visit.Revoke):
                assert allowed <= set(effect.client.addresses)


def test_the_way_in() -> None:
    session = Session(id="s", client=CLIENT)
    session, effects = visit.step(session, visit.Begun(), NOW)
    assert (session.state, effects) == (State.PROVING, ())
    session, effects = visit.step(session, visit.Proved(GRANT), NOW)
    assert session.state is State.PROVEN
    assert effects == (visit.Record(replace(session, state=State.RECORDED)),)
    session, effects = visit.step(session, visit.Recorded(), NOW)
    assert (session.state, effects) == (State.RECORDED, (visit.Allow(CLIENT, Bounds(seconds=600)),))
    session, effects = visit.step(session, visit.Opened(), NOW)
    assert (session.state, effects) == (State.ONLINE, (visit.Tell("login"),))
    session, effects = visit.step(session, visit.LoggedOut(), NOW + 5)

    assert (session.state, session.end, session.ended_ms) == (State.ENDED, End.LOGOUT, NOW + 5)
    assert effects == (visit.Revoke(CLIENT, End.LOGOUT), visit.Tell("ended"))


def test_a_disk_slower_than_the_grant_opens_no_door() -> None:
    session = replace(Session(id="s", client=CLIENT), state=State.PROVEN, grant=GRANT)

    session, effects = visit.step(session, visit.Recorded(), GRANT.until_ms - 999)

    assert session.end is End.EXPIRED
    assert not any(isinstance(effect, visit.Allow) for effect in effects)


def test_a_device_cannot_fill_the_kernels_sets_with_its_addresses() -> None:
    session = replace(Session(id="s", client=CLIENT), state=State.ONLINE, grant=GRANT)

    for number in range(100):
        session, _ = visit.step(session, visit.Seen(f"fd00::{number:x}"), NOW)

    assert len(session.client.addresses) == ADDRESSES_PER_CLIENT


def test_an_event_that_a_state_does_not_know_names_what_it_would_have_known() -> None:
    with pytest.raises(SessionError, match=r"state 'new' got 'Opened'; expected one of Begun"):
        visit.step(Session(id="s", client=CLIENT), visit.Opened(), NOW)
