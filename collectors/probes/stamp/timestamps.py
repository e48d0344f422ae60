"""Timestamps and error estimates as STAMP carries them. Pure.

RFC 8762 4.2.1: a 64-bit NTP timestamp (RFC 5905) or, with Z = 1, a truncated PTPv2 one (RFC 8186); the error estimate
is that of RFC 4656 4.1.2: `S Z scale(6) multiplier(8)`, in seconds multiplier x 2^-32 x 2^scale.
"""

from __future__ import annotations

from dataclasses import dataclass

NTP_EPOCH_S = 2_208_988_800  # 1900-01-01 to 1970-01-01
ERA_S = 1 << 32
NS = 1_000_000_000
_SYNCHRONISED, _PTP = 0x8000, 0x4000
TAI_S = 37  # TAI - UTC since 2017-01-01, where the kernel does not say better: a PTP clock counts TAI


def ntp_of(at_ns: int) -> int:
    """Return nanoseconds since 1970 as a 64-bit NTP timestamp; its 0.23 ns steps keep every nanosecond."""
    seconds, rest = divmod(at_ns, NS)
    return ((seconds + NTP_EPOCH_S) % ERA_S) << 32 | (rest << 32) // NS


def ns_of(stamp: int, *, near_ns: int, ptp: bool = False, tai_s: int = TAI_S) -> int:
    """Return a timestamp in nanoseconds since 1970, in the era nearest to `near_ns` (the 32-bit seconds wrap).

    `tai_s` is TAI - UTC, of which a PTP timestamp is cleared.
    """
    seconds, rest = stamp >> 32, stamp & 0xFFFF_FFFF
    ntp_ns = (seconds - NTP_EPOCH_S) * NS + ((rest * NS + (1 << 31)) >> 32)
    at = (seconds - tai_s) * NS + rest if ptp else ntp_ns
    era = ERA_S * NS
    return at + (near_ns - at + era // 2) // era * era


@dataclass(frozen=True, slots=True)
class ErrorEstimate:
    """How far a party's clock may be off, and whether an external source of UTC steers it."""

    synchronised: bool
    scale: int
    multiplier: int
    ptp: bool = False

    @classmethod
    def of(cls, error_ns: int, *, synchronised: bool) -> ErrorEstimate:
        """Return the smallest estimate that is not below `error_ns`."""
        units = max(1, -(-(error_ns << 32) // NS))
        scale = max(0, units.bit_length() - 8)
        multiplier = -(-units >> scale)
        if multiplier > 0xFF:
            scale, multiplier = scale + 1, -(-multiplier >> 1)
        return cls(synchronised, min(scale, 63), multiplier)

    @classmethod
    def read(cls, field: int) -> ErrorEstimate:
        """Return the 16-bit field's meaning; a multiplier of 0 marks a corrupt packet (RFC 4656 4.1.2)."""
        return cls(bool(field & _SYNCHRONISED), field >> 8 & 0x3F, field & 0xFF, bool(field & _PTP))

    def field(self) -> int:
        """Return the 16 bits."""
        flags = (_SYNCHRONISED if self.synchronised else 0) | (_PTP if self.ptp else 0)
        return flags | self.scale << 8 | self.multiplier

    @property
    def error_ns(self) -> int:
        """The estimate in nanoseconds, rounded up."""
        return -(-(self.multiplier * NS << self.scale) >> 32)
