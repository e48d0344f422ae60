"""Version 1 of a poll on the wire, read only: what an older program left in a spool that a newer one then drains.

Layout: magic `NOP`, the version byte 1, then two zstd frames with a 4-byte big-endian length before each: the head
(JSON, everything but the raw replies) and the raw replies. What must hold of a poll whatever its version is asked by
`netops/wire.py`.
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any, Final

from netops import frames
from netops.errors import SpoolError
from netops.model import Poll, Row, Subject

BOUND: Final = 16 << 20  # of either part
ROWS: Final = 50_000


def decode(payload: bytes) -> Poll:
    """Return the poll; SpoolError, or what JSON of another shape raises, on anything else."""
    head, offset = _frame(payload, 4)
    raw, offset = _frame(payload, offset)
    if offset != len(payload):
        raise SpoolError("wire: bytes follow the record; expected its end")
    return _poll(json.loads(head), raw)


def _frame(payload: bytes, offset: int) -> tuple[bytes, int]:
    if offset + 4 > len(payload):
        raise SpoolError("wire: the record is cut short")
    (length,) = struct.unpack_from(">I", payload, offset)
    end = offset + 4 + length
    if end > len(payload):
        raise SpoolError("wire: the record is cut short")
    return frames.unpacked(payload[offset + 4 : end], bound=BOUND), end


def _poll(head: dict[str, Any], raw: bytes) -> Poll:
    if len(head["rows"]) > ROWS:
        raise ValueError(f"{len(head['rows'])} rows, expected at most {ROWS}")
    return Poll(
        device=text(head["device"]),
        slot_ms=whole(head["slot"]),
        at_ms=whole(head["at"]),
        outcome=text(head["outcome"]),
        profile=text(head["profile"]),
        digest=text(head["digest"]),
        attempts=whole(head["attempts"]),
        rtt_ms=number(head["rtt"]),
        lag_ms=number(head["lag"]) or 0.0,
        rows=tuple(_row(row) for row in head["rows"]),
        raw=raw,
    )


def _row(row: list[Any]) -> Row:
    kind, name, values, codes, texts = row
    return Row(
        subject=Subject(text(kind), text(name)),
        values={metric: number(value) for metric, value in values.items()},
        codes={metric: text(code) for metric, code in codes.items()},
        texts={name: text(value) for name, value in texts.items()},
    )


def text(value: object) -> str:
    """Return the text that it is, or raise TypeError."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is no text")
    return value


def whole(value: object) -> int:
    """Return the whole number that it is, or raise TypeError."""
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 1 << 53:
        raise TypeError(f"{value!r:.40} is no whole number of this house")
    return value


def number(value: object) -> float | None:
    """Return the finite number that it is, None for none, or raise TypeError."""
    if value is None:
        return None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        raise TypeError(f"{value!r:.40} is no finite number")
    return float(value)
