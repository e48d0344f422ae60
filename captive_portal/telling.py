"""What the portal states: how logins went, by site, method, gateway and minute, and what visitors report as broken.

The same counts leave twice: as facts for the ledger, and as a poll a minute for the store and for what contracts
promise (`netops/metrics/portal.py`). Counts of a minute, never a person: the ledger cannot forget.

A device counts once an hour for each outcome at a site and method, whatever it does: one machine that logs in and out
all evening is one success, and thins out nobody's failures. What it does besides is counted apart (`repeated`). A
minute without visitors is told as well, by a row without counts: else nobody could tell it from our own absence.

A fault report is durable before the visitor reads "thank you"; the counts of the current minute live in memory, and a
crash loses them and nothing else. A minute in which we began or ended is not told as a whole one.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from captive_portal.figures import MINUTE_MS, SERVING, STATE, Times, poll, row
from captive_portal.passing import Passing
from netops import wire
from netops.facts import Fact, submit
from netops.metrics import portal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from netops.evidence.canonical import JSON
    from netops.model import Poll, Row
    from netops.spool import Spool

HOUR_MS = 60 * MINUTE_MS
FIRST_SEEN = 50_000  # clients whose first sight is remembered, for the time to online
REMEMBERED = 200_000  # outcomes of devices that are remembered, so that each counts once an hour
STUMBLED = 50_000  # addresses that were not served in a minute; more are counted, not told apart
LONG_AGO_MS = 30 * MINUTE_MS  # who came back after half an hour did not wait for half an hour
OUTCOMES = ("online", "failed", "unconfirmed", "ours")
NONE = "none"  # the terms of a minute in which nobody agreed to any
COUNTS = (*OUTCOMES, "unserved", "refused", "repeated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Whose login, where, by which way in and through which gateway. `place` is the controller or interface."""

    site: str
    place: str
    method: str
    identity: bytes


@dataclass(slots=True)
class Minute:
    """The counts of one site, method and place in one minute."""

    counts: Counter[str] = field(default_factory=Counter)
    agreed: Counter[str] = field(default_factory=Counter)  # consents that were recorded, by version of the terms
    unopened: int = 0
    online: Times = field(default_factory=lambda: Times(portal.TIME_TO_ONLINE))
    enforced: Times = field(default_factory=lambda: Times(portal.AUTHENTICATION))
    opening: Times = field(default_factory=lambda: Times(portal.OPENING))

    def join(self, other: Minute) -> None:
        """Add what another has counted."""
        self.counts.update(other.counts)
        for mine, its in ((self.online, other.online), (self.enforced, other.enforced)):
            mine.join(its)

    def values(self) -> dict[str, float]:
        """Return the logins as metrics."""
        counts = {f"portal.login.{name}": float(self.counts[name]) for name in COUNTS}
        told = sum(self.counts[name] for name in ("online", "failed", "unserved"))
        share = {portal.SUCCESS: self.counts["online"] / told} if told else {}
        return {**counts, **share, **self.online.values(), **self.enforced.values()}


Key = tuple[str, str, str]  # site, method (empty: none yet), place


class Telling:
    """Collects and submits; safe from several threads. `device` is this portal in the register."""

    def __init__(self, spool: Spool, *, device: str = "portal", sites: Collection[str] = ()) -> None:
        self.spool = spool
        self.totals = {**dict.fromkeys(COUNTS, 0), "reports": 0, "twins": 0}
        self.device = f"{device}/portal"
        self._sites = frozenset(sites)
        self._minutes: dict[tuple[int, Key], Minute] = {}
        self._seen: OrderedDict[bytes | str, int] = OrderedDict()
        self._told: OrderedDict[tuple[str, str, str, bytes], int] = OrderedDict()
        self._stumbled: tuple[int, set[str]] = (0, set())
        self._passing = Passing()
        self._lock = Lock()

    # ---- what happens
    def seen(self, whose: bytes | str, now_ms: int) -> None:
        """Note when a visitor without a session first came by: a device, or an address that nobody could tell yet."""
        with self._lock:
            first_ms = self._seen.get(whose)
            if first_ms is None or now_ms - first_ms > LONG_AGO_MS:
                self._seen[whose] = now_ms
            self._seen.move_to_end(whose)
            while len(self._seen) > FIRST_SEEN:
                self._seen.popitem(last=False)

    def online(
        self, login: Login, *, enforced_ms: int, in_ms: int, now_ms: int, addresses: Collection[str] = ()
    ) -> None:
        """Count a login that is known now to be in since `in_ms`, `enforced_ms` after its form came in."""
        with self._lock:
            minute = self._minute((login.site, login.method, login.place), now_ms)
            whose: tuple[bytes | str, ...] = (login.identity, *addresses)
            seen = [at for each in whose if (at := self._seen.pop(each, None)) is not None]
            if not self._first(login, "online", minute, now_ms):
                return
            minute.enforced.add(enforced_ms)
            if seen and in_ms - min(seen) <= LONG_AGO_MS:
                minute.online.add(in_ms - min(seen))

    def agreed(self, login: Login, terms: str, now_ms: int) -> None:
        """Count a consent that was recorded, to this version of the terms."""
        with self._lock:
            self._minute((login.site, login.method, login.place), now_ms).agreed[terms] += 1

    def came_to(self, outcome: str, login: Login, now_ms: int) -> None:
        """Count a login that came to nothing: `failed`, `unconfirmed`, `ours`; `unserved`: it found no room."""
        with self._lock:
            self._first(login, outcome, self._minute((login.site, login.method, login.place), now_ms), now_ms)

    def opened(self, login: Login, took_ms: int, now_ms: int) -> None:
        """Note how long a gateway took to open for a login: that of a carrier's controller is the carrier's."""
        with self._lock:
            self._minute((login.site, login.method, login.place), now_ms).opening.add(took_ms)

    def unopened(self, login: Login, now_ms: int) -> None:
        """Note that a gateway did not open for a login."""
        with self._lock:
            self._minute((login.site, login.method, login.place), now_ms).unopened += 1

    def refused(self, login: Login, now_ms: int) -> None:
        """Count a login that a method said no to."""
        with self._lock:
            self._count("refused", self._minute((login.site, login.method, login.place), now_ms))

    def unserved(self, site: str, place: str, address: str, now_ms: int, *, ours: bool = False) -> None:
        """Count an address of which nobody could say whose it is, once a minute; it has been seen all the same."""
        self.seen(address, now_ms)
        with self._lock:
            start_ms = now_ms - now_ms % MINUTE_MS
            if self._stumbled[0] != start_ms:
                self._stumbled = start_ms, set()
            if address not in self._stumbled[1]:
                if len(self._stumbled[1]) < STUMBLED:
                    self._stumbled[1].add(address)
                self._count("ours" if ours else "unserved", self._minute((site, "", place), now_ms))

    def _first(self, login: Login, outcome: str, minute: Minute, now_ms: int) -> bool:
        """Count an outcome of a device; False when the same one was counted within this hour."""
        key, hour = (login.site, login.method, outcome, login.identity), now_ms // HOUR_MS
        known = self._told.get(key) == hour
        self._told[key] = hour
        self._told.move_to_end(key)
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        self._count("repeated" if known else outcome, minute)
        return not known

    def _count(self, outcome: str, minute: Minute) -> None:
        minute.counts[outcome] += 1
        self.totals[outcome] += 1

    def _minute(self, key: Key, now_ms: int) -> Minute:
        at = self._passing.counts_in(now_ms), key
        found = self._minutes.get(at)
        if found is None:
            found = self._minutes[at] = Minute()
        return found

    # ---- what visitors say, and gateways see
    def report(self, body: Mapping[str, JSON], now_ms: int, count: int = 1) -> None:
        """State a visitor's fault report, or some that are alike; durable on return (SpoolError if not)."""
        submit(self.spool, Fact(kind="fault_report", at_ms=now_ms, body=body))
        with self._lock:
            self.totals["reports"] += count

    def twin(self, site: str, sign: str, now_ms: int) -> None:
        """State that two devices use one address of a device; durable on return (SpoolError if not)."""
        submit(self.spool, Fact(kind="cloned_device", at_ms=now_ms, body={"site": site, "sign": sign}))
        with self._lock:
            self.totals["twins"] += 1

    # ---- what leaves
    def flush(self, now_ms: int, *, everything: bool = False) -> int:
        """Submit the minutes that are over; return of how many site, method and place have counts.

        A SpoolError keeps them for the next time. `everything`: we end here, within a minute.
        """
        with self._lock:
            self._passing.note(now_ms)
            over_ms = now_ms + MINUTE_MS if everything else now_ms - now_ms % MINUTE_MS
            due = sorted(key for key in self._minutes if key[0] < over_ms)
            facts = [_fact(*key, self._minutes[key]) for key in due]
            polls = [
                self._poll(start_ms, now_ms) for start_ms in sorted({*self._passing.whole, *(key[0] for key in due)})
            ]
        if polls:
            self.spool.put("poll", [wire.encode(each) for each in polls])
        if facts:
            submit(self.spool, *facts)
        with self._lock:
            for key in due:
                self._minutes.pop(key, None)
            self._passing.told()
        return len(facts)

    def _poll(self, start_ms: int, now_ms: int) -> Poll:
        """Return a minute as a poll; one in which we began or end is told at an instant of its own, beside its slot."""
        slot_ms = self._passing.slot(start_ms, now_ms)
        mine = {key[1]: each for key, each in self._minutes.items() if key[0] == start_ms}
        return poll(self.device, slot_ms, _rows(mine, self._sites, whole=slot_ms == start_ms))


def _rows(minutes: Mapping[Key, Minute], sites: Collection[str], *, whole: bool) -> Iterator[Row]:
    """Yield what each site, each way in and each controller came to; a whole minute tells of every site."""
    by_site: dict[str, Minute] = {}
    by_method: dict[str, Minute] = {}
    for (site, method, _place), each in minutes.items():
        by_site.setdefault(site, Minute()).join(each)
        if method:
            by_method.setdefault(f"{site}/{method}", Minute()).join(each)
    there = {STATE: SERVING} if whole else {}
    for site in sorted({*by_site, *sites} if whole else by_site):
        yield row("site", site, {**there, **(by_site[site].values() if site in by_site else {})})
    for name, each in sorted(by_method.items()):
        yield row("login", name, each.values())
    yield from _controllers(minutes)


def _controllers(minutes: Mapping[Key, Minute]) -> Iterator[Row]:
    for place in sorted({place for _, _, place in minutes}):
        opening, unopened = Times(portal.OPENING), 0
        for (_, _, at), each in minutes.items():
            if at == place:
                opening.join(each.opening)
                unopened += each.unopened
        if opening.timed or unopened:
            yield row("controller", place, {**opening.values(), "portal.controller.failed": float(unopened)})


def _fact(start_ms: int, key: Key, minute: Minute) -> Fact:
    site, method, place = key
    body: dict[str, JSON] = {
        "site": site,
        "start_ms": start_ms,
        "end_ms": start_ms + MINUTE_MS,
        **{name: minute.counts[name] for name in COUNTS},
        "consents": minute.agreed.total(),
        "terms": max(minute.agreed, key=lambda each: (minute.agreed[each], each), default=NONE),
        "gateway": place,
        **minute.online.body("time_to_online"),
        **minute.enforced.body("enforced"),
        **minute.opening.body("gateway"),
    }
    if method:
        body["method"] = method
    if len(minute.agreed) > 1:
        body["agreed"] = dict(sorted(minute.agreed.items()))
    if minute.unopened:
        body["unopened"] = minute.unopened
    if minute.enforced.samples:
        body["enforced_ms_max"] = max(minute.enforced.samples)
    return Fact(kind="portal_logins", at_ms=start_ms + MINUTE_MS, body=body)
