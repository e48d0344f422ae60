"""`netops portal accounts`: what the providers of accounts publish, asked now, and who must be reachable for it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from captive_portal.places import base_url
from netops.errors import NetopsError

if TYPE_CHECKING:
    import argparse

    from netops.config import Settings

VERBS = frozenset({"accounts"})


def arguments(verbs: Any) -> None:
    """Declare accounts."""
    accounts = verbs.add_parser("accounts", help="ask the providers of accounts what they publish, as a login would")
    accounts.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Ask each provider; 1 when one of them would let nobody in."""
    found = [_one(name, settings, args.now_ms) for name in settings.portal.oidc]
    if args.json:
        print(json.dumps(found))
    else:
        for each in found:
            print(_line(each))
        back = f"{base_url(settings)}/return/oidc"
        said = f"at each of them the portal is registered with {back}" if found else "no [portal.oidc.NAME] is set"
        print(said, file=sys.stderr)
    return 1 if any(each["wrong"] for each in found) else 0


def _one(name: str, settings: Settings, now_ms: int) -> dict[str, Any]:
    from netops.oidc.provider import Known  # noqa: PLC0415  (a third of a second that no other verb needs)

    told: dict[str, Any] = {"name": name, "issuer": settings.portal.oidc[name].issuer, "keys": [], "wrong": ""}
    try:
        known = Known(name, settings.portal.oidc[name])
        at = known.learn(now_ms)
        told |= {"login": at.authorize, "keys": known.signing(now_ms)}
        if not told["keys"]:
            told["wrong"] = "it publishes no key that we take a signature of (RSA, EC, Ed25519)"
    except NetopsError as error:
        told["wrong"] = str(error)
    return told


def _line(told: dict[str, Any]) -> str:
    if told["wrong"]:
        return f"{told['name']}  {told['issuer']}  WRONG: {told['wrong']}"
    return f"{told['name']}  {told['issuer']}  ok, {len(told['keys'])} signing keys, visitors go to {told['login']}"
