"""R4: kill -9 at random moments under load: nothing acknowledged lost, nothing doubled, writing again within 5 s."""

from __future__ import annotations

import itertools
import os
import random
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from netops.model import Subject
from netops.raw import Archive
from netops.spool import Spool, read
from netops.store.embedded import Embedded

ROOT = Path(__file__).resolve().parents[3]
ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "12"))
AGAIN_S = 5.0
T0 = 1_748_736_000_000

pytestmark = [pytest.mark.slow, pytest.mark.timeout(6 * 3600)]

COLLECTOR = """
import sys
from pathlib import Path
from netops import wire
from netops.drain import taken
from netops.model import Poll, Row, Subject
from netops.raw import frame
from netops.spool import Spool

home, number = Path(sys.argv[1]), int(sys.argv[2])
with Spool(home / "spool" / "collect.db", source="collect") as spool:
    while True:
        batch = []
        for _ in range(10):
            number += 1
            slot = 1_748_736_000_000 + number * 1000
            row = Row(subject=Subject("ap", "mac:1"), values={"m.a": float(number)})
            batch.append(wire.encode(Poll(device="ac-1", slot_ms=slot, at_ms=slot, outcome="answered", rows=(row,) * 1,
                                          raw=frame([b"reply %d " % number * 20]))))
        spool.put("poll", batch)
        print(number, flush=True)
        if (home / "drain.db").exists() and len(sys.argv) > 3:
            spool.trim(taken(home / "drain.db", spool.source))
"""

CORE = """
import sys
from pathlib import Path
from netops.drain import Drain
from netops.raw import Archive
from netops.store import embedded
from netops.store.embedded import Embedded

embedded.PAST_MS = 20_000  # a poll a second: what lies 20 behind goes into files at once
home = Path(sys.argv[1])
store = Embedded(home / "telemetry", hot_hours=0, writing=True, seal_cells=500, file_cells=100)
archive = Archive(home / "raw", days={"evidence": 9999, "other": 9}, budget_bytes=1 << 40, writing=True)
with store, archive, Drain(home / "drain.db", spools=home / "spool", store=store, archive=archive,
                           on_facts=lambda _: None, batch=50) as drain:
    last = 1_748_736_000_000
    def note(polls):
        global last
        last = max(last, *(poll.slot_ms for poll in polls))
    drain._on_polls = note
    while True:
        taken = drain.step()
        assert not taken.waiting, taken.waiting
        assert not taken.isolated
        store.told(store.seal(last))
        archive.told(archive.untold())
        print(taken.polls, flush=True)
"""


class Worker:
    """A process under load whose every line says that more is done."""

    def __init__(self, code, *arguments):
        self.began = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def first(self):
        line = self._process.stdout.readline()
        assert line, self._process.stderr.read().decode()[-2000:]
        return int(line), time.monotonic() - self.began

    def kill(self):
        """Kill it and return the last complete line's number, or None."""
        assert self._process.poll() is None, self._process.stderr.read().decode()[-2000:]
        self._process.kill()
        rest, _ = self._process.communicate()
        whole = rest.decode().rpartition("\n")[0].split()
        return int(whole[-1]) if whole else None


def test_a_killed_collector_loses_nothing_that_it_acknowledged(tmp_path):
    """Every number that was printed after `put` is in the spool once."""
    chance = random.Random(4)
    path = tmp_path / "spool" / "collect.db"
    acknowledged, number, again = 0, 0, []
    for _ in range(ROUNDS):
        worker = Worker(COLLECTOR, tmp_path, number)
        acknowledged, again_s = worker.first()
        again.append(again_s)
        time.sleep(chance.expovariate(12))
        acknowledged = worker.kill() or acknowledged
        kept = Counter(int(_slot(entry.payload) - T0) // 1000 for entry in _whole(path))
        assert set(range(1, acknowledged + 1)) <= set(kept)
        assert set(kept.values()) == {1}
        number = max(kept)  # what was written but not acknowledged may be there too: the next run goes on behind it

    assert statistics.median(again) < AGAIN_S  # the median: the machine of a test is shared
    with Spool(path, source="collect") as spool:
        assert spool.backlog() == number
    print(f"R4 collector: {ROUNDS} kills, {number} records, 0 lost, 0 doubled, writing again in {_times(again)}")


def _whole(path):
    after = 0
    while found := read(path, after=after, limit=10_000):
        yield from found
        after = found[-1].sequence


def _times(again):
    return f"{statistics.median(again):.2f} s, at most {max(again):.2f} s"


def _slot(payload):
    from netops import wire

    return wire.decode(payload).slot_ms


def test_collector_and_core_killed_at_random_lose_and_double_nothing(tmp_path):
    """Spool, drain, store with sealing, archive: at the end every acknowledged poll is there once, with its reply."""
    chance = random.Random(5)
    number, acknowledged, again = 0, [], []
    collector, core = Worker(COLLECTOR, tmp_path, 0, "trim"), None
    number, _ = collector.first()
    for _ in range(ROUNDS):
        core = core or Worker(CORE, tmp_path)
        _, again_s = core.first()
        again.append(again_s)
        time.sleep(chance.expovariate(8))
        if chance.random() < 0.4:
            acknowledged.append(collector.kill() or number)
            # a fresh thousand: whatever was written without acknowledgement is not written a second time
            number = acknowledged[-1] + 1000
            collector = Worker(COLLECTOR, tmp_path, number, "trim")
            number, again_s = collector.first()
            again.append(again_s)
        core.kill()
        core = None
    acknowledged.append(collector.kill() or number)
    _drain_all(tmp_path)

    with Embedded(tmp_path / "telemetry") as store, Archive(
        tmp_path / "raw", days={}, budget_bytes=0
    ) as archive:  # fmt: skip
        outcomes = store.outcomes(start_ms=T0, end_ms=T0 + 10**12)
        readings = store.series(Subject("ap", "mac:1"), "m.a", start_ms=T0, end_ms=T0 + 10**12)
        numbers = [(each.slot_ms - T0) // 1000 for each in outcomes]
        assert len(numbers) == len(set(numbers))
        assert [int(each.value) for each in readings] == numbers
        assert set(acknowledged) <= set(numbers)
        written = [n for n in numbers if n <= acknowledged[-1]]
        gaps = [(a, b) for a, b in itertools.pairwise(written) if b != a + 1 and b - a < 900]
        assert gaps == []
        for each in outcomes[:: max(1, len(outcomes) // 200)]:
            assert archive.fetch(f"ac-1@{each.slot_ms}").endswith(b"reply %d " % ((each.slot_ms - T0) // 1000))
    assert statistics.median(again) < AGAIN_S  # the median: the machine of a test is shared
    print(f"R4 core: {ROUNDS} kills, {len(numbers)} polls, 0 lost, 0 doubled, working again in {_times(again)}")


def _drain_all(home):
    from netops.drain import Drain

    store = Embedded(home / "telemetry", hot_hours=0, writing=True)
    archive = Archive(home / "raw", days={"evidence": 9999, "other": 9}, budget_bytes=1 << 40, writing=True)
    with store, archive, Drain(
        home / "drain.db", spools=home / "spool", store=store, archive=archive, on_facts=lambda _: None
    ) as drain:  # fmt: skip
        while not (taken := drain.step()).idle:
            assert not taken.waiting
        counted = sum(chunk.polls for chunk in archive.untold(1_000_000))
        assert counted <= len(store.outcomes(start_ms=T0, end_ms=T0 + 10**12))
