"""What controllers and we have said to each other, and who is online there: one file, one writer, bounded.

Every packet is kept with the moment, the peer and what was thought of it, in a chain: each record's link is the SHA-256
of the link before and of the record, so that no packet can be changed, removed or slipped in afterwards without the
links that follow telling (I5). When the file has reached its size the oldest go, and the link where the chain then
begins is kept. Packets name visitors' MACs and addresses: the file is the portal's alone.

Writing is not waited for: packets are evidence, not a condition, and who is online can be asked of the controllers
again. A portal that was killed may lack the last tenth of a second; then `born` is new, and the desk opens those doors
anew. What could not be kept (a flood, a full disk) is counted, and the count is itself a record.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import apsw

from captive_portal.errors import GatewayError
from captive_portal.limits import Limit, Rate, Rates
from captive_portal.portal2.packet import NO_SEAL, Type
from netops import sqlite

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from netops.clock import Clock

LOG = logging.getLogger("netops.portal")
WAITING = 20_000  # packets that wait for the disk
PAUSE_S = 0.1
AGAIN_S = 1.0  # after a write that failed
STRANGE = Rate(burst=200, every_ms=1_000)  # packets not believed, by controller: nobody washes evidence out with them
LONGEST_STRANGE = 512  # octets that are kept of one
OVERHEAD = 140  # octets of a record beside the packet, for the cap
BATCH = 2_000
DAY_MS = 86_400_000
BEGINNING = bytes(32)
MISSED_S = 10.0  # between two records that count what was not kept
MISSED = "missed"  # the way of a record that counts what was not kept

_SCHEMA = """
CREATE TABLE IF NOT EXISTS about(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS user(
    ac TEXT NOT NULL, address TEXT NOT NULL, mac TEXT NOT NULL, name TEXT NOT NULL, request INTEGER NOT NULL,
    since_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL, PRIMARY KEY (ac, address)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS packet(
    number INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, ac TEXT NOT NULL, way TEXT NOT NULL, peer TEXT NOT NULL,
    octets BLOB NOT NULL, judged TEXT NOT NULL, link BLOB NOT NULL);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who is online at a controller, as it has said itself. `request` is its number of them."""

    address: str
    mac: str
    name: str
    request: int
    since_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Kept:
    """One packet as it is kept. `way` is in, out or missed; `judged` is why it was not believed, or empty."""

    number: int
    at_ms: int
    ac: str
    way: str
    peer: str
    octets: bytes
    judged: str
    link: bytes = b""


def link(before: bytes, kept: Kept) -> bytes:
    """Return the link of a record."""
    parts = (kept.ac.encode(), kept.way.encode(), kept.peer.encode(), kept.octets, kept.judged.encode())
    framed = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hashlib.sha256(
        before + kept.number.to_bytes(8, "big") + kept.at_ms.to_bytes(8, "big", signed=True) + framed
    ).digest()


class Journal:
    """The writer; a context manager, safe from several threads."""

    def __init__(self, path: Path, clock: Clock, *, cap_bytes: int, days: int) -> None:
        self.path = path
        self.born = ""
        self.missed = 0
        self.wrong = ""
        self._clock = clock
        self._cap, self._days = cap_bytes, days
        self._packets: list[Kept] = []
        self._users: dict[tuple[str, str], User | None] = {}
        free = Rate(burst=1_000_000, every_ms=1)
        self._strange = Limit(Rates(client=free, site=STRANGE, city=free))
        self._owed: dict[str, int] = {}
        self._said_at = -MISSED_S
        self._turn = threading.Condition()
        self._ending = False
        self._db: Any = None
        self._claim: sqlite.Claim | None = None
        self._number, self._link, self._size = 0, BEGINNING, 0
        self._thread = threading.Thread(target=self._go, name="portal2-journal", daemon=True)

    def __enter__(self) -> Self:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._claim = sqlite.Claim(self.path)
            self._db = sqlite.writer(self.path)
            with self._db:
                self._db.execute(_SCHEMA)
                self._begin()
        except (OSError, apsw.Error) as error:
            self._let_go()
            raise GatewayError(f"{self.path}: cannot be written ({error}); is another portal running?") from None
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._turn:
            self._ending = True
            self._turn.notify()
        self._thread.join(10.0)
        self._let_go()

    # ---- what is said to it
    def packet(self, ac: str, way: str, peer: str, octets: bytes, judged: str = "") -> None:
        """Keep a packet, soon."""
        with self._turn:
            now_ms = self._clock.now_ms()
            washed = bool(judged) and self._strange.take(b"", ac, now_ms) > 0
            if washed or len(self._packets) >= WAITING:
                self._owed[ac] = self._owed.get(ac, 0) + 1
                self.missed += 1
                return
            if judged and len(octets) > LONGEST_STRANGE:
                octets, judged = octets[:LONGEST_STRANGE], f"{judged} (the first of {len(octets)} octets)"
            self._packets.append(Kept(0, now_ms, ac, way, peer, octets, judged))

    def user(self, ac: str, address: str, user: User | None) -> None:
        """Keep who is online at an address of a controller; None: nobody. The last word of an address counts."""
        with self._turn:
            self._users[ac, address] = user

    def users(self, ac: str) -> list[User]:
        """Return who was online when the file was last written; asked once, before anything is said."""
        columns = "address, mac, name, request, since_ms, until_ms"
        found = sqlite.rows(self._db, f"SELECT {columns} FROM user WHERE ac = ?", (ac,))  # noqa: S608  (constants)
        return [User(**dict(zip(columns.split(", "), row, strict=True))) for row in found]

    def seals(self, ac: str, types: Sequence[Type], *, most: int) -> list[bytes]:
        """Return the authenticators of the last packets of these types that a controller sent and that were believed.

        Newest first.
        """
        marks = ", ".join("?" * len(types))
        condition = f"ac = ? AND way = 'in' AND judged = '' AND substr(octets, 1, 2) IN ({marks})"
        asked = f"SELECT substr(octets, 17, 16) FROM packet WHERE {condition} ORDER BY number DESC LIMIT ?"  # noqa: S608
        found = sqlite.rows(self._db, asked, (ac, *(bytes([2, each]) for each in types), most))
        return [bytes(row[0]) for row in found if len(row[0]) == len(NO_SEAL) and row[0] != NO_SEAL]

    @property
    def head(self) -> tuple[int, str]:
        """The number of the last record and its link in hexadecimal."""
        with self._turn:
            return self._number, self._link.hex()

    @property
    def waiting(self) -> int:
        """How many packets wait for the disk: many, when it is full or slow."""
        return len(self._packets)

    def settle(self, within_s: float = 5.0) -> None:
        """Wait until what was said so far is in the file."""
        with self._turn:
            self._turn.notify()
            self._turn.wait_for(lambda: not self._packets and not self._users, within_s)

    # ---- the writer
    def _begin(self) -> None:
        """Take up the chain. A file that was not closed may lack its last words: then its memory is a new one."""
        about = dict(sqlite.rows(self._db, "SELECT key, value FROM about"))
        whole = about.get("closed") == "yes"
        self.born = about["born"] if whole and "born" in about else secrets.token_hex(8)
        last = sqlite.rows(self._db, "SELECT number, link FROM packet ORDER BY number DESC LIMIT 1")
        floor = int(about.get("floor", "0")), bytes.fromhex(about.get("floor_link", BEGINNING.hex()))
        self._number, self._link = (int(last[0][0]), bytes(last[0][1])) if last else floor
        size = "SELECT coalesce(sum(length(octets)), 0), count(*) FROM packet"
        self._size = sum(
            one * weight for one, weight in zip(sqlite.rows(self._db, size)[0], (1, OVERHEAD), strict=True)
        )
        self._say("born", self.born)
        self._say("closed", "no")

    def _say(self, key: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (key, value))

    def _go(self) -> None:
        while True:
            with self._turn:
                self._turn.wait(PAUSE_S)
                ending = self._ending
                packets, users, all_ = self._packets[:BATCH], dict(self._users), len(self._packets) <= BATCH
                owed = self._due(ending=ending)
            packets += [Kept(0, self._clock.now_ms(), ac, MISSED, "", b"", f"{n} packets") for ac, n in owed.items()]
            done = self._written(packets, users, closing=ending and all_) if packets or users or ending else True
            with self._turn:
                if done:
                    kept = len(packets) - len(owed)
                    self._packets = self._packets[kept:]
                    self._users = {key: one for key, one in self._users.items() if one is not users.get(key, ...)}
                else:
                    for ac, count in owed.items():
                        self._owed[ac] = self._owed.get(ac, 0) + count
                self._turn.notify_all()
                if ending and (not done or not (self._packets or self._users)):
                    return
            if not done:
                threading.Event().wait(AGAIN_S)

    def _due(self, *, ending: bool) -> dict[str, int]:
        """Return how many packets were not kept, by controller, when it is time to say so."""
        now = self._clock.monotonic()
        if not self._owed or not (ending or now - self._said_at >= MISSED_S):
            return {}
        self._said_at = now
        owed, self._owed = self._owed, {}
        return owed

    def _written(self, packets: list[Kept], users: dict[tuple[str, str], User | None], *, closing: bool) -> bool:
        number, chain, size = self._number, self._link, self._size
        rows = []
        for each in packets:
            number += 1
            kept = Kept(number, each.at_ms, each.ac, each.way, each.peer, each.octets, each.judged)
            chain = link(chain, kept)
            size += len(kept.octets) + OVERHEAD
            rows.append((number, kept.at_ms, kept.ac, kept.way, kept.peer, kept.octets, kept.judged, chain))
        try:
            with self._db:
                self._db.executemany("INSERT INTO packet VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
                for (ac, address), user in users.items():
                    self._put(ac, address, user)
                size -= self._shorten(size)
                if closing:
                    self._say("closed", "yes")
        except apsw.Error as error:
            self.wrong = f"{self.path}: packets are not kept now ({error}); is the disk full?"
            LOG.warning("portal2 journal not written error=%s", error)
            return False
        with self._turn:
            self._number, self._link, self._size, self.wrong = number, chain, size, ""
        return True

    def _put(self, ac: str, address: str, user: User | None) -> None:
        if user is None:
            self._db.execute("DELETE FROM user WHERE ac = ? AND address = ?", (ac, address))
            return
        row = (ac, address, user.mac, user.name, user.request, user.since_ms, user.until_ms)
        self._db.execute("INSERT OR REPLACE INTO user VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def _shorten(self, size: int) -> int:
        """Let the oldest packets go where there are too many or they are too old; return the octets that are free."""
        first = sqlite.rows(self._db, "SELECT number, at_ms FROM packet ORDER BY number LIMIT 1")
        before_ms = self._clock.now_ms() - self._days * DAY_MS
        if not first or (size <= self._cap and first[0][1] >= before_ms):
            return 0
        upto, freed = int(first[0][0]) - 1, 0
        wanted = max(0, size - self._cap * 19 // 20)
        for number, at_ms, length in self._db.execute(
            "SELECT number, at_ms, length(octets) FROM packet ORDER BY number LIMIT 50000"
        ):
            if freed >= wanted and at_ms >= before_ms:
                break
            upto, freed = int(number), freed + int(length) + OVERHEAD
        floor = sqlite.rows(self._db, "SELECT link FROM packet WHERE number = ?", (upto,))
        if floor:
            self._say("floor", str(upto))
            self._say("floor_link", bytes(floor[0][0]).hex())
            self._db.execute("DELETE FROM packet WHERE number <= ?", (upto,))
        return freed

    def _let_go(self) -> None:
        if self._db is not None:
            sqlite.close(self._db)
            self._db = None
        if self._claim is not None:
            self._claim.release()
            self._claim = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a look at the chain found: how many records hold, up to which, and the number of the first that does not."""

    packets: int
    head: tuple[int, str]
    broken: int | None = None


def read(path: Path, *, after: int = 0, ac: str = "") -> Iterator[Kept]:
    """Yield the records beyond a number, in order; of one controller if it is named. GatewayError: no such file."""
    try:
        db = sqlite.reader(path)
    except apsw.Error as error:
        raise GatewayError(f"{path}: cannot be read ({error}); has the portal run with a controller?") from None
    try:
        sql = "SELECT number, at_ms, ac, way, peer, octets, judged, link FROM packet WHERE number > ?"
        for row in db.execute(sql + " AND (? = '' OR ac = ?) ORDER BY number", (after, ac, ac)):
            number, at_ms, place, way, peer, octets, judged, chain = row
            assert isinstance(number, int)
            assert isinstance(at_ms, int)
            assert isinstance(octets, bytes)
            assert isinstance(chain, bytes)
            yield Kept(number, at_ms, str(place), str(way), str(peer), octets, str(judged), chain)
    finally:
        sqlite.close(db)


def check(path: Path) -> Checked:
    """Recompute the chain."""
    db = sqlite.reader(path)
    try:
        about = dict(sqlite.rows(db, "SELECT key, value FROM about"))
    finally:
        sqlite.close(db)
    number, chain, count = int(about.get("floor", "0")), bytes.fromhex(about.get("floor_link", BEGINNING.hex())), 0
    for kept in read(path):
        if kept.number != number + 1 or link(chain, kept) != kept.link:
            return Checked(packets=count, head=(number, chain.hex()), broken=kept.number)
        number, chain, count = kept.number, kept.link, count + 1
    return Checked(packets=count, head=(number, chain.hex()))
