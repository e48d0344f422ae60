"""The pictures of the page: the waterfall of deductions and the calendar of each objective, as tables with inline SVG.

No colour alone says anything: each bar and each day has its words or its figure, and what was not measured is hatched.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Cell = str | tuple[str, str]  # a text, or a text and what stands behind it
WIDE = 1_000_000
HATCH = (
    '<svg class="hidden" aria-hidden="true"><defs><pattern id="h" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><rect class="ground" width="6" height="6"/><rect class="stroke" width="2" '
    'height="6"/></pattern></defs></svg>'
)


def bars(told: Mapping[str, Any]) -> str:
    """Return the waterfall of `paper.content`."""
    rows = "".join(
        f'<tr><th scope="row">{escape(row["label"])} <small>{escape(row["about"])}</small></th>'
        f"<td>{_bar([(row['kind'], row['low'], row['high'])])}</td>"
        f'<td class="n">{escape(row["amount"])}</td></tr>'
        for row in told["rows"]
    )
    return f'<div class="wide"><table class="bars"><tbody>{rows}</tbody></table></div>'


def section(zh: Mapping[str, Any], en: Mapping[str, Any]) -> str:
    """Return a section of sentences and tables of `paper.content` in both languages; nothing of an empty one."""
    if not zh:
        return ""
    made = [f"<h2>{escape(zh['title'])} {escape(en['title'])}</h2><p>{escape(zh['said'])}<br>{escape(en['said'])}</p>"]
    for one, other in zip(zh["tables"], en["tables"], strict=True):
        head = "".join(f"<th>{escape(a)} {escape(b)}</th>" for a, b in zip(one["head"], other["head"], strict=True))
        rows = "".join(
            f"<tr>{''.join(f'<td>{escape(_beside(*cells))}</td>' for cells in zip(*row, strict=True))}</tr>"
            for row in zip(one["rows"], other["rows"], strict=True)
        )
        if rows:
            made.append(f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>')
    return "".join([*made, f"<p>{escape(zh['rest'])} {escape(en['rest'])}</p>" if zh["rest"] else ""])


def listed(told: Iterable[tuple[str, list[str]]]) -> str:
    """Return lists of sentences, each under its name."""
    return "".join(
        f"<h4>{escape(name)}</h4><ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"
        for name, lines in told
    )


def legend(told: Mapping[str, Any]) -> str:
    """Return what the colours of the calendar stand for."""
    return (
        "<p>"
        + " ".join(f'<span class="key">{_bar([(k, 0, WIDE)])}</span> {escape(w)}' for k, w in told["legend"])
        + "</p>"
    )


def calendar(months: list[dict[str, Any]], weekdays: list[str]) -> str:
    """Return the calendar of one objective, a table a month; a day that was mostly not measured is hatched whole."""
    return "".join(_month(each, weekdays) for each in months)


def _month(month: Mapping[str, Any], weekdays: list[str]) -> str:
    cells = ["<td></td>"] * month["before"] + [_cell(each) for each in month["days"]]
    cells += ["<td></td>"] * (-len(cells) % 7)
    weeks = "".join(f"<tr>{''.join(cells[i : i + 7])}</tr>" for i in range(0, len(cells), 7))
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in weekdays)
    return (
        f'<table class="days"><caption>{escape(month["name"])}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{weeks}</tbody></table>"
    )


def _cell(day: Mapping[str, Any]) -> str:
    shares = dict(day["shares"])
    kind = "bad" if "down" in shares else "good" if "up" in shares else ""
    if shares.get("unknown", 0) * 2 >= sum(shares.values()) > 0:
        kind = "unseen"
    drawn, at, whole = [], 0, sum(shares.values())
    for name, share in day["shares"]:
        drawn.append((name, at, at + share * WIDE // whole))
        at = drawn[-1][2]
    figure = f"<b>{day['figure']}</b>" if day["figure"] else "—"
    return f'<td class="{kind}"><small>{day["day"]}</small> <span>{figure}</span>{_bar(drawn) if drawn else ""}</td>'


def _bar(parts: list[tuple[str, int, int]]) -> str:
    rects = "".join(
        f'<rect class="{kind}" x="{low / 10_000:.2f}" width="{max(high - low, 3_000) / 10_000:.2f}" height="10"/>'
        for kind, low, high in parts
    )
    return f'<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">{rects}</svg>'


def table(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Return a table; one that is too wide for its screen scrolls by itself."""
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(f"<tr>{''.join(map(_td, row))}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _td(cell: Cell) -> str:
    text, behind = (cell, "") if isinstance(cell, str) else cell
    title = f' title="{escape(behind)}"' if behind else ""
    return f"<td{title}>{escape(text)}</td>"


def _beside(one: str, other: str) -> str:
    """Return a cell in both languages, once where they are alike."""
    return one if one == other else f"{one} {other}"
