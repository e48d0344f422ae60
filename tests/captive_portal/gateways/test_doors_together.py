"""Who logs in at the same time is let in by one transaction of the kernel, and each gets their own answer."""

from __future__ import annotations

import math
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from captive_portal import gate, hatch, ruleset
from captive_portal.errors import GatewayError, LateError, SilentError
from captive_portal.gateways import nftables
from captive_portal.gateways.nftables import Nftables, _asked
from captive_portal.model import Bounds, Client
from captive_portal.socket_line import Listener
from netops.clock import SYSTEM
from netops.config import Data, PortalAt, Settings

HOUR = Bounds(seconds=3600)
OWN = frozenset({os.getuid()})


class Kernel:
    """Stands for nftables: slow as one that is busy, and it refuses what holds a word that it was given."""

    refused = "(no command has this)"

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.gate: gate.Gate | None = None

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, commands: str) -> None:
        time.sleep(0.02)
        if self.refused in commands:
            raise gate.KernelError("nftables: Error: refused")
        self.ran.append(commands)

    def ask(self, command: str) -> list[dict]:
        return [{"set": {"elem": [7]}}] if command.endswith("born") else []


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(data=Data(dir=tmp_path), portal=PortalAt(gateway="nftables", visitors={"v0": "park"}))


@pytest.fixture
def kernel(settings):
    rules = ruleset.Ruleset(interfaces=("v0",), port=8081)
    made = gate.Gate(rules, hatch.socket_path(settings), peers=OWN)
    made._kernel = Kernel()
    made._kernel.gate = made
    made.start()
    made._kernel.ran.clear()
    yield made._kernel
    made.stop()


def device(number: int, address: str = "") -> Client:
    return Client(mac=f"02:00:00:00:00:{number:02x}", interface="v0", addresses=(address or f"10.0.0.{number}",))


def outcomes(door: Nftables, clients: list[Client]) -> list[Exception | None]:
    """Let them in at the same moment; return what each was told."""
    together = threading.Barrier(len(clients))

    def come(client: Client) -> Exception | None:
        together.wait()
        try:
            door.allow(client, HOUR)
        except Exception as error:  # noqa: BLE001  (it is what is looked at)
            return error
        return None

    with ThreadPoolExecutor(len(clients)) as pool:
        return list(pool.map(come, clients))


def admissions(kernel: Kernel) -> list[int]:
    return [each.count("auth4") // 3 for each in kernel.ran if "timeout" in each]


def test_who_comes_together_is_let_in_together(settings, kernel) -> None:
    with Nftables(settings, SYSTEM) as door:
        assert outcomes(door, [device(n) for n in range(1, 81)]) == [None] * 80

    assert sum(admissions(kernel)) == 80, "each once"
    assert len(admissions(kernel)) <= 10
    assert max(admissions(kernel)) <= hatch.PART, "a line stays below its bound"


def test_one_that_the_kernel_refuses_keeps_nobody_else_out(settings, kernel) -> None:
    kernel.refused = ". 10.0.0.7 "
    with Nftables(settings, SYSTEM) as door:
        told = outcomes(door, [device(n) for n in range(1, 21)])

    assert [n for n, each in enumerate(told, 1) if each is not None] == [7]
    assert isinstance(told[6], GatewayError)
    assert all(f"10.0.0.{n} " in "".join(kernel.ran) for n in range(1, 21) if n != 7)


def test_a_refused_one_costs_its_own_part_and_no_other(settings, kernel) -> None:
    kernel.refused = ". 10.0.0.7 "
    waiting = [nftables.Waiting({**_asked(device(n)), "seconds": 60}, math.inf) for n in range(1, 3 * hatch.PART + 1)]
    door = Nftables(settings, SYSTEM)

    told = door._open_all(waiting)

    assert [n for n, each in enumerate(told, 1) if each is not None] == [7]
    assert admissions(kernel) == [1] * (hatch.PART - 1) + [hatch.PART] * 2


def test_who_waited_too_long_makes_nobody_else_late(settings, kernel) -> None:
    """A silence, not a refusal: after some of those a visit is given up."""
    waiting = [
        nftables.Waiting({**_asked(device(n)), "seconds": 60}, 0.0 if n == 7 else math.inf) for n in range(1, 11)
    ]
    door = Nftables(settings, SYSTEM)

    told = door._open_all(waiting)

    assert [n for n, each in enumerate(told, 1) if each is not None] == [7]
    assert isinstance(told[6], SilentError)
    assert admissions(kernel) == [1] * 9


def test_who_becomes_late_at_the_gate_takes_nobody_along(settings, kernel) -> None:
    """One of 64 is not waited for any more when the gate is free again; it held its lock for a list."""
    soon, later = SYSTEM.monotonic() + 0.2, SYSTEM.monotonic() + 60
    waiting = [nftables.Waiting({**_asked(device(n)), "seconds": 60}, soon if n == 7 else later) for n in range(1, 65)]
    told: list[Exception | None] = []
    door = Nftables(settings, SYSTEM)
    with kernel.gate._lock:
        asking = threading.Thread(target=lambda: told.extend(door._open_all(waiting)))
        asking.start()
        asking.join(0.5)
    asking.join(10)

    assert [n for n, each in enumerate(told, 1) if each is not None] == [7]
    assert isinstance(told[6], LateError)


def test_the_turn_to_ask_is_no_part_of_the_time_in_which_a_gate_answers(settings, kernel, monkeypatch) -> None:
    """openNDS takes one question at a time, and each takes a while: who waits for the turn is not late."""
    monkeypatch.setattr(Nftables, "timeout_s", 0.5)
    door = Nftables(settings, SYSTEM)
    slow, kernel.run = kernel.run, lambda commands: (time.sleep(0.1), slow(commands))
    asked = [{**_asked(device(n)), "seconds": 60} for n in range(1, 11)]

    with ThreadPoolExecutor(10) as pool:
        said = list(pool.map(lambda each: door._gate.ask("allow", **each, by=math.inf), asked))

    assert said == [{"ok": True}] * 10


def test_who_was_told_that_it_failed_does_not_get_in_later(settings, kernel, monkeypatch) -> None:
    """Neither what waits in our own line nor what the gate has heard and not done yet."""
    monkeypatch.setattr(nftables, "WAIT_S", 0.5)
    free = threading.Event()
    run = kernel.run
    kernel.run = lambda commands: (free.wait(5), run(commands))
    with Nftables(settings, SYSTEM) as door:
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(door.allow, device(1), HOUR)
            time.sleep(0.1)
            told = outcomes(door, [device(n) for n in range(2, 12)])
            assert all(isinstance(each, GatewayError) for each in told)
            free.set()
            assert isinstance(first.exception(5), GatewayError)
        assert door.allow(device(20), HOUR) is None
        door.revoke(device(1))

    done = "".join(kernel.ran)
    assert "10.0.0.20 " in done
    assert not any(f"10.0.0.{n} " in done for n in range(2, 12))


def test_two_devices_that_claim_one_address_are_two_transactions(settings, kernel) -> None:
    """One would hold the same element of a map twice, which the kernel refuses, with all that came beside them."""
    with Nftables(settings, SYSTEM) as door:
        assert outcomes(door, [device(n, "10.0.0.99") for n in range(1, 9)]) == [None] * 8

    assert admissions(kernel) == [1] * 8


def test_a_silent_gate_is_asked_once_for_all_who_wait(settings, monkeypatch) -> None:
    asked = []

    def silent(line: bytes):
        asked.append(line)
        time.sleep(1.0)
        return []

    monkeypatch.setattr(Nftables, "timeout_s", 0.3)
    listener = Listener(hatch.LINE, silent, peers=OWN)
    listener.open(hatch.socket_path(settings))
    try:
        with Nftables(settings, SYSTEM) as door:
            began = SYSTEM.monotonic()
            told = outcomes(door, [device(n) for n in range(1, 31)])
            took = SYSTEM.monotonic() - began
    finally:
        listener.close()

    assert all(isinstance(each, SilentError) for each in told)
    assert took < 5.0, "thirty by themselves would have waited for nine seconds"
    assert len(asked) < 10


@pytest.mark.parametrize("every", [[], {}, "x", [1], [{}] * (hatch.PART + 1), None])
def test_a_list_of_admissions_that_is_none_lets_nobody_in(settings, kernel, every) -> None:
    with Nftables(settings, SYSTEM) as door, pytest.raises(GatewayError, match="expected"):
        door._gate.ask("allow", every=every)

    assert admissions(kernel) == []


def test_one_wrong_admission_of_a_list_lets_none_of_it_in(settings, kernel) -> None:
    good = {"mac": "02:00:00:00:00:01", "interface": "v0", "addresses": ["10.0.0.1"], "seconds": 60}
    with Nftables(settings, SYSTEM) as door, pytest.raises(GatewayError, match="'seconds'"):
        door._gate.ask("allow", every=[good, {**good, "seconds": 0}])

    assert admissions(kernel) == []
