"""A backlog goes into sealed files at once; whoever asks cannot tell."""

from __future__ import annotations

import random

import pytest

from netops import wire
from netops.model import Poll, Row, Subject
from netops.store.embedded import HOUR_MS, PAST_MS, Embedded

T0 = 1_748_736_000_000
MINUTE = 60_000
NOW = T0 + 8 * HOUR_MS
END = NOW + HOUR_MS
METRICS = ("m.a", "m.b", "m.c", "m.d")


def polls(seed, *, start_ms, count, step_ms=10 * MINUTE):
    """Return polls with gaps, codes, texts, subjects told twice, and names that no file can hold as they are."""
    dice = random.Random(seed)
    made = []
    for slot in range(start_ms, start_ms + count * step_ms, step_ms):
        for device in ("ac-1", "ac-2"):
            rows = []
            for name in dice.sample(["x", "y", "ä ñ", "lone \ud800", "x", "w"], k=dice.randint(1, 6)):
                metrics = dice.sample(METRICS, k=dice.randint(1, 4))
                values = {metric: dice.choice([None, 0.0, -1.5, 1e300, float(slot)]) for metric in metrics}
                codes = {metric: dice.choice(["torn", "no_answer"]) for metric, v in values.items() if v is None}
                if dice.random() < 0.3:
                    codes[dice.choice(METRICS)] = "stale"
                texts = {"name": dice.choice(["one", "two", "lone \udfff"])} if dice.random() < 0.4 else {}
                kind = dice.choice(["ap", "radio"])
                rows.append(Row(subject=Subject(kind, name), values=values, codes=codes, texts=texts))
            made.append(Poll(device=device, slot_ms=slot, at_ms=slot + 7, outcome="answered", rows=tuple(rows)))
    return made


def asked(store):
    """Return everything that the store says about these polls."""
    subjects = [Subject(kind, name) for kind in ("ap", "radio") for name in ("x", "y", "ä ñ", "w")]
    found = [store.readings(each, METRICS, start_ms=T0, end_ms=END) for each in subjects]
    found += [store.last(kind, METRICS, now_ms=NOW, max_age_ms=9 * HOUR_MS) for kind in ("ap", "radio")]
    groups = {each: each.kind for each in subjects}
    found += [store.grouped("m.a", groups, start_ms=T0, end_ms=END, step_ms=HOUR_MS)]
    found += [store.outcomes(start_ms=T0, end_ms=END), store.tally(start_ms=T0, end_ms=END)]
    return [*found, [store.texts(each) for each in subjects]]


def packed(some):
    return [wire.unpack(wire.encode(each)) for each in some]


@pytest.mark.parametrize("seed", range(4))
def test_a_backlog_is_told_like_what_came_in_time(tmp_path, seed):
    fresh, back = polls(seed, start_ms=NOW, count=1), polls(seed + 100, start_ms=T0, count=47)
    paths = (tmp_path / "files", tmp_path / "rows")
    with Embedded(paths[0], writing=True, file_cells=60) as store, Embedded(paths[1], writing=True) as plain:
        for kept in (store, plain):
            kept.write(packed(fresh))
            for at in range(0, len(back), 25):
                kept.write(packed(back[at : at + 25]))
                kept.write(packed(back[at : at + 25]))  # a kill between store and cursor writes them again
        assert list(paths[0].glob("cold/ap/*/*.parquet")), "there were files"
        assert asked(store) == asked(plain)

        while files := store.seal(NOW + 99 * HOUR_MS):
            store.told(files)
        assert asked(store) == asked(plain), "nor when what stayed hot is sealed behind them"
        with Embedded(paths[0]) as reader:
            assert asked(reader) == asked(plain)


def test_what_is_not_behind_or_too_little_for_a_file_stays_hot(tmp_path):
    with Embedded(tmp_path, writing=True, file_cells=60) as store:
        store.write(polls(1, start_ms=NOW, count=1))
        store.write(polls(2, start_ms=NOW - PAST_MS, count=3, step_ms=MINUTE))
        store.write(polls(3, start_ms=T0, count=1))

        assert store.seal(NOW) == []


def test_its_files_are_facts_like_any_other(tmp_path):
    with Embedded(tmp_path, writing=True, file_cells=60) as store:
        store.write(polls(1, start_ms=NOW, count=1))
        store.write(polls(2, start_ms=T0, count=40))
        told = store.seal(NOW)

        assert {each.kind for each in told} <= {"ap", "radio"}
        assert all(each.rows and T0 <= each.hour_ms < NOW for each in told)
        store.told(told)
        assert store.seal(NOW) == []
