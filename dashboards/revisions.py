"""The revisions of a month's report side by side: what each says, what the next one changed, and all that is to take.

Each file stands with its SHA-256 and with the command that verifies it on a laptop of one's own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, render_template
from werkzeug.utils import secure_filename

from dashboards import audit, contracts, disputes, figures, held, ledgers
from dashboards.frame import bound, frame
from netops.errors import EvidenceError
from netops.evidence.members import REPORT
from netops.papers import CERTIFICATE, signed_at
from netops.report import because, closed, pdf, xlsx
from netops.report import figures as amounts
from netops.report import issue as issuing
from netops.report.words import WORDS, say
from netops.web.language import gettext as _
from netops.witness import policy
from netops.witness.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dashboards.desk import Desk
    from netops.report.closed import Closed, Issue
    from netops.report.words import Language

ROWS = 60  # of the intervals that a revision moved; all are in report.json
KINDS = {".json": "application/json", ".pdf": "application/pdf", ".zip": "application/zip"}
KINDS |= {
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".crt": "application/x-pem-file",
}
LANGUAGES: tuple[Language, ...] = ("zh", "en")


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """Something to take: its name, what it is, its bytes' number and SHA-256, and how it is verified."""

    name: str
    what: str
    size: int
    digest: str
    command: str


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""
    add = blueprint.add_url_rule
    add("/contract/<contract>/<month>/revisions", "revisions", bound(revisions, desk))
    add("/contract/<contract>/<month>/<int:revision>/file/<name>", "report_file", bound(report_file, desk))


def revisions(desk: Desk, contract: str, month: str) -> str:
    """Show the revisions of a month's report, the newest first."""
    known, period = held.find(desk, contract, month)
    if not period.issues:
        abort(404)
    policies = [(leaf.index, Policy.of(leaf.fact.body)) for leaf in desk.queries.leaves(policy.KIND)]
    made = [_revision(desk, each, policies) for each in reversed(period.issues)]
    return render_template(
        "dashboards/revisions.html",
        **frame(desk, desk.queries.city()),
        contract=known,
        month=month,
        period=period,
        made=made,
        sides=_sides(made),
        stage=disputes.stage(period.case),
    )


def _revision(desk: Desk, issue: Issue, policies: list[tuple[int, Policy]]) -> dict[str, Any]:
    asked = policy.among(policies, before=issue.leaf)
    place = closed.place(desk.settings, issue.report)
    told: dict[str, Any] = {"issue": issue, "found": None, "error": "", "files": [], "cosigned": "", "waiting": False}
    told["stamp"] = ledgers.stamped(desk.settings, issue.leaf)
    if place is not None:
        signed = contracts.carried(place[0], asked, place[0].stat().st_mtime_ns)
        told |= {"waiting": place[1], "cosigned": f"{signed} / {asked.quorum}" if asked.quorum else ""}
    try:
        found = closed.opened(desk.settings, issue)
    except EvidenceError as error:
        return told | {"error": str(error)}
    return told | {"found": found, "files": _files(desk, found), "changed": changed(found.report)}


def _sides(made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each objective's verdict and value by revision, those that differ first."""
    by_name: dict[tuple[str, str, str], dict[int, Any]] = {}
    titles = {}
    for each in made:
        for one in figures.of_report(each["found"]) if each["found"] is not None else ():
            key = (one.version, one.item_id, one.objective_id)
            titles[key] = one.title
            by_name.setdefault(key, {})[each["issue"].revision] = (one, held.chip(one.verdict, running=False))
    rows = [
        {
            "name": f"{item}/{objective}",
            "title": titles[version, item, objective],
            "version": version,
            "by": told,
            "differs": len({(one.verdict, one.told["value"]) for one, _said in told.values()}) > 1,
        }
        for (version, item, objective), told in by_name.items()
    ]
    return sorted(rows, key=lambda each: not each["differs"])


def changed(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what a revision changed of the one before: money by matter, then intervals; None of the first."""
    found = report.get("difference")
    if not found:
        return None
    language = held.language()
    if found["because"]:
        return {"of": found["revision"], "because": because.said(found["because"], language)}
    rows = figures.rows(found["intervals"])
    return {
        "of": found["revision"],
        "because": "",
        **{name: amounts.money(found[name]) for name in ("before", "after", "change")},
        "steps": [
            {
                "matter": because.said(row["matter"], language),
                "leaves": row["leaves"],
                **{name: amounts.money(row[name]) for name in ("before", "after", "change")},
            }
            for row in figures.rows(found["steps"])
        ],
        "intervals": [{**row, **{at: bucket(row[at]) for at in ("before", "after")}} for row in rows[:ROWS]],
        "intervals_more": found["intervals_more"] + max(len(rows) - ROWS, 0),
    }


def bucket(name: str) -> str:
    """Say in which bucket an instant is; excused time is one word, whatever it was."""
    word = f"day_{'excluded' if name.startswith('excluded') else name}"
    return say(word if word in WORDS else "not_judged", held.language())


# ---- what is to take


def _files(desk: Desk, found: Closed) -> list[File]:
    """Return the files of a revision; none while its bundle waits for co-signatures: it has not gone out yet."""
    place = closed.place(desk.settings, found.issue.report)
    if place is None or place[1]:
        return []
    return [
        File(name=name, what=what, size=path.stat().st_size, digest=_digest(path), command=command)
        for name, what, path, command in _whole(desk, found.issue)
    ] + [
        File(name=name, what=what, size=-1, digest=found.members[name], command=command)
        for name, what, command in _members(found.issue)
        if name in found.members
    ]


def _whole(desk: Desk, issue: Issue) -> list[tuple[str, str, Path, str]]:
    """Return the files that lie by themselves: the bundle, its signed papers, the certificate."""
    place = closed.place(desk.settings, issue.report)
    if place is None or place[1]:
        return []
    path, rehearsal = place[0], " --rehearsal" if desk.settings.city.rehearsal else ""
    verify = f"netops audit verify {path.name} --vkey VKEY{rehearsal}"
    made = [(path.name, _("证据包"), path, verify)]
    for language, what in zip(LANGUAGES, (_("已签名的报告，中文"), _("已签名的报告，英文")), strict=True):
        paper = signed_at(path, language)
        command = f"netops audit paper {paper.name} --bundle {path.name} --certificate {CERTIFICATE}"
        made.append((paper.name, what, paper, command))
    certificate = issuing.shelf(desk.settings) / CERTIFICATE
    made.append((CERTIFICATE, _("签名者的证书"), certificate, f"openssl x509 -in {CERTIFICATE} -noout -text"))
    return [each for each in made if each[2].is_file()]


def _members(issue: Issue) -> list[tuple[str, str, str]]:
    """Return the members of the bundle that people take by themselves."""
    check = "sha256sum {name}"
    named = [
        (REPORT, _("报告的机器可读正文")),
        (xlsx.MEMBER, _("工作簿")),
        (pdf.MEMBERS["zh"], _("报告，中文")),
        (pdf.MEMBERS["en"], _("报告，英文")),
    ]
    return [(name, what, check.format(name=f"{issue.report}.{name}")) for name, what in named]


def _digest(path: Path) -> str:
    return _digested(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _digested(path: Path, _changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def report_file(desk: Desk, contract: str, month: str, revision: int, name: str) -> Response:
    """Give one of the files: a member as the seal names it, or one that lies beside the bundle."""
    _known, period = held.find(desk, contract, month)
    issue: Issue = next((each for each in period.issues if each.revision == revision), None) or abort(404)
    data, called = _taken(desk, issue, name)
    audit.told(desk, audit.BUNDLE, contract, called)
    kind = KINDS.get(f".{called.rpartition('.')[2]}", "application/octet-stream")
    head = {"Content-Disposition": f'attachment; filename="{secure_filename(called)}"'}
    return Response(data, mimetype=kind, headers=head)


def _taken(desk: Desk, issue: Issue, name: str) -> tuple[bytes, str]:
    for called, _what, path, _command in _whole(desk, issue):
        if called == name:
            return path.read_bytes(), called
    place = closed.place(desk.settings, issue.report)
    if place is None or place[1] or name not in {called for called, _what, _command in _members(issue)}:
        abort(404)
    try:
        found = closed.opened(desk.settings, issue)
        if name not in found.members:
            abort(404)
        return closed.member(place[0], name, found.members[name]), f"{issue.report}.{name}"
    except EvidenceError:
        abort(404)
