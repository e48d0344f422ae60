"""Reads the `traps:` section of a profile. The vocabulary is closed, as for tables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from collectors.convert import NUMBER_READERS, TEXT_READERS
from collectors.indexes import INDEX_READERS
from collectors.profile import Place
from collectors.traps.rule import SEVERITIES, STATES, Trap, Value

if TYPE_CHECKING:
    from collectors.marked_yaml import Block

_EVENT = re.compile(r"[a-z][a-z0-9_]{0,63}")
_KIND = re.compile(r"[a-z][a-z0-9_]*")
_TRAP = ("oid", "severity", "state", "kind", "identity", "values", "index")


def traps_of(block: Block) -> tuple[Trap, ...]:
    """Return the traps of a profile's `traps:` block."""
    return tuple(_trap(block, event) for event in block.keys)


def _trap(parent: Block, event: str) -> Trap:
    if not _EVENT.fullmatch(event):
        parent.fail(event, f"'{event}' is no good event; expected lower-case letters, digits and _")
    block = parent.block(event)
    block.allow(*_TRAP)
    values_at = block.block("values") if block.has("values") else None
    values = tuple(_value(values_at, name) for name in values_at.keys) if values_at else ()
    names = [value.name for value in values]
    indexed, index = _index(block, names) if block.has("index") else ("", ())
    known = {*names, *(part for part, _ in index)}
    states = [value.name for value in values if value.states]
    return Trap(
        event=event,
        places=tuple(_place(block, node) for node in block.items("oid")) or (_place(block, block.text("oid")),),
        severity=block.choice("severity", SEVERITIES, "a severity", "info"),
        state=block.choice("state", STATES, "a state", "") if not states else "",
        state_of=states[0] if states else "",
        kind=block.matching("kind", _KIND, "a kind of subject, such as ap or onu") if block.has("kind") else "device",
        identity=tuple(block.names(node, known, "a value or index part") for node in block.items("identity")),
        values=values,
        indexed=indexed,
        index=index,
    )


def _place(block: Block, node: object) -> Place:
    written = block.scalar(node)
    relative = written.startswith(".")
    return Place(block.oid_of(node, written[1:] if relative else written), absolute=not relative)


def _value(parent: Block, name: str) -> Value:
    block = parent.block(name)
    block.allow("oid", "read", "states")
    states = {}
    if block.has("states"):
        inner = block.block("states")
        for written in inner.keys:
            key = int(written) if re.fullmatch(r"-?\d{1,10}", written) else written.lower()
            states[key] = inner.choice(written, STATES, "a state")
    readers = [*TEXT_READERS, *NUMBER_READERS]
    return Value(
        name=name,
        place=_place(block, block.items("oid")[0]) if block.has("oid") else _place(block, block.text("oid")),
        read=block.choice("read", readers, "a reader", "number" if states else "text"),
        states=states,
    )


def _index(block: Block, names: list[str]) -> tuple[str, tuple[tuple[str, str], ...]]:
    inner = block.block("index")
    inner.allow("of", "parts")
    parts = inner.block("parts")
    readers = tuple((part, parts.choice(part, INDEX_READERS, "an index reader")) for part in parts.keys)
    return inner.choice("of", names, "a value of this trap"), readers
