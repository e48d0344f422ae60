"""Coverage by area anew: which cells are known, how much of the surface hears the network, what is owed for it.

Part of the second implementation (`verifier.py`). It shares nothing with `netops/coverage`: hours are judged row by row
as they stand in the leaves, and a bound is searched among the decimals that could be printed, by the inequality that
defines Wilson's interval; no root is taken. In which cell a position lay is not recomputed here: the grid's library is
no part of a bare Python. ADR 27 says what binds that.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from netops.evidence import canonical
from netops.evidence.decided import removed
from netops.evidence.figures import exact, limited, owed, written
from netops.evidence.stated import HOUR

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import tzinfo

    from netops.evidence.stated import Stated

TECHNOLOGY = {"rsrp": "lte", "rssi": "wifi"}
KNOWN = ("known", "never_measured", "too_few_hours", "too_old")
COLUMNS = [
    *("area", "area_target", "verdict", "because", "area_share", "area_shown", "area_lower", "area_upper", "n"),
    *("surface_dm2", "known_dm2", "unknown_shown", *KNOWN, "newest_ms", "oldest_ms"),
]
WEAK = [
    *("area", "cell_hours", "weak_hours", "weak_share", "weak_shown"),
    *("cells", "weak_cells", "weak_cells_share", "weak_cells_shown"),
]
UNTOLD = ("netops-report/1", "netops-report/2", "netops-report/3")  # told nothing of weak coverage
FINE = 1_000_000  # a bound is a share of so many parts
DAY = 24 * HOUR
Row = dict[str, Any]
Looked = tuple[str, int, int, int]  # whether a cell is known, its fresh hours, the good ones, when the newest began
Cells = list[tuple[Looked, int]]  # with the surface of each
Limits = tuple[Fraction, Fraction | None]  # level and quality, in hundredths
Rows = dict[str, dict[int, list[int]]]  # cell → hour → samples, silent, levels, rated, qualities


def promised(
    leaves: Stated,
    item: Mapping[str, Any],
    *,
    carrier: str,
    at: int,
    month: tuple[int, tzinfo],
    whole: tuple[int, int, str],
    told_in: str,
) -> list[dict[str, Any]]:
    """Return what the report must say of each of an item's promises of coverage; `month` is its begin and its zone.

    `whole` is the period of the report and its contract: a ruling takes nothing out for another report's. `told_in` is
    the report's format.
    """
    made = []
    for given in item.get("coverage", ()):
        before = leaves.breaches(f"{item['id']}/{given['id']}", *month)
        areas = item["select"]["areas"]
        made.append(covered(leaves, given, carrier=carrier, areas=areas, at=at, before=before, month=whole))
        if told_in in UNTOLD:
            del made[-1]["weak"]
    return made


def covered(
    leaves: Stated,
    given: Mapping[str, Any],
    *,
    carrier: str,
    areas: Sequence[str],
    at: int,
    before: int,
    month: tuple[int, int, str],
) -> dict[str, Any]:
    """Return what the report must say of one promise of coverage at an instant; no area named means all."""
    technology = TECHNOLOGY[given["metric"]]
    digest, grid, zones = _zones(leaves, at)
    told, rows, gone = _surveys(leaves, carrier, technology, zones, month)
    minima = {each["area"]: each["percent"] for each in given["minima"]}
    areas = sorted(areas or zones)
    limits = exact(given["level"]) * 100, exact(given["quality"]) * 100 if given["quality"] else None
    looked: dict[str, Cells] = {}
    lost = dict.fromkeys(areas, 0)
    for area in areas:
        looked[area] = []
        for cell, size in zones.get(area, {}).items():
            now = _look(rows.get(cell, {}), given, limits, at)
            looked[area].append((now, size))
            if cell in gone and now[0] != "known":
                lost[area] += size * (_look(_both(rows.get(cell, {}), gone[cell]), given, limits, at)[0] == "known")
    singly = [
        _stand(area, cells, minima.get(area, given["minimum"]), given, lost=lost[area])
        for area, cells in looked.items()
    ]
    whole_cells, all_lost = [each for cells in looked.values() for each in cells], sum(lost.values())
    whole = _stand("", whole_cells, given["target"], given, lost=all_lost)
    told |= {"ruled_out_dm2": all_lost} if all_lost else {}
    inside = {cell for area in areas for cell in zones.get(area, {})}
    told["outside"] = sum(each[0] for cell, hours in rows.items() if cell not in inside for each in hours.values())
    verdict, because = _with_minima(whole, singly)
    percent = _owed(whole, singly, given, before)
    hours = {area: [rows.get(cell, {}) for cell in zones.get(area, {})] for area in areas}
    every = {"": [each for some in hours.values() for each in some], **hours}
    return {
        "objective": given["id"],
        "title": given["title"],
        "promise": given,
        "carrier": carrier,
        "technology": technology,
        "at_ms": at,
        "grid": grid,
        "areas_digest": digest,
        "surveys": told,
        "verdict": verdict,
        "because": because,
        "whole": whole,
        "areas": {"columns": COLUMNS, "rows": [[each[name] for name in COLUMNS] for each in singly]},
        "weak": {"columns": WEAK, "rows": [_weak(area, some, given, limits[0], at) for area, some in every.items()]},
        "breaches_before": before,
        "credit_percent": written(percent),
    }


# ---- what is stated


def _zones(leaves: Stated, at: int) -> tuple[str, str, dict[str, dict[str, int]]]:
    """Return the areas that were stated last before the instant, whole and as their digest says."""
    held: dict[str, list[dict[str, Any]]] = {}
    last: dict[str, int] = {}
    for index, leaf in leaves.kinds.get("coverage_areas", ()):
        body = leaf["fact"]["body"]
        if leaves.known(leaf) < at:
            held.setdefault(body["areas"], []).append(body)
            last[body["areas"]] = index
    for digest in sorted(held, key=lambda each: last[each], reverse=True):
        parts = _parts(held[digest])
        cells = [row for part in parts for row in part["cells"]]
        if parts and canonical.digest(canonical.dumps(cells)) == digest:
            zones: dict[str, dict[str, int]] = {}
            for cell, area, size in cells:
                zones.setdefault(area, {})[cell] = size
            return digest, parts[0]["grid"], zones
    return "", "", {}


def _surveys(
    leaves: Stated,
    carrier: str,
    technology: str,
    zones: Mapping[str, Mapping[str, int]],
    month: tuple[int, int, str],
) -> tuple[dict[str, int], Rows, Rows]:
    """Return how much was surveyed of one network, what was measured less what rulings take out, and that."""
    gone, out = 0, [each for each in removed(leaves) if each.month == month]
    taken: Rows = {}
    files: dict[str, list[dict[str, Any]]] = {}
    for body in leaves.bodies("survey_import"):
        if body["carrier"] == carrier and body["technology"] == technology:
            files.setdefault(body["survey"], []).append(body)
    rows: Rows = {}
    told = {"count": 0, "incomplete": 0, "samples": 0}
    for name, bodies in files.items():
        mine = [each for each in out if each.survey == name]
        parts = _parts(bodies)
        told["count" if parts else "incomplete"] += 1
        for number, part in enumerate(parts):
            told["samples"] += 0 if number else part["samples"]
            for cell, hour, *sums in part["cells"]:
                is_out = any(each.takes(cell, hour, zones) for each in mine)
                gone += is_out
                hours = (taken if is_out else rows).setdefault(cell, {})
                hours[hour] = [a + b for a, b in zip(hours.get(hour, [0] * 5), sums, strict=True)]
    told |= {"cell_hours": sum(len(hours) for hours in rows.values())} | ({"taken_out": gone} if gone else {})
    return told, rows, taken


def _both(one: Mapping[int, list[int]], other: Mapping[int, list[int]]) -> dict[int, list[int]]:
    """Return the hours of two tables of a cell, added where both have one."""
    nothing = [0] * 5
    return {
        hour: [a + b for a, b in zip(one.get(hour, nothing), other.get(hour, nothing), strict=True)]
        for hour in {*one, *other}
    }


def _parts(bodies: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the parts of the first statement, if each is there."""
    many, fine = bodies[0]["parts"], bodies[0]["resolution"]
    mine: dict[int, dict[str, Any]] = {}
    for body in bodies:
        if body["parts"] == many and body["resolution"] == fine and body["part"] not in mine:
            mine[body["part"]] = body
    ordered = sorted(mine)
    whole = len(ordered) == many and ordered[:1] == [0] and ordered[-1:] == [many - 1]
    return [mine[number] for number in ordered] if whole else []


# ---- cells and areas


def _look(hours: Mapping[int, Sequence[int]], given: Mapping[str, Any], limits: Limits, at: int) -> Looked:
    """Return what is known of a cell at an instant."""
    begun = [hour for hour in hours if hour * HOUR < at]
    newest = max(begun, default=0) * HOUR
    fresh = _fresh(hours, given, at)
    good = len([hour for hour in fresh if _good(hours[hour], *limits)])
    if not begun:
        return "never_measured", 0, 0, 0
    if not fresh:
        return "too_old", 0, 0, newest
    return ("too_few_hours" if len(fresh) < given["min_hours"] else "known"), len(fresh), good, newest


def _fresh(hours: Mapping[int, Sequence[int]], given: Mapping[str, Any], at: int) -> list[int]:
    """Return the hours that began before the instant and are young enough."""
    return [hour for hour in hours if hour * HOUR < at <= hour * HOUR + given["max_age_days"] * DAY]


def _weak(
    area: str, cells: Sequence[Mapping[int, Sequence[int]]], given: Mapping[str, Any], level: Fraction, at: int
) -> list[Any]:
    """Return how many hours of known cells, and how many of these cells, are beneath the level [弱覆盖]."""
    counted = [0, 0, 0, 0]
    for hours in cells:
        fresh = _fresh(hours, given, at)
        if not fresh or len(fresh) < given["min_hours"]:
            continue
        weak = len([hour for hour in fresh if not _good(hours[hour], level, None)])
        for place, more in enumerate((len(fresh), weak, 1, int(weak > len(fresh) - weak))):
            counted[place] += more
    row: list[Any] = [area]
    for whole, part in (counted[:2], counted[2:]):
        share = Fraction(part, whole) if whole else None
        row += [whole, part, written(share), "" if share is None else _shown(share * 100, 6)]
    return row


def _good(sums: Sequence[int], level: Fraction, quality: Fraction | None) -> bool:
    """Return whether most samples of an hour heard the network, and their means reach the least, in hundredths."""
    samples, silent, levels, rated, qualities = sums
    heard = samples - silent
    if heard <= silent or levels * level.denominator < level.numerator * heard:
        return False
    return quality is None or (rated > 0 and qualities * quality.denominator >= quality.numerator * rated)


def _stand(area: str, cells: Cells, target: str, given: Mapping[str, Any], *, lost: int) -> Row:
    """Return a row; `lost` is the surface of the cells that rulings alone made unknown: in no share by any rule."""
    known = [(hours, good, size) for (state, hours, good, _), size in cells if state == "known"]
    surface, mine = sum(size for _, size in cells), sum(size for _, _, size in known)
    told: Row = dict.fromkeys(KNOWN, 0)
    for (state, *_), _ in cells:
        told[state] += 1
    begun = [newest for (_, _, _, newest), _ in cells if newest]
    unknown = Fraction(surface - mine, surface) if surface else Fraction(1)
    share, n, low, high = None, Fraction(0), 0, FINE
    verdict, because = "not_determinable", "nothing_known"
    if known:
        cover = _summed([(size * good, hours) for hours, good, size in known]) / mine
        n = Fraction(mine * mine) / _summed([(size * size, hours) for hours, _, size in known])
        counted = _counted(given["unknown_cells"], Fraction(mine, surface - lost))
        z, base = exact(given["z"]), counted(Fraction(0))
        share, low, high = counted(cover), *_bounds(cover, n, z, counted)
        verdict, because = _verdict(cover, n, z, (exact(target) / 100 - base) / (counted(Fraction(1)) - base))
        if unknown > exact(given["max_unknown_ratio"]):
            verdict, because = "not_determinable", "too_much_unknown"
    values = (
        *(area, target, verdict, because, written(share), "" if share is None else _shown(share * 100, 6)),
        *(_shown(Fraction(each * 100, FINE), 4) for each in (low, high)),
        *(_shown(n, 1), surface, mine, _shown(unknown * 100, 6), *(told[name] for name in KNOWN)),
        *(max(begun, default=0), min(begun, default=0)),
    )
    return dict(zip(COLUMNS, values, strict=True))


def _summed(parts: Sequence[tuple[int, int]]) -> Fraction:
    """Return the sum of many quotients; those with one denominator are added first, so that numbers stay small."""
    by: dict[int, int] = {}
    for top, bottom in parts:
        by[bottom] = by.get(bottom, 0) + top
    return sum((Fraction(top, bottom) for bottom, top in sorted(by.items())), Fraction(0))


# ---- the interval: all shares t with n (p - t)^2 <= z^2 t (1 - t)


def _counted(rule: str, known: Fraction) -> Callable[[Fraction], Fraction]:
    """Return what a share of the known surface is of all of it, by the contract's rule for unknown cells."""
    if rule == "as_uncovered":
        return lambda share: share * known
    if rule == "as_covered":
        return lambda share: share * known + (1 - known)
    return lambda share: share


def _holds(p: Fraction, n: Fraction, z: Fraction, t: Fraction) -> bool:
    """Return whether the interval holds a share; from 0 to 1, ends included."""
    return 0 <= t <= 1 and n * (p - t) ** 2 <= z * z * t * (1 - t)


def _bounds(p: Fraction, n: Fraction, z: Fraction, counted: Callable[[Fraction], Fraction]) -> tuple[int, int]:
    """Return the ends in parts of `FINE`, outward: the last number not above all, the first not below all it holds."""
    base, slope = counted(Fraction(0)), counted(Fraction(1)) - counted(Fraction(0))

    def beyond(number: int, *, low: bool) -> bool:
        """Return whether a number lies at or outside of one end."""
        t = (Fraction(number, FINE) - base) / slope
        if not 0 <= t <= 1:
            return t < 0 if low else t > 1
        rest = n * (p - t) ** 2 - z * z * t * (1 - t)
        return rest >= 0 and (t <= p if low else t >= p) and not (rest == 0 and _inner(p, t, low=low))

    first, last = 0, FINE
    while first < last:  # the largest number that is at or below the lower end
        middle = (first + last + 1) // 2
        first, last = (middle, last) if beyond(middle, low=True) else (first, middle - 1)
    lower, first, last = first, 0, FINE
    while first < last:  # the smallest number that is at or above the upper end
        middle = (first + last) // 2
        first, last = (first, middle) if beyond(middle, low=False) else (middle + 1, last)
    return lower, first


def _inner(p: Fraction, t: Fraction, *, low: bool) -> bool:
    """Return whether a root lies on the other side: with p 0 or 1 that share is itself an end of one side alone."""
    return (low and p == t == 1) or (not low and p == t == 0)


def _verdict(p: Fraction, n: Fraction, z: Fraction, t: Fraction) -> tuple[str, str]:
    """Hold the interval against what the known surface must reach."""
    outside = not _holds(p, n, z, t)
    ends = n * (p - t) ** 2 == z * z * t * (1 - t)  # the target is itself an end
    if t <= 0 or (t < p and (outside or ends)):
        return "met", "lower_bound_reaches_target"
    if t > p and outside:
        return "missed", "upper_bound_below_target"
    return "not_determinable", "bounds_hold_the_target"


def _with_minima(whole: Row, areas: Sequence[Row]) -> tuple[str, str]:
    """Return the verdict on all: a whole with an area below its minimum is missed."""
    missed = ", ".join(each["area"] for each in areas if each["verdict"] == "missed")
    unsure = ", ".join(each["area"] for each in areas if each["verdict"] == "not_determinable")
    if missed and whole["verdict"] != "missed":
        return "missed", f"minimum_missed: {missed}"
    if unsure and whole["verdict"] == "met":
        return "not_determinable", f"minimum_not_determinable: {unsure}"
    return whole["verdict"], whole["because"]


def _owed(whole: Row, areas: Sequence[Row], given: Mapping[str, Any], before: int) -> Fraction:
    """Return what is owed in percent of the fee: a tier by the upper bound, and so much for each area missed."""
    plain = {**given["credits"], "escalate_after": 0, "object_cap_percent": ""}
    percent = owed(exact(whole["area_upper"]), plain, before) if whole["verdict"] == "missed" else Fraction(0)
    percent += exact(given["area_percent"]) * len([each for each in areas if each["verdict"] == "missed"])
    schedule = given["credits"]
    if schedule["escalate_after"] and before >= schedule["escalate_after"]:
        percent *= exact(schedule["escalate_factor"])
    return limited(limited(percent, schedule["object_cap_percent"]), schedule["period_cap_percent"])


def _shown(value: Fraction, places: int) -> str:
    whole, rest = divmod(value * 10**places // 1, 10**places)
    return f"{whole}.{rest:0{places}d}"
