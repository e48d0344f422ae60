"""S5: notifications and questions of Portal 2.0, forged, repeated or of long ago, move nobody."""

from __future__ import annotations

import importlib.util
import socket
import sys
import time
from pathlib import Path

import pytest

from captive_portal.errors import GatewayError
from captive_portal.model import Bounds
from captive_portal.portal2 import exchange, packets
from captive_portal.portal2.packet import Type

HERE = Path(__file__).resolve().parent


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
        until(lambda: side.counted["not_there"] == 1)

        assert world.gateway.post.counted["copies"] == heard_before
        assert world.gateway.identify(ADDRESS).mac == OTHER
        assert world.ears.came == []
        assert world.inside() == {}


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
