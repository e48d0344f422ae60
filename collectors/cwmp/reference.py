"""The reference page of the models: `python -m collectors.cwmp.reference > docs/reference/cwmp-models.md`. Pure."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from collectors.cwmp.model_yaml import shipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collectors.cwmp.model import Leaf, Model, Table

_HEAD = """\
# What is read by TR-069

Generated from `collectors/cwmp/models/`; do not edit. Parameters stand below `Device` or `InternetGatewayDevice`;
`{…}` is an instance number. What a CPE does not have is not asked. How a CPE is let in, and how a model is added:
[small cells by TR-069](../how-to/small-cells-by-tr-069.md).
"""


def page() -> str:
    """Return the page: one section per model, one row per metric."""
    return _HEAD + "".join("\n" + "\n".join(_section(model)) + "\n" for model in shipped().values())


def _section(model: Model) -> Iterator[str]:
    yield f"## {model.name}"
    yield f"{model.zh} · {model.en}{' · **synthetic**' if model.synthetic else ''}"
    yield ""
    yield "| subject | metric | parameter | cost | told at once | no value when |"
    yield "|---|---|---|---|---|---|"
    for table in model.tables:
        yield from (_row(table, leaf) for leaf in table.leaves)


def _row(table: Table, leaf: Leaf) -> str:
    column = leaf.column
    sentinels = ", ".join(f"`{value}`" for value in sorted(map(str, column.sentinels)))
    cost = table.cost if table.whole else column.cost
    name = ".".join(leaf.path.segments)
    return f"| {table.kind} | `{column.key}` | {name} | {cost} | {'yes' if leaf.notify else ''} | {sentinels} |"


if __name__ == "__main__":
    sys.stdout.write(page())
