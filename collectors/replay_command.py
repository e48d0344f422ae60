"""`netops collect replay FILE`: print what a recording or a capture holds, as JSON lines or as a table."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from collectors.profile_yaml import shipped
from collectors.replay import device_name, replay
from collectors.ssh import replay as captures
from collectors.ssh.read_yaml import shipped as reads
from netops.clock import SYSTEM
from netops.errors import UsageError
from netops.metrics import METRICS, Kind

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from typing import TextIO

    from collectors.decode import Decoded
    from netops.config import Settings
    from netops.model import Gap, Observation

SUMMARY = "print the observations and gaps of a recorded walk, or of what a command printed"
_DRIVING = re.compile("[\\x7f-\\x9f\\u061c\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff]")
"""Controls that JSON lets through: C1 (some terminals obey it), line separators, and what turns the writing round."""
PARTIAL = 5  # exit code: the file holds lines that could not be read


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a recording (.snmprec, .snmprec.bz2) or a capture")
    parser.add_argument("--profile", default="", metavar="NAME", help="the device family, instead of detecting it")
    parser.add_argument(
        "--read",
        default="",
        metavar="NAME",
        help="the file is what the command of this SSH read (or of one of this dialect) printed",
    )
    parser.add_argument(
        "--value",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what stood in the command's place <NAME>; may be given several times",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of a table")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Replay the file. What is wrong with the file itself goes to standard error and makes the exit code 5."""
    del settings  # a replay needs no instance
    if args.read or args.value:
        return _capture(args)
    result = replay(args.file, shipped(), at_ms=SYSTEM.now_ms(), only=args.profile)
    for note in result.notes:
        sys.stderr.write(f"{args.file}: {note}\n")
    if args.json:
        sys.stdout.writelines(f"{line}\n" for line in json_lines(result))
    else:
        table(result, sys.stdout)
    return PARTIAL if result.notes else 0


class Shown(Protocol):
    """What is printed: whose it is, what read it, what was read."""

    @property
    def device(self) -> str:
        """Under which name the values stand."""
        ...

    @property
    def family(self) -> str:
        """What read it."""
        ...

    @property
    def decoded(self) -> Decoded:
        """What came of it."""
        ...


def _capture(args: argparse.Namespace) -> int:
    """Replay what a command printed; one that is not whole makes the exit code 5."""
    if not args.read:
        raise UsageError("--value says what stood in a command; name the read with --read")
    if args.profile:
        raise UsageError("--profile is of recorded walks and --read of captures; give one of them")
    values = dict(_value(each) for each in args.value)
    device = device_name(args.file)
    result = captures.replay(args.file, reads(), args.read, device=device, at_ms=SYSTEM.now_ms(), values=values)
    if args.json:
        sys.stdout.writelines(f"{line}\n" for line in json_lines(result))
    else:
        table(result, sys.stdout)
    if result.failed is not None:
        sys.stderr.write(f"{args.file}: {plain(result.failed.detail)}\n")
    return PARTIAL if result.failed is not None else 0


def _value(written: str) -> tuple[str, str]:
    name, equals, value = written.partition("=")
    if not equals or not name:
        raise UsageError(f"--value {written}: expected NAME=VALUE, such as PON=0")
    return name, value


def json_lines(result: Shown) -> Iterator[str]:
    """Yield one object a line, observations first; what drives a terminal is escaped, other text stays readable."""
    for seen in result.decoded.observations:
        yield _line({**observed(seen), "family": result.family})
    for gap in result.decoded.gaps:
        yield _line({**missing(gap), "family": result.family})


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


def table(result: Shown, out: TextIO) -> None:
    """Write the result for a reader: subject, metric, value, and what is not simply ok."""
    seen, gaps = result.decoded.observations, result.decoded.gaps
    print(f"{result.device}: {result.family}", file=out)
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
