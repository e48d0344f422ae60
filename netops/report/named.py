"""What an objective is called where people read: item and objective, each once, and never two alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def named(item: Mapping[str, Any], objective: Mapping[str, Any]) -> str:
    """Return `item / objective` by their titles; the id stands behind a title that two objectives of the item share."""
    whole = item["title"] or item["item"]
    title = objective["title"] or objective["objective"]
    promises = (*item["objectives"], *item.get("coverage", ()))
    alike = sum((each["title"] or each["objective"]) == title for each in promises)
    own = title if alike == 1 else f"{title} [{objective['objective']}]"
    return own if own.startswith(whole) else f"{whole} / {own}"
