"""A provider behind HTTP: what a template makes goes to one host (netops/outgoing.py), its answer is judged."""

from __future__ import annotations

import http.client
import json
import re
from contextlib import closing
from typing import TYPE_CHECKING, Any

from captive_portal.sms import pointer, template
from captive_portal.sms.providers import Answer, Came, Provider
from netops import outgoing
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
        self._context = outgoing.trust(said.ca, f"sms.providers.{name}.ca") if self._scheme == "https" else None

    def hand(self, message: Message) -> Answer:
        """Hand one message over; whatever happens is an answer."""
        try:
            request = template.filled(self._said, message, self._zone)
        except ConfigError as error:  # a secret that cannot be read
            return Answer(came=Came.AWAY, said=str(error))
        connection = outgoing.Connection(
            self._host,
            self._port,
            context=self._context,
            timeout_s=self._said.timeout_s,
            private=self._said.private,
        )
        with closing(connection):
            try:
                connection.connect()
            except (OSError, ValueError) as error:
                return Answer(came=Came.AWAY, said=outgoing.why(error))
            try:
                connection.request(request.method, request.target, body=request.body, headers=dict(request.headers))
                status, body = connection.answered(MOST_ANSWER)
            except (OSError, ValueError, http.client.HTTPException) as error:
                return Answer(came=Came.UNSURE, said=type(error).__name__)
        return self._judged(str(status), body)

    def _judged(self, status: str, body: bytes) -> Answer:
        """Say yes, no or "who knows": a fault of a server or of one before it may stand after the message was taken."""
        if status not in self._ok_status:
            return Answer(came=Came.UNSURE if status.startswith("5") else Came.REFUSED, said=f"status {status}")
        if len(body) > MOST_ANSWER:
            return Answer(came=Came.UNSURE, said="an answer of more than 64 KiB", there=True)
        written = body.decode("utf-8", "replace")
        document = _document(written)
        if self._said.ok_at:
            value = pointer.text(document, self._said.ok_at)
            if not value:
                return Answer(came=Came.UNSURE, said=f"nothing at {self._said.ok_at}", there=True)
            good = not self._said.ok or self._ok.fullmatch(value[:MOST_VALUE]) is not None
        else:
            good = not self._said.ok or self._ok.search(written[:4096]) is not None
        receipt = pointer.text(document, self._said.id_at)[:MOST_RECEIPT] if self._said.id_at else ""
        return Answer(came=Came.TAKEN if good else Came.REFUSED, receipt=receipt, said=f"status {status}")


def _document(written: str) -> Any:
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        return None
