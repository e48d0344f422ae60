"""What is known of one device at one controller: the door that the portal opened, the stay that the controller reports.

Frozen nouns; how they are made durable is captive_portal/radius/keeping.py's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from captive_portal.model import Bounds
from captive_portal.radius.tokens import left

if TYPE_CHECKING:
    from captive_portal.radius.accounting import Report

MARK = b"netops"  # what every Class of ours begins with
Key: TypeAlias = tuple[str, str]  # place, MAC; or place, Acct-Session-Id
_BOUNDS = tuple(each.name for each in fields(Bounds))
numbers_of = attrgetter(*_BOUNDS)  # of bounds, as a row holds them

UNHEARD = -1  # the cause of a session that ended by its controller's restart alone: no Stop was said


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A device that may be in. `mark` is the Class of its Access-Accept."""

    place: str
    mac: str
    until_ms: int
    bounds: Bounds
    addresses: tuple[str, ...]
    mark: bytes

    @property
    def key(self) -> Key:
        """Whose it is."""
        return self.place, self.mac

    def left(self, now_ms: int) -> Bounds:
        """Return the bounds with the seconds that are left."""
        return left(self.bounds, max(0, (self.until_ms - now_ms) // 1000))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sojourn:
    """A device that a controller reports as there. `up` and `down` are the visitor's octets."""

    place: str
    session: str
    mac: str
    calling: str  # the MAC as this controller writes it
    user: str
    addresses: tuple[str, ...]
    since_ms: int
    seen_ms: int
    up: int = 0
    down: int = 0
    mark: bytes = b""

    @property
    def admitted(self) -> bool:
        """Whether it is there by an Access-Accept of ours."""
        return self.mark.startswith(MARK)


class Closed(NamedTuple):
    """A door that is one no more."""

    key: Key


class Ended(NamedTuple):
    """A session that is over: what is remembered of it against replays; who it was goes with it."""

    key: Key
    since_ms: int
    seen_ms: int
    up: int
    down: int
    mark: bytes
    stopped_ms: int
    cause: int


class Sighted(NamedTuple):
    """An address that a device was told to have."""

    address: str
    key: Key
    seen_ms: int


class Marked(NamedTuple):
    """A mark by which octets are known when they come again."""

    mark: bytes
    at_ms: int


Row: TypeAlias = Door | Sojourn | Closed | Ended | Sighted | Marked  # what is to be made durable (keeping.py)


@dataclass(frozen=True, slots=True)
class Known:
    """What was durable when the process began."""

    doors: list[Door] = field(default_factory=list)
    sojourns: list[Sojourn] = field(default_factory=list)
    gone: list[Key] = field(default_factory=list)
    sightings: list[tuple[str, Key, int]] = field(default_factory=list)
    lost: list[tuple[Key, int]] = field(default_factory=list)
    heard: list[tuple[bytes, int]] = field(default_factory=list)


def merged(before: Sojourn | None, report: Report, now_ms: int) -> Sojourn:
    """Return the session after a report. Counters never go back, and an address not said again is kept."""
    if before is None:
        return Sojourn(
            place=report.place,
            session=report.session,
            mac=report.mac,
            calling=report.calling,
            user=report.user,
            addresses=report.addresses,
            since_ms=now_ms - report.lasted_s * 1000,
            seen_ms=now_ms,
            up=report.up,
            down=report.down,
            mark=report.mark,
        )
    return replace(
        before,
        seen_ms=now_ms,
        addresses=report.addresses or before.addresses,
        up=max(before.up, report.up),
        down=max(before.down, report.down),
        mark=report.mark or before.mark,
    )


def bounds_of(text: str) -> Bounds:
    """Return the bounds that a row holds."""
    return Bounds(**dict(zip(_BOUNDS, json.loads(text), strict=True)))
