"""How often somebody may try: token buckets by client, by site, and one for the city. Time is an argument.

A client has a bucket of its own, all clients of a site share one, all sites the city's. Who floods from one place
empties that place's bucket and no other: the city's is far larger than any site's, so that it takes many attacked sites
before a calm one feels it, and it still bounds what all of them cost us together.

Memory is bounded: past `CLIENTS` and `SITES` the ones longest not seen are forgotten. An attacker with many MACs gains
a full bucket for each by that, and nothing else: the site's bucket holds the line.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TypeAlias

CLIENTS = 20_000
SITES = 2_000
Book: TypeAlias = tuple[int, int]  # tokens, since when the next one grows


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """`burst` tries at once, then one more each `every_ms`."""

    burst: int
    every_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What one client, one site and the whole city may try."""

    client: Rate
    site: Rate
    city: Rate


class Limit:
    """Counts tries. `take` answers 0 for yes, or the milliseconds to wait."""

    def __init__(self, rates: Rates, *, clients: int = CLIENTS, sites: int = SITES) -> None:
        self.denied = 0
        self._shelves = (
            _Shelf(rates.client, most=clients),
            _Shelf(rates.site, most=sites),
            _Shelf(rates.city, most=1),
        )
        self._lock = Lock()

    def take(self, client: bytes, site: str, now_ms: int) -> int:
        """Take one try of the client's, of the site's and of the city's, or none of any."""
        with self._lock:
            named = self._named(client, site)
            wait = max(shelf.wait(name, now_ms) for shelf, name in named)
            self.denied += wait > 0
            for shelf, name in named:
                shelf.spend(name, 0 if wait else 1)
            return wait

    def own(self, client: bytes, now_ms: int) -> int:
        """Return how long the client's own bucket makes it wait; takes nothing. 0: it waits because of others."""
        with self._lock:
            return self._shelves[0].wait(client, now_ms)

    def give_back(self, client: bytes, site: str) -> None:
        """Return a try that held: only failures count."""
        with self._lock:
            for shelf, name in self._named(client, site):
                shelf.give_back(name)

    def held(self) -> int:
        """Return how many buckets are remembered."""
        return sum(len(shelf.books) for shelf in self._shelves)

    def _named(self, client: bytes, site: str) -> list[tuple[_Shelf, bytes]]:
        return list(zip(self._shelves, (client, site.encode(), b""), strict=True))


class _Shelf:
    """The buckets of one kind, those longest not seen first."""

    def __init__(self, rate: Rate, *, most: int) -> None:
        self.rate = rate
        self.books: OrderedDict[bytes, Book] = OrderedDict()
        self._most = most

    def wait(self, name: bytes, now_ms: int) -> int:
        """Fill the bucket up to now; return 0 when it holds a try, else how long until it does."""
        tokens, since_ms = self.books[name] = _filled(self.rate, self.books.get(name), now_ms)
        self.books.move_to_end(name)
        while len(self.books) > self._most:
            self.books.popitem(last=False)
        return 0 if tokens > 0 else max(1, since_ms + self.rate.every_ms - now_ms)

    def spend(self, name: bytes, tries: int) -> None:
        """Take tries of a bucket that `wait` has just filled."""
        tokens, since_ms = self.books[name]
        self.books[name] = tokens - tries, since_ms

    def give_back(self, name: bytes) -> None:
        """Return one try to a bucket that is still remembered."""
        if name in self.books:
            tokens, since_ms = self.books[name]
            self.books[name] = min(tokens + 1, self.rate.burst), since_ms


def _filled(rate: Rate, book: Book | None, now_ms: int) -> Book:
    """Return (tokens, since when the next one grows); a clock that stepped back starts the next one anew."""
    if book is None:
        return rate.burst, now_ms
    tokens, since_ms = book
    grown = max(0, now_ms - since_ms) // rate.every_ms
    if tokens + grown >= rate.burst:
        return rate.burst, now_ms
    return tokens + grown, min(since_ms + grown * rate.every_ms, now_ms)
