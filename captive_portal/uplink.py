"""Whether the way beyond the gateway is there: a page that says "please log in" on a dead uplink helps nobody.

The anchors are hosts beyond the carrier that accept TCP connections. One that answers is enough; all silent in two
rounds in a row is down. Without anchors nothing is known, and nothing is claimed.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from netops.errors import ConfigError

Word: TypeAlias = Literal["up", "down", "unknown"]
ROUNDS = 2
TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Uplink:
    """What is believed now, and since how many silent rounds."""

    word: Word = "unknown"
    silent: int = 0


def judge(before: Uplink, answered: list[bool]) -> Uplink:
    """Return what is believed after a round; pure."""
    if not answered:
        return before
    if any(answered):
        return Uplink(word="up")
    silent = before.silent + 1
    return Uplink(word="down", silent=silent) if silent >= ROUNDS else replace(before, silent=silent)


def anchors(text: str) -> list[tuple[str, int]]:
    """Read `host:port,…`; ConfigError names the part that is off."""
    found = []
    for part in filter(None, map(str.strip, text.split(","))):
        host, colon, port = part.rpartition(":")
        if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65_536:
            raise ConfigError(f"'portal.anchors' has '{part}'; expected host:port, separated by commas")
        found.append((host.strip("[]"), int(port)))
    return found


def ask(hosts: list[tuple[str, int]]) -> list[bool]:
    """Return for each anchor, up to the first that answers, whether it accepted a connection."""
    answered: list[bool] = []
    for host, port in hosts:
        answered.append(_accepts(host, port))
        if answered[-1]:
            break
    return answered


def _accepts(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), TIMEOUT_S).close()
    except OSError:
        return False
    return True
