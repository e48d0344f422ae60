"""What was agreed, judged and sealed, for programs: contracts, verdicts, reports, bundles, approvals, the ledger."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from flask import abort

from dashboards import contracts, months
from dashboards.api import parameters, shapes
from dashboards.api.network import by_id, counts
from dashboards.api.operation import Bytes, Many, One, Operation
from dashboards.approvals import in_sight
from dashboards.city import sums
from inventory import codec, model
from netops.access import record
from netops.clock import iso
from netops.ledger import LedgerReader
from netops.witness import policy
from netops.witness.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from dashboards.desk import Desk
    from netops.access import approvals
    from netops.ledger import Leaf, Sealed

    Asked = Mapping[str, Any]
    Issued = tuple[Path, Leaf]

FIRST = -1  # smaller than any checkpoint's size


def contract(desk: Desk, each: model.Contract) -> shapes.Contract:
    """Show a contract with its services now."""
    mine = [now for now in desk.queries.city().now.values() if now.contract == each.id]
    return shapes.Contract(
        id=each.id,
        version=each.version,
        carrier=each.carrier,
        title=each.title,
        valid_from=iso(each.valid_from_ms),
        ends=iso(each.ends_ms) if each.ends_ms is not None else None,
        services=counts(sums(mine)),
    )


def _known(desk: Desk, asked: Asked) -> model.Contract:
    found: model.Contract = desk.queries.city().snapshot.contract.get(asked["contract"]) or abort(404)
    return found


def terms(desk: Desk, asked: Asked) -> shapes.ContractTerms:
    """Return a contract with all of its terms."""
    known = _known(desk, asked)
    return shapes.ContractTerms(contract=contract(desk, known), terms=codec.plain(known))


def verdicts(desk: Desk, asked: Asked) -> list[Leaf]:
    """Return the sealed verdicts of a contract."""
    known = _known(desk, asked)
    return [leaf for leaf in desk.queries.leaves("verdict") if leaf.fact.body["contract"] == known.id]


def verdict(_desk: Desk, leaf: Leaf) -> shapes.Verdict:
    """Show a verdict as it was sealed."""
    body: Mapping[str, Any] = leaf.fact.body
    return shapes.Verdict(
        leaf=leaf.index,
        at=iso(leaf.fact.at_ms),
        contract=body["contract"],
        version=body["version"],
        objective=body["objective"],
        start=iso(body["start_ms"]),
        end=iso(body["end_ms"]),
        outcome=body["outcome"],
        value=body.get("value"),
        lower=body.get("lower"),
        upper=body.get("upper"),
        because=body.get("because", ""),
        inputs=body["inputs_digest"],
    )


def reports(desk: Desk, asked: Asked) -> list[Issued]:
    """Return the reports of a contract whose bundles are here."""
    return contracts.issued(desk, _known(desk, asked).id)


def report(desk: Desk, each: Issued) -> shapes.Report:
    """Show a report, and how many witnesses have signed for it."""
    path, leaf = each
    body: Mapping[str, Any] = leaf.fact.body
    policies = [(found.index, Policy.of(found.fact.body)) for found in desk.queries.leaves(policy.KIND)]
    asked, octets = policy.among(policies, before=leaf.index), path.stat()
    signed = contracts.carried(path, asked, octets.st_mtime_ns) if asked.quorum else ""
    return shapes.Report(
        name=path.name,
        leaf=leaf.index,
        contract=body["contract"],
        start=iso(body["start_ms"]),
        end=iso(body["end_ms"]),
        revision=body["revision"],
        digest=body["digest"],
        octets=octets.st_size,
        cosigned=int(signed) if signed.isdecimal() else None,
        quorum=asked.quorum,
    )


def by_month(desk: Desk, asked: Asked) -> list[tuple[str, list[Leaf], list[Issued]]]:
    """Return verdicts and reports of a contract by the month in which their time begins."""
    judged, told = defaultdict[str, list["Leaf"]](list), defaultdict[str, list["Issued"]](list)
    for leaf in verdicts(desk, asked):
        judged[_month(desk, leaf)].append(leaf)
    for each in reports(desk, asked):
        told[_month(desk, each[1])].append(each)
    return [(name, judged[name], told[name]) for name in {*judged, *told}]


def _month(desk: Desk, leaf: Leaf) -> str:
    body: Mapping[str, Any] = leaf.fact.body
    return months.month_of(body["start_ms"], desk.zone).name


def month(desk: Desk, each: tuple[str, list[Leaf], list[Issued]]) -> shapes.Month:
    """Show a month."""
    name, judged, told = each
    return shapes.Month(
        month=name,
        verdicts=tuple(verdict(desk, leaf) for leaf in judged),
        reports=tuple(report(desk, found) for found in told),
    )


def approvals_of(desk: Desk, _asked: Asked) -> list[approvals.Approval]:
    """Return the requests, to whoever sees a part of the city those that are about it alone."""
    return [each for each in record.read(desk.settings).values() if in_sight(desk, each)]


def approval(_desk: Desk, each: approvals.Approval) -> shapes.Approval:
    """Show a request with what was decided."""
    asked = each.request
    return shapes.Approval(
        id=asked.id,
        action=asked.action,
        subject=asked.subject,
        state=each.state,
        by=asked.by,
        at=iso(asked.at_ms),
        reason=asked.reason,
        terms=dict(asked.terms),
        digest=asked.digest,
        decision=_decision(each.decision),
        recall=_decision(each.recall),
        sealed=each.sealed,
    )


def _decision(said: approvals.Decision | None) -> shapes.Decision | None:
    if said is None:
        return None
    return shapes.Decision(decision=said.decision, by=said.by, at=iso(said.at_ms), reason=said.reason)


def ledger(desk: Desk, _asked: Asked) -> shapes.Ledger:
    """Return the ledger's size and its newest head."""
    at = record.ledger_path(desk.settings)
    if not at.exists():
        return shapes.Ledger(origin="", size=None, because="no_ledger_yet", checkpoint=None)
    with LedgerReader(at) as held:
        latest = held.latest()
        return shapes.Ledger(
            origin=held.origin,
            size=held.size,
            because="",
            checkpoint=checkpoint(desk, latest) if latest is not None else None,
        )


def checkpoints(desk: Desk, asked: Asked) -> Iterator[Sealed]:
    """Yield the ledger's signed heads after `asked["after"]`, the smallest first."""
    at = record.ledger_path(desk.settings)
    if not at.exists():
        return
    with LedgerReader(at) as held:
        after = asked["after"][0] if asked["after"] else FIRST
        yield from held.cosigned(max(after, asked["size"] - 1), (), least=0)


def checkpoint(_desk: Desk, each: Sealed) -> shapes.Checkpoint:
    """Show a signed head."""
    return shapes.Checkpoint(size=each.size, at=iso(each.at_ms), note=each.note.decode("utf-8", "replace"))


OPERATIONS: tuple[Operation, ...] = (
    Many(
        name="contracts",
        path="/contracts",
        said="The contracts in their versions of today",
        permission="contract.see",
        answer=shapes.Contract,
        rows=lambda desk, _asked: desk.queries.city().snapshot.contracts,
        key=by_id,
        show=contract,
    ),
    One(
        name="contract",
        path="/contracts/{contract}",
        said="One contract with all of its terms",
        permission="contract.see",
        answer=shapes.ContractTerms,
        give=terms,
    ),
    Many(
        name="months",
        path="/contracts/{contract}/months",
        said="What was judged and reported of a contract, by month",
        permission="contract.see",
        answer=shapes.Month,
        rows=by_month,
        key=lambda each: (each[0],),
        show=month,
    ),
    Many(
        name="verdicts",
        path="/contracts/{contract}/verdicts",
        said="The sealed verdicts of a contract, the newest first",
        permission="contract.see",
        answer=shapes.Verdict,
        rows=verdicts,
        key=lambda leaf: (-leaf.index,),
        keys=(int,),
        show=verdict,
    ),
    Many(
        name="reports",
        path="/contracts/{contract}/reports",
        said="The reports that were issued for a contract, the newest first",
        permission="contract.see",
        answer=shapes.Report,
        rows=reports,
        key=lambda each: (-each[1].index,),
        keys=(int,),
        show=report,
    ),
    Bytes(
        name="report",
        path="/contracts/{contract}/reports/{name}",
        said="A report for people, out of its bundle as it was sealed",
        permission="contract.see",
        media="text/html",
        give=lambda desk, asked: contracts.report(desk, asked["contract"], asked["name"]),
    ),
    Bytes(
        name="bundle",
        path="/contracts/{contract}/bundles/{name}",
        said="A bundle: all that an auditor needs to compute a report again offline",
        permission="report.take",
        media="application/zip",
        give=lambda desk, asked: contracts.bundle(desk, asked["contract"], asked["name"]),
    ),
    Many(
        name="approvals",
        path="/approvals",
        said="What was asked for and decided by two persons",
        permission="approval.see",
        answer=shapes.Approval,
        rows=approvals_of,
        key=lambda each: (each.request.id,),
        show=approval,
    ),
    One(
        name="ledger",
        path="/ledger",
        said="The ledger's size and newest head",
        permission="contract.see",
        answer=shapes.Ledger,
        give=ledger,
    ),
    Many(
        name="checkpoints",
        path="/ledger/checkpoints",
        said="The ledger's signed heads, the smallest first",
        permission="contract.see",
        parameters=(parameters.whole("size", "From this size on.", least=0, most=parameters.LATEST_MS, missing=0),),
        answer=shapes.Checkpoint,
        rows=checkpoints,
        key=lambda each: (each.size,),
        keys=(int,),
        show=checkpoint,
        ordered=True,
    ),
)
