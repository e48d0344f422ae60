"""Every way in, walked by the browser of a login sheet: no cookies, no scripts, closed in between."""

from __future__ import annotations

import re

import pytest

from captive_portal import keys, tables, vouchers
from captive_portal.methods import METHODS
from captive_portal.model import Allowance

ELSEWHERE = {"oidc"}  # test_account_in_a_browser.py walks it through a provider's own login page


def by_click(street, device) -> None:
    device.press(way="click_through")


def by_voucher(street, device) -> None:
    now_ms = street.clock.now_ms()
    order = vouchers.Order(
        label="", count=1, allowance=Allowance(seconds=7200), start_by_ms=now_ms + 86_400_000, made_by="op"
    )
    code = vouchers.create(tables.url(street.settings), keys.voucher_key(street.settings), order, now_ms)[1][0]
    device.press(way="voucher", code=code)


def by_sms(street, device) -> None:
    device.press(way="sms", phone="138 0013 8000")
    assert "138••••8000" in device.page.words
    device.leave()
    code = re.search(r"\d{6,8}", device.open("http://portal.test/sms/outbox").words.partition("+8613800138000")[2])
    assert code
    device.leave()
    page = device.open()
    assert "138••••8000" in page.words, "whoever comes back finds the code field"
    device.press(way="sms", otp=code[0])


def by_coming_back(street, device) -> None:
    by_voucher(street, device)
    street.clock.forward(3601)
    street.portal.desk.upkeep.expire()
    device.leave()
    device.open()


WAYS = {"click_through": by_click, "voucher": by_voucher, "sms": by_sms, "returning": by_coming_back}


def test_every_way_in_is_walked() -> None:
    assert set(WAYS) | ELSEWHERE == set(METHODS)


@pytest.mark.parametrize("way", WAYS)
def test_the_sheet_comes_online_by_each_way_and_stays_so_when_it_is_opened_anew(street, way) -> None:
    device = street.device()
    device.open()

    WAYS[way](street, device)

    assert "You are online" in device.page.words
    device.leave()
    assert "You are online" in device.open().words


@pytest.mark.parametrize(("way", "most"), [("click_through", 3), ("voucher", 3)])
def test_one_tap_takes_a_page_a_press_and_the_page_after_it(street, way, most) -> None:
    device = street.device()
    device.open()

    WAYS[way](street, device)

    assert device.requests == most


def test_a_fault_is_told_in_two_taps_from_the_page_after_the_login(street) -> None:
    device = street.device()
    device.open()
    by_click(street, device)
    if "Report a fault" in device.page.links:
        device.follow("Report a fault")

    device.press("Too slow")

    assert "Recorded, thank you" in device.page.words


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("zh-CN", "您已上网"),
        ("en-GB", "You are online"),
        ("ja-JP", "インターネットに接続しました"),
        ("ko", "인터넷에 연결되었습니다"),
        ("fr", "You are online"),
    ],
)
def test_a_device_is_spoken_to_in_its_language_through_the_whole_login(street, language, said) -> None:
    device = street.device(language)
    device.open()

    by_click(street, device)

    assert said in device.page.words
