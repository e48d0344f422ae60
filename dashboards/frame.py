"""What the pages have in common: the desk handed in, the frame around the content, paging, answering 304."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from flask import Response, g, request

from dashboards import charts, inside, opened, terms, words
from netops.sla.state import WATCHED
from netops.web import forms, polling
from netops.web.language import current
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboards.city import City
    from dashboards.desk import Desk
    from netops.situation import ServiceNow

STALE_MS = 180_000
HOUR_MS = 3_600_000
PAGE = 40


def bound(view: Callable[..., Any], desk: Desk) -> Callable[..., Any]:
    """Return the view with its desk."""
    return lambda **names: view(desk, **names)


def fresh(desk: Desk, city: City, render: Callable[[], str]) -> Response:
    """Answer 304 when neither city, language, person nor the minute of the data has changed."""
    late = _late(desk, city) // 60_000
    token = forms.token(g.person.secret) if g.person else ""
    # the core writes every few seconds; the page says its age in minutes, and is another one only when that differs
    past = (desk.queries.past_ms() or 0) // HOUR_MS
    orders = [each.leaf for each in opened.in_force(desk)]
    parts = (request.full_path, *orders, city.situation.at_ms // 60_000, city.mark, late, past, current())
    return polling.conditional(*parts, token, render=render)


def _late(desk: Desk, city: City) -> int:
    """Return by how much the data is older than it should be; 0 while it is fresh."""
    age = desk.clock.now_ms() - city.situation.at_ms
    return age if age > STALE_MS else 0


def frame(desk: Desk, city: City) -> dict[str, Any]:
    """Return what every page shows around its content."""
    return {
        "at_ms": city.situation.at_ms,
        "late_ms": _late(desk, city) if city.situation.at_ms else 0,
        "past_ms": desk.queries.past_ms(),
        "zone": desk.zone,
        "words": words,
        "terms": terms,
        "charts": charts,
        "staff": lambda name: inside.staff(name, _("市方人员")),
        "now_ms": desk.clock.now_ms(),
    }


def paged(city: City, rows: list[ServiceNow], *, size: int = PAGE) -> dict[str, Any]:
    """Return one page of services and where it stands among the others."""
    pages = max(1, -(-len(rows) // size))
    page = min(max(request.args.get("page", 1, type=int), 1), pages)
    shown = rows[(page - 1) * size : page * size]
    return {
        "rows": [_row(city, each) for each in shown],
        "rows_count": len(rows),
        "page": page,
        "pages": pages,
        "page_args": {**(request.view_args or {}), **request.args.to_dict()},
    }


def _row(city: City, each: ServiceNow) -> dict[str, Any]:
    known = city.snapshot.service[each.service]
    site = city.snapshot.site.get(known.site)
    carrier = city.snapshot.carrier.get(each.carrier)
    measured = each.month_up_ms + each.month_down_ms
    return {
        "now": each,
        "because": words.because(each.because, city.snapshot),
        "site_id": known.site,
        "is_polled": known.role in WATCHED,
        "site": (site.name or site.address or site.id) if site else "",
        "carrier": words.carrier(carrier) if carrier else each.carrier,
        "month": words.percent(ratio(each.month_up_ms, measured)),
        "strip": charts.strip(each.strip, label=strip_label(each.strip)),
    }


def ratio(part: int, whole: int) -> Fraction | None:
    """Return an exact share; None of nothing."""
    return Fraction(part, whole) if whole else None


def strip_label(letters: str) -> str:
    """Say a strip in words: for those who do not see it."""
    names = {"U": "up", "D": "degraded", "X": "down", "N": "unknown"}
    counts = [f"{words.state(name)} {letters.count(sign)}" for sign, name in names.items() if sign in letters]
    return _("过去24小时（小时数）：%(counts)s", counts=words.several(counts) or "—")


def found_words() -> dict[str, str]:
    """Return the words in which hits are offered while somebody types: states with their signs, kinds, and how many."""
    states = {name: f"{charts.SYMBOL[letter]} {words.state(name)}" for name, letter in words.LETTER.items()}
    kinds = {"device": _("设备"), "service": _("服务"), "site": _("站点"), "area": _("街道")}
    return {**states, **kinds, "found": _("找到 %(count)d 项", count=0)}
