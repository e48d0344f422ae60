"""A day of a device or a service: its timelines and its latest readings, as their pages show them."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import groupby, pairwise
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from dashboards import charts, subjects, timeline, words
from netops.access import approvals, record
from netops.errors import NetopsError
from netops.metrics import METRICS, Kind
from netops.model import Quality
from netops.sla.state import WATCHED, Place
from netops.verify import planned_of
from netops.web.language import current
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dashboards.city import City
    from dashboards.desk import Desk
    from dashboards.months import Span
    from inventory.model import Device, Door, Service
    from netops.ledger import Leaf
    from netops.model import Subject
    from netops.store import Outcome, Reading
    from netops.verify import Planned

DAY_MS = 86_400_000
OK = Quality.OK.value
SPANS = 20  # of a day's periods that were not up; the newest
BUCKETS = 800  # of all courses of a page; one is two points, some 22 bytes
RHYTHM = 3  # a course is broken where three of its steps in a row brought no value
# which metrics a subject of a kind may have
FAMILIES = {
    "ap": ("wlan.ap.",),
    "radio": ("wlan.radio.",),
    "vap": ("wlan.vap.",),
    "ssid": ("wlan.ssid.",),
    "link": ("wlan.link.",),
    "onu": ("pon.onu.",),
    "pon_port": ("pon.port.",),
    "cell": ("lte.cell.",),
    "site": ("portal.",),
    "login": ("portal.",),
    "sms": ("portal.sms.",),
    "controller": ("portal.controller.",),
    "nas": ("portal.",),
    "modem": ("lte.r", "lte.s", "lte.modem.", "lte.connection"),
    "interface": ("interface.",),
    "device": ("system.", "wlan.controller.", "host."),
}


def step(desk: Desk, city: City, device: str) -> Callable[[int], int]:
    """Return for how long a poll of the device may speak: as the contracts of its services had agreed at the time."""
    services = city.index.by_device.get(device, ())
    contracts = {city.now[each].contract for each in services if each in city.now} - {""}
    return city.index.step(sorted(contracts), desk.settings.collect.interval_s * 1000)


@dataclass(frozen=True, kw_only=True)
class Day:
    """What the store has of a day: the readings of each subject, its texts, or why there are none."""

    start_ms: int
    end_ms: int
    readings: Mapping[Subject, Sequence[Reading]]
    texts: Mapping[str, str]
    error: str = ""
    name: str = ""  # `2026-11-05`; empty: the last 24 hours

    @property
    def title(self) -> str:
        """Say which day it is."""
        return self.name or _("过去24小时")


def read(desk: Desk, told: Sequence[Subject], step: Callable[[int], int], day: Span | None = None) -> Day:
    """Read a day of the subjects, one question each; from a slot earlier: it speaks for the beginning of the day.

    Without a `day` it is the last 24 hours; one that is not over ends now.
    """
    now_ms = desk.clock.now_ms() + 1
    end_ms = min(day.end_ms, now_ms) if day is not None else now_ms
    start_ms = day.start_ms if day is not None else end_ms - DAY_MS
    name = day.name if day is not None else ""
    window = {"start_ms": start_ms - step(start_ms), "end_ms": end_ms}
    try:
        readings = {each: desk.queries.readings(each, _metrics(each), **window) for each in told}
        texts = {name: text for each in told for name, text in desk.queries.texts(each).items()}
    except NetopsError as error:
        return Day(start_ms=start_ms, end_ms=end_ms, readings={}, texts={}, error=str(error), name=name)
    return Day(start_ms=start_ms, end_ms=end_ms, readings=readings, texts=texts, name=name)


def lines(desk: Desk, city: City, device: Device, seen: Day, *, steps: Callable[[int], int]) -> dict[str, Any]:
    """Return a device's day: its timelines, its last polls, and what is wrong with the store if anything.

    A device that is polled has a timeline of its answers; one whose state is told by metrics has one of its state.
    """
    place = subjects.place(device)
    watched = subjects.watched(device.role) if place is not None else ()
    early = seen.start_ms - steps(seen.start_ms)
    if seen.error:
        return {"store_error": seen.error, "timelines": [], "polls": [], "doors": []}
    try:
        outcomes = desk.queries.outcomes(place.device if place else device.id, start_ms=early, end_ms=seen.end_ms)
        doors = [each for each in city.snapshot.doors if each.device == device.id]
        visits = [
            desk.queries.outcomes(f"{device.id}/{each.kind}", start_ms=early, end_ms=seen.end_ms) for each in doors
        ]
    except NetopsError as error:
        return {"store_error": str(error), "timelines": [], "polls": [], "doors": []}
    drawn = []
    if place is not None and any(METRICS[name].kind is Kind.STATE for name in watched):
        told = [each for held in seen.readings.values() for each in held if each.metric in watched]
        drawn.append(("state", timeline.told(place, outcomes, told, planned(desk, city, device.id))))
    if device.address:
        drawn.append(("answers", timeline.polled(outcomes)))
    polled = place.device if place else device.id
    return {
        "store_error": "",
        "timelines": [line(desk, city, what, slots, seen=seen, steps=steps, device=polled) for what, slots in drawn],
        "polls": outcomes[-10:][::-1] if device.address else [],
        "doors": [_door(each, device, made) for each, made in zip(doors, visits, strict=True)],
    }


def of_service(
    desk: Desk, city: City, service: Service, seen: Day, *, steps: Callable[[int], int]
) -> list[dict[str, Any]]:
    """Return a service's day as its contract sees it; none where its state is not told by polls, or none are there."""
    slots = slots_of(desk, city, service, seen, steps=steps)
    if not slots:
        return []
    return [line(desk, city, "state", slots, seen=seen, steps=steps, device=service.device)]


def slots_of(
    desk: Desk, city: City, service: Service, seen: Day, *, steps: Callable[[int], int]
) -> list[timeline.Slot]:
    """Return what each poll of a day says of a service."""
    if service.role not in WATCHED or seen.error:
        return []
    place = Place(role=service.role, device=service.device, itself=not service.subject, parent=service.parent)
    metrics = subjects.watched(service.role)
    told = [each for held in seen.readings.values() for each in held if each.metric in metrics]
    early = seen.start_ms - steps(seen.start_ms)
    try:
        outcomes = desk.queries.outcomes(service.device, start_ms=early, end_ms=seen.end_ms)
    except NetopsError:
        return []  # the readings below say that the store cannot be read
    return timeline.told(place, outcomes, told, planned(desk, city, service.device))


def _door(door: Door, device: Device, visits: Sequence[Outcome]) -> dict[str, Any]:
    """Return a further door of a device with its last visits and what became of those of the day."""
    counts = Counter(each.outcome for each in visits)
    return {
        "name": words.door(door.kind),
        "kind": door.kind,
        "address": f"{door.address or device.address}:{door.port}" if door.kind == "ssh" else "",
        "dialect": door.dialect,
        "visits": visits[-5:][::-1],
        "counts": [(words.outcome(name), count) for name, count in counts.most_common()],
    }


def events(desk: Desk, device: str, *, now_ms: int) -> dict[str, Any]:
    """Return what a device said by itself in the last day: traps, and the events of its informs."""
    found = desk.queries.events(device, start_ms=now_ms - DAY_MS, end_ms=now_ms + 1)
    rows = [_event(leaf) for leaf in found[:SPANS]]
    return {"events": rows, "events_more": max(len(found) - SPANS, 0)}


def _event(leaf: Leaf) -> dict[str, Any]:
    body: Mapping[str, Any] = leaf.fact.body
    return {
        "at_ms": leaf.fact.at_ms,
        "body": body,
        "leaf": leaf.index,
        "subject": words.row(body["subject"]["kind"]),
        "state": body.get("state", ""),
        "source": "SNMP" if "version" in body else "TR-069",
    }


def planned(desk: Desk, city: City, device: str) -> Callable[[int], bool]:
    """Return whether approved maintenance covers a slot of the device: all services that it carries, as sealed.

    The same windows as `netops.core` hands to the judge; they are read when the first slot is asked for.
    """
    services = frozenset(city.index.by_device.get(device, ()))

    @cache
    def windows() -> tuple[Planned, ...]:
        sealed = [each for each in record.read(desk.settings).values() if each.sealed]
        made = [planned_of(each.terms, city.snapshot) for each in approvals.approved(sealed, "exclusion")]
        return tuple(each for each in made if services & each.services)

    def covers(slot_ms: int) -> bool:
        covered = [each.services for each in windows() if each.start_ms <= slot_ms < each.end_ms]
        return bool(services) and services <= frozenset().union(*covered)

    return covers


def line(
    desk: Desk,
    city: City,
    what: str,
    slots: Sequence[timeline.Slot],
    *,
    seen: Day,
    steps: Callable[[int], int],
    device: str,
) -> dict[str, Any]:
    """Return one timeline of a day with its table: `what` it is of, `state`, `answers` or `told`."""
    start_ms, end_ms = seen.start_ms, seen.end_ms
    spans = timeline.spans(slots, start_ms=start_ms, end_ms=end_ms, step=steps)
    names = _names(what)
    sums = {state: sum(each.end_ms - each.start_ms for each in spans if each.state == state) for state in names}
    told = words.several(f"{names[state]} {words.span(ms)}" for state, ms in sums.items() if ms)
    label = _("%(day)s：%(told)s", day=seen.title, told=told)
    ticks = words.hours(start_ms, end_ms, desk.zone, step_h=3)
    rows = [
        {
            "span": each,
            "state": names[each.state],
            "because": words.why(each, city.snapshot),
            "slot_ms": timeline.begun_by(slots, each),
        }
        for each in reversed(spans)
        if each.state != charts.UP
    ]
    return {
        "what": what,
        "names": names,
        "device": device,
        "sums": told,
        "picture": charts.timeline(spans, start_ms=start_ms, end_ms=end_ms, label=label, ticks=ticks),
        "rows": rows[:SPANS],
        "more": max(len(rows) - SPANS, 0),
    }


def _names(what: str) -> dict[str, str]:
    if what == "answers":
        return {"U": _("已应答"), "X": _("无应答"), "N": _("未测（我们的原因，不计为中断）")}
    if what == "told":
        return {"U": _("有读数"), "N": _("没有读数（未测）")}
    return {letter: words.state(name) for name, letter in words.LETTER.items()}


def readings(seen: Day, steps: Callable[[int], int]) -> dict[str, Any]:
    """Return the latest readings of the subjects with their courses, one table a subject, and their texts."""
    tables = []
    fine = buckets(sum(len({each.metric for each in held}) for held in seen.readings.values()))
    for subject, held in seen.readings.items():
        rows = [
            _row(list(group), seen, steps, fine)
            for _metric, group in groupby(
                (each for each in held if each.slot_ms >= seen.start_ms), key=attrgetter("metric")
            )
        ]
        if rows:
            tables.append({"subject": subject, "title": _titled(subject), "rows": rows})
    known = {named(name): text for name, text in sorted(seen.texts.items())}
    return {"tables": tables, "texts": known, "readings_error": seen.error}


def _metrics(subject: Subject) -> list[str]:
    starts = FAMILIES.get(subject.kind, ())
    return [name for name, each in METRICS.items() if name.startswith(starts) and each.kind is not Kind.TEXT]


def buckets(courses: int) -> int:
    """Return how finely each of so many courses is drawn: together they have their share of the page's 60 KB."""
    return min(max(BUCKETS // max(courses, 1), 20), 120)


def _row(held: Sequence[Reading], seen: Day, steps: Callable[[int], int], fine: int) -> dict[str, Any]:
    newest = held[-1]
    metric = METRICS[newest.metric]
    rhythm = _rhythm([each.slot_ms for each in held])
    spark = charts.sparkline(
        [(each.slot_ms, each.value if each.code == OK else None) for each in held],
        start_ms=seen.start_ms,
        end_ms=seen.end_ms,
        label=_("%(name)s，%(day)s", name=named(metric.name), day=seen.title),
        buckets=fine,
        gap=lambda slot_ms: RHYTHM * max(rhythm.get(slot_ms, 0), steps(slot_ms)),
    )
    return {"reading": newest, "metric": metric, "value": said(newest), "spark": spark}


def _rhythm(slots: Sequence[int]) -> dict[int, int]:
    """Return how far each value lies from the one before it: dear metrics are asked for less often, by the profile."""
    apart = {after: after - before for before, after in pairwise(slots)}
    return apart | {slots[0]: apart[slots[1]]} if apart else {}


def _titled(subject: Subject) -> str:
    """Say what a table of readings is of, when a page has several."""
    kind, number = words.row(subject.kind), subject.id.rpartition("/")[2]
    return f"{kind} {number}" if subject.kind == "radio" else kind


def named(metric: str) -> str:
    """Say a metric's name in the language of the page."""
    known = METRICS.get(metric)
    if known is None:
        return metric
    return known.en if current() == "en" else known.zh


def said(reading: Any) -> str:
    """Say a reading's value with its unit; `—` when there is none."""
    if reading.value is None:
        return "—"
    metric = METRICS[reading.metric]
    if metric.kind is Kind.STATE:
        state = metric.state(reading.value)
        return f"{reading.value:g}" if state is None else words.code(state)
    if metric.unit == "s":
        return words.span(int(reading.value * 1000))
    unit = {"1": "", "Cel": " °C", "By": " B"}.get(metric.unit, f" {metric.unit}")
    return f"{_short(reading.value)}{unit}"


def _short(value: float) -> str:
    """Say a number with at most three decimals, cut off, not rounded; the exact one is the raw reading."""
    cut = math.trunc(value * 1000) / 1000 if abs(value) < 1e12 else value
    return f"{cut:,.3f}".rstrip("0").rstrip(".")
