"""What was done with accounts and by whom, as the ledger has it: for auditor and administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, g, render_template, request

from dashboards import figures, held, words
from dashboards.frame import bound, frame
from netops.access import bulk, record
from netops.facts import Fact
from netops.web.language import gettext as _
from netops.web.language import mark

if TYPE_CHECKING:
    from dashboards.desk import Desk

KIND = "staff_action"
ROWS = 50
LOGIN, RAW, BUNDLE, NOTE = "login", "raw bytes read", "bundle taken", "note handed in"
ADD = "staff add"  # its detail is the role, then the scope
ACTIONS = {
    LOGIN: mark("登录"),
    RAW: mark("读取原始字节"),
    BUNDLE: mark("下载证据包"),
    bulk.KIND: mark("成批的登录失败"),
    "session ended": mark("会话已结束"),
    NOTE: mark("递交函件"),
    "password changed": mark("密码已修改"),
    "token added": mark("已建立访问令牌"),
    "token revoked": mark("已撤销访问令牌"),
    ADD: mark("建立账号"),
    "staff disable": mark("停用账号"),
    "staff reset": mark("重置密码"),
    "second factors reset": mark("第二重验证已重置"),
    "staff reset-factors": mark("第二重验证已重置"),
    "staff reset-factors in an emergency": mark("第二重验证已应急重置，未经第二人批准"),
    "staff link": mark("已关联外部账号"),
    "staff unlink": mark("已解除与外部账号的关联"),
    "staff scope": mark("查看范围已更改"),
}


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the page."""
    blueprint.add_url_rule("/audit", "audit", bound(audit, desk))


def told(desk: Desk, action: str, subject: str, detail: str = "", *, by: str = "") -> None:
    """State what somebody did, by the person of the request where `by` is empty; it is on its way to the ledger."""
    body = {"action": action, "subject": subject, "by": by or g.person.account}
    body |= {"detail": detail} if detail else {}
    desk.submit([Fact(kind=KIND, at_ms=desk.clock.now_ms(), body=body)])


def audit(desk: Desk) -> str:
    """Show what was done, the latest first."""
    found = sorted(record.stated(desk.settings, frozenset({KIND, bulk.KIND})), key=lambda each: -each[0].at_ms)
    rows, page, pages = figures.page(found, request.args.get("page", 1, type=int), size=ROWS)
    return render_template(
        "dashboards/audit.html",
        **frame(desk, desk.queries.city()),
        rows=[{"at_ms": fact.at_ms, **_row(fact), "sealed": sealed} for fact, sealed in rows],
        named=lambda action: _(ACTIONS[action]) if action in ACTIONS else action,
        turn=held.turn("page", page, pages, len(found)),
    )


def _row(fact: Fact) -> dict[str, Any]:
    """Return action, subject, by and detail; failed logins in bulk have nobody who did them."""
    body: Any = fact.body
    if fact.kind == KIND:
        return {**body, "detail": _role(str(body.get("detail", "")))} if body["action"] == ADD else dict(body)
    worst = [*body["accounts"], *body["networks"]]
    counts = ", ".join(f"{name} {count}" for name, count in (body["accounts"] | body["networks"]).items())
    return {"action": bulk.KIND, "subject": worst[0], "by": "—", "detail": f"{body['refused']}: {counts}"}


def _role(detail: str) -> str:
    """Return the detail of a new account, its role in words."""
    role, _space, scope = detail.partition(" ")
    return f"{words.of_staff().get(role, role)} {scope}".strip()
