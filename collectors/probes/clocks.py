"""The state of the kernel's clock, as it says itself: synchronised or not, and how far off it may be (adjtimex(2)).

Every sample carries it: a one-way delay is a difference between two clocks, and is worth no more than they are.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

_STA_UNSYNC = 0x0040
_TIME_ERROR = 5
NS_PER_US = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockState:
    """What a clock says of itself. `error_ns` bounds its distance from UTC; without synchronisation it means little."""

    synchronised: bool
    error_ns: int
    detail: str = ""

    @property
    def word(self) -> str:
        """The state as the fact `clock_state` names it."""
        return "synchronised" if self.synchronised else "unsynchronised"

    def record(self) -> dict[str, bool | int | str]:
        """Return the state as it is archived with every sample."""
        return {"synchronised": self.synchronised, "error_ns": self.error_ns, "detail": self.detail}


class _Timeval(ctypes.Structure):
    _fields_ = (("sec", ctypes.c_long), ("usec", ctypes.c_long))


class _Timex(ctypes.Structure):
    """`struct timex` of <sys/timex.h>; the tail is room for what later kernels add."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time", _Timeval),
        ("tick", ctypes.c_long),
        ("ppsfreq", ctypes.c_long),
        ("jitter", ctypes.c_long),
        ("shift", ctypes.c_int),
        ("stabil", ctypes.c_long),
        ("counts", ctypes.c_long * 4),
        ("tai", ctypes.c_int),
        ("room", ctypes.c_int * 32),
    )


def kernel() -> ClockState:
    """Ask the kernel; needs no privilege. A kernel that does not say counts as not synchronised."""
    told = _Timex()  # modes 0: read only
    try:
        answer = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(told))
    except (OSError, AttributeError):
        return ClockState(synchronised=False, error_ns=0, detail="adjtimex is not there")
    if answer < 0:
        return ClockState(synchronised=False, error_ns=0, detail=f"adjtimex: errno {ctypes.get_errno()}")
    return state(answer=answer, status=told.status, maxerror_us=told.maxerror)


def state(*, answer: int, status: int, maxerror_us: int) -> ClockState:
    """Return what adjtimex's answer means: TIME_ERROR or STA_UNSYNC is no synchronisation."""
    synchronised = answer != _TIME_ERROR and not status & _STA_UNSYNC
    detail = f"status 0x{status:04x}, maxerror {maxerror_us} us"
    return ClockState(synchronised=synchronised, error_ns=max(0, maxerror_us) * NS_PER_US, detail=detail)
