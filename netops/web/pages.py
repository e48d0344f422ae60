"""What a package shows on the staff listener: a blueprint, who may see each page, and its links in the menu.

The entry point group `netops.pages` lists functions `pages(context) -> Pages`; the staff listener mounts them all. A
page without a declared permission is closed to everybody.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Protocol

from netops.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

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
    live: bool = False
    """Whether a process serves for long: then pages may keep what they show fresh in a thread of their own."""
    stack: ExitStack = field(default_factory=ExitStack)
    """What the pages open (files, databases) they enter here; it is closed when the process stops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One entry of the menu; `label` is the Chinese source text and is translated when shown.

    `group` is one of `netops.web.navigation.GROUPS`; `under` are pages without an entry of their own that belong here.
    """

    endpoint: str
    label: str
    group: str
    order: int = 50
    under: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """A blueprint with `permissions`: full endpoint (`portal.vouchers`) → permission of `netops.access.permissions`.

    To whoever sees a part of the city a page is closed unless `narrowed` names it: a page there shows what lies in that
    part alone. `unnarrowed` says of the others why they do not.
    """

    blueprint: Blueprint
    permissions: Mapping[str, str]
    menu: tuple[Link, ...] = field(default=())
    uploads: Mapping[str, int] = field(default_factory=dict)
    """Of its forms those that hold files: endpoint → how many bytes such a form may have."""
    closed: Callable[[Iterable[str]], tuple[str, ...]] | None = None
    """Of these sites, those where nobody acts on a decision to open them; of who lets visitors in."""
    narrowed: frozenset[str] = frozenset()
    unnarrowed: Mapping[str, str] = field(default_factory=dict)
    visited: Callable[[], frozenset[str]] | None = None
    """Of whoever sees a part of the city, the sites whose visitors lie in it; of who knows the register."""


def load(context: Context, *, group: str = GROUP) -> list[Pages]:
    """Ask every package that declares pages for them, in the order of their names."""
    points = sorted(entry_points(group=group), key=lambda point: point.name)
    if not points:
        raise ConfigError(f"no entry points in '{group}': the package is not installed; `make install` does it")
    makers: list[Callable[[Context], Pages]] = [point.load() for point in points]
    return [make(context) for make in makers]
