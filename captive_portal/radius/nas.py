"""The controllers that may ask: who they are, by which secret, and what of a visitor they are believed.

A packet is believed by where it comes from and by the secret of that controller; a controller is believed about
visitors in its own networks and about nobody else's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from captive_portal import controllers
from captive_portal.controllers import within
from captive_portal.model import address as canonical
from captive_portal.radius.profiles import PROFILES, Profile
from netops.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from captive_portal.controllers import Network
    from netops.config import Settings
    from netops.controllers import Controller

LEAST_SECRET = 16  # RFC 2865 section 3: at least 16 octets
ENTRIES = ("mac", "uam")
_MAC = re.compile(r"[0-9a-f]{2}(?:([-:.]?)[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}|[0-9a-f]{4}([-.:])[0-9a-f]{4}\2[0-9a-f]{4}")
_MARKS = str.maketrans("", "", "-:.")


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
        return known if known is not None and within(self.networks, known) else None


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
    twice = next(controllers.shared({name: each.networks for name, each in by_id.items()}), None)
    if twice is not None:
        one, other, network = twice
        raise ConfigError(
            f"controllers '{one}' and '{other}' both have the network {network}; {controllers.BEHIND_ONE}"
        )
    return Known(by_id, by_address)


def _nas(name: str, given: Controller, settings: Settings) -> Nas:
    where = settings.origin.get(f"portal.acs.{name}.address", f"portal.acs.{name}")
    at = controllers.reach(settings, name, given)
    wrong = faults(given)
    if given.vendor not in PROFILES:
        wrong = [f"'vendor' is '{given.vendor}'; expected one of {', '.join(PROFILES)}"]
    if wrong:
        raise ConfigError(f"{where}: controller '{name}': {wrong[0]}")
    assert given.secret
    secret = given.secret.read().encode()
    if len(secret) < LEAST_SECRET:
        raise ConfigError(f"{where}: controller '{name}': its secret has {len(secret)} octets; expected {LEAST_SECRET}")
    return Nas(
        id=name,
        addresses=at.addresses,
        secret=secret,
        networks=at.networks,
        profile=PROFILES[given.vendor],
        entry=given.entry,
        entry_url=given.entry_url,
        coa_port=given.coa_port,
        unsigned=given.unsigned,
        untimed=given.untimed,
        by_mac=given.gateway != "portal2",
    )


def faults(given: Controller) -> list[str]:
    """Return what is wrong with how a controller speaks RADIUS, without looking at its secret."""
    wrong = []
    if given.vendor not in PROFILES and given.gateway != "portal2":  # its own profiles are some of these
        wrong.append(f"'vendor' is '{given.vendor}'; expected one of {', '.join(PROFILES)}")
    if given.entry not in ENTRIES:
        wrong.append(f"'entry' is '{given.entry}'; expected one of {', '.join(ENTRIES)}")
    if given.entry == "uam" and not ("{user}" in given.entry_url and "{password}" in given.entry_url):
        wrong.append("'entry_url'; expected the controller's login page with {user} and {password}")
    return wrong


def asks(given: Controller) -> bool:
    """Whether a controller asks about a device by its MAC as soon as it sees it: then an answer alone lets it in."""
    return given.gateway == "radius" and given.entry == "mac"


def asking(settings: Settings) -> dict[str, str]:
    """Return the controllers that do, with their sites."""
    return {name: each.site for name, each in settings.portal.acs.items() if asks(each)}


def mac(text: str) -> str | None:
    """Return a MAC as we write it, from any of the ways in which controllers do; None for anything else."""
    folded = text.strip().lower()
    if not _MAC.fullmatch(folded):
        return None
    return bytes.fromhex(folded.translate(_MARKS)).hex(":")
