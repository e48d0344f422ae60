"""Register × polls → what each service was in each slot. Effects: the journal; the deciding is `netops.sla.state`'s.

A service hangs on a device; its state is in that device's poll: a controller's poll tells of its access points, an
OLT's of its ONTs, a small cell's of itself. Slots that come late (a probe that was cut off, a history that is read in
beside the live city) run in a stream of their own: each is compared with the slot before it, not with the present.

What contracts promise of a metric (`netops.sla.streams`) is kept look by look, from whatever door told it, and judged
when its hour is sealed: by then every vantage point has said what it saw.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netops.journal import Newest
from netops.model import ANSWERED
from netops.packed import about
from netops.promises import OWN_ROWS, Promises
from netops.sla.sold import sold
from netops.sla.state import WATCHED, Place, Seen, classify

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inventory.model import Contract, Service
    from inventory.snapshot import Snapshot
    from netops.journal import Journal
    from netops.model import Row
    from netops.packed import Polled
    from netops.sla.measured import Look
    from netops.sla.timeline import Sample

ANCHOR = "anchor"
LIVE, LATE = "live", "late"
EVERY = "*"
MINUTE_MS = 60_000
BESIDE = ("/portal", "/radius")  # their polls beside a minute's slot hold counts, and say nothing of who was there
PORTAL, RADIUS, NAS = "portal", "radius", "nas"  # a role and its two doors; what the RADIUS server counts by
NEAR_MS = 1_800_000  # a slot further back proves nothing about what happened just before this one


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """An approved maintenance window: `[start_ms, end_ms)` for these services."""

    start_ms: int
    end_ms: int
    services: frozenset[str]


def planned_of(terms: Mapping[str, Any], seen: Snapshot) -> Planned:
    """Return the window of an approved exclusion's terms; `*` means all services that the contract sells now."""
    services = frozenset(terms["services"])
    if EVERY in services and terms["contract"] in seen.contract:
        services = frozenset(each.service for each in sold(seen.contract[terms["contract"]], seen).listed)
    return Planned(start_ms=terms["start_ms"], end_ms=terms["end_ms"], services=services)


@dataclass(frozen=True, slots=True)
class Watched:
    """A service with where it hangs; `subject` is `(kind, id)` of its row, None when it is the device itself."""

    id: str
    place: Place
    subject: tuple[str, str] | None


class Verifier:
    """Turns polls into samples. One per process; built from a register snapshot, rebuilt when the register changes."""

    def __init__(
        self,
        snapshot: Snapshot,
        journal: Journal,
        planned: Sequence[Planned] = (),
        *,
        contracts: Sequence[Contract] = (),
    ) -> None:
        self._journal = journal
        self.planned = planned
        self._by_device = _by_device(snapshot.services)
        self._promises = Promises(snapshot, contracts or snapshot.contracts)
        self._anchors = frozenset(device.id for device in snapshot.devices if device.role == ANCHOR)
        self._last = {stream: journal.newest(stream) for stream in (LIVE, LATE)}

    def take(self, polls: Sequence[Polled]) -> int:
        """Classify the polls and keep the samples; return how many. A slot that is known already changes nothing."""
        samples: list[tuple[str, Sample]] = []
        touched: dict[str, dict[str, Newest]] = {LIVE: {}, LATE: {}}
        anchors = []
        looks: list[tuple[str, Look]] = []
        for poll in sorted(polls, key=lambda each: each.slot_ms):
            looks += self._promises.looks(poll)
            if poll.device in self._anchors:
                anchors.append((poll.slot_ms, poll.device, poll.outcome == ANSWERED))
            for service, seen in self._seen(poll):
                stream = self._stream(service.id, poll.slot_ms)
                before = self._last[stream].get(service.id) if stream else None
                broken = stream == LIVE and before is not None and poll.slot_ms - before.sample.slot_ms > NEAR_MS
                if broken and before is not None:
                    self._go_on_late(service.id, before, touched)
                planned = self.is_planned(service.id, poll.slot_ms)
                sample = classify(service.place, seen, before=_before(before, poll.slot_ms), planned=planned)
                samples.append((service.id, sample))
                if stream:
                    # no state is told to last longer than it was seen: present.py joins what comes late
                    newest = _newest(service, seen, sample, None if broken else before)
                    self._last[stream][service.id] = touched[stream][service.id] = newest
        self._journal.put(samples, newest=touched, anchors=anchors, looks=looks)
        return len(samples)

    def bears(self, poll: Polled) -> bool:
        """Whether a contract rests on the poll, so that its replies are kept as evidence: see `Promises.bears`."""
        return poll.device in self._anchors or self._promises.bears(poll)

    def _stream(self, service: str, slot_ms: int) -> str:
        """Return the stream in which this slot is the next one; empty when it lies behind both."""
        for stream in (LIVE, LATE):
            last = self._last[stream].get(service)
            if last is None or slot_ms > last.sample.slot_ms:
                return stream
        return ""

    def _go_on_late(self, service: str, before: Newest, touched: dict[str, dict[str, Newest]]) -> None:
        """Let the late stream go on where the live one breaks off: what lies between may still come (lanes.py)."""
        late = self._last[LATE].get(service)
        if late is None or late.sample.slot_ms < before.sample.slot_ms:
            self._last[LATE][service] = touched[LATE][service] = before

    def _seen(self, poll: Polled) -> list[tuple[Watched, Seen]]:
        services = self._by_device.get(poll.device, ())
        if not services or (poll.slot_ms % MINUTE_MS and poll.device.endswith(BESIDE)):
            return []
        kinds = {each.subject[0] for each in services if each.subject}
        rows = {(row.subject.kind, row.subject.id): row for row in about(poll, kinds)} if kinds else {}
        own = about(poll, OWN_ROWS) if any(each.subject is None for each in services) else ()
        return [
            (each, _read(poll, [rows[each.subject]] if each.subject in rows else [] if each.subject else own))
            for each in services
        ]

    def is_planned(self, service: str, slot_ms: int) -> bool:
        """Whether approved maintenance of the service covers a slot."""
        return any(each.start_ms <= slot_ms < each.end_ms and service in each.services for each in self.planned)


def _by_device(services: Sequence[Service]) -> Mapping[str, tuple[Watched, ...]]:
    found: dict[str, list[Watched]] = defaultdict(list)
    for service in services:
        if service.role not in WATCHED:
            continue  # `netops check` names it; a role that nobody can watch is not guessed at
        kind, _, name = service.subject.partition(":")
        place = Place(role=service.role, device=service.device, itself=not service.subject, parent=service.parent)
        found[_polled(service)].append(Watched(service.id, place, (kind, name) if service.subject else None))
    return {device: tuple(each) for device, each in found.items()}


def _polled(service: Service) -> str:
    """Return whose poll tells a service's state: its device's, or for what the portal counts, the portal's own."""
    if service.role != PORTAL:
        return service.device
    door = RADIUS if service.subject.startswith(f"{NAS}:") else PORTAL
    return f"{service.device}/{door}"


def _read(poll: Polled, rows: Sequence[Row]) -> Seen:
    values: dict[str, float | None] = {}
    codes: dict[str, str] = {}
    for row in rows:
        values.update(row.values)
        codes.update(row.codes)
    return Seen(slot_ms=poll.slot_ms, at_ms=poll.at_ms, outcome=poll.outcome, values=values, codes=codes)


def _before(newest: Newest | None, slot_ms: int) -> tuple[Seen, Sample] | None:
    if newest is None or slot_ms - newest.sample.slot_ms > NEAR_MS:
        return None
    sample = newest.sample
    seen = Seen(slot_ms=sample.slot_ms, at_ms=sample.at_ms, outcome=ANSWERED, values=dict(newest.uptimes))
    return seen, sample


def _newest(service: Watched, seen: Seen, sample: Sample, before: Newest | None) -> Newest:
    same = before is not None and (before.sample.state, before.sample.cause) == (sample.state, sample.cause)
    uptimes = {
        metric: value
        for metric in WATCHED[service.place.role].uptimes
        if (value := seen.values.get(metric)) is not None and not seen.codes.get(metric)
    }
    since = before.since_ms if before is not None and same else sample.slot_ms
    return Newest(sample=sample, since_ms=since, uptimes=uptimes)
