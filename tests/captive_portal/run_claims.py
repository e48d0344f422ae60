"""Inside a network namespace of its own: a gate whose portal is dead, and packets that claim somebody's address.

ip netns exec NAME python run_claims.py FOLDER
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from captive_portal import gate, ruleset
from captive_portal.ajar import SILENT_S, Rule
from captive_portal.model import Bounds, Client
from captive_portal.standby import Standby
from netops import fail_open
from netops.clock import SYSTEM
from netops.fail_open import Order, Orders
from netops.sign import Signer

ORIGIN = "netops.invalid/city/rehearsal"
PHONE, OTHER, THIRD = "02:00:00:00:00:01", "02:66:66:66:66:66", "02:00:00:00:00:03"


class Later:
    """The clock, some seconds from now."""

    by = 0.0

    def now_ms(self) -> int:
        return SYSTEM.now_ms()

    def monotonic(self) -> float:
        return SYSTEM.monotonic() + self.by


def neighbour(address: str, mac: str) -> None:
    subprocess.run(["ip", "neigh", "replace", address, "lladdr", mac, "dev", "v0"], check=True)


def inside(made: gate.Gate) -> dict[tuple[str, ...], int]:
    listed = [made.ask(f"list set inet netops_portal {name}") for name in ("auth4", "auth6", "dn4", "dn6")]
    return {tuple(each["val"]["concat"]): each["timeout"] for some in listed for each in ruleset.items(some)}


def knock(made: gate.Gate, mac: str, address: str) -> None:
    name = "knocking6" if ":" in address else "knocking4"
    made.run(f'add element inet netops_portal {name} {{ "v0" . {mac} . {address} }}')


def main() -> None:
    folder, signer, clock, now_ms = Path(sys.argv[1]), Signer.new(ORIGIN), Later(), SYSTEM.now_ms()
    subprocess.run(["ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1"], check=True)
    subprocess.run(["ip", "link", "set", "v0", "up"], check=True)
    gate.WATCH_S = 3600.0
    standby = Standby({"v0": Rule(site="park", bounds=Bounds(seconds=3600))}, signer.vkey, folder / "gate", clock)
    rules = ruleset.Ruleset(interfaces=("v0",), port=8081, standby=("v0",))
    made = gate.Gate(rules, folder / "gate.sock", peers=frozenset({os.getuid()}), standby=standby)
    made.start()
    order = Order(request="r", leaf=7, sites=("park",), start_ms=now_ms - 1, end_ms=now_ms + 3_600_000)
    note = fail_open.signed(Orders(origin=ORIGIN, leaves=8, orders=(order,)), signer)
    standby.heard({"note": note.decode()}, made)
    made.let_in([(Client(mac=PHONE, interface="v0", addresses=("10.0.0.7", "fd00::7")), Bounds(seconds=7200))])
    before = inside(made)
    assert len(before) == 4
    clock.by = SILENT_S + 1

    for each in ("10.0.0.7", "fd00::7"):
        neighbour(each, PHONE)
        knock(made, OTHER, each)  # a packet
    knock(made, OTHER, "10.0.0.8")  # nobody's
    standby.round(made)
    assert inside(made) == before, inside(made)
    for each in ("10.0.0.7", "fd00::7"):
        neighbour(each, OTHER)  # a packet and an answer to "who has"
        knock(made, OTHER, each)
    standby.round(made)
    assert inside(made) == before, inside(made)
    for each in ("10.0.0.9", "fd00::9"):
        neighbour(each, THIRD)
        knock(made, THIRD, each)
    standby.round(made)
    came = {key: left for key, left in inside(made).items() if key not in before}
    assert came == {
        ("v0", THIRD, "10.0.0.9"): 600,
        ("v0", "10.0.0.9"): 600,
        ("v0", THIRD, "fd00::9"): 600,
        ("v0", "fd00::9"): 600,
    }
    (part,) = standby.entries()
    assert {each["mac"] for each in part["entries"]} == {"", THIRD}
    assert not list(ruleset.knocked(made.ask("list set inet netops_portal knocking4"), ("v0",)))

    standby._told = lambda: fail_open.signed(Orders(origin=ORIGIN, leaves=9), signer)
    standby.round(made)
    assert inside(made) == before, inside(made)
    made.stop()
    print("OK")


if __name__ == "__main__":
    main()
