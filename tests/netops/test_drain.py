from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from netops import facts, lanes, speakers, wire
from netops.drain import Drain, drained, taken
from netops.errors import AccessError, RefusedError, StoreError
from netops.facts import Fact
from netops.model import Poll, Row, Subject
from netops.raw import Archive, frame
from netops.spool import Spool
from netops.store.memory import Memory

T0 = 1_748_736_000_000
AP = Subject("ap", "mac:1")


class Clock:
    def __init__(self):
        self.at = 0.0

    def now_ms(self):
        return T0

    def monotonic(self):
        return self.at


class Watched(Memory):
    """A store that can be down, refuse a device, forget what is unsettled, and counts what it was given."""

    def __init__(self, settle_s=0.0):
        super().__init__()
        self.settle_s = settle_s
        self.down = False
        self.poison = set()
        self.life = 1
        self.written = []

    def incarnation(self):
        if self.down:
            raise StoreError("store: connection refused")
        return f"life {self.life}"

    def write(self, polls):
        if self.down:
            raise StoreError("store: connection refused")
        if any(poll.device in self.poison for poll in polls):
            raise RefusedError("store: 400 partial write")
        self.written += [poll.id for poll in polls]
        super().write(polls)

    def crash(self):
        self.life += 1
        self._polls.clear()


@pytest.fixture
def house(tmp_path):
    """Spool directory, store, archive, and what the ledger was handed."""
    store, ledger, clock = Watched(), [], Clock()
    archive = Archive(tmp_path / "raw", days={"evidence": 9, "other": 9}, budget_bytes=1 << 30, writing=True)
    with archive, Spool(tmp_path / "spool" / "collect.db", source="collect") as spool:
        place = SimpleNamespace(dir=tmp_path, store=store, ledger=ledger, archive=archive, spool=spool, clock=clock)
        place.drain = lambda **more: Drain(
            tmp_path / "drain.db",
            **(
                {
                    "spools": tmp_path / "spool",
                    "store": store,
                    "archive": archive,
                    "on_facts": ledger.extend,
                    "clock": clock,
                    "batch": 4,
                }
                | more
            ),
        )
        place.settings = SimpleNamespace(data=SimpleNamespace(dir=tmp_path))
        yield place


def poll(number, slot_ms=T0, value=1.0):
    row = Row(subject=AP, values={"m": value})
    raw = frame([b"r%d" % number])
    return Poll(device=f"ac-{number}", slot_ms=slot_ms, at_ms=slot_ms, outcome="answered", rows=(row,), raw=raw)


def put(spool, *polls):
    return spool.put("poll", [wire.encode(each) for each in polls])


def fact(n):
    return Fact(kind="service_state", at_ms=T0 + n, body={"service": f"a{n}", "state": "started", "version": "1"})


def drain_all(drain):
    steps = []
    while not (step := drain.step()).idle:
        steps.append(step)
    return steps, step


def test_polls_reach_store_and_archive_and_facts_the_ledger(house):
    """In order, each once, and the service learns how far it may trim."""
    put(house.spool, *(poll(n) for n in range(10)))
    facts.submit(house.spool, fact(1), fact(2))
    with house.drain() as drain:
        steps, _ = drain_all(drain)

        assert sum(step.polls for step in steps) == 10
        assert house.store.written == [poll(n).id for n in range(10)]
        assert [(e.sequence, e.fact.body["service"]) for e in house.ledger] == [(11, "a1"), (12, "a2")]
        assert {e.source for e in house.ledger} == {house.spool.source}
        assert house.archive.fetch(poll(3).id) == poll(3).raw
    assert drained(house.settings, "collect") == 12
    house.spool.trim(drained(house.settings, "collect"))
    assert house.spool.backlog() == 0
    assert drained(house.settings, "portal") == 0


def test_a_word_that_has_to_wait_holds_back_those_behind_it_alone(house):
    told = []

    def refuses(entries):
        told.append([each.fact.body["service"] for each in entries])
        names = told[-1]
        if names[0] == "a3" and len(told) < 3:
            raise AccessError("a3 waits")
        return [""] * (names.index("a3") if "a3" in names[1:] else len(names))

    facts.submit(house.spool, fact(1), fact(2), fact(3))
    house.spool.put("fact", [b'{"kind":"invented"}'])
    with house.drain(refuses=refuses) as drain:
        first, second, third = (drain.step() for _ in range(3))

        assert (first.facts, first.isolated, first.waiting) == (2, 0, ())
        assert (second.facts, second.waiting) == (0, ("collect/fact: a3 waits",))
        assert (third.facts, third.isolated) == (1, 1)
    assert [each.fact.body["service"] for each in house.ledger] == ["a1", "a2", "a3"]
    assert told == [["a1", "a2", "a3"], ["a3"], ["a3"]]
    assert drained(house.settings, "collect") == 4


def test_facts_flow_while_the_store_is_down_and_polls_wait(house):
    """Evidence does not wait for telemetry; nothing is trimmed before both are taken."""
    put(house.spool, poll(1), poll(2))
    facts.submit(house.spool, fact(1))
    house.store.down = True
    with house.drain() as drain:
        step = drain.step()

        assert (step.polls, step.facts) == (0, 1)
        assert step.waiting == ("collect/poll: store: connection refused",)
        assert drained(house.settings, "collect") == 0
        house.store.down = False
        assert drain.step().polls == 2
        drain.step()
    assert drained(house.settings, "collect") == 3


def test_a_poison_record_is_isolated_and_the_others_flow(house):
    """What the wire cannot read and what the store refuses is set aside with its bytes and the reason."""
    house.store.poison = {"ac-2"}
    put(house.spool, poll(1), poll(2), poll(3))
    house.spool.put("poll", [b"garbage"])
    house.spool.put("fact", [b'{"kind":"invented"}'])
    put(house.spool, poll(4))
    with house.drain() as drain:
        drain_all(drain)

        assert house.store.written == [poll(1).id, poll(3).id, poll(4).id]
        assert [(entry.sequence, reason.partition(":")[0]) for entry, reason in drain.quarantined()] == [
            (2, "store"),
            (4, "wire"),
            (5, "a fact is an object of kind, at_ms and body"),
        ]
        assert drain.quarantined()[0][0].payload == wire.encode(poll(2))
    assert drained(house.settings, "collect") == 6


def test_a_record_of_a_newer_version_is_no_poison(house):
    """A half-upgraded house waits and says so."""
    house.spool.put("poll", [b"NOP\x09" + wire.encode(poll(1))[4:]])
    with house.drain() as drain:
        step = drain.step()

        assert "version 9" in step.waiting[0]
        assert drain.quarantined() == []
    assert drained(house.settings, "collect") == 0


def test_the_first_poll_of_a_slot_stays_whichever_store_there_is(house):
    """A collector that was restarted within a slot asks twice; the second asking counts nowhere."""
    put(house.spool, poll(1, value=1.0), poll(1, value=2.0))
    put(house.spool, *(poll(n) for n in range(2, 6)), poll(1, value=3.0))
    with house.drain() as drain:
        steps, _ = drain_all(drain)

    assert sum(step.repeated for step in steps) == 2
    assert house.store.written == [poll(n).id for n in range(1, 6)]
    assert [chunk.polls for chunk in house.archive.untold()] == [3, 2]


class Killed(BaseException):
    pass


@pytest.mark.parametrize("at", ["store", "archive", "facts", "polls", "cursor"])
def test_killed_at_any_point_nothing_is_lost_and_nothing_counts_twice(house, at, monkeypatch):
    """Whatever was done before the kill is done again without effect."""
    put(house.spool, *(poll(n) for n in range(6)))
    facts.submit(house.spool, fact(1))
    seen = {}

    def on_facts(entries):
        seen.update({(e.source, e.sequence): e.fact for e in entries})
        if at == "facts":
            raise Killed

    def on_polls(_):
        if at == "polls":
            raise Killed

    def kill(*_, **__):
        raise Killed

    def drain_and_die(drain, patch):
        if at == "store":
            patch.setattr(house.store, "write", kill)
        elif at == "archive":
            patch.setattr(house.archive, "keep", kill)
        elif at == "cursor":
            patch.setattr(lanes, "follow", kill)
        drain_all(drain)

    with (
        house.drain(on_facts=on_facts, on_polls=on_polls) as drain,
        monkeypatch.context() as patch,
        pytest.raises(Killed),
    ):
        drain_and_die(drain, patch)
    with house.drain(on_facts=lambda entries: seen.update({(e.source, e.sequence): e.fact for e in entries})) as drain:
        drain_all(drain)

    assert len(house.store.outcomes(start_ms=T0, end_ms=T0 + 1)) == 6
    assert len(house.store.series(AP, "m", start_ms=T0, end_ms=T0 + 1)) == 6
    assert sum(chunk.polls for chunk in house.archive.untold()) == 6
    assert list(seen) == [(house.spool.source, 7)]
    assert drained(house.settings, "collect") == 7


def test_a_failing_ledger_keeps_the_facts_waiting(house):
    """Telemetry goes on meanwhile."""
    put(house.spool, poll(1))
    facts.submit(house.spool, fact(1))

    def refuse(_):
        raise StoreError("ledger: disk full")

    with house.drain(on_facts=refuse) as drain:
        step = drain.step()

        assert (step.polls, step.facts) == (1, 0)
        assert step.waiting == ("collect/fact: ledger: disk full",)
    assert taken(house.dir / "drain.db", house.spool.source) == 0


def test_the_cursor_waits_until_a_server_has_settled(house):
    """What is younger than the store's flush stays in the spool."""
    house.store.settle_s = 10.0
    put(house.spool, poll(1))
    with house.drain() as drain:
        drain.step()
        house.clock.at = 9.0
        drain.step()
        assert drained(house.settings, "collect") == 0
        house.clock.at = 10.0
        drain.step()
        assert taken(house.dir / "drain.db", house.spool.source) == 1


def test_what_a_server_had_not_settled_is_written_again_after_its_restart(house):
    """VictoriaMetrics forgets its last seconds on kill -9."""
    house.store.settle_s = 10.0
    put(house.spool, *(poll(n) for n in range(4)))
    with house.drain() as drain:
        drain.step()
        house.clock.at = 5.0
        house.store.crash()
        put(house.spool, poll(9))
        for _ in range(4):
            drain.step()
        house.clock.at = 16.0
        drain.step()
        house.clock.at = 27.0
        drain.step()

        assert {o.device for o in house.store.outcomes(start_ms=T0, end_ms=T0 + 1)} == {
            f"ac-{n}" for n in (0, 1, 2, 3, 9)
        }
        assert drained(house.settings, "collect") == 5


def test_one_broken_spool_does_not_hold_the_others(house):
    """It is named, the others flow."""
    (house.dir / "spool" / "broken.db").write_bytes(b"this is no database" * 300)
    put(house.spool, poll(1))
    with house.drain() as drain:
        step = drain.step()

        assert step.polls == 1
        assert len(step.waiting) == 2
        assert all(each.startswith("broken/") for each in step.waiting)


def test_a_spool_states_only_what_is_its_services_to_state(house):
    """Whoever has taken over the portal, or the collector, approves nothing and seals no hour."""
    decision = Fact(
        kind="approval_decision",
        at_ms=T0,
        body={"request": "req-1", "decision": "approved", "by": "x", "role": "contract_manager", "reason": ""},
    )
    runs = [[0, 12, "UP", "", ""]]
    hour = {"contract": "c1", "start_ms": 0, "end_ms": 3_600_000, "step_ms": 300_000, "roster": "0" * 64}
    forged = Fact(kind="availability_hour", at_ms=0, body={**hour, "usual": runs, "others": [], "part": 0, "parts": 1})
    facts.submit(house.spool, decision, forged, fact(1))
    with Spool(house.dir / "spool" / "portal.db", source="portal") as portal:
        put(portal, poll(1))
        facts.submit(portal, decision)
    with Spool(house.dir / "spool" / "history.db", source="history") as history:
        facts.submit(history, decision)
    with house.drain() as drain:
        drain_all(drain)

        assert [entry.fact.kind for entry in house.ledger] == ["service_state"]
        assert house.store.written == []
        assert sorted(reason for _, reason in drain.quarantined()) == [
            "'collect' may not state 'approval_decision'",
            "'collect' may not state 'availability_hour'",
            "'history' may not state 'approval_decision'",
            "'portal' may not state 'approval_decision'",
            "'portal' may not tell of polls of 'ac-1'",
        ]


@pytest.mark.parametrize(
    ("spool", "devices", "kept"),
    [
        ("collect", ["d1", "d1/ssh", "d1/cwmp", "v/probe"], ["d1"]),
        ("ssh", ["d1", "d1/ssh", "d1/cwmp", "v/probe"], ["d1/ssh"]),
        ("acs", ["d1", "d1/ssh", "d1/cwmp", "v/probe"], ["d1/cwmp"]),
        ("probe", ["d1", "d1/ssh", "v/probe"], ["v/probe"]),
        ("intake", ["d1", "d1/cwmp", "v/probe"], ["v/probe"]),
        ("portal", ["d1", "d1/ssh", "d1/radius", "p/portal"], ["p/portal"]),
        ("radius", ["d1", "d1/cwmp", "d1/portal", "p/radius"], ["p/radius"]),
    ],
)
def test_a_door_tells_nothing_of_what_another_saw(house, spool, devices, kept):
    """The first poll of a device and slot counts: the ACS could else say beforehand that an OLT answers over SNMP."""
    rows = () if spool in speakers.SUBJECTS else poll(1).rows
    polls = [replace(poll(1), device=device, rows=rows) for device in devices]
    if spool == "collect":
        put(house.spool, *polls)
    else:
        with Spool(house.dir / "spool" / f"{spool}.db", source=spool) as told:
            put(told, *polls)
    with house.drain() as drain:
        drain_all(drain)

        assert [each.partition("@")[0] for each in house.store.written] == kept
        reasons = [reason for _, reason in drain.quarantined()]
        assert len(reasons) == len(devices) - len(kept)
        assert all(reason.startswith(f"'{spool}' may not tell of polls of '") for reason in reasons)


def test_what_faces_the_public_tells_of_nothing_but_what_it_counts(house):
    """A portal that was taken over would else show an access point as up, under its own poll."""
    own = replace(poll(1), device="p/portal", rows=(Row(subject=Subject("site", "s"), values={"portal.state": 1.0}),))
    forged = replace(own, slot_ms=own.slot_ms + 1, rows=poll(1).rows)
    with Spool(house.dir / "spool" / "portal.db", source="portal") as told:
        put(told, own, forged)
    with house.drain() as drain:
        drain_all(drain)

        assert [each.rpartition("@")[2] for each in house.store.written] == [str(own.slot_ms)]
        (reason,) = [reason for _, reason in drain.quarantined()]
    assert reason == f"'portal' may not tell of any '{poll(1).rows[0].subject.kind}'"


def test_a_spool_that_speaks_as_the_cores_own_job_is_not_read(house):
    """Else it could take the sequence of an hour before the core seals it, and the true hour would be the conflict."""
    with Spool(house.dir / "spool" / "cli.db", source="cli") as forged:
        facts.submit(forged, fact(1))
        forged._db.execute("UPDATE about SET source = 'verify:c1'")
    with house.drain() as drain:
        step = drain.step()

        assert house.ledger == []
        assert "speaks as 'verify:c1'" in step.waiting[0]
