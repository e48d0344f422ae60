"""Hours that were stated again: which of several statements of an hour counts.

Part of the second implementation (`verifier.py`). Numbers in brackets are rules of `docs/explanation/sla.md`. A
correction never overwrites [13]: a person's `correction` leaf names a leaf of the hour, the hour's leaves that were
made for it name that leaf, and the newest such statement of each stream is the one that is judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence.bundle import runs
from netops.evidence.differences import differ
from netops.evidence.integrity import Failure
from netops.evidence.members import LEAVES, REPORT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from netops.evidence.stated import Stated

HOURS = "availability_hour"


def counting(leaves: Stated) -> list[dict[str, Any]]:
    """Return the bodies of the hours that are judged, in the order of the ledger."""
    about = _about(leaves)
    newest: dict[tuple[int, str], int] = {}
    rows = [(index, leaf["fact"]["body"]) for index, leaf in leaves.kinds.get(HOURS, ())]
    for index, body in rows:
        if (asked := body.get("correction")) is not None:
            if not asked < index or about.get(asked) != body["start_ms"]:
                raise EvidenceError(
                    f"{LEAVES}: leaf {index}: states its hour again for leaf {asked}, which corrects another, or none"
                )
            stream = (body["start_ms"], body.get("stream", ""))
            newest[stream] = max(newest.get(stream, asked), asked)
    return [
        body for _, body in rows if newest.get((body["start_ms"], body.get("stream", ""))) == body.get("correction")
    ]


def corrections(leaves: Stated) -> list[dict[str, Any]] | None:
    """Return what a report lists of corrections, or None where there is none."""
    about = _about(leaves)
    again: dict[int, list[int]] = {}
    for at, leaf in leaves.kinds.get(HOURS, ()):
        again.setdefault(leaf["fact"]["body"].get("correction"), []).append(at)
    made = []
    for index, leaf in leaves.kinds.get("correction", ()):
        body = leaf["fact"]["body"]
        row = {key: body[key] for key in ("corrects", "by", "reason")}
        row |= {"leaf": index, "start_ms": about[index], "known_ms": leaves.known(leaf)}
        refused = leaves.named("correction_refused", "correction", index)
        if refused:
            row |= {"refused": refused[0][0], "because": refused[0][1]["fact"]["body"]["reason"]}
        made.append({**row, "stated": runs(again.get(index, ()))})
    return made or None


def verify_late(report: Mapping[str, Any], leaves: Stated, asked: str) -> Iterator[Failure]:
    """Yield where the list of hours with late samples is another one, or lacks what the contract asks for."""
    rows = []
    for start in sorted({body["start_ms"] for body in leaves.bodies("late_samples")}):
        index, leaf = leaves.named("late_samples", "start_ms", start)[-1]
        hour = leaves.named(HOURS, "start_ms", start)
        if any(at > index and "correction" in each["fact"]["body"] for at, each in hour):
            continue
        row = {key: value for key, value in leaf["fact"]["body"].items() if key != "contract"}
        row |= {"leaf": index, "known_ms": leaves.known(leaf)}
        refusals = [at for at, _ in leaves.named("correction_refused", "start_ms", start) if at > index]
        if refusals:
            row["refused"] = refusals[-1]
        elif asked == "correct":
            what = f"leaf {index} tells of samples that came late; the contract asks that their hour is stated again"
            yield Failure(place=f"{REPORT}: late_samples", what=what)
        rows.append(row)
    yield from differ(
        report.get("late_samples"), {"asked": asked, "rows": rows} if rows else None, f"{REPORT}: late_samples"
    )


def _about(leaves: Stated) -> dict[int, int | None]:
    """Return the hour that each correction is about; None: no hour of this bundle."""
    starts = {index: leaf["fact"]["body"]["start_ms"] for index, leaf in leaves.kinds.get(HOURS, ())}
    told = leaves.kinds.get("correction", ())
    return {index: starts.get(leaf["fact"]["body"]["corrects"]) for index, leaf in told}
