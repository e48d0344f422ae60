"""A code by itself: how it is drawn, kept, and judged at each instant."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from captive_portal.sms import code
from captive_portal.sms.code import Judged, Pending, judge

KEY, DEVICE, OTHER = b"k" * 32, b"a" * 32, b"b" * 32
MINUTE = 60_000
AT = 1_790_000_000_000
SENT = Pending(
    id="00ff",
    identity=DEVICE,
    number=b"n" * 32,
    masked="138••••8000",
    sealed=b"",
    site="site-1",
    carrier="cn-mobile",
    hash=code.hashed(KEY, "00ff", DEVICE, "01234567"),
    digits=8,
    asked_ms=AT,
)


@pytest.mark.parametrize(
    ("after_ms", "judged", "led_back"),
    [
        (-MINUTE - 1, Judged.OVER, False),
        (-MINUTE, Judged.RIGHT, True),
        (0, Judged.RIGHT, True),
        (5 * MINUTE - 1, Judged.RIGHT, True),
        (5 * MINUTE, Judged.OVER, True),
        (10 * MINUTE - 1, Judged.OVER, True),
        (10 * MINUTE, Judged.OVER, False),
    ],
)
def test_when_a_code_is_good_and_when_its_device_is_led_back(after_ms, judged, led_back) -> None:
    assert judge(SENT, KEY, "01234567", AT + after_ms) is judged
    assert SENT.open(AT + after_ms) is led_back


@pytest.mark.parametrize(
    ("changed", "typed", "judged"),
    [
        ({}, "01234567", Judged.RIGHT),
        ({}, "01234568", Judged.WRONG),
        ({}, "1234567", Judged.SLIP),
        ({"tries": 2}, "01234567", Judged.RIGHT),
        ({"tries": 3}, "01234567", Judged.OVER),
        ({"identity": OTHER}, "01234567", Judged.WRONG),
        ({"id": "00fe"}, "01234567", Judged.WRONG),
    ],
    ids=["right", "wrong", "slip", "third try", "fourth try", "moved to another device", "of another message"],
)
def test_what_a_try_comes_to(changed, typed, judged) -> None:
    assert judge(replace(SENT, **changed), KEY, typed, AT) is judged


def test_without_a_code_or_with_another_key_nothing_is_right() -> None:
    assert judge(None, KEY, "01234567", AT) is Judged.OVER
    assert judge(SENT, b"x" * 32, "01234567", AT) is Judged.WRONG


@pytest.mark.parametrize("digits", code.DIGITS)
def test_every_digit_is_as_likely_at_every_place(digits) -> None:
    drawn = [code.fresh(digits) for _ in range(5000)]

    assert {len(each) for each in drawn} == {digits}
    for place in range(digits):
        counts = Counter(each[place] for each in drawn)
        assert len(counts) == 10
        assert all(350 < count < 650 for count in counts.values()), "500 each; 7 standard deviations"
