"""A survey's samples from CSV, line by line, to a table of cells and hours.

Each line says where (and by which datum), when, with which instrument, and how strong: RSSI and SNR of a WiFi network,
or RSRP and SINR of an LTE cell, or `none` where the instrument heard nothing of the network. A file with one bad line
is refused as a whole, with every fault named (the first `MOST_FAULTS` of them, and how many there are): nothing is
left out in silence. A line that is there twice is a fault as well.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b, sha256
from typing import TYPE_CHECKING

from netops.access.approvals import names_somebody
from netops.clock import to_ms
from netops.coverage import datum, grid
from netops.coverage.cells import HOUR_MS, Hour, Table
from netops.errors import NetopsError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import IO

MUST = ("time", "latitude", "longitude", "datum", "instrument")
RADIO = {"wifi": ("rssi", "snr"), "lte": ("rsrp", "sinr")}
"""Technology → the columns of level (dBm) and quality (dB)."""
RANGES = {"rssi": (-120, 0), "snr": (-20, 100), "rsrp": (-156, -31), "sinr": (-23, 40)}
"""What an instrument can mean; RSRP and SINR as 3GPP TS 36.133 and 38.133 report them."""
SILENT = "none"
OTHER_MARKS = {";": "semicolons", "\t": "tabs"}
"""What spreadsheets write between columns where the comma is the decimal sign."""
MOST_LINE = 4096  # bytes
MOST_LINES = 2_000_000
MOST_FAULTS = 100
MOST_INSTRUMENTS = 50
FORMULA = "=+-@"  # a spreadsheet computes what begins so

_DEGREES = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,15})?")
_DECIBELS = re.compile(r"(-?)([0-9]{1,3})(?:\.([0-9]{1,2}))?")


class SurveyError(NetopsError):
    """A survey's file is refused; one line for each fault."""


@dataclass(slots=True)
class Survey:
    """What a file said: its SHA-256, its samples as a table, by which instruments and datums, from when to when."""

    technology: str
    resolution: int
    digest: str = ""
    samples: int = 0
    first_ms: int = 0
    last_ms: int = 0
    table: Table = field(default_factory=Table)
    instruments: Counter[str] = field(default_factory=Counter)
    datums: Counter[str] = field(default_factory=Counter)

    @property
    def error_mm(self) -> int:
        """How far a position may lie from where its datum's formula has it, by the way back to WGS-84."""
        return max((datum.INVERSION_MM[each] for each in self.datums), default=0)


@dataclass(slots=True)
class _Faults:
    name: str
    told: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, line: int, said: str) -> None:
        self.count += 1
        if len(self.told) < MOST_FAULTS:
            self.told.append(f"{self.name}:{line}: {said}")

    def refuse(self) -> None:
        if self.count:
            more = self.count - len(self.told)
            self.told += [f"{self.name}: and {more} more faults"] * (more > 0)
            raise SurveyError("\n".join(["refused, nothing was taken", *self.told]))


def read(path: Path, *, now_ms: int, resolution: int = grid.RESOLUTION) -> Survey:
    """Read a file; SurveyError names each line that is off, what was expected and what to do."""
    faults = _Faults(path.name)
    check_plain(path, "a CSV of samples")
    with path.open("rb") as file:
        survey = _read(file, faults, now_ms=now_ms, resolution=resolution)
    faults.refuse()
    if not survey.samples:
        raise SurveyError(f"{path.name}: holds no samples; expected a line for each below the header")
    return survey


def check_plain(path: Path, expected: str, *, most: int | None = None) -> None:
    """Raise SurveyError unless a plain file is there, of at most `most` bytes."""
    if not path.exists():
        raise SurveyError(f"{path}: there is no such file; expected {expected}")
    if not path.is_file():
        raise SurveyError(f"{path}: is no plain file; expected {expected}")
    if most is not None and path.stat().st_size > most:
        raise SurveyError(f"{path}: is longer than {most} bytes; expected {expected}")


def _read(file: IO[bytes], faults: _Faults, *, now_ms: int, resolution: int) -> Survey:
    digest = sha256()
    lines = _lines(file, faults, digest.update)
    survey = Survey("", resolution)
    at, header = next(lines, (1, []))
    columns = _header(at, [cell.strip().lower() for cell in header], survey, faults)
    if not columns:
        return survey
    seen: set[bytes] = set()
    for line, cells in lines:
        if len(cells) != len(columns):
            faults.add(line, f"has {len(cells)} cells, the header has {len(columns)}; quote cells that hold a comma")
            continue
        row = {column: cell.strip() for column, cell in zip(columns, cells, strict=True)}
        mark = blake2b("\x1f".join(row.values()).encode(), digest_size=16).digest()
        if mark in seen:
            faults.add(line, "is there twice: an earlier line is the same; remove one of them")
            continue
        seen.add(mark)
        try:
            _take(row, survey, now_ms=now_ms)
        except ValueError as error:
            faults.add(line, str(error))
        if len(seen) > MOST_LINES:
            faults.add(line, f"more than {MOST_LINES} samples; split the survey into several files")
            break
    survey.digest = digest.hexdigest()
    return survey


def _lines(file: IO[bytes], faults: _Faults, update: Callable[[bytes], None]) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and cells of each line that is not empty; each record is one line."""
    line, first = 0, True
    while data := file.readline(MOST_LINE + 1):
        line += 1
        update(data)
        if len(data) > MOST_LINE:
            faults.add(line, f"is longer than {MOST_LINE} bytes; expected one sample on a line")
            return
        try:
            text = data.decode("utf-8-sig" if first else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            faults.add(line, f"is not UTF-8 at byte {error.start}; save the file as UTF-8")
            continue
        first = False
        if not text.strip():
            continue
        if not text.replace("\t", "").isprintable():
            faults.add(line, "holds control characters; expected plain text")
            continue
        try:
            cells = next(csv.reader([text], strict=True)) if '"' in text else text.split(",")
        except csv.Error as error:
            faults.add(line, f"is not valid CSV: {error}; check its quotes, each sample is one line")
            continue
        yield line, cells


def _header(line: int, header: list[str], survey: Survey, faults: _Faults) -> list[str]:
    """Return the columns, or none after the faults were named."""
    known = {*MUST, *(column for pair in RADIO.values() for column in pair)}
    if not header:
        faults.add(line, f"the file is empty; start it with the header {','.join(MUST)},rsrp,sinr (or rssi,snr)")
        return []
    if len(header) == 1 and (other := next((mark for mark in OTHER_MARKS if mark in header[0]), "")):
        faults.add(line, f"columns are separated by {OTHER_MARKS[other]}; save the file with commas")
        return []
    before = faults.count
    for index, column in enumerate(header):
        if column not in known:
            faults.add(line, f"'{column[:60]}' is no column of a survey{nearest(column[:60], known) or '; remove it'}")
        elif column in header[:index]:
            faults.add(line, f"column '{column}' is there twice; keep one of the two")
    for column in MUST:
        if column not in header:
            faults.add(line, f"column '{column}' is missing; expected {','.join(MUST)} and rsrp,sinr or rssi,snr")
    radios = [name for name, pair in RADIO.items() if set(pair) & set(header)]
    if len(radios) != 1 or RADIO[radios[0]][0] not in header:
        faults.add(line, "expected the column rssi (WiFi) or the column rsrp (LTE), of one of the two; split the file")
    if faults.count > before:
        return []
    survey.technology = radios[0]
    return header


def _take(row: dict[str, str], survey: Survey, *, now_ms: int) -> None:
    """Add one sample; ValueError says what is off."""
    at_ms = _time(row["time"], now_ms)
    position = _position(row["latitude"], row["longitude"])
    by = row["datum"].upper()
    if by not in datum.INVERSION_MM:
        close = nearest(by[:20], datum.INVERSION_MM)
        raise ValueError(
            f"datum {row['datum'][:20]!r} is unknown{close}; expected WGS-84, GCJ-02 or BD-09: ask who measured"
        )
    latitude, longitude = datum.to_wgs84(position, by)
    who = row["instrument"]
    if who not in survey.instruments:
        _instrument(who)
        if len(survey.instruments) >= MOST_INSTRUMENTS:
            raise ValueError(f"instrument {who!r}: more than {MOST_INSTRUMENTS} in one file; name devices, not runs")
    survey.table.add(grid.cell(latitude, longitude, survey.resolution), at_ms // HOUR_MS, _measured(row, survey))
    survey.instruments[who] += 1
    survey.datums[by] += 1
    survey.samples += 1
    survey.first_ms = min(survey.first_ms or at_ms, at_ms)
    survey.last_ms = max(survey.last_ms, at_ms)


def _instrument(who: str) -> None:
    """Raise ValueError unless the text can name a device: it stands in the ledger, which cannot forget a person."""
    if not 0 < len(who) <= 100:
        raise ValueError(f"instrument has {len(who)} characters; expected its name, 1 to 100 characters")
    if names_somebody(who):
        raise ValueError("instrument names somebody; write the device's model and number")  # never the text itself
    if who[0] in FORMULA:
        raise ValueError(f"instrument begins with {who[0]!r}, as a formula does; write the device's model and number")


def _time(text: str, now_ms: int) -> int:
    expected = "expected a time with its zone, 2026-10-12T09:30:00+08:00"
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"time {text[:40]!r} is not valid; {expected}") from None
    if at.tzinfo is None:
        raise ValueError(f"time {text[:40]!r} has no zone; {expected}")
    try:
        at_ms = to_ms(at)
    except OverflowError:
        at_ms = -1
    if not 0 < at_ms <= now_ms:
        raise ValueError(f"time {text[:40]!r} is before 1970 or has not come yet; check the instrument's clock")
    return at_ms


def _position(latitude: str, longitude: str) -> datum.Position:
    found = _degrees(latitude, 90), _degrees(longitude, 180)
    if found[0] is None:
        exchanged = _degrees(latitude, 180) is not None and _degrees(longitude, 90) is not None
        hint = "; latitude and longitude look exchanged" if exchanged else ""
        raise ValueError(f"latitude {latitude[:40]!r} is not valid; expected decimal degrees from -90 to 90{hint}")
    if found[1] is None:
        raise ValueError(f"longitude {longitude[:40]!r} is not valid; expected decimal degrees from -180 to 180")
    return found[0], found[1]


def _degrees(text: str, most: int) -> float | None:
    """Return decimal degrees; None where the text is none, or beyond `most` to either side."""
    return float(text) if _DEGREES.fullmatch(text) and -most <= float(text) <= most else None


def _measured(row: dict[str, str], survey: Survey) -> Hour:
    level_of, quality_of = RADIO[survey.technology]
    level, quality = row[level_of], row.get(quality_of, "")
    if level.lower() == SILENT:
        if quality:
            raise ValueError(f"{quality_of} is {quality[:20]!r} where {level_of} is none; leave it empty")
        return Hour(1, 1)
    of_level = decibels(level_of, level)
    return Hour(1, 0, of_level, 1, decibels(quality_of, quality)) if quality else Hour(1, 0, of_level)


def decibels(column: str, text: str) -> int:
    """Return a level or quality in hundredths; ValueError says what was expected of this column."""
    value = hundredths(column, text)
    if value is None:
        low, high = RANGES[column]
        silent = f", or {SILENT}" if column in {"rssi", "rsrp"} else ", or nothing"
        raise ValueError(
            f"{column} {text[:40]!r} is not valid; expected {low} to {high} with at most two decimals and a point"
            f"{silent}{unsigned(column, text)}"
        )
    return value


def hundredths(column: str, text: str) -> int | None:
    """Return a level or quality in hundredths; None where the text is no value of this column."""
    low, high = RANGES[column]
    if not (found := _DECIBELS.fullmatch(text)):
        return None
    sign, whole, fraction = found.groups()
    value = (int(whole) * 100 + int((fraction or "").ljust(2, "0"))) * (-1 if sign else 1)
    return value if low * 100 <= value <= high * 100 else None


def unsigned(column: str, text: str) -> str:
    """Return `; did you mean -105?` for a text that only lacks its sign, or the empty string."""
    return f"; did you mean -{text}?" if hundredths(column, f"-{text}") is not None else ""
