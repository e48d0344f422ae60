"""The procedure of a dispute, a second time: which objections and rulings count, and when each step would be late.

Part of the second implementation (`verifier.py`); `docs/explanation/sla.md` draws the table. All leaves of the contract
are walked in the order of the ledger, also those that the report does not rest on: what the table does not allow moves
nothing, whoever had it sealed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence import note
from netops.evidence.members import APART, LEAVES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from netops.evidence.members import Bundle

# Where a report goes from each state, by what is said of it. A ruling leads to `ruled` when it leaves nothing open.
GOES = {
    "draft": {"report_issued": "issued"},
    "issued": {"report_issued": "issued", "report_accepted": "accepted", "objection": "disputed"},
    "accepted": {"report_issued": "issued", "report_final": "final"},
    "disputed": dict.fromkeys(("report_issued", "objection", "rebuttal", "ruling"), "disputed"),
    "ruled": {
        "report_issued": "issued",
        "report_accepted": "accepted",
        "objection": "disputed",
        "report_final": "final",
    },
    "final": {"report_issued": "final", "report_settled": "settled"},
    "settled": {"report_issued": "settled"},
}
AWAITS = {"rebuttal": "made", "ruling": "answered"}  # an objection is made, answered, ruled on
BECOMES = {"rebuttal": "answered", "ruling": "ruled"}
TEXT = "contract_version"
BREAK = "listening_break"  # a time in which nobody could be heard
CAME = "note_received"  # that a carrier's note came in, before anybody looked at it
KEY = "party_key"  # which key spoke for the contract's carrier from then on, or no longer
KINDS = (
    TEXT,
    KEY,
    BREAK,
    CAME,
    "report_issued",
    "report_accepted",
    "objection",
    "rebuttal",
    "ruling",
    "report_final",
    "report_settled",
)
MARKS = tuple(f'"kind":"{kind}"'.encode() for kind in KINDS)
SIGNED = frozenset({"objection", "report_accepted"})  # what a carrier with a key says by a signed note
SHORT = 600_000  # a word that the desk had at most so long before it was recorded was heard then
MOST_OBJECTIONS = 1000  # of a contract and period
DEADLINE = "deadline"  # by whom silence is stated
NOTHING = (0, "")  # what a late word does

Leaf = tuple[int, "Mapping[str, Any]"]


@dataclass(slots=True)
class _Case:
    """One contract and period: the newest revision with its digest, contract text and instant, what is open."""

    contract: str = ""
    state: str = "draft"
    report: str = ""
    digest: str = ""
    text: str = ""
    since: int = 0
    final: str = ""
    objections: int = 0
    waiting: int = 0


@dataclass(slots=True)
class _Objection:
    """One objection: by whom, how far it has come, since when, and who spoke of it so far."""

    case: _Case
    text: str
    since: int
    spoke: tuple[str, ...]
    stage: str = "made"


@dataclass(frozen=True, slots=True)
class Silence:
    """A leaf that says that nobody spoke until `due_ms`; the days ran from `since_ms`, by the text of this digest."""

    index: int
    kind: str
    due_ms: Any
    since_ms: int
    text: str
    recorded_ms: int = 0


@dataclass(frozen=True, slots=True)
class Break:
    """A leaf that says that nobody could be heard from `lost_ms` to `since_ms`; its source counts them in `number`."""

    index: int
    number: Any
    sequence: Any
    lost_ms: int
    since_ms: int


@dataclass(frozen=True, slots=True)
class Word:
    """A carrier's word on a report, by when it is late or not: handed in shortly before, or else recorded."""

    index: int
    kind: str
    report: str
    heard_ms: int
    since_ms: int
    text: str


@dataclass(slots=True)
class Procedure:
    """What the leaves of a contract's disputes amount to; `void` are those that count for nothing.

    The table does not allow them, or they came `late`, as `is_late` says of a word and the breaks before it.
    """

    is_late: Callable[[Word, list[Break]], bool] | None = None
    void: set[int] = field(default_factory=set)
    late: set[int] = field(default_factory=set)
    silences: list[Silence] = field(default_factory=list)
    breaks: list[Break] = field(default_factory=list)
    periods: dict[str, tuple[int, int, str]] = field(default_factory=dict)  # of each report, and its contract
    _cases: dict[tuple[Any, ...], _Case] = field(default_factory=dict)
    _reports: dict[str, _Case] = field(default_factory=dict)
    _objections: dict[str, _Objection] = field(default_factory=dict)
    _texts: dict[str, dict[tuple[int, str], str]] = field(default_factory=dict)
    _came: dict[str, int] = field(default_factory=dict)  # SHA-256 of a note → when it came in
    _keys: dict[str, set[str]] = field(default_factory=dict)  # contract → those that speak for its carrier

    def take(self, index: int, leaf: Mapping[str, Any]) -> None:
        """Take the next leaf of the ledger."""
        fact = leaf["fact"]
        kind, body = fact["kind"], fact["body"]
        known = fact["at_ms"] if leaf["rehearsal"] else leaf["recorded_ms"]
        if kind == TEXT:
            self._texts.setdefault(body["contract"], {})[body["valid_from_ms"], body["version"]] = body["digest"]
        elif kind == BREAK:
            told = (body["number"], leaf["sequence"], body["lost_ms"], body["since_ms"])
            self.breaks.append(Break(index, *told))
        elif kind == CAME:
            self._came.setdefault(body["digest"], _heard(fact["at_ms"], known))
        elif kind == KEY:
            mine = self._keys.setdefault(body["contract"], set())
            (mine.add if body["state"] == "registered" else mine.discard)(body["key"])
        elif kind == "report_issued":
            self._issue(body, known)
        elif kind in KINDS:
            is_late = kind in SIGNED and not leaf["rehearsal"] and self._came_late(index, fact, known)
            since = self._step(kind, body, known, late=is_late)
            if since is None or since == NOTHING:
                self.void.add(index)
                self.late |= {index} if since else set()
            elif body["by"] == DEADLINE or "due_ms" in body:
                self.silences.append(Silence(index, kind, body.get("due_ms"), *since, known))

    def _came_late(self, index: int, fact: Mapping[str, Any], known: int) -> bool:
        """Whether a carrier's word came after its window: what it is about was issued, and breaks were stated."""
        body = fact["body"]
        case = self._reports.get(body["report"])
        if self.is_late is None or case is None or not self.breaks or "due_ms" in body:
            return False
        heard = _heard(fact["at_ms"], known)
        if "note" in body:
            heard = min(heard, self._came.get(sha256(body["note"].encode()).hexdigest(), heard))
        return self.is_late(Word(index, fact["kind"], body["report"], heard, case.since, case.text), self.breaks)

    def _issue(self, body: Mapping[str, Any], known: int) -> None:
        if body["report"] in self._reports:
            return
        case = self._cases.setdefault((body["contract"], body["start_ms"], body["end_ms"]), _Case(body["contract"]))
        texts = self._texts.get(body["contract"], {})
        begun = max((each for each in texts if each[0] < body["end_ms"]), default=None)
        case.state = GOES[case.state]["report_issued"]
        case.report, case.digest, case.since = body["report"], body["digest"], known
        case.text = "" if begun is None else texts[begun]
        self._reports[case.report] = case
        self.periods[case.report] = body["start_ms"], body["end_ms"], body["contract"]

    def _step(self, kind: str, body: Mapping[str, Any], known: int, *, late: bool) -> tuple[int, str] | None:
        """Do what is said; return since when it was waited for and by which text, or None where it has no place.

        `NOTHING` where it would have one and came too late: then nothing is done.
        """
        if kind in AWAITS:
            return self._answer(kind, body, known)
        case = self._reports.get(body["report"])
        if case is None or kind not in GOES[case.state]:
            return None
        if body["report"] != (case.final if kind == "report_settled" else case.report):
            return None
        if kind in SIGNED and not self._is_carriers(kind, body, case.contract):
            return None
        if kind == "objection" and (body["objection"] in self._objections or case.objections >= MOST_OBJECTIONS):
            return None
        if kind == "report_accepted" and body.get("digest", case.digest) != case.digest:
            return None
        if late:
            return NOTHING
        if kind == "objection":
            self._objections[body["objection"]] = _Objection(case, case.text, known, (body["by"],))
            case.objections, case.waiting = case.objections + 1, case.waiting + 1
        if kind == "report_final":
            case.final = case.report
        case.state = GOES[case.state][kind]
        return case.since, case.text

    def _is_carriers(self, kind: str, body: Mapping[str, Any], contract: str) -> bool:
        """Whether a word is the carrier's by the keys of its time; of a time without any stated key all are."""
        if contract not in self._keys or (kind == "report_accepted" and "due_ms" in body):
            return True
        mine = {"+".join(key.split("+", 2)[:2]) for key in self._keys[contract]}
        return signer(body["note"]) in mine if "note" in body else not mine

    def _answer(self, kind: str, body: Mapping[str, Any], known: int) -> tuple[int, str] | None:
        found = self._objections.get(body["objection"])
        if found is None or found.stage != AWAITS[kind] or kind not in GOES[found.case.state]:
            return None
        if body["by"] in found.spoke and (body["by"] != DEADLINE or found.spoke[0] == DEADLINE):
            return None  # who objected neither answers nor rules, and who answered does not rule
        found.spoke = (*found.spoke, body["by"])
        since, found.since, found.stage = found.since, known, BECOMES[kind]
        if kind == "ruling":
            found.case.waiting -= 1
            if not found.case.waiting:
                found.case.state = "ruled"
        return since, found.text


def signer(text: str) -> str:
    """Return name and id of the one key that a note says to be signed by; empty where it is no note by one key."""
    try:
        (by,) = note.parse(text.encode()).signatures
    except (EvidenceError, ValueError):
        return ""
    return f"{by.name}+{by.key_id.hex()}"


def _heard(handed: int, recorded: int) -> int:
    return handed if 0 <= recorded - handed <= SHORT else recorded


def walked(leaves: Iterable[Leaf], late: Callable[[Word, list[Break]], bool] | None = None) -> Procedure:
    """Return what leaves amount to, in the order of their indexes; without `late` nobody's word is too late."""
    made = Procedure(late)
    for index, leaf in sorted(leaves, key=lambda each: each[0]):
        made.take(index, leaf)
    return made


def steps(bundle: Bundle) -> list[Leaf]:
    """Return the leaves of a bundle that are steps of a dispute, or texts of the contract, wherever they stand."""
    names = [name for name in (LEAVES, APART) if name in bundle.members]
    found = [
        (index, json.loads(data))
        for name in names
        for index, data in bundle.leaves(name)
        if any(mark in data for mark in MARKS)
    ]
    return [each for each in found if each[1]["fact"]["kind"] in KINDS]
