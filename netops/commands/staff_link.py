"""`netops staff link`, `unlink`, `links`: which account belongs to which subject of a provider of accounts.

The ledger names a subject by a keyed mark: it may be somebody's number, and the ledger cannot forget.
"""

from __future__ import annotations

import getpass
import json
from typing import TYPE_CHECKING, Any

from netops.access import record
from netops.access.identities import Identities
from netops.access.passwords import Passwords
from netops.access.sealed import Seal, staff_key
from netops.access.staff import Staff
from netops.clock import SYSTEM
from netops.errors import UsageError, nearest
from netops.facts import Fact

if TYPE_CHECKING:
    import argparse

    from inventory.sql import Database
    from netops.config import Settings

VERBS = frozenset({"link", "unlink", "links"})
MARK = 16  # signs of the keyed digest


def arguments(below: Any) -> None:
    """Declare link, unlink and links."""
    for word, told in (
        ("link", "say that an account belongs to a subject of a provider"),
        ("unlink", "say that it does no more; its sessions end"),
    ):
        verb = below.add_parser(word, help=told)
        verb.add_argument("name", help="the account")
        verb.add_argument("--issuer", required=True, help="as [access.oidc.NAME] has it")
        verb.add_argument("--subject", required=True, help="as the provider writes it in `sub`")
    listed = below.add_parser("links", help="show which accounts belong to which subjects")
    listed.add_argument("name", nargs="?", default="", help="of this account alone")
    listed.add_argument("--json", action="store_true", help="one JSON array")


def run(args: argparse.Namespace, settings: Settings, database: Database) -> None:
    """Do it."""
    identities, seal = Identities(Staff(database, Passwords())), Seal(staff_key(settings))
    if args.what == "links":
        _list(identities, seal, args)
        return
    by, now_ms = f"{getpass.getuser()}@cli", SYSTEM.now_ms()
    if args.what == "link":
        _known(args.issuer, settings)
        identities.link(args.name, args.issuer, args.subject, by=by, now_ms=now_ms)
        print(f"{args.name} comes in by this subject of {args.issuer}; its role is what the provider says")
    else:
        identities.unlink(args.name, args.issuer, args.subject, by=by, now_ms=now_ms)
        print(f"{args.name} belongs to this subject no more; all its sessions have ended")
    detail = f"{args.issuer} {mark(seal, args.issuer, args.subject)}"
    body = {"action": f"staff {args.what}", "subject": args.name, "by": by, "detail": detail}
    record.state(settings, [Fact(kind="staff_action", at_ms=now_ms, body=body)])


def mark(seal: Seal, issuer: str, subject: str) -> str:
    """Return what the ledger calls a subject."""
    return seal.digest("subject of a provider", issuer, subject)[:MARK]


def _known(issuer: str, settings: Settings) -> None:
    known = sorted(each.issuer for each in settings.access.oidc.values())
    if issuer not in known:
        told = f"expected one of {', '.join(known)}" if known else "the settings have no [access.oidc.NAME]"
        raise UsageError(f"--issuer {issuer!r} is no provider of the settings; {told}{nearest(issuer, known)}")


def _list(identities: Identities, seal: Seal, args: argparse.Namespace) -> None:
    found = identities.links(args.name)
    rows = [
        {"account": e.account, "issuer": e.issuer, "subject": e.subject, "mark": mark(seal, e.issuer, e.subject)}
        for e in found
    ]
    if args.json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for each in rows:
        print(f"{each['account']:<20} {each['issuer']}  {each['subject']!r}  {each['mark']}")
    if not rows:
        print("no account belongs to a provider")
