"""`netops staff`: accounts and roles. A one-time password is printed once, on standard output, and kept nowhere."""

from __future__ import annotations

import getpass
import json
from typing import TYPE_CHECKING, Any

from inventory import times
from inventory.errors import InventoryError
from inventory.register import Register
from inventory.sql import Database
from inventory.tables import FOREVER
from netops.access import approvals, named, record, scope, tables
from netops.access.factors import Factors
from netops.access.passwords import Passwords
from netops.access.permissions import ROLES
from netops.access.sealed import Seal, staff_key
from netops.access.staff import Staff
from netops.clock import SYSTEM, iso
from netops.commands import staff_link, staff_token
from netops.errors import UsageError
from netops.facts import Fact

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from datetime import tzinfo

    from netops.config import Settings

REASON = 500
SCOPE = "what it may look at: area:<code>, carrier:<id>, contract:<id>, tag:<department> (default: the whole city)"
SUMMARY = "Accounts of those who work here: add, list, disable, reset, second factors, tokens, links, events."


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments. There is none for a password: it would stay in the shell's history."""
    below = parser.add_subparsers(dest="what", required=True)
    add = below.add_parser("add", help="make an account; prints its one-time password")
    add.add_argument("name", help="lower-case letters, digits, '_', '.', '-'")
    add.add_argument("--role", required=True, help="one of " + ", ".join(ROLES))
    add.add_argument("--scope", nargs="+", default=[], metavar="KIND:ID", help=SCOPE)
    add.add_argument("--title", default="", help="the person's name, as the pages show it")
    listed = below.add_parser("list", help="show every account")
    events = below.add_parser("events", help="show what was done to and with accounts, the latest first")
    for each in (listed, events):
        each.add_argument("--json", action="store_true", help="one JSON array")
    times.utc_option(events)
    for word, told in (("disable", "close an account at once"), ("reset", "give a new one-time password and enable")):
        below.add_parser(word, help=told).add_argument("name")
    narrow = below.add_parser("scope", help="say what an account may look at; its sessions end")
    narrow.add_argument("name")
    to = narrow.add_mutually_exclusive_group(required=True)
    to.add_argument("--to", nargs="+", default=[], metavar="KIND:ID", help=SCOPE)
    to.add_argument("--everything", action="store_true", help="the whole city")
    forget = below.add_parser("reset-factors", help="forget second factors alone, in an emergency; else two persons do")
    forget.add_argument("name")
    forget.add_argument("--emergency", default="", metavar="REASON", help="why nobody else can be asked; it is stated")
    staff_token.arguments(below)
    staff_link.arguments(below)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do it."""
    with Database(tables.url(settings)) as database:
        staff = Staff(database, Passwords())
        if args.what == "list":
            _list(staff, as_json=args.json)
        elif args.what == "token":
            staff_token.run(args, settings, database)
        elif args.what in staff_link.VERBS:
            staff_link.run(args, settings, database)
        elif args.what == "events":
            _events(staff, None if args.json else times.chosen(args, settings.city.timezone))
        else:
            _alter(staff, args, settings)
    return 0


def _alter(staff: Staff, args: argparse.Namespace, settings: Settings) -> None:
    by, now_ms = f"{getpass.getuser()}@cli", SYSTEM.now_ms()
    password, detail = "", ""
    if args.what == "add":
        seen = _named(settings, args.scope, now_ms)
        password = staff.add(args.name, role=args.role, title=args.title, by=by, now_ms=now_ms, scope=seen)
        detail = f"{args.role} {seen}".strip()
    elif args.what == "scope":
        seen = _named(settings, args.to, now_ms)
        staff.narrow(args.name, seen, by=by, now_ms=now_ms)
        detail = str(seen) or "the whole city"
    elif args.what == "reset":
        password = staff.reset(args.name, by=by, now_ms=now_ms)
    elif args.what == "reset-factors":
        detail = _emergency(args)
        Factors(staff, Seal(staff_key(settings))).forget(args.name, by=by, now_ms=now_ms, emergency=True)
    else:
        staff.disable(args.name, by=by, now_ms=now_ms)
    if password:
        print(f"one-time password of {args.name}: {password}")
        print("It is shown this once, holds for 72 hours and must be changed at the first login.")
    elif args.what == "reset-factors":
        print(f"{args.name} has no second factor any more; all its sessions have ended")
    elif args.what == "scope":
        print(f"{args.name} sees {detail}; all its sessions have ended")
    else:
        print(f"{args.name} is disabled; all its sessions have ended")
    what = f"{args.what} in an emergency" if args.what == "reset-factors" else args.what
    body = {"action": f"staff {what}", "subject": args.name, "by": by, "detail": detail}
    record.state(settings, [Fact(kind="staff_action", at_ms=now_ms, body=body)])


def _emergency(args: argparse.Namespace) -> str:
    """Return why one person resets alone; UsageError without a reason that the ledger may keep."""
    reason = str(args.emergency).strip()
    if not reason:
        raise UsageError(
            "second factors are reset by two persons: `netops approve request factor_reset --account "
            f"{args.name} --as …`, or the page of approvals; where nobody can be asked: --emergency REASON"
        )
    if len(reason) > REASON or not reason.isprintable() or approvals.names_somebody(reason):
        raise UsageError(f"--emergency is a reason of at most {REASON} printable characters that names no number")
    return reason


def _named(settings: Settings, words: Sequence[str], now_ms: int) -> scope.Scope:
    """Return the scope of these words; UsageError where it names what the register has at no time from now on.

    A contract that is over can be named as well: its months are looked at for years.
    """
    seen = scope.parse(words)
    if seen.whole:
        return seen
    since = {"area": now_ms, "carrier": 0, "contract": 0, "site": now_ms, "service": now_ms}
    try:
        with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
            known: dict[str, Any] = {  # a noun's records are of its type
                noun: [each.record for each in register.spells(noun, start_ms=start_ms, end_ms=FOREVER)]
                for noun, start_ms in since.items()
            }
    except InventoryError as error:
        raise UsageError(f"a scope names what the register has, and it cannot be read: {error}") from None
    named.check(
        seen, named.names(known["area"], known["carrier"], known["contract"], [*known["site"], *known["service"]])
    )
    return seen


def _list(staff: Staff, *, as_json: bool) -> None:
    accounts = staff.accounts()
    if as_json:
        rows = [
            {
                "name": each.name,
                "title": each.title,
                "role": each.role,
                "scope": each.scope.words(),
                "disabled": each.disabled,
                "must_change": each.must_change,
            }
            for each in accounts
        ]
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for each in accounts:
        state = "disabled" if each.disabled else "one-time password" if each.must_change else "active"
        print(f"{each.name:<20} {each.role:<18} {state:<18} {each.title}  {each.scope}".rstrip())


def _events(staff: Staff, where: tzinfo | None) -> None:
    """Print for a person in the zone `where`, or as JSON."""
    events = staff.events()
    if where is None:
        rows = [
            {"at": iso(e.at_ms), "account": e.account, "what": e.what, "by": e.by, "origin": e.origin} for e in events
        ]
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for each in events:
        print(f"{times.shown(each.at_ms, where)}  {each.account:<20} {each.what:<24} by {each.by} from {each.origin}")
