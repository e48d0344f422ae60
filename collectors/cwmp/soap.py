"""Envelopes of a CPE → messages; only DecodeError escapes. Pure.

Namespaces are told apart by their URI: SOAP 1.1's envelope, and CWMP's 1-0 to 1-4. What the arguments of a method are
qualified with differs from maker to maker, so they are known by their local names.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from collectors.cwmp import markup
from collectors.cwmp.message import Asked, Body, DeviceId, Done, Envelope, Fault, Inform, Names, Values
from collectors.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from collectors.cwmp.markup import Element

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
CWMP = re.compile(r"urn:dslforum-org:cwmp-1-[0-4]")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_\-.]{0,255}")  # of a parameter: 256 characters at most (table 4)
_HEADERS = frozenset({"ID", "HoldRequests", "NoMoreRequests", "SessionTimeout", "SupportedCWMPVersions"})
_EVENTS = 64
_EVENT = re.compile(r"[0-9A-Z][0-9A-Za-z _.\-]{0,63}")
_PRINTED = 200
_VERSION = re.compile(r"\d\.\d{1,2}")


class NotUnderstoodError(DecodeError):
    """A header that must be understood and is not (SOAP 1.1 section 4.2.3)."""


def read(octets: bytes) -> Envelope:
    """Return the one message of an envelope."""
    root = markup.read(octets)
    if (root.space, root.name) != (SOAP, "Envelope"):
        raise DecodeError("expected a SOAP 1.1 envelope")
    headers = [each for each in root.children if (each.space, each.name) == (SOAP, "Header")]
    bodies = [each for each in root.children if (each.space, each.name) == (SOAP, "Body")]
    if len(bodies) != 1 or len(headers) > 1 or len(root.children) != len(bodies) + len(headers):
        raise DecodeError("expected an envelope of at most one header and one body")
    said = bodies[0].children
    if len(said) != 1:
        raise DecodeError(f"{len(said)} messages in one envelope; expected one (MaxEnvelopes is 1)")
    name = _id(headers[0]) if headers else ""
    return replace(_message(said[0], name), versions=_versions(headers[0]) if headers else ())


def _id(header: Element) -> str:
    found = ""
    for each in header.children:
        ours = CWMP.fullmatch(each.space) is not None and each.name in _HEADERS
        if not ours and each.attributes.get(f"{SOAP} mustUnderstand") == "1":
            raise NotUnderstoodError(f"header {each.name[:40]!r} must be understood and is not")
        if ours and each.name == "ID":
            found = each.text
    if len(found) > _PRINTED or not found.isprintable():
        raise DecodeError("the ID of an envelope is a short printable text")
    return found


def _versions(header: Element) -> tuple[str, ...]:
    """Return what `SupportedCWMPVersions` lists, as far as it is understood; it need not be."""
    words = (word.strip() for word in header.said("SupportedCWMPVersions")[:_PRINTED].split(","))
    return tuple(word for word in words if _VERSION.fullmatch(word))


def _message(said: Element, name: str) -> Envelope:
    if (said.space, said.name) == (SOAP, "Fault"):
        detail = said.child("detail")
        inner = detail.child("Fault") if detail is not None else None
        space = inner.space if inner is not None and CWMP.fullmatch(inner.space) else ""
        return Envelope(space=space, id=name, body=_fault(inner))
    if not CWMP.fullmatch(said.space):
        raise DecodeError("expected a method of urn:dslforum-org:cwmp-1-0 to cwmp-1-4")
    reader = _READERS.get(said.name)
    body = reader(said) if reader is not None else _asked(said)
    return Envelope(space=said.space, id=name, body=body)


def _fault(inner: Element | None) -> Fault:
    """Return a CPE's fault; one without a code of the 9xxx is told as 9002, internal error."""
    code = inner.said("FaultCode") if inner is not None else ""
    text = inner.said("FaultString") if inner is not None else ""
    known = re.fullmatch(r"9\d{3}", code) is not None
    return Fault(code=int(code) if known else 9002, text=_short(text))


def _inform(said: Element) -> Inform:
    who = said.child("DeviceId")
    if who is None:
        raise DecodeError("an Inform without DeviceId")
    words = [who.said(name) for name in ("Manufacturer", "OUI", "ProductClass", "SerialNumber")]
    if any(len(each) > 64 or not each.isprintable() for each in words) or not words[3]:
        raise DecodeError("a DeviceId has four printable texts of at most 64 characters, and a serial number")
    events = []
    for each in _listed(said, "Event"):
        code, key = each.said("EventCode"), each.said("CommandKey")
        if not code:
            continue  # it says nothing
        if not _EVENT.fullmatch(code):
            raise DecodeError("an event code is a short printable text such as '2 PERIODIC'")
        events.append((code, _short(key)))
    if len(events) > _EVENTS:  # none, though one is due (annex A.3.3.1): it is a poll all the same
        raise DecodeError(f"{len(events)} events in one Inform; expected at most {_EVENTS}")
    retries = said.said("RetryCount")
    return Inform(
        device=DeviceId(manufacturer=words[0], oui=words[1], product_class=words[2], serial=words[3]),
        events=tuple(events),
        parameters=_values(said),
        retries=int(retries) if re.fullmatch(r"\d{1,9}", retries) else 0,
    )


def _names(said: Element) -> Names:
    found = set()
    for each in _listed(said, "ParameterList"):
        name = each.said("Name")
        if not NAME.fullmatch(name):
            raise DecodeError(f"{name[:60]!r} is no name of a parameter")
        found.add(name)
    return Names(names=frozenset(found))


def _values(said: Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in _listed(said, "ParameterList"):
        name = each.said("Name")
        if not NAME.fullmatch(name):
            raise DecodeError(f"{name[:60]!r} is no name of a parameter")
        held = each.child("Value")
        value = held.text if held is not None else ""
        if found.setdefault(name, value) != value:
            raise DecodeError(f"'{name}' stands twice in one list, with different values")
    return found


def _listed(said: Element, name: str) -> Iterator[Element]:
    held = said.child(name)
    if held is not None:
        yield from held.children


def _done(said: Element) -> Done:
    return Done(method=said.name.removesuffix("Response"))


def _asked(said: Element) -> Asked:
    """Return a request of the CPE's own; what we do not speak is answered with a fault."""
    if len(said.name) > 64 or not said.name.isascii():
        raise DecodeError("the name of a method is a short text")
    fault = said.child("FaultStruct")
    words = {name: _short(said.said(name)) for name in ("CommandKey", "StartTime", "CompleteTime")}
    if fault is not None:
        words |= {name: _short(fault.said(name)) for name in ("FaultCode", "FaultString")}
    return Asked(method=said.name, words={name: value for name, value in words.items() if value})


def _short(text: str) -> str:
    """Return a text as it may stand in a log or a fact: printable, and not long."""
    shown = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text[: _PRINTED + 1])
    return shown if len(shown) <= _PRINTED else f"{shown[: _PRINTED - 1]}…"


_READERS: dict[str, Callable[[Element], Body]] = {
    "Inform": _inform,
    "GetParameterNamesResponse": _names,
    "GetParameterValuesResponse": lambda said: Values(values=_values(said)),
    "SetParameterValuesResponse": _done,
    "SetParameterAttributesResponse": _done,
}
