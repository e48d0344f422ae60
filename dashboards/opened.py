"""Which sites two persons have opened: the line above every page, and since when until when, for the approvals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dashboards import words
from inventory.errors import InventoryError
from netops import fail_open
from netops.access import guard, record
from netops.errors import EvidenceError, NetopsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dashboards.city import City
    from dashboards.desk import Desk
    from netops.access.approvals import Approval
    from netops.fail_open import Order

SHOWN = 50
UNREAD = "—"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A decision in force: for whose visitors, until when, and by whom."""

    sites: Mapping[str, str]  # id → name
    until: str
    asked: str
    allowed: str

    def named(self, sites: Iterable[str]) -> str:
        """Return some of its sites by their names."""
        return ", ".join(self.sites[site] for site in sites)


def in_force(desk: Desk) -> tuple[Order, ...]:
    """Return the decisions in force now, as the core has signed them; what is not genuine is none."""
    note, now_ms = fail_open.read(desk.settings), desk.clock.now_ms()
    if not note:
        return ()
    try:
        orders = fail_open.opened(note, fail_open.key(desk.settings)).orders
    except EvidenceError:
        return ()
    return tuple(each for each in orders if each.start_ms <= now_ms < each.end_ms)


def above(desk: Desk) -> list[Opened]:
    """Return what stands above every page of whoever is logged in, of whatever package.

    Nearly nothing is read while nothing is open. Where ledger or register cannot be read the line stands without the
    names that they know: a page that shows neither must not fail for it.
    """
    orders = in_force(desk)
    if not orders:
        return []
    try:
        known = record.read(desk.settings)
    except NetopsError:
        known = {}
    try:
        city = desk.queries.city()
    except (NetopsError, InventoryError):
        city = None
    if not guard.scope().whole and city is not None:  # what is open elsewhere does not exist for who sees a part
        there = city.snapshot.site
        orders = tuple(replace(each, sites=tuple(site for site in each.sites if site in there)) for each in orders)
    return [_opened(desk, city, each, known.get(each.request)) for each in orders if each.sites]


def _opened(desk: Desk, city: City | None, order: Order, approval: Approval | None) -> Opened:
    decision = approval.decision if approval is not None else None
    return Opened(
        sites={site: named(city, site) for site in order.sites},
        until=words.moment(order.end_ms, desk.zone),
        asked=approval.request.by if approval is not None else UNREAD,
        allowed=decision.by if decision is not None else UNREAD,
    )


def periods(desk: Desk, city: City) -> list[dict[str, Any]]:
    """Return when sites began and ceased to be open, the newest first."""
    told = desk.queries.leaves(fail_open.ACTION)
    if not guard.scope().whole:
        told = [leaf for leaf in told if leaf.fact.body["site"] in city.snapshot.site]
    leaves = told[-SHOWN:][::-1]
    return [
        {"at_ms": leaf.fact.at_ms, **leaf.fact.body, "site": named(city, str(leaf.fact.body["site"]))}
        for leaf in leaves
    ]


def named(city: City | None, site: str) -> str:
    """Return a site's name; its id where none is known."""
    known = city.snapshot.site.get(site) if city is not None else None
    return (known.name or site) if known is not None else site
