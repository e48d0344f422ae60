"""Why could somebody not get online: a place, a time, and each link of the chain there and then. Whose was broken.

It knows no person: sums of the minute, states of devices, and what visitors reported. So whoever answers the telephone
can answer without looking anybody up.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from flask import abort, render_template, request

from dashboards import courses, subjects
from dashboards.charts import DEGRADED, DOWN, UNKNOWN, UP
from dashboards.frame import bound, frame
from dashboards.logins import METRICS, SITE, Counts
from dashboards.months import Span
from netops import children
from netops.clock import utc
from netops.errors import NetopsError
from netops.model import Subject
from netops.sla.state import WATCHED
from netops.web.language import gettext as _
from netops.web.language import mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from flask import Blueprint

    from dashboards.city import City
    from dashboards.desk import Desk
    from inventory.model import Service, Site

MINUTE_MS: Final = 60_000
AROUND_MS: Final = 15 * MINUTE_MS
MOST: Final = 60  # access points of a site that are looked at one by one
SMS: Final = ("portal.sms.asked", "portal.sms.lost", "portal.sms.unheard")
GOOD, BAD, PARTLY, UNSEEN, NOBODY = "up", "down", "degraded", "unknown", ""
LINKS: Final = {  # in the order in which a visitor meets them
    "air": mark("接入点与控制器"),
    "portal": mark("登录门户"),
    "login": mark("访客登录"),
    "sms": mark("短信验证码的送达"),
    "uplink": mark("互联网出口"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link of the chain: how it was there and then, and by what we know that. `whose` is empty where it held."""

    name: str
    state: str
    said: str
    whose: str = ""


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the page."""
    blueprint.add_url_rule("/why/<site>", "why", bound(why, desk))


def why(desk: Desk, site: str) -> str:
    """Show the chain at a site around an instant; without one, of the last half hour."""
    city = desk.queries.city()
    known: Site = city.snapshot.site.get(site) or abort(404)
    if site not in city.index.visited:
        abort(404)  # its visitors are not of the scope of who asks
    asked = request.args.get("at", "")
    window = _window(desk, asked)
    if window is None:
        window, wrong = _lately(desk), _("时间没有看懂，显示的是最近半小时。")
    else:
        wrong = ""
    error, chain = "", list["Link"]()
    try:
        chain = links(desk, city, site, window)
    except NetopsError as failed:
        error = str(failed)
    broken = first_broken(chain)
    return render_template(
        "dashboards/why.html",
        **frame(desk, city),
        site=known,
        chain=[(each, _(LINKS[each.name])) for each in chain],
        broken=(broken, _(LINKS[broken.name])) if broken else None,
        start_ms=window.start_ms,
        end_ms=window.end_ms,
        at=f"{utc(window.start_ms + (window.end_ms - window.start_ms) // 2).astimezone(desk.zone):%Y-%m-%dT%H:%M}",
        error=error or wrong,
    )


def links(desk: Desk, city: City, site: str, window: Span) -> list[Link]:
    """Return the chain at a site in a window."""
    services = [each for each in city.snapshot.services if each.site == site and each.role in WATCHED]
    there = _sums(desk, SITE, lambda name: name == site, window)
    counts = Counts(Counter({metric: round(n) for metric, n in there.get(site, {}).items() if metric in METRICS}))
    told = _reports(desk, site, window)
    has_portal = any(each.role == "portal" for each in city.snapshot.services if each.site == site)
    return [
        air(_states(desk, city, services, window), more=max(0, len(services) - MOST)),
        portal(there.get(site), minutes=(window.end_ms - window.start_ms) // MINUTE_MS, there=has_portal),
        login(counts, reports=sum(told.values())),
        sms(_sums(desk, "sms", lambda name: name.startswith(f"{site}/"), window)),
        uplink(told),
    ]


def first_broken(chain: Iterable[Link]) -> Link | None:
    """Return the first link that was broken, else the first that was partly so: what follows it suffers from it."""
    held = list(chain)
    for state in (BAD, PARTLY):
        found = next((each for each in held if each.state == state), None)
        if found is not None:
            return found
    return None


# ---- each link, from what was counted. Pure.


def air(states: Mapping[str, int], *, more: int = 0) -> Link:
    """Judge the access points: by how many of a site's services were down, degraded or not seen in the window."""
    whole = sum(states.values())
    if not whole:
        return Link(name="air", state=NOBODY, said=_("本地点没有登记无线服务。"))
    down, unseen = states.get(DOWN, 0), states.get(UNKNOWN, 0)
    beyond = _("（另有 %(more)d 项未逐一查看）", more=more) if more else ""
    if down == whole:
        return Link(name="air", state=BAD, said=_("%(n)d 项服务全部中断", n=whole) + beyond, whose=_("运营商"))
    if down or states.get(DEGRADED, 0):
        said = _("%(down)d / %(n)d 项服务曾中断或降级", down=down + states.get(DEGRADED, 0), n=whole)
        return Link(name="air", state=PARTLY, said=said + beyond, whose=_("运营商"))
    if unseen == whole:
        return Link(name="air", state=UNSEEN, said=_("我方当时没有测到"))
    return Link(name="air", state=GOOD, said=_("%(n)d 项服务正常", n=whole - unseen) + beyond)


def portal(sums: Mapping[str, float] | None, *, minutes: int, there: bool = True) -> Link:
    """Judge the portal: it tells each minute that it serves a place. `there`: whether the place has one at all."""
    told = round((sums or {}).get("portal.state", 0))
    if not told and not there:
        return Link(name="portal", state=NOBODY, said=_("本地点没有登录门户"))
    if not told:
        return Link(name="portal", state=BAD, said=_("门户没有报告本地点"), whose=_("我方"))
    if told < minutes * 0.8:
        said = _("%(told)d / %(minutes)d 分钟有报告", told=told, minutes=minutes)
        return Link(name="portal", state=PARTLY, said=said, whose=_("我方"))
    return Link(name="portal", state=GOOD, said=_("一直在服务"))


def login(counts: Counts, *, reports: int) -> Link:
    """Judge the logins: who came online, who did not, and on whose account."""
    tried = counts.told + counts["ours"] + counts["refused"] + counts["unconfirmed"]
    heard = _("；收到 %(n)d 份报障", n=reports) if reports else ""
    if not tried:
        return Link(name="login", state=NOBODY, said=_("没有人登录") + heard)
    said = _(
        "%(online)d 台上网，%(failed)d 台未成功", online=counts["online"], failed=counts["failed"] + counts["unserved"]
    )
    if counts["ours"]:
        said += _("，%(ours)d 台因我方未成功", ours=counts["ours"])
    if counts["refused"]:
        said += _("，%(refused)d 次被拒绝（验证码或密码不对）", refused=counts["refused"])
    lost = counts["failed"] + counts["unserved"]
    if counts["ours"] > lost:
        return Link(name="login", state=PARTLY if counts["online"] else BAD, said=said + heard, whose=_("我方"))
    if lost and lost >= counts["online"]:
        return Link(name="login", state=BAD, said=said + heard, whose=_("运营商（控制器）"))
    if lost:
        return Link(name="login", state=PARTLY, said=said + heard, whose=_("运营商（控制器）"))
    return Link(name="login", state=GOOD, said=said + heard)


def sms(by_carrier: Mapping[str, Mapping[str, float]]) -> Link:
    """Judge the codes: asked for, lost, and not known of."""
    asked, lost, unheard = (
        round(sum(each.get(f"portal.sms.{name}", 0) for each in by_carrier.values()))
        for name in ("asked", "lost", "unheard")
    )
    if not asked:
        return Link(name="sms", state=NOBODY, said=_("没有人请求短信"))
    said = _("请求 %(asked)d 条，丢失 %(lost)d 条，%(unheard)d 条没有回音", asked=asked, lost=lost, unheard=unheard)
    if lost >= asked:
        return Link(name="sms", state=BAD, said=said, whose=_("短信服务商"))
    return Link(name="sms", state=PARTLY if lost else GOOD, said=said, whose=_("短信服务商") if lost else "")


def uplink(reports: Mapping[str, int]) -> Link:
    """Judge the way out, by what the portal itself saw of it when visitors reported."""
    down, up = reports.get("down", 0), reports.get("up", 0)
    if down:
        said = _("报障时门户测到出口中断（%(n)d 次）", n=down)
        return Link(name="uplink", state=PARTLY if up else BAD, said=said, whose=_("运营商"))
    if up:
        return Link(name="uplink", state=GOOD, said=_("报障时出口正常"))
    return Link(name="uplink", state=NOBODY, said=_("没有报障，未单独测量"))


# ---- reading


def _window(desk: Desk, asked: str) -> Span | None:
    """Return the half hour around an instant in the city's time; None where it is not one, or lies ahead."""
    if not asked:
        return _lately(desk)
    try:
        at_ms = int(datetime.fromisoformat(asked).replace(tzinfo=desk.zone).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        return None
    now_ms = desk.clock.now_ms()
    if not 0 < at_ms <= now_ms:
        return None
    return Span(name=asked[:16], start_ms=max(0, at_ms - AROUND_MS), end_ms=min(now_ms + 1, at_ms + AROUND_MS))


def _lately(desk: Desk) -> Span:
    end_ms = desk.clock.now_ms() + 1
    return Span(name="lately", start_ms=end_ms - 2 * AROUND_MS, end_ms=end_ms)


def _states(desk: Desk, city: City, services: Sequence[Service], window: Span) -> Counter[str]:
    """Count services by the worst that was seen of each in the window: down, degraded, up, or not seen at all."""
    made: Counter[str] = Counter()
    for each in services[:MOST]:
        steps = courses.step(desk, city, each.device)
        device = city.snapshot.device.get(each.device)
        told = children.of_service(each) or (subjects.told(device) if device else ())
        seen = courses.read(desk, told, steps, window)
        slots = courses.slots_of(desk, city, each, seen, steps=steps)
        inside = {slot.state for slot in slots if window.start_ms <= slot.slot_ms < window.end_ms}
        made[next((state for state in (DOWN, DEGRADED, UP) if state in inside), UNKNOWN)] += 1
    return made


def _sums(desk: Desk, kind: str, of: Any, window: Span) -> dict[str, Counter[str]]:
    """Return by subject the sums of its counts over the window; a subject that told nothing is not among them."""
    metrics = SMS if kind == "sms" else ("portal.state", *METRICS)
    age_ms = desk.clock.now_ms() - window.start_ms + MINUTE_MS
    known = {each.subject.id for each in desk.queries.last(kind, metrics[:2], max_age_ms=age_ms) if of(each.subject.id)}
    made: dict[str, Counter[str]] = {name: Counter() for name in known}
    length = window.end_ms - window.start_ms
    for metric in metrics if known else ():
        groups = {Subject(kind, name): name for name in known}
        for each in desk.queries.grouped(
            metric, groups, start_ms=window.start_ms, end_ms=window.end_ms, step_ms=length
        ):
            made[each.group][metric] += each.n if metric == "portal.state" else round(each.mean * each.n)
    return made


def _reports(desk: Desk, site: str, window: Span) -> Counter[str]:
    """Count what visitors reported here in the window, by what the portal saw of the uplink just then."""
    made: Counter[str] = Counter()
    for leaf in desk.queries.leaves("fault_report", start_ms=window.start_ms, end_ms=window.end_ms):
        if leaf.fact.body["site"] == site:
            count = leaf.fact.body.get("count", 1)
            made[str(leaf.fact.body["uplink"])] += count if isinstance(count, int) else 1
    return made
