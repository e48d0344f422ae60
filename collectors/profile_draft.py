"""The beginning of a profile from a walk: what the device has, as YAML to be filled in. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from collectors.convert import raw
from collectors.snmp.varbind import dotted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from collectors.snmp.agent import Listing
    from collectors.snmp.varbind import Oid, Varbind

_ENTERPRISES: Final = (1, 3, 6, 1, 4, 1)
_SYS_OBJECT_ID: Final = (1, 3, 6, 1, 2, 1, 1, 2, 0)
_SYS_DESCR: Final = (1, 3, 6, 1, 2, 1, 1, 1, 0)
_TYPES: Final = {2: "INTEGER", 4: "OCTET STRING", 6: "OID", 64: "IpAddress", 65: "Counter32", 66: "Gauge32"}
_LONG_INDEX: Final = 9  # numbers: a MAC address, a radio and a network have less
_MORE_TYPES: Final = {67: "TimeTicks", 68: "Opaque", 70: "Counter64"}


@dataclass(slots=True)
class _Column:
    rows: int = 0
    tag: int = 0
    samples: list[str] = field(default_factory=list)
    index: Oid = ()


def draft(name: str, agent: Listing) -> str:
    """Return the draft: the enterprise root, each scalar and each table with columns, types and what stood there."""
    own = [each for each in agent.objects.values() if each.oid[: len(_ENTERPRISES)] == _ENTERPRISES]
    makers: dict[Oid, int] = defaultdict(int)
    for each in own:
        makers[each.oid[:7]] += 1
    root = max(makers, key=lambda maker: makers[maker], default=_ENTERPRISES)
    said = agent.objects.get(_SYS_DESCR)
    known = agent.objects.get(_SYS_OBJECT_ID)
    named = known.value if known is not None and isinstance(known.value, str) else ""
    lines = [
        f"# TODO: the MIB's name, what differs by firmware, what the maker gets wrong. sysDescr: {_shown(said)}",
        f"profile: {name}",
        "title: {zh: TODO, en: TODO}",
        f"root: {dotted(root)}",
        "match:",
        "  probes: []  # TODO: an object that only this family has, such as one of the tables below",
        f"  sys_object_ids: [{named}]",
    ]
    scalars = [each for each in own if each.oid[-1] == 0 and each.oid[:7] == root]
    if scalars:
        lines.append("scalars:  # TODO: keep those that have a metric (docs/reference/metrics.md), drop the rest")
        lines += [
            f"  # TODO: {{oid: {_below(each.oid, root)}}}  # {_type(each.tag)} {_shown(each)}" for each in scalars
        ]
    lines += _tables([each for each in own if each.oid[-1] != 0 and each.oid[:7] == root], root)
    return "\n".join(lines) + "\n"


def _tables(objects: Iterable[Varbind], root: Oid) -> list[str]:
    """Return the tables: an entry is the arc 1 below which columns with the same indexes stand."""
    objects = list(objects)
    entries_seen = _entries(objects, root)
    columns: dict[Oid, _Column] = {}
    deeper = _deeper({each.oid: _column_of(each.oid, root, entries_seen) for each in objects}, root)
    for each in objects:
        place = _column_of(each.oid, root, entries_seen)
        if place is None:
            continue
        place = deeper.get(place, place)
        column = columns.setdefault(place, _Column(tag=each.tag, index=each.oid[len(place) :]))
        column.rows += 1
        shown = _shown(each)
        if shown not in column.samples and len(column.samples) < 4:
            column.samples.append(shown)
    entries: dict[Oid, list[Oid]] = defaultdict(list)
    for place in columns:
        entries[place[:-1]].append(place)
    lines = ["tables:"] if entries else []
    for number, (entry, places) in enumerate(sorted(entries.items()), 1):
        rows = max(columns[place].rows for place in places)
        index = columns[places[0]].index
        lines += [
            f"  table{number}:  # {dotted(entry)}: {rows} rows, index of {len(index)} numbers such as {dotted(index)}",
            "    kind: TODO",
            f"    index: {{{', '.join(f'TODO{at}: integer' for at in range(1, min(len(index), 6) + 1))}}}",
            "    identity: [TODO]  # a MAC address or a serial number where there is one, never a name",
            "    needed: []",
            "    columns:",
        ]
        for place in sorted(places):
            column = columns[place]
            told = f"{_type(column.tag)}, {column.rows} rows: {' | '.join(column.samples)}"
            lines.append(f"      # TODO: {{oid: {_below(place, root)}}}  # {told}")
    return lines


def _entries(objects: Iterable[Varbind], root: Oid) -> frozenset[Oid]:
    """Return what is surely an entry: two columns or more below it, each with an index that the first one has too."""
    seen: dict[Oid, dict[int, set[Oid]]] = defaultdict(lambda: defaultdict(set))
    for each in objects:
        for at in _ones(each.oid, root):
            seen[each.oid[: at + 1]][each.oid[at + 1]].add(each.oid[at + 2 :])
    return frozenset(entry for entry, columns in seen.items() if len(columns) > 1 and _joined(list(columns.values())))


def _deeper(placed: Mapping[Oid, Oid | None], root: Oid) -> dict[Oid, Oid]:
    """Return the likelier column for each that seems to have an index of very many numbers.

    A table with one column is no sure entry, and its own number may hold an arc 1: then the last one that all of its
    objects share is taken.
    """
    groups: dict[Oid, list[Oid]] = defaultdict(list)
    for oid, place in placed.items():
        if place is not None and len(oid) - len(place) > _LONG_INDEX:
            groups[place].append(oid)
    found: dict[Oid, Oid] = {}
    for place, oids in groups.items():
        first, last = min(oids), max(oids)
        shared = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
        ones = [at for at in _ones(first, root) if len(place) <= at < shared - 1]
        if ones and len(oids) > 1:
            found[place] = first[: ones[-1] + 2]
    return found


def _joined(indexes: list[set[Oid]]) -> bool:
    return all(not indexes[0].isdisjoint(each) for each in indexes[1:])


def _column_of(oid: Oid, root: Oid, entries: frozenset[Oid]) -> Oid | None:
    """Return the column: below the first sure entry, else below the first arc 1; a table's own number may be 1 too."""
    ones = _ones(oid, root)
    sure = [at for at in ones if oid[: at + 1] in entries]
    return next((oid[: at + 2] for at in [*sure, *ones]), None)


def _ones(oid: Oid, root: Oid) -> list[int]:
    return [at for at in range(len(root) + 1, len(oid) - 2) if oid[at] == 1]


def _below(oid: Oid, root: Oid) -> str:
    return "." + dotted(oid[len(root) :])


def _type(tag: int) -> str:
    return (_TYPES | _MORE_TYPES).get(tag, str(tag))


def _shown(each: Varbind | None) -> str:
    """Return a value as a comment can hold it: one line, nothing that drives a terminal."""
    if each is None:
        return "none"
    told = str(raw(each.value, each.tag))[:40]
    return "".join(c if c.isprintable() else "?" for c in told).replace("#", "?")
