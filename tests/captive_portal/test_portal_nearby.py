"""Where else WiFi works: the next hotspot that works now, is open, and can be walked to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from captive_portal import nearby
from captive_portal.nearby import Hotspot, Venue
from netops import hotspots
from netops.situation import ServiceNow, Situation
from netops.situation import State as Up

HERE = Venue(id="here", name="here", at=(39.9600, 116.2980))
PLACES = [
    HERE,
    Venue(id="park", name="海淀公园", address="新建宫门路", at=(39.9638, 116.2980)),
    Venue(id="near", name="near", at=(39.9610, 116.2980)),
    Venue(id="far", name="far", at=(40.1000, 116.2980)),
    Venue(id="nowhere", name="nowhere"),
]


@pytest.mark.parametrize(
    ("working", "closed", "found"),
    [
        ({"park", "near", "far", "nowhere"}, (), "near"),
        ({"park", "far"}, (), "海淀公园"),
        ({"park", "near"}, ("near",), "海淀公园"),
        ({"far", "nowhere", "here"}, (), None),
        (set(), (), None),
    ],
)
def test_the_nearest_that_works_and_is_open_within_a_walk(working, closed, found) -> None:
    told = nearby.nearest("here", PLACES, working=working, open_now=lambda site: site not in closed)

    assert (told.name if told else None) == found


def test_the_way_is_told_in_what_a_walker_needs() -> None:
    told = nearby.nearest("here", PLACES, working={"park"}, open_now=lambda _: True)

    assert told == Hotspot(name="海淀公园", address="新建宫门路", metres=400, wind=0)


def test_without_an_own_place_nothing_is_near() -> None:
    for lost in ("nowhere", "unassigned"):
        assert nearby.nearest(lost, PLACES, working={"park"}, open_now=lambda _: True) is None


@given(some.floats(-60, 60), some.floats(-179, 179), some.integers(0, 7))
def test_winds_are_where_one_would_walk(latitude, longitude, wind) -> None:
    north = (1, 1, 0, -1, -1, -1, 0, 1)[wind] * 0.001
    east = (0, 1, 1, 1, 0, -1, -1, -1)[wind] * 0.001 / max(0.4, nearby.math.cos(nearby.math.radians(latitude)))

    assert nearby.wind((latitude, longitude), (latitude + north, longitude + east)) == wind
    assert nearby.distance((latitude, longitude), (latitude, longitude)) == 0


def delivered(name: str, state: Up, kind: str = "wifi") -> ServiceNow:
    return ServiceNow(service=name, device="d", area="a", carrier="c", contract="k", kind=kind, state=state, since_ms=0)


def test_a_site_works_when_most_of_its_wifi_is_up() -> None:
    services = (
        delivered("a1", Up.UP),
        delivered("a2", Up.DOWN),
        delivered("b1", Up.UP),
        delivered("b2", Up.UP),
        delivered("b3", Up.UNKNOWN),
    )
    situation = Situation(at_ms=7, services=(*services, delivered("c1", Up.UP, "fiber")))
    sites = {"a1": "a", "a2": "a", "b1": "b", "b2": "b", "b3": "b", "c1": "c"}

    assert hotspots.of(situation, sites) == hotspots.Working(at_ms=7, sites=frozenset({"b"}))


def test_what_the_core_said_is_believed_while_it_is_fresh(settings) -> None:
    hotspots.write(settings, hotspots.Working(at_ms=1_000_000_000, sites=frozenset({"b", "a"})))

    assert hotspots.read(settings, 1_000_000_000) == {"a", "b"}
    assert hotspots.read(settings, 1_000_000_000 + hotspots.FRESH_MS + 1) == frozenset()
    assert (settings.data.dir / hotspots.NAME).stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    "written", [b"", b"{}", b"[]", b'{"format":2}', b'{"format":1,"at_ms":"x"}', b"\xff", b"[" * 5000]
)
def test_what_is_no_word_of_the_core_says_nothing(settings, written) -> None:
    (settings.data.dir / hotspots.NAME).write_bytes(written)

    assert hotspots.read(settings, 0) == frozenset()
