"""What controllers and we have said to each other, and who is online there: one file, one writer, bounded.

Every packet is kept with the moment, the peer and what was thought of it, in a chain: each record's link is the SHA-256
of the link before and of the record, so that no packet can be changed, removed or slipped in afterwards without the
links that follow telling (I5). Packets name visitors' MACs and addresses: the file is the portal's alone, and what is
older than records of visits may be, or has no room, goes from the front (captive_portal/portal2/erasure.py): certified
by a record of the chain in the same transaction, overwritten in the file, out of the write-ahead log within the hour.
At rest they are sealed with the key of their month (captive_portal/portal2/vault.py), and a person's are emptied on
their wish. How the file is read and verified is captive_portal/portal2/packets.py's.

Writing is not waited for: packets are evidence, not a condition, and who is online can be asked of the controllers
again. A portal that was killed may lack the last tenth of a second; then `born` is new, and the desk opens those doors
anew. What could not be kept (a flood, a full disk) is counted, and the count is itself a record.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from captive_portal.errors import GatewayError, RecordsError
from captive_portal.limits import Limit, Rate, Rates
from captive_portal.portal2 import erasure, packets
from captive_portal.portal2.erasure import DAY_MS, OVERHEAD
from captive_portal.portal2.packet import NO_SEAL, Type
from captive_portal.portal2.packets import BEGINNING, EMPTIED, ERASED, FORMS, MISSED, WISH, Kept, Row
from captive_portal.records import cipher
from netops import sqlite
from netops.errors import NetopsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from captive_portal.model import Trail
    from captive_portal.portal2.vault import Vault
    from netops.clock import Clock

LOG = logging.getLogger("netops.portal")
WAITING = 65_536  # packets that wait for the disk: a storm says them faster than they are written, some 25 MB
PAUSE_S = 0.1
AGAIN_S = 1.0  # after a write that failed
STRANGE = Rate(burst=200, every_ms=1_000)  # packets not believed, by controller: nobody washes evidence out with them
LONGEST_STRANGE = 512  # octets that are kept of one
BATCH = 2_000
ROUND_S = 3_600.0  # between two looks for what has become too old; the first is as long after the start
SLICE = 50_000  # packets that go in one transaction
MISSED_S = 10.0  # between two records that count what was not kept

ROWS = 100  # that go into the file by one statement

_ROW = f"({', '.join('?' * len(Row._fields))})"
_PUT_PACKET = f"INSERT INTO packet ({packets.COLUMNS}) VALUES {_ROW}"  # noqa: S608  (constants)
_PUT_PACKETS = f"{_PUT_PACKET}{f', {_ROW}' * (ROWS - 1)}"
_PUT_USER = (
    "INSERT OR REPLACE INTO user (ac, address, mac, name, request, since_ms, until_ms) VALUES (?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who is online at a controller, as it has said itself. `request` is its number of them."""

    address: str
    mac: str
    name: str
    request: int
    since_ms: int
    until_ms: int


class Journal:
    """The writer; a context manager, safe from several threads."""

    def __init__(self, path: Path, clock: Clock, *, vault: Vault, cap_bytes: int, days: int) -> None:
        self.path = path
        self.vault = vault
        self.born = ""
        self.missed = 0
        self.floor = 0  # the number up to which packets are erased
        self.wrong = ""
        self._clock = clock
        self._cap, self._days = cap_bytes, days
        self._packets: list[Kept] = []
        self._users: dict[tuple[str, str], User | None] = {}
        free = Rate(burst=1_000_000, every_ms=1)
        self._strange = Limit(Rates(client=free, site=STRANGE, city=free))
        self._owed: dict[str, int] = {}
        self._trails: list[Trail] = []
        self._said_at = -MISSED_S
        self._turn = threading.Condition()
        self._ending = False
        self._db: Any = None
        self._claim: sqlite.Claim | None = None
        self._number, self._link, self._size = 0, BEGINNING, 0
        self._horizon, self._more = 0, False
        self._round_at = clock.monotonic() + ROUND_S
        self._thread = threading.Thread(target=self._go, name="portal2-journal", daemon=True)

    def __enter__(self) -> Self:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._claim = sqlite.Claim(self.path)
            self._db = sqlite.writer(self.path, erases=True)
            sqlite.upgrade(self._db, self.path, FORMS)
            with self._db:
                self._begin()
        except NetopsError:
            self._let_go()
            raise
        except (OSError, sqlite.Error) as error:
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

    def forget(self, trails: Sequence[Trail]) -> None:
        """Empty what is kept of these devices, soon; those of a wish that was fulfilled before cost nothing."""
        with self._turn:
            self._trails += trails

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
        believed = "FROM packet WHERE ac = ? AND way = 'in' AND judged = '' AND"
        hidden = f"SELECT number, seal {believed} type IN ({marks})"
        clear = f"SELECT number, substr(octets, 17, 16) {believed} period = '' AND substr(octets, 1, 2) IN ({marks})"
        asked = f"{hidden} UNION ALL {clear} ORDER BY number DESC LIMIT ?"
        numbers, heads = [int(each) for each in types], [bytes([2, each]) for each in types]
        found = sqlite.rows(self._db, asked, (ac, *numbers, ac, *heads, most))
        return [bytes(row[1]) for row in found if len(row[1]) == len(NO_SEAL) and row[1] != NO_SEAL]

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
            self._turn.wait_for(lambda: not (self._packets or self._users or self._trails), within_s)

    # ---- the writer
    def _begin(self) -> None:
        """Take up the chain. A file that was not closed may lack its last words: then its memory is a new one."""
        about = dict(sqlite.rows(self._db, "SELECT key, value FROM about"))
        whole = about.get("closed") == "yes"
        self.born = about["born"] if whole and "born" in about else secrets.token_hex(8)
        last = sqlite.rows(self._db, "SELECT number, link FROM packet ORDER BY number DESC LIMIT 1")
        floor = int(about.get("floor", "0")), bytes.fromhex(about.get("floor_link", BEGINNING.hex()))
        self._number, self._link = (int(last[0][0]), bytes(last[0][1])) if last else floor
        self.floor, self._horizon = floor[0], int(about.get("horizon", "0"))
        size = "SELECT coalesce(sum(length(octets)), 0), count(*) FROM packet"
        self._size = sum(
            one * weight for one, weight in zip(sqlite.rows(self._db, size)[0], (1, OVERHEAD), strict=True)
        )
        self._say("born", self.born)
        self._say("closed", "no")

    def _say(self, key: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO about (key, value) VALUES (?, ?)", (key, value))

    def _go(self) -> None:
        while True:
            with self._turn:
                if len(self._packets) < BATCH:  # else a storm comes in faster than it is written
                    self._turn.wait(PAUSE_S)
                ending = self._ending
                kept, users, all_ = self._packets[:BATCH], dict(self._users), len(self._packets) <= BATCH
                trails = tuple(self._trails)
                owed = self._due(ending=ending)
            aged = self._clock.monotonic() >= self._round_at
            kept += [Kept(0, self._clock.now_ms(), ac, MISSED, "", b"", f"{n} packets") for ac, n in owed.items()]
            done = True
            if kept or users or trails or ending or aged or self._more:
                done = self._written(kept, users, trails, aged=aged, closing=ending and all_)
            with self._turn:
                if done:
                    self._packets = self._packets[len(kept) - len(owed) :]
                    self._trails = self._trails[len(trails) :]
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

    def _written(
        self,
        kept: list[Kept],
        users: Mapping[tuple[str, str], User | None],
        trails: Sequence[Trail],
        *,
        aged: bool,
        closing: bool,
    ) -> bool:
        number, chain, horizon = self._number, self._link, self._horizon
        try:
            with self._db:
                number, chain, octets = self._append(number, chain, kept)
                size = self._size + octets
                for (ac, address), user in users.items():
                    self._put(ac, address, user)
                if aged:
                    horizon = self._advanced()
                wish = self._emptied(trails)
                if wish is not None:
                    number, chain, octets = self._append(number, chain, [wish])
                    size += octets
                gone = self._shorten(size, horizon)
                if gone is not None:
                    number, chain, octets = self._append(number, chain, [self._certified(gone, horizon)])
                    size += octets - gone.octets
                if closing:
                    self._say("closed", "yes")
        except (sqlite.Error, RecordsError) as error:
            self.wrong = f"{self.path}: packets are not kept now ({error}); is the disk full?"
            LOG.warning("portal2 journal not written error=%s", error)
            return False
        with self._turn:
            self._number, self._link, self._size, self.wrong = number, chain, size, ""
            self.floor = gone.upto if gone is not None else self.floor
        self._horizon, self._more = horizon, gone is not None and gone.packets >= SLICE
        if aged:
            self._round_at = self._clock.monotonic() + ROUND_S
        if aged or wish is not None:
            with contextlib.suppress(sqlite.Error):  # somebody reads: in an hour, then
                sqlite.settle(self._db)  # the log still has what was overwritten in the file
        return True

    def _append(self, number: int, chain: bytes, kept: Sequence[Kept]) -> tuple[int, bytes, int]:
        """Append to the chain; return where it stands then, and how much was added.

        Nonces and statements are for many rows at once: each call that gives the interpreter's lock away waits for the
        threads of a storm to give it back, and a writer that does so twice a packet falls behind them.
        """
        rows = []
        for each, nonce in zip(kept, cipher.nonces(len(kept)), strict=True):
            number += 1
            rows.append(packets.sealed(each, number, chain, self.vault, nonce))
            chain = rows[-1].link
        whole = len(rows) // ROWS * ROWS
        for at in range(0, whole, ROWS):
            self._db.execute(_PUT_PACKETS, [value for row in rows[at : at + ROWS] for value in row])
        self._db.executemany(_PUT_PACKET, rows[whole:])
        return number, chain, sum(len(each.octets) + OVERHEAD for each in rows)

    def _emptied(self, trails: Sequence[Trail]) -> Kept | None:
        """Empty what is kept of these devices; return the certificate of it, in the same transaction."""
        fresh = [each for each in trails if self._wished(each) < each.before_ms]
        if not fresh:
            return None
        numbers = sorted({number for each in fresh for number in packets.theirs(self._db, self.vault, each)})
        empty = "UPDATE packet SET octets = x'', period = ?, device = NULL, address = NULL WHERE number = ?"
        self._db.executemany(empty, [(EMPTIED, each) for each in numbers])
        for each in fresh:
            self._say(f"wish {each.whose.hex()[:32]}", str(each.before_ms))
        if not numbers:
            return None
        words = f"emptied {len(numbers)} packets on a wish"
        return Kept(0, self._clock.now_ms(), "", WISH, "", packets.certificate(numbers), words)

    def _wished(self, trail: Trail) -> int:
        key = f"wish {trail.whose.hex()[:32]}"
        found = sqlite.rows(self._db, "SELECT value FROM about WHERE key = ?", (key,))
        return int(found[0][0]) if found else -1

    def _put(self, ac: str, address: str, user: User | None) -> None:
        if user is None:
            self._db.execute("DELETE FROM user WHERE ac = ? AND address = ?", (ac, address))
            return
        row = (ac, address, user.mac, user.name, user.request, user.since_ms, user.until_ms)
        self._db.execute(_PUT_USER, row)

    def _advanced(self) -> int:
        """Move the horizon on, before which packets are too old."""
        oldest = sqlite.rows(self._db, "SELECT at_ms FROM packet ORDER BY number LIMIT 1")
        wanted_ms = self._clock.now_ms() - self._days * DAY_MS
        horizon = erasure.horizon(self._horizon, int(oldest[0][0]) if oldest else 0, wanted_ms)
        self._say("horizon", str(horizon))
        return horizon

    def _shorten(self, size: int, horizon: int) -> erasure.Cut | None:
        """Let the oldest packets go where there are too many or they are too old; return what has gone."""
        excess = size - self._cap * 19 // 20 if size > self._cap else 0
        rows = self._db.execute("SELECT number, at_ms, length(octets) FROM packet ORDER BY number LIMIT ?", (SLICE,))
        gone = erasure.cut(rows, before_ms=horizon, now_ms=self._clock.now_ms(), excess=excess)
        if gone is not None:
            self._say("floor", str(gone.upto))
            self._say("floor_link", self._link_of(gone.upto).hex())
            self._db.execute("DELETE FROM packet WHERE number <= ?", (gone.upto,))
        return gone

    def _link_of(self, number: int) -> bytes:
        return bytes(sqlite.rows(self._db, "SELECT link FROM packet WHERE number = ?", (number,))[0][0])

    def _certified(self, gone: erasure.Cut, horizon: int) -> Kept:
        """Return the record of an erasure; in the same transaction."""
        (said,) = sqlite.rows(self._db, "SELECT value FROM about WHERE key = 'floor_link'")
        certificate = erasure.certificate(gone, bytes.fromhex(said[0]), horizon)
        return Kept(0, self._clock.now_ms(), "", ERASED, "", b"", certificate)

    def _let_go(self) -> None:
        if self._db is not None:
            sqlite.close(self._db)
            self._db = None
        if self._claim is not None:
            self._claim.release()
            self._claim = None
