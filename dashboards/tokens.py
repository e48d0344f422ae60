"""One's own tokens: with them a program reads pages and API in one's name. A new one is shown this once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, g, redirect, render_template, request, url_for

from dashboards import words
from dashboards.factors import is_fresh
from dashboards.frame import bound
from dashboards.staff import unkept
from inventory import times
from netops.access.permissions import ROLES
from netops.access.tokens import within
from netops.errors import UsageError
from netops.facts import Fact
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from dashboards.desk import Desk


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""
    add = blueprint.add_url_rule
    add("/tokens", "tokens", bound(tokens, desk))
    add("/tokens", "token_add", bound(add_one, desk), methods=["POST"])
    add("/tokens/revoke", "token_revoke", bound(revoke, desk), methods=["POST"])


def tokens(desk: Desk, *, error: str = "", code: int = 200, secret: str = "") -> AnyResponse:
    """Show one's tokens, and the form for another."""
    role = g.person.role
    page = render_template(
        "dashboards/tokens.html",
        tokens=desk.tokens.all(g.person.account),
        secret=secret,
        error=error,
        form=request.form if error else {},
        own=[each for each in ROLES if within(each, role)],
        roles=words.of_staff(),
        is_fresh=is_fresh(desk),
        words=words,
        zone=desk.zone,
    )
    return unkept(page, code)


def add_one(desk: Desk) -> AnyResponse:
    """Make a token for oneself."""
    account, form, now_ms = desk.staff.account(g.person.account), request.form, desk.clock.now_ms()
    if account is None or not is_fresh(desk):
        return tokens(desk, error=_("为了安全，请先退出并重新登录，然后在 15 分钟内修改。"), code=403)
    try:
        secret, made = desk.tokens.add(
            account,
            title=form.get("title", ""),
            role=form.get("role", ""),
            only=form.get("only", "").replace(",", " ").split(),
            until_ms=_until(desk, form.get("until", "")),
            by=account.name,
            now_ms=now_ms,
            origin=request.remote_addr or "",
        )
    except UsageError as error:
        return tokens(desk, error=str(error), code=400)
    _state(desk, "token added", f"{made.id} {made.role} {' '.join(made.only)}".strip(), now_ms)
    return tokens(desk, secret=secret)


def revoke(desk: Desk) -> AnyResponse:
    """End one of one's own tokens."""
    name, now_ms, which = g.person.account, desk.clock.now_ms(), request.form.get("token", "")[:16]
    try:
        made = desk.tokens.revoke(which, by=name, now_ms=now_ms, account=name, origin=request.remote_addr or "")
    except UsageError:
        return tokens(desk, error=_("没有这个令牌，或已撤销。"), code=404)
    _state(desk, "token revoked", made.id, now_ms)
    return redirect(url_for("dashboards.tokens"), code=303)


def _until(desk: Desk, said: str) -> int | None:
    if not said.strip():
        return None
    try:
        return times.instant(said, times.zone(desk.settings.city.timezone))
    except ValueError as error:
        raise UsageError(str(error)) from None


def _state(desk: Desk, action: str, detail: str, now_ms: int) -> None:
    name = g.person.account
    body = {"action": action, "subject": name, "by": name, "detail": detail}
    desk.submit([Fact(kind="staff_action", at_ms=now_ms, body=body)])
