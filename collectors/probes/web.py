"""One HTTP request with every step timed: name, connection, TLS, first octet, last octet (RFC 9112). The edge.

The whole takes no longer than its time-out, whatever the server drips; no more than `limit` octets are read. A
certificate that is not trusted is a finding: its facts are read, and nothing is sent.
"""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import select
import socket
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from collectors.errors import CollectorError
from collectors.probes import certificate, dns, sockets, tcp
from netops.model import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LIMIT = 1 << 20
CHUNK = 64 * 1024
AGENT = "NetOps-probe/1"
URL_CHARACTERS = 500  # of an address that is archived: a redirection's is somebody else's text
PORTS = {"http": 80, "https": 443}
SECRETS = (ipaddress.IPv6Address("fd00:ec2::254"),)  # the same by IPv6, where it is no link-local address
AS_WRITTEN = "%/?:@!$&'()*+,;=[]~"  # RFC 3986; all else, a space say, goes as a browser sends it: percent-encoded


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How requests leave: through which interface, by which resolver, whom they trust, how long they may take."""

    timeout_s: float = 5.0
    interface: str = ""
    resolver: str = ""
    ca: Path | None = None
    local: bool = False  # may speak to this machine itself: a portal that redirects there is after something else


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What came of one request. `times` in ns: name, connect, tls, first_byte, body, total; as far as it came."""

    url: str
    times: Mapping[str, int]
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    octets: int = 0
    cut: bool = False  # more octets than wanted, or than the head announced fewer
    certificate: Mapping[str, Any] = field(default_factory=dict)
    failed: str = ""  # a Reason
    detail: str = ""

    def header(self, name: str) -> str:
        """Return the first header of this name, empty when there is none."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    def record(self) -> dict[str, Any]:
        """Return the page as it is archived: without its body, but with its digest."""
        made: dict[str, Any] = {"url": self.url[:URL_CHARACTERS], "octets": self.octets, "cut": self.cut}
        made |= {f"{name}_ns": spent for name, spent in self.times.items()}
        if self.status:
            made |= {"status": self.status, "sha256": hashlib.sha256(self.body).hexdigest()}
        if self.certificate:
            made["certificate"] = dict(self.certificate)
        if self.failed:
            made |= {"failed": self.failed, "detail": self.detail[:200]}
        return made


def fetch(
    url: str,
    way: Way,
    *,
    form: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    limit: int = LIMIT,
    keep: bool = True,
) -> Page:
    """Ask for `url` (POST when there is a form).

    `keep` False counts the body and lets it go; what counts is then how fast it comes, so that one which outlasts the
    time is cut there and no failure.
    """
    asked = _Asked(url, way)
    try:
        return asked.fetch(form=form, headers=headers or {}, limit=limit, keep=keep)
    except ssl.SSLCertVerificationError as error:
        asked.read_untrusted()
        return asked.page(failed=Reason.PROTOCOL_FAULT, detail=f"certificate: {error.verify_message}")
    except (http.client.HTTPException, ssl.SSLError, ValueError) as error:
        over = asked.left() <= 0
        return asked.page(failed=Reason.NO_ANSWER if over else Reason.PROTOCOL_FAULT, detail=f"{error!r}")
    except OSError as error:
        return asked.page(failed=asked.reason(error), detail=str(error))


class _Asked:
    """One request under way."""

    def __init__(self, url: str, way: Way) -> None:
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname:
            raise CollectorError(f"url '{url}': expected http:// or https:// and a host")
        try:
            self.port = parts.port or PORTS[parts.scheme]
        except ValueError:
            raise CollectorError(f"url '{url}': the port is no number of 1 to 65535") from None
        self.url, self.way, self.parts = url, way, parts
        self.host = parts.hostname
        self.address = ""
        self.times: dict[str, int] = {}
        self.certificate: dict[str, Any] = {}
        self.octets = 0  # of the body, as far as it came
        self.begin = self.at = sockets.instant().monotonic_ns

    def left(self) -> float:
        """Return the seconds that are left."""
        return self.way.timeout_s - (sockets.instant().monotonic_ns - self.begin) / sockets.NS

    def reason(self, error: OSError) -> Reason:
        """Return what the error means: a connection that we cut ended by silence, one that was reset by the server."""
        if self.left() <= 0:
            return Reason.NO_ANSWER
        cut_off = isinstance(error, ConnectionError) and "connect" in self.times
        return Reason.PROTOCOL_FAULT if cut_off else tcp.reason(error)

    def page(self, *, failed: Reason, detail: str) -> Page:
        """Return what there is of a request that failed."""
        self.times["total"] = sockets.instant().monotonic_ns - self.begin
        return Page(
            url=self.url,
            times=self.times,
            octets=self.octets,
            certificate=self.certificate,
            failed=failed.value,
            detail=str(detail),
        )

    def fetch(self, *, form: bytes | None, headers: Mapping[str, str], limit: int, keep: bool) -> Page:
        """Go through all steps."""
        self.address = self._resolved()
        self._step("name")
        wire = tcp.connect(self.address, self.port, timeout_s=self._wait(), interface=self.way.interface)
        with wire, tcp.cut_after(wire, self.left()):
            self._step("connect")
            if self.parts.scheme != "https":
                return self._exchange(wire, form=form, headers=headers, limit=limit, keep=keep)
            with self._trusting().wrap_socket(wire, server_hostname=self.host) as sealed:
                self._step("tls")
                self.certificate = certificate.read(sealed.getpeercert(binary_form=True) or b"") | {"trusted": True}
                with tcp.cut_after(sealed, self.left()):
                    return self._exchange(sealed, form=form, headers=headers, limit=limit, keep=keep)

    def read_untrusted(self) -> None:
        """Read the certificate that was not trusted; nothing else passes."""
        loose = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        loose.check_hostname = False
        loose.verify_mode = ssl.CERT_NONE
        try:
            with (
                tcp.connect(self.address, self.port, timeout_s=1.0, interface=self.way.interface) as wire,
                loose.wrap_socket(wire, server_hostname=self.host) as sealed,
            ):
                self.certificate = certificate.read(sealed.getpeercert(binary_form=True) or b"")
        except OSError:
            self.certificate = {}
        self.certificate["trusted"] = False

    def _exchange(
        self, wire: socket.socket, *, form: bytes | None, headers: Mapping[str, str], limit: int, keep: bool
    ) -> Page:
        talk = http.client.HTTPConnection(self.host, self.port, timeout=self._wait())
        talk.sock = wire
        path = (self.parts.path or "/") + (f"?{self.parts.query}" if self.parts.query else "")
        path = quote(path, safe=AS_WRITTEN, errors="surrogateescape")
        talk.request(
            "GET" if form is None else "POST", path, form, {"User-Agent": AGENT, "Connection": "close"} | dict(headers)
        )
        if not getattr(wire, "pending", int)():  # TLS may hold octets already
            waiting = select.poll()
            waiting.register(wire, select.POLLIN)
            if not waiting.poll(self._wait() * 1000):
                raise TimeoutError("no answer in time")
        self._step("first_byte")
        answer = talk.getresponse()
        if self.left() <= 0:  # the connection was cut within the head, which then looks whole
            raise TimeoutError("the head was not whole in time")
        body, cut = self._body(answer, limit, keep=keep)
        self._step("body")
        self.times["total"] = self.at - self.begin
        page = Page(
            url=self.url,
            times=self.times,
            status=answer.status,
            headers=tuple(answer.getheaders()),
            body=body,
            octets=self.octets,
            cut=cut,
            certificate=self.certificate,
        )
        answer.close()
        return page

    def _body(self, answer: http.client.HTTPResponse, limit: int, *, keep: bool) -> tuple[bytes, bool]:
        """Return what is kept of the body, and whether more was to come; `octets` has its length."""
        kept = bytearray()
        while self.octets < limit:
            try:
                part = answer.read1(min(CHUNK, limit - self.octets))
            except http.client.IncompleteRead:  # within its chunks
                if keep or not self.octets or self.left() > 0:
                    raise
                return b"", True
            if not part:
                return bytes(kept), self._ends_short(answer, keep=keep)
            self.octets += len(part)
            if keep:
                kept += part
        return bytes(kept), True

    def _ends_short(self, answer: http.client.HTTPResponse, *, keep: bool) -> bool:
        """Whether the body ends before it was to; where we cut it, one without a length only seems whole."""
        ends_itself = answer.length == 0 or answer.chunked
        if self.left() <= 0 and not ends_itself:
            if keep or not self.octets:
                raise TimeoutError("the page was not whole in time")
            return True
        return answer.length not in (None, 0)

    def _resolved(self) -> str:
        address = ipaddress.ip_address(self._looked_up().partition("%")[0])
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        inner = mapped or address  # ::ffff:127.0.0.1 reaches 127.0.0.1
        link = inner.is_link_local or inner in SECRETS  # 169.254.169.254 tells a cloud's machine its secrets
        if not self.way.local and (inner.is_loopback or inner.is_unspecified or inner.is_multicast or link):
            raise OSError(f"{self.host} is {address}: not a machine of the network")
        return str(address)

    def _looked_up(self) -> str:
        try:
            return str(ipaddress.ip_address(self.host))
        except ValueError:
            pass
        if not self.way.resolver:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
            return str(found[0][4][0])
        for kind in ("A", "AAAA"):
            way = self.way
            said = dns.run(way.resolver, self.host, kind, timeout_s=self._wait(), interface=way.interface)
            if said.get("values"):
                return str(said["values"][0])
        raise OSError(f"the name {self.host} has no address at {self.way.resolver}")

    def _trusting(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.way.ca)
        except OSError as error:
            raise CollectorError(f"authority {self.way.ca}: cannot be read ({error})") from None

    def _wait(self) -> float:
        left = self.left()
        if left <= 0:
            raise TimeoutError("no answer in time")
        return left

    def _step(self, name: str) -> None:
        now = sockets.instant().monotonic_ns
        self.times[name] = now - self.at
        self.at = now
