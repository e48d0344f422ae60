"""Anything that the store tells of: an access point, a radio, an SSID, a PON port, an ONU, a cell, an interface.

Most of them stand in no register; they are known by what a device tells of them. The page says which device that is,
draws the day with what was not measured, and leads from each reading to the bytes that it was read from.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, render_template

from dashboards import courses, devices, narrow, subjects, timeline, words
from dashboards.charts import UNKNOWN, UP
from dashboards.frame import bound, frame
from netops import children
from netops.access import guard
from netops.errors import NetopsError
from netops.model import ANSWERED, Subject
from netops.sla.state import WATCHED, Place
from netops.verify import NEAR_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dashboards.city import City
    from dashboards.desk import Desk
    from inventory.model import Device
    from netops.store import Outcome

ROLES = {"ap": "ap", "onu": "ont", "cell": "small_cell"}  # kind of a row → role by which its state is told
SILENT = "row_missing"


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the page."""
    blueprint.add_url_rule("/element/<kind>/<path:name>", "element", bound(element, desk))


def element(desk: Desk, kind: str, name: str) -> str:
    """Show a subject of the store: who tells of it, its day, its readings; not found when nobody ever told of it."""
    subject = Subject(kind, name)
    if kind not in courses.FAMILIES:
        abort(404)
    city = desk.queries.city()
    if not (guard.scope().whole or narrow.tells(city.index, subject)):
        abort(404)
    owner = _owner(city, subject)
    steps = courses.step(desk, city, owner or "")
    seen = courses.read(desk, (subject,), steps, devices.asked_day(desk))
    teller = owner or _teller(seen, subject)
    if teller is None and not seen.texts and not seen.error:
        abort(404)
    told_by = city.snapshot.device.get(teller or "")
    return render_template(
        "dashboards/element.html",
        **frame(desk, city),
        subject=subject,
        kind_title=words.row(kind),
        teller=told_by,
        teller_id=teller or "",
        itself=_itself(city, subject),
        services=[each for each in city.snapshot.services if each.subject == str(subject)],
        site=city.snapshot.site.get(told_by.site) if told_by else None,
        area=city.area_of(told_by.site) if told_by else None,
        **devices.shown(seen, desk),
        **_lines(desk, city, seen, teller, steps=steps),
        **courses.readings(seen, steps),
    )


def _owner(city: City, subject: Subject) -> str | None:
    """Return the device that the register names as who tells of a subject, or whose name its id begins with."""
    for service in city.snapshot.services:
        if service.subject == str(subject):
            return service.device
    child = _itself(city, subject)
    if child is not None:
        return child.parent or child.id
    for end in subjects.starts(subject.id):
        if end in city.snapshot.device:
            return end
    return None


def _itself(city: City, subject: Subject) -> Device | None:
    """Return the device of the register that a subject is or hangs on: a radio's access point."""
    names = set(subjects.starts(subject.id))
    for device in city.snapshot.devices:
        if children.is_child(device) and children.identity(device) in names:
            return device
    return None


def _teller(seen: courses.Day, subject: Subject) -> str | None:
    """Return the device whose polls told of a subject most of the day."""
    counts = Counter(each.device.partition("/")[0] for each in seen.readings.get(subject, ()))
    return counts.most_common(1)[0][0] if counts else None


def _lines(
    desk: Desk, city: City, seen: courses.Day, teller: str | None, *, steps: Callable[[int], int]
) -> dict[str, Any]:
    """Return the day's picture: of its state where polls tell one, else of whether it was told of."""
    if teller is None or seen.error:
        return {"timelines": [], "store_error": seen.error}
    try:
        outcomes = desk.queries.outcomes(teller, start_ms=seen.start_ms - steps(seen.start_ms), end_ms=seen.end_ms)
    except NetopsError as error:
        return {"timelines": [], "store_error": str(error)}
    what, slots = _slots(next(iter(seen.readings)), seen, teller, outcomes)
    made = [courses.line(desk, city, what, slots, seen=seen, steps=steps, device=teller)] if slots else []
    return {"timelines": made, "store_error": ""}


def _slots(
    subject: Subject, seen: courses.Day, teller: str, outcomes: Sequence[Outcome]
) -> tuple[str, list[timeline.Slot]]:
    readings = seen.readings.get(subject, ())
    role = ROLES.get(subject.kind, "")
    if role in WATCHED:
        watched = subjects.watched(role)
        told = [each for each in readings if each.metric in watched]
        if told:
            place = Place(role=role, device=teller, itself=False, parent=teller)
            return "state", timeline.told(place, outcomes, told)
    return "told", told_of(outcomes, sorted(each.slot_ms for each in readings))


def told_of(outcomes: Sequence[Outcome], told: Sequence[int]) -> list[timeline.Slot]:
    """Return for each poll whether a subject was told of: it is where a reading is near; else it was not measured.

    Some metrics are asked for every few polls only, so a reading speaks for `NEAR_MS` after it.
    """
    made = []
    at = 0
    for poll in outcomes:
        while at + 1 < len(told) and told[at + 1] <= poll.slot_ms:
            at += 1
        is_near = bool(told) and 0 <= poll.slot_ms - told[at] <= NEAR_MS
        because = "" if is_near else SILENT if poll.outcome == ANSWERED else poll.outcome
        made.append(timeline.Slot(poll.slot_ms, UP if is_near else UNKNOWN, because))
    return made
