from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netops.errors import RefusedError, StoreError
from netops.model import Poll, Row, Subject
from netops.store import cold
from netops.store.embedded import DAY_MS, HOUR_MS, Embedded
from netops.store.memory import Memory

ROOT = Path(__file__).resolve().parents[3]
T0 = 1_748_736_000_000
MINUTE = 60_000
METRICS = ("m.a", "m.b")
SUBJECTS = [Subject("ap", "mac:1"), Subject("ap", "mac:2"), Subject("onu", "sn:1")]
DEVICES = ("ac-1", "ac-2")


def poll(minute, device="ac-1", value=1.0, subjects=SUBJECTS[:1]):
    slot_ms = T0 + minute * MINUTE
    rows = tuple(Row(subject=subject, values={"m.a": value}) for subject in subjects)
    return Poll(device=device, slot_ms=slot_ms, at_ms=slot_ms + 5, outcome="answered", attempts=1, rows=rows)


@st.composite
def some_rows(draw):
    found = []
    for subject in draw(st.lists(st.sampled_from(SUBJECTS), max_size=3)):
        values = draw(st.dictionaries(st.sampled_from(METRICS), st.none() | st.floats(-1e6, 1e6), max_size=2))
        codes = {metric: "no_such_instance" for metric, value in values.items() if value is None}
        if values and draw(st.booleans()):
            codes.setdefault(draw(st.sampled_from(sorted(values))), "torn")
        texts = draw(st.dictionaries(st.sampled_from(["name", "version"]), st.sampled_from("abc"), max_size=2))
        found.append(Row(subject=subject, values=values, codes=codes, texts=texts))
    return tuple(found)


@st.composite
def some_polls(draw):
    minute = draw(st.integers(0, 4 * 60))
    slot_ms = T0 + minute * MINUTE
    outcome = draw(st.sampled_from(["answered", "no_answer", "disk_full"]))
    return Poll(
        device=draw(st.sampled_from(DEVICES)),
        slot_ms=slot_ms,
        at_ms=slot_ms + draw(st.integers(0, 900)),
        outcome=outcome,
        attempts=draw(st.integers(0, 3)),
        rtt_ms=draw(st.none() | st.floats(0, 1000)),
        rows=draw(some_rows()),
    )


seals = st.integers(0, 6).map(lambda hours: T0 + hours * HOUR_MS)


def answers(store):
    whole = {"start_ms": T0, "end_ms": T0 + 5 * HOUR_MS}
    part = {"start_ms": T0 + 31 * MINUTE, "end_ms": T0 + 155 * MINUTE}
    groups = {SUBJECTS[0]: "east", SUBJECTS[1]: "west", SUBJECTS[2]: "east"}
    return {
        "series": [store.series(s, m, **window) for s in SUBJECTS for m in METRICS for window in (whole, part)],
        "grouped": [store.grouped(m, groups, **window, step_ms=HOUR_MS) for m in METRICS for window in (whole, part)],
        "outcomes": [store.outcomes(**part), store.outcomes(**whole), store.outcomes(**whole, device="ac-2")],
        "tally": [store.tally(**whole), store.tally(**part)],
        "last": [
            store.last(kind, METRICS, now_ms=T0 + minute * MINUTE, max_age_ms=90 * MINUTE)
            for kind in ("ap", "onu")
            for minute in (60, 170, 240)
        ],
        "texts": [store.texts(subject) for subject in SUBJECTS],
    }


def assert_same_answers(turns):
    with tempfile.TemporaryDirectory() as directory, Memory() as plain:
        with Embedded(Path(directory), hot_hours=0, writing=True) as store:
            for polls, seal_ms, cells in turns:
                store.write(polls)
                plain.write(polls)
                store._seal_cells = cells
                store.told(store.seal(seal_ms))

            expected = answers(plain)
            found = answers(store)
        for key, each in expected.items():
            if key == "grouped":
                assert [[(g.group, g.start_ms, g.n, g.p95) for g in cells] for cells in found[key]] == [
                    [(g.group, g.start_ms, g.n, g.p95) for g in cells] for cells in each
                ]
                means = [g.mean for cells in each for g in cells]
                assert [g.mean for cells in found[key] for g in cells] == pytest.approx(means, rel=1e-12, abs=1e-9)
            else:
                assert found[key] == each, key


turns_of_polls = st.lists(
    st.tuples(st.lists(some_polls(), max_size=6), seals, st.integers(1, 60)), min_size=1, max_size=4
)
PATIENT = [HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=5, deadline=None, suppress_health_check=PATIENT)
@given(turns_of_polls)
def test_the_answers_are_the_same_wherever_the_border_lies(turns):
    """Any order of writes and seals, late polls and cuts within an hour: memory and both halves answer alike."""
    assert_same_answers(turns)


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(max_examples=int(os.environ.get("NETOPS_ROUNDS", "60")), deadline=None, suppress_health_check=PATIENT)
@given(turns_of_polls)
def test_the_answers_are_the_same_wherever_the_border_lies_at_length(turns):
    assert_same_answers(turns)


def test_even_the_last_bit_of_a_mean_does_not_depend_on_the_border(tmp_path):
    """Canonical reports hold means: sealing must not change a byte of them."""
    values = [0.1 * n**3 - 7e5 / (n + 1) for n in range(200)]
    found = set()
    for turn, sealed in enumerate((0, 1, 7, 60, 199, 200)):
        with Embedded(tmp_path / str(turn), hot_hours=0, writing=True, seal_cells=6 * sealed or 1) as store:
            store.write([poll(n % 60, device=f"ac-{n}", value=value) for n, value in enumerate(values)])
            if sealed:
                store.seal(T0 + HOUR_MS)
            (cell,) = store.grouped("m.a", {SUBJECTS[0]: "g"}, start_ms=T0, end_ms=T0 + HOUR_MS, step_ms=HOUR_MS)
            found.add((cell.n, cell.mean, cell.p95))

    assert len(found) == 1


def test_hot_hours_stay_hot_and_whole_hours_are_sealed(tmp_path):
    """An hour is sealed when it ended long enough ago, and its file's digest is told until it is a fact."""
    with Embedded(tmp_path, hot_hours=2, writing=True) as store:
        store.write([poll(minute) for minute in range(0, 180, 10)])

        assert store.seal(T0 + 3 * HOUR_MS - 1) == []
        files = store.seal(T0 + 3 * HOUR_MS)
        assert [(file.kind, file.hour_ms, file.rows) for file in files] == [("_poll", T0, 6), ("ap", T0, 6)]
        assert store.seal(T0 + 3 * HOUR_MS) == files
        store.told(files)
        assert store.seal(T0 + 3 * HOUR_MS) == []
        for file in files:
            content = (tmp_path / file.path).read_bytes()
            assert (hashlib.sha256(content).hexdigest(), len(content)) == (file.sha256, file.size)


def test_a_late_poll_goes_to_a_further_file_of_its_hour(tmp_path):
    """The first file is never touched again."""
    with Embedded(tmp_path, hot_hours=0, writing=True) as store:
        store.write([poll(1)])
        first = store.seal(T0 + HOUR_MS)
        before = [(tmp_path / file.path).read_bytes() for file in first]
        store.write([poll(2, value=2.0), poll(1, value=9.0)])
        further = [file for file in store.seal(T0 + HOUR_MS) if file not in first]

        assert [Path(file.path).name for file in further] == ["00-1.parquet", "00-1.parquet"]
        assert [(tmp_path / file.path).read_bytes() for file in first] == before
        assert [r.value for r in store.series(SUBJECTS[0], "m.a", start_ms=T0, end_ms=T0 + HOUR_MS)] == [1.0, 2.0]


def test_sealed_files_are_anyones_to_read(tmp_path):
    """Plain Parquet with the metric's own name."""
    with Embedded(tmp_path, hot_hours=0, writing=True) as store:
        row = Row(subject=SUBJECTS[0], values={"m.a": 1.5, "m.b": None}, codes={"m.b": "no_answer"})
        store.write([Poll(device="ac-1", slot_ms=T0, at_ms=T0 + 9, outcome="answered", rows=(row,))])
        file = next(file for file in store.seal(T0 + HOUR_MS) if file.kind == "ap")

    table = pq.read_table(tmp_path / file.path)
    assert table.to_pylist() == [
        {"subject": "mac:1", "device": "ac-1", "slot_ms": T0, "at_ms": T0 + 9, "m.a": 1.5, "m.b:code": "no_answer"}
    ]


def test_retention_deletes_whole_files_and_tells_it(tmp_path):
    """Only what was told before may go; what a crash left undeleted goes at the next start."""
    with Embedded(tmp_path, hot_hours=0, retention_days=30, writing=True) as store:
        store.write([poll(0), poll(90)])
        files = store.seal(T0 + 2 * HOUR_MS)
        late_ms = T0 + 30 * DAY_MS + HOUR_MS
        assert store.expire(late_ms) == []
        store.told(files)
        assert store.expire(late_ms - 1) == []

        gone = store.expire(late_ms)
        assert {(each.path, each.sha256, each.why) for each in gone} == {
            (file.path, file.sha256, "retention") for file in files if file.hour_ms == T0
        }
        assert not any((tmp_path / each.path).exists() for each in gone)
        assert store.expire(late_ms) == gone
        store.told(gone)
        assert store.expire(late_ms) == []
        assert [o.slot_ms for o in store.outcomes(start_ms=T0, end_ms=T0 + DAY_MS)] == [T0 + 90 * MINUTE]


def test_files_that_a_crash_left_behind_are_swept(tmp_path):
    """Written but never listed: their rows are still hot."""
    stray = tmp_path / "cold" / "ap" / "2025-06-01" / "00-0.parquet"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"half a file")
    with Embedded(tmp_path, writing=True) as store:
        assert not stray.exists()
        assert store.seal(T0) == []


def test_a_changed_file_is_an_error_that_names_it(tmp_path):
    """A sealed file that is no Parquet any more does not read as nothing."""
    with Embedded(tmp_path, hot_hours=0, writing=True) as store:
        store.write([poll(1)])
        file = next(file for file in store.seal(T0 + HOUR_MS) if file.kind == "ap")
        (tmp_path / file.path).write_bytes(b"PAR1 no more")
        with pytest.raises(StoreError, match="00-0"):
            store.series(SUBJECTS[0], "m.a", start_ms=T0, end_ms=T0 + HOUR_MS)
        (tmp_path / file.path).unlink()
        with pytest.raises(StoreError, match="00-0"):
            store.series(SUBJECTS[0], "m.a", start_ms=T0, end_ms=T0 + HOUR_MS)


READ = """
import sys
from pathlib import Path
from netops.store.embedded import Embedded
with Embedded(Path(sys.argv[1])) as store:
    for line in sys.stdin:
        print(len(store.outcomes(start_ms=0, end_ms=1 << 50)), flush=True)
"""


def test_another_process_reads_while_the_core_writes_and_seals(tmp_path):
    """Every poll is there once, before, between and after sealing."""
    with Embedded(tmp_path, hot_hours=0, writing=True) as store:
        store.write([poll(0)])
        command = [sys.executable, "-c", READ, str(tmp_path)]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
            for turn in range(1, 8):
                reader.stdin.write("?\n")
                reader.stdin.flush()
                assert int(reader.stdout.readline()) == turn
                if turn % 2:
                    store.told(store.seal(T0 + 2 * HOUR_MS))
                store.write([poll(turn)])
            reader.stdin.close()
            assert reader.wait(30) == 0


def test_only_one_process_writes_and_a_reader_waits_for_the_core(tmp_path):
    """The messages say who writes and what to wait for."""
    with pytest.raises(StoreError, match="the core makes it"), Embedded(tmp_path / "new") as store:
        store.texts(SUBJECTS[0])
    with Embedded(tmp_path, writing=True), Embedded(tmp_path) as reader:
        assert reader.texts(SUBJECTS[0]) == {}
        with pytest.raises(StoreError, match="only the core writes"):
            reader.write([poll(1)])


def test_a_poll_with_too_many_metrics_is_refused_not_retried_for_ever(tmp_path):
    """The record is the fault, not the store; the next one is taken."""
    row = Row(subject=SUBJECTS[0], values={f"m.{n}": 1.0 for n in range(2100)})
    with Embedded(tmp_path, writing=True) as store:
        with pytest.raises(RefusedError, match="a table holds at most 1990"):
            store.write([Poll(device="ac-1", slot_ms=T0, at_ms=T0, outcome="answered", rows=(row,))])
        store.write([poll(1)])

        assert [o.slot_ms for o in store.outcomes(start_ms=T0, end_ms=T0 + HOUR_MS)] == [T0 + MINUTE]


def test_duckdb_is_closed_in(tmp_path):
    """No downloads, no other files, and no way to open it up again."""
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    (tmp_path / "cold").mkdir()
    db = cold.connect(tmp_path / "cold")
    for statement in (
        f"SELECT * FROM read_csv('{secret}')",
        "INSTALL httpfs",
        "LOAD sqlite",
        "SET enable_external_access = true",
        "SET threads = 8",
        f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
    ):
        with pytest.raises(duckdb.Error):
            db.execute(statement)
    assert db.execute("SELECT current_setting('threads')").fetchone() == (1,)
    db.close()


def test_sealing_is_bounded_per_call(tmp_path):
    """A backlog of hours is worked off in pieces, each soon done."""
    with Embedded(tmp_path, hot_hours=0, writing=True, seal_cells=600) as store:
        store.write([poll(minute, device) for minute in range(240) for device in DEVICES])
        calls, files = 0, 0
        while new := store.seal(T0 + 5 * HOUR_MS):
            calls += 1
            files += len(new)
            assert sum(file.rows for file in new) <= 600
            store.told(new)

        assert calls > 4
        assert len(store.outcomes(start_ms=T0, end_ms=T0 + 5 * HOUR_MS)) == 480
