"""Which sites two persons have opened: the line above every page, and since when until when, for the approvals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netops import fail_open
from netops.access import record
from netops.errors import EvidenceError

if TYPE_CHECKING:
    from dashboards.city import City
    from dashboards.desk import Desk
    from netops.fail_open import Order

SHOWN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A decision in force: for whose visitors, until when, and by whom."""

    sites: str
    until_ms: int
    asked: str
    allowed: str


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


def above(desk: Desk, city: City) -> list[Opened]:
    """Return what stands above every page; it costs nothing while nothing is open."""
    orders = in_force(desk)
    known = record.read(desk.settings) if orders else {}
    return [
        Opened(
            sites=", ".join(_named(city, site) for site in each.sites),
            until_ms=each.end_ms,
            asked=known[each.request].request.by,
            allowed=decision.by,
        )
        for each in orders
        if each.request in known and (decision := known[each.request].decision) is not None
    ]


def periods(desk: Desk, city: City) -> list[dict[str, Any]]:
    """Return when sites began and ceased to be open, the newest first."""
    leaves = desk.queries.leaves(fail_open.ACTION)[-SHOWN:][::-1]
    return [
        {"at_ms": leaf.fact.at_ms, **leaf.fact.body, "site": _named(city, str(leaf.fact.body["site"]))}
        for leaf in leaves
    ]


def _named(city: City, site: str) -> str:
    known = city.snapshot.site.get(site)
    return (known.name or site) if known is not None else site
