"""The one script, `netops`, with git-style sub-commands.

Top-level help comes from the static table below and imports nothing else, so that it answers at once; the module of a
command is found through the entry points of `netops.commands` (tests/netops/test_cli.py holds the two together) only
when that command runs.
"""

from __future__ import annotations

import argparse
import codecs
import errno
import os
import sys
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

COMMANDS = {
    "init": "write a configuration, the keys and the databases of a new instance",
    "up": "run the services of this machine in the foreground",
    "demo": "run a living rehearsal city in the foreground",
    "db": "bring the databases to this version",
    "config": "show the settings and where each comes from",
    "check": "resolve every name in register and contracts; print all that fail",
    "contract": "what a contract will do, in words, and what it would owe",
    "grafana": "boards for Grafana over the store",
    "doctor": "look at this machine and this instance, and say what is wrong",
    "staff": "accounts and roles of those who work here",
    "alert": "incidents: list, take on, mute; try the way to people",
    "ticket": "tickets of faults: report, answer, pause, resume, close",
    "approve": "decisions that need two persons",
    "inventory": "what was bought: plan, apply, show",
    "collect": "poll devices now, replay a recording, stop polling, see its load",
    "discover": "search networks for devices and propose them to the register",
    "record": "record a device's answers as a test, with pseudonyms",
    "profile": "check, try and begin device families",
    "probe": "look at the targets of active probes; let probes at sites join",
    "sla": "how this month stands; judge any interval",
    "coverage": "areas as cells, surveys, and coverage judged by area",
    "report": "build a contract's report for a month",
    "netbox": "fetch what a NetBox lists, to import it",
    "status": "write the public status page: which hotspots work, planned works",
    "dispute": "the dispute over a report: object, accept, answer, rule, settle",
    "audit": "verify a report bundle, the ledger, the raw archive",
    "witness": "co-sign a ledger's checkpoints; bring co-signatures to it",
    "portal": "the captive portal: new sites, vouchers, visits, records",
}

USAGE = "usage: netops [--config FILE] [--set SECTION.KEY=VALUE] COMMAND ..."


class Command(Protocol):
    """A module named in the entry points of `netops.commands`."""

    SUMMARY: str

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        ...

    def run(self, args: argparse.Namespace, settings: Any) -> int:
        """Do it; return the exit code."""
        ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; return its exit code, as the help text lists them."""
    _any_terminal()
    try:
        code = _main(argv)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head -1` has read enough; what is still buffered goes nowhere, without a word
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123  (until the process ends)
        return 0
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename is not None:
            raise
        print(f"netops: not all of the output was written: {error.strerror}", file=sys.stderr)
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
        return 1
    return code


def _any_terminal() -> None:
    """Write what the terminal cannot show as JSON escapes, never end in a traceback for it; JSON stays JSON by that."""
    codecs.register_error("netops.escape", _escaped)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="netops.escape")


def _escaped(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    pairs = zip(units[::2], units[1::2], strict=True)
    return "".join(f"\\u{high << 8 | low:04x}" for high, low in pairs), error.end


def _main(argv: Sequence[str] | None) -> int:
    if argv is None:  # as a process of its own: what it makes is its owner's alone (staff.db, portal.db, spools)
        os.umask(0o077)
    words = list(sys.argv[1:] if argv is None else argv)
    options, words = _leading(words)
    if not words or words[0] in {"-h", "--help", "help"}:
        print(help_text())
        return 0 if words else 2
    if words[0] in {"-V", "--version", "version"}:
        from importlib.metadata import version  # noqa: PLC0415  (only when asked: reading metadata costs 30 ms)

        print(f"netops {version('netops')}")
        return 0
    name, rest = words[0], words[1:]
    if name not in COMMANDS:
        from netops.errors import nearest  # noqa: PLC0415

        print(f"netops: no command '{name}'{nearest(name, COMMANDS)}\n{USAGE}", file=sys.stderr)
        return 2
    return _run(name, rest, options)


def help_text() -> str:
    """Return the top-level help."""
    width = max(map(len, COMMANDS))
    lines = [USAGE, "", "The city's own eyes and ledger over the networks it buys.", "", "commands:"]
    lines += [f"  {name:<{width}}  {summary}" for name, summary in COMMANDS.items()]
    lines += [
        "",
        "`netops COMMAND --help` tells more.",
        "exit codes: 0 ok, 1 failure, 2 usage, 3 breach found, 4 evidence does not verify, 5 partial, 75 try again",
    ]
    return "\n".join(lines)


def _leading(words: list[str]) -> tuple[dict[str, Any], list[str]]:
    options: dict[str, Any] = {"config": None, "set": []}
    while words and words[0].startswith("--") and words[0].partition("=")[0] in {"--config", "--set"}:
        flag, equals, value = words[0].partition("=")
        taken = 1
        if not equals:
            if len(words) < 2:
                print(f"netops: {flag} needs a value\n{USAGE}", file=sys.stderr)
                raise SystemExit(2)
            value, taken = words[1], 2
        if flag == "--config":
            options["config"] = value
        else:
            options["set"].append(value)
        words = words[taken:]
    return options, words


def _run(name: str, rest: list[str], options: dict[str, Any]) -> int:
    from netops import privilege  # noqa: PLC0415
    from netops.clock import SYSTEM  # noqa: PLC0415
    from netops.errors import NetopsError, UsageError  # noqa: PLC0415

    try:
        command = _command(name)
        parser = argparse.ArgumentParser(prog=f"netops {name}", description=command.SUMMARY)
        command.arguments(parser)
        if options["config"] and name == "init":  # the file to be written, before or after the command's name
            rest = ["--config", options["config"], *rest]
        _let_go(parser)
        args = parser.parse_args(rest)
        if (unsaid := _unsaid(parser, args)) is not None:
            unsaid.print_help(sys.stderr)
            print(f"\n{unsaid.prog}: say which; one of the words above", file=sys.stderr)
            return UsageError.exit_code
        args.now_ms = SYSTEM.now_ms()  # floor 1 has no clock of its own
        settings = _settings(options, without=name in {"init", "demo"})
        privilege.expect(settings, name, getattr(args, "subcommand", None) or "")
        return command.run(args, settings)
    except NetopsError as error:
        print(f"netops {name}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        raise
    except Exception as error:
        code = getattr(error, "exit_code", None)  # the errors of the other floors carry one too
        if code is None and isinstance(error, OSError) and error.filename is not None:
            print(f"netops {name}: {error.filename}: {error.strerror}{_whose(error)}", file=sys.stderr)
            return 1
        if code is None:
            raise
        print(f"netops {name}: {error}", file=sys.stderr)
        return int(code) or UsageError.exit_code


def _whose(error: OSError) -> str:
    """Return the remedy where a file belongs to another user."""
    if not isinstance(error, PermissionError):
        return ""
    return "; it is not yours, run as the instance's user (`sudo -u netops netops …`)"


def _let_go(parser: argparse.ArgumentParser) -> None:
    """Require no sub-command: argparse would only say `required: what`, `_unsaid` shows the help instead."""
    for action in _choices(parser):
        action.required = False
        for below in action.choices.values():
            _let_go(below)


def _unsaid(parser: argparse.ArgumentParser, args: argparse.Namespace) -> argparse.ArgumentParser | None:
    """Return the parser whose sub-command was not given, or None."""
    for action in _choices(parser):
        chosen = getattr(args, action.dest, None)
        return parser if chosen is None else _unsaid(action.choices[chosen], args)
    return None


def _choices(parser: argparse.ArgumentParser) -> list[Any]:
    return [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]  # noqa: SLF001


def _command(name: str) -> Command:
    from importlib.metadata import entry_points  # noqa: PLC0415

    from netops.errors import NetopsError  # noqa: PLC0415

    found = entry_points(group="netops.commands", name=name)
    if not found:
        raise NetopsError(f"the command '{name}' is not installed; run `make up` or `pip install -e .` again")
    command: Command = next(iter(found)).load()
    return command


def _settings(options: dict[str, Any], *, without: bool) -> Any:
    from pathlib import Path  # noqa: PLC0415

    from netops import config  # noqa: PLC0415

    named = options["config"] or os.environ.get("NETOPS_CONFIG")
    file: Path | None = Path(named) if named else None
    if without and file is not None and not file.exists():
        file = None
    return config.load(file, overrides=options["set"])


if __name__ == "__main__":
    raise SystemExit(main())
