"""`netops collect load`: the audit of the load that our polling put on each device, from the stored polls."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netops.errors import UsageError
from netops.model import Subject
from netops.store import open_store

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from netops.config import Settings
    from netops.store.values import Reading

SUMMARY = "what our polling cost each device: polls, datagrams, objects, octets"
HOUR_MS = 3_600_000
METRICS = ("poll.datagrams", "poll.varbinds", "poll.octets")
LONGEST_H = 24 * 31


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one device bore in the window; `most_varbinds` is of its largest poll."""

    device: str
    polls: int
    datagrams: int
    varbinds: int
    octets: int
    most_varbinds: int


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("device", nargs="*", metavar="DEVICE", help="only these devices")
    parser.add_argument("--hours", type=int, default=24, help="how far back (default 24)")
    parser.add_argument("--json", action="store_true", help="one JSON array")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print one line a device, the most asked first."""
    if not 0 < args.hours <= LONGEST_H:
        raise UsageError(f"--hours is {args.hours}; expected 1 to {LONGEST_H}")
    window = (args.now_ms - args.hours * HOUR_MS, args.now_ms + 1)
    with open_store(settings) as store:
        asked = {each.device for each in store.tally(start_ms=window[0], end_ms=window[1])}
        devices = sorted(asked & set(args.device) if args.device else asked)
        loads = [
            load(device, store.readings(Subject("device", device), METRICS, start_ms=window[0], end_ms=window[1]))
            for device in devices
        ]
    loads.sort(key=lambda each: (-each.varbinds, each.device))
    if args.json:
        sys.stdout.write(json.dumps([{k: getattr(each, k) for k in Load.__slots__} for each in loads]) + "\n")
        return 0
    sys.stdout.write(
        f"{'device':32} {'polls':>8} {'datagrams':>10} {'objects':>12} {'most':>8} {'octets':>14} {'obj/s':>8}\n"
    )
    for each in loads:
        rate = each.varbinds / (args.hours * 3600)
        sys.stdout.write(
            f"{each.device:32} {each.polls:>8} {each.datagrams:>10} {each.varbinds:>12} {each.most_varbinds:>8} "
            f"{each.octets:>14} {rate:>8.2f}\n"
        )
    if not loads:
        sys.stdout.write("no device was asked in this time\n")
    return 0


def load(device: str, readings: Iterable[Reading]) -> Load:
    """Return what the readings of a device's polls add up to. Pure."""
    sums: dict[str, float] = defaultdict(float)
    most = 0.0
    polls = 0
    for reading in readings:
        if reading.value is None:
            continue
        sums[reading.metric] += reading.value
        polls += reading.metric == "poll.datagrams"
        most = max(most, reading.value) if reading.metric == "poll.varbinds" else most
    return Load(
        device=device,
        polls=polls,
        datagrams=int(sums["poll.datagrams"]),
        varbinds=int(sums["poll.varbinds"]),
        octets=int(sums["poll.octets"]),
        most_varbinds=int(most),
    )
