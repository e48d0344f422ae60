"""Addresses, serial numbers and names that stand in OIDs: in the indexes of tables, and in OIDs that are values.

Where a profile knows the table, its index is cut as the poller cuts it. Elsewhere it is looked for what was replaced
anyway, for addresses after their length, for columns that vary as addresses do, for private addresses, and for texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from collectors.anonymise import harmless
from collectors.convert import UnreadableError
from collectors.indexes import INDEX_READERS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from collectors.anonymise.columns import Known
    from collectors.anonymise.pseudonyms import Pseudonyms
    from collectors.snmp.varbind import Oid

_FROM: Final = 8  # arcs that name the vendor and the module, at the least
_MODULE: Final = 7  # arcs up to the vendor, or to a group of the standard's: no entry is among them
_SHIFTS: Final = 3  # arcs that may stand between a column and the address in its index
_MOST_TEXT: Final = 64
_NONE: Final[dict[int, tuple[int, ...]]] = {}


class _Where(NamedTuple):
    """Where in a run of arcs what is: addresses of this table, the `first` arc that an index can have."""

    begins: Collection[int]
    first: int
    last: bool  # whether the OID ends with the run


class Indexes:
    """Rewrites OIDs; what was found in one place is known in all others."""

    def __init__(self, pseudonyms: Pseudonyms, makers: Collection[bytes]) -> None:
        self._names = pseudonyms
        self._makers = makers
        self._entries: dict[Oid, tuple[int, ...]] = {}
        self._depths: tuple[int, ...] = ()
        self._makers_of_macs: frozenset[bytes] = frozenset()
        self._cuts: dict[tuple[Oid, Oid], Oid | None] = {}

    def learn(self, told: Iterable[tuple[Oid, Known]]) -> None:
        """Look which tables are indexed by addresses, and take those of tables that profiles know: before rewriting."""
        unknown = []
        for oid, known in told:
            if not known.indexes or self._cut(oid, known) is None:
                unknown.append(oid)
        self._entries = _varying(unknown)
        self._depths = tuple(sorted({len(entry) for entry in self._entries}))

    def learnt(self) -> None:
        """Take the makers of the addresses that are known by now."""
        self._makers_of_macs = frozenset(mac[:3] for mac in self._names.macs if max(mac[:3]) > 31)

    def fresh(self, oid: Oid, known: Known) -> Oid:
        """Return the OID with pseudonyms."""
        if known.indexes:
            made = self._cut(oid, known)
            if made is not None:
                return made
        return self._searched(oid, max(_FROM, known.depth))

    # ---- as a profile cuts it

    def _cut(self, oid: Oid, known: Known) -> Oid | None:
        """Return the OID as the readers of its table cut it; a row's index is cut once for all of its columns."""
        rest, deeper = oid[known.depth :], known.deeper
        row = (oid[: known.depth - 1], rest)
        if deeper or row not in self._cuts:
            found = (self._by(readers, rest, deeper) for readers in known.indexes)
            self._cuts[row] = next((made for made in found if made is not None), None)
        made = self._cuts[row]
        return None if made is None else oid[: known.depth] + made

    def _by(self, readers: Sequence[str], rest: Oid, deeper: int) -> Oid | None:
        made: Oid = ()
        try:
            for reader in readers:
                _, used = INDEX_READERS[reader](rest)
                made += self._part(reader, rest[:used])
                rest = rest[used:]
        except UnreadableError:
            return None
        return made + rest if len(rest) <= deeper else None

    def _part(self, reader: str, arcs: Oid) -> Oid:
        names = self._names
        if reader == "mac":
            return tuple(names.mac(bytes(arcs)))
        if reader == "string_mac":
            return (6, *names.mac(bytes(arcs[1:])))
        if reader == "ipv4":
            return tuple(names.ip(bytes(arcs)))
        if reader in ("string", "serial"):
            text = bytes(arcs[1:])
            fresh = self.name(text) if text else text
            return (len(fresh), *fresh)
        if reader == "implied_string" and harmless.port(bytes(arcs), self._makers):
            fresh = names.text(bytes(arcs)).replace(b"text-", b"").ljust(len(arcs), b"x")
            return tuple(fresh[: len(arcs)])  # the length stands in the column's own place
        return arcs

    def name(self, text: bytes) -> bytes:
        """Return the pseudonym of a name."""
        return self._names.address(text) or self._names.serial(text, octets=False) or self._names.text(text)

    # ---- as it looks

    def _searched(self, oid: Oid, first: int) -> Oid:
        """Look in each run of arcs that fit octets; what is too large for one is no part of what is looked for."""
        begins = {
            depth + 1 + shift for depth in self._depths for shift in self._entries.get(oid[:depth], ())
        }  # where addresses stand in this table
        index = _index_of(oid)
        made, at = list(oid[:first]), first
        while at < len(oid):
            end = next((place for place in range(at, len(oid)) if oid[place] > 255), len(oid))
            before = min(oid[at - 1], 255)
            where = _Where({place - at + 1 for place in begins}, index - at + 1, end == len(oid))
            self._run(made, bytes((before, *oid[at:end])), where)
            made += oid[end : end + 1]
            at = end + 1
        return tuple(made)

    def _run(self, made: list[int], octets: bytes, where: _Where) -> None:
        at = 1
        while at < len(octets):
            used, fresh = (
                self._address(octets, at, where) or self._text(octets, at, last=where.last) or (1, octets[at : at + 1])
            )
            made += fresh
            at += used

    def _address(self, octets: bytes, at: int, where: _Where) -> tuple[int, bytes] | None:
        names, before, left = self._names, octets[at - 1], len(octets) - at
        six, four = octets[at : at + 6], octets[at : at + 4]
        if left >= 6 and (at in where.begins or self._is_mac(six, before, guess=at >= where.first)):
            if six not in names.macs:
                names.guessed.add(six)
            return 6, names.mac(six)
        if left >= 16 and (before == 16 or names.ip6s):
            sixteen = octets[at : at + 16]
            if sixteen in names.ip6s or (before == 16 and max(sixteen) > 127):
                return 16, names.ip6(sixteen)
        if left < 4:
            return None
        guess = four not in names.ips
        if guess and (at < where.first or not self._is_ip(four, before, last=where.last and left == 4)):
            return None
        if guess or four in names.guessed:
            if any(at + more in where.begins or self._begins(octets, at + more) for more in range(4)):
                return None  # what is surer would be cut
            names.guessed.add(four)
        return 4, names.ip(four)

    def _begins(self, octets: bytes, at: int) -> bool:
        """Whether a known address begins here, or a text after its length."""
        length = octets[at] if at < len(octets) else 0
        spelt = 4 <= length < len(octets) - at and _spelt(octets[at + 1 : at + 1 + length])
        return spelt or octets[at : at + 6] in self._names.macs

    def _is_mac(self, six: bytes, before: int, *, guess: bool) -> bool:
        if six in self._names.macs:
            return True
        return guess and six[:3] in self._makers_of_macs and (before == 6 or max(six[3:]) > 31)

    @staticmethod
    def _is_ip(four: bytes, before: int, *, last: bool) -> bool:
        first = four[0]
        if first in (0, 127) or first >= 224:
            return False
        if (first == 10 and max(four[1:]) > 31) or four[:2] == b"\xc0\xa8" or (first == 172 and 16 <= four[1] < 32):
            return True
        return (before == 4 and max(four) > 63) or (last and first > 31 and min(four[1:3]) > 31)

    def _text(self, octets: bytes, at: int, *, last: bool) -> tuple[int, bytes] | None:
        length, left = octets[at], len(octets) - at
        if 2 <= length <= _MOST_TEXT and length < left and _spelt(octets[at + 1 : at + 1 + length]):
            fresh = self._shown(octets[at + 1 : at + 1 + length])
            return 1 + length, bytes((len(fresh), *fresh))
        if last and left >= 4 and length > 31:
            rest = octets[at:]
            if sum(octet >= 65 for octet in rest) >= 3 and _spelt(rest):
                return left, self._shown(rest)
        return None

    def _shown(self, text: bytes) -> bytes:
        if text in self._names.texts:
            return self._names.texts[text]
        plain = not harmless.port(text, self._makers) and harmless.number(text) and self._names.address(text) is None
        return text if plain and self._names.serial(text, octets=False) is None else self.name(text)


def _index_of(oid: Oid) -> int:
    """Return before which arc no index can begin: behind table.entry(1).column (RFC 2578 section 7.10).

    `…10.1.75.68` is column 75 and row 68 of table 10 and no private address, as long as no entry stands before it.
    """
    try:
        return oid.index(1, _MODULE) + 2
    except ValueError:
        return len(oid)


def _spelt(text: bytes) -> bool:
    """Whether octets are a text with a letter in it."""
    if text[0] < 32 or text[0] == 127:  # most indexes are numbers
        return False
    try:
        shown = text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return shown.isprintable() and any(map(str.isalpha, shown))


def _varying(told: Sequence[Oid]) -> dict[Oid, tuple[int, ...]]:
    """Return the tables, and after how many arcs of an index there is what varies as MAC addresses do.

    Behind one address there may be another: an access point's and its client's.
    """
    found: dict[Oid, tuple[int, ...]] = {}
    for entry, at in _places_of(told, {}).items():  # a column's number before it is small
        found[entry] = (max(at, key=lambda shift: (at[shift], -shift)),)
    behind = {entry: tuple(range(shift + 6, shift + 6 + _SHIFTS)) for entry, (shift,) in found.items()}
    for entry, at in (_places_of(told, behind) if behind else {}).items():
        found[entry] += tuple(at)
    return found


def _places_of(told: Sequence[Oid], only: Mapping[Oid, tuple[int, ...]]) -> dict[Oid, dict[int, int]]:
    """Return where, by table and arcs before it, an address stands, and how many of its octets are large.

    `only` names tables and arcs to look at.

    In all rows the six arcs fit octets, none is an address of a group, and together they vary as addresses do, not as
    numbers.
    """
    most: dict[Oid, dict[int, tuple[int, ...]]] = {}
    for oid in told:
        for depth in range(9, min(len(oid) - 5, 18)):
            if oid[depth - 2] != 1:  # table.entry(1).column.index
                continue
            entry = oid[: depth - 1]
            seen = most.get(entry)
            if seen is None:
                shifts: Iterable[int] = only.get(entry, ()) if only else range(_SHIFTS)
                seen = most[entry] = dict.fromkeys(shifts, (0,) * 6) or _NONE
            for shift in tuple(seen):
                window = oid[depth + shift : depth + shift + 6]
                if len(window) < 6:
                    break
                if max(window) > 255 or window[0] & 1 or _after_its_length(oid, depth + shift):
                    del seen[shift]
                else:
                    seen[shift] = tuple(map(max, seen[shift], window))
            if not seen:
                most[entry] = _NONE
    places = {entry: {shift: _large(octets) for shift, octets in seen.items()} for entry, seen in most.items() if seen}
    return {
        entry: kept
        for entry, at in places.items()
        if (kept := {shift: large for shift, large in at.items() if large >= 5 and max(most[entry][shift][3:5]) > 31})
    }


def _large(octets: Iterable[int]) -> int:
    return sum(octet > 31 for octet in octets)


def _after_its_length(oid: Oid, depth: int) -> bool:
    """Whether what stands there is a text after its length, as the name of a script in NET-SNMP-EXTEND-MIB."""
    return any(
        oid[at] == len(oid) - at - 1 > 6 and all(31 < arc < 127 for arc in oid[at + 1 :]) for at in (depth - 1, depth)
    )
