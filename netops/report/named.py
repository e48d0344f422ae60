"""What an objective is called where people read: item and objective, each once, and never two alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netops.metrics import METRICS
from netops.sla import derived

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netops.report.words import Language


def norm(indicator: str) -> str:
    """Return the standard of the trade and the name it gives an indicator: `YD/T 3563-2019 接入速率`; empty without."""
    source = METRICS[indicator].source if indicator in METRICS else derived.NORMS.get(indicator, "")
    return next((each for each in source.split(", ") if each.startswith("YD/T")), "")


def in_language(title: str, *, english: bool) -> str:
    """Return of a title in two languages, `中文 / English`, the one of the reader; any other as it is."""
    chinese, mark, rest = title.partition(" / ")
    if not mark or chinese.isascii() or not rest.isascii():
        return title
    return rest if english else chinese


def named(item: Mapping[str, Any], objective: Mapping[str, Any], *, language: Language | None = None) -> str:
    """Return `item / objective` by their titles; the id stands behind a title that two objectives of the item share.

    With a language in that one, where titles have both.
    """

    def said(text: str) -> str:
        return text if language is None else in_language(text, english=language == "en")

    whole = said(item["title"] or item["item"])
    title = said(objective["title"] or objective["objective"])
    promises = (*item["objectives"], *item.get("coverage", ()))
    alike = sum(said(each["title"] or each["objective"]) == title for each in promises)
    own = title if alike == 1 else f"{title} [{objective['objective']}]"
    return own if own.startswith(whole) else f"{whole} / {own}"
