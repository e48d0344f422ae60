"""The supervisor: starts the services of one machine as processes, starts again what ends, stops them in order.

A service that ends is started again at once if it had lived; one that dies young waits, twice as long each time, up to
a minute. The supervisor tells systemd that all are ready and feeds its watchdog (sd_notify).
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from netops.errors import NetopsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from netops.clock import Clock

READY_S = 60.0
STOP_S = 20.0
PAUSE_S, PAUSE_MOST_S = 0.5, 60.0
YOUNG_S = 5.0


@dataclass(slots=True)
class Child:
    """One service's process and its luck so far."""

    name: str
    process: subprocess.Popen[str] | None = None
    started_at: float = 0.0
    again_at: float = 0.0
    pause_s: float = PAUSE_S
    restarts: int = 0
    said: list[str] = field(default_factory=list)


class Supervisor:
    """Runs the named services until `stop`. `log_dir` takes each one's log; None leaves them on our standard error."""

    def __init__(
        self,
        names: Sequence[str],
        *,
        config: Path | None,
        given: Sequence[str] = (),
        clock: Clock,
        log_dir: Path | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._children = [Child(name) for name in names]
        self._config = config
        self._given = tuple(given)
        self._clock = clock
        self._log_dir = log_dir
        self._say = say
        self._stopping = threading.Event()

    def start(self) -> None:
        """Start the services in order, each once the one before is ready; NetopsError names one that is not.

        Told to stop meanwhile, it starts no more; `run` then ends those that were started.
        """
        for child in self._children:
            if self._stopping.is_set():
                return
            self._spawn(child)
            word = self._await(child)
            if self._stopping.is_set():
                return
            if word != "ready":
                self.stop()
                self._end()
                raise NetopsError(f"service '{child.name}' did not start: {word}")
            self._say(f"{child.name} ready")
        notify("READY=1")

    def run(self) -> None:
        """Watch over the services until `stop`."""
        while not self._stopping.wait(0.5):
            for child in self._children:
                self._watch(child)
            notify("WATCHDOG=1")
        self._end()

    def stop(self, *_: object) -> None:
        """End `run`, or what `start` has started."""
        self._stopping.set()
        notify("STOPPING=1")

    def _end(self) -> None:
        for child in reversed(self._children):
            if child.process is not None and child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
                try:
                    child.process.wait(STOP_S)
                except subprocess.TimeoutExpired:
                    self._say(f"{child.name} does not stop; ending it")
                    child.process.kill()
                    child.process.wait()
            child.process = None

    def _watch(self, child: Child) -> None:
        now = self._clock.monotonic()
        if child.process is not None and child.process.poll() is None:
            if now - child.started_at > YOUNG_S:
                child.pause_s = PAUSE_S
            return
        if child.process is not None:
            self._say(f"{child.name} ended ({child.process.returncode}); starting it again in {child.pause_s:g} s")
            child.process = None
            child.again_at = now + child.pause_s
            child.pause_s = min(PAUSE_MOST_S, child.pause_s * 2)
            child.restarts += 1
        if now >= child.again_at:
            self._spawn(child)

    def _spawn(self, child: Child) -> None:
        words = [sys.executable, "-m", "netops.run", child.name]
        if self._config is not None:
            words += ["--config", str(self._config)]
        for each in self._given:
            words += ["--set", each]
        log = None
        if self._log_dir is not None:
            self._log_dir.mkdir(parents=True, exist_ok=True)
            log = (self._log_dir / f"{child.name}.log").open("a", encoding="utf-8")
        try:
            child.process = subprocess.Popen(  # noqa: S603  (our own interpreter and our own names)
                words, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True, start_new_session=True
            )
        finally:
            if log is not None:
                log.close()
        child.started_at = self._clock.monotonic()

    def _await(self, child: Child) -> str:
        process = child.process
        assert process is not None
        assert process.stdout is not None
        until = self._clock.monotonic() + READY_S
        while self._clock.monotonic() < until and not self._stopping.is_set():
            ready, _, _ = select.select([process.stdout], [], [], 0.2)
            if ready:
                line = process.stdout.readline().strip()
                return line.removeprefix("failed ") or f"it ended with {process.wait()}; see its log"
        return "stopped" if self._stopping.is_set() else f"not ready within {READY_S:.0f} s; see its log"


def notify(state: str) -> None:
    """Tell systemd, if it started us (sd_notify)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
        wire.connect("\0" + address[1:] if address.startswith("@") else address)
        wire.sendall(state.encode())
