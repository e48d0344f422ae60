"""Instants as people write them, and as the register keeps them: integer milliseconds UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    import argparse
    from datetime import tzinfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
EARLIEST_MS, LATEST_MS = -62_135_510_400_000, 253_370_764_800_000  # what a calendar holds in every zone


def zone(name: str) -> ZoneInfo:
    """Return the IANA time zone; ValueError when there is none of this name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"'{name}' is no IANA time zone; expected one like Asia/Shanghai") from None


def instant(written: str, where: ZoneInfo) -> int:
    """Return the milliseconds of a date (its midnight), or of a date and time; without an offset it is `where`'s time.

    ValueError for anything else, and outside 1970-2200.
    """
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        raise ValueError(f"'{written}' is no instant; expected 2026-01-01 or 2026-01-01T08:00:00+08:00") from None
    try:
        aware = at if at.tzinfo is not None else at.replace(tzinfo=where)
        inside = _EPOCH <= aware.astimezone(UTC) <= _LATEST
    except OverflowError:
        inside = False
    if not inside:
        raise ValueError(f"'{written}' lies outside the years 1970 to 2200")
    return (aware.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)


def month_start(at_ms: int, timezone: str) -> int:
    """Return the instant at which the calendar month of an instant began in the zone."""
    at = (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone(timezone))
    first = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
    return (first.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)


def iso(at_ms: int) -> str:
    """Return RFC 3339 UTC, `2026-10-01T00:00:00Z`, with milliseconds only where there are any."""
    at = _EPOCH + timedelta(milliseconds=at_ms)
    tail = f".{at_ms % 1000:03d}Z" if at_ms % 1000 else "Z"
    return at.strftime("%Y-%m-%dT%H:%M:%S") + tail


def shown(at_ms: int, where: tzinfo) -> str:
    """Return the instant as a person of that zone reads it, its offset spelled out: `2026-10-01T08:00:00+08:00`.

    What is printed can be typed again: `instant` reads it back to the same millisecond.
    """
    if where is UTC:
        return iso(at_ms)
    at = (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(where)
    return at.isoformat(timespec="milliseconds" if at_ms % 1000 else "seconds")


def utc_option(parser: argparse.ArgumentParser) -> None:
    """Declare --utc on a command that shows times to a person."""
    parser.add_argument("--utc", action="store_true", help="show times in UTC instead of the city's zone")


def chosen(args: argparse.Namespace, timezone: str) -> tzinfo:
    """Return the zone that times are shown in: the city's, or UTC where --utc asks for it."""
    return UTC if args.utc else zone(timezone)
