"""One-time tokens: what a visitor's controller shows us instead of a password, and what it proves.

The portal lets somebody in, a controller opens the door, and before it does it asks our RADIUS server. What it shows
was made by the portal a moment ago: a user name that says what was granted (when, for how long, how fast), and a
password that is the keyed hash of that name, of the visitor's MAC and of the controller's id. So the server believes a
name by computing one hash, and no user table, no file and no password hash that is slow on purpose stands in the way;
portal and server share a key and nothing else, and neither can lose what the other needs.

It is good once and for `LIFE_MS`. Which were used is the server's memory, and a token made before that memory began is
refused: nobody knows whether it was used. PAP and CHAP both work, for the password can be computed from the name.

    token = Mint(keys.token_key(settings)).issue(client, bounds, now_ms)    # token.user, token.password: ASCII

The name has 40 to 63 hexadecimal digits, the password 20: no controller that folds case, splits at `@`, `/` or a
backslash, or cuts at 63 characters, spoils them.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import TYPE_CHECKING

from captive_portal.keys import derived
from captive_portal.model import Bounds

if TYPE_CHECKING:
    from captive_portal.model import Client

LIFE_MS = 120_000  # from the portal's yes to the controller's question, with everybody's retries
AHEAD_MS = 5_000  # portal and server may stand on two machines
KIND = b"\x71"  # the first octet of a name's content; another form of token gets another
STAMP = 6  # octets of a time in milliseconds
NONCE = 8
NAME = re.compile(r"(?:[0-9a-f]{2}){20,64}")
PASSWORD_DIGITS = 20  # 80 bits, for two minutes
_BOUNDS = tuple(each.name for each in fields(Bounds))
_numbers_of = attrgetter(*_BOUNDS)
_MOST_BITS = 63
_LEAST_OCTETS = len(KIND) + STAMP + NONCE + len(_BOUNDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What the controller is given for one visitor. Secret: `password` never goes into a log."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a token's name says; nothing of it is believed before the password held."""

    issued_ms: int
    nonce: bytes
    bounds: Bounds

    def left(self, now_ms: int) -> Bounds:
        """Return the bounds with the seconds that are left, 0 when the time granted is over."""
        over_s = max(0, now_ms - self.issued_ms) // 1000
        return left(self.bounds, max(0, self.bounds.seconds - over_s))


def left(bounds: Bounds, seconds: int) -> Bounds:
    """Return the same bounds with other seconds; a third of what `dataclasses.replace` takes, on the hot path."""
    return Bounds(
        seconds=seconds,
        idle_s=bounds.idle_s,
        octets=bounds.octets,
        down_kbps=bounds.down_kbps,
        up_kbps=bounds.up_kbps,
    )


class Mint:
    """Makes tokens and tells what a name claims. Holds the key and no state; safe from several threads."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, client: Client, bounds: Bounds, now_ms: int) -> Token:
        """Return a token for this device at its place, for `bounds.seconds` from now."""
        content = KIND + now_ms.to_bytes(STAMP, "big") + secrets.token_bytes(NONCE)
        user = (content + b"".join(map(_number, _numbers_of(bounds)))).hex()
        return Token(user=user, password=self.password(user, place=client.interface, mac=client.mac))

    def password(self, user: str, *, place: str, mac: str) -> str:
        """Return the password that belongs to a name, shown by the controller `place` for the device `mac`."""
        made = derived(self._key, b"radius-token", user.encode(), place.encode(), mac.encode())
        return made.hex()[:PASSWORD_DIGITS]


def claims(user: str) -> Claims | None:
    """Return what a user name claims; None for any other name."""
    if not NAME.fullmatch(user):
        return None
    content = bytes.fromhex(user)
    if not content.startswith(KIND) or len(content) < _LEAST_OCTETS:
        return None
    at = len(KIND) + STAMP
    numbers = _numbers(content[at + NONCE :])
    if numbers is None:
        return None
    return Claims(
        issued_ms=int.from_bytes(content[len(KIND) : at], "big"),
        nonce=content[at : at + NONCE],
        bounds=Bounds(**dict(zip(_BOUNDS, numbers, strict=True))),
    )


def _number(value: int) -> bytes:
    """Return a number in groups of seven bits, the lowest first, as protocol buffers have them."""
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def _numbers(octets: bytes) -> list[int] | None:
    numbers, value, shift = [], 0, 0
    for octet in octets:
        value |= (octet & 0x7F) << shift
        shift += 7
        if shift > _MOST_BITS:
            return None
        if not octet & 0x80:
            numbers.append(value)
            value, shift = 0, 0
    return numbers if len(numbers) == len(_BOUNDS) and not shift else None
