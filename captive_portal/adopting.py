"""A portal that is back takes over whom its gateways have let in meanwhile: recorded as what it was, not as a login.

Each device becomes a session by the method `fail_open`, from when it was let in until its short time is over, under
consent to nothing. Who is still in stays in for what is left and meets the page then. A session's id follows from the
gateway's log and the entry's number, so that what is told twice, after a crash between record and receipt, is recorded
once; up to which number the periods of a log are stated is kept with it. What the gateway has not heard to be recorded
it keeps.
"""

from __future__ import annotations

import hashlib
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from captive_portal import session as visit
from captive_portal.ajar import METHOD
from captive_portal.errors import GatewayError, SilentError
from captive_portal.let_in import UNASKED, What
from captive_portal.model import ADDRESSES_PER_CLIENT, Client, Consent, End, Grant, Session, State
from captive_portal.tables import SESSION
from netops.facts import Fact, submit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from threading import Event

    from captive_portal.gateways import Gateway
    from captive_portal.let_in import Entry
    from captive_portal.visits import Visits

LOG = logging.getLogger("netops.portal")
NOTHING = Consent(terms="", language="", digest="", channel=UNASKED)
CAUSE = "portal_silent"
TOGETHER = 32
SLICE = 2 * TOGETHER  # handed out at once: a silent gateway costs its time-out twice, not for each device


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitting:
    """One device's short time. `out_ms` is when it was put out before its end."""

    n: int
    client: Client
    since_ms: int
    until_ms: int
    out_ms: int | None = None


def sittings(entries: Iterable[Entry]) -> list[Sitting]:
    """Return what a log says of devices, one of them for each time that it was let in; pure."""
    found: dict[tuple[str, str, int], Sitting] = {}
    last: dict[tuple[str, str], tuple[str, str, int]] = {}
    for each in entries:
        device = each.place, each.mac
        if each.what is What.IN:
            key = (*device, each.until_ms)  # further addresses of a device come with the same end
            before = found.get(key)
            known = before.client.addresses if before else ()
            addresses = tuple(dict.fromkeys((*known, *each.addresses)))[:ADDRESSES_PER_CLIENT]
            client = Client(interface=each.place, mac=each.mac, addresses=addresses)
            n, since_ms = (before.n, before.since_ms) if before else (each.n, each.at_ms)
            found[key] = Sitting(n=n, client=client, since_ms=since_ms, until_ms=each.until_ms)
            last[device] = key
        elif each.what is What.OUT and device in last:
            held = found[last[device]]
            found[last[device]] = Sitting(
                n=held.n, client=held.client, since_ms=held.since_ms, until_ms=held.until_ms, out_ms=each.at_ms
            )
    return list(found.values())


def periods(entries: Iterable[Entry], sites: Mapping[str, str]) -> list[Fact]:
    """Return the facts of when places were open and closed again, by their sites; pure."""
    return [
        Fact(
            kind="fail_open",
            at_ms=each.at_ms,
            body={
                "site": sites.get(each.place) or each.place,
                "state": str(each.what),
                "cause": CAUSE,
                "request": each.request,
                "decision": each.leaf,
                **({"let_in": each.count} if each.what is What.ENDED else {"why": each.why}),
            },
        )
        for each in entries
        if each.what in {What.BEGUN, What.ENDED}
    ]


def adopt(visits: Visits, part: Gateway, stopping: Event) -> int:
    """Record what a gateway did by itself, and let it forget that; return how many devices' times are new to us.

    A gateway that goes away on the way is not waited for at each door: then GatewayError, and it tells them again. So
    it does where `stopping` is set meanwhile.
    """
    mark, entries = part.unrecorded()
    if not entries:
        return 0
    times, taken, wrong = sittings(entries), 0, list[Exception]()
    with ThreadPoolExecutor(TOGETHER, thread_name_prefix="portal-adopts") as pool:  # they share the record's fsync
        for at in range(0, len(times), SLICE):
            taken += sum(pool.map(lambda each: _taken(visits, mark, each, wrong), times[at : at + SLICE]))
            if stopping.is_set():
                return taken
            if any(isinstance(each, SilentError) for each in wrong) and (away := part.ready().wrong):
                raise GatewayError("; ".join(away.values()))
            wrong.clear()
    _state(visits, part.name, mark, entries)
    part.recorded(entries[-1].n)
    LOG.warning("let in without the portal gateway=%s devices=%d recorded=%d", part.name, len(times), taken)
    return taken


def _state(visits: Visits, gateway: str, mark: str, entries: Iterable[Entry]) -> None:
    """State the periods that are not stated yet: a gateway that has not heard the receipt tells them again."""
    log, upto = visits.store.stated(gateway)
    fresh = [each for each in entries if log != mark or each.n > upto]
    if facts := periods(fresh, visits.premises.sites):
        submit(visits.telling.spool, *facts)
        visits.store.set_stated(gateway, mark, fresh[-1].n)


def _taken(visits: Visits, mark: str, sitting: Sitting, wrong: list[Exception]) -> bool:
    with visits.turns.own(sitting.client):
        return _recorded(visits, mark, sitting, wrong)


def _recorded(visits: Visits, mark: str, sitting: Sitting, wrong: list[Exception]) -> bool:
    session = _session(visits, mark, sitting)
    known = sa.select(SESSION.c.id).where(SESSION.c.id == session.id)
    if visits.store.read(lambda connection: connection.execute(known).first()) is not None:
        return False
    now_ms, ended, again = visits.clock.now_ms(), None, False
    if sitting.out_ms is not None:
        ended = End.EXPIRED, sitting.out_ms
    elif sitting.until_ms <= now_ms:
        ended = End.EXPIRED, sitting.until_ms
    elif (held := visits.at(session.client.key)) is not None:  # of its own, from before
        again = not held.seconds_left(now_ms)
        if again:  # its time ran out while we were dead; its end closes the door of both
            visits.feed(held, visit.Expired(), wrong=wrong)
        else:
            ended = End.LOST, now_ms
    visits.adopt(session, NOTHING, ended=ended)
    if again:
        visits.feed(visits.live[session.client.key], visit.Restored(), wrong=wrong)
    return True


def _session(visits: Visits, mark: str, sitting: Sitting) -> Session:
    policy, client = visits.premises.policy(sitting.client), sitting.client
    if not client.addresses:  # a controller lets in first, and tells the address then
        client = client.at(*visits.gateway.addresses(client))
    grant = Grant(method=METHOD, until_ms=sitting.until_ms, bounds=policy.bounds, policy=policy.digest)
    return Session(
        id=hashlib.sha256(f"{mark}/{sitting.n}".encode()).hexdigest()[:24],
        client=client,
        state=State.RECORDED,
        since_ms=sitting.since_ms,
        grant=grant,
    )
