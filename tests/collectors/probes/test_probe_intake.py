"""The core's intake: who is let in, and what is taken of what probes hand in."""

from __future__ import annotations

import base64
import http.client
import json
import os
import random
from dataclasses import replace

import pytest

from collectors.errors import DecodeError
from collectors.probes import calling, handing, keys
from collectors.probes.intake import admit
from collectors.probes.intake.enrolled import Enrolled
from collectors.probes.intake.service import Intake
from netops import facts, wire
from netops.facts import Fact
from netops.model import Row, Subject
from tests.collectors.probes.handed import NOW, Standing, batch, health, join, poll, post, signed, taken


def test_what_is_handed_in_is_in_the_cores_spool_and_leaves_the_sites(core, site):
    spool, carrier = site
    polls = [wire.encode(poll(slot)) for slot in (0, 60_000)]
    spool.put("poll", polls)
    spool.put("fact", [health()])
    spool.put("poll", [wire.encode(poll(120_000))])

    while carrier.step():
        pass

    assert [(each.kind, each.payload) for each in taken(core)] == [
        ("poll", polls[0]),
        ("poll", polls[1]),
        ("fact", health()),
        ("poll", wire.encode(poll(120_000))),
    ]
    assert spool.backlog() == 0


def test_the_same_batch_again_changes_nothing(core, tmp_path, site):
    key = keys.load(tmp_path / "site" / "keys" / "probe.key")
    made = batch((1, wire.encode(poll(0))), (2, wire.encode(poll(60_000))))
    more = batch((2, wire.encode(poll(60_000))), (3, wire.encode(poll(120_000))))

    answers = [post(core, each, signed(key, each)) for each in (made, made, more, made)]

    assert answers == [(200, {"upto": upto, "refused": []}) for upto in (2, 2, 3, 2)]
    assert [wire.decode(each.payload).slot_ms - NOW for each in taken(core)] == [0, 60_000, 120_000]


def test_what_is_remembered_of_a_vantage_point_is_bounded(core, tmp_path, site, monkeypatch):
    monkeypatch.setattr("collectors.probes.intake.service.SPOOLS", 3)
    key = keys.load(tmp_path / "site" / "keys" / "probe.key")
    made = [batch((1, wire.encode(poll(0))), source=f"probe/0000000{n}") for n in range(4)]

    assert [post(core, each, signed(key, each))[0] for each in made] == [200, 200, 200, 403]
    assert post(core, made[0], signed(key, made[0]))[0] == 200


@pytest.mark.parametrize(
    ("came", "two"),
    [
        ([("a", 1, 0), ("a", 2, 1), ("a", 2, 1), ("a", 3, 2)], False),  # an answer was lost: the same again
        ([("a", 1, 0), ("b", 1, 1), ("b", 2, 2)], False),  # set up anew
        ([("a", 1, 0), ("b", 1, 1), ("a", 2, 2)], True),  # the key was copied
        ([("a", 1, 0), ("a", 2, 1), ("a", 2, 5)], True),  # the whole disk was
    ],
    ids=["repeat", "anew", "copied key", "copied disk"],
)
def test_a_key_in_two_machines_hands_is_noticed(core, tmp_path, site, came, two):
    key = keys.load(tmp_path / "site" / "keys" / "probe.key")
    for source, sequence, slot in came:
        made = batch((sequence, wire.encode(poll(slot * 60_000))), source=f"probe/{source * 8}")
        assert post(core, made, signed(key, made))[0] == 200

    assert ("vantage site-7" in core.health()) is two


def test_how_far_it_has_come_survives_the_intakes_death(core, tmp_path, site):
    key = keys.load(tmp_path / "site" / "keys" / "probe.key")
    made = batch((1, wire.encode(poll(0))))
    post(core, made, signed(key, made))
    core.stop()
    again = Intake(core._settings, clock=Standing())
    again.start()

    try:
        assert post(again, made, signed(key, made))[0] == 200
    finally:
        again.stop()
    assert len(taken(core)) == 1


def test_who_is_not_enrolled_or_changes_a_thing_is_let_in_nowhere(core, tmp_path, site):
    key, stranger = keys.load(tmp_path / "site" / "keys" / "probe.key"), keys.Key(os.urandom(32))
    made = batch((1, wire.encode(poll(0))))
    good = signed(key, made)
    tries = [
        (replace(made, vantage="site-8"), good, {}),
        (made, signed(stranger, made), {}),
        (replace(made, kind="fact"), good, {}),
        (replace(made, source="probe/ffffffff"), good, {}),
        (replace(made, records=((2, made.records[0][1]),)), good, {}),
        (made, good, {"Netops-Vantage": "../../keys/evidence"}),
        (made, bytes(64), {}),
    ]

    assert [post(core, each, signature, **headers)[0] for each, signature, headers in tries] == [403] * len(tries)
    assert taken(core) == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/batch", None, 405),
        ("POST", "/", b"", 404),
        ("POST", "/v1/batch/..", b"x", 404),
        ("POST", "/v1/batch", b"x", 403),
        ("POST", "/v1/join", b"{", 400),
        ("POST", "/v1/join", b"[1]", 400),
        ("POST", "/v1/join", b"[" * 4000, 400),
        ("POST", "/v1/join", json.dumps(dict.fromkeys(("vantage", "token", "public", "signature"), 1)).encode(), 400),
        ("POST", "/v1/join", b"a" * 5000, 400),
    ],
)
def test_everything_else_is_refused(core, method, path, body, status):
    talk = http.client.HTTPConnection("127.0.0.1", core.port, timeout=5)
    talk.request(method, path, body)
    answer = talk.getresponse()

    assert (answer.status, answer.getheader("Cache-Control")) == (status, "no-store")
    talk.close()


def test_hostile_bodies_are_refused_and_leave_nothing(core, tmp_path, site):
    key, random_ = keys.load(tmp_path / "site" / "keys" / "probe.key"), random.Random(17)
    good = batch((1, wire.encode(poll(0))), (2, wire.encode(poll(60_000))))
    for _ in range(60):
        body = bytearray(good.body())
        for _ in range(random_.randrange(1, 5)):
            body[random_.randrange(len(body))] = random_.randrange(256)
        body = bytes(body[: random_.randrange(1, len(body) + 1)])
        said = handing.statement(vantage="site-7", source=good.source, kind="poll", body=body)
        headers = handing.headers(good, key.sign(said))
        status, told = calling.post(f"http://127.0.0.1:{core.port}", handing.PATH, body, headers=headers)

        assert status in (200, 400), told
    for each in taken(core):
        assert admit.refusal("poll", each.payload, vantage="site-7", now_ms=NOW) == ""


STRANGE = {
    "another vantage": ("poll", wire.encode(poll(0, vantage="site-8"))),
    "a device": ("poll", wire.encode(replace(poll(0), device="olt-7"))),
    "another path": ("poll", wire.encode(poll(0, subject=Subject("path", "site-8/a")))),
    "an access point": ("poll", wire.encode(poll(0, subject=Subject("ap", "mac:0a0b0c0d0e0f")))),
    "another metric": ("poll", wire.encode(poll(0, metric="wlan.ap.clients"))),
    "the day after tomorrow": ("poll", wire.encode(poll(2 * 86_400_000))),
    "last winter": ("poll", wire.encode(poll(-200 * 86_400_000))),
    "taken next year": ("poll", wire.encode(replace(poll(0), at_ms=NOW + 365 * 86_400_000))),
    "a slot of a millisecond": ("poll", wire.encode(poll(1))),
    "noise": ("poll", b"noise"),
    "another's health": ("fact", health("site-8")),
    "an approval": (
        "fact",
        facts.encode(
            Fact(
                kind="approval_decision",
                at_ms=NOW,
                body={"request": "r", "decision": "approved", "by": "x", "reason": ""},
            )
        ),
    ),
    "the core's own state": (
        "fact",
        facts.encode(
            Fact(kind="service_state", at_ms=NOW, body={"service": "core", "state": "failed", "version": "1"})
        ),
    ),
    "noise for a fact": ("fact", b"{}"),
    "blind next year": ("fact", health("site-7", at_ms=NOW + 365 * 86_400_000)),
    "blind last winter": ("fact", health("site-7", at_ms=NOW - 200 * 86_400_000)),
}


@pytest.mark.parametrize("what", STRANGE)
def test_a_stolen_key_can_lie_about_its_own_sight_and_nothing_else(what):
    kind, payload = STRANGE[what]

    assert admit.refusal(kind, payload, vantage="site-7", now_ms=NOW)


@pytest.mark.parametrize(
    ("enrolled_for", "service", "taken_"),
    [
        ((), "fiber-9", True),
        (("fiber-7",), "fiber-7", True),
        (("fiber-7",), "", True),
        (("fiber-7",), "fiber-9", False),
    ],
)
def test_a_stolen_probe_speaks_of_no_service_that_it_was_not_enrolled_for(tmp_path, enrolled_for, service, taken_):
    enrolled, key = Enrolled(tmp_path), keys.Key(bytes(32))
    join(enrolled, key, token=enrolled.invite("site-7", now_ms=NOW, services=enrolled_for))
    texts = {"probe.service": service} if service else {}
    row = Row(subject=Subject("path", "site-7/a"), values={"probe.loss": 100.0}, texts=texts)
    payload = wire.encode(replace(poll(0), rows=(row,)))

    why = admit.refusal("poll", payload, vantage="site-7", now_ms=NOW, services=enrolled.member("site-7").services)

    assert (why == "") is taken_
    assert taken_ or "was not enrolled" in why


def test_a_record_that_is_refused_is_told_as_lost_and_holds_up_none(core, site):
    spool, carrier = site
    sound = [wire.encode(poll(slot)) for slot in (0, 60_000)]
    spool.put("poll", [sound[0], wire.encode(poll(0, vantage="site-8")), sound[1]])

    while carrier.step():
        pass

    told = taken(core)
    assert [each.payload for each in told if each.kind == "poll"] == sound
    (lost,) = [facts.decode(each.payload).body for each in told if each.kind == "fact"]
    assert (lost["spool"], lost["first_sequence"], lost["count"]) == ("probe@site-7", 2, 1)
    assert "not of 'site-7/probe'" in lost["reason"]


def test_a_record_larger_than_the_core_takes_is_told_as_lost_and_holds_up_none(core, site):
    spool, carrier = site
    spool.put("poll", [os.urandom(handing.BODY_OCTETS), wire.encode(poll(0))])

    while carrier.step():
        pass

    told = taken(core)
    assert [each.kind for each in told] == ["poll", "fact"]
    assert facts.decode(told[1].payload).body["reason"] == "one record is larger than the core takes"


def test_sequences_that_do_not_ascend_are_refused():
    with pytest.raises(DecodeError, match="ascend"):
        handing.read(
            {
                "vantage": "site-7",
                "source": "probe/0a0b0c0d",
                "kind": "poll",
                "signature": base64.b64encode(bytes(64)).decode(),
            },
            batch((2, b"a"), (2, b"b")).body(),
        )


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_changed_records_are_refused_and_nothing_else_is_raised():
    rounds, random_ = 3_334 * int(os.environ.get("NETOPS_ROUNDS", "3")), random.Random(5)
    good = [("poll", wire.encode(poll(0))), ("fact", health())]
    for _ in range(rounds):
        kind, payload = random_.choice(good)
        made = bytearray(payload)
        for _ in range(random_.randrange(1, 6)):
            made[random_.randrange(len(made))] = random_.randrange(256)
        admit.refusal(kind, bytes(made[: random_.randrange(len(made) + 1)]), vantage="site-7", now_ms=NOW)
        admit.refusal(kind, bytes(made), vantage="site-7", now_ms=NOW)
    for deep in (b"[" * 50_000, b'{"a":' * 20_000, b'{"at_ms":1e999}'):
        assert admit.refusal("fact", deep, vantage="site-7", now_ms=NOW)
