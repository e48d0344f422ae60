"""`netops portal freeradius` and `netops portal calls`: controllers behind RADIUS from the command line."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from captive_portal.radius import dictionary, freeradius, keeping, nas
from captive_portal.radius.service import database
from inventory.times import chosen, shown, utc_option
from netops import sqlite
from netops.errors import ConfigError

if TYPE_CHECKING:
    import argparse

    from netops.config import Settings

VERBS = frozenset({"freeradius", "calls"})


def arguments(verbs: Any) -> None:
    """Declare the verbs."""
    front = verbs.add_parser("freeradius", help="write FreeRADIUS's configuration: it then asks us about everybody")
    front.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where; the files hold secrets")
    front.add_argument("--host", default="*", help="address that FreeRADIUS listens on (default all)")
    front.add_argument("--auth-port", type=int, default=1812, metavar="PORT", help="(default 1812)")
    front.add_argument("--acct-port", type=int, default=1813, metavar="PORT", help="(default 1813)")
    calls = verbs.add_parser("calls", help="print what came of the last Disconnects and CoAs")
    calls.add_argument("--limit", type=int, default=50, metavar="N", help="how many (default 50)")
    calls.add_argument("--json", action="store_true", help="print JSON")
    utc_option(calls)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do what the verb says."""
    return _front(args, settings) if args.verb == "freeradius" else _calls(args, settings)


def _front(args: argparse.Namespace, settings: Settings) -> int:
    """Write the files, each for its owner alone: FreeRADIUS reads its configuration as root."""
    ports = replace(settings, radius=replace(settings.radius, auth_port=args.auth_port, acct_port=args.acct_port))
    folder = args.out.resolve()
    made = freeradius.files(ports, nas.known(settings), folder=str(folder), host=args.host)
    for name, text in made.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
                file.write(text)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written ({error.strerror})") from None
        print(path)
    print(f"try it with `freeradius -d {folder} -XC`, run it with `freeradius -d {folder} -f`", file=sys.stderr)
    return 0


def _calls(args: argparse.Namespace, settings: Settings) -> int:
    try:
        found = keeping.outcomes(database(settings), limit=max(1, args.limit))
    except sqlite.CantOpenError:
        found = []
    if args.json:
        print(json.dumps([asdict(each) for each in found]))
        return 0
    zone = chosen(args, settings.city.timezone)
    for each in found:
        why = f"  {dictionary.ERROR_CAUSES.get(each.cause, each.cause)}" if each.cause else ""
        said = f"{each.asked:10} {each.word:6} sent {each.sent} {each.took_ms:6d} ms{why}"
        print(f"{shown(each.at_ms, zone)}  {each.place:15} {each.device}  {said}")
    if not found:
        print("no controller has been called yet", file=sys.stderr)
    return 0
