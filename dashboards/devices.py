"""A device, a service, a reading: from the state on the map down to the bytes that a device sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.utils import secure_filename

from dashboards import audit, charts, courses, measured, months, probes, sites, subjects, timeline, weeks, words
from dashboards.city import RANK
from dashboards.frame import PAGE, bound, frame, paged, strip_label
from dashboards.queries import decoder
from netops import children
from netops.access import guard
from netops.clock import utc
from netops.errors import NetopsError
from netops.metrics import METRICS
from netops.model import ANSWERED, Observation
from netops.raw import unframe
from netops.sla.state import WATCHED
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from dashboards.city import City
    from dashboards.desk import Desk
    from inventory.model import Device
    from netops.config import Settings
    from netops.model import Gap
    from netops.store import Outcome

REPLIES, DUMPED = 8, 512  # what a page shows of the raw bytes; the rest is a download
SOON_MS = 900_000
DAY_MS = 86_400_000
FEWER = 25  # services on the page of a device, beside its readings
HOURS = 40  # of a month's that were not up; the newest
LATEST_MS = 1 << 53  # beyond it lies no instant of ours
READ = 40  # of the other values read from a poll: a controller sends thousands


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""
    add = blueprint.add_url_rule
    add("/device/<device>", "device", bound(device, desk))
    add("/service/<service>", "service", bound(service, desk))
    add("/service/<service>/sample", "sample", bound(sample, desk))
    slot = "<int(max=9007199254740991):slot_ms>"  # beyond 2^53 - 1 no instant of ours lies, nor would SQLite take it
    add(f"/reading/<path:device>/{slot}", "reading", bound(reading, desk))
    add(f"/reading/<path:device>/{slot}/raw", "raw", bound(raw, desk))


def device(desk: Desk, device: str) -> str:
    """Show a device: what it is, its services, its day and readings; of a child what its parent tells."""
    city = desk.queries.city()
    known = city.snapshot.device.get(device) or abort(404)
    site = city.snapshot.site.get(known.site)
    wish, day = weeks.asked(desk), asked_day(desk)
    services = [city.now[each] for each in city.index.by_device.get(device, ()) if each in city.now]
    services.sort(key=lambda each: (RANK[each.state], each.since_ms, each.service))
    return render_template(
        "dashboards/device.html",
        **frame(desk, city),
        device=known,
        site=site,
        area=city.area_of(known.site),
        carrier=city.snapshot.carrier.get(known.carrier),
        parent=city.snapshot.device.get(known.parent),
        **sites.below(city, device, most=PAGE),
        is_child=children.is_child(known),
        **(_day(desk, city, known, day) if wish is None else {}),
        **weeks.chosen(desk, wish, [each.service for each in services], day=day.name if day else ""),
        **paged(city, services, size=FEWER),
    )


def _day(desk: Desk, city: City, known: Device, day: months.Span | None) -> dict[str, Any]:
    """Return a device's day: timelines, polls, what it said by itself, readings, pictures."""
    steps = courses.step(desk, city, known.id)
    seen = courses.read(desk, subjects.told(known), steps, day)
    return {
        "drawn": measured.of_device(desk, city, known, seen),
        **shown(seen, desk),
        **courses.lines(desk, city, known, seen, steps=steps),
        **courses.events(desk, known.id, now_ms=desk.clock.now_ms()),
        **courses.readings(seen, steps),
    }


def service(desk: Desk, service: str) -> str:
    """Show a service: its state and why, its last day, its month, its latest readings."""
    city = desk.queries.city()
    known = city.snapshot.service.get(service) or abort(404)
    now = city.now.get(service)
    device = city.snapshot.device.get(known.device)
    own = city.snapshot.device.get(now.device) if now else None  # the child itself, where the register has it
    steps = courses.step(desk, city, known.device)
    told = children.of_service(known) or (subjects.told(device) if device else ())
    seen = courses.read(desk, told, steps, asked_day(desk))
    return render_template(
        "dashboards/service.html",
        **frame(desk, city),
        service=known,
        now=now,
        because=words.because(now.because, city.snapshot) if now else "",
        strip=charts.strip(now.strip, label=strip_label(now.strip)) if now else "",
        site=city.snapshot.site.get(known.site),
        area=city.area_of(known.site),
        carrier=city.snapshot.carrier.get(known.carrier),
        device=device,
        own=own if own is not device else None,
        contract=city.snapshot.contract.get(now.contract) if now else None,
        parent=city.snapshot.device.get(known.parent),
        probed=probes.of_service(desk, service),
        is_polled=known.role in WATCHED,
        has_visitors=known.role == "portal" and known.site in city.index.visited,
        timelines=courses.of_service(desk, city, known, seen, steps=steps),
        **shown(seen, desk),
        **weeks.chosen(desk, weeks.asked(desk, with_month=False), [service], day=seen.name),
        **_month(desk, service),
        **courses.readings(seen, steps),
    )


def asked_day(desk: Desk) -> months.Span | None:
    """Return the day that the address asks for; None: the last 24 hours. A day that is none is not found."""
    asked = request.args.get("day", "")
    if not asked:
        return None
    found: months.Span = months.day(asked, desk.zone) or abort(404)
    return found


def shown(seen: courses.Day, desk: Desk) -> dict[str, Any]:
    """Return which day a page shows, and the days beside it."""
    later = utc(seen.end_ms).astimezone(desk.zone).date() if seen.name else None
    if later is not None and seen.end_ms > desk.clock.now_ms():
        later = None  # it is today
    earlier = utc(seen.start_ms - 1).astimezone(desk.zone).date()
    return {
        "day": seen.name,
        "day_title": seen.title,
        "day_before": f"{earlier:%Y-%m-%d}",
        "day_after": f"{later:%Y-%m-%d}" if later else "",
    }


def _month(desk: Desk, service: str) -> dict[str, Any]:
    """Return the hours of a month of a service: the picture, its days as a table, and its sums."""
    now_ms, asked = desk.clock.now_ms(), request.args.get("month", "")
    span: months.Span = months.month(asked, desk.zone) or abort(404) if asked else months.month_of(now_ms, desk.zone)
    try:
        sealed = desk.queries.hours(service, months.hours(span))
    except NetopsError as error:
        return {"month": span, "month_error": str(error), "month_rows": []}
    rows = months.lines(span, sealed, desk.zone, now_ms=now_ms)
    told = [
        (
            each.day.name[5:],
            each.letters,
            url_for("dashboards.service", service=service, day=each.day.name, _anchor="day"),
            f"{each.day.name}: {words.percent(each.share)}",
        )
        for each in rows
    ]
    up, degraded, down, unknown = (
        sum(getattr(each, name) for each in rows) for name in ("up_ms", "degraded_ms", "down_ms", "unknown_ms")
    )
    return {
        "month": span,
        "month_error": "",
        "month_before": months.before(span, desk.zone).name,
        "month_after": months.month_of(span.end_ms, desk.zone).name if span.end_ms <= now_ms else "",
        "month_sums": (up, degraded, down, unknown),
        "month_share": words.percent(months.available(up + degraded, down)),
        "month_picture": charts.calendar(told, label=_("%(month)s：每天一行，每小时一格", month=span.name)),
        "month_rows": rows,
        "month_hours": [each for each in reversed(sealed) if each.worst != "U"][:HOURS],
        "month_more": max(sum(each.worst != "U" for each in sealed) - HOURS, 0),
    }


def sample(desk: Desk, service: str) -> AnyResponse:
    """Lead to the poll that shows best what a service was in a window: from any figure to its raw reading.

    `from` and `until` are instants in ms, at most a day apart; without `until` the next quarter of an hour.
    """
    city = desk.queries.city()
    known = city.snapshot.service.get(service) or abort(404)
    start_ms = request.args.get("from", 0, type=int)
    end_ms = min(request.args.get("until", start_ms + SOON_MS, type=int), start_ms + courses.DAY_MS)
    if not 0 < start_ms < end_ms < LATEST_MS:
        abort(404)
    device = city.snapshot.device.get(known.device)
    told = children.of_service(known) or (subjects.told(device) if device else ())
    steps = courses.step(desk, city, known.device)
    window = months.Span(name="", start_ms=start_ms, end_ms=end_ms)
    slots = courses.slots_of(desk, city, known, courses.read(desk, told, steps, window), steps=steps)
    slot_ms = timeline.telling(slots, start_ms=start_ms, end_ms=end_ms) or abort(404)
    about: dict[str, Any] = {}
    if told and known.role in WATCHED:
        about = {"metric": subjects.watched(known.role)[0], "subject": str(told[0])}
    return redirect(url_for("dashboards.reading", device=known.device, slot_ms=slot_ms, **about), code=303)


def reading(desk: Desk, device: str, slot_ms: int) -> str:
    """Show one poll: what was asked when, how it went, what was read from it and the bytes that came back."""
    city = desk.queries.city()
    known = _known(city, device)
    outcome = desk.queries.outcome(device, slot_ms) or abort(404)
    bytes_ = desk.queries.raw(outcome_id(outcome))
    read = explained(device, outcome, bytes_)
    wanted, subject = request.args.get("metric", ""), request.args.get("subject", "")

    asked = [each for each in read if (str(each.subject), each.metric) == (subject, wanted)]
    others = [each for each in read if each not in asked]
    others.sort(key=lambda each: (str(each.subject) != subject, each.metric != wanted))
    return render_template(
        "dashboards/reading.html",
        **frame(desk, city),
        device=known,
        poll=outcome,
        poll_id=outcome_id(outcome),
        octets=len(bytes_ or b""),
        replies=[
            (number, len(each), _dump(each[:DUMPED])) for number, each in enumerate(_replies(bytes_)[:REPLIES], 1)
        ],
        more=max(len(_replies(bytes_)) - REPLIES, 0),
        asked=[_line(each) for each in asked],
        read=[_line(each) for each in others[:READ]],
        read_count=len(read),
        kept=kept(desk.settings, slot_ms),
        sealed=desk.queries.sealed_in(outcome_id(outcome), slot_ms) if bytes_ else None,
    )


def kept(settings: Settings, at_ms: int) -> dict[str, int]:
    """Return until when is kept what was polled at an instant, in ms UTC.

    Readings; raw replies that bear on a contract (`evidence`), and the others. A file is a day's of UTC and goes whole.
    """
    day_ms, keep = at_ms // DAY_MS * DAY_MS, settings.retention
    days = {"readings": keep.telemetry_days, "evidence": keep.raw_evidence_days, "other": keep.raw_days}
    return {name: day_ms + (count + 1) * DAY_MS for name, count in days.items()}


def _known(city: City, poll: str) -> Device | None:
    """Return the device that a poll is of; a vantage point is none of the register. Out of sight is not found."""
    name, _slash, door = poll.partition("/")  # `olt-7/ssh`: by another door than SNMP
    known = city.snapshot.device.get(name)
    if known is None and (door != probes.DOOR or not guard.scope().whole):
        abort(404)
    return known


def raw(desk: Desk, device: str, slot_ms: int) -> Response:
    """Give the reply of a poll as it came, byte by byte."""
    _known(desk.queries.city(), device)
    outcome = desk.queries.outcome(device, slot_ms) or abort(404)
    bytes_ = desk.queries.raw(outcome_id(outcome))
    if bytes_ is None:
        abort(404)
    audit.told(desk, audit.RAW, outcome_id(outcome))
    head = {"Content-Disposition": f'attachment; filename="{secure_filename(device)}-{slot_ms}.bin"'}
    return Response(bytes_, mimetype="application/octet-stream", headers=head)


def explained(device: str, outcome: Outcome, bytes_: bytes | None) -> list[Any]:
    """Return what the rules read from the bytes of a poll, or why they did not; nothing where no bytes are."""
    explain = decoder(outcome.device.partition("/")[2])
    if explain is None or not bytes_ or outcome.outcome != ANSWERED:
        return []
    return list(explain(device, outcome, bytes_))


def _line(each: Observation | Gap) -> dict[str, str]:
    metric = METRICS.get(each.metric)
    about = {
        "metric": each.metric,
        "name": courses.named(each.metric),
        "subject": str(each.subject),
        "oid": each.oid,
    }
    if not isinstance(each, Observation):
        return {**about, "value": "—", "state": "", "raw": each.detail, "rule": "", "quality": each.reason.value}
    unit = each.unit if each.unit != "1" else ""
    state = metric.state(each.value) if metric and isinstance(each.value, (int, float)) else None
    return {
        **about,
        "value": "—" if each.value is None else f"{each.value} {unit}".rstrip(),
        "state": words.code(state) if state else "",
        "raw": str(each.raw),
        "rule": each.rule,
        "quality": each.quality.value,
    }


def outcome_id(outcome: Outcome) -> str:
    """Return the poll's name: `device@slot`."""
    return f"{outcome.device}@{outcome.slot_ms}"


def _replies(framed: bytes | None) -> list[bytes]:
    return unframe(framed) if framed else []


def _dump(octets: bytes) -> list[tuple[str, str, str]]:
    """Return a hex dump: offset, sixteen octets, what of them is printable ASCII."""
    out = []
    for at in range(0, len(octets), 16):
        part = octets[at : at + 16]
        text = "".join(chr(each) if 32 <= each < 127 else "." for each in part)
        out.append((f"{at:06x}", part.hex(" "), text))
    return out
