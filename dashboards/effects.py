"""What a change of the register brings about: whom it touches, what contracts sell from then on. Pure.

The same selectors decide it that decide in a verdict (`netops.sla.sold`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from inventory.edits import overlaid
from inventory.model import Device, Door, Service, Site
from netops import children
from netops.sla.sold import fits
from netops.web.language import mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dashboards.city import City, Index
    from inventory.edits import Edit
    from inventory.model import Contract, Record
    from inventory.snapshot import Snapshot

ASKED = ("profile", "address", "port", "credential")  # of a device: how it is asked
KNOWN_BY = ("mac", "serial", "parent")  # by what its parent tells of it
NOTES = {
    "asked": mark("从生效起按新的方式询问。新方式若得不到应答，将计为中断；请先确认能应答。"),
    "known_by": mark("从生效起，上级设备的读数按新的标识归到它名下；此前的读数仍在旧标识下。"),
    "seen": mark("从生效起，服务状态从新的设备或对象读取；此前的判断不变。"),
    "sold": mark("从生效起，合同按新的范围计算；此前的月份不变。"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """What a contract sells more and less: service ids, and the fees of a month that come and go."""

    contract: Contract
    entering: tuple[str, ...]
    leaving: tuple[str, ...]
    staying: int
    fee_before: Decimal
    fee_after: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """Services that are touched, the contracts that they are sold by, and what is to be said about measuring."""

    services: tuple[str, ...]
    contracts: tuple[Owed, ...]
    notes: tuple[str, ...]


def of(city: City, wanted: Sequence[Edit]) -> Effects:
    """Return what edits would bring about, from the city as it is now."""
    before = city.snapshot
    every: list[Record] = [*before.sites, *before.devices, *before.services]
    held = overlaid(every, wanted).records.values()
    after = replace(
        before,
        sites=tuple(each for each in held if isinstance(each, Site)),
        devices=tuple(each for each in held if isinstance(each, Device)),
        services=tuple(each for each in held if isinstance(each, Service)),
    )
    hit = touched(city.index, wanted)
    owed = [_owed(each, before, after, hit) for each in before.contracts]
    notes = {note for edit in wanted for note in _notes(before, edit)}
    if any(each.entering or each.leaving for each in owed):
        notes.add("sold")
    return Effects(
        services=tuple(sorted(hit)),
        contracts=tuple(each for each in owed if each.entering or each.leaving or each.staying),
        notes=tuple(name for name in NOTES if name in notes),
    )


def touched(index: Index, wanted: Iterable[Edit]) -> set[str]:
    """Return the services that edits touch: their own, those of a site, those of a device and of all below it."""
    found: set[str] = set()
    for edit in wanted:
        if edit.noun == "service":
            found.add(edit.id)
        elif edit.noun == "site":
            found |= set(index.by_site.get(edit.id, ()))
        elif edit.noun == "device":
            found |= below(index, edit.id)
        else:
            doors = [edit.after, index.snapshot.door.get(edit.id)]
            for each in doors:
                found |= below(index, each.device) if isinstance(each, Door) else set()
    return found


def below(index: Index, device: str) -> set[str]:
    """Return the services of a device and of every device below it."""
    return {each for name in children.below([device], index.children) for each in index.by_device.get(name, ())}


def _owed(contract: Contract, before: Snapshot, after: Snapshot, hit: set[str]) -> Owed:
    had, has = _sold(contract, before, hit), _sold(contract, after, hit)
    return Owed(
        contract=contract,
        entering=tuple(sorted(has.keys() - had.keys())),
        leaving=tuple(sorted(had.keys() - has.keys())),
        staying=len(had.keys() & has.keys()),
        fee_before=sum(had.values(), Decimal(0)),
        fee_after=sum(has.values(), Decimal(0)),
    )


def _sold(contract: Contract, seen: Snapshot, hit: set[str]) -> dict[str, Decimal]:
    """Return the services among those touched that a contract sells, with their fees of a month."""
    found: dict[str, Decimal] = {}
    for name in hit:
        service = seen.service.get(name)
        for item in contract.items if service is not None and service.site in seen.site else ():
            if service is not None and fits(contract, item, service, seen):
                found[name] = found.get(name, Decimal(0)) + Decimal(item.fee or 0)
    return found


def _notes(before: Snapshot, edit: Edit) -> Iterable[str]:
    after = edit.after
    if edit.noun == "device":
        old = before.device.get(edit.id)
        if isinstance(after, Device) and old is not None:
            yield from ("asked" for name in ASKED if getattr(old, name) != getattr(after, name))
            yield from ("known_by" for name in KNOWN_BY if getattr(old, name) != getattr(after, name))
    elif edit.noun == "door":
        yield "asked"
    elif edit.noun == "service" and isinstance(after, Service):
        was = before.service.get(edit.id)
        if was is not None and any(getattr(was, name) != getattr(after, name) for name in ("device", "subject")):
            yield "seen"
