"""A small cell of the rehearsal that informs over TR-069, by the values of its SNMP. Synthetic, and it says so."""

from __future__ import annotations

import http.client
import logging
from typing import TYPE_CHECKING

from collectors.background import Background
from collectors.simulator.cpe import Cpe, small_cell
from collectors.simulator.load import counted, load
from collectors.simulator.noise import between, pick

if TYPE_CHECKING:
    from collectors.simulator.city import Agent
    from collectors.simulator.world import World
    from netops.clock import Clock

log = logging.getLogger(__name__)
EVERY_S = 45.0
CELL = "Device.Services.FAPService.1."
RAN = f"{CELL}CellConfig.LTE.RAN."


def parameters(agent: Agent, world: World, at_ms: int) -> dict[str, str]:
    """Return what the cell's data model holds at an instant."""
    life = world.life(agent.id, at_ms)
    attempts = between(0.2, 1.4, agent.id, "rrc")
    share = between(0.985, 0.9995, agent.id, "success")
    peak = between(12, 45, agent.id, "prb")

    def count(rate: float) -> int:
        return counted(rate, life.boot_ms / 1000, at_ms / 1000)

    found = small_cell(agent.ident)
    found |= {
        "Device.DeviceInfo.UpTime": str((at_ms - life.boot_ms) // 1000),
        f"{RAN}RF.PhyCellID": str(pick(504, agent.id, "pci")),
        f"{RAN}RRC.Stats.AttConnEstab": f"sum={count(attempts)}",
        f"{RAN}RRC.Stats.SuccConnEstab": f"sum={count(attempts * share)}",
        f"{RAN}ERAB.Stats.EstabAttNbr": f"sum={count(attempts * 1.3)}",
        f"{RAN}ERAB.Stats.EstabSuccNbr": f"sum={count(attempts * 1.3 * share)}",
        f"{RAN}RRU.Stats.PrbTotDl": str(min(100, int(load(at_ms / 1000) * peak))),
        f"{RAN}RRU.Stats.PrbTotUl": str(min(100, int(load(at_ms / 1000) * peak / 3))),
    }
    return found


class Informing:
    """The CPE in a thread of its own. Inert until started."""

    def __init__(self, agent: Agent, world: World, *, host: str, port: int, password: str, clock: Clock) -> None:
        self._agent, self._world, self._clock = agent, world, clock
        self._cpe = Cpe(port=port, host=host, serial=agent.ident, parameters={}, password=password)
        self._background = Background("informing", self._run, join_s=10)

    def start(self) -> None:
        """Inform now and then."""
        self._background.start()

    def stop(self) -> None:
        """Go away after the present session."""
        self._background.stop()

    def _run(self) -> None:
        events, wait = ("1 BOOT",), 2.0
        while not self._background.stopping.wait(wait):
            wait = EVERY_S if self._inform(events) else 5.0  # the ACS starts after us
            if wait == EVERY_S:
                events = ("2 PERIODIC",)

    def _inform(self, events: tuple[str, ...]) -> bool:
        now = self._clock.now_ms()
        if not self._world.answers(self._agent, now):
            return True
        held = self._cpe.parameters
        arranged = {name: each for name, each in held.items() if name.startswith("Device.ManagementServer.")}
        self._cpe.parameters = parameters(self._agent, self._world, now) | arranged
        try:
            return self._cpe.session(events)
        except (OSError, http.client.HTTPException) as error:
            log.debug("not informed", extra={"why": str(error)})
            return False
