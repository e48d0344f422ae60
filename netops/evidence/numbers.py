"""Every number of a report anew: items, objectives, services, credits.

Part of the second implementation (`verifier.py`). Numbers in brackets are rules of `docs/explanation/sla.md`.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence import surface
from netops.evidence.derived import GOOD, REPAIR, REPEAT, figure_of
from netops.evidence.figures import (
    SUMS,
    Service,
    against,
    aggregated,
    attended,
    because_of,
    credited,
    exact,
    high_loss,
    limited,
    money,
    outcome_of,
    owed,
    ratio_of,
    remark_of,
    shown,
    written,
)
from netops.evidence.hours import service_hours
from netops.evidence.lines import cut, length, merged
from netops.evidence.members import REPORT
from netops.evidence.seen import after, counts, spent, stream_of, unattended
from netops.evidence.stated import HOUR
from netops.evidence.tickets import reported

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netops.evidence.lines import Line, Span
    from netops.evidence.rulings import Rulings
    from netops.evidence.seen import Seen
    from netops.evidence.stated import Stated


class Numbers:
    """One bundle's numbers."""

    def __init__(self, leaves: Stated, rulings: Rulings, seen: Seen, signs: Mapping[str, str] | None = None) -> None:
        self.leaves, self.rulings, self.seen = leaves, rulings, seen
        self.signs = signs or {}
        self.streams: dict[str, Seen] = {"": seen}
        self.period, self.zone = rulings.period, rulings.zone
        self.cost = 0
        self.calendar, self.carrier = "", ""  # of the version whose part is being told
        self.cuts: dict[tuple[str, str], dict[str, dict[str, list[Span]]]] = {}  # item, objective → service → buckets

    def part(self, version: Mapping[str, Any], start: int, end: int) -> dict[str, Any]:
        """Return what one version comes to over its part of the period."""
        self.calendar, self.carrier = version.get("calendar", ""), version["carrier"]
        items = [self._item(item, (start, end), version["version"]) for item in version["items"]]
        sold = {item["id"] for item in version["items"]}
        stray = [
            service
            for service, (item, _) in sorted(self.seen.sold.items())
            if item not in sold and cut([(start, end)], self.seen.contracted[service], keep=(True, True))
        ]
        return {
            "version": version["version"],
            "start_ms": start,
            "end_ms": end,
            "unassigned": stray,
            "items": items,
        }

    def _item(self, item: Mapping[str, Any], window: Span, version: str) -> dict[str, Any]:
        spans = {
            service: cut([window], self.seen.contracted[service], keep=(True, True))
            for service, (name, _) in sorted(self.seen.sold.items())
            if name == item["id"]
        }
        spans = {service: each for service, each in spans.items() if each}
        found = [
            self._objective(item, objective, spans, window, self._good(version, item["id"], objective))
            for objective in item["objectives"]
        ]
        surfaces = surface.promised(
            self.leaves,
            item,
            carrier=self.carrier,
            at=window[1],
            month=(self.period[0], self.zone),
            whole=(*self.period, self.rulings.report["contract"]),
            told_in=self.rulings.report["format"],
        )
        contracted = sum(map(length, spans.values()))
        due = exact(item["fee"]) * contracted / (self.period[1] - self.period[0])
        return {
            "item": item["id"],
            "title": item["title"],
            "kind": item["kind"],
            "fee": item["fee"],
            "services": len(spans),
            "contracted_ms": contracted,
            "fee_due": written(due),
            "objectives": [each for each, _ in found],
            **({"coverage": surfaces} if surfaces else {}),
            "credit": _item_credit(item, [*found, *((each, {}) for each in surfaces)], due),
        }

    def _objective(
        self,
        item: Mapping[str, Any],
        objective: Mapping[str, Any],
        spans: Mapping[str, list[Span]],
        window: Span,
        good: str,
    ) -> tuple[dict[str, Any], dict[str, list[Span]]]:
        """Return an objective's figures, and, where the item asks for it, the instants each service lowers them by."""
        rules = objective["rules"]
        claims = self.leaves.claims(rules, self.period)
        counting = counts(objective)
        figure = figure_of(objective)
        sight = self._sight(objective, good)
        self.cost = spent(self.cost, sight, f"{item['id']}/{objective['id']}")
        services = self._services(sight, rules, claims, spans, window, covered=counting, figure=figure)
        self._cut((item["id"], objective["id"]), services)
        found, sums = aggregated([(each, self.seen.sold[name][1]) for name, each in services.items()], rules)
        own = {name: ratio_of(each.sums, rules) for name, each in services.items()}
        unseen = Fraction(0)
        if unattended(objective) or (figure is not None and figure[0] in {REPAIR, REPEAT}):
            unseen, own_unseen = self._unseen(rules, claims, spans, window)
            found = attended(found, unseen, rules)
            own = {name: attended(each, own_unseen[name], rules) for name, each in own.items()}
        verdict = outcome_of(found, objective)
        asked = f"{item['id']}/{objective['id']}", self.period[0], self.zone
        before = self.leaves.breaches(*asked)
        contracted = {name: length(each) for name, each in spans.items()}
        by_object: dict[str, Any] = {}
        if objective["credits"].get("per", "item") == "item":
            percent = _owed(found, objective, before)
        else:
            alone = self.leaves.breaches_of(*asked) if objective["credits"]["escalate_after"] else {}
            percent, by_object = _owed_by_object(found, own, objective, contracted, alone)
        told = {
            "objective": objective["id"],
            **{key: objective[key] for key in ("title", "indicator", "target", "comparison", "rules", "credits")},
            **({"good": f"{good} {objective['threshold']}"} if good else {}),
            "breaches_before": before,
            "credit_percent": written(percent),
            **by_object,
            "verdict": verdict,
            "because": because_of(found, rules),
            "remark": "" if unseen else remark_of(found, verdict, objective),
            **_figures(found),
            "tally": {f"{name}_ms": sums[name] for name in SUMS},
            **_tables(services, own, objective, contracted),
            **high_loss(services, rules),
            "exclusions": claims,
        }
        if item.get("double_credit", "dearest") != "by_minute":
            services = {}
        return told, {name: against(each, rules) for name, each in services.items()}

    def _cut(self, name: tuple[str, str], services: Mapping[str, Service]) -> None:
        """Keep the judged instants of each service by bucket, over all parts of the period."""
        held = self.cuts.setdefault(name, {})
        for service, each in services.items():
            before = held.get(service)
            if before is None:
                held[service] = {bucket: spans for bucket, spans in each.joined.items() if spans}
                continue
            both = {*before, *(bucket for bucket, spans in each.joined.items() if spans)}
            held[service] = {b: merged([*before.get(b, ()), *each.joined[b]]) for b in sorted(both)}

    def _good(self, version: str, item: str, objective: Mapping[str, Any]) -> str:
        """Return `<=` or `>=`: on which side of its threshold a slot is good; empty for availability.

        A contract states the number, the catalogue the side; so the report must say it, and the hours were sealed so.
        """
        if objective["indicator"] in {"availability", *GOOD}:
            return GOOD.get(objective["indicator"], "")
        name = f"version {version} {item}/{objective['id']}"
        sign, other = self.signs.get(name, ""), {"<=": ">=", ">=": "<="}
        if sign not in other:
            raise EvidenceError(f"{REPORT}: {name}: says not on which side of its threshold a slot is good")
        sealed = {body.get("stream", "") for body in self.leaves.bodies("availability_hour")}
        if stream_of(objective, other[sign]) in sealed:
            raise EvidenceError(f"{REPORT}: {name}: its hours were sealed as good where {other[sign]}, not {sign}")
        return sign

    def _sight(self, objective: Mapping[str, Any], good: str) -> Seen:
        name = stream_of(objective, good) if good and objective["indicator"] not in GOOD else ""
        if name not in self.streams:
            self.streams[name] = self.seen.of(name)
        return self.streams[name]

    def _services(
        self,
        seen: Seen,
        rules: Mapping[str, Any],
        claims: Sequence[Mapping[str, Any]],
        spans: Mapping[str, list[Span]],
        window: Span,
        *,
        covered: bool = False,
        figure: tuple[str, Fraction] | None = None,
        by_ruling: bool = True,
    ) -> dict[str, Service]:
        """Return each service's share; `covered`: only where its history tells anything is judged."""
        by = (self.zone, self.rulings.days, self.calendar)
        open_ = service_hours(rules["hours"], window, *by) if rules["hours"] else [window]
        excused: dict[str, list[Span]] = {}
        for each in claims:
            if each["effect"].startswith("in_force"):
                for service in each["services"] or ("*",):
                    excused.setdefault(service, []).append((each["start_ms"], each["end_ms"]))
        lines: dict[Any, Line] = {}
        done: dict[Any, Service] = {}
        made = {}
        for_all = excused.pop("*", [])
        by_ticket = figure is not None and rules.get("repair_from", "outage") == "report"
        by_report = reported(self.leaves) if by_ticket else None
        for service, mine in spans.items():
            history, own = seen.histories[service], excused.get(service, ())
            said = [each for each in self.leaves.rulings if each.service in {"", service}] if by_ruling else []
            reports = None if by_report is None else by_report.get(service, [])
            key = (
                history,
                tuple(mine),
                tuple(own),
                tuple(each.index for each in said),
                tuple(reports or ()),
            )  # what excuses all tells none apart
            if key not in done:
                if history not in lines:
                    lines[history] = seen.line(history, rules)
                judged = cut(mine, open_, keep=(True, True))
                if covered:
                    judged = cut(judged, seen.covered(history), keep=(True, True))
                share = Fraction(length(mine), self.period[1] - self.period[0])
                own_figure = None if figure is None else (*figure, share)
                line = after(lines[history], said, rules) if said else lines[history]
                done[key] = Service(line, judged, merged([*for_all, *own]), rules, own_figure, tickets=reports)
            made[service] = done[key]
        return made

    def _unseen(
        self,
        rules: Mapping[str, Any],
        claims: Sequence[Mapping[str, Any]],
        spans: Mapping[str, list[Span]],
        window: Span,
    ) -> tuple[Fraction, dict[str, Fraction]]:
        """Return the share of the time in which nobody was there to count, of all services and of each [3]."""
        services = self._services(self.seen, rules, claims, spans, window, by_ruling=False)
        together = {name: sum(each.sums[name] for each in services.values()) for name in SUMS}
        alone = {name: ratio_of(each.sums, rules)["share"] for name, each in services.items()}
        return ratio_of(together, rules)["share"], alone

    def credit(self, parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return what is owed in sum [11]."""
        last = self.rulings.rulings()[-1][0]
        items = [item for part in parts for item in part["items"]]
        fees = sum((Fraction(item["fee_due"]) for item in items), Fraction(0))
        total = sum((Fraction(item["credit"]["amount"]) for item in items), Fraction(0))
        cap = last["credit_cap_percent"]
        most = Fraction(money(fees * exact(cap) / 100)) if cap else total
        return {
            "currency": last["currency"],
            "fees": written(fees),
            "fees_shown": money(fees),
            "cap_percent": cap,
            "capped": total > most,
            "total": money(min(total, most)),
        }

    def health(self) -> dict[str, Any]:
        """Return how well we could see."""
        made: dict[str, Any] = {
            "hours": len(self.seen.hours),
            "hours_missing": (self.period[1] - self.period[0]) // HOUR - len(self.seen.hours),
        }
        for kind in ("clock_state", "monitor_health"):
            states = [body["state"] for body in self.leaves.bodies(kind)]
            made[kind] = {state: states.count(state) for state in sorted(set(states))}
        return made


def _owed(found: Mapping[str, Any], objective: Mapping[str, Any], before: int) -> Fraction:
    """Return what an objective owes in percent of its item's fee due [11]."""
    schedule, missed = objective["credits"], outcome_of(found, objective) == "missed"
    percent = owed(found["value"] * 100, schedule, before) if missed else Fraction(0)
    return limited(percent, schedule["period_cap_percent"])


def _owed_by_object(
    found: Mapping[str, Any],
    own: Mapping[str, Mapping[str, Any]],
    objective: Mapping[str, Any],
    contracted: Mapping[str, int],
    before: Mapping[str, int],
) -> tuple[Fraction, dict[str, Any]]:
    """Return the same where each service owes by itself, and who owes; `before` are its own missed months [11]."""
    schedule, verdict = objective["credits"], outcome_of(found, objective)
    rows, total = [], Fraction(0)
    for name, each in own.items():
        if verdict == "not_determinable" or outcome_of(each, objective) != "missed":
            continue
        percent = owed(each["value"] * 100, schedule, before.get(name, 0))
        total += percent * contracted[name]
        if percent:
            rows.append([name, written(percent)])
    everybody = sum(contracted.values())
    percent = limited(total / everybody if everybody else Fraction(0), schedule["period_cap_percent"])
    told: dict[str, Any] = {"objects": {"columns": ["service", "percent"], "rows": rows}}
    if before:
        again = [[name, before[name]] for name, _ in rows if name in before]
        told["objects_before"] = {"columns": ["service", "breaches_before"], "rows": again}
    return percent, told


def _item_credit(
    item: Mapping[str, Any], found: Sequence[tuple[Mapping[str, Any], Mapping[str, list[Span]]]], due: Fraction
) -> dict[str, Any]:
    """Return what an item owes: of its objectives the dearest, or each for the minutes no dearer one has [11]."""
    percents = [Fraction(each["credit_percent"]) for each, _ in found]
    most = max(percents, default=Fraction(0))
    chosen = next((o["objective"] for (o, _), p in zip(found, percents, strict=True) if p == most and p), "")
    shares: dict[str, Any] = {}
    if item.get("double_credit", "dearest") == "by_minute":
        claims = [(each["objective"], p, spans) for (each, spans), p in zip(found, percents, strict=True)]
        shares = {"by_minute": credited(claims)}
        most = sum((Fraction(each["percent"]) for each in shares["by_minute"]), Fraction(0))
    return {"objective": chosen, "percent": written(most), "amount": money(due * most / 100), **shares}


def _figures(found: Mapping[str, Any]) -> dict[str, str]:
    return {
        "value": written(found["value"]),
        "shown": shown(found["value"]),
        "lower": written(found["lower"]),
        "lower_shown": shown(found["lower"]),
        "upper": written(found["upper"]),
        "upper_shown": shown(found["upper"]),
        "unknown_ratio": written(found["share"]),
        "unknown_shown": shown(found["share"]),
    }


def _tables(
    services: Mapping[str, Service],
    own: Mapping[str, Mapping[str, Any]],
    objective: Mapping[str, Any],
    contracted: Mapping[str, int],
) -> dict[str, Any]:
    rows: list[list[Any]] = []
    causes: dict[tuple[str, str], list[Any]] = {}
    incidents = [[name, *each] for name, service in services.items() for each in service.incidents]
    for name, service in services.items():
        found = own[name]
        sums = [service.sums[each] for each in SUMS]
        figures = [written(found["value"]), shown(found["value"]), written(found["lower"]), written(found["upper"])]
        rows.append([name, contracted[name], *sums, *figures, outcome_of(found, objective)])
    for name, start, end, cause, because, _ in incidents:
        row = causes.setdefault((cause, because), [0, set(), 0])
        row[0] += 1
        row[1].add(name)
        row[2] += end - start
    count = len(incidents)
    timed = count and not (counts(objective) or objective["indicator"] in GOOD)  # between things counted is no time
    up = sum(sum(n for name, n in each.sums.items() if "down" not in name) for each in services.values())
    return {
        "services": {"columns": _SERVICES, "rows": rows},
        "incidents": {"columns": _INCIDENTS, "rows": incidents},
        "degraded": {
            "columns": _INCIDENTS[:-1],
            "rows": [[name, *each] for name, service in services.items() for each in service.degraded],
        },
        "causes": {
            "columns": ["cause", "because", "incidents", "services", "down_ms"],
            "rows": [[*key, row[0], len(row[1]), row[2]] for key, row in sorted(causes.items())],
        },
        "repair": {
            "incidents": count,
            "censored": sum(each[5] for each in incidents),
            "mttr_ms": written(Fraction(sum(row[2] for row in causes.values()), count)) if count else "",
            "mtbf_ms": written(Fraction(up, count)) if timed else "",
        },
    }


_SERVICES = [
    "service",
    "contracted_ms",
    *(f"{name}_ms" for name in SUMS),
    "value",
    "shown",
    "lower",
    "upper",
    "verdict",
]
_INCIDENTS = ["service", "start_ms", "end_ms", "cause", "because", "censored"]
