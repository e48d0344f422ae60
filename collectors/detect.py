"""Which profiles fit a device: by what it answers first, by what it says of itself second. Pure.

A device that fits no family is generic: it gets the standard profile alone, and no metric of any family.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from collectors.convert import UnreadableError, text
from collectors.errors import DecodeError
from collectors.plan import Chosen
from collectors.snmp.ask import Ask
from collectors.snmp.varbind import SYS_OBJECT_ID, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from collectors.profile import Place, Profile
    from collectors.snmp.ask import Answer
    from collectors.snmp.varbind import Oid, Varbind

GENERIC = "generic"
STANDARD = "standard"
_SYS_DESCR: Oid = (1, 3, 6, 1, 2, 1, 1, 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """The families that fit, and why; `chosen` begins with the standard profile."""

    chosen: tuple[Chosen, ...]
    because: Mapping[str, str]

    @property
    def family(self) -> str:
        """The names of the families, joined with `+`, or `generic`."""
        return "+".join(c.profile.name for c in self.chosen if c.profile.name != STANDARD) or GENERIC


def questions(profiles: Iterable[Profile]) -> Ask:
    """Return what tells the families apart: sysDescr, sysObjectID and the first object under every probe and layout.

    A probe is a place in the tree, not an instance. What an answer tells of other places is not asked again.
    """
    places = probes(profiles)
    return Ask(gets=(_SYS_DESCR, SYS_OBJECT_ID), walks=(places,) if places else (), glance=True)


def _hits_in(answer: Answer) -> set[Oid]:
    """Return the places under which the device has something."""
    return {root for walked in answer.walks for root, got in zip(walked.roots, walked.columns, strict=True) if len(got)}


def probes(profiles: Iterable[Profile]) -> tuple[Oid, ...]:
    """Return every place that is probed, in order, each once."""
    found: dict[Oid, None] = {}
    for profile in profiles:
        for place in (*profile.match.probes, *profile.layouts.values()):
            for root in profile.roots:
                found[place.under(root)] = None
    return tuple(found)


def detect(profiles: Mapping[str, Profile], answer: Answer) -> Detected:
    """Return the profiles that fit a device that answered `questions(profiles.values())`."""
    hit = _hits_in(answer)
    description, object_id = _said(answer)
    because: dict[str, str] = {}
    for name, profile in profiles.items():
        reason = _reason(profile, hit, description, object_id)
        if reason and name != STANDARD:
            because[name] = reason
    if not all(profiles[name].fallback for name in because):
        because = {name: reason for name, reason in because.items() if not profiles[name].fallback}
    names = [n for n in (STANDARD, *because) if n in profiles]
    return Detected(chosen=tuple(_choose(profiles[n], hit) for n in names), because=because)


def choose(profiles: Mapping[str, Profile], names: Iterable[str], answer: Answer) -> tuple[Chosen, ...]:
    """Return the named profiles as they fit a device that answered `questions`: what the register says, not a guess."""
    hit = _hits_in(answer)
    return tuple(_choose(profiles[name], hit) for name in names)


def whole(profile: Profile) -> Chosen:
    """Return the profile under its first root with every layout: for a device that has not been asked yet."""
    return Chosen(profile=profile, root=profile.roots[0], layouts=frozenset(profile.layouts))


def _said(answer: Answer) -> tuple[str, Oid]:
    said = answer.gets
    return _text(said[0]), _arcs(said[1])


def _text(got: object) -> str:
    try:
        return text(getattr(got, "value", b""))
    except UnreadableError:
        return ""


def _arcs(got: Varbind | object) -> Oid:
    value = getattr(got, "value", None)
    try:
        return parse(value) if isinstance(value, str) else ()
    except DecodeError:
        return ()


def _reason(profile: Profile, hit: set[Oid], description: str, object_id: Oid) -> str:
    for place in profile.match.probes:
        if any(place.under(root) in hit for root in profile.roots):
            return "probe"
    if any(object_id[: len(known)] == known for known in profile.match.object_ids):
        return "sysObjectID"
    if any(known in description for known in profile.match.descriptions):
        return "sysDescr"
    return ""


def _choose(profile: Profile, hit: set[Oid]) -> Chosen:
    root = max(
        profile.roots, key=lambda r: _hits(profile.match.probes, r, hit) + _hits(profile.layouts.values(), r, hit)
    )
    layouts = frozenset(name for name, place in profile.layouts.items() if place.under(root) in hit)
    return Chosen(profile=profile, root=root, layouts=layouts or frozenset(profile.layouts))


def _hits(places: Iterable[Place], root: Oid, hit: set[Oid]) -> int:
    return sum(place.under(root) in hit for place in places)
