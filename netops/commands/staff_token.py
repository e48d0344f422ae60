"""`netops staff token`: with a token a program reads pages and API in an account's name. It is printed once."""

from __future__ import annotations

import getpass
import json
from typing import TYPE_CHECKING, Any

from inventory import times
from netops.access import record
from netops.access.passwords import Passwords
from netops.access.sealed import Seal, staff_key
from netops.access.staff import Staff
from netops.access.tokens import Tokens
from netops.clock import SYSTEM, iso
from netops.errors import UsageError
from netops.facts import Fact

if TYPE_CHECKING:
    import argparse

    from inventory.sql import Database
    from netops.access.tokens import Token
    from netops.config import Settings


def arguments(below: Any) -> None:
    """Declare add, list and revoke below `token`."""
    token = below.add_parser("token", help="tokens with which programs read pages and API: add, list, revoke")
    verbs = token.add_subparsers(dest="verb", required=True)
    add = verbs.add_parser("add", help="make a token of an account; prints it once")
    add.add_argument("name", help="the account in whose name it speaks")
    add.add_argument("--title", required=True, help="what it is for")
    add.add_argument("--role", default="", help="may no more than the account's own, which is the default")
    add.add_argument("--only", action="append", default=[], metavar="PERMISSION", help="nothing else; may be repeated")
    add.add_argument("--until", default="", help="2027-01-01T00:00 (the city's time) or with a zone; empty: no end")
    listed = verbs.add_parser("list", help="show the tokens, without themselves")
    listed.add_argument("name", nargs="?", default="", help="of this account alone")
    listed.add_argument("--json", action="store_true", help="one JSON array")
    times.utc_option(listed)
    verbs.add_parser("revoke", help="end a token at once").add_argument("token", help="its id, as list shows it")


def run(args: argparse.Namespace, settings: Settings, database: Database) -> None:
    """Do it."""
    tokens = Tokens(database, Seal(staff_key(settings)))
    if args.verb == "list":
        _list(tokens.all(args.name), args, settings)
        return
    by, now_ms = f"{getpass.getuser()}@cli", SYSTEM.now_ms()
    if args.verb == "add":
        secret, made = _add(tokens, args, settings, database, by=by, now_ms=now_ms)
        print(secret)
        print(f"It is token {made.id} of {made.account}, shown this once; send it as `Authorization: Bearer …`.")
    else:
        made = tokens.revoke(args.token, by=by, now_ms=now_ms)
        print(f"token {made.id} of {made.account} lets nobody in any more")
    detail = f"{made.id} {made.role} {' '.join(made.only)}".strip()
    body = {"action": f"staff token {args.verb}", "subject": made.account, "by": by, "detail": detail}
    record.state(settings, [Fact(kind="staff_action", at_ms=now_ms, body=body)])


def _add(
    tokens: Tokens, args: argparse.Namespace, settings: Settings, database: Database, *, by: str, now_ms: int
) -> tuple[str, Token]:
    account = Staff(database, Passwords()).account(args.name)
    if account is None:
        raise UsageError(f"no account '{args.name}'; `netops staff list` shows them all")
    try:
        until_ms = times.instant(args.until, times.zone(settings.city.timezone)) if args.until else None
    except ValueError as error:
        raise UsageError(f"--until: {error}") from None
    return tokens.add(
        account, title=args.title, role=args.role, only=args.only, until_ms=until_ms, by=by, now_ms=now_ms
    )


def _list(found: list[Token], args: argparse.Namespace, settings: Settings) -> None:
    if args.json:
        rows = [
            {
                "id": each.id,
                "account": each.account,
                "title": each.title,
                "role": each.role,
                "only": list(each.only),
                "created": iso(each.created_ms),
                "until": iso(each.until_ms) if each.until_ms is not None else None,
                "used": iso(each.used_ms) if each.used_ms is not None else None,
            }
            for each in found
        ]
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    where = times.chosen(args, settings.city.timezone)
    for each in found:
        until = f"until {times.shown(each.until_ms, where)}" if each.until_ms is not None else "no end"
        used = f"used {times.shown(each.used_ms, where)}" if each.used_ms is not None else "never used"
        only = f" only {' '.join(each.only)}" if each.only else ""
        print(f"{each.id}  {each.account:<20} {each.role}{only}  {until}  {used}  {each.title!r}")
    if not found:
        print("no tokens")
