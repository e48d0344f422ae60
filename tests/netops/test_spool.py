from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from netops.errors import SpoolError
from netops.spool import RECORD_OVERHEAD, Reader, Spool, read

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
    with Spool(path, source="collect", cap_bytes=10 * (100 + RECORD_OVERHEAD)) as spool:
        spool.put("poll", [b"x" * 100] * 9)
        with pytest.raises(SpoolError, match="cap"):
            spool.put("poll", [b"y" * 100] * 2)
        assert spool.backlog() == 9
        spool.trim(4)
        assert spool.put("poll", [b"y" * 100] * 2) > 9
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
