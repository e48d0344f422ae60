"""The menu: a line of groups and, below it, the pages of the group that one is in. Pure.

It works without a script, by keyboard in reading order, and holds as many pages as packages bring: whoever may open
none of a group does not see it. A page without an entry of its own belongs to the entry that names it in `under`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netops.web.language import mark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from netops.web.pages import Link

GROUPS = {
    "network": mark("网络"),
    "contracts": mark("合同监管"),
    "visitors": mark("公众上网"),
    "office": mark("管理"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of the menu as it is shown: where it leads and whether one is there."""

    endpoint: str
    label: str
    here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Navigation:
    """The groups, each leading to its first page, and the pages of the present one."""

    groups: tuple[Entry, ...]
    pages: tuple[Entry, ...]


def navigation(links: Iterable[Link], endpoint: str, allowed: Callable[[str], bool]) -> Navigation:
    """Return the menu as somebody sees it who is at `endpoint` and may open what is `allowed`."""
    open_ = sorted((each for each in links if allowed(each.endpoint)), key=lambda each: (each.order, each.endpoint))
    current = next((each for each in open_ if endpoint == each.endpoint or endpoint in each.under), None)
    present = current.group if current is not None else ""
    by_group = {name: [each for each in open_ if each.group == name] for name in GROUPS}
    return Navigation(
        groups=tuple(
            Entry(endpoint=held[0].endpoint, label=GROUPS[name], here=name == present)
            for name, held in by_group.items()
            if held
        ),
        pages=tuple(
            Entry(endpoint=each.endpoint, label=each.label, here=each is current) for each in by_group.get(present, ())
        ),
    )
