"""Odd requests at the portal's own process: whatever comes on the wire, it answers or closes, and others are served.

The requests are octets on a socket: a library would not send most of them.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import resource
import select
import socket
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
FOREIGN = "www.example.com"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
TEN = 10_000_000


def _plain() -> Any:
    spec = importlib.util.spec_from_file_location("odd_portal_faults", HERE / "test_portal_faults.py")
    assert spec
    assert spec.loader
    made = importlib.util.module_from_spec(spec)
    sys.modules["odd_portal_faults"] = made
    spec.loader.exec_module(made)
    return made.Plain


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A portal process with the simulated gateway; every device is an address of its own."""
    with _plain()(tmp_path_factory.mktemp("odd")) as made:
        yield made


numbers = itertools.count(2)


def address() -> str:
    number = next(numbers)
    return f"127.9.{number >> 8}.{number & 255}"


def exchanged(portal: Any, *parts: bytes, source: str = "", within_s: float = 10.0) -> bytes:
    """Send octets and return everything that comes back until the portal closes or is silent for a while."""
    with socket.create_connection(
        ("127.0.0.1", portal.port), within_s, source_address=(source or address(), 0)
    ) as link:
        for part in parts:
            with contextlib.suppress(OSError):  # it may have answered and closed before it has read everything
                link.sendall(part)
        answer = b""
        with contextlib.suppress(OSError):
            while part := link.recv(65_536):
                answer += part
                if b"\r\n\r\n" in answer and whole(answer):
                    break
        return answer


def whole(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), None)
    return length is not None and len(body) >= length


def own(portal: Any) -> bytes:
    return f"127.0.0.1:{portal.port}".encode()


def status(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1."), answer[:80]
    return int(answer.split(b" ", 2)[1])


def memory(portal: Any) -> int:
    """Return the octets that the process holds in memory."""
    pages = int(Path(f"/proc/{portal.process.pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def page(portal: Any, source: str) -> bytes:
    return exchanged(portal, b"GET / HTTP/1.1\r\nHost: " + own(portal) + b"\r\n\r\n", source=source)


def token(answer: bytes) -> bytes:
    found = answer.partition(b'name="token" value="')[2].partition(b'"')[0]
    assert found
    return found


def post(portal: Any, form: bytes, source: str, *, host: bytes = b"", more: bytes = b"") -> bytes:
    head = b"POST /login HTTP/1.1\r\nHost: " + (host or own(portal)) + b"\r\n" + FORM + more
    return exchanged(portal, head + b"Content-Length: %d\r\n\r\n" % len(form) + form, source=source)


@pytest.mark.parametrize(
    ("request_line", "headers", "codes"),
    [
        (b"GET / HTTP/1.1", b"", {302, 400}),  # RFC 9112 section 3.2: a server answers 400; nobody is let in by it
        (b"GET / HTTP/1.0", b"", {302}),
        (b"GET / HTTP/1.0", b"Host: OWN\r\n", {200}),
        (b"GET / HTTP/1.1", b"Host:\r\n", {302, 400}),
        (b"GET / HTTP/1.1", b"Host: OWN\r\nHost: evil.example\r\n", {302, 400}),
        (b"GET / HTTP/1.1", b"Host: evil.example\r\nHost: OWN\r\n", {302, 400}),
        (b"GET / HTTP/1.1", b"Host: " + b"a" * 5000 + b"\r\n", {302, 400}),
        (b"GET / HTTP/1.1", b"Host: \xff\xfe\r\n", {302, 400}),
        (b"GET / HTTP/1.1", b"Host: OWN\r\nUser-Agent:\r\n", {200}),
        (b"GET / HTTP/1.1", b"Host: OWN\r\nUser-Agent: \xe4\xb8\xad\xff\r\n", {200}),
        (b"GET / HTTP/1.1", b"Host: OWN\r\nAccept-Language: " + b"zz;q=9," * 900 + b"\r\n", {200}),
        (b"GET http://www.example.com/generate_204 HTTP/1.1", b"Host: www.example.com\r\n", {302}),
        (b"GET http://www.example.com/ HTTP/1.1", b"Host: OWN\r\n", {200, 302}),
        (b"GET http://OWN/ HTTP/1.1", b"Host: OWN\r\n", {200}),
        (b"GET //evil.example/%2e%2e HTTP/1.1", b"Host: OWN\r\n", {302, 308, 404}),
        (b"GET /" + b"a" * 8000 + b" HTTP/1.1", b"Host: OWN\r\n", {404}),
        (b"GET /%00%ff%zz HTTP/1.1", b"Host: OWN\r\n", {400, 404}),
        (b"OPTIONS * HTTP/1.1", b"Host: OWN\r\n", {200, 400, 404, 405}),
        (b"CONNECT evil.example:443 HTTP/1.1", b"Host: evil.example:443\r\n", {302, 400, 404, 405}),
        (b"BREW / HTTP/1.1", b"Host: OWN\r\n", {400, 405, 501}),
        (b"GET / HTTP/9.9", b"Host: OWN\r\n", {200, 400, 505}),
        (b"GET /", b"", {302, 400}),
        (b"POST /login HTTP/1.1", b"Host: OWN\r\nContent-Length: -1\r\n", {400}),
        (b"POST /login HTTP/1.1", b"Host: OWN\r\nContent-Length: 1e3\r\n", {400}),
        (b"POST /login HTTP/1.1", b"Host: OWN\r\nContent-Length: 3\r\nContent-Length: 4\r\n", {400}),
        (b"POST /login HTTP/1.1", b"Host: OWN\r\nTransfer-Encoding: gzip\r\n", {400, 501}),
        (
            b"POST /login HTTP/1.1",
            b"Host: OWN\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n",
            {303, 400, 422},
        ),
    ],
)
def test_a_request_that_no_browser_sends_gets_an_answer(
    portal, request_line: bytes, headers: bytes, codes: set[int]
) -> None:
    both = (request_line + b"\r\n" + headers + b"\r\n").replace(b"OWN", own(portal))

    answer = exchanged(portal, both)

    assert status(answer) in codes, answer[:200]
    assert b"Traceback" not in answer
    assert b"evil.example" not in answer.partition(b"\r\n\r\n")[0], "no header repeats what came"


def test_a_key_that_comes_twice_is_one_and_a_hundred_thousand_keys_are_refused(portal) -> None:
    source = address()
    good = b"token=" + token(page(portal, source))

    many = post(portal, b"&".join(b"k%d=1" % number for number in range(100_000)), source)
    double = post(portal, good + b"&token=forged&method=click_through&method=voucher&method=oidc", source)

    assert status(many) in {400, 413}
    assert status(double) == 303, "the first of each counts"
    assert b'name="token" value="' in page(portal, source)
    assert b"/logout" in page(portal, source)


@pytest.mark.parametrize("host", [b"", FOREIGN.encode()], ids=["our name", "a captured name"])
@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "in chunks"])
def test_a_form_of_ten_megabytes_is_refused_before_it_was_read(portal, host: bytes, chunked: bool) -> None:
    """The sender is told 413, or where the portal is, or cut off, long before the last octet; memory stays as it is."""
    source, before = address(), memory(portal)
    length = b"Transfer-Encoding: chunked\r\n" if chunked else b"Content-Length: %d\r\n" % TEN
    head = b"POST /login HTTP/1.1\r\nHost: " + (host or own(portal)) + b"\r\n" + FORM + length + b"\r\n"
    piece = b"%x\r\n%s\r\n" % (65_536, b"x" * 65_536) if chunked else b"x" * 65_536

    taken, answer = poured(portal, head, piece, source)

    assert status(answer) in {302, 413}, answer[:100]
    assert taken < TEN * 0.7, "a megabyte, and what the kernel's buffers hold"
    assert memory(portal) - before < 8_000_000
    assert page(portal, source).startswith(b"HTTP/1.1 200")


def poured(portal: Any, head: bytes, piece: bytes, source: str) -> tuple[int, bytes]:
    """Send until there is an answer or nothing more is taken; return how many octets went out, and the answer."""
    taken, answer, left = 0, b"", piece
    with socket.create_connection(("127.0.0.1", portal.port), 5, source_address=(source, 0)) as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        link.sendall(head)
        until = time.monotonic() + 15
        with contextlib.suppress(OSError):
            while taken < TEN and time.monotonic() < until:
                readable, writable, _ = select.select([link], [link], [], 1.0)
                if readable:
                    answer = link.recv(65_536)
                    break
                if writable:
                    went = link.send(left)
                    taken, left = taken + went, left[went:] or piece
            if not answer:
                answer = link.recv(65_536)
    return taken, answer


def test_a_flood_of_headers_is_431_or_a_close_and_takes_no_memory(portal) -> None:
    before, taken = memory(portal), 0
    for flood in (b"X-%d: " % 1 + b"a" * 70_000, b"".join(b"X-%d: y\r\n" % n for n in range(20_000)), b"\r\n" * 50_000):
        said = exchanged(portal, b"GET / HTTP/1.1\r\nHost: x\r\n", flood, b"\r\n\r\n", within_s=5.0)
        taken += not said or status(said) in {302, 400, 431}

    assert taken == 3
    assert memory(portal) - before < 8_000_000


def test_requests_in_one_piece_are_answered_one_after_the_other(portal) -> None:
    """RFC 9112 section 9.3.2; a client that closes a pipeline early leaves nothing behind."""
    source = address()
    one = b"GET /capport/api HTTP/1.1\r\nHost: " + own(portal) + b"\r\n\r\n"
    last = one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with socket.create_connection(("127.0.0.1", portal.port), 10, source_address=(source, 0)) as link:
        link.sendall(one * 19 + last)
        answer = b""
        while part := link.recv(65_536):
            answer += part

    assert answer.count(b"HTTP/1.1 200") == answer.count(b'"captive":true') == 20
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", portal.port), 10, source_address=(source, 0)) as link:
            link.sendall(one * 50)
    assert page(portal, source).startswith(b"HTTP/1.1 200")


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("count", [1_000, 5_000, 7_000])
def test_connections_that_never_end_keep_no_visitor_waiting(tmp_path: Path, count: int) -> None:
    """S12 whole: headers, bodies and reads that never end, opened anew whenever they are closed.

    The promise is a p99 below a second; a machine that needs more without them is allowed ten times what it needs.
    They come from 200 devices: one holds 64 connections at most here, and 40 behind our own gateway.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 20_000:
        pytest.skip(f"the machine lets a process have {hard} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (20_000, hard))
    try:
        with contextlib.ExitStack() as stack:
            portal = stack.enter_context(_plain()(tmp_path))
            bound = max(1.0, 10 * max(visit(portal) for _ in range(100)))
            siege = stack.enter_context(Siege(portal, count))
            for _ in range(3):  # a busy machine is slow by itself
                visits = sorted(visit(portal) for _ in range(100))
                held, middle, most = siege.held, visits[49] * 1000, visits[98] * 1000
                print(f"{held} held, {siege.again} made anew: p50 {middle:.0f} ms, p99 {most:.0f} ms")
                if visits[98] < bound:
                    break
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert visits[98] < bound
    assert held > min(count, 5_000) * 0.8, "they were there all the time"


class Siege:
    """Slow connections; who is cut off comes again, up to some hundred a second."""

    BEGUN = (
        b"GET / HTTP/1.1\r\nHost: x\r\nX: ",
        b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\na",
        b"G",
        b"",
    )

    def __init__(self, portal: Any, count: int) -> None:
        self.portal, self.count, self.again = portal, count, 0
        self._links: dict[int, socket.socket] = {}
        self._poll = select.epoll()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._go, daemon=True)

    def __enter__(self) -> Self:
        for number in range(self.count):
            self._open(number)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(30)
        self._poll.close()
        for each in self._links.values():
            each.close()

    @property
    def held(self) -> int:
        return len(self._links)

    def _go(self) -> None:
        while not self._ending.wait(0.1):
            for number, _ in self._poll.poll(0, 50):
                self._poll.unregister(number)
                self._links.pop(number).close()
                self.again += 1
            while self.held < self.count and self._open(self.again):
                pass

    def _open(self, number: int) -> bool:
        link = socket.socket()
        link.bind((f"127.7.0.{number % 200 + 1}", 0))
        link.settimeout(2)
        try:
            link.connect(("127.0.0.1", self.portal.port))
            link.sendall(self.BEGUN[number % 4])
        except OSError:
            link.close()
            return False
        self._links[link.fileno()] = link
        self._poll.register(link, select.EPOLLRDHUP | select.EPOLLIN | select.EPOLLHUP)
        return True


def visit(portal: Any) -> float:
    began = time.monotonic()
    assert page(portal, address()).startswith(b"HTTP/1.1 200")
    return time.monotonic() - began
