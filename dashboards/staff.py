"""The staff's own pages: log in, log out, change one's password, the list of accounts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for

from dashboards import audit, narrow, refusals, words
from dashboards.frame import bound, frame
from netops.access import guard, named, steps
from netops.access.scope import NOTHING
from netops.access.sessions import Whence
from netops.access.staff import ThrottledError
from netops.access.steps import Step
from netops.errors import AccessError, UsageError
from netops.facts import Fact
from netops.web.language import current
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from dashboards.desk import Desk
    from netops.access.staff import Account


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""
    add = blueprint.add_url_rule
    add("/login", "login", bound(login, desk))
    add("/login", "enter", bound(enter, desk), methods=["POST"])
    add("/password", "password", bound(password, desk))
    add("/password", "change", bound(change, desk), methods=["POST"])
    add("/accounts", "accounts", bound(accounts, desk))


def login(desk: Desk, error: str = "", code: int = 200, *, told: str = "") -> AnyResponse:
    """Show the login, or go on when somebody is logged in already; `told` is good news."""
    target = guard.inside(request.values.get("next", "/"))
    if g.person is not None and not error:
        return redirect(target, code=303)
    name = request.form.get("name", "")[:64]
    asked = desk.passkeys.asking(now_ms=desk.clock.now_ms()) if desk.passkeys else ""
    page = render_template(
        "dashboards/login.html", error=error, told=told, next=target, name=name, asked=asked, ways=_ways(desk)
    )
    return unkept(page, code)


def _ways(desk: Desk) -> list[tuple[str, str]]:
    """Return the providers of accounts that one may come by: name and what it is called."""
    chinese = current().startswith("zh")
    said = desk.settings.access.oidc
    return [(name, (each.title if chinese else each.title_en or each.title) or name) for name, each in said.items()]


def enter(desk: Desk) -> AnyResponse:
    """Log in; a new session begins, an old one of this browser ends."""
    now_ms = desk.clock.now_ms()
    try:
        account = desk.staff.login(
            request.form.get("name", "")[:64],
            request.form.get("password", "")[:1024],
            address=request.remote_addr or "",
            now_ms=now_ms,
            whole=lambda known: next_step(desk, known) is Step.NOTHING,
        )
    except ThrottledError as error:
        answer = login(desk, _("登录失败次数过多，请 %(wait)s 秒后再试。", wait=error.wait_s), 429)
        answer.headers["Retry-After"] = str(error.wait_s)
        return answer
    except AccessError as error:
        expired = "one-time" in str(error)
        said = _("一次性密码已过期，请联系管理员重置。") if expired else _("账号或密码不正确，或账号已停用。")
        return login(desk, said, 401)
    target = guard.inside(request.form.get("next", "/"))
    return begin(desk, account, next_step(desk, account), target=target, now_ms=now_ms)


def next_step(desk: Desk, account: Account) -> Step:
    """Return what an account needs once its password fits."""
    return steps.after_password(account.role, desk.factors.held(account.name), desk.rule)


def begin(
    desk: Desk, account: Account, step: Step, *, target: str, now_ms: int, whence: Whence | None = None
) -> AnyResponse:
    """Begin a session in place of the browser's present one, and lead to `target` or to what the login still needs.

    `whence` says by which provider it began, if by one.
    """
    if old := request.cookies.get(guard.cookie(), ""):
        desk.sessions.end(old)
    if step is Step.PROVE:
        target = url_for(guard.FACTOR, next=target)
    elif account.must_change:
        target = url_for(guard.PASSWORD)
    elif step is Step.SET_UP:
        target = url_for(guard.FACTORS)
    if step is not Step.PROVE:
        audit.told(desk, audit.LOGIN, account.name, by=account.name)
    answer = redirect(target, code=303)
    guard.remember(answer, desk.sessions.begin(account.name, now_ms=now_ms, step=step, whence=whence or here()))
    return answer


def here(begun: Whence | None = None) -> Whence:
    """Return from where this request comes; `begun` is what it goes on from."""
    agent, address = request.headers.get("User-Agent", ""), request.remote_addr or ""
    return replace(begun or Whence(), address=address, agent=agent)


def password(_desk: Desk, error: str = "", code: int = 200) -> Response:
    """Show the form for one's own password."""
    return unkept(render_template("dashboards/password.html", error=error), code)


def change(desk: Desk) -> AnyResponse:
    """Replace one's own password; every session ends, this browser gets a new one."""
    form, now_ms = request.form, desk.clock.now_ms()
    whence = here(desk.sessions.whence(g.person.secret))
    if form.get("new", "") != form.get("again", ""):
        return password(desk, _("两次输入的新密码不一致。"), 400)
    try:
        desk.staff.change(
            g.person.account,
            old=form.get("old", ""),
            new=form.get("new", ""),
            address=request.remote_addr or "",
            now_ms=now_ms,
        )
    except ThrottledError as error:
        return password(desk, _("登录失败次数过多，请 %(wait)s 秒后再试。", wait=error.wait_s), 429)
    except AccessError:
        return password(desk, _("当前密码不正确。"), 403)
    except UsageError:
        return password(
            desk, _("新密码须为 12 至 256 个字符，不含账号名，不与当前密码相同，且至少有 6 个不同字符。"), 400
        )
    name = g.person.account
    body = {"action": "password changed", "subject": name, "by": name}
    desk.submit([Fact(kind="staff_action", at_ms=now_ms, body=body)])
    step = steps.after_proof(g.person.role, desk.factors.held(name), desk.rule)
    answer = redirect(url_for(guard.FACTORS) if step is Step.SET_UP else "/", code=303)
    guard.remember(answer, desk.sessions.begin(name, now_ms=now_ms, step=step, whence=whence))
    return answer


def accounts(desk: Desk) -> str:
    """Show the accounts and what was done with them."""
    city = desk.queries.city()
    seen, contracts = city.snapshot, {**city.index.contracts, **city.snapshot.contract}
    known = named.names(seen.areas, seen.carriers, contracts.values(), [*seen.sites, *seen.services])
    return render_template(
        "dashboards/accounts.html",
        **frame(desk, city),
        nothing=NOTHING,
        missing=lambda scope: [f"{kind}:{name}" for kind, name in named.unknown(scope, known)],
        narrowed=lambda scope: ", ".join(narrow.said(scope, city.snapshot)),
        accounts=desk.staff.accounts(),
        events=desk.staff.events(limit=50),
        roles=words.of_staff(),
        done=done,
        refused=refusals.shown(desk),
    )


def done(what: str) -> str:
    """Say what was done to or with an account; netops/access/staff.py notes it in a few fixed words."""
    known = {
        "login": _("登录"),
        "login refused": _("登录被拒"),
        "password changed": _("密码已修改"),
        "password reset": _("重置密码"),
        "disabled": _("停用"),
        "password accepted": _("密码正确，等待第二重验证"),
        "code accepted": _("验证码正确"),
        "code refused": _("验证码被拒"),
        "recovery code used": _("使用了一个恢复码"),
        "recovery codes renewed": _("恢复码已更换"),
        "one-time codes set up": _("已设置验证码"),
        "one-time codes removed": _("已删除验证码"),
        "session ended": _("会话已结束"),
        "scope changed": _("查看范围已更改"),
        "token added": _("已建立访问令牌"),
        "token revoked": _("已撤销访问令牌"),
        "passkey added": _("已加入通行密钥"),
        "passkey removed": _("已删除通行密钥"),
        "passkey accepted": _("通行密钥正确"),
        "passkey refused": _("通行密钥被拒"),
        "account of a provider linked": _("已关联外部账号"),
        "account of a provider unlinked": _("已解除与外部账号的关联"),
        "second factors reset": _("第二重验证已重置"),
        "second factors reset in an emergency": _("第二重验证已应急重置，未经第二人批准"),
    }
    _added, mark, role = what.partition("added as ")
    return _("建立，角色：%(role)s", role=words.of_staff().get(role, role)) if mark else known.get(what, what)


def unkept(page: str, code: int) -> Response:
    """Return a page that neither browser nor proxy keeps."""
    answer = make_response(page, code)
    answer.headers["Cache-Control"] = "no-store"
    return answer
