"""Who delivers a message: the seam, what a handing over may come to, and the providers that the settings name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from inventory.times import zone
from netops.errors import ConfigError, nearest

if TYPE_CHECKING:
    from netops.config import Settings

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
KINDS = ("http", "outbox")
LEAST_SECRET = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One text to one number. Its representation names neither number nor code."""

    id: str
    phone: str  # E.164 with its +
    prefix: str
    code: str
    text: str
    at_ms: int

    def __repr__(self) -> str:
        return f"Message({self.id})"

    @property
    def national(self) -> str:
        """The number without the country's prefix."""
        return self.phone.removeprefix(f"+{self.prefix}")


class Came(StrEnum):
    """What a handing over came to. Only the second and third are certain to have sent nothing."""

    TAKEN = "taken"
    REFUSED = "refused"  # the provider answered, and said no
    AWAY = "away"  # it was never reached
    UNSURE = "unsure"  # it was reached and did not answer as it should: it may have taken the message


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a provider said. `receipt` is its own id of the message, `said` a short word for the log.

    `there`: it was unsure, and yet an answer as of a provider that works, if only we understood it.
    """

    came: Came
    receipt: str = ""
    said: str = ""
    there: bool = False


class Provider(Protocol):
    """Takes messages. `hand` blocks, raises nothing, and returns within its time."""

    name: str

    def hand(self, message: Message) -> Answer:
        """Hand one message over."""
        ...


def make(settings: Settings) -> tuple[Provider, ...]:
    """Return the providers in their order; ConfigError names what is off. A rehearsal without any has an outbox."""
    from captive_portal.sms.http import Http  # noqa: PLC0415  (only who sends needs it)
    from captive_portal.sms.outbox import Outbox  # noqa: PLC0415

    made: list[Provider] = []
    folder = settings.room("portal") / "outbox"
    for name in order(settings):
        said = settings.sms.providers[name]
        where = f"sms.providers.{name}"
        if not NAME.fullmatch(name):
            raise ConfigError(f"'{where}': expected a name of at most 32 of a-z, 0-9, - and _")
        if said.kind not in KINDS:
            raise ConfigError(f"'{where}.kind' is '{said.kind}'; expected http or outbox{nearest(said.kind, KINDS)}")
        if said.kind == "outbox" and not settings.city.rehearsal:
            raise ConfigError(f"'{where}.kind' is 'outbox': codes would lie in files; only a rehearsal may have one")
        if said.report_secret is not None and len(said.report_secret.read()) < LEAST_SECRET:
            raise ConfigError(f"'{where}.report_secret': expected at least {LEAST_SECRET} characters")
        clock = zone(settings.city.timezone)
        made.append(Outbox(name, folder) if said.kind == "outbox" else Http(name, said, hosts(settings), clock))
    if not made and settings.city.rehearsal:
        made.append(Outbox("outbox", folder))
    return tuple(made)


def order(settings: Settings) -> list[str]:
    """Return the names of the providers in the order of asking."""
    named = [each.strip() for each in settings.sms.order.split(",") if each.strip()]
    for each in named:
        if each not in settings.sms.providers:
            known = nearest(each, settings.sms.providers) or "; add [sms.providers.NAME]"
            raise ConfigError(f"'sms.order' names '{each}', which is no provider{known}")
    return list(dict.fromkeys(named)) or list(settings.sms.providers)


def hosts(settings: Settings) -> frozenset[str]:
    """Return the only hosts that may be asked; empty: each provider its own."""
    return frozenset(each.strip().lower() for each in settings.sms.hosts.split(",") if each.strip())
