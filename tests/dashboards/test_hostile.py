"""S6: strings that a device, a carrier or a clerk can choose run through every page, the JSON and the CSV as data."""

from __future__ import annotations

import csv
import io
from html.parser import HTMLParser

import pytest
from small_city import HOSTILE

PAGES = [
    "/",
    "/worst?by=cause",
    "/worst?by=device",
    "/worst?by=carrier",
    "/worst?by=area",
    "/area/110108015",
    "/area/110108005",
    "/find?q=e",
    "/device/wlan-controller-0",
    "/device/wlan-controller-9",
    "/device/olt-4",
    "/device/ap-0000",
    "/device/ont-0004",
    "/service/wifi-0009",
    "/service/fiber-0004",
    "/element/ap/mac:0a0b0c000000",
    "/register",
    "/register/device/wlan-controller-0",
    "/register/device/wlan-controller-0/edit",
    "/maintenance?device=wlan-controller-9",
    "/reading/wlan-controller-0/1789999980000",
    "/contracts",
    "/summary",
    "/contract/contract-a",
    "/contract/contract-b",
    "/approvals/new",
    "/months",
    "/month/2026-07",
    "/contract/contract-a/2026-07",
    "/contract/contract-b/2026-07/revisions",
    "/ledger",
    "/ledger/leaf/0",
    "/ledger/leaf/1",
    "/blind",
]
ALLOWED = {
    "html",
    "aside",
    "head",
    "meta",
    "title",
    "link",
    "body",
    "p",
    "b",
    "span",
    "a",
    "header",
    "nav",
    "form",
    "input",
    "button",
    "div",
    "main",
    "h1",
    "h2",
    "h3",
    "ul",
    "li",
    "section",
    "svg",
    "defs",
    "pattern",
    "rect",
    "path",
    "text",
    "polyline",
    "circle",
    "table",
    "thead",
    "tbody",
    "caption",
    "tr",
    "th",
    "td",
    "details",
    "summary",
    "dl",
    "dt",
    "dd",
    "code",
    "pre",
    "br",
    "footer",
    "script",
    "noscript",
    "select",
    "option",
    "textarea",
    "label",
    "i",
}


class Reader(HTMLParser):
    """Collects what a browser would make of a page."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.links, self.script = set(), set(), [], ""
        self._inside = []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value for name, value in attrs if name in {"href", "src", "action", "formaction"} and value]
        self._inside.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self._inside.pop()

    def handle_data(self, data):
        if self._inside and self._inside[-1] == "script":
            self.script += data

    def handle_endtag(self, tag):
        while self._inside and self._inside.pop() != tag:
            pass


def check(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)

    assert reader.tags <= ALLOWED, reader.tags - ALLOWED
    assert not [name for name in reader.attributes if name.startswith("on")]
    assert not [link for link in reader.links if not link.startswith(("/", "?", "#", "data:,"))], reader.links
    assert not [link for link in reader.links if link.startswith("//")]
    assert not reader.script.strip()
    for sign in "\u202e\u200b\u2028\x00\x1b":
        assert sign not in text
    assert "49$" not in text
    return reader


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_hostile_names_are_shown_and_never_run(hostile, path, language):
    answer = hostile.browser("contract_manager").get(path, headers={"Accept-Language": language})

    assert answer.status_code == 200
    check(answer.get_data(as_text=True))


def test_the_corpus_really_reaches_the_pages(hostile):
    client = hostile.browser("contract_manager")
    shown = "".join(client.get(path).get_data(as_text=True) for path in PAGES)

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "{{7*7}}" in shown
    assert "=HYPERLINK(" in shown


def test_no_cell_of_the_csv_is_a_formula(hostile):
    answer = hostile.browser("viewer").get("/services.csv")
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))

    assert len(rows) > 100
    assert not [cell for row in rows for cell in row if cell.lstrip(" \u00a0\u3000").startswith(tuple("=+-@\t\r\n"))]
    assert any(cell.startswith(("'=HYPERLINK", "'+cmd")) or "<script>" in cell for row in rows for cell in row)
    assert answer.headers["Content-Type"].startswith("text/csv")


def test_the_json_is_json_and_nothing_else(hostile):
    answer = hostile.browser("viewer").get("/api/situation?all=1")

    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert len(answer.json["services"]) == 120


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_person_types_comes_back_as_text(hostile, text):
    client = hostile.browser("operator")
    check(client.get("/find", query_string={"q": text}).get_data(as_text=True))
    check(hostile.client().get("/login", query_string={"next": text}).get_data(as_text=True))
    token = client.get("/password").get_data(as_text=True).split('name="csrf" value="')[1].split('"')[0]
    sent = {"csrf": token, "action": "exclusion", "contract": text, "class": text, "services": text, "reason": text}
    answer = client.post("/approvals/new", data={**sent, "from": text, "to": text})
    assert answer.status_code == 400
    check(answer.get_data(as_text=True))


@pytest.mark.parametrize("text", HOSTILE)
def test_an_account_with_a_hostile_name_is_never_looked_up(hostile, text):
    answer = hostile.client().post("/login", data={"name": text, "password": text})

    assert answer.status_code in {401, 429}
    check(answer.get_data(as_text=True))
