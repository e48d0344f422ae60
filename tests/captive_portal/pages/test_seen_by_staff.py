"""What staff see of the portal, in the frame of the dashboards: each page in a real browser, judged by axe."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from captive_portal import keys, tables, vouchers
from captive_portal.model import Allowance
from dashboards.service import application
from inventory import sql
from inventory import tables as register_tables
from netops.access import tables as access_tables
from netops.access.passwords import Passwords
from netops.access.staff import Staff
from netops.config import Listener
from netops.web import Server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.partner("chromium"),
    pytest.mark.partner("axe"),
    pytest.mark.timeout(120),
]

PASSWORD = "a password of nobody"
LANGUAGES = ("zh-CN", "en")
SIZES = {"small": (320, 568), "phone": (390, 844), "desk": (1280, 800)}
PICTURES = os.environ.get("NETOPS_PICTURES", "")
PAGES = {  # path → whose page it is
    "/vouchers": "operator",
    "/visits": "operator",
    "/visits/<visit>": "operator",
    "/visits/<visit> asked": "operator",
    "/faults": "operator",
    "/logins": "operator",
    "/persons": "privacy_officer",
    "/persons?session=<visit>": "privacy_officer",
}
ASKED = "f=document.querySelector('[action$=end]'),f.because.value='abuse',f.submit()"


@pytest.fixture(scope="module")
def office(street):
    """The staff's site beside the portal: its address, a visit, and who is logged in by role."""
    settings, now_ms = street.settings, street.clock.now_ms()
    device = street.device()
    device.open()
    device.press(way="click_through")
    order = vouchers.Order(
        label="Tea house",
        count=20,
        allowance=Allowance(seconds=7200),
        start_by_ms=now_ms + 86_400_000,
        made_by="operator",
    )
    vouchers.create(tables.url(settings), keys.voucher_key(settings), order, now_ms)
    sql.upgrade(register_tables.MIGRATIONS, settings.register_url)
    sql.upgrade(access_tables.MIGRATIONS, access_tables.url(settings))
    cheap = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setattr("dashboards.pages.Passwords", lambda: cheap)
        roles = set(PAGES.values())
        with sql.Database(access_tables.url(settings)) as database:
            staff = Staff(database, cheap)
            for role in roles:
                once = staff.add(role, role=role, title=role, by="test", now_ms=now_ms)
                staff.change(role, old=once, new=PASSWORD, address="127.0.0.1", now_ms=now_ms)
        app = application(settings, street.clock, stack)
        server = Server(app, Listener(port=0))
        server.start()
        stack.callback(server.stop)
        cookies = {}
        for role in roles:
            client = app.test_client()
            assert client.post("/login", data={"name": role, "password": PASSWORD}).status_code == 303
            cookies[role] = [(each.key, each.value) for each in client._cookies.values()]
        (visit,) = vouchers.visits(tables.url(settings))[1]
        yield f"http://127.0.0.1:{server.port}", visit.id, cookies


@pytest.fixture
def look(office, browser):
    url, visit, cookies = office

    def opened(page: str, language: str) -> None:
        path, _, asked = page.partition(" ")
        for name, value in cookies[PAGES[page]]:
            browser.ask("Network.setCookie", url=url, name=name, value=value)
        path = path.replace("<visit>", visit)
        browser.open(f"{url}{path}{'&' if '?' in path else '?'}lang={language}")
        if asked:
            browser._events.clear()
            browser.evaluate(ASKED)
            browser.wait("Page.loadEventFired")

    yield opened
    browser.ask("Network.clearBrowserCookies")
    browser.ask("Emulation.setEmulatedMedia", features=[])
    browser.ask("Emulation.clearDeviceMetricsOverride")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing_and_a_phone_shows_all_of_it(look, browser, page, language) -> None:
    browser.size(*SIZES["phone"])
    look(page, language)

    assert browser.evaluate("document.documentElement.lang") == language
    logged = [each["entry"]["text"] for each in browser.told("Log.entryAdded")]
    assert logged == []
    for size, (width, height) in SIZES.items():
        browser.size(width, height)
        assert browser.evaluate("document.documentElement.scrollWidth") <= width, size
    browser.size(*SIZES["phone"])
    found = browser.axe("light")  # the dashboards have no other scheme
    assert found["rules"] > 10
    assert found["wrong"] == []
    unsure = [(rule, node) for rule, nodes in found["unsure"] for node in nodes if "placeholder=" not in node]
    assert unsure == [], "of the words in an empty field axe cannot tell the colour"
    if PICTURES:
        browser.picture(Path(PICTURES) / f"staff-{page.strip('/').replace('/', '-')}-{language}.png")
