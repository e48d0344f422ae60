"""The service: slots become polls, anchors decide whether we were blind, and what was acknowledged is in the spool."""

from __future__ import annotations

import ipaddress
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from collectors.probes import explain, slots
from collectors.probes.service import Prober
from collectors.probes.stamp.reflect import Reflector
from collectors.probes.stamp.reflecting import Reflecting
from netops import facts, raw, wire
from netops.clock import SYSTEM
from netops.drain import Drain, drained
from netops.errors import ConfigError
from netops.model import ANSWERED, Reason
from netops.probing import Target
from netops.raw import unframe
from netops.spool import read
from netops.store import Outcome, open_store

NOW = 1_795_719_388_000


def record(name, *, reached=True, anchor=False, **more):
    made = {"target": name, "kind": "tcp", "service": "", "anchor": anchor, "at_ms": NOW, "clock": {}}
    return made | ({"connect_ns": 3_000_000} if reached else {"failed": "no_answer", "detail": "silent"}) | more


def polls_in(place):
    """The polls that were spooled, as they were acknowledged."""
    entries = read(place / "spool" / "probe.db", after=0, limit=1000)
    return [wire.decode(each.payload) for each in entries if each.kind == "poll"]


def row(poll, name):
    return next(each for each in poll.rows if each.subject.id == f"site-7/{name}")


def test_a_slot_becomes_one_poll_with_a_row_a_path():
    poll = slots.poll("site-7", 60_000, [record("b"), record("a", service="wifi-1")])

    assert (poll.device, poll.slot_ms, poll.outcome, poll.profile) == ("site-7/probe", 60_000, ANSWERED, "probe")
    assert [each.subject.id for each in poll.rows] == ["site-7/a", "site-7/b"]
    assert row(poll, "a").values["probe.connect"] == 3.0
    assert row(poll, "a").texts == {"probe.kind": "tcp", "probe.role": "target", "probe.service": "wifi-1"}
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


def test_a_slot_that_lies_ahead_after_a_step_back_is_told_at_once():
    kept = slots.Slots(every_ms=1000)
    kept.end(kept.begin("a", now_ms=3_600_500), record("a"))

    ((told, records),) = kept.ripe({}, now_ms=1000)

    assert (told, [each["target"] for each in records]) == (3_600_000, ["a"])


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
@pytest.mark.timeout(7200)
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


@pytest.mark.parametrize(
    ("targets", "probe", "said"),
    [
        ({"t": Target(kind="imcp")}, {}, "kind"),
        ({"t": Target(every_s=7)}, {"interval_s": 2}, "multiple of 2"),
        ({}, {"vantage": "Site 7"}, "vantage"),
        ({}, {"interval_s": 0}, "interval_s"),
        ({}, {"reflect_host": "127.0.0.1"}, "answer nobody"),
    ],
)
def test_settings_under_which_nothing_could_be_told_are_refused(settings_of, targets, probe, said):
    prober = Prober(settings_of(targets, **probe))

    with pytest.raises(ConfigError, match=said):
        prober.start()
    prober.stop()


class Stepping:
    """The machine's clock, an hour off when told."""

    offset_ms = 0

    def now_ms(self):
        return SYSTEM.now_ms() + self.offset_ms

    def monotonic(self):
        return SYSTEM.monotonic()


@pytest.mark.parametrize("step_ms", [-3_600_000, 3_600_000], ids=["back", "ahead"])
def test_after_a_step_of_the_clock_it_goes_on_looking_and_says_so(settings_of, good_clock, tmp_path, step_ms):
    clock = Stepping()
    targets = {"gone": Target(kind="tcp", address="127.0.0.1", port=1, timeout_s=0.2)}
    prober = Prober(settings_of(targets), clock=clock, chance=lambda: 0.0, kernel=good_clock)
    prober.start()
    time.sleep(1.2)
    clock.offset_ms = step_ms
    time.sleep(2.4)
    now = clock.now_ms()
    prober.stop()

    entries = read(tmp_path / "spool" / "probe.db", after=0, limit=1000)
    polls = [wire.decode(each.payload) for each in entries if each.kind == "poll"]
    told = [facts.decode(each.payload) for each in entries if each.kind == "fact"]
    (stepped,) = [each.body for each in told if each.body["state"] == "stepped"]
    assert abs(stepped["step_ms"] - step_ms) < 500
    since = [poll for poll in polls if abs(poll.slot_ms - now) < 5000]
    assert [poll for poll in since if poll.outcome == "refused"]
    assert len({poll.slot_ms for poll in polls}) == len(polls) < 10


def test_a_look_that_outlasts_its_slot_is_a_gap_of_ours_in_the_next(settings_of, good_clock, tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        targets = {
            "slow": Target(kind="stamp", address="127.0.0.1", port=deaf.getsockname()[1], count=1, timeout_s=1.6)
        }
        prober = Prober(settings_of(targets), chance=lambda: 0.0, kernel=good_clock)
        prober.start()
        time.sleep(2.5)
        prober.stop()

    polls = polls_in(tmp_path)
    codes = [row(poll, "slow").codes.get("probe.reached", "") for poll in polls]
    assert "deadline" in codes
    assert len({poll.slot_ms for poll in polls}) == len(polls)


def test_two_turns_close_together_are_two_looks(settings_of, good_clock, tmp_path):
    """The last turn of one slot and the first of the next: the second waits for the first, and is no gap."""
    chances = iter([0.0, 0.99] * 4)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        targets = {
            "dead": Target(kind="stamp", address="127.0.0.1", port=deaf.getsockname()[1], count=1, timeout_s=0.4)
        }
        prober = Prober(settings_of(targets), chance=lambda: next(chances, 0.0), kernel=good_clock)
        prober.start()
        until = time.monotonic() + 20
        while len(polls := polls_in(tmp_path)) < 4:
            assert time.monotonic() < until
            time.sleep(0.05)
        prober.stop()  # cuts off what is under way: it is not looked at

    slept = [poll for poll in polls if poll.outcome == "missed_slot" and poll.at_ms >= poll.slot_ms + 1000]
    looked = [poll for poll in polls if poll not in slept]  # a machine that stood still through a slot says so itself
    assert len(looked) >= 2
    assert {row(poll, "dead").values["probe.reached"] for poll in looked} == {0.0}
    assert len({poll.slot_ms for poll in polls}) == len(polls)


@pytest.mark.slow
def test_a_third_of_the_targets_dead_costs_the_others_nothing(settings_of, reflecting, good_clock, tmp_path):
    """R10: what answers is looked at in every slot, at its own instant."""
    alive = {
        f"alive-{n}": Target(kind="stamp", address="127.0.0.1", port=reflecting.port, count=3, spacing_ms=5)
        for n in range(28)
    }
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        port = deaf.getsockname()[1]
        dead = {
            f"dead-{n}": Target(kind="stamp", address="127.0.0.1", port=port, count=3, timeout_s=2) for n in range(12)
        }
        prober = Prober(settings_of(alive | dead, interval_s=10), kernel=good_clock)
        prober.start()
        time.sleep(41 - SYSTEM.now_ms() / 1000 % 10)
        health = prober.health()
        prober.stop()

    polls = polls_in(tmp_path)
    whole = [poll for poll in polls if len(poll.rows) == 40]
    assert health == {}
    assert len(whole) >= 3
    for poll in whole:
        for each in poll.rows:
            assert each.values["probe.reached"] == (1.0 if each.subject.id.startswith("site-7/alive") else 0.0)
        assert all(poll.slot_ms <= made["at_ms"] < poll.slot_ms + 11_000 for made in slots.explained(poll.raw))


def test_what_a_probe_spools_is_in_the_cores_store_and_ledger(settings_of, tmp_path):
    """The whole way on one machine: prober's spool → drain → store, archive, facts."""
    targets = {"gone": Target(kind="tcp", address="127.0.0.1", port=1, timeout_s=0.2, anchor=True)}
    prober = Prober(settings_of(targets), chance=lambda: 0.0)
    prober.start()
    time.sleep(1.4)
    prober.stop()
    settings = prober._settings
    told = []

    with (
        open_store(settings, writing=True) as store,
        raw.build(settings, writing=True) as archive,
        Drain(
            tmp_path / "drain.db", spools=tmp_path / "spool", store=store, archive=archive, on_facts=told.extend
        ) as drain,
    ):
        while not (done := drain.step()).idle:
            assert done.isolated == 0
        outcomes = store.outcomes(start_ms=0, end_ms=1 << 45)
        kept = slots.explained(archive.fetch(f"site-7/probe@{outcomes[0].slot_ms}"))

    assert drained(settings, "probe") > 0
    assert {each.device for each in outcomes} == {"site-7/probe"}
    assert {each.outcome for each in outcomes} == {"anchors_lost"}
    assert kept[0]["failed"] == "refused"
    assert "blind" in {str(entry.fact.body.get("state")) for entry in told}
