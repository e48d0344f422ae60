"""The `netops collect` command: replay a recording, poll the register's devices now."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from collectors import once_command, replay_command

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from netops.config import Settings

SUMMARY = "poll devices now, or replay a recording"


class Subcommand(NamedTuple):
    """One word after `netops collect`."""

    summary: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Settings], int]


SUBCOMMANDS: Mapping[str, Subcommand] = MappingProxyType(
    {
        "once": Subcommand(once_command.SUMMARY, once_command.arguments, once_command.run),
        "replay": Subcommand(replay_command.SUMMARY, replay_command.arguments, replay_command.run),
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
