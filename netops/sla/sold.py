"""Which services a contract version sells at an instant: its roster. Pure.

A contract covers services of its own carrier, unless an item's selector names carriers; an item takes the services of
its kind that its selector fits. A service that two items fit is an error that the roster names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netops.sla.hours import Listed, Roster, roster

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inventory.model import Contract, Service, ServiceItem
    from inventory.snapshot import Snapshot

POPULATION = "population"


def sold(contract: Contract, seen: Snapshot) -> Roster:
    """Return the contract's services at the snapshot's instant, with item and weight."""
    return roster(contract.id, _listed(contract, seen))


def _listed(contract: Contract, seen: Snapshot) -> Iterator[Listed]:
    for item in contract.items:
        for service in seen.services:
            if fits(contract, item, service, seen):
                yield Listed(service.id, item.id, _weight(item, service, seen))


def fits(contract: Contract, item: ServiceItem, service: Service, seen: Snapshot) -> bool:
    """Whether an item sells a service."""
    select = item.select
    carriers = select.carriers or (contract.carrier,)
    return (
        service.kind == item.kind
        and service.carrier in carriers
        and (not select.roles or service.role in select.roles)
        and (not select.areas or seen.site[service.site].area in select.areas)
        and (not select.tags or bool(set(select.tags) & set(service.tags)))
    )


def _weight(item: ServiceItem, service: Service, seen: Snapshot) -> str:
    if any(objective.rules.weight == POPULATION for objective in item.objectives):
        return str(seen.area[seen.site[service.site].area].population or 0)
    return "1"
