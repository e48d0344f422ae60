"""What was measured, for programs: polls, readings, the bytes themselves, sealed hours, events, probes, logins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import abort

from dashboards import courses, devices, logins, months, narrow, probes, subjects
from dashboards.api import parameters, shapes
from dashboards.api.network import rounded
from dashboards.api.operation import Bytes, Many, One, Operation
from netops.access import guard
from netops.clock import iso
from netops.metrics import METRICS
from netops.model import Observation, Quality, Subject

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from fractions import Fraction

    from flask import Response

    from dashboards.city import City
    from dashboards.desk import Desk
    from netops.journal import HourSum
    from netops.ledger import Leaf
    from netops.model import Gap
    from netops.store import Outcome
    from netops.store import Reading as Read

    Asked = Mapping[str, Any]

DAY_MS = 86_400_000
WEEK_MS, MONTH_MS = 7 * DAY_MS, 31 * DAY_MS
OK = Quality.OK.value
WINDOW = (parameters.FROM, parameters.UNTIL)
DOOR = parameters.choice("door", ("ssh", "cwmp"), "By which door; SNMP without it.")
KINDS = tuple(sorted(courses.FAMILIES))


def elements(desk: Desk, asked: Asked) -> list[shapes.Element]:
    """Return the rows that devices and services of the register name."""
    city = desk.queries.city()
    owner: dict[str, str] = {}
    for each in city.snapshot.devices:
        for subject in subjects.told(each):
            owner.setdefault(str(subject), each.id)
    named: dict[str, list[str]] = {}
    for service in city.snapshot.services:
        if service.subject:
            owner.setdefault(service.subject, service.device)
            named.setdefault(service.subject, []).append(service.id)
    return [
        shapes.Element(
            subject=subject, kind=subject.partition(":")[0], device=device, services=tuple(named.get(subject, ()))
        )
        for subject, device in owner.items()
        if asked["device"] in {"", device} and asked["kind"] in {"", subject.partition(":")[0]}
    ]


def _element(city: City, told: str) -> shapes.Element:
    """Return the element of a subject; 404 where nothing of the register in sight is known by it."""
    kind, colon, name = told.partition(":")
    if not colon or not kind or not name:
        abort(404)
    head = name.partition("/")[0]
    named = [each for each in city.snapshot.services if each.subject == told]
    device = next(
        (each.id for each in city.snapshot.devices if head in {each.id, f"mac:{each.mac}", f"sn:{each.serial}"}),
        named[0].device if named else "",
    )
    if not device:
        device = next((each.device for each in city.snapshot.services if each.subject.partition(":")[2] == head), "")
    if not device or not (guard.scope().whole or narrow.tells(city.index, Subject(kind, name))):
        abort(404)
    return shapes.Element(subject=told, kind=kind, device=device, services=tuple(each.id for each in named))


def element(desk: Desk, asked: Asked) -> shapes.ElementNow:
    """Return an element with its newest readings of the last day."""
    found = _element(desk.queries.city(), asked["subject"])
    subject, now_ms = Subject(found.kind, found.subject.partition(":")[2]), desk.clock.now_ms()
    held = desk.queries.readings(subject, _metrics(found.kind), start_ms=now_ms + 1 - DAY_MS, end_ms=now_ms + 1)
    newest = {each.metric: each for each in sorted(held, key=lambda each: each.slot_ms)}
    return shapes.ElementNow(
        element=found,
        texts=desk.queries.texts(subject),
        readings=tuple(reading(desk, newest[name]) for name in sorted(newest)),
    )


def _metrics(kind: str) -> list[str]:
    families = courses.FAMILIES.get(kind, ())
    return (
        [name for name, each in METRICS.items() if each.kind != "text" and name.startswith(families)]
        if families
        else []
    )


def readings(desk: Desk, asked: Asked) -> list[Read]:
    """Return the readings of one metric of one element in a window."""
    found = _element(desk.queries.city(), asked["subject"])
    if asked["metric"] not in METRICS:
        abort(404)
    start_ms, end_ms = parameters.window(asked, desk.clock.now_ms(), default_ms=DAY_MS, most_ms=MONTH_MS)
    subject = Subject(found.kind, found.subject.partition(":")[2])
    return desk.queries.readings(subject, [asked["metric"]], start_ms=start_ms, end_ms=end_ms)


def reading(_desk: Desk, each: Read) -> shapes.Reading:
    """Show a reading; what is not good has no value, and says why."""
    known = METRICS.get(each.metric)
    is_good = each.code == OK and each.value is not None
    return shapes.Reading(
        subject=str(each.subject),
        metric=each.metric,
        unit=known.unit if known else "",
        at=iso(each.at_ms),
        slot=iso(each.slot_ms),
        slot_ms=each.slot_ms,
        device=each.device,
        value=each.value if is_good else None,
        because="" if is_good else each.code,
    )


def _asked_device(desk: Desk, asked: Asked) -> str:
    """Return the name under which the polls of a device stand; 404 where the register has none such."""
    if asked["device"] not in desk.queries.city().snapshot.device:
        abort(404)
    return f"{asked['device']}/{asked['door']}" if asked["door"] else str(asked["device"])


def polls(desk: Desk, asked: Asked) -> list[Outcome]:
    """Return how the polls of a device went in a window."""
    name = _asked_device(desk, asked)
    start_ms, end_ms = parameters.window(asked, desk.clock.now_ms(), default_ms=DAY_MS, most_ms=WEEK_MS)
    return desk.queries.outcomes(name, start_ms=start_ms, end_ms=end_ms)


def poll(_desk: Desk, each: Outcome) -> shapes.Poll:
    """Show how one went."""
    device, _slash, door = each.device.partition("/")
    return shapes.Poll(
        device=device,
        door=door,
        slot=iso(each.slot_ms),
        slot_ms=each.slot_ms,
        at=iso(each.at_ms),
        outcome=each.outcome,
        attempts=each.attempts,
        rtt_ms=each.rtt_ms,
        lag_ms=each.lag_ms,
        profile=each.profile,
        rules=each.digest,
    )


def _outcome(desk: Desk, asked: Asked) -> Outcome:
    try:
        slot_ms = parameters.slot(asked["slot_ms"])
    except ValueError:
        abort(404)
    return desk.queries.outcome(_asked_device(desk, asked), slot_ms) or abort(404)


def poll_read(desk: Desk, asked: Asked) -> shapes.PollRead:
    """Return one poll with all that was read from its bytes."""
    outcome = _outcome(desk, asked)
    octets = desk.queries.raw(devices.outcome_id(outcome))
    return shapes.PollRead(
        poll=poll(desk, outcome),
        octets=len(octets) if octets is not None else None,
        because="" if octets is not None else "no_bytes",
        read=tuple(map(decoded, devices.explained(outcome.device, outcome, octets))),
    )


def decoded(each: Observation | Gap) -> shapes.Decoded:
    """Show one value as it was read, or why it was not."""
    if isinstance(each, Observation):
        value = each.value if each.value is None or isinstance(each.value, str) else float(each.value)
        said = (value, each.unit, str(each.raw), each.rule, each.quality.value)
    else:
        said = (None, "", each.detail, "", each.reason.value)
    value, unit, raw, rule, because = said
    return shapes.Decoded(
        subject=str(each.subject),
        metric=each.metric,
        oid=each.oid,
        value=value,
        unit=unit,
        raw=raw,
        rule=rule,
        because=because,
    )


def raw(desk: Desk, asked: Asked) -> Response:
    """Give the replies of a poll as they came."""
    outcome = _outcome(desk, asked)
    return devices.raw(desk, outcome.device, outcome.slot_ms)


def hours(desk: Desk, asked: Asked) -> Iterator[tuple[int, HourSum | None]]:
    """Return the hours of a month of a service up to now, those that are not sealed too."""
    if asked["service"] not in desk.queries.city().snapshot.service:
        abort(404)
    now_ms = desk.clock.now_ms()
    span = months.month(asked["month"], desk.zone) if asked["month"] else months.month_of(now_ms, desk.zone)
    wanted = [at for at in months.hours(span or abort(404)) if at <= now_ms]
    sealed = {each.hour_ms: each for each in desk.queries.hours(asked["service"], wanted)}
    return ((at, sealed.get(at)) for at in wanted)


def hour(_desk: Desk, each: tuple[int, HourSum | None]) -> shapes.Hour:
    """Show an hour."""
    at_ms, held = each
    return shapes.Hour(
        at=iso(at_ms),
        up_ms=held.up_ms if held else None,
        degraded_ms=held.degraded_ms if held else None,
        down_ms=held.down_ms if held else None,
        unknown_ms=held.unknown_ms if held else None,
        because="" if held else "not_sealed",
    )


def events(desk: Desk, asked: Asked) -> list[Leaf]:
    """Return what a device said by itself in a window."""
    if asked["device"] not in desk.queries.city().snapshot.device:
        abort(404)
    start_ms, end_ms = parameters.window(asked, desk.clock.now_ms(), default_ms=DAY_MS, most_ms=MONTH_MS)
    return desk.queries.events(asked["device"], start_ms=start_ms, end_ms=end_ms)


def event(_desk: Desk, leaf: Leaf) -> shapes.Event:
    """Show an event."""
    body: Mapping[str, Any] = leaf.fact.body
    return shapes.Event(
        leaf=leaf.index,
        at=iso(leaf.fact.at_ms),
        subject=f"{body['subject']['kind']}:{body['subject']['id']}",
        event=body["event"],
        severity=body["severity"],
        state=body.get("state", ""),
    )


def path(desk: Desk, each: probes.Path) -> shapes.Path:
    """Show what a vantage point looks at."""
    return shapes.Path(
        subject=str(each.subject),
        vantage=each.vantage,
        target=each.target,
        kind=each.texts.get("probe.kind", ""),
        service=each.texts.get("probe.service", ""),
        anchor=each.anchor,
        readings=tuple(reading(desk, each.readings[name]) for name in sorted(each.readings)),
    )


def logins_of(desk: Desk, _asked: Asked) -> list[tuple[str, logins.Counts]]:
    """Return the last day's logins of each site of which the portal has told."""
    known = desk.queries.city().snapshot.site
    return [(name, each) for name, each in logins.of_sites(desk).items() if name in known]


def login(_desk: Desk, each: tuple[str, logins.Counts]) -> shapes.Logins:
    """Show a site's."""
    site, held = each
    return shapes.Logins(
        site=site,
        online=held["online"],
        failed=held["failed"],
        unserved=held["unserved"],
        unconfirmed=held["unconfirmed"],
        ours=held["ours"],
        refused=held["refused"],
        success=_ratio(held["online"], held.told, held.success),
        quick=_ratio(held.sums[logins.QUICK], held.waited, held.quick),
    )


def _ratio(part: int, whole: int, exact: Fraction | None) -> shapes.Ratio:
    percent = rounded(exact) if exact is not None else None
    return shapes.Ratio(part=part, whole=whole, percent=percent, because="" if exact is not None else "nobody_tried")


def _newest(each: Any) -> tuple[int]:
    return (-each.slot_ms,)


OPERATIONS: tuple[Operation, ...] = (
    Many(
        name="elements",
        path="/elements",
        said="What the store tells of in the register: access points, ONUs, cells, devices",
        parameters=(
            parameters.choice("kind", KINDS, "Only of this kind."),
            parameters.text("device", "Only of this device."),
        ),
        answer=shapes.Element,
        rows=elements,
        key=lambda each: (each.subject,),
        show=lambda _desk, each: each,
    ),
    One(
        name="element",
        path="/elements/{subject}",
        said="One element with its texts and newest readings",
        deep=frozenset({"subject"}),
        answer=shapes.ElementNow,
        give=element,
    ),
    Many(
        name="readings",
        path="/readings",
        said="The readings of a metric of an element, the oldest first; a window of 31 days at most",
        parameters=(
            parameters.text("subject", "Of which element, such as `ap:mac:0a0b0c000001`.", required=True),
            parameters.text("metric", "Of which metric of the catalogue.", required=True),
            *WINDOW,
        ),
        answer=shapes.Reading,
        rows=readings,
        key=lambda each: (each.slot_ms, each.device),
        keys=(int, str),
        show=reading,
    ),
    Many(
        name="polls",
        path="/devices/{device}/polls",
        said="How the polls of a device went, the newest first; a window of 7 days at most",
        parameters=(DOOR, *WINDOW),
        answer=shapes.Poll,
        rows=polls,
        key=_newest,
        keys=(int,),
        show=poll,
    ),
    One(
        name="poll",
        path="/devices/{device}/polls/{slot_ms}",
        said="One poll with what was read from its bytes",
        permission="raw.see",
        parameters=(DOOR,),
        answer=shapes.PollRead,
        give=poll_read,
    ),
    Bytes(
        name="raw",
        path="/devices/{device}/polls/{slot_ms}/raw",
        said="The replies of a poll, byte by byte",
        permission="raw.see",
        parameters=(DOOR,),
        media="application/octet-stream",
        give=raw,
    ),
    Many(
        name="events",
        path="/devices/{device}/events",
        said="What a device said by itself, the newest first; a window of 31 days at most",
        parameters=WINDOW,
        answer=shapes.Event,
        rows=events,
        key=lambda leaf: (-leaf.fact.at_ms, -leaf.index),
        keys=(int, int),
        show=event,
    ),
    Many(
        name="hours",
        path="/services/{service}/hours",
        said="The hours of a month of a service, as the core has sealed them",
        parameters=(
            parameters.pattern("month", parameters.MONTH, "Which month, `2026-11`; the present one without it."),
        ),
        answer=shapes.Hour,
        rows=hours,
        key=lambda each: (each[0],),
        keys=(int,),
        show=hour,
    ),
    Many(
        name="probes",
        path="/probes",
        said="What the vantage points look at, with their newest readings",
        answer=shapes.Path,
        rows=lambda desk, _asked: probes.paths(desk),
        key=lambda each: (str(each.subject),),
        show=path,
    ),
    Many(
        name="logins",
        path="/logins",
        said="How visitors fared at each site in the last day",
        answer=shapes.Logins,
        rows=logins_of,
        key=lambda each: (each[0],),
        show=login,
    ),
)
