"""How many messages may go out: to a number, for a device, from a site, from the city, abroad. Pure.

A number's and a device's day are the last 24 hours, by the times of what went out; the others are hours and days of
the clock, because they are money. A clock that steps back refills nothing: times from the future count as now.

From the third code of a device on, the wait before the next one grows. Proof of work and picture puzzles were weighed
and left: the first needs a script, which the page must work without, and costs a sender of floods less than a phone;
the second shuts out who cannot see, and is solved for a fee by those it should keep out. A wait is the same for all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from captive_portal.verdict import Why

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netops.texting import Sms

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
FREE_CODES = 2
WAITS_MS = (5 * 60_000, 15 * 60_000, 30 * 60_000)  # before the third code of a device in a day, the fourth, the others
CITY, ABROAD = "city", "abroad"


@dataclass(frozen=True, slots=True)
class Window:
    """A count that begins anew with each hour or day."""

    scope: str
    length_ms: int
    cap: int

    def start_ms(self, at_ms: int) -> int:
        """Return when the window of an instant began."""
        return at_ms - at_ms % self.length_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What went out: times of the last day to the number and for the device, ascending, and the counts by window.

    `ahead` says that some of it is of the future: the clock has stepped back since.
    """

    number_ms: tuple[int, ...]
    client_ms: tuple[int, ...]
    counts: Mapping[Window, int]
    ahead: bool = False

    def after(self, now_ms: int) -> Spent:
        """Return the same with one more message, now."""
        return replace(self, number_ms=(*self.number_ms, now_ms), client_ms=(*self.client_ms, now_ms))


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """Over a cap. `wait_ms` says when another try makes sense."""

    why: Why
    wait_ms: int


def windows(caps: Sms, site: str, *, abroad: bool) -> tuple[Window, ...]:
    """Return the counts that a message goes into."""
    return (
        Window(f"site:{site}", HOUR_MS, caps.site_per_hour),
        Window(CITY, HOUR_MS, caps.city_per_hour),
        Window(CITY, DAY_MS, caps.city_per_day),
        *((Window(ABROAD, DAY_MS, caps.abroad_per_day),) if abroad else ()),
    )


def denied(caps: Sms, spent: Spent, now_ms: int, *, further: bool = False) -> Denied | None:
    """Return why no message may go out now; `further`: one more of a code that is on its way, which waits for none."""
    day = max(_day(spent.number_ms, caps.number_per_day, now_ms), _day(spent.client_ms, caps.client_per_day, now_ms))
    if day:
        return Denied(why=Why.USED_TODAY, wait_ms=day)
    full = [each for each, count in spent.counts.items() if count >= each.cap]
    if full:
        return Denied(why=Why.UNSENT, wait_ms=max(each.start_ms(now_ms) + each.length_ms - now_ms for each in full))
    wait = 0 if further else max(_since(spent.number_ms, caps.number_every_s * 1000, now_ms), _grown(spent, now_ms))
    return Denied(why=Why.TOO_OFTEN, wait_ms=wait) if wait else None


def next_ms(caps: Sms, spent: Spent, now_ms: int) -> int:
    """Return how long until another code may go out, as far as number and device are concerned."""
    found = denied(caps, replace(spent, counts={}), now_ms)
    return found.wait_ms if found else 0


def _day(times: tuple[int, ...], cap: int, now_ms: int) -> int:
    if cap <= 0:
        return DAY_MS
    return max(1, times[-cap] + DAY_MS - now_ms) if len(times) >= cap else 0


def _since(times: tuple[int, ...], every_ms: int, now_ms: int) -> int:
    return max(0, times[-1] + every_ms - now_ms) if times else 0


def _grown(spent: Spent, now_ms: int) -> int:
    had = len(spent.client_ms)
    if had < FREE_CODES:
        return 0
    return _since(spent.client_ms, WAITS_MS[min(had - FREE_CODES, len(WAITS_MS) - 1)], now_ms)
