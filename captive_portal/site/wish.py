"""What somebody says of a site that is to be: its name, its gateway, where its visitors come from."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from captive_portal.model import INTERFACE
from captive_portal.policy_yaml import LONGEST_MINUTES
from inventory.reading.form import SLUG
from netops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LINUX, RADIUS, PORTAL2, ROUTER = "nftables", "radius", "portal2", "fas"
GATEWAYS = (LINUX, RADIUS, PORTAL2, ROUTER)
SMALLEST = 4  # addresses: ours, one visitor, and the two that nobody has
LONGEST_ID = 15  # of a controller: its id is the place of its visitors
_HOST = re.compile(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_WORD = re.compile(r"[a-z0-9_]+")

Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One site. `host` is the portal's name, empty where the settings have one already.

    Behind a Linux gateway `interface`, `own` (the gateway's addresses there) and `uplink` count; behind a controller
    or a router `controller` (its id), `address` (where its packets come from), `visitors` and `vendor`.
    """

    site: str
    gateway: str
    name: str = ""
    area: str = ""
    host: str = ""
    methods: tuple[str, ...] = ()
    minutes: int = 120
    interface: str = ""
    own: tuple[Interface, ...] = ()
    uplink: str = ""
    controller: str = ""
    address: str = ""
    visitors: tuple[Network, ...] = ()
    vendor: str = "standard"
    certificate: str = ""
    key: str = ""


def sane(wish: Wish) -> Wish:
    """Return the wish, or raise UsageError that names every word of it that is off."""
    wrong = [*_common(wish), *(_linux(wish) if wish.gateway == LINUX else _distant(wish))]
    if wrong:
        raise UsageError("\n".join(("this site cannot be set up:", *wrong)))
    return wish


def _common(wish: Wish) -> list[str]:
    wrong = []
    if not SLUG.fullmatch(wish.site):
        wrong.append(f"site '{wish.site}': an id is of a-z, 0-9, '_', '.', '-' and never changes")
    if wish.host and not _HOST.fullmatch(wish.host):
        wrong.append(f"--portal-name '{wish.host}': expected a name like wifi.city.example, without http://")
    if bool(wish.certificate) != bool(wish.key):
        wrong.append("--certificate and --key: say both, or neither")
    if not 1 <= wish.minutes <= LONGEST_MINUTES:
        wrong.append(f"--minutes {wish.minutes}: expected a whole number from 1 to {LONGEST_MINUTES}")
    twice = sorted({each for each in wish.methods if wish.methods.count(each) > 1})
    wrong += [f"--methods: '{each}' stands there twice; expected each way in once" for each in twice]
    return wrong


def _linux(wish: Wish) -> list[str]:
    wrong = []
    if not INTERFACE.fullmatch(wish.interface):
        remedy = "the interface that visitors are behind, as `ip link` shows it"
        wrong.append(f"--interface '{wish.interface}': expected {remedy}")
    if wish.uplink and (not INTERFACE.fullmatch(wish.uplink) or wish.uplink == wish.interface):
        wrong.append(f"--uplink '{wish.uplink}': expected the interface towards the internet")
    if not any(each.version == 4 for each in wish.own):
        wrong.append("--address: expected the gateway's own IPv4 address there, as 10.20.0.1/24")
    wrong += [
        f"--address {each}: expected an address inside a network, as 10.20.0.1/24"
        for each in wish.own
        if each.network.num_addresses < SMALLEST or each.ip == each.network.network_address
    ]
    return wrong


def _distant(wish: Wish) -> list[str]:
    wrong = []
    if not INTERFACE.fullmatch(wish.controller):
        wrong.append(f"--id '{wish.controller}': expected at most {LONGEST_ID} letters, digits, '_', '.', '-'")
    try:
        ipaddress.ip_address(wish.address)
    except ValueError:
        wrong.append(f"--from '{wish.address}': expected the address that its packets come from, as 192.0.2.10")
    if not wish.visitors:
        wrong.append("--visitors: expected the networks of its visitors, as 10.8.0.0/16")
    if not _WORD.fullmatch(wish.vendor):
        wrong.append(f"--vendor '{wish.vendor}': expected one word, as huawei")
    return wrong


def typed(addresses: Sequence[str], visitors: Sequence[str]) -> tuple[tuple[Interface, ...], tuple[Network, ...]]:
    """Return the gateway's addresses and its visitors' networks, or raise UsageError that names all that are none."""
    wrong: list[str] = []
    expected = "--address {0}: expected an address inside a network, as 10.20.0.1/24"
    own = _each(addresses, _interface, expected, wrong)
    networks = _each(visitors, ipaddress.ip_network, "--visitors {0}: expected a network, as 10.8.0.0/16", wrong)
    if wrong:
        raise UsageError("\n".join(("this site cannot be set up:", *wrong)))
    return own, networks


def _each(texts: Sequence[str], reads: Callable[[str], T], expected: str, wrong: list[str]) -> tuple[T, ...]:
    found = []
    for text in texts:
        try:
            found.append(reads(text))
        except ValueError:
            wrong.append(expected.format(repr(text)))
    return tuple(found)


def _interface(text: str) -> Interface:
    """Read `10.20.0.1/24`; ValueError."""
    if "/" not in text:
        raise ValueError(text)
    return ipaddress.ip_interface(text)
