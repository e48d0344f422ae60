"""The controllers that may ask: who they are, by which secret, and what of a visitor they are believed.

A packet is believed by where it comes from and by the secret of that controller; a controller is believed about
visitors in its own networks and about nobody else's.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING, TypeAlias

from captive_portal.model import INTERFACE
from captive_portal.model import address as canonical
from captive_portal.radius.profiles import PROFILES, Profile
from netops.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from netops.config import Settings
    from netops.controllers import Controller

BEHIND_ONE = "a visitor is behind one of them, and either could say who has the other's addresses"
LEAST_SECRET = 16  # RFC 2865 section 3: at least 16 octets
ENTRIES = ("mac", "uam")
_MAC = re.compile(r"[0-9a-f]{2}(?:([-:.]?)[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}|[0-9a-f]{4}([-.:])[0-9a-f]{4}\2[0-9a-f]{4}")
_MARKS = str.maketrans("", "", "-:.")
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Nas:
    """A network access server (RFC 2865's word), as we know it."""

    id: str
    addresses: tuple[str, ...]
    secret: bytes
    networks: tuple[Network, ...] = ()
    profile: Profile = PROFILES["standard"]
    entry: str = "mac"
    entry_url: str = ""
    coa_port: int = 3799
    unsigned: bool = False
    untimed: bool = False
    by_mac: bool = True  # whether its visitors come in by MAC too; by Portal 2.0 only the portal lets in, each time

    def believed(self, text: str | None) -> str | None:
        """Return the canonical address of a visitor if it may be one of this controller's."""
        known = canonical(text) if text else None
        if known is None:
            return None
        parsed = ipaddress.ip_address(known)
        return known if any(parsed in each for each in self.networks if each.version == parsed.version) else None


@dataclass(frozen=True, slots=True)
class Known:
    """Every controller that speaks RADIUS, by its id and by where it comes from."""

    by_id: Mapping[str, Nas]
    by_address: Mapping[str, Nas]


def known(settings: Settings) -> Known:
    """Return the controllers of the settings that have a secret; ConfigError for one that cannot be."""
    by_id = {name: _nas(name, each, settings) for name, each in settings.portal.acs.items() if each.secret is not None}
    by_address: dict[str, Nas] = {}
    for each in by_id.values():
        for address in each.addresses:
            if address in by_address:
                raise ConfigError(
                    f"controllers '{by_address[address].id}' and '{each.id}' both have the address {address}; "
                    "a packet from there must belong to one"
                )
            by_address[address] = each
    twice = next(shared({name: each.networks for name, each in by_id.items()}), None)
    if twice is not None:
        one, other, network = twice
        raise ConfigError(f"controllers '{one}' and '{other}' both have the network {network}; {BEHIND_ONE}")
    return Known(by_id, by_address)


def _nas(name: str, given: Controller, settings: Settings) -> Nas:
    where = settings.origin.get(f"portal.acs.{name}.address", f"portal.acs.{name}")
    wrong = faults(name, given)
    if wrong:
        raise ConfigError(f"{where}: controller '{name}': {wrong[0]}")
    assert given.secret
    secret = given.secret.read().encode()
    if len(secret) < LEAST_SECRET:
        raise ConfigError(f"{where}: controller '{name}': its secret has {len(secret)} octets; expected {LEAST_SECRET}")
    return Nas(
        id=name,
        addresses=_addresses(given),
        secret=secret,
        networks=networks(given),
        profile=PROFILES[given.vendor],
        entry=given.entry,
        entry_url=given.entry_url,
        coa_port=given.coa_port,
        unsigned=given.unsigned,
        untimed=given.untimed,
        by_mac=given.gateway != "portal2",
    )


def faults(name: str, given: Controller) -> list[str]:
    """Return what is wrong with a controller's settings, without looking at its secret."""
    wrong = []
    if not INTERFACE.fullmatch(name):
        wrong.append("its id; expected at most 15 letters, digits, '_', '.', '@', '-'")
    try:
        if not _addresses(given):
            wrong.append("no 'address'; expected where its packets come from")
    except ValueError:
        wrong.append(f"'address' is '{given.address}'; expected numeric addresses, comma between them")
    try:
        if not networks(given):
            wrong.append("no 'networks'; expected those of its visitors, or nobody is believed to be one")
    except ValueError as error:
        wrong.append(f"'networks': {error}")
    if given.vendor not in PROFILES:
        wrong.append(f"'vendor' is '{given.vendor}'; expected one of {', '.join(PROFILES)}")
    if given.entry not in ENTRIES:
        wrong.append(f"'entry' is '{given.entry}'; expected one of {', '.join(ENTRIES)}")
    if given.entry == "uam" and not ("{user}" in given.entry_url and "{password}" in given.entry_url):
        wrong.append("'entry_url'; expected the controller's login page with {user} and {password}")
    return wrong


def networks(given: Controller) -> tuple[Network, ...]:
    """Return the networks of a controller's visitors; ValueError for what is none."""
    return tuple(ipaddress.ip_network(each.strip()) for each in given.networks.split(",") if each.strip())


def shared(given: Mapping[str, tuple[Network, ...]]) -> Iterator[tuple[str, str, Network]]:
    """Yield two controllers and the narrower network, for each that both would be believed about."""
    for (one, mine), (other, theirs) in combinations(given.items(), 2):
        for first, second in product(mine, theirs):
            if first.version == second.version and first.overlaps(second):
                yield one, other, max(first, second, key=lambda each: each.prefixlen)


def _addresses(given: Controller) -> tuple[str, ...]:
    return tuple(str(ipaddress.ip_address(each.strip())) for each in given.address.split(",") if each.strip())


def mac(text: str) -> str | None:
    """Return a MAC as we write it, from any of the ways in which controllers do; None for anything else."""
    folded = text.strip().lower()
    if not _MAC.fullmatch(folded):
        return None
    return bytes.fromhex(folded.translate(_MARKS)).hex(":")
