"""A carrier hands in its note: how it is signed, the form that takes it with its files, and what became of it.

The note is signed on the carrier's own machine, by its own key; nothing here can sign. What takes it is the desk that
the command line has (`netops/dispute/taking.py`). That it came in is durable before anything else is done with it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, redirect, render_template, request, send_file, url_for

from dashboards import audit, held, signing
from dashboards.frame import bound, frame
from dashboards.objections import in_sight, is_in_sight, sees, window
from netops.access import guard
from netops.dispute import attached, notes, papers, receipts, refusals, remedies
from netops.dispute.attached import File, Shelf
from netops.dispute.parts import PART_BYTES
from netops.dispute.room import CARRIER, FILE, TOTAL, FullError
from netops.dispute.taking import Desk as Counter
from netops.errors import EvidenceError, UsageError
from netops.web.language import current
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from werkzeug.wrappers import Response as AnyResponse

    from dashboards.desk import Desk
    from netops.access.disputes import Known
    from netops.dispute.receipts import Handed
    from netops.dispute.states import Objection
    from netops.dispute.taking import Outcome

UPLOADS = ("hand_in", "note_attach")
MOST_BYTES = 1_000_000  # of one form; the listener takes no larger one (netops/web/server.py)
_TURN = threading.Lock()  # two notes at once would not know of each other


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""
    add = blueprint.add_url_rule
    add("/contract/<contract>/<month>/object", "object_", bound(object_, desk))
    add("/contract/<contract>/<month>/object", "hand_in", bound(hand_in, desk), methods=["POST"])
    add("/disputes/notes/<digest>", "note", bound(note, desk))
    add("/disputes/notes/<digest>", "note_attach", bound(attach, desk), methods=["POST"])
    add("/disputes/notes/<digest>/receipt", "note_receipt", bound(receipt, desk))
    add("/disputes/notes/<digest>/files/<file>", "note_file", bound(note_file, desk))


# ---- how one objects


def object_(desk: Desk, contract: str, month: str, error: str = "", refused: Outcome | None = None) -> str:
    """Show how to object to a month's report: until when, the commands to sign by, and the form."""
    found, period = held.find(desk, contract, month)
    if period.case is None or period.last is None:
        abort(404)
    told, find = papers.here(desk.settings, now_ms=desk.clock.now_ms())
    case = papers.case_of(told, period.last.report)
    seen = window(case, find, told)
    return render_template(
        "dashboards/object.html",
        **frame(desk, desk.queries.city()),
        contract=found,
        month=month,
        case=case,
        window=seen,
        is_open=seen.is_open(desk.clock.now_ms()),
        sign=signing.how(desk, found, period.last, request.args),
        keys=[str(each) for each in papers.signers(desk.settings, now_ms=desk.clock.now_ms(), among=[found.carrier])],
        most={"note": notes.MOST_BYTES, "form": MOST_BYTES, "files": attached.MOST},
        error=error,
        refused=refusals.said(refused.why, current()) if refused is not None else "",
        remedy=remedy(refused.why) if refused is not None else "",
    )


def hand_in(desk: Desk, contract: str, month: str) -> AnyResponse | tuple[str, int]:
    """Take a note with its files; what the note does not name is not kept, and said."""
    held.find(desk, contract, month)
    try:
        data, came = _note(), _files()
    except UsageError as error:
        return object_(desk, contract, month, error=str(error)), 400
    if not _concerns(desk, data):
        return object_(desk, contract, month, error=_strange()), 400
    with _TURN:
        counter = Counter(
            desk.settings,
            desk.submit,
            now_ms=desk.clock.now_ms(),
            sees=lambda name: sees(desk, name),
            carriers=guard.scope().carrier or None,
        )
        counter.receive([data])
        made = counter.take(data)
    if not made.recorded:
        return object_(desk, contract, month, refused=made), 400
    audit.told(desk, audit.NOTE, made.digest)
    body: Mapping[str, Any] = made.fact.body if made.fact else {}
    mine = carrier(desk, papers.here(desk.settings, now_ms=desk.clock.now_ms())[0], str(body.get("report", "")))
    wrong = _kept(desk, made.digest, str(body.get("evidence_digest", "")), came, mine)
    if wrong:
        return note(desk, made.digest, error=wrong), 400
    return redirect(url_for("dashboards.note", digest=made.digest), code=303)


def _concerns(desk: Desk, data: bytes) -> bool:
    """Whether a note is by a key of whoever hands in, or about a report in sight; of any other nothing is told."""
    now_ms, scope = desk.clock.now_ms(), guard.scope()
    if notes.signer(data, papers.signers(desk.settings, now_ms=now_ms, among=scope.carrier or None)):
        return True
    try:
        name = notes.report_of(data)
    except EvidenceError:
        return False
    return any(
        name in {each.name for each in case.revisions}
        for case in in_sight(desk, papers.here(desk.settings, now_ms=now_ms)[0])
    )


def _strange() -> str:
    return _(
        "没有收下：这份函件不是用您登记的密钥签署的，也不指您的任何报告。"
        "请用本页的命令，从下载的证据包签署，再递交那个 .note 文件。"
    )


def _note() -> bytes:
    """Return the note that was sent; UsageError where it is none, or too long."""
    sent = request.files.get("note")
    data = sent.read(notes.MOST_BYTES + 1) if sent is not None else b""
    if not data:
        raise UsageError(_("没有函件：请选择 netops dispute object 写出的 .note 文件。"))
    if len(data) > notes.MOST_BYTES:
        raise UsageError(_("函件超过 %(most)d 字节：请选择 .note 文件；证据文件放在下面一栏。", most=notes.MOST_BYTES))
    return data


def _files() -> list[File]:
    """Return the files that were sent beside it; UsageError where there are too many."""
    sent = [each for each in request.files.getlist("files") if each.filename]
    if len(sent) > attached.MOST:
        raise UsageError(
            _("%(count)d 个文件：一次最多 %(most)d 个。请合成一个压缩文件。", count=len(sent), most=attached.MOST)
        )
    return [File(name=attached.harmless(each.filename or ""), data=each.read()) for each in sent]


def _kept(desk: Desk, digest: str, evidence: str, came: Sequence[File], mine: str) -> str:
    """Keep the files that a note names; return why others were not, or the empty string."""
    if not came:
        return ""
    shelf = Shelf(desk.settings)
    with attached.TURN:
        named, others = attached.split(evidence, came, shelf.lists(digest))
        try:
            shelf.keep(digest, named, carrier=mine)
        except FullError as error:
            return full(error)
        except UsageError as error:
            return refusals.said(str(error), current())
    if not others:
        return ""
    names = ", ".join(f"{each.name} (SHA-256 {each.digest[:16]}…)" for each in others)
    if not evidence:
        return _("没有保存：%(names)s。这份函件没有指明任何文件；请用 --evidence 文件 重新签署。", names=names)
    return _("没有保存：%(names)s。函件指明的是另一个 SHA-256；请递交签署时 --evidence 所用的文件。", names=names)


def carrier(desk: Desk, told: Known, report: str) -> str:
    """Return on whose account the files of a note about a report go; empty where nobody's report is meant."""
    case = told.cases.of_report(report)
    found = desk.queries.city().index.contracts.get(case.contract) if case is not None else None
    return found.carrier if found is not None else ""


def full(error: FullError) -> str:
    """Say what is full, and what can be done."""
    if error.setting == FILE:
        return _(
            "没有保存：一个文件至多 %(most)d MB。函件已写明文件的 SHA-256：请留好文件，另行送交。", most=error.most_mb
        )
    return _(
        "没有保存：%(what)s至多 %(most)d MB，已用 %(used)d MB。函件已写明文件的 SHA-256：请留好文件，另行送交，"
        "或请市方调高 objections.%(setting)s。",
        what={CARRIER: _("这家运营商的文件"), TOTAL: _("全部运营商的文件")}[error.setting],
        most=error.most_mb,
        used=error.used_mb,
        setting=error.setting,
    )


# ---- what became of it


def note(desk: Desk, digest: str, error: str = "") -> str:
    """Show what became of a note: received, taken or refused and why, its leaf and receipt, its files."""
    told, _find = papers.here(desk.settings, now_ms=desk.clock.now_ms())
    fate, came = known(desk, digest, told)
    one = objection(told, fate)
    shelf = Shelf(desk.settings)
    why = str(fate.fact.body["reason"]) if fate is not None and not fate.taken else ""
    return render_template(
        "dashboards/note.html",
        **frame(desk, desk.queries.city()),
        digest=digest,
        fate=fate,
        came=came,
        one=one,
        body=(fate or came).fact.body,  # type: ignore[union-attr]  # one of them is there
        reason=refusals.said(why, current()),
        remedy=remedy(why) if why else "",
        is_ready=_is_ready(desk, digest),
        files=shelf.held(digest),
        lacking=shelf.lacking(digest, one.evidence) if one is not None else {},
        most={"form": MOST_BYTES, "files": attached.MOST, "part": PART_BYTES, "mb": desk.settings.objections.file_mb},
        error=error,
    )


def attach(desk: Desk, digest: str) -> AnyResponse | tuple[str, int]:
    """Take files of a note that was taken before."""
    told, _find = papers.here(desk.settings, now_ms=desk.clock.now_ms())
    fate, _came = known(desk, digest, told)
    one = objection(told, fate)
    if one is None:
        return note(desk, digest, error=_("这份函件没有受理，不再收文件。")), 400
    try:
        came = _files()
    except UsageError as error:
        return note(desk, digest, error=str(error)), 400
    wrong = _kept(desk, digest, one.evidence, came, carrier(desk, told, one.report)) if came else _("没有选择文件。")
    if wrong:
        return note(desk, digest, error=wrong), 400
    return redirect(url_for("dashboards.note", digest=digest), code=303)


def receipt(desk: Desk, digest: str) -> Response:
    """Give the receipt of a note: what its carrier holds against the city."""
    told, _find = papers.here(desk.settings, now_ms=desk.clock.now_ms())
    known(desk, digest, told)
    try:
        made = receipts.made(desk.settings, digest)
    except (receipts.PendingError, UsageError):
        abort(404)
    name = f"{digest[:16]}.note.receipt"
    return Response(made, mimetype="text/plain", headers={"Content-Disposition": f'attachment; filename="{name}"'})


def note_file(desk: Desk, digest: str, file: str) -> Response:
    """Give a file of a note as it came: to be saved, never shown by us."""
    told, _find = papers.here(desk.settings, now_ms=desk.clock.now_ms())
    known(desk, digest, told)
    held_files = {each.digest: each for each in Shelf(desk.settings).held(digest)}
    path = Shelf(desk.settings).path(digest, file)
    if file not in held_files or path is None:
        abort(404)
    return send_file(path, mimetype="application/octet-stream", as_attachment=True, download_name=held_files[file].name)


def known(desk: Desk, digest: str, told: Known) -> tuple[Handed | None, Handed | None]:
    """Return what became of a note and that it came in; of one that is not in sight, not found."""
    found = receipts.read(desk.settings)
    fate, came = receipts.fate(found, digest), receipts.arrival(found, digest)
    first = fate or came
    if first is None or not is_in_sight(desk, first, told):
        abort(404)
    return fate, came


def objection(told: Known, fate: Handed | None) -> Objection | None:
    """Return the objection that a note became, None where it is none."""
    if fate is None or fate.fact.kind != notes.OBJECTION:
        return None
    name = str(fate.fact.body["objection"])
    case = told.cases.of_objection(name)
    return case.objections.get(name) if case is not None else None


def _is_ready(desk: Desk, digest: str) -> bool:
    try:
        receipts.made(desk.settings, digest)
    except (receipts.PendingError, UsageError, EvidenceError):
        return False
    return True


def remedy(reason: str) -> str:
    """Say what can be done about a note that was refused for this reason."""
    return {
        remedies.LATE: _("期限已过。如果曾在期限内递交，请出示当时的回执或送达证明。"),
        remedies.KEY: _("请用登记在市方的密钥签署；换了密钥，先把它的公钥一行交给市方登记。"),
        remedies.FILE: _("请下载最新修订的证据包，用它重新签署。"),
        remedies.UNKNOWN: _("请从本页下载证据包，用它签署：函件里的报告名须与账本一致。"),
        remedies.TARGET: _("请在第一步里从报告所列的中断中选择，再签署。"),
        remedies.PERSON: _("账本不能忘记：理由中不写电话、MAC 等个人信息，只写案卷编号，再签署。"),
        remedies.TWICE: _("不必再递交：请在异议列表中查看它的进展。"),
        remedies.FORM: _("请用本页的命令重新签署，不要手工修改 .note 文件。"),
    }[remedies.of(reason)]
