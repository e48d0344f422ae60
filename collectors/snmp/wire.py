"""How a request becomes a datagram and a datagram a reply: the seam between SNMPv2c and SNMPv3.

`seal` gives the datagram for a request under a request id; `open` reads one from the right source: a `Reply`, None
when it was part of the security protocol and the request is to be sent again at once, or an error that says why the
datagram is not the reply (`ForeignError`: another's community or user; `StrayError`: to no open question; DecodeError:
not readable).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from collectors.errors import DecodeError
from collectors.snmp.ask import Reply
from collectors.snmp.pdu import Kind, frame
from collectors.snmp.template import Book, Template

if TYPE_CHECKING:
    from collectors.snmp._fast import Question
    from collectors.snmp.ask import Failure
    from collectors.snmp.gather import Request


REACH = 32  # three headers in long form, version or PDU tag, and the number itself


class ForeignError(DecodeError):
    """A readable message that is not for us: another community."""


class StrayError(DecodeError):
    """A message under a number that no open question has: late, double or forged."""

    def __init__(self, number: int) -> None:
        super().__init__(f"a message under the number {number}, which no open question has")
        self.number = number


class Wire(Protocol):
    """One way of talking to one device. `reach`: in how many of a reply's first octets its number stands."""

    @property
    def reach(self) -> int:
        """How far into a reply the number of its question may stand, lengths in long form and all."""
        ...

    def seal(self, request: Request, request_id: int, now: float) -> bytes:
        """Return the datagram to send."""
        ...

    def open(self, request: Request, octets: bytes, now: float) -> Reply | None:
        """Return the reply in a datagram."""
        ...

    def silence(self) -> Failure | None:
        """Return what is known of why this device may be silent."""
        ...


class V2c:
    """SNMPv2c with one community; shared by all devices that have it."""

    __slots__ = ("book", "community", "question", "reach")

    def __init__(self, community: bytes, book: Book, question: type[Question] | None = None) -> None:
        self.community = community
        self.question = question
        self.book = book
        self.reach = REACH + len(community)

    def template(self, request: Request) -> Template:
        """Return the prepared request."""
        template = request.templates.get(self.community)
        if template is None:
            template = request.templates[self.community] = Template(request, self.community, self.question)
        return template

    def seal(self, request: Request, request_id: int, now: float) -> bytes:  # noqa: ARG002  (v3 needs the time)
        """Return the datagram to send."""
        template = request.templates.get(self.community) or self.template(request)
        return template.prefix + request_id.to_bytes(4) + template.suffix

    def open(self, request: Request, octets: bytes, now: float) -> Reply:  # noqa: ARG002
        """Return the reply in a datagram: by its shape, else by the general decoder."""
        template = request.templates.get(self.community) or self.template(request)
        return template.recognise(octets) or self._read(request, template, octets)

    def silence(self) -> None:
        """Return nothing: an agent is silent to a wrong community as to none (RFC 1157 section 4.1)."""

    def _read(self, request: Request, template: Template, octets: bytes) -> Reply:
        community, framed, trailing = frame(octets)
        if community != self.community:
            raise ForeignError("a message of another community; expected our own back (RFC 1901)")
        pdu = framed.pdu
        if pdu.kind != Kind.RESPONSE:
            raise DecodeError(f"PDU {pdu.kind:#04x} where a Response was expected")
        known = template.study(octets, framed, request, self.book, trailing)
        if known is not None:
            return Reply(pdu.request_id, known, octets, True, trailing=trailing)
        return Reply(pdu.request_id, pdu.varbinds, octets, False, pdu.error_status, pdu.error_index, trailing)
