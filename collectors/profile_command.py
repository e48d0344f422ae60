"""`netops profile lint|test|new`: for who adds a device family: is the file right, what does it make of a capture."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from collectors.detect import STANDARD
from collectors.errors import CollectorError
from collectors.profile_draft import draft
from collectors.profile_lint import kinds_of, remarks
from collectors.profile_yaml import SHIPPED, read, shipped
from collectors.recording import load as load_recording
from collectors.replay import replay
from collectors.replay_command import plain, table
from netops.clock import SYSTEM
from netops.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from collectors.profile import Profile
    from collectors.replay import Replayed
    from netops.config import Settings

SUMMARY = "check, try and begin device families"
_HEADER = "subject\tmetric\tvalue\tquality"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
WRONG = 5  # exit code: what was found differs from what was expected, or there are remarks


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    words = parser.add_subparsers(dest="subcommand", required=True, metavar="lint|test|new")
    lint = words.add_parser("lint", help="check profiles and remark on what a reviewer would ask")
    lint.add_argument("file", nargs="*", type=Path, metavar="FILE", help="profiles (default: all that come along)")
    test = words.add_parser("test", help="decode a capture with a profile and compare it with what is expected")
    test.add_argument("file", type=Path, metavar="PROFILE", help="the YAML file")
    test.add_argument("capture", type=Path, metavar="CAPTURE", help="a recording, .snmprec or .snmprec.bz2")
    test.add_argument("expected", nargs="?", type=Path, metavar="EXPECTED", help="a .expected.tsv (default: beside it)")
    test.add_argument(
        "--write", action="store_true", help="write EXPECTED from what was found, to be read and corrected"
    )
    new = words.add_parser("new", help="begin a profile from a recording: print its tables as YAML to be filled in")
    new.add_argument("name", help="the family's name, vendor_family")
    new.add_argument("recording", type=Path, metavar="RECORDING")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do what the sub-command says."""
    del settings  # profiles need no instance
    return {"lint": _lint, "test": _test, "new": _new}[args.subcommand](args)


def _lint(args: argparse.Namespace) -> int:
    files = args.file or sorted(SHIPPED.glob("*.yaml"))
    found = 0
    for file in files:
        try:
            profile = read(file)
            others = (kinds_of(each) for name, each in shipped().items() if name != profile.name)
            said = remarks(profile, frozenset().union(*others))
        except CollectorError as error:
            sys.stdout.write(f"{error}\n")
            found += 1
            continue
        for remark in said:
            sys.stdout.write(f"{file.name}: {remark}\n")
        found += len(said)
    sys.stdout.write(f"{len(files)} profiles, {found} remarks\n")
    return WRONG if found else 0


def _test(args: argparse.Namespace) -> int:
    profile = read(args.file)
    profiles = {**shipped(), profile.name: profile}
    result = replay(args.capture, profiles, at_ms=SYSTEM.now_ms(), only=profile.name)
    for note in result.notes:
        sys.stderr.write(f"{args.capture}: {note}\n")
    expected = args.expected or args.capture.with_name(f"{args.capture.name.split('.')[0]}.expected.tsv")
    lines = sorted(_lines(result, profile))
    if args.write:
        if expected.exists():
            raise UsageError(f"{expected} exists; look at the difference first: run without --write")
        expected.write_text("\n".join([_HEADER, *lines]) + "\n", encoding="utf-8")
        sys.stdout.write(f"{expected}: {len(lines)} lines; read each against the MIB before you believe it\n")
        return 0
    if not expected.exists():
        shown, left_out = _of_the_family(result, profile)
        table(shown, sys.stdout)
        if left_out:
            sys.stderr.write(
                f"{left_out} gaps of the standard profile are not shown; `netops collect replay` has them\n"
            )
        sys.stderr.write(f"nothing to compare with: {expected} does not exist; --write makes it\n")
        return 0
    told = sorted(line for line in expected.read_text(encoding="utf-8").splitlines() if line and line != _HEADER)
    differences = [f"- {line}" for line in told if line not in lines] + [
        f"+ {line}" for line in lines if line not in told
    ]
    sys.stdout.writelines(f"{line}\n" for line in differences)
    sys.stdout.write(f"{len(lines)} values and gaps, {len(differences)} differences\n")
    return WRONG if differences else 0


def _of_the_family(result: Replayed, profile: Profile) -> tuple[Replayed, int]:
    """Return the result without what the standard profile missed, and how many gaps that were."""
    others = frozenset() if profile.name == STANDARD else shipped()[STANDARD].metrics - profile.metrics
    gaps = tuple(gap for gap in result.decoded.gaps if gap.metric not in others)
    shown = replace(result, decoded=replace(result.decoded, gaps=gaps))
    return shown, len(result.decoded.gaps) - len(gaps)


def _lines(result: Replayed, profile: Profile) -> Iterator[str]:
    """Yield every value and gap of the family, as the expected files name them."""
    for seen in result.decoded.observations:
        if seen.rule.startswith(f"{profile.name}."):
            value = "" if seen.value is None else str(seen.value)
            yield f"{seen.subject}\t{seen.metric}\t{plain(value)}\t{seen.quality.value}"
    others = frozenset() if profile.name == STANDARD else shipped()[STANDARD].metrics
    for gap in result.decoded.gaps:
        if gap.metric in profile.metrics - others:
            yield f"{gap.subject}\t{gap.metric}\t\tgap:{gap.reason.value}"


def _new(args: argparse.Namespace) -> int:
    if not _NAME.fullmatch(args.name):
        raise UsageError(
            f"'{args.name}' is no name of a family; expected small letters, digits and _, such as maker_olt"
        )
    if args.name in shipped():
        raise UsageError(f"a profile '{args.name}' exists; see {SHIPPED / args.name}.yaml")
    recording = load_recording(args.recording, wanted=((1, 3, 6, 1),))
    sys.stdout.write(draft(args.name, recording.agent))
    return 0
