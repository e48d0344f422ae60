"""The state of the kernel's clock, as it says itself: synchronised or not, and how far off it may be (adjtimex(2)).

Every sample carries it: a one-way delay is a difference between two clocks, and is worth no more than they are.

How far off it may be is what the program that steers the clock says (`maxerror`, which the kernel lets grow by 500 us a
second) and what of the last correction is still to come: a clock that is being slewed is off by that as well.
systemd-timesyncd says 0 after each answer, whatever the answer was worth: that is no word about the error at all.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

_STA_UNSYNC, _STA_NANO = 0x0040, 0x2000
_TIME_ERROR = 5
_GROWTH_US = 500  # a second: MAXFREQ of the kernel
UNTOLD_NS = 1_000_000_000  # how far a clock may be off whose steerer does not say
NS_PER_US = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockState:
    """What a clock says of itself. `error_ns` bounds its distance from UTC; without synchronisation it means little."""

    synchronised: bool
    error_ns: int
    detail: str = ""
    tai_s: int = 0  # TAI - UTC as the kernel was told it; 0: it was not

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
    return state(
        answer=answer,
        status=told.status,
        maxerror_us=told.maxerror,
        esterror_us=told.esterror,
        slewing=told.offset,
        tai_s=told.tai,
    )


def state(
    *, answer: int, status: int, maxerror_us: int, esterror_us: int, slewing: int = 0, tai_s: int = 0
) -> ClockState:
    """Return what adjtimex's answer means: TIME_ERROR or STA_UNSYNC is no synchronisation.

    `slewing` is what is left of the last correction, in ns with STA_NANO, else in us.
    """
    synchronised = answer != _TIME_ERROR and not status & _STA_UNSYNC
    left_ns = abs(slewing) if status & _STA_NANO else abs(slewing) * NS_PER_US
    untold = not esterror_us and maxerror_us % _GROWTH_US == 0  # 0 was said, and nothing but time has passed since
    error_ns = max(0, maxerror_us) * NS_PER_US + left_ns + (UNTOLD_NS if untold else 0)
    detail = f"status 0x{status:04x}, maxerror {maxerror_us} us, esterror {esterror_us} us, slewing {left_ns} ns"
    return ClockState(synchronised=synchronised, error_ns=error_ns, detail=detail, tai_s=tai_s)
