"""`netops audit`: verify a report bundle, offline.

Exit 0 when all of it holds, 4 when something does not, 5 when it does by the keys inside the bundle alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netops.errors import UsageError
from netops.evidence import told
from netops.founding import evidence_key
from netops.report import again
from netops.report.issue import VKEY

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from netops.config import Settings

SUMMARY = "Verify a report bundle: signatures, leaves, and every number anew."


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    below = parser.add_subparsers(dest="what", required=True)
    verify = below.add_parser("verify", help="verify one bundle")
    told.arguments(verify)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Verify; the reader's own instance, if there is one, lends its public key and whether it is a rehearsal."""
    rehearsal = args.rehearsal or settings.city.rehearsal
    if args.vkey and not args.vkey.is_file():
        raise UsageError(f"--vkey {args.vkey}: no such file; expected verifier keys, one a line")
    try:
        return told.run(
            args.bundle,
            vkey=args.vkey or (None if args.trust_included_keys else _own(settings)),
            rehearsal=rehearsal,
            quorum=args.quorum,
            included=args.trust_included_keys,
            pages=again.pages,
        )
    except OSError as error:
        raise UsageError(f"{args.bundle}: cannot be read ({error.strerror}); expected a bundle") from None


def _own(settings: Settings) -> Path | None:
    path = evidence_key(settings).with_name(VKEY)
    try:
        return path if path.is_file() else None
    except OSError:
        return None
