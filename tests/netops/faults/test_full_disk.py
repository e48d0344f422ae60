"""R7: the disk fills up and is freed again. A clear refusal, nothing lost, and it goes on at once.

"At once" is counted in tries, not in seconds: the promise is 30 s, the core tries again four times a second, and what a
try takes is the load of the machine.
"""

from __future__ import annotations

import os
import subprocess

import pytest

from netops import wire
from netops.drain import Drain
from netops.errors import SpoolError, StoreError
from netops.model import Poll, Row, Subject
from netops.raw import Archive, frame
from netops.spool import Spool, read
from netops.store.embedded import Embedded

pytestmark = [pytest.mark.slow, pytest.mark.root]
T0 = 1_748_736_000_000
ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "3"))
BATCH = 40


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MiB, with a ballast to take away."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def poll(number):
    row = Row(subject=Subject("ap", "mac:1"), values={"m.a": float(number)})
    slot_ms = T0 + number * 1000
    raw = frame([os.urandom(2000)])
    return Poll(device="ac-1", slot_ms=slot_ms, at_ms=slot_ms, outcome="answered", rows=(row,), raw=raw)


def fill(disk):
    """Take what is left, to the last byte."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (65_536, 512, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return ballast


def test_a_full_disk_refuses_and_a_freed_one_goes_on(small_disk):
    """What was acknowledged before, between and after is there, in order, each once."""
    path = small_disk / "spool" / "collect.db"
    acknowledged = []
    with Spool(path, source="collect") as spool:
        for turn in range(ROUNDS):
            ballast, refused = fill(small_disk), []
            for number in range(2000):
                payload = b"%d.%d " % (turn, number) * 200
                try:
                    spool.put("poll", [payload])
                except SpoolError as error:
                    refused.append(str(error))
                    if len(refused) == 5:
                        break
                else:
                    acknowledged.append(payload)
            assert ["kept" in each for each in refused] == [True] * 5
            ballast.unlink()
            spool.put("poll", [b"again %d" % turn])  # the first try, or it raises
            acknowledged.append(b"again %d" % turn)

            found = read(path, after=0, limit=100_000)
            assert [entry.payload for entry in found] == acknowledged
            spool.trim(found[-1].sequence - 1)
            acknowledged = acknowledged[-1:]


def test_the_core_waits_on_a_full_disk_and_then_takes_everything_once(small_disk, tmp_path):
    """Store and archive on the full disk, the spool beside it: the backlog stays, then all of it is there once."""
    polls = [poll(number) for number in range(300)]
    with Spool(tmp_path / "spool" / "collect.db", source="collect") as spool:
        spool.put("poll", [wire.encode(each) for each in polls])
    store = Embedded(small_disk / "telemetry", hot_hours=0, writing=True)
    archive = Archive(small_disk / "raw", days={"evidence": 9, "other": 9}, budget_bytes=1 << 30, writing=True)
    with store, archive:
        store.write([poll(0)])
        ballast = fill(small_disk)
        drain = Drain(
            tmp_path / "drain.db",
            spools=tmp_path / "spool",
            store=store,
            archive=archive,
            on_facts=lambda _: None,
            batch=BATCH,
        )
        with drain:
            waited = [drain.step() for _ in range(12)]
            assert any(step.waiting for step in waited)
            assert sum(step.isolated for step in waited) == 0
            with pytest.raises(StoreError, match="not kept"):
                store.seal(T0 + 10**9)
            ballast.unlink()
            left = -(-len(polls) // BATCH) + 1  # every step takes a whole batch, the last one finds nothing
            steps = [drain.step() for _ in range(left)]
            assert not any(step.waiting for step in steps)
            assert steps[-1].idle
        store.told(store.seal(T0 + 10**9))
        slots = [each.slot_ms for each in store.outcomes(start_ms=T0, end_ms=T0 + 10**9)]

        assert slots == [each.slot_ms for each in polls]
        assert all(archive.fetch(each.id) == each.raw for each in polls)
        assert sum(chunk.polls for chunk in archive.untold()) == len(polls)
