"""The `netops collect` command: poll devices now, visit doors, replay a recording, stop polling, see what it costs."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from collectors import halt_command, load_command, once_command, replay_command
from collectors.ssh import visit_command

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from netops.config import Settings

SUMMARY = "poll devices now, visit their SSH doors, replay a recording, stop polling, see its load"


class Subcommand(NamedTuple):
    """One word after `netops collect`."""

    summary: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Settings], int]


SUBCOMMANDS: Mapping[str, Subcommand] = MappingProxyType(
    {
        "halt": Subcommand(halt_command.SUMMARY, halt_command.arguments, halt_command.run),
        "load": Subcommand(load_command.SUMMARY, load_command.arguments, load_command.run),
        "once": Subcommand(once_command.SUMMARY, once_command.arguments, once_command.run),
        "replay": Subcommand(replay_command.SUMMARY, replay_command.arguments, replay_command.run),
        "visit": Subcommand(visit_command.SUMMARY, visit_command.arguments, visit_command.run),
        "resume": Subcommand(halt_command.RESUME_SUMMARY, halt_command.resume_arguments, halt_command.resume),
    }
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    words = parser.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND")
    for name, subcommand in SUBCOMMANDS.items():
        subcommand.arguments(words.add_parser(name, help=subcommand.summary, description=subcommand.summary))


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Run the subcommand; return its exit code."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a device's name may fit no locale
    return SUBCOMMANDS[args.subcommand].run(args, settings)
