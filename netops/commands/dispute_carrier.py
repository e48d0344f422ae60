"""The carrier's words in a dispute: what it writes, by a bundle and a key and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from inventory import times
from netops.access import disputes
from netops.dispute import codes, notes, papers
from netops.dispute.codes import Target
from netops.errors import UsageError
from netops.evidence import files
from netops.sign import Signer

if TYPE_CHECKING:
    import argparse

    from netops.dispute.terms import Terms
    from netops.evidence.canonical import JSON


def write(args: argparse.Namespace) -> int:
    """Write a signed objection or acceptance; UsageError says why the city would refuse it."""
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
        told |= {"evidence_digest": notes.evidence(args.evidence)} if args.evidence else {}
    data = notes.write(kind, told, key)
    said = notes.read(data, [key.vkey])
    if why := disputes.broken(said.fact(at_ms=args.now_ms), known, terms) or papers.missing(said, held, case, terms):
        raise UsageError(f"{args.bundle}: {why}")
    path = args.out or Path(f"{said.name if kind == notes.OBJECTION else held.report + '-accepted'}.note")
    if path.exists():
        raise UsageError(f"{path}: exists; move it away, or name another with --out")
    files.replace(path, data)
    print(f"wrote {path}: {said}")
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
