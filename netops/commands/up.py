"""`netops up`: run the services of this machine in the foreground, supervised."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from netops import privilege
from netops.clock import SYSTEM
from netops.errors import UsageError, nearest
from netops.supervise import Supervisor

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from netops.config import Settings

SUMMARY = "Run the services of this machine in the foreground; Ctrl-C or SIGTERM stops them in order."
SERVICES = ("core", "collect", "portal", "web")
ON_DEMAND: Mapping[str, Callable[[Settings], bool]] = MappingProxyType(
    {
        "gate": lambda settings: settings.portal.gateway in {"nftables", "opennds"},
        "ssh": lambda settings: settings.ssh.interval_s > 0,
        "probe": lambda settings: settings.probe.used,
        "trap": lambda settings: settings.trap.enabled,
        "acs": lambda settings: settings.acs.enabled,
        "intake": lambda settings: settings.intake.enabled,
        "radius": lambda settings: settings.radius.enabled,
        "alert": lambda settings: settings.alert.enabled,
    }
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the services and the configuration file."""
    parser.add_argument("service", nargs="*", help=f"only these: {', '.join((*SERVICES, *ON_DEMAND))}")
    parser.add_argument("--config", type=Path, help="the configuration file (the same as before the command's name)")
    parser.add_argument("--logs", type=Path, help="a directory for one log file a service; default: standard error")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Supervise until told to stop."""
    names = tuple(args.service) or (*SERVICES, *(n for n, wanted in ON_DEMAND.items() if wanted(settings)))
    for name in names:
        if name not in (*SERVICES, *ON_DEMAND):
            raise UsageError(f"no service '{name}'{nearest(name, (*SERVICES, *ON_DEMAND))}")
    privilege.expect_service(settings, names)
    supervisor = Supervisor(
        names,
        config=args.config or settings.file,
        given=settings.given,
        clock=SYSTEM,
        log_dir=args.logs,
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )
    supervise(supervisor)
    return 0


def supervise(supervisor: Supervisor) -> None:
    """Run a supervisor until SIGINT or SIGTERM."""
    signal.signal(signal.SIGINT, supervisor.stop)
    signal.signal(signal.SIGTERM, supervisor.stop)
    supervisor.start()
    supervisor.run()
