"""The link of a message, opened on a phone and logged in nowhere: who takes an incident on, in one tap.

A link of one's own names the person that the message went to. Where several read it (`group` in the settings), the page
asks who it is: those who can be told, who is on duty first, or a short name typed by hand. The phone keeps the answer,
and the ledger keeps to whom the message went: that name is the word of whoever held the link.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote

from flask import Blueprint, abort, make_response, render_template, request

from dashboards.frame import bound, frame
from dashboards.incidents import rows
from inventory.errors import InventoryError
from netops.access import record
from netops.alerts import book, duty, people, policy
from netops.alerts.service import LINK_MS, digest, is_group
from netops.errors import NetopsError, UsageError
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from dashboards.desk import Desk
    from netops.alerts.incident import Incident

COOKIE: Final = "netops_who"
_TURN: Final = threading.Lock()  # two taps at once would not know of each other
KEPT_S: Final = 400 * 86_400  # longer a browser keeps none
OFFERED: Final = 24  # names on the page; of more, those who are on duty and the first by name


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Somebody who may take it on: an id of the settings or a name typed by hand; `last` was it last on this phone."""

    id: str
    name: str
    on_duty: bool = False
    last: bool = False


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""
    blueprint.add_url_rule("/take/<token>", "take", bound(take, desk))
    blueprint.add_url_rule("/take/<token>", "taken", bound(taken, desk), methods=["POST"])


def take(desk: Desk, token: str) -> str:
    """Show what a message's link is about. Whoever fetches it takes nothing on: messengers look at links themselves."""
    one, person = _of_link(desk, token)
    return _page(desk, one, person, token)


def taken(desk: Desk, token: str) -> Response | tuple[str, int]:
    """Take it on in the name of whom the message was for; of a group, of who says to be it."""
    one, person = _of_link(desk, token)
    asks = is_group(desk.settings, person)
    try:
        who = _said(desk) if asks else person
    except UsageError:
        wrong = _("请选择或写下您的姓名（最多 %(most)d 字，不写号码）。", most=people.MOST_NAME)
        return _page(desk, one, person, token, error=wrong), 400
    done = who
    if not one.taken_by and one.living:
        with _TURN:  # a second tap, or a hundred, before the alert service has heard of the first, adds nothing
            first = _said_before(desk, one)
            if not first:
                link = person if asks else ""
                desk.submit([people.taken(one.id, by=who, way=people.LINK, now_ms=desk.clock.now_ms(), link=link)])
        done = first or who
    answer = make_response(_page(desk, one, person, token, done=done))
    if asks:
        answer.set_cookie(
            COOKIE, quote(who), max_age=KEPT_S, path="/take", secure=request.is_secure, httponly=True, samesite="Strict"
        )
    return answer


def _said_before(desk: Desk, one: Incident) -> str:
    """Return who was said to take an incident on, in whatever way, before the alert service heard of it; or nobody."""
    told = record.stated(desk.settings, frozenset({"incident_taken"}))
    return next((str(fact.body["by"]) for fact, _sealed in told if fact.body["incident"] == one.id), "")


def _of_link(desk: Desk, token: str) -> tuple[Incident, str]:
    try:
        with book.Reader(book.path(desk.settings)) as held:
            found = held.by_token(digest(token), since_ms=desk.clock.now_ms() - LINK_MS)
            one = held.get(found[0]) if found else None
    except NetopsError:
        abort(404)
    if one is None or found is None:
        abort(404)
    return one, found[1]


def _page(desk: Desk, one: Incident, person: str, token: str, *, done: str = "", error: str = "") -> str:
    city = desk.queries.city()
    (row,) = rows(city, [one])
    more: dict[str, Any] = {"error": error, "done": _named(desk, done), "person_told": _named(desk, person)}
    if is_group(desk.settings, person):
        more |= {"choices": offered(desk), "most": people.MOST_NAME}
    return render_template("dashboards/take.html", **frame(desk, city), one=one, row=row, token=token, **more)


def offered(desk: Desk) -> list[Choice]:
    """Return who is offered: who took something on by this phone last, then who is on duty, then by name."""
    last, on_duty = _last(), _on_duty(desk)
    known = {name: each for name, each in desk.settings.alert.people.items() if not each.group}
    made = [
        Choice(id=name, name=each.name or name, on_duty=name in on_duty, last=name == last)
        for name, each in known.items()
    ]
    if last and last not in known:
        made.append(Choice(id="", name=last, last=True))
    return sorted(made, key=lambda each: (not each.last, not each.on_duty, each.name))[:OFFERED]


def _on_duty(desk: Desk) -> frozenset[str]:
    try:
        held = policy.read(desk.settings.alert.policy or policy.OWN)
    except (InventoryError, OSError):
        return frozenset()  # the alert service says what is wrong with it; here it only orders names
    return frozenset(duty.on(each, desk.clock.now_ms()) for each in held.duties.values())


def _said(desk: Desk) -> str:
    """Return who it is: an id that the settings have, or the name that was typed; UsageError for neither."""
    chosen = request.form.get("who", "")
    held = desk.settings.alert.people.get(chosen)
    return chosen if held is not None and not held.group else people.called(request.form.get("name", ""))


def _last() -> str:
    """Return who took something on by this phone last; whatever else the cookie holds is nobody."""
    with suppress(UsageError):
        return people.called(unquote(request.cookies.get(COOKIE, "")))
    return ""


def _named(desk: Desk, person: str) -> str:
    held = desk.settings.alert.people.get(person)
    return held.name if held is not None and held.name else person
