"""The engine under loss, beside the dead, against thousands of hostile replies, and with a thousand in flight."""

import os
import random
import socket
import subprocess
import time

import pytest

from collectors.snmp.ask import Ask, Community, Target
from collectors.snmp.engine import Engine
from collectors.snmp.flight import Job
from collectors.snmp.varbind import SYS_UP_TIME
from tests.collectors.snmp.devices import ASK, COLUMNS, NAME, device, honest

pytestmark = pytest.mark.usefixtures("way")


@pytest.mark.slow
def test_ten_per_cent_loss_and_disorder_never_make_a_device_down():
    """R9: seeded loss, doubles and reordering over many device-slots; with three tries no healthy device is silent."""
    chance = random.Random(20_261_009)
    rounds = 100 * int(os.environ.get("NETOPS_ROUNDS", "3"))
    held = []

    def reply(agent, message, source):
        said = agent.honest(message)
        dice = chance.random()
        if dice < 0.05:
            return
        if dice < 0.15:
            held.append(said)
            return
        yield said
        if dice < 0.3:
            yield said
        if held and dice > 0.8:
            yield held.pop(0)

    with device(reply) as agent, Engine() as engine:
        answers = [
            engine.ask(agent.target(timeout_s=0.03, retries=5), Ask(gets=(NAME,), walks=(COLUMNS,)))
            for _ in range(rounds)
        ]

    assert {answer.outcome for answer in answers} == {"answered"}
    assert all(answer.failed is None for answer in answers)
    assert all([len(c) for c in answer.walks[0].columns] == [40, 40] for answer in answers)


@pytest.mark.slow
def test_dead_devices_cost_the_living_nothing():
    """R10: beside a black-holed device that is waited for ten seconds, the others are answered at once."""
    with device(lambda *_: ()) as dead, device(honest) as living, Engine(window=200) as engine:
        silent = []
        engine.submit([Job(dead.target(timeout_s=10.0, retries=2), ASK)] * 50, silent.extend)
        began = time.monotonic()
        answers = list(engine.run([Job(living.target(), ASK, n) for n in range(100)]))
        took = time.monotonic() - began

    assert {answer.outcome for answer in answers} == {"answered"}
    assert took < 5


@pytest.mark.slow
def test_ten_thousand_hostile_replies_over_udp():
    """S1, S3: whatever an agent sends back, the engine lives, nothing false is taken, and the true reply is found."""
    chance = random.Random(20_261_002)

    def reply(agent, message, source):
        said = bytearray(agent.honest(message))
        for _ in range(20):
            noise = bytearray(said)
            noise[chance.randrange(len(noise) - 9)] ^= 1 << chance.randrange(8)  # never only in the value itself
            yield bytes(noise)
            yield chance.randbytes(chance.randint(0, 80))
        yield bytes(said)

    rounds = 3_334 * int(os.environ.get("NETOPS_ROUNDS", "3")) // 40 + 1
    with device(reply) as agent, Engine() as engine:
        answers = [engine.ask(agent.target(timeout_s=2.0), ASK) for _ in range(rounds)]

    assert all(answer.answered for answer in answers)
    assert all(b"a lie" not in b"".join(answer.raw) for answer in answers)


@pytest.fixture(scope="module")
def thousand(tmp_path_factory, root):
    """A thousand agents of the benchmark's responder on loopback."""
    program = tmp_path_factory.mktemp("responder") / "responder"
    subprocess.run(["gcc", "-O2", "-w", "-o", program, root / "benchmarks/snmp/responder.c"], check=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("0.0.0.0", 0))
        port = probe.getsockname()[1]
    child = subprocess.Popen([program, str(port)], stderr=subprocess.DEVNULL)
    yield lambda n: Target(
        address=f"127.1.{n // 250}.{n % 250 + 1}", port=port, credential=Community(b"public"), timeout_s=3.0
    )
    child.terminate()
    child.wait()


@pytest.mark.slow
@pytest.mark.root
@pytest.mark.partner("gcc")
def test_a_thousand_in_flight_have_no_false_time_out(thousand):
    """The level of collection.md section 4; every third address has no agent (R10) and costs the others nothing."""
    targets = [thousand(n) for n in range(1_000)]
    nobody = [Target(address=t.address, port=9, credential=t.credential, timeout_s=0.5) for t in targets[::3]]
    ask = Ask(gets=(SYS_UP_TIME,), walks=(COLUMNS,))
    with Engine(window=1_500) as engine:
        while not engine.ask(targets[0], ask).answered:
            pass
        dead = []
        engine.submit([Job(target, ask) for target in nobody], dead.extend)
        answers = list(engine.run(Job(target, ask, n) for n, target in enumerate(targets * 4)))

    assert {answer.outcome for answer in answers} == {"answered"}
    assert all(len(answer.walks[0].columns[1]) == 32 for answer in answers)
    assert max(answer.attempts for answer in answers) == 1
    assert engine.counters.socket_drops == 0
