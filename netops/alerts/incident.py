"""Incidents: what belongs to one root cause, from its first sign until it is over. A pure table of states.

    waiting --grace over--> open --every sign gone for `clear_s`--> closed
       |                      |  ^
       +--gone before--> gone +--+ a sign again before that: still the same incident

An incident that opened `flaps` times within `flap_s` comes and goes: it stays open until it was calm for `flap_s`.
Who has been told stands elsewhere (netops/alerts/telling.py): an incident does not know people, but for who took it on.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from netops.alerts.roots import width
from netops.alerts.signs import Sign

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from netops.alerts.policy import Rule
    from netops.alerts.signs import Seen

MOST_OPENINGS = 100


class Phase(StrEnum):
    """Where an incident stands."""

    WAITING = "waiting"  # its grace is not over: nobody knows of it
    OPEN = "open"
    CLOSED = "closed"
    GONE = "gone"  # over before its grace was, or part of a wider one: nobody was told, or the wider one tells


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One subject of an incident; `well_ms` is since when it is well again, None while it is not."""

    since_ms: int
    well_ms: int | None = None
    because: str = ""
    area: str = ""
    carrier: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One root cause.

    `since_ms` is the first sign's, `opened_ms` when its grace was over; `openings` are the instants at which this root
    opened of late, this one included; `into` names the wider incident that took its members; `taken_link` is to whom
    the message went by whose link it was taken on.
    """

    id: str
    rule: str
    root: str
    severity: str
    phase: Phase = Phase.WAITING
    since_ms: int
    opened_ms: int | None = None
    closed_ms: int | None = None
    members: Mapping[str, Member] = field(default_factory=dict)
    openings: tuple[int, ...] = ()
    flapping: bool = False
    taken_by: str = ""
    taken_ms: int | None = None
    taken_link: str = ""
    into: str = ""

    @property
    def bad(self) -> list[str]:
        """The members that are not well, in their order."""
        return [name for name, each in self.members.items() if each.well_ms is None]

    @property
    def living(self) -> bool:
        """Whether it is not over."""
        return self.phase in {Phase.WAITING, Phase.OPEN}

    @property
    def is_said(self) -> bool:
        """Whether who has taken it on is what the holder of a group's link said."""
        return bool(self.taken_link) and self.taken_link != self.taken_by

    @property
    def carrier(self) -> str:
        """The carrier that all members are of; empty where there are several, or none."""
        found = {each.carrier for each in self.members.values()}
        return found.pop() if len(found) == 1 else ""


def advance(
    rule: Rule,
    known: Iterable[Incident],
    seen: Seen,
    rooted: Mapping[str, str],
    *,
    now_ms: int,
    name: Callable[[], str],
    before: Mapping[str, tuple[int, ...]],
) -> list[Incident]:
    """Return every incident of `rule` that is new or has changed. `known` are its living ones.

    `rooted` has the root of each bad subject (netops/alerts/roots.py), `name` gives a new incident its id, `before` has
    by root when its last incidents opened.
    """
    living = {each.root: each for each in known if each.living}
    home = {subject: each.root for each in living.values() for subject in each.members}
    joined = defaultdict[str, dict[str, Sign]](dict)
    for subject, sign in seen.bad.items():
        root, held = rooted[subject], home.get(subject)
        stays = held is not None and width(held) >= width(root)
        joined[held if stays and held is not None else root][subject] = sign
    moved = {subject: root for root, signs in joined.items() for subject in signs if home.get(subject, root) != root}
    made = []
    for root in dict.fromkeys((*living, *joined)):
        one = living.get(root)
        if one is None:
            since = min(now_ms, *(each.since_ms for each in joined[root].values()))
            recent = tuple(at for at in before.get(root, ()) if at > now_ms - rule.flap_s * 1000)
            one = Incident(id=name(), rule=rule.id, root=root, severity=rule.severity, since_ms=since, openings=recent)
        kept = {
            subject: each for subject, each in one.members.items() if subject not in moved or moved[subject] == root
        }
        into = "" if kept or not one.members else moved[next(iter(one.members))]
        changed = _passed(rule, replace(one, members=_told(kept, joined[root], seen, now_ms)), into, now_ms)
        if changed != living.get(root):
            made.append(changed)
    names = {each.root: each.id for each in (*living.values(), *made)}
    return [replace(each, into=names.get(each.into, "")) if each.into else each for each in made]


def drop(one: Incident, *, now_ms: int) -> Incident:
    """Return the incident ended without a word: nobody looks at it any more."""
    return replace(one, phase=Phase.GONE, closed_ms=now_ms)


def take(one: Incident, *, by: str, now_ms: int, link: str = "") -> Incident:
    """Return the incident taken on by somebody, by whose message's link; the first who did stays."""
    return one if one.taken_by or not one.living else replace(one, taken_by=by, taken_ms=now_ms, taken_link=link)


def _told(members: Mapping[str, Member], signs: Mapping[str, Sign], seen: Seen, now_ms: int) -> dict[str, Member]:
    """Return the members after this look: the held as they were, the well with since when, the bad as they are."""
    made = {}
    for subject, each in members.items():
        if subject in signs or subject in seen.held or each.well_ms is not None:
            made[subject] = each
        else:
            made[subject] = replace(each, well_ms=now_ms)
    for subject, sign in signs.items():
        was = made.get(subject)
        since = was.since_ms if was is not None and was.well_ms is None else min(sign.since_ms, now_ms)
        made[subject] = Member(
            since_ms=since, because=sign.because, area=sign.area, carrier=sign.carrier, kind=sign.kind
        )
    return made


def _passed(rule: Rule, one: Incident, into: str, now_ms: int) -> Incident:
    if into:
        return replace(one, phase=Phase.GONE, closed_ms=now_ms, into=into)
    if one.bad:
        if one.phase is Phase.OPEN or now_ms - one.since_ms < rule.grace_s * 1000:
            return one
        openings = (*one.openings, now_ms)[-MOST_OPENINGS:]
        return replace(one, phase=Phase.OPEN, opened_ms=now_ms, openings=openings, flapping=len(openings) >= rule.flaps)
    if one.phase is Phase.WAITING:
        return replace(one, phase=Phase.GONE, closed_ms=now_ms)
    calm_s = rule.flap_s if one.flapping else rule.clear_s
    calm_ms = max(each.well_ms or 0 for each in one.members.values())
    return one if now_ms - calm_ms < calm_s * 1000 else replace(one, phase=Phase.CLOSED, closed_ms=now_ms)
