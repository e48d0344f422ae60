"""What the reader of a bundle needs to reckon anew every deadline that the core stated to be missed. Pure.

Those are the texts of the contract by which they ran, as far as the report is not judged by them anyhow, and the years
of their calendars. `netops/evidence/deadlines.py` reckons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inventory import codec, workdays
from inventory.errors import InventoryError
from netops.access.disputes import DEADLINE
from netops.dispute import keys, listening
from netops.errors import UsageError
from netops.evidence import canonical
from netops.sla import calendar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from inventory.model import Contract
    from netops.report.leaves import Leaves, Sealed


KINDS = frozenset({"report_accepted", "rebuttal", "ruling"})  # what `netops/dispute/silence.py` states


@dataclass(frozen=True, slots=True)
class Stated:
    """One deadline: the digest of the contract's text, from when to when its days ran, the leaf that states it."""

    text: str
    since_ms: int
    due_ms: int
    leaf: int
    until_ms: int  # when it was recorded: so far the days of its calendar are to be shown


def is_one(leaf: Sealed) -> bool:
    """Whether a leaf states that nobody spoke until a deadline."""
    return leaf.kind in KINDS and leaf.body.get("by") == DEADLINE and "due_ms" in leaf.body


def stated(leaves: Leaves) -> Iterator[Stated]:
    """Yield the deadlines that are stated among a contract's disputes; what the tables refuse states nothing."""
    cases = leaves.cases
    for each in leaves.steps:
        if not is_one(each) or each.index in leaves.void:
            continue
        case = cases.of(each.fact)
        assert case is not None  # it is not void
        body: Any = each.body
        if each.kind == "report_accepted":
            revision = next(held for held in case.revisions if held.name == body["report"])
            text, since_ms = revision.text, revision.at_ms
        else:
            objection = case.objections[body["objection"]]
            text = objection.text
            since_ms = objection.at_ms if each.kind == "rebuttal" else objection.answered_ms
        yield Stated(text, since_ms, body["due_ms"], each.index, max(body["due_ms"], each.known_ms))


def words(leaves: Leaves) -> Iterator[Stated]:
    """Yield the window of each of the carrier's words, for those that came when breaks of our listening were stated.

    Also of a late one, and of all that count for nothing: that they do is reckoned anew.
    """
    begun = next((each.index for each in leaves.steps if each.kind == listening.KIND), None)
    cases = leaves.cases
    for each in leaves.steps:
        if begun is None or each.index < begun or each.kind not in keys.SPOKEN or is_one(each):
            continue
        case = cases.of(each.fact)
        if case is not None:  # there is such a report
            last = next(held for held in case.revisions if held.name == each.body["report"])
            yield Stated(last.text, last.at_ms, each.known_ms, each.index, each.known_ms)


def texts(leaves: Leaves, ruling: Sequence[Contract], ever: Iterable[Contract]) -> list[Contract]:
    """Return the texts, out of all that there ever were, that deadlines ran by and that do not rule in the report.

    UsageError names a deadline whose text the register does not hold: its bundle could not be verified.
    """
    known = {_digest(each): each for each in (*ever, *ruling)}
    inside = {_digest(each) for each in ruling}
    wanted: dict[str, Contract] = {}
    for each in stated(leaves):
        if each.text not in known:
            raise UsageError(
                f"leaf {each.leaf}: its deadline ran by a text of the contract that the register does not hold; "
                "apply the text again that was sealed"
            )
        if each.text not in inside:
            wanted[each.text] = known[each.text]
    for each in words(leaves):
        if each.text in known and each.text not in inside:
            wanted[each.text] = known[each.text]
    return sorted(wanted.values(), key=lambda contract: (contract.valid_from_ms, contract.version))


def looked_at(leaves: Leaves, known: Iterable[Contract]) -> list[tuple[Contract, int, int]]:
    """Return (contract, from, to in ms) of each stated deadline that ran by a calendar: whose days are to be shown."""
    held = {_digest(each): each for each in known}
    found = []
    for each in (each for each in stated(leaves) if each.text in held):
        text = held[each.text]
        found.append((text, each.since_ms, each.until_ms if _is_shown(text, each) else each.due_ms))
    for each in (each for each in words(leaves) if each.text in held):
        text = held[each.text]
        found += [(text, each.since_ms, each.until_ms)] if _is_shown(text, each) else []
    return [(contract, start, end) for contract, start, end in found if contract.calendar]


def _is_shown(text: Contract, each: Stated) -> bool:
    """Whether the days of a window are there to be shown: in a year that its calendar lacks nobody is late."""
    try:
        for number in years(text, each.since_ms, each.until_ms) if text.calendar else ():
            workdays.year(text.calendar, number)
    except InventoryError:
        return False
    return True


def years(contract: Contract, start_ms: int, end_ms: int) -> list[int]:
    """Return the years, as the contract's zone counts them, that a deadline's days lie in."""
    return calendar.years(start_ms, max(end_ms, start_ms + 1), calendar.zone(contract.timezone))


def _digest(contract: Contract) -> str:
    return canonical.digest(codec.encode(contract).encode())
