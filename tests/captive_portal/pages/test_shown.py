"""What stands on the pages of a site with its own name, drawing, colour, hours and languages."""

from __future__ import annotations

import http.client
import re
from dataclasses import replace
from datetime import datetime

import pytest
from markupsafe import escape

from captive_portal import agreement, look
from captive_portal.errors import GatewayError
from captive_portal.nearby import Venue
from captive_portal.policy import Brand, Policies
from captive_portal.uplink import Uplink
from inventory.model import Hours
from netops import hotspots
from netops.web import headers

LARGEST = 14 * 1024
KANA, HANGUL, HAN = "\u3040-\u30ff", "\uac00-\ud7a3", "\u4e00-\u9fff"
NEAR = (
    Venue(id="site-1", name="Here", at=(39.9600, 116.2980)),
    Venue(id="site-2", name="Lake House", address="2 Lake Road", at=(39.9660, 116.2980)),
)


@pytest.fixture
def ruled(street):
    """Change the site's policy for one test."""
    desk = street.portal.desk
    before = desk.policies

    def change(**words) -> None:
        desk.premises.policies = Policies(default=replace(before.at("site-1"), **words))

    yield change
    desk.premises.policies = before


@pytest.fixture
def cut_off(street):
    """The line of the site is dead; the register knows where it is."""
    portal = street.portal
    before, portal._venues.known = portal._venues.known, {each.id: each for each in NEAR}
    portal._uplink = Uplink(word="down")
    portal._venues.near.clear()
    yield street
    portal._uplink, portal._venues.known = Uplink(word="up"), before


@pytest.fixture
def broken(street):
    """Let something be wrong for one test; return what the gateway was asked."""
    desk, asked = street.portal.desk, []
    here = desk.gateway.identify("127.0.0.77")

    def away(address: str) -> None:
        asked.append(address)
        raise GatewayError("gate: no answer to 'who'")

    def change(state: str) -> list[str]:
        if state == "away":
            desk.gateway.identify = away
        elif state == "put_out":
            desk.visits.put_out.note(desk.identity(here), street.clock.now_ms())
        elif state == "wait":
            desk.waits = lambda _client: True
        elif state in {"relief", "let_in"}:
            desk.relief.seconds = lambda _site: 600
        if state == "let_in":
            device = street.device(address="127.0.0.77")
            device.open("http://portal.test/?begin=")
            assert "online without it" in device.press(way="fail_open").words
        return asked

    yield change
    for changed, what in ((desk.gateway, "identify"), (desk, "waits"), (desk.relief, "seconds")):
        vars(changed).pop(what, None)
    desk.logout(here)
    desk.visits.put_out.forgive(desk.identity(here))


def closed_today(street) -> dict[str, object]:
    """Return a rule that today is closed and tomorrow opens at eight, for half of the day with a pause."""
    day = datetime.fromtimestamp(street.clock.now_ms() / 1000, tz=street.portal.desk.zone).isoweekday()
    others = tuple(each for each in range(1, 8) if each != day)
    morning = Hours(days=others, start_minute=480, end_minute=720)
    return {"hours": (morning, Hours(days=others, start_minute=780, end_minute=1440))}


def fetch(street, path: str, address: str = "127.0.0.77", **more: str) -> tuple[int, dict[str, str], str]:
    link = http.client.HTTPConnection("127.0.0.1", street.portal.port, timeout=10, source_address=(address, 0))
    link.request("GET", path, headers={"Host": "portal.test", **more})
    answer = link.getresponse()
    try:
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        link.close()


@pytest.mark.parametrize(
    "named",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "</title></style></textarea><svg/onload=alert(1)>",
        "' autofocus onfocus='alert(1)",
        "{{7*7}}${7*7}",
    ],
)
@pytest.mark.parametrize("line", ["up", "down"])
def test_whatever_a_place_is_called_its_name_is_text(street, cut_off, named, line) -> None:
    portal = street.portal
    portal._venues.known = {each.id: replace(each, name=named, address=named) for each in NEAR}
    portal._uplink = Uplink(word=line)

    _, _, page = fetch(street, "/")

    assert escape(named) in page
    assert "alert(1)" not in page.replace(escape(named), ""), "it stands there as text alone"
    assert ">49" not in page


# ---- the site's own look
def test_the_page_has_the_sites_name_drawing_and_colour_and_its_style_is_allowed(street) -> None:
    _, told, page = fetch(street, "/?lang=en")

    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style
    assert style[1] == look.style("#0b6e4f")
    assert headers.digest(style[1]) in told["Content-Security-Policy"]
    assert '<b lang="en">Haidian Parks WiFi</b>' in page
    assert '<svg aria-hidden="true" focusable="false" viewBox="0 0 24 24">' in page
    assert '<b lang="zh-CN">海淀公园免费上网</b>' in fetch(street, "/?lang=zh-CN")[2]


def test_without_a_brand_it_is_the_citys(street, ruled) -> None:
    ruled(brand=Brand())
    _, told, page = fetch(street, "/?lang=en")

    assert f"<style>{look.STYLE}</style>" in page
    assert headers.digest(look.STYLE) in told["Content-Security-Policy"]
    assert street.settings.city.title in page


def test_with_the_largest_drawing_every_page_is_still_small(street, ruled, cut_off) -> None:
    drawing = '<svg viewBox="0 0 9 9">' + f'<path d="{"M1 1" * 400}"></path>' + "</svg>"
    for hours in ({}, closed_today(street)):
        ruled(brand=Brand(name="名" * 60, name_en="n" * 60, colour="#0b6e4f", logo=drawing + " " * 300), **hours)
        for word in ("up", "down"):
            street.portal._uplink = Uplink(word=word)
            for tag in ("zh-CN", "en", "ja", "ko"):
                for path in ("/", "/report", "/nosuch"):
                    _, told, page = fetch(street, f"{path}?lang={tag}")
                    size = len(page.encode()) + sum(len(name) + len(value) + 4 for name, value in told.items())
                    assert size <= LARGEST, (path, tag, word)


def test_a_gateway_that_is_away_is_asked_once_for_a_page(street, broken) -> None:
    asked = broken("away")

    status, told, page = fetch(street, "/?lang=ko")

    assert '<html lang="ko">' in page
    assert (status, told["Retry-After"], len(asked)) == (503, "5", 1), "each question may wait for seconds"


# ---- languages
STATES = ["open", "closed", "down", "report", "nosuch", "records", "relief", "let_in", "put_out", "wait", "away"]
SCRIPTS = {"en": ("A-Za-z", f"{HAN}{KANA}{HANGUL}"), "ja": (KANA, HANGUL), "ko": (HANGUL, f"{HAN}{KANA}")}


@pytest.mark.parametrize("tag", SCRIPTS)
@pytest.mark.parametrize("state", STATES)
def test_a_page_speaks_one_language(ruled, cut_off, broken, tag, state) -> None:
    street, (own, never) = cut_off, SCRIPTS[tag]
    street.portal._uplink = Uplink(word="down" if state == "down" else "up")
    hotspots.write(street.settings, hotspots.Working(at_ms=street.clock.now_ms(), sites=frozenset({"site-2"})))
    if state == "closed":
        ruled(**closed_today(street))
    broken(state)
    path = f"/{state}" if state in {"report", "nosuch", "records"} else "/"
    page = fetch(street, f"{path}?lang={tag}")[2]

    text = page.partition("</header>")[2]
    text = re.sub(r"<[^>]+>", "", text)

    assert f'<html lang="{tag}">' in page
    assert re.search(f"[{own}]", text)
    assert not re.search(f"[{never}]", text), re.findall(f"[{never}]+", text)


def test_a_site_offers_its_own_languages_and_no_other(street, ruled) -> None:
    ruled(languages=("en", "ko"))

    page = fetch(street, "/?lang=ja", **{"Accept-Language": "ko"})[2]

    assert '<html lang="ko">' in page
    assert re.findall(r'hreflang="([^"]+)"', page) == ["en"]
    ruled(languages=("en",))
    assert "<nav" not in fetch(street, "/?lang=zh-CN")[2]


def test_terms_that_nobody_has_translated_are_shown_in_english_and_say_so(street, ruled) -> None:
    ruled(terms="2", languages=("zh_CN", "en", "ko"))
    two = {("2", each): agreement.parsed("2", each, b"Terms 2\nOne article.\n") for each in ("zh_CN", "en")}
    policies = street.portal.desk.policies
    street.portal.desk.premises.policies = replace(policies, library=agreement.Library(two, frozenset({"2"})))

    page = fetch(street, "/?lang=ko")[2]

    assert "약관의 한국어 번역본이 없습니다" in page
    assert '<ul class="terms" lang="en">' in page
    assert "terms into your language" not in fetch(street, "/?lang=en")[2]


# ---- closed and cut off
def test_a_closed_site_says_when_it_opens_and_asks_nobody_to_log_in(street, ruled) -> None:
    ruled(**closed_today(street))

    page = fetch(street, "/?lang=en")[2]

    assert "WiFi is closed here now" in page
    assert re.search(r"It opens on \w+day at 08:00, in [\d hmin]+\.", page)
    assert "<span>08:00–12:00</span> <span>13:00–24:00</span>" in page
    assert "closed</dd>" in page
    assert "<form" not in page


def test_a_form_that_comes_after_closing_is_answered_by_the_hours(street, ruled) -> None:
    device = street.device()
    device.open()
    ruled(**closed_today(street))

    page = device.press(way="click_through")

    assert page.status == 422
    assert "It opens on" in page.words


def test_a_cut_off_site_names_the_next_that_works(cut_off, ruled) -> None:
    street = cut_off
    hotspots.write(
        street.settings, hotspots.Working(at_ms=street.clock.now_ms(), sites=frozenset({"site-1", "site-2"}))
    )

    page = fetch(street, "/?lang=en")[2]

    assert "<b>Lake House</b> north, about 650 m in a straight line" in page
    assert "2 Lake Road" in page
    assert 'name="method"' not in page


@pytest.mark.parametrize("known", ["nothing", "old", "elsewhere is down"])
def test_where_nothing_is_known_nothing_is_promised(cut_off, known) -> None:
    street = cut_off
    at_ms = street.clock.now_ms() - (3_600_000 if known == "old" else 0)
    sites = frozenset() if known == "elsewhere is down" else frozenset({"site-2"})
    hotspots.write(street.settings, hotspots.Working(at_ms=at_ms, sites=sites))
    if known == "nothing":
        (street.settings.data.dir / hotspots.NAME).unlink()

    page = fetch(street, "/?lang=en")[2]

    assert "The network is down here" in page
    assert "Lake House" not in page


def test_a_whole_square_that_asks_at_once_costs_one_look(cut_off, monkeypatch) -> None:
    looked = []
    monkeypatch.setattr(hotspots, "read", lambda *_: looked.append(1) or frozenset({"site-2"}))

    pages = [fetch(cut_off, "/?lang=en", f"127.0.1.{number}")[2] for number in range(1, 6)]
    cut_off.clock.forward(11)
    pages.append(fetch(cut_off, "/?lang=en")[2])

    assert all("Lake House" in page for page in pages)
    assert len(looked) == 2
