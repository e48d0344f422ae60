"""Reports of controllers: who has an address, how much was used, and what a report cannot do."""

from __future__ import annotations

import socket
import struct

import pytest

from captive_portal.radius.answering import taken
from netops.clock import SYSTEM

ACCEPT, REJECT = 2, 3
START, STOP, INTERIM = 1, 2, 3
MAC, OTHER, SAID, IP = "02:11:22:33:44:55", "02:11:22:33:44:66", "02-11-22-33-44-55", "10.8.0.9"


def number(octets: bytes) -> int:
    return struct.unpack(">I", octets)[0]


@pytest.fixture
def elsewhere():
    """Return what sends octets from another port of a controller's address, as who has heard them would."""

    def send(ac, octets: bytes, to: tuple[str, int]) -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as at:
            at.bind((ac.address, 0))
            at.settimeout(2)
            at.sendto(octets, to)
            return at.recv(5000)

    return send


def test_accounting_tells_who_has_an_address_and_how_much_was_used(place):
    ac, doors = place.controllers["ac-1"], place.parts.doors
    token = place.token()
    mark = ac.ask(token.user, token.password, SAID, IP)[1][25]

    assert ac.report(START, "s-1", SAID, IP, mark=mark)
    assert doors.who(IP, place.service.clock.now_ms()) == ("ac-1", MAC)

    assert ac.report(INTERIM, "s-1", SAID, IP, mark=mark, up=7_000_000_000, down=9_000_000_001)
    ((key, address, left, up, down),) = doors.listing(["ac-1"], place.service.clock.now_ms())

    assert (key, address, up, down) == (("ac-1", MAC), IP, 7_000_000_000, 9_000_000_001)
    assert 3595 < left <= 3600

    assert ac.report(STOP, "s-1", SAID, IP, up=7_000_000_001, cause=4)
    assert doors.who(IP, place.service.clock.now_ms()) == ("ac-1", MAC)  # it was there a moment ago
    assert doors.listing(["ac-1"], place.service.clock.now_ms()) == []  # idle for too long: it logs in anew


def test_a_device_that_walks_away_keeps_its_door(place):
    ac, token = place.controllers["ac-1"], place.token()
    mark = ac.ask(token.user, token.password, SAID, IP)[1][25]
    ac.report(START, "s-1", SAID, IP, mark=mark)
    ac.report(STOP, "s-1", SAID, IP, mark=mark, cause=2)  # lost carrier

    assert ac.ask(SAID, SAID, SAID)[0] == ACCEPT


def test_a_replayed_report_puts_nobody_online(place):
    """S4: an Accounting-Request stays genuine for ever; its time and its session do not."""
    ac, doors = place.controllers["ac-1"], place.parts.doors
    start = ac.account(START, "s-1", SAID, IP)
    ac.send(start, ac.acct)
    ac.report(STOP, "s-1", SAID, IP)
    ac.report(START, "s-2", OTHER, IP)
    ac.send(start, ac.acct)

    assert doors.who(IP, place.service.clock.now_ms()) == ("ac-1", OTHER)
    assert not ac.report(START, "s-3", SAID, IP, stamp=SYSTEM.now_ms() // 1000 - 3600, wait_s=0.3)
    assert place.parts.tally.counts["dropped_untimely"] == 1


def test_a_replay_is_known_across_a_restart(place):
    ac = place.controllers["ac-1"]
    start = ac.account(START, "s-1", SAID, IP)
    ac.send(start, ac.acct)
    ac.report(STOP, "s-1", SAID, IP)
    ac.report(START, "s-2", OTHER, IP)
    place.restart()
    ac.send(start, ac.acct)

    assert place.parts.doors.who(IP, place.service.clock.now_ms()) == ("ac-1", OTHER)


def test_a_controller_is_believed_about_its_own_networks_only(place):
    now_ms = place.service.clock.now_ms()
    place.controllers["ac-1"].report(START, "s-1", SAID, IP)
    place.controllers["ac-2"].report(START, "s-2", OTHER, IP)
    place.controllers["ac-2"].ask(OTHER, OTHER, OTHER, IP)

    assert place.parts.doors.who(IP, now_ms) == ("ac-1", MAC)


def test_a_report_is_durable_when_it_is_acknowledged(place):
    ac = place.controllers["ac-1"]
    for n in range(20):
        ac.report(START, f"s-{n}", f"02-11-22-33-44-{n:02x}", f"10.8.1.{n}")
    place.restart()

    assert place.parts.doors.counts["online"] == 20
    assert place.parts.doors.who("10.8.1.7", place.service.clock.now_ms()) == ("ac-1", "02:11:22:33:44:07")


def test_a_controller_that_restarted_has_nobody(place):
    ac = place.controllers["ac-1"]
    ac.report(START, "s-1", SAID, IP)
    ac.report(7, "s-1", SAID)

    assert place.parts.doors.counts["online"] == 0


@pytest.mark.parametrize(("name", "ip"), [("ac-1", IP), ("ac-2", "10.9.0.9")], ids=["timed", "untimed"])
@pytest.mark.parametrize("restarted", [False, True], ids=["", "over our restart"])
def test_a_replayed_restart_ends_no_session(place, elsewhere, name, ip, restarted):
    """Within five minutes it is of now by its time, without one for ever; another port makes it no repeat."""
    ac = place.controllers[name]
    on = ac.account(7, "s-0", SAID)
    ac.send(on, ac.acct)
    ac.report(START, "s-1", SAID, ip)
    if restarted:
        place.restart()
        ac.auth, ac.acct = ("127.0.0.1", place.service.auth_port), ("127.0.0.1", place.service.acct_port)
    elsewhere(ac, on, ac.acct)

    assert place.parts.doors.counts["online"] == 1
    assert place.parts.doors.addresses((name, MAC)) == (ip,)
    assert place.parts.tally.counts["restarts_again"] == 1


@pytest.mark.parametrize("restarted", [False, True], ids=["", "over our restart"])
def test_a_session_that_goes_on_after_a_restart_that_was_none_is_taken_up(place, restarted):
    ac = place.controllers["ac-1"]
    start = ac.account(START, "s-1", SAID, IP)
    ac.send(start, ac.acct)
    ac.report(START, "s-2", OTHER, "10.8.0.10")
    ac.report(7, "s-0", SAID)
    assert place.parts.doors.counts["online"] == 0

    if restarted:
        place.restart()
    ac.send(start, ac.acct)  # a Start of then brings nobody back
    assert place.parts.doors.counts["online"] == 0

    ac.report(INTERIM, "s-1", SAID, IP, up=7)
    assert place.parts.doors.who(IP, place.service.clock.now_ms()) == ("ac-1", MAC)
    assert place.parts.doors.counts["online"] == 1

    ac.report(STOP, "s-1", SAID, IP)
    ac.report(STOP, "s-2", OTHER, "10.8.0.10")
    ac.report(INTERIM, "s-1", SAID, IP)
    ac.report(INTERIM, "s-2", OTHER, "10.8.0.10")
    assert place.parts.doors.counts["online"] == 0


def test_a_restart_without_an_authenticator_is_known_by_what_it_says(place):
    """FreeRADIUS does not tell it: a retry says the same but for its delay, another restart another time."""
    known, doors, now_ms = place.parts.known.by_id, place.parts.doors, place.service.clock.now_ms()

    def said(name: str = "ac-1", *, delay_s: int = 0, at_s: int = now_ms // 1000) -> bool:
        fields = {40: b"\0\0\0\7", 41: delay_s.to_bytes(4, "big"), 55: at_s.to_bytes(4, "big")}
        return bool(taken(doors, place.parts.tally, fields, known[name], now_ms))

    assert [said(), said(), said(delay_s=5), said(at_s=now_ms // 1000 + 1), said("ac-2")] == [1, 0, 0, 1, 1]


def test_an_untimed_report_of_then_takes_no_session_up(place, wire):
    """Its time is that of the session: how long it has lasted, said then, does not fit now."""
    ac, doors, now_ms = place.controllers["ac-2"], place.parts.doors, place.service.clock.now_ms()
    lasted = wire.attribute(46, 3600)
    ac.report(INTERIM, "s-1", SAID, "10.9.0.9", more=lasted)
    doors.restarted("ac-2", now_ms)

    ac.report(INTERIM, "s-1", SAID, "10.9.0.9", more=wire.attribute(46, 60))
    assert doors.counts["online"] == 0
    ac.report(INTERIM, "s-1", SAID, "10.9.0.9", more=lasted)
    assert doors.counts["online"] == 1


def test_a_forged_report_is_not_taken(place):
    ac = place.controllers["ac-1"]
    octets = bytearray(ac.account(START, "s-1", SAID, IP))
    octets[-1] ^= 1

    assert ac.send(bytes(octets), ac.acct, 0.3) is None
    assert place.parts.doors.counts["online"] == 0
