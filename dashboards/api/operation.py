"""What an operation of the API is: one thing, a list of things, or bytes. Data, and what gives the answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from flask import Response

    from dashboards.api.cursor import Key
    from dashboards.api.parameters import Parameter
    from dashboards.desk import Desk

    Asked = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One address that answers GET. `path` has its names in braces; a name in `deep` may hold slashes."""

    name: str
    path: str
    said: str
    permission: str = "network.see"
    parameters: tuple[Parameter, ...] = ()
    deep: frozenset[str] = frozenset()

    @property
    def names(self) -> list[str]:
        """The names in its path, in their order."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def rule(self) -> str:
        """Its path as the router takes it."""
        return re.sub(r"{(\w+)}", lambda each: f"<{'path:' if each[1] in self.deep else ''}{each[1]}>", self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class One(Operation):
    """Gives one thing of the shape `answer`."""

    answer: type
    give: Callable[[Desk, Asked], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Many(Operation):
    """Gives a list: `rows` in any order, put into that of `key`, whose parts are of the kinds `keys`; `show` makes one.

    With `sorted` the rows come in that order already, those after `asked["after"]` at least.
    """

    answer: type
    rows: Callable[[Desk, Asked], Iterable[Any]]
    key: Callable[[Any], Key]
    show: Callable[[Desk, Any], Any]
    keys: tuple[type, ...] = (str,)
    ordered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytes(Operation):
    """Gives bytes of the kind `media`, as a file."""

    media: str
    give: Callable[[Desk, Asked], Response]
