"""`netops alert`: what is wrong now, who takes it on, what nobody shall be told of; and whether people can be reached.

Whoever states something here is a staff account (`--as NAME`), as with `netops approve`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from inventory import times
from inventory.register import Register
from inventory.snapshot import snapshot
from netops.access import record
from netops.alerts import book, duty, notify, people, policy, service, wording
from netops.alerts.eyes import names
from netops.alerts.policy import SEVERITIES
from netops.clock import SYSTEM, utc
from netops.commands import approve
from netops.errors import ConfigError, NetopsError, UsageError

if TYPE_CHECKING:
    import argparse

    from netops.alerts.incident import Incident
    from netops.alerts.wording import Names
    from netops.config import Settings
    from netops.report.words import Language

SUMMARY = "Incidents: list, take on, mute; who is on duty; try the way to people."
OK, FOUND, AGAIN = 0, 3, 75
LATELY_MS = 7 * 86_400_000
HOUR_MS = 3_600_000


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    below = parser.add_subparsers(dest="what", required=True)
    listed = below.add_parser("list", help="what is open, the worst first; exit 3 when something is")
    listed.add_argument("--all", action="store_true", help="also what ended in the last 7 days")
    shown = below.add_parser("show", help="one incident: what belongs to it, who was told when")
    shown.add_argument("incident")
    for each in (listed, shown):
        each.add_argument("--json", action="store_true", help="as JSON")
        each.add_argument("--language", choices=("zh_CN", "en"), help="of the words (default: the city's)")
    taken = below.add_parser("take", help="take an incident on: nobody else is called for it")
    taken.add_argument("incident")
    taken.add_argument("--remark", default="", help="stands in the ledger")
    muted = below.add_parser("mute", help="have nobody told of a root for a while; it stands in the ledger")
    muted.add_argument("root", help="as `netops alert list` shows it, `carrier:<id>`, or * for all")
    muted.add_argument("--hours", type=float, required=True, help="at most 168; 0 ends a mute")
    muted.add_argument("--reason", required=True)
    for each in (taken, muted):
        approve.identity(each)
    below.add_parser("duty", help="who is on duty now, and by what the policy tells whom")
    tried = below.add_parser("test", help="send a trial message, so that nobody is first reached in an emergency")
    tried.add_argument("person", nargs="*", help="ids of [alert.people] (default: all)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do it."""
    acts = {"list": _list, "show": _show, "take": _take, "mute": _mute, "duty": _duty, "test": _test}
    return acts[args.what](args, settings)


def _list(args: argparse.Namespace, settings: Settings) -> int:
    with book.Reader(book.path(settings)) as held:
        living = [each for each in held.living() if each.opened_ms is not None]
        over = held.closed(since_ms=args.now_ms - LATELY_MS) if args.all else []
    living.sort(key=lambda each: (SEVERITIES.index(each.severity), each.since_ms, each.id))
    if args.json:
        print(json.dumps([asdict(each) for each in (*living, *over)], ensure_ascii=False))
        return FOUND if living else OK
    called, language = _names(settings, args.now_ms), _language(args, settings)
    for each in (*living, *over):
        taken = f" · {each.taken_by}" if each.taken_by else ""
        since = times.shown(each.since_ms, times.zone(settings.city.timezone))
        print(f"{each.id}  {since}  {wording.title(each, called, language)}{taken}")
        print(f"    {each.root}")
    if not living:
        print("没有未结束的告警。" if language == "zh" else "Nothing is open.")
    return FOUND if living else OK


def _show(args: argparse.Namespace, settings: Settings) -> int:
    with book.Reader(book.path(settings)) as held:
        one, notices = _known(held.get(args.incident), args.incident), held.notices(args.incident)
    if args.json:
        print(json.dumps({**asdict(one), "notices": notices}, ensure_ascii=False))
        return OK
    called, language = _names(settings, args.now_ms), _language(args, settings)
    print(wording.title(one, called, language, rehearsal=settings.city.rehearsal))
    for line in wording.body(one, called, language, settings.city.timezone, now_ms=args.now_ms):
        print(f"  {line}")
    for subject, each in one.members.items():
        print(f"    {'✓' if each.well_ms is not None else '✗'} {subject}")
    where = times.zone(settings.city.timezone)
    for notice in notices:
        at = times.shown(notice["sent_ms"] or notice["made_ms"], where)
        print(f"  {at}  {notice['person']}  {notice['key'].split('/')[1]}  {notice['error'] or 'ok'}")
    return OK


def _take(args: argparse.Namespace, settings: Settings) -> int:
    account = approve.login(settings, args.person, args.password, "incident.take")
    with book.Reader(book.path(settings)) as held:
        one = _known(held.get(args.incident), args.incident)
    if not one.living:
        raise UsageError(f"incident '{one.id}' is over; nobody need take it on")
    if one.taken_by:
        raise UsageError(f"incident '{one.id}' is taken on by {one.taken_by} since {utc(one.taken_ms or 0):%H:%M} UTC")
    now_ms = SYSTEM.now_ms()  # after the login: a word from before it is nobody's
    said = people.taken(one.id, by=account.name, way=people.COMMAND, now_ms=now_ms, remark=args.remark)
    return _state(args, settings, said)


def _mute(args: argparse.Namespace, settings: Settings) -> int:
    account = approve.login(settings, args.person, args.password, "incident.take")
    if not 0 <= args.hours < 1e6:
        raise UsageError("--hours is no number of hours; expected 0 to 168")
    now_ms = SYSTEM.now_ms()
    until = now_ms + int(args.hours * HOUR_MS)
    said = people.muted(args.root, until_ms=until, by=account.name, reason=args.reason, now_ms=now_ms)
    return _state(args, settings, said)


def _state(args: argparse.Namespace, settings: Settings, said: Any) -> int:
    if args.dry_run:
        print(json.dumps({"kind": said.kind, **said.body}, ensure_ascii=False))
        return OK
    record.state(settings, [said])
    print("stated; it counts once the core has sealed it, within seconds", file=sys.stderr)
    return OK


def _duty(args: argparse.Namespace, settings: Settings) -> int:
    held = policy.read(settings.alert.policy or policy.OWN)
    for each in held.duties.values():
        print(f"duty:{each.id}  {duty.on(each, args.now_ms)}")
    for rule in held.rules.values():
        steps = [f"{step.after_s} s {', '.join(step.to)}" for step in held.routes[rule.route].steps]
        print(f"{rule.id} ({rule.on}, {rule.severity}): {'; '.join(steps)}")
    nobody = []
    for person in sorted(held.people()):
        try:
            service.reached(settings, person)
        except ConfigError as error:
            nobody.append(str(error))
    if nobody:
        raise ConfigError("\n".join(nobody))
    return OK


def _test(args: argparse.Namespace, settings: Settings) -> int:
    known = settings.alert.people
    asked = args.person or sorted(known)
    if not asked:
        raise ConfigError("nobody can be told; set [alert.people.<id>] urls (docs/how-to/alerts.md)")
    messages, whose = [], []
    for person in asked:
        (who,) = service.reached(settings, person)
        words = wording.WORDS[service.language(settings, who)]
        for url in who.urls.read().split() if who.urls else []:
            messages.append(notify.Message(url, f"NetOps · {settings.city.name}", words["test"]))
            whose.append(person)
        if person not in whose:
            whose.append(person)
            messages.append(notify.Message("", "", ""))
    why = notify.send(messages, settings.alert)
    for person, each in zip(whose, why, strict=True):
        print(f"{person}: {each or 'ok'}")
    return AGAIN if any(why) else OK


def _known(one: Incident | None, name: str) -> Incident:
    if one is None:
        raise UsageError(f"there is no incident '{name}'; `netops alert list --all` shows them")
    return one


def _names(settings: Settings, now_ms: int) -> Names:
    try:
        with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
            return names(snapshot(register, at_ms=now_ms))
    except NetopsError:
        return wording.Names()


def _language(args: argparse.Namespace, settings: Settings) -> Language:
    return "en" if (args.language or settings.city.language) == "en" else "zh"
