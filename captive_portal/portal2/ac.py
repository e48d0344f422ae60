"""A controller that speaks Portal 2.0: where it is, whose visitors it has, how its make speaks. Frozen; no I/O.

What differs by make is data (`PROFILES`); what differs by controller stands in the settings, `[portal.acs.<id>]`.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from captive_portal import controllers
from captive_portal.portal2.packet import Attribute
from netops.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from captive_portal.controllers import Network
    from netops.config import Settings
    from netops.controllers import Controller

GATEWAY = "portal2"
SHORTEST_SECRET = 8  # characters; MD5 over it is all the integrity there is


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How a make speaks.

    `query` are names in the address that it redirects a browser to: those of the visitor's address, its MAC, the
    controller, the controller's address, the network.
    What stands in that query is never believed (S11); it tells an operator that there is a NAT in between.
    """

    version: int = 2
    pap: bool = False
    charset: str = "gb18030"  # of its texts
    heartbeat_s: int = 0  # how often it is told that we live; 0: it is not asked for
    roll_s: int = 0  # how often it is told who is online; 0: it is not asked for
    asks: tuple[int, ...] = (Attribute.PORT, Attribute.SESSION)  # what REQ_INFO asks for
    query: tuple[str, ...] = ("wlanuserip", "wlanusermac", "wlanacname", "wlanacip", "ssid")
    logon_acks: bool = False  # whether NTF_MTUSER_LOGON and …LOGOUT are answered


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "standard": Profile(),  # QB-D-026, China Mobile's WLAN portal interface 2.0
        "huawei": Profile(
            charset="utf-8", heartbeat_s=20, query=("userip", "usermac", "ac-name", "ac-ip", "ssid")
        ),  # AC6605, ME60: `server-detect`, `web-auth-server … url-template`
        "h3c": Profile(
            heartbeat_s=20,
            roll_s=120,  # its `user-sync` puts out who was not named for 300 s × 4
            query=("wlanuserip", "wlanusermac", "wlanacname", "nas-ip", "wlanssid"),
        ),
        "ruijie": Profile(query=("wlanuserip", "mac", "wlanacname", "nasip", "ssid")),
        "zte": Profile(query=("wlanuserip", "wlanusermac", "wlanacname", "wlanacip", "ssid"), logon_acks=True),
    }
)


@dataclass(frozen=True, kw_only=True)
class Ac:
    """One controller. `id` is the place of its visitors; `address` and `port` are where it is spoken to.

    `others` are further addresses that it speaks from.
    """

    id: str
    address: str
    networks: tuple[Network, ...]
    secret: bytes
    port: int = 2000
    site: str = ""
    unsigned: bool = False
    binding: bool = False
    vendor: str = "standard"
    others: tuple[str, ...] = ()
    profile: Profile = PROFILES["standard"]

    @cached_property
    def itself(self) -> tuple[tuple[int, bytes], ...]:
        """The attribute that names the controller in what is sent to it: BAS-IP, or BAS-IPv6 and an empty BAS-IP."""
        parsed = ipaddress.ip_address(self.address)
        if parsed.version == 4:
            return ((Attribute.BAS_IP, parsed.packed),)
        return ((Attribute.BAS_IP, bytes(4)), (Attribute.BAS_IP6, parsed.packed))

    def has(self, address: str) -> bool:
        """Whether an address is one of its visitors'."""
        return controllers.within(self.networks, address)

    def claims(self, query: Mapping[str, str]) -> bool:
        """Whether a query is one of its redirects that names one of its visitors. True proves nothing (S11)."""
        return self.has(query.get(self.profile.query[0], "")[:64])

    def text(self, octets: bytes) -> str:
        """Return a text of the controller's, in its charset; what is not printable is shown as such."""
        shown = octets[:200].decode(self.profile.charset, errors="replace")
        return "".join(each if each.isprintable() else "\ufffd" for each in shown)


def named(settings: Settings) -> dict[str, Controller]:
    """Return the controllers of the settings that speak Portal 2.0."""
    return {name: each for name, each in settings.portal.acs.items() if each.gateway == GATEWAY}


def read(settings: Settings) -> tuple[Ac, ...]:
    """Return the controllers; ConfigError says what is wrong with one of them."""
    return tuple(made(settings, name, each) for name, each in named(settings).items())


def made(settings: Settings, name: str, given: Controller) -> Ac:
    """Return one controller; ConfigError names the setting that is off, what was expected and the remedy."""
    shape = looked_at(settings, name, given)
    secret = given.portal_secret.read() if given.portal_secret is not None else ""
    if len(secret) < SHORTEST_SECRET and shape.profile.version == 2:
        what = f"has {len(secret)} characters; expected at least {SHORTEST_SECRET}"
        raise controllers.off(settings, name, "portal_secret", what)
    return replace(shape, secret=secret.encode())


def looked_at(settings: Settings, name: str, given: Controller) -> Ac:
    """Return one controller without its secret, which not everybody who checks the settings may read."""
    at = controllers.reach(settings, name, given)
    off = partial(controllers.off, settings, name)
    if given.vendor not in PROFILES:
        expected = f"{', '.join(PROFILES)}{nearest(given.vendor, PROFILES)}"
        raise off("vendor", f"is '{given.vendor}'; expected one of {expected}")
    if given.portal_auth not in {"", "chap", "pap"}:
        raise off("portal_auth", f"is '{given.portal_auth}'; expected chap or pap")
    if given.portal_version not in {0, 1, 2}:
        raise off("portal_version", f"is {given.portal_version}; expected 1 or 2")
    if not 0 < given.portal_port < 65_536:
        raise off("portal_port", f"is {given.portal_port}; expected 1 to 65535")
    profile = PROFILES[given.vendor]
    profile = replace(
        profile,
        version=given.portal_version or profile.version,
        pap=given.portal_auth == "pap" if given.portal_auth else profile.pap,
    )
    if profile.version == 1 and not given.portal_unsigned:
        raise off("portal_version", "is 1, which has no integrity; set `portal_unsigned = true` if you accept that")
    if given.portal_secret is None and profile.version == 2:
        raise off("portal_secret", "is empty; expected a reference to the secret that the controller has, too")
    return Ac(
        id=name,
        address=at.addresses[0],
        port=given.portal_port,
        site=given.site,
        networks=at.networks,
        secret=b"",
        unsigned=given.portal_unsigned,
        binding=given.portal_binding,
        vendor=given.vendor,
        others=at.addresses[1:],
        profile=profile,
    )
