"""What `netops check` finds wrong with the providers of accounts, and with who may reach their login page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from captive_portal import served
from captive_portal.enforcing import Offer
from inventory.errors import Problem
from netops import outgoing
from netops.errors import ConfigError
from netops.oidc.line import StrangeError, host_of
from netops.web.health import near

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from captive_portal.policy import Policies
    from netops.config import Settings
    from netops.provider import Provider

METHOD = "oidc"


def problems(settings: Settings, policies: Policies) -> list[Problem]:
    """Return everything that is wrong; a provider is asked nothing."""
    found: list[Problem] = []
    for name, provider in settings.portal.oidc.items():
        where = settings.origin.get(f"portal.oidc.{name}.issuer", f"portal.oidc.{name}")
        found += [Problem(where, f"provider '{name}': {what}", remedy) for what, remedy in _wrong(provider)]
    for policy, behind in served.by_policy(settings, policies):
        where = policies.files.get(policy.id) or settings.origin.get("portal.policies", "portal.methods")
        if METHOD not in policy.methods:
            continue
        if not policy.accounts:
            what = f"policy '{policy.id}' offers 'oidc' and no provider of accounts"
            found.append(Problem(where, what, "add [portal.oidc.NAME] with issuer, client_id and client_secret"))
        opens = [each for each in behind if each.enforces(Offer.GARDEN)]  # elsewhere the controller's own list does
        for account in policy.accounts if opens else ():
            for host in _hosts(settings.portal.oidc[account.provider]):
                if host not in policy.garden:
                    what = f"before login nobody reaches '{host}' of provider '{account.provider}' at {opens[0]}"
                    remedy = f"add {host} to the policy's garden"
                    found.append(Problem(where, f"policy '{policy.id}': {what}", remedy))
    return found


def _wrong(provider: Provider) -> Iterator[tuple[str, str]]:
    try:
        host_of(provider.issuer)
    except StrangeError:
        yield f"issuer {provider.issuer[:100]!r} is no address of HTTPS", "write it as the provider itself does"
    if not provider.client_id:
        yield "it has no client_id", "register the portal there, with <public_url>/return/oidc as its address"
    if "openid" not in provider.scopes.split():
        yield f"scopes {provider.scopes[:100]!r} do not ask for an ID token", "add openid"
    try:
        outgoing.trust(provider.ca, "ca")
    except ConfigError as error:
        yield str(error), ""


def _hosts(provider: Provider) -> Iterable[str]:
    """Return the names that a visitor's browser must reach; an address of this machine is reached already."""
    try:
        named = [host_of(provider.issuer), *(each.strip().lower() for each in provider.hosts.split(","))]
    except StrangeError:
        return []
    names = dict.fromkeys(each.rpartition(":")[0] or each for each in named if each)
    return [each for each in names if not near(each)]
