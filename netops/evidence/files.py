"""A small file put in place of another so that a power cut leaves the old or the new one, never a torn one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def replace(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Write the bytes beside the file, fsync, rename, and fsync the directory; `mode` when others are to read it."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        if mode is not None:
            os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    settle(path.parent)


def settle(directory: Path) -> None:
    """Make the names in a directory durable."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
