"""Which addresses are looked at, in which order: only those inside what the settings allow, each once. Pure."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final, TypeAlias

from netops.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
MOST: Final = 65_536  # addresses of one sweep
# Searched only where the settings name it or a part of it: that a wide network happens to hold it is not enough.
NAMED_ONLY: Final = tuple(map(ipaddress.ip_network, ("127.0.0.0/8", "169.254.0.0/16", "::1/128")))
NEVER: Final = {
    "::ffff:0:0/96": "write IPv4 addresses as IPv4: 10.20.0.0/24",
    "fe80::/10": "a link-local address says nothing without its link; search the devices' global or unique-local ones",
    "ff00::/8": "multicast would make every device answer at once",
    "224.0.0.0/4": "multicast would make every device answer at once",
    "240.0.0.0/4": "no device has such an address",
    "0.0.0.0/8": "no device has such an address",
    "::/128": "no device has such an address",
}
_NEVER: Final = {ipaddress.ip_network(written): why for written, why in NEVER.items()}


def allowed(written: str) -> tuple[Network, ...]:
    """Return the networks of the setting `discover.networks`; ConfigError names the word that is none."""
    return tuple(_network(word, "discover.networks", ConfigError) for word in written.replace(",", " ").split())


def addresses(
    words: Iterable[str],
    inside: Sequence[Network],
    *,
    choose: Callable[[list[str]], list[str]] = list,
    most: int = MOST,
) -> list[str]:
    """Return the addresses of these networks, each once, in the order of `choose`.

    UsageError when a network lies outside those allowed: a search must not be led to where the city has no business.
    """
    networks = [_network(word, "CIDR", UsageError) for word in words]
    for network in networks:
        _refuse(network, inside)
    count = sum(network.num_addresses for network in networks)
    if count > most:
        six = any(network.version == 6 and network.num_addresses > most for network in networks)
        remedy = "an IPv6 network cannot be tried out, name its devices" if six else "give smaller networks"
        raise UsageError(f"{count} addresses are too many for one search; expected at most {most}: {remedy}")
    return choose(list(dict.fromkeys(str(host) for network in networks for host in _hosts(network))))


def _refuse(network: Network, inside: Sequence[Network]) -> None:
    for special, why in _NEVER.items():
        if _within(network, special):
            raise UsageError(f"{network} is never searched: {why}")
    named = next((special for special in NAMED_ONLY if _overlaps(network, special)), None)
    if not any(_within(network, each) and (named is None or _within(each, named)) for each in inside):
        known = ", ".join(map(str, inside)) or "none"
        raise UsageError(
            f"{network} is not within the networks that may be searched ({known}); "
            f"set discover.networks in the settings when it belongs to the city"
        )


def _overlaps(network: Network, special: Network) -> bool:
    """Whether they share an address: one of two networks that do holds the other."""
    return _within(network, special) or _within(special, network)


def _network(word: str, subject: str, kind: type[ConfigError | UsageError]) -> Network:
    try:
        if "%" in word:
            raise ValueError("it names a zone")  # noqa: TRY301
        return ipaddress.ip_network(word)
    except ValueError as error:
        raise kind(f"{subject}: '{word[:60]}' is no network ({error}); expected such as 10.20.0.0/24") from None


def _within(network: Network, outer: Network) -> bool:
    if isinstance(network, ipaddress.IPv4Network):
        return isinstance(outer, ipaddress.IPv4Network) and network.subnet_of(outer)
    return isinstance(outer, ipaddress.IPv6Network) and network.subnet_of(outer)


def _hosts(network: Network) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    return iter(network.hosts())
