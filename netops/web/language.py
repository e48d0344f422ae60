"""Languages: Chinese is the source of every text, English is complete.

Asked in this order: `?lang=` in the address, the `lang` cookie (where cookies are allowed), the browser, the setting.
Each package keeps its catalogue in `translations/en/LC_MESSAGES/messages.{po,mo}`; both are committed, so that a fresh
clone needs no build step (`python -m netops.web.catalogues` renews them).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask, Response, request
from flask_babel import Babel, get_locale
from flask_babel import gettext as _translated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netops.config import City

LANGUAGES = {"zh_CN": "中文", "en": "English"}
TAGS = {"zh_CN": "zh-CN", "en": "en"}
COOKIE = "lang"
HERE = Path(__file__).parent / "translations"


def chosen(default: str, *, cookies: bool) -> str:
    """Return the language of this request; anything unknown falls through to the next source."""
    wanted = request.args.get("lang", "") or (request.cookies.get(COOKIE, "") if cookies else "")
    if wanted.replace("-", "_") in LANGUAGES:
        return wanted.replace("-", "_")
    accepted = request.accept_languages.best_match(["zh-CN", "zh", "en"])
    if accepted:
        return "en" if accepted == "en" else "zh_CN"
    return default if default in LANGUAGES else "zh_CN"


def current() -> str:
    """Return the language that texts are shown in now, `zh_CN` or `en`."""
    locale = get_locale()
    return "en" if locale is not None and locale.language == "en" else "zh_CN"  # Babel says zh_Hans_CN


def mark(message: str) -> str:
    """Mark a text for the catalogues that is translated where it is shown, not where it stands."""
    return message


def gettext(message: str, **variables: object) -> str:
    """Return `message` in the language of this request, its `%(name)s` filled in."""
    return str(_translated(message, **variables))


def install(app: Flask, city: City, *, directories: Sequence[Path] = (), cookies: bool) -> None:
    """Make the application speak both languages; `directories` are the catalogues of the mounted packages."""
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = ";".join(str(path) for path in [HERE, *directories])
    Babel(
        app,
        default_locale="zh_CN",
        default_timezone=city.timezone,
        locale_selector=lambda: chosen(city.language, cookies=cookies),
    )

    @app.context_processor
    def _names() -> dict[str, object]:
        return {"language": current(), "language_tag": TAGS.get(current(), "zh-CN"), "languages": LANGUAGES}

    @app.after_request
    def _vary(response: Response) -> Response:
        response.vary.add("Accept-Language")
        wanted = request.args.get("lang", "").replace("-", "_")
        if cookies and wanted in LANGUAGES:
            response.set_cookie(
                COOKIE, wanted, max_age=31_536_000, httponly=True, samesite="Lax", secure=request.is_secure
            )
        return response
