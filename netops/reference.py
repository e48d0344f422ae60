"""The generated reference pages of commands and settings: `python -m netops.reference` writes them. Pure but for that.

tests/netops/test_reference.py compares them with what is committed, so that no command, setting or fact goes without a
line.
"""

from __future__ import annotations

import argparse
import inspect
import re
from dataclasses import fields, is_dataclass
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from netops import config, measures
from netops.cli import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DIRECTORY = Path("docs/reference")
WIDTH = "120"  # argparse wraps by the terminal's width: a fixed one makes the page the same everywhere


def commands() -> str:
    """Return the page of all commands, as they describe themselves."""
    modules = {entry.name: import_module(entry.value) for entry in entry_points(group="netops.commands")}
    lines = ["# Commands", "", "Made by `python -m netops.reference`.", ""]
    for name in COMMANDS:
        module = modules[name]
        parser = argparse.ArgumentParser(prog=f"netops {name}", description=module.SUMMARY, formatter_class=_Wide)
        module.arguments(parser)
        lines += [f"## netops {name}", "", *_told(parser)]
    return "\n".join(lines).rstrip() + "\n"


class _Wide(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=int(WIDTH), max_help_position=32)


def _told(parser: argparse.ArgumentParser) -> Iterator[str]:
    parser.formatter_class = _Wide
    yield from ["```", parser.format_help().rstrip(), "```", ""]
    for action in parser._actions:  # noqa: SLF001  (argparse has no public way to its sub-commands)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for name, below in action.choices.items():
                yield from [f"### {parser.prog.removeprefix('netops ')} {name}", ""]
                yield from _told(below)


def settings() -> str:
    """Return the page of all settings with kind, default and meaning."""
    lines = ["# Settings", "", "Made by `python -m netops.reference`.", "", (config.__doc__ or "").strip(), ""]
    for name, kind in _hints(config.Settings).items():
        shape = kind if is_dataclass(kind) else config.Credential if name == "credentials" else None
        if shape is None:
            continue
        title = f"[{name}]" if name != "credentials" else "[credentials.NAME]"
        lines += [f"## {title}", "", (inspect.getdoc(shape) or "").replace("\n", " "), ""]
        lines += ["| setting | kind | default | |", "|---|---|---|---|", *_rows(shape), ""]
        for below, item in _named(shape):
            lines += [f"## [{name}.{below}.NAME]", "", (inspect.getdoc(item) or "").replace("\n", " "), ""]
            lines += ["| setting | kind | default | |", "|---|---|---|---|", *_rows(item), ""]
    return "\n".join(lines).rstrip() + "\n"


def _named(shape: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields that hold tables by name, with the kind of those tables."""
    for name, hint in _hints(shape).items():
        if get_origin(hint) is dict and is_dataclass(get_args(hint)[1]):
            yield name, get_args(hint)[1]


def _hints(kind: Any) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _rows(shape: Any) -> Iterator[str]:
    said = comments(shape)
    instance = shape()
    for field in fields(shape):
        hint = _hints(shape)[field.name]
        value = getattr(instance, field.name)
        if any(field.name == name for name, _ in _named(shape)):
            continue
        if is_dataclass(value):
            port = getattr(value, "port", "")
            yield f"| `{field.name}` | table | | a listener as in `[web]`, here with port {port} |"
            continue
        kind = getattr(hint, "__name__", str(hint)).replace("|", "or")
        shown = "" if value in ("", None, {}) else f"`{value}`"
        yield f"| `{field.name}` | {kind} | {shown} | {said.get(field.name, '').replace('|', 'or')} |"


def comments(shape: Any) -> dict[str, str]:
    """Return the comment beside each field of a dataclass: it is the one place where a field is explained."""
    found = re.findall(r"^    (\w+): .*?#\s*(.+)$", inspect.getsource(shape), re.MULTILINE)
    return dict(found)


PAGES = {"commands.md": commands, "settings.md": settings, "measures.md": measures.reference}


if __name__ == "__main__":
    for name, page in PAGES.items():
        (DIRECTORY / name).write_text(page(), encoding="utf-8")
