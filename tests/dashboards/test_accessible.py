"""What a screen reader and a keyboard need, on every page, in both languages."""

from __future__ import annotations

from html.parser import HTMLParser
from itertools import pairwise

import pytest

PAGES = [
    "/login",
    "/",
    "/worst?by=device&key=device:wlan-controller-9",
    "/area/110108015",
    "/site/site-9",
    "/find?q=controller",
    "/device/wlan-controller-9",
    "/service/wifi-0009",
    "/service/wifi-0009?day=2026-09-20&month=2026-08",
    "/device/small-cell-2?day=2026-09-20",
    "/reading/wlan-controller-0/1789999980000",
    "/probes",
    "/logins",
    "/logins/site-0",
    "/contracts",
    "/summary",
    "/contract/contract-b",
    "/approvals",
    "/approvals/new",
    "/password",
]
VOID = {"meta", "link", "input", "br", "img"}


class Page(HTMLParser):
    """Collects elements with their attributes and text."""

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[dict] = []
        self._open: list[dict] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        made = {"tag": tag, "text": "", "parents": [each["tag"] for each in self._open], **dict(attrs)}
        self.elements.append(made)
        if tag not in VOID:
            self._open.append(made)

    def handle_data(self, data):
        for each in self._open:
            each["text"] += data

    def handle_endtag(self, tag):
        while self._open and self._open.pop()["tag"] != tag:
            pass

    def all(self, *tags):
        return [each for each in self.elements if each["tag"] in tags]


@pytest.fixture(params=["zh-CN", "en"])
def language(request):
    return request.param


@pytest.fixture(params=PAGES)
def page(request, site, language):
    client = site.client() if request.param == "/login" else site.browser("contract_manager")
    return Page(client.get(request.param, headers={"Accept-Language": language}).get_data(as_text=True))


def test_names_are_given_once(page):
    names = [each["id"] for each in page.elements if "id" in each]

    assert len(names) == len(set(names)), [name for name in names if names.count(name) > 1]


def test_every_field_has_a_label_and_every_reference_leads_somewhere(page):
    labels = {each["for"] for each in page.all("label")}
    names = {each["id"] for each in page.elements if "id" in each}
    fields = [
        each
        for each in page.all("input", "select", "textarea")
        if each.get("type") != "hidden" and "hidden" not in each
    ]

    assert [each for each in fields if each.get("id") not in labels and not each.get("aria-label")] == []
    assert labels <= names
    for each in page.elements:
        assert each.get("aria-labelledby", next(iter(names))) in names


def test_every_picture_and_control_says_what_it_is(page):
    for each in page.all("svg"):
        shown = each.get("aria-hidden") == "true" or each.get("aria-label") is not None
        assert shown, each
    for each in page.all("a", "button", "summary"):
        assert each["text"].strip() or each.get("aria-label"), each


def test_headings_go_down_one_level_at_a_time(page):
    levels = [int(each["tag"][1]) for each in page.all("h1", "h2", "h3", "h4")]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))


def test_the_page_names_its_language_and_its_parts(page, language):
    assert page.all("html")[0]["lang"] == language
    assert page.all("title")[0]["text"].strip(" ·")
    assert len(page.all("main")) == 1
    assert len(page.all("header")) == 1
    assert page.all("a")[0]["href"] == "#content"


def test_every_column_of_a_table_says_that_it_heads_one(page):
    for each in page.all("th"):
        assert each.get("scope") in {"col", "row"}, each


def test_nothing_is_out_of_reach_of_the_keyboard(page):
    assert [each for each in page.elements if int(each.get("tabindex", 0)) > 0] == []
    for each in page.all("pre"):
        assert each.get("tabindex") == "0", "what scrolls can be scrolled without a mouse"
