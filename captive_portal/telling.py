"""What the portal states as facts: how logins went, by site and minute, and what visitors report as broken.

Counts of a minute, never a person: the ledger cannot forget. A fault report is durable before the visitor reads "thank
you"; the counts of the current minute live in memory, and a crash loses them and nothing else (sessions are in the
portal's database).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from netops.facts import Fact, submit

if TYPE_CHECKING:
    from netops.spool import Spool

MINUTE_MS = 60_000
FIRST_SEEN = 50_000  # clients whose first sight is remembered, for the time to online
SAMPLES = 5_000  # times to online kept in a minute and site; more are counted, not kept
LONG_AGO_MS = 30 * MINUTE_MS  # who came back after half an hour did not wait for half an hour


@dataclass(slots=True)
class Minute:
    """The counts of one site in one minute."""

    online: int = 0
    refused: int = 0
    failed: int = 0
    enforced_ms: int = 0
    waits_ms: list[int] = field(default_factory=list)
    gateway_ms: list[int] = field(default_factory=list)


class Telling:
    """Collects and submits; safe from several threads."""

    def __init__(self, spool: Spool, *, terms: str) -> None:
        self.spool = spool
        self.terms = terms
        self.totals = {"online": 0, "refused": 0, "failed": 0, "reports": 0, "twins": 0}
        self._minutes: dict[tuple[str, int], Minute] = {}
        self._seen: OrderedDict[bytes, int] = OrderedDict()
        self._lock = Lock()

    def seen(self, identity: bytes, now_ms: int) -> None:
        """Note when a visitor without a session first came by."""
        with self._lock:
            first_ms = self._seen.get(identity)
            if first_ms is None or now_ms - first_ms > LONG_AGO_MS:
                self._seen[identity] = now_ms
            self._seen.move_to_end(identity)
            while len(self._seen) > FIRST_SEEN:
                self._seen.popitem(last=False)

    def online(self, site: str, identity: bytes, *, enforced_ms: int, now_ms: int) -> None:
        """Count a login that reached the firewall, `enforced_ms` after its form came in."""
        with self._lock:
            minute = self._minute(site, now_ms)
            minute.online += 1
            minute.enforced_ms = max(minute.enforced_ms, enforced_ms)
            first_ms = self._seen.pop(identity, None)
            if first_ms is not None and len(minute.waits_ms) < SAMPLES:
                minute.waits_ms.append(max(0, now_ms - first_ms))
            self.totals["online"] += 1

    def opened(self, site: str, took_ms: int, now_ms: int) -> None:
        """Note how long a gateway took to open for a login: that of a carrier's controller is the carrier's."""
        with self._lock:
            minute = self._minute(site, now_ms)
            if len(minute.gateway_ms) < SAMPLES:
                minute.gateway_ms.append(took_ms)

    def refused(self, site: str, now_ms: int) -> None:
        """Count a login that a method said no to."""
        with self._lock:
            self._minute(site, now_ms).refused += 1
            self.totals["refused"] += 1

    def failed(self, site: str, now_ms: int) -> None:
        """Count a login that was right and that we could not serve."""
        with self._lock:
            self._minute(site, now_ms).failed += 1
            self.totals["failed"] += 1

    def report(self, site: str, what: str, uplink: str, now_ms: int) -> None:
        """State a visitor's fault report; durable on return (SpoolError if not)."""
        submit(self.spool, Fact(kind="fault_report", at_ms=now_ms, body={"site": site, "what": what, "uplink": uplink}))
        with self._lock:
            self.totals["reports"] += 1

    def twin(self, site: str, sign: str, now_ms: int) -> None:
        """State that two devices use one address of a device; durable on return (SpoolError if not)."""
        submit(self.spool, Fact(kind="cloned_device", at_ms=now_ms, body={"site": site, "sign": sign}))
        with self._lock:
            self.totals["twins"] += 1

    def flush(self, now_ms: int, *, everything: bool = False) -> int:
        """Submit the minutes that are over; return how many. A SpoolError keeps them for the next time."""
        with self._lock:
            due = [key for key in self._minutes if everything or key[1] + MINUTE_MS <= now_ms]
            facts = [self._fact(*key, self._minutes[key]) for key in sorted(due)]
        if facts:
            submit(self.spool, *facts)
        with self._lock:
            for key in due:
                self._minutes.pop(key, None)
        return len(facts)

    def _minute(self, site: str, now_ms: int) -> Minute:
        return self._minutes.setdefault((site, now_ms - now_ms % MINUTE_MS), Minute())

    def _fact(self, site: str, start_ms: int, minute: Minute) -> Fact:
        body: dict[str, str | int] = {
            "site": site,
            "start_ms": start_ms,
            "end_ms": start_ms + MINUTE_MS,
            "online": minute.online,
            "refused": minute.refused,
            "failed": minute.failed,
            "consents": minute.online,
            "terms": self.terms,
        }
        if minute.online:
            body["enforced_ms_max"] = minute.enforced_ms
        for name, samples in (("time_to_online", sorted(minute.waits_ms)), ("gateway", sorted(minute.gateway_ms))):
            if samples:
                body[f"{name}_ms_p50"] = samples[(len(samples) - 1) // 2]
                body[f"{name}_ms_p95"] = samples[(len(samples) * 95 + 99) // 100 - 1]
        return Fact(kind="portal_logins", at_ms=start_ms + MINUTE_MS, body=body)
