"""The compiled hot path: the same as the Python way whatever comes, optional, and sound to its sanitizers."""

import importlib.util
import os
import random
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

from collectors.errors import DecodeError
from collectors.snmp import ber, compiled
from collectors.snmp.ask import Ask, Community, Target
from collectors.snmp.engine import Engine
from collectors.snmp.flight import Job
from collectors.snmp.pdu import Message, decode, encode, response
from collectors.snmp.varbind import (
    COUNTER32,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SYS_OBJECT_ID,
    UNREADABLE,
    Varbind,
)
from netops.commands import doctor
from netops.model import Reason

HERE = Path(__file__).parent
SOURCE = Path(compiled.__file__).with_name("fast.c")
HEADERS = Path(sysconfig.get_path("include"))
SEED = os.environ.get("NETOPS_SEED", "20261126")
EVENTS = 1_000 * int(os.environ["NETOPS_ROUNDS"]) if "NETOPS_SOAK" in os.environ else 2_500
NAME = (1, 3, 6, 1, 2, 1, 1, 5, 0)

_spec = importlib.util.spec_from_file_location("snmp_twins", HERE / "twins.py")
twins = importlib.util.module_from_spec(_spec)
sys.modules["snmp_twins"] = twins
_spec.loader.exec_module(twins)


def flipped(octets, bit):
    return bytes((octets[bit // 8] ^ 1 << bit % 8,))


can_build = pytest.mark.skipif(not (HEADERS / "Python.h").exists(), reason="Python's headers are missing (python3-dev)")


@pytest.fixture
def fast():
    return pytest.importorskip("collectors.snmp._fast", reason="the compiled hot path was not built")


@pytest.fixture(autouse=True)
def _as_they_were(monkeypatch):
    monkeypatch.setattr("collectors.snmp.siege.Channel", twins.siege.Channel)  # the twins put theirs there
    monkeypatch.setattr("collectors.snmp.ber._FAST", ber._FAST)


@pytest.mark.parametrize("part", range(4))
def test_fuzz_both_ways_say_the_same_of_whatever_happens(fast, part):
    """Asks, honest and damaged replies, doubles, strangers, silence, errors, floods: same datagrams, same answers."""
    pair = twins.Twins(fast, f"{SEED} {part}")

    pair.live(EVENTS)

    assert pair.worlds[1].loop._pilot.taken > EVENTS // 40  # so small a world has its dice
    assert pair.worlds[0].counters.faults == pair.worlds[1].counters.faults == 0


def test_fuzz_the_decoder_reads_the_same_both_ways(fast):
    """Good and damaged lists of varbinds: the same names, types, values and places, or the same error."""
    dice = random.Random(SEED)
    plain = 0
    for _ in range(2 * EVENTS):
        rows = [
            Varbind(name(dice), tag, twins.value(tag, dice)) for tag in dice.choices(twins.TAGS, k=dice.randrange(5))
        ]
        octets = bytearray(ber.varbind_list(rows))
        for _ in range(dice.choice((0, 1, 1, 2))):
            octets[dice.randrange(len(octets))] ^= 1 << dice.randrange(8)
        octets = bytes(octets) + dice.randbytes(dice.choice((0, 0, 0, 3)))
        most = dice.choice((3, 4_096))
        plain += fast.varbinds(octets, 0, len(octets), most, ber.oid_text) is not None
        said = []
        for way in (None, fast):
            ber._FAST = way
            try:
                said.append(ber.varbinds_of(octets, 0, len(octets), most))
            except DecodeError as error:
                said.append(str(error))
        assert said[0] == said[1], octets.hex()
        if isinstance(said[0], tuple):
            assert list(map(type, said[0][0].values)) == list(map(type, said[1][0].values))
    assert plain > EVENTS // 2


def name(dice):
    """An OID of any length, its arcs of any size."""
    first = dice.randrange(3)
    arcs = [dice.choice((0, 1, 127, 128, 255, 16_384, (1 << 32) - 1)) for _ in range(dice.choice((0, 3, 9, 126)))]
    return (first, dice.randrange(40) if first < 2 else dice.choice((39, 48, 999, (1 << 32) - 1)), *arcs)


def test_fuzz_every_single_bit_of_a_reply_changed(fast):
    """Each bit of a known reply alone: what the compiled way takes, the Python way reads alike."""
    pair = twins.Twins(fast, SEED)
    ask, target = twins.ASKS[1], pair.targets[0]

    def asked(token):
        for world in pair.worlds:
            world.loop.take([Job(target, ask, token)], world.take, 0)
        states = [pair.through(world) for world in pair.worlds]
        assert states[0] == states[1]

    def answered(wound):
        for world in pair.worlds:
            octets, _ = world.asked[0][-1]
            world.channel.inbox.append((wound(pair.said(octets, 0, "")), (twins.address(0), 161)))
        states = [pair.through(world) for world in pair.worlds]
        assert states[0] == states[1], wound
        return states[0][1]

    def honestly(token):
        asked(token)
        while not answered(bytes):
            pass

    for token in range(4):
        honestly(token)
    pilot, took = pair.worlds[1].loop._pilot, 0
    size = len(pair.said(pair.worlds[1].asked[0][-1][0], 0, ""))
    for bit in range(0, 8 * size, 1 if "NETOPS_SOAK" in os.environ else 7):
        if not bit % 3:
            honestly(2 * bit + 10)
        asked(2 * bit + 11)
        answered(bytes)
        before = pilot.taken
        done = answered(lambda said, bit=bit: said[: bit // 8] + flipped(said, bit) + said[bit // 8 + 1 :])
        took += pilot.taken - before
        if not done:
            answered(bytes)
    assert took > 6  # a bit of a value is no damage to the reply


def test_an_engine_with_the_compiled_way_flies_in_it(fast):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as agent, Engine(window=8, fast=True) as engine:
        agent.bind(("127.0.0.1", 0))
        target = Target(address="127.0.0.1", port=agent.getsockname()[1], credential=Community(b"c"))
        ask = Ask(gets=(NAME, (*NAME[:-1], 7)))
        taken = []
        for n in range(8):
            engine.submit([Job(target, ask, n)], taken.extend)
            octets, source = agent.recvfrom(65_535)
            message = decode(octets)
            rows = [Varbind(NAME, OCTET_STRING, b"x" * n), Varbind((*NAME[:-1], 7), COUNTER32, 1 << (4 * n))]
            agent.sendto(encode(Message(message.community, response(message.pdu, rows))), source)
            while len(taken) <= n:
                time.sleep(0.001)
        pilot = engine._loop._pilot

    assert [answer.got[0][1].values for answer in taken] == [(b"x" * n, 1 << (4 * n)) for n in range(8)]
    assert {type(answer) for answer in taken} == {type(taken[0])}
    assert pilot.taken == 6  # the first ask makes the target known, the second the shape of its replies
    assert pilot.count == 0


@pytest.mark.parametrize("spoilt", [b"\x84", b"\x8f\xff\xff\xff\xff\x04"], ids=["open end", "arc beyond 32 bits"])
def test_an_unsound_name_among_the_values_of_a_reply_like_the_last_one(fast, spoilt):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as agent, Engine(window=8, fast=True) as engine:
        agent.bind(("127.0.0.1", 0))
        target = Target(address="127.0.0.1", port=agent.getsockname()[1], credential=Community(b"c"))
        ask = Ask(gets=(SYS_OBJECT_ID,))
        sound = bytes((0x2B, 6, 1, 4, 1, 9, 9)) + b"\x04" * len(spoilt)
        taken = []
        for n in range(5):
            engine.submit([Job(target, ask, n)], taken.extend)
            octets, source = agent.recvfrom(65_535)
            message = decode(octets)
            rows = [Varbind(SYS_OBJECT_ID, OBJECT_IDENTIFIER, ber.oid_text(sound))]
            said = encode(Message(message.community, response(message.pdu, rows)))
            assert said.count(sound) == 1
            agent.sendto(said if n < 4 else said.replace(sound, sound[: -len(spoilt)] + spoilt), source)
            while len(taken) <= n:
                time.sleep(0.001)

    assert [answer.got[0][1].tags for answer in taken] == [(OBJECT_IDENTIFIER,)] * 4 + [(UNREADABLE,)]


def test_the_window_and_the_queue_behind_a_device_hold(fast):
    world = twins.World(fast)
    target = [Target(address=twins.address(n), credential=Community(twins.COMMUNITY)) for n in range(20)]
    ask = twins.ASKS[0]
    world.loop.take([Job(each, ask, 0) for each in target * 2], world.take, 0)  # makes them known
    for _ in range(100):
        world.turn()
        world.clock.now += 1
    world.out.clear()

    world.loop.take([Job(each, ask, n) for n, each in enumerate(target * 2)], world.take, 0)
    world.turn()

    assert len(world.out) == world.loop.window
    assert world.loop._pilot.count == world.loop.window
    assert world.loop.patience() > 0


def test_what_is_full_is_forgotten_and_learned_anew(fast):
    """The book's budget bounds what both ways remember; flights under way are not lost by it."""
    pair = twins.Twins(fast, SEED)
    for _ in range(30):
        pair.live(40)
        for world in pair.worlds:
            world.loop._known.book.budget = 1_000

    assert pair.worlds[1].loop._known.book.forgotten > 5


def test_a_fault_while_a_flight_is_adopted_leaves_nobody_waiting(fast, monkeypatch):
    world = twins.World(fast)
    targets = [Target(address=twins.address(n), credential=Community(twins.COMMUNITY)) for n in range(3)]
    world.loop.take([Job(each, twins.ASKS[0], 0) for each in targets * 2], world.take, 0)
    for _ in range(50):
        world.turn()
        world.clock.now += 1
    world.loop.take([Job(each, twins.ASKS[0], n) for n, each in enumerate(targets)], world.take, 0)
    world.turn()
    assert world.loop._pilot.count == 3
    world.answers.clear()

    monkeypatch.setattr(world.loop, "_adopted", lambda state: 1 / 0)
    world.clock.now += 10
    with pytest.raises(ZeroDivisionError):
        world.loop.expire()
    world.loop.deliver()

    assert sorted(told.token for told, *_ in world.answers) == [0, 1, 2]
    assert {told.failed.reason for told, *_ in world.answers} == {Reason.NOT_RUNNING}


def test_doctor_says_which_way_is_taken():
    found = {each.what: each for each in doctor._doors()}

    assert found["snmp"].said == compiled.said()


def test_it_can_be_switched_off(monkeypatch):
    monkeypatch.setenv("NETOPS_NO_C", "1")

    assert compiled.fast() is None
    assert "NETOPS_NO_C" in compiled.said()
    done = subprocess.run(
        [sys.executable, "-c", "from collectors.snmp.engine import Engine; print(Engine()._fast)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "None"


def test_one_compiled_from_another_state_is_not_taken(fast, monkeypatch):
    monkeypatch.delenv("NETOPS_NO_C", raising=False)
    assert compiled.fast() is fast

    monkeypatch.setattr(fast, "VERSION", compiled.VERSION - 1)

    assert compiled.fast() is None
    assert "install" in compiled.said()


def test_a_wrong_call_is_an_error_and_no_crash(fast):
    with pytest.raises(TypeError):
        fast.Question()
    with pytest.raises(TypeError):
        fast.Pilot()
    with pytest.raises(TypeError):
        fast.Pilot(None, None, None, int, int, int, int)
    world = twins.World(fast)
    pilot = world.loop._pilot
    with pytest.raises(TypeError):
        pilot.plan(object(), object(), (object(),), 1, (), (1, 1.0, 1, 1, 1))
    with pytest.raises(TypeError):
        pilot.begin(None)
    with pytest.raises(TypeError):
        fast.varbinds("no octets", 0, 1, 1, None)
    assert fast.varbinds(b"\x30\x00", 0, 9, 9, None) is None
    assert fast.varbinds(b"\x30\x00", -1, 2, 9, None) is None
    assert pilot.know(object(), "no address", object(), 1.0, 1.0, 0.0)
    assert pilot.at("no address") is None


@can_build
@pytest.mark.partner("gcc")
def test_the_compiler_has_nothing_to_say():
    words = ["gcc", "-fsyntax-only", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-cast-function-type"]

    done = subprocess.run([*words, f"-I{HEADERS}", SOURCE], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr[-3000:]


@can_build
@pytest.mark.slow
@pytest.mark.partner("gcc")
@pytest.mark.timeout(3_600)
def test_fuzz_under_sanitizers(tmp_path):
    """No octet is read or written outside its place, and nothing is undefined, whatever comes."""
    made = tmp_path / "_fast.so"
    flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-g", "-O1", "-std=gnu11"]
    subprocess.run(["gcc", "-shared", "-fPIC", *flags, f"-I{HEADERS}", SOURCE, "-o", made], check=True)
    libraries = [
        subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    if not all(Path(each).is_absolute() for each in libraries):
        pytest.skip("gcc has no sanitizers here")
    environment = {
        **os.environ,
        "LD_PRELOAD": ":".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0",  # the interpreter itself keeps much to its end
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": str(SOURCE.parents[2]),
    }
    rounds = EVENTS if "NETOPS_SOAK" in os.environ else 10_000 * int(os.environ.get("NETOPS_ROUNDS", "1"))

    done = subprocess.run(
        [sys.executable, HERE / "twins.py", made, str(rounds), SEED],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    assert "taken by the pilot" in done.stdout


@pytest.mark.slow
def test_nothing_leaks_over_many_asks(fast):
    """Memory stands still while the same things happen again and again."""
    pair = twins.Twins(fast, SEED)
    for world in pair.worlds:
        world.loop._known.book.budget = 256 << 10  # what is learned is forgotten soon, and learned anew

    def live(events):
        for _ in range(events // 500):
            for world in pair.worlds:
                world.asked = {n: each[-8:] for n, each in world.asked.items()}
            pair.live(500)
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before = live(6_000)
    after = live(12_000)

    assert all(world.loop._known.book.forgotten > 10 for world in pair.worlds)
    assert after - before < 1 << 20


@pytest.mark.slow
def test_nothing_leaks_where_all_goes_as_it_went_before(fast):
    pair = twins.Twins(fast, SEED)
    world = pair.worlds[1]

    def live(asks):
        for _ in range(asks):
            world.loop.take([Job(pair.targets[0], twins.ASKS[1], 0)], world.take, 0)
            world.turn()
            while world.out:
                (octets, source, _), *_ = world.out
                world.out.clear()
                world.channel.inbox.append((pair.said(octets, 0, ""), source))
                world.turn()
            assert len(world.answers) == 1
            world.answers.clear()
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before, taken = live(2_000), world.loop._pilot.taken
    after = live(8_000)

    assert world.loop._pilot.taken - taken >= 8_000
    assert after - before < 300 << 10  # an object of 40 octets lost for each reply would show


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["as it is", "none"])
def test_the_package_installs_with_and_without_a_compiler(tmp_path, compiler, root):
    """A fresh environment, as tools/venv makes it: without a compiler the install succeeds, and the way is Python's."""
    if compiler == "as it is" and not (shutil.which("gcc") and (HEADERS / "Python.h").exists()):
        pytest.skip("needs gcc and python3-dev")
    tree = tmp_path / "tree"
    shutil.copytree(
        root, tree, ignore=lambda _, names: [n for n in names if n.startswith(".") or n.endswith((".so", ".egg-info"))]
    )
    paths = tmp_path / "bin"
    paths.mkdir()
    environment = {**os.environ, "CC": "no-such-compiler"} if compiler == "none" else dict(os.environ)
    environment.pop("NETOPS_NO_C", None)
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--system-site-packages", venv], check=True)
    site = next((venv / "lib").glob("python*/site-packages"))
    (site / "outer.pth").write_text(f"{sysconfig.get_path('purelib')}\n")  # setuptools and all that is required

    subprocess.run(
        [venv / "bin/python", "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "-e", "."],
        cwd=tree,
        env=environment,
        check=True,
    )

    said = subprocess.run(
        [venv / "bin/python", "-c", "from collectors.snmp import compiled; print(compiled.__file__, compiled.said())"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={**environment, "PYTHONPATH": str(tree)},
    ).stdout
    assert str(tree) in said
    assert ("compiled (fast.c)" in said) == (compiler == "as it is")
