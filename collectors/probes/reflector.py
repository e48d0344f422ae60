"""The reflector as the settings describe it."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from collectors.probes import clocks
from collectors.probes.stamp.reflect import Limits, Network, Reflector
from collectors.probes.stamp.reflecting import Reflecting
from netops.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from collectors.probes.clocks import ClockState
    from netops.probing import Probe


def networks(listed: str) -> list[Network]:
    """Return the networks of a setting's list; ConfigError names the one that is none."""
    made: list[Network] = []
    for word in filter(None, (each.strip() for each in listed.split(","))):
        try:
            made.append(ipaddress.ip_network(word))
        except ValueError as error:
            raise ConfigError(
                f"'probe.reflect_allow': '{word}' is no network ({error}); expected 192.0.2.0/24"
            ) from None
    return made


def build(probe: Probe, *, clock: Callable[[], ClockState] = clocks.kernel) -> Reflecting:
    """Return the reflector, inert; ConfigError when it would answer nobody."""
    allowed = networks(probe.reflect_allow)
    if not allowed:
        raise ConfigError(
            "'probe.reflect_allow' is empty: the reflector would answer nobody; name the senders' networks"
        )
    key = probe.reflect_key.read().encode() if probe.reflect_key is not None else None
    made = Reflector(
        allowed=allowed,
        key=key,
        stateful=probe.reflect_stateful,
        follows_dscp=probe.reflect_dscp,
        limits=Limits(source_per_s=float(probe.reflect_per_s)),
    )
    return Reflecting(made, host=probe.reflect_host, port=probe.reflect_port, clock=clock)
