"""What is the city's own of all that a carrier may read: one rule, for pages and API.

A carrier reads what is recorded of its network, when it held and since when we knew. How we reach a device, who of the
city's staff did something, and what they wrote to one another is no part of it. What the city says to a carrier (a
claim, an answer, a ruling, what a repair waits for) stands in the evidence of a report, with names, and stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import g, has_request_context

from netops.access.permissions import may
from netops.sla.tickets import PAUSED

if TYPE_CHECKING:
    from collections.abc import Iterable

PERMISSION: Final = "inside.see"
WAYS: Final = {"device": frozenset({"profile", "port", "credential"})}  # of a record: how we ask, not what it is
NOUNS: Final = frozenset({"door"})  # records that are nothing but a way
SOMEBODY: Final = "city"  # in place of a name, for programs


def is_seen() -> bool:
    """Whether whoever asks sees the city's own; outside of a request, and without a login, nothing is held back."""
    person = g.get("person") if has_request_context() else None
    return person is None or may(person.role, PERMISSION)


def hidden(noun: str) -> frozenset[str]:
    """Return the fields of a noun that whoever asks does not see."""
    return frozenset() if is_seen() else WAYS.get(noun, frozenset())


def nouns(every: Iterable[str]) -> list[str]:
    """Return the nouns whose records whoever asks sees."""
    return [each for each in every if is_seen() or each not in NOUNS]


def staff(name: str, instead: str = SOMEBODY) -> str:
    """Return the name of somebody of the staff, or what is said in its place; empty where nobody is named."""
    return name if is_seen() or not name else instead


def remark(step: str, said: str) -> str:
    """Return what stands beside a ticket's step: to a carrier, what the repair waits for, which stops its clock."""
    return said if is_seen() or step == PAUSED else ""
