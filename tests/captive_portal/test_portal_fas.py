"""What an openNDS far away says and is told: forged, altered, oversized and foreign words let nobody in."""

from __future__ import annotations

import base64
import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from captive_portal import checks, fas, served
from captive_portal.arrivals import Arrivals
from captive_portal.desk import Attempt
from captive_portal.enforcing import Onward
from captive_portal.errors import GatewayError, PortalError
from captive_portal.gateways.fas import PATIENCE_S, WAITERS, Fas, places
from captive_portal.model import Bounds, Client, Consent
from captive_portal.records.disclosure import visits
from captive_portal.staff import directives
from captive_portal.staff.obeying import Obeying
from netops.clock import SYSTEM
from netops.controllers import Controller
from netops.errors import ConfigError
from netops.secret import Secret

if TYPE_CHECKING:
    from netops.config import Settings

KEY, IV, HID, MAC = "0123456789abcdef" * 2, "fedcba9876543210", "ab" * 32, "02:00:00:00:00:01"
WORDS = f"hid={HID}, clientip=10.0.0.7, clientmac={MAC}, client_type=cpd_can, gatewayname=Park, version=9.10.0"
BY_PHP = (
    "L01YUGZYTjZUL1Zlc0NTcUN3RkgrNDlZYWd0UEZSRmluWDF6QVBkTnZIV3MxTEFLazRoRFkyVjZKdzFKZEtleWZCMU9YZE5M"
    "Nmxka1JLOHcxZE5ObW1ma3ZCQ0preXh4ZjZXenkxMlF2Lzk2ZzBWYW44aHQ0NmY2dUZIeUZGYnNpdmFlR1pjMTdWRkwrSnhl"
    "MXRCMldkZXBKQkRqbHFNMzdlYkxGQ0NVc3hXQy9vTlFzVDRGWWVSb1Y1NzdVU3RWbUhsRWlaNkpDd1QwZ3owRGdaZmJyT25m"
    "L3RvUVRvNlZFWkhWODl1L0t2MD0="
)
ROUTER = "192.0.2.9"


def query(words: str = WORDS, *, key: str = KEY, iv: str = IV) -> dict[str, str]:
    return {"fas": fas.sealed(words, key, iv), "iv": iv}


@pytest.fixture
def router(settings, tmp_path) -> Settings:
    (tmp_path / "fas.key").write_text(KEY)
    given_ = Controller(address=ROUTER, site="site-1", gateway="fas", networks="10.0.0.0/24",
                        fas_key=Secret(f"file:{tmp_path / 'fas.key'}"), fas_name="Park")  # fmt: skip
    return replace(settings, portal=replace(settings.portal, gateway="none", acs={"park": given_}))


@pytest.fixture
def gateway(router):
    with Fas(router, SYSTEM, wait_s=0.05) as made:
        yield made


def test_what_openssl_of_php_has_sealed_is_opened() -> None:
    """Made by openNDS's own lines: php 8.2, openssl_encrypt(…, "aes-256-cbc", key, 0, iv), base64 over it."""
    found = fas.opened({"fas": BY_PHP, "iv": IV}, KEY, "Park")

    assert found == fas.Arrival(address="10.0.0.7", mac=MAC, hid=HID)
    assert fas.sealed(WORDS, KEY, IV) == BY_PHP


@pytest.mark.parametrize(
    "wrong",
    [
        {}, {"fas": "x"}, {"iv": IV}, {"fas": "", "iv": IV}, {"fas": "A" * 5000, "iv": IV}, query(key="another" * 5),
        {**query(), "iv": "0" * 16}, {**query(), "iv": "f" * 15}, {**query(), "iv": "é" * 16},
        query(WORDS.replace("Park", "Other")), query(WORDS.replace(HID, HID[:-1])), query(WORDS.replace(MAC, MAC[:-1])),
        query(WORDS.replace("10.0.0.7", "10.0.0.7.1")), query(WORDS.replace("clientip", "clientpi")), query(""),
    ],
    ids=str,
)  # fmt: skip
def test_anything_else_is_nobody(wrong: dict[str, str]) -> None:
    with pytest.raises(PortalError, match="FAS query"):
        fas.opened(wrong, KEY, "Park")


@given(st.integers(0, 10_000), st.integers(1, 255))
@bounded(max_examples=200, deadline=None)
def test_turned_bits_never_make_another_device(at: int, turn: int) -> None:
    sealed = query()
    octets = bytearray(base64.b64decode(base64.b64decode(sealed["fas"])))
    octets[at % len(octets)] ^= turn
    altered = {**sealed, "fas": base64.b64encode(base64.b64encode(bytes(octets))).decode()}
    try:
        found = fas.opened(altered, KEY, "Park")
    except PortalError:
        return
    assert (found.address, found.mac, found.hid) == ("10.0.0.7", MAC, HID), "what was turned says nothing of who it is"


def test_a_query_counts_only_from_the_address_that_it_names_and_of_its_own_networks(gateway) -> None:
    gateway.carried("10.0.0.8", query())
    gateway.carried("203.0.113.5", query())
    gateway.carried("10.0.0.7", {})
    assert gateway.identify("10.0.0.7") is None
    assert gateway.counters()["forged"] == 1

    gateway.carried("10.0.0.7", query())
    assert gateway.identify("10.0.0.7") == Client(mac=MAC, interface="park", addresses=("10.0.0.7",))
    assert gateway.identify("10.0.0.8") is None


def test_a_router_that_does_not_answer_lets_nobody_in(router, clock) -> None:
    with Fas(router, clock, wait_s=0.01) as gateway:
        gateway.carried("10.0.0.7", query())
        who = gateway.identify("10.0.0.7")

        assert gateway.allow(who, Bounds(seconds=600)) == Onward(url="/"), "the page looks again by itself"
        assert gateway.admitted() == []
        clock.forward(PATIENCE_S + 1)
        with pytest.raises(GatewayError, match="is it up"):
            gateway.allow(who, Bounds(seconds=600))

        assert gateway.admitted() == []
        assert gateway.heard(ROUTER, {"auth_get": "view", "gatewayhash": fas.gateway_hash("Park")}) == "*"


def test_only_the_router_itself_is_told_whom_to_let_in(gateway) -> None:
    form = {"auth_get": "view", "gatewayhash": fas.gateway_hash("Park")}

    assert gateway.heard("192.0.2.10", form) is None
    assert gateway.heard(ROUTER, {**form, "gatewayhash": "0" * 64}) is None
    assert gateway.heard(ROUTER, form) == "*"
    for word in ("clear", "deauthed", "custom", "x", ""):
        assert gateway.heard(ROUTER, {**form, "auth_get": word}) == "ack"


def test_a_row_is_words_that_a_shell_leaves_alone() -> None:
    name = fas.rhid(HID, KEY)
    words = fas.row(name, Bounds(seconds=61, octets=5_000_001, down_kbps=4000, up_kbps=500))

    assert words == f"{name} 2 500 4000 5001 5001"
    assert fas.told([words]) == f"* {quote(words, safe='')}"
    assert set(fas.told([words])) <= set("0123456789abcdef%2 *0")


def test_random_payloads_are_heard_by_nobody() -> None:
    chance = random.Random(7)
    for _ in range(300):
        junk = chance.randbytes(chance.randint(0, 200))
        assert fas.names(base64.b64encode(junk).decode()) == []
        assert fas.names(junk.decode("latin-1")) == []
    assert fas.names(base64.b64encode(f"* {HID} x;reboot {HID}".encode()).decode()) == [HID, HID]


def asks(gateway: Fas, *, lets_in: bool = True) -> list[str]:
    """Do what `authmon` does once: view, let in, tell whom. Return whom it was told of."""
    form = {"auth_get": "view", "gatewayhash": fas.gateway_hash("Park")}
    rows = [unquote(each) for each in str(gateway.heard(ROUTER, form)).split()[1:]]
    if lets_in:
        named = " ".join(["*", *(each.split()[0] for each in rows)])
        gateway.heard(ROUTER, {**form, "payload": base64.b64encode(named.encode()).decode()})
    return rows


def test_a_device_that_is_captured_again_is_offered_again_and_keeps_its_record(router, clock) -> None:
    """Whether its router put it out, or somebody opens an address line of long ago: only the minutes end a record."""
    with Fas(router, clock, wait_s=0.01) as gateway:
        gateway.carried("10.0.0.7", query())
        who = gateway.identify("10.0.0.7")
        gateway.allow(who, Bounds(seconds=600))
        assert len(asks(gateway)) == 1
        gateway.carried("10.0.0.7", query())
        assert asks(gateway) == [], "the same visit, looked at again"

        clock.forward(61)
        gateway.carried("10.0.0.7", query(WORDS.replace(HID, "cd" * 32)))

        assert [each.client.mac for each in gateway.admitted()] == [MAC]
        (row,) = asks(gateway)
        assert row.split()[:2] == [fas.rhid("cd" * 32, KEY), "9"], "for what is left"
        assert 539 <= gateway.admitted()[0].seconds <= 540


def test_an_old_address_line_does_not_take_the_address_from_who_has_it_now(gateway) -> None:
    gateway.carried("10.0.0.7", query())
    gateway.carried("10.0.0.7", query(WORDS.replace(HID, "cd" * 32).replace(MAC, "02:00:00:00:00:02")))

    gateway.carried("10.0.0.7", query())

    assert gateway.identify("10.0.0.7").mac == "02:00:00:00:00:02"
    assert gateway.counters()["stale"] == 1


class Park:
    """A desk before the router, whose visits it can begin and not end."""

    def __init__(self, house, gateway: Fas) -> None:
        house.gateway, self.house, self.gateway = gateway, house, gateway
        self.desk = house.open()
        gateway.tell(Arrivals(self.desk))
        gateway.carried("10.0.0.7", query())
        self.who = gateway.identify("10.0.0.7")

    def login(self) -> object:
        consent = Consent(terms="1", language="zh_CN", digest="0" * 64, channel="portal")
        return self.desk.login(Attempt(client=self.who, method="click_through", fields={}, consent=consent))

    def recorded(self) -> int:
        """Return how many visits the records have at the address now."""
        return len(visits(self.house.settings, address="10.0.0.7", at_ms=self.house.clock.now_ms()))


@pytest.fixture
def park(router, house_of, clock):
    with house_of(router, clock) as house, Fas(router, clock, wait_s=0.01) as gateway:
        yield Park(house, gateway)


def test_who_disconnects_where_nobody_can_be_put_out_stays_in_the_record(park, clock) -> None:
    assert isinstance(park.login(), Onward)
    assert park.desk.waits(park.who)
    asks(park.gateway)
    assert park.desk.current(park.who), "noted when the router says so"
    assert not park.desk.waits(park.who)

    clock.forward(5)
    assert not park.desk.logout(park.who)
    clock.forward(600)
    park.desk.upkeep.repair()
    park.desk.upkeep.expire()

    assert park.recorded() == 1
    assert [each.client.mac for each in park.gateway.admitted()] == [MAC]


@pytest.mark.parametrize("act", list(directives.Act))
def test_staff_hear_that_a_router_cannot_be_told_and_the_visit_goes_on(park, clock, act) -> None:
    park.login()
    asks(park.gateway)
    (session,) = park.desk.store.live()
    wanted = directives.wanted(act, session.id, by="op", because="wish", minutes=5, now_ms=clock.now_ms())
    directives.give(park.house.settings, wanted, lambda _: None)

    Obeying(park.desk.visits).round()

    (done,) = directives.of(park.house.settings, session.id)
    assert (done.outcome, "3600 s" in done.told) == (directives.Outcome.BOUND, True)
    assert park.desk.current(park.who).id == session.id
    assert park.recorded() == 1
    assert not next(each for each in served.places(park.house.settings) if each.gateway == "fas").puts_out


def test_a_record_ends_with_the_routers_minutes_and_not_before(park, clock) -> None:
    park.login()
    clock.forward(9)  # the router asks late: its minutes begin now
    asks(park.gateway)
    (kept,) = park.desk.store.live()
    assert kept.grant.until_ms == clock.now_ms() + 3600_000, "what a restart would find"

    clock.forward(3600 - 4)
    park.desk.upkeep.expire()
    assert park.recorded() == 1
    clock.forward(5)
    park.desk.upkeep.expire()
    park.desk.upkeep.repair()
    assert park.desk.live == 0
    clock.forward(1)
    assert park.recorded() == 0


def test_who_was_told_of_and_logs_in_again_has_one_record_that_goes_on(park, clock) -> None:
    park.login()
    asks(park.gateway, lets_in=False)
    clock.forward(120)
    park.desk.upkeep.repair()

    assert isinstance(park.login(), Onward)
    assert park.desk.live == 1
    assert park.recorded() == 1, "the router may have let it in without a word"


def test_few_pages_wait_for_routers_that_ask_seldom(router, clock) -> None:
    """With the time of before, 32 logins behind one slow router were all threads of the city for 15 s."""
    with Fas(router, clock, wait_s=30) as gateway:
        gateway.carried("10.0.0.7", query())
        for _ in range(WAITERS):
            assert gateway._waiters.acquire(blocking=False)
        began = SYSTEM.monotonic()

        assert isinstance(gateway.allow(gateway.identify("10.0.0.7"), Bounds(seconds=600)), Onward)
        assert isinstance(gateway.allow(gateway.identify("10.0.0.7"), Bounds(seconds=600)), Onward)

        assert SYSTEM.monotonic() - began < 5
    assert Fas(router, clock)._wait_s * WAITERS <= 8, "seconds of threads, of all routers together"


def test_a_router_that_never_asks_fails_the_login(park, clock) -> None:
    park.login()
    clock.forward(PATIENCE_S + 1)
    park.desk.upkeep.repair()

    assert park.desk.live == 0
    assert park.desk.telling.totals["failed"] == 1


def test_netops_check_says_what_a_router_lacks(router) -> None:
    (bare,) = checks._routers(router)
    assert "no certificate" in bare.what

    listen = replace(router.portal.secure, tls_certificate=Path("cert.pem"))
    assert checks._routers(replace(router, portal=replace(router.portal, secure=listen))) == []
    acs = {"park": replace(router.portal.acs["park"], fas_key=None)}
    (keyless,) = checks._routers(replace(router, portal=replace(router.portal, acs=acs)))
    assert "fas_key" in keyless.what


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"fas_key": None}, "fas_key"),
        ({"fas_name": ""}, "fas_name"),
        ({"networks": "10.0.0.1/24"}, "host bits"),
        ({"networks": ""}, "networks"),
        ({"address": "router"}, "numeric address"),
        ({"address": "10.0.0.1,10.0.0.2"}, "several"),
    ],
)
def test_settings_that_cannot_be_are_said(router, change: dict, says: str) -> None:
    acs = {"park": replace(router.portal.acs["park"], **change)}

    with pytest.raises(ConfigError, match=says):
        places(replace(router, portal=replace(router.portal, acs=acs)))
