"""The RADIUS server without its portal: what captive_portal/ajar.py decides, said to controllers that ask by MAC.

A controller that has just seen a device asks for it. Without a portal nobody can log in; where two persons have decided
so, the answer is "accept, for a short time", in the log before it is sent. A controller that sends browsers to a login
page instead (`entry = "uam"`) asks nothing before, so nothing is opened there.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

from captive_portal import ajar, standby
from captive_portal.ajar import Ajar
from captive_portal.errors import PortalError
from captive_portal.let_in import Log, said
from captive_portal.radius import nas
from netops import fail_open

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from captive_portal.ajar import Rule
    from captive_portal.model import Client
    from captive_portal.radius.doors import Doors
    from captive_portal.radius.reaching import Reaching
    from captive_portal.radius.stay import Door, Row
    from captive_portal.socket_line import Answer
    from netops.clock import Clock
    from netops.config import Settings
    from netops.evidence.note import VerifierKey

LOG = logging.getLogger("netops.radius")
PART = 200  # entries a line


def rules(settings: Settings) -> dict[str, Rule]:
    """Return the controllers behind which a site wants to be open when broken."""
    return ajar.rules(settings, nas.asking(settings))


class Alone:
    """Inert until `open`. `told` reads the decisions as the core has signed them."""

    def __init__(
        self,
        rules: Mapping[str, Rule],
        known: VerifierKey | None,
        path: Path,
        *,
        doors: Doors,
        clock: Clock,
        told: Callable[[], bytes],
    ) -> None:
        self._rules = rules
        self.opens = ajar.digest(rules)
        self._acts = bool(rules)
        self._ajar = Ajar(rules, known, Log(path), clock)
        self._doors = doors
        self._clock = clock
        self._told = told
        self._out: deque[Client] = deque()  # written down as put out, by a heartbeat or a look; done by a look

    def open(self) -> None:
        """Take up the log, and who is in by it; also where no place wants to be open any more."""
        self._acts = bool(self._rules) or self._ajar.log.exists()
        if self._acts:
            self._ajar.open(self._told())

    def close(self) -> None:
        """Let go; safe to call twice."""
        self._ajar.close()

    @property
    def wrong(self) -> str:
        """What keeps the server from acting without its portal, or the empty string."""
        return self._ajar.wrong

    def admit(self, client: Client) -> tuple[Door, list[Row]] | None:
        """Let a device in, if its place is open; it is on disk on return."""
        if client.interface not in self._rules:
            return None
        try:
            found = self._ajar.let_in([client])
        except PortalError as error:
            LOG.error("not let in place=%s error=%s", client.interface, error)  # noqa: TRY400  (the sentence says it)
            return None
        if not found:
            return None
        now_ms = self._clock.now_ms()
        door, rows = self._doors.open(client, found[0][1], now_ms)
        self._doors.let_in(door.key, now_ms)
        return door, rows

    def heard(self, asked: Answer) -> dict[str, object]:
        """Take the portal's heartbeat, and up to where it has recorded; say how much waits for it."""
        recorded = asked.get("recorded", 0)
        if isinstance(recorded, bool) or not isinstance(recorded, int) or recorded < 0:
            raise PortalError("'recorded'; expected the number of an entry")
        if not self._acts:
            return {}
        self._out += self._ajar.heard(b"", recorded).out
        return {"unrecorded": len(self._ajar.log.entries)}

    def entries(self) -> Iterator[Answer]:
        """Tell what the portal has yet to record."""
        every = [said(each) for each in self._ajar.log.entries]
        for at in range(0, len(every) or 1, PART):
            yield {"log": self._ajar.log.mark, "entries": every[at : at + PART], "more": at + PART < len(every)}

    def look(self, reaching: Reaching) -> None:
        """Open and close as it is due; end whom a decision that is taken back has let in."""
        if not self._acts:
            return
        self._ajar.take(self._told())
        self._out += self._ajar.look().out
        while self._out:
            client = self._out.popleft()
            door = self._doors.door(client.interface, client.mac)
            try:
                reaching.revoke(client.at(*(door.addresses if door is not None else client.addresses)))
            except PortalError as error:
                LOG.warning("not put out place=%s error=%s", client.interface, error)


def build(settings: Settings, path: Path, *, doors: Doors, clock: Clock) -> Alone:
    """Return what the server of these settings does by itself."""
    found = rules(settings)
    known = standby.key(settings) if found else None
    return Alone(found, known, path, doors=doors, clock=clock, told=lambda: fail_open.read(settings))
