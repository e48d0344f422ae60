"""The edge of a login: fetches what the course asks for, like the mini browser of a phone. Cookies are kept."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from collectors.probes import clocks, login, sockets, web

if TYPE_CHECKING:
    from collections.abc import Callable

    from collectors.probes.clocks import ClockState
    from collectors.probes.web import Page, Way

PAGES = 24  # in one login
COOKIES = 32
FORM = "application/x-www-form-urlencoded"
NS_PER_MS = 1_000_000


def run(
    detect: str, way: Way, *, expect: str, voucher: str = "", clock: Callable[[], ClockState] = clocks.kernel
) -> dict[str, Any]:
    """Log in and return the record: the stage it came to, the time until online, every page on the way.

    The code is in no record: pages are kept as digests and times, forms are not kept at all.
    """
    begin = sockets.instant()
    course = login.begin(detect, expect=expect, voucher=voucher)
    pages: list[dict[str, Any]] = []
    jar: dict[tuple[str, str], str] = {}
    while isinstance(course.ask, login.Ask) and len(pages) < PAGES:
        ask = course.ask
        headers = {"Cookie": told} if (told := _cookies(jar, ask.url)) else {}
        if ask.form is not None:
            headers["Content-Type"] = FORM
        page = web.fetch(ask.url, way, form=ask.form, headers=headers)
        _keep(jar, page)
        pages.append({"stage": course.stage} | page.record() | {"url": page.url.partition("?")[0]})
        course = login.step(course, page)
    ended = course.ask if isinstance(course.ask, login.Ended) else login.Ended(stage=login.NO_PAGE, detail="too many")
    spent = sockets.instant().monotonic_ns - begin.monotonic_ns
    return {
        "at_ms": begin.wall_ns // NS_PER_MS,
        "monotonic_ms": begin.monotonic_ns // NS_PER_MS,
        "clock": clock().record(),
        "stage": ended.stage,
        "detail": ended.detail,
        "time_ns": spent,
        "pages": pages,
    }


def _cookies(jar: dict[tuple[str, str], str], url: str) -> str:
    host = urlsplit(url).hostname or ""
    return "; ".join(f"{name}={value}" for (of, name), value in jar.items() if of == host)


def _keep(jar: dict[tuple[str, str], str], page: Page) -> None:
    host = urlsplit(page.url).hostname or ""
    for key, value in page.headers:
        if key.lower() != "set-cookie" or len(jar) >= COOKIES:
            continue
        try:
            for name, morsel in SimpleCookie(value).items():
                jar[host, name] = morsel.value
        except CookieError:
            continue
