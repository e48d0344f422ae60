"""Which packets go, and what is left of them: how many, up to which, with which link, and why. Pure; no I/O, no clock.

Packets name visitors' MACs and addresses, so they live no longer than the records of visits do
(`retention.session_days`), and shorter where there is no room. They go from the front of the chain, and each erasure is
itself a record of it: where the chain begins without one that says so, somebody else has removed what was before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

DAY_MS = 86_400_000
OVERHEAD = 250  # octets of a record beside the packet, for the cap


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What goes: every record up to a number. `aged` are those that are too old, the others make room."""

    upto: int
    packets: int
    aged: int
    octets: int


def horizon(stood_ms: int, oldest_ms: int, wanted_ms: int) -> int:
    """Return the instant before which packets are too old; 0 for what is not known.

    It moves on by a day at most: a clock that jumps ahead erases no year in a night, as for the records of visits.
    """
    return min(wanted_ms, (stood_ms or oldest_ms or wanted_ms) + DAY_MS)


def cut(rows: Iterable[tuple[int, int, int]], *, before_ms: int, now_ms: int, excess: int) -> Cut | None:
    """Return what goes of the oldest records (number, at_ms, octets): `excess` octets, and what is from before.

    A record of a later instant than now is of a clock that was wrong, and keeps none of those behind it alive.
    """
    found, seen, packets, aged = None, 0, 0, 0
    for number, at_ms, octets in rows:
        old, needed = at_ms < before_ms, seen < excess
        if not (old or needed or at_ms > now_ms):
            break
        seen, packets, aged = seen + octets + OVERHEAD, packets + 1, aged + old
        if old or needed:
            found = Cut(upto=number, packets=packets, aged=aged, octets=seen)
    return found


def certificate(gone: Cut, link: bytes, before_ms: int) -> str:
    """Return what the chain says of an erasure."""
    why = f"{gone.aged} from before {before_ms} ms, {gone.packets - gone.aged} for want of room"
    return f"erased {gone.packets} packets, {_where(gone.upto, link)} {why}"


def certifies(said: str, floor: int, link: bytes) -> bool:
    """Whether a certificate is of the erasure after which the chain begins here."""
    return _where(floor, link) in said


def _where(number: int, link: bytes) -> str:
    return f"up to number {number} with link {link.hex()}:"
