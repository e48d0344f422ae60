"""Record and firewall, brought together after any crash."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from captive_portal.model import Admitted, Client, Grant, Session, State
from captive_portal.reconcile import Adjust, Found, Over, Restore, Strike, plan, suspects

NOW = 1_790_000_000_000


def session(
    number: int = 1, *, left_s: int = 600, state: State = State.ONLINE, age_s: int = 60, addresses=("10.0.0.1",)
):
    client = Client(mac=f"02:00:00:00:00:{number:02x}", interface="vlan0", addresses=tuple(addresses))
    grant = Grant(method="click_through", until_ms=NOW + left_s * 1000)
    return Session(id=str(number), client=client, state=state, since_ms=NOW - age_s * 1000, grant=grant)


def door(number: int = 1, address: str = "10.0.0.1", seconds: int = 600) -> Admitted:
    client = Client(mac=f"02:00:00:00:00:{number:02x}", interface="vlan0", addresses=(address,))
    return Admitted(client=client, seconds=seconds)


def test_what_fits_is_left_alone() -> None:
    assert plan([session()], [door(seconds=598)], same_memory=True, now_ms=NOW) == []


def test_nobody_is_in_without_a_record() -> None:
    assert plan([], [door()], same_memory=True, now_ms=NOW) == [Strike(door().client)]


def test_an_address_that_no_record_names_is_closed_though_the_client_has_a_session() -> None:
    found = plan([session()], [door(), door(address="fd00::9")], same_memory=True, now_ms=NOW)

    assert found == [Strike(door(address="fd00::9").client)]


def test_a_crash_between_record_and_firewall_is_made_good() -> None:
    fresh = session(state=State.RECORDED)

    assert plan([fresh], [], same_memory=True, now_ms=NOW) == [Restore(fresh)]


def test_a_crash_between_firewall_and_note_is_noted() -> None:
    fresh = session(state=State.RECORDED)

    assert plan([fresh], [door()], same_memory=True, now_ms=NOW) == [Found(fresh)]
    assert plan([fresh], [door(seconds=60)], same_memory=True, now_ms=NOW) == [
        Found(fresh),
        Adjust(fresh, NOW + 60_000),
    ]


def test_a_gateway_that_lost_its_memory_gets_everybody_back() -> None:
    assert plan([session()], [], same_memory=False, now_ms=NOW) == [Restore(session())]


def test_a_timeout_that_ran_out_in_the_kernel_ends_the_session() -> None:
    assert plan([session()], [], same_memory=True, now_ms=NOW) == [Over(session())]


def test_a_session_on_its_way_into_the_firewall_is_not_ended() -> None:
    assert plan([session(age_s=3)], [], same_memory=True, now_ms=NOW) == []


def test_the_kernel_knows_better_than_a_stepped_clock_until_when() -> None:
    stepped = session(left_s=-3000)

    assert plan([stepped], [door(seconds=600)], same_memory=True, now_ms=NOW) == [Adjust(stepped, NOW + 600_000)]


def test_time_that_is_over_for_both_is_over() -> None:
    late = session(left_s=-1)

    assert plan([late], [], same_memory=False, now_ms=NOW) == [Over(late)]


def test_one_missing_address_opens_all_of_them_again() -> None:
    two = session(addresses=("10.0.0.1", "fd00::1"))

    assert plan([two], [door()], same_memory=True, now_ms=NOW) == [Restore(two)]


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(-100, 700), st.booleans()), max_size=6, unique_by=lambda s: s[0]),
    st.lists(st.tuples(st.integers(0, 8), st.sampled_from(["10.0.0.1", "fd00::1"]), st.integers(0, 700)), max_size=10),
    st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_after_the_plan_exactly_the_recorded_are_in(visits, doors, same_memory: bool) -> None:
    sessions = [
        session(number, left_s=left, state=State.ONLINE if online else State.RECORDED)
        for number, left, online in visits
    ]
    inside = {(each.client.mac, each.client.addresses[0]) for each in (door(*values) for values in doors)}
    ended = set()
    for action in plan(sessions, [door(*values) for values in doors], same_memory=same_memory, now_ms=NOW):
        client = action.client if isinstance(action, Strike) else action.session.client
        pairs = {(client.mac, address) for address in client.addresses}
        if isinstance(action, Restore):
            inside |= pairs
        elif not isinstance(action, Adjust | Found):
            inside -= pairs
        if isinstance(action, Over):
            ended.add(client.mac)

    recorded = {(each.client.mac, address) for each in sessions for address in each.client.addresses}
    assert inside <= recorded
    assert all(pair in inside or pair[0] in ended for pair in recorded)


def test_a_suspect_is_whom_the_list_lacks_wholly_or_in_part() -> None:
    both = ("10.0.0.1", "fd00::1")
    lost, half, whole = session(1), session(2, addresses=both), session(3)
    listed = [door(2), door(3), door(9)]

    actions = plan([lost, half, whole], listed, same_memory=True, now_ms=NOW)

    assert suspects(actions) == [lost.client, half.client]
    found = [door(1), door(2, "fd00::1")]
    assert plan([lost, half, whole], [*listed, *found], same_memory=True, now_ms=NOW) == [Strike(door(9).client)]
