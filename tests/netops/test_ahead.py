from __future__ import annotations

import threading

import pytest

from netops import wire
from netops.ahead import Ahead, unpacked
from netops.chunks import prepare
from netops.errors import SpoolError, StoreError
from netops.model import Poll, Row, Subject
from netops.raw import Archive, frame
from netops.spool import Spool

T0 = 1_748_736_000_000
ROW = Row(subject=Subject("ap", "x"), values={"m": 1.0})


def poll(n, **change):
    told = {"outcome": "answered", "rows": (ROW,), "raw": frame([b"reply %d" % n])} | change
    return Poll(device=f"d{n}", slot_ms=T0 + n, at_ms=T0 + n, **told)


@pytest.fixture
def spool(tmp_path):
    with Spool(tmp_path / "collect.db", source="collect") as made:
        made.put("poll", [wire.encode(poll(n)) for n in range(1, 11)])
        yield made


@pytest.fixture
def ahead():
    made = Ahead(again=lambda each: each, bears=lambda each: each.device == "d3")
    yield made
    made.close()


def test_what_was_read_ahead_is_what_is_wanted_next(spool, ahead):
    ahead.begin(spool.path, after=2, limit=5)
    batch = ahead.take(spool.path, after=2)

    assert [each.sequence for each in batch.entries] == [3, 4, 5, 6, 7]
    assert [each.whole() for each in batch.read] == [poll(n) for n in range(3, 8)]
    assert {rank: sum(each.polls for each in made) for (rank, _), made in batch.ready.items()} == {
        "evidence": 1,
        "other": 4,
    }
    assert ahead.take(spool.path, after=2) is None, "it is handed over once"


def test_what_is_not_wanted_is_left(spool, ahead, tmp_path):
    """A lane was joined, a kill repeated a step, a spool is gone: whoever asks reads for himself."""
    ahead.begin(spool.path, after=2, limit=5)
    assert ahead.take(spool.path, after=7) is None
    ahead.begin(tmp_path / "nowhere.db", after=0, limit=5)
    assert ahead.take(tmp_path / "nowhere.db", after=0) is None


def test_what_a_store_that_is_away_did_not_take_is_not_read_again(spool, ahead):
    ahead.begin(spool.path, after=0, limit=4)
    batch = ahead.take(spool.path, after=0)
    ahead.begin(spool.path, after=4, limit=4)
    coming = dict(ahead._coming)
    with pytest.raises(StoreError), ahead.holding(spool.path, batch, after=0):
        raise StoreError("store: it is away")

    assert ahead.take(spool.path, after=0) is batch
    ahead.begin(spool.path, after=4, limit=4)
    assert ahead._coming == coming
    ahead.begin(spool.path, after=8, limit=4)
    assert list(ahead._coming) == [(spool.path, 8)], "no more is held than what comes next"


def test_a_batch_that_is_cut_is_not_packed_for_the_archive(spool, ahead):
    ahead.begin(spool.path, after=0, limit=10)
    batch = ahead.take(spool.path, after=0)

    assert batch.upto(10) is batch
    assert [len(batch.upto(4).entries), len(batch.upto(4).read), batch.upto(4).ready] == [4, 4, None]


def test_a_broken_record_is_told_in_its_place_and_a_newer_one_holds_up_all(spool):
    spool.put("poll", [b"garbage", wire.encode(poll(12))])
    ahead = Ahead(again=lambda each: each, bears=lambda _: True)
    ahead.begin(spool.path, after=9, limit=9)
    batch = ahead.take(spool.path, after=9)
    ahead.close()

    assert [isinstance(each, SpoolError) for each in batch.read] == [False, True, False]
    assert batch.ready is None
    entries = [*batch.entries[:1], type(batch.entries[0])(13, "poll", b"NOP\x09", "collect/1")]
    with pytest.raises(SpoolError, match="version 9"):
        unpacked(entries, again=lambda each: each)


def test_polls_without_rows_are_read_again_ahead_too(spool):
    spool.put("poll", [wire.encode(poll(11, rows=())), wire.encode(poll(12, rows=(), raw=b""))])
    names = []

    def again(given):
        names.append((given.device, threading.current_thread().name))
        return poll(11)

    ahead = Ahead(again=again, bears=lambda _: True)
    ahead.begin(spool.path, after=9, limit=9)
    batch = ahead.take(spool.path, after=9)
    ahead.close()

    assert names == [("d11", "ahead_0")]
    assert [len(each.rows) for each in batch.read] == [1, 1, 0]


def test_chunks_made_ahead_are_kept_like_any_others_and_never_twice(tmp_path):
    records = [(n, poll(n)) for n in range(1, 6)]
    ready = prepare(records, bears=lambda _: True)
    days = {"evidence": 9, "other": 9}
    with Archive(tmp_path / "raw", days=days, budget_bytes=1 << 30, writing=True) as archive:
        archive.keep("collect/1", records[:2])
        archive.keep("collect/1", records, ready=ready)  # two of them were kept before: made anew
        archive.keep("collect/2", records, ready=ready)
        archive.keep("collect/2", records, ready=ready)

        assert [(each.polls, each.start_ms) for each in archive.untold()] == [(2, T0 + 1), (3, T0 + 3), (5, T0 + 1)]
        assert all(archive.fetch(each.id) == each.raw for _, each in records)
