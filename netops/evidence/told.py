"""Verify a bundle from the command line: integrity first, then every number, then that nothing was left out.

Exit 0 when all holds, 4 when something does not, naming each place; 5 when nothing was altered and yet nobody vouches
for it: it holds by the keys inside alone, or fewer witnesses signed than the city's own sealed policy asks for.

`netops audit verify` and a bundle's own `verify.py` both end here.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from netops.errors import EvidenceError, NetopsError, UsageError
from netops.evidence import canonical
from netops.evidence.accounts import verify_completeness
from netops.evidence.bundle import Failure, open_bundle, verify_integrity
from netops.evidence.causes import cause
from netops.evidence.cosigners import Cosigned, cosigned
from netops.evidence.differences import iso
from netops.evidence.members import KEYS, REPORT, Bundle
from netops.evidence.note import VerifierKey
from netops.evidence.public_days import verify_calendar
from netops.evidence.signed_words import verify_words
from netops.evidence.spoken import ASKED, Speaker, chosen
from netops.evidence.verifier import verify_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from netops.evidence.public_days import Known

OK, USAGE, FAILED, WHOSE = 0, 2, 4, 5
SHOWN = 50
SPEAKER = Speaker()
NOTHING: Known = {}


def main(argv: Sequence[str], known: Known = NOTHING) -> int:
    """Run one verification; return the exit code. `known` are the calendars that this verifier carries."""
    parser = argparse.ArgumentParser(prog="verify.py", description="Verify a report bundle, offline.")
    arguments(parser)
    args = parser.parse_args(argv)
    language = chosen(args.language, os.environ)
    try:
        return run(
            args.bundle,
            vkey=args.vkey,
            rehearsal=args.rehearsal,
            quorum=args.quorum,
            included=args.trust_included_keys,
            known=known,
            as_json=args.json,
            language=language,
        )
    except EvidenceError as error:
        print(f"{Speaker(language).say('failed')} {cause(str(error), language)}", file=sys.stderr)  # noqa: T201  (edge)
        return FAILED
    except NetopsError as error:
        print(f"verify.py: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("bundle", type=Path, help="the bundle's file")
    parser.add_argument("--vkey", type=Path, help="a file of verifier keys that you trust, one a line")
    parser.add_argument(
        "--trust-included-keys",
        action="store_true",
        help="trust the keys inside: shows only that it is whole",
    )
    parser.add_argument("--rehearsal", action="store_true", help="the bundle is a rehearsal's: nothing in it is real")
    parser.add_argument(
        "--quorum",
        type=_quorum,
        metavar="K",
        help="how many co-signers must have signed (default: as the policy sealed by the city asks)",
    )
    parser.add_argument("--json", action="store_true", help="tell as one JSON object, in English")
    parser.add_argument(
        "--language", "--lang", choices=tuple(ASKED), help="of the words (default: by LC_ALL, LC_MESSAGES or LANG)"
    )


def _quorum(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 4):
        raise argparse.ArgumentTypeError(f"'{text}' is no number of co-signers; expected 0 or more")
    return int(text)


def run(
    path: Path,
    *,
    vkey: Path | None,
    rehearsal: bool,
    quorum: int | None = None,
    besides: Sequence[VerifierKey] = (),
    included: bool = False,
    pages: Callable[[Bundle], tuple[list[Failure], str]] | None = None,
    known: Known = NOTHING,
    as_json: bool = False,
    language: str = "en",
    say: Callable[[str], None] = print,
) -> int:
    """Verify and say what was found; EvidenceError when the file is no bundle, UsageError when there is none.

    `quorum` stands in for the policy that the bundle was sealed under: 0 waives it. `besides` are keys that the reader
    trusts beside those in the file `vkey`. `pages` looks at what people read.
    """
    speaker = SPEAKER if as_json else Speaker(language)
    if not path.is_file():
        what = "is no file" if path.exists() else "no such file"
        raise UsageError(f"{path}: {what}; expected a bundle, the .zip that `netops report build` writes")
    given = _given(vkey) if vkey else None  # whose fault it is must be plain: the reader's file, or the bundle
    try:
        found = open_bundle(path)
        keys = read_keys(found.member(KEYS), KEYS) if given is None else list(dict.fromkeys([*given, *besides]))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    except EvidenceError as error:
        if not as_json:
            raise
        failure: dict[str, canonical.JSON] = {"place": str(path), "what": str(error).removeprefix(f"{path.name}: ")}
        say(canonical.dumps({"outcome": "failed", "failures": [failure]}).decode())
        return FAILED
    failures = verify_integrity(found, keys, rehearsal=rehearsal, quorum=quorum or 0)
    failures += verify_numbers(found)
    failures += verify_completeness(found)
    unsigned, strange = verify_words(found)
    failures += unsigned
    forged, unheld = verify_calendar(found, known)
    failures += forged
    looked = pages or (lambda _: ([], speaker.say("bound")))  # a bare verifier makes no page again, and says so
    wrong, note = looked(found) if not failures else ([], "")
    failures += wrong
    witnesses = cosigned(found, keys) if not failures else None
    lacking = witnesses is not None and witnesses.short
    whole = (vkey is not None or included) and not (lacking and quorum is None)
    if as_json:
        note = "; ".join([note, *unheld])
        say(_plain(found, failures, note, "failed" if failures else "ok" if whole else "whole", witnesses))
        return FAILED if failures else OK if whole else WHOSE
    if failures:
        _tell_failures(path, failures, language, say)
        return FAILED
    _tell(found, speaker, say, "ok" if whole else "whole")
    note_ = speaker.say("note")
    if witnesses is not None:
        say(f"{note_ if lacking else '       '} {_cosigned(witnesses, speaker)}")
    told = [cause(each, language) for each in (note, *unheld)]
    for sentence in (*told, *(speaker.say("strange", key=key) for key in strange)):
        say(f"{note_} {sentence}")
    if vkey is None:
        say(f"{note_} {speaker.say('inside')}")
    if whole:
        return OK
    if vkey is None and not included:
        say(f"        {speaker.say('give_key')}")
    if lacking and quorum is None:
        say(f"        {speaker.say('short')}")
    return WHOSE


def _given(vkey: Path) -> list[VerifierKey]:
    try:
        data = vkey.read_bytes()
    except OSError as error:
        raise UsageError(f"--vkey {vkey}: cannot be read ({error.strerror}); expected verifier keys") from None
    try:
        return read_keys(data, str(vkey))
    except EvidenceError as error:  # the reader's own file: it says nothing of the bundle
        raise UsageError(f"--vkey {error}") from None


def read_keys(data: bytes, where: str) -> list[VerifierKey]:
    """Read verifier keys, one a line; EvidenceError names the file."""
    try:
        keys = [VerifierKey.parse(line) for line in data.decode().splitlines() if line.strip()]
    except (EvidenceError, UnicodeDecodeError) as error:
        raise EvidenceError(f"{where}: {error}") from None
    if not keys:
        raise EvidenceError(f"{where}: holds no verifier key")
    return keys


def _plain(bundle: Bundle, failures: Sequence[Failure], note: str, outcome: str, witnesses: Cosigned | None) -> str:
    """Return what was found as one JSON object; of a bundle that does not hold, nothing but where it does not."""
    plain: dict[str, canonical.JSON] = {
        "outcome": outcome,
        "failures": [{"place": each.place, "what": each.what} for each in failures],
    }
    if not failures:
        report = canonical.loads(bundle.member(REPORT))
        plain |= {name: report[name] for name in ("contract", "period", "revision", "rehearsal", "credit")}
        plain["late_samples"] = len(report.get("late_samples", {}).get("rows", ()))
        plain["note"] = note
        if witnesses is not None:
            plain["witnesses"] = witnesses.plain()
    return canonical.dumps(plain).decode()


def _tell_failures(path: Path, failures: Sequence[Failure], language: str, say: Callable[[str], None]) -> None:
    speaker = Speaker(language)
    for each in failures[:SHOWN]:
        say(f"{speaker.say('failed')} {speaker.say('at', place=each.place, cause=cause(each.what, language))}")
    more = len(failures) - SHOWN
    rest = speaker.say("more", count=more) if more > 0 else ""
    say(speaker.say("places", path=path, count=len(failures)) + rest)
    if technical := speaker.say("technical"):
        say(technical)


def _cosigned(given: Cosigned, speaker: Speaker) -> str:
    signed = ", ".join(given.signed) or speaker.say("nobody")
    missing = ", ".join(each for each in given.named if each not in given.signed)
    said = speaker.say("cosigned", signed=signed, all=len(given.named), quorum=given.quorum)
    return said + (speaker.say("not_seen", names=missing) if missing else "")


def _tell(bundle: Bundle, speaker: Speaker, say: Callable[[str], None], word: str) -> None:
    report = canonical.loads(bundle.member(REPORT))
    if report["rehearsal"]:
        say(speaker.say("rehearsal"))
    named = {"contract": report["contract"], "period": report["period"]["name"], "revision": report["revision"]}
    say(f"{speaker.say(word)} {speaker.say('head', **named)}")
    for part in report["parts"]:
        for item in part["items"]:
            for each in item["objectives"]:
                which = {"version": part["version"], "name": f"{item['item']}/{each['objective']}"}
                figures = {name: each[f"{key}shown"] or "?" for name, key in _FIGURES.items()}
                verdict = speaker.say(each["verdict"])
                line = speaker.say("objective", **which, **figures, verdict=verdict, target=each["target"])
                say(f"        {line}")
                if each["remark"]:
                    remark = cause(each["remark"], speaker.language)
                    say(f"        {speaker.say('remark', **which, remark=remark)}")
            for each in item.get("coverage", ()):
                which = {"version": part["version"], "name": f"{item['item']}/{each['objective']}"}
                row = each["whole"]
                figures = {"shown": row["area_shown"] or "?", "lower": row["area_lower"], "upper": row["area_upper"]}
                verdict = speaker.say(each["verdict"])
                line = speaker.say("surface", **which, **figures, verdict=verdict, target=row["area_target"])
                say(f"        {line}")
    say(f"        {speaker.say('credit', total=report['credit']['total'], currency=report['credit']['currency'])}")
    if late := report.get("late_samples", {}).get("rows"):
        begins = ", ".join(iso(each["start_ms"]) for each in late[:3])
        more = speaker.say("late_more", count=len(late) - 3) if len(late) > 3 else ""
        say(f"        {speaker.say('late', count=len(late), begins=begins)}{more}")


_FIGURES = {"shown": "", "lower": "lower_", "upper": "upper_"}


__all__ = ["Failure", "arguments", "main", "read_keys", "run"]
