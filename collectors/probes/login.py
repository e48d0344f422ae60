"""The captive portal as a citizen meets it: detection, redirection, page, form, online. Pure: a table of states.

`begin` and `step` return what to fetch next or how it ended; `logging_in.py` fetches. What counts as online is what the
phone's own detection would count: the status and the text that `expect` names, without a redirection.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin, urlsplit

if TYPE_CHECKING:
    from collectors.probes.web import Page

ONLINE, ALREADY, NO_ANSWER, NO_PORTAL, NO_PAGE, NO_FORM, REFUSED, NOT_ONLINE = (
    "online",
    "already_online",
    "no_answer",
    "no_portal",
    "no_page",
    "no_form",
    "refused",
    "not_online",
)
HOPS = 8  # redirections in a row
FORMS, FIELDS = 16, 64
CODE_FIELDS = ("code", "voucher", "password", "passwd", "pin", "token_code")
AGREED = frozenset({"checkbox"})
_SILENT = frozenset({"button", "reset", "file", "image"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form of a page: where it goes and what it holds as (name, type, value)."""

    action: str
    method: str
    fields: tuple[tuple[str, str, str], ...]

    @property
    def blanks(self) -> tuple[str, ...]:
        """The names of the fields that a visitor types into."""
        return tuple(
            n for n, kind, _ in self.fields if kind in {"text", "password", "tel", "number", "search", "email"}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What to fetch next."""

    url: str
    form: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How it ended: one of the stages of `probe.login.stage`."""

    stage: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Where a login stands."""

    detect: str
    status: int = 204
    text: str = ""
    voucher: str = ""
    stage: str = "detect"  # detect → page → sent → check
    hops: int = 0
    ask: Ask | Ended = field(default_factory=lambda: Ended(stage=NO_ANSWER))


def begin(detect: str, *, expect: str = "204", voucher: str = "") -> Course:
    """Return the first step: the detection that a phone makes. `expect` is a status and, behind a space, a text."""
    status, _, text = (expect or "204").partition(" ")
    return Course(
        detect=detect, status=int(status) if status.isdigit() else 204, text=text, voucher=voucher, ask=Ask(url=detect)
    )


def step(course: Course, page: Page) -> Course:
    """Return the course after this page."""
    if page.failed:
        lost = {"detect": NO_ANSWER, "page": NO_PAGE, "sent": REFUSED, "check": NOT_ONLINE}
        return _end(course, lost[course.stage], page.detail)
    return _STEPS[course.stage](course, page)


def _detected(course: Course, page: Page) -> Course:
    if _is_online(course, page):
        return _end(course, ALREADY)
    target = _target(page)
    if target is None and page.status < 400 and forms(page):
        return _on_page(replace(course, stage="page"), page)  # the portal answered in the place of the detected host
    if target is None:
        return _end(course, NO_PORTAL, f"status {page.status} without a redirection")
    return _follow(replace(course, stage="page"), target)


def _on_page(course: Course, page: Page) -> Course:
    target = _target(page)
    if target is not None:
        return _follow(course, target)
    if page.status != 200:
        return _end(course, NO_PAGE, f"status {page.status}")
    form = _chosen(forms(page), course.voucher)
    if form is None:
        return _end(course, NO_FORM, "no form for " + ("a voucher" if course.voucher else "click-through"))
    url = urljoin(page.url, form.action)
    filled = urlencode(_filled(form, course.voucher))
    if form.method == "get":
        return replace(course, stage="sent", hops=0, ask=Ask(url=f"{url.partition('?')[0]}?{filled}"))
    return replace(course, stage="sent", hops=0, ask=Ask(url=url, form=filled.encode()))


def _sent(course: Course, page: Page) -> Course:
    target = _target(page)
    if target is not None:
        return _follow(course, target)
    if page.status >= 400:
        return _end(course, REFUSED, f"status {page.status}")
    return replace(course, stage="check", ask=Ask(url=course.detect))


def _checked(course: Course, page: Page) -> Course:
    if _is_online(course, page):
        return _end(course, ONLINE)
    return _end(course, NOT_ONLINE, f"status {page.status}")


_STEPS = {"detect": _detected, "page": _on_page, "sent": _sent, "check": _checked}


def _end(course: Course, stage: str, detail: str = "") -> Course:
    return replace(course, ask=Ended(stage=stage, detail=detail[:200]))


def _follow(course: Course, target: str) -> Course:
    if course.hops >= HOPS:
        return _end(course, NO_PAGE, f"more than {HOPS} redirections")
    if urlsplit(target).scheme not in {"http", "https"}:
        return _end(course, NO_PAGE, "a redirection that a browser would not follow")
    return replace(course, hops=course.hops + 1, ask=Ask(url=target))


def _is_online(course: Course, page: Page) -> bool:
    return page.status == course.status and course.text.encode() in page.body


def _target(page: Page) -> str | None:
    location = page.header("location")
    return urljoin(page.url, location) if 300 <= page.status < 400 and location else None


def forms(page: Page) -> list[Form]:
    """Return the forms of an HTML page, within bounds."""
    reader = _Forms()
    reader.feed(page.body.decode("utf-8", "replace"))
    reader.close()
    return reader.found


def _chosen(found: list[Form], voucher: str) -> Form | None:
    """Return the form a visitor would use: with a voucher one that asks for a code, else one with nothing to type."""
    if voucher:
        named = [form for form in found if any(name.lower() in CODE_FIELDS for name in form.blanks)]
        return next(iter(named or [form for form in found if len(form.blanks) == 1]), None)
    return next((form for form in found if not form.blanks and form.method == "post"), None)


def _filled(form: Form, voucher: str) -> list[tuple[str, str]]:
    blank = next((n for n in form.blanks if n.lower() in CODE_FIELDS), form.blanks[0] if form.blanks else "")
    made = []
    for name, kind, value in form.fields:
        if name == blank and voucher:
            made.append((name, voucher))
        elif kind in AGREED:
            made.append((name, value or "on"))
        else:
            made.append((name, value))
    return made


class _Forms(HTMLParser):
    """Collects the forms; what lies outside of one is nothing to a login."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Form] = []
        self._open: dict[str, str] | None = None
        self._fields: list[tuple[str, str, str]] = []
        self._pressed = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form and its fields."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and self._open is None:
            self._open, self._fields, self._pressed = given, [], False
        elif self._open is not None and tag in {"input", "button", "select", "textarea"}:
            self._field(tag, given)

    def handle_endtag(self, tag: str) -> None:
        """Close a form."""
        if tag == "form":
            self._shut()

    def close(self) -> None:
        """Close what the page left open."""
        super().close()
        self._shut()

    def _field(self, tag: str, given: dict[str, str]) -> None:
        kind = given.get("type", "submit" if tag == "button" else "text").lower()
        name = given.get("name", "")
        if not name or kind in _SILENT or len(self._fields) >= FIELDS:
            return
        if kind == "submit":  # one button is pressed, not all of them
            if self._pressed:
                return
            self._pressed = True
        self._fields.append((name, kind, given.get("value", "")))

    def _shut(self) -> None:
        if self._open is not None and len(self.found) < FORMS:
            method = self._open.get("method", "get").lower()
            action = self._open.get("action", "")
            self.found.append(Form(action=action, method=method, fields=tuple(self._fields)))
        self._open = None
