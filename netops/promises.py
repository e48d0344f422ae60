"""Register × polls → the looks that contracts' objectives on a metric rest on, and which replies are evidence. Pure.

A probe's path names the service that it serves. Of a device, every door tells of the same subjects: SNMP, SSH, TR-069;
an objective takes its metric from whichever door brings it. Of what is probed no door tells: a silent device is no
vantage point that accuses. What the portal counts (role `portal`) portal and RADIUS server tell, and nothing else. A
device that answers by SNMP and has no row of the service does not show it: it must not be able to turn what is bad into
what we have not seen.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from netops.metrics import METRICS
from netops.metrics.metric import Better, Kind
from netops.model import ANSWERED, Reason
from netops.packed import about
from netops.sla import streams
from netops.sla.counters import OF
from netops.sla.measured import Look
from netops.sla.sold import fits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from inventory.model import Contract, Service
    from inventory.snapshot import Snapshot
    from netops.model import Row
    from netops.packed import Polled

OWN_ROWS = frozenset({"device", "cell"})  # rows that tell of the device itself when the service is the device
PROBE = "/probe"
PORTAL = "portal"  # the role of what the portal counts
COUNTERS = frozenset({"portal", "radius"})  # the doors that tell of it, and of nothing else
PATH = "path"
SERVES = "probe.service"


class Promises:
    """Which metrics of which services some version of a contract promises. Built from a register snapshot."""

    def __init__(self, snapshot: Snapshot, contracts: Sequence[Contract]) -> None:
        self._sold: dict[str, set[str]] = defaultdict(set)  # device → services that a contract sells
        wanted: dict[str, set[str]] = defaultdict(set)
        promised = [(contract, item, streams.of_item(item)) for contract in contracts for item in contract.items]
        for service in snapshot.services:
            for contract, item, metrics in promised:
                if fits(contract, item, service, snapshot):
                    self._sold[service.device].add(service.id)
                    wanted[service.id] |= metrics
        # A device is no vantage point, a vantage point no door of a device: each is asked for its own metrics alone.
        self._probed = _sorted(wanted, probed=True)
        self._told = _sorted(wanted, probed=False)
        self._on: dict[str, list[Service]] = defaultdict(list)
        for service in snapshot.services:
            if service.id in self._told:
                self._on[service.device].append(service)

    def looks(self, poll: Polled) -> Iterator[tuple[str, Look]]:
        """Yield `(service, look)` for each promised metric that the poll says something of."""
        if poll.device.endswith(PROBE):
            yield from self._paths(poll)
            return
        device, _, door = poll.device.partition("/")
        counts = door in COUNTERS  # the portal faces the public: of what devices and lines do it has no say
        services = [each for each in self._on.get(device, ()) if (each.role == PORTAL) is counts]
        kinds = {each.subject.partition(":")[0] for each in services if each.subject}
        rows = {(row.subject.kind, row.subject.id): row for row in about(poll, kinds)} if kinds else {}
        own = about(poll, OWN_ROWS) if any(not each.subject for each in services) else ()
        for service in services:
            kind, _, name = service.subject.partition(":")
            mine = [rows[kind, name]] if (kind, name) in rows else [] if service.subject else own
            for metric in self._told[service.id]:
                if METRICS[metric].kind is Kind.COUNTER:
                    yield from ((service.id, look) for look in _counters(poll, metric, mine))
                    continue
                told = _worst(metric, mine)
                if told is not None:
                    yield service.id, _look(poll, poll.device, metric, told)
                elif poll.outcome != ANSWERED:
                    yield service.id, _look(poll, poll.device, metric, None)
                elif service.subject and not mine and poll.device == service.device:
                    gone = _look(poll, poll.device, metric, None)
                    yield service.id, replace(gone, code=Reason.ROW_MISSING.value)

    def _paths(self, poll: Polled) -> Iterator[tuple[str, Look]]:
        if not self._probed:
            return
        for row in poll.rows:
            service = row.texts.get(SERVES, "")
            if row.subject.kind == PATH:
                for metric in self._probed.get(service, ()):
                    if metric in row.values or metric in row.codes:
                        yield service, _look(poll, row.subject.id, metric, row)

    def bears(self, poll: Polled) -> bool:
        """Whether the poll's replies are evidence for a contract.

        Of a device that carries sold services its own polls are; those by another door only when they tell a promised
        metric; a vantage point's when it tells one, or that it saw nothing.
        """
        device, _, door = poll.device.partition("/")
        if not door:
            return device in self._sold
        if poll.device.endswith(PROBE) and poll.outcome != ANSWERED:
            return bool(self._probed)
        return any(True for _ in self.looks(poll))


def _sorted(wanted: Mapping[str, set[str]], *, probed: bool) -> Mapping[str, tuple[str, ...]]:
    found = {
        name: sorted(one for one in each if one.startswith(streams.PROBED) == probed) for name, each in wanted.items()
    }
    return {name: tuple(each) for name, each in found.items() if each}


def _counters(poll: Polled, metric: str, rows: Sequence[Row]) -> Iterator[Look]:
    """Yield what each row counts: cells of a device are summed. A silent door says nothing; the next reply does."""
    for row in rows:
        if metric in row.values and metric not in row.codes:
            yield _look(poll, f"{poll.device}{OF}{row.subject.id}", metric, row)


def _worst(metric: str, rows: Sequence[Row]) -> Row | None:
    """Return the row that tells a metric; of several (the cells of a device) the worst, in any order."""
    told = [row for row in rows if metric in row.values or metric in row.codes]
    sound = [(value, row) for row in told if (value := row.values.get(metric)) is not None and metric not in row.codes]
    if not sound:
        return told[0] if told else None
    choose = min if METRICS[metric].better is Better.HIGHER else max
    return choose(sound, key=lambda each: each[0])[1]


def _look(poll: Polled, source: str, metric: str, row: Row | None) -> Look:
    return Look(
        slot_ms=poll.slot_ms,
        at_ms=poll.at_ms,
        source=source,
        metric=metric,
        value=row.values.get(metric) if row is not None else None,
        code=row.codes.get(metric, "") if row is not None else poll.outcome,
    )
