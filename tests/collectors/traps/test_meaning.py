"""What traps mean: the shipped families' sections against traps written by hand, and mistakes named by line."""

import pytest

from collectors.device_event import fact
from collectors.profile_yaml import SHIPPED, ProfileError, parse, read
from collectors.snmp.varbind import INTEGER, NO_SUCH_INSTANCE, OCTET_STRING, Varbind, Varbinds
from collectors.snmp.varbind import parse as oid
from collectors.traps.meaning import Meanings
from collectors.traps.notification import Notification
from netops import facts

NAMES = ("standard", "huawei_wlan_ac", "huawei_smartax", "zte_c320", "h3c_wlan_ac", "cisco_wlc")
PROFILES = {name: read(SHIPPED / f"{name}.yaml") for name in NAMES if (SHIPPED / f"{name}.yaml").exists()}
MEANINGS = Meanings(PROFILES)
MAC, MAC_INDEX = bytes.fromhex("0a0b0c0d0e0f"), "10.11.12.13.14.15"


def said(name, *varbinds):
    rows = [Varbind(oid(o), INTEGER if isinstance(v, int) else OCTET_STRING, v) for o, v in varbinds]
    return Notification((oid(name),), Varbinds.of(rows), 1)


HUAWEI, ZTE, CISCO, H3C = "1.3.6.1.4.1.2011.6.139", "1.3.6.1.4.1.3902.1082", "1.3.6.1.4.1", "1.3.6.1.4.1.25506.2.75"
CASES = [
    (
        "huawei_wlan_ac",
        said(f"{HUAWEI}.13.1.1.1", (f"{HUAWEI}.13.3.3.1.1.{MAC_INDEX}", MAC)),
        "ap_fault",
        "ap:mac:0a0b0c0d0e0f",
        "down",
    ),
    (
        "huawei_wlan_ac",
        said(f"{HUAWEI}.13.1.1.2", (f"{HUAWEI}.13.3.3.1.1.{MAC_INDEX}", MAC)),
        "ap_normal",
        "ap:mac:0a0b0c0d0e0f",
        "up",
    ),
    (
        "huawei_wlan_ac",
        said(
            f"{HUAWEI}.16.1.1.1.13",
            (f"{HUAWEI}.16.1.2.1.1.{MAC_INDEX}.1", MAC),
            (f"{HUAWEI}.16.1.2.1.2.{MAC_INDEX}.1", 1),
        ),
        "radio_down",
        "radio:mac:0a0b0c0d0e0f/1",
        "down",
    ),
    ("huawei_wlan_ac", said(f"{HUAWEI}.13.1.1.1"), "ap_fault", "device:dev-1", "down"),
    ("huawei_wlan_ac", said("1.3.6.1.6.3.1.1.5.1"), "cold_start", "device:dev-1", ""),
    (
        "huawei_smartax",
        said(
            "1.3.6.1.4.1.2011.6.3.8.2.0.4",
            ("1.3.6.1.4.1.2011.6.3.3.1.1.1.0", 0),
            ("1.3.6.1.4.1.2011.6.3.3.2.1.1.0.3", 3),
        ),
        "board_offline",
        "card:dev-1/0/3",
        "down",
    ),
    (
        "zte_c320",
        said(f"{ZTE}.10.1.3.2.1", (f"{ZTE}.10.1.2.4.1.5.1.1.3", 2)),
        "card_offline",
        "card:dev-1/1/1/3",
        "down",
    ),
    (
        "zte_c320",
        said(f"{ZTE}.500.1.3.1.3", (f"{ZTE}.500.1.2.4.2.1.2.285278465.5", 31_000)),
        "onu_rx_low",
        None,
        "degraded",
    ),
    (
        "cisco_wlc",
        said(f"{CISCO}.14179.2.6.3.8", (f"{CISCO}.14179.2.6.2.20.0", MAC)),
        "ap_disassociated",
        "ap:mac:0a0b0c0d0e0f",
        "down",
    ),
    (
        "cisco_wlc",
        said(
            f"{CISCO}.9.9.513.0.11",
            (f"{CISCO}.9.9.513.1.1.1.1.1.{MAC_INDEX}", MAC),
            (f"{CISCO}.9.9.513.1.2.1.1.1.{MAC_INDEX}.0", 0),
        ),
        "radio_down_lwapp",
        "radio:mac:0a0b0c0d0e0f/0",
        "down",
    ),
    (
        "h3c_wlan_ac",
        said(f"{H3C}.2.3.0.23", (f"{H3C}.2.3.1.18.0", b"210235A1BX"), (f"{H3C}.2.1.3.1.2.1", 2)),
        "radio_down",
        "radio:sn:210235A1BX/2",
        "down",
    ),
    (
        "",
        said("1.3.6.1.6.3.1.1.5.3", ("1.3.6.1.2.1.2.2.1.1.7", 7), ("1.3.6.1.2.1.31.1.1.1.1.7", b"Gi0/7")),
        "link_down",
        "interface:dev-1/Gi0/7",
        "down",
    ),
    ("standard", said("1.3.6.1.6.3.1.1.5.4", ("1.3.6.1.2.1.2.2.1.1.7", 7)), "link_up", "interface:dev-1/7", "up"),
    ("standard", said("1.3.6.1.6.3.1.1.5.5"), "authentication_failure", "device:dev-1", ""),
]


@pytest.mark.parametrize(
    ("profile", "notification", "event", "subject", "state"), CASES, ids=lambda v: v if isinstance(v, str) else None
)
def test_the_shipped_families_name_event_subject_and_state(profile, notification, event, subject, state):
    if profile and profile not in PROFILES:
        pytest.skip(f"{profile} is not there")

    told = MEANINGS.event("dev-1", profile, notification)

    assert (told.event, told.state) == (event, state)
    if subject is None:  # the same id as the family's table gives that index
        assert (told.subject.kind, told.subject.id.startswith("dev-1/")) == ("onu", True)
    else:
        assert str(told.subject) == subject


def test_a_family_is_not_read_by_another_familys_traps():
    told = MEANINGS.event("dev-1", "zte_c320", said(f"{HUAWEI}.13.1.1.1"))

    assert (told.event, told.trap, str(told.subject)) == ("unmapped", f"{HUAWEI}.13.1.1.1", "device:dev-1")


def test_a_value_that_is_not_there_or_not_readable_names_nobody():
    rows = Varbinds.of([Varbind(oid(f"{HUAWEI}.13.3.3.1.1.1"), NO_SUCH_INSTANCE, None)])
    short = said(f"{HUAWEI}.13.1.1.1", (f"{HUAWEI}.13.3.3.1.1.1", b"\x01\x02"))
    zeros = said(f"{HUAWEI}.13.1.1.1", (f"{HUAWEI}.13.3.3.1.1.1", bytes(6)))

    for notification in (Notification((oid(f"{HUAWEI}.13.1.1.1"),), rows, 1), short, zeros):
        assert str(MEANINGS.event("dev-1", "huawei_wlan_ac", notification).subject) == "device:dev-1"


def test_a_text_without_end_or_with_controls_is_cut_and_cleaned():
    told = MEANINGS.event(
        "dev-1", "huawei_wlan_ac", said(f"{HUAWEI}.13.1.1.1", (f"{HUAWEI}.13.3.3.1.4.1", b"a\x1b[31m" + b"x" * 5_000))
    )

    assert told.values["name"].startswith("a\N{REPLACEMENT CHARACTER}[31m")
    assert len(told.values["name"]) == 200


HEAD = "profile: x\ntitle: {zh: 甲, en: a}\nroot: 1.3.6.1.4.1.9999\n"


def test_a_state_can_stand_in_a_value():
    profile = parse(
        HEAD + "traps:\n  link:\n    oid: .1\n    kind: port\n    identity: [port]\n"
        "    index: {of: now, parts: {port: integer}}\n"
        "    values:\n      now: {oid: .2, states: {1: up, 2: down}}\n",
        "x.yaml",
    )
    meanings = Meanings({"x": profile})
    for raw, state in ((1, "up"), (2, "down"), (3, "")):
        told = meanings.event("d", "x", said("1.3.6.1.4.1.9999.1", ("1.3.6.1.4.1.9999.2.17", raw)))

        assert (told.state, str(told.subject)) == (state, "port:d/17")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("traps:\n  Link: {oid: .1}\n", "x.yaml:5: 'Link' is no good event"),
        ("traps:\n  link: {severity: info}\n", "'oid' is missing"),
        ("traps:\n  link: {oid: .1, severety: info}\n", "did you mean 'severity'"),
        ("traps:\n  link: {oid: .1, severity: bad}\n", "is not a severity"),
        ("traps:\n  link: {oid: .1, state: gone}\n", "is not a state"),
        ("traps:\n  link: {oid: .1, identity: [mac]}\n", "is not a value or index part"),
        ("traps:\n  link: {oid: .1, values: {mac: {oid: .2, read: mak}}}\n", "did you mean 'mac'"),
        ("traps:\n  link: {oid: x}\n", "is no OID"),
        ("traps:\n  link: {oid: .1, index: {of: a, parts: {p: integer}}}\n", "is not a value of this trap"),
    ],
)
def test_a_mistake_names_its_line_and_what_was_meant(written, told):
    with pytest.raises(ProfileError) as refused:
        parse(HEAD + written, "x.yaml")

    assert told in str(refused.value)
    assert str(refused.value).startswith("x.yaml:")


def test_every_trap_of_a_shipped_family_has_an_oid_of_its_own():
    for name, profile in PROFILES.items():
        places = [place.under(root) for root in profile.roots for trap in profile.traps for place in trap.places]

        assert len(places) == len(set(places)), name


@pytest.mark.parametrize("length", [150, 199, 200, 250, 4000])
def test_a_name_of_any_length_makes_an_event_that_can_be_stated(length):
    """An id that no fact may hold would have taken every other device's events of the same round with it."""
    heard = said("1.3.6.1.6.3.1.1.5.3", ("1.3.6.1.2.1.31.1.1.1.1.5", b"e" * length))

    event = MEANINGS.event("olt-1", "standard", heard)

    assert event.subject.id.startswith("olt-1/eee")
    assert facts.encode(fact("olt-1", event, repeats=0, now_ms=1, version="v2c"))
