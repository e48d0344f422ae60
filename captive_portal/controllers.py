"""What every controller of the settings has, `[portal.acs.<id>]`, whichever protocol it speaks: who, whence, for whom.

How it is spoken to stands with the protocol: captive_portal/radius/nas.py, captive_portal/portal2/ac.py and
captive_portal/gateways/fas.py. A controller is believed about visitors in its own networks and about nobody else's.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING, TypeAlias

from captive_portal.model import INTERFACE
from inventory.errors import Problem
from netops.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from inventory.snapshot import Snapshot
    from netops.config import Settings
    from netops.controllers import Controller

BEHIND_ONE = "a visitor is behind one of them, and either could say who has the other's addresses"
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a controller's packets come from, in the order of the settings, and the networks of its visitors."""

    addresses: tuple[str, ...]
    networks: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one setting of a controller."""

    key: str
    what: str


def reach(settings: Settings, name: str, given: Controller) -> Reach:
    """Return where a controller is and whose visitors it has; ConfigError names the first setting that is off."""
    for fault in faults(name, given):
        raise off(settings, name, fault.key, fault.what)
    return Reach(_addresses(given), networks(given))


def off(settings: Settings, name: str, key: str, what: str) -> ConfigError:
    """Return the error of a setting: where it stands, its name, what is off."""
    dotted = f"portal.acs.{name}.{key}"
    return ConfigError(f"{settings.origin.get(dotted, 'settings')}: '{dotted}' {what}")


def faults(name: str, given: Controller) -> list[Fault]:
    """Return what is wrong with id, addresses and networks."""
    found = []
    if not INTERFACE.fullmatch(name):
        found.append(Fault("address", f"is of a controller named {name!r}; expected at most 15 letters and digits"))
    try:
        if not _addresses(given):
            found.append(Fault("address", "is empty; expected the numeric address that it sends from"))
    except ValueError:
        what = f"is '{given.address}'; expected the numeric address that it sends from, a comma before each further one"
        found.append(Fault("address", what))
    try:
        if not networks(given):
            what = "is empty, so nobody is its visitor; expected its visitors' networks as 10.1.0.0/16,…"
            found.append(Fault("networks", what))
    except ValueError as error:
        found.append(Fault("networks", f"cannot be ({error}); expected networks as 10.1.0.0/16, separated by commas"))
    return found


def networks(given: Controller) -> tuple[Network, ...]:
    """Return the networks of a controller's visitors; ValueError for what is none."""
    return tuple(ipaddress.ip_network(each.strip()) for each in given.networks.split(",") if each.strip())


def _addresses(given: Controller) -> tuple[str, ...]:
    return tuple(str(ipaddress.ip_address(each.strip())) for each in given.address.split(",") if each.strip())


def within(those: tuple[Network, ...], address: str) -> bool:
    """Whether an address is in one of these networks; what is no address is in none."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in each for each in those if each.version == parsed.version)


def shared(given: Mapping[str, tuple[Network, ...]]) -> Iterator[tuple[str, str, Network]]:
    """Yield two controllers and the narrower network, for each that both would be believed about."""
    for (one, mine), (other, theirs) in combinations(given.items(), 2):
        for first, second in product(mine, theirs):
            if first.version == second.version and first.overlaps(second):
                yield one, other, max(first, second, key=lambda each: each.prefixlen)


# ---- what `netops check` says
def where(settings: Settings, name: str, key: str = "address") -> str:
    """Return where a controller stands in the settings."""
    return settings.origin.get(f"portal.acs.{name}.{key}", f"portal.acs.{name}")


def problems(settings: Settings, snapshot: Snapshot) -> Iterator[Problem]:
    """Yield what is wrong with controllers whichever protocol they speak; no secret is read."""
    sane = {}
    for name, each in settings.portal.acs.items():
        if each.site not in snapshot.site:
            what = f"controller '{name}' serves site '{each.site}', which the register does not have"
            yield Problem(where(settings, name, "site"), what, nearest(each.site, snapshot.site).removeprefix("; "))
        if name in settings.portal.visitors:
            what = f"controller '{name}' has the name of a visitor interface"
            yield Problem(where(settings, name), what, "give it another id")
        wrong = faults(name, each)
        for fault in wrong:
            yield Problem(where(settings, name, fault.key), f"'portal.acs.{name}.{fault.key}' {fault.what}")
        if not wrong:
            sane[name] = each
    yield from _twice(settings, sane)


def _twice(settings: Settings, sane: Mapping[str, Controller]) -> Iterator[Problem]:
    """Yield addresses from which two would speak, and networks that two say are theirs."""
    for (one, first), (other, second) in combinations(sane.items(), 2):
        both = set(_addresses(first)) & set(_addresses(second))
        by_radius = first.secret is not None and second.secret is not None
        if both and (by_radius or first.gateway == second.gateway):
            what = f"controllers '{one}' and '{other}' have the same address {min(both)}"
            yield Problem(where(settings, other), what, "a packet from there must belong to one of them")
    for one, other, network in shared({name: networks(each) for name, each in sane.items()}):
        what = f"controllers '{one}' and '{other}' both have the network {network}"
        yield Problem(where(settings, other, "networks"), what, BEHIND_ONE)
