"""How values are said: exact, rounded down, in both languages."""

from __future__ import annotations

from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.cwmp import events as cwmp
from dashboards import words
from dashboards.operators import broken

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (Fraction(1), "100.000%"),
        (Fraction(999_999_999, 1_000_000_000), "99.999%"),
        (Fraction(0), "0.000%"),
        (Fraction(2, 3), "66.666%"),
        (None, "—"),
    ],
)
def test_a_share_is_never_rounded_up(ratio, said):
    assert words.percent(ratio) == said


@given(st.fractions(0, 1), st.integers(0, 8))
def test_what_is_shown_is_the_share_cut_off(ratio, digits):
    shown = Fraction(words.percent(ratio, digits=digits).removesuffix("%"))

    assert 0 <= ratio * 100 - shown < Fraction(1, 10**digits)


def test_ticks_are_wall_clock_hours_through_a_change_of_the_clocks():
    berlin = ZoneInfo("Europe/Berlin")
    start = 1_774_738_800_000  # 2026-03-29 00:00 in Berlin, a day of 23 hours
    ticks = words.hours(start, start + 23 * 3_600_000, berlin, step_h=3)

    assert [text for _, text in ticks] == [
        "00:00",
        "03:00",
        "06:00",
        "09:00",
        "12:00",
        "15:00",
        "18:00",
        "21:00",
        "00:00",
    ]
    assert ticks[1][0] - ticks[0][0] == 2 * 3_600_000


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("中关村", ("中关村",)),
        ("Haidian", ("Haidian",)),
        ("Beitaipingzhuang", ("Beitai-", "pingzhuang")),
        ("Zhongguancun", ("Zhong-", "guancun")),
        ("x" * 20, ("x" * 20,)),
    ],
)
def test_a_long_name_breaks_between_syllables(name, parts):
    assert broken(name) == parts


@pytest.mark.parametrize(("digits", "said"), [("0a0b0c0d0e0f", "0a:0b:0c:0d:0e:0f"), ("odd", "odd"), ("", "")])
def test_a_mac_is_said_as_usual(digits, said):
    assert words.mac(digits) == said


def test_an_instant_to_the_second_is_the_citys():
    assert words.clock(1_790_000_040_000, SHANGHAI) == "2026-09-21 22:14:00"


@pytest.mark.parametrize(
    ("noted", "said"),
    [
        ("not probe.rtt.p95 <= 20", "往返时延（95 百分位）超过 20 ms"),
        ("not probe.loss <= 1", "往返丢包率超过 1 %"),
        ("not probe.throughput >= 50", "下载速率不到 50 "),
        ("not probe.reached >= 1", "未做到："),
    ],
)
def test_a_limit_that_was_not_kept_is_said_in_words(noted, said):
    assert words.missed(noted).startswith(said)


@pytest.mark.parametrize("text", ["no_answer", "not asked", "not nobody.knows >= 1", "wlan.ap.state=fault"])
def test_only_a_noted_limit_is_said_as_one(text):
    assert words.missed(text) == ""


def test_every_event_of_an_inform_and_every_severity_has_its_word():
    assert {word for word, _ in cwmp.WORDS.values()} | {cwmp.UNMAPPED} == set(words.EVENTS)
    assert {severity for _, severity in cwmp.WORDS.values()} <= set(words.SEVERITIES)


@pytest.mark.parametrize(
    ("length_ms", "chinese", "english"),
    [
        (0, "0:00:00", "0:00:00"),
        (86_399_999, "23:59:59", "23:59:59"),
        (86_400_000, "1 天 0:00:00", "1 d 0:00:00"),
        (10_693_200_000, "123 天 18:20:00", "123 d 18:20:00"),
    ],
)
def test_a_length_is_said_to_the_second_in_the_language_of_the_page(site, length_ms, chinese, english):
    for language, said in (("zh-CN", chinese), ("en", english)):
        with site.app.test_request_context("/", headers={"Accept-Language": language}):
            assert words.exact(length_ms) == said
