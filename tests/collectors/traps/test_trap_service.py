"""The trap service with real senders: net-snmp's snmptrap and snmpinform, and pysnmp, in every version and level."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from collectors.errors import CollectorError
from collectors.known_as import Names
from collectors.profile_yaml import SHIPPED, read
from collectors.snmp.keys import AUTH, PRIV
from collectors.snmp.pdu import Kind, Message, Pdu, encode
from collectors.snmp.varbind import OBJECT_IDENTIFIER, OCTET_STRING, Varbind, Varbinds, parse
from collectors.traps.service import SOURCE, Traps
from inventory import sql
from inventory.city import city_of
from inventory.model import Carrier, Device, Site
from inventory.reading.folder import built_in_areas
from inventory.register import Register
from inventory.tables import MIGRATIONS
from netops import clock, config, facts
from netops.speakers import may_state
from netops.spool import Reader

pytestmark = pytest.mark.partner("snmptrap")

PROFILES = {name: read(SHIPPED / f"{name}.yaml") for name in ("standard", "huawei_wlan_ac", "huawei_smartax")}
PHRASE, OTHER = "one phrase for it", "and another one"
AP_FAULT = "1.3.6.1.4.1.2011.6.139.13.1.1.1"
AP_MAC = "1.3.6.1.4.1.2011.6.139.13.3.3.1.1.10.11.12.13.14.15"
AP_NAME = "1.3.6.1.4.1.2011.6.139.13.3.3.1.4.10.11.12.13.14.15"
LINK_DOWN, IF_INDEX = "1.3.6.1.6.3.1.1.5.3", "1.3.6.1.2.1.2.2.1.1"
ADDRESSES = {"ac-1": "127.4.0.1", "olt-1": "127.4.0.2", "cell-1": "127.4.0.3"}


def settings_of(folder, **more):
    overrides = [
        f"data.dir={folder}",
        "city.rehearsal=true",
        "trap.enabled=true",
        "trap.listen=127.0.0.1",
        "trap.port=0",
        "credentials.open.community=env:TRAP_COMMUNITY",
        "credentials.v3.version=v3",
        "credentials.v3.user=poller",
        "credentials.v3.auth_key=env:TRAP_AUTH",
        "credentials.v3.priv_key=env:TRAP_PRIV",
        *(f"{key}={value}" for key, value in more.items()),
    ]
    return config.load(None, environ={}, overrides=overrides)


@pytest.fixture
def keys(monkeypatch):
    monkeypatch.setenv("TRAP_COMMUNITY", "s3cret")
    monkeypatch.setenv("TRAP_AUTH", PHRASE)
    monkeypatch.setenv("TRAP_PRIV", OTHER)


def found(settings):
    """A register of one controller and one OLT with a community, and a cell with an SNMPv3 user."""
    areas = built_in_areas()[:1]
    common = {"site": "site-1", "carrier": "carrier-a"}
    devices = [
        Device(
            id="ac-1",
            role="wlan_controller",
            profile="huawei_wlan_ac",
            address=ADDRESSES["ac-1"],
            credential="open",
            **common,
        ),
        Device(id="olt-1", role="olt", profile="", address=ADDRESSES["olt-1"], credential="open", **common),
        Device(
            id="cell-1", role="small_cell", profile="standard", address=ADDRESSES["cell-1"], credential="v3", **common
        ),
    ]
    sql.upgrade(MIGRATIONS, settings.register_url)
    rest = [Site(id="site-1", name="广场", area=areas[0].id), Carrier(id="carrier-a", name="甲")]
    with Register(settings.register_url, rehearsal=True) as register:
        register.apply(city_of([*areas, *rest, *devices]), at_ms=0, now_ms=clock.SYSTEM.now_ms())


@pytest.fixture
def running(tmp_path, keys):
    settings = settings_of(tmp_path)
    found(settings)
    service = Traps(settings, profiles=PROFILES)
    service.start()
    yield service, settings
    service.stop()


def events(settings):
    with Reader(settings.data.dir / "spool" / f"{SOURCE}.db") as reader:
        told = [facts.decode(each.payload) for each in reader.read(after=0, limit=100_000) if each.kind == "fact"]
    assert all(may_state(SOURCE, each.kind, rehearsal=False) for each in told)
    return [dict(each.body) for each in told if each.kind == "device_event"]


def wait(settings, count, *, seconds=10.0):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if len(events(settings)) >= count:
            break
        time.sleep(0.02)
    return events(settings)


def send(program, device, port, *words, check=True):
    options = ["--clientaddr=" + ADDRESSES[device]]
    done = subprocess.run(
        [program, *options, *words[:-1], f"127.0.0.1:{port}", *words[-1]],
        capture_output=True,
        text=True,
        env={**os.environ, "MIBS": "", "SNMP_PERSISTENT_DIR": "/nonexistent"},
        timeout=30,
        check=False,
    )
    if check:
        assert done.returncode == 0, done.stderr
    return done


V2C = ("-v2c", "-c", "s3cret")
AP_WORDS = ("", AP_FAULT, AP_MAC, "x", "0a0b0c0d0e0f", AP_NAME, "s", "hall-3")


def test_a_trap_becomes_a_fact_about_the_very_subject_that_is_polled(running):
    service, settings = running

    send("snmptrap", "ac-1", service.port, *V2C, AP_WORDS)

    assert wait(settings, 1) == [
        {
            "device": "ac-1",
            "subject": {"kind": "ap", "id": "mac:0a0b0c0d0e0f"},
            "event": "ap_fault",
            "severity": "major",
            "state": "down",
            "trap": AP_FAULT,
            "version": "v2c",
            "profile": "huawei_wlan_ac",
            "values": {"mac": "0a0b0c0d0e0f", "name": "hall-3"},
        }
    ]


@pytest.mark.parametrize(
    ("words", "event", "subject"),
    [
        (("1.3.6.1.4.1.8072", "", "2", "0", "", IF_INDEX + ".7", "i", "7"), "link_down", "olt-1/7"),
        (("1.3.6.1.4.1.8072", "", "0", "0", ""), "cold_start", "olt-1"),
        (("1.3.6.1.4.1.2011.6.3.8.2", "", "6", "2", ""), "board_gone", "olt-1"),
        (("1.3.6.1.4.1.9999", "", "6", "5", ""), "unmapped", "olt-1"),
    ],
    ids=["generic", "cold start", "enterprise", "unknown"],
)
def test_version_1_speaks_in_terms_of_version_2(running, words, event, subject):
    service, settings = running

    send("snmptrap", "olt-1", service.port, "-v1", "-c", "s3cret", words)

    (body,) = wait(settings, 1)
    assert (body["event"], body["subject"]["id"], body["version"]) == (event, subject, "v1")
    if event == "unmapped":
        assert body["trap"] == "1.3.6.1.4.1.9999.0.5"


def test_a_link_trap_is_about_the_interface_that_the_poller_knows_by_that_number(running):
    service, settings = running
    names = {"standard.interface": {"interface#7": "ac-1/GigabitEthernet0/0/7"}}
    assert Names(settings.data.dir).keep(
        "ac-1", names, 0
    )  # as the poller does; it started in 1970, the sender just now

    send("snmptrap", "ac-1", service.port, *V2C, ("", LINK_DOWN, IF_INDEX + ".7", "i", "7"))

    (body,) = wait(settings, 1)
    assert body["subject"] == {"kind": "interface", "id": "ac-1/GigabitEthernet0/0/7"}
    assert body["doubt"] == "restarted"


def test_an_inform_is_acknowledged_once_its_event_is_kept(running):
    service, settings = running

    send("snmpinform", "ac-1", service.port, *V2C, "-t", "5", "-r", "0", AP_WORDS)  # fails without an acknowledgement

    assert [body["event"] for body in events(settings)] == ["ap_fault"]


def v3(auth="SHA-256", priv="AES", *, level="authPriv", phrase=PHRASE, user="poller"):
    words = ["-v3", "-u", user, "-l", level, "-a", auth, "-A", phrase]
    return (*words, "-x", priv, "-X", OTHER) if level == "authPriv" else tuple(words)


LINK_WORDS = ("", LINK_DOWN, IF_INDEX + ".7", "i", "7")


QUICK = {("SHA-256", "AES"), ("SHA-512", "AES-256-C")}
EVERY = [*((auth, "AES") for auth in AUTH), *(("SHA-512", priv) for priv in PRIV if priv != "AES")]
EVERY += [("SHA", "AES-256-C"), ("MD5", "AES-192")]


@pytest.mark.parametrize("program", ["snmptrap", "snmpinform"])
@pytest.mark.parametrize(
    ("auth", "priv"), [pytest.param(*each, marks=() if each in QUICK else pytest.mark.slow) for each in EVERY]
)
def test_version_3_in_every_combination(tmp_path, keys, program, auth, priv):
    settings = settings_of(tmp_path, **{"credentials.v3.auth_protocol": auth, "credentials.v3.priv_protocol": priv})
    found(settings)
    service = Traps(settings, profiles=PROFILES)
    service.start()
    try:
        more = ("-e", "0x8000000001020304") if program == "snmptrap" else ("-t", "5", "-r", "0")
        send(program, "cell-1", service.port, *v3(auth, priv), *more, LINK_WORDS)
        (body,) = wait(settings, 1)
    finally:
        service.stop()

    assert (body["event"], body["state"], body["version"]) == ("link_down", "down", "v3")
    assert body["subject"] == {"kind": "interface", "id": "cell-1/7"}


@pytest.mark.parametrize(
    ("device", "words", "counter"),
    [
        ("ac-1", ("-v2c", "-c", "public"), "foreign"),
        ("cell-1", ("-v2c", "-c", "s3cret"), "foreign"),
        ("cell-1", v3(user="other"), "foreign"),
        ("cell-1", v3(phrase="not the phrase"), "security"),
        ("cell-1", v3(auth="SHA"), "security"),
        ("cell-1", v3(priv="AES-256"), "security"),
        ("cell-1", v3(level="authNoPriv"), "security"),
        ("cell-1", ("-v3", "-u", "poller", "-l", "noAuthNoPriv"), "security"),
        ("ac-1", v3(), "foreign"),
    ],
    ids=[
        "community",
        "downgrade to v2c",
        "user",
        "digest",
        "auth",
        "priv",
        "authNoPriv",
        "noAuthNoPriv",
        "v3 of a v2c device",
    ],
)
def test_what_is_not_the_devices_own_credential_is_refused_and_counted(running, device, words, counter):
    service, settings = running
    more = ("-e", "0x8000000001020304") if "-v3" in words else ()

    send("snmptrap", device, service.port, *words, *more, LINK_WORDS)
    send("snmptrap", "ac-1", service.port, *V2C, AP_WORDS)

    assert [body["event"] for body in wait(settings, 1)] == ["ap_fault"]
    assert service.figures()[counter] == 1


def test_an_unknown_source_is_counted_not_stored(running, caplog):
    service, settings = running
    ADDRESSES["stranger"] = "127.4.9.9"
    for _ in range(20):
        send("snmptrap", "stranger", service.port, *V2C, AP_WORDS)
    send("snmptrap", "ac-1", service.port, *V2C, AP_WORDS)

    assert [body["device"] for body in wait(settings, 1)] == ["ac-1"]
    assert service.figures()["wrong_source"] == 20
    seconds = {int(record.created) for record in caplog.records if getattr(record, "source", "") == "127.4.9.9"}
    lines = [record for record in caplog.records if getattr(record, "source", "") == "127.4.9.9"]
    assert 1 <= len(lines) <= len(seconds) + 1


def test_an_engine_that_restarts_is_followed_and_old_messages_are_refused(running):
    """S3: a recorded trap that is sent again is refused, though its digest is right."""
    service, settings = running
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tap:
        tap.bind(("127.0.0.1", 0))
        send("snmptrap", "cell-1", tap.getsockname()[1], *v3(), "-e", "0x8000000001020304", "-Z", "5,100", LINK_WORDS)
        recorded = tap.recv(65_535)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.bind((ADDRESSES["cell-1"], 0))
        for _ in range(3):
            wire.sendto(recorded, ("127.0.0.1", service.port))
    assert len(wait(settings, 1)) == 1
    until = time.monotonic() + 5
    while service.figures()["security"] < 2 and time.monotonic() < until:
        time.sleep(0.02)
    assert service.figures()["security"] == 2

    up = ("", "1.3.6.1.6.3.1.1.5.4", IF_INDEX + ".7", "i", "7")
    send("snmptrap", "cell-1", service.port, *v3(), "-e", "0x8000000001020304", "-Z", "6,1", up)
    send("snmptrap", "cell-1", service.port, *v3(), "-e", "0x8000000001020304", "-Z", "5,200", LINK_WORDS)
    assert [body["event"] for body in wait(settings, 2)] == ["link_down", "link_up"]
    assert service.figures()["security"] == 3


def test_a_trap_recorded_before_a_restart_of_ours_is_refused_after_it(tmp_path, keys):
    settings = settings_of(tmp_path)
    found(settings)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tap:
        tap.bind(("127.0.0.1", 0))
        send("snmptrap", "cell-1", tap.getsockname()[1], *v3(), "-e", "0x8000000001020304", "-Z", "5,100", LINK_WORDS)
        recorded = tap.recv(65_535)
    for boots in ("5,900", "5,901"):
        service = Traps(settings, profiles=PROFILES)
        service.start()
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
                wire.bind((ADDRESSES["cell-1"], 0))
                if boots == "5,901":
                    wire.sendto(recorded, ("127.0.0.1", service.port))
            send("snmptrap", "cell-1", service.port, *v3(), "-e", "0x8000000001020304", "-Z", boots, LINK_WORDS)
            wait_for = time.monotonic() + 5
            while not service.figures()["accepted"] and time.monotonic() < wait_for:
                time.sleep(0.02)
            assert service.figures()["security"] == (boots == "5,901")
            assert service.figures()["accepted"] == 1
        finally:
            service.stop()


def test_our_engine_is_the_same_after_a_restart_with_one_boot_more(tmp_path, keys):
    settings = settings_of(tmp_path)
    found(settings)
    ids = []
    for boots in (1, 2):
        service = Traps(settings, profiles=PROFILES)
        service.start()
        try:
            send("snmpinform", "cell-1", service.port, *v3(), "-t", "5", "-r", "0", LINK_WORDS)
            ids.append(service._door._own.engine_id)
            assert service._door._own.boots == boots
        finally:
            service.stop()

    assert ids[0] == ids[1]
    assert len(events(settings)) == 2


def test_pysnmp_is_a_sender_too(running):
    service, settings = running
    script = Path(__file__).with_name("pysnmp_sender.py")
    for kind in ("trap", "inform"):
        done = subprocess.run(
            [sys.executable, str(script), str(service.port), ADDRESSES["cell-1"], kind, PHRASE, OTHER],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    told = wait(settings, 2)
    assert [body["event"] for body in told] == ["cold_start", "warm_start"]
    assert {body["version"] for body in told} == {"v3"}


def test_what_the_disk_does_not_take_is_not_acknowledged(running, monkeypatch):
    service, settings = running
    kept = service._outbox.flush
    monkeypatch.setattr(service._outbox, "flush", lambda *, now_ms: 0)
    failed = send("snmpinform", "ac-1", service.port, *V2C, "-t", "1", "-r", "0", AP_WORDS, check=False)
    assert failed.returncode != 0

    monkeypatch.setattr(service._outbox, "flush", kept)
    assert [body["event"] for body in wait(settings, 1)] == ["ap_fault"]


def test_a_port_that_is_taken_is_told_with_its_remedy(tmp_path, keys):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        settings = settings_of(tmp_path, **{"trap.port": taken.getsockname()[1]})
        service = Traps(settings, profiles=PROFILES)
        with pytest.raises(CollectorError, match=r"cannot be listened on .* trap\.port"):
            service.start()
        service.stop()


def test_the_service_listens_on_all_addresses_by_default(tmp_path, keys):
    settings = settings_of(tmp_path, **{"trap.listen": "any"})
    found(settings)
    service = Traps(settings, profiles=PROFILES)
    service.start()
    try:
        send("snmptrap", "ac-1", service.port, *V2C, AP_WORDS)
        assert len(wait(settings, 1)) == 1
    finally:
        service.stop()


@pytest.mark.slow
def test_ten_thousand_junk_datagrams_a_second_cost_no_good_trap(running, caplog):
    """S2: junk from a stranger and under a device's own address; at least 99 % of the good traps come in."""
    service, _ = running
    kinds = [bytes.fromhex("7a450a"), os.urandom(120), b"\x30\x82\x04\x00" + bytes(1_020), b"\x30\x80" * 200]
    good = 100 * int(os.environ.get("NETOPS_ROUNDS", "3"))
    wires = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    wires[0].bind(("127.4.9.9", 0))
    wires[1].bind((ADDRESSES["ac-1"], 0))
    to = ("127.0.0.1", service.port)
    name = (1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0)
    for n in range(good):
        for m in range(100):
            wires[m % 2].sendto(kinds[m % 4], to)
        rows = [Varbind(name, OBJECT_IDENTIFIER, AP_FAULT), Varbind(parse(AP_NAME), OCTET_STRING, b"hall")]
        wires[1].sendto(encode(Message(b"s3cret", Pdu(Kind.TRAP, n + 1, 0, 0, Varbinds.of(rows)))), to)
        time.sleep(0.01)
    until = time.monotonic() + 10
    while service.figures()["received"] < 101 * good and time.monotonic() < until:
        time.sleep(0.05)
    for each in wires:
        each.close()

    figures = service.figures()
    assert figures["accepted"] >= 0.99 * good
    assert figures["wrong_source"] == pytest.approx(50 * good, rel=0.01)
    lines = [record for record in caplog.records if hasattr(record, "source")]
    seconds = len({(record.source, int(record.created)) for record in lines})
    assert 2 <= len(lines) <= 2 * seconds


def test_an_event_that_cannot_be_stated_costs_the_others_of_its_round_nothing(running, monkeypatch):
    service, settings = running
    honest = service._facts
    broken = facts.Fact(kind="device_event", at_ms=1, body={"device": "ac-1"})
    monkeypatch.setattr(service, "_facts", lambda *given: [broken, *told] if (told := honest(*given)) else [])

    send("snmptrap", "ac-1", service.port, *V2C, AP_WORDS)

    assert [body["event"] for body in wait(settings, 1)] == ["ap_fault"]
    assert service.figures()["faults"] == 1
    assert "round" not in service.health()


def test_a_trap_that_we_fail_to_read_costs_the_others_of_its_round_nothing(running, monkeypatch):
    service, settings = running
    honest, failed = service._meanings.event, []

    def event(device, *about):
        if not failed:
            failed.append(device)
            raise ValueError("not thought of")
        return honest(device, *about)

    monkeypatch.setattr(service._meanings, "event", event)
    send("snmptrap", "ac-1", service.port, *V2C, AP_WORDS)
    until = time.monotonic() + 10
    while not service.health() and time.monotonic() < until:
        time.sleep(0.02)
    assert service.health() == {
        "answers": "1 devices whose answer could not be read, such as 'ac-1': ValueError: not thought of"
    }
    assert service.figures()["faults"] == 1
    send("snmptrap", "ac-1", service.port, *V2C, AP_WORDS)
    assert [body["event"] for body in wait(settings, 1)] == ["ap_fault"]
    assert service.health() == {}
