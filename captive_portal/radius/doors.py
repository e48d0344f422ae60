"""What the RADIUS server knows: which doors are open, who is online behind which controller, which tokens were used.

All of it is in memory, for the hot path; what must outlive the process is said as rows for captive_portal/radius/
keeping.py, which makes them durable. Nothing here does input or output, and time is an argument; `news` alone waits,
for something to happen.

* A *door* is the portal's word: this device may be in at this place until then, within these bounds. One that a token
  opened is made durable with the first report about it, not before the answer to the token: its mark holds the token's
  name, so that a report brings it back if the process dies in between.
* A *sojourn* is a controller's word, from accounting: this device is there now, by this Acct-Session-Id. It is an
  *admitted* one when it carries the mark (Class) that our Access-Accept gave it.
* A *sighting* is what a controller said in passing: this device has this address.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict, deque
from dataclasses import replace
from threading import Condition, Lock
from typing import TYPE_CHECKING, TypeAlias

from captive_portal.model import LONGEST_S, MOST_OCTETS, Client
from captive_portal.radius.heard import Heard
from captive_portal.radius.stay import (
    MARK,
    UNHEARD,
    Closed,
    Door,
    Ended,
    Known,
    Sighted,
    Sojourn,
    merged,
)
from captive_portal.radius.tokens import AHEAD_MS, LIFE_MS, claims, left

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from captive_portal.model import Bounds
    from captive_portal.radius.accounting import Report
    from captive_portal.radius.stay import Key, Row

MOST_SIGHTINGS = 200_000
MOST_SOJOURNS = 400_000
MOST_GONE = 200_000  # ended sessions that are remembered, against replays
MOST_SPENT = 1_000_000
MOST_NEWS = 10_000
AGAIN_MS = 600_000  # who is seen again after so long has come again
SIGHT_MS = 4 * 3600 * 1000
SILENT_ROUNDS = 3  # an interim report that stays out so often: the controller's Stop was lost
News: TypeAlias = "tuple[str, Key, tuple[str, ...]]"  # came or left, who, the addresses
Listed: TypeAlias = "tuple[Key, str, int, int, int]"  # whose, address, seconds left, octets up, octets down


class Doors:
    """The server's memory; safe from several threads. `born_ms` is when it began: older tokens are not taken."""

    def __init__(self, *, born_ms: int, before: Known | None = None) -> None:
        self.born_ms = born_ms
        self._lock = Lock()
        before = before or Known()
        self._doors: dict[Key, Door] = {each.key: each for each in before.doors}
        self._sojourns: OrderedDict[Key, Sojourn] = OrderedDict()
        self._of: dict[Key, set[str]] = {}
        self._at: dict[str, Key] = {}
        self._gone: OrderedDict[Key, None] = OrderedDict.fromkeys(before.gone)
        self._lost: OrderedDict[Key, int] = OrderedDict(before.lost)  # ended without a Stop, and since when they were
        self.heard = Heard(before.heard)
        self._sightings: OrderedDict[str, tuple[Key, int]] = OrderedDict()
        self._spent: OrderedDict[bytes, int] = OrderedDict()
        self._wider: set[Key] = set()  # devices inside that have an address which their door lacks
        self._news: deque[News] = deque(maxlen=MOST_NEWS)
        self._bell = Condition()
        self._closed: dict[bytes, int] = {}  # marks of doors that were closed, until their time would have been over
        self._let_in: dict[Key, int] = {}  # doors whose controller has had our yes in this process's time
        for address, key, seen_ms in before.sightings:
            self._sightings[address] = key, seen_ms
        for sojourn in before.sojourns:
            self._hold(sojourn)

    # ---- doors
    def door(self, place: str, mac: str) -> Door | None:
        """Return a device's door, whether its time is over or not."""
        return self._doors.get((place, mac))

    def open(self, client: Client, bounds: Bounds, now_ms: int) -> tuple[Door, list[Row]]:
        """Open a door, or set an open one's time and bounds anew; the addresses are added to those it has."""
        with self._lock:
            door = self._open(client, bounds, now_ms, b"")
            return door, [door]

    def redeem(self, client: Client, bounds: Bounds, now_ms: int, user: str) -> Door:
        """Open a door by a token."""
        with self._lock:
            door = self._open(client, bounds, now_ms, MARK + user.encode())
            self._let_in[door.key] = now_ms
            return door

    def _open(self, client: Client, bounds: Bounds, now_ms: int, mark: bytes) -> Door:
        before = self._doors.get(client.key)
        alive = before is not None and before.until_ms > now_ms
        known = before.addresses if before is not None and alive else ()
        door = Door(
            place=client.interface,
            mac=client.mac,
            until_ms=now_ms + bounds.seconds * 1000,
            bounds=bounds,
            addresses=tuple(dict.fromkeys((*known, *client.addresses))),
            mark=mark or (before.mark if before is not None and alive else MARK + secrets.token_hex(8).encode()),
        )
        self._doors[door.key] = door
        self._widen(door.key)
        return door

    def let_in(self, key: Key, now_ms: int) -> None:
        """Note that a controller has had our yes about a device."""
        if key in self._doors:
            self._let_in[key] = now_ms

    def inside(self, key: Key) -> bool:
        """Whether a device is there by our word: accounting says so, or its controller had our yes."""
        with self._lock:
            return key in self._let_in or any(each.admitted for each in self._here(key))

    def inside_ms(self, key: Key) -> int | None:
        """Return when it was last seen that a device is there by our word; None when it is not."""
        with self._lock:
            since = [each.since_ms for each in self._here(key) if each.admitted]
            return max([*since, *([self._let_in[key]] if key in self._let_in else [])], default=None)

    def close(self, client: Client) -> tuple[Door | None, list[Row]]:
        """Take addresses from a door; return the door if it is closed with the last of them."""
        with self._lock:
            door = self._doors.get(client.key)
            if door is None:
                return None, []
            left = tuple(each for each in door.addresses if each not in client.addresses)
            if left:
                self._doors[door.key] = narrowed = replace(door, addresses=left)
                return None, [narrowed]
            self._drop(door.key)
            return door, [Closed(door.key)]

    def expire(self, now_ms: int) -> list[Row]:
        """Forget doors whose time is over, old sightings and used tokens."""
        with self._lock:
            over = [key for key, door in self._doors.items() if door.until_ms <= now_ms]
            for key in over:
                self._drop(key)
            while self._sightings and next(iter(self._sightings.values()))[1] < now_ms - SIGHT_MS:
                self._sightings.popitem(last=False)
            for mark in [mark for mark, until_ms in self._closed.items() if until_ms <= now_ms]:
                del self._closed[mark]
            while self._spent and next(iter(self._spent.values())) < now_ms:
                self._spent.popitem(last=False)
            return [Closed(key) for key in over]

    # ---- tokens
    def spend(self, nonce: bytes, now_ms: int) -> bool:
        """Use a token up; False when it was used before, or when no more can be remembered."""
        with self._lock:
            if nonce in self._spent or len(self._spent) >= MOST_SPENT:
                return False
            self._spent[nonce] = now_ms + LIFE_MS + AHEAD_MS
            return True

    # ---- what the portal would like to hear
    def news(self, wait_s: float) -> list[News]:
        """Return what has happened since the last time, after waiting for something to happen."""
        with self._bell:
            if not self._news:
                self._bell.wait(wait_s)
            told = list(self._news)
            self._news.clear()
            return told

    def _tell(self, what: str, key: Key, addresses: tuple[str, ...]) -> None:
        if addresses:
            with self._bell:
                self._news.append((what, key, addresses))
                self._bell.notify()

    # ---- who is where
    def sight(self, place: str, mac: str, address: str, now_ms: int, *, sure: bool = True) -> list[Row]:
        """Note that a device has an address; what is not `sure` to be of now moves none from who is reported there."""
        with self._lock:
            there = self._sojourns.get(self._at.get(address, ("", "")))
            if not sure and there is not None and (there.place, there.mac) != (place, mac):
                return []
            return self._sight((place, mac), address, now_ms)

    def _sight(self, key: Key, address: str, now_ms: int) -> list[Row]:
        before, seen_ms = self._sightings.get(address, (None, 0))
        fresh = before != key
        if (fresh or now_ms - seen_ms > AGAIN_MS) and self._over(key, now_ms):
            self._tell("came", key, (address,))
        self._sightings[address] = key, now_ms
        self._sightings.move_to_end(address)
        while len(self._sightings) > MOST_SIGHTINGS:
            self._sightings.popitem(last=False)
        return [Sighted(address, key, now_ms)] if fresh else []

    def who(self, address: str, now_ms: int) -> Key | None:
        """Return the place and the MAC of who has this address: by accounting, else by what was said in passing."""
        with self._lock:
            session = self._at.get(address)
            sojourn = self._sojourns.get(session) if session is not None else None
            sight = self._sightings.get(address)
            sighted = sight is not None and sight[1] >= now_ms - SIGHT_MS
            if sojourn is not None and not (sight is not None and sighted and sight[1] > sojourn.seen_ms):
                return sojourn.place, sojourn.mac
            return sight[0] if sight is not None and sighted else None

    def addresses(self, key: Key) -> tuple[str, ...]:
        """Return the addresses that a device uses now, by accounting."""
        with self._lock:
            return tuple(dict.fromkeys(address for each in self._here(key) for address in each.addresses))

    def wider(self) -> list[tuple[Key, tuple[str, ...]]]:
        """Return the devices inside that use an address which their door lacks, with all that they use."""
        with self._lock:
            return [
                (key, tuple(dict.fromkeys(address for each in self._here(key) for address in each.addresses)))
                for key in self._wider
            ]

    def sojourns(self, key: Key) -> list[Sojourn]:
        """Return a device's sessions at its controller."""
        with self._lock:
            return list(self._here(key))

    def listing(self, places: Iterable[str], now_ms: int) -> list[Listed]:
        """Return (whose, address, seconds left, octets up, octets down) of who is in at these places.

        A device that is there by our word and has no door any more is in it with no time left: whoever reconciles sees
        it and closes. Octets stand at a device's first address.
        """
        wanted = frozenset(places)
        with self._lock:  # what stands in the lists does not change; what is looked up may be newer, and is as true
            doors, sojourns = list(self._doors.values()), list(self._sojourns.values())
        used: dict[Key, list[Sojourn]] = {}
        for each in sojourns:
            used.setdefault((each.place, each.mac), []).append(each)
        listed: list[Listed] = []
        for door in doors:
            here = used.get(door.key, ())
            if door.place not in wanted or door.until_ms <= now_ms:
                continue
            left = (door.until_ms - now_ms) // 1000
            octets = min(sum(x.up for x in here), MOST_OCTETS), min(sum(x.down for x in here), MOST_OCTETS)
            addresses = door.addresses or [address for each in here for address in each.addresses]
            listed += [(door.key, each, left, *((0, 0) if n else octets)) for n, each in enumerate(addresses)]
        for each in sojourns:
            key = each.place, each.mac
            if each.admitted and each.addresses and each.place in wanted and self._over(key, now_ms):
                listed.append((key, each.addresses[0], 0, each.up, each.down))
        return listed

    def _over(self, key: Key, now_ms: int) -> bool:
        door = self._doors.get(key)
        return door is None or door.until_ms <= now_ms

    @property
    def counts(self) -> dict[str, int]:
        """How much is held."""
        return {"doors": len(self._doors), "online": len(self._sojourns), "tokens": len(self._spent)}

    def _here(self, key: Key) -> Iterator[Sojourn]:
        return (self._sojourns[key[0], each] for each in self._of.get(key, ()))

    # ---- accounting
    def take(self, report: Report, now_ms: int) -> list[Row]:
        """Take in what a controller reports; return what is to be made durable. What is over stays over."""
        with self._lock:
            key = report.place, report.session
            if key in self._gone:  # a replay, or a report that was overtaken by its Stop
                return []
            if key in self._lost and not report.continues(self._lost[key], now_ms):
                return []
            self._lost.pop(key, None)
            before = self._sojourns.get(key)
            sojourn = merged(before, report, now_ms)
            if report.stops:
                rows = self._end(sojourn, report.cause, now_ms)
                return rows + self._leave(sojourn, report)
            rows = [
                row for each in sojourn.addresses for row in self._sight((sojourn.place, sojourn.mac), each, now_ms)
            ]
            self._hold(sojourn)
            if before is None and sojourn.admitted:
                rows += self._found(sojourn, now_ms)
            while len(self._sojourns) > MOST_SOJOURNS:
                rows += self._end(next(iter(self._sojourns.values())), 0, now_ms)
            return [*rows, sojourn]

    def restarted(self, place: str, now_ms: int) -> list[Row]:
        """End every session of a controller that says it was started or stopped (Accounting-On, -Off).

        One that is reported as going on goes on: it was not so, or not of now.
        """
        with self._lock:
            there = [each for each in self._sojourns.values() if each.place == place]
            return [row for each in there for row in self._end(each, UNHEARD, now_ms)]

    def silent(self, now_ms: int, interim_s: int) -> list[Row]:
        """End the sessions of which no report has come for long."""
        before_ms = now_ms - (SILENT_ROUNDS * interim_s + 60) * 1000
        with self._lock:
            lost = [each for each in self._sojourns.values() if each.seen_ms < before_ms]
            return [row for each in lost for row in self._end(each, 0, now_ms)]

    def gone(self, place: str, session: str, now_ms: int) -> list[Row]:
        """End a session that its controller says it does not know."""
        with self._lock:
            sojourn = self._sojourns.get((place, session))
            return [] if sojourn is None else self._end(sojourn, 0, now_ms)

    def _hold(self, sojourn: Sojourn) -> None:
        key, who = (sojourn.place, sojourn.session), (sojourn.place, sojourn.mac)
        before = self._sojourns.get(key)
        for each in before.addresses if before else ():
            if each not in sojourn.addresses and self._at.get(each) == key:
                del self._at[each]
        self._sojourns[key] = sojourn
        self._of.setdefault(who, set()).add(sojourn.session)
        for each in sojourn.addresses:
            self._at[each] = key
        self._widen(who)

    def _widen(self, key: Key) -> None:
        """Note whether a device uses an address that its door does not let through."""
        door = self._doors.get(key)
        lacks = door is not None and any(
            address not in door.addresses for each in self._here(key) if each.admitted for address in each.addresses
        )
        (self._wider.add if lacks else self._wider.discard)(key)

    def _end(self, sojourn: Sojourn, cause: int, now_ms: int) -> list[Row]:
        key, who = (sojourn.place, sojourn.session), (sojourn.place, sojourn.mac)
        held = self._sojourns.pop(key, None)
        self._of.get(who, set()).discard(sojourn.session)
        if not self._of.get(who):
            self._of.pop(who, None)
        for each in held.addresses if held else ():
            if self._at.get(each) == key:
                del self._at[each]
        if not any(each.admitted for each in self._here(who)):
            self._let_in.pop(who, None)
        if cause == UNHEARD:
            self._lost[key] = sojourn.since_ms
        else:
            self._gone[key] = None
        while len(self._gone) > MOST_GONE:
            self._gone.popitem(last=False)
        while len(self._lost) > MOST_GONE:
            self._lost.popitem(last=False)
        told = (sojourn.since_ms, sojourn.seen_ms, sojourn.up, sojourn.down, sojourn.mark, now_ms, cause)
        return [Ended(key, *told)]

    def _found(self, sojourn: Sojourn, now_ms: int) -> list[Row]:
        """Make the door of a new session durable; bring it back, by the token in its mark, where we have lost it."""
        door = self._doors.get((sojourn.place, sojourn.mac))
        if door is not None or sojourn.mark in self._closed:
            return [door] if door is not None else []
        said = claims(sojourn.mark.removeprefix(MARK).decode("ascii", "replace"))
        left_s = said.left(now_ms).seconds if said is not None else 0
        if said is None or not left_s or left_s > LONGEST_S:
            return []
        client = Client(mac=sojourn.mac, interface=sojourn.place, addresses=sojourn.addresses)
        return [self._open(client, left(said.bounds, left_s), now_ms, sojourn.mark)]

    def _leave(self, sojourn: Sojourn, report: Report) -> list[Row]:
        """Close the door of a device that left for good: by itself, for idling, or because its time was over."""
        door = self._doors.get((sojourn.place, sojourn.mac))
        if door is None or door.mark != sojourn.mark or not report.final or self._of.get(door.key):
            return []
        self._drop(door.key)
        self._tell("left", door.key, door.addresses or sojourn.addresses)
        return [Closed(door.key)]

    def _drop(self, key: Key) -> None:
        door = self._doors.pop(key, None)
        if door is not None:
            self._closed[door.mark] = door.until_ms
        self._let_in.pop(key, None)
        self._wider.discard(key)
