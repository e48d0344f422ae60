"""The city's own words in a dispute (answer, ruling, final, settled), held against the rules, for command and page.

No key signs them: each is the word of a contract manager's account, who proved himself when he said it. The core asks
the same questions again, and the accounts, before it seals (`netops/access/admission.py`). Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from inventory import times
from netops.access import disputes
from netops.dispute import codes, notes, states
from netops.errors import AccessError, UsageError, nearest
from netops.facts import Fact

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from netops.access.disputes import Known
    from netops.dispute.states import Case, Objection
    from netops.dispute.terms import Lookup
    from netops.evidence.canonical import JSON

ANSWER, RULING = "rebuttal", "ruling"
FINAL, SETTLED = "report_final", "report_settled"
STANCES: Final = ("rejected", "accepted", "partly_accepted")
OUTCOMES: Final = ("upheld", "dismissed", "partly_upheld")
_AMOUNT: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What somebody answers; `evidence` is the SHA-256 of a file, or empty."""

    stance: str
    reason: str
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What somebody rules; `start` and `end` are typed in the contract's time, empty: as the objection asks."""

    outcome: str
    reason: str
    minutes: int | None = None
    decides: str = ""
    start: str = ""
    end: str = ""


def answer(known: Known, terms: Lookup, objection: str, said: Answer, *, by: str, now_ms: int) -> Fact:
    """Return the fact of an answer; UsageError or AccessError says why it cannot be given."""
    told = _told(known, objection, said.reason, by)
    _one_of("stance", said.stance, STANCES)
    told |= {"stance": said.stance}
    told |= {"evidence_digest": said.evidence} if said.evidence else {}
    return _allowed(Fact(kind=ANSWER, at_ms=now_ms, body=told), known, terms)


def rule(known: Known, terms: Lookup, objection: str, said: Ruling, *, by: str, now_ms: int) -> Fact:
    """Return the fact of a ruling; UsageError or AccessError says why it cannot be given."""
    told = _told(known, objection, said.reason, by)
    _one_of("outcome", said.outcome, OUTCOMES)
    told |= {"outcome": said.outcome}
    told |= {"minutes": said.minutes} if said.minutes is not None else {}
    case = known.cases.of_objection(objection)
    assert case is not None  # its name was looked at
    told |= _decision(said, case, case.objections[objection], terms)
    return _allowed(Fact(kind=RULING, at_ms=now_ms, body=told), known, terms)


def final(known: Known, terms: Lookup, report: str, *, by: str, now_ms: int) -> Fact:
    """Return the fact that a report is final, with what it owes; UsageError or AccessError says why it cannot be."""
    last = _case(known, report).last
    told: dict[str, JSON] = {"by": by, "report": report, "digest": last.digest}
    told |= {"amount": last.amount, "currency": last.currency} if last.amount else {}
    return _allowed(Fact(kind=FINAL, at_ms=now_ms, body=told), known, terms)


def settle(known: Known, terms: Lookup, report: str, amount: str, currency: str, *, by: str, now_ms: int) -> Fact:
    """Return the fact that what a final report owes was settled; UsageError or AccessError says why it cannot be."""
    _case(known, report)
    if not _AMOUNT.fullmatch(amount):
        raise UsageError(f"amount '{amount[:40]}': expected as the final report says it, 240.00")
    told: dict[str, JSON] = {"by": by, "report": report, "amount": amount, "currency": currency}
    return _allowed(Fact(kind=SETTLED, at_ms=now_ms, body=told), known, terms)


def closes(case: Case) -> str:
    """Return the kind of the word by which the city ends a dispute next; empty while others speak, or at its end.

    A report that was sealed without what it owes ends with being final.
    """
    if case.state == states.FINAL:
        return SETTLED if case.agreed is not None and case.agreed.amount else ""
    return FINAL if case.state in {states.ACCEPTED, states.RULED} else ""


def awaited(one: Objection) -> str:
    """Return the kind of the word that an objection waits for next; empty when it is ruled on."""
    return {states.MADE: ANSWER, states.ANSWERED: RULING}.get(one.state, "")


def barred(known: Known, one: Objection, person: str) -> str:
    """Return why this person may not say the next word on an objection, or the empty string."""
    kind = awaited(one)
    if not kind:
        return f"the objection '{one.id}' is ruled on already"
    return states.refused(known.cases, Fact(kind=kind, at_ms=0, body={"objection": one.id, "by": person}))


def follows(ruling: Fact, one: Objection, claims: Mapping[str, Collection[str]]) -> str:
    """Return the word for what must be stated besides, so that an upholding ruling moves something; or nothing.

    `claims` is what the newest report says of each claim (`papers.claims`).
    """
    if ruling.body["outcome"] == "dismissed":
        return ""
    return codes.follows(one.code, decided="decides" in ruling.body, effects=claims.get(one.target, ()))


def _told(known: Known, objection: str, reason: str, by: str) -> dict[str, JSON]:
    if objection not in known.cases.objections:
        raise UsageError(f"no objection '{objection}'{nearest(objection, known.cases.objections)}")
    notes.check_reason(reason)
    return {"by": by, "objection": objection, "reason": reason.strip()}


def _case(known: Known, report: str) -> Case:
    case = known.cases.of_report(report)
    if case is None:
        raise UsageError(f"there is no report '{report}'{nearest(report, known.cases.reports)}")
    return case


def _one_of(what: str, word: str, allowed: Collection[str]) -> None:
    if word not in allowed:
        raise UsageError(f"{what} '{word[:40]}': expected one of {', '.join(allowed)}{nearest(word, allowed)}")


def _allowed(fact: Fact, known: Known, terms: Lookup) -> Fact:
    if why := disputes.broken(fact, known, terms):
        raise AccessError(why)
    return fact


def _decision(said: Ruling, case: Case, one: Objection, terms: Lookup) -> dict[str, JSON]:
    """Return what an upholding ruling decides of an interval: as the objection asks, where nothing else is said."""
    allowed = codes.DECIDES.get(one.code, ())
    if said.outcome == "dismissed" or not allowed:
        if said.decides or said.start or said.end:
            raise UsageError(f"--decides: '{said.outcome}' on code '{one.code}' decides no interval; leave it out")
        return {}
    word = said.decides or one.asks or (allowed[0] if len(allowed) == 1 else "")
    if not word:
        raise UsageError(f"--decides: the objection does not say what follows; expected one of {', '.join(allowed)}")
    codes.decides(one.code, word)
    found = terms(case.contract, case.end_ms - 1)
    zone = times.zone(found.zone.key if found is not None else "UTC")
    try:
        start_ms, end_ms = (times.instant(text, zone) if text else 0 for text in (said.start, said.end))
    except ValueError as error:
        raise UsageError(str(error)) from None
    about = codes.target(one.target)
    start_ms = start_ms or one.start_ms or about.start_ms
    end_ms = end_ms or one.end_ms or about.end_ms or (case.end_ms if about.kind == codes.SURVEY else 0)
    if not end_ms:
        raise UsageError("--to: the objection does not say until when; expected the end of the outage, or of a part")
    service: dict[str, JSON] = {"service": about.name} if about.name and about.kind != codes.SURVEY else {}
    return {"decides": word, **service, "start_ms": start_ms, "end_ms": end_ms}
