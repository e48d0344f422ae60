"""The manager's page: one month of the city in a minute, by its closed reports; and the same as a paper of one page."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from flask import Response, abort, render_template, request, url_for

from dashboards import months, words
from dashboards.frame import bound, frame
from netops.access import guard
from netops.errors import EvidenceError
from netops.pictures import sankey
from netops.report.pdf import PaperError
from netops.situation import State
from netops.summary import closed, page, paper
from netops.web.language import current
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from flask import Blueprint
    from markupsafe import Markup

    from dashboards.city import City
    from dashboards.desk import Desk
    from netops.ledger import Leaf
    from netops.report.words import Language

STREETS = 8  # in the picture of streams; the others are one
LANGUAGES: dict[str, Language] = {"zh": "zh", "en": "en"}


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the page and its paper."""
    add = blueprint.add_url_rule
    add("/summary", "summary", bound(summary, desk))
    add("/summary.pdf", "summary_paper", bound(summary_paper, desk))


def summary(desk: Desk) -> str:
    """Show a month: the last one of which a report is closed, or the one that the address asks for."""
    city = desk.queries.city()
    leaves = _issued(desk, city)
    known = closed.months(leaves)
    asked = request.args.get("month", "")
    if asked and months.month(asked, desk.zone) is None:
        abort(404)
    month = asked or next(iter(known), months.before(months.month_of(desk.clock.now_ms(), desk.zone), desk.zone).name)
    given = _given(desk, city, leaves, month)
    language: Language = "en" if current() == "en" else "zh"
    told = page.content(given, language)
    streams = sankey.gathered(_streams(city), most=STREETS, rest=_("其他街道"))
    return render_template(
        "dashboards/summary.html",
        **frame(desk, city),
        told=told,
        pictures=page.drawn(told),
        streams=streams,
        stream_picture=_stream_picture(streams),
        month=month,
        month_before=next((each for each in known if each < month), ""),
        month_after=next((each for each in reversed(known) if each > month), ""),
        paper=url_for("dashboards.summary_paper", month=month, language=language) if given.now else "",
    )


def summary_paper(desk: Desk) -> Response:
    """Give the month as a PDF of one page; 404 while no report of it is closed, 503 where no paper can be set."""
    month, language = request.args.get("month", ""), request.args.get("language", "zh")
    if language not in LANGUAGES or months.month(month, desk.zone) is None:
        abort(404)
    city = desk.queries.city()
    given = _given(desk, city, _issued(desk, city), month)
    try:
        made = paper.made(given, LANGUAGES[language])
    except EvidenceError:
        abort(404)
    except PaperError as error:
        return Response(f"{error}\n", status=503, mimetype="text/plain")
    head = {"Content-Disposition": f'inline; filename="summary-{month}.{language}.pdf"'}
    return Response(made, mimetype="application/pdf", headers=head)


def _issued(desk: Desk, city: City) -> list[Leaf]:
    """Return the reports that were issued, of whoever has a scope those of contracts that lie in it."""
    found = desk.queries.leaves("report_issued")
    if guard.scope().whole:
        return found
    return [leaf for leaf in found if leaf.fact.body["contract"] in city.index.contracts]


def _given(desk: Desk, city: City, leaves: list[Leaf], month: str) -> page.Given:
    made, unread = closed.of(desk.settings.data.dir / "reports", leaves, page.year(month))
    span = months.month(month, desk.zone)
    assert span is not None
    agreed = city.index.agreed.items()
    asked = {
        contract
        for contract, spells in agreed
        if any(from_ms < span.end_ms and span.start_ms < to_ms for from_ms, to_ms, _step in spells)
    }
    there = {each.contract for each in made if each.month == month}
    return page.Given(month=month, closed=made, missing=sorted(asked - there), unread=unread)


def _streams(city: City) -> list[sankey.Stream]:
    """Return the services as they are now: kind, carrier, street, and how many of them are not up."""
    count: Counter[tuple[str, str, str]] = Counter()
    bad: Counter[tuple[str, str, str]] = Counter()
    for each in city.now.values():
        carrier, area = city.snapshot.carrier.get(each.carrier), city.snapshot.area.get(each.area)
        key = (
            words.kind(each.kind),
            words.carrier(carrier) if carrier else each.carrier,
            words.area(area) if area else each.area,
        )
        count[key] += 1
        bad[key] += each.state is not State.UP
    return [sankey.Stream(kind=k, carrier=c, street=s, count=n, bad=bad[k, c, s]) for (k, c, s), n in count.items()]


def _stream_picture(streams: list[sankey.Stream]) -> Markup:
    bad, every = sum(each.bad for each in streams), sum(each.count for each in streams)
    label = _("现在：%(every)d 项服务，%(bad)d 项不正常；从类别经运营商到街道", every=every, bad=bad)
    return sankey.draw(streams, label=label)
