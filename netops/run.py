"""One service as a process: `python -m netops.run NAME [--config FILE] [--set …]`, what the supervisor starts.

The service's parent going away ends it too, so that no orphan goes on holding a file. On its standard output it says
one word, `ready`, when it is; logs go to standard error, one JSON object a line.
"""

from __future__ import annotations

import ctypes
import gc
import json
import logging
import os
import signal
import sys
import threading
from contextlib import ExitStack, suppress
from importlib.metadata import entry_points
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from netops import config, measures
from netops.clock import SYSTEM, iso
from netops.errors import NetopsError
from netops.service import Leaving

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from netops.service import Service

GROUPS = ("netops.services", "netops.rehearsal")
ONE_CORE = ("portal", "radius")  # many threads, all of them in the interpreter: each of these has a core of its own
_PR_SET_PDEATHSIG = 1
_PLAIN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the service named first until told to stop."""
    if argv is None:
        os.umask(0o077)  # staff.db, portal.db with the clear MACs of live sessions, spools: their owner's alone
    words = list(sys.argv[1:] if argv is None else argv)
    name = words[0]
    file = Path(words[words.index("--config") + 1]) if "--config" in words else None
    given = [after for word, after in pairwise(words) if word == "--set"]
    _die_with_parent()
    log_json(logging.INFO)
    stopping = threading.Event()
    begun: list[Service] = []

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()
        for each in begun:
            _leave(each)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor's terminal is not ours
    try:
        settings = config.load(file, overrides=given)
        if settings.data.users:
            os.umask(0o027)  # what others may read of ours they read by its group (netops/privilege.py)
        service = build(name, settings)
        spare_collector()
        keep_to_one_core(name)
        begun.append(service)
        if stopping.is_set():
            _leave(service)
        service.start()
        stack = telling(settings, service)
    except Exception as error:
        expected = hasattr(error, "exit_code")  # said on purpose: its sentence is enough
        trace = None if expected else error
        logging.getLogger("netops").critical("cannot start", extra={"service": name, "why": str(error)}, exc_info=trace)
        print(f"failed {error}".replace("\n", " "), flush=True)  # noqa: T201
        return int(getattr(error, "exit_code", 1))
    print("ready", flush=True)  # noqa: T201
    stopping.wait()
    stack.close()
    service.stop()
    return 0


def telling(settings: config.Settings, service: Service) -> ExitStack:
    """Let the service tell of itself where the settings give it a port; a port that is taken stops nothing."""
    stack, at = ExitStack(), measures.port(settings, service.name)
    if at:
        try:
            stack.enter_context(measures.Teller(at, lambda: measures.of(settings, service)))
        except NetopsError as error:
            logging.getLogger("netops").warning("not measured", extra={"service": service.name, "why": str(error)})
    return stack


def _leave(service: Service) -> None:
    if isinstance(service, Leaving):
        service.leave()


def build(name: str, settings: config.Settings) -> Service:
    """Return the named service, inert; NetopsError when nobody offers it."""
    for group in GROUPS:
        for entry in entry_points(group=group, name=name):
            service: Service = entry.load()(settings)
            return service
    offered = sorted(entry.name for group in GROUPS for entry in entry_points(group=group))
    raise NetopsError(f"no service '{name}'; expected one of {', '.join(offered)}")


def log_json(level: int) -> None:
    """Send logs to standard error, one JSON object a line, with the keys that were given as `extra`."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # what it skips, netops.schedule says by its slot
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("waitress").setLevel(logging.WARNING)


class _Lines(logging.Formatter):
    """One line a record: when, level, who, event, keys."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, object] = {
            "at": iso(SYSTEM.now_ms()),
            "level": record.levelname.lower(),
            "from": record.name,
            "event": record.getMessage(),
        }
        said |= {key: value for key, value in record.__dict__.items() if key not in _PLAIN}
        if record.exc_info:
            said["error"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False, default=str)


def spare_collector() -> None:
    """Let what was imported be, and look for circles of garbage less often.

    With polls by the thousand in hand, none of them in a circle, looking takes a fifth of the time that draining them
    takes (benchmarks/drain.py).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def keep_to_one_core(name: str) -> None:
    """Let a service of `ONE_CORE` run on one core, the last ones first: interrupts usually go to the first.

    One thread at a time holds the interpreter's lock. Threads on several cores hand it over by waking each other across
    them, for a third of what a login costs (docs/adr/0024-one-core-for-the-portal.md). Where there is one core only, or
    a sandbox forbids it, all stays as it was.
    """
    cores = sorted(os.sched_getaffinity(0))
    if name in ONE_CORE and len(cores) > 1:
        with suppress(OSError):
            os.sched_setaffinity(0, {cores[-1 - ONE_CORE.index(name) % len(cores)]})


def _die_with_parent() -> None:
    parent = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it went before we asked
        raise SystemExit(1)


if __name__ == "__main__":
    raise SystemExit(main())
