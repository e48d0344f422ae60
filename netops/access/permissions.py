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

_SEE = frozenset({"network.see", "contract.see", "inside.see"})

ROLES: dict[str, frozenset[str]] = {
    "viewer": _SEE,
    "operator": _SEE
    | {"raw.see", "approval.see", "approval.request", "voucher.see", "voucher.issue", "session.see", "session.end"}
    | {"incident.take"},
    "contract_manager": _SEE
    | {"incident.take", "raw.see", "report.take", "approval.see", "approval.request", "approval.decide", "voucher.see"}
    | {"objection.decide"},
    # reads all evidence, writes nothing, sees no personal data
    "auditor": _SEE | {"raw.see", "report.take", "approval.see", "staff.see"},
    "privacy_officer": frozenset(
        {"network.see", "inside.see", "approval.see", "approval.request", "approval.decide"}
        | {"session.see", "person.disclose"}
    ),
    # whom the city buys from: its own part alone (an account of it needs a scope)
    "carrier": (_SEE - {"inside.see"}) | {"report.take", "objection.hand_in"},
    "admin": frozenset(
        {"network.see", "inside.see", "approval.see", "approval.request", "approval.decide", "staff.see", "staff.end"}
    ),
}

ROUTES: dict[str, str] = {
    "health.healthz": PUBLIC,
    "health.readyz": PUBLIC,
    "health.metrics": PUBLIC,
    "web.static": PUBLIC,
    "dashboards.static": PUBLIC,
    "dashboards.api.openapi": PUBLIC,  # how to ask, not what is told; the operations declare their own
    "dashboards.login": PUBLIC,
    "dashboards.enter": PUBLIC,
    "dashboards.enter_passkey": PUBLIC,
    "dashboards.leave": PUBLIC,
    "dashboards.back": PUBLIC,
    "dashboards.ended": PUBLIC,
    "dashboards.logout": SELF,
    "dashboards.password": SELF,
    "dashboards.change": SELF,
    "dashboards.factor": SELF,
    "dashboards.prove": SELF,
    "dashboards.factors": SELF,
    "dashboards.arrange": SELF,
    "dashboards.sessions": SELF,
    "dashboards.session_end": SELF,
    "dashboards.tokens": SELF,
    "dashboards.token_add": SELF,
    "dashboards.token_revoke": SELF,
    "dashboards.accounts": "staff.see",
    "dashboards.sessions_of": "staff.end",
    "dashboards.session_end_of": "staff.end",
    "dashboards.audit": "staff.see",
    "dashboards.home": "network.see",
    "dashboards.area": "network.see",
    "dashboards.site": "network.see",
    "dashboards.worst": "network.see",
    "dashboards.find": "network.see",
    "dashboards.probes": "network.see",
    "dashboards.logins": "network.see",
    "dashboards.logins_at": "network.see",
    "dashboards.why": "network.see",
    "dashboards.device": "network.see",
    "dashboards.service": "network.see",
    "dashboards.element": "network.see",
    "dashboards.sample": "raw.see",
    "dashboards.situation": "network.see",
    "dashboards.services_csv": "network.see",
    "dashboards.reading": "raw.see",
    "dashboards.raw": "raw.see",
    "dashboards.contracts": "contract.see",
    "dashboards.contract": "contract.see",
    "dashboards.report": "contract.see",
    "dashboards.bundle": "report.take",
    "dashboards.months": "contract.see",
    "dashboards.month": "contract.see",
    "dashboards.contract_month": "contract.see",
    "dashboards.figure": "contract.see",
    "dashboards.interval": "contract.see",
    "dashboards.revisions": "contract.see",
    "dashboards.report_file": "report.take",
    "dashboards.disputes": "contract.see",
    "dashboards.objection": "contract.see",
    "dashboards.object_": "objection.hand_in",
    "dashboards.hand_in": "objection.hand_in",
    "dashboards.rulings": "objection.decide",
    "dashboards.answer": "objection.decide",
    "dashboards.answer_state": "objection.decide",
    "dashboards.answer_file": "report.take",
    "dashboards.answer_parts": "objection.decide",
    "dashboards.answer_part": "objection.decide",
    "dashboards.rule": "objection.decide",
    "dashboards.rule_state": "objection.decide",
    "dashboards.close": "objection.decide",
    "dashboards.close_state": "objection.decide",
    "dashboards.note": "contract.see",
    "dashboards.note_attach": "objection.hand_in",
    "dashboards.note_parts": "objection.hand_in",
    "dashboards.note_part": "objection.hand_in",
    "dashboards.note_receipt": "report.take",
    "dashboards.note_file": "report.take",
    "dashboards.ledger": "contract.see",
    "dashboards.leaf_find": "raw.see",
    "dashboards.leaf": "raw.see",
    "dashboards.leaf_proof": "raw.see",
    "dashboards.leaf_data": "raw.see",
    "dashboards.checkpoint": "contract.see",
    "dashboards.stamp": "contract.see",
    "dashboards.blind": "contract.see",
    "dashboards.summary": "contract.see",
    "dashboards.summary_paper": "contract.see",
    "dashboards.approvals": "approval.see",
    "dashboards.ask": "approval.request",
    "dashboards.request_": "approval.request",
    "dashboards.maintenance": "approval.request",
    "dashboards.maintain": "approval.request",
    "dashboards.decide": "approval.decide",
    "dashboards.withdraw": "approval.request",
    "dashboards.register": "inside.see",
    "dashboards.record": "network.see",
    "dashboards.record_new": "approval.request",
    "dashboards.record_add": "approval.request",
    "dashboards.record_edit": "approval.request",
    "dashboards.record_change": "approval.request",
    "dashboards.record_ask": "approval.request",
    "dashboards.record_request": "approval.see",
    "dashboards.record_again": "approval.request",
    "dashboards.proposals": "inside.see",
    "dashboards.dismiss": "approval.request",
    "dashboards.incidents": "network.see",
    "dashboards.incident": "network.see",
    "dashboards.take_on": "incident.take",
    "dashboards.mute": "incident.take",
    "dashboards.tickets": "network.see",
    "dashboards.ticket": "network.see",
    "dashboards.ticket_step": "incident.take",
    "dashboards.report_fault": "incident.take",
    # the link of a message: who has it may take on the one incident that it is about, and nothing else
    "dashboards.take": PUBLIC,
    "dashboards.taken": PUBLIC,
}

# What an account with a scope may open: pages that show what lies in the scope and nothing else. Any other page with a
# permission of a role is closed to it, however harmless; whoever adds one here says that it narrows.
NARROWED = frozenset(
    f"dashboards.{name}"
    for name in (
        *("home", "area", "site", "worst", "find", "device", "service", "sample", "situation", "services_csv"),
        *("reading", "raw", "element", "probes", "logins", "logins_at", "why"),
        *("contracts", "blind", "ledger", "checkpoint", "stamp"),
        *("incidents", "incident", "take_on", "mute", "tickets", "ticket", "ticket_step", "report_fault"),
        *("approvals", "ask", "request_", "decide", "withdraw"),
        *("register", "record", "record_new", "record_add", "record_edit", "record_change", "record_ask"),
        *("record_request", "record_again", "proposals", "dismiss"),
        *(f"api.{name}" for name in ("situation", "troubles", "areas", "area", "sites", "site", "find", "contracts")),
        *(f"api.{name}" for name in ("devices", "device", "polls", "poll", "raw", "events", "services", "service")),
        *(f"api.{name}" for name in ("hours", "incidents", "incident", "tickets", "ticket", "approvals")),
        *(f"api.{name}" for name in ("elements", "element", "readings", "probes", "logins", "ledger", "checkpoints")),
    )
)

# Pages of a contract as a whole: who sees a part of the places only would read of services elsewhere in them.
OF_CONTRACTS = frozenset(
    f"dashboards.{name}"
    for name in (
        *("contract", "report", "bundle", "months", "month", "contract_month"),
        *("figure", "interval", "revisions", "report_file", "summary", "summary_paper"),
        *("maintenance", "maintain"),
        *("disputes", "objection", "object_", "hand_in"),
        *("note", "note_attach", "note_parts", "note_part", "note_receipt", "note_file"),
        *("rulings", "answer", "answer_state", "answer_file", "rule", "rule_state"),
        *("answer_parts", "answer_part", "close", "close_state"),
        *(f"api.{name}" for name in ("contract", "months", "verdicts", "reports", "report", "bundle", "disputes")),
    )
)

# Pages that stay closed to every scope, and why. A page that stands in none of the three is closed as well, and fails a
# test: whoever adds one says what a scope makes of it.
UNNARROWED: dict[str, str] = {
    "dashboards.accounts": "accounts and what was done with them are of the whole instance",
    **dict.fromkeys(
        ("dashboards.sessions_of", "dashboards.session_end_of"),
        "sessions are of accounts, which lie in no part of a city",
    ),
    "dashboards.audit": "what staff did names accounts and things all over the city",
    "dashboards.leaf_find": "a leaf may name any thing of the city; a report's bundle has one's own, with their proofs",
    "dashboards.leaf": "a leaf may name any thing of the city",
    "dashboards.leaf_proof": "the hash of a leaf answers whether a guess of what it says is right",
    "dashboards.leaf_data": "a leaf may name any thing of the city",
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
