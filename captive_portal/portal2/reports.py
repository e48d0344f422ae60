"""What the RADIUS server beside us has heard from the same controllers: octets by accounting, who has an address.

A controller that speaks Portal 2.0 counts for RADIUS. A server that is away makes nobody's counters go back: what was
heard last stays, or octets would be counted twice when it returns.
"""

from __future__ import annotations

import logging
from threading import Lock
from typing import TYPE_CHECKING

from captive_portal.errors import GatewayError
from captive_portal.radius.line import inside_ms

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Protocol

    from captive_portal.model import Client
    from netops.clock import Clock

    class Line(Protocol):
        """The line to the server (captive_portal/radius/line.py: `caller`)."""

        def every(self, verb: str, **asked: object) -> list[dict[str, Any]]:
            """Return all answers to a verb; GatewayError when the server is away."""
            ...


LOG = logging.getLogger("netops.portal")
FRESH_S = 10.0
Octets = tuple[int, int]  # up and down


class Reports:
    """Asks the server; safe from several threads. `octets` by place and MAC."""

    def __init__(self, line: Line, clock: Clock, places: list[str]) -> None:
        self._line = line
        self._clock = clock
        self._places = places
        self._heard: dict[tuple[str, str], Octets] = {}
        self._asked_at = -FRESH_S
        self._lock = Lock()

    def octets(self) -> Mapping[tuple[str, str], Octets]:
        """Return what each device that is in has sent and received, as accounting said last."""
        with self._lock:
            if self._clock.monotonic() - self._asked_at < FRESH_S:
                return self._heard
            self._asked_at = self._clock.monotonic()
            try:
                parts = self._line.every("list", places=self._places)
            except GatewayError as error:
                LOG.info("no accounting of controllers error=%s", error)
                return self._heard
            heard: dict[tuple[str, str], Octets] = {}
            for place, mac, _, _, up, down in (each for part in parts for each in part["listed"]):
                before = heard.get((place, mac), (0, 0))
                heard[place, mac] = before[0] + up, before[1] + down
            self._heard = heard
            return heard

    def mac(self, place: str, address: str) -> str:
        """Return who has an address at a controller by its reports; empty when none tells, or nobody can be asked."""
        try:
            said = self._line.every("who", address=address)[0]
        except GatewayError:
            return ""
        return str(said.get("mac", "")) if said.get("place") == place else ""

    def inside_ms(self, client: Client) -> int | None:
        """Return since when the server has seen the device in; GatewayError when it is away."""
        return inside_ms(self._line, client)
