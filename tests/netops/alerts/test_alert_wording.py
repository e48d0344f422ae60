"""What people read: in both languages, harmless whatever a carrier called its things."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netops.alerts import wording
from netops.alerts.incident import Phase
from netops.alerts.wording import Names
from tests.netops.alerts.cases import MINUTE, NOW, Course, service

NAMES = Names(
    areas={"110108001": ("万寿路", "Wanshoulu")},
    carriers={"cmcc": ("中国移动", "China Mobile")},
    devices={"ac-1": "清河局 AC"},
    services={"a": "玉泉公园 a"},
)


def opened(*services, **words):
    course = Course(**words)
    course.look(NOW, *services)
    (one,) = course.open()
    return one


def test_a_controller_in_both_languages():
    down = [
        service(f"ap-{n}", "down", cause="device:ac-1", since_ms=NOW - MINUTE, because="parent:ac-1") for n in range(3)
    ]
    one = opened(*down, silent={"ac-1"})

    assert (
        wording.title(one, NAMES, "zh", rehearsal=True) == "【演练】[重要] 清河局 AC（ac-1）无应答，其下 3 项服务中断"
    )
    assert wording.title(one, NAMES, "en") == "[MAJOR] 清河局 AC (ac-1) does not answer, 3 services below it are down"
    lines = wording.body(one, NAMES, "zh", "Asia/Shanghai", now_ms=NOW)
    assert lines[:2] == ["开始 2026-11-18 19:05:40", "仍中断 3/3"] or len(lines) >= 3
    assert lines[-1] == "街道：万寿路 3"


def test_a_carriers_network_in_an_area():
    down = [service(f"ap-{n}", "down", since_ms=NOW - MINUTE) for n in range(6)]
    one = opened(*down)

    assert wording.title(one, NAMES, "zh") == "[重要] 中国移动 无线局域网：万寿路6 项服务中断"
    assert wording.title(one, NAMES, "en") == "[MAJOR] China Mobile WiFi: 6 services down in Wanshoulu"


def test_the_end_says_how_long_it_lasted():
    course = Course()
    course.look(NOW, service("a", "down", since_ms=NOW - MINUTE))
    course.look(NOW + MINUTE, service("a"))
    (one,) = course.look(NOW + 3 * MINUTE, service("a"))

    assert one.phase is Phase.CLOSED
    assert wording.title(one, NAMES, "en") == "[over] 玉泉公园 a is down"
    assert "lasted 0:04:00" in wording.body(one, NAMES, "en", "Asia/Shanghai", now_ms=NOW)


@pytest.mark.parametrize(("token", "zh", "en"), [
    ("6h 7.2", "：近 6 小时为可持续速度的 7.2 倍", ": 7.2 times the sustainable rate over 6 h"),
    ("**b** 1", " (··b·· 1)", " (··b·· 1)"),
    ("", "", ""),
])  # fmt: skip
def test_how_fast_a_budget_burns_is_said_in_words(token, zh, en):
    one = opened(service("a", "down", since_ms=NOW - MINUTE))
    members = {name: replace(each, because=token) for name, each in one.members.items()}
    one = replace(one, root="objective:c1/o", members=members)
    told = {language: wording.what(one, NAMES, language) for language in ("zh", "en")}

    assert told["zh"] == f"c1∕o 的容许中断时间消耗过快{zh}"
    assert told["en"] == f"the error budget of c1∕o burns too fast{en}"


@pytest.mark.parametrize(
    "name",
    ["<at user_id='all'>", "[click](http://x)", "**b**", "a\nb", "\u202egnp", "@all", "`rm`", "&lt;b&gt;", "x" * 500],
)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_name_means_anything_to_a_messenger(name, language):
    names = Names(services={"a": name}, areas={"110108001": (name, name)})
    one = opened(service("a", "down", since_ms=NOW - MINUTE))

    told = "\n".join(
        [wording.title(one, names, language), *wording.body(one, names, language, "Asia/Shanghai", now_ms=NOW)]
    )

    for bad in ("<", ">", "](", "**", "@all", "`", "\u202e", "&lt;", "x" * 100):
        assert bad not in told
    assert len(told.splitlines()) == 1 + len(wording.body(one, names, language, "Asia/Shanghai", now_ms=NOW))


def test_both_languages_have_the_same_words():
    assert wording.WORDS["zh"].keys() == wording.WORDS["en"].keys()
