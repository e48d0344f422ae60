"""Providers behind HTTP: what is sent, what an answer means, and where a request may never go (S18)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import ssl
import subprocess
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from captive_portal.sms import pointer, providers, template
from captive_portal.sms.http import Http
from captive_portal.sms.providers import Answer, Came, Message
from netops.config import Secret
from netops.errors import ConfigError
from netops.texting import SmsProvider

BEIJING = ZoneInfo("Asia/Shanghai")
MESSAGE = Message(
    id="a1b2", phone="+8613800138000", prefix="86", code="01234567", text='验证码 "01234567" <&>', at_ms=1
)
JSON = '{"to": "{national}", "text": "{text}", "key": "{secret}"}'


class Gateway(HTTPServer):
    """A gateway that keeps what it got and answers what it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.got: list[tuple[str, str, dict[str, str], bytes]] = []
        self.status, self.body, self.headers = 200, b'{"code": "0", "msg": {"id": 77}}', {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/send"


class Asked(BaseHTTPRequestHandler):
    server: Gateway

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.got.append((self.command, self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.server.body)

    do_GET = do_POST  # noqa: N815  (as http.server names it)

    def log_message(self, *_words: object) -> None:
        return


@pytest.fixture
def gateway():
    with Gateway() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def said(url: str, **more) -> SmsProvider:
    given_ = {"body": JSON, "secret": Secret("plain:s3cret"), "private": True, "ok_at": "/code", "ok": "0|OK"}
    return SmsProvider(url=url, id_at="/msg/id", **{**given_, **more})


def hand(url: str, **more) -> Answer:
    return Http("one", said(url, **more), frozenset(), BEIJING).hand(MESSAGE)


# ---- what is sent
def test_a_message_goes_out_as_the_template_says(gateway) -> None:
    answer = hand(f"{gateway.url}?sig={{secret}}&to={{phone}}", headers={"Authorization": "Bearer {secret}"})
    ((method, path, headers, body),) = gateway.got

    assert answer == Answer(came=Came.TAKEN, receipt="77", said="status 200")
    assert (method, path) == ("POST", "/send?sig=s3cret&to=%2B8613800138000")
    assert json.loads(body) == {"to": "13800138000", "text": MESSAGE.text, "key": "s3cret"}
    assert (headers["Authorization"], headers["Content-Type"]) == ("Bearer s3cret", "application/json; charset=utf-8")


HOSTILE = some.text(max_size=40)


@given(HOSTILE)
def test_a_value_is_data_wherever_it_stands(text) -> None:
    """S6: quotes, angle brackets, line ends and braces of a value end nothing of the template."""
    message = replace(MESSAGE, text=text)
    plain = "".join(letter if letter >= " " and letter != "\x7f" else " " for letter in text)

    def body(content: str, written: str) -> str:
        return template.filled(
            said("https://sms.example/x", content=content, body=written), message, BEIJING
        ).body.decode()

    assert json.loads(body("application/json", '{"a": "{text}", "b": 1}')) == {"a": text, "b": 1}
    form = parse_qs(body("application/x-www-form-urlencoded", "a={text}&b=1"), keep_blank_values=True)
    assert form == {"a": [text], "b": ["1"]}
    request = template.filled(
        said("https://sms.example/x/{text}?a={text}&b=1", headers={"X": "{text}"}), message, BEIJING
    )
    assert parse_qs(urlsplit(request.target).query, keep_blank_values=True) == {"a": [text], "b": ["1"]}
    assert not set(request.headers["X"]) & set("\r\n\0")
    if not any(0xFFFE <= ord(letter) <= 0xFFFF for letter in plain):
        xml = ET.fromstring(body("text/xml", '<m t="{text}">{text}</m>'))
        assert (xml.text or "") == plain


def test_a_value_that_names_a_placeholder_stays_as_it_is() -> None:
    message = replace(MESSAGE, text="{secret}{code}")

    assert json.loads(template.filled(said("https://sms.example/"), message, BEIJING).body)["text"] == "{secret}{code}"


SIGNED = "{user}{secret}{national}{time}"


@pytest.mark.parametrize(
    ("sign", "sign_as", "mark"),
    [
        ("md5", "hex", lambda text: hashlib.md5(text).hexdigest()),
        ("sha1", "HEX", lambda text: hashlib.sha1(text).hexdigest().upper()),
        ("sha256", "hex", lambda text: hashlib.sha256(text).hexdigest()),
        ("hmac-sha1", "base64", lambda text: base64.b64encode(hmac.digest(b"s3cret", text, "sha1")).decode()),
        ("hmac-sha256", "hex", lambda text: hmac.new(b"s3cret", text, "sha256").hexdigest()),
    ],
)
def test_a_request_is_signed_as_a_gateway_asks(sign, sign_as, mark) -> None:
    message = replace(MESSAGE, at_ms=1_790_000_000_000)
    provider = said(
        "https://sms.example/?s={sign}&t={unix}",
        user="city",
        sign=f"{sign}:{SIGNED}",
        sign_as=sign_as,
        body='{"mac": "{sign}", "content": "{text}"}',
        body_as="base64",
    )
    template.sane("sms.providers.one", provider, frozenset())
    request = template.filled(provider, message, BEIJING)
    expected = mark(b"citys3cret1380013800020260921221320")

    assert parse_qs(urlsplit(request.target).query) == {"s": [expected], "t": ["1790000000"]}
    assert json.loads(base64.b64decode(request.body)) == {"mac": expected, "content": MESSAGE.text}


# ---- what an answer means
@pytest.mark.parametrize(
    ("status", "body", "came"),
    [
        (200, b'{"code": 0}', Came.TAKEN),
        (200, b'{"code": "OK"}', Came.TAKEN),
        (200, b'{"code": "OKAY"}', Came.REFUSED),
        (200, b'{"code": 15}', Came.REFUSED),
        (200, b'{"other": 0}', Came.UNSURE),
        (200, b"<html>", Came.UNSURE),
        (200, b"[" * 50_000, Came.UNSURE),
        (200, b"\xff\xfe", Came.UNSURE),
        (200, b"x" * 70_000, Came.UNSURE),
        (204, b"", Came.REFUSED),
        (302, b"", Came.REFUSED),
        (401, b"", Came.REFUSED),
        (429, b"", Came.REFUSED),
        (500, b'{"code": 0}', Came.UNSURE),
        (503, b"", Came.UNSURE),
    ],
)
def test_an_answer_is_yes_no_or_who_knows(gateway, status, body, came) -> None:
    gateway.status, gateway.body = status, body

    answer = hand(gateway.url)

    assert answer.came is came
    assert answer.there is (status == 200 and came is Came.UNSURE), "what a number can bring about is none that is away"


def test_a_text_answer_is_searched_when_no_pointer_is_said(gateway) -> None:
    gateway.body = b"SUCCESS:7788"

    assert hand(gateway.url, ok_at="", ok=r"\ASUCCESS").came is Came.TAKEN
    assert hand(gateway.url, ok_at="", ok=r"\AFAIL").came is Came.REFUSED


def test_a_redirect_is_not_followed(gateway) -> None:
    gateway.status, gateway.headers = 307, {"Location": f"{gateway.url}/elsewhere"}

    assert hand(gateway.url).came is Came.REFUSED
    assert len(gateway.got) == 1


def test_who_is_not_there_took_nothing() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))

        assert hand(f"http://127.0.0.1:{closed.getsockname()[1]}/").came is Came.AWAY
    assert hand("https://no-such-host.invalid/", private=False).came is Came.AWAY


@pytest.mark.parametrize("drip", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"])
def test_a_gateway_that_drips_is_cut_when_its_time_is_over(drip) -> None:
    """R19: octet by octet, each in time for a socket's timeout, is still not in time."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(drip)
                while not over.wait(0.1):
                    try:
                        connection.sendall(b"X" if drip.endswith(b"{") else b"X: y\r\n" if drip else b"")
                    except OSError:
                        return

        thread = threading.Thread(target=serve)
        thread.start()
        began = time.monotonic()
        answer = hand(f"http://127.0.0.1:{server.getsockname()[1]}/", timeout_s=0.5, ok_at="", ok="")
        took = time.monotonic() - began
        over.set()
        thread.join()

    assert answer.came is Came.UNSURE
    assert took < 5.0


def test_a_certificate_that_nobody_vouches_for_ends_before_anything_is_said(tmp_path) -> None:
    key, certificate = tmp_path / "k.pem", tmp_path / "c.pem"
    words = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1")
    names = ("-addext", "subjectAltName=IP:127.0.0.1")
    subprocess.run(
        ["openssl", "req", "-x509", *words, *names, "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Gateway() as made:
        made.socket = context.wrap_socket(made.socket, server_side=True)
        made.handle_error = lambda *_: None
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        url = f"https://127.0.0.1:{made.server_port}/send"
        answers = [hand(url).came, hand(url, ca=certificate).came]
        made.shutdown()
        thread.join()

    assert answers == [Came.AWAY, Came.TAKEN]
    assert len(made.got) == 1


# ---- where a request may go
def test_a_name_that_points_into_this_machine_is_not_asked(gateway, monkeypatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", gateway.server_port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_words, **_named: found)

    provider = Http("one", said(f"https://sms.example:{gateway.server_port}/", private=False), frozenset(), BEIJING)

    answer = provider.hand(MESSAGE)

    assert answer.came is Came.AWAY
    assert "set `private = true` if it stands in this network" in answer.said
    assert gateway.got == []


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"url": "http://sms.example/", "private": False}, "plain HTTP"),
        ({"url": "https://{national}.example/"}, "without placeholders"),
        ({"url": "https://sms.example:{code}/"}, "cannot be read"),
        ({"url": "https://user:pw@sms.example/"}, "without placeholders, user"),
        ({"url": "ftp://sms.example/"}, "expected https"),
        ({"url": "file:///etc/passwd"}, "expected https"),
        ({"url": "https://[::1/"}, "cannot be read"),
        ({"url": ""}, "expected https"),
        ({"url": "https://other.example/"}, "'sms.hosts' does not allow"),
        ({"method": "PUT"}, "GET or POST"),
        ({"sign": "md4:{text}"}, "after one of md5:"),
        ({"sign": "md5:{sign}"}, "after one of md5:"),
        ({"sign_as": "octal"}, "hex or HEX or base64"),
        ({"body_as": "gzip"}, "text or base64"),
        ({"headers": {"X Y": "z"}}, "a header's name"),
        ({"headers": {"X": "a\r\nB: c"}}, "one line"),
        ({"ok": "("}, "no regular expression"),
        ({"timeout_s": 0.0}, "at most 30"),
    ],
)
def test_a_provider_that_cannot_be_meant_is_refused_by_its_setting(more, told) -> None:
    provider = replace(said("https://sms.example/"), **more)

    with pytest.raises(ConfigError, match=told) as refused:
        template.sane("sms.providers.one", provider, frozenset({"sms.example"}))
    assert "sms.providers.one" in str(refused.value)


def test_production_has_no_outbox_and_a_report_needs_a_secret_worth_the_name(settings) -> None:
    def made(rehearsal: bool, **providers_) -> object:
        sms = replace(settings.sms, providers=providers_)
        return providers.make(replace(settings, sms=sms, city=replace(settings.city, rehearsal=rehearsal)))

    with pytest.raises(ConfigError, match="only a rehearsal"):
        made(False, box=SmsProvider(kind="outbox"))
    with pytest.raises(ConfigError, match="at least 16"):
        made(False, one=replace(said("https://sms.example/"), report_secret=Secret("plain:short")))
    with pytest.raises(ConfigError, match="expected http or outbox"):
        made(True, one=SmsProvider(kind="smtp"))
    assert [each.name for each in made(True, box=SmsProvider(kind="outbox"))] == ["box"]


def test_the_order_names_providers_and_leaves_out_the_others(settings) -> None:
    one = said("https://sms.example/")
    sms = replace(settings.sms, providers={"a": one, "b": one, "c": one}, order="c, a")

    assert [each.name for each in providers.make(replace(settings, sms=sms))] == ["c", "a"]
    with pytest.raises(ConfigError, match="'x', which is no provider"):
        providers.make(replace(settings, sms=replace(sms, order="x")))


def test_an_outbox_keeps_whole_messages_and_only_the_newest(settings) -> None:
    (box,) = providers.make(settings)
    for n in range(205):
        assert box.hand(replace(MESSAGE, id=f"{n:04x}", at_ms=n)).came is Came.TAKEN

    assert len(list(box.folder.iterdir())) == 200
    assert [each["at_ms"] for each in box.newest()] == list(range(204, 184, -1))
    assert {each.stat().st_mode & 0o777 for each in box.folder.iterdir()} == {0o600}


# ---- JSON pointers
@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("", ""),
        ("/a/0/b", "1"),
        ("/a/1", "true"),
        ("/x~1y/z~0", "2.5"),
        ("/a", ""),
        ("/a/9", ""),
        ("/a/-1", ""),
        ("/a/x", ""),
        ("/none", ""),
        ("/a/0/b/c", ""),
    ],
)
def test_a_pointer_finds_what_stands_there_or_nothing(where, found) -> None:
    assert pointer.text({"a": [{"b": 1}, True], "x/y": {"z~": 2.5}}, where) == found
