"""DNS (RFC 1035): a bounded codec of our own, and one question to one resolver over UDP, then TCP when it says so.

An answer counts only when it comes from the resolver asked, to the port we asked from, with the unpredictable id and
the very question of ours. Names are never followed more than `JUMPS` pointers.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
import struct
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from collectors.errors import CollectorError, DecodeError
from collectors.probes import clocks, sockets, tcp
from netops.model import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from collectors.probes.clocks import ClockState

TYPES: Mapping[str, int] = MappingProxyType({"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28})
PORT, CLASS_IN = 53, 1
_HEAD = struct.Struct(">HHHHHH")
_RECURSE, _ANSWER, _CUT = 0x0100, 0x8000, 0x0200
NAME_OCTETS, LABEL_OCTETS, JUMPS, RECORDS, MESSAGE = 255, 63, 32, 256, 65_535
KEPT, VALUE = 4096, 256  # octets of an answer, characters of a value that are archived: the resolver writes them
NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the answer section."""

    name: str
    type: int
    ttl: int
    value: str  # an address as text, else hex


@dataclass(frozen=True, slots=True)
class Message:
    """An answer as far as a probe needs it."""

    id: int
    code: int
    cut: bool
    name: str
    type: int
    answers: tuple[Record, ...]


def query(identity: int, name: str, kind: str) -> bytes:
    """Return a question; CollectorError names what cannot be asked."""
    if kind not in TYPES:
        raise CollectorError(f"DNS type '{kind}': expected one of {', '.join(TYPES)}")
    return _HEAD.pack(identity, _RECURSE, 1, 0, 0, 0) + _encoded(name) + struct.pack(">HH", TYPES[kind], CLASS_IN)


def _encoded(name: str) -> bytes:
    try:
        labels = [label.encode("ascii") for label in name.rstrip(".").split(".")] if name.rstrip(".") else []
    except UnicodeEncodeError:
        raise CollectorError(f"DNS name '{name}': expected ASCII, a name in Chinese in its xn-- form") from None
    if any(not 0 < len(label) <= LABEL_OCTETS for label in labels):
        raise CollectorError(f"DNS name '{name}': expected labels of 1 to {LABEL_OCTETS} characters")
    made = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    if len(made) > NAME_OCTETS:
        raise CollectorError(f"DNS name '{name[:40]}…': {len(made)} octets, expected at most {NAME_OCTETS}")
    return made


def decode(octets: bytes) -> Message:
    """Read an answer; DecodeError says what is off."""
    if not _HEAD.size <= len(octets) <= MESSAGE:
        raise DecodeError(f"DNS: {len(octets)} octets; expected {_HEAD.size} to {MESSAGE}")
    identity, flags, questions, answers, _, _ = _HEAD.unpack_from(octets)
    if not flags & _ANSWER or questions != 1 or answers > RECORDS:
        raise DecodeError(f"DNS: no answer to one question (flags 0x{flags:04x}, {questions} questions)")
    name, at = _name(octets, _HEAD.size)
    kind, class_ = _fields(">HH", octets, at)
    if class_ != CLASS_IN:
        raise DecodeError(f"DNS: class {class_}, expected {CLASS_IN}")
    at += 4
    found = []
    if not flags & _CUT:
        for _ in range(answers):
            record, at = _record(octets, at)
            found.append(record)
    return Message(identity, flags & 0x0F, bool(flags & _CUT), name, kind, tuple(found))


def _record(octets: bytes, at: int) -> tuple[Record, int]:
    name, at = _name(octets, at)
    kind, _class, ttl, length = _fields(">HHIH", octets, at)
    at += 10
    value = octets[at : at + length]
    if len(value) != length:
        raise DecodeError("DNS: a record runs over the end")
    is_address = (kind, length) in ((TYPES["A"], 4), (TYPES["AAAA"], 16))
    return Record(name, kind, ttl, str(ipaddress.ip_address(value)) if is_address else value.hex()), at + length


def _fields(shape: str, octets: bytes, at: int) -> tuple[Any, ...]:
    try:
        return struct.unpack_from(shape, octets, at)
    except struct.error:
        raise DecodeError("DNS: the message is cut short") from None


def _name(octets: bytes, at: int) -> tuple[str, int]:
    """Return a name and where it ends; pointers lead backwards only, so none can loop."""
    labels: list[str] = []
    end, size, jumps = -1, 0, 0
    while True:
        if at >= len(octets):
            raise DecodeError("DNS: a name runs over the end")
        length = octets[at]
        if length & 0xC0 == 0xC0:
            (pointer,) = _fields(">H", octets, at)
            target = pointer & 0x3FFF
            jumps += 1
            if target >= at or jumps > JUMPS:
                raise DecodeError("DNS: a name points forward or too often")
            end = at + 2 if end < 0 else end
            at = target
            continue
        if length > LABEL_OCTETS:
            raise DecodeError("DNS: a label of an unknown kind")
        at += 1
        if not length:
            return ".".join(labels).lower(), at if end < 0 else end
        size += length + 1
        if size >= NAME_OCTETS or at + length > len(octets):
            raise DecodeError("DNS: a name is too long")
        labels.append(octets[at : at + length].decode("ascii", "backslashreplace"))
        at += length


def answers(octets: bytes, *, identity: int, name: str, kind: str) -> Message | None:
    """Return the message when it answers this very question; None when it is something else."""
    try:
        said = decode(octets)
    except DecodeError:
        return None
    same = (said.id, said.name, said.type) == (identity, name.rstrip(".").lower(), TYPES[kind])
    return said if same else None


def run(
    resolver: str,
    name: str,
    kind: str = "A",
    *,
    port: int = PORT,
    timeout_s: float = 2.0,
    interface: str = "",
    clock: Callable[[], ClockState] = clocks.kernel,
) -> dict[str, Any]:
    """Ask once and return the record; the answer's octets are kept in it."""
    begin = sockets.instant()
    made: dict[str, Any] = {
        "at_ms": begin.wall_ns // NS_PER_MS,
        "monotonic_ms": begin.monotonic_ns // NS_PER_MS,
        "clock": clock().record(),
        "over": "udp",
        "foreign": 0,
    }
    identity = secrets.randbelow(1 << 16)
    question = query(identity, name, kind)
    begin = sockets.instant()
    until = begin.monotonic_ns + int(timeout_s * sockets.NS)
    try:
        octets, made["foreign"] = _by_udp((resolver, port), question, until, interface)
        said = answers(octets, identity=identity, name=name, kind=kind)
        if said is not None and said.cut:
            made["over"] = "tcp"
            octets = _by_tcp((resolver, port), question, until, interface)
            said = answers(octets, identity=identity, name=name, kind=kind)
    except OSError as error:
        return made | {"failed": tcp.reason(error).value, "detail": str(error)}
    spent = sockets.instant().monotonic_ns - begin.monotonic_ns
    made |= {"answer": octets[:KEPT].hex(), "octets": len(octets), "time_ns": spent}
    if said is None:
        return made | {"failed": Reason.UNDECODABLE.value, "detail": "no answer to the question"}
    wanted = [each for each in said.answers if each.type == TYPES[kind]]
    return made | {"code": said.code, "answers": len(wanted), "values": [each.value[:VALUE] for each in wanted[:16]]}


def _by_udp(resolver: tuple[str, int], question: bytes, until: int, interface: str) -> tuple[bytes, int]:
    """Return the first datagram that answers the question, and how many came that did not."""
    foreign = 0
    with socket.socket(sockets.family_of(resolver[0]), socket.SOCK_DGRAM) as wire:
        sockets.bound_to(wire, interface)
        wire.connect(sockets.place(*resolver))
        wire.send(question)
        while True:
            wire.settimeout(_left(until))
            octets = wire.recv(MESSAGE)
            if octets[:2] == question[:2] and len(octets) >= _HEAD.size and _is_ours(octets, question):
                return octets, foreign
            foreign += 1


def _is_ours(octets: bytes, question: bytes) -> bool:
    """Whether the question section is the one we asked, letters of either case."""
    asked = question[_HEAD.size :]
    return octets[_HEAD.size : _HEAD.size + len(asked)].lower() == asked.lower()


def _by_tcp(resolver: tuple[str, int], question: bytes, until: int, interface: str) -> bytes:
    with tcp.connect(*resolver, timeout_s=_left(until), interface=interface) as wire:
        wire.sendall(struct.pack(">H", len(question)) + question)
        (length,) = struct.unpack(">H", _exactly(wire, 2, until))
        return _exactly(wire, length, until)


def _exactly(wire: socket.socket, count: int, until: int) -> bytes:
    made = b""
    while len(made) < count:
        wire.settimeout(_left(until))
        more = wire.recv(count - len(made))
        if not more:
            raise ConnectionAbortedError("the resolver closed the connection")
        made += more
    return made


def _left(until: int) -> float:
    """Return the seconds that are left; TimeoutError when none are."""
    left = (until - sockets.instant().monotonic_ns) / sockets.NS
    if left <= 0:
        raise TimeoutError("no answer in time")
    return left
