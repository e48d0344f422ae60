"""The pages of who cannot be let in now: the line is dead, it is outside the opening hours, or it takes a moment more.

None asks anybody to log in: it would help nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import render_template

from captive_portal import opening
from captive_portal.sentences import in_words
from netops.web.language import gettext

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from captive_portal.nearby import Hotspot
    from inventory.model import Hours

KILOMETRE = 1000


def down(venue: str, hotspot: Hotspot | None) -> str:
    """Return the page of a dead line; it names the next place that works when one is known."""
    return render_template("portal/down.html", venue=venue, hotspot=hotspot, way=_way(hotspot) if hotspot else "")


def wait(url: str) -> str:
    """Return the page of who has logged in and is not let in yet; it looks again by itself at `url`."""
    return render_template("portal/wait.html", url=url)


def closed(venue: str, hours: tuple[Hours, ...], now_ms: int, zone: ZoneInfo) -> str:
    """Return the page outside the opening hours: when it opens next, and the hours of the week."""
    day, clock, seconds = opening.next_opening(hours, now_ms, zone)
    opens = gettext("%(day)s %(clock)s 开放，还有 %(time)s。", day=day, clock=clock, time=in_words(seconds))
    return render_template("portal/closed.html", venue=venue, opens=opens, week=opening.lines(hours))


def _way(hotspot: Hotspot) -> str:
    return gettext("%(wind)s，直线约 %(metres)s", wind=_wind(hotspot.wind), metres=_metres(hotspot.metres))


def _wind(wind: int) -> str:
    return (
        gettext("往北"),
        gettext("往东北"),
        gettext("往东"),
        gettext("往东南"),
        gettext("往南"),
        gettext("往西南"),
        gettext("往西"),
        gettext("往西北"),
    )[wind]


def _metres(metres: int) -> str:
    if metres < KILOMETRE:
        return gettext("%(metres)d 米", metres=metres)
    told = f"{metres / KILOMETRE:.1f}"
    return gettext("%(kilometres)s 公里", kilometres=told)
