"""A second judge of coverage, from the facts' JSON alone and by another way of reckoning, agrees with the first.

It shares no code with `netops/coverage`: it takes the sealed bodies, walks every row for every cell, and finds the ends
of the interval by bisection of the contradiction n (p - x)^2 - z^2 x (1 - x) in 60 digits.
"""

from __future__ import annotations

import json
import os
import random
from decimal import Decimal, localcontext
from fractions import Fraction

from netops import facts
from netops.coverage import sealed
from netops.coverage.cells import Hour, Rules, Table
from netops.coverage.judge import Promise, judge
from netops.coverage.survey import Survey

HOUR = 3_600_000
NOW = 490_000 * HOUR + 77
ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "60"))
SEED = int(os.environ.get("NETOPS_SEED", "0"))


def ends(p, n, z):
    """Return both ends of the interval, by bisection."""
    with localcontext() as context:
        context.prec = 60
        p, n = (Decimal(each.numerator) / each.denominator for each in (p, n))

        def against(x):
            return n * (p - x) ** 2 - z * z * x * (1 - x) > 0

        found = []
        for outside in (Decimal(0), Decimal(1)):
            far, near = outside, p
            for _ in range(150):
                middle = (far + near) / 2
                far, near = (middle, near) if against(middle) else (far, middle)
            found.append(far if p != outside else outside)
        return found


def second(bodies, promise):
    """Return area → (outcome, lower, upper), and the whole under '', from the facts' bodies."""
    rows, owned = [], []
    for kind, body in bodies:
        (owned if kind == "coverage_areas" else rows).extend(body["cells"])
    stands, all_cells = {}, []
    for area in sorted({area for _, area, _ in owned}):
        cells = []
        for cell, owner, surface in owned:
            if owner == area:
                fresh = [row for row in rows if row[0] == cell and NOW - promise["age_ms"] <= row[1] * HOUR < NOW]
                good = 0
                for _, _, samples, silent, level, _, _ in fresh:
                    heard = samples - silent
                    good += heard > silent and Fraction(level, heard) >= promise["level"]
                cells.append((surface, len(fresh), good))
        stands[area] = stand(cells, promise["minimum"], promise)
        all_cells += cells
    whole = stand(all_cells, promise["target"], promise)
    outcomes = [each[0] for each in stands.values()]
    if "missed" in outcomes or whole[0] == "missed":
        whole = ("missed", *whole[1:])
    elif "not_determinable" in outcomes:
        whole = ("not_determinable", *whole[1:])
    return {"": whole} | stands


def stand(cells, target, promise):
    known = [each for each in cells if each[1] >= promise["min_hours"]]
    weight = sum(each[0] for each in known)
    if not known:
        return ("not_determinable", None, None)
    share = sum(Fraction(surface, weight) * Fraction(good, hours) for surface, hours, good in known)
    n = 1 / sum(Fraction(surface, weight) ** 2 / hours for surface, hours, _ in known)
    lower, upper = ends(share, n, promise["z"])
    dark = 1 - Fraction(weight, sum(each[0] for each in cells))
    aim = Decimal(target.numerator) / target.denominator
    if dark > promise["max_unknown"]:
        return ("not_determinable", lower, upper)
    if lower >= aim:
        return ("met", lower, upper)
    return ("missed" if upper < aim else "not_determinable", lower, upper)


def city(seed):
    """Return facts and a promise, drawn so that all three outcomes and unknown cells are frequent."""
    picked = random.Random(seed)
    table, zones = Table(), {}
    quality = picked.choice([0.5, 0.9, 0.97, 1.0])
    for area in range(picked.randrange(1, 4)):
        cells = [f"{area}{index:014x}" for index in range(picked.randrange(1, 25))]
        zones[f"area-{area}"] = {cell: picked.randrange(6_000, 13_000) for cell in cells}
        for cell in cells:
            for back in picked.sample(range(-1, 60), picked.choice([0, 1, 3, 8, 30]) if picked.random() < 0.3 else 12):
                samples = picked.randrange(1, 5)
                silent = picked.randrange(samples + 1) if picked.random() < 0.1 else 0
                level = -9_000 if picked.random() < quality else picked.choice([-10_500, -10_501, -12_000])
                table.add(cell, 490_000 - back, Hour(samples, silent, level * (samples - silent)))
    survey = Survey("lte", 9, digest="ab" * 32, samples=1, first_ms=1, last_ms=2, table=table)
    made = sealed.of_areas(zones, grid="4.5.0", resolution=9, by="t", now_ms=NOW)
    made += sealed.of_survey(survey, carrier="c", grid="4.5.0", by="t", now_ms=NOW)
    promise = {
        "target": Fraction(picked.choice([60, 80, 90, 95]), 100),
        "minimum": Fraction(picked.choice([30, 50, 80]), 100),
        "z": Decimal(picked.choice(["1.645", "1.96", "2.576"])),
        "max_unknown": Fraction(picked.choice([5, 20, 50]), 100),
        "level": -10_500,
        "min_hours": picked.randrange(1, 5),
        "age_ms": picked.choice([20, 50, 100]) * HOUR,
    }
    return made, promise


def test_two_judges_that_share_no_code_agree():
    seen = set()
    for seed in range(SEED, SEED + ROUNDS):
        made, promise = city(seed)
        rules = Rules(level=promise["level"], min_hours=promise["min_hours"], max_age_ms=promise["age_ms"])
        asked = Promise(
            rules=rules,
            target=promise["target"],
            minimum=promise["minimum"],
            z=Fraction(promise["z"]),
            max_unknown=promise["max_unknown"],
        )
        told = [facts.decode(facts.encode(fact)) for fact in made]
        held = sealed.read(told, carrier="c", technology="lte")
        ((_, table),) = held.surveys
        found = judge(table, held.zones, asked, at_ms=NOW)
        wanted = second([(fact.kind, json.loads(json.dumps(fact.body))) for fact in told], promise)
        for area, standing in [("", found.whole), *found.areas.items()]:
            outcome, lower, upper = wanted[area]
            seen.add(standing.outcome.value)

            assert standing.outcome.value == outcome, f"seed {seed}, {area or 'whole'}"
            if lower is not None:
                for shown, exact, sign in ((standing.lower, lower, 1), (standing.upper, upper, -1)):
                    off = (exact - Decimal(shown.numerator) / shown.denominator) * sign
                    assert Decimal("-1e-20") <= off < Decimal("1.001e-4"), f"seed {seed}, {area or 'whole'}"

    if ROUNDS >= 20:
        assert seen == {"met", "missed", "not_determinable"}
