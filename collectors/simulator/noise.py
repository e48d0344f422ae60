"""Repeatable chance: a number for a name, the same in every process and on every machine.

The rehearsal must show the same city whenever the same instant is asked, live or from the history; so nothing here
keeps a state, and nothing draws from a generator whose order of calls could differ.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b


@lru_cache(maxsize=65_536)
def unit(*name: str | int) -> float:
    """Return a number in [0, 1) that belongs to the name."""
    digest = blake2b("\x1f".join(map(str, name)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def between(low: float, high: float, *name: str | int) -> float:
    """Return a number in [low, high) that belongs to the name."""
    return low + (high - low) * unit(*name)


def pick(count: int, *name: str | int) -> int:
    """Return an integer in [0, count) that belongs to the name."""
    return int(unit(*name) * count)
