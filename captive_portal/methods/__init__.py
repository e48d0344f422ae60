"""The ways in: what a visitor shows, and what is believed. One file per method, one line here.

A method says yes (`Grant`), no (`Refusal`), "one thing more" (`Ask`) or "over there" (`Leave`), and nothing else: it
opens no door and writes no session. What it needs to remember for itself (a voucher's first use, a code that was sent)
it writes before it answers, by the device's keyed identity and never in a cookie: the browser of a login sheet closes
when its user looks into the message with the code, and forgets everything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Protocol

from captive_portal.model import FREE
from captive_portal.policy import Policy
from netops.clock import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from flask import Blueprint

    from captive_portal.model import Bounds, Grant
    from captive_portal.person import Persons
    from captive_portal.store import Store
    from captive_portal.verdict import Ask, Verdict
    from netops.clock import Clock
    from netops.config import Settings
    from netops.facts import Fact

NO_POLICY = Policy(id="", title="", methods=(), bounds=FREE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What came with a login: the form's fields, cut to size, the device's keyed identity, what its site allows.

    `random_mac` says that the device made its MAC up. `answer` is what the method's own `consult` came to; nothing that
    a visitor sends can set it.
    """

    fields: Mapping[str, str]
    identity: bytes
    site: str
    bounds: Bounds
    policy: Policy = field(default=NO_POLICY)  # of the site
    random_mac: bool = False
    answer: Verdict | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a method may work with. `persons` keeps who was identified, apart from everything else."""

    settings: Settings
    store: Store
    persons: Persons
    clock: Clock = SYSTEM


class Method(Protocol):
    """A way in. `template` is the part of the page that asks for it.

    `leaves` says that its logins end at `/return/<name>`: they come without a form of ours, so the method itself must
    know that this device asked for them. Any other method that is called there is not asked.

    `plain` says that it reads no field of the form: its logins need no page (captive_portal/straight.py).
    """

    name: str
    template: str
    leaves: bool = False
    plain: bool = False

    def consult(self, shown: Shown, now_ms: int) -> Verdict | None:  # noqa: ARG002  (the protocol's)
        """Ask somebody far away, before the client's turn: nobody waits for it but this visitor. Most ask nobody."""
        return None

    def prove(self, shown: Shown, now_ms: int) -> Verdict:
        """Decide; on return what the method must remember is durable."""
        ...

    def resume(self, shown: Shown, now_ms: int) -> Ask | None:  # noqa: ARG002  (the protocol's)
        """Return what this device was asked last and has not answered; most methods ask one thing only."""
        return None

    def recognise(self, shown: Shown, now_ms: int) -> Grant | None:  # noqa: ARG002  (the protocol's)
        """Let a device in without a tap, by what it agreed to before (`Grant.agreed`); most methods know nobody."""
        return None

    def typed(self, fields: Mapping[str, str]) -> Mapping[str, str]:  # noqa: ARG002  (the protocol's)
        """Return what its form shows again of what was typed, cut to size; most have nothing that is typed."""
        return {}

    def language(self, brought: Mapping[str, str]) -> str:  # noqa: ARG002  (the protocol's)
        """Return the tag of the language that went along and is brought back from elsewhere; empty where none is."""
        return ""

    # ---- beside the page; most methods have nothing there
    def begin(self) -> None:
        """Start what works beside the page."""
        return

    def tend(self, tell: Callable[[Sequence[Fact]], None], now_ms: int, *, last: bool = False) -> None:  # noqa: ARG002
        """Do the housekeeping, every few seconds, and state what is over; `last`: everything, there is no next time."""
        return

    def pages(self) -> Sequence[Blueprint]:
        """Return pages of the method's own, on the visitors' listener."""
        return ()

    def health(self) -> Mapping[str, str]:
        """Return what is wrong, by subject."""
        return {}

    def away(self, policy: Policy, now_ms: int) -> bool:  # noqa: ARG002  (the protocol's)
        """Whether nobody of a site can come in by it now, because those it needs do not answer; most need nobody."""
        return False

    def gauges(self) -> Mapping[str, float]:
        """Return the method's own numbers by name."""
        return {}

    def close(self) -> None:
        """Stop what `begin` started; safe to call twice."""
        return


def _click_through(_tools: Tools) -> Method:
    from captive_portal.methods.click_through import ClickThrough  # noqa: PLC0415  (only the chosen methods are loaded)

    return ClickThrough()


def _voucher(tools: Tools) -> Method:
    from captive_portal.keys import voucher_key  # noqa: PLC0415
    from captive_portal.methods.voucher import Voucher  # noqa: PLC0415

    return Voucher(tools.store, voucher_key(tools.settings))


def _oidc(tools: Tools) -> Method:
    from captive_portal.methods.oidc import Oidc  # noqa: PLC0415
    from captive_portal.places import base_url  # noqa: PLC0415
    from netops.oidc.provider import ALL_AT_ONCE, AT_ONCE, Known  # noqa: PLC0415

    room = BoundedSemaphore(ALL_AT_ONCE)
    named = tools.settings.portal.oidc
    most = AT_ONCE if len(named) > 1 else ALL_AT_ONCE
    providers = {name: Known(name, each, room=room, most=most) for name, each in named.items()}
    return Oidc(tools.store, providers, tools.persons, base_url(tools.settings))


def _returning(tools: Tools) -> Method:
    from captive_portal.methods.returning import Comeback  # noqa: PLC0415

    return Comeback(tools.store, tools.persons)


def _sms(tools: Tools) -> Method:
    from captive_portal.methods.sms import Sms  # noqa: PLC0415

    return Sms(tools)


METHODS: dict[str, Callable[[Tools], Method]] = {
    "click_through": _click_through,
    "voucher": _voucher,
    "sms": _sms,
    "oidc": _oidc,
    "returning": _returning,  # on no page: a policy's `returning` says for whom
}


def names(settings: Settings) -> list[str]:
    """Return the methods that the settings name, in the order of the page."""
    return [name.strip() for name in settings.portal.methods.split(",") if name.strip()]


def make(tools: Tools, wanted: Iterable[str]) -> dict[str, Method]:
    """Return methods by name, each once, in the order wanted."""
    return {name: METHODS[name](tools) for name in dict.fromkeys(wanted)}
