"""Bytes of a file to text: bounded, UTF-8 or refused, with the remedy for what a spreadsheet saved otherwise."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from inventory.reading.tree import Notes

MOST_YAML = 2 * 2**20
MOST_CSV = 16 * 2**20


def read(path: Path, name: str, notes: Notes, *, most: int) -> str | None:
    """Return the text of a file of at most `most` bytes; None with a note when it cannot be had."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe or a device could be read for ever
            notes.add(name, "is no regular file", "put the file itself here")
            return None
        with path.open("rb") as file:
            raw = file.read(most + 1)
    except OSError as error:
        notes.add(name, f"cannot be read ({error.strerror})", "check its permissions")
        return None
    if len(raw) > most:
        notes.add(name, f"is larger than {most // 2**20} MiB", "split it, or use CSV for devices and services")
        return None
    return decode(raw, name, notes)


def decode(raw: bytes, name: str, notes: Notes) -> str | None:
    """Return UTF-8 text without its byte order mark. Other encodings are refused: a wrong guess would garble names."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        notes.add(
            f"{name}:{line}", f"is not UTF-8 (byte {error.start} is 0x{raw[error.start]:02x})", _remedy(raw, name)
        )
        return None


def _remedy(raw: bytes, name: str) -> str:
    if raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return f"it looks like UTF-16: convert it with `iconv -f UTF-16 -t UTF-8 {name}`"
    try:
        raw.decode("gb18030")
    except UnicodeDecodeError:
        return "save it as UTF-8"
    return f"it looks like GB18030: save it as 'CSV UTF-8', or convert it with `iconv -f GB18030 -t UTF-8 {name}`"
