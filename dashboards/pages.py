"""The blueprint of the staff pages, and the desk behind it. Mounted through the entry points of `netops.pages`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Blueprint, g

from dashboards import (
    approvals,
    audit,
    auditors,
    away,
    closing,
    contracts,
    devices,
    elements,
    factors,
    handing,
    histories,
    incidents,
    leaving,
    ledgers,
    logins,
    maintenance,
    narrow,
    objections,
    opened,
    operators,
    probes,
    proposals,
    refusals,
    register,
    rulings,
    sending,
    sessions,
    sites,
    staff,
    summary,
    taking,
    tickets,
    tokens,
    why,
)
from dashboards.api import serve as api
from dashboards.desk import Desk
from dashboards.frame import found_words
from dashboards.queries import Queries
from dashboards.words import offset
from inventory.sql import Database
from netops.access import guard, identities, steps, tables
from netops.access.factors import Factors
from netops.access.identities import Identities
from netops.access.passkeys import Passkeys
from netops.access.passwords import Passwords
from netops.access.places import place
from netops.access.sealed import Seal, staff_key
from netops.access.sessions import Sessions
from netops.access.staff import Staff
from netops.access.tokens import Tokens
from netops.entering import as_provider
from netops.errors import NetopsError
from netops.web import Link, Pages
from netops.web.language import mark

if TYPE_CHECKING:
    from netops.config import Settings
    from netops.oidc.provider import Known
    from netops.web import Context

LOG = logging.getLogger("netops.web")
TRANSLATIONS = Path(__file__).parent / "translations"
BELOW_HOME = ("area", "site", "device", "element", "service", "reading", "nearest", "find")
BELOW_MONTHS = ("month", "contract_month", "figure", "interval", "revisions")
BELOW_DISPUTES = ("objection", "object_", "hand_in", "note", "note_attach")
BELOW_RULINGS = ("answer", "answer_state", "rule", "rule_state", "close", "close_state")
BELOW_REGISTER = (
    *("record", "record_new", "record_add", "record_edit", "record_change", "record_ask"),
    *("record_request", "record_again", "proposals", "dismiss"),
)
MENU = (
    Link(
        endpoint="dashboards.home",
        label=mark("总览"),
        group="network",
        order=10,
        under=frozenset(f"dashboards.{name}" for name in BELOW_HOME),
    ),
    Link(endpoint="dashboards.worst", label=mark("故障"), group="network", order=20),
    Link(
        endpoint="dashboards.incidents",
        label=mark("告警"),
        group="network",
        order=22,
        under=frozenset({"dashboards.incident"}),
    ),
    Link(
        endpoint="dashboards.tickets",
        label=mark("工单"),
        group="network",
        order=23,
        under=frozenset({"dashboards.ticket"}),
    ),
    Link(endpoint="dashboards.probes", label=mark("探测"), group="network", order=25),
    Link(
        endpoint="dashboards.logins",
        label=mark("登录质量"),
        group="visitors",
        order=27,
        under=frozenset({"dashboards.logins_at", "dashboards.why"}),
    ),
    Link(endpoint="dashboards.summary", label=mark("一页纸"), group="contracts", order=26),
    Link(
        endpoint="dashboards.months",
        label=mark("月度"),
        group="contracts",
        order=28,
        under=frozenset(f"dashboards.{name}" for name in BELOW_MONTHS),
    ),
    Link(
        endpoint="dashboards.disputes",
        label=mark("争议一览"),
        group="contracts",
        order=29,
        under=frozenset(f"dashboards.{name}" for name in BELOW_DISPUTES),
    ),
    Link(
        endpoint="dashboards.rulings",
        label=mark("待答复与裁定"),
        group="contracts",
        order=31,
        under=frozenset(f"dashboards.{name}" for name in BELOW_RULINGS),
    ),
    Link(
        endpoint="dashboards.ledger",
        label=mark("账本"),
        group="contracts",
        order=34,
        under=frozenset({"dashboards.leaf", "dashboards.leaf_find"}),
    ),
    Link(endpoint="dashboards.blind", label=mark("自身盲区"), group="contracts", order=36),
    Link(
        endpoint="dashboards.contracts",
        label=mark("合同一览"),
        group="contracts",
        order=30,
        under=frozenset({"dashboards.contract"}),
    ),
    Link(
        endpoint="dashboards.register",
        label=mark("登记册"),
        group="office",
        order=35,
        under=frozenset(f"dashboards.{name}" for name in BELOW_REGISTER),
    ),
    Link(
        endpoint="dashboards.approvals",
        label=mark("审批"),
        group="office",
        order=40,
        under=frozenset({"dashboards.ask", "dashboards.request_", "dashboards.maintenance", "dashboards.maintain"}),
    ),
    Link(endpoint="dashboards.audit", label=mark("审计记录"), group="office", order=92),
    Link(
        endpoint="dashboards.accounts",
        label=mark("账号一览"),
        group="office",
        order=90,
        under=frozenset({"dashboards.sessions_of"}),
    ),
)


def pages(context: Context) -> Pages:
    """Return the dashboards' pages; their permissions stand in `netops.access.permissions`."""
    database = context.stack.enter_context(Database(tables.url(context.settings)))
    queries = Queries(context.settings, context.clock, guard.scope)
    context.stack.callback(queries.close)
    if context.live:
        queries.keep_fresh()
    accounts, seal = (
        Staff(database, Passwords(), barred=steps.barred(context.settings)),
        Seal(staff_key(context.settings)),
    )
    desk = Desk(
        settings=context.settings,
        clock=context.clock,
        queries=queries,
        staff=accounts,
        sessions=Sessions(database),
        factors=Factors(accounts, seal),
        tokens=Tokens(database, seal),
        passkeys=_passkeys(context.settings, database, seal),
        identities=Identities(accounts),
        providers=_providers(context.settings),
        origin=at.origin if (at := place(context.settings)) is not None else "",
        rule=steps.rule(context.settings),
        submit=context.submit,
    )
    if context.live:
        _carry_on(desk)
        sending.tidy(desk)
        watch = refusals.Watch(desk)
        context.stack.callback(watch.stop)
        watch.start()
    return Pages(
        blueprint=blueprint(desk),
        permissions=api.permissions("dashboards"),
        menu=MENU,
        visited=lambda: queries.city().index.visited,
        uploads={
            f"dashboards.{name}": handing.MOST_BYTES for name in (*handing.UPLOADS, *rulings.UPLOADS, *sending.UPLOADS)
        },
    )


def _carry_on(desk: Desk) -> None:
    """Carry out what two persons decided about accounts when this process was not there to do it."""
    try:
        approvals.carry_out_resets(desk)
    except NetopsError as error:  # the pages open all the same: the next decision, or start, tries again
        LOG.warning("decided resets not carried out error=%s", error)


def _above(desk: Desk) -> dict[str, object]:
    """Return what stands above every page of whoever is logged in: open sites, and what part of the city it shows."""
    scope = guard.scope()
    parts = [] if scope.whole else narrow.said(scope, desk.queries.city().snapshot)
    return {"opened": opened.above(desk), "part_of_city": parts}


def _providers(settings: Settings) -> dict[str, Known]:
    """Return the providers of staff's accounts; ConfigError when one cannot be."""
    identities.check(settings)
    if not settings.access.oidc:
        return {}
    from netops.oidc.provider import Known  # noqa: PLC0415  (a third of a second that most instances do not need)

    return {name: Known(name, as_provider(each)) for name, each in settings.access.oidc.items()}


def _passkeys(settings: Settings, database: Database, seal: Seal) -> Passkeys | None:
    """Return the passkeys of where the pages are found; None where the settings do not say, or have an address."""
    found = place(settings)
    return Passkeys(database, seal, found, title=settings.city.title) if found is not None and found.rp_id else None


def blueprint(desk: Desk) -> Blueprint:
    """Return the blueprint over a desk."""
    made = Blueprint(
        "dashboards", __name__, template_folder="templates", static_folder="static", static_url_path="/assets"
    )
    # who is only half logged in is told nothing of the city
    made.app_context_processor(lambda: _above(desk) if (p := g.get("person")) and p.is_in else {"opened": []})
    made.app_context_processor(lambda: {"found_words": found_words, "offset": offset(desk.clock.now_ms(), desk.zone)})
    rooms = (operators, sites, devices, probes, logins, contracts, approvals, staff, factors, incidents, tickets, why)
    bought = (register, histories, proposals, elements, maintenance)
    for room in (*rooms, taking, auditors, ledgers, summary, *bought, objections, handing, rulings, closing, sending):
        room.install(made, desk)
    tokens.install(made, desk)
    sessions.install(made, desk)
    leaving.install(made, desk)
    away.install(made, desk)
    audit.install(made, desk)
    api.install(made, desk)
    return made
