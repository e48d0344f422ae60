"""ifTable and ifXTable (RFC 2863) of a simulated agent: counters under the city's day and night."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collectors.simulator.load import counted
from collectors.simulator.mib import COUNTER32, COUNTER64, GAUGE32, INTEGER, OCTETS, Compute, Object, constant, oid
from collectors.simulator.noise import unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from collectors.simulator.city import Agent
    from collectors.simulator.world import World

IF_TABLE = oid("1.3.6.1.2.1.2.2.1")
IF_X_TABLE = oid("1.3.6.1.2.1.31.1.1.1")
OUT_SHARE = 0.25  # people download more than they upload


def interfaces(agent: Agent, world: World, names: Iterable[tuple[int, str, float]]) -> Iterator[Object]:
    """Yield the rows: (ifIndex, name, mean octets received per second)."""
    for index, name, rate in names:
        yield (*IF_TABLE, 1, index), INTEGER, constant(index)
        yield (*IF_TABLE, 2, index), OCTETS, constant(name.encode())
        yield (*IF_TABLE, 3, index), INTEGER, constant(6)
        yield (*IF_TABLE, 5, index), GAUGE32, constant(1_000_000_000)
        yield (*IF_TABLE, 7, index), INTEGER, constant(1)
        yield (*IF_TABLE, 8, index), INTEGER, constant(1)
        yield (*IF_TABLE, 10, index), COUNTER32, counter(agent, world, rate, wrap=2**32)
        yield (*IF_TABLE, 16, index), COUNTER32, counter(agent, world, rate * OUT_SHARE, wrap=2**32)
        for column in (13, 14, 19, 20):  # discards and errors: a few a day
            yield (*IF_TABLE, column, index), COUNTER32, counter(agent, world, 1e-4 * unit(agent.id, column, index))
        yield (*IF_X_TABLE, 1, index), OCTETS, constant(name.encode())
        yield (*IF_X_TABLE, 6, index), COUNTER64, counter(agent, world, rate, wrap=2**64)
        yield (*IF_X_TABLE, 10, index), COUNTER64, counter(agent, world, rate * OUT_SHARE, wrap=2**64)
        yield (*IF_X_TABLE, 15, index), GAUGE32, constant(1000)


def counter(agent: Agent, world: World, rate: float, *, wrap: int = 2**32) -> Compute:
    """Return what counts at a mean rate per second since the agent's last boot, modulo `wrap`."""
    return lambda at: counted(rate, world.life(agent.id, at).boot_ms / 1000, at / 1000) % wrap
