"""A third judge, by brute force: one cell a minute, from the bundle's contract text and leaves alone.

It imports the standard library and nothing of the house, knows no interval and no shortcut, and was written from
docs/explanation/sla.md. It judges histories whose every instant lies on a whole minute (the generator makes such).
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from hashlib import sha256
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


# ---- rulings on outages

MAY = {
    "cause": ("carrier", "city", "planned", "power_or_third_party", "force_majeure"),
    "no_outage": ("up",),
    "duration": ("up",),
    "not_measured": ("not_measured",),
}


def decided(city):
    """Return what rulings decide: (begin, end, service or nothing, word, objection, when known), in their order."""
    said, made = city.said, []
    asked = {body["objection"]: body for body in said["objection"]}
    months = {}
    for body in city.bodies("report_issued"):
        months.setdefault(body["report"], (body["start_ms"], body["end_ms"]))
    known = {id(leaf["fact"]["body"]): leaf for leaf in city.leaves}
    for body in said["ruling"]:
        about = asked[body["objection"]]
        word = body.get("decides")
        if body["outcome"] == "dismissed" or body["by"] == about["by"] or word not in MAY.get(about["code"], ()):
            continue
        kind, _, rest = about["target"].partition(":")
        first, last = months[about["report"]]
        if kind == "incident" and about["code"] != "not_measured":
            service, _, begin = rest.partition("@")
            first = max(first, int(begin))
        elif kind == "interval" and about["code"] == "not_measured":
            span, _, service = rest.partition("/")
            first, last = max(first, int(span.split("-")[0])), min(last, int(span.split("-")[1]))
        else:
            continue
        if "end_ms" in about:
            first, last = max(first, about.get("start_ms", first)), min(last, about["end_ms"])
        first, last = max(first, body.get("start_ms", 0)), min(last, body.get("end_ms", 0))
        leaf = known[id(body)]
        at = leaf["fact"]["at_ms"] if leaf["rehearsal"] else leaf["recorded_ms"]
        if body.get("service", "") == service and first < last:
            made.append((first, last, service, word, body["objection"], at))
    return made


def gone(city):
    """Return what rulings on this period's reports take out of surveys: (survey, area or nothing, begin, end)."""
    said, made = city.said, []
    asked = {body["objection"]: body for body in said["objection"]}
    months = {}
    for body in city.bodies("report_issued"):
        months.setdefault(body["report"], (body["start_ms"], body["end_ms"]))
    for body in said["ruling"]:
        about = asked[body["objection"]]
        kind, _, rest = about["target"].partition(":")
        if kind != "survey" or not about["code"].startswith("survey_") or body.get("decides") != "taken_out":
            continue
        if body["outcome"] == "dismissed" or months[about["report"]] != (city.start, city.end):
            continue
        name, _, span = rest.partition("@")
        survey, _, area = name.partition("/")
        first, last = body.get("start_ms", 0), body.get("end_ms", 0)
        if span:
            first, last = max(first, int(span.split("-")[0])), min(last, int(span.split("-")[1]))
        if "end_ms" in about:
            first, last = max(first, about.get("start_ms", 0)), min(last, about["end_ms"])
        made.append((survey, area, first, last))
    return made


def overruled(cells, rules, mine, start_ms):
    """Put into the cells of a service what rulings decide of them; a rest that is too short is no outage."""
    for first, last, _, word, _, _ in mine:
        for i, c in enumerate(cells):
            if first <= start_ms + i * MINUTE < last:
                if word == "not_measured":
                    c.state, c.cause, c.because = "UNKNOWN", "monitor", "ruled"
                elif c.state in ("DOWN", "DEGRADED"):
                    c.because = "ruled"
                    c.state, c.cause = ("UP", "") if word == "up" else (c.state, word)
    if mine:
        brief(cells, rules["min_outage_s"] // 60)


# ---- exclusions


def claims(city, rules):
    """Return (start, end, services) of the claims in force."""
    classes = {each["id"]: each for each in rules["exclusions"]}
    first = {}
    for leaf in city.leaves:
        if leaf["fact"]["kind"] == "exclusion_claim":
            first.setdefault(leaf["fact"]["body"]["claim"], leaf)
    used, made = {name: set() for name in classes}, []
    for begin, end, service, word, objection, _ in decided(city):
        mine = [name for name in classes if classes[name]["cause"] == word][:1]
        if mine and classes[mine[0]]["approver"]:
            body = {"claim": objection, "class": mine[0], "start_ms": begin, "end_ms": end}
            body["services"] = [service] if service else []
            first["ruling", len(first)] = {"fact": {"body": body}}
    for leaf in sorted(first.values(), key=lambda each: order(each["fact"]["body"])):
        body = leaf["fact"]["body"]
        if "contract" not in body:  # a ruling that stands for a claim: the cap holds, and nothing else is asked
            mine = set(range(max(body["start_ms"], city.start), min(body["end_ms"], city.end), MINUTE))
            cap = classes[body["class"]]["cap_s"]
            if not cap or len(used[body["class"]] | mine) * 60 <= cap:
                used[body["class"]] |= mine
                made.append((body["start_ms"], body["end_ms"], body["services"]))
            continue
        kind = classes.get(body["class"])
        if kind is None or body["end_ms"] <= body["start_ms"] or not approved(city, body, kind):
            continue
        known = leaf["fact"]["at_ms"] if leaf["rehearsal"] else leaf["recorded_ms"]
        late = body["start_ms"] - known < kind["notice_h"] * HOUR
        low, high = max(body["start_ms"], city.start), min(body["end_ms"], city.end)
        minutes = used[kind["id"]] | set(range(low, high, MINUTE))
        over = kind["cap_s"] and len(minutes) * 60 > kind["cap_s"]
        whole, part = turned_over(city, body, "claim_refused" if late or over else "claim_granted")
        begin, end = body["start_ms"], body["end_ms"]
        if part and not whole:
            begin, end = (begin, begin + part * MINUTE) if late or over else (begin + part * MINUTE, end)
        elif bool(late or over) is not whole:
            continue
        used[kind["id"]] |= set(range(max(begin, city.start), min(end, city.end), MINUTE))
        made.append((begin, end, body["services"]))
    return made


def turned_over(city, claim, code):
    """An objection with this code to the claim, upheld by another than who objected, turns over what it does.

    Return whether all of it, and else of how many minutes from its beginning.
    """
    said = city.said
    mine = [b for b in said["objection"] if b["target"] == claim["claim"] and b["code"] == code]
    objected = {b["objection"]: b["by"] for b in mine}
    told = [b for b in said["ruling"] if b["objection"] in objected and b["by"] != objected[b["objection"]]]
    parts = [b["minutes"] for b in told if b["outcome"] == "partly_upheld" and b.get("minutes")]
    part = parts[0] if parts else 0
    whole = any(b["outcome"] == "upheld" for b in told)
    return whole or (part > 0 and part * MINUTE >= claim["end_ms"] - claim["start_ms"]), part


def heard(leaves, days, zone, lateness):
    """The objections and rulings that count: each said about the newest report, in its turn, before all was agreed.

    A carrier's word after its window counts for nothing; `late` are the leaves of those. `days` by the text's digest.
    """
    months, of_report, of_objection, speakers, keys = {}, {}, {}, {}, {}
    said = {"objection": [], "ruling": [], "late": []}
    texts, breaks, came = {}, [], {}
    for index, leaf in enumerate(leaves):
        fact = leaf["fact"]
        kind, body = fact["kind"], fact["body"]
        if kind == "contract_version":
            texts.setdefault(body["contract"], []).append((body["valid_from_ms"], body["version"], body["digest"]))
        if kind == "listening_break":
            breaks.append(body)
        if kind == "note_received":
            came.setdefault(body["digest"], lateness.told(leaf))
        if kind == "party_key":
            keys.setdefault(body["contract"], {})[body["key"]] = body["state"]
        if kind == "report_issued" and body["report"] not in of_report:
            month = months.setdefault(
                (body["contract"], body["start_ms"], body["end_ms"]),
                {"asked": [], "answered": [], "ruled": [], "agreed": "", "final": "", "of": body["contract"]},
            )
            month["newest"], month["digest"] = body["report"], body["digest"]
            begun = [each for each in texts.get(body["contract"], ()) if each[0] < body["end_ms"]]
            month["text"], month["since"] = max(begun)[2] if begun else "", leaf["recorded_ms"]
            if len(month["ruled"]) == len(month["asked"]):
                month["agreed"] = ""
            of_report[body["report"]] = month
        if kind in ("objection", "report_accepted", "report_final"):
            month = of_report.get(body["report"])
            if month is None or month["newest"] != body["report"] or month["final"]:
                continue
            if kind != "report_final" and not spoken(body, keys.get(month["of"])):
                continue
            waiting = len(month["ruled"]) < len(month["asked"])
            window = days.get(month["text"])
            tardy = window is not None and lateness.is_late(
                leaf, month["since"], window, zone, breaks=breaks, came=came
            )
            if kind == "objection":
                name = body["objection"]
                if month["agreed"] != "accepted" and name not in of_objection and len(month["asked"]) < 1000:
                    if tardy:
                        said["late"].append(index)
                        continue
                    month["asked"].append(name)
                    month["agreed"] = ""
                    of_objection[name] = month
                    speakers[name] = [body["by"]]
                    said[kind].append(body)
            elif kind == "report_accepted":
                same = body.get("digest") in (None, month["digest"])
                if same and not waiting and month["agreed"] != "accepted":
                    if tardy:
                        said["late"].append(index)
                        continue
                    month["agreed"] = "accepted"
            elif month["agreed"] and not waiting:
                month["final"] = body["report"]
        if kind in ("rebuttal", "ruling"):
            name, month = body["objection"], of_objection.get(body["objection"])
            if body["by"] != "deadline" and body["by"] in speakers.get(name, []):
                continue  # each step is another person's; the core, which says that nobody spoke, is none
            if kind == "rebuttal" and month and name not in month["answered"]:
                month["answered"].append(name)
                speakers[name].append(body["by"])
            if kind == "ruling" and month and name in month["answered"] and name not in month["ruled"]:
                month["ruled"].append(name)
                month["agreed"] = "ruled" if len(month["ruled"]) == len(month["asked"]) else ""
                said[kind].append(body)
    return said


def spoken(body, keys):
    """Whether it is the carrier's word, by what was last stated of each key; nothing was stated: anybody's."""
    if keys is None or ("due_ms" in body and "objection" not in body):
        return True
    mine = [key.split("+")[:2] for key, state in keys.items() if state == "registered"]
    if "note" not in body:
        return not mine
    lines = body["note"].split("\n\n")[-1].splitlines()
    _, name, blob = lines[0].split(" ")
    return len(lines) == 1 and [name, base64.b64decode(blob)[:4].hex()] in mine


def order(body):
    return body["start_ms"], body["end_ms"], body["claim"]


def approved(city, claim, kind):
    """The first request, then the first decision on it that another person may make."""
    request = None
    for leaf in city.leaves:
        fact = leaf["fact"]
        body = fact["body"]
        if fact["kind"] == "approval_request" and body["request"] == claim["claim"] and request is None:
            request = fact
        if fact["kind"] == "approval_decision" and body["request"] == claim["claim"] and request is not None:
            if body["by"] == request["body"]["by"] or body["role"] != "contract_manager":
                continue
            told = request["body"]["terms"]
            same = all(told[key] == claim[key] for key in ("contract", "class", "start_ms", "end_ms", "services"))
            return (
                same
                and body["decision"] == "approved"
                and body["role"] == kind["approver"]
                and body["by"] != claim["by"]
            )
    return False


# ---- the figure

BUCKETS = ("up", "down", "unknown", "excluded_up", "excluded_down", "excluded_unknown")


def stream_of(objective):
    """Return the name of the hours that an objective rests on, as the contract's words make it."""
    if objective["indicator"] in {"availability", "fault.repair", "fault.repeat", "asset.active"}:
        return ""
    rules = objective["rules"]
    if objective["indicator"] in COUNTED:
        bound = f"{SIGN.get(objective['indicator'], '>=')} {objective['threshold']}"
        joined = f", {rules['quorum']} of {rules['vantages']}" if objective["indicator"] == PACKETS else ""
        return f"{objective['indicator']} {bound} one by one, in slots of {rules['check_every_s']} s{joined}"
    more = ("probe.reached", "probe.throughput.mean", "pon.onu.margin.gpon_b_plus")
    sign = ">=" if objective["indicator"] in more else "<="
    clock = f", clock error up to {rules['max_clock_error_ratio']} of it" if "delay_" in objective["indicator"] else ""
    return (
        f"{objective['indicator']} {sign} {objective['threshold']} every {rules['check_every_s']} s, "
        f"{rules['quorum']} of {rules['vantages']}{clock}"
    )


def judge(city, item, objective, start_ms, end_ms):
    """Return one objective's figures over a version's part of the period."""
    rules = objective["rules"]
    stream = stream_of(objective)
    tenure = city.tenure
    sold = {}
    for minute in tenure:
        sold.update(minute)
    inside = [start_ms <= city.start + i * MINUTE < end_ms for i in range(city.count)]
    open_ = [each and serves(rules["hours"], wall) for each, wall in zip(inside, city.walls, strict=True)]
    excused, rulings = claims(city, rules), decided(city)
    causes = {each["cause"] for each in rules["exclusions"] if not each["approver"]}
    found, weights, lossy, things, dark = {}, {}, {}, {}, [0, 0]
    for service, (of, weight) in sorted(sold.items()):
        mine = [service in minute for minute in tenure]
        if of != item["id"] or not any(a and b for a, b in zip(mine, inside, strict=True)):
            continue
        counting = objective["indicator"] in COUNTED
        cells = ruled(city.cells(service, "" if counting else stream), rules, city.start)
        dark[0] += sum(
            a and b and c.state == "UNKNOWN" for a, b, c in zip(mine, open_, cells, strict=True)
        )  # whether anybody was there to see faults no ruling changes
        overruled(cells, rules, [each for each in rulings if each[2] in ("", service)], city.start)
        out = [
            any(low <= city.start + i * MINUTE < high and named(service, who) for low, high, who in excused)
            for i in range(city.count)
        ]
        lossy[service] = high_loss(
            city, rules, cells, [a and b and not c for a, b, c in zip(mine, open_, out, strict=True)]
        )
        weights[service] = Fraction(weight)
        found[service] = [
            bucket(cell, out[i], causes, rules["degraded_mode"]) if mine[i] and open_[i] else None
            for i, cell in enumerate(cells)
        ]
        there = [a and b for a, b in zip(mine, open_, strict=True)]
        part = Fraction(sum(a and b for a, b in zip(mine, inside, strict=True)), city.count)
        things[service] = summed(objective, cells, (there, out), causes, part, reports=clocks(city, rules, service))
        if counting:
            bad = [each for each in rulings if each[2] in ("", service)]
            things[service] = counted(rules, city.places(service, stream), (there, out), causes, (bad, city.start))
        dark[1] += sum(there)
    tallies = {name: tally(buckets) for name, buckets in found.items()}
    if objective["indicator"] in (*MADE, *COUNTED):
        tallies = things
    minutes = {
        name: sum(name in minute for minute, there in zip(tenure, inside, strict=True) if there) for name in found
    }
    made = figures(objective, rules, found, tallies, weights)
    counted_ = objective["indicator"] in COUNTED and objective["indicator"] != PACKETS  # whose gaps have places
    if objective["indicator"].startswith("fault.") or counted_:
        share = Fraction(dark[0], dark[1]) if dark[1] else Fraction(1)
        made["unknown_ratio"] = max(share, made["unknown_ratio"])
        sure = made["unknown_ratio"] <= Fraction(rules["max_unknown_ratio"])
        made["verdict"] = verdict(made["value"], sure, objective)
    made["minutes"] = minutes
    made["high_loss"] = {name: each for name, each in lossy.items() if each[0]}
    bad = lowers(rules)
    made["against"] = {(name, i) for name, each in found.items() for i, b in enumerate(each) if b in bad}
    made["credit_percent"] = owed(city, objective, f"{item['id']}/{objective['id']}", made)
    return made


MADE = ("fault.repair", "fault.repeat", "asset.active", "probe.throughput.mean")


SIGN = {"portal.login.time": "<=", "portal.login.mean": "<="}
COUNTED = (
    "portal.login.success",
    "portal.login.time",
    "portal.login.mean",
    "lte.cell.rrc.success",
    "lte.cell.erab.success",
    "lte.cell.prb_dl.free",
    "probe.packets.answered",
)
PACKETS = "probe.packets.answered"


def counted(rules, places, when, causes, said):
    """Return the six sums of what is promised one by one: each place is one, in the minute that it stands in."""
    sums, (there, out), (rulings, start_ms) = dict.fromkeys(BUCKETS, 0), when, said
    for i, state, cause, n in places:
        shown = rules["undetermined_mode"] != "as_down" or (state, cause) != ("UNKNOWN", "undetermined")
        cell = Cell(state if shown else "DOWN", cause)
        for first, last, _, word, _, _ in rulings:
            if first <= start_ms + i * MINUTE < last:
                if word == "not_measured":
                    cell = Cell("UNKNOWN", "monitor")
                elif cell.state in ("DOWN", "DEGRADED"):
                    cell = Cell("UP", "") if word == "up" else Cell(cell.state, word)
        if there[i]:
            sums[bucket(cell, out[i], causes, rules["degraded_mode"])] += n
    return sums


def clocks(city, rules, service):
    """Return the tickets of a service: first and last minute of its life, and in which its clock stands still."""
    if rules.get("repair_from", "outage") == "outage":
        return None
    told = {}
    for leaf in city.leaves:
        body = leaf["fact"]["body"]
        if leaf["fact"]["kind"] != "ticket_step":
            continue
        minute = (leaf["recorded_ms"] - city.start) // MINUTE
        ticket = told.get(body["ticket"])
        if ticket is None:
            if body["step"] == "reported":
                names = body.get("services", [])
                told[body["ticket"]] = {"of": names, "born": minute, "dies": None, "since": None, "still": set()}
        elif ticket["dies"] is None:
            if body["step"] == "paused" and ticket["since"] is None:
                ticket["since"] = minute
            elif body["step"] in ("resumed", "closed") and ticket["since"] is not None:
                ticket["still"] |= set(range(ticket["since"], minute))
                ticket["since"] = None
            if body["step"] == "closed":
                ticket["dies"] = minute
                ticket["void"] = body.get("outcome") == "withdrawn"
    made = []
    for ticket in told.values():
        dies = city.count if ticket["dies"] is None else ticket["dies"]
        if ticket["since"] is not None:
            ticket["still"] |= set(range(ticket["since"], city.count))
        if service in ticket["of"] and not ticket.get("void"):
            made.append((ticket["born"], dies, ticket["still"]))
    return made


def summed(objective, cells, when, causes, part, *, reports=None):
    """Return the six sums of a figure that is made of what was seen: one thing is 1, a rate its share of the time."""
    sums, rules, (there, out) = dict.fromkeys(BUCKETS, 0), objective["rules"], when
    kind, limit = objective["indicator"], Fraction(objective["threshold"] or 0)

    def add(i, state, cause="", amount=1):
        if there[i]:
            sums[bucket(Cell(state, cause), out[i], causes, rules["degraded_mode"])] += amount

    if kind == "probe.throughput.mean":
        for i, c in enumerate(cells):
            if c.state != "UP" or not c.because.isdigit():
                add(i, c.state, c.cause, MINUTE)
                continue
            share = min(-(-int(c.because) * 10_000 // limit), 10_000)
            add(i, "UP", "", MINUTE // 10_000 * share)
            add(i, "DOWN", "carrier", MINUTE // 10_000 * (10_000 - share))
    if kind == "asset.active" and any(there):
        mine = [(c, excused) for c, is_there, excused in zip(cells, there, out, strict=True) if is_there]
        need = min(limit * 60 * part, len(mine))
        up = sum(c.state in GOOD for c, _ in mine)
        hidden = sum(c.state == "UNKNOWN" or (c.state == "DOWN" and (o or c.cause in causes)) for c, o in mine)
        state = "UP" if up >= need else "UNKNOWN" if up + hidden >= need else "DOWN"
        at = next((i for i in range(len(cells)) if there[i] and not out[i]), there.index(True))
        add(at, state, "carrier")
    if kind.startswith("fault."):
        before = None
        for first, last, cause in faults(cells):
            if kind == "fault.repair":
                clock, still = first, set()
                if reports is not None:
                    mine = [each for each in reports if each[0] <= last and each[1] > first]
                    if not mine:
                        continue
                    clock = max(first, min(born for born, _, _ in mine))
                    still = set().union(*(each for _, _, each in mine))
                sides = [cells[i].state if 0 <= i < len(cells) else "UNKNOWN" for i in (first - 1, last + 1)]
                lasted = sum(not out[i] and i not in still for i in range(clock, last + 1))
                state = "DOWN" if lasted > limit * 60 else "UNKNOWN" if "UNKNOWN" in sides else "UP"
            else:
                again = before is not None and first - before - 1 <= limit * 24 * 60
                between = [c.state for c in cells[before + 1 : first]] if again else []
                state = "UP" if not again else "DOWN" if any(s != "UNKNOWN" for s in between) else "UNKNOWN"
            add(first, state, cause)
            before = last
    return sums


def faults(cells):
    """Yield first and last minute of each row of DOWN, with the cause of its longest part, the earliest of equals."""
    i = 0
    while i < len(cells):
        if cells[i].state != "DOWN":
            i += 1
            continue
        first, parts = i, []
        while i < len(cells) and cells[i].state == "DOWN":
            label = (cells[i].cause, cells[i].because)
            if parts and parts[-1][0] == label:
                parts[-1][1] += 1
            else:
                parts.append([label, 1])
            i += 1
        longest = max(count for _, count in parts)
        yield first, i - 1, next(label[0] for label, count in parts if count == longest)


def high_loss(city, rules, cells, counts):
    """Return how many checks of available time were bad, and how many rows of so many, where their time counts."""
    every, rows, run = rules["check_every_s"] // 60, [], 0
    for i, c in enumerate([*cells, Cell()]):
        if i < len(counts) and counts[i] and c.because == "high loss":
            run += (city.start // MINUTE + i) % every == 0
        else:
            rows, run = [*rows, run], 0
    return sum(rows), sum(each >= rules.get("consecutive_high_loss", 5) for each in rows)


def serves(hours, wall):
    day, minute = wall
    return not hours or any(day in h["days"] and h["start_minute"] <= minute < h["end_minute"] for h in hours)


def named(service, who):
    return not who or "*" in who or service in who


def bucket(cell, out, causes, degraded):
    state = cell.state.lower()
    if state == "degraded":
        state = "down" if degraded == "as_down" else "up"
    excluded = out or (state == "down" and cell.cause in causes)
    return f"excluded_{state}" if excluded else state


def tally(buckets):
    return {name: MINUTE * buckets.count(name) for name in BUCKETS}


def united(found, aggregation):
    """Return the unit that the services form, minute by minute; an excluded one takes no part."""
    order_ = ("down", "unknown", "up") if aggregation == "any_down" else ("up", "unknown", "down")
    made = []
    for minute in zip(*found.values(), strict=True):
        there = [each for each in minute if each is not None]
        made.append(next((b for b in order_ if b in there), "excluded_up" if there else None))
    return made


def figures(objective, rules, found, tallies, weights):
    aggregation = rules["aggregation"]
    if aggregation in UNITS:
        sums = tally(united(found, aggregation))
        whole = sums
    else:
        sums = {name: sum(each[name] for each in tallies.values()) for name in BUCKETS}
        whole = sums
        if aggregation == "weighted":
            whole = {name: sum(each[name] * weights[s] for s, each in tallies.items()) for name in BUCKETS}
    value, lower, upper, share, determinable = ratio(whole, rules)
    return {
        "verdict": verdict(value, determinable, objective),
        "value": value,
        "lower": lower,
        "upper": upper,
        "unknown_ratio": share,
        "tally": sums,
        "services": tallies,
    }


def ratio(sums, rules):
    up, down, unknown = sums["up"], sums["down"], sums["unknown"]
    excluded = sums["excluded_up"] + sums["excluded_down"] + sums["excluded_unknown"]
    if rules["exclusion_mode"] == "not_excluded":
        up, down = up + sums["excluded_up"], down + sums["excluded_down"]
        unknown += sums["excluded_unknown"]
    if rules["exclusion_mode"] == "count_as_up":
        up += excluded
    all_ = up + down + unknown
    lower = Fraction(up) / all_ if all_ else Fraction(0)
    upper = Fraction(up + unknown) / all_ if all_ else Fraction(1)
    share = Fraction(unknown) / all_ if all_ else Fraction(1)
    num, den = {
        "as_up": (up + unknown, all_),
        "removed": (up, up + down),
        "as_down": (up, all_),
    }[rules["unknown_mode"]]
    value = Fraction(num) / den if den else None
    return value, lower, upper, share, bool(den) and share <= Fraction(rules["max_unknown_ratio"])


def verdict(value, determinable, objective):
    if value is None or not determinable:
        return "not_determinable"
    percent, target = value * 100, Fraction(objective["target"])
    kept = percent <= target if objective["comparison"] == "at_most" else percent >= target
    return "met" if kept else "missed"


# ---- money


def lowers(rules):
    """Return the buckets whose minutes lower the figure."""
    names = ["down", "unknown"] if rules["unknown_mode"] == "as_down" else ["down"]
    return names + [f"excluded_{n}" for n in names if rules["exclusion_mode"] == "not_excluded"]


def owed(city, objective, name, made):
    """Return what an objective owes by itself, in percent of the item's fee."""
    credits_ = objective["credits"]

    def of(value, before):
        percent = next((Fraction(t["percent"]) for t in credits_["tiers"] if holds(t, value * 100)), Fraction(0))
        if credits_["escalate_after"] and before >= credits_["escalate_after"]:
            percent *= Fraction(credits_["escalate_factor"])
        return capped(percent, credits_["object_cap_percent"])

    percent = Fraction(0)
    if credits_.get("per", "item") == "object":
        if made["verdict"] != "not_determinable" and sum(made["minutes"].values()):
            shares = Fraction(0)
            for service, sums in made["services"].items():
                value, _, _, _, determinable = ratio(sums, objective["rules"])
                if verdict(value, determinable, objective) == "missed":
                    shares += of(value, breaches(city, name, service)) * made["minutes"][service]
            percent = shares / sum(made["minutes"].values())
    elif made["verdict"] == "missed":
        percent = of(made["value"], breaches(city, name))
    return capped(percent, credits_["period_cap_percent"])


def holds(tier, percent):
    return (
        (not tier["at_least"] or percent >= Fraction(tier["at_least"]))
        and (not tier["above"] or percent > Fraction(tier["above"]))
        and (not tier["below"] or percent < Fraction(tier["below"]))
        and (not tier["at_most"] or percent <= Fraction(tier["at_most"]))
    )


def capped(percent, cap):
    return min(percent, Fraction(cap)) if cap else percent


def breaches(city, name, service=""):
    """Return how many calendar months in a row before the period had a part that was missed, by their last report.

    With a service: that it missed by itself.
    """
    count, at = 0, city.start
    while True:
        local = datetime.fromtimestamp((at - 1) / 1000, city.zone)
        first = datetime(local.year, local.month, 1, tzinfo=city.zone)
        after = datetime(local.year + local.month // 12, local.month % 12 + 1, 1, tzinfo=city.zone)
        low, high = (int(each.timestamp()) * 1000 for each in (first, after))
        told = [b for b in city.bodies("verdict") if low <= b["start_ms"] and b["end_ms"] <= high]
        last = [b for b in told if b["inputs_digest"] == told[-1]["inputs_digest"]]
        mine = [b for b in last if b["objective"] == name]
        if service:
            breached = any(service in b.get("services_missed", []) for b in mine)
        else:
            breached = any(b["outcome"] == "missed" for b in mine)
        if not breached:
            return count
        count, at = count + 1, low


def item_percent(item, judged):
    """Return what an item owes of its fee: by its dearest objective, or each by minutes that no dearer one took."""
    claims_ = [each for each in judged if each["credit_percent"]]
    if item.get("double_credit", "dearest") == "dearest":
        return max((each["credit_percent"] for each in claims_), default=Fraction(0))
    taken, sum_ = set(), Fraction(0)
    for each in sorted(claims_, key=lambda one: -one["credit_percent"]):
        fresh = each["against"] - taken
        share = Fraction(len(fresh), len(each["against"])) if each["against"] else 1
        sum_, taken = min(sum_ + each["credit_percent"] * share, Fraction(100)), taken | fresh
    return sum_


def cents(amount):
    """Round half up to the hundredth."""
    return Fraction((amount * 200 + 1) // 2, 100)


def windows(contracts):
    """Return how many working days a carrier may object, by the digest of the contract's text."""
    made = {}
    for each in contracts:
        text = json.dumps(each, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        made[sha256(text.encode()).hexdigest()] = each.get("dispute", {}).get("objection_days", 10)
    return made


def disagreements(contracts, leaves, report, areas, lateness):
    """Return where a report differs from what is found here, in words; none when all agrees.

    `areas` judges coverage, `lateness` who came too late: the modules beside this one.
    """
    period = report["period"]
    said = heard(leaves, windows(contracts), ZoneInfo(report["timezone"]), lateness)
    city = City(leaves, period["start_ms"], period["end_ms"], report["timezone"], said=said)
    versions = {each["version"]: each for each in contracts}
    made, fees, total = [], Fraction(0), Fraction(0)
    for part in report["parts"]:
        for told in part["items"]:
            item = next(each for each in versions[part["version"]]["items"] if each["id"] == told["item"])
            judged = []
            for said, objective in zip(told["objectives"], item["objectives"], strict=True):
                ours = judge(city, item, objective, part["start_ms"], part["end_ms"])
                where = f"version {part['version']} {item['id']}/{objective['id']}"
                made += [f"{where}: {each}" for each in differs(said, ours)]
                judged.append(ours)
            for said, promise in zip(told.get("coverage", ()), item.get("coverage", ()), strict=True):
                name = f"{item['id']}/{promise['id']}"
                version = versions[part["version"]]
                ours = areas.judge(
                    leaves, version, item, promise, at_ms=part["end_ms"], before=breaches(city, name), gone=gone(city)
                )
                made += [f"version {part['version']} {name}: {each}" for each in areas.differs(said, ours)]
                judged.append(ours)
            minutes = sum(contracted_minutes(city, item, part))
            due = Fraction(item["fee"]) * minutes / city.count
            amount = cents(due * item_percent(item, judged) / 100)
            fees, total = fees + due, total + amount
            where = f"version {part['version']} {item['id']}"
            if Fraction(told["fee_due"]) != due or Fraction(told["credit"]["amount"]) != amount:
                said = f"{told['fee_due']} is due, {told['credit']['amount']} owed"
                made.append(f"{where}: {said}; by brute force {due} and {amount}")
    cap = versions[report["parts"][-1]["version"]]["credit_cap_percent"]
    if cap:
        total = min(total, cents(fees * Fraction(cap) / 100))
    if listed(report) != corrected(leaves):
        made.append(f"corrections are {listed(report)}, by brute force {corrected(leaves)}")
    said = {
        each["start_ms"]: (each["leaf"], each["samples"], "refused" in each)
        for each in report.get("late_samples", {"rows": ()})["rows"]
    }
    if said != late(leaves):
        made.append(f"late samples are {said}, by brute force {late(leaves)}")
    ours = [at for at in city.said["late"] if leaves[at]["fact"]["kind"] == "objection"]
    told = [each["leaf"] for each in report.get("objections", ()) if each.get("because") == "late"]
    if told != ours:
        made.append(f"late objections are {told}, by brute force {ours}")
    if Fraction(report["credit"]["total"]) != total:
        made.append(f"credit is {report['credit']['total']}, by brute force {total}")
    return made


def corrected(leaves):
    """Return what is to be listed of corrections: leaf → (hour, leaves that state it again, why it was refused)."""
    made, hours = {}, {}
    for index, leaf in enumerate(leaves):
        body = leaf["fact"]["body"]
        match leaf["fact"]["kind"]:
            case "availability_hour":
                hours[index] = body["start_ms"]
                if "correction" in body:
                    made[body["correction"]][1].append(index)
            case "correction":
                made[index] = [hours[body["corrects"]], [], ""]
            case "correction_refused":
                made[body["correction"]][2] = made[body["correction"]][2] or body["reason"]
    return {index: tuple(each) for index, each in made.items()}


def late(leaves):
    """Return hour → (leaf, samples, whether a correction since was refused) of what came late and nobody took in."""
    made = {}
    for index, leaf in enumerate(leaves):
        body = leaf["fact"]["body"]
        match leaf["fact"]["kind"]:
            case "late_samples":
                made[body["start_ms"]] = (index, body["samples"], False)
            case "correction_refused" if body["start_ms"] in made:
                made[body["start_ms"]] = (*made[body["start_ms"]][:2], True)
            case "availability_hour" if "correction" in body:
                made.pop(body["start_ms"], None)
    return made


def listed(report):
    """Return the same as a report lists it."""
    return {
        each["leaf"]: (
            each["start_ms"],
            [index for first, count in each["stated"] for index in range(first, first + count)],
            each.get("because", ""),
        )
        for each in report.get("corrections", ())
    }


def contracted_minutes(city, item, part):
    sold = {}
    tenure = city.tenure
    for minute in tenure:
        sold.update(minute)
    for i, minute in enumerate(tenure):
        if part["start_ms"] <= city.start + i * MINUTE < part["end_ms"]:
            yield sum(sold[service][0] == item["id"] for service in minute)


def differs(said, ours):
    for name in ("value", "lower", "upper", "unknown_ratio"):
        if ours[name] != (Fraction(said[name]) if said[name] else None):
            yield f"{name} is {said[name]}, by brute force {ours[name]}"
    if Fraction(said["credit_percent"]) != ours["credit_percent"]:
        yield f"credit_percent is {said['credit_percent']}, by brute force {ours['credit_percent']}"
    if said["verdict"] != ours["verdict"]:
        yield f"verdict is {said['verdict']}, by brute force {ours['verdict']}"
    for name in BUCKETS:
        if said["tally"][f"{name}_ms"] != ours["tally"][name]:
            yield f"{name} is {said['tally'][f'{name}_ms']} ms, by brute force {ours['tally'][name]}"
    if "high_loss" in said:
        told = {row[0]: tuple(row[1:]) for row in said["high_loss"]["rows"]}
        if told != ours["high_loss"]:
            yield f"high loss is {told}, by brute force {ours['high_loss']}"
        if said["high_loss"]["hli"] != sum(each[0] for each in told.values()):
            yield f"high loss is {said['high_loss']['hli']} in all, by service {told}"
    columns = said["services"]["columns"]
    rows = {row[0]: dict(zip(columns, row, strict=True)) for row in said["services"]["rows"]}
    if rows.keys() != ours["services"].keys():
        yield f"services are {sorted(rows)}, by brute force {sorted(ours['services'])}"
        return
    for service, sums in ours["services"].items():
        told = {name: rows[service][f"{name}_ms"] for name in BUCKETS}
        if told != sums:
            yield f"{service} is {told}, by brute force {sums}"
