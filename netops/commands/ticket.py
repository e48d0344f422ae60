"""`netops ticket`: report a fault to the carrier, note what it says, pause, go on, close. The clock of a repair.

A repair counts from when the report is recorded, so `report` is said when the fault is reported, not afterwards.
"""

from __future__ import annotations

import json
import secrets
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from inventory import times
from inventory.register import Register
from inventory.snapshot import snapshot
from netops import tickets
from netops.access import record
from netops.alerts import book
from netops.clock import SYSTEM
from netops.commands import approve
from netops.errors import UsageError
from netops.sla.tickets import ANSWERED, CLOSED, OUTCOMES, PAUSED, RESUMED

if TYPE_CHECKING:
    import argparse

    from netops.config import Settings
    from netops.facts import Fact
    from netops.tickets import Standing

SUMMARY = "Tickets of faults: report to the carrier, answer, pause, resume, close."
OK = 0
MAY = "incident.take"
STATES = {
    "zh": {"running": "计时中", "waiting": "等待我方", "over": "已关闭"},
    "en": {"running": "clock runs", "waiting": "waits for us", "over": "closed"},
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    below = parser.add_subparsers(dest="what", required=True)
    listed = below.add_parser("list", help="the tickets that are not closed, the oldest first")
    listed.add_argument("--all", action="store_true", help="also the closed ones")
    shown = below.add_parser("show", help="one ticket with every step")
    shown.add_argument("ticket")
    for each in (listed, shown):
        each.add_argument("--json", action="store_true", help="as JSON")
        each.add_argument("--language", choices=("zh_CN", "en"), help="of the words (default: the city's)")
    made = below.add_parser("report", help="report a fault: from now on the carrier's time to repair runs")
    made.add_argument("service", nargs="*", help="the services that are down")
    made.add_argument("--incident", default="", help="all that is down of an incident of `netops alert list`")
    answered = below.add_parser("answer", help="note the number that the carrier gave it")
    paused = below.add_parser("pause", help="the repair waits for us: the clock stands still")
    resumed = below.add_parser("resume", help="it waits no more")
    closed = below.add_parser("close", help="it is over; whether the service is back, the measurement says")
    for each in (answered, paused, resumed, closed):
        each.add_argument("ticket")
    closed.add_argument("--outcome", choices=OUTCOMES, required=True, help="withdrawn: as if never reported")
    for each in (made, answered):
        each.add_argument("--number", default="", help="of the carrier's own ticket")
    for each in (made, answered, paused, resumed, closed):
        each.add_argument("--remark", default="", help="stands in the ledger; of a pause the reason")
        approve.identity(each)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do it."""
    if args.what in {"list", "show"}:
        return (_list if args.what == "list" else _show)(args, settings)
    by = approve.login(settings, args.person, args.password, MAY).name
    if args.what == "report":
        return _state(args, settings, _reported(args, settings, by))
    held = _known(settings, args.ticket)
    word = {"answer": ANSWERED, "pause": PAUSED, "resume": RESUMED, "close": CLOSED}[args.what]
    said = tickets.step(
        held,
        word,
        by=by,
        now_ms=SYSTEM.now_ms(),  # after the login: a word from before it is nobody's
        number=getattr(args, "number", ""),
        outcome=getattr(args, "outcome", ""),
        remark=args.remark,
    )
    return _state(args, settings, [said])


def _reported(args: argparse.Namespace, settings: Settings, by: str) -> list[Fact]:
    services = list(args.service)
    if args.incident:
        with book.Reader(book.path(settings)) as held:
            one = held.get(args.incident)
        if one is None:
            raise UsageError(f"there is no incident '{args.incident}'; `netops alert list --all` shows them")
        services += [name.removeprefix("service:") for name in one.bad if name.startswith("service:")]
    if not services:
        of = f"incident '{args.incident}' has no service that is down" if args.incident else "a ticket names no service"
        raise UsageError(f"{of}; expected those that are down: `netops ticket report SERVICE ...`")
    with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
        seen = snapshot(register, at_ms=args.now_ms)
    unknown = sorted(set(services) - set(seen.service))
    if unknown:
        raise UsageError(f"no service is called '{unknown[0]}'; `netops inventory show services` lists them")
    sold = tickets.contracts(services, seen)
    left = sorted(set(services) - {name for names in sold.values() for name in names})
    if left:
        raise UsageError(f"service '{left[0]}' is sold by no contract that is in force; there is no repair to be timed")
    already = next(tickets.open_of(tickets.standing(settings).values(), services), None)
    if already is not None:
        raise UsageError(f"ticket {already.id} is about some of these services already; close it first")
    return [
        tickets.reported(
            portion,
            contract=contract,
            by=by,
            now_ms=SYSTEM.now_ms(),
            token=secrets.token_hex(3),
            incident=args.incident,
            number=args.number,
            remark=args.remark,
        )
        for contract, names in sold.items()
        for portion in tickets.portions(names)
    ]


def _state(args: argparse.Namespace, settings: Settings, said: list[Fact]) -> int:
    for each in said:
        print(json.dumps({"kind": each.kind, **each.body}, ensure_ascii=False) if args.dry_run else each.body["ticket"])
    if args.dry_run:
        return OK
    record.state(settings, said)
    print("stated; it counts once the core has sealed it, within seconds", file=sys.stderr)
    return OK


def _list(args: argparse.Namespace, settings: Settings) -> int:
    held = [each for each in tickets.standing(settings).values() if args.all or each.state != "over"]
    if args.json:
        print(json.dumps([_plain(each, args.now_ms) for each in held], ensure_ascii=False))
        return OK
    language = _language(args, settings)
    for each in held:
        print(_line(each, args.now_ms, settings, language))
    if not held:
        print("没有未关闭的工单。" if language == "zh" else "No ticket is open.")
    return OK


def _show(args: argparse.Namespace, settings: Settings) -> int:
    held = _known(settings, args.ticket)
    if args.json:
        print(json.dumps(_plain(held, args.now_ms), ensure_ascii=False))
        return OK
    print(_line(held, args.now_ms, settings, _language(args, settings)))
    where = times.zone(settings.city.timezone)
    for word in held.words:
        waits = "" if word.sealed else " (not sealed yet)"
        print(f"  {times.shown(word.at_ms, where)}  {word.step}  {word.by}  {word.remark}{waits}")
    for service in held.clock.services:
        print(f"    {service}")
    return OK


def _line(held: Standing, now_ms: int, settings: Settings, language: str) -> str:
    since = times.shown(held.clock.reported_ms, times.zone(settings.city.timezone))
    ran_s = held.ran_ms(now_ms) // 1000
    ran = f"{ran_s // 3600}:{ran_s // 60 % 60:02d}"
    services = f"{len(held.clock.services)} 项服务" if language == "zh" else f"{len(held.clock.services)} services"
    return (
        f"{held.id}  {since}  {STATES[language][held.state]} {ran}  {held.contract}  {services}  {held.number}".rstrip()
    )


def _plain(held: Standing, now_ms: int) -> dict[str, object]:
    return {
        "ticket": held.id,
        "contract": held.contract,
        "state": held.state,
        "reported_ms": held.clock.reported_ms,
        "ran_ms": held.ran_ms(now_ms),
        "outcome": held.clock.outcome,
        "incident": held.incident,
        "number": held.number,
        "services": list(held.clock.services),
        "steps": [asdict(each) for each in held.words],
    }


def _known(settings: Settings, name: str) -> Standing:
    held = tickets.standing(settings).get(name)
    if held is None:
        raise UsageError(f"there is no ticket '{name[:60]}'; `netops ticket list --all` shows them")
    return held


def _language(args: argparse.Namespace, settings: Settings) -> str:
    return "en" if (args.language or settings.city.language) == "en" else "zh"
