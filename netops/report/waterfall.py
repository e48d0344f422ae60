"""From the fees of a period to what is payable, deduction by deduction. Pure; every figure is of `report.json`."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from netops.sla import numbers

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One bar: `fees`, a `deduction` of an item (negative), the `cap` that gives some of it back, or what is `payable`.

    `left` is what is left to pay after it.
    """

    kind: str
    amount: Decimal
    left: Decimal
    version: str = ""
    item: str = ""
    objective: str = ""
    percent: str = ""


def steps(report: Mapping[str, Any]) -> list[Step]:
    """Return the bars in order; the deductions and the cap sum to `credit.total`, negative."""
    fees, total = Decimal(report["credit"]["fees_shown"]), Decimal(report["credit"]["total"])
    made = [Step(kind="fees", amount=fees, left=fees)]
    for part in report["parts"]:
        for item in part["items"]:
            amount = Decimal(item["credit"]["amount"])
            if amount:
                made.append(
                    Step(
                        kind="deduction",
                        amount=-amount,
                        left=made[-1].left - amount,
                        version=part["version"],
                        item=item["title"] or item["item"],
                        objective=_title(item),
                        percent=shown(item["credit"]["percent"]),
                    )
                )
    back = fees - total - made[-1].left
    if back:
        made.append(Step(kind="cap", amount=back, left=fees - total, percent=report["credit"]["cap_percent"]))
    return [*made, Step(kind="payable", amount=fees - total, left=fees - total)]


def _title(item: Mapping[str, Any]) -> str:
    """Return the objective that is owed for; several where the contract owes each for minutes of its own."""
    given = item["credit"]
    shares = [each["objective"] for each in given.get("by_minute", ()) if Fraction(each["percent"])]
    promises = (*item["objectives"], *item.get("coverage", ()))
    titles = {each["objective"]: str(each["title"] or each["objective"]) for each in promises}
    return " + ".join(titles[each] for each in shares or [given["objective"]] if each)


def shown(exact: str) -> str:
    """Return `30/1` as `30`; what is no whole number with three places, rounded down; nothing stays nothing."""
    if not exact:
        return ""
    value = Fraction(exact)
    return str(value) if value.denominator == 1 else numbers.shown(value, 3)
