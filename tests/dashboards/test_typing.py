"""While somebody types, what a search finds is offered beneath the field: by keyboard, by pointer, judged by axe."""

from __future__ import annotations

import importlib.util
import os
import time
from pathlib import Path

import pytest

from netops.config import Listener
from netops.web import Server

SIZES = {"phone": (390, 844), "desk": (1280, 800)}
PICTURES = os.environ.get("NETOPS_PICTURES", "")
SHOWN = "document.querySelectorAll('#hits [role=option]').length"
FIELD = "document.querySelector('form.search input')"
STEP_S = 2.0
SERVED = [pytest.mark.slow, pytest.mark.partner("chromium"), pytest.mark.timeout(180)]


def test_the_form_says_where_its_script_asks_and_works_without_it(site):
    text = site.browser("viewer").get("/", headers={"Accept-Language": "en"}).get_data(as_text=True)

    assert 'data-find="/api/v1/find"' in text
    assert '"down": "\\u2715 Down"' in text or '"down": "✕ Down"' in text
    assert '<script src="/assets/find.js" defer></script>' in text
    assert 'action="/find"' in text


def test_who_is_not_logged_in_gets_no_script_and_no_hits(site):
    assert "find.js" not in site.client().get("/login").get_data(as_text=True)
    assert site.client().get("/api/v1/find?q=olt").status_code == 401


def _chromium():
    where = Path(__file__).parents[1] / "captive_portal" / "pages" / "chromium.py"
    spec = importlib.util.spec_from_file_location("chromium_of_the_portal", where)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with _chromium().Chromium(tmp_path_factory.mktemp("browser")) as made:
        yield made


@pytest.fixture
def page(site, browser):
    """The overview, opened by an operator."""
    server = Server(site.app, Listener(port=0))
    server.start()
    url = f"http://127.0.0.1:{server.port}"
    browser.ask("Network.clearBrowserCookies")
    for each in site.browser("operator")._cookies.values():
        browser.ask("Network.setCookie", url=url, name=each.key, value=each.value)
    yield lambda language="zh-CN": browser.open(f"{url}/?lang={language}")
    browser.ask("Emulation.setEmulatedMedia", features=[], media="")
    browser.ask("Emulation.clearDeviceMetricsOverride")
    server.stop()


def until(browser, expression: str) -> None:
    end = time.monotonic() + STEP_S
    while not browser.evaluate(expression):
        assert time.monotonic() < end, expression
        time.sleep(0.02)


def typed(browser, text: str) -> None:
    browser.evaluate(f"{FIELD}.focus()")
    browser.ask("Input.insertText", text=text)
    until(browser, f"{SHOWN} > 0 && !document.getElementById('hits').hidden")


def key(browser, name: str, code: int) -> None:
    for kind in ("rawKeyDown", "keyUp"):
        browser.ask("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code)


class TestInABrowser:
    pytestmark = SERVED

    def test_the_keyboard_chooses_a_hit_and_goes_there(self, browser, page):
        page()
        typed(browser, "wlan-controller-9")
        key(browser, "ArrowDown", 40)

        assert browser.evaluate(f"{FIELD}.getAttribute('aria-activedescendant')") == "hit-0"
        assert browser.evaluate("document.getElementById('hit-0').getAttribute('aria-selected')") == "true"
        assert "项" in browser.evaluate("document.querySelector('form.search [role=status]').textContent")

        key(browser, "Enter", 13)
        until(browser, "location.pathname === '/device/wlan-controller-9'")

    def test_escape_closes_the_list_and_keeps_what_was_typed(self, browser, page):
        page()
        typed(browser, "olt")
        key(browser, "Escape", 27)

        assert browser.evaluate("document.getElementById('hits').hidden")
        assert browser.evaluate(f"{FIELD}.value") == "olt"
        assert browser.evaluate(f"{FIELD}.getAttribute('aria-expanded')") == "false"

    def test_up_from_the_field_is_the_last_hit(self, browser, page):
        page()
        typed(browser, "olt")
        key(browser, "ArrowUp", 38)

        assert browser.evaluate(f"{FIELD}.getAttribute('aria-activedescendant')") == browser.evaluate(
            "document.querySelector('#hits [role=option]:last-child').id"
        )

    def test_a_pointer_goes_there_too(self, browser, page):
        page()
        typed(browser, "wlan-controller-9")
        at = browser.evaluate("(b => [b.x + 9, b.y + 9])(document.getElementById('hit-0').getBoundingClientRect())")
        for kind in ("mousePressed", "mouseReleased"):
            browser.ask("Input.dispatchMouseEvent", type=kind, x=at[0], y=at[1], button="left", clickCount=1)
        until(browser, "location.pathname === '/device/wlan-controller-9'")

    @pytest.mark.parametrize("language", ["zh-CN", "en"])
    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_the_list_is_within_the_page_and_faultless(self, browser, page, language, size, scheme):
        browser.size(*SIZES[size])
        page(language)
        browser.evaluate("document.querySelector('.opens').click()")  # on a phone the field stands behind it
        typed(browser, "controller")
        key(browser, "ArrowDown", 40)
        found = browser.axe(scheme)
        if PICTURES:
            browser.picture(Path(PICTURES) / f"typing-{language}-{size}-{scheme}.png")

        assert found["wrong"] == []
        assert browser.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
        assert browser.evaluate(f"{SHOWN} === 8")
