"""Whose accounts are let in: the rule of the policy."""

from __future__ import annotations

import pytest

from captive_portal.policy import Account
from netops.oidc import token

# ---- whose accounts
LIN = {"email": "lin@staff.example", "email_verified": True, "groups": ["teachers", "wifi"]}


@pytest.mark.parametrize(
    ("claims", "rule", "gets_in"),
    [
        (LIN, {"domains": ("staff.example",)}, True),
        ({**LIN, "email": "lin@STAFF.example"}, {"domains": ("staff.example", "x.example")}, True),
        (LIN, {"domains": ("taff.example",)}, False),
        ({**LIN, "email": "wei@stu.staff.example"}, {"domains": ("staff.example",)}, False),
        ({**LIN, "email_verified": False}, {"domains": ("staff.example",)}, False),
        ({**LIN, "email_verified": "true"}, {"domains": ("staff.example",)}, True),
        ({**LIN, "email_verified": "false"}, {"domains": ("staff.example",)}, False),
        ({**LIN, "email_verified": 1.5}, {"domains": ("staff.example",)}, False),
        ({"email": "lin@staff.example"}, {"domains": ("staff.example",)}, False),
        ({**LIN, "email": "a@evil.example@staff.example"}, {"domains": ("staff.example",)}, False),
        ({**LIN, "email": ["lin@staff.example"]}, {"domains": ("staff.example",)}, False),
        (LIN, {"groups": ("wifi",)}, True),
        ({"groups": "wifi"}, {"groups": ("wifi",)}, True),
        ({"groups": "wifi-guests"}, {"groups": ("wifi",)}, False),
        ({"groups": [["wifi"], {"wifi": 1}]}, {"groups": ("wifi",)}, False),
        ({"groups": {"wifi": 1}}, {"groups": ("wifi",)}, False),
        ({}, {"groups": ("wifi",)}, False),
        (LIN, {"domains": ("staff.example",), "groups": ("students",)}, False),
        ({}, {}, True),
    ],
)
def test_the_rule_of_the_policy_says_whose_accounts_are_let_in(claims, rule, gets_in) -> None:
    assert token.lets_in(Account(provider="city", **rule), claims, "groups") is gets_in


@pytest.mark.parametrize("thin", [False, True], ids=["in the token", "by user info"])
@pytest.mark.parametrize(("user", "gets_in"), [("lin", True), ("wei", False), ("sly", False), ("two", False)])
def test_an_account_of_another_house_is_refused_with_a_sentence(campus, institution, user, gets_in, thin) -> None:
    institution.play(thin=thin)

    page = campus.bring(institution.sign_in(campus.leave(), user))

    assert campus.online() is gets_in
    assert gets_in or "cannot be used here" in page.text


MAIL, OTHER = {"email": "lin@staff.example"}, {"email": "lin@elsewhere.example"}
CHECKED = {"email_verified": True}


@pytest.mark.parametrize(
    ("signed", "more", "gets_in"),
    [
        ({}, {**MAIL, **CHECKED}, True),
        (MAIL, {**MAIL, **CHECKED}, True),
        (MAIL, {**MAIL, "email_verified": False}, False),
        (MAIL, {**OTHER, **CHECKED}, False),
        (MAIL, CHECKED, False),
        (CHECKED, MAIL, False),
        (CHECKED, {**MAIL, **CHECKED}, True),
        ({**MAIL, **CHECKED}, {**OTHER, "email_verified": False}, True),
        ({**OTHER, **CHECKED}, {**MAIL, **CHECKED}, False),
    ],
)
def test_an_address_counts_as_checked_by_whoever_said_it(signed, more, gets_in) -> None:
    rule = Account(provider="city", domains=("staff.example",))
    told = token.together({"sub": "a", **signed}, {"sub": "a", **more})

    assert token.missing(rule, signed, "groups") is (not {"email", "email_verified"} <= signed.keys())
    assert token.lets_in(rule, told, "groups") is gets_in


def test_user_info_of_somebody_else_lets_nobody_in(campus, institution) -> None:
    institution.play(thin=True, speaks_of="wei")

    campus.bring(institution.sign_in(campus.leave()))

    assert not campus.online()


def test_a_provider_that_the_policy_does_not_name_is_none(campus) -> None:
    for provider in ("other", "", "city\x00"):
        assert campus.press(provider=provider).status_code == 422
