"""How much a vantage point may hand in: any outage of its own schedule at once, and no disk full of a thief's words."""

from __future__ import annotations

import base64
import json
import random

import pytest

from collectors.probes import calling, handing, keys
from collectors.probes.carry import Carrier
from collectors.probes.intake import volume
from collectors.probes.intake.enrolled import Enrolled, digest
from collectors.probes.intake.service import Intake, place
from collectors.probes.intake.volume import DAY_S, OUTAGE_DAYS, Floods, Schedule, Volumes
from netops import facts, wire
from netops.config import City, Data, Listener, Settings
from netops.config import Intake as IntakeSettings
from netops.model import ANSWERED, Poll, Row, Subject
from netops.spool import Spool, read

NOW = 1_795_719_388_000
SMALL = Schedule(every_s=3600, paths=2)  # 24 polls a day: a burst of 1,488, and 48 a day


class Clock:
    """Two clocks that go on together when they are told to."""

    def __init__(self):
        self.s = 0.0

    def now_ms(self):
        return NOW + int(self.s * 1000)

    def monotonic(self):
        return self.s


def used(polls, paths, row_octets):
    return {"polls": polls, "rows": polls * paths, "octets": polls * paths * row_octets}


@pytest.mark.parametrize(
    ("schedule", "row_octets"),
    [(Schedule(), 900), (Schedule(every_s=10, paths=100), 900), (Schedule(every_s=900, paths=1), 900)],
    ids=["usual", "busy", "idle"],
)
def test_the_longest_outage_of_an_honest_probe_is_taken_at_once_and_its_days_go_on(schedule, row_octets):
    volumes, polls = Volumes(), DAY_S // schedule.every_s
    for _ in range(OUTAGE_DAYS - 1):
        assert volumes.over("site-7", schedule, now_s=0.0) == ""
        volumes.charge("site-7", schedule, used(polls, schedule.paths, row_octets), now_s=0.0)
        volumes.charge("site-7", schedule, {"facts": polls, "octets": polls * 200}, now_s=0.0)
    for day in range(1, 100):
        assert volumes.over("site-7", schedule, now_s=day * DAY_S) == ""
        volumes.charge("site-7", schedule, used(polls, schedule.paths, volume.ROW_OCTETS), now_s=day * DAY_S)


@pytest.mark.parametrize("what", ["polls", "rows", "facts", "octets"])
def test_what_a_key_can_fill_is_bounded_whatever_it_hands_in(what):
    volumes, taken = Volumes(), 0
    batch = -(-SMALL.per_day[what] // 3)
    for hour in range(30 * 24):
        while not volumes.over("site-7", SMALL, now_s=hour * 3600):
            volumes.charge("site-7", SMALL, {what: batch}, now_s=hour * 3600)
            taken += batch
    assert taken <= SMALL.per_day[what] * (OUTAGE_DAYS + 30 * volume.HEADROOM) + batch
    assert taken >= SMALL.per_day[what] * 30 * volume.HEADROOM * 0.99


def test_one_vantage_points_flood_is_not_anothers():
    volumes = Volumes()
    volumes.charge("site-7", SMALL, {"polls": 10**9}, now_s=0.0)

    assert "hands in more polls than 2 paths every 3600 s make" in volumes.over("site-7", SMALL, now_s=0.0)
    assert volumes.over("site-8", SMALL, now_s=0.0) == ""
    assert volumes.over("site-7", Schedule(), now_s=0.0) == "", "enrolled anew for more, it is heard"


def test_a_flood_is_told_once_and_its_end_once():
    floods, told = Floods(), []
    for minute in range(5):
        floods.seen("site-7", "too much", NOW + minute * 60_000, tell=told.append)
        floods.settle(NOW + minute * 60_000, tell=told.append)
    floods.settle(NOW + 4 * 60_000 + volume.QUIET_MS, tell=told.append)

    assert [(each.body["state"], each.body["vantage"], each.body["detail"]) for each in told] == [
        ("degraded", "site-7", "too much"),
        ("ok", "site-7", "it hands in within its limit again"),
    ]
    assert all(facts.decode(facts.encode(each)) == each for each in told)
    assert not floods.now


@pytest.fixture
def core(tmp_path):
    """An intake whose clock stands until it is told to go on."""
    settings = Settings(
        city=City(rehearsal=True),
        data=Data(dir=tmp_path),
        intake=IntakeSettings(enabled=True, listen=Listener(port=0)),
    )
    intake = Intake(settings, clock=Clock())
    intake.start()
    yield intake
    intake.stop()


def joined(core, tmp_path):
    """Return the key of a site-7 that may hand in 62 polls at once, and two a day from then on."""
    key = keys.generate(tmp_path / f"{random.randrange(1 << 30)}.key")
    enrolled = Enrolled(place(core._settings))
    token = enrolled.invite("site-7", now_ms=NOW, schedule=Schedule(every_s=DAY_S, paths=1))
    said = handing.joining(vantage="site-7", public=key.public, token_sha256=digest(token))
    told = {"vantage": "site-7", "token": token, "public": key.public}
    told["signature"] = base64.b64encode(key.sign(said)).decode()
    url = f"http://127.0.0.1:{core.port}"
    assert calling.post(url, handing.JOIN_PATH, json.dumps(told).encode(), headers={})[0] == 200
    return key


def test_a_stolen_key_is_stopped_told_and_heard_again_later(core, tmp_path):
    key = joined(core, tmp_path)
    answers = [_hand_in(core, key, first) for first in (1, 41, 81, 121)]
    assert [status for status, _ in answers] == [200, 200, 429, 429]
    assert "hands in more polls than 1 paths every 86400 s make" in answers[2][1]["error"]
    assert "dismiss site-7" in core.health()["vantage site-7"]

    core._clock.s = 30 * DAY_S
    assert _hand_in(core, key, 81) == (200, {"upto": 120, "refused": []})

    kept = read(tmp_path / "spool" / "intake.db", after=0, limit=1000)
    assert sum(each.kind == "poll" for each in kept) == 120
    stated = [facts.decode(each.payload) for each in kept if each.kind == "fact"]
    assert [each.body["state"] for each in stated if each.kind == "monitor_health"] == ["degraded"]


def test_who_joins_anew_owes_nothing_for_who_had_the_name_before(core, tmp_path):
    thief = joined(core, tmp_path)
    assert [_hand_in(core, thief, first)[0] for first in (1, 41, 81)] == [200, 200, 429]

    assert Enrolled(place(core._settings)).put_out("site-7")
    assert _hand_in(core, thief, 81)[0] == 403
    key = joined(core, tmp_path)
    assert _hand_in(core, key, 1, source="probe/01020304")[0] == 200


def test_what_is_over_the_limit_stays_with_the_probe_and_nothing_is_lost(core, tmp_path):
    key = joined(core, tmp_path)
    with Spool(tmp_path / "site" / "probe.db", source="probe", cap_bytes=1 << 20) as spool:
        carrier = Carrier(spool, vantage="site-7", key=key, url=f"http://127.0.0.1:{core.port}")
        for first in (1, 71):
            spool.put("poll", [wire.encode(_poll(n)) for n in range(first, first + 70)])
            if first == 1:
                assert carrier.step()
        with pytest.raises(calling.AwayError, match="429 'site-7' hands in more polls"):
            carrier.step()
        assert spool.backlog() == 70

        core._clock.s = 30 * DAY_S
        assert carrier.step()
        assert spool.backlog() == 0


def _hand_in(intake, key, first, source="probe/0a0b0c0d"):
    polls = [(n, wire.encode(_poll(n))) for n in range(first, first + 40)]
    made = handing.Batch(vantage="site-7", source=source, kind="poll", records=tuple(polls))
    said = handing.statement(vantage=made.vantage, source=made.source, kind=made.kind, body=made.body())
    headers = handing.headers(made, key.sign(said))
    return calling.post(f"http://127.0.0.1:{intake.port}", handing.PATH, made.body(), headers=headers)


def _poll(number):
    row = Row(subject=Subject("path", "site-7/a"), values={"probe.rtt.p50": 1.5})
    slot_ms = NOW + number * 1000
    return Poll(device="site-7/probe", slot_ms=slot_ms, at_ms=slot_ms, outcome=ANSWERED, rows=(row,))
