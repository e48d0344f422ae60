"""The generated reference of the API: `python -m dashboards.api.reference` writes it. Pure but for that.

tests/dashboards/api/test_reference.py compares it with what is committed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from dashboards.api import openapi
from dashboards.api.catalogue import OPERATIONS
from dashboards.api.operation import Bytes, Many, One
from netops.web import problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dashboards.api.operation import Operation

DIRECTORY = Path("docs/reference")


def document() -> str:
    """Return the OpenAPI document as a file."""
    return json.dumps(openapi.document(), ensure_ascii=False, indent=1) + "\n"


def page() -> str:
    """Return the page of all operations and shapes."""
    made = openapi.document()
    lines = [
        "# The API",
        "",
        "Made by `python -m dashboards.api.reference`; [openapi.json](openapi.json) says the same.",
        "",
    ]
    lines += [openapi.SAID, "", f"All addresses begin with `{problem.PREFIX}`; all answer `GET`.", ""]
    lines += ["| address | gives | permission |", "|---|---|---|"]
    lines += [f"| `{each.path}` | {each.said}: {_given(each)} | `{each.permission}` |" for each in OPERATIONS]
    lines += ["", "## Parameters", "", "| address | parameter | |", "|---|---|---|"]
    for each in OPERATIONS:
        lines += [f"| `{each.path}` | `{known.name}` | {known.said} |" for known in openapi.parameters_of(each)]
    lines += ["", "## Shapes", ""]
    for name, shape in made["components"]["schemas"].items():
        lines += [f"### {name}", "", shape["description"], "", *_fields(shape), ""]
    return "\n".join(lines).rstrip() + "\n"


def _given(each: Operation) -> str:
    if isinstance(each, Bytes):
        return f"`{each.media}`"
    assert isinstance(each, (One, Many))
    shape = f"[{each.answer.__name__}](#{each.answer.__name__.lower()})"
    return f"a list of {shape}" if isinstance(each, Many) else shape


def _fields(shape: dict[str, object]) -> Iterator[str]:
    yield from ["| field | kind | |", "|---|---|---|"]
    properties = shape["properties"]
    assert isinstance(properties, dict)
    for name, each in properties.items():
        said = {key: value for key, value in each.items() if key != "description"}
        yield f"| `{name}` | {_kind(said)} | {each.get('description', '')} |"


def _kind(said: dict[str, object]) -> str:
    if "$ref" in said:
        name = str(said["$ref"]).rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if isinstance(either := said.get("anyOf"), list):
        return " or ".join(map(_kind, either))
    if isinstance(words := said.get("enum"), list):
        return ", ".join(f"`{each}`" if each else '`""`' for each in words)
    kind = said.get("type", "anything")
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array":
        below = said["items"]
        assert isinstance(below, dict)
        return f"list of {_kind(below)}"
    return "instant" if said.get("format") == "date-time" else str(kind)


PAGES = {"openapi.json": document, "api.md": page}


if __name__ == "__main__":
    for name, made in PAGES.items():
        (DIRECTORY / name).write_text(made(), encoding="utf-8")
