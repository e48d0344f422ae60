"""The server as controllers see it: who is let in, with what, and what is never answered (S4)."""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import replace

import pytest

from captive_portal.model import Bounds, Client
from captive_portal.radius.heard import HEARD_MS, Heard
from captive_portal.radius.stay import Closed
from captive_portal.radius.tokens import LIFE_MS

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
