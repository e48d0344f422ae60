"""The one door by which the portal asks somebody far away over HTTP: carriers of messages, providers of accounts (S18).

It asks hosts that the settings name, follows no redirect and knows no proxy. The addresses behind a name are looked at
before one is connected to: a name that points into this machine or its network is asked only where the settings say
that it stands there. Where one does not answer the next is tried, of the other family first: a line whose IPv6 does not
work, or one dead server of two, is no provider that is away. A question is over when its time is, however busily the
other side drips; an answer is read up to a bound. TLS is 1.2 at least, and the certificate is checked.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from contextlib import suppress
from itertools import zip_longest
from typing import TYPE_CHECKING

from netops.clock import SYSTEM
from netops.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

SHORTEST_S = 0.01
MOST = 4  # addresses of a name that are tried
PORTS = {"https": 443, "http": 80}
SHARED = ipaddress.ip_network(
    "100.64.0.0/10"
)  # RFC 6598: carriers' inner networks, to Python neither global nor private
# what gives machines of a cloud their secrets, beside the link-local ones
METADATA = frozenset({ipaddress.ip_address("100.100.100.200"), ipaddress.ip_address("fd00:ec2::254")})


class InnerAddressError(OSError):
    """Every address behind a name is one of this machine or its network, and the settings do not say so."""


class Connection(http.client.HTTPConnection):
    """A connection for one question. `timeout_s` is the time for all of it; `cut` ends it sooner, from any thread.

    Looking a name up cannot be cut, it only uses the time up: whoever must not wait for it asks in a thread of its own.
    """

    def __init__(
        self, host: str, port: int, *, context: ssl.SSLContext | None, timeout_s: float, private: bool
    ) -> None:
        super().__init__(host, port, timeout=timeout_s)
        self.default_port = PORTS["http" if context is None else "https"]  # the header Host names any other
        self._context = context
        self._private = private
        self._timeout_s = timeout_s
        self._over = False
        self._held: socket.socket | None = None  # also when the library has given it away to the answer
        self._reading = False
        self._timer = threading.Timer(timeout_s, self.cut)
        self._timer.daemon = True

    def connect(self) -> None:
        """Connect to an address that may be asked; OSError where there is none, or the time is over."""
        self._timer.start()
        until = SYSTEM.monotonic() + self._timeout_s
        self.sock = self._held = self._reached(until)
        self.sock.settimeout(max(SHORTEST_S, until - SYSTEM.monotonic()))
        self._in_time()
        if self._context is not None:
            wrapped = self._context.wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
            self.sock = self._held = wrapped  # before the handshake: it can be cut too
            self._in_time()
            wrapped.do_handshake()

    def _reached(self, until: float) -> socket.socket:
        """Return a connection to the first address that answers; each has its share of the time that is left."""
        addresses = _addresses(self.host, self.port, private=self._private)
        for left, at in zip(range(len(addresses), 0, -1), addresses, strict=True):
            self._in_time()
            share_s = max(SHORTEST_S, (until - SYSTEM.monotonic()) / left)
            try:
                return socket.create_connection((at, self.port), share_s)
            except OSError:
                if left == 1:
                    raise
        raise AssertionError("a name without addresses")  # pragma: no cover  (InnerAddressError was raised)

    def answered(self, most: int) -> tuple[int, bytes]:
        """Return status and body of the answer; a body that is longer than `most` has one octet more."""
        self._reading = True  # of an answer that ends with its connection the library closes that at its headers
        try:
            with self.getresponse() as answer:
                body = answer.read(most + 1)
        finally:
            self._reading = False
        self._in_time()  # the library takes an end within the headers, or before the body's, for the answer's own
        return answer.status, body

    def cut(self) -> None:
        """End whatever is under way, and begin nothing more."""
        self._over = True
        if self._held is not None:
            with suppress(OSError):  # past SSLSocket's own, which would wait to say good-bye
                socket.socket.shutdown(self._held, socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of it."""
        if not self._reading:
            self._timer.cancel()
        super().close()

    def _in_time(self) -> None:
        if self._over:
            raise TimeoutError("the time is over")


def allowed(address: str, *, private: bool) -> bool:
    """Whether an address may be connected to: a global one, or one of this network where the settings say so."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    if parsed.is_loopback:
        return private  # before the rest: to Python ::1 is reserved too
    if parsed.is_link_local or parsed.is_multicast or parsed.is_unspecified or parsed.is_reserved or parsed in METADATA:
        return False  # 169.254.169.254 is one of METADATA's kind
    return parsed.is_global or (private and (parsed.is_private or parsed in SHARED))


def trust(ca: Path | None, where: str) -> ssl.SSLContext:
    """Return what a certificate is checked with; ConfigError names the setting of a file without certificates."""
    try:
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"'{where}': {ca} has no certificates of an authority in PEM ({error})") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def why(error: Exception) -> str:
    """Return a short word for what went wrong: nothing of what was asked, and the remedy where there is one."""
    return str(error) if isinstance(error, InnerAddressError) else type(error).__name__


def _addresses(host: str, port: int, *, private: bool) -> list[str]:
    """Return the addresses to try, the families in turn (RFC 8305 section 4); InnerAddressError where there is none."""
    every = dict.fromkeys(str(at[0]) for *_, at in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    found = [each for each in every if allowed(each, private=private)]
    if not found:
        raise InnerAddressError(
            f"{host} has no address that may be asked; set `private = true` if it stands in this network"
        )
    first = ":" in found[0]
    families = [[each for each in found if (":" in each) is six] for six in (first, not first)]
    return [each for pair in zip_longest(*families) for each in pair if each][:MOST]
