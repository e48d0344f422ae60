"""The browser of a phone's login sheet: no cookies, no storage, no scripts; closed, it has forgotten everything.

It fails a test at what such a browser cannot do: a cookie that is needed, a script, a second window, a resource of
somebody else's, an address of an app.
"""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TypeAlias
from urllib.parse import urlencode, urljoin, urlsplit

Answer: TypeAlias = tuple[int, dict[str, str], str]
Send: TypeAlias = Callable[..., Answer]  # (method, url, form, headers) → (status, headers, text)

MOST_REDIRECTS = 5
LOADS = {
    "img": "src",
    "script": "src",
    "link": "href",
    "iframe": "src",
    "video": "src",
    "audio": "src",
    "object": "data",
}


@dataclass
class Form:
    """A form with the values that would be sent; `shown` are the fields that its user can fill in."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)
    buttons: list[tuple[str, str, str]] = field(default_factory=list)  # name, value, text


class Page(HTMLParser):
    """What stands on a page."""

    def __init__(self, url: str, status: int, text: str) -> None:
        super().__init__()
        self.url, self.status, self.text = url, status, text
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self._form: Form | None = None
        self._said: list[str] = []
        self._link = ""
        self._button: tuple[str, str] | None = None
        self._style = False
        self.feed(text)

    @property
    def words(self) -> str:
        """What a reader reads."""
        return " ".join(" ".join(self._said).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        assert tag != "script", "a login sheet runs no scripts"
        assert "target" not in said, "a login sheet has no second window"
        assert not any(name.startswith("on") for name in said), "a login sheet runs no scripts"
        if tag in LOADS and not said.get(LOADS[tag], "data:").startswith("data:"):
            raise AssertionError(f"<{tag}> loads {said[LOADS[tag]]}: the page is one request")
        for name in ("href", "action"):
            scheme = urlsplit(said.get(name, "")).scheme
            assert scheme in {"", "http", "https"} or tag == "link", "an app's address opens nothing here"
        self._style = tag == "style"
        if tag == "form":
            self._form = Form(urljoin(self.url, said.get("action", "")), said.get("method", "get").upper())
            self.forms.append(self._form)
        elif tag in {"input", "select", "textarea"} and self._form is not None and said.get("name"):
            if said.get("type") not in {"radio", "checkbox"} or "checked" in said:
                self._form.fields[said["name"]] = said.get("value", "")
            if said.get("type") != "hidden":
                self._form.shown.append(said["name"])
        elif tag == "button":
            self._button = (said.get("name", ""), said.get("value", ""))
        elif tag == "a":
            self._link = said.get("href", "")

    def handle_endtag(self, tag: str) -> None:
        self._style = self._style and tag != "style"
        if tag == "form":
            self._form = None
        elif tag == "a":
            self._link = ""
        elif tag == "button":
            self._button = None

    def handle_data(self, data: str) -> None:
        if self._style or not data.strip():
            return
        self._said.append(data)
        if self._link:
            self.links[data.strip()] = urljoin(self.url, self._link)
        if self._button is not None and self._form is not None:
            self._form.buttons.append((*self._button, data.strip()))


class MiniBrowser:
    """One device's login sheet; `send` carries one request."""

    def __init__(self, send: Send, home: str, language: str = "en") -> None:
        self._send = send
        self._home = home
        self._language = language
        self.page: Page | None = None
        self.requests = 0

    def open(self, url: str = "") -> Page:
        """Open the sheet: a probe was redirected, the system shows where to."""
        return self._go("GET", url or self._home)

    def leave(self) -> None:
        """Look into another app: the sheet closes and everything in it is gone."""
        self.page = None

    def press(self, button: str = "", *, way: str = "", **typed: str) -> Page:
        """Fill in what is shown and press a button: the form's that has the words, or that asks for a way in."""
        assert self.page is not None, "the sheet is closed"
        for form in self.page.forms:
            names = [each for each in form.buttons if not button or button in each[2]]
            if (way and form.fields.get("method") != way) or not names:
                continue
            unknown = set(typed) - set(form.shown)
            assert not unknown, f"nothing to type {unknown} into: {form.shown}"
            fields = {**form.fields, **typed}
            if names[0][0]:
                fields[names[0][0]] = names[0][1]
            return self._go(form.method, form.action, fields)
        raise AssertionError(f"no button '{button}' of '{way}' on: {self.page.words}")

    def follow(self, link: str) -> Page:
        """Press a link."""
        assert self.page is not None, "the sheet is closed"
        return self._go("GET", self.page.links[link])

    def _go(self, method: str, url: str, form: dict[str, str] | None = None) -> Page:
        for _ in range(MOST_REDIRECTS):
            self.requests += 1
            status, headers, text = self._send(method, url, form, self._headers())
            assert "set-cookie" not in {name.lower() for name in headers}, "the sheet keeps no cookie; do not need one"
            if status not in {301, 302, 303, 307}:
                self.page = Page(url, status, text)
                return self.page
            url, method, form = urljoin(url, headers["Location"]), "GET", None
        raise AssertionError(f"redirected in a circle: {url}")

    def _headers(self) -> dict[str, str]:
        return {"Accept-Language": self._language, "User-Agent": "CaptiveNetworkSupport-480 wispr"}


def from_address(address: str, names: dict[str, tuple[str, int]]) -> Send:
    """Return what sends a mini browser's requests from an address of ours; `names` is where each host name is."""

    def send(method: str, url: str, form: dict[str, str] | None, headers: dict[str, str]) -> Answer:
        parts = urlsplit(url)
        host, port = names.get(parts.netloc) or (parts.hostname or "", parts.port or 80)
        link = http.client.HTTPConnection(host, port, timeout=20, source_address=(address, 0))
        with contextlib.closing(link):
            body = urlencode(form) if form is not None else None
            kind = {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            link.request(method, path, body, {**headers, **kind, "Host": parts.netloc})
            answer = link.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode("utf-8")

    return send
