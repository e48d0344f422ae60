"""Build a report: contract versions × sealed leaves → canonical bytes. Pure: the same inputs give the same bytes.

`netops/evidence/verifier.py` recomputes everything under `parts` and `credit` by an implementation of its
own. What is added here must be added there, or the build says that the two disagree.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from inventory import amendments, codec
from netops.clock import iso
from netops.errors import EvidenceError, UsageError
from netops.evidence import bundle, canonical
from netops.report import calendars, corrected, deadlines, difference, objected, witnessed
from netops.report import leaves as sealed
from netops.report.parts import Part, Sight
from netops.sla import credit, exclusions, judge, month, numbers, streams, tickets
from netops.sla.intervals import union

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from inventory.model import Contract
    from netops.report.leaves import Leaves
    from netops.report.parts import Verdict
    from netops.report.zone import Zone

FORMAT = "netops-report/4"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """What is reported on: `[start_ms, end_ms)`, called `name` (2026-10)."""

    name: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Everything a report is made of besides the leaves. Digests name what it was judged by.

    `ever` are all texts of the contract that the register was ever told: a deadline may have run by any of them.
    """

    contracts: tuple[Contract, ...]
    period: Period
    zone: Zone
    register: str
    catalogue: str
    code: str
    rehearsal: bool = False
    revision: int = 1
    replaces: str = ""
    ever: tuple[Contract, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A built report: its content, its canonical bytes, the verdicts to be sealed with it."""

    content: Mapping[str, Any]
    data: bytes
    verdicts: tuple[Verdict, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes."""
        return canonical.digest(self.data)

    @property
    def breached(self) -> bool:
        """Whether any objective was missed."""
        return any(each.outcome == judge.Outcome.MISSED for each in self.verdicts)


def versions(contracts: Sequence[Contract], period: Period) -> list[tuple[Contract, int, int]]:
    """Return `(version, start, end)` of each version that rules a part of the period; UsageError when none does."""
    ordered = sorted(contracts, key=lambda each: (each.valid_from_ms, each.version))
    made = []
    for i, each in enumerate(ordered):
        following = ordered[i + 1].valid_from_ms if i + 1 < len(ordered) else period.end_ms
        end = min(period.end_ms, following, period.end_ms if each.ends_ms is None else each.ends_ms)
        start = max(period.start_ms, each.valid_from_ms)
        if start < end:
            made.append((each, start, end))
    if not made:
        name = contracts[0].id if contracts else "(none)"
        raise UsageError(
            f"contract {name}: no version of it is in force in {period.name}; `netops inventory show contracts`"
        )
    return made


def days_of(ask: Ask, leaves: Leaves) -> bytes:
    """Return the bytes of the calendars that a report looks at, and those of its contract's deadlines; or none."""
    ran = deadlines.looked_at(leaves, (*ask.ever, *ask.contracts))
    return calendars.document(versions(ask.contracts, ask.period), ask.zone.tz(), deadlines=ran)


def build(ask: Ask, leaves: Leaves) -> Report:
    """Return the report; UsageError or EvidenceError says what cannot be judged and why."""
    sight = Sight(leaves, ask.period.start_ms, ask.period.end_ms)
    whole = _Whole(ask, leaves, sight)
    ruling, seen = whole.ruling, sight.of("")
    last = ruling[-1][0]
    kinds = days_of(ask, leaves)
    anew = _anew(ask, leaves, whole, sight)
    content = {
        "format": FORMAT,
        "rehearsal": ask.rehearsal,
        "contract": last.id,
        "title": last.title,
        "carrier": last.carrier,
        "timezone": ask.zone.name,
        "period": {
            "name": ask.period.name,
            "start_ms": ask.period.start_ms,
            "end_ms": ask.period.end_ms,
            "start": iso(ask.period.start_ms),
            "end": iso(ask.period.end_ms),
        },
        "revision": ask.revision,
        "replaces": ask.replaces,
        "versions": [_version(each, leaves) for each, _, _ in ruling],
        "parts": whole.parts,
        "credit": whole.credit,
        **_difference(ask, leaves, whole, anew),
        **objected.tell(leaves, whole.found(), lambda some: anew(some).found()),
        **corrected.tell(leaves),
        **corrected.late(leaves, last.late_samples),
        **witnessed.tell(leaves),
        "seen": {"hours": len(seen.hours), "hours_missing": seen.missing, **sealed.health(leaves)},
        "digests": {
            "register": ask.register,
            "catalogue": ask.catalogue,
            "code": ask.code,
            "timezone": ask.zone.digest,
            **({"calendar": canonical.digest(kinds)} if kinds else {}),
            "inputs": leaves.digest,
        },
        "tzdata": ask.zone.release,
        "leaves": bundle.runs(each.index for each in leaves.all),
        **_passed_over(leaves),
    }
    return Report(content=content, data=canonical.dumps(content), verdicts=tuple(whole.verdicts))


def moved(ask: Ask, leaves: Leaves, index: int) -> Mapping[str, Any]:
    """Return what the leaf of this index moves in the report on these leaves: it with the leaf, against it without."""
    sight = Sight(leaves, ask.period.start_ms, ask.period.end_ms)
    whole = _Whole(ask, leaves, sight)
    without = _anew(ask, leaves, whole, sight)(leaves.only(lambda one: one.index != index))
    return objected.effect(without.found(), whole.found())


class _Whole:
    """All that some leaves come to, part by part; UsageError when a contract version that ruled is not given."""

    def __init__(self, ask: Ask, leaves: Leaves, sight: Sight) -> None:
        self.ruling = versions(ask.contracts, ask.period)
        _one_of_each([each for each, _, _ in self.ruling], ask.period)
        _whole(ask, leaves)
        bounded([each for each, _, _ in self.ruling], sight)
        self._parts = [
            Part(ask, leaves, sight, contract=c, start_ms=start, end_ms=end) for c, start, end in self.ruling
        ]
        self.parts = [each.tell() for each in self._parts]
        self.verdicts = [verdict for each in self._parts for verdict in each.verdicts]
        self.credit = _credit(self.parts, self.ruling[-1][0])

    def found(self) -> objected.Found:
        return objected.Found(self.comes(), self.parts)

    def comes(self) -> difference.Comes:
        return difference.Comes(self.credit["total"], self._cut)

    def _cut(self) -> difference.Cut:
        made: difference.Cut = {}
        for part in self._parts:
            for item, found in part.found:
                services = made.setdefault((item, found.objective), {})
                for line in found.judged.lines:
                    held = services.setdefault(line.service, {})
                    for bucket, spans in line.buckets(found.typed).items():
                        if spans:
                            held[bucket] = union(held.get(bucket, ()), spans)
        return made


def _difference(ask: Ask, leaves: Leaves, now: _Whole, anew: Callable[[Leaves], _Whole]) -> dict[str, Any]:
    """Return what changed from the replaced revision, if there is one; both are judged by the texts of this report."""
    if not ask.replaces or not leaves.of("report_issued"):
        return {}
    return {"difference": difference.tell(leaves, now.comes(), lambda some: anew(some).comes())}


def _anew(ask: Ask, leaves: Leaves, now: _Whole, sight: Sight) -> Callable[[Leaves], _Whole]:
    """Return what judges some of the leaves by the texts of this report; what comes to the same is judged once."""
    texts = tuple(each for each, _, _ in now.ruling)
    done = {_sign(leaves, texts, ask.period): now}

    def judged(some: Leaves) -> _Whole:
        sign = _sign(some, texts, ask.period)
        if sign not in done:
            done[sign] = anew(some)
        return done[sign]

    def anew(some: Leaves) -> _Whole:
        held = {each.body["digest"] for each in some.of("contract_version")}
        known = replace(ask, contracts=tuple(each for each in texts if canonical.digest(document(each)) in held))
        same = difference.hours(some) == difference.hours(leaves)
        return _Whole(known, some, sight if same else Sight(some, known.period.start_ms, known.period.end_ms))

    return judged


def _sign(leaves: Leaves, texts: Sequence[Contract], period: Period) -> tuple[object, ...]:
    """Return all that figures follow from, besides the texts: where it is the same they need not be made again."""
    whole = ((period.start_ms, period.end_ms),)
    excusing = []
    for objective in (each for text in texts for item in text.items for each in item.objectives):
        classes = {each.id: each for each in objective.rules.exclusions}
        decided = exclusions.decide(sealed.claims(leaves, classes), classes, whole)
        claims = (each.claim for each in decided if each.counts)
        excusing.append(tuple((each.id, each.start_ms, each.end_ms) for each in claims))  # a part of one is another
    kinds = difference.HOURS | difference.SURVEYS | {"contract_version", "verdict", tickets.KIND}
    rulings = tuple(each.leaf for each in leaves.decisions) + tuple(each.leaf for _, each in leaves.outs)
    return tuple(each.index for each in leaves.all if each.kind in kinds), tuple(excusing), rulings


def document(contract: Contract) -> bytes:
    """Return the canonical bytes of a contract version, as its `contract_version` fact names them."""
    return codec.encode(contract).encode()


def _version(contract: Contract, leaves: Leaves) -> dict[str, Any]:
    held = sealed.recorded(leaves, contract.version)
    digest = canonical.digest(document(contract))
    leaf = next((each for each in held if each.body["digest"] == digest), None)
    if leaf is None or leaf.body["valid_from_ms"] != contract.valid_from_ms:
        raise UsageError(
            f"contract {contract.id} version {contract.version}: the ledger does not hold this text of it; "
            "expected its `contract_version` fact before a report is built (the core states it)"
        )
    return {
        "version": contract.version,
        "valid_from_ms": contract.valid_from_ms,
        "digest": digest,
        "leaf": leaf.index,
        "recorded_after_valid_from": leaf.known_ms > contract.valid_from_ms,
        "other_texts": len({each.body["digest"] for each in held}) - 1,
    }


def _whole(ask: Ask, leaves: Leaves) -> None:
    """Refuse to judge without a sealed version that rules a part of the period: the verifier would, too."""
    given = {each.version: each.valid_from_ms for each in ask.contracts}
    strays = [each.body for each in leaves.of("contract_version") if each.body["version"] not in given]
    begins = [
        *((at, name) for name, at in given.items()),
        *((each["valid_from_ms"], each["version"]) for each in strays),
    ]
    following = sorted(set(begins))
    for body in strays:
        at = following.index((body["valid_from_ms"], body["version"]))
        end = following[at + 1][0] if at + 1 < len(following) else ask.period.end_ms
        if max(body["valid_from_ms"], ask.period.start_ms) < min(end, ask.period.end_ms):
            raise UsageError(
                f"contract {body['contract']}: the ledger holds version {body['version']}, valid from "
                f"{iso(body['valid_from_ms'])}, and the register does not; a sealed version is undone "
                "only by a later one from the same instant: apply one, or the sealed text again"
            )


def bounded(ruling: Sequence[Contract], sight: Sight) -> None:
    """Refuse a month that changes more often than anybody could judge: each promise goes over all that was seen."""
    made = 0
    for contract in ruling:
        for item in contract.items:
            for each in item.objectives:
                stream = streams.stream(each)
                made += sight.of(stream.name if stream is not None else "").cost
                if made > month.MOST_STRETCHES:
                    raise EvidenceError(
                        f"contract {contract.id} version {contract.version}: up to {item.id}/{each.id} its services "
                        f"changed their state {made} times; expected at most {month.MOST_STRETCHES} in one report: "
                        "promise longer slots (check_every_s), or sell the services by several contracts"
                    )


def _passed_over(leaves: Leaves) -> dict[str, Any]:
    """Return the objections and rulings that the tables of the dispute refuse: they stand here, and move nothing."""
    found = [each.index for each in leaves.of("objection", "ruling") if each.index in leaves.void]
    return {"passed_over": bundle.runs(found)} if found else {}


def _one_of_each(ruling: Sequence[Contract], period: Period) -> None:
    for before, after in pairwise(ruling):
        field = amendments.changed(before, after)
        if field is not None:
            raise UsageError(
                f"contract {after.id}: version {after.version} {amendments.turns(before, after, field)} inside "
                f"{period.name}; expected one in a period: amend it to begin with the next month"
            )


def _credit(parts: Sequence[Mapping[str, Any]], contract: Contract) -> dict[str, Any]:
    """Return what is owed in sum; all versions of a period have one currency and one cap."""
    items = [item for part in parts for item in part["items"]]
    fees = sum((Fraction(item["fee_due"]) for item in items), Fraction(0))
    owed = sum((Fraction(item["credit"]["amount"]) for item in items), Fraction(0))
    cap = contract.credit_cap_percent
    most = Fraction(credit.money(fees * Fraction(cap) / 100)) if cap else None
    capped = most is not None and owed > most
    return {
        "currency": contract.currency,
        "fees": numbers.text(fees),
        "fees_shown": str(credit.money(fees)),
        "cap_percent": cap,
        "capped": capped,
        "total": str(credit.money(most if capped and most is not None else owed)),
    }
