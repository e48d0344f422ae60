"""What the archive keeps of a visit: each output's octets as they came, with what it takes to read them again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from collectors.ssh import ran, talk
from collectors.ssh.course import Heard, understood
from collectors.ssh.dialects import DIALECTS
from netops.raw import frame, unframe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from collectors.ssh.decode import Taken
    from collectors.ssh.read import Read
    from collectors.ssh.rows import Row
    from collectors.ssh.talk import Limits

_WHOLE = talk.Limits(octets=1 << 30, lines=1 << 30)


def kept(heard: Sequence[Heard]) -> bytes:
    """Return the outputs as one frame: a line of JSON, then the octets."""
    return frame(_head(each) + b"\n" + each.output.raw for each in heard)


def _head(heard: Heard) -> bytes:
    head = {
        "read": heard.read,
        "command": heard.output.command,
        "values": dict(heard.values),
        "prompt": heard.output.prompt,
        "cuts": heard.output.cuts,
    }
    return json.dumps(head, separators=(",", ":"), sort_keys=True).encode("ascii")


def heard_in(raw: bytes, reads: Mapping[str, Read], limits: Limits = _WHOLE) -> list[Heard]:
    """Return the outputs that a frame holds, read again by the rules of their dialects."""
    found = []
    for each in unframe(raw):
        head, _, octets = each.partition(b"\n")
        try:
            told = json.loads(head)
            name, command, prompt = told["read"], told["command"], told["prompt"]
            values, cuts = dict(told["values"]), [int(at) for at in told["cuts"]]
        except (ValueError, KeyError, TypeError):
            continue  # not of this door: the page shows its octets
        if name not in reads:
            continue
        dialect = DIALECTS[reads[name].dialect]
        if dialect.mode == "shell":
            output = talk.reread(octets, dialect, limits, command=command, prompt=prompt, cuts=cuts)
        else:
            output = ran.finished(dialect, limits, octets, command=command, mark=prompt)
        found.append(Heard(read=name, values=values, output=output))
    return found


def taken_of(heard: Sequence[Heard], reads: Mapping[str, Read]) -> list[Taken]:
    """Return what the outputs come to, each with the rows of those before it."""
    rows: dict[str, list[Row]] = {}
    found = []
    for each in heard:
        taken = understood(reads[each.read], each.values, each.output, rows)
        found.append(taken)
        if taken.failed is None:
            rows.setdefault(each.read, []).extend(taken.rows)
    return found
