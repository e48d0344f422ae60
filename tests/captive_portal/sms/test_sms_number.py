"""Numbers: one phone has one form, however it is typed; what is not served is told from what is no number."""

from __future__ import annotations

import csv
import re

import pytest
from hypothesis import given
from hypothesis import strategies as some

from captive_portal.sms import number
from captive_portal.sms.number import Number, read
from captive_portal.verdict import Why

MAINLAND = ("86",)
MANY = tuple(number.countries())


@pytest.mark.parametrize(
    "typed",
    [
        "13800138000",
        "138 0013 8000",
        "138-0013-8000",
        "(138) 0013.8000",
        "+8613800138000",
        "+86 138 0013 8000",
        "＋８６　１３８００１３８０００",
        "0086 13800138000",
        "００８６１３８００１３８０００",
        "8613800138000",
        "１３８００１３８０００",
        "١٣٨٠٠١٣٨٠٠٠",
        "۱۳۸۰۰۱۳۸۰۰۰",
        "१३८००१३८०००",
        "𝟏𝟑𝟖𝟎𝟎𝟏𝟑𝟖𝟎𝟎𝟎",
        "\u202a+86 138\u00a00013\u20608000\u202c",
        "\ufeff13800138000\u200b",
        "⑴⑶800138000",
    ],
)
def test_every_way_of_typing_a_number_is_one_number(typed) -> None:
    assert read(typed, "", MAINLAND) == Number(prefix="86", national="13800138000")


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "+",
        "++8613800138000",
        "138001380001",
        "1380013800",
        "12800138000",
        "013800138000",
        "01082886688",
        "4001234567",
        "1380013800O",
        "13800138000,13800138001",
        "13800138000;rm",
        "13800138000\n13800138001",
        "13800138000\x00",
        "²3800138000",
        "一三八〇〇一三八〇〇〇",
        "+8613800138000" * 9,
        "+86",
        "0086",
        "+1234",
        "+1809555123",
    ],
)
def test_what_is_no_mobile_number_is_said_to_be_none(typed) -> None:
    assert read(typed, "", MAINLAND) is Why.BAD_NUMBER


@pytest.mark.parametrize("typed", ["+85298765432", "+44 7911 123456", "+12125551234", "+999123456789", "0065 81234567"])
def test_a_number_of_a_country_that_is_not_served_is_told_to_be_abroad(typed) -> None:
    assert read(typed, "", MAINLAND) is Why.ABROAD


@pytest.mark.parametrize("area", ["242", "809", "876", "900", "473"])
def test_ranges_that_earn_money_for_who_asks_are_no_numbers(area) -> None:
    assert read(f"+1{area}5551234", "", MANY) is Why.BAD_NUMBER


@pytest.mark.parametrize(
    ("typed", "chosen", "e164", "masked"),
    [
        ("98765432", "852", "+85298765432", "+852 ••••5432"),
        ("07911 123456", "44", "+447911123456", "+44 ••••••3456"),
        ("+44 (0)7911 123456", "", "+447911123456", "+44 ••••••3456"),
        ("+852 9876 5432", "86", "+85298765432", "+852 ••••5432"),
        ("85298765432", "852", "+85298765432", "+852 ••••5432"),
        ("090-1234-5678", "81", "+819012345678", "+81 ••••••5678"),
        ("13800138000", "nowhere", "+8613800138000", "138••••8000"),
    ],
)
def test_a_prefix_may_be_chosen_beside_the_field_and_a_plus_beats_it(typed, chosen, e164, masked) -> None:
    found = read(typed, chosen, MANY)

    assert (found.e164, found.masked) == (e164, masked)


@pytest.mark.parametrize(
    ("national", "carrier"),
    [
        ("13800138000", "cn-mobile"),
        ("13490138000", "cn-telecom"),
        ("18600138000", "cn-unicom"),
        ("19200138000", "cn-broadnet"),
        ("17000138000", "cn-virtual"),
        ("15400138000", "cn-other"),
    ],
)
def test_the_carrier_is_the_one_that_the_block_was_given_to(national, carrier) -> None:
    assert Number(prefix="86", national=national).carrier == carrier


@given(some.text(max_size=60))
def test_whatever_is_typed_is_a_number_or_a_reason(typed) -> None:
    found = read(typed, "", MANY)

    if isinstance(found, Number):
        assert re.fullmatch(r"\+[1-9][0-9]{6,14}", found.e164)
        assert read(found.e164, "", MANY) == found
        assert found.national not in found.masked
    else:
        assert found in {Why.BAD_NUMBER, Why.ABROAD}


@given(some.sampled_from(["13800138000", "+85298765432", "+447911123456"]), some.data())
def test_marks_between_digits_make_no_other_number(plain, data) -> None:
    marks = some.text(alphabet=" -.()\u200b\u202c\u00a0\u2060", max_size=2)
    head, digits = ("+", plain[1:]) if plain.startswith("+") else ("", plain)
    typed = head + "".join(digit + data.draw(marks) for digit in digits)

    if len(typed) <= number.LONGEST_TYPED:
        assert read(typed, "", MANY) == read(plain, "", MANY)


def test_no_prefix_begins_another_and_every_row_is_whole() -> None:
    rows = list(csv.DictReader((number.HERE / "countries.csv").read_text(encoding="utf-8").splitlines()))

    assert all(all(row[key] for key in ("prefix", "mobile", "zh", "en")) for row in rows)
    assert len({row["prefix"] for row in rows}) == len(rows)
    for one in MANY:
        assert not [other for other in MANY if other != one and other.startswith(one)]
