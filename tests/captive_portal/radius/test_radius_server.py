"""The server as controllers see it: who is let in, with what, and what is never answered (S4)."""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import replace

import pytest

from captive_portal.model import Bounds, Client
from captive_portal.radius.answering import taken
from captive_portal.radius.heard import HEARD_MS, Heard
from captive_portal.radius.stay import Closed
from captive_portal.radius.tokens import LIFE_MS
from netops.clock import SYSTEM

ACCEPT, REJECT = 2, 3
START, STOP, INTERIM = 1, 2, 3
MAC, OTHER, SAID, IP = "02:11:22:33:44:55", "02:11:22:33:44:66", "02-11-22-33-44-55", "10.8.0.9"
IPS = {"ac-1": IP, "ac-2": "10.9.0.9"}
HOUR = Bounds(seconds=3600, idle_s=600, down_kbps=4000, up_kbps=1000)


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


@pytest.mark.parametrize("chap", [False, True], ids=["PAP", "CHAP"])
def test_a_token_lets_its_device_in_once(place, chap):
    ac, token = place.controllers["ac-1"], place.token()
    code, said = ac.ask(token.user, token.password, SAID, IP, chap=chap)

    assert code == ACCEPT
    assert 3598 <= number(said[27]) <= 3600
    assert number(said[28]) == 600
    assert number(said[85]) == 200  # three reports within the idle time
    assert said[25].startswith(b"netops")

    assert ac.ask(token.user, token.password, SAID, IP, chap=chap)[0] == REJECT
    assert place.parts.tally.counts["rejected_used"] == 1


@pytest.mark.parametrize(
    ("name", "whose", "mac", "password"),
    [
        ("ac-1", {}, OTHER.replace(":", "-"), None),
        ("ac-2", {}, SAID, None),
        ("ac-1", {}, SAID, "a" * 20),
        ("ac-1", {}, "nobody", None),
    ],
    ids=["another device", "another controller", "another password", "no device"],
)
def test_a_token_lets_nobody_else_in(place, name, whose, mac, password):
    token = place.token(**whose)
    answer = place.controllers[name].ask(token.user, password or token.password, mac, IP)

    assert answer[0] == REJECT
    assert place.controllers["ac-1"].ask(token.user, token.password, SAID, IP)[0] == ACCEPT


def test_a_token_is_good_for_two_minutes_and_not_across_a_restart(place):
    ac, now_ms = place.controllers["ac-1"], place.service.clock.now_ms()
    mint = place.parts.reaching.mint
    old = mint.issue(place.client(), HOUR, now_ms - LIFE_MS - 1000)
    early = mint.issue(place.client(), HOUR, now_ms + 60_000)
    place.parts.doors.born_ms = 0

    assert [ac.ask(each.user, each.password, SAID)[0] for each in (old, early)] == [REJECT, REJECT]

    unused = place.token()
    place.restart()

    assert ac.ask(unused.user, unused.password, SAID)[0] == REJECT
    assert place.parts.tally.counts["rejected_before_us"] == 1


def test_a_device_with_an_open_door_needs_no_login(place):
    """MAC authentication bypass: who roams or comes back within the time is let in, in every spelling of its MAC."""
    ac = place.controllers["ac-1"]

    assert ac.ask(SAID, SAID, SAID, IP)[0] == REJECT

    place.parts.doors.open(place.client(), HOUR, place.service.clock.now_ms())
    for spelt in (SAID, "021122334455", "0211.2233.4455", "02:11:22:33:44:55"):
        code, said = ac.ask(spelt, spelt, SAID)
        assert code == ACCEPT
        assert number(said[27]) <= 3600

    assert ac.ask(OTHER, OTHER, SAID)[0] == REJECT  # a name that is another device's
    assert place.controllers["ac-2"].ask(SAID, SAID, SAID)[0] == REJECT  # a place that is another's


@pytest.mark.parametrize("restarted", [False, True], ids=["", "over our restart"])
def test_a_replayed_question_moves_no_address(place, elsewhere, restarted):
    """It is sealed, says no time and comes from another port: whoever is at the address now stays who they are."""
    ac, now_ms = place.controllers["ac-1"], place.service.clock.now_ms
    old = ac.question(SAID, SAID, SAID, IP)
    ac.send(old, ac.auth)
    assert place.parts.doors.who(IP, now_ms()) == ("ac-1", MAC)
    ac.ask(OTHER, None, OTHER, IP)
    if restarted:
        place.parts.keeping.keep([Closed(("nowhere", ""))])
        place.restart()
    place.parts.doors.news(0)

    assert elsewhere(ac, old, ac.auth)[0] == REJECT  # answered, as a retry is, and not believed
    assert place.parts.doors.who(IP, now_ms()) == ("ac-1", OTHER)
    assert place.parts.doors.news(0) == []


def test_a_replayed_question_puts_nobody_in_the_house(place, elsewhere):
    """The door may be open: nobody came through it."""
    ac = place.controllers["ac-1"]
    old = ac.question(SAID, SAID, SAID, IP)
    ac.send(old, ac.auth)
    place.parts.doors.open(place.client(), HOUR, place.service.clock.now_ms())

    assert elsewhere(ac, old, ac.auth)[0] == ACCEPT
    assert not place.parts.doors.inside(("ac-1", MAC))
    assert ac.ask(SAID, SAID, SAID, IP)[0] == ACCEPT
    assert place.parts.doors.inside(("ac-1", MAC))


@pytest.mark.parametrize(
    ("name", "age_s", "moved"),
    [("ac-1", 0, True), ("ac-1", 3600, False), ("ac-2", 3600, True)],
    ids=["of now", "of then", "a controller without a clock"],
)
def test_a_question_that_says_its_time_is_taken_at_its_word(place, wire, name, age_s, moved):
    ac, now_ms, ip = place.controllers[name], place.service.clock.now_ms(), IPS[name]
    ac.ask(OTHER, None, OTHER, ip)
    ac.ask(SAID, None, SAID, ip, more=wire.attribute(55, now_ms // 1000 - age_s))

    assert place.parts.doors.who(ip, now_ms) == (name, MAC if moved else OTHER)


def test_an_unsigned_question_moves_no_address_from_who_is_reported_there(place):
    """Anybody who can send from the controller's address can make one."""
    ac, doors, now_ms = place.controllers["ac-2"], place.parts.doors, place.service.clock.now_ms
    ac.ask(SAID, None, SAID, "10.9.0.9", signed=False)
    assert doors.who("10.9.0.9", now_ms()) == ("ac-2", MAC)

    ac.report(START, "s-1", SAID, "10.9.0.9")
    ac.ask(OTHER, None, OTHER, "10.9.0.9", signed=False)
    assert doors.who("10.9.0.9", now_ms()) == ("ac-2", MAC)
    ac.ask(OTHER, None, OTHER, "10.9.0.9")
    assert doors.who("10.9.0.9", now_ms()) == ("ac-2", OTHER)


def test_what_was_heard_is_bounded_and_the_oldest_forgotten():
    heard = Heard([(b"a", 0)], most=2)

    assert [bool(heard.first(mark, 1)) for mark in (b"a", b"b", b"b", b"c", b"a")] == [False, True, False, True, True]
    assert len(heard) == 2
    assert heard.first(b"d", HEARD_MS + 2)
    assert len(heard) == 1


def test_a_door_ends_with_its_time(place):
    place.parts.doors.open(place.client(), replace(HOUR, seconds=1), place.service.clock.now_ms() - 2000)

    assert place.controllers["ac-1"].ask(SAID, None, SAID)[0] == REJECT


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("ac-1", {"14122:7": 1_000_000, "14122:8": 4_000_000}),
        ("ac-2", {"14988:8": b"1000k/4000k", "14988:17": 705_032_704, "14988:18": 1}),
        ("ac-uam", {"14559:4": 1000, "14559:5": 4000}),
        ("ac-cisco", {}),
    ],
    ids=["WISPr", "MikroTik", "ChilliSpot", "Cisco"],
)
def test_rates_and_volumes_are_said_in_each_makers_words(place, name, found):
    ip = {"ac-1": "10.8.0.9", "ac-2": "10.9.0.9", "ac-uam": "10.10.0.9", "ac-cisco": "10.11.0.9"}[name]
    client = Client(mac=MAC, interface=name, addresses=(ip,))
    bounds = replace(HOUR, octets=5_000_000_000)
    place.parts.doors.open(client, bounds, place.service.clock.now_ms())
    octets = place.controllers[name].question(SAID, None, SAID)
    answer = place.controllers[name].send(octets, place.controllers[name].auth)
    said, at = {}, 20
    while at < len(answer):
        if answer[at] == 26:
            maker, kind, size = struct.unpack(">IBB", answer[at + 2 : at + 8])
            value = answer[at + 8 : at + 6 + size]
            said[f"{maker}:{kind}"] = value if b"k" in value else number(value)
        at += answer[at + 1]

    assert found == said


def test_the_answer_comes_from_the_address_that_was_asked(place, wire):
    """A machine with several addresses that listens on `any`: a controller drops what comes from another one."""
    place.service.stop()
    place.settings = replace(place.settings, radius=replace(place.settings.radius, listen="any"))
    place.restart()
    octets = place.controllers["ac-1"].question("nobody", "x", SAID)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.bind(("127.0.9.1", 0))
        asker.connect(("127.0.0.53", place.service.auth_port))
        asker.settimeout(2)
        asker.send(octets)

        assert wire.genuine(asker.recv(5000), octets)


# ---- S4
def test_what_is_not_signed_is_not_answered(place, wire):
    """BlastRADIUS: a request without Message-Authenticator is dropped, and one with a wrong one."""
    ac, token = place.controllers["ac-1"], place.token()

    assert ac.ask(token.user, token.password, SAID, signed=False) is None

    forged = bytearray(ac.question(token.user, token.password, SAID))
    forged[30] ^= 1
    assert ac.send(bytes(forged), ac.auth, 0.3) is None

    assert dict(place.parts.tally.counts) == {"dropped_unsigned": 1, "dropped_forged": 1}
    assert ac.ask(token.user, token.password, SAID)[0] == ACCEPT  # and neither has used the token up


def test_a_request_changed_on_its_way_is_not_answered(place):
    """Every octet of a request counts, but those of its padding."""
    ac, token = place.controllers["ac-1"], place.token()
    octets = ac.question(token.user, token.password, SAID)
    for at in range(len(octets)):
        changed = bytearray(octets)
        changed[at] ^= 0x40
        ac.at.sendto(bytes(changed), ac.auth)
    ac.at.settimeout(0.3)

    with pytest.raises(TimeoutError):
        ac.at.recv(5000)
    assert place.parts.tally.counts["accepted"] == 0


def test_an_old_controller_may_be_excused_by_its_settings(place):
    token = place.token(place="ac-2", ip="10.9.0.9")

    assert place.controllers["ac-2"].ask(token.user, token.password, SAID, signed=False)[0] == ACCEPT


def test_strangers_and_nonsense_get_no_answer(place, wire):
    stranger = wire.OldController("127.0.9.77", place.service.auth_port, place.service.acct_port)
    ac = place.controllers["ac-1"]
    try:
        token = place.token()
        assert stranger.ask(token.user, token.password, SAID, signed=False) is None
        assert not stranger.report(START, "s", SAID, IP, wait_s=0.3)
    finally:
        stranger.close()
    for nonsense in (
        b"",
        b"\x01",
        os.urandom(19),
        bytes(20),
        b"\x01\x01\xff\xff" + bytes(5000),
        b"\x02\x01\x00\x14" + bytes(16),
    ):
        ac.at.sendto(nonsense, ac.auth)
        ac.at.sendto(nonsense, ac.acct)
    wrong_secret = wire.OldController.question(ac, "u", "p", SAID)
    assert ac.send(wrong_secret, ac.acct, 0.3) is None  # an Access-Request on the accounting port

    assert ac.ask(token.user, token.password, SAID)[0] == ACCEPT


def test_the_same_question_gets_the_same_answer_and_is_judged_once(place):
    """RFC 5080 section 2.2.2: a retry of a lost answer must not find the token used up."""
    ac, token = place.controllers["ac-1"], place.token()
    octets = ac.question(token.user, token.password, SAID, IP)
    answers = {ac.send(octets, ac.auth) for _ in range(5)}

    assert len(answers) == 1
    assert answers.pop()[0] == ACCEPT
    assert place.parts.tally.counts["accepted"] == 1


def test_proxy_state_comes_back_in_order_and_a_status_is_answered(place, wire):
    ac = place.controllers["ac-1"]
    octets = ac.question("nobody", "x", SAID, more=wire.attribute(33, b"one") + wire.attribute(33, b"two"))
    answer = ac.send(octets, ac.auth)

    assert [value for kind, value in wire.parsed(answer) if kind == 33] == [b"one", b"two"]

    random = os.urandom(16)
    body = wire.seal(12, 9, random, b"", wire.SECRET)
    for port in (ac.auth, ac.acct):
        status = struct.pack(">BBH", 12, 9, 20 + len(body)) + random + body
        answer = ac.send(status, port)
        assert wire.genuine(answer, status)


def test_eap_is_refused_with_a_failure(place, wire):
    ac = place.controllers["ac-1"]
    identity = b"\x02\x05\x00\x08\x01bob"
    code, said = ac.ask("bob", None, SAID, more=wire.attribute(79, identity))

    assert (code, said[79]) == (REJECT, b"\x04\x05\x00\x04")


# ---- accounting
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
