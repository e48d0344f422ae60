"""What is believed of an ID token, with tokens made here: every octet counts, and nothing but its own error escapes."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import random
import time
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from netops.oidc import token
from netops.oidc.line import StrangeError, _object, host_of
from netops.oidc.token import UntrustedError

NOW_MS = 1_790_000_000_000
NOW_S = NOW_MS // 1000
WANTED = token.Wanted(issuer="https://sso.example", client_id="portal", nonce="n" * 43, access_token="")
CLAIMS = {
    "iss": "https://sso.example",
    "aud": "portal",
    "sub": "lin",
    "nonce": "n" * 43,
    "iat": NOW_S,
    "exp": NOW_S + 300,
}
ROUNDS = int(os.environ.get("NETOPS_ROUNDS", "1"))


@cache
def key(kind: str):
    if kind == "EC":
        return ECKey.generate_key("P-256", {"kid": "k", "use": "sig"})
    return RSAKey.generate_key(2048, {"kid": "k", "use": "sig"})


def known(kind: str = "EC") -> KeySet:
    return token.keys({"keys": [key(kind).as_dict(private=False)]})


@cache
def good() -> str:
    return signed(CLAIMS)


def signed(claims, **header) -> str:
    return jwt.encode({"alg": "ES256", "kid": "k", **header}, claims, key("EC"))


def _b64(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def refused(written: object, keys: KeySet | None = None) -> str:
    with pytest.raises(UntrustedError) as caught:
        token.verified(written, known() if keys is None else keys, WANTED, NOW_MS)
    return str(caught.value)


def test_an_honest_token_is_believed() -> None:
    assert token.verified(good(), known(), WANTED, NOW_MS)["sub"] == "lin"


def test_a_key_that_names_no_use_and_a_token_that_names_no_key_are_believed_where_there_is_one() -> None:
    public = {name: value for name, value in key("EC").as_dict(private=False).items() if name not in {"use", "kid"}}

    made = jwt.encode({"alg": "ES256"}, CLAIMS, key("EC"))

    assert token.verified(made, token.keys({"keys": [public]}), WANTED, NOW_MS)


@pytest.mark.parametrize("at_s", [-600, -60, 0, 60])
def test_two_clocks_may_differ_by_a_minute_and_a_login_may_take_ten(at_s: int) -> None:
    made = signed({**CLAIMS, "iat": NOW_S + at_s, "exp": NOW_S + 300})

    assert token.verified(made, known(), WANTED, NOW_MS)


@given(st.integers(0, 10_000), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."))
def test_no_letter_of_a_token_can_be_another(place: int, letter: str) -> None:
    written = good()
    at = place % len(written)
    changed = written[:at] + letter + written[at + 1 :]
    if changed == written or (at == len(written) - 1):  # the last letter of base64 holds bits that say nothing
        return

    refused(changed)


def test_a_header_that_demands_what_we_do_not_know_is_refused() -> None:
    head = _b64({"alg": "ES256", "kid": "k", "crit": ["exp"], "exp": 1})

    assert "signature" in refused(f"{head}.{good().split('.', 1)[1]}")


def test_a_payload_that_is_not_encoded_is_refused() -> None:
    made = jws.serialize_json(
        {"protected": {"alg": "ES256", "kid": "k", "b64": False, "crit": ["b64"]}}, json.dumps(CLAIMS), key("EC")
    )

    refused(f"{made['protected']}.{made['payload']}.{made['signature']}")


@pytest.mark.parametrize(
    "alg", ["none", "None", "NONE", "", "HS256", "HS384", "HS512", "RS1", "ES256K", "dir", None, 7]
)
def test_no_algorithm_but_ours(alg: object) -> None:
    refused(f"{_b64({'alg': alg, 'kid': 'k'})}.{good().split('.', 1)[1]}")


def test_a_shared_secret_in_the_key_set_is_no_key() -> None:
    secret = OctKey.import_key({"kty": "oct", "k": _b64("x" * 40), "kid": "k", "use": "sig"})
    made = jwt.encode({"alg": "HS256", "kid": "k"}, CLAIMS, secret)

    refused(made, token.keys({"keys": [secret.as_dict(private=True)]}))


def test_a_key_for_encryption_signs_nothing() -> None:
    public = {**key("EC").as_dict(private=False), "use": "enc"}

    refused(good(), token.keys({"keys": [public]}))


def test_a_key_of_another_kind_under_the_same_name_signs_nothing() -> None:
    refused(good(), known("RSA"))


@pytest.mark.parametrize(
    "written", [None, 7, b"x", [], {}, "", ".", "..", "...", "a.b", "a.b.c.d.e", "é.é.é", "x" * 99_999]
)
def test_what_is_no_token_is_refused(written: object) -> None:
    refused(written)


@pytest.mark.parametrize(
    "found", [None, {}, {"keys": None}, {"keys": {}}, {"keys": "x"}, {"keys": [{}] * 65}, {"keys": ["x"] * 9999}]
)
def test_what_is_no_key_set_is_refused(found) -> None:
    with pytest.raises(UntrustedError):
        token.keys(found or {})


@settings(max_examples=30 * ROUNDS)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_a_claim_of_any_shape_is_judged_and_raises_nothing_else(value: object) -> None:
    for name in ("sub", "aud", "iss", "nonce", "exp", "iat", "azp", "auth_time", "amr", "at_hash", "nbf"):
        try:
            found = token.verified(signed({**CLAIMS, name: value}), known(), WANTED, NOW_MS)
        except UntrustedError:
            continue
        assert found["iss"] == WANTED.issuer
        assert found["nonce"] == WANTED.nonce
        assert isinstance(found["sub"], str)
        assert found["aud"] in ("portal", ["portal"])


def mutated(rng: random.Random) -> str:
    parts = list(good())
    for _ in range(rng.randrange(1, 20)):
        at, act = rng.randrange(len(parts)), rng.randrange(4)
        if act == 0:
            parts[at] = chr(rng.randrange(0x110000 - 0x800)) if rng.random() < 0.2 else chr(rng.randrange(128))
        elif act == 1:
            del parts[at : at + rng.randrange(1, 30)]
            parts = parts or ["."]
        elif act == 2:
            parts[at:at] = parts[at : at + rng.randrange(1, 40)]
        else:
            parts[at] = "."
    return "".join(parts)


def fuzz(rounds: int, seed: int) -> float:
    rng, slowest, keys = random.Random(seed), 0.0, known()
    for _ in range(rounds):
        written = mutated(rng)
        began = time.perf_counter()
        with contextlib.suppress(UntrustedError):
            token.kid(written)
        if written != good():
            with pytest.raises(UntrustedError):
                token.verified(written, keys, WANTED, NOW_MS)
        slowest = max(slowest, time.perf_counter() - began)
    return slowest


def test_garbled_tokens_raise_one_error_only() -> None:
    fuzz(300, seed=1)


@pytest.mark.slow
def test_ten_thousand_garbled_tokens_raise_one_error_only() -> None:
    assert fuzz(10_000 * ROUNDS, seed=2) < 0.25


# ---- addresses and answers
@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://sso.example.cn", "sso.example.cn:443"),
        ("https://SSO.example.cn/x?y=1", "sso.example.cn:443"),
        ("https://sso.example.cn:8443/", "sso.example.cn:8443"),
        ("http://127.0.0.1:9000/", "127.0.0.1:9000"),
        ("http://[::1]:9000/", "::1:9000"),
    ],
)
def test_an_address_that_may_be_asked_has_a_host(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sso.example.cn",
        "//sso.example.cn",
        "http://sso.example.cn/",
        "http://127.0.0.1.evil.example/",
        "http://169.254.169.254/",
        "ftp://sso.example.cn/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "https://user:pass@sso.example.cn/",
        "https://sso.example.cn:99999/",
        "https://sso.example.cn:x/",
        "https://sso.example.cn/#f",
        "https://sso.example.cn/\r\nX: y",
        "https://ｓｓｏ.example.cn/",
        "https://[::1",
    ],
)
def test_an_address_that_may_not_be_asked_is_refused(url: str) -> None:
    with pytest.raises(StrangeError):
        host_of(url)


@given(st.binary(max_size=200))
def test_an_answer_of_any_octets_is_an_object_or_one_error(content: bytes) -> None:
    with contextlib.suppress(StrangeError):
        assert isinstance(_object("x:1", content), dict)
