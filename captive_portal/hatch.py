"""The hatch: a socket line at which a process with a privilege hears five typed verbs, and nothing else.

What the verbs do says who is behind it: captive_portal/gate.py (nftables), captive_portal/nds.py (openNDS).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from captive_portal import socket_line
from captive_portal.errors import LateError, PortalError
from captive_portal.socket_line import Group, Line, Listener
from netops.clock import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from captive_portal.socket_line import Answer
    from netops.config import Settings

LINE = Line(name="gate", setting="portal.gate_socket", longest=65_536, most=16, group=Group.PEER)
PART = 32  # elements of a line of `list`, clients of one question: a line stays below LINE.longest


def deadline(asked: Answer) -> float:
    """Return until when a question is waited for, in seconds of CLOCK_MONOTONIC: all of a machine have the same."""
    by = asked.get("by", math.inf)
    if isinstance(by, bool) or not isinstance(by, int | float):
        raise PortalError("'by'; expected seconds of CLOCK_MONOTONIC")
    return by


def keep(by: float) -> None:
    """LateError when a deadline is over. To be asked under the lock that orders what is done to the doors."""
    if SYSTEM.monotonic() > by:
        raise LateError("too late: nobody waits for this door any more")


def together(asked: Answer) -> list[Answer]:
    """Return whom one question is about: itself, or what its `every` lists; PortalError for anything else."""
    every = asked.get("every", [asked])
    if not isinstance(every, list) or not 0 < len(every) <= PART or not all(isinstance(each, dict) for each in every):
        raise PortalError(f"'every'; expected a list of 1 to {PART} clients")
    return every


def socket_path(settings: Settings) -> Path:
    """Return where the gate listens."""
    return settings.portal.gate_socket or settings.data.dir / "gate.sock"


def peers(settings: Settings) -> frozenset[int]:
    """Return who may speak there: this user, and the portal's."""
    return socket_line.peers(settings.portal.gate_user, "portal.gate_user")


class Hatch:
    """Listens for the portal; who inherits it answers the five verbs."""

    def __init__(self, path: Path, *, peers: frozenset[int]) -> None:
        self.path = path
        self._listener = Listener(LINE, self.answer, peers=peers)
        self._verbs = {
            "ready": self._ready,
            "allow": self._allow,
            "revoke": self._revoke,
            "list": self._list,
            "counters": self._counters,
        }

    @property
    def refused(self) -> int:
        """How many connections were not taken."""
        return self._listener.refused

    def open(self) -> None:
        """Listen, and answer from now on."""
        if not self.path.parent.exists():
            self.path.parent.mkdir(parents=True)
            self.path.parent.chmod(0o755)  # the portal's user goes through it; the socket itself is what is guarded
        self._listener.open(self.path)

    def close(self) -> bool:
        """Stop listening; return whether it did listen."""
        return self._listener.close()

    def answer(self, line: bytes) -> list[Answer]:
        """Return the answers to one line; whatever is wrong with it is an answer, never an exception."""
        return list(socket_line.answers(line, self._verbs))

    # ---- the verbs
    def _ready(self, asked: Answer) -> Iterable[Answer]:
        raise NotImplementedError

    def _allow(self, asked: Answer) -> Iterable[Answer]:
        raise NotImplementedError

    def _revoke(self, asked: Answer) -> Iterable[Answer]:
        raise NotImplementedError

    def _list(self, asked: Answer) -> Iterable[Answer]:
        raise NotImplementedError

    def _counters(self, asked: Answer) -> Iterable[Answer]:
        raise NotImplementedError
