"""What the rules look at: situation, silent devices, readings, parts of ours. The edge; `signs.py` decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from inventory.register import Register
from inventory.snapshot import snapshot
from netops import situation
from netops.access import bulk
from netops.alerts import signs
from netops.alerts.wording import Names
from netops.ledger_file import LedgerReader, NoLedgerError
from netops.model import Reason
from netops.report import issue
from netops.store import open_store

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from inventory.snapshot import Snapshot
    from netops.alerts.policy import Policy, Rule
    from netops.alerts.signs import Seen
    from netops.config import Settings
    from netops.ledger_file import Leaf
    from netops.situation import Situation
    from netops.sla.burn import Burn
    from netops.store import Reading

SILENT = frozenset({Reason.NO_ANSWER.value, Reason.REFUSED.value})
STALE_MS = 60_000  # a situation that is older says nothing of now
CHECKS = 3  # polls back that a device's silence is read from
STORE_MS = 30_000  # between two looks into register, store and ledger: the store is asked about every device


@dataclass(slots=True)
class Sight:
    """What was seen last. `parents` has each device's own, `silent` those whose newest poll was not answered."""

    situation: Situation | None = None
    silent: frozenset[str] = frozenset()
    parents: Mapping[str, str] = field(default_factory=dict)
    names: Names = field(default_factory=Names)
    readings: Mapping[str, list[Reading]] = field(default_factory=dict)  # by rule
    verdicts: list[Leaf] = field(default_factory=list)  # in the order of the ledger
    refused: list[Leaf] = field(default_factory=list)  # failed logins of staff in bulk
    started_ms: int = 0


class Eyes:
    """Looks, and no more often than it must."""

    def __init__(self, settings: Settings, policy: Policy, *, now_ms: int) -> None:
        self._settings, self._policy = settings, policy
        self._stamp = (-1, -1)
        self._mark: tuple[int, int] | None = None
        self._stored_ms = 0
        self.sight = Sight(started_ms=now_ms)

    def look(self, now_ms: int) -> None:
        """Bring the sight up to date. NetopsError where something cannot be read; what was seen stays."""
        stamp = situation.stamp(self._settings)
        if stamp != self._stamp:
            self.sight.situation = situation.read(self._settings)
            self._stamp = stamp
        if now_ms - self._stored_ms >= STORE_MS:
            self._read_register(now_ms)
            self._stored_ms = now_ms
            self._read_store(now_ms)
            self._read_ledger(now_ms)

    def seen(
        self, rule: Rule, burns: Mapping[str, tuple[int, list[Burn]]], *, told: Container[str], now_ms: int
    ) -> Seen:
        """Return what a rule sees; `told` are the subjects of open incidents.

        A situation that is too old shows nothing: everything that it names is held.
        """
        sight = self.sight
        if rule.on == "burn":
            return signs.burning(rule, burns)
        if rule.on == "verdict":
            return signs.missed(rule, sight.verdicts, now_ms)
        if rule.on == "refused":
            return signs.refused(rule, sight.refused, now_ms)
        if rule.on == "quiet":
            heard = sight.situation.at_ms if sight.situation is not None else sight.started_ms
            return signs.quiet(rule, {signs.CORE: max(heard, sight.started_ms)}, now_ms)
        if rule.on == "reading":
            return signs.readings(rule, sight.readings.get(rule.id, ()))
        if sight.situation is None:
            return signs.Seen()
        if now_ms - sight.situation.at_ms > STALE_MS:
            names = {f"service:{each.service}" for each in sight.situation.services}
            return signs.Seen(held=frozenset(names | {signs.MONITOR}))
        if rule.on == "state":
            return signs.outages(rule, sight.situation)
        return signs.blindness(rule, sight.situation, told)

    def _read_register(self, now_ms: int) -> None:
        settings = self._settings
        with Register(settings.register_url, rehearsal=settings.city.rehearsal, readonly=True) as register:
            mark = register.mark(at_ms=now_ms)
            if mark == self._mark:
                return
            seen = snapshot(register, at_ms=now_ms)
            self._mark = mark
        self.sight.parents = {each.id: each.parent for each in seen.devices if each.parent}
        self.sight.names = names(seen)

    def _read_ledger(self, now_ms: int) -> None:
        verdicts_s, refused_s = (self._reach_s(on) for on in ("verdict", "refused"))
        if not (verdicts_s or refused_s):
            return
        try:
            with LedgerReader(issue.ledger_path(self._settings)) as ledger:
                if verdicts_s:
                    found = list(ledger.find("verdict", start_ms=now_ms - verdicts_s * 1000))
                    self.sight.verdicts = sorted(found, key=lambda each: each.index)
                if refused_s:
                    self.sight.refused = list(ledger.find(bulk.KIND, start_ms=now_ms - refused_s * 1000))
        except NoLedgerError:
            return

    def _reach_s(self, on: str) -> int:
        """Return how far back rules of a kind look; 0 where there is none."""
        return max((each.for_s for each in self._policy.rules.values() if each.on == on), default=0)

    def _read_store(self, now_ms: int) -> None:
        interval_ms = self._settings.collect.interval_s * 1000
        rules = [each for each in self._policy.rules.values() if each.on == "reading"]
        with open_store(self._settings) as store:
            newest: dict[str, tuple[int, str]] = {}
            for each in store.outcomes(start_ms=now_ms - CHECKS * interval_ms, end_ms=now_ms + 1):
                if "/" not in each.device and newest.get(each.device, (-1, ""))[0] < each.slot_ms:
                    newest[each.device] = each.slot_ms, each.outcome
            self.sight.silent = frozenset(name for name, (_, outcome) in newest.items() if outcome in SILENT)
            found = {}
            for rule in rules:
                age = max(2 * rule.for_s * 1000, CHECKS * interval_ms)
                found[rule.id] = store.last(rule.subject, [rule.metric], now_ms=now_ms, max_age_ms=age)
            self.sight.readings = found


def names(seen: Snapshot) -> Names:
    """Return what a snapshot's ids are called."""
    return Names(
        areas={each.id: (each.short, each.name_en or each.name) for each in seen.areas},
        carriers={each.id: (each.name, each.name_en or each.name) for each in seen.carriers},
        devices={each.id: each.name for each in seen.devices},
        services={each.id: f"{seen.site[each.site].name} {each.id}" for each in seen.services},
    )
