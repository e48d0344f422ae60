"""Which events were stated: an Inform that is sent again states nothing again, and one CPE states so many a minute.

Two steps, because what the disk does not take was not stated: `news` looks, `stated` remembers. A pure table, bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collectors.device_event import Event

    Key = tuple[str, str, str, str, str]
    Last = tuple[float, int, str]

WINDOW_S = 60.0
PER_MINUTE = 60
_KEYS = 65_536


class Said:
    """Remembers what was stated. `now` are monotonic seconds."""

    def __init__(self) -> None:
        self._at: OrderedDict[Key, Last] = OrderedDict()  # event → when stated, how often again since, in which state
        self._beyond: dict[str, int] = {}
        self._minutes: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def news(self, device: str, events: Sequence[Event], now: float) -> list[tuple[Event, int]]:
        """Return the events that are to be stated, each with how often it came again since it last was."""
        found: list[tuple[Event, int]] = []
        began, count = self._minutes.get(device, (now, 0))
        left = PER_MINUTE - (count if now - began < WINDOW_S else 0)
        for event in events:
            key, state = _key(device, event), event.values.get("state", "")
            at, again, before = self._at.get(key, (-WINDOW_S, 0, state))
            if now - at < WINDOW_S and state == before:
                self._at[key] = (at, again + 1, before)
            elif len(found) >= left:
                self._beyond[device] = self._beyond.get(device, 0) + 1
            else:
                found.append((event, again))
        return found

    def beyond(self, now: float) -> list[tuple[str, int]]:
        """Take (device, count) of the minutes that are over and in which events were left unstated."""
        over = [device for device in self._beyond if now - self._minutes.get(device, (-WINDOW_S, 0))[0] >= WINDOW_S]
        return [(device, self._beyond.pop(device)) for device in over]

    def stated(self, device: str, events: Sequence[Event], now: float) -> None:
        """Remember that these are on disk."""
        began, count = self._minutes.get(device, (now, 0))
        fresh = now - began >= WINDOW_S
        self._minutes[device] = (now, len(events)) if fresh else (began, count + len(events))
        self._minutes.move_to_end(device)
        for event in events:
            self._at[_key(device, event)] = (now, 0, event.values.get("state", ""))
            self._at.move_to_end(_key(device, event))
        while len(self._at) > _KEYS:
            self._at.popitem(last=False)
        while len(self._minutes) > _KEYS:
            self._minutes.popitem(last=False)


def _key(device: str, event: Event) -> Key:
    """Return what makes two events the same but for the state: down and up again are two."""
    detail = event.values.get("parameter", "") + event.values.get("command_key", "")
    return (device, event.event, event.trap, str(event.subject), detail)
