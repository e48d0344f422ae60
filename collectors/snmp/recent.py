"""The questions that were answered last: tells a late or double reply from one that nobody asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collectors.snmp.counters import Counters
    from collectors.snmp.sockets import Address

_ADDRESSES = 65_536


class Recent:
    """The request ids of each address's last question."""

    __slots__ = ("_counters", "ids")

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self.ids: dict[Address, tuple[int, ...]] = {}  # written by the loop, for every answer

    def prune(self) -> None:
        """Forget all where it has become too much."""
        if len(self.ids) >= _ADDRESSES:
            self.ids.clear()

    def stray(self, source: Address) -> None:
        """Count a datagram from whom nothing is awaited."""
        if source in self.ids:
            self._counters.late += 1
        else:
            self._counters.wrong_source += 1

    def mismatch(self, source: Address, request_id: int) -> None:
        """Count a reply to another question than the one under way."""
        if request_id in self.ids.get(source, ()):
            self._counters.late += 1
        else:
            self._counters.wrong_id += 1
