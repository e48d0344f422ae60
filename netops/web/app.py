"""The application factory: what every web application of the house has, whoever mounts on it.

Here stand the order of the hooks and the pages for errors. What a page shows stands in the packages' blueprints, who
may see it in `netops.access`, how it is served in `netops.web.server`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, Response, jsonify, render_template, request
from werkzeug.exceptions import HTTPException, InternalServerError

from netops.clock import SYSTEM
from netops.errors import AccessError, NetopsError, PartError, StoreError, UsageError
from netops.web import forms, headers, health, language, polling, problem, safe
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from netops.clock import Clock
    from netops.config import Settings

LARGEST_FORM = 64 * 1024
BANNER = (
    '<aside class="rehearsal" aria-label="演练 Rehearsal">'
    '<span lang="zh-CN"><b>演练城市</b> 所有设备与数据均为模拟。</span> '
    '<span lang="en"><b>Rehearsal city</b> All devices and data are simulated.</span></aside>'
)


def create_app(
    name: str,
    settings: Settings,
    *,
    blueprints: Sequence[Blueprint] = (),
    guard: Callable[[Flask], None] | None = None,
    translations: Sequence[Path] = (),
    languages: Callable[[], Sequence[str]] = lambda: language.STAFF,
    inline_styles: Sequence[str] = (),
    error_template: str = "web/error.html",
    cookies: bool = False,
    uploads: Mapping[str, int] = MappingProxyType({}),
    ready: Callable[[], Mapping[str, str]] = dict,
    gauges: Callable[[], Mapping[str, float]] = dict,
    clock: Clock = SYSTEM,
) -> Flask:
    """Make an application of `blueprints`.

    `guard` installs who may do what (`netops.access.guard.Guard`); without one every page is public, as the portal's
    are. `translations` are directories of catalogues, `languages` which are offered at a request; `inline_styles` the
    exact texts of inline `<style>` elements that the policy allows; `cookies` says whether a language may be remembered
    in one; `uploads` are the endpoints whose forms hold files, with how many bytes each may have; `ready` returns what
    is wrong by subject.
    """
    app = Flask(name, template_folder=None, static_folder=None)
    app.url_map.merge_slashes = False  # else `//` leads to an address made of whatever Host the request names
    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_FORM,
        MAX_FORM_MEMORY_SIZE=LARGEST_FORM,
        MAX_FORM_PARTS=200,
        TEMPLATES_AUTO_RELOAD=False,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.finalize = safe.visible
    # after_request hooks run last-installed first: headers see the finished answer, the ETag covers the banner
    headers.install(app, inline_styles=inline_styles, private=cookies)
    polling.install(app)
    if settings.city.rehearsal:
        headers.mark_rehearsal(app, BANNER)
    language.install(app, settings.city, directories=translations, cookies=cookies, offered=languages)
    health.install(app, clock, ready=ready, gauges=gauges)
    _bound(app, uploads)
    _refuse_foreign(app)
    if guard is not None:
        guard(app)
    app.register_blueprint(_shared())
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    _errors(app, error_template)
    app.context_processor(lambda: {"city": settings.city, "rehearsal": settings.city.rehearsal})
    return app


def _shared() -> Blueprint:
    """Templates and static files that every application may use: `/static/web.css`, `web/error.html`."""
    return Blueprint("web", __name__, template_folder="templates", static_folder="static", static_url_path="/static")


def _bound(app: Flask, uploads: Mapping[str, int]) -> None:
    """Let the forms that hold files be larger than others, before anybody reads one; their fields stay as small.

    A form is read in pieces of 64 KiB, and the end of one that looks like the beginning of a boundary (any line break)
    is held against the bound of a field together with the piece after it: that bound must have room for both.
    """

    @app.before_request
    def _larger() -> None:
        if (most := uploads.get(request.endpoint or "")) is not None:
            request.max_content_length = most
            request.max_form_memory_size = 2 * LARGEST_FORM


def _refuse_foreign(app: Flask) -> None:
    @app.before_request
    def _foreign() -> Response | tuple[str, int] | None:
        if not forms.crossed():
            return None
        said = _("这个请求来自别的网站，已拒绝。请回到本系统的页面重新操作。")
        return problem.answer(403, said) if problem.concerns(request.path) else (_page(app, 403, said), 403)


def _errors(app: Flask, template: str) -> None:
    app.config["ERROR_TEMPLATE"] = template

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Any:
        if isinstance(error, InternalServerError) or error.response is not None:
            return error.response or _answer(app, 500, _plain(500))
        code = error.code or 500
        if 300 <= code < 400:
            return error
        answer = _answer(app, code, _plain(code))
        for key, value in error.get_headers():
            if key in {"Allow", "Retry-After", "WWW-Authenticate"}:
                answer.headers[key] = value
        return answer

    @app.errorhandler(NetopsError)
    def _ours(error: NetopsError) -> Response:
        code = next((c for kind, c in _CODES.items() if isinstance(error, kind)), 500)
        if code == 500:
            app.logger.error("request failed endpoint=%s error=%s", request.endpoint, error)
            return _answer(app, code, _plain(code))  # our own trouble names files and sockets: for the log alone
        part = _("您的账号只看得到城市的一部分，而这个页面不能只显示这一部分。") if isinstance(error, PartError) else ""
        return _answer(app, code, part or str(error))

    @app.errorhandler(Exception)
    def _unexpected(error: Exception) -> Response:
        app.logger.error("request failed endpoint=%s", request.endpoint, exc_info=error)
        return _answer(app, 500, _plain(500))


_CODES: dict[type[NetopsError], int] = {problem.UnfitError: 422, UsageError: 400, AccessError: 403, StoreError: 503}


def _plain(code: int) -> str:
    """Say in plain words what happened and what to do; nothing of the machine's insides."""
    return {
        400: _("请求的内容不完整或有误，请返回上一页检查后重试。"),
        401: _("请先登录。"),
        403: _("您的账号没有查看或操作此页面的权限。如确有需要，请联系管理员。"),
        404: _("没有这个页面。请检查地址，或从首页重新进入。"),
        405: _("这个地址不支持这种操作。"),
        413: _("提交的内容太大。"),
        429: _("操作太频繁，请稍后再试。"),
        503: _("服务暂时不可用，请稍后再试。"),
    }.get(code, _("系统出错，问题已记录。请稍后再试。"))


def _answer(app: Flask, code: int, message: str) -> Response:
    if problem.concerns(request.path):
        answer = problem.answer(code, message)
    elif request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        answer = jsonify(error=message)
    else:
        answer = Response(_page(app, code, message))
    answer.status_code = code
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _page(app: Flask, code: int, message: str) -> str:
    template: str = app.config["ERROR_TEMPLATE"]
    return render_template(template, code=code, message=message)
