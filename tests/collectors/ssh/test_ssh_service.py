# ruff: noqa: E501  (the tables hold whole sentences)
"""The service against devices on loopback: register, schedule, spool, archive, page."""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
import ssh_device

from collectors.halts import Halt, place, write
from collectors.snmp.ask import Failure
from collectors.ssh import archive, poll
from collectors.ssh.course import Heard, Visited
from collectors.ssh.decode import Taken
from collectors.ssh.dialects import DIALECTS
from collectors.ssh.doors import Doors, Known, doors
from collectors.ssh.explain import explain
from collectors.ssh.keys import Trusted
from collectors.ssh.poll import due, made
from collectors.ssh.read_yaml import shipped
from collectors.ssh.service import SOURCE, Visitor, _Token
from collectors.ssh.talk import Output
from collectors.ssh.transport import Came, Login, Place
from inventory import sql
from inventory.city import city_of
from inventory.model import Area, Carrier, Device, Door, Site
from inventory.register import Register
from inventory.snapshot import of_city
from inventory.tables import MIGRATIONS
from netops import clock, config, wire
from netops.model import ANSWERED, Reason
from netops.spool import Reader
from netops.store import Outcome

BUSY = {Reason.MISSED_SLOT.value, Reason.POLLER_LATE.value}  # a machine that does other things as well
NOW = 1_790_000_000_000
AREA = Area(id="110108001", name="万寿路街道", name_en="Wanshoulu", col=0, row=0)


def records(*made_doors):
    site = Site(id="s", name="s", area=AREA.id)
    devices = [
        Device(id=door.device, site="s", carrier="a", role="wlan_controller", address="127.0.0.1", profile="standard")
        for door in made_doors
    ]
    return [AREA, site, Carrier(id="a", name="甲"), *devices, *made_doors]


def door(name, **words):
    said = {"kind": "ssh", "credential": "ops", "dialect": "huawei_vrp", "keys": ("SHA256:" + "a" * 43,)} | words
    return Door(id=f"{name}-ssh", device=name, **said)


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("TEST_PASSWORD", ssh_device.PASSWORD)
    return config.load(
        None,
        environ={},
        overrides=[
            f"data.dir={tmp_path}",
            "city.rehearsal=true",
            "ssh.interval_s=2",
            "ssh.breaker_after=1",
            "credentials.ops.kind=ssh",
            "credentials.ops.user=ops",
            "credentials.ops.password=env:TEST_PASSWORD",
            "credentials.snmp.community=env:TEST_PASSWORD",
        ],
    )


def spooled(settings, wanted, seconds=60):
    """Return the polls in the spool, once `wanted` says that they are enough."""
    path = settings.data.dir / "spool" / f"{SOURCE}.db"
    until = time.monotonic() + seconds
    while True:
        with Reader(path) as reader:
            polls = [wire.decode(each.payload) for each in reader.read(after=0, limit=10_000, kind="poll")]
        if wanted(polls) or time.monotonic() > until:
            return polls
        time.sleep(0.1)


def test_doors_are_visited_in_their_slots(settings, site):
    good, stranger = ssh_device.Device(), ssh_device.Device()
    found = [
        door("ac-1", port=site.serve(good), keys=(site.print,)),
        door("ac-2", port=site.serve(stranger, key=site.other), keys=(site.print,)),
        door("ac-3", credential="nobody"),
        door("ac-4", keys=()),
    ]
    sql.upgrade(MIGRATIONS, settings.register_url)
    with Register(settings.register_url, rehearsal=True) as register:
        register.apply(city_of(records(*found)), at_ms=0, now_ms=clock.SYSTEM.now_ms())
    service = Visitor(settings)
    service.start()
    polls = spooled(settings, lambda polls: len({p.device for p in polls if p.outcome not in BUSY}) == 4)
    service.stop()

    by = {poll.device: poll for poll in reversed(polls) if poll.outcome not in BUSY}
    assert by["ac-1/ssh"].outcome == ANSWERED
    assert [row.subject.kind for row in by["ac-1/ssh"].rows].count("ap") == 30
    assert by["ac-2/ssh"].outcome == Reason.HOST_KEY.value
    assert stranger.tries == []
    assert by["ac-3/ssh"].outcome == Reason.NO_CREDENTIAL.value
    assert by["ac-4/ssh"].outcome == Reason.HOST_KEY.value


def test_a_halted_device_is_left_alone(settings, site):
    device = ssh_device.Device()
    sql.upgrade(MIGRATIONS, settings.register_url)
    with Register(settings.register_url, rehearsal=True) as register:
        told = records(door("ac-1", port=site.serve(device), keys=(site.print,)))
        register.apply(city_of(told), at_ms=0, now_ms=clock.SYSTEM.now_ms())
    write(place(settings), [Halt(device="ac-1", by="ops", reason="its line card is ill", at_ms=0)])
    service = Visitor(settings)
    service.start()
    polls = spooled(settings, lambda polls: {poll.outcome for poll in polls} - BUSY)
    service.stop()

    assert {poll.outcome for poll in polls} - BUSY == {Reason.HALTED.value}
    assert device.tries == []


def known(dialect="huawei_smartax"):
    trusted = Trusted(("SHA256:" + "a" * 43,))
    return Known(
        device="olt-1",
        profile="",
        dialect=DIALECTS[dialect],
        place=Place(address="127.0.0.1", port=22, trusted=trusted, login=Login(user="ops")),
    )


def test_optics_are_read_once_an_hour_and_with_the_serial_numbers():
    slots = [[read.name for read in due(known(), NOW + n * 300_000, 300)] for n in range(24)]

    assert all("smartax_onts" in names for names in slots)
    assert sum("smartax_optics" in names for names in slots) == 2
    assert not any("smartax_ont_wlan" in names for names in slots)


def test_a_halted_class_is_not_read():
    names = {read.name for n in range(12) for read in due(known(), NOW + n * 300_000, 300, halted={"heavy"})}

    assert "smartax_optics" not in names


SUMMARY = """display ont info summary 0
  ------------------------------------------------------------------------------
  In port 0/1/0, the total of ONTs are: 2, online: 1
  ------------------------------------------------------------------------------
  ONT  Run     Last                Last                Last
  ID   State   UpTime              DownTime            DownCause
  ------------------------------------------------------------------------------
  0    online  2026-01-01 00:00:00 -                   -
  1    offline 2026-01-01 00:00:00 2026-02-01 00:00:00 dying-gasp
---- More ( Press 'Q' to break ) ----"""
REST = """  ------------------------------------------------------------------------------
  ONT        SN        Type          Distance Rx/Tx power  Description
  ID                                    (m)      (dBm)
  ------------------------------------------------------------------------------
  0   48575443A0000001 P612E            42    -22.84/2.12  flat 1
  1   48575443A0000002 P871E-G          -     -/-          flat 2
  ------------------------------------------------------------------------------
olt-1#"""


def visited():
    raw = (
        SUMMARY.replace("\n", "\r\n").encode()
        + b"\x1b[37D"
        + b" " * 37
        + b"\x1b[37D"
        + REST.replace("\n", "\r\n").encode()
    )
    cut = raw.index(b"\x1b")
    read = shipped()["smartax_onts"]
    head = Heard(
        read=read.name,
        values={},
        output=Output(command="display ont info summary 0", raw=raw, cuts=(cut,), prompt="olt-1"),
    )
    heard = archive.heard_in(archive.kept([head]), shipped())
    return Visited(taken=tuple(archive.taken_of(heard, shipped())), heard=tuple(heard))


def test_what_the_archive_keeps_is_explained_as_it_was_read():
    reads = (shipped()["smartax_onts"],)
    poll = made(known(), NOW, reads, Came(token=None, at_ms=NOW + 5, rtt_ms=3.0, visited=visited()), lag_ms=5.0)
    outcome = Outcome(
        device=poll.device, slot_ms=NOW, at_ms=NOW + 5, outcome=ANSWERED, attempts=1, rtt_ms=3.0, lag_ms=5.0, profile=poll.profile, digest=poll.digest
    )  # fmt: skip
    seen = {
        (str(each.subject), each.metric): each.value
        for each in explain(poll.device, outcome, poll.raw)
        if hasattr(each, "value")
    }

    assert poll.device == "olt-1/ssh"
    assert seen["onu:sn:HWTCA0000001", "pon.onu.state"] == 1
    assert seen["onu:sn:HWTCA0000002", "pon.onu.down_cause"] == 13
    assert seen["onu:sn:HWTCA0000001", "pon.onu.distance"] == 42
    rows = {str(row.subject): row for row in poll.rows}
    assert rows["onu:sn:HWTCA0000002"].values["pon.onu.state"] == 2
    assert rows["onu:sn:HWTCA0000002"].codes["pon.onu.distance"] == "sentinel"
    assert wire.decode(wire.encode(poll)) == poll


@pytest.mark.parametrize(
    ("came", "outcome"),
    [
        (Came(token=None, at_ms=NOW, failed=Failure(Reason.HOST_KEY, "x")), "host_key"),
        (Came(token=None, at_ms=NOW, visited=Visited(taken=())), ANSWERED),
        (
            Came(token=None, at_ms=NOW, visited=Visited(taken=(Taken(read=shipped()["vrp_aps"], command="x", failed=Failure(Reason.TORN)),))),
            "torn",
        ),
    ],
    ids=["nobody was let in", "a login", "nothing whole"],
)  # fmt: skip
def test_a_visit_comes_to_an_outcome(came, outcome):
    assert made(known(), NOW, (), came, lag_ms=0.0).outcome == outcome


def test_a_door_that_cannot_be_used_is_barred_with_its_reason(settings):
    city = city_of(
        records(
            door("a"),
            door("b", credential="snmp"),
            door("c", dialect="klingon"),
            door("d", keys=()),
        )
    )
    found = doors(of_city(city, at_ms=NOW, rehearsal=True), settings)

    assert list(found.known) == ["a/ssh"]
    assert found.barred == {
        "b/ssh": Reason.NO_CREDENTIAL,
        "c/ssh": Reason.NO_PROFILE,
        "d/ssh": Reason.HOST_KEY,
    }
    assert ssh_device.PASSWORD not in repr(found)


class Stepping:
    """The machine's clock, set by somebody."""

    def __init__(self):
        self.by_ms = 0

    def now_ms(self):
        return clock.SYSTEM.now_ms() + self.by_ms

    def monotonic(self):
        return clock.SYSTEM.monotonic()


def test_after_the_clock_was_set_back_doors_are_visited_as_before(settings):
    """Else nothing would be visited until that time comes again."""
    sql.upgrade(MIGRATIONS, settings.register_url)
    with Register(settings.register_url, rehearsal=True) as register:
        register.apply(city_of(records(door("ac-3", credential="nobody"))), at_ms=0, now_ms=clock.SYSTEM.now_ms())
    ticking = Stepping()
    service = Visitor(settings, clock=ticking)
    service.start()
    spooled(settings, lambda polls: len(polls) >= 2)
    ticking.by_ms = -3_600_000
    before = ticking.now_ms() + 1_800_000
    polls = spooled(settings, lambda polls: sum(poll.slot_ms < before for poll in polls) >= 2, seconds=20)
    service.stop()

    assert sum(poll.slot_ms < before for poll in polls) >= 2


def test_a_visit_that_we_fail_to_read_is_kept_and_takes_no_other_door_with_it(settings, monkeypatch):
    service, kept = Visitor(settings), []
    service._doors = Doors(known={f"{name}/ssh": replace(known(), device=name) for name in "ab"}, barred={})
    service._outbox = SimpleNamespace(add=kept.extend, flush=lambda **_: None, refused="")
    honest = poll.made

    def read(door, *about, **more):
        if door.poll == "a/ssh":
            raise IndexError("not thought of")
        return honest(door, *about, **more)

    monkeypatch.setattr(poll, "made", read)
    for name in ("a/ssh", "b/ssh"):
        heard = Heard(read="smartax_onts", values={}, output=Output(command="display", raw=b"some screen"))
        token = _Token(name, NOW, NOW, ())
        service._came.put(Came(token=token, at_ms=NOW, visited=Visited(taken=(), heard=(heard,))))
    service._take(wait=False)

    assert [(each.device, each.outcome) for each in kept] == [("a/ssh", ANSWERED), ("b/ssh", ANSWERED)]
    assert kept[0].raw == kept[1].raw != b""
    assert "such as 'a/ssh': IndexError: not thought of" in service.health()["answers"]
