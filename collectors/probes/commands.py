"""The `netops probe` command: look now; let probes at sites join, list them, let them in no more."""

from __future__ import annotations

import hashlib
import json
import sys
from base64 import b64encode
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from collectors.probes import calling, carry, checks, figures, handing, keys, looks
from collectors.probes.intake.enrolled import Enrolled
from collectors.probes.intake.service import place
from collectors.probes.intake.volume import DAY_S, EVERY_S, MOST_PATHS, PATHS, Schedule
from inventory.errors import InventoryError
from inventory.register import Register
from inventory.show import visible
from inventory.snapshot import snapshot
from netops.clock import iso
from netops.errors import ConfigError, UsageError, nearest

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from netops.config import Settings

SUMMARY = "look at the targets of active probes; let probes at sites join"
PARTIAL = 5


class Subcommand(NamedTuple):
    """One word after `netops probe`."""

    summary: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Settings], int]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    words = parser.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND")
    for name, subcommand in SUBCOMMANDS.items():
        subcommand.arguments(words.add_parser(name, help=subcommand.summary, description=subcommand.summary))


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Run the subcommand; return its exit code."""
    return SUBCOMMANDS[args.subcommand].run(args, settings)


# ---- once


def _once_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", nargs="*", metavar="TARGET", help="only these of [probe.targets]")
    parser.add_argument("--json", action="store_true", help="one record a line, as it would be archived")


def _once(args: argparse.Namespace, settings: Settings) -> int:
    targets = settings.probe.targets
    if not targets:
        raise UsageError("there are no targets; add tables [probe.targets.NAME] to the settings")
    for name in args.target:
        if name not in targets:
            raise UsageError(f"there is no target '{name}'{nearest(name, targets)}")
    for name in args.target or targets:
        for what, remedy in checks.wrong(targets[name], settings.probe.interval_s):
            raise ConfigError(f"probe.targets.{name}: {what}; {remedy}")
    reached = []
    for name in args.target or targets:
        record = looks.look(name, targets[name], account=settings.room("probe") / "probe-octets.json")
        reached.append(figures.reached(record))
        if args.json:
            print(json.dumps(record, sort_keys=True))
        else:
            _show(record, settings.probe.vantage or settings.collect.vantage)
    return 0 if all(reached) else PARTIAL


def _show(record: Mapping[str, Any], vantage: str) -> None:
    observations, gaps = figures.read(record, device=f"{vantage}/probe", vantage=vantage)
    print(f"{record['target']}  ({record['kind']})")
    for each in observations:
        shown = f"{each.value:.3f}".rstrip("0").rstrip(".") if isinstance(each.value, float) else str(each.value)
        print(f"  {each.metric:<28} {visible(shown)} {each.unit if each.unit != '1' else ''}".rstrip())
    for gap in gaps:
        print(f"  {gap.metric:<28} - {gap.reason.value}: {visible(gap.detail)}")


# ---- on the core's machine


def _enrol_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("vantage", metavar="VANTAGE", help="the vantage point's id, such as site-7")
    parser.add_argument("--hours", type=int, default=24, help="how long the token may be used (default 24)")
    parser.add_argument(
        "--service", action="append", default=[], metavar="ID", help="the register's services it may tell of (any)"
    )
    parser.add_argument(
        "--paths", type=int, default=PATHS, help=f"targets that it looks at, at the most (default {PATHS})"
    )
    parser.add_argument(
        "--every", type=int, default=EVERY_S, metavar="S", help=f"its probe.interval_s (default {EVERY_S})"
    )


def _enrol(args: argparse.Namespace, settings: Settings) -> int:
    if not 1 <= args.hours <= 24 * 31:
        raise UsageError(f"--hours {args.hours}: expected 1 to 744")
    if not 1 <= args.paths <= MOST_PATHS:
        raise UsageError(f"--paths {args.paths}: expected 1 to {MOST_PATHS}")
    if not 1 <= args.every <= DAY_S:
        raise UsageError(f"--every {args.every}: expected 1 to {DAY_S} seconds")
    if args.vantage in {settings.collect.vantage, settings.probe.vantage}:
        # It could state that this machine's clock stepped, and so blind what every device told.
        raise UsageError(f"vantage '{args.vantage}' is this machine itself; expected a name that no other has")
    known = _services(settings, args.now_ms) if args.service else frozenset()
    for name in args.service:
        if known is not None and name not in known:
            raise UsageError(f"--service {name}: the register has none of that name{nearest(name, known)}")
    token = Enrolled(place(settings)).invite(
        args.vantage,
        now_ms=args.now_ms,
        hours=args.hours,
        services=args.service,
        schedule=Schedule(every_s=args.every, paths=args.paths),
    )
    print(token)
    if not args.service:
        print("whoever takes this probe can speak of any service; --service ID, repeated, narrows it", file=sys.stderr)
    print(f"good once, for {args.hours} h; at the site: `netops probe join` reads it", file=sys.stderr)
    if not settings.intake.enabled:
        print("nobody is let in yet: set `intake.enabled = true` and start `netops up` again", file=sys.stderr)
    return 0


def _services(settings: Settings, now_ms: int) -> frozenset[str] | None:
    """Return the services of the register, None when it cannot be read."""
    try:
        with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
            return frozenset(each.id for each in snapshot(register, at_ms=now_ms).services)
    except InventoryError as error:
        print(f"the services are not compared with the register: {error}", file=sys.stderr)
        return None


def _members_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON list")


def _members(args: argparse.Namespace, settings: Settings) -> int:
    found = Enrolled(place(settings)).members()
    if args.json:
        told = [
            {
                "vantage": m.vantage,
                "public": m.public,
                "joined": iso(m.joined_ms),
                "services": sorted(m.services),
                "paths": m.schedule.paths,
                "every_s": m.schedule.every_s,
            }
            for m in found
        ]
        print(json.dumps(told))
        return 0
    for each in found:
        of = ", ".join(sorted(each.services)) or "any service"
        much = f"{each.schedule.paths} paths every {each.schedule.every_s} s"
        print(f"{each.vantage:<24} joined {iso(each.joined_ms)}  key {each.public}  {of}, {much}")
    if not found:
        print("no probe has joined; `netops probe enrol VANTAGE` makes a token")
    return 0


def _dismiss_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("vantage", metavar="VANTAGE", help="the vantage point's id")


def _dismiss(args: argparse.Namespace, settings: Settings) -> int:
    enrolled = Enrolled(place(settings))
    if not enrolled.put_out(args.vantage):
        known = [each.vantage for each in enrolled.members()]
        raise UsageError(f"no probe has joined as '{args.vantage}'{nearest(args.vantage, known)}")
    print(f"{args.vantage} is let in no more; what it handed in stays")
    return 0


# ---- at a site


def _join_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--token-file", metavar="FILE", help="read the token from a file; default: standard input")


def _join(args: argparse.Namespace, settings: Settings) -> int:
    vantage, url = settings.probe.vantage, settings.probe.core_url
    if not handing.VANTAGE.fullmatch(vantage) or not url:
        raise UsageError("a probe at a site needs `probe.vantage` and `probe.core_url` in its settings before it joins")
    calling.check_url(url)
    token = _token(args.token_file)
    key = keys.generate(carry.key_path(settings))
    said = handing.joining(vantage=vantage, public=key.public, token_sha256=hashlib.sha256(token.encode()).hexdigest())
    told = {"vantage": vantage, "token": token, "public": key.public}
    told["signature"] = b64encode(key.sign(said)).decode("ascii")
    body = json.dumps(told).encode("ascii")
    status, answer = calling.post(url, handing.JOIN_PATH, body, headers={}, ca=settings.probe.core_ca)
    if status != 200:
        raise UsageError(f"{url} does not let us in: {answer.get('error', status)}")
    print(f"joined {url} as {vantage}; `netops up probe` begins to look and to hand in")
    return 0


def _token(file: str | None) -> str:
    try:
        if file is not None:
            with open(file, encoding="ascii") as given:  # noqa: PTH123  (a word of the command line, `-` and pipes included)
                token = given.readline().strip()
        else:
            token = sys.stdin.readline().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the token cannot be read ({error})") from None
    if not token or not token.isascii():
        raise UsageError("there is no token; `netops probe enrol VANTAGE` on the core's machine prints one")
    return token


SUBCOMMANDS: Mapping[str, Subcommand] = MappingProxyType(
    {
        "once": Subcommand(
            "look at the targets now and print what they show; nothing is stored", _once_arguments, _once
        ),
        "enrol": Subcommand("on the core's machine: print a token with which a probe joins", _enrol_arguments, _enrol),
        "members": Subcommand("on the core's machine: list the probes that have joined", _members_arguments, _members),
        "dismiss": Subcommand("on the core's machine: let a probe in no more", _dismiss_arguments, _dismiss),
        "join": Subcommand("at a site: make a key and join the core", _join_arguments, _join),
    }
)
