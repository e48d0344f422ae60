"""Passkeys against an authenticator in software that lies, repeats itself and was copied."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import random
import threading
from pathlib import Path

import pytest

from netops.access.attempts import ThrottledError
from netops.access.passkeys import MOST, Passkeys
from netops.access.places import Place, place
from netops.access.sealed import LIFE_MS, Seal
from netops.config import Settings
from netops.entering import Access
from netops.errors import AccessError, ConfigError, UsageError

_spec = importlib.util.spec_from_file_location("authenticator", Path(__file__).with_name("authenticator.py"))
authenticator = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(authenticator)

NOW = 1_790_000_010_000
HERE = "192.0.2.7"
ORIGIN, RP = "https://netops.example.cn", "netops.example.cn"


@pytest.fixture
def held(staff, database) -> Passkeys:
    for name in ("wang.min", "li.na"):
        staff.add(name, role="operator", by="t", now_ms=NOW)
    return Passkeys(database, Seal(bytes(32)), Place(origin=ORIGIN, rp_id=RP), title="city")


def device(**more):
    return authenticator.Authenticator(ORIGIN, RP, **more)


def add(held, staff, made, name="wang.min", **said):
    account = staff.account(name)
    answer = made.create(held.creating(account, now_ms=NOW), **said)
    held.add(account, answer, title="a phone", address=HERE, now_ms=NOW)
    return made


@pytest.fixture
def key(held, staff):
    return add(held, staff, device())


def prove(held, answer, name="wang.min", now_ms=NOW):
    held.prove(name, answer, address=HERE, now_ms=now_ms)


def asked(held, name="wang.min", now_ms=NOW):
    return held.asking(name, now_ms=now_ms)


def test_a_passkey_is_a_second_factor_and_a_login_of_its_own(held, key):
    prove(held, key.get(asked(held)))

    assert held.enter(key.get(asked(held, "")), address=HERE, now_ms=NOW) == "wang.min"
    (kept,) = held.all("wang.min")
    assert (kept.title, kept.used_ms) == ("a phone", NOW)
    assert held.all("li.na") == []


def test_the_browser_is_told_which_passkeys_and_no_name(held, key):
    assert [each["id"] for each in json.loads(asked(held))["allowCredentials"]] == [authenticator.written(key.id)]
    assert json.loads(asked(held, ""))["allowCredentials"] == []
    assert "wang" not in authenticator.read(key.handle).decode(errors="replace")


WRONG = {
    "another origin": {"origin": "https://netops.example.cn.evil.example"},
    "another port": {"origin": f"{ORIGIN}:8443"},
    "another domain": {"rp_id": "evil.example"},
    "another act": {"type": "webauthn.create"},
    "nobody there": {"present": False},
    "a made-up challenge": {"challenge": "AAAA"},
    "a made-up id": {"id": "AAAA"},
    "somebody else's handle": {"handle": "AAAA"},
}


@pytest.mark.parametrize("said", WRONG.values(), ids=WRONG)
def test_an_answer_for_something_else_proves_nothing(held, key, said):
    with pytest.raises(AccessError):
        prove(held, key.get(asked(held), **said))
    with pytest.raises(AccessError):
        held.enter(key.get(asked(held, ""), **said), address=HERE, now_ms=NOW)


def test_alone_it_needs_a_verified_user_and_the_handle(held, key):
    prove(held, key.get(asked(held), verified=False))

    for said in ({"verified": False}, {"handle": ""}):
        with pytest.raises(AccessError):
            held.enter(key.get(asked(held, ""), **said), address=HERE, now_ms=NOW)


@pytest.mark.parametrize(("count", "fits"), [(0, False), (1, False), (2, True), (9, True)])
def test_a_counter_that_goes_back_or_stands_proves_nothing(held, key, count, fits):
    """The one that was kept at the set-up is 1."""
    answer = key.get(asked(held), count=count)
    if fits:
        prove(held, answer)
    else:
        with pytest.raises(AccessError):
            prove(held, answer)


def test_one_that_counts_nothing_is_taken_as_often_as_it_is_asked(held, staff):
    made = add(held, staff, device(counts=False))
    for _ in range(3):
        prove(held, made.get(asked(held)))


@pytest.mark.parametrize("counts", [True, False])
def test_of_many_who_bring_the_same_answer_at_once_one_is_let_in(held, staff, counts):
    made = add(held, staff, device(counts=counts))
    answer, done, ready = made.get(asked(held, "")), [], threading.Barrier(6)

    def run():
        ready.wait(20)
        try:
            done.append(held.enter(answer, address=HERE, now_ms=NOW))
        except AccessError:
            done.append(None)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)

    assert sorted(filter(None, done)) == ["wang.min"]
    assert len(done) == 6


def test_the_same_answer_later_or_a_late_one_is_refused(held, key):
    options = asked(held)
    answer = key.get(options)
    prove(held, answer)
    with pytest.raises(AccessError, match=r"InvalidAuth|before"):
        prove(held, answer)

    with pytest.raises(AccessError, match="too old"):
        prove(held, key.get(options), now_ms=NOW + LIFE_MS)


def test_an_answer_to_one_question_is_none_to_another(held, staff, key):
    other = add(held, staff, device(), "li.na")

    with pytest.raises(AccessError, match="another"):
        prove(held, key.get(asked(held, "")))
    with pytest.raises(AccessError, match="another"):
        prove(held, other.get(asked(held, "li.na")))
    with pytest.raises(AccessError, match="unknown"):
        prove(held, other.get(asked(held)))


def test_another_key_under_the_same_name_is_refused(held, key):
    key.key = device().key

    with pytest.raises(AccessError):
        prove(held, key.get(asked(held)))


def test_who_is_disabled_comes_in_by_no_passkey(held, key, staff):
    staff.disable("wang.min", by="t", now_ms=NOW)

    with pytest.raises(AccessError):
        held.enter(key.get(asked(held, "")), address=HERE, now_ms=NOW)


@pytest.mark.parametrize("said", [WRONG[k] for k in ("another origin", "another domain", "a made-up challenge")])
def test_a_passkey_made_elsewhere_is_not_kept(held, staff, said):
    with pytest.raises(AccessError):
        add(held, staff, device(), **said)

    assert held.all("wang.min") == []


def test_a_passkey_is_kept_once_for_one(held, staff, key):
    account = staff.account("wang.min")
    answer = key.create(held.creating(account, now_ms=NOW))
    with pytest.raises(AccessError, match="known already"):
        held.add(account, answer, title="again", address=HERE, now_ms=NOW)
    with pytest.raises(AccessError):
        held.add(staff.account("li.na"), answer, title="hers", address=HERE, now_ms=NOW)
    for title in ("", "a" * 61, "a\nb"):
        with pytest.raises(UsageError, match="which device"):
            held.add(account, answer, title=title, address=HERE, now_ms=NOW)


def test_nobody_has_passkeys_without_bound(held, staff):
    for _ in range(MOST):
        add(held, staff, device())

    with pytest.raises(UsageError, match=f"has {MOST} passkeys"):
        add(held, staff, device())


def test_a_removed_passkey_proves_nothing(held, key):
    with pytest.raises(UsageError):
        held.remove("li.na", authenticator.written(key.id), address=HERE, now_ms=NOW)
    held.remove("wang.min", authenticator.written(key.id), address=HERE, now_ms=NOW)

    with pytest.raises(AccessError):
        held.enter(key.get(asked(held, "")), address=HERE, now_ms=NOW)


def test_nonsense_is_refused_and_slowed_down(held, key):
    for answer in (
        "",
        "{}",
        "[]",
        "null",
        "[" * 9000,
        '{"response": 7}',
        '{"response": {"clientDataJSON": "AAAA"}}',
        "x" * 99_999,
    ):
        with pytest.raises(AccessError):
            held.enter(answer, address=HERE, now_ms=NOW)
    for _ in range(13):
        with pytest.raises(AccessError, match="proves nothing"):
            held.enter("", address=HERE, now_ms=NOW)

    with pytest.raises(ThrottledError):
        held.enter("", address=HERE, now_ms=NOW)
    assert held.enter(key.get(asked(held, "")), address=HERE, now_ms=NOW) == "wang.min", "a good one is looked at"


def test_an_answer_that_is_changed_anywhere_is_refused_without_a_crash(held, key):
    dice, taken = random.Random(38), 0
    for number in range(300):
        answer = list(key.get(asked(held, "")))
        where = dice.randrange(len(answer))
        answer[where] = dice.choice([each for each in '{}[]":,\x00AZ9_=\udcff\u4e2d' if each != answer[where]])
        with contextlib.suppress(AccessError):
            held.enter("".join(answer), address=f"192.0.{number}.7", now_ms=NOW)
            taken += 1

    assert taken <= 3, "the last sign of Base64 may be another one for the same octets"


@pytest.mark.parametrize("id_", ["\udcff", "\u4e2d", "", 7, None, []])
def test_an_id_that_is_none_is_refused(held, key, id_):
    answer = json.loads(key.get(asked(held, "")))

    with pytest.raises(AccessError):
        held.enter(json.dumps({**answer, "id": id_}), address=HERE, now_ms=NOW)


# ---- where the pages are
@pytest.mark.parametrize(
    ("access", "origin", "rp_id"),
    [
        (Access(url="https://netops.example.cn"), ORIGIN, RP),
        (Access(url="https://NetOps.example.cn:443/"), ORIGIN, RP),
        (Access(url="https://netops.example.cn:8443", rp_id="example.cn"), f"{ORIGIN}:8443", "example.cn"),
        (Access(url="http://localhost:8080"), "http://localhost:8080", "localhost"),
        (Access(url="https://192.0.2.7"), "https://192.0.2.7", ""),
        (Access(url="https://[2001:db8::1]:8443"), "https://[2001:db8::1]:8443", ""),
    ],
)
def test_where_the_pages_are(access, origin, rp_id):
    assert place(dataclasses.replace(Settings(), access=access)) == Place(origin=origin, rp_id=rp_id)


@pytest.mark.parametrize(
    ("access", "why"),
    [
        (Access(rp_id="example.cn"), "'access.url' is empty"),
        (Access(passkey="admin"), "'access.url' is empty"),
        (Access(url="http://netops.example.cn"), "expected https://HOST"),
        (Access(url="https://user@netops.example.cn"), "expected https://HOST"),
        (Access(url="https://netops.example.cn/pages"), "expected https://HOST"),
        (Access(url="https://[::1"), "expected https://HOST"),
        (Access(url="https://netops.example.cn:99999"), "expected https://HOST"),
        (Access(url="https://netops.example.cn", rp_id="xample.cn"), "or a domain above it"),
        (Access(url="https://example.cn", rp_id="netops.example.cn"), "or a domain above it"),
        (Access(url="https://192.0.2.7", rp_id="192.0.2.7"), "an address has no passkeys"),
        (Access(url="https://192.0.2.7", passkey="admin"), "is an address and has none"),
    ],
)
def test_a_place_that_cannot_be_is_named_with_its_remedy(access, why):
    with pytest.raises(ConfigError, match=why):
        place(dataclasses.replace(Settings(), access=access))


def test_nowhere_is_no_place():
    assert place(Settings()) is None
