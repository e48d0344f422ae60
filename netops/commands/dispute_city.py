"""The city's words in a dispute: what it takes from carriers, and what its people state."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from netops.access import disputes, record
from netops.clock import SYSTEM
from netops.commands.approve import login
from netops.dispute import notes, papers
from netops.errors import AccessError, NetopsError, UsageError, nearest
from netops.facts import Fact

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from netops.access.disputes import Known
    from netops.config import Settings
    from netops.dispute.notes import Said
    from netops.dispute.terms import Lookup
    from netops.evidence.canonical import JSON


def take(args: argparse.Namespace, settings: Settings) -> int:
    """Take carriers' notes to the core; 1 when one of them is refused."""
    known, terms = papers.here(settings, now_ms=args.now_ms)
    refused = 0
    for path in args.file:
        try:
            said = _read(path, known, terms)
            if _is_taken(said, known):
                print(f"{path}: {said}: was taken before")
                continue
            fact = said.fact(at_ms=args.now_ms)
            if why := disputes.broken(fact, known, terms) or _unlike(said, known, terms, settings):
                raise AccessError(why)
        except NetopsError as error:
            refused += 1
            print(f"netops dispute: {path}: refused: {error}", file=sys.stderr)
            continue
        if not args.dry_run:
            record.state(settings, [fact])
        known = disputes.beside(known, fact, now_ms=args.now_ms)
        print(f"{path}: {said}: {'would be' if args.dry_run else 'is'} handed to the core")
    return 1 if refused else 0


def _read(path: Path, known: Known, terms: Lookup) -> Said:
    data = notes.open_file(path)
    case = papers.case_of(known, notes.report_of(data))
    found = terms(case.contract, case.end_ms - 1)
    return notes.read(data, found.keys if found is not None else ())


def _unlike(said: Said, known: Known, terms: Lookup, settings: Settings) -> str:
    """Return what `papers.missing` finds in the bundle that the core keeps; where there is none, say so."""
    case = papers.case_of(known, said.told["report"])
    held = papers.kept(settings, case.last.name)
    if held is not None:
        return papers.missing(said, held, case, terms)
    if said.kind == notes.OBJECTION:
        print(
            f"netops dispute: the core keeps no bundle of {case.last.name}: whether the report tells of "
            f"'{said.told['target']}' was not looked at",
            file=sys.stderr,
        )
    return ""


def _is_taken(said: Said, known: Known) -> bool:
    """Whether exactly this word is known already: who was killed after handing it over takes it again, and is told."""
    if said.kind == notes.OBJECTION:
        return said.name in known.cases.objections
    case = known.cases.of_report(said.told["report"])
    return case is not None and case.last.name == said.told["report"] and case.accepted_by == said.key


def state(args: argparse.Namespace, settings: Settings) -> int:
    """State what a person of the city says: an answer, a ruling, that a report is final or settled."""
    person = login(settings, args.person, args.password, "approval.decide")
    if person.role not in disputes.ROLES:
        raise AccessError(f"the role '{person.role}' may not state this; it needs {', '.join(sorted(disputes.ROLES))}")
    now_ms = SYSTEM.now_ms()
    known, terms = papers.here(settings, now_ms=now_ms)
    fact = _fact(args, known, person.name, now_ms=now_ms)
    if why := disputes.broken(fact, known, terms):
        raise AccessError(why)
    if not args.dry_run:
        record.state(settings, [fact])
    name = str(fact.body.get("objection", fact.body.get("report")))
    print(f"{name}: {fact.kind} {'would be' if args.dry_run else 'is'} handed to the core")
    return 0


def _fact(args: argparse.Namespace, known: Known, person: str, *, now_ms: int) -> Fact:
    told: dict[str, JSON] = {"by": person}
    if args.subcommand in {"rebut", "rule"}:
        if args.objection not in known.cases.objections:
            raise UsageError(f"no objection '{args.objection}'{nearest(args.objection, known.cases.objections)}")
        notes.check_reason(args.reason)
        told |= {"objection": args.objection, "reason": args.reason.strip()}
    match args.subcommand:
        case "rebut":
            kind, more = "rebuttal", {"stance": args.stance}
            more |= {"evidence_digest": notes.evidence(args.evidence)} if args.evidence else {}
        case "rule":
            kind, more = "ruling", {"outcome": args.outcome}
            more |= {"minutes": args.minutes} if args.minutes is not None else {}
        case "final":
            last = papers.case_of(known, args.report).last
            kind, more = "report_final", {"report": args.report, "digest": last.digest}
            more |= {"amount": last.amount, "currency": last.currency} if last.amount else {}
        case _:
            kind, more = "report_settled", {"report": args.report, "amount": args.amount, "currency": args.currency}
    return Fact(kind=kind, at_ms=now_ms, body=told | more)
