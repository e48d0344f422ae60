"""Heartbeats and rolls: that we live, and who is online, as some makes want to be told; and what they say to a roll.

A controller that hears no heartbeat opens its doors to everybody ("escape"); one that keeps users by rolls puts out who
is not named in a few of them. Its answer names those of a roll whom it does not know; it is sealed over the roll that
it answers, and it says something about the moment of that roll and about nobody else.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from captive_portal.portal2.exchange import about
from captive_portal.portal2.hearing import Heard, Verdict
from captive_portal.portal2.packet import (
    NOBODY,
    SEAL,
    Attribute,
    PacketError,
    Type,
    addresses,
    decode,
    encode,
    genuine,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from captive_portal.portal2.ac import Ac
    from captive_portal.portal2.book import Book
    from captive_portal.portal2.journal import User

NAMES = 63  # addresses in one attribute
LISTS = 5  # attributes in one packet: 1,300 octets
REMEMBERED = 1_024  # rolls that may still be answered


@dataclass(frozen=True, slots=True)
class Sent:
    """A roll that was sent: its authenticator, and whom it named."""

    seal: bytes
    named: dict[str, User]


class Rolls:
    """What one controller is told regularly."""

    def __init__(self, ac: Ac, serial: Callable[[], int]) -> None:
        self._ac = ac
        self._serial = serial
        self._sent: OrderedDict[int, Sent] = OrderedDict()
        self._beat_due = self._roll_due = 0.0

    def due(self, now: float, book: Book, now_ms: int) -> Iterator[bytes]:
        """Yield what is to be sent now."""
        profile = self._ac.profile
        if profile.heartbeat_s and now >= self._beat_due:
            self._beat_due = now + profile.heartbeat_s
            yield encode(about(self._ac, Type.NTF_HEARTBEAT, NOBODY, serial=self._serial()), self._ac.secret)
        if profile.roll_s and now >= self._roll_due:
            self._roll_due = now + profile.roll_s
            users = [each for each in book.every(now_ms) if ":" not in each.address]
            for at in range(0, len(users), NAMES * LISTS):
                yield self._roll(users[at : at + NAMES * LISTS])

    def _roll(self, users: list[User]) -> bytes:
        lists = []
        for at in range(0, len(users), NAMES):
            octets = b"".join(ipaddress.IPv4Address(each.address).packed for each in users[at : at + NAMES])
            lists.append((int(Attribute.USER_LIST), octets))
        packet = about(self._ac, Type.NTF_USER_HEARTBEAT, NOBODY, serial=self._serial())
        octets = encode(replace(packet, attributes=(*lists, *packet.attributes)), self._ac.secret)
        if packet.version == 2:
            self._sent[packet.serial] = Sent(octets[SEAL : SEAL + SEAL], {each.address: each for each in users})
            self._sent.move_to_end(packet.serial)
            if len(self._sent) > REMEMBERED:
                self._sent.popitem(last=False)
        return octets

    def answer(self, octets: bytes) -> Heard | None:
        """Take the answer to a roll: whom it says it does not know; None where these octets are no such answer."""
        if len(octets) < 2 or octets[1] != Type.ACK_NTF_USER_HEARTBEAT:
            return None
        try:
            packet = decode(octets, unsigned=self._ac.unsigned)
        except PacketError as error:
            return Heard(verdict=Verdict.DISBELIEVED, why=str(error))
        sent = self._sent.get(packet.serial)
        if sent is None:
            return Heard(verdict=Verdict.DISBELIEVED, why="answers no roll of ours, or one that was answered")
        if not genuine(octets, self._ac.secret, sent.seal):
            return Heard(verdict=Verdict.DISBELIEVED, why="its authenticator does not hold")
        del self._sent[packet.serial]
        absent = tuple(sent.named[each] for each in dict.fromkeys(addresses(packet)) if each in sent.named)
        return Heard(verdict=Verdict.ABSENT if absent else Verdict.NOTHING, packet=packet, absent=absent)
