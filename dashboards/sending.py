"""A large file of a note, or of the city's answer, comes in parts: how far it is, and the next. `upload.js` makes them.

Only a file that the note names can be begun, by whoever may hand in and sees the note; with an answer one, by whoever
may give it, while nobody has. No answer here is a page.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, jsonify, request

from dashboards import handing, rulings
from dashboards.frame import bound
from netops.dispute import attached, papers, refusals, room
from netops.dispute.attached import Shelf, named
from netops.dispute.parts import PART_BYTES, Part, Parts, PlaceError
from netops.errors import AccessError, NetopsError, UsageError
from netops.web.language import current
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from dashboards.desk import Desk

LOG = logging.getLogger("netops.web")
UPLOADS = ("note_part", "answer_part")


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the addresses."""
    add = blueprint.add_url_rule
    add("/disputes/notes/<digest>/parts", "note_parts", bound(parts, desk))
    add("/disputes/notes/<digest>/parts", "note_part", bound(part, desk), methods=["POST"])
    add("/disputes/<objection>/answer/parts", "answer_parts", bound(answer_parts, desk))
    add("/disputes/<objection>/answer/parts", "answer_part", bound(answer_part, desk), methods=["POST"])


def tidy(desk: Desk) -> None:
    """Throw away what nobody has gone on with; the pages open also where that cannot be."""
    try:
        count = Parts(desk.settings, Shelf(desk.settings)).tidy(now_ms=desk.clock.now_ms())
    except OSError as error:
        LOG.warning("unfinished uploads not looked at error=%s", error)
        return
    if count:
        LOG.info("unfinished uploads thrown away files=%d", count)


def parts(desk: Desk, digest: str) -> Response:
    """Tell how much of a file is here: `have` bytes, -1: all of it; whether the note names it."""
    _carrier, names = _of(desk, digest)
    file = request.args.get("file", "")
    if file not in names:
        return jsonify(named=False, have=0)
    return jsonify(named=True, have=Parts(desk.settings, Shelf(desk.settings)).have(digest, file))


def part(desk: Desk, digest: str) -> Response | tuple[Response, int]:
    """Take the next part of a file; 409 with `have` where it is not the next."""
    carrier, names = _of(desk, digest)
    if request.form.get("file", "") not in names:
        return jsonify(error=_("函件没有指明这个文件：请递交签署时 --evidence 所用的文件。")), 400
    return _next(desk, digest, carrier=carrier)


def answer_parts(desk: Desk, objection: str) -> Response | tuple[Response, int]:
    """Tell how much of the file of an answer is here, as `parts` does; the answer names whatever is sent."""
    try:
        rulings.attachable(desk, objection)
        shelf, place = Shelf(desk.settings), attached.of_answer(objection)
        return jsonify(named=True, have=Parts(desk.settings, shelf).have(place, request.args.get("file", "")))
    except NetopsError as error:
        return jsonify(error=refusals.said(str(error), current())), 403


def answer_part(desk: Desk, objection: str) -> Response | tuple[Response, int]:
    """Take the next part of the file of an answer, which has one: what came before and was not stated goes."""
    try:
        rulings.attachable(desk, objection)
    except NetopsError as error:
        return jsonify(error=refusals.said(str(error), current())), 403
    return _next(desk, attached.of_answer(objection), carrier=room.CITY, answers=objection)


def _next(desk: Desk, place: str, *, carrier: str, answers: str = "") -> Response | tuple[Response, int]:
    """Take a part of a file that may come; of the answer to an objection no other file stays beside a whole one."""
    sent, form = request.files.get("part"), request.form
    if sent is None:
        return jsonify(error=_("请求里没有文件的内容，请再递交一次。")), 400
    made = Part(
        file=form.get("file", ""),
        name=form.get("name", ""),
        size=_number("size"),
        at=_number("at"),
        data=sent.read(PART_BYTES + 1),
        digest=form.get("digest", ""),
    )
    try:
        with attached.TURN:  # two parts at once would both be the next
            shelf = Shelf(desk.settings)
            parts_ = Parts(desk.settings, shelf)
            if answers:
                parts_.drop(place, but=made.file)
            have = parts_.take(place, made, carrier=carrier, now_ms=desk.clock.now_ms())
            if answers and have < 0:
                rulings.only(desk, answers, made.file)
    except PlaceError as error:
        return jsonify(have=error.have), 409
    except room.FullError as error:
        return jsonify(error=handing.full(error)), 413
    except (UsageError, AccessError) as error:
        return jsonify(error=refusals.said(str(error), current())), 403 if isinstance(error, AccessError) else 400
    except OSError as error:
        return jsonify(
            error=_("市方的磁盘写不进去（%(why)s）：已收到的部分保留，请稍后再试。", why=error.strerror)
        ), 507
    return jsonify(have=have)


def _of(desk: Desk, digest: str) -> tuple[str, dict[str, str]]:
    """Return on whose account a note's files go, and SHA-256 → name of those that it names; not found: none of that."""
    told, _find = papers.here(desk.settings, now_ms=desk.clock.now_ms())
    fate, _came = handing.known(desk, digest, told)
    one = handing.objection(told, fate)
    if one is None:
        abort(404)
    shelf = Shelf(desk.settings)
    return handing.carrier(desk, told, one.report), named(one.evidence, shelf.lists(digest))


def _number(name: str) -> int:
    text = request.form.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else -1
