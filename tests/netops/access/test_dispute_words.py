"""What counts of a word in a dispute is when it was recorded and which file it is about, not what it says of itself."""

from dataclasses import replace

import pytest

from netops.access.disputes import SLACK_MS, Known, broken
from netops.dispute import notes, silence, states
from netops.dispute.listening import SHORT_MS
from netops.facts import Fact, check
from tests.netops.dispute.conftest import CARRIER, DAY, MANIFEST, NOW, OBJECTION, REPORT, TERMS, issued, terms

MADE = notes.read(notes.write("objection", OBJECTION, CARRIER), [CARRIER.vkey])
NAME = MADE.name


def known(*facts):
    return Known(cases=states.fold((fact, fact.at_ms) for fact in facts))


def of_nobodys_key(contract, at_ms):
    return replace(TERMS, keys=()) if terms(contract, at_ms) else None


def step(kind, at_ms, **body):
    made = Fact(kind=kind, at_ms=at_ms, body=body)
    check(made)
    return made


REBUTTAL = step("rebuttal", NOW + 2 * DAY, objection=NAME, stance="rejected", by="wang", reason="x")
RULING = step("ruling", NOW + 3 * DAY, objection=NAME, outcome="dismissed", by="zhao", reason="x")


def accepted(made_ms, *, manifest=MANIFEST, report=REPORT):
    told = {"report": report, "manifest_digest": manifest, "made_ms": made_ms}
    return notes.read(notes.write("report_accepted", told, CARRIER), [CARRIER.vkey]).fact(at_ms=NOW + 4 * DAY)


def test_an_objection_that_is_recorded_late_is_late_whatever_time_it_gives_itself():
    over = TERMS.window(known(issued()).cases.of_report(REPORT))
    fact = MADE.fact(at_ms=over - DAY)

    assert broken(fact, known(issued()), terms, known_ms=over - 1) == ""
    assert "it is late" in broken(fact, known(issued()), terms, known_ms=over)


@pytest.mark.parametrize("make", [MADE.fact, lambda at_ms: replace(accepted(NOW), at_ms=at_ms)], ids=["no", "yes"])
def test_what_was_handed_in_before_midnight_is_not_late_because_the_core_was_started_anew(make):
    """A stop that is too short to be a break would else take a right away: whoever runs the core could choose it."""
    over = TERMS.window(known(issued()).cases.of_report(REPORT))

    assert broken(make(at_ms=over - 1), known(issued()), terms, known_ms=over + SHORT_MS - 1) == ""
    assert "it is late" in broken(make(at_ms=over - 1), known(issued()), terms, known_ms=over + SHORT_MS)
    assert "it is late" in broken(make(at_ms=over), known(issued()), terms, known_ms=over)


@pytest.mark.parametrize(
    ("held", "fact", "name"),
    [
        ((issued(), MADE.fact(at_ms=NOW + DAY)), REBUTTAL, "answer"),
        ((issued(), MADE.fact(at_ms=NOW + DAY), REBUTTAL), RULING, "decision"),
    ],
    ids=["an-answer", "a-ruling"],
)
def test_the_citys_own_word_is_late_by_its_record_and_no_rest_of_its_core_excuses_it(held, fact, name):
    """The core is the city's: whoever stops it over the deadline gains no day."""
    so_far = known(*held)
    (objection,) = so_far.cases.of_report(REPORT).objections.values()
    over = getattr(TERMS, name)(objection)
    rest = replace(so_far, breaks=((over - DAY, over + 30 * DAY),))

    assert broken(replace(fact, at_ms=over - DAY), rest, terms, known_ms=over - 1) == ""
    for late in (over, over + DAY, over + 400 * DAY):
        assert "it is late: objection" in broken(replace(fact, at_ms=over - DAY), rest, terms, known_ms=late + SHORT_MS)
    stated = silence.missed(so_far.cases, terms, until_ms=over + 1, breaks=rest.breaks)
    assert [each.fact.body["due_ms"] for each in stated] == [over]


@pytest.mark.parametrize(
    ("held", "fact", "since_ms"),
    [
        ((issued(),), MADE.fact(at_ms=NOW), NOW),
        ((issued(), MADE.fact(at_ms=NOW + DAY)), REBUTTAL, NOW + DAY),
        ((issued(), MADE.fact(at_ms=NOW + DAY), REBUTTAL), RULING, NOW + 2 * DAY),
        ((issued(),), accepted(NOW), NOW),
    ],
    ids=["an-objection", "an-answer", "a-ruling", "an-acceptance"],
)
def test_nothing_is_older_than_what_it_is_about(held, fact, since_ms):
    old = replace(fact, at_ms=since_ms - SLACK_MS - 1)

    assert "made before" in broken(old, known(*held), terms, known_ms=NOW + 3 * DAY)
    assert broken(replace(fact, at_ms=since_ms), known(*held), terms, known_ms=NOW + 3 * DAY) == ""


def test_an_acceptance_that_was_signed_and_kept_does_not_outlive_the_objection_that_came_after_it():
    kept = accepted(NOW + 1)
    objected = (issued(), MADE.fact(at_ms=NOW + DAY))
    ruled = known(*objected, REBUTTAL, RULING)

    assert broken(kept, known(issued()), terms) == ""
    assert "open" in broken(kept, known(*objected), terms)
    assert f"before objection '{NAME}' was ruled on" in broken(kept, ruled, terms)
    assert "before objection" in broken(accepted(RULING.at_ms), ruled, terms)
    assert broken(accepted(RULING.at_ms + 1), ruled, terms) == ""


def test_an_acceptance_of_another_file_or_of_an_older_revision_is_refused():
    twice = known(issued(), replace(issued(1, manifest="cd" * 32), at_ms=NOW + DAY))

    assert "replaced by" in broken(accepted(NOW + 1), twice, terms)
    assert "another file" in broken(accepted(NOW + 2 * DAY, report="wifi-a-2026-08-r1"), twice, terms)


def test_an_acceptance_on_paper_names_the_digest_of_the_report():
    said = {"report": REPORT, "by": "wang"}
    digest = issued().body["digest"]

    assert "which file" in broken(step("report_accepted", NOW, **said), known(issued()), of_nobodys_key)
    wrong = step("report_accepted", NOW, **said, digest="f" * 64)
    assert "another file" in broken(wrong, known(issued()), of_nobodys_key)
    assert broken(step("report_accepted", NOW, **said, digest=digest), known(issued()), of_nobodys_key) == ""
