"""Which events were stated: an Inform that is sent again states nothing again, and one CPE states so many a minute.

Two steps, because what the disk does not take was not stated: `news` looks, `stated` remembers. A pure table, bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collectors.cwmp.events import Event

    Key = tuple[str, str, str, str, str]

WINDOW_S = 60.0
PER_MINUTE = 60
_KEYS = 65_536


class Said:
    """Remembers what was stated. `now` are monotonic seconds."""

    def __init__(self) -> None:
        self._at: OrderedDict[Key, tuple[float, int]] = OrderedDict()  # event → when stated, how often again since
        self._minutes: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def news(self, device: str, events: Sequence[Event], now: float) -> list[tuple[Event, int]]:
        """Return the events that are to be stated, each with how often it came again since it last was."""
        found = []
        began, count = self._minutes.get(device, (now, 0))
        left = PER_MINUTE - (count if now - began < WINDOW_S else 0)
        for event in events:
            at, again = self._at.get(_key(device, event), (-WINDOW_S, 0))
            if now - at < WINDOW_S or len(found) >= left:
                if _key(device, event) in self._at:
                    self._at[_key(device, event)] = (at, again + 1)
            else:
                found.append((event, again))
        return found

    def stated(self, device: str, events: Sequence[Event], now: float) -> None:
        """Remember that these are on disk."""
        began, count = self._minutes.get(device, (now, 0))
        fresh = now - began >= WINDOW_S
        self._minutes[device] = (now, len(events)) if fresh else (began, count + len(events))
        self._minutes.move_to_end(device)
        for event in events:
            self._at[_key(device, event)] = (now, 0)
            self._at.move_to_end(_key(device, event))
        while len(self._at) > _KEYS:
            self._at.popitem(last=False)
        while len(self._minutes) > _KEYS:
            self._minutes.popitem(last=False)


def _key(device: str, event: Event) -> Key:
    """Return what makes two events the same: a link that goes down and up again states both."""
    parameter = event.values.get("parameter", "") + event.values.get("state", "") + event.values.get("command_key", "")
    return (device, event.event, event.trap, str(event.subject), parameter)
