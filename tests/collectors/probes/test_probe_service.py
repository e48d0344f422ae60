"""The service: slots become polls, anchors decide whether we were blind, and what was acknowledged is in the spool."""

from __future__ import annotations

import ipaddress
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from collectors.probes import explain, slots
from collectors.probes.service import Prober
from collectors.probes.stamp.reflect import Reflector
from collectors.probes.stamp.reflecting import Reflecting
from netops import facts, wire
from netops.model import ANSWERED, Reason
from netops.probing import Target
from netops.raw import unframe
from netops.spool import read
from netops.store import Outcome

NOW = 1_795_719_388_000


def record(name, *, reached=True, anchor=False, **more):
    made = {"target": name, "kind": "tcp", "service": "", "anchor": anchor, "at_ms": NOW, "clock": {}}
    return made | ({"connect_ns": 3_000_000} if reached else {"failed": "no_answer", "detail": "silent"}) | more


def row(poll, name):
    return next(each for each in poll.rows if each.subject.id == f"site-7/{name}")


def test_a_slot_becomes_one_poll_with_a_row_a_path():
    poll = slots.poll("site-7", 60_000, [record("b"), record("a", service="wifi-1")])

    assert (poll.device, poll.slot_ms, poll.outcome, poll.profile) == ("site-7/probe", 60_000, ANSWERED, "probe")
    assert [each.subject.id for each in poll.rows] == ["site-7/a", "site-7/b"]
    assert row(poll, "a").values["probe.connect"] == 3.0
    assert row(poll, "a").texts == {"probe.kind": "tcp", "probe.service": "wifi-1"}
    assert wire.decode(wire.encode(poll)) == poll


def test_silence_while_an_anchor_answers_is_the_paths():
    poll = slots.poll(
        "site-7", 0, [record("x", anchor=True), record("y", anchor=True, reached=False), record("a", reached=False)]
    )

    assert slots.sight(slots.explained(poll.raw)).word == "degraded"
    assert (row(poll, "a").values["probe.reached"], row(poll, "a").codes["probe.connect"]) == (0.0, "no_answer")


def test_silence_while_no_anchor_answers_is_ours():
    poll = slots.poll(
        "site-7",
        0,
        [
            record("x", anchor=True, reached=False),
            record("y", anchor=True, reached=False),
            record("a", reached=False),
            record("b"),
        ],
    )

    assert poll.outcome == Reason.ANCHORS_LOST.value
    assert set(row(poll, "a").codes.values()) == {"anchors_lost"}
    assert row(poll, "a").values["probe.reached"] is None
    assert row(poll, "b").values["probe.reached"] == 1.0


def test_an_auditor_reads_the_same_from_the_archived_records():
    poll = slots.poll("site-7", 0, [record("a"), record("b", reached=False)])
    outcome = Outcome(
        device=poll.device,
        slot_ms=0,
        at_ms=NOW,
        outcome=poll.outcome,
        attempts=1,
        rtt_ms=None,
        lag_ms=0.0,
        profile=poll.profile,
        digest=poll.digest,
    )

    said = explain.explain(poll.device, outcome, poll.raw)

    numbers = {(e.subject.id, e.metric): e.value for e in said if hasattr(e, "value") and not isinstance(e.value, str)}
    assert numbers == {
        (each.subject.id, metric): value
        for each in poll.rows
        for metric, value in each.values.items()
        if value is not None
    }


def test_a_look_without_an_end_is_a_gap_of_ours():
    kept = slots.Slots(every_ms=1000)
    targets = {"a": Target(kind="tcp", address="192.0.2.1", port=1)}
    slot = kept.begin("a", now_ms=500)

    assert list(kept.ripe(targets, now_ms=1500)) == []
    ((told, records),) = kept.ripe(targets, now_ms=1000 + slots.GRACE_MS)
    kept.end(slot, record("a"))

    assert (told, slots.poll("site-7", told, records).outcome) == (0, "deadline")
    assert kept.late == 1


@pytest.fixture
def reflecting(good_clock):
    made = Reflecting(
        Reflector(allowed=[ipaddress.ip_network("127.0.0.0/8")]), host="127.0.0.1", port=0, clock=good_clock
    )
    made.start()
    yield made
    made.stop()


def test_the_service_looks_every_slot_and_spools_polls_and_facts(settings_of, reflecting, good_clock, tmp_path):
    targets = {
        "there": Target(kind="stamp", address="127.0.0.1", port=reflecting.port, count=5, spacing_ms=2, timeout_s=0.3),
        "anchor": Target(kind="stamp", address="127.0.0.1", port=reflecting.port, count=2, spacing_ms=2, anchor=True),
        "gone": Target(kind="tcp", address="127.0.0.1", port=1, timeout_s=0.2),
    }
    prober = Prober(settings_of(targets), chance=lambda: 0.1, kernel=good_clock)
    prober.start()
    time.sleep(2.6)
    health = prober.health()
    prober.stop()
    prober.stop()

    entries = read(tmp_path / "spool" / "probe.db", after=0, limit=1000)
    polls = [wire.decode(each.payload) for each in entries if each.kind == "poll"]
    told = [facts.decode(each.payload) for each in entries if each.kind == "fact"]
    assert health == {}
    assert [fact.kind for fact in told if fact.kind != "service_state"] == ["clock_state", "monitor_health"]
    assert len({poll.slot_ms for poll in polls}) == len(polls) >= 2
    whole = [poll for poll in polls if len(poll.rows) == 3]
    assert whole
    assert row(whole[0], "there").values["probe.lost"] == 0
    assert 0 < row(whole[0], "there").values["probe.delay_there.p50"] < 100
    assert row(whole[0], "gone").codes["probe.connect"] == "refused"


def test_a_clock_that_is_not_synchronised_flags_the_one_way_figures_alone(settings_of, reflecting):
    from collectors.probes.clocks import ClockState

    targets = {"there": Target(kind="stamp", address="127.0.0.1", port=reflecting.port, count=5, spacing_ms=2)}
    loose = lambda: ClockState(synchronised=False, error_ns=16_000_000_000)  # noqa: E731
    prober = Prober(settings_of(targets), chance=lambda: 0.0, kernel=loose)
    prober.start()
    time.sleep(1.3)
    prober.stop()

    entries = read(prober._settings.data.dir / "spool" / "probe.db", after=0, limit=100)
    poll = next(wire.decode(each.payload) for each in entries if each.kind == "poll")
    seen = row(poll, "there")
    assert {seen.codes[f"probe.delay_{way}.p{rank}"] for way in ("there", "back") for rank in (50, 95, 99)} == {"clock"}
    assert seen.values["probe.rtt.p50"] > 0
    assert seen.values["probe.clock.synchronised"] == 0
    assert len(slots.explained(poll.raw)[0]["echoes"]) == 5


_PROBER = """
import sys, time
from pathlib import Path
from netops.config import City, Data, Settings
from netops.probing import Probe, Target
from collectors.probes.service import Prober
targets = {"t": Target(kind="tcp", address="127.0.0.1", port=1, timeout_s=0.2)}
probe = Probe(vantage="site-7", interval_s=1, targets=targets)
prober = Prober(Settings(city=City(rehearsal=True), data=Data(dir=Path(sys.argv[1])), probe=probe))
prober.start()
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.slow
def test_killed_at_any_moment_it_loses_nothing_acknowledged_and_doubles_no_slot(tmp_path):
    rounds = int(os.environ.get("NETOPS_ROUNDS", "5"))
    path = tmp_path / "spool" / "probe.db"
    before: list[tuple[int, bytes]] = []
    for number in range(rounds):
        child = subprocess.Popen(
            [sys.executable, "-c", _PROBER, tmp_path], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
        )
        assert child.stdout.readline() == "ready\n"
        time.sleep(1.3 + number * 0.17 % 1)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        now = [(each.sequence, each.payload) for each in read(path, after=0, limit=10_000)]

        assert now[: len(before)] == before
        before = now
    polls = [wire.decode(payload) for _, payload in before if payload[:3] == wire.MAGIC]
    assert len({poll.slot_ms for poll in polls}) == len(polls) >= rounds
    assert {json.loads(each)["target"] for poll in polls for each in unframe(poll.raw)} == {"t"}
