"""What a contract says of its disputes: whose word counts by which key, and when each step is too late.

The version counts that is in force at the period's end, of those that were sealed when the revision was issued: an
amendment that comes later shortens nobody's time. Its calendar says which days are worked; without one they are Monday
to Friday. A year that the calendar does not have yet is no day for anybody to be late on: UsageError names it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from inventory import codec, workdays
from inventory.errors import InventoryError
from inventory.model import Carrier, Contract, Dispute
from netops.clock import utc
from netops.dispute.deadlines import LONGEST, due, left, weekday
from netops.errors import UsageError
from netops.evidence import canonical
from netops.evidence.note import VerifierKey
from netops.sla import calendar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date
    from zoneinfo import ZoneInfo

    from inventory.register import Register
    from netops.dispute.deadlines import IsWorkday
    from netops.dispute.listening import Breaks
    from netops.dispute.states import Case, Objection

    Lookup = Callable[[str, int], "Terms | None"]

FOR_EVER_MS = 2**53 - 1
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of one contract's disputes; `keys` are its carrier's, `texts` those of every version by its digest."""

    carrier: str
    keys: tuple[VerifierKey, ...]
    zone: ZoneInfo
    days: Dispute
    is_workday: IsWorkday = weekday
    texts: Mapping[str, Terms] = field(default_factory=dict)

    def window(self, case: Case) -> int:
        """Return the instant at which the newest revision can no longer be objected to."""
        by = self.texts.get(case.last.text, self)
        return due(case.last.at_ms, by.days.objection_days, by.zone, by.is_workday)

    def answer(self, objection: Objection) -> int:
        """Return the instant at which an objection counts as conceded by who did not answer it."""
        by = self.texts.get(objection.text, self)
        return due(objection.at_ms, by.days.rebuttal_days, by.zone, by.is_workday)

    def decision(self, objection: Objection) -> int:
        """Return the instant at which an answered objection counts as upheld by who did not rule on it."""
        by = self.texts.get(objection.text, self)
        return due(objection.answered_ms, by.days.ruling_days, by.zone, by.is_workday)

    def left(self, objection: Objection, over_ms: int, *, now_ms: int) -> int:
        """Return how many working days there are after today for the next word on an objection, due by `over_ms`."""
        by = self.texts.get(objection.text, self)
        return left(now_ms, over_ms, by.zone, by.is_workday)

    def closes(self, over_ms: int, breaks: Breaks, text: str = "") -> int:
        """Return until when a deadline is kept open: to the end of the next working day after a break before it.

        `text` is the digest of the contract's text by which it ran.
        """
        by = self.texts.get(text, self)
        at = over_ms
        for lost_ms, since_ms in breaks:
            if since_ms > over_ms - LONGEST * DAY_MS and lost_ms < at:
                at = max(at, due(since_ms, 1, by.zone, by.is_workday))
        return at

    def shown(self, at_ms: int) -> str:
        """Return an instant as the people of the contract read it."""
        return f"{utc(at_ms).astimezone(self.zone):%Y-%m-%d %H:%M} {self.zone.key}"


def nobody(_contract: str, _at_ms: int) -> Terms | None:
    """Know no contract: nobody has a key, and nothing is late."""
    return None


def of_texts(contracts: Iterable[Contract]) -> dict[str, Terms]:
    """Return the terms of contract versions by the digest of their text; nobody's keys are among them."""
    return {canonical.digest(codec.encode(each).encode()): _terms(each, None) for each in contracts}


def _terms(contract: Contract, carrier: Carrier | None) -> Terms:
    return Terms(
        carrier=contract.carrier,
        keys=tuple(map(VerifierKey.parse, carrier.keys if carrier else ())),
        zone=calendar.zone(contract.timezone),
        days=contract.dispute,
        is_workday=_calendar(contract.calendar),
    )


def lookup(
    versions: Iterable[tuple[Contract, int, int]], carriers: Mapping[str, Carrier], other: Sequence[Contract] = ()
) -> Lookup:
    """Return (contract, instant) → its terms, from versions with the span in which each holds; None: no such one.

    `other` are texts that hold no longer: a deadline may run by one all the same.
    """
    held: dict[str, list[tuple[int, int, Contract]]] = {}
    for contract, from_ms, to_ms in versions:
        held.setdefault(contract.id, []).append((from_ms, to_ms, contract))

    def made(contract: Contract) -> Terms:
        return _terms(contract, carriers.get(contract.carrier))

    texts: dict[str, dict[str, Terms]] = {}
    for contract in (*(each for spans in held.values() for _, _, each in spans), *other):
        digest = canonical.digest(codec.encode(contract).encode())
        texts.setdefault(contract.id, {})[digest] = made(contract)

    def find(name: str, at_ms: int) -> Terms | None:
        spans = held.get(name, [])
        found = [contract for from_ms, to_ms, contract in spans if from_ms <= at_ms < to_ms]
        if not found and not spans:
            return None
        contract = found[-1] if found else max(spans, key=lambda span: span[0])[2]
        return replace(made(contract), texts=texts[name])

    return find


def _calendar(name: str) -> IsWorkday:
    if not name:
        return weekday

    def is_workday(day: date) -> bool:
        try:
            return workdays.is_workday(name, day)
        except InventoryError as error:
            raise UsageError(str(error)) from None

    return is_workday


def of_register(register: Register, carriers: Sequence[Carrier]) -> Lookup:
    """Return the terms of all contracts that the register ever knew, with its carriers' keys of now."""
    spells = register.spells("contract", start_ms=0, end_ms=FOR_EVER_MS)
    versions = [(each.record, each.from_ms, each.to_ms) for each in spells if isinstance(each.record, Contract)]
    ever = [told.record for name in {held.id for held, _, _ in versions} for told in register.history("contract", name)]
    other = [each for each in ever if isinstance(each, Contract)]
    return lookup(versions, {each.id: each for each in carriers}, other)
