"""What keeps record and firewalls together while nobody asks: repair, expiry, bounds, new addresses, copied devices.

What to repair is decided in captive_portal/reconcile.py; here it is read and carried out.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event, Lock
from typing import TYPE_CHECKING, NamedTuple

from captive_portal import adopting, ajar, reconcile
from captive_portal import session as visit
from captive_portal.enforcing import Offer
from captive_portal.errors import GatewayError, GoneError, PortalError, SilentError
from captive_portal.model import ADDRESSES_PER_CLIENT, FREE, State
from captive_portal.refusals import Refusals
from captive_portal.twins import Twins
from inventory.errors import InventoryError
from netops.errors import NetopsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from captive_portal.gateways import Gateway
    from captive_portal.meters import Listing
    from captive_portal.model import Admitted
    from captive_portal.visits import Visits

METERS = 500  # of one transaction: logins go between
SLICE = 8  # repairs handed out at once, by how many a gateway does at once: memory is bounded
ROUNDS = 10  # in which a gateway is asked for a visit that it refuses, before that is its answer
UNANSWERED = (SilentError, GoneError)
ON_PURPOSE = (
    NetopsError,
    InventoryError,
)  # what the house says itself: a database that is held, a gateway that is away
LOG = logging.getLogger("netops.portal")


def beat(part: Gateway) -> int:
    """Tell a gateway that acts without us that we live: by a thread of its own, for another gateway may be slow."""
    if part.stands_by:
        part.ready()
    return 0


class Undone(NamedTuple):
    """A repair that failed."""

    action: reconcile.Action
    error: Exception

    @property
    def visit(self) -> str:
        """Whose it was; empty for somebody whom nobody recorded."""
        return "" if isinstance(self.action, reconcile.Strike) else self.action.session.id

    @property
    def refused(self) -> bool:
        """Whether a gateway has answered that it does not let a visit in again."""
        asked = isinstance(self.action, reconcile.Restore) and isinstance(self.error, PortalError)
        return asked and not isinstance(self.error, UNANSWERED)


class Upkeep:
    """The chores of the visits. Each takes the client's turn, and looks again once it has it."""

    def __init__(self, visits: Visits) -> None:
        self.visits = visits
        self.twins = Twins()
        self._born: dict[str, str] = {}
        self._opens: dict[str, str] = {}  # by which rules gateways would act alone
        self._adopting = Lock()
        self._stopping = Event()
        self._refusals = Refusals()
        self._moved: dict[str, dict[tuple[str, str], tuple[str, ...]]] = {}  # addresses that wait, by gateway

    def stop(self) -> None:
        """Begin nothing more, for good: a chore returns with what it is at, and the next start takes up the rest."""
        self._stopping.set()

    # ---- record and firewall
    def repair(self) -> int:
        """Bring record and firewalls together; return how many repairs. GatewayError names those that cannot now."""
        return self._each(self._repair_at)

    def look_in(self) -> int:
        """Repair at once where a gateway has lost its memory; return how many repairs. Cheap where none has."""

        def look(part: Gateway) -> int:
            ready = part.ready()
            self._notice(ready.twice)
            if not ready.wrong:
                self._opens[part.name] = ready.opens
            same = ready.born == self._born.get(part.name) and not ready.wrong and not ready.unrecorded
            return 0 if same else self._repair_at(part)

        return self._each(look)

    def agree(self) -> None:
        """GatewayError where a gateway would act alone by other policies than are in force here."""
        premises, differ = self.visits.premises, []
        for part in self.visits.gateway.parts():
            said = self._opens.get(part.name)
            if said and said != ajar.digest(ajar.by_policies(premises.policies, part.alone_at(), premises.zone)):
                differ.append(part.name)
        if differ:
            raise GatewayError(
                f"{', '.join(differ)}: would let in alone by other policies ('when_broken', hours, bounds) than are in"
                " force here; restart the gate and the RADIUS server, which read them when they start"
            )

    def _each(self, work: Callable[[Gateway], int]) -> int:
        """Do it at every gateway; one that is away costs the others nothing."""
        done, wrong = 0, []
        for part in self.visits.gateway.parts():
            if self._stopping.is_set():
                break
            try:
                done += work(part)
            except ON_PURPOSE as error:
                wrong.append(str(error))
        if wrong:
            raise GatewayError("; ".join(wrong))
        return done

    def _repair_at(self, part: Gateway) -> int:
        ready, store = part.ready(), self.visits.store
        if ready.wrong:
            raise GatewayError("; ".join(ready.wrong.values()))
        if ready.unrecorded:
            with self._adopting:  # two chores may come to it at once
                adopting.adopt(self.visits, part, self._stopping)
            if self._stopping.is_set():
                return 0
        before, now_ms = store.born(part.name), self.visits.clock.now_ms()
        same = before == ready.born
        with self.visits.meters.listing() as listing:
            sessions = [each for each in self.visits.every() if part.serves(each.client.interface)]
            admitted = part.admitted()
            actions = reconcile.plan(sessions, admitted, same_memory=same, now_ms=now_ms)
            if same and (suspects := reconcile.suspects(actions)):
                admitted = [*admitted, *part.seek(suspects)]
                actions = reconcile.plan(sessions, admitted, same_memory=same, now_ms=now_ms)
                if part.ready().born != ready.born:
                    return 0  # lost while it was read: who is not in has not run out. The next look restores
            ended = self._measure(part, admitted, now_ms, listing)  # first: what is opened again counts from zero
        undone = self._carry_out(part, actions)
        if self._stopping.is_set():
            return 0  # what is left is taken up after the next start
        if self._is_restored(part, ready.born, undone):
            if before != ready.born:
                store.set_born(part.name, ready.born)
            self._born[part.name] = ready.born
        done = len(actions) - len(undone)
        if done or ended:
            LOG.info("repaired count=%d bounded=%d live=%d", done, ended, len(self.visits))
        if wrong := [each for each in undone if not self._is_answered(part, ready.born, each)]:
            first = wrong[0].error
            what = f"{part.name}: {len(wrong)} of {len(actions)} repairs failed and are tried again"
            raise GatewayError(f"{what}; the first: {first}") from first
        return done + ended

    def _carry_out(self, part: Gateway, actions: Sequence[reconcile.Action]) -> list[Undone]:
        """Do the repairs, slice by slice; return what failed. One that fails costs the others nothing.

        A gateway that goes away on the way is not waited for at each door: then GatewayError.
        """
        undone: list[Undone] = []
        size = part.at_once * SLICE
        with ThreadPoolExecutor(part.at_once, thread_name_prefix="repair") as pool:  # no thread before the first one
            for at in range(0, len(actions), size):
                failed = [each for each in pool.map(self._try, actions[at : at + size]) if each is not None]
                if self._stopping.is_set():
                    break
                if any(isinstance(each.error, SilentError) for each in failed) and (wrong := part.ready().wrong):
                    raise GatewayError("; ".join(wrong.values()))
                undone += failed
        return undone

    def _is_restored(self, part: Gateway, born: str, undone: Sequence[Undone]) -> bool:
        """Whether a gateway's new memory holds all whom it has to hold; while not, it counts as new.

        Else the next plan would take who is still to be let in for run out. Who is refused is asked for some rounds,
        and then is; whom no answer came for, until there is one.
        """
        out = [each for each in undone if isinstance(each.action, reconcile.Restore)]
        refused = [each.visit for each in out if each.refused]
        if len(refused) < len(out):
            return False  # a round that was not answered throughout counts for nobody: who refuses may be half away
        self._refusals.note(part.name, born, refused)
        rounds = {each: self._refusals.rounds(part.name, born, each) for each in refused}
        for each, count in rounds.items():
            if count == ROUNDS:
                LOG.warning("refused again and again, health says no more gateway=%s session=%s", part.name, each)
        return all(count >= ROUNDS for count in rounds.values())

    def _is_answered(self, part: Gateway, born: str, undone: Undone) -> bool:
        """Whether it was refused so often that it is the gateway's answer: said before, and no failure any more.

        A visit that lacks one of its addresses is asked for as long as it lives, but it is no reason to hurry.
        """
        return undone.refused and self._refusals.rounds(part.name, born, undone.visit) > ROUNDS

    def _try(self, action: reconcile.Action) -> Undone | None:
        try:
            if not self._stopping.is_set():
                self._repair(action)
        except Exception as error:  # whatever it is, the others of its slice are not lost
            if not isinstance(error, ON_PURPOSE):
                LOG.exception("repair failed for a reason of ours")
            return Undone(action, error)
        return None

    def _repair(self, action: reconcile.Action) -> None:
        visits = self.visits
        client = action.client if isinstance(action, reconcile.Strike) else action.session.client
        with visits.turns.own(client):
            live = visits.at(client.key)
            if isinstance(action, reconcile.Strike):
                known = live.client.addresses if live is not None else ()
                strangers = tuple(each for each in client.addresses if each not in known)
                if strangers:
                    visits.close(client.at(*strangers))
            elif live is None or live.id != action.session.id:
                return  # it ended, or another one began, while the list was read
            elif isinstance(action, reconcile.Found):
                if live.state is State.RECORDED:
                    visits.feed(live, visit.Opened())
            elif isinstance(action, reconcile.Restore):
                wrong: list[Exception] = []
                after = visits.feed(live, visit.Restored(), wrong=wrong)
                if wrong and after.state is not State.ENDED:
                    raise wrong[0]
            elif isinstance(action, reconcile.Adjust):
                visits.feed(live, visit.Adjusted(action.until_ms))
            else:
                lost = live.state is State.ONLINE and live.seconds_left(visits.clock.now_ms()) > 0
                _ = visits.feed(live, visit.Lost()) if lost else visits.over(live)

    # ---- bounds and time
    def _measure(self, part: Gateway, admitted: Sequence[Admitted], now_ms: int, listing: Listing) -> int:
        """End the visits whose octets are used up or that were idle for too long; return how many.

        A gateway that ends idle ones itself may count seldom: between two reports nobody seems to move.
        """
        if Offer.COUNTERS not in part.offers:
            return 0
        ended, visits, counted, idle = 0, self.visits, list[tuple[str, str]](), Offer.IDLE not in part.offers
        for key, meter in visits.meters.read(admitted, now_ms, listing).items():
            session = visits.at(key)
            if session is None:
                visits.meters.forget(key)  # a door that outlives its visit: the next one pays nothing of it
                continue
            bounds = session.grant.bounds if session.grant else FREE
            if not bounds.octets and not (idle and bounds.idle_s):
                continue
            reason = meter.exceeds(bounds if idle else replace(bounds, idle_s=0), now_ms)
            if reason is not None:
                with visits.turns.own(session.client):
                    live = visits.at(key)
                    if live is not None and live.id == session.id and live.state is State.ONLINE:
                        visits.feed(live, visit.Exhausted(reason))
                        ended += 1
            elif bounds.octets and (kept := visits.meters.due(key, bounds.octets)):
                counted.append((session.id, kept))
        for at in range(0, len(counted), METERS):
            visits.store.keep_meters(counted[at : at + METERS])
        return ended

    def expire(self) -> int:
        """End the sessions whose time is over; return how many. The kernel has closed their doors by itself."""
        visits = self.visits
        visits.settle()
        now_ms = visits.clock.now_ms()
        over = visits.due(now_ms)
        try:
            for session in over:
                if self._stopping.is_set():
                    return 0
                with visits.turns.own(session.client):
                    live = visits.at(session.client.key)
                    if live is not None and live.id == session.id and live.seconds_left(now_ms) == 0:
                        visits.over(live)
        finally:
            visits.watch(over)  # what could not be ended is due again
        return len(over)

    # ---- what devices do
    def follow(self) -> int:
        """Let live devices in under addresses that the gateway has seen since; return how many."""
        return self._each(self._follow_at)

    def _follow_at(self, part: Gateway) -> int:
        wider, visits = 0, self.visits
        left, self._moved[part.name] = self._moved.get(part.name, {}), {}
        for key, addresses in {**left, **part.moved()}.items():
            live = visits.at(key)
            fresh = set(addresses) - set(live.client.addresses) if live is not None else set()
            if live is None or not fresh or len(live.client.addresses) >= ADDRESSES_PER_CLIENT:
                continue
            with visits.turns.own(live.client):
                current = visits.current(live.client)
                if current is not None:
                    current = visits.see(current, tuple(sorted(fresh)))
                    wider += 1
            if current is None or not fresh <= set(current.client.addresses):
                self._moved[part.name][key] = addresses  # not in yet, or not recorded: once more
        return wider

    def _notice(self, twice: Sequence[tuple[str, str, str]]) -> None:
        """State what the gateway has seen of devices that were copied; nobody is put out for it."""
        visits = self.visits
        for session, sign in self.twins.fresh(twice, visits.live):
            site = visits.premises.site(session.client)
            visits.telling.twin(site, sign, visits.clock.now_ms())
            self.twins.told(session, sign)
            LOG.warning("two devices as one session=%s sign=%s site=%s", session.id, sign, site)
        self.twins.keep(visits.live)
