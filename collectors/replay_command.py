"""`netops collect replay FILE`: print what a recording holds, as JSON lines or as a table."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from collectors.profile_yaml import shipped
from collectors.replay import Replayed, replay
from netops.clock import SYSTEM
from netops.metrics import METRICS, Kind

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from typing import TextIO

    from netops.config import Settings
    from netops.model import Gap, Observation

SUMMARY = "print the observations and gaps of a recorded walk"
_DRIVING = re.compile("[\\x7f-\\x9f\\u061c\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff]")
"""Controls that JSON lets through: C1 (some terminals obey it), line separators, and what turns the writing round."""
PARTIAL = 5  # exit code: the file holds lines that could not be read


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a recording: .snmprec or .snmprec.bz2")
    parser.add_argument("--profile", default="", metavar="NAME", help="the device family, instead of detecting it")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of a table")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Replay the file. What is wrong with the file itself goes to standard error and makes the exit code 5."""
    del settings  # a replay needs no instance
    result = replay(args.file, shipped(), at_ms=SYSTEM.now_ms(), only=args.profile)
    for note in result.notes:
        sys.stderr.write(f"{args.file}: {note}\n")
    if args.json:
        sys.stdout.writelines(f"{line}\n" for line in json_lines(result))
    else:
        table(result, sys.stdout)
    return PARTIAL if result.notes else 0


def json_lines(result: Replayed) -> Iterator[str]:
    """Yield one object a line, observations first; what drives a terminal is escaped, other text stays readable."""
    for seen in result.decoded.observations:
        yield _line({**observed(seen), "family": result.detected.family})
    for gap in result.decoded.gaps:
        yield _line({**missing(gap), "family": result.detected.family})


def _line(shown: dict[str, object]) -> str:
    return _DRIVING.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(shown, ensure_ascii=False))


def observed(seen: Observation) -> dict[str, object]:
    """Return an observation as a JSON object; a state has its name beside its code."""
    metric = METRICS[seen.metric]
    shown: dict[str, object] = {
        "kind": "observation",
        "metric": seen.metric,
        "subject": {"kind": seen.subject.kind, "id": seen.subject.id},
        "index": seen.index,
        "value": seen.value,
        "unit": seen.unit,
        "raw": seen.raw,
        "oid": seen.oid,
        "rule": seen.rule,
        "quality": seen.quality.value,
        "device": seen.device,
    }
    if metric.kind is Kind.STATE and isinstance(seen.value, int):
        state = metric.state(seen.value)
        shown["state"] = state.name if state else ""
    return shown


def missing(gap: Gap) -> dict[str, object]:
    """Return a gap as a JSON object."""
    return {
        "kind": "gap",
        "metric": gap.metric,
        "subject": {"kind": gap.subject.kind, "id": gap.subject.id},
        "index": gap.index,
        "value": None,
        "unit": METRICS[gap.metric].unit if gap.metric in METRICS else "",
        "raw": None,
        "oid": gap.oid,
        "rule": "",
        "reason": gap.reason.value,
        "detail": gap.detail,
        "ours": gap.ours,
        "device": gap.device,
    }


def table(result: Replayed, out: TextIO) -> None:
    """Write the result for a reader: subject, metric, value, and what is not simply ok."""
    seen, gaps = result.decoded.observations, result.decoded.gaps
    print(f"{result.device}: {result.detected.family}", file=out)
    rows = [
        (str(o.subject), o.metric, _shown(o), o.unit, "" if o.quality.value == "ok" else o.quality.value) for o in seen
    ]
    rows += [(str(g.subject), g.metric, "", "", f"gap: {g.reason.value} {plain(g.detail)}".rstrip()) for g in gaps]
    widths = [max((len(row[at]) for row in rows), default=0) for at in range(4)]
    for row in rows:
        line = "  ".join(f"{plain(cell):<{min(width, 60)}}" for cell, width in zip(row, widths, strict=False))
        print(f"{line}  {row[4]}".rstrip(), file=out)
    print(f"{len(seen)} observations, {len(gaps)} gaps", file=out)


def _shown(seen: Observation) -> str:
    if seen.value is None:
        return f"({plain(str(seen.raw))})"
    metric = METRICS[seen.metric]
    state = metric.state(seen.value) if metric.kind is Kind.STATE and isinstance(seen.value, int) else None
    return state.name if state else plain(str(seen.value))


def plain(text: str) -> str:
    """Return a device's text with every control and format character escaped: it must not drive a terminal."""
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c)[0] in "CZ" and c != " " else c for c in text)
