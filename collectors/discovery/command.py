"""`netops discover CIDR …`: who answers in the city's networks, as proposals for an operator to accept."""

from __future__ import annotations

import json
import secrets
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from collectors.discovery import proposals, sweep
from collectors.discovery.finding import Search, search
from collectors.errors import CollectorError
from collectors.profile_yaml import shipped
from collectors.replay_command import plain
from collectors.snmp.credential import spoken
from collectors.snmp.engine import Engine
from inventory.errors import FilesError
from inventory.model import ROLES
from inventory.reading.folder import read_city
from inventory.register import Register
from inventory.snapshot import snapshot
from netops.errors import ConfigError, UsageError, nearest
from netops.evidence import files
from netops.proposals import NAME, place, read

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from collectors.snmp.ask import Community
    from collectors.snmp.usm import User
    from inventory.model import Device
    from netops.config import Settings
    from netops.proposals import Proposal

SUMMARY = "search networks for devices and propose them to the register"
FASTEST = 2_000  # addresses a second
SLOWEST = 60  # seconds for one answer


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("network", nargs="*", metavar="CIDR", help="networks to search, within discover.networks")
    parser.add_argument("--credential", action="append", default=[], metavar="NAME", help="try only these, repeatable")
    parser.add_argument("--port", type=int, default=161, help="UDP port of SNMP (default 161)")
    parser.add_argument("--rate", type=int, default=200, help=f"addresses a second, at most {FASTEST} (default 200)")
    parser.add_argument("--timeout", type=float, default=1.0, metavar="S", help="seconds to wait for an answer")
    parser.add_argument("--dry-run", action="store_true", help="search and print, keep no proposals")
    parser.add_argument("--json", action="store_true", help="one JSON array")
    parser.add_argument("--list", action="store_true", help="show the proposals that wait")
    parser.add_argument(
        "--accept", metavar="ADDRESS", help="write a proposal into the city's devices.csv; of a CPE give the name"
    )
    parser.add_argument("--dir", type=Path, help="with --accept: the directory with the city's files")
    parser.add_argument("--id", help="with --accept: the device's id in the register")
    parser.add_argument("--site", help="with --accept: the id of its site")
    parser.add_argument("--carrier", help="with --accept: the id of its carrier")
    parser.add_argument("--role", choices=ROLES, help="with --accept: what it is (default: by its family)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Search, list or accept."""
    path = place(settings)
    if args.accept:
        return _accept(args, path, proposed(settings))
    if args.list or not args.network:
        if args.network:
            raise UsageError("--list shows what earlier searches found; give no network with it")
        if not args.list:
            raise UsageError("no network is given; give one such as 10.20.0.0/24, or --list")
        _print(proposed(settings), args)
        return 0
    found = _search(args, settings)
    _print(found, args)
    if not found:
        sys.stderr.write(
            f"nobody answered at UDP port {args.port}: a device with another port or other credentials is silent, "
            "and so is one that lets only other addresses ask\n"
        )
    if not args.dry_run:
        proposals.keep(path, found)
        waiting = sum(each.standing != "known" for each in found)
        what = f"{waiting} proposal{'' if waiting == 1 else 's'}"
        sys.stderr.write(f"{what} kept; `netops discover --list` shows them, --accept takes one\n")
    return 0


def _search(args: argparse.Namespace, settings: Settings) -> list[Proposal]:
    if not 0 < args.rate <= FASTEST:
        raise UsageError(f"--rate is {args.rate}; expected 1 to {FASTEST}")
    if not 0 < args.timeout <= SLOWEST:  # nan is neither
        raise UsageError(f"--timeout is {args.timeout}; expected more than 0, at most {SLOWEST} seconds")
    if not 0 < args.port < 1 << 16:
        raise UsageError(f"--port is {args.port}; expected 1 to 65535")
    keys = _keys(settings, args.credential)
    chance = secrets.SystemRandom()
    inside = sweep.allowed(settings.discover.networks)
    addresses = sweep.addresses(args.network, inside, choose=lambda hosts: chance.sample(hosts, len(hosts)))
    with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
        devices: Sequence[Device] = snapshot(register, at_ms=args.now_ms).devices
    how = Search(keys=keys, port=args.port, timeout_s=args.timeout, rate=args.rate)
    longest = len(addresses) * len(keys) / args.rate + 2 * args.timeout
    sys.stderr.write(f"{len(addresses)} addresses, {len(keys)} credentials, about {longest:.0f} s at most\n")
    with Engine(window=settings.collect.window) as engine:
        found = list(search(engine, addresses, how, shipped(), wait=time.sleep))
    return sorted(proposals.weigh(found, devices, now_ms=args.now_ms), key=lambda each: _by_number(each.address))


def _by_number(address: str) -> tuple[int, str]:
    parts = address.split(".")
    return (
        (sum(int(part) << 8 * (3 - at) for at, part in enumerate(parts)), "") if len(parts) == 4 else (1 << 33, address)
    )


def _keys(settings: Settings, wanted: Iterable[str]) -> dict[str, Community | User]:
    names = list(wanted)
    for name in names:
        if name not in settings.credentials:
            raise UsageError(f"no credential '{name}' in the settings{nearest(name, settings.credentials)}")
    keys: dict[str, Community | User] = {}
    failed: list[str] = []
    for name, given in settings.credentials.items():
        if given.kind == "snmp" and (name in names or not names):
            try:
                keys[name] = spoken(name, given)
            except (ConfigError, CollectorError) as error:
                if name in names:
                    raise
                failed.append(f"credential '{name}': {error}" if f"'{name}'" not in str(error) else str(error))
    if not keys:
        why = "; ".join(failed) or "the settings have none; write a block [credentials.NAME] with a community or a user"
        raise UsageError(f"no credential for SNMP can be read: {why}")
    sys.stderr.writelines(f"not tried: {each}\n" for each in failed)
    return keys


def _print(found: Sequence[Proposal], args: argparse.Namespace) -> None:
    if args.json:
        sys.stdout.write(json.dumps([asdict(each) for each in found], ensure_ascii=False) + "\n")
        return
    for each in found:
        whom = f"{each.standing} {each.device}".strip()
        calls = plain(each.name or each.description)[:40]
        family = "informs by TR-069" if each.informs else each.profile
        sys.stdout.write(f"{each.address:15}  {whom:24}  {family:20}  {each.credential:12}  {calls}\n")
        if each.standing in ("changed", "moved"):
            why = (
                "answers as another device than the register says"
                if each.standing == "changed"
                else "has a new address"
            )
            sys.stdout.write(
                f"{'':15}  {why}: {plain(each.because)}; serial number {plain(each.serial) or 'not told'}\n"
            )
    if not found:
        sys.stdout.write("nobody\n")


def proposed(settings: Settings) -> list[Proposal]:
    """Return what waits: what searches found, and the CPEs of no register that the acs met and keeps by itself."""
    places = (settings.room("acs") / NAME, place(settings))
    found = {each.called: each for path in places for each in read(path)}
    return sorted(found.values(), key=lambda each: _by_number(each.address))


def _accept(args: argparse.Namespace, path: Path, waiting: Sequence[Proposal]) -> int:
    missing = [f"--{name}" for name in ("dir", "id", "site", "carrier") if not getattr(args, name)]
    if missing:
        raise UsageError(f"--accept also needs {', '.join(missing)}")
    each = _wanted(args, waiting)
    profile = shipped().get(each.profile)
    cells = {
        "id": args.id,
        "name": each.name,
        "site": args.site,
        "carrier": args.carrier,
        "role": args.role or proposals.role_of(profile),
        "profile": each.profile,
        "address": "" if each.informs else each.address,
        "port": "" if each.port in {0, 161} else str(each.port),
        "credential": each.credential,
        "serial": each.serial,
    }
    file = args.dir / "devices.csv"
    try:
        before = file.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{file}: cannot be read ({error.strerror}); give the directory with the city's files"
        ) from None
    written = before if before.endswith(b"\n") else before + b"\n"
    header = written.split(b"\n", 1)[0].decode("utf-8-sig").strip().split(",")
    optional = {"name", "port"} - set(header)
    if not each.informs:  # a CPE is known by its serial number alone
        optional |= {"serial"} - set(header)
    line = proposals.line(header, {name: cell for name, cell in cells.items() if name not in optional})
    files.replace(file, written + line.encode())
    try:
        read_city(args.dir)
    except FilesError as error:
        files.replace(file, before)
        raise UsageError("; ".join(map(str, error.problems)) + "; devices.csv is as it was") from None
    proposals.drop(path, lambda one: one.called == each.called)
    sys.stdout.write(f"{file}: {line}")
    if each.informs:
        sys.stdout.write(f"{args.dir}/doors.csv needs a line as well: {args.id}-cwmp,{args.id},cwmp,,,CREDENTIAL\n")
    sys.stdout.write(f"`netops inventory plan {args.dir}` shows what that changes\n")
    return 0


def _wanted(args: argparse.Namespace, waiting: Sequence[Proposal]) -> Proposal:
    each = next((one for one in waiting if one.called == args.accept), None)
    if each is None:
        known = [one.called for one in waiting]
        raise UsageError(f"no proposal waits for '{args.accept}'{nearest(args.accept, known)}; see --list")
    if each.informs and not args.role:
        raise UsageError(f"'{each.called}' informs by TR-069 and says not what it is; give --role small_cell, ont, …")
    return each
