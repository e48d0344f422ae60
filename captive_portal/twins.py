"""Two devices as one: a MAC and an address that were copied from a visitor who is in.

On an open WiFi anybody can take over both, and the key of the gateway (interface, MAC, address) is then theirs too.
That cannot be prevented there; it can be noticed, when both are at work. The chain `twins` of the ruleset looks at the
first packets of TCP connections and keeps, for ten seconds, what a device never changes by itself:

| sign | what one device does not do |
|---|---|
| `hops` | begin with different hop limits (64, 128, 255: the systems' own; 63 is a phone that shares its connection) |
| `options` | open some connections with TCP timestamps and some without |
| `segment` | announce different largest segments over IPv4 |
| `address` | use one IPv4 address, then another, then the first again |
| `reset` | reset a connection as unknown and go on with it: each hears the answers to the other's |

What is not noticed: the copy of a device that has left (nothing is double then; the session ends by its idle time), and
a copy that runs the same system in the same state and drops, instead of refusing, what it did not ask for. What looks
alike and is none: a virtual machine that shares its host's WiFi card. So a sign is a fact and a notice to the
operator, and nobody is put out for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from captive_portal.model import Session


class Twins:
    """Which signs of which session were told already."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], tuple[str, str]] = {}  # session, sign → whose

    def fresh(
        self, twice: Iterable[tuple[str, str, str]], live: Mapping[tuple[str, str], Session]
    ) -> list[tuple[Session, str]]:
        """Return the sessions, with the sign, that were not told yet; a sign without a session is nobody's."""
        seen = [(live.get((place, mac)), sign) for place, mac, sign in twice]
        return [(each, sign) for each, sign in seen if each is not None and (each.id, sign) not in self._told]

    def told(self, session: Session, sign: str) -> None:
        """Note that it was told."""
        self._told[session.id, sign] = session.client.key

    def keep(self, live: Mapping[tuple[str, str], Session]) -> None:
        """Forget the sessions that are over."""
        for (session, sign), key in list(self._told.items()):
            now = live.get(key)
            if now is None or now.id != session:
                del self._told[session, sign]

    @property
    def sessions(self) -> int:
        """How many sessions were told of and still live, as far as `keep` knows."""
        return len({session for session, _ in self._told})
