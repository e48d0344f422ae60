"""Ed25519 verification (RFC 8032 section 5.1) in pure Python: an auditor needs no library. Signing is not here.

Strict where implementations differ, so that all verifiers agree: S below the group order, points in their only
encoding, no points of small order (such a key would "sign" anything), and the equation without the cofactor.
Every input is public: nothing here needs constant time.
"""

from __future__ import annotations

from hashlib import sha512
from typing import TypeAlias

Point: TypeAlias = tuple[int, int, int, int]  # extended homogeneous coordinates X, Y, Z, T (section 5.1.4)

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
_D2 = 2 * D % P
_SQRT_M1 = pow(2, (P - 1) // 4, P)
_IDENTITY: Point = (0, 1, 1, 0)
_WINDOW = 4


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether the 64-byte signature of `message` is by the 32-byte public key."""
    if len(public) != 32 or len(signature) != 64:
        return False
    s = int.from_bytes(signature[32:], "little")
    key, commitment = _decode(public), _decode(signature[:32])
    if s >= L or key is None or commitment is None or _is_small(key) or _is_small(commitment):
        return False
    k = int.from_bytes(sha512(signature[:32] + public + message).digest(), "little") % L
    x, y, z, t = key
    return _encode(_combine(s, k, (P - x, y, z, P - t))) == signature[:32]  # [S]B - [k]A = R


def _combine(s: int, k: int, other: Point) -> Point:
    """Return [s]B + [k]other by interleaved 4-bit windows (Straus)."""
    others = _multiples(other)
    total = _IDENTITY
    for shift in range(252, -1, -_WINDOW):
        if total is not _IDENTITY:
            for _ in range(_WINDOW):
                total = _double(total)
        if digit := s >> shift & 15:
            total = _add(total, _BASE[digit])
        if digit := k >> shift & 15:
            total = _add(total, others[digit])
    return total


def _multiples(point: Point) -> list[Point]:
    made = [_IDENTITY, point]
    for _ in range(14):
        made.append(_add(made[-1], point))
    return made


def _add(p: Point, q: Point) -> Point:
    px, py, pz, pt = p
    qx, qy, qz, qt = q
    a, b = (py - px) * (qy - qx) % P, (py + px) * (qy + qx) % P
    c, d = pt * _D2 * qt % P, 2 * pz * qz % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _double(p: Point) -> Point:
    x, y, z, _ = p
    a, b = x * x % P, y * y % P
    h = a + b
    e = h - (x + y) * (x + y) % P
    g = a - b
    f = 2 * z * z % P + g
    return e * f % P, g * h % P, f * g % P, e * h % P


def _decode(data: bytes) -> Point | None:
    """Return the point of its 32 bytes, or None if they are no point or not its only encoding (section 5.1.3)."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (1 << 255) - 1
    if y >= P:
        return None
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    square = v * x * x % P
    if square != u:
        if square != P - u:
            return None
        x = x * _SQRT_M1 % P
    if x == 0 and sign:
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def _encode(point: Point) -> bytes:
    x, y, z, _ = point
    inverse = pow(z, P - 2, P)
    x, y = x * inverse % P, y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _is_small(point: Point) -> bool:
    x, _, z, _ = eight = _double(_double(_double(point)))
    return x == 0 and eight[1] == z


def _base() -> list[Point]:
    y = 4 * pow(5, P - 2, P) % P
    point = _decode(y.to_bytes(32, "little"))
    if point is None:
        raise ArithmeticError("the base point of RFC 8032 does not decode")
    return _multiples(point)


_BASE = _base()
