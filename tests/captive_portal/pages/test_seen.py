"""What people see: every page of the portal in a real browser, in every language, judged by axe and by the clock.

A phone's first paint is measured as on a slow network: 300 ms there and back, 50 kB/s. The browser's own brake slows
each request by its latency and leaves out the beginning of the connection, so the latency here is two round trips.
"""

from __future__ import annotations

import http.client
import json
import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from captive_portal.errors import GatewayError
from captive_portal.nearby import Venue
from captive_portal.policy import Policies
from captive_portal.uplink import Uplink
from inventory.model import Hours
from netops import hotspots

pytestmark = [pytest.mark.slow, pytest.mark.partner("chromium"), pytest.mark.timeout(120)]

LANGUAGES = ("zh-CN", "en", "ja", "ko")
SIZES = {"small": (320, 568), "phone": (390, 844), "desk": (1280, 800)}
ROUND_TRIP_MS, OCTETS_S = 300, 50_000
LARGEST = 14 * 1024
PICTURES = os.environ.get("NETOPS_PICTURES", "")
LOGIN = ("login", "wrong", "online", "code", "down", "closed", "stranger", "missing")
BROKEN = ("relief", "let_in", "put_out", "wait", "away")
ACCOUNT = ("accounts", "onward", "records", "own", "erased")
PAGES = (*LOGIN, "report", "thanks", *BROKEN, *ACCOUNT)
PATHS = {"report": "report", "thanks": "report", "records": "records", "missing": "nosuch"}
STATUS = {"missing": "404", "wrong": "422", "stranger": "403", "away": "503"}
CAMPUS = """policy: campus
title: Campus
sites: [site-9]
methods: [oidc, sms, voucher]
session_minutes: 60
languages: [zh_CN, en, ja, ko]
accounts: {city: {domains: [staff.example]}}
"""
PRESSED = {
    "wrong": "f=document.querySelector('[name=otp]').form,f.otp.value='12345678',f.submit()",
    "thanks": "document.querySelector('[value=slow]').click()",
    "onward": "document.querySelector('[value=oidc]').form.submit()",
    "erased": "f=document.querySelector('[action*=erase]'),f.sure.checked=true,f.submit()",
}
# WCAG 2.2.1: it looks again by itself; nothing on it ends or is lost, and its button does the same at one's leisure.
BY_ITSELF = {"wait": ["meta-refresh"]}
LEADS = {"wrong": "/login", "onward": "/login", "erased": "/records/erase"}  # where the form of a page goes
NEAR = (
    Venue(id="site-1", name="万柳公园", address="万柳中路", at=(39.9600, 116.2980)),
    Venue(id="site-2", name="海淀公园", address="新建宫门路 2 号", at=(39.9838, 116.3010)),
)


@pytest.fixture(scope="module")
def accounts(provided, tmp_path_factory):
    """A provider that answers."""
    with provided("http://portal.test", tmp_path_factory.mktemp("provider")) as city:
        yield {"city": city}


@pytest.fixture(scope="module")
def policy_texts(policy_text):
    return {"parks": policy_text, "campus": CAMPUS}


def signed_in(street, device, issuer: str) -> str:
    """Press the button of an account and log in at its provider; return where the device is sent back to."""
    now_s = street.clock.now_ms() // 1000  # the portal's clock is ahead of the provider's
    there = urlsplit(device.press("account" if device.page.words.isascii() else "").links.popitem()[1])
    link = http.client.HTTPConnection(urlsplit(issuer).netloc, timeout=20)
    claims = json.dumps({"claims": {"iat": now_s, "auth_time": now_s, "exp": now_s + 300}})
    link.request("POST", "/tricks", claims, {"Content-Type": "application/json"})
    assert link.getresponse().read()
    form = urlencode({"user": "lin", "password": "right"})
    link.request("POST", f"{there.path}?{there.query}", form, {"Content-Type": "application/x-www-form-urlencoded"})
    answer = link.getresponse()
    link.close()
    assert answer.status == 302
    return str(answer.getheader("Location"))


class Sight:
    """Brings the browser's own device, 127.0.0.1, to a page and opens it."""

    def __init__(self, street, browser, issuer: str) -> None:
        self.street, self.browser, self.issuer = street, browser, issuer
        self.portal, self.desk = street.portal, street.portal.desk
        self.before = self.desk.policies
        self.portal._venues.known = {each.id: each for each in NEAR}
        self.desk.relief.look()  # its first look ends the visits of before

    def __call__(self, name: str, language: str) -> str:
        """Return the page's address."""
        self.restore()
        street, desk, browser = self.street, self.desk, self.browser
        self.portal._venues.near.clear()
        street.clock.forward(4 * 3600)  # messages for a device are counted by the day
        hotspots.write(street.settings, hotspots.Working(at_ms=street.clock.now_ms(), sites=frozenset({"site-2"})))
        desk.logout(desk.gateway.identify("127.0.0.1"))
        path = self.bring(name, language) or f"/{PATHS.get(name, '')}?lang={language}"
        url = f"{street.url}{path}{'&begin=' if name == 'login' else ''}"
        browser.open(url)
        if name == "wait":
            browser.hold("http://*")
        if name in PRESSED:
            if name == "onward":
                browser.hold(f"{self.issuer}/*")
            browser._events.clear()
            browser.evaluate(PRESSED[name])
            browser.wait("Fetch.requestPaused" if name == "onward" else "Page.loadEventFired")
            if name in LEADS:
                url = f"{street.url}{LEADS[name]}?lang={language}"
        return url

    def bring(self, name: str, language: str) -> str:
        """Let happen to the device what leads to the page; return the path, where it is not that of the login page."""
        desk, gateway = self.desk, self.desk.gateway
        device = self.street.device(language, "127.0.0.1")
        if name in {"online", "code", "wrong"}:
            device.open("http://portal.test/?begin=")
        if name == "online":
            device.press(way="click_through")
        elif name in {"code", "wrong"}:
            device.press(way="sms", phone=f"1380013{self.street.clock.now_ms() // 3_600_000 % 10_000:04d}")
        elif name == "stranger":
            gateway.identify = lambda _address: None
        elif name == "down":
            self.portal._uplink = Uplink(word="down")
        elif name == "closed":
            day = datetime.fromtimestamp(self.street.clock.now_ms() / 1000, tz=desk.zone).isoweekday()
            other = Hours(days=tuple(each for each in range(1, 8) if each != day), start_minute=480, end_minute=1320)
            self.rule(replace(self.before.at("site-1"), hours=(other,)))
        elif name in BROKEN:
            self.broken(name, device)
        elif name in ACCOUNT:
            return self.account(name, device, language)
        return ""

    def broken(self, name: str, device) -> None:
        """Bring it to a page of when something is wrong."""
        desk = self.desk
        here = desk.gateway.identify("127.0.0.1")
        if name == "wait":
            desk.waits = lambda _client: True
        elif name == "away":

            def identify(_address: str) -> None:
                raise GatewayError("gone")

            desk.gateway.identify = identify
        elif name == "put_out":
            desk.visits.put_out.note(desk.identity(here), self.street.clock.now_ms())
        else:
            self.rule(replace(self.before.at("site-9"), methods=("oidc", "sms")))  # those that can be away
            desk.relief.seconds = lambda _site: 600
            if name == "let_in":
                device.open("http://portal.test/?begin=")
                device.press(way="fail_open")

    def account(self, name: str, device, language: str) -> str:
        """Bring it to a page of those who have accounts."""
        self.rule(self.before.at("site-9"))
        if name not in {"own", "erased"}:
            return ""
        device.open("http://portal.test/")
        device.open(signed_in(self.street, device, self.issuer))
        self.desk.logout(self.desk.gateway.identify("127.0.0.1"))
        device.open("http://portal.test/records")
        return f"{signed_in(self.street, device, self.issuer).removeprefix('http://portal.test')}&lang={language}"

    def rule(self, policy) -> None:
        self.desk.premises.policies = Policies(default=policy)

    def restore(self) -> None:
        desk = self.desk
        self.portal._uplink = Uplink(word="up")
        desk.premises.policies = self.before
        for changed, what in ((desk.gateway, "identify"), (desk, "waits"), (desk.relief, "seconds")):
            vars(changed).pop(what, None)
        desk.visits.put_out.forgive(desk.identity(desk.gateway.identify("127.0.0.1")))
        self.browser.let_go()


@pytest.fixture
def see(street, browser, accounts):
    made = Sight(street, browser, accounts["city"].issuer)
    yield made
    made.restore()
    browser.ask("Network.emulateNetworkConditions", **brake(0, -1))
    browser.ask("Emulation.setEmulatedMedia", features=[])
    browser.ask("Emulation.setScriptExecutionDisabled", value=False)
    browser.ask("Emulation.clearDeviceMetricsOverride")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_one_small_request_that_nothing_is_refused_of(see, browser, name, language) -> None:
    url = see(name, language)

    asked = [each["request"]["url"] for each in browser.told("Network.requestWillBeSent")]
    if name == "onward":  # it leads on at once
        asked = [each for each in asked if not each.startswith(see.issuer)]
    sent = sum(each["encodedDataLength"] for each in browser.told("Network.loadingFinished"))
    assert asked == [url], "one request, and no picture of a tab"
    assert sent <= LARGEST
    logged = [each["entry"]["text"] for each in browser.told("Log.entryAdded")]
    status = STATUS.get(name, "none")
    assert [each for each in logged if f"a status of {status}" not in each] == []
    assert browser.evaluate("document.documentElement.lang") == language
    assert browser.evaluate("document.querySelectorAll('h1').length") == 1
    assert browser.ask("Network.getCookies")["cookies"] == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_small_phone_and_a_large_screen(see, browser, name, language) -> None:
    browser.size(*SIZES["small"], 2)
    see(name, language)
    for size, (width, height) in SIZES.items():
        browser.size(width, height, 2 if width < 1000 else 1)

        assert browser.evaluate("document.documentElement.scrollWidth") <= width, size
        assert browser.too_small() == [], size
        if PICTURES:
            browser.picture(Path(PICTURES) / f"{name}-{language}-{size}.png")


@pytest.mark.partner("axe")
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(see, browser, name, language) -> None:
    browser.size(*SIZES["phone"])
    see(name, language)
    for scheme in ("light", "dark"):
        found = browser.axe(scheme)

        assert found["rules"] > 10
        assert [each for each in found["wrong"] if each[0] not in BY_ITSELF.get(name, ())] == [], scheme
        assert found["unsure"] == [], scheme
        if PICTURES:
            browser.picture(Path(PICTURES) / f"{name}-{language}-{scheme}.png")


def painted(see, browser, name: str, latency_ms: int, octets_s: int, *, enough_ms: float) -> float:
    """Return after how many milliseconds a page shows something: the first of three times that is enough, or the best.

    A machine that does other things besides is slower now and then, never faster than it is.
    """
    paints: list[float] = []
    while len(paints) < 3 and min(paints, default=enough_ms + 1) > enough_ms:
        browser.ask("Network.emulateNetworkConditions", **brake(latency_ms, octets_s))
        see(name, "zh-CN")
        paints.append(
            browser.evaluate(
                "new Promise(done=>new PerformanceObserver(l=>done(l.getEntries().find(e=>e.name=="
                "'first-contentful-paint').startTime)).observe({type:'paint',buffered:true}))"
            )
        )
    return min(paints)


@pytest.mark.parametrize("name", PAGES)
def test_the_first_paint_on_a_slow_network_is_within_a_second(see, browser, name) -> None:
    """A machine that is so busy that it needs long without a network is allowed ten times that."""
    browser.size(*SIZES["phone"])
    browser.ask("Network.setCacheDisabled", cacheDisabled=True)
    own = painted(see, browser, name, 0, -1, enough_ms=100)

    paint = painted(see, browser, name, 2 * ROUND_TRIP_MS, OCTETS_S, enough_ms=1000)

    print(f"{name}: first paint {paint:.0f} ms, without the network {own:.0f} ms")
    assert paint > 2 * ROUND_TRIP_MS, "the brake holds"
    assert paint <= max(1000, 10 * own)


def brake(latency_ms: int, octets_s: int) -> dict[str, object]:
    return {"offline": False, "latency": latency_ms, "downloadThroughput": octets_s, "uploadThroughput": octets_s}


def press(browser, key: str) -> None:
    code = {"Tab": 9, "Enter": 13}[key]
    text = {"text": "\r"} if key == "Enter" else {}
    browser.ask("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, windowsVirtualKeyCode=code, **text)
    browser.ask("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=code)


def test_with_keys_alone_and_without_scripts_and_cookies_one_comes_online(see, browser) -> None:
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    browser.ask("Emulation.setDocumentCookieDisabled", disabled=True)
    see("login", "en")
    seen = []
    for _ in range(12):
        press(browser, "Tab")
        seen.append(browser.evaluate("document.activeElement.textContent.trim() || document.activeElement.name"))
        style = browser.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert style != "none", f"where the focus is can be seen: {seen[-1]}"
        if seen[-1] == "Accept terms and go online":
            break

    browser._events.clear()
    press(browser, "Enter")
    browser.wait("Page.loadEventFired")

    assert "You are online" in browser.evaluate("document.body.innerText")
