"""The contracts' pages: what is owed, the verdicts as the ledger has them, the rules, the bundle to download."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, render_template, send_file
from werkzeug.utils import secure_filename

from dashboards import audit, drawn, held, terms, words
from dashboards.city import RANK, sums
from dashboards.frame import bound, frame, paged
from inventory import codec
from netops.access import guard
from netops.coverage import said
from netops.errors import EvidenceError
from netops.evidence import bundle as bundles
from netops.evidence import canonical
from netops.report import because, witnessed
from netops.situation import State
from netops.web.language import current
from netops.web.language import gettext as _
from netops.witness import policy
from netops.witness.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dashboards.desk import Desk
    from netops.ledger import Leaf

COUNTED = 30  # outages of the newest report on the page; all are in the report
SHOWN = 24  # verdicts and reports on the page; all are in the ledger
# the report's own page brings its style inline: it is shown in a sandbox that can do nothing else
SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,199}\.zip")


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""
    add = blueprint.add_url_rule
    add("/contracts", "contracts", bound(contracts, desk))
    rates = drawn.Burning(desk.settings)
    add("/contract/<contract>", "contract", lambda **names: contract(desk, rates, **names))
    add("/contract/<contract>/report/<name>", "report", bound(report, desk))
    add("/contract/<contract>/bundle/<name>", "bundle", bound(bundle, desk))


def contracts(desk: Desk) -> str:
    """Show every contract with its services now and its last verdict."""
    city = desk.queries.city()
    verdicts = _verdicts(desk)
    rows = []
    for each in city.snapshot.contracts:
        mine = [now for now in city.now.values() if now.contract == each.id]
        last = [verdict for verdict in verdicts if verdict["contract"] == each.id][:1]
        carrier = city.snapshot.carrier.get(each.carrier)
        rows.append({"contract": each, "carrier": carrier, "sums": sums(mine), "verdict": last[0] if last else None})
    return render_template("dashboards/contracts.html", **frame(desk, city), rows=rows)


def contract(desk: Desk, rates: drawn.Burning, contract: str) -> str:
    """Show one contract: verdicts, present outages, objectives with their rules, reports."""
    city = desk.queries.city()
    known = city.snapshot.contract.get(contract) or abort(404)
    mine = [now for now in city.now.values() if now.contract == contract]
    bad = sorted(
        (now for now in mine if now.state is not State.UP), key=lambda now: (RANK[now.state], now.since_ms, now.service)
    )
    return render_template(
        "dashboards/contract.html",
        **frame(desk, city),
        contract=known,
        carrier=city.snapshot.carrier.get(known.carrier),
        snapshot=city.snapshot,
        sums=sums(mine),
        verdicts=[each for each in _verdicts(desk) if each["contract"] == contract][:SHOWN],
        objectives=[
            (
                item,
                objective,
                terms.rules(objective.rules),
                terms.exclusions(objective.rules),
                terms.hours(objective.rules),
            )
            for item in known.items
            for objective in item.objectives
        ],
        coverage=[
            (item, given, list(said.lines(codec.plain(given), chinese=current() != "en")))
            for item in known.items
            for given in item.coverage
        ],
        reports=_reports(desk, contract),
        drawn=drawn.of(desk, rates, contract),
        **_last_report(desk, contract),
        **paged(city, bad),
    )


def report(desk: Desk, contract: str, name: str) -> Response:
    """Show the report for people out of its bundle, byte by byte as it was sealed."""
    path = _bundle(desk, contract, name)
    try:
        page = bundles.open_bundle(path).members["report.html"]
    except (EvidenceError, KeyError):
        abort(404)
    answer = Response(page, mimetype="text/html", headers={"Content-Security-Policy": SANDBOX})
    answer.direct_passthrough = True  # no hook may touch what was sealed; a rehearsal's report says so itself
    return answer


def bundle(desk: Desk, contract: str, name: str) -> Response:
    """Give the bundle: everything that an auditor needs to recompute the report offline."""
    path = _bundle(desk, contract, name)
    audit.told(desk, audit.BUNDLE, contract, name)
    return send_file(path, as_attachment=True, download_name=secure_filename(name), mimetype="application/zip")


def _bundle(desk: Desk, contract: str, name: str) -> Path:
    """Return the file of a bundle that the ledger says was issued for this contract; anything else is not found."""
    if not guard.scope().whole and contract not in desk.queries.city().index.contracts:
        abort(404)
    found = {path.name: path for path, _ in issued(desk, contract)}
    path: Path = found.get(name) or abort(404)
    return path


def issued(desk: Desk, contract: str) -> list[tuple[Path, Leaf]]:
    """Return the bundles that are there, the newest first: what the ledger says was issued, by its own name."""
    directory = desk.settings.data.dir / "reports"
    mine = [leaf for leaf in desk.queries.leaves("report_issued") if leaf.fact.body["contract"] == contract]
    named = [(directory / f"{leaf.fact.body['report']}.zip", leaf) for leaf in reversed(mine)]
    return [(path, leaf) for path, leaf in named if NAME.fullmatch(path.name) and path.is_file()]


def _reports(desk: Desk, contract: str) -> list[dict[str, Any]]:
    out = []
    policies = [(leaf.index, Policy.of(leaf.fact.body)) for leaf in desk.queries.leaves(policy.KIND)]
    for path, leaf in issued(desk, contract)[:SHOWN]:
        body: Mapping[str, Any] = leaf.fact.body
        about = {name: body[name] for name in ("revision", "digest", "start_ms", "end_ms")}
        asked = policy.among(policies, before=leaf.index)
        about["cosigned"] = f"{carried(path, asked, path.stat().st_mtime_ns)} / {asked.quorum}" if asked.quorum else ""
        out.append({"name": path.name, "size": path.stat().st_size, "leaf": leaf.index, **about})
    return out


@lru_cache(maxsize=256)
def carried(path: Path, asked: Policy, _changed: int) -> str:
    """Return how many of the witnesses whom its policy names signed the checkpoint of a bundle."""
    try:
        return str(witnessed.carried(path, asked))
    except (EvidenceError, OSError):
        return "?"


def _last_report(desk: Desk, contract: str) -> dict[str, Any]:
    """Return the outages that the newest report counts, the longest first; nothing before there is one."""
    for path, leaf in issued(desk, contract)[:1]:
        rows, count = _incidents(path, path.stat().st_mtime_ns)
        return {"incidents": rows, "incidents_count": count, "incidents_of": leaf.fact.body["report"]}
    return {"incidents": (), "incidents_count": 0, "incidents_of": ""}


@lru_cache(maxsize=16)
def _incidents(path: Path, _changed: int) -> tuple[tuple[dict[str, Any], ...], int]:
    """Read the incidents of a bundle's report.json; kept, since a month of 10,000 devices is long to read."""
    try:
        content = canonical.loads(bundles.open_bundle(path).members["report.json"])
        objectives = [o for part in content["parts"] for item in part["items"] for o in item["objectives"]]
        tables = [(o["objective"], o["incidents"]["columns"], o["incidents"]["rows"]) for o in objectives]
        found = [
            {"objective": name, **dict(zip(columns, row, strict=True))}
            for name, columns, rows in tables
            for row in rows
        ]
        found.sort(key=lambda each: (each["start_ms"] - each["end_ms"], each["start_ms"], each["service"]))
    except (EvidenceError, KeyError, TypeError, ValueError, OSError):
        return (), 0
    return tuple(found[:COUNTED]), len(found)


def _verdicts(desk: Desk) -> list[dict[str, Any]]:
    """Return the sealed verdicts, the newest first."""
    return [_verdict(leaf) for leaf in reversed(desk.queries.leaves("verdict"))]


def _verdict(leaf: Leaf) -> dict[str, Any]:
    body: Mapping[str, Any] = leaf.fact.body
    outcome = body["outcome"]
    return {
        **body,
        "leaf": leaf.index,
        "at_ms": leaf.fact.at_ms,
        "said": {"met": _("达标"), "missed": _("未达标"), "not_determinable": _("无法判定")}[outcome],
        "because": because.said(body.get("because", ""), held.language()),
        **{name: exact(body.get(name)) for name in ("value", "lower", "upper")},
    }


def exact(text: str | None) -> str:
    """Say an exact ratio in percent, rounded down to six digits; the unrounded text stands in the ledger."""
    return words.percent(Fraction(text), digits=6) if text else "—"
