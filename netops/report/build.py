"""Build a report: contract versions × sealed leaves → canonical bytes. Pure: the same inputs give the same bytes.

`netops/evidence/verifier.py` recomputes everything under `parts` and `credit` by an implementation of its
own. What is added here must be added there, or the build says that the two disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from inventory import codec
from netops.clock import iso
from netops.errors import UsageError
from netops.evidence import bundle, canonical
from netops.report import leaves as sealed
from netops.report import told
from netops.sla import availability, credit, exclusions, judge, month, numbers, rules, streams
from netops.sla.intervals import intersect, total

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inventory.model import Contract, Objective, ServiceItem
    from netops.report.leaves import Leaves
    from netops.report.zone import Zone
    from netops.sla.judge import Judged
    from netops.sla.month import Member, Month
    from netops.sla.rules import Typed

FORMAT = "netops-report/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """What is reported on: `[start_ms, end_ms)`, called `name` (2026-10)."""

    name: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Everything a report is made of besides the leaves. Digests name what it was judged by."""

    contracts: tuple[Contract, ...]
    period: Period
    zone: Zone
    register: str
    catalogue: str
    code: str
    rehearsal: bool = False
    revision: int = 1
    replaces: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One sealed verdict: an objective (`item/objective`) over a version's part of the period."""

    version: str
    objective: str
    start_ms: int
    end_ms: int
    outcome: str
    value: str
    lower: str
    upper: str
    because: str


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


def build(ask: Ask, leaves: Leaves) -> Report:
    """Return the report; UsageError or EvidenceError says what cannot be judged and why."""
    ruling = versions(ask.contracts, ask.period)
    _one_currency([each for each, _, _ in ruling], ask.period)
    _whole(ask, leaves)
    sight = _Sight(ask, leaves)
    seen = sight.of("")
    parts, verdicts = [], []
    for contract, start, end in ruling:
        part = _Part(ask, leaves, sight, contract=contract, start_ms=start, end_ms=end)
        parts.append(part.tell())
        verdicts += part.verdicts
    last = ruling[-1][0]
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
        "parts": parts,
        "credit": _credit(parts, last),
        "seen": {"hours": len(seen.hours), "hours_missing": seen.missing, **sealed.health(leaves)},
        "digests": {
            "register": ask.register,
            "catalogue": ask.catalogue,
            "code": ask.code,
            "timezone": ask.zone.digest,
            "inputs": leaves.digest,
        },
        "tzdata": ask.zone.release,
        "leaves": bundle.runs(each.index for each in leaves.all),
    }
    return Report(content=content, data=canonical.dumps(content), verdicts=tuple(verdicts))


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


def _one_currency(ruling: Sequence[Contract], period: Period) -> None:
    for before, after in pairwise(ruling):
        if before.currency != after.currency:
            raise UsageError(
                f"contract {after.id}: version {after.version} turns {before.currency} into {after.currency} inside "
                f"{period.name}; expected one currency in a period: amend it to begin with the next month"
            )


class _Sight:
    """The month as each stream saw it, opened once; who was contracted when, the hours of the services' state say."""

    def __init__(self, ask: Ask, leaves: Leaves) -> None:
        self._bounds = {"start_ms": ask.period.start_ms, "end_ms": ask.period.end_ms}
        self._hours, self._rosters = sealed.opened(leaves)
        self._open: dict[str, Month] = {}

    def of(self, stream: str) -> Month:
        if stream not in self._open:
            mine = self._hours.get(stream, [])
            self._open[stream] = month.open_(mine, self._rosters, state=self._hours[""], **self._bounds)
        return self._open[stream]


@dataclass(frozen=True, slots=True)
class _Found:
    """One objective over a part: as judged, what it owes by itself, and as the report tells it."""

    objective: str
    typed: Typed
    judged: Judged
    percent: Fraction
    told: dict[str, Any]

    def claimed(self, item: ServiceItem) -> credit.Claimed:
        """Return what it owes; with the time it is for, where the item asks for that."""
        lines = self.judged.lines if item.double_credit == "by_minute" else ()
        modes = self.typed.modes
        against = {line.service: availability.against(line.buckets(self.typed), modes) for line in lines}
        return credit.Claimed(objective=self.objective, percent=self.percent, against=against)


class _Part:
    """One contract version over its part of the period."""

    def __init__(
        self,
        ask: Ask,
        leaves: Leaves,
        sight: _Sight,
        *,
        contract: Contract,
        start_ms: int,
        end_ms: int,
    ) -> None:
        self._ask, self._leaves, self._sight, self._seen = ask, leaves, sight, sight.of("")
        self._contract, self._start, self._end = contract, start_ms, end_ms
        self.verdicts: list[Verdict] = []

    def tell(self) -> dict[str, Any]:
        return {
            "version": self._contract.version,
            "start_ms": self._start,
            "end_ms": self._end,
            "unassigned": self._unassigned(),
            "items": [self._item(item) for item in self._contract.items],
        }

    def _unassigned(self) -> list[str]:
        """Return the services that sealed rosters list under items this version has not (a late amendment)."""
        window = ((self._start, self._end),)
        known = {item.id for item in self._contract.items}
        return [
            each.service for each in self._seen.members if each.item not in known and intersect(window, each.contracted)
        ]

    def _item(self, item: ServiceItem) -> dict[str, Any]:
        window = ((self._start, self._end),)
        members = [each for each in self._seen.members if each.item == item.id and intersect(window, each.contracted)]
        found = [self._objective(item, number, members) for number in range(len(item.objectives))]
        contracted_ms = sum(total(intersect(window, each.contracted)) for each in members)
        period_ms = self._ask.period.end_ms - self._ask.period.start_ms
        due = rules.exactly(item.fee, f"fee of item {item.id}") * contracted_ms / period_ms
        return {
            "item": item.id,
            "title": item.title,
            "kind": item.kind,
            "fee": item.fee,
            "services": len(members),
            "contracted_ms": contracted_ms,
            "fee_due": numbers.text(due),
            "objectives": [each.told for each in found],
            "credit": told.credit(item, [each.claimed(item) for each in found], due),
        }

    def _objective(self, item: ServiceItem, number: int, members: Sequence[Member]) -> _Found:
        given = item.objectives[number]
        typed = rules.objective(self._contract, item, given)
        period = self._ask.period
        decided = exclusions.decide(
            sealed.claims(self._leaves, typed.classes), typed.classes, ((period.start_ms, period.end_ms),)
        )
        stream = streams.stream(given)
        sight = self._sight.of(stream.name if stream is not None else "")
        if stream is not None:
            asked = {each.service for each in members}
            members = [each for each in sight.members if each.service in asked]
        judged = judge.judge(
            given,
            typed,
            sight,
            members,
            period=((self._start, self._end),),
            decided=decided,
            tz=self._ask.zone.tz(),
            told=self._seen if stream is not None and stream.counted else None,
        )
        name = f"{item.id}/{given.id}"
        before = sealed.breaches_before(self._leaves, name, period.start_ms, self._ask.zone.tz())
        objects = self._objects(judged, given, before)
        percent = Fraction(0)
        if given.credits.per == "object":
            percent = credit.owed_by_object([each[1:] for each in objects], given.credits)
        elif judged.outcome is judge.Outcome.MISSED and judged.whole.value is not None:
            percent = credit.owed_percent(judged.whole.value * 100, given.credits, breaches_before=before)
        self.verdicts.append(self._verdict(name, judged))
        content = {
            "objective": given.id,
            "title": given.title,
            "indicator": given.indicator,
            "target": given.target,
            "comparison": given.comparison,
            **({"good": stream.good} if stream is not None else {}),
            "rules": codec.plain(given.rules),
            "credits": codec.plain(given.credits),
            "breaches_before": before,
            "credit_percent": numbers.text(percent),
            **({"objects": told.objects(objects)} if given.credits.per == "object" else {}),
            **told.judged(judged),
            "exclusions": [told.claim(each) for each in decided],
        }
        return _Found(given.id, typed, judged, percent, content)

    def _objects(self, judged: Judged, given: Objective, before: int) -> list[tuple[str, int, Fraction]]:
        """Return (service, contracted ms, percent of its fee) of each service.

        Only one whose own value missed owes, and none where too much is unknown for a verdict on all of them.
        """
        decided = judged.outcome is not judge.Outcome.NOT_DETERMINABLE
        made = []
        for line in judged.lines:
            owed, value = Fraction(0), line.value.ratio
            if decided and line.outcome is judge.Outcome.MISSED and value is not None:
                owed = credit.object_percent(value * 100, given.credits, breaches_before=before)
            made.append((line.service, line.contracted_ms, owed))
        return made

    def _verdict(self, name: str, judged: Judged) -> Verdict:
        whole = judged.whole
        return Verdict(
            version=self._contract.version,
            objective=name,
            start_ms=self._start,
            end_ms=self._end,
            outcome=judged.outcome.value,
            value="" if whole.value is None else numbers.text(whole.value),
            lower=numbers.text(whole.lower),
            upper=numbers.text(whole.upper),
            because=judged.because,
        )


def _credit(parts: Sequence[Mapping[str, Any]], contract: Contract) -> dict[str, Any]:
    """Return what is owed in sum; the cap is that of the contract's last version in the period."""
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
