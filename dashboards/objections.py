"""Disputes as the two sides see them: until when a report may be objected to, each objection, its decision and why.

What is shown is of the contracts in sight. How a note is handed in stands in `handing.py`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, render_template, request

from dashboards import contracts, disputes, figures, held, words
from dashboards.frame import bound, frame
from netops.access import guard
from netops.clock import utc
from netops.commands.dispute_words import Speaker
from netops.dispute import about, attached, codes, deciding, papers, receipts, refusals, states
from netops.dispute.attached import Shelf
from netops.errors import EvidenceError, UsageError
from netops.evidence import canonical
from netops.evidence.receipt import REFUSED, REFUSED_LATER
from netops.report.words import WORDS, worded
from netops.sla import calendar
from netops.web.language import current

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dashboards.desk import Desk
    from netops.access.disputes import Known
    from netops.dispute.receipts import Handed
    from netops.dispute.states import Case, Objection
    from netops.dispute.terms import Lookup

ROWS = 12  # reports on a page
SHOWN = 100  # objections, and notes that were refused
OPEN = frozenset({states.ISSUED, states.DISPUTED, states.RULED})
TINTS = {"upheld": "up", "partly_upheld": "degraded", "dismissed": "down"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One report and until when it may be objected to, 0: no more; `kept_ms` is later where it is kept open."""

    case: Case
    month: str
    until_ms: int
    kept_ms: int

    def is_open(self, now_ms: int) -> bool:
        """Whether a word on it would be in time now."""
        return now_ms < max(self.until_ms, self.kept_ms)


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""
    blueprint.add_url_rule("/disputes", "disputes", bound(index, desk))
    blueprint.add_url_rule("/disputes/<objection>", "objection", bound(objection, desk))


def index(desk: Desk) -> str:
    """Show the reports with their windows and bundles, the objections, and the notes that were refused."""
    city, now_ms = desk.queries.city(), desk.clock.now_ms()
    known, find = papers.here(desk.settings, now_ms=now_ms)
    cases = in_sight(desk, known)
    windows = sorted(
        (window(each, find, known) for each in cases), key=lambda one: (-one.case.start_ms, one.case.contract)
    )
    shown, page, pages = figures.page(windows, request.args.get("page", 1, type=int), size=ROWS)
    rows = [row(each, case, find) for case in cases for each in case.objections.values()]
    rows.sort(key=lambda each: (each["is_over"], each["due_ms"] or 0, -each["one"].at_ms))
    refused = [each for each in receipts.read(desk.settings) if each.fact.kind in {REFUSED, REFUSED_LATER}]
    mine = [each for each in refused if is_in_sight(desk, each, known)]
    return render_template(
        "dashboards/disputes.html",
        **frame(desk, city),
        windows=shown,
        bundles=_bundles(desk, {each.case.contract for each in shown}),
        turn=held.turn("page", page, pages, len(windows)),
        rows=rows[:SHOWN],
        more=max(0, len(rows) - SHOWN),
        refused=[(each, refusals.said(str(each.fact.body["reason"]), current())) for each in mine[::-1][:SHOWN]],
        stage=disputes.stage,
    )


def objection(desk: Desk, objection: str) -> str:
    """Show one objection: what it says, the answer and the ruling with their reasons, its files and its receipt."""
    now_ms = desk.clock.now_ms()
    known, find = papers.here(desk.settings, now_ms=now_ms)
    case = known.cases.of_objection(objection)
    if case is None or not sees(desk, case.contract):
        abort(404)
    one = case.objections[objection]
    digest = canonical.digest(one.note.encode()) if one.note else ""
    shelf = Shelf(desk.settings)
    return render_template(
        "dashboards/objection.html",
        **frame(desk, desk.queries.city()),
        case=case,
        window=window(case, find, known),
        row=row(one, case, find),
        one=one,
        follows=disputes.follows(one, desk, case, Speaker(current())),
        digest=digest,
        fate=receipts.fate(receipts.read(desk.settings), digest) if digest else None,
        files=shelf.held(digest) if digest else (),
        lacking=shelf.lacking(digest, one.evidence) if digest else {},
        shown=[each for each in shelf.held(attached.of_answer(one.id)) if each.digest == one.shows],
        awaits=deciding.awaited(one),
        told=_of_report(desk, case, one),
    )


def _of_report(desk: Desk, case: Case, one: Objection) -> dict[str, Any]:
    """Return what the newest report says of what an objection is about: its outage, its claim; and what it owes."""
    found: dict[str, Any] = {"amount": case.last.amount, "currency": case.last.currency, "outage": (), "effects": ()}
    try:
        held_ = papers.kept(desk.settings, case.last.name)
        target = codes.target(one.target)
    except (EvidenceError, UsageError):
        return found
    if held_ is None:
        return found
    if target.kind == codes.INCIDENT:
        end_ms = held_.told.outages.get(target.name, {}).get(target.start_ms)
        found["outage"] = (target.name, target.start_ms, end_ms) if end_ms else ()
    if target.kind == codes.CLAIM:
        effects = sorted(held_.told.claims.get(target.name, ()))
        found["effects"] = [worded(each, held.language()) for each in effects]
    return found


# ---- what lies in sight


def sees(desk: Desk, contract: str) -> bool:
    """Whether a contract lies in sight, by whatever version."""
    return contract in desk.queries.city().index.contracts


def in_sight(desk: Desk, known: Known) -> list[Case]:
    """Return the cases of the contracts in sight."""
    return [each for each in known.cases.held.values() if sees(desk, each.contract)]


def is_in_sight(desk: Desk, handed: Handed, known: Known) -> bool:
    """Whether what became of a note may be shown: by its report or contract, else by whose key signed it."""
    body: Any = handed.fact.body
    if body.get("report"):
        case = known.cases.of_report(str(body["report"]))
        return case is not None and sees(desk, case.contract)
    if body.get("contract"):
        return sees(desk, str(body["contract"]))
    return guard.scope().whole or str(body.get("by", "")) in own_keys(desk)


def own_keys(desk: Desk) -> frozenset[str]:
    """Return the names of the keys that speak for the carriers of whoever asks, and for no other one."""
    now_ms = desk.clock.now_ms()
    mine = Counter(each.name for each in papers.signers(desk.settings, now_ms=now_ms, among=guard.scope().carrier))
    every = Counter(each.name for each in papers.signers(desk.settings, now_ms=now_ms))
    return frozenset(name for name, count in mine.items() if count == every[name])


# ---- rows


def window(case: Case, find: Lookup, known: Known) -> Window:
    """Return until when the newest revision of a report may be objected to."""
    terms = find(case.contract, case.end_ms - 1)
    month = f"{utc(case.start_ms).astimezone(terms.zone if terms else calendar.zone('UTC')):%Y-%m}"
    until_ms = kept_ms = 0
    if terms is not None and case.state in OPEN:
        try:
            until_ms = terms.window(case)
            kept_ms = terms.closes(until_ms, known.breaks, case.last.text)
        except UsageError:  # the calendar lacks the year
            until_ms = kept_ms = 0
    return Window(case=case, month=month, until_ms=until_ms, kept_ms=kept_ms)


def row(one: Objection, case: Case, find: Lookup) -> dict[str, Any]:
    """Return an objection as a table shows it: what, how it stands, when the next word is due, the last reason."""
    speaker, terms = Speaker(current()), find(case.contract, case.end_ms - 1)
    zone = terms.zone if terms is not None else calendar.zone("UTC")
    answered = speaker.decided("stance_accepted" if one.stance == "accepted" else one.stance, one.answered_by)
    return {
        "one": one,
        "case": case,
        "month": f"{utc(case.start_ms).astimezone(zone):%Y-%m}",
        "code": speaker.code(one.code),
        "about": about.words(one.target, zone, chinese=speaker.chinese),
        "state": disputes.answered(one, speaker),
        "tint": TINTS.get(one.outcome, "unknown"),
        "is_over": bool(one.outcome),
        "answered": answered if one.stance else "",
        "ruled": speaker.decided(one.outcome, one.ruled_by) if one.outcome else "",
        "due_ms": disputes.due(one, terms),
        "reason": one.ruling or one.answer,
        "decides": _decides(one),
    }


def _decides(one: Objection) -> str:
    if not one.decides:
        return ""
    word = f"decides_{one.decides}"
    return worded(word, held.language()) if word in WORDS else words.cause(one.decides)


def _bundles(desk: Desk, names: Iterable[str]) -> dict[str, str]:
    """Return report → its bundle's file, of those that are here."""
    return {str(leaf.fact.body["report"]): path.name for name in names for path, leaf in contracts.issued(desk, name)}
