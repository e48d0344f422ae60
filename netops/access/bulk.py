"""Failed logins in bulk: what is far above the usual, told once for a quarter of an hour with its counts. Pure.

Usual is what the same account, or the same address, came to at most in any quarter of an hour of the 30 days before.
Far above it are five times as many, and never fewer than what somebody may mistype: an office behind one address fails
more often than one person does. 200 are far above for anybody, so that nobody makes a flood usual by letting it rise.

Attempts that `throttle.py` makes wait are not looked at and not counted: one client comes to some 30 in the first
quarter.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netops.access import throttle
from netops.facts import Fact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from netops.evidence.canonical import JSON

KIND = "logins_refused"
WINDOW_MS = 15 * 60_000
USUAL_MS = 30 * 86_400_000  # back from a window: what is usual
TOLD_MS = 86_400_000  # how late a window may still be told: this process was not there
TIMES = 5
FLOOR = {"account": 10, "address": 20}
CEILING = 200
NAMED = 50  # accounts and networks that a fact names, the most attempts first
NOBODY = ""  # attempts at no account of ours: what was typed may be anything, a password too


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Attempts that failed in one window at one account from one address; of each, empty is all others."""

    account: str
    address: str
    count: int


def window(at_ms: int) -> int:
    """Return the beginning of the window of an instant."""
    return at_ms - at_ms % WINDOW_MS


def far_above(of: str, count: int, usual: int) -> bool:
    """Whether so many failures of an `account` or `address` in a window are bulk."""
    return count >= min(max(FLOOR[of], TIMES * usual), CEILING)


def candidates(of: str, rows: Iterable[Refused]) -> dict[str, int]:
    """Return the accounts or addresses of a window that may be bulk, with their failures."""
    sums: Counter[str] = Counter()
    for each in rows:
        sums[each.account if of == "account" else each.address] += each.count
    return {name: count for name, count in sums.items() if name and count >= FLOOR[of]}


def told(start_ms: int, rows: Iterable[Refused], usual: Callable[[str, str], int], *, now_ms: int) -> Fact | None:
    """Return the fact of a window, None when nothing in it was bulk; `usual(of, name)` is asked of few.

    The ledger cannot forget: of an address the fact has the network alone (IPv4 /24, IPv6 /56).
    """
    held = list(rows)
    accounts = _bulk("account", held, usual)
    addresses = _bulk("address", held, usual)
    if not accounts and not addresses:
        return None
    networks: Counter[str] = Counter()
    for address, count in addresses.items():
        networks[address if address == "command line" else throttle.network(address)] += count
    body: dict[str, JSON] = {
        "start_ms": start_ms,
        "end_ms": start_ms + WINDOW_MS,
        "refused": sum(each.count for each in held),
        "accounts": dict(Counter(accounts).most_common(NAMED)),
        "networks": dict(networks.most_common(NAMED)),
        "addresses": len({each.address for each in held}),
    }
    return Fact(kind=KIND, at_ms=now_ms, body=body)


def _bulk(of: str, rows: list[Refused], usual: Callable[[str, str], int]) -> dict[str, int]:
    return {name: n for name, n in candidates(of, rows).items() if far_above(of, n, usual(of, name))}
