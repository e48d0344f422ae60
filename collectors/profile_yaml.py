"""Reads profiles from YAML. The vocabulary is closed: what is not named here is an error with file and line."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from collectors.column_yaml import WORDS, metric_of, raw_of, reading
from collectors.convert import NUMBER_READERS, TEXT_READERS
from collectors.errors import CollectorError
from collectors.indexes import INDEX_READERS
from collectors.marked_yaml import Block, open_block
from collectors.profile import (
    Column,
    Contradiction,
    Count,
    Match,
    Place,
    Profile,
    Table,
)
from collectors.traps.rule_yaml import traps_of
from netops.errors import nearest
from netops.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collectors.profile import Listed

SHIPPED = Path(__file__).parent / "profiles"
_ABOUT = ("profile", "title", "synthetic", "fallback", "root", "match", "layouts", "rate")
_TOP = (*_ABOUT, "scalars", "tables", "contradictions", "traps")
_TABLE = ("kind", "index", "identity", "needed", "rows", "unless", "only", "layout", "columns", "helpers")
_COLUMN = ("oid", *WORDS, "factor", "only", "deeper", "layout", "kind", "local")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class ProfileError(CollectorError):
    """A profile file says something that the vocabulary does not know; the message names file and line."""

    exit_code = 2


@lru_cache(maxsize=1)
def shipped() -> Mapping[str, Profile]:
    """Return the profiles that come with the product, by name."""
    return load(SHIPPED)


def load(folder: Path) -> Mapping[str, Profile]:
    """Return every profile of a folder by name; ProfileError names file and line of the first thing that is off."""
    profiles = [read(path) for path in sorted(folder.glob("*.yaml"))]
    return MappingProxyType({profile.name: profile for profile in profiles})


def read(path: Path) -> Profile:
    """Return the profile of one file."""
    try:
        written = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ProfileError(f"{path}: cannot be read ({why}); expected a profile in YAML") from None
    profile = parse(written, str(path))
    if profile.name != path.stem:
        raise ProfileError(f"{path}:1: profile is '{profile.name}' and its file '{path.stem}'; expected the same name")
    return profile


def parse(written: str, source: str) -> Profile:
    """Return the profile of a YAML text; `source` is what errors call it."""
    block = open_block(written, source, ProfileError)
    block.allow(*_TOP)
    title = block.block("title")
    title.allow("zh", "en")
    layouts = _layouts(block)
    scalars = tuple(_column(block, "scalars", name, layouts, frozenset()) for name in _keys(block, "scalars"))
    tables = tuple(_table(block.block("tables"), name, layouts) for name in _keys(block, "tables"))
    rate = block.block("rate") if block.has("rate") else None
    if rate:
        rate.allow("varbinds_per_s", "varbinds_per_poll")
    return Profile(
        name=block.matching("profile", _NAME, "a name of lower-case letters, digits and _"),
        zh=title.text("zh"),
        en=title.text("en"),
        synthetic=block.boolean("synthetic"),
        fallback=block.boolean("fallback"),
        roots=tuple(block.oid_of(node) for node in block.items("root")) if block.has("root") else ((),),
        match=_match(block),
        layouts=layouts,
        scalars=scalars,
        tables=tables,
        contradictions=tuple(_contradiction(b, scalars, tables) for b in block.blocks("contradictions")),
        traps=traps_of(block.block("traps")) if block.has("traps") else (),
        varbinds_per_s=rate.integer("varbinds_per_s") if rate and rate.has("varbinds_per_s") else 0,
        varbinds_per_poll=rate.integer("varbinds_per_poll") if rate and rate.has("varbinds_per_poll") else 0,
    )


def _keys(block: Block, key: str) -> tuple[str, ...]:
    return block.block(key).keys if block.has(key) else ()


def _layouts(block: Block) -> dict[str, Place]:
    if not block.has("layouts"):
        return {}
    inner = block.block("layouts")
    return {name: _place(inner, name) for name in inner.keys}


def _place(block: Block, key: str) -> Place:
    written = block.text(key)
    if written.startswith("."):
        return Place(block.oid(key, written[1:]))
    return Place(block.oid(key, written), absolute=True)


def _match(block: Block) -> Match:
    if not block.has("match"):
        return Match()
    inner = block.block("match")
    inner.allow("probes", "sys_object_ids", "sys_descr")
    probes = []
    for node in inner.items("probes"):
        written = inner.scalar(node)
        probes.append(Place(inner.oid_of(node, written.removeprefix(".")), absolute=not written.startswith(".")))
    return Match(
        probes=tuple(probes),
        object_ids=tuple(inner.oid_of(node) for node in inner.items("sys_object_ids")),
        descriptions=tuple(inner.scalar(node) for node in inner.items("sys_descr")),
    )


def _table(tables: Block, name: str, layouts: Mapping[str, Place]) -> Table:
    block = tables.block(name)
    block.allow(*_TABLE)
    index = block.block("index")
    parts = tuple((part, index.choice(part, INDEX_READERS, "an index reader")) for part in index.keys)
    helpers_at = block.block("helpers") if block.has("helpers") else None
    helpers = tuple(_helper(helpers_at, key) for key in helpers_at.keys) if helpers_at else ()
    names = frozenset(h.key for h in helpers)
    columns = tuple(_column(block, "columns", key, layouts, names) for key in _keys(block, "columns"))
    keys = [c.key for c in columns]
    known = {part for part, _ in parts} | set(keys) | names
    return Table(
        name=name,
        kind=block.matching("kind", _NAME, "a kind of subject, such as ap or onu"),
        index=parts,
        identity=tuple(block.names(node, known, "an index part or column") for node in block.items("identity")),
        columns=columns,
        helpers=helpers,
        needed=frozenset(block.names_in("needed", set(keys), "a column of this table"))
        if block.has("needed")
        else frozenset(keys),
        rows=frozenset(block.names_in("rows", set(keys), "a column of this table") if block.has("rows") else ()),
        unless=_listed(block, "unless", names),
        only=_listed(block, "only", names),
        layout=block.choice("layout", layouts, "a layout of this profile", ""),
    )


def _listed(block: Block, word: str, helpers: frozenset[str]) -> tuple[tuple[str, Listed], ...]:
    if not block.has(word):
        return ()
    inner = block.block(word)
    for key in inner.keys:
        if key not in helpers:
            inner.fail(key, f"'{key}' is no helper of this table{nearest(key, helpers)}")
    return tuple((key, frozenset(raw_of(inner, node) for node in inner.items(key))) for key in inner.keys)


def _helper(block: Block, key: str) -> Column:
    inner = block.block(key)
    inner.allow("oid", "read")
    readers = [*NUMBER_READERS, *TEXT_READERS]
    return Column(
        metric=None, key=key, place=_place(inner, "oid"), read=inner.choice("read", readers, "a reader", "number")
    )


def _column(parent: Block, under: str, name: str, layouts: Mapping[str, Place], helpers: frozenset[str]) -> Column:
    holder = parent.block(under)
    metric = metric_of(holder, name)
    block = holder.block(name)
    block.allow(*_COLUMN)
    return Column(
        metric=metric,
        key=name,
        place=_place(block, "oid"),
        factors=tuple(block.names_in("factor", set(helpers), "a helper of this table")) if block.has("factor") else (),
        only=_listed(block, "only", helpers),
        deeper=block.integer("deeper") if block.has("deeper") else 0,
        layout=block.choice("layout", layouts, "a layout of this profile", ""),
        kind=block.text("kind") if block.has("kind") else "device",
        local=block.text("local") if block.has("local") else "",
        **reading(holder, name, block, metric),
    )


def _contradiction(block: Block, scalars: tuple[Column, ...], tables: tuple[Table, ...]) -> Contradiction:
    block.allow("contract", "spread", "counts")
    counts = []
    inner = block.block("counts")
    for name in inner.keys:
        if name not in METRICS:
            inner.fail(name, f"'{name}' is no metric of the catalogue{nearest(name, METRICS)}")
        count = inner.block(name)
        count.allow("scalar", "table", "sum")
        if count.has("scalar"):
            chosen = count.choice("scalar", [c.key for c in scalars], "a scalar of this profile")
            counts.append(Count(metric=METRICS[name], scalar=chosen))
            continue
        table = count.choice("table", [t.name for t in tables], "a table of this profile")
        columns = [c.key for t in tables if t.name == table for c in t.columns]
        counts.append(
            Count(metric=METRICS[name], table=table, column=count.choice("sum", columns, "a column of that table"))
        )
    named = [c.metric.name for c in counts]
    return Contradiction(
        contract=METRICS[block.choice("contract", named, "one of the counts")],
        spread=METRICS[block.choice("spread", METRICS, "a metric of the catalogue")],
        counts=tuple(counts),
    )
