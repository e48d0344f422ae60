"""The tables of a simulated OLT with its ONTs, in the layout of HUAWEI-XPON-MIB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collectors.simulator.mib import INTEGER, OCTETS, Compute, Object, constant, oid
from collectors.simulator.noise import between, pick, unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collectors.simulator.city import Agent, Child
    from collectors.simulator.faults import Fault
    from collectors.simulator.world import World

GPON = oid("1.3.6.1.4.1.2011.6.128.1.1.2")
FIRST_PORT = 4_194_304_000  # ifIndex of GPON 0/0/0; the next port is 256 further
ONTS_PER_PORT = 16
NO_VALUE = 2_147_483_647
SHORT_MS = 300_000
ONLINE, OFFLINE = 1, 2
DYING_GASP, LOS, NEVER = 13, 1, -1  # hwGponDeviceOntControlLastDownCause


def ports(agent: Agent) -> list[tuple[int, str]]:
    """Return (ifIndex, name) of each PON port that carries ONTs."""
    return [(index, f"GPON 0/0/{(index - FIRST_PORT) // 256}") for index in sorted({port(c) for c in agent.children})]


def port(child: Child) -> int:
    """Return the ifIndex of the PON port that an ONT hangs on."""
    return FIRST_PORT + 256 * ((child.number - 1) // ONTS_PER_PORT)


def objects(agent: Agent, world: World) -> Iterator[Object]:
    """Yield the ports' own optics, then every ONT."""
    for index, _ in ports(agent):
        yield from _port_optics(agent, index)
    for child in agent.children:
        yield from _ont(child, world)
        yield from _ont_optics(child, world)


def _port_optics(agent: Agent, index: int) -> Iterator[Object]:
    table = (*GPON, 23, 1)
    yield (*table, 1, index), INTEGER, lambda at: round(30 + 8 * unit(agent.id, index, at // SHORT_MS))
    yield (*table, 2, index), INTEGER, constant(320)
    yield (*table, 3, index), INTEGER, constant(30 + pick(15, agent.id, index))
    yield (*table, 4, index), INTEGER, constant(690 + pick(40, agent.id, index))
    yield (*table, 5, index), INTEGER, constant(NO_VALUE)
    yield (*GPON, 21, 1, 16, index), INTEGER, constant(sum(port(c) == index for c in agent.children))


def _index(child: Child) -> tuple[int, int]:
    return port(child), (child.number - 1) % ONTS_PER_PORT


def _ont(child: Child, world: World) -> Iterator[Object]:
    index = _index(child)
    serial = child.ident[:4].encode() + bytes.fromhex(child.ident[4:])
    yield (*GPON, 43, 1, 3, *index), OCTETS, constant(serial)
    yield (*GPON, 43, 1, 9, *index), OCTETS, constant(child.id.encode())
    yield (*GPON, 46, 1, 15, *index), INTEGER, lambda at: ONLINE if world.life(child.id, at).up else OFFLINE
    yield (*GPON, 46, 1, 20, *index), INTEGER, constant(400 + pick(9000, child.id, "distance"))
    yield (*GPON, 46, 1, 24, *index), INTEGER, lambda at: _cause(world.life(child.id, at).last)


def _cause(last: Fault | None) -> int:
    if last is None:
        return NEVER
    return DYING_GASP if last.kind == "power" else LOS


def _ont_optics(child: Child, world: World) -> Iterator[Object]:
    loss = between(17, 24.5, "loss", child.id)

    def drift(at: int) -> float:
        return between(-0.15, 0.15, child.id, "drift", at // SHORT_MS)

    def lit(compute: Compute) -> Compute:
        return lambda at: compute(at) if world.life(child.id, at).up else NO_VALUE

    index = _index(child)
    table = (*GPON, 51, 1)
    yield (*table, 1, *index), INTEGER, lit(lambda at: 38 + pick(12, child.id, at // SHORT_MS))
    yield (*table, 2, *index), INTEGER, lit(constant(10 + pick(8, child.id, "bias")))
    yield (*table, 3, *index), INTEGER, lit(lambda at: round(100 * (2.1 + drift(at))))
    yield (*table, 4, *index), INTEGER, lit(lambda at: round(100 * (drift(at) - loss)))
    yield (*table, 5, *index), INTEGER, lit(constant(3260 + pick(80, child.id, "volt")))
    yield (*table, 6, *index), INTEGER, lit(lambda at: round(10_000 + 100 * (drift(at) - loss - 1.2)))
