"""Which addresses are looked at, in which order: only those inside what the settings allow, each once. Pure."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final, TypeAlias

from netops.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
MOST: Final = 65_536  # addresses of one sweep


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
        if not any(_within(network, each) for each in inside):
            known = ", ".join(map(str, inside)) or "none"
            raise UsageError(
                f"{network} is not within the networks that may be searched ({known}); "
                f"set discover.networks in the settings when it belongs to the city"
            )
    count = sum(network.num_addresses for network in networks)
    if count > most:
        raise UsageError(
            f"{count} addresses are too many for one search; expected at most {most}, give smaller networks"
        )
    return choose(list(dict.fromkeys(str(host) for network in networks for host in _hosts(network))))


def _network(word: str, subject: str, kind: type[ConfigError | UsageError]) -> Network:
    try:
        return ipaddress.ip_network(word)
    except ValueError as error:
        raise kind(f"{subject}: '{word[:60]}' is no network ({error}); expected such as 10.20.0.0/24") from None


def _within(network: Network, outer: Network) -> bool:
    if isinstance(network, ipaddress.IPv4Network):
        return isinstance(outer, ipaddress.IPv4Network) and network.subnet_of(outer)
    return isinstance(outer, ipaddress.IPv6Network) and network.subnet_of(outer)


def _hosts(network: Network) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    return iter(network.hosts())
