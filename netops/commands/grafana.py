"""`netops grafana write DIR`: boards for Grafana over the store of the settings, to be imported there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from netops import boards
from netops.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from netops.config import Settings

SUMMARY = "Boards for Grafana over InfluxDB or VictoriaMetrics, made of the metric catalogue."


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    below = parser.add_subparsers(dest="what", required=True)
    written = below.add_parser("write", help="write a JSON file a board, to be imported into Grafana")
    written.add_argument("directory", type=Path, metavar="DIR", help="where to; it is made if it is not there")
    written.add_argument("--server", choices=boards.SERVERS, help="which store they ask (default: the settings')")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Write the boards."""
    server = args.server or settings.store.kind
    if server not in boards.SERVERS:
        raise UsageError(
            f"the store is '{server}', which Grafana cannot ask; expected one of {', '.join(boards.SERVERS)}: set"
            " `store.kind`, or name the server by --server"
        )
    args.directory.mkdir(parents=True, exist_ok=True)
    for each in boards.BOARDS:
        path = args.directory / f"netops-{each.name}.json"
        path.write_text(json.dumps(boards.made(each, server), indent=2) + "\n", encoding="utf-8")
        print(path)
    return 0
