"""The city's desk for carriers' notes: that one came in, whether it is taken, else why not. Nothing is printed here.

First it is recorded that all notes of a turn came in: however long the rest takes, and whoever is killed in it, they
came in when the turn began. Then each is looked at with the questions that the core asks again before it seals. What
became of it is an `Outcome`; who runs the desk, a command or a page, says it in words of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from netops.access import disputes
from netops.dispute import notes, papers, receipts
from netops.errors import AccessError, EvidenceError, NetopsError
from netops.evidence import canonical
from netops.evidence.receipt import RECEIVED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from netops.config import Settings
    from netops.dispute.notes import Said
    from netops.facts import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one note. `fact` is its word where it was `taken`; `why` it was not, else.

    `before`: it was so before this turn. `by` is the carrier's key that signed what was refused; `counted` how many
    notes were counted and not sealed, this one the last, 0 where it was not counted. `unlooked` is why the report's
    bundle was not asked whether it tells of what the note is about.
    """

    digest: str
    taken: bool
    fact: Fact | None = None
    said: Said | None = None
    why: str = ""
    by: str = ""
    before: bool = False
    enough: bool = False
    counted: int = 0
    unlooked: str = ""

    @property
    def recorded(self) -> bool:
        """Whether the ledger holds it, or will: then there is a receipt for it."""
        return self.taken or (bool(self.by) and not self.enough)


class Desk:
    """One turn at the desk: what is known, and what this turn added to it. `state` hands facts to the core, durably.

    `count` counts a note that is not sealed, and says how many there were. `sees` says of a contract whether it exists
    for whoever hands in: a report of another is none. `carriers` are those whose keys are known here, None: all.
    """

    def __init__(
        self,
        settings: Settings,
        state: Callable[[Sequence[Fact]], object],
        *,
        now_ms: int,
        count: Callable[[], int] = lambda: 0,
        sees: Callable[[str], bool] = lambda _contract: True,
        carriers: Collection[str] | None = None,
    ) -> None:
        self._settings = settings
        self._to_core = state
        self._now_ms = now_ms
        self._count = count
        self._sees = sees
        self._known, self._terms = papers.here(settings, now_ms=now_ms)
        self._handed = receipts.read(settings)
        self._keys = papers.signers(settings, now_ms=now_ms, among=carriers)

    def receive(self, came: Iterable[bytes]) -> None:
        """Have it recorded that notes came in, each once: those that the key of a registered carrier signed."""
        stated: dict[str, Fact] = {}
        for data in came:
            digest, by = canonical.digest(data), notes.signer(data, self._keys)
            if not by or receipts.fate(self._handed, digest) or receipts.arrival(self._handed, digest):
                continue
            if receipts.many(self._handed, by, now_ms=self._now_ms, kind=RECEIVED):
                continue
            fact = notes.arrival(data, by=by, report=self._report(data), at_ms=self._now_ms)
            stated[digest] = fact
            self._handed.append(receipts.Handed(digest, fact))
        if stated:
            self._to_core(list(stated.values()))
        for fact in stated.values():
            self._known = disputes.beside(self._known, fact, now_ms=self._now_ms)

    def take(self, data: bytes) -> Outcome:
        """Take one note, or refuse it; what becomes of it is durable on return."""
        digest = canonical.digest(data)
        before = receipts.fate(self._handed, digest)
        if before is not None and before.taken:
            return Outcome(digest=digest, taken=True, fact=before.fact, before=True)
        unlooked = ""
        try:
            said = self._read(data)
            fact = said.fact(at_ms=self._came_ms(digest))
            why = disputes.broken(fact, self._known, self._terms, known_ms=self._now_ms)
            if not why:
                why, unlooked = self._unlike(said)
            if why:
                raise AccessError(why)
        except NetopsError as error:
            return self._refused(data, digest, str(error))
        self._state(digest, fact)
        self._known = disputes.beside(self._known, fact, now_ms=self._now_ms)
        return Outcome(digest=digest, taken=True, fact=fact, said=said, unlooked=unlooked)

    def _came_ms(self, digest: str) -> int:
        """Return when a note came in, as it was recorded first; now, where nobody said so before."""
        found = receipts.arrival(self._handed, digest)
        return self._now_ms if found is None else min(found.fact.at_ms, self._now_ms)

    def _read(self, data: bytes) -> Said:
        name = notes.report_of(data)
        if (case := self._known.cases.of_report(name)) is None or not self._sees(case.contract):
            raise papers.unissued(name)
        found = self._terms(case.contract, case.end_ms - 1)
        return notes.read(data, found.keys if found is not None else ())

    def _unlike(self, said: Said) -> tuple[str, str]:
        """Return what `papers.missing` finds in the bundle that the core keeps; where none can be read, that beside."""
        case = papers.case_of(self._known, said.told["report"])
        try:
            held, why = papers.kept(self._settings, case.last.name), f"the core keeps no bundle of {case.last.name}"
        except EvidenceError as error:  # no fault of the carrier's
            held, why = None, str(error)
        if held is not None:
            return papers.missing(said, held, case, self._terms), ""
        return "", why if said.kind == notes.OBJECTION else ""

    def _refused(self, data: bytes, digest: str, why: str) -> Outcome:
        """Have a refusal sealed when a carrier's key signed the note; count the others."""
        by = notes.signer(data, self._keys)
        came = receipts.arrival(self._handed, digest)
        by = by if came is None else str(came.fact.body["by"])  # of what came in it is told what became of it
        enough = came is None and receipts.many(self._handed, by, now_ms=self._now_ms)
        made = Outcome(digest=digest, taken=False, why=why, by=by, enough=enough)
        if not made.recorded:
            return replace(made, counted=self._count())
        if receipts.fate(self._handed, digest) is not None:
            return replace(made, before=True)
        at_ms = self._came_ms(digest)
        self._state(digest, notes.refusal(data, by=by, why=why, report=self._report(data), at_ms=at_ms))
        return made

    def _report(self, data: bytes) -> str:
        """Return the report that a note names, where the ledger knows it and whoever hands in may."""
        try:
            name = notes.report_of(data)
        except EvidenceError:
            return ""
        case = self._known.cases.of_report(name)
        return name if case is not None and self._sees(case.contract) else ""

    def _state(self, digest: str, fact: Fact) -> None:
        self._to_core([fact])
        self._handed.append(receipts.Handed(digest, fact))
