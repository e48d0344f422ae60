"""What a device says of itself unasked, by a trap or an Inform, and the fact that states it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from netops.facts import Fact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netops.evidence.canonical import JSON
    from netops.model import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What happened: in our word and the device's (`trap`), to whom, how bad, and how the subject is if it says so.

    `doubt` is why the subject may be another one: `restarted`, the device numbered its things anew since we looked.
    """

    event: str
    subject: Subject
    trap: str
    severity: str = "info"
    state: str = ""
    profile: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    doubt: str = ""


def fact(device: str, event: Event, *, repeats: int, now_ms: int, version: str = "") -> Fact:
    """Return the `device_event` of an event; `version` is that of SNMP, where it came by a trap."""
    body: dict[str, JSON] = {"device": device, "event": event.event, "severity": event.severity, "trap": event.trap}
    body["subject"] = {"kind": event.subject.kind, "id": event.subject.id}
    if version:
        body["version"] = version
    if event.state:
        body["state"] = event.state
    if event.profile:
        body["profile"] = event.profile
    if event.doubt:
        body["doubt"] = event.doubt
    if event.values:
        body["values"] = dict(event.values)
    if repeats:
        body["repeats"] = repeats
    return Fact(kind="device_event", at_ms=now_ms, body=body)


def beyond(device: str, count: int, now_ms: int) -> Fact:
    """Return the fact that so many events of a device were left unstated in a minute."""
    body: dict[str, JSON] = {"device": device, "subject": {"kind": "device", "id": device}, "repeats": count}
    body |= {"event": "beyond_the_budget", "severity": "warning"}
    return Fact(kind="device_event", at_ms=now_ms, body=body)
