"""What a package shows on the staff listener: a blueprint, who may see each page, and its links in the menu.

The entry point group `netops.pages` lists functions `pages(context) -> Pages`; the staff listener mounts them all. A
page without a declared permission is closed to everybody.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flask import Blueprint

    from netops.clock import Clock
    from netops.config import Settings
    from netops.facts import Fact

GROUP = "netops.pages"


class Submit(Protocol):
    """Hands facts to a spool; durable on return."""

    def __call__(self, made: Sequence[Fact], /) -> None:
        """Keep all of them or none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a page may ask for: the settings, the time, a way to state facts, a place for what it opens."""

    settings: Settings
    clock: Clock
    submit: Submit
    """Hand facts to the spool of the web process; durable on return."""
    stack: ExitStack = field(default_factory=ExitStack)
    """What the pages open (files, databases) they enter here; it is closed when the process stops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One entry of the menu; `label` is the Chinese source text and is translated when shown."""

    endpoint: str
    label: str
    order: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """A blueprint with `permissions`: full endpoint (`portal.vouchers`) → permission of `netops.access.permissions`."""

    blueprint: Blueprint
    permissions: Mapping[str, str]
    menu: tuple[Link, ...] = field(default=())


def load(context: Context, *, group: str = GROUP) -> list[Pages]:
    """Ask every package that declares pages for them, in the order of their names."""
    makers: list[Callable[[Context], Pages]] = [
        point.load() for point in sorted(entry_points(group=group), key=lambda point: point.name)
    ]
    return [make(context) for make in makers]
