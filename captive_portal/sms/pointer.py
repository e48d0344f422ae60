"""JSON pointers (RFC 6901): where in a provider's answer or report something stands."""

from __future__ import annotations

from typing import Any


def at(document: Any, pointer: str) -> Any:
    """Return what stands there; None where nothing does."""
    if not pointer:
        return document
    for step in pointer.removeprefix("/").split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict):
            document = document.get(name)
        elif isinstance(document, list) and name.isascii() and name.isdecimal() and int(name[:9]) < len(document):
            document = document[int(name[:9])]
        else:
            return None
    return document


def text(document: Any, pointer: str) -> str:
    """Return a string, number or boolean that stands there as text, and nothing for anything else."""
    found = at(document, pointer)
    if isinstance(found, bool):
        return "true" if found else "false"
    return str(found) if isinstance(found, str | int | float) else ""
