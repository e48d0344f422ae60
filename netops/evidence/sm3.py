"""SM3 (GB/T 32905-2016): by the OpenSSL under `hashlib` where it has it, else in pure Python."""

from __future__ import annotations

import hashlib
from functools import cache

SIZE = 32
_START = bytes.fromhex("7380166f4914b2b9172442d7da8a0600a96f30bc163138aae38dee4db0fb0e4e")
_MASK = 0xFFFFFFFF


def digest(data: bytes) -> bytes:
    """Return the 32-byte SM3 digest of `data`."""
    return hashlib.new("sm3", data).digest() if is_fast() else pure(data)


@cache
def is_fast() -> bool:
    """Whether this Python's OpenSSL has SM3; without it a block of 64 bytes takes tens of microseconds."""
    try:
        hashlib.new("sm3")
    except ValueError:
        return False
    return True


def pure(data: bytes) -> bytes:
    """Return the digest by the standard's own steps (clause 5)."""
    padded = data + b"\x80" + bytes(-(len(data) + 9) % 64) + (8 * len(data)).to_bytes(8, "big")
    state = _words(_START)
    for at in range(0, len(padded), 64):
        state = _compressed(state, padded[at : at + 64])
    return b"".join(each.to_bytes(4, "big") for each in state)


def _words(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 4], "big") for at in range(0, len(data), 4)]


def _compressed(state: list[int], block: bytes) -> list[int]:
    """Return the state after one block (clauses 5.3.2 and 5.3.3); a to h are the standard's registers."""
    words = _expanded(block)
    a, b, c, d, e, f, g, h = state
    for at in range(64):
        turned = _left(a, 12)
        ss1 = _left((turned + e + _left(0x79CC4519 if at < 16 else 0x7A879D8A, at % 32)) & _MASK, 7)
        if at < 16:
            ff, gg = a ^ b ^ c, e ^ f ^ g
        else:
            ff, gg = (a & b) | (a & c) | (b & c), (e & f) | (~e & g)
        tt1 = (ff + d + (ss1 ^ turned) + (words[at] ^ words[at + 4])) & _MASK
        tt2 = (gg + h + ss1 + words[at]) & _MASK
        a, b, c, d = tt1, a, _left(b, 9), c
        e, f, g, h = tt2 ^ _left(tt2, 9) ^ _left(tt2, 17), e, _left(f, 19), g
    return [old ^ new for old, new in zip(state, (a, b, c, d, e, f, g, h), strict=True)]


def _expanded(block: bytes) -> list[int]:
    words = _words(block)
    for at in range(16, 68):
        x = words[at - 16] ^ words[at - 9] ^ _left(words[at - 3], 15)
        words.append(x ^ _left(x, 15) ^ _left(x, 23) ^ _left(words[at - 13], 7) ^ words[at - 6])
    return words


def _left(word: int, by: int) -> int:
    return (word << by | word >> (32 - by)) & _MASK
