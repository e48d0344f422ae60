"""`netops status write DIR`: the public status page as plain files, for any web server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from netops.errors import UsageError
from netops.status import page, writing

if TYPE_CHECKING:
    import argparse

    from netops.config import Settings

SUMMARY = "write the public status page: which hotspots work, planned works"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    below = parser.add_subparsers(dest="what", required=True)
    made = below.add_parser("write", help="write the files once; the web service does it each minute by itself")
    made.add_argument(
        "dir", nargs="?", type=Path, metavar="DIR", help="where to (default: the setting status.directory)"
    )
    made.add_argument("--dry-run", action="store_true", help="print the JSON, write nothing")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Write the files, or print what they would say."""
    told = writing.status(settings, now_ms=args.now_ms)
    if args.dry_run:
        print(json.dumps(page.document(told), ensure_ascii=False))
        return 0
    directory = args.dir or settings.status.directory
    if directory is None:
        raise UsageError("status write: no directory; name one, or set `status.directory`")
    names = writing.write(directory, told)
    print(f"wrote {', '.join(names)} to {directory}")
    return 0
