"""The notifications of a simulated WLAN controller (HUAWEI-WLAN-AP-MIB): which are due, and sent when."""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING

from collectors.background import Background
from collectors.errors import DecodeError
from collectors.simulator.mib import OCTETS, TIMETICKS, oid
from collectors.simulator.noise import pick
from collectors.simulator.objects import uptime_ticks
from collectors.simulator.wlan import WLAN
from collectors.snmp.pdu import Kind, Message, Pdu, decode, encode
from collectors.snmp.varbind import OBJECT_IDENTIFIER, Varbind, Varbinds, dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collectors.simulator.city import Agent, Child
    from collectors.simulator.world import World
    from netops.clock import Clock

log = logging.getLogger(__name__)
UPTIME, TRAP = oid("1.3.6.1.2.1.1.3.0"), oid("1.3.6.1.6.3.1.1.4.1.0")
FAULT = (*WLAN, 13, 1, 1, 1)
TOO_HOT, COOL = (*WLAN, 13, 1, 1, 19), (*WLAN, 13, 1, 1, 20)
EVERY_MS = 300_000
FIRST_S, ANSWER_S, AGAIN_S = 5.0, 2.0, 3.0
LARGEST = 4096


def notification(name: tuple[int, ...], child: Child, agent: Agent, world: World, at_ms: int) -> Varbinds:
    """Return the varbinds of a trap about an access point: sysUpTime, snmpTrapOID, its MAC and its name."""
    index = tuple(bytes.fromhex(child.ident))
    return Varbinds.of(
        [
            Varbind(UPTIME, TIMETICKS, uptime_ticks(agent.id, world, at_ms)),
            Varbind(TRAP, OBJECT_IDENTIFIER, dotted(name)),
            Varbind((*WLAN, 13, 3, 3, 1, 1, *index), OCTETS, bytes.fromhex(child.ident)),
            Varbind((*WLAN, 13, 3, 3, 1, 4, *index), OCTETS, child.id.encode()),
        ]
    )


def due(agent: Agent, world: World, at_ms: int, *, first: bool) -> Iterator[Varbinds]:
    """Yield what the controller has to say: at first every access point that is down, then one that is hot, or cool."""
    for child in agent.children if first else ():
        if not world.life(child.id, at_ms).up:
            yield notification(FAULT, child, agent, world, at_ms)
    turn = at_ms // EVERY_MS
    child = agent.children[pick(len(agent.children), "hot", turn // 2)]
    if world.life(child.id, at_ms).up:
        yield notification(COOL if turn % 2 else TOO_HOT, child, agent, world, at_ms)


class Alarms:
    """Sends what the controller has to say as informs, from its own address. Inert until started."""

    def __init__(self, agent: Agent, world: World, *, to: tuple[str, int], community: bytes, clock: Clock) -> None:
        self._agent, self._world, self._clock = agent, world, clock
        self._to, self._community = to, community
        self._background = Background("alarms", self._run)

    def start(self) -> None:
        """Send now and then."""
        self._background.start()

    def stop(self) -> None:
        """Fall silent."""
        self._background.stop()

    def _run(self) -> None:
        number, wait, first = 1, FIRST_S, True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
            wire.bind((self._agent.address, 0))
            wire.settimeout(ANSWER_S)
            while not self._background.stopping.wait(wait):
                now = self._clock.now_ms()
                said = due(self._agent, self._world, now, first=first) if self._world.answers(self._agent, now) else ()
                for varbinds in said:
                    self._tell(wire, number, varbinds)
                    number += 1
                first, wait = False, (EVERY_MS - self._clock.now_ms() % EVERY_MS) / 1000 + 1

    def _tell(self, wire: socket.socket, number: int, varbinds: Varbinds) -> None:
        """Send an inform until it is acknowledged: who listens may start after us."""
        octets = encode(Message(self._community, Pdu(Kind.INFORM, number, varbinds=varbinds)))
        while not self._background.stopping.is_set():
            try:
                wire.sendto(octets, self._to)
                if decode(wire.recv(LARGEST)).pdu.request_id == number:
                    return
            except (OSError, DecodeError) as error:
                log.debug("inform not acknowledged", extra={"why": str(error)})
            self._background.stopping.wait(AGAIN_S)
