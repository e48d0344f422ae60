"""The poller against a real network of simulated agents on loopback: UDP, codec, profile, spool."""

from __future__ import annotations

import socket
import time
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest

from collectors import poll
from collectors.known_as import reader
from collectors.outbox import Outbox
from collectors.poll import Fitted
from collectors.restraint import PATIENCE
from collectors.rounds import Turn
from collectors.service import AGAIN, REFIT_MS, SOURCE, Collector
from collectors.simulator import instance
from collectors.simulator.city import plan as plan_of
from collectors.simulator.describe import records
from collectors.simulator.faults import Fault, Planted
from collectors.simulator.living import Living
from collectors.simulator.objects import build as objects
from collectors.simulator.udp import Responder
from collectors.simulator.world import World
from collectors.snmp.ask import Answer, Failure
from collectors.standing import Known, Token
from inventory import sql
from inventory.city import city_of
from inventory.model import Device
from inventory.reading.folder import built_in_areas
from inventory.register import Register
from inventory.snapshot import snapshot
from inventory.tables import MIGRATIONS
from netops import clock, config, facts, wire
from netops.model import ANSWERED, Reason, Subject
from netops.raw import frame
from netops.spool import Reader, Spool

AREAS = built_in_areas()[:2]
BUSY = {Reason.MISSED_SLOT.value, Reason.POLLER_LATE.value}  # a machine that does other things as well


def free_udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire_:
        wire_.bind(("127.0.0.1", 0))
        return wire_.getsockname()[1]


@pytest.fixture
def planted():
    """The faults of the world, which a test may take away while it runs."""
    return {}


@pytest.fixture
def city(tmp_path, monkeypatch, planted):
    monkeypatch.setenv("TEST_COMMUNITY", "s3cret")
    settings = config.load(
        None,
        environ={},
        overrides=[
            f"data.dir={tmp_path}",
            "city.rehearsal=true",
            "collect.interval_s=1",
            "collect.timeout_s=0.2",
            "collect.retries=1",
            "collect.breaker_after=2",
            "credentials.rehearsal.community=env:TEST_COMMUNITY",
        ],
    )
    now = clock.SYSTEM.now_ms()
    made = instance.new(AREAS, now_ms=now, timezone="Asia/Shanghai", port=free_udp_port())
    plan = plan_of(made.areas)
    dead = next(agent for agent in plan.agents if agent.role == "small_cell")
    down = Fault(target=dead.id, start_ms=0, end_ms=2**53, kind="down")
    world = World(plan, Planted(faults=(), blind=(), maintenance=()), begin_ms=made.begin_ms)
    planted[dead.id] = (down,)
    world._faults = planted
    living = {agent.address: Living(agent, objects(agent, world), world, clock.SYSTEM.now_ms) for agent in plan.agents}
    sql.upgrade(MIGRATIONS, settings.register_url)
    told = records(plan, AREAS, begin_ms=0, minutely_ms=now + 3_600_000, live_s=60, port=made.port, past_s=900)
    keyless = Device(
        id="keyless",
        site=f"site-{AREAS[0].id}",
        carrier="carrier-a",
        role="switch",
        profile="standard",
        address="127.0.0.9",
        credential="nobody",
    )
    with Register(settings.register_url, rehearsal=True) as register:
        register.apply(city_of([*told.records.values(), keyless]), at_ms=0, now_ms=now)
    responder = Responder(living, port=made.port, community=b"s3cret")
    responder.start()
    yield settings, plan, dead
    responder.stop()


def polls_of(settings):
    with Reader(settings.data.dir / "spool" / f"{SOURCE}.db") as reader:
        entries = reader.read(after=0, limit=100_000)
    return (
        [wire.decode(each.payload) for each in entries if each.kind == "poll"],
        [facts.decode(each.payload) for each in entries if each.kind == "fact"],
    )


def test_every_device_is_asked_in_its_slots_and_what_it_said_is_spooled(city):
    settings, plan, dead = city
    service = Collector(settings)
    service.start()
    asked = {agent.id for agent in plan.agents} | {"keyless"}
    wait(lambda: settled(polls_of(settings)[0], asked), seconds=60)
    service.stop()
    polls, told = polls_of(settings)
    slots = [(each.device, each.slot_ms) for each in polls]
    by_device = {}
    for each in polls:
        by_device.setdefault(each.device, []).append(each)

    assert len(set(slots)) == len(slots)
    assert {fact.body["state"] for fact in told if fact.kind == "service_state"} == {"started", "stopped"}
    for agent in plan.agents:
        seen = by_device[agent.id]
        assert len(seen) >= 3, agent.id
        if agent is dead:
            assert {each.outcome for each in seen} <= {Reason.NO_ANSWER.value, *BUSY}
            assert Reason.NO_ANSWER.value in {each.outcome for each in seen}
        else:
            assert {each.outcome for each in seen} <= {ANSWERED, *BUSY}
            assert ANSWERED in {each.outcome for each in seen}
    assert {each.outcome for each in by_device["keyless"]} <= {Reason.NO_CREDENTIAL.value, *BUSY}
    controller = next(agent for agent in plan.agents if agent.role == "wlan_controller")
    whole = next(each for each in by_device[controller.id] if each.rows)
    states = {row.subject.id: row.values["wlan.ap.state"] for row in whole.rows if row.subject.kind == "ap"}
    assert states == {f"mac:{child.ident}": 8.0 for child in controller.children}
    assert whole.raw
    olt = next(agent for agent in plan.agents if agent.role == "olt")
    known, polled = reader(settings.data.dir)(olt.id), {row.subject for each in by_device[olt.id] for row in each.rows}
    assert known.names  # what a trap needs to name the interfaces and terminals that were polled
    assert all(
        Subject(name.partition("#")[0].partition(":")[0], found) in polled for name, found in known.names.items()
    )
    assert known.boot_ms is not None
    assert service.health() == {}


def test_a_device_that_comes_back_is_asked_in_full_again(city, planted):
    settings, _, dead = city
    service = Collector(settings)
    service.start()
    wait(lambda: service._breaker.open(dead.id))
    planted.clear()
    wait(lambda: any(each.outcome == ANSWERED for each in polls_of(settings)[0] if each.device == dead.id))
    service.stop()
    after = [each for each in polls_of(settings)[0] if each.device == dead.id and each.outcome == ANSWERED]

    assert after
    assert all(each.rows for each in after)


def test_a_device_taken_from_the_register_is_asked_no_more(city, monkeypatch):
    settings, plan, _ = city
    monkeypatch.setattr("collectors.service.REGISTER_S", 0.5)
    service = Collector(settings)
    service.start()
    wait(lambda: len(polls_of(settings)[0]) > 20)
    now = clock.SYSTEM.now_ms()
    with Register(settings.register_url, rehearsal=True) as register:
        register.apply(city_of([*AREAS]), at_ms=now, now_ms=now)
    wait(lambda: quiet(settings), seconds=60)
    service.stop()

    assert plan.agents


def wait(what, seconds=25):
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.1)


def settled(polls, asked):
    seen = Counter(each.device for each in polls if each.outcome not in BUSY)
    return all(seen[name] >= 3 for name in asked)


def quiet(settings):
    """Whether nothing comes for three seconds; what comes ends the waiting at once."""
    before, until = len(polls_of(settings)[0]), time.monotonic() + 3
    while len(polls_of(settings)[0]) == before:
        if time.monotonic() > until:
            return True
        time.sleep(0.1)
    return False


def test_how_a_device_is_laid_out_is_asked_again_and_tables_are_not_forgotten(city):
    """Else a controller that shows no table when it is first met is never asked for it: its outages stay unknown."""
    settings, plan, _ = city
    olt = next(agent for agent in plan.agents if agent.role == "olt")
    service = Collector(settings)
    whole = poll.fit(service._profiles, service_profile(settings, olt.id), nothing())
    first = Fitted(chosen=tuple(replace(each, layouts=frozenset()) for each in whole.chosen))
    later = poll.wider(first, whole)
    assert later == whole
    assert poll.wider(whole, first) == whole
    assert poll.wider(Fitted(chosen=whole.chosen), Fitted(chosen=whole.chosen[:1])) == whole

    service._read_register(clock.SYSTEM.now_ms())
    slot = clock.SYSTEM.now_ms() // 1000 * 1000
    service._known[olt.id] = Known(fitted=whole, fitted_ms=slot)
    assert not service._job(Turn(slot, olt.id, slot), service._roll.asked[olt.id]).token.layout
    assert service._job(Turn(slot, olt.id, slot + REFIT_MS), service._roll.asked[olt.id]).token.layout


def test_a_device_that_says_it_is_busy_is_asked_gently_and_its_word_is_on_record(city, monkeypatch):
    settings, plan, _ = city
    olt = next(agent for agent in plan.agents if agent.role == "olt")
    service, offered = Collector(settings), []
    service._outbox = SimpleNamespace(offer=offered.append)
    service._read_register(clock.SYSTEM.now_ms())
    slot = clock.SYSTEM.now_ms() // 1000 * 1000
    asked, whole = (
        service._roll.asked[olt.id],
        poll.fit(service._profiles, service_profile(settings, olt.id), nothing()),
    )
    known = service._known[olt.id] = Known(fitted=whole, fitted_ms=slot)
    known.restraint.cpu, known.restraint.used = 100.0, {"dear": PATIENCE, "heavy": PATIENCE - 1}
    monkeypatch.setattr(poll, "due_costs", lambda *_: frozenset({"cheap", "dear", "heavy"}))

    first = service._job(Turn(slot, olt.id, slot), asked)
    again = service._job(Turn(slot, olt.id, slot + 1000), asked)
    silent = Answer(token=again.token._replace(again=AGAIN), failed=Failure(Reason.NO_ANSWER), sent=3, at_ms=slot)
    made = service._poll_of(silent)

    assert (first.token.costs, first.token.skipped) == ({"cheap", "dear"}, frozenset())
    assert first.target.varbinds_per_s * 4 == asked.target.varbinds_per_s
    assert (again.token.costs, again.token.skipped) == ({"cheap", "dear"}, {"heavy"})
    assert [fact.body["event"] for fact in offered] == ["claims_to_be_busy"]
    assert set(made.rows[0].codes.values()) == {"no_answer"}  # silent now: that is why
    answered = service._skipped(again.token, known, ANSWERED)
    assert set(answered.values()) == {Reason.BUSY}


@pytest.mark.parametrize("reason", [Reason.NO_ANSWER, Reason.REFUSED])
def test_a_silence_is_doubted_whatever_icmp_says(city, reason):
    """At 10 % loss a forged "port unreachable" would else make a living device silent for good."""
    settings, plan, _ = city
    service, sent = Collector(settings), []
    service._read_register(clock.SYSTEM.now_ms())
    service._engine = SimpleNamespace(submit=lambda jobs, _: sent.extend(jobs))
    slot = clock.SYSTEM.now_ms() // 1000 * 1000 + 60_000
    job = service._job(Turn(slot, plan.agents[0].id, slot), service._roll.asked[plan.agents[0].id])

    assert service._poll_of(Answer(token=job.token, failed=Failure(reason), sent=3)) is None
    assert [each.token.again for each in sent] == [1]


@pytest.fixture
def pulsed(city):
    """A service whose first device answered its last poll, the jobs that it sends, and what a pulse of it brings."""
    settings, plan, _ = city
    service, sent, device = Collector(settings), [], plan.agents[0].id
    service._read_register(clock.SYSTEM.now_ms())
    service._engine = SimpleNamespace(submit=lambda jobs, _: sent.extend(jobs))
    service._known[device] = Known()
    service._known[device].restraint.answered = True
    at = clock.SYSTEM.now_ms() // 1000 * 1000 + 500

    def due(turn):
        service._rounds.due = lambda _: ([turn], [])
        service._ask(turn.due_ms)
        return sent.pop().token if sent else None

    def silent(token):
        return service._poll_of(Answer(token=token, failed=Failure(Reason.NO_ANSWER), sent=3, at_ms=at))

    return SimpleNamespace(
        service=service,
        sent=sent,
        known=service._known[device],
        silent=silent,
        due=due,
        pulse=Turn(at, device, at, pulse=True),
    )


def test_a_pulse_that_is_answered_leaves_nothing_but_its_cost_for_the_next_poll(pulsed):
    token = pulsed.due(pulsed.pulse)
    assert pulsed.service._poll_of(Answer(token=token, sent=1, raw=(b"reply",), at_ms=pulsed.pulse.due_ms)) is None

    made = pulsed.service._poll_of(
        Answer(token=token._replace(pulse=False, slot_ms=0, again=AGAIN), failed=Failure(Reason.NO_ANSWER), sent=3)
    )
    (row,) = made.rows
    assert (row.values["poll.datagrams"], row.values["poll.octets"]) == (4, 5)


def test_a_pulse_counts_as_silent_after_as_many_doubts_as_a_slot_and_the_device_is_hurried(pulsed):
    token, hurried = pulsed.due(pulsed.pulse), []
    pulsed.service._hurry = lambda device, _: hurried.append(device)
    for again in range(1, AGAIN + 1):
        assert pulsed.silent(token) is None
        token = pulsed.sent.pop().token
        assert token.again == again
    made = pulsed.silent(token)

    assert (made.outcome, made.slot_ms) == ("no_answer", pulsed.pulse.slot_ms)
    assert made.rows[0].values["poll.datagrams"] == 3 * (AGAIN + 1)
    assert hurried == [pulsed.pulse.device]
    assert pulsed.due(pulsed.pulse) is None  # not again before a poll was answered
    assert pulsed.known.restraint.answered is True  # the next slot is doubted as ever


def test_an_answer_that_we_fail_to_read_is_kept_raw_and_takes_no_other_device_with_it(pulsed, monkeypatch, caplog):
    """An error while one answer was read lost up to 512 answers of others, and the device was never pulsed again."""
    service, device, slot = pulsed.service, pulsed.pulse.device, pulsed.pulse.slot_ms - 500
    plan_, kept, read = object(), [], {}
    other = next(each for each in service._roll.asked if each != device)

    def polled(name, slot_ms, plan, answer, known):
        if name == device and not read:
            raise KeyError("no such row")
        return poll.checked(name, slot_ms, answer)

    monkeypatch.setattr("collectors.service.poll.polled", polled)
    service._outbox = SimpleNamespace(
        add=kept.extend, flush=lambda **_: None, offer=lambda _: None, refused="", measures=tuple
    )

    def come():
        for name in (device, other):
            service._known[name].polling += 1
        answers = [
            Answer(token=Token(name, slot, plan_), sent=1, raw=(b"reply",), at_ms=slot) for name in (device, other)
        ]
        service._answers.put(answers)
        service._take()

    come()
    assert [(each.device, each.outcome, each.raw) for each in kept] == [
        (name, "answered", frame((b"reply",))) for name in (device, other)
    ]
    assert service.health() == {
        "answers": f"1 devices whose answer could not be read, such as '{device}': KeyError: 'no such row'"
    }
    assert pulsed.due(pulsed.pulse) is not None, "nothing is awaited of it any more"
    come()
    assert [each.message for each in caplog.records].count("an answer could not be read") == 1, "told once"
    read["now"] = True
    come()
    assert service.health() == {}
    assert len(kept) == 6


def test_an_undoubted_silence_between_slots_takes_no_doubt_away_from_the_next_slot(pulsed):
    at = pulsed.pulse.slot_ms
    made = pulsed.service._poll_of(
        Answer(token=Token(pulsed.pulse.device, at, None), failed=Failure(Reason.NO_ANSWER), sent=3, at_ms=at)
    )

    assert made.outcome == "no_answer"
    assert pulsed.known.restraint.answered is True


def test_who_is_silent_halted_or_just_being_polled_is_not_pulsed(pulsed):
    slot = pulsed.pulse.slot_ms - 500
    assert pulsed.due(Turn(slot, pulsed.pulse.device, slot)) is not None
    assert pulsed.due(pulsed.pulse) is None  # a poll is under way
    token = Token(pulsed.pulse.device, pulsed.pulse.slot_ms, None, pulse=True, again=AGAIN)
    assert pulsed.silent(token) is None  # whose answer tells
    pulsed.known.polling = 0
    assert pulsed.due(pulsed.pulse) is not None
    pulsed.service._halts.now = lambda: SimpleNamespace(device=lambda *_: True)
    assert pulsed.due(pulsed.pulse) is None


@pytest.mark.parametrize(("room", "outcome"), [(True, "poller_late"), (False, "no_answer")])
def test_a_silence_that_we_were_too_late_to_doubt_is_ours(city, room, outcome):
    """Where the slots have room for all doubts a doubt that does not fit says that we were late, not the device."""
    settings, plan, _ = city
    service = Collector(settings)
    service._read_register(clock.SYSTEM.now_ms())
    service._doubts_in_time = room
    slot = clock.SYSTEM.now_ms() // 60_000 * 60_000 - 60_000
    job = service._job(Turn(slot, plan.agents[0].id, slot), service._roll.asked[plan.agents[0].id])

    made = service._poll_of(Answer(token=job.token, failed=Failure(Reason.NO_ANSWER), sent=3, at_ms=slot + 61_000))

    assert (made.outcome, made.slot_ms) == (outcome, slot)


def test_only_slots_with_room_for_all_doubts_put_lateness_on_us(tmp_path):
    def doubts(interval_s, timeout_s):
        words = [f"data.dir={tmp_path}", f"collect.interval_s={interval_s}", f"collect.timeout_s={timeout_s}"]
        return Collector(config.load(None, environ={}, overrides=words))._doubts_in_time

    assert doubts(60, 1)
    assert not doubts(10, 1)


def service_profile(settings, device):
    with Register(settings.register_url, rehearsal=True, readonly=True) as register:
        return snapshot(register, at_ms=clock.SYSTEM.now_ms()).device[device].profile


def nothing():
    return SimpleNamespace(walks=(), gets=(None, None))


def test_the_counters_and_what_waits_for_the_core_go_to_the_log(city, monkeypatch, caplog):
    monkeypatch.setattr("collectors.service.TELL_S", 0.0)
    caplog.set_level("INFO", logger="collectors.service")
    collector = Collector(city[0])
    collector.start()
    try:
        wait(lambda: any(getattr(each, "spool_bytes", 0) > 0 and each.sent > 0 for each in caplog.records))
    finally:
        collector.stop()

    told = [each for each in caplog.records if each.message == "counters"]

    assert told[-1].answered <= told[-1].sent
    assert [each.sent for each in told] == sorted(each.sent for each in told)


@pytest.mark.parametrize("step_ms", [-3_600_000, 3_600_000])
def test_after_a_step_of_the_clock_the_turns_are_planned_anew(city, step_ms):
    """Set back by an hour, no device would be asked for an hour; the step itself is a fact."""
    settings, plan, _ = city
    service = Collector(settings)
    now = clock.SYSTEM.now_ms()
    service._read_register(now)
    service._rounds.due(now + 1_000)
    with Spool(settings.data.dir / "spool" / f"{SOURCE}.db", source=SOURCE) as spool:
        service._outbox = Outbox(spool)
        service._watch_clock(step_ms, now + step_ms)
        service._outbox.flush(now_ms=now)
    run, missed = service._rounds.due(now + step_ms + 1_000)

    assert {turn.device for turn in (*run, *missed)} >= {agent.id for agent in plan.agents}
    assert all(abs(turn.slot_ms - now - step_ms) <= 2_000 for turn in (*run, *missed))
    (step,) = [fact for fact in polls_of(settings)[1] if fact.kind == "clock_state"]
    assert step.body["step_ms"] == step_ms
