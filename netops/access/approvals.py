"""Decisions that need two persons: a request by one, a decision by another with the right role.

Both are facts. Who approved what is derived here from the facts alone, in their order: a decision that the rules do not
allow (the same person, a role without the right, a second one) has no effect, whoever managed to write it. Pure.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from inventory import edits
from inventory.errors import FilesError
from netops.access.permissions import ROLES
from netops.errors import AccessError, UsageError, nearest
from netops.evidence import canonical
from netops.facts import Fact

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from netops.evidence.canonical import JSON

APPROVED, REFUSED, WITHDRAWN, PENDING = "approved", "refused", "withdrawn", "pending"
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
FAIL_OPEN_MS = 3 * DAY_MS
LISTS = frozenset({"services", "sites"})
MOST_NAMES = 1_000
MOST_CHANGES = 55_000  # octets: a fact ends at 65,000, and quotes in a text of a text are escaped
MOST_CHANGE = 4_000
_NAMES_SOMEBODY = re.compile(
    r"(?<!\d)1[3-9]\d{9}(?!\d)|\+\d[\d ]{6,}|(?<!\d)\d{17}[\dXx](?!\d)|(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}"
)  # a mobile number, an international one, an identity card's, a MAC address


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One kind of decision: the fields of its terms, and who may ask and who decide.

    `subject` is the term that says what it is about; empty: the request itself. `longest_ms` bounds its window; 0: not.
    `page` is who has a page of its own to ask for it; empty: the page of approvals. `private` are terms that, like
    every reason, must name nobody: the ledger cannot forget. `recalled`: what was allowed can be taken back, by the
    person who asked or by anybody who may decide; what only ever ends something sooner needs no second person.
    `windowed`: its terms have a beginning and an end. `about`: the term that names an account, whose owner neither
    asks nor decides.
    """

    fields: tuple[str, ...]
    asks: frozenset[str]
    decides: frozenset[str]
    subject: str = ""
    longest_ms: int = 0
    page: str = ""
    private: tuple[str, ...] = ()
    recalled: bool = False
    windowed: bool = True
    about: str = ""


ACTIONS: dict[str, Action] = {
    # an approved maintenance window: what the carrier need not answer for
    "exclusion": Action(
        fields=("contract", "class", "start_ms", "end_ms", "services"),
        asks=frozenset({"operator", "contract_manager"}),
        decides=frozenset({"contract_manager"}),
    ),
    # let visitors of these sites pass without a login while their way in is broken; limited in time
    "fail_open": Action(
        fields=("sites", "start_ms", "end_ms"),
        asks=frozenset({"operator", "admin"}),
        decides=frozenset({"admin", "privacy_officer"}),
        longest_ms=FAIL_OPEN_MS,
        recalled=True,
    ),
    # look up whose number stands behind a session; the window is when it may be looked at
    "disclosure": Action(
        fields=("session", "basis", "start_ms", "end_ms"),
        asks=frozenset({"operator", "privacy_officer"}),
        decides=frozenset({"privacy_officer"}),
        subject="session",
        longest_ms=7 * DAY_MS,
        page="persons",
        private=("basis",),
    ),
    # hand an authority the records of a window with numbers in them
    "inspection": Action(
        fields=("authority", "basis", "start_ms", "end_ms"),
        asks=frozenset({"operator", "privacy_officer"}),
        decides=frozenset({"privacy_officer"}),
        subject="authority",
        longest_ms=366 * DAY_MS,
        page="persons",
        private=("authority", "basis"),
    ),
    # change records of the register: each change as `inventory.edits.text` says it; from when, 0: when it is applied
    "register_change": Action(
        fields=("changes", "from_ms"),
        asks=frozenset({"operator", "contract_manager", "admin"}),
        decides=frozenset({"contract_manager", "admin"}),
        page="register",
        windowed=False,
    ),
    # forget what proves somebody besides the password, whose phone is gone (netops/access/resets.py)
    "factor_reset": Action(
        fields=("account",),
        asks=frozenset({"operator", "admin"}),
        decides=frozenset({"admin", "privacy_officer"}),
        subject="account",
        windowed=False,
        about="account",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one person asks for. `digest` is the SHA-256 of the canonical terms: what is approved cannot be altered."""

    id: str
    action: str
    subject: str
    terms: Mapping[str, JSON]
    digest: str
    by: str
    role: str
    reason: str
    at_ms: int

    @property
    def notice_ms(self) -> int:
        """How long before its beginning it was asked for; negative when afterwards."""
        start: Any = self.terms.get("start_ms", self.at_ms)
        return int(start) - self.at_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What another person said to it."""

    request: str
    decision: str
    by: str
    role: str
    reason: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A request, the decision that counts (if any) and those that do not, with the rule that they broke.

    `recall` is the decision that took back what was allowed.
    """

    request: Request
    decision: Decision | None = None
    recall: Decision | None = None
    void: tuple[tuple[Decision, str], ...] = ()
    sealed: bool = False  # whether the ledger already holds all of it, or part of it still waits in a spool

    @property
    def state(self) -> str:
        """`pending`, `approved`, `refused` or `withdrawn`."""
        if self.recall is not None:
            return WITHDRAWN
        return self.decision.decision if self.decision is not None else PENDING


def ask(action: str, *, terms: Mapping[str, JSON], by: str, role: str, reason: str, now_ms: int) -> list[Fact]:
    """Return the facts of a request; UsageError or AccessError says what is off."""
    known = ACTIONS.get(action)
    if known is None:
        raise UsageError(
            f"action '{action}' is unknown; expected one of {', '.join(ACTIONS)}{nearest(action, ACTIONS)}"
        )
    if role not in known.asks:
        raise AccessError(
            f"the role '{role}' may not ask for '{action}'; it needs one of {', '.join(sorted(known.asks))}"
        )
    check(action, terms)
    if why := own(action, terms, by):
        raise AccessError(why)
    if not reason.strip() or len(reason) > 2000:
        raise UsageError("a request needs a reason of 1 to 2,000 characters: it will stand in the report")
    name = f"req-{secrets.token_hex(8)}"
    _nameless("reason", reason)
    subject = str(terms[known.subject]) if known.subject else name
    body: dict[str, JSON] = {
        "request": name,
        "action": action,
        "subject": subject,
        "digest": digest(terms),
        "terms": dict(terms),
        "by": by,
        "role": role,
        "reason": reason.strip(),
    }
    facts = [Fact(kind="approval_request", at_ms=now_ms, body=body)]
    if action == "exclusion":
        claim: dict[str, JSON] = {"claim": name, **terms, "reason": reason.strip(), "by": by}
        facts.insert(0, Fact(kind="exclusion_claim", at_ms=now_ms, body=claim))
    return facts


def decide(approval: Approval, decision: str, *, by: str, role: str, reason: str, now_ms: int) -> Fact:
    """Return the fact of a decision; AccessError says why this person may not make it."""
    if decision not in {APPROVED, REFUSED, WITHDRAWN}:
        raise UsageError(f"decision '{decision}': expected approved, refused or withdrawn")
    made = Decision(
        request=approval.request.id, decision=decision, by=by, role=role, reason=reason.strip(), at_ms=now_ms
    )
    if why := broken(approval, made):
        raise AccessError(f"request {approval.request.id}: {why}")
    if len(reason) > 2000 or (decision == REFUSED and not reason.strip()):
        raise UsageError("a refusal needs a reason, of at most 2,000 characters")
    _nameless("reason", reason)
    body = {"request": made.request, "decision": decision, "by": by, "role": role, "reason": made.reason}
    return Fact(kind="approval_decision", at_ms=now_ms, body=body)


def fold(facts: Iterable[tuple[Fact, bool]], onto: Mapping[str, Approval] | None = None) -> dict[str, Approval]:
    """Return request id → approval from (fact, sealed) in their order; `onto` continues an earlier fold."""
    out = dict(onto or {})
    for fact, sealed in facts:
        if fact.kind == "approval_request":
            request = _request(fact)
            out.setdefault(request.id, Approval(request=request, sealed=sealed))
        elif fact.kind == "approval_decision":
            made = decision(fact)
            approval = out.get(made.request)
            if approval is not None:
                out[made.request] = _with(approval, made, sealed=sealed)
    return out


def approved(approvals: Iterable[Approval], action: str) -> list[Request]:
    """Return the requests of an action that hold, by their beginning."""
    held = [each.request for each in approvals if each.request.action == action and each.state == APPROVED]
    return sorted(held, key=lambda request: (str(request.terms.get("start_ms", "")).rjust(20, "0"), request.id))


def digest(terms: Mapping[str, JSON]) -> str:
    """Return the SHA-256 of the canonical terms."""
    return hashlib.sha256(canonical.dumps(dict(terms))).hexdigest()


def _with(approval: Approval, decision: Decision, *, sealed: bool) -> Approval:
    if decision in (approval.decision, approval.recall) or any(decision == seen for seen, _ in approval.void):
        return approval  # the same fact, once from a spool and once from the ledger
    if why := broken(approval, decision):
        return replace(approval, void=(*approval.void, (decision, why)))
    if approval.decision is not None:
        return replace(approval, recall=decision, sealed=approval.sealed and sealed)
    return replace(approval, decision=decision, sealed=approval.sealed and sealed)


def broken(approval: Approval, decision: Decision) -> str:
    """Return the rule that a decision breaks, or the empty string."""
    request = approval.request
    if approval.decision is not None:
        return _recall(approval, approval.decision, decision)
    if decision.decision == WITHDRAWN:
        return "" if decision.by == request.by else "only the person who asked may withdraw it"
    if decision.by == request.by:
        return "the person who asked may not decide; a second person must"
    if why := own(request.action, request.terms, decision.by) or own(request.action, request.terms, request.by):
        return why
    known = ACTIONS.get(request.action)
    if known is None or request.role not in known.asks:
        return f"'{request.action}' was asked for by a role that may not ask for it"
    if decision.role not in known.decides or decision.role not in ROLES:
        return f"the role '{decision.role}' may not decide; it needs one of {', '.join(sorted(known.decides))}"
    if digest(request.terms) != request.digest:
        return "the terms are not those that were asked for: their digest differs"
    if decision.at_ms < request.at_ms:
        return "it was decided before it was asked for"
    return ""


def own(action: str, terms: Mapping[str, JSON], person: str) -> str:
    """Return why a person has no say in what is about the own account, or the empty string."""
    known = ACTIONS.get(action)
    if known is None or not known.about or terms.get(known.about) != person:
        return ""
    return f"'{action}' is about the account of {person}: two others must ask and decide"


def _recall(approval: Approval, held: Decision, decision: Decision) -> str:
    """Return why what is decided cannot be taken back by this decision, or the empty string."""
    known = ACTIONS.get(approval.request.action)
    if known is None or not known.recalled or approval.state != APPROVED or decision.decision != WITHDRAWN:
        return f"{(approval.recall or held).by} has already decided: {approval.state}"
    if decision.by != approval.request.by and (decision.role not in known.decides or decision.role not in ROLES):
        return f"only {approval.request.by}, or a role of {', '.join(sorted(known.decides))}, may take it back"
    return "it was taken back before it was allowed" if decision.at_ms < held.at_ms else ""


def check(action: str, terms: Mapping[str, JSON]) -> None:
    """Raise UsageError unless the terms are those of the action."""
    known = ACTIONS[action]
    if set(terms) != set(known.fields):
        raise UsageError(
            f"'{action}' is asked for with {', '.join(known.fields)}; got {', '.join(sorted(terms)) or 'none'}"
        )
    if "changes" in known.fields:
        _changes(terms)
        return
    if known.windowed:
        _window(terms, known.longest_ms, action)
    for name in set(known.fields) - {"start_ms", "end_ms"}:
        _texts(name, terms[name], private=name in known.private)


def _window(terms: Mapping[str, JSON], longest_ms: int, action: str) -> None:
    start, end = terms["start_ms"], terms["end_ms"]
    if type(start) is not int or type(end) is not int or not 0 <= start < end:
        raise UsageError("the window must end after it begins")
    if longest_ms and end - start > longest_ms:
        raise UsageError(f"'{action}' is limited to {longest_ms // HOUR_MS} hours; ask again when they are over")


def _texts(name: str, value: JSON, *, private: bool) -> None:
    texts = list(value) if isinstance(value, (list, tuple)) else [value]
    if name in LISTS and type(value) is not list:
        raise UsageError(f"'{name}' is a list of names of {name}")
    if len(texts) > MOST_NAMES and name == "sites":
        raise UsageError(f"'sites' has {len(texts)} names; expected at most {MOST_NAMES}")
    if not texts or not all(isinstance(text, str) and 0 < len(text) <= 200 and text.isprintable() for text in texts):
        raise UsageError(f"'{name}' is missing or holds something that is no name")
    for text in texts if private else ():
        _nameless(name, str(text))


def _changes(terms: Mapping[str, JSON]) -> None:
    """Raise UsageError unless these are changes of the register that can be read, and few enough for one fact."""
    changes, from_ms = terms["changes"], terms["from_ms"]
    if type(from_ms) is not int or from_ms < 0:
        raise UsageError("'from_ms' is an instant in milliseconds, or 0: when it is applied")
    if type(changes) is not list or not changes or not all(isinstance(each, str) for each in changes):
        raise UsageError("'changes' is a list of changes of the register, as texts")
    size = sum(len(canonical.dumps(each)) for each in changes)
    if size > MOST_CHANGES or any(len(str(each)) > MOST_CHANGE for each in changes):
        raise UsageError(
            f"'changes' holds {len(changes)} changes of {size} octets; expected at most {MOST_CHANGES} in all and"
            f" {MOST_CHANGE} in one: ask for fewer at a time, or write them into the city's files"
        )
    try:
        for each in changes:
            edits.read(str(each))
    except FilesError as error:
        raise UsageError(str(error)) from None


def names_somebody(text: str) -> bool:
    """Whether a text holds what only one person or device has: a telephone or identity card number, a MAC address."""
    return _NAMES_SOMEBODY.search(text) is not None


def _nameless(name: str, text: str) -> None:
    if names_somebody(text):
        raise UsageError(f"'{name}' names somebody; the ledger cannot forget: give the number of the case instead")


def _request(fact: Fact) -> Request:
    body: Any = fact.body
    return Request(
        id=body["request"],
        action=body["action"],
        subject=body["subject"],
        terms=body.get("terms", {}),
        digest=body.get("digest", ""),
        by=body["by"],
        role=body.get("role", ""),
        reason=body["reason"],
        at_ms=fact.at_ms,
    )


def decision(fact: Fact) -> Decision:
    """Read a decision from its fact."""
    body: Any = fact.body
    return Decision(
        request=body["request"],
        decision=body["decision"],
        by=body["by"],
        role=body.get("role", ""),
        reason=body["reason"],
        at_ms=fact.at_ms,
    )
