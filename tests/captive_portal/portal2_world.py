"""A controller, the gateway that speaks to it, and what answers its RADIUS question: shared by the Portal 2.0 tests."""

from __future__ import annotations

import hashlib
import importlib.util
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from captive_portal import keys
from captive_portal.gateways.portal2 import Portal2
from captive_portal.model import Client
from captive_portal.radius.tokens import Mint, claims
from netops.clock import SYSTEM
from netops.config import City, Data, Settings
from netops.controllers import Controller
from netops.controllers import Portal2 as Portal2At
from netops.secret import Secret

_spec = importlib.util.spec_from_file_location("ac_simulator", Path(__file__).with_name("ac_simulator.py"))
simulator = importlib.util.module_from_spec(_spec)
import sys  # noqa: E402

sys.modules["ac_simulator"] = simulator
_spec.loader.exec_module(simulator)

SECRET = "s3cret-of-portal"
MAC, OTHER = "02:11:22:33:44:55", "02:11:22:33:44:66"
ADDRESS = "10.1.0.1"


class Radius:
    """What our RADIUS server decides: a token must be made for this MAC at this place, and each is good once."""

    def __init__(self, settings: Settings, place: str) -> None:
        self._mint = Mint(keys.token_key(settings))
        self._place = place
        self.used: set[str] = set()
        self.refuses = False
        self.refused: list[str] = []

    def __call__(self, name: str, shown, mac: str) -> int | None:
        claimed = claims(name)
        wrong = self._wrong(name, claimed, shown, mac)
        if wrong:
            self.refused.append(f"{wrong}: {name} {mac}")
            return None
        self.used.add(name)
        return claimed.left(SYSTEM.now_ms()).seconds

    def _wrong(self, name: str, claimed, shown, mac: str) -> str:
        if self.refuses or claimed is None:
            return "no token"
        if name in self.used:
            return "used"
        password = self._mint.password(name, place=self._place, mac=mac).encode()
        if isinstance(shown, tuple):
            request, proof, challenge = shown
            return "" if hashlib.md5(request + password + challenge).digest() == proof else "wrong proof"
        return "" if shown == password else "wrong password"


class Ears:
    """Writes down what it is told."""

    def __init__(self, *known: str) -> None:
        self.known = set(known)
        self.came: list[Client] = []
        self.gone: list[Client] = []
        self.gateway = None

    def knows(self, client: Client) -> bool:
        return client.mac in self.known

    def arrived(self, client: Client) -> bool:
        from captive_portal.model import Bounds

        self.came.append(client)
        self.gateway.allow(client, Bounds(seconds=60))
        return True

    def left(self, client: Client) -> None:
        self.gone.append(client)


def settings_of(folder: Path, ac, **wanted) -> Settings:
    given = Controller(
        gateway="portal2",
        address=ac.host,
        networks="10.0.0.0/8, fd00::/8",
        portal_secret=Secret(f"plain:{SECRET}"),
        portal_port=ac.port,
        site="site-1",
    )
    plain = Settings(city=City(rehearsal=True), data=Data(dir=folder), portal2=Portal2At(host="127.0.0.1", port=0))
    portal = replace(plain.portal, gateway="none", acs={"ac-1": replace(given, **wanted)})
    return replace(plain, portal=portal)


class World:
    """One controller and our gateway to it."""

    def __init__(self, folder: Path, ac, settings: Settings) -> None:
        self.folder, self.ac, self.settings = folder, ac, settings
        self.radius = ac.authorise
        self.ears = Ears()
        self.gateway = self.part = None

    def open(self):
        gateway = Portal2(self.settings, SYSTEM)
        gateway.__enter__()
        gateway.tell(self.ears)
        self.gateway, self.part = gateway, gateway.parts()[0]
        self.ears.gateway = gateway
        self.ac.portal = ("127.0.0.1", gateway.post.port)
        return self

    def on_the_air(self):
        """Return the controller's gateway; who is to be let in is on the air at once, with this MAC and address."""
        side, let_in = self.part.side, self.part.side.let_in

        def seen(client, address, bounds):
            self.ac.station(address, client.mac)
            let_in(client, address, bounds)

        side.let_in = seen
        self.part.radius = self.radius
        return self.part

    def close(self) -> None:
        if self.gateway is not None:
            self.gateway.__exit__(None, None, None)
            self.gateway = None

    def client(self, mac: str = MAC, *addresses: str) -> Client:
        return Client(mac=mac, interface="ac-1", addresses=addresses or (ADDRESS,))

    def inside(self) -> dict[str, str]:
        return {each.client.addresses[0]: each.client.mac for each in self.gateway.admitted()}

    def judged(self) -> list[str]:
        from captive_portal.portal2 import packets

        self.gateway.journal.settle()
        return [
            each.judged for each in packets.read(self.gateway.journal.path, self.gateway.journal.vault) if each.judged
        ]


@contextmanager
def world(folder: Path, *, ac=None, **wanted):
    with simulator.Ac(authorise=None, secret=SECRET.encode(), **(ac or {})) as controller:
        controller.station(ADDRESS, MAC)
        settings = settings_of(folder, controller, **wanted)
        controller.authorise = Radius(settings, "ac-1")
        made = World(folder, controller, settings)
        try:
            yield made.open()
        finally:
            made.close()


def until(holds, within_s: float = 3.0) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.01)
