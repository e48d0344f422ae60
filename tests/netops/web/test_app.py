"""What every application of the house has: headers, the banner, plain words for errors, health."""

from __future__ import annotations

import importlib.util
import random
import re
import sys
from pathlib import Path

import pytest

from netops.web import headers

spec = importlib.util.spec_from_file_location("web_made", Path(__file__).with_name("conftest.py"))
made = importlib.util.module_from_spec(spec)
sys.modules["web_made"] = made
spec.loader.exec_module(made)


@pytest.mark.parametrize("path", ["/", "/nowhere", "/broken", "/ours/usage", "/healthz", "/static/web.css"])
def test_every_answer_carries_the_security_headers(client, path):
    answer = client.get(path, buffered=True)

    for name, value in headers.ALWAYS.items():
        assert answer.headers[name] == value
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "http" not in answer.headers["Content-Security-Policy"]


def test_an_inline_style_is_allowed_by_its_digest_and_no_other():
    style = "body{color:#000}"
    answer = made.made(inline_styles=[style]).test_client().get("/")

    assert headers.digest(style) in answer.headers["Content-Security-Policy"]


def test_over_tls_the_browser_is_told_to_stay_there(client):
    assert "Strict-Transport-Security" not in client.get("/").headers
    assert "Strict-Transport-Security" in client.get("/", base_url="https://x/").headers


@pytest.mark.parametrize("path", ["/", "/nowhere", "/broken", "/ours/access"])
def test_a_rehearsal_says_so_at_the_top_of_every_page(rehearsal, path):
    text = rehearsal.get(path).get_data(as_text=True)

    assert re.search(r"<body[^>]*><aside class=\"rehearsal\"", text)


@pytest.mark.parametrize("path", ["/", "/healthz", "/static/web.css"])
def test_a_rehearsal_says_so_in_a_header_of_every_answer(rehearsal, path):
    assert rehearsal.get(path, buffered=True).headers["X-NetOps-Rehearsal"] == "true"


def test_production_shows_no_banner(client):
    assert b"rehearsal" not in client.get("/").data


@pytest.mark.parametrize(
    ("path", "code", "said"),
    [
        ("/nowhere", 404, "There is no such page"),
        ("/broken", 500, "has been recorded"),
        ("/ours/spool", 500, "has been recorded"),
        ("/ours/usage", 400, "said plainly"),
        ("/ours/access", 403, "said plainly"),
        ("/ours/store", 503, "said plainly"),
    ],
)
def test_an_error_is_said_in_plain_words_and_tells_nothing_of_the_machine(client, path, code, said):
    answer = client.get(path, headers={"Accept-Language": "en"})

    assert answer.status_code == code
    assert said in answer.get_data(as_text=True)
    assert "secret of the machine" not in answer.get_data(as_text=True)
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_script_gets_the_error_as_json(client):
    answer = client.get("/ours/usage", headers={"Accept": "application/json"})

    assert answer.json == {"error": "said plainly: usage"}


def test_a_wrong_method_names_the_right_one(client):
    assert "POST" in client.get("/change").headers["Allow"]


def test_a_large_form_is_refused(client):
    assert client.post("/change", data=b"x" * 70_000).status_code == 413


@pytest.mark.parametrize("data", [b"\r\n" * 300_000, random.Random(7).randbytes(900_000)], ids=["lines", "random"])
def test_a_form_with_a_file_is_taken_whatever_the_file_holds(data):
    """Whether the end of a piece looks like a boundary must not decide whether a carrier's evidence is taken."""
    client = made.made(uploads={"pages.upload": 1_000_000}).test_client()

    def sent(field):
        head = b'--x\r\nContent-Disposition: form-data; name="field"\r\n\r\n' + field
        file = b'\r\n--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + data
        body = head + file + b"\r\n--x--\r\n"
        return client.post("/upload", data=body, content_type="multipart/form-data; boundary=x")

    assert sent(b"f" * 60_000).text == f"{len(data)} 60000"
    assert sent(b"f" * 140_000).status_code == 413


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({}, 200),
        ({"Origin": "http://localhost"}, 200),
        ({"Origin": "http://LOCALHOST"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
    ],
)
def test_a_foreign_page_cannot_send_a_form(client, sent, code):
    assert client.post("/change", headers=sent).status_code == code


def test_a_page_that_has_not_changed_is_answered_304(client):
    tag = client.get("/").headers["ETag"]
    again = client.get("/", headers={"If-None-Match": tag})

    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize(
    ("asked", "tag"),
    [
        ("/", "zh-CN"),
        ("/?lang=en", "en"),
        ("/?lang=zh-CN", "zh-CN"),
        ("/?lang=<script>", "zh-CN"),
        ("/?lang=de", "zh-CN"),
    ],
)
def test_the_address_chooses_the_language_and_nonsense_falls_through(client, asked, tag):
    text = client.get(asked.replace("/", "/nowhere", 1)).get_data(as_text=True)

    assert f'<html lang="{tag}">' in text


@pytest.mark.parametrize(
    ("accept", "tag"), [("en-GB,en;q=0.8", "en"), ("zh", "zh-CN"), ("zh-TW", "zh-CN"), ("fr", "en"), ("ja", "en")]
)
def test_the_browser_chooses_the_language(client, accept, tag):
    text = client.get("/nowhere", headers={"Accept-Language": accept}).get_data(as_text=True)

    assert f'<html lang="{tag}">' in text


def test_without_cookies_none_is_ever_set():
    answer = made.made(cookies=False).test_client().get("/?lang=en")

    assert "Set-Cookie" not in answer.headers


def test_readiness_tells_its_reasons_to_this_machine_only():
    client = made.made(ready=lambda: {"register": "gone"}).test_client()
    near = client.get("/readyz")
    far = client.get("/readyz", environ_base={"REMOTE_ADDR": "192.0.2.7"})

    assert (near.status_code, near.json) == (503, {"ready": False, "wrong": {"register": "gone"}})
    assert (far.status_code, far.json) == (503, {"ready": False, "wrong": {}})


def test_metrics_count_requests_and_are_told_to_this_machine_only():
    client = made.made(gauges=lambda: {"netops_answer": 42.0}).test_client()
    client.get("/")
    text = client.get("/metrics").get_data(as_text=True)

    assert 'netops_web_requests_total{app="test",endpoint="pages.home",status="200"} 1' in text
    assert "netops_answer 42" in text
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 403


def test_invented_addresses_do_not_grow_the_counters(client):
    for number in range(50):
        client.get(f"/nowhere-{number}")
    text = client.get("/metrics").get_data(as_text=True)

    assert text.count('endpoint="none"') == 1


@pytest.mark.parametrize("host", ["a" * 5000, "a b", "[", "..", "x" * 64 + ".y"])
def test_a_broken_host_name_is_a_bad_request_and_no_failure(client, host):
    answer = client.get("/", headers={"Host": host})

    assert answer.status_code < 500
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_the_page_of_an_error_is_dressed_by_what_it_links(rehearsal):
    page = rehearsal.get("/nowhere").get_data(as_text=True)
    linked = re.findall(r'stylesheet" href="([^"]+)"', page)
    style = "".join(rehearsal.get(each, buffered=True).get_data(as_text=True) for each in linked)

    assert linked == ["/static/tokens.css", "/static/web.css"]
    assert all(f".{name}" in style for name in re.findall(r'class="([a-z]+)"', page))


def test_an_address_with_two_slashes_leads_nowhere_that_a_request_can_name(rehearsal):
    answer = rehearsal.get("/static//web.css", headers={"Host": "evil.example"})

    assert answer.status_code == 404
    assert "Location" not in answer.headers
