"""The promises of every gateway: time runs out by itself, revoke is at once, another MAC is another client."""

from __future__ import annotations

import subprocess

import pytest

from captive_portal.errors import GatewayError, PortalError
from captive_portal.gateways import GATEWAYS
from captive_portal.gateways.nftables import Nftables
from captive_portal.gateways.simulated import Simulated
from captive_portal.model import Bounds, Client
from netops.clock import SYSTEM


def visitor(gateway, number: int = 1, *addresses: str) -> Client:
    mac = f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}"
    return Client(mac=mac, interface=gateway.interface, addresses=addresses or ("10.1.0.1", "fd01::1"))


def inside(gateway) -> dict[tuple[str, str], int]:
    return {(each.client.mac, each.client.addresses[0]): each.seconds for each in gateway.admitted()}


def whole(gateway, seconds: int) -> int:
    """Return for how long the gateway lets in: FAS knows whole minutes, and sets no time anew."""
    return -(-seconds // 60) * 60 if gateway.name == "fas" else seconds


def test_who_is_allowed_is_in_with_every_address_for_that_long(gateway) -> None:
    gateway.allow(visitor(gateway), Bounds(seconds=100))

    found = inside(gateway)

    known = ("10.1.0.1",) if gateway.name in {"opennds", "fas"} else ("10.1.0.1", "fd01::1")
    assert set(found) == {("02:00:00:00:00:01", each) for each in known}
    assert all(whole(gateway, 100) - 3 <= seconds <= whole(gateway, 100) for seconds in found.values())


@pytest.mark.parametrize("again", [7200, 20])
def test_allowing_again_sets_the_time_anew_longer_or_shorter(gateway, again: int) -> None:
    gateway.allow(visitor(gateway), Bounds(seconds=100))
    gateway.allow(visitor(gateway), Bounds(seconds=again))

    end = whole(gateway, 100) if gateway.name == "fas" else again
    assert all(end - 3 <= seconds <= end for seconds in inside(gateway).values())


def test_time_runs_out_by_itself(gateway, eventually) -> None:
    gateway.allow(visitor(gateway), Bounds(seconds=1))
    assert inside(gateway)

    if gateway.name == "fas":
        assert gateway.held_s(visitor(gateway)) > 55, "whole minutes: tests/captive_portal/test_portal_fas.py"
        return
    assert gateway.held_s(visitor(gateway)) == 0
    eventually(lambda: not inside(gateway), 4)


def test_who_is_revoked_is_out_and_revoking_nobody_is_no_error(gateway) -> None:
    gateway.allow(visitor(gateway, 1), Bounds(seconds=100))
    gateway.allow(visitor(gateway, 2, "10.1.0.2"), Bounds(seconds=100))

    left = {("02:00:00:00:00:02", "10.1.0.2")}
    if gateway.name == "fas":  # what its protocol cannot do it says, and the book says who is in all the same
        with pytest.raises(GatewayError, match="cannot be told to put a device out"):
            gateway.revoke(visitor(gateway, 1))
        left.add(("02:00:00:00:00:01", "10.1.0.1"))
    else:
        gateway.revoke(visitor(gateway, 1))
        gateway.revoke(visitor(gateway, 1))

    assert set(inside(gateway)) == left
    gateway.revoke(visitor(gateway, 3, "10.1.0.3"))


def test_the_same_address_with_another_mac_is_another_client(gateway) -> None:
    gateway.allow(visitor(gateway, 1, "10.1.0.1"), Bounds(seconds=100))

    assert ("02:00:00:00:00:02", "10.1.0.1") not in inside(gateway)
    gateway.revoke(visitor(gateway, 2, "10.1.0.9"))
    assert ("02:00:00:00:00:01", "10.1.0.1") in inside(gateway)


def test_its_memory_has_a_name_that_stays(gateway) -> None:
    assert gateway.ready().born
    assert gateway.ready() == gateway.ready()
    assert gateway.ready().wrong == {}


def test_it_counts(gateway) -> None:
    assert all(isinstance(count, int) for count in gateway.counters().values())
    assert gateway.counters()


def test_three_hundred_clients_are_listed_whole(gateway) -> None:
    for number in range(300):
        gateway.allow(visitor(gateway, number, f"10.2.{number >> 8}.{number & 255}"), Bounds(seconds=500))

    assert len(inside(gateway)) == 300


def test_a_link_local_or_foreign_address_identifies_nobody(gateway) -> None:
    for address in ("fe80::1%eth0", "203.0.113.77", "2001:db8::77", "", "no address", "224.0.0.1"):
        assert gateway.identify(address) is None


def test_every_gateway_of_the_map_is_in_this_suite(makers) -> None:
    """The other way round a gateway that is added later would pass unseen."""
    assert set(makers) == set(GATEWAYS)


def test_the_simulated_gateway_tells_loopback_visitors_apart_by_address(settings) -> None:
    gateway = Simulated(settings.portal, SYSTEM)
    one, other = gateway.identify("127.0.0.7"), gateway.identify("127.0.0.8")

    assert one
    assert other
    assert one.mac != other.mac
    assert one == gateway.identify("::ffff:127.0.0.7")
    assert int(one.mac[:2], 16) & 3 == 2, "locally administered, unicast"


def test_a_gate_that_is_not_there_is_said_in_a_sentence(settings) -> None:
    with Nftables(settings, SYSTEM) as gateway:
        assert "is `gate` running?" in gateway.ready().wrong["gate"]
        with pytest.raises(GatewayError, match="no answer to 'allow'"):
            gateway.allow(Client(mac="02:00:00:00:00:01", interface="v", addresses=("10.0.0.1",)), Bounds(seconds=5))
        with pytest.raises(PortalError, match="without an address"):
            gateway.allow(Client(mac="02:00:00:00:00:01", interface="v"), Bounds(seconds=5))


@pytest.mark.root
@pytest.mark.partner("nft", "ip")
def test_two_runs_at_once_share_no_name(tmp_path, request) -> None:
    from_conftest = type(request.getfixturevalue("network"))
    before = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    with from_conftest(tmp_path) as second:
        assert second.client not in before
    after = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout

    assert second.client not in after
