"""Runs one service until SIGTERM: `run_service.py gate|portal SETTINGS.toml`. Prints READY when it serves."""

import importlib
import signal
import sys
import threading
from pathlib import Path

from netops.config import load

PLACES = {"gate": "captive_portal.gate", "portal": "captive_portal.service"}


def main(name: str, settings: str) -> None:
    service = importlib.import_module(PLACES[name]).build(load(Path(settings), environ={}))
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    service.start()
    print("READY", flush=True)
    ended.wait()
    service.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
