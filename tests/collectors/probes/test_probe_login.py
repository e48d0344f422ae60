"""The login as a citizen does it: each stage by a table of pages, and whole against a small portal over HTTP."""

from __future__ import annotations

import json
import time
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.probes import figures, forms, login, looks, web
from collectors.probes.web import Page
from netops.probing import Target
from netops.secret import Secret

DETECT = "http://detect.example/generate_204"
PORTAL = "http://portal.example/?site=7"
CLICK = b"""<html><form method=post action="/login"><input type=hidden name=token value="a&amp;b">
<input type=hidden name=method value=click_through><input type=checkbox name=agree>
<button name=go value=1>Go</button><button name=no value=1>No</button></form>"""
VOUCHER = b"""<form action=/search><input name=q></form><form method=POST action=login>
<input name=token type=hidden value=t><input type=text name=code required></form>"""


def page(status=200, body=b"", *, url=PORTAL, location="", failed=""):
    headers = (("Location", location),) if location else ()
    return Page(url=url, times={}, status=status, headers=headers, body=body, failed=failed)


def through(*pages, voucher="", expect="204"):
    """Return the asks on the way and how it ended."""
    course = login.begin(DETECT, expect=expect, voucher=voucher)
    asks = []
    for each in pages:
        assert isinstance(course.ask, login.Ask), "it had ended before"
        asks.append(course.ask)
        course = login.step(course, each)
    return asks, course.ask


REDIRECT = page(302, url=DETECT, location=PORTAL)
NO_CONTENT = page(204, url=DETECT)


def test_a_click_is_sent_with_all_that_the_form_holds_and_one_button():
    asks, ended = through(REDIRECT, page(200, CLICK), page(303, location="/welcome"), page(200, b"online"), NO_CONTENT)

    assert [each.url for each in asks] == [
        DETECT,
        PORTAL,
        "http://portal.example/login",
        "http://portal.example/welcome",
        DETECT,
    ]
    assert parse_qs(asks[2].form.decode()) == {
        "token": ["a&b"],
        "method": ["click_through"],
        "agree": ["on"],
        "go": ["1"],
    }
    assert ended == login.Ended(stage=login.ONLINE)


def test_a_voucher_goes_into_the_field_that_asks_for_it():
    asks, ended = through(REDIRECT, page(200, CLICK + VOUCHER), page(200, b"ok"), NO_CONTENT, voucher="K7Q2M")

    assert parse_qs(asks[2].form.decode()) == {"token": ["t"], "code": ["K7Q2M"]}
    assert ended.stage == login.ONLINE


LATE = page(failed="no_answer")


@pytest.mark.parametrize(
    ("stage", "pages"),
    [
        (login.ALREADY, [NO_CONTENT]),
        (login.NO_ANSWER, [LATE]),
        (login.NO_PORTAL, [page(511, url=DETECT)]),
        (login.NO_PORTAL, [page(200, b"hello", url=DETECT)]),
        (login.NO_PAGE, [REDIRECT, LATE]),
        (login.NO_PAGE, [REDIRECT, page(500)]),
        (login.NO_PAGE, [page(302, url=DETECT, location="javascript:alert(1)")]),
        (login.NO_FORM, [REDIRECT, page(200, b"<p>closed today</p>")]),
        (login.NO_FORM, [REDIRECT, page(200, VOUCHER)]),
        (login.REFUSED, [REDIRECT, page(200, CLICK), page(403)]),
        (login.REFUSED, [REDIRECT, page(200, CLICK), LATE]),
        (login.NOT_ONLINE, [REDIRECT, page(200, CLICK), page(200), REDIRECT]),
        (login.NOT_ONLINE, [REDIRECT, page(200, CLICK), page(200), LATE]),
    ],
)
def test_each_way_to_fail_has_its_stage(stage, pages):
    assert through(*pages)[1].stage == stage


@pytest.mark.parametrize(
    "body",
    [
        b"<script>top.self.location.href='http://portal.example/?site=7'</script>",
        b'<html><script>window.location = "http://portal.example/?site=7";</script></html>',
        b"<script>location.replace('http://portal.example/?site=7')</script>",
        b'<META HTTP-EQUIV="Refresh" CONTENT="0; URL=http://portal.example/?site=7">',
        b"<meta http-equiv=refresh content=\"1;url='http://portal.example/?site=7'\">",
    ],
    ids=["href", "window", "replace", "refresh", "refresh in quotes"],
)
def test_a_page_that_leads_on_by_itself_is_followed(body):
    asks, end = through(page(200, body, url=DETECT), page(200, CLICK), page(200, b"ok"), NO_CONTENT)

    assert [each.url for each in asks] == [DETECT, PORTAL, "http://portal.example/login", DETECT]
    assert end.stage == login.ONLINE


def test_a_page_that_leads_to_itself_for_ever_ends():
    turning = page(200, b"<script>location.href='/?site=7'</script>")
    _, end = through(page(302, url=DETECT, location=PORTAL), *[turning] * login.HOPS)

    assert (end.stage, "redirections" in end.detail) == (login.NO_PAGE, True)


def test_a_link_goes_out_as_a_browser_would_send_it(web_server):
    """Spaces and Chinese in a link are no fault to a phone; told as one, link and code stood in the record."""
    location = "/进 入?msg=a b&x=%20".encode().decode("latin-1")  # as HTTP's headers are handed over
    _, ask = through(page(302, url="http://portal.example/", location=location))
    assert ask.url == "http://portal.example/进 入?msg=a b&x=%20"

    with web_server({("GET", "/%E8%BF%9B%20%E5%85%A5"): (200, {}, b"in")}) as server:
        there = ask.url.replace("portal.example", f"127.0.0.1:{server.server_port}")
        answer = web.fetch(there, web.Way(timeout_s=2, local=True))

    assert (answer.status, answer.failed) == (200, "")
    assert server.asked[0][1] == "/%E8%BF%9B%20%E5%85%A5?msg=a%20b&x=%20"


def test_redirections_without_end_end():
    course = login.begin(DETECT)
    for _ in range(login.HOPS + 1):
        course = login.step(course, REDIRECT)

    assert course.ask.stage == login.NO_PAGE


def test_a_portal_that_answers_in_the_detected_hosts_place_is_one():
    asks, ended = through(page(200, CLICK, url=DETECT), page(200), NO_CONTENT)

    assert asks[1].url == "http://detect.example/login"
    assert ended.stage == login.ONLINE


def test_online_is_what_the_phone_would_call_it():
    body = b"<HTML><BODY>Success</BODY></HTML>"

    assert through(page(200, body, url=DETECT), expect="200 Success")[1].stage == login.ALREADY
    assert through(page(200, b"Succes", url=DETECT), expect="200 Success")[1].stage == login.NO_PORTAL


@given(st.text(alphabet="<>/=\"' !-abforminputxyzmethodactionnametypevaluescript", max_size=400))
def test_no_page_upsets_the_reader(text):
    found = forms.forms(text.encode())

    assert len(found) <= forms.FORMS
    assert all(len(form.fields) <= forms.FIELDS for form in found)


HOSTILE = [
    "<!--",
    "<![",
    "<a ",
    "<input a='",
    "<script>",
    "<",
    "<?",
    "&",
    "</",
    "<form>",
    "<form><input name=a>",
    "<a x=\"'",
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_hostile_page_is_read_in_no_time(unit):
    body = (unit * (1 << 20))[: 1 << 20].encode()
    began = time.process_time()

    found = forms.forms(body)
    forms.onward(body)

    assert time.process_time() - began < 1
    assert len(found) <= forms.FORMS


def test_what_stands_in_comments_and_scripts_is_no_form():
    page = b"<!-- <form action=no> --><script>'<form action=no>'</script><form action='yes'><input name=a value='<b>'>"

    assert [(form.action, form.fields) for form in forms.forms(page)] == [("yes", (("a", "text", "<b>"),))]


@pytest.mark.parametrize("where", ["http://[::1", "http://a:99999/", "ftp://a/", "http://a:0/"])
def test_a_link_that_leads_nowhere_is_the_portals_fault(where):
    assert through(page(302, url=DETECT, location=where))[1].stage == login.NO_PAGE
    form = f'<form method=post action="{where}"></form>'.encode()
    assert through(REDIRECT, page(200, form))[1].stage == login.NO_FORM


@pytest.fixture
def portal(web_server):
    """A portal with its own detection: it wants the cookie and the token that it gave, and one voucher is good."""
    online: set[str] = set()

    def detect(_, __):
        return (204, {}, b"") if online else (302, {"Location": "/start"}, b"")

    def start(handler, _):
        return (200, {"Set-Cookie": "seen=yes; Path=/"}, CLICK + VOUCHER)

    def enter(handler, body):
        given = parse_qs(body.decode())
        cookie = "seen=yes" in handler.headers.get("Cookie", "")
        good = given.get("method") == ["click_through"] or given.get("code") == ["K7Q2M"]
        if not (cookie and good):
            return 403, {}, b"no"
        online.add("you")
        return 303, {"Location": "/welcome"}, b""

    table = {
        ("GET", "/generate_204"): detect,
        ("GET", "/start"): start,
        ("POST", "/login"): enter,
        ("GET", "/welcome"): (200, {}, b"online"),
    }
    with web_server(table) as server:
        server.online = online
        yield server


@pytest.mark.parametrize(
    ("voucher", "stage"), [("", "online"), ("K7Q2M", "online"), ("WRONG", "refused")], ids=["click", "code", "wrong"]
)
def test_a_login_over_http_is_timed_and_the_code_is_in_no_record(portal, tmp_path, good_clock, voucher, stage):
    url = f"http://127.0.0.1:{portal.server_port}/generate_204"
    target = Target(kind="login", url=url, voucher=Secret(f"plain:{voucher}") if voucher else None)

    record = looks.look("t", target, account=tmp_path / "x", clock=good_clock)
    observations, _ = figures.read(record, device="site-7/probe", vantage="site-7")

    values = {each.metric: each.value for each in observations}
    assert record["stage"] == stage
    assert values["probe.login.success"] == int(stage == "online")
    assert ("probe.login.time" in values) == (stage == "online")
    assert not voucher or voucher not in json.dumps(record)
    assert [each["stage"] for each in record["pages"]][:3] == ["detect", "page", "sent"]


def test_who_is_online_already_has_neither_succeeded_nor_failed(portal, tmp_path, good_clock):
    portal.online.add("you")
    url = f"http://127.0.0.1:{portal.server_port}/generate_204"

    record = looks.look("t", Target(kind="login", url=url), account=tmp_path / "x", clock=good_clock)
    observations, gaps = figures.read(record, device="site-7/probe", vantage="site-7")

    assert {each.metric: each.value for each in observations} == {
        "probe.kind": "login",
        "probe.role": "target",
        "probe.login.stage": 2,
    }
    assert {each.metric for each in gaps} == {"probe.login.success", "probe.login.time"}
