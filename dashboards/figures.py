"""The figures of a contract's month, one an objective, alike for a closed month and for the one that runs. Pure.

A closed month tells them in its report, a running one by the judge of `netops sla judge`: both in the same words
(`netops/report/told.py`). What an item owes stands only in a report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboards import terms
from netops.report import counts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inventory.model import Objective, ServiceItem
    from netops.report.closed import Closed
    from netops.report.interval import Answer

WORST = {"missed": 0, "not_determinable": 1, "met": 2}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One objective over a version's part of the month; `told` are the report's words, `item` what the item owes."""

    version: str
    start_ms: int
    end_ms: int
    item_id: str
    objective_id: str
    title: str
    promise: str
    told: Mapping[str, Any]
    item: Mapping[str, Any]
    objective: Objective | None

    @property
    def verdict(self) -> str:
        """Met, missed or not determinable."""
        return str(self.told["verdict"])

    @property
    def counted(self) -> bool:
        """Whether its sums are numbers of things, and not times."""
        return self.told["indicator"] in counts.INDICATORS

    @property
    def shown(self) -> str:
        """What it comes to as people read it, of a mean with its seconds; a dash where nothing was judged."""
        return counts.figure(self.told) if self.told.get("shown") else "—"

    @property
    def owes(self) -> bool:
        """Whether this objective is owed for: the item's dearest, or one of those that are owed by the minute."""
        given = self.item.get("credit", {})
        shares = given.get("by_minute", ())
        return self.objective_id in ([each["objective"] for each in shares] or [given.get("objective")])

    @property
    def window(self) -> tuple[str, str]:
        """The bounds as they are shown, in percent; empty where nothing was judged."""
        return str(self.told.get("lower_shown", "")), str(self.told.get("upper_shown", ""))


def of_report(found: Closed) -> list[Figure]:
    """Return the figures of a closed month, missed ones first."""
    made = []
    for part in found.report["parts"]:
        text = found.versions.get(part["version"])
        for item in part["items"]:
            sold = next((each for each in text.items if each.id == item["item"]), None) if text is not None else None
            for told in item["objectives"]:
                given = next((each for each in sold.objectives if each.id == told["objective"]), None) if sold else None
                made.append(_figure(part, item["item"], (sold, given), told, item))
    return _ordered(made)


def of_answer(answer: Answer, told: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """Return the figures of the month that runs, those below their target first; `told` are its lines as JSON."""
    both = zip(answer.lines, told, strict=True)
    return _ordered(_figure(each, line.item.id, (line.item, line.objective), each, {}) for line, each in both)


def _figure(
    part: Mapping[str, Any],
    item_id: str,
    text: tuple[ServiceItem | None, Objective | None],
    told: Mapping[str, Any],
    item: Mapping[str, Any],
) -> Figure:
    """Return one figure over a part of the month; `text` is what the contract's version says of item and objective."""
    sold, given = text
    title = terms.title(sold.title or sold.id) if sold is not None else item_id
    indicator = terms.indicator(given) if given is not None else str(told["indicator"])
    own = terms.title(given.title) if given is not None else ""  # often says the item's title over again
    named = own.removeprefix(title).lstrip(":： ") or indicator
    return Figure(
        version=part["version"],
        start_ms=part["start_ms"],
        end_ms=part["end_ms"],
        item_id=item_id,
        objective_id=str(told["objective"]),
        title=f"{title} · {named}",
        promise=terms.promise(given) if given is not None else f"{told['indicator']} {told['target']} %",
        told=told,
        item=item,
        objective=given,
    )


def _ordered(found: Iterable[Figure]) -> list[Figure]:
    return sorted(found, key=lambda each: (WORST.get(each.verdict, len(WORST)), not each.owes))


def rows(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a report's table, each by its columns' names."""
    return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]


def page(found: Sequence[Any], number: int, *, size: int) -> tuple[Sequence[Any], int, int]:
    """Return one page of rows, which one it is, and of how many."""
    pages = max(1, -(-len(found) // size))
    at = min(max(number, 1), pages)
    return found[(at - 1) * size : at * size], at, pages
