"""The settings of a provider of accounts, with which staff or students of an institution may come online."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  (the settings are built from these hints at run time)

from netops.secret import Secret  # noqa: TC001  (likewise)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A provider of accounts by OpenID Connect, where this portal is registered with `<public_url>/return/oidc`."""

    issuer: str = ""  # as the provider itself writes it: https://sso.example.cn
    client_id: str = ""  # what the provider calls this portal
    client_secret: Secret | None = None  # empty: a public client, held by PKCE alone
    title: str = ""  # what the button says one signs in with, such as 教工账号
    title_en: str = ""  # the same in English; empty: `title`
    scopes: str = "openid email"  # what is asked for
    groups_claim: str = "groups"  # the claim that names an account's groups
    hosts: str = ""  # other hosts of the provider, comma between them: of its login page, token and key addresses
    ca: Path | None = None  # PEM file of the authority that is trusted for it; empty: the machine's
    private: bool = False  # the addresses behind its names may be private ones: it stands in our own network
