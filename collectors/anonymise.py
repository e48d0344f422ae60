"""A recorded walk without the people and places in it: keyed pseudonyms, structure and numbers as they were. Pure.

What is replaced: MAC addresses (the maker's half stays), IP addresses, serial numbers (the maker's letters stay), and
every text that is not known to be harmless; in values, inside texts, and in the indexes of tables. Equal things get
equal pseudonyms, so that tables still join. Subtrees that tell of neighbours, users, processes and address tables are
left out whole. At the end nothing that was replaced may stand anywhere in the result, in any writing: else it is
refused, with the places named.
"""

from __future__ import annotations

import hmac
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from collectors.convert import TEXT_READERS
from collectors.errors import CollectorError
from collectors.snmp.varbind import IP_ADDRESS, OCTET_STRING, Varbind, dotted
from netops.metrics import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from collectors.profile import Profile
    from collectors.snmp.varbind import Oid

LEFT_OUT: Final = (
    (1, 3, 6, 1, 2, 1, 4, 20),  # addresses, routes, neighbours
    (1, 3, 6, 1, 2, 1, 4, 21),
    (1, 3, 6, 1, 2, 1, 4, 22),
    (1, 3, 6, 1, 2, 1, 4, 24),
    (1, 3, 6, 1, 2, 1, 4, 32),
    (1, 3, 6, 1, 2, 1, 4, 34),
    (1, 3, 6, 1, 2, 1, 4, 35),
    (1, 3, 6, 1, 2, 1, 4, 37),
    (1, 3, 6, 1, 2, 1, 6, 13),  # TCP and UDP tables
    (1, 3, 6, 1, 2, 1, 6, 19),
    (1, 3, 6, 1, 2, 1, 6, 20),
    (1, 3, 6, 1, 2, 1, 7, 5),
    (1, 3, 6, 1, 2, 1, 7, 7),
    (1, 3, 6, 1, 2, 1, 14),  # OSPF, BGP
    (1, 3, 6, 1, 2, 1, 15),
    (1, 3, 6, 1, 2, 1, 17, 4, 3),  # forwarding tables of bridges
    (1, 3, 6, 1, 2, 1, 17, 7, 1, 2),
    *((1, 3, 6, 1, 2, 1, 16, group) for group in (4, 5, 6, 7, 8, 13, 14, 15, 16, 17)),  # RMON: who talks to whom
    (1, 3, 6, 1, 2, 1, 16, 9),  # communities in clear: of RMON's events and trap targets, of logical entities
    (1, 3, 6, 1, 2, 1, 16, 19),
    (1, 3, 6, 1, 2, 1, 47, 1, 2),
    (1, 3, 6, 1, 2, 1, 25, 4),  # processes with their arguments, software
    (1, 3, 6, 1, 2, 1, 25, 5),
    (1, 3, 6, 1, 2, 1, 25, 6),
    (1, 3, 6, 1, 6, 3),  # SNMP's own users, communities, targets
    (1, 3, 6, 1, 4, 1, 9, 9, 23),  # CDP
    (1, 0, 8802, 1, 1, 2),  # LLDP
)
_NAMES: Final = frozenset({"name", "location", "contact", "alias", "ssid", "address", "label", "operator"})
_DESCRIPTION: Final = (1, 3, 6, 1, 2, 1, 1, 1, 0)
_SYSTEM: Final = frozenset({(1, 3, 6, 1, 2, 1, 1, 4, 0), (1, 3, 6, 1, 2, 1, 1, 5, 0), (1, 3, 6, 1, 2, 1, 1, 6, 0)})
_KEPT: Final = ((1, 3, 6, 1, 2, 1, 1), (1, 3, 6, 1, 2, 1, 2, 2, 1, 2), (1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1))
_MAC: Final = re.compile(
    rb"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{2}([:-]))(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![0-9A-Fa-f])"
)
_DOTTED_MAC: Final = re.compile(rb"(?<![0-9A-Fa-f])[0-9A-Fa-f]{4}([.-])[0-9A-Fa-f]{4}\1[0-9A-Fa-f]{4}(?![0-9A-Fa-f])")
_IP: Final = re.compile(rb"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9.])")
_SERIAL: Final = re.compile(rb"[A-Z]{4}[0-9A-F]{8}")
_NUMBER: Final = re.compile(rb"\s*[-+]?[0-9]+(\.[0-9]+)?\s*[%A-Za-z\xb0]{0,5}\s*")
_LONG: Final = re.compile(rb"[ +()-]*(?:[0-9][ +()-]*){11,}")  # a telephone's number has 11 digits, an IMSI or IMEI 15
_Value: TypeAlias = int | bytes | str | None
_MOST_WORDS = 12  # different texts of a column that can be an enumeration
_OPEN = frozenset({b"\0\0\0\0", b"\xff\xff\xff\xff"})


@dataclass(slots=True)
class _Hidden:
    """What was replaced by what, for the indexes and for the last look."""

    macs: dict[bytes, bytes] = field(default_factory=dict)
    ips: dict[bytes, bytes] = field(default_factory=dict)
    texts: dict[bytes, bytes] = field(default_factory=dict)


def anonymise(
    walk: Iterable[Varbind],
    profiles: Iterable[Profile],
    *,
    key: bytes,
    keep: Collection[Oid] = (),
    never: Collection[bytes] = (),
) -> list[Varbind]:
    """Return the walk in OID order with pseudonyms made with `key`; `keep` are columns whose texts may stay.

    `never` are texts that stay nowhere, such as the community by which the device was asked.

    CollectorError when something that was replaced would still be readable in the result.
    """
    told = [each for each in walk if not _under(each.oid, LEFT_OUT)]
    words = _Words(told, profiles, keep)
    words.public -= set(never)
    work = _Work(key, words, frozenset(never))
    for each in told:
        if each.oid in _SYSTEM:  # first: the description may hold the device's name
            work.value(each)
            work.own |= {each.value} if isinstance(each.value, bytes) else set()
    values = [(each.oid, each.tag, work.value(each)) for each in told]
    hide = work.within()
    values = [(oid, tag, hide(value)) for oid, tag, value in values]
    fixed = _index_macs(told)
    done = {work.index(oid, fixed): (tag, value) for oid, tag, value in values}
    if len(done) != len(values):
        raise CollectorError("two rows would get one name; record again, the pseudonyms are drawn anew")
    made = [Varbind(oid, tag, value) for oid, (tag, value) in sorted(done.items())]
    _look_again(made, work.hidden)
    return made


class _Words:
    """Which columns hold what, as the profiles know it, and which texts of unknown columns can be mere words."""

    def __init__(self, told: Sequence[Varbind], profiles: Iterable[Profile], keep: Collection[Oid]) -> None:
        self.keep = tuple(keep)
        self.description = next((v.value for v in told if v.oid == _DESCRIPTION and isinstance(v.value, bytes)), b"")
        self.names: set[Oid] = set()
        self.harmless: set[Oid] = set()
        self.nothing: set[bytes] = set()  # what columns say for "no value"
        for profile in profiles:
            for column in (*profile.scalars, *(c for t in profile.tables for c in (*t.columns, *t.helpers))):
                metric = column.metric
                self.nothing |= {word.lower().encode() for word in column.sentinels if isinstance(word, str)}
                for root in profile.roots:
                    place = column.place.under(root)
                    if metric is None:
                        (self.names if column.read in TEXT_READERS else self.harmless).add(place)
                    elif metric.kind is not Kind.TEXT:
                        self.harmless.add(place)
                    elif metric.name.rsplit(".", 1)[-1] in _NAMES | {"serial", "mac"}:
                        self.names.add(place)
                    else:
                        self.harmless.add(place)
        self.harmless -= self.names
        self.public = {
            each.value for each in told if isinstance(each.value, bytes) and _starts(each.oid, self.harmless)
        }  # what a column of numbers, states or models says is a word of the maker's
        self.public.discard(self.description)  # the device's own name may stand in it
        self.words_of_makers = b"\n".join(sorted(self.public))
        columns: dict[Oid, dict[bytes, int]] = defaultdict(lambda: defaultdict(int))
        for each in told:
            if each.tag == OCTET_STRING and isinstance(each.value, bytes):
                for depth in range(1, min(4, len(each.oid))):
                    columns[each.oid[:-depth]][each.value] += 1
        self.words = {
            oid: frozenset(seen)
            for oid, seen in columns.items()
            if len(seen) <= _MOST_WORDS and sum(seen.values()) >= 5 * len(seen)
        }

    def chinese(self, oid: Oid, value: bytes) -> bool:
        """Whether the octets are a name in GB18030, which devices of this country write; UTF-8 is read elsewhere.

        Six octets may be a MAC address as well: outside columns of names those count as one, unless no device has it.
        """
        if not _gb18030(value) or value in self.public:
            return False
        named = oid in _SYSTEM or _starts(oid, self.names)
        return named or len(value) != 6 or bool(value[0] & 1)

    def plain(self, oid: Oid, value: bytes) -> bool:
        """Whether the text may stay as it is."""
        if value and value in self.description and (oid not in _SYSTEM or self.description.startswith(value)):
            return True  # a model or a version; a device's own name does not begin its description
        if oid in _SYSTEM:
            return False
        if value.strip().lower() in self.nothing:
            return True
        if _starts(oid, self.names) and not _under(oid, _KEPT):
            return len(value) >= 4 and value in self.words_of_makers
        if value in self.words_of_makers or _under(oid, (*self.keep, *_KEPT)):
            return True
        if _LONG.fullmatch(value.strip()):
            return False
        if _NUMBER.fullmatch(value):
            return True
        if not any(65 <= octet <= 122 for octet in value) or len(value) <= 2:
            return True
        return len(value) <= 16 and any(value in self.words.get(oid[:-depth], ()) for depth in (1, 2, 3))


class _Work:
    def __init__(self, key: bytes, words: _Words, never: frozenset[bytes] = frozenset()) -> None:
        self._key = key
        self._words = words
        self._never = never
        self.hidden = _Hidden()
        for each in never:
            self._text(each)
        self.own: set[bytes] = set()  # what the device says of its name, place and keeper

    def mark(self, kind: bytes, value: bytes, octets: int) -> bytes:
        return hmac.digest(self._key, kind + b"\0" + value, "sha256")[:octets]

    def mac(self, value: bytes) -> bytes:
        if value in (b"\0" * 6, b"\xff" * 6) or value[0] & 1:
            return value
        return self.hidden.macs.setdefault(value, value[:3] + self.mark(b"mac", value, 3))

    def ip(self, value: bytes) -> bytes:
        number = int.from_bytes(value, "big")
        netmask = number and not (~number & 0xFFFFFFFF) & ((~number & 0xFFFFFFFF) + 1)
        if value in _OPEN or value[0] in (0, 127) or value[0] >= 224 or netmask:
            return value
        return self.hidden.ips.setdefault(value, b"\x0a" + self.mark(b"ip", value, 3))

    def value(self, each: Varbind) -> _Value:
        value = each.value
        if not isinstance(value, bytes) or not value:
            return value
        if each.tag == IP_ADDRESS:
            return self.ip(value) if len(value) == 4 else value
        if value in self._never:
            return self._text(value)
        if self._words.chinese(each.oid, value):
            return self._text(value)
        if len(value) == 6 and not _readable(value):
            return self.mac(value)
        if len(value) == 8 and re.match(rb"[A-Z]{4}", value) and not _readable(value):
            return self.text(value, value[:4] + self.mark(b"serial", value, 4))
        if len(value) == 16 and value[:2] not in (b"\0\0", b"\xff\xff") and not _readable(value):
            return self._ip6(value)
        if not _readable(value):
            return value
        if _SERIAL.fullmatch(value.strip()):
            return self.text(value, value.strip()[:4] + self.mark(b"serial", value, 4).hex().upper().encode())
        bare = value.strip(b"\0 ")
        if self._words.plain(each.oid, value) or _MAC.fullmatch(bare) or _DOTTED_MAC.fullmatch(bare):
            return self._inside(value)
        return self._text(value)

    def _ip6(self, value: bytes) -> bytes:
        """Return an IPv6 address of documentation's (RFC 3849) for 16 octets that no text is; local ones hold a MAC."""
        return self.text(value, b"\x20\x01\x0d\xb8" + self.mark(b"ip6", value, 12))

    def text(self, value: bytes, instead: bytes) -> bytes:
        return self.hidden.texts.setdefault(value, instead)

    def _text(self, value: bytes) -> bytes:
        return self.text(value, b"text-" + self.mark(b"text", value, 4).hex().encode())

    def _inside(self, value: bytes) -> bytes:
        """Replace addresses, and the device's own name, inside a text that stays."""
        for pattern in (_MAC, _DOTTED_MAC):
            value = pattern.sub(self._mac_within, value)
        return _IP.sub(self._ip_within, value)

    def within(self) -> Callable[[_Value], _Value]:
        """Return what replaces hidden texts that stand inside others, such as the device's name in its description."""
        names = sorted((t for t in self.hidden.texts if len(t) >= 4 and _readable(t)), key=len, reverse=True)
        fresh = frozenset(self.hidden.texts.values())
        if not names:
            return lambda value: value
        written = re.compile(b"|".join(map(re.escape, names)))
        own = [name for name in names if name in self.own]
        of_the_device = re.compile(b"|".join(map(re.escape, own))) if own else None

        def hide(value: _Value) -> _Value:
            if not isinstance(value, bytes) or len(value) < 4 or value in fresh:
                return value
            if value in self._words.public:  # a maker's words stay, but Linux says the device's name in sysDescr
                return of_the_device.sub(lambda found: self.hidden.texts[found[0]], value) if of_the_device else value
            return written.sub(lambda found: self.hidden.texts[found[0]], value)

        return hide

    def _mac_within(self, found: re.Match[bytes]) -> bytes:
        written = found[0]
        octets = bytes.fromhex(re.sub(rb"[^0-9A-Fa-f]", b"", written).decode("ascii"))
        fresh = iter(self.mac(octets).hex().encode())
        upper = written.upper() == written
        made = bytes(next(fresh) if chr(each) in "0123456789abcdefABCDEF" else each for each in written)
        return made.upper() if upper else made

    def _ip_within(self, found: re.Match[bytes]) -> bytes:
        parts = [int(part) for part in found[0].split(b".")]
        if max(parts) > 255:
            return found[0]
        return b".".join(str(each).encode() for each in self.ip(bytes(parts)))

    def index(self, oid: Oid, fixed: Collection[Oid]) -> Oid:
        """Return the OID with pseudonyms for the addresses and texts in its index."""
        arcs = list(oid)
        for at in range(8, len(arcs) - 5):
            window = arcs[at : at + 6]
            if max(window) > 255:
                continue
            octets = bytes(window)
            if octets in self.hidden.macs or oid[:at] in fixed:
                arcs[at : at + 6] = self.mac(octets)
                return tuple(arcs)
        for at in range(8, len(arcs)):
            length = arcs[at]
            rest = arcs[at + 1 : at + 1 + length] if length < 256 else []
            if length > 3 and len(rest) == length and max(rest) < 256 and bytes(rest) in self.hidden.texts:
                instead = self.hidden.texts[bytes(rest)]
                return (*arcs[:at], len(instead), *instead, *arcs[at + 1 + length :])
        return tuple(arcs)


def _index_macs(told: Sequence[Varbind]) -> frozenset[Oid]:
    """Return the columns whose index begins with a MAC address that no value tells of.

    In all rows the first six arcs of the index fit octets, and together they vary as addresses do, not as numbers.
    """
    most: dict[Oid, list[int]] = {}
    for each in told:
        oid = each.oid
        for depth in range(9, min(len(oid) - 5, 18)):
            if oid[depth - 2] == 1:  # table.entry(1).column.index
                window = oid[depth : depth + 6]
                seen = most.setdefault(oid[:depth], [0] * 6)
                for at, arc in enumerate(window):
                    seen[at] = max(seen[at], arc)
                if window[0] & 1 or _spelt(oid, depth):  # no address of one device
                    seen[0] = 1 << 32
    return frozenset(
        column
        for column, seen in most.items()
        if max(seen) < 256 and sum(arc > 31 for arc in seen) >= 5 and max(seen[3:5]) > 31
    )


def _spelt(oid: Oid, depth: int) -> bool:
    """Whether what stands there is a text after its length, as the name of a script in NET-SNMP-EXTEND-MIB."""
    ends = (
        oid[at] == len(oid) - at - 1 > 6 and all(31 < arc < 127 for arc in oid[at + 1 :]) for at in (depth - 1, depth)
    )
    return any(ends)


def _look_again(made: Sequence[Varbind], hidden: _Hidden) -> None:
    """Refuse a result in which something that was replaced can still be read."""
    gone_macs = {mac[3:] for mac, fresh in hidden.macs.items() if mac != fresh}
    needles = {mac for mac, fresh in hidden.macs.items() if mac != fresh}
    texts = [t for t, fresh in hidden.texts.items() if t != fresh and len(t) >= 6 and _readable(t)]
    ips = {".".join(map(str, ip)).encode() for ip, fresh in hidden.ips.items() if ip != fresh}
    written = re.compile(b"|".join(map(re.escape, sorted(texts, key=len, reverse=True)))) if texts else None
    places = []
    for each in made:
        value = each.value if isinstance(each.value, bytes) else b""
        arcs = each.oid[8:]
        octets = bytes(arc if arc < 256 else 0 for arc in arcs)
        if value in needles or any(octets[at : at + 6] in needles for at in range(len(octets) - 5)):
            places.append(each.oid)
        elif value and _readable(value):
            spelled = re.sub(rb"[^0-9a-f]", b"", value.lower())
            half = any(mac.hex().encode() in spelled for mac in needles) if len(spelled) >= 12 and gone_macs else False
            if half or any(ip.group() in ips for ip in _IP.finditer(value)) or (written and written.search(value)):
                places.append(each.oid)
    if places:
        shown = ", ".join(dotted(oid) for oid in places[:5])
        raise CollectorError(
            f"{len(places)} objects would still tell what was to be hidden, the first are {shown}; nothing was written"
        )


def _readable(value: bytes) -> bool:
    try:
        return value.rstrip(b"\0 \r\n\t").decode("utf-8").isprintable()
    except UnicodeDecodeError:
        return False


def _gb18030(value: bytes) -> bool:
    bare = value.rstrip(b"\0 \r\n\t")
    if len(bare) < 4 or _readable(bare):
        return False
    try:
        return bare.decode("gb18030").isprintable()
    except UnicodeDecodeError:
        return False


def _under(oid: Oid, places: Iterable[Oid]) -> bool:
    return any(oid[: len(place)] == place for place in places)


def _starts(oid: Oid, places: Collection[Oid]) -> bool:
    return any(oid[:depth] in places for depth in range(6, len(oid) + 1))
