"""What a gateway says it does is done by what stands behind it; what it says by itself; and what it never writes down.

Each `Offer` that any gateway of the map claims has a test here that asks the partner, or is named in `ELSEWHERE` with
the test that shows it on a real kernel. A claim without either fails.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from captive_portal.desk import Attempt
from captive_portal.errors import GatewayError
from captive_portal.gateways import COUNTED, Gateway, Offer
from captive_portal.model import Bounds, Consent, Session

if TYPE_CHECKING:
    from captive_portal.model import Client

CONSENT = Consent(terms="1", language="en", digest="a" * 64, channel="portal")
HOUR = Bounds(seconds=3600)
BOUNDS = Bounds(seconds=3600, idle_s=600, octets=1_000_000, down_kbps=2000, up_kbps=500)
HERE = {Offer.RATE, Offer.IDLE, Offer.COUNTERS}
ELSEWHERE = {
    ("nftables", "garden"): "test_gateway_garden.py::test_what_was_told_is_open_for_the_web_and_nothing_else_is",
    ("radius", "standby"): "radius/test_radius_alone.py::test_a_dead_portal_a_decision_and_an_accept_that_is_short",
    ("nftables", "standby"): "test_gateway_standby.py::test_a_dead_portal_a_decision_and_everybodys_record",
}
POLICY = "policy: here\ntitle: here\ndefault: yes\nvolume_mb: 1\nidle_minutes: 5\n"


@dataclass
class Ears:
    """Writes down what it is told."""

    said: list[tuple[str, str]] = field(default_factory=list)

    def knows(self, client: Client) -> bool:
        self.said.append(("knows", client.mac))
        return True

    def arrived(self, client: Client) -> bool:
        self.said.append(("arrived", client.mac))
        return False

    def opened(self, client: Client) -> None:
        self.said.append(("opened", client.mac))

    def left(self, client: Client) -> None:
        self.said.append(("left", client.mac))


def inside(stand) -> list[str]:
    return [each.client.mac for each in stand.gateway.admitted() if each.seconds]


def offers(stand, offer: Offer) -> bool:
    return offer in stand.gateway.offered(stand.interface)


# ---- what it offers
def test_every_claim_has_its_proof(stand) -> None:
    root = Path(__file__).parents[1]
    for offer in stand.gateway.offered(stand.interface) - HERE:
        file, _, name = ELSEWHERE[stand.gateway.name.partition("-")[0], str(offer)].partition("::")

        assert f"def {name}(" in (root / file).read_text(encoding="utf-8")


def test_a_rate_that_is_offered_is_what_the_partner_enforces(stand) -> None:
    if not offers(stand, Offer.RATE):
        return
    client = stand.surfer()
    stand.gateway.allow(client, BOUNDS)

    assert stand.rates(client) == (2000, 500)


def test_an_idle_time_that_is_offered_is_what_the_partner_enforces(stand) -> None:
    if not offers(stand, Offer.IDLE):
        return
    client = stand.surfer()
    stand.gateway.allow(client, BOUNDS)

    assert stand.idle_s(client) == 600


def test_counters_that_are_offered_tell_what_passed_up_and_down(stand, eventually) -> None:
    client = stand.surfer()
    stand.gateway.allow(client, HOUR)
    if not offers(stand, Offer.COUNTERS):
        assert {(each.octets_up, each.octets_down) for each in stand.gateway.admitted()} <= {(0, 0)}
        return
    assert {(each.octets_up, each.octets_down) for each in stand.gateway.admitted()} == {(0, 0)}

    up, down = stand.carries(client)

    def counted() -> bool:
        (one,) = stand.gateway.admitted()
        return one.octets_up >= up and one.octets_down >= down

    eventually(counted)


# ---- limits, with the desk
@pytest.fixture
def desk_behind(house_of, settings, clock, tmp_path, stand):
    """A desk whose only gateway this is; its clock is the machine's, as the gateway's."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "here.yaml").write_text(POLICY, encoding="utf-8")
    portal = replace(settings.portal, policies=tmp_path / "policies", visitors={stand.interface: "site-1"})
    with house_of(replace(settings, portal=portal), clock) as house:
        house.gateway = stand.gateway
        yield house.open()


def comes_in(desk, client: Client) -> Session:
    outcome = desk.login(Attempt(client=client, method="click_through", fields={}, consent=CONSENT))
    assert isinstance(outcome, Session)
    return outcome


def test_the_volume_ends_a_visit_where_octets_are_counted(stand, desk_behind) -> None:
    if not offers(stand, Offer.COUNTERS) or stand.gateway.name == "nftables":  # a megabyte: test_gateway_limits.py
        return
    client = stand.surfer()
    comes_in(desk_behind, client)
    desk_behind.upkeep.repair()
    assert inside(stand) == [client.mac]

    stand.carries(client)
    desk_behind.upkeep.repair()

    assert desk_behind.current(client) is None
    assert inside(stand) == []
    assert {Offer.VOLUME} <= COUNTED


def test_who_does_nothing_is_put_out_by_the_desk_where_the_gateway_only_counts(stand, desk_behind) -> None:
    if not offers(stand, Offer.COUNTERS):
        return
    client = stand.surfer()
    comes_in(desk_behind, client)
    desk_behind.upkeep.repair()

    desk_behind.clock.forward(301)
    desk_behind.upkeep.repair()

    assert (inside(stand) == [client.mac]) == offers(stand, Offer.IDLE), "the gateway's own bound is its own"


def test_who_logs_out_is_out_or_it_is_said_that_this_gateway_cannot(stand, desk_behind) -> None:
    client = stand.surfer()
    comes_in(desk_behind, client)
    bound = desk_behind.bound(client)

    assert desk_behind.logout(client) == (not bound)

    assert (inside(stand) == [client.mac]) == bound
    assert bound == (stand.gateway.held_s(client) > 0)


# ---- what it says by itself
def test_who_is_put_out_by_the_partner_is_not_in_and_that_is_told_where_it_can_be(stand, eventually) -> None:
    ears, client = Ears(), stand.surfer()
    stand.gateway.tell(ears)
    stand.gateway.allow(client, HOUR)
    with suppress(NotImplementedError):
        stand.puts_out(client)

        eventually(lambda: stand.gateway.name == "nftables" or inside(stand) == [])  # the gate puts its table back
        if "left" in stand.tells:
            eventually(lambda: ("left", client.mac) in ears.said)


def test_it_says_nothing_that_it_does_not_claim_to_say(stand, eventually) -> None:
    ears, client = Ears(), stand.surfer()
    stand.gateway.tell(ears)
    stand.gateway.allow(client, HOUR)
    if "opened" in stand.tells:
        eventually(lambda: ("opened", client.mac) in ears.said)
    stand.gateway.admitted()

    assert {what for what, _ in ears.said} <= stand.tells
    assert {mac for _, mac in ears.said} <= {client.mac}
    assert (type(stand.gateway).tell is Gateway.tell) == (not stand.tells)


def test_it_is_in_or_the_browser_is_told_where_to_go(stand) -> None:
    """And whose door could not be opened is not in once it is closed, which the desk does at once."""
    client, other = stand.surfer(), stand.visitor(2, "10.1.0.2")
    assert stand.gateway.allow(client, HOUR) is None, "the partner works"
    assert inside(stand) == [client.mac]

    stand.fails()
    try:
        onward = stand.gateway.allow(other, HOUR)
    except GatewayError as error:
        said = str(error)
    else:
        assert (onward is None) == (other.mac in inside(stand))
        return
    with suppress(GatewayError):
        stand.gateway.revoke(other)
        assert other.mac not in inside(stand)
    assert len(said.split()) > 3, "a sentence"


def test_a_device_that_comes_is_told_where_the_gateway_hears_of_it(stand, eventually) -> None:
    ears, client = Ears(), stand.visitor(7, "10.1.0.7")
    stand.gateway.tell(ears)
    if "arrived" not in stand.tells:
        with pytest.raises(NotImplementedError):
            stand.comes(client)
        return
    stand.comes(client)

    eventually(lambda: ("arrived", client.mac) in ears.said)
    assert {what for what, _ in ears.said} <= stand.tells


# ---- what it never writes down
def test_no_log_and_no_sentence_of_an_error_names_a_device(stand, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    client, said = stand.surfer(), []
    stand.gateway.allow(client, HOUR)
    stand.gateway.identify(client.addresses[0])
    stand.gateway.admitted()
    for spoil in (lambda: None, stand.fails):
        spoil()
        for act in (
            lambda: stand.gateway.allow(stand.visitor(2, "10.1.0.2"), HOUR),
            lambda: stand.gateway.revoke(client),
            stand.gateway.ready,
            stand.gateway.admitted,
        ):
            try:
                act()
            except GatewayError as error:
                said.append(str(error))

    written = "\n".join([*said, stand.written(), *(f"{each.getMessage()} {each.exc_text}" for each in caplog.records)])
    for named in (client.mac, client.mac.replace(":", ""), client.mac.replace(":", "-"), *client.addresses, "10.1.0.2"):
        assert named.lower() not in written.lower(), named
