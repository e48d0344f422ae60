"""AES in CFB128 (RFC 3826), the one door to `cryptography` of this package.

A cipher context per message costs more than the whole rest of a request, and so does a call per block. Two contexts
per key give the same octets in one call each:

decryption   every block of the keystream depends on ciphertext only: ECB over vector and ciphertext
encryption   keystream block i+1 is E(plain i xor keystream i), which is CBC over vector and plaintext. The context goes
             on from message to message; its last output is taken back out of the next message's first block
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_BLOCK = 16


class Cfb:
    """CFB128 under one key. Used from one thread: encryption carries the last block along."""

    __slots__ = ("_chain", "_decrypt", "_last")

    def __init__(self, key: bytes) -> None:
        # ECB and CBC are only the block function here: CFB is built from them below.
        self._decrypt = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update  # noqa: S305
        self._chain = Cipher(algorithms.AES(key), modes.CBC(bytes(_BLOCK))).encryptor().update
        self._last = 0

    def encrypt(self, vector: int, plain: bytes) -> bytes:
        """Return the ciphertext, as long as the plaintext; `vector` is its 16 octets as a number."""
        size = len(plain)
        if not size:
            return b""
        first = (vector ^ self._last).to_bytes(_BLOCK, "big")
        keystream = self._chain(first + plain[: (size - 1) // _BLOCK * _BLOCK])
        self._last = int.from_bytes(keystream[-_BLOCK:], "big")
        return (int.from_bytes(keystream[:size], "big") ^ int.from_bytes(plain, "big")).to_bytes(size, "big")

    def decrypt(self, vector: bytes, secret: bytes) -> bytes:
        """Return the plaintext, as long as the ciphertext."""
        size = len(secret)
        if not size:
            return b""
        fed = vector + secret
        keystream = self._decrypt(fed[: (size + _BLOCK - 1) // _BLOCK * _BLOCK])[:size]
        return (int.from_bytes(keystream, "big") ^ int.from_bytes(secret, "big")).to_bytes(size, "big")
