"""SM2 signature verification (GB/T 32918.2-2016) on the curve of GB/T 32918.5-2017, in pure Python. No signing here.

Keys are the 64 bytes x || y, signatures the 64 bytes r || s: one spelling of each, where ASN.1 would allow several. The
signer's identity is the one that GB/T 35276 names for lack of another, as `openssl -sigopt distid:1234567812345678`.
Every input is public: nothing here needs constant time.
"""

from __future__ import annotations

from typing import TypeAlias

from netops.evidence import sm3

Point: TypeAlias = tuple[int, int, int]  # Jacobian: x = X / Z^2, y = Y / Z^3; Z = 0 is the point at infinity

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
GX = 0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7
GY = 0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0
IDENTITY = b"1234567812345678"
SIZE = 64
_INFINITY: Point = (1, 1, 0)
_WINDOW = 4


def is_key(public: bytes) -> bool:
    """Whether the 64 bytes are a point of the curve (whose order is prime: so every point on it will do)."""
    if len(public) != SIZE:
        return False
    x, y = _pair(public)
    return x < P and y < P and (y * y - (x * x * x + A * x + B)) % P == 0


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether the 64-byte signature of `message` is by the 64-byte public key (clause 7)."""
    if len(signature) != SIZE or not is_key(public):
        return False
    r, s = _pair(signature)
    t = (r + s) % N
    if not (0 < r < N and 0 < s < N) or t == 0:
        return False
    x, _, z = _combine(s, t, (*_pair(public), 1))  # [s]G + [t]P
    if z == 0:
        return False
    return (int.from_bytes(digest(public, message), "big") + x * pow(z, -2, P) % P) % N == r


def digest(public: bytes, message: bytes) -> bytes:
    """Return what is signed: SM3 of the signer's identity, the curve and the key (Z, clause 5.5), then the message."""
    curve = b"".join(each.to_bytes(32, "big") for each in (A, B, GX, GY))
    identity = (8 * len(IDENTITY)).to_bytes(2, "big") + IDENTITY
    return sm3.digest(sm3.digest(identity + curve + public) + message)


def _pair(data: bytes) -> tuple[int, int]:
    return int.from_bytes(data[:32], "big"), int.from_bytes(data[32:], "big")


def _combine(s: int, t: int, other: Point) -> Point:
    """Return [s]G + [t]other by interleaved 4-bit windows (Straus)."""
    others = _multiples(other)
    total = _INFINITY
    for shift in range(252, -1, -_WINDOW):
        for _ in range(_WINDOW):
            total = _double(total)
        if digit := s >> shift & 15:
            total = _add(total, _BASE[digit])
        if digit := t >> shift & 15:
            total = _add(total, others[digit])
    return total


def _multiples(point: Point) -> list[Point]:
    made = [_INFINITY, point]
    for _ in range(14):
        made.append(_add(made[-1], point))
    return made


def _add(p: Point, q: Point) -> Point:
    if p[2] == 0:
        return q
    if q[2] == 0:
        return p
    px, py, pz = p
    qx, qy, qz = q
    pzz, qzz = pz * pz % P, qz * qz % P
    u, v = px * qzz % P, qx * pzz % P
    m, k = py * qzz * qz % P, qy * pzz * pz % P
    h, w = (v - u) % P, (k - m) % P
    if h == 0:
        return _double(p) if w == 0 else _INFINITY
    hh = h * h % P
    hhh, uhh = h * hh % P, u * hh % P
    x = (w * w - hhh - 2 * uhh) % P
    return x, (w * (uhh - x) - m * hhh) % P, pz * qz * h % P


def _double(p: Point) -> Point:
    x, y, z = p
    if z == 0:
        return p
    zz, yy = z * z % P, y * y % P
    m, s = 3 * (x - zz) * (x + zz) % P, 4 * x * yy % P  # a = -3
    made = (m * m - 2 * s) % P
    return made, (m * (s - made) - 8 * yy * yy) % P, 2 * y * z % P


_BASE = _multiples((GX, GY, 1))
