"""Runs `hear.py` as a process of its own and takes its lines, within bounds; it never imports it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from collectors.probes import clocks, sockets
from netops.model import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from collectors.probes.clocks import ClockState

PROGRAM = "collectors.probes.radio.hear"
OCTETS = 4 << 20
LINES = 4000
START_S = 15.0  # scapy takes its time to load
NS_PER_MS = 1_000_000


def beacons(file: str, *, timeout_s: float, clock: Callable[[], ClockState] = clocks.kernel) -> dict[str, Any]:
    """Return the record of the access points heard in a capture."""
    return _record(["beacons", file], timeout_s=timeout_s, clock=clock)


def dhcp(interface: str, *, timeout_s: float, clock: Callable[[], ClockState] = clocks.kernel) -> dict[str, Any]:
    """Return the record of the DHCP servers that answer on an interface."""
    return _record(["dhcp", interface, f"{timeout_s:g}"], timeout_s=timeout_s, clock=clock)


def _record(words: Sequence[str], *, timeout_s: float, clock: Callable[[], ClockState]) -> dict[str, Any]:
    at = sockets.instant()
    made: dict[str, Any] = {"at_ms": at.wall_ns // NS_PER_MS, "clock": clock().record(), "heard": []}
    try:
        done = subprocess.run(  # noqa: S603  (our own program)
            [sys.executable, "-m", PROGRAM, *words],
            capture_output=True,
            timeout=timeout_s + START_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return made | {"failed": Reason.DEADLINE.value, "detail": "the listening program took too long"}
    lines = _lines(done.stdout[:OCTETS])
    wrong = next((str(each["error"]) for each in lines if "error" in each), "")
    if done.returncode != 0 or wrong:
        said = wrong or done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return made | {"failed": Reason.NOT_RUNNING.value, "detail": said[:200]}
    counts = next((each for each in lines if "unreadable" in each), {})
    made["heard"] = [each for each in lines if "unreadable" not in each]
    return made | {"unreadable": int(counts.get("unreadable", 0))}


def _lines(octets: bytes) -> list[dict[str, Any]]:
    found = []
    for line in octets.split(b"\n")[:LINES]:
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, dict):
            found.append(told)
    return found
