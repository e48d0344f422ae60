"""What `netops check` finds of sites that want to be open when their way in is broken: whether anybody can do that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from captive_portal import served
from captive_portal.enforcing import Offer
from inventory.errors import Problem

if TYPE_CHECKING:
    from captive_portal.policy import Policies
    from netops.config import Settings

_ANSWER = "lets in only whom the portal answers for, and a dead portal answers nothing"
WHY = {
    "portal2": "by Portal 2.0 a controller lets in only whom the portal names; what it does by itself when it"
    " hears nothing (its escape mode) is set there, needs no two persons and leaves no record here",
    "fas": f"openNDS {_ANSWER}",
    "opennds": f"openNDS {_ANSWER}",
    "radius": 'a controller that sends browsers to a login page (entry = "uam") asks nothing before, so no answer'
    " of ours lets anybody in",
}


def problems(settings: Settings, policies: Policies) -> list[Problem]:
    """Return the places whose policy says `when_broken: open` and where nobody lets in while the portal is dead."""
    where = settings.origin.get("portal.policies", "portal.policies")
    return [
        Problem(
            where,
            f"policy '{policy.id}' says 'when_broken: open', and nobody can do that at {each}: {WHY[each.gateway]}",
            "write `when_broken: closed`, or give the site a policy of its own",
        )
        for policy, behind in served.by_policy(settings, policies)
        for each in behind
        if policy.when_broken == "open" and Offer.STANDBY not in each.offers and each.gateway in WHY
    ]
