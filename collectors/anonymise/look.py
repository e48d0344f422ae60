"""The last look at a recording with pseudonyms: nothing that was replaced may still be read in it. Pure."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from collectors.errors import CollectorError
from collectors.snmp.varbind import dotted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from collectors.anonymise.pseudonyms import Pseudonyms
    from collectors.snmp.varbind import Oid, Varbind

_IP = re.compile(rb"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9])")
_HEX = re.compile(rb"[0-9a-f]{12,}")
_HERE = -1
_LEAST_ARCS = 7  # letters; six and fewer are octets of an address as well


def look_again(made: Sequence[Varbind], names: Pseudonyms, texts: Collection[bytes]) -> None:
    """Refuse a result in which something that was replaced can still be read."""
    fresh = set(names.macs.values())
    macs = {mac for mac, new in names.macs.items() if mac != new} - fresh - names.guessed
    ips = {".".join(map(str, ip)).encode() for ip, new in names.ips.items() if ip != new and new not in names.ips}
    serials = {serial for serial, new in names.serials.items() if serial != new}
    written = tree({*texts, *serials})
    spelt = tree(text for text in {*texts, *serials} if len(text) >= _LEAST_ARCS)

    @cache
    def tells(value: bytes) -> bool:
        if _holds(value, macs):
            return True
        if not readable(value):
            return False
        spelled = re.sub(rb"[^0-9a-f]", b"", value.lower()) if len(value) >= 12 else b""
        half = any(
            bytes.fromhex(run[at : at + 12].decode()) in macs
            for run in _HEX.findall(spelled)
            for at in range(len(run) - 11)
        )
        return half or any(ip in ips for ip in _IP.findall(value)) or bool(written and written.search(value))

    places = []
    for each in made:
        arcs, value = _arcs(each.oid[8:]), each.value
        if (
            _holds(arcs, macs)
            or (isinstance(value, bytes) and tells(value))
            or (spelt and spelt.search(arcs) and not (isinstance(value, bytes) and readable(value)))
        ):
            places.append(each.oid)
    if places:
        shown = ", ".join(dotted(oid) for oid in places[:5])
        raise CollectorError(
            f"{len(places)} objects would still tell what was to be hidden, the first are {shown}; nothing was written"
        )


def tree(texts: Iterable[bytes]) -> re.Pattern[bytes] | None:
    """Return a pattern for any of these texts, the longest first, that does not take longer the more there are."""
    root: dict[int, Any] = {}
    for text in texts:
        node = root
        for octet in text:
            node = node.setdefault(octet, {})
        node[_HERE] = {}
    return re.compile(_branch(root)) if root else None


def readable(value: bytes) -> bool:
    """Whether octets are a text in UTF-8; blanks and NULs behind it are padding."""
    try:
        return value.rstrip(b"\0 \r\n\t").decode("utf-8").isprintable()
    except UnicodeDecodeError:
        return False


def _branch(node: dict[int, Any]) -> bytes:
    chain = b""
    while len(node) == 1 and _HERE not in node:
        ((octet, node),) = node.items()
        chain += re.escape(bytes((octet,)))
    ways = [re.escape(bytes((octet,))) + _branch(below) for octet, below in node.items() if octet != _HERE]
    if not ways:
        return chain
    return chain + b"(?:" + b"|".join(ways) + b")" + (b"?" if _HERE in node else b"")


def _holds(octets: bytes, macs: AbstractSet[bytes]) -> bool:
    if not macs or len(octets) < 6:
        return False
    return not macs.isdisjoint([octets[at : at + 6] for at in range(len(octets) - 5)])


def _arcs(oid: Oid) -> bytes:
    try:
        return bytes(oid)
    except ValueError:
        return bytes(arc if arc < 256 else 0 for arc in oid)
