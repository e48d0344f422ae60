"""What an auditor sees: each page in a real browser, judged by axe; and the way to the bytes, counted in clicks."""

from __future__ import annotations

import pytest
from audited_city import CONTRACT, OUTAGE

from netops.config import Listener
from netops.web import Server
from tests.dashboards.test_seen import HELD, SIZES, STEP_S, browser, click, go, judge, press

__all__ = ["browser"]  # the fixture
pytestmark = [pytest.mark.slow, pytest.mark.partner("chromium"), pytest.mark.timeout(180)]

MONTH = f"/contract/{CONTRACT}/2026-08"
PAGES = [
    "/months",
    "/month/2026-08",
    "/month/2026-09",
    MONTH,
    f"/contract/{CONTRACT}/2026-09",
    f"{MONTH}/wifi/availability",
    f"{MONTH}/interval?service=wifi-0000&from={OUTAGE + 1_800_000}&until={OUTAGE + 5_400_000}",
    f"{MONTH}/revisions",
    "/ledger",
    "/ledger/leaf/1300",
    "/blind?month=2026-08",
    "/device/wlan-controller-0?week=2026-08-08",
]


@pytest.fixture(scope="module")
def url(audited):
    server = Server(audited.app, Listener(port=0))
    server.start()
    yield f"http://127.0.0.1:{server.port}"
    server.stop()


@pytest.fixture
def look(audited, url, browser):
    """Open a page as an auditor."""

    def opened(path: str, language: str = "zh-CN") -> None:
        go(browser, url, path, language, client=audited.browser("auditor"))

    browser.size(*SIZES["desk"])
    yield opened
    browser.ask("Emulation.clearDeviceMetricsOverride")


@pytest.mark.partner("axe")
@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_in_either_scheme_and_no_screen_is_too_small(look, browser, path, language):
    look(path, language)

    judge(browser, language, f"auditor-{path.strip('/').replace('/', '-').replace('?', '-')}")


def test_from_the_month_to_the_bytes_of_a_reply_in_four_clicks(look, browser):
    look(f"/reading/wlan-controller-0/{OUTAGE}")  # the profiles are read at the first look at any reply
    look("/month/2026-08")
    waits = [
        click(browser, f"main a[href='{MONTH}']"),
        click(browser, "#figures ~ .table a[href*='/wifi/availability']"),
        click(browser, "a.samples[href*='service=wifi-0000']"),
        click(browser, "a.reading"),
    ]

    assert browser.evaluate("location.pathname").startswith("/reading/wlan-controller-0/")
    assert browser.evaluate("document.querySelector('#raw ~ details pre').innerText").startswith("000000  30 20 ")
    assert max(waits) < STEP_S, waits


def test_from_a_deduction_to_the_leaf_that_seals_the_hour_in_two_clicks(look, browser):
    look(f"{MONTH}/wifi/any")
    click(browser, "a.samples[href*='service=wifi-0000']")
    click(browser, "a[href*='/ledger/leaf/']")

    assert "availability_hour" in browser.evaluate("document.querySelector('main').innerText")


def test_a_figure_is_reached_by_keyboard_alone(look, browser):
    look(MONTH)
    for _ in range(60):
        press(browser, "Tab")
        if "/wifi/any" in (browser.evaluate(f"{HELD}.getAttribute('href')") or ""):
            break
    browser._events.clear()
    press(browser, "Enter")
    browser.wait("Page.loadEventFired")

    assert browser.evaluate("location.pathname") == f"{MONTH}/wifi/any"
