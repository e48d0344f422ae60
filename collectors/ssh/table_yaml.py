"""Reads the word `table` of a read: the columns of a table by their titles."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING

from collectors.ssh.table import SHAPES, Table, Title

if TYPE_CHECKING:
    from collectors.marked_yaml import Block

TABLE = ("columns", "under", "tail")
TITLE = ("title", "like", "units", "blank", "maybe")
_VALUE = re.compile(r"[A-Z][A-Z0-9_]*")


def table_of(block: Block) -> Table:
    """Return the table that a block describes."""
    block.allow(*TABLE)
    columns = block.block("columns")
    titles = tuple(_title(columns, name) for name in columns.keys)
    if all(title.maybe for title in titles):
        block.fail("columns", "every column is `maybe`; by one at least a header must be known")
    names = [name for title in titles for name in (title.value, *re.compile(title.like).groupindex)]
    for name in names:
        if names.count(name) > 1:
            block.fail("columns", f"'{name}' is the name of two values; keep one")
    return Table(
        titles=titles,
        under=tuple(block.scalar(node).casefold() for node in block.items("under")),
        tail=tuple(_pattern(block, "tail", block.scalar(node)) for node in block.items("tail")),
    )


def values_of(table: Table) -> frozenset[str]:
    """Return the names of the values that the rows of a table have."""
    return frozenset(name for title in table.titles for name in (title.value, *re.compile(title.like).groupindex))


def _title(columns: Block, name: str) -> Title:
    if not _VALUE.fullmatch(name):
        columns.fail(name, f"'{name}' is no value; expected a value such as ONT_ID: capitals, digits and _")
    block = columns.block(name)
    block.allow(*TITLE)
    like = block.text("like")
    if not block.items("title"):
        block.fail("title", f"'{name}' has no title; name the words above its cells")
    return Title(
        value=name,
        titles=tuple(" ".join(block.scalar(node).casefold().split()) for node in block.items("title")),
        like=SHAPES.get(like) or _pattern(block, "like", like),
        units=tuple(block.scalar(node).casefold() for node in block.items("units")),
        blank=block.boolean("blank"),
        maybe=block.boolean("maybe"),
    )


def _pattern(block: Block, key: str, written: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(written)
    except (re.error, FutureWarning, DeprecationWarning) as error:
        known = f" and none of {', '.join(SHAPES)}" if key == "like" else ""
        block.fail(key, f"'{written}' is no regular expression ({error}){known}")
    return written
