"""One question over HTTP that is over when its time is, however busily the other side drips.

A timeout of the socket bounds one wait, not their number: an octet a second, or `100 Continue` for ever, keeps every
wait short. So a timer cuts the connection; and no more is read than `MOST`, lest a flood keep the processor busy until
then. Where one address of a name does not answer the next is tried. Redirects are not followed, proxies not known.
"""

from __future__ import annotations

import http.client
import io
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from netops.clock import SYSTEM

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from _typeshed import WriteableBuffer

PORTS = {"https": 443, "http": 80}
SHORTEST_S = 0.01
MOST = 512 * 1024  # octets that a whole answer may have, with its headers and what is said before them


def addresses(host: str, port: int) -> list[str]:
    """Return the addresses of a name, each once, in the order of the resolver; OSError where there is none."""
    return list(dict.fromkeys(str(at[0]) for *_, at in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


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


class Question(http.client.HTTPConnection):
    """A connection for one question. `timeout_s` is the time for all of it; `cut` ends it sooner, from any thread.

    `reach` says which addresses are tried. Looking a name up cannot be cut, it only uses the time up: whoever must not
    wait for it asks in a thread of its own.
    """

    response_class = _Answer

    def __init__(
        self,
        host: str,
        port: int,
        *,
        context: ssl.SSLContext | None,
        timeout_s: float,
        reach: Callable[[str, int], Sequence[str]] = addresses,
    ) -> None:
        super().__init__(host, port, timeout=timeout_s)
        self.default_port = PORTS["http" if context is None else "https"]  # the header Host names any other
        self._context = context
        self._reach = reach
        self._timeout_s = timeout_s
        self._over = False
        self._wire: socket.socket | None = None  # also when the library has given it away to the answer
        self._reading = False
        self._timer = threading.Timer(timeout_s, self.cut)
        self._timer.daemon = True

    def connect(self) -> None:
        """Connect to an address that answers; OSError where there is none, or the time is over."""
        self._timer.start()
        until = SYSTEM.monotonic() + self._timeout_s
        self._hold(self._reached(until))
        self.sock.settimeout(max(SHORTEST_S, until - SYSTEM.monotonic()))
        if self._context is not None:
            wrapped = self._context.wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
            self._hold(wrapped)  # before the handshake: it can be cut too
            wrapped.do_handshake()

    def answered(self, most: int) -> tuple[int, bytes]:
        """Return status and body of the answer; a body that is longer than `most` has one octet more."""
        self._reading = True  # of an answer that ends with its connection the library closes that at its headers
        try:
            with self.getresponse() as answer:
                body = answer.read(most + 1)
        finally:
            self._reading = False
        self.in_time()  # the library takes an end within the headers, or before the body's, for the answer's own
        return answer.status, body

    def cut(self) -> None:
        """End whatever is under way, and begin nothing more."""
        self._over = True
        if self._wire is not None:
            with suppress(OSError):  # past SSLSocket's own, which would wait to say good-bye
                socket.socket.shutdown(self._wire, socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of it."""
        if not self._reading:
            self._timer.cancel()
        super().close()

    def in_time(self) -> None:
        """Raise TimeoutError once it was cut."""
        if self._over:
            raise TimeoutError(f"took longer than {self._timeout_s:g} s, or was cut off")

    def _hold(self, wire: socket.socket) -> None:
        self._wire = self.sock = wire
        self.in_time()  # a cut before there was anything to cut

    def _reached(self, until: float) -> socket.socket:
        """Return a connection to the first address that answers; each has its share of the time that is left."""
        every = self._reach(self.host, self.port)
        for left, at in zip(range(len(every), 0, -1), every, strict=True):
            self.in_time()
            share_s = max(SHORTEST_S, (until - SYSTEM.monotonic()) / left)
            try:
                return socket.create_connection((at, self.port), share_s)
            except OSError:
                if left == 1:
                    raise
        raise OSError("the name has no address")
