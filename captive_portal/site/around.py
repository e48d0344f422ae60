"""What is there already where a site is to be, one file that it needs, and where it and its pages are to be found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from captive_portal.site.wish import LINUX

if TYPE_CHECKING:
    from pathlib import Path

    from captive_portal.site.wish import Wish
    from netops.config import Settings

PORT, SECURE_PORT = 8081, 8443


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What is there already. `home` is the folder of the settings, `city` that of the city's files, if one is named."""

    settings: Settings
    home: Path
    city: Path | None = None
    sites: str | None = None  # the text of the city's sites.csv; None: there is none
    placed: bool = False  # whether the city has this site already
    area: str = ""  # the code of the site's area, where it is new
    ruled: str = ""  # the policy that already names this site


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One file. `added` is what is new in a file that was there; `secret` is never shown."""

    path: Path
    text: str
    added: str = ""
    secret: bool = False


def folder(wish: Wish, around: Around) -> Path:
    """Return where the files for other programs of a site lie."""
    return around.home / "sites" / wish.site


def host(wish: Wish, settings: Settings) -> str:
    """Return the portal's name: what is wished, else that of the settings."""
    return wish.host or settings.portal.public_url.partition("://")[2].partition("/")[0].partition(":")[0]


def page(wish: Wish, settings: Settings) -> str:
    """Return where visitors find the portal: the gateway brings the usual ports here, from elsewhere they name ours."""
    if settings.portal.public_url:
        return settings.portal.public_url.rstrip("/")
    scheme, port = ("https", SECURE_PORT) if wish.certificate else ("http", PORT)
    return f"{scheme}://{wish.host}" + ("" if wish.gateway == LINUX else f":{port}")
