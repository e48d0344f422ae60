"""Disputes for programs: until when each report may be objected to, the objections, their decisions and files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import abort

from dashboards import disputes, objections
from dashboards.api import shapes
from dashboards.api.operation import Many, Operation
from netops.clock import iso
from netops.dispute import papers
from netops.dispute.attached import Shelf
from netops.evidence import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboards.desk import Desk
    from dashboards.objections import Window
    from netops.dispute.states import Objection
    from netops.dispute.terms import Terms

    Row = tuple[Window, Terms | None]


def rows(desk: Desk, asked: Mapping[str, Any]) -> list[Row]:
    """Return the reports of a contract with their windows, and by which terms."""
    if not objections.sees(desk, asked["contract"]):
        abort(404)
    known, find = papers.here(desk.settings, now_ms=desk.clock.now_ms())
    mine = [each for each in known.cases.held.values() if each.contract == asked["contract"]]
    return [(objections.window(each, find, known), find(each.contract, each.end_ms - 1)) for each in mine]


def show(desk: Desk, each: Row) -> shapes.Dispute:
    """Show the dispute over a report."""
    window, terms = each
    case = window.case
    return shapes.Dispute(
        month=window.month,
        report=case.last.name,
        state=case.stage,
        until=iso(window.until_ms) if window.until_ms else None,
        kept_open_until=iso(window.kept_ms) if window.kept_ms > window.until_ms else None,
        objections=tuple(_objection(desk, one, terms) for one in case.objections.values()),
    )


def _objection(desk: Desk, one: Objection, terms: Terms | None) -> shapes.Objection:
    due_ms = disputes.due(one, terms)
    digest = canonical.digest(one.note.encode()) if one.note else ""
    held = Shelf(desk.settings).held(digest) if digest else []
    return shapes.Objection(
        id=one.id,
        report=one.report,
        code=one.code,
        target=one.target,
        by=one.by,
        at=iso(one.at_ms),
        reason=one.reason,
        state=one.state,
        due=iso(due_ms) if due_ms else None,
        answer=_said(one.stance, one.answered_by, one.answered_ms, one.answer),
        ruling=_said(one.outcome, one.ruled_by, one.ruled_ms, one.ruling),
        decides=one.decides,
        note=digest,
        evidence=one.evidence,
        files=tuple(shapes.Attached(name=each.name, octets=each.size, digest=each.digest) for each in held),
    )


def _said(word: str, by: str, at_ms: int, reason: str) -> shapes.Said | None:
    return shapes.Said(word=word, by=by, at=iso(at_ms), reason=reason) if word else None


OPERATIONS: tuple[Operation, ...] = (
    Many(
        name="disputes",
        path="/contracts/{contract}/disputes",
        said="The disputes over a contract's reports: windows, objections, answers and rulings with their reasons",
        permission="contract.see",
        answer=shapes.Dispute,
        rows=rows,
        key=lambda each: (-each[0].case.start_ms, -each[0].case.end_ms),
        keys=(int, int),
        show=show,
    ),
)
