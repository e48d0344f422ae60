"""The walled garden by name: which addresses a site opens before login, as its resolver has told them to a visitor.

Names have no addresses of their own: a content network answers each resolver differently, and anew every minute. So
nothing is looked up here. The gateway's resolver (dnsmasq) puts each answer about a garden name into a set of the
visitors' interface *before* it answers, and the ruleset opens web traffic to the addresses of that set. A name stands
for itself and for everything below it, over IPv4 and IPv6, through any chain of CNAMEs.

What no resolver can learn: names that a device asks elsewhere by an encrypted resolver (it cannot before login, so it
falls back or fails), addresses that an app has built in, and what else lives at a shared address. A garden on a content
network opens all of that network's customers at the addresses told; keep gardens short.

How long an address stays open: the answer lives for at most `LONGEST_ANSWER_S` in the resolver's cache and the
visitor's, the address for `ruleset.GARDEN_S` after it was last told. The first must be the shorter: dnsmasq says
nothing to the firewall when it answers from its cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from captive_portal import policy_yaml
from captive_portal.ruleset import TABLE_NAME, garden_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netops.config import Settings

LONGEST_ANSWER_S = 300


def names(settings: Settings) -> dict[str, list[str]]:
    """Return each garden name, with the visitor interfaces at which it is open."""
    policies = policy_yaml.read(settings)
    found: dict[str, list[str]] = {}
    for interface, site in settings.portal.visitors.items():
        for name in policies.at(site).garden:
            found.setdefault(name, []).append(interface)
    return {name: found[name] for name in sorted(found)}


def dnsmasq(settings: Settings) -> Iterator[str]:
    """Yield the lines of a dnsmasq configuration (2.87 or later, built with nftset) that keep the gardens' sets."""
    found = names(settings)
    if not found:
        return
    yield f"max-ttl={LONGEST_ANSWER_S}"
    yield f"max-cache-ttl={LONGEST_ANSWER_S}"
    for name, interfaces in found.items():
        sets = [
            f"{version}#inet#{TABLE_NAME}#heard{version}_{garden_name(each)}" for each in interfaces for version in "46"
        ]
        yield f"nftset=/{name}/{','.join(sets)}"
