"""Surveys and areas as facts: in parts that fit, and back as the same tables."""

import random

import pytest

from netops import facts
from netops.coverage import sealed
from netops.coverage.cells import Hour, Table
from netops.coverage.survey import MOST_INSTRUMENTS, Survey
from netops.errors import EvidenceError

DIGEST = "ab" * 32
NOW = 1_791_000_000_000


def survey(cells):
    picked = random.Random(4)
    table = Table()
    for cell in range(cells):
        for hour in range(3):
            table.add(f"8931aa{cell:06x}fff", 490_000 + hour, Hour(picked.randrange(1, 99), 0, -9_000, 0, 0))
    found = Survey("lte", 9, digest=DIGEST, samples=7, first_ms=1, last_ms=2, table=table)
    found.instruments["tester 1"] = found.datums["WGS-84"] = 7
    return found


def told(cells=1):
    return sealed.of_survey(survey(cells), carrier="carrier-a", grid="4.5.0", by="x@cli", now_ms=NOW)


def read(made, technology="lte"):
    return sealed.read(made, carrier="carrier-a", technology=technology)


def test_a_large_survey_is_cut_into_facts_that_fit_and_reads_back_the_same():
    made = [facts.decode(facts.encode(fact)) for fact in told(2000)]
    held = read(reversed(made))

    assert len(made) > 3
    assert held.surveys[0][1] == survey(2000).table
    assert held.surveys[0][0].digest == DIGEST


def test_a_survey_that_was_imported_twice_counts_once():
    assert read(told() + told()).surveys == read(told()).surveys


def test_a_part_that_is_missing_is_named():
    with pytest.raises(EvidenceError, match=f"survey {DIGEST}: .* parts are here"):
        read(told(2000)[1:])


def test_a_survey_waits_until_the_ledger_holds_each_of_its_parts():
    made = told(2000)
    partly = [(fact, index > 0) for index, fact in enumerate(made)]

    assert sealed.waiting(partly, carrier="carrier-a", technology="lte") == {DIGEST}
    assert sealed.waiting([*partly, (made[0], True)], carrier="carrier-a", technology="lte") == frozenset()
    assert sealed.waiting(partly, carrier="carrier-b", technology="lte") == frozenset()


def test_surveys_of_others_are_left_alone():
    assert read(told(), technology="wifi").surveys == []


def test_the_areas_that_were_stated_last_hold():
    first = sealed.of_areas({"a": {"c1": 10}}, grid="4.5.0", resolution=9, by="x@cli", now_ms=NOW)
    last = sealed.of_areas({"a": {"c1": 10}, "b": {"c0": 12}}, grid="4.5.0", resolution=9, by="x@cli", now_ms=NOW)
    held = read(first + last)

    assert held.zones == {"a": {"c1": 10}, "b": {"c0": 12}}
    assert (held.grid, held.resolution) == ("4.5.0", 9)


def test_areas_whose_cells_are_not_of_their_digest_are_refused():
    (fact,) = sealed.of_areas({"a": {"c1": 10}}, grid="4.5.0", resolution=9, by="x@cli", now_ms=NOW)
    forged = facts.Fact(kind=fact.kind, at_ms=NOW, body={**fact.body, "cells": [["c1", "a", 11]]})

    with pytest.raises(EvidenceError, match="not those of this digest"):
        read([forged])


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(["c1", 1, 1, 2, 0, 0, 0], id="more-silent-than-samples"),
        pytest.param(["c1", 1, 2, 1, 0, 2, 0], id="more-rated-than-heard"),
        pytest.param(["c1", 1, 0, 0, 0, 0, 0], id="no-samples"),
        pytest.param(["c1", 1, 1, 0, -90.5, 0, 0], id="no-whole-number"),
        pytest.param(["c1", 1, 1], id="short"),
    ],
)
def test_a_row_that_cannot_be_is_no_fact(row):
    (fact,) = told()
    with pytest.raises(EvidenceError, match="cells is"):
        facts.encode(facts.Fact(kind=fact.kind, at_ms=NOW, body={**fact.body, "cells": [row]}))


def test_the_longest_names_of_the_most_instruments_fit_beside_the_rows():
    found = survey(2000)
    for number in range(MOST_INSTRUMENTS):
        found.instruments[f"{number:02d}" + "𠀀" * 98] = 2**40
    made = sealed.of_survey(found, carrier="c" * 200, grid="4.5.0", by="x" * 200, now_ms=NOW)

    assert max(len(facts.encode(fact)) for fact in made) <= facts.MAX_FACT
