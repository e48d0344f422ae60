"""What a scope may name: held against the register when a scope is given, so that a misspelt name is said. Pure.

An account whose scope names what there is not would see nothing, and nobody would know why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netops.access.scope import KINDS
from netops.errors import UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inventory.model import Area, Carrier, Contract, Service, Site
    from netops.access.scope import Scope

    Names = Mapping[str, Mapping[str, str]]

WORDS = {"area": "subdistrict", "carrier": "carrier", "contract": "contract", "tag": "site or service tagged"}


def names(
    areas: Iterable[Area],
    carriers: Iterable[Carrier],
    contracts: Iterable[Contract],
    tagged: Iterable[Site | Service],
) -> Names:
    """Return what a scope may name: kind → id → what people call it."""
    return {
        "area": {each.id: each.name for each in areas},
        "carrier": {each.id: each.name for each in carriers},
        "contract": {each.id: each.title for each in contracts},
        "tag": {tag: "" for each in tagged for tag in each.tags},
    }


def unknown(scope: Scope, known: Names) -> list[tuple[str, str]]:
    """Return (kind, name) of what a scope names and there is not."""
    return [(kind, name) for kind in KINDS for name in sorted(getattr(scope, kind)) if name not in known[kind]]


def check(scope: Scope, known: Names) -> None:
    """Raise UsageError with the first name that there is not, and the one that was probably meant."""
    for kind, name in unknown(scope, known):
        called = [each for each, title in known[kind].items() if title and name in title]
        close = f"; did you mean '{called[0]}' ({known[kind][called[0]]})?" if called else nearest(name, known[kind])
        shown = close or (f"; it has {_some(known[kind])}" if known[kind] else "; it has none: apply its files first")
        raise UsageError(f"'{kind}:{name}': the register has no {WORDS[kind]} '{name}'{shown}")


def _some(known: Mapping[str, str]) -> str:
    few = sorted(known)[:5]
    return ", ".join(few) + (f" and {len(known) - len(few)} more" if len(known) > len(few) else "")
