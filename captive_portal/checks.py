"""What the portal finds wrong with names: settings that name no method, no site or no possible interface."""

from __future__ import annotations

from typing import TYPE_CHECKING

from captive_portal import controllers, methods, outward, policy_yaml, served, uplink
from captive_portal.broken import checks as broken
from captive_portal.enforcing import Offer
from captive_portal.gateways import GATEWAYS, fas
from captive_portal.model import INTERFACE
from captive_portal.oidc import checks as accounts
from captive_portal.portal2 import checks as portal2
from captive_portal.radius import checks as radius
from captive_portal.records import checks as records
from captive_portal.sms import checks as texting
from inventory.errors import Problem
from netops.errors import ConfigError, NetopsError, nearest

if TYPE_CHECKING:
    from inventory.snapshot import Snapshot
    from netops.config import Settings
WANTS = {
    Offer.RATE: "bounds the rate",
    Offer.VOLUME: "bounds the volume",
    Offer.IDLE: "bounds the idle time",
    Offer.GARDEN: "opens names before login",
}


def check(settings: Settings, snapshot: Snapshot) -> list[Problem]:
    """Return everything that is wrong with the portal's settings and with the sites' gateways."""
    return [
        *_methods(settings),
        *_policies(settings, snapshot),
        *broken.problems(settings, policy_yaml.read_folder(settings)[0]),
        *broken.decided(settings, policy_yaml.read_folder(settings)[0], now_ms=snapshot.at_ms),
        *_terms(settings),
        *accounts.problems(settings, policy_yaml.read_folder(settings)[0]),
        *outward.problems(settings, policy_yaml.read_folder(settings)[0]),
        *texting.problems(settings, policy_yaml.read_folder(settings)[0]),
        *_visitors(settings, snapshot),
        *_uplinks(settings),
        *_routers(settings),
        *_anchors(settings),
        *controllers.problems(settings, snapshot),
        *portal2.problems(settings),
        *_gateways(snapshot),
        *radius.problems(settings),
        *records.check(settings),
    ]


def _policies(settings: Settings, snapshot: Snapshot) -> list[Problem]:
    """Return what is wrong with the site policies, what no gateway enforces, and sites that the register lacks."""
    policies, problems = policy_yaml.read_folder(settings)
    where = settings.origin.get("portal.policies", "portal.policies")
    for site, policy in policies.by_site.items():
        if site not in snapshot.site:
            what = f"policy '{policy.id}' names site '{site}', which the register does not have"
            at = policies.files.get(policy.id, where)
            problems.append(Problem(at, what, nearest(site, snapshot.site).removeprefix("; ")))
    for policy, behind in served.by_policy(settings, policies):
        bounds = policy.bounds
        wants = {
            Offer.RATE: bounds.down_kbps or bounds.up_kbps,
            Offer.VOLUME: bounds.octets,
            Offer.IDLE: bounds.idle_s,
            Offer.GARDEN: policy.garden,
        }
        problems += [
            Problem(
                policies.files.get(policy.id, where),
                f"policy '{policy.id}' {WANTS[offer]}, which is not done at {each}",
                "remove it, give the site a policy of its own, or serve it by another gateway",
            )
            for each in behind
            for offer, wanted in wants.items()
            if wanted and not each.enforces(offer)
        ]
    return problems


def _terms(settings: Settings) -> list[Problem]:
    """Return the languages of a page that its terms lack, and a folder of terms that no policy shows."""
    policies = policy_yaml.read_folder(settings)[0]
    where = settings.origin.get("portal.terms", "portal.terms")
    problems = [
        Problem(
            where,
            f"policy '{each.id}' offers its page in {language}, and its terms '{each.terms}' have no text in it",
            f"write {each.terms}.{language}.txt; until then such a page shows the English terms and says so",
        )
        for each in policies.every
        for language in each.languages
        if not policies.library.has(each.terms, language)
    ]
    unused = sorted(policies.library.own - {each.terms for each in policies.every})
    if settings.portal.terms is not None and len(unused) == len(policies.library.own):
        what = f"no policy shows any of the terms in {settings.portal.terms}"
        problems.append(Problem(where, what, "name a version in a site policy: `terms: VERSION`"))
    return problems


def _methods(settings: Settings) -> list[Problem]:
    where = settings.origin.get("portal.methods", "portal.methods")
    chosen = methods.names(settings)
    unknown = [name for name in chosen if name not in policy_yaml.on_page()]
    problems = [
        Problem(where, f"login method '{name}' is unknown", nearest(name, policy_yaml.on_page()).removeprefix("; "))
        for name in unknown
    ]
    known = ", ".join(policy_yaml.on_page())
    return problems if chosen else [Problem(where, "no login method", f"name some of {known}")]


def _visitors(settings: Settings, snapshot: Snapshot) -> list[Problem]:
    problems = []
    for interface, site in settings.portal.visitors.items():
        where = settings.origin.get(f"portal.visitors.{interface}", "portal.visitors")
        if not INTERFACE.fullmatch(interface):
            problems.append(Problem(where, f"{interface!r} is no interface name", "use at most 15 letters and digits"))
        if site not in snapshot.site:
            what = f"interface '{interface}' serves site '{site}', which the register does not have"
            problems.append(Problem(where, what, nearest(site, snapshot.site).removeprefix("; ")))
    if settings.portal.gateway in {"nftables", "opennds"} and not settings.portal.visitors:
        remedy = 'add [portal.visitors] with lines `<interface> = "<site id>"`'
        what = f"the {settings.portal.gateway} gateway has no visitor interface"
        problems.append(Problem("portal.visitors", what, remedy))
    return problems


def _routers(settings: Settings) -> list[Problem]:
    """Return what is wrong with a router far away that sends its visitors here (FAS level 3)."""
    named = [name for name, each in settings.portal.acs.items() if each.gateway == "fas"]
    if any(controllers.faults(name, settings.portal.acs[name]) for name in named):
        return []  # they are told for all kinds of controllers
    where = settings.origin.get(f"portal.acs.{named[0]}.gateway", "portal.acs") if named else "portal.acs"
    try:
        fas.places(settings)
    except NetopsError as error:
        return [Problem(where, str(error), "see docs/how-to/run-a-gateway.md")]
    if named and settings.portal.secure.tls_certificate is None:
        return [Problem(where, "openNDS of level 3 speaks TLS, and 'portal.secure' has no certificate", "give it one")]
    return []


def _uplinks(settings: Settings) -> list[Problem]:
    """Return the policies that bound what visitors send, where the gate does not know the way to the internet."""
    if settings.portal.gateway != "nftables" or settings.portal.uplinks:
        return []
    remedy = 'set portal.uplinks to the interfaces towards the internet, e.g. "eth0", or remove the bound'
    return [
        Problem("portal.uplinks", f"policy '{each.id}' bounds up_kbps, and no uplink is named", remedy)
        for each, behind in served.by_policy(settings, policy_yaml.read_folder(settings)[0])
        if each.bounds.up_kbps and any(one.gateway == settings.portal.gateway for one in behind)
    ]


def _anchors(settings: Settings) -> list[Problem]:
    try:
        uplink.anchors(settings.portal.anchors)
    except ConfigError as error:
        return [Problem(settings.origin.get("portal.anchors", "portal.anchors"), str(error))]
    return []


def _gateways(snapshot: Snapshot) -> list[Problem]:
    return [
        Problem(
            snapshot.where(site, "gateway"),
            f"site '{site.id}' names gateway '{site.gateway}', which is none of ours",
            nearest(site.gateway, GATEWAYS).removeprefix("; ") or f"expected one of {', '.join(GATEWAYS)}",
        )
        for site in snapshot.sites
        if site.gateway and site.gateway not in GATEWAYS
    ]
