from __future__ import annotations

from collectors.outbox import Outbox
from netops import facts
from netops.errors import SpoolError
from netops.model import Poll


class Disk:
    """A spool that takes what it is told to."""

    source = "collect/0a0b0c0d"

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
    kept = outbox.flush(now_ms=2)
    outbox.flush(now_ms=3)
    told = [facts.decode(payload) for kind, payload in disk.took if kind == "fact"]

    assert 0 < kept < 100
    assert [(fact.kind, fact.body["count"]) for fact in told] == [("spool_dropped", 100 - kept)]


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
