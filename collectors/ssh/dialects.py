"""Every dialect we speak. A registry as a map literal: to add one, add an entry, and a capture to the tests."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from collectors.ssh.dialect import Dialect

if TYPE_CHECKING:
    from collections.abc import Mapping

# `name`, then a view in brackets, then > or #: olt-1#, olt-1(config-if-gpon-0/1)#
_HASH = r"(?P<name>[\w.\-]{1,64})(?:\([\w\-/.: ]{0,64}\))?[>#]"
_ANGLE = r"(?:HRP_[MS])?[<\[][~*]?(?P<name>[\w.\-]{1,64})[>\]]"  # <ac-1>, [ac-1]
_MORE = (r"-{2,}\s*\(?more\)?.{0,60}", r"--More--.{0,40}")
_NEW_PASSWORD = (
    r"(?i).{0,200}(new password|retype|change (the|your) (initial |default )?password|password has expired).{0,80}",
)

_ZTE = Dialect(
    name="zte_olt",
    zh="中兴光线路终端",
    en="ZTE OLT",
    netmiko="zte_zxros",
    prompt=_HASH,
    setup=("terminal length 0",),
    pager=_MORE,
    refuses=_NEW_PASSWORD,
    errors=(r"\s*%.*", r"\s*\^"),
    enable="enable",
)

_ALL = (
    Dialect(
        name="huawei_smartax",
        zh="华为 SmartAX 光线路终端",
        en="Huawei SmartAX OLT",
        netmiko="huawei_smartax",
        prompt=_HASH,
        setup=("enable", "undo smart", "scroll", "undo alarm output all", "config"),
        pager=(r"-{2,} ?More.{0,60}",),
        asks=((r"\{ <cr>.{0,120}\}:", ""),),
        refuses=_NEW_PASSWORD,
        errors=(r"\s*%.*", r"\s*Failure: .*"),
        noise=(r"\{ <cr>.{0,120}\}:.*", r"\s*Command:"),
    ),
    Dialect(
        name="huawei_vrp",
        zh="华为 VRP（无线控制器）",
        en="Huawei VRP (WLAN controller)",
        netmiko="huawei_vrp",
        prompt=_ANGLE,
        setup=("screen-length 0 temporary", "undo terminal monitor"),
        pager=_MORE,
        asks=((r".{0,200}[Cc]hange now\? \[Y/N\]:?", "N"),),
        refuses=_NEW_PASSWORD,
        errors=(r"\s*Error: .*",),
    ),
    Dialect(
        name="comware",
        zh="新华三 Comware（无线控制器）",
        en="H3C Comware (WLAN controller)",
        netmiko="hp_comware",
        prompt=_ANGLE,
        setup=("screen-length disable", "undo terminal monitor"),
        pager=_MORE,
        refuses=_NEW_PASSWORD,
        errors=(r"\s*% ?[A-Z].*", r"\s*\^"),
        noise=(r"%[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d:\d{3} \d{4} .*",),
    ),
    Dialect(
        name="ruijie",
        zh="锐捷 RGOS（无线控制器）",
        en="Ruijie RGOS (WLAN controller)",
        netmiko="ruijie_os",
        prompt=_HASH,
        setup=("terminal length 0", "terminal width 256"),
        pager=_MORE,
        asks=((r".{0,200}Do you want to change the password.{0,40}", "n"),),
        refuses=_NEW_PASSWORD,
        errors=(r"\s*%.*",),
        noise=(r"\*[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d: %.*",),
        enable="enable",
    ),
    Dialect(
        name="cisco_aireos",
        zh="思科 AireOS 无线控制器",
        en="Cisco AireOS WLAN controller",
        netmiko="cisco_wlc_ssh",
        prompt=r"\((?P<name>[^()]{1,64})\) ?>",
        setup=("config paging disable",),
        pager=(*_MORE, r"Press any key to continue\.{0,3}.{0,40}", r"--More or \(q\)uit.{0,60}"),
        asks=(
            (r"(?i)user(name)?:", "{user}"),
            (r"(?i)password:", "{password}"),
        ),
        refuses=_NEW_PASSWORD,
        errors=(r"(Incorrect|Invalid|Unknown|HELP:).*",),
    ),
    Dialect(
        name="cisco_iosxe",
        zh="思科 IOS XE（9800 无线控制器）",
        en="Cisco IOS XE (9800 WLAN controller)",
        netmiko="cisco_xe",
        prompt=_HASH,
        setup=("terminal length 0", "terminal width 511"),
        pager=_MORE,
        refuses=_NEW_PASSWORD,
        errors=(r"\s*%.*",),
        noise=(r"\*?[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d(\.\d{3})?: %.*",),
        enable="enable",
    ),
    Dialect(
        name="aruba_os",
        zh="Aruba 无线控制器",
        en="Aruba WLAN controller",
        netmiko="aruba_os",
        prompt=r"\((?P<name>[\w.\-]{1,64})\) ?\^?\*?(?:\[[^\]]{0,64}\])? ?[>#]",
        setup=("no paging",),
        pager=(*_MORE, r"-- ?More ?--.{0,80}"),
        refuses=_NEW_PASSWORD,
        errors=(r"\s*\^.*", r"% .*", r"(Parse error|Invalid input|Error:).*"),
        enable="enable",
    ),
    _ZTE,
    replace(
        _ZTE, name="zte_titan", zh="中兴 TITAN 光线路终端", en="ZTE TITAN OLT (C600, C620, C650)"
    ),  # other commands
    Dialect(
        name="mikrotik",
        zh="MikroTik RouterOS",
        en="MikroTik RouterOS",
        netmiko="mikrotik_routeros",
        mode="exec",
        wrapped='{command}; :put "{mark}0"',
        errors=(r"(bad command name|syntax error|expected |no such item|failure:|input does not match).*",),
        noise=(r"\d\d:\d\d:\d\d echo: .*",),
    ),
    Dialect(
        name="openwrt",
        zh="OpenWrt",
        en="OpenWrt",
        netmiko="linux",
        mode="exec",
        wrapped="{command}; echo {mark}$?",
        errors=(r"Command failed: .*", r".*: not found"),
    ),
)

DIALECTS: Mapping[str, Dialect] = MappingProxyType({each.name: each for each in _ALL})
