"""Who may state what: a spool carries only the facts of its own service, under the source that the file was born with.

The portal faces the public and the collector faces the carriers' devices; neither has a say about approvals, verdicts
or sealed hours, whatever gets into it. The core's own kinds come through no spool at all.
`docs/explanation/evidence.md` has the same table by kind (a test compares the two).
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_ANY = frozenset({"service_state", "spool_dropped"})
_TWO_PERSONS = frozenset({"exclusion_claim", "approval_request", "approval_decision"})
_PEOPLE = _TWO_PERSONS | {"correction", "staff_action"}
_TAKING = frozenset({"incident_taken", "alerts_muted", "ticket_step"})
_COVERAGE = frozenset({"coverage_areas", "survey_import"})
_NOTES = frozenset({"note_received", "note_refused"})  # by whoever takes a carrier's note in: the command, the pages
_DISPUTE = frozenset({"report_accepted", "objection", "rebuttal", "ruling", "report_final", "report_settled"})

SPEAKERS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "cli": _ANY
        | _PEOPLE
        | _DISPUTE
        | _COVERAGE
        | _TAKING
        | _NOTES
        | {"key_changed", "person_disclosed", "records_erased", "rehearsal_started", "report_asked"},
        "collect": _ANY | {"clock_state", "device_event", "monitor_health"},
        "ssh": _ANY,
        "acs": _ANY | {"device_event"},
        "trap": _ANY | {"device_event", "monitor_health"},
        "probe": _ANY | {"clock_state", "monitor_health"},
        "intake": _ANY | {"clock_state", "monitor_health"},
        "portal": _ANY
        | {"portal_logins", "sms_delivery", "portal_probes", "fault_report", "portal_records", "records_erased"}
        | {"cloned_device", "controller_packets", "fail_open", "visit_directed"},
        "radius": _ANY | {"radius_answers"},
        "alert": _ANY | {"incident_begun", "incident_over"},
        "web": _ANY | _PEOPLE | _DISPUTE | _NOTES | _TAKING | {"logins_refused", "person_disclosed"},
    }
)
DOORS: Mapping[str, str] = MappingProxyType(
    {
        "collect": "",
        "ssh": "ssh",
        "acs": "cwmp",
        "probe": "probe",
        "intake": "probe",
        "portal": "portal",
        "radius": "radius",
    }
)
"""Whose polls are by which door: `<device>` by SNMP, `<device>/<door>` by another."""
POLLERS = frozenset(DOORS)
SUBJECTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {"portal": frozenset({"site", "login", "controller", "sms"}), "radius": frozenset({"nas"})}
)
"""What those who face the public may tell of; else a portal that was taken over would tell of access points."""
DISPUTANTS = frozenset(spool for spool, kinds in SPEAKERS.items() if kinds >= _DISPUTE)
"""Through which spools people speak in a dispute: nobody counts as silent while something lies there unheard."""
HISTORY = "history"  # tells the past of a rehearsal, what people decided in it included
_OF_THE_PAST = _ANY | _TWO_PERSONS


def may_state(spool: str, kind: str, *, rehearsal: bool) -> bool:
    """Whether the spool of this name may carry facts of this kind."""
    if spool == HISTORY:
        return rehearsal and kind in _OF_THE_PAST
    return kind in SPEAKERS.get(spool, frozenset())


def may_poll(spool: str, *, rehearsal: bool) -> bool:
    """Whether the spool of this name may carry polls."""
    return spool in POLLERS or (rehearsal and spool == HISTORY)


def own_poll(spool: str, device: str) -> bool:
    """Whether a poll of this device may lie in the spool of this name: one door says nothing of what another saw.

    The first poll of a device and slot is the one that counts. The ACS, open to a whole network, could else tell that
    an OLT had answered over SNMP.
    """
    return spool == HISTORY or DOORS.get(spool) == device.partition("/")[2]


def own_source(spool: str, source: str) -> bool:
    """Whether a file speaks under its own name: `collect.db` as `collect/3f2a91bc`, never as the core's own jobs."""
    return re.fullmatch(rf"{re.escape(spool)}/[0-9a-f]{{8}}", source) is not None
