"""The portal lets people in behind controllers: CoA, Disconnect and tokens, and what comes of each."""

from __future__ import annotations

import re
import socket
import struct
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from captive_portal.enforcing import Offer
from captive_portal.errors import AbsentError, GatewayError, SilentError
from captive_portal.gateways import GATEWAYS
from captive_portal.gateways.radius import Radius
from captive_portal.model import Bounds, Client
from captive_portal.radius import coa, keeping
from captive_portal.radius.service import database
from captive_portal.radius.stay import Closed
from netops.clock import SYSTEM

ACCEPT, REJECT = 2, 3
START, STOP, INTERIM = 1, 2, 3
DISCONNECT, COA = 40, 43
MAC, SAID, IP = "02:11:22:33:44:55", "02-11-22-33-44-55", "10.8.0.9"
HOUR = Bounds(seconds=3600, idle_s=600, down_kbps=4000, up_kbps=1000)
CISCO_IP = "10.11.0.9"


@pytest.fixture
def gateway(place):
    with Radius(place.settings, SYSTEM) as made:
        yield made


def kept(place) -> list[tuple[str, str, int, int]]:
    """What is kept of calls, the oldest first."""
    place.parts.keeping.keep([Closed(("nowhere", ""))])  # all before it are durable then
    found = keeping.outcomes(database(place.settings))
    return [(each.asked, each.word, each.cause, each.sent) for each in reversed(found)]


def enter(place, gateway, name="ac-1", ip=IP) -> Client:
    """A device comes, is refused, logs in, is asked about again, and is there."""
    ac = place.controllers[name]
    assert ac.ask(SAID, SAID, SAID, ip)[0] == REJECT
    client = gateway.identify(ip)
    assert client == Client(mac=MAC, interface=name, addresses=(ip,))
    assert gateway.allow(client, HOUR) is None
    code, said = ac.ask(SAID, SAID, SAID, ip)
    assert code == ACCEPT
    assert ac.report(START, "s-1", SAID, ip, mark=said[25])
    return client


def test_a_device_is_let_in_by_making_its_controller_ask_again(place, gateway, wire):
    enter(place, gateway)
    (told,) = place.controllers["ac-1"].called

    assert told[0] == DISCONNECT
    assert (31, SAID.encode()) in wire.parsed(told)
    assert kept(place) == [("disconnect", "ack", 0, 1)]
    ((listed),) = gateway.admitted()
    assert (listed.client.mac, listed.client.addresses) == (MAC, (IP,))


def test_an_ack_to_a_disconnect_is_no_witness_and_our_yes_is(place, gateway):
    ac = place.controllers["ac-1"]
    assert ac.ask(SAID, SAID, SAID, IP)[0] == REJECT
    client = gateway.identify(IP)
    before_ms = SYSTEM.now_ms()
    assert gateway.allow(client, HOUR) is None
    assert gateway.witnessed_ms(client) is None, "it has acknowledged, and let nobody in"

    assert ac.ask(SAID, SAID, SAID, IP)[0] == ACCEPT
    assert before_ms <= gateway.witnessed_ms(client) <= SYSTEM.now_ms()
    gateway.revoke(client)
    assert gateway.witnessed_ms(client) is None
    place.service.stop()
    with pytest.raises(AbsentError):
        gateway.witnessed_ms(client)


def test_a_cisco_is_made_to_ask_again_without_the_device_noticing(place, gateway, wire):
    enter(place, gateway, "ac-cisco", CISCO_IP)
    (told,) = place.controllers["ac-cisco"].called

    assert told[0] == COA
    assert dict(wire.parsed(told))[26] == b"\x00\x00\x00\x09\x01\x23subscriber:command=reauthenticate"


def test_a_longer_time_is_said_by_coa_and_the_same_time_by_nothing(place, gateway, wire):
    client = enter(place, gateway)
    ac = place.controllers["ac-1"]
    ac.called.clear()
    gateway.allow(client, HOUR)

    assert ac.called == []

    gateway.allow(client, replace(HOUR, seconds=7200, down_kbps=8000))
    (told,) = ac.called
    said = dict(reversed(wire.parsed(told)))

    assert (told[0], said[44], said[31]) == (COA, b"s-1", SAID.encode())
    assert struct.unpack(">I", said[27])[0] >= 7199
    assert b"\x08\x06" + struct.pack(">I", 8_000_000) in told


def test_closing_a_door_ends_the_session_at_the_controller(place, gateway, wire):
    client = enter(place, gateway)
    ac = place.controllers["ac-1"]
    ac.called.clear()
    gateway.revoke(client)
    said = dict(reversed(wire.parsed(ac.called[0])))

    assert (ac.called[0][0], said[44]) == (DISCONNECT, b"s-1")
    assert gateway.admitted() == []
    assert ac.ask(SAID, SAID, SAID, IP)[0] == REJECT


@pytest.mark.parametrize(
    ("moods", "outcome", "word"),
    [
        (["silent", "silent", "ack"], ("disconnect", "ack", 0, 3), ""),
        (["nak 503"], ("disconnect", "nak", 503, 1), ""),
        (["nak 504"], ("disconnect", "nak", 504, 1), "refused: session context not removable"),
        (["nak 599"], ("disconnect", "nak", 599, 1), "refused: error cause 599"),
        (["silent"] * 3, ("disconnect", "silent", 0, 3), "no answer to 3 of ours"),
        (["forged"] * 3, ("disconnect", "silent", 0, 3), "no answer to 3 of ours"),
    ],
    ids=["late", "not there", "refused", "refused for a new reason", "silent", "forged answer"],
)
def test_every_outcome_is_kept_and_a_session_not_known_to_be_over_stays_in_sight(place, gateway, moods, outcome, word):
    client = enter(place, gateway)
    ac = place.controllers["ac-1"]
    ac.called.clear()
    ac.moods.extend(moods)
    if word:
        with pytest.raises(GatewayError, match=word):
            gateway.revoke(client)
    else:
        gateway.revoke(client)

    assert outcome == kept(place)[-1]
    assert len(set(ac.called)) == 1  # the same octets, the same identifier
    assert (word != "") == bool(gateway.admitted())  # reconciling will try again
    assert [each for each in gateway.admitted() if each.seconds] == []
    assert ac.ask(SAID, SAID, SAID, IP)[0] == REJECT  # whatever the controller says, it gets no yes any more


def elsewhere(place, **at) -> None:
    """Have the server call `ac-1` at another address or port."""
    known = place.parts.reaching.known
    moved = replace(known.by_id["ac-1"], **at)
    place.parts.reaching.known = replace(known, by_id={**known.by_id, "ac-1": moved})


def test_what_we_could_not_even_send_is_no_failure_of_the_controllers(place, gateway):
    place.controllers["ac-1"].ask(SAID, SAID, SAID, IP)
    client = gateway.identify(IP)
    elsewhere(place, addresses=("255.255.255.255",))  # our own kernel lets nobody send there

    with pytest.raises(AbsentError, match="could not be sent"):
        gateway.allow(client, HOUR)
    assert kept(place) == [("disconnect", "unsent", 0, 0)]


def test_a_closed_port_is_the_controllers_silence_however_many_call_it(place, gateway):
    place.controllers["ac-1"].ask(SAID, SAID, SAID, IP)
    client = gateway.identify(IP)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.9.1", 0))
        closed = taken.getsockname()[1]
    elsewhere(place, coa_port=closed)

    for _ in range(2):
        with pytest.raises(SilentError, match="no answer to 3 of ours") as wrong:
            gateway.allow(client, HOUR)
        assert not isinstance(wrong.value, AbsentError)


def test_a_controller_that_owes_the_answers_to_256_calls_is_silent(place, gateway, monkeypatch):
    place.controllers["ac-1"].ask(SAID, SAID, SAID, IP)
    client = gateway.identify(IP)
    monkeypatch.setattr(coa, "FREE_S", 0.01)
    monkeypatch.setattr(coa, "IDENTIFIERS", 0)

    with pytest.raises(SilentError) as wrong:
        gateway.allow(client, HOUR)
    assert not isinstance(wrong.value, AbsentError)


def test_a_controller_that_does_not_do_it_lets_nobody_in(place, gateway):
    ac = place.controllers["ac-1"]
    ac.ask(SAID, SAID, SAID, IP)
    ac.moods.append("nak 503")

    with pytest.raises(GatewayError, match=r"controller 'ac-1': refused: session context not found; nobody was let in"):
        gateway.allow(gateway.identify(IP), HOUR)


def test_where_a_token_is_wanted_the_browser_brings_it(place, gateway):
    ac, ip = place.controllers["ac-uam"], "10.10.0.9"
    ac.ask(SAID, SAID, SAID, ip)
    client = gateway.identify(ip)
    onward = gateway.allow(client, HOUR)
    query = parse_qs(urlsplit(onward.url).query)

    assert gateway.admitted() == []

    assert query["userurl"] == ["http://portal.test"]
    code, said = ac.ask(query["username"][0], query["password"][0], SAID, ip, chap=True)
    assert code == ACCEPT
    assert [(MAC, (ip,))] == [(each.client.mac, each.client.addresses) for each in gateway.admitted()]

    ac.report(START, "u-1", SAID, ip, mark=said[25])
    ac.report(STOP, "u-1", SAID, ip, mark=said[25], cause=1)

    assert gateway.admitted() == []


@pytest.mark.parametrize("reported", [False, True], ids=["before accounting", "after accounting"])
def test_who_came_in_by_a_token_is_not_thrown_out_by_our_restart(place, gateway, reported):
    """The process dies after its yes: the first report that the controller sends brings the door back."""
    ac, ip = place.controllers["ac-uam"], "10.10.0.9"
    ac.ask(SAID, SAID, SAID, ip)
    client = gateway.identify(ip)
    query = parse_qs(urlsplit(gateway.allow(client, HOUR).url).query)
    mark = ac.ask(query["username"][0], query["password"][0], SAID, ip)[1][25]
    if reported:
        assert ac.report(START, "u-1", SAID, ip, mark=mark)
    place.restart()
    assert ac.report(INTERIM if reported else START, "u-1", SAID, ip, mark=mark)
    (listed,) = gateway.admitted()

    assert (listed.client.mac, listed.client.addresses) == (MAC, (ip,))
    assert 3590 < listed.seconds <= 3600

    gateway.revoke(client)
    ac.report(START, "u-2", SAID, ip, mark=mark)  # a controller that goes on regardless brings nothing back

    assert [each.seconds for each in gateway.admitted()] == [0]


def test_nobody_is_thrown_out_by_our_restart(place, gateway):
    client, born = enter(place, gateway), gateway.ready().born
    called = len(place.controllers["ac-1"].called)
    place.restart()

    assert born == gateway.ready().born
    assert [(each.client.mac, each.client.addresses) for each in gateway.admitted()] == [(MAC, (IP,))]
    assert place.controllers["ac-1"].ask(SAID, SAID, SAID, IP)[0] == ACCEPT
    gateway.allow(client.at("fd88::9"), HOUR)  # another address of the same device: nobody has to be told
    assert called == len(place.controllers["ac-1"].called)
    assert gateway.identify(IP) == client


def test_another_address_of_a_device_that_is_in_is_seen(place, gateway, wire):
    """An IPv6 address that the controller reports later (RFC 6911) is let in with the rest of the device."""
    client = enter(place, gateway)
    assert gateway.addresses(client) == (IP,)

    later = wire.attribute(168, bytes.fromhex("fd880000000000000000000000000009"))
    mark = place.parts.doors.door("ac-1", MAC).mark
    place.controllers["ac-1"].report(INTERIM, "s-1", SAID, IP, mark=mark, more=later)
    gateway._asked_at = float("-inf")

    assert gateway.addresses(client) == (IP, "fd88::9")
    gateway.allow(client.at("fd88::9"), HOUR)
    assert place.parts.doors.wider() == []
    assert {each.client.addresses[0] for each in gateway.admitted()} == {IP, "fd88::9"}


class Ears:
    """A desk that writes down what it is told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Client]] = []

    def arrived(self, client: Client) -> bool:
        self.heard.append(("arrived", client))
        return True

    def left(self, client: Client) -> None:
        self.heard.append(("left", client))


def test_the_desk_is_told_who_has_come_and_who_has_left_for_good(place, gateway, eventually):
    """A known device needs no tap: the desk hears of it as soon as its controller says where it is."""
    ears, ac = Ears(), place.controllers["ac-1"]
    gateway.tell(ears)
    ac.ask(SAID, SAID, SAID, IP)
    eventually(lambda: len(ears.heard) == 1)
    client = Client(mac=MAC, interface="ac-1", addresses=(IP,))
    gateway.allow(client, HOUR)
    mark = ac.ask(SAID, SAID, SAID, IP)[1][25]
    ac.report(START, "s-1", SAID, IP, mark=mark)
    ac.report(STOP, "s-1", SAID, IP, mark=mark, cause=4)
    eventually(lambda: len(ears.heard) == 2)

    assert [("arrived", client), ("left", client)] == ears.heard


def test_a_server_that_is_away_is_said_with_its_remedy(place, gateway):
    place.service.stop()

    with pytest.raises(GatewayError, match=r"no answer to 'who' .*; is `radius` running\?"):
        gateway.identify(IP)
    assert "is `radius` running?" in gateway.ready().wrong["radius"]

    place.restart()
    assert gateway.ready().wrong == {}


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"{}\n",
        b"[1]\n",
        b'{"verb": "allow"}\n',
        b'{"verb": "allow", "place": "ac-1", "mac": "02:11:22:33:44:55", "addresses": ["10.8.0.9"]}\n',
        b'{"verb":"allow","place":"ac-1","mac":"02:11:22:33:44:55","addresses":["10.8.0.9"],"bounds":[0,0,0,0,0]}\n',
        b'{"verb": "revoke", "place": "eth0", "mac": "02:11:22:33:44:55", "addresses": ["10.8.0.9"]}\n',
        b'{"verb": "list", "places": "ac-1"}\n',
        b"[" * 60_000 + b"\n",
    ],
)
def test_nonsense_on_the_line_is_answered_and_does_nothing(place, line):
    from captive_portal.radius.line import Verbs

    answers = list(Verbs(place.parts.reaching, "x", dict).answer(line))

    assert re.search(r"expected", answers[-1]["error"])
    assert place.parts.doors.counts["doors"] == 0


def test_a_gateway_says_for_each_controller_what_its_make_enforces(place):
    gateway = GATEWAYS["radius"](place.settings, SYSTEM)

    usual = {Offer.IDLE, Offer.COUNTERS, Offer.STANDBY}
    assert gateway.offered("ac-1") == {Offer.RATE, *usual}
    assert gateway.offered("ac-cisco") == usual  # a Cisco's rate is not set by RADIUS here
    assert gateway.offers == {Offer.IDLE, Offer.COUNTERS}
    assert Offer.STANDBY not in gateway.offered("ac-uam"), "it asks nothing before its login page"
    assert gateway.offered("elsewhere") == frozenset()
