"""The city ends the dispute over a month: it states that a report is final, later that what it owes was settled.

The rules stand where the command has them (`netops/dispute/deciding.py`); what may not be stated is told with its
reason before anybody tries. As with a ruling no key signs: it is the word of an account whose login is of the last
minutes.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, g, redirect, render_template, request, url_for

from dashboards import disputes, figures, held
from dashboards.factors import is_fresh
from dashboards.frame import bound, frame
from dashboards.objections import in_sight, sees, window
from netops.access import record
from netops.access.disputes import KINDS
from netops.dispute import deciding, papers, refusals
from netops.errors import AccessError, UsageError
from netops.evidence import canonical
from netops.web.language import current
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.wrappers import Response as AnyResponse

    from dashboards.desk import Desk
    from netops.access.disputes import Known
    from netops.dispute.states import Case
    from netops.dispute.terms import Lookup
    from netops.facts import Fact

ROWS = 25
STATE = "state"  # what a form asks for that is no preview


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""
    blueprint.add_url_rule("/disputes/closing/<report>", "close", bound(close, desk))
    blueprint.add_url_rule("/disputes/closing/<report>", "close_state", bound(close_state, desk), methods=["POST"])


def waiting(desk: Desk, known: Known, find: Lookup) -> dict[str, Any]:
    """Return the reports that wait for the city's last words, the oldest first, as the list of what waits has them."""
    cases = [each for each in in_sight(desk, known) if deciding.closes(each)]
    cases.sort(key=lambda each: (each.start_ms, each.contract))
    shown, page, pages = figures.page(cases, request.args.get("report", 1, type=int), size=ROWS)
    return {
        "closing": [_row(desk, each, known, find) for each in shown],
        "closing_turn": held.turn("report", page, pages, len(cases)),
    }


def close(desk: Desk, report: str, error: str = "", code: int = 200, made: Fact | None = None) -> AnyResponse:
    """Show what the next of the last words means; with the fact that it makes, before it is stated."""
    known, find, case = _found(desk, report)
    row = _row(desk, case, known, find)
    if made is None and row["word"] == deciding.FINAL and report == case.last.name and not row["why"]:
        made = deciding.final(known, find, report, by=g.person.account, now_ms=desk.clock.now_ms())
    page = render_template(
        "dashboards/closing.html",
        **frame(desk, desk.queries.city()),
        report=report,
        case=case,
        row=row,
        waits=_is_on_its_way(desk, case),
        is_fresh=is_fresh(desk),
        made=made,
        seen=shown(made) if made is not None else "",
        moved_on=made is not None and entered("what") == STATE,
        text=canonical.dumps(dict(made.body)).decode() if made is not None else "",
        command=_command(made) if made is not None else "",
        typed=entered("amount"),
        error=refusals.said(error, current()),
    )
    return Response(page, status=code)


def close_state(desk: Desk, report: str) -> AnyResponse:
    """Show what the last word would say, or state it."""
    _found(desk, report)
    try:
        with disputes.TURN:
            fact = _fact(desk, report)
            if is_stated(fact):
                _fresh(desk)
                desk.submit([fact])
                return redirect(url_for("dashboards.close", report=report), code=303)
    except UsageError as error:
        return close(desk, report, error=str(error), code=400)
    except AccessError as error:
        return close(desk, report, error=str(error), code=403)
    return close(desk, report, made=fact)


def _fact(desk: Desk, report: str) -> Fact:
    """Return the word that the form names: what somebody read on a page of before is not another one by now."""
    known, find, case = _found(desk, report)
    if _is_on_its_way(desk, case):
        raise UsageError(_("上一步还在写入账本，请过一会儿再试。"))
    by, now_ms = g.person.account, desk.clock.now_ms()
    if entered("word") == deciding.FINAL:
        return deciding.final(known, find, report, by=by, now_ms=now_ms)
    currency = case.agreed.currency if case.agreed is not None else ""
    return deciding.settle(known, find, report, entered("amount"), currency, by=by, now_ms=now_ms)


def _fresh(desk: Desk) -> None:
    if not is_fresh(desk):
        raise AccessError(_("还没有提交：登录已超过 15 分钟。请退出并重新登录，在 15 分钟内提交；这一步须由本人确认。"))


def _found(desk: Desk, report: str) -> tuple[Known, Lookup, Case]:
    """Return the case of a report and what is known; of one that is not in sight, not found."""
    known, find = papers.here(desk.settings, now_ms=desk.clock.now_ms())
    case = known.cases.of_report(report)
    if case is None or not sees(desk, case.contract):
        abort(404)
    return known, find, case


def _row(desk: Desk, case: Case, known: Known, find: Lookup) -> dict[str, Any]:
    """Return a report as the list has it: which word comes next, and why that cannot be said yet, or nothing."""
    word, why = deciding.closes(case), ""
    if word == deciding.FINAL:
        try:
            deciding.final(known, find, case.last.name, by=g.person.account, now_ms=desk.clock.now_ms())
        except AccessError as error:
            why = refusals.said(str(error), current())
    return {
        "case": case,
        "shown": case.agreed or case.last,
        "window": window(case, find, known),
        "stage": disputes.stage(case),
        "word": word,
        "why": why,
    }


def _is_on_its_way(desk: Desk, case: Case) -> bool:
    """Whether a word on any revision of the report is stated and not sealed: it may decide what this one would be."""
    reports = {each.name for each in case.revisions}
    waiting = [fact.body for fact, sealed in record.stated(desk.settings, frozenset(KINDS)) if not sealed]
    return any(each.get("report") in reports or each.get("objection") in case.objections for each in waiting)


def entered(name: str) -> str:
    """Return what a field of the form holds, without the blanks around it."""
    return request.form.get(name, "").strip()


def shown(made: Fact, effect: Mapping[str, Any] | None = None) -> str:
    """Return by what a form knows again the word that its page showed, and what the page said that it would move."""
    told = {"kind": made.kind, "body": dict(made.body), "effect": dict(effect) if effect is not None else None}
    return canonical.digest(canonical.dumps(told))


def is_stated(made: Fact, effect: Mapping[str, Any] | None = None) -> bool:
    """Whether the form asks to state this word, and is of a page that showed it so."""
    return entered("what") == STATE and entered("seen") == shown(made, effect)


def _command(made: Fact) -> str:
    body: Any = made.body
    said = ["final", body["report"]]
    if made.kind == deciding.SETTLED:
        said = ["settle", body["report"], body["amount"], body["currency"]]
    return "netops dispute " + shlex.join([*said, "--as", body["by"]])
