"""R6: the N-th disk operation fails, for all N; then the power goes. No acknowledged loss, no crash."""

from __future__ import annotations

import importlib.util
import itertools
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from netops import wire
from netops.errors import SpoolError, StoreError
from netops.model import Poll, Row, Subject
from netops.raw import Archive, frame
from netops.spool import Spool, read
from netops.store.embedded import Embedded

_spec = importlib.util.spec_from_file_location("failing_disks", Path(__file__).with_name("disks.py"))
disks = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(disks)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SHM = Path("/dev/shm")  # the disk is a simulated one: syncing a real one besides only takes time
T0 = 1_748_736_000_000
AP = Subject("ap", "mac:1")
_names = itertools.count()


def disk(**more):
    return disks.Disk(f"failing{next(_names)}", **more)


def poll(number):
    row = Row(subject=AP, values={"m.a": float(number)}, texts={"name": "ap"})
    slot_ms = T0 + number * 60_000
    raw = frame([b"reply %d" % number])
    return Poll(device="ac-1", slot_ms=slot_ms, at_ms=slot_ms, outcome="answered", rows=(row,), raw=raw)


def tried(action, error):
    """Try up to ten times, as the services do; return whether it was acknowledged."""
    for _ in range(10):
        try:
            action()
        except error:
            continue
        return True
    return False


@pytest.fixture
def place():
    with tempfile.TemporaryDirectory(dir=SHM if os.access(SHM, os.W_OK) else None) as directory:
        yield Path(directory)


@contextmanager
def closing_exit(entered):
    try:
        yield
    finally:
        entered.__exit__(None, None, None)


def for_all_operations(work, lasting):
    """Run `work(disk)` with the first operation failing, the second, … until one run needs fewer operations than N."""
    failed = set()
    for fail_at in itertools.count(1):
        broken = disk(fail_at=fail_at, lasting=lasting)
        work(broken, fail_at)
        failed |= {operation for operation, _ in broken.failed}
        if not broken.failed:
            assert fail_at > 20
            return failed
    return failed


@pytest.mark.parametrize("lasting", [1, 2, 7])
def test_the_spool_loses_nothing_that_it_acknowledged(place, lasting):
    """What was acknowledged survives the power cut exactly once; what was refused does not come back."""

    def work(broken, fail_at):
        path = place / str(fail_at) / "collect.db"
        spool = Spool(path, source="collect", vfs=broken.name)
        acknowledged = []
        path.parent.mkdir()
        assert tried(spool.__enter__, SpoolError)
        with closing_exit(spool):
            for number in range(8):
                payloads = [b"%d.%d" % (number, part) * 300 for part in range(3)]
                if tried(lambda p=payloads: spool.put("poll", p), SpoolError):
                    acknowledged += payloads
                if number == 4:
                    tried(lambda: spool.trim(0), SpoolError)
            seen = [entry.payload for entry in read(path, after=0, limit=100)]
            assert seen == acknowledged
            broken.cut_power(path.parent)
        with Spool(path, source="collect"):
            kept = read(path, after=0, limit=100)
        assert [entry.payload for entry in kept] == acknowledged
        assert len({entry.sequence for entry in kept}) == len(kept)

    failed = for_all_operations(work, lasting)
    assert {"xSync", "xWrite"} <= failed


@pytest.mark.parametrize("lasting", [1, 3])
def test_the_store_loses_nothing_that_it_acknowledged(place, lasting):
    """Also with sealing in between: every poll of an acknowledged write is there once."""

    def work(broken, fail_at):
        home = place / str(fail_at)
        acknowledged = set()
        store = Embedded(home, hot_hours=0, writing=True, vfs=broken.name, seal_cells=20)
        assert tried(store.__enter__, StoreError)
        with closing_exit(store):
            for number in range(6):
                polls = [poll(20 * number + part) for part in range(3)]
                if tried(lambda p=polls: store.write(p), StoreError):
                    acknowledged |= {each.slot_ms for each in polls}
                if number in (2, 4):
                    tried(lambda: store.seal(T0 + 9 * 3_600_000), StoreError)
            broken.cut_power(home)
        with Embedded(home, hot_hours=0, writing=True) as store:
            slots = [each.slot_ms for each in store.outcomes(start_ms=T0, end_ms=T0 + 86_400_000)]
            values = store.series(AP, "m.a", start_ms=T0, end_ms=T0 + 86_400_000)
        assert len(slots) == len(set(slots))
        assert acknowledged <= set(slots)
        assert [each.slot_ms for each in values] == slots
        assert all(each.value == (each.slot_ms - T0) / 60_000 for each in values)

    assert {"xSync", "xWrite"} <= for_all_operations(work, lasting)


def test_the_archive_loses_nothing_that_it_acknowledged(place):
    """The index fails at every operation; the replies of acknowledged polls are fetched by their digest."""

    def work(broken, fail_at):
        home = place / str(fail_at)
        acknowledged = []
        days = {"evidence": 9, "other": 9}
        archive = Archive(home, days=days, budget_bytes=1 << 30, writing=True, vfs=broken.name)
        with archive:
            for number in range(6):
                records = [(number * 2 + part, poll(number * 2 + part)) for part in (1, 2)]
                if tried(lambda r=records: archive.keep("collect/1", r), StoreError):
                    acknowledged += [each for _, each in records]
            broken.cut_power(home)
        with Archive(home, days=days, budget_bytes=1 << 30, writing=True) as archive:
            assert all(archive.fetch(each.id) == each.raw for each in acknowledged)
            assert sum(chunk.polls for chunk in archive.untold()) >= len(acknowledged)

    assert {"xSync", "xWrite"} <= for_all_operations(work, 1)


def test_a_wire_payload_is_what_the_disk_keeps(place):
    """The disk of these tests is a faithful one when nothing fails."""
    whole = disk()
    path = place / "collect.db"
    with Spool(path, source="collect", vfs=whole.name) as spool:
        spool.put("poll", [wire.encode(poll(1))])
        whole.cut_power(place)
    with Spool(path, source="collect"):
        assert [wire.decode(entry.payload) for entry in read(path, after=0, limit=9)] == [poll(1)]
