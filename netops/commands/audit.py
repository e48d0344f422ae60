"""`netops audit`: verify a bundle offline, its signed papers, time-stamps; the ledger's file and the raw archive.

Exit 0 when all of it holds, 4 when something does not, naming each place; 5 when a bundle or a ledger holds, but by no
key that the reader gave, or under fewer co-signatures than the city's own policy asks for. Nothing is written.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from netops import raw_audit
from netops.commands import audit_papers
from netops.commands.audit_words import Speaker
from netops.errors import ConfigError, EvidenceError, NetopsError, UsageError
from netops.evidence import note, spoken, told
from netops.evidence.bundle import open_bundle
from netops.evidence.causes import cause
from netops.evidence.checkpoint import Checkpoint, trust
from netops.evidence.members import CHECKPOINT
from netops.founding import evidence_key, sm2_public
from netops.ledger_file import LedgerReader
from netops.report import again, calendars, surface
from netops.report.issue import VKEY
from netops.sqlite_tail import torn
from netops.witness import listed

if TYPE_CHECKING:
    import argparse

    from netops.config import Settings
    from netops.evidence.integrity import Failure
    from netops.evidence.members import Bundle
    from netops.evidence.note import VerifierKey

SUMMARY = "Verify a report bundle, the ledger's file, the raw archive: signatures, leaves, and every number anew."
VERIFY = (
    "Verify one bundle offline: signatures, leaves, every number anew, and that nothing was left out. Exit 0 when all "
    "holds, 4 when something does not, 5 when it holds by the keys inside alone, or when fewer witnesses signed than "
    "the city's sealed policy asks for."
)
LEDGER = (
    "Recompute every hash, column, account and checkpoint of the ledger's file from its leaves; name the first wrong "
    "place. Exit 0 when all holds by the keys given, 4 when something does not, 5 when it is whole, but no key was "
    "given that signed it."
)
RAW = (
    "Look at every segment and chunk of the archive of raw replies, and whether each chunk that the ledger sealed is "
    "there. Exit 0 when all holds, 4 when something does not."
)
OK, FAILED, WHOSE = 0, 4, 5


@dataclass(frozen=True, slots=True)
class Head:
    """A checkpoint that the ledger leads to: where it lies, who signed of the keys given, and how many others did."""

    name: str
    size: int
    signers: tuple[str, ...]
    others: int

    def said(self, speaker: Speaker) -> str:
        """Return it as a line of what was found."""
        told = speaker.say("head", name=self.name, size=self.size)
        others = speaker.say("strange_one" if self.others == 1 else "strange", count=self.others)
        if not self.signers:
            return told + speaker.say("under", others=others)
        more = speaker.say("and", others=others) if self.others else ""
        return told + speaker.say("signed", names=", ".join(self.signers)) + more


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    below = parser.add_subparsers(dest="what", required=True)
    verify = below.add_parser("verify", help="verify one bundle", description=VERIFY)
    told.arguments(verify)
    ledger = below.add_parser(
        "ledger", help="recompute every hash of the ledger's file; name the first wrong place", description=LEDGER
    )
    ledger.add_argument("--file", type=Path, help="the ledger (default: ledger.db in data.dir)")
    ledger.add_argument("--vkey", type=Path, help="a file of verifier keys that you trust, one a line")
    ledger.add_argument(
        "--checkpoint",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a signed checkpoint that you hold: the ledger must lead to it (may be given again)",
    )
    raw = below.add_parser(
        "raw", help="look at every chunk of raw replies, and at what the ledger says of them", description=RAW
    )
    raw.add_argument("--dir", type=Path, help="the archive (default: raw in data.dir)")
    for each in (ledger, raw, *audit_papers.arguments(below)):
        each.add_argument("--json", action="store_true", help="tell as one JSON object, in English")
        each.add_argument(
            "--language",
            "--lang",
            choices=tuple(spoken.ASKED),
            help="of the words (default: by LC_ALL, LC_MESSAGES or LANG)",
        )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Verify; the reader's own instance, if there is one, lends its public key and whether it is a rehearsal."""
    if args.what in {"paper", "stamp"}:
        return audit_papers.run(args, _speaker(args))
    if args.what == "ledger":
        return _ledger(args, settings)
    if args.what == "raw":
        return _raw(args, settings)
    return _bundle(args, settings)


def _speaker(args: argparse.Namespace) -> Speaker:
    return Speaker("en" if args.json else spoken.chosen(args.language, os.environ))


def _bundle(args: argparse.Namespace, settings: Settings) -> int:
    rehearsal = args.rehearsal or settings.city.rehearsal
    language = spoken.chosen(args.language, os.environ)
    if args.vkey and not args.vkey.is_file():
        raise UsageError(f"--vkey {args.vkey}: no such file; expected verifier keys, one a line")
    own = not args.vkey and not args.trust_included_keys
    try:
        return told.run(
            args.bundle,
            vkey=args.vkey or (None if args.trust_included_keys else _own(settings)),
            rehearsal=rehearsal,
            quorum=args.quorum,
            besides=(*_own_sm2(settings, args.bundle), *_witnesses(settings)) if own else (),
            included=args.trust_included_keys,
            pages=_pages,
            known=calendars.known(),
            as_json=args.json,
            language=language,
        )
    except EvidenceError as error:
        error.args = (cause(str(error), language),)
        raise
    except OSError as error:
        raise UsageError(f"{args.bundle}: cannot be read ({error.strerror}); expected a bundle") from None


def _pages(bundle: Bundle) -> tuple[list[Failure], str]:
    """Look at what a bare verifier cannot: at what people read, and at how large the cells of areas are."""
    wrong, note = again.pages(bundle)
    unlike, weighed = surface.cells(bundle)
    return wrong + unlike, note + weighed


def _ledger(args: argparse.Namespace, settings: Settings) -> int:
    path = args.file or settings.data.dir / "ledger.db"
    speaker = _speaker(args)
    if not path.is_file():
        raise UsageError(f"ledger {path}: no such file; give it by --file")
    keys = _keys(args.vkey or _own(settings))
    if keys and not args.vkey and not args.file and settings.evidence.sm2:
        keys += _keys(sm2_public(settings) if sm2_public(settings).is_file() else None)
    try:
        leaves, heads = audited(path, keys, args.checkpoint)
    except EvidenceError as error:
        return _say_failed(args, [speaker.failure(str(error))], {"ledger": str(path)}, speaker)
    word = _caveat(keys, heads)
    caveat = speaker.say(word) if word else ""
    if args.json:
        plain = {"ledger": str(path), "outcome": "whole" if caveat else "ok", "leaves": leaves}
        signed = [{"name": h.name, "size": h.size, "signers": [*h.signers], "unknown": h.others} for h in heads]
        told_too = {"note": caveat} if caveat else {}
        print(json.dumps({**plain, "checkpoints": signed, **told_too}, ensure_ascii=False))
        return WHOSE if caveat else OK
    outcome = speaker.say("whole" if caveat else "ok")
    print(f"{outcome} {speaker.say('ledger', path=path, leaves=leaves)}")
    for head in heads:
        print(f"        {head.said(speaker)}")
    if caveat:
        print(f"{speaker.say('note')} {caveat}")
        return WHOSE
    return OK


def _caveat(keys: list[VerifierKey], heads: list[Head]) -> str:
    """Return the word for why nobody vouches for a ledger that holds in itself, or the empty string.

    Whoever may write the file could make it anew.
    """
    if not keys:
        return "no_key"
    return "" if any(head.signers for head in heads) else "unsigned"


def audited(path: Path, keys: list[VerifierKey], given: list[Path]) -> tuple[int, list[Head]]:
    """Go through a ledger's file; return its leaves and the checkpoints it leads to, each with its known signers.

    EvidenceError names the first place that is off: a torn tail, a changed or missing leaf, a roll-back.
    """
    tail = torn(path)
    if tail:
        raise EvidenceError(f"ledger {path}: {tail}. Restore it from the backup")
    try:
        with LedgerReader(path) as ledger:
            beside = ledger.check_beside()
            heads = [] if beside is None else [_head(ledger, ledger.beside, keys)]
            heads += [_head(ledger, each, keys) for each in given]
            return ledger.audit(), heads
    except apsw.Error as error:
        raise EvidenceError(f"ledger {path}: cannot be read ({error}); restore it from the backup") from None


def _head(ledger: LedgerReader, path: Path, keys: list[VerifierKey]) -> Head:
    try:
        signed = note.parse(path.read_bytes())
    except OSError as error:
        raise UsageError(f"checkpoint {path}: cannot be read ({error.strerror})") from None
    except EvidenceError as error:
        raise EvidenceError(f"checkpoint {path}: {error}") from None
    head = Checkpoint.parse(signed.text)
    ledger.check_head(head, str(path))
    signers = tuple(each.key.name for each in trust(signed, keys).signers) if keys else ()
    return Head(str(path), head.size, signers, len(signed.signatures) - len(signers))


def _raw(args: argparse.Namespace, settings: Settings) -> int:
    directory = args.dir or settings.data.dir / "raw"
    path, speaker = settings.data.dir / "ledger.db", _speaker(args)
    if not path.is_file():
        raise UsageError(f"ledger {path}: no such file; what the archive should hold is told by the ledger")
    with LedgerReader(path) as ledger:
        looked = raw_audit.audit(directory, ledger)
    counts = {"segments": looked.segments, "chunks": looked.chunks, "polls": looked.polls}
    if looked.found:
        failures = [speaker.failure(str(each)) for each in looked.found]
        return _say_failed(args, failures, {"raw": str(directory), **counts}, speaker)
    if args.json:
        notes = [str(each) for each in looked.notes]
        print(json.dumps({"raw": str(directory), "outcome": "ok", **counts, "notes": notes}))
        return OK
    print(f"{speaker.say('ok')} {speaker.say('raw', path=directory, **counts)}")
    for each in looked.notes:
        print(f"{speaker.say('note')} {speaker.failure(str(each))}")
    return OK


def _say_failed(args: argparse.Namespace, failures: list[str], about: dict[str, str | int], speaker: Speaker) -> int:
    if args.json:
        print(json.dumps({**about, "outcome": "failed", "failures": failures}, ensure_ascii=False))
        return FAILED
    for each in failures[: told.SHOWN]:
        print(f"{speaker.say('failed')} {each}")
    if len(failures) > told.SHOWN:
        print(speaker.say("more", count=len(failures) - told.SHOWN))
    return FAILED


def _keys(path: Path | None) -> list[VerifierKey]:
    if path is None:
        return []
    try:
        return told.read_keys(path.read_bytes(), str(path))
    except OSError as error:
        raise UsageError(f"--vkey {path}: cannot be read ({error.strerror}); expected verifier keys") from None
    except EvidenceError as error:
        raise UsageError(f"--vkey {error}") from None


def _own_sm2(settings: Settings, path: Path) -> list[VerifierKey]:
    """Return the reader's own SM2 key, which then must have signed a bundle's checkpoint.

    Not for a bundle under a checkpoint that the own ledger holds without the profile: it was signed before it.
    """
    if not settings.evidence.sm2 or not sm2_public(settings).is_file() or not path.is_file():
        return []
    keys = _keys(sm2_public(settings))
    try:
        size = Checkpoint.parse(note.parse(open_bundle(path).member(CHECKPOINT)).text).size
        with LedgerReader(settings.data.dir / "ledger.db") as ledger:
            held = ledger.checkpoint_of(size)
    except NetopsError:  # no bundle, or no ledger to ask: the first is told by the verifier, the second excuses nothing
        return keys
    before = held is not None and Checkpoint.parse(note.parse(held.note).text).sm3_root is None
    return [] if before else keys


def _witnesses(settings: Settings) -> list[VerifierKey]:
    """Return the keys of those who co-sign for the reader's own instance."""
    try:
        found = listed.read(settings.data.dir / listed.FILE).witnesses
    except ConfigError:
        return []
    return [key for each in found for key in each.keys]


def _own(settings: Settings) -> Path | None:
    path = evidence_key(settings).with_name(VKEY)
    try:
        return path if path.is_file() else None
    except OSError:
        return None
