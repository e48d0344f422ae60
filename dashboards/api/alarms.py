"""What is wrong and who is told of it, for programs: incidents and tickets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from flask import abort

from dashboards import incidents as pages
from dashboards import inside
from dashboards import tickets as ticket_pages
from dashboards.api import parameters, shapes
from dashboards.api.network import by_id
from dashboards.api.operation import Many, One, Operation
from netops import tickets
from netops.alerts import book
from netops.clock import iso

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboards.desk import Desk
    from netops.alerts.incident import Incident
    from netops.tickets import Standing

    Asked = Mapping[str, Any]

WEEK_MS = 7 * 86_400_000
MOST = 5000  # incidents that are over, of one question


def _instant(at_ms: int | None) -> str | None:
    return iso(at_ms) if at_ms is not None else None


def incidents(desk: Desk, asked: Asked) -> list[Incident]:
    """Return what is open, and what was over no earlier than asked; none before anybody watches."""
    at = book.path(desk.settings)
    if not at.exists():
        return []
    since_ms = desk.clock.now_ms() - WEEK_MS if asked["since"] is None else asked["since"]
    with book.Reader(at) as held:
        living = [each for each in held.living() if each.opened_ms is not None]
        found = [*living, *held.closed(since_ms=since_ms, most=MOST)]
    return pages.in_sight(desk.queries.city(), found)


def incident(_desk: Desk, each: Incident) -> shapes.Incident:
    """Show an incident."""
    return shapes.Incident(
        id=each.id,
        rule=each.rule,
        root=each.root,
        severity=each.severity,
        phase=each.phase.value,
        since=iso(each.since_ms),
        opened=_instant(each.opened_ms),
        closed=_instant(each.closed_ms),
        flapping=each.flapping,
        taken_by=inside.staff(each.taken_by),
        taken=_instant(each.taken_ms),
        taken_link=inside.staff(each.taken_link),
        bad=len(each.bad),
    )


def whole(desk: Desk, asked: Asked) -> shapes.IncidentWhole:
    """Return an incident with its members."""
    at = book.path(desk.settings)
    if not at.exists():
        abort(404)
    with book.Reader(at) as held:
        found = held.get(asked["incident"])
    (one,) = pages.in_sight(desk.queries.city(), [found] if found else []) or abort(404)
    members = tuple(
        shapes.Member(
            subject=subject,
            since=iso(each.since_ms),
            well=_instant(each.well_ms),
            because=each.because,
            area=each.area,
            carrier=each.carrier,
        )
        for subject, each in sorted(one.members.items())
    )
    return shapes.IncidentWhole(incident=incident(desk, one), members=members)


def ticket(desk: Desk, each: Standing) -> shapes.Ticket:
    """Show a ticket with every step."""
    steps = tuple(
        shapes.Step(
            step=said.step,
            at=iso(said.at_ms),
            by=inside.staff(said.by),
            remark=inside.remark(said.step, said.remark),
            sealed=said.sealed,
        )
        for said in each.words
    )
    return shapes.Ticket(
        id=each.id,
        contract=each.contract,
        state=cast("Any", each.state),  # one of tickets.FITS
        outcome=each.clock.outcome,
        reported=iso(each.clock.reported_ms),
        ran_ms=each.ran_ms(desk.clock.now_ms()),
        number=each.number,
        incident=each.incident,
        services=tuple(each.clock.services),
        steps=steps,
    )


def tickets_of(desk: Desk, _asked: Asked) -> list[Standing]:
    """Return the tickets, of whoever sees a part of the city those that lie in it."""
    return ticket_pages.in_sight(desk.queries.city(), tickets.standing(desk.settings).values())


def _one_ticket(desk: Desk, asked: Asked) -> shapes.Ticket:
    found = next((each for each in tickets_of(desk, asked) if each.id == asked["ticket"]), None)
    return ticket(desk, found or abort(404))


OPERATIONS: tuple[Operation, ...] = (
    Many(
        name="incidents",
        path="/incidents",
        said="What is open, and what was over of late",
        parameters=(parameters.instant("since", "Over no earlier than this. Without it: seven days ago."),),
        answer=shapes.Incident,
        rows=incidents,
        key=by_id,
        show=incident,
    ),
    One(
        name="incident",
        path="/incidents/{incident}",
        said="One incident with its members",
        answer=shapes.IncidentWhole,
        give=whole,
    ),
    Many(
        name="tickets",
        path="/tickets",
        said="The faults that were reported to the carriers",
        answer=shapes.Ticket,
        rows=tickets_of,
        key=by_id,
        show=ticket,
    ),
    One(name="ticket", path="/tickets/{ticket}", said="One ticket", answer=shapes.Ticket, give=_one_ticket),
)
