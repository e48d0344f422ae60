"""Runs the portal with a clock that can be set forward: `run_ahead.py SETTINGS.toml`. Prints READY when it serves.

It takes lines at the UNIX socket `ahead.sock` of its data directory: `forward SECONDS`, and `round`, which does at once
what the portal does every few seconds by itself.
"""

import signal
import socket
import sys
import threading
from pathlib import Path

from captive_portal.service import PortalService
from netops.clock import SYSTEM
from netops.config import load


class Ahead:
    """A clock that goes as the machine's does and can be set forward."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def now_ms(self) -> int:
        return SYSTEM.now_ms() + self.ahead_ms

    def monotonic(self) -> float:
        return SYSTEM.monotonic() + self.ahead_ms / 1000

    def forward(self, seconds: float) -> None:
        self.ahead_ms += int(seconds * 1000)


def rounds(portal: PortalService) -> None:
    """Do the portal's housekeeping once."""
    upkeep = portal.desk.upkeep
    upkeep.expire()
    upkeep.follow()
    upkeep.repair()


def obey(door: socket.socket, portal: PortalService, clock: Ahead) -> None:
    while True:
        link, _ = door.accept()
        with link, link.makefile("rw") as line:
            word, _, rest = line.readline().strip().partition(" ")
            if word == "forward":
                clock.forward(float(rest))
            else:
                rounds(portal)
            line.write("done\n")


def main(file: str) -> None:
    settings, clock = load(Path(file), environ={}), Ahead()
    portal, ended = PortalService(settings, clock), threading.Event()
    at = settings.data.dir / "ahead.sock"
    at.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.bind(str(at))
        door.listen()
        threading.Thread(target=obey, args=(door, portal, clock), daemon=True).start()
        signal.signal(signal.SIGTERM, lambda *_: ended.set())
        portal.start()
        print("READY", flush=True)
        ended.wait()
        portal.stop()


if __name__ == "__main__":
    main(sys.argv[1])
