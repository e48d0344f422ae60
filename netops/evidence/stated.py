"""The facts of a bundle as the verifier reads them: what is stated, when it counts as known, which claims are in force.

Part of the second implementation (`verifier.py`). Numbers in brackets are rules of `docs/explanation/sla.md`.
"""

from __future__ import annotations

import json
from copy import copy
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence.approvals import allowed
from netops.evidence.decided import Decided, claimed, decided
from netops.evidence.differences import EPOCH
from netops.evidence.lines import Gathered
from netops.evidence.members import LEAVES
from netops.evidence.procedure import steps, walked

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping
    from datetime import tzinfo

    from netops.evidence.lines import Span
    from netops.evidence.members import Bundle
    from netops.evidence.procedure import Break, Word

HOUR = 3_600_000
# [2] Who says that a claim should excuse can only put it in, who says that it should not can only take it out.
_OBJECTED = {"late": "claim_refused", "over_cap": "claim_refused", "in_force": "claim_granted"}
_TURNED = {"late": "in_force_by_ruling", "over_cap": "in_force_by_ruling", "in_force": "out_by_ruling"}


class Stated:
    """The facts of the bundle, sorted by what they mean."""

    def __init__(self, bundle: Bundle) -> None:
        self.kinds: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        digests = []
        for number, line in enumerate(bundle.lines(LEAVES), 1):
            # That the line is canonical is the integrity's question; here its bytes are taken as they stand.
            head, _, data = line[:-1].partition(b',"leaf":')
            try:
                index, leaf = int(head.removeprefix(b'{"index":')), json.loads(data)
            except ValueError:
                raise EvidenceError(f"{LEAVES}: line {number}: is no leaf") from None
            self.kinds.setdefault(leaf["fact"]["kind"], []).append((index, leaf))
            digests.append(sha256(data).digest())
        self.digest = sha256(b"".join(digests)).hexdigest()
        self._steps = steps(bundle)
        self.procedure = walked(self._steps)
        self._rulings: list[Decided] | None = None
        self.by_name: dict[tuple[str, str], dict[str | int, list[tuple[int, dict[str, Any]]]]] = {}

    def timely(self, late: Callable[[Word, list[Break]], bool]) -> None:
        """Walk the dispute once more, and pass over what came late; before anything is asked of it."""
        self.procedure = walked(self._steps, late)

    def only(self, known: Container[int]) -> Stated:
        """Return the facts of some leaves alone."""
        made = copy(self)
        made.kinds = {kind: [each for each in held if each[0] in known] for kind, held in self.kinds.items()}
        made.by_name = {}
        made._rulings = None  # noqa: SLF001  (its own copy)
        return made

    @property
    def rulings(self) -> list[Decided]:
        """What rulings decide of intervals, in the order of the ledger; read once."""
        if self._rulings is None:
            self._rulings = decided(self)
        return self._rulings

    def named(self, kind: str, field: str, name: str | int) -> list[tuple[int, dict[str, Any]]]:
        """Return the leaves of a kind whose field holds a name, in the order of the ledger; sorted out once."""
        if (kind, field) not in self.by_name:
            sorted_out = self.by_name[kind, field] = {}
            for index, leaf in self.kinds.get(kind, ()):
                sorted_out.setdefault(leaf["fact"]["body"][field], []).append((index, leaf))
        return self.by_name[kind, field].get(name, [])

    def indexes(self, kind: str) -> list[int]:
        """Return the leaves of a kind."""
        return [index for index, _ in self.kinds.get(kind, ())]

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        """Return the fields of all facts of a kind, in the order of the ledger."""
        return [leaf["fact"]["body"] for _, leaf in self.kinds.get(kind, ())]

    def known(self, leaf: Mapping[str, Any]) -> int:
        """Return when a fact counts as known: when it was recorded; in a rehearsal when it says."""
        at: int = leaf["fact"]["at_ms"] if leaf["rehearsal"] else leaf["recorded_ms"]
        return at

    def claims(self, rules: Mapping[str, Any], period: Span) -> list[dict[str, Any]]:
        """Return the claims with their effect, in the order in which they use up the caps [2]."""
        classes = {each["id"]: each for each in rules["exclusions"]}
        first: dict[str, tuple[dict[str, Any], int]] = {}
        for _, leaf in self.kinds.get("exclusion_claim", ()):
            first.setdefault(leaf["fact"]["body"]["claim"], (leaf["fact"]["body"], self.known(leaf)))
        stand_ins = [(each, 0) for each in claimed(self.rulings, rules["exclusions"], self)]
        ordered = sorted([*first.values(), *stand_ins], key=lambda c: (c[0]["start_ms"], c[0]["end_ms"], c[0]["claim"]))
        used: dict[str, Gathered] = {}
        return [
            _stand_in(body, classes[body["class"]], used, period)
            if "ruling" in body
            else self._claim(body, noticed, classes, used, period)
            for body, noticed in ordered
        ]

    def _claim(
        self,
        body: dict[str, Any],
        noticed: int,
        classes: Mapping[str, Any],
        used: dict[str, Gathered],
        period: Span,
    ) -> dict[str, Any]:
        start, end, name = body["start_ms"], body["end_ms"], body["class"]
        kind = classes.get(name)
        approved = kind is not None and allowed(
            body,
            kind["approver"],
            asked=self.named("approval_request", "request", body["claim"]),
            decided=self.named("approval_decision", "request", body["claim"]),
        )
        taken = used.setdefault(name, Gathered())
        wanted = (max(start, period[0]), min(end, period[1]))
        if end <= start:
            effect = "empty_or_negative_window"
        elif kind is None:
            effect = "no_such_class"
        elif not approved:
            effect = "not_approved"
        elif start - noticed < kind["notice_h"] * HOUR:
            effect = "late"
        elif kind["cap_s"] and taken.length + taken.lacking(*wanted) > kind["cap_s"] * 1000:
            effect = "over_cap"
        else:
            effect = "in_force"
        ruling = self._ruling(body["claim"], _OBJECTED[effect]) if effect in _OBJECTED else None
        part = {}
        if ruling is not None:
            effect = _TURNED[effect]
            if 0 < ruling < end - start:
                low, high = (start, start + ruling) if effect == "in_force_by_ruling" else (start + ruling, end)
                wanted = (max(low, period[0]), min(high, period[1]))
                effect, part = "in_force_by_ruling", {"start_ms": low, "end_ms": high, "ruled_ms": ruling}
        if effect.startswith("in_force"):
            taken.add(*wanted)
        kept = {key: body[key] for key in ("claim", "class", "start_ms", "end_ms", "services", "reason", "by")}
        return {**kept, "noticed_ms": noticed, "approved": approved, "effect": effect, **part}

    def _ruling(self, claim: str, code: str) -> int | None:
        """Return for how much of a claim's beginning such an objection was upheld, 0: all; None: for nothing.

        By somebody else than who objected; a whole one goes before a part, and the first part before others. What the
        procedure does not allow is as if it had not been said.
        """
        told = [leaf["fact"]["body"] for _, leaf in self._allowed("objection", "target", claim)]
        by = {body["objection"]: body["by"] for body in told if body["code"] == code}
        rulings = [each for name in by for each in self._allowed("ruling", "objection", name)]
        found = None
        for _, leaf in sorted(rulings, key=lambda each: each[0]):
            body = leaf["fact"]["body"]
            if body["by"] == by[body["objection"]]:
                continue
            if body["outcome"] == "upheld":
                return 0
            minutes = body.get("minutes", 0)
            if type(minutes) is not int:
                raise EvidenceError(f"{LEAVES}: a ruling is for {str(minutes)[:20]} minutes; expected a whole number")
            if body["outcome"] == "partly_upheld" and minutes and found is None:
                found = minutes * 60_000
        return found

    def _allowed(self, kind: str, field: str, name: str) -> list[tuple[int, dict[str, Any]]]:
        return [each for each in self.named(kind, field, name) if each[0] not in self.procedure.void]

    def passed_over(self) -> list[int]:
        """Return the objections and rulings that stand here and that the procedure does not allow."""
        return sorted(self.procedure.void & {*self.indexes("objection"), *self.indexes("ruling")})

    def breaches(self, objective: str, start: int, zone: tzinfo) -> int:
        """Return how many calendar months in a row before `start` were missed in any part [11]."""
        months = {
            number: {body["objective"] for body in told if body["outcome"] == "missed"}
            for number, told in self._standing(zone).items()
        }
        return _in_a_row(months, objective, start, zone)

    def breaches_of(self, objective: str, start: int, zone: tzinfo) -> dict[str, int]:
        """Return the same of each service that missed by itself, where the verdicts name those [11]."""
        months = self._services_missed(objective, zone)
        names = set().union(*months.values()) if months else set()
        found = {name: _in_a_row(months, name, start, zone) for name in names}
        return {name: count for name, count in found.items() if count}

    def _services_missed(self, objective: str, zone: tzinfo) -> dict[int, set[str]]:
        return {
            month: {n for body in told if body["objective"] == objective for n in body.get("services_missed", ())}
            for month, told in self._standing(zone).items()
        }

    def _standing(self, zone: tzinfo) -> dict[int, list[dict[str, Any]]]:
        """Return the verdicts of each month; of one that was reported on again the last report's, by its inputs."""
        told: dict[int, list[dict[str, Any]]] = {}
        for body in self.bodies("verdict"):
            number = _month(body["start_ms"], zone)
            if number == _month(body["end_ms"] - 1, zone):
                told.setdefault(number, []).append(body)
        return {
            number: [body for body in each if body["inputs_digest"] == each[-1]["inputs_digest"]]
            for number, each in told.items()
        }


def _stand_in(body: dict[str, Any], kind: Mapping[str, Any], used: dict[str, Gathered], period: Span) -> dict[str, Any]:
    """Return a ruling on a cause as the claim that it stands for: never late, and under the cap of its class [2]."""
    taken = used.setdefault(body["class"], Gathered())
    wanted = (max(body["start_ms"], period[0]), min(body["end_ms"], period[1]))
    if kind["cap_s"] and taken.length + taken.lacking(*wanted) > kind["cap_s"] * 1000:
        return {**body, "effect": "over_cap"}
    taken.add(*wanted)
    return {**body, "effect": "in_force_by_ruling"}


def _in_a_row(months: Mapping[int, set[str]], name: str, start: int, zone: tzinfo) -> int:
    before = number = _month(start - 1, zone)
    while name in months.get(number, ()):
        number -= 1
    return before - number


def _month(at: int, zone: tzinfo) -> int:
    """Return the calendar month an instant lies in, counted from the year 0."""
    wall = (EPOCH + timedelta(milliseconds=at)).astimezone(zone)
    return wall.year * 12 + wall.month - 1
