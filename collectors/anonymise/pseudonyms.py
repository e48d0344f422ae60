"""Keyed pseudonyms: equal things get equal ones, in whatever writing; each keeps its form, so that it still reads.

The maker's half of a MAC address and the maker's letters of a GPON serial number stay; an IPv4 address becomes one of
10.0.0.0/8, an IPv6 address one of documentation's (RFC 3849). Nobody keeps the key.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T", bytes, int)

_PAIRS: Final = re.compile(
    rb"(?<![0-9A-Fa-f:])[0-9A-Fa-f]{1,2}:(?:[0-9A-Fa-f]{1,2}:){4}[0-9A-Fa-f]{1,2}(?![0-9A-Fa-f]|:[0-9A-Fa-f:])"
    rb"|(?<![0-9A-Fa-f])[0-9A-Fa-f]{2}([- ])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![0-9A-Fa-f]|[- ][0-9A-Fa-f]{2}\b)"
)
_QUADS: Final = re.compile(rb"(?<![0-9A-Fa-f])[0-9A-Fa-f]{4}([.-])[0-9A-Fa-f]{4}\1[0-9A-Fa-f]{4}(?![0-9A-Fa-f])")
_BARE: Final = re.compile(rb"[0-9A-Fa-f]{12}")
_ALONE: Final = re.compile(rb"(?<![0-9A-Za-z])[0-9A-Fa-f]{12}(?![0-9A-Za-z])")
_SERIALS: Final = re.compile(  # within a text: in capitals, or in hexadecimal and of a maker in capitals
    rb"(?<![0-9A-Za-z])(?:[A-Z]{4}[0-9A-F]{8}|(?:4[1-9A-Fa-f]|5[0-9Aa]){4}[0-9A-Fa-f]{8})(?![0-9A-Za-z])"
)
_IP: Final = re.compile(rb"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9]|\.[0-9])")
_IP6: Final = re.compile(rb"(?<![0-9A-Fa-f:.])(?=[0-9A-Fa-f:.]*:[0-9A-Fa-f]*:)[0-9A-Fa-f:.]{2,45}(?![0-9A-Fa-f:])")
_MAIL: Final = re.compile(rb"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_VERSION: Final = re.compile(
    rb"(?:version|release|software|firmware|build|rev|ver|[vr])[ :.-]*(?:[0-9.]+[-_/ ])*$", re.IGNORECASE
)
_PON: Final = re.compile(rb"([A-Za-z]{4})([-,:]?)([0-9A-Fa-f]{8})")
_PON_HEX: Final = re.compile(rb"[0-9A-Fa-f]{16}")
_GROUPS: Final = (b"\x01\x00\x5e", b"\x01\x80\xc2", b"\x01\x00\x0c", b"\x01\x00\x81")  # addresses of protocols
_SHARED: Final = tuple(map(ipaddress.ip_network, ("100.64.0.0/10", "169.254.0.0/16")))
PADDING: Final = b"\0 \t\r\n"


class Pseudonyms:
    """What was replaced by what."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.macs: dict[bytes, bytes] = {}
        self.ips: dict[bytes, bytes] = {}
        self.ip6s: dict[bytes, bytes] = {}
        self.serials: dict[bytes, bytes] = {}  # of GPON, as `HWTC01234567`
        self.texts: dict[bytes, bytes] = {}
        self.guessed: set[bytes] = set()  # addresses that only an index seems to hold: they may begin an arc too early
        self._numbers: dict[int, int] = {}
        self._taken: set[bytes | int] = set()

    def _mark(self, kind: bytes, value: bytes, octets: int) -> bytes:
        return hmac.digest(self._key, kind + b"\0" + value, "sha256")[:octets]

    def _keep(self, into: dict[_T, _T], value: _T, kind: bytes, make: Callable[[bytes], _T]) -> _T:
        """Keep a pseudonym that no other one has: of ten thousand addresses of one maker some would be alike.

        `make` makes one of eight octets.
        """
        whole = b"%d" % value if isinstance(value, int) else value
        for turn in range(1 << 16):
            fresh = make(self._mark(kind, whole + b"\0" * turn, 8))
            if fresh not in self._taken:
                break
        self._taken.add(fresh)
        into[value] = fresh
        return fresh

    def mac(self, value: bytes) -> bytes:
        """Return an address of the same maker for six octets; none for zeros, for everybody's and protocols'."""
        if value in (b"\0" * 6, b"\xff" * 6) or value[:3] in _GROUPS or value[:2] == b"\x33\x33":
            return value
        return self.macs.get(value) or self._keep(self.macs, value, value[:3], lambda mark: value[:3] + _large(mark))

    def ip(self, value: bytes) -> bytes:
        """Return an address for four octets; none for what is nobody's: masks, loopback, multicast."""
        number = int.from_bytes(value, "big")
        netmask = number and not (~number & 0xFFFFFFFF) & ((~number & 0xFFFFFFFF) + 1)
        if value[0] in (0, 127) or value[0] >= 224 or netmask:
            return value
        return self.ips.get(value) or self._keep(self.ips, value, b"\x0a", lambda mark: b"\x0a" + _large(mark))

    def ip6(self, value: bytes) -> bytes:
        """Return an address for sixteen octets; a local one holds a MAC address, so it gets one too."""
        address = ipaddress.IPv6Address(value)
        if address.is_unspecified or address.is_loopback or address.is_multicast:
            return value
        return self.ip6s.setdefault(value, b"\x20\x01\x0d\xb8" + self._mark(b"ip6", value, 12))

    def serial(self, value: bytes, *, octets: bool) -> bytes | None:
        """Return a GPON serial number in the same writing (ITU-T G.984.3 9.2.4.1); None when it is none.

        `octets` says that eight of them are meant as such, and are no text of eight letters.
        """
        if octets and len(value) == 8 and re.fullmatch(rb"[A-Z0-9]{4}", value[:4]):
            return value[:4] + bytes.fromhex(self._digits(value[:4], value[4:].hex().upper().encode()).decode())
        if found := _PON.fullmatch(value):
            fresh = self._digits(found[1].upper(), found[3].upper())
            return found[1] + found[2] + (fresh if found[3] == found[3].upper() else fresh.lower())
        if _PON_HEX.fullmatch(value):
            inner = bytes.fromhex(value.decode())
            made = self.serial(inner, octets=True) if inner[:4].isalnum() else None
            if made is not None:
                shown = made.hex().encode()
                return shown.upper() if value == value.upper() else shown
        return None

    def _digits(self, maker: bytes, digits: bytes) -> bytes:
        if not digits.strip(b"0"):
            return digits
        whole = maker + digits
        fresh = self.serials.get(whole) or self._keep(
            self.serials, whole, b"serial", lambda mark: maker + mark[:4].hex().upper().encode()
        )
        return fresh[4:]

    def text(self, value: bytes) -> bytes:
        """Return a pseudonym for a text; what pads it makes no difference."""
        bare = value.strip(PADDING)
        return self.texts.get(bare) or self._keep(
            self.texts, bare, b"text", lambda mark: b"text-" + mark[:4].hex().encode()
        )

    def number(self, value: int) -> int:
        """Return a number of as many digits."""
        least: int = 10 ** (len(str(abs(value))) - 1)
        return self._numbers.get(value) or self._keep(
            self._numbers, value, b"number", lambda mark: least + int.from_bytes(mark, "big") % (9 * least)
        )

    def octets(self, value: bytes) -> bytes:
        """Return as many octets that say nothing; zeros at the end are padding and stay."""
        bare = value.rstrip(b"\0")
        made = b"".join(self._mark(b"octets%d" % at, bare, 32) for at in range(0, len(bare), 32))
        return made[: len(bare)] + value[len(bare) :]

    def address(self, value: bytes) -> bytes | None:
        """Return the pseudonym of a text that is an address and nothing else; None when it is none."""
        bare = value.strip(PADDING)
        if _BARE.fullmatch(bare):
            return self._mac_text(bare) if bare.strip(b"0") else value
        for pattern in (_PAIRS, _QUADS, _IP, _IP6):
            if pattern.fullmatch(bare):
                made = self.inside(value)
                return made if made != value or pattern is not _IP6 else None
        return None

    def inside(self, value: bytes, *, versions: bool = True) -> bytes:
        """Replace the addresses that stand in a text; four numbers behind a word such as `version` are none.

        `versions=False`: four numbers are an address wherever they stand only when they were one elsewhere.
        """
        value = _MAIL.sub(lambda found: self.text(found[0]), value)
        for pattern in (_PAIRS, _QUADS):
            value = pattern.sub(lambda found: self._mac_text(found[0]), value)
        value = _ALONE.sub(lambda found: self._mac_text(found[0]) if self._is_known(found[0]) else found[0], value)
        value = _SERIALS.sub(lambda found: self.serial(found[0], octets=False) or found[0], value)
        value = _IP6.sub(self._ip6_text, value)
        return _IP.sub(lambda found: self._ip_text(found, sure=versions), value)

    def _is_known(self, digits: bytes) -> bool:
        return bytes.fromhex(digits.decode()) in self.macs

    def _mac_text(self, written: bytes) -> bytes:
        parts = re.split(rb"[^0-9A-Fa-f]", written)
        octets = bytes.fromhex(
            "".join(part.decode().zfill(2) for part in parts) if len(parts) == 6 else b"".join(parts).decode()
        )
        fresh = self.mac(octets).hex()
        if len(parts) == 6:
            shown = [format(int(fresh[2 * at : 2 * at + 2], 16), f"0{len(part)}x") for at, part in enumerate(parts)]
            made = written[len(parts[0]) : len(parts[0]) + 1].decode().join(shown)
        else:
            digits = iter(fresh)
            made = "".join(next(digits) if chr(each) in "0123456789abcdefABCDEF" else chr(each) for each in written)
        return (made.upper() if written.upper() == written else made).encode()

    def _ip_text(self, found: re.Match[bytes], *, sure: bool) -> bytes:
        parts = [int(part) for part in found[0].split(b".")]
        if max(parts) > 255:
            return found[0]
        octets = bytes(parts)
        private = ipaddress.IPv4Address(octets).is_private or any(
            ipaddress.IPv4Address(octets) in net for net in _SHARED
        )
        version = _VERSION.search(found.string[: found.start()]) is not None
        if octets not in self.ips and not private and (version or not sure):
            return found[0]
        return b".".join(str(each).encode() for each in self.ip(octets))

    def _ip6_text(self, found: re.Match[bytes]) -> bytes:
        try:
            octets = ipaddress.IPv6Address(found[0].decode()).packed
        except ValueError:
            return found[0]
        return str(ipaddress.IPv6Address(self.ip6(octets))).encode()


def _large(mark: bytes) -> bytes:
    """Return the first three octets that lie together and are not all small.

    Small ones stand in OIDs everywhere and stay there: a pseudonym like them could be the name of another row.
    """
    return next((mark[at : at + 3] for at in range(len(mark) - 2) if max(mark[at : at + 3]) > 31), b"\xff" + mark[:2])
