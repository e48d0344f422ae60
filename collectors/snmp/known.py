"""What the engine has worked out once: routes to targets, requests of asks, wires of communities; and request ids."""

from __future__ import annotations

import os
import struct
from itertools import chain
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

    from collectors.snmp._fast import Question
    from collectors.snmp.ask import Ask, Target
    from collectors.snmp.gather import Request
    from collectors.snmp.sockets import Channel
    from collectors.snmp.usm import User
    from collectors.snmp.wire import Wire

_IDS = struct.Struct("=2048i")
_LOWEST_ID = 0x0080_0000  # from here a positive INTEGER takes exactly four octets
_PLANS = 4_096
_ROUTES = 65_536


class Known:
    """Bounded tables: look in `routes_by` and `plans_by` first, then ask `route` and `plan`.

    Those two hold what is known of an object under its `id`, which costs no hashing in Python, and the object with it,
    so that no other can come to have its `id`.
    """

    def __init__(self, channels: dict[socket.AddressFamily, Channel], question: type[Question] | None = None) -> None:
        self.routes_by: dict[int, tuple[Route, Target]] = {}
        self.plans_by: dict[int, tuple[tuple[Request, ...], Ask]] = {}
        self._routes: dict[Target, Route] = {}
        self._plans: dict[Ask, tuple[Request, ...]] = {}
        self._channels = channels
        self.book = Book()
        self._question = question
        self._wires: dict[bytes, V2c] = {}
        # Unpredictable request ids of four octets, for ever: only who sees our datagrams can answer them.
        self.numbers = chain.from_iterable(iter(_drawn, None))

    def plan(self, ask: Ask) -> tuple[Request, ...]:
        """Return the first requests of an ask."""
        if (known := self.plans_by.get(id(ask))) is not None:
            return known[0]
        if len(self.plans_by) >= _PLANS:
            self.plans_by.clear()
        plan = self._plans.get(ask)
        if plan is None:
            if len(self._plans) >= _PLANS:
                self._plans.clear()
            plan = self._plans[ask] = opening(ask)
        self.plans_by[id(ask)] = plan, ask
        return plan

    def route(self, target: Target) -> Route | None:
        """Return how a target is reached; None when its address is no address, or of a family this machine has not."""
        if (known := self.routes_by.get(id(target))) is not None:
            return known[0]
        route = self._routes.get(target)
        if route is None:
            found = resolve(target.address, target.port)
            if found is None or found[0] not in self._channels:
                return None
            if len(self._routes) >= _ROUTES:
                self._routes.clear()
            channel = self._channels[found[0]]
            route = self._routes[target] = Route(channel, found[1], self._wire(target.credential))
            if channel.post is not None:
                if len(channel.post.known) >= _ROUTES:
                    channel.post.known.clear()
                channel.post.known[route.name] = route.address
        if len(self.routes_by) >= _ROUTES:
            self.routes_by.clear()
        self.routes_by[id(target)] = route, target
        return route

    def _wire(self, credential: Community | User) -> Wire:
        if not isinstance(credential, Community):
            return Session(credential, self.book)
        wire = self._wires.get(credential.octets)
        if wire is None:
            wire = self._wires[credential.octets] = V2c(credential.octets, self.book, self._question)
        return wire


def _drawn() -> list[int]:
    """Return about a thousand random request ids; what is drawn too low or negative is left out."""
    return [n for n in _IDS.unpack(os.urandom(_IDS.size)) if n >= _LOWEST_ID]
