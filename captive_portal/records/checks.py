"""Whether the two clocks of the visitors' records can both be kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from captive_portal.records.retention import SIX_MONTHS
from inventory.errors import Problem

if TYPE_CHECKING:
    from netops.config import Settings

A_MONTH = 33  # days: records of a month's first day wait for the key of its last, and a little


def check(settings: Settings) -> list[Problem]:
    """Return what is wrong with the days of retention; a rehearsal has no visitors."""
    days = settings.retention
    if settings.city.rehearsal:
        return []
    found = []
    if days.law_days < SIX_MONTHS:
        what = f"{days.law_days} days are no six months (Cybersecurity Law, article 21)"
        found.append(_problem(settings, "law_days", what, f"set at least {SIX_MONTHS}"))
    if days.session_days < days.law_days:
        what = f"records would be kept {days.session_days} days; the law's minimum is {days.law_days}"
        found.append(_problem(settings, "session_days", what, f"set at least {days.law_days}"))
    if days.session_days + A_MONTH > days.privacy_days:
        what = f"a record may live {days.session_days + A_MONTH} days; the privacy maximum is {days.privacy_days}"
        found.append(_problem(settings, "session_days", what, f"set at most {days.privacy_days - A_MONTH}"))
    return found


def _problem(settings: Settings, name: str, what: str, remedy: str) -> Problem:
    where = f"retention.{name}"
    return Problem(settings.origin.get(where, where), what, remedy)
