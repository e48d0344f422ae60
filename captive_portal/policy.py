"""What a site offers its visitors, and within which bounds: one policy per site, frozen, and what follows from it.

A policy is data (`captive_portal/policy_yaml.py` reads it) and decides nothing by itself: the desk asks `open_at` and
`narrower`, the page asks which methods and languages to show, the gateway gets `Bounds`. What was in force when
somebody was let in is known by the policy's digest, which stands in the session's record.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from captive_portal.agreement import VERSION, Library, built_in
from captive_portal.model import Bounds

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from inventory.model import Hours

WhenBroken = Literal["closed", "open"]
DAY = timedelta(days=1)
RETURNING = "returning"  # the method of a device that comes back; it is on no page
WEEK_DAYS = 7


def narrower(one: Bounds, other: Bounds) -> Bounds:
    """Return the stricter of two in every respect: what a site allows and what a voucher or account was given."""
    return Bounds(
        **{each.name: _stricter(getattr(one, each.name), getattr(other, each.name)) for each in fields(Bounds)}
    )


def _stricter(one: int, other: int) -> int:
    return min(one, other) if one and other else one or other


@dataclass(frozen=True, slots=True, kw_only=True)
class Brand:
    """How the page introduces itself; empty is the city's own look. `logo` is the text of a checked SVG."""

    name: str = ""
    name_en: str = ""
    colour: str = ""
    logo: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Whose accounts let somebody in: of a provider of the settings, by mail domain and group. Empty: all of them."""

    provider: str
    domains: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Returning:
    """How long a device that proved itself by one of these methods comes back without a tap.

    Only a device with a MAC of its own is known again, unless `random_macs`: a made-up MAC is kept for one network by
    most phones, but nobody promises it.
    """

    days: int
    methods: tuple[str, ...]
    random_macs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Texting:
    """Codes by SMS: how many digits, and to numbers of which countries, by prefix; the first is meant without one."""

    digits: int = 8
    countries: tuple[str, ...] = ("86",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What visitors of some sites meet. `hours` empty: always open. `garden`: names reachable before login.

    `digest` is the SHA-256 of the policy's canonical content: who was let in under which words can be told later.
    """

    id: str
    title: str
    methods: tuple[str, ...]
    bounds: Bounds
    garden: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("zh_CN", "en")
    brand: Brand = field(default_factory=Brand)
    terms: str = VERSION
    hours: tuple[Hours, ...] = ()
    when_broken: WhenBroken = "closed"
    accounts: tuple[Account, ...] = ()
    returning: Returning | None = None
    texting: Texting = field(default_factory=Texting)
    digest: str = ""

    @property
    def ways(self) -> tuple[str, ...]:
        """Return every method that may let somebody in: those of the page, and being known."""
        return (*self.methods, RETURNING) if self.returning else self.methods


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """Every policy of the portal, by site and the one for all others, with the terms that they name."""

    default: Policy
    by_site: Mapping[str, Policy] = field(default_factory=dict)
    library: Library = field(default_factory=built_in)
    files: Mapping[str, str] = field(default_factory=dict)  # policy id → where it was read; none for the settings' own

    def at(self, site: str) -> Policy:
        """Return the policy of a site."""
        return self.by_site.get(site, self.default)

    @property
    def every(self) -> tuple[Policy, ...]:
        """Each policy once, in the order of their ids."""
        found = {each.id: each for each in (self.default, *self.by_site.values())}
        return tuple(found[name] for name in sorted(found))


def open_at(hours: tuple[Hours, ...], at_ms: int, zone: ZoneInfo) -> bool:
    """Whether a site is open at an instant, by the wall clock of the city."""
    if not hours:
        return True
    local = datetime.fromtimestamp(at_ms / 1000, tz=UTC).astimezone(zone)
    minute, day = local.hour * 60 + local.minute, local.isoweekday()
    return any(day in each.days and each.start_minute <= minute < each.end_minute for each in hours)


def opens_ms(hours: tuple[Hours, ...], at_ms: int, zone: ZoneInfo) -> int:
    """Return the instant of the next opening after one at which the site is closed."""
    local = datetime.fromtimestamp(at_ms / 1000, tz=UTC).astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    starts = []
    for ahead in range(WEEK_DAYS + 1):
        day = midnight + ahead * DAY  # wall-clock arithmetic: the zone gives each day its own offset
        for each in hours:
            if day.isoweekday() in each.days:
                start = day.replace(hour=each.start_minute // 60, minute=each.start_minute % 60)
                starts.append(int(start.timestamp() * 1000))
    return min(start for start in starts if start > at_ms)


def seconds_open(hours: tuple[Hours, ...], at_ms: int, zone: ZoneInfo) -> int | None:
    """Return how long a site stays open from an instant at which it is; None for one that never closes.

    Windows that meet (… to 24:00, from 00:00 …) are one.
    """
    if not hours:
        return None
    at = datetime.fromtimestamp(at_ms / 1000, tz=UTC).astimezone(zone)
    began = at
    for _ in range(WEEK_DAYS * len(hours) * 2):
        minute = at.hour * 60 + at.minute
        window = next((h for h in hours if at.isoweekday() in h.days and h.start_minute <= minute < h.end_minute), None)
        if window is None:
            return int(at.timestamp() - began.timestamp())
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
        at = midnight + timedelta(minutes=window.end_minute)
    return None
