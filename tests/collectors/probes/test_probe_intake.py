"""A probe at a site and the core's intake: who is let in, what is taken, and that nothing is lost or doubled."""

from __future__ import annotations

import argparse
import base64
import http.client
import io
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from collectors.errors import DecodeError
from collectors.probes import calling, carry, commands, handing, keys
from collectors.probes.carry import Carrier
from collectors.probes.intake import admit
from collectors.probes.intake.enrolled import Enrolled, digest
from collectors.probes.intake.service import Intake, place
from collectors.probes.intake.volume import Schedule
from inventory import sql
from inventory.city import city_of
from inventory.model import Area, Device, Service, Site
from inventory.model import Carrier as Operator
from inventory.register import Register
from inventory.tables import MIGRATIONS
from netops import facts, wire
from netops.config import City, Data, Listener, Settings
from netops.config import Intake as IntakeSettings
from netops.errors import AccessError, ConfigError, NetopsError, UsageError
from netops.facts import Fact
from netops.model import ANSWERED, Poll, Row, Subject
from netops.probing import Probe
from netops.spool import Spool, read

NOW = 1_795_719_388_000
AREA = Area(id="110108001", name="万寿路街道", name_en="Wanshoulu", col=0, row=0)
BOUGHT = [
    AREA,
    Site(id="s", name="s", area=AREA.id),
    Operator(id="a", name="甲"),
    Device(id="olt-7", site="s", carrier="a", role="olt"),
    Service(id="fiber-7", kind="fiber", carrier="a", site="s", role="ont", device="olt-7"),
]


class Standing:
    """A clock that stands at NOW: what a core takes depends on how far from its own time it is."""

    def now_ms(self):
        return NOW

    def monotonic(self):
        return 0.0


def poll(after_ms, *, vantage="site-7", subject=None, metric="probe.rtt.p50"):
    row = Row(subject=subject or Subject("path", f"{vantage}/a"), values={metric: 1.5})
    slot_ms = NOW + after_ms
    return Poll(device=f"{vantage}/probe", slot_ms=slot_ms, at_ms=slot_ms, outcome=ANSWERED, rows=(row,))


def health(vantage="site-7", *, at_ms=NOW):
    body = {"vantage": vantage, "state": "ok", "anchors": 2, "reachable": 2}
    return facts.encode(Fact(kind="monitor_health", at_ms=at_ms, body=body))


@pytest.fixture
def core(tmp_path):
    """The core's side, listening on loopback."""
    settings = Settings(
        city=City(rehearsal=True),
        data=Data(dir=tmp_path / "core"),
        intake=IntakeSettings(enabled=True, listen=Listener(port=0)),
    )
    intake = Intake(settings, clock=Standing())
    intake.start()
    yield intake
    intake.stop()


@pytest.fixture
def site(tmp_path, core):
    """A probe's side that has joined as site-7: (spool, carrier)."""
    key = keys.generate(tmp_path / "site" / "keys" / "probe.key")
    enrolled = Enrolled(place(core._settings))
    join(enrolled, key, token=enrolled.invite("site-7", now_ms=NOW, hours=1, schedule=Schedule(every_s=1)))
    with Spool(tmp_path / "site" / "spool" / "probe.db", source="probe", cap_bytes=1 << 20) as spool:
        yield spool, Carrier(spool, vantage="site-7", key=key, url=f"http://127.0.0.1:{core.port}", idle_s=0.05)


def join(enrolled, key, vantage="site-7", *, now_ms=NOW, token=None, hours=1):
    token = token or enrolled.invite(vantage, now_ms=NOW, hours=hours)
    said = handing.joining(vantage=vantage, public=key.public, token_sha256=digest(token))
    return enrolled.join(vantage, token=token, public=key.public, signature=key.sign(said), now_ms=now_ms)


def taken(core):
    """What the intake has put into its spool, without its own facts."""
    entries = read(core._settings.data.dir / "spool" / "intake.db", after=0, limit=100_000)
    own = b'"service":"intake"'
    return [each for each in entries if own not in each.payload]


def post(core, batch, signature, **headers):
    told = handing.headers(batch, signature) | headers
    return calling.post(f"http://127.0.0.1:{core.port}", handing.PATH, batch.body(), headers=told)


def batch(*records, kind="poll", vantage="site-7", source="probe/0a0b0c0d"):
    return handing.Batch(vantage=vantage, source=source, kind=kind, records=records)


def signed(key, made):
    said = handing.statement(vantage=made.vantage, source=made.source, kind=made.kind, body=made.body())
    return key.sign(said)


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


def test_a_token_is_good_once_in_time_for_its_own_vantage_and_with_the_key_in_hand(tmp_path):
    enrolled, key, other = Enrolled(tmp_path), keys.Key(bytes(32)), keys.Key(bytes(range(32)))
    token = enrolled.invite("site-7", now_ms=NOW, hours=1)
    said = handing.joining(vantage="site-7", public=key.public, token_sha256=digest(token))

    for vantage, shown, public, signature, at in [
        ("site-8", token, key.public, key.sign(said), NOW),
        ("site-7", token + "x", key.public, key.sign(said), NOW),
        ("site-7", token, other.public, key.sign(said), NOW),
        ("site-7", token, key.public, other.sign(said), NOW),
        ("site-7", token, "no key", key.sign(said), NOW),
        ("site-7", token, key.public, key.sign(said), NOW + 3_600_000),
        ("../site-7", token, key.public, key.sign(said), NOW),
    ]:
        with pytest.raises(AccessError):
            enrolled.join(vantage, token=shown, public=public, signature=signature, now_ms=at)
    member = join(enrolled, key, token=token)
    with pytest.raises(AccessError):
        join(enrolled, key, token=token)

    assert enrolled.members() == [member]
    assert enrolled.put_out("site-7")
    assert enrolled.member("site-7") is None
    assert not enrolled.put_out("site-7")


def test_two_who_show_the_same_token_do_not_both_join(tmp_path):
    enrolled = Enrolled(tmp_path)
    token = enrolled.invite("site-7", now_ms=NOW)
    joined = []

    def try_it(seed):
        try:
            joined.append(join(enrolled, keys.Key(bytes([seed] * 32)), token=token))
        except AccessError:
            return

    threads = [threading.Thread(target=try_it, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(joined) == 1
    assert enrolled.members() == joined


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path):
    path = tmp_path / "keys" / "probe.key"
    made = keys.generate(path)

    assert keys.generate(path).public == made.public
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(NetopsError, match="chmod 600"):
        keys.load(path)
    assert base64.b64encode(path.read_bytes()) not in repr(made).encode()


@pytest.mark.parametrize(
    "url",
    [
        "http://core.example",
        "ftp://127.0.0.1",
        "https://",
        "core.example",
        "http://10.0.0.1",
        "https://core.example:84430",
        "https://core.example:0",
        "https://[core.example",
        "https://core.example/netops",
        "https://name@core.example",
    ],
)
def test_an_answer_that_could_be_forged_is_not_waited_for(url):
    with pytest.raises(ConfigError, match="https"):
        calling.check_url(url)


def test_over_tls_the_core_shows_a_certificate_that_the_probe_trusts_or_gets_nothing(tmp_path, site, certificate):
    spool, carrier = site
    listen = Listener(port=0, tls_certificate=certificate / "cert.pem", tls_key=certificate / "key.pem")
    settings = Settings(data=Data(dir=tmp_path / "core"), intake=IntakeSettings(enabled=True, listen=listen))
    spool.put("poll", [wire.encode(poll(0))])
    sealed = Intake(replace(settings, data=Data(dir=tmp_path / "sealed")), clock=Standing())
    join(Enrolled(place(sealed._settings)), carrier._key)
    sealed.start()
    try:
        carrier._url = f"https://127.0.0.1:{sealed.port}"
        with pytest.raises(calling.AwayError, match="CERTIFICATE_VERIFY_FAILED"):
            carrier.step()
        carrier._ca = certificate / "cert.pem"
        assert carrier.step()
    finally:
        sealed.stop()

    assert [wire.decode(each.payload).slot_ms - NOW for each in taken(sealed) if each.kind == "poll"] == [0]


def test_while_the_core_is_away_everything_stays_and_is_handed_in_when_it_is_back(core, site, tmp_path):
    spool, carrier = site
    port = core.port
    core.stop()
    spool.put("poll", [wire.encode(poll(0))])
    with pytest.raises(calling.AwayError):
        carrier.step()
    assert spool.backlog() == 1
    settings = replace(core._settings, intake=replace(core._settings.intake, listen=Listener(port=port)))
    back = Intake(settings, clock=Standing())
    back.start()
    carrier.start()
    try:
        until = time.monotonic() + 20
        while spool.backlog() and time.monotonic() < until:
            time.sleep(0.05)
    finally:
        carrier.stop()
        back.stop()

    assert [wire.decode(each.payload).slot_ms - NOW for each in taken(core) if each.kind == "poll"] == [0]


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 500 no\r\nContent-Length: 2\r\n\r\n{}",
        b"noise",
    ],
    ids=["closed", "no upto", "500", "noise"],
)
def test_an_answer_that_is_none_lets_go_of_nothing(site, reply):
    spool, carrier = site
    spool.put("poll", [wire.encode(poll(0))])
    listening = socket.create_server(("127.0.0.1", 0))
    carrier._url = f"http://127.0.0.1:{listening.getsockname()[1]}"

    def answer():
        connection, _ = listening.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(reply)

    thread = threading.Thread(target=answer)
    thread.start()
    with pytest.raises(calling.AwayError):
        carrier.step()
    thread.join()
    listening.close()

    assert spool.backlog() == 1


def test_beyond_its_cap_the_oldest_is_dropped_and_that_is_a_fact(site):
    spool, carrier = site
    payload = wire.encode(replace(poll(0), raw=os.urandom(8000)))
    slots = 0
    while spool.held_bytes < spool.cap_bytes * 0.95:
        spool.put("poll", [payload])
        slots += 1

    carrier.make_room()

    held = read(spool.path, after=0, limit=1000)
    (lost,) = [facts.decode(each.payload).body for each in held if each.kind == "fact"]
    kept = [each.sequence for each in held if each.kind == "poll"]
    assert spool.held_bytes <= spool.cap_bytes * 0.81
    assert (lost["first_sequence"], lost["last_sequence"], lost["count"]) == (1, kept[0] - 1, kept[0] - 1)
    assert kept == list(range(kept[0], slots + 1))


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


def run(settings, *words):
    parser = argparse.ArgumentParser()
    commands.arguments(parser)
    args = parser.parse_args(words)
    args.now_ms = NOW
    return commands.run(args, settings)


def test_an_operator_enrols_a_probe_and_a_technician_joins_it(core, tmp_path, capsys, monkeypatch):
    assert run(core._settings, "enrol", "site-9", "--service", "fiber-7") == 0
    token = capsys.readouterr().out.strip()
    there = Settings(
        data=Data(dir=tmp_path / "there"), probe=Probe(vantage="site-9", core_url=f"http://127.0.0.1:{core.port}")
    )

    monkeypatch.setattr(sys, "stdin", io.StringIO(token + "\n"))
    assert run(there, "join") == 0
    monkeypatch.setattr(sys, "stdin", io.StringIO(token + "\n"))
    with pytest.raises(UsageError, match="ask for a new one"):
        run(there, "join")
    with Spool(tmp_path / "there" / "spool" / "probe.db", source="probe") as spool:
        spool.put("poll", [wire.encode(poll(0, vantage="site-9"))])
        assert carry.build(there, spool).step()
    capsys.readouterr()
    assert run(core._settings, "members", "--json") == 0
    (member,) = json.loads(capsys.readouterr().out)
    assert (member["vantage"], member["services"]) == ("site-9", ["fiber-7"])
    assert run(core._settings, "dismiss", "site-9") == 0
    with Spool(tmp_path / "there" / "spool" / "probe.db", source="probe") as spool:
        spool.put("poll", [wire.encode(poll(60_000, vantage="site-9"))])
        with pytest.raises(calling.AwayError, match="not enrolled"):
            carry.build(there, spool).step()
    with pytest.raises(UsageError, match="no probe has joined"):
        run(core._settings, "dismiss", "site-9")


@pytest.mark.parametrize("name", ["core", "own-probe"])
def test_no_probe_is_enrolled_under_the_name_of_the_cores_own_machine(core, name):
    settings = replace(core._settings, probe=replace(core._settings.probe, vantage="own-probe"))

    with pytest.raises(UsageError, match=f"vantage '{name}' is this machine itself"):
        run(settings, "enrol", name)


def test_a_probe_is_enrolled_for_services_of_the_register_alone(core, capsys):
    settings = core._settings
    sql.upgrade(MIGRATIONS, settings.register_url)
    with Register(settings.register_url, rehearsal=True) as register:
        register.apply(city_of(BOUGHT), at_ms=0, now_ms=NOW)

    with pytest.raises(UsageError, match="fiber-7"):
        run(settings, "enrol", "site-9", "--service", "fiber-8")
    assert run(settings, "enrol", "site-9", "--service", "fiber-7") == 0
    assert "compared" not in capsys.readouterr().err


def test_a_probe_that_has_not_joined_says_so(tmp_path):
    settings = Settings(data=Data(dir=tmp_path), probe=Probe(vantage="site-9", core_url="https://core.example"))

    with Spool(tmp_path / "spool" / "probe.db", source="probe") as spool, pytest.raises(NetopsError, match="join"):
        carry.build(settings, spool)


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


_SITE = """
import sys
from pathlib import Path
from collectors.probes import keys
from collectors.probes.carry import Carrier
from netops import wire
from netops.model import ANSWERED, Poll
from netops.spool import Spool
folder, url, first = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with Spool(folder / "spool" / "probe.db", source="probe") as spool:
    carrier = Carrier(spool, vantage="site-7", key=keys.load(folder / "keys" / "probe.key"), url=url, idle_s=0.001)
    carrier.start()
    for slot in range(first, first + 5_000_000, 1000):
        spool.put("poll", [wire.encode(Poll(device="site-7/probe", slot_ms=slot, at_ms=slot, outcome=ANSWERED))])
        print(slot, flush=True)
"""


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_site_killed_at_any_moment_loses_nothing_acknowledged_and_hands_nothing_in_twice(core, site, tmp_path):
    spool, _ = site
    spool.__exit__()
    random_ = random.Random(4)
    acknowledged: list[int] = []
    for number in range(int(os.environ.get("NETOPS_ROUNDS", "10"))):
        first = (NOW - 5_000_000_000) // 1000 * 1000 + number * 5_000_000
        words = [sys.executable, "-c", _SITE, tmp_path / "site", f"http://127.0.0.1:{core.port}", str(first)]
        child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        acknowledged.append(int(child.stdout.readline()))
        time.sleep(random_.uniform(0.05, 0.6))
        child.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in child.stdout.read().split("\n") if line]
        child.wait()
        child.stdout.close()
    with Spool(spool.path, source="probe") as again:
        carrier = Carrier(
            again,
            vantage="site-7",
            key=keys.load(tmp_path / "site" / "keys" / "probe.key"),
            url=f"http://127.0.0.1:{core.port}",
        )
        while carrier.step():
            pass

    slots = [wire.decode(each.payload).slot_ms for each in taken(core)]
    assert len(set(slots)) == len(slots)
    assert set(acknowledged) <= set(slots)
