"""When what arrives at our sockets is itself a matter for the record: floods, forged replies, drops of ours. Pure.

One `monitor_health` fact when a minute brought more of it than accidents do, one when a minute passed without. What was
measured meanwhile stands: nothing of what is counted here was stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netops.facts import Fact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netops.evidence.canonical import JSON

LOOK_MS = 60_000
MANY = 100  # in a minute: a double or a late port scan makes a few, a forger many
_NAMES = ("socket_drops", "barred", "muted", "wrong_source", "wrong_id", "foreign", "undecodable", "security")


class Alarm:
    """Compares the counters of two looks. Used from one thread."""

    def __init__(self, vantage: str, door: str) -> None:
        self._vantage = vantage
        self._door = door
        self._seen: dict[str, int] = {}
        self._looked_ms = 0
        self._since_ms = 0  # 0: all is well

    @property
    def on(self) -> bool:
        """Whether the alarm is raised."""
        return self._since_ms > 0

    def look(self, counted: Mapping[str, int], now_ms: int) -> list[Fact]:
        """Return the fact that is to be stated now, if any; at most one a minute."""
        if now_ms - self._looked_ms < LOOK_MS:
            return []
        since, self._looked_ms = self._looked_ms, now_ms
        grown = {name: counted.get(name, 0) - self._seen.get(name, 0) for name in _NAMES}
        self._seen = {name: counted.get(name, 0) for name in _NAMES}
        if grown["socket_drops"] or sum(grown.values()) > MANY:
            if self.on:
                return []
            self._since_ms = since or now_ms
            what = ", ".join(f"{name} {count}" for name, count in grown.items() if count)
            return [self._fact("degraded", now_ms, f"rejected at {self._door}: {what}")]
        if not self.on:
            return []
        fact = self._fact("ok", now_ms, f"nothing rejected at {self._door} any more")
        self._since_ms = 0
        return [fact]

    def _fact(self, state: str, now_ms: int, detail: str) -> Fact:
        # No anchor is asked here: what the carrier's side sees of us is the probes' business.
        body: dict[str, JSON] = {"vantage": self._vantage, "state": state, "anchors": 0, "reachable": 0}
        body |= {"detail": detail, "start_ms": self._since_ms}
        return Fact(kind="monitor_health", at_ms=now_ms, body=body)
