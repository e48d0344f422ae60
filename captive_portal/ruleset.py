"""The ruleset and its commands as text: pure functions, everything validated before it becomes a word of nftables.

What stands in the ruleset and why: captive_portal/gateway.nft. Who runs the text: captive_portal/gate.py.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from captive_portal.errors import PortalError
from captive_portal.model import INTERFACE, LONGEST_S, Admitted, Client, client_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from captive_portal.setlist import Element

TEMPLATE = Path(__file__).with_name("gateway.nft")
TABLE = re.compile(r"[a-z][a-z0-9_]{0,30}")
TABLE_NAME = "netops_portal"
MOST_KBPS = 10_000_000
HEARD_S = 60  # an address that the resolver has just told, before the gate has seen it
GARDEN_S = (
    900  # an address of the garden after it was last heard: longer than an answer lives (captive_portal/garden.py)
)
KNOCK_S = 30
SIGNS = ("hops", "options", "segment", "address", "reset")
REMEMBERED_S = 10
SETS = ("auth4", "auth6", "dn4", "dn6")  # of the admitted: their ways up and down
IFNAME = 16  # octets of an interface's name in a key (IFNAMSIZ); a MAC has eight there, its last two are nothing
RESETS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """What the ruleset of one gateway is made of."""

    interfaces: tuple[str, ...]
    port: int
    table: str = TABLE_NAME
    uplinks: tuple[str, ...] = ()
    gardens: tuple[str, ...] = ()  # visitor interfaces with a garden: each set costs every login some microseconds
    secure_port: int = 0  # where the portal speaks TLS; 0: nowhere
    standby: tuple[str, ...] = ()  # visitor interfaces that may be open while the portal is dead (standby.py)


def sane(rules: Ruleset) -> Ruleset:
    """Return the same ruleset, or raise PortalError naming what cannot be."""
    if not TABLE.fullmatch(rules.table):
        raise PortalError(f"nftables table '{rules.table}'; expected lower-case letters, digits and _, at most 31")
    if not rules.interfaces:
        raise PortalError(
            'no visitor interface; set [portal.visitors] with a line `<interface> = "<site id>"` for each'
        )
    for name in rules.interfaces:
        if not INTERFACE.fullmatch(name):
            raise PortalError(f"visitor interface {name!r}; expected an interface name of at most 15 characters")
    for name in rules.uplinks:
        if not INTERFACE.fullmatch(name) or name in rules.interfaces:
            raise PortalError(f"uplink {name!r}; expected the name of an interface that no visitor is behind")
    if len(set(map(garden_name, rules.interfaces))) < len(rules.interfaces):
        raise PortalError("two visitor interfaces differ in punctuation only; rename one: their gardens would be one")
    if not 0 < rules.port < 65_536 or not 0 <= rules.secure_port < 65_536:
        raise PortalError(f"portal ports {rules.port}, {rules.secure_port}; expected 1 to 65535")
    return rules


def text(rules: Ruleset, *, born: int | None = None) -> str:
    """Return the ruleset; `born` is the mark of a new table, None keeps the one that is there."""
    rules = sane(rules)
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        table=rules.table,
        port=rules.port,
        interfaces=", ".join(f'"{name}"' for name in rules.interfaces),
        secure_capture="\n".join(_secure_capture(rules)),
        secure_input="\n".join(_secure_input(rules)),
        twin_sets="\n".join(_twin_sets()),
        hops="{ 64, 128, 255 }",
        garden_sets="\n".join(_garden_sets(rules)),
        garden_rules="\n".join(_garden_rules(rules)),
        standby_sets="\n".join(_standby_sets(rules)),
        standby_rules="\n".join(_standby_rules(rules)),
        born=f"add element inet {rules.table} born {{ {born:#x} }}" if born is not None else "",
    )


def _secure_capture(rules: Ruleset) -> Iterator[str]:
    """Yield what brings 443 of the gateway's own addresses to the portal; everybody else's 443 is left alone."""
    if rules.secure_port:
        yield f"    fib daddr type local tcp dport 443 redirect to :{rules.secure_port}"


def _secure_input(rules: Ruleset) -> Iterator[str]:
    if rules.secure_port:
        new = f"tcp dport {rules.secure_port} ct state new"
        over = "counter name busy_dropped reject with tcp reset"
        yield f"    {new} add @busy {{ ether saddr ct count over 40 }} {over}"
        yield f"    tcp dport {rules.secure_port} accept"


def garden_name(interface: str) -> str:
    """Return an interface's name as a part of a set's name."""
    return re.sub(r"[^A-Za-z0-9]", "_", interface)


def _garden_sets(rules: Ruleset) -> Iterator[str]:
    for name in map(garden_name, rules.gardens):
        for version in "46":
            kind = f"type ipv{version}_addr; flags timeout; size 4096;"
            yield f"  set heard{version}_{name} {{ {kind} timeout {HEARD_S}s; }}"
            yield f"  set garden{version}_{name} {{ {kind} timeout {GARDEN_S}s; }}"


def _garden_rules(rules: Ruleset) -> Iterator[str]:
    for interface in rules.gardens:
        for version, field in (("4", "ip"), ("6", "ip6")):
            for kind in ("heard", "garden"):
                at = f"@{kind}{version}_{garden_name(interface)}"
                yield f'    iifname "{interface}" {field} daddr {at} ct mark set 2 return'


def _standby_sets(rules: Ruleset) -> Iterator[str]:
    """Yield which interfaces are open, and who knocks there; bounded, for a visitor can claim any address."""
    if rules.standby:
        yield "  set ajar { type ifname; flags timeout; }"
        for version in "46":
            kind = f"type ifname . ether_addr . ipv{version}_addr; flags dynamic,timeout;"
            yield f"  set knocking{version} {{ {kind} timeout {KNOCK_S}s; size 4096; }}"


def _standby_rules(rules: Ruleset) -> Iterator[str]:
    if rules.standby:
        yield "    iifname @ajar ip saddr != 0.0.0.0 update @knocking4 { iifname . ether saddr . ip saddr }"
        yield "    iifname @ajar ip6 saddr != { ::, fe80::/10 } update @knocking6 { iifname . ether saddr . ip6 saddr }"


def ajar(rules: Ruleset, interface: str, for_s: int) -> str:
    """Return the transaction that opens an interface for `for_s` from now; it ends by itself."""
    at = f'inet {rules.table} ajar {{ "{interface}"'
    return f"add element {at} }}\ndelete element {at} }}\nadd element {at} timeout {for_s}s }}"


def shut(rules: Ruleset, interface: str) -> str:
    """Return the transaction that ends it now."""
    at = f'inet {rules.table} ajar {{ "{interface}" }}'
    return f"add element {at}\ndelete element {at}"


def knocked(listed: list[dict[str, Any]], interfaces: Iterable[str]) -> Iterator[Client]:
    """Yield who knocks, from a listed set; what can be nobody's address is nobody."""
    known = tuple(interfaces)
    for each in items(listed):
        interface, mac, address_ = each["val"]["concat"]
        with suppress(PortalError):
            yield client_of({"interface": interface, "mac": mac, "addresses": [address_]}, known)


def vacant(rules: Ruleset, who: Client) -> str:
    """Return the transaction that changes nothing, and fails where the way down to an address stands for somebody."""
    ways = [at for at in _elements(rules, who) if f" {rules.table} dn" in at]
    return "\n".join(f"create element {at}\ndelete element {at}" for at in ways)


def answered(rules: Ruleset, clients: Iterable[Client]) -> str:
    """Return the transaction that forgets that these have knocked."""
    lines = []
    for each in clients:
        version = ipaddress.ip_address(each.addresses[0]).version
        at = f'inet {rules.table} knocking{version} {{ "{each.interface}" . {each.mac} . {each.addresses[0]} }}'
        lines.append(f"add element {at}\ndelete element {at}")
    return "\n".join(lines)


def _twin_sets() -> Iterator[str]:
    """Yield what the chain `twins` remembers for ten seconds, and for a minute what it found."""
    keys = {
        "": ("known_ttl", "known_hop", "with_time", "without_time", "known_mss", "known_ip", "moved"),
        " . ip ttl": ("face_ttl",),
        " . ip6 hoplimit": ("face_hop",),
        " . tcp option maxseg size": ("face_mss",),
        " . ip saddr": ("face_ip", "newcomer"),
    }
    for key, names in keys.items():
        for name in names:
            kind = f"typeof iifname . ether saddr{key}; flags dynamic,timeout;"
            yield f"  set {name} {{ {kind} timeout {REMEMBERED_S}s; size 65536; }}"
    for sign in SIGNS:
        kind = "typeof iifname . ether saddr; flags dynamic,timeout; counter;"
        yield f"  set twice_{sign} {{ {kind} timeout 1m; size 4096; }}"


def renew(rules: Ruleset, name: str, heard: Iterable[str]) -> str:
    """Return the transaction that keeps what was heard open for `GARDEN_S` from now; `name` is the set's."""
    at = f"inet {rules.table} garden{name}"
    return "\n".join(
        f"add element {at} {{ {each} }}\ndelete element {at} {{ {each} }}\n"
        f"add element {at} {{ {each} timeout {GARDEN_S}s }}"
        for each in heard
    )


def seconds(asked: Mapping[str, Any]) -> int:
    """Return the timeout that a request names, 1 s to 31 days; 0 would mean for ever."""
    value = asked.get("seconds")
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= LONGEST_S:
        raise PortalError(f"'seconds'; expected an integer from 1 to {LONGEST_S}")
    return value


def rates(asked: Mapping[str, Any]) -> tuple[int, int]:
    """Return the kbit/s down and up that a request names; 0, or nothing said, is no bound."""
    found = [asked.get(name, 0) for name in ("down_kbps", "up_kbps")]
    for value in found:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_KBPS:
            raise PortalError(f"'down_kbps', 'up_kbps'; expected integers from 0 to {MOST_KBPS}")
    return found[0], found[1]


def allow(rules: Ruleset, who: Client, for_s: int) -> str:
    """Return the transaction that lets the client in for `for_s` from now, whatever was before.

    An element that exists keeps its old timeout on kernels before 6.12; so it is put in, taken out and put in anew, in
    one transaction that no packet sees the middle of.
    """
    return "\n".join(
        f"add element {at}\ndelete element {at}\nadd element {at[:-1]}timeout {for_s}s }}"
        for at in _elements(rules, who)
    )


def revoke(rules: Ruleset, who: Client) -> str:
    """Return the transaction that closes the door; it succeeds for a client that is not there."""
    return "\n".join(f"add element {at}\ndelete element {at}" for at in _elements(rules, who))


def _elements(rules: Ruleset, who: Client) -> Iterator[str]:
    for each in who.addresses:
        version = ipaddress.ip_address(each).version
        yield f'inet {rules.table} auth{version} {{ "{who.interface}" . {who.mac} . {each} }}'
        yield f'inet {rules.table} dn{version} {{ "{who.interface}" . {each} }}'


def admitted(listed: Mapping[str, Sequence[Element]]) -> list[Admitted]:
    """Return who is let through, by the elements of `SETS`: an address's way up, with what its way down has counted."""
    received = {each.key: each.octets for name in ("dn4", "dn6") for each in listed[name]}
    found = []
    for name, family in (("auth4", socket.AF_INET), ("auth6", socket.AF_INET6)):
        for key, sent, left_ms in listed[name]:
            interface, device, address = key[:IFNAME], key[IFNAME : IFNAME + 6], key[IFNAME + 8 :]
            place = interface.rstrip(b"\0").decode(errors="replace")
            client = Client(interface=place, mac=device.hex(":"), addresses=(socket.inet_ntop(family, address),))
            octets = received.get(interface + address, 0)
            found.append(Admitted(client=client, seconds=left_ms // 1000, octets_up=sent, octets_down=octets))
    return found


def keys(clients: Iterable[Client]) -> dict[str, list[bytes]]:
    """Return the elements of clients' doors, by set: what `admitted` reads."""
    found: dict[str, list[bytes]] = {name: [] for name in SETS}
    for who in clients:
        place, device = who.interface.encode().ljust(IFNAME, b"\0"), bytes.fromhex(who.mac.replace(":", ""))
        for each in who.addresses:
            address = ipaddress.ip_address(each)
            found[f"auth{address.version}"].append(place + device + b"\0\0" + address.packed)
            found[f"dn{address.version}"].append(place + address.packed)
    return found


def halves(listed: Mapping[str, Sequence[Element]]) -> Iterator[tuple[str, list[bytes]]]:
    """Yield the ways down, by set, of those whose way up alone was listed: what came to them would count as nothing."""
    for up, down in (("auth4", "dn4"), ("auth6", "dn6")):
        there = {each.key for each in listed[down]}
        ways = dict.fromkeys(each.key[:IFNAME] + each.key[IFNAME + 8 :] for each in listed[up])
        if missed := [each for each in ways if each not in there]:
            yield down, missed


def twice(sign: str, listed: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return the (interface, MAC) of a listed set `twice_…`; a reset that crossed one late packet is no sign yet."""
    return [
        (each["val"]["concat"][0], each["val"]["concat"][1])
        for each in items(listed)
        if sign != "reset" or each.get("counter", {}).get("packets", 0) >= RESETS
    ]


def items(objects: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Return the elements of listed sets that have more than a value: a timeout, a counter."""
    for item in objects:
        yield from (each["elem"] for each in item.get("set", {}).get("elem", []))
