"""The captive portal as a citizen meets it: detection, redirection, page, form, online. Pure: a table of states.

`begin` and `step` return what to fetch next or how it ended; `logging_in.py` fetches. What counts as online is what the
phone's own detection would count: the status and the text that `expect` names, without a redirection.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin, urlsplit

from collectors.probes.forms import Form, forms, onward

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
CODE_FIELDS = ("code", "voucher", "password", "passwd", "pin", "token_code")
AGREED = frozenset({"checkbox"})


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
    if target is None and page.status < 400 and forms(page.body):
        return _on_page(replace(course, stage="page"), page)  # the portal answered in the place of the detected host
    if target is None:
        target = _onward(page)
    if target is None:
        return _end(course, NO_PORTAL, f"status {page.status} without a redirection")
    return _follow(replace(course, stage="page"), target)


def _on_page(course: Course, page: Page) -> Course:
    target = _target(page)
    if target is not None:
        return _follow(course, target)
    if page.status != 200:
        return _end(course, NO_PAGE, f"status {page.status}")
    form = _chosen(forms(page.body), course.voucher)
    onward = _onward(page) if form is None else None
    if onward is not None:
        return _follow(course, onward)
    if form is None:
        return _end(course, NO_FORM, "no form for " + ("a voucher" if course.voucher else "click-through"))
    url = _joined(page.url, form.action)
    if not url:
        return _end(course, NO_FORM, "the form leads nowhere a browser would go")
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
    if not target:
        return _end(course, NO_PAGE, "a redirection that a browser would not follow")
    return replace(course, hops=course.hops + 1, ask=Ask(url=target))


def _is_online(course: Course, page: Page) -> bool:
    return page.status == course.status and course.text.encode() in page.body


def _target(page: Page) -> str | None:
    """Return where the page sends the browser: None when nowhere, empty when to an address that is none."""
    location = page.header("location").encode("latin-1", "replace").decode("utf-8", "replace")  # as browsers read it
    return _joined(page.url, location) if 300 <= page.status < 400 and location else None


def _onward(page: Page) -> str | None:
    """Return where a page leads by itself, as `_target` does."""
    where = onward(page.body) if page.status < 400 else ""
    return _joined(page.url, where) if where else None


def _joined(base: str, where: str) -> str:
    """Return the address a link leads to, empty when it is none that a browser would fetch."""
    try:
        made = urljoin(base, where)
        parts = urlsplit(made)
        fetched = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return ""
    return made if fetched else ""


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
