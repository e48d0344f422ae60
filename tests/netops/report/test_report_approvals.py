"""What two persons did not properly allow excuses nothing, and a report that counted it does not verify."""

import pytest

from netops.access import approvals
from netops.evidence import approvals as second
from netops.evidence.verifier import verify_numbers
from netops.report import leaves

H, M = 3_600_000, 60_000
START = 1_790_784_000_000
TERMS = {"contract": "c1", "class": "maintenance", "start_ms": START + 2 * H, "end_ms": START + 3 * H, "services": []}
ASKED = START - 48 * H
CLAIM = ("exclusion_claim", ASKED, {"claim": "m-1", **TERMS, "reason": "x", "by": "li.na"})


def request(at=ASKED, **changed):
    body = {"request": "m-1", "action": "exclusion", "subject": "m-1", "terms": TERMS, "by": "li.na"}
    body |= {"role": "operator", "reason": "x", "digest": approvals.digest(changed.get("terms", TERMS))} | changed
    return ("approval_request", at, body)


def decision(at=ASKED + M, **changed):
    body = {"request": "m-1", "decision": "approved", "by": "wang.min", "role": "contract_manager", "reason": ""}
    return ("approval_decision", at, body | changed)


def dropped(fact, *names):
    kind, at, body = fact
    return kind, at, {name: value for name, value in body.items() if name not in names}


def told(paper_world, facts):
    """Return a world in which everything is down in hour 2, and these facts were stated in this order."""
    world = paper_world(length=6)
    world.versions()
    roster = world.roster()
    for number in range(world.length):
        world.hour(number, dict.fromkeys(world.members, "d" * 12) if number == 2 else {}, roster)
    for kind, at, body in facts:
        world.state(kind, body, at_ms=at)
    return world


def claims(content):
    return [
        each
        for part in content["parts"]
        for item in part["items"]
        for objective in item["objectives"]
        for each in objective["exclusions"]
    ]


WIDER = TERMS | {"end_ms": START + 5 * H}

VALID = {
    "asked-and-decided": [CLAIM, request(), decision()],
    "a-void-decision-before-the-one-that-counts": [CLAIM, request(), decision(role="viewer"), decision(by="zhao")],
    "decided-twice-the-same": [CLAIM, request(), decision(), decision()],
    "withdrawn-by-somebody-else": [CLAIM, request(), decision(decision="withdrawn", by="eve"), decision()],
    "withdrawn-after-it-was-approved": [CLAIM, request(), decision(), decision(decision="withdrawn", by="li.na")],
    "refused-after-it-was-approved": [CLAIM, request(), decision(), decision(decision="refused", by="zhao")],
    "approved-after-the-window-of-a-claim-in-time": [CLAIM, request(), decision(at=START + 5 * H)],
}

FORGED = {
    "no-request": [CLAIM, decision()],
    "no-decision": [CLAIM, request()],
    "decided-by-who-asked": [CLAIM, request(), decision(by="li.na")],
    "decided-by-who-claimed-asked-by-another": [CLAIM, request(by="zhao"), decision(by="li.na")],
    "asked-by-a-role-that-may-not": [CLAIM, request(role="viewer"), decision()],
    "asked-by-no-role": [CLAIM, dropped(request(), "role"), decision()],
    "decided-by-a-role-that-may-not": [CLAIM, request(), decision(role="admin")],
    "decided-by-no-role": [CLAIM, request(), dropped(decision(), "role")],
    "no-digest": [CLAIM, dropped(request(), "digest"), decision()],
    "another-digest": [CLAIM, request(digest="0" * 64), decision()],
    "no-terms": [CLAIM, dropped(request(), "terms"), decision()],
    "terms-of-another-window": [CLAIM, request(terms=WIDER), decision()],
    "terms-with-something-more": [CLAIM, request(terms=TERMS | {"gateway": "g"}), decision()],
    "a-window-widened-after-the-digest": [
        ("exclusion_claim", ASKED, CLAIM[2] | WIDER),
        request(terms=WIDER, digest=approvals.digest(TERMS)),
        decision(),
    ],
    "asked-as-another-action": [CLAIM, request(action="fail_open"), decision()],
    "decided-before-it-was-asked-in-the-ledger": [CLAIM, decision(at=ASKED + M), request()],
    "decided-before-it-was-asked-by-its-time": [CLAIM, request(), decision(at=ASKED - 1)],
    "refused": [CLAIM, request(), decision(decision="refused")],
    "refused-then-approved": [CLAIM, request(), decision(decision="refused"), decision(by="zhao")],
    "withdrawn": [CLAIM, request(), decision(decision="withdrawn", by="li.na")],
    "withdrawn-then-approved": [CLAIM, request(), decision(decision="withdrawn", by="li.na"), decision()],
    "a-second-request-under-the-same-id": [CLAIM, request(role="viewer"), request(), decision()],
}


@pytest.mark.parametrize("facts", VALID.values(), ids=VALID)
def test_a_claim_that_two_persons_allowed_is_in_force(paper_world, paper_bundle, facts):
    draft, bundle = paper_bundle(told(paper_world, facts))

    assert {each["effect"] for each in claims(draft.report.content)} == {"in_force"}
    assert verify_numbers(bundle) == []


@pytest.mark.parametrize("facts", FORGED.values(), ids=FORGED)
def test_one_that_they_did_not_allow_excuses_nothing(paper_world, paper_bundle, facts):
    draft, bundle = paper_bundle(told(paper_world, facts))

    assert {each["effect"] for each in claims(draft.report.content)} == {"not_approved"}
    assert verify_numbers(bundle) == []


@pytest.mark.parametrize("facts", FORGED.values(), ids=FORGED)
def test_a_report_that_counted_it_does_not_verify(paper_world, paper_bundle, monkeypatch, facts):
    monkeypatch.setattr(leaves, "_approved", lambda *_: True)
    draft, bundle = paper_bundle(told(paper_world, facts))
    places = [each.place for each in verify_numbers(bundle)]

    assert {each["effect"] for each in claims(draft.report.content)} == {"in_force"}
    assert any(".exclusions[0].effect" in place for place in places), places


def test_an_approval_after_the_report_has_no_effect_on_it_and_makes_a_revision(october, signer):
    october.claim("m-9", 1, 2, decision="refused", role="viewer")
    first, members = october.issue(signer)
    october.state("approval_decision", decision(request="m-9")[2] | {"request": "m-9"}, at_ms=START + 3000 * H)
    second_, _ = october.issue(signer)

    def effect(draft):
        return next(each["effect"] for each in claims(draft.report.content) if each["claim"] == "m-9")

    assert (effect(first), effect(second_)) == ("not_approved", "in_force")
    assert second_.report.content["replaces"] == first.report.digest
    assert b'"claim":"m-9"' in members["report.json"]


def test_a_late_claim_stays_late_however_early_it_says_it_was_written(paper_world, paper_bundle):
    facts = [CLAIM, request(), decision()]
    world = told(paper_world, [])
    for kind, at, body in facts:
        world.state(kind, body, at_ms=at, recorded_ms=START + 2 * H)
    draft, bundle = paper_bundle(world)

    assert {each["effect"] for each in claims(draft.report.content)} == {"late"}
    assert verify_numbers(bundle) == []


def test_both_implementations_name_the_same_roles():
    known = approvals.ACTIONS["exclusion"]

    assert (second.ASKS, second.DECIDES, set(second._TERMS)) == (known.asks, known.decides, set(known.fields))


@pytest.mark.parametrize(
    ("letters", "remark"),
    [
        ({"ap-1": "dddddd??????", "ap-2": "?" * 12}, "is missed even at the upper bound"),
        ({"ap-1": "u" * 12, "ap-2": "?" * 12}, ""),
    ],
)
def test_what_the_bounds_show_is_said_though_too_much_is_unknown_for_a_verdict(
    paper_world, paper_bundle, letters, remark
):
    world = paper_world(length=1)
    world.versions()
    world.hour(0, letters, world.roster())
    draft, bundle = paper_bundle(world)
    wifi = draft.report.content["parts"][0]["items"][0]["objectives"][0]

    assert wifi["verdict"] == "not_determinable"
    assert (remark in wifi["remark"]) if remark else wifi["remark"] == ""
    assert ("missed at either bound" in draft.members["report.html"].decode()) is bool(remark)
    assert verify_numbers(bundle) == []
