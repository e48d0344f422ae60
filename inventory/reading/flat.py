"""The nouns that are one row each: area, site, carrier, device, service, door; a function a noun, a map of columns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from inventory.model import DOOR_PORTS, KINDS, ROLES, Area, Carrier, Device, Door, Service, Site
from inventory.reading import keys
from inventory.reading.form import SLUG, Form, hex_mac

if TYPE_CHECKING:
    from collections.abc import Callable

    from inventory.model import DoorKind, Kind, Record, Role

_CODE = re.compile(r"[0-9]{9}")
_SERIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}")


def area(form: Form) -> Area:
    """Read a subdistrict or town."""
    code = form.text("code", need=True)
    if code and not _CODE.fullmatch(code):
        form.wrong("code", f"'code' is '{code}'", "expected the administrative code of a subdistrict, 9 digits")
    return Area(
        id=code,
        name=form.text("name", need=True),
        name_en=form.text("name_en", need=True),
        col=form.whole("col", high=99),
        row=form.whole("row", high=99),
        population=form.whole("population", default=0, high=100_000_000),
    )


def site(form: Form) -> Site:
    """Read a place."""
    if form.has("longitude") != form.has("latitude"):
        there = "longitude" if form.has("longitude") else "latitude"
        form.wrong(there, f"{form.subject} has only one coordinate", "write both longitude and latitude, or none")
    return Site(
        id=form.slug("id", need=True),
        name=form.text("name", need=True),
        area=form.text("area", need=True),
        address=form.text("address"),
        longitude=form.decimal("longitude", low="-180", high="180"),
        latitude=form.decimal("latitude", low="-90", high="90"),
        gateway=form.slug("gateway"),
        tags=form.slugs("tags"),
    )


def carrier(form: Form) -> Carrier:
    """Read who sold the service."""
    return Carrier(
        id=form.slug("id", need=True),
        name=form.text("name", need=True),
        name_en=form.text("name_en"),
        keys=keys.verifiers(form, "keys"),
    )


def device(form: Form) -> Device:
    """Read something that can be asked."""
    if form.has("port") and not form.has("address"):
        form.wrong("port", f"{form.subject} has a port but no address", "add the address or remove the port")
    if form.has("address") and not form.has("profile"):
        form.wrong("address", f"{form.subject} has an address but no profile", "say in 'profile' how it answers")
    serial = form.text("serial", most=64)
    if serial and not _SERIAL.fullmatch(serial):
        form.wrong("serial", f"'serial' is '{serial}'", "expected letters, digits and _ . : / -")
    return Device(
        id=form.slug("id", need=True),
        site=form.slug("site", need=True),
        carrier=form.slug("carrier", need=True),
        role=cast("Role", form.choice("role", ROLES)),
        name=form.text("name"),
        profile=form.slug("profile"),
        address=form.address("address"),
        port=form.whole("port", default=161, low=1, high=65535),
        credential=form.slug("credential"),
        mac=form.mac("mac"),
        serial=serial,
        parent=form.slug("parent"),
        tags=form.slugs("tags"),
    )


def service(form: Form) -> Service:
    """Read one delivered instance."""
    return Service(
        id=form.slug("id", need=True),
        kind=cast("Kind", form.choice("kind", KINDS)),
        carrier=form.slug("carrier", need=True),
        site=form.slug("site", need=True),
        role=cast("Role", form.choice("role", ROLES)),
        device=form.slug("device", need=True),
        subject=_subject(form),
        parent=form.slug("parent"),
        tags=form.slugs("tags"),
    )


def _subject(form: Form) -> str:
    """Return `kind:id`; a MAC is written as 12 lower-case digits, a serial number in capitals."""
    written = form.text("subject")
    if not written:
        return ""
    kind, _, name = written.partition(":")
    how, _, value = name.partition(":")
    if SLUG.fullmatch(kind) and how == "mac" and hex_mac(value):
        return f"{kind}:mac:{hex_mac(value)}"
    if SLUG.fullmatch(kind) and how == "sn" and _SERIAL.fullmatch(value):
        return f"{kind}:sn:{value.upper()}"
    if SLUG.fullmatch(kind) and how not in {"mac", "sn"} and _SERIAL.fullmatch(name):
        return f"{kind}:{name}"
    remedy = "expected kind:id, like ap:mac:0a0b0c0d0e0f or onu:sn:HWTC01234567"
    form.wrong("subject", f"'subject' is '{written}'", remedy)
    return ""


def door(form: Form) -> Door:
    """Read a further way to speak with a device."""
    kind = cast("DoorKind", form.choice("kind", tuple(DOOR_PORTS)))
    for word in ("dialect", "keys"):
        if kind != "ssh" and form.has(word):
            form.wrong(word, f"{form.subject} is of kind {kind} and has '{word}'", "remove it; it is said of ssh only")
    return Door(
        id=form.slug("id", need=True),
        device=form.slug("device", need=True),
        kind=kind,
        address=form.address("address"),
        port=form.whole("port", default=DOOR_PORTS[kind], low=1, high=65535),
        credential=form.slug("credential"),
        dialect=form.slug("dialect", need=kind == "ssh"),
        keys=keys.read(form, "keys"),
    )


READERS: dict[str, tuple[Callable[[Form], Record], tuple[str, ...], tuple[str, ...]]] = {
    "area": (area, ("code", "name", "name_en", "col", "row", "population"), ("code", "name", "name_en", "col", "row")),
    "site": (
        site,
        ("id", "name", "area", "address", "longitude", "latitude", "gateway", "tags"),
        ("id", "name", "area"),
    ),
    "carrier": (carrier, ("id", "name", "name_en", "keys"), ("id", "name")),
    "device": (
        device,
        (
            "id",
            "name",
            "site",
            "carrier",
            "role",
            "profile",
            "address",
            "port",
            "credential",
            "mac",
            "serial",
            "parent",
            "tags",
        ),
        ("id", "site", "carrier", "role"),
    ),
    "service": (
        service,
        ("id", "kind", "carrier", "site", "role", "device", "subject", "parent", "tags"),
        ("id", "kind", "carrier", "site", "role", "device"),
    ),
    "door": (
        door,
        ("id", "device", "kind", "address", "port", "credential", "dialect", "keys"),
        ("id", "device", "kind"),
    ),
}
"""Noun to (reader, its columns or keys, those that are needed)."""
