"""The door to those far away: which addresses are asked, what a question costs at most, and what is checked (S18)."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from contextlib import closing

import pytest

from netops import outgoing
from netops.errors import ConfigError
from netops.oidc.line import AwayError, Line
from netops.outgoing import Connection, InnerAddressError


@pytest.mark.parametrize(
    ("address", "public", "private"),
    [
        ("8.8.8.8", True, True),
        ("2400:3200::1", True, True),
        ("10.1.2.3", False, True),
        ("192.168.1.1", False, True),
        ("127.0.0.1", False, True),
        ("::1", False, True),
        ("fd00::1", False, True),
        ("::ffff:10.0.0.1", False, True),
        ("100.64.0.1", False, True),
        ("100.127.255.254", False, True),
        ("100.128.0.1", True, True),
        ("100.100.100.200", False, False),
        ("fd00:ec2::254", False, False),
        ("169.254.169.254", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("fe80::1%eth0", False, False),
        ("0.0.0.0", False, False),
        ("::", False, False),
        ("224.0.0.1", False, False),
        ("255.255.255.255", False, False),
        ("240.0.0.1", False, False),
    ],
)
def test_which_addresses_may_be_connected_to(address, public, private) -> None:
    assert outgoing.allowed(address, private=False) is public
    assert outgoing.allowed(address, private=True) is private


@pytest.fixture
def names(monkeypatch):
    """Return what names lead to, for a test to say: one address, or several by a space."""
    known: dict[str, str] = {}

    def found(host: str, port: int, *_words: object, **_named: object):
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (each, port, 0, 0))
            if ":" in each
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
            for each in known[host].split()
        ]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    return known


def asked(host: str, port: int, **more) -> tuple[int, bytes]:
    words = {"context": None, "timeout_s": 20.0, "private": False}
    with closing(Connection(host, port, **{**words, **more})) as connection:
        connection.request("GET", "/")
        return connection.answered(100)


class Far:
    """Takes connections and does with each what the test says."""

    def __init__(self, act) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.came = 0
        self.over = threading.Event()
        self._act = act
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self._server.accept()
            except OSError:
                return
            self.came += 1
            with link:
                try:
                    self._act(link, self.over)
                except OSError:
                    continue

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()


def answering(body: bytes):
    def act(link: socket.socket, _over: threading.Event) -> None:
        link.recv(9_000)
        link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    return act


def dripping(link: socket.socket, over: threading.Event) -> None:
    link.sendall(b"HTTP/1.1 200 OK\r\n")
    while not over.wait(0.1):
        link.sendall(b"X: y\r\n")


@pytest.mark.parametrize("inside", ["127.0.0.1", "10.0.0.1", "169.254.169.254"])
def test_a_name_that_points_inside_is_not_connected_to(names, inside) -> None:
    names["sso.example.cn"] = inside
    with (
        Far(answering(b"{}")) as far,
        pytest.raises(InnerAddressError, match=r"sso\.example\.cn has no address that .*; set `private = true`"),
    ):
        asked("sso.example.cn", far.port)

    assert far.came == 0


def test_a_provider_of_accounts_behind_an_inner_address_is_asked_only_where_the_settings_say_so(names) -> None:
    """A name of the issuer that leads into our network would have made the portal ask whatever stands there."""
    names["localhost.example.cn"] = "127.0.0.1"
    names["127.0.0.1"] = "127.0.0.1"
    trust = outgoing.trust(None, "ca")
    with Far(dripping) as far:
        url = f"https://localhost.example.cn:{far.port}/keys"
        with pytest.raises(AwayError, match="private = true"):
            Line(frozenset({f"localhost.example.cn:{far.port}"}), trust, private=False).ask(url)
        assert far.came == 0

        with pytest.raises(AwayError, match="SSLError"):  # it says HTTP
            Line(frozenset({f"localhost.example.cn:{far.port}"}), trust, private=True).ask(url)
        assert far.came == 1

    with Far(answering(b'{"a": 1}')) as far:  # an address that the settings spell out leads nowhere else
        line = Line(frozenset({f"127.0.0.1:{far.port}"}), trust, private=False)
        assert line.ask(f"http://127.0.0.1:{far.port}/") == {"a": 1}


@pytest.fixture
def dialled(monkeypatch, names):
    """Return to whom connections were begun, in order; 10.9.9.9 takes its whole time, others refuse but 127.0.0.1."""
    names["127.0.0.1"] = "127.0.0.1"
    tried: list[str] = []
    real = socket.create_connection

    def dial(at: tuple[str, int], timeout: float):
        tried.append(at[0])
        if at[0] == "10.9.9.9":
            threading.Event().wait(timeout)
            raise TimeoutError
        if at[0] != "127.0.0.1":
            raise ConnectionRefusedError
        return real(at, timeout)

    monkeypatch.setattr(socket, "create_connection", dial)
    return tried


@pytest.mark.parametrize("dead", ["fd00::1", "10.9.9.1", "10.9.9.9", "fd00::1 fd00::2 fd00::3 fd00::4 fd00::5"])
def test_where_one_address_does_not_answer_the_next_is_asked(names, dialled, dead) -> None:
    """A provider with IPv6, asked over a line whose IPv6 does not work, was away: nobody could log in."""
    names["sso.example.cn"] = f"{dead} 127.0.0.1"
    with Far(answering(b"{}")) as far:
        assert asked("sso.example.cn", far.port, private=True, timeout_s=1.0) == (200, b"{}")

    assert dialled == [dead.split()[0], "127.0.0.1"]


def test_a_bounded_number_of_addresses_is_tried_within_the_time_and_none_that_may_not_be_asked(names, dialled) -> None:
    names["sso.example.cn"] = "10.9.9.9 " * 2 + " ".join(f"10.9.9.{each}" for each in range(1, 9)) + " 169.254.169.254"
    names["inner.example.cn"] = "169.254.169.254 10.9.9.1"
    began = time.monotonic()
    with pytest.raises(ConnectionRefusedError):
        asked("sso.example.cn", 9, private=True, timeout_s=0.4)
    took = time.monotonic() - began
    first = list(dialled)
    with pytest.raises(ConnectionRefusedError):
        asked("inner.example.cn", 9, private=True)

    assert first == ["10.9.9.9", "10.9.9.1", "10.9.9.2", "10.9.9.3"]
    assert dialled[len(first) :] == ["10.9.9.1"]
    assert took < 3.0


def test_who_answers_late_at_the_second_address_has_the_rest_of_the_time(names, dialled) -> None:
    """The share of the time in which an address is to be reached is none for its answer."""
    names["sso.example.cn"] = "10.9.9.1 127.0.0.1 10.9.9.2 10.9.9.3"

    def late(link: socket.socket, over: threading.Event) -> None:
        over.wait(0.8)
        answering(b"{}")(link, over)

    with Far(late) as far:
        assert asked("sso.example.cn", far.port, private=True, timeout_s=2.0) == (200, b"{}")
    assert len(dialled) == 2


@pytest.mark.parametrize("head", [b"", b"Connection: close\r\n"], ids=["kept", "to be closed"])
def test_who_drips_a_body_is_cut_whatever_becomes_of_the_connection(head) -> None:
    def body(link: socket.socket, over: threading.Event) -> None:
        link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n" + head + b"\r\n")
        while not over.wait(0.1):
            link.sendall(b"x")

    with Far(body) as far:
        began = time.monotonic()
        with pytest.raises((OSError, http.client.HTTPException)):
            asked("127.0.0.1", far.port, private=True, timeout_s=0.4)
        took = time.monotonic() - began

    assert took < 3.5, "a hundred octets would take ten seconds"


def test_who_drips_is_cut_when_the_time_is_over_and_sooner_by_whoever_waits() -> None:
    with Far(dripping) as far:
        began = time.monotonic()
        with pytest.raises((OSError, http.client.HTTPException)):
            asked("127.0.0.1", far.port, private=True, timeout_s=0.3)
        own = time.monotonic() - began

        line = Line(frozenset({f"127.0.0.1:{far.port}"}), outgoing.trust(None, "ca"), private=False)
        threading.Timer(0.2, line.cut).start()
        began = time.monotonic()
        with pytest.raises(AwayError):
            line.ask(f"http://127.0.0.1:{far.port}/")
        cut = time.monotonic() - began
        with pytest.raises(AwayError, match="ConnectionAborted"):
            line.ask(f"http://127.0.0.1:{far.port}/")

        assert far.came == 2, "what is cut asks nothing further"
    assert own < 3.5
    assert cut < 3.5, "less than the line's own four seconds"


def test_a_resolver_that_takes_long_uses_the_time_up_and_nobody_is_connected_to(monkeypatch) -> None:
    with Far(answering(b"{}")) as far:
        over = threading.Event()

        def slow(host: str, port: int, *_words: object, **_named: object):
            over.wait(0.4)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]

        monkeypatch.setattr(socket, "getaddrinfo", slow)
        with pytest.raises(TimeoutError):
            asked("127.0.0.1", far.port, private=True, timeout_s=0.1)

        assert far.came == 0


def test_an_answer_is_read_up_to_a_bound() -> None:
    with Far(answering(b"x" * 5_000)) as far:
        status, body = asked("127.0.0.1", far.port, private=True)

    assert (status, len(body)) == (200, 101)


def test_who_pours_out_heads_for_ever_is_not_read_on() -> None:
    """Each `100 Continue` is read and thrown away by the library: that kept a core busy until the time was over."""

    def pour(link: socket.socket, over: threading.Event) -> None:
        while not over.is_set():
            link.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)

    with Far(pour) as far, pytest.raises(http.client.HTTPException, match="said more than"):
        asked("127.0.0.1", far.port, private=True)


def test_tls_is_of_this_decade_and_a_file_without_certificates_is_named(tmp_path) -> None:
    (tmp_path / "no.pem").write_text("no certificate", encoding="utf-8")

    assert outgoing.trust(None, "ca").minimum_version is ssl.TLSVersion.TLSv1_2
    assert outgoing.trust(None, "ca").verify_mode is ssl.CERT_REQUIRED
    assert outgoing.trust(None, "ca").check_hostname
    for each in ("no.pem", "missing.pem"):
        with pytest.raises(ConfigError, match=r"'portal\.oidc\.city\.ca': .*pem has no certificates"):
            outgoing.trust(tmp_path / each, "portal.oidc.city.ca")
