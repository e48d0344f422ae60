"""What the portal does by itself every few seconds, at 500 and at 50,000 live visits: processor milliseconds a round.

    python benchmarks/chores.py [--live 50000]

`expire` and `follow` (every 3 s) cost what is due and what has changed; `repair` (every 30 s) holds record and firewall
against each other, and costs who is in. The gateway here is the simulated one with counters: `repair` is our own part
of it, without the kernel's list. Of `repair`, `list` is the gateway's and `plan` what is held against each other; a
plan for a part of the visits each time would spare the latter alone, and leave who has no record in for longer (I4).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from captive_portal import keys, policy_yaml, reconcile, tables
from captive_portal.enforcing import Offer
from captive_portal.gateways.simulated import Simulated
from captive_portal.model import Bounds, Client, Grant, Session, State
from captive_portal.premises import Premises
from captive_portal.store import Store
from captive_portal.telling import Telling
from captive_portal.upkeep import Upkeep
from captive_portal.visits import Visits
from inventory.times import zone
from netops.clock import SYSTEM
from netops.config import City, Data, PortalAt, Settings
from netops.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TIMES = 5
CHANGED = 20  # devices with a new address in one round
PLACE = "bench"


class Gateway(Simulated):
    """Counts, and tells of devices that have another address."""

    offers = frozenset({Offer.COUNTERS})

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self.told: dict[tuple[str, str], tuple[str, ...]] = {}

    def moved(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        told, self.told = self.told, {}
        return told


def device(number: int) -> Client:
    octets = number.to_bytes(4, "big")
    mac = bytes([2, 0, *octets]).hex(":")
    return Client(mac=mac, interface=PLACE, addresses=(".".join(str(each) for each in (10, *octets[1:])),))


def fill(visits: Visits, live: int, now_ms: int) -> None:
    """Let so many in; every hundredth has a volume bound."""
    for number in range(live):
        client = device(number)
        bounds = Bounds(seconds=7200, octets=10**9 if number % 100 == 0 else 0)
        grant = Grant(method="click_through", until_ms=now_ms + 7_200_000, bounds=bounds)
        session = Session(id=f"{number:024x}", client=client, state=State.ONLINE, since_ms=now_ms - 60_000, grant=grant)
        visits.hold(session)
        visits.gateway.allow(client, bounds)


def took(work: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    """Return the median of some rounds, in milliseconds of this thread's processor time; the disk comes on top."""
    found = []
    for _ in range(TIMES):
        before()
        began = time.thread_time()
        work()
        found.append((time.thread_time() - began) * 1000)
    return round(sorted(found)[TIMES // 2], 3)


def comparison(visits: Visits) -> Callable[[], object]:
    """Return what holds record and firewall against each other as they stand now, without making the list."""
    sessions, admitted = visits.every(), visits.gateway.admitted()
    return partial(reconcile.plan, sessions, admitted, same_memory=True, now_ms=SYSTEM.now_ms())


def figures(live: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        settings = Settings(
            city=City(rehearsal=True), data=Data(dir=folder), portal=PortalAt(visitors={PLACE: "site-1"})
        )
        policies = policy_yaml.read(settings)
        premises = Premises(
            identity_key=keys.identity_key(settings),
            sites=settings.portal.visitors,
            policies=policies,
            zone=zone(settings.city.timezone),
        )
        spool = stack.enter_context(Spool(folder / "spool" / "portal.db", source="portal"))
        store = stack.enter_context(Store(tables.url(settings)))
        gateway = Gateway(settings.portal, SYSTEM)
        visits = Visits(store=store, gateway=gateway, telling=Telling(spool), clock=SYSTEM, premises=premises)
        upkeep = Upkeep(visits)
        fill(visits, live, SYSTEM.now_ms())
        upkeep.repair()
        turn = iter(range(10**9))

        def change() -> None:
            base = next(turn) * CHANGED
            for number in range(base, base + CHANGED):
                client = device(number % live)
                gateway.told[client.key] = (*client.addresses, f"fd00::{base + number:x}")

        def due() -> None:
            base = next(turn) * CHANGED
            for number in range(base, base + CHANGED):
                held = visits.at(device(number % live).key)
                if held is not None and held.grant is not None:
                    visits.hold(replace(held, grant=replace(held.grant, until_ms=SYSTEM.now_ms())))

        return {
            "expire_nothing_due_cpu_ms": took(upkeep.expire),
            "follow_nothing_changed_cpu_ms": took(upkeep.follow),
            "look_in_cpu_ms": took(upkeep.look_in),
            f"follow_{CHANGED}_changed_cpu_ms": took(upkeep.follow, change),
            f"expire_{CHANGED}_due_cpu_ms": took(upkeep.expire, due),
            "repair_cpu_ms": took(upkeep.repair),
            "repair_list_cpu_ms": took(gateway.admitted),
            "repair_plan_cpu_ms": took(comparison(visits)),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description="the portal's chores by the number of live visits")
    parser.add_argument("--live", type=int, default=50_000)
    arguments = parser.parse_args()
    print(json.dumps({str(live): figures(live) for live in (500, arguments.live)}, indent=1))


if __name__ == "__main__":
    main()
