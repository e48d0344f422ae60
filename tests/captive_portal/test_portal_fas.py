"""What an openNDS far away says and is told: forged, altered, oversized and foreign words let nobody in."""

from __future__ import annotations

import base64
import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from captive_portal import checks, fas
from captive_portal.errors import GatewayError, PortalError
from captive_portal.gateways.fas import Fas, places
from captive_portal.model import Bounds, Client
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


def test_a_router_that_does_not_answer_lets_nobody_in(gateway) -> None:
    gateway.carried("10.0.0.7", query())
    who = gateway.identify("10.0.0.7")

    with pytest.raises(GatewayError, match="did not let the device in"):
        gateway.allow(who, Bounds(seconds=60))

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


def test_a_device_that_is_captured_again_was_put_out_there(gateway) -> None:
    gone: list[Client] = []

    class Ears:
        def left(self, client: Client) -> None:
            gone.append(client)

    gateway.tell(Ears())
    gateway.carried("10.0.0.7", query())
    gateway._inside["park", MAC] = type("Held", (), {"addresses": ("10.0.0.7",), "until": SYSTEM.monotonic() + 60})()

    gateway.carried("10.0.0.7", query())
    assert gone == [], "the same visit, looked at again"
    gateway.carried("10.0.0.7", query(WORDS.replace(HID, "cd" * 32)))
    assert [each.mac for each in gone] == [MAC]
    assert gateway.admitted() == []


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
    [({"fas_key": None}, "fas_key"), ({"networks": "10.0.0.1/24"}, "none"), ({"fas_name": ""}, "fas_name"),
     ({"address": "router"}, "none"), ({"networks": ""}, "networks")],
)  # fmt: skip
def test_settings_that_cannot_be_are_said(router, change: dict, says: str) -> None:
    acs = {"park": replace(router.portal.acs["park"], **change)}

    with pytest.raises(ConfigError, match=says):
        places(replace(router, portal=replace(router.portal, acs=acs)))
