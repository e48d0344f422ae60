"""How fast STAMP is on one core, and how true its one-way delays are beside irtt: `python benchmarks/probes.py`.

The first parts run anywhere: the codec alone, then sender and reflector in turns on one core over loopback, then a site
that comes back after three days. The last needs root, iproute2 and irtt: two network namespaces, a wire that delays
each way by a known time, our sender and irtt over it at the same time. `--json` prints one object.
"""

from __future__ import annotations

import argparse
import importlib.util
import ipaddress
import json
import os
import shutil
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

from collectors.probes import figures, handing, keys, slots, sockets, streams
from collectors.probes.carry import Carrier
from collectors.probes.intake.enrolled import Enrolled, digest
from collectors.probes.intake.service import Intake, place
from collectors.probes.stamp import packet
from collectors.probes.stamp.packet import Asked, Told
from collectors.probes.stamp.reflect import Heard, Limits, Reflector
from collectors.probes.stamp.reflecting import Reflecting
from collectors.probes.stamp.session import Session
from collectors.probes.stamp.timestamps import ErrorEstimate, ntp_of
from netops import wire
from netops.clock import SYSTEM
from netops.config import City, Data, Listener, Settings
from netops.config import Intake as IntakeAt
from netops.spool import Spool

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests/collectors/probes"
WINDOW = 32  # packets under way at once
ERROR = ErrorEstimate.of(20_000, synchronised=True).field()
NOW = 1_795_719_388_427_966_071
HERE = [ipaddress.ip_network("127.0.0.0/8")]
UNBOUND = Limits(source_per_s=1e9, total_per_s=1e9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packets", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    found = {"load": round(os.getloadavg()[0], 1), "codec": codec(), "one_core": one_core(args.packets)}
    found["three_days_away"] = three_days_away()
    if os.geteuid() == 0 and shutil.which("irtt") and shutil.which("ip"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
        found["beside_irtt"] = beside_irtt()
    if args.json:
        print(json.dumps(found))
        return
    print(f"load average {found['load']}")
    for part, rows in found.items():
        if isinstance(rows, dict):
            print(f"\n{part}")
            for name, value in rows.items():
                print(f"  {name:<44} {value:,}")


def codec(rounds: int = 50_000) -> dict[str, float]:
    """Return packets per CPU second of each step alone."""
    question = Asked(7, ntp_of(NOW), ERROR, 9)
    told = Told(7, ntp_of(NOW), ERROR, 9, ntp_of(NOW), question, 64)
    made: dict[str, float] = {}
    for name, key in (("open", None), ("sealed", b"a key of the city")):
        asked_octets, told_octets = packet.encode_asked(question, key=key), packet.encode_told(told, key=key)
        made[f"{name}: encode a question /s"] = pace(lambda k=key: packet.encode_asked(question, key=k), rounds)
        made[f"{name}: decode an answer /s"] = pace(lambda k=key, o=told_octets: packet.decode_told(o, key=k), rounds)
        reflector = Reflector(allowed=HERE, key=key, limits=UNBOUND)
        heard = Heard(source="127.0.0.1", source_port=5000, destination="127.0.0.2", destination_port=862, at_ns=NOW)

        def reflect(r=reflector, o=asked_octets, h=heard) -> bytes:
            return r.take(o, h, error=ERROR, synchronised=True, received=ntp_of(NOW), now_s=1.0).datagram(ntp_of(NOW))

        made[f"{name}: reflect /s"] = pace(reflect, rounds)
    return made


def pace(act, rounds: int) -> int:
    began = time.process_time()
    for _ in range(rounds):
        act()
    return round(rounds / (time.process_time() - began))


def one_core(packets: int) -> dict[str, float]:
    """Return what sender and reflector manage together on one core, sockets, kernel timestamps and all."""
    made: dict[str, float] = {}
    for name, key in (("open", None), ("sealed", b"a key of the city")):
        reflecting = Reflecting(Reflector(allowed=HERE, key=key, limits=UNBOUND), host="127.0.0.1", port=0)
        session = Session(ssid=7, error=ERROR, key=key)
        with udp() as there, udp() as here:
            reflecting.port = there.getsockname()[1]
            here.connect(there.getsockname())
            began, cpu = time.monotonic(), time.process_time()
            while session.sent < packets:
                for _ in range(WINDOW):
                    streams.send(here, session)
                reflecting.answer(there, error=ERROR, synchronised=True)
                streams.take(here, session)
            spent, cpu = time.monotonic() - began, time.process_time() - cpu
        answered = len(session.echoes)
        made[f"{name}: round trips per CPU second"] = round(answered / cpu)
        made[f"{name}: round trips per second"] = round(answered / spent)
        made[f"{name}: lost of {session.sent}"] = session.sent - answered
    return made


def udp() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sockets.tell_all(made)
    made.setblocking(False)
    made.bind(("127.0.0.1", 0))
    return made


def three_days_away() -> dict[str, float]:
    """Return how long a site that was cut off for three days takes to hand in, over loopback, each batch synced."""
    now_ms = SYSTEM.now_ms() // 60_000 * 60_000
    t1 = now_ms * 1_000_000
    echoes = [[n, n, t1, t1 + 5_000_000 + n, t1 + 5_090_000, t1 + 12_000_000 + n, n, 61, 7552, 7552] for n in range(20)]
    stamp = {"kind": "stamp", "stateful": True, "limit_ns": 10**6, "sent": 20, "echoes": echoes}
    common = {"service": "", "anchor": False, "at_ms": now_ms, "clock": {"synchronised": True, "error_ns": 9}}
    records = [stamp | common | {"target": f"path-{n}"} for n in range(5)]
    with tempfile.TemporaryDirectory() as folder:
        core = Settings(
            city=City(rehearsal=True), data=Data(dir=Path(folder) / "core"), intake=IntakeAt(listen=Listener(port=0))
        )
        key = keys.generate(Path(folder) / "probe.key")
        enrolled = Enrolled(place(core))
        token = enrolled.invite("site-7", now_ms=now_ms)
        said = handing.joining(vantage="site-7", public=key.public, token_sha256=digest(token))
        enrolled.join("site-7", token=token, public=key.public, signature=key.sign(said), now_ms=now_ms)
        intake = Intake(core)
        intake.start()
        with Spool(Path(folder) / "site" / "probe.db", source="probe") as spool:
            polls = [slots.poll("site-7", now_ms - 60_000 * n, records) for n in range(3 * 1440)]
            spool.put("poll", [wire.encode(each) for each in polls])
            held = spool.held_bytes
            carrier = Carrier(spool, vantage="site-7", key=key, url=f"http://127.0.0.1:{intake.port}")
            began = time.monotonic()
            while carrier.step():
                pass
            spent = time.monotonic() - began
        intake.stop()
    made = {"slots of five STAMP paths": len(polls), "octets a slot in the spool": round(held / len(polls))}
    return made | {"seconds to hand in": round(spent, 2), "refused": intake.counters["refused"]}


def beside_irtt() -> dict[str, float]:
    """Return the one-way delays that both measure over the same wire at the same time, in ms."""
    Wire, away = _wire(), "10.99.0.2"  # noqa: N806  (a class)
    known = {"there": 7.0, "back": 12.0}
    with Wire(there={"delay_ms": known["there"]}, back={"delay_ms": known["back"]}) as wire:
        wire.reflect()
        wire.start(wire.away, "irtt", "server", "-b", f"{away}:2112", "-i", "1ms", ready="IRTT server")
        wanted = json.dumps({"kind": "stamp", "address": away, "count": 250, "spacing_ms": 20})
        ours = wire.start(wire.home, sys.executable, str(TESTS / "run_look.py"), wanted, ready="")
        theirs = json.loads(
            wire.run(wire.home, "irtt", "client", "-i", "20ms", "-d", "5s", "-Q", "-o", "-", f"{away}:2112")
        )
        seen = figures.stamp(json.loads(ours.stdout.readline()))
    delays = [each["delay"] for each in theirs["round_trips"] if each.get("delay", {}).get("send")]
    made: dict[str, float] = {}
    for way, ours_way, name in (("there", seen.there, "send"), ("back", seen.back, "receive")):
        mine = float(ours_way.percentile(50)) / 1e6
        irtt = statistics.median(each[name] for each in delays) / 1e6
        made[f"{way}: the wire's delay, ms"] = known[way]
        made[f"{way}: ours, median ms"] = round(mine, 3)
        made[f"{way}: irtt, median ms"] = round(irtt, 3)
        made[f"{way}: ours - irtt, ms"] = round(mine - irtt, 3)
    return made


def _wire():
    spec = importlib.util.spec_from_file_location("probes_conftest", TESTS / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Wire


if __name__ == "__main__":
    main()
