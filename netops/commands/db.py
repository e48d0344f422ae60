"""`netops db upgrade|current`: bring each room's tables to this version, by the entry points `netops.migrations`."""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from inventory import sql
from netops.errors import NetopsError

if TYPE_CHECKING:
    import argparse

    from netops.config import Settings

SUMMARY = "bring the databases to this version"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare upgrade and current."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="upgrade|current")
    verb = verbs.add_parser("upgrade", help="create or bring up every database; does nothing to one that is up")
    verb.add_argument("--dry-run", action="store_true", help="say what would be done")
    verb = verbs.add_parser("current", help="print each branch's version; exit 1 when one is behind")
    verb.add_argument("--json", action="store_true", help="print one JSON list")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Upgrade, or print the versions."""
    branches = installed()
    if args.verb == "upgrade" and not args.dry_run:
        for line in upgrade(settings, branches):
            print(line)
        return 0
    found = [(branch.name, *sql.current(branch, branch.url(settings))) for branch in branches]
    if args.verb == "current" and args.json:
        print(json.dumps([{"branch": name, "version": version, "newest": newest} for name, version, newest in found]))
    else:
        for name, version, newest in found:
            print(f"{name}: {_said(version, newest)}")
    behind = any(version != newest for _, version, newest in found)
    return 1 if behind and args.verb == "current" else 0


def installed() -> list[sql.Migrations]:
    """Return all branches in the order of their names; NetopsError names one that cannot be loaded."""
    found: list[sql.Migrations] = []
    for entry in sorted(entry_points(group="netops.migrations"), key=lambda each: each.name):
        try:
            found.append(entry.load())
        except (ImportError, AttributeError) as error:
            raise NetopsError(
                f"migrations '{entry.name}' cannot be loaded ({error}); reinstall this version"
            ) from error
    return found


def upgrade(settings: Settings, branches: list[sql.Migrations]) -> list[str]:
    """Bring all branches to their newest version; return what was done. Safe to repeat and to interrupt."""
    settings.data.dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = []
    for branch in branches:
        before, newest = sql.upgrade(branch, branch.url(settings))
        done = "nothing to do" if before == newest else f"{before or 'empty'} → {newest}"
        lines.append(f"{branch.name}: {done}")
    return lines


def _said(version: str, newest: str) -> str:
    if version == newest:
        return version
    return f"{version or 'empty'}, newest is {newest}; run `netops db upgrade`"
