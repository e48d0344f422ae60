"""One's own second factors: the proof within a login, and the page on which they are set up and taken away."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import segno
from flask import Blueprint, g, redirect, render_template, request, url_for
from markupsafe import Markup

from dashboards import words
from dashboards.frame import bound
from dashboards.staff import begin, here, login, unkept
from netops.access import guard, steps
from netops.access.staff import ThrottledError
from netops.access.steps import Held, Step
from netops.errors import AccessError, UsageError
from netops.facts import Fact
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from dashboards.desk import Desk
    from netops.access.factors import Offer

FRESH_MS = 15 * 60_000  # how old a login may be that changes what proves its owner


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""
    add = blueprint.add_url_rule
    add("/factor", "factor", bound(factor, desk))
    add("/factor", "prove", bound(prove, desk), methods=["POST"])
    add("/login/passkey", "enter_passkey", bound(enter_passkey, desk), methods=["POST"])
    add("/factors", "factors", bound(factors, desk))
    add("/factors", "arrange", bound(arrange, desk), methods=["POST"])


# ---- within a login
def factor(desk: Desk, error: str = "", code: int = 200) -> AnyResponse:
    """Ask for the second factor, or go on when nothing is missing."""
    target = guard.inside(request.values.get("next", "/"))
    if g.person.step is not Step.PROVE:
        return redirect(target, code=303)
    held = desk.factors.held(g.person.account)
    keys = desk.passkeys if held.passkeys else None
    page = render_template(
        "dashboards/factor.html",
        error=error,
        next=target,
        codes=steps.by_code(g.person.role, held, desk.rule),
        asked=keys.asking(g.person.account, now_ms=desk.clock.now_ms()) if keys else "",
    )
    return unkept(page, code)


def prove(desk: Desk) -> AnyResponse:
    """Take a code or a passkey's answer; a new session begins, for what is open now is more than before."""
    if g.person.step is not Step.PROVE:
        return redirect("/", code=303)
    name, now_ms, address = g.person.account, desk.clock.now_ms(), request.remote_addr or ""
    held = desk.factors.held(name)
    try:
        if (answer := request.form.get("credential", "")) and desk.passkeys:
            desk.passkeys.prove(name, answer, address=address, now_ms=now_ms)
        else:
            by_code, given = steps.by_code(g.person.role, held, desk.rule), request.form.get("code", "")
            desk.factors.prove(name, given, address=address, now_ms=now_ms, codes=by_code)
    except ThrottledError as error:
        slow = factor(desk, _("尝试次数过多，请 %(wait)s 秒后再试。", wait=error.wait_s), 429)
        slow.headers["Retry-After"] = str(error.wait_s)
        return slow
    except AccessError:
        said = _("这个通行密钥不被接受。") if request.form.get("credential") else _("验证码不正确或已用过。")
        return factor(desk, said, 401)
    return proven(desk, now_ms=now_ms)


def proven(desk: Desk, *, now_ms: int) -> AnyResponse:
    """Go on with a login whose second factor holds."""
    name = g.person.account
    account = desk.staff.account(name)
    if account is None:
        raise AccessError(f"there is no account '{name}' any more")
    step = steps.after_proof(account.role, desk.factors.held(name), desk.rule)
    if step is Step.NOTHING:
        desk.factors.entered(name, address=request.remote_addr or "", now_ms=now_ms)
    whence = here(desk.sessions.whence(g.person.secret))
    target = guard.inside(request.form.get("next", "/"))
    return begin(desk, account, step, target=target, now_ms=now_ms, whence=whence)


def enter_passkey(desk: Desk) -> AnyResponse:
    """Log in by a passkey alone: its authenticator has verified who holds it."""
    now_ms, address = desk.clock.now_ms(), request.remote_addr or ""
    if desk.passkeys is None:
        return login(desk, _("这里不能使用通行密钥。"), 401)
    try:
        name = desk.passkeys.enter(request.form.get("credential", ""), address=address, now_ms=now_ms)
    except ThrottledError as error:
        slow = login(desk, _("尝试次数过多，请 %(wait)s 秒后再试。", wait=error.wait_s), 429)
        slow.headers["Retry-After"] = str(error.wait_s)
        return slow
    except AccessError:
        return login(desk, _("这个通行密钥不被接受。"), 401)
    account = desk.staff.account(name)
    if account is None or desk.staff.barred(name):
        return login(desk, _("这个通行密钥不被接受。"), 401)
    step = steps.after_proof(account.role, desk.factors.held(name), desk.rule)
    desk.factors.entered(name, address=address, now_ms=now_ms)
    return begin(desk, account, step, target=guard.inside(request.form.get("next", "/")), now_ms=now_ms)


# ---- what one has
def factors(desk: Desk, error: str = "", code: int = 200) -> AnyResponse:
    """Show what proves one's account besides the password."""
    return _page(desk, code, error=error)


def arrange(desk: Desk) -> AnyResponse:
    """Offer, take up, renew or take away."""
    act = request.form.get("act", "")
    if act not in _ACTS:
        return factors(desk, _("请求的内容不完整或有误，请返回上一页检查后重试。"), 400)
    if not is_fresh(desk):
        return factors(desk, _("为了安全，请先退出并重新登录，然后在 15 分钟内修改。"), 403)
    try:
        return _ACTS[act](desk)
    except ThrottledError as error:
        return factors(desk, _("尝试次数过多，请 %(wait)s 秒后再试。", wait=error.wait_s), 429)


def _offer(desk: Desk) -> AnyResponse:
    name = g.person.account
    return _page(desk, 200, offer=desk.factors.offer(name, issuer=_issuer(desk), now_ms=desk.clock.now_ms()))


def _take_up(desk: Desk) -> AnyResponse:
    name, sealed, now_ms = g.person.account, request.form.get("sealed", "")[:2000], desk.clock.now_ms()
    address = request.remote_addr or ""
    try:
        codes = desk.factors.take_up(name, sealed, request.form.get("code", ""), address=address, now_ms=now_ms)
    except UsageError:
        offer = desk.factors.reoffer(name, sealed, issuer=_issuer(desk))
        return _page(desk, 400, error=_("验证码不正确。请检查手机的时间。"), offer=offer)
    except AccessError:
        return factors(desk, _("这次设置已过期或已完成，请重新开始。"), 400)
    _state(desk, "one-time codes set up", now_ms)
    return after_change(desk, codes=codes, now_ms=now_ms)


def _renew(desk: Desk) -> AnyResponse:
    held = desk.factors.held(g.person.account)
    if not (held.codes or held.passkeys):
        return factors(desk, _("请先设置第二重验证。"), 400)
    now_ms = desk.clock.now_ms()
    codes = desk.factors.renew_recovery(g.person.account, address=request.remote_addr or "", now_ms=now_ms)
    _state(desk, "recovery codes renewed", now_ms)
    return _page(desk, 200, codes=codes)


def _drop_codes(desk: Desk) -> AnyResponse:
    held = desk.factors.held(g.person.account)
    if desk.rule.lacks(g.person.role, Held(passkeys=held.passkeys)):
        return factors(desk, _("您的角色必须有第二重验证，不能删除最后一个。"), 400)
    now_ms = desk.clock.now_ms()
    desk.factors.drop_codes(g.person.account, address=request.remote_addr or "", now_ms=now_ms)
    _state(desk, "one-time codes removed", now_ms)
    return redirect(url_for(guard.FACTORS), code=303)


def _add_passkey(desk: Desk) -> AnyResponse:
    name, now_ms, address = g.person.account, desk.clock.now_ms(), request.remote_addr or ""
    account = desk.staff.account(name)
    if desk.passkeys is None or account is None:
        return factors(desk, _("这里不能使用通行密钥。"), 400)
    form = request.form
    try:
        answer, title = form.get("credential", ""), form.get("title", "")
        desk.passkeys.add(account, answer, title=title, address=address, now_ms=now_ms)
    except (AccessError, UsageError):
        return factors(desk, _("没有加入：名称须为 1 至 60 个字，每个设备只能加入一次，最多 10 个。"), 400)
    held = desk.factors.held(name)
    codes = [] if held.recovery else desk.factors.renew_recovery(name, address=address, now_ms=now_ms)
    _state(desk, "passkey added", now_ms)
    return after_change(desk, codes=codes, now_ms=now_ms)


def _drop_passkey(desk: Desk) -> AnyResponse:
    name, held, now_ms = g.person.account, desk.factors.held(g.person.account), desk.clock.now_ms()
    if desk.passkeys is None:
        return factors(desk, _("这里不能使用通行密钥。"), 400)
    if desk.rule.lacks(g.person.role, replace(held, passkeys=held.passkeys - 1)):
        return factors(desk, _("您的角色必须有第二重验证，不能删除最后一个。"), 400)
    try:
        which = request.form.get("passkey", "")[:1400]
        desk.passkeys.remove(name, which, address=request.remote_addr or "", now_ms=now_ms)
    except UsageError:
        return factors(desk, _("没有这个通行密钥，或已删除。"), 404)
    _state(desk, "passkey removed", now_ms)
    return redirect(url_for(guard.FACTORS), code=303)


_ACTS = {
    "offer": _offer,
    "take_up": _take_up,
    "renew": _renew,
    "drop_codes": _drop_codes,
    "add_passkey": _add_passkey,
    "drop_passkey": _drop_passkey,
}


def after_change(desk: Desk, *, codes: list[str], now_ms: int) -> AnyResponse:
    """Show the page after a factor was added; a login that had to set one up is complete by it."""
    person = g.person
    if person.step is not Step.SET_UP or desk.rule.lacks(person.role, desk.factors.held(person.account)):
        return _page(desk, 200, codes=codes)
    desk.factors.entered(person.account, address=request.remote_addr or "", now_ms=now_ms)
    whence = here(desk.sessions.whence(person.secret))
    desk.sessions.end(person.secret)
    secret = desk.sessions.begin(person.account, now_ms=now_ms, whence=whence)
    g.person = desk.sessions.person(secret, now_ms=now_ms)  # whose form token the page carries
    answer = _page(desk, 200, codes=codes)
    guard.remember(answer, secret)
    return answer


def _page(
    desk: Desk, code: int, *, error: str = "", offer: Offer | None = None, codes: list[str] | None = None
) -> AnyResponse:
    name, role, now_ms = g.person.account, g.person.role, desk.clock.now_ms()
    held, passkeys, account = desk.factors.held(name), desk.passkeys, desk.staff.account(name)
    page = render_template(
        "dashboards/factors.html",
        error=error,
        held=held,
        lacks=desk.rule.lacks(role, held),
        needs_passkey=role in desk.rule.passkey,
        passkeys=passkeys.all(name) if passkeys else [],
        creating=passkeys.creating(account, now_ms=now_ms) if passkeys and account else "",
        words=words,
        zone=desk.zone,
        is_fresh=is_fresh(desk),
        offer=offer,
        picture=_picture(offer) if offer is not None else "",
        codes=codes or [],
    )
    return unkept(page, code)


def _picture(offer: Offer) -> Markup:
    """Return the QR code as SVG: dark on light in every scheme, for the camera of a phone."""
    made = segno.make(offer.uri, error="m").svg_inline(scale=4, border=4, dark="#000", light="#fff", svgclass="qr")
    return Markup(made)  # noqa: S704  (rectangles alone; nothing of anybody's text stands in it)


def is_fresh(desk: Desk) -> bool:
    """Whether the login is so fresh that what proves its owner may be changed."""
    return bool(desk.clock.now_ms() - g.person.since_ms <= FRESH_MS)


def _issuer(desk: Desk) -> str:
    """Return what the phone calls this instance; a colon would end it there."""
    return desk.settings.city.title.replace(":", " ")


def _state(desk: Desk, action: str, now_ms: int) -> None:
    name = g.person.account
    desk.submit([Fact(kind="staff_action", at_ms=now_ms, body={"action": action, "subject": name, "by": name})])
