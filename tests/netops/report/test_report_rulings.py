"""A ruling moves money as the tables of the dispute allow, in both judges, whoever had another one sealed."""

import pytest

from netops.evidence import canonical
from netops.evidence.verifier import verify_numbers
from netops.report import bundle as bundles

H = 3_600_000
START = 1_790_784_000_000


@pytest.fixture
def disputed(paper_world, paper_bundle):
    """An hour of outage that an approved claim excuses; the report on it is issued."""
    world = paper_world(length=2)
    world.versions()
    roster = world.roster()
    for number, letters in enumerate([{"ap-1": "d" * 12}, {}]):
        world.hour(number, letters, roster)
    world.claim("m-1", 0, 1, services=["ap-1"])
    issue(world, paper_bundle)
    return world


def issue(world, paper_bundle):
    draft, _ = paper_bundle(world)
    for fact in bundles.facts(draft, now_ms=START + 12 * H):
        world.state(fact.kind, dict(fact.body), at_ms=fact.at_ms)
    return draft


REPORT = "c1-2026-09-30T16:00:00.000Z/2026-09-30T18:00:00.000Z-r1"
OBJECTION = {"report": REPORT, "code": "claim_granted", "target": "m-1", "by": "unicom", "reason": "x"}
STEPS = {
    "object": ("objection", OBJECTION),
    "object-to-another": ("objection", OBJECTION | {"report": "nowhere-r1"}),
    "rebut": ("rebuttal", {"stance": "rejected", "by": "wang", "reason": "x"}),
    "uphold": ("ruling", {"outcome": "upheld", "by": "officer", "reason": "x"}),
    "rebut-by-officer": ("rebuttal", {"stance": "accepted", "by": "officer", "reason": "x"}),
    "rebut-by-unicom": ("rebuttal", {"stance": "accepted", "by": "unicom", "reason": "x"}),
    "uphold-by-unicom": ("ruling", {"outcome": "upheld", "by": "unicom", "reason": "x"}),
    "dismiss": ("ruling", {"outcome": "dismissed", "by": "officer", "reason": "x"}),
    "accept": ("report_accepted", {"report": REPORT, "by": "unicom"}),
    "accept-another-file": ("report_accepted", {"report": REPORT, "by": "unicom", "digest": "f" * 64}),
    "final": ("report_final", {"report": REPORT, "digest": "0" * 64, "by": "wang"}),
}
IN_FORCE, OUT = "in_force", "out_by_ruling"


@pytest.mark.parametrize(
    ("steps", "effect"),
    [
        ("object rebut uphold", OUT),
        ("object uphold", IN_FORCE),  # never answered
        ("object uphold rebut", IN_FORCE),
        ("object rebut dismiss uphold", IN_FORCE),  # a second ruling
        ("rebut uphold object", IN_FORCE),
        ("accept object rebut uphold", IN_FORCE),  # an objection after acceptance
        ("accept-another-file object rebut uphold", OUT),
        ("accept final object rebut uphold", IN_FORCE),
        ("object-to-another rebut uphold", IN_FORCE),
        ("object rebut-by-officer uphold", IN_FORCE),  # who answered does not rule
        ("object rebut-by-unicom uphold", IN_FORCE),  # who objected does not answer
        ("object rebut uphold-by-unicom", IN_FORCE),  # nor rule
        ("object rebut uphold-by-unicom uphold", OUT),  # what was refused took nobody's place
        ("object accept rebut uphold", OUT),  # no acceptance while an objection stands
    ],
)
def test_both_judges_follow_what_the_tables_allow_and_nothing_else(disputed, paper_bundle, steps, effect):
    for step in steps.split():
        kind, body = STEPS[step]
        named = {} if kind.startswith("report_") else {"objection": "o-1"}
        disputed.state(kind, named | body)

    draft, bundle = paper_bundle(disputed)

    claims = canonical.loads(bundle.members["report.json"])["parts"][0]["items"][0]["objectives"][0]["exclusions"]
    assert [each["effect"] for each in claims] == [effect]
    assert verify_numbers(bundle) == []
    told = draft.report.content.get("passed_over", [])
    assert ("objections and rulings of no effect" in bundle.members["report.html"].decode()) == bool(told)
    named = {at + n for at, count in told for n in range(count)}
    assert named == {each.index for each in draft.leaves.of("objection", "ruling")} & draft.leaves.void


def test_a_report_that_follows_a_ruling_of_no_place_does_not_verify(disputed, paper_bundle, monkeypatch):
    for kind, body in (STEPS["object"], STEPS["uphold"]):
        disputed.state(kind, {"objection": "o-1"} | body)
    monkeypatch.setattr("netops.dispute.states.without_effect", lambda *_: {})

    _, bundle = paper_bundle(disputed)

    places = [each.place for each in verify_numbers(bundle)]
    assert any(place.startswith("report.json: parts") for place in places)
    assert "report.json: passed_over" in places


@pytest.mark.parametrize("step", ["rebut", "accept"])
def test_what_moves_no_figure_makes_no_revision(disputed, paper_bundle, step):
    kind, body = STEPS["object"]
    disputed.state(kind, {"objection": "o-1"} | body) if step == "rebut" else None
    second = issue(disputed, paper_bundle) if step == "rebut" else paper_bundle(disputed)[0]
    kind, body = STEPS[step]
    disputed.state(kind, body | ({"objection": "o-1"} if step == "rebut" else {}))

    again, _ = paper_bundle(disputed)

    assert (again.name, again.manifest) == (second.name, second.manifest)
