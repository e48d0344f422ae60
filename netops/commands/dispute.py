"""`netops dispute`: object to a report, answer, rule, settle.

The carrier's words (`key`, `object`, `accept`, `status BUNDLE`) need a bundle and a key and nothing else: no instance,
no server, no account. What they write is a signed note, handed over as a file; `take` brings it to the city's core,
which asks the same questions again before it seals. The city's words need a staff account.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inventory import times
from netops.access import disputes, record
from netops.clock import SYSTEM, iso
from netops.commands.approve import login
from netops.dispute import about, codes, notes, papers, states
from netops.dispute.codes import Target
from netops.errors import AccessError, NetopsError, UsageError, nearest
from netops.evidence import canonical, files
from netops.facts import Fact
from netops.sign import Signer

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from netops.access.disputes import Known
    from netops.config import Settings
    from netops.dispute.notes import Said
    from netops.dispute.papers import Paper
    from netops.dispute.states import Case, Objection
    from netops.dispute.terms import Lookup, Terms
    from netops.evidence.canonical import JSON

SUMMARY = "The dispute over a report: object, accept, answer, rule, settle."
MOST_EVIDENCE = 2**30


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    below = parser.add_subparsers(dest="subcommand", required=True)
    key = below.add_parser("key", help="carrier: make a signing key; print what the city registers")
    key.add_argument("file", type=Path, help="the key's file to be made, for its owner alone")
    key.add_argument("--name", required=True, help="whose key it is: carrier-a/disputes")
    _of_the_carrier(below)
    status = below.add_parser("status", help="how each report stands, by bundles or by this instance's ledger")
    status.add_argument("bundle", type=Path, nargs="*", help="bundles to read instead of the ledger")
    status.add_argument("--json", action="store_true", help="one JSON array")
    take = below.add_parser("take", help="city: take a carrier's notes to the core")
    take.add_argument("file", type=Path, nargs="+", help="a note that the carrier signed")
    take.add_argument("--dry-run", action="store_true", help="check everything, state nothing")
    _of_the_city(below)


def _of_the_carrier(below: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    made = below.add_parser("object", help="carrier: write a signed objection to a report")
    made.add_argument(
        "--code", required=True, help="; ".join(f"{code} ({kind})" for code, (kind, _) in codes.CODES.items())
    )
    made.add_argument("--claim", default="", help="the claim that it is about, by its name")
    made.add_argument("--leaf", type=int, help="the leaf of the ledger that it is about")
    made.add_argument(
        "--service", default="", help="the service: with --from an incident, with --to as well an interval"
    )
    made.add_argument("--from", dest="start", default="", help="2026-10-12T02:00 (the contract's time) or with a zone")
    made.add_argument("--to", dest="end", default="", help="the end of an interval")
    made.add_argument("--evidence", type=Path, help="a file whose SHA-256 goes into the objection")
    accepted = below.add_parser("accept", help="carrier: write a signed acceptance of a report")
    for each in (made, accepted):
        each.add_argument("bundle", type=Path, help="the report's bundle")
        each.add_argument("--key", type=Path, required=True, help="the key's file, as `netops dispute key` made it")
        each.add_argument(
            "--reason", default="", help="stands in the ledger for ever; names nobody; an objection needs it"
        )
        each.add_argument("--out", type=Path, help="the note to write (default: here, by its name)")


def _of_the_city(below: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    rebut = below.add_parser("rebut", help="city: answer an objection")
    rebut.add_argument("objection")
    rebut.add_argument("stance", choices=("rejected", "accepted", "partly_accepted"))
    rebut.add_argument("--evidence", type=Path, help="a file whose SHA-256 goes into the answer")
    rule = below.add_parser("rule", help="city: rule on an answered objection, as another person than who answered")
    rule.add_argument("objection")
    rule.add_argument("outcome", choices=("upheld", "dismissed", "partly_upheld"))
    rule.add_argument("--minutes", type=int, help="partly_upheld: how much of it")
    final = below.add_parser("final", help="city: state that a report is final, with what it owes")
    final.add_argument("report")
    settle = below.add_parser("settle", help="city: state that what the final report owes was settled")
    settle.add_argument("report")
    settle.add_argument("amount", help="as the final report says: 240.00")
    settle.add_argument("currency", help="CNY")
    for each in (rebut, rule):
        each.add_argument("--reason", required=True, help="stands in the ledger for ever; names nobody")
    for each in (rebut, rule, final, settle):
        each.add_argument("--as", dest="person", required=True, help="your staff account")
        each.add_argument(
            "--password", default="", metavar="REFERENCE", help="env:NAME or file:PATH; else it is asked for"
        )
        each.add_argument("--dry-run", action="store_true", help="check everything, state nothing")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do it."""
    match args.subcommand:
        case "key":
            print(Signer.generate(args.file, args.name).vkey)
            return 0
        case "object" | "accept":
            return _write(args)
        case "status":
            known, terms = _known(args, settings)
            return _status(known, terms, as_json=args.json)
        case "take":
            return _take(args, settings)
        case _:
            return _state(args, settings)


# ---- the carrier


def _write(args: argparse.Namespace) -> int:
    if args.subcommand == "object" and not args.reason.strip():
        raise UsageError("--reason: nothing was said; expected why the report is wrong here, in words that name nobody")
    key = Signer.load(args.key)
    held = papers.paper(args.bundle)
    known, terms = papers.together([held], (key.vkey,))
    case = papers.case_of(known, held.report)
    told: dict[str, JSON] = {
        "report": held.report,
        "manifest_digest": held.manifest_digest,
        "made_ms": args.now_ms,
    }
    if args.reason:
        told["reason"] = args.reason
    kind = notes.ACCEPTANCE
    if args.subcommand == "object":
        kind = notes.OBJECTION
        told |= {"code": args.code, "target": str(_target(args, terms(case.contract, case.end_ms - 1)))}
        told |= {"evidence_digest": _digest(args.evidence)} if args.evidence else {}
    data = notes.write(kind, told, key)
    said = notes.read(data, [key.vkey])
    if why := disputes.broken(said.fact(at_ms=args.now_ms), known, terms) or _missing(said, held, case, terms):
        raise UsageError(f"{args.bundle}: {why}")
    path = args.out or Path(f"{said.name if kind == notes.OBJECTION else held.report + '-accepted'}.note")
    if path.exists():
        raise UsageError(f"{path}: exists; move it away, or name another with --out")
    files.replace(path, data)
    print(f"wrote {path}: {_named(said)}")
    print("hand it to the city; `netops audit verify` shows whether the report itself holds", file=sys.stderr)
    return 0


def _target(args: argparse.Namespace, terms: Terms | None) -> Target:
    """Return what is objected to, from the words that go together."""
    zone = times.zone(terms.zone.key if terms is not None else "UTC")
    try:
        start, end = (times.instant(text, zone) if text else 0 for text in (args.start, args.end))
    except ValueError as error:
        raise UsageError(str(error)) from None
    given = (bool(args.claim), args.leaf is not None, bool(args.service), bool(args.start), bool(args.end))
    match given:
        case (True, False, False, False, False):
            return Target(kind=codes.CLAIM, name=args.claim)
        case (False, True, False, False, False):
            return Target(kind=codes.LEAF, leaf=args.leaf)
        case (False, False, True, True, False):
            return Target(kind=codes.INCIDENT, name=args.service, start_ms=start)
        case (False, False, _, True, True):
            return Target(kind=codes.INTERVAL, name=args.service, start_ms=start, end_ms=end)
        case _:
            raise UsageError(
                "say what it is about: --claim, or --leaf, or --service and --from (an incident), or --from and --to"
            )


def _missing(said: Said, held: Paper, case: Case, terms: Lookup) -> str:
    """Return why the report tells of nothing that an objection could be about, or the empty string."""
    found = terms(case.contract, case.end_ms - 1)
    if said.kind != notes.OBJECTION or found is None:
        return ""
    return about.missing(codes.target(said.told["target"]), held.told, found.zone)


def _digest(path: Path) -> str:
    try:
        if not path.is_file() or path.stat().st_size > MOST_EVIDENCE:
            raise UsageError(f"{path}: expected a plain file of at most {MOST_EVIDENCE} bytes")
        return canonical.digest(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None


# ---- the city


def _take(args: argparse.Namespace, settings: Settings) -> int:
    known, terms = papers.here(settings, now_ms=args.now_ms)
    refused = 0
    for path in args.file:
        try:
            said = _read(path, known, terms)
            if _is_taken(said, known):
                print(f"{path}: {_named(said)}: was taken before")
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
        print(f"{path}: {_named(said)}: {'would be' if args.dry_run else 'is'} handed to the core")
    return 1 if refused else 0


def _read(path: Path, known: Known, terms: Lookup) -> Said:
    data = notes.open_file(path)
    case = papers.case_of(known, notes.report_of(data))
    found = terms(case.contract, case.end_ms - 1)
    return notes.read(data, found.keys if found is not None else ())


def _unlike(said: Said, known: Known, terms: Lookup, settings: Settings) -> str:
    """Return what `_missing` finds in the bundle that the core keeps; where it keeps none, say that nobody looked."""
    case = papers.case_of(known, said.told["report"])
    held = papers.kept(settings, case.last.name)
    if held is not None:
        return _missing(said, held, case, terms)
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


def _named(said: Said) -> str:
    what = f"objection {said.name} to" if said.kind == notes.OBJECTION else "acceptance of"
    return f"{what} {said.told['report']} by {said.key}"


def _state(args: argparse.Namespace, settings: Settings) -> int:
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
            more |= {"evidence_digest": _digest(args.evidence)} if args.evidence else {}
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


# ---- how it stands


def _known(args: argparse.Namespace, settings: Settings) -> tuple[Known, Lookup]:
    if not args.bundle:
        if not record.ledger_path(settings).parent.is_dir():
            raise UsageError(
                f"{settings.data.dir}: no instance is here; a carrier names the report's bundle: "
                "`netops dispute status BUNDLE`"
            )
        return papers.here(settings, now_ms=args.now_ms)
    held: Sequence[Paper] = [papers.paper(path) for path in args.bundle]
    return papers.together(held)


def _status(known: Known, terms: Lookup, *, as_json: bool) -> int:
    cases = sorted(known.cases.held.values(), key=lambda case: (case.contract, case.start_ms))
    if as_json:
        rows = [_row(case, terms(case.contract, case.end_ms - 1)) for case in cases]
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return 0
    if not cases:
        print("no report was issued yet")
    for case in cases:
        _print(case, terms(case.contract, case.end_ms - 1))
    return 0


def _print(case: Case, terms: Terms | None) -> None:
    over = _known_ms(lambda: terms.window(case)) if terms and _is_open(case) else 0
    until = f", to be objected to until {terms.shown(over)}" if terms and over else ""
    owed = f", owes {case.last.amount} {case.last.currency}" if case.last.amount else ""
    print(f"{case.last.name}: {case.stage}{owed}{until}")
    for each in case.objections.values():
        due = _due(each, terms)
        by = f" until {terms.shown(due)}" if terms is not None and due else ""
        what = about.words(each.target, terms.zone if terms is not None else times.zone("UTC"))
        print(f"  {each.id}  {each.code}: {what}; by {each.by!r}: {_stage(each)}{by}")
        print(f"    {each.reason!r}")  # as literals: no text of others drives the terminal


def _is_open(case: Case) -> bool:
    return case.state in {states.ISSUED, states.DISPUTED, states.RULED}


def _stage(each: Objection) -> str:
    if each.state == states.DECIDED:
        return f"{each.outcome} by {each.ruled_by}"
    return f"{each.stance} by {each.answered_by}, to be ruled on" if each.stance else "to be answered"


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


def _row(case: Case, terms: Terms | None) -> dict[str, Any]:
    over = _known_ms(lambda: terms.window(case)) if terms is not None and _is_open(case) else 0
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
        "accepted_by": case.accepted_by or None,
        "final": case.final or None,
        "settled": case.settled or None,
        "objections": [_objection(each, terms) for each in case.objections.values()],
    }


def _objection(each: Objection, terms: Terms | None) -> dict[str, Any]:
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
    }
