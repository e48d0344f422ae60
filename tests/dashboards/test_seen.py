"""What staff see: each page in a real browser, both languages and schemes, judged by axe; journeys by their clicks."""

from __future__ import annotations

import importlib.util
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from small_city import cheap

from inventory import sql
from netops import tickets
from netops.access import record, tables
from netops.access.sealed import Seal, staff_key
from netops.access.sessions import Sessions, Whence
from netops.access.staff import Staff
from netops.access.steps import Step
from netops.access.tokens import Tokens
from netops.alerts import book
from netops.alerts.incident import Incident, Member, Phase
from netops.alerts.service import digest
from netops.config import Listener, Person
from netops.facts import Fact
from netops.status import page
from netops.status.places import Area, Hotspot, Stand, Status, Works
from netops.web import Server

pytestmark = [pytest.mark.slow, pytest.mark.partner("chromium"), pytest.mark.timeout(180)]

SIZES = {"small": (320, 568), "phone": (390, 844), "desk": (1280, 800)}
PICTURES = os.environ.get("NETOPS_PICTURES", "")
PAGES = {  # path → whose page it is
    "/login": "",
    "/": "operator",
    "/worst": "operator",
    "/worst?by=device&key=device:wlan-controller-9": "operator",
    "/area/110108015": "operator",
    "/site/site-9": "operator",
    "/find?q=controller": "operator",
    "/device/wlan-controller-9": "operator",
    "/device/small-cell-2?day=2026-09-20": "operator",
    "/device/wlan-controller-9?week=2026-09-21": "operator",
    "/site/site-9?month=2026-09": "operator",
    "/service/wifi-0009": "operator",
    "/reading/wlan-controller-0/1789999980000": "auditor",
    "/incidents": "operator",
    "/incidents/20260915-00001": "operator",
    "/take/of-a-person": "",
    "/take/of-a-group": "",
    "/why/site-9": "operator",
    "/tickets": "operator",
    "/tickets/T20260920-seen": "operator",
    "/probes": "operator",
    "/logins": "admin",
    "/contracts": "auditor",
    "/summary": "auditor",
    "/contract/contract-b": "auditor",
    "/register": "operator",
    "/register/device/ap-0009": "operator",
    "/register/device/ap-0009/edit": "operator",
    "/register/add/site": "operator",
    "/proposals": "operator",
    "/element/ap/mac:0a0b0c000000": "operator",
    "/maintenance?device=wlan-controller-9": "operator",
    "/approvals": "contract_manager",
    "/approvals/new": "contract_manager",
    "/approvals/new?account=viewer": "admin",
    "/accounts": "admin",
    "/audit": "auditor",
    "/password": "viewer",
    "/factors": "viewer",
    "/sessions": "viewer",
    "/accounts/admin/sessions": "admin",
    "/tokens": "viewer",
    "/nowhere": "viewer",
}
STEP_S = 2.0  # from a click to the page, on a machine that does other things beside it
HELD = "document.activeElement"
# within a field for a time lies a button of the browser's own, which it outlines itself
OUTLINED = f"getComputedStyle({HELD}).outlineStyle !== 'none' || {HELD}.closest('svg') || !{HELD}.matches(':focus')"


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


@pytest.fixture(scope="module")
def url(site):
    _something_wrong(site)
    server = Server(site.app, Listener(port=0))
    server.start()
    yield f"http://127.0.0.1:{server.port}"
    server.stop()


def _something_wrong(site):
    """An incident, a ticket of it that waits for us, and logins that failed in bulk."""
    now = site.clock.now_ms()
    quarter = {"start_ms": now - 1_200_000, "end_ms": now - 300_000, "refused": 87, "addresses": 41}
    whose = {"accounts": {"wang.min": 64, "admin": 12}, "networks": {"2001:db8:0:ff00::/56": 23, "192.0.2.0/24": 21}}
    record.state(site.settings, [Fact(kind="logins_refused", at_ms=now - 280_000, body={**quarter, **whose})])
    down = ("wifi-0000", "wifi-0003")
    one = Incident(
        id="20260915-00001",
        rule="outage",
        root="device:wlan-controller-0",
        severity="critical",
        phase=Phase.OPEN,
        since_ms=now - 540_000,
        opened_ms=now - 480_000,
        members={f"service:{name}": Member(since_ms=now - 540_000, kind="wifi") for name in down},
    )
    with sql.Database(tables.url(site.settings)) as database:
        viewer = Staff(database, cheap()).account("viewer")
        told = {"role": "viewer", "only": ["network.see"], "until_ms": None, "by": "viewer", "now_ms": now}
        Tokens(database, Seal(staff_key(site.settings))).add(viewer, title="大屏", **told)
        for role in ("viewer", "admin"):
            phone = Whence(
                address="2001:db8:ffff:ffff:ffff:ffff:ffff:ff01", agent="Android MicroMessenger", provider="city"
            )
            secret = Sessions(database).begin(role, now_ms=now - 900_000, whence=phone)
            Sessions(database).person(secret, now_ms=now - 60_000, address="203.0.113.77")
            Sessions(database).begin(role, now_ms=now - 60_000, step=Step.PROVE, whence=Whence(address="192.0.2.7"))
    told = {"first": Person(name="张伟"), "li.na": Person(name="李娜"), "ops": Person(name="值班群", group=True)}
    site.settings.alert.people.update(told)
    links = {digest("of-a-person"): (one.id, "first"), digest("of-a-group"): (one.id, "ops")}
    with book.Book(book.path(site.settings)) as held:
        held.keep([one])
        held.link(links, now_ms=now)
    said = tickets.reported(
        down[:1], contract="contract-a", by="operator", now_ms=now - 300_000, token="seen", incident=one.id
    )
    said = replace(said, body={**said.body, "ticket": "T20260920-seen"})
    (known,) = tickets.fold([(said, True)]).values()
    paused = tickets.step(known, "paused", by="operator", now_ms=now - 60_000, remark="机房钥匙")
    record.state(site.settings, [said, paused])


@pytest.fixture
def look(site, url, browser):
    """Open a page as the role whose it is."""

    def opened(path: str, role: str, language: str = "zh-CN") -> None:
        go(browser, url, path, language, client=site.still_in(role) if role else None)

    browser.size(*SIZES["desk"])
    yield opened
    browser.ask("Emulation.setEmulatedMedia", features=[], media="")
    browser.ask("Emulation.clearDeviceMetricsOverride")


def go(browser, url: str, path: str, language: str, *, client=None) -> None:
    """Open a page in the session of a client, or as nobody."""
    browser.ask("Network.clearBrowserCookies")
    for each in client._cookies.values() if client else ():
        browser.ask("Network.setCookie", url=url, name=each.key, value=each.value)
    browser.open(f"{url}{path}{'&' if '?' in path else '?'}lang={language}")


def judge(browser, language: str, name: str) -> None:
    """Hold the page that is open against axe in both schemes, and against every screen; `name` is its pictures'."""
    assert browser.evaluate("document.documentElement.lang") == language
    for size, (width, height) in SIZES.items():
        browser.size(width, height)
        assert browser.evaluate("document.documentElement.scrollWidth") <= width, size
        for scheme in ("light", "dark"):
            found = browser.axe(scheme)
            if PICTURES:
                browser.picture(Path(PICTURES) / f"{name}.{language}.{size}.{scheme}.png")

            assert found["rules"] > 10
            assert found["wrong"] == [], (size, scheme)


def click(browser, selector: str) -> float:
    """Click what a selector finds first; return the seconds until the next page is there."""
    browser._events.clear()
    began = time.monotonic()
    browser.evaluate(f"document.querySelector({selector!r}).click()")
    browser.wait("Page.loadEventFired")
    return time.monotonic() - began


def press(browser, key: str) -> None:
    """Press a key and let it go."""
    code = {"Tab": 9, "Enter": 13, "Escape": 27}[key]
    text = {"text": "\r"} if key == "Enter" else {}
    for kind in ("keyDown", "keyUp"):
        browser.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_reading_is_drawn_as_a_line_that_goes_on_and_closes_by_keyboard(look, browser, scheme):
    look("/device/wlan-controller-0", "operator")
    browser.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    click_here = "document.querySelector('td[data-live] button').click()"
    browser.evaluate(click_here)
    for _ in range(100):
        if browser.evaluate("!!document.querySelector('#live canvas')"):
            break
        time.sleep(0.1)

    said = browser.evaluate("document.querySelector('#live [role=status]').textContent")
    assert said.startswith("最新")
    assert any(sign.isdigit() for sign in said)
    assert browser.evaluate("document.querySelector('#live canvas').width > 200")
    assert browser.evaluate("document.querySelector('#live [role=img]').getAttribute('aria-label').includes('最新')")
    if PICTURES:
        browser.picture(Path(PICTURES) / f"live.{scheme}.png")
    assert browser.evaluate("document.activeElement.closest('#live') !== null"), "the keyboard is where it closes"
    browser.evaluate("document.activeElement.click()")
    assert browser.evaluate("document.getElementById('live').hidden")
    assert browser.evaluate("document.activeElement.matches('td[data-live] button')")


@pytest.mark.partner("axe")
@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_in_either_scheme_and_no_screen_is_too_small(look, browser, path, language):
    look(path, PAGES[path], language)
    logged = [each["entry"]["text"] for each in browser.told("Log.entryAdded")]

    assert [each for each in logged if "404" not in each] == []
    judge(browser, language, path.strip("/").replace("/", "-").replace("?", "-") or "home")


PRESSED = "a[href],button,input:not([type=hidden],[type=checkbox],[type=radio]),select,summary"


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/worst", "/incidents", "/incidents/20260915-00001", "/area/110108015", "/site/site-9", "/tickets"),
        *("/contracts", "/contract/contract-b", "/accounts", "/register", "/register/device/ap-0009/edit", "/login"),
        "/take/of-a-group",
    ],
)
def test_what_is_touched_on_a_phone_is_as_high_as_a_thumb(look, browser, path):
    """44 px (WCAG 2.2, 2.5.5), in tables and lists too; a link in a sentence is as high as its line."""
    look(path, PAGES.get(path, "operator"))
    browser.size(*SIZES["phone"])
    small = browser.evaluate(
        f"[...document.querySelectorAll({PRESSED!r})].filter(e=>e.checkVisibility()&&!e.closest('p,svg,.figures,.small'))"
        ".map(e=>[(e.innerText||e.name).trim(),e.getBoundingClientRect().height])"
        ".filter(([t,h])=>h<43.5)"
    )

    assert small == []


@pytest.mark.parametrize(
    "path", ["/incidents", "/tickets", "/contracts", "/contract/contract-b", "/accounts", "/logins"]
)
def test_on_a_phone_every_value_of_a_folded_table_has_its_word(look, browser, path):
    look(path, "auditor")
    browser.size(*SIZES["phone"])
    cells = "[...document.querySelectorAll('table.fold:not(.own) tbody tr:has(>:nth-child(2))>:not(:first-child)')]"
    unnamed = browser.evaluate(
        f"{cells}.filter(e=>e.innerText.trim()&&!e.querySelector('.state')&&!e.dataset.label).map(e=>e.outerHTML)"
    )
    shown = browser.evaluate(
        f"{cells}.filter(e=>e.dataset.label).every(e=>getComputedStyle(e,'::before').content!=='none'"
        "||e.querySelector('.state'))"
    )

    assert unnamed == []
    assert shown


@pytest.mark.parametrize("path", ["/device/wlan-controller-9?month=2026-09", "/site/site-9?month=2026-09", "/audit"])
def test_on_a_phone_no_word_of_a_folded_table_stands_without_its_value(look, browser, path):
    look(path, "auditor")
    browser.size(*SIZES["phone"])
    browser.evaluate("document.querySelectorAll('main details').forEach(e=>e.open=true)")
    bare = browser.evaluate(
        "[...document.querySelectorAll('table.fold td[data-label]')].filter(e=>e.checkVisibility()"
        "&&!e.innerText.trim()&&!e.querySelector('svg')).map(e=>e.dataset.label)"
    )

    assert bare == []


@pytest.mark.parametrize("path", ["/", "/service/wifi-0009", "/approvals/new"])
def test_everything_that_can_be_used_is_reached_by_tab_in_order_and_seen(look, browser, path):
    look(path, "contract_manager")
    reached = "[...document.querySelectorAll('a[href],button,input:not([type=hidden]),select,textarea,summary')]"
    count = browser.evaluate(f"{reached}.filter(e=>e.checkVisibility()).length")
    seen, dim = [], []
    for _ in range(count + 20):
        press(browser, "Tab")
        at = browser.evaluate(f"{reached}.filter(e=>e.checkVisibility()).indexOf({HELD})")
        if seen and at <= 0 and max(seen) > count - 3:
            break
        if at >= 0:
            seen.append(at)
            if not browser.evaluate(f"Boolean({OUTLINED})"):
                dim.append(at)

    assert dim == [], "the focus is seen wherever it is"
    assert seen == sorted(seen), "in the order of reading"
    assert len(set(seen)) >= count - 1, "the last of all may be the browser's own"


def test_the_first_stop_of_the_keyboard_leads_past_the_menu(look, browser):
    look("/", "operator")
    press(browser, "Tab")

    assert browser.evaluate(f"{HELD}.getAttribute('href')") == "#content"


def test_an_operator_comes_from_a_trouble_to_the_poll_behind_it_in_one_click_and_from_a_count_in_two(look, browser):
    look("/", "operator")
    waits = [click(browser, "#troubles ~ ul a[href*='/sample']")]
    assert browser.evaluate("location.pathname").startswith("/reading/")
    asked = browser.evaluate("document.querySelector('#poll').parentElement.innerText")

    look("/", "operator")
    waits += [click(browser, ".figures .down a"), click(browser, "a[href*='/sample']")]
    assert browser.evaluate("location.pathname").startswith("/reading/")

    assert "olt-4@" in asked, "the poll behind the first of the troubles"
    assert max(waits) < STEP_S, waits


def test_from_a_months_figure_to_the_poll_of_an_hour_in_two_clicks(look, browser):
    look("/site/site-9", "auditor")
    waits = [
        click(browser, "a[href='/service/wifi-0009#month']"),
        click(browser, "#month ~ details a[href*='/sample']"),
    ]

    assert browser.evaluate("location.pathname").startswith("/reading/wlan-controller-9/")
    assert max(waits) < STEP_S, waits


def test_a_groups_link_is_used_on_a_phone_in_one_tap_and_the_phone_remembers_who(look, browser):
    look("/take/of-a-group", "")
    browser.size(*SIZES["phone"])
    names = "[...document.querySelectorAll('.door form button')].map(e=>e.innerText)"
    assert browser.evaluate(names) == ["张伟：我来处理", "李娜：我来处理", "我来处理"]
    click(browser, "form:has([value='li.na']) button")

    assert "由 李娜 处理" in browser.evaluate("document.querySelector('.notice.good').innerText")
    browser.open(browser.evaluate("location.href"))
    assert browser.evaluate(names)[0] == "李娜：我来处理"


def test_what_is_printed_is_light_whatever_the_screen_is_and_has_no_menu(look, browser):
    look("/site/site-9", "auditor")
    dark = {"name": "prefers-color-scheme", "value": "dark"}
    browser.ask("Emulation.setEmulatedMedia", features=[dark])
    ground = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    browser.ask("Emulation.setEmulatedMedia", features=[dark], media="print")

    assert ground == "rgb(16, 22, 28)"
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.evaluate("document.querySelector('header.top').checkVisibility()") is False
    assert browser.evaluate("document.querySelector('h1').checkVisibility()") is True


@pytest.mark.partner("axe")
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_a_plan_is_seen_before_it_is_asked_for(look, browser, language):
    look("/register/service/wifi-0009/edit", "operator", language)
    browser.evaluate("document.querySelector('#f-tags').value = 'night'")
    browser.evaluate("document.querySelector('#f-carrier').value = 'carrier-b'")
    click(browser, "button[value=review]")

    for size, (width, height) in SIZES.items():
        browser.size(width, height)
        assert browser.evaluate("document.documentElement.scrollWidth") <= width, size
        for scheme in ("light", "dark"):
            found = browser.axe(scheme)
            if PICTURES:
                browser.picture(Path(PICTURES) / f"register-plan.{language}.{size}.{scheme}.png")

            assert found["wrong"] == [], (size, scheme)
    assert "night" in browser.evaluate("document.querySelector('#content').innerText")


@pytest.mark.partner("axe")
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("age_ms", [0, 3_600_000], ids=["fresh", "stale"])
def test_the_public_status_is_seen_on_every_screen_and_is_pressed_by_a_thumb(browser, tmp_path, language, age_ms):
    spots = [
        Hotspot(name=name, address="某路 1 号", stand=stand, since_ms=9) for stand in Stand for name in ("长" * 200,)
    ]
    told = Status(
        title="海淀公共 WiFi", timezone="Asia/Shanghai", rehearsal=True, written_ms=age_ms, seen_ms=0,
        areas=(Area(id="1", name="万寿路", name_en="Wanshoulu", hotspots=tuple(spots)),),
        works=(Works(start_ms=age_ms, end_ms=age_ms + 1, areas=("1",)),),
    )  # fmt: skip
    for name, data in page.files(told).items():
        (tmp_path / name).write_bytes(data)
    browser.open((tmp_path / page.FILES[language]).as_uri())
    try:
        for size, (width, height) in SIZES.items():
            browser.size(width, height)
            assert browser.evaluate("document.documentElement.scrollWidth") <= width, size
            assert browser.evaluate(
                "[...document.querySelectorAll('a,summary')].every(e=>e.getBoundingClientRect().height>=44)"
            )
            for scheme in ("light", "dark"):
                assert browser.axe(scheme)["wrong"] == [], (size, scheme)
                if PICTURES:
                    browser.picture(Path(PICTURES) / f"status.{language}.{size}.{scheme}.png")
    finally:
        browser.ask("Emulation.setEmulatedMedia", features=[], media="")
        browser.ask("Emulation.clearDeviceMetricsOverride")


@pytest.mark.parametrize("path", ["/", "/device/wlan-controller-9", "/contract/contract-b", "/login"])
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_on_a_phone_the_head_of_a_page_is_one_line(look, browser, path, language):
    look(path, PAGES[path] and "contract_manager", language)
    browser.size(*SIZES["phone"])

    assert browser.evaluate("document.querySelector('header.top').getBoundingClientRect().height") <= 60
    assert browser.evaluate("document.querySelector('h1').getBoundingClientRect().top") < SIZES["phone"][1] / 4


@pytest.mark.partner("axe")
@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("size", ["small", "phone"])
def test_a_phones_menu_opens_and_closes_by_keyboard_without_a_script(look, browser, size, language):
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    look("/contracts", "contract_manager", language)
    browser.size(*SIZES[size])
    panel = "document.getElementById('menu')"
    assert browser.evaluate(f"{panel}.checkVisibility()") is False
    for _ in range(3):  # past the menu, the name, the menu
        press(browser, "Tab")
    press(browser, "Enter")
    assert browser.evaluate(f"{panel}.checkVisibility()") is True
    browser.ask("Emulation.setScriptExecutionDisabled", value=False)
    for scheme in ("light", "dark"):
        assert browser.axe(scheme)["wrong"] == [], scheme
        if PICTURES:
            browser.picture(Path(PICTURES) / f"menu.{language}.{size}.{scheme}.png")

    pressed = f"[...{panel}.querySelectorAll({PRESSED!r})]"
    small = f"{pressed}.filter(e=>e.getBoundingClientRect().height<43.5).map(e=>e.innerText||e.name)"
    assert browser.evaluate(small) == []
    for _ in range(2):
        press(browser, "Tab")
    assert browser.evaluate(f"{HELD}.closest('nav.menu') !== null"), "the keyboard goes on in what it opened"
    press(browser, "Escape")
    assert browser.evaluate(f"{panel}.checkVisibility()") is False
    assert browser.evaluate(f"{HELD}.matches('.opens')"), "and is back where it was"


def test_on_a_phone_what_slides_fades_where_it_goes_on_and_not_at_its_end(look, browser):
    look("/contracts", "auditor")
    browser.size(*SIZES["phone"])
    browser.evaluate(
        "for (const [at, width] of ['60rem', '6rem'].entries()) {"
        "const made = document.createElement('div'), held = document.createElement('p');"
        "made.className = 'table'; made.id = `slides-${at}`; held.style.width = width; held.textContent = 'x';"
        "made.append(held); document.querySelector('main').append(made)}"
    )

    def faded(at: int) -> float:
        time.sleep(0.2)  # the timeline goes on by a frame
        return browser.evaluate(
            f"parseFloat(getComputedStyle(document.getElementById('slides-{at}')).getPropertyValue('--slid'))"
        )

    assert (faded(0) > 20, faded(1)) == (True, 0)
    browser.evaluate("document.getElementById('slides-0').scrollLeft = 9999")
    assert faded(0) == 0


def test_on_paper_the_name_of_an_objective_is_as_wide_as_words_and_nothing_waits_for_a_click(look, browser):
    look("/site/site-9?month=2026-09", "auditor")
    browser.size(720, 1000)  # A4 between its margins
    browser.evaluate(
        "document.querySelector('main').insertAdjacentHTML('afterbegin','<div class=table><table class=fold><tbody><tr>"
        "<th scope=row class=wrap>专线：往返时延 95 百分位不高于 20 毫秒的时段</th>'"
        "+'<td class=\"n wide\">99.534370 – 99.937596 %</td>'.repeat(5)+'</tr></tbody></table></div>')"
    )
    browser.ask("Emulation.setEmulatedMedia", features=[], media="print")

    assert browser.evaluate("document.querySelector('tbody th.wrap').getBoundingClientRect().width") > 130
    assert browser.evaluate("document.documentElement.scrollWidth") <= 720
    assert (
        browser.evaluate("[...document.querySelectorAll('details:not([open])')].some(e=>e.checkVisibility())") is False
    )
