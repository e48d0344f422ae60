"""`netops inventory plan|apply|show|history|export|import`: what was bought, into the register and out again."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from inventory import show
from inventory.codec import plain
from inventory.errors import FilesError, RegisterError, UsageError, nearest
from inventory.exchange import commands as exchange
from inventory.model import NOUNS
from inventory.reading.folder import read_city
from inventory.register import Register
from inventory.snapshot import snapshot
from inventory.tables import FOREVER
from inventory.times import chosen, instant, shown, utc_option, zone

if TYPE_CHECKING:
    import argparse
    from datetime import tzinfo

    from inventory.snapshot import Snapshot

SUMMARY = "what was bought: plan, apply, show"


class CityNamed(Protocol):
    """What this command needs to know of the instance's city."""

    @property
    def timezone(self) -> str:
        """IANA name: instants without an offset are read in it."""
        ...

    @property
    def rehearsal(self) -> bool:
        """Whether the instance plays a city."""
        ...


class InstanceSettings(Protocol):
    """What this command needs of the settings."""

    @property
    def city(self) -> CityNamed:
        """Whose instance this is."""
        ...

    @property
    def register_url(self) -> str:
        """Where the register is."""
        ...


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare plan, apply, show, history, export and import."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="plan|apply|show|history|export|import")
    for name, said in (("plan", "show what apply would change"), ("apply", "make the register say what the files say")):
        verb = verbs.add_parser(name, help=said, description=said)
        verb.add_argument("dir", type=Path, help="directory with sites.csv, carriers.yaml, devices.csv, contracts/ …")
        verb.add_argument("--at", metavar="INSTANT", default="", help="from when on it holds (default: now)")
        verb.add_argument("--json", action="store_true", help="print the plan as JSON")
        verb.add_argument("--dry-run", action="store_true", help="write nothing")
        utc_option(verb)
        if name == "apply":
            verb.add_argument("--reason", default="", help="why; stands in the history of each record that changes")
    verb = verbs.add_parser("show", help="print what the register holds at an instant")
    nouns = [f"{name}s" for name in NOUNS]
    verb.add_argument("nouns", nargs="?", default="", metavar="|".join(nouns), help="which; without: an overview")
    verb.add_argument("--at", metavar="INSTANT", default="", help="the instant it holds at (default: now)")
    verb.add_argument("--as-recorded", metavar="INSTANT", default="", help="as the register believed then")
    verb.add_argument("--json", action="store_true", help="print JSON")
    utc_option(verb)
    verb = verbs.add_parser("history", help="print all that was ever recorded of one record")
    verb.add_argument("noun", choices=tuple(NOUNS))
    verb.add_argument("id")
    verb.add_argument("--json", action="store_true", help="print JSON")
    utc_option(verb)
    exchange.export_arguments(verbs.add_parser("export", help="write the register for other programs"))
    exchange.import_arguments(verbs.add_parser("import", help="make an amendment of what another program knows"))


def run(args: argparse.Namespace, settings: InstanceSettings) -> int:
    """Do what the verb says; return 0, or 2 after printing everything that is wrong with the files."""
    try:
        verbs = {
            "plan": _plan,
            "apply": _plan,
            "show": _show,
            "history": _history,
            "export": _export,
            "import": _import,
        }
        return verbs[args.verb](args, settings)
    except FilesError as error:
        for problem in error.problems:
            print(show.visible(str(problem)), file=sys.stderr)
        print(f"{show.counted(len(error.problems), 'problem')}; nothing was changed", file=sys.stderr)
        return error.exit_code


def _plan(args: argparse.Namespace, settings: InstanceSettings) -> int:
    city = read_city(args.dir)
    at_ms = _instant(args.at, args.now_ms, settings)
    writes = args.verb == "apply" and not args.dry_run
    with _register(settings, readonly=not writes) as register:
        if writes:
            made = register.apply(city, at_ms=at_ms, now_ms=args.now_ms, by="files", reason=args.reason)
        else:
            made = register.plan(city, at_ms=at_ms)
    if args.json:
        print(json.dumps(show.as_json(made), ensure_ascii=False, sort_keys=True))
    else:
        print("\n".join(show.diff(made, chosen(args, settings.city.timezone))))
    return 0


def _show(args: argparse.Namespace, settings: InstanceSettings) -> int:
    plural = {f"{name}s": name for name in NOUNS}
    if args.nouns and args.nouns not in plural:
        raise UsageError(f"show: '{args.nouns}' is nothing the register holds; {nearest(args.nouns, plural)}")
    recorded_ms = _instant(args.as_recorded, args.now_ms, settings) if args.as_recorded else None
    with _register(settings, readonly=True) as register:
        seen = snapshot(register, at_ms=_instant(args.at, args.now_ms, settings), recorded_ms=recorded_ms)
    if args.json:
        whole = json.loads(seen.canonical)
        value = whole[args.nouns] if args.nouns else whole | {"digest": seen.digest, "at_ms": seen.at_ms}
        print(json.dumps(value, ensure_ascii=False, sort_keys=True))
    elif args.nouns:
        where = chosen(args, settings.city.timezone)
        print("\n".join(show.table(getattr(seen, args.nouns), plural[args.nouns], where)))
    else:
        print("\n".join(_overview(seen, chosen(args, settings.city.timezone))))
    return 0


def _overview(seen: Snapshot, where: tzinfo) -> list[str]:
    mark = ["rehearsal: true"] if seen.rehearsal else []
    counts = [f"{name}s: {len(getattr(seen, f'{name}s'))}" for name in NOUNS]
    recorded = f"recorded: {shown(seen.recorded_ms, where)}" if seen.recorded_ms else "recorded: nothing yet"
    return [*mark, f"at: {shown(seen.at_ms, where)}", recorded, *counts, f"digest: {seen.digest}"]


def _history(args: argparse.Namespace, settings: InstanceSettings) -> int:
    with _register(settings, readonly=True) as register:
        told = register.history(args.noun, args.id)
    if not told:
        raise RegisterError(
            f"{args.noun} '{args.id}' was never recorded; `netops inventory show {args.noun}s` lists them"
        )
    if args.json:
        rows = [
            {
                "record": plain(each.record),
                "valid_from_ms": each.valid_from,
                "valid_to_ms": None if each.valid_to == FOREVER else each.valid_to,
                "recorded_from_ms": each.recorded_from,
                "recorded_to_ms": None if each.recorded_to == FOREVER else each.recorded_to,
                "by": each.by,
                "reason": each.reason,
                "request": each.request,
            }
            for each in told
        ]
        print(json.dumps(rows, ensure_ascii=False, sort_keys=True))
        return 0
    where = chosen(args, settings.city.timezone)
    for each in told:
        believed = "" if each.recorded_to == FOREVER else f", until {shown(each.recorded_to, where)}"
        until = "" if each.valid_to == FOREVER else f" to {shown(each.valid_to, where)}"
        print(f"holds {shown(each.valid_from, where)}{until}; recorded {shown(each.recorded_from, where)}{believed}")
        whose = ", ".join(filter(None, (each.by, each.request, each.reason)))
        if whose:
            print("    " + show.visible(f"by {whose}"))
        print("    " + show.visible(json.dumps(plain(each.record), ensure_ascii=False)))
    return 0


def _export(args: argparse.Namespace, settings: InstanceSettings) -> int:
    with _register(settings, readonly=True) as register:
        return exchange.export(args, register, at_ms=_instant(args.at, args.now_ms, settings))


def _import(args: argparse.Namespace, settings: InstanceSettings) -> int:
    with _register(settings, readonly=True) as register:
        return exchange.take(args, register, now_ms=args.now_ms, timezone=settings.city.timezone)


def _register(settings: InstanceSettings, *, readonly: bool) -> Register:
    return Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=readonly)


def _instant(written: str, now_ms: int, settings: InstanceSettings) -> int:
    if not written:
        return now_ms
    try:
        return instant(written, zone(settings.city.timezone))
    except ValueError as error:
        raise UsageError(str(error)) from None
