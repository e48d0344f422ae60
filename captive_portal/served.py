"""Which gateway stands behind which place, and what it enforces there: by that a site's policy is judged.

A portal may serve a park behind a Linux gateway and a station behind a carrier's controller. What the controller cannot
do is no fault of the park's policy (ADR 17).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from captive_portal.enforcing import Offer
from captive_portal.gateways import COUNTED, GATEWAYS, NONE, chosen
from captive_portal.gateways.simulated import INTERFACE
from netops.clock import SYSTEM

if TYPE_CHECKING:
    from captive_portal.policy import Policies, Policy
    from netops.config import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A place where visitors come in: an interface of this machine or a controller, the site behind it, its gateway."""

    place: str
    site: str  # empty where none is named: the policy of all other sites is theirs
    gateway: str
    offers: frozenset[Offer]
    puts_out: bool = True  # a visit can be ended before its time

    def enforces(self, offer: Offer) -> bool:
        """Whether a bound holds here: by the gateway itself, or by the desk from what it counts."""
        return offer in self.offers or (offer in COUNTED and Offer.COUNTERS in self.offers)

    def __str__(self) -> str:
        where = f"site '{self.site}'" if self.site else "no site"
        return f"{where}: gateway '{self.gateway}' of '{self.place}'"


def places(settings: Settings) -> tuple[Served, ...]:
    """Return every place of the settings with what is enforced there."""
    portal = settings.portal
    named = {} if portal.gateway == NONE else dict.fromkeys(portal.visitors or (INTERFACE,), portal.gateway)
    named |= {name: each.gateway for name, each in portal.acs.items()}
    made = {name: GATEWAYS[name](settings, SYSTEM) for name in chosen(settings)}
    return tuple(
        Served(
            place=place,
            site=portal.places.get(place, ""),
            gateway=name,
            offers=made[name].offered(place),
            puts_out=made[name].puts_out,
        )
        for place, name in named.items()
    )


def by_policy(settings: Settings, policies: Policies) -> list[tuple[Policy, tuple[Served, ...]]]:
    """Return each policy with the places whose visitors it is for; nobody is behind a site without a place."""
    every = places(settings)
    return [(policy, tuple(each for each in every if policies.at(each.site) is policy)) for policy in policies.every]
