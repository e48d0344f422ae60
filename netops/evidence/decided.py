"""What rulings decide of an interval, a second time: whose words count, cut to what was objected to, and what follows.

Part of the second implementation (`verifier.py`); `docs/explanation/sla.md` says what a ruling on an outage moves. Here
a target is taken apart by hand and a line of time is cut at the edges of each decision.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from netops.evidence.lines import Line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from netops.evidence.lines import Label
    from netops.evidence.stated import Stated

ACCOUNTS = ("carrier", "city", "planned", "power_or_third_party", "force_majeure")
SURVEYED = ("survey_datum", "survey_instrument", "survey_place")
MAY = {"cause": ACCOUNTS, "no_outage": ("up",), "duration": ("up",), "not_measured": ("not_measured",)}
MAY |= dict.fromkeys(SURVEYED, ("taken_out",))
OUTAGE = re.compile("incident:([^@]+)@(0|[1-9][0-9]{0,15})")
SURVEY = re.compile("survey:([0-9a-f]{64})(?:/([^@]+))?(?:@(0|[1-9][0-9]{0,15})-(0|[1-9][0-9]{0,15}))?")
STRETCH = re.compile("interval:(0|[1-9][0-9]{0,15})-(0|[1-9][0-9]{0,15})(?:/(.+))?")


@dataclass(frozen=True, slots=True)
class Decided:
    """What the ruling in a leaf decides of a stretch of time of a service; of every service where it names none."""

    index: int
    objection: str
    word: str
    service: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Removed:
    """What the ruling in a leaf takes out of a survey, of one area's cells or of all, by the hours that it touches."""

    index: int
    survey: str
    area: str
    start: int
    end: int
    month: tuple[int, int, str]

    def takes(self, cell: str, hour: int, zones: Mapping[str, Mapping[str, int]]) -> bool:
        """Whether an hour (of the epoch) of a cell is gone."""
        if (hour + 1) * 3_600_000 <= self.start or hour * 3_600_000 >= self.end:
            return False
        return self.area == "" or cell in zones.get(self.area, ())


def decided(leaves: Stated) -> list[Decided]:
    """Return the decisions on intervals that count, in the order of the ledger."""
    return [each for each in _all(leaves) if isinstance(each, Decided)]


def removed(leaves: Stated) -> list[Removed]:
    """Return what is taken out of surveys, in the order of the ledger."""
    return [each for each in _all(leaves) if isinstance(each, Removed)]


def _all(leaves: Stated) -> list[Decided | Removed]:
    void = leaves.procedure.void
    held = {leaf["fact"]["body"]["objection"]: leaf for at, leaf in leaves.kinds.get("objection", ()) if at not in void}
    found: list[Decided | Removed] = []
    for index, leaf in leaves.kinds.get("ruling", ()):
        body = leaf["fact"]["body"]
        if index in void or "decides" not in body or body["objection"] not in held:
            continue
        made = _one(index, body, held[body["objection"]]["fact"]["body"], leaves)
        if made is not None:
            found.append(made)
    return sorted(found, key=lambda each: each.index)


def _one(index: int, said: Mapping[str, Any], asked: Mapping[str, Any], leaves: Stated) -> Decided | Removed | None:
    month = leaves.procedure.periods.get(asked["report"])
    if month is None or said["outcome"] == "dismissed" or said["by"] == asked["by"]:
        return None
    if said["decides"] not in MAY.get(asked["code"], ()):
        return None
    if asked["code"] in SURVEYED:
        return _survey(index, said, asked, month)
    about = _target(asked["code"], asked["target"])
    if about is None or said.get("service", "") != about[0]:
        return None
    service, low, high = about
    low, high = max(low, month[0], said.get("start_ms", 0)), min(high or month[1], month[1], said.get("end_ms", 0))
    if "end_ms" in asked:
        low, high = max(low, asked.get("start_ms", low)), min(high, asked["end_ms"])
    return Decided(index, said["objection"], said["decides"], service, low, high) if low < high else None


def _survey(
    index: int, said: Mapping[str, Any], asked: Mapping[str, Any], month: tuple[int, int, str]
) -> Removed | None:
    match = SURVEY.fullmatch(asked["target"])
    if match is None:
        return None
    low, high = said.get("start_ms", 0), said.get("end_ms", 0)
    if match[3]:
        if int(match[3]) >= int(match[4]):
            return None
        low, high = max(low, int(match[3])), min(high, int(match[4]))
    if "end_ms" in asked:
        low, high = max(low, asked.get("start_ms", low)), min(high, asked["end_ms"])
    return Removed(index, match[1], match[2] or "", low, high, month) if low < high else None


def _target(code: str, text: str) -> tuple[str, int, int] | None:
    """Return service, begin and end of what an objection is about; the end is 0 where an outage has none stated."""
    if code == "not_measured":
        match = STRETCH.fullmatch(text)
        if match is None or int(match[1]) >= int(match[2]):
            return None
        return match[3] or "", int(match[1]), int(match[2])
    match = OUTAGE.fullmatch(text)
    return None if match is None else (match[1], int(match[2]), 0)


def claimed(found: Sequence[Decided], classes: Sequence[Mapping[str, Any]], leaves: Stated) -> Iterator[dict[str, Any]]:
    """Yield the rulings on a cause whose first class wants a claim, as the claims that they stand for [2]."""
    rulings = dict(leaves.kinds.get("ruling", ()))
    for each in found:
        kind = next((one for one in classes if one["cause"] == each.word), None)
        if kind is None or not kind["approver"]:
            continue
        body = rulings[each.index]["fact"]["body"]
        yield {
            "claim": each.objection,
            "class": kind["id"],
            "start_ms": each.start,
            "end_ms": each.end,
            "services": [each.service] if each.service else [],
            "reason": body["reason"],
            "by": body["by"],
            "noticed_ms": leaves.known(rulings[each.index]),
            "approved": True,
            "ruling": each.index,
        }


def ruled(line: Line, mine: Sequence[Decided]) -> Line:
    """Return a line after decisions: bad time goes on their account, or was up; what nobody measured is unknown."""
    for each in mine:
        made = Line()
        label = f"ruling:{each.objection}"
        for start, end, step, said in line.pieces():
            edges = sorted({start, end, *(at for at in (each.start, each.end) if start < at < end)})
            for a, b in pairwise(edges):
                made.add(a, b, step, _after(said, each.word, label) if each.start <= a < each.end else said)
        line = made
    return line


def _after(said: Label, word: str, label: str) -> Label:
    if word == "not_measured":
        return "UNKNOWN", "monitor", label
    if said[0] not in {"DOWN", "DEGRADED"}:
        return said
    return ("UP", "", label) if word == "up" else (said[0], word, label)
