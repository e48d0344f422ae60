"""SM2 signing (GB/T 32918.2-2016), of the evidence writer alone: `cryptography` has the digest, but not the signature.

Written apart from the verifier's arithmetic (complete formulas in homogeneous coordinates, a ladder), and each
signature is verified by that before it leaves: a fault gives none, where one by a repeated nonce would give the key.
Python's integers take a time that depends on their values. So the nonce is deterministic (RFC 6979 with HMAC-SM3), the
ladder's steps do not depend on its bits, its scalar and its point are masked afresh, and inverses are taken of masked
values. It is not constant time: it signs once a minute, in a process where no stranger says what or when.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from netops.errors import EvidenceError
from netops.evidence import sm2
from netops.evidence.sm2 import GX, GY, A, B, N, P

if TYPE_CHECKING:
    from collections.abc import Iterator

Point: TypeAlias = tuple[int, int, int]  # homogeneous: x = X / Z, y = Y / Z; (0, 1, 0) is the point at infinity
_MASK_BITS = 64


class Sm2Key:
    """A private SM2 key. Its text never shows the number."""

    __slots__ = ("_d", "public")

    def __init__(self, d: int) -> None:
        if not 0 < d < N - 1:
            raise EvidenceError("SM2 key: expected a number from 1 to n - 2 (GB/T 32918.1 clause 6.1)")
        self._d = d
        x, y = _affine(_times(d))
        self.public = _bytes(x) + _bytes(y)

    def __repr__(self) -> str:
        return f"Sm2Key({self.public.hex()})"

    @classmethod
    def derived(cls, seed: bytes) -> Sm2Key:
        """Return the key that belongs to a seed (HKDF of RFC 5869 over SM3); it tells nothing of the seed."""
        try:
            made = HKDF(algorithm=hashes.SM3(), length=48, salt=None, info=b"netops sm2 key 1").derive(seed)
        except UnsupportedAlgorithm:
            raise EvidenceError(
                "evidence.sm2: the OpenSSL of `cryptography` has no SM3; expected one that has"
            ) from None
        return cls(int.from_bytes(made, "big") % (N - 2) + 1)

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes r || s (clause 6.1), verified."""
        e = int.from_bytes(sm2.digest(self.public, message), "big")
        for k in _nonces(self._d, e):
            r = (e + _affine(_times(k))[0]) % N
            if r == 0 or r + k == N:
                continue
            mask = secrets.randbelow(N - 1) + 1
            s = pow((1 + self._d) * mask, -1, N) * mask * (k - r * self._d) % N
            if s == 0:
                continue
            signature = _bytes(r) + _bytes(s)
            if not sm2.verify(self.public, message, signature):
                break
            return signature
        raise EvidenceError("SM2 key: a signature that it made does not hold; nothing was signed. Check this machine")


def _nonces(d: int, e: int) -> Iterator[int]:
    """Yield nonces of a key and a digest (RFC 6979 section 3.2, HMAC over SM3)."""
    seed = _bytes(d) + _bytes(e % N)
    k, v = bytes(32), b"\x01" * 32
    for mark in (b"\x00", b"\x01"):
        k = _hmac(k, v + mark + seed)
        v = _hmac(k, v)
    while True:
        v = _hmac(k, v)
        if 0 < (found := int.from_bytes(v, "big")) < N:
            yield found
        k = _hmac(k, v + b"\x00")
        v = _hmac(k, v)


def _hmac(key: bytes, data: bytes) -> bytes:
    made = hmac.HMAC(key, hashes.SM3())
    made.update(data)
    return made.finalize()


def _times(scalar: int) -> Point:
    """Return [scalar]G by a ladder of a fixed number of steps, over a masked scalar and a masked point."""
    masked = scalar + (secrets.randbits(_MASK_BITS) | 1 << _MASK_BITS) * N
    z = secrets.randbelow(P - 1) + 1
    sums: list[Point] = [(0, 1, 0), (GX * z % P, GY * z % P, z)]
    for at in range(256 + _MASK_BITS, -1, -1):
        bit = masked >> at & 1
        both = _add(sums[0], sums[1])
        twice = _add(sums[bit], sums[bit])
        sums = [(twice, both)[bit], (both, twice)[bit]]
    return sums[0]


def _add(p: Point, q: Point) -> Point:
    """Return p + q, for all points alike (complete for a curve of prime order: Renes, Costello, Batina, 2015)."""
    px, py, pz = p
    qx, qy, qz = q
    xx, yy, zz = px * qx % P, py * qy % P, pz * qz % P
    xy, yz, xz = (px * qy + qx * py) % P, (py * qz + qy * pz) % P, (px * qz + qx * pz) % P
    t = (A * xz + 3 * B * zz) % P
    m = (3 * xx + A * zz) % P
    n = (A * xx + 3 * B * xz - A * A * zz) % P
    low, high = yy - t, yy + t
    return (xy * low - yz * n) % P, (m * n + high * low) % P, (yz * high + xy * m) % P


def _affine(point: Point) -> tuple[int, int]:
    x, y, z = point  # z carries the mask of `_times`
    inverse = pow(z, -1, P)
    return x * inverse % P, y * inverse % P


def _bytes(number: int) -> bytes:
    return number.to_bytes(32, "big")
