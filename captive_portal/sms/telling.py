"""What becomes of messages, as facts: by site, carrier and minute, never a number.

Three clocks stand beside one another, each from the moment a code was asked for: a provider took the message, it says
that it was delivered, somebody typed the code in. The last one is the truth that no carrier can dress up: who typed
the code had it. Each is counted in the minute in which it happened. The carrier is the one the number's block was given
to. Counts of the running minute live in memory, as those of logins do.

What a contract promises is each message once (`netops/sla/counted.py`): good is one whose code was typed in, as late as
it was reported delivered or typed, whichever came first; *lost* when no provider took it or its loss was reported, and
nobody typed it. What is neither five minutes later proves nothing, good or bad: *unproved* when its delivery was
reported, which is the bare word of whoever is held to the contract, *unheard* when nothing is known.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from captive_portal.figures import Times, ranked
from captive_portal.passing import Passing
from netops.facts import Fact
from netops.metrics import portal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from captive_portal.sms.code import Pending
    from netops.evidence.canonical import JSON

MINUTE_MS = 60_000
SAMPLES = 2_000  # of a kind, minute, site and carrier; more are counted, not kept
EXPECTED = 50_000  # messages whose report is awaited
REPORTED_MS = 24 * 3_600_000  # a report that comes later tells nothing about delivery
KNOWN_MS = 300_000  # until then it is known what became of a message, or it is not
TIMED = ("handed", "delivered", "proved")
COUNTED = ("asked", "unsent", "undelivered", *TIMED)


@dataclass(slots=True)
class Minute:
    """Counts and times of one site and carrier."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    times_ms: dict[str, list[int]] = field(default_factory=lambda: {name: [] for name in TIMED})
    delivery: Times = field(default_factory=lambda: Times(portal.DELIVERY))
    lost: int = 0
    unproved: int = 0
    unheard: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A message whose report may come."""

    site: str
    carrier: str
    asked_ms: int
    id: str = ""
    receipts: tuple[str, ...] = ()  # by whichever of its ids it is reported


@dataclass(slots=True)
class UnderWay:
    """A message of which it is not known yet what became of it; what is said of it until then."""

    sent: Pending | Expected
    lost: bool = False
    delivered_ms: int | None = None


class Deliveries:
    """Counts; safe from several threads."""

    def __init__(self) -> None:
        self.totals = dict.fromkeys(COUNTED, 0)
        self._minutes: dict[tuple[str, str, int], Minute] = {}
        self._expected: OrderedDict[tuple[str, str], Expected] = OrderedDict()
        self._under_way: OrderedDict[str, UnderWay] = OrderedDict()  # by the message's id, the oldest first
        self._passing = Passing()
        self._lock = Lock()

    def count(self, what: str, sent: Pending | Expected, now_ms: int) -> None:
        """Count something that happened to a message now; of those in TIMED, how long after it was asked for."""
        with self._lock:
            minute = self._minute(sent, now_ms)
            minute.counts[what] += 1
            self.totals[what] += 1
            self._follow(what, sent, minute, now_ms)
            times = minute.times_ms.get(what)
            if times is not None and len(times) < SAMPLES:
                times.append(max(0, now_ms - sent.asked_ms))

    def _minute(self, sent: Pending | Expected, now_ms: int) -> Minute:
        return self._minutes.setdefault((sent.site, sent.carrier, self._passing.counts_in(now_ms)), Minute())

    def _follow(self, what: str, sent: Pending | Expected, minute: Minute, now_ms: int) -> None:
        if what == "asked":
            self._under_way[sent.id] = UnderWay(sent)
            while len(self._under_way) > EXPECTED:
                self._under_way.popitem(last=False)
        known = self._under_way.get(sent.id)
        if known is None:
            return
        if what == "proved":
            del self._under_way[sent.id]
            minute.delivery.add((now_ms if known.delivered_ms is None else known.delivered_ms) - sent.asked_ms)
        elif what == "delivered":
            known.lost, known.delivered_ms = False, now_ms
        elif what in {"unsent", "undelivered"}:
            known.lost = True

    def _give_up(self, now_ms: int, *, everything: bool) -> None:
        """Count the messages of which nothing more is expected."""
        while self._under_way:
            first = next(iter(self._under_way.values()))
            if now_ms - first.sent.asked_ms < KNOWN_MS and not everything:
                return
            self._under_way.popitem(last=False)
            minute = self._minute(first.sent, now_ms)
            if first.lost:
                minute.lost += 1
            elif first.delivered_ms is not None:
                minute.unproved += 1
            else:
                minute.unheard += 1

    def expect(self, provider: str, receipts: Sequence[str], sent: Pending) -> None:
        """Await a provider's report about a message, by any of its ids."""
        with self._lock:
            named = tuple(filter(None, receipts))
            expected = Expected(
                site=sent.site, carrier=sent.carrier, asked_ms=sent.asked_ms, id=sent.id, receipts=named
            )
            self._expected.update({(provider, receipt): expected for receipt in named})
            while len(self._expected) > EXPECTED:
                self._expected.popitem(last=False)

    def reported(self, provider: str, receipt: str, *, delivered: bool, now_ms: int) -> bool:
        """Take a provider's report, once for each message; return whether the message was known."""
        with self._lock:
            expected = self._expected.get((provider, receipt))
            for each in expected.receipts if expected else ():
                self._expected.pop((provider, each), None)
        if expected is None or not 0 <= now_ms - expected.asked_ms <= REPORTED_MS:
            return False
        self.count("delivered" if delivered else "undelivered", expected, now_ms)
        return True

    def flush(self, tell: Callable[[Sequence[Fact]], None], now_ms: int, *, everything: bool = False) -> None:
        """State the minutes that are over; they are kept for the next time when telling fails."""
        with self._lock:
            self._passing.note(now_ms)
            self._give_up(now_ms, everything=everything)
            due = [key for key in self._minutes if everything or key[2] + MINUTE_MS <= now_ms]
            facts = [_fact(*key, self._minutes[key]) for key in sorted(due)]
        if facts:
            tell(facts)
        with self._lock:
            for key in due:
                self._minutes.pop(key, None)
            self._passing.told()


def _fact(site: str, carrier: str, start_ms: int, minute: Minute) -> Fact:
    body: dict[str, JSON] = {
        "site": site,
        "carrier": carrier,
        "start_ms": start_ms,
        "end_ms": start_ms + MINUTE_MS,
        **minute.counts,
        "lost": minute.lost,
        "unproved": minute.unproved,
        "unheard": minute.unheard,
        **minute.delivery.body("delivery"),
    }
    for name, times in minute.times_ms.items():
        body.update({f"{name}_ms_p{rank}": value for rank, value in ranked(times).items()})
    return Fact(kind="sms_delivery", at_ms=start_ms + MINUTE_MS, body=body)
