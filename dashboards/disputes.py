"""The dispute over a month's report as pages show it: where it stands, until when, each objection and its answer."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from inventory.register import Register
from netops.commands.dispute_words import Speaker
from netops.dispute import about, codes, deciding, papers, states
from netops.dispute.terms import of_register
from netops.errors import UsageError
from netops.report.words import worded
from netops.sla import calendar
from netops.web.language import current, mark
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from dashboards.desk import Desk
    from dashboards.periods import Period
    from inventory.model import Contract
    from netops.dispute.states import Case, Objection
    from netops.dispute.terms import Terms

SHOWN = 40
TURN = threading.Lock()  # of the city's words: two at once would not know of each other
STAGES = {  # where a dispute stands, on a page that does not show the objections themselves
    states.DRAFT: mark("报告尚未出具"),
    states.ISSUED: mark("尚无异议"),
    states.ACCEPTED: mark("运营商已接受"),
    "objection": mark("异议待答复"),
    "rebuttal": mark("已答复，待裁定"),
    states.RULED: mark("已裁定"),
    states.FINAL: mark("已定稿"),
    states.SETTLED: mark("已结清"),
}


def stage(case: Case | None) -> str:
    """Say where the dispute over a report stands; nothing before there is a report."""
    return _(STAGES[case.stage]) if case is not None else ""


def told(desk: Desk, contract: Contract, period: Period) -> dict[str, Any]:
    """Return the objections to a month's report, what was answered and ruled, and until when the next word is due.

    `until_ms` is when the report can no longer be objected to; 0 where that is over, or the calendar lacks the year.
    `closes` is the city's last word that comes next (`deciding.closes`).
    """
    case = period.case
    if case is None:
        return {"objections": [], "objections_more": 0, "until_ms": 0, "closes": ""}
    speaker, tz = Speaker(current()), calendar.zone(contract.timezone)
    terms = _terms(desk, case)
    rows = [
        {
            "one": each,
            "code": speaker.code(each.code),
            "about": about.words(each.target, tz, chinese=speaker.chinese),
            "state": answered(each, speaker),
            "due_ms": due(each, terms),
            "follows": follows(each, desk, case, speaker),
        }
        for each in case.objections.values()
    ]
    is_open = case.state in {states.ISSUED, states.DISPUTED, states.RULED}
    return {
        "objections": rows[:SHOWN],
        "objections_more": max(len(rows) - SHOWN, 0),
        "until_ms": _known(terms, case) if is_open and terms is not None else 0,
        "closes": deciding.closes(case),
    }


def follows(each: Objection, desk: Desk, case: Case, speaker: Speaker) -> str:
    """Say what must be stated so that an upheld objection moves something; nothing where the ruling does."""
    word = papers.follows(each, lambda: papers.claims(desk.settings, case))
    return worded(word, "zh" if speaker.chinese else "en") if word else ""


def word(each: Objection) -> str:
    """Say in the reader's language what has become of an objection."""
    return answered(each, Speaker(current()))


def beside(case: Case | None, service: str, start_ms: int, end_ms: int) -> list[Objection]:
    """Return what the carrier says of a service's interval: the objections that are about it."""
    if case is None:
        return []
    return [each for each in case.objections.values() if _touches(each, service, start_ms, end_ms)]


def _touches(each: Objection, service: str, start_ms: int, end_ms: int) -> bool:
    try:
        target = codes.target(each.target)
    except UsageError:
        return False
    if target.kind == codes.INCIDENT:
        first, last = (each.start_ms, each.end_ms) if each.end_ms else (target.start_ms, target.start_ms + 1)
        return target.name == service and first < end_ms and start_ms < last
    if target.kind == codes.INTERVAL:
        return target.name in {"", service} and target.start_ms < end_ms and start_ms < target.end_ms
    return False


def _terms(desk: Desk, case: Case) -> Terms | None:
    if case.state in {states.FINAL, states.SETTLED}:
        return None  # nothing is due any more
    settings = desk.settings
    with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
        lookup = of_register(register, desk.queries.city().snapshot.carriers)
        return lookup(case.contract, case.end_ms - 1)


def answered(each: Objection, speaker: Speaker) -> str:
    """Say how far an objection has come: that it waits, or what was decided and by whom."""
    if each.outcome:
        return speaker.decided(each.outcome, each.ruled_by)
    if each.stance:
        stance = "stance_accepted" if each.stance == "accepted" else each.stance  # a report's state is called so, too
        return speaker.decided(stance, each.answered_by) + speaker.say("to_rule")
    return speaker.say("to_answer")


def due(each: Objection, terms: Terms | None) -> int:
    """Return when the next word on an objection is due at the latest; 0 when none is."""
    if terms is None or each.outcome:
        return 0
    try:
        return terms.decision(each) if each.stance else terms.answer(each)
    except UsageError:  # the calendar lacks the year
        return 0


def _known(terms: Terms, case: Case) -> int:
    try:
        return terms.window(case)
    except UsageError:
        return 0
