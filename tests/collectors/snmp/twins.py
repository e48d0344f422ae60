"""Two engines in two equal worlds, one in Python, one with the compiled hot path: whatever happens, the same follows.

    python tests/collectors/snmp/twins.py FAST.so EVENTS SEED

All happens in memory and in simulated time: asks of many kinds, honest replies, damaged ones, doubles, strangers,
silence, send errors, ICMP, drops. The worlds draw request ids of their own; a wound is done to octets, not to ids.
"""

from __future__ import annotations

import errno
import importlib.util
import random
import socket
import sys
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from collectors.snmp import ber, siege
from collectors.snmp.agent import Listing
from collectors.snmp.ask import Ask, Community, Failure, Limits, Target
from collectors.snmp.counters import Counters
from collectors.snmp.flight import Job
from collectors.snmp.loop import Loop
from collectors.snmp.pdu import ErrorStatus, Message, Pdu, decode, encode, response
from collectors.snmp.swift import Swift
from collectors.snmp.varbind import (
    COUNTER32,
    COUNTER64,
    EMPTY,
    GAUGE32,
    INTEGER,
    IP_ADDRESS,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    OPAQUE,
    SYS_UP_TIME,
    TIME_TICKS,
    Varbind,
)
from netops.model import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

ENTRY = (1, 3, 6, 1, 2, 1, 2, 2, 1)
SCALARS = [(1, 3, 6, 1, 2, 1, 1, n, 0) for n in range(1, 8)] + [(1, 3, 6, 1, 4, 1, 4_294_967_295, 200, 0)]
TAGS = (INTEGER, OCTET_STRING, OBJECT_IDENTIFIER, IP_ADDRESS, COUNTER32, GAUGE32, TIME_TICKS, COUNTER64, OPAQUE)
LIMITS = Limits(bulk_varbinds=12, get_varbinds=5)
ASKS = (
    Ask(gets=tuple(SCALARS[:3])),
    Ask(gets=tuple(SCALARS), uptime=True, limits=LIMITS),
    Ask(gets=(*SCALARS[:2], (1, 3, 9)), walks=(((*ENTRY, 1), (*ENTRY, 2), (*ENTRY, 3)),), uptime=True, limits=LIMITS),
    Ask(walks=(((*ENTRY, 2),), ((*ENTRY, 4), (*ENTRY, 9)), ()), limits=LIMITS),
    Ask(uptime=True),
    Ask(),
    Ask(gets=tuple(SCALARS), walks=(((*ENTRY, 1),),), limits=Limits(varbinds=12, get_varbinds=4, bulk_varbinds=3)),
    Ask(walks=(((*ENTRY, 1), (*ENTRY, 2)),), limits=Limits(walk_varbinds=9, walk_s=2.5, bulk_varbinds=6)),
    Ask(walks=(((*ENTRY, 1), (*ENTRY, 2)),), limits=Limits(octets=300, requests=3, bulk_varbinds=4)),
    Ask(gets=((1,),)),
)
COMMUNITY = b"a city's word"
DEVICES = 6
FEW = 3  # how many octets a wound may take out or put in


class Clock:
    """Time that moves when told."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def now_ms(self) -> int:
        return int(self.now * 1000)

    def monotonic(self) -> float:
        return self.now


class Channel:
    """Datagrams in memory."""

    post = None
    family = socket.AF_INET

    def __init__(self, world: World) -> None:
        self.world = world
        self.inbox: deque[tuple[bytes, tuple[str, int]]] = deque()
        self.errors: dict[str, OSError] = {}  # by whom is sent to: in which order is sent what is due is free
        self.icmp: list[tuple[tuple[str, int], str]] = []
        self.drops = 0
        self.empty_at = 0.0

    def send(self, octets: bytes, address: tuple[str, int]) -> None:
        if address[0] in self.errors:
            raise self.errors.pop(address[0])
        self.world.out.append((octets, address, self))

    def receive(self, _: int) -> tuple[bytes, tuple[str, int]]:
        if self.icmp:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "as the kernel tells it")
        if not self.inbox:
            raise BlockingIOError
        return self.inbox.popleft()

    def refusals(self) -> list[tuple[tuple[str, int], str]]:
        told, self.icmp = self.icmp, []
        return told

    def watch(self) -> int:
        return self.drops

    def admit(self, numbers: tuple[int, ...], reach: int) -> bool:
        return True

    def fragment(self) -> bool:
        return False

    def deafen(self) -> None:
        self.inbox.clear()

    hear = close = deafen


def address(n: int) -> str:
    return f"192.0.2.{n + 1}"


class World:
    """One engine and its devices. What it does is told in `said`, without request ids."""

    def __init__(self, fast: object | None) -> None:
        self.fast, self.clock, self.counters = fast, Clock(), Counters()
        self.out: list[tuple[bytes, tuple[str, int], Channel]] = []
        self.channel = Channel(self)
        # Room for all: who gets the place of what ends at one instant may differ.
        kind = Loop if fast is None else partial(Swift, fast=fast)
        self.loop = kind({socket.AF_INET: self.channel}, self.counters, window=DEVICES, clock=self.clock)
        self.answers: list[tuple] = []
        self.asked: dict[int, list[tuple[bytes, Channel]]] = {n: [] for n in range(DEVICES)}

    def lane(self, family: int, *, peer: object) -> Channel:
        return Channel(self)

    def take(self, batch: list) -> None:
        for answer in batch:
            raws = tuple(hidden(raw) for raw in answer.raw)
            walks = [(walked.roots, walked.columns, plainly(walked.failures)) for walked in answer.walks]
            kinds = [type(value) for _, rows in answer.got for value in rows.values]
            told = answer._replace(
                raw=raws, walks=(), got=(), missed=plainly(answer.missed), failed=plain(answer.failed)
            )
            self.answers.append((told, tuple(map(plain, answer.gets)), walks, kinds))

    def turn(self) -> None:
        """Do what the engine's thread does until nothing is left to do now."""
        self.loop.watch()  # in which of many turns the engine looks by itself is not compared
        for _ in range(60):
            self.loop.launch()
            for channel in {id(c): c for c in (self.channel, *(each[2] for each in self.out))}.values():
                while channel.inbox or channel.icmp:
                    self.loop.receive(channel)
                self.loop.receive(channel)
            self.loop.expire()
            self.loop.deliver()
            if self.loop.patience() > 0:
                break

    def seen(self) -> list[tuple]:
        """Return what was sent since, without ids, and remember it for replies."""
        told = []
        for octets, to, channel in sorted(self.out, key=lambda each: each[1]):
            self.asked[int(to[0].rpartition(".")[2]) - 1].append((octets, channel))
            told.append((hidden(octets), to, channel is self.channel))
        self.out.clear()
        return told

    def state(self) -> tuple:
        counted = self.counters.table()
        del counted["recognised"]
        answers, self.answers = sorted(self.answers, key=lambda each: each[0].token), []
        return self.seen(), answers, counted, self.loop.siege.on


def plain(result: object) -> object:
    """Return a failure without its detail where that may quote octets of a damaged request id."""
    if isinstance(result, Failure) and result.reason is Reason.UNDECODABLE:
        return Failure(result.reason)
    return result


def plainly(failures: Mapping[int, Failure]) -> dict[int, object]:
    return {place: plain(failure) for place, failure in failures.items()}


def hidden(octets: bytes) -> bytes:
    """Return a message of ours or to us with its request id (four octets behind the PDU's head) as zeros."""
    at = id_at(octets)
    return octets[:at] + bytes(4) + octets[at + 4 :]


def id_at(octets: bytes) -> int:
    """Return where the request id begins: behind the community, the PDU's tag and length, and its own."""
    at = octets.index(COMMUNITY) + len(COMMUNITY) + 1
    length = octets[at] if at < len(octets) else 0
    return at + 3 + (length & 0x7F if length & 0x80 else 0)


def listing(dice: random.Random) -> Listing:
    """A device: like the others in its names, not in all values; now and then one row more, or an odd type."""
    rows = dice.choice((7, 7, 7, 7, 8))
    objects = [Varbind(SYS_UP_TIME, TIME_TICKS, dice.randrange(1 << 32))]
    objects += [Varbind(oid, tag, value(tag, dice)) for oid, tag in zip(SCALARS, TAGS, strict=False)]
    for column, tag in ((1, INTEGER), (2, OCTET_STRING), (3, COUNTER64), (4, COUNTER32)):
        objects += [Varbind((*ENTRY, column, row), tag, value(tag, dice)) for row in range(1, rows + 1)]
    return Listing(objects)


def value(tag: int, dice: random.Random) -> int | bytes | str:
    if tag == INTEGER:
        return dice.choice((0, -1, 127, -128, 1 << 31, -(1 << 63), dice.randrange(-(1 << 31), 1 << 31)))
    if tag in (COUNTER32, GAUGE32, TIME_TICKS):
        return dice.choice((0, 1, (1 << 32) - 1, dice.randrange(1 << 32)))
    if tag == COUNTER64:
        return dice.choice((0, (1 << 64) - 1, dice.randrange(1 << 64)))
    if tag == OBJECT_IDENTIFIER:
        return dice.choice(("0.0", "1.3.6.1.4.1.2011.2.224", "2.999.4294967295", "1.3.6.1"))
    if tag == IP_ADDRESS:
        return dice.randbytes(4)
    return dice.randbytes(dice.choice((0, 3, 8, 127, 128, 300)))


class Wound:
    """What is done to a datagram, the same in both worlds."""

    def __init__(self, dice: random.Random) -> None:
        self.kind = dice.choice(("flip", "flip", "flip", "set", "cut", "take", "put", "longer", "id"))
        self.place, self.bits, self.octets = dice.random(), dice.randrange(1, 256), dice.randbytes(dice.randint(1, FEW))

    def done(self, octets: bytes, other: bytes) -> bytes:
        """Return the octets wounded. `other` is what the other world has in their place: equal but for the id."""
        if COMMUNITY not in octets[:40] or len(octets) < id_at(octets) + 4:
            return octets
        at = int(self.place * len(octets))
        if self.kind == "id":
            at = id_at(octets) + int(self.place * 4)
        if self.kind in ("flip", "id"):
            return octets[:at] + bytes((octets[at] ^ (1 << self.bits % 8),)) + octets[at + 1 :]
        if self.kind == "set":  # an octet of the id that is set to the same in both worlds would differ in effect
            while octets[at] != other[at]:  # by octets, not by place: a wound before may have moved the id
                at -= 1
            return octets[:at] + bytes((self.bits,)) + octets[at + 1 :]
        if self.kind == "cut":
            return octets[:at]
        if self.kind == "take":
            return octets[:at] + octets[at + len(self.octets) :]
        if self.kind == "longer":
            return octets + self.octets
        return octets[:at] + self.octets + octets[at:]


class Twins:
    """Both worlds, and the dice that say what happens next in them."""

    def __init__(self, fast: object, seed: int | str) -> None:
        self.dice = random.Random(seed)
        self.worlds = (World(None), World(fast))
        self.devices = [listing(self.dice) for _ in range(DEVICES)]
        self.targets = [
            Target(
                address=address(n),
                credential=Community(COMMUNITY),
                timeout_s=1.0,
                retries=2,
                deadline_s=5.0 if n != DEVICES - 1 else 1.5,
                varbinds_per_s=40 if n == 2 else 0,
            )
            for n in range(DEVICES)
        ]
        self.tokens = 0
        self.happened = ""

    def live(self, events: int) -> None:
        """Let so many things happen, and compare the worlds after each."""
        for number in range(events):
            self.event()
            python, compiled = [self.through(world) for world in self.worlds]
            if python != compiled:
                raise AssertionError(f"event {number}: {self.happened}\n{differences(python, compiled)}")

    def through(self, world: World) -> tuple:
        siege.Channel = world.lane  # type: ignore[assignment, misc]
        ber._FAST = world.fast  # type: ignore[assignment]
        world.turn()
        return world.state()

    def event(self) -> None:
        """Choose what happens, and let it."""
        dice = self.dice
        n = dice.randrange(DEVICES)
        kind = dice.choices(*zip(*EVENTS, strict=True))[0]
        self.happened = f"{kind} at device {n}"
        if kind == "ask":
            ask, count, due = dice.choice(ASKS), dice.choice((1, 1, 1, 2)), dice.choice((0, 0, 500, 999_000))
            jobs = [Job(self.targets[n], ask, self.tokens + i, due) for i in range(count)]
            self.tokens += count
            for world in self.worlds:
                world.loop.take(jobs, world.take, world.clock.now_ms())
        elif kind == "time":
            seconds = dice.choice((0.001, 0.02, 0.2, 1.001, 3.0))
            for world in self.worlds:
                world.clock.now += seconds
        elif kind == "error":
            for world in self.worlds:
                world.channel.errors[address(n)] = OSError(errno.ENETUNREACH, "unreachable")
        elif kind == "icmp":
            for world in self.worlds:
                world.channel.icmp.append(((address(n), 161), "ECONNREFUSED"))
                world.channel.errors[address(n - 1)] = ConnectionRefusedError(errno.ECONNREFUSED, "somebody's")
        elif kind == "drops":
            for world in self.worlds:
                world.channel.drops += 1
        elif kind == "calm":
            for world in self.worlds:
                world.clock.now += 70
        elif kind == "other":
            self.devices[n] = listing(dice)
        else:
            self.reply(kind, n)

    def reply(self, kind: str, n: int) -> None:
        """Have a device, or somebody in its name, say something: to its last question, or to one before."""
        dice = self.dice
        back = 1 if kind != "late" else dice.randint(2, 4)
        wounds = [Wound(dice) for _ in range(dice.choice((1, 1, 2)))] if kind == "damaged" else []
        times = 2 if kind == "double" else 1
        source = (address(n), 161) if kind != "stranger" else ("198.51.100.9", 161)
        odd = dice.choice(("tooBig", "community", "order", "less", "noise")) if kind == "odd" else ""
        noise = dice.randbytes(dice.randint(0, 60))
        questions = [(world, *world.asked[n][-back]) for world in self.worlds if len(world.asked[n]) >= back]
        replies = [noise if odd == "noise" else self.said(octets, n, odd) for _, octets, _ in questions]
        for wound in wounds:
            replies = [wound.done(*pair) for pair in zip(replies, replies[::-1], strict=True)]
        for (world, octets, channel), said in zip(questions, replies, strict=True):
            channel.inbox.extend([(said, source)] * times)
            if channel is not world.channel and channel.inbox:
                world.out.append((octets, (address(n), 161), channel))

    def said(self, octets: bytes, n: int, odd: str) -> bytes:
        message = decode(octets)
        pdu = self.devices[n].respond(message.pdu)
        community = message.community
        if odd == "tooBig":
            pdu = Pdu(pdu.kind, pdu.request_id, ErrorStatus.TOO_BIG, 0, EMPTY)
        elif odd == "community":
            community = b"another's"
        elif odd == "order":
            pdu = response(pdu, list(pdu.varbinds)[::-1])
        elif odd == "less":
            pdu = response(pdu, list(pdu.varbinds)[:-1])
        return encode(Message(community, pdu))


EVENTS = (
    ("ask", 45),
    ("reply", 50),
    ("damaged", 50),
    ("double", 5),
    ("late", 5),
    ("stranger", 2),
    ("odd", 6),
    ("time", 16),
    ("other", 1),
    ("error", 1),
    ("icmp", 1),
    ("drops", 0.1),
    ("calm", 1),
)


def differences(python: tuple, compiled: tuple) -> str:
    told = []
    for name, one, other in zip(("sent", "answers", "counters", "siege"), python, compiled, strict=True):
        ones, others = [list(each.items() if isinstance(each, dict) else [each]) for each in (one, other)]
        if isinstance(one, list):
            ones, others = one, other
        told += [f"{name}: Python   {each!r:.900}" for each in ones if each not in others]
        told += [f"{name}: compiled {each!r:.900}" for each in others if each not in ones]
    return "\n".join(told)


def main() -> None:
    spec = importlib.util.spec_from_file_location("_fast", sys.argv[1])
    assert spec is not None
    assert spec.loader is not None
    fast = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fast)
    twins = Twins(fast, sys.argv[3])
    twins.live(int(sys.argv[2]))
    print(twins.worlds[1].counters.table(), "taken by the pilot:", twins.worlds[1].loop._pilot.taken)


if __name__ == "__main__":
    main()
