"""Serving: refusals, slow clients, an orderly end, TLS."""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
import importlib.util
import os
import socket
import ssl
import statistics
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from netops.config import Listener
from netops.errors import ConfigError
from netops.web import Server

spec = importlib.util.spec_from_file_location("web_made", Path(__file__).with_name("conftest.py"))
made = importlib.util.module_from_spec(spec)
sys.modules["web_made"] = made
spec.loader.exec_module(made)


@pytest.fixture
def server():
    server = Server(made.made(), Listener(port=0))
    server.start()
    yield server
    server.stop()


def get(port, path="/"):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return answer.status, answer.read()


def test_it_serves_and_stops_and_starts_again(server):
    assert get(server.port)[0] == 200
    server.stop()
    server.stop()
    with pytest.raises(OSError, match="refused"):
        get(server.port)


def test_another_wake_before_the_last_pull_costs_nothing():
    """The loop may close everything before `stop` has pulled the trigger that told it to."""
    server = Server(made.made(), Listener(port=0))
    server.start()
    trigger, loop = server._server.trigger, server._thread
    pull = trigger._physical_pull

    def late():
        os.write(trigger.trigger, b"x")  # as a request does that ends just now
        loop.join(5)
        pull()

    trigger._physical_pull = late
    server.stop()

    assert not loop.is_alive()
    assert trigger._fds == []


def test_a_request_that_outlasts_the_end_writes_into_no_other_file(tmp_path, monkeypatch):
    monkeypatch.setattr("netops.web.server.STOP_S", 0.2)
    held, going = threading.Event(), threading.Event()

    def app(environ, start_response):
        held.set()
        going.wait(10)
        start_response("200 OK", [("Content-Length", "0")])
        return [b""]

    server = Server(app, Listener(port=0))
    server.start()
    trigger = server._server.trigger
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        held.wait(5)
        dispatcher = server._server.task_dispatcher
        server.stop()
        pipe = os.fstat(trigger.trigger).st_ino
        with (tmp_path / "register.db").open("w+b") as database:
            trigger.pull_trigger()  # the worker's last act, at the latest instant
            assert database.read() == b""
            assert os.fstat(trigger.trigger).st_ino == pipe
        going.set()
        while dispatcher.threads:
            time.sleep(0.01)
    trigger.close()


@pytest.mark.parametrize("clients", [0, 4])
def test_it_stops_under_load_again_and_again(clients):
    for _ in range(15):
        server = Server(made.made(), Listener(port=0), threads=2)
        server.start()
        going = threading.Event()

        def ask(port=server.port, going=going):
            while not going.is_set():
                with contextlib.suppress(OSError):
                    get(port)

        threads = [threading.Thread(target=ask) for _ in range(clients)]
        for each in threads:
            each.start()
        server.stop()
        going.set()
        for each in threads:
            each.join()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "city.example"])
def test_production_refuses_plain_http_off_loopback(host):
    with pytest.raises(ConfigError, match="tls_certificate"):
        Server(made.made(), Listener(host=host, port=0)).start()


def test_an_occupied_port_is_said_plainly(server):
    with pytest.raises(ConfigError, match="another instance"):
        Server(made.made(), Listener(port=server.port)).start()


@pytest.mark.parametrize("port", [-1, 65536, 99999])
def test_what_is_no_port_is_said_plainly(port):
    with pytest.raises(ConfigError, match="is no TCP port; expected 1 to 65535"):
        Server(made.made(), Listener(port=port)).start()


def test_a_browser_is_told_nothing_about_the_server(server):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/") as answer:
        assert "waitress" not in (answer.headers.get("Server") or "")


def test_two_hundred_slow_clients_do_not_stop_a_normal_one(server):
    """S12 in small: open, half a request line, silence."""
    slow = []
    for _ in range(200):
        each = socket.create_connection(("127.0.0.1", server.port))
        each.sendall(b"GET / HT")
        slow.append(each)
    took = []
    for _ in range(20):
        began = time.monotonic()
        assert get(server.port)[0] == 200
        took.append(time.monotonic() - began)
    for each in slow:
        each.close()

    assert statistics.median(took) < 1.0  # one hiccup of a busy machine is not the slow clients' doing


def test_a_header_without_end_is_cut_off(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as each:
        each.sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000)
        answer = each.recv(100)

    assert answer.startswith((b"HTTP/1.0 431", b"HTTP/1.1 431"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    day = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(day)
        .not_valid_after(day + dt.timedelta(days=20_000))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    directory = tmp_path_factory.mktemp("tls")
    (directory / "c.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    (directory / "k.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return directory / "c.pem", directory / "k.pem"


@pytest.fixture
def secure(certificate):
    listener = Listener(port=0, tls_certificate=certificate[0], tls_key=certificate[1])
    server = Server(made.made(), listener)
    server.start()
    yield server
    server.stop()


def test_over_tls_the_application_knows_scheme_and_client(secure, certificate):
    context = ssl.create_default_context(cafile=str(certificate[0]))
    with urllib.request.urlopen(f"https://localhost:{secure.port}/", context=context, timeout=5) as answer:
        assert answer.status == 200
        assert "Strict-Transport-Security" in answer.headers


def test_the_loopback_side_of_tls_takes_nobody_else(secure):
    inner = secure._tls.inner_port
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(inner)

    assert refused.value.code == 403
    refused.value.close()


def test_many_at_once_over_tls(secure, certificate):
    context = ssl.create_default_context(cafile=str(certificate[0]))
    seen = []

    def ask():
        with urllib.request.urlopen(f"https://localhost:{secure.port}/", context=context, timeout=10) as answer:
            seen.append(answer.status)

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == [200] * 20


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_all_addresses_are_those_of_ipv4_too_over_tls(certificate, address):
    server = Server(made.made(), Listener(host="::", port=0, tls_certificate=certificate[0], tls_key=certificate[1]))
    server.start()
    context = ssl.create_default_context(cafile=str(certificate[0]))
    try:
        link = socket.create_connection((address, server.port), 5)
        with context.wrap_socket(link, server_hostname="localhost") as secured:
            secured.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert secured.recv(12) == b"HTTP/1.1 200"
            while secured.recv(65_536):
                pass
    finally:
        server.stop()


@pytest.mark.parametrize("shaken", [False, True], ids=["no handshake", "handshake"])
def test_who_says_nothing_over_tls_is_let_go_within_seconds(certificate, monkeypatch, shaken):
    monkeypatch.setattr("netops.web.tls.FIRST_S" if shaken else "netops.web.tls.HANDSHAKE_S", 0.3)
    server = Server(made.made(), Listener(port=0, tls_certificate=certificate[0], tls_key=certificate[1]))
    server.start()
    context = ssl.create_default_context(cafile=str(certificate[0]))
    try:
        with socket.create_connection(("127.0.0.1", server.port), 5) as link:
            silent = context.wrap_socket(link, server_hostname="localhost") if shaken else link
            with contextlib.suppress(ConnectionError, ssl.SSLEOFError):
                assert silent.recv(1) == b""
            silent.close()
    finally:
        server.stop()


def test_one_address_cannot_hold_all_places_by_handshakes_that_never_end(certificate):
    """A place is taken as soon as a connection is accepted, and given back when it ends, whichever way."""
    listener = Listener(port=0, tls_certificate=certificate[0], tls_key=certificate[1])
    server = Server(made.made(), listener, per_address=4)
    server.start()
    context = ssl.create_default_context(cafile=str(certificate[0]))

    def link(source):
        return socket.create_connection(("127.0.0.1", server.port), 5, source_address=(source, 0))

    def is_held(connection):
        connection.settimeout(0.2)
        try:
            return bool(connection.recv(1))
        except TimeoutError:
            return True
        except OSError:
            return False

    try:
        for _ in range(3):
            with contextlib.ExitStack() as stack:
                greedy = [stack.enter_context(link("127.0.0.2")) for _ in range(12)]
                with context.wrap_socket(link("127.0.0.3"), server_hostname="localhost") as other:
                    other.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    assert other.recv(12) == b"HTTP/1.1 200"
                assert sum(map(is_held, greedy)) == 4
            time.sleep(0.2)  # the server has seen them go
    finally:
        server.stop()


def test_an_end_closes_the_tls_connections_that_are_silent(secure, certificate, caplog):
    context = ssl.create_default_context(cafile=str(certificate[0]))
    link = socket.create_connection(("127.0.0.1", secure.port), 5)
    with context.wrap_socket(link, server_hostname="localhost") as silent:
        silent.sendall(b"GET / HT")
        time.sleep(0.2)
        secure.stop()
        silent.settimeout(2)
        with contextlib.suppress(ConnectionError, ssl.SSLEOFError):
            assert silent.recv(1) == b""
    gc.collect()  # what was left open would be said here
    assert not caplog.records


def test_a_certificate_without_its_key_is_said_plainly(certificate, tmp_path):
    with pytest.raises(ConfigError, match="belong together"):
        Server(made.made(), Listener(port=0, tls_certificate=certificate[0])).start()
    broken = tmp_path / "x.pem"
    broken.write_text("nonsense")
    server = Server(made.made(), Listener(port=0, tls_certificate=broken, tls_key=broken))
    with pytest.raises(ConfigError, match=r"x\.pem"):
        server.start()
    server.stop()
