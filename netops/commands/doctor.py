"""`netops doctor`: look at this machine and this instance, and say what is wrong and what to do about it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import sys
from dataclasses import asdict
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import apsw

from inventory import sql
from inventory.errors import InventoryError
from inventory.register import Register
from inventory.snapshot import snapshot
from netops import astray, reserve, situation, steered
from netops.clock import SYSTEM
from netops.commands import doctor_staff
from netops.commands.db import installed
from netops.commands.findings import NOTE, OK, WRONG, Finding
from netops.drain import isolated
from netops.errors import NetopsError
from netops.founding import PUBLIC_KEY, evidence_key, given_by_systemd
from netops.ledger import LedgerReader
from netops.report import fonts
from netops.sign import Signer
from netops.verify import ANCHOR

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from netops.config import Settings

SUMMARY = "Look at this machine and this instance, and say what is wrong and what to do about it."
FIXED_SQLITE = (3, 51, 3)  # the WAL-reset fault is mended from here on
RECEIVE_BUFFER = 4 << 20
STALE_MS = 120_000
LEAST_ANCHORS = 2  # sla.md 2.6: independent ones, not of one carrier


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --json."""
    parser.add_argument("--json", action="store_true", help="one JSON list")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print every finding; exit 1 when something is wrong."""
    found = [*machine(settings), *instance(settings)]
    if args.json:
        print(json.dumps([asdict(each) for each in found], ensure_ascii=False, indent=1))
    else:
        for each in found:
            print(f"{each.level:<6} {each.what:<22} {each.said}")
    return 1 if any(each.level == WRONG for each in found) else 0


def machine(settings: Settings) -> Iterator[Finding]:
    """Look at what is under us: interpreter, engines, disk, sockets, clock."""
    yield Finding(OK, "python", sys.version.split()[0])
    yield from _engines()
    yield from _doors()
    yield _receive_buffer()
    yield _font()
    yield _disk(settings)
    yield _clock()


def _engines() -> Iterator[Finding]:
    version = tuple(map(int, apsw.sqlite_lib_version().split(".")))
    level = OK if version >= FIXED_SQLITE else WRONG
    yield Finding(level, "sqlite (apsw)", f"{apsw.sqlite_lib_version()}: spools, telemetry, ledger (WAL, FULL)")
    yield Finding(
        OK, "sqlite (interpreter)", f"{sqlite3.sqlite_version}: register, staff, portal (journal DELETE, FULL)"
    )


def _doors() -> Iterator[Finding]:
    """Look at what only the doors know of themselves: `netops.findings`, each a call that says one line."""
    for entry in sorted(entry_points(group="netops.findings"), key=lambda each: each.name):
        try:
            yield Finding(OK, entry.name, entry.load()())
        except (ImportError, AttributeError) as error:
            yield Finding(WRONG, entry.name, f"cannot be loaded ({error}); reinstall this version")


def _font() -> Finding:
    face = fonts.found()
    if face is None:
        return Finding(NOTE, "papers", fonts.MISSING)
    return Finding(OK, "papers", f"{face.family}; another font makes the next build of a month another revision")


def _receive_buffer() -> Finding:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        got = wire.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
    if got >= RECEIVE_BUFFER:
        return Finding(OK, "receive buffer", f"{got >> 10} KiB")
    remedy = f"`sysctl net.core.rmem_max={RECEIVE_BUFFER}`"
    said = f"{got >> 10} KiB instead of {RECEIVE_BUFFER >> 10}: fewer devices at once; {remedy}"
    return Finding(NOTE, "receive buffer", said)


def _disk(settings: Settings) -> Finding:
    here = settings.data.dir
    while not here.exists():
        here = here.parent
    free = shutil.disk_usage(here).free >> 20
    least = settings.retention.min_free_mb
    said = f"{free} MB free in {here}"
    return Finding(
        OK if free > least else WRONG, "disk", said if free > least else f"{said}; at least {least} are needed"
    )


def _clock() -> Finding:
    if steered.is_synchronised():
        return Finding(OK, "clock", "synchronised")
    return Finding(
        NOTE,
        "clock",
        "nobody says that it is synchronised; run timesyncd or chrony: its state is a fact, and until then no silence "
        "in a dispute is stated",
    )


def instance(settings: Settings) -> Iterator[Finding]:
    """Look at the instance: databases, keys, ledger, core."""
    yield Finding(OK, "configuration", str(settings.file or "defaults"))
    for branch in installed():
        yield _database(branch, settings)
    yield _key(settings)
    yield from _privilege(settings)
    yield from old_algorithms(settings)
    yield _ledger(settings)
    yield _core(settings)
    yield _isolated(settings)
    yield from _spools(settings)
    yield _anchors(settings)
    yield from doctor_staff.look(settings)


def _database(branch: sql.Migrations, settings: Settings) -> Finding:
    try:
        version, newest = sql.current(branch, branch.url(settings))
    except Exception as error:  # noqa: BLE001  (whatever it is, it is what is wrong with this database)
        return Finding(WRONG, f"database {branch.name}", f"{error}".splitlines()[0])
    if version == newest:
        return Finding(OK, f"database {branch.name}", version)
    return Finding(WRONG, f"database {branch.name}", f"{version or 'empty'}, newest {newest}; run `netops db upgrade`")


def _privilege(settings: Settings) -> Iterator[Finding]:
    found = astray.look(settings)
    for each in found:
        yield Finding(WRONG, "privilege", each)
    if not found:
        apart = f"a user each for the services, '{settings.data.users}' for the command line"
        yield Finding(OK, "privilege", apart if settings.data.users else "one user, and nothing is open to others")


def old_algorithms(settings: Settings) -> Iterator[Finding]:
    """Say where SSH may fall back to what can be broken: who listens may read the password."""
    where = ["ssh.old_algorithms"] if settings.ssh.old_algorithms else []
    where += [
        f"credentials.{name}.old_algorithms" for name, given in settings.credentials.items() if given.old_algorithms
    ]
    for name in where:
        narrow = (
            "" if name.startswith("credentials.") else " Every door may use them: set it at one credential instead."
        )
        yield Finding(NOTE, name, f"SHA-1 and CBC are allowed; give such equipment a reading user of its own.{narrow}")


def _key(settings: Settings) -> Finding:
    path = evidence_key(settings)
    if given_by_systemd(settings) and not path.exists() and path.with_name(PUBLIC_KEY).exists():
        return Finding(OK, "signing key", "kept encrypted, in nobody's sight; systemd gives it to the core")
    if os.access(path.parent, os.X_OK) and not path.exists():
        return Finding(WRONG, "signing key", f"there is none at {path}; `netops init` makes one")
    if not os.access(path, os.R_OK):
        return Finding(NOTE, "signing key", f"{path} is not ours to read: as it should be, but for the core")
    try:
        return Finding(OK, "signing key", str(Signer.load(path).vkey))
    except NetopsError as error:
        return Finding(WRONG, "signing key", str(error))


def _ledger(settings: Settings) -> Finding:
    path = settings.data.dir / "ledger.db"
    if not path.exists():
        return Finding(NOTE, "ledger", "none yet; the core makes it when it first runs")
    try:
        with LedgerReader(path) as ledger:
            latest = ledger.latest()
            checked = f"checkpoint at {latest.size}" if latest else "no checkpoint yet"
            return Finding(OK, "ledger", f"{ledger.origin}: {ledger.size} leaves, {checked}")
    except NetopsError as error:
        return Finding(WRONG, "ledger", str(error))


def _isolated(settings: Settings) -> Finding:
    try:
        found = isolated(settings)
    except NetopsError as error:
        return Finding(WRONG, "isolated records", str(error))
    if not found:
        return Finding(OK, "isolated records", "none")
    source, sequence, reason = found[0]
    return Finding(WRONG, "isolated records", f"{len(found)}; the first is {source} {sequence}: {reason}")


def _spools(settings: Settings) -> Iterator[Finding]:
    """Say for how long the core may be away before anything is given up."""
    for service, cap_bytes in reserve.caps(settings).items():
        path = settings.data.dir / "spool" / f"{service}.db"
        if not path.exists():
            continue
        try:
            found = reserve.look(path, cap_bytes=cap_bytes, free_bytes=shutil.disk_usage(path.parent).free)
        except (NetopsError, OSError) as error:
            yield Finding(NOTE, f"spool {service}", str(error))
            continue
        remedy = found.remedy()
        yield Finding(NOTE if remedy else OK, f"spool {service}", "; ".join(filter(None, (found.said(), remedy))))


def _core(settings: Settings) -> Finding:
    try:
        seen = situation.read(settings)
    except NetopsError as error:
        return Finding(WRONG, "core", str(error))
    if seen is None:
        return Finding(NOTE, "core", "has not judged anything yet; `netops up` runs it")
    age = SYSTEM.now_ms() - seen.at_ms
    level = OK if age < STALE_MS else NOTE
    return Finding(level, "core", f"last judged {len(seen.services)} services {age // 1000} s ago")


def _anchors(settings: Settings) -> Finding:
    """Say whether our own uplink's failure can be told from the carriers': without anchors it is charged to them."""
    now_ms = SYSTEM.now_ms()
    try:
        with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
            seen = snapshot(register, at_ms=now_ms)
    except InventoryError as error:
        return Finding(NOTE, "anchors", f"cannot be counted: {error}")
    asked = [each for each in seen.devices if each.role == ANCHOR and each.address]
    if not seen.contracts or len(asked) >= LEAST_ANCHORS:
        return Finding(OK, "anchors", f"{len(asked)} in the register")
    return Finding(
        WRONG,
        "anchors",
        f"{len(asked)} in the register; expected at least {LEAST_ANCHORS} devices of role 'anchor' with an address,"
        " not of one carrier: else an outage of our own uplink is charged to the carriers, or one of them can blind us",
    )
