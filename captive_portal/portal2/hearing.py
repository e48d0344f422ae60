"""What a controller tells us by itself, judged: pure, so that every forgery has a test. No I/O, no clock.

A notification is a question that we did not ask for: its authenticator says that the controller made it, once, and not
when. So what puts somebody out is believed at once only if it is new (its authenticator was never heard before) and
names the very login that it ends (the request number that the controller gave it, and the MAC if it has one). Anything
else that is genuine, a copy of long ago or one from a controller that numbers otherwise, is answered, as the protocol
wants, and then the controller is asked whether the user is online (`Verdict.ASK`). A forger gains an answer by that,
and nobody is put out (S5). What would let somebody in (`Verdict.ASKED`) is never believed, new or not: the controller
is asked who has the address (captive_portal/portal2/side.py, `asked`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from captive_portal.portal2.exchange import about
from captive_portal.portal2.packet import (
    ANSWERS,
    NO_SEAL,
    NOBODY,
    Attribute,
    Packet,
    PacketError,
    Type,
    decode,
    encode,
    genuine,
)

if TYPE_CHECKING:
    from captive_portal.portal2.ac import Ac
    from captive_portal.portal2.journal import User

CHANGES = (Type.NTF_LOGOUT, Type.NTF_MTUSER_LOGOUT, Type.NTF_USERIPCHANGE)  # believed without asking back, if new


class Verdict(StrEnum):
    """What follows from a notification."""

    DISBELIEVED = "disbelieved"  # no packet, or not sealed with the secret: as if it had not come
    NOTHING = "nothing"  # genuine, and nothing follows
    LEFT = "left"  # the user is out
    ASK = "ask"  # genuine, but perhaps a copy: ask the controller whether the user is online
    MOVED = "moved"  # the user has another address
    ASKED = "asked"  # the controller wants to know whether we know this device
    ABSENT = "absent"  # of those whom we named in a roll, these are out
    FORGET = "forget"  # what we believed about who has this address is old


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A notification and what follows. `why` says why it was not believed; `before` is the address of before."""

    verdict: Verdict
    why: str = ""
    packet: Packet | None = None
    reply: bytes = b""
    before: str = ""
    copy: bool = False  # its authenticator was heard before
    fresh: bool = False  # sealed, and heard for the first time
    absent: tuple[User, ...] = ()


def read(ac: Ac, octets: bytes) -> Packet | str:
    """Return the packet that a controller has sent, or why these octets are none of its."""
    try:
        packet = decode(octets, unsigned=ac.unsigned)
    except PacketError as error:
        return str(error)
    if (packet.seal or not ac.unsigned) and not genuine(octets, ac.secret):
        return "its authenticator does not hold; is the secret the same on both sides?"
    return packet


def judge(ac: Ac, packet: Packet, user: User | None, *, copy: bool) -> Heard:
    """Return what follows from a genuine notification; `copy` says that its authenticator was heard before.

    `user` is who is online at its address; for a change of address, at the one before.
    """
    sure = bool(packet.seal) and not copy
    if packet.type == Type.NTF_LOGOUT:
        reply = _reply(ac, packet, Type.ACK_NTF_LOGOUT)
        return Heard(verdict=_left(packet, user, sure=sure), packet=packet, reply=reply, fresh=sure)
    if packet.type == Type.NTF_MTUSER_LOGOUT:
        reply = _reply(ac, packet, Type.ACK_MTUSER_LOGOUT) if ac.profile.logon_acks else b""
        return Heard(verdict=_left(packet, user, sure=sure), packet=packet, reply=reply, fresh=sure)
    if packet.type == Type.NTF_USERIPCHANGE:
        reply = _reply(ac, packet, Type.AFF_NTF_USERIPCHANGE)
        before = before_of(packet)
        moves = sure and user is not None and _same(packet, user) and ac.has(packet.visitor)
        return Heard(verdict=Verdict.MOVED if moves else Verdict.FORGET, packet=packet, reply=reply, before=before)
    if packet.type == Type.REQ_MACBINDING:
        asked = ac.binding and bool(packet.mac) and ac.has(packet.visitor)
        return Heard(verdict=Verdict.ASKED if asked else Verdict.NOTHING, packet=packet)
    if packet.type == Type.NTF_MTUSER_LOGON:
        reply = _reply(ac, packet, Type.ACK_MTUSER_LOGON) if ac.profile.logon_acks else b""
        return Heard(verdict=Verdict.FORGET, packet=packet, reply=reply)
    if packet.type == Type.NTF_USER_NOTIFY:
        return Heard(verdict=Verdict.NOTHING, packet=packet, reply=_reply(ac, packet, Type.AFF_NTF_USER_NOTIFY))
    if packet.type == Type.STATUS_NOTIFY:
        return Heard(verdict=Verdict.NOTHING, packet=packet, reply=_reply(ac, packet, Type.ACK_STATUS_NOTIFY))
    if packet.type == Type.NTF_USERDISCOVER:
        return Heard(verdict=Verdict.FORGET, packet=packet)
    return Heard(verdict=Verdict.NOTHING, packet=packet)


def before_of(packet: Packet) -> str:
    """Return the address that a user had before it changed; the packet's own where none is told."""
    octets = packet.first(Attribute.IP_CONFIG)
    return ".".join(map(str, octets)) if octets is not None and len(octets) == 4 else packet.visitor


def bound(ac: Ac, packet: Packet, *, known: bool) -> bytes:
    """Return the answer to a question about a device: ErrCode 0, we know it and it will be let in; 1, we do not."""
    return _reply(ac, packet, Type.ACK_MACBINDING, error=0 if known else 1)


def _left(packet: Packet, user: User | None, *, sure: bool) -> Verdict:
    if user is None or (packet.mac and packet.mac != user.mac):
        return Verdict.NOTHING  # nobody of ours, or the one who had this address before
    return Verdict.LEFT if sure and _same(packet, user) else Verdict.ASK


def _same(packet: Packet, user: User) -> bool:
    """Whether a packet names the login that we know, by the number that the controller gave it."""
    mac = not packet.mac or packet.mac == user.mac
    return mac and packet.request != 0 and packet.request == user.request


def _reply(ac: Ac, packet: Packet, type_: Type, *, error: int = 0) -> bytes:
    reply = about(ac, type_, packet.user, serial=packet.serial)
    mac = tuple(each for each in packet.attributes if each[0] in {Attribute.SESSION, Attribute.USER_IP6})
    kept = (*(mac if type_ == Type.ACK_MACBINDING or packet.user == NOBODY else ()), *reply.attributes)
    made = replace(reply, request=packet.request, version=packet.version, error=error, attributes=kept)
    return encode(made, ac.secret, packet.seal if packet.seal and type_ in ANSWERS else NO_SEAL)
