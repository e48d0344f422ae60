"""The sentences that a module can say, read from its source: texts with `{}` where something is filled in."""

import ast
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOLE = "{}"
DEEPEST = 8  # texts within texts


def said(module, places, without=()):
    """Yield each sentence; `places`: name of a call → where its sentences stand, by position or by keyword.

    With `return` among them what a function returns, but for those functions `without`.
    """
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    for function in (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)):
        if function.name in without:
            continue
        names = {}
        for each in ast.walk(function):
            if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
                names.setdefault(each.targets[0].id, []).append(each.value)
        for each in ast.walk(function):
            if isinstance(each, ast.Call):
                name = getattr(each.func, "id", getattr(each.func, "attr", ""))
                for place in places.get(name, ()):
                    yield from (plain(form) for node in _at(each, place) for form in _forms(node, names))
            if isinstance(each, ast.Return) and "return" in places:
                yield from (plain(form) for form in _forms(each.value, names))


def _at(call, place):
    if isinstance(place, str):
        return [word.value for word in call.keywords if word.arg == place]
    return call.args[place : place + 1]


def _forms(node, names, depth=0):
    """Return what a text can be; nothing for what was said elsewhere."""
    if depth > DEEPEST:
        return []
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        parts = [
            [each.value] if isinstance(each, ast.Constant) else _forms(each.value, names, depth + 1) or [HOLE]
            for each in node.values
        ]
        return ["".join(each) for each in product(*parts)]
    if isinstance(node, ast.IfExp):
        return _forms(node.body, names, depth + 1) + _forms(node.orelse, names, depth + 1)
    if isinstance(node, ast.Name):
        return [form for each in names.get(node.id, ()) for form in _forms(each, names, depth + 1)]
    return []


def plain(form):
    """Return a form without the place before its first colon, and without the nearest word that may follow it."""
    while form.startswith(f"{HOLE}: "):
        form = form.removeprefix(f"{HOLE}: ")
    return form.removesuffix(HOLE) if form[-3:-2].isalnum() or form[-3:-2] in {"}", ")", "'"} else form


def filled(form):
    """Return a form with numbers for its holes, as a sentence stands in a failure."""
    return form.replace(HOLE, "7")
