"""A simulated agent as something that answers PDUs: the same answering as a recording's, over values that move.

While the agent is down it says nothing; nobody tells a poller that a device is dead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from collectors.snmp.agent import Listing
from collectors.snmp.varbind import END_OF_MIB_VIEW, NO_SUCH_INSTANCE, Oid, Varbind

if TYPE_CHECKING:
    from collections.abc import Callable

    from collectors.simulator.city import Agent
    from collectors.simulator.mib import Mib
    from collectors.simulator.world import World
    from collectors.snmp.pdu import Pdu

REPLY_OCTETS = 1400  # within one frame, so that a table takes several requests as it does in the field
LARGE_OCTETS = 8192  # what controllers and OLTs put into one reply: their tables are long
LARGE = frozenset({"wlan_controller", "olt"})


class Living(Listing):
    """One agent of the city, answering as of `clock()` (milliseconds UTC)."""

    def __init__(self, agent: Agent, mib: Mib, world: World, clock: Callable[[], int]) -> None:
        super().__init__((), max_octets=LARGE_OCTETS if agent.role in LARGE else REPLY_OCTETS)
        self.agent = agent
        self.order = mib.oids
        self._mib = mib
        self._world = world
        self._clock = clock

    def respond(self, pdu: Pdu) -> Pdu | None:
        """Answer, or say nothing while the agent is down."""
        return super().respond(pdu) if self._world.answers(self.agent, self._clock()) else None

    def get(self, oid: Oid) -> Varbind:
        """Return the object as it is now, or noSuchInstance."""
        found = self._mib.get(oid, self._clock())
        return Varbind(oid, NO_SUCH_INSTANCE, None) if found is None else Varbind(oid, *found)

    def next(self, oid: Oid) -> Varbind:
        """Return the object behind this name as it is now, or endOfMibView."""
        following = self._mib.following(oid)
        return Varbind(oid, END_OF_MIB_VIEW, None) if following is None else self.get(following)
