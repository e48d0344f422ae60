"""Whether an SQLite file was cut: its header says how many pages it should have."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC = b"SQLite format 3\x00"
_HEADER = 100


def torn(path: Path) -> str:
    """Return what is wrong with the length of the file, or nothing; pages that wait in the `-wal` file are not missed.

    Source: the SQLite database file format, section 1.3 (page size at byte 16, pages at byte 28).
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(_HEADER)
    if len(header) < _HEADER or not header.startswith(_MAGIC):
        return f"no SQLite file: {size} bytes that do not begin with its header"
    page = int.from_bytes(header[16:18], "big")
    page = 65_536 if page == 1 else page
    pages = int.from_bytes(header[28:32], "big")
    if size % page or size < pages * page:
        return f"its tail is torn: {size} bytes, and its header names {pages} pages of {page} ({pages * page} bytes)"
    return ""
