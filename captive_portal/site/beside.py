"""What other programs need for a new site: dnsmasq (DHCP, names), nftables (NAT), openNDS on a router, a controller.

Settings for servers of others, as text; we run none of them. The visitors' resolver answers the portal's name with the
gateway's own addresses, and everything else truthfully.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from captive_portal import announce
from captive_portal.capport import PATH
from captive_portal.site.around import Written, folder, host, page
from captive_portal.site.wish import LINUX, PORTAL2, ROUTER, Wish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from captive_portal.site.around import Around
    from captive_portal.site.wish import Address, Interface
    from netops.controllers import Controller

LEASE = "1h"  # visitors come and go; a session of ours does not hang on the lease
MOST_LEASES = 60_000
LEASES = "/var/lib/misc"  # where Debian's dnsmasq keeps them


def files(wish: Wish, around: Around, secret: str) -> Iterator[Written]:
    """Yield what belongs to the programs beside us."""
    beneath = folder(wish, around)
    if wish.gateway == LINUX:
        yield Written(path=beneath / "dnsmasq.conf", text="\n".join(_dnsmasq(wish, around)) + "\n")
        inner = [str(each.network) for each in wish.own if each.version == 4 and each.network.is_private]
        if inner and wish.uplink:
            yield Written(path=beneath / "nat.nft", text=_nat(wish, inner))
    elif wish.gateway == ROUTER:
        at = around.settings.portal.secure.port
        lines = router(wish.site, secret, host=host(wish, around.settings), port=at)
        yield Written(path=beneath / "opennds.conf", text=debian(lines), secret=True)
        yield Written(path=beneath / "opennds.uci", text=openwrt(lines), secret=True)
    else:
        yield Written(path=beneath / "controller.txt", text="\n".join(_controller(wish, around)) + "\n")


def _dnsmasq(wish: Wish, around: Around) -> Iterator[str]:
    named = host(wish, around.settings)
    yield f"# DHCP and names for the visitors of {wish.site}. A garden needs more: `netops portal garden`."
    yield f"interface={wish.interface}"
    yield from (
        "except-interface=lo",
        "bind-dynamic",
        "pid-file=",
        f"dhcp-leasefile={LEASES}/netops-{wish.site}.leases",
    )
    for each in wish.own:
        if each.version == 4:
            first, last = pool(each)
            yield f"dhcp-range={first},{last},{LEASE}"
            yield f"dhcp-lease-max={min(int(last) - int(first) + 1, MOST_LEASES)}"
        else:
            yield "enable-ra"
            yield f"dhcp-range={each.network.network_address},ra-stateless,{each.network.prefixlen},{LEASE}"
    yield from (f"address=/{named}/{each.ip}" for each in wish.own)
    secure = wish.certificate or around.settings.portal.secure.tls_certificate is not None
    if secure:
        uri = around.settings.portal.api_url or f"https://{named}{PATH}"
        yield from announce.dnsmasq(uri, [wish.interface]).splitlines()


def pool(own: Interface) -> tuple[Address, Address]:
    """Return the first and last address for visitors: the larger part of the network beside the gateway's own."""
    net = own.network
    low, high, mine = net.network_address + 1, net.broadcast_address - 1, own.ip
    return (mine + 1, high) if int(mine) - int(low) <= int(high) - int(mine) else (low, mine - 1)


def _nat(wish: Wish, inner: list[str]) -> str:
    name = "netops_nat_" + "".join(each if each.isalnum() else "_" for each in wish.interface)
    rule = f'ip saddr {{ {", ".join(inner)} }} oifname "{wish.uplink}" masquerade'
    return (
        f"# Visitors of {wish.site} have private addresses: the uplink shows ours. May be loaded again.\n"
        f"table ip {name}\ndelete table ip {name}\ntable ip {name} {{\n"
        f"  chain out {{\n    type nat hook postrouting priority srcnat; policy accept;\n    {rule}\n  }}\n}}\n"
    )


def router(name: str, secret: str, *, host: str, port: int) -> dict[str, str]:
    """Return what openNDS 9.10 on a router must say (FAS level 3); `fasremoteip` is the portal's address."""
    return {
        "gatewayname": name,
        "enable_serial_number_suffix": "0",
        "fas_secure_enabled": "3",
        "fasremotefqdn": host,
        "fasport": str(port),
        "faspath": "/",
        "faskey": secret,
    }


POLL = "nat_traversal_poll_interval"  # seconds between two questions whom to let in; ten by itself
_HEAD = (
    "# openNDS 9.10: php-cli is needed, and no NAT between visitors and portal.",
    "# Say yourself: the interface of the visitors, and fasremoteip, the portal's address as its name resolves.",
)


def debian(lines: dict[str, str]) -> str:
    """Return the lines as /etc/opennds/opennds.conf has them.

    The daemon refuses to start with `POLL`, which only its `authmon` reads: by looking for the word, in comments too.
    """
    every = (*_HEAD, *(f"{key} {value}" for key, value in lines.items()), f"# {POLL} 1")
    return "\n".join((*every, "#GatewayInterface br-visitors", "#fasremoteip 192.0.2.2", ""))


def openwrt(lines: dict[str, str]) -> str:
    """Return the lines as /etc/config/opennds (UCI) has them."""
    every = (
        *_HEAD,
        "config opennds",
        "\toption enabled '1'",
        *(f"\toption {k} '{v}'" for k, v in {**lines, POLL: "1"}.items()),
    )
    return "\n".join((*every, "\t#option gatewayinterface 'br-visitors'", "\t#option fasremoteip '192.0.2.2'", ""))


def of_controller(name: str, given: Controller, *, host: str, port: int) -> dict[str, str]:
    """Return the router's lines for one that the settings have already."""
    secret = given.fas_key.read() if given.fas_key is not None else ""
    return router(given.fas_name or name, secret, host=host, port=port)


def _controller(wish: Wish, around: Around) -> Iterator[str]:
    settings, secrets = around.settings, around.home / "secrets"
    ports = f"{settings.radius.auth_port} and {settings.radius.acct_port}"
    listen = "" if settings.radius.listen == "any" else f" at {settings.radius.listen}"
    yield f"To be set on the controller at {wish.address}:"
    yield f"  RADIUS servers   this machine{listen}, UDP {ports}; secret: {secrets / f'{wish.controller}.radius'}"
    yield "                   Message-Authenticator in every request; accounting: Start, Stop, Interim-Update,"
    yield "                   with Event-Timestamp and Framed-IP-Address"
    if wish.gateway == PORTAL2:
        told = f"this machine, UDP {settings.portal2.port}; secret: {secrets / f'{wish.controller}.portal'}"
        yield f"  portal server    {told}"
    else:
        yield "  RFC 5176         this machine may send Disconnect and CoA to UDP 3799; the same secret"
        yield "  WLAN             MAC authentication; who is refused gets the login page"
    yield f"  login page       {page(wish, settings)}/"
    visitors = ", ".join(map(str, wish.visitors))
    yield f"  before login     reachable: this machine, DHCP, DNS; no NAT between {visitors} and us"
