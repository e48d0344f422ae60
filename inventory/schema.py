"""A JSON Schema of contract files for editors, made of the same tables as the reader.

It says what has a shape: keys, words, ids, numbers, lists and maps. What two fields say together (tiers that overlap,
dates in order, the rules that a mode forbids) is the reader's alone. An editor may see a number where the reader sees
its text: both are good here, and a bound holds for what is seen as a number.
"""

from __future__ import annotations

import re
from typing import Any, get_args

from inventory import model, workdays
from inventory.reading import contract, coverage, form, rules

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_WINDOW = re.sub(r"\?P<\w+>", "", rules.WINDOW.pattern)
_UNSAID: Schema = {"enum": ["", None]}
_HOURS: Schema = {"type": "string", "pattern": f"^(?:always|{_WINDOW})$"}


def schema() -> Schema:
    """Return the schema of one contract file."""
    made = _table(contract.KEYS, _CONTRACT, ("contract", "version", "title", "carrier", "valid_from", "rules", "items"))
    made["properties"]["rules"] = _table(rules.KEYS, _RULES, rules.NEEDED)
    return {"$schema": DIALECT, "title": "A contract version of NetOps", **made}


def _table(keys: tuple[str, ...], known: Schema, needed: tuple[str, ...] = ()) -> Schema:
    """Return an object of exactly these keys; a key of the reader without a shape here is a KeyError.

    A value that is not needed may be left empty, as the reader allows it; a map may not.
    """
    shapes = {}
    for key in keys:
        shape = known[key]
        if key in needed:
            shapes[key] = {**shape, "minLength": 1} if shape is _TEXT else shape
        else:
            shapes[key] = shape if shape.get("type") == "object" else {"anyOf": [shape, _UNSAID]}
    return {"type": "object", "properties": shapes, "required": list(needed), "additionalProperties": False}


def _many(each: Schema, least: int = 0) -> Schema:
    return {"type": "array", "items": each, "minItems": least}


def _words(options: tuple[str, ...]) -> Schema:
    return {"enum": list(options)}


def _slug(most: int = form.MOST_SLUG) -> Schema:
    return {"type": ["string", "number"], "pattern": f"^{form.SLUG.pattern}$", "maxLength": most, "minimum": 0}


def _decimal(low: int | None = None, high: int | None = None) -> Schema:
    bounds = {name: each for name, each in (("minimum", low), ("maximum", high)) if each is not None}
    sign = "" if low is not None and low >= 0 else "-?"
    shape = form.DECIMAL.pattern.removeprefix("-?")
    return {"type": ["string", "number"], "pattern": f"^{sign}{shape}$", **bounds}


def _whole(low: int, high: int) -> Schema:
    return {"type": ["string", "integer"], "pattern": "^[0-9]{1,15}$", "minimum": low, "maximum": high}


_TEXT: Schema = {"type": ["string", "number", "boolean"], "maxLength": form.MOST_TEXT}
_DATE: Schema = {"type": ["string", "integer"], "pattern": "^[0-9]{4}-?(?:[0-9]{2}|W)", "minimum": 1970_01_01}
_SHORT = f"(?:[a-z0-9][a-z0-9_.-]{{0,{form.MOST_SLUG - 1}}})?"
_SLUGS: Schema = {"type": ["string", "number"], "pattern": f"^{_SHORT}(?: *; *{_SHORT})*$", "minimum": 0}
_PERCENT, _RATIO = _decimal(0, 100), _decimal(0, 1)

_EXCLUSION = _table(
    rules.EXCLUSION,
    {
        "id": _slug(),
        "title": _TEXT,
        "cause": _words(get_args(model.Cause)),
        "notice_h": _whole(0, 8760),
        "cap_s": _whole(0, 366 * 86_400),
        "approver": _slug(),
    },
    rules.EXCLUSION[:5],
)
_RULES: Schema = {
    **{name: _words(options) for name, options in rules.WORDS.items()},
    **{name: _whole(*bounds) for name, bounds in rules.WHOLES.items()},
    **dict.fromkeys(rules.RATIOS, _RATIO),
    "hours": {"anyOf": [_HOURS, _many(_HOURS, 1)]},
    "exclusions": _many(_EXCLUSION),
}
_BOUNDS = contract.TIER[:4]
_TIERS = _table(contract.TIER, {**dict.fromkeys(_BOUNDS, _decimal()), "percent": _PERCENT}, ("percent",))
_CREDITS = _table(
    contract.CREDITS,
    {
        "tiers": _many(
            {**_TIERS, "anyOf": [{"required": [name], "properties": {name: {"not": _UNSAID}}} for name in _BOUNDS]}
        ),
        "object_cap_percent": _PERCENT,
        "period_cap_percent": _PERCENT,
        "escalate_after": _whole(0, 120),
        "escalate_factor": _decimal(1, 100),
        "per": _words(get_args(model.Per)),
    },
)
_OBJECTIVE = _table(
    contract.OBJECTIVE,
    {
        "id": _slug(),
        "indicator": _slug(),
        "title": _TEXT,
        "target": _decimal(),
        "comparison": _words(get_args(model.Comparison)),
        "threshold": _decimal(),
        "period": _words(get_args(model.Period)),
        "rules": _table(rules.KEYS, _RULES),
        "credits": _CREDITS,
    },
    ("id", "indicator", "target"),
)
_MINIMUM = _table(coverage.MINIMUM, {"area": _slug(), "percent": _PERCENT}, coverage.MINIMUM)
_COVERAGE = _table(
    coverage.KEYS,
    {
        "id": _slug(),
        "title": _TEXT,
        "metric": _words(get_args(model.RadioLevel)),
        "level": _decimal(),
        "quality": _decimal(),
        "target": _PERCENT,
        "minimum": _PERCENT,
        "minima": _many(_MINIMUM),
        "z": _decimal(*map(int, coverage.SURE)),
        "min_hours": _whole(*coverage.HOURS),
        "max_age_days": _whole(*coverage.DAYS),
        "unknown_cells": _words(get_args(model.UnknownCells)),
        "max_unknown_ratio": _RATIO,
        "area_percent": _PERCENT,
        "credits": _CREDITS,
    },
    ("id", "metric", "level", "target"),
)
_ITEM = _table(
    contract.ITEM,
    {
        "id": _slug(),
        "kind": _words(model.KINDS),
        "title": _TEXT,
        "select": _table(
            contract.SELECT, {key: {"anyOf": [_SLUGS, _many({"anyOf": [_slug(), _UNSAID]})]} for key in contract.SELECT}
        ),
        "fee": _decimal(0),
        "objectives": _many(_OBJECTIVE),
        "double_credit": _words(get_args(model.DoubleCredit)),
        "coverage": _many(_COVERAGE),
    },
    ("id", "kind"),
)
_PROMISES: Schema = {
    "anyOf": [
        {"required": [name], "properties": {name: {"type": "array", "minItems": 1}}} for name in contract.PROMISES
    ]
}
_CONTRACT: Schema = {
    "contract": _slug(),
    "version": _slug(32),
    "title": _TEXT,
    "carrier": _slug(),
    "valid_from": _DATE,
    "ends": _DATE,
    "timezone": _TEXT,
    "currency": _words(contract.CURRENCIES),
    "credit_cap_percent": _PERCENT,
    "rules": {"type": "object"},
    "items": _many({**_ITEM, **_PROMISES}, 1),
    "dispute": _table(contract.DISPUTE, dict.fromkeys(contract.DISPUTE, _whole(1, model.MOST_DAYS))),
    "calendar": _words(workdays.NAMES),
    "late_samples": _words(get_args(model.LateSamples)),
}
