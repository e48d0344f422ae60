"""A recorded walk without the people and places in it: keyed pseudonyms, structure and numbers as they were. Pure.

What a profile reads as a measure, a state, a model or a version stays, and reads to the same. Of all else only numbers
and words of the trade stay (`harmless.py`): every other text, address and string of octets gets a pseudonym, in values,
inside texts and in the indexes of tables. Equal things get equal pseudonyms, so that tables still join. Subtrees that
tell of neighbours, users, processes and address tables are left out whole. At the end nothing that was replaced may
stand anywhere in the result, in any writing: else it is refused, with the places named.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from collectors.anonymise import harmless
from collectors.anonymise.columns import PORTS, Places
from collectors.anonymise.indexes import Indexes
from collectors.anonymise.left_out import left_out, positions
from collectors.anonymise.look import look_again, readable, tree
from collectors.anonymise.pseudonyms import PADDING, Pseudonyms
from collectors.convert import UnreadableError, date_and_time
from collectors.errors import CollectorError
from collectors.snmp.varbind import IP_ADDRESS, OBJECT_IDENTIFIER, OPAQUE, Varbind, dotted, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from collectors.anonymise.columns import Known
    from collectors.profile import Profile
    from collectors.snmp.varbind import Oid

_SYSTEM_GROUP: Final = (1, 3, 6, 1, 2, 1, 1)
_DESCRIPTION: Final = (*_SYSTEM_GROUP, 1, 0)
_OWN: Final = frozenset({(*_SYSTEM_GROUP, 4, 0), (*_SYSTEM_GROUP, 5, 0), (*_SYSTEM_GROUP, 6, 0)})
_UNIX: Final = re.compile(
    rb"(?:Linux|FreeBSD|OpenBSD|NetBSD|Darwin|SunOS|AIX) (\S+) [0-9]"
)  # uname -a: the second is its name
_SAID: Final = re.compile(
    rb"\b(?:s/?n|serial(?: ?(?:number|no\.?))?|imei|imsi|iccid|msisdn|phone|tel|mobile|ssid|pass(?:word|wd|phrase)?|psk"
    rb"|key|secret|community|contact|location|owner|user(?:name)?|host(?:name)?|sysname)\s*[:=#]\s*([^\s,;]+)",
    re.IGNORECASE,
)
_LONG: Final = re.compile(
    rb"(?<![0-9A-Za-z.])\+?[0-9](?:[ -]?[0-9]){10,19}(?![0-9A-Za-z.])"
)  # telephones, IMEI, IMSI, ICCID
_FLOATS: Final = (b"\x9f\x78", b"\x9f\x79")  # net-snmp's Opaque floats
_LEAST: Final = 4  # letters of a name that is looked for inside other texts
_MOST_BITS: Final = 2


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
    places = Places(profiles)
    told = sorted((each for each in walk if not left_out(each.oid)), key=lambda each: each.oid)
    gone = positions(each for each in told if not places.of(each.oid).columns)
    if gone:
        told = [each for each in told if each.oid not in gone]
    work = _Work(told, places, key=key, keep=tuple(keep), never=frozenset(never))
    made = work.whole()
    look_again(made, work.names, work.needles())
    return made


class _Work:
    """Collects while one walk is rewritten; never leaves `anonymise`."""

    def __init__(
        self,
        told: Sequence[Varbind],
        places: Places,
        *,
        key: bytes,
        keep: tuple[Oid, ...],
        never: frozenset[bytes],
    ) -> None:
        self.told = told
        self.keep = keep
        self.never = never
        self.names = Pseudonyms(key)
        self.places = places
        self.known = [places.of(each.oid) for each in told]
        self._seen: dict[bytes, tuple[bytes, bool]] = {}
        self.own = {
            each.value.strip(PADDING)
            for each in told
            if each.oid in _OWN and isinstance(each.value, bytes) and each.value.strip(PADDING)
        }
        self.said: set[bytes] = set()  # what stays because a maker says it
        self.makers = self._makers()
        self.indexes = Indexes(self.names, self.makers)
        for text in (*never, *sorted(self.own)):
            self.names.text(text)

    def _makers(self) -> frozenset[bytes]:
        """Return the words of models, versions and states; the device's own name, place and keeper are none."""
        found = {word for text in self.places.words for word in harmless.runs(text.encode())}
        for each, known in zip(self.told, self.known, strict=True):
            if not known.told_by_makers or known.names or each.oid == _DESCRIPTION or _under(each.oid, PORTS):
                continue
            if isinstance(each.value, bytes) and readable(each.value):
                found |= harmless.runs(each.value)
        gone = {run for text in (*self.own, *self.never) for run in harmless.runs(text)}
        return frozenset(found - gone)

    def whole(self) -> list[Varbind]:
        """Return the walk with pseudonyms: names in OIDs first, so that texts that stay tell none of them either."""
        told = list(zip(self.told, self.known, strict=True))
        self.indexes.learn((each.oid, known) for each, known in told)
        values = [self.value(each, known) for each, known in told]
        self.indexes.learnt()
        oids = [self._oid(each.oid, known) for each, known in reversed(told)][::-1]
        for at, (value, _) in enumerate(values):
            if self.told[at].tag == OBJECT_IDENTIFIER and isinstance(value, str) and value.count(".") > 7:
                named = parse(value)
                values[at] = dotted(self.indexes.fresh(named, self.places.of(named))), False
        if len(set(oids)) < len(oids):
            raise CollectorError("two rows would get one name; record again, the pseudonyms are drawn anew")
        hide = self._inside()
        made = []
        for each, oid, (value, stays) in zip(reversed(self.told), reversed(oids), reversed(values), strict=True):
            shown = hide(each.oid, value) if stays and isinstance(value, bytes) else value
            made.append(each if oid is each.oid and shown == each.value else Varbind(oid, each.tag, shown))
        return sorted(made)  # the description came last

    def _oid(self, oid: Oid, known: Known) -> Oid:
        fresh = self.indexes.fresh(oid, known)
        return oid if fresh == oid else fresh  # millions stay as they are

    def value(self, each: Varbind, known: Known) -> tuple[int | bytes | str | None, bool]:
        """Return the value as it may be told, and whether it stays as a text in which something may still be hidden."""
        value = each.value
        if isinstance(value, int) and known.names and abs(value) > 999 and not known.is_no_value(value):
            return self.names.number(value), False  # a cell's number tells where it stands
        if not isinstance(value, bytes) or not value.strip(PADDING):
            return value, False
        if each.tag == IP_ADDRESS:
            return (self.names.ip(value) if len(value) == 4 else value), False
        if each.tag == OPAQUE and value[:2] in _FLOATS:
            return value, False
        if value in self.never or each.oid in _OWN:
            return self.names.text(value), False
        if known.columns and known.is_no_value(value):
            return value, False
        if each.oid[: len(_SYSTEM_GROUP)] == _SYSTEM_GROUP and readable(value):
            return value, True
        if _under(each.oid, PORTS) and readable(value):
            return self._port(value), True
        if known.names:
            return self._named(known, value), False
        if known.measures(value):
            self.said.add(value)
            return value, False
        if known.told_by_makers and readable(value):
            self.said.add(value.strip(PADDING))
            return value, True
        if _under(each.oid, self.keep):
            return self._unknown(value, keep=True)
        if value not in self._seen:
            self._seen[value] = self._unknown(value)
        return self._seen[value]

    def _named(self, known: Known, value: bytes) -> bytes:
        """Return the pseudonym of what names, in the form in which its column is read."""
        bare = value.strip(PADDING)
        if not bare.strip(b"0") or bare.lower() in self.places.no_values:
            return value
        if len(value) == 6 and (known.readers & {"mac", "onu_identity"} or not readable(value)):
            return self.names.mac(value)
        if len(value) == 4 and "ipv4" in known.readers:
            return self.names.ip(value)
        octets = bool(known.readers & {"pon_serial", "onu_identity"}) or not readable(value)
        serial = self.names.serial(value, octets=octets) or self.names.serial(bare, octets=False)
        if serial is not None:
            return serial
        if readable(value) or gb18030(value):
            return self.names.address(value) or self.names.text(value)
        return self._binary(value)

    def _unknown(self, value: bytes, *, keep: bool = False) -> tuple[bytes, bool]:
        if not readable(value):
            named = gb18030(value) and (len(value) != 6 or bool(value[0] & 1))
            return (self.names.text(value) if named else self._binary(value)), False
        bare = value.strip(PADDING)
        serial = self.names.serial(bare, octets=False)
        if serial is not None and not bare.isdigit():
            return serial, False
        address = self.names.address(value)
        if address is not None:
            return address, False
        if bare.lower() in self.places.no_values or harmless.worded(value, self.makers) or keep:
            return value, True
        return self.names.text(value), False

    def _binary(self, value: bytes) -> bytes:
        """Return for octets that no text is: an address for one, dates and bits as they are, else as many others."""
        if len(value) == 4:
            return self.names.ip(value)
        if len(value) == 6:
            return self.names.mac(value)
        serial = self.names.serial(value, octets=True)
        if serial is not None:
            return serial
        if len(value) < 4 or _date(value) or sum(octet not in (0, 255) for octet in value) <= _MOST_BITS:
            return value
        return self.names.ip6(value) if len(value) == 16 else self.names.octets(value)

    def _port(self, value: bytes) -> bytes:
        """Return an interface's name with pseudonyms for the words in it that are none of the trade."""
        address = self.names.address(value)
        if address is not None:
            return address
        if self.names.inside(value) != value:
            return self.names.text(value)
        for part in sorted(harmless.port(value, self.makers), key=len, reverse=True):
            value = value.replace(part, self.names.text(part))
        return value

    # ---- inside texts that stay

    def needles(self) -> set[bytes]:
        """Return the texts that are looked for inside others: names, but for words that are everybody's."""
        secret = self.never | self.own
        found = {text for text in self.names.texts if len(text) >= _LEAST and readable(text)}
        return {text for text in found if text in secret or not self._is_told(text)}

    def _is_told(self, text: bytes) -> bool:
        """Whether a maker says it too: a model, the letters of its serial numbers, a word of the trade."""
        letters = any(serial.startswith(text) for serial in self.names.serials) and len(text) == _LEAST
        return letters or text in self.said or (harmless.number(text) and not harmless.port(text, self.makers))

    def _inside(self) -> Callable[[Oid, bytes], bytes]:
        """Return what hides what may still stand in a text that stays."""
        written = tree(self.needles())
        own = {name for text in self.own for name in (text, text.partition(b".")[0])}
        short = [name for name in own if len(name) > 1 and readable(name) and not self._everybodys(name)]
        alone = re.compile(
            rb"(?<![0-9A-Za-z])(?:"
            + b"|".join(map(re.escape, sorted(short, key=len, reverse=True)))
            + rb")(?![0-9A-Za-z])"
        )

        @cache
        def within(value: bytes, *, described: bool, system: bool) -> bytes:
            if described:
                value = _UNIX.sub(self._group, value)
                value = alone.sub(lambda found: self.names.text(found[0]), value) if short else value
            value = _SAID.sub(self._group, value)
            value = _LONG.sub(lambda found: self.names.text(found[0]), value)
            value = self.names.inside(value, versions=system)
            return written.sub(lambda found: self.names.texts[found[0]], value) if written else value

        def hide(oid: Oid, value: bytes) -> bytes:
            return within(value, described=oid == _DESCRIPTION, system=oid[: len(_SYSTEM_GROUP)] == _SYSTEM_GROUP)

        return hide

    def _everybodys(self, name: bytes) -> bool:
        """Whether a device's name is a maker's word, as that of a device that nobody named."""
        described = next((each.value for each in self.told if each.oid == _DESCRIPTION), b"")
        begins = isinstance(described, bytes) and described.startswith(name)
        return begins or name.lower() in harmless.WORDS

    def _group(self, found: re.Match[bytes]) -> bytes:
        start, end = found.span(1)
        word = found[1]
        if word.startswith(b"text-") or word.lower() in harmless.WORDS:
            return found[0]
        return found[0][: start - found.start()] + self.names.text(word) + found[0][end - found.start() :]


def gb18030(value: bytes) -> bool:
    """Whether octets are a name in GB18030, which devices of this country write."""
    bare = value.rstrip(PADDING)
    if len(bare) < 4 or readable(bare):
        return False
    try:
        return bare.decode("gb18030").isprintable()
    except UnicodeDecodeError:
        return False


def _date(value: bytes) -> bool:
    try:
        return 1970 <= int(date_and_time(value)[:4]) <= 2100
    except UnreadableError:
        return False


def _under(oid: Oid, places: Iterable[Oid]) -> bool:
    return any(oid[: len(place)] == place for place in places)
