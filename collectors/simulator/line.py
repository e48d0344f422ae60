"""The bought line of the rehearsal, and the vantage point behind it: where it probes, and what the way there does.

Two far ends are reached through the line, two anchors another way. How long a packet takes, and whether it is lost, are
functions of the instant, so the told past and the living present are one line. `records` is what a slot's looks would
have recorded; `relay` puts the same way before real reflectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from collectors.probes.stamp.timestamps import ErrorEstimate
from collectors.simulator.load import load
from collectors.simulator.noise import between, unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collectors.simulator.world import World

VANTAGE = "vantage-1"
LINE = "carrier-a-line-1"
SERVICE = f"fiber-{LINE}"
SLOW = f"{LINE}/evening"  # what is planted on this name makes the line slow, not dead
THERE = 0.4  # of the round trip
SLOW_MS = 28.0
PACKETS, SPACING_MS = 5, 50
NS_PER_MS = 1_000_000
CLOCK = ErrorEstimate.of(16_000_000_000, synchronised=False)  # nothing steers a simulated clock, and it says so


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Something that answers test packets: an anchor, or a far end beyond the line."""

    id: str
    address: str
    anchor: bool
    base_ms: float

    @property
    def service(self) -> str:
        """The service through which it is reached."""
        return "" if self.anchor else SERVICE


ENDS = (
    End(id="anchor-1", address="127.23.0.1", anchor=True, base_ms=3.0),
    End(id="anchor-2", address="127.23.0.2", anchor=True, base_ms=5.0),
    End(id="far-1", address="127.25.0.1", anchor=False, base_ms=4.0),
    End(id="far-2", address="127.25.0.2", anchor=False, base_ms=7.0),
)


def rtt_ms(end: End, world: World, at_ms: int, packet: int = 0) -> float | None:
    """Return how long a packet to an end and back takes at an instant; None when it is lost."""
    if not world.life(end.id, at_ms).up or unit(end.id, "lost", at_ms, packet) < 5e-4:
        return None
    busy = load(at_ms / 1000) ** 2
    noise = 1.5 * between(0, 1, end.id, at_ms // 1000, packet)
    if end.anchor:
        return end.base_ms + 0.3 * busy + noise
    if not world.life(LINE, at_ms).up:
        return None
    slow = 0.0 if world.life(SLOW, at_ms).up else SLOW_MS
    return end.base_ms + 2.2 * busy + noise + slow


def records(world: World, slot_ms: int) -> Iterator[dict[str, Any]]:
    """Yield what the looks of a slot would have recorded (`collectors/probes/looks.py`), a STAMP session each."""
    for number, end in enumerate(ENDS):
        at_ms = slot_ms + 2000 + 350 * number
        echoes = [_echo(end, world, at_ms + n * SPACING_MS, n) for n in range(PACKETS)]
        yield {
            "target": end.id,
            "kind": "stamp",
            "service": end.service,
            "anchor": end.anchor,
            "at_ms": at_ms,
            "sent": PACKETS,
            "stateful": True,
            "limit_ns": NS_PER_MS,
            "clock": {"synchronised": False, "error_ns": CLOCK.error_ns, "detail": "simulated"},
            "echoes": [each for each in echoes if each is not None],
        }


def _echo(end: End, world: World, at_ms: int, number: int) -> list[int] | None:
    spent = rtt_ms(end, world, at_ms, number)
    if spent is None:
        return None
    t1 = at_ms * NS_PER_MS
    t2 = t1 + int(spent * THERE * NS_PER_MS)
    t3 = t2 + 20_000
    t4 = t3 + int(spent * (1 - THERE) * NS_PER_MS)
    return [number, number, t1, t2, t3, t4, 0, 60, CLOCK.field(), CLOCK.field()]
