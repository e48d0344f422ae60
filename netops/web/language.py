"""Languages: Chinese is the source of every text, English is complete; visitors have Japanese and Korean too.

Asked in this order: `?lang=` in the address, the `lang` cookie (where cookies are allowed), the browser, the setting.
Which languages an application offers it says itself, anew for each request: a site's policy may name some of them.
Each package keeps its catalogues in `translations/<language>/LC_MESSAGES/messages.{po,mo}`; both are committed, so that
a fresh clone needs no build step (`python -m netops.web.catalogues` renews them).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from babel import Locale
from flask import Flask, Response, request
from flask_babel import Babel, get_locale
from flask_babel import gettext as _translated

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from netops.config import City

LANGUAGES = {"zh_CN": "中文", "en": "English", "ja": "日本語", "ko": "한국어"}
TAGS = {"zh_CN": "zh-CN", "en": "en", "ja": "ja", "ko": "ko"}
STAFF = ("zh_CN", "en")  # what everything is complete in
COOKIE = "lang"
HERE = Path(__file__).parent / "translations"


def known(tag: str, among: Sequence[str] = tuple(LANGUAGES)) -> str:
    """Return the language that a tag names (`zh-CN`, `zh_CN`), or the empty string."""
    name = tag.replace("-", "_")
    return name if name in among else ""


def chosen(default: str, *, cookies: bool, among: Sequence[str] = STAFF) -> str:
    """Return the language of this request; anything unknown falls through to the next source."""
    wanted = request.args.get("lang", "") or (request.cookies.get(COOKIE, "") if cookies else "")
    if known(wanted, among):
        return known(wanted, among)
    tags = {TAGS[each].partition("-")[0]: each for each in among}
    accepted = request.accept_languages.best_match([*(TAGS[each] for each in among), *tags])
    if accepted:
        return tags[accepted.partition("-")[0]]
    if request.accept_languages and "en" in among:  # a visitor from elsewhere rather reads English than the city's own
        return "en"
    return default if default in among else among[0]


def current() -> str:
    """Return the language that texts are shown in now, one of LANGUAGES."""
    locale = get_locale()
    spoken = locale.language if locale is not None else "zh"  # Babel says zh_Hans_CN
    return spoken if spoken in LANGUAGES else "zh_CN"


def mark(message: str) -> str:
    """Mark a text for the catalogues that is translated where it is shown, not where it stands."""
    return message


def gettext(message: str, **variables: object) -> str:
    """Return `message` in the language of this request, its `%(name)s` filled in."""
    return str(_translated(message, **variables))


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(language)


def install(
    app: Flask,
    city: City,
    *,
    directories: Sequence[Path] = (),
    cookies: bool,
    offered: Callable[[], Sequence[str]] = lambda: STAFF,
) -> None:
    """Make the application speak the languages `offered` at a request.

    `directories` are the catalogues of the mounted packages.
    """
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = ";".join(str(path) for path in [HERE, *directories])
    Babel(
        app,
        default_locale="zh_CN",
        default_timezone=city.timezone,
        locale_selector=lambda: _locale(chosen(city.language, cookies=cookies, among=offered())),
    )

    @app.context_processor
    def _names() -> dict[str, object]:
        spoken = {name: LANGUAGES[name] for name in offered()}
        return {"language": current(), "language_tag": TAGS[current()], "languages": spoken, "language_tags": TAGS}

    @app.after_request
    def _vary(response: Response) -> Response:
        response.vary.add("Accept-Language")
        wanted = known(request.args.get("lang", ""), offered()) if cookies else ""
        if wanted:
            response.set_cookie(
                COOKIE, wanted, max_age=31_536_000, httponly=True, samesite="Lax", secure=request.is_secure
            )
        return response
