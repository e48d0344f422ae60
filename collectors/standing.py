"""What the poller asks for, and what it has learnt of a device that it asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from collectors.columns import Known as Tables
from collectors.poll import Load, load_of
from collectors.restraint import Restraint
from netops.model import ANSWERED

if TYPE_CHECKING:
    from collectors.plan import Plan
    from collectors.poll import Fitted
    from collectors.snmp.ask import Answer
    from netops.model import Poll


class Token(NamedTuple):
    """What an answer is for: the poll itself (`plan`), or only to see whether and how the device answers."""

    device: str
    slot_ms: int
    plan: Plan | None
    layout: bool = False
    costs: frozenset[str] = frozenset()  # the classes that are asked
    skipped: frozenset[str] = frozenset()  # those of which a whole turn was not taken
    again: int = 0  # how often it was asked once more in this slot
    pulse: bool = False  # asked only to see that it answers; `slot_ms` is its own instant


@dataclass(slots=True)
class Known:
    """What the poller has learnt of one device."""

    fitted: Fitted | None = None
    fitted_ms: int = 0
    tables: Tables = field(default_factory=Tables)
    restraint: Restraint = field(default_factory=Restraint)
    polling: int = 0  # polls whose answer is awaited
    faint: bool = False  # its last pulse was not answered, and no poll since
    beside: Load = field(default_factory=Load)  # what it was asked since its last poll, and that poll does not tell of

    def may_pulse(self) -> bool:
        """Whether a pulse would say something: who is silent or being polled is not asked for one."""
        return self.restraint.answered is True and not self.faint and not self.polling

    def taken(self, made: Poll | None, answer: Answer) -> None:
        """Note what an answer came to: its poll, or nothing yet, so that its cost is told by the poll to come."""
        if made is None:
            self.beside = self.beside.and_(load_of(answer))
        elif not answer.token.pulse:
            self.polling = max(0, self.polling - 1)
            self.faint = self.faint and made.outcome != ANSWERED

    def cost(self, answer: Answer) -> Load:
        """Return what all asking since the last poll cost the device, this answer with it."""
        beside, self.beside = self.beside, Load()
        return beside.and_(load_of(answer))
