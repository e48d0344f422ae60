"""The file of packets as it is read: what a record is, the chain over all of them, and whether it holds.

Each record's link is the SHA-256 of the link before and of the record. A packet stands in it by the digest of its
ciphertext: so the chain is verified without any key, and stays whole when somebody's packets are emptied on their wish.
Where that was done a later record of the chain says of which (`wish`); where packets are gone, one says up to which.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from captive_portal.errors import GatewayError, RecordsError
from captive_portal.portal2 import erasure
from captive_portal.portal2.packet import Packet, PacketError, Type, decode, named
from captive_portal.portal2.vault import Vault
from captive_portal.records.retention import ranges
from netops import sqlite

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from captive_portal.model import Trail
    from netops.config import Settings

BEGINNING = bytes(32)
MISSED = "missed"  # the way of a record that counts what was not kept
ERASED = "erased"  # the way of a record that certifies an erasure from the front
WISH = "wish"  # the way of a record that certifies which packets were emptied on somebody's wish
HEAD = 32  # octets of the head of version 2, with its authenticator
LEAVING = frozenset(
    {
        Type.REQ_LOGOUT,
        Type.ACK_LOGOUT,
        Type.NTF_LOGOUT,
        Type.ACK_NTF_LOGOUT,
        Type.NTF_MTUSER_LOGOUT,
        Type.ACK_MTUSER_LOGOUT,
        Type.REQ_MTUSER_OFFLINE,
    }
)  # name a device that goes: it does not have the address from then on
ANSWERED_MS = 30_000  # a question is over long before, with all its tries
_COMMITTED = b"netops.packet.2\0"  # before the digest that stands in the chain for a ciphertext
CLEAR, EMPTIED = "", "emptied"  # in place of a month: never sealed (records of our own), or emptied

_FIRST = """
CREATE TABLE IF NOT EXISTS about(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS user(
    ac TEXT NOT NULL, address TEXT NOT NULL, mac TEXT NOT NULL, name TEXT NOT NULL, request INTEGER NOT NULL,
    since_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL, PRIMARY KEY (ac, address)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS packet(
    number INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, ac TEXT NOT NULL, way TEXT NOT NULL, peer TEXT NOT NULL,
    octets BLOB NOT NULL, judged TEXT NOT NULL, link BLOB NOT NULL);
"""
_SEALED = """
ALTER TABLE packet ADD COLUMN period TEXT NOT NULL DEFAULT '';
ALTER TABLE packet ADD COLUMN type INTEGER NOT NULL DEFAULT 0;
ALTER TABLE packet ADD COLUMN seal BLOB NOT NULL DEFAULT x'';
ALTER TABLE packet ADD COLUMN device BLOB;
ALTER TABLE packet ADD COLUMN address BLOB;
ALTER TABLE packet ADD COLUMN digest BLOB NOT NULL DEFAULT x'';
"""
FORMS = (_FIRST, _SEALED)  # what makes each form of the file of the one before
COLUMNS = "number, at_ms, ac, way, peer, octets, judged, link, period, type, seal, device, address, digest"


@dataclass(frozen=True, slots=True)
class Kept:
    """One packet as it is kept. `way`: in, out, missed, erased, wish. `judged`: why it was not believed, or empty."""

    number: int
    at_ms: int
    ac: str
    way: str
    peer: str
    octets: bytes
    judged: str
    link: bytes = b""


class Row(NamedTuple):
    """A record as it stands in the file, its columns in order. `octets` are sealed where `period` is a month."""

    number: int
    at_ms: int
    ac: str
    way: str
    peer: str
    octets: bytes
    judged: str
    link: bytes
    period: str = CLEAR
    type: int = 0
    seal: bytes = b""
    device: bytes | None = None
    address: bytes | None = None
    digest: bytes = b""

    @property
    def hidden(self) -> bool:
        """Whether the octets are, or were, ciphertext."""
        return self.period != CLEAR

    @property
    def sealed(self) -> bool:
        """Whether the octets are ciphertext now."""
        return self.period not in {CLEAR, EMPTIED}


def link(before: bytes, row: Kept | Row) -> bytes:
    """Return the link of a record."""
    content = _COMMITTED + row.digest if isinstance(row, Row) and row.hidden else row.octets
    return _link(before, row, row.number, content)


def _link(before: bytes, row: Kept | Row, number: int, content: bytes) -> bytes:
    parts = (row.ac.encode(), row.way.encode(), row.peer.encode(), content, row.judged.encode())
    moment = number.to_bytes(8, "big") + row.at_ms.to_bytes(8, "big", signed=True)
    return hashlib.sha256(before + moment + _framed(*parts)).digest()


def commitment(row: Row) -> bytes:
    """Return the digest by which a sealed packet stands in the chain."""
    return _commitment(row.period, row.type, row.seal, row.device, row.address, row.octets)


def _commitment(  # noqa: PLR0917  (the columns, in their order)
    period: str, type_: int, seal: bytes, device: bytes | None, address: bytes | None, octets: bytes
) -> bytes:
    return hashlib.sha256(
        _framed(period.encode(), bytes([type_]), seal, device or b"", address or b"", octets)
    ).digest()


def bound(number: int, ac: str, way: str) -> bytes:
    """Return what binds a ciphertext to its row."""
    return b"netops.packets.1\0%d\0%b\0%b" % (number, ac.encode(), way.encode())


def sealed(kept: Kept, number: int, before: bytes, vault: Vault, nonce: bytes) -> Row:
    """Return a packet as it goes into the file, with its number and its link. RecordsError: no key to seal it with.

    A login is five packets: so it is built once, from its parts.
    """
    about = (number, kept.at_ms, kept.ac, kept.way, kept.peer)
    if not kept.octets or kept.way in {MISSED, ERASED, WISH}:
        return Row(*about, kept.octets, kept.judged, _link(before, kept, number, kept.octets))
    period, octets = vault.seal(kept.octets, bound(number, kept.ac, kept.way), kept.at_ms, nonce)
    whom = vault.subject(kept.ac, kept.octets)
    type_, seal = (kept.octets[1], kept.octets[16:HEAD]) if len(kept.octets) >= HEAD else (0, b"")
    digest = _commitment(period, type_, seal, *whom, octets)
    own = _link(before, kept, number, _COMMITTED + digest)
    return Row(*about, octets, kept.judged, own, period, type_, seal, *whom, digest)


# ---- reading
@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a look at the chain found: how many records hold, up to which, and the number of the first that does not.

    `erased` is the number up to which a certificate of the chain says that they are erased; `emptied` are how many
    were emptied on somebody's wish, each named by a certificate.
    """

    packets: int
    head: tuple[int, str]
    broken: int | None = None
    erased: int = 0
    emptied: int = 0


def journal_path(settings: Settings) -> Path:
    """Return where the packets are kept."""
    return settings.data.dir / "portal2" / "packets.db"


def read(path: Path, vault: Vault, *, after: int = 0, ac: str = "") -> Iterator[Kept]:
    """Yield the records beyond a number, in order; of one controller if it is named. GatewayError: no such file."""
    db = _opened(path)
    try:
        for row in _rows(db, after, ac):
            yield opened(row, vault)
    finally:
        sqlite.close(db)


def about(path: Path, vault: Vault, trail: Trail) -> Iterator[Kept]:
    """Yield what is kept of a person's devices, in order."""
    db = _opened(path)
    try:
        db.execute("BEGIN").fetchall()  # one instant: the portal goes on writing, and erasing
        wanted = f"SELECT {COLUMNS} FROM packet WHERE number = ?"  # noqa: S608  (constants)
        for number in [] if _old(db) else theirs(db, vault, trail):
            yield opened(Row(*sqlite.rows(db, wanted, (number,))[0]), vault)
    finally:
        sqlite.close(db)


def held(settings: Settings, trail: Trail) -> list[dict[str, object]]:
    """Return what was said with controllers about a person's devices, as they may be given it."""
    path = journal_path(settings)
    return [as_json(each) for each in about(path, Vault.of(settings), trail)] if path.exists() else []


def decoded(kept: Kept) -> Packet | None:
    """Return the packet; None for octets that are none."""
    try:
        return decode(kept.octets, unsigned=True)
    except PacketError:
        return None


def as_json(kept: Kept) -> dict[str, object]:
    """Return all of a record that may be shown: its octets, and what they say."""
    packet = decoded(kept)
    said = {"type": named(packet.type), "address": packet.visitor, "serial": packet.serial} if packet else {}
    return {
        "number": kept.number,
        "at_ms": kept.at_ms,
        "controller": kept.ac,
        "way": kept.way,
        "judged": kept.judged,
        "octets": kept.octets.hex(),
        "link": kept.link.hex(),
        **said,
    }


def opened(row: Row, vault: Vault) -> Kept:
    """Return a record with its octets in clear; what cannot be opened any more has none, and says why."""
    octets, judged = row.octets, row.judged
    if row.period == EMPTIED:
        judged = "emptied on a wish"
    elif row.hidden:
        try:
            found = vault.open(row.period, row.octets, bound(row.number, row.ac, row.way))
        except RecordsError:
            octets, judged = b"", "does not open: it was altered"
        else:
            octets, judged = (found, judged) if found is not None else (b"", "its month's key is gone")
    return Kept(row.number, row.at_ms, row.ac, row.way, row.peer, octets, judged, row.link)


def theirs(db: sqlite.Connection, vault: Vault, trail: Trail) -> list[int]:
    """Return the numbers of the packets about a person's devices, ascending.

    A packet that names a device is about that one. One that names none is about who has its address: the person while a
    visit of theirs had it, but not from when another device was seen at it; the question who has it is about whom the
    answer names. The file may have a million packets of others: SQLite passes them over by itself, and lets other
    threads run meanwhile.
    """
    stays: dict[tuple[str, bytes], list[tuple[int, int]]] = {}
    hashes = {each: vault.address(*each) for each in {(place, used) for place, used, *_ in trail.stays}}
    for place, used, from_ms, to_ms in trail.stays:
        stays.setdefault((place, hashes[place, used]), []).append((from_ms, to_ms))
    seen: dict[tuple[str, bytes], tuple[int, bytes]] = {}  # who was seen last at an address, and when
    asked: dict[tuple[str, bytes], list[tuple[int, int]]] = {}  # questions who has an address, and when
    whose: dict[int, bool] = {}
    for number, at_ms, ac, type_, judged, device, address in db.execute(
        "SELECT number, at_ms, ac, type, judged, device, address FROM packet"
        " WHERE period NOT IN (?, ?) AND at_ms <= ?"
        " AND (device IN (SELECT unhex(value) FROM json_each(?)) OR address IN (SELECT unhex(value) FROM json_each(?)))"
        " ORDER BY number",
        (CLEAR, EMPTIED, trail.before_ms, _listed(trail.devices), _listed(hashes.values())),
    ):
        at = ac, address
        if device is None:
            seen_ms, by = seen.get(at, (0, None))
            alone = by is None or by in trail.devices
            lived = (begun for begun, ended in stays.get(at, ()) if begun <= at_ms <= ended)
            whose[number] = any(alone or seen_ms < begun for begun in lived)
            if type_ == Type.REQ_INFO:
                asked.setdefault(at, []).append((number, at_ms))
            continue
        whose[number] = device in trail.devices
        if not judged and type_ not in LEAVING:
            seen[at] = at_ms, device
            for question, asked_ms in asked.pop(at, ()):
                if at_ms - asked_ms <= ANSWERED_MS:
                    whose[question] = whose[number]
    return [number for number, mine in whose.items() if mine]


def check(path: Path) -> Checked:
    """Recompute the chain; one that does not begin at its beginning must say itself what was erased. Needs no key."""
    db = _opened(path)
    try:
        db.execute("BEGIN").fetchall()  # one instant: the portal goes on writing, and erasing
        about_ = dict(sqlite.rows(db, "SELECT key, value FROM about"))
        floor = int(about_.get("floor", "0")), bytes.fromhex(about_.get("floor_link", BEGINNING.hex()))
        (number, chain), count, certified = floor, 0, floor == (0, BEGINNING)
        emptied: set[int] = set()
        wished = 0
        for row in _rows(db, 0, ""):
            altered = row.sealed and commitment(row) != row.digest
            if row.number != number + 1 or altered or link(chain, row) != row.link:
                return Checked(packets=count, head=(number, chain.hex()), broken=row.number)
            number, chain, count = row.number, row.link, count + 1
            certified = certified or (row.way == ERASED and erasure.certifies(row.judged, *floor))
            if row.period == EMPTIED:
                emptied.add(row.number)
                wished += 1
            elif row.way == WISH:
                emptied -= _numbers(row.octets)
    finally:
        sqlite.close(db)
    if not certified:
        return Checked(packets=0, head=(floor[0], floor[1].hex()), broken=floor[0] + 1)
    if emptied:
        return Checked(packets=count, head=(number, chain.hex()), broken=min(emptied))
    return Checked(packets=count, head=(number, chain.hex()), erased=floor[0], emptied=wished)


def certificate(numbers: Sequence[int]) -> bytes:
    """Return what a certificate of a wish holds: which packets were emptied, ascending, as ranges."""
    return json.dumps([list(each) for each in ranges(numbers)], separators=(",", ":")).encode()


def _numbers(certified: bytes) -> set[int]:
    try:
        return {each for first, last in json.loads(certified) for each in range(first, last + 1)}
    except (ValueError, TypeError):
        return set()


def _opened(path: Path) -> sqlite.Connection:
    try:
        return sqlite.readable(sqlite.reader(path), path, FORMS)
    except sqlite.Error as error:
        raise GatewayError(f"{path}: cannot be read ({error}); has the portal run with a controller?") from None


def _rows(db: sqlite.Connection, after: int, ac: str) -> Iterator[Row]:
    columns = COLUMNS.partition(", period")[0] if _old(db) else COLUMNS
    wanted = f"SELECT {columns} FROM packet WHERE number > ? AND (? = '' OR ac = ?) ORDER BY number"  # noqa: S608
    for values in db.execute(wanted, (after, ac, ac)):
        yield Row(*cast("tuple[Any, ...]", values))


def _old(db: sqlite.Connection) -> bool:
    """Whether the portal has not started since the upgrade: nothing is sealed then."""
    return int(sqlite.rows(db, "PRAGMA user_version")[0][0]) < len(FORMS)


def _listed(hashes: Iterable[bytes]) -> str:
    return json.dumps([each.hex() for each in hashes])


def _framed(*parts: bytes) -> bytes:
    return b"".join([len(part).to_bytes(4, "big") + part for part in parts])
