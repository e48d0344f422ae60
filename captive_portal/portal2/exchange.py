"""The courses of Portal 2.0, as values: what to send next, when it is over, and how. No I/O, no clock.

    CHAP: REQ_CHALLENGE → ACK_CHALLENGE → REQ_AUTH → ACK_AUTH → AFF_ACK_AUTH
    PAP:                                  REQ_AUTH → ACK_AUTH → AFF_ACK_AUTH
    others: REQ_LOGOUT → ACK_LOGOUT, REQ_INFO → ACK_INFO, one question and its answer

`begin`, `heard` and `silent` return `Send`, `Done`, or (`heard`) `Deaf`: what was heard is not the answer, and why. An
answer is one only if its type, serial, user and request number are those of the question, and its authenticator was
made over the question's. A late or second answer therefore changes nothing.

* Without AFF_ACK_AUTH Ruijie puts the user out after 3 minutes, Huawei's ME60 after 30 s.
* On silence and on errors the controller is told to forget the attempt (REQ_LOGOUT, ErrCode 1 for silence): else it
  answers "another in progress" to the next one.
* A controller may still be asking its RADIUS server when it hears REQ_AUTH again, and says "in progress" (3) to that
  copy: the answer to the first is yet to come.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

from captive_portal.portal2.packet import (
    NO_SEAL,
    NOBODY,
    SEAL,
    Attribute,
    Packet,
    PacketError,
    Type,
    chap_password,
    decode,
    encode,
    genuine,
    named,
)

if TYPE_CHECKING:
    from captive_portal.portal2.ac import Ac

WAITS_S = (0.5, 0.8, 1.2)  # for each sending of a question; a RADIUS server further away answers within the last


class Code(IntEnum):
    """How a course ended: the controller's ErrCode, or silence."""

    OK = 0
    REFUSED = 1
    ALREADY = 2  # ACK_CHALLENGE, ACK_AUTH: this address is online; ACK_LOGOUT: failed
    BUSY = 3  # ACK_CHALLENGE, ACK_AUTH: another attempt runs; ACK_LOGOUT: it was offline
    FAILED = 4
    SILENT = 256  # no answer that could be believed
    ODD = 257  # an answer with a code or content that nobody has defined


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The end of a course. `text` is the controller's own, `mac` what it says the user's is, both often empty."""

    code: Code
    text: str = ""
    mac: str = ""
    request: int = 0


@dataclass(frozen=True, slots=True)
class Send:
    """Send this, then listen for so long."""

    octets: bytes
    wait_s: float


@dataclass(frozen=True, slots=True)
class Done:
    """It is over; `last` is to be sent and not waited for."""

    answer: Answer
    last: bytes = b""


@dataclass(frozen=True, slots=True)
class Deaf:
    """What was heard is not the answer."""

    why: str


Step: TypeAlias = Send | Done


class Course(Protocol):
    """One conversation with a controller."""

    def begin(self) -> Step:
        """Return what to send first."""
        ...

    def heard(self, octets: bytes) -> Step | Deaf:
        """Take a datagram in."""
        ...

    def silent(self) -> Step:
        """Return what to do when nothing came in time."""
        ...


class Question:
    """One packet that is asked, again and again, until its answer comes."""

    def __init__(self, ac: Ac, packet: Packet, expects: Type) -> None:
        self.packet = packet
        self.sent = 0
        self._ac = ac
        self._expects = expects
        self._octets = encode(packet, ac.secret)
        self._seal = self._octets[SEAL : SEAL + SEAL] if packet.version == 2 else NO_SEAL

    def send(self) -> Send | None:
        """Return the next sending, None when it was sent often enough."""
        if self.sent == len(WAITS_S):
            return None
        self.sent += 1
        return Send(self._octets, WAITS_S[self.sent - 1])

    def answer(self, octets: bytes) -> Packet | Deaf:
        """Return the answer that these octets are, or why they are none."""
        try:
            heard = decode(octets, unsigned=self._ac.unsigned)
        except PacketError as error:
            return Deaf(str(error))
        asked = self.packet
        if heard.type != self._expects:
            return Deaf(f"{named(heard.type)} where {self._expects.name} was awaited")
        if (heard.serial, heard.visitor) != (asked.serial, asked.visitor):
            return Deaf("another serial or another user")
        if asked.request and heard.request != asked.request:
            return Deaf("another request number")
        if heard.version != asked.version:
            return Deaf(f"version {heard.version} to a question of version {asked.version}")
        sealed = heard.seal or not self._ac.unsigned
        if sealed and not genuine(octets, self._ac.secret, self._seal):
            return Deaf("its authenticator does not hold; is the secret the same on both sides?")
        return heard


class Asking:
    """A question and its answer: REQ_LOGOUT, REQ_INFO. Also the first half of a login, to learn who is online."""

    def __init__(self, ac: Ac, packet: Packet, expects: Type) -> None:
        self._ac = ac
        self._question = Question(ac, packet, expects)

    def begin(self) -> Step:
        """Ask."""
        return self.silent()

    def heard(self, octets: bytes) -> Step | Deaf:
        """Take the answer, whatever it says."""
        heard = self._question.answer(octets)
        return heard if isinstance(heard, Deaf) else Done(_answer(self._ac, heard))

    def silent(self) -> Step:
        """Ask again, or give up."""
        return self._question.send() or Done(Answer(code=Code.SILENT))


class Login:
    """Lets a user in, with a name and a password that are good once."""

    def __init__(self, ac: Ac, user: str, *, serial: int, name: str, password: bytes) -> None:
        self._ac = ac
        self._user = user
        self._serial = serial
        self._name = name.encode()
        self._password = password
        first = self._auth(0, b"") if ac.profile.pap else challenge(ac, user, serial=serial)
        self._question = Question(ac, first, Type.ACK_AUTH if ac.profile.pap else Type.ACK_CHALLENGE)

    def begin(self) -> Step:
        """Ask for a challenge, or show the password at once (PAP)."""
        return self.silent()

    def silent(self) -> Step:
        """Ask again; or give up and tell the controller to forget it."""
        return self._question.send() or Done(Answer(code=Code.SILENT), self._forget(error=1))

    def heard(self, octets: bytes) -> Step | Deaf:
        """Go on with an answer that is one."""
        heard = self._question.answer(octets)
        if isinstance(heard, Deaf):
            return heard
        if heard.type == Type.ACK_CHALLENGE:
            return self._challenged(heard)
        if heard.error == Code.BUSY and self._question.sent > 1:
            return Deaf("in progress: that is said to a copy of the question")
        answer = _answer(self._ac, heard)
        if answer.code is Code.OK:
            request = heard.request or self._question.packet.request
            done = replace(answer, request=request)
            affirmed = replace(self._packet(Type.AFF_ACK_AUTH), request=request, pap=self._ac.profile.pap)
            return Done(done, encode(affirmed, self._ac.secret))
        return Done(answer, b"" if answer.code is Code.ALREADY else self._forget(error=0))

    def _challenged(self, heard: Packet) -> Step:
        answer = _answer(self._ac, heard)
        if answer.code is not Code.OK:
            return Done(answer, b"" if answer.code is Code.ALREADY else self._forget(error=0))
        given = heard.first(Attribute.CHALLENGE)
        if given is None or len(given) != SEAL:
            return Done(replace(answer, code=Code.ODD, text="no challenge of 16 octets"), self._forget(error=0))
        self._question = Question(self._ac, self._auth(heard.request, given), Type.ACK_AUTH)
        return self.silent()

    def _auth(self, request: int, given: bytes) -> Packet:
        shown: tuple[tuple[int, bytes], ...] = ((Attribute.PASSWORD, self._password),)
        if given:
            proof = chap_password(request, self._password, given)
            shown = (Attribute.CHALLENGE, given), (Attribute.CHAP_PASSWORD, proof)
        packet = self._packet(Type.REQ_AUTH)
        kept = ((Attribute.USER_NAME, self._name), *shown, *packet.attributes)
        return replace(packet, request=request, pap=not given, attributes=kept)

    def _forget(self, *, error: int) -> bytes:
        packet = replace(self._packet(Type.REQ_LOGOUT), request=self._question.packet.request, error=error)
        return encode(packet, self._ac.secret)

    def _packet(self, type_: Type) -> Packet:
        return about(self._ac, type_, self._user, serial=self._serial)


def about(ac: Ac, type_: Type, user: str, *, serial: int) -> Packet:
    """Return a packet about a user of a controller, with what names both; only the first questions do not name it."""
    four, six = (user, ()) if ":" not in user else (NOBODY, ((Attribute.USER_IP6, _octets6(user)),))
    itself = () if type_ in {Type.REQ_CHALLENGE, Type.REQ_INFO} else ac.itself
    return Packet(
        type=type_,
        serial=serial,
        user=four,
        version=ac.profile.version,
        attributes=(*six, *itself),
    )


def challenge(ac: Ac, user: str, *, serial: int) -> Packet:
    """Return the question that begins a CHAP login."""
    return about(ac, Type.REQ_CHALLENGE, user, serial=serial)


def logout(ac: Ac, user: str, *, serial: int, request: int = 0, error: int = 0) -> Asking:
    """Put a user out; `error` 1 takes an attempt back."""
    packet = replace(about(ac, Type.REQ_LOGOUT, user, serial=serial), request=request, error=error)
    return Asking(ac, packet, Type.ACK_LOGOUT)


def info(ac: Ac, user: str, *, serial: int) -> Asking:
    """Ask what the controller knows of a user: an attribute without content asks for it."""
    packet = about(ac, Type.REQ_INFO, user, serial=serial)
    wanted = tuple((kind, b"") for kind in ac.profile.asks)
    return Asking(ac, replace(packet, attributes=(*wanted, *packet.attributes)), Type.ACK_INFO)


def online(ac: Ac, user: str, *, serial: int) -> Asking:
    """Ask whether an address is online: a challenge for one that is gets "already online"."""
    return Asking(ac, challenge(ac, user, serial=serial), Type.ACK_CHALLENGE)


def _answer(ac: Ac, heard: Packet) -> Answer:
    try:
        code = Code(heard.error)
    except ValueError:
        code = Code.ODD
    text = ac.text(b" ".join(heard.every(Attribute.TEXT)))
    return Answer(code=code, text=text, mac=heard.mac, request=heard.request)


def _octets6(user: str) -> bytes:
    return ipaddress.IPv6Address(user).packed
