"""`netops collect halt` and `resume`: the kill switch. What it stops is a gap of ours, and a fact by whom."""

from __future__ import annotations

import getpass
import json
import sys
from typing import TYPE_CHECKING

from collectors import halts
from collectors.errors import CollectorError
from collectors.halts import EVERYTHING, Halt
from collectors.profile import COST_S
from collectors.profile_yaml import shipped
from inventory import times
from inventory.register import Register
from inventory.snapshot import snapshot
from netops.access import record
from netops.clock import SYSTEM
from netops.errors import UsageError, nearest
from netops.facts import Fact

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable
    from pathlib import Path

    from netops.config import Settings

SUMMARY = "stop asking devices, at once; without a scope, show what is stopped"
RESUME_SUMMARY = "ask again what was stopped"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `halt`."""
    _scope(parser)
    parser.add_argument("--reason", help="why; goes into the ledger with your name")
    parser.add_argument("--json", action="store_true", help="what is stopped as one JSON array")
    times.utc_option(parser)


def resume_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `resume`."""
    _scope(parser)


def _scope(parser: argparse.ArgumentParser) -> None:
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument("--device", metavar="ID", help="one device of the register")
    scope.add_argument("--family", metavar="PROFILE", help="every device of a family")
    scope.add_argument("--all", action="store_true", help="every device")
    parser.add_argument("--cost", choices=[c for c in COST_S if c != "cheap"], help="only these columns, not the poll")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Halt, or show the halts when no scope is given."""
    path = halts.place(settings)
    held = halts.read(path).halts
    scope = _given(args, settings)
    if scope is None:
        if args.cost or args.reason:
            raise UsageError("what is to be stopped is not said; give --device ID, --family PROFILE or --all")
        _show(held, args, settings)
        return 0
    if not (args.reason or "").strip():
        raise UsageError("--reason is missing: a stop of measuring goes into the ledger, say why in a few words")
    halt = Halt(
        device=scope[0],
        family=scope[1],
        cost=scope[2],
        by=f"{getpass.getuser()}@cli",
        reason=args.reason.strip()[:200],
        at_ms=SYSTEM.now_ms(),
    )
    halts.write(path, [*(each for each in held if each.scope != halt.scope), halt])
    _state(settings, "polling halted", [halt], halt.reason)
    sys.stdout.write(
        f"stopped: {told(halt)}. The poller sees it within a second; `netops collect resume {_words(halt)}` ends it.\n"
    )
    return 0


def resume(args: argparse.Namespace, settings: Settings) -> int:
    """End halts of this scope; `--all` without a class ends every one, and takes away a file that cannot be read."""
    path = halts.place(settings)
    scope = _given(args, settings, known=False)
    if scope is None:
        raise UsageError("what is to be asked again is not said; give --device ID, --family PROFILE or --all")
    everything = scope == (EVERYTHING,) * 3
    held = () if everything and not _readable(path) else halts.read(path).halts
    ended = [each for each in held if everything or each.scope == scope]
    if held and not ended:
        raise UsageError(f"nothing of this scope is stopped; stopped are: {'; '.join(map(told, held))}")
    halts.write(path, [each for each in held if each not in ended])
    _state(settings, "polling resumed", ended, "")
    sys.stdout.writelines(f"asked again: {told(each)}\n" for each in ended)
    left = [each for each in held if each not in ended and (each.device, each.family) == scope[:2]]
    sys.stdout.writelines(
        f"still stopped: {told(each)}; `netops collect resume {_words(each)}` ends it\n" for each in left
    )
    if not ended:
        sys.stdout.write("nothing was stopped\n")
    return 0


def told(halt: Halt) -> str:
    """Return a halt as a phrase."""
    whom = "every device"
    if halt.device != EVERYTHING:
        whom = f"device {halt.device}"
    elif halt.family != EVERYTHING:
        whom = f"every {halt.family}"
    return whom if halt.cost == EVERYTHING else f"{halt.cost} columns of {whom}"


def _words(halt: Halt) -> str:
    """Return the arguments that name a halt's scope on the command line."""
    whom = "--all"
    if halt.device != EVERYTHING:
        whom = f"--device {halt.device}"
    elif halt.family != EVERYTHING:
        whom = f"--family {halt.family}"
    return whom if halt.cost == EVERYTHING else f"{whom} --cost {halt.cost}"


def _readable(path: Path) -> bool:
    try:
        halts.read(path)
    except CollectorError:
        return False
    return True


def _given(args: argparse.Namespace, settings: Settings, *, known: bool = True) -> tuple[str, str, str] | None:
    cost = args.cost or EVERYTHING
    if args.device:
        if known:
            with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
                devices = {each.id for each in snapshot(register, at_ms=args.now_ms).devices}
            if args.device not in devices:
                raise UsageError(f"no device '{args.device}' in the register{nearest(args.device, devices)}")
        return args.device, EVERYTHING, cost
    if args.family:
        if known and args.family not in shipped():
            raise UsageError(f"no profile '{args.family}'{nearest(args.family, shipped())}")
        return EVERYTHING, args.family, cost
    return (EVERYTHING, EVERYTHING, cost) if args.all else None


def _show(held: Iterable[Halt], args: argparse.Namespace, settings: Settings) -> None:
    rows = sorted(held, key=lambda each: each.at_ms)
    if args.json:
        keys = ("device", "family", "cost", "by", "reason", "at_ms")
        sys.stdout.write(json.dumps([{key: getattr(each, key) for key in keys} for each in rows]) + "\n")
        return
    zone = times.chosen(args, settings.city.timezone)
    for each in rows:
        sys.stdout.write(f"{times.shown(each.at_ms, zone)}  {told(each)}  by {each.by}: {each.reason}\n")
    if not rows:
        sys.stdout.write("nothing is stopped\n")


def _state(settings: Settings, action: str, changed: Iterable[Halt], detail: str) -> None:
    by, now = f"{getpass.getuser()}@cli", SYSTEM.now_ms()
    facts = [
        Fact(
            kind="staff_action",
            at_ms=now,
            body={"action": action, "subject": told(halt), "by": by, "detail": detail},
        )
        for halt in changed
    ]
    if facts:
        record.state(settings, facts)
