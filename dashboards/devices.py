"""A device, a service, a reading: from the state on the map down to the bytes that a device sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, render_template, request
from werkzeug.utils import secure_filename

from dashboards import charts, courses, probes, subjects, words
from dashboards.city import RANK
from dashboards.frame import PAGE, bound, frame, paged, strip_label
from dashboards.queries import decoder
from netops.metrics import METRICS
from netops.model import ANSWERED, Observation
from netops.raw import unframe

if TYPE_CHECKING:
    from dashboards.desk import Desk
    from netops.model import Gap
    from netops.store import Outcome

REPLIES, DUMPED = 8, 512  # what a page shows of the raw bytes; the rest is a download
READ = 40  # of the other values read from a poll: a controller sends thousands


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""
    add = blueprint.add_url_rule
    add("/device/<device>", "device", bound(device, desk))
    add("/service/<service>", "service", bound(service, desk))
    slot = "<int(max=9007199254740991):slot_ms>"  # beyond 2^53 - 1 no instant of ours lies, nor would SQLite take it
    add(f"/reading/<path:device>/{slot}", "reading", bound(reading, desk))
    add(f"/reading/<path:device>/{slot}/raw", "raw", bound(raw, desk))


def device(desk: Desk, device: str) -> str:
    """Show a device: what it is, its services, its day and readings; of a child what its parent tells."""
    city = desk.queries.city()
    known = city.snapshot.device.get(device) or abort(404)
    site = city.snapshot.site.get(known.site)
    steps = courses.step(desk, city, device)
    seen = courses.read(desk, subjects.told(known), steps)
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
        is_child=subjects.is_child(known),
        **courses.lines(desk, city, known, seen, steps=steps),
        **courses.events(desk, device, now_ms=desk.clock.now_ms()),
        **courses.readings(seen, steps),
        **paged(city, services),
    )


def service(desk: Desk, service: str) -> str:
    """Show a service: its state and why, its last day, its month, its latest readings."""
    city = desk.queries.city()
    known = city.snapshot.service.get(service) or abort(404)
    now = city.now.get(service)
    device = city.snapshot.device.get(known.device)
    own = city.snapshot.device.get(now.device) if now else None  # the child itself, where the register has it
    steps = courses.step(desk, city, known.device)
    told = subjects.of_service(known) or (subjects.told(device) if device else ())
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
        **courses.readings(courses.read(desk, told, steps), steps),
    )


def reading(desk: Desk, device: str, slot_ms: int) -> str:
    """Show one poll: what was asked when, how it went, what was read from it and the bytes that came back."""
    city = desk.queries.city()
    name, _slash, door = device.partition("/")  # `olt-7/ssh`: by another door than SNMP
    known = city.snapshot.device.get(name)
    if known is None and door != probes.DOOR:  # a vantage point is no device of the register
        abort(404)
    outcome = desk.queries.outcome(device, slot_ms) or abort(404)
    bytes_ = desk.queries.raw(outcome_id(outcome))
    read = _explained(device, outcome, bytes_)
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
    )


def raw(desk: Desk, device: str, slot_ms: int) -> Response:
    """Give the reply of a poll as it came, byte by byte."""
    outcome = desk.queries.outcome(device, slot_ms) or abort(404)
    bytes_ = desk.queries.raw(outcome_id(outcome))
    if bytes_ is None:
        abort(404)
    head = {"Content-Disposition": f'attachment; filename="{secure_filename(device)}-{slot_ms}.bin"'}
    return Response(bytes_, mimetype="application/octet-stream", headers=head)


def _explained(device: str, outcome: Outcome, bytes_: bytes | None) -> list[Any]:
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
