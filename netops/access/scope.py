"""The part of the city that an account may look at: subdistricts, carriers, contracts, departments. Pure.

A scope names things of up to four kinds. Of one kind any is enough; of all kinds that are named one each is needed:
`area:110108015 area:110108016 carrier:a` is what carrier a has in these two subdistricts. Departments are tags of sites
and services (`tag:education`). A scope that names nothing is the whole city.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from netops.errors import UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST: Final = 100  # things that one scope names
LONGEST: Final = 128
CARRIER: Final = "carrier"  # the role whose accounts must name carriers


@dataclass(frozen=True, slots=True)
class Scope:
    """What an account may look at; a field that is empty narrows nothing."""

    area: frozenset[str] = frozenset()
    carrier: frozenset[str] = frozenset()
    contract: frozenset[str] = frozenset()
    tag: frozenset[str] = frozenset()

    @property
    def whole(self) -> bool:
        """Whether it is the whole city."""
        return not (self.area or self.carrier or self.contract or self.tag)

    @property
    def of_places(self) -> bool:
        """Whether it names places, so that of a contract a part alone lies in it."""
        return bool(self.area or self.tag)

    def words(self) -> list[str]:
        """Return it as `kind:id`, in order: what `parse` reads."""
        return [f"{each.name}:{name}" for each in fields(self) for name in sorted(getattr(self, each.name))]

    def __str__(self) -> str:
        return " ".join(self.words())


EVERYTHING: Final = Scope()
NOTHING: Final = Scope(area=frozenset({""}), carrier=frozenset({""}))  # what has no name
KINDS: Final = tuple(each.name for each in fields(Scope))


def parse(words: Iterable[str]) -> Scope:
    """Return the scope of words such as `area:110108015`; UsageError says which is none, and what was expected."""
    named: dict[str, set[str]] = {}
    for word in words:
        kind, colon, name = word.partition(":")
        if kind not in KINDS or not colon:
            known = ", ".join(f"{each}:…" for each in KINDS)
            raise UsageError(f"'{word[:60]}' is no part of the city; expected {known}{nearest(kind, KINDS)}")
        if not name or len(name) > LONGEST or not name.isprintable() or name != name.strip() or " " in name:
            raise UsageError(f"'{kind}:{name[:60]}' names nothing; expected an id of at most {LONGEST} characters")
        named.setdefault(kind, set()).add(name)
    if sum(map(len, named.values())) > MOST:
        raise UsageError(f"a scope names more than {MOST} things; give a contract or a carrier instead")
    return Scope(**{kind: frozenset(names) for kind, names in named.items()})


def fits(role: str, scope: Scope) -> None:
    """Raise UsageError where a role cannot have a scope; a carrier's account must say which carrier's it is."""
    if role == CARRIER and not scope.carrier:
        raise UsageError("an account of the role 'carrier' needs the scope of its carrier; expected carrier:<id>")
    if role == "admin" and not scope.whole:
        raise UsageError("an admin has no scope: whoever makes accounts can make one without")


def stored(scope: Scope) -> str:
    """Return it as a column keeps it; the whole city is empty."""
    return "" if scope.whole else json.dumps(scope.words(), ensure_ascii=False)


def read(text: str) -> Scope:
    """Return the scope of `stored`'s text; of any other one in which nothing lies: a fault opens nothing."""
    try:
        return parse(json.loads(text)) if text else EVERYTHING
    except (ValueError, TypeError, AttributeError, UsageError):
        return NOTHING
