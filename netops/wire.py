"""A Poll as bytes: what the collector puts into its spool and the core takes out.

Layout: magic `NOP`, one version byte, then two zstd frames with a 4-byte big-endian length before each: the head (JSON,
everything but the raw replies) and the raw replies as they came. Bounds hold on both sides; a foreign version is
refused by name, so that a half-upgraded house says so and keeps its backlog.
"""

from __future__ import annotations

import json
import math
import re
import struct
from functools import lru_cache
from typing import Any, Final

import zstandard

from netops.errors import SpoolError
from netops.model import ANSWERED, Poll, Quality, Reason, Row, Subject

MAGIC: Final = b"NOP"
VERSION: Final = 1
HEAD_BYTES: Final = 16 << 20
RAW_BYTES: Final = 16 << 20
ROWS: Final = 50_000
TEXT_CHARACTERS: Final = 4096  # a longer text is cut and ends in an ellipsis
SUBJECT_CHARACTERS: Final = 512

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,127}")
DEVICE: Final = re.compile(NAME.pattern + r"(/[a-z][a-z0-9_]{0,31})?")  # `<device>/<door>`, for another door than SNMP
KIND: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
CODES: Final = frozenset(code.value for code in (*Quality, *Reason))
OUTCOMES: Final = frozenset({ANSWERED} | {reason.value for reason in Reason})


def encode(poll: Poll) -> bytes:
    """Return the poll as bytes; SpoolError names the subject that cannot be put on the wire."""
    _check(poll)
    if len(poll.raw) > RAW_BYTES:
        raise SpoolError(f"poll {poll.id}: raw replies of {len(poll.raw)} bytes, expected at most {RAW_BYTES}")
    head = {
        "device": poll.device,
        "slot": poll.slot_ms,
        "at": poll.at_ms,
        "outcome": poll.outcome,
        "profile": poll.profile,
        "digest": poll.digest,
        "attempts": poll.attempts,
        "rtt": poll.rtt_ms,
        "lag": poll.lag_ms,
        "rows": [
            [row.subject.kind, row.subject.id, dict(row.values), dict(row.codes), _texts(row)] for row in poll.rows
        ],
    }
    try:
        written = json.dumps(head, separators=(",", ":"), allow_nan=False).encode("ascii")
    except (ValueError, TypeError) as error:
        raise SpoolError(f"poll {poll.id}: {error}; expected finite numbers and texts") from None
    if len(written) > HEAD_BYTES:
        raise SpoolError(f"poll {poll.id}: {len(written)} bytes of rows, expected at most {HEAD_BYTES}")
    pack = zstandard.ZstdCompressor(level=3).compress
    parts = [pack(written), pack(poll.raw)]
    return b"".join([MAGIC, bytes([VERSION]), *(struct.pack(">I", len(part)) + part for part in parts)])


def decode(payload: bytes) -> Poll:
    """Return the poll; SpoolError on a foreign version or on anything that `encode` does not write."""
    if payload[:3] != MAGIC:
        raise SpoolError("wire: the record is no poll; expected the magic 'NOP'")
    refuse_foreign(payload)
    head, offset = _frame(payload, 4, HEAD_BYTES)
    raw, offset = _frame(payload, offset, RAW_BYTES)
    if offset != len(payload):
        raise SpoolError("wire: bytes follow the record; expected its end")
    try:
        poll = _poll(json.loads(head), raw)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise SpoolError(f"wire: the head is no poll ({type(error).__name__}: {error})") from None
    _check(poll)
    return poll


def refuse_foreign(payload: bytes) -> None:
    """Raise SpoolError when the record is a poll of another version: it is not broken, this program is too old."""
    version = payload[3] if payload[:3] == MAGIC and len(payload) > 3 else VERSION
    if version != VERSION:
        raise SpoolError(f"wire: the record has version {version}, this program reads {VERSION}; upgrade all services")


def _frame(payload: bytes, offset: int, bound: int) -> tuple[bytes, int]:
    if offset + 4 > len(payload):
        raise SpoolError("wire: the record is cut short")
    (length,) = struct.unpack_from(">I", payload, offset)
    end = offset + 4 + length
    if end > len(payload):
        raise SpoolError("wire: the record is cut short")
    return unpacked(payload[offset + 4 : end], bound=bound), end


def unpacked(frame: bytes, *, bound: int) -> bytes:
    """Return what one zstd frame holds; SpoolError before anything larger than `bound` is unpacked."""
    try:
        size = zstandard.frame_content_size(frame)
        if not 0 <= size <= bound:
            raise SpoolError(f"wire: a frame announces {size} bytes, expected 0 to {bound}")
        return zstandard.ZstdDecompressor().decompress(frame, max_output_size=bound) if size else b""
    except (zstandard.ZstdError, MemoryError) as error:
        raise SpoolError(f"wire: the frame cannot be unpacked ({error})") from None


def _poll(head: dict[str, Any], raw: bytes) -> Poll:
    if len(head["rows"]) > ROWS:
        raise ValueError(f"{len(head['rows'])} rows, expected at most {ROWS}")
    return Poll(
        device=_text(head["device"]),
        slot_ms=_whole(head["slot"]),
        at_ms=_whole(head["at"]),
        outcome=_text(head["outcome"]),
        profile=_text(head["profile"]),
        digest=_text(head["digest"]),
        attempts=_whole(head["attempts"]),
        rtt_ms=_number(head["rtt"]),
        lag_ms=_number(head["lag"]) or 0.0,
        rows=tuple(_row(row) for row in head["rows"]),
        raw=raw,
    )


def _row(row: list[Any]) -> Row:
    kind, name, values, codes, texts = row
    return Row(
        subject=Subject(_text(kind), _text(name)),
        values={metric: _number(value) for metric, value in values.items()},
        codes={metric: _text(code) for metric, code in codes.items()},
        texts={text: _text(value) for text, value in texts.items()},
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is no text")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 1 << 53:
        raise TypeError(f"{value!r:.40} is no whole number of this house")
    return value


def _number(value: object) -> float | None:
    if value is None:
        return None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        raise TypeError(f"{value!r:.40} is no finite number")
    return float(value)


def _texts(row: Row) -> dict[str, str]:
    return {
        name: value if len(value) <= TEXT_CHARACTERS else value[: TEXT_CHARACTERS - 1] + "…"
        for name, value in row.texts.items()
    }


def _check(poll: Poll) -> None:
    if not DEVICE.fullmatch(poll.device):
        raise SpoolError(
            f"poll of device {poll.device!r:.80}: expected an id like 'ap-0123', [a-z0-9_.-], or 'ap-0123/ssh'"
        )
    if poll.outcome not in OUTCOMES:
        raise SpoolError(f"poll {poll.id}: outcome {poll.outcome!r:.40} is neither 'answered' nor a Reason")
    if len(poll.rows) > ROWS:
        raise SpoolError(f"poll {poll.id}: {len(poll.rows)} rows, expected at most {ROWS}")
    for row in poll.rows:
        problem = _problem(row)
        if problem:
            raise SpoolError(f"poll {poll.id}: {row.subject!s:.80}: {problem}")


def _problem(row: Row) -> str:
    if not KIND.fullmatch(row.subject.kind):
        return "its kind is no word of [a-z0-9_]"
    if not 0 < len(row.subject.id) <= SUBJECT_CHARACTERS:
        return f"its id has {len(row.subject.id)} characters, expected 1 to {SUBJECT_CHARACTERS}"
    for name in (*row.values, *row.codes, *row.texts):
        if not _known(name):
            return f"{name!r:.80} is no metric's name"
    for metric, value in row.values.items():
        if value is None and metric not in row.codes:
            return f"'{metric}' has neither a value nor a code that says why"
    for metric, code in row.codes.items():
        if code not in CODES:
            return f"'{metric}' has the code {code!r:.40}, which is neither a Quality nor a Reason"
    return ""


@lru_cache(maxsize=8192)
def _known(name: str) -> bool:
    return NAME.fullmatch(name) is not None
