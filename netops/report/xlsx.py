"""The report as a workbook: every table of it, for whoever wants to sort and sum. The only door of XlsxWriter.

It says what `report.json` and `days.json` say. Whatever text comes in is written as text: nothing becomes a formula, a
link or a number by how it looks. The bytes depend on nothing but the content.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import xlsxwriter

from netops.clock import utc
from netops.evidence import canonical
from netops.report import because, counts, disputed, figures, restated, surfaces, waterfall, witnessing
from netops.report.named import norm
from netops.report.words import LANGUAGES, both, worded
from netops.sla.availability import Tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from zoneinfo import ZoneInfo

MEMBER = "report.xlsx"
MOST_ROWS = 1_000_000  # a sheet holds 1,048,576; what is over goes on in a next one
MOST_CHARACTERS = 32_767
CUT = " […]"
MINUTE_MS = 60_000
BUCKETS = tuple(Tally.__dataclass_fields__)
OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
# The container stamps nothing else; a fixed date, since the same content must be the same bytes.
CREATED = datetime(1980, 1, 1, tzinfo=UTC).replace(tzinfo=None)
Cell = str | int | Decimal | None


def book(report: Mapping[str, Any], days: Mapping[str, Any], tz: ZoneInfo) -> bytes:
    """Return the workbook's bytes. Times are of the contract's zone, `tz`; lengths are minutes."""
    held = io.BytesIO()
    with xlsxwriter.Workbook(held, OPTIONS) as made:
        made.set_properties({"title": f"{report['contract']} {report['period']['name']}", "created": CREATED})
        sheets = _Sheets(made, both("rehearsal") if report["rehearsal"] else "")
        tables = _Tables(report, days, tz)
        sheets.add("summary", ("", ""), tables.summary())
        sheets.add("objectives", OBJECTIVES, tables.objectives())
        sheets.add("services", SERVICES, tables.services())
        sheets.add("outages", OUTAGES, tables.outages())
        sheets.add("exclusions", EXCLUSIONS, tables.exclusions())
        sheets.add("deductions", DEDUCTIONS, tables.deductions())
        sheets.add("days", DAYS, tables.days())
        if "corrections" in report:
            sheets.add("corrections", CORRECTIONS, tables.corrections())
        if "objections" in report:
            sheets.add("objections", disputed.SHEET, disputed.sheet(report, tz))
        if "late_samples" in report:
            sheets.add("late_samples", LATE, tables.late())
        if surfaces.found(report):
            sheets.add("coverage", surfaces.SHEET, surfaces.sheet(report, tz))
    return held.getvalue()


WHICH = ("version", "item", "objective")
OBJECTIVES = (
    *WHICH,
    *("target", "value", "lower", "upper", "not_measured", "verdict", "because", "remark", "credit", "exact"),
    *BUCKETS,
    *("hli", "chli", "norm"),
)
SERVICES = (*WHICH, "service", "contracted", *BUCKETS, "value", "verdict", "incidents", "own_percent")
OUTAGES = (*WHICH, "service", "from", "to", "minutes", "cause", "because", "censored")
EXCLUSIONS = (
    *WHICH,
    *("claim", "class", "from", "to", "noticed", "named", "reason", "by", "effect", "approver", "leaf"),
    *("asked", "given", "given_down"),
)
DEDUCTIONS = ("kind", "version", "item", "objective", "percent", "amount", "left")
DAYS = (*WHICH, "day", *BUCKETS)
CORRECTIONS = ("hour", "reason", "said_by", "recorded", "correction", "stated")
LATE = ("hour", "samples", "services_late", "seen_from", "recorded", "late_leaf", "refused")
WIDE = {"remark": 40, "because": 28, "reason": 40, "exact": 28, "from": 20, "to": 20, "noticed": 20, "item": 18}


class _Sheets:
    """The sheets of one workbook: a bold, frozen head, a filter, text as text."""

    def __init__(self, made: xlsxwriter.Workbook, banner: str) -> None:
        self._made, self._banner = made, banner
        self._head = made.add_format({"bold": True, "text_wrap": True, "valign": "top", "bg_color": "#E8EDF3"})
        self._minutes = made.add_format({"num_format": "#,##0.0"})
        self._money = made.add_format({"num_format": "#,##0.00"})

    def add(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
        """Write one table; one too long for a sheet goes on in `name 2`, and so on."""
        sheet, at, number = self._begin(both(name), columns), 1, 1
        for row in rows:
            if at > MOST_ROWS:
                number += 1
                sheet, at = self._begin(f"{both(name)} {number}", columns), 1
            for column, cell in enumerate(row):
                self._write(sheet, at, column, cell)
            at += 1
        if self._banner and name == "summary":
            sheet.write_string(at, 0, self._banner, self._head)

    def _begin(self, title: str, columns: Sequence[str]) -> Any:
        sheet = self._made.add_worksheet(title)
        for column, name in enumerate(columns):
            sheet.write_string(0, column, both(name) if name else "", self._head)
            sheet.set_column(column, column, WIDE.get(name, 14 if name else 36))
        sheet.freeze_panes(1, 0)
        if columns[0]:
            sheet.autofilter(0, 0, 0, len(columns) - 1)
        return sheet

    def _write(self, sheet: Any, row: int, column: int, cell: Cell) -> None:
        if cell is None or cell == "":
            return
        if isinstance(cell, str):
            text = cell if len(cell) <= MOST_CHARACTERS else cell[: MOST_CHARACTERS - len(CUT)] + CUT
            sheet.write_string(row, column, text)
        elif isinstance(cell, Decimal):
            sheet.write_number(row, column, cell, self._money if cell.as_tuple().exponent else None)
        else:
            sheet.write_number(row, column, cell / MINUTE_MS, self._minutes)


class _Tables:
    """The rows of each sheet. An `int` cell is milliseconds, shown as minutes; a `Decimal` is money or a number."""

    def __init__(self, report: Mapping[str, Any], days: Mapping[str, Any], tz: ZoneInfo) -> None:
        self._report, self._days, self._tz = report, days, tz
        self._counted = {which for which, _, each in self._all() if each["indicator"] in counts.INDICATORS}

    def summary(self) -> Iterator[Sequence[Cell]]:
        report = self._report
        credit = report["credit"]
        yield both("title"), str(report["title"])
        yield both("contract"), str(report["contract"])
        yield both("carrier_name"), str(report["carrier"])
        yield both("period"), f"{report['period']['name']} ({report['timezone']})"
        yield both("revision"), str(report["revision"])
        yield both("currency"), str(credit["currency"])
        yield both("fees"), Decimal(credit["fees_shown"])
        yield both("credit"), Decimal(credit["total"])
        yield both("payable"), Decimal(credit["fees_shown"]) - Decimal(credit["total"])
        for which, _, each in self._all():
            yield " / ".join(which), f"{both(each['verdict'])}: {counts.figure(each)} ({_promise(each)})"
        for part, item, each in surfaces.found(report):
            which = (part["version"], item["title"] or item["item"], each["title"] or each["objective"])
            yield " / ".join(which), f"{both('coverage')}: {both(each['verdict'])}"
        for language in LANGUAGES:
            yield both("witnessing"), " ".join(witnessing.sentences(report, self._tz, language))
        if "passed_over" in report:
            yield worded("passed_over"), figures.runs(report["passed_over"])
        yield both("digest"), canonical.digest(canonical.dumps(report))

    def objectives(self) -> Iterator[Sequence[Cell]]:
        for which, item, each in self._all():
            owed = Decimal(item["credit"]["amount"]) if item["credit"]["objective"] == each["objective"] else None
            shown = (_promise(each), *(each[name] for name in ("shown", "lower_shown", "upper_shown", "unknown_shown")))
            why = (because.both(each["because"]), because.both(each["remark"]))
            said = (both(each["verdict"]), *why, owed, each["value"])
            sums = self._lengths(which, (each["tally"][f"{name}_ms"] for name in BUCKETS))
            lossy = (Decimal(each["high_loss"][name]) if "high_loss" in each else None for name in ("hli", "chli"))
            yield *which, *shown, *said, *sums, *lossy, norm(each["indicator"])

    def services(self) -> Iterator[Sequence[Cell]]:
        for which, _, each in self._all():
            columns = each["services"]["columns"]
            fell: dict[str, int] = {}
            for row in each["incidents"]["rows"]:
                fell[row[0]] = fell.get(row[0], 0) + 1
            owes = dict(each.get("objects", {"rows": ()})["rows"])
            for row in each["services"]["rows"]:
                told = dict(zip(columns, row, strict=True))
                sums = self._lengths(which, (told[f"{name}_ms"] for name in BUCKETS))
                yield (
                    *(*which, told["service"], told["contracted_ms"], *sums),
                    *(told["shown"], both(told["verdict"]), Decimal(fell.get(told["service"], 0))),
                    waterfall.shown(owes.get(told["service"], "")),
                )

    def outages(self) -> Iterator[Sequence[Cell]]:
        for which, _, each in self._all():
            for service, start, end, cause, why, censored in each["incidents"]["rows"]:
                said = (worded(cause), because.both(why), "≥" if censored else "")
                seen = (self._at(start), self._at(end), end - start, *said)
                yield *which, service, *seen

    def exclusions(self) -> Iterator[Sequence[Cell]]:
        found = self._excused()
        for which, _, each in self._all():
            rows = {(row[0], row[1]): row[2:] for row in found[which]}
            for claim in each["exclusions"]:
                asked, *given = rows.pop((claim["claim"], ""), (0, 0, 0, 0))
                decided = self._days["decisions"].get(claim["claim"])
                window = (self._at(claim["start_ms"]), self._at(claim["end_ms"]), self._at(claim["noticed_ms"]))
                who = (f"{decided['by']} ({worded(decided['role'])})", str(decided["leaf"])) if decided else ("", "")
                named = ", ".join(claim["services"]) or both("all")
                said = (claim["reason"], claim["by"], both(claim["effect"]), *who)
                yield (
                    *(*which, claim["claim"], because.class_title(each, claim["class"]), *window, named, *said),
                    *(asked, sum(given), given[1]),
                )
            for (_, why), (_, *given) in rows.items():
                blank = ("",) * 5
                yield *which, "", worded(why), *blank, "", "", both("no_claim"), "", "", None, sum(given), given[1]

    def deductions(self) -> Iterator[Sequence[Cell]]:
        for step in waterfall.steps(self._report):
            yield both(step.kind), step.version, step.item, step.objective, step.percent, step.amount, step.left

    def days(self) -> Iterator[Sequence[Cell]]:
        for part in self._days["parts"]:
            for item in part["items"]:
                for each in item["objectives"]:
                    for row in each["days"]["rows"]:
                        which = (part["version"], item["item"], each["objective"])
                        yield *which, row[0], *self._lengths(which, row[1:])

    def corrections(self) -> Iterator[Sequence[Cell]]:
        """Return the hours that were stated again; `correction` and `stated` are leaves."""
        for each in self._report["corrections"]:
            stated = figures.runs(each["stated"])
            if "refused" in each:
                stated = f"{both('refused')} #{each['refused']}: {each['because']}"
            yield [
                self._at(each["start_ms"]),
                each["reason"],
                each["by"],
                self._at(each["known_ms"]),
                Decimal(each["leaf"]),
                stated,
            ]

    def late(self) -> Iterator[Sequence[Cell]]:
        """Return the hours whose late samples are in no statement; `leaf` and `refused` are leaves."""
        for each in self._report["late_samples"]["rows"]:
            yield [
                self._at(each["start_ms"]),
                Decimal(each["samples"]),
                Decimal(each["services"]),
                restated.vantages(each),
                self._at(each["known_ms"]),
                Decimal(each["leaf"]),
                Decimal(each["refused"]) if "refused" in each else None,
            ]

    def _lengths(self, which: tuple[str, str, str], given: Iterable[int]) -> Iterator[Cell]:
        """Return times as they are, and counts (one stands as a millisecond) as numbers."""
        return (Decimal(each) if which in self._counted else each for each in given)

    def _all(self) -> Iterator[tuple[tuple[str, str, str], Mapping[str, Any], Mapping[str, Any]]]:
        for part in self._report["parts"]:
            for item in part["items"]:
                for each in item["objectives"]:
                    yield (part["version"], item["item"], each["objective"]), item, each

    def _excused(self) -> dict[tuple[str, str, str], list[list[Any]]]:
        return {
            (part["version"], item["item"], each["objective"]): each["excused"]["rows"]
            for part in self._days["parts"]
            for item in part["items"]
            for each in item["objectives"]
        }

    def _at(self, at_ms: int) -> str:
        return utc(at_ms).astimezone(self._tz).isoformat(sep=" ", timespec="seconds")


def _promise(each: Mapping[str, Any]) -> str:
    return f"{'≥' if each['comparison'] == 'at_least' else '≤'} {each['target']} %"
