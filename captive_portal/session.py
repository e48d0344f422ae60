"""The state of one visit, as a table. No I/O, no clock: the desk feeds events and does what the effects say.

A visit is a small contract between four parties: the visitor, the method that believes them, the record that the law
and we want, and the firewall. What must never happen is one party acting before the other: a firewall that opens for
somebody without a durable record (I4), a page that says "online" before the firewall is open (iOS then keeps "Cancel"
on the screen and leaves the network), a session that is thrown out because a process was restarted. So the order is in
the table, and only there:

    NEW --Begun--> PROVING --Proved--> PROVEN --Recorded--> RECORDED --Opened--> ONLINE --…--> ENDED
                      |  ^                |                     |                   |
                 Refused |           RecordFailed          OpenFailed     LoggedOut, Expired, Exhausted,
                      +--+ (try again)    |                     |         Disconnected, Lost
                                          +-------> ENDED <-----+-------------------+

* `Proved` yields `Record` and nothing else. `Allow` is yielded by `Recorded` alone (and, for a visit that has a record,
  by `Seen`, `Extended` and `Restored`): a crash at any place leaves either no record and a closed firewall, or a record
  and a firewall that the restart opens.
* `Seen` is another address of the same device (an IPv6 privacy address, a new DHCP lease): it is recorded, then let in
  for the time that is left and never for longer. A `Record` that fails ends what came with it, not the visit.
* `Restored` is our own restart, or the gateway's: who is allowed is the database's word, until when is the kernel's.
* `ENDED` yields `Revoke` exactly once and answers no event after it. A visitor who comes back is a new visit.

An event that a state does not know is a fault of our program and raises `SessionError`; nothing is guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from captive_portal.errors import SessionError
from captive_portal.model import ADDRESSES_PER_CLIENT, Bounds, Client, End, Grant, Session, State

if TYPE_CHECKING:
    from collections.abc import Callable


# ---- what happens to a visit
@dataclass(frozen=True, slots=True)
class Begun:
    """The visitor sees a form or has sent one."""


@dataclass(frozen=True, slots=True)
class Proved:
    """A login method said yes."""

    grant: Grant


@dataclass(frozen=True, slots=True)
class Refused:
    """A login method said no; the visitor may try again."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The session's record is durable (after fsync)."""


@dataclass(frozen=True, slots=True)
class RecordFailed:
    """The record could not be made durable."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The firewall has acknowledged."""


@dataclass(frozen=True, slots=True)
class OpenFailed:
    """The firewall refused or did not answer."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The same device uses this address too."""

    address: str


@dataclass(frozen=True, slots=True)
class Extended:
    """The grant now ends later."""

    until_ms: int


@dataclass(frozen=True, slots=True)
class Adjusted:
    """The kernel's timeout, which is the truth, ends at another time than the record says."""

    until_ms: int


@dataclass(frozen=True, slots=True)
class Restored:
    """The gateway lost the session, the record has it."""


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """The visitor pressed the button."""


@dataclass(frozen=True, slots=True)
class Expired:
    """The time is over; the kernel has closed the door already."""


@dataclass(frozen=True, slots=True)
class Exhausted:
    """A bound of the site is reached: idle for too long, or the octets used up."""

    reason: End


@dataclass(frozen=True, slots=True)
class Disconnected:
    """Staff ended it."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The gateway no longer knows the device and says why: its own timeout ran out."""


Event: TypeAlias = (
    Begun
    | Proved
    | Refused
    | Recorded
    | RecordFailed
    | Opened
    | OpenFailed
    | Seen
    | Extended
    | Adjusted
    | Restored
    | LoggedOut
    | Expired
    | Exhausted
    | Disconnected
    | Lost
)


# ---- what is to be done
@dataclass(frozen=True, slots=True)
class Record:
    """Make this session durable, then say `Recorded` or `RecordFailed`."""

    session: Session


@dataclass(frozen=True, slots=True)
class Allow:
    """Let these addresses of the client through within `bounds`; its `seconds` are what is left."""

    client: Client
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class Revoke:
    """Close the door for every address of the client, now."""

    client: Client
    reason: End


@dataclass(frozen=True, slots=True)
class Tell:
    """State a fact: `login`, `refused` or `ended`."""

    what: str


Effect: TypeAlias = Record | Allow | Revoke | Tell
Step: TypeAlias = tuple[Session, tuple[Effect, ...]]


def step(session: Session, event: Event, now_ms: int) -> Step:
    """Return the session after the event, and what is to be done about it, in order."""
    rule = TABLE.get((session.state, type(event)))
    if rule is None:
        raise SessionError(
            f"session in state '{session.state}' got '{type(event).__name__}'; expected one of "
            f"{', '.join(kind.__name__ for state, kind in TABLE if state is session.state) or 'nothing'}"
        )
    return rule(session, event, now_ms)


def _to(state: State, *effects: Effect) -> Callable[[Session, Event, int], Step]:
    return lambda session, _event, _now_ms: (replace(session, state=state), effects)


def _proved(session: Session, event: Event, now_ms: int) -> Step:
    assert isinstance(event, Proved)
    if event.grant.until_ms <= now_ms:
        return _over(session, End.REFUSED, now_ms, Tell("refused"))
    proven = replace(session, state=State.PROVEN, grant=event.grant, since_ms=now_ms)
    return proven, (Record(replace(proven, state=State.RECORDED)),)


def _recorded(session: Session, _event: Event, now_ms: int) -> Step:
    return _open(replace(session, state=State.RECORDED), session.client, now_ms)


def _open(session: Session, client: Client, now_ms: int) -> Step:
    seconds = session.seconds_left(now_ms)
    if seconds == 0:  # the disk was slower than the grant is long: a door that opens for 0 s would stay open for ever
        return _end(End.EXPIRED)(session, Expired(), now_ms)
    assert session.grant
    return session, (Allow(client, replace(session.grant.bounds, seconds=seconds)),)


def _seen(session: Session, event: Event, now_ms: int) -> Step:
    assert isinstance(event, Seen)
    known = session.client.addresses
    if event.address in known or len(known) >= ADDRESSES_PER_CLIENT:
        return session, ()
    wider = replace(session, client=session.client.at(*known, event.address))
    stepped, effects = _open(wider, session.client.at(event.address), now_ms)
    return (stepped, (Record(wider), *effects)) if stepped.state is session.state else (stepped, effects)


def _extended(session: Session, event: Event, now_ms: int) -> Step:
    assert isinstance(event, Extended)
    assert session.grant
    longer = replace(session, grant=replace(session.grant, until_ms=event.until_ms))
    stepped, effects = _open(longer, session.client, now_ms)
    return (stepped, (Record(longer), *effects)) if stepped.state is session.state else (stepped, effects)


def _adjusted(session: Session, event: Event, _now_ms: int) -> Step:
    assert isinstance(event, Adjusted)
    assert session.grant
    agreed = replace(session, grant=replace(session.grant, until_ms=event.until_ms))
    return agreed, (Record(agreed),)


def _restored(session: Session, _event: Event, now_ms: int) -> Step:
    return _open(session, session.client, now_ms)


def _over(session: Session, reason: End, now_ms: int, *effects: Effect) -> Step:
    return replace(session, state=State.ENDED, end=reason, ended_ms=now_ms), effects


def _end(reason: End, fact: str = "ended") -> Callable[[Session, Event, int], Step]:
    """End a visit that has, or may have, an open door: close it first, whatever the kernel says."""
    return lambda session, _event, now_ms: _over(session, reason, now_ms, Revoke(session.client, reason), Tell(fact))


Rule: TypeAlias = "Callable[[Session, Event, int], Step]"

TABLE: dict[tuple[State, type[Event]], Rule] = {
    (State.NEW, Begun): _to(State.PROVING),
    (State.PROVING, Refused): _to(State.PROVING, Tell("refused")),
    (State.PROVING, Proved): _proved,
    (State.PROVEN, Recorded): _recorded,
    (State.PROVEN, RecordFailed): lambda session, _event, now_ms: _over(
        session, End.NO_RECORD, now_ms, Tell("refused")
    ),
    (State.RECORDED, Opened): _to(State.ONLINE, Tell("login")),
    (State.RECORDED, OpenFailed): _end(End.NO_GATEWAY, "refused"),
    (State.RECORDED, Restored): _restored,
    (State.RECORDED, Adjusted): _adjusted,
    (State.RECORDED, Expired): _end(End.EXPIRED),
    (State.RECORDED, Disconnected): _end(End.DISCONNECTED),
    (State.ONLINE, Opened): _to(State.ONLINE),
    (State.ONLINE, OpenFailed): _to(State.ONLINE),
    (State.ONLINE, Seen): _seen,
    (State.ONLINE, Extended): _extended,
    (State.ONLINE, Adjusted): _adjusted,
    (State.ONLINE, Restored): _restored,
    (State.ONLINE, LoggedOut): _end(End.LOGOUT),
    (State.ONLINE, Expired): _end(End.EXPIRED),
    (State.ONLINE, Exhausted): lambda session, event, now_ms: _end(event.reason)(session, event, now_ms),  # type: ignore[union-attr]  # by the key
    (State.ONLINE, Disconnected): _end(End.DISCONNECTED),
    (State.ONLINE, Lost): _end(End.LOST),
}
