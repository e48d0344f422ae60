"""The settings of how staff come in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003  (the settings are built from these hints at run time)

from netops.provider import Provider
from netops.secret import Secret  # noqa: TC001  (likewise)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffAccounts:
    """Accounts of staff at an institution, by OpenID Connect; registered there with `<access.url>/return/oidc`."""

    issuer: str = ""  # as the provider itself writes it: https://sso.example.cn
    client_id: str = ""  # what the provider calls this instance
    client_secret: Secret | None = None  # empty: a public client, held by PKCE alone
    title: str = ""  # what the button says one signs in with; empty: NAME
    title_en: str = ""  # the same in English; empty: `title`
    scopes: str = "openid profile"  # what is asked for
    name_claim: str = "preferred_username"  # the claim that a new account is called by, where the name is free
    role_claim: str = "groups"  # the claim that `roles` looks in: a text or a list of them
    roles: dict[str, str] = field(default_factory=dict)  # value of that claim → role; the first that fits counts
    second_factor: bool = False  # whether our own second factor is asked for after the provider's login, too
    hosts: str = ""  # other hosts of the provider, comma between them: of its login page, token and key addresses
    ca: Path | None = None  # PEM file of the authority that is trusted for it; empty: the machine's
    private: bool = False  # the addresses behind its names may be private ones: it stands in our own network


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How staff come in besides a password."""

    second_factor: str = "auto"  # roles, comma between them; auto: those that decide, none in a rehearsal; none
    passkey: str = ""  # roles whose second factor must be a passkey, comma between them
    url: str = ""  # where the staff pages are found: https://netops.example.cn; passkeys and `oidc` need it
    rp_id: str = ""  # the domain that passkeys belong to; empty: the host of `url`; another one makes them all useless
    key: Secret | None = None  # key of one-time codes, recovery codes and tokens; empty: <data dir>/keys/staff.key
    local: bool = True  # whether passwords and passkeys of this instance let anybody in besides `break_glass`
    break_glass: str = ""  # the one account that gets in without the provider where `local` is false
    oidc: dict[str, StaffAccounts] = field(default_factory=dict)  # providers of staff's accounts, by a name of our own


def as_provider(accounts: StaffAccounts) -> Provider:
    """Return the provider as `netops/oidc` asks it."""
    return Provider(
        issuer=accounts.issuer,
        client_id=accounts.client_id,
        client_secret=accounts.client_secret,
        scopes=accounts.scopes,
        groups_claim=accounts.role_claim,
        hosts=accounts.hosts,
        ca=accounts.ca,
        private=accounts.private,
    )
