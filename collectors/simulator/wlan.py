"""The tables of a simulated WLAN controller, in the layout of HUAWEI-WLAN-AP-MIB and its radio and VAP tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collectors.simulator.load import load
from collectors.simulator.mib import GAUGE32, INTEGER, IP_ADDRESS, OCTETS, Object, constant, oid
from collectors.simulator.noise import between, pick, unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collectors.simulator.city import Agent, Child
    from collectors.simulator.world import World

WLAN = oid("1.3.6.1.4.1.2011.6.139")
NORMAL, FAULT = 8, 4  # hwWlanApRunState
SSID = "海淀免费WiFi"
CHANNELS = ((1, 6, 11), (36, 44, 149, 157))
SHORT_MS = 300_000  # noise changes every five minutes


def objects(agent: Agent, world: World) -> Iterator[Object]:
    """Yield the controller's totals, then every access point with its radios and SSIDs."""
    yield (*WLAN, 12, 1, 2, 1, 0), INTEGER, lambda at: sum(world.life(c.id, at).up for c in agent.children)
    yield (*WLAN, 12, 1, 2, 2, 0), INTEGER, lambda at: sum(clients(c, world, at) for c in agent.children)
    for child in agent.children:
        yield from _access_point(child, world)
        for radio in (0, 1):
            yield from _radio(child, radio, world)


def clients(child: Child, world: World, at_ms: int) -> int:
    """Return how many people use an access point: none while it is down."""
    if not world.life(child.id, at_ms).up:
        return 0
    crowd = between(2, 28, "crowd", child.id) * load(at_ms / 1000)
    return int(crowd * between(0.8, 1.2, child.id, "clients", at_ms // SHORT_MS))


def _access_point(child: Child, world: World) -> Iterator[Object]:
    def state(at: int) -> int:
        return NORMAL if world.life(child.id, at).up else FAULT

    def uptime_s(at: int) -> int:
        life = world.life(child.id, at)
        return max(0, (at - life.boot_ms) // 1000) if life.up else 0

    index = tuple(bytes.fromhex(child.ident))
    table = (*WLAN, 13, 3, 3, 1)
    yield (*table, 2, *index), OCTETS, constant(f"REHS{child.ident.upper()}".encode())
    yield (*table, 3, *index), OCTETS, constant(b"AP4050DN")
    yield (*table, 4, *index), OCTETS, constant(child.id.encode())
    yield (*table, 6, *index), INTEGER, state
    yield (*table, 7, *index), OCTETS, constant(b"V200R019C00")
    yield (*table, 13, *index), IP_ADDRESS, constant(bytes((10, 139, child.number // 250, child.number % 250 + 1)))
    yield (*table, 18, *index), GAUGE32, uptime_s
    yield (*table, 40, *index), INTEGER, lambda at: round(25 + 10 * unit(child.id, "mem") + 3 * load(at / 1000))
    yield (*table, 41, *index), INTEGER, lambda at: round(3 + 12 * load(at / 1000) * unit(child.id, at // SHORT_MS))
    yield (*table, 43, *index), INTEGER, lambda at: round(32 + 12 * unit(child.id, "temp") + 4 * load(at / 1000))
    yield (*table, 44, *index), INTEGER, lambda at: clients(child, world, at)


def _radio(child: Child, radio: int, world: World) -> Iterator[Object]:
    def share(at: int) -> int:
        low = clients(child, world, at) // 3
        return low if radio == 0 else clients(child, world, at) - low

    def noise(at: int) -> int:  # a radio that does not work reports 0 dBm, as the real ones do
        return -110 + pick(9, child.id, radio, at // SHORT_MS) if world.life(child.id, at).up else 0

    def busy(at: int) -> int:
        return min(100, int(load(at / 1000) * between(4, 40, child.id, radio)))

    index = (*bytes.fromhex(child.ident), radio)
    table = (*WLAN, 16, 1, 2, 1)
    channels = CHANNELS[radio]
    yield (*table, 3, *index), OCTETS, constant(child.id.encode())
    yield (*table, 5, *index), INTEGER, constant(radio + 1)
    yield (*table, 7, *index), GAUGE32, constant(channels[pick(len(channels), child.id)])
    yield (*table, 24, *index), INTEGER, noise
    yield (*table, 25, *index), GAUGE32, busy
    yield (*table, 29, *index), GAUGE32, lambda at: pick(20, child.id, "interference", at // SHORT_MS)
    yield (*table, 40, *index), GAUGE32, share
    yield (*table, 45, *index), GAUGE32, constant(15 + 3 * radio)
    vap = (*WLAN, 17, 1, 1, 1)
    yield (*vap, 6, *index, 1), OCTETS, constant(SSID.encode())
    yield (*vap, 9, *index, 1), GAUGE32, share
    yield (*vap, 10, *index, 1), INTEGER, lambda at: 1 if world.life(child.id, at).up else 2
