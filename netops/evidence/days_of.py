"""Whether `days.json` adds up: days to the tally, excused time to what is excluded, decisions to their leaves.

Part of the second implementation (`verifier.py`). Which day a minute fell on is not recomputed here; no amount rests on
it. A bundle from before `days.json` has none, and nothing to add up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netops.evidence import canonical
from netops.evidence.differences import differ
from netops.evidence.integrity import Failure
from netops.evidence.members import DAYS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from netops.evidence.members import Bundle
    from netops.evidence.stated import Stated

BUCKETS = ("up_ms", "down_ms", "unknown_ms", "excluded_up_ms", "excluded_down_ms", "excluded_unknown_ms")
AS_ONE = ("any_down", "all_down")  # judged as one unit: its excluded time is no sum over services


def verify_days(bundle: Bundle, report: Mapping[str, Any], leaves: Stated) -> Iterator[Failure]:
    """Yield where the days say something else than the report that they stand beside."""
    if DAYS not in bundle.members:
        return
    told = canonical.loads(bundle.member(DAYS))
    named = [
        (f"version {part['version']} {item['item']}/{each['objective']}", each)
        for part in told["parts"]
        for item in part["items"]
        for each in item["objectives"]
    ]
    wanted = {
        f"version {part['version']} {item['item']}/{each['objective']}": each
        for part in report["parts"]
        for item in part["items"]
        for each in item["objectives"]
    }
    yield from differ([name for name, _ in named], list(wanted), f"{DAYS}: objectives")
    for name, each in named:
        if name in wanted:
            yield from _adds_up(f"{DAYS}: {name}", each, wanted[name])
    yield from _decided(told["decisions"], leaves)


def _adds_up(place: str, days: Mapping[str, Any], objective: Mapping[str, Any]) -> Iterator[Failure]:
    columns = days["days"]["columns"]
    rows = [dict(zip(columns, row, strict=True)) for row in days["days"]["rows"]]
    yield from differ({name: sum(row[name] for row in rows) for name in BUCKETS}, objective["tally"], f"{place} days")
    columns = days["excused"]["columns"]
    rows = [dict(zip(columns, row, strict=True)) for row in days["excused"]["rows"]]
    claims = [row["claim"] for row in rows if row["claim"]]
    yield from differ(claims, [each["claim"] for each in objective["exclusions"]], f"{place} claims")
    if objective["rules"]["aggregation"] not in AS_ONE:
        said = {name: sum(row[name] for row in rows) for name in ("up_ms", "down_ms", "unknown_ms")}
        found = {name: objective["tally"][f"excluded_{name}"] for name in said}
        yield from differ(said, found, f"{place} excused")


def _decided(decisions: Mapping[str, Any], leaves: Stated) -> Iterator[Failure]:
    """Yield each decision that is not what its leaf says."""
    held = dict(leaves.kinds.get("approval_decision", ()))
    for claim, said in sorted(decisions.items()):
        leaf = held.get(said["leaf"])
        if leaf is None:
            yield Failure(place=f"{DAYS}: decision on {claim}", what=f"leaf {said['leaf']} holds no decision")
            continue
        body = leaf["fact"]["body"]
        found = {
            "state": body["decision"],
            "by": body["by"],
            "role": body.get("role", ""),
            "leaf": said["leaf"],
            "at_ms": leaves.known(leaf),
        }
        yield from differ(said, found, f"{DAYS}: decision on {claim}")
        if body["request"] != claim:
            yield Failure(place=f"{DAYS}: decision on {claim}", what=f"leaf {said['leaf']} decides on another request")
