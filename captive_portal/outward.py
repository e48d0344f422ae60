"""What visitors' devices would stumble over: colours that cannot be read, an API that RFC 8910 may not announce."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from captive_portal import announce, certificate, look, served
from captive_portal.enforcing import Offer
from inventory.errors import Problem
from netops.errors import ConfigError

if TYPE_CHECKING:
    from captive_portal.policy import Policies
    from netops.config import Settings


def problems(settings: Settings, policies: Policies) -> list[Problem]:
    """Return everything that is wrong with what devices see before they are in."""
    return [*_colours(settings, policies), *_announced(settings), *_certificate(settings, policies)]


def _colours(settings: Settings, policies: Policies) -> list[Problem]:
    where = settings.origin.get("portal.policies", "portal.policies")
    found = []
    for policy in policies.every:
        colour = policy.brand.colour
        ratio = look.worst(colour) if colour else look.AA
        if ratio < look.AA:
            what = f"policy '{policy.id}': colour {colour} has a contrast of {ratio:.1f}:1, WCAG AA asks 4.5:1"
            nearest = look.readable(colour, look.LIGHT)
            at = policies.files.get(policy.id, where)
            found.append(Problem(at, what, f"the page shows {nearest} instead; write that, or a darker colour"))
    return found


def _announced(settings: Settings) -> list[Problem]:
    portal, found = settings.portal, []
    wrong = announce.fault(portal.api_url) if portal.api_url else ""
    if wrong:
        remedy = "expected https://<name of the portal>/capport/api"
        found.append(_problem(settings, "api_url", f"'{portal.api_url}' {wrong}", remedy))
    venue = portal.venue_info_url
    if venue and not venue.startswith("https://"):
        found.append(_problem(settings, "venue_info_url", f"'{venue}' is not https (RFC 8908 section 5)", "use https"))
    alone = portal.api_url and not wrong and portal.secure.tls_certificate is None
    if alone and not portal.public_url.startswith("https://"):
        what = "the API is announced, but the page that it names is not https (RFC 8908 section 5)"
        found.append(
            _problem(settings, "public_url", what, "set public_url to https, or a certificate of portal.secure")
        )
    return found


def _problem(settings: Settings, key: str, what: str, remedy: str) -> Problem:
    return Problem(settings.origin.get(f"portal.{key}", f"portal.{key}"), what, remedy)


def _certificate(settings: Settings, policies: Policies) -> list[Problem]:
    """Return what is wrong with the portal's own certificate; one that a proxy presents is not ours to see."""
    portal = settings.portal
    if portal.secure.tls_certificate is None:
        return []
    where = settings.origin.get("portal.secure.tls_certificate", "portal.secure.tls_certificate")
    if portal.secure.tls_key is None:
        return [Problem(where, "a certificate without its key", "set portal.secure.tls_key")]
    try:
        found = certificate.read(portal.secure.tls_certificate)
    except ConfigError as error:
        return [Problem(where, str(error))]
    hosts = {urlsplit(each).hostname or "" for each in (portal.api_url, portal.public_url) if each.startswith("https:")}
    wrong = [
        Problem(where, f"the certificate is not for '{host}'", f"it names {', '.join(found.names) or 'no host'}")
        for host in sorted(hosts)
        if not certificate.fits(found, host)
    ]
    for policy, behind in served.by_policy(settings, policies):
        closed = sorted(set(found.revocation) - set(policy.garden))
        for each in behind if closed else ():
            if each.enforces(Offer.GARDEN):
                what = f"policy '{policy.id}': before login no device can ask {', '.join(closed)} about the certificate"
                remedy = "name the host in the policy's garden (RFC 8908 section 4)"
                wrong.append(Problem(where, f"{what} at {each}", remedy))
    return wrong
