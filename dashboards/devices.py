"""A device, a service, a reading: from the state on the map down to the bytes that a device sent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, render_template, request
from werkzeug.utils import secure_filename

from dashboards import charts, timeline, words
from dashboards.city import RANK
from dashboards.frame import PAGE, bound, frame, paged, strip_label
from dashboards.queries import decoder, letter
from netops.errors import NetopsError
from netops.metrics import METRICS, Kind
from netops.model import ANSWERED, Observation, Subject
from netops.raw import unframe
from netops.web.language import current
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from dashboards.desk import Desk
    from netops.model import Gap
    from netops.store import Outcome

DAY_MS = 86_400_000
REPLIES, DUMPED = 8, 512  # what a page shows of the raw bytes; the rest is a download
READ = 80  # of the values read from a poll: a controller sends thousands
# which metrics a subject of a kind may have
FAMILIES = {
    "ap": ("wlan.ap.",),
    "radio": ("wlan.radio.",),
    "vap": ("wlan.vap.",),
    "onu": ("pon.onu.",),
    "pon_port": ("pon.port.",),
    "cell": ("lte.cell.",),
    "modem": ("lte.r", "lte.s", "lte.modem.", "lte.connection"),
    "device": ("system.", "wlan.controller.", "host."),
}


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""
    add = blueprint.add_url_rule
    add("/device/<device>", "device", bound(device, desk))
    add("/service/<service>", "service", bound(service, desk))
    add("/reading/<device>/<int:slot_ms>", "reading", bound(reading, desk))
    add("/reading/<device>/<int:slot_ms>/raw", "raw", bound(raw, desk))


def device(desk: Desk, device: str) -> str:
    """Show a device: what it is, a day's timeline, its services and its latest readings."""
    city = desk.queries.city()
    known = city.snapshot.device.get(device) or abort(404)
    site = city.snapshot.site.get(known.site)
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
        children=[city.snapshot.device[each] for each in city.index.children.get(device, ())[:PAGE]],
        children_count=len(city.index.children.get(device, ())),
        **_course(desk, device),
        **_readings(desk, Subject("device", device)),
        **paged(city, services),
    )


def service(desk: Desk, service: str) -> str:
    """Show a service: its state and why, its last day, its month, its latest readings."""
    city = desk.queries.city()
    known = city.snapshot.service.get(service) or abort(404)
    now = city.now.get(service)
    kind, _colon, name = known.subject.partition(":")
    subject = Subject(kind, name) if known.subject else Subject("device", known.device)
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
        device=city.snapshot.device.get(known.device),
        parent=city.snapshot.device.get(known.parent),
        **_readings(desk, subject),
    )


def reading(desk: Desk, device: str, slot_ms: int) -> str:
    """Show one poll: what was asked when, how it went, what was read from it and the bytes that came back."""
    city = desk.queries.city()
    known = city.snapshot.device.get(device) or abort(404)
    outcome = desk.queries.outcome(device, slot_ms) or abort(404)
    bytes_ = desk.queries.raw(outcome_id(outcome))
    read = _explained(device, outcome, bytes_)
    wanted, subject = request.args.get("metric", ""), request.args.get("subject", "")

    def nearest(each: Observation | Gap) -> tuple[bool, bool]:
        """Put first what was asked for, then the rest of its subject, then the same metric elsewhere."""
        return str(each.subject) != subject, each.metric != wanted

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
        read=[_line(each) for each in sorted(read, key=nearest)[:READ]],
        read_count=len(read),
        wanted=wanted,
        subject=subject,
    )


def raw(desk: Desk, device: str, slot_ms: int) -> Response:
    """Give the reply of a poll as it came, byte by byte."""
    outcome = desk.queries.outcome(device, slot_ms) or abort(404)
    bytes_ = desk.queries.raw(outcome_id(outcome))
    if bytes_ is None:
        abort(404)
    head = {"Content-Disposition": f'attachment; filename="{secure_filename(device)}-{slot_ms}.bin"'}
    return Response(bytes_, mimetype="application/octet-stream", headers=head)


def _course(desk: Desk, device: str) -> dict[str, Any]:
    """Return a device's day: spans, the picture, the sums and what is wrong with the store if anything."""
    end_ms = desk.clock.now_ms()
    start_ms = end_ms - DAY_MS
    interval_ms = desk.settings.collect.interval_s * 1000
    try:  # from one slot earlier: it speaks for the beginning of the window
        outcomes = desk.queries.outcomes(device, start_ms=start_ms - interval_ms, end_ms=end_ms)
    except NetopsError as error:
        return {"store_error": str(error), "timeline": None, "polls": [], "spans": [], "course": {}}
    spans = timeline.spans(outcomes, start_ms=start_ms, end_ms=end_ms, interval_ms=interval_ms)
    sums = {state: sum(s.end_ms - s.start_ms for s in spans if s.state == state) for state in "UXN"}
    label = _(
        "过去24小时：应答 %(up)s，无应答 %(down)s，未测 %(unknown)s",
        up=words.span(sums["U"]),
        down=words.span(sums["X"]),
        unknown=words.span(sums["N"]),
    )
    ticks = words.hours(start_ms, end_ms, desk.zone, step_h=3)
    return {
        "store_error": "",
        "timeline": charts.timeline(spans, start_ms=start_ms, end_ms=end_ms, label=label, ticks=ticks),
        "polls": outcomes[-10:][::-1],
        "spans": [each for each in reversed(spans) if each.state != charts.UP][:20],
        "course": sums,
        "letter": letter,
    }


def _readings(desk: Desk, subject: Subject) -> dict[str, Any]:
    end_ms = desk.clock.now_ms()
    start_ms = end_ms - DAY_MS
    starts = FAMILIES.get(subject.kind, ())
    names = [name for name, each in METRICS.items() if name.startswith(starts) and each.kind is not Kind.TEXT]
    try:
        latest = desk.queries.latest(subject, names, start_ms=start_ms, end_ms=end_ms + 1)
        texts = desk.queries.texts(subject)
    except NetopsError as error:
        return {"readings": [], "texts": {}, "readings_error": str(error), "subject": subject}
    gap_ms = desk.settings.collect.interval_s * 3000
    rows = []
    for each in latest:
        metric = METRICS[each.reading.metric]
        label = _("%(name)s，过去24小时", name=metric.zh if current() != "en" else metric.en)
        spark = charts.sparkline(each.course, start_ms=start_ms, end_ms=end_ms, label=label, gap_ms=gap_ms)
        rows.append({"reading": each.reading, "metric": metric, "value": _value(each.reading), "spark": spark})
    shown = {
        (METRICS[name].zh if current() != "en" else METRICS[name].en) if name in METRICS else name: text
        for name, text in sorted(texts.items())
    }
    return {"readings": rows, "texts": shown, "readings_error": "", "subject": subject}


def _value(reading: Any) -> str:
    if reading.value is None:
        return "—"
    metric = METRICS[reading.metric]
    if metric.kind is Kind.STATE:
        state = metric.state(reading.value)
        return f"{reading.value:g}" if state is None else state.zh if current() != "en" else state.name
    if metric.unit == "s":
        return words.span(int(reading.value * 1000))
    unit = {"1": "", "Cel": " °C", "By": " B"}.get(metric.unit, f" {metric.unit}")
    return f"{_short(reading.value)}{unit}"


def _short(value: float) -> str:
    """Say a number with at most three decimals, cut off, not rounded; the exact one is the raw reading."""
    cut = math.trunc(value * 1000) / 1000 if abs(value) < 1e12 else value
    return f"{cut:,.3f}".rstrip("0").rstrip(".")


def _explained(device: str, outcome: Outcome, bytes_: bytes | None) -> list[Any]:
    explain = decoder()
    if explain is None or not bytes_ or outcome.outcome != ANSWERED:
        return []
    return list(explain(device, outcome, bytes_))


def _line(each: Any) -> dict[str, str]:
    if isinstance(each, Observation):
        value = "—" if each.value is None else f"{each.value} {each.unit if each.unit != '1' else ''}".rstrip()
        return {
            "metric": each.metric,
            "subject": str(each.subject),
            "value": value,
            "raw": str(each.raw),
            "oid": each.oid,
            "rule": each.rule,
            "quality": each.quality.value,
        }
    return {
        "metric": each.metric,
        "subject": str(each.subject),
        "value": "—",
        "raw": each.detail,
        "oid": each.oid,
        "rule": "",
        "quality": each.reason.value,
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
