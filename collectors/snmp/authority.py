"""One SNMPv3 engine as one user knows it: keys, clock, and what never varies in its messages (RFC 3414 section 3).

Authoritative is who answers: its engine id, boots and time stand in the messages of both directions. What its messages
mean for a question is `session.py`'s business; here they are written, verified and decrypted.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING

from collectors.errors import DecodeError, DigestError, SecurityError
from collectors.snmp import ber, usm
from collectors.snmp.aes import Cfb
from collectors.snmp.keys import Authenticator, auth_of, localised, priv_of, privacy_key
from collectors.snmp.pdu import V3
from collectors.snmp.varbind import INTEGER, OCTET_STRING, SEQUENCE

if TYPE_CHECKING:
    from collectors.snmp.template import Template

# version 3, then the global header up to the message id, which takes four octets (RFC 3412 section 6)
_VERSION = ber.integer(V3) + bytes((SEQUENCE, 17, INTEGER, 4))
_FIXED = len(_VERSION) + 4
WINDOW_S = 150  # RFC 3414 section 2.2.3
LAST_BOOT = 0x7FFF_FFFF  # an engine at this count cannot be believed any more
_ENVELOPES = 4


def _outer(size: int) -> bytes:
    return bytes((SEQUENCE, size)) if size < 0x80 else b"\x30" + ber.length(size)


class Authority:
    """What is known of an engine. `trusted`: an authentic message has confirmed its clock."""

    __slots__ = (
        "_cipher",
        "_envelopes",
        "_mac",
        "_mac_size",
        "_names",
        "_opening",
        "_salt",
        "_stamp",
        "_tail",
        "_zeros",
        "boots",
        "engine_id",
        "name",
        "scope",
        "time",
        "time_at",
        "trusted",
    )

    def __init__(self, user: usm.User, engine_id: bytes) -> None:
        if not 5 <= len(engine_id) <= 32:
            raise DecodeError(f"engine id of {len(engine_id)} octets; expected 5 to 32 (RFC 3411 section 5)")
        self.engine_id = engine_id
        self.name = user.name.encode()
        self.boots = 0
        self.time = 0
        self.time_at = 0.0  # monotonic seconds when `time` was true
        self.trusted = False
        self.scope = ber.tlv(OCTET_STRING, engine_id) + ber.tlv(OCTET_STRING, user.context.encode())
        self._names = (ber.tlv(OCTET_STRING, engine_id), ber.tlv(OCTET_STRING, self.name))
        self._mac: Authenticator | None = None
        self._cipher: Cfb | None = None
        self._salt = usm.salt_start()
        self._envelopes: dict[int, usm.Envelope] = {}
        self._stamp: tuple[int, int] = (-1, -1)
        self._opening = b""
        self._tail = ber.integer(usm.MAX_SIZE) + ber.tlv(OCTET_STRING, bytes((usm.REPORTABLE | user.level,)))
        self._tail += ber.integer(usm.MODEL)
        if user.auth_key:
            auth = auth_of(user.auth_protocol)
            self._mac = Authenticator(auth, localised(auth.digest, user.auth_key, engine_id))
            if user.priv_key:
                priv = priv_of(user.priv_protocol)
                self._cipher = Cfb(privacy_key(auth.digest, user.priv_key, engine_id, priv))
        self._mac_size = self._mac.size if self._mac is not None else 0
        self._zeros = bytes(self._mac_size)

    def time_now(self, now: float) -> int:
        """Return the engine's time as we reckon it, seconds since its boot."""
        return min(self.time + int(now - self.time_at), LAST_BOOT)

    def set_clock(self, boots: int, time: int, now: float) -> None:
        """Believe this clock: an authentic message told it."""
        self.boots, self.time, self.time_at = boots, time, now
        self.trusted = True

    def guess_clock(self, boots: int, time: int, now: float) -> None:
        """Take a clock as a hint, until an authentic message confirms or corrects it."""
        self.set_clock(min(max(boots, 0), LAST_BOOT - 1), min(max(time, 0), LAST_BOOT - 1), now)
        self.trusted = False

    # ---- writing

    def write(self, template: Template, number: bytes, now: float) -> bytes:
        """Return the datagram of a prepared request under a message id of four octets."""
        boots = self.boots
        time = self.time + int(now - self.time_at)  # as `time_now`: this is done for every datagram
        if time > LAST_BOOT:  # noqa: PLR1730  (min() costs three times as much)
            time = LAST_BOOT
        if self._stamp != (boots, time):
            self._restamp(boots, time)
        scope, pdu, suffix = self.scope, template.pdu, template.suffix
        payload = b"".join((_outer(len(scope) + len(pdu) + 4 + len(suffix)), scope, pdu, number, suffix))
        cipher = self._cipher
        if cipher is not None:
            self._salt = salt = (self._salt + 1) & 0xFFFF_FFFF_FFFF_FFFF
            payload = cipher.encrypt(boots << 96 | time << 64 | salt, payload)
            size = len(payload)
            head = bytes((4, size)) if size < 0x80 else b"\x04" + ber.length(size)
            after = b"".join((b"\x04\x08", salt.to_bytes(8, "big"), head, payload))
        else:
            after = b"\x04\x00" + payload
        opening = self._opening
        whole = _FIXED + len(opening) + self._mac_size + len(after)
        before = b"".join((_outer(whole), _VERSION, number, opening))
        if self._mac is None:
            return before + after
        return b"".join((before, self._mac.mac(b"".join((before, self._zeros, after))), after))

    def _restamp(self, boots: int, time: int) -> None:
        """Make ready what lies between message id and digest: it holds for a second."""
        self._stamp = (boots, time)
        fields = self._names[0] + ber.integer(boots) + ber.integer(time) + self._names[1]
        content = len(fields) + 2 + self._mac_size + 2 + (usm.SALT if self._cipher is not None else 0)
        head = b"\x30" + ber.length(content)
        outer = b"\x04" + ber.length(len(head) + content)
        self._opening = b"".join((self._tail, outer, head, fields, bytes((OCTET_STRING, self._mac_size))))

    def say(self, message_id: int, pdu: bytes, now: float, *, flags: int, scope: bytes = b"") -> bytes:
        """Return a message of this very engine: a Response or a Report, at the level that `flags` say.

        `scope` is the context engine id and name of what it answers: they are given back (RFC 3412 section 7.1 step 3).
        """
        boots, time = self.boots, self.time_now(now)
        payload = ber.tlv(SEQUENCE, (scope or self.scope) + pdu)
        salt = b""
        if flags & usm.PRIVATE and self._cipher is not None:
            self._salt = (self._salt + 1) & 0xFFFF_FFFF_FFFF_FFFF
            salt = self._salt.to_bytes(usm.SALT, "big")
            payload = ber.tlv(OCTET_STRING, self._cipher.encrypt(boots << 96 | time << 64 | self._salt, payload))
        size = self._mac_size if flags & usm.AUTHENTIC else 0
        name = self.name if flags & usm.AUTHENTIC else b""
        octets, at = usm.write(message_id, flags, (self.engine_id, boots, time, name, size, salt), payload)
        if not size or self._mac is None:
            return octets
        return octets[:at] + self._mac.mac(octets) + octets[at + size :]

    # ---- reading

    def header(self, octets: bytes) -> usm.Header:
        """Return the header of a datagram: by the shape of the engine's earlier ones, else by the general reader."""
        envelope = self._envelopes.get(len(octets))
        return (envelope.read(octets) if envelope is not None else None) or usm.read(octets)

    def opened(self, header: usm.Header, octets: bytes, now: float) -> bytes:
        """Return the plain scoped PDU of a message at our level (RFC 3414 section 3.2)."""
        self.authentic(header, octets)
        ahead = header.time - self.time - int(now - self.time_at)
        if ahead > 0 or ahead < -WINDOW_S or header.boots != self.boots or not self.trusted:
            self._in_time(header, now)
        return self.plain(header, octets)

    def plain(self, header: usm.Header, octets: bytes) -> bytes:
        """Return the plain scoped PDU of an authentic message."""
        if header.spans and not header.trailing:
            if len(self._envelopes) >= _ENVELOPES:
                self._envelopes.clear()
            self._envelopes[len(octets)] = usm.Envelope(octets, header)
        if self._cipher is None:
            return header.payload
        if len(header.salt) != usm.SALT:
            raise DecodeError(f"privacy parameters of {len(header.salt)} octets; expected {usm.SALT}")
        vector = (header.boots << 32 | header.time).to_bytes(8, "big") + header.salt
        return self._cipher.decrypt(vector, header.payload)

    def authentic(self, header: usm.Header, octets: bytes) -> None:
        """Refuse a message that is not from this engine for our user, to the last octet."""
        if header.user != self.name or header.engine_id != self.engine_id:
            raise SecurityError("a message of another engine or user")
        mac = self._mac
        size = self._mac_size
        if mac is None or len(header.mac) != size:
            raise SecurityError("a digest of another size than the protocol's")
        at = header.mac_at
        bare = b"".join((octets[:at], self._zeros, octets[at + size :]))
        if header.trailing:
            bare = bare[: -header.trailing]
        if not compare_digest(mac.mac(bare), header.mac):
            raise DigestError("the digest does not hold")
        if not (0 <= header.boots < LAST_BOOT and 0 <= header.time <= LAST_BOOT):
            raise SecurityError("an engine whose boot count or time is used up")

    def _in_time(self, header: usm.Header, now: float) -> None:
        """Refuse what lies outside the window; follow the engine's clock forward (RFC 3414 section 3.2 step 7b)."""
        reckoned = self.time_now(now)
        if header.boots == self.boots and self.trusted:
            if header.time > reckoned:
                self.set_clock(header.boots, header.time, now)
            elif header.time < reckoned - WINDOW_S:
                raise SecurityError("a message outside the time window")
        elif header.boots > self.boots or not self.trusted:
            self.set_clock(header.boots, header.time, now)
        else:
            raise SecurityError("a message outside the time window")
