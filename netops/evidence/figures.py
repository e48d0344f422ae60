"""The verifier's arithmetic: buckets, ratios with bounds, aggregation, credits, and how numbers are written.

Part of the second implementation (`verifier.py`). Numbers in brackets are rules of `docs/explanation/sla.md`.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from math import lcm
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence.derived import pieces
from netops.evidence.lines import HIGH_LOSS, cut, inside, length, merged, outages
from netops.evidence.members import CONTRACT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from netops.evidence.derived import Figure
    from netops.evidence.lines import Line, Span
    from netops.evidence.tickets import Reported

MOST_BITS = 13_280  # of a common denominator: what a month in slots of five minutes needs at the most
SUMS = ("up", "down", "unknown", "excluded_up", "excluded_down", "excluded_unknown")


class Service:
    """One service's share: its line, the time it is judged in, its exclusions."""

    def __init__(
        self,
        line: Line,
        judged: list[Span],
        excused: list[Span],
        rules: Mapping[str, Any],
        figure: Figure | None = None,
        *,
        tickets: Sequence[Reported] | None = None,
    ) -> None:
        self.line = line
        self.judged = judged
        self.excused = excused
        free = {each["cause"] for each in rules["exclusions"] if not each["approver"]}
        down = ("DOWN", "DEGRADED") if rules["degraded_mode"] == "as_down" else ("DOWN",)
        self.by_bucket: dict[str, list[Span]] = {name: [] for name in SUMS}
        starts, apart = [span[0] for span in judged], [span[0] for span in excused]
        found = self._plain() if figure is None else pieces(figure, line, judged, excused, free, tickets=tickets)
        for a, b, state, cause in found:
            if not inside(judged, starts, a) or a == b:
                continue
            name = "down" if state in down else "unknown" if state == "UNKNOWN" else "up"
            if inside(excused, apart, a) or (name == "down" and cause in free):
                name = f"excluded_{name}"
            self.by_bucket[name].append((a, b))
        self.sums = {name: length(spans) for name, spans in self.by_bucket.items()}
        self.incidents = list(self._incidents())
        self.degraded = [
            [a, b, *label[1:]] for a, b, _, label in line.pieces() if label[0] == "DEGRADED" and self._met(a, b)
        ]

    def _plain(self) -> Iterator[tuple[int, int, str, str]]:
        """Yield the line cut at every point where anything changes."""
        line = self.line
        points = {*line.times, line.end} | {p for spans in (self.judged, self.excused) for span in spans for p in span}
        for a, b in pairwise(sorted(points)):
            state, cause, _ = line.labels[bisect_right(line.times, a) - 1]
            yield a, b, state, cause

    @cached_property
    def joined(self) -> dict[str, list[Span]]:
        """The judged instants of each bucket, neighbours joined."""
        return {name: merged(spans) for name, spans in self.by_bucket.items()}

    def high_loss(self, every: int, row: int) -> tuple[int, int]:
        """Return how many checks of available time were bad, and how many rows of at least `row` of them there are [3].

        A check counts where its beginning is judged and not excused.
        """
        lossy = merged((a, b) for a, b, _, label in self.line.pieces() if label[2] == HIGH_LOSS)
        rows = [
            sum(1 for at in range(a + -a % every, b, every))
            for a, b in cut(lossy, self.judged, self.excused, keep=(True, True, False))
        ]
        return sum(rows), sum(1 for each in rows if each >= row)

    def _met(self, start: int, end: int) -> bool:
        last = bisect_left(self.judged, (end,)) - 1  # of those that begin before the end, it ends last
        return last >= 0 and start < self.judged[last][1]

    def _incidents(self) -> Iterator[list[Any]]:
        bounds = [*self.line.times, self.line.end]
        labels = self.line.labels
        for first, after in outages(self.line):
            start, end = bounds[first], bounds[after]
            if not self._met(start, end):
                continue
            longest = max(range(first, after), key=lambda i: (bounds[i + 1] - bounds[i], -i))
            before = labels[first - 1][0] if first else "UNKNOWN"
            behind = labels[after][0] if after < len(labels) else "UNKNOWN"
            censored = before == "UNKNOWN" or behind == "UNKNOWN"
            yield [start, end, labels[longest][1], labels[longest][2], censored]


def high_loss(services: Mapping[str, Service], rules: Mapping[str, Any]) -> dict[str, Any]:
    """Return the bad checks of available time by service, where there is a sliding window [3]."""
    if not rules.get("window_intervals"):
        return {}
    row = rules.get("consecutive_high_loss", 5)
    found = {name: each.high_loss(rules["check_every_s"] * 1000, row) for name, each in services.items()}
    return {
        "high_loss": {
            "hli": sum(hli for hli, _ in found.values()),
            "chli": sum(chli for _, chli in found.values()),
            "columns": ["service", "hli", "chli"],
            "rows": [[name, *each] for name, each in found.items() if each[0]],
        }
    }


def exact(text: str) -> Fraction:
    """Return the value of a plain decimal; an exponent could fill the memory with digits."""
    if re.fullmatch(r"-?[0-9]{1,40}(\.[0-9]{1,40})?", text) is None:
        raise ValueError(f"{text[:40]!r} is no plain decimal number")
    return Fraction(text)


def ratio_of(sums: Mapping[str, int], rules: Mapping[str, Any]) -> dict[str, Any]:
    """Return value, bounds and share of unknown time of six sums [1, 4]."""
    mode, blind = rules["exclusion_mode"], rules["unknown_mode"]
    up, down, unknown = sums["up"], sums["down"], sums["unknown"]
    if mode == "not_excluded":
        up += sums["excluded_up"]
        down += sums["excluded_down"]
        unknown += sums["excluded_unknown"]
    if mode == "count_as_up":
        up += sums["excluded_up"] + sums["excluded_down"] + sums["excluded_unknown"]
    everything = up + down + unknown
    top = up + unknown if blind == "as_up" else up
    bottom = everything - unknown if blind == "removed" else everything
    share = Fraction(unknown, everything) if everything else Fraction(1)
    return {
        "value": Fraction(top, bottom) if bottom else None,
        "lower": Fraction(up, everything) if everything else Fraction(0),
        "upper": Fraction(up + unknown, everything) if everything else Fraction(1),
        "share": share,
        "sure": bottom > 0 and share <= exact(rules["max_unknown_ratio"]),
    }


def attended(found: Mapping[str, Any], unseen: Fraction, rules: Mapping[str, Any]) -> dict[str, Any]:
    """Hold the share of the time in which nobody was there to count against the limit as well [3].

    The bounds are those of as many things, for that time, as were counted in the rest: all bad, or all good.
    """
    share = max(found["share"], unseen)
    seen = 1 - unseen
    return {
        **found,
        "lower": found["lower"] * seen,
        "upper": found["upper"] * seen + unseen,
        "share": share,
        "sure": found["sure"] and share <= exact(rules["max_unknown_ratio"]),
    }


def outcome_of(found: Mapping[str, Any], objective: Mapping[str, Any]) -> str:
    """Compare the unrounded value with the target [9]."""
    if found["value"] is None or not found["sure"]:
        return "not_determinable"
    percent, target = found["value"] * 100, exact(objective["target"])
    met = percent <= target if objective["comparison"] == "at_most" else percent >= target
    return "met" if met else "missed"


def aggregated(
    services: Sequence[tuple[Service, Fraction]], rules: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the figure of all services together, and the sums it is from [4]."""
    kind = rules["aggregation"]
    plain = {name: sum(each.sums[name] for each, _ in services) for name in SUMS}
    if kind == "weighted":
        scale = lcm(*(weight.denominator for _, weight in services))
        heavy = {name: sum(each.sums[name] * int(weight * scale) for each, weight in services) for name in SUMS}
        return ratio_of(heavy, rules), plain
    if kind in {"any_down", "all_down"}:
        plain = _unit(services, ("down", "unknown", "up") if kind == "any_down" else ("up", "unknown", "down"))
    elif kind == "per_object_mean":
        return _mean([ratio_of(each.sums, rules) for each, _ in services], rules), plain
    return ratio_of(plain, rules), plain


def _unit(services: Sequence[tuple[Service, Fraction]], order: Sequence[str]) -> dict[str, int]:
    taken: list[Span] = []
    made = dict.fromkeys(SUMS, 0)
    for name in (*order, "excluded_up"):
        names = [name] if name != "excluded_up" else [each for each in SUMS if each.startswith("excluded")]
        all_ = merged(span for each, _ in services for bucket in names for span in each.by_bucket[bucket])
        made[name] = length(cut(all_, taken, keep=(True, False)))
        taken = merged([*taken, *all_])
    return made


def _mean(each: Sequence[Mapping[str, Any]], rules: Mapping[str, Any]) -> dict[str, Any]:
    values = [one["value"] for one in each if one["value"] is not None]
    share = _average([one["share"] for one in each]) if each else Fraction(1)
    return {
        "value": _average(values) if values else None,
        "lower": _average([one["lower"] for one in each]) if each else Fraction(0),
        "upper": _average([one["upper"] for one in each]) if each else Fraction(1),
        "share": share,
        "sure": bool(values) and len(values) == len(each) and share <= exact(rules["max_unknown_ratio"]),
    }


def _average(values: Sequence[Fraction]) -> Fraction:
    """Return the mean; EvidenceError where it has no fraction of a size that anybody writes down."""
    sums: dict[int, int] = {}
    for value in values:
        sums[value.denominator] = sums.get(value.denominator, 0) + value.numerator
    common = 1
    for each in sums:
        common = lcm(common, each)
        if common.bit_length() > MOST_BITS:
            raise EvidenceError(
                f"{CONTRACT}: the mean of the own values of {len(values)} services is no fraction of 4,000 digits "
                "(per_object_mean); refused"
            )
    return Fraction(sum(top * (common // bottom) for bottom, top in sums.items()), common * len(values))


def owed(percent: Fraction, credits_: Mapping[str, Any], before: int) -> Fraction:
    """Return what one missed value costs, in percent of the fee it stands for, capped per object [11]."""
    found = Fraction(0)
    for tier in credits_["tiers"]:
        low, above, below, most = (tier[name] for name in ("at_least", "above", "below", "at_most"))
        if (
            (low == "" or percent >= exact(low))
            and (above == "" or percent > exact(above))
            and (below == "" or percent < exact(below))
            and (most == "" or percent <= exact(most))
        ):
            found = exact(tier["percent"])
            break
    if credits_["escalate_after"] and before >= credits_["escalate_after"]:
        found *= exact(credits_["escalate_factor"])
    return limited(found, credits_["object_cap_percent"])


def limited(percent: Fraction, cap: str) -> Fraction:
    """Return a percentage, not above a cap; an empty cap does not bind [11]."""
    return min(percent, exact(cap)) if cap else percent


def against(service: Service, rules: Mapping[str, Any]) -> list[Span]:
    """Return the instants that lower a service's ratio [1, 4, 11]."""
    names = ["down", "unknown"] if rules["unknown_mode"] == "as_down" else ["down"]
    if rules["exclusion_mode"] == "not_excluded":
        names += [f"excluded_{name}" for name in names]
    return merged(span for name in names for span in service.by_bucket[name])


def credited(claims: Sequence[tuple[str, Fraction, Mapping[str, list[Span]]]]) -> list[dict[str, Any]]:
    """Return what each objective is owed for when no minute of a service is credited twice, the dearest first [11].

    A claim is `(objective, percent, instants by service)`; its percentage is spread evenly over its instants.
    """
    made: list[dict[str, Any]] = []
    before: dict[str, list[Span]] = {}
    so_far = Fraction(0)
    for name, percent, spans in sorted(claims, key=lambda claim: claim[1], reverse=True):
        if percent == 0:
            break
        whole = sum(length(each) for each in spans.values())
        twice = sum(length(cut(each, before.get(who, []), keep=(True, True))) for who, each in spans.items())
        part = percent * (whole - twice) / whole if whole else percent
        part = min(part, 100 - so_far)
        so_far += part
        made.append({"objective": name, "percent": written(part), "against_ms": whole, "fresh_ms": whole - twice})
        for who, each in spans.items():
            before[who] = merged([*before.get(who, []), *each])
    return made


def money(amount: Fraction) -> str:
    """Return an amount in hundredths, half up."""
    cents = (amount * 200 + 1) // 2
    return f"{cents // 100}.{cents % 100:02d}"


def written(value: Fraction | None) -> str:
    """Return `n/d`."""
    return "" if value is None else f"{value.numerator}/{value.denominator}"


def shown(value: Fraction | None) -> str:
    """Return a ratio in percent with six places, rounded down."""
    if value is None:
        return ""
    millionths = value * 100_000_000 // 1
    return f"{millionths // 1_000_000}.{millionths % 1_000_000:06d}"


def because_of(found: Mapping[str, Any], rules: Mapping[str, Any]) -> str:
    """Return why there is no verdict, or the empty string."""
    if found["value"] is None:
        return "nothing was left to judge"
    if not found["sure"]:
        return f"unknown time exceeds the contract's limit of {written(exact(rules['max_unknown_ratio']))}"
    return ""


def remark_of(found: Mapping[str, Any], verdict: str, objective: Mapping[str, Any]) -> str:
    """Return what holds of a verdict that was not determinable, whatever the unknown time was."""
    if verdict != "not_determinable" or found["value"] is None:
        return ""
    target, said = exact(objective["target"]), objective["target"]
    low, high = found["lower"] * 100, found["upper"] * 100
    at_most = objective["comparison"] == "at_most"
    if (low > target) if at_most else (high < target):
        bound = "lower" if at_most else "upper"
        return f"the target of {said} % is missed even at the {bound} bound, {shown(found[bound])} %"
    if (high <= target) if at_most else (low >= target):
        bound = "upper" if at_most else "lower"
        return f"the target of {said} % is met even at the {bound} bound, {shown(found[bound])} %"
    return ""
