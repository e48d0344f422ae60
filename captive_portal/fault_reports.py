"""What visitors report as broken, counted by day and site, from the facts in the ledger. No report names a person."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

from netops.access.record import ledger_path
from netops.clock import utc
from netops.ledger import LedgerReader
from netops.web.language import gettext

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from zoneinfo import ZoneInfo

    from netops.config import Settings
    from netops.facts import Fact

KINDS = ("slow", "no_internet", "drops", "other")
FACT = "fault_report"
MOST = 200_000  # reports that one page counts; a flood beyond them is said


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One site's reports of one day of the city's calendar. `down`: made while we saw the uplink down ourselves.

    `devices` reported, each counted once a day; of them `strangers` were not online here within a day before: a made-up
    MAC address is one, and so is somebody whom the fault itself keeps out.
    """

    day: str
    site: str
    kinds: Mapping[str, int]
    down: int
    devices: int
    strangers: int

    @property
    def total(self) -> int:
        """Return how many."""
        return sum(self.kinds.values())


def labels() -> dict[str, str]:
    """Return what each kind of trouble is called, in the language of the page."""
    return {
        "slow": gettext("太慢"),
        "no_internet": gettext("连上了但打不开网页"),
        "drops": gettext("经常断线"),
        "other": gettext("其他问题"),
    }


def counted(facts: Iterable[Fact], zone: ZoneInfo) -> list[Day]:
    """Return the counts, the newest day first, in it the site that most known devices reported first."""
    kinds: Counter[tuple[str, str, str]] = Counter()
    down: Counter[tuple[str, str]] = Counter()
    devices: Counter[tuple[str, str, bool]] = Counter()
    for fact in facts:
        day, site = utc(fact.at_ms).astimezone(zone).date().isoformat(), str(fact.body["site"])
        count = _number(fact.body.get("count", 1))
        kinds[day, site, str(fact.body["what"])] += count
        down[day, site] += count if fact.body["uplink"] == "down" else 0
        if fact.body.get("device", "first") == "first":  # older facts do not say: each is a device of its own
            devices[day, site, fact.body.get("seen") == "never"] += count
    days = [
        Day(
            day=day,
            site=site,
            kinds={kind: kinds[day, site, kind] for kind in KINDS},
            down=down[day, site],
            devices=devices[day, site, True] + devices[day, site, False],
            strangers=devices[day, site, True],
        )
        for day, site in down
    ]
    weighed = sorted(days, key=lambda each: (each.strangers - each.devices, -each.total, each.site))
    return sorted(weighed, key=lambda each: each.day, reverse=True)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 1


def since(
    settings: Settings, days: int, now_ms: int, zone: ZoneInfo, sites: Collection[str] | None = None
) -> tuple[list[Day], bool]:
    """Return the counts of today and the days before, and whether there were more than are counted.

    With `sites` those of these alone.
    """
    if not ledger_path(settings).exists():
        return [], False
    today = utc(now_ms).astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    start_ms = int((today - timedelta(days=days - 1)).timestamp() * 1000)
    with LedgerReader(ledger_path(settings)) as ledger:
        told = (leaf.fact for leaf in ledger.find(FACT, start_ms=start_ms))
        mine = (fact for fact in told if sites is None or fact.body["site"] in sites)
        found = list(islice(mine, MOST + 1))
    return counted(found[:MOST], zone), len(found) > MOST
