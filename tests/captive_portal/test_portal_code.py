"""Voucher codes: enough bits, every slip of the finger is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captive_portal import code

LETTERS = st.text(alphabet=code.ALPHABET, min_size=code.RANDOM, max_size=code.RANDOM)


def test_a_code_has_at_least_65_random_bits_and_is_shown_in_threes_of_five() -> None:
    made = code.fresh()

    assert code.BITS >= 65
    assert code.typed(made) == made
    assert [len(group) for group in code.shown(made).split("-")] == [5, 5, 5]
    assert len({code.fresh() for _ in range(1000)}) == 1000


@given(LETTERS, st.integers(0, code.RANDOM), st.sampled_from(code.ALPHABET))
def test_one_wrong_character_is_told(letters: str, at: int, wrong: str) -> None:
    whole = letters + code.check(letters)
    slipped = whole[:at] + wrong + whole[at + 1 :]

    assert code.typed(slipped) == (whole if slipped == whole else None)


@given(LETTERS, st.integers(0, code.RANDOM), st.integers(0, code.RANDOM))
def test_two_swapped_characters_are_told(letters: str, one: int, other: int) -> None:
    whole = list(letters + code.check(letters))
    swapped = list(whole)
    swapped[one], swapped[other] = swapped[other], swapped[one]

    assert code.typed("".join(swapped)) == ("".join(whole) if swapped == whole else None)


@given(LETTERS)
def test_how_people_type_does_not_matter(letters: str) -> None:
    whole = letters + code.check(letters)
    fullwidth = "".join(chr(ord(letter) + 0xFEE0) for letter in whole)

    assert code.typed(code.shown(whole).lower()) == whole
    assert code.typed(f"  {code.shown(whole).replace('-', ' — ')} ") == whole
    assert code.typed(whole.replace("0", "O").replace("1", "l")) == whole
    assert code.typed(fullwidth) == whole


@pytest.mark.parametrize("text", ["", "-", "A" * 14, "A" * 16, "U" * 15, "é" * 15, "٣" * 15, "x" * 10_000, "\x00" * 15])
def test_what_cannot_be_a_code_is_none(text: str) -> None:
    assert code.typed(text) is None


@given(st.text(max_size=80))
def test_any_text_is_a_code_or_none(text: str) -> None:
    meant = code.typed(text)

    assert meant is None or (len(meant) == 15 and set(meant) <= set(code.ALPHABET))
