"""`netops check`: what in the register's contracts cannot be judged, or contradicts itself."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from inventory import workdays
from inventory.errors import InventoryError
from netops.access.approvals import ACTIONS
from netops.checks import Problem
from netops.clock import utc
from netops.coverage import promised
from netops.errors import UsageError, nearest
from netops.metrics.portal import COUNTED
from netops.sla import calendar, pieces, pitfall_words, pitfalls, rules, streams
from netops.sla.sold import fits, sold

PORTAL = "portal"
COUNTED_BY = ("site", "login", "controller", "sms", "nas")

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inventory.model import Contract, Coverage, Objective, ServiceItem
    from inventory.snapshot import Snapshot
    from netops.config import Settings
    from netops.sla.hours import Roster


def check(settings: Settings, snapshot: Snapshot) -> list[Problem]:
    """Return every contract's problems."""
    found = [problem for contract in snapshot.contracts for problem in _contract(contract, snapshot)]
    found += [problem for each in snapshot.contracts for problem in _seen(each, settings, snapshot)]
    return [*found, *_counted(settings, snapshot)]


def _counted(settings: Settings, snapshot: Snapshot) -> Iterator[Problem]:
    """Say of which services of the role `portal` the portal of these settings never tells."""
    for each in snapshot.services:
        if each.role != PORTAL:
            continue
        where, kind = snapshot.where(each, "subject"), each.subject.partition(":")[0]
        if kind not in COUNTED_BY:
            what = f"service {each.id}: the portal counts by no '{each.subject or '(nothing)'}'"
            yield Problem(where, what, f"write a subject of {', '.join(COUNTED_BY)}, as site:<id of the site>")
        if each.device != settings.portal.device:
            what = f"service {each.id} hangs on '{each.device}'; the portal calls itself '{settings.portal.device}'"
            yield Problem(snapshot.where(each, "device"), what, "make it the same as portal.device")


def _seen(contract: Contract, settings: Settings, snapshot: Snapshot) -> Iterator[Problem]:
    """Say what the contract wants seen that is not looked at: it would all be unknown, or judged by another rule."""
    every_s, interval_s = contract.rules.check_every_s, settings.collect.interval_s
    if every_s % interval_s:
        what = f"contract {contract.id}: check_every_s is {every_s}; devices are polled every {interval_s} s"
        remedy = "set collect.interval_s to seconds that divide it: slots that nobody polled are unknown time"
        yield Problem(snapshot.where(contract, "rules.check_every_s"), what, remedy)


def _contract(contract: Contract, snapshot: Snapshot) -> Iterator[Problem]:
    yield from _zone(contract, snapshot)
    yield from _published(contract, snapshot)
    if contract.credit_cap_percent:
        yield from _said(snapshot.where(contract, "credit_cap_percent"), contract.credit_cap_percent)
    for item in contract.items:
        yield from _item(contract, item, snapshot)
    try:
        roster = sold(contract, snapshot)
    except UsageError as error:
        yield Problem(snapshot.where(contract, "items"), str(error))
    else:
        yield from _pieces(contract, roster, snapshot)


def _pieces(contract: Contract, roster: Roster, snapshot: Snapshot) -> Iterator[Problem]:
    """Say when a month's report of so many services and slots would be refused."""
    with suppress(UsageError):  # an objective that cannot be judged is told by itself
        if warned := pieces.found(pieces.of(contract, Counter(each.item for each in roster.listed))):
            what, remedy = pitfall_words.said(warned[0], "en", **warned[1])
            yield Problem(snapshot.where(contract, "items"), f"contract {contract.id}: {what}", remedy)


def _zone(contract: Contract, snapshot: Snapshot) -> Iterator[Problem]:
    where = snapshot.where(contract, "timezone")
    try:
        tz = calendar.zone(contract.timezone)
    except UsageError as error:
        yield Problem(where, str(error))
        return
    if not calendar.whole_hours(utc(snapshot.at_ms).astimezone(tz).year, tz):
        what = f"contract {contract.id}: months of {contract.timezone} begin inside a sealed hour of UTC"
        yield Problem(where, what, "write a zone that is whole hours off UTC: no month of this one can be closed")


def _published(contract: Contract, snapshot: Snapshot) -> Iterator[Problem]:
    """Say when this year of the contract's calendar is not there, so that its months cannot be judged."""
    hours = [each for item in contract.items for o in item.objectives for each in o.rules.hours]
    if not any(each.kinds for each in hours):
        return
    with suppress(UsageError):
        tz = calendar.zone(contract.timezone)
        for number in calendar.years(snapshot.at_ms, snapshot.at_ms + 1, tz):
            try:
                workdays.year(contract.calendar, number)
            except InventoryError as error:
                yield Problem(snapshot.where(contract, "calendar"), f"contract {contract.id}: {error}")


def _item(contract: Contract, item: ServiceItem, snapshot: Snapshot) -> Iterator[Problem]:
    where = snapshot.where(contract, f"items.{item.id}")
    yield from _said(where, item.fee)
    if not any(fits(contract, item, service, snapshot) for service in snapshot.services):
        what = f"contract {contract.id}: item '{item.id}' sells no service"
        yield Problem(where, what, "widen its selector, or add the services")
    counted = any(each.indicator in COUNTED for each in item.objectives)
    by = sorted({each.subject.partition(":")[0] for each in snapshot.services if fits(contract, item, each, snapshot)})
    if counted and by not in [[kind] for kind in COUNTED_BY]:
        what = f"contract {contract.id}: item '{item.id}' is counted one by one, of services by {', '.join(by) or '?'}"
        remedy = (
            "select services of one kind of subject, by tags: a login at a site and by its way in would count twice"
        )
        yield Problem(where, what, remedy)
    if not item.objectives and not item.coverage:
        yield Problem(where, f"contract {contract.id}: item '{item.id}' promises nothing", "give it an objective")
    for objective in item.objectives:
        yield from _objective(contract, item, objective, snapshot)
    for given in item.coverage:
        yield from _coverage(contract, item, given, snapshot)


def _coverage(contract: Contract, item: ServiceItem, given: Coverage, snapshot: Snapshot) -> Iterator[Problem]:
    where = snapshot.where(contract, f"items.{item.id}.coverage.{given.id}")
    name = f"contract {contract.id}, {item.id}/{given.id}"
    try:
        promised.promise(contract, item, given)
        rules.schedule(given.credits, name)
    except UsageError as error:
        yield Problem(where, str(error))
        return
    for area in (each.area for each in given.minima):
        if area not in snapshot.area:
            what = f"{name}: minima name area '{area}', which is not in the register{nearest(area, snapshot.area)}"
            yield Problem(where, what, "write the area's code")
    for what, remedy in pitfalls.of_coverage(item, given):
        yield Problem(where, f"{name}: {what}", remedy)


def _objective(contract: Contract, item: ServiceItem, objective: Objective, snapshot: Snapshot) -> Iterator[Problem]:
    where = snapshot.where(contract, f"items.{item.id}.objectives.{objective.id}")
    name = f"contract {contract.id}, {item.id}/{objective.id}"
    try:
        rules.objective(contract, item, objective)
    except UsageError as error:
        yield Problem(where, str(error))
        return
    for what, remedy in pitfalls.of(item, objective):
        yield Problem(where, f"{name}: {what}", remedy)
    if objective.comparison == "at_least" and 0 < rules.exactly(objective.target, name) <= 1:
        yield Problem(where, f"{name}: target {objective.target} is in percent", "write 99.5 for 99.5 %")
    if objective.period != "month":
        yield Problem(where, f"{name}: period '{objective.period}' is not reported on", "write 'month'")
    if 3600 % objective.rules.check_every_s:
        what = f"{name}: check_every_s is {objective.rules.check_every_s}; hours are sealed"
        yield Problem(where, what, "choose seconds that divide an hour")
    stream = streams.stream(objective)
    if objective.indicator == streams.AVAILABILITY:
        yield from _of_state(objective, where, name)
    if stream is None and objective.rules.check_every_s != contract.rules.check_every_s:
        what = (
            f"{name}: check_every_s is {objective.rules.check_every_s}, the contract's {contract.rules.check_every_s}"
        )
        yield Problem(where, what, "samples are taken once for all objectives: state it for the contract only")
    yield from _approvers(objective, where, name)
    if objective.rules.weight == "population":
        yield from _weights(contract, item, where, snapshot)


def _of_state(objective: Objective, where: str, name: str) -> Iterator[Problem]:
    """Say what availability, seen by one collector with anchors, has no use for."""
    if objective.rules.quorum > 1 or objective.rules.vantages > 1:
        what = f"{name}: a quorum of vantage points does not judge availability, which one collector sees"
        yield Problem(where, what, "promise 'probe.reached' with this quorum, or agree on quorum 1 of 1")
    if objective.threshold:
        yield Problem(where, f"{name}: availability has no threshold", "leave it out")


def _approvers(objective: Objective, where: str, name: str) -> Iterator[Problem]:
    able = sorted(ACTIONS["exclusion"].decides)
    for each in objective.rules.exclusions:
        if each.approver and each.approver not in able:
            who = f"'{each.approver}', a role that decides no exclusion"
            what = f"{name}: exclusion class '{each.id}' is approved by {who}"
            yield Problem(where, what, f"one of {', '.join(able)}{nearest(each.approver, able)}")


def _weights(contract: Contract, item: ServiceItem, where: str, snapshot: Snapshot) -> Iterator[Problem]:
    areas = {
        snapshot.site[service.site].area for service in snapshot.services if fits(contract, item, service, snapshot)
    }
    for area in sorted(areas):
        if not snapshot.area[area].population:
            what = f"contract {contract.id}: item '{item.id}' is weighted by population, and area {area} states none"
            yield Problem(where, what, "state the area's population")


def _said(where: str, text: str) -> Iterator[Problem]:
    try:
        if rules.exactly(text, where) < 0:
            yield Problem(where, f"{text} is negative", "write 0 or more")
    except UsageError as error:
        yield Problem(where, str(error))
