"""The records from the command line: verify, export, disclose, access, erase. Words of `netops portal`."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from captive_portal import tables, vouchers
from captive_portal.portal2 import packets
from captive_portal.records import disclosure, export, exported, proof, subject, verify
from captive_portal.records.persons import Kind, Persons
from captive_portal.sms import number as numbers
from captive_portal.sms.number import Number
from captive_portal.store import Store
from inventory import times
from inventory.errors import SqlError
from inventory.show import counted, visible
from inventory.sql import Database
from netops.access import record
from netops.clock import SYSTEM
from netops.commands.approve import login
from netops.errors import ConfigError, EvidenceError, NetopsError, UsageError
from netops.facts import Fact
from netops.ledger import LedgerReader

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    import sqlalchemy as sa

    from netops.config import Settings

FAILED = 4
_PASSWORD = "env:NAME or file:PATH; else it is asked for"  # noqa: S105  (words of the help)


def arguments(verbs: Any) -> None:
    """Declare verify, export, disclose, access and erase."""
    looked = verbs.add_parser("verify", help="verify the chain of the records, and that they are what they were")
    looked.add_argument("--json", action="store_true", help="print JSON")
    taken = verbs.add_parser("export", help="write the records of a window into one file, for an inspection")
    taken.add_argument("--from", dest="start", default="", help="2026-10-01T00:00 (the city's time) or with a zone")
    taken.add_argument("--to", dest="end", default="", help="the end, not included")
    taken.add_argument("--out", type=Path, metavar="FILE", help="where to (default: portal-FROM-TO.zip here)")
    taken.add_argument(
        "--request", default="", metavar="REQ", help="with numbers: the request that two persons approved"
    )
    taken.add_argument("--as", dest="person", default="", help="with numbers: your staff account, one of the two")
    taken.add_argument("--password", default="", metavar="REFERENCE", help=_PASSWORD)
    taken.add_argument("--check", type=Path, metavar="FILE", help="verify an export instead, from the file alone")
    disclosed = verbs.add_parser("disclose", help="show who was behind a session, for a request that was approved")
    disclosed.add_argument("request")
    disclosed.add_argument("--as", dest="person", required=True, help="your staff account")
    disclosed.add_argument("--password", default="", metavar="REFERENCE", help=_PASSWORD)
    for name, what in (
        ("access", "print what we hold of a number, proved by a code sent to it"),
        ("erase", "erase what we hold of a number, proved by a code; what the law keeps goes later by itself"),
    ):
        own = verbs.add_parser(name, help=what)
        own.add_argument("--phone", default="-", metavar="NUMBER", help="+86…; `-` or nothing: it is asked for")
        own.add_argument("--code", default="", help="the code that was sent; without it one is sent")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do what the verb says."""
    return VERBS[args.verb](args, settings)


# ---- is it what it was
def _verify(args: argparse.Namespace, settings: Settings) -> int:
    heads, noted = _heads(settings)
    now_ms, law_days = args.now_ms, verify.law_days(settings)
    found = _read(settings, lambda connection: verify.verify(connection, heads, now_ms=now_ms, law_days=law_days))
    try:
        with Persons(settings, readonly=True) as persons:
            verify.persons(found, persons)
    except (SqlError, ConfigError) as error:
        noted.append(f"persons not looked at: {error}")
    told = verify.told(found)
    if args.json:
        names = ("entries", "erased", "sessions", "persons", "anchored")
        body = {name: getattr(found, name) for name in names}
        print(json.dumps({**body, "head": found.head.hex(), "problems": told, "notes": noted}))
    else:
        looked = f"entries: {found.entries} ({found.erased} erased), {counted(found.sessions, 'session')}"
        print(f"{looked}, {counted(found.persons, 'sealed value')}; the ledger holds heads up to {found.anchored}")
        print("".join(f"{visible(line)}\n" for line in [*noted, *told]), end="")
        print("the records are what they were" if found.ok else "THE RECORDS ARE NOT WHAT THEY WERE")
    return 0 if found.ok else FAILED


def _heads(settings: Settings) -> tuple[Mapping[int, str], list[str]]:
    """Return the heads that the ledger holds, and a note when it is not to be read here."""
    path = record.ledger_path(settings)
    if not path.exists():
        return {}, ["no ledger here: the chain was held against itself alone"]
    try:
        with LedgerReader(path) as ledger:
            return verify.heads_of(ledger.find("portal_records")), []
    except EvidenceError as error:
        return {}, [f"ledger not looked at: {error}"]


# ---- for an inspection
def _export(args: argparse.Namespace, settings: Settings) -> int:
    if args.check is not None:
        if not args.check.is_file():
            raise UsageError(
                f"--check {args.check}: no such file; expected an export, as `netops portal export` wrote it"
            )
        wrong = exported.check(args.check)
        print("".join(f"{visible(line)}\n" for line in wrong) or "the export is whole, and its chain holds\n", end="")
        return FAILED if wrong else 0
    if not (args.start and args.end):
        raise UsageError("which window? say --from 2026-10-01 --to 2026-11-01, by the city's time; or --check FILE")
    now_ms, where = args.now_ms, times.zone(settings.city.timezone)
    start_ms, end_ms = (_instant(text, settings) for text in (args.start, args.end))
    if not start_ms < end_ms:
        raise UsageError("the window must end after it begins: --from … --to …")
    by = who()
    if args.request:
        by = _officer(args, settings, start_ms, end_ms, now_ms)
    window = export.Window(start_ms=start_ms, end_ms=end_ms, zone=where)
    out = args.out or Path(f"portal-{window.at(start_ms)[:10]}-{window.at(end_ms)[:10]}.zip")
    about = export.About(
        by=by, city=settings.city.name, rehearsal=settings.city.rehearsal, now_ms=now_ms, request=args.request
    )
    words = f"{window.at(start_ms)} to {window.at(end_ms)}"
    _state(settings, disclosure.EXPORT, args.request or "hashes", f"{words}, {out.name}"[:1000], now_ms, by=by)

    def write(persons: Persons | None) -> dict[str, Any]:
        nat = settings.portal.nat_log
        return export.write(out, lambda work: _read(settings, work), window, about, persons=persons, nat=nat)

    if args.request:
        with Persons(settings, readonly=True) as persons:
            manifest = write(persons)
    else:
        manifest = write(None)
    with out.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    _state(settings, "records.exported", args.request or "hashes", f"{words}, SHA-256 {digest}", now_ms, by=by)
    numbers_ = "with numbers" if manifest["identities"] else "hashes in place of numbers"
    print(f"{out}: {counted(manifest['sessions'], 'session')}, {numbers_}; NAT log: {manifest['nat']}")
    print(f"SHA-256 {digest}, which the ledger will hold: write it into the protocol")
    return 0


def _officer(args: argparse.Namespace, settings: Settings, start_ms: int, end_ms: int, now_ms: int) -> str:
    """Return the staff account that may take the numbers of this window; who has the machine's account may not."""
    if not args.person:
        raise UsageError("numbers are given to a person: add --as NAME, one of the two who decided the request")
    account = login(settings, args.person, args.password, disclosure.PERMISSION)
    disclosure.inspection(
        settings, args.request, by=account.name, role=account.role, start_ms=start_ms, end_ms=end_ms, now_ms=now_ms
    )
    return account.name


# ---- persons
def _disclose(args: argparse.Namespace, settings: Settings) -> int:
    account = login(settings, args.person, args.password, disclosure.PERMISSION)
    found = disclosure.look(
        settings,
        args.request,
        by=account.name,
        role=account.role,
        now_ms=args.now_ms,
        submit=lambda made: record.state(settings, made),
    )
    print(f"session {found.session}")
    print(f"person  {visible(found.person.value) if found.person else _ABSENT[found.outcome]}")
    print(f"device  {found.device.value if found.device else _ABSENT['erased']}")
    return 0


_ABSENT = {"nobody": "gave neither number nor account", "erased": "erased on time", "shown": ""}


def _access(args: argparse.Namespace, settings: Settings) -> int:
    with Persons(settings) as persons:
        number = _proved(args, settings, persons)
        if number is None:
            return 0
        hash_ = persons.hashed(Kind.PHONE, number.e164)
        found, trail = _read(
            settings,
            lambda connection: (
                subject.access(connection, persons, hash_),
                subject.trail(connection, hash_, args.now_ms),
            ),
        )
        found["controller_packets"] = packets.held(settings, trail)
    _state(settings, "records.access", "a person", counted(len(found["sessions"]), "session"), args.now_ms)
    print(json.dumps(found, indent=1))
    return 0


def _erase(args: argparse.Namespace, settings: Settings) -> int:
    now_ms = args.now_ms
    with Persons(settings) as persons:
        number = _proved(args, settings, persons)
        if number is None:
            return 0
        with Store(tables.url(settings)) as store:
            hash_ = persons.hashed(Kind.PHONE, number.e164)
            done = subject.wish(store, persons, hash_, settings=settings, by=who(), now_ms=now_ms)
    told = f"{counted(done.now, 'session')} erased"
    if done.kept:
        assert done.until_ms is not None
        until = times.shown(done.until_ms, times.zone(settings.city.timezone))
        told += f"; {done.kept} kept for the law alone, the last of them until {until}"
    _state(settings, "records.erase", "a person", told, now_ms)
    print(f"{told}; nobody is recognised by this number any more, until its owner logs in anew")
    return 0


def _proved(args: argparse.Namespace, settings: Settings, persons: Persons) -> Number | None:
    """Return the number once its owner's code holds; None when a code was sent and is yet to be said."""
    number = _number(args.phone)
    desk, at_ms = proof.Desk(settings=settings, persons=persons), args.now_ms
    code = args.code
    if not code:
        with Store(_url(settings)) as store:
            desk.send(number, at_ms, store=store)
        print(f"a code was sent to {number.masked}; it holds for five minutes", file=sys.stderr)
        if not sys.stdin.isatty():
            print("run the command again with --code", file=sys.stderr)
            return None
        code = input("code: ")
        at_ms = SYSTEM.now_ms()  # minutes may have gone: a code that lapsed meanwhile proves nothing
    desk.prove(number, code, at_ms)
    return number


def _number(written: str) -> Number:
    if written == "-":
        written = input("number: ") if sys.stdin.isatty() else sys.stdin.readline()
    found = numbers.read(written.strip(), numbers.MAINLAND, tuple(numbers.countries()))
    if not isinstance(found, Number):
        raise UsageError("this is no mobile number; give it as +8613…")
    return found


# ---- the edge
def _read(settings: Settings, work: Callable[[sa.Connection], Any]) -> Any:
    """Read one state for as long as it takes: a window of months, the whole chain. Visitors log in meanwhile."""
    url = _url(settings)
    with Database(url, readonly=True) as database, database.still() as connection:
        return work(connection)


def _url(settings: Settings) -> str:
    url = tables.url(settings)
    if not vouchers.exists(url):
        raise NetopsError("there is no portal.db: no visitor was ever let in here")
    return url


def _instant(text: str, settings: Settings) -> int:
    try:
        return times.instant(text, times.zone(settings.city.timezone))
    except ValueError as error:
        raise UsageError(str(error)) from None


def _state(settings: Settings, action: str, about: str, detail: str, now_ms: int, *, by: str = "") -> None:
    body = {"action": action, "subject": about, "by": by or who(), "detail": detail}
    record.state(settings, [Fact(kind="staff_action", at_ms=now_ms, body=body)])


def who() -> str:
    """Return who runs this command, as facts name them."""
    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"cli:{os.getuid()}"


VERBS: dict[str, Callable[[argparse.Namespace, Settings], int]] = {
    "verify": _verify,
    "export": _export,
    "disclose": _disclose,
    "access": _access,
    "erase": _erase,
}
