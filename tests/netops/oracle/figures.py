"""From cells to a figure: buckets, counts of things, ratios, a verdict. Part of the judge by brute force."""

from __future__ import annotations

from fractions import Fraction

from tests.netops.oracle.cells import GOOD, MINUTE, UNITS, Cell

BUCKETS = ("up", "down", "unknown", "excluded_up", "excluded_down", "excluded_unknown")
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
