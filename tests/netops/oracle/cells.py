"""What was seen of a service, one cell a minute, by the contract's rules on time: part of the judge by brute force."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

MINUTE = 60_000
HOUR = 60 * MINUTE
GOOD = ("UP", "DEGRADED")
UNITS = ("any_down", "all_down")


@dataclass(slots=True)
class Cell:
    """One minute of one service: `slot` is how many minutes its slot is long."""

    state: str = "UNKNOWN"
    cause: str = "monitor"
    because: str = "missing"
    slot: int = 0


def last_said(leaves):
    """Return the leaves without the hours that a correction had stated again: of each stream the last word counts."""
    words = {}
    for leaf in leaves:
        if leaf["fact"]["kind"] == "availability_hour":
            body = leaf["fact"]["body"]
            words.setdefault((body["start_ms"], body.get("stream")), set()).add(body.get("correction", -1))
    return [
        leaf
        for leaf in leaves
        if leaf["fact"]["kind"] != "availability_hour"
        or leaf["fact"]["body"].get("correction", -1)
        == max(words[leaf["fact"]["body"]["start_ms"], leaf["fact"]["body"].get("stream")])
    ]


class City:
    """The leaves of a period, cell by cell; `said` is what counts of its dispute."""

    def __init__(self, leaves, start_ms, end_ms, timezone, *, said):
        self.said = said
        self.leaves = last_said(leaves)
        self.start, self.end = start_ms, end_ms
        self.count = (end_ms - start_ms) // MINUTE
        assert (end_ms - start_ms) % MINUTE == 0
        self.zone = ZoneInfo(timezone)
        self.rosters = {}
        for body in self.bodies("availability_roster"):
            self.rosters.setdefault(body["roster"], {})[body["part"]] = body["services"]
        self.rosters = {k: [row for part in sorted(v) for row in v[part]] for k, v in self.rosters.items()}
        self.tenure = self.contracted()
        self.walls = [self.wall(self.start + i * MINUTE) for i in range(self.count)]

    def bodies(self, kind):
        return [leaf["fact"]["body"] for leaf in self.leaves if leaf["fact"]["kind"] == kind]

    def wall(self, at_ms):
        """Return (weekday 1-7, minute of the day) as a clock on the wall shows it."""
        local = datetime.fromtimestamp(at_ms // 1000, self.zone)
        return local.isoweekday(), local.hour * 60 + local.minute

    def contracted(self):
        """Return, minute by minute, which services are contracted: service → (item, weight)."""
        hours = {b["start_ms"]: b["roster"] for b in self.bodies("availability_hour") if not b.get("stream")}
        if not hours:
            return [{} for _ in range(self.count)]
        roster, made = hours[min(hours)], []
        for i in range(self.count):
            roster = hours.get(self.start + i * MINUTE, roster)
            made.append({row[0]: (row[1], row[2]) for row in self.rosters[roster]})
        return made

    def cells(self, service, stream):
        """Return what was seen of a service, one cell a minute."""
        made = [Cell() for _ in range(self.count)]
        for body in self.bodies("availability_hour"):
            if body.get("stream", "") != stream:
                continue
            names = [row[0] for row in self.rosters[body["roster"]]]
            if service not in names:
                continue
            self.lay(made, body, names.index(service))
        return made

    def places(self, service, stream):
        """Return what was counted of a service: minute, how many, state, cause."""
        made = []
        for body in self.bodies("availability_hour"):
            names = [row[0] for row in self.rosters[body["roster"]]]
            if body.get("stream", "") != stream or service not in names:
                continue
            for first, count, state, cause, _ in self.runs_of(body, names.index(service)):
                for at in range(first, first + count):
                    i = (body["start_ms"] + at * body["step_ms"] - self.start) // MINUTE
                    if 0 <= i < self.count:
                        made.append((i, state, cause))
        return [(*place, n) for place, n in Counter(made).items()]

    def lay(self, made, body, position):
        slot = body["step_ms"] // MINUTE
        for first, count, state, cause, because in self.runs_of(body, position):
            begin = (body["start_ms"] - self.start) // MINUTE + first * slot
            for i in range(begin, begin + count * slot):
                if 0 <= i < self.count:
                    made[i] = Cell(state, cause, because, slot)

    def runs_of(self, body, position):
        """Return what a leaf says of the service at a position of its roster; nothing when another leaf says it."""
        runs = None
        for other, ranges in body["others"]:
            if any(first <= position < first + count for first, count in ranges):
                runs = other
        if runs is None:
            if body["part"]:
                return ()  # the usual stands in every part, the others in one: the first part speaks for the usual
            for later in self.bodies("availability_hour"):
                same = later["start_ms"] == body["start_ms"] and later.get("stream") == body.get("stream")
                if same and any(f <= position < f + n for _, rs in later["others"] for f, n in rs):
                    return ()
            runs = body["usual"]
        return runs


def ruled(cells, rules, start_ms):
    """Return the cells after the contract's rules on time, in the order in which the document lists them."""
    cells = [Cell(c.state, c.cause, c.because, c.slot) for c in cells]
    if rules["empty_history"] == "as_up" and all(c.state == "UNKNOWN" for c in cells):
        return [Cell("UP", "", "empty", 1) for _ in cells]
    for c in cells:
        if c.slot and rules["undetermined_mode"] == "as_down" and c.state == "UNKNOWN" and c.cause == "undetermined":
            c.state = "DOWN"
        if rules["parent_failure"] == "independent" and c.state == "DOWN" and c.because.startswith("parent:"):
            c.state, c.cause = "UNKNOWN", "undetermined"
    steps(cells)
    sparse(cells, rules, start_ms)
    edges(cells, rules["outage_edge"])
    if rules.get("window_intervals"):
        windowed(cells, rules)
    brief(cells, rules["min_outage_s"] // 60)
    return cells


def steps(cells):
    """A minute that nobody saw has the slots of what was seen next, else before, else one slot for all."""
    slot = 0
    for c in reversed(cells):
        slot = c.slot or slot
        c.slot = slot
    before = 0
    for c in cells:
        before = c.slot or before
        c.slot = before or len(cells)


def sparse(cells, rules, start_ms):
    least, long = rules["min_samples_per_slice"], rules["slice_s"] * 1000
    if not least:
        return
    slices = {}
    for i, c in enumerate(cells):
        slices.setdefault((start_ms + i * MINUTE) // long, []).append(c)
    for found in slices.values():
        known = sum(c.state != "UNKNOWN" for c in found)
        if known < len(found) and Fraction(known, max(c.slot for c in found)) < least:
            for c in found:
                if c.state != "UNKNOWN":
                    c.state, c.cause, c.because = "UNKNOWN", "monitor", "sparse"


def edges(cells, edge):
    if edge == "first_bad":
        return
    was = [(c.state, c.cause, c.because, c.slot) for c in cells]
    for i in range(1, len(cells)):
        begins = was[i - 1][0] in GOOD and was[i][0] == "DOWN"
        ends = was[i - 1][0] == "DOWN" and was[i][0] in GOOD
        if not begins and not (ends and edge == "midpoint"):
            continue
        side = GOOD if begins else ("DOWN",)
        room = 0
        while room < was[i - 1][3] and i - 1 - room >= 0 and was[i - 1 - room][0] in side:
            room += 1
        assert edge == "last_good" or room % 2 == 0, "a midpoint off the minute"
        for j in range(i - (room if edge == "last_good" else room // 2), i):
            cells[j].state, cells[j].cause, cells[j].because = was[i][:3]


def windowed(cells, rules):
    """Available until n checks in a row are bad, from the first of them; then not until n are good, from the first."""
    long = rules["window_intervals"] * rules["check_every_s"] // 60
    bad = ("DOWN", "DEGRADED") if rules["degraded_mode"] == "as_down" else ("DOWN",)
    if_good = slid([c.state in bad for c in cells], long)
    if_bad = slid([c.state in bad or c.state == "UNKNOWN" for c in cells], long)
    cause = ""
    for c, one, other in zip(cells, if_good, if_bad, strict=True):
        if c.state in bad:
            cause = c.cause
        if c.state == "UNKNOWN":
            continue
        if one != other:
            c.state, c.cause, c.because = "UNKNOWN", "undetermined", "open"
        elif one == "unavailable":
            if c.state not in bad:
                c.cause, c.because = cause, "held"
            c.state = "DOWN"
        elif c.state in bad:
            c.state, c.because = "UP", "high loss"


def slid(bad, long):
    state, made = "available", []
    for i in range(len(bad)):
        window = bad[i : i + long]
        if len(window) == long and state == "available" and all(window):
            state = "unavailable"
        elif len(window) == long and state == "unavailable" and not any(window):
            state = "available"
        made.append(state)
    return made


def brief(cells, least):
    i = 0
    while i < len(cells):
        j = i
        while j < len(cells) and cells[j].state == "DOWN":
            j += 1
        if 0 < j - i < least:
            for c in cells[i:j]:
                c.state = "UP"
        i = max(j, i + 1)
