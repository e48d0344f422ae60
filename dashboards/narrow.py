"""A part of the city, as somebody sees who may look at no more: the one place that narrows. Pure.

Pages ask for the city and get this. What is not in it does not exist for them: not on the map, not in a search, not
under its own address, and not in a sum.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dashboards import subjects, words
from dashboards.city import Index, index
from netops import children
from netops.access.part import part

if TYPE_CHECKING:
    from inventory.snapshot import Snapshot
    from netops.access.scope import Scope
    from netops.model import Subject

OF_VISITORS = frozenset({"site", "login"})  # kinds of rows in which the portal tells of a site


def narrowed(whole: Index, scope: Scope) -> Index:
    """Return what of the register lies in a scope, with what it hangs on: sites, subdistricts, carriers, parents."""
    if scope.whole:
        return whole
    seen = part(whole.snapshot, scope, whole.contracts.values())
    made = index(seen.snapshot)
    return replace(
        made,
        contracts={name: each for name, each in whole.contracts.items() if name in seen.contracts},
        agreed={name: held for name, held in whole.agreed.items() if name in seen.snapshot.contract},
        shared=seen.shared,
        entire=seen.entire,
        visited=seen.visited,
    )


def tells(seen: Index, subject: Subject) -> bool:
    """Whether what the store has of a subject lies in a scope: of its services, its devices, its sites' visitors.

    What a device tells that others hang on as well lies in it where a service of the scope is read from it, or where it
    is of the device itself.
    """
    names = set(subjects.starts(subject.id))
    if subject.kind in OF_VISITORS:
        return bool(names & seen.visited)
    if any(names & {each.id for each in children.of_service(service)} for service in seen.snapshot.services):
        return True
    known = seen.snapshot.device
    if any(name in known and name not in seen.shared for name in names):
        return True
    for each in seen.snapshot.devices:
        is_own = children.is_child(each) and each.id not in seen.shared and children.identity(each) in names
        if is_own or subject in subjects.told(each):
            return True
    return False


def said(scope: Scope, seen: Snapshot) -> list[str]:
    """Return the names of what a scope names; the id where the register has none of it."""
    areas = [words.area(seen.area[name]) if name in seen.area else name for name in sorted(scope.area)]
    carriers = [words.carrier(seen.carrier[name]) if name in seen.carrier else name for name in sorted(scope.carrier)]
    contracts = [(seen.contract[c].title or c) if c in seen.contract else c for c in sorted(scope.contract)]
    return [*areas, *carriers, *contracts, *sorted(scope.tag)]
