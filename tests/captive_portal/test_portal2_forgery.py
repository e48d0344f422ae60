"""S5: who forges, replays, cuts or floods the packets of Portal 2.0 lets nobody in and puts nobody out."""

from __future__ import annotations

import importlib.util
import itertools
import os
import random
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from captive_portal.errors import GatewayError
from captive_portal.model import Bounds
from captive_portal.portal2 import exchange, hearing, packets
from captive_portal.portal2.ac import PROFILES, Ac, Profile
from captive_portal.portal2.door import LAST, Serials
from captive_portal.portal2.hearing import Verdict
from captive_portal.portal2.journal import User
from captive_portal.portal2.packet import PacketError, Type, decode

HERE = Path(__file__).resolve().parent
ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "1"))
SEED = os.environ.get("NETOPS_SEED", "20261127")


def _loaded(name: str, path: Path):
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


worlds = _loaded("portal2_world", HERE / "portal2_world.py")
fuzzing = _loaded("portal_fuzzing", HERE.parent / "collectors" / "fuzzing.py")
MAC, OTHER, ADDRESS, simulator, until = worlds.MAC, worlds.OTHER, worlds.ADDRESS, worlds.simulator, worlds.until
HOUR = Bounds(seconds=3600)


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setattr(exchange, "WAITS_S", (0.15, 0.15, 0.3))
    with worlds.world(tmp_path) as made:
        yield made


# ---- forged answers
FORGERIES = {
    "no secret": {"secret": b""},
    "another secret": {"secret": b"guessed!"},
    "sealed over nothing": {"over": bytes(16)},
    "version one": {"version": 1},
    "another serial": {"serial": 1},
    "another user": {"user": "10.1.0.2"},
    "another request": {"request": 1},
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
@pytest.mark.parametrize("type_", [simulator.ACK_CHALLENGE, simulator.ACK_AUTH], ids=["challenge", "auth"])
def test_a_forged_answer_is_not_heard_and_the_true_one_is(world, forgery: dict, type_: int) -> None:
    """The forger is quicker than the controller, and says yes to a token that the controller refuses."""
    if type_ == simulator.ACK_CHALLENGE and "request" in forgery:
        pytest.skip("the number is the controller's to choose; with its secret this is no forgery")
    world.radius.refuses = True

    def spoil(octets: bytes) -> list[bytes]:
        true = simulator.read(octets)
        if true.type != type_:
            return [octets]
        asked = world.ac.heard[-1]
        fields = {"serial": true.serial, "request": true.request, "secret": world.ac.secret, "over": asked.seal}
        pairs = [each for each in true.pairs if each[0] == 3]
        fields.update({key: value for key, value in forgery.items() if key != "user"})
        return [simulator.packet(type_, forgery.get("user", true.user), pairs=pairs, **fields), octets]

    world.ac.spoil = spoil
    with pytest.raises(GatewayError, match="refused"):
        world.gateway.allow(world.client(), HOUR)

    assert world.inside() == {}
    assert world.ac.bad == []
    assert len(world.judged()) == 1


def test_yesterdays_yes_is_no_yes_today(world) -> None:
    said = []
    world.ac.spoil = lambda octets: said.append(octets) or [octets]
    world.gateway.allow(world.client(), HOUR)
    world.gateway.revoke(world.client())
    yes = [each for each in said if each[1] in {simulator.ACK_CHALLENGE, simulator.ACK_AUTH}]
    world.ac.spoil = lambda _octets: yes

    with pytest.raises(GatewayError, match="did not answer"):
        world.gateway.allow(world.client(), HOUR)

    assert world.inside() == {}


def test_a_yes_from_another_port_or_address_does_not_reach_the_course(world) -> None:
    world.radius.refuses = True
    elsewhere = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    elsewhere.bind((world.ac.host, 0))

    def spoil(octets: bytes) -> list[bytes]:
        true = simulator.read(octets)
        yes = simulator.packet(
            simulator.ACK_AUTH,
            ADDRESS,
            serial=true.serial,
            request=true.request,
            secret=world.ac.secret,
            over=world.ac.heard[-1].seal,
        )
        if true.type == simulator.ACK_AUTH:
            elsewhere.sendto(yes, world.ac.last_sender)
            time.sleep(0.02)
        return [octets]

    world.ac.spoil = spoil
    with pytest.raises(GatewayError, match="refused"):
        world.gateway.allow(world.client(), HOUR)
    elsewhere.close()

    assert world.inside() == {}
    assert world.judged() == []


def test_serials_are_not_guessed_and_not_used_again() -> None:
    serials = Serials()
    drawn = [serials.next() for _ in range(LAST + 4_000)]

    for at in range(0, len(drawn) - LAST, 1_999):
        assert len(set(drawn[at : at + LAST])) == LAST
    steps = [after - before for before, after in itertools.pairwise(drawn)]
    assert len(set(steps)) > len(steps) // 4
    assert 0 not in drawn


# ---- forged and replayed notifications
def test_a_logout_without_the_secret_is_not_answered_and_puts_nobody_out(world) -> None:
    world.gateway.allow(world.client(), HOUR)
    request = world.ac.online[ADDRESS].request
    pairs = [world.ac.mac_of(MAC)]
    for secret in (b"", b"guess", b"S3cret-of-portal"):
        world.ac.tell(simulator.packet(simulator.NTF_LOGOUT, ADDRESS, request=request, pairs=pairs, secret=secret))
    world.ac.tell(simulator.packet(simulator.NTF_LOGOUT, ADDRESS, request=request, pairs=pairs, version=1))

    until(lambda: world.gateway.post.counted["disbelieved"] == 4)

    assert world.inside() == {ADDRESS: MAC}
    assert simulator.ACK_NTF_LOGOUT not in [each.type for each in world.ac.heard]


def test_a_logout_from_a_stranger_is_not_even_read(world) -> None:
    world.gateway.allow(world.client(), HOUR)
    octets = world.ac.kick(ADDRESS, tell=False, keep=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.77", 0))
        stranger.sendto(octets, world.ac.portal)

    until(lambda: world.gateway.post.counted["strangers"] == 1)

    assert world.inside() == {ADDRESS: MAC}


def test_a_logout_that_is_repeated_puts_the_next_login_not_out(world) -> None:
    world.gateway.allow(world.client(), HOUR)
    old = world.ac.kick(ADDRESS)
    until(lambda: world.ears.gone)
    world.gateway.allow(world.client(), HOUR)

    for _ in range(5):
        world.ac.tell(old)
    until(lambda: world.part.counters()["doubted"] == 1)
    until(lambda: sum(each.type == simulator.ACK_NTF_LOGOUT for each in world.ac.heard) == 6)

    assert world.inside() == {ADDRESS: MAC}
    assert world.ac.online[ADDRESS].affirmed
    assert len(world.ears.gone) == 1


def test_a_logout_that_was_heard_before_our_restart_is_known_after_it(world) -> None:
    """A forger who kept a logout repeats it when the controller cannot be asked: silence proves nothing then."""
    world.gateway.allow(world.client(), HOUR)
    old = world.ac.kick(ADDRESS)
    until(lambda: world.ears.gone)
    world.gateway.allow(world.client(), HOUR)
    world.close()
    world.open()
    world.ac.silent = True

    world.ac.tell(old)
    until(lambda: world.part.counters()["doubted"] == 1)
    until(lambda: world.part.counters()["silent"] == 1)

    assert world.inside() == {ADDRESS: MAC}


def test_copies_without_end_wash_no_evidence_out(world) -> None:
    """The journal is bounded: who could fill it with copies would push out what was said before."""
    world.gateway.allow(world.client(), HOUR)
    old = world.ac.kick(ADDRESS)
    until(lambda: world.ears.gone)
    for number in range(3_000):
        world.ac.tell(old)
        if number % 50 == 49:
            time.sleep(0.002)
    until(lambda: world.gateway.post.counted["copies"] > 1_000, 10)
    world.gateway.journal.settle()

    kept = list(packets.read(world.gateway.journal.path, world.gateway.journal.vault))

    assert len(kept) < 260
    assert world.gateway.journal.missed > 1_000
    assert [each.octets[1] for each in kept[:7]] == [1, 2, 3, 4, 7, 8, 14]


def test_a_repeated_change_of_address_moves_nobody(world) -> None:
    world.gateway.allow(world.client(), HOUR)
    request = world.ac.online[ADDRESS].request
    pairs = [(9, socket.inet_aton(ADDRESS)), world.ac.mac_of(MAC)]

    def move(to: str, **fields) -> bytes:
        return simulator.packet(
            simulator.NTF_USERIPCHANGE, to, request=request, pairs=pairs, **{"secret": world.ac.secret, **fields}
        )

    world.ac.tell(move("10.1.0.2"))
    until(lambda: world.inside() == {"10.1.0.2": MAC})
    world.ac.tell(move("10.1.0.2"))
    world.ac.tell(move("192.0.2.9"))
    world.ac.tell(move("10.1.0.3", secret=b"guess"))
    until(lambda: world.gateway.post.counted["copies"] == 1 and world.gateway.post.counted["disbelieved"] == 1)

    assert world.inside() == {"10.1.0.2": MAC}


def test_a_controller_of_version_one_is_asked_before_anybody_is_put_out(tmp_path, monkeypatch) -> None:
    """Version 1 has no integrity: whoever can send from its address can say that somebody is out."""
    monkeypatch.setattr(exchange, "WAITS_S", (0.15, 0.15, 0.3))
    with worlds.world(tmp_path, ac={"version": 1}, portal_version=1, portal_unsigned=True) as world:
        world.gateway.allow(world.client(), HOUR)
        forged = simulator.packet(
            simulator.NTF_LOGOUT,
            ADDRESS,
            request=world.ac.online[ADDRESS].request,
            version=1,
            pairs=[world.ac.mac_of(MAC)],
        )
        for _ in range(10):
            world.ac.tell(forged)
        until(lambda: world.part.counters()["doubted"] == 1)
        time.sleep(0.05)
        still = world.inside()

        world.ac.kick(ADDRESS)
        world.part.side._doubted.clear()
        until(lambda: world.inside() == {})

    assert still == {ADDRESS: MAC}
    assert len(world.ears.gone) == 1


def test_a_controller_that_leaves_the_authenticator_out_needs_the_flag(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(exchange, "WAITS_S", (0.05, 0.05, 0.05))
    with worlds.world(tmp_path / "a", ac={"bare": True}) as world:
        with pytest.raises(GatewayError, match="did not answer"):
            world.gateway.allow(world.client(), HOUR)
        assert world.inside() == {}
    with worlds.world(tmp_path / "b", ac={"bare": True}, portal_unsigned=True) as world:
        world.gateway.allow(world.client(), HOUR)
        assert world.inside() == {ADDRESS: MAC}


def test_with_the_flag_a_wrong_authenticator_is_still_wrong(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(exchange, "WAITS_S", (0.05, 0.05, 0.05))
    with worlds.world(tmp_path, portal_unsigned=True) as world:
        world.ac.spoil = lambda octets: [octets[:16] + bytes(16) + octets[32:]]
        with pytest.raises(GatewayError, match="did not answer"):
            world.gateway.allow(world.client(), HOUR)


def test_a_roll_is_answered_once_and_only_about_whom_it_named(tmp_path) -> None:
    with worlds.world(tmp_path, vendor="h3c") as world:
        world.ac.station("10.1.0.2", OTHER)
        world.gateway.allow(world.client(), HOUR)
        world.part.side.rolls._roll_due = 0.0
        roll = world.ac.wait(simulator.NTF_USER_HEARTBEAT)
        world.gateway.allow(world.client(OTHER, "10.1.0.2"), HOUR)
        both = [(0x0D, socket.inet_aton(ADDRESS) + socket.inet_aton("10.1.0.2"))]

        def answer(**fields) -> bytes:
            given = {"serial": roll.serial, "secret": world.ac.secret, "over": roll.seal, **fields}
            return simulator.packet(simulator.ACK_USER_HEARTBEAT, "0.0.0.0", pairs=both, **given)

        for forged in ({"secret": b"guess"}, {"over": bytes(16)}, {"serial": roll.serial ^ 1}):
            world.ac.tell(answer(**forged))
        until(lambda: world.gateway.post.counted["disbelieved"] == 3)
        still = world.inside()
        world.ac.tell(answer())
        world.ac.tell(answer())
        until(lambda: world.gateway.post.counted["disbelieved"] == 4)
        until(lambda: world.inside() == {"10.1.0.2": OTHER})

    assert still == {ADDRESS: MAC, "10.1.0.2": OTHER}


def test_a_query_about_a_device_cannot_be_forged_or_asked_from_elsewhere(tmp_path) -> None:
    with worlds.world(tmp_path, portal_binding=True) as world:
        world.ears.known = {MAC}
        for user, secret in ((ADDRESS, b"guess"), ("192.0.2.1", world.ac.secret)):
            world.ac.tell(simulator.packet(simulator.REQ_MACBIND, user, pairs=[world.ac.mac_of(MAC)], secret=secret))
        world.ac.tell(simulator.packet(simulator.NTF_LOGOUT, "10.9.9.9", request=3, secret=world.ac.secret))
        world.ac.wait(simulator.ACK_NTF_LOGOUT)

        assert world.ears.came == []
        assert simulator.ACK_MACBIND not in [each.type for each in world.ac.heard]


def test_a_question_about_a_device_that_is_repeated_is_answered_once(tmp_path) -> None:
    with worlds.world(tmp_path, portal_binding=True) as world:
        asked = simulator.packet(simulator.REQ_MACBIND, ADDRESS, pairs=[world.ac.mac_of(MAC)], secret=world.ac.secret)
        for _ in range(200):
            world.ac.tell(asked)
        until(lambda: world.gateway.post.counted["heard"] == 200)
        world.ac.wait(simulator.ACK_MACBIND)
        time.sleep(0.05)

        assert sum(each.type == simulator.ACK_MACBIND for each in world.ac.heard) == 1


@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("heard_before", [False, True])
def test_a_question_of_long_ago_makes_nobody_the_device_of_then(tmp_path, heard_before, unsigned) -> None:
    with worlds.world(tmp_path, portal_binding=True, portal_unsigned=unsigned) as world:
        world.ears.known = {MAC}
        asked = simulator.packet(simulator.REQ_MACBIND, ADDRESS, pairs=[world.ac.mac_of(MAC)], secret=world.ac.secret)
        side = world.part.side
        if heard_before:
            world.ac.tell(asked)
            until(lambda: ADDRESS in world.inside())
            side.left(side.book.at(ADDRESS))
            world.ac.online.clear()
            world.ears.came.clear()
        world.ac.station(ADDRESS, OTHER)
        side.forget(ADDRESS)
        side._asked.clear()
        before = len(world.ac.heard)
        world.ac.tell(asked)
        world.ac.wait(simulator.ACK_MACBIND, after=before)
        time.sleep(0.2)

        assert world.gateway.post.counted["copies"] == heard_before
        assert world.gateway.identify(ADDRESS).mac == OTHER
        assert world.ears.came == []
        assert world.inside() == {}
        assert side.counted["not_there"] == 1


def test_a_question_about_a_device_lets_nobody_in_where_the_controller_names_no_device(tmp_path) -> None:
    with worlds.world(tmp_path, portal_binding=True) as world:
        world.ears.known = {MAC}
        world.ac.tells_mac = False
        world.ac.tell(
            simulator.packet(simulator.REQ_MACBIND, ADDRESS, pairs=[world.ac.mac_of(MAC)], secret=world.ac.secret)
        )
        world.ac.wait(simulator.ACK_MACBIND)
        time.sleep(0.2)

        assert world.ears.came == []
        assert world.gateway.identify(ADDRESS) is None


@pytest.mark.parametrize("type_", [Type.NTF_LOGOUT, Type.NTF_MTUSER_LOGOUT, Type.NTF_USERIPCHANGE], ids=str)
def test_what_changes_something_is_a_copy_after_a_restart_too(tmp_path, type_) -> None:
    with worlds.world(tmp_path) as world:
        told = simulator.packet(
            type_, "10.1.0.9", serial=7, request=77, pairs=[world.ac.mac_of(MAC)], secret=world.ac.secret
        )
        world.ac.tell(told)
        until(lambda: world.gateway.post.counted["heard"] == 1)
        world.gateway.journal.settle()
        world.close()
        world.open()
        world.ac.tell(told)
        until(lambda: world.gateway.post.counted["heard"] == 1)

        assert world.gateway.post.counted["copies"] == 1


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_ten_thousand_forgeries_let_nobody_in_and_put_nobody_out(world) -> None:
    """Every field of every kind of packet changed, cut, repeated, sealed with guesses, while visitors come and go."""
    dice = random.Random(SEED)
    captured: list[bytes] = []
    world.ac.spoil = lambda octets: captured.append(octets) or [octets]
    stayers = {}
    for number in range(20):
        address, mac = f"10.1.1.{number}", f"02:00:00:00:01:{number:02x}"
        world.ac.station(address, mac)
        world.gateway.allow(world.client(mac, address), HOUR)
        stayers[address] = mac
    for address, mac in stayers.items():
        captured.append(
            simulator.packet(
                simulator.NTF_LOGOUT,
                address,
                request=dice.randrange(65_536),
                pairs=[world.ac.mac_of(mac)],
                secret=b"guess",
            )
        )
    ending, sent = threading.Event(), [0]

    def attack() -> None:
        link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        link.bind((world.ac.host, 0))  # it can send from the controller's address
        while sent[0] < 10_000 * ROUNDS:
            octets = fuzzing.damaged(dice, captured)
            to = [world.ac.portal]
            if hasattr(world.ac, "last_sender") and dice.random() < 0.5:
                to.append(world.ac.last_sender)
            for each in to:
                link.sendto(octets[:4000], each)
            sent[0] += 1
            if sent[0] % 50 == 0:
                time.sleep(0.002)
        link.close()
        ending.set()

    attacker = threading.Thread(target=attack)
    attacker.start()
    rounds = 0
    while not ending.is_set() or rounds < 20:
        number = rounds % 50
        address, mac = f"10.1.2.{number}", f"02:00:00:00:02:{number:02x}"
        world.ac.station(address, mac)
        world.gateway.allow(world.client(mac, address), HOUR)
        assert world.ac.online[address].mac == mac
        world.gateway.revoke(world.client(mac, address))
        assert address not in world.ac.online
        rounds += 1
    attacker.join()
    time.sleep(0.3)

    assert world.inside() == stayers
    assert {address: user.mac for address, user in world.ac.online.items()} == stayers
    assert world.ears.gone == []


# ---- S1: every octet string is a packet or a PacketError, quickly
def _seeds() -> list[bytes]:
    pairs = [
        (1, b"13800000000"),
        (3, bytes(range(16))),
        (4, bytes(16)),
        (0x0A, bytes(4)),
        (0x0B, bytes(6)),
        (0x0D, bytes(252)),
    ]
    sealed = [
        simulator.packet(type_, "10.0.0.1", serial=7, request=9, pairs=pairs[: type_ % 7], secret=b"s3cret-of-portal")
        for type_ in (*range(1, 0x15), *range(0x30, 0x37), 0x81, 0x82)
    ]
    return [*sealed, *(each[:16] + each[32:] for each in sealed[:6]), simulator.packet(1, "10.0.0.1", version=1)]


def _judge(unsigned: bool):
    ac = Ac(
        id="ac-1",
        address="10.6.10.77",
        networks=(),
        secret=b"s3cret-of-portal",
        unsigned=unsigned,
        binding=True,
        profile=Profile(logon_acks=True),
    )
    user = User(address="10.0.0.1", mac="00:00:00:00:00:00", name="a", request=9, since_ms=0, until_ms=1)

    def call(octets: bytes) -> object:
        packet = hearing.read(ac, octets)
        if isinstance(packet, str):
            decode(octets, unsigned=True)
            return packet
        heard = hearing.judge(ac, packet, user, copy=False)
        assert unsigned or heard.verdict is not Verdict.DISBELIEVED
        return heard

    return call


def _course(octets: bytes) -> object:
    ac = Ac(
        id="ac-1",
        address="10.6.10.77",
        networks=(),
        secret=b"s3cret-of-portal",
        unsigned=True,
        profile=PROFILES["ruijie"],
    )
    course = exchange.Login(ac, "10.0.0.1", serial=7, name="a", password=b"b")
    course.begin()
    for _ in range(3):
        course.heard(octets)
    return course.silent()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "parser",
    [
        fuzzing.Parser("portal2 decode", _seeds(), decode, (PacketError,)),
        fuzzing.Parser("portal2 notification", _seeds(), _judge(unsigned=False), (PacketError,)),
        fuzzing.Parser("portal2 notification, unsigned", _seeds(), _judge(unsigned=True), (PacketError,)),
        fuzzing.Parser("portal2 course", _seeds(), _course),
    ],
    ids=lambda parser: parser.name,
)
def test_fuzz_every_octet_string_is_read_or_refused_quickly(parser) -> None:
    seen = fuzzing.fuzz(parser)

    assert seen["inputs"] >= 1_000


def test_the_journal_says_what_was_not_believed(world) -> None:
    world.ac.tell(b"\x02\x08 no packet")
    until(lambda: world.gateway.post.counted["disbelieved"] == 1)
    world.gateway.journal.settle()

    kept = list(packets.read(world.gateway.journal.path, world.gateway.journal.vault))

    assert [(each.way, each.octets, bool(each.judged)) for each in kept] == [("in", b"\x02\x08 no packet", True)]
    assert kept[0].octets[1] == Type.NTF_LOGOUT
