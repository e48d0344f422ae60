"""Every method through every gateway, from the page to what enforces; and each limit that the gateway offers.

The browser keeps no cookie. `radius`, `freeradius` and `portal2` end at a simulated controller, which does what it is
told by packets; the others at a kernel in a namespace of its own, openNDS unmodified.
"""

from __future__ import annotations

import sys
import time

import pytest

from captive_portal.gateways import GATEWAYS, Offer
from captive_portal.methods import METHODS

walks, loopback, kernel = (sys.modules[f"matrix_{each}"] for each in ("walks", "loopback_worlds", "kernel_worlds"))
NAMESPACED = (pytest.mark.root, pytest.mark.partner("nft", "ip", "curl", "dnsmasq"))
WORLDS = {
    loopback.Loopback: (),
    loopback.ByRadius: (),
    loopback.BehindFreeradius: (pytest.mark.partner("freeradius"), pytest.mark.xdist_group("freeradius")),
    loopback.ByPortal2: (),
    kernel.ByNftables: NAMESPACED,
    kernel.ByOpennds: (*NAMESPACED, pytest.mark.partner("opennds")),
    kernel.ByFas: (*NAMESPACED, pytest.mark.partner("opennds", "php")),
}
LIMITS = {
    "simulated": {"time"},
    "radius": {"time", "rate", "volume", "idle"},
    "freeradius": {"time", "rate", "volume", "idle"},
    "portal2": {"time", "rate", "volume", "idle"},
    "nftables": {"time", "rate", "volume", "idle"},
    "opennds": {"time", "rate", "volume", "idle"},
    "opennds far away": {"time", "rate"},
}


def by_time(world) -> None:
    """A minute's voucher is begun by another device, and has seconds left; openNDS far away knows whole minutes."""
    code = walks.voucher(world, 60)
    visitor(world, code)
    world.forward(60 - world.left_s)
    device, began = visitor(world, code)
    while world.online(device):
        assert time.monotonic() - began < 100.0, "nobody ends the visit"
        time.sleep(0.2)
    assert time.monotonic() - began > 2.0, "it had some seconds"


def by_rate(world) -> None:
    got = []
    while not got or (got[-1] < 0.85 * walks.KBPS and len(got) < 4):  # a busy machine offers too little, never too much
        got.append(world.rate_kbps(visitor(world)[0]))
    assert 0.85 * walks.KBPS < got[-1] <= 1.05 * walks.KBPS, got


def by_volume(world) -> None:
    device, _ = visitor(world)
    world.carries(device, walks.VOLUME // 4)
    world.round()
    assert world.online(device)

    world.carries(device, walks.VOLUME)
    cut(world, device)


def by_patience(world) -> None:
    device, _ = visitor(world)
    world.idles(device, walks.IDLE_S // 2)
    assert world.online(device)

    world.idles(device, walks.IDLE_S)
    cut(world, device)


def visitor(world, code: str = ""):
    """Return a device that is in by a voucher, and since when."""
    device = world.device()
    device.sheet.press(way="voucher", code=code or walks.voucher(world))
    walks.shows(device, walks.ONLINE)
    began = time.monotonic()
    walks.comes_in(world, device)
    return device, began


def cut(world, device) -> None:
    until = time.monotonic() + 30
    while world.online(device):
        assert time.monotonic() < until, "nobody ends the visit"
        world.round()
        time.sleep(0.5)


CUT = {"time": by_time, "rate": by_rate, "volume": by_volume, "idle": by_patience}
LAST = ("returning", "idle")  # they set the portal's clock forward, and a provider's token is then too old
CELLS = [
    (world, what)
    for world in WORLDS
    for what in sorted([*METHODS, *CUT], key=LAST.__contains__)
    if what in METHODS or what in LIMITS[world.name]
]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
TABLE = [pytest.param(kind, what, marks=WORLDS[kind], id=f"{kind.name}: {what}") for kind, what in CELLS]


def test_no_cell_is_missing() -> None:
    """A method or gateway that is added is in the matrix, or this fails."""
    assert set(walks.WAYS) == set(METHODS)
    assert {world.gateway for world in WORLDS} == set(GATEWAYS)
    assert {world.name for world in WORLDS} == set(LIMITS)
    assert len(CELLS) == len(set(CELLS)) == len(METHODS) * len(WORLDS) + sum(map(len, LIMITS.values()))


@pytest.mark.parametrize(("kind", "what"), TABLE)
def test_who_keeps_no_cookie_gets_in_and_is_cut_off_by_each_limit(worlds, kind, what: str) -> None:
    world = worlds(kind)
    if what in CUT:
        offers = world.offers()
        kept = {
            "time",
            *(["rate"] if Offer.RATE in offers else []),
            *(["volume", "idle"] if Offer.COUNTERS in offers else []),
        }
        assert kept == LIMITS[world.name], "what the gateway offers is what is tried here"
        CUT[what](world)
        return
    device = world.device()
    assert not world.online(device)

    walks.WAYS[what](world, device)
    walks.shows(device, walks.ONLINE)

    walks.comes_in(world, device)
    assert world.method(device) == what, "and so it is recorded"
