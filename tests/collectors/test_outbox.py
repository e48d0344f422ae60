from __future__ import annotations

from dataclasses import replace

from collectors import poll as polling
from collectors.outbox import TELL_MS, Outbox
from collectors.profile_yaml import shipped
from collectors.snmp.agent import Listing, interview
from collectors.snmp.varbind import COUNTER32, INTEGER, OCTET_STRING, SYS_UP_TIME, TIME_TICKS, Varbind
from netops import facts, reread, wire
from netops.drain import Drain
from netops.errors import SpoolError
from netops.model import Poll
from netops.raw import Archive
from netops.spool import Reader, Spool, read
from netops.store.memory import Memory


class Disk:
    """A spool that takes what it is told to."""

    source = "collect/0a0b0c0d"
    held_bytes, cap_bytes = 0, 1 << 30

    def __init__(self):
        self.full = False
        self.took = []

    def put(self, kind, payloads):
        if self.full:
            raise SpoolError("spool collect: the disk is full; nothing was kept")
        self.took += [(kind, payload) for payload in payloads]
        return len(self.took)


def poll(n):
    return Poll(device=f"d{n}", slot_ms=n, at_ms=n, outcome="answered", raw=bytes(200))


def test_what_the_disk_refuses_is_kept_and_tried_again_in_order():
    disk = Disk()
    outbox = Outbox(disk)
    disk.full = True
    outbox.add(poll(n) for n in range(5))

    assert outbox.flush(now_ms=1) == 0
    assert "full" in outbox.refused

    disk.full = False
    assert outbox.flush(now_ms=2) == 5
    assert outbox.refused == ""
    assert [kind for kind, _ in disk.took] == ["poll"] * 5


def test_what_no_longer_fits_is_dropped_oldest_first_and_the_loss_is_a_fact():
    disk = Disk()
    disk.full = True
    outbox = Outbox(disk, room=2000)
    outbox.add(poll(n) for n in range(100))
    outbox.flush(now_ms=1)
    disk.full = False
    outbox.flush(now_ms=2)
    outbox.flush(now_ms=2 + TELL_MS)
    kept = sum(kind == "poll" for kind, _ in disk.took)
    told = [facts.decode(payload) for kind, payload in disk.took if kind == "fact"]

    assert 0 < kept < 100
    assert {fact.kind for fact in told} == {"spool_dropped"}
    assert sum(fact.body["count"] for fact in told) == 100 - kept


def test_polls_and_facts_leave_in_the_order_in_which_they_came():
    disk = Disk()
    outbox = Outbox(disk)
    outbox.add([poll(1)])
    outbox.state(
        facts.Fact(kind="service_state", at_ms=1, body={"service": "collect", "state": "started", "version": "1"})
    )
    outbox.add([poll(2)])
    outbox.flush(now_ms=1)

    assert [kind for kind, _ in disk.took] == ["poll", "fact", "poll"]


def switch(device, slot_ms):
    """A poll of thirty-two interfaces, as it is decoded from a device's replies."""
    entry = (1, 3, 6, 1, 2, 1, 2, 2, 1)
    held = [Varbind(SYS_UP_TIME, TIME_TICKS, 5000), Varbind((1, 3, 6, 1, 2, 1, 1, 5, 0), OCTET_STRING, b"name")]
    for column, tag in ((2, OCTET_STRING), (3, INTEGER), (7, INTEGER), (8, INTEGER), (10, COUNTER32), (16, COUNTER32)):
        held += [
            Varbind((*entry, column, row), tag, b"eth%d" % row if tag == OCTET_STRING else 1) for row in range(1, 33)
        ]
    profiles, agent = shipped(), Listing(held)
    fitted = polling.fit(profiles, "standard", interview(agent, polling.question(profiles, "standard")))
    used = polling.Plans().of(fitted, frozenset({"cheap", "dear", "heavy"}))
    return polling.polled(device, slot_ms, used, interview(agent, used.ask, at_ms=slot_ms))


def test_near_the_cap_what_can_be_had_again_goes_before_what_bears_on_no_contract_and_evidence_stays(tmp_path):
    """R2: decoded rows first, then polls nobody is judged by; no raw reply of a judged device until nothing fits."""
    made = switch("d", 0)
    size = len(wire.encode(made))
    with Spool(tmp_path / "spool" / "collect.db", source="collect", cap_bytes=40 * size) as spool:
        outbox = Outbox(spool, derivable=True, bears=lambda device: device == "judged")
        for slot in range(0, 3_000_000, 1_000):
            if outbox.refused:
                break
            outbox.add([replace(made, device=device, slot_ms=slot) for device in ("judged", "other")])
            outbox.flush(now_ms=slot)
        outbox.flush(now_ms=slot + TELL_MS)
        held = spool.held_bytes
    entries = []
    with Reader(tmp_path / "spool" / "collect.db") as reader:
        while more := reader.read(after=entries[-1].sequence if entries else 0, limit=100_000):
            entries += more
    polls = [wire.decode(each.payload) for each in entries if each.kind == "poll"]
    told = [facts.decode(each.payload).body for each in entries if each.kind == "fact"]
    by = {name: [each for each in polls if each.device == name] for name in ("judged", "other")}
    thin = [each for each in polls if not each.rows]
    left_out = len(by["judged"]) - len(by["other"])

    assert all(each.raw == made.raw for each in polls), "raw replies are never given up for room"
    assert [each.slot_ms for each in by["judged"]] == list(range(0, len(by["judged"]) * 1_000, 1_000))
    assert left_out > 20
    assert thin[0].slot_ms < by["other"][-1].slot_ms, "rows go before whole polls"
    assert all(not each.rows for each in polls[polls.index(thin[0]) :])
    assert {each["what"] for each in told} == {"rows", "polls"}
    assert sum(each["count"] for each in told if each["what"] == "rows") == len(thin)
    assert sum(each["count"] for each in told if "bear" in each["reason"]) in (left_out, left_out + 1)
    assert held <= 40 * size * 65 / 64


def test_rows_that_were_left_out_are_read_again_from_the_replies():
    made = switch("d", 0)
    found = reread.again(wire.decode(wire.encode(replace(made, rows=()))))

    assert len(made.rows) >= 33
    assert {row.subject: row.values for row in found.rows} == {
        row.subject: {metric: value for metric, value in row.values.items() if metric not in row.codes}
        for row in made.rows
    }
    assert reread.again(made) is made


def test_what_a_full_spool_left_out_is_in_the_store_after_all(tmp_path):
    """R2 to its end: rows that were given up for room are read again by the drain, and nothing is missing."""
    made = switch("d", 0)
    polls = [replace(made, slot_ms=slot, at_ms=slot) for slot in range(0, 600_000, 60_000)]
    store = Memory()
    archive = Archive(tmp_path / "raw", days={"evidence": 9, "other": 9}, budget_bytes=1 << 30, writing=True)
    path = tmp_path / "spool" / "collect.db"
    with Spool(path, source="collect") as spool, archive:
        outbox = Outbox(spool, derivable=True)
        outbox.add(polls[:5])
        outbox.flush(now_ms=0)
        spool.cap_bytes = int(spool.held_bytes / 0.8)
        outbox.add(polls[5:])
        spool.cap_bytes = 1 << 30
        outbox.flush(now_ms=0)
        parts = {"spools": path.parent, "store": store, "archive": archive, "on_facts": lambda _: None}
        with Drain(tmp_path / "drain.db", **parts, again=reread.again) as drain:
            drain.step()
        thin = [wire.decode(each.payload) for each in read(path, after=0, limit=99) if each.kind == "poll"][5:]
        wanted = {row.subject: row for row in made.rows}

        assert len(thin) == 5
        assert not any(each.rows for each in thin)
        assert [each.slot_ms for each in store.outcomes(start_ms=0, end_ms=600_000)] == [each.slot_ms for each in polls]
        for subject, row in wanted.items():
            for metric in row.values.keys() - row.codes.keys():
                told = store.series(subject, metric, start_ms=0, end_ms=600_000)
                assert [each.value for each in told] == [row.values[metric]] * 10, (subject, metric)
        assert all(archive.fetch(each.id) == made.raw for each in polls)


def test_facts_that_devices_cause_take_no_more_than_the_room_and_their_loss_is_a_fact():
    """Trap after trap while the core is away for days: each is small, and nothing else would ever give way."""
    disk = Disk()
    disk.full = True
    outbox = Outbox(disk, room=4000)
    body = {"device": "d", "subject": {"kind": "device", "id": "d"}, "event": "link_down", "severity": "info"}
    kept = [outbox.offer(facts.Fact(kind="device_event", at_ms=n, body=body)) for n in range(100)]
    outbox.flush(now_ms=1)
    disk.full = False
    outbox.flush(now_ms=2)

    told = [facts.decode(payload) for kind, payload in disk.took if kind == "fact"]
    assert 0 < sum(kept) < 40
    assert [each.at_ms for each in told[: sum(kept)]] == list(range(sum(kept)))
    (lost,) = (dict(each.body) for each in told if each.kind == "spool_dropped")
    assert (lost["what"], lost["count"]) == ("events", kept.count(False))
