"""How long a login must wait after failed ones: by name, by client, by both, and for all together. Pure.

Who knows a login name must not be able to lock its owner out. So a network from which an account has logged in before
is held to the limit of that account at that client alone (`AT_HOME`): whatever anybody does from elsewhere, a right
password from there is looked at. From everywhere else all limits hold, and together they leave the machine's few places
for checking passwords free.

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
KNOWN_MS = 180 * 86_400_000  # a network that an account has not logged in from for half a year is a stranger's again
KNOWN_MOST = 16  # networks remembered of an account, the latest


@dataclass(frozen=True, slots=True)
class Limit:
    """After `free` failures each further one doubles the wait, from one second up to `longest_ms`."""

    free: int
    longest_ms: int = LONGEST_MS


# one person's typing errors are free; one client tries many names; many clients try one name; many try many
LIMITS = {
    "both": Limit(4),
    "client": Limit(20),
    "name": Limit(50, longest_ms=60_000),
    "all": Limit(300, longest_ms=2_000),
    # of a second factor: whoever guesses at it has the password already, and each guess is one of 333,333
    "factor": Limit(10),
}
AT_HOME = frozenset({"both"})


def client(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or an IPv6 /64, which is what one household gets."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.ipv4_mapped is None else str(ip.ipv4_mapped)
    return str(ip)


def network(address: str) -> str:
    """Return the network that an address is remembered by: an IPv4 /24, an IPv6 /56, which is what one site gets."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return str(ipaddress.ip_network((ip, 24 if ip.version == 4 else 56), strict=False))


def buckets(name: str, address: str) -> dict[str, str]:
    """Return limit → bucket of an attempt."""
    who = {"both": f"{name}\x00{client(address)}", "client": client(address), "name": name, "all": ""}
    return {limit: f"{limit}:{_number(f'{limit}:{text}')}" for limit, text in who.items()}


def factor_buckets(name: str, address: str) -> dict[str, str]:
    """Return limit → bucket of an attempt at a second factor: a right password before it forgives none of them."""
    who = {"both": f"{name}\x00factor\x00{client(address)}", "factor": name}
    return {limit: f"{limit}:{_number(f'{limit}:{text}')}" for limit, text in who.items()}


def client_buckets(what: str, address: str) -> dict[str, str]:
    """Return limit → bucket of what names no account and proves nothing, a token or a passkey, by who sends it."""
    return {"client": f"client:{_number(f'{what}:{client(address)}')}"}


def wait_ms(limit: str, *, count: int, last_ms: int, now_ms: int) -> int:
    """Return how many milliseconds an attempt must still wait after `count` failures, the last one at `last_ms`."""
    over = count - LIMITS[limit].free
    if over <= 0 or now_ms - last_ms >= FORGET_MS:
        return 0
    pause = min(1000 << min(over - 1, 20), LIMITS[limit].longest_ms)
    return max(0, last_ms + pause - now_ms)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode(errors="replace")).digest()[:8]) % BUCKETS
