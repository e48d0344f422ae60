"""The city's words in a dispute: what it takes from carriers, and what its people state."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from netops.access import record
from netops.clock import SYSTEM
from netops.commands.approve import manager
from netops.dispute import deciding, notes, papers, receipts, strangers
from netops.dispute.taking import Desk
from netops.errors import NetopsError, UsageError
from netops.evidence import canonical, files
from netops.evidence.receipt import alike
from netops.report.words import worded

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from netops.access.disputes import Known
    from netops.config import Settings
    from netops.dispute.taking import Outcome
    from netops.dispute.terms import Lookup
    from netops.facts import Fact

PAUSE_S = 1.0
_RECEIPT = "; its receipt, within two minutes: netops dispute receipt --wait 120 {}"


def take(args: argparse.Namespace, settings: Settings) -> int:
    """Take carriers' notes to the core, and what it refuses of them as refusals; 1 when one of them is refused.

    That they came in is stated first, of all of them at once (`netops/dispute/taking.py`).
    """
    desk = _desk(args, settings)
    opened = [(path, _opened(path)) for path in args.file]
    desk.receive(data for _, data in opened if isinstance(data, bytes))
    return 1 if [path for path, data in opened if not _took(desk, path, data, dry=args.dry_run)] else 0


def _desk(args: argparse.Namespace, settings: Settings) -> Desk:
    if args.dry_run:
        return Desk(settings, lambda _made: None, now_ms=args.now_ms)

    def count() -> int:
        return strangers.count(settings.data.dir, now_ms=args.now_ms).count

    return Desk(settings, lambda made: record.state(settings, made), now_ms=args.now_ms, count=count)


def _opened(path: Path) -> bytes | NetopsError:
    try:
        return notes.open_file(path)
    except NetopsError as error:
        return error


def _took(desk: Desk, path: Path, data: bytes | NetopsError, *, dry: bool) -> bool:
    """Take one note and tell what became of it; whether it is a word of the dispute now, or was before."""
    if isinstance(data, NetopsError):
        print(f"netops dispute: {path}: refused: {data}", file=sys.stderr)
        return False
    made = desk.take(data)
    if made.unlooked and made.said is not None:
        told = f"whether the report tells of '{made.said.told['target']}' was not looked at"
        print(f"netops dispute: {made.unlooked}: {told}", file=sys.stderr)
    handed = "would be" if dry else "is"
    if made.fact is not None and made.before:
        print(f"{path}: {_word(made.fact)}: was taken before{_RECEIPT.format(path)}")
    elif made.taken:
        print(f"{path}: {made.said}: {handed} handed to the core")
        print(f"  SHA-256 {made.digest}{_RECEIPT.format(path)}")
    else:
        _refused(path, made, handed)
    return made.taken


def _refused(path: Path, made: Outcome, handed: str) -> None:
    print(f"netops dispute: {path}: refused: {made.why}", file=sys.stderr)
    if not made.recorded:
        whose = f"{made.by}, of which enough were refused today" if made.by else "no key of a carrier in the register"
        print(f"{path}: by {whose}: not sealed{f', counted: {made.counted} so far' if made.counted else ''}")
    elif made.before:
        print(f"{path}: by {made.by}: was refused before{_RECEIPT.format(path)}")
    else:
        print(f"{path}: by {made.by}: the refusal {handed} handed to the core")
        print(f"  SHA-256 {made.digest}{_RECEIPT.format(path)}")


def _word(fact: Fact) -> str:
    body: Any = fact.body
    return f"objection {body['objection']}" if fact.kind == notes.OBJECTION else f"acceptance of {body['report']}"


def receipt(args: argparse.Namespace, settings: Settings) -> int:
    """Write the receipt of a note that was handed in here."""
    data = notes.open_file(args.note)
    path = args.out or args.note.with_name(f"{args.note.name}.receipt")
    made = _awaited(settings, canonical.digest(data), args.wait)
    try:
        if path.exists() and not alike(path.read_bytes(), made):
            raise UsageError(f"{path}: exists, and holds something else; move it away, or name another with --out")
        files.replace(path, made)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror})") from None
    print(f"wrote {path}: give it to the carrier, who reads it by `netops dispute check`")
    return 0


def _awaited(settings: Settings, digest: str, wait_s: float) -> bytes:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return receipts.made(settings, digest)
        except receipts.PendingError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(PAUSE_S)


def state(args: argparse.Namespace, settings: Settings) -> int:
    """State what a person of the city says: an answer, a ruling, that a report is final or settled."""
    person = manager(settings, args.person, args.password)
    now_ms = SYSTEM.now_ms()
    known, terms = papers.here(settings, now_ms=now_ms)
    fact = _fact(args, known, terms, person.name, now_ms=now_ms)
    if not args.dry_run:
        record.state(settings, [fact])
    name = str(fact.body.get("objection", fact.body.get("report")))
    print(f"{name}: {fact.kind} {'would be' if args.dry_run else 'is'} handed to the core")
    if fact.kind == deciding.RULING:
        _tell(fact, known, settings)
    return 0


def _tell(ruling: Fact, known: Known, settings: Settings) -> None:
    """Tell who upholds what no ruling moves what must follow, in both languages."""
    case = known.cases.of_objection(str(ruling.body["objection"]))
    assert case is not None  # its name was looked at
    one = case.objections[str(ruling.body["objection"])]
    if word := deciding.follows(ruling, one, papers.claims(settings, case)):
        print(f"  an upheld '{one.code}' moves {worded(word, 'en')}")
        print(f"  {worded(word, 'zh')}")


def _fact(args: argparse.Namespace, known: Known, terms: Lookup, person: str, *, now_ms: int) -> Fact:
    match args.subcommand:
        case "rebut":
            evidence = notes.evidence(args.evidence) if args.evidence else ""
            answer = deciding.Answer(stance=args.stance, reason=args.reason, evidence=evidence)
            return deciding.answer(known, terms, args.objection, answer, by=person, now_ms=now_ms)
        case "rule":
            ruling = deciding.Ruling(
                outcome=args.outcome,
                reason=args.reason,
                minutes=args.minutes,
                decides=args.decides,
                start=args.start,
                end=args.end,
            )
            return deciding.rule(known, terms, args.objection, ruling, by=person, now_ms=now_ms)
        case "final":
            return deciding.final(known, terms, args.report, by=person, now_ms=now_ms)
        case _:
            paid = args.report, args.amount, args.currency
            return deciding.settle(known, terms, *paid, by=person, now_ms=now_ms)
