"""What is read of a CPE, as data: objects of its data model, and which parameters mean which metrics. Frozen.

`model_yaml.py` reads the files, `course.py` turns models into questions, `decode.py` answers into observations.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from collectors.profile import digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collectors.profile import Column

SERIAL = "serial"  # a part of an identity: the CPE's own serial number, as the register has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """A place below the root (`Device` or `InternetGatewayDevice`); instance numbers stand as `{name}`."""

    segments: tuple[str, ...]

    @property
    def places(self) -> tuple[str, ...]:
        """The names of its instance numbers."""
        return tuple(each[1:-1] for each in self.segments if each.startswith("{"))

    def at(self, root: str, instances: Mapping[str, str]) -> str:
        """Return the full name for these instance numbers."""
        filled = (instances[each[1:-1]] if each.startswith("{") else each for each in self.segments)
        return ".".join([root, *filled])


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One parameter that becomes a metric's value, or a part of an identity (its column then has no metric)."""

    path: Path
    column: Column
    notify: bool = False  # the CPE is asked to tell at once when it changes
    prefix: str = ""  # of a helper: the kind of identity that its text is, `sn`


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One object: its instances are the rows.

    `whole` is asked for by its partial path, for objects whose instances come and go. `identity` names leaves, instance
    numbers or `serial`, first choice first; a table of kind `device` without one is the CPE itself.
    """

    name: str
    kind: str
    object: Path
    identity: tuple[tuple[str, ...], ...]
    leaves: tuple[Leaf, ...]
    helpers: tuple[Leaf, ...] = ()
    needed: frozenset[str] = frozenset()
    only: tuple[tuple[str, frozenset[str]], ...] = ()
    whole: bool = False
    cost: str = "cheap"  # of a whole table

    @property
    def every(self) -> tuple[Leaf, ...]:
        """Its leaves and helpers."""
        return (*self.leaves, *self.helpers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One part of a data model."""

    name: str
    zh: str
    en: str
    synthetic: bool = False
    tables: tuple[Table, ...] = ()
    digest: str = ""  # SHA-256 of all of the above: what decoded a value, to the last sentinel

    @property
    def metrics(self) -> frozenset[str]:
        """The names of all metrics that it can yield."""
        return frozenset(leaf.column.metric.name for t in self.tables for leaf in t.leaves if leaf.column.metric)


def digested(model: Model) -> Model:
    """Return the model with its digest."""
    return replace(model, digest=digest_of(asdict(model)))
