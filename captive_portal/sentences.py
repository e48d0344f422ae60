"""What the page says for each refusal, in the language of the request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from captive_portal.verdict import Why
from netops.web.language import gettext

if TYPE_CHECKING:
    from collections.abc import Mapping


def sentences() -> Mapping[Why, str]:
    """Return what the page says for each refusal."""
    return {
        Why.MISTYPED: gettext("号码有误，请对照上网券检查一遍。"),
        Why.UNKNOWN: gettext("没有这个号码，或它已被收回。请向发券处询问。"),
        Why.EXPIRED: gettext("这张上网券的时间已用完。"),
        Why.TOO_LATE: gettext("这张上网券已过了启用期限。"),
        Why.USED_UP: gettext("这张上网券只能用一次，已经用过。"),
        Why.TOO_MANY_DEVICES: gettext("这张上网券可用的设备数已满。"),
        Why.TOO_OFTEN: gettext("尝试太频繁，请稍等一会儿再试。"),
        Why.VOLUME: gettext("这台设备现在可用的流量已经用完。"),
        Why.CLOSED: gettext("这里现在不开放上网服务，请在开放时间再来。"),
        Why.NOT_HERE: gettext("没有这种登录方式，请从下面选择。"),
        Why.UNSENT: gettext("短信暂时发不出去。请过一会儿再试；这里有别的登录方式时，也可以换一种。"),
        Why.BAD_NUMBER: gettext("手机号码不对，请检查一遍。"),
        Why.ABROAD: gettext("这里不能给这个国家或地区的号码发短信。请选别的登录方式，或到服务台领取上网券。"),
        Why.USED_TODAY: gettext("今天发给这个号码或这台设备的验证码已经够多了。"),
        Why.WRONG_CODE: gettext("验证码不对。"),
        Why.CODE_OVER: gettext("这个验证码已经失效，请重新获取。"),
        Why.AWAY: gettext("对方的登录服务暂时没有回应，请换一种方式，或过一会儿再试。"),
        Why.LAPSED: gettext("这次登录已过期，或是在另一台设备上开始的。请再按一次登录。"),
        Why.DECLINED: gettext("对方的登录页没有完成登录，没有为您开通。"),
        Why.UNPROVEN: gettext("没有收到可信的登录证明，没有为您开通。请再试一次，或换一种方式。"),
        Why.NOT_YOURS: gettext("您的账号不能在这里登录，请换一种方式。"),
    }


def in_words(seconds: int) -> str:
    """Return a length of time in hours and minutes, rounded up to the minute."""
    hours, minutes = divmod(-(-seconds // 60), 60)
    if not hours:
        return gettext("%(minutes)d 分钟", minutes=minutes)
    return gettext("%(hours)d 小时 %(minutes)d 分钟", hours=hours, minutes=minutes)
