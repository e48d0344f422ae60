"""A RADIUS server on free ports, and controllers that know nothing of its code."""

from __future__ import annotations

import importlib.util
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from captive_portal.model import Bounds, Client
from captive_portal.radius.service import RadiusService
from netops.config import City, Data, PortalAt, Settings
from netops.controllers import Controller, Radius
from netops.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

_spec = importlib.util.spec_from_file_location("old_controller", Path(__file__).with_name("old_controller.py"))
assert _spec
assert _spec.loader
old_controller: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(old_controller)

MAC, OTHER = "02:11:22:33:44:55", "02:11:22:33:44:66"
SAID = "02-11-22-33-44-55"
IP = "10.8.0.9"
HOUR = Bounds(seconds=3600, idle_s=600, down_kbps=4000, up_kbps=1000)


@dataclass
class Place:
    """A server, its settings, and its controllers by their ids."""

    settings: Settings
    service: RadiusService
    controllers: dict[str, Any]
    stack: ExitStack = field(default_factory=ExitStack)

    @property
    def parts(self) -> Any:
        return self.service.parts

    def client(self, mac: str = MAC, place: str = "ac-1", ip: str = IP) -> Client:
        return Client(mac=mac, interface=place, addresses=(ip,))

    def token(self, bounds: Bounds = HOUR, **whose: Any) -> Any:
        return self.parts.reaching.mint.issue(self.client(**whose), bounds, self.service.clock.now_ms())

    def restart(self) -> None:
        """Another process takes up what this one left; the ports stay."""
        at = self.service.auth_port, self.service.acct_port
        self.service.stop()
        self.settings = replace(self.settings, radius=replace(self.settings.radius, auth_port=at[0], acct_port=at[1]))
        self.service = RadiusService(self.settings)
        self.service.start()


@pytest.fixture(scope="module")
def standing_controllers() -> Iterator[list[Any]]:
    made = [old_controller.OldController(f"127.0.9.{n}", 0, 0) for n in (1, 2, 3, 4)]
    yield made
    for each in made:
        each.close()


@pytest.fixture
def place(tmp_path: Path, standing_controllers: list[Any]) -> Iterator[Place]:
    made = standing_controllers
    secret = Secret(f"plain:{old_controller.SECRET.decode()}")
    networks = "10.8.0.0/16,fd88::/64"
    given = {
        "ac-1": Controller(networks=networks, vendor="standard", untimed=False),
        "ac-2": Controller(networks="10.9.0.0/16", vendor="mikrotik", unsigned=True, untimed=True),
        "ac-uam": Controller(
            networks="10.10.0.0/16",
            vendor="chillispot",
            entry="uam",
            entry_url="http://10.10.0.1:3990/logon?username={user}&password={password}&userurl={back}",
        ),
        "ac-cisco": Controller(networks="10.11.0.0/16", vendor="cisco"),
    }
    acs = {
        name: replace(each, address=ac.address, secret=secret, site="site-1", coa_port=ac.coa_port)
        for (name, each), ac in zip(given.items(), made, strict=True)
    }
    settings = Settings(
        city=City(rehearsal=True),
        data=Data(dir=tmp_path),
        portal=PortalAt(gateway="none", acs=acs, public_url="http://portal.test"),
        radius=Radius(enabled=True, listen="127.0.0.1", auth_port=0, acct_port=0, coa_timeout_ms=150, coa_tries=3),
    )
    service = RadiusService(settings)
    with ExitStack() as stack:
        service.start()
        whole = Place(settings, service, dict(zip(acs, made, strict=True)))
        stack.callback(lambda: whole.service.stop())  # noqa: PLW0108  (a restart makes another)
        for each in made:
            each.forget()
            each.auth, each.acct = ("127.0.0.1", service.auth_port), ("127.0.0.1", service.acct_port)
        yield whole


@pytest.fixture(scope="session")
def wire() -> Any:
    """The independent encoder."""
    return old_controller
