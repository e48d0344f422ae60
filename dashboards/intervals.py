"""An interval of a service: what each poll in it said, the sealed hours that hold it, how long the replies are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, render_template, request

from dashboards import charts, courses, disputes, figures, held, months, probes, subjects, words
from dashboards.devices import DAY_MS, LATEST_MS, kept
from dashboards.frame import frame
from dashboards.reckoning import reason
from netops import children
from netops.access.record import ledger_path
from netops.errors import NetopsError
from netops.journal import HOUR_MS
from netops.ledger_file import LedgerReader
from netops.metrics import METRICS
from netops.sla import streams
from netops.sla.hours import KIND
from netops.sla.state import WATCHED

if TYPE_CHECKING:
    from dashboards.city import City
    from dashboards.desk import Desk
    from dashboards.figures import Figure
    from dashboards.running import Running
    from inventory.model import Service
    from netops.config import Settings
    from netops.model import Subject
    from netops.sla.streams import Stream
    from netops.store import Reading

SAMPLES = 100  # on a page
LEAVES = 24  # of the hours that hold the interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one poll said: its slot, who was polled, a letter of the charts and why, or the value that was read."""

    slot_ms: int
    device: str
    letter: str
    said: str
    inside: bool
    metric: str = ""
    subject: str = ""


def install(blueprint: Blueprint, desk: Desk, running: Running) -> None:
    """Add the page."""
    blueprint.add_url_rule(
        "/contract/<contract>/<month>/interval", "interval", lambda **names: interval(desk, running, **names)
    )


def interval(desk: Desk, running: Running, contract: str, month: str) -> str:
    """Show the samples of one service between two instants, `from` and `until` in ms; `at`: from where on."""
    known, period = held.find(desk, contract, month)
    start_ms, end_ms = (request.args.get(name, 0, type=int) for name in ("from", "until"))
    if not 0 < start_ms < end_ms < LATEST_MS or end_ms - start_ms > 40 * DAY_MS:
        abort(404)
    name = request.args.get("service", "")
    city = desk.queries.city()
    service = city.snapshot.service.get(name)
    one = _figure(desk, running, contract, month)
    found = _samples(desk, city, service, one, (start_ms, end_ms)) if service is not None else {"samples": []}
    return render_template(
        "dashboards/interval.html",
        **frame(desk, city),
        contract=known,
        month=month,
        name=name,
        service=service,
        one=one,
        start_ms=start_ms,
        end_ms=end_ms,
        lasted=words.exact(end_ms - start_ms),
        counted=_counted(desk, one, name, start_ms, end_ms),
        of_dispute=disputes.word,
        claims=disputes.beside(period.case, name, start_ms, end_ms),
        leaves=_leaves(desk.settings, contract, _stream(one), start_ms, end_ms),
        kept=kept(desk.settings, end_ms),
        **found,
    )


def _figure(desk: Desk, running: Running, contract: str, month: str) -> Figure | None:
    """Return the figure that the interval is seen under, if the address names one."""
    known, period = held.find(desk, contract, month)
    _seen, shown, _error = held.of(desk, running, known, period, held.revision(period))
    asked = (request.args.get("item", ""), request.args.get("objective", ""))
    return next((each for each in shown if (each.item_id, each.objective_id) == asked), None)


def _counted(desk: Desk, one: Figure | None, service: str, start_ms: int, end_ms: int) -> dict[str, Any] | None:
    """Return the outage that the interval is in the figure, with cause and reason."""
    if one is None:
        return None
    for row in figures.rows(one.told["incidents"]) if "incidents" in one.told else ():
        if row["service"] == service and row["start_ms"] < end_ms and start_ms < row["end_ms"]:
            return {**row, "because": reason(desk, row["because"])}
    return None


def _stream(one: Figure | None) -> Stream | None:
    return streams.stream(one.objective) if one is not None and one.objective is not None else None


def _leaves(settings: Settings, contract: str, stream: Stream | None, start_ms: int, end_ms: int) -> dict[str, Any]:
    """Return the leaves of the sealed hours in which the interval lies."""
    if not ledger_path(settings).exists():
        return {"shown": [], "count": 0}
    name = stream.name if stream is not None else ""
    first, last = start_ms // HOUR_MS * HOUR_MS, -(-end_ms // HOUR_MS) * HOUR_MS
    with LedgerReader(ledger_path(settings)) as ledger:
        found = [
            leaf.index
            for leaf in ledger.find(KIND, start_ms=first, end_ms=min(last, first + 7 * DAY_MS))
            if leaf.fact.body["contract"] == contract and leaf.fact.body.get("stream", "") == name
        ]
    return {"shown": sorted(found)[:LEAVES], "count": len(found)}


def _samples(desk: Desk, city: City, service: Service, one: Figure | None, span: tuple[int, int]) -> dict[str, Any]:
    """Return a page of samples, from the one before the interval to the one behind it."""
    start_ms, end_ms = span
    steps = courses.step(desk, city, service.device)
    step_ms = steps(start_ms)
    from_ms = max(request.args.get("at", 0, type=int), start_ms - step_ms)
    until_ms = min(end_ms + step_ms, from_ms + SAMPLES * step_ms, desk.clock.now_ms() + 1)
    stream = _stream(one)
    if from_ms >= until_ms:
        return {"samples": [], "counts": False, "more_ms": 0, "error": ""}
    try:
        if stream is None:
            made = _states(desk, city, service, (from_ms, until_ms), inside=(start_ms, end_ms))
        else:
            made = _values(desk, service, stream, (from_ms, until_ms), inside=(start_ms, end_ms))
    except NetopsError as error:
        return {"samples": [], "counts": False, "more_ms": 0, "error": str(error)}
    return {
        "samples": made[:SAMPLES],
        "counts": stream is not None and stream.counted,
        "more_ms": until_ms if until_ms < min(end_ms + step_ms, desk.clock.now_ms()) else 0,
        "error": "",
    }


def _states(
    desk: Desk, city: City, service: Service, window: tuple[int, int], *, inside: tuple[int, int]
) -> list[Sample]:
    """Return what each poll said of the service's state."""
    device = city.snapshot.device.get(service.device)
    told = children.of_service(service) or (subjects.told(device) if device else ())
    steps = courses.step(desk, city, service.device)
    span = months.Span(name="", start_ms=window[0], end_ms=window[1])
    seen = courses.read(desk, told, steps, span)
    if seen.error:
        raise NetopsError(seen.error)
    about = {}
    if told and service.role in WATCHED:
        about = {"metric": subjects.watched(service.role)[0], "subject": str(told[0])}
    return [
        Sample(
            slot_ms=each.slot_ms,
            device=service.device,
            letter=each.state,
            said=words.because(each.because, city.snapshot) if each.because else "",
            inside=inside[0] <= each.slot_ms < inside[1],
            **about,
        )
        for each in courses.slots_of(desk, city, service, seen, steps=steps)
        if window[0] <= each.slot_ms < window[1]
    ]


def _values(
    desk: Desk, service: Service, stream: Stream, window: tuple[int, int], *, inside: tuple[int, int]
) -> list[Sample]:
    """Return what was read of the metric that an objective rests on; nothing of what is counted one by one."""
    if stream.counted:
        return []
    found = [
        (subject, reading)
        for subject in _subjects(desk, service, stream)
        for reading in desk.queries.readings(subject, [stream.metric], start_ms=window[0], end_ms=window[1])
    ]
    found.sort(key=lambda each: (each[1].slot_ms, each[1].device))
    return [_value(subject, each, inside) for subject, each in found]


def _subjects(desk: Desk, service: Service, stream: Stream) -> list[Subject]:
    if stream.probed:
        return [each.subject for each in probes.paths(desk) if each.texts.get("probe.service") == service.id]
    device = desk.queries.city().snapshot.device.get(service.device)
    return list(children.of_service(service) or (subjects.told(device) if device else ()))


def _value(subject: Subject, each: Reading, inside: tuple[int, int]) -> Sample:
    unit = METRICS[each.metric].unit if each.metric in METRICS else ""
    known = each.value is not None and each.code == courses.OK
    return Sample(
        slot_ms=each.slot_ms,
        device=each.device,
        letter="" if known else charts.UNKNOWN,
        said=f"{each.value} {'' if unit == '1' else unit}".rstrip() if known else words.outcome(each.code),
        inside=inside[0] <= each.slot_ms < inside[1],
        metric=each.metric,
        subject=str(subject),
    )
