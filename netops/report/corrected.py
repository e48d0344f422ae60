"""Hours that were stated again by a correction: which statement of an hour counts, and what a report tells of it. Pure.

A `correction` names a leaf of an hour, by whom and why. The core then states the whole hour again from the samples that
it holds by now, and each such leaf names the correction. Nothing is overwritten: of each stream the statement counts
that the last correction led to, and a report lists every correction of its period.

`netops/evidence/again.py` does the same in the other implementation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence import bundle
from netops.sla.hours import KIND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netops.report.leaves import Leaves, Sealed

CORRECTION, REFUSED, LATE = "correction", "correction_refused", "late_samples"
_FIRST = -1  # before all leaves: an hour as it was stated at first


def standing(leaves: Leaves) -> list[Sealed]:
    """Return the leaves of the hours that count; EvidenceError for one that names no correction of its hour."""
    told = leaves.of(KIND)
    if all(CORRECTION not in each.body for each in told):
        return told
    starts = {each.index: each.body["start_ms"] for each in told}
    corrects = {each.index: each.body["corrects"] for each in leaves.of(CORRECTION)}
    last: dict[tuple[int, str], int] = {}
    for each in told:
        number = each.body.get(CORRECTION, _FIRST)
        if number != _FIRST and (
            number >= each.index or starts.get(corrects.get(number, _FIRST)) != each.body["start_ms"]
        ):
            raise EvidenceError(f"leaf {each.index} states an hour by correction {number}, which is none of that hour")
        last[_key(each.body)] = max(last.get(_key(each.body), _FIRST), number)
    return [each for each in told if each.body.get(CORRECTION, _FIRST) == last[_key(each.body)]]


def _key(body: Mapping[str, Any]) -> tuple[int, str]:
    return body["start_ms"], body.get("stream", "")


def tell(leaves: Leaves) -> dict[str, Any]:
    """Return the report's list of corrections by leaf under `corrections`; nothing where there is none.

    `stated` are the leaves that state the hour again, as runs; none: the core has not done it yet, or it said that it
    cannot, in the leaf `refused`, because of `because`.
    """
    found = leaves.of(CORRECTION)
    if not found:
        return {}
    hours = leaves.of(KIND)
    starts = {each.index: each.body["start_ms"] for each in hours}
    refused = {each.body["correction"]: each for each in reversed(leaves.of(REFUSED))}  # the first counts
    rows = [
        {
            "leaf": each.index,
            "corrects": each.body["corrects"],
            "start_ms": starts[each.body["corrects"]],
            "by": each.body["by"],
            "reason": each.body["reason"],
            "known_ms": each.known_ms,
            "stated": bundle.runs(hour.index for hour in hours if hour.body.get(CORRECTION) == each.index),
            **_refusal(refused.get(each.index)),
        }
        for each in found
    ]
    return {"corrections": rows}


def _refusal(found: Sealed | None) -> dict[str, Any]:
    return {"refused": found.index, "because": found.body["reason"]} if found else {}


def late(leaves: Leaves, asked: str) -> dict[str, Any]:
    """Return the hours of which samples came late and no correction has taken in, under `late_samples`; or nothing.

    `asked` is what the contract says of them. What came by the last leaf of an hour counts; `refused` is the leaf that
    says why a correction since was refused.
    """
    newest = {each.body["start_ms"]: each for each in leaves.of(LATE)}
    stated = {each.body["start_ms"]: each.index for each in leaves.of(KIND) if CORRECTION in each.body}
    refused = {each.body["start_ms"]: each.index for each in leaves.of(REFUSED)}
    rows = [
        {
            "start_ms": start_ms,
            **{key: each.body[key] for key in ("services", "samples", "vantages", "digest")},
            "leaf": each.index,
            "known_ms": each.known_ms,
            **({"refused": refused[start_ms]} if refused.get(start_ms, _FIRST) > each.index else {}),
        }
        for start_ms, each in sorted(newest.items())
        if stated.get(start_ms, _FIRST) < each.index
    ]
    return {LATE: {"asked": asked, "rows": rows}} if rows else {}
