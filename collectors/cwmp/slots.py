"""Which slot of which CPE is measured: one poll a slot, the whole one if there is any. A pure table.

A CPE comes when it wants. The first session of a slot that was read to its end is the slot's poll; a broken one waits
for a better one until the slot is over. A slot of a known CPE in which it did not come is `no_answer`, but only when we
listened all through it and did not turn it away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netops.model import OURS, Poll, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Unpolled = Callable[[str, int, int, Reason], Poll]

GRACE_MS = 60_000  # a session that began in a slot is over by then
_MOST_SLOTS = 60  # told one by one after a pause; a longer one shows by their absence
_PAUSES = 64


@dataclass(slots=True)
class _Slot:
    """One CPE's slot: whether its poll is out, the broken one that waits, and what is said instead of silence."""

    slot_ms: int
    done: bool = False
    waits: Poll | None = None
    instead: Reason | None = None


class Slots:
    """The slots under way. Used under its owner's lock."""

    def __init__(self, *, interval_s: int) -> None:
        self._every_ms = interval_s * 1000
        self._slots: dict[tuple[str, int], _Slot] = {}
        self._since: dict[str, int] = {}  # door → from when on it was expected
        self._barred: dict[str, Reason] = {}
        self._closed = 0  # the slot up to which the barred ones are told
        self._blind: list[tuple[int, int]] = []

    def slot(self, at_ms: int) -> int:
        """Return the beginning of the slot of an instant."""
        return at_ms // self._every_ms * self._every_ms

    def expect(self, doors: Iterable[str], now_ms: int) -> None:
        """Wait for these from now on; the slot that is under way counts only for who comes in it."""
        wanted = set(doors)
        for door in wanted - set(self._since):
            self._since[door] = now_ms
        for door in set(self._since) - wanted:
            del self._since[door]
        self._slots = {key: slot for key, slot in self._slots.items() if key[0] in wanted}

    def bar(self, barred: Mapping[str, Reason]) -> None:
        """Remember whom we would let in but cannot: a gap of ours in every slot."""
        self._barred = dict(barred)

    def wanted(self, door: str, at_ms: int) -> bool:
        """Whether a session that begins now is to be read: its slot has no whole poll yet."""
        found = self._slots.get((door, self.slot(at_ms)))
        return door in self._since and (found is None or not found.done)

    def silent(self, now_ms: int, *, share: float) -> list[str]:
        """Return the CPEs that have not come although `share` of the slot is over; those that came late excepted."""
        slot = self.slot(now_ms)
        if now_ms - slot < share * self._every_ms:
            return []
        return [door for door, since in self._since.items() if since <= slot and (door, slot) not in self._slots]

    def turned_away(self, door: str, now_ms: int, reason: Reason) -> None:
        """Remember why we did not take a CPE in, should nothing better come; that it was ours is not forgotten."""
        if door in self._since:
            slot = self._of(door, self.slot(now_ms))
            if slot.instead is None or slot.instead not in OURS:
                slot.instead = reason

    def take(self, poll: Poll, *, whole: bool) -> Poll | None:
        """Return the poll when it is the slot's; None when there is one already, or a better one may still come."""
        if poll.device not in self._since:
            return None
        slot = self._of(poll.device, poll.slot_ms)
        if slot.done:
            return None
        if whole:
            slot.done, slot.waits = True, None
            return poll
        slot.waits = slot.waits or poll
        return None

    def blind(self, start_ms: int, end_ms: int) -> None:
        """Remember that we did not listen: nobody's silence in these slots is theirs."""
        self._blind = [*self._blind[-_PAUSES:], (start_ms, end_ms)]

    def close(self, now_ms: int, *, unpolled: Unpolled) -> list[Poll]:
        """Return the polls of the slots that are over: what waits, and what was never measured."""
        found: list[Poll] = []
        last = self.slot(now_ms - GRACE_MS)  # every slot before this one is over
        for door, since in self._since.items():
            first = max(-(-since // self._every_ms) * self._every_ms, last - _MOST_SLOTS * self._every_ms)
            for slot_ms in range(first, last, self._every_ms):
                slot = self._slots.get((door, slot_ms))
                if slot is None or (not slot.done and slot.waits is None):
                    found.append(unpolled(door, slot_ms, now_ms, self._why(slot, slot_ms)))
        found += [slot.waits for slot in self._slots.values() if slot.slot_ms < last and slot.waits is not None]
        found += self._told_barred(last, now_ms, unpolled)
        self._since = {door: max(since, last) for door, since in self._since.items()}
        self._slots = {key: slot for key, slot in self._slots.items() if slot.slot_ms >= last}
        return found

    def _told_barred(self, last: int, now_ms: int, unpolled: Unpolled) -> list[Poll]:
        first, self._closed = self._closed or last, max(self._closed, last)
        first = max(first, last - _MOST_SLOTS * self._every_ms)
        slots = range(first, last, self._every_ms)
        return [unpolled(door, slot_ms, now_ms, why) for slot_ms in slots for door, why in self._barred.items()]

    def _why(self, slot: _Slot | None, slot_ms: int) -> Reason:
        if any(start < slot_ms + self._every_ms and end > slot_ms for start, end in self._blind):
            return Reason.MISSED_SLOT
        return slot.instead if slot is not None and slot.instead is not None else Reason.NO_ANSWER

    def held(self) -> list[Poll]:
        """Return the broken polls that wait, for the end of the service."""
        found = [slot.waits for slot in self._slots.values() if slot.waits is not None]
        for slot in self._slots.values():
            slot.waits = None
        return found

    def _of(self, door: str, slot_ms: int) -> _Slot:
        return self._slots.setdefault((door, slot_ms), _Slot(slot_ms))
