"""Traps: our service and net-snmp's snmptrapd take the same traps in one run; then junk besides, then a bomb.

    .venv/bin/python benchmarks/traps.py [--seconds 5] [--junk 10000]

CPU per trap is the figure to compare: what is lost under full load depends on how much of the machine each gets. Both
receivers check the community and keep every trap: we as a fact in a spool that is synced to disk, snmptrapd as a line.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "benchmarks" / "snmp"))

from load import cpu_of  # noqa: E402

from collectors.errors import DecodeError  # noqa: E402
from collectors.snmp.ask import Community  # noqa: E402
from collectors.snmp.pdu import Kind, Message, Pdu, encode  # noqa: E402
from collectors.snmp.varbind import INTEGER, OBJECT_IDENTIFIER, TIME_TICKS, Varbind, Varbinds, parse  # noqa: E402

SOURCE, STRANGER = "127.6.0.1", "127.6.9.9"
UPTIME, TRAP_OID = parse("1.3.6.1.2.1.1.3.0"), parse("1.3.6.1.6.3.1.1.4.1.0")
JUNK = [bytes.fromhex("7a450a"), os.urandom(120), b"\x30\x82\x04\x00" + bytes(1_020), b"\x30\x80" * 200]


def trap(n: int, *, kind: int = Kind.TRAP) -> bytes:
    """Return a linkDown of interface n."""
    rows = [
        Varbind(UPTIME, TIME_TICKS, 500),
        Varbind(TRAP_OID, OBJECT_IDENTIFIER, "1.3.6.1.6.3.1.1.5.3"),
        Varbind(parse(f"1.3.6.1.2.1.2.2.1.1.{n}"), INTEGER, n),
        Varbind(parse(f"1.3.6.1.2.1.2.2.1.7.{n}"), INTEGER, 1),
        Varbind(parse(f"1.3.6.1.2.1.2.2.1.8.{n}"), INTEGER, 2),
    ]
    return encode(Message(b"bench", Pdu(kind, n, 0, 0, Varbinds.of(rows))))


def bomb(size: int) -> bytes:
    rows = [Varbind(UPTIME, TIME_TICKS, 500), Varbind(TRAP_OID, OBJECT_IDENTIFIER, "1.3.6.1.6.3.1.1.5.3")]
    return encode(
        Message(b"bench", Pdu(Kind.TRAP, 1, 0, 0, Varbinds.of([*rows, *[Varbind((1, 3), INTEGER, 1)] * size])))
    )


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def send(port: int, good: int, junk: int, seconds: float) -> tuple[int, int]:
    """Send so many of each a second, junk half from a stranger and half under the device's own address."""
    known, stranger = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    known.bind((SOURCE, 0))
    stranger.bind((STRANGER, 0))
    to = ("127.0.0.1", port)
    made = [trap(n) for n in range(1, 2_001)]
    sent = [0, 0]
    began = time.monotonic()
    while (gone := time.monotonic() - began) < seconds:
        while sent[0] < good * gone:
            known.sendto(made[sent[0] % len(made)], to)
            sent[0] += 1
        while sent[1] < junk * gone:
            (known if sent[1] % 2 else stranger).sendto(JUNK[sent[1] % len(JUNK)], to)
            sent[1] += 1
        time.sleep(0.001)
    for each in (known, stranger):
        each.close()
    return sent[0], sent[1]


class Ours:
    """The service `trap` in a process of its own."""

    name = "netops"

    def __init__(self, folder: Path) -> None:
        words = [sys.executable, __file__, "--serve", str(folder)]
        self.child = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.port = int(self.child.stdout.readline())

    def taken(self) -> int:
        return self.figures()["accepted"]

    def figures(self) -> dict:
        self.child.stdin.write("?\n")
        self.child.stdin.flush()
        return json.loads(self.child.stdout.readline())

    def close(self) -> None:
        self.child.stdin.close()
        self.child.wait()


class Theirs:
    """Debian's snmptrapd; it writes one line a trap."""

    name = "snmptrapd"

    def __init__(self, folder: Path) -> None:
        program = shutil.which("snmptrapd") or "/usr/sbin/snmptrapd"
        self.port = free_port()
        self.log = folder / "log"
        config = folder / "snmptrapd.conf"
        config.write_text("authCommunity log bench\n")
        words = [
            program,
            "-f",
            "-C",
            "-c",
            str(config),
            "-On",
            "-F",
            "%v\n",
            "-Lf",
            str(self.log),
            f"udp:127.0.0.1:{self.port}",
        ]
        environment = {**os.environ, "MIBS": "", "SNMP_PERSISTENT_DIR": str(folder)}
        self.child = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1.5)

    def taken(self) -> int:
        return self.log.read_bytes().count(b"1.3.6.1.6.3.1.1.5.3") if self.log.exists() else 0

    def close(self) -> None:
        self.child.send_signal(signal.SIGTERM)
        self.child.wait()


def serve(folder: Path) -> None:
    """Be the service, and tell the counters when asked."""
    from collectors.profile_yaml import SHIPPED, read  # noqa: PLC0415
    from collectors.traps.service import Traps  # noqa: PLC0415
    from inventory import sql  # noqa: PLC0415
    from inventory.city import city_of  # noqa: PLC0415
    from inventory.model import Carrier, Device, Site  # noqa: PLC0415
    from inventory.reading.folder import built_in_areas  # noqa: PLC0415
    from inventory.register import Register  # noqa: PLC0415
    from inventory.tables import MIGRATIONS  # noqa: PLC0415
    from netops import clock, config  # noqa: PLC0415

    os.environ["BENCH"] = "bench"
    words = ["city.rehearsal=true", "trap.listen=127.0.0.1", "trap.port=0", "credentials.c.community=env:BENCH"]
    words += [f"data.dir={folder}", "trap.window_s=0", "trap.events_per_minute=1000000000"]
    settings = config.load(None, environ={}, overrides=words)
    sql.upgrade(MIGRATIONS, settings.register_url)
    areas = built_in_areas()[:1]
    device = Device(id="d", site="s", carrier="c", role="switch", profile="standard", address=SOURCE, credential="c")
    records = [*areas, Site(id="s", name="s", area=areas[0].id), Carrier(id="c", name="c"), device]
    with Register(settings.register_url, rehearsal=True) as register:
        register.apply(city_of(records), at_ms=0, now_ms=clock.SYSTEM.now_ms())
    service = Traps(settings, profiles={"standard": read(SHIPPED / "standard.yaml")})
    service.start()
    print(service.port, flush=True)
    for _ in sys.stdin:
        print(json.dumps(service.figures()), flush=True)
    service.stop()


def measured(receiver: "Ours | Theirs", good: int, junk: int, seconds: float) -> dict:
    before, used = receiver.taken(), cpu_of(receiver.child.pid)
    sent, noise = send(receiver.port, good, junk, seconds)
    time.sleep(1.5)
    taken = receiver.taken() - before
    used = cpu_of(receiver.child.pid) - used
    return {"who": receiver.name, "good": sent, "junk": noise, "taken": taken, "cpu": used, "seconds": seconds}


def limit(receiver: "Ours | Theirs", seconds: float) -> dict:
    """Send as fast as the receiver takes: at most 200 ahead of what it has taken."""
    made = [trap(n) for n in range(1, 2_001)]
    before, used, sent = receiver.taken(), cpu_of(receiver.child.pid), 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.bind((SOURCE, 0))
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            for _ in range(200):
                wire.sendto(made[sent % len(made)], ("127.0.0.1", receiver.port))
                sent += 1
            give_up = time.monotonic() + 1
            while receiver.taken() - before < sent - 200 and time.monotonic() < give_up:
                time.sleep(0.002)
        gone = time.monotonic() - began
    time.sleep(0.5)
    taken = receiver.taken() - before
    return {
        "who": receiver.name,
        "taken": taken,
        "sent": sent,
        "cpu": cpu_of(receiver.child.pid) - used,
        "seconds": gone,
    }


def price_of_bombs() -> dict[str, float]:
    """Return what each datagram costs at our door, in µs: the least of many."""
    from collectors.traps.door import Door, Sender  # noqa: PLC0415
    from collectors.traps.own import OwnEngine  # noqa: PLC0415

    door = Door(OwnEngine(b"\x80\0\0\0\x05bench-engine", 1, 0.0))
    door.admit({SOURCE: (Sender("d", "", Community(b"bench")),)})
    kinds = {"a trap": trap(1), "59 KB of varbinds": bomb(6_500), "16 KB of varbinds": bomb(1_700), "7a450a": JUNK[0]}
    found = {}
    for name, octets in kinds.items():
        least = 1.0
        for _ in range(200):
            began = time.perf_counter()
            with contextlib.suppress(DecodeError):
                door.hear(octets, SOURCE, 0.0)
            least = min(least, time.perf_counter() - began)
        found[name] = least * 1e6
    return found


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--seconds", type=float, default=5.0)
    words.add_argument("--junk", type=int, default=10_000, help="junk datagrams a second")
    words.add_argument("--good", type=int, default=200, help="good traps a second beside the junk")
    words.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    said = words.parse_args()
    if said.serve:
        serve(said.serve)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folders = [Path(scratch) / name for name in ("ours", "theirs")]
        for folder in folders:
            folder.mkdir()
        receivers = [Ours(folders[0])]
        if Path(shutil.which("snmptrapd") or "/usr/sbin/snmptrapd").exists():
            receivers.append(Theirs(folders[1]))
        try:
            show(receivers, said)
        finally:
            for each in receivers:
                each.close()


def show(receivers: list, said: argparse.Namespace) -> None:
    print(f"{'receiver':12} {'load':34} {'accepted':>9} {'of':>8} {'share':>8} {'per s':>8} {'CPU µs each':>12}")
    rows = []
    for each in receivers:
        full = limit(each, said.seconds)
        rows.append((each.name, "as fast as it takes them", full["taken"], full["sent"], full))
        for good, junk in ((said.good, 0), (said.good, said.junk)):
            one = measured(each, good, junk, said.seconds)
            rows.append((each.name, f"{good} traps/s, {junk:,} junk/s", one["taken"], one["good"], one))
    for name, load, taken, of, one in rows:
        share, rate = taken / max(of, 1), taken / one["seconds"]
        each = one["cpu"] / max(taken, 1) * 1e6
        print(f"{name:12} {load:34} {taken:>9,} {of:>8,} {share:>8.2%} {rate:>8,.0f} {each:>12.0f}")
    print("\nour CPU for one datagram at the door, least of 200:")
    for name, cost in price_of_bombs().items():
        print(f"  {name:20} {cost:8.0f} µs (level for a bomb: 1,000)")
    print(f"\nlevel: at {said.junk:,} junk datagrams a second at least 99 % of the good traps are accepted")


if __name__ == "__main__":
    main()
