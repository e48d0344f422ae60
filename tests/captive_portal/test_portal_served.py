"""A policy is judged by the gateways of its own sites: what a controller elsewhere cannot do is no fault of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from captive_portal import checks, policy_yaml, served
from captive_portal.enforcing import Offer
from captive_portal.gateways import GATEWAYS
from netops.config import PortalAt, Settings
from netops.controllers import Controller
from netops.secret import Secret

PARK = "policy: park\ntitle: Park\nsites: [park]\ndown_kbps: 2000\nidle_minutes: 5\ngarden: [www.example.cn]\n"
STATION = "policy: station\ntitle: Station\nsites: [station]\ndown_kbps: 2000\nvolume_mb: 100\n"
PLAIN = "policy: plain\ntitle: Plain\ndefault: yes\n"
CISCO = Controller(address="192.0.2.1", site="station", vendor="cisco", networks="10.1.0.0/16")


class Register:
    """What these checks need of a snapshot."""

    sites = ()
    site = dict.fromkeys(("park", "station"))


@pytest.fixture
def city(tmp_path):
    """Return settings of a city with a Linux gateway in the park and controllers elsewhere, and these policies."""

    def made(*policies: str, acs=None, **portal) -> Settings:
        for number, text in enumerate(policies):
            (tmp_path / f"{number}.yaml").write_text(text, encoding="utf-8")
        usual = {"gateway": "nftables", "visitors": {"vlan7": "park"}, "policies": tmp_path}
        return Settings(portal=PortalAt(**{**usual, **portal}, acs=acs or {}))

    return made


def said(settings: Settings) -> list[str]:
    return [str(each) for each in checks._policies(settings, Register())]


def test_a_right_policy_stays_right_when_a_lesser_controller_is_added_elsewhere(city) -> None:
    fas = Controller(address="192.0.2.9", site="station", gateway="fas")

    assert said(city(PARK, PLAIN, acs={"ac-1": CISCO, "router": fas})) == []


def test_a_bound_that_is_not_enforced_is_named_with_its_site_and_gateway(city) -> None:
    (found,) = said(city(STATION, acs={"ac-1": CISCO, "ac-2": replace(CISCO, vendor="h3c")}))

    assert "policy 'station' bounds the rate, which is not done at site 'station': gateway 'radius' of 'ac-1'" in found
    assert "give the site a policy of its own" in found
    assert found.partition(": ")[0].endswith("/0.yaml"), "the file is named, not the folder"


def test_every_place_of_a_policy_is_looked_at_that_of_all_other_sites_too(city) -> None:
    fas = Controller(address="192.0.2.9", site="square", gateway="fas")
    everywhere = "policy: all\ntitle: All\ndefault: yes\nvolume_mb: 100\n"

    (found,) = said(city(PARK, everywhere, acs={"ac-1": CISCO, "router": fas}))

    assert "policy 'all' bounds the volume, which is not done at site 'square': gateway 'fas' of 'router'" in found


def test_a_site_without_a_place_is_judged_by_no_gateway(city) -> None:
    assert said(city(STATION.replace("volume_mb", "idle_minutes"), acs={})) == []


def test_an_uplink_is_asked_for_where_the_gate_bounds_what_visitors_send(city) -> None:
    up = "policy: {0}\ntitle: T\nsites: [{0}]\nup_kbps: 500\n"

    found = checks._uplinks(city(up.format("park"), up.format("station"), acs={"ac-1": CISCO}))

    assert [each.what for each in found] == ["policy 'park' bounds up_kbps, and no uplink is named"]


@pytest.mark.parametrize("name", GATEWAYS)
def test_every_gateway_says_what_it_offers_at_a_place_without_being_entered(city, name: str) -> None:
    """The check runs on any machine: no socket, no namespace, no secret of somebody else's is needed."""
    ours = name in {"simulated", "nftables", "opennds"}
    secret = Secret("plain:0123456789abcdef")
    far = replace(CISCO, gateway=name, vendor="huawei", secret=secret, fas_key=secret, portal_secret=secret)
    settings = city(gateway=name) if ours else city(gateway="none", visitors={}, acs={"ac-1": far})

    (place,) = served.places(settings)

    assert (place.gateway, place.place) == (name, "vlan7" if ours else "ac-1")
    assert place.offers == GATEWAYS[name](settings, None).offered(place.place)
    counts = Offer.COUNTERS in place.offers
    assert place.enforces(Offer.VOLUME) == place.enforces(Offer.IDLE) == counts


def test_who_has_no_interface_named_is_a_visitor_of_no_site(city) -> None:
    (place,) = served.places(Settings())

    assert str(place) == "no site: gateway 'simulated' of 'simulated'"
    assert [policy.id for policy, behind in served.by_policy(Settings(), policy_yaml.read(Settings())) if behind] == [
        "default"
    ]
