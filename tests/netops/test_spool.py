from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import apsw
import pytest
import zstandard

from netops import blocks, sqlite
from netops.errors import SpoolError
from netops.spool import RECORD_OVERHEAD, Piece, Reader, Spool, read

ROOT = Path(__file__).resolve().parents[2]
PUT_AND_STAY = """
import sys
from pathlib import Path
from netops.spool import Spool
with Spool(Path(sys.argv[1]), source="collect") as spool:
    spool.put("poll", [b"one", b"two"])
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "spool" / "collect.db"


def test_what_is_put_is_read_in_order_under_its_sequence(path):
    """Several payloads are one transaction, each has its own sequence."""
    with Spool(path, source="collect") as spool:
        assert spool.put("poll", [b"a", b"b"]) == 2
        assert spool.put("fact", [b"{}"]) == 3

        found = read(path, after=1, limit=10)

        assert [(e.sequence, e.kind, e.payload, e.source) for e in found] == [
            (2, "poll", b"b", spool.source),
            (3, "fact", b"{}", spool.source),
        ]


def test_a_reader_may_ask_for_one_kind(path):
    """Facts are found behind any number of polls."""
    with Spool(path, source="collect") as spool:
        spool.put("poll", [b"p"] * 50)
        spool.put("fact", [b"f"])
        with Reader(path) as reader:
            assert [e.sequence for e in reader.read(after=0, limit=5, kind="fact")] == [51]
            assert reader.newest() == 51


def test_another_process_writes_while_this_one_reads(path):
    """The reader neither blocks nor is blocked, and no second writer comes in."""
    command = [sys.executable, "-c", PUT_AND_STAY, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "ready\n"
        assert [e.payload for e in read(path, after=0, limit=10)] == [b"one", b"two"]
        with pytest.raises(SpoolError, match="one process writes"), Spool(path, source="collect", wait_s=0.05):
            pass
        writer.stdin.close()

        assert writer.wait(30) == 0


def test_a_sequence_is_never_given_twice(path):
    """Neither after trimming everything nor after closing."""
    with Spool(path, source="collect") as spool:
        assert spool.put("poll", [b"a"] * 5) == 5
        spool.trim(5)
        assert spool.backlog() == 0
        assert spool.held_bytes == 0
    with Spool(path, source="collect") as spool:
        assert spool.put("poll", [b"b"]) == 6


def test_a_new_file_is_a_new_source(path):
    """A lost file would otherwise begin at sequence 1 under a known name, as if read long ago."""
    with Spool(path, source="collect") as spool:
        first = spool.source
    with Spool(path, source="collect") as spool:
        assert spool.source == first
    for file in path.parent.glob("*"):
        file.unlink()
    with Spool(path, source="collect") as spool:
        assert spool.source != first
        assert spool.source.startswith("collect/")


def test_the_cap_refuses_whole_batches_and_trimming_frees_it(path):
    """Nothing of a refused batch was kept."""
    one = os.urandom(4000)
    with Spool(path, source="collect", cap_bytes=10 * 4100) as spool:
        for _ in range(9):
            spool.put("poll", [one])
        with pytest.raises(SpoolError, match="cap"):
            spool.put("poll", [os.urandom(4000), os.urandom(4000)])
        assert spool.backlog() == 9
        spool.trim(4)
        assert spool.put("poll", [os.urandom(4000), os.urandom(4000)]) > 9
        assert spool.backlog() == 7


def test_a_foreign_file_or_kind_is_refused_by_name(path):
    """A service never writes into another one's spool, nor what the core cannot name."""
    with Spool(path, source="collect") as spool, pytest.raises(SpoolError, match="kind 'pol' is unknown"):
        spool.put("pol", [b"x"])
    with pytest.raises(SpoolError, match=r"is of 'collect/\w+', not of 'portal'"), Spool(path, source="portal"):
        pass
    with pytest.raises(SpoolError, match="closed"):
        Spool(path, source="collect").put("poll", [b"x"])


def test_reading_a_missing_or_broken_file_says_so(tmp_path):
    """The message names the file."""
    with pytest.raises(SpoolError, match=r"nowhere\.db"):
        read(tmp_path / "nowhere.db", after=0, limit=1)
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no database at all" * 500)
    with pytest.raises(SpoolError, match=r"broken\.db"):
        read(broken, after=0, limit=1)


def test_one_reading_is_bounded_in_bytes(path, monkeypatch):
    """A backlog of large records does not fill the core's memory."""
    monkeypatch.setattr("netops.spool.READ_BYTES", 1000)
    with Spool(path, source="collect") as spool:
        spool.put("poll", [b"x" * 400] * 10)

        assert len(read(path, after=0, limit=10)) == 2


def test_an_empty_put_acknowledges_nothing_new(path):
    """It returns the last sequence."""
    with Spool(path, source="collect") as spool:
        spool.put("poll", [b"a"])
        assert spool.put("poll", []) == 1


def test_a_mark_is_kept_with_its_records_or_not_at_all(tmp_path):
    path = tmp_path / "intake.db"
    with Spool(path, source="intake", cap_bytes=200) as spool:
        spool.put("fact", [b"1", b"2"], mark=("site-7 probe/0a0b0c0d", 2))
        with pytest.raises(SpoolError):
            spool.put("fact", [bytes(500)], mark=("site-7 probe/0a0b0c0d", 3))
        spool.put("fact", [], mark=("site-8 probe/0a0b0c0e", 9))

        assert spool.marked("site-7 probe/0a0b0c0d") == 2
    with Spool(path, source="intake") as spool:
        assert [spool.marked(f"site-{n} probe/0a0b0c0{m}") for n, m in ((7, "d"), (8, "e"), (9, "f"))] == [2, 9, 0]


def test_a_mark_of_a_refused_step_is_gone_when_the_file_is_opened_anew(tmp_path, monkeypatch):
    with Spool(tmp_path / "intake.db", source="intake") as spool:
        spool.put("fact", [b"1"], mark=("a", 1))
        db = spool._connection()
        db.execute("INSERT OR REPLACE INTO mark VALUES ('a', 2)")  # as the kernel may still show it
        spool._drop()

        assert spool.put("fact", [b"2"]) == 2
        assert dict(spool._connection().execute("SELECT name, upto FROM mark")) == {"a": 1}


HOSTILE = {
    "a view that goes round for ever": """
        ALTER TABLE record RENAME TO real;
        CREATE VIEW record AS WITH RECURSIVE n(sequence) AS (SELECT 1 UNION ALL SELECT sequence + 1 FROM n)
            SELECT sequence, 'fact' AS kind, x'00' AS payload FROM n WHERE sequence < 0""",
    "a row that is computed to a gigabyte": """
        DROP TABLE record;
        CREATE TABLE record(sequence INTEGER PRIMARY KEY, kind TEXT, payload BLOB AS (zeroblob(900000000)) VIRTUAL);
        INSERT INTO record(sequence, kind) VALUES (1, 'fact')""",
}


@pytest.mark.parametrize("schema", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.timeout(20)
def test_a_writer_that_was_broken_into_does_not_hold_its_reader(tmp_path, schema):
    """The core reads the files of services that citizens reach: what these make of them is data, and refused."""
    path = tmp_path / "web.db"
    with Spool(path, source="web") as spool:
        spool.put("fact", [b"{}"])
    db = apsw.Connection(str(path))
    db.execute(schema).fetchall()
    db.close()

    with Reader(path) as reader, pytest.raises(SpoolError, match="cannot be read"):
        reader.read(after=0, limit=10)


OLD = """
CREATE TABLE about(one INTEGER PRIMARY KEY CHECK (one = 1), source TEXT NOT NULL);
CREATE TABLE record(sequence INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, payload BLOB NOT NULL);
CREATE INDEX record_kind ON record(kind, sequence);
CREATE TABLE mark(name TEXT PRIMARY KEY, upto INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO about VALUES (1, 'collect/0a0b0c0d');
INSERT INTO record(kind, payload) VALUES ('poll', 'a'), ('fact', 'b'), ('poll', 'c');
"""


def test_a_spool_of_an_older_program_is_read_before_and_after_a_newer_one_writes_to_it(path):
    path.parent.mkdir()
    sqlite.writer(path).execute(OLD)

    assert [each.payload for each in read(path, after=1, limit=9)] == ["b", "c"]
    with Reader(path) as reader:
        assert reader.held() == (3, 3 * (1 + RECORD_OVERHEAD))
    with Spool(path, source="collect") as spool:
        assert spool.put("poll", [b"d", b"e"]) == 5
        spool.trim(4)
        assert spool.backlog() == 1
    assert [each.sequence for each in read(path, after=0, limit=9)] == [5]


def test_what_one_put_brings_lies_together_and_is_read_and_let_go_record_by_record(path):
    """A hundred like records take little more than one, and a cursor may stand in the middle of them."""
    polls = [os.urandom(500) * 9 + bytes([n]) for n in range(10)] * 10
    with Spool(path, source="collect") as spool:
        assert spool.put("poll", polls) == 100
        assert spool.held_bytes < 10 * 1000
        with Reader(path) as reader:
            assert [each.payload for each in reader.read(after=37, limit=40)] == polls[37:77]
            assert reader.pieces(after=37, limit=9) == [Piece(38, 100, "poll", spool.held_bytes)]
            spool.trim(60)
            assert (spool.backlog(), reader.held()) == (40, (40, spool.held_bytes))
            assert [each.sequence for each in reader.read(after=0, limit=99)] == list(range(61, 101))
        assert spool.put("fact", [b"f"]) == 101
        spool.trim(100)
        assert spool.held_bytes == 1 + RECORD_OVERHEAD
    assert [each.payload for each in read(path, after=0, limit=9)] == [b"f"]


def test_a_block_is_bounded(path):
    """Whoever wants one record unpacks no more than a few megabytes; a larger one lies alone."""
    large = [os.urandom(blocks.BYTES // 3), os.urandom(blocks.BYTES + 1), *[b"x"] * (blocks.RECORDS + 1)]
    with Spool(path, source="collect") as spool, Reader(path) as reader:
        spool.put("poll", large)
        pieces = reader.pieces(after=0, limit=9)

        assert [(each.first, each.last) for each in pieces] == [(1, 1), (2, 2), (3, 1002), (1003, 1003)]
        assert [each.payload for each in reader.read(after=0, limit=9999)] == large


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"NSB1",
        b"NSB1garbage",
        blocks.pack([b"a"]),
        blocks.pack([b"a", b"b", b"c"]),
        blocks.pack([b"a", b"b"])[:-1],
    ],
    ids=range(6),
)
def test_a_block_that_is_none_is_one_record_with_its_bytes(path, stored):
    """For the core to isolate; what lies behind it is read."""
    with Spool(path, source="collect") as spool:
        spool.put("poll", [b"a", b"b"])
        spool.put("poll", [b"c"])
    db = sqlite.writer(path)
    db.execute("UPDATE record SET payload = ? WHERE sequence = 2", (stored,))
    sqlite.close(db)

    assert [(each.sequence, each.payload) for each in read(path, after=0, limit=9)] == [(2, stored), (3, b"c")]


def test_a_block_bomb_is_not_unpacked():
    bomb = blocks.MAGIC + zstandard.ZstdCompressor(level=19).compress(bytes(blocks.BYTES * 9))

    with pytest.raises(SpoolError, match="announces"):
        blocks.unpack(bomb, count=1, bound=blocks.BYTES)
