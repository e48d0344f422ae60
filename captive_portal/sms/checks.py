"""What is wrong with codes by SMS before anybody asks for one: nobody to deliver them, texts without a code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from captive_portal.sms import code, providers
from inventory.errors import Problem
from netops.errors import ConfigError

if TYPE_CHECKING:
    from captive_portal.policy import Policies
    from netops.config import Settings

NAME = "sms"
ONE_MESSAGE = 70  # characters of UCS-2 in one message (3GPP TS 23.040); a longer text is sent, and paid for, as several


def problems(settings: Settings, policies: Policies) -> list[Problem]:
    """Return what is off where a site offers codes by SMS."""
    if not any(NAME in policy.methods for policy in policies.every):
        return []
    return [*_providers(settings), *_text(settings), *_caps(settings)]


def _providers(settings: Settings) -> list[Problem]:
    where = settings.origin.get("sms.order", "[sms.providers]")
    try:
        made = providers.make(settings)
    except ConfigError as error:
        return [Problem(where, str(error))]
    return [] if made else [Problem(where, "no provider delivers codes", "add [sms.providers.NAME]")]


def _text(settings: Settings) -> list[Problem]:
    text, where = settings.sms.text, settings.origin.get("sms.text", "sms.text")
    if "{code}" not in text:
        return [Problem(where, "'sms.text' has no {code}", "say where the code stands")]
    digits, minutes = max(code.DIGITS), code.LIFE_MS // 60_000
    longest = len(text.replace("{code}", "0" * digits).replace("{minutes}", str(minutes)).encode("utf-16-be")) // 2
    what = f"a message is {longest} characters long; beyond {ONE_MESSAGE} it is paid for as several"
    return [Problem(where, what, "shorten 'sms.text'")] if longest > ONE_MESSAGE else []


def _caps(settings: Settings) -> list[Problem]:
    """Return the caps that let nobody in."""
    names = ("number_per_day", "client_per_day", "site_per_hour", "city_per_hour", "city_per_day", "workers")
    return [
        Problem(settings.origin.get(f"sms.{name}", f"sms.{name}"), f"'sms.{name}' is less than 1", "nobody gets a code")
        for name in names
        if getattr(settings.sms, name) < 1
    ]
