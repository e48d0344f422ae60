# ruff: noqa: E501  (the tables hold whole messages)
"""Digest authentication: RFC 7616's own example, replays, expiry, forged and forgotten nonces."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from collectors.cwmp import digest
from collectors.cwmp.call import Call, authorization
from collectors.cwmp.digest import Challenges, Judgement

NOW = 1_790_000_000_000
EXAMPLE = (
    'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm={0}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
    'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="{1}", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)


def challenges(**words):
    counting = itertools.count()
    given = {"realm": "netops-acs", "key": b"k" * 32, "chance": lambda: f"{next(counting):08x}"} | words
    return Challenges(**given)


def answered(nonce, *, user="cpe", password="secret", count="00000001", algorithm="MD5", qop="auth", uri="/cwmp", realm="netops-acs"):  # fmt: skip
    made = digest.Answer(
        user=user, realm=realm, nonce=nonce, uri=uri, response="", algorithm=algorithm, qop=qop,
        count=count if qop else "", cnonce="c" if qop else "",
    )  # fmt: skip
    right = digest.response(made, method="POST", password=password)
    counted = f', qop={qop}, nc={count}, cnonce="c"' if qop else ""
    found = digest.read(
        f'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{right}", algorithm={algorithm}{counted}'
    )
    assert found is not None
    return found


def judge(made, answer, *, now_ms=NOW, passwords=("secret",)):
    return made.judge(answer, passwords, method="POST", path="/cwmp", now_ms=now_ms)


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_rfc_7616_section_3_9_1(algorithm, response):
    answer = digest.read(EXAMPLE.format(algorithm, response))

    assert answer is not None
    assert digest.response(answer, method="GET", password="Circle of Life") == answer.response


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_a_right_answer_counts_once(algorithm):
    made = challenges()
    nonce = made.nonce(NOW)
    answer = answered(nonce, algorithm=algorithm)

    assert judge(made, answer) is Judgement.RIGHT
    assert judge(made, answer) is Judgement.STALE
    assert judge(made, answered(nonce, algorithm=algorithm, count="00000002")) is Judgement.RIGHT
    assert judge(made, answered(nonce, algorithm=algorithm, count="00000001")) is Judgement.STALE


def test_without_a_count_a_nonce_counts_once():
    made = challenges()
    answer = answered(made.nonce(NOW), qop="")

    assert judge(made, answer) is Judgement.RIGHT
    assert judge(made, answer) is Judgement.STALE


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"password": "other"}, Judgement.WRONG),
        ({"realm": "other"}, Judgement.WRONG),
        ({"uri": "/other"}, Judgement.WRONG),
        ({"uri": "http://[/cwmp"}, Judgement.WRONG),
        ({"uri": "http://acs.example/cwmp"}, Judgement.RIGHT),
        ({"count": "1"}, Judgement.WRONG),
        ({"count": "0000000g"}, Judgement.WRONG),
        ({"count": "00000000"}, Judgement.STALE),
        ({"qop": "auth-int"}, Judgement.WRONG),
    ],
)
def test_an_answer_that_is_not_to_our_challenge(words, expected):
    made = challenges()

    assert judge(made, answered(made.nonce(NOW), **words)) is expected


def test_a_nonce_ends_and_cannot_be_made_by_others():
    made = challenges(lives_s=300)
    nonce = made.nonce(NOW)

    assert judge(made, answered(nonce), now_ms=NOW + 300_000) is Judgement.STALE
    assert judge(made, answered(nonce), now_ms=NOW - 5_000) is Judgement.STALE
    assert judge(made, answered(challenges(key=b"x" * 32).nonce(NOW))) is Judgement.STALE
    for forged in ("", "a", "..", nonce + "0", "\udcff", f"{NOW:x}.0."):
        assert judge(made, answered(forged)) is not Judgement.RIGHT


def test_an_unknown_user_and_one_without_password_are_wrong():
    made = challenges()

    assert judge(made, answered(made.nonce(NOW), password=""), passwords=()) is Judgement.WRONG
    assert judge(made, answered(made.nonce(NOW), password="secret"), passwords=()) is Judgement.WRONG


def test_an_algorithm_that_is_not_offered_is_refused():
    made = challenges(algorithms=("SHA-256",))

    assert [value for _, value in made.headers(NOW) if "MD5" in value] == []
    assert judge(made, answered(made.nonce(NOW), algorithm="MD5")) is Judgement.WRONG


def test_who_floods_with_right_answers_makes_no_old_one_right_again():
    """The count of nonces is bounded; what is forgotten must not be usable anew."""
    made = challenges(most=8)
    nonces = [made.nonce(NOW + at) for at in range(50)]
    first = [judge(made, answered(nonce), now_ms=NOW + 60) for nonce in nonces]
    again = [judge(made, answered(nonce), now_ms=NOW + 60) for nonce in nonces]

    assert first == [Judgement.RIGHT] * 50
    assert again == [Judgement.STALE] * 50
    assert len(made._counts) <= 9


@pytest.mark.parametrize(
    "header",
    ["", "Basic eDp5", "Digest", 'Digest username="a"', 'Digest username="a", username="b", realm="r", nonce="n", uri="/", response="r"', "Digest " + "a=1," * 2000, 'Digest username="a'],
)  # fmt: skip
def test_what_is_no_digest_is_none(header):
    assert digest.read(header) is None


def test_a_quoted_quote_stands_for_itself():
    answer = digest.read(r'Digest username="a\"b", realm="r", nonce="n", uri="/", response="R"')

    assert answer is not None
    assert (answer.user, answer.response) == ('a"b', "r")


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_our_own_answer_to_a_cpes_challenge_is_one_that_we_would_take(algorithm):
    call = Call(door="d", host="h", port=1, path="/call", user="acs", password="secret")
    nonce = challenges().nonce(NOW)
    said = authorization(
        f'Digest realm="r", nonce="{nonce}", qop="auth,auth-int", algorithm={algorithm}', call, chance="x"
    )
    answer = digest.read(said or "")

    assert answer is not None
    assert digest.response(answer, method="GET", password="secret") == answer.response


@pytest.mark.parametrize("challenge", ["", 'Basic realm="r"', 'Digest realm="r"', 'Digest realm="r", nonce="n", algorithm=MD5-sess', 'Digest realm="r", nonce="n", qop="auth-int"'])  # fmt: skip
def test_a_challenge_that_we_do_not_know_is_not_answered(challenge):
    call = Call(door="d", host="h", port=1, path="/call", user="acs", password="secret")

    assert authorization(challenge, call, chance="x") is None


@pytest.mark.parametrize("written", ["\u202e0123", "\xff" * 32, "\udcff", ""])
def test_a_response_in_any_letters_is_a_wrong_one(written):
    made = challenges()
    answer = answered(made.nonce(NOW))

    assert judge(made, replace(answer, response=written)) is Judgement.WRONG
