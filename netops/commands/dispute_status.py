"""How each dispute stands, by bundles at a carrier's desk or by the ledger at the city's."""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from inventory import times
from netops.access import record
from netops.clock import iso
from netops.commands.dispute_words import Speaker
from netops.dispute import about, papers, states, strangers
from netops.errors import UsageError
from netops.evidence import spoken
from netops.report.words import worded

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Collection, Mapping, Sequence

    from netops.access.disputes import Known
    from netops.config import Settings
    from netops.dispute.listening import Breaks
    from netops.dispute.papers import Paper
    from netops.dispute.states import Case, Objection
    from netops.dispute.terms import Lookup, Terms

    Claims = Callable[[Case], Mapping[str, Collection[str]]]  # what a case's newest report says of each claim


def status(args: argparse.Namespace, settings: Settings) -> int:
    """Tell how each report stands."""
    known, terms, claims = _known(args, settings)
    speaker = Speaker(spoken.chosen(args.language, os.environ))
    _status(known, terms, claims, speaker, as_json=args.json)
    counted = None if args.bundle else strangers.read(settings.data.dir)
    if counted is not None:
        last = iso(counted.last_ms)
        print(speaker.say("strangers", count=counted.count, last=last), file=sys.stderr)
    return 0


def _known(args: argparse.Namespace, settings: Settings) -> tuple[Known, Lookup, Claims]:
    if not args.bundle:
        if not record.ledger_path(settings).parent.is_dir():
            raise UsageError(
                f"{settings.data.dir}: no instance is here; a carrier names the report's bundle: "
                "`netops dispute status BUNDLE`"
            )
        return *papers.here(settings, now_ms=args.now_ms), partial(papers.claims, settings)
    held: Sequence[Paper] = [papers.paper(path) for path in args.bundle]
    told = {each.report: each.told.claims for each in held}
    return *papers.together(held), lambda case: told.get(case.last.name, {})


def _status(known: Known, terms: Lookup, claims: Claims, speaker: Speaker, *, as_json: bool) -> None:
    cases = sorted(known.cases.held.values(), key=lambda case: (case.contract, case.start_ms))
    if as_json:
        rows = [
            _row(case, terms(case.contract, case.end_ms - 1), known.breaks, claims) | {"refused": _refused(known, case)}
            for case in cases
        ]
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    if not cases:
        print(speaker.say("none"))
    for case in cases:
        _print(case, terms(case.contract, case.end_ms - 1), known.breaks, claims, speaker)
        for each in _refused(known, case):
            print("  " + speaker.say("refused", **each | {"digest": each["digest"][:16]}))


def _refused(known: Known, case: Case) -> list[dict[str, str]]:
    """Return the notes about any revision of a report that the city did not take."""
    named = {each.name for each in case.revisions}
    found = [(fact.body, iso(at_ms)) for fact, at_ms in known.refused if fact.body.get("report") in named]
    return [{**{name: str(body[name]) for name in ("digest", "by", "reason")}, "at": at} for body, at in found]


def _print(case: Case, terms: Terms | None, breaks: Breaks, claims: Claims, speaker: Speaker) -> None:
    over = _known_ms(lambda: terms.window(case)) if terms and _is_open(case) else 0
    until = speaker.say("until", at=terms.shown(over)) + _longer(over, terms, breaks, speaker) if terms and over else ""
    owed = speaker.say("owes", amount=case.last.amount, currency=case.last.currency) if case.last.amount else ""
    print(f"{case.last.name}: {speaker.say(case.stage)}{owed}{until}")
    for each in case.objections.values():
        due = _due(each, terms)
        by = speaker.say("due", at=terms.shown(due)) if terms is not None and due else ""
        zone = terms.zone if terms is not None else times.zone("UTC")
        what = about.words(each.target, zone, chinese=speaker.chinese)
        said = {"id": each.id, "code": speaker.code(each.code), "what": what, "by": each.by}
        print("  " + speaker.say("objection_to", **said, stage=_stage(each, speaker)) + by)
        print(f"    {each.reason!r}")  # as literals: no text of others drives the terminal
        if word := papers.follows(each, lambda: claims(case)):
            print(f"    {worded(word, 'zh' if speaker.chinese else 'en')}")


def _longer(over_ms: int, terms: Terms, breaks: Breaks, speaker: Speaker) -> str:
    """Return in words until when a deadline is kept open because the core was not there, or nothing."""
    kept = _known_ms(lambda: terms.closes(over_ms, breaks))
    return speaker.say("kept", at=terms.shown(kept)) if kept > over_ms else ""


def _is_open(case: Case) -> bool:
    return case.state in {states.ISSUED, states.DISPUTED, states.RULED}


def _stage(each: Objection, speaker: Speaker) -> str:
    if each.state == states.DECIDED:
        return speaker.decided(each.outcome, each.ruled_by)
    if not each.stance:
        return speaker.say("to_answer")
    stance = "stance_accepted" if each.stance == "accepted" else each.stance  # a report's state is called so too
    return speaker.decided(stance, each.answered_by) + speaker.say("to_rule")


def _due(each: Objection, terms: Terms | None) -> int:
    """Return when the next word on an objection is due at the latest; 0 when none is."""
    if terms is None or each.state == states.DECIDED:
        return 0
    return _known_ms(lambda: terms.answer(each) if each.state == states.MADE else terms.decision(each))


def _known_ms(ask: Callable[[], int]) -> int:
    """Return an instant of the calendar, or 0 while it lacks the year; which one is said beside the list."""
    try:
        return ask()
    except UsageError as error:
        print(f"netops dispute: {error}", file=sys.stderr)
        return 0


def _row(case: Case, terms: Terms | None, breaks: Breaks, claims: Claims) -> dict[str, Any]:
    over = _known_ms(lambda: terms.window(case)) if terms is not None and _is_open(case) else 0
    kept = _known_ms(lambda: terms.closes(over, breaks)) if terms is not None and over else 0
    return {
        "contract": case.contract,
        "start_ms": case.start_ms,
        "end_ms": case.end_ms,
        "report": case.last.name,
        "revisions": [each.name for each in case.revisions],
        "state": case.state,
        "stage": case.stage,
        "amount": case.last.amount or None,
        "currency": case.last.currency or None,
        "until": iso(over) if over else None,
        "kept_open_until": iso(kept) if kept > over else None,
        "accepted_by": case.accepted_by or None,
        "final": case.final or None,
        "settled": case.settled or None,
        "objections": [
            _objection(each, terms, papers.follows(each, lambda: claims(case))) for each in case.objections.values()
        ],
    }


def _objection(each: Objection, terms: Terms | None, word: str) -> dict[str, Any]:
    due = _due(each, terms)
    return {
        "objection": each.id,
        "report": each.report,
        "code": each.code,
        "target": each.target,
        "by": each.by,
        "at": iso(each.at_ms),
        "reason": each.reason,
        "state": each.state,
        "stance": each.stance or None,
        "answered_by": each.answered_by or None,
        "outcome": each.outcome or None,
        "ruled_by": each.ruled_by or None,
        "due": iso(due) if due else None,
        "follows": worded(word, "en") if word else None,
    }
