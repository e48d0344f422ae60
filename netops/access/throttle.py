"""How long a login must wait after failed ones: by name, by client, and by both. Pure.

Buckets are of a fixed number, so that an attacker who invents names or addresses fills no disk: known and unknown names
fall into the same buckets and are treated alike.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass

BUCKETS = 1 << 16
FORGET_MS = 15 * 60_000
LONGEST_MS = 15 * 60_000


@dataclass(frozen=True, slots=True)
class Limit:
    """After `free` failures each further one doubles the wait, from one second up to a quarter of an hour."""

    free: int


# one person's typing errors are free; one client tries many names; many clients try one name
LIMITS = {"both": Limit(4), "client": Limit(20), "name": Limit(50)}


def client(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or an IPv6 /64, which is what one household gets."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.ipv4_mapped is None else str(ip.ipv4_mapped)
    return str(ip)


def buckets(name: str, address: str) -> dict[str, str]:
    """Return limit → bucket of an attempt."""
    who = {"both": f"{name}\x00{client(address)}", "client": client(address), "name": name}
    return {limit: f"{limit}:{_number(f'{limit}:{text}')}" for limit, text in who.items()}


def wait_ms(limit: str, *, count: int, last_ms: int, now_ms: int) -> int:
    """Return how many milliseconds an attempt must still wait after `count` failures, the last one at `last_ms`."""
    over = count - LIMITS[limit].free
    if over <= 0 or now_ms - last_ms >= FORGET_MS:
        return 0
    pause = min(1000 << min(over - 1, 20), LONGEST_MS)
    return max(0, last_ms + pause - now_ms)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode(errors="replace")).digest()[:8]) % BUCKETS
