"""Visitors behind a controller that speaks Portal 2.0: in, out, by its word and by ours."""

from __future__ import annotations

import importlib.util
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from captive_portal.errors import GatewayError
from captive_portal.model import Bounds
from captive_portal.portal2 import exchange, journal, packets, reports, side
from captive_portal.portal2.vault import Vault
from captive_portal.records.periods import Periods

_spec = importlib.util.spec_from_file_location("portal2_world", Path(__file__).with_name("portal2_world.py"))
worlds = sys.modules.get("portal2_world") or importlib.util.module_from_spec(_spec)
if "portal2_world" not in sys.modules:
    sys.modules["portal2_world"] = worlds
    _spec.loader.exec_module(worlds)
MAC, OTHER, ADDRESS, simulator, until = (
    worlds.MAC,
    worlds.OTHER,
    worlds.ADDRESS,
    worlds.simulator,
    worlds.until,
)
HOUR = Bounds(seconds=3600)


@pytest.fixture
def world(tmp_path):
    with worlds.world(tmp_path) as made:
        yield made


def test_who_has_an_address_says_the_controller(world) -> None:
    found = world.gateway.identify(ADDRESS)

    assert (found.mac, found.interface, found.addresses) == (MAC, "ac-1", (ADDRESS,))
    assert world.gateway.identify("10.1.0.99") is None
    assert world.gateway.identify("192.0.2.1") is None, "no network of its visitors: it is not even asked"


def test_a_login_is_challenge_token_and_affirmation(world) -> None:
    world.gateway.allow(world.client(), HOUR)

    assert world.ac.online[ADDRESS].mac == MAC
    world.ac.wait(simulator.AFF_ACK_AUTH)
    until(lambda: world.ac.online[ADDRESS].affirmed)
    assert world.inside() == {ADDRESS: MAC}
    assert world.ac.bad == []


def test_a_visitor_behind_a_nat_is_a_stranger_and_the_operator_is_told(world, caplog) -> None:
    claimed = {"wlanuserip": "10.1.0.9", "wlanacip": "10.6.10.77"}
    for _ in range(3):
        world.gateway.puzzled("203.0.113.9", claimed)
    world.gateway.puzzled("203.0.113.9", {"wlanuserip": "198.51.100.1"})
    world.gateway.puzzled("203.0.113.9", {})
    world.gateway.puzzled("10.1.0.9", claimed)

    assert world.gateway.identify("203.0.113.9") is None
    assert world.part.counters()["behind_nat"] == 3
    assert [each.getMessage().count("is there NAT") for each in caplog.records] == [1]


def test_with_pap_the_token_is_shown_at_once(tmp_path) -> None:
    with worlds.world(tmp_path, portal_auth="pap") as world:
        world.gateway.allow(world.client(), HOUR)

        assert world.ac.online[ADDRESS].mac == MAC
        assert simulator.REQ_CHALLENGE not in [each.type for each in world.ac.heard]
        until(lambda: world.ac.online[ADDRESS].affirmed)


def test_a_token_is_good_once_and_its_name_is_no_person(world) -> None:
    world.gateway.allow(world.client(), HOUR)
    world.gateway.revoke(world.client())
    world.gateway.allow(world.client(), HOUR)

    assert len(world.radius.used) == 2
    assert MAC.replace(":", "") not in "".join(world.radius.used)


def test_who_is_put_out_is_out_at_the_controller(world) -> None:
    world.gateway.allow(world.client(), HOUR)

    world.gateway.revoke(world.client())

    assert world.ac.online == {}
    assert world.inside() == {}


def test_a_controller_that_heeds_no_time_is_told_when_it_is_over(world, monkeypatch) -> None:
    heeds = world.radius
    world.ac.authorise = lambda *shown: heeds(*shown) and 1_000_000
    world.ac.station("10.1.0.2", OTHER)
    world.gateway.allow(world.client(), Bounds(seconds=1))
    world.gateway.allow(world.client(OTHER, "10.1.0.2"), Bounds(seconds=1))
    until(lambda: world.inside() == {})

    world.gateway.revoke(world.client())  # as the desk does when a visit is over
    left = set(world.ac.online)
    monkeypatch.setattr(side, "LATE_MS", 0)  # and of the other the desk knows nothing
    world.gateway.post._late_due = 0.0
    until(lambda: world.ac.online == {})

    assert left == {"10.1.0.2"}
    assert world.part.counters()["out"] == 2


def test_who_is_in_by_an_answer_that_was_lost_is_put_out(world, monkeypatch) -> None:
    """Neither the yes of the controller nor our taking back gets through: still nobody is in without a record (I4)."""
    monkeypatch.setattr(exchange, "WAITS_S", (0.05, 0.05, 0.05))
    world.ac.spoil = lambda octets: [] if octets[1] == simulator.ACK_AUTH else [octets]
    world.ac.lose = lambda octets: octets[1] == simulator.REQ_LOGOUT
    with pytest.raises(GatewayError, match="did not answer"):
        world.gateway.allow(world.client(), HOUR)
    inside, online = world.inside(), set(world.ac.online)
    with pytest.raises(GatewayError, match="did not answer"):
        world.gateway.revoke(world.client())  # as the desk does when a login could not be completed

    world.ac.spoil, world.ac.lose = lambda octets: [octets], lambda _octets: False
    world.close()
    world.open()
    monkeypatch.setattr(side, "LATE_MS", 0)
    world.gateway.post._late_due = 0.0
    until(lambda: world.ac.online == {})

    assert (inside, online) == ({}, {ADDRESS})
    assert world.ears.gone == []


def test_who_has_the_address_by_now_is_not_put_out_for_another(world) -> None:
    world.gateway.allow(world.client(), HOUR)

    world.gateway.revoke(world.client(OTHER))

    assert world.inside() == {ADDRESS: MAC}
    assert world.ac.online


def test_lost_packets_are_said_again(world, monkeypatch) -> None:
    monkeypatch.setattr(exchange, "WAITS_S", (0.15, 0.15, 0.5))
    lost = iter([True, False, True, True, False, False, False])
    world.ac.lose = lambda _octets: next(lost, False)

    world.gateway.allow(world.client(), HOUR)

    assert world.inside() == {ADDRESS: MAC}
    assert world.part.counters()["resent"] == 3


def test_an_affirmation_that_was_lost_is_said_again(world) -> None:
    world.ac.lose = lambda octets: octets[1] == simulator.AFF_ACK_AUTH
    answers = []
    world.ac.spoil = lambda octets: answers.append(octets) or [octets]
    world.gateway.allow(world.client(), HOUR)
    world.ac.lose = lambda _octets: False
    last_seen = world.gateway.journal

    sender = next(kept for kept in _kept(world) if kept.way == "out" and kept.octets[1] == simulator.REQ_AUTH)
    assert sender
    # the controller says ACK_AUTH again, to the port that asked
    world.ac.socket.sendto(answers[-1], world.ac.last_sender)

    until(lambda: world.ac.online[ADDRESS].affirmed)
    assert last_seen.missed == 0


def _kept(world) -> list[packets.Kept]:
    world.gateway.journal.settle()
    return list(packets.read(world.gateway.journal.path, world.gateway.journal.vault))


def test_a_refusal_lets_nobody_in_and_says_what_the_controller_said(world) -> None:
    world.radius.refuses = True

    with pytest.raises(GatewayError, match=r"refused the token.*\(密码错误\)"):
        world.gateway.allow(world.client(), HOUR)

    assert world.inside() == {}


def test_an_address_that_was_online_before_is_logged_in_anew(world) -> None:
    world.ac.online[ADDRESS] = simulator.Online(OTHER, "old", 7, 1e12)

    world.gateway.allow(world.client(), HOUR)

    assert world.ac.online[ADDRESS].mac == MAC
    assert world.inside() == {ADDRESS: MAC}


def test_the_next_visitor_at_an_address_ends_the_visit_of_the_last(world) -> None:
    world.gateway.allow(world.client(), HOUR)
    world.ac.station(ADDRESS, OTHER)

    world.gateway.allow(world.client(OTHER), HOUR)

    assert world.inside() == {ADDRESS: OTHER}
    until(lambda: [each.mac for each in world.ears.gone] == [MAC])


def test_a_controller_that_lets_another_device_in_is_told_to_put_it_out(world) -> None:
    world.ac.names_mac = OTHER

    with pytest.raises(GatewayError, match="another device"):
        world.gateway.allow(world.client(), HOUR)

    assert world.ac.online == {}
    assert world.inside() == {}


def test_a_silent_controller_costs_three_logins_time_and_then_nobodys(world, monkeypatch) -> None:
    monkeypatch.setattr(exchange, "WAITS_S", (0.05, 0.05, 0.05))
    world.ac.silent = True
    for _ in range(3):
        with pytest.raises(GatewayError, match="did not answer"):
            world.gateway.allow(world.client(), HOUR)

    before = worlds.time.monotonic()
    with pytest.raises(GatewayError, match="has not answered 3 times"):
        world.gateway.identify("10.1.0.7")
    took = worlds.time.monotonic() - before

    assert took < 0.2
    assert "has not answered" in world.part.ready().wrong["controller"]


def test_a_controller_that_puts_somebody_out_is_answered_and_believed(world) -> None:
    world.gateway.allow(world.client(), HOUR)

    world.ac.kick(ADDRESS)

    world.ac.wait(simulator.ACK_NTF_LOGOUT)
    until(lambda: world.ears.gone)
    assert world.inside() == {}
    assert world.ears.gone == [world.client()]


def test_with_pap_a_new_logout_is_believed_and_a_copy_is_not(tmp_path) -> None:
    with worlds.world(tmp_path, portal_auth="pap") as world:
        world.gateway.allow(world.client(), HOUR)
        old = world.ac.kick(ADDRESS)
        until(lambda: world.ears.gone)
        world.gateway.allow(world.client(), HOUR)

        world.ac.tell(old)
        until(lambda: world.part.counters()["doubted"] == 1)

        assert world.inside() == {ADDRESS: MAC}
        assert simulator.REQ_CHALLENGE not in [each.type for each in world.ac.heard]


def test_a_logout_of_nobody_is_answered_too(world) -> None:
    world.ac.tell(simulator.packet(simulator.NTF_LOGOUT, "10.9.9.9", request=3, secret=world.ac.secret))

    said = world.ac.wait(simulator.ACK_NTF_LOGOUT)
    assert (said.user, said.request) == ("10.9.9.9", 3)


def test_the_answer_to_a_logout_is_sealed_over_it(world) -> None:
    world.gateway.allow(world.client(), HOUR)

    octets = world.ac.kick(ADDRESS)

    said = world.ac.wait(simulator.ACK_NTF_LOGOUT)
    assert simulator.holds(said.raw, world.ac.secret, octets[16:32])


def test_a_user_who_moves_keeps_the_visit(world) -> None:
    world.gateway.allow(world.client(), HOUR)
    user = world.ac.online.pop(ADDRESS)
    world.ac.online["10.1.0.2"] = user
    pairs = [(9, simulator.socket.inet_aton(ADDRESS)), world.ac.mac_of(MAC)]

    world.ac.tell(
        simulator.packet(
            simulator.NTF_USERIPCHANGE, "10.1.0.2", request=user.request, pairs=pairs, secret=world.ac.secret
        )
    )

    world.ac.wait(simulator.AFF_USERIPCHANGE)
    assert world.inside() == {"10.1.0.2": MAC}
    assert world.gateway.addresses(world.client()) == ("10.1.0.2",)
    assert world.ears.gone == []


def test_a_device_that_we_know_comes_in_without_a_page(tmp_path) -> None:
    with worlds.world(tmp_path, portal_binding=True) as world:
        world.ears.known = {MAC}
        world.ac.tell(
            simulator.packet(
                simulator.REQ_MACBIND, ADDRESS, serial=5, pairs=[world.ac.mac_of(MAC)], secret=world.ac.secret
            )
        )

        said = world.ac.wait(simulator.ACK_MACBIND)
        until(lambda: ADDRESS in world.ac.online)

    assert (said.error, said.serial) == (0, 5)
    assert [each.mac for each in world.ears.came] == [MAC]


def test_a_device_that_nobody_knows_is_sent_to_the_page(tmp_path) -> None:
    with worlds.world(tmp_path, portal_binding=True) as world:
        world.ac.tell(
            simulator.packet(simulator.REQ_MACBIND, ADDRESS, pairs=[world.ac.mac_of(MAC)], secret=world.ac.secret)
        )

        assert world.ac.wait(simulator.ACK_MACBIND).error == 1
        assert world.ears.came == []


def test_a_controller_without_the_setting_gets_no_answer_about_devices(world) -> None:
    world.ears.known = {MAC}
    world.ac.tell(
        simulator.packet(simulator.REQ_MACBIND, ADDRESS, pairs=[world.ac.mac_of(MAC)], secret=world.ac.secret)
    )
    world.ac.tell(simulator.packet(simulator.NTF_LOGOUT, "10.9.9.9", request=3, secret=world.ac.secret))

    world.ac.wait(simulator.ACK_NTF_LOGOUT)

    assert simulator.ACK_MACBIND not in [each.type for each in world.ac.heard]
    assert world.ears.came == []


def test_h3c_hears_that_we_live_and_who_is_online_and_says_who_is_not(tmp_path) -> None:
    with worlds.world(tmp_path, vendor="h3c") as world:
        world.ac.wait(simulator.NTF_HEARTBEAT)
        for number in range(1, 4):
            world.ac.station(f"10.1.0.{number}", f"02:00:00:00:00:0{number}")
            world.gateway.allow(world.client(f"02:00:00:00:00:0{number}", f"10.1.0.{number}"), HOUR)
        del world.ac.online["10.1.0.2"]  # it was restarted, say, and told nobody
        part = world.part.side
        part.rolls._roll_due = 0.0

        said = world.ac.wait(simulator.NTF_USER_HEARTBEAT)
        until(lambda: len(world.ears.gone) == 1)

        assert len(said.get(0x0D)) == 12
        assert set(world.inside()) == {"10.1.0.1", "10.1.0.3"}


def test_a_restart_forgets_nobody_and_asks_nobody(world) -> None:
    world.gateway.allow(world.client(), HOUR)
    born = world.part.ready().born
    world.close()
    before = len(world.ac.heard)

    world.open()

    assert world.inside() == {ADDRESS: MAC}
    assert world.part.ready().born == born
    assert len(world.ac.heard) == before


def test_after_a_kill_its_memory_is_a_new_one(world, monkeypatch) -> None:
    world.gateway.allow(world.client(), HOUR)
    born = world.part.ready().born
    world.gateway.journal.settle()
    monkeypatch.setattr(type(world.gateway.journal), "_say", lambda *_: None)  # "closed" is not written
    world.close()
    monkeypatch.undo()

    world.open()

    assert world.inside() == {ADDRESS: MAC}
    assert world.part.ready().born != born


def test_after_a_login_that_failed_nobody_counts_as_put_out(world) -> None:
    born = world.part.ready().born
    world.radius.refuses = True

    with pytest.raises(GatewayError):
        world.gateway.allow(world.client(), HOUR)

    assert world.part.ready().born != born


def test_v6_visitors_have_an_attribute_of_their_own(world) -> None:
    world.ac.station("fd01::1", MAC)

    world.gateway.allow(world.client(MAC, ADDRESS, "fd01::1"), HOUR)

    assert set(world.inside()) == {ADDRESS, "fd01::1"}
    assert world.gateway.identify("fd01::1").mac == MAC
    world.ac.kick(ADDRESS)
    until(lambda: set(world.inside()) == {"fd01::1"})
    assert world.ears.gone == [], "the device is online still"


# ---- the packets as evidence
def test_every_packet_is_kept_in_a_chain(world) -> None:
    world.gateway.allow(world.client(), HOUR)
    kept = _kept(world)

    names = [(each.way, each.octets[1]) for each in kept]

    assert names == [("out", 1), ("in", 2), ("out", 3), ("in", 4), ("out", 7)]
    assert packets.check(world.gateway.journal.path) == packets.Checked(packets=5, head=world.gateway.journal.head)


def test_a_packet_that_is_changed_removed_or_slipped_in_is_found(world, tmp_path) -> None:
    import apsw

    world.gateway.allow(world.client(), HOUR)
    world.close()
    path = journal_path(world)
    for number, wound in enumerate(
        (
            "UPDATE packet SET octets = x'00' WHERE number = 3",
            "UPDATE packet SET at_ms = at_ms + 1 WHERE number = 2",
            "DELETE FROM packet WHERE number = 4",
            "UPDATE packet SET judged = 'forged' WHERE number = 3",
        )
    ):
        copy = tmp_path / f"wound{number}.db"
        source, target = apsw.Connection(str(path)), apsw.Connection(str(copy))
        with target.backup("main", source, "main") as backup:
            backup.step()
        target.execute(wound)
        target.close()
        source.close()

        assert packets.check(copy).broken is not None, wound


def journal_path(world) -> Path:
    from captive_portal.gateways.portal2 import journal_path as path

    return path(world.settings)


def test_the_journal_is_bounded_and_its_chain_still_holds(tmp_path) -> None:
    from netops.clock import SYSTEM

    with journal.Journal(
        tmp_path / "p.db", SYSTEM, vault=Vault(Periods(tmp_path / "keys"), bytes(32)), cap_bytes=95_000, days=9
    ) as kept:
        for _ in range(10):
            for _ in range(100):
                kept.packet("ac-1", "out", "10.0.0.1", bytes(60))
            kept.settle()
        checked = packets.check(kept.path)
        said = [each for each in packets.read(kept.path, kept.vault) if each.way == packets.ERASED]

    assert checked.broken is None
    assert checked.head[0] - checked.packets == checked.erased > 700
    assert 200 < checked.packets <= 300
    assert said


def test_a_flood_of_junk_is_counted_and_the_count_is_kept(tmp_path) -> None:
    from netops.clock import SYSTEM

    with journal.Journal(
        tmp_path / "p.db", SYSTEM, vault=Vault(Periods(tmp_path / "keys"), bytes(32)), cap_bytes=1 << 20, days=9
    ) as kept:
        for _ in range(5000):
            kept.packet("ac-1", "in", "10.0.0.1", b"junk", "no packet")
        missed = kept.missed
    told = [each.judged for each in packets.read(kept.path, kept.vault) if each.way == "missed"]

    assert missed >= 4800
    assert sum(int(each.split()[0]) for each in told) == missed


def test_a_full_disk_stops_no_login_and_the_chain_goes_on_afterwards(world, monkeypatch) -> None:
    monkeypatch.setattr(journal, "AGAIN_S", 0.05)
    monkeypatch.setattr(journal, "WAITING", 400)
    world.gateway.allow(world.client(), HOUR)
    kept = world.gateway.journal
    kept.settle()
    pages = kept._db.execute("PRAGMA page_count").get
    kept._db.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    for _ in range(600):
        kept.packet("ac-1", "in", "10.0.0.1", bytes(200))
    until(lambda: kept.wrong != "")

    world.gateway.revoke(world.client())
    world.gateway.allow(world.client(), HOUR)
    assert world.inside() == {ADDRESS: MAC}
    assert kept.waiting == 400, "memory is bounded"

    kept._db.execute("PRAGMA max_page_count = 1000000").fetchall()
    until(lambda: kept.wrong == "" and kept.waiting == 0)
    monkeypatch.setattr(journal, "MISSED_S", 0.0)
    until(lambda: kept._owed == {})
    kept.settle()
    worlds.time.sleep(0.25)
    told = [int(each.judged.split()[0]) for each in packets.read(kept.path, kept.vault) if each.way == "missed"]

    assert packets.check(kept.path).broken is None
    assert sum(told) == kept.missed > 0
    assert [each.mac for each in kept.users("ac-1")] == [MAC]


# ---- what the RADIUS server beside us has heard
class Line:
    """Answers as the server does; away when told so."""

    def __init__(self) -> None:
        self.listed = [["ac-1", MAC, ADDRESS, 50, 1_000, 9_000], ["ac-1", MAC, "fd01::1", 50, 0, 0]]
        self.away = False
        self.asked = 0

    def every(self, verb: str, **asked: object) -> list[dict[str, object]]:
        self.asked += 1
        if self.away:
            raise GatewayError("away")
        return [{"listed": self.listed}] if verb == "list" else [{"place": "ac-1", "mac": MAC}]


def test_octets_are_those_of_accounting_and_a_server_that_is_away_makes_none_go_back(world, clock) -> None:
    line = Line()
    world.part._reports = reports.Reports(line, clock, ["ac-1"])
    world.ac.station("fd01::1", MAC)
    world.gateway.allow(world.client(MAC, ADDRESS, "fd01::1"), HOUR)

    def octets() -> list[tuple[int, int]]:
        return [(each.octets_up, each.octets_down) for each in world.gateway.admitted()]

    first = octets()
    line.away = True
    clock.forward(60)
    away = octets()
    line.away, line.listed = False, [["ac-1", MAC, ADDRESS, 40, 2_000, 9_500]]
    clock.forward(60)
    octets()
    asked = line.asked

    assert first == away == [(1_000, 9_000), (0, 0)]
    assert octets() == [(2_000, 9_500), (0, 0)]
    assert line.asked == asked == 3, "within ten seconds nobody is asked again"


def test_where_req_info_has_no_word_for_a_mac_accounting_tells_it(world, clock) -> None:
    world.ac.tells_mac = False
    assert world.gateway.identify(ADDRESS) is None
    line = Line()
    told = reports.Reports(line, clock, ["ac-1"])
    world.part.side.around = replace(world.part.side.around, reported=told.mac)
    world.part.side.forget(ADDRESS)

    assert world.gateway.identify(ADDRESS).mac == MAC
    assert told.mac("ac-2", ADDRESS) == ""
    line.away = True
    assert told.mac("ac-1", ADDRESS) == ""


def test_a_portal_that_stops_waits_for_no_controller_that_is_busy(world, monkeypatch) -> None:
    monkeypatch.setattr(side, "BUSY_S", 60.0)
    asked = threading.Event()

    def busy(_course: object) -> exchange.Answer:
        asked.set()
        return exchange.Answer(code=exchange.Code.BUSY)

    monkeypatch.setattr(world.part.side.door, "run", busy)
    refused: list[str] = []

    def login() -> None:
        with pytest.raises(GatewayError) as error:
            world.gateway.allow(world.client(MAC, ADDRESS), HOUR)
        refused.append(str(error.value))

    waiting = threading.Thread(target=login)
    waiting.start()
    asked.wait(20)
    world.close()
    waiting.join(20)

    assert "another attempt of this visitor runs" in refused[0]
