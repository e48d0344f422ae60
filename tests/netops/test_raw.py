from __future__ import annotations

import pytest

from netops.errors import StoreError
from netops.model import Poll
from netops.raw import DAY_MS, Archive, frame, unframe

T0 = 1_748_736_000_000  # 2025-06-01T00:00:00Z
MIB = 1 << 20


def poll(number=0, slot_ms=T0, raw=None):
    return Poll(
        device=f"ac-{number}",
        slot_ms=slot_ms,
        at_ms=slot_ms,
        outcome="answered",
        raw=frame([b"reply %d" % number, b""]) if raw is None else raw,
    )


@pytest.fixture
def opened(tmp_path):
    def open_(**more):
        details = {"days": {"evidence": 396, "other": 7}, "budget_bytes": 100 * MIB, "writing": True}
        return Archive(tmp_path / "raw", **(details | more))

    return open_


def records(*polls, start=1):
    return list(enumerate(polls, start))


def test_frames_keep_each_reply_apart():
    replies = [b"", b"one", b"\x00" * 300]

    assert unframe(frame(replies)) == replies
    assert unframe(b"") == []
    with pytest.raises(StoreError, match="beyond the end"):
        unframe(frame(replies)[:-1])
    with pytest.raises(StoreError, match="beyond the end"):
        unframe(b"\x00\x00")


def test_what_was_kept_is_fetched_by_the_polls_id(opened):
    """The bytes come back as they were, from the writer and from a reader in the same directory."""
    polls = [poll(n, T0 + n * 60_000) for n in range(50)]
    with opened() as archive, opened(writing=False) as reader:
        archive.keep("collect/1", records(*polls))

        assert all(archive.fetch(each.id) == each.raw for each in polls)
        assert reader.fetch(polls[7].id) == polls[7].raw
        with pytest.raises(StoreError, match="none are kept"):
            archive.fetch(f"ac-7@{T0 + 1}")
        with pytest.raises(StoreError, match="expected an id"):
            archive.fetch("ac-7")


def test_a_record_handed_over_again_is_passed_over(opened):
    """The drain may repeat a batch after a crash, also with more behind it."""
    with opened() as archive:
        archive.keep("collect/1", records(poll(1), poll(2)))
        archive.keep("collect/1", records(poll(1), poll(2), poll(3)))

        assert [(chunk.number, chunk.polls) for chunk in archive.untold()] == [(1, 2), (2, 1)]
        archive.keep("collect/2", records(poll(4)))
        assert archive.fetch(poll(4).id) == poll(4).raw


def test_chunks_are_told_until_they_are_facts(opened):
    """A crash between the keeping and the fact tells the digest again."""
    with opened() as archive:
        archive.keep("collect/1", records(poll(1), poll(2, T0 + DAY_MS)))
        chunks = archive.untold()
    with opened() as archive:
        assert archive.untold() == chunks
        assert [chunk.file for chunk in chunks] == ["evidence/2025-06-01.seg", "evidence/2025-06-02.seg"]
        archive.told(chunks[:1])
        assert archive.untold() == chunks[1:]


def test_polls_without_replies_make_no_chunk(opened):
    with opened() as archive:
        archive.keep("collect/1", records(poll(1, raw=b"")))
        archive.keep("collect/1", [])

        assert archive.untold() == []
        assert archive.size() == 0


def test_large_batches_are_cut_into_chunks(opened, monkeypatch):
    monkeypatch.setattr("netops.chunks.CHUNK_BYTES", 1000)
    polls = [poll(n, raw=bytes([n]) * 400) for n in range(5)]
    with opened() as archive:
        archive.keep("collect/1", records(*polls))

        assert [chunk.polls for chunk in archive.untold()] == [2, 2, 1]
        assert all(archive.fetch(each.id) == each.raw for each in polls)


@pytest.mark.parametrize("at", [0, 5, 20, -1], ids=["magic", "length", "content", "end"])
def test_a_changed_byte_is_found(opened, tmp_path, at):
    """The digest is over the content; the message names file and offset."""
    with opened() as archive:
        archive.keep("collect/1", records(poll(1)))
        file = tmp_path / "raw" / archive.untold()[0].file
        changed = bytearray(file.read_bytes())
        changed[at] ^= 1
        file.write_bytes(changed)

        with pytest.raises(StoreError, match=r"2025-06-01\.seg, offset 0"):
            archive.fetch(poll(1).id)


def test_a_torn_tail_is_overwritten(opened, tmp_path):
    """Bytes of a write that was killed before the index knew of it are no chunk."""
    with opened() as archive:
        archive.keep("collect/1", records(poll(1)))
    with (tmp_path / "raw" / "evidence" / "2025-06-01.seg").open("ab") as file:
        file.write(b"NRC1 half a chunk")
    with opened() as archive:
        archive.keep("collect/1", records(poll(2), start=2))

        assert archive.fetch(poll(1).id) == poll(1).raw
        assert archive.fetch(poll(2).id) == poll(2).raw


def test_a_shortened_segment_is_refused(opened, tmp_path):
    with opened() as archive:
        archive.keep("collect/1", records(poll(1)))
        (tmp_path / "raw" / "evidence" / "2025-06-01.seg").write_bytes(b"")

        with pytest.raises(StoreError, match="shorter than"):
            archive.keep("collect/1", records(poll(2), start=2))


def test_bytes_expire_by_class_and_the_deletion_is_told(opened, tmp_path):
    """Evidence outlives the others; a deletion is told until it is a fact."""
    with opened() as archive:
        archive.keep("collect/1", records(poll(1), poll(2)), bears=lambda each: each.device == "ac-1")

        assert archive.expire(T0 + 8 * DAY_MS - 1) == []
        gone = archive.expire(T0 + 8 * DAY_MS)
        assert [(each.path, each.rows, each.why) for each in gone] == [("other/2025-06-01.seg", 1, "retention")]
        assert not (tmp_path / "raw" / "other" / "2025-06-01.seg").exists()
        assert archive.expire(T0 + 8 * DAY_MS) == gone
        archive.told(gone)
        assert archive.expire(T0 + 8 * DAY_MS) == []
        assert archive.fetch(poll(1).id) == poll(1).raw
        assert [each.path for each in archive.expire(T0 + 397 * DAY_MS)] == ["evidence/2025-06-01.seg"]
        with pytest.raises(StoreError, match="time is over"):
            archive.fetch(poll(1).id)


def test_a_late_poll_opens_an_expired_day_anew(opened):
    """The earlier deletion stays told, the new bytes are kept."""
    with opened() as archive:
        archive.keep("collect/1", records(poll(1)), bears=lambda _: False)
        gone = archive.expire(T0 + 9 * DAY_MS)
        archive.keep("collect/1", records(poll(2), start=2), bears=lambda _: False)

        assert archive.fetch(poll(2).id) == poll(2).raw
        archive.told(gone)
        assert [each.rows for each in archive.expire(T0 + 9 * DAY_MS)] == [1]


def test_the_budget_deletes_others_first_and_evidence_never(opened):
    """When evidence alone fills the budget, keeping fails and says so."""
    noise = [poll(n, T0 + n * DAY_MS, raw=bytes((n * 7 + k * k) % 256 for k in range(4000))) for n in range(4)]
    with opened(budget_bytes=2500) as archive:
        archive.keep("collect/1", records(*noise[:3]), bears=lambda _: False)
        assert archive.size() > 0

        def fill():
            for turn in range(200):
                archive.keep("collect/2", records(poll(turn), start=turn + 1))

        with pytest.raises(StoreError, match="fill the budget"):
            fill()
        size = archive.size()

        gone = archive.expire(T0)
        assert {each.why for each in gone} == {"budget"}
        assert all(each.path.startswith("other/") for each in gone)
        assert archive.size() < size
