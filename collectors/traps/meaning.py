"""A notification and a profile → what happened to whom: Event. Pure.

The subject is named from the varbinds by the same readers as in the family's tables, so that an event and the polled
values of an access point carry one id; where the trap knows it by less (an interface's number), by what the poller
learnt (`collectors/known_as.py`). What a profile does not name is an event too, `unmapped`, with its OID.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from collectors.convert import NUMBER_READERS, TEXT_READERS, UnreadableError, identity_prefix
from collectors.device_event import Event
from collectors.indexes import INDEX_READERS, Part
from collectors.known_as import NOTHING, started
from collectors.snmp.varbind import NO_VALUE, dotted
from netops.model import Subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from collectors.known_as import KnownAs
    from collectors.profile import Profile
    from collectors.snmp.varbind import Oid, Varbind
    from collectors.traps.notification import Notification
    from collectors.traps.rule import Trap, Value

UNMAPPED = "unmapped"
RESTARTED = "restarted"
_SHOWN = 200  # characters of a value or an id
_NAMELESS = frozenset({"000000000000", "ffffffffffff"})


class Meanings:
    """The traps of all profiles by OID."""

    def __init__(self, profiles: Mapping[str, Profile]) -> None:
        self._of: dict[str, dict[Oid, tuple[Trap, Oid]]] = {}
        self._any: dict[Oid, str] = {}
        for name, profile in profiles.items():
            mine = self._of[name] = {}
            for root in profile.roots:
                for trap in profile.traps:
                    for place in trap.places:
                        mine.setdefault(place.under(root), (trap, root))
            for oid in mine:
                self._any.setdefault(oid, name)

    def event(self, device: str, profile: str, said: Notification, known: KnownAs = NOTHING, at_ms: int = 0) -> Event:
        """Return the event. A device without a profile in the register is read by whoever knows the trap.

        `known` is by what else the device's subjects are known, `at_ms` when the trap was heard.
        """
        for name in said.names:
            for family in (profile, "standard") if profile else (self._any.get(name, ""),):
                found = self._of.get(family, {}).get(name)
                if found is not None:
                    event, by_number = _event(device, family, found, said, name, known=known)
                    doubtful = by_number and known.restarted(started(at_ms, said.uptime))
                    return replace(event, doubt=RESTARTED) if doubtful else event
        return Event(
            event=UNMAPPED, subject=Subject("device", device), trap=_cut(dotted(said.names[0])), profile=profile
        )


def _event(
    device: str, family: str, found: tuple[Trap, Oid], said: Notification, name: Oid, *, known: KnownAs
) -> tuple[Event, bool]:
    """Return the event, and whether its subject was named by a number of the device's own."""
    trap, root = found
    parts: dict[str, Part] = {}
    state = trap.state
    for value in trap.values:
        column = value.place.under(root)
        row = _instance(said.varbinds, column)
        if row is None:
            continue
        if value.name == trap.indexed:
            parts |= _index(trap.index, row.oid[len(column) :])
        if row.tag in NO_VALUE:
            continue
        if value.states:
            state = value.states.get(_plain(row.value), state)
        part = _read(value, row)
        if part is not None:
            parts[value.name] = part
    named = [value.name for value in trap.values if value.name in parts]
    subject, by_number = _subject(trap, parts, device, known)
    event = Event(
        event=trap.event,
        subject=subject,
        trap=_cut(dotted(name)),
        severity=trap.severity,
        state=state,
        profile=family,
        values={each: _cut(parts[each].shown) for each in named},
    )
    return event, by_number


def _instance(varbinds: Iterable[Varbind], column: Oid) -> Varbind | None:
    depth = len(column)
    return next((row for row in varbinds if row.oid[:depth] == column), None)


def _plain(value: object) -> int | str:
    if isinstance(value, int):
        return value
    return value.decode("utf-8", "replace").strip().lower() if isinstance(value, bytes) else str(value)


def _read(value: Value, row: Varbind) -> Part | None:
    """Return a value as it is shown and named by; nothing when it is not what its reader expects."""
    try:
        reader = TEXT_READERS.get(value.read)
        shown = reader(row.value) if reader else str(NUMBER_READERS[value.read](row.value, ""))
    except UnreadableError:
        return None
    shown = shown.strip()
    if not shown or shown in _NAMELESS:
        return None
    prefix = identity_prefix(value.read, shown) or ("sn:" if value.name == "serial" else "")
    return Part(shown, prefix)


def _index(readers: tuple[tuple[str, str], ...], rest: Oid) -> dict[str, Part]:
    found: dict[str, Part] = {}
    try:
        for name, reader in readers:
            part, used = INDEX_READERS[reader](rest)
            if part.shown not in _NAMELESS:
                found[name] = part
            rest = rest[used:]
    except UnreadableError:
        return {}
    return found


def _subject(trap: Trap, parts: Mapping[str, Part], device: str, known: KnownAs) -> tuple[Subject, bool]:
    """Return whom the trap is about: by the first choice that names one who is known, else by the first that is there.

    A number that belongs to nobody known, and reads like another one's name, names nobody.
    """
    numbers = {name for name, _ in trap.index} | {value.name for value in trap.values if value.read in NUMBER_READERS}
    first: Subject | None = None
    for choice in trap.identity:
        named = [parts[name] for name in choice if name in parts]
        if len(named) < len(choice):
            continue
        tail, prefix = "/".join(part.shown for part in named), named[0].prefix
        name = _cut(f"{prefix or f'{device}/'}{tail}")
        by_number = not prefix and numbers >= set(choice)
        found = known.numbered(trap.kind, tail) if by_number else known.named(trap.kind, name)
        if found:
            return Subject(trap.kind, found), by_number
        if first is None and not (by_number and known.owns(trap.kind, name)):
            first = Subject(trap.kind, name)
    return first or Subject("device", device), False


def _cut(shown: str) -> str:
    printable = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in shown[: _SHOWN + 1])
    return printable if len(printable) <= _SHOWN else f"{printable[: _SHOWN - 1]}…"
