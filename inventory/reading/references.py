"""What the records of a city say of one another: nothing dangling, nothing twice, no device its own ancestor.

Only names of floor 1 are looked up here; profiles, indicators, credentials and gateways are `netops check`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inventory.amendments import recoined
from inventory.errors import nearest
from inventory.model import Contract, Device, Door, Service, Site

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from inventory.city import City
    from inventory.model import Record
    from inventory.reading.tree import Notes

Named = tuple[str, str, str]  # what refers (path within the record), the noun referred to, the id


def check(city: City, ids: Mapping[str, set[str]], notes: Notes) -> None:
    """Note everything that does not fit.

    `ids` holds all ids by noun, those of unusable records too; a noun whose ids are not all known is left out of it.
    """
    for at, record in city.records.items():
        for path, noun, name in _references(record):
            if name and noun in ids and name not in ids[noun]:
                what = f"{at[0]} '{at[1]}' names the {noun} '{name}', which no file has"
                notes.add(city.source(at).where(path), what, nearest(name, ids[noun]))
    _currencies(city, notes)
    _twice(city, notes)
    _ancestors(city, notes)
    _addresses(city, notes)


def _currencies(city: City, notes: Notes) -> None:
    contracts = [each for each in city.records.values() if isinstance(each, Contract)]
    for each in contracts:
        said = recoined(each, [other for other in contracts if other.id == each.id])
        if said is not None:
            notes.add(city.source(("contract", each.id, each.version)).where(said[0]), *said[1:])


def _references(record: Record) -> Iterator[Named]:
    if isinstance(record, Site):
        yield "area", "area", record.area
    elif isinstance(record, Device):
        yield "site", "site", record.site
        yield "carrier", "carrier", record.carrier
        yield "parent", "device", record.parent
    elif isinstance(record, Service):
        yield "site", "site", record.site
        yield "carrier", "carrier", record.carrier
        yield "device", "device", record.device
        yield "parent", "device", record.parent
    elif isinstance(record, Door):
        yield "device", "device", record.device
    elif isinstance(record, Contract):
        yield "carrier", "carrier", record.carrier
        for item in record.items:
            for area in item.select.areas:
                yield f"items.{item.id}.select.areas", "area", area
            for carrier in item.select.carriers:
                yield f"items.{item.id}.select.carriers", "carrier", carrier


def _twice(city: City, notes: Notes) -> None:
    """Note identities that two records claim: one of them would be measured in the other's name."""
    seen: dict[tuple[str, str], str] = {}
    for at, record in city.records.items():
        for what, identity in _identities(record):
            place = city.source(at).place
            first = seen.setdefault((what, identity), f"'{at[1]}' ({place})")
            if first != f"'{at[1]}' ({place})":
                notes.add(place, f"{at[0]} '{at[1]}' has the {what} {identity} of {first}", "one of the two is wrong")


def _identities(record: Record) -> Iterable[tuple[str, str]]:
    if isinstance(record, Device):
        if record.mac:
            yield "MAC address", record.mac
        if record.serial:
            yield "serial number", record.serial.upper()
        if record.address:
            host = f"[{record.address}]" if ":" in record.address else record.address
            yield "address", f"{host}:{record.port}"
    elif isinstance(record, Service):
        how = record.subject.partition(":")[2].partition(":")[0]
        whose = "" if how in {"mac", "sn"} else f" of {record.device}"  # those are unique in the whole city
        yield f"{record.kind} subject", f"{record.subject or '(the device itself)'}{whose}"
    elif isinstance(record, Door):
        yield f"{record.kind} door", f"to {record.device}"  # its polls are `<device>/<kind>`: two would mix


def _ancestors(city: City, notes: Notes) -> None:
    parents = {each.id: each.parent for each in city.records.values() if isinstance(each, Device)}
    sound: set[str] = set()
    for at, record in city.records.items():
        if not isinstance(record, Device):
            continue
        line: list[str] = []
        name = record.id
        while name and name not in sound and name not in line:
            line.append(name)
            name = parents.get(name, "")
        if not name or name in sound:
            sound.update(line)
        elif name == record.id:
            chain = " → ".join([*line, name])
            notes.add(
                city.source(at).where("parent"), f"device '{name}' is its own ancestor ({chain})", "cut the circle"
            )


def _addresses(city: City, notes: Notes) -> None:
    """Note doors that lead nowhere: SSH is spoken to an address, the door's own or its device's."""
    devices = {each.id: each for each in city.records.values() if isinstance(each, Device)}
    for at, record in city.records.items():
        if isinstance(record, Door) and record.kind == "ssh" and not record.address:
            device = devices.get(record.device)
            if device is not None and not device.address:
                what = f"door '{record.id}' has no address, and its device '{record.device}' has none"
                notes.add(city.source(at).where("address"), what, "write the address at one of the two")
