"""A Poll as bytes: what the collector puts into its spool and the core takes out.

    NOP 2 | length, head | length, numbers | length, raw replies       lengths are 4 octets, big endian

The head is JSON: of the poll, and of each table its shape (`kind metric metric …`), its subjects, and the few cells
that have a code or a text. Numbers are float64, little endian, table by table, a metric after the other, NaN for none.
Nothing is compressed here: the spool does it for many polls together, whose replies and names are much alike.

Bounds hold on both sides; a foreign version is refused by name, so that a half-upgraded house says so and keeps its
backlog. Records of version 1 (`netops/wire_one.py`), which an older program left in a spool, are read as well.
"""

from __future__ import annotations

import json
import math
import re
import struct
import sys
from array import array
from functools import lru_cache
from typing import Any, Final

from netops import wire_one
from netops.errors import SpoolError
from netops.model import ANSWERED, Poll, Quality, Reason
from netops.packed import DOUBLE, Packed, Shape, Table, pack, shape_of
from netops.wire_one import number, text, whole

MAGIC: Final = b"NOP"
VERSION: Final = 2
READABLE: Final = (1, VERSION)
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
    if len(poll.raw) > RAW_BYTES:
        raise SpoolError(f"poll {poll.id}: raw replies of {len(poll.raw)} bytes, expected at most {RAW_BYTES}")
    try:
        made = pack(poll)
        _check(made)
        head = json.dumps(_head(made), separators=(",", ":"), allow_nan=False).encode("ascii")
    except (ValueError, TypeError, OverflowError) as error:
        raise SpoolError(f"poll {poll.id}: {error}; expected finite numbers and texts") from None
    if len(head) > HEAD_BYTES:
        raise SpoolError(f"poll {poll.id}: {len(head)} bytes of rows, expected at most {HEAD_BYTES}")
    numbers = b"".join([_portable(table.columns) for table in made.tables])
    parts = (head, numbers, poll.raw)
    return b"".join([MAGIC, bytes([VERSION]), *(struct.pack(">I", len(part)) + part for part in parts)])


def decode(payload: bytes) -> Poll:
    """Return the poll; SpoolError on a foreign version or on anything that `encode` does not write."""
    return unpack(payload).whole()


def unpack(payload: bytes) -> Packed:
    """Return the poll with its rows still as tables; SpoolError as of `decode`."""
    if payload[:3] != MAGIC:
        raise SpoolError("wire: the record is no poll; expected the magic 'NOP'")
    refuse_foreign(payload)
    try:
        made = _unpacked(payload) if payload[3:4] == bytes([VERSION]) else pack(wire_one.decode(payload))
        _check(made)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise SpoolError(f"wire: the record is no poll ({type(error).__name__}: {error})") from None
    return made


def refuse_foreign(payload: bytes) -> None:
    """Raise SpoolError when the record is a poll of another version: it is not broken, this program is too old."""
    version = payload[3] if payload[:3] == MAGIC and len(payload) > 3 else VERSION
    if version not in READABLE:
        raise SpoolError(f"wire: the record has version {version}, this program reads {VERSION}; upgrade all services")


# ---- the head


def _head(made: Packed) -> list[Any]:
    tables = [
        [
            " ".join((table.shape.kind, *table.shape.metrics)),
            table.subjects,
            table.codes,
            [(row, name, _short(said)) for row, name, said in table.texts],
            table.places,
        ]
        for table in made.tables
    ]
    about = (made.device, made.slot_ms, made.at_ms, made.outcome, made.profile, made.digest)
    return [*about, made.attempts, made.rtt_ms, made.lag_ms, tables]


def _unpacked(payload: bytes) -> Packed:
    view = memoryview(payload)
    head, offset = _part(view, 4, HEAD_BYTES)
    numbers, offset = _part(view, offset, HEAD_BYTES)
    raw, offset = _part(view, offset, RAW_BYTES)
    if offset != len(payload):
        raise SpoolError("wire: bytes follow the record; expected its end")
    device, slot_ms, at_ms, outcome, profile, digest, attempts, rtt_ms, lag_ms, told = json.loads(str(head, "ascii"))
    tables = []
    at = 0
    for shape, subjects, codes, texts, places in told:
        known = _shape(text(shape))
        end = at + len(subjects) * len(known.metrics) * DOUBLE
        if end > len(numbers):
            raise SpoolError("wire: there are fewer numbers than cells")
        cells = array("d")
        cells.frombytes(numbers[at:end])
        tables.append(Table(known, subjects, _portable(cells), codes, texts, places))
        at = end
    if at != len(numbers):
        raise SpoolError("wire: there are more numbers than cells")
    return Packed(
        device=text(device),
        slot_ms=whole(slot_ms),
        at_ms=whole(at_ms),
        outcome=text(outcome),
        profile=text(profile),
        digest=text(digest),
        attempts=whole(attempts),
        rtt_ms=number(rtt_ms),
        lag_ms=number(lag_ms) or 0.0,
        tables=tuple(tables),
        raw=raw,  # a view of the record: nobody wants a copy of it but to keep it
    )


def _part(view: memoryview, offset: int, bound: int) -> tuple[memoryview, int]:
    if offset + 4 > len(view):
        raise SpoolError("wire: the record is cut short")
    (length,) = struct.unpack_from(">I", view, offset)
    end = offset + 4 + length
    if end > len(view):
        raise SpoolError("wire: the record is cut short")
    if length > bound:
        raise SpoolError(f"wire: a part announces {length} bytes, expected 0 to {bound}")
    return view[offset + 4 : end], end


def _portable(numbers: array[float]) -> array[float]:
    """Return numbers of this machine's order in the wire's, or the other way round."""
    if sys.byteorder == "little":
        return numbers
    turned = numbers[:]
    turned.byteswap()
    return turned


def _short(said: str) -> str:
    return said if len(said) <= TEXT_CHARACTERS else said[: TEXT_CHARACTERS - 1] + "…"


# ---- what must be true on both sides


def _check(made: Packed) -> None:
    if not DEVICE.fullmatch(made.device):
        raise SpoolError(
            f"poll of device {made.device!r:.80}: expected an id like 'ap-0123', [a-z0-9_.-], or 'ap-0123/ssh'"
        )
    if made.outcome not in OUTCOMES:
        raise SpoolError(f"poll {made.id}: outcome {made.outcome!r:.40} is neither 'answered' nor a Reason")
    if sum(len(table.subjects) for table in made.tables) > ROWS:
        raise SpoolError(f"poll {made.id}: more rows than the {ROWS} that are expected at most")
    for table in made.tables:
        problem = _problem(table)
        if problem:
            raise SpoolError(f"poll {made.id}: {problem}")
    _check_places(made)


def _check_places(made: Packed) -> None:
    """Either no table says where its rows stood, or all do, and each place is taken once."""
    places = [place for table in made.tables for place in table.places]
    if places and sorted(places) != list(range(sum(len(table.subjects) for table in made.tables))):
        raise SpoolError(f"poll {made.id}: its rows do not stand one behind the other")


def _problem(table: Table) -> str:
    wrong = _of_subjects(table) or _of_words(table)
    if wrong:
        return wrong
    if table.shape.metrics and not math.isfinite(sum(table.columns)):
        return _of_numbers(table)
    return ""


def _of_subjects(table: Table) -> str:
    kind, metrics = table.shape
    if not _known_shape(table.shape):
        if not KIND.fullmatch(kind):
            return f"{kind!r:.40}: the kind is no word of [a-z0-9_]"
        stray = next((name for name in metrics if not NAME.fullmatch(name)), "")
        return f"{stray!r:.80} is no metric's name, or one is told twice"
    is_text = type(table.subjects) is list and set(map(type, table.subjects)) <= {str}
    lengths = list(map(len, table.subjects)) if is_text else [0]
    if lengths and not 0 < min(lengths) <= max(lengths) <= SUBJECT_CHARACTERS:
        return f"a {kind}: its id has {min(lengths)} characters, expected 1 to {SUBJECT_CHARACTERS}"
    return ""


def _of_words(table: Table) -> str:
    rows = len(table.subjects)
    for cells, wanted in ((table.codes, "a code"), (table.texts, "a text")):
        for row, name, word in cells:
            if type(row) is not int or not 0 <= row < rows or not isinstance(word, str):
                return f"{wanted} of a row that is none"
            if not _known(name):
                return f"{name!r:.80} is no metric's name"
    for _, metric, code in table.codes:
        if code not in CODES:
            return f"'{metric}' has the code {code!r:.40}, which is neither a Quality nor a Reason"
    return ""


def _of_numbers(table: Table) -> str:
    """Return what is wrong with numbers whose sum is not finite: all of them may be, and too large together."""
    coded = {(row, name) for row, name, _ in table.codes}
    for metric, column in zip(table.shape.metrics, table.by_metric(), strict=True):
        for row, value in enumerate(column):
            if math.isinf(value):
                return f"'{metric}' is {value}; expected finite numbers"
            if value != value and (row, metric) not in coded:  # noqa: PLR0124  (NaN)
                return f"'{metric}' of {table.subjects[row]!r:.80} has neither a value nor a code that says why"
    return ""


@lru_cache(maxsize=4096)
def _shape(told: str) -> Shape:
    kind, *metrics = told.split(" ")
    return shape_of(kind, tuple(metrics))


@lru_cache(maxsize=4096)
def _known_shape(shape: Shape) -> bool:
    kind, metrics = shape
    once = len(set(metrics)) == len(metrics)
    return bool(KIND.fullmatch(kind)) and once and all(NAME.fullmatch(name) for name in metrics)


@lru_cache(maxsize=8192)
def _known(name: str) -> bool:
    return NAME.fullmatch(name) is not None
