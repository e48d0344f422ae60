"""Whether a place is open without a login because the portal is dead, and for whom: what gate and RADIUS server decide.

| the site's policy | decision of two | the portal | then |
|---|---|---|---|
| `when_broken: closed` | any | any | closed |
| `when_broken: open` | none in force | any | closed |
| `when_broken: open`, outside its hours | any | any | closed |
| `when_broken: open` | in force | was heard within `SILENT_S` | closed: it asks |
| `when_broken: open` | in force | silent for longer | open: for `SHORT_S` a device, within the decision |

A place that opens and a device that is let in are in the log first (captive_portal/let_in.py). A decision that is taken
back puts out whom it has let in; a portal that is back finds them in the log, and asks them for a login when their
short time is over. A process that begins anew takes up from the log who is in, and that what stood open is so no more.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from threading import RLock
from typing import TYPE_CHECKING

from captive_portal import policy_yaml
from captive_portal.errors import PortalError
from captive_portal.let_in import Entry, What
from captive_portal.model import ADDRESSES_PER_CLIENT, Client
from captive_portal.policy import open_at, seconds_open
from inventory.times import zone
from netops.errors import EvidenceError, NetopsError
from netops.fail_open import Order, Watch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from captive_portal.let_in import Log
    from captive_portal.model import Bounds
    from captive_portal.policy import Policies
    from inventory.model import Hours
    from netops.clock import Clock
    from netops.config import Settings
    from netops.evidence.note import VerifierKey

LOG = logging.getLogger("netops.portal")
SILENT_S = 30.0  # ten heartbeats; a portal that is restarted is away for a few seconds
SHORT_S = 600
METHOD = "fail_open"  # how a record says that nobody proved anything


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A place that may be open: its site, when it is open at all, and what a device may use there at a time."""

    site: str
    bounds: Bounds
    hours: tuple[Hours, ...] = ()
    zone: ZoneInfo | None = None

    def open_s(self, now_ms: int) -> int:
        """Return for how long the site is within its hours; 0 outside."""
        if not self.hours or self.zone is None:
            return SHORT_S
        if not open_at(self.hours, now_ms, self.zone):
            return 0
        closes_s = seconds_open(self.hours, now_ms, self.zone)
        return SHORT_S if closes_s is None else closes_s


@dataclass(frozen=True, slots=True)
class Door:
    """A place is open by this decision; a device for at most so many seconds."""

    order: Order
    seconds: int


@dataclass(slots=True)
class _Sitting:
    order: Order
    until: float  # monotonic
    until_ms: int
    addresses: set[str]


@dataclass(frozen=True, slots=True)
class Turned:
    """What a look has changed: places that are open now, those that are not any more, and who is to be put out."""

    open: Mapping[str, Door]
    shut: tuple[str, ...] = ()
    out: tuple[Client, ...] = ()


def door(rule: Rule | None, order: Order | None, *, left_s: int, silent_s: float) -> Door | None:
    """Return whether and how a place is open now; the table above."""
    if rule is None or order is None or left_s < 1 or silent_s < SILENT_S:
        return None
    return Door(order, min(rule.bounds.seconds, SHORT_S, left_s))


def rules(settings: Settings, places: Mapping[str, str]) -> dict[str, Rule]:
    """Return the places (place → site) whose policy wants them open when broken; none when policies cannot be read."""
    try:
        policies = policy_yaml.read(settings)
    except NetopsError as error:
        LOG.warning("policies cannot be read, no place opens by itself error=%s", error)
        return {}
    return by_policies(policies, places, zone(settings.city.timezone))


def by_policies(policies: Policies, places: Mapping[str, str], where: ZoneInfo) -> dict[str, Rule]:
    """Return the places (place → site) that these policies want open when broken; pure."""
    return {
        place: Rule(site=site, bounds=policies.at(site).bounds, hours=policies.at(site).hours, zone=where)
        for place, site in places.items()
        if policies.at(site).when_broken == "open"
    }


def digest(rules: Mapping[str, Rule]) -> str:
    """Return what tells two sets of rules apart: who acts alone says it, and the portal compares; pure."""
    return hashlib.sha256(repr(sorted(rules.items())).encode()).hexdigest()[:16]


class Ajar:
    """What is open in one process; safe from several threads. Nothing opens before `SILENT_S` after it was made."""

    def __init__(self, rules: Mapping[str, Rule], key: VerifierKey | None, log: Log, clock: Clock) -> None:
        self.rules = rules
        self.log = log
        self._wrong = "" if key or not rules else "the ledger's public key is not here: no decision is believed"
        self._watch = Watch(key) if key is not None else None
        self._clock = clock
        self._heard = clock.monotonic()
        self._open: dict[str, Order] = {}
        self._let_in: dict[str, int] = {}
        self._inside: dict[tuple[str, str], _Sitting] = {}
        self._owed: list[Entry] = []  # ends that the log has not taken yet
        self._lock = RLock()

    # ---- a process begins and ends
    def open(self, note: bytes = b"") -> None:
        """Take up the log, and who is in by it: by the decisions of `note`, or to be put out at the first look.

        What it says to be open was so at the latest until now: then it says that it ended. A log that cannot be used
        keeps no process from its other work: nobody is let in, `wrong` says why.
        """
        with self._lock:
            try:
                self.log.open()
            except PortalError as error:
                LOG.error("log not taken up error=%s", error)  # noqa: TRY400  (the sentence says it)
            self.take(note)
            for each in self.log.entries:
                self._again(each)
            self._end_all()

    def _again(self, entry: Entry) -> None:
        key = entry.place, entry.mac
        if entry.what is What.BEGUN:
            self._open[entry.place], self._let_in[entry.place] = self._decision(entry), 0
        elif entry.what is What.ENDED:
            self._open.pop(entry.place, None)
        elif entry.what is What.OUT:
            self._inside.pop(key, None)
        else:
            held = self._inside.get(key)
            if held is None or held.until_ms != entry.until_ms:  # further addresses of a device come with the same end
                left_s = min(SHORT_S, (entry.until_ms - self._clock.now_ms()) / 1000)
                held = _Sitting(self._decision(entry), self._clock.monotonic() + left_s, entry.until_ms, set())
                self._inside[key] = held
                self._let_in[entry.place] = self._let_in.get(entry.place, 0) + 1
            held.addresses.update(entry.addresses)

    def _decision(self, entry: Entry) -> Order:
        """Return what an entry was done by; one that is believed no more is in force no more."""
        found = self._watch.named(entry.request, entry.leaf) if self._watch is not None else None
        return found or Order(request=entry.request, leaf=entry.leaf, sites=(), start_ms=0, end_ms=0)

    def close(self) -> None:
        """State that what is open is so no more, and let go of the log; safe to call twice."""
        with self._lock:
            self._end_all()
            self.log.close()

    def _end_all(self) -> None:
        self._settle(self._ends(self._open))
        self._open.clear()

    # ---- what is heard
    def heard(self, note: bytes, recorded: int = 0) -> Turned:
        """Note that the portal lives, the decisions that it hands over, and up to where it has recorded the log."""
        with self._lock:
            self._heard = self._clock.monotonic()
            self.take(note)
            if recorded:
                self._forget(recorded)
            return self.look()

    def take(self, note: bytes) -> bool:
        """Believe a note of decisions; return whether it is new. A forged, foreign or older one changes nothing."""
        if self._watch is None:
            return False
        with self._lock:
            try:
                fresh = self._watch.take(note, now_ms=self._clock.now_ms(), monotonic=self._clock.monotonic())
            except EvidenceError as error:
                self._wrong = str(error)
                return False
            if note:
                self._wrong = ""
            return fresh

    @property
    def wrong(self) -> str:
        """What keeps places from opening, or the empty string."""
        return self.log.wrong or self._wrong

    @property
    def note(self) -> bytes:
        """The note that is believed."""
        return self._watch.note if self._watch is not None else b""

    # ---- what follows
    def at(self, place: str) -> Door | None:
        """Return how a place is open now; None: it is not."""
        rule, now = self.rules.get(place), self._clock.monotonic()
        if rule is None or self._watch is None or now - self._heard < SILENT_S:
            return None
        with self._lock:
            now_ms = self._clock.now_ms()
            order = self._watch.order(rule.site, now_ms=now_ms, monotonic=now)
            left_s = self._watch.left_s(order, now_ms=now_ms, monotonic=now) if order is not None else 0
            return door(rule, order, left_s=min(left_s, rule.open_s(now_ms)), silent_s=now - self._heard)

    def look(self) -> Turned:
        """Write down what has changed, and return what is to be done about it. What cannot be written does not open."""
        with self._lock:
            self.log.mend()
            now = {place: found for place in self.rules if (found := self.at(place)) is not None}
            shut = tuple(place for place, order in self._open.items() if place not in now or now[place].order != order)
            out = self._over()
            self._settle([*self._ends(shut), *self._outs(out)])
            for place in shut:
                del self._open[place]
            for client in out:
                self._inside.pop(client.key, None)
            begun = {place: found.order for place, found in now.items() if place not in self._open}
            entries = [self._entry(What.BEGUN, place, each, why=self._why()) for place, each in begun.items()]
            if not self._owed and self._tried(entries):
                self._open |= begun
                self._let_in |= dict.fromkeys(begun, 0)
            still = {place: found for place, found in now.items() if place in self._open}
            return Turned(still, tuple(place for place in shut if place not in still), out)

    def let_in(self, clients: Iterable[Client]) -> list[tuple[Client, Bounds]]:
        """Return whom to let in, within which bounds; it is on disk on return. PortalError: let in nobody."""
        with self._lock:
            found: list[tuple[Client, Bounds]] = []
            entries: list[Entry] = []
            sittings: dict[tuple[str, str], _Sitting] = {}
            for client in clients:
                opened = self.at(client.interface)
                if opened is None or client.interface not in self._open:
                    continue
                sitting = sittings.get(client.key) or self._sitting(client, opened)
                fresh = tuple(each for each in client.addresses if each not in sitting.addresses)
                if len(sitting.addresses) + len(fresh) > ADDRESSES_PER_CLIENT:
                    continue
                seconds = min(opened.seconds, round(sitting.until - self._clock.monotonic()))
                if seconds < 1:
                    continue
                if fresh or (client.key not in self._inside and client.key not in sittings):
                    entries.append(self._in(client.at(*fresh), sitting))
                sittings[client.key] = sitting
                sitting.addresses.update(fresh)
                found.append((client, replace(self.rules[client.interface].bounds, seconds=seconds)))
            self._admit(entries, sittings)
            return found

    def _admit(self, entries: Sequence[Entry], sittings: Mapping[tuple[str, str], _Sitting]) -> None:
        try:
            self._write(entries)
        except PortalError:
            for key in sittings:  # what it holds now is not on disk
                self._inside.pop(key, None)
            raise
        for place, _ in sittings.keys() - self._inside.keys():
            self._let_in[place] += 1
        self._inside |= sittings

    def _sitting(self, client: Client, opened: Door) -> _Sitting:
        """Return the time that a device has here: what is left of it, or a new one."""
        now, held = self._clock.monotonic(), self._inside.get(client.key)
        if held is not None and held.until - now >= 1:
            return held
        self._inside.pop(client.key, None)
        until_ms = self._clock.now_ms() + opened.seconds * 1000
        return _Sitting(opened.order, now + opened.seconds, until_ms, set())

    def _over(self) -> tuple[Client, ...]:
        """Return who is in by a decision that is in force no more; forget whose time is over."""
        now, now_ms, out = self._clock.monotonic(), self._clock.now_ms(), []
        holds: dict[int, bool] = {}  # by the leaf of a decision: there are few, and many who are in
        for key, sitting in list(self._inside.items()):
            if sitting.until <= now:
                del self._inside[key]
                continue
            order = sitting.order
            if order.leaf not in holds:
                left_s = self._watch.left_s(order, now_ms=now_ms, monotonic=now) if self._watch is not None else 0
                holds[order.leaf] = left_s > 0
            if not holds[order.leaf]:
                out.append(Client(interface=key[0], mac=key[1], addresses=tuple(sorted(sitting.addresses))))
        return tuple(out)

    def _forget(self, recorded: int) -> None:
        """Strike out what the portal has recorded: from then on who is in is its business."""
        gone = {(each.place, each.mac) for each in self.log.entries if each.n <= recorded and each.what is What.IN}
        try:
            self.log.forget(recorded)
        except PortalError as error:  # struck out as soon as the file can be written; what is open closes all the same
            LOG.error("not struck out error=%s", error)  # noqa: TRY400  (the sentence says it)
        for key in gone:
            self._inside.pop(key, None)

    # ---- entries
    def _write(self, entries: Sequence[Entry]) -> None:
        if entries:
            self.log.append(entries)

    def _settle(self, ends: Sequence[Entry]) -> None:
        """Write down what has ended, and what had when it could not be written."""
        owed = [*self._owed, *ends]
        self._owed = [] if self._tried(owed) else owed

    def _tried(self, entries: Sequence[Entry]) -> bool:
        """Whether entries are on disk; what is closed or put out is so whether they are or not."""
        try:
            self._write(entries)
        except PortalError as error:
            LOG.error("not written error=%s", error)  # noqa: TRY400  (the sentence says it)
            return False
        for each in entries:
            LOG.warning("fail-open what=%s place=%s request=%s why=%s", each.what, each.place, each.request, each.why)
        return True

    def _why(self) -> str:
        return f"the portal was silent for {int(self._clock.monotonic() - self._heard)} s"

    def _entry(self, what: What, place: str, order: Order, *, why: str = "", count: int = 0) -> Entry:
        at_ms = self._clock.now_ms()
        return Entry(what=what, at_ms=at_ms, place=place, request=order.request, leaf=order.leaf, why=why, count=count)

    def _in(self, client: Client, sitting: _Sitting) -> Entry:
        bare = self._entry(What.IN, client.interface, sitting.order)
        return replace(bare, mac=client.mac, addresses=client.addresses, until_ms=sitting.until_ms)

    def _ends(self, shut: Iterable[str]) -> list[Entry]:
        return [self._entry(What.ENDED, each, self._open[each], count=self._let_in.get(each, 0)) for each in shut]

    def _outs(self, out: Iterable[Client]) -> list[Entry]:
        return [
            replace(self._entry(What.OUT, each.interface, self._inside[each.key].order), mac=each.mac) for each in out
        ]
