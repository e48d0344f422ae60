"""`netops audit paper` and `netops audit stamp`: the signature on a report's paper, the time-stamp of a checkpoint.

Both need files alone: no instance, no network. Exit 0 when all holds, 4 when something does not, 5 when it holds, but
by a certificate that the reader did not give.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from netops.errors import EvidenceError, UsageError
from netops.evidence import bundle
from netops.report import pades, pdf, tokens

if TYPE_CHECKING:
    import argparse

    from cryptography.x509 import Certificate

    from netops.commands.audit_words import Speaker

OK, FAILED, WHOSE = 0, 4, 5
PAPER = (
    "Hold a signed paper against its bundle: the signature, that nothing but it was added, and by whose certificate. "
    "Whether the bundle itself holds, `netops audit verify` tells. Exit 0 when all holds, 4 when something does not, 5 "
    "when it holds and no certificate was given."
)
STAMP = "Hold a time-stamp (RFC 3161) against the file that was stamped. Exit 0 when it holds, 4 when it does not."
MOST = 1 << 26  # bytes of a file that is read whole


def arguments(
    below: argparse._SubParsersAction[argparse.ArgumentParser],
) -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    """Declare the arguments; return the parsers, for what all parts of `netops audit` take."""
    paper = below.add_parser("paper", help="the signature on a report's PDF", description=PAPER)
    paper.add_argument("paper", type=Path, help="the signed PDF, as the city handed it out")
    paper.add_argument("--bundle", type=Path, required=True, help="the report's bundle")
    paper.add_argument(
        "--certificate", type=Path, metavar="FILE", help="the signer's certificate in PEM, got from its owner"
    )
    stamp = below.add_parser("stamp", help="the time-stamp of a checkpoint", description=STAMP)
    stamp.add_argument("token", type=Path, help="the authority's answer (stamps/DAY-SIZE.tsr in data.dir)")
    stamp.add_argument(
        "--of", type=Path, required=True, metavar="FILE", help="what was stamped (…the same name, .note)"
    )
    stamp.add_argument(
        "--roots", type=Path, required=True, metavar="FILE", help="certificates in PEM that you trust for time-stamps"
    )
    return paper, stamp


def run(args: argparse.Namespace, speaker: Speaker) -> int:
    """Do it."""
    told = _paper(args, speaker) if args.what == "paper" else _stamp(args, speaker)
    if args.json:
        print(json.dumps(told, ensure_ascii=False))
    else:
        word = {OK: "ok", WHOSE: "whole"}.get(int(told["exit"]), "failed")
        said = f"{args.paper if args.what == 'paper' else args.token}: {told['said']}"
        print(f"{speaker.say(word)} {speaker.failure(said)}")
        if told.get("note"):
            print(f"{speaker.say('note')} {told['note']}")
    return int(told["exit"])


def _paper(args: argparse.Namespace, speaker: Speaker) -> dict[str, str | int]:
    trusted = [pades.digest(each) for each in _certificates(args.certificate)] if args.certificate else []
    signed = _read(args.paper)
    try:
        held = bundle.open_bundle(args.bundle)
        found = next(
            (held.members[name] for name in pdf.MEMBERS.values() if signed.startswith(_paper_of(held, name))), b""
        )
        looked = pades.look(signed, found)
    except EvidenceError as error:
        return {"exit": FAILED, "said": str(error)}
    except OSError as error:
        raise UsageError(f"{args.bundle}: cannot be read ({error.strerror}); expected a bundle") from None
    about: dict[str, str | int] = {"certificate": looked.digest, "subject": looked.subject, "stamped": looked.stamped}
    if not found:
        return {**about, "exit": FAILED, "said": speaker.say("no_paper", bundle=args.bundle)}
    if looked.wrong:
        return {**about, "exit": FAILED, "said": looked.wrong}
    said = speaker.say("paper", bundle=args.bundle, subject=looked.subject, digest=looked.digest)
    said += speaker.say("stamped", at=looked.stamped) if looked.stamped else ""
    if not trusted:
        return {**about, "exit": WHOSE, "said": said, "note": speaker.say("no_certificate")}
    if looked.digest not in trusted[:1]:
        return {**about, "exit": FAILED, "said": speaker.say("another_certificate", digest=looked.digest)}
    return {**about, "exit": OK, "said": said}


def _paper_of(held: bundle.Bundle, name: str) -> bytes:
    return held.members.get(name) or b"\0"


def _stamp(args: argparse.Namespace, speaker: Speaker) -> dict[str, str | int]:
    answer, data, roots = _read(args.token), _read(args.of), _certificates(args.roots)
    try:
        at = tokens.look(answer, data, roots)
    except EvidenceError as error:
        return {"exit": FAILED, "said": str(error)}
    return {"exit": OK, "said": speaker.say("was_there", file=args.of, at=at.isoformat())}


def _certificates(path: Path) -> tuple[Certificate, ...]:
    try:
        return pades.certificates(_read(path))
    except EvidenceError as error:
        raise UsageError(f"{path}: {error}") from None


def _read(path: Path) -> bytes:
    try:
        if not path.exists():
            raise UsageError(f"{path}: there is no such file")
        if not path.is_file() or path.stat().st_size > MOST:
            raise UsageError(f"{path}: expected a plain file of at most {MOST} bytes")
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
