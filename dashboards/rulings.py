"""The city answers an objection and rules on it: what waits and until when, the form, what a ruling moves, the word.

The rules stand where the command has them (`netops/dispute/deciding.py`). No key signs such a word: it is that of the
account that is logged in, proven as the command asks for it; so it takes a login of the last minutes.
"""

from __future__ import annotations

import shlex
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, g, redirect, render_template, request, send_file, url_for

from dashboards import closing, disputes, figures, held, objections, words
from dashboards.closing import ROWS, STATE, entered
from dashboards.factors import is_fresh
from dashboards.frame import bound, frame
from dashboards.handing import MOST_BYTES, full
from dashboards.objections import in_sight, sees, window
from dashboards.supposing import Forecast, Forecasts
from netops.access import record
from netops.commands.dispute_words import Speaker
from netops.dispute import attached, codes, deciding, papers, refusals
from netops.dispute.attached import File, Shelf
from netops.dispute.parts import PART_BYTES
from netops.dispute.room import CITY, FullError
from netops.errors import AccessError, UsageError
from netops.evidence import canonical
from netops.report import figures as amounts
from netops.report.words import WORDS, worded
from netops.sla import calendar
from netops.web.language import current
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from werkzeug.wrappers import Response as AnyResponse

    from dashboards.desk import Desk
    from netops.access.disputes import Known
    from netops.dispute.states import Case, Objection
    from netops.dispute.terms import Lookup
    from netops.facts import Fact

UPLOADS = ("answer_state",)
FIELDS = ("stance", "outcome", "minutes", "decides", "from", "to", "reason", "evidence")


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""
    add, forecasts = blueprint.add_url_rule, Forecasts(desk.settings)
    add("/disputes/waiting", "rulings", bound(index, desk))
    add("/disputes/<objection>/answer", "answer", bound(answer, desk))
    add("/disputes/<objection>/answer", "answer_state", bound(answer_state, desk), methods=["POST"])
    add("/disputes/<objection>/answer/<file>", "answer_file", bound(answer_file, desk))
    add("/disputes/<objection>/rule", "rule", bound(rule, desk))
    add(
        "/disputes/<objection>/rule",
        "rule_state",
        lambda objection: rule_state(desk, forecasts, objection),
        methods=["POST"],
    )


# ---- what waits


def index(desk: Desk) -> str:
    """Show the objections that wait for an answer or a ruling, the one that is due first on top; reports to close."""
    now_ms = desk.clock.now_ms()
    known, find = papers.here(desk.settings, now_ms=now_ms)
    open_ = [(each, case) for case in in_sight(desk, known) for each in case.open]
    rows = [_row(desk, each, case, known, find) for each, case in open_]
    rows.sort(key=lambda each: (not each["due_ms"], each["due_ms"], each["one"].at_ms, each["one"].id))
    shown, page, pages = figures.page(rows, request.args.get("page", 1, type=int), size=ROWS)
    return render_template(
        "dashboards/rulings.html",
        **frame(desk, desk.queries.city()),
        rows=shown,
        turn=held.turn("page", page, pages, len(rows)),
        **closing.waiting(desk, known, find),
    )


def _row(desk: Desk, one: Objection, case: Case, known: Known, find: Lookup) -> dict[str, Any]:
    """Return an objection as a table shows it, with what it waits for, how long, and whether for who asks."""
    told, found = objections.row(one, case, find), find(case.contract, case.end_ms - 1)
    days = -1
    if told["due_ms"] and found is not None:
        with suppress(UsageError):  # the calendar lacks the year
            days = found.left(one, told["due_ms"], now_ms=desk.clock.now_ms())
    return told | {
        "awaits": deciding.awaited(one),
        "days": days,
        "is_over": bool(told["due_ms"]) and told["due_ms"] <= desk.clock.now_ms(),
        "barred": bool(deciding.barred(known, one, g.person.account)),
    }


# ---- the answer


def answer(desk: Desk, objection: str, error: str = "", code: int = 200, made: Fact | None = None) -> AnyResponse:
    """Show the form of an answer; with the fact that it makes, before it is stated."""
    return _page(desk, objection, deciding.ANSWER, error=error, code=code, made=made)


def answer_state(desk: Desk, objection: str) -> AnyResponse:
    """Show what an answer would say, or state it."""
    _found(desk, objection)
    try:
        digest = _evidence(desk, objection)
        said = deciding.Answer(stance=entered("stance"), reason=request.form.get("reason", ""), evidence=digest)
        with disputes.TURN:
            known, find = _told(desk, objection)
            _kept(desk, objection, digest)  # another person's file may have taken its place
            by, now_ms = g.person.account, desk.clock.now_ms()
            fact = deciding.answer(known, find, objection, said, by=by, now_ms=now_ms)
            if closing.is_stated(fact):
                _state(desk, fact)
                return redirect(url_for("dashboards.objection", objection=objection), code=303)
    except UsageError as error:
        return answer(desk, objection, error=str(error), code=400)
    except AccessError as error:
        return answer(desk, objection, error=str(error), code=403)
    return answer(desk, objection, made=fact)


def attachable(desk: Desk, objection: str) -> None:
    """Refuse a file that comes when the answer was given: it would take the place of the one that the answer names."""
    known, _find, _case, one = _found(desk, objection)
    if deciding.awaited(one) != deciding.ANSWER or deciding.barred(known, one, g.person.account):
        raise AccessError(_("这项异议不再等待您的答复：文件没有收下。"))
    if _is_on_its_way(desk, objection):
        raise UsageError(_("上一步还在写入账本，请过一会儿再试。"))


def _evidence(desk: Desk, objection: str) -> str:
    """Keep the file that came with an answer; return its SHA-256, or that of the one that came before."""
    shelf, place = Shelf(desk.settings), attached.of_answer(objection)
    sent = request.files.get("file")
    if sent is not None and sent.filename:
        attachable(desk, objection)
        file = File(name=attached.harmless(sent.filename), data=sent.read())
        with attached.TURN:
            try:
                shelf.keep(place, [file], carrier=CITY)
            except FullError as error:
                raise UsageError(full(error)) from None
            only(desk, objection, file.digest)
        return file.digest
    digest = entered("evidence")
    _kept(desk, objection, digest)
    return digest


def only(desk: Desk, objection: str, file: str) -> None:
    """Let one file stay for an answer. AccessError when it was given meanwhile: then the file that it names stays."""
    with disputes.TURN:
        attachable(desk, objection)
        Shelf(desk.settings).only(attached.of_answer(objection), file)


def _kept(desk: Desk, objection: str, file: str) -> None:
    if file and Shelf(desk.settings).path(attached.of_answer(objection), file) is None:
        raise UsageError(_("这个文件没有保存，请再选一次。"))


def answer_file(desk: Desk, objection: str, file: str) -> Response:
    """Give the file that an answer names: to be saved, never shown by us."""
    _known, _find, _case, one = _found(desk, objection)
    shelf, place = Shelf(desk.settings), attached.of_answer(objection)
    path = shelf.path(place, file)
    if path is None or file != one.shows:
        abort(404)
    name = next(each.name for each in shelf.held(place) if each.digest == file)
    return send_file(path, mimetype="application/octet-stream", as_attachment=True, download_name=name)


# ---- the ruling


def rule(desk: Desk, objection: str, error: str = "", code: int = 200) -> AnyResponse:
    """Show the form of a ruling."""
    return _page(desk, objection, deciding.RULING, error=error, code=code)


def rule_state(desk: Desk, forecasts: Forecasts, objection: str) -> AnyResponse:
    """Show what a ruling would say and move, or state it."""
    _known, _find, case, one = _found(desk, objection)
    now_ms = desk.clock.now_ms()
    forecast = Forecast()
    try:
        said = _ruling()
        with disputes.TURN:
            known, find = _told(desk, objection)
            fact = deciding.rule(known, find, objection, said, by=g.person.account, now_ms=now_ms)
        if fact.body["outcome"] != "dismissed":
            month = window(case, find, known).month
            forecast = forecasts.of(fact, contract=case.contract, month=month, now_ms=now_ms)
        if closing.is_stated(fact, forecast.effect):
            with disputes.TURN:
                _told(desk, objection)  # nobody was quicker while it was reckoned
                _state(desk, fact)
            return redirect(url_for("dashboards.objection", objection=objection), code=303)
    except UsageError as error:
        return rule(desk, objection, error=str(error), code=400)
    except AccessError as error:
        return rule(desk, objection, error=str(error), code=403)
    word = deciding.follows(fact, one, papers.claims(desk.settings, case))
    follows = worded(word, held.language()) if word else ""
    return _page(desk, objection, deciding.RULING, made=fact, forecast=forecast, follows=follows)


def _ruling() -> deciding.Ruling:
    minutes = entered("minutes")
    if minutes and not (minutes.isascii() and minutes.isdigit() and len(minutes) < 9):
        raise UsageError(_("分钟数须为正整数。"))
    return deciding.Ruling(
        outcome=entered("outcome"),
        reason=request.form.get("reason", ""),
        minutes=int(minutes) if minutes else None,
        decides=entered("decides"),
        start=entered("from"),
        end=entered("to"),
    )


# ---- both


def _found(desk: Desk, objection: str) -> tuple[Known, Lookup, Case, Objection]:
    """Return an objection with its case and what is known; of one that is not in sight, not found."""
    known, find = papers.here(desk.settings, now_ms=desk.clock.now_ms())
    case = known.cases.of_objection(objection)
    if case is None or not sees(desk, case.contract):
        abort(404)
    return known, find, case, case.objections[objection]


def _told(desk: Desk, objection: str) -> tuple[Known, Lookup]:
    """Return what is known; UsageError while a word on the objection is still on its way to the ledger.

    It may lie in another spool than this one's word would, which might be looked at first, and be refused for good.
    """
    if _is_on_its_way(desk, objection):
        raise UsageError(_("上一步还在写入账本，请过一会儿再试。"))
    return papers.here(desk.settings, now_ms=desk.clock.now_ms())


def _is_on_its_way(desk: Desk, objection: str) -> bool:
    kinds = frozenset({"objection", deciding.ANSWER, deciding.RULING})
    told = record.stated(desk.settings, kinds)
    return any(not sealed and fact.body["objection"] == objection for fact, sealed in told)


def _state(desk: Desk, fact: Fact) -> None:
    """State a word; AccessError where the login is not of the last minutes."""
    if not is_fresh(desk):
        raise AccessError(
            _("还没有提交：登录已超过 15 分钟。请复制理由，退出并重新登录，在 15 分钟内提交；这一步须由本人确认。")
        )
    desk.submit([fact])


def _page(
    desk: Desk,
    objection: str,
    kind: str,
    *,
    error: str = "",
    code: int = 200,
    made: Fact | None = None,
    forecast: Forecast | None = None,
    follows: str = "",
) -> AnyResponse:
    known, find, case, one = _found(desk, objection)
    found = find(case.contract, case.end_ms - 1)
    zone = found.zone if found is not None else calendar.zone("UTC")
    form = {name: request.form.get(name, "") for name in FIELDS}
    if made is not None:
        form["evidence"] = str(made.body.get("evidence_digest", ""))
    page = render_template(
        "dashboards/ruling.html",
        **frame(desk, desk.queries.city()),
        kind=kind,
        case=case,
        window=window(case, find, known),
        row=_row(desk, one, case, known, find),
        one=one,
        is_mine=not error and deciding.awaited(one) == kind,
        waits=_is_on_its_way(desk, objection),
        is_fresh=is_fresh(desk),
        contract_zone=zone,
        form=form,
        choices=_choices(one, kind),
        made=made,
        seen=closing.shown(made, forecast.effect if forecast is not None else None) if made is not None else "",
        moved_on=made is not None and entered("what") == STATE,
        **(_shown(made, zone) if made is not None else {}),
        forecast=_moved(forecast) if forecast is not None else None,
        follows=follows,
        error=refusals.said(error, current()),
        kb=MOST_BYTES // 1000,
        mb=desk.settings.objections.file_mb,
        part=PART_BYTES,
    )
    return Response(page, status=code)


def _choices(one: Objection, kind: str) -> dict[str, Any]:
    """Return what can be said: the stance or outcome, and what an upheld objection may decide."""
    speaker = Speaker(current())
    if kind == deciding.ANSWER:
        names = {each: "stance_accepted" if each == "accepted" else each for each in deciding.STANCES}
        return {"words": [(each, speaker.say(name)) for each, name in names.items()]}
    return {
        "words": [(each, speaker.say(each)) for each in deciding.OUTCOMES],
        "decides": [(each, _decided(each)) for each in codes.DECIDES.get(one.code, ())],
        "minutes": codes.CODES[one.code][0] == codes.CLAIM,
    }


def _decided(word: str) -> str:
    name = f"decides_{word}"
    return worded(name, held.language()) if name in WORDS else words.cause(word)


def _shown(made: Fact, zone: ZoneInfo) -> dict[str, Any]:
    """Return a word before it is stated: as the ledger will hold it, and the command that says the same."""
    body: Any = made.body
    span = [words.clock(body[name], zone) for name in ("start_ms", "end_ms") if name in body]
    return {
        "said": _word(body),
        "span": " – ".join(span),
        "decided": _decided(body["decides"]) if "decides" in body else "",
        "text": canonical.dumps(dict(body)).decode(),
        "command": _command(made),
    }


def _word(body: Mapping[str, Any]) -> str:
    word = str(body.get("stance") or body.get("outcome"))
    return Speaker(current()).say("stance_accepted" if word == "accepted" else word)


def _command(made: Fact) -> str:
    body: Any = made.body
    if made.kind == deciding.ANSWER:
        words_ = ["rebut", body["objection"], body["stance"]]
        words_ += ["--evidence", "FILE"] if "evidence_digest" in body else []
    else:
        words_ = ["rule", body["objection"], body["outcome"]]
        words_ += ["--minutes", str(body["minutes"])] if "minutes" in body else []
        words_ += ["--decides", body["decides"]] if "decides" in body else []
        typed = (("--from", "from"), ("--to", "to"))
        words_ += [part for option, name in typed if entered(name) for part in (option, entered(name))]
    return "netops dispute " + shlex.join([*words_, "--reason", body["reason"], "--as", body["by"]])


def _moved(forecast: Forecast) -> dict[str, Any]:
    """Return what a ruling would move, as the page tells it."""
    effect = forecast.effect
    if effect is None:
        return {"reckoning": forecast.reckoning, "error": forecast.error}
    money = {name: amounts.money(effect[name]) for name in ("before", "after", "change")}
    return {
        **money,
        "reckoning": False,
        "error": "",
        "time": [{**row, "lasted": words.span(row["moved_ms"])} for row in figures.rows(effect["time"])],
        "values": [
            {**row, **{at: amounts.short(row[at]) or "—" for at in ("before", "after")}}
            for row in figures.rows(effect["values"])
        ],
    }
