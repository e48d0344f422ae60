"""What is read over SSH, as data: a command, how its text becomes rows, how its rows become values. Frozen.

`read_yaml.py` reads the files, `rows.py` turns text into rows, `decode.py` rows into observations and gaps.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from collectors.profile import digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collectors.profile import Column
    from collectors.ssh.table import Table

PLACE = re.compile(r"<([A-Z][A-Z0-9_]*)>")  # where a value of another read stands in a command
SPOKEN = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.:/\-]{0,63}")  # what may stand there: it came from the device


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """What proves that an output has all of its rows, besides echo and prompt. Patterns are of one whole line.

    `counts` capture how many rows the device says there are: their sum must be the number of rows; `total` when every
    output has one. `ends` is what the last line must be. `none` are lines that say that there is nothing to show.
    """

    counts: tuple[str, ...] = ()
    total: bool = False
    ends: str = ""
    none: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Each:
    """The read is done once for every different combination of `values` in the rows of another one."""

    read: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """A row is widened by the one row of another read that has the same values; by none when several have."""

    read: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One value of a row that becomes a metric's, or a part of an identity."""

    value: str  # the name in the template
    column: Column
    prefix: str = ""  # of a helper: the kind of identity that its text is, `sn`
    const: str = ""  # of a helper: what it is in every row; the template has no such value


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One kind of subject in the rows.

    `kind` `device` is the device itself: of it there is one row. `identity` names fields and values, first choice
    first. `needed` fields make a row complete. `only` are the rows that are of this kind, by the words of a value.
    """

    name: str
    kind: str
    identity: tuple[tuple[str, ...], ...]
    fields: tuple[Field, ...]
    helpers: tuple[Field, ...] = ()
    needed: frozenset[str] = frozenset()
    only: tuple[tuple[str, frozenset[str]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One command of one dialect and what its output means."""

    name: str
    zh: str
    en: str
    dialect: str
    command: str
    synthetic: bool = False
    enter: tuple[str, ...] = ()
    leave: tuple[str, ...] = ()
    template: str = ""  # ours, in templates/
    ntc: str = ""  # of ntc-templates, when it has a good one
    table: Table | None = None  # columns that are found by their titles
    records: str = ""  # JSON: where the records are
    values: tuple[tuple[str, str], ...] = ()  # JSON: name and path of each value
    each: Each | None = None
    join: Join | None = None
    merge: tuple[str, ...] = ()  # rows with the same of these are parts of one row
    complete: Complete = field(default_factory=Complete)
    cost: str = "cheap"
    on_demand: bool = False  # done when somebody names it, never by the clock
    sheets: tuple[Sheet, ...] = ()
    text: str = ""  # of the template, so that the digest holds it
    digest: str = ""  # SHA-256 of all of the above: what decoded a value, to the last sentinel

    @property
    def metrics(self) -> frozenset[str]:
        """The names of all metrics that it can yield."""
        return frozenset(f.column.metric.name for s in self.sheets for f in s.fields if f.column.metric)


def digested(read: Read) -> Read:
    """Return the read with its digest."""
    return replace(read, digest=digest_of(asdict(read)))


def spoken(text: str, values: Mapping[str, str]) -> str | None:
    """Return a command with its places filled; None when a value is nothing to say to a command line."""
    filled = text
    for name in PLACE.findall(text):
        value = values.get(name, "")
        if not SPOKEN.fullmatch(value):
            return None
        filled = filled.replace(f"<{name}>", value)
    return filled
