"""S1: every octet string is a packet of Portal 2.0 or a PacketError, quickly."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from captive_portal.portal2 import exchange, hearing, packets
from captive_portal.portal2.ac import PROFILES, Ac, Profile
from captive_portal.portal2.hearing import Verdict
from captive_portal.portal2.journal import User
from captive_portal.portal2.packet import PacketError, Type, decode

HERE = Path(__file__).resolve().parent


def _loaded(name: str, path: Path):
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


worlds = _loaded("portal2_world", HERE / "portal2_world.py")
fuzzing = _loaded("portal_fuzzing", HERE.parent / "collectors" / "fuzzing.py")
simulator, until = worlds.simulator, worlds.until


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setattr(exchange, "WAITS_S", (0.15, 0.15, 0.3))
    with worlds.world(tmp_path) as made:
        yield made


def _seeds() -> list[bytes]:
    pairs = [
        (1, b"13800000000"),
        (3, bytes(range(16))),
        (4, bytes(16)),
        (0x0A, bytes(4)),
        (0x0B, bytes(6)),
        (0x0D, bytes(252)),
    ]
    sealed = [
        simulator.packet(type_, "10.0.0.1", serial=7, request=9, pairs=pairs[: type_ % 7], secret=b"s3cret-of-portal")
        for type_ in (*range(1, 0x15), *range(0x30, 0x37), 0x81, 0x82)
    ]
    return [*sealed, *(each[:16] + each[32:] for each in sealed[:6]), simulator.packet(1, "10.0.0.1", version=1)]


def _judge(unsigned: bool):
    ac = Ac(
        id="ac-1",
        address="10.6.10.77",
        networks=(),
        secret=b"s3cret-of-portal",
        unsigned=unsigned,
        binding=True,
        profile=Profile(logon_acks=True),
    )
    user = User(address="10.0.0.1", mac="00:00:00:00:00:00", name="a", request=9, since_ms=0, until_ms=1)

    def call(octets: bytes) -> object:
        packet = hearing.read(ac, octets)
        if isinstance(packet, str):
            decode(octets, unsigned=True)
            return packet
        heard = hearing.judge(ac, packet, user, copy=False)
        assert unsigned or heard.verdict is not Verdict.DISBELIEVED
        return heard

    return call


def _course(octets: bytes) -> object:
    ac = Ac(
        id="ac-1",
        address="10.6.10.77",
        networks=(),
        secret=b"s3cret-of-portal",
        unsigned=True,
        profile=PROFILES["ruijie"],
    )
    course = exchange.Login(ac, "10.0.0.1", serial=7, name="a", password=b"b")
    course.begin()
    for _ in range(3):
        course.heard(octets)
    return course.silent()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "parser",
    [
        fuzzing.Parser("portal2 decode", _seeds(), decode, (PacketError,)),
        fuzzing.Parser("portal2 notification", _seeds(), _judge(unsigned=False), (PacketError,)),
        fuzzing.Parser("portal2 notification, unsigned", _seeds(), _judge(unsigned=True), (PacketError,)),
        fuzzing.Parser("portal2 course", _seeds(), _course),
    ],
    ids=lambda parser: parser.name,
)
def test_fuzz_every_octet_string_is_read_or_refused_quickly(parser) -> None:
    seen = fuzzing.fuzz(parser)

    assert seen["inputs"] >= 1_000


def test_the_journal_says_what_was_not_believed(world) -> None:
    world.ac.tell(b"\x02\x08 no packet")
    until(lambda: world.gateway.post.counted["disbelieved"] == 1)
    world.gateway.journal.settle()

    kept = list(packets.read(world.gateway.journal.path, world.gateway.journal.vault))

    assert [(each.way, each.octets, bool(each.judged)) for each in kept] == [("in", b"\x02\x08 no packet", True)]
    assert kept[0].octets[1] == Type.NTF_LOGOUT
