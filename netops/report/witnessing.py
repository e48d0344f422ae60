"""What pages and papers say of the policy of co-signing, in one language, of `report.json`. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netops.clock import utc
from netops.report.words import say

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from netops.report.words import Language

SHOWN = 12  # of the policies before; all are in report.json


def sentences(report: Mapping[str, Any], tz: ZoneInfo, language: Language) -> list[str]:
    """Return the policy that the report stands under, and the last ones before it."""
    told = report.get("witnessing")
    if told is None:
        return [say("witnessing_never", language)]

    def since(at_ms: int) -> str:
        return f"{utc(at_ms).astimezone(tz):%Y-%m-%d %H:%M}"

    named = told["witnesses"]
    said = say("witnessing_asks" if told["quorum"] else "witnessing_asks_none", language).format(
        n=told["quorum"],
        all=len(named),
        since=since(told["since_ms"]),
        leaf=told["leaf"],
        names=", ".join("+".join(each.split("+", 2)[:2]) for each in named) or "—",
    )
    earlier = told["earlier"]["rows"]
    rows = ["…"] * (len(earlier) > SHOWN) + [
        say("witnessing_row", language).format(leaf=leaf, since=since(at_ms), n=quorum, all=many)
        for leaf, at_ms, quorum, many in earlier[-SHOWN:]
    ]
    mark = "；" if language == "zh" else "; "
    before = [say("witnessing_earlier", language).format(rows=mark.join(rows))] if rows else []
    signed = [say("witnessing_signed", language)] if told["quorum"] else []
    return [said, *before, *signed]
