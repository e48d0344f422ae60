"""What is believed of an ID token: a signature by one of the provider's own keys, then every claim.

OpenID Connect Core section 3.1.3.7. Pure: no clock, no network.

Only asymmetric algorithms are allowed. `none` proves nothing, and with HMAC the provider's public key would be a secret
that everybody knows.
"""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from authlib.oidc.core.claims import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from netops.errors import NetopsError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

ALGORITHMS = ("RS256", "ES256", "PS256", "RS384", "ES384", "PS384", "RS512", "ES512", "PS512", "EdDSA", "Ed25519")
KINDS = frozenset({"RSA", "EC", "OKP"})
LONGEST = 32 * 1024
SLACK_S = 60  # two clocks
OLDEST_S = 600  # a token that was made before the visitor left for the provider is not for this login
LARGEST_S = 2**40
MOST_KEYS = 64
MAIL = frozenset({"email", "email_verified"})


class UntrustedError(NetopsError):
    """The token proves nothing; the message names the claim, never a value."""


class Rule(Protocol):
    """Whose accounts are let in: those of a mail domain, those in a group; empty: all of them."""

    @property
    def domains(self) -> Collection[str]:
        """Domains of verified mail addresses."""
        ...

    @property
    def groups(self) -> Collection[str]:
        """Groups, one of which an account must be in."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the token must say."""

    issuer: str
    client_id: str
    nonce: str
    access_token: str


def keys(written: Mapping[str, Any]) -> KeySet:
    """Return the public signing keys of a provider's key set; what is not for signatures, or symmetric, is left out."""
    found = written.get("keys")
    if not isinstance(found, list) or len(found) > MOST_KEYS:
        raise UntrustedError("the key set has no list of keys")
    usable = []
    for each in found:
        if not isinstance(each, dict) or each.get("kty") not in KINDS or each.get("use", "sig") != "sig":
            continue
        try:
            usable += KeySet.import_key_set({"keys": [each]}).keys
        except (JoseError, ValueError, TypeError, KeyError):
            continue  # a broken key signs nothing; the others may
    return KeySet(usable)


def kid(id_token: str) -> str:
    """Return the name of the key that a token says it was signed with, unverified; empty when it names none."""
    head = id_token[:LONGEST].partition(".")[0]
    try:
        found = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, RecursionError):
        raise UntrustedError("the ID token is no JWT") from None
    name = found.get("kid", "") if isinstance(found, dict) else ""
    return name if isinstance(name, str) else ""


def verified(id_token: object, known: KeySet, wanted: Wanted, now_ms: int) -> dict[str, Any]:
    """Return the token's claims; UntrustedError unless signature and every claim hold."""
    if not isinstance(id_token, str) or not id_token.isascii() or len(id_token) > LONGEST:
        raise UntrustedError("there is no ID token")
    registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
    registry.max_header_length = 8192  # a certificate chain may stand in it
    try:
        token = jwt.decode(id_token, known, algorithms=ALGORITHMS, registry=registry)
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise UntrustedError(f"the ID token's signature ({type(error).__name__})") from None
    _well_formed(token.claims, now_ms // 1000)
    options: Any = {"iss": {"essential": True, "value": wanted.issuer}, "aud": {"essential": True}}
    params = {"nonce": wanted.nonce, "client_id": wanted.client_id, "access_token": wanted.access_token}
    claims = CodeIDToken(token.claims, token.header, options, params)
    try:
        claims.validate(now=now_ms // 1000, leeway=SLACK_S)
    except (JoseError, ValueError, TypeError) as error:
        raise UntrustedError(f"the ID token: {error}") from None
    _for_us(token.claims, wanted)
    return dict(token.claims)


def _well_formed(claims: Mapping[str, Any], now_s: int) -> None:
    for name in ("exp", "iat"):
        if type(claims.get(name)) not in (int, float) or not 0 <= claims[name] < LARGEST_S:
            raise UntrustedError(f"the ID token's {name}")
    if claims["iat"] < now_s - OLDEST_S or claims["iat"] > now_s + SLACK_S:
        raise UntrustedError("the ID token's iat: it was made at another time")
    if claims["exp"] <= now_s - SLACK_S:
        raise UntrustedError("the ID token's exp")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise UntrustedError("the ID token's sub")


def _for_us(claims: Mapping[str, Any], wanted: Wanted) -> None:
    """Check again, and in constant time, what must not depend on how a library reads its options."""
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if wanted.client_id not in named or (len(named) > 1 and claims.get("azp") != wanted.client_id):
        raise UntrustedError("the ID token's aud")
    if claims.get("iss") != wanted.issuer:
        raise UntrustedError("the ID token's iss")
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), wanted.nonce.encode()):
        raise UntrustedError("the ID token's nonce")


def just_now(claims: Mapping[str, Any], since_ms: int, now_ms: int) -> bool:
    """Whether whoever this is has proved themselves since then, and not by a login that was still open."""
    at = claims.get("auth_time")  # section 3.1.2.1: it must be there where max_age was asked for
    if isinstance(at, bool) or not isinstance(at, int | float):
        return False
    return since_ms - SLACK_S * 1000 <= at * 1000 <= now_ms + SLACK_S * 1000


def lets_in(account: Rule, claims: Mapping[str, Any], groups_claim: str) -> bool:
    """Whether a policy lets this account in: by the domain of its verified mail address, and by a group it is in."""
    if account.domains and _domain(claims) not in account.domains:
        return False
    groups = claims.get(groups_claim)
    named = {groups} if isinstance(groups, str) else {each for each in _listed(groups) if isinstance(each, str)}
    return not account.groups or not named.isdisjoint(account.groups)


def missing(account: Rule, claims: Mapping[str, Any], groups_claim: str) -> bool:
    """Whether the rule asks for something that the ID token does not say and the provider may say when asked."""
    return bool((account.domains and MAIL - claims.keys()) or (account.groups and groups_claim not in claims))


def together(signed: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Lay what the provider says when asked below what it has signed; it must speak of the same one (section 5.3.2).

    That an address is verified counts for the address it was said with: never for one from elsewhere.
    """
    if more.get("sub") != signed["sub"]:
        raise UntrustedError("the user info speaks of somebody else")
    both = {**more, **signed}
    if MAIL - signed.keys():
        same = "email" not in signed or more.get("email") == signed["email"]
        both["email_verified"] = more.get("email_verified") if same else None
    return both


def _domain(claims: Mapping[str, Any]) -> str:
    mail, checked = claims.get("email"), claims.get("email_verified")
    if not isinstance(mail, str) or mail.count("@") != 1 or checked not in (True, "true"):  # some write it as a text
        return ""
    return mail.rpartition("@")[2].lower()


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []
