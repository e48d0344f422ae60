"""`netops collect visit [DEVICE …]`: go through the SSH doors now and print what is read. Nothing is stored."""

from __future__ import annotations

import sys
from queue import SimpleQueue
from typing import TYPE_CHECKING

from collectors.decode import Decoded
from collectors.errors import CollectorError
from collectors.replay_command import json_lines, table
from collectors.snmp.ask import Failure
from collectors.ssh.course import visit
from collectors.ssh.decode import decode
from collectors.ssh.doors import doors, limits
from collectors.ssh.read_yaml import of_dialect
from collectors.ssh.replay import Captured
from collectors.ssh.service import carrier
from collectors.ssh.transport import Errand
from inventory.register import Register
from inventory.snapshot import snapshot
from netops.errors import UsageError, nearest
from netops.model import Gap, Reason, Subject

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from collectors.ssh.doors import Doors, Known
    from collectors.ssh.read import Read
    from collectors.ssh.transport import Came
    from netops.config import Settings

SUMMARY = "go through the register's SSH doors now and print what is read; nothing is stored"
PARTIAL = 5
REMEDIES = {
    Reason.NO_CREDENTIAL: "its credential is not set, not of kind ssh, or its secret cannot be read; `netops check`",
    Reason.NO_ADDRESS: "neither the door nor its device has an address",
    Reason.NO_PROFILE: "the door names a dialect that is not installed; `netops check`",
    Reason.HOST_KEY: "the door has no host key: read it at the device's console and write it in 'keys'",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("device", nargs="*", metavar="DEVICE", help="only the doors of these devices")
    parser.add_argument("--read", action="append", default=[], metavar="NAME", help="only this read; may be repeated")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of a table")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Visit; exit code 5 when a door let nobody in or something was not read whole."""
    with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
        seen = snapshot(register, at_ms=args.now_ms)
    wanted = doors(seen, settings)
    names = _chosen(wanted, args.device)
    bad = 0
    for name in names:
        reason = wanted.barred.get(name)
        if reason is not None:
            bad += 1
            _show(_nothing(name, reason, REMEDIES.get(reason, ""), at_ms=args.now_ms), as_json=args.json)
    going = [wanted.known[name] for name in names if name in wanted.known]
    for known, came in _visited(going, {known.poll: _reads(known, args.read) for known in going}, settings):
        result = _result(known, came)
        bad += bool(result.failed)
        _show(result, as_json=args.json)
    return PARTIAL if bad else 0


def _chosen(wanted: Doors, devices: Iterable[str]) -> list[str]:
    every = {name.partition("/")[0]: name for name in (*wanted.known, *wanted.barred)}
    for device in devices:
        if device not in every:
            raise CollectorError(f"device '{device}' has no SSH door in the register{nearest(device, every)}")
    return [every[device] for device in dict.fromkeys(devices)] if devices else sorted(every.values())


def _reads(known: Known, names: Iterable[str]) -> tuple[Read, ...]:
    """Return the named reads with those that they rest on; without a name all but those done on demand."""
    every = {read.name: read for read in of_dialect(known.dialect.name)}
    wanted = list(names) or [read.name for read in every.values() if read.sheets and not read.on_demand]
    found: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name not in every:
            raise UsageError(f"dialect '{known.dialect.name}' has no read '{name}'{nearest(name, every)}")
        if name not in found:
            found.add(name)
            wanted += [other.read for other in (every[name].each, every[name].join) if other is not None]
    return tuple(read for read in every.values() if read.name in found)


def _visited(
    going: Iterable[Known], reads: dict[str, tuple[Read, ...]], settings: Settings
) -> Iterable[tuple[Known, Came]]:
    allowed = limits(settings.ssh)
    errands = [
        Errand(
            place=known.place,
            dialect=known.dialect,
            course=lambda known=known: visit(  # type: ignore[misc]  # bound here, or each would be the last one's
                known.dialect, reads[known.poll], allowed, enable=known.place.login.enable
            ),
            limits=allowed,
            token=known,
        )
        for known in going
    ]
    came: SimpleQueue[Came] = SimpleQueue()
    transport = carrier(settings)
    transport.start()
    try:
        transport.carry(errands, came.put)
        for _ in errands:
            each = came.get()
            yield each.token, each  # type: ignore[misc]  # the errand's own door
    finally:
        transport.stop()


def _result(known: Known, came: Came) -> Captured:
    if came.failed is not None:
        return _nothing(known.poll, came.failed.reason, came.failed.detail, at_ms=came.at_ms)
    taken = came.visited.taken if came.visited else ()
    decoded = decode(taken, device=known.device, at_ms=came.at_ms)
    failed = next((each.failed for each in taken if each.failed is not None), None)
    return Captured(device=known.device, family=known.dialect.name, decoded=decoded, failed=failed)


def _nothing(name: str, reason: Reason, detail: str, *, at_ms: int) -> Captured:
    device = name.partition("/")[0]
    gap = Gap(
        metric="poll.answered",
        subject=Subject("device", device),
        device=device,
        at_ms=at_ms,
        reason=reason,
        detail=detail,
    )
    decoded = Decoded(observations=(), gaps=(gap,))
    return Captured(device=device, family="ssh", decoded=decoded, failed=Failure(reason, detail))


def _show(result: Captured, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.writelines(f"{line}\n" for line in json_lines(result))
    else:
        sys.stdout.write(f"== {result.device}\n")
        table(result, sys.stdout)
