"""What travels through the portal: Client, Admitted, Bounds, Allowance, Grant, Session.

A client is what the gateway sees of a visitor: a MAC address on one of its visitor interfaces and the addresses in use.
It is read from the gateway, never from a query, a form or a header (S11).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from captive_portal.errors import PortalError

if TYPE_CHECKING:
    from collections.abc import Container, Mapping
    from typing import Any


MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
INTERFACE = re.compile(r"[A-Za-z0-9_.@-]{1,15}")  # IFNAMSIZ - 1
LONGEST_S = 31 * 86_400  # nobody is let in for longer at once
MOST_OCTETS = 2**53 - 1  # 9 petabytes: counters may say 2^64, SQLite has 63 bits, and readers of JSON 53
ADDRESSES_PER_CLIENT = 16  # one IPv4 and what IPv6 privacy addresses a phone keeps (RFC 8981); bounds the kernel's sets


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A visitor's device as the gateway sees it. `mac` is lower case with colons, `addresses` are canonical text."""

    mac: str
    interface: str
    addresses: tuple[str, ...] = ()

    @property
    def random_mac(self) -> bool:
        """Whether the device made its MAC up: the locally administered bit (IEEE 802-2014 section 8.4)."""
        return bool(int(self.mac[:2], 16) & 0b10)

    def at(self, *addresses: str) -> Client:
        """Return the same device with other addresses."""
        return Client(mac=self.mac, interface=self.interface, addresses=addresses)

    @property
    def key(self) -> tuple[str, str]:
        """What makes two sightings the same client: never an IP address, which the next visitor gets."""
        return self.interface, self.mac


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """One address that a gateway lets through, as the gateway tells it: for how long still, and what it has counted."""

    client: Client
    seconds: int
    octets_up: int = 0
    octets_down: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What an admitted visitor may use. 0 is "no bound of this kind"; only a grant's own `seconds` may be 0.

    `octets` counts both directions together. Rates are kbit/s (1,000 bit/s) of the visitor's downlink and uplink.
    """

    seconds: int
    idle_s: int = 0
    octets: int = 0
    down_kbps: int = 0
    up_kbps: int = 0


FREE = Bounds(seconds=0)  # nothing of its own: the site decides


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What a voucher gives: how long from its first use, to how many devices, once or again and again."""

    seconds: int
    devices: int = 1
    single_use: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a visitor agreed to: the version, the language it was shown in, the digest of that text, and where."""

    terms: str
    language: str
    digest: str
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A login method's yes: who said it, until when, and by which voucher (its keyed hash) if any.

    `bounds` is what the visitor may use; the desk narrows it to what the site allows. `person` is the keyed hash of who
    was identified (a phone number, an account), for joins; what it was is kept apart. `policy` is the digest of the
    site's policy in force.
    """

    method: str
    until_ms: int
    voucher: bytes = b""
    bounds: Bounds = FREE
    person: bytes = b""
    policy: str = ""
    agreed: Consent | None = None  # what a device had agreed to that was let in without a tap


class State(StrEnum):
    """Where a visit stands. `captive_portal/session.py` says how one follows the other."""

    NEW = "new"
    PROVING = "proving"
    PROVEN = "proven"
    RECORDED = "recorded"
    ONLINE = "online"
    ENDED = "ended"


class End(StrEnum):
    """Why a visit ended. RFC 2866 section 5.10 calls them Acct-Terminate-Cause."""

    REFUSED = "refused"  # the proof did not hold
    NO_RECORD = "no_record"  # the record could not be made durable: fail closed
    NO_GATEWAY = "no_gateway"  # the firewall did not open
    EXPIRED = "expired"
    LOGOUT = "logout"
    IDLE = "idle"  # nothing sent or received for as long as the site allows
    VOLUME = "volume"  # the octets of the site's policy are used up
    DISCONNECTED = "disconnected"  # by staff
    LOST = "lost"  # the gateway no longer knew the client


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One visitor's admitted time through a gateway. `id` is random; times are milliseconds UTC."""

    id: str
    client: Client
    state: State = State.NEW
    since_ms: int = 0
    grant: Grant | None = None
    end: End | None = None
    ended_ms: int | None = None

    def seconds_left(self, now_ms: int) -> int:
        """Return whole seconds until the grant ends, rounded down, never negative."""
        return max(0, (self.grant.until_ms - now_ms) // 1000) if self.grant else 0


def address(text: str) -> str | None:
    """Return an address in canonical form, or None for one that is never admitted (link-local, multicast, no address).

    The scope of `fe80::1%vlan0` is dropped, an IPv4-mapped IPv6 address is the IPv4 address it maps.
    """
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if parsed.version == 6 and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    if parsed.is_link_local or parsed.is_multicast or parsed.is_unspecified or int(parsed) == 0xFFFFFFFF:
        return None
    return str(parsed)


def client_of(asked: Mapping[str, Any], places: Container[str]) -> Client:
    """Return the client that a request in JSON names; PortalError for anything that is not exactly one."""
    mac, interface, addresses = asked.get("mac"), asked.get("interface"), asked.get("addresses")
    if not isinstance(mac, str) or not MAC.fullmatch(mac) or int(mac[1], 16) & 1 or mac == "00:00:00:00:00:00":
        raise PortalError("'mac'; expected a unicast address, lower case with colons")
    if not isinstance(interface, str) or interface not in places:
        raise PortalError("'interface'; expected one of the places of visitors that the settings name")
    if not isinstance(addresses, list) or not 0 < len(addresses) <= ADDRESSES_PER_CLIENT:
        raise PortalError(f"'addresses'; expected a list of 1 to {ADDRESSES_PER_CLIENT}")
    canonical = [address(each) if isinstance(each, str) else None for each in addresses]
    if any(each is None for each in canonical):
        raise PortalError("'addresses'; expected unicast IPv4 or IPv6 addresses that are not link-local")
    return Client(mac=mac, interface=interface, addresses=tuple(dict.fromkeys(map(str, canonical))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """What leads to everything that gateways keep of a person until an instant; `whose` is their keyed hash.

    `devices` are keyed identities, `stays` who had which address where: place, address, from and to (ms).
    """

    whose: bytes
    devices: frozenset[bytes]
    stays: tuple[tuple[str, str, int, int], ...]
    before_ms: int
