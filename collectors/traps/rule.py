"""What a family's traps mean, as data: Trap and its small parts. Frozen; nothing is read here.

`rule_yaml.py` reads the `traps:` section of a profile, `meaning.py` applies it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collectors.profile import Place

SEVERITIES = ("info", "warning", "minor", "major", "critical")
STATES = ("up", "degraded", "down")


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One varbind of a trap: the column it is an instance of, and how it is read."""

    name: str
    place: Place
    read: str = "text"
    states: Mapping[int | str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trap:
    """One event of a family. `identity` names what makes the subject's id, first choice first, as in a table.

    `index` is cut from the instance of the varbind that `indexed` names. `state_of` names the value whose `states` say
    how the subject is; `state` says it for every such trap.
    """

    event: str
    places: tuple[Place, ...]
    severity: str = "info"
    state: str = ""
    state_of: str = ""
    kind: str = "device"
    identity: tuple[tuple[str, ...], ...] = ()
    values: tuple[Value, ...] = ()
    indexed: str = ""
    index: tuple[tuple[str, str], ...] = ()
