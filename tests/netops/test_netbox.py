"""A NetBox asked over HTTPS: page after page, the token to that host alone, and a dump that the import reads."""

from __future__ import annotations

import argparse
import json
import shutil
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from inventory.exchange import netbox as exchange
from netops import netbox
from netops.commands import netbox as command
from netops.errors import NetopsError, UsageError

TOKEN = "0123456789abcdef"
SITES = [
    {
        "id": n,
        "name": f"站 {n}",
        "slug": f"s-{n}",
        "region": {"slug": "110108001"},
        "latitude": 39.97,
        "longitude": 116.29,
    }
    for n in range(250)
]


def paged(path: str, sites=SITES) -> tuple[int, bytes]:
    """Answer as NetBox does: a page with the address of the next."""
    parts = urlsplit(path)
    asked = {name: int(values[0]) for name, values in parse_qs(parts.query).items()}
    every = sites if parts.path == "/api/dcim/sites/" else []
    start, end = asked["offset"], asked["offset"] + asked["limit"]
    following = (
        f"http://elsewhere.example{parts.path}?limit={asked['limit']}&offset={end}" if end < len(every) else None
    )
    told = {"count": len(every), "next": following, "previous": None, "results": every[start:end]}
    return 200, json.dumps(told, ensure_ascii=False).encode()


def test_all_pages_are_fetched_once_and_read_back(tmp_path):
    asked = []

    def ask(path):
        asked.append(path)
        return paged(path)

    for name, written in netbox.fetch(ask).items():
        (tmp_path / name).write_text(written, encoding="utf-8")
    found = exchange.read(tmp_path, {})

    assert [each.name for each in found.records] == [each["name"] for each in SITES]
    assert found.records[0].latitude == "39.97"
    assert len(asked) == 3 + 3, "three pages of sites, one of each other list"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((403, b"{}"), "the token is refused"),
        ((200, b"<html>"), "no list; is this the address of a NetBox"),
        ((200, b"[" * 100_000), "no list"),
        ((302, b""), "answered 302"),
        ((200, b'{"results": [], "next": "/?offset=0"}'), "in a circle"),
        ((200, b'{"results": [], "next": "/?offset=x"}'), "in a circle"),
    ],
)
def test_what_is_no_list_is_refused_with_what_came(answer, why):
    with pytest.raises(NetopsError, match=why):
        netbox.fetch(lambda _path: answer)


@pytest.mark.parametrize("url", ["http://netbox.example", "netbox.example", "https://", "https://a:b@netbox.example"])
def test_a_token_goes_over_tls_or_nowhere(url):
    with pytest.raises(UsageError, match="over TLS"):
        netbox.asking(url, TOKEN)


class Box(BaseHTTPRequestHandler):
    """NetBox, as far as it is asked here."""

    def do_GET(self):
        self.server.seen.append((self.path, self.headers["Authorization"]))
        status, body = paged(self.path) if self.headers["Authorization"] == f"Token {TOKEN}" else (403, b"{}")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def box(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here")
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    words += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    words += ["-keyout", "box.key", "-out", "box.crt"]
    subprocess.run(["openssl", *words], cwd=tmp_path, check=True, capture_output=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Box)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "box.crt", tmp_path / "box.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.seen = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join(5)
    server.server_close()


def run(*words):
    parser = argparse.ArgumentParser()
    command.arguments(parser)
    return command.run(parser.parse_args([str(word) for word in words]), None)


def test_the_command_fetches_over_https_by_a_token_by_reference(box, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BOX", TOKEN)
    url = f"https://localhost:{box.server_address[1]}"

    assert run("fetch", url, tmp_path / "dump", "--token", "env:BOX", "--ca", tmp_path / "box.crt") == 0

    assert len(exchange.read(tmp_path / "dump", {}).records) == len(SITES)
    assert {said for _, said in box.seen} == {f"Token {TOKEN}"}
    assert TOKEN not in capsys.readouterr().out
    with pytest.raises(UsageError, match="not empty"):
        run("fetch", url, tmp_path / "dump", "--token", "env:BOX")


def test_a_certificate_that_nobody_vouches_for_gets_no_token(box, tmp_path, monkeypatch):
    monkeypatch.setenv("BOX", TOKEN)

    with pytest.raises(NetopsError, match="is its certificate good"):
        run("fetch", f"https://localhost:{box.server_address[1]}", tmp_path / "dump", "--token", "env:BOX")

    assert box.seen == []
    assert not (tmp_path / "dump").exists()


def test_a_token_on_the_command_line_is_refused(tmp_path):
    with pytest.raises(UsageError, match="never the token itself"):
        run("fetch", "https://netbox.example", tmp_path / "dump", "--token", TOKEN)
