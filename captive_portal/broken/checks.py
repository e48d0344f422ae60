"""What `netops check` finds of sites that are to be open when their way in is broken: whether anybody does that.

A decision of two persons opens nothing at a site whose policy says `when_broken: closed`: whoever reads that it is in
force believes that the site is open. So the check, the command and the staff's pages say which sites stay closed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from captive_portal import policy_yaml, served
from captive_portal.enforcing import Offer
from inventory.errors import Problem
from netops import fail_open
from netops.access import approvals, record
from netops.errors import NetopsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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


def closed(settings: Settings, sites: Iterable[str]) -> tuple[str, ...]:
    """Return the sites whose policy says `when_broken: closed`; none where the policies cannot be read.

    A folder that may not be listed looks empty, and an empty one means that all is closed; so that is asked first.
    """
    folder = settings.portal.policies
    if folder is not None and not os.access(folder, os.R_OK | os.X_OK):
        return ()
    policies, wrong = policy_yaml.read_folder(settings)
    return () if wrong else tuple(site for site in sites if policies.at(site).when_broken == "closed")


def decided(settings: Settings, policies: Policies, *, now_ms: int) -> list[Problem]:
    """Return the sites that two persons open, or one asks to open, and whose policy keeps them closed all the same."""
    try:
        known = record.read(settings).values()
    except NetopsError:  # a machine without the ledger, or a person who may not read it
        return []
    held = [
        each.request
        for each in known
        if each.request.action == fail_open.ACTION and each.state in {approvals.PENDING, approvals.APPROVED}
    ]
    return [
        Problem(
            f"approval '{each.id}'",
            f"it opens site '{site}', whose policy '{policies.at(site).id}' says 'when_broken: closed': nobody acts",
            "write `when_broken: open` and restart portal, gate and RADIUS server, or withdraw it",
        )
        for each in held
        if int(str(each.terms["end_ms"])) > now_ms
        for site in _sites(each.terms)
        if policies.at(site).when_broken == "closed"
    ]


def _sites(terms: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(map(str, terms["sites"]))
