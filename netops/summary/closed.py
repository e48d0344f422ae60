"""What a month's issued report comes to in a few figures, for whoever has a minute. Read from its bundle.

A bundle is believed where its manifest is the one that the ledger sealed (`report_issued`), and its report and register
those of the manifest (`netops/report/closed.py`). Whether the figures follow from the inputs is `netops audit verify`'s
question.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence.members import REGISTER, REPORT
from netops.report import closed
from netops.report.named import named

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from netops.ledger import Leaf

STATE = "availability"  # the indicator whose outage minutes are put on the map
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,180}-(20\d\d-(?:0[1-9]|1[0-2]))-r\d{1,6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One promise as judged: `shown` and `target` in percent, as the report shows them; `verdict` one of its words."""

    name: str
    name_en: str
    kind: str
    verdict: str
    shown: str
    target: str
    at_least: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Street:
    """Outage that counts against a carrier in one subdistrict: service time in ms, and of how many services."""

    area: str
    name: str
    name_en: str
    down_ms: int
    services: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """One report of one contract's month. Money is of `currency`, as the report shows it."""

    report: str
    contract: str
    title: str
    month: str
    start_ms: int
    end_ms: int
    revision: int
    leaf: int
    rehearsal: bool
    currency: str
    fees: Decimal
    withheld: Decimal
    kinds: tuple[tuple[str, int], ...]
    promises: tuple[Promise, ...]
    streets: tuple[Street, ...]

    def count(self, verdict: str) -> int:
        """Return how many promises were judged so."""
        return sum(each.verdict == verdict for each in self.promises)


def newest(leaves: Iterable[Leaf]) -> list[Leaf]:
    """Return of each contract's month the `report_issued` leaf of the last revision, in the ledger's order."""
    held: dict[tuple[str, int, int], Leaf] = {}
    for leaf in sorted(leaves, key=lambda each: each.index):
        body: Mapping[str, Any] = leaf.fact.body
        key = (body["contract"], body["start_ms"], body["end_ms"])
        if key not in held or body["revision"] >= held[key].fact.body["revision"]:
            held[key] = leaf
    return sorted(held.values(), key=lambda each: each.index)


def months(leaves: Iterable[Leaf]) -> list[str]:
    """Return the months of which a report was issued, the last one first; by the names that reports have."""
    return sorted(
        {found[1] for leaf in leaves if (found := NAME.fullmatch(str(leaf.fact.body["report"])))}, reverse=True
    )


def of(folder: Path, leaves: Iterable[Leaf], wanted: Collection[str]) -> tuple[list[Closed], dict[str, str]]:
    """Return the closed reports of some months out of the folder of bundles, and by name why one cannot be read.

    What was read is kept: a bundle of thousands of services takes a moment, and does not change.
    """
    made, wrong = [], {}
    for leaf in newest(leaves):
        name = str(leaf.fact.body["report"])
        found = NAME.fullmatch(name)
        if found is None or found[1] not in wanted:
            continue
        path = folder / f"{name}.zip"
        try:
            made.append(_kept(path, path.stat().st_mtime_ns, _seal(leaf)))
        except FileNotFoundError:
            wrong[name] = f"{path.name}: not there; the core writes it, `netops report build` too"
        except (OSError, EvidenceError) as error:
            wrong[name] = str(error)
    return made, wrong


@dataclass(frozen=True, slots=True)
class _Seal:
    """What the ledger says of an issued report: its leaf, and the SHA-256 of its manifest and its `report.json`."""

    leaf: int
    manifest: str
    report: str


def _seal(leaf: Leaf) -> _Seal:
    body = leaf.fact.body
    return _Seal(leaf.index, str(body["manifest_digest"]), str(body["digest"]))


@lru_cache(maxsize=512)
def _kept(path: Path, _changed: int, seal: _Seal) -> Closed:
    """Return the figures of a bundle; EvidenceError when it is not the one that was sealed."""
    report, register = _members(path, seal)
    try:
        return _closed(path.stem, report, register, seal.leaf)
    except (KeyError, TypeError, ValueError, IndexError, ArithmeticError) as error:
        what = "expected a report of this version; build it again with `netops report build`"
        raise EvidenceError(f"{path.name}: report.json is not read here ({error!r}); {what}") from None


def _members(path: Path, seal: _Seal) -> tuple[dict[str, Any], dict[str, Any]]:
    known = closed.members(path, path.stem, manifest=seal.manifest, report=seal.report)
    report, register = (json.loads(closed.member(path, name, known[name])) for name in (REPORT, REGISTER))
    return report, register


def _closed(name: str, report: Mapping[str, Any], register: Mapping[str, Any], leaf: int) -> Closed:
    kinds: dict[str, int] = defaultdict(int)
    for item in report["parts"][-1]["items"]:
        kinds[item["kind"]] += item["services"]
    return Closed(
        report=name,
        contract=report["contract"],
        title=report["title"] or report["contract"],
        month=report["period"]["name"],
        start_ms=report["period"]["start_ms"],
        end_ms=report["period"]["end_ms"],
        revision=report["revision"],
        leaf=leaf,
        rehearsal=report["rehearsal"],
        currency=report["credit"]["currency"],
        fees=Decimal(report["credit"]["fees_shown"]),
        withheld=Decimal(report["credit"]["total"]),
        kinds=tuple(sorted(kinds.items())),
        promises=tuple(_promises(report)),
        streets=tuple(_streets(report, register)),
    )


def _promises(report: Mapping[str, Any]) -> Iterator[Promise]:
    """Yield what the report's first page counts: objectives and coverage of every version that ruled."""
    for part in report["parts"]:
        for item in part["items"]:
            for each in item["objectives"]:
                yield Promise(
                    name=named(item, each, language="zh"),
                    name_en=named(item, each, language="en"),
                    kind=item["kind"],
                    verdict=each["verdict"],
                    shown=each["shown"],
                    target=each["target"],
                    at_least=each["comparison"] == "at_least",
                )
            for each in item.get("coverage", ()):
                yield Promise(
                    name=named(item, each, language="zh"),
                    name_en=named(item, each, language="en"),
                    kind=item["kind"],
                    verdict=each["verdict"],
                    shown=each["whole"]["area_shown"],
                    target=each["whole"]["area_target"],
                    at_least=True,
                )


def _streets(report: Mapping[str, Any], register: Mapping[str, Any]) -> Iterator[Street]:
    """Yield the subdistricts by outage, the most first; of each item its first promise of availability speaks."""
    area_of = {each["id"]: each["area"] for each in register.get("sites", ())}
    placed = {each["id"]: area_of.get(each["site"], "") for each in register.get("services", ())}
    areas = {each["id"]: each for each in register.get("areas", ())}
    down: dict[str, int] = defaultdict(int)
    hit: dict[str, set[str]] = defaultdict(set)
    for part in report["parts"]:
        for item in part["items"]:
            states = [each for each in item["objectives"] if each["indicator"] == STATE]
            for each in states[:1]:
                columns = each["services"]["columns"]
                name, lost = columns.index("service"), columns.index("down_ms")
                for row in each["services"]["rows"]:
                    if row[lost] and placed.get(row[name]):
                        down[placed[row[name]]] += row[lost]
                        hit[placed[row[name]]].add(row[name])
    for area in sorted(down, key=lambda one: (-down[one], one)):
        known = areas.get(area, {})
        zh = known.get("name") or area
        yield Street(
            area=area, name=zh, name_en=known.get("name_en") or zh, down_ms=down[area], services=len(hit[area])
        )
