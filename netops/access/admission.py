"""What people asked and decided, before it is sealed: only what the rules and the accounts allow becomes a leaf.

The core asks here for each batch of a spool. What fails is refused with a reason: its bytes are isolated by the drain,
and the refusal itself is sealed (`fact_refused`), so that nobody can say that a request was never made. The reader of a
report applies the rules once more (`approvals.fold`); that the persons exist, and what part of the city each may look
at, is known only here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netops import facts
from netops.access import actions, approvals, corrections, disputes
from netops.access.beyond import About, beyond
from netops.access.part import part
from netops.access.permissions import may
from netops.access.standing import Standing, look, unfit
from netops.alerts import people
from netops.dispute.terms import nobody
from netops.errors import AccessError, UsageError
from netops.evidence import canonical
from netops.evidence.receipt import RECEIVED
from netops.evidence.receipt import REFUSED as NOTE_REFUSED
from netops.facts import Fact
from netops.ledger import LedgerEntry
from netops.sla import tickets
from netops.speakers import HISTORY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from inventory.model import Contract
    from inventory.snapshot import Snapshot
    from netops.access.approvals import Approval
    from netops.access.part import Part
    from netops.access.scope import Scope
    from netops.dispute.listening import Breaks
    from netops.dispute.states import Cases
    from netops.dispute.terms import Lookup
    from netops.evidence.canonical import JSON
    from netops.ledger import Ledger

APPROVALS = ("exclusion_claim", "approval_request", "approval_decision")
TAKING = ("incident_taken", "alerts_muted", tickets.KIND)  # of incidents and of what is reported to carriers
KINDS = (*APPROVALS, *disputes.KINDS, corrections.KIND, *TAKING, *actions.KINDS)
NAMES = ("request", "claim", "objection", "report", "incident", "ticket")  # the fields that say which one a word is of
SOURCE = "refused"
AHEAD_MS = 60_000  # how far a fact may lie ahead of the core's clock: both are of one machine
OLD_MS = 24 * 3_600_000  # what was said so long ago, to a core that was there, was not said then
WAIT_MS = 60_000  # for a request that lies in another spool than its decision
TERMS = approvals.ACTIONS["exclusion"].fields


class _UnknownError(AccessError):
    """What a word is about (the request of a decision, an incident, a ticket) is not here, or not yet."""


def _unread() -> tuple[Snapshot, Sequence[Contract]]:
    raise AccessError("the register was not read yet: what people with a scope stated waits in the spool")


class Admission:
    """Decides for one ledger; used by the core, from the thread of its drain.

    `terms` are those of the contracts' disputes; the core sets them whenever it has read the register. `has_samples`
    knows of an hour whether it can be stated again, `breaks` when the core was not there to hear anybody, as of now.
    `register` gives it as it is now, with the last version of every contract: scopes are held against it.
    """

    def __init__(self, ledger: Ledger, staff: str, *, terms: Lookup = nobody) -> None:
        self._ledger = ledger
        self._staff = staff
        self.terms = terms
        self.has_samples: Callable[[int], bool] = lambda _hour_ms: False
        self.breaks: Callable[[int], Breaks] = lambda _now_ms: ()
        self.register: Callable[[], tuple[Snapshot, Sequence[Contract]]] = _unread
        self._parts: dict[tuple[str, Scope], Part] = {}
        self._waiting: dict[tuple[str, int], int] = {}

    def refuses(self, entries: Sequence[LedgerEntry], *, now_ms: int) -> list[str]:
        """Return for each entry why it is not sealed, or the empty string; what is refused is stated at once.

        Fewer than were given where one waits for what it rests on: those before it, so that nobody's word holds back
        what was said earlier. All that was given waits since it was first seen, so that many such words wait no longer
        than one. AccessError: the first one waits, or the accounts cannot be read; the batch stays in its spool.
        """
        if not any(entry.fact.kind in KINDS for entry in entries):
            return [""] * len(entries)
        held, claims = self._known()
        dispute = self._dispute(now_ms)
        made, stated, taken = list[str](), list[LedgerEntry](), list[Fact]()
        for entry in entries:
            known = self._said(entry)
            if known is None:
                try:
                    known = self._look(entry, held, claims, dispute, taken, now_ms=now_ms)
                except _UnknownError:
                    for each in entries:
                        self._waiting.setdefault((each.source, each.sequence), now_ms)
                    if not made:
                        raise
                    break
                if known:
                    stated.append(refusal(entry, known, now_ms=now_ms))
                elif entry.fact.kind in TAKING:
                    taken.append(entry.fact)
                elif entry.fact.kind in APPROVALS:
                    held = _with(entry.fact, held, claims)
                elif entry.fact.kind in disputes.KINDS:
                    dispute = disputes.beside(dispute, entry.fact, now_ms=self._known_ms(entry.fact, now_ms))
            elif entry.fact.kind in {RECEIVED, NOTE_REFUSED}:  # of no account, and what follows rests on it
                dispute = disputes.beside(dispute, entry.fact, now_ms=self._known_ms(entry.fact, now_ms))
            made.append(known)
        if stated:
            self._ledger.append(stated, now_ms=now_ms)
        for entry in entries[: len(made)]:
            self._waiting.pop((entry.source, entry.sequence), None)
        return made

    def cases(self) -> Cases:
        """Return the disputes as far as the ledger holds them."""
        return self._dispute(0).cases

    def awaited(self) -> frozenset[str]:
        """Return the reports about which a carrier's note came in that was neither taken nor refused."""
        return self._dispute(0).awaited

    def _known(self) -> tuple[dict[str, Approval], dict[str, Mapping[str, Any]]]:
        """Return what the ledger holds; it is read anew, for what a failed append took back must not count."""
        leaves = sorted((leaf for kind in APPROVALS for leaf in self._ledger.find(kind)), key=lambda leaf: leaf.index)
        claims: dict[str, Mapping[str, Any]] = {}
        for leaf in leaves:
            if leaf.fact.kind == "exclusion_claim":
                claims.setdefault(str(leaf.fact.body["claim"]), leaf.fact.body)
        return approvals.fold((leaf.fact, True) for leaf in leaves), claims

    def _dispute(self, now_ms: int) -> disputes.Known:
        leaves = sorted((e for kind in disputes.RESTS_ON for e in self._ledger.find(kind)), key=lambda leaf: leaf.index)
        told = [(leaf.fact, self._known_ms(leaf.fact, leaf.recorded_ms)) for leaf in leaves]
        return disputes.known(told, leaves=self._ledger.size, breaks=self.breaks(now_ms))

    def _uncorrectable(self, fact: Fact) -> str:
        index = int(str(fact.body["corrects"]))
        leaves = self._ledger.entries(index, index + 1) if index < self._ledger.size else []
        return corrections.broken(fact, leaves[0] if leaves else None, self.has_samples)

    def _known_ms(self, fact: Fact, recorded_ms: int) -> int:
        """Return when a fact counts as known: a rehearsal tells its past afterwards."""
        return fact.at_ms if self._ledger.rehearsal else recorded_ms

    def _said(self, entry: LedgerEntry) -> str | None:
        """Return what was said of this entry before: a drain that died asks again, and is answered the same."""
        if entry.fact.kind not in KINDS or self._ledger.holds(entry.source, entry.sequence) is not None:
            return ""
        index = self._ledger.holds(SOURCE, number(entry))
        if index is None:
            return None
        (leaf,) = self._ledger.entries(index, index + 1)
        return str(leaf.fact.body["reason"])

    def _look(
        self,
        entry: LedgerEntry,
        held: Mapping[str, Approval],
        claims: Mapping[str, Mapping[str, Any]],
        dispute: disputes.Known,
        taken: Sequence[Fact],
        *,
        now_ms: int,
    ) -> str:
        """Return why an entry is not sealed; `taken` are the facts of its batch, before it, that will be."""
        mark, fact = (entry.source, entry.sequence), entry.fact
        try:
            if fact.kind in APPROVALS:
                why = broken(fact, held, claims, now_ms=now_ms)
            elif fact.kind == corrections.KIND:
                why = early(fact, now_ms=now_ms) or self._uncorrectable(fact)
            elif fact.kind in {*TAKING, *actions.KINDS}:
                why = early(fact, now_ms=now_ms) or people.broken(fact)
            else:
                known_ms = self._known_ms(fact, now_ms)
                why = early(fact, now_ms=now_ms) or disputes.broken(fact, dispute, self.terms, known_ms=known_ms)
            if not why and not entry.source.startswith(f"{HISTORY}/"):  # the past of a rehearsal had no accounts
                if fact.kind in actions.KINDS:
                    why = self._elsewhere(fact, dispute, entry.source.partition("/")[0])
                else:
                    why = self._old(fact, now_ms) or self._unheard(fact, held, dispute, taken)
        except _UnknownError as error:
            if now_ms - self._waiting.get(mark, now_ms) < WAIT_MS:  # `refuses` notes since when
                raise
            return str(error)
        return why

    def _old(self, fact: Fact, now_ms: int) -> str:
        """Return that a word says it was made long ago though we were there to hear it, or the empty string.

        Whoever could write into a spool would else speak as accounts that were shut since. A rehearsal's past is told
        afterwards; a carrier's note has lateness rules of its own.
        """
        if self._ledger.rehearsal or "note" in fact.body:
            return ""
        away = sum(max(0, min(end, now_ms) - max(start, fact.at_ms)) for start, end in self.breaks(now_ms))
        late_ms = now_ms - fact.at_ms - away
        return "" if late_ms <= OLD_MS else f"it says that it was made {late_ms // 3_600_000} hours before it was heard"

    def _unheard(self, fact: Fact, held: Mapping[str, Approval], dispute: disputes.Known, taken: Sequence[Fact]) -> str:
        """Return why the account of a word does not allow it: shut, without the right, or of another part of the city.

        Two words are no account's: a carrier's note stands by its key, which the rules asked for, and a message's link
        names whom the message was for, of an incident that there is.
        """
        body: Mapping[str, Any] = fact.body
        if "note" in body:
            return ""
        if fact.kind == "incident_taken" and body["way"] == people.LINK:
            self._first("incident_begun", "incident", body["incident"])
            return ""
        standing = look(self._staff, str(body["by"]), until_ms=fact.at_ms)
        why = unfit(standing, fact.at_ms, role=str(body.get("role", ""))) or _unable(fact, standing)
        if why or standing is None or standing.scope.whole:
            return why
        return self._beyond(self._about(fact, held, dispute, taken), standing.scope)

    def _elsewhere(self, fact: Fact, dispute: disputes.Known, spool: str) -> str:
        """Return why what staff did is not sealed: by nobody whom the accounts know, or in another part of the city.

        It was done already, by token also and by who logged out since: neither role nor login is asked for.
        """
        if not actions.by_account(fact, spool):
            return ""
        standing = look(self._staff, str(fact.body["by"]), until_ms=fact.at_ms)
        if standing is None:
            return "there is no such account"
        return "" if standing.scope.whole else self._beyond(actions.about(fact, dispute.contract_of), standing.scope)

    def _beyond(self, about: About, scope: Scope) -> str:
        whole, seen = self._part(scope)
        return beyond(about, whole, seen, scope)

    def _part(self, scope: Scope) -> tuple[Snapshot, Part]:
        """Return the register as it is now, and what of it lies in a scope."""
        whole, contracts = self.register()
        mark = whole.digest, scope
        if mark not in self._parts:
            self._parts = {key: each for key, each in self._parts.items() if key[0] == whole.digest}
            self._parts[mark] = part(whole, scope, contracts)
        return whole, self._parts[mark]

    def _about(self, fact: Fact, held: Mapping[str, Approval], dispute: disputes.Known, taken: Sequence[Fact]) -> About:
        body: Any = fact.body
        match fact.kind:
            case "exclusion_claim":
                return About(name=f"claim '{body['claim']}'", terms=body)
            case "approval_request":
                return About(name=f"request '{body['request']}'", terms=body["terms"])
            case "approval_decision":
                return About(name=f"request '{body['request']}'", terms=held[body["request"]].request.terms)
            case "incident_taken":
                begun = self._first("incident_begun", "incident", body["incident"])
                return About(name=f"incident '{body['incident']}'", root=str(begun["root"]))
            case "alerts_muted":
                return About(name=f"the mute of '{body['root']}'", root=body["root"], entire=True)
            case tickets.KIND:
                begun = self._first(fact.kind, "ticket", body["ticket"], [*taken, fact])
                return About(name=f"ticket '{body['ticket']}'", terms=_reported(begun, body))
            case corrections.KIND:
                (leaf,) = self._ledger.entries(int(body["corrects"]), int(body["corrects"]) + 1)
                return About(name=f"leaf {body['corrects']}", contract=str(leaf.fact.body["contract"]))
        case = dispute.cases.of(fact)
        assert case is not None  # the rules say so
        return About(name=f"the dispute over '{case.contract}'", contract=case.contract)

    def _first(self, kind: str, field: str, name: str, taken: Sequence[Fact] = ()) -> Mapping[str, Any]:
        """Return the body of the first fact of a kind that names this one: in the ledger, then in its batch."""
        told = (*(leaf.fact for leaf in self._ledger.find(kind)), *(fact for fact in taken if fact.kind == kind))
        found = next((fact.body for fact in told if fact.body[field] == name), None)
        if found is None:
            raise _UnknownError(f"there is no {field} '{name}'")
        return found


def broken(fact: Fact, held: Mapping[str, Approval], claims: Mapping[str, Mapping[str, Any]], *, now_ms: int) -> str:
    """Return the rule that a claim, a request or a decision breaks, or the empty string."""
    body: Any = fact.body
    if why := early(fact, now_ms=now_ms):
        return why
    if fact.kind == "exclusion_claim":
        if body["claim"] in claims:
            return f"there is a claim '{body['claim']}' already"
        return _terms("exclusion", {key: body[key] for key in TERMS})
    if fact.kind == "approval_request":
        return _request(body, held, claims)
    approval = held.get(body["request"])
    if approval is None:
        raise _UnknownError(f"there is no request '{body['request']}'")
    return approvals.broken(approval, approvals.decision(fact))


def early(fact: Fact, *, now_ms: int) -> str:
    """Return why a fact cannot have been made by now, or the empty string."""
    return "it says that it was made in the future" if fact.at_ms > now_ms + AHEAD_MS else ""


def _request(body: Any, held: Mapping[str, Approval], claims: Mapping[str, Mapping[str, Any]]) -> str:
    action, terms = approvals.ACTIONS.get(body["action"]), body.get("terms", {})
    if action is None:
        return f"'{body['action']}' is nothing that two persons decide"
    if body["request"] in held:
        return f"there is a request '{body['request']}' already"
    if body.get("role", "") not in action.asks:
        return f"the role '{body.get('role', '')}' may not ask for '{body['action']}'"
    if body.get("digest", "") != approvals.digest(terms):
        return "the digest is not that of its terms"
    if why := _terms(body["action"], terms) or approvals.own(body["action"], terms, body["by"]):
        return why
    if body["action"] != "exclusion":
        expected = terms[action.subject] if action.subject else body["request"]
        return "" if body["subject"] == expected else f"the subject is not the {action.subject or 'name'} of its terms"
    claim = claims.get(body["request"])
    if claim is None or {key: claim[key] for key in TERMS} != terms or claim["by"] != body["by"]:
        return "there is no claim of the same name and terms by the same person"
    return ""


def _terms(action: str, terms: Mapping[str, JSON]) -> str:
    try:
        approvals.check(action, terms)
    except UsageError as error:
        return str(error)
    return ""


def _unable(fact: Fact, standing: Standing | None) -> str:
    """Return why the account's own role does not allow this; requests and decisions name the role themselves too."""
    role = standing.role if standing is not None else ""
    if fact.kind in TAKING:
        able = may(role, "incident.take")
    elif fact.kind in disputes.KINDS or fact.kind == corrections.KIND:
        able = role in disputes.ROLES
    elif fact.kind == "exclusion_claim":
        able = role in approvals.ACTIONS["exclusion"].asks
    elif fact.kind == "approval_request" or fact.body["decision"] == approvals.WITHDRAWN:
        able = may(role, "approval.request")
    else:
        able = may(role, "approval.decide")
    return "" if able else f"the role '{role}' may not state this"


def _with(fact: Fact, held: dict[str, Approval], claims: dict[str, Mapping[str, Any]]) -> dict[str, Approval]:
    """Return what is known once the fact is sealed: a batch may hold a request and its decision."""
    if fact.kind == "exclusion_claim":
        claims.setdefault(str(fact.body["claim"]), fact.body)
    return approvals.fold([(fact, True)], onto=held)


def _reported(begun: Mapping[str, Any], step: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a ticket was reported on; nothing where a step is of another contract than its ticket."""
    same = begun["contract"] == step["contract"]
    return {"contract": begun["contract"], "services": list(begun.get("services", ()))} if same else {}


def number(entry: LedgerEntry) -> int:
    """Return the sequence of an entry's refusal: from its own name, so that it is stated once."""
    return int(canonical.digest(f"{entry.source}/{entry.sequence}".encode())[:13], 16)


def refusal(entry: LedgerEntry, why: str, *, now_ms: int) -> LedgerEntry:
    """Return the fact that an entry was refused: what it was by its digest, whose it claimed to be, and why not."""
    told: Any = entry.fact.body
    body: dict[str, JSON] = {
        "source": entry.source,
        "sequence": entry.sequence,
        "what": entry.fact.kind,
        "digest": canonical.digest(facts.encode(entry.fact)),
        "reason": why[:1000],
        "by": told["by"],
    }
    if "note" in told:  # what a carrier holds in its hands: it finds its refusal by it
        body["note_digest"] = canonical.digest(told["note"].encode())
    named = next((told[key] for key in NAMES if key in told), None)
    if named is not None:
        body["request"] = named
    contract = told.get("contract", told.get("terms", {}).get("contract"))
    if isinstance(contract, str) and 0 < len(contract) <= 200 and contract.isprintable():
        body["contract"] = contract
    return LedgerEntry(SOURCE, number(entry), Fact(kind="fact_refused", at_ms=now_ms, body=body))
