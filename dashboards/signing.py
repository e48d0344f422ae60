"""How a carrier signs: the exact commands with the names of its contract and report filled in. Pure but for the report.

What can be chosen is what the report tells of: an outage that it does not tell of would be refused.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboards import words
from inventory import times
from netops.clock import utc
from netops.commands.dispute_words import Speaker
from netops.dispute import about, codes
from netops.errors import EvidenceError, UsageError
from netops.report import closed
from netops.sla import calendar
from netops.web.language import current

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from dashboards.desk import Desk
    from inventory.model import Contract
    from netops.report.closed import Issue

SHOWN = 200  # outages to choose from, the longest first
KEY = "disputes.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """What the page shows: the choices, what is chosen, and the commands in their order."""

    outages: tuple[tuple[str, str], ...]
    more: int
    codes: tuple[tuple[str, str], ...]
    causes: tuple[tuple[str, str], ...]
    chosen: Mapping[str, str]
    key: str
    verify: str
    object_: str
    accept: str


def how(desk: Desk, contract: Contract, issue: Issue, asked: Mapping[str, str]) -> How:
    """Return the commands for a report, about what was chosen of it: `code`, `about` (`service@start_ms`), `asks`."""
    zone, speaker = calendar.zone(contract.timezone), Speaker(current())
    outages = _outages(desk, issue)
    shown = outages[:SHOWN]
    code = asked.get("code", "") if asked.get("code", "") in codes.CODES else "cause"
    asks = asked.get("asks", "") if asked.get("asks", "") in codes.CAUSES else "power_or_third_party"
    names = {f"{service}@{start}" for service, start, _end in outages}
    first = f"{shown[0][0]}@{shown[0][1]}" if shown else ""
    chosen = {"code": code, "asks": asks, "about": asked["about"] if asked.get("about") in names else first}
    bundle, rehearsal = f"{issue.report}.zip", " --rehearsal" if desk.settings.city.rehearsal else ""
    return How(
        outages=tuple((f"{name}@{start}", _labelled(name, start, end, zone)) for name, start, end in shown),
        more=len(outages) - len(shown),
        codes=tuple((name, speaker.code(name)) for name in codes.CODES),
        causes=tuple((name, words.cause(name)) for name in codes.CAUSES),
        chosen=chosen,
        key=f"netops dispute key {KEY} --name {shlex.quote(f'{contract.carrier}/disputes')}",
        verify=f"netops audit verify {shlex.quote(bundle)} --vkey city.vkey{rehearsal}",
        object_=_objecting(bundle, chosen, issue, zone),
        accept=f"netops dispute accept {shlex.quote(bundle)} --key {KEY}",
    )


def _objecting(bundle: str, chosen: Mapping[str, str], issue: Issue, zone: ZoneInfo) -> str:
    """Return the command that objects, with what it is about; what a person must say stands in capitals."""
    kind = codes.said_of(chosen["code"])
    service, _, start = chosen["about"].rpartition("@")
    if kind == codes.INCIDENT:
        told = f"--service {shlex.quote(service or 'SERVICE')} --from {_typed(int(start), zone) if start else 'TIME'}"
        told += f" --asks {chosen['asks']}" if chosen["code"] == "cause" else ""
    elif kind == codes.INTERVAL:
        span = f"--from {_typed(issue.start_ms, zone)} --to {_typed(issue.end_ms, zone)}"
        told = f"{span} --service {shlex.quote(service or 'SERVICE')}"
    else:
        told = {codes.CLAIM: "--claim CLAIM", codes.LEAF: "--leaf N", codes.SURVEY: "--survey SHA256"}[kind]
    head = f"netops dispute object {shlex.quote(bundle)} --key {KEY} --code {chosen['code']}"
    return f'{head} {told} --evidence FILE --reason "REASON"'


def _outages(desk: Desk, issue: Issue) -> list[tuple[str, int, int]]:
    """Return the outages that a report tells of, (service, start, end), the longest first; none where it is away."""
    try:
        told = about.read(closed.opened(desk.settings, issue).report)
    except (EvidenceError, LookupError, TypeError, AttributeError):
        return []
    found = [(name, start, end) for name, mine in told.outages.items() for start, end in mine.items()]
    return sorted(found, key=lambda each: (each[1] - each[2], each[1], each[0]))


def _labelled(service: str, start_ms: int, end_ms: int, zone: ZoneInfo) -> str:
    return f"{service} · {words.clock(start_ms, zone)} · {words.span(end_ms - start_ms)}"


def _typed(at_ms: int, zone: ZoneInfo) -> str:
    """Return an instant as the command reads it: the contract's time where that says which one, else UTC."""
    local = f"{utc(at_ms).astimezone(zone):%Y-%m-%dT%H:%M:%S}".removesuffix(":00")
    try:
        if times.instant(local, zone) == at_ms:
            return local
    except (ValueError, UsageError):
        pass
    return f"{utc(at_ms):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
