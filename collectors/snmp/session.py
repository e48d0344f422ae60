"""SNMPv3 at one address for one user, as a wire (see `wire.py`): discovery, reports, answers.

unknown --discovery--> Report unknownEngineIDs: engine id, and boots and time as a hint --> known
known   --request--->  Response: all of it verified, then believed
                       Report notInTimeWindows, authentic and to a request of ours: the engine's clock, ask again
                       Report unknownEngineIDs with another id: perhaps the engine was replaced: try that one too
                       any other Report: authentication failed (a hint: unauthentic Reports can be forged)

An unauthentic Report is a rumour. It adds an engine to try, at most a few, and takes nothing away: the engine that was
believed stays believed until an authentic message of another one comes, and is asked again when the rumour is silent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from collectors.errors import DecodeError, SecurityError
from collectors.snmp import usm
from collectors.snmp.ask import Failure, Reply
from collectors.snmp.authority import Authority
from collectors.snmp.pdu import Kind, frame_pdu
from collectors.snmp.template import Template
from collectors.snmp.varbind import SEQUENCE
from collectors.snmp.wire import REACH, StrayError
from netops.model import Reason

if TYPE_CHECKING:
    from collectors.snmp.gather import Request
    from collectors.snmp.template import Book

_OUTSTANDING = 8  # message ids still good for an answer
_ENGINES = 4  # one believed and three rumoured
_TEMPLATE = b"\0" * 300  # in `Request.templates`; no community is so long
_new = tuple.__new__


class Session:
    """What is known of who answers at an address, for one user."""

    reach = REACH

    def __init__(self, user: usm.User, book: Book) -> None:
        self.user = user
        self.level = user.level
        self._book = book
        self._context = user.context.encode()
        self._outstanding: list[int] = []
        self._engines: list[Authority] = []  # the first is spoken to
        self._unheard = 0  # datagrams to it since it was last heard

    @property
    def engine(self) -> Authority | None:
        """The engine that is spoken to now; None before discovery."""
        return self._engines[0] if self._engines else None

    # ---- writing

    def seal(self, request: Request, request_id: int, now: float) -> bytes:
        """Return the datagram to send: the request, or the question who the agent is."""
        outstanding = self._outstanding
        outstanding.append(request_id)
        if len(outstanding) > _OUTSTANDING:
            del outstanding[0]
        engines = self._engines
        if not engines:
            return usm.discovery(request_id)
        if self._unheard and len(engines) > 1:
            engines.append(engines.pop(0))
            self._unheard = 0
        self._unheard += 1
        template = request.templates.get(_TEMPLATE) or self.template(request)
        return engines[0].write(template, request_id.to_bytes(4, "big"), now)

    def template(self, request: Request) -> Template:
        """Return the prepared PDU of a request; it is the same for every engine and user."""
        template = request.templates.get(_TEMPLATE)
        if template is None:
            template = request.templates[_TEMPLATE] = Template(request, b"")
        return template

    # ---- reading

    def open(self, request: Request, octets: bytes, now: float) -> Reply | None:
        """Return the verified reply; None when the security protocol went a step on and the request goes again."""
        engines = self._engines
        header = engines[0].header(octets) if engines else usm.read(octets)
        if header.message_id not in self._outstanding:
            raise StrayError(header.message_id)
        level = header.flags & usm.LEVEL
        if level != self.level or not engines or (not level and header.engine_id != engines[0].engine_id):
            self._unsecured(header, octets, now)
            return None
        if not level:
            return self._said(request, engines[0], header, header.payload, now)
        engine = engines[0] if header.engine_id == engines[0].engine_id else self._known(header)
        plain = engine.opened(header, octets, now)
        self._unheard = 0
        if len(engines) > 1:
            self._engines = [engine]
        return self._said(request, engine, header, plain, now)

    def silence(self) -> Failure | None:
        """Return the doubt about our keys: an agent that cannot decrypt a request says nothing."""
        if self.level and self._engines and not any(engine.trusted for engine in self._engines):
            self._engines = []  # the next question asks anew who is there: who then is silent, is silent
            return Failure(Reason.AUTH_FAILED, "it told its engine id, then nothing: is the privacy key right?")
        return None

    def _known(self, header: usm.Header) -> Authority:
        for engine in self._engines:
            if engine.engine_id == header.engine_id:
                return engine
        raise SecurityError("a message of another engine or user")

    def _said(self, request: Request, engine: Authority, header: usm.Header, plain: bytes, now: float) -> Reply | None:
        template = request.templates.get(_TEMPLATE) or self.template(request)
        ours, body = self._unscoped(engine, plain)
        known = template.recognise(body)
        if known is not None and ours:
            if known[0] != header.message_id:
                raise DecodeError("message id and request id of a Response differ; ours are the same")
            return _new(Reply, (known[0], known[1], plain, True, 0, 0, header.trailing))
        framed = frame_pdu(body, 0, len(body))
        pdu = framed.pdu
        if pdu.kind == Kind.REPORT:
            self._report(header, usm.report_of(framed), now, authentic=bool(self.level))
            return None
        if pdu.kind != Kind.RESPONSE or not ours:
            raise DecodeError(f"PDU {pdu.kind:#04x}, or another context; expected a Response in our own")
        if pdu.request_id != header.message_id:
            raise DecodeError("message id and request id of a Response differ; ours are the same")
        shared = template.study(body, framed, request, self._book)
        if shared is not None:
            return Reply(pdu.request_id, shared, plain, True, trailing=header.trailing)
        return Reply(pdu.request_id, pdu.varbinds, plain, False, pdu.error_status, pdu.error_index, header.trailing)

    def _unscoped(self, engine: Authority, plain: bytes) -> tuple[bool, bytes]:
        """Return (whether the context is ours, PDU octets); our own scope, as most replies have it, goes as a whole."""
        scope = engine.scope
        body = 2 + len(scope)
        if body < len(plain) and plain[0] == SEQUENCE and plain[2:body] == scope:
            stop = 2 + plain[1]  # a length in long form is too long, and goes the long way round
            if body <= stop <= len(plain) and stop < 0x82:
                return True, plain[body:stop]
        _, context, inner = usm.scoped_parts(plain)
        return context == self._context, inner

    # ---- reports

    def _unsecured(self, header: usm.Header, octets: bytes, now: float) -> None:
        """Read a message below our level: a Report, or it is refused (no downgrade)."""
        if header.flags & usm.PRIVATE:
            raise SecurityError("a private message where none was asked for")
        authentic = bool(header.flags & usm.AUTHENTIC)
        if authentic:
            self._known(header).authentic(header, octets)
        body = usm.scoped_parts(header.payload)[2]
        framed = frame_pdu(body, 0, len(body))
        if framed.pdu.kind != Kind.REPORT:
            raise SecurityError("a Response below the security level asked for")
        self._report(header, usm.report_of(framed), now, authentic=authentic)

    def _report(self, header: usm.Header, what: int, now: float, *, authentic: bool) -> None:
        """Act on a Report to a request of ours; return to have the request sent again."""
        if what == usm.UNKNOWN_ENGINE and not authentic:
            self._meet(header, now)
        elif what == usm.NOT_IN_TIME_WINDOW and authentic:
            # Fresh by its message id, so it is believed backwards too: an engine that lost its boot count. Once.
            engine = self._known(header)
            engine.set_clock(header.boots, header.time, now)
            self._engines = [engine]
            self._outstanding.remove(header.message_id)
            self._unheard = 0
        else:
            raise SecurityError(f"the agent reports {usm.STATS[what]}")

    def _meet(self, header: usm.Header, now: float) -> None:
        """Take a rumour of an engine: its id; boots and time count until an authentic message says otherwise."""
        engines = self._engines
        if engines and header.engine_id == engines[0].engine_id:
            raise SecurityError("the agent does not know its own engine id")
        found = next((engine for engine in engines if engine.engine_id == header.engine_id), None)
        if found is None:
            found = Authority(self.user, header.engine_id)
        else:
            engines.remove(found)
        if not found.trusted:
            found.guess_clock(header.boots, header.time, now)
        if not self.level:
            engines.clear()  # nothing is ever authentic here: the latest word counts
        elif len(engines) >= _ENGINES:
            engines.remove(next(engine for engine in reversed(engines) if not engine.trusted))
        engines.insert(0, found)
        self._unheard = 0
