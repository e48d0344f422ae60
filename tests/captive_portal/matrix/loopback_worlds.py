"""Gateways whose enforcement is a simulated controller, or nothing but a memory: portal and server on loopback.

The portal listens on a real port and each device is an address of its own; the clock can be set forward.
"""

from __future__ import annotations

import itertools
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from captive_portal.radius.service import RadiusService
from captive_portal.service import PortalService
from netops.config import City, Data, Listener, PortalAt, Settings
from netops.controllers import Controller
from netops.controllers import Portal2 as Portal2At
from netops.controllers import Radius as RadiusAt
from netops.provider import Provider
from netops.secret import Secret
from netops.texting import SmsProvider

HERE = Path(__file__).parent
RADIUS_SECRET = "a shared secret of the tests"
NETWORK = "127.0.96.0/19"


def free(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as at:
        at.bind(("127.0.0.1", 0))
        return int(at.getsockname()[1])


class Loopback:
    """A portal whose gateway is `simulated`; the other worlds have another gateway."""

    name, gateway = "simulated", "simulated"
    tells = False  # whether it says of itself that a device has come
    left_s = 6  # seconds of a visit that is to end while one looks at it

    def __init__(self, folder: Path, parts: Any) -> None:
        self.folder, self.parts = folder, parts
        self.clock = parts.ahead.Ahead()
        self.stack = ExitStack()
        self._numbers = itertools.count(1)
        self.portal = parts.walks.PORTAL

    # ---- its life
    def begin(self) -> None:
        policies = self.folder / "policies"
        policies.mkdir()
        (policies / "park.yaml").write_text(self.parts.walks.POLICY, encoding="utf-8")
        (self.folder / "client.secret").write_text(self.parts.walks.SECRET, encoding="utf-8")
        portal = PortalAt(
            listen=Listener(port=0),
            public_url=self.parts.walks.PORTAL,
            policies=policies,
            oidc={"city": Provider(
                issuer=f"http://127.0.0.1:{self._provider()}",
                client_id="portal",
                client_secret=Secret(f"file:{self.folder / 'client.secret'}"),
                title_en="Staff account",
                private=True,
            )},
        )  # fmt: skip
        plain = Settings(city=City(rehearsal=True), data=Data(dir=self.folder), portal=portal)
        sms = replace(plain.sms, providers={"outbox": SmsProvider(kind="outbox")})
        self.settings = self.settled(replace(plain, sms=sms))
        self.servers()
        self.service = PortalService(self.settings, self.clock)
        self.service.start()
        self.stack.callback(self.service.stop)
        self.started()

    def settled(self, settings: Settings) -> Settings:
        return replace(settings, portal=replace(settings.portal, visitors={"simulated": "site-1"}))

    def servers(self) -> None:
        """Start what the portal needs beside it."""

    def started(self) -> None:
        """Take up what is known once the portal runs."""

    def end(self) -> None:
        self.stack.close()

    def _provider(self) -> int:
        words = [sys.executable, str(HERE.parent / "run_provider.py"), self.parts.walks.PORTAL, self.parts.walks.SECRET]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.stack.callback(process.wait)
        self.stack.callback(process.terminate)
        assert process.stdout
        self.stack.callback(process.stdout.close)
        return int(process.stdout.readline())

    # ---- what a walk needs
    def device(self) -> Any:
        number = next(self._numbers)
        address, mac = f"127.0.{96 + (number >> 8)}.{number & 255}", f"02:11:22:33:{number >> 8:02x}:{number & 255:02x}"
        where = {"portal.test": ("127.0.0.1", self.service.port)}
        send = self.parts.mini_browser.from_address(address, where)
        made = self.parts.walks.Device(self.parts.mini_browser.MiniBrowser(send, f"{self.portal}/"), address, mac)
        self.comes(made)
        made.sheet.open()
        return made

    def comes(self, device: Any) -> None:
        """The device is on the air; the simulated gateway makes up who it is."""
        device.mac = self.service.desk.gateway.identify(device.address).mac

    def opens_provider(self, device: Any) -> None:
        """What must happen before the provider's page is reached: nothing holds it up here."""

    def now_ms(self) -> int:
        return int(self.clock.now_ms())

    def forward(self, seconds: float) -> None:
        self.clock.forward(seconds)

    def round(self) -> None:
        self.parts.ahead.rounds(self.service)

    def over(self, _device: Any) -> None:
        """The visit's time is over, as far as the portal's clock says."""
        self.round()

    def offers(self) -> Any:
        return self.parts.walks.offered(self.service.desk.gateway, self.settings)

    def method(self, device: Any) -> str:
        return str(self.parts.walks.method(self.settings, device))

    # ---- what is enforced
    def online(self, device: Any) -> bool:
        gateway = self.service.desk.gateway
        return any(device.address in each.client.addresses for each in gateway.admitted())


class ByRadius(Loopback):
    """A controller that asks our RADIUS server about MACs."""

    name, gateway = "radius", "radius"
    vendor, tells = "standard", True

    def settled(self, settings: Settings) -> Settings:
        self.controller = self.parts.old_controller.OldController(self.at(), 0, 0, RADIUS_SECRET.encode())
        self.air = self.parts.air.Air(self.controller, self.parts.old_controller, self.clock)
        self.stack.callback(self.air.close)
        given = Controller(
            gateway=self.gateway,
            vendor=self.vendor,
            address=self.at(),
            networks=NETWORK,
            secret=Secret(f"plain:{RADIUS_SECRET}"),
            coa_port=self.controller.coa_port,
            site="site-1",
        )
        radius = RadiusAt(enabled=True, listen="127.0.0.1", auth_port=0, acct_port=0)
        portal = replace(settings.portal, gateway="none", acs={"ac-1": self.controlled(given)})
        return replace(settings, portal=portal, radius=radius)

    def at(self) -> str:
        return "127.0.9.9"

    def controlled(self, given: Controller) -> Controller:
        return given

    def servers(self) -> None:
        self.radius = RadiusService(self.settings, self.clock)
        self.radius.start()
        self.stack.callback(self.radius.stop)
        self.controller.auth = ("127.0.0.1", self.radius.auth_port)
        self.controller.acct = ("127.0.0.1", self.radius.acct_port)

    def comes(self, device: Any) -> None:
        self.air.comes(device.address, device.mac)

    def online(self, device: Any) -> bool:
        return bool(self.air.online(device.address))

    # ---- limits: what the controller was told, it does
    def rate_kbps(self, device: Any) -> float:
        return self.air.sessions[device.address].down_bps / 1000

    def carries(self, device: Any, octets: int) -> None:
        self.air.carries(device.address, octets)

    def idles(self, device: Any, seconds: int) -> None:
        self.air.idles(device.address, seconds)


class BehindFreeradius(ByRadius):
    """The same controller asks Debian's FreeRADIUS, which asks us through rlm_rest."""

    name = "freeradius"

    def at(self) -> str:
        return "127.0.9.10"

    def settled(self, settings: Settings) -> Settings:
        made = super().settled(settings)
        radius = replace(
            made.radius,
            auth_port=free(socket.SOCK_DGRAM),
            acct_port=free(socket.SOCK_DGRAM),
            rest_port=free(socket.SOCK_STREAM),
            rest_key=Secret("plain:the key of the API"),
        )
        return replace(made, radius=radius)

    def servers(self) -> None:
        super().servers()
        own = replace(self.settings.radius, auth_port=free(socket.SOCK_DGRAM), acct_port=free(socket.SOCK_DGRAM))
        raddb, fronted = self.folder / "raddb", replace(self.settings, radius=own)
        nas, freeradius = self.parts.nas, self.parts.freeradius
        for name, text in freeradius.files(fronted, nas.known(fronted), folder=str(raddb), host="127.0.0.1").items():
            (raddb / name).parent.mkdir(parents=True, exist_ok=True)
            (raddb / name).write_text(text, encoding="utf-8")
        log = raddb / "log"
        with log.open("w", encoding="utf-8") as out:
            words = ["freeradius", "-d", str(raddb), "-f", "-l", "stdout"]
            process = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT)
        self.stack.callback(process.wait, 10)
        self.stack.callback(process.terminate)
        until = time.monotonic() + 40
        while "Ready to process requests" not in log.read_text(encoding="utf-8"):
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < until
            time.sleep(0.05)
        self.controller.auth, self.controller.acct = ("127.0.0.1", own.auth_port), ("127.0.0.1", own.acct_port)
        self.air.first = False


class ByPortal2(ByRadius):
    """A controller that is told by Portal 2.0, asks our RADIUS server, and reports to it."""

    name, gateway, vendor, tells = "portal2", "portal2", "h3c", False

    def at(self) -> str:
        return "127.0.9.11"

    def controlled(self, given: Controller) -> Controller:
        secret = b"a secret of portal 2.0"
        self.ac = self.parts.ac_simulator.Ac(authorise=None, secret=secret, host=self.at())
        self.stack.enter_context(self.ac)
        return replace(given, portal_secret=Secret(f"plain:{secret.decode()}"), portal_port=self.ac.port)

    def settled(self, settings: Settings) -> Settings:
        return replace(super().settled(settings), portal2=Portal2At(host="127.0.0.1", port=0))

    def started(self) -> None:
        self.ac.authorise = self.parts.air.by_portal(self.air, self.ac)
        gateway = next(each for each in self.service.desk.gateway._every if each.name == "portal2")
        self.ac.portal = ("127.0.0.1", gateway.post.port)

    def comes(self, device: Any) -> None:
        self.ac.station(device.address, device.mac)

    def online(self, device: Any) -> bool:
        user = self.ac.online.get(device.address)
        if user is not None and user.until > time.monotonic():
            return True
        self.air.end(device.address)
        return False

    def idles(self, device: Any, seconds: int) -> None:
        """The controller that was given an Idle-Timeout ends the user by itself, and says so by both protocols."""
        if self.air.sessions[device.address].idle_s <= seconds:
            self.air.idles(device.address, seconds)
            self.ac.kick(device.address)
