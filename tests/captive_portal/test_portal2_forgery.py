"""S5: who forges answers of Portal 2.0, or floods with them, lets nobody in and puts nobody out."""

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
from captive_portal.portal2 import exchange
from captive_portal.portal2.door import LAST, Serials

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
ADDRESS, simulator = worlds.ADDRESS, worlds.simulator
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
