"""The dispute over a month's report, as two tables: what a fact makes of the report, and of an objection to it. Pure.

    report:    draft -> issued -> accepted, or disputed -> ruled (the last objection is) -> final -> settled
    objection: made -> answered (rejected, accepted, partly_accepted) -> ruled

A *case* is one contract and period with all its revisions. A new revision opens the report anew, with a window of its
own; objections that were made to an older one stay open and are ruled on. Who objected neither answers nor rules, who
answered does not rule. What is not allowed is a refusal by name, never a guess. No clock stands here: what happens when
nobody speaks is in `silence.py`.

Whoever judges by a ruling folds these tables over the ledger first (`passed_over`): a ruling that they refuse moves no
money either, however it came to be sealed. `netops/evidence/procedure.py` has them a second time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from netops.dispute import keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from netops.dispute.lateness import Lateness
    from netops.facts import Fact

DRAFT, ISSUED, ACCEPTED, DISPUTED = "draft", "issued", "accepted", "disputed"
RULED, FINAL, SETTLED = "ruled", "final", "settled"
STATES: Final = (DRAFT, ISSUED, ACCEPTED, DISPUTED, RULED, FINAL, SETTLED)
LAST_RULING: Final = "last_ruling"  # a ruling that leaves no objection of the case open
KINDS: Final = (
    "report_issued",
    "report_accepted",
    "objection",
    "rebuttal",
    "ruling",
    "report_final",
    "report_settled",
)
EVENTS: Final = (*KINDS, LAST_RULING)
BREAK: Final = "listening_break"  # nor this: when nobody could be heard (`listening.py`)
TEXT: Final = "contract_version"  # no step: by which text a revision's deadlines run
AROUND: Final = (TEXT, keys.KIND, BREAK)  # what steps are judged by, and are none themselves
DEADLINE: Final = "deadline"  # by whom it is said that nobody spoke: the core, which is no person
LATE: Final = "late"  # why a carrier's word counts for nothing, where it came after its window
MOST_OBJECTIONS: Final = 1000  # in a case; who has more to say objects to the whole interval

REPORT: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        (DRAFT, "report_issued"): ISSUED,
        (ISSUED, "report_issued"): ISSUED,
        (ISSUED, "report_accepted"): ACCEPTED,
        (ISSUED, "objection"): DISPUTED,
        (ACCEPTED, "report_issued"): ISSUED,
        (ACCEPTED, "report_final"): FINAL,
        (DISPUTED, "report_issued"): DISPUTED,
        (DISPUTED, "objection"): DISPUTED,
        (DISPUTED, "rebuttal"): DISPUTED,
        (DISPUTED, "ruling"): DISPUTED,
        (DISPUTED, LAST_RULING): RULED,
        (RULED, "report_issued"): ISSUED,
        (RULED, "report_accepted"): ACCEPTED,
        (RULED, "objection"): DISPUTED,
        (RULED, "report_final"): FINAL,
        (FINAL, "report_issued"): FINAL,  # what comes later is told, and moves nothing that was agreed
        (FINAL, "report_settled"): SETTLED,
        (SETTLED, "report_issued"): SETTLED,
    }
)
"""What a fact makes of a report; a pair that is not here is refused."""

MADE, ANSWERED, DECIDED = "made", "answered", "ruled"
OBJECTION: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {(MADE, "rebuttal"): ANSWERED, (ANSWERED, "ruling"): DECIDED}
)
"""What a fact makes of an objection; a pair that is not here is refused."""

_WHY: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        (ACCEPTED, "objection"): "it is accepted; an objection is late",
        (ACCEPTED, "report_accepted"): "it is accepted already",
        (DISPUTED, "report_accepted"): "an objection to it is open; it is ruled on first",
        (DISPUTED, "report_final"): "an objection to it is open; it is ruled on first",
        (ISSUED, "report_final"): "it is neither accepted nor ruled on; its window is open",
        (FINAL, "report_final"): "it is final already",
        (SETTLED, "report_settled"): "it is settled already",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One issue of the report; `amount` is empty where its seal does not say what is owed.

    `text` is the digest of the contract version at the end of its period, as sealed when it was issued; empty: of none.
    """

    name: str
    digest: str
    manifest_digest: str
    at_ms: int
    amount: str = ""
    currency: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """One objection, as far as it has come; instants are when each step was recorded, 0 while it was not.

    `text` is the contract version of the revision that it was made to. `asks` is what a ruling is asked to decide of
    `[start_ms, end_ms)`; empty where nothing was asked, `end_ms` 0 where no part was named. `evidence` is the SHA-256
    that it names, `note` what its carrier signed; `answer` and `ruling` are the reasons given, `shows` the SHA-256 of a
    file that the answer names. A ruling decides on
    `[decides_from_ms, decides_to_ms)`, or on so many `minutes` of a claim.
    """

    id: str
    report: str
    code: str
    target: str
    by: str
    reason: str
    at_ms: int
    state: str = MADE
    stance: str = ""
    answered_by: str = ""
    answered_ms: int = 0
    outcome: str = ""
    ruled_by: str = ""
    ruled_ms: int = 0
    text: str = ""
    asks: str = ""
    start_ms: int = 0
    end_ms: int = 0
    evidence: str = ""
    note: str = ""
    answer: str = ""
    shows: str = ""
    ruling: str = ""
    decides: str = ""
    decides_from_ms: int = 0
    decides_to_ms: int = 0
    minutes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A contract's report on one period through all its revisions, and what was said about it."""

    contract: str
    start_ms: int
    end_ms: int
    state: str = DRAFT
    revisions: tuple[Revision, ...] = ()
    objections: Mapping[str, Objection] = field(default_factory=dict)
    waiting: int = 0  # how many of them nobody ruled on
    accepted_by: str = ""
    final: str = ""  # the revision that is final
    final_by: str = ""
    final_ms: int = 0
    settled: str = ""  # the amount
    settled_currency: str = ""
    settled_by: str = ""
    settled_ms: int = 0

    @property
    def last(self) -> Revision:
        """The newest revision; a case begins with one."""
        return self.revisions[-1]

    @property
    def agreed(self) -> Revision | None:
        """The revision that is final; None before one is."""
        return next((each for each in self.revisions if each.name == self.final), None)

    @property
    def open(self) -> tuple[Objection, ...]:
        """The objections that nobody ruled on, in their order."""
        return tuple(each for each in self.objections.values() if each.state != DECIDED)

    @property
    def unserved(self) -> tuple[Objection, ...]:
        """The objections that were upheld, wholly or in part, since the newest revision: no figure follows them yet."""
        return tuple(
            each
            for each in self.objections.values()
            if each.outcome in {"upheld", "partly_upheld"} and each.ruled_ms >= self.last.at_ms
        )

    @property
    def stage(self) -> str:
        """The state in the words of the procedure: an open dispute is at its objection or at its rebuttal."""
        if self.state != DISPUTED:
            return self.state
        return "objection" if any(each.state == MADE for each in self.open) else "rebuttal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """All cases of a ledger or of a bundle, with the way from reports and objections to their case.

    `texts` are the contracts' versions that were sealed so far: contract → (valid from, version) → digest; `keys`
    are those that speak for its carrier now: contract → verifier keys, where any was ever stated. The dicts belong
    to the fold that made them and are never changed afterwards.
    """

    held: dict[tuple[str, int, int], Case] = field(default_factory=dict)
    reports: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    objections: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    texts: dict[str, dict[tuple[int, str], str]] = field(default_factory=dict)
    keys: dict[str, frozenset[str]] = field(default_factory=dict)

    def of_report(self, name: str) -> Case | None:
        """Return the case of a report by name, or None."""
        key = self.reports.get(name)
        return self.held[key] if key is not None else None

    def of_objection(self, name: str) -> Case | None:
        """Return the case of an objection by name, or None."""
        key = self.objections.get(name)
        return self.held[key] if key is not None else None

    def of(self, fact: Fact) -> Case | None:
        """Return the case that a fact is about, or None: the report or objection that it names is not known."""
        body: Any = fact.body
        if fact.kind in {"rebuttal", "ruling"}:
            return self.of_objection(body["objection"])
        return self.of_report(body["report"])


def fold(facts: Iterable[tuple[Fact, int]], onto: Cases | None = None, *, lateness: Lateness | None = None) -> Cases:
    """Return what facts of the dispute amount to, each with the instant at which it counts as known, in their order.

    A fact that the tables do not allow is passed over: whoever managed to have it sealed, it moves nothing. So is a
    carrier's word after its window, where `lateness` can tell.
    """
    cases = _copied(onto or Cases())
    for fact, known_ms in facts:
        _take(cases, fact, known_ms, lateness)
    return cases


def passed_over(leaves: Iterable[tuple[int, Fact, int]]) -> frozenset[int]:
    """Return which leaves, each (index, fact, instant known) in the order of the ledger, the tables do not allow."""
    return frozenset(without_effect(leaves))


def without_effect(leaves: Iterable[tuple[int, Fact, int]], lateness: Lateness | None = None) -> dict[int, str]:
    """Return which of such leaves count for nothing, and why: `LATE`, or what the tables say."""
    cases = Cases()
    found = ((index, _take(cases, fact, known_ms, lateness)) for index, fact, known_ms in leaves)
    return {index: why for index, why in found if why}


def _copied(cases: Cases) -> Cases:
    """Return cases whose dicts may be filled; what is in them is frozen."""
    return Cases(
        held=dict(cases.held),
        reports=dict(cases.reports),
        objections=dict(cases.objections),
        texts={name: dict(texts) for name, texts in cases.texts.items()},
        keys=dict(cases.keys),
    )


def _take(cases: Cases, fact: Fact, known_ms: int, lateness: Lateness | None = None) -> str:
    """Put a fact into the cases; return why it counts for nothing, `LATE` or as the tables say, or the empty string."""
    body: Any = fact.body
    if lateness is not None:
        lateness.take(fact, known_ms)
    if fact.kind == TEXT:
        cases.texts.setdefault(body["contract"], {})[body["valid_from_ms"], body["version"]] = body["digest"]
    elif fact.kind == keys.KIND:
        cases.keys[body["contract"]] = keys.then(cases.keys.get(body["contract"], frozenset()), body)
    elif fact.kind == "report_issued":
        _issued(cases, fact, known_ms)
    elif fact.kind in KINDS:
        if why := refused(cases, fact):
            return why
        case = cases.of(fact)
        assert case is not None  # `refused` says so
        if lateness is not None and lateness.is_late(fact, known_ms, case):
            return LATE
        _put(cases, _with(case, fact, known_ms))
        if fact.kind == "objection":
            cases.objections[body["objection"]] = cases.reports[body["report"]]
    return ""


def refused(cases: Cases, fact: Fact) -> str:
    """Return why the tables do not allow a fact, or the empty string."""
    body: Any = fact.body
    case = cases.of(fact)
    if case is None:
        if fact.kind in {"rebuttal", "ruling"}:
            return f"there is no objection '{body['objection']}'"
        return f"there is no report '{body['report']}'"
    if fact.kind == "objection" and body["objection"] in cases.objections:
        return f"there is an objection '{body['objection']}' already"
    if fact.kind in {"rebuttal", "ruling"}:
        objection = case.objections[body["objection"]]
        return _answerable(objection, fact.kind) or _second_person(objection, fact.kind, body["by"])
    if body["report"] != case.last.name and fact.kind != "report_settled":
        return f"report '{body['report']}' was replaced by '{case.last.name}'"
    if (case.state, event(case, fact)) not in REPORT:
        why = _WHY.get((case.state, fact.kind), f"it is {case.stage}, and a {fact.kind} has no place there")
        return f"report '{body['report']}': {why}"
    if fact.kind == "objection" and len(case.objections) >= MOST_OBJECTIONS:
        return (
            f"report '{body['report']}': {MOST_OBJECTIONS} objections were made to it and its revisions, the most that"
            " a case holds; say the rest in one about the interval"
        )
    if fact.kind == "report_accepted" and body.get("digest", case.last.digest) != case.last.digest:
        return f"the digest is not that of report '{case.last.name}': another file was accepted"
    if fact.kind == "report_settled" and body["report"] != case.final:
        return f"report '{body['report']}' is not the final one; that is '{case.final}'"
    return keys.unspoken(fact, cases.keys.get(case.contract))


def event(case: Case, fact: Fact) -> str:
    """Return the column of the table that a fact stands in: its kind, or that it is the last ruling."""
    if fact.kind == "ruling" and case.waiting == 1:  # it is about an open one, or refused before
        return LAST_RULING
    return fact.kind


def _answerable(objection: Objection, kind: str) -> str:
    if (objection.state, kind) in OBJECTION:
        return ""
    if objection.state == DECIDED:
        return f"the objection '{objection.id}' is ruled on already"
    if kind == "ruling":
        return f"the objection '{objection.id}' is not answered yet; it is ruled on after its rebuttal"
    return f"the objection '{objection.id}' is answered already"


def _second_person(objection: Objection, kind: str, by: str) -> str:
    if objection.by == by:
        return f"'{by}' made the objection; a second person must answer it"
    if kind == "ruling" and by == objection.answered_by != DEADLINE:
        return f"'{by}' answered the objection; another person must rule on it"
    return ""


def _issued(cases: Cases, fact: Fact, known_ms: int) -> None:
    body: Any = fact.body
    key = (body["contract"], body["start_ms"], body["end_ms"])
    if body["report"] in cases.reports:
        return  # its first leaf counts
    case = cases.held.get(key) or Case(contract=key[0], start_ms=key[1], end_ms=key[2])
    made = Revision(
        name=body["report"],
        digest=body["digest"],
        manifest_digest=body["manifest_digest"],
        at_ms=known_ms,
        amount=body.get("amount", ""),
        currency=body.get("currency", ""),
        text=_text(cases.texts.get(key[0], {}), key[2]),
    )
    state = REPORT[case.state, fact.kind]
    accepted = "" if state == ISSUED else case.accepted_by
    _put(cases, replace(case, state=state, revisions=(*case.revisions, made), accepted_by=accepted))
    cases.reports[made.name] = key


def _text(texts: Mapping[tuple[int, str], str], end_ms: int) -> str:
    """Return the digest of the version in force at a period's end; empty where none is known."""
    begun = [each for each in texts if each[0] < end_ms]
    return texts[max(begun)] if begun else ""


def _with(case: Case, fact: Fact, known_ms: int) -> Case:
    body: Any = fact.body
    case = replace(case, state=REPORT[case.state, event(case, fact)])
    match fact.kind:
        case "report_accepted":
            return replace(case, accepted_by=body["by"])
        case "report_final":
            return replace(case, final=body["report"], final_by=body["by"], final_ms=known_ms)
        case "report_settled":
            paid = {"settled": body["amount"], "settled_currency": body["currency"]}
            return replace(case, **paid, settled_by=body["by"], settled_ms=known_ms)
        case "objection":
            told = {name: body[name] for name in ("report", "code", "target", "by", "reason")}
            told |= {name: body[name] for name in ("asks", "start_ms", "end_ms", "note") if name in body}
            told |= {"evidence": body["evidence_digest"]} if "evidence_digest" in body else {}
            objection = Objection(id=body["objection"], at_ms=known_ms, text=case.last.text, **told)
            case = replace(case, waiting=case.waiting + 1)
        case "rebuttal":
            step = {"state": ANSWERED, "stance": body["stance"], "answered_by": body["by"], "answered_ms": known_ms}
            step |= {"answer": body["reason"], "shows": body.get("evidence_digest", "")}
            objection = replace(case.objections[body["objection"]], **step)
        case _:
            step = {"state": DECIDED, "outcome": body["outcome"], "ruled_by": body["by"], "ruled_ms": known_ms}
            step |= {"ruling": body["reason"], "decides": body.get("decides", ""), "minutes": body.get("minutes", 0)}
            span = {"decides_from_ms": body.get("start_ms", 0), "decides_to_ms": body.get("end_ms", 0)}
            objection = replace(case.objections[body["objection"]], **step, **span)
            case = replace(case, waiting=case.waiting - 1)
    return replace(case, objections={**case.objections, objection.id: objection})


def _put(cases: Cases, case: Case) -> None:
    key = (case.contract, case.start_ms, case.end_ms)
    cases.held[key] = case
