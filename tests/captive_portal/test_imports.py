"""Who imports whom in the portal: nobody in a circle, and no page a command."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in (ROOT / "captive_portal").rglob("*.py")
}


def imported(path: Path) -> Iterator[str]:
    """Yield the portal's modules that are imported when this one is: not for types alone, not within functions."""
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            inner = {f"{node.module}.{each.name}" for each in node.names}
            yield from inner & MODULES.keys() or {node.module}


GRAPH = {name: set(imported(path)) for name, path in MODULES.items()}


def test_nobody_imports_in_a_circle() -> None:
    TopologicalSorter(GRAPH).prepare()  # CycleError names those of a circle


def test_commands_are_imported_by_commands_alone() -> None:
    assert {name for name, its in GRAPH.items() if any(each.endswith(".commands") for each in its)} <= {
        name for name in MODULES if name.endswith(".commands")
    }
