"""The gateways of the map with what stands behind each: a kernel, openNDS, a router, controllers. One maker for each.

A `Stand` is a gateway and its partner as the tests see it: what the partner was told, what it counts, when it puts
somebody out by itself or fails.
"""

from __future__ import annotations

import base64
import importlib.util
import os
import re
import signal
import struct
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from captive_portal import fas
from captive_portal.errors import KernelError
from captive_portal.gateways.fas import Fas
from captive_portal.gateways.nftables import Nftables
from captive_portal.gateways.opennds import Opennds
from captive_portal.gateways.radius import Radius
from captive_portal.gateways.simulated import Simulated
from captive_portal.model import Bounds, Client
from captive_portal.nds import Nds
from captive_portal.radius import dictionary, profiles
from captive_portal.radius.service import RadiusService
from captive_portal.radius.tokens import claims
from netops.clock import SYSTEM
from netops.config import Settings, load
from netops.controllers import Controller
from netops.secret import Secret

if TYPE_CHECKING:
    from contextlib import ExitStack

    from captive_portal.gateways import Gateway

HERE = Path(__file__).parents[1]
WISPR, WISPR_UP, WISPR_DOWN = 14122, 7, 8
IDLE_TIMEOUT, VENDOR, CLASS = 28, 26, 25
START, STOP, INTERIM = 1, 2, 3
OWN_MAC, OWN_ADDRESS = "02:11:22:33:44:55", "10.77.0.10"


class Stand:
    """A gateway with its partner. `tells` are the ears it uses by itself."""

    tells: frozenset[str] = frozenset()

    def __init__(self, gateway: Gateway, interface: str) -> None:
        self.gateway, self.interface = gateway, interface

    def visitor(self, number: int = 1, *addresses: str) -> Client:
        mac = f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}"
        return Client(mac=mac, interface=self.interface, addresses=addresses or ("10.1.0.1", "fd01::1"))

    def surfer(self) -> Client:
        """Return a device whose traffic the partner can carry."""
        return self.visitor(1, "10.1.0.1")

    def rates(self, client: Client) -> tuple[int, int]:
        """Return the kbit/s down and up that the partner enforces for a client."""
        raise NotImplementedError

    def idle_s(self, client: Client) -> int:
        """Return after how long without a packet the partner ends a visit."""
        raise NotImplementedError

    def carries(self, client: Client) -> tuple[int, int]:
        """Let octets of the client pass; return how many at least, up and down."""
        raise NotImplementedError

    def puts_out(self, client: Client) -> None:
        """Let the partner end the visit by itself."""
        raise NotImplementedError

    def comes(self, client: Client) -> object:
        """Let a device come that nobody has let in."""
        raise NotImplementedError

    def fails(self) -> None:
        """Let the partner do nothing of what it is told from now on."""
        raise NotImplementedError

    def written(self) -> str:
        """Return what other processes have logged."""
        return ""


class Rehearsed(Stand):
    def fails(self) -> None:
        """It cannot fail: there is nothing behind it."""


class Linux(Stand):
    """A kernel in a namespace."""

    def __init__(self, gateway: Nftables, network: Any) -> None:
        super().__init__(gateway, network.visitor)
        self.network = network

    def surfer(self) -> Client:
        return Client(mac=OWN_MAC, interface=self.interface, addresses=(OWN_ADDRESS,))

    def rates(self, client: Client) -> tuple[int, int]:
        """By the classes that the kernel has on the way to the client and on the way out."""
        found = []
        for link in (self.interface, self.network.uplink):
            said = self.network.run(self.network.gateway, "tc", "class", "show", "dev", link).stdout
            rates = re.findall(r"ceil (\d+)([KM])bit", said)
            found.append({int(rate) * (1000 if unit == "M" else 1) for rate, unit in rates})
        (down,), (up,) = found
        return down, up

    def carries(self, client: Client) -> tuple[int, int]:
        self.network.start_internet()
        assert self.network.curl("--max-time", "3", "-o", "/dev/null", "http://203.0.113.2/").returncode == 0
        return 200, 200

    def puts_out(self, client: Client) -> None:
        self.network.nft("flush", "ruleset")

    def fails(self) -> None:
        self.network.stop("gate", signal.SIGKILL)

    def written(self) -> str:
        return (self.network.folder / "gate.log").read_text(encoding="utf-8")


class Captured:
    """Stands for openNDS: knows every device that is asked about, minutes and kilobytes as text, one IPv4 address each.

    How the real one behaves: tests/captive_portal/test_opennds.py.
    """

    def __init__(self) -> None:
        self.devices: dict[str, dict[str, str]] = {}
        self.rates: dict[str, tuple[int, int]] = {}
        self.broken = False

    def born(self) -> str:
        return "1.1"

    def clients(self) -> dict[str, dict[str, str]]:
        return {mac: dict(each) for mac, each in self.devices.items()}

    def auth(self, address: str, minutes: int, up_kbps: int, down_kbps: int) -> None:
        if self.broken:
            raise KernelError("openNDS did not let the device in")
        (known,) = [each for each in self.devices.values() if each["ip"] == address]
        if known["state"] == "Authenticated":
            raise KernelError("openNDS did not let the device in")
        self.rates[address] = down_kbps, up_kbps
        known |= {"state": "Authenticated", "session_end": str(SYSTEM.now_ms() // 1000 + minutes * 60)}

    def deauth(self, mac: str) -> None:
        if mac in self.devices:
            self.devices[mac] |= {"state": "Preauthenticated", "session_end": "null"}


class Knowing(Opennds):
    """The gateway whose visitors openNDS has captured before, as a browser that is sent to the portal was."""

    def allow(self, client: Client, bounds: Bounds) -> Any:
        four = next(each for each in client.addresses if ":" not in each)
        fresh = {"ip": four, "clientif": client.interface, "state": "Preauthenticated", "session_end": "null"}
        self.captured.devices.setdefault(client.mac, fresh)
        return super().allow(client, bounds)


class Sent(Fas):
    """The gateway whose visitors a router has sent, and whose `authmon` asks without a pause."""

    interface = "park"
    key, router = "0123456789abcdef0123456789abcdef", "192.0.2.9"

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.told: dict[str, tuple[int, int]] = {}

    def allow(self, client: Client, bounds: Bounds) -> Any:
        four = next(each for each in client.addresses if ":" not in each)
        hid = client.mac.replace(":", "").rjust(64, "0")
        words = f"hid={hid}, clientip={four}, clientmac={client.mac}, gatewayname=Park, version=9.10.0"
        iv = "0123456789abcdef"
        self.carried(four, {"fas": fas.sealed(words, self.key, iv), "iv": iv})
        return super().allow(client, bounds)

    def ask(self, stop: threading.Event) -> None:
        """Do what `authmon` does: view, let in, tell whom."""
        form = {"auth_get": "view", "gatewayhash": fas.gateway_hash("Park")}
        while not stop.wait(0.002):
            words = [unquote(each).split() for each in str(self.heard(self.router, form)).split()[1:]]
            self.told.update({name: (int(down), int(up)) for name, _, up, down, *_ in words})
            named = " ".join(["*", *(each[0] for each in words)])
            self.heard(self.router, {**form, "payload": base64.b64encode(named.encode()).decode()})


class Beside(Stand):
    """openNDS on this machine."""

    def __init__(self, gateway: Knowing, captured: Captured) -> None:
        super().__init__(gateway, "simulated")
        self.captured = captured

    def rates(self, client: Client) -> tuple[int, int]:
        return self.captured.rates[client.addresses[0]]

    def carries(self, client: Client) -> tuple[int, int]:
        self.captured.devices[client.mac] |= {"upload_this_session": "700", "download_this_session": "800"}  # kilobytes
        return 700_000, 800_000

    def puts_out(self, client: Client) -> None:
        self.captured.deauth(client.mac)

    def fails(self) -> None:
        self.captured.broken = True


class Router(Stand):
    """openNDS far away."""

    tells = frozenset({"opened"})

    def rates(self, client: Client) -> tuple[int, int]:
        (told,) = self.gateway.told.values()
        return told

    def fails(self) -> None:
        """Its `authmon` is away: it is asked for nothing."""
        self.gateway.stop.set()


class Behind(Stand):
    """A controller that asks our RADIUS server about each MAC."""

    tells = frozenset({"arrived", "left"})

    def __init__(self, gateway: Radius, ac: Any, service: RadiusService) -> None:
        super().__init__(gateway, "ac-1")
        self.ac, self.service, self.sessions = ac, service, 0

    def comes(self, client: Client) -> dict[int, bytes]:
        """Let the device associate; return what the answer says."""
        said = client.mac.replace(":", "-")
        return self.ac.ask(said, said, said, client.addresses[0])[1]

    def rates(self, client: Client) -> tuple[int, int]:
        said, mac, found = [], client.mac.replace(":", "-"), {}
        octets = self.ac.question(mac, mac, mac, client.addresses[0])
        said = self.module.parsed(self.ac.send(octets, self.ac.auth))
        for kind, value in said:
            if kind == VENDOR and struct.unpack(">I", value[:4])[0] == WISPR:
                found[value[4]] = struct.unpack(">I", value[6:10])[0] // 1000
        return found[WISPR_DOWN], found[WISPR_UP]

    def idle_s(self, client: Client) -> int:
        return struct.unpack(">I", self.comes(client)[IDLE_TIMEOUT])[0]

    def carries(self, client: Client) -> tuple[int, int]:
        self.mark = self.comes(client)[CLASS]
        said = client.mac.replace(":", "-")
        assert self.ac.report(START, "s-1", said, client.addresses[0], mark=self.mark)
        assert self.ac.report(INTERIM, "s-1", said, client.addresses[0], up=700_000, down=800_000, mark=self.mark)
        return 700_000, 800_000

    def puts_out(self, client: Client) -> None:
        said = client.mac.replace(":", "-")
        self.carries(client)
        assert self.ac.report(STOP, "s-1", said, client.addresses[0], mark=self.mark, cause=4)  # RFC 2866: Idle Timeout

    def fails(self) -> None:
        self.ac.moods.extend(["nak 503"] * 20)


class Portal2(Stand):
    """A controller that speaks Portal 2.0, and asks RADIUS about the token that it is given."""

    tells = frozenset({"left", "knows", "arrived"})

    def __init__(self, world: Any) -> None:
        super().__init__(world.on_the_air(), world.part.interface)
        self.world = world

    def _granted(self) -> dict[dictionary.Attribute, Any]:
        """Return what our RADIUS server tells the controller of the token that it has brought."""
        name = max(self.world.radius.used)  # its time stands first
        left = claims(name).left(SYSTEM.now_ms())
        return dict(profiles.granted(profiles.PROFILES[self.world.part.side.ac.vendor], left, interim_s=300))

    def rates(self, client: Client) -> tuple[int, int]:
        said = self._granted()
        return said[dictionary.WISPR_DOWN] // 1000, said[dictionary.WISPR_UP] // 1000

    def idle_s(self, client: Client) -> int:
        return self._granted()[dictionary.IDLE_TIMEOUT]

    def carries(self, client: Client) -> tuple[int, int]:
        """Its accounting goes to the RADIUS server, whose line says so."""
        listed = [[self.interface, client.mac, client.addresses[0], 60, 700_000, 800_000]]
        self.gateway._reports._line.every = lambda *_, **__: [{"listed": listed}]
        self.gateway._reports._asked_at = -1e9
        return 700_000, 800_000

    def puts_out(self, client: Client) -> None:
        self.world.ac.kick(client.addresses[0])

    def comes(self, client: Client) -> None:
        ac = self.world.ac
        ac.station(client.addresses[0], client.mac)
        asked = self.simulator.REQ_MACBIND, client.addresses[0]
        ac.tell(self.simulator.packet(*asked, pairs=[ac.mac_of(client.mac)], secret=ac.secret))

    def fails(self) -> None:
        self.world.radius.refuses = True


def simulated(settings: Settings, stack: ExitStack, _request: Any) -> Stand:
    return Rehearsed(stack.enter_context(Simulated(settings.portal, SYSTEM)), "simulated")


def nftables(_settings: Settings, stack: ExitStack, request: Any) -> Stand:
    network = request.getfixturevalue("network")
    text = network.settings_file.read_text(encoding="utf-8")
    network.settings_file.write_text(text.replace("[portal]\n", f'[portal]\nuplinks = "{network.uplink}"\n'), "utf-8")
    network.start_gate()
    return Linux(stack.enter_context(Nftables(load(network.settings_file, environ={}), SYSTEM)), network)


def opennds(settings: Settings, stack: ExitStack, _request: Any) -> Stand:
    captured = Captured()
    behind = Nds(captured, ("simulated",), settings.data.dir / "gate.sock", peers=frozenset({os.getuid()}))
    behind.start()
    stack.callback(behind.stop)
    made = stack.enter_context(Knowing(settings, SYSTEM))
    made.captured = captured
    return Beside(made, captured)


def fas_(settings: Settings, stack: ExitStack, _request: Any) -> Stand:
    (settings.data.dir / "fas.key").write_text(Sent.key)
    router = Controller(
        address=Sent.router, site="site-1", gateway="fas", networks="10.0.0.0/8",
        fas_key=Secret(f"file:{settings.data.dir / 'fas.key'}"), fas_name="Park",
    )  # fmt: skip
    ours = replace(settings, portal=replace(settings.portal, gateway="none", acs={"park": router}))
    made = stack.enter_context(Sent(ours, SYSTEM))
    made.stop = threading.Event()
    asking = threading.Thread(target=made.ask, args=(made.stop,))
    asking.start()
    stack.callback(asking.join)
    stack.callback(made.stop.set)
    return Router(made, "park")


def radius(settings: Settings, stack: ExitStack, _request: Any) -> Stand:
    module = loaded("old_controller_of_the_contract", HERE / "radius" / "old_controller.py")
    ac = module.OldController("127.0.9.31", 0, 0)
    stack.callback(ac.close)
    secret = Secret(f"plain:{module.SECRET.decode()}")
    networks = "10.0.0.0/8,fd01::/64"
    there = Controller(address="127.0.9.31", site="site-1", networks=networks, secret=secret, coa_port=ac.coa_port)
    ours = replace(
        settings,
        portal=replace(settings.portal, gateway="none", acs={"ac-1": there}),
        radius=replace(settings.radius, enabled=True, listen="127.0.0.1", auth_port=0, acct_port=0),
    )
    service = RadiusService(ours)
    service.start()
    stack.callback(service.stop)
    ac.auth, ac.acct = ("127.0.0.1", service.auth_port), ("127.0.0.1", service.acct_port)
    made = Behind(stack.enter_context(Radius(ours, SYSTEM)), ac, service)
    made.module = module
    return made


def portal2(settings: Settings, stack: ExitStack, request: Any) -> Stand:
    worlds = request.getfixturevalue("portal2_worlds")
    made = Portal2(stack.enter_context(worlds.world(settings.data.dir, portal_binding=True)))
    made.simulator = worlds.simulator
    return made


def loaded(name: str, file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, file)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKERS = {"fas": fas_, **{each.__name__: each for each in (simulated, nftables, opennds, radius, portal2)}}
