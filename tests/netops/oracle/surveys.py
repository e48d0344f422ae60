"""Generated promises of coverage, areas and surveys, as facts; cells are names and need no grid."""

from inventory.model import Coverage, Credits, Minimum, Tier
from netops.evidence import canonical

HOUR = 3_600_000
AREAS = ("110108001", "110108002", "110108003")


def promises(rng, kind):
    """Return what an item promises of coverage: nothing, one or two things."""
    if kind == "fiber":
        return ()
    return tuple(_promise(rng, f"outdoor-{number}") for number in range(rng.choice([0, 1, 1, 2])))


def _promise(rng, name):
    target = rng.choice(["0", "30", "50", "80", "95", "100"])
    minima = tuple(
        Minimum(area=each, percent=rng.choice(["0", "40", "90"])) for each in rng.sample(AREAS, rng.randrange(3))
    )
    return Coverage(
        id=name,
        metric="rssi",
        level=rng.choice(["-75", "-70.5"]),
        quality=rng.choice(["", "", "10"]),
        target=target,
        minimum=rng.choice(["0", "0", "20", "60", "90"]),
        minima=minima,
        z=rng.choice(["1", "1", "1.96", "2.5758"]),
        min_hours=rng.choice([1, 2, 3]),
        max_age_days=rng.choice([1, 2, 180]),
        unknown_cells=rng.choice(["removed", "as_uncovered", "as_covered"]),
        max_unknown_ratio=rng.choice(["0", "0.3", "0.75", "1", "1"]),
        area_percent=rng.choice(["0", "1.5"]),
        credits=Credits(
            tiers=(Tier(percent="8", below=target or "1", at_least="20"), Tier(percent="40.5", below="20")),
            object_cap_percent=rng.choice(["", "20"]),
            period_cap_percent=rng.choice(["", "12.5"]),
            escalate_after=rng.choice([0, 1, 2]),
            escalate_factor=rng.choice(["1.5", "2"]),
        ),
    )


def facts(rng, *, start_ms, end_ms, carrier):
    """Yield `(kind, body, known_ms)`: areas stated once or again, surveys whole, torn, doubled and of others."""
    cells = {f"c{number}": rng.choice(AREAS) for number in range(rng.choice([1, 3, 3, 8]))}
    for _ in range(rng.choice([0, *[1] * 12, 2, 2, 2])):
        rows = [[cell, area, rng.choice([1000, 1000, 700, 1310])] for cell, area in sorted(cells.items())]
        digest = canonical.digest(canonical.dumps(rows)) if rng.random() < 0.95 else "0" * 64
        at_ms = rng.choice([start_ms - HOUR] * 24 + [start_ms + HOUR, end_ms - 1, end_ms, end_ms + HOUR])
        told = {"areas": digest, "grid": "4", "resolution": 9, "by": "t"}
        yield from _parts(rng, "coverage_areas", told, rows, at_ms)
        cells[rng.choice(list(cells))] = rng.choice(AREAS)
    for number in range(rng.choice([0, *[1, 2, 3] * 4])):
        rows = _rows(rng, [*cells, "elsewhere"], end_ms // HOUR)
        told = {
            "survey": canonical.digest(str(rng.choice([number, number, number, number, 0])).encode()),
            "carrier": rng.choice([carrier] * 12 + ["other"]),
            "technology": rng.choice(["wifi"] * 12 + ["lte"]),
            "grid": "4",
            "resolution": 9,
            "samples": sum(row[2] for row in rows),
            "first_ms": min(row[1] for row in rows) * HOUR,
            "last_ms": max(row[1] for row in rows) * HOUR,
            "datums": {"WGS-84": 1},
            "error_mm": 0,
            "instruments": {"TSME6": 1},
            "by": "t",
        }
        yield from _parts(rng, "survey_import", told, rows, end_ms + 2 * HOUR)


def _rows(rng, cells, until):
    """Return rows of an hour each; some are of hours to come, some of long ago."""
    made = {}
    good = rng.choice([0.0, 0.5, 0.9, 1.0, 1.0])
    for cell in cells:
        for _ in range(rng.choice([0, 3, 6, 6, 12])):
            samples = rng.choice([1, 1, 2, 5])
            silent = rng.randint(0, samples) if rng.random() < 0.2 else 0
            heard = samples - silent
            rated = rng.choice([0, heard, heard])
            level = -6500 if rng.random() < good else rng.choice([-7050, -7500, -7501, -9000])
            made[cell, until - rng.choice([-1, 0, 1, 1, 2, 3, 10, 24, 25, 47, 48, 49, 5000])] = [
                *(samples, silent, level * heard, rated, rng.choice([900, 1000, 1500]) * rated)
            ]
    made.setdefault((cells[0], until - 3), [1, 0, -6500, 0, 0])
    return [[cell, hour, *sums] for (cell, hour), sums in sorted(made.items())]


def _parts(rng, kind, told, rows, at_ms):
    cut = rng.randrange(len(rows) + 1)
    parts = [rows[:cut], rows[cut:]] if 0 < cut < len(rows) else [rows]
    for number, part in enumerate(parts):
        if rng.random() > 0.03:
            yield kind, {**told, "part": number, "parts": len(parts), "cells": part}, at_ms
