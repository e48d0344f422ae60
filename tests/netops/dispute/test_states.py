"""What may follow what in a dispute: every pair of state and fact, revisions, and what is passed over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netops.dispute import states
from netops.dispute.states import fold, refused
from netops.evidence import procedure
from netops.facts import Fact, check

PERIOD = {"contract": "wifi-a", "start_ms": 1000, "end_ms": 2000}
# How each state is reached, as steps of `said`.
REACHED = {
    "issued": ["issue"],
    "accepted": ["issue", "accept"],
    "disputed": ["issue", "object"],
    "ruled": ["issue", "object", "rebut", "rule"],
    "final": ["issue", "accept", "final"],
    "settled": ["issue", "accept", "final", "settle"],
}
# The table as the procedure is drawn, row by row: what a second revision, acceptance, … makes of a report in a state.
DRAWN = """
            revise    accept    object    rebut     rule      final     settle
issued      issued    accepted  disputed  -         -         -         -
accepted    issued    -         -         -         -         final     -
disputed    disputed  -         disputed  disputed  -         -         -
ruled       issued    accepted  disputed  -         -         final     -
final       final     -         -         -         -         -         settled
settled     settled   -         -         -         -         -         -
"""


def said(word, *, name="o-1", report="", revision=0, **more):
    """Return the fact of a step; `revise` issues the report anew."""
    report = report or "r0"
    kinds = {
        "issue": ("report_issued", issued("r0", 0)),
        "revise": ("report_issued", issued(f"r{revision or 1}", revision or 1)),
        "accept": ("report_accepted", {"report": report, "by": "carrier"}),
        "object": (
            "objection",
            {"objection": name, "report": report, "code": "fact", "target": "leaf:1", "by": "carrier", "reason": "x"},
        ),
        "rebut": ("rebuttal", {"objection": name, "stance": "rejected", "by": "wang", "reason": "x"}),
        "rule": ("ruling", {"objection": name, "outcome": "dismissed", "by": "zhao", "reason": "x"}),
        "final": ("report_final", {"report": report, "digest": "0" * 64, "by": "wang"}),
        "settle": ("report_settled", {"report": report, "amount": "240.00", "currency": "CNY", "by": "wang"}),
    }
    kind, body = kinds[word]
    made = Fact(kind=kind, at_ms=1, body=body | more)
    check(made)
    return made


def issued(name, revision):
    digests = {"digest": "0" * 64, "manifest_digest": "0" * 64}
    return {"report": name, **PERIOD, "revision": revision, "leaves": 1, **digests}


def after(*facts):
    return fold((fact, at) for at, fact in enumerate(facts, 1))


def case(cases):
    (only,) = cases.held.values()
    return only


def drawn():
    head, *rows = DRAWN.strip("\n").splitlines()
    for row in rows:
        state, *cells = row.split()
        for word, cell in zip(head.split(), cells, strict=True):
            yield pytest.param(state, word, cell, id=f"{state}-{word}")


@pytest.mark.parametrize(("state", "word", "becomes"), list(drawn()))
def test_each_state_takes_the_facts_that_the_procedure_draws_and_no_other(state, word, becomes):
    cases = after(*(said(each) for each in REACHED[state]))
    assert case(cases).state == state
    fact = said(word, name="o-2" if word == "object" else "o-1")

    why = refused(cases, fact) if word != "revise" else ""
    then = case(fold([(fact, 99)], onto=cases))

    assert bool(why) == (becomes == "-")
    assert then.state == (state if becomes == "-" else becomes)
    if becomes == "-":
        assert then == case(cases)


def test_the_drawing_is_the_whole_table():
    kinds = {"revise": "report_issued", "accept": "report_accepted", "object": "objection", "rebut": "rebuttal"}
    kinds |= {"rule": "ruling", "final": "report_final", "settle": "report_settled"}
    known = {(state, kinds[word]): cell for state, word, cell in (each.values for each in drawn()) if cell != "-"}
    beyond = {
        ("draft", "report_issued"): "issued",
        ("disputed", "ruling"): "disputed",  # another objection stays open
        ("disputed", "last_ruling"): "ruled",
    }

    assert dict(states.REPORT) == known | beyond


@pytest.mark.parametrize("word", ["accept", "object", "final", "settle", "rebut", "rule"])
def test_nothing_is_said_about_a_report_that_was_never_issued(word):
    assert "there is no" in refused(states.Cases(), said(word))


def test_a_report_is_ruled_on_when_the_last_objection_is():
    two = [said("issue"), said("object"), said("object", name="o-2"), said("rebut"), said("rule")]
    half = after(*two)
    whole = after(*two, said("rebut", name="o-2"), said("rule", name="o-2"))

    assert (case(half).state, case(half).stage) == ("disputed", "objection")
    assert case(whole).state == "ruled"


def test_an_open_dispute_is_at_its_rebuttal_once_every_objection_is_answered():
    assert case(after(said("issue"), said("object"), said("rebut"))).stage == "rebuttal"


@pytest.mark.parametrize(
    ("steps", "word", "why"),
    [
        (["issue", "object"], "rule", "not answered yet"),
        (["issue", "object", "rebut"], "rebut", "answered already"),
        (["issue", "object", "rebut", "rule"], "rule", "ruled on already"),
        (["issue", "object", "rebut", "rule"], "rebut", "ruled on already"),
        (["issue", "object"], "object", "'o-1' already"),
        (["issue", "object"], "accept", "open"),
        (["issue", "accept"], "object", "late"),
        (["issue"], "final", "window is open"),
        (["issue"], "settle", "has no place"),
    ],
)
def test_a_refusal_says_why(steps, word, why):
    assert why in refused(after(*map(said, steps)), said(word))


@pytest.mark.parametrize(
    ("told", "fact", "why"),
    [
        ((said("issue"), said("object")), said("rebut", by="carrier"), "a second person must answer"),
        ((said("issue"), said("object"), said("rebut")), said("rule", by="wang"), "another person must rule"),
        ((said("issue"), said("object"), said("rebut")), said("rule", by="carrier"), "made the objection"),
    ],
)
def test_each_step_is_another_persons(told, fact, why):
    assert why in refused(after(*told), fact)
    assert after(*told, fact) == after(*told)


def test_the_core_may_state_both_silences_it_is_no_person():
    told = (said("issue"), said("object"), said("rebut", by="deadline"), said("rule", by="deadline"))

    assert case(after(*told)).state == "ruled"


@pytest.mark.parametrize("word", ["accept", "object", "final"])
def test_who_speaks_of_a_replaced_revision_is_told_which_one_counts(word):
    cases = after(said("issue"), said("revise"))

    assert "replaced by 'r1'" in refused(cases, said(word))


def test_a_revision_after_a_ruling_opens_the_report_anew_and_is_settled_under_its_own_name():
    steps = [*map(said, REACHED["ruled"]), said("revise")]
    steps += [said(word, report="r1") for word in ("accept", "final", "settle")]
    held = case(after(*steps))

    assert [each.name for each in held.revisions] == ["r0", "r1"]
    assert (held.state, held.final, held.settled) == ("settled", "r1", "240.00")


def test_an_objection_to_an_older_revision_stays_open_until_it_is_ruled_on():
    cases = after(said("issue"), said("object"), said("revise"))
    assert "open" in refused(cases, said("final", report="r1"))
    ruled = fold([(said("rebut"), 8), (said("rule"), 9)], onto=cases)

    assert case(ruled).state == "ruled"


def test_a_revision_after_the_final_one_moves_nothing():
    cases = after(*map(said, REACHED["final"]), said("revise"))

    assert refused(cases, said("settle", report="r1"))
    assert refused(cases, said("settle", report="r0")) == ""


def test_an_upheld_objection_waits_for_the_revision_that_follows_it():
    steps = [said("issue"), said("object"), said("rebut"), said("rule", outcome="upheld")]

    assert [each.id for each in case(after(*steps)).unserved] == ["o-1"]
    assert case(after(*steps, said("revise"))).unserved == ()


WORDS = st.lists(
    st.builds(
        said,
        st.sampled_from(["issue", "revise", "accept", "object", "rebut", "rule", "final", "settle"]),
        name=st.sampled_from(["o-1", "o-2"]),
        report=st.sampled_from(["r0", "r1", "r2"]),
        revision=st.sampled_from([1, 2]),
    )
    | st.builds(
        said,
        st.sampled_from(["rebut", "rule"]),
        name=st.sampled_from(["o-1", "o-2"]),
        by=st.sampled_from(["carrier", "wang", "zhao", "deadline"]),
    ),
    max_size=14,
)


@given(WORDS)
def test_whatever_is_said_the_state_is_one_that_its_objections_allow(facts):
    cases = after(*facts)
    for each in cases.held.values():
        assert each.state in states.STATES
        assert (each.state == "disputed") == bool(each.open)
        assert (each.state == "settled") == bool(each.settled)
        if each.final:
            assert each.state in {"final", "settled"}


@given(WORDS, st.integers(0, 14))
def test_what_was_refused_changes_nothing_and_folding_may_pause_anywhere(facts, at):
    numbered = list(enumerate(facts, 1))
    pairs = [(fact, number) for number, fact in numbered]
    allowed = [
        (fact, number)
        for number, fact in numbered
        if fact.kind == "report_issued" or not refused(after(*facts[: number - 1]), fact)
    ]

    assert fold(pairs[at:], onto=fold(pairs[:at])) == fold(pairs) == fold(allowed)


def leaf(fact):
    told = {"kind": fact.kind, "at_ms": fact.at_ms, "body": fact.body}
    return {"fact": told, "recorded_ms": fact.at_ms, "rehearsal": False}


@given(WORDS)
def test_the_table_of_the_stand_alone_verifier_passes_over_the_same(facts):
    mine = states.passed_over((at, fact, at) for at, fact in enumerate(facts))

    assert procedure.walked((at, leaf(fact)) for at, fact in enumerate(facts)).void == mine


def test_the_table_of_the_stand_alone_verifier_is_the_same():
    theirs = {(state, kind): then for state, row in procedure.GOES.items() for kind, then in row.items()}

    assert theirs | {("disputed", "last_ruling"): "ruled"} == dict(states.REPORT)
    assert {(procedure.AWAITS[kind], kind): procedure.BECOMES[kind] for kind in procedure.AWAITS} == states.OBJECTION


def test_who_accepts_another_file_than_the_newest_has_accepted_nothing():
    cases = after(said("issue"))

    assert "another file" in refused(cases, said("accept", digest="f" * 64))
    assert refused(cases, said("accept", digest="0" * 64)) == ""


def test_a_case_holds_so_many_objections_and_no_more_and_thousands_cost_little(monkeypatch):
    """Also in the verifier: what comes beyond costs one look each."""
    monkeypatch.setattr(states, "MOST_OBJECTIONS", 50)
    monkeypatch.setattr(procedure, "MOST_OBJECTIONS", 50)
    facts = [said("issue"), *(said("object", name=f"o-{n}") for n in range(20_000))]
    void = states.passed_over(enumerate_known(facts))

    assert void == set(range(51, 20_001)) == procedure.walked((at, leaf(each)) for at, each in enumerate(facts)).void
    assert "50 objections" in refused(after(*facts[:52]), facts[52])


def enumerate_known(facts):
    return ((at, fact, at) for at, fact in enumerate(facts))
