"""Pure readers of a table's index: numbers of an OID → the parts that name a row. No profile, no device here.

Readers are named in the closed map at the end; profiles name them and can bring no code of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from collectors.convert import UnreadableError, text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True)
class Part:
    """One decoded part of a table index: what it is shown as, and the identity prefix it may carry (`mac:`)."""

    shown: str
    prefix: str = ""


def _index_mac(arcs: Sequence[int]) -> tuple[Part, int]:
    _octets(arcs, 6, "a MAC address")
    return Part(bytes(arcs[:6]).hex(), "mac:"), 6


def _index_integer(arcs: Sequence[int]) -> tuple[Part, int]:
    if not arcs:
        raise UnreadableError("expected one more number in the index")
    return Part(str(arcs[0])), 1


def _index_ipv4(arcs: Sequence[int]) -> tuple[Part, int]:
    _octets(arcs, 4, "an IP address")
    return Part(".".join(map(str, arcs[:4]))), 4


def _index_string(arcs: Sequence[int]) -> tuple[Part, int]:
    """Read a string after its length (RFC 2578 7.7, variable-length without IMPLIED)."""
    length = arcs[0] if arcs else -1
    _octets(arcs[1:], length, "a string after its length")
    return Part(text(bytes(arcs[1 : 1 + length]))), 1 + length


def _index_string_mac(arcs: Sequence[int]) -> tuple[Part, int]:
    """Read a MAC address with its length 6 before it."""
    if not arcs or arcs[0] != 6:
        raise UnreadableError("expected the length 6 before a MAC address in the index")
    part, _ = _index_mac(arcs[1:])
    return part, 7


def _index_serial(arcs: Sequence[int]) -> tuple[Part, int]:
    """Read a serial number after its length: an identity of its own."""
    part, used = _index_string(arcs)
    return Part(part.shown.strip(), "sn:"), used


def _index_implied(arcs: Sequence[int]) -> tuple[Part, int]:
    _octets(arcs, len(arcs), "a string to the end")
    return Part(text(bytes(arcs))), len(arcs)


def _octets(arcs: Sequence[int], count: int, what: str) -> None:
    if count < 0 or len(arcs) < count or any(not 0 <= a <= 255 for a in arcs[:count]):
        raise UnreadableError(f"expected {what} in the index")


def _port(*fields: tuple[int, int]) -> Callable[[Sequence[int]], tuple[Part, int]]:
    """Read one number as bit fields (shift, bits), shown as `1/2/3`."""

    def read(arcs: Sequence[int]) -> tuple[Part, int]:
        if not arcs:
            raise UnreadableError("expected a port number in the index")
        return Part("/".join(str(arcs[0] >> shift & (1 << bits) - 1) for shift, bits in fields)), 1

    return read


INDEX_READERS: dict[str, Callable[[Sequence[int]], tuple[Part, int]]] = {
    "integer": _index_integer,
    "mac": _index_mac,
    "string_mac": _index_string_mac,
    "ipv4": _index_ipv4,
    "string": _index_string,
    "serial": _index_serial,
    "implied_string": _index_implied,
    "huawei_pon_port": _port((19, 6), (13, 6), (8, 5)),  # frame, slot, port: ifIndex 0xFA000000 + …
    "zte_pon_port": _port((16, 8), (8, 8), (0, 8)),  # 1082 tree: shelf, slot, port: 0x11010203 is gpon_1/2/3
    "zte_pon_port_1012": _port((24, 4), (16, 8), (8, 8)),  # 1012 tree: shelf, slot, port in the upper octets
    "fiberhome_onu": _port((25, 7), (19, 6), (8, 11)),  # slot, PON, ONU in one number
    "fiberhome_pon": _port((25, 7), (19, 6)),  # slot, PON
    "nscrtv_onu": _port((24, 8), (16, 8), (8, 8), (0, 8)),  # device, card, port, ONU: an octet each
}
"""How a table's index is cut: each reader takes arcs from the front and says how many it used."""
