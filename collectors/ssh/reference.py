"""The reference page of the SSH reads: `python -m collectors.ssh.reference > docs/reference/ssh-reads.md`. Pure."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from collectors.ssh.dialects import DIALECTS
from collectors.ssh.read_yaml import of_dialect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collectors.ssh.dialect import Dialect
    from collectors.ssh.read import Read

_HEAD = """\
# SSH dialects and reads

Generated from `collectors/ssh/dialects.py` and `collectors/ssh/reads/`; do not edit. How a door is described and a read
added: [read over SSH](../how-to/read-over-ssh.md). Every output must have its echo and end in the session's own prompt
(or, where commands run in channels of their own, in a mark of ours); what proves it besides stands in the last column.
**synthetic**: written from command references, no capture of a device was at hand.
"""
_COST = {"cheap": "every visit", "dear": "5 minutes", "heavy": "hourly"}


def page() -> str:
    """Return the page: one section a dialect, one row a read."""
    return _HEAD + "".join("\n" + "\n".join(_section(each)) + "\n" for each in DIALECTS.values())


def _section(dialect: Dialect) -> Iterator[str]:
    yield f"## {dialect.name}"
    yield f"{dialect.zh} · {dialect.en}; netmiko calls it `{dialect.netmiko}`."
    yield ""
    setup = ", ".join(f"`{line}`" for line in dialect.setup)
    yield f"Said first: {setup}." if setup else "Each command runs in a channel of its own."
    yield ""
    yield "| read | command | metrics | how often | whole when |"
    yield "|---|---|---|---|---|"
    yield from (_row(read) for read in of_dialect(dialect.name))


def _row(read: Read) -> str:
    said = " → ".join(f"`{line}`" for line in (*read.enter, read.command))
    if read.each is not None:
        said += f"<br>for each {', '.join(read.each.values)} of `{read.each.read}`"
    if read.join is not None:
        said += f"<br>with the rows of `{read.join.read}` of the same {', '.join(read.join.values)}"
    metrics = ", ".join(f"`{each}`" for each in sorted(read.metrics)) or "none: other reads go by it"
    mark = " **synthetic**" if read.synthetic else ""
    often = "when named" if read.on_demand else _COST[read.cost]
    return (
        "| "
        + " | ".join(each.replace("|", "\\|") for each in (f"`{read.name}`{mark}", said, metrics, often, _whole(read)))
        + " |"
    )


def _whole(read: Read) -> str:
    complete = read.complete
    proofs = []
    if complete.counts:
        proofs.append("as many rows as it says" + (", which it must say" if complete.total else ", if it says so"))
    if complete.ends:
        proofs.append("its last line closes the table")
    if read.values:
        proofs.append("it is one JSON document")
    return "; ".join(proofs)


if __name__ == "__main__":
    sys.stdout.write(page())
