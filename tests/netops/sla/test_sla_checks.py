"""`netops check` says what in a contract cannot be judged, where it stands, and what to write instead."""

from dataclasses import replace

import pytest

from inventory.city import City, city_of
from inventory.model import Carrier, Coverage, Credits, Device, Hours, Minimum, Service, Tier
from inventory.reading.folder import read_city
from inventory.snapshot import of_city
from netops.config import Collect, Settings
from netops.sla import checks, pieces
from tests.netops.instances import how_to_city

AT = 1_790_784_000_000


@pytest.fixture(scope="session")
def guide(tmp_path_factory):
    return read_city(how_to_city(tmp_path_factory.mktemp("guide")))


def problems(city, settings=None, at_ms=AT, **changed):
    """Check the guide's city with its contract's only objective changed."""
    records = {}
    for at, record in city.records.items():
        made = record
        if type(record).__name__ == "Contract":
            (item,) = record.items
            (objective,) = item.objectives
            rules = replace(objective.rules, **changed.get("rules", {}))
            objective = replace(objective, rules=rules, **changed.get("objective", {}))
            item = replace(item, objectives=(objective,), **changed.get("item", {}))
            made = replace(record, items=(item,), **changed.get("contract", {}))
        records[at] = made
    snapshot = of_city(City(records=records, sources=city.sources), at_ms=at_ms, rehearsal=False)
    return checks.check(settings or Settings(), snapshot)


def test_the_contract_of_the_guide_can_be_judged(guide):
    assert problems(guide) == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"objective": {"indicator": "availabilty"}}, "did you mean 'availability'"),
        ({"objective": {"target": "0.995"}}, "target 0.995 is in percent"),
        ({"objective": {"period": "quarter"}}, "period 'quarter' is not reported on"),
        ({"rules": {"check_every_s": 45}}, "the contract's 60"),
        ({"rules": {"check_every_s": 7}}, "hours are sealed"),
        ({"rules": {"quorum": 2, "vantages": 3}}, "does not judge availability"),
        ({"settings": Settings(collect=Collect(interval_s=90))}, "polled every 90 s"),
        ({"rules": {"unknown_mode": "as_upp"}}, "did you mean 'as_up'"),
        ({"item": {"kind": "lte"}}, "sells no service"),
        ({"item": {"fee": "-1"}}, "-1 is negative"),
        ({"contract": {"timezone": "Asia/Peking"}}, "is not in the IANA database"),
        ({"contract": {"timezone": "Asia/Kathmandu"}}, "begin inside a sealed hour of UTC"),
        ({"rules": {"aggregation": "weighted", "weight": "traffic"}}, "weight is 'traffic'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_judged_is_named_with_its_place(guide, changed, message):
    found = problems(guide, **changed)

    assert any(message in each.what for each in found), found
    assert all("wifi-2026" in each.where for each in found)


def test_an_approver_who_decides_nothing_is_named(guide):
    contract = next(each for each in guide.records.values() if type(each).__name__ == "Contract")
    classes = tuple(replace(each, approver="operator") for each in contract.rules.exclusions)
    found = problems(guide, rules={"exclusions": classes})

    assert "approved by 'operator', a role that decides no exclusion" in found[0].what


def test_a_tier_that_holds_nothing_is_named(guide):
    contract = next(each for each in guide.records.values() if type(each).__name__ == "Contract")
    credit = replace(contract.items[0].objectives[0].credits, tiers=(Tier(percent="1", at_least="99", below="98"),))

    assert "it holds nothing" in problems(guide, objective={"credits": credit})[0].what


def test_what_no_portal_tells_of_is_named():
    """A service of the role `portal` that hangs elsewhere, or is counted by nothing, is never measured."""

    def hall(name, **changed):
        made = Service(id=name, kind="wifi", carrier="a", site="s", role="portal", device="portal", subject="site:s")
        return replace(made, **changed)

    services = [
        hall("good"),
        hall("by-room", subject="room:1"),
        hall("elsewhere", device="ac-1"),
        hall("bare", subject=""),
    ]
    held = city_of([Carrier(id="a", name="A"), Device(id="portal", site="s", carrier="a", role="portal"), *services])

    found = checks.check(Settings(), of_city(held, at_ms=AT, rehearsal=False))
    assert [each.what for each in found] == [
        "service bare: the portal counts by no '(nothing)'",
        "service by-room: the portal counts by no 'room:1'",
        "service elsewhere hangs on 'ac-1'; the portal calls itself 'portal'",
    ]


def test_a_year_of_the_calendar_that_is_not_there_is_named(guide):
    """In 2026 the days are known; what 2027 brings nobody knows yet."""
    hours = (Hours(days=(), kinds=("workday",), start_minute=480, end_minute=1200),)
    changed = {"rules": {"hours": hours}, "contract": {"calendar": "cn", "ends_ms": None}}

    assert problems(guide, **changed) == []
    (found,) = problems(guide, at_ms=AT + 366 * 86_400_000, **changed)
    assert "calendar 'cn' has no year 2027: expected inventory/calendars/cn-2027.yaml" in found.what


OUTDOOR = Coverage(
    id="outdoor",
    metric="rssi",
    level="-75",
    target="95",
    minimum="90",
    credits=Credits(tiers=(Tier(percent="5", below="95"),)),
)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({}, ""),
        ({"metric": "rsrp"}, "metric 'rsrp' is of lte, and the item sells wifi"),
        ({"level": "-75.123"}, "level is '-75.123'; expected a rssi from -120 to 0 with at most two decimals"),
        ({"minima": (Minimum(area="110108999", percent="80"),)}, "area '110108999', which is not in the register"),
        ({"credits": Credits(tiers=(Tier(percent="5", below="90"),))}, "a value of `at_least: 90, below: 95` misses"),
        ({"credits": Credits(), "area_percent": "1"}, ""),
        ({"credits": Credits(), "area_percent": "1", "minimum": "0"}, "none has one"),
        ({"minimum": "0.9"}, "minimum 0.9 is in percent"),
    ],
    ids=str,
)
def test_what_a_promise_of_coverage_lacks_is_named_with_its_place(guide, changed, message):
    found = problems(guide, item={"coverage": (replace(OUTDOOR, **changed),)})

    assert [message in each.what for each in found] == [True] * bool(message), found


def test_a_contract_of_so_many_slots_that_no_month_could_be_closed_is_warned_of(guide, monkeypatch):
    monkeypatch.setattr(pieces, "MOST_STRETCHES", 100)

    (found,) = problems(guide)

    assert "a report takes at most 100, which is" in found.what
    assert "sell the services by several contracts" in found.remedy
