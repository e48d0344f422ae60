"""`netops config show`: every setting with its value and its origin."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from netops.config import as_table

if TYPE_CHECKING:
    import argparse

    from netops.config import Settings

SUMMARY = "Show the settings and where each comes from; secrets print as ***."


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    below = parser.add_subparsers(dest="what", required=True)
    show = below.add_parser("show", help="print every setting")
    show.add_argument("--origin", action="store_true", help="say where each was set")
    show.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the table."""
    table = as_table(settings)
    if args.json:
        print(json.dumps({key: {"value": value, "origin": origin} for key, value, origin in table}, indent=1))
        return 0
    width = max(len(key) for key, _, _ in table)
    for key, value, origin in table:
        print(f"{key:<{width}} = {value}" + (f"    # {origin}" if args.origin else ""))
    return 0
