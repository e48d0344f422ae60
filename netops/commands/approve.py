"""`netops approve`: ask for what needs two persons, and decide what another has asked for.

The identity is a staff login: `--as NAME`, the password asked on the terminal or read by reference (`--password
env:NAME` or `file:PATH`); it never stands on the command line itself. Where the account has a second factor a one-time
or recovery code is asked for as well; by reference it is the second line.
"""

from __future__ import annotations

import getpass
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from inventory import show, times
from inventory.exchange import amendment
from inventory.register import Register
from inventory.snapshot import snapshot
from inventory.sql import Database
from netops import amending, fail_open
from netops.access import approvals, disputes, offered, record, resets, steps, tables
from netops.access.factors import Factors
from netops.access.passwords import Passwords
from netops.access.permissions import may
from netops.access.sealed import Seal, staff_key
from netops.access.staff import COMMAND_LINE, Account, Staff
from netops.access.steps import Step
from netops.clock import SYSTEM, iso
from netops.config import Secret
from netops.errors import AccessError, UsageError, nearest
from netops.ledger import LedgerReader

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence
    from datetime import tzinfo

    from netops.access.approvals import Approval
    from netops.config import Settings

T = TypeVar("T")
SUMMARY = "Decisions that need two persons: list, request, decide."
REFERENCES = ("env:", "file:", "credential:")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    below = parser.add_subparsers(dest="what", required=True)
    listed = below.add_parser("list", help="show the requests, those that wait first")
    listed.add_argument("--all", action="store_true", help="the decided ones as well")
    listed.add_argument("--json", action="store_true", help="one JSON array")
    times.utc_option(listed)
    request = below.add_parser("request", help="ask for something that a second person must allow")
    request.add_argument("action", help=f"what is asked for: {', '.join(offered.OFFERED)}")
    request.add_argument("--contract", default="", help="exclusion: the contract")
    request.add_argument("--class", dest="class_", default="", help="exclusion: the class, as the contract names it")
    request.add_argument("--service", action="append", default=[], help="exclusion: a service; may be repeated")
    request.add_argument("--session", default="", help="disclosure: the session's id")
    request.add_argument("--authority", default="", help="inspection: who inspects")
    request.add_argument("--basis", default="", help="disclosure, inspection: number of the document or case")
    request.add_argument("--account", default="", help="factor_reset: whose second factors are to be forgotten")
    request.add_argument("--site", action="append", default=[], help="fail_open: a site; may be repeated")
    request.add_argument(
        "--amendment", type=Path, metavar="FILE", help="register_change: what `netops inventory import --out` wrote"
    )
    request.add_argument(
        "--from",
        dest="start",
        default="",
        help="2026-10-12T02:00 (the city's time) or with a zone; register_change: when it is applied, if not given",
    )
    request.add_argument("--to", dest="end", default="")
    decide = below.add_parser("decide", help="approve or refuse what another person asked for, or take it back")
    decide.add_argument("request")
    decide.add_argument("decision", choices=(approvals.APPROVED, approvals.REFUSED, approvals.WITHDRAWN))
    below.add_parser("apply", help="carry out what was approved and nobody has: changes of the register, resets")
    for each in (request, decide):
        each.add_argument("--reason", default="", help="stands in the report")
        identity(each)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do it."""
    if args.what == "list":
        where = None if args.json else times.chosen(args, settings.city.timezone)
        _list(record.read(settings), where, everything=args.all)
        return 0
    if args.what == "apply":
        return _apply(settings)
    if args.what == "request":
        offered.check(args.action)
        _known(args.site if args.action == fail_open.ACTION else (), settings)
        if args.action == resets.ACTION:
            _resets(settings, lambda factors: resets.check(factors, args.account))
    person = _login(args, settings)
    now_ms = SYSTEM.now_ms()
    if args.what == "request":
        made = approvals.ask(
            args.action,
            terms=_terms(args, settings),
            by=person.name,
            role=person.role,
            reason=args.reason,
            now_ms=now_ms,
        )
    else:
        approval = _find(record.read(settings), args.request)
        made = [
            approvals.decide(
                approval, args.decision, by=person.name, role=person.role, reason=args.reason, now_ms=now_ms
            )
        ]
    name = dict(made[-1].body)["request"]
    if args.dry_run:
        print(f"{name}: would be stated; --dry-run states nothing")
        return 0
    record.state(settings, made)
    if args.what == "decide":
        _carry_out_resets(settings, now_ms=now_ms)
    print(f"{name}: {'waits for a second person' if args.what == 'request' else args.decision}")
    if args.what == "request" and args.action == fail_open.ACTION:
        print("`netops check` names those of the sites that their policy keeps closed all the same", file=sys.stderr)
    return 0


def _resets(settings: Settings, do: Callable[[Factors], T]) -> T:
    """Do something with the second factors of the accounts."""
    with Database(tables.url(settings)) as database:
        return do(Factors(Staff(database, Passwords()), Seal(staff_key(settings))))


def _carry_out_resets(settings: Settings, *, now_ms: int) -> None:
    """Forget the second factors that two persons decided to, and state it."""
    known = record.read(settings).values()
    if not resets.due(known, now_ms=now_ms):
        return
    made = _resets(settings, lambda factors: resets.step(known, factors, now_ms=now_ms))
    for each in made:
        print(f"{each.body['subject']} has no second factor any more; all its sessions have ended")
    if made:
        record.state(settings, made)


def _apply(settings: Settings) -> int:
    """Carry out what was approved; the core finds it in the register and states it."""
    _carry_out_resets(settings, now_ms=SYSTEM.now_ms())
    if not record.ledger_path(settings).exists():
        raise UsageError(f"{record.ledger_path(settings)}: there is no ledger yet, so nothing was approved")
    with LedgerReader(record.ledger_path(settings)) as ledger:
        waiting = amending.due(ledger)
    with Register(settings.register_url, rehearsal=settings.city.rehearsal) as register:
        for each in waiting:
            became = amending.carry_out(register, each, now_ms=SYSTEM.now_ms())
            assert became is not None
            body: Mapping[str, Any] = became.fact.body
            print(f"{each.request.id}: {body['outcome']}{': ' if body['reason'] else ''}{show.visible(body['reason'])}")
    if not waiting:
        print("nothing waits")
    return 0


def _known(sites: Sequence[str], settings: Settings) -> None:
    """Raise UsageError when the register lacks one of the sites: nobody would act on it, and a page would say so."""
    if not sites:
        return
    with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
        known = snapshot(register, at_ms=SYSTEM.now_ms()).site
    for site in sites:
        if site not in known:
            raise UsageError(f"the register has no site {site!r}{nearest(site, known)}")


def _login(args: argparse.Namespace, settings: Settings) -> Account:
    asks = args.what == "request" or args.decision == approvals.WITHDRAWN
    return login(settings, args.person, args.password, "approval.request" if asks else "approval.decide")


def identity(parser: argparse.ArgumentParser) -> None:
    """Declare who speaks, and that a command may be tried without stating anything."""
    parser.add_argument("--as", dest="person", required=True, help="your staff account")
    parser.add_argument(
        "--password", default="", metavar="REFERENCE", help="env:NAME or file:PATH; else it is asked for"
    )
    parser.add_argument("--dry-run", action="store_true", help="check everything, state nothing")


def manager(settings: Settings, person: str, reference: str) -> Account:
    """Return the account of one whose word disputes and corrections are; AccessError for any other."""
    account = login(settings, person, reference, "approval.decide")
    if account.role not in disputes.ROLES:
        raise AccessError(f"the role '{account.role}' may not state this; it needs {', '.join(sorted(disputes.ROLES))}")
    return account


def login(settings: Settings, person: str, reference: str, needed: str) -> Account:
    """Return the staff account whose password is given by reference, or asked for; it must have the permission."""
    if reference and not reference.startswith(REFERENCES):
        raise UsageError("--password takes a reference, env:NAME or file:PATH, never the password itself")
    password, _, code = (Secret(reference).read() if reference else _asked(f"password of {person}")).partition("\n")
    with Database(tables.url(settings)) as database:
        account = _proven(settings, database, person, password, code)
    if account.must_change:
        raise AccessError(f"'{account.name}' still has its one-time password; change it on the staff page first")
    if not may(account.role, needed):
        raise AccessError(f"the role '{account.role}' may not do this; it needs the permission '{needed}'")
    if not account.scope.whole:
        raise AccessError(
            f"'{account.name}' sees a part of the city ({account.scope}), and the command line does not narrow; "
            "do it on the staff pages, or have somebody do it who sees the whole city"
        )
    return account


def _proven(settings: Settings, database: Database, person: str, password: str, code: str) -> Account:
    """Return the account that password and, where it has a second factor, code prove; AccessError for any other."""
    staff = Staff(database, Passwords(), barred=steps.barred(settings))
    factors, rule = Factors(staff, Seal(staff_key(settings))), steps.rule(settings)

    def whole(known: Account) -> bool:
        return steps.after_password(known.role, factors.held(known.name), rule) is Step.NOTHING

    account = staff.login(person, password, address=COMMAND_LINE, now_ms=SYSTEM.now_ms(), whole=whole)
    if whole(account) or account.must_change:
        return account
    held = factors.held(account.name)
    if rule.lacks(account.role, held):
        raise AccessError(
            f"'{account.name}' must set up a second factor first; log in on the staff page, it asks for it"
        )
    by_code = steps.by_code(account.role, held, rule)
    if not by_code and not held.recovery:
        raise AccessError(f"'{account.name}' has a passkey alone, which needs a browser; do it on the staff page")
    given = code or _asked(f"{'one-time or recovery code' if by_code else 'recovery code'} of {account.name}")
    factors.prove(account.name, given, address=COMMAND_LINE, now_ms=SYSTEM.now_ms(), codes=by_code)
    factors.entered(account.name, address=COMMAND_LINE, now_ms=SYSTEM.now_ms())
    return account


def _asked(what: str) -> str:
    if not sys.stdin.isatty():  # getpass would echo what is typed, or end in a traceback
        raise UsageError(
            "no terminal to ask for the password on; give --password env:NAME or file:PATH, with a code as second line"
        )
    return getpass.getpass(f"{what}: ")


def _terms(args: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    if args.action == amending.ACTION:
        return _changes(args, settings)
    if args.action == resets.ACTION:
        return {"account": args.account}
    missing = [name for name, given in (("--from", args.start), ("--to", args.end)) if not given]
    if missing:
        raise UsageError(f"'{args.action}' is asked for with a window; add {' and '.join(missing)}")
    window = {"start_ms": _instant(args.start, settings), "end_ms": _instant(args.end, settings)}
    every = {
        "contract": args.contract,
        "class": args.class_,
        "services": sorted(set(args.service)),
        "sites": sorted(set(args.site)),
        "session": args.session,
        "authority": args.authority,
        "basis": args.basis,
    }
    return {name: every[name] for name in approvals.ACTIONS[args.action].fields if name in every} | window


def _changes(args: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    """Return the terms of a change of the register, held against the register as it is now."""
    if args.amendment is None:
        raise UsageError(
            "'register_change' is asked for with --amendment FILE; `netops inventory import --out` writes it"
        )
    wanted = amendment.read(args.amendment)
    now_ms = SYSTEM.now_ms()
    from_ms = _instant(args.start, settings) if args.start else 0
    if from_ms and from_ms <= now_ms:
        raise UsageError(f"--from is {args.start}, which has passed: what was so before is corrected by files and --at")
    with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
        made = register.plan_edits(wanted, at_ms=from_ms or now_ms)
    print("\n".join(show.diff(made, times.zone(settings.city.timezone))), file=sys.stderr)
    return amending.terms_of(wanted, from_ms=from_ms)


def _instant(text: str, settings: Settings) -> int:
    try:
        return times.instant(text, times.zone(settings.city.timezone))
    except ValueError as error:
        raise UsageError(str(error)) from None


def _find(known: dict[str, Approval], name: str) -> Approval:
    if name not in known:
        raise UsageError(f"no request '{name}'{nearest(name, known)}")
    return known[name]


def _list(known: dict[str, Approval], where: tzinfo | None, *, everything: bool) -> None:
    """Print for a person in the zone `where`, or as JSON."""
    shown = [each for each in known.values() if everything or each.state == approvals.PENDING]
    shown.sort(key=lambda each: (each.state != approvals.PENDING, -each.request.at_ms))
    if where is None:
        print(json.dumps([_row(each) for each in shown], ensure_ascii=False, indent=1))
        return
    if not shown:
        print("nothing was ever asked for" if everything else "nothing waits; --all lists the decided ones as well")
    for each in shown:
        last = each.recall or each.decision
        decided = f" by {last.by}" if last else ""
        request = each.request
        asked = f"asked by {request.by} {times.shown(request.at_ms, where)}"
        print(f"{request.id}  {request.action:<10} {each.state}{decided:<20} {asked}")
        print(f"    {_window(request.terms, where)}")
        rest = {name: value for name, value in request.terms.items() if name not in {"start_ms", "end_ms"}}
        rest |= _shortly(request.terms)
        print(f"    {rest}  {request.reason!r}")  # as literals: no text of others drives the terminal


def _shortly(terms: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a change of the register changes, without the records' bodies; nothing of another request."""
    if "changes" not in terms:
        return {}
    told = amending.wanted_of(terms)
    said = ["retire" if each.after is None else "change" if each.before else "add" for each in told]
    return {"changes": [f"{what} {each.noun} {each.id}" for what, each in zip(said, told, strict=True)]}


def _window(terms: Mapping[str, Any], where: tzinfo) -> str:
    if "from_ms" in terms:
        return f"from {times.shown(terms['from_ms'], where)} on" if terms["from_ms"] else "from when it is applied"
    if "account" in terms:
        return f"of the account {terms['account']!r}"
    start, end = terms.get("start_ms"), terms.get("end_ms")
    if not isinstance(start, int) or not isinstance(end, int):
        return "no window"
    return f"from {times.shown(start, where)} to {times.shown(end, where)}"


def _row(each: Approval) -> dict[str, Any]:
    request, decision, recall = each.request, each.decision, each.recall
    return {
        "request": request.id,
        "action": request.action,
        "subject": request.subject,
        "terms": dict(request.terms),
        "digest": request.digest,
        "by": request.by,
        "at": iso(request.at_ms),
        "reason": request.reason,
        "state": each.state,
        "sealed": each.sealed,
        "decision": decision and {"by": decision.by, "at": iso(decision.at_ms), "reason": decision.reason},
        "recall": recall and {"by": recall.by, "at": iso(recall.at_ms), "reason": recall.reason},
        "void": [{"by": made.by, "at": iso(made.at_ms), "because": why} for made, why in each.void],
    }
