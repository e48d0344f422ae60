"""Addresses, serial numbers and names that stand in OIDs: in the indexes of tables, and in OIDs that are values.

Where a profile knows the table, its index is cut as the poller cuts it. Elsewhere it is looked for what was replaced
anyway, for addresses after their length, for columns that vary as addresses do, for private addresses, and for texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collectors.anonymise import harmless
from collectors.convert import UnreadableError
from collectors.indexes import INDEX_READERS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from collectors.anonymise.columns import Known
    from collectors.anonymise.pseudonyms import Pseudonyms
    from collectors.snmp.varbind import Oid

_FROM: Final = 8  # arcs that name the vendor and the module, at the least
_SHIFTS: Final = 3  # arcs that may stand between a column and the address in its index
_MOST_TEXT: Final = 64


class Indexes:
    """Rewrites OIDs; what was found in one place is known in all others."""

    def __init__(self, pseudonyms: Pseudonyms, makers: Collection[bytes]) -> None:
        self._names = pseudonyms
        self._makers = makers
        self._entries: frozenset[tuple[Oid, int]] = frozenset()
        self._makers_of_macs: frozenset[bytes] = frozenset()
        self._cuts: dict[tuple[Oid, Oid], Oid | None] = {}

    def learn(self, told: Iterable[tuple[Oid, Known]]) -> None:
        """Look which tables are indexed by addresses, and take those of tables that profiles know: before rewriting."""
        unknown = []
        for oid, known in told:
            if not known.indexes or self._cut(oid, known) is None:
                unknown.append(oid)
        self._entries = _varying(unknown)

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
        arcs, made, at = oid, list(oid[:first]), first
        while at < len(arcs):
            used, fresh = self._address(arcs, at, oid) or self._text(arcs, at) or (1, (arcs[at],))
            made += fresh
            at += used
        return tuple(made)

    def _address(self, arcs: Oid, at: int, oid: Oid) -> tuple[int, Oid] | None:
        names = self._names
        six, four, sixteen = _octets(arcs, at, 6), _octets(arcs, at, 4), _octets(arcs, at, 16)
        before = arcs[at - 1]
        if six is not None and self._is_mac(six, before, (oid, at)):
            names.guessed |= {six} - names.macs.keys()
            return 6, tuple(names.mac(six))
        if sixteen is not None and (sixteen in names.ip6s or (before == 16 and max(sixteen) > 127)):
            return 16, tuple(names.ip6(sixteen))
        behind = any(_octets(arcs, at + more, 6) in names.macs for more in (1, 2, 3))  # these four are its beginning
        if four is not None and (
            four in names.ips or (not behind and self._is_ip(four, before, last=at + 4 == len(arcs)))
        ):
            return 4, tuple(names.ip(four))
        return None

    def _is_mac(self, six: bytes, before: int, where: tuple[Oid, int]) -> bool:
        if six in self._names.macs:
            return True
        if six[:3] in self._makers_of_macs and (before == 6 or max(six[3:]) > 31):
            return True
        oid, at = where
        return any((oid[: at - shift - 1], shift) in self._entries for shift in range(6 + 2 * _SHIFTS))

    @staticmethod
    def _is_ip(four: bytes, before: int, *, last: bool) -> bool:
        if four[0] in (0, 127) or four[0] >= 224:
            return False
        private = (
            (four[0] == 10 and max(four[1:]) > 31) or four[:2] == b"\xc0\xa8" or (four[0] == 172 and 16 <= four[1] < 32)
        )
        return private or (before == 4 and max(four) > 63) or (last and four[0] > 31 and min(four[1:3]) > 31)

    def _text(self, arcs: Oid, at: int) -> tuple[int, Oid] | None:
        length = arcs[at]
        text = _octets(arcs, at + 1, length) if 2 <= length <= _MOST_TEXT else None
        if text is not None and _spelt(text):
            fresh = self._shown(text)
            return 1 + length, (len(fresh), *fresh)
        rest = _octets(arcs, at, len(arcs) - at)
        if rest is not None and len(rest) >= 4 and _spelt(rest) and sum(octet >= 65 for octet in rest) >= 3:
            return len(rest), tuple(self._shown(rest))
        return None

    def _shown(self, text: bytes) -> bytes:
        if text in self._names.texts:
            return self._names.texts[text]
        plain = not harmless.port(text, self._makers) and harmless.number(text) and self._names.address(text) is None
        return text if plain and self._names.serial(text, octets=False) is None else self.name(text)


def _octets(arcs: Oid, at: int, count: int) -> bytes | None:
    window = arcs[at : at + count]
    return bytes(window) if len(window) == count and count and max(window) < 256 else None


def _spelt(text: bytes) -> bool:
    """Whether octets are a text with a letter in it."""
    try:
        shown = text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return shown.isprintable() and any(each.isalpha() for each in shown)


def _varying(told: Sequence[Oid]) -> frozenset[tuple[Oid, int]]:
    """Return the tables (entry, arcs before the address) whose indexes hold what varies as MAC addresses do.

    Behind one address there may be another: an access point's and its client's.
    """
    best: dict[Oid, tuple[int, int]] = {}
    for (entry, shift), large in _places_of(told, {}).items():  # a column's number before it is small
        best[entry] = max(best.get(entry, (0, 0)), (large, -shift))
    nearest = {entry: -shift for entry, (_, shift) in best.items()}
    behind = {entry: tuple(range(shift + 6, shift + 6 + _SHIFTS)) for entry, shift in nearest.items()}
    return frozenset(nearest.items()) | (frozenset(_places_of(told, behind)) if behind else frozenset())


def _places_of(told: Sequence[Oid], only: Mapping[Oid, tuple[int, ...]]) -> dict[tuple[Oid, int], int]:
    """Return where, by table and arcs before it, an address stands, and how many of its octets are large.

    `only` names tables and arcs to look at.

    In all rows the six arcs fit octets, none is an address of a group, and together they vary as addresses do, not as
    numbers.
    """
    most: dict[tuple[Oid, int], list[int]] = {}
    for oid in told:
        for depth in range(9, min(len(oid) - 5, 18)):
            if oid[depth - 2] != 1:  # table.entry(1).column.index
                continue
            entry = oid[: depth - 1]
            for shift in only.get(entry, ()) if only else range(_SHIFTS):
                window = oid[depth + shift : depth + shift + 6]
                if len(window) < 6:
                    break
                seen = most.setdefault((entry, shift), [0] * 6)
                for at, arc in enumerate(window):
                    seen[at] = max(seen[at], arc)
                if window[0] & 1 or _after_its_length(oid, depth + shift):
                    seen[0] = 1 << 32
    return {
        key: sum(arc > 31 for arc in seen)
        for key, seen in most.items()
        if max(seen) < 256 and sum(arc > 31 for arc in seen) >= 5 and max(seen[3:5]) > 31
    }


def _after_its_length(oid: Oid, depth: int) -> bool:
    """Whether what stands there is a text after its length, as the name of a script in NET-SNMP-EXTEND-MIB."""
    return any(
        oid[at] == len(oid) - at - 1 > 6 and all(31 < arc < 127 for arc in oid[at + 1 :]) for at in (depth - 1, depth)
    )
