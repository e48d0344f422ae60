"""Figures of a report as its pages show them. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def runs(leaves: Sequence[Sequence[int]]) -> str:
    """Return `[[first, count], …]` as `#7–9, #12`."""
    return ", ".join(f"#{first}" if count == 1 else f"#{first}–{first + count - 1}" for first, count in leaves)


def money(text: str) -> str:
    """Return an amount with two places and its thousands apart."""
    return f"{Decimal(text):,.2f}"


def short(shown: str) -> str:
    """Return a figure of six places with three, cut, as every shown figure is."""
    return shown[:-3] if "." in shown else shown


def millionths(part: Decimal, whole: Decimal) -> int:
    """Return a share in whole millionths, rounded down."""
    return int(part * 1_000_000 // whole)
