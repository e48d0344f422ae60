"""What controllers tell by Portal 2.0 of themselves: who was put out, moved, or has come; who is online."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from captive_portal.model import Bounds

_spec = importlib.util.spec_from_file_location("portal2_world", Path(__file__).with_name("portal2_world.py"))
worlds = sys.modules.get("portal2_world") or importlib.util.module_from_spec(_spec)
if "portal2_world" not in sys.modules:
    sys.modules["portal2_world"] = worlds
    _spec.loader.exec_module(worlds)
MAC, ADDRESS, simulator, until = worlds.MAC, worlds.ADDRESS, worlds.simulator, worlds.until
HOUR = Bounds(seconds=3600)


@pytest.fixture
def world(tmp_path):
    with worlds.world(tmp_path) as made:
        yield made


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
