"""How visitors fared at the portal in the last day: logins that came online, how fast, by site, way in and hour.

Ratios are of sums and stand beside how many they are of; where nobody tried nothing was measured, and the page says so.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from flask import Blueprint, abort, render_template

from dashboards import refusals
from dashboards.frame import bound, frame
from netops.access import guard
from netops.errors import NetopsError
from netops.metrics import portal
from netops.model import Subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dashboards.desk import Desk

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
QUICK_MS = 10_000  # a visitor's patience: the time to online that the page counts
TIMED, QUICK = f"{portal.TIME_TO_ONLINE}.timed", portal.within(portal.TIME_TO_ONLINE, QUICK_MS)
LOGINS = ("online", "failed", "unserved", "unconfirmed", "ours", "refused")
METRICS = (*(f"portal.login.{name}" for name in LOGINS), TIMED, QUICK)
SITE, METHOD = "site", "login"


@dataclass(frozen=True, slots=True)
class Counts:
    """What logins came to; they add."""

    sums: Counter[str] = field(default_factory=Counter)

    def __getitem__(self, name: str) -> int:
        """Return how many came to this."""
        return self.sums[f"portal.login.{name}"]

    @property
    def told(self) -> int:
        """How many came to good or bad: what the success ratio is of."""
        return self["online"] + self["failed"] + self["unserved"]

    @property
    def success(self) -> Fraction | None:
        """The share that came online; None where nobody tried."""
        return Fraction(self["online"], self.told) if self.told else None

    @property
    def waited(self) -> int:
        """How many waited, the ones that never came online included."""
        return self.sums[TIMED] + self["failed"] + self["unserved"]

    @property
    def quick(self) -> Fraction | None:
        """The share that was online within ten seconds; None where nobody waited."""
        return Fraction(self.sums[QUICK], self.waited) if self.waited else None


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""
    blueprint.add_url_rule("/logins", "logins", bound(city, desk))
    blueprint.add_url_rule("/logins/<site>", "logins_at", bound(at_site, desk))


def city(desk: Desk) -> str:
    """Show the city, each way in, and each site, the worst first; of whoever has a scope the sites in it."""
    joined, error = desk.queries.city(), ""
    by_site: Mapping[str, Counts] = {}
    by_method: Mapping[str, Counts] = {}
    try:
        names = _subjects(desk)
        by_site = of_sites(desk, names)
        by_method = counted(desk, {each: each.id.rpartition("/")[2] for each in names if each.kind == METHOD})
    except NetopsError as wrong:
        error = str(wrong)
    worst = sorted(by_site.items(), key=lambda each: (each[1].success is None, each[1].success or 0, each[0]))
    return render_template(
        "dashboards/logins.html",
        **frame(desk, joined),
        site=None,
        whole=summed(by_site.values()),
        methods=sorted(by_method.items()),
        sites=[(joined.snapshot.site.get(name), name, each) for name, each in worst],
        hours=(),
        error=error,
        staff_refused=refusals.of_a_day(desk),
    )


def at_site(desk: Desk, site: str) -> str:
    """Show one site: each way in, and each hour of the day."""
    joined, error = desk.queries.city(), ""
    known = joined.snapshot.site.get(site) if site in joined.index.visited else None
    if known is None:
        abort(404)
    methods: Mapping[str, Counts] = {}
    hours: Sequence[tuple[int, Counts]] = ()
    try:
        mine = [each for each in _subjects(desk) if each.kind == METHOD and each.id.startswith(f"{site}/")]
        methods = counted(desk, {each: each.id.rpartition("/")[2] for each in mine})
        hours = hourly(desk, Subject(SITE, site))
    except NetopsError as wrong:
        error = str(wrong)
    return render_template(
        "dashboards/logins.html",
        **frame(desk, joined),
        site=known,
        whole=summed(each for _, each in hours),
        methods=sorted(methods.items()),
        sites=(),
        hours=hours[::-1],
        error=error,
    )


def of_sites(desk: Desk, among: Iterable[Subject] | None = None) -> dict[str, Counts]:
    """Return the last day's counts by site."""
    names = _subjects(desk) if among is None else among
    return counted(desk, {each: each.id for each in names if each.kind == SITE})


def summed(given: Iterable[Counts]) -> Counts:
    """Add counts up."""
    whole: Counter[str] = Counter()
    for each in given:
        whole.update(each.sums)
    return Counts(whole)


def counted(desk: Desk, groups: Mapping[Subject, str]) -> dict[str, Counts]:
    """Return the last day's counts of groups of subjects; a group whose rows counted nothing has none."""
    end_ms = desk.clock.now_ms() + 1
    found: dict[str, Counts] = {name: Counts() for name in groups.values()}
    for metric in METRICS if groups else ():
        for each in desk.queries.grouped(metric, groups, start_ms=end_ms - DAY_MS, end_ms=end_ms, step_ms=DAY_MS):
            found[each.group].sums[metric] += round(each.mean * each.n)
    return found


def hourly(desk: Desk, subject: Subject) -> list[tuple[int, Counts]]:
    """Return the counts of each hour of the last day in which the portal told of a subject, the oldest first."""
    end_ms = desk.clock.now_ms() + 1
    window = {"start_ms": end_ms - DAY_MS, "end_ms": end_ms}
    hours: dict[int, Counts] = {}
    for metric in ("portal.state", *METRICS):
        for each in desk.queries.grouped(metric, {subject: subject.id}, step_ms=HOUR_MS, **window):
            held = hours.setdefault(each.start_ms, Counts())
            if metric in METRICS:
                held.sums[metric] += round(each.mean * each.n)
    return sorted(hours.items())


def _subjects(desk: Desk) -> list[Subject]:
    """Return the sites and ways in of which the portal has told within a day, as far as whoever asks may look."""
    sites = desk.queries.last(SITE, ("portal.state", "portal.login.online"), max_age_ms=DAY_MS)
    methods = desk.queries.last(METHOD, ("portal.login.online",), max_age_ms=DAY_MS)
    every = {each.subject for each in (*sites, *methods)}
    if (mine := guard.visited()) is not None:
        every = {each for each in every if each.id.partition("/")[0] in mine}
    return sorted(every)
