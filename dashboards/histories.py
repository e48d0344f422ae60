"""All that was ever recorded of one record: versions, who, when, why, and what differs between any two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, render_template, request, url_for

from dashboards import inside, records
from dashboards.frame import bound, frame
from inventory import edits
from inventory.reading import flat
from inventory.tables import FOREVER
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from dashboards.desk import Desk
    from inventory.register import Told

SHOWN = 100  # versions on the page, the newest; `netops inventory history` prints all


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the page."""
    blueprint.add_url_rule("/register/<noun>/<name>", "record", bound(record, desk))


def record(desk: Desk, noun: str, name: str) -> str:
    """Show the versions of a record, the newest first, and the difference of two: those chosen, or the last two."""
    if noun not in inside.nouns(records.NOUNS):
        abort(404)
    with desk.queries.register() as register:
        told = register.history(noun, name)
    if not told or not desk.queries.lies([told[-1].record]):
        abort(404)
    every, told = len(told), [each for each in told if desk.queries.lies([each.record])]
    now_ms = desk.clock.now_ms()
    rows = list(enumerate(told, start=1))[-SHOWN:]
    first, second = _chosen(len(told))
    city = desk.queries.city()
    return render_template(
        "dashboards/record.html",
        **frame(desk, city),
        noun=noun,
        noun_title=_(records.NOUNS[noun]),
        name=name,
        page_of=_page_of(noun, name, held=name in getattr(city.snapshot, noun)),
        rows=rows[::-1],
        more=len(told) - len(rows),
        elsewhere=every - len(told),
        hidden=not inside.is_seen(),
        holds=any(_believed(each) and each.valid_from <= now_ms < each.valid_to for each in told),
        values=_values(noun, told[-1]),
        first=first,
        second=second,
        diff=_diff(noun, told[first - 1], told[second - 1]) if first != second else [],
        forever=FOREVER,
    )


def _believed(each: Told) -> bool:
    return each.recorded_to == FOREVER


def _chosen(count: int) -> tuple[int, int]:
    """Return the numbers of the two versions that are compared, the older one first."""
    last = count, max(count - 1, 1)
    asked = [request.args.get(name, value, type=int) for name, value in zip("ba", last, strict=True)]
    first, second = sorted(min(max(number, 1), count) for number in asked)
    return first, second


def _values(noun: str, told: Told) -> list[tuple[str, str]]:
    cells = edits.cells(told.record)
    shown = (name for name in flat.READERS[noun][1] if name not in inside.hidden(noun))
    return [(_(records.FIELDS[name]), records.in_words(noun, name, cells[name])) for name in shown if cells[name]]


def _diff(noun: str, first: Told, second: Told) -> list[tuple[str, str, str, bool]]:
    change = edits.Edit(noun=noun, id=first.record.id, before="", after=second.record)
    return [row for row in records.diff(change, first.record, hidden=inside.hidden(noun)) if row[3]]


def _page_of(noun: str, name: str, *, held: bool) -> str:
    """Return the record's own page, where it has one and holds now."""
    values: dict[str, Any] = {noun: name}
    return url_for(f"dashboards.{noun}", **values) if held and noun != "door" else ""
