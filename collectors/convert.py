"""Pure readers: what a device sent → a number, a text, an identity. No profile, no device, no clock here.

Readers are named in the closed maps at the end; profiles name them and can bring no code of their own. How the index
of a table is cut stands in `indexes.py`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from math import log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

Scalar = int | bytes | str | None
"""The value of a varbind: integers, octets, a dotted OID, or nothing."""

IP_ADDRESS = 0x40  # RFC 2578 7.1.5
COUNTER32 = 0x41
OCTETS = 0x04

_WRITTEN_DATE = re.compile(rb"((?!0000)\d{4}[-/]\d{2}[-/]\d{2})[ T](\d{2}:\d{2}:\d{2})")
_NUMBER = re.compile(r"([-+]?\d{1,20}(?:\.\d{1,12})?)\s*(\S.{0,15})?", re.DOTALL)
_WITH_UNIT = re.compile(r"([-+]?\d{1,20}(?:\.\d{1,12})?)\s*\(?\s*([.°%A-Za-z]{1,12})")
_SHOWN_LIMIT = 4096  # characters of a text that are kept; longer ones are cut visibly


class UnreadableError(ValueError):
    """The value is not what the reader expects; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Linear:
    """value = raw x scale + offset, exactly: one correctly rounded division of integers."""

    scale: int = 1
    offset: int = 0
    divisor: int = 1

    def apply(self, raw: int | Fraction) -> float | int:
        """Return the value in the metric's unit; whole numbers stay integers when nothing is scaled."""
        if isinstance(raw, int):
            top = raw * self.scale + self.offset
            return top if self.divisor == 1 else top / self.divisor
        scaled = (raw * self.scale + self.offset) / self.divisor
        return float(scaled)


IDENTITY = Linear()


def linear(scale: str, offset: str) -> Linear:
    """Build a Linear from decimal texts such as `0.002` and `-30`; ValueError when they are no plain decimals."""
    factor, shift = _decimal(scale), _decimal(offset)
    divisor = factor.denominator * shift.denominator // _gcd(factor.denominator, shift.denominator)
    return Linear(int(factor * divisor), int(shift * divisor), divisor)


def _gcd(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a


def _decimal(text: str) -> Fraction:
    if not re.fullmatch(r"[-+]?\d{1,12}(\.\d{1,12})?", text):
        raise ValueError(f"{text!r} is no plain decimal number")
    return Fraction(text)


def number(value: Scalar, unit: str) -> int | Fraction:
    """Return the number in an integer, or in a text that is one number with or without `unit` ("-23.4 dBm")."""
    if isinstance(value, int):
        return value
    if not isinstance(value, bytes):
        raise UnreadableError("expected a number")
    try:
        written = value.decode("ascii").strip(" \t\r\n\0")
    except UnicodeDecodeError:
        raise UnreadableError("expected a number, got octets that are no text") from None
    found = _NUMBER.fullmatch(written)
    if not found:
        raise UnreadableError("expected a number, got a text")
    suffix = (found[2] or "").strip()
    if suffix and suffix.lower() not in _SPELLINGS.get(unit, (unit.lower(),)):
        raise UnreadableError(f"expected a number in {unit or 'no unit'}, got the unit {suffix[:16]!r}")
    exact = Fraction(found[1])
    return int(exact) if exact.denominator == 1 and "." not in found[1] else exact


def wrapped16(value: Scalar, unit: str) -> int | Fraction:
    """Return a 16-bit number in two's complement that the agent sent without sign: 65000 is -536."""
    got = number(value, unit)
    return got - 2**16 if isinstance(got, int) and 2**15 <= got < 2**16 else got


def unit_number(value: Scalar, unit: str) -> int | Fraction:
    """Return the one number of a text that carries `unit`: -14.61 of "0.03 mW (-14.61 dBm)", 47.957 of "47.957(C)"."""
    if not isinstance(value, bytes):
        return number(value, unit)
    try:
        return number(value, unit)
    except UnreadableError:
        spellings = _SPELLINGS.get(unit, (unit.lower(),))
    found = {
        Fraction(match[1])
        for match in _WITH_UNIT.finditer(value.decode("utf-8", "replace"))
        if match[2].lower().lstrip(".") in spellings
    }
    if len(found) != 1:
        raise UnreadableError(f"expected one number in {unit or 'no unit'}")
    return found.pop()


def tenth_microwatt(value: Scalar, unit: str) -> Fraction:
    """Return the level in dBm of an optical power in 0.1 uW, the unit of SFF-8472 (table 9-11); none for no light."""
    got = number(value, unit)
    if got <= 0:
        raise UnreadableError("expected an optical power above 0")
    return Fraction(str(round(10 * log10(got / 10_000), 3)))


def si_prefix(value: Scalar, unit: str) -> Fraction:
    """Return the power of ten of an EntitySensorDataScale (RFC 3433): 1/1000 for milli(8), 1 for units(9)."""
    got = number(value, unit)
    if not 1 <= got <= 17:
        raise UnreadableError("expected the code of a prefix, 1 to 17")
    return Fraction(1000) ** (int(got) - 9)


def decimal_places(value: Scalar, unit: str) -> Fraction:
    """Return what a fixed-point number is multiplied by (EntitySensorPrecision, RFC 3433): 1/10 for one decimal place.

    From -8 to -1 it states accurate digits, which move no point.
    """
    got = number(value, unit)
    if not -8 <= got <= 9:
        raise UnreadableError("expected decimal places, -8 to 9")
    return Fraction(1, 10 ** max(0, int(got)))


_SPELLINGS: dict[str, tuple[str, ...]] = {
    "dBm": ("dbm",),
    "dB": ("db",),
    "%": ("%", "percent"),
    "Cel": ("c", "cel", "°c", "celsius", "degc", "deg c"),
    "s": ("s", "sec", "secs", "second", "seconds"),
    "m": ("m", "meter", "meters"),
    "V": ("v", "volt", "volts"),
    "mA": ("ma",),
    "ms": ("ms",),
}
"""How devices write the catalogue's units, in lower case."""


def wrapped32(value: Scalar, unit: str) -> int | Fraction:
    """Return a 32-bit counter that the agent sent as a signed Integer32: -1 is 4294967295."""
    got = number(value, unit)
    return got + 2**32 if isinstance(got, int) and -(2**31) <= got < 0 else got


def signed_octet(value: Scalar, unit: str) -> int | Fraction:
    """Return a level in dBm that the agent sent as an octet without sign: 161 is -95."""
    got = number(value, unit)
    return got - 256 if isinstance(got, int) and 128 <= got <= 255 else got


def negative(value: Scalar, unit: str) -> int | Fraction:
    """Return a level in dBm whose sign some firmware leaves out: 92 and -92 are both -92."""
    got = number(value, unit)
    return got if got < 0 else -got


def leading_number(value: Scalar, unit: str) -> int | Fraction:
    """Return the whole number with which a text begins: 36 of "36E", 149 of "149+", 5745 of "5745/20-Ce/an"."""
    if not isinstance(value, bytes):
        return number(value, unit)
    found = re.match(rb"\s*(\d{1,10})(?![\d.])", value)
    if not found:
        raise UnreadableError("expected a text that begins with a whole number")
    return int(found[1])


def primary_channel(value: Scalar, unit: str) -> int | Fraction:
    """Return the channel in the low octet of a number whose next bits name the second one: 132 of 388 and of "132E"."""
    return int(leading_number(value, unit)) & 0xFF


def duration(value: Scalar, unit: str) -> int | Fraction:
    """Return the seconds of "4 days, 20 hours, 31 minutes, 0 seconds", of "5d, 10:14:33", "1D:2H:3M:4S" and so on."""
    if not isinstance(value, bytes):
        return number(value, unit)
    written = re.fullmatch(
        r"\s*(.*?)[,\s]*(?:(\d{1,3}):(\d{2}):(\d{2}))?\s*", value.decode("ascii", "replace"), re.DOTALL
    )
    rest = written[1] if written else ""
    parts = _SPANS.findall(rest)
    if not written or _SPANS.sub("", rest).strip(" ,:") or not (parts or written[2]):
        raise UnreadableError("expected a time span such as 4 days, 20:31:00")
    clock = (3600 * int(written[2]) + 60 * int(written[3]) + int(written[4])) if written[2] else 0
    return clock + sum(int(count) * _SECONDS[word[0].lower()] for count, word in parts)


def sum_item(value: Scalar, unit: str) -> int | Fraction:
    """Return the total of a list by cause or class (TR-196): 44 of "mo-Data=40,sum=44", and 44 of "44"."""
    if not isinstance(value, bytes) or b"=" not in value:
        return number(value, unit)
    totals = [item.partition(b"=") for item in value.split(b",")]
    found = [total for name, _, total in totals if name.strip().lower() == b"sum"]
    if len(found) != 1:
        raise UnreadableError("expected a list with one item named sum")
    return number(found[0].strip(), unit)


_SPANS = re.compile(
    r"(\d{1,10})\s*(weeks?|w|days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)(?![a-z])", re.IGNORECASE
)
_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}


def text(value: Scalar) -> str:
    """Return octets as text: UTF-8, else GB18030 (what Chinese equipment sends), else `0x…`.

    Trailing NULs and blanks are padding. Control characters stay: it is for each output to escape them.
    """
    if value is None:
        raise UnreadableError("expected a text, got nothing")
    if not isinstance(value, bytes):
        return str(value)
    trimmed = value.rstrip(b"\0 \t\r\n")
    for encoding in ("utf-8", "gb18030"):
        try:
            return _cut(trimmed.decode(encoding))
        except UnicodeDecodeError:
            continue
    return _cut("0x" + value.hex())


def _cut(shown: str) -> str:
    return shown if len(shown) <= _SHOWN_LIMIT else f"{shown[:_SHOWN_LIMIT]}… ({len(shown)} characters)"


def ipv4(value: Scalar) -> str:
    """Return four octets as a dotted quad; what is written out already is read too."""
    if isinstance(value, bytes) and len(value) == 4:
        return ".".join(map(str, value))
    if isinstance(value, bytes) and re.fullmatch(rb"\d{1,3}(\.\d{1,3}){3}", value.strip()):
        return ipv4(bytes(min(int(part), 255) for part in value.strip().split(b".")))
    raise UnreadableError("expected an IP address of four octets")


def mac(value: Scalar) -> str:
    """Return six octets as twelve lower-case hexadecimal digits; also reads `0a:0b:…` and `0a0b-…` written out."""
    if isinstance(value, bytes):
        if len(value) == 6:
            return value.hex()
        written = re.sub(rb"[:.\- ]", b"", value)
        if re.fullmatch(rb"[0-9A-Fa-f]{12}", written):
            return written.decode("ascii").lower()
    raise UnreadableError("expected a MAC address of six octets")


def pon_serial(value: Scalar) -> str:
    """Return a GPON serial number as `HWTC01234567`: four letters and eight digits (ITU-T G.984.3 9.2.4.1).

    Devices send it as eight octets, as twelve characters (`HWTC-01234567` too), or as sixteen hexadecimal digits.
    """
    if isinstance(value, bytes):
        if len(value) == 8 and re.fullmatch(rb"[A-Z0-9]{4}", value[:4]):
            return value[:4].decode("ascii") + value[4:].hex().upper()
        if re.fullmatch(rb"[A-Za-z]{4}[-,:]?[0-9A-Fa-f]{8}", value):
            return value[:4].decode("ascii").upper() + value[-8:].decode("ascii").upper()
        if re.fullmatch(rb"[0-9A-Fa-f]{16}", value):
            return pon_serial(bytes.fromhex(value.decode("ascii")))
    raise UnreadableError("expected a GPON serial number of eight octets")


def onu_identity(value: Scalar) -> str:
    """Return what an ONU is known by: its GPON serial number, or the MAC address of an EPON one."""
    if isinstance(value, bytes) and not re.fullmatch(rb"[0-9A-Fa-f]{12}|.{6}", value, re.DOTALL):
        try:
            return pon_serial(value.strip(b" \0"))
        except UnreadableError:
            pass
    return mac(value)


def date_and_time(value: Scalar) -> str:
    """Return a DateAndTime (RFC 2579) as ISO 8601, with the device's offset when it sends one.

    What is written out already (`2024-12-23 10:34:15`) is read too.
    """
    if isinstance(value, bytes) and (found := _WRITTEN_DATE.fullmatch(value.strip(b" \0"))):
        date, time = (part.decode("ascii") for part in found.groups())
        return f"{date.replace('/', '-')}T{time}"
    if not isinstance(value, bytes) or len(value) not in {8, 11}:
        raise UnreadableError("expected a DateAndTime of 8 or 11 octets")
    year, (month, day, hour, minute, second) = int.from_bytes(value[:2], "big"), value[2:7]
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second <= 60):
        raise UnreadableError("expected a DateAndTime, got no date")
    written = f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}"
    if len(value) == 8:
        return written
    if value[8:9] not in {b"+", b"-"}:
        raise UnreadableError("expected a DateAndTime with + or - before its offset")
    return f"{written}{value[8:9].decode('ascii')}{value[9]:02d}:{value[10]:02d}"


def raw(value: Scalar, tag: int) -> int | str:
    """Return what the device sent, as it is kept beside every value: integers as they came, octets as text or `0x…`."""
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if tag == IP_ADDRESS and len(value) == 4:
        return ipv4(value)
    try:
        shown = value.decode("utf-8")
    except UnicodeDecodeError:
        return _cut("0x" + value.hex())
    readable = shown.isprintable() or all(c in "\t\r\n" or unicodedata.category(c)[0] != "C" for c in shown)
    return _cut(shown if readable else "0x" + value.hex())


NUMBER_READERS: dict[str, Callable[[Scalar, str], int | Fraction]] = {
    "number": number,
    "wrapped32": wrapped32,
    "signed_octet": signed_octet,
    "negative": negative,
    "leading_number": leading_number,
    "primary_channel": primary_channel,
    "duration": duration,
    "wrapped16": wrapped16,
    "unit_number": unit_number,
    "tenth_microwatt": tenth_microwatt,
    "sum_item": sum_item,
    "si_prefix": si_prefix,
    "decimal_places": decimal_places,
}

TEXT_READERS: dict[str, Callable[[Scalar], str]] = {
    "text": text,
    "mac": mac,
    "ipv4": ipv4,
    "serial": text,
    "pon_serial": pon_serial,
    "onu_identity": onu_identity,
    "date_and_time": date_and_time,
}

_IDENTITY_PREFIX = {"mac": "mac:", "serial": "sn:", "pon_serial": "sn:", "onu_identity": "sn:"}


def identity_prefix(reader: str, shown: str) -> str:
    """Return the prefix of a value that is an identity of its own, unique in the city; empty when it is none."""
    if reader == "onu_identity" and re.fullmatch(r"[0-9a-f]{12}", shown):
        return _IDENTITY_PREFIX["mac"]
    return _IDENTITY_PREFIX.get(reader, "")
