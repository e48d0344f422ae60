"""The service `network` of a rehearsal: every simulated agent on its loopback address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collectors.errors import CollectorError
from collectors.simulator import instance
from collectors.simulator.describe import CREDENTIAL
from collectors.simulator.living import Living
from collectors.simulator.objects import build as objects
from collectors.simulator.udp import Responder
from netops.clock import SYSTEM

if TYPE_CHECKING:
    from netops.clock import Clock
    from netops.config import Settings


class Network:
    """Inert until started."""

    name = "network"

    def __init__(self, settings: Settings, *, clock: Clock = SYSTEM) -> None:
        self._settings = settings
        self._clock = clock
        self._responder: Responder | None = None

    def start(self) -> None:
        """Answer for the whole city."""
        found = instance.load(self._settings.data.dir)
        if found is None or not self._settings.city.rehearsal:
            raise CollectorError("the simulated network belongs to a rehearsal; `netops demo` begins one")
        world = found.world()
        living = {
            agent.address: Living(agent, objects(agent, world), world, self._clock.now_ms)
            for agent in world.city.agents
        }
        community = self._settings.credentials[CREDENTIAL].community
        assert community is not None
        self._responder = Responder(living, port=found.port, community=community.read().encode())
        self._responder.start()

    def stop(self) -> None:
        """Fall silent."""
        if self._responder is not None:
            self._responder.stop()
        self._responder = None

    def health(self) -> dict[str, str]:
        """Return what is wrong, by subject."""
        return {}


def build(settings: Settings) -> Network:
    """Return the service, inert."""
    return Network(settings)
