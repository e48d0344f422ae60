"""The forms of an HTML page and where it leads by itself, as much as a login needs. Pure, linear in the page's length.

Whoever runs a portal writes the page, so the reader must not be upset: `html.parser` of the standard library raises on
`<![` and takes quadratic time for a page of `<!--`. Here a tag is looked at for 4,096 characters and no further.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

PAGE_OCTETS = 64 * 1024  # a portal's page has 14 KB; what lies beyond is not read
FORMS, FIELDS, TAG_CHARACTERS = 16, 64, 4096
_NAME = re.compile(r"/?[a-zA-Z][a-zA-Z0-9]{0,15}")
_ATTRIBUTE = re.compile(
    r"""([^\s"'<>/=]{1,64})(?:\s{0,8}=\s{0,8}(?:"([^"]{0,4096})"|'([^']{0,4096})'|([^\s"'<>]{1,4096})))?"""
)
_FIELDS = frozenset({"input", "button", "select", "textarea"})
_WANTED = frozenset({"form", "/form", "meta"})
_REFRESH = re.compile(r"[0-9.]{1,8}\s{0,8}[;,]\s{0,8}(?:url\s{0,8}=\s{0,8})?(\S{1,2048})", re.IGNORECASE)
_SCRIPT = re.compile(
    r"""\blocation(?:\.href)?\s{0,8}=\s{0,8}["']([^"'<>]{1,2048})["']"""
    r"""|\blocation\.(?:replace|assign)\(\s{0,8}["']([^"'<>]{1,2048})["']"""
)
_OPAQUE = frozenset({"script", "style"})
_SILENT = frozenset({"button", "reset", "file", "image"})
_TYPED = frozenset({"text", "password", "tel", "number", "search", "email"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form of a page: where it goes and what it holds as (name, type, value)."""

    action: str
    method: str
    fields: tuple[tuple[str, str, str], ...]

    @property
    def blanks(self) -> tuple[str, ...]:
        """The names of the fields that a visitor types into."""
        return tuple(name for name, kind, _ in self.fields if kind in _TYPED)


def forms(body: bytes) -> list[Form]:
    """Return the forms of a page, the first `FORMS` of them."""
    text = body[:PAGE_OCTETS].decode("utf-8", "replace")
    found: list[Form] = []
    given: dict[str, str] | None = None
    fields: list[tuple[str, str, str]] = []
    for name, attributes in _tags(text):
        if name == "form" and given is None:
            given, fields = attributes, []
        elif name == "/form" and given is not None:
            found.append(_form(given, fields))
            given = None
        elif name in _FIELDS and given is not None:
            _add(fields, name, attributes)
        if len(found) == FORMS:
            return found
    return [*found, _form(given, fields)] if given is not None else found


def onward(body: bytes) -> str:
    """Return where a page sends the browser on its own, by refresh or by the plainest of scripts; empty: nowhere.

    Gateways that answer in another's name often do so with a page of one script instead of a redirection.
    """
    text = body[:PAGE_OCTETS].decode("utf-8", "replace")
    for name, given in _tags(text):
        if name == "meta" and given.get("http-equiv", "").lower() == "refresh":
            found = _REFRESH.fullmatch(given.get("content", "").strip())
            if found:
                return found[1].strip("\"'")
    script = _SCRIPT.search(text)
    return (script[1] or script[2]) if script else ""


def _tags(text: str) -> list[tuple[str, dict[str, str]]]:
    """Return the tags that matter, in order; comments, scripts and styles hold none."""
    found: list[tuple[str, dict[str, str]]] = []
    at = text.find("<")
    while at >= 0:
        if text.startswith("<!--", at):
            end = text.find("-->", at + 4)
            if end < 0:
                break  # the rest is a comment
            at = text.find("<", end)
            continue
        named = _NAME.match(text, at + 1)
        if named is None:
            at = text.find("<", at + 1)
            continue
        name = named[0].lower()
        end = _end(text, named.end())
        if name in _FIELDS or name in _WANTED:
            found.append((name, _attributes(text[named.end() : end])))
        if name in _OPAQUE:
            end = text.find(f"</{name}", end)
            if end < 0:
                break
        at = text.find("<", max(end, at + 1))
    return found


def _end(text: str, at: int) -> int:
    """Return where the tag ends: its `>` outside of quotes, or the bound."""
    quote = ""
    last = min(len(text), at + TAG_CHARACTERS)
    while at < last:
        letter = text[at]
        if quote:
            quote = "" if letter == quote else quote
        elif letter == ">":
            return at
        elif letter in "\"'":
            quote = letter
        at += 1
    return last


def _attributes(text: str) -> dict[str, str]:
    made: dict[str, str] = {}
    for found in _ATTRIBUTE.finditer(text):
        value = next((each for each in found.groups()[1:] if each is not None), "")
        made.setdefault(found[1].lower(), unescape(value))
    return made


def _form(given: dict[str, str], fields: list[tuple[str, str, str]]) -> Form:
    return Form(action=given.get("action", ""), method=given.get("method", "get").lower(), fields=tuple(fields))


def _add(fields: list[tuple[str, str, str]], tag: str, given: dict[str, str]) -> None:
    kind = given.get("type", "submit" if tag == "button" else "text").lower()
    name = given.get("name", "")
    if not name or kind in _SILENT or len(fields) >= FIELDS:
        return
    if kind == "submit" and any(each[1] == "submit" for each in fields):
        return  # one button is pressed, not all of them
    fields.append((name, kind, given.get("value", "")))
