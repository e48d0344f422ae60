"""The ways in: what a visitor shows, and what is believed. One file per method, one line here.

A method says yes (`Grant`) or no (`Refusal`), and nothing else: it opens no door and writes no session. What it needs
to remember for itself (a voucher's first use) it writes before it says yes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from captive_portal.model import Grant
    from captive_portal.store import Store
    from netops.config import Settings


class Why(StrEnum):
    """Why a method said no; the page has a sentence for each."""

    MISTYPED = "mistyped"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    TOO_LATE = "too_late"  # never used, and the batch's last day is over
    USED_UP = "used_up"
    TOO_MANY_DEVICES = "too_many_devices"
    TOO_OFTEN = "too_often"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A no. `wait_ms` says when another try makes sense."""

    why: Why
    wait_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What came with a login: the form's fields, cut to size, and the device's keyed identity."""

    fields: Mapping[str, str]
    identity: bytes
    site: str


class Method(Protocol):
    """A way in. `template` is the part of the page that asks for it."""

    name: str
    template: str

    def prove(self, shown: Shown, now_ms: int) -> Grant | Refusal:
        """Decide; on return what the method must remember is durable."""
        ...


def _click_through(settings: Settings, _store: Store) -> Method:
    from captive_portal.methods.click_through import ClickThrough  # noqa: PLC0415  (only the chosen methods are loaded)

    return ClickThrough(minutes=settings.portal.session_minutes)


def _voucher(settings: Settings, store: Store) -> Method:
    from captive_portal.keys import voucher_key  # noqa: PLC0415
    from captive_portal.methods.voucher import Voucher  # noqa: PLC0415

    return Voucher(store, voucher_key(settings))


METHODS: dict[str, Callable[[Settings, Store], Method]] = {
    "click_through": _click_through,
    "voucher": _voucher,
}


def names(settings: Settings) -> list[str]:
    """Return the methods that the settings name, in the order of the page."""
    return [name.strip() for name in settings.portal.methods.split(",") if name.strip()]


def make(settings: Settings, store: Store) -> dict[str, Method]:
    """Return the chosen methods by name."""
    return {name: METHODS[name](settings, store) for name in names(settings)}
