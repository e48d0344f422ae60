"""The circuit breaker: a device silent for some slots is asked one cheap question a slot until it answers.

A pure table, no clock: one step per slot. The cheap question keeps the evidence complete (every slot still has an
answer or its reason) while a dead controller no longer costs a whole table's time-outs. Failures of our own side leave
the circuit as it is: they say nothing about the device.

    phase    answered   silent                     ours
    closed   closed     closed, after N: open      as it was
    open     closed     open                       as it was
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from collectors.snmp.ask import Ask
from collectors.snmp.varbind import SYS_UP_TIME
from netops.model import OURS, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collectors.snmp.ask import Answer

CHEAP = Ask(gets=(SYS_UP_TIME,))
_SILENCE = frozenset({Reason.NO_ANSWER, Reason.REFUSED})


class Phase(StrEnum):
    """How a device is being asked."""

    CLOSED = "closed"  # everything
    OPEN = "open"  # sysUpTime only


class Event(StrEnum):
    """What a slot brought."""

    ANSWERED = "answered"
    SILENT = "silent"
    OURS = "ours"


TABLE: Mapping[tuple[Phase, Event], Phase | None] = {  # None: open once the silent slots are N
    (Phase.CLOSED, Event.ANSWERED): Phase.CLOSED,
    (Phase.CLOSED, Event.SILENT): None,
    (Phase.CLOSED, Event.OURS): Phase.CLOSED,
    (Phase.OPEN, Event.ANSWERED): Phase.CLOSED,
    (Phase.OPEN, Event.SILENT): Phase.OPEN,
    (Phase.OPEN, Event.OURS): Phase.OPEN,
}


@dataclass(frozen=True, slots=True)
class Circuit:
    """One device's circuit: its phase, and how many slots in a row it has been silent."""

    phase: Phase = Phase.CLOSED
    silent: int = 0

    def after(self, event: Event, *, limit: int) -> Circuit:
        """Return the circuit after a slot; `limit` silent slots in a row open it."""
        silent = {Event.ANSWERED: 0, Event.SILENT: self.silent + 1, Event.OURS: self.silent}[event]
        phase = TABLE[self.phase, event] or (Phase.OPEN if silent >= limit else Phase.CLOSED)
        return Circuit(phase, silent)


_WHOLE = Circuit()


def event_of(answer: Answer) -> Event:
    """Return what an answer means for the circuit. Anything the device said, even nonsense, is no silence."""
    if answer.answered or answer.failed is None:
        return Event.ANSWERED
    if answer.failed.reason in OURS:
        return Event.OURS
    return Event.SILENT if answer.failed.reason in _SILENCE else Event.ANSWERED


class Breaker:
    """The circuits of all devices; only those that are not whole take room. Used from one thread."""

    def __init__(self, *, after: int) -> None:
        self._limit = max(1, after)
        self._circuits: dict[str, Circuit] = {}

    def note(self, device: str, event: Event) -> None:
        """Take what a slot brought."""
        circuit = self._circuits.get(device, _WHOLE).after(event, limit=self._limit)
        if circuit == _WHOLE:
            self._circuits.pop(device, None)
        else:
            self._circuits[device] = circuit

    def saw(self, device: str, *, answered: bool) -> None:
        """Note a slot of which only this is known; `note(device, event_of(answer))` knows our own failures apart."""
        self.note(device, Event.ANSWERED if answered else Event.SILENT)

    def open(self, device: str) -> bool:
        """Whether only the cheap question is to be asked."""
        return self._circuits.get(device, _WHOLE).phase is Phase.OPEN

    def forget(self, device: str) -> None:
        """Drop a device that is no longer asked."""
        self._circuits.pop(device, None)
