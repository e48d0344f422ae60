"""Asks addresses who they are: one small question per credential, then what tells its family. The edge is the engine.

The first credential that is answered is kept. SNMPv3 goes first, so that a community is not said aloud where a user
would do; each address gets at most one datagram and one repeat per credential, at a rate of addresses a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from collectors.decode import decode
from collectors.detect import STANDARD, detect, questions
from collectors.plan import plan
from collectors.snmp.ask import Ask, Community, Target
from collectors.snmp.flight import Job
from netops.model import Quality

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from collectors.plan import Plan
    from collectors.profile import Profile
    from collectors.snmp.ask import Answer
    from collectors.snmp.engine import Engine
    from collectors.snmp.usm import User
    from netops.model import Observation

WHO = Ask(gets=((1, 3, 6, 1, 2, 1, 1, 2, 0),))  # sysObjectID


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Who answered at an address: by which credential, of which family and why, and what it calls itself."""

    address: str
    port: int
    credential: str
    family: str
    because: str
    name: str
    description: str
    serial: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What a search needs to know: port, credentials in the order they are tried, patience and pace."""

    keys: Mapping[str, Community | User]
    port: int = 161
    timeout_s: float = 1.0
    rate: int = 200  # addresses a second

    def ordered(self) -> list[str]:
        """Return the credentials' names, users before communities."""
        return sorted(self.keys, key=lambda name: (isinstance(self.keys[name], Community), name))

    def target(self, address: str, name: str) -> Target:
        """Return how this address is asked."""
        return Target(
            address=address,
            credential=self.keys[name],
            port=self.port,
            timeout_s=self.timeout_s,
            retries=1,
            deadline_s=20.0,
            varbinds_per_s=500,
        )


def search(
    engine: Engine,
    addresses: Sequence[str],
    how: Search,
    profiles: Mapping[str, Profile],
    *,
    wait: Callable[[float], object],
) -> Iterator[Found]:
    """Yield who answers, as they are found. `wait` sleeps for some seconds between two shares of the addresses."""
    share = max(1, how.rate // 5)
    silent = list(addresses)
    for name in how.ordered():
        left: list[str] = []
        for at in range(0, len(silent), share):
            jobs = [Job(how.target(address, name), WHO, address) for address in silent[at : at + share]]
            answers = list(engine.run(jobs))
            spoke = [answer.token for answer in answers if answer.answered]
            left += [answer.token for answer in answers if not answer.answered]
            yield from look(engine, spoke, name, how, profiles)
            if at + share < len(silent):
                wait(share / how.rate)
        silent = left


def look(
    engine: Engine, addresses: Sequence[str], name: str, how: Search, profiles: Mapping[str, Profile]
) -> Iterator[Found]:
    """Yield what those that answered are: family by what they answer, name and serial number by the standard MIBs."""
    asked = questions(profiles.values())
    fits: list[Job] = []
    for answer in engine.run([Job(how.target(address, name), asked, address) for address in addresses]):
        detected = detect(profiles, answer)
        only = [each for each in detected.chosen if each.profile.name == STANDARD]
        todo = plan(only, costs=("cheap", "dear"), metrics=_NAMING)
        fits.append(Job(how.target(answer.token, name), todo.ask, (answer.token, detected, todo)))
    for answer in engine.run(fits):
        address, detected, todo = answer.token
        told = _told(todo, answer, address)
        because = "; ".join(f"{family} by {why}" for family, why in detected.because.items())
        yield Found(
            address=address,
            port=how.port,
            credential=name,
            family=detected.family,
            because=because or "no family's objects",
            name=told.get("system.name", ""),
            description=told.get("system.description", ""),
            serial=told.get("system.serial") or told.get("entity.serial", ""),
        )


_LONGEST = 255  # characters of a DisplayString (RFC 2579); who says more would fill the list of proposals
_NAMING = frozenset({"system.name", "system.description", "system.serial", "entity.serial"})


def _told(todo: Plan, answer: Answer, device: str) -> dict[str, str]:
    if not answer.answered:
        return {}
    seen: Sequence[Observation] = decode(todo, answer, device=device, at_ms=answer.at_ms).observations
    found: dict[str, str] = {}
    for each in seen:
        if each.quality is Quality.OK and isinstance(each.value, str) and each.value.strip():
            found.setdefault(each.metric, each.value.strip()[:_LONGEST])
    return found
