"""Laws of what is owed: by object, and minute by minute."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from inventory.model import Credits, Tier
from netops.evidence import figures
from netops.sla import credit
from netops.sla.intervals import total, union

PERCENT = st.fractions(min_value=0, max_value=100, max_denominator=8)
SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=3).map(union)
CLAIMS = st.lists(st.tuples(PERCENT, st.dictionaries(st.sampled_from(["a", "b"]), SPANS)), max_size=4).map(
    lambda made: [
        credit.Claimed(objective=f"o{i}", percent=percent, against=against) for i, (percent, against) in enumerate(made)
    ]
)


@given(CLAIMS)
def test_minute_by_minute_owes_between_the_dearest_and_the_sum_and_never_more_than_the_fee(claims):
    owed = sum((each.percent for each in credit.by_minute(claims)), Fraction(0))

    percents = [each.percent for each in claims]
    assert max(percents, default=0) <= owed <= min(sum(percents), 100)


@given(CLAIMS)
def test_no_minute_of_a_service_is_fresh_twice(claims):
    fresh = sum(each.fresh_ms for each in credit.by_minute(claims))

    owing = [each.against for each in claims if each.percent]
    assert fresh == sum(total(union(*(each.get(name, ()) for each in owing))) for name in ("a", "b"))


@given(CLAIMS)
def test_both_implementations_credit_the_same_minutes(claims):
    given_ = [(c.objective, c.percent, {name: list(spans) for name, spans in c.against.items()}) for c in claims]

    assert [
        {
            "objective": each.objective,
            "percent": figures.written(each.percent),
            "against_ms": each.against_ms,
            "fresh_ms": each.fresh_ms,
        }
        for each in credit.by_minute(claims)
    ] == figures.credited(given_)


@given(
    st.lists(st.tuples(st.integers(1, 99), PERCENT), min_size=1, max_size=5),
    st.sampled_from(["", "5", "12.5"]),
    st.integers(0, 4),
    st.fractions(min_value=0, max_value=1, max_denominator=7),
)
def test_objects_owe_no_more_than_their_caps_and_a_longer_outage_never_less(objects, cap, longer, worse):
    schedule = Credits(
        tiers=(Tier(percent="10", below="99", at_least="50"), Tier(percent="60", below="50")),
        object_cap_percent="40",
        period_cap_percent=cap,
        per="object",
    )

    def owed(values):
        return credit.owed_by_object(
            [(contracted, credit.object_percent(value, schedule)) for contracted, value in values], schedule
        )

    number = longer % len(objects)
    after = [(c, value * worse if i == number else value) for i, (c, value) in enumerate(objects)]

    assert owed(objects) <= owed(after) <= (Fraction(cap) if cap else 40)
