"""Who may do what: roles, what each is allowed, and which page needs what. Everything else is denied.

Two literals hold it all. A page that stands in neither `ROUTES` nor the `permissions` of its own package is closed to
everybody, the administrator included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netops.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from netops.web.pages import Pages

PUBLIC = "public"  # everybody, logged in or not
SELF = "self"  # whoever is logged in, for what is their own

_SEE = frozenset({"network.see", "contract.see"})

ROLES: dict[str, frozenset[str]] = {
    "viewer": _SEE,
    "operator": _SEE | {"raw.see", "approval.see", "approval.request", "voucher.see", "voucher.issue", "session.see"},
    "contract_manager": _SEE
    | {"raw.see", "report.take", "approval.see", "approval.request", "approval.decide", "voucher.see"},
    # reads all evidence, writes nothing, sees no personal data
    "auditor": _SEE | {"raw.see", "report.take", "approval.see", "staff.see"},
    "privacy_officer": frozenset(
        {"network.see", "approval.see", "approval.request", "approval.decide", "session.see", "person.disclose"}
    ),
    "admin": frozenset({"network.see", "approval.see", "approval.request", "approval.decide", "staff.see"}),
}

ROUTES: dict[str, str] = {
    "health.healthz": PUBLIC,
    "health.readyz": PUBLIC,
    "health.metrics": PUBLIC,
    "web.static": PUBLIC,
    "staff.login": PUBLIC,
    "staff.enter": PUBLIC,
    "staff.logout": SELF,
    "staff.password": SELF,
    "staff.change": SELF,
    "staff.accounts": "staff.see",
    "operators.home": "network.see",
    "operators.area": "network.see",
    "operators.worst": "network.see",
    "operators.find": "network.see",
    "operators.device": "network.see",
    "operators.reading": "raw.see",
    "operators.situation": "network.see",
    "operators.table": "network.see",
    "contracts.index": "contract.see",
    "contracts.contract": "contract.see",
    "contracts.report": "contract.see",
    "contracts.bundle": "report.take",
    "approvals.index": "approval.see",
    "approvals.request_": "approval.request",
    "approvals.decide": "approval.decide",
}

ALL = frozenset().union(*ROLES.values()) | {PUBLIC, SELF}


def may(role: str, permission: str) -> bool:
    """Whether `role` has `permission`; an unknown role has none."""
    return permission in {PUBLIC, SELF} or permission in ROLES.get(role, frozenset())


def table(pages: Iterable[Pages] = (), *, routes: Mapping[str, str] = ROUTES) -> dict[str, str]:
    """Return endpoint → permission with the packages' own pages; ConfigError when one reaches beyond its blueprint."""
    out = dict(routes)
    for each in pages:
        for endpoint, permission in each.permissions.items():
            if endpoint.partition(".")[0] != each.blueprint.name:
                raise ConfigError(f"pages of '{each.blueprint.name}' declare '{endpoint}', which is not their own")
            if permission not in ALL:
                raise ConfigError(f"page '{endpoint}' wants the permission '{permission}', which no role has")
            if out.setdefault(endpoint, permission) != permission:
                raise ConfigError(f"page '{endpoint}' is declared twice, as '{out[endpoint]}' and as '{permission}'")
    return out
