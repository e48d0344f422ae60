"""One-time tokens: a name that says what was granted, a password that only the key makes."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captive_portal.model import Bounds, Client
from captive_portal.radius import tokens
from captive_portal.radius.tokens import Mint, claims

NOW_MS = 1_790_000_000_000
DEVICE = Client(mac="02:11:22:33:44:55", interface="ac-1", addresses=("10.0.0.9",))
HOUR = Bounds(seconds=3600, idle_s=600, octets=2_000_000_000, down_kbps=4000, up_kbps=1000)
numbers = st.integers(min_value=0, max_value=2**40)


@given(st.builds(Bounds, seconds=numbers, idle_s=numbers, octets=numbers, down_kbps=numbers, up_kbps=numbers))
def test_a_name_says_what_was_granted(bounds: Bounds) -> None:
    said = claims(Mint(b"k" * 32).issue(DEVICE, bounds, NOW_MS).user)

    assert said is not None
    assert (bounds, NOW_MS) == (said.bounds, said.issued_ms)


def test_a_name_and_a_password_survive_controllers_that_fold_split_or_cut() -> None:
    token = Mint(b"k" * 32).issue(DEVICE, replace(HOUR, octets=2**40), NOW_MS)

    assert re.fullmatch(r"[0-9a-f]{40,63}", token.user)
    assert re.fullmatch(r"[0-9a-f]{20}", token.password)
    assert token.password not in repr(token)


def test_no_two_tokens_are_alike() -> None:
    mint = Mint(b"k" * 32)

    assert len({mint.issue(DEVICE, HOUR, NOW_MS).user for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("user", "place", "mac"),
    [(None, "ac-2", DEVICE.mac), (None, "ac-1", "02:11:22:33:44:56"), ("other", "ac-1", DEVICE.mac)],
    ids=["another controller", "another device", "another name"],
)
def test_a_password_belongs_to_one_name_one_device_and_one_controller(user, place, mac) -> None:
    mint = Mint(b"k" * 32)
    token = mint.issue(DEVICE, HOUR, NOW_MS)

    assert mint.password(token.user, place="ac-1", mac=DEVICE.mac) == token.password
    assert mint.password(user or token.user, place=place, mac=mac) != token.password
    assert Mint(b"j" * 32).password(token.user, place="ac-1", mac=DEVICE.mac) != token.password


@given(st.one_of(st.text(max_size=80), st.text(alphabet="0123456789abcdef", min_size=40, max_size=130)))
def test_any_other_name_claims_nothing_or_something_bounded(name: str) -> None:
    said = claims(name)

    assert said is None or all(0 <= each < 2**63 for each in (said.bounds.seconds, said.bounds.octets))


def test_what_is_left_shrinks_to_nothing() -> None:
    said = claims(Mint(b"k" * 32).issue(DEVICE, HOUR, NOW_MS).user)
    assert said is not None

    assert replace(HOUR, seconds=3590) == said.left(NOW_MS + 10_999)
    assert said.left(NOW_MS + 9 * tokens.LIFE_MS * 1000).seconds == 0
