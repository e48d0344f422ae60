"""The register with 10,000 devices and as many services: seconds to read, plan, apply and take a snapshot.

    .venv/bin/python benchmarks/register.py [--devices 10000] [--url postgresql://…]

The city is written as CSV and read back by the same code as `netops inventory apply`. The database is on the disk of
the temporary directory, with synchronous=FULL. Each figure is one run; peak memory is of the whole process.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from inventory.reading.folder import built_in_areas, read_city
from inventory.register import Register
from inventory.snapshot import snapshot
from inventory.sql import upgrade
from inventory.tables import MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 1_780_000_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--url", default="", help="an empty database; default: a SQLite file")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        url = args.url or f"sqlite:///{place / 'register.db'}"
        write(place / "city", args.devices)
        upgrade(MIGRATIONS, url)
        with timed("read and check the files"):
            city = read_city(place / "city")
        with Register(url, rehearsal=False) as register:
            with timed("first apply"):
                register.apply(city, at_ms=NOW, now_ms=NOW)
            with timed("second apply, nothing to do"):
                register.apply(city, at_ms=NOW, now_ms=NOW + 1)
            with timed("snapshot"):
                seen = snapshot(register, at_ms=NOW)
            with timed("mark"):
                register.mark(at_ms=NOW)
            with timed("spells of the services over a month"):
                register.spells("service", start_ms=NOW, end_ms=NOW + 30 * 86_400_000)
        print(f"{len(seen.devices)} devices, {len(seen.services)} services, {len(seen.canonical)} canonical bytes")
        if not args.url:
            print(f"{(place / 'register.db').stat().st_size / 2**20:.1f} MiB on disk")
        print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB peak memory")


def write(place: Path, devices: int) -> None:
    (place / "contracts").mkdir(parents=True)
    sites = [f"s{n},站{n},{area.id}" for n, area in enumerate(built_in_areas() * 35)]
    (place / "sites.csv").write_text("\n".join(["id,name,area", *sites]), encoding="utf-8")
    (place / "carriers.yaml").write_text("carriers:\n- {id: c, name: 甲}\n", encoding="utf-8")
    rows = [f"ap{n},AP {n},s{n % 1000},c,ap,{n:012x}" for n in range(devices)]
    (place / "devices.csv").write_text("\n".join(["id,name,site,carrier,role,mac", *rows]), encoding="utf-8")
    rows = [f"w{n},wifi,c,s{n % 1000},ap,ap{n},ap:mac:{n:012x}" for n in range(devices)]
    (place / "services.csv").write_text(
        "\n".join(["id,kind,carrier,site,role,device,subject", *rows]), encoding="utf-8"
    )


@contextmanager
def timed(what: str) -> Iterator[None]:
    begun, worked = time.perf_counter(), time.process_time()
    yield
    print(f"{time.perf_counter() - begun:8.3f} s  {time.process_time() - worked:8.3f} s CPU  {what}")


if __name__ == "__main__":
    main()
