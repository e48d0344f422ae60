"""A site's logo: a small SVG that stands inside the page. An allow-list of drawing words; anything else is refused.

The page has one request and no foreign resource, so the logo is part of it; and what is part of the page must not be
able to run, fetch or restyle anything. The file is parsed, checked and written anew from what was understood.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.parsers import expat

from markupsafe import escape

from netops.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

LARGEST = 2048  # octets: the whole page has 14 KB
DEEPEST = 8
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,80}\.svg")
_DRAWS = {
    "svg": {"viewBox", "width", "height", "fill", "stroke", "stroke-width"},
    "g": {"fill", "stroke", "stroke-width", "transform", "opacity"},
    "path": {"d", "fill", "stroke", "stroke-width", "transform", "fill-rule", "opacity"},
    "circle": {"cx", "cy", "r", "fill", "stroke", "stroke-width", "transform", "opacity"},
    "ellipse": {"cx", "cy", "rx", "ry", "fill", "stroke", "stroke-width", "transform", "opacity"},
    "rect": {"x", "y", "width", "height", "rx", "ry", "fill", "stroke", "stroke-width", "transform", "opacity"},
    "line": {"x1", "y1", "x2", "y2", "stroke", "stroke-width", "transform", "opacity"},
    "polygon": {"points", "fill", "stroke", "stroke-width", "transform", "fill-rule", "opacity"},
    "polyline": {"points", "fill", "stroke", "stroke-width", "transform", "opacity"},
}
_VALUE = re.compile(r"[A-Za-z0-9 ,.#()%+-]{0,1500}")  # numbers, path commands, colours; no quote, colon or semicolon
_FETCHES = re.compile(r"url", re.IGNORECASE)
_NAMESPACES = {"xmlns", "xmlns:xlink", "version"}


class LogoError(ConfigError):
    """The logo is not one that may stand in the page."""


def checked(folder: Path, name: str) -> str:
    """Return the drawing of a file beside the policy, written anew; LogoError says what is not allowed."""
    if not _NAME.fullmatch(name):
        raise LogoError(f"logo '{name[:60]}'; expected the name of an .svg file beside the policy, lower case")
    try:
        with (folder / name).open("rb") as file:
            written = file.read(LARGEST + 1)
    except OSError as error:
        raise LogoError(f"logo {name} cannot be read ({error.strerror})") from None
    if len(written) > LARGEST:
        raise LogoError(f"logo {name} is larger than {LARGEST} octets; simplify the drawing")
    return drawn(written, name)


def drawn(written: bytes, name: str) -> str:
    """Return the checked drawing of an SVG's octets."""
    parts: list[str] = []
    open_: list[str] = []

    def begin(tag: str, attributes: dict[str, str]) -> None:
        if tag not in _DRAWS or (tag == "svg") != (not open_) or len(open_) >= DEEPEST:
            raise LogoError(f"logo {name} has a <{tag[:20]}> there; expected {', '.join(_DRAWS)}")
        kept = {key: value for key, value in attributes.items() if key not in _NAMESPACES}
        for key, value in kept.items():
            if key not in _DRAWS[tag] or not _VALUE.fullmatch(value) or _FETCHES.search(value):
                raise LogoError(f"logo {name}: <{tag}> has {key[:20]}='{value[:30]}'; it may not stand in a page")
        more = ' aria-hidden="true" focusable="false"' if tag == "svg" else ""
        words = "".join(f' {key}="{escape(value)}"' for key, value in kept.items())
        parts.append(f"<{tag}{more}{words}>")
        open_.append(tag)

    def end(tag: str) -> None:
        parts.append(f"</{tag}>")
        open_.pop()

    def text(words: str) -> None:
        if words.strip():
            raise LogoError(f"logo {name} holds text; draw it as a path")

    def refuse(*_: object) -> None:
        raise LogoError(f"logo {name} has a DTD or an entity; remove it")

    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = begin, end, text
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = parser.ProcessingInstructionHandler = refuse
    try:
        parser.Parse(written, True)
    except expat.ExpatError as error:
        raise LogoError(f"logo {name} is no well-formed XML: {error}") from None
    return "".join(parts)
