"""A capture of a command line through the path of a live device: the same templates, readers and checks.

A capture is what a command printed, with or without its echo and the prompts around it. What proves that a live output
is whole is mostly not in it, so only the proof that the text itself carries is asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from collectors.ssh import screen
from collectors.ssh.course import understood
from collectors.ssh.decode import decode
from collectors.ssh.dialects import DIALECTS
from collectors.ssh.read import spoken
from collectors.ssh.talk import Output, patterns
from netops.errors import UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from collectors.decode import Decoded
    from collectors.snmp.ask import Failure
    from collectors.ssh.read import Read

MOST = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """What a capture gave; `failed` says why it is not whole."""

    device: str
    family: str
    decoded: Decoded
    failed: Failure | None


def replay(
    path: Path, reads: Mapping[str, Read], name: str, *, device: str, at_ms: int, values: Mapping[str, str]
) -> Captured:
    """Return what a capture holds by the read of this name; `values` stand for `<…>` in its command.

    The name may be a dialect's: then its read that makes most of the capture.
    """
    chosen = [reads[name]] if name in reads else [read for read in reads.values() if read.dialect == name]
    if not chosen:
        near = nearest(name, [*reads, *DIALECTS])
        raise UsageError(f"no read or dialect '{name}'{near} (reads: {', '.join(reads)})")
    try:
        with path.open("rb") as file:
            raw = file.read(MOST + 1)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read ({error.strerror}); name a file with what the command printed"
        ) from None
    if len(raw) > MOST:
        raise UsageError(f"{path}: more than {MOST >> 20} MiB; expected what one command printed")
    found = [_read(read, raw, values, device=device, at_ms=at_ms) for read in chosen]
    return max(found, key=lambda each: (each.failed is None, len(each.decoded.observations)))


def _read(read: Read, raw: bytes, values: Mapping[str, str], *, device: str, at_ms: int) -> Captured:
    command = spoken(read.command, values) or read.command
    output = Output(command=command, lines=tuple(_bare(read, raw)), raw=raw)
    taken = understood(read, values, output, {})
    decoded = decode([taken], device=device, at_ms=at_ms)
    return Captured(device=device, family=read.name, decoded=decoded, failed=taken.failed)


def _bare(read: Read, raw: bytes) -> list[str]:
    """Return the lines between echo and prompt, where they stand, and without what is mixed in."""
    seen = patterns(DIALECTS[read.dialect])
    lines = [each for each in screen.shown(raw) if not seen.noise.fullmatch(each)]
    while lines and (not lines[-1] or seen.prompt.fullmatch(lines[-1].strip())):
        lines.pop()
    pattern = "".join(
        r"\S+" if part.startswith("<") else re.escape(part) for part in re.split(r"(<[A-Z0-9_]+>)", read.command)
    )
    for at, line in enumerate(lines[:5]):
        head = re.sub(rf"\s*{pattern}\s*", "", line)
        if head != line and (not head or seen.prompt.fullmatch(head.strip())):
            return lines[at + 1 :]
    return lines
