"""What a contract promises of coverage, in YAML: the entries of an item's `coverage`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast, get_args

from inventory import model
from inventory.model import Coverage, Minimum
from inventory.reading.form import Form

if TYPE_CHECKING:
    from collections.abc import Callable

    from inventory.model import Credits
    from inventory.reading.tree import Table

KEYS = (
    *("id", "title", "metric", "level", "quality", "target", "minimum", "minima", "z", "min_hours", "max_age_days"),
    *("unknown_cells", "max_unknown_ratio", "area_percent", "credits"),
)
MINIMUM = ("area", "percent")
SURE = ("1", "5")
"""Standard errors of the bounds: fewer than one would let the point decide."""
HOURS = (1, 1000)
DAYS = (1, 366)


def read(outer: Form, table: Table, credits_: Callable[[Form], Credits]) -> Coverage:
    """Return one promise of coverage; `credits_` reads what an objective owes."""
    form = Form("the coverage", outer.file, table, KEYS, outer.notes)
    name = form.slug("id", need=True)
    form.subject = f"coverage '{name}'"
    minima = tuple(_minimum(form, each) for each in form.maps("minima"))
    areas = [each.area for each in minima]
    for area in sorted({each for each in areas if areas.count(each) > 1}):
        form.wrong("minima", f"area '{area}' is there twice in 'minima' of {form.subject}", "keep one of the two")
    made = Coverage(
        id=name,
        metric=cast("model.RadioLevel", form.choice("metric", get_args(model.RadioLevel))),
        level=form.decimal("level", need=True),
        target=form.decimal("target", need=True, low="0", high="100"),
        minimum=form.decimal("minimum", default="0", low="0", high="100"),
        minima=minima,
        quality=form.decimal("quality"),
        z=form.decimal("z", default="1.96", low=SURE[0], high=SURE[1]),
        min_hours=form.whole("min_hours", default=3, low=HOURS[0], high=HOURS[1]),
        max_age_days=form.whole("max_age_days", default=180, low=DAYS[0], high=DAYS[1]),
        unknown_cells=cast(
            "model.UnknownCells", form.choice("unknown_cells", get_args(model.UnknownCells), default="removed")
        ),
        max_unknown_ratio=form.decimal("max_unknown_ratio", default="0.1", low="0", high="1"),
        title=form.text("title"),
        area_percent=form.decimal("area_percent", default="0", low="0", high="100"),
        credits=credits_(form),
    )
    if made.credits.per != "item":
        form.wrong("credits", f"{form.subject} owes per '{made.credits.per}'", "leave `per` out: areas are no services")
    outer.good = outer.good and form.good
    return made


def _minimum(outer: Form, table: Table) -> Minimum:
    form = Form(f"a minimum of {outer.subject}", outer.file, table, MINIMUM, outer.notes)
    made = Minimum(area=form.slug("area", need=True), percent=form.decimal("percent", need=True, low="0", high="100"))
    outer.good = outer.good and form.good
    return made
