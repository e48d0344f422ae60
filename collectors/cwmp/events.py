"""What a CPE tells by its Inform besides that it lives: events as facts. Pure.

A periodic Inform, a scheduled one or one that we called for is a poll and no event. A changed value that has a state in
the catalogue says how the device stands.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from collectors.cwmp.decode import Heard, decode
from collectors.device_event import Event
from netops.metrics import METRICS, Standing
from netops.model import Quality, Subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from collectors.cwmp.message import Asked, Inform
    from collectors.cwmp.model import Model
    from netops.model import Observation

WORDS: Mapping[str, tuple[str, str]] = {
    "0 BOOTSTRAP": ("bootstrap", "info"),
    "1 BOOT": ("boot", "warning"),
    "4 VALUE CHANGE": ("value_change", "info"),
    "7 TRANSFER COMPLETE": ("transfer_complete", "info"),
    "8 DIAGNOSTICS COMPLETE": ("diagnostics_complete", "info"),
    "9 REQUEST DOWNLOAD": ("request_download", "info"),
    "10 AUTONOMOUS TRANSFER COMPLETE": ("transfer_complete", "info"),
    "11 DU STATE CHANGE COMPLETE": ("software_changed", "info"),
    "12 AUTONOMOUS DU STATE CHANGE COMPLETE": ("software_changed", "info"),
    "13 WAKEUP": ("wakeup", "info"),
    "14 HEARTBEAT": ("heartbeat", "info"),
    "M Reboot": ("reboot_by_manager", "warning"),
    "M ScheduleInform": ("scheduled_by_manager", "info"),
    "M Download": ("download_by_manager", "info"),
    "M ScheduleDownload": ("download_by_manager", "info"),
    "M Upload": ("upload_by_manager", "info"),
    "M ChangeDUState": ("software_changed", "info"),
}
"""Event codes of TR-069 table 8 → our word and how bad it is."""

SILENT = frozenset({"2 PERIODIC", "3 SCHEDULED", "6 CONNECTION REQUEST"})
BOOTED = frozenset({"0 BOOTSTRAP", "1 BOOT"})
UNMAPPED = "unmapped"
_STATES = {Standing.UP: "up", Standing.DEGRADED: "degraded", Standing.DOWN: "down"}
_WORSE = {"down": "major", "degraded": "minor", "up": "info"}


def events(inform: Inform, models: Iterable[Model], heard: Heard, *, device: str) -> list[Event]:
    """Return the events of an Inform; a changed value with a state is an event of its subject."""
    found: list[Event] = []
    whole = Subject("device", device)
    for code, key in inform.events:
        if code in SILENT:
            continue
        word, severity = WORDS.get(code, (UNMAPPED, "info"))
        if word == "value_change":
            found += _changes(decode(models, heard, device=device, at_ms=0).observations, code)
        else:
            values = {"command_key": key} if key else {}
            found.append(Event(event=word, trap=_cut(code), subject=whole, severity=severity, values=values))
    return found


def transfer(asked: Asked, *, device: str) -> Event:
    """Return the event of a TransferComplete: what became of it."""
    failed = asked.words.get("FaultCode", "0").strip() not in {"", "0"}
    return Event(
        event="transfer_failed" if failed else "transfer_complete",
        trap=asked.method,
        subject=Subject("device", device),
        severity="warning" if failed else "info",
        values={_snake(name): value for name, value in asked.words.items()},
    )


def _changes(observations: Sequence[Observation], code: str) -> list[Event]:
    found = []
    for seen in observations:
        metric = METRICS[seen.metric]
        state = next((each for each in metric.states if each.code == seen.value), None)
        if state is None or seen.quality not in {Quality.OK, Quality.TORN}:
            continue
        standing = _STATES.get(state.standing, "")
        values = {"metric": seen.metric, "state": state.name, "parameter": _cut(seen.oid)}
        found.append(
            Event(
                event="value_change",
                trap=code,
                subject=seen.subject,
                severity=_WORSE.get(standing, "info"),
                state=standing,
                values=values,
            )
        )
    return found


def _cut(shown: str) -> str:
    return shown if len(shown) <= 200 else f"{shown[:199]}…"


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
