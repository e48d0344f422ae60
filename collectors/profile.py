"""How one device family answers, as data: Profile, Table, Column and their small parts. Frozen; nothing is read here.

`collectors/profile_yaml.py` reads the files, `collectors/plan.py` turns profiles into questions, `collectors/decode.py`
answers into observations.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from collectors.convert import IDENTITY, Linear

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collectors.traps.rule import Trap
    from netops.metrics import Metric

COST_S: Mapping[str, int] = MappingProxyType({"cheap": 0, "dear": 300, "heavy": 3600})
"""Seconds that must lie between two askings of a column of that cost. Optics are heavy: ZTE itself advises hourly, and
an OLT can be hurt by polling."""

MANY = 200_000  # varbinds: a controller of 2,000 APs with 40 columns each, and its radios
_SPOKEN_FOR = frozenset({"ap", "radio", "onu", "ont"})

Listed = frozenset[int | str]
"""Values as a device sends them, texts in lower case; a text that ends in `*` stands for all that begin so."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where an object stands: an OID, relative to the profile's enterprise root unless `absolute`."""

    arcs: tuple[int, ...]
    absolute: bool = False

    def under(self, root: tuple[int, ...]) -> tuple[int, ...]:
        """Return the full OID for the enterprise root that this device uses."""
        return self.arcs if self.absolute else root + self.arcs


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table, or one scalar: where it stands and how it is read.

    `sentinels` are what this very object sends for "no value" (never global: -99 is a real RSRP elsewhere); `states`
    maps what the device sends to the catalogue's codes; `bounds` narrows the metric's own. A `deeper` column tells of
    parts of the row's subject (the ports of a terminal): the first of them stands for it. A column with `only` is this
    metric in the rows alone whose helper says so: a sensor's value is a temperature where its type is that.
    """

    metric: Metric | None  # None: read for identity or as a factor only
    key: str
    place: Place
    read: str = "number"
    unit: str = ""
    linear: Linear = IDENTITY
    sentinels: frozenset[int | str] = frozenset()
    states: Mapping[int | str, int] = field(default_factory=dict)
    bounds: tuple[float | None, float | None] = (None, None)
    cost: str = "cheap"
    factors: tuple[str, ...] = ()  # helpers of the row whose product multiplies the number
    only: tuple[tuple[str, Listed], ...] = ()
    deeper: int = 0  # arcs by which the column's index is longer than the table's
    layout: str = ""
    kind: str = "device"  # of a scalar's subject
    local: str = ""  # of a scalar's subject, when it is not the device itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One logical table: columns that share an index, wherever in the tree they stand.

    `identity` names what makes the subject's id, first choice first; each choice is a tuple of index parts and columns.
    `needed` columns make a row complete: a row that lacks one of them is torn and enters no verdict. `rows` names the
    columns whose indexes are the table's rows (empty: any column's), `unless` the values of a helper that say a row is
    no subject of this table, `only` those without which it is none: for trees that list more than these subjects, as
    ifTable does.
    """

    name: str
    kind: str
    index: tuple[tuple[str, str], ...]
    identity: tuple[tuple[str, ...], ...]
    columns: tuple[Column, ...]
    helpers: tuple[Column, ...] = ()
    needed: frozenset[str] = frozenset()
    rows: frozenset[str] = frozenset()
    unless: tuple[tuple[str, Listed], ...] = ()
    only: tuple[tuple[str, Listed], ...] = ()
    layout: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """One way in which a device counts the same thing: its scalar, or the sum of a column."""

    metric: Metric
    scalar: str = ""
    table: str = ""
    column: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """Counts that ought to agree and do not: all are kept; `contract` is what contracts use, `spread` how far apart."""

    contract: Metric
    spread: Metric
    counts: tuple[Count, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """How a device of the family is known: by what it answers first, by what it says of itself second."""

    probes: tuple[Place, ...] = ()
    object_ids: tuple[tuple[int, ...], ...] = ()
    descriptions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One device family. `roots` are the enterprise roots under which vendors are known to plant the same tree."""

    name: str
    zh: str
    en: str
    synthetic: bool = False
    fallback: bool = False  # only where no other family fits
    roots: tuple[tuple[int, ...], ...] = ((),)
    match: Match = Match()
    layouts: Mapping[str, Place] = field(default_factory=dict)
    scalars: tuple[Column, ...] = ()
    tables: tuple[Table, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    traps: tuple[Trap, ...] = ()
    varbinds_per_s: int = 0  # the most this family bears; 0 leaves it to the settings
    varbinds_per_poll: int = 0  # the most that a poll may bring; 0: by what its tables hold
    kept: str = field(default="", init=False, repr=False, compare=False)  # by digest(); replace() leaves it behind

    @property
    def most_varbinds(self) -> int:
        """How many varbinds a poll may bring, 0 to leave it to the settings. Who speaks for others may say much."""
        if self.varbinds_per_poll:
            return self.varbinds_per_poll
        return MANY if any(table.kind in _SPOKEN_FOR for table in self.tables) else 0

    @property
    def metrics(self) -> frozenset[str]:
        """The names of all metrics that the profile can yield."""
        columns = [*self.scalars, *(c for t in self.tables for c in t.columns)]
        counted = [m.name for c in self.contradictions for m in (c.spread, *(x.metric for x in c.counts))]
        return frozenset([c.metric.name for c in columns if c.metric] + counted)


def digest(profile: Profile) -> str:
    """Return the SHA-256 of the profile's canonical content: what decoded a value, to the last sentinel.

    Traps decode no value: a new one leaves the rules of the values what they are. To make it takes milliseconds, and
    every plan asks for it: the profile keeps it.
    """
    if not profile.kept:
        content = {name: value for name, value in asdict(profile).items() if name not in {"traps", "kept"}}
        object.__setattr__(profile, "kept", digest_of(content))
    return profile.kept


def digest_of(content: Mapping[str, object]) -> str:
    """Return the SHA-256 of what a file of ours says, in a form that does not depend on its layout."""
    canonical = json.dumps(_plain(content), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (frozenset, set)):
        return sorted((_plain(v) for v in value), key=repr)
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value
