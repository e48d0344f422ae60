"""Whether a place is open while its portal is dead: the table, both clocks, and a log that comes first."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace

import pytest

from captive_portal import ajar, let_in
from captive_portal.adopting import sittings
from captive_portal.ajar import SHORT_S, SILENT_S, Ajar, Door, Rule
from captive_portal.errors import PortalError
from captive_portal.let_in import Entry, Log, What
from captive_portal.model import Bounds, Client
from inventory.model import Hours
from inventory.times import zone
from netops import fail_open
from netops.fail_open import Order, Orders
from netops.sign import Signer

ORIGIN = "netops.invalid/city/rehearsal"
SIGNER = Signer.new(ORIGIN)
NOW = 1_790_000_000_000  # where the standing clock begins
BOUNDS = Bounds(seconds=3600, down_kbps=2000)
RULE = Rule(site="park", bounds=BOUNDS)
ORDER = Order(request="req-1", leaf=7, sites=("park",), start_ms=NOW, end_ms=NOW + 3_600_000)
PHONE = Client(mac="02:11:22:33:44:55", interface="vlan0", addresses=("10.0.0.7",))
OTHER = Client(mac="02:11:22:33:44:66", interface="vlan0", addresses=("10.0.0.8",))


def note(*orders: Order, leaves: int = 8) -> bytes:
    return fail_open.signed(Orders(origin=ORIGIN, leaves=leaves, orders=orders), SIGNER)


@pytest.mark.parametrize(
    ("rule", "order", "left_s", "silent_s", "seconds"),
    [
        (RULE, ORDER, 3600, SILENT_S, SHORT_S),
        (RULE, ORDER, 3600, SILENT_S - 0.1, 0),
        (RULE, ORDER, 3600, 0.0, 0),
        (RULE, ORDER, 3600, 1e9, SHORT_S),
        (RULE, ORDER, 40, 1e9, 40),
        (RULE, ORDER, 1, 1e9, 1),
        (RULE, ORDER, 0, 1e9, 0),
        (RULE, ORDER, -5, 1e9, 0),
        (RULE, None, 3600, 1e9, 0),
        (None, ORDER, 3600, 1e9, 0),
        (None, None, 0, 1e9, 0),
        (Rule(site="park", bounds=Bounds(seconds=120)), ORDER, 3600, 1e9, 120),
    ],
)
def test_a_place_is_open_where_policy_decision_and_silence_say_so_together(rule, order, left_s, silent_s, seconds):
    expected = Door(order, seconds) if seconds else None

    assert ajar.door(rule, order, left_s=left_s, silent_s=silent_s) == expected


@pytest.fixture
def log(tmp_path):
    made = Log(tmp_path / "let-in.jsonl")
    made.open()
    yield made
    made.close()


@pytest.fixture
def place(log, clock):
    made = Ajar({"vlan0": RULE}, SIGNER.vkey, log, clock)
    made.heard(note(ORDER))
    return made


def told(log: Log) -> list[tuple[str, str]]:
    return [(str(each.what), each.mac) for each in log.entries]


def test_a_silent_portal_opens_its_place_for_a_short_time_each_and_is_back_at_once(place, log, clock) -> None:
    assert place.look().open == {}
    assert place.let_in([PHONE]) == []
    clock.forward(SILENT_S)
    opened = place.look()
    (inside,) = place.let_in([PHONE])
    back = place.heard(note(ORDER))

    assert opened.open == {"vlan0": Door(ORDER, SHORT_S)}
    assert inside == (PHONE, replace(BOUNDS, seconds=SHORT_S))
    assert (back.open, back.shut, back.out) == ({}, ("vlan0",), ())
    assert place.let_in([OTHER]) == []
    assert told(log) == [("begun", ""), ("in", PHONE.mac), ("ended", "")]
    begun, came, ended = log.entries
    assert (begun.leaf, begun.why) == (7, "the portal was silent for 30 s")
    assert (came.at_ms, came.until_ms) == (clock.at_ms, clock.at_ms + SHORT_S * 1000)
    assert ended.count == 1


def test_the_time_of_a_device_is_one_whatever_addresses_it_comes_with(place, log, clock) -> None:
    clock.forward(SILENT_S)
    place.look()
    place.let_in([PHONE])
    clock.forward(200)
    again = place.let_in([PHONE, PHONE.at("fd00::7")])
    clock.forward(SHORT_S - 200)
    anew = place.let_in([PHONE])

    assert [bounds.seconds for _, bounds in again] == [SHORT_S - 200] * 2
    assert [bounds.seconds for _, bounds in anew] == [SHORT_S]
    assert told(log) == [("begun", ""), *[("in", PHONE.mac)] * 3]
    one, other = sittings(log.entries)
    assert (one.client.addresses, other.client.addresses) == (("10.0.0.7", "fd00::7"), ("10.0.0.7",))


def test_one_device_cannot_claim_more_addresses_than_a_device_has(place, clock) -> None:
    clock.forward(SILENT_S)
    place.look()

    assert len(place.let_in([PHONE.at(f"10.0.1.{n}") for n in range(99)])) == 16


def test_a_decision_that_is_taken_back_puts_out_whom_it_let_in(place, log, clock) -> None:
    clock.forward(SILENT_S)
    place.look()
    place.let_in([PHONE, PHONE.at("fd00::7")])
    place.take(note(leaves=9))
    turned = place.look()

    assert turned.open == {}
    assert turned.out == (PHONE.at("10.0.0.7", "fd00::7"),)
    assert told(log)[-2:] == [("ended", ""), ("out", PHONE.mac)]
    assert sittings(log.entries)[0].out_ms == clock.at_ms
    assert place.look().out == ()


def test_nobody_stays_in_beyond_the_end_of_the_decision(place, clock) -> None:
    clock.forward(3600 - 45)
    place.look()
    ((_, bounds),) = place.let_in([PHONE])
    clock.forward(45)

    assert bounds.seconds == 45
    assert place.look().open == {}
    assert place.let_in([OTHER]) == []


def test_a_site_is_open_within_its_hours_only_and_nobody_stays_beyond_them(log, clock) -> None:
    city = zone("Asia/Shanghai")  # the clock begins on a Monday at 22:13:20
    late = Hours(days=(1, 2, 3, 4, 5, 6, 7), start_minute=6 * 60, end_minute=22 * 60 + 15)
    place = Ajar({"vlan0": replace(RULE, hours=(late,), zone=city)}, SIGNER.vkey, log, clock)
    place.heard(note(ORDER))
    clock.forward(SILENT_S)
    place.look()
    ((_, bounds),) = place.let_in([PHONE])
    clock.forward(70)

    assert bounds.seconds == 70
    assert place.look().open == {}
    assert place.let_in([OTHER]) == []


def test_a_renewed_decision_goes_on_and_both_are_told(place, log, clock) -> None:
    clock.forward(3000)
    place.look()
    later = replace(ORDER, request="req-2", leaf=9, start_ms=clock.at_ms, end_ms=clock.at_ms + 3_600_000)
    place.take(note(ORDER, later, leaves=10))

    assert place.look().open["vlan0"].order == later
    assert [(each.what, each.leaf) for each in log.entries] == [("begun", 7), ("ended", 7), ("begun", 9)]


@pytest.mark.parametrize(
    "wrong",
    [
        note(replace(ORDER, sites=("park", "mall")), leaves=9).replace(b"mall", b"zoo."),
        fail_open.signed(Orders(origin=ORIGIN, leaves=99, orders=(ORDER,)), Signer.new(ORIGIN)),
        note(ORDER, leaves=7),
        b"nonsense",
    ],
    ids=["altered", "another-key", "older", "nonsense"],
)
def test_a_decision_that_nobody_made_opens_nothing(log, clock, wrong) -> None:
    place = Ajar({"vlan0": RULE}, SIGNER.vkey, log, clock)
    place.heard(note(leaves=8))
    place.heard(wrong)
    clock.forward(3 * SILENT_S)

    assert place.look().open == {}
    assert place.wrong
    assert log.entries == ()


def test_without_a_key_or_a_policy_or_for_another_site_nothing_opens(log, clock) -> None:
    for rules, key in (
        ({"vlan0": RULE}, None),
        ({}, SIGNER.vkey),
        ({"vlan0": replace(RULE, site="mall")}, SIGNER.vkey),
    ):
        place = Ajar(rules, key, log, clock)
        place.heard(note(ORDER))
        clock.forward(SILENT_S)

        assert place.look().open == {}
        assert place.let_in([PHONE]) == []


def test_what_cannot_be_written_lets_nobody_in_and_still_closes(place, log, clock, monkeypatch) -> None:
    clock.forward(SILENT_S)
    place.look()
    place.let_in([PHONE])
    before = log.path.read_bytes()
    with monkeypatch.context() as broken:
        broken.setattr(let_in.os, "fsync", _full)
        with pytest.raises(PortalError, match="nobody is let in without a record"):
            place.let_in([OTHER])
        turned = place.heard(note(leaves=9))

    assert (turned.open, turned.shut, turned.out) == ({}, ("vlan0",), (PHONE,))
    assert log.path.read_bytes() == before


def test_a_place_whose_opening_cannot_be_written_stays_closed(place, log, clock, monkeypatch) -> None:
    clock.forward(SILENT_S)
    with monkeypatch.context() as broken:
        broken.setattr(let_in.os, "fsync", _full)
        assert place.look().open == {}
        assert place.let_in([PHONE]) == []

    assert place.look().open
    assert told(log) == [("begun", "")]


def _full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_the_log_outlives_its_process_and_a_line_cut_off(log, clock) -> None:
    entry = Entry(what=What.IN, at_ms=1, place="vlan0", request="r", leaf=7, mac=PHONE.mac, addresses=("10.0.0.7",))
    log.append([entry, entry])
    log.close()
    with log.path.open("ab") as file:
        file.write(b'{"what":"in","at_')
    again = Log(log.path)
    again.open()

    assert again.mark == log.mark
    assert again.entries == log.entries
    assert log.path.stat().st_mode & 0o777 == 0o600
    assert again.forget(1) == 1
    again.append([entry])
    assert [each.n for each in again.entries] == [2, 3]
    again.forget(3)
    assert PHONE.mac.encode() not in log.path.read_bytes()
    again.close()
    once_more = Log(log.path)
    once_more.open()
    once_more.append([entry])
    assert once_more.entries[0].n == 4
    once_more.close()


@pytest.mark.parametrize("call", ["forget", "append"])
def test_a_log_that_met_a_full_disk_goes_on_when_there_is_room(log, call, monkeypatch) -> None:
    entry = Entry(what=What.IN, at_ms=1, place="vlan0", request="r", leaf=7, mac=PHONE.mac)
    log.append([entry])
    with monkeypatch.context() as broken:
        broken.setattr(let_in.files, "replace", _full)
        broken.setattr(let_in.os, "fsync", _full)
        broken.setattr(let_in.os, "ftruncate", _full)
        with pytest.raises(PortalError, match="not written"):
            log.forget(1) if call == "forget" else log.append([entry])
        with pytest.raises(PortalError, match="not written"):
            log.append([entry])
    log.append([replace(entry, mac=OTHER.mac)])
    again = Log(log.path)
    again.open()
    again.close()

    assert [each.mac for each in again.entries] == [*[PHONE.mac] * (call == "append"), OTHER.mac]
    assert again.entries == log.entries


def test_what_is_recorded_is_struck_out_when_the_disk_has_room_again(place, log, clock, monkeypatch) -> None:
    clock.forward(SILENT_S)
    place.look()
    place.let_in([PHONE])
    place.heard(note(ORDER))
    with monkeypatch.context() as broken:
        broken.setattr(let_in.files, "replace", _full)
        assert place.heard(note(ORDER), recorded=3).open == {}
        assert "not written" in place.wrong
    place.heard(note(ORDER), recorded=3)

    assert PHONE.mac not in log.path.read_text(encoding="ascii")


def test_a_log_that_is_taken_up_on_a_full_disk_is_told_and_is_written_when_there_is_room(log, clock, monkeypatch):
    entry = Entry(what=What.IN, at_ms=1, place="vlan0", request="r", leaf=7, mac=PHONE.mac)
    log.append([entry])
    log.close()
    log.path.write_bytes(log.path.read_bytes() + b'{"what":"in","at_')
    again = Ajar({"vlan0": RULE}, SIGNER.vkey, Log(log.path), clock)
    with monkeypatch.context() as broken:
        broken.setattr(let_in.files, "replace", _full)
        again.open(note(ORDER))
        clock.forward(SILENT_S)
        assert again.look().open == {}
        assert again.take(b"") is False
        assert "make room" in again.wrong
    assert again.log.entries == log.entries
    assert again.look().open
    assert again.wrong == ""
    again.close()

    assert [json.loads(line)["n"] for line in log.path.read_bytes().splitlines()[1:]] == [1, 2, 3]


def test_a_log_that_is_whole_is_taken_up_without_a_write(log, monkeypatch) -> None:
    log.close()
    monkeypatch.setattr(let_in.files, "replace", _full)
    again = Log(log.path)
    again.open()
    again.append([Entry(what=What.IN, at_ms=1, place="vlan0", request="r", leaf=7, mac=PHONE.mac)])
    again.close()

    assert (again.mark, again.wrong) == (log.mark, "")
    assert PHONE.mac.encode() in log.path.read_bytes()


def test_a_log_that_cannot_be_read_lets_nobody_in_and_is_left_as_it_is(log, clock) -> None:
    log.close()
    torn = b'{"log":"x","next":1}\n\0\0\0\0\n'
    log.path.write_bytes(torn)
    place = anew(log, clock, note(ORDER))
    clock.forward(SILENT_S)

    assert place.heard(note(ORDER), recorded=3).open == {}
    clock.forward(SILENT_S)
    assert place.look().open == {}
    assert place.let_in([PHONE]) == []
    assert "move it away" in place.wrong
    place.close()
    assert log.path.read_bytes() == torn


def test_a_log_of_somebody_elses_is_refused(tmp_path) -> None:
    path = tmp_path / "let-in.jsonl"
    path.write_bytes(b'{"log":"x","next":1}\n{"what":"eaten"}\n')

    with pytest.raises(PortalError, match="move it away"):
        Log(path).open()


def test_who_is_recorded_is_the_portals_and_no_decision_taken_back_puts_them_out_here(place, log, clock) -> None:
    clock.forward(SILENT_S)
    place.look()
    place.let_in([PHONE])
    place.heard(note(ORDER))
    place.heard(note(ORDER), recorded=3)
    turned = place.heard(note(leaves=9))

    assert log.entries == ()
    assert turned.out == ()


def anew(log: Log, clock, given: bytes) -> Ajar:
    """Return what the next process makes of a log."""
    made = Ajar({"vlan0": RULE}, SIGNER.vkey, Log(log.path), clock)
    made.open(given)
    return made


def test_a_process_that_crashed_while_a_place_was_open_says_when_it_begins_anew_that_it_ended(place, log, clock):
    clock.forward(SILENT_S)
    place.look()
    place.let_in([PHONE, PHONE.at("fd00::7"), OTHER])
    log.close()
    clock.forward(5)
    again = anew(log, clock, note(ORDER))
    ended = again.log.entries[-1]
    assert again.look().open == {}
    clock.forward(SILENT_S)
    opened = again.look().open
    again.close()

    assert (ended.what, ended.count, ended.leaf, ended.at_ms) == (What.ENDED, 2, 7, clock.at_ms - int(SILENT_S * 1000))
    assert opened
    assert [each.what for each in again.log.entries if not each.mac] == [*[What.BEGUN, What.ENDED] * 2]


def test_an_orderly_end_says_that_what_was_open_is_so_no_more(place, log, clock) -> None:
    clock.forward(SILENT_S)
    place.look()
    place.let_in([PHONE])
    place.close()
    place.close()

    assert told(log) == [("begun", ""), ("in", PHONE.mac), ("ended", "")]
    assert log.entries[-1].count == 1
    again = anew(log, clock, note(ORDER))
    again.look()
    assert again.log.entries == log.entries
    again.close()


@pytest.mark.parametrize("given", [note(ORDER), note(leaves=9), b""], ids=["in-force", "taken-back-before", "unknown"])
def test_who_was_let_in_before_a_restart_is_put_out_when_the_decision_is_taken_back(place, log, clock, given) -> None:
    clock.forward(SILENT_S)
    place.look()
    place.let_in([PHONE, PHONE.at("fd00::7")])
    log.close()
    clock.forward(60)
    again = anew(log, clock, given)
    first = again.look().out
    again.take(note(leaves=9))
    second = again.look().out
    again.close()

    both = (PHONE.at("10.0.0.7", "fd00::7"),)
    assert (first, second) == (((), both) if given == note(ORDER) else (both, ()))
    assert [each.what for each in again.log.entries].count(What.OUT) == 1


def test_after_a_restart_a_device_has_what_is_left_of_its_time(place, log, clock) -> None:
    clock.forward(SILENT_S)
    place.look()
    place.let_in([PHONE, OTHER])
    log.close()
    clock.forward(SHORT_S - 45)
    again = anew(log, clock, note(ORDER))
    clock.forward(SILENT_S)
    again.look()
    ((_, bounds),) = again.let_in([PHONE])
    entries = len(again.log.entries)
    clock.forward(15)
    again.take(note(leaves=9))
    turned = again.look()
    again.close()

    assert bounds.seconds == 15
    assert entries == 5, "begun, two in, ended, begun: no further record of the same time"
    assert turned.out == ()


def test_an_end_that_cannot_be_written_is_written_when_there_is_room_and_nothing_begins_before(
    place, log, clock, monkeypatch
) -> None:
    clock.forward(SILENT_S)
    place.look()
    place.let_in([PHONE])
    with monkeypatch.context() as broken:
        broken.setattr(let_in.os, "fsync", _full)
        place.heard(note(ORDER))
        ended_ms = clock.at_ms
        clock.forward(SILENT_S)
        assert place.look().open == {}
    assert place.look().open

    assert told(log) == [("begun", ""), ("in", PHONE.mac), ("ended", ""), ("begun", "")]
    assert (log.entries[2].at_ms, log.entries[2].count) == (ended_ms, 1)
