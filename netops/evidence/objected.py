"""The report's list of objections anew: each with its ruling, and what this report would be without that ruling.

Part of the second implementation (`verifier.py`). Numbers in brackets are rules of `docs/explanation/sla.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netops.evidence.come_to import changed_between

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netops.evidence.come_to import Again, Come
    from netops.evidence.numbers import Numbers

MOST = 16
ALWAYS = ("objection", "report", "code", "target", "by", "reason")
PERHAPS = ("asks", "start_ms", "end_ms")
RULED = ("outcome", "minutes", "decides", "service", "start_ms", "end_ms", "by", "reason")


def objections(numbers: Numbers, again: Again) -> list[dict[str, Any]] | None:
    """Return what a report lists of objections, or None where there is none."""
    leaves, void = numbers.leaves, numbers.leaves.procedure.void
    every = {index for held in leaves.kinds.values() for index, _ in held}
    ruled = {
        leaf["fact"]["body"]["objection"]: (index, leaf)
        for index, leaf in leaves.kinds.get("ruling", ())
        if index not in void
    }
    made, left = [], MOST
    for index, leaf in leaves.kinds.get("objection", ()):
        body = leaf["fact"]["body"]
        row = {name: body[name] for name in ALWAYS} | {name: body[name] for name in PERHAPS if name in body}
        row |= {"leaf": index, "known_ms": leaves.known(leaf), "state": "passed_over" if index in void else "open"}
        if index in leaves.procedure.late:
            row["because"] = "late"
        if index not in void and body["objection"] in ruled:
            at, ruling = ruled[body["objection"]]
            said = ruling["fact"]["body"]
            row["state"] = "ruled"
            row["ruling"] = {name: said[name] for name in RULED if name in said}
            row["ruling"] |= {"leaf": at, "known_ms": leaves.known(ruling)}
            if said["outcome"] != "dismissed" and left:
                left -= 1
                row["effect"] = _effect(again.judged(every - {at}), again.judged(every))
        made.append(row)
    return made or None


def _effect(without: Come, now: Come) -> dict[str, Any]:
    time: dict[tuple[str, str], int] = {}
    for item, objective, start, end, _, _, services in changed_between(without[0], now[0]):
        time[item, objective] = time.get((item, objective), 0) + (end - start) * len(services)
    old = {tuple(row[:3]): row[3] for row in _values(without[2])}
    cents = int(now[1].replace(".", "")) - int(without[1].replace(".", ""))
    return {
        "before": without[1],
        "after": now[1],
        "change": f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}",
        "time": {"columns": ["item", "objective", "moved_ms"], "rows": [[*key, time[key]] for key in sorted(time)]},
        "values": {
            "columns": ["version", "item", "objective", "before", "after"],
            "rows": [
                [*row[:3], old[tuple(row[:3])], row[3]] for row in _values(now[2]) if old[tuple(row[:3])] != row[3]
            ],
        },
    }


def _values(parts: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return version, item, objective and what is shown of it, coverage behind the objectives of its item."""
    return [
        [part["version"], item["item"], name, shown]
        for part in parts
        for item in part["items"]
        for name, shown in (
            *((each["objective"], each["shown"]) for each in item["objectives"]),
            *((each["objective"], each["whole"]["area_shown"]) for each in item.get("coverage", ())),
        )
    ]
