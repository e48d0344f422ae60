"""The simulated agents on the wire: one UDP socket each, on its own loopback address. Nothing else is ever bound.

Only loopback addresses are accepted: a simulator that could be reached from outside would be an attack tool.
"""

from __future__ import annotations

import ipaddress
import logging
import selectors
import socket
from typing import TYPE_CHECKING

from collectors.background import Background
from collectors.errors import CollectorError, DecodeError
from collectors.snmp.pdu import Message, decode, encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collectors.snmp.agent import Agent

log = logging.getLogger(__name__)
LARGEST = 65_507
BURST = 64  # datagrams taken from one socket before the others get their turn


class Responder:
    """Answers SNMPv2c for many agents from one thread. Inert until started."""

    def __init__(self, agents: Mapping[str, Agent], *, port: int, community: bytes) -> None:
        for address in agents:
            if not ipaddress.ip_address(address).is_loopback:
                raise CollectorError(f"simulated agent on {address}: expected a loopback address, 127.0.0.0/8 or ::1")
        self._agents = agents
        self._port = port
        self._community = community
        self._selector: selectors.DefaultSelector | None = None
        self._background = Background("simulator", self._run)
        self.refused = 0  # datagrams that were no request of ours

    def start(self) -> None:
        """Bind every address, then answer."""
        self._selector = selectors.DefaultSelector()
        for address, agent in self._agents.items():
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            wire = socket.socket(family, socket.SOCK_DGRAM)
            self._selector.register(wire, selectors.EVENT_READ, agent)
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            wire.setblocking(False)
            try:
                wire.bind((address, self._port))
            except OSError as error:
                self.stop()
                raise CollectorError(
                    f"simulated agent on {address}:{self._port}: cannot be bound ({error.strerror}); "
                    "is another rehearsal running? stop it, or choose another port"
                ) from None
        self._background.start()

    def stop(self) -> None:
        """Let go of every socket."""
        self._background.stop()
        if self._selector is not None:
            for key in list(self._selector.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr]
            self._selector.close()
        self._selector = None

    def _run(self) -> None:
        selector = self._selector
        assert selector is not None
        while not self._background.stopping.is_set():
            for key, _ in selector.select(timeout=0.2):
                self._serve(key.fileobj, key.data)  # type: ignore[arg-type]

    def _serve(self, wire: socket.socket, agent: Agent) -> None:
        for _ in range(BURST):
            try:
                octets, source = wire.recvfrom(LARGEST)
            except (BlockingIOError, OSError):
                return
            reply = self._reply(octets, agent)
            if reply is None:
                continue
            try:
                wire.sendto(reply, source)
            except OSError as error:
                log.debug("reply not sent", extra={"why": str(error)})

    def _reply(self, octets: bytes, agent: Agent) -> bytes | None:
        try:
            message = decode(octets)
        except DecodeError:
            self.refused += 1
            return None
        if message.community != self._community:
            self.refused += 1
            return None
        said = agent.respond(message.pdu)
        return None if said is None else encode(Message(self._community, said))
