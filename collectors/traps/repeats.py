"""What is an event of its own, and what only the same one again; how many one device may state. Pure tables, bounded.

The same event of the same subject within the window is counted, not stated, unless another event of that subject said
something else in between: down, up, down within a second are three events. One device states so many events a minute;
what is beyond is counted, and the count is stated.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collectors.device_event import Event
    from collectors.snmp.varbind import Oid
    from collectors.traps.notification import Notification
    from netops.model import Subject

    _Inform = tuple[str, int, int | None, tuple[Oid, ...]]

_SUBJECTS = 65_536
_INFORMS = 16_384
_DEVICES = 65_536
_INFORM_S = 300.0
_MINUTE_S = 60.0


@dataclass(slots=True)
class _Last:
    """The latest event of a subject that was stated, and how often it came again since."""

    event: str
    state: str
    at: float
    again: int = 0


@dataclass(slots=True)
class _Minute:
    """One device's minute."""

    began: float
    stated: int = 0
    beyond: int = 0


class Repeats:
    """Remembers what was stated. `now` are monotonic seconds."""

    def __init__(self, *, window_s: float, per_minute: int) -> None:
        self._window_s = window_s
        self._per_minute = per_minute
        self._last: OrderedDict[tuple[str, Subject], dict[str, _Last]] = OrderedDict()
        self._latest: dict[tuple[str, Subject], str] = {}
        self._informs: OrderedDict[_Inform, float] = OrderedDict()
        self._minutes: OrderedDict[str, _Minute] = OrderedDict()

    def sent_again(self, address: str, said: Notification, now: float) -> bool:
        """Whether an inform is one that was taken already: its sender missed our acknowledgement.

        What is sent again is the same PDU (RFC 3416 section 4.2.7). The request-id alone does not say so: an agent that
        has restarted counts from the beginning, and its first event would be taken for the one before the restart.
        """
        key = (address, said.request_id, said.uptime, said.names)
        before = self._informs.get(key)
        self._informs[key] = now
        self._informs.move_to_end(key)
        if len(self._informs) > _INFORMS:
            self._informs.popitem(last=False)
        return before is not None and now - before < _INFORM_S

    def news(self, device: str, event: Event, now: float) -> int | None:
        """Return how often this event came unstated since it was last stated; None when it is not to be stated now."""
        key = (device, event.subject)
        known = self._last.setdefault(key, {})
        self._last.move_to_end(key)
        if len(self._last) > _SUBJECTS:
            gone, _ = self._last.popitem(last=False)
            self._latest.pop(gone, None)
        name = event.event if event.event != "unmapped" else event.trap
        last = known.get(name)
        mark = f"{name} {event.state}"
        same = self._latest.get(key, mark) == mark or not event.state
        if last is not None and last.state == event.state and same and now - last.at < self._window_s:
            last.again += 1
            return None
        if not self._may(device, now):
            return None
        if event.state:
            self._latest[key] = mark
        if len(known) >= 64:
            known.clear()
        known[name] = _Last(event.event, event.state, now)
        return last.again if last is not None else 0

    def beyond(self, now: float) -> list[tuple[str, int]]:
        """Return (device, count) of the minutes that are over and in which events were left unstated."""
        over = [(name, each) for name, each in self._minutes.items() if now - each.began >= _MINUTE_S]
        for name, _ in over:
            del self._minutes[name]
        return [(name, each.beyond) for name, each in over if each.beyond]

    def _may(self, device: str, now: float) -> bool:
        minute = self._minutes.get(device)
        if minute is None or (now - minute.began >= _MINUTE_S and not minute.beyond):
            minute = self._minutes[device] = _Minute(now)
            if len(self._minutes) > _DEVICES:
                self._minutes.popitem(last=False)
        if minute.stated >= self._per_minute:
            minute.beyond += 1
            return False
        minute.stated += 1
        return True
