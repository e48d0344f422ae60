"""One record being read: its named values, each by a typed reader. What is wrong is noted, all of it, not the first."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from inventory.errors import nearest
from inventory.reading.tree import Many, Node, Notes, Scalar, Table
from inventory.times import instant

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from zoneinfo import ZoneInfo

SLUG = re.compile(r"[a-z0-9][a-z0-9_.-]*")
DECIMAL = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,12})?")
_WHOLE = re.compile(r"-?[0-9]{1,15}")
_UNFIT = frozenset({"Cc", "Cs", "Co"})  # control, surrogate, private use: a font, not the text, says what it shows
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")  # could show another text
MOST_TEXT = 200
MOST_SLUG = 100


class Form:
    """The values of one record. `at` is its dotted path inside its file, for the places of its parts."""

    def __init__(self, subject: str, file: str, table: Table, known: Collection[str], notes: Notes) -> None:
        self.subject = subject
        self.file = file
        self.table = table
        self.notes = notes
        self.good = True
        for key in table.entries:
            if key not in known:
                self.wrong(key, f"{subject} has no '{key}'", nearest(key, known))

    def where(self, key: str = "") -> str:
        """Return `file:line` of a value, or of the record."""
        node = self.table.entries.get(key)
        line = self.table.lines.get(key) or (node.line if node else self.table.line)
        return f"{self.file}:{line}"

    def wrong(self, key: str, what: str, remedy: str) -> None:
        """Note a problem at a value; the record will not be used."""
        self.notes.add(self.where(key), what, remedy)
        self.good = False

    def has(self, key: str) -> bool:
        """Whether the value is stated."""
        node = self.table.entries.get(key)
        return node is not None and not (isinstance(node, Scalar) and not node.text)

    def _written(self, key: str, *, need: bool) -> str:
        node = self.table.entries.get(key)
        if isinstance(node, (Many, Table)):
            self.wrong(key, f"'{key}' of {self.subject} is a list or a map", "write one value")
            return ""
        if node is None or not node.text:
            if need:
                self.wrong(key, f"{self.subject} lacks '{key}'", f"add `{key}`")
            return ""
        return node.text

    def text(self, key: str, *, need: bool = False, most: int = MOST_TEXT) -> str:
        """Return free text without control, private-use or direction-turning characters."""
        written = self._written(key, need=need)
        if len(written) > most:
            self.wrong(key, f"'{key}' has {len(written)} characters", f"use at most {most}")
            return ""
        for char in written:
            if char in _TURNS or unicodedata.category(char) in _UNFIT:
                self.wrong(key, f"'{key}' holds the character U+{ord(char):04X}", "remove it; it does not print")
                return ""
        return written

    def slug(self, key: str, *, need: bool = False, most: int = MOST_SLUG) -> str:
        """Return an id: lower-case ASCII letters, digits, `_`, `.`, `-`."""
        return self._slug(key, self._written(key, need=need), most)

    def _slug(self, key: str, written: str, most: int = MOST_SLUG) -> str:
        if written and (len(written) > most or not SLUG.fullmatch(written)):
            remedy = f"use a-z, 0-9, _ . - and start with a letter or digit, at most {most}"
            self.wrong(key, f"'{key}' is '{_short(written)}', which is no id", remedy)
            return ""
        return written

    def slugs(self, key: str, known: Collection[str] = ()) -> tuple[str, ...]:
        """Return ids, in order and once: a YAML list, or one cell separated by semicolons."""
        node = self.table.entries.get(key)
        if isinstance(node, Many):
            written = [item.text if isinstance(item, Scalar) else "{" for item in node.items]
        else:
            written = [part.strip() for part in self._written(key, need=False).split(";")]
        found = [self._slug(key, part) for part in written if part]
        for part in found:
            if known and part and part not in known:
                self.wrong(key, f"'{part}' in '{key}' is not known", nearest(part, known))
        return tuple(sorted({part for part in found if part}))

    def choice(self, key: str, options: Sequence[str], *, default: str = "") -> str:
        """Return one of a closed set of words; without a default it is needed."""
        written = self._written(key, need=not default) or default
        if written and written not in options:
            self.wrong(key, f"'{key}' is '{_short(written)}'", nearest(written, options))
            return default or options[0]
        return written or options[0]

    def whole(self, key: str, *, default: int | None = None, low: int = 0, high: int = 2**31) -> int:
        """Return a whole number between two bounds; without a default it is needed."""
        written = self._written(key, need=default is None)
        if not written:
            return default or 0
        if not _WHOLE.fullmatch(written) or not low <= int(written) <= high:
            self.wrong(key, f"'{key}' is '{_short(written)}'", f"expected a whole number from {low} to {high}")
            return default or 0
        return int(written)

    def decimal(self, key: str, *, need: bool = False, default: str = "", low: str = "", high: str = "") -> str:
        """Return an exact decimal as written, such as `99.90`; no exponent, no digit lost."""
        written = self._written(key, need=need) or default
        if not written:
            return ""
        if not DECIMAL.fullmatch(written):
            self.wrong(key, f"'{key}' is '{_short(written)}'", "expected a decimal number like 99.95")
            return default
        if (low and Decimal(written) < Decimal(low)) or (high and Decimal(written) > Decimal(high)):
            self.wrong(key, f"'{key}' is {written}", f"expected a number from {low} to {high}")
            return default
        return written

    def moment(self, key: str, zone: ZoneInfo, *, need: bool = False) -> int | None:
        """Return an instant in milliseconds UTC; a date is its midnight in `zone`."""
        written = self._written(key, need=need)
        if not written:
            return None
        try:
            return instant(written, zone)
        except ValueError as error:
            self.wrong(key, f"'{key}' of {self.subject}: {error}", "")
            return None

    def address(self, key: str) -> str:
        """Return an IP address in its one written form; names are refused, because who answers must not move."""
        written = self._written(key, need=False)
        if not written:
            return ""
        try:
            address = ipaddress.ip_address(written)
        except ValueError:
            address = None
        if isinstance(address, ipaddress.IPv6Address):
            address = address.ipv4_mapped or (None if address.is_link_local else address)  # one on every link
        if address is None or address.is_multicast or address.is_unspecified or "%" in written:
            remedy = "expected the IPv4 or IPv6 address of one device; write the port in 'port'"
            self.wrong(key, f"'{key}' is '{_short(written)}'", remedy)
            return ""
        return str(address)

    def mac(self, key: str) -> str:
        """Return a MAC address as 12 lower-case hex digits, however it is separated."""
        written = self._written(key, need=False)
        plain = hex_mac(written)
        if written and not plain:
            self.wrong(key, f"'{key}' is '{_short(written)}'", "expected a MAC address like 0a:0b:0c:0d:0e:0f")
        return plain

    def maps(self, key: str) -> list[Table]:
        """Return a list of maps."""
        node = self.table.entries.get(key)
        if node is None or (isinstance(node, Scalar) and not node.text):
            return []
        items = node.items if isinstance(node, Many) else (node,)
        found = [item for item in items if isinstance(item, Table)]
        if not isinstance(node, Many) or len(found) != len(items):
            self.wrong(key, f"'{key}' of {self.subject} is no list of maps", "write entries that start with `- `")
        return found

    def map(self, key: str) -> Table | None:
        """Return a map, or None when it is not stated."""
        node: Node | None = self.table.entries.get(key)
        if node is None or isinstance(node, Table):
            return node
        self.wrong(key, f"'{key}' of {self.subject} is no map", "write `key: value` lines below it")
        return None


def hex_mac(written: str) -> str:
    """Return the 12 lower-case hex digits of a MAC address, or the empty string."""
    plain = re.sub(r"[:.\-]", "", written).lower()
    return plain if re.fullmatch(r"[0-9a-f]{12}", plain) else ""


def number(written: str) -> Decimal | None:
    """Return the number of a written decimal, None for an empty one."""
    try:
        return Decimal(written) if written else None
    except InvalidOperation:
        return None


def _short(written: str) -> str:
    shown = written if len(written) <= 60 else written[:57] + "…"
    return "".join(char if char.isprintable() else "�" for char in shown)
