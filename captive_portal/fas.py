"""What an openNDS far away and the portal say to each other (FAS level 3): pure, octets and words only.

openNDS sends the browser with `?fas=…&iv=…`: who it is, sealed by AES-256-CBC with a key that both know. CBC has no
integrity of its own: whoever turns bits of it garbles the block before, so every word is held to its exact form, and
the address must be the one that the browser comes from. The answer goes another way: its `authmon` asks us every few
seconds whom to let in, and tells us whom it did.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from captive_portal.errors import PortalError
from captive_portal.model import MAC, address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from captive_portal.model import Bounds

LARGEST = 4096
HID = re.compile(r"[0-9a-f]{64}")
IV = re.compile(r"[0-9a-f]{16}")
KEY_OCTETS = 32
BLOCK_BITS = 128
KILO = 1000


@dataclass(frozen=True, slots=True)
class Arrival:
    """Whom openNDS has sent: `hid` is the name that it gave the visit."""

    address: str
    mac: str
    hid: str


def sealed(text: str, key: str, iv: str) -> str:
    """Return what openNDS would send for a text: for tests, and as the other half of `opened`."""
    padder = PKCS7(BLOCK_BITS).padder()
    padded = padder.update(text.encode()) + padder.finalize()
    encryptor = _cipher(key, iv).encryptor()
    return base64.b64encode(base64.b64encode(encryptor.update(padded) + encryptor.finalize())).decode()


def opened(query: Mapping[str, str], key: str, name: str) -> Arrival:
    """Return who was sent; PortalError for anything that this openNDS did not seal so."""
    fas, iv = query.get("fas", ""), query.get("iv", "")
    if len(fas) > LARGEST or not IV.fullmatch(iv):
        raise PortalError("FAS query; expected 'fas' and a 16-digit 'iv' (openNDS level 3)")
    try:
        octets = base64.b64decode(base64.b64decode(fas, validate=True), validate=True)
        decryptor, unpadder = _cipher(key, iv).decryptor(), PKCS7(BLOCK_BITS).unpadder()
        text = decryptor.update(octets) + decryptor.finalize()
        words = (unpadder.update(text) + unpadder.finalize()).decode()
    except (binascii.Error, ValueError):
        raise PortalError("FAS query; expected what openNDS has sealed with the key of 'fas_key'") from None
    said = dict(word.split("=", 1) for word in words.split(", ") if "=" in word)
    who, hid = said.get("clientmac", "").lower(), said.get("hid", "")
    at = address(said.get("clientip", ""))
    if (
        not HID.fullmatch(hid)
        or not MAC.fullmatch(who)
        or at is None
        or said.get("gatewayname") != quote(name, safe="")
    ):
        raise PortalError("FAS query; expected hid, clientip, clientmac and the gatewayname of 'fas_name'")
    return Arrival(address=at, mac=who, hid=hid)


def rhid(hid: str, key: str) -> str:
    """Return by which name openNDS takes the visit back: nobody else can make it from `hid`."""
    return hashlib.sha256(f"{hid}{key}".encode()).hexdigest()


def gateway_hash(name: str) -> str:
    """Return by which name `authmon` says whose it is."""
    return hashlib.sha256(quote(name, safe="").encode()).hexdigest()


def row(name: str, bounds: Bounds) -> str:
    """Return the words that let one visit in: whole minutes, kbit/s up and down, kilobytes up and down."""
    volume = -(-bounds.octets // KILO)
    words = (name, -(-bounds.seconds // 60), bounds.up_kbps, bounds.down_kbps, volume, volume)
    return " ".join(map(str, words))


def told(rows: list[str]) -> str:
    """Return the answer to `view` and `list`."""
    return " ".join(["*", *(quote(each, safe="") for each in rows)])


def names(payload: str) -> list[str]:
    """Return the visits that `authmon` says it has let in; nothing for anything else."""
    try:
        words = base64.b64decode(payload[:LARGEST], validate=True).decode().split()
    except (binascii.Error, ValueError):
        return []
    return [each for each in words[1:] if HID.fullmatch(each)] if words[:1] == ["*"] else []


def _cipher(key: str, iv: str) -> Cipher[modes.CBC]:
    octets = key.encode()[:KEY_OCTETS].ljust(KEY_OCTETS, b"\0")  # as PHP's openssl makes a key of a text
    return Cipher(algorithms.AES(octets), modes.CBC(iv.encode()))
