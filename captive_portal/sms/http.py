"""A provider behind HTTP. It asks one host, follows no redirect, knows no proxy, and is over when its time is (S18).

The host's addresses are looked at before one is connected to: a name that points into this machine or its network is
asked only where the settings say that the provider stands there.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import re
import socket
import ssl
import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from captive_portal.sms import pointer, template
from captive_portal.sms.providers import Answer, Came, Provider
from netops.errors import ConfigError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from captive_portal.sms.providers import Message
    from netops.texting import SmsProvider

MOST_ANSWER = 64 * 1024
MOST_VALUE = 200
MOST_RECEIPT = 128


class Http(Provider):
    """One who takes messages by a request made of a template."""

    def __init__(self, name: str, said: SmsProvider, hosts: frozenset[str], zone: ZoneInfo) -> None:
        self.name = name
        self._said = said
        self._zone = zone
        self._scheme, self._host, self._port = template.sane(f"sms.providers.{name}", said, hosts)
        self._ok_status = frozenset(each.strip() for each in said.ok_status.split(","))
        self._ok = re.compile(said.ok)
        self._context = _context(name, said) if self._scheme == "https" else None

    def hand(self, message: Message) -> Answer:
        """Hand one message over; whatever happens is an answer."""
        try:
            request = template.filled(self._said, message, self._zone)
        except ConfigError as error:  # a secret that cannot be read
            return Answer(came=Came.AWAY, said=str(error))
        connection = _Deadline(self._host, self._port, self._said, self._context)
        with closing(connection):
            try:
                connection.connect()
            except (OSError, ValueError) as error:
                return Answer(came=Came.AWAY, said=type(error).__name__)
            try:
                connection.request(request.method, request.target, body=request.body, headers=dict(request.headers))
                answer = connection.getresponse()
                body = answer.read(MOST_ANSWER + 1)
            except (OSError, ValueError, http.client.HTTPException) as error:
                return Answer(came=Came.UNSURE, said=type(error).__name__)
        return self._judged(str(answer.status), body)

    def _judged(self, status: str, body: bytes) -> Answer:
        """Say yes, no or "who knows": a fault of a server or of one before it may stand after the message was taken."""
        if status not in self._ok_status:
            return Answer(came=Came.UNSURE if status.startswith("5") else Came.REFUSED, said=f"status {status}")
        if len(body) > MOST_ANSWER:
            return Answer(came=Came.UNSURE, said="an answer of more than 64 KiB")
        written = body.decode("utf-8", "replace")
        document = _document(written)
        if self._said.ok_at:
            value = pointer.text(document, self._said.ok_at)
            if not value:
                return Answer(came=Came.UNSURE, said=f"nothing at {self._said.ok_at}")
            good = not self._said.ok or self._ok.fullmatch(value[:MOST_VALUE]) is not None
        else:
            good = not self._said.ok or self._ok.search(written[:4096]) is not None
        receipt = pointer.text(document, self._said.id_at)[:MOST_RECEIPT] if self._said.id_at else ""
        return Answer(came=Came.TAKEN if good else Came.REFUSED, receipt=receipt, said=f"status {status}")


class _Deadline(http.client.HTTPConnection):
    """A connection that is cut when its time is over, however busily the other side drips."""

    def __init__(self, host: str, port: int, said: SmsProvider, context: ssl.SSLContext | None) -> None:
        super().__init__(host, port, timeout=said.timeout_s)
        self._private = said.private
        self._context = context
        self._cut = threading.Timer(said.timeout_s, self._over)
        self._cut.daemon = True

    def connect(self) -> None:
        at = _address(self.host, self.port, private=self._private)  # as long as the machine's resolver takes
        self._cut.start()
        self.sock = socket.create_connection((at, self.port), self.timeout)
        if self._context is not None:
            wrapped = self._context.wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
            self.sock = wrapped  # before the handshake: it can be cut too
            wrapped.do_handshake()

    def close(self) -> None:
        self._cut.cancel()
        super().close()

    def _over(self) -> None:
        held = self.sock
        if held is not None:
            with suppress(OSError):  # past SSLSocket's own, which would wait to say good-bye
                socket.socket.shutdown(held, socket.SHUT_RDWR)


def allowed(address: str, *, private: bool) -> bool:
    """Whether an address may be connected to: a global one, or one of this network where the provider stands in it."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    if parsed.is_loopback:
        return private  # before the rest: to Python ::1 is reserved too
    if parsed.is_link_local or parsed.is_multicast or parsed.is_unspecified or parsed.is_reserved:
        return False  # 169.254.169.254 gives machines of a cloud their secrets
    return parsed.is_global or (private and parsed.is_private)


def _address(host: str, port: int, *, private: bool) -> str:
    for *_, found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if allowed(str(found[0]), private=private):
            return str(found[0])
    raise OSError(f"{host}: no address that may be asked")


def _context(name: str, said: SmsProvider) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(said.ca) if said.ca else None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"'sms.providers.{name}.ca': {said.ca} cannot be read ({error})") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _document(written: str) -> Any:
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        return None
