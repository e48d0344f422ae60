"""The questions that were answered last: tells a late or double reply from one that nobody asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collectors.snmp.counters import Counters
    from collectors.snmp.flight import Flight
    from collectors.snmp.sockets import Address

_ADDRESSES = 65_536


class Recent:
    """The request ids of each address's last question."""

    __slots__ = ("_counters", "_ids")

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._ids: dict[Address, tuple[int, ...]] = {}

    def keep(self, flight: Flight) -> None:
        """Remember the ids of a question that is answered now."""
        self._ids[flight.route.address] = (flight.number, *flight.ids) if flight.ids else (flight.number,)

    def prune(self) -> None:
        """Forget all where it has become too much."""
        if len(self._ids) >= _ADDRESSES:
            self._ids.clear()

    def stray(self, source: Address) -> None:
        """Count a datagram from whom nothing is awaited."""
        if source in self._ids:
            self._counters.late += 1
        else:
            self._counters.wrong_source += 1

    def mismatch(self, source: Address, request_id: int) -> None:
        """Count a reply to another question than the one under way."""
        if request_id in self._ids.get(source, ()):
            self._counters.late += 1
        else:
            self._counters.wrong_id += 1
