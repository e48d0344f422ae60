"""AES in CFB128 (RFC 3826), the one door to `cryptography` of this package.

A cipher context per message costs more than the whole rest of a request. One ECB context per key gives the same octets:
decryption of all blocks in one call (every keystream block depends on ciphertext only), encryption block by block.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_BLOCK = 16


class Cfb:
    """CFB128 under one key."""

    __slots__ = ("_block",)

    def __init__(self, key: bytes) -> None:
        # ECB is only the block function here: CFB is built from it below.
        self._block = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update  # noqa: S305

    def encrypt(self, vector: bytes, plain: bytes) -> bytes:
        """Return the ciphertext, as long as the plaintext."""
        block, from_bytes = self._block, int.from_bytes
        out = []
        last = vector
        for at in range(0, len(plain), _BLOCK):
            part = plain[at : at + _BLOCK]
            size = len(part)
            mixed = from_bytes(block(last)[:size], "big") ^ from_bytes(part, "big")
            last = mixed.to_bytes(size, "big")
            out.append(last)
        return b"".join(out)

    def decrypt(self, vector: bytes, secret: bytes) -> bytes:
        """Return the plaintext, as long as the ciphertext."""
        size = len(secret)
        if not size:
            return b""
        fed = vector + secret
        keystream = self._block(fed[: (size + _BLOCK - 1) // _BLOCK * _BLOCK])[:size]
        return (int.from_bytes(keystream, "big") ^ int.from_bytes(secret, "big")).to_bytes(size, "big")
