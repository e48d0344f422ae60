"""The third judge of coverage: every cell, every hour, every share between 0 and 1 halved until the ends are found.

It imports the standard library and nothing of the house; written from docs/explanation/sla.md.
"""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction

HOUR = 3_600_000
HALVINGS = 80


def judge(leaves, version, item, promise, *, at_ms, before, gone=()):
    """Return what an instant's samples say of one promise."""
    zones = areas_at(leaves, at_ms)
    names = sorted(item["select"]["areas"] or zones)
    technology = {"rsrp": "lte", "rssi": "wifi"}[promise["metric"]]
    hours = measured(leaves, version["carrier"], technology, gone=gone, zones=zones)
    ever = measured(leaves, version["carrier"], technology) if gone else hours
    looked = {name: [] for name in names}
    for area, cell, size in ((name, *each) for name in names for each in zones.get(name, [])):
        now, was = (look(each.get(cell, []), promise, at_ms) for each in (hours, ever))
        if was[0] == "known" != now[0]:  # what rulings alone made unknown
            now = (now[0], "out", now[2])
        looked[area].append((now, size))
    least = {each["area"]: each["percent"] for each in promise["minima"]}
    areas = {name: stand(cells, promise, least.get(name, promise["minimum"])) for name, cells in looked.items()}
    whole = stand([each for cells in looked.values() for each in cells], promise, promise["target"])
    missed = [name for name, each in areas.items() if each["verdict"] == "missed"]
    open_ = [name for name, each in areas.items() if each["verdict"] == "not_determinable"]
    verdict = whole["verdict"]
    if missed:
        verdict = "missed"
    elif open_ and verdict == "met":
        verdict = "not_determinable"
    return {
        "verdict": verdict,
        "whole": whole,
        "areas": areas,
        "credit_percent": owed(promise, whole, len(missed), before),
        "weak": {
            name: weak(
                [hours.get(c, []) for area in names if name in ("", area) for c, _ in zones.get(area, [])],
                promise,
                at_ms,
            )
            for name in ("", *names)
        },
        "against": set(),
    }


def weak(cells, promise, at_ms):
    """Return hours of known cells, those beneath the level, known cells, those mostly beneath it."""
    told = [0, 0, 0, 0]
    for hours in cells:
        state, count, _ = look(hours, promise, at_ms)
        if state == "known":
            level_alone = promise | {"quality": ""}
            _, _, good = look(hours, level_alone, at_ms)
            told = [told[0] + count, told[1] + count - good, told[2] + 1, told[3] + (good < count - good)]
    return told


# ---- what was stated


def known(leaf):
    return leaf["fact"]["at_ms"] if leaf["rehearsal"] else leaf["recorded_ms"]


def areas_at(leaves, at_ms):
    """Return area → [(cell, surface)] of the statement that ended last before the instant."""
    told = [each for each in leaves if each["fact"]["kind"] == "coverage_areas" and known(each) < at_ms]
    for leaf in reversed(told):
        digest = leaf["fact"]["body"]["areas"]
        parts = whole_of([each["fact"]["body"] for each in told if each["fact"]["body"]["areas"] == digest])
        rows = [row for part in parts for row in part["cells"]]
        text = json.dumps(rows, separators=(",", ":"), ensure_ascii=False).encode()
        if rows and hashlib.sha256(text).hexdigest() == digest:
            made = {}
            for cell, area, surface in rows:
                made.setdefault(area, []).append((cell, surface))
            return made
    return {}


def whole_of(bodies):
    first = bodies[0]
    same = [b for b in bodies if (b["parts"], b["resolution"]) == (first["parts"], first["resolution"])]
    parts = [next((b for b in same if b["part"] == number), None) for number in range(first["parts"])]
    return parts if None not in parts and all(b["part"] < first["parts"] for b in same) else []


def measured(leaves, carrier, technology, *, gone=(), zones=()):
    """Return cell → its hours, each with the sums of all surveys, less what rulings took out of one.

    `gone`: (survey, area or nothing, begin, end) of each; an hour is out as soon as one minute of it is.
    """
    bodies = [leaf["fact"]["body"] for leaf in leaves if leaf["fact"]["kind"] == "survey_import"]
    mine = [b for b in bodies if b["carrier"] == carrier and b["technology"] == technology]
    sums = {}
    for survey in {b["survey"]: None for b in mine}:
        for part in whole_of([b for b in mine if b["survey"] == survey]):
            for cell, hour, *values in part["cells"]:
                minutes = range(hour * HOUR, hour * HOUR + HOUR, 60_000)
                if any(
                    name == survey
                    and (not area or cell in [each for each, _ in dict(zones).get(area, [])])
                    and any(low <= at < high for at in minutes)
                    for name, area, low, high in gone
                ):
                    continue
                held = sums.setdefault(cell, {}).setdefault(hour, [0, 0, 0, 0, 0])
                sums[cell][hour] = [a + b for a, b in zip(held, values, strict=True)]
    return {cell: sorted(hours.items()) for cell, hours in sums.items()}


# ---- what it comes to


def look(hours, promise, at_ms):
    """Return (state, hours, good hours) of a cell."""
    past = [(hour, sums) for hour, sums in hours if hour * HOUR < at_ms]
    fresh = [sums for hour, sums in past if at_ms - hour * HOUR <= promise["max_age_days"] * 24 * HOUR]
    good = sum(is_good(sums, promise) for sums in fresh)
    if not past:
        return "never_measured", 0, 0
    if not fresh:
        return "too_old", 0, 0
    return ("known" if len(fresh) >= promise["min_hours"] else "too_few_hours"), len(fresh), good


def is_good(sums, promise):
    samples, silent, levels, rated, qualities = sums
    if 2 * silent >= samples or Fraction(levels, samples - silent) / 100 < Fraction(promise["level"]):
        return False
    return not promise["quality"] or (rated and Fraction(qualities, rated) / 100 >= Fraction(promise["quality"]))


def stand(cells, promise, target):
    surface = sum(size for _, size in cells)
    mine = [(good, hours, size) for (state, hours, good), size in cells if state == "known"]
    part = Fraction(sum(size for _, _, size in mine), surface) if surface else Fraction(0)
    states = [state for (state, _, _), _ in cells]
    counts = {name: states.count(name) for name in ("known", "never_measured", "too_few_hours", "too_old")}
    made = {"verdict": "not_determinable", "share": None, "lower": 0, "upper": 1, "unknown": 1 - part, "cells": counts}
    if not mine:
        return made
    weight = sum(size for _, _, size in mine)
    p = sum(Fraction(size * good, hours) for good, hours, size in mine) / weight
    n = Fraction(weight**2) / sum(Fraction(size**2, hours) for _, hours, size in mine)
    left = Fraction(weight, sum(size for (_, hours, _), size in cells if hours != "out"))
    slope, base = {
        "removed": (Fraction(1), Fraction(0)),
        "as_uncovered": (left, Fraction(0)),
        "as_covered": (left, 1 - left),
    }[promise["unknown_cells"]]
    z = Fraction(promise["z"])

    def beyond(t):
        """Above 0 outside of the interval, 0 at its ends, below 0 inside."""
        return n * (p - t) ** 2 - z * z * t * (1 - t)

    ends = []
    for far in (Fraction(0), Fraction(1)):
        out, within = far, p
        if beyond(p) == 0 and p in (0, 1):  # the share is itself an end; on its other side the interval has some width
            within = p if p == far else narrow(p, far, beyond)
        for _ in range(HALVINGS):
            middle = (out + within) / 2
            out, within = (middle, within) if beyond(middle) >= 0 and middle != p else (out, middle)
        ends.append((out, within))
    t = (Fraction(target) / 100 - base) / slope
    if 1 - part > Fraction(promise["max_unknown_ratio"]):
        verdict = "not_determinable"
    elif t <= ends[0][0] or (t < p and beyond(t) >= 0):
        verdict = "met"
    elif t > ends[1][0] or (t > p and beyond(t) > 0):
        verdict = "missed"
    else:
        verdict = "not_determinable"
    lower = outward(*ends[0], lambda g: beyond((g - base) / slope), slope, base, down=True)
    upper = outward(*ends[1], lambda g: beyond((g - base) / slope), slope, base, down=False)
    return made | {"verdict": verdict, "share": slope * p + base, "lower": lower, "upper": upper}


def narrow(p, far, beyond):
    """Return a share inside the interval, on the way from an end of it to the far side."""
    step = (far - p) / 2
    while beyond(p + step) >= 0:
        step /= 2
    return p + step


def outward(out, within, beyond, slope, base, *, down):
    """Return the printed bound: six decimals, never inside of the end itself."""
    low, high = sorted(slope * each + base for each in (out, within))
    first, last = (low * 10**6) // 1, (high * 10**6) // 1
    if not down:
        first, last = -(-low * 10**6 // 1), -(-high * 10**6 // 1)
    if first == last:
        return Fraction(first, 10**6)
    near = Fraction(last if down else first, 10**6)
    outside = beyond(near) >= 0
    if down:
        return near if outside else Fraction(first, 10**6)
    return near if outside else Fraction(last, 10**6)


def owed(promise, whole, missed, before):
    credits_ = promise["credits"]
    percent = Fraction(promise["area_percent"]) * missed
    if whole["verdict"] == "missed":
        value = whole["upper"] * 100
        for tier in credits_["tiers"]:
            low = value >= Fraction(tier["at_least"] or -1) and not (tier["above"] and value <= Fraction(tier["above"]))
            high = value <= Fraction(tier["at_most"] or 101) and not (
                tier["below"] and value >= Fraction(tier["below"])
            )
            if low and high:
                percent += Fraction(tier["percent"])
                break
    if credits_["escalate_after"] and before >= credits_["escalate_after"]:
        percent *= Fraction(credits_["escalate_factor"])
    for cap in (credits_["object_cap_percent"], credits_["period_cap_percent"]):
        percent = min(percent, Fraction(cap)) if cap else percent
    return percent


def differs(said, ours):
    """Yield where a report's entry differs from what is found here."""
    if said["verdict"] != ours["verdict"]:
        yield f"verdict is {said['verdict']}, by brute force {ours['verdict']}"
    if Fraction(said["credit_percent"]) != ours["credit_percent"]:
        yield f"credit_percent is {said['credit_percent']}, by brute force {ours['credit_percent']}"
    told = {row[0]: dict(zip(said["areas"]["columns"], row, strict=True)) for row in said["areas"]["rows"]}
    if sorted(told) != sorted(ours["areas"]):
        yield f"areas are {sorted(told)}, by brute force {sorted(ours['areas'])}"
        return
    for row in (dict(zip(said["weak"]["columns"], each, strict=True)) for each in said["weak"]["rows"]):
        found = [row[each] for each in ("cell_hours", "weak_hours", "cells", "weak_cells")]
        if found != ours["weak"][row["area"]]:
            yield f"weak of {row['area'] or 'all'} is {found}, by brute force {ours['weak'][row['area']]}"
        for part, whole in (("weak", "cell_hours"), ("weak_cells", "cells")):
            share = Fraction(row["weak_hours" if part == "weak" else part], row[whole]) if row[whole] else None
            if row[f"{part}_share"] != ("" if share is None else f"{share.numerator}/{share.denominator}"):
                yield f"{part}_share of {row['area'] or 'all'} is {row[f'{part}_share']}, by brute force {share}"
    if sorted(row[0] for row in said["weak"]["rows"]) != sorted(ours["weak"]):
        yield "weak is not told of each area and of all"
    for name, mine in {**ours["areas"], "": ours["whole"]}.items():
        row = told.get(name, said["whole"])
        found = {
            "verdict": row["verdict"],
            "share": Fraction(row["area_share"]) if row["area_share"] else None,
            "lower": Fraction(row["area_lower"]) / 100,
            "upper": Fraction(row["area_upper"]) / 100,
            "cells": {key: row[key] for key in mine["cells"]},
        }
        for key, value in found.items():
            if value != mine[key]:
                yield f"{key} of {name or 'all'} is {value}, by brute force {mine[key]}"
