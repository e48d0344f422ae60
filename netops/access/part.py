"""What of the register lies in a scope, and whether what people ask for does: decided here alone. Pure.

The pages show a part of the city by it (`dashboards/narrow.py`), and the core admits by it what people state
(`netops/access/beyond.py`): a page that forgot to ask, or was taken over, reaches no further.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from netops import children
from netops.sla.exclusions import ALL
from netops.sla.sold import fits

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from inventory.model import Contract, Device, Service, Site
    from inventory.snapshot import Snapshot
    from netops.access.scope import Scope

WIFI = "wifi"  # by what kind of service visitors come


class Seen(Protocol):
    """What whoever has a scope sees of the register, as `Part` says."""

    @property
    def snapshot(self) -> Snapshot:
        """The records in sight."""
        ...

    @property
    def shared(self) -> frozenset[str]:
        """The devices that also tell of what is not in sight."""
        ...

    @property
    def entire(self) -> frozenset[str]:
        """The sites at which nothing else stands."""
        ...

    @property
    def visited(self) -> frozenset[str]:
        """The sites whose visitors are in sight."""
        ...

    @property
    def contracts(self) -> Container[str]:
        """The contracts in sight as a whole or in part, of those that ended too."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What lies in a scope: records, what of them others share or do not, contracts also where they have ended.

    `shared` are devices that also tell of what is not here, `entire` sites at which nothing else stands, `visited`
    sites whose visitors belong here.
    """

    snapshot: Snapshot
    shared: frozenset[str] = frozenset()
    entire: frozenset[str]
    visited: frozenset[str]
    contracts: frozenset[str]


def part(whole: Snapshot, scope: Scope, contracts: Iterable[Contract] = ()) -> Part:
    """Return what of a register lies in a scope; `contracts` are the last versions of all, of those that ended too."""
    if scope.whole:
        places, known = frozenset(whole.site), {each.id for each in contracts}
        return Part(snapshot=whole, entire=places, visited=places, contracts=frozenset(known | set(whole.contract)))
    seen = _snapshot(whole, scope)
    known = {each.id for each in contracts if was_seen(each, scope)}
    return Part(
        snapshot=seen,
        shared=_shared(whole, seen),
        entire=_entire(whole, seen, scope),
        visited=_visited(whole, seen, scope),
        contracts=frozenset(known | set(seen.contract)),
    )


def within(terms: Mapping[str, object], held: Seen, scope: Scope) -> bool:
    """Whether a request is about what lies in a scope, and about nothing else: its contract, services and sites.

    One about all services of a contract (it names none, or `*` beside some) reaches beyond whoever sees a part of the
    places; one about the visitors of a site beyond whoever sees a device there.
    """
    if scope.whole:
        return True
    seen = held.snapshot
    services, sites, contract = terms.get("services"), terms.get("sites"), terms.get("contract")
    if not contract and not sites:
        return False
    if contract and (contract not in seen.contract or (scope.of_places and is_of_all(services))):
        return False
    named = services if isinstance(services, list) else []
    inside = not isinstance(sites, list) or all(each in held.visited for each in sites)
    return inside and all(each in seen.service for each in named if each != ALL)


def is_of_all(services: object) -> bool:
    """Whether a list of services stands for all that a contract sells: none is named, or all are beside some."""
    return not isinstance(services, list) or not services or ALL in services


def _snapshot(whole: Snapshot, scope: Scope) -> Snapshot:
    sellers = _sellers(whole)
    services = tuple(each for each in whole.services if is_in(each, whole, scope, sellers))
    sold = {name for each in services for name in sellers.get(each.id, ())}
    contracts = tuple(each for each in whole.contracts if _is_seen(each, scope, sold))
    devices = _devices(whole, scope, services)
    places = {each.site for each in services} | {each.site for each in devices}
    places |= _places(whole, scope)
    sites = tuple(each for each in whole.sites if each.id in places)
    areas = {each.area for each in sites} | scope.area
    names = scope.carrier | {each.carrier for each in services} | {each.carrier for each in devices}
    names |= {each.carrier for each in contracts}
    held = {each.id for each in devices}
    return replace(
        whole,
        areas=tuple(each for each in whole.areas if each.id in areas),
        sites=sites,
        carriers=tuple(each for each in whole.carriers if each.id in names),
        contracts=contracts,
        devices=devices,
        services=services,
        doors=tuple(each for each in whole.doors if each.device in held),
    )


def _sellers(whole: Snapshot) -> Mapping[str, set[str]]:
    """Return by service which contracts sell it."""
    made: dict[str, set[str]] = {}
    for contract in whole.contracts:
        for item in contract.items:
            for service in whole.services:
                if fits(contract, item, service, whole):
                    made.setdefault(service.id, set()).add(contract.id)
    return made


def sellers(service: Service, seen: Snapshot) -> set[str]:
    """Return the contracts that sell a service, as it is written here."""
    return {c.id for c in seen.contracts for item in c.items if fits(c, item, service, seen)}


def is_in(service: Service, whole: Snapshot, scope: Scope, sellers: Mapping[str, set[str]]) -> bool:
    """Whether a service lies in the scope: of each kind that it names, one."""
    return (
        (not scope.carrier or service.carrier in scope.carrier)
        and (not scope.contract or bool(scope.contract & sellers.get(service.id, set())))
        and (not scope.area or whole.site[service.site].area in scope.area)
        and (not scope.tag or bool(scope.tag & {*service.tags, *whole.site[service.site].tags}))
    )


def _is_seen(contract: Contract, scope: Scope, sold: set[str]) -> bool:
    """Whether a contract lies in the scope: one that is named, or sells what lies in it, by a carrier that does."""
    if scope.contract and contract.id not in scope.contract:
        return False
    if scope.carrier and contract.carrier not in scope.carrier:
        return False
    return contract.id in sold or not scope.of_places


def was_seen(contract: Contract, scope: Scope) -> bool:
    """Whether a contract that is not in force now lies in the scope."""
    named = (not scope.contract or contract.id in scope.contract) and (
        not scope.carrier or contract.carrier in scope.carrier
    )
    return named and not scope.of_places


def is_place(site: Site, scope: Scope) -> bool:
    """Whether a site is one of the places that a scope names; of one that names none each is."""
    return (not scope.area or site.area in scope.area) and (not scope.tag or bool(scope.tag & set(site.tags)))


def _places(whole: Snapshot, scope: Scope) -> set[str]:
    """Return the sites that a scope of places alone names; a scope that names a carrier or contract names none."""
    if scope.carrier or scope.contract:
        return set()
    return {each.id for each in whole.sites if is_place(each, scope)}


def _devices(whole: Snapshot, scope: Scope, services: tuple[Service, ...]) -> tuple[Device, ...]:
    """Return the devices that provide the services, those they hang on, and in scopes of places those that stand there.

    What hangs on a shared parent and lies outside is not among them; of the parent itself its state is seen.
    """
    held = {each.device for each in services} | {each.parent for each in services}
    if not scope.contract:
        held |= {
            each.id
            for each in whole.devices
            if is_place(whole.site[each.site], scope) and (not scope.carrier or each.carrier in scope.carrier)
        }
    held = _with_parents(held, whole)
    return tuple(each for each in whole.devices if each.id in held)


def _with_parents(devices: set[str], whole: Snapshot) -> set[str]:
    """Return devices with all that they hang on, up to the top."""
    made, waiting = set(devices), list(devices)
    while waiting:
        known = whole.device.get(waiting.pop())
        if known is not None and known.parent and known.parent not in made:
            made.add(known.parent)
            waiting.append(known.parent)
    return made


def _shared(whole: Snapshot, seen: Snapshot) -> frozenset[str]:
    """Return the devices in sight that others hang on as well: the bytes that they send tell of both."""
    provided, under = children.services(whole), children.devices(whole)
    out = {device for device, held in provided.items() if any(each not in seen.service for each in held)}
    out |= {each.parent for each in whole.services if each.id not in seen.service}
    out |= {device for device, held in under.items() if any(each not in seen.device for each in held)}
    return frozenset(_with_parents(out, whole) & set(seen.device))


def _entire(whole: Snapshot, seen: Snapshot, scope: Scope) -> frozenset[str]:
    """Return the sites that lie in a scope with all that stands there: a change of one touches nothing of others."""
    others = {each.site for each in whole.devices if each.id not in seen.device}
    others |= {each.site for each in whole.services if each.id not in seen.service}
    mine = {each.site for each in seen.services} | _places(whole, scope)
    return frozenset((mine & set(seen.site)) - others)


def _visited(whole: Snapshot, seen: Snapshot, scope: Scope) -> frozenset[str]:
    """Return the sites whose visitors lie in a scope: those that it names by place, those whose WiFi all lies in it.

    A visitor is known by the site, not by whose access point it was: where two sell WiFi neither sees the visits.
    """
    wifi = [each for each in whole.services if each.kind == WIFI]
    others = {each.site for each in wifi if each.id not in seen.service}
    mine = {each.site for each in wifi if each.id in seen.service} | _places(whole, scope)
    return frozenset((mine & set(seen.site)) - others)
