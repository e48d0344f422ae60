"""What the engine has worked out once: routes to targets, requests of asks, wires of communities; and request ids."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

from collectors.snmp.ask import Community
from collectors.snmp.exchange import opening
from collectors.snmp.flight import Route
from collectors.snmp.session import Session
from collectors.snmp.sockets import resolve
from collectors.snmp.template import Book
from collectors.snmp.wire import V2c

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from collectors.snmp._fast import Question
    from collectors.snmp.ask import Ask, Target
    from collectors.snmp.gather import Request
    from collectors.snmp.sockets import Channel
    from collectors.snmp.usm import User
    from collectors.snmp.wire import Wire

_IDS = struct.Struct("=1024I")
_LOWEST_ID = 0x0080_0000  # from here a positive INTEGER takes exactly four octets
_PLANS = 4_096
_ROUTES = 65_536


class Known:
    """Bounded tables; look in `routes` and `plans` first, then ask `route` and `plan`."""

    def __init__(self, channels: dict[socket.AddressFamily, Channel], question: type[Question] | None = None) -> None:
        self.routes: dict[Target, Route] = {}
        self.plans: dict[Ask, tuple[Request, ...]] = {}
        self._channels = channels
        self.book = Book()
        self._question = question
        self._wires: dict[bytes, V2c] = {}
        self._ids: Iterator[int] = iter(())

    def plan(self, ask: Ask) -> tuple[Request, ...]:
        """Return the first requests of an ask."""
        if len(self.plans) >= _PLANS:
            self.plans.clear()
        plan = self.plans[ask] = opening(ask)
        return plan

    def route(self, target: Target) -> Route | None:
        """Return how a target is reached; None when its address is no address, or of a family this machine has not."""
        found = resolve(target.address, target.port)
        if found is None or found[0] not in self._channels:
            return None
        if len(self.routes) >= _ROUTES:
            self.routes.clear()
        route = self.routes[target] = Route(self._channels[found[0]], found[1], self._wire(target.credential))
        return route

    def _wire(self, credential: Community | User) -> Wire:
        if not isinstance(credential, Community):
            return Session(credential, self.book)
        wire = self._wires.get(credential.octets)
        if wire is None:
            wire = self._wires[credential.octets] = V2c(credential.octets, self.book, self._question)
        return wire

    def number(self) -> int:
        """Return an unpredictable request id of four octets: only who sees our datagrams can answer them."""
        return next(self._ids, 0) or self._more()

    def _more(self) -> int:
        drawn = _IDS.unpack(os.urandom(_IDS.size))
        self._ids = iter([n & 0x7FFF_FFFF for n in drawn if n & 0x7FFF_FFFF >= _LOWEST_ID])
        return self.number()
