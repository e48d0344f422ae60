"""One SNMPv3 engine at one address, as a wire (see `wire.py`): discovery, time window, digest, privacy.

unknown --discovery--> Report unknownEngineIDs: engine id, and boots and time as a hint --> known
known   --request--->  Response: all of it verified, then believed
                       Report notInTimeWindows, authentic and to a request of ours: the engine's clock, ask again
                       Report unknownEngineIDs: the engine was replaced: discover anew, ask again
                       any other Report: authentication failed (a hint: unauthentic Reports can be forged)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from collectors.errors import DecodeError, SecurityError
from collectors.snmp import ber, usm
from collectors.snmp.aes import Cfb
from collectors.snmp.ask import Failure, Reply
from collectors.snmp.keys import Authenticator, auth_of, lengthened, localised, priv_of
from collectors.snmp.pdu import V3, Kind, frame_pdu
from collectors.snmp.template import Template
from collectors.snmp.varbind import EMPTY, INTEGER, OCTET_STRING, SEQUENCE
from netops.model import Reason

if TYPE_CHECKING:
    from collectors.snmp.gather import Request
    from collectors.snmp.template import Book

# version 3, then the global header up to the message id, which takes four octets (RFC 3412 section 6)
_VERSION = ber.integer(V3) + bytes((SEQUENCE, 17, INTEGER, 4))
_WINDOW_S = 150  # RFC 3414 section 2.2.3
_LAST_BOOT = 0x7FFF_FFFF  # an engine at this count cannot be believed any more
_ENVELOPES = 4
_OUTSTANDING = 8  # message ids still good for an answer
_TEMPLATE = b"\0" * 300  # in `Request.templates`; no community is so long


class Session:
    """What is known of an engine, for one user."""

    def __init__(self, user: usm.User, book: Book) -> None:
        self.user = user
        self.level = user.level
        self.engine_id = b""
        self.boots = 0
        self.time = 0
        self.time_at = 0.0  # monotonic seconds when `time` was true
        self.clock_trusted = False
        self._book = book
        self._name = user.name.encode()
        self._context = user.context.encode()
        self._mac: Authenticator | None = None
        self._cipher: Cfb | None = None
        self._salt = usm.salt_start()
        self._outstanding: list[int] = []
        self._envelopes: dict[int, usm.Envelope] = {}
        self._names = (b"", b"")  # the security fields before and behind boots and time
        self._scope = b""
        self._stamp: tuple[int, int] = (-1, -1)
        self._opening = b""
        flags = usm.REPORTABLE | self.level
        self._tail = ber.integer(usm.MAX_SIZE) + ber.tlv(OCTET_STRING, bytes((flags,))) + ber.integer(usm.MODEL)

    # ---- writing

    def seal(self, request: Request, request_id: int, now: float) -> bytes:
        """Return the datagram to send: the request, or the question who the agent is."""
        self._outstanding.append(request_id)
        if len(self._outstanding) > _OUTSTANDING:
            del self._outstanding[0]
        if not self.engine_id:
            return usm.discovery(request_id)
        template = request.templates.get(_TEMPLATE) or self.template(request)
        number = request_id.to_bytes(4, "big")
        inner = self._scope + template.pdu + number + template.suffix
        payload = b"\x30" + ber.length(len(inner)) + inner
        boots, time = self.boots, self.time_now(now)
        salt = b""
        if self._cipher is not None:
            self._salt = (self._salt + 1) & 0xFFFF_FFFF_FFFF_FFFF
            salt = self._salt.to_bytes(usm.SALT, "big")
            vector = boots.to_bytes(4, "big") + time.to_bytes(4, "big") + salt
            secret = self._cipher.encrypt(vector, payload)
            payload = b"\x04" + ber.length(len(secret)) + secret
        return self._assemble(number, boots, time, salt, payload)

    def _assemble(self, number: bytes, boots: int, time: int, salt: bytes, payload: bytes) -> bytes:
        mac = self._mac
        size = mac.size if mac is not None else 0
        if self._stamp != (boots, time):
            self._stamp = (boots, time)
            fields = self._names[0] + ber.integer(boots) + ber.integer(time) + self._names[1]
            content = len(fields) + 2 + size + 2 + len(salt)
            head = b"\x30" + ber.length(content)
            outer = b"\x04" + ber.length(len(head) + content)
            self._opening = b"".join((self._tail, outer, head, fields, bytes((OCTET_STRING, size))))
        before = _VERSION + number + self._opening
        after = b"".join((bytes((OCTET_STRING, len(salt))), salt, payload))
        before = b"\x30" + ber.length(len(before) + size + len(after)) + before
        if mac is None:
            return before + after
        digest = mac.mac(b"".join((before, bytes(size), after)))
        return b"".join((before, digest, after))

    def template(self, request: Request) -> Template:
        """Return the prepared PDU of a request; it is the same for every engine and user."""
        template = request.templates.get(_TEMPLATE)
        if template is None:
            template = request.templates[_TEMPLATE] = Template(request, b"")
        return template

    def time_now(self, now: float) -> int:
        """Return the engine's time as we reckon it, seconds since its boot."""
        return min(self.time + int(now - self.time_at), _LAST_BOOT)

    # ---- reading

    def open(self, request: Request, octets: bytes, now: float) -> Reply | None:
        """Return the verified reply; None when the security protocol went a step on and the request goes again."""
        header = self._header(octets)
        if header.message_id not in self._outstanding:
            return Reply(header.message_id, EMPTY, b"")  # no request of ours: counted as late or wrong
        if self.level and header.flags & usm.LEVEL == self.level and self.engine_id:
            plain = self._verified(header, octets, now)
        elif not self.level and not header.flags & usm.LEVEL and header.engine_id == self.engine_id:
            plain = header.payload
        else:
            self._unsecured(header, octets, now)
            return None
        return self._said(request, header, plain, now)

    def _header(self, octets: bytes) -> usm.Header:
        envelope = self._envelopes.get(len(octets))
        return (envelope.read(octets) if envelope is not None else None) or usm.read(octets)

    def silence(self) -> Failure | None:
        """Return the doubt about our keys: an agent that cannot decrypt a request says nothing."""
        if self.engine_id and self.level and not self.clock_trusted:
            return Failure(Reason.AUTH_FAILED, "it told its engine id, then nothing: is the privacy key right?")
        return None

    def _verified(self, header: usm.Header, octets: bytes, now: float) -> bytes:
        """Return the plain scoped PDU of a message at our level (RFC 3414 section 3.2)."""
        self._authentic(header, octets)
        self._in_time(header, now)
        if header.spans and not header.trailing:
            if len(self._envelopes) >= _ENVELOPES:
                self._envelopes.clear()
            self._envelopes[len(octets)] = usm.Envelope(octets, header)
        if self._cipher is None:
            return header.payload
        if len(header.salt) != usm.SALT:
            raise DecodeError(f"privacy parameters of {len(header.salt)} octets; expected {usm.SALT}")
        vector = header.boots.to_bytes(4, "big") + header.time.to_bytes(4, "big") + header.salt
        return self._cipher.decrypt(vector, header.payload)

    def _authentic(self, header: usm.Header, octets: bytes) -> None:
        if header.engine_id != self.engine_id or header.user != self._name:
            raise SecurityError("a message of another engine or user")
        mac = self._mac
        if mac is None or len(header.mac) != mac.size:
            raise SecurityError("a digest of another size than the protocol's")
        bare = b"".join((octets[: header.mac_at], bytes(mac.size), octets[header.mac_at + mac.size :]))
        if header.trailing:
            bare = bare[: -header.trailing]
        if not mac.holds(bare, header.mac):
            raise SecurityError("the digest does not hold")
        if not (0 <= header.boots < _LAST_BOOT and 0 <= header.time <= _LAST_BOOT):
            raise SecurityError("an engine whose boot count or time is used up")

    def _in_time(self, header: usm.Header, now: float) -> None:
        """Refuse what lies outside the window; follow the engine's clock forward (RFC 3414 section 3.2 step 7b)."""
        if not self.clock_trusted or header.boots > self.boots:
            self._set_clock(header, now)
        elif header.boots < self.boots or header.time < self.time_now(now) - _WINDOW_S:
            raise SecurityError("a message outside the time window")
        elif header.time > self.time_now(now):
            self._set_clock(header, now)

    def _set_clock(self, header: usm.Header, now: float) -> None:
        self.boots, self.time, self.time_at = header.boots, header.time, now
        self.clock_trusted = True

    def _said(self, request: Request, header: usm.Header, plain: bytes, now: float) -> Reply | None:
        template = request.templates.get(_TEMPLATE) or self.template(request)
        context, body = self._unscoped(plain)
        known = template.recognise(body)
        if known is not None and context == self._context:
            if known.request_id != header.message_id:
                raise DecodeError("message id and request id of a Response differ; ours are the same")
            return known._replace(octets=plain, trailing=header.trailing)
        framed = frame_pdu(body, 0, len(body))
        pdu = framed.pdu
        if pdu.kind == Kind.REPORT:
            self._report(header, usm.report_of(framed), now, authentic=bool(self.level))
            return None
        if pdu.kind != Kind.RESPONSE or context != self._context:
            raise DecodeError(f"PDU {pdu.kind:#04x} in context {context!r}; expected a Response in our own")
        if pdu.request_id != header.message_id:
            raise DecodeError("message id and request id of a Response differ; ours are the same")
        shared = template.study(body, framed, request, self._book)
        if shared is not None:
            return Reply(pdu.request_id, shared, plain, True, trailing=header.trailing)
        return Reply(pdu.request_id, pdu.varbinds, plain, False, pdu.error_status, pdu.error_index, header.trailing)

    def _unscoped(self, plain: bytes) -> tuple[bytes, bytes]:
        """Return (context name, PDU octets); our own scope, which nearly all replies have, is compared as a whole."""
        _, start, stop = ber.header(plain, 0, len(plain))
        scope = self._scope
        body = start + len(scope)
        if plain[0] == SEQUENCE and body <= stop and plain[start:body] == scope:
            return self._context, plain[body:stop]
        _, context, inner = usm.scoped_parts(plain)
        return context, inner

    def _unsecured(self, header: usm.Header, octets: bytes, now: float) -> None:
        """Read a message below our level: a Report, or it is refused (no downgrade)."""
        if header.flags & usm.PRIVATE:
            raise SecurityError("a private message where none was asked for")
        authentic = bool(header.flags & usm.AUTHENTIC)
        if authentic:
            self._authentic(header, octets)
        body = usm.scoped_parts(header.payload)[2]
        framed = frame_pdu(body, 0, len(body))
        if framed.pdu.kind != Kind.REPORT:
            raise SecurityError("a Response below the security level asked for")
        self._report(header, usm.report_of(framed), now, authentic=authentic)

    def _report(self, header: usm.Header, what: int, now: float, *, authentic: bool) -> None:
        """Act on a Report to a request of ours; return to have the request sent again."""
        if what == usm.UNKNOWN_ENGINE:
            self._meet(header, now)
        elif what == usm.NOT_IN_TIME_WINDOW and authentic:
            # Fresh by its message id, so it is believed backwards too: an engine that lost its boot count.
            self._set_clock(header, now)
        else:
            raise SecurityError(f"the agent reports {usm.STATS[what]}")

    def _meet(self, header: usm.Header, now: float) -> None:
        """Take an engine's id, and its boots and time as a hint that the first authentic message will confirm."""
        engine_id = header.engine_id
        if not 5 <= len(engine_id) <= 32:
            raise DecodeError(f"engine id of {len(engine_id)} octets; expected 5 to 32 (RFC 3411 section 5)")
        if engine_id == self.engine_id:
            raise SecurityError("the agent does not know its own engine id")
        user = self.user
        self.engine_id = engine_id
        self._set_clock(header._replace(boots=_bounded(header.boots), time=_bounded(header.time)), now)
        self.clock_trusted = False
        self._stamp = (-1, -1)
        self._scope = ber.tlv(OCTET_STRING, engine_id) + ber.tlv(OCTET_STRING, self._context)
        self._names = (ber.tlv(OCTET_STRING, engine_id), ber.tlv(OCTET_STRING, self._name))
        if user.auth_key:
            auth = auth_of(user.auth_protocol)
            self._mac = Authenticator(auth, localised(auth.digest, user.auth_key, engine_id))
            if user.priv_key:
                key = localised(auth.digest, user.priv_key, engine_id)
                self._cipher = Cfb(lengthened(auth.digest, key, priv_of(user.priv_protocol)))


def _bounded(number: int) -> int:
    return min(max(number, 0), _LAST_BOOT - 1)
