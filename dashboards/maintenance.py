"""Maintenance asked for from the page of what is worked on: a device, a site, a service, a subdistrict, a carrier.

Before anybody asks, the page shows whom it touches, contract by contract, and what the contract's own rules would make
of the claim today: in time or too late, within the cap or over it. The rules are those of the verdict
(`netops.sla.exclusions`); the claims before it are those that two persons approved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, abort, g, redirect, render_template, request, url_for

from dashboards import effects, terms, words
from dashboards.frame import bound, frame
from inventory import times
from netops.access import approvals, record
from netops.clock import utc
from netops.errors import AccessError, UsageError
from netops.sla import calendar, exclusions
from netops.sla.exclusions import Claim, Effect
from netops.sla.intervals import Taken, intersect
from netops.sla.sold import fits
from netops.web.language import gettext as _
from netops.web.language import mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from werkzeug.wrappers import Response

    from dashboards.city import City
    from dashboards.desk import Desk
    from inventory.model import Contract, ExclusionClass
    from netops.access.approvals import Approval

ACTION = "exclusion"
SHOWN = 40
MOST = 1_000  # services of one request by name: a fact has its bounds, and a person reads it
SELECTORS = ("device", "site", "service", "area", "carrier")
NEW = "new"
EFFECTS = {
    Effect.IN_FORCE: mark("批准后生效：这段时间不计入"),
    Effect.LATE: mark("提前量不足：记录在案，但不生效，除非裁定"),
    Effect.OVER_CAP: mark("超过本期上限：记录在案，但不生效，除非裁定"),
    Effect.UNKNOWN_CLASS: mark("合同没有这个类别：不生效"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Concerned:
    """A contract with those of its services that are picked; `whole`: they are all that it sells."""

    contract: Contract
    services: tuple[str, ...]
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a contract's rules would make of a claim: the class, what of its cap is used, and the effect."""

    concerned: Concerned
    kind: ExclusionClass | None
    effect: str
    is_good: bool
    notice_ms: int
    used_ms: int
    waiting: int


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""
    blueprint.add_url_rule("/maintenance", "maintenance", bound(look, desk))
    blueprint.add_url_rule("/maintenance", "maintain", bound(ask, desk), methods=["POST"])


def look(desk: Desk, error: str = "") -> str:
    """Show whom a window would touch and, once it is given, what the contracts would make of it."""
    city = desk.queries.city()
    selector, name = _selected(city)
    services = picked(city, selector, name)
    found = concerned(city, services)
    outlook: list[Outlook] = []
    if request.values.get("from") and request.values.get("class") and not error:
        try:
            start_ms, end_ms = _window(desk)
            known = list(record.read(desk.settings).values())
            window = start_ms, end_ms, desk.clock.now_ms()
            outlook = [each for one in found for each in outlooks(one, request.values["class"], known, window)]
        except UsageError as wrong:
            error = str(wrong)
    sold = {each for one in found for each in one.services}
    return render_template(
        "dashboards/maintenance.html",
        **frame(desk, city),
        selector=selector,
        selected=name,
        title=_titled(city, selector, name),
        services=services[:SHOWN],
        services_count=len(services),
        unsold=len(set(services) - sold),
        concerned=found,
        classes=_classes(found),
        outlook=outlook,
        values=request.values,
        error=error,
    )


def ask(desk: Desk) -> Response | tuple[str, int]:
    """State a request for each contract that is concerned."""
    city = desk.queries.city()
    found = concerned(city, picked(city, *_selected(city)))
    kind = request.form.get("class", "").strip()
    now_ms = desk.clock.now_ms()
    try:
        start_ms, end_ms = _window(desk)
        chosen = [each for each in found if any(one.id == kind for one in _kinds(each.contract))]
        if not chosen:
            raise UsageError(_("没有合同在这里有这个类别。"))  # noqa: TRY301
        if any(len(each.services) > MOST and not each.whole for each in chosen):
            raise UsageError(_("一次最多 %(most)d 项服务，请选小一些的范围。", most=MOST))  # noqa: TRY301
        made = [
            fact
            for each in chosen
            for fact in approvals.ask(
                ACTION,
                terms={
                    "contract": each.contract.id,
                    "class": kind,
                    "services": [exclusions.ALL] if each.whole else list(each.services),
                    "start_ms": start_ms,
                    "end_ms": end_ms,
                },
                by=g.person.account,
                role=g.person.role,
                reason=request.form.get("reason", ""),
                now_ms=now_ms,
            )
        ]
    except AccessError as error:
        return look(desk, error=str(error)), 403
    except UsageError as error:
        return look(desk, error=str(error)), 400
    desk.submit(made)
    return redirect(url_for("dashboards.approvals"), code=303)


def _selected(city: City) -> tuple[str, str]:
    """Return what the address picks, a selector and an id that the register has."""
    found = [(each, request.values[each]) for each in SELECTORS if request.values.get(each)]
    if len(found) != 1 or found[0][1] not in getattr(city.snapshot, found[0][0]):
        abort(404)
    return found[0]


def _titled(city: City, selector: str, name: str) -> str:
    held = getattr(city.snapshot, selector)[name]
    if selector == "area":
        return words.area(held)
    return words.carrier(held) if selector == "carrier" else getattr(held, "name", "") or name


def picked(city: City, selector: str, name: str) -> list[str]:
    """Return the services of a selector: of a device and all below it, of a site, a subdistrict or a carrier."""
    seen = city.snapshot
    if selector == "device":
        return sorted(effects.below(city.index, name))
    if selector == "service":
        return [name]
    if selector == "site":
        return sorted(city.index.by_site.get(name, ()))
    if selector == "carrier":
        return [each.id for each in seen.services if each.carrier == name]
    return [each.id for each in seen.services if each.site in seen.site and seen.site[each.site].area == name]


def concerned(city: City, services: Iterable[str]) -> list[Concerned]:
    """Return the contracts that sell any of these services."""
    seen, wanted = city.snapshot, set(services)
    found = []
    for contract in seen.contracts:
        sold = [
            each.id
            for each in seen.services
            if each.site in seen.site and any(fits(contract, item, each, seen) for item in contract.items)
        ]
        mine = tuple(each for each in sold if each in wanted)
        if mine:
            found.append(Concerned(contract=contract, services=mine, whole=len(mine) == len(sold)))
    return found


def _classes(found: Iterable[Concerned]) -> list[tuple[str, str]]:
    return sorted(
        {each.id: terms.title(each.title) or each.id for one in found for each in _kinds(one.contract)}.items()
    )


def _kinds(contract: Contract) -> list[ExclusionClass]:
    """Return the classes of a contract, those of its objectives too: what differs between two is listed twice."""
    every = [contract.rules, *(each.rules for item in contract.items for each in item.objectives)]
    return list(dict.fromkeys(each for rules in every for each in rules.exclusions))


def outlooks(one: Concerned, kind: str, known: Sequence[Approval], window: tuple[int, int, int]) -> list[Outlook]:
    """Return what a contract would make of a claim for `window` (start, end, now), for each form of the class it has.

    The cap is that of the calendar month in which the window begins, in the contract's zone.
    """
    start_ms, end_ms, now_ms = window
    mine = [
        each.request
        for each in known
        if each.request.action == ACTION and each.request.terms.get("contract") == one.contract.id
    ]
    states = {each.request.id: each for each in known}
    zone = calendar.zone(one.contract.timezone)
    month = calendar.month(f"{utc(start_ms).astimezone(zone):%Y-%m}", zone)
    forms: list[ExclusionClass | None] = [each for each in _kinds(one.contract) if each.id == kind]
    made = []
    for form in forms or [None]:
        before = [_claim(states[each.id], form) for each in mine]
        new = Claim(id=NEW, class_id=kind, start_ms=start_ms, end_ms=end_ms, noticed_ms=now_ms, approved=True)
        classes = {form.id: form} if form is not None else {}
        told = exclusions.decide([*before, new], classes, (month,))
        used = Taken()
        for each in told:
            if each.counts and each.claim.id != NEW and each.claim.class_id == kind:
                used.add(intersect(((each.claim.start_ms, each.claim.end_ms),), (month,)))
        effect = next(each.effect for each in told if each.claim.id == NEW)
        made.append(
            Outlook(
                concerned=one,
                kind=form,
                effect=_(EFFECTS[effect]) if effect in EFFECTS else effect.value,
                is_good=effect is Effect.IN_FORCE,
                notice_ms=start_ms - now_ms,
                used_ms=used.total_ms,
                waiting=sum(states[each.id].state == approvals.PENDING for each in mine),
            )
        )
    return made


def _claim(held: Approval, form: ExclusionClass | None) -> Claim:
    """Return an earlier request as the claim that it is: approved in the role that the class names, or not."""
    told = held.request.terms
    decision = held.decision
    approver = form.approver if form is not None else ""
    is_approved = held.state == approvals.APPROVED and decision is not None and decision.role == approver
    return Claim(
        id=held.request.id,
        class_id=str(told["class"]),
        start_ms=int(str(told["start_ms"])),
        end_ms=int(str(told["end_ms"])),
        noticed_ms=held.request.at_ms,
        approved=is_approved,
    )


def _window(desk: Desk) -> tuple[int, int]:
    """Return the window that was typed, in the city's time; UsageError when it is none."""
    zone = times.zone(desk.settings.city.timezone)
    try:
        start_ms, end_ms = (times.instant(request.values.get(name, ""), zone) for name in ("from", "to"))
    except ValueError as error:
        raise UsageError(str(error)) from None
    if end_ms <= start_ms:
        raise UsageError(_("止须晚于起。"))
    return start_ms, end_ms
