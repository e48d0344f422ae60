"""Which objects each kind of simulated agent shows, in the layout of the family that it plays.

`build` puts an agent's parts together: the system group here, interfaces and the tables of each family in their files.
 Values come from `world` (up, boot), `load` (day and night) and `noise` (what makes one thing
unlike another); every value is a function of the instant, so the history and the live city are one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from collectors.simulator import cell, olt, wlan
from collectors.simulator.interfaces import interfaces
from collectors.simulator.mib import OBJECT_ID, OCTETS, TIMETICKS, Mib, Object, constant, oid
from collectors.simulator.noise import between

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collectors.simulator.city import Agent
    from collectors.simulator.world import World

SYSTEM = oid("1.3.6.1.2.1.1")
OBJECT_IDS = {
    "wlan_controller": "1.3.6.1.4.1.2011.2.240.7",
    "olt": "1.3.6.1.4.1.2011.2.248",
    "small_cell": "1.3.6.1.4.1.8072.3.2.10",  # as real small cells do: plain net-snmp's
    "gateway": "1.3.6.1.4.1.8072.3.2.10",
    "anchor": "1.3.6.1.4.1.8072.3.2.10",
}
DESCRIPTIONS = {
    "wlan_controller": "NetOps rehearsal: a WLAN controller in the layout of Huawei AC",
    "olt": "NetOps rehearsal: an OLT in the layout of Huawei SmartAX",
    "small_cell": "NetOps rehearsal: a TD-LTE small cell, TR-196 names, synthetic",
    "gateway": "NetOps rehearsal: the carrier's gateway at the end of a fiber line",
    "anchor": "NetOps rehearsal: an anchor of the vantage point",
}


def build(agent: Agent, world: World) -> Mib:
    """Return the agent's whole tree."""
    return Mib([*_system(agent, world), *_FAMILIES[agent.role](agent, world)])


def _system(agent: Agent, world: World) -> Iterator[Object]:
    yield (*SYSTEM, 1, 0), OCTETS, constant(DESCRIPTIONS[agent.role].encode())
    yield (*SYSTEM, 2, 0), OBJECT_ID, constant(OBJECT_IDS[agent.role])
    yield (*SYSTEM, 3, 0), TIMETICKS, lambda at: uptime_ticks(agent.id, world, at)
    yield (*SYSTEM, 5, 0), OCTETS, constant(agent.id.encode())
    yield (*SYSTEM, 6, 0), OCTETS, constant(agent.area.encode())


def uptime_ticks(name: str, world: World, at_ms: int) -> int:
    """Return sysUpTime in hundredths of a second, with its wrap after 497 days (RFC 3418)."""
    return max(0, (at_ms - world.life(name, at_ms).boot_ms) // 10) % 2**32


def _controller(agent: Agent, world: World) -> Iterator[Object]:
    uplinks = [(n, f"GigabitEthernet0/0/{n}", between(2e6, 9e6, agent.id, n)) for n in (1, 2)]
    yield from interfaces(agent, world, uplinks)
    yield from wlan.objects(agent, world)


def _olt(agent: Agent, world: World) -> Iterator[Object]:
    uplinks = [(n, f"ethernet0/9/{n}", 2e7) for n in (1, 2)]
    yield from interfaces(agent, world, [*uplinks, *((i, name, 3e6) for i, name in olt.ports(agent))])
    yield from olt.objects(agent, world)


def _cell(agent: Agent, world: World) -> Iterator[Object]:
    yield from interfaces(agent, world, [(1, "backhaul0", between(2e5, 1.5e6, agent.id))])
    yield from cell.objects(agent, world)


def _anchor(agent: Agent, world: World) -> Iterator[Object]:
    yield from interfaces(agent, world, [(1, "lo", 1000.0)])


def _gateway(agent: Agent, world: World) -> Iterator[Object]:
    yield from interfaces(agent, world, [(1, "pon0", 4e6), (2, "lan0", 4e6)])


_FAMILIES = {
    "wlan_controller": _controller,
    "olt": _olt,
    "small_cell": _cell,
    "gateway": _gateway,
    "anchor": _anchor,
}
