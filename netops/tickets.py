"""Tickets (工单) as people handle them: report a fault to the carrier, note its answer, pause, go on, close.

Each step is a fact; what they come to for the time to repair `netops/sla/tickets.py` says. Pure, but for `standing`,
which asks the ledger and what waits in a spool.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from netops.access import record
from netops.clock import utc
from netops.errors import UsageError
from netops.facts import Fact
from netops.sla import tickets
from netops.sla.intervals import subtract, total, union
from netops.sla.sold import fits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from inventory.snapshot import Snapshot
    from netops.config import Settings
    from netops.evidence.canonical import JSON
    from netops.sla.tickets import Ticket

MOST_OCTETS: Final = 50_000  # of the services' names of one ticket: a leaf has an end (`netops.ledger`)
MOST_NUMBER: Final = 100
MOST_REMARK: Final = 500
FITS: Final = {  # the state of a ticket → the steps that may follow
    "running": (tickets.ANSWERED, tickets.PAUSED, tickets.CLOSED),
    "waiting": (tickets.ANSWERED, tickets.RESUMED, tickets.CLOSED),
    "over": (),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One step as it stands: `sealed` once it is in the ledger."""

    step: str
    at_ms: int
    by: str
    remark: str
    sealed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One ticket with what was said of it, in order; `number` is the carrier's own, as it last gave it."""

    clock: Ticket
    contract: str
    incident: str = ""
    number: str = ""
    words: tuple[Word, ...] = ()

    @property
    def id(self) -> str:
        """Its id."""
        return self.clock.id

    @property
    def state(self) -> str:
        """Whether its clock runs, waits for us, or is over."""
        if self.clock.closed_ms != tickets.OPEN_MS:
            return "over"
        return "running" if self.clock.paused_ms is None else "waiting"

    def ran_ms(self, now_ms: int) -> int:
        """Return for how long its clock has run: since the report, without what waited for us."""
        life = ((self.clock.reported_ms, min(now_ms, self.clock.closed_ms)),)
        return total(subtract(union(life), union(self.clock.waits)))


def reported(
    services: Iterable[str],
    *,
    contract: str,
    by: str,
    now_ms: int,
    token: str,
    incident: str = "",
    number: str = "",
    remark: str = "",
) -> Fact:
    """Return the fact that a fault of some services was reported to the carrier; `token` makes the id its own."""
    named = sorted(set(services))
    if not named:
        raise UsageError("a ticket names no service; expected those that are down")
    if len(portions(named)) > 1:
        raise UsageError(f"a ticket names {len(named)} services, which is more than a fact holds; make several")
    body: dict[str, JSON] = {
        "ticket": f"T{utc(now_ms):%Y%m%d}-{token}",
        "contract": contract,
        "step": tickets.REPORTED,
        "by": by,
        "services": list(named),
    }
    body |= {"incident": incident} if incident else {}
    return Fact(kind=tickets.KIND, at_ms=now_ms, body=body | _more(number, remark))


def portions(services: Iterable[str]) -> list[list[str]]:
    """Return services in as few portions as tickets can hold; a thousand names of a usual length are one."""
    made: list[list[str]] = []
    left = 0
    for each in services:
        octets = len(each.encode()) + 3
        if octets > left:
            made.append([])
            left = MOST_OCTETS
        made[-1].append(each)
        left -= octets
    return made


def step(
    held: Standing, word: str, *, by: str, now_ms: int, number: str = "", outcome: str = "", remark: str = ""
) -> Fact:
    """Return the fact of one more step; UsageError where it does not fit, or says too little."""
    if word not in FITS[held.state]:
        known = ", ".join(FITS[held.state]) or "nothing more: it is closed"
        raise UsageError(f"ticket {held.id} cannot be {word} now; expected {known}")
    if word == tickets.ANSWERED and not number.strip():
        raise UsageError(f"ticket {held.id}: the carrier's answer has no number; expected the number of its own ticket")
    if word == tickets.PAUSED and not remark.strip():
        raise UsageError(
            f"ticket {held.id}: a pause has no reason; say what the repair waits for: it stands in the ledger"
        )
    if word == tickets.CLOSED and outcome not in tickets.OUTCOMES:
        raise UsageError(f"ticket {held.id}: closed as '{outcome[:40]}'; expected {' or '.join(tickets.OUTCOMES)}")
    body: dict[str, JSON] = {"ticket": held.id, "contract": held.contract, "step": word, "by": by}
    body |= {"outcome": outcome} if word == tickets.CLOSED else {}
    return Fact(kind=tickets.KIND, at_ms=now_ms, body=body | _more(number, remark))


def contracts(services: Iterable[str], seen: Snapshot) -> dict[str, list[str]]:
    """Return by contract which of some services it sells at the snapshot's instant; what none sells is left out."""
    made: dict[str, list[str]] = {}
    for name in sorted(set(services)):
        service = seen.service.get(name)
        sellers = (c.id for c in seen.contracts for item in c.items if service and fits(c, item, service, seen))
        contract = next(sellers, None)
        if contract is not None:
            made.setdefault(contract, []).append(name)
    return made


def standing(settings: Settings) -> dict[str, Standing]:
    """Return the tickets by id, the first reported first: sealed steps, then those that wait to be."""
    return fold(record.stated(settings, frozenset({tickets.KIND})))


def fold(told: Iterable[tuple[Fact, bool]]) -> dict[str, Standing]:
    """Return the tickets that steps `(fact, sealed)` come to, in their order."""
    made: dict[str, Standing] = {}
    for fact, sealed in told:
        name, held = str(fact.body["ticket"]), made.get(str(fact.body["ticket"]))
        clock = tickets.follow(held.clock if held else None, fact.body, known_ms=fact.at_ms)
        if clock is None:
            continue
        held = held or Standing(clock=clock, contract=_said(fact, "contract"), incident=_said(fact, "incident"))
        word = Word(
            step=_said(fact, "step"),
            at_ms=fact.at_ms,
            by=_said(fact, "by"),
            remark=_said(fact, "remark"),
            sealed=sealed,
        )
        number = _said(fact, "number") or held.number
        made[name] = replace(held, clock=clock, number=number, words=(*held.words, word))
    return made


def open_of(standing: Iterable[Standing], services: Sequence[str]) -> Iterator[Standing]:
    """Yield the tickets that are not over and name any of some services."""
    asked = set(services)
    return (each for each in standing if each.state != "over" and asked & set(each.clock.services))


def _more(number: str, remark: str) -> dict[str, JSON]:
    number, remark = number.strip(), remark.strip()
    if len(number) > MOST_NUMBER or not number.isprintable():
        raise UsageError(f"the carrier's number is not printable, or longer than {MOST_NUMBER} characters")
    told: dict[str, JSON] = {"number": number} if number else {}
    return told | ({"remark": remark[:MOST_REMARK]} if remark else {})


def _said(fact: Fact, name: str) -> str:
    return str(fact.body.get(name, ""))
