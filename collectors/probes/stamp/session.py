"""The Session-Sender's side of one test session: the packets that leave and what comes back. No socket, no clock.

Every session has a port, an SSID and a reflector counter of its own, so an answer of another session is refused, and
the reflector's sequence numbers begin at 0: what they skip was lost on the way back, what they never counted, on the
way there.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from collectors.errors import DecodeError
from collectors.probes.stamp import packet, tlv
from collectors.probes.stamp.packet import Asked
from collectors.probes.stamp.timestamps import TAI_S, ErrorEstimate, ns_of, ntp_of
from collectors.probes.streams import DOUBLES

if TYPE_CHECKING:
    from collectors.probes.sockets import Arrival, Instant


@dataclass(frozen=True, slots=True)
class Echo:
    """One answer: T1 to T4 in nanoseconds since 1970, and how far our own clock moved against the monotonic one."""

    sequence: int  # the packet's
    reflected: int  # the reflector's own
    t1_ns: int
    t2_ns: int
    t3_ns: int
    t4_ns: int
    drift_ns: int  # wall minus monotonic, from T1 to T4
    ttl: int
    ours: int  # error estimates, 16 bits each
    theirs: int

    def row(self) -> list[int]:
        """Return the echo as it is archived."""
        return [
            self.sequence,
            self.reflected,
            self.t1_ns,
            self.t2_ns,
            self.t3_ns,
            self.t4_ns,
            self.drift_ns,
            self.ttl,
            self.ours,
            self.theirs,
        ]


class Session:
    """Makes the packets of one session and takes their answers."""

    def __init__(
        self, *, ssid: int, error: int, key: bytes | None = None, tlvs: bytes = b"", tai_s: int = TAI_S
    ) -> None:
        """`error` is our clock's error estimate, as the 16 bits it travels as; `tai_s` what a PTP clock is ahead."""
        self._tai_s = tai_s
        self._ssid = ssid
        self._error = error
        self._key = key
        self._tlvs = tlvs
        self._sent: list[tuple[Instant, int]] = []  # with the timestamp that travels
        self.echoes: list[Echo] = []
        self._answered: set[int] = set()
        self.refused: Counter[str] = Counter()
        self.unkept = 0  # repeats beyond those that are kept
        self.answers = tlv.Answers()
        self.by_kernel = True  # whether the kernel itself said when each answer came

    @property
    def sent(self) -> int:
        """How many packets left, or were the line's to lose."""
        return len(self._sent)

    def packet(self, at: Instant) -> bytes:
        """Return the next datagram; it is to leave at once."""
        sequence, stamp = len(self._sent), ntp_of(at.wall_ns)
        self._sent.append((at, stamp))
        area = self._tlvs
        if area and self._key is not None:
            area = tlv.seal(sequence, area, self._key)
        return packet.encode_asked(Asked(sequence, stamp, self._error, self._ssid), key=self._key, tlvs=area)

    def withdraw(self) -> None:
        """Take the last packet back: it did not leave, and its number is the next one's."""
        self._sent.pop()

    def take(self, arrival: Arrival) -> bool:
        """Take a datagram; whether it is an answer of this session."""
        datagram, wall_ns = arrival.octets, arrival.at.wall_ns
        try:
            told = packet.decode_told(datagram, key=self._key)
        except DecodeError:
            self.refused["broken"] += 1
            return False
        asked = told.asked
        if asked.sequence >= len(self._sent):
            self.refused["sequence"] += 1
            return False
        left, stamp = self._sent[asked.sequence]
        if asked.stamp != stamp or told.ssid not in (self._ssid, 0):  # a reflector of RFC 8762 alone leaves it 0
            self.refused["foreign"] += 1
            return False
        if len(self.echoes) - len(self._answered) >= DOUBLES and asked.sequence in self._answered:
            self.unkept += 1
            return True
        theirs = ErrorEstimate.read(told.error)
        echo = Echo(
            sequence=asked.sequence,
            reflected=told.sequence,
            t1_ns=left.wall_ns,
            t2_ns=ns_of(told.received, near_ns=wall_ns, ptp=theirs.ptp, tai_s=self._tai_s),
            t3_ns=ns_of(told.stamp, near_ns=wall_ns, ptp=theirs.ptp, tai_s=self._tai_s),
            t4_ns=wall_ns,
            drift_ns=(wall_ns - left.wall_ns) - (arrival.at.monotonic_ns - left.monotonic_ns),
            ttl=told.ttl,
            ours=self._error,
            theirs=told.error,
        )
        self.echoes.append(echo)
        self._answered.add(echo.sequence)
        self.by_kernel = self.by_kernel and arrival.by_kernel
        area = datagram[packet.octets(self._key) :]
        if area:
            self._read(area, told.sequence)
        return True

    @property
    def complete(self) -> bool:
        """Whether every packet that left was answered."""
        return len(self._answered) == len(self._sent)

    def _read(self, area: bytes, told: int) -> None:
        if self._key is not None and not tlv.sound(area, sequence=told, key=self._key):
            self.refused["tlv_hmac"] += 1
            return
        self.answers = tlv.read(area)
