"""What was seen of whom: rosters and hours of the bundle, opened to one line of time for each history.

Part of the second implementation (`verifier.py`). Numbers in brackets are rules of `docs/explanation/sla.md`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence import canonical
from netops.evidence.again import counting
from netops.evidence.decided import ruled
from netops.evidence.figures import exact
from netops.evidence.lines import counted, edged, filled, merged, sparse, told, windowed
from netops.evidence.stated import HOUR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from fractions import Fraction

    from netops.evidence.decided import Decided
    from netops.evidence.lines import Label, Line, Span
    from netops.evidence.stated import Stated

STREAM = "{indicator} {sign} {threshold} every {every} s, {quorum} of {vantages}"
ONE_BY_ONE = " one by one, in slots of "
COUNTS = "{indicator} {sign} {threshold}" + ONE_BY_ONE + "{every} s"
JOINED = ", {quorum} of {vantages}"
COUNTED = (
    "portal.login.success",
    "portal.login.time",
    "portal.login.mean",
    "portal.authentication.time",
    "portal.authentication.mean",
    "portal.controller.time",
    "portal.radius.time",
    "portal.sms.time",
    "lte.cell.rrc.success",
    "lte.cell.erab.success",
    "lte.cell.prb_dl.free",
    "lte.cell.prb_ul.free",
    "probe.packets.answered",
)
PACKETS = "probe."  # of these vantage points tell, joined by quorum, and a slot of which they did not has its packets
CLOCK = ", clock error up to {share} of it"
ONE_WAY = ("probe.delay_there.", "probe.delay_back.")
SECOND = 1000  # no contract asks more often
MOST = 4_000_000  # pieces of time of all services, over all promises of a report: a minute or two
Slot = tuple[int, int, int, "Label"]  # start, end, step, what it was


class Seen:
    """The hours of the period, who was contracted when, and each service's history.

    `stream` names how slots were judged by a metric; then `state`, the hours of the services' state, says who was
    contracted when.
    """

    def __init__(self, leaves: Stated, period: Span, stream: str = "", state: Seen | None = None) -> None:
        self.leaves, self.period, self.stream = leaves, period, stream
        self._state = state
        self._open()

    def of(self, stream: str) -> Seen:
        """Return the same period as another stream saw it."""
        return Seen(self.leaves, self.period, stream, self)

    def _open(self) -> None:
        parts: dict[str, dict[int, list[Any]]] = {}
        for body in self.leaves.bodies("availability_roster"):
            parts.setdefault(body["roster"], {})[body["part"]] = body["services"]
        self.rosters = {digest: [row for at in sorted(held) for row in held[at]] for digest, held in parts.items()}
        for digest, rows in self.rosters.items():
            if canonical.digest(canonical.dumps(rows)) != digest:
                raise EvidenceError(f"leaves.jsonl.gz: roster {digest} is not whole, or was changed")
        grouped: dict[int, list[dict[str, Any]]] = {}
        for body in counting(self.leaves):
            if body.get("stream", "") != self.stream:
                continue
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
        whole = parts[0]["parts"] == len(parts)  # looked at first: a forged count would be a list of that length
        if not whole or sorted(part["part"] for part in parts) != list(range(len(parts))):
            raise EvidenceError(f"leaves.jsonl.gz: hour {start} has not each of its parts once")
        if not self.period[0] <= start <= self.period[1] - HOUR:
            raise EvidenceError(f"leaves.jsonl.gz: hour {start} lies outside the period")
        names = [row[0] for row in self.rosters[parts[0]["roster"]]]
        step = parts[0]["step_ms"]
        least = 1 if ONE_BY_ONE in self.stream else SECOND  # a thing that is counted has a place of 1 ms
        if type(step) is not int or not least <= step <= HOUR:
            raise EvidenceError(
                f"leaves.jsonl.gz: hour {start} has slots of {str(step)[:40]} ms; expected {least} to {HOUR}"
            )
        others: dict[str, Any] = {}
        counts_ = [count for part in parts for _, ranges in part["others"] for _, count in ranges]
        stated = sum(max(count, 1) for count in counts_)  # none is less than one, so that nothing makes up for another
        if stated > len(names):
            raise EvidenceError(f"leaves.jsonl.gz: hour {start} states {stated} services; its roster has {len(names)}")
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
            if type(first) is not int or type(count) is not int:  # a text times a number is a longer text
                raise EvidenceError(
                    f"leaves.jsonl.gz: hour {start} has a slot {str(first)[:20]}; expected whole numbers"
                )
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
        told = self.hours if self._state is None else self._state.hours
        changes = [hour for i, hour in enumerate(told) if not i or hour["roster"] != told[i - 1]["roster"]]
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
                differs.setdefault(service, []).append((number, slots))
            if several:
                listed = {row[0] for row in self.rosters[hour["roster"]]}
                for service in self.sold.keys() - listed:
                    differs[service].append((number, ()))
        self.histories = {service: tuple(each) for service, each in differs.items()}
        self.contracted = {service: merged(spans) for service, spans in self.contracted.items()}

    @property
    def cost(self) -> int:
        """Return how many pieces all services come to: one with an hour of its own repeats what is usual."""
        own = [self.histories[service] for service in self.sold if self.histories[service]]
        return len(self.usual) * (len(own) + 1) + sum(len(slots) for history in own for _, slots in history)

    def line(self, history: Sequence[tuple[int, Any]], rules: Mapping[str, Any]) -> Line:
        """Return one history under one objective's rules; the order of the rules is that of `sla.md`."""
        slots = self._told(history)
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
        if rules.get("window_intervals"):
            bad = ("DOWN", "DEGRADED") if rules["degraded_mode"] == "as_down" else ("DOWN",)
            return windowed(line, rules["window_intervals"] * rules["check_every_s"] * 1000, bad)
        return counted(line, rules["min_outage_s"] * 1000) if rules["min_outage_s"] else line

    def covered(self, history: Sequence[tuple[int, Any]]) -> list[Span]:
        """Return where one history tells anything."""
        return merged([(a, b) for a, b, _, _ in self._told(history)])

    def _told(self, history: Sequence[tuple[int, Any]]) -> list[Slot]:
        slots: list[Slot] = []
        at = self.period[0]
        for number, differing in history:
            start = self.hours[number]["start"]
            slots += self._usually(at, start)
            slots += differing
            at = start + HOUR
        return slots + self._usually(at, self.period[1])

    def _usually(self, start: int, end: int) -> list[Slot]:
        """Return what the services without a history of their own show in a stretch of whole hours."""
        first, last = bisect_right(self.begins, start), bisect_left(self.begins, end)
        found = self.usual[max(first - 1, 0) : last]
        return [(max(a, start), min(b, end), step, label) for a, b, step, label in found if max(a, start) < min(b, end)]


def spent(before: int, sight: Seen, name: str) -> int:
    """Return the pieces of a report with one more promise; EvidenceError where nobody could have gone over them all."""
    made = before + sight.cost
    if made > MOST:
        what = f"up to {name} the services changed their state {made} times; expected at most {MOST} in one report"
        raise EvidenceError(f"leaves.jsonl.gz: {what}")
    return made


def after(line: Line, mine: Sequence[Decided], rules: Mapping[str, Any]) -> Line:
    """Return a line as rulings on its service leave it; what remains of an outage may be too short to count [3]."""
    made = ruled(line, mine)
    return counted(made, rules["min_outage_s"] * 1000) if rules["min_outage_s"] else made


def stream_of(objective: Mapping[str, Any], sign: str) -> str:
    """Return the name of the stream that an objective on a metric rests on, from its contract."""
    rules, metric = objective["rules"], objective["indicator"]
    joined = JOINED if metric.startswith(PACKETS) else ""
    name = (COUNTS + joined if counts(objective) else STREAM).format(
        indicator=metric,
        sign=sign,
        threshold=objective["threshold"],
        every=rules["check_every_s"],
        quorum=rules["quorum"],
        vantages=rules["vantages"],
    )
    return name + CLOCK.format(share=rules["max_clock_error_ratio"]) if metric.startswith(ONE_WAY) else name


def counts(objective: Mapping[str, Any]) -> bool:
    """Whether an objective is about things one by one: its hours hold a place for each, and no time."""
    return objective["indicator"] in COUNTED


def unattended(objective: Mapping[str, Any]) -> bool:
    """Whether time in which the services' state was not seen may hold things that nobody counted."""
    return counts(objective) and not objective["indicator"].startswith(PACKETS)


def _not_shown(label: Label) -> Label:
    return ("DOWN", *label[1:]) if label[:2] == ("UNKNOWN", "undetermined") else label


def _alone(label: Label) -> Label:
    if label[0] == "DOWN" and label[2].startswith("parent:"):
        return ("UNKNOWN", "undetermined", label[2])
    return label
