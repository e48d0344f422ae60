"""Whether the machine says of its own clock that it is kept: by systemd-timesyncd's mark, or by the kernel's word."""

from __future__ import annotations

import ctypes
from pathlib import Path

TIMESYNCD = Path("/run/systemd/timesync/synchronized")  # touched at every answer that it took
_ROOM = 512  # bytes: more than any `struct timex`
_TIME_ERROR = 5


def is_synchronised() -> bool:
    """Whether somebody steers the clock. Nobody who may say so is no: a clock of unknown state is not a good one."""
    return TIMESYNCD.exists() or _kernel_says_so()


def _kernel_says_so() -> bool:
    """Ask adjtimex(2), reading only (modes 0): its answer is the clock's state, -1 where we may not ask."""
    try:
        answer = int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_ROOM)))
    except (OSError, AttributeError):
        return False
    return 0 <= answer < _TIME_ERROR
