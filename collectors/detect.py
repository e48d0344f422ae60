"""Which profiles fit a device: by what it answers first, by what it says of itself second. Pure.

A device that fits no family is generic: it gets the standard profile alone, and no metric of any family.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from collectors.convert import UnreadableError, text
from collectors.plan import Chosen
from collectors.snmp.ask import Ask, Limits
from collectors.snmp.varbind import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from collectors.profile import Place, Profile
    from collectors.snmp.ask import Answer
    from collectors.snmp.varbind import Oid, Varbind

GENERIC = "generic"
STANDARD = "standard"
_SYS_DESCR: Oid = (1, 3, 6, 1, 2, 1, 1, 1, 0)
_SYS_OBJECT_ID: Oid = (1, 3, 6, 1, 2, 1, 1, 2, 0)


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

    A walk of one column each, stopped after its first reply: a probe is a place in the tree, not an instance.
    """
    return Ask(gets=(_SYS_DESCR, _SYS_OBJECT_ID), walks=tuple((oid,) for oid in probes(profiles)), limits=_FIRST_ONLY)


_FIRST_ONLY = Limits(walk_varbinds=1, bulk_varbinds=1)


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
    places = probes(profiles.values())
    hit = {oid for oid, walked in zip(places, answer.walks, strict=False) if any(len(c) for c in walked.columns)}
    description, object_id = _said(answer)
    because: dict[str, str] = {}
    for name, profile in profiles.items():
        reason = _reason(profile, hit, description, object_id)
        if reason and name != STANDARD:
            because[name] = reason
    names = [n for n in (STANDARD, *because) if n in profiles]
    return Detected(chosen=tuple(_choose(profiles[n], hit) for n in names), because=because)


def choose(profiles: Mapping[str, Profile], names: Iterable[str], answer: Answer) -> tuple[Chosen, ...]:
    """Return the named profiles as they fit a device that answered `questions`: what the register says, not a guess."""
    hit = {o for o, w in zip(probes(profiles.values()), answer.walks, strict=False) if any(len(c) for c in w.columns)}
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
    except ValueError:
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
