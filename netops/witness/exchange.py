"""One question over HTTP that is over when its time is, however busily the other side drips.

A timeout of the socket bounds one wait, not their number: an octet a second, or `100 Continue` for ever, keeps every
wait short. So a timer cuts the connection; and no more is read than `MOST`, lest a flood keep the processor busy until
then. Redirects are not followed, proxies not known.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from netops.clock import SYSTEM

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PORTS = {"https": 443, "http": 80}
SHORTEST_S = 0.01
MOST = 256 * 1024  # bytes that a whole answer may have, with its headers and what is said before them


def post(url: str, body: bytes, *, timeout_s: float, most: int, kind: str = "text/plain") -> tuple[int, bytes]:
    """Return status and body (its first `most` bytes) of the answer; OSError or HTTPException when there is none.

    `timeout_s` is the time for all of it, from the name to the last byte. Only the look-up of a name may take longer,
    which nothing can cut: ask in a thread that nobody waits for.
    """
    parts = urlsplit(url)
    context = ssl.create_default_context() if parts.scheme == "https" else None
    link = _Link(str(parts.hostname), parts.port or PORTS[parts.scheme], context, timeout_s)
    timer = threading.Timer(timeout_s, link.cut)
    timer.daemon = True
    timer.start()
    try:
        path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        link.request("POST", path, body=body, headers={"Content-Type": kind})
        with link.getresponse() as answer:
            status, said = answer.status, answer.read(most)
        link.in_time()  # to the library a connection that was cut may look like the answer's own end
    except (OSError, http.client.HTTPException):
        link.in_time()
        raise
    finally:
        timer.cancel()
        link.close()
    return status, said


class _Bounded(io.RawIOBase):
    def __init__(self, under: Any) -> None:
        self._under = under
        self._left = MOST

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        if self._left <= 0:
            raise http.client.HTTPException(f"said more than {MOST} bytes")
        got: int | None = self._under.readinto(memoryview(buffer)[: self._left])
        self._left -= got or 0
        return got

    def close(self) -> None:
        self._under.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer that is read up to `MOST`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fp = io.BufferedReader(_Bounded(self.fp.detach()))


class _Link(http.client.HTTPConnection):
    """A connection that `cut` ends from any thread. It keeps the socket that the library gives away to the answer."""

    response_class = _Answer

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None, timeout_s: float) -> None:
        super().__init__(host, port, timeout=timeout_s)
        self.default_port = PORTS["https" if context else "http"]  # the header Host names any other
        self._context = context
        self._timeout_s = timeout_s
        self._until_s = SYSTEM.monotonic() + timeout_s
        self._wire: socket.socket | None = None
        self._over = False

    def connect(self) -> None:
        """Connect to the first address that answers."""
        self._hold(self._reached())
        if self._context is not None:
            secure = self._context.wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
            self._hold(secure)  # before the handshake: it can be cut too
            secure.do_handshake()

    def cut(self) -> None:
        """End whatever is under way, and begin nothing more."""
        self._over = True
        if self._wire is not None:
            with suppress(OSError):  # past SSLSocket's own, which would wait to say good-bye
                socket.socket.shutdown(self._wire, socket.SHUT_RDWR)

    def in_time(self) -> None:
        """Raise TimeoutError once it was cut."""
        if self._over:
            raise TimeoutError(f"took longer than {self._timeout_s:g} s")

    def _hold(self, wire: socket.socket) -> None:
        self._wire = self.sock = wire
        self.in_time()  # a cut before there was anything to cut

    def _reached(self) -> socket.socket:
        wrong: OSError = OSError("the name has no address")
        for *_, at in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM):
            self.in_time()
            left_s = max(SHORTEST_S, self._until_s - SYSTEM.monotonic())
            try:
                return socket.create_connection((str(at[0]), self.port), left_s)
            except OSError as error:
                wrong = error
        raise wrong
