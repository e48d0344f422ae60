"""The service `network` of a rehearsal: every simulated agent on its loopback address, and the partners of other doors.

A partner is started where the settings have the service that it is for, so a city founded without these doors lives on.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

from collectors.errors import CollectorError
from collectors.simulator import doors, instance, line
from collectors.simulator.alarms import Alarms
from collectors.simulator.command_line import CommandLine
from collectors.simulator.describe import CREDENTIAL
from collectors.simulator.informing import Informing
from collectors.simulator.living import Living
from collectors.simulator.objects import build as objects
from collectors.simulator.relay import Relay
from collectors.simulator.udp import Responder
from collectors.simulator.visitors import Visitors
from netops.clock import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collectors.simulator.instance import Instance
    from collectors.simulator.world import World
    from netops.clock import Clock
    from netops.config import Settings


class Partner(Protocol):
    """Something that plays a device or a path on the wire."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End."""


class Network:
    """Inert until started."""

    name = "network"

    def __init__(self, settings: Settings, *, clock: Clock = SYSTEM) -> None:
        self._settings = settings
        self._clock = clock
        self._stack = ExitStack()

    def start(self) -> None:
        """Answer for the whole city."""
        found = instance.load(self._settings.data.dir)
        if found is None or not self._settings.city.rehearsal:
            raise CollectorError("the simulated network belongs to a rehearsal; `netops demo` begins one")
        with ExitStack() as stack:
            for partner in self._partners(found, found.world()):
                partner.start()
                stack.callback(partner.stop)
            self._stack = stack.pop_all()

    def _partners(self, found: Instance, world: World) -> Iterator[Partner]:
        settings, clock, port = self._settings, self._clock, found.port
        living = {
            agent.address: Living(agent, objects(agent, world), world, clock.now_ms) for agent in world.city.agents
        }
        community = settings.credentials[CREDENTIAL].community
        assert community is not None
        yield Responder(living, port=port, community=community.read().encode())
        who, keys = doors.chosen(world.city), settings.data.dir / "keys"
        if settings.ssh.interval_s and doors.SSH in settings.credentials:
            password = (keys / doors.PASSWORD).read_text(encoding="ascii").rstrip("\n")
            key = keys / doors.HOST_KEY
            yield CommandLine(who.by_ssh, world, port=port, key=key, password=password, clock=clock)
        if settings.acs.enabled and doors.CELLS in settings.credentials:
            password = (keys / doors.PASSWORD).read_text(encoding="ascii").rstrip("\n")
            at = settings.acs.listen
            yield Informing(who.informs, world, host=at.host, port=at.port, password=password, clock=clock)
        if settings.trap.enabled:
            to = (settings.trap.listen, settings.trap.port)
            yield Alarms(who.alarms, world, to=to, community=community.read().encode(), clock=clock)
        if settings.probe.targets:
            yield Relay(line.ENDS, port=doors.stamp_port(port), world=world, clock=clock)
        if settings.portal.gateway == "simulated":
            yield Visitors(settings)

    def stop(self) -> None:
        """Fall silent."""
        self._stack.close()

    def health(self) -> dict[str, str]:
        """Return what is wrong, by subject."""
        return {}


def build(settings: Settings) -> Network:
    """Return the service, inert."""
    return Network(settings)
