"""The words of a column that say how its cells are read, whatever door they came through: profiles and SSH reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from collectors.convert import IDENTITY, NUMBER_READERS, TEXT_READERS, Linear, linear
from collectors.profile import COST_S
from netops.errors import nearest
from netops.metrics import METRICS, Kind, Metric

if TYPE_CHECKING:
    from collectors.marked_yaml import Block

WORDS = ("read", "unit", "scale", "offset", "sentinels", "states", "range", "cost")


def metric_of(holder: Block, name: str) -> Metric:
    """Return the metric by which a column is keyed."""
    if name not in METRICS:
        holder.fail(name, f"'{name}' is no metric of the catalogue{nearest(name, METRICS)}")
    return METRICS[name]


def reading(holder: Block, name: str, block: Block, metric: Metric) -> dict[str, Any]:
    """Return the fields of a Column that its words state."""
    readers = TEXT_READERS if metric.kind is Kind.TEXT else NUMBER_READERS
    scaled = block.has("scale") or block.has("offset")
    if scaled and metric.kind is not Kind.GAUGE:
        word = "scale" if block.has("scale") else "offset"
        block.fail(word, f"a {metric.kind} has no scale; expected one on gauges only")
    if metric.kind is Kind.STATE and not block.has("states"):
        holder.fail(name, "a state metric needs `states`, which maps the device's codes to the catalogue's names")
    return {
        "read": block.choice("read", readers, f"a reader for a {metric.kind}", next(iter(readers))),
        "unit": block.text("unit") if block.has("unit") else metric.unit,
        "linear": linear_of(block) if scaled else IDENTITY,
        "sentinels": frozenset(raw_of(block, node) for node in block.items("sentinels")),
        "states": states_of(block, metric) if block.has("states") else {},
        "bounds": bounds_of(block) if block.has("range") else (None, None),
        "cost": block.choice("cost", COST_S, "a cost class", "cheap"),
    }


def linear_of(block: Block) -> Linear:
    """Return scale and offset, exactly."""
    scale = block.text("scale") if block.has("scale") else "1"
    offset = block.text("offset") if block.has("offset") else "0"
    try:
        return linear(scale, offset)
    except ValueError as error:
        block.fail("scale" if block.has("scale") else "offset", f"{error}; expected one such as 0.01 or -30")


def raw_of(block: Block, node: object) -> int | str:
    """Return what a device sends as it is compared: a whole number, or a text in lower case."""
    written = block.scalar(node)
    return int(written) if re.fullmatch(r"-?\d{1,20}", written) and not block.quoted(node) else written.lower()


def states_of(block: Block, metric: Metric) -> dict[int | str, int]:
    """Return the codes of the states by what the device sends for them."""
    inner = block.block("states")
    if metric.kind is not Kind.STATE:
        block.fail("states", f"'{metric.name}' is a {metric.kind}; expected states on state metrics only")
    known = {s.name: s.code for s in metric.states}
    found: dict[int | str, int] = {}
    for written in inner.keys:
        key = int(written) if re.fullmatch(r"-?\d{1,10}", written) else written.lower()
        found[key] = known[inner.choice(written, known, f"a state of {metric.name}")]
    return found


def bounds_of(block: Block) -> tuple[float, float]:
    """Return narrower bounds than the metric's."""
    nodes = block.items("range")
    try:
        low, high = (float(block.scalar(node)) for node in nodes)
    except ValueError:
        block.fail("range", "expected two numbers, such as [-40, 5]")
    if not low <= high:
        block.fail("range", f"{low} is more than {high}; expected the lower end first")
    return low, high
