"""From a datagram to who says what: source, credential, version, security. No socket and no clock of its own.

    Door.hear(octets, address, now) -> Heard(device, notification, …, ack) | Answer(octets) | None

Checks come in the order of their price: the source's address, the length, the credential, then the rest is decoded. A
device with a community is heard in v1 and v2c under that community; one with an SNMPv3 user in v3 at that user's level
alone. What a sender's engine says of its clock is followed as `authority.py` follows it; a datagram comes in once.
"""

from __future__ import annotations

from collections import OrderedDict
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from collectors.errors import DecodeError, DigestError, SecurityError
from collectors.snmp import ber, usm
from collectors.snmp.ask import Community
from collectors.snmp.authority import Authority
from collectors.snmp.pdu import V2C, V3, Message, Pdu, encode, encode_pdu, response
from collectors.snmp.varbind import OCTET_STRING, SEQUENCE
from collectors.snmp.wire import ForeignError
from collectors.traps import words
from collectors.traps.clocks import Told
from collectors.traps.notification import MAX_OCTETS, V1, Notification, of_v1, of_v2

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collectors.traps.own import OwnEngine

_ENGINES = 16_384
_SEEN = 65_536  # digests of messages that came in; older ones are outside the time window by then
_MEETINGS_PER_S = 5  # engines not met before, of one source: each costs the derivation of keys


class Sender(NamedTuple):
    """A device of the register as a source of traps. `named` is its credential's name in the settings."""

    device: str
    profile: str
    credential: Community | usm.User
    named: str = ""


class Heard(NamedTuple):
    """One notification of a known device. `ack` answers an inform once its event is kept."""

    sender: Sender
    version: str
    notification: Notification
    ack: bytes = b""


class Door:
    """Who may speak, and what is known of their engines. Used from one thread."""

    def __init__(self, own: OwnEngine, *, remembered: Mapping[bytes, Told] = MappingProxyType({})) -> None:
        self._remembered = remembered
        self.senders: Mapping[str, tuple[Sender, ...]] = {}
        self._own = own
        self._engines: OrderedDict[tuple[usm.User, bytes], Authority] = OrderedDict()
        self._names: dict[usm.User, str] = {}
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._meetings: dict[str, tuple[int, int]] = {}

    def admit(self, senders: Mapping[str, tuple[Sender, ...]]) -> None:
        """Take the register's devices, by address."""
        self.senders = senders
        every = [each for at in senders.values() for each in at]
        self._names = {each.credential: each.named for each in every if isinstance(each.credential, usm.User)}
        users = frozenset(self._names)
        self._own.forget(users)
        for key in [key for key in self._engines if key[0] not in users]:
            del self._engines[key]

    def clocks(self, now: float, now_ms: int) -> dict[bytes, Told]:
        """Return the clocks of the engines that have proved themselves, to be remembered over a restart.

        Each under its credential too: whoever has another one may claim any engine id, and any boots with it.
        """
        found = {
            self._whose(user, engine_id): Told(each.boots, each.time_now(now), now_ms)
            for (user, engine_id), each in self._engines.items()
        }
        told = {whose: each for whose, each in self._remembered.items() if whose not in found} | found
        return dict(list(told.items())[-_ENGINES:])

    def _whose(self, user: usm.User, engine_id: bytes) -> bytes:
        return bytes((len(engine_id),)) + engine_id + (self._names.get(user) or user.name).encode()

    def hear(self, octets: bytes, address: str, now: float) -> Heard | bytes:
        """Return what a datagram of a known source says, or the Report that it is to be answered with.

        ForeignError: another's credential. SecurityError: a digest, a time or a level that does not hold, or a replay.
        DecodeError: no trap.
        """
        senders = self.senders[address]
        if len(octets) > MAX_OCTETS:
            raise DecodeError(f"{len(octets)} octets; a trap has at most {MAX_OCTETS}")
        start, stop = ber.expect(SEQUENCE, octets, 0, len(octets))
        version, at = ber.read_integer(octets, start, stop)
        if version == V3:
            return self._version_3(octets, senders, address, now)
        if version not in {V1, V2C}:
            raise DecodeError(f"SNMP version {version} on the wire; expected 0 (v1), 1 (v2c) or 3")
        community_at, at = ber.expect(OCTET_STRING, octets, at, stop)
        sender = _of_community(senders, octets[community_at:at])
        if version == V1:
            return Heard(sender, "v1", of_v1(octets, at, stop))
        notification, pdu = of_v2(octets, at, stop)
        ack = encode(Message(octets[community_at:at], _accepted(pdu))) if notification.inform else b""
        return Heard(sender, "v2c", notification, ack)

    # ---- version 3

    def _version_3(self, octets: bytes, senders: tuple[Sender, ...], address: str, now: float) -> Heard | bytes:
        header = usm.read(octets)
        if not header.engine_id and not header.flags & usm.LEVEL:
            return self._discovered(header, senders, address, now)
        sender, user = _of_user(senders, header.user)
        wrong = ""
        if header.flags & usm.LEVEL != user.level:
            wrong = words.level(user, header.flags)
        elif user.level:
            wrong = words.size(user, header.mac)
        if wrong:
            raise SecurityError(f"{words.whose(sender, user)}: {wrong}")
        try:
            return self._opened(octets, header, (sender, user), (address, now))
        except DigestError:
            raise SecurityError(f"{words.whose(sender, user)}: {words.digest(user)}") from None

    def _opened(
        self, octets: bytes, header: usm.Header, who: tuple[Sender, usm.User], at: tuple[str, float]
    ) -> Heard | bytes:
        sender, user = who
        if header.engine_id == self._own.engine_id:
            return self._inform(octets, header, who, at[1])
        plain = self._trap(user, header, octets, at) if user.level else header.payload
        body = _parts(who, plain)[2]
        notification, _ = of_v2(body, 0, len(body))
        if notification.inform:
            raise SecurityError("an inform to another engine than ours")
        return Heard(sender, "v3", notification)

    def _discovered(self, header: usm.Header, senders: tuple[Sender, ...], address: str, now: float) -> bytes:
        """Answer who asks for our engine id: only senders of SNMPv3, and not more often than informs need."""
        user = next((each.credential for each in senders if isinstance(each.credential, usm.User)), None)
        if user is None or not header.flags & usm.REPORTABLE:
            raise ForeignError("a question for our engine id; this source has no SNMPv3 user")
        self._restrain(address, now, "questions for our engine id")
        return self._own.report(user, header, usm.UNKNOWN_ENGINE, now)

    def _inform(self, octets: bytes, header: usm.Header, who: tuple[Sender, usm.User], now: float) -> Heard | bytes:
        sender, user = who
        plain = self._own.opened(user, header, octets, now) if user.level else header.payload
        if plain is None:
            flags = user.level & usm.AUTHENTIC
            return self._own.report(user, header, usm.NOT_IN_TIME_WINDOW, now, flags=flags)
        engine_id, context, body = _parts(who, plain)
        notification, pdu = of_v2(body, 0, len(body))
        if not notification.inform:
            raise SecurityError("a trap under our own engine id; its sender's was expected")
        said = encode_pdu(_accepted(pdu))
        scope = ber.tlv(OCTET_STRING, engine_id) + ber.tlv(OCTET_STRING, context)
        ack = self._own.authority(user).say(header.message_id, said, now, flags=user.level, scope=scope)
        return Heard(sender, "v3", notification, ack)

    def _trap(self, user: usm.User, header: usm.Header, octets: bytes, at: tuple[str, float]) -> bytes:
        """Return the plain scoped PDU of a trap; its engine is kept once it has proved itself."""
        key = (user, header.engine_id)
        engine = self._engines.get(key)
        if engine is None:
            self._restrain(at[0], at[1], "new engines")
            engine = Authority(user, header.engine_id)
            told = self._remembered.get(self._whose(user, header.engine_id))
            if told is not None:
                engine.set_clock(told.boots, told.time, at[1])
        plain = engine.opened(header, octets, at[1])
        mark = header.engine_id + header.mac
        if mark in self._seen:
            raise SecurityError("a message that came in before")
        self._seen[mark] = None
        if len(self._seen) > _SEEN:
            self._seen.popitem(last=False)
        self._engines[key] = engine
        self._engines.move_to_end(key)
        if len(self._engines) > _ENGINES:
            self._engines.popitem(last=False)
        return plain

    def _restrain(self, address: str, now: float, what: str) -> None:
        """Refuse what costs keys or makes us answer, where one source asks for it too often."""
        second, count = self._meetings.get(address, (0, 0))
        count = count + 1 if second == int(now) else 1
        if count > _MEETINGS_PER_S:
            raise SecurityError(f"more than {_MEETINGS_PER_S} {what} in a second")
        if len(self._meetings) > _ENGINES:
            self._meetings.clear()
        self._meetings[address] = (int(now), count)


def _of_community(senders: tuple[Sender, ...], community: bytes) -> Sender:
    for sender in senders:
        if isinstance(sender.credential, Community) and sender.credential.octets == community:
            return sender
    raise ForeignError("a community that none of this source's devices has")


def _of_user(senders: tuple[Sender, ...], name: bytes) -> tuple[Sender, usm.User]:
    for sender in senders:
        if isinstance(sender.credential, usm.User) and sender.credential.name.encode() == name:
            return sender, sender.credential
    raise ForeignError(words.stranger(name))


def _parts(who: tuple[Sender, usm.User], plain: bytes) -> tuple[bytes, bytes, bytes]:
    """Return engine id, context and PDU of a message; what decrypts to nothing is told as that."""
    sender, user = who
    try:
        return usm.scoped_parts(plain)
    except DecodeError:
        if not user.priv_key:
            raise
        raise SecurityError(f"{words.whose(sender, user)}: {words.cipher(user)}") from None


def _accepted(pdu: Pdu) -> Pdu:
    return response(pdu, pdu.varbinds)
