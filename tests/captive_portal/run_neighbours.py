"""Inside a network namespace of its own: the table of neighbours as the kernel's notices keep it, against a fresh one.

ip netns exec NAME python run_neighbours.py SEED STEPS
"""

from __future__ import annotations

import random
import subprocess
import sys

from captive_portal import neighbours
from captive_portal.neighbours import Neighbours

PLACES = ("v0", "v1")


def ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], check=check, capture_output=True)


def compare(kept: Neighbours) -> None:
    """Stop where the kept table is not what the kernel holds now."""
    fresh = Neighbours(PLACES)
    try:
        macs = {key for each in (kept, fresh) for key in each._by_mac}
        fresh.addresses("v0", "")
        kept.addresses("v0", "")
        macs |= {key for each in (kept, fresh) for key in each._by_mac}
        for place, mac in sorted(macs):
            held, true = kept.addresses(place, mac), fresh.addresses(place, mac)
            assert sorted(held) == sorted(true), (place, mac, held, true)
    finally:
        fresh.close()


def main() -> None:
    dice = random.Random(int(sys.argv[1]))
    for each in PLACES:
        ip("link", "add", each, "type", "veth", "peer", "name", f"{each}x")
        ip("link", "set", f"{each}x", "up")
        ip("link", "set", each, "up")
    kept = Neighbours(PLACES)
    assert kept.moved() == {}
    ip("neigh", "add", "10.0.0.1", "lladdr", "02:00:00:00:00:01", "dev", "v0")
    ip("neigh", "add", "fd00::1", "lladdr", "02:00:00:00:00:01", "dev", "v0")
    assert kept.moved() == {("v0", "02:00:00:00:00:01"): ("10.0.0.1", "fd00::1")}
    assert kept.moved() == {}
    for step in range(int(sys.argv[2])):
        number, place = dice.randrange(1, 9), dice.choice(PLACES)
        address = dice.choice([f"10.0.0.{number}", f"fd00::{number}"])
        mac = f"02:00:00:00:00:{dice.randrange(1, 6):02x}"
        word = dice.choice(["replace", "replace", "replace", "del", "failed", "again"])
        if word == "replace":
            ip("neigh", "replace", address, "lladdr", mac, "dev", place)
            assert address in kept.addresses(place, mac)
            assert (place, mac) in kept.moved() or step, "a new address is told"
        elif word == "del":
            ip("neigh", "del", address, "dev", place, check=False)
        elif word == "failed":
            ip("neigh", "replace", address, "nud", "failed", "dev", place, check=False)
        else:
            ip("link", "set", place, "down")
            ip("link", "set", place, "up")
        compare(kept)
    lost(kept)
    kept.close()
    kept.close()
    assert ("v0", "02:00:00:00:01:00") in kept.moved() or kept.addresses("v0", "02:00:00:00:01:00")
    kept.close()
    print("OK")


def lost(kept: Neighbours) -> None:
    """More notices than the kernel keeps: it says so, and nothing is missed, nor undone by what waits from before."""
    assert kept._notices is not None
    kept._notices.setsockopt(neighbours.socket.SOL_SOCKET, neighbours.socket.SO_RCVBUF, 1)
    for prefix in ("02:00:00:01", "02:00:00:00"):
        many = "".join(
            f"neigh replace 10.1.{n >> 8}.{n & 255} lladdr {prefix}:{n >> 8 | 1:02x}:{n & 255:02x} dev v0\n"
            for n in range(400)
        )
        subprocess.run(["ip", "-batch", "-"], input=many, text=True, check=True)
    moved = kept.moved()
    assert len(moved) >= 256, len(moved)
    compare(kept)


if __name__ == "__main__":
    main()
