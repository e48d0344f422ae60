"""The carrier's words in a dispute: what it writes, by a bundle and a key and nothing else."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inventory import times
from netops.access import disputes
from netops.clock import iso
from netops.dispute import attached, codes, notes, papers
from netops.dispute.codes import Target
from netops.errors import EvidenceError, UsageError
from netops.evidence import canonical, files, note, receipt, told
from netops.sign import Signer

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from netops.dispute.about import Told
    from netops.dispute.states import Case
    from netops.dispute.terms import Terms
    from netops.evidence.canonical import JSON
    from netops.evidence.receipt import Receipt

OK, REFUSED = 0, 3
WORDS = {
    codes.CLAIM: "--claim",
    codes.LEAF: "--leaf",
    codes.INCIDENT: "--service and --from (the beginning of an outage)",
    codes.SURVEY: "--survey, with --area, or --from and --to, where it is about a part",
    codes.INTERVAL: "--from and --to, with --service where it is about one",
}


def write(args: argparse.Namespace) -> int:
    """Write a signed objection or acceptance; UsageError says why the city would refuse it."""
    if args.subcommand == "object" and not args.reason.strip():
        raise UsageError("--reason: nothing was said; expected why the report is wrong here, in words that name nobody")
    key = Signer.load(args.key)
    held = papers.paper(args.bundle)
    known, terms = papers.together([held], (key.vkey,))
    case = papers.case_of(known, held.report)
    words: dict[str, JSON] = {
        "report": held.report,
        "manifest_digest": held.manifest_digest,
        "made_ms": args.now_ms,
    }
    if args.reason:
        words["reason"] = args.reason
    kind, listing = notes.ACCEPTANCE, b""
    if args.subcommand == "object":
        kind = notes.OBJECTION
        known_terms = terms(case.contract, case.end_ms - 1)
        target = _target(args, known_terms)
        words |= {"code": args.code, "target": str(target)} | _asked(
            args, target, _end(target, held.told, case), known_terms
        )
        evidence, listing = _evidence(args.evidence)
        words |= {"evidence_digest": evidence} if evidence else {}
    data = notes.write(kind, words, key)
    said = notes.read(data, [key.vkey])
    if why := disputes.broken(said.fact(at_ms=args.now_ms), known, terms) or papers.missing(said, held, case, terms):
        raise UsageError(f"{args.bundle}: {why}")
    path = args.out or Path(f"{said.name if kind == notes.OBJECTION else held.report + '-accepted'}.note")
    beside = path.with_name(f"{path.name}.files")
    for each in (path, *((beside,) if listing else ())):
        if each.exists():
            raise UsageError(f"{each}: exists; move it away, or name another with --out")
    if listing:
        files.replace(beside, listing)
        print(f"wrote {beside}: the list of the evidence, which goes to the city with the note and the files")
    files.replace(path, data)
    print(f"wrote {path}: {said}")
    print("hand it to the city; `netops audit verify` shows whether the report itself holds", file=sys.stderr)
    return 0


def _evidence(paths: Sequence[Path]) -> tuple[str, bytes]:
    """Return the SHA-256 that a note names, and the list of several files; of one file there is no list."""
    digests = [(notes.evidence(path), path.name) for path in paths]
    if len(digests) < 2:
        return (digests[0][0] if digests else ""), b""
    if len(digests) >= attached.MOST:
        raise UsageError(f"--evidence: {len(digests)} files; expected at most {attached.MOST - 1}: put them into one")
    listing = attached.write_list(digests)
    return canonical.digest(listing), listing


def _target(args: argparse.Namespace, terms: Terms | None) -> Target:
    """Return what is objected to, from the words that go together."""
    start, end = (_instant(text, terms) for text in (args.start, args.end))
    if args.survey and bool(args.start) == bool(args.end) and not args.claim and args.leaf is None and not args.service:
        return Target(kind=codes.SURVEY, name=args.survey, area=args.area, start_ms=start, end_ms=end)
    given = (
        bool(args.claim or args.survey or args.area),
        args.leaf is not None,
        bool(args.service),
        bool(args.start),
        bool(args.end),
    )
    match given:
        case (True, False, False, False, False) if args.claim and not args.survey:
            return Target(kind=codes.CLAIM, name=args.claim)
        case (False, True, False, False, False):
            return Target(kind=codes.LEAF, leaf=args.leaf)
        case (False, False, True, True, False):
            return Target(kind=codes.INCIDENT, name=args.service, start_ms=start)
        case (False, False, _, True, True):
            return Target(kind=codes.INTERVAL, name=args.service, start_ms=start, end_ms=end)
        case _:
            kind = codes.said_of(args.code)
            raise UsageError(f"say what it is about: code '{args.code}' is said of one {kind}, by {WORDS[kind]}")


def _asked(args: argparse.Namespace, about: Target, until_ms: int, terms: Terms | None) -> dict[str, JSON]:
    """Return what the ruling is asked to decide, and of which part; nothing where the code asks for no decision."""
    allowed = codes.DECIDES.get(args.code, ())
    if not allowed:
        if args.asks or args.part_from or args.part_to:
            raise UsageError(f"--asks: a ruling on code '{args.code}' decides no interval; leave it out")
        return {}
    asks = args.asks or (allowed[0] if len(allowed) == 1 else "")
    if not asks:
        print(
            f"--asks was not said, one of {', '.join(allowed)}: if nobody rules in time, nothing follows from it",
            file=sys.stderr,
        )
        return {}
    codes.decides(args.code, asks)
    start_ms = _instant(args.part_from, terms) or about.start_ms
    end_ms = _instant(args.part_to, terms) or until_ms
    return {"asks": asks, "start_ms": start_ms, "end_ms": end_ms} if end_ms else {}


def _end(about: Target, told: Told, case: Case) -> int:
    """Return the end of all that an objection is about, 0 where nobody tells of it."""
    if about.kind == codes.SURVEY:
        return about.end_ms or case.end_ms
    return about.end_ms or told.outages.get(about.name, {}).get(about.start_ms, 0)


def _instant(text: str, terms: Terms | None) -> int:
    try:
        return times.instant(text, times.zone(terms.zone.key if terms is not None else "UTC")) if text else 0
    except ValueError as error:
        raise UsageError(str(error)) from None


def check(args: argparse.Namespace) -> int:
    """Tell what a receipt says of a note: 0 taken, 3 refused; EvidenceError names what does not hold."""
    handed = notes.open_file(args.note)
    keys = [key for path in args.vkey for key in told.read_keys(_opened(path, "verifier keys"), str(path))]
    data = _opened(args.receipt, "a receipt")
    try:
        found = receipt.verify(data, handed, keys, rehearsal=args.rehearsal, quorum=args.quorum)
    except EvidenceError as error:
        if args.json:
            print(json.dumps({"outcome": "failed", "failures": [str(error)]}, ensure_ascii=False))
            return error.exit_code
        raise EvidenceError(f"{args.receipt}: {error}") from None
    if args.json:
        print(json.dumps(_plain(found), ensure_ascii=False))
    else:
        _tell(args, found)
    return OK if found.taken else REFUSED


def _tell(args: argparse.Namespace, found: Receipt) -> None:
    plain = _plain(found)
    if args.rehearsal:
        print("REHEARSAL  nothing in this receipt is real")
    if found.taken:
        word = "objection" if found.kind == notes.OBJECTION else "acceptance of"
        print(f"TAKEN    {args.note}: as {word} {found.name}")
    else:
        print(f"REFUSED  {args.note}: {found.reason!r}")  # as a literal: no text of others drives the terminal
    print(f"         the city had it at {plain['handed']} and recorded it at {plain['recorded']}, by its own clock")
    print(f"COUNTS   {plain['counts']}: by that instant it is in time or late")
    print(f"         leaf {found.index} of {plain['log']}, under a checkpoint of {plain['size']} leaves")
    for name, signed in plain["cosigned"].items():
        print(f"         co-signed by {name} at {signed}")
    print("NOTE     a later bundle of the contract shows this leaf; if it does not, hold this receipt against it")


def _plain(found: Receipt) -> dict[str, Any]:
    head = found.under.checkpoint
    return {
        "outcome": "taken" if found.taken else "refused",
        "kind": found.kind,
        "name": found.name or None,
        "reason": found.reason or None,
        "handed": iso(found.handed_ms),
        "recorded": iso(found.recorded_ms),
        "counts": iso(found.counts_ms),
        "leaf": found.index,
        "log": head.origin,
        "size": head.size,
        "cosigned": {each.key.name: _when(each.time_s or 0) for each in found.under.cosigners},
    }


def _when(time_s: int) -> str:
    """Return when a witness says that it signed; one that says nonsense, under its own signature, stops no reading."""
    return iso(time_s * 1000) if time_s * 1000 < canonical.LATEST_MS else f"second {time_s} after 1970"


def _opened(path: Path, what: str) -> bytes:
    return notes.open_file(path, most=note.MAX_NOTE, what=what)
