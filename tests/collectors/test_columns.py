"""The quick way through an answer gives exactly the rows of the general way, or steps aside."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from collectors import columns
from collectors.columns import Known, quick_rows
from collectors.decode import decode
from collectors.detect import detect, questions
from collectors.plan import plan
from collectors.profile_yaml import shipped
from collectors.recording import load
from collectors.replay import LIMITS, places
from collectors.snmp.agent import Listing, interview
from collectors.snmp.varbind import Varbind
from netops.series import rows

CAPTURES = sorted((Path(__file__).parent / "captures").glob("*.snmprec"))
RECORDINGS = Path(__file__).resolve().parents[2] / "../shared/data/recordings"


def both_ways(agent, known=None, *, only=""):
    """Return (general rows, quick rows or None) of an agent's whole answer."""
    profiles = {only: shipped()[only]} if only else shipped()
    todo = plan(detect(profiles, interview(agent, questions(profiles.values()), at_ms=0)).chosen, limits=LIMITS)
    answer = interview(agent, todo.ask, at_ms=0)
    general = decode(todo, answer, device="d", at_ms=0)
    return rows(general.observations, general.gaps), quick_rows(todo, answer, device="d", known=known or Known())


def listing(told):
    return Listing(Varbind(oid, *got) for oid, got in told.items())


def agent_of(path):
    return load(path, wanted=places(shipped().values())).agent


def same(general, quick):
    """Whether rows, their order, the order of their metrics and the types of their values are the same."""
    assert [row.subject for row in quick] == [row.subject for row in general]
    for ours, theirs in zip(quick, general, strict=True):
        assert list(ours.values.items()) == list(theirs.values.items())
        assert (dict(ours.codes), dict(ours.texts)) == (dict(theirs.codes), dict(theirs.texts))
        assert {type(value) for value in ours.values.values()} <= {float, type(None)}


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name.removesuffix(".snmprec"))
def test_a_capture_reads_the_same_both_ways(path):
    general, quick = both_ways(agent_of(path))
    if quick is not None:
        same(general, quick)


@pytest.mark.parametrize("seed", range(30))
def test_a_table_that_somebody_changed_reads_the_same_both_ways(seed):
    """Values out of bounds, sentinels, other types, missing cells and columns, equal names: never another result."""
    chance = random.Random(seed)
    told = {(1, 3, 6, 1, 2, 1, 1, 3, 0): (0x43, 100)}
    for row in range(1, 9):
        for column, tag, value in (
            ("2.2.1.2", 4, b"eth%d" % row),
            ("2.2.1.3", 2, 6),
            ("2.2.1.7", 2, 1),
            ("2.2.1.8", 2, chance.choice((1, 2, 7))),
            ("2.2.1.10", 0x41, chance.randrange(2**32)),
            ("2.2.1.13", 0x41, row),
            ("31.1.1.1.1", 4, b"e%d" % row),
            ("31.1.1.1.6", 0x46, chance.randrange(2**64)),
            ("31.1.1.1.15", 0x42, 1000),
        ):
            told[(1, 3, 6, 1, 2, 1, *map(int, column.split(".")), row)] = (tag, value)
    plain, quick = both_ways(listing(told), only="standard")
    assert quick is not None
    same(plain, quick)
    taken = 0
    for _ in range(20):
        changed = dict(told)
        for oid in chance.sample(sorted(told), chance.randint(1, 3)):
            how = chance.randrange(6)
            if how == 0:
                changed.pop(oid, None)
            elif how == 1:
                changed[oid] = (2, -1)
            elif how == 2:
                changed[oid] = (4, chance.choice((b"", b"e3", b"eth3", b"\xff\xfe", b"-12.5 dBm")))
            elif how == 3:
                changed[oid] = (5, None)
            elif how == 4:
                changed[oid] = (2, 255)
            else:
                changed = {each: got for each, got in changed.items() if each[:-1] != oid[:-1]}
        if (1, 3, 6, 1, 2, 1, 1, 3, 0) not in changed:
            continue
        general, quick = both_ways(listing(changed), only="standard")
        if quick is not None:
            same(general, quick)
            taken += 1
    assert taken


def test_what_a_devices_tables_held_last_time_is_read_again_when_it_changed():
    """A name that wanders to another row takes its subject along."""
    names = {1: b"a", 2: b"b"}

    def agent():
        told = {(1, 3, 6, 1, 2, 1, 1, 3, 0): (0x43, 100)}
        for row, name in names.items():
            told[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1, row] = (4, name)
            for column in (7, 8):
                told[1, 3, 6, 1, 2, 1, 2, 2, 1, column, row] = (2, row)
        return listing(told)

    known = Known()
    first = both_ways(agent(), known)[1]
    again = both_ways(agent(), known)[1]
    names[1], names[2] = b"b", b"a"
    swapped, quick = both_ways(agent(), known)

    assert [row.subject.id for row in first] == [row.subject.id for row in again]
    same(swapped, quick)
    assert [row.subject.id for row in quick] != [row.subject.id for row in again]


@pytest.mark.recordings
@pytest.mark.timeout(180)
def test_recordings_of_real_devices_read_the_same_both_ways():
    taken = 0
    paths = sorted(RECORDINGS.glob("[lp]*/*.snmprec")) + sorted(RECORDINGS.glob("ap/*.snmprec"))
    for path in paths:
        general, quick = both_ways(agent_of(path))
        if quick is not None:
            same(general, quick)
            taken += 1
    assert taken > len(paths) // 10, f"the quick way took {taken} of {len(paths)}"


def test_an_answer_that_failed_is_left_to_the_general_way():
    agent = listing({(1, 3, 6, 1, 2, 1, 1, 3, 0): (0x43, 100)})
    profiles = shipped()
    todo = plan(detect(profiles, interview(agent, questions(profiles.values()), at_ms=0)).chosen, limits=LIMITS)
    answer = interview(agent, todo.ask, at_ms=0)
    torn = answer._replace(uptime_first=9_000_000, uptime_last=5)

    assert columns.quick_rows(todo, torn, device="d", known=Known()) is None
