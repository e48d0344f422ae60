"""From the ledger to a bundle: gather the leaves, build, state the report, and compose the file around its seal.

Reading is from the ledger; stating goes through whoever may write it (`Seal`): the core by way of a spool, or the
evidence writer itself. Nothing here holds a key.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from netops.evidence import bundle as bundles
from netops.evidence import canonical, tally
from netops.evidence.members import CALENDAR, DAYS, KEYS, TERMS
from netops.facts import Fact
from netops.report import build, covered, days, deadlines, shown, whole, witnessed
from netops.report import leaves as sealed
from netops.report.pdf import Source
from netops.witness import policy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from inventory.model import Contract
    from netops.evidence.canonical import JSON
    from netops.ledger import LedgerReader
    from netops.report.build import Ask, Report
    from netops.report.leaves import Leaves, Sealed
    from netops.report.witnessed import Under

MOST_NAMES = 250  # in one verdict: names have at most 200 characters, and a fact has 65,000 bytes
HOURLY = ("availability_hour", "clock_state", "monitor_health")  # found by their time; the others are few


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A built report with all members that exist before its seal."""

    report: Report
    leaves: Leaves
    members: Mapping[str, bytes]
    manifest: bytes

    @property
    def name(self) -> str:
        """The report's name in the ledger, and of its file."""
        content = self.report.content
        return f"{content['contract']}-{content['period']['name']}-r{content['revision']}"


class Seal(Protocol):
    """Who brings facts into the ledger."""

    def __call__(self, facts: Sequence[Fact]) -> int:
        """Seal the facts and return the index of the first; a NetopsError with exit code 75 when nobody does."""
        ...


def gather(
    ledger: LedgerReader, *, contract: str, start_ms: int, end_ms: int, surveyed: Collection[tuple[str, str]] = ()
) -> Leaves:
    """Return the leaves that a report on the contract and period rests on.

    `surveyed` are the carriers and technologies whose coverage its versions promise (`netops.coverage.promised`).
    """
    found = list(_candidates(ledger, contract, start_ms, end_ms, surveyed))
    named = {each.body["roster"] for each in found if each.kind == "availability_hour"}
    return sealed.selected(
        found, contract=contract, start_ms=start_ms, end_ms=end_ms, rosters=sorted(named), surveyed=surveyed
    )


def _candidates(
    ledger: LedgerReader, contract: str, start_ms: int, end_ms: int, surveyed: Collection[tuple[str, str]]
) -> Iterator[Sealed]:
    mark = canonical.dumps(contract)
    whose = (contract, tally.EVERYBODY, *sorted({tally.surveys(carrier) for carrier, _ in surveyed}))
    members = {index for each in whose for index in ledger.members(each)}
    for kind in sealed.KINDS:
        if kind in tally.SURVEYED and not surveyed:
            continue
        bounds = {"start_ms": start_ms, "end_ms": end_ms} if kind in HOURLY else {}
        for leaf in ledger.find(kind, **bounds):
            if kind in tally.KINDS and leaf.index not in members:
                continue  # whatever it names, the ledger does not count it to this contract
            if kind != "availability_hour" or mark in leaf.data:
                yield sealed.Sealed(leaf.index, leaf.data, json.loads(leaf.data))


def draft(ask: Ask, leaves: Leaves, *, register: bytes, vkeys: Sequence[str], origin: str) -> Draft:
    """Build the report as the next revision, or as the last one again when nothing has changed since.

    The earlier revisions are themselves leaves: a new one rests on them, and names the digest that it replaces.
    """
    leaves = leaves.timely((*ask.ever, *ask.contracts))
    issued = leaves.of("report_issued")
    if issued:
        last = issued[-1]
        before = issued[-2].body["digest"] if len(issued) > 1 else ""
        known = replace(ask, revision=last.body["revision"], replaces=before)
        again = _draft(known, _until(leaves, last), register=register, vkeys=vkeys, origin=origin)
        if last.body["digest"] == again.report.digest and last.body["manifest_digest"] == canonical.digest(
            again.manifest
        ):
            return again
        ask = replace(ask, revision=last.body["revision"] + 1, replaces=last.body["digest"])
    return _draft(ask, leaves, register=register, vkeys=vkeys, origin=origin)


def _until(leaves: Leaves, issued: Sealed) -> Leaves:
    """Return the leaves without what was issued last; whatever else came later stays, and makes a revision.

    What was said in the dispute since is no part of that issue: silence that is stated now makes no revision. Nor does
    a policy of co-signing that came later: a report stands under the one before it.
    """
    before = tuple(each for each in leaves.steps if each.index < issued.index)
    later = {each.index for each in leaves.of(policy.KIND) if each.index > issued.index}
    return replace(leaves.only(lambda each: each.index not in later | {issued.index}), steps=before)


def _draft(ask: Ask, leaves: Leaves, *, register: bytes, vkeys: Sequence[str], origin: str) -> Draft:
    report = build.build(ask, leaves)
    contract = canonical.dumps([json.loads(build.document(each)) for each in _ordered(ask)])
    told = days.made(ask, leaves)
    kinds = build.days_of(ask, leaves)
    texts = deadlines.texts(leaves, _ordered(ask), (*ask.ever, *ask.contracts))
    terms = canonical.dumps([json.loads(build.document(each)) for each in texts])
    keys = "".join(f"{key}\n" for key in (*vkeys, *witnessed.keys(leaves))).encode()
    source = Source(report=report.data, days=told, contract=contract, register=register, vkeys=keys, tz=ask.zone.tz())
    members = {
        **shown.made(source),
        "report.json": report.data,
        "contract.json": contract,
        DAYS: told,
        "register.json": register,
        "timezone.tzif": ask.zone.data,
        **({CALENDAR: kinds} if kinds else {}),
        **({TERMS: terms} if texts else {}),
        "leaves.jsonl.gz": bundles.leaf_lines({each.index: each.data for each in leaves.all}),
        KEYS: keys,
    }
    manifest = bundles.manifest(members, origin=origin, rehearsal=ask.rehearsal)
    return Draft(report=report, leaves=leaves, members=members, manifest=manifest)


def _ordered(ask: Ask) -> list[Contract]:
    return [each for each, _, _ in build.versions(ask.contracts, ask.period)]


def facts(given: Draft, *, now_ms: int) -> list[Fact]:
    """Return what is stated with a report: its issue first, then each verdict."""
    content = given.report.content
    issue: dict[str, JSON] = {
        "report": given.name,
        "contract": content["contract"],
        "start_ms": content["period"]["start_ms"],
        "end_ms": content["period"]["end_ms"],
        "revision": content["revision"],
        "digest": given.report.digest,
        "manifest_digest": canonical.digest(given.manifest),
        "leaves": len(given.leaves.all),
        "amount": content["credit"]["total"],
        "currency": content["credit"]["currency"],
    }
    if content["replaces"]:
        issue["replaces"] = content["replaces"]
    stated = [Fact(kind="report_issued", at_ms=now_ms, body=issue)]
    for each in given.report.verdicts:
        body: dict[str, JSON] = {
            "contract": content["contract"],
            "version": each.version,
            "objective": each.objective,
            "start_ms": each.start_ms,
            "end_ms": each.end_ms,
            "outcome": each.outcome,
            "lower": each.lower,
            "upper": each.upper,
            "inputs_digest": given.leaves.digest,
        }
        body |= _stated(value=each.value, because=each.because)
        missed: list[JSON] = [*each.missed]
        for first in range(0, max(len(missed), 1), MOST_NAMES):  # a verdict is said as often as its list has parts
            some = missed[first : first + MOST_NAMES]
            part: dict[str, JSON] = {"services_missed": some} if some else {}
            stated.append(Fact(kind="verdict", at_ms=now_ms, body=body | part))
    return stated


def _stated(**fields: str) -> dict[str, JSON]:
    return {name: value for name, value in fields.items() if value}


def issued(ledger: LedgerReader, given: Draft) -> int | None:
    """Return the index of the leaf that seals exactly this draft, if there is one."""
    manifest = canonical.digest(given.manifest)
    for leaf in ledger.find("report_issued"):
        body = leaf.fact.body
        if (body["digest"], body["manifest_digest"]) == (given.report.digest, manifest):
            return leaf.index
    return None


def compose(ledger: LedgerReader, given: Draft, seal: int, under: Under | None = None) -> dict[str, bytes]:
    """Return all members of the bundle, proven against a checkpoint: by default the one that fits its policy best."""
    under = under or witnessed.chosen(ledger, seal, policy.before(ledger, seal))
    (leaf,) = ledger.entries(seal, seal + 1)
    content = given.report.content
    period = (content["period"]["start_ms"], content["period"]["end_ms"])
    used = [each.index for each in given.leaves.all]
    surveyed = covered.surveyed(content)
    _not_overtaken(ledger, content["contract"], period, seal, leaves=given.leaves, surveyed=surveyed)
    proof, others = whole.proven(
        ledger, contract=content["contract"], period=period, seal=seal, used=used, surveyed=surveyed
    )
    indexes = [*used, *others, seal]
    return bundles.compose(
        given.members,
        manifest=given.manifest,
        seal=(seal, leaf.data),
        paths={index: ledger.inclusion(index, under.size) for index in indexes},
        checkpoint=witnessed.shown(under.note, given.members[KEYS]),
        whole=proof,
        sm3_paths=witnessed.sm3_paths(ledger, indexes, under),
    )


def _not_overtaken(
    ledger: LedgerReader,
    contract: str,
    period: tuple[int, int],
    seal: int,
    *,
    leaves: Leaves,
    surveyed: Collection[tuple[str, str]],
) -> None:
    """Refuse a report that something was sealed before which it does not know: its bundle would not verify."""
    now = gather(ledger, contract=contract, start_ms=period[0], end_ms=period[1], surveyed=surveyed)
    used, known = {each.index for each in leaves.all}, {each.index for each in leaves.steps}
    late = [each for each in now.all if each.index < seal and each.index not in used]
    late += [each for each in now.steps if deadlines.is_one(each) and each.index < seal and each.index not in known]
    if late:
        raise whole.OvertakenError(
            f"contract {contract}: leaf {late[0].index}, a {late[0].kind}, was sealed while the report was built;"
            " repeat the command: the next revision rests on it"
        )
