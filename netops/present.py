"""The situation from the journal: what every service is now, and what this month came to so far. Pure but for reads.

Month sums and the strip come from sealed hours; the running hour shows only as the present state. A service that was
not heard of for three checks is unknown: the last thing we saw is not what it is now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from netops.clock import to_ms, utc
from netops.hourly import LETTER
from netops.journal import HOUR_MS, unseen
from netops.situation import ServiceNow, Situation
from netops.situation import State as Shown
from netops.sla.intervals import Cause, State
from netops.sla.sold import sold
from netops.sla.state import PARENT, missed
from netops.verify import LATE, LIVE, NEAR_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inventory.model import Service
    from inventory.snapshot import Snapshot
    from netops.journal import Journal, Newest
    from netops.sla.timeline import Sample

STALE_CHECKS = 3
STRIP_HOURS = 24


def situation(
    seen: Snapshot,
    journal: Journal,
    *,
    interval_s: int,
    now_ms: int,
    collector: Mapping[str, str],
) -> Situation:
    """Return the situation at `now_ms` from what was told last."""
    newest, late = journal.newest(LIVE), journal.newest(LATE)
    hour = now_ms // HOUR_MS * HOUR_MS
    strips = journal.strips(hour - STRIP_HOURS * HOUR_MS, hour)
    contracts = {listed.service: each for each in seen.contracts for listed in sold(each, seen).listed}
    months = {each.timezone: journal.sums(month_start(now_ms, each.timezone), hour) for each in seen.contracts}
    blind = journal.blind(now_ms - STALE_CHECKS * interval_s * 1000, now_ms + 1)
    owners = _owners(seen)
    made = []
    for service in seen.services:
        contract = contracts.get(service.id)
        zone = contract.timezone if contract else ""
        sample, since = _present(newest.get(service.id), now_ms, interval_s, blind)
        since = _joined(since, sample, late.get(service.id))
        up, degraded, down, unknown = months.get(zone, {}).get(service.id, (0, 0, 0, 0))
        made.append(
            ServiceNow(
                service=service.id,
                device=owners.get((service.device, service.subject.partition(":")[2]), service.device),
                area=seen.site[service.site].area,
                carrier=service.carrier,
                contract=contract.id if contract else "",
                kind=service.kind,
                state=Shown(sample.state.value.lower()),
                since_ms=since,
                cause=_cause(service, sample),
                because=sample.because,
                month_up_ms=up + degraded,
                month_down_ms=down,
                month_unknown_ms=unknown,
                strip=_strip(strips.get(service.id, {}), hour) + LETTER[sample.state],
            )
        )
    return Situation(
        at_ms=now_ms, register=seen.digest, services=tuple(made), collector=collector, rehearsal=seen.rehearsal
    )


def month_start(now_ms: int, timezone: str) -> int:
    """Return when the calendar month of `now_ms` began, in a contract's zone."""
    local = utc(now_ms).astimezone(ZoneInfo(timezone))
    return to_ms(local.replace(day=1, hour=0, minute=0, second=0, microsecond=0))


def _present(newest: Newest | None, now_ms: int, interval_s: int, blind: frozenset[int]) -> tuple[Sample, int]:
    if newest is None:
        return missed(now_ms, "never asked"), now_ms
    sample = newest.sample
    if sample.slot_ms in blind:
        return unseen(sample), sample.slot_ms
    if now_ms - sample.slot_ms > (STALE_CHECKS + 1) * interval_s * 1000:
        return missed(sample.slot_ms, "not asked lately"), sample.slot_ms
    return sample, newest.since_ms


def _joined(since_ms: int, sample: Sample, late: Newest | None) -> int:
    """Return since when a state lasts, also where what was told late runs into what is seen now."""
    if late is None or since_ms - late.sample.slot_ms > NEAR_MS or since_ms <= late.since_ms:
        return since_ms
    same = (late.sample.state, late.sample.cause) == (sample.state, sample.cause)
    return late.since_ms if same else since_ms


def _owners(seen: Snapshot) -> dict[tuple[str, str], str]:
    """Return the register's device of each child by (parent, identity): an access point's MAC, an ONT's serial."""
    found = {}
    for device in seen.devices:
        if device.parent and (device.mac or device.serial):
            found[device.parent, f"mac:{device.mac}" if device.mac else f"sn:{device.serial}"] = device.id
    return found


def _cause(service: Service, sample: Sample) -> str:
    if sample.state is State.UP:
        return ""
    if sample.cause is Cause.PLANNED:  # also where the parent is silent: it is, because it is being worked on
        return sample.cause.value
    if sample.because.startswith(PARENT):
        return f"device:{sample.because.removeprefix(PARENT)}"
    if sample.cause in {Cause.CARRIER, Cause.UNDETERMINED}:
        return f"carrier:{service.carrier}"
    return sample.cause.value


def _strip(letters: Mapping[int, str], hour_ms: int) -> str:
    first = hour_ms - (STRIP_HOURS - 1) * HOUR_MS
    return "".join(letters.get(first + n * HOUR_MS, "-") for n in range(STRIP_HOURS - 1))
