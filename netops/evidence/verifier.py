"""The second implementation: recompute every number of a report from the leaves of its bundle, by other means.

Standard library and `netops.evidence` alone; of `netops.sla` and `netops.report` nothing is shared, so that one mistake
cannot hide in both. Where the product works with sets of intervals, this one cuts time at every point where anything
changes and asks of each piece what it is. A bundle carries it as `verify.py`, to be run by a bare Python 3.11.

`docs/explanation/sla.md` defines the rules; the numbers in brackets are those of its list.
"""

from __future__ import annotations

import io
import json
import re
import struct
import zoneinfo
from bisect import bisect_left, bisect_right
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence import canonical
from netops.evidence.figures import SUMS, Service, aggregated, exact, money, outcome_of, owed, ratio_of, shown, written
from netops.evidence.integrity import Failure
from netops.evidence.lines import Line, counted, cut, edged, filled, length, merged, sparse, told
from netops.evidence.stated import HOUR, Stated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from netops.evidence.lines import Label, Span
    from netops.evidence.members import Bundle

Slot = tuple[int, int, int, "Label"]  # start, end, step, what it was
DAY = 24 * HOUR
MOST = 367 * DAY
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONE = "timezone.tzif"
REPORT, CONTRACT, REGISTER = "report.json", "contract.json", "register.json"


def verify_numbers(bundle: Bundle) -> list[Failure]:
    """Return every number and every binding that does not hold, with its place."""
    try:
        return list(_Recomputed(bundle).differences())
    except EvidenceError as error:
        place, _, what = str(error).partition(": ")
        return [Failure(place=place, what=what or str(error))]
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        return [Failure(place=REPORT, what=f"cannot be recomputed: {type(error).__name__} {error}")]


class _Recomputed:
    """One bundle, recomputed."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.report = _loads(bundle, REPORT)
        self.versions = sorted(_loads(bundle, CONTRACT), key=lambda each: (each["valid_from_ms"], each["version"]))
        self.leaves = Stated(bundle)
        self.zone = _zone(bundle.member(ZONE), self.report["timezone"])
        self.period: Span = (self.report["period"]["start_ms"], self.report["period"]["end_ms"])
        if not 0 < self.period[1] - self.period[0] <= MOST:
            raise EvidenceError(f"{REPORT}: period is empty, or longer than a year")
        self._open()

    def differences(self) -> Iterator[Failure]:
        yield from self._bindings()
        parts = [self._part(*ruling) for ruling in self._rulings()]
        yield from _differ(self.report["parts"], parts, f"{REPORT}: parts")
        yield from _differ(self.report["credit"], self._credit(parts), f"{REPORT}: credit")
        yield from _differ(self.report["seen"], self._seen(), f"{REPORT}: seen")

    # -- what is bound to what

    def _bindings(self) -> Iterator[Failure]:
        bundle, report = self.bundle, self.report
        for name, member in (("register", REGISTER), ("timezone", ZONE)):
            if report["digests"][name] != canonical.digest(bundle.member(member)):
                yield Failure(place=member, what=f"is not the one that {REPORT} names")
        if report["digests"]["inputs"] != self.leaves.digest:
            yield Failure(place="leaves.jsonl.gz", what=f"are not the inputs that {REPORT} names")
        if report["rehearsal"] is not bundle.manifest()["rehearsal"]:
            yield Failure(place=REPORT, what="its rehearsal mark differs from the manifest's")
        index, data = bundle.seal()
        body = canonical.loads(data)["fact"]["body"]
        said = {
            "contract": report["contract"],
            "start_ms": self.period[0],
            "end_ms": self.period[1],
            "revision": report["revision"],
        }
        for name, value in said.items():
            if body[name] != value:
                yield Failure(place="seal.json", what=f"leaf {index} seals {name} {body[name]}, {REPORT} says {value}")
        yield from self._contract()
        yield from self._calendar()

    def _contract(self) -> Iterator[Failure]:
        found = []
        for version, _, _ in self._rulings():
            digest = canonical.digest(canonical.dumps(version))
            place = f"{CONTRACT}: version {version['version']}"
            held = [
                (index, leaf)
                for index, leaf in self.leaves.kinds.get("contract_version", ())
                if leaf["fact"]["body"]["contract"] == version["id"]
                and leaf["fact"]["body"]["version"] == version["version"]
            ]
            same = [(index, leaf) for index, leaf in held if leaf["fact"]["body"]["digest"] == digest]
            if not same:
                sealed = ", ".join(f"leaf {index}" for index, _ in held) or "no leaf"
                yield Failure(place=place, what=f"is not the text that was sealed ({sealed} states this version)")
                continue
            index, leaf = same[0]
            body = leaf["fact"]["body"]
            if body["valid_from_ms"] != version["valid_from_ms"]:
                yield Failure(
                    place=place, what=f"begins at {version['valid_from_ms']}; leaf {index}: {body['valid_from_ms']}"
                )
            found.append(
                {
                    "version": version["version"],
                    "valid_from_ms": version["valid_from_ms"],
                    "digest": digest,
                    "leaf": index,
                    "recorded_after_valid_from": self.leaves.known(leaf) > version["valid_from_ms"],
                    "other_texts": len({leaf["fact"]["body"]["digest"] for _, leaf in held}) - 1,
                }
            )
        if found:
            yield from _differ(self.report["versions"], found, f"{REPORT}: versions")
        last = self._rulings()[-1][0]
        for name, key in (("contract", "id"), ("title", "title"), ("carrier", "carrier"), ("timezone", "timezone")):
            yield from _differ(self.report[name], last[key], f"{REPORT}: {name}")

    def _calendar(self) -> Iterator[Failure]:
        """Recompute the period: a month is the calendar month of the contract's zone [1]."""
        name = self.report["period"]["name"]
        yield from self._zone_of_the_world()
        match = re.fullmatch(r"([0-9]{4})-([0-9]{2})", name)
        texts = {"start": _iso(self.period[0]), "end": _iso(self.period[1])}
        for key, text in texts.items():
            yield from _differ(self.report["period"][key], text, f"{REPORT}: period.{key}")
        if match is None:
            yield from _differ(name, f"{texts['start']}/{texts['end']}", f"{REPORT}: period.name")
            return
        year, number = int(match[1]), int(match[2])
        following = (year + 1, 1) if number == 12 else (year, number + 1)
        for key, first in (("start_ms", (year, number)), ("end_ms", following)):
            at = datetime(*first, 1, tzinfo=self.zone)
            yield from _differ(self.report["period"][key], _ms(at), f"{REPORT}: period.{key}")

    def _zone_of_the_world(self) -> Iterator[Failure]:
        """Hold the bundle's time zone against this machine's, where it has one: a forged one could move the month.

        The two may be of different releases; the offsets of a month that is over agree in all of them.
        """
        try:
            known = zoneinfo.ZoneInfo(self.report["timezone"])
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            return
        for at in range(self.period[0], self.period[1] + 1, HOUR):
            instant = EPOCH + timedelta(milliseconds=at)
            said, is_so = (instant.astimezone(zone).utcoffset() for zone in (self.zone, known))
            if said != is_so:
                yield Failure(place=ZONE, what=f"puts {_iso(at)} at {said} from UTC; this machine's tzdata {is_so}")
                return

    def _rulings(self) -> list[tuple[dict[str, Any], int, int]]:
        """Return each version with the part of the period it rules [12]."""
        made = []
        for i, version in enumerate(self.versions):
            ends = [self.period[1]] + [each["valid_from_ms"] for each in self.versions[i + 1 : i + 2]]
            if version["ends_ms"] is not None:
                ends.append(version["ends_ms"])
            start, end = max(self.period[0], version["valid_from_ms"]), min(ends)
            if start < end:
                made.append((version, start, end))
        if not made:
            raise EvidenceError(f"{CONTRACT}: no version of it rules the period")
        return made

    # -- what was seen of whom

    def _open(self) -> None:
        parts: dict[str, dict[int, list[Any]]] = {}
        for body in self.leaves.bodies("availability_roster"):
            parts.setdefault(body["roster"], {})[body["part"]] = body["services"]
        self.rosters = {digest: [row for at in sorted(held) for row in held[at]] for digest, held in parts.items()}
        for digest, rows in self.rosters.items():
            if canonical.digest(canonical.dumps(rows)) != digest:
                raise EvidenceError(f"leaves.jsonl.gz: roster {digest} is not whole, or was changed")
        grouped: dict[int, list[dict[str, Any]]] = {}
        for body in self.leaves.bodies("availability_hour"):
            grouped.setdefault(body["start_ms"], []).append(body)
        self.hours = [self._hour(start, grouped[start]) for start in sorted(grouped)]
        self.usual: list[Slot] = []
        for a, b, step, label in (slot for hour in self.hours for slot in hour["usual"]):
            last = self.usual[-1] if self.usual else None
            if last and (last[1], last[2], last[3]) == (a, step, label):
                self.usual[-1] = (last[0], b, step, label)
            else:
                self.usual.append((a, b, step, label))
        self.begins = [slot[0] for slot in self.usual]
        self._who()

    def _hour(self, start: int, parts: list[dict[str, Any]]) -> dict[str, Any]:
        if sorted(part["part"] for part in parts) != list(range(parts[0]["parts"])):
            raise EvidenceError(f"leaves.jsonl.gz: hour {start} has not each of its parts once")
        if not self.period[0] <= start <= self.period[1] - HOUR:
            raise EvidenceError(f"leaves.jsonl.gz: hour {start} lies outside the period")
        names = [row[0] for row in self.rosters[parts[0]["roster"]]]
        step = parts[0]["step_ms"]
        others: dict[str, Any] = {}
        for part in parts:
            for runs, ranges in part["others"]:
                told_ = self._slots(start, step, runs)
                for first, count in ranges:
                    others.update(dict.fromkeys(names[first : first + count], told_))
        usual = self._slots(start, step, parts[0]["usual"])
        return {"start": start, "roster": parts[0]["roster"], "usual": usual, "others": others}

    @staticmethod
    def _slots(start: int, step: int, runs: Sequence[Sequence[Any]]) -> tuple[Slot, ...]:
        made = []
        at = start
        for first, count, state, cause, because in runs:
            low, high = start + first * step, start + (first + count) * step
            if not at <= low < high <= start + HOUR:
                raise EvidenceError(f"leaves.jsonl.gz: hour {start} has slots out of order, or beyond its end")
            made.append((low, high, step, (state, cause, because)))
            at = high
        return tuple(made)

    def _who(self) -> None:
        """Find who was contracted when: a roster holds until another does, the first from the beginning [10]."""
        self.contracted: dict[str, list[Span]] = {}
        self.sold: dict[str, tuple[str, Fraction]] = {}
        changes = [hour for i, hour in enumerate(self.hours) if not i or hour["roster"] != self.hours[i - 1]["roster"]]
        for i, hour in enumerate(changes):
            start = hour["start"] if i else self.period[0]
            end = changes[i + 1]["start"] if i + 1 < len(changes) else self.period[1]
            for service, item, weight in self.rosters[hour["roster"]]:
                self.contracted.setdefault(service, []).append((start, end))
                self.sold[service] = (item, exact(weight))
        differs: dict[str, list[tuple[int, Any]]] = {service: [] for service in self.sold}
        several = len(self.rosters) > 1
        for number, hour in enumerate(self.hours):
            for service, slots in hour["others"].items():
                differs[service].append((number, slots))
            if several:
                listed = {row[0] for row in self.rosters[hour["roster"]]}
                for service in self.sold.keys() - listed:
                    differs[service].append((number, ()))
        self.histories = {service: tuple(each) for service, each in differs.items()}
        self.contracted = {service: merged(spans) for service, spans in self.contracted.items()}

    def _line(self, history: Sequence[tuple[int, Any]], rules: Mapping[str, Any]) -> Line:
        """Return one history under one objective's rules; the order of the rules is that of `sla.md`."""
        slots: list[Slot] = []
        at = self.period[0]
        for number, differing in history:
            start = self.hours[number]["start"]
            slots += self._usually(at, start)
            slots += differing
            at = start + HOUR
        slots += self._usually(at, self.period[1])
        if rules["empty_history"] == "as_up" and all(label[0] == "UNKNOWN" for _, _, _, label in slots):
            slots = [(*self.period, 0, ("UP", "", "an empty history counts as up"))]
        if rules.get("undetermined_mode") == "as_down":
            slots = [(a, b, step, _not_shown(label)) for a, b, step, label in slots]
        if rules["parent_failure"] == "independent":
            slots = [(a, b, step, _alone(label)) for a, b, step, label in slots]
        line = filled(slots, *self.period)
        if rules["min_samples_per_slice"]:
            line = sparse(line, rules["min_samples_per_slice"], rules["slice_s"] * 1000)
        line = told(edged(line, rules["outage_edge"]))
        return counted(line, rules["min_outage_s"] * 1000) if rules["min_outage_s"] else line

    def _usually(self, start: int, end: int) -> list[Slot]:
        """Return what the services without a history of their own show in a stretch of whole hours."""
        first, last = bisect_right(self.begins, start), bisect_left(self.begins, end)
        found = self.usual[max(first - 1, 0) : last]
        return [(max(a, start), min(b, end), step, label) for a, b, step, label in found if max(a, start) < min(b, end)]

    # -- the numbers

    def _part(self, version: Mapping[str, Any], start: int, end: int) -> dict[str, Any]:
        items = [self._item(item, (start, end)) for item in version["items"]]
        sold = {item["id"] for item in version["items"]}
        stray = [
            service
            for service, (item, _) in sorted(self.sold.items())
            if item not in sold and cut([(start, end)], self.contracted[service], keep=(True, True))
        ]
        return {
            "version": version["version"],
            "start_ms": start,
            "end_ms": end,
            "unassigned": stray,
            "items": items,
        }

    def _item(self, item: Mapping[str, Any], window: Span) -> dict[str, Any]:
        spans = {
            service: cut([window], self.contracted[service], keep=(True, True))
            for service, (name, _) in sorted(self.sold.items())
            if name == item["id"]
        }
        spans = {service: each for service, each in spans.items() if each}
        objectives = [self._objective(item, objective, spans, window) for objective in item["objectives"]]
        contracted = sum(map(length, spans.values()))
        due = exact(item["fee"]) * contracted / (self.period[1] - self.period[0])
        percents = [Fraction(each["credit_percent"]) for each in objectives]
        most = max(percents, default=Fraction(0))
        chosen = next((o["objective"] for o, p in zip(objectives, percents, strict=True) if p == most and p), "")
        return {
            "item": item["id"],
            "title": item["title"],
            "kind": item["kind"],
            "fee": item["fee"],
            "services": len(spans),
            "contracted_ms": contracted,
            "fee_due": written(due),
            "objectives": objectives,
            "credit": {"objective": chosen, "percent": written(most), "amount": money(due * most / 100)},
        }

    def _objective(
        self, item: Mapping[str, Any], objective: Mapping[str, Any], spans: Mapping[str, list[Span]], window: Span
    ) -> dict[str, Any]:
        rules = objective["rules"]
        claims = self.leaves.claims(rules, self.period)
        services = self._services(rules, claims, spans, window)
        found, sums = aggregated([(each, self.sold[name][1]) for name, each in services.items()], rules)
        verdict = outcome_of(found, objective)
        before = self.leaves.breaches(f"{item['id']}/{objective['id']}", self.period[0])
        percent = Fraction(0)
        if verdict == "missed":
            percent = owed(found["value"] * 100, objective["credits"], before)
        return {
            "objective": objective["id"],
            **{key: objective[key] for key in ("title", "indicator", "target", "comparison", "rules", "credits")},
            "breaches_before": before,
            "credit_percent": written(percent),
            "verdict": verdict,
            "because": _because(found, rules),
            **_figures(found),
            "tally": {f"{name}_ms": sums[name] for name in SUMS},
            **_tables(services, objective, {name: length(each) for name, each in spans.items()}),
            "exclusions": claims,
        }

    def _services(
        self,
        rules: Mapping[str, Any],
        claims: Sequence[Mapping[str, Any]],
        spans: Mapping[str, list[Span]],
        window: Span,
    ) -> dict[str, Service]:
        open_ = self._service_hours(rules["hours"], window) if rules["hours"] else [window]
        excused: dict[str, list[Span]] = {}
        for each in claims:
            if each["effect"].startswith("in_force"):
                for service in each["services"] or ("*",):
                    excused.setdefault(service, []).append((each["start_ms"], each["end_ms"]))
        lines: dict[Any, Line] = {}
        done: dict[Any, Service] = {}
        made = {}
        for service, mine in spans.items():
            history = self.histories[service]
            own = tuple(merged([*excused.get("*", ()), *excused.get(service, ())]))
            key = (history, tuple(mine), own)
            if key not in done:
                if history not in lines:
                    lines[history] = self._line(history, rules)
                judged = cut(mine, open_, keep=(True, True))
                done[key] = Service(lines[history], judged, list(own), rules)
            made[service] = done[key]
        return made

    def _service_hours(self, schedule: Sequence[Mapping[str, Any]], window: Span) -> list[Span]:
        """Return the instants whose wall clock lies in the schedule, by asking at every quarter of an hour where it is.

        Offsets change on a quarter; a piece between two quarters has one offset (zones before 1972 aside).
        """
        quarter = HOUR // 4
        made: list[Span] = []
        at = window[0]
        while at < window[1]:
            until = min((at // quarter + 1) * quarter, window[1])
            offset = EPOCH + timedelta(milliseconds=at)
            delta = offset.astimezone(self.zone).utcoffset() or timedelta(0)
            wall = at + delta // timedelta(milliseconds=1)
            weekday, minute = (wall // DAY + 3) % 7 + 1, wall % DAY
            for each in schedule:
                if weekday in each["days"]:
                    low = max(each["start_minute"] * 60_000 - minute, 0)
                    high = min(each["end_minute"] * 60_000 - minute, until - at)
                    if low < high:
                        made.append((at + low, at + high))
            at = until
        return merged(made)

    def _credit(self, parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        last = self._rulings()[-1][0]
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

    def _seen(self) -> dict[str, Any]:
        made: dict[str, Any] = {
            "hours": len(self.hours),
            "hours_missing": (self.period[1] - self.period[0]) // HOUR - len(self.hours),
        }
        for kind in ("clock_state", "monitor_health"):
            states = [body["state"] for body in self.leaves.bodies(kind)]
            made[kind] = {state: states.count(state) for state in sorted(set(states))}
        return made


def _zone(data: bytes, name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo.from_file(io.BytesIO(data), key=name)
    except (AssertionError, EOFError, IndexError, OverflowError, ValueError, struct.error):
        raise EvidenceError(f"{ZONE}: is no time zone file (RFC 8536)") from None


def _not_shown(label: Label) -> Label:
    return ("DOWN", *label[1:]) if label[:2] == ("UNKNOWN", "undetermined") else label


def _alone(label: Label) -> Label:
    if label[0] == "DOWN" and label[2].startswith("parent:"):
        return ("UNKNOWN", "undetermined", label[2])
    return label


def _because(found: Mapping[str, Any], rules: Mapping[str, Any]) -> str:
    if found["value"] is None:
        return "nothing was left to judge"
    if not found["sure"]:
        return f"unknown time exceeds the contract's limit of {written(exact(rules['max_unknown_ratio']))}"
    return ""


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
    services: Mapping[str, Service], objective: Mapping[str, Any], contracted: Mapping[str, int]
) -> dict[str, Any]:
    rules = objective["rules"]
    rows: list[list[Any]] = []
    causes: dict[tuple[str, str], list[Any]] = {}
    incidents = [[name, *each] for name, service in services.items() for each in service.incidents]
    for name, service in services.items():
        found = ratio_of(service.sums, rules)
        sums = [service.sums[each] for each in SUMS]
        figures = [written(found["value"]), shown(found["value"]), written(found["lower"]), written(found["upper"])]
        rows.append([name, contracted[name], *sums, *figures, outcome_of(found, objective)])
    for name, start, end, cause, because, _ in incidents:
        row = causes.setdefault((cause, because), [0, set(), 0])
        row[0] += 1
        row[1].add(name)
        row[2] += end - start
    down = sum(each[2] - each[1] for each in incidents)
    whole = sum(sum(service.sums.values()) for service in services.values())
    count = len(incidents)
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
            "mttr_ms": written(Fraction(down, count)) if count else "",
            "mtbf_ms": written(Fraction(whole - down, count)) if count else "",
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


def _differ(said: Any, found: Any, place: str) -> Iterator[Failure]:
    """Yield where the report says something else than was recomputed."""
    if said == found and type(said) is type(found):
        return
    if isinstance(said, dict) and isinstance(found, dict) and said.keys() == found.keys():
        for key in found:
            yield from _differ(said[key], found[key], f"{place}.{key}")
    elif isinstance(said, list) and isinstance(found, list) and len(said) == len(found):
        for i, (one, other) in enumerate(zip(said, found, strict=True)):
            named = isinstance(other, list) and other and isinstance(other[0], str)
            yield from _differ(one, other, f"{place}[{other[0] if named else i}]")
    else:
        yield Failure(place=place, what=f"says {_short(said)}; recomputed {_short(found)}")


def _short(value: Any) -> str:
    text = canonical.dumps(value).decode("utf-8", "replace")
    return text if len(text) <= 80 else f"{text[:80]}…"


def _loads(bundle: Bundle, name: str) -> Any:
    """Read a member; that its bytes are the sealed ones, and canonical, is the integrity's question."""
    try:
        return json.loads(bundle.member(name))
    except (ValueError, RecursionError):
        raise EvidenceError(f"{name}: is not JSON") from None


def _ms(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)


def _iso(at_ms: int) -> str:
    text = (EPOCH + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
