"""One rehearsal on disk: its seed of time, kept in `rehearsal.json`, and the plan and world that follow from it.

Everything else is a function of these three instants, so a rehearsal that is stopped and started again goes on as the
same city: `begin_ms` the start of the month before, `start_ms` when it was first started, `minutely_ms` the full hour
from which the contracts check every minute.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from collectors.simulator import doors
from collectors.simulator.city import PORT, plan
from collectors.simulator.describe import HISTORY_S
from collectors.simulator.describe import records as describe
from collectors.simulator.faults import plant
from collectors.simulator.world import World
from inventory.reading.folder import built_in_areas
from netops.clock import to_ms, utc
from netops.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from inventory.city import City
    from inventory.model import Area
    from netops.config import Settings

NAME = "rehearsal.json"
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """The instants that make this rehearsal this rehearsal."""

    begin_ms: int
    start_ms: int
    minutely_ms: int
    areas: tuple[str, ...]
    port: int = PORT
    step_s: int = HISTORY_S

    def world(self) -> World:
        """Return the city with what is planted in it."""
        city = plan(self.areas)
        planted = plant(city, month_start_ms=self.begin_ms, now_ms=self.start_ms)
        return World(city, planted, begin_ms=self.begin_ms)


def new(areas: tuple[Area, ...], *, now_ms: int, timezone: str, port: int = PORT, step_s: int = HISTORY_S) -> Instance:
    """Return an instance that begins now, with the month before as its past."""
    local = utc(now_ms).astimezone(ZoneInfo(timezone))
    year, month = (local.year, local.month - 1) if local.month > 1 else (local.year - 1, 12)
    begin = local.replace(year=year, month=month, day=1, hour=0, minute=0, second=0, microsecond=0)
    return Instance(
        begin_ms=to_ms(begin),
        start_ms=now_ms,
        minutely_ms=(now_ms // HOUR_MS + 1) * HOUR_MS,
        areas=tuple(area.id for area in areas),
        port=port,
        step_s=step_s,
    )


def save(directory: Path, instance: Instance) -> None:
    """Write the instance into its data directory."""
    (directory / NAME).write_text(json.dumps(asdict(instance)), encoding="utf-8")


def load(directory: Path) -> Instance | None:
    """Return the instance of a data directory, None before its first start."""
    path = directory / NAME
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Instance(**{**found, "areas": tuple(found["areas"])})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{path}: not a rehearsal ({error}); remove {directory} to begin a new one") from None


def found(settings: Settings, *, now_ms: int, port: int = PORT, step_s: int = HISTORY_S) -> tuple[City | None, int]:
    """Return a new rehearsal's register records and the instant from which they hold; (None, 0) for a known one.

    `netops demo` finds this by its entry point and applies the records like any city's files.
    """
    directory = settings.data.dir
    if load(directory) is not None:
        return None, 0
    areas = built_in_areas()
    made = new(areas, now_ms=now_ms, timezone=settings.city.timezone, port=port, step_s=step_s)
    save(directory, made)
    city = plan(made.areas)
    records = describe(
        city,
        areas,
        begin_ms=made.begin_ms,
        minutely_ms=made.minutely_ms,
        live_s=settings.collect.interval_s,
        port=port,
        past_s=step_s,
        doors=doors.records(city, settings, port=port),
    )
    return records, made.begin_ms
