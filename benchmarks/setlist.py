"""A set of fifty thousand elements, listed by libnftables (JSON) and by our own nfnetlink; in turn, in one namespace.

sudo python benchmarks/setlist.py [--elements 50000]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from captive_portal.nft import Nft  # noqa: E402

TABLE = "netops_portal"
ROUNDS = 5
PART = 5000
SETS = {"auth4": "ifname . ether_addr . ipv4_addr", "dn4": "ifname . ipv4_addr"}


def fill(kernel: Nft, elements: int) -> None:
    made = "\n".join(f"set {n} {{ type {t}; flags timeout; counter; size 131072; }}" for n, t in SETS.items())
    kernel.run(f"table inet {TABLE} {{\n{made}\n}}")
    for low in range(0, elements, PART):
        numbers = range(low, min(low + PART, elements))
        auth = (f'"v0" . 02:00:00:00:{n >> 8:02x}:{n & 255:02x} . 10.0.{n >> 8}.{n & 255} timeout 6h' for n in numbers)
        down = (f'"v0" . 10.0.{n >> 8}.{n & 255} timeout 6h' for n in numbers)
        for name, every in (("auth4", auth), ("dn4", down)):
            kernel.run(f"add element inet {TABLE} {name} {{ {', '.join(every)} }}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--elements", type=int, default=50_000)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not arguments.inside:
        words = ["unshare", "--net", sys.executable, __file__, "--inside", "--elements", str(arguments.elements)]
        raise SystemExit(subprocess.run(words, check=False).returncode)
    with Nft() as kernel:
        fill(kernel, arguments.elements)
        took: dict[str, list[float]] = {"libnftables, JSON": [], "nfnetlink, ours": []}
        for _ in range(ROUNDS):
            began = time.perf_counter()
            theirs = sum(len(kernel.ask(f"list set inet {TABLE} {name}")[0]["set"]["elem"]) for name in SETS)
            middle = time.perf_counter()
            ours = sum(len(kernel.elements(TABLE, name)) for name in SETS)
            took["libnftables, JSON"].append(middle - began)
            took["nfnetlink, ours"].append(time.perf_counter() - middle)
        assert ours == theirs == 2 * arguments.elements
    for what, seconds in took.items():
        print(f"both sets of {arguments.elements:,} elements, {what:20} {sorted(seconds)[ROUNDS // 2]:6.2f} s")
    ratios = sorted(one / other for one, other in zip(*took.values(), strict=True))
    print(f"ratio {ratios[ROUNDS // 2]:.1f}")


if __name__ == "__main__":
    main()
