"""What is known of one device at one controller: the door that the portal opened, the stay that the controller reports.

Frozen nouns, and the rows that make them durable (captive_portal/radius/keeping.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

from captive_portal.model import Bounds
from captive_portal.radius.tokens import left

if TYPE_CHECKING:
    from captive_portal.radius.accounting import Report

MARK = b"netops"  # what every Class of ours begins with
Key: TypeAlias = tuple[str, str]  # place, MAC; or place, Acct-Session-Id
Row: TypeAlias = tuple[str, tuple[Any, ...]]
_BOUNDS = tuple(each.name for each in fields(Bounds))
_numbers_of = attrgetter(*_BOUNDS)

PUT_DOOR = "INSERT OR REPLACE INTO door (place, mac, until_ms, bounds, addresses, mark) VALUES (?, ?, ?, ?, ?, ?)"
DROP_DOOR = "DELETE FROM door WHERE place = ? AND mac = ?"
PUT_SOJOURN = (
    "INSERT OR REPLACE INTO sojourn"
    " (place, session, mac, calling, user, addresses, since_ms, seen_ms, up, down, mark, stopped_ms, cause)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, 0)"
)
END_SOJOURN = (
    "INSERT OR REPLACE INTO sojourn"
    " (place, session, mac, calling, user, addresses, since_ms, seen_ms, up, down, mark, stopped_ms, cause)"
    " VALUES (?, ?, NULL, '', '', '[]', ?, ?, ?, ?, ?, ?, ?)"  # who it was goes with it
)
UNHEARD = -1  # the cause of a session that ended by its controller's restart alone: no Stop was said
PUT_SIGHTING = "INSERT OR REPLACE INTO sighting (address, place, mac, seen_ms) VALUES (?, ?, ?, ?)"


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

    def row(self) -> Row:
        """Return what makes it durable."""
        bounds, addresses = str(list(_numbers_of(self.bounds))), json.dumps(self.addresses)
        return PUT_DOOR, (self.place, self.mac, self.until_ms, bounds, addresses, self.mark)


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

    def row(self) -> Row:
        """Return what makes it durable."""
        who = (self.place, self.session, self.mac, self.calling, self.user, json.dumps(self.addresses))
        return PUT_SOJOURN, (*who, self.since_ms, self.seen_ms, self.up, self.down, self.mark)


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
