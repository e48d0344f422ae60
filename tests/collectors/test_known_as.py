"""One physical thing is one subject, whatever door tells of it: by SNMP, in a trap, over SSH."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from collectors import poll
from collectors.columns import Known, quick_rows
from collectors.convert import TEXT_READERS, mac
from collectors.cwmp.archive import heard_in, kept
from collectors.cwmp.decode import Heard
from collectors.cwmp.decode import decode as cwmp
from collectors.cwmp.model_yaml import shipped as models
from collectors.decode import decode, wholes
from collectors.detect import detect, questions
from collectors.known_as import NOTHING, KnownAs, Names, collect, reader, started
from collectors.plan import plan
from collectors.profile_yaml import shipped
from collectors.recording import load
from collectors.replay import LIMITS, places
from collectors.snmp.agent import Listing, interview
from collectors.snmp.varbind import INTEGER, OCTET_STRING, Varbind, Varbinds
from collectors.snmp.varbind import parse as oid
from collectors.ssh.read_yaml import shipped as reads
from collectors.ssh.replay import replay as replay_screen
from collectors.traps.meaning import RESTARTED, Meanings
from collectors.traps.notification import Notification
from netops.model import Subject

HERE = Path(__file__).parent
CAPTURES = sorted((HERE / "captures").glob("*.snmprec"))
MEANINGS = Meanings(shipped())
IF = "1.3.6.1.2.1.2.2.1"
LINK_DOWN = "1.3.6.1.6.3.1.1.5.3"


def answered(objects, *, at_ms=0):
    agent = Listing(objects)
    todo = plan(detect(shipped(), interview(agent, questions(shipped().values()), at_ms=0)).chosen, limits=LIMITS)
    return todo, interview(agent, todo.ask, at_ms=at_ms)


def known_of(objects, device="d", *, at_ms=0):
    todo, answer = answered(objects, at_ms=at_ms)
    names = decode(todo, answer, device=device, at_ms=at_ms).names
    return KnownAs.of(names, started(at_ms, answer.uptime_first))


def switch(*interfaces, uptime=360_000):
    """Return what a device says of its interfaces (ifIndex, name)."""
    rows = [Varbind(oid("1.3.6.1.2.1.1.3.0"), 0x43, uptime)]
    for number, name in interfaces:
        rows += [
            Varbind(oid(f"{IF}.{column}.{number}"), tag, value)
            for column, tag, value in (("2", 4, b"port " + name), ("3", 2, 6), ("7", 2, 1), ("8", 2, 1))
        ]
        rows.append(Varbind(oid(f"1.3.6.1.2.1.31.1.1.1.1.{number}"), 4, name))
    return rows


def trap(name, *varbinds, uptime=360_000):
    rows = [Varbind(oid(o), INTEGER if isinstance(v, int) else OCTET_STRING, v) for o, v in varbinds]
    return Notification((oid(name),), Varbinds.of(rows), uptime)


def link_down(number, **kwargs):
    return trap(LINK_DOWN, (f"{IF}.1.{number}", number), (f"{IF}.7.{number}", 1), **kwargs)


def test_a_trap_that_has_a_number_only_is_about_the_interface_that_is_polled():
    known = known_of(switch((1, b"eth0"), (2, b"eth1")))

    event = MEANINGS.event("d", "standard", link_down(2), known, 0)

    assert event.subject == Subject("interface", "d/eth1")
    assert not event.doubt


def test_after_a_restart_the_number_is_believed_with_a_doubt_until_the_device_was_polled_again():
    before = known_of(switch((1, b"eth0"), (2, b"eth1")), at_ms=10_000_000)
    after = known_of(switch((1, b"usb0"), (2, b"eth0"), (3, b"eth1"), uptime=9_000), at_ms=20_000_000)
    booted = link_down(3 - 1, uptime=3_000)

    early = MEANINGS.event("d", "standard", booted, before, 19_940_000)
    late = MEANINGS.event("d", "standard", booted, after, 19_940_000)

    assert (early.subject.id, early.doubt) == ("d/eth1", RESTARTED)
    assert (late.subject.id, late.doubt) == ("d/eth0", "")


def test_a_name_that_the_trap_says_itself_is_never_in_doubt():
    known = known_of(switch((1, b"eth0")), at_ms=10_000_000)
    said = trap(LINK_DOWN, (f"{IF}.1.9", 9), (f"{IF}.2.9", b"port eth0"), uptime=3_000)

    event = MEANINGS.event("d", "standard", said, known, 20_000_000)

    assert (event.subject.id, event.doubt) == ("d/eth0", "")


def test_a_number_is_not_taken_for_the_name_that_reads_like_it():
    """Many switches name their ports 1, 2, 3 and number them 101, 102, 103."""
    known = known_of(switch((101, b"1"), (102, b"2")))

    assert MEANINGS.event("d", "standard", link_down(102), known, 0).subject == Subject("interface", "d/2")
    assert MEANINGS.event("d", "standard", link_down(2), known, 0).subject == Subject("device", "d")


def test_of_a_device_that_was_never_polled_a_trap_says_what_it_said_before():
    assert MEANINGS.event("d", "standard", link_down(7), NOTHING, 0).subject == Subject("interface", "d/7")


def test_names_that_two_interfaces_share_lead_to_neither_and_their_numbers_to_each():
    known = known_of(switch((1, b"eth0"), (2, b"eth0")))

    assert MEANINGS.event("d", "standard", link_down(2), known, 0).subject.id == "d/eth0~2"
    assert known.named("interface", "d/port eth0") == ""


def test_a_trap_about_a_place_on_an_olt_is_about_the_terminal_that_is_there():
    tree = "1.3.6.1.4.1.3902.1082.500"
    olt = [
        Varbind(oid(f"{tree}.10.2.3.3.1.6.285278465.5"), 4, b"ZTEG\x0c\x00\x00\x01"),
        Varbind(oid(f"{tree}.10.2.3.8.1.4.285278465.5"), 2, 4),
    ]
    said = trap(f"{tree}.1.3.1.3", (f"{tree}.1.2.4.2.1.2.285278465.5", 31_000))

    assert MEANINGS.event("d", "zte_c320", said, known_of(olt), 0).subject == Subject("onu", "sn:ZTEG0C000001")


AIREOS = "1.3.6.1.4.1.14179.2.2.1.1"


def wlc():
    """A controller that knows the two access points of the SSH capture by the base address of their radios."""
    rows = []
    for last in (1, 2):
        index = f"10.11.12.240.0.{last}"
        rows += [
            Varbind(oid(f"{AIREOS}.3.{index}"), 4, b"hall-%d" % last),
            Varbind(oid(f"{AIREOS}.6.{index}"), 2, 1),
            Varbind(oid(f"{AIREOS}.33.{index}"), 4, bytes((10, 11, 12, 0, 0, last))),
        ]
    return rows


def test_an_access_point_of_aireos_is_one_subject_by_snmp_by_ssh_and_in_a_trap():
    known = known_of(wlc(), "wlc-1")
    capture = HERE / "ssh/captures/aireos_aps.txt"
    seen = replay_screen(capture, reads(), "aireos_aps", device="wlc-1", at_ms=0, values={}).decoded
    said = trap("1.3.6.1.4.1.14179.2.6.3.8", ("1.3.6.1.4.1.14179.2.6.2.20.0", bytes.fromhex("0a0b0cf00002")))

    by_ssh = {known.subject(each.subject, "wlc-1").id for each in seen.observations}

    assert {each.subject.id for each in seen.observations} == {"mac:0a0b0c000001", "mac:0a0b0c000002"}
    assert by_ssh == {"mac:0a0b0cf00001", "mac:0a0b0cf00002"}
    assert MEANINGS.event("wlc-1", "cisco_wlc", said, known, 0).subject.id == "mac:0a0b0cf00002"


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name.removesuffix(".snmprec"))
def test_the_quick_way_learns_the_same_names_as_the_general_one(path):
    todo, answer = answered(load(path, wanted=places(shipped().values())).agent.objects.values())
    general = decode(todo, answer, device="d", at_ms=0)
    known = Known()
    poll.polled("d", 0, todo, answer, known)  # the quick way where it can, else the general one

    assert known.fresh == general.names
    told = {str(each.subject) for each in (*general.observations, *general.gaps)}
    for table in general.names.values():
        for name, subject in table.items():
            kind = name.partition("#")[0].partition(":")[0]
            assert subject == "" or f"{kind}:{subject}" in told, name


def test_a_plain_answer_is_learnt_from_once_and_again_when_a_number_moved():
    known = Known()
    todo, answer = answered(switch((1, b"eth0"), (2, b"eth1")))
    assert quick_rows(todo, answer, device="d", known=known) is not None
    assert known.fresh["standard.interface"]["interface#2"] == "d/eth1"

    known.fresh = {}
    quick_rows(todo, answer, device="d", known=known)
    assert known.fresh == {}

    todo, answer = answered(switch((1, b"eth1"), (2, b"eth0")))
    quick_rows(todo, answer, device="d", known=known)
    assert known.fresh["standard.interface"]["interface#2"] == "d/eth0"


def test_the_spellings_of_one_serial_number_and_of_one_address_are_one():
    """As an OLT's table, its command line, an ONT's own parameters and an EMS write them."""
    serials = (b"HWTC\x01\x23\x45\x67", b"HWTC01234567", b"HWTC-01234567", b"4857544301234567", b"hwtc01234567")
    addresses = (
        b"\x0a\x0b\x0c\x0d\x0e\x0f",
        b"0a0b-0c0d-0e0f",
        b"0a0b.0c0d.0e0f",
        b"0A:0B:0C:0D:0E:0F",
        b"0a0b0c0d0e0f",
    )

    assert {TEXT_READERS["pon_serial"](each) for each in serials} == {"HWTC01234567"}
    assert {TEXT_READERS["onu_identity"](each) for each in serials[:4]} == {"HWTC01234567"}
    assert {mac(each) for each in addresses} == {"0a0b0c0d0e0f"}


def small_cell(*scalars):
    tree = "1.3.6.1.4.1.53058.100"
    return [Varbind(oid("1.3.6.1.2.1.1.3.0"), 0x43, 9)] + [Varbind(oid(f"{tree}.{at}"), 2, 1) for at in scalars]


def test_a_small_cell_that_informs_with_its_serial_number_is_the_cell_that_is_polled():
    todo, answer = answered(small_cell("5.0", "11.1.0", "190.3.0", "190.6.0"))
    known = Known()
    made = poll.polled("enb-1", 0, todo, answer, known)
    names = KnownAs.of(known.fresh, None)
    words = {"Device.Services.FAPService.1.FAPControl.LTE.OpState": "1"}
    heard = Heard(root="Device", serial="SN1", known_as=names.whole, values=words, asked=frozenset(words))

    again = heard_in(kept(heard, []))
    (seen,) = cwmp(models().values(), heard, device="enb-1", at_ms=1).observations

    assert names.whole == {"cell": "enb-1/1"}
    assert seen.subject == Subject("cell", "enb-1/1")
    assert seen.subject in {row.subject for row in made.rows}
    assert again.known_as == heard.known_as


def test_of_two_that_scalars_tell_of_neither_is_the_device_itself():
    todo, answer = answered(small_cell("5.0", "11.1.0", "190.3.0", "190.6.0"))
    (section,) = [each for each in todo.sections if each.profile == "baicells_enb"]
    one, *others = section.scalars
    two = replace(section, scalars=(replace(one, column=replace(one.column, local="2")), *others))

    assert wholes(section, answer.gets, "enb-1") == {"cell#": "enb-1/1"}
    assert KnownAs.of({"t": wholes(two, answer.gets, "enb-1")}, None).whole == {}


def test_a_name_that_two_claim_leads_to_neither():
    assert collect([("a#1", "x"), ("a#2", "x"), ("a#1", "y"), ("a#1", "x")]) == {"a#1": "", "a#2": "x"}


def test_what_is_kept_is_read_back_and_written_only_when_it_changes(tmp_path):
    kept, of = Names(tmp_path), reader(tmp_path)
    assert of("sw-1") is NOTHING
    tables = {"standard.interface": {"interface#1": "sw-1/eth0", "interface:sw-1/port": "sw-1/eth0"}}

    assert kept.keep("sw-1", tables, 1_000)
    assert of("sw-1").numbered("interface", "1") == "sw-1/eth0"
    assert of("sw-1").named("interface", "sw-1/port") == "sw-1/eth0"
    file = tmp_path / "names/sw-1.json"
    assert file.stat().st_mode & 0o777 == 0o640
    mark = file.stat().st_ino

    assert kept.keep("sw-1", {}, 2_000)  # sysUpTime is read a second off
    assert Names(tmp_path).keep("sw-1", tables, 1_000)  # the poller starts anew
    assert file.stat().st_ino == mark

    assert kept.keep("sw-1", {"x.onu": {"onu#1": "sn:A"}}, 900_000)  # restarted, and one table more
    assert of("sw-1").boot_ms == 900_000
    assert of("sw-1").numbered("interface", "1") == "sw-1/eth0"
    assert of("sw-1").numbered("onu", "1") == "sn:A"

    kept.forget(["sw-1"])
    assert of("sw-1") is NOTHING


def test_a_file_that_cannot_be_written_is_told_and_tried_again(tmp_path):
    (tmp_path / "names").write_text("in the way")
    kept = Names(tmp_path)

    assert not kept.keep("sw-1", {"t": {"a#1": "b"}}, 5)
    assert "names/sw-1.json" in kept.refused

    (tmp_path / "names").unlink()
    assert kept.keep("sw-1", {"t": {"a#1": "b"}}, 5)
    assert not kept.refused


@pytest.mark.parametrize("content", ["", "[]", '{"tables": 3, "boot_ms": 1}', '{"boot_ms": 1}', "\xff", "[" * 2000])
def test_a_file_that_is_none_leaves_each_door_its_own_names(tmp_path, content):
    (tmp_path / "names").mkdir()
    (tmp_path / "names/sw-1.json").write_text(content, encoding="latin-1")

    assert reader(tmp_path)("sw-1") == NOTHING
    assert Names(tmp_path).keep("sw-1", {"t": {"a#1": "b"}}, 5)
    assert reader(tmp_path)("sw-1").numbered("a", "1") == "b"
