"""Who is told what, now. Pure: incidents, the policy and what was told before come in; messages go out.

A message is told once: its key names the incident, what is told, the step and the person. While an incident is taken on
nobody else is called; while it is muted nobody is told, and what is still so afterwards is told then.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from netops.alerts import duty
from netops.alerts.incident import Phase

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from netops.alerts.incident import Incident
    from netops.alerts.policy import Policy

BEGUN, OVER = "begun", "over"
WINDOW_MS: Final = 600_000
CARRIER = "carrier"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell one person."""

    incident: str
    what: str
    step: int
    person: str

    @property
    def key(self) -> str:
        """What it is told once by."""
        return f"{self.incident}/{self.what}/{self.step}/{self.person}"


@dataclass(frozen=True, slots=True)
class Mute:
    """Until when nobody is told of a root, of all below it (`carrier:a` of `carrier:a/wifi`), or of all (`*`)."""

    root: str
    until_ms: int

    def covers(self, one: Incident, now_ms: int) -> bool:
        """Whether it keeps this incident quiet now."""
        about = self.root in ("*", one.root) or one.root.startswith(f"{self.root}/")
        return now_ms < self.until_ms and about


def due(
    policy: Policy, incidents: Iterable[Incident], *, told: AbstractSet[str], mutes: Sequence[Mute], now_ms: int
) -> list[Notice]:
    """Return what is to be told now and was not. `told` are the keys of notices that have gone out."""
    made = []
    for one in incidents:
        if any(mute.covers(one, now_ms) for mute in mutes):
            continue
        if one.phase is Phase.OPEN:
            made += _begun(policy, one, now_ms)
        elif one.phase is Phase.CLOSED:
            made += [Notice(one.id, OVER, 0, person) for person in _knows(one, told)]
    return [each for each in made if each.key not in told]


def grouped(
    policy: Policy, notices: Sequence[Notice], incidents: Mapping[str, Incident], recent: Mapping[str, int]
) -> list[tuple[str, list[Notice]]]:
    """Return (person, notices) for each message. `recent` counts what each person got in the last ten minutes.

    Who would get more than the route's most gets the rest as one message, once; what comes after that waits.
    """
    by_person = defaultdict[str, list[Notice]](list)
    for each in notices:
        by_person[each.person].append(each)
    made: list[tuple[str, list[Notice]]] = []
    for person, theirs in by_person.items():
        most = max(_most(policy, incidents[each.incident]) for each in theirs)
        had = recent.get(person, 0)
        if had + len(theirs) <= most:
            made += [(person, [each]) for each in theirs]
        elif had <= most:
            made.append((person, theirs))
    return made


def _begun(policy: Policy, one: Incident, now_ms: int) -> list[Notice]:
    made = []
    opened = one.opened_ms or now_ms
    rule = policy.rules.get(one.rule)
    for number, step in enumerate(policy.routes[rule.route].steps if rule else ()):
        at = opened + step.after_s * 1000
        if at > now_ms or (one.taken_ms is not None and at > one.taken_ms):
            break
        # Who was on duty at the step's instant: else a change of turns would tell the next one what is long known.
        people = [person for to in step.to for person in _people(policy, to, one, at)]
        made += [Notice(one.id, BEGUN, number, person) for person in dict.fromkeys(people)]
    return made


def _people(policy: Policy, to: str, one: Incident, at_ms: int) -> list[str]:
    if to == CARRIER:
        return [f"{CARRIER}:{one.carrier}"] if one.carrier else []
    name = to.removeprefix("duty:")
    return [duty.on(policy.duties[name], at_ms)] if name != to else [to]


def _knows(one: Incident, told: AbstractSet[str]) -> list[str]:
    start = f"{one.id}/{BEGUN}/"
    return sorted({key.removeprefix(start).partition("/")[2] for key in told if key.startswith(start)})


def _most(policy: Policy, one: Incident) -> int:
    rule = policy.rules.get(one.rule)
    return policy.routes[rule.route].most_in_10_min if rule else WINDOW_MS
