"""The city's words in a dispute: what it takes from carriers, and what its people state."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from inventory import times
from netops.access import disputes, record
from netops.clock import SYSTEM
from netops.commands.approve import manager
from netops.dispute import codes, notes, papers, receipts, strangers
from netops.errors import AccessError, EvidenceError, NetopsError, UsageError, nearest
from netops.evidence import canonical, files
from netops.evidence.receipt import RECEIVED, alike
from netops.facts import Fact
from netops.report.words import worded

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from netops.access.disputes import Known
    from netops.config import Settings
    from netops.dispute.notes import Said
    from netops.dispute.terms import Lookup
    from netops.evidence.canonical import JSON

PAUSE_S = 1.0
_RECEIPT = "; its receipt, within two minutes: netops dispute receipt --wait 120 {}"


def take(args: argparse.Namespace, settings: Settings) -> int:
    """Take carriers' notes to the core, and what it refuses of them as refusals; 1 when one of them is refused.

    That they came in is stated first, of all of them at once: however long the rest takes, and whoever is killed in it,
    they came in when this began.
    """
    desk = _Desk(args, settings)
    desk.receive(args.file)
    return 1 if [path for path in args.file if not desk.took(path)] else 0


class _Desk:
    """One run of `take`: what is known, and what this run added to it."""

    def __init__(self, args: argparse.Namespace, settings: Settings) -> None:
        self._settings = settings
        self._now_ms: int = args.now_ms
        self._dry: bool = args.dry_run
        self._known, self._terms = papers.here(settings, now_ms=args.now_ms)
        self._handed = receipts.read(settings)

    def receive(self, files: Sequence[Path]) -> None:
        """Have it recorded that notes came in, each once: those that the key of a registered carrier signed."""
        keys = papers.signers(self._settings, now_ms=self._now_ms)
        stated: dict[str, Fact] = {}
        for path in files:
            try:
                data = notes.open_file(path)
            except NetopsError:
                continue  # why, `took` says
            digest, by = canonical.digest(data), notes.signer(data, keys)
            if not by or receipts.fate(self._handed, digest) or receipts.arrival(self._handed, digest):
                continue
            if receipts.many(self._handed, by, now_ms=self._now_ms, kind=RECEIVED):
                continue
            fact = notes.arrival(data, by=by, report=self._report(data), at_ms=self._now_ms)
            stated[digest] = fact
            self._handed.append(receipts.Handed(digest, fact))
        if stated and not self._dry:
            record.state(self._settings, list(stated.values()))
        for fact in stated.values():
            self._known = disputes.beside(self._known, fact, now_ms=self._now_ms)

    def _came_ms(self, data: bytes) -> int:
        """Return when a note came in, as it was recorded first; now, where nobody said so before."""
        found = receipts.arrival(self._handed, canonical.digest(data))
        return self._now_ms if found is None else min(found.fact.at_ms, self._now_ms)

    def took(self, path: Path) -> bool:
        """Take one note; whether it is a word of the dispute now, or was before."""
        data = b""
        try:
            data = notes.open_file(path)
            before = receipts.fate(self._handed, canonical.digest(data))
            if before is not None and before.taken:
                print(f"{path}: {_word(before.fact)}: was taken before{_RECEIPT.format(path)}")
                return True
            said = self._read(data)
            fact = said.fact(at_ms=self._came_ms(data))
            late = {"known_ms": self._now_ms}
            if why := disputes.broken(fact, self._known, self._terms, **late) or self._unlike(said):
                raise AccessError(why)
        except NetopsError as error:
            print(f"netops dispute: {path}: refused: {error}", file=sys.stderr)
            if data:
                self._refuse(path, data, str(error))
            return False
        self._state(data, fact)
        self._known = disputes.beside(self._known, fact, now_ms=self._now_ms)
        print(f"{path}: {said}: {'would be' if self._dry else 'is'} handed to the core")
        print(f"  SHA-256 {canonical.digest(data)}{_RECEIPT.format(path)}")
        return True

    def _read(self, data: bytes) -> Said:
        case = papers.case_of(self._known, notes.report_of(data))
        found = self._terms(case.contract, case.end_ms - 1)
        return notes.read(data, found.keys if found is not None else ())

    def _unlike(self, said: Said) -> str:
        """Return what `papers.missing` finds in the bundle that the core keeps; where none can be read, say so."""
        case = papers.case_of(self._known, said.told["report"])
        try:
            held, why = papers.kept(self._settings, case.last.name), f"the core keeps no bundle of {case.last.name}"
        except EvidenceError as error:  # no fault of the carrier's
            held, why = None, str(error)
        if held is not None:
            return papers.missing(said, held, case, self._terms)
        if said.kind == notes.OBJECTION:
            told = f"whether the report tells of '{said.told['target']}' was not looked at"
            print(f"netops dispute: {why}: {told}", file=sys.stderr)
        return ""

    def _refuse(self, path: Path, data: bytes, why: str) -> None:
        """Have a refusal sealed when a carrier's key signed the note; count the others."""
        by = notes.signer(data, papers.signers(self._settings, now_ms=self._now_ms))
        came = receipts.arrival(self._handed, canonical.digest(data))
        by = by if came is None else str(came.fact.body["by"])  # of what came in it is told what became of it
        if not by or (came is None and receipts.many(self._handed, by, now_ms=self._now_ms)):
            whose = f"{by}, of which enough were refused today" if by else "no key of a carrier in the register"
            counted = None if self._dry else strangers.count(self._settings.data.dir, now_ms=self._now_ms)
            print(f"{path}: by {whose}: not sealed{f', counted: {counted.count} so far' if counted else ''}")
        elif receipts.fate(self._handed, canonical.digest(data)) is not None:
            print(f"{path}: by {by}: was refused before{_RECEIPT.format(path)}")
        else:
            self._state(data, notes.refusal(data, by=by, why=why, report=self._report(data), at_ms=self._came_ms(data)))
            print(f"{path}: by {by}: the refusal {'would be' if self._dry else 'is'} handed to the core")
            print(f"  SHA-256 {canonical.digest(data)}{_RECEIPT.format(path)}")

    def _report(self, data: bytes) -> str:
        """Return the report that a refused note names, where the ledger knows it."""
        try:
            name = notes.report_of(data)
        except EvidenceError:
            return ""
        return name if self._known.cases.of_report(name) is not None else ""

    def _state(self, data: bytes, fact: Fact) -> None:
        if not self._dry:
            record.state(self._settings, [fact])
        self._handed.append(receipts.Handed(canonical.digest(data), fact))


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
    if why := disputes.broken(fact, known, terms):
        raise AccessError(why)
    if not args.dry_run:
        record.state(settings, [fact])
    name = str(fact.body.get("objection", fact.body.get("report")))
    print(f"{name}: {fact.kind} {'would be' if args.dry_run else 'is'} handed to the core")
    if fact.kind == "ruling" and fact.body["outcome"] != "dismissed":
        case = known.cases.of_objection(name)
        assert case is not None  # its name was looked at
        code = case.objections[name].code
        if word := codes.follows(code, decided="decides" in fact.body):
            print(f"  an upheld '{code}' moves {worded(word, 'en')}")
    return 0


def _fact(args: argparse.Namespace, known: Known, terms: Lookup, person: str, *, now_ms: int) -> Fact:
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
            more |= _decision(args, known, terms)
        case "final":
            last = papers.case_of(known, args.report).last
            kind, more = "report_final", {"report": args.report, "digest": last.digest}
            more |= {"amount": last.amount, "currency": last.currency} if last.amount else {}
        case _:
            kind, more = "report_settled", {"report": args.report, "amount": args.amount, "currency": args.currency}
    return Fact(kind=kind, at_ms=now_ms, body=told | more)


def _decision(args: argparse.Namespace, known: Known, terms: Lookup) -> dict[str, JSON]:
    """Return what an upholding ruling decides of an interval: as the objection asks, where nothing else is said."""
    case = known.cases.of_objection(args.objection)
    assert case is not None  # its name was looked at
    objection = case.objections[args.objection]
    allowed = codes.DECIDES.get(objection.code, ())
    if args.outcome == "dismissed" or not allowed:
        if args.decides or args.start or args.end:
            raise UsageError(
                f"--decides: '{args.outcome}' on code '{objection.code}' decides no interval; leave it out"
            )
        return {}
    word = args.decides or objection.asks or (allowed[0] if len(allowed) == 1 else "")
    if not word:
        raise UsageError(f"--decides: the objection does not say what follows; expected one of {', '.join(allowed)}")
    codes.decides(objection.code, word)
    found = terms(case.contract, case.end_ms - 1)
    zone = times.zone(found.zone.key if found is not None else "UTC")
    try:
        start_ms, end_ms = (times.instant(text, zone) if text else 0 for text in (args.start, args.end))
    except ValueError as error:
        raise UsageError(str(error)) from None
    about = codes.target(objection.target)
    start_ms = start_ms or objection.start_ms or about.start_ms
    end_ms = end_ms or objection.end_ms or about.end_ms or (case.end_ms if about.kind == codes.SURVEY else 0)
    if not end_ms:
        raise UsageError("--to: the objection does not say until when; expected the end of the outage, or of a part")
    service: dict[str, JSON] = {"service": about.name} if about.name and about.kind != codes.SURVEY else {}
    return {"decides": word, **service, "start_ms": start_ms, "end_ms": end_ms}
