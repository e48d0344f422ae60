"""What a flood at our own SNMP sockets costs: living devices, dead ones, and our CPU, with and without lanes.

    .venv/bin/python benchmarks/snmp/flood.py [--seconds 3] [--rate 50000]

A thousand agents, every tenth of them silent. Meanwhile a stranger sends junk to the port that the questions come from.
`always on lanes` shows what a socket for each ask costs where there is no flood: why they are not used always.
"""

import argparse
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

from load import AGENTS, GET, agent, cpu  # noqa: E402
from run import build, free_port, running  # noqa: E402

from collectors.snmp.ask import Ask, Community, Target  # noqa: E402
from collectors.snmp.engine import Engine  # noqa: E402
from collectors.snmp.flight import Job  # noqa: E402
from collectors.snmp.siege import Siege  # noqa: E402
from collectors.snmp.varbind import parse  # noqa: E402

STRANGER = """
import os, socket, sys, time
rate, port = float(sys.argv[1]), int(sys.argv[2])
wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); wire.bind(("127.9.9.9", 0))
junk, sent, began = os.urandom(300), 0, time.monotonic()
while os.getppid() != 1:
    while sent < rate * (time.monotonic() - began):
        wire.sendto(junk, ("127.0.0.1", port)); sent += 1
    time.sleep(0.0005)
"""


def port_of(engine: Engine) -> int:
    """Return the UDP port of the shared IPv4 socket, as a stranger finds it out by looking at our questions."""
    return engine._loop.channels[socket.AF_INET].socket.getsockname()[1]  # noqa: SLF001


def measured(name: str, ports: tuple[int, int], seconds: float, rate: float) -> None:
    ask = Ask(gets=tuple(map(parse, GET)))
    words = {"credential": Community(b"public"), "timeout_s": 0.5, "retries": 1}
    targets = [Target(address=agent(n), port=ports[bool(n % 10)], **words) for n in range(AGENTS)]
    told: Counter = Counter()
    with Engine(window=500) as engine:
        for _ in engine.run([Job(each, ask) for each in targets]):
            pass
        stranger = None
        if rate:
            stranger = subprocess.Popen([sys.executable, "-c", STRANGER, str(rate), str(port_of(engine))])
            time.sleep(1.0)
        began, used, sent = time.monotonic(), cpu(), engine.counters.sent
        while time.monotonic() - began < seconds:
            for answer in engine.run([Job(each, ask, n) for n, each in enumerate(targets)]):
                told[("dead" if not answer.token % 10 else "living", answer.outcome)] += 1
        used, sent = cpu() - used, engine.counters.sent - sent
        if stranger:
            stranger.kill()
            stranger.wait()
        counted = engine.counters
    shown = ", ".join(f"{who} {outcome} {count:,}" for (who, outcome), count in sorted(told.items()))
    print(f"{name:30} {used / sent * 1e6:7.0f} µs of CPU a datagram sent; {shown}")
    print(
        f"{'':30} drops {counted.socket_drops:,}, barred {counted.barred:,}, strangers {counted.wrong_source:,}, ",
        end="",
    )
    print(f"lanes {counted.lanes:,}")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--seconds", type=float, default=3.0)
    words.add_argument("--rate", type=float, default=50_000, help="junk datagrams a second")
    said = words.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        made = build(Path(scratch))
        if "responder" not in made:
            sys.exit("the responder cannot be built; install gcc")
        port = free_port()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent, running([str(made["responder"]), str(port)]):
            silent.bind(("0.0.0.0", 0))
            ports = (silent.getsockname()[1], port)
            measured("calm", ports, said.seconds, 0)
            measured(f"flood of {said.rate:,.0f}/s", ports, said.seconds, said.rate)
            watch, Siege.watch = Siege.watch, lambda self, *_: setattr(self, "on", True)
            measured("always on lanes", ports, said.seconds, 0)
            Siege.watch = lambda *_: None
            measured(f"flood of {said.rate:,.0f}/s, no defence", ports, said.seconds, said.rate)
            Siege.watch = watch


if __name__ == "__main__":
    main()
