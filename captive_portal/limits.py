"""How often somebody may try: token buckets by client and one for all. Time is an argument.

Memory is bounded: past `CLIENTS` the ones longest not seen are forgotten. An attacker with many MACs gains a full
bucket for each by that, and nothing else: the bucket for all holds the line.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

CLIENTS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """`burst` tries at once, then one more each `every_ms`."""

    burst: int
    every_ms: int


class Limit:
    """Counts tries. `take` answers 0 for yes, or the milliseconds to wait."""

    def __init__(self, each: Rate, everyone: Rate, *, clients: int = CLIENTS) -> None:
        self.each = each
        self.everyone = everyone
        self.denied = 0
        self._clients = clients
        self._books: OrderedDict[bytes, tuple[int, int]] = OrderedDict()
        self._common: tuple[int, int] | None = None
        self._lock = Lock()

    def take(self, client: bytes, now_ms: int) -> int:
        """Take one try of the client's and of everyone's, or none of either."""
        with self._lock:
            own = _filled(self.each, self._books.get(client), now_ms)
            common = _filled(self.everyone, self._common, now_ms)
            wait = max(_wait(self.each, own, now_ms), _wait(self.everyone, common, now_ms))
            if wait:
                self.denied += 1
                own_spent, common_spent = own, common
            else:
                own_spent, common_spent = (own[0] - 1, own[1]), (common[0] - 1, common[1])
            self._books[client] = own_spent
            self._books.move_to_end(client)
            while len(self._books) > self._clients:
                self._books.popitem(last=False)
            self._common = common_spent
            return wait

    def give_back(self, client: bytes) -> None:
        """Return a try that held: only failures count."""
        with self._lock:
            if client in self._books:
                tokens, since_ms = self._books[client]
                self._books[client] = (min(tokens + 1, self.each.burst), since_ms)
            if self._common:
                self._common = (min(self._common[0] + 1, self.everyone.burst), self._common[1])


def _filled(rate: Rate, book: tuple[int, int] | None, now_ms: int) -> tuple[int, int]:
    """Return (tokens, since when the next one grows); a clock that stepped back starts the next one anew."""
    if book is None:
        return rate.burst, now_ms
    tokens, since_ms = book
    grown = max(0, now_ms - since_ms) // rate.every_ms
    if tokens + grown >= rate.burst:
        return rate.burst, now_ms
    return tokens + grown, min(since_ms + grown * rate.every_ms, now_ms)


def _wait(rate: Rate, book: tuple[int, int], now_ms: int) -> int:
    return 0 if book[0] > 0 else max(1, book[1] + rate.every_ms - now_ms)
