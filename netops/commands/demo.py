"""`netops demo`: a living rehearsal city in the foreground, from nothing. What `make up` starts."""

from __future__ import annotations

import secrets
import shutil
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from inventory.register import Register
from inventory.sql import Database
from netops import config, founding
from netops.access import tables
from netops.access.passwords import Passwords
from netops.access.staff import Staff
from netops.clock import SYSTEM
from netops.commands.up import ON_DEMAND, supervise
from netops.errors import NetopsError
from netops.supervise import Supervisor

if TYPE_CHECKING:
    import argparse

    from netops.config import Settings

SUMMARY = "Run a living rehearsal city in the foreground; Ctrl-C stops it, and the next start goes on with its data."
SERVICES = ("network", "core", "collect", "portal", "web")
OPERATORS = (("operator", "operator"), ("manager", "contract_manager"))
TEMPLATE = """\
# A rehearsal: everything in it is simulated, and says so in signed bytes.
[city]
name = "haidian"
title = "海淀演练 · Haidian rehearsal"
rehearsal = true

[data]
dir = "{data}"

[web]
port = {web}

[portal]
gateway = "simulated"
methods = "click_through,sms,voucher"

[portal.visitors]
simulated = "site-110108011"

[portal.listen]
port = {portal}

[collect]
interval_s = {interval}

[discover]
networks = "127.20.0.0/14,127.24.0.0/14"

[alert]
enabled = true

[store]
hot_hours = 1680

[credentials.rehearsal]
version = "v2c"
community = "file:{data}/keys/community"
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where it lives and where it listens."""
    parser.add_argument("--data", type=Path, default=Path("rehearsal"), help="its directory (%(default)s)")
    parser.add_argument("--web-port", type=int, help="dashboard (8080, or as it began)")
    parser.add_argument("--portal-port", type=int, help="captive portal (8081, or as it began)")
    parser.add_argument("--snmp-port", type=int, default=16161, help="simulated agents, on 127.20-26.x.y (%(default)s)")
    parser.add_argument("--interval", type=int, help="seconds between polls (30, or as it began)")
    parser.add_argument(
        "--history-step", type=int, default=1800, help="seconds between polls of the past (%(default)s)"
    )
    parser.add_argument("--no-history", action="store_true", help="begin without the months before")
    parser.add_argument("--fresh", action="store_true", help="forget the rehearsal that is there and begin anew")


def run(args: argparse.Namespace, _settings: Settings) -> int:
    """Found the rehearsal if need be, then run it."""
    home: Path = args.data.resolve()
    file = home / "netops.toml"
    if args.fresh:
        _forget(home)
    say(f"rehearsal city in {home}")
    if not file.exists():
        if home.exists() and any(home.iterdir()):  # else --fresh would one day remove what was here before
            raise NetopsError(f"{home} holds other things; `netops demo` begins in a new or an empty directory")
        config.load(None, environ={}, overrides=given(args))  # a flag out of bounds is told before anything is written
        home.mkdir(parents=True, exist_ok=True)
        file.write_text(_template(args, home), encoding="utf-8")
    settings = config.load(file, environ={}, overrides=given(args))
    if not settings.city.rehearsal:
        raise NetopsError(f"{file} is not a rehearsal's; `netops demo` never touches another instance")
    found(settings, port=args.snmp_port, step_s=args.history_step)
    names = [*SERVICES, *(() if args.no_history else ("history",))]
    names += [name for name, wanted in ON_DEMAND.items() if wanted(settings)]
    supervisor = Supervisor(
        names,
        config=file,
        given=settings.given,
        clock=SYSTEM,
        log_dir=home / "log",
        say=lambda line: say(f"  {line}"),
    )
    announce(settings)
    supervise(supervisor)
    say("stopped; the data stays, and the next start goes on with it")
    return 0


def _template(args: argparse.Namespace, home: Path) -> str:
    """Return the settings of a new rehearsal, with those of every door that has a simulated partner."""
    interval = args.interval or 30
    made = TEMPLATE.format(data=home, web=args.web_port or 8080, portal=args.portal_port or 8081, interval=interval)
    for entry in entry_points(group="netops.rehearsal", name="doors"):
        made += entry.load()(data=home, port=args.snmp_port, interval_s=interval)
    return made


def given(args: argparse.Namespace) -> tuple[str, ...]:
    """Return what this start was told on its command line, as settings that lie over the rehearsal's own."""
    flags = {
        "web.port": args.web_port,
        "portal.listen.port": args.portal_port,
        "collect.interval_s": args.interval,
    }
    return tuple(f"{key}={value}" for key, value in flags.items() if value is not None)


def found(settings: Settings, *, port: int = 16161, step_s: int = 1800) -> None:
    """Make what a rehearsal needs and does not have yet: keys, databases, register, accounts. Repeatable."""
    founding.databases(settings)
    founding.keys(settings)
    community = settings.data.dir / "keys" / "community"
    if not community.exists():
        founding.write_secret(community, secrets.token_urlsafe(12))
    for entry in entry_points(group="netops.rehearsal", name="city"):
        city, now_ms = entry.load()(settings, now_ms=SYSTEM.now_ms(), port=port, step_s=step_s)
        if city is not None:
            with Register(settings.register_url, rehearsal=True) as register:
                register.apply(city, at_ms=now_ms, now_ms=SYSTEM.now_ms())
    _accounts(settings)


def _accounts(settings: Settings) -> None:
    """Make the accounts of a rehearsal, each with a random one-time password that is shown this once."""
    with Database(tables.url(settings)) as database:
        staff = Staff(database, Passwords())
        known = {each.name for each in staff.accounts()}
        for name, role in (("admin", "admin"), *OPERATORS, ("auditor", "auditor")):
            if name not in known:
                password = staff.add(name, role=role, by="demo", now_ms=SYSTEM.now_ms())
                say(f"  account {name:<9} ({role:<16}) one-time password {password}")


def announce(settings: Settings) -> None:
    """Say where to look."""
    portal = settings.portal.listen
    say(f"""
  dashboard  http://{settings.web.host}:{settings.web.port}     (accounts: admin, operator, manager, auditor)
  portal     http://{portal.host}:{portal.port}     (what a citizen sees; the gateway is simulated)
  A lost password: netops --config {settings.file} staff reset operator
  Everything here is simulated: devices, carriers, people. Ctrl-C stops it.
""")


def say(line: str) -> None:
    """Print a line for the person at the terminal."""
    print(line, file=sys.stdout, flush=True)


def _forget(home: Path) -> None:
    if home.exists() and not (home / "rehearsal.json").exists() and any(home.iterdir()):
        raise NetopsError(f"{home} holds no rehearsal (no rehearsal.json); --fresh removes rehearsals only")
    shutil.rmtree(home, ignore_errors=True)
