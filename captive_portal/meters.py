"""What each visitor has used, from the gateway's counters: octets in both directions, and when something last moved.

A gateway counts from the moment a door was opened; a door that is opened anew (another address, a longer time, a
restart) counts from zero. So a counter that went back is a new one, and what was counted before is kept: here, and for
visits with a volume bound in the record too, or our own restart would begin the volume anew.

A list of fifty thousand doors takes a while, and doors are opened meanwhile. What it says of these was counted before:
nothing is taken in of it, or the same octets would count twice.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from captive_portal.model import End

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from captive_portal.model import Admitted, Bounds, Client

Key = tuple[str, str]
KEPT_PARTS = 50  # a crash gives back at most one in so many of the bound


@dataclass(slots=True)
class Meter:
    """One visitor's use. `moved_ms` is when the counters were last seen to have grown."""

    moved_ms: int
    up: int = 0
    down: int = 0
    last: dict[str, tuple[int, int]] = field(default_factory=dict)  # address → octets up and down, as counted last
    kept: int = 0  # octets as they stand in the record

    def exceeds(self, bounds: Bounds, now_ms: int) -> End | None:
        """Return which bound is reached, if any."""
        if bounds.octets and self.up + self.down >= bounds.octets:
            return End.VOLUME
        if bounds.idle_s and now_ms - self.moved_ms >= bounds.idle_s * 1000:
            return End.IDLE
        return None


@dataclass(slots=True, eq=False)
class Listing:
    """A list of doors that is being read, and what it knows too little of: what happened since it began."""

    opened: set[tuple[Key, str]] = field(default_factory=set)  # doors that count from zero since, by client and address
    left: set[Key] = field(default_factory=set)  # visitors whose visit has ended since

    def is_late(self, key: Key, address: str) -> bool:
        """Whether what the list says of a door may be of before."""
        return key in self.left or (key, address) in self.opened


class Meters:
    """The meters of the visitors that are in; safe from several threads."""

    def __init__(self) -> None:
        self._meters: dict[Key, Meter] = {}
        self._listings: list[Listing] = []
        self._lock = Lock()

    @contextmanager
    def listing(self) -> Iterator[Listing]:
        """Have a list of doors begin, which `read` takes in before this ends."""
        began = Listing()
        with self._lock:
            self._listings.append(began)
        try:
            yield began
        finally:
            with self._lock:
                self._listings.remove(began)

    def read(self, admitted: Sequence[Admitted], now_ms: int, listing: Listing | None = None) -> dict[Key, Meter]:
        """Take in what the gateway has counted; return the meters of those who are in."""
        with self._lock:
            read: dict[Key, Meter] = {}
            for each in admitted:
                key, address = each.client.key, each.client.addresses[0]
                if listing is not None and listing.is_late(key, address):
                    continue
                meter = self._meters.get(key)
                if meter is None:
                    meter = self._meters[key] = Meter(now_ms)
                read[key] = meter
                seen, before = (each.octets_up, each.octets_down), meter.last.get(address, (0, 0))
                if seen != before:
                    up, down = _grown(seen[0], before[0]), _grown(seen[1], before[1])
                    meter.up, meter.down = meter.up + up, meter.down + down
                    if up or down:
                        meter.moved_ms = now_ms
                    meter.last[address] = seen
            return read

    def reopened(self, client: Client) -> None:
        """Note that the doors of these addresses count from zero now."""
        with self._lock:
            for each in self._listings:
                each.opened.update((client.key, address) for address in client.addresses)
            meter = self._meters.get(client.key)
            if meter is not None:
                for address in client.addresses:
                    meter.last.pop(address, None)
                meter.kept = 0  # what stands in the record compares with the doors of before

    def due(self, key: Key, bound: int) -> str | None:
        """Return what is to be written of a visitor's use, where enough has come since; noted as written."""
        with self._lock:
            meter = self._meters.get(key)
            if meter is None or meter.up + meter.down - meter.kept < max(1, bound // KEPT_PARTS):
                return None
            meter.kept = meter.up + meter.down
            return json.dumps([meter.up, meter.down, meter.last], separators=(",", ":"))

    def take_up(self, key: Key, kept: str, now_ms: int) -> None:
        """Go on from what the record holds."""
        up, down, last = json.loads(kept)
        doors = {address: (octets[0], octets[1]) for address, octets in last.items()}
        with self._lock:
            self._meters[key] = Meter(now_ms, up=up, down=down, last=doors, kept=up + down)

    def used(self, key: Key) -> tuple[int, int]:
        """Return the octets up and down of a visitor."""
        with self._lock:
            meter = self._meters.get(key)
            return (meter.up, meter.down) if meter else (0, 0)

    def forget(self, key: Key) -> tuple[int, int]:
        """Return the octets of a visitor who has left, and forget them."""
        with self._lock:
            for each in self._listings:
                each.left.add(key)
            meter = self._meters.pop(key, None)
            return (meter.up, meter.down) if meter else (0, 0)


def counted(kept: str) -> int:
    """Return the octets of what the record holds of a visit, both directions together."""
    up, down, _last = json.loads(kept)
    return int(up) + int(down)


def _grown(now: int, before: int) -> int:
    return now - before if now >= before else now
