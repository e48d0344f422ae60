"""The table of a simulated TD-LTE small cell: the project's own tree with TR-196's names. Synthetic, and it says so.

RFTxStatus, OpState and the S1 link (FAPControl.LTE), RRC and E-RAB counters and PRB use (FAP.PerfMgmt) follow the
city's load; PhyCellID and EARFCN are the cell's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from collectors.simulator.load import counted, load
from collectors.simulator.mib import COUNTER32, GAUGE32, INTEGER, OCTETS, Compute, Object, constant, oid
from collectors.simulator.noise import between, pick, unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collectors.simulator.city import Agent
    from collectors.simulator.world import World

ROOT = oid("1.3.6.1.4.1.58888.1")
CELL = (*ROOT, 1, 1)
TD_LTE_BAND_38_41 = 39_650  # first downlink EARFCN of band 41
SHORT_MS = 300_000


def objects(agent: Agent, world: World) -> Iterator[Object]:
    """Yield the one cell of the agent and its device information."""

    def counter(rate: float) -> Compute:
        return lambda at: counted(rate, world.life(agent.id, at).boot_ms / 1000, at / 1000) % 2**32

    def busy(peak: float, what: str) -> Compute:
        return lambda at: min(100, int(load(at / 1000) * peak * between(0.85, 1.15, agent.id, what, at // SHORT_MS)))

    attempts = between(0.2, 1.4, agent.id, "rrc")
    success = between(0.985, 0.9995, agent.id, "success")
    peak = between(12, 45, agent.id, "prb")
    yield (*ROOT, 2, 1, 0), OCTETS, constant(b"NetOps simulated small cell")
    yield (*ROOT, 2, 3, 0), OCTETS, constant(b"1.0")
    for column, tag, compute in (
        (1, OCTETS, constant(agent.id.encode())),
        (2, OCTETS, constant(agent.ident.encode())),
        (3, INTEGER, constant(1)),
        (4, INTEGER, constant(1)),
        (5, INTEGER, constant(1)),
        (6, INTEGER, constant(pick(504, agent.id, "pci"))),
        (7, INTEGER, constant(TD_LTE_BAND_38_41 + 10 * pick(190, agent.id, "earfcn"))),
        (8, COUNTER32, counter(attempts)),
        (9, COUNTER32, counter(attempts * success)),
        (10, COUNTER32, counter(attempts * 1.3)),
        (11, COUNTER32, counter(attempts * 1.3 * success)),
        (12, GAUGE32, busy(peak, "dl")),
        (13, GAUGE32, busy(peak / 3, "ul")),
        (14, GAUGE32, busy(peak * 0.8, "ues")),
        (15, INTEGER, constant(1)),
        (16, INTEGER, constant(1)),
        (17, INTEGER, lambda at: round(10 * (36 + 8 * unit(agent.id, "temp") + 3 * load(at / 1000)))),
    ):
        yield (*CELL, column, 1), tag, compute
