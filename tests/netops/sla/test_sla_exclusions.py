"""Which exclusion claims are in force."""

import pytest

from inventory.model import ExclusionClass
from netops.sla import exclusions
from netops.sla.exclusions import Claim, Effect

H = 3_600_000
PERIOD = ((1000 * H, 1720 * H),)
CLASSES = {
    "maintenance": ExclusionClass(
        id="maintenance", title="", cause="planned", notice_h=72, cap_s=8 * 3600, approver="contract_manager"
    )
}


def claim(name="a", start=1100, hours=4, notice=72, **more):
    known = {"class_id": "maintenance", "approved": True} | more
    return Claim(id=name, start_ms=start * H, end_ms=(start + hours) * H, noticed_ms=(start - notice) * H, **known)


def effects(*claims):
    return [each.effect for each in exclusions.decide(claims, CLASSES, PERIOD)]


@pytest.mark.parametrize(
    ("given", "effect"),
    [
        (claim(), Effect.IN_FORCE),
        (claim(notice=71), Effect.LATE),
        (claim(notice=-1), Effect.LATE),
        (claim(notice=71, given_ms=0), Effect.RULED),
        (claim(hours=9, given_ms=0), Effect.RULED),
        (claim(taken_ms=0), Effect.RULED_OUT),
        (claim(given_ms=0), Effect.IN_FORCE),
        (claim(notice=71, taken_ms=0), Effect.LATE),
        (claim(hours=9, taken_ms=0), Effect.OVER_CAP),
        (claim(approved=False), Effect.UNAPPROVED),
        (claim(approved=False, given_ms=0), Effect.UNAPPROVED),
        (claim(class_id="maintenence"), Effect.UNKNOWN_CLASS),
        (claim(hours=9), Effect.OVER_CAP),
        (claim(hours=0), Effect.EMPTY),
    ],
    ids=lambda value: value.value if isinstance(value, Effect) else "",
)
def test_a_claim_has_effect_only_by_the_rules(given, effect):
    assert effects(given) == [effect]


def test_the_cap_is_used_up_in_the_order_of_time_and_the_claim_over_it_counts_not_at_all():
    first, second, third = claim("a", 1100, 5), claim("b", 1200, 4), claim("c", 1300, 3)

    assert effects(third, first, second) == [Effect.IN_FORCE, Effect.OVER_CAP, Effect.IN_FORCE]


@pytest.mark.parametrize(
    ("given", "left"),
    [
        pytest.param(claim(notice=71, given_ms=H), (1100 * H, 1101 * H), id="late-and-given-an-hour"),
        pytest.param(claim(hours=9, given_ms=H), (1100 * H, 1101 * H), id="over-cap-and-given-an-hour"),
        pytest.param(claim(taken_ms=H), (1101 * H, 1104 * H), id="in-force-and-an-hour-taken-out"),
    ],
)
def test_what_is_upheld_for_some_minutes_is_the_beginning_of_the_claim(given, left):
    decided = exclusions.decide([given, claim("b", 1200, 8 - (left[1] - left[0]) // H)], CLASSES, PERIOD)

    assert [each.effect for each in decided] == [Effect.RULED, Effect.IN_FORCE]  # the rest of the cap is the other's
    assert exclusions.spans_by_service(decided, ["s"]) == {"*": (left, (1200 * H, decided[1].claim.end_ms))}


def test_overlapping_claims_of_one_class_use_the_cap_once():
    assert effects(claim("a", 1100, 6, services=("x",)), claim("b", 1102, 6, services=("y",))) == [
        Effect.IN_FORCE,
        Effect.IN_FORCE,
    ]


def test_only_what_lies_in_the_period_uses_the_cap():
    assert effects(claim("a", 995, 10)) == [Effect.IN_FORCE]


def test_claims_in_force_excuse_their_services_and_no_others():
    decided = exclusions.decide([claim("a", services=("x", "elsewhere")), claim("b", 1200, notice=0)], CLASSES, PERIOD)

    assert exclusions.spans_by_service(decided, ["x", "y"]) == {"x": ((1100 * H, 1104 * H),)}


def test_a_claim_that_a_ruling_took_out_excuses_nothing_and_leaves_the_cap_to_the_others():
    decided = exclusions.decide([claim("a", 1100, 5, taken_ms=0), claim("b", 1200, 8)], CLASSES, PERIOD)

    assert [each.effect for each in decided] == [Effect.RULED_OUT, Effect.IN_FORCE]
    assert exclusions.spans_by_service(decided, ["s"]) == {"*": ((1200 * H, 1208 * H),)}
