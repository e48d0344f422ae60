"""The Session-Reflector's decisions (RFC 8762 4.3): answer or refuse, within bounds. Pure; no socket, no clock.

An answer is never longer than its question and nobody is answered who is not on the list, so that the reflector is of
no use to somebody who forges addresses. Ports below 1024 are refused: a forged packet from another reflector's port
would make the two answer each other for ever (RFC 8762 4.1.1 has senders use dynamic ports).
"""

from __future__ import annotations

import ipaddress
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from collectors.errors import DecodeError
from collectors.probes.stamp import packet, tlv
from collectors.probes.stamp.packet import Told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collectors.probes.stamp.packet import Asked

WELL_KNOWN = 1024
NOT_LISTED, PORT, RATE, BROKEN = "not_listed", "port", "rate", "broken"
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is answered at most: packets a second of one source and in all; sessions and sources remembered.

    What is beyond looks like loss to its sender, so one sender at its fastest (a packet every millisecond) is within.
    """

    source_per_s: float = 1000.0
    total_per_s: float = 20_000.0
    sessions: int = 4096
    sources: int = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """How a datagram arrived. `at_ns` is the kernel's receive time where it has one."""

    source: str
    source_port: int
    destination: str
    destination_port: int
    at_ns: int
    ttl: int = 0
    tos: int = 0


@dataclass(frozen=True, slots=True)
class Reflection:
    """An answer that lacks only its own departure time."""

    told: Told
    area: bytes
    asked: Asked
    seen: tlv.Seen | None
    key: bytes | None
    tos: int

    def datagram(self, stamp: int) -> bytes:
        """Return the datagram that leaves at the 64-bit time `stamp`."""
        half = self.told
        told = Told(half.sequence, stamp, half.error, half.ssid, half.received, self.asked, half.ttl)
        area = self.area
        if self.seen is not None:
            area = tlv.answer(area, self.seen, asked=self.asked.sequence, told=told.sequence, key=self.key)
        return packet.encode_told(told, key=self.key, tlvs=area)


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_s: float

    def take(self, now_s: float, per_s: float) -> bool:
        """Take one packet's worth out of a second's; whether there was one."""
        self.tokens = min(per_s, self.tokens + (now_s - self.at_s) * per_s)
        self.at_s = now_s
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Reflector:
    """Decides over the datagrams of one socket; used from one thread. `allowed` empty answers nobody."""

    def __init__(
        self,
        *,
        allowed: Sequence[Network],
        key: bytes | None = None,
        stateful: bool = True,
        follows_dscp: bool = False,
        limits: Limits | None = None,
    ) -> None:
        self._allowed = tuple(allowed)
        self._key = key
        self._stateful = stateful
        self._follows = follows_dscp
        self._limits = limits or Limits()
        self._total = _Bucket(self._limits.total_per_s, 0.0)
        self._sources: OrderedDict[str, _Bucket] = OrderedDict()
        self._sessions: OrderedDict[tuple[str, int, int], int] = OrderedDict()
        self._listed: OrderedDict[str, bool] = OrderedDict()
        self.counters: Counter[str] = Counter()

    def take(
        self, datagram: bytes, heard: Heard, *, error: int, synchronised: bool, received: int, now_s: float
    ) -> Reflection | None:
        """Return the answer, or None and a counter moved. `received` is `heard.at_ns` as a 64-bit timestamp."""
        reason = self._refused(heard, now_s)
        if reason:
            self.counters[reason] += 1
            return None
        try:
            asked = packet.decode_asked(datagram, key=self._key)
        except DecodeError:
            self.counters[BROKEN] += 1
            return None
        if not self._has_share(heard.source, now_s):
            self.counters[RATE] += 1
            return None
        self.counters["answered"] += 1
        area = datagram[packet.octets(self._key) :]
        sequence = self._next(heard, asked) if self._stateful else asked.sequence
        told = Told(sequence, 0, error, asked.ssid, received, asked, heard.ttl)
        dscp = tlv.asked_dscp(area) if area and self._follows else None
        seen = self._seen(heard, synchronised=synchronised, follows=dscp is not None) if area else None
        return Reflection(told, area, asked, seen, self._key, tos=0 if dscp is None else dscp << 2)

    def _refused(self, heard: Heard, now_s: float) -> str:
        if heard.source_port < WELL_KNOWN or heard.source_port == heard.destination_port:
            return PORT
        if not self._is_listed(heard.source):
            return NOT_LISTED
        return "" if self._total.take(now_s, self._limits.total_per_s) else RATE

    def _has_share(self, source: str, now_s: float) -> bool:
        """Take one packet out of the source's share: of sound packets alone, so that forged ones use up nobody's."""
        bucket = self._sources.get(source)
        if bucket is None:
            bucket = self._sources[source] = _Bucket(self._limits.source_per_s, now_s)
            if len(self._sources) > self._limits.sources:
                self._sources.popitem(last=False)
        else:
            self._sources.move_to_end(source)
        return bucket.take(now_s, self._limits.source_per_s)

    def _is_listed(self, source: str) -> bool:
        known = self._listed.get(source)
        if known is None:
            try:
                address = ipaddress.ip_address(source)
            except ValueError:
                return False
            known = self._listed[source] = any(address in network for network in self._allowed)
            if len(self._listed) > self._limits.sources:
                self._listed.popitem(last=False)
        return known

    def _next(self, heard: Heard, asked: Asked) -> int:
        """Return this session's next sequence number: it counts what arrived, so a sender can tell the two ways."""
        session = (heard.source, heard.source_port, asked.ssid)
        number = self._sessions.pop(session, 0)
        self._sessions[session] = (number + 1) & 0xFFFF_FFFF
        if len(self._sessions) > self._limits.sessions:
            self._sessions.popitem(last=False)
        return number

    @staticmethod
    def _seen(heard: Heard, *, synchronised: bool, follows: bool) -> tlv.Seen:
        return tlv.Seen(
            source=ipaddress.ip_address(heard.source),
            source_port=heard.source_port,
            destination=ipaddress.ip_address(heard.destination),
            destination_port=heard.destination_port,
            tos=heard.tos,
            synchronised=synchronised,
            follows_dscp=follows,
        )
