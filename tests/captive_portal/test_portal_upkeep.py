"""Visits while nobody asks: effects that fail, restarts, clocks; on a real database and a simulated gateway."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from captive_portal import adopting, tables, upkeep
from captive_portal import session as visit
from captive_portal.desk import Attempt
from captive_portal.enforcing import Onward, Readiness
from captive_portal.errors import GatewayError, KernelError, PortalError, SilentError
from captive_portal.gateways.simulated import Simulated
from captive_portal.gateways.switchboard import Switchboard
from captive_portal.model import Admitted, Bounds, Client, Consent, End, Session, State
from inventory.errors import SqlBusyError

CONSENT = Consent(terms="1", language="zh_CN", digest="0" * 64, channel="portal")


def client(number: int = 1) -> Client:
    return Client(mac=f"02:00:00:00:00:{number:02x}", interface="simulated", addresses=(f"127.0.0.{number}",))


def click(number: int = 1) -> Attempt:
    return Attempt(client=client(number), method="click_through", fields={}, consent=CONSENT)


def rows(desk, table) -> list:
    with desk.store._database.read() as connection:
        return list(connection.execute(sa.select(table)))


def inside(house) -> set[str]:
    return {each.client.addresses[0] for each in house.gateway.admitted()}


def ends(desk) -> list[tuple[str, str | None]]:
    return sorted((row.mac or "", row.end) for row in rows(desk, tables.SESSION))


# ---- what no effect may cost
def test_counters_beyond_the_record_cost_no_visit_its_end(house) -> None:
    desk = house.open()
    for each in (1, 2):
        desk.login(click(each))
    desk.visits.meters.read(
        [Admitted(client=client(), seconds=9, octets_up=2**64 - 1, octets_down=1)], house.clock.now_ms()
    )
    house.clock.forward(3601)

    assert desk.upkeep.expire() == 2
    assert ends(desk) == [("", End.EXPIRED)] * 2
    assert desk.store.live() == []
    assert max(row.octets_up for row in rows(desk, tables.SESSION)) == 2**53 - 1


def test_an_end_that_cannot_be_written_is_written_later_with_its_reason_and_once(house, monkeypatch) -> None:
    desk = house.open()
    for each in (1, 2):
        desk.login(click(each))

    def failing(*_: object) -> None:
        raise OverflowError("a fault of ours")

    with monkeypatch.context() as patch:
        patch.setattr(desk.store, "end", failing)
        assert desk.logout(client(1))
        house.clock.forward(3601)
        desk.upkeep.expire()
    ended_ms = house.clock.now_ms() - 3_601_000
    assert (inside(house), desk.live, len(desk.store.live())) == (set(), 0, 2)

    house.clock.forward(5)
    desk.upkeep.expire()
    desk.upkeep.expire()
    assert ends(desk) == [("", End.EXPIRED), ("", End.LOGOUT)]
    assert min(row.ended_ms for row in rows(desk, tables.SESSION)) == ended_ms
    assert [row.kind for row in rows(desk, tables.RECORD)].count("ended") == 2


def test_a_fact_that_cannot_be_stated_costs_no_visit_its_end(house, monkeypatch) -> None:
    desk = house.open()

    def failing(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(house.gateway, "allow", failing)
    monkeypatch.setattr(desk.visits.outcomes, "failed", failing)
    with pytest.raises(PortalError, match="no_gateway"):
        desk.login(click())

    assert ends(desk) == [("", End.NO_GATEWAY)]
    assert inside(house) == set()


# ---- restarts
def test_a_restart_throws_nobody_out(house) -> None:
    desk = house.open()
    desk.login(click(1))
    desk.login(click(2))
    before = desk.current(client(1))

    desk = house.restart()
    desk.upkeep.repair()

    assert inside(house) == {"127.0.0.1", "127.0.0.2"}
    assert replace(before, state=State.ONLINE) == desk.current(client(1))


def test_a_crash_between_record_and_firewall_is_made_good_at_start(house, monkeypatch) -> None:
    desk = house.open()

    class Crash(BaseException):
        pass

    def crash(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(house.gateway, "allow", crash)
        with pytest.raises(Crash):
            desk.login(click())
    assert inside(house) == set()

    desk = house.restart()
    desk.upkeep.repair()

    assert inside(house) == {"127.0.0.1"}
    assert desk.current(client())


def test_a_crash_between_firewall_and_note_keeps_the_visitor_known(house, monkeypatch) -> None:
    desk = house.open()
    monkeypatch.setattr(desk.store, "online", lambda *_: None)
    first = desk.login(click())

    desk = house.restart()
    desk.upkeep.repair()

    assert desk.current(client())
    assert desk.login(click()).id == first.id
    assert inside(house) == {"127.0.0.1"}


def test_who_is_in_without_a_record_is_put_out_at_start(house) -> None:
    house.gateway.allow(client(9), Bounds(seconds=600))

    house.open().upkeep.repair()

    assert inside(house) == set()


def test_a_gateway_that_forgot_everything_gets_everybody_back(house) -> None:
    desk = house.open()
    desk.login(click())
    desk.upkeep.repair()
    desk.visits.gateway = house.gateway = Simulated(house.settings.portal, house.clock)
    assert inside(house) == set()

    desk.upkeep.look_in()

    assert inside(house) == {"127.0.0.1"}


def test_a_session_that_the_kernel_has_ended_is_ended_in_the_record(house) -> None:
    desk = house.open()
    desk.login(click())
    desk.upkeep.repair()
    house.gateway.allow(client(), Bounds(seconds=60))
    house.clock.forward(61)

    desk.upkeep.repair()

    (row,) = rows(desk, tables.SESSION)
    assert row.end == End.LOST
    assert desk.current(client()) is None


def test_whom_a_list_has_missed_is_looked_for_before_the_visit_ends(house) -> None:
    desk = house.open()
    for each in (1, 2, 3):
        desk.login(click(each))
    desk.upkeep.repair()
    house.gateway.revoke(client(3))  # this one has really run out
    house.clock.forward(60)
    whole = house.gateway.admitted
    house.gateway.admitted = lambda: [each for each in whole() if each.client.mac != client().mac]
    house.gateway.seek = lambda clients: [each for each in whole() if each.client.key in {who.key for who in clients}]

    desk.upkeep.repair()

    assert {each.client.key for each in desk.store.live()} == {client(1).key, client(2).key}
    assert {each.client.key for each in whole()} == {client(1).key, client(2).key}


def test_a_memory_that_is_lost_while_it_is_read_ends_no_visit(house) -> None:
    desk = house.open()
    desk.login(click())
    desk.upkeep.repair()
    before, after = house.gateway, Simulated(house.settings.portal, house.clock)
    answers = iter([before.ready(), after.ready()])
    desk.visits.gateway = house.gateway = after
    ready = after.ready
    after.ready = lambda: next(answers, None) or ready()

    assert desk.upkeep.repair() == 0
    assert desk.upkeep.look_in() == 1
    assert inside(house) == {"127.0.0.1"}


def test_a_stepped_wall_clock_ends_no_session(house) -> None:
    desk = house.open()
    desk.login(click())
    desk.upkeep.repair()
    real = house.gateway.admitted()
    house.clock.at_ms += 7_200_000
    house.gateway.admitted = lambda: real

    desk.upkeep.repair()

    assert desk.current(client())
    assert desk.current(client()).seconds_left(house.clock.now_ms()) >= 3590


def test_a_gate_that_is_away_is_an_error_and_changes_nothing(house) -> None:
    desk = house.open()
    desk.login(click())
    house.gateway.ready = lambda: Readiness(born="", wrong={"gate": "away"})

    with pytest.raises(GatewayError, match="away"):
        desk.upkeep.repair()

    assert desk.current(client())


# ---- many repairs, some of which fail
class Forgetful(Simulated):
    """Has forgotten everybody, and does something of the test's before it opens or closes a door."""

    at_once = 2

    def __init__(self, house) -> None:
        super().__init__(house.settings.portal, house.clock)
        self.before = lambda _client: None
        self.asked = 0

    def allow(self, client, bounds) -> None:
        self.asked += 1
        self.before(client)
        super().allow(client, bounds)

    def revoke(self, client) -> None:
        self.before(client)
        super().revoke(client)


def forgotten(house, count: int):
    """Return a desk with so many visits that its gateway has forgotten."""
    desk = house.open()
    for each in range(1, count + 1):
        desk.login(click(each))
    desk.upkeep.repair()
    desk.visits.gateway = house.gateway = Forgetful(house)
    house.clock.forward(60)
    return desk


def test_a_stop_ends_a_mass_repair_and_the_next_start_takes_up_the_rest(house) -> None:
    desk = forgotten(house, 40)
    house.gateway.before = lambda _client: desk.upkeep.stop()

    assert desk.upkeep.repair() == 0
    assert len(inside(house)) <= house.gateway.at_once, "what was under way"
    assert desk.store.born("simulated") != house.gateway.ready().born

    house.gateway.before = lambda _client: None
    desk = house.restart()
    house.clock.forward(60)
    desk.upkeep.repair()
    assert len(inside(house)) == desk.live == 40


def test_who_was_not_answered_after_the_gateways_restart_is_not_taken_for_run_out(house) -> None:
    desk = forgotten(house, 3)

    def silent(who: Client) -> None:
        if who.mac == client(2).mac:
            raise SilentError("no answer in time")

    house.gateway.before = silent
    with pytest.raises(GatewayError, match="1 of 3 repairs failed and are tried again; the first: no answer in time"):
        desk.upkeep.repair()
    assert inside(house) == {"127.0.0.1", "127.0.0.3"}

    house.gateway.before = lambda _client: None
    desk = house.restart()
    desk.upkeep.look_in()
    assert inside(house) == {"127.0.0.1", "127.0.0.2", "127.0.0.3"}
    assert desk.live == 3


def test_who_is_refused_after_the_gateways_restart_is_not_asked_about_for_ever(house) -> None:
    desk = forgotten(house, 2)

    def refusing(who: Client) -> None:
        if who.mac == client(2).mac:
            raise GatewayError("nobody of mine")

    house.gateway.before = refusing
    for _ in range(upkeep.ROUNDS):
        assert desk.live == 2
        with pytest.raises(GatewayError, match="nobody of mine"):
            desk.upkeep.repair()
    desk.upkeep.repair()

    assert inside(house) == {"127.0.0.1"}
    assert ends(desk) == [("", End.LOST), (client(1).mac, None)]


def half_refused(house):
    """Return a desk with two visitors, of whom the first has a second address, which its gateway refuses."""
    house.gateway = Forgetful(house)
    desk = house.open()
    for each in (1, 2):
        desk.login(click(each))
    desk.upkeep.repair()
    house.clock.forward(60)
    live = desk.visits.at(client(1).key)
    desk.visits.hold(replace(live, client=live.client.at("127.0.0.1", "127.0.0.9")))

    def refusing(who: Client) -> None:
        if "127.0.0.9" in who.addresses:
            raise GatewayError("the set is full")

    house.gateway.before = refusing
    return desk


def test_one_refused_address_does_not_hurry_the_chores_for_as_long_as_its_visit_lives(house, caplog) -> None:
    desk = half_refused(house)
    for _ in range(upkeep.ROUNDS):
        with pytest.raises(GatewayError, match="1 of 1 repairs failed and are tried again; the first: the set is full"):
            desk.upkeep.repair()

    for _ in range(3):
        assert desk.upkeep.repair() == 0
    (said,) = [each.getMessage() for each in caplog.records if "health says no more" in each.getMessage()]
    assert said.endswith(f"gateway=simulated session={desk.visits.at(client(1).key).id}")
    asked, house.gateway.admitted = house.gateway.asked, None
    assert desk.upkeep.look_in() == 0, "no list is read"

    del house.gateway.admitted
    house.gateway.before = lambda _client: None
    assert desk.upkeep.repair() == 1
    assert house.gateway.asked == asked + 1
    assert inside(house) == {"127.0.0.1", "127.0.0.9", "127.0.0.2"}


def test_an_address_that_was_refused_for_long_hides_no_other_failure(house) -> None:
    desk = half_refused(house)
    for _ in range(upkeep.ROUNDS):
        with pytest.raises(GatewayError):
            desk.upkeep.repair()
    refusing = house.gateway.before
    Simulated.allow(house.gateway, client(7), Bounds(seconds=600))

    def lingering(who: Client) -> None:
        refusing(who)
        if who.mac == client(7).mac:
            raise GatewayError("it lingers")

    house.gateway.before = lingering
    for _ in range(upkeep.ROUNDS + 1):
        with pytest.raises(GatewayError, match="1 of 2 repairs failed and are tried again; the first: it lingers"):
            desk.upkeep.repair()


def test_what_a_gateway_refused_before_its_restart_does_not_count_after_it(house) -> None:
    desk = half_refused(house)
    for _ in range(upkeep.ROUNDS):
        with pytest.raises(GatewayError, match="the set is full"):
            desk.upkeep.repair()
    house.gateway = desk.visits.gateway = Forgetful(house)

    def refusing(_who: Client) -> None:
        raise GatewayError("the uplink is not there yet")

    house.gateway.before = refusing
    with pytest.raises(GatewayError, match="2 of 2 repairs failed"):
        desk.upkeep.repair()

    house.gateway.before = lambda _client: None
    house.clock.forward(30)
    desk.upkeep.repair()
    assert desk.live == 2
    assert inside(house) == {"127.0.0.1", "127.0.0.9", "127.0.0.2"}


def test_rounds_without_an_answer_do_not_count_as_refused(house) -> None:
    desk = forgotten(house, 2)

    def silent(_who: Client) -> None:
        raise SilentError("no answer in time")

    def refusing(_who: Client) -> None:
        raise GatewayError("the uplink is not there yet")

    def half(who: Client) -> None:
        silent(who) if who.mac == client(1).mac else refusing(who)

    for before in [silent, half] * upkeep.ROUNDS + [refusing]:
        house.gateway.before = before
        with pytest.raises(GatewayError, match="2 of 2 repairs failed"):
            desk.upkeep.repair()

    house.gateway.before = lambda _client: None
    desk.upkeep.repair()
    assert desk.live == 2
    assert inside(house) == {"127.0.0.1", "127.0.0.2"}


def test_a_repair_that_fails_costs_the_others_nothing(house) -> None:
    desk = forgotten(house, 1)
    for each in range(10, 60):
        Simulated.allow(house.gateway, client(each), Bounds(seconds=600))

    def failing(who: Client) -> None:
        if who.mac == client(10).mac:
            raise GatewayError("it lingers")

    house.gateway.before = failing
    with pytest.raises(GatewayError, match="simulated: 1 of 51 repairs failed and are tried again; the first: it ling"):
        desk.upkeep.repair()

    assert inside(house) == {"127.0.0.1", "127.0.0.10"}


def test_a_fault_of_ours_in_one_repair_costs_the_others_nothing(house, monkeypatch) -> None:
    desk = forgotten(house, 3)
    real = desk.visits.feed

    def failing(live, event, **words):
        if live.client.mac == client(1).mac:
            raise ZeroDivisionError("a fault of ours")
        return real(live, event, **words)

    with monkeypatch.context() as patch:
        patch.setattr(desk.visits, "feed", failing)
        with pytest.raises(GatewayError, match="a fault of ours"):
            desk.upkeep.repair()
    assert inside(house) == {"127.0.0.2", "127.0.0.3"}

    desk.upkeep.repair()
    assert len(inside(house)) == desk.live == 3


def test_persons_that_are_held_at_one_gateway_cost_the_others_no_repair(house, monkeypatch) -> None:
    desk = house.open()
    alone = Simulated(replace(house.settings.portal, visitors={"other": "site-2"}), house.clock)
    alone.ready = lambda: Readiness(born="alone", unrecorded=1)
    desk.visits.gateway = Switchboard([alone, house.gateway])
    house.gateway.allow(client(9), Bounds(seconds=600))

    def held(*_: object) -> None:
        raise SqlBusyError("persons.db: another process holds it")

    monkeypatch.setattr(adopting, "adopt", held)
    with pytest.raises(GatewayError, match=r"persons\.db: another process holds it"):
        desk.upkeep.repair()

    assert inside(house) == set(), "who has no record was put out all the same"


def test_a_gateway_that_goes_away_on_the_way_is_not_waited_for_at_each_door(house, monkeypatch) -> None:
    desk = forgotten(house, 60)

    def gone(_client: Client) -> None:
        monkeypatch.setattr(house.gateway, "ready", lambda: Readiness(born="", wrong={"gate": "away"}))
        raise SilentError("no answer in time")

    house.gateway.before = gone
    with pytest.raises(GatewayError, match=r"^away$"):
        desk.upkeep.repair()

    assert house.gateway.asked <= house.gateway.at_once * upkeep.SLICE < 60
    assert desk.live == 60


def test_a_stop_ends_a_mass_of_ends_and_what_is_left_is_due_again(house, monkeypatch) -> None:
    desk = house.open()
    for each in (1, 2, 3):
        desk.login(click(each))
    house.clock.forward(3601)
    real = desk.visits.over

    def over(live):
        desk.upkeep.stop()
        return real(live)

    monkeypatch.setattr(desk.visits, "over", over)
    desk.upkeep.expire()
    assert desk.live == 2

    desk = house.restart()
    assert desk.upkeep.expire() == 2


# ---- time
def test_time_that_is_over_ends_the_visit_and_the_next_click_is_a_new_one(house) -> None:
    desk = house.open()
    first = desk.login(click())
    house.clock.forward(3601)

    assert desk.current(client()) is None
    assert desk.upkeep.expire() == 1
    second = desk.login(click())

    assert isinstance(second, Session)
    assert second.id != first.id
    assert {row.end for row in rows(desk, tables.SESSION)} == {"expired", None}


def test_a_new_address_of_a_live_device_is_recorded_and_let_in_for_what_is_left(house) -> None:
    desk = house.open()
    desk.login(click())
    house.clock.forward(1800)
    later = client().at("127.0.0.77")

    assert desk.returning(later)

    left = {each.client.addresses[0]: each.seconds for each in house.gateway.admitted()}
    assert left == {"127.0.0.1": 1800, "127.0.0.77": 1800}
    assert {row.address for row in rows(desk, tables.ADDRESS)} == {"127.0.0.1", "127.0.0.77"}


def test_what_the_gateway_sees_later_is_followed(house) -> None:
    desk = house.open()
    desk.login(click())
    house.gateway.moved = lambda: {client().key: ("127.0.0.1", "fd00::7"), client(9).key: ("fd00::9",)}

    assert desk.upkeep.follow() == 1
    assert desk.upkeep.follow() == 0

    assert inside(house) == {"127.0.0.1", "fd00::7"}


def test_neighbours_that_cannot_be_read_at_one_gateway_cost_the_others_nothing(house) -> None:
    desk = house.open()
    desk.login(click())
    away = Simulated(replace(house.settings.portal, visitors={"other": "site-2"}), house.clock)
    desk.visits.gateway = Switchboard([away, house.gateway])
    house.gateway.moved = lambda: {client().key: ("fd00::7",)}

    def failing() -> None:
        raise KernelError("the kernel gives a part of it")

    away.moved = failing
    with pytest.raises(GatewayError, match="a part of it"):
        desk.upkeep.follow()
    assert inside(house) == {"127.0.0.1", "fd00::7"}


def test_an_address_that_could_not_be_recorded_is_followed_once_more(house, monkeypatch) -> None:
    desk = house.open()
    desk.login(click())
    told = [{client().key: ("fd00::7",)}]
    house.gateway.moved = lambda: told.pop() if told else {}

    def failing(*_: object) -> None:
        raise OverflowError("a fault of ours")

    with monkeypatch.context() as patch:
        patch.setattr(desk.store, "widen", failing)
        desk.upkeep.follow()
    assert inside(house) == {"127.0.0.1"}

    desk.upkeep.follow()
    assert inside(house) == {"127.0.0.1", "fd00::7"}
    assert desk.upkeep.follow() == 0


def test_ends_that_move_are_found_when_they_are_due(house) -> None:
    desk = house.open()
    visits = desk.visits
    for each in (1, 2, 3):
        desk.login(click(each))
        house.clock.forward(10)
    now_ms = house.clock.now_ms()
    visits.feed(visits.at(client(1).key), visit.Extended(now_ms + 7_200_000))
    visits.feed(visits.at(client(2).key), visit.Adjusted(now_ms + 600_000))
    desk.logout(client(3))
    desk.login(click(3))

    ended = []
    for _ in range(130):
        house.clock.forward(60)
        if desk.upkeep.expire():
            ended.append((house.clock.now_ms() - now_ms) // 60_000)
    assert ended == [10, 60, 120]
    assert desk.live == 0


def test_what_is_done_every_few_seconds_never_goes_through_all_who_are_in(house, monkeypatch) -> None:
    desk = house.open()
    for each in (1, 2, 3):
        desk.login(click(each))
    desk.upkeep.repair()
    monkeypatch.setattr(desk.visits, "every", None)
    monkeypatch.setattr(house.gateway, "addresses", None)
    house.gateway.moved = lambda: {client(2).key: ("fd00::2",)}

    assert (desk.upkeep.look_in(), desk.upkeep.follow(), desk.upkeep.expire()) == (0, 1, 0)
    house.clock.forward(3601)
    assert desk.upkeep.expire() == 3


def test_what_could_not_be_ended_is_due_again(house, monkeypatch) -> None:
    desk = house.open()
    for each in (1, 2):
        desk.login(click(each))
    house.clock.forward(3601)

    def failing(*_: object) -> None:
        raise ZeroDivisionError("a fault of ours")

    with monkeypatch.context() as patch:
        patch.setattr(desk.visits, "over", failing)
        with pytest.raises(ZeroDivisionError):
            desk.upkeep.expire()
    assert desk.live == 2

    assert desk.upkeep.expire() == 2
    assert desk.live == 0


class OneEntryDown(Simulated):
    """As the kernel: downwards an address has one entry, whoever's it is."""

    def __init__(self, *given) -> None:
        super().__init__(*given)
        self.down: set[str] = set()

    def allow(self, client, bounds) -> None:
        super().allow(client, bounds)
        self.down |= set(client.addresses)

    def revoke(self, client) -> None:
        super().revoke(client)
        self.down -= set(client.addresses)


@pytest.mark.parametrize("restarted", [False, True])
def test_the_end_of_who_had_the_address_before_cuts_nobody_off(house, restarted) -> None:
    """DHCP gives an address to the next visitor long before the last one's session is over."""
    house.gateway = OneEntryDown(house.settings.portal, house.clock)
    desk = house.open()
    desk.login(click(1))
    house.clock.forward(1800)
    heir = replace(client(2), addresses=client(1).addresses)
    desk.login(replace(click(2), client=heir))
    if restarted:
        desk = house.restart()
        desk.upkeep.repair()
    house.clock.forward(1801)
    assert desk.upkeep.expire() == 1

    assert desk.current(heir)
    assert house.gateway.down == set(heir.addresses)
    assert [each.client.mac for each in house.gateway.admitted()] == [heir.mac]
    assert desk.logout(heir)
    assert (house.gateway.down, house.gateway.admitted()) == (set(), [])


def test_the_end_of_who_had_the_address_before_cuts_nobody_off_who_is_just_coming_in(house) -> None:
    """The kernel has opened the heir's door, and we have not heard it yet."""
    heir = replace(client(2), addresses=client(1).addresses)

    class Overtaken(OneEntryDown):
        def allow(self, client, bounds) -> None:
            super().allow(client, bounds)
            if client.mac == heir.mac and desk.visits.at(heir.key).state is State.RECORDED:
                desk.logout(former)

    former, house.gateway = client(1), Overtaken(house.settings.portal, house.clock)
    desk = house.open()
    desk.login(click(1))
    desk.login(replace(click(2), client=heir))

    assert [each.client.mac for each in house.gateway.admitted()] == [heir.mac]
    assert house.gateway.down == set(heir.addresses)


class Stumbling(OneEntryDown):
    """Fails as often as a test says, before or after it has done what it was asked."""

    def __init__(self, *given) -> None:
        super().__init__(*given)
        self.wrong: list[Exception] = []  # of the next doors to open
        self.late: list[Exception] = []  # of the next doors to close
        self.opened: list[str] = []

    def allow(self, client, bounds) -> None:
        if self.wrong:
            raise self.wrong.pop()
        super().allow(client, bounds)
        self.opened.append(client.mac)

    def revoke(self, client) -> None:
        super().revoke(client)
        if self.late:
            raise self.late.pop()


def sharing(house, count: int):
    """Return a desk whose visitors have one address, and these visitors."""
    house.gateway = Stumbling(house.settings.portal, house.clock)
    desk = house.open()
    every = [replace(client(number), addresses=("127.0.0.1",)) for number in range(1, count + 1)]
    for each in every:
        desk.login(Attempt(client=each, method="click_through", fields={}, consent=CONSENT))
    house.gateway.opened.clear()
    return desk, every


@pytest.mark.parametrize("error", [GatewayError("the set is full"), SilentError("no answer in time")])
def test_an_heir_whose_door_is_not_opened_again_at_once_gets_it_later(house, error) -> None:
    desk, (former, heir) = sharing(house, 2)
    house.gateway.wrong = [error]
    desk.logout(former)
    assert house.gateway.down == set()

    desk.upkeep.expire()
    desk.upkeep.expire()
    assert house.gateway.down == set(heir.addresses)
    assert house.gateway.opened == [heir.mac], "and once"


def test_an_heir_whose_door_is_not_opened_again_costs_the_other_heirs_nothing(house) -> None:
    desk, (former, *heirs) = sharing(house, 3)
    house.gateway.wrong = [GatewayError("the set is full")]
    desk.logout(former)
    assert len(house.gateway.opened) == 1

    desk.upkeep.expire()
    assert sorted(house.gateway.opened) == [each.mac for each in heirs]


def test_a_closing_that_is_not_answered_cuts_no_heir_off(house) -> None:
    desk, (former, heir) = sharing(house, 2)
    house.gateway.late = [SilentError("no answer in time")]
    desk.logout(former)

    desk.upkeep.expire()
    assert house.gateway.down == set(heir.addresses)


def test_a_gateway_that_does_not_answer_is_not_waited_for_at_each_heir(house) -> None:
    desk, (former, *heirs) = sharing(house, 5)
    house.gateway.wrong = [SilentError("no answer in time") for _ in range(2)]
    desk.logout(former)
    desk.upkeep.expire()
    assert (house.gateway.wrong, house.gateway.opened) == ([], [])

    desk.upkeep.expire()
    assert sorted(house.gateway.opened) == [each.mac for each in heirs]


def test_an_heir_who_has_left_is_not_let_in_again(house) -> None:
    desk, (former, heir) = sharing(house, 2)
    house.gateway.wrong = [GatewayError("the set is full")]
    desk.logout(former)
    desk.logout(heir)

    desk.upkeep.expire()
    assert house.gateway.opened == []


def test_a_controller_is_not_asked_twice_for_one_login(house) -> None:
    """Whoever waits at a controller has a token there: another one would make it void."""
    asked = []

    class Far(Simulated):
        distant = True

        def allow(self, client, bounds) -> Onward:
            super().allow(client, bounds)
            asked.append(client.mac)
            return Onward(url="https://controller.example/")

    house.gateway = Far(house.settings.portal, house.clock)
    desk = house.open()
    for number in (1, 2):
        desk.login(replace(click(number), client=replace(client(number), addresses=("127.0.0.1",))))
    desk.opened(client(1))

    assert desk.logout(client(1))
    assert asked == [client(1).mac, client(2).mac]
