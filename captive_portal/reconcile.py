"""Bringing record and firewall together, at start and every half minute: a pure plan, the desk carries it out.

The database is the truth for who may be in, the kernel for until when. So:

| record | firewall | then |
|---|---|---|
| lives | has it, the same end | nothing |
| lives, not noted as online | has it | noted: a crash came between firewall and note |
| lives | has it, another end | the record takes the kernel's: the wall clock was stepped, the timeout not |
| lives | lacks an address | open it, for what is left: a crash came between record and firewall |
| lives, was online | lacks it, same memory | its timeout ran out: ended |
| lives | lacks it, new memory | the gateway was restarted: open it again, nobody is thrown out by our restart (I4) |
| none | has it | close it: nobody is in without a record (I4) |

A firewall's list may miss somebody (captive_portal/setlist.py). So who seems to have run out of time, or to lack an
address, is a suspect first (`suspects`): it is looked for by itself, and the plan is made anew with what was found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from captive_portal.model import Client, Session, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from captive_portal.model import Admitted

SLACK_MS = 5_000  # rounding of the kernel's seconds, and the time that a list takes
YOUNG_MS = 10_000  # a session this young may be on its way into the firewall while the list is read


@dataclass(frozen=True, slots=True)
class Restore:
    """Open the door for every address of the session, for what is left."""

    session: Session


@dataclass(frozen=True, slots=True)
class Found:
    """The firewall is open for the session already."""

    session: Session


@dataclass(frozen=True, slots=True)
class Adjust:
    """The session ends when the kernel says."""

    session: Session
    until_ms: int


@dataclass(frozen=True, slots=True)
class Over:
    """The session's time is over, by both."""

    session: Session


@dataclass(frozen=True, slots=True)
class Strike:
    """Nobody recorded this one: close the door."""

    client: Client


Action: TypeAlias = Restore | Found | Adjust | Over | Strike


def plan(sessions: Sequence[Session], admitted: Iterable[Admitted], *, same_memory: bool, now_ms: int) -> list[Action]:
    """Return what is to be done, sessions first."""
    doors: dict[tuple[str, str], dict[str, int]] = {}
    for each in admitted:
        doors.setdefault(each.client.key, {})[each.client.addresses[0]] = each.seconds
    actions: list[Action] = []
    for session in sessions:
        held = doors.pop(session.client.key, {})
        if not _agrees(session, held, now_ms):
            actions += _session(session, held, same_memory=same_memory, now_ms=now_ms)
    actions += [
        Strike(Client(interface=interface, mac=mac, addresses=tuple(addresses)))
        for (interface, mac), addresses in doors.items()
    ]
    return actions


def suspects(actions: Iterable[Action]) -> list[Client]:
    """Return of whom a plan for the same memory says that the firewall lacks them."""
    return [each.session.client for each in actions if isinstance(each, Over | Restore)]


def _agrees(session: Session, doors: dict[str, int], now_ms: int) -> bool:
    """Whether there is nothing to do, which is so for nearly all of fifty thousand."""
    addresses = session.client.addresses
    if session.state is not State.ONLINE or not doors or len(doors) != len(addresses) or session.grant is None:
        return False
    longest = 0
    for each in addresses:
        left = doors.get(each)
        if left is None:
            return False
        longest = max(longest, left)
    return abs(now_ms + longest * 1000 - session.grant.until_ms) <= SLACK_MS


def _session(session: Session, doors: dict[str, int], *, same_memory: bool, now_ms: int) -> list[Action]:
    assert session.grant
    own = {address: doors[address] for address in session.client.addresses if address in doors}
    strangers = tuple(address for address in doors if address not in own)
    actions: list[Action] = (
        [Strike(Client(interface=session.client.interface, mac=session.client.mac, addresses=strangers))]
        if strangers
        else []
    )
    if own:
        if session.state is State.RECORDED:
            actions.append(Found(session))
        until_ms = now_ms + max(own.values()) * 1000
        if abs(until_ms - session.grant.until_ms) > SLACK_MS:
            return [*actions, Adjust(session, until_ms)]
        if len(own) < len(session.client.addresses) and session.seconds_left(now_ms):
            actions.append(Restore(session))
        return actions
    if session.seconds_left(now_ms) == 0:
        return [*actions, Over(session)]
    if session.state is State.ONLINE and same_memory:
        return actions if abs(now_ms - session.since_ms) < YOUNG_MS else [*actions, Over(session)]
    return [*actions, Restore(session)]
