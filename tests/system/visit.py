"""A person at a rehearsal's pages: logs in with the one-time password, opens a browser, counts what is clicked."""

from __future__ import annotations

import http.cookiejar
import re
import time
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.captive_portal.pages.chromium import Chromium
    from tests.system.conftest import Rehearsal

PATIENCE_S = 30.0
WORD = "rehearsed by nobody in particular"
CODES = {"Tab": 9, "Enter": 13, "ArrowDown": 40}
FOCUS = "document.activeElement"


def cookies(city: Rehearsal, name: str) -> http.cookiejar.CookieJar:
    """Log in; at first with the one-time password that the terminal said, choosing one's own. Kept with the city."""
    if name not in city.sessions:
        jar = http.cookiejar.CookieJar()
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        said = city.lives[0][1] if city.lives else city.terminal()
        once = {**dict(re.findall(r"account (\w+) .*one-time password (\S+)", said)), **city.once}[name]
        _send(opener, city, "/login", name=name, password=once)
        _send(opener, city, "/password", old=once, new=WORD, again=WORD)
        city.sessions[name] = jar
    return city.sessions[name]


def _send(opener: urllib.request.OpenerDirector, city: Rehearsal, path: str, **fields: str) -> None:
    page = _read(opener, f"http://127.0.0.1:{city.web}{path}")
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    sent = urllib.parse.urlencode({**fields, **({"csrf": token[1]} if token else {})}).encode()
    _read(opener, f"http://127.0.0.1:{city.web}{path}", sent)


def _read(opener: urllib.request.OpenerDirector, url: str, sent: bytes | None = None) -> str:
    with opener.open(url, sent, timeout=60) as answer:
        return str(answer.read().decode())


class Visit:
    """One person's browser; `clicks` and `seconds` (the longest wait for a page) since the last `begin`."""

    def __init__(self, browser: Chromium, city: Rehearsal, name: str = "") -> None:
        self.browser, self.city, self.name = browser, city, name
        self.clicks, self.seconds = 0, 0.0
        self.url = f"http://127.0.0.1:{city.web}"

    def begin(self, path: str, *, language: str = "zh-CN") -> None:
        """Open a page as this person; nobody is logged in who has no name. Counting begins."""
        self.browser.ask("Network.clearBrowserCookies")
        for each in cookies(self.city, self.name) if self.name else ():
            self.browser.ask("Network.setCookie", url=self.url, name=each.name, value=each.value)
        address = f"{self.url}{path}{'&' if '?' in path else '?'}lang={language}"
        self._leave(lambda: self.browser.ask("Page.navigate", url=address))
        self.clicks, self.seconds = 0, 0.0

    def click(self, selector: str) -> None:
        """Click the first thing of a selector that is seen, and wait for the page that it leads to.

        What lies in a closed fold is not seen: to open it would be a click of its own.
        """
        seen = f"[...document.querySelectorAll({selector!r})].find(e => e.checkVisibility())"
        assert self.browser.evaluate(f"!!{seen}"), f"nothing that is seen: {selector}"
        self._leave(lambda: self.browser.evaluate(f"{seen}.click()"))

    def choose(self, selector: str, path: Path) -> None:
        """Choose a file in a form, as a person does in the browser's own window."""
        root = self.browser.ask("DOM.getDocument")["root"]["nodeId"]
        node = self.browser.ask("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.browser.ask("DOM.setFileInputFiles", nodeId=node, files=[str(path)])
        self.clicks += 1

    def enter(self, selector: str) -> None:
        """Go by the keyboard alone to the first thing of a selector, and press Enter there."""
        here = f"{FOCUS} === [...document.querySelectorAll({selector!r})].find(e => e.checkVisibility())"
        for _ in range(400):
            if self.browser.evaluate(here):
                break
            self.press("Tab")
        assert self.browser.evaluate(here), f"the keyboard does not reach {selector}"
        self._leave(lambda: self.press("Enter"))

    def press(self, key: str) -> None:
        """Press a key and let it go."""
        about = {"key": key, "code": key, "windowsVirtualKeyCode": CODES[key]}
        text = {"text": "\r"} if key == "Enter" else {}
        self.browser.ask("Input.dispatchKeyEvent", type="keyDown", **about, **text)
        self.browser.ask("Input.dispatchKeyEvent", type="keyUp", **about)

    def type(self, text: str) -> None:
        """Type, key by key."""
        for sign in text:
            self.browser.ask("Input.dispatchKeyEvent", type="char", text=sign)

    def until(self, expression: str, *, seconds: float = PATIENCE_S) -> float:
        """Wait until something is so in the page; return how long it took."""
        began = time.monotonic()
        while not self._is(expression):
            assert time.monotonic() - began < seconds, f"not within {seconds} s: {expression}"
            time.sleep(0.05)
        return time.monotonic() - began

    def _is(self, expression: str) -> bool:
        try:
            return bool(self.browser.evaluate(expression))
        except AssertionError:  # the page that was asked is being left
            return False

    def text(self, selector: str = "main") -> str:
        """Return what is read there."""
        return str(self.browser.evaluate(f"document.querySelector({selector!r}).innerText"))

    @property
    def path(self) -> str:
        """Where the browser is."""
        return str(self.browser.evaluate("location.pathname"))

    def _leave(self, act: Callable[[], object]) -> None:
        """Do what leads to another page, and wait until it is there; a load event may be one of the page before."""
        self.browser.evaluate("window.isLeft = true")
        began = time.monotonic()
        act()
        self.until("!window.isLeft && document.readyState === 'complete'")
        self.clicks += 1
        self.seconds = max(self.seconds, time.monotonic() - began)
