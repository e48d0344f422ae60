"""What is said in the dispute over a report, before it is sealed: of what there is, in order, in time, by who may.

The order stands in `netops/dispute/states.py`, also that a second person answers and another one rules; the deadlines
stand in `terms.py`. Here is who may say what: a carrier with a key by that key alone, everybody else by an account
(`admission.py` asks for it). A ruling moves money, a settlement says how much: the final revision's total. Late is
who was recorded late, whatever his fact says of its own time, and nobody because of a break of ours, nor of a stop of
ours that was too short to be one. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from netops.dispute import codes, notes, states
from netops.dispute.lateness import heard
from netops.dispute.terms import FOR_EVER_MS, nobody
from netops.errors import NetopsError, UsageError
from netops.evidence.receipt import RECEIVED, REFUSED, REFUSED_LATER, noted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from netops.dispute.listening import Breaks
    from netops.dispute.states import Case, Cases, Objection
    from netops.dispute.terms import Lookup, Terms
    from netops.facts import Fact

KINDS: Final = tuple(kind for kind in states.KINDS if kind != "report_issued")
ROLES: Final = frozenset({"contract_manager"})  # whose word this is
RESTS_ON: Final = (*states.KINDS, *states.AROUND, "exclusion_claim", RECEIVED, REFUSED, REFUSED_LATER)
SLACK_MS: Final = 60_000  # how far a clock may have been set back between a report and a word about it
DEADLINE: Final = states.DEADLINE


@dataclass(frozen=True, slots=True)
class Arrived:
    """When a note counts as handed in: as the desk recorded its arrival, whenever it was looked at; about a report."""

    at_ms: int
    report: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the ledger holds: the cases, whose claims there are (claim → contract), how many leaves; our breaks."""

    cases: Cases = field(default_factory=states.Cases)
    claims: Mapping[str, str] = field(default_factory=dict)
    leaves: int = 0
    refused: tuple[tuple[Fact, int], ...] = ()  # carriers' notes that the city did not take, and when that was known
    breaks: Breaks = ()
    arrived: Mapping[str, Arrived] = field(default_factory=dict)  # by a note's SHA-256
    decided: frozenset[str] = frozenset()  # the notes that were taken or refused, by SHA-256

    @property
    def awaited(self) -> frozenset[str]:
        """The reports about which a note came in that was neither taken nor refused: nobody is silent on them."""
        return frozenset(each.report for digest, each in self.arrived.items() if digest not in self.decided)

    def contract_of(self, digest: str) -> str:
        """Return about which contract's report the note with this SHA-256 came in; empty where nobody knows."""
        came = self.arrived.get(digest)
        case = self.cases.of_report(came.report) if came is not None else None
        return case.contract if case is not None else ""


def known(facts: Iterable[tuple[Fact, int]], *, leaves: int, breaks: Breaks = ()) -> Known:
    """Return what facts amount to, each with when it counts as known, in the ledger's order."""
    told = list(facts)
    claims: dict[str, str] = {}
    for fact, _ in told:
        if fact.kind == "exclusion_claim":
            claims.setdefault(str(fact.body["claim"]), str(fact.body["contract"]))
    refused = tuple((fact, known_ms) for fact, known_ms in told if fact.kind == REFUSED)
    made = Known(cases=states.fold(told), claims=claims, leaves=leaves, refused=refused, breaks=breaks)
    for fact, known_ms in told:
        made = _noted(made, fact, known_ms)
    return made


def _noted(before: Known, fact: Fact, known_ms: int) -> Known:
    """Return what is known of notes with one more fact: the first arrival of a note counts."""
    if fact.kind == RECEIVED:
        digest = str(fact.body["digest"])
        arrived = Arrived(heard(fact.at_ms, known_ms), str(fact.body.get("report", "")))
        return replace(before, arrived={digest: arrived} | dict(before.arrived))
    digest = noted({"kind": fact.kind, "body": fact.body})
    return replace(before, decided=before.decided | {digest}) if digest else before


def beside(before: Known, fact: Fact, *, now_ms: int) -> Known:
    """Return what is known with one more fact."""
    return _noted(replace(before, cases=states.fold([(fact, now_ms)], onto=before.cases)), fact, now_ms)


def broken(fact: Fact, held: Known, terms: Lookup = nobody, *, known_ms: int | None = None) -> str:
    """Return the rule that a fact of the dispute breaks, or the empty string.

    `known_ms` is when it is recorded; without one it is now, which the fact's own time is.
    """
    body: Any = fact.body
    at_ms = fact.at_ms if known_ms is None else known_ms
    if why := states.refused(held.cases, fact):
        return why
    if body["by"] == DEADLINE or "due_ms" in body:
        return "that a deadline was missed, the core states by itself"
    case = held.cases.of(fact)
    assert case is not None  # `refused` says so
    if why := _too_early(fact, case):
        return why
    found = terms(case.contract, case.end_ms - 1)
    try:
        match fact.kind:
            case "objection" | "report_accepted":
                return _of_the_carrier(fact, held, case, found, at_ms=_came(fact, held, at_ms))
            case "rebuttal":
                return _of_the_city(case.objections[body["objection"]], found, at_ms=heard(fact.at_ms, at_ms))
            case "ruling":
                late = _of_the_city(case.objections[body["objection"]], found, at_ms=heard(fact.at_ms, at_ms))
                return late or _ruled(body, case.objections[body["objection"]], case)
            case "report_final":
                return _unheard(case, held) or _final(fact, case, found, held.breaks, at_ms=at_ms)
            case _:
                return _settled(fact, case)
    except NetopsError as error:
        return str(error)


def _too_early(fact: Fact, case: Case) -> str:
    """Return that a fact says to be older than what it is about, or the empty string."""
    body: Any = fact.body
    match fact.kind:
        case "rebuttal":
            what, since_ms = "the objection that it answers", case.objections[body["objection"]].at_ms
        case "ruling":
            what, since_ms = "the answer that it rules on", case.objections[body["objection"]].answered_ms
        case _:
            issued = {each.name: each.at_ms for each in case.revisions}
            what, since_ms = f"report '{body['report']}'", issued[body["report"]]
    return f"it says that it was made before {what}" if fact.at_ms < since_ms - SLACK_MS else ""


def _of_the_city(objection: Objection, terms: Terms | None, *, at_ms: int) -> str:
    """Return that an answer or a ruling is late. No break excuses it: the core that did not listen is the city's."""
    if terms is None:
        return ""
    is_answer = objection.state == states.MADE
    try:
        over = terms.answer(objection) if is_answer else terms.decision(objection)
    except UsageError:  # the calendar lacks the year: no day for anybody to be late on
        return ""
    what = "answered" if is_answer else "ruled on"
    return f"it is late: objection '{objection.id}' could be {what} until {terms.shown(over)}" if over <= at_ms else ""


def _came(fact: Fact, held: Known, recorded_ms: int) -> int:
    """Return by what time a carrier's word is late or not: when the arrival of its note was recorded, if it was."""
    at_ms = heard(fact.at_ms, recorded_ms)
    arrived = held.arrived.get(noted({"kind": fact.kind, "body": fact.body}))
    return at_ms if arrived is None else min(at_ms, arrived.at_ms)


def _of_the_carrier(fact: Fact, held: Known, case: Case, terms: Terms | None, *, at_ms: int) -> str:
    body: Any = fact.body
    if terms is not None and _over(case, terms, held.breaks) <= at_ms:
        over = terms.shown(terms.window(case))
        return f"it is late: report '{case.last.name}' could be objected to until {over}"
    keys = terms.keys if terms is not None else ()
    if "note" in body:
        said = notes.read(body["note"].encode(), keys)
        if said.told["manifest_digest"] != case.last.manifest_digest:
            return f"the note was signed over another file than the one that was issued as '{case.last.name}'"
        if said.fact(at_ms=fact.at_ms) != fact:
            return "the fact says something else than the note that the carrier signed"
        if fact.kind == "report_accepted" and (why := _kept(said.told["made_ms"], case)):
            return why
    elif terms is not None and keys:
        return f"carrier '{terms.carrier}' has a key: its word is a note that it signed (`netops dispute take`)"
    elif fact.kind == "report_accepted" and "digest" not in body:
        return f"it does not say which file was accepted: expected the digest of report '{case.last.name}'"
    return _target(body, held, case) if fact.kind == "objection" else ""


def _kept(made_ms: int, case: Case) -> str:
    """Return why an acceptance that was signed then does not count: the dispute has gone on since.

    Who accepts a report and then objects to it after all no longer accepts it; what was ruled is to be accepted anew.
    """
    for each in case.objections.values():
        if made_ms <= max(each.at_ms, each.ruled_ms):
            step = "ruled on" if each.ruled_ms else "made"
            return f"it was signed before objection '{each.id}' was {step}; expected one that is signed afterwards"
    return ""


def _over(case: Case, terms: Terms, breaks: Breaks) -> int:
    """Return when the window is over; never, while the calendar does not have the year in which it will be."""
    try:
        return terms.closes(terms.window(case), breaks, case.last.text)
    except UsageError:
        return FOR_EVER_MS


def _target(body: Any, held: Known, case: Case) -> str:
    """Return why nothing of this report can be meant, or it was ruled on before."""
    about = codes.asked(body)
    for each in case.objections.values():
        if (each.code, each.target) == (body["code"], body["target"]):
            told = "ruled on" if each.state == states.DECIDED else "made"
            return f"the same objection was {told} already: '{each.id}'"
    if about.kind == codes.CLAIM and held.claims.get(about.name) != case.contract:
        return f"contract '{case.contract}' has no claim '{about.name}'"
    if about.kind == codes.LEAF and about.leaf >= held.leaves:
        return f"there is no leaf {about.leaf}"
    if body.get("end_ms", 0) > case.end_ms:
        return f"what is asked for does not lie in the period of report '{case.last.name}'"
    if about.kind == codes.INCIDENT and not case.start_ms <= about.start_ms < case.end_ms:
        return f"the incident does not begin in the period of report '{case.last.name}'"
    if about.kind == codes.INTERVAL and not case.start_ms <= about.start_ms < about.end_ms <= case.end_ms:
        return f"the interval does not lie in the period of report '{case.last.name}'"
    return ""


def _ruled(body: Any, objection: Objection, case: Case) -> str:
    """Return why a ruling moves nothing, or more than its objection is about."""
    upheld = body["outcome"] != "dismissed"
    if "decides" not in body:
        if upheld and objection.code in codes.DECIDES:
            allowed = ", ".join(codes.DECIDES[objection.code])
            return f"it upholds '{objection.id}' and does not say what follows: expected 'decides', one of {allowed}"
        if objection.code in codes.ELSEWHERE and "minutes" in body:
            return f"minutes are a part of a claim; code '{objection.code}' is upheld or dismissed as a whole"
        return _ruled_part(body)
    if not upheld or body.get("minutes"):
        return "what is decided of an interval stands in a ruling that upholds, by its instants and not in minutes"
    codes.decides(objection.code, body["decides"])
    about = codes.check(objection.code, objection.target)
    service = "" if about.kind == codes.SURVEY else about.name
    if body.get("service", "") != service:
        return f"it decides on '{body.get('service', '')}'; the objection '{objection.id}' is about '{service}'"
    start_ms, end_ms = body.get("start_ms", 0), body.get("end_ms", 0)
    codes.inside(about, start_ms, end_ms)
    begins_ms = 0 if about.kind == codes.SURVEY else case.start_ms  # a survey may be of months before
    first, last = (objection.start_ms, objection.end_ms) if objection.end_ms else (begins_ms, case.end_ms)
    if not first <= start_ms < end_ms <= last:
        return f"it decides on more than the objection '{objection.id}' asks for; expected a part of that"
    if objection.end_ms and (body["outcome"] == "upheld") != ((start_ms, end_ms) == (first, last)):
        return f"'upheld' is all that '{objection.id}' asks for, 'partly_upheld' a part of it"
    return ""


def _ruled_part(body: Any) -> str:
    if (body["outcome"] == "partly_upheld") != (body.get("minutes", 0) > 0):
        return "a part is upheld in minutes, and nothing but a part: 'partly_upheld' goes with 'minutes' from 1 on"
    return ""


def _unheard(case: Case, held: Known) -> str:
    """Return that a carrier's note lies at the desk, which may be an objection that came in time."""
    waiting = [each.name for each in case.revisions if each.name in held.awaited]
    if not waiting:
        return ""
    return f"a note about report '{waiting[0]}' came in and nobody looked at it; `netops dispute take` does first"


def _final(fact: Fact, case: Case, terms: Terms | None, breaks: Breaks, *, at_ms: int) -> str:
    body: Any = fact.body
    last = case.last
    if body["digest"] != last.digest:
        return f"the digest is not that of report '{last.name}'"
    if waiting := case.unserved:
        return f"objection '{waiting[0].id}' was upheld; `netops report build` makes the revision that follows it first"
    is_open = terms is not None and case.state != states.ACCEPTED
    over = terms.closes(terms.window(case), breaks, last.text) if terms is not None and is_open else 0
    if terms is not None and at_ms < over:
        return f"report '{last.name}' can still be objected to, until {terms.shown(over)}"
    if (body.get("amount", ""), body.get("currency", "")) != (last.amount, last.currency):
        return f"what is owed is not what report '{last.name}' was sealed with: {last.amount} {last.currency}"
    return ""


def _settled(fact: Fact, case: Case) -> str:
    body: Any = fact.body
    final = case.agreed
    assert final is not None  # `refused` says so
    if not final.amount:
        return f"report '{final.name}' was sealed without what it owes; nothing can be settled by it"
    if body["currency"] != final.currency or Fraction(body["amount"]) != Fraction(final.amount):
        said = f"{body['amount']} {body['currency']}"
        return f"{said} is not what the final report '{final.name}' owes: {final.amount} {final.currency}"
    return ""
