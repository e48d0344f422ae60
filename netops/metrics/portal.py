"""Metrics of the captive portal: what visitors met, counted where they met it, by site, method, controller and carrier.

Ratios and times are kept as counts: how many there were, and how many kept each of a few bounds. Counts add over
minutes, sites and months; percentiles and ratios of minutes do not. `COUNTED` are the quantities that a contract
promises one by one: each login, each answer, each message is good or not (`netops/sla/counted.py`).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from netops.metrics.metric import Better, Metric, Standing, State, gauge, state

if TYPE_CHECKING:
    from collections.abc import Mapping

SUCCESS = "portal.login.success"
TIME_TO_ONLINE = "portal.login.time"
AUTHENTICATION = "portal.authentication.time"
OPENING = "portal.controller.time"
ANSWERING = "portal.radius.time"
DELIVERY = "portal.sms.time"

BOUNDS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        TIME_TO_ONLINE: (5_000, 10_000, 15_000, 20_000, 30_000, 60_000, 120_000),
        AUTHENTICATION: (500, 1_000, 2_000, 5_000, 8_000, 10_000, 11_000),
        OPENING: (100, 500, 1_000, 2_000, 3_000, 5_000, 8_000),
        ANSWERING: (5, 20, 50, 100, 500, 1_000),
        DELIVERY: (10_000, 20_000, 30_000, 60_000, 120_000, 300_000),
    }
)
"""Up to how many milliseconds are counted apart: a contract promises one of these."""
MEANS: Mapping[str, str] = MappingProxyType(
    {"portal.login.mean": TIME_TO_ONLINE, "portal.authentication.mean": AUTHENTICATION}
)
"""What a contract promises as a mean over all logins → the time of which it is the mean."""
CAP_MS = 100_000
"""What one login counts at most in a mean, and one that never came online: so a hundredth is a second."""
COUNTED = frozenset({SUCCESS, *BOUNDS, *MEANS})


def within(name: str, bound_ms: int) -> str:
    """Return the metric that counts what took at most `bound_ms`."""
    return f"{name}.within_{bound_ms}"


def summed(name: str) -> str:
    """Return the metric that adds up what took at most `CAP_MS` each."""
    return f"{name}.sum"


_LOWER, _HIGHER = Better.LOWER, Better.HIGHER
_FROM_0 = (0, None)
_OURS = "measured by the portal"


def _count(name: str, zh: str, en: str, *, better: Better = Better.NEUTRAL) -> Metric:
    return gauge(name, "1", zh, en, _OURS, better=better, bounds=_FROM_0)


def _sum(name: str, zh: str, en: str) -> tuple[Metric]:
    what = f"times of a minute added up, each at most {CAP_MS} ms: {en}"
    return (gauge(summed(name), "ms", f"{zh}之和", what, _OURS, bounds=_FROM_0),)


def _mean(name: str, zh: str, en: str, source: str) -> Metric:
    what = f"mean over all logins, each at most {CAP_MS} ms, one that never came online as much: {en}; for contracts"
    return gauge(name, "ms", zh, what, source, better=_LOWER, bounds=_FROM_0)


def _time(name: str, zh: str, en: str, source: str) -> tuple[Metric, ...]:
    """Return a time with its parts: one by one in a contract, and by minute its percentiles and counts."""
    return (
        gauge(name, "ms", zh, f"{en}; a contract promises it one by one", source, better=_LOWER, bounds=_FROM_0),
        *(
            gauge(
                f"{name}.p{rank}",
                "ms",
                f"{zh}（{rank} 百分位）",
                f"{en}: {rank}th percentile of a minute (nearest rank)",
                source,
                better=_LOWER,
                bounds=_FROM_0,
            )
            for rank in (50, 95)
        ),
        _count(f"{name}.timed", f"{zh}的次数", f"how often it was timed in a minute: {en}"),
        *(_sum(name, zh, en) if name in MEANS.values() else ()),
        *(
            _count(within(name, bound), f"{zh}不超过 {bound} ms 的次数", f"how often at most {bound} ms: {en}")
            for bound in BOUNDS[name]
        ),
    )


ENTRIES: tuple[Metric, ...] = (
    state(
        "portal.state",
        "门户状态",
        "what the portal says of itself for a place, each minute: without it nobody was measured",
        _OURS,
        State(1, "serving", "正常服务", Standing.UP),
    ),
    gauge(
        SUCCESS,
        "1",
        "登录成功率",
        "share of the minute's logins that came online, among those that came online, failed or were not served; "
        "in a contract each login is good (1) or not (0)",
        "YD/T 3563-2019 接入连接建立成功率",
        better=_HIGHER,
        bounds=(0, 1),
    ),
    _count("portal.login.online", "登录成功的设备数", "devices that came online; the same one once an hour"),
    _count(
        "portal.login.failed",
        "登录失败的设备数",
        "devices that were granted access and that their controller did not let in; the same one once an hour",
        better=_LOWER,
    ),
    _count(
        "portal.login.unserved",
        "未能服务的地址数",
        "addresses of a minute whose controller did not say who they are, so that they saw no login page, and devices "
        "that found no room behind a slow controller and did not come back; the same one once an hour",
        better=_LOWER,
    ),
    _count(
        "portal.login.unconfirmed",
        "未经证实的登录数",
        "devices that a controller said it had let in and that our RADIUS server never heard of; neither good nor bad",
        better=_LOWER,
    ),
    _count(
        "portal.login.ours",
        "因平台自身未成功的登录数",
        "devices that were granted access and not let in because of us: no durable record, our own gateway or server; "
        "or that found no room and did not come back",
        better=_LOWER,
    ),
    _count("portal.login.refused", "被拒绝的登录次数", "logins that a method said no to: a wrong code, a used voucher"),
    _count("portal.login.repeated", "重复登录次数", "further outcomes of a device in the same hour, not counted again"),
    *_time(
        TIME_TO_ONLINE,
        "上网等待时长",
        "time from when a device first came by until it was online",
        "YD/T 3563-2019 接入连接建立时间",
    ),
    *_time(
        AUTHENTICATION,
        "认证响应时间",
        "time from a login's form until the device was let in",
        "YD/T 3563-2019 认证平均响应时间",
    ),
    _mean(
        "portal.login.mean",
        "平均上网等待时长",
        "time from when a device first came by until it was online",
        "YD/T 3563-2019 接入连接建立时间",
    ),
    _mean(
        "portal.authentication.mean",
        "平均认证响应时间",
        "time from a login's form until the device was let in",
        "YD/T 3563-2019 认证平均响应时间",
    ),
    *_time(
        OPENING, "控制器放行时长", "time that a controller took to let a device in", "measured, RFC 5176, Portal 2.0"
    ),
    _count("portal.controller.failed", "控制器放行失败次数", "devices that a controller did not let in", better=_LOWER),
    *_time(ANSWERING, "RADIUS 应答时长", "time that our RADIUS server took to answer a controller", "RFC 2865, 2866"),
    _count("portal.radius.accepted", "RADIUS 允许次数", "Access-Accepts"),
    _count("portal.radius.rejected", "RADIUS 拒绝次数", "Access-Rejects"),
    _count("portal.radius.accounted", "RADIUS 计费应答次数", "Accounting-Responses"),
    *_time(
        DELIVERY,
        "短信送达时长",
        "time from asking for a code that was then typed in until its delivery was reported or it was typed in, "
        "whichever came first",
        _OURS,
    ),
    _count("portal.sms.asked", "请求短信数", "messages that were asked for"),
    _count(
        "portal.sms.lost", "未送达短信数", "messages that no provider took, or that were reported lost", better=_LOWER
    ),
    _count(
        "portal.sms.unproved",
        "送达未经证实短信数",
        "messages that a provider reported delivered and whose code nobody typed in within five minutes; "
        "neither good nor bad",
    ),
    _count(
        "portal.sms.unheard",
        "送达未知短信数",
        "messages that a provider took, of which five minutes later nothing had been heard",
        better=_LOWER,
    ),
)
