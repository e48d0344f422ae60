"""What a gateway says of itself: what it enforces, whether it can act, and where a browser must go to be let in."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Offer(StrEnum):
    """What a gateway enforces by itself beside the time. What it only counts, the desk enforces within a round."""

    RATE = "rate"
    IDLE = "idle"
    VOLUME = "volume"
    COUNTERS = "counters"  # `admitted` tells octets: the desk can enforce volume and idle time
    GARDEN = "garden"  # names reachable before login
    STANDBY = "standby"  # lets visitors in by itself while the portal is dead, by a decision of two persons


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether the gateway can act. `born` changes when it has lost its memory; `wrong` says what is amiss.

    `twice` are clients that two devices seem to be at once, each with the sign of it (captive_portal/twins.py).
    """

    born: str
    wrong: Mapping[str, str] = field(default_factory=dict)
    twice: tuple[tuple[str, str, str], ...] = ()  # place, MAC, sign
    unrecorded: int = 0  # entries of its own log: whom it has let in while the portal was dead
    opens: str = ""  # digest of the rules by which it would do so (ajar.py); empty where it does not


@dataclass(frozen=True, slots=True, kw_only=True)
class Onward:
    """The door opens when the browser goes there: the gateway lets in only who brings its answer itself."""

    url: str
