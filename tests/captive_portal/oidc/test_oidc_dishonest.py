"""A provider that signs what it should not, or names another: nobody is let in by it."""

from __future__ import annotations

import json

import pytest

# ---- dishonest tokens
HOUR = 3600
DISHONEST: dict[str, dict[str, object]] = {
    "no signature": {"sign": "none"},
    "no signature, the word disguised": {"sign": "None-with-key"},
    "the public key taken for a shared secret": {"sign": "hmac-of-public-key"},
    "a stranger's key under a known name": {"sign": "stranger"},
    "a key brought along": {"sign": "own-key-in-header"},
    "cut": {"sign": "cut"},
    "changed after signing": {"sign": "changed", "claims": {"sub": "x"}},
    "another nonce": {"claims": {"nonce": "A" * 43}},
    "no nonce": {"without": ["nonce"]},
    "a nonce that is no text": {"claims": {"nonce": ["A"]}},
    "another issuer": {"claims": {"iss": "http://127.0.0.1:1"}},
    "the issuer with a slash more": {"claims": {"iss": "ISSUER/"}},
    "for another client": {"claims": {"aud": "other"}},
    "for several, given to another": {"claims": {"aud": ["portal", "other"], "azp": "other"}},
    "for several, given to nobody": {"claims": {"aud": ["portal", "other"]}},
    "for a part of us": {"claims": {"aud": "portal2"}},
    "an audience that is an object": {"claims": {"aud": {"portal": 1}}},
    "over": {"claims": {"exp": -HOUR}},
    "over, as a text": {"claims": {"exp": "9999999999"}},
    "over, as a number beyond numbers": {"claims": {"exp": 1e300}},
    "an end that is true": {"claims": {"exp": True}},
    "no end": {"without": ["exp"]},
    "made yesterday": {"claims": {"iat": -24 * HOUR}},
    "made tomorrow": {"claims": {"iat": 24 * HOUR}},
    "good from tomorrow on": {"claims": {"nbf": 24 * HOUR}},
    "of nobody": {"without": ["sub"]},
    "of an empty name": {"claims": {"sub": ""}},
    "of a number": {"claims": {"sub": 7}},
    "of a name longer than a page": {"claims": {"sub": "s" * 4000}},
    "another access token's": {"claims": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}},
}


@pytest.mark.parametrize("name", DISHONEST)
def test_a_dishonest_token_lets_nobody_in(campus, institution, name: str) -> None:
    tricks = json.loads(json.dumps(DISHONEST[name]).replace("ISSUER", institution.issuer))
    for claim in ("exp", "iat", "nbf"):
        given = tricks.get("claims", {}).get(claim)
        if isinstance(given, int) and not isinstance(given, bool):
            tricks["claims"][claim] = given + campus.desk.clock.now_ms() // 1000
    address, before = campus.leave(), campus.provider.counted["untrusted"]
    institution.play(**tricks)

    page = campus.bring(institution.sign_in(address))

    assert not campus.online()
    assert page.status_code == 422
    assert "no proof" in page.text
    assert campus.provider.counted["untrusted"] == before + 1


def test_the_issuers_own_word_is_compared_too(campus, institution) -> None:
    for names in ("http://127.0.0.1:1", ""):
        institution.play(names=names)
        page = campus.bring(institution.sign_in(campus.leave()))
        assert page.status_code == 422
    institution.play(nameless=True)

    campus.bring(institution.sign_in(campus.leave()))

    assert not campus.online(), "a provider that says that it names itself, and does not"
