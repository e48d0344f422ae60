"""`netops portal`: the portal from the command line."""

from __future__ import annotations

import json
import os
import pwd
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from captive_portal import announce, garden, keys, probe_sums, sheet, tables, vouchers
from captive_portal.broken import commands as broken
from captive_portal.model import Allowance
from captive_portal.oidc import commands as accounts
from captive_portal.portal2 import commands as controllers
from captive_portal.radius import commands as radius
from captive_portal.records import commands as records
from captive_portal.site import commands as sites
from captive_portal.staff import commands as staff
from inventory.show import counted
from inventory.times import chosen, shown, utc_option
from netops.errors import ConfigError, NetopsError
from netops.facts import Fact, submit
from netops.spool import Spool

if TYPE_CHECKING:
    import argparse

    from netops.config import Settings

SUMMARY = "the captive portal: new sites, vouchers, who is online, what devices ask, the records of the law"


class Verbs:
    """Takes verbs from every room: what a verb's line says also heads its own help."""

    def __init__(self, verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        self._verbs = verbs

    def add_parser(self, name: str, *, help: str, **more: Any) -> argparse.ArgumentParser:  # noqa: A002  (argparse's)
        """Declare one verb."""
        return self._verbs.add_parser(name, help=help, **{"description": f"{help[0].upper()}{help[1:]}.", **more})


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare voucher create, voucher list, voucher withdraw, sessions, probes and dhcp-snippets."""
    verbs = Verbs(parser.add_subparsers(dest="verb", required=True, metavar="verb"))
    sites.arguments(verbs)
    voucher = verbs.add_parser("voucher", help="make, list and withdraw voucher batches")
    acts = voucher.add_subparsers(dest="act", required=True, metavar="create|list|withdraw")
    create = acts.add_parser("create", help="make a batch; the codes are printed once and stored nowhere")
    create.add_argument("--count", type=int, required=True, metavar="N", help="how many")
    create.add_argument(
        "--minutes", type=int, required=True, metavar="M", help="how long each lasts from its first use"
    )
    create.add_argument(
        "--devices", type=int, default=1, metavar="D", help="how many devices may share one (default 1)"
    )
    create.add_argument("--days", type=int, default=90, metavar="T", help="first use within so many days (default 90)")
    create.add_argument("--single-use", action="store_true", help="worthless once its session has ended")
    create.add_argument("--label", default="", help="what the batch is for")
    create.add_argument("--csv", action="store_true", help="print CSV with a header")
    create.add_argument("--pdf", type=Path, metavar="FILE", help="write the sheet to cut to a new file of yours alone")
    create.add_argument("--dry-run", action="store_true", help="check the order and make nothing")
    listed = acts.add_parser("list", help="print all batches")
    listed.add_argument("--json", action="store_true", help="print JSON")
    withdraw = acts.add_parser("withdraw", help="make the vouchers of a batch worthless for new logins")
    withdraw.add_argument("batch")
    sessions = verbs.add_parser("sessions", help="print who is online, without MAC or address")
    sessions.add_argument("--json", action="store_true", help="print JSON")
    probes = verbs.add_parser("probes", help="print how devices looked for the internet, unknown questions too")
    probes.add_argument("--days", type=int, default=7, metavar="N", help="of the last N days (default 7)")
    probes.add_argument("--json", action="store_true", help="print JSON")
    dhcp = verbs.add_parser("dhcp-snippets", help="print what DHCP and RA servers announce: where the RFC 8908 API is")
    dhcp.add_argument("--for", dest="server", default="", choices=tuple(announce.SERVERS), help="one server's settings")
    verbs.add_parser("garden", help="print what dnsmasq needs so that a site's garden is reachable before login")
    staff.arguments(verbs)
    records.arguments(verbs)
    controllers.arguments(verbs)
    radius.arguments(verbs)
    accounts.arguments(verbs)
    broken.arguments(verbs)
    for each in (create, listed, sessions):
        utc_option(each)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do what the verb says."""
    if args.verb in staff.VERBS:
        return staff.run(args, settings)
    if args.verb in records.VERBS:
        return records.run(args, settings)
    if args.verb in controllers.VERBS:
        return controllers.run(args, settings)
    if args.verb in accounts.VERBS:
        return accounts.run(args, settings)
    if args.verb in radius.VERBS:
        return radius.run(args, settings)
    if args.verb in broken.VERBS:
        return broken.run(args, settings)
    if args.verb in sites.VERBS:
        return sites.run(args, settings)
    if args.verb == "dhcp-snippets":
        print(announce.snippets(settings, args.server), end="")
        return 0
    if args.verb == "garden":
        print("".join(f"{line}\n" for line in garden.dnsmasq(settings)), end="")
        return 0
    if args.verb == "probes":
        return _probes(args, settings)
    if args.verb == "sessions":
        return _sessions(args, settings)
    return {"create": _create, "list": _list, "withdraw": _withdraw}[args.act](args, settings)


def _probes(args: argparse.Namespace, settings: Settings) -> int:
    """Print the sums of the facts `portal_probes` of the last days."""
    known, unknown, others = probe_sums.sums(
        settings, start_ms=args.now_ms - args.days * vouchers.DAY_MS, end_ms=args.now_ms + 1
    )
    if args.json:
        print(json.dumps({"days": args.days, "known": dict(known), "unknown": dict(unknown), "others": others}))
        return 0
    for name, count in known.most_common():
        print(f"{count:9d}  {name}")
    for host, count in unknown.most_common():
        print(f"{count:9d}  {host}  unknown")
    if not known and not unknown:
        print("no probe was counted yet; the portal states its counts once an hour", file=sys.stderr)
    elif unknown:
        remedy = "ask its maker what answer means online, then add a line to captive_portal/probes.csv"
        print(f"{counted(len(unknown), 'unknown host')}: {remedy}", file=sys.stderr)
    return 0


def _create(args: argparse.Namespace, settings: Settings) -> int:
    now_ms = args.now_ms
    order = vouchers.Order(
        label=args.label,
        count=args.count,
        allowance=Allowance(seconds=args.minutes * 60, devices=args.devices, single_use=args.single_use),
        start_by_ms=now_ms + args.days * vouchers.DAY_MS,
        made_by=_who(),
    )
    vouchers.sane(order, now_ms)
    if args.dry_run:
        made = f"{counted(args.count, 'voucher')} of {counted(args.minutes, 'minute')}"
        print(f"would make {made} for {counted(args.devices, 'device')}", file=sys.stderr)
        return 0
    with ExitStack() as stack:
        paper = stack.enter_context(_paper(args.pdf)) if args.pdf else None
        return _made(args, settings, order, now_ms, paper)


def _made(
    args: argparse.Namespace, settings: Settings, order: vouchers.Order, now_ms: int, paper: IO[bytes] | None
) -> int:
    batch, codes = vouchers.create(tables.url(settings), keys.voucher_key(settings), order, now_ms)
    _state(settings, "vouchers.make", batch, f"{args.count} x {args.minutes} min, {args.devices} devices", now_ms)
    before = shown(order.start_by_ms, chosen(args, settings.city.timezone))
    print(f"batch {batch}: {counted(len(codes), 'voucher')}, to be used first before {before}", file=sys.stderr)
    if paper is not None:
        try:
            paper.write(sheet.pdf(settings.city, batch, codes, order, now_ms))
        except (OSError, NetopsError):
            vouchers.withdraw(tables.url(settings), batch, now_ms)  # nobody has seen these codes
            _state(settings, "vouchers.withdraw", batch, "", now_ms)
            raise
        print(f"{args.pdf}: the sheet; it holds the codes, delete it when it is printed", file=sys.stderr)
    elif args.csv:
        sys.stdout.write(sheet.csv(settings.city, codes, order).decode("utf-8-sig").replace("\r\n", "\n"))
    else:
        print("\n".join(codes))
    return 0


def _paper(file: Path) -> IO[bytes]:
    """Return a new file for the sheet, before any code is made; ConfigError when there can be none."""
    sheet.ready()
    try:
        return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except OSError as error:
        raise ConfigError(f"{file}: cannot be made ({error.strerror}); name a new file in a folder of yours") from None


def _list(args: argparse.Namespace, settings: Settings) -> int:
    url = tables.url(settings)
    batches = vouchers.batches(url) if vouchers.exists(url) else []
    if args.json:
        names = ("id", "label", "made_ms", "made_by", "minutes", "devices", "single_use", "start_by_ms", "withdrawn_ms")
        print(json.dumps([{name: getattr(each, name) for name in (*names, "count", "used")} for each in batches]))
        return 0
    where = chosen(args, settings.city.timezone)
    for each in batches:
        state = "withdrawn" if each.withdrawn_ms else f"first use before {shown(each.start_by_ms, where)}"
        used = f"{each.used}/{each.count} used"
        print(f"{each.id}  {used}  {each.minutes} min  {counted(each.devices, 'device')}  {state}  {each.label}")
    if not batches:
        print("no batch was ever made; `netops portal voucher create` makes one", file=sys.stderr)
    return 0


def _withdraw(args: argparse.Namespace, settings: Settings) -> int:
    now_ms, url = args.now_ms, tables.url(settings)
    if not (vouchers.exists(url) and vouchers.withdraw(url, args.batch, now_ms)):
        print(
            f"{args.batch}: no such batch, or already withdrawn; `netops portal voucher list` names them",
            file=sys.stderr,
        )
        return 1
    _state(settings, "vouchers.withdraw", args.batch, "", now_ms)
    print(f"{args.batch}: withdrawn; nobody logs in with it any more, who is online stays until the time is used up")
    return 0


def _sessions(args: argparse.Namespace, settings: Settings) -> int:
    url = tables.url(settings)
    total, visits = vouchers.visits(url) if vouchers.exists(url) else (0, [])
    if args.json:
        names = ("id", "device", "site", "method", "since_ms", "until_ms", "online")
        rows = [{name: getattr(each, name) for name in names} for each in visits]
        print(json.dumps({"total": total, "sessions": rows}))
        return 0
    where = chosen(args, settings.city.timezone)
    for each in visits:
        state = "online" if each.online else "opening"
        since, until = shown(each.since_ms, where), shown(each.until_ms, where)
        print(f"{each.id}  {each.device}  {each.site}  {each.method}  {since} .. {until}  {state}")
    print(
        counted(total, "session") + (f", the newest {len(visits)} shown" if len(visits) < total else ""),
        file=sys.stderr,
    )
    return 0


def _state(settings: Settings, action: str, batch: str, detail: str, now_ms: int) -> None:
    body = {"action": action, "subject": batch, "by": _who(), "detail": detail}
    with Spool(settings.data.dir / "spool" / "cli.db", source="cli") as spool:
        submit(spool, Fact(kind="staff_action", at_ms=now_ms, body=body))


def _who() -> str:
    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"cli:{os.getuid()}"
