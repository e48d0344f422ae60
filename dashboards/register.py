"""The register on pages: a record is edited, the plan is shown, a second person decides, the core carries it out.

Nothing here writes the register. A form becomes edits (`inventory.edits`), held against the register at once and shown
with what they bring about; asking states a request of two persons like any other (`netops/amending.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, g, redirect, render_template, request, url_for

from dashboards import effects, records
from dashboards.frame import bound, frame
from dashboards.proposals import findings
from inventory import edits, times
from inventory.errors import FilesError, InventoryError
from inventory.model import noun as noun_of
from netops import amending
from netops.access import approvals, guard, record
from netops.access.reach import unseen
from netops.errors import AccessError, NetopsError, UsageError
from netops.web.language import gettext as _
from netops.web.language import mark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from werkzeug.wrappers import Response

    from dashboards.city import City
    from dashboards.desk import Desk
    from inventory.edits import Edit
    from inventory.model import Record
    from netops.access.approvals import Approval

    Answer = str | Response | tuple[str, int]

SHOWN = 40  # services named on a plan
BEYOND = mark("这项更改涉及您查看范围以外的内容：请由看得到全市的人提出。")
RECENT = 20


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""
    add = blueprint.add_url_rule
    add("/register", "register", bound(index, desk))
    add("/register/add/<noun>", "record_new", bound(new, desk))
    add("/register/add/<noun>", "record_add", bound(review_new, desk), methods=["POST"])
    add("/register/<noun>/<name>/edit", "record_edit", bound(edit, desk))
    add("/register/<noun>/<name>/edit", "record_change", bound(review, desk), methods=["POST"])
    add("/register/ask", "record_ask", bound(ask, desk), methods=["POST"])
    add("/register/request/<name>", "record_request", bound(asked, desk))
    add("/register/request/<name>", "record_again", bound(again, desk), methods=["POST"])


def index(desk: Desk) -> str:
    """Show what waits for a second person, what was changed lately, and the ways in."""
    city = desk.queries.city()
    asked = [each for each in record.read(desk.settings).values() if each.request.action == amending.ACTION]
    known = {each.request.id: each for each in asked if in_sight(desk, each)}
    with desk.queries.register() as register:
        recent = register.applications(most=RECENT)
    if not guard.scope().whole:  # what files changed, they changed all over the city
        recent = [each for each in recent if each.request in known]
    return render_template(
        "dashboards/register.html",
        **frame(desk, city),
        counts=[(noun, _(label), len(getattr(city.snapshot, f"{noun}s"))) for noun, label in records.NOUNS.items()],
        waiting=[each for each in known.values() if each.state == approvals.PENDING],
        recent=recent,
        proposals=_proposals(desk),
        shortly=shortly,
    )


def _proposals(desk: Desk) -> int:
    try:
        return sum(each.standing != "known" for each in findings(desk))
    except NetopsError:
        return 0  # its own page says why


def in_sight(desk: Desk, approval: Approval) -> bool:
    """Whether whoever asks may see a request: all that it touches lies in sight; once decided, all that it made."""
    if guard.scope().whole:
        return True
    try:
        wanted = amending.wanted_of(approval.request.terms)
    except FilesError:
        return False
    if approval.state == approvals.PENDING:
        return desk.queries.encloses(wanted)
    made = [each.after or _last(desk, each) for each in wanted]
    return desk.queries.lies([each for each in made if each is not None]) and None not in made


def _last(desk: Desk, each: Edit) -> Record | None:
    """Return what a record was at last."""
    with desk.queries.register() as register:
        versions = register.history(each.noun, each.id)
    return versions[-1].record if versions else None


def shortly(approval: Approval) -> list[str]:
    """Say in a few words what a request changes."""
    try:
        return [said(each) for each in amending.wanted_of(approval.request.terms)]
    except (FilesError, KeyError, TypeError):
        return [approval.request.subject]


def said(each: Edit) -> str:
    """Say an edit: what is done to which record."""
    noun, name = _(records.NOUNS[each.noun]), each.id
    if each.after is None:
        return _("停用 %(noun)s %(name)s", noun=noun, name=name)
    if not each.before:
        return _("新增 %(noun)s %(name)s", noun=noun, name=name)
    return _("更改 %(noun)s %(name)s", noun=noun, name=name)


# ---- the form
def new(desk: Desk, noun: str) -> str:
    """Show an empty form; from a proposal, or from a site, with what is known."""
    _noun(noun)
    values = {name: request.args.get(name, "")[:2_000] for name in edits_columns(noun)}
    return _form(desk, noun, "", values, {})


def edits_columns(noun: str) -> Sequence[str]:
    """Return the fields of a noun."""
    return list(records.typed(noun, {}))


def edit(desk: Desk, noun: str, name: str) -> str:
    """Show the form of a record as it holds now."""
    held = _held(desk, noun, name)
    errors = {} if desk.queries.encloses([_ended(held)]) else {"": _(BEYOND)}
    proposed = {key: value[:2_000] for key, value in request.args.items() if key in edits_columns(noun)}
    return _form(desk, noun, name, edits.cells(held) | proposed, errors)


def _ended(held: Record) -> Edit:
    return edits.Edit(noun=noun_of(held), id=held.id, before=edits.digest(held), after=None)


def _form(desk: Desk, noun: str, name: str, values: Mapping[str, str], errors: Mapping[str, str]) -> str:
    city = desk.queries.city()
    return render_template(
        "dashboards/record_edit.html",
        **frame(desk, city),
        noun=noun,
        noun_title=_(records.NOUNS[noun]),
        name=name,
        fields=records.fields(city, noun, values, errors, is_new=not name),
        errors=errors,
        from_=request.form.get("from", ""),
        reason=request.form.get("reason", ""),
    )


def review_new(desk: Desk, noun: str) -> Answer:
    """Show the plan of a record that is to be added; the form again where something is wrong with it."""
    return _review(desk, _noun(noun), "")


def review(desk: Desk, noun: str, name: str) -> Answer:
    """Show the plan of a change or of a retirement."""
    return _review(desk, noun, name)


def _review(desk: Desk, noun: str, name: str) -> Answer:
    held = _held(desk, noun, name) if name else None
    values = records.typed(noun, request.form)
    if held is not None:
        values["id"] = name
    made: Record | None = None
    errors: dict[str, str] = {}
    if request.form.get("act") != "retire":
        made, errors = records.read(noun, values)
        if made is None or errors:
            return _form(desk, noun, name, values, errors), 400
    seen = request.form.get("seen") or edits.digest(held)
    wanted = [edits.Edit(noun=noun, id=made.id if made else name, before=seen if held else "", after=made)]
    if not desk.queries.encloses(wanted):
        return _form(desk, noun, name, values, _beyond(desk, made)), 400
    try:
        from_ms = _from(desk)
        with desk.queries.register() as register:
            register.plan_edits(wanted, at_ms=from_ms or desk.clock.now_ms())
    except FilesError as error:
        return _form(desk, noun, name, values, records.at_fields(noun, desk.queries.told(error.problems))), 400
    except UsageError as error:
        return _form(desk, noun, name, values, {"from": str(error)}), 400
    return _plan(desk, wanted, from_ms=from_ms, reason=request.form.get("reason", ""))


def _beyond(desk: Desk, made: Record | None) -> dict[str, str]:
    """Return by field what a record names beyond the scope, else that the change itself reaches beyond it."""
    found = unseen(desk.queries.city().snapshot, made) if made is not None else []
    return {field: _("没有 %(name)s", name=name) for field, name in found} or {"": _(BEYOND)}


def _from(desk: Desk) -> int:
    """Return from when a change shall hold; 0: from when it is applied. UsageError when that has passed."""
    written = request.form.get("from", "").strip()
    if not written:
        return 0
    try:
        from_ms = times.instant(written, times.zone(desk.settings.city.timezone))
    except ValueError as error:
        raise UsageError(str(error)) from None
    if from_ms <= desk.clock.now_ms():
        raise UsageError(_("生效时间已过。过去的情况用文件和 --at 更正。"))
    return from_ms


def _plan(desk: Desk, wanted: Sequence[Edit], *, from_ms: int, reason: str = "", error: str = "") -> str:
    """Show what edits change and whom they touch, with the button that asks for them."""
    city = desk.queries.city()
    return render_template(
        "dashboards/record_plan.html",
        **frame(desk, city),
        **shown(city, wanted),
        texts=[edits.text(each) for each in wanted],
        from_ms=from_ms,
        reason=reason,
        error=error,
    )


def shown(city: City, wanted: Sequence[Edit]) -> dict[str, Any]:
    """Return the rows of a plan and what it brings about."""
    brought = effects.of(city, wanted)
    held = {(each.noun, each.id): _now(city, each.noun, each.id) for each in wanted}
    return {
        "changes": [(each, said(each), records.diff(each, held[each.noun, each.id])) for each in wanted],
        "effects": brought,
        "effect_notes": [_(effects.NOTES[name]) for name in brought.notes],
        "services_shown": brought.services[:SHOWN],
        "services_more": max(len(brought.services) - SHOWN, 0),
    }


def _now(city: City, noun: str, name: str) -> Record | None:
    found: Record | None = getattr(city.snapshot, noun).get(name)
    return found


# ---- two persons
def ask(desk: Desk) -> Answer:
    """State the request."""
    texts = request.form.getlist("change")
    reason = request.form.get("reason", "")
    from_ms = request.form.get("from_ms", 0, type=int)
    try:
        wanted = [edits.read(each) for each in texts]
        if not wanted:
            raise UsageError(_("没有要更改的内容。"))  # noqa: TRY301
        if not desk.queries.encloses(wanted):
            raise UsageError(_(BEYOND))  # noqa: TRY301
    except (FilesError, UsageError) as error:
        return render_template(
            "dashboards/record_wrong.html", **frame(desk, desk.queries.city()), error=str(error)
        ), 400
    now_ms = desk.clock.now_ms()
    try:
        if from_ms and from_ms <= now_ms:
            raise UsageError(_("生效时间已过。过去的情况用文件和 --at 更正。"))  # noqa: TRY301
        with desk.queries.register() as register:
            register.plan_edits(wanted, at_ms=from_ms or now_ms)
        made = approvals.ask(
            amending.ACTION,
            terms=amending.terms_of(wanted, from_ms=from_ms),
            by=g.person.account,
            role=g.person.role,
            reason=reason,
            now_ms=now_ms,
        )
    except AccessError as error:
        return _plan(desk, wanted, from_ms=from_ms, reason=reason, error=str(error)), 403
    except FilesError as error:
        said = "\n".join(map(str, desk.queries.told(error.problems)))
        return _plan(desk, wanted, from_ms=from_ms, reason=reason, error=said), 400
    except UsageError as error:
        return _plan(desk, wanted, from_ms=from_ms, reason=reason, error=str(error)), 400
    desk.submit(made)
    return redirect(url_for("dashboards.record_request", name=dict(made[-1].body)["request"]), code=303)


def asked(desk: Desk, name: str, error: str = "") -> str:
    """Show a request: its plan, whether it still fits, what was decided and what became of it."""
    approval = _approval(desk, name)
    city = desk.queries.city()
    wanted = amending.wanted_of(approval.request.terms)
    terms: Any = approval.request.terms
    outcome = next(
        (leaf for leaf in desk.queries.leaves(amending.KIND) if leaf.fact.body["request"] == name),
        None,
    )
    is_open = approval.state == approvals.PENDING
    return render_template(
        "dashboards/record_request.html",
        **frame(desk, city),
        **(shown(city, wanted) if outcome is None else _as_it_was(wanted)),
        approval=approval,
        from_ms=int(terms["from_ms"]),
        unfit=_unfit(desk, wanted, int(terms["from_ms"])) if is_open else [],
        outcome=outcome,
        may_decide=is_open and _may_decide(approval),
        may_ask=g.person.role in approvals.ACTIONS[amending.ACTION].asks,
        error=error,
    )


def _as_it_was(wanted: Sequence[Edit]) -> dict[str, Any]:
    """Return the rows of a plan that is over: what it asked for, without holding it against the city of today."""
    return {"changes": [(each, said(each), records.diff(each, None)) for each in wanted], "effects": None}


def _unfit(desk: Desk, wanted: Sequence[Edit], from_ms: int) -> list[str]:
    """Return why a plan does not fit the register as it is now."""
    try:
        with desk.queries.register() as register:
            register.plan_edits(wanted, at_ms=from_ms or desk.clock.now_ms())
    except FilesError as error:
        return [str(each) for each in desk.queries.told(error.problems)]
    except InventoryError as error:
        return [str(error)]
    return []


def again(desk: Desk, name: str) -> Answer:
    """Make the plan anew from what the register holds now, for a request that does not fit any more."""
    approval = _approval(desk, name)
    wanted = []
    with desk.queries.register() as register:
        for each in amending.wanted_of(approval.request.terms):
            held = register.spells(each.noun, **_instant(desk), name=each.id)
            before = edits.digest(held[0].record if held else None)
            if before != edits.digest(each.after):
                wanted.append(edits.Edit(noun=each.noun, id=each.id, before=before, after=each.after))
    if not wanted:
        return asked(desk, name, error=_("登记册已经是所请求的样子。")), 400
    return _plan(desk, wanted, from_ms=0, reason=approval.request.reason)


def _instant(desk: Desk) -> dict[str, int]:
    now_ms = desk.clock.now_ms()
    return {"start_ms": now_ms, "end_ms": now_ms + 1}


def _approval(desk: Desk, name: str) -> Approval:
    found = record.read(desk.settings).get(name)
    if found is None or found.request.action != amending.ACTION or not in_sight(desk, found):
        abort(404)
    return found


def _may_decide(approval: Approval) -> bool:
    return g.person.role in approvals.ACTIONS[amending.ACTION].decides and g.person.account != approval.request.by


def _noun(noun: str) -> str:
    if noun not in records.NOUNS:
        abort(404)
    return noun


def _held(desk: Desk, noun: str, name: str) -> Record:
    """Return a record as the register has it now, not as old as the pages' own copy may be."""
    _noun(noun)
    with desk.queries.register() as register:
        found = register.spells(noun, **_instant(desk), name=name)
    held = found[0].record if found else None
    return held if held is not None and desk.queries.lies([held]) else abort(404)
