"""The contract of every gateway: what `allow`, `revoke` and `admitted` promise. One suite, each kind runs it."""

from __future__ import annotations

import base64
import importlib.util
import os
import subprocess
import threading
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest

from captive_portal import fas
from captive_portal.errors import GatewayError, KernelError, PortalError
from captive_portal.gateways import GATEWAYS
from captive_portal.gateways.fas import Fas
from captive_portal.gateways.nftables import Nftables
from captive_portal.gateways.opennds import Opennds
from captive_portal.gateways.radius import Radius
from captive_portal.gateways.simulated import Simulated
from captive_portal.model import Bounds, Client
from captive_portal.nds import Nds
from captive_portal.radius.service import RadiusService
from netops.clock import SYSTEM
from netops.config import Settings, load
from netops.controllers import Controller
from netops.secret import Secret

KINDS = [
    "simulated",
    pytest.param("nftables", marks=[pytest.mark.root, pytest.mark.partner("nft", "ip"), pytest.mark.timeout(60)]),
    "portal2",
    "opennds",
    "fas",
    "radius",
]


class Captured:
    """Stands for openNDS: knows every device that is asked about, minutes and kilobytes as text, one IPv4 address each.

    How the real one behaves: tests/captive_portal/test_opennds.py.
    """

    def __init__(self) -> None:
        self.devices: dict[str, dict[str, str]] = {}

    def born(self) -> str:
        return "1.1"

    def clients(self) -> dict[str, dict[str, str]]:
        return {mac: dict(each) for mac, each in self.devices.items()}

    def auth(self, address: str, minutes: int, _up_kbps: int, _down_kbps: int) -> None:
        (known,) = [each for each in self.devices.values() if each["ip"] == address]
        if known["state"] == "Authenticated":
            raise KernelError("openNDS did not let the device in")
        known |= {"state": "Authenticated", "session_end": str(SYSTEM.now_ms() // 1000 + minutes * 60)}

    def deauth(self, mac: str) -> None:
        if mac in self.devices:
            self.devices[mac] |= {"state": "Preauthenticated", "session_end": "null"}


class Knowing(Opennds):
    """The gateway whose visitors openNDS has captured before, as a browser that is sent to the portal was."""

    def allow(self, client: Client, bounds: Bounds) -> None:
        four = next(each for each in client.addresses if ":" not in each)
        fresh = {"ip": four, "clientif": client.interface, "state": "Preauthenticated", "session_end": "null"}
        self.captured.devices.setdefault(client.mac, fresh)
        super().allow(client, bounds)


class Sent(Fas):
    """The gateway whose visitors a router has sent, and whose `authmon` asks without a pause."""

    interface = "park"
    key, router = "0123456789abcdef0123456789abcdef", "192.0.2.9"

    def allow(self, client: Client, bounds: Bounds) -> None:
        four = next(each for each in client.addresses if ":" not in each)
        hid = client.mac.replace(":", "").rjust(64, "0")
        words = f"hid={hid}, clientip={four}, clientmac={client.mac}, gatewayname=Park, version=9.10.0"
        iv = "0123456789abcdef"
        self.carried(four, {"fas": fas.sealed(words, self.key, iv), "iv": iv})
        super().allow(client, bounds)

    def ask(self, stop: threading.Event) -> None:
        """Do what `authmon` does: view, let in, tell whom."""
        form = {"auth_get": "view", "gatewayhash": fas.gateway_hash("Park")}
        while not stop.wait(0.002):
            words = str(self.heard(self.router, form)).split()[1:]
            named = " ".join(["*", *(unquote(each).split()[0] for each in words)])
            self.heard(self.router, {**form, "payload": base64.b64encode(named.encode()).decode()})


def far_away(settings, tmp_path) -> Settings:
    (tmp_path / "fas.key").write_text(Sent.key)
    router = Controller(
        address=Sent.router, site="site-1", gateway="fas", networks="10.0.0.0/8",
        fas_key=Secret(f"file:{tmp_path / 'fas.key'}"), fas_name="Park",
    )  # fmt: skip
    return replace(settings, portal=replace(settings.portal, gateway="none", acs={"park": router}))


def behind_radius(settings, stack: ExitStack) -> Settings:
    """Start our RADIUS server and a controller that does what it is told."""
    file = Path(__file__).parent / "radius" / "old_controller.py"
    spec = importlib.util.spec_from_file_location("old_controller_of_the_contract", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    ac = module.OldController("127.0.9.31", 0, 0)
    stack.callback(ac.close)
    secret = Secret(f"plain:{module.SECRET.decode()}")
    networks = "10.0.0.0/8,fd01::/64"
    there = Controller(address="127.0.9.31", site="site-1", networks=networks, secret=secret, coa_port=ac.coa_port)
    portal = replace(settings.portal, gateway="none", acs={"ac-1": there})
    radius = replace(settings.radius, enabled=True, listen="127.0.0.1", auth_port=0, acct_port=0)
    settings = replace(settings, portal=portal, radius=radius)
    service = RadiusService(settings)
    service.start()
    stack.callback(service.stop)
    return settings


@pytest.fixture(params=KINDS)
def gateway(request, settings):
    with ExitStack() as stack:
        if request.param == "simulated":
            yield stack.enter_context(Simulated(settings.portal, SYSTEM))
        elif request.param == "opennds":
            captured = Captured()
            behind = Nds(captured, ("simulated",), settings.data.dir / "gate.sock", peers=frozenset({os.getuid()}))
            behind.start()
            stack.callback(behind.stop)
            made = stack.enter_context(Knowing(settings, SYSTEM))
            made.captured, made.interface = captured, "simulated"
            yield made
        elif request.param == "fas":
            made = stack.enter_context(Sent(far_away(settings, settings.data.dir), SYSTEM))
            stop = threading.Event()
            asking = threading.Thread(target=made.ask, args=(stop,))
            asking.start()
            stack.callback(asking.join)
            stack.callback(stop.set)
            yield made
        elif request.param == "radius":
            made = stack.enter_context(Radius(behind_radius(settings, stack), SYSTEM))
            made.interface = "ac-1"
            yield made
        elif request.param == "portal2":
            worlds = request.getfixturevalue("portal2_worlds")
            yield stack.enter_context(worlds.world(settings.data.dir)).on_the_air()
        else:
            network = request.getfixturevalue("network")
            network.start_gate()
            made = stack.enter_context(Nftables(load(network.settings_file, environ={}), SYSTEM))
            made.interface = network.visitor
            yield made


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


def test_every_gateway_of_the_map_is_in_this_suite() -> None:
    """The other way round a gateway that is added later would pass unseen."""
    assert {each if isinstance(each, str) else each.values[0] for each in KINDS} == set(GATEWAYS)


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
