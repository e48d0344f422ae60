"""What the paper says, in one language: ready texts and lengths for the template, of `report.json` and `days.json`.

The first page answers what was promised, what was measured, the verdict, and what is owed. Long tables stay in the
workbook; the paper says how many lines it left there. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING, Any

from netops.clock import utc
from netops.evidence import canonical
from netops.report import because, counts, disputed, figures, restated, surfaces, waterfall, witnessing
from netops.report.days import BUCKETS
from netops.report.named import named
from netops.report.words import WORDS, say, worded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from netops.report.parties import Parties
    from netops.report.words import Language

MOST_OBJECTIVES, MOST_CALENDARS, MOST_CLAIMS, MOST_CAUSES = 10, 24, 60, 20
VERIFY = "python3 verify.py BUNDLE --vkey FILE"
LEAST = 50_000  # of a day's bar, in millionths: what there was at all must be seen
HOUR_MS = 3_600_000
WORST = ("missed", "not_determinable", "met")


@dataclass(frozen=True, slots=True)
class _Line:
    """One objective of the report with the days that stand beside it."""

    version: str
    item: Mapping[str, Any]
    objective: Mapping[str, Any]
    days: Mapping[str, Any]

    @property
    def name(self) -> str:
        """As the contract titles it."""
        return named(self.item, self.objective)

    @property
    def owes(self) -> bool:
        """Whether this is the objective that its item's deduction is for."""
        return bool(self.item["credit"]["objective"] == self.objective["objective"])

    def counts(self, *, outages: bool = False) -> bool:
        """Whether its figures, or the lengths of its outages, are counts and not times."""
        return self.objective["indicator"] in (counts.OUTAGES if outages else counts.INDICATORS)


def content(
    report: Mapping[str, Any], days: Mapping[str, Any], tz: ZoneInfo, language: Language, *, parties: Parties
) -> dict[str, Any]:
    """Return what the template sets: texts, and shares in millionths where it draws."""
    lines = list(_lines(report, days))
    told = _Told(report, days, tz, language, lines, parties=parties)
    return {
        "lang": language,
        "rehearsal": told.say("rehearsal") if report["rehearsal"] else "",
        "head": told.head(),
        "verdict": told.verdict(),
        "promises": told.promises(),
        "coverage": surfaces.content(report, tz, language, parties),
        "waterfall": told.waterfall(),
        "calendars": told.calendars(),
        "times": told.times(),
        "changes": told.changes(),
        "corrections": restated.section(report, tz, language),
        "objections": disputed.section(report, tz, language),
        "late_samples": restated.late(report, tz, language),
        "claims": told.claims(),
        "causes": told.causes(),
        "end": told.end(),
    }


def _lines(report: Mapping[str, Any], days: Mapping[str, Any]) -> Iterator[_Line]:
    beside = {
        (part["version"], item["item"], each["objective"]): each
        for part in days["parts"]
        for item in part["items"]
        for each in item["objectives"]
    }
    for part in report["parts"]:
        for item in part["items"]:
            for each in item["objectives"]:
                yield _Line(part["version"], item, each, beside[part["version"], item["item"], each["objective"]])


class _Told:
    """The sections, each with its heading, its sentences and its rows."""

    def __init__(
        self,
        report: Mapping[str, Any],
        days: Mapping[str, Any],
        tz: ZoneInfo,
        language: Language,
        lines: Sequence[_Line],
        *,
        parties: Parties,
    ) -> None:
        self._report, self._days, self._tz, self._language, self._lines = report, days, tz, language, lines
        self._parties = parties
        self._several = len(report["parts"]) > 1

    def say(self, word: str) -> str:
        return say(word, self._language)

    def head(self) -> dict[str, Any]:
        report = self._report
        period = report["period"]
        named = [
            (self.say("contract"), f"{report['title']} ({report['contract']})"),
            (self.say("carrier_name"), self._parties.named(self._language)),
            (self.say("period"), f"{self._day(period['start_ms'])} – {self._day(period['end_ms'] - 1)}"),
            (self.say("revision"), str(report["revision"])),
        ]
        return {"title": f"{self.say('title')} {period['name']}", "named": named}

    def verdict(self) -> dict[str, str]:
        """Return what a reader in a hurry takes away, and how the carrier may answer."""
        verdicts = [each.objective["verdict"] for each in self._lines]
        verdicts += [each["verdict"] for _, _, each in surfaces.found(self._report)]
        counts = {word: verdicts.count(word) for word in WORST}
        credit = self._report["credit"]
        worst = next((word for word in WORST if counts[word]), "met")
        words = "kept" if worst == "met" else worst
        more = counts["not_determinable"]
        if worst == "missed" and more:
            words = "missed_and_more"
        owed = "owed" if Decimal(credit["total"]) else "nothing_owed"
        return {
            "kind": worst,
            "promises": self.say(f"says_{words}").format(n=counts[worst], all=len(verdicts), more=more),
            "owed": self.say(f"says_{owed}").format(
                total=figures.money(credit["total"]),
                fees=figures.money(credit["fees_shown"]),
                currency=credit["currency"],
            ),
            "object": self.say("says_object").format(days=self._parties.objection_days),
        }

    def promises(self) -> dict[str, Any]:
        ordered = sorted(self._lines, key=lambda each: (not each.owes, WORST.index(each.objective["verdict"])))
        shown = ordered[:MOST_OBJECTIVES]
        words = ("objective", "target", "value", "bounds", "not_measured", "verdict", "credit")
        rows = [
            [
                self._name(each),
                f"{'≥' if each.objective['comparison'] == 'at_least' else '≤'} {each.objective['target']} %",
                counts.figure(each.objective),
                f"{figures.short(each.objective['lower_shown'])} – {figures.short(each.objective['upper_shown'])} %",
                f"{figures.short(each.objective['unknown_shown'])} %",
                [each.objective["verdict"], self.say(each.objective["verdict"])],
                figures.money(each.item["credit"]["amount"]) if each.owes else "",
            ]
            for each in shown
        ]
        return {
            "title": self.say("promises"),
            "head": [self.say(each) for each in words],
            "rows": rows,
            "rest": self._rest(len(ordered) - len(shown)),
            "note": self.say("bounds_note"),
        }

    def waterfall(self) -> dict[str, Any]:
        """Return the bars, from `low` to `high`, in millionths of the widest."""
        steps = waterfall.steps(self._report)
        most = max((step.left for step in steps), default=Decimal(0)) or Decimal(1)
        rows = []
        for step in steps:
            fixed = step.kind in {"fees", "payable"}
            low, high = (Decimal(0), step.left) if fixed else sorted((step.left, step.left - step.amount))
            share = f"{step.percent} %" if step.percent else ""
            item = "" if step.objective.startswith(step.item) else step.item
            about = ", ".join(each for each in (item, step.objective, share) if each)
            rows.append(
                {
                    "kind": step.kind,
                    "label": self.say(step.kind),
                    "about": about,
                    "amount": figures.money(str(step.amount)),
                    "low": figures.millionths(low, most),
                    "high": figures.millionths(high, most),
                }
            )
        return {"title": self.say("waterfall"), "currency": self._report["credit"]["currency"], "rows": rows}

    def calendars(self) -> dict[str, Any]:
        shown = self._lines[:MOST_CALENDARS]
        return {
            "title": self.say("calendar"),
            "note": self.say("calendar_note"),
            "legend": [(kind, self.say(f"day_{kind}")) for kind in ("up", "down", "unknown", "excluded")],
            "weekdays": self.say("weekdays").split(),
            "all": [{"name": self._name(each), "months": list(self._months(each))} for each in shown],
            "rest": self._rest(len(self._lines) - len(shown)),
        }

    def _months(self, line: _Line) -> Iterator[dict[str, Any]]:
        rows = [
            (date.fromisoformat(row[0]), dict(zip(BUCKETS, row[1:], strict=True))) for row in line.days["days"]["rows"]
        ]
        for (year, month), found in groupby(rows, key=lambda each: (each[0].year, each[0].month)):
            listed = list(found)
            yield {
                "name": f"{year}-{month:02}",
                "before": listed[0][0].weekday(),
                "days": [_day(on.day, sums) for on, sums in listed],
            }

    def times(self) -> dict[str, Any]:
        """Return where the contracted time went: each objective's judged time, bucket by bucket."""
        words = ("objective", "judged", "day_up", "day_down", "day_unknown", "day_excluded")
        rows = []
        for each in self._lines[:MOST_CALENDARS]:
            tally = each.objective["tally"]
            out = sum(tally[f"excluded_{name}_ms"] for name in ("up", "down", "unknown"))
            parts = [tally["up_ms"], tally["down_ms"], tally["unknown_ms"], out]
            rows.append([self._name(each), *(self._length(each, part) for part in (sum(parts), *parts))])
        note = self.say("times_note") if any(each.counts() for each in self._lines[:MOST_CALENDARS]) else ""
        return {"title": self.say("times"), "head": [self.say(each) for each in words], "rows": rows, "note": note}

    def changes(self) -> dict[str, Any]:
        """Return what this revision changed of the one that it replaces: by which fact how much, then which time."""
        found = self._report.get("difference")
        if not found:
            return {}
        about = {"n": found["revision"], "leaf": found["leaf"], "currency": self._report["credit"]["currency"]}
        if found["because"]:
            said = self.say("changes_unread").format(**about, because=because.said(found["because"], self._language))
            return {"title": self.say("changes"), "said": said, "tables": [], "rest": ""}
        money = {name: figures.money(found[name]) for name in ("before", "after", "change")}
        steps = [
            [because.said(matter, self._language), figures.runs(leaves), *(figures.money(each) for each in amounts)]
            for matter, leaves, *amounts in found["steps"]["rows"]
        ]
        spans = [
            [
                f"{item}/{objective}",
                f"{self._minute(start)} – {self._minute(end)}",
                self._bucket(was),
                self._bucket(now),
                f"{len(services):,}",
                figures.runs(leaves),
            ]
            for item, objective, start, end, was, now, services, leaves in found["intervals"]["rows"]
        ]
        return {
            "title": self.say("changes"),
            "said": self.say("changes_said").format(**about, **money),
            "tables": [
                {"head": [self.say(each) for each in ("matter", "leaves", "before", "after", "change")], "rows": steps},
                {
                    "head": [self.say(each) for each in ("objective", "window", "before", "after", "count", "leaves")],
                    "rows": spans[:MOST_CLAIMS],
                },
            ],
            "rest": self._rest(found["intervals_more"] + max(len(spans) - MOST_CLAIMS, 0)),
        }

    def _bucket(self, name: str) -> str:
        """Return a bucket's word; excused time is one word, whatever it was."""
        word = f"day_{'excluded' if name.startswith('excluded') else name}"
        return self.say(word) if word in WORDS else self.say("not_judged")

    def claims(self) -> dict[str, Any]:
        """Return what was claimed, by whom and why, beside what was given, by whose decision; once for each item."""
        rows = []
        for _, found in groupby(self._lines, key=lambda each: (each.version, each.item["item"])):
            listed = list(found)
            line = next((each for each in listed if each.owes), listed[0])
            rows += list(self._claimed(line))
        shown = rows[:MOST_CLAIMS]
        words = ("claim", "window", "reason", "by", "asked_short", "approver", "given_short", "effect")
        return {
            "title": self.say("claims"),
            "note": self.say("claims_note"),
            "head": [self.say(each) for each in words],
            "rows": shown,
            "none": "" if rows else self.say("none"),
            "rest": self._rest(len(rows) - len(shown)),
        }

    def _claimed(self, line: _Line) -> Iterator[list[str]]:
        sums = {(row[0], row[1]): row[2:] for row in line.days["excused"]["rows"]}
        for claim in line.objective["exclusions"]:
            asked, *given = sums.pop((claim["claim"], ""), (0, 0, 0, 0))
            if claim["services"] and not asked:
                continue  # it names services of other items
            decided = self._days["decisions"].get(claim["claim"])
            title = because.class_title(line.objective, claim["class"])
            yield [
                f"{claim['claim']} ({title}), {line.item['title'] or line.item['item']}",
                f"{self._minute(claim['start_ms'])} – {self._minute(claim['end_ms'])}",
                claim["reason"],
                claim["by"],
                self._length(line, asked),
                f"{decided['by']} ({worded(decided['role'], self._language)}), #{decided['leaf']}" if decided else "—",
                self._length(line, sum(given)),
                self.say(claim["effect"]),
            ]
        for (_, why), (_, *given) in sums.items():
            name = line.item["title"] or line.item["item"]
            about = f"{worded(why, self._language)}, {name}"
            yield [about, "", self.say("no_claim"), "", "", "", self._length(line, sum(given)), ""]

    def causes(self) -> dict[str, Any]:
        found = [
            [self._name(each), row[0], row[1], row[2], row[3], row[4], each]
            for each in self._lines
            for row in each.objective["causes"]["rows"]
        ]
        found.sort(key=lambda row: -row[5])
        words = ("objective", "cause", "because", "incidents", "count", "day_down")
        rows = [
            [name, *self._why(cause, why), f"{many:,}", f"{services:,}", self._length(line, down, outages=True)]
            for name, cause, why, many, services, down, line in found[:MOST_CAUSES]
        ]
        return {
            "title": self.say("causes"),
            "head": [self.say(each) for each in words],
            "rows": rows,
            "none": "" if rows else self.say("none"),
            "rest": self._rest(len(found) - len(rows)),
        }

    def end(self) -> dict[str, Any]:
        report = self._report
        seen, void = report["seen"], report.get("passed_over", ())
        listed = [
            (self.say("digest"), canonical.digest(canonical.dumps(report))),
            *((worded(f"of_{name}", self._language), value) for name, value in sorted(report["digests"].items())),
            *(
                (f"{self.say('version')} {each['version']}", f"{each['digest']} #{each['leaf']}")
                for each in report["versions"]
            ),
            *((self.say("key"), each) for each in self._parties.keys),
        ]
        sight = self.say("sight").format(hours=seen["hours"], missing=seen["hours_missing"])
        return {
            "title": self.say("proof"),
            "sight": sight,
            "witnessing": " ".join(witnessing.sentences(report, self._tz, self._language)),
            "passed_over": f"{worded('passed_over', self._language)}: {figures.runs(void)}" if void else "",
            "note": f"{self.say('proof_note')} {VERIFY}",
            "digests": listed,
        }

    def _why(self, cause: str, why: str) -> tuple[str, str]:
        return worded(cause, self._language), because.said(why, self._language)

    def _name(self, line: _Line) -> str:
        return f"{line.name} ({line.version})" if self._several else line.name

    def _rest(self, left: int) -> str:
        return self.say("rest").format(n=left) if left > 0 else ""

    def _length(self, line: _Line, given_ms: int, *, outages: bool = False) -> str:
        if line.counts(outages=outages):
            return f"{given_ms:,}{counts.unit(line.objective)}"
        tenths = given_ms * 10 // HOUR_MS
        if given_ms and not tenths:
            return f"{given_ms / 60_000:.1f} min"
        return f"{tenths // 10:,}.{tenths % 10} h"

    def _day(self, at_ms: int) -> str:
        return utc(at_ms).astimezone(self._tz).date().isoformat()

    def _minute(self, at_ms: int) -> str:
        return utc(at_ms).astimezone(self._tz).strftime("%m-%d %H:%M")


def _day(number: int, sums: Mapping[str, int]) -> dict[str, Any]:
    """Return a day's cell: its figure (of seen time, rounded down) and its four shares in millionths."""
    out = sums["excluded_up"] + sums["excluded_down"] + sums["excluded_unknown"]
    parts = {"up": sums["up"], "down": sums["down"], "unknown": sums["unknown"], "excluded": out}
    whole = sum(parts.values())
    seen = sums["up"] + sums["down"]
    figure = ""
    if seen:
        hundredths = sums["up"] * 10_000 // seen
        figure = f"{hundredths // 100}.{hundredths % 100:02}" if hundredths < 10_000 else "100"
    return {
        "day": number,
        "figure": figure,
        "shares": [[kind, max(part * 1_000_000 // whole, LEAST)] for kind, part in parts.items() if part],
    }
