"""Packets name MACs and addresses: sealed at rest, gone by the clock of the records or on a wish; the chain says so."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import apsw
import pytest

from captive_portal.gateways.portal2 import Portal2
from captive_portal.model import Trail
from captive_portal.portal2 import erasure, journal, packets
from captive_portal.portal2.packet import Attribute, Packet, Type, encode
from captive_portal.portal2.packets import Row
from captive_portal.portal2.vault import Vault
from captive_portal.records.periods import Periods
from netops.cli import main
from netops.config import City, Data, Retention, Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DAY_S = 86_400
TOLD = b"\x02\x11\x22\x33\x44\x55 has 10.1.0.9"


class Hands:
    """A clock whose time of day can be set apart from the time that goes by."""

    def __init__(self) -> None:
        self.at_ms, self.gone_s = 1_790_000_000_000, 0.0

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic(self) -> float:
        return self.gone_s

    def set_ahead(self, seconds: float) -> None:
        self.at_ms += int(seconds * 1000)

    def forward(self, seconds: float) -> None:
        self.set_ahead(seconds)
        self.gone_s += seconds


@pytest.fixture
def clock(monkeypatch) -> Hands:
    monkeypatch.setattr(journal, "PAUSE_S", 0.01)
    return Hands()


def kept_at(path: Path, clock, days: int = 200) -> journal.Journal:
    vault = Vault(Periods(path.with_name("keys")), bytes(32))
    return journal.Journal(path, clock, vault=vault, cap_bytes=1 << 30, days=days)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 5.0
    while not holds():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.01)


def rounds(kept: journal.Journal, clock, count: int = 1) -> None:
    """Let hours go by; each round has been done, and the log is empty, when its next is due later."""
    for _ in range(count):
        clock.forward(journal.ROUND_S)
        until(lambda: kept._round_at > clock.monotonic())


def on_disk(path: Path) -> bytes:
    return b"".join(each.read_bytes() for each in path.parent.glob(path.name + "*"))


def test_packets_go_with_the_records_of_visits_and_nothing_of_them_stays_in_the_file(tmp_path, clock) -> None:
    with kept_at(tmp_path / "p.db", clock) as kept:
        for number in range(40):
            kept.packet("ac-1", "in", "10.0.0.1", bytes([number]) * 400, TOLD.decode())
        kept.settle()
        clock.forward(100 * DAY_S)
        kept.packet("ac-1", "out", "10.0.0.1", b"of later")
        kept.settle()
        rounds(kept, clock)
        before = on_disk(kept.path).count(TOLD), kept.floor
        clock.forward(101 * DAY_S)
        rounds(kept, clock, 102)
        checked, left = packets.check(kept.path), list(packets.read(kept.path, kept.vault))
        after = on_disk(kept.path).count(TOLD), kept.floor

    assert before[0] >= 40
    assert before[1] == 0
    assert after == (0, 40)
    assert [each.octets for each in left if each.way != packets.ERASED] == [b"of later"]
    assert (checked.broken, checked.erased, checked.head) == (None, 40, kept.head)


def test_a_clock_that_jumps_ahead_erases_a_day_in_an_hour(tmp_path, clock) -> None:
    with kept_at(tmp_path / "p.db", clock) as kept:
        for day in range(5):
            kept.packet("ac-1", "in", "10.0.0.1", bytes([day]))
            kept.settle()
            clock.set_ahead(DAY_S)
        clock.set_ahead(1000 * DAY_S)
        floors = []
        for _ in range(3):
            rounds(kept, clock)
            floors.append(kept.floor)

    assert floors == [1, 2, 3]


def test_a_restart_neither_hurries_the_erasure_nor_forgets_where_it_stands(tmp_path, clock) -> None:
    with kept_at(tmp_path / "p.db", clock) as kept:
        for day in range(3):
            kept.packet("ac-1", "in", "10.0.0.1", bytes([day]))
            kept.settle()
            clock.set_ahead(DAY_S)
        clock.set_ahead(1000 * DAY_S)
        rounds(kept, clock)
    floors = []
    for _ in range(3):
        with kept_at(tmp_path / "p.db", clock) as kept:
            kept.packet("ac-1", "in", "10.0.0.1", b"new")
            kept.settle()
            floors.append(kept.floor)
            head = kept.head

    assert floors == [1, 1, 1]
    assert packets.check(kept.path) == packets.Checked(packets=head[0] - 1, head=head, erased=1)


def test_the_command_line_verifies_what_is_left(tmp_path, clock, capsys) -> None:
    with kept_at(tmp_path / "portal2" / "packets.db", clock) as kept:
        for number in range(3):
            kept.packet("ac-1", "in", "10.0.0.1", bytes([number]))
        kept.settle()
        clock.set_ahead(201 * DAY_S)
        rounds(kept, clock)
    file = tmp_path / "netops.toml"
    file.write_text(f'[city]\nrehearsal = true\n[data]\ndir = "{tmp_path}"\n', encoding="utf-8")
    code = main(["--config", str(file), "portal", "packets", "--check"])
    checked = capsys.readouterr().out
    main(["--config", str(file), "portal", "packets"])
    (said,) = capsys.readouterr().out.splitlines()

    assert code == 0
    assert checked.startswith("1 packets hold, up to number 4: ")
    assert checked.endswith("; those up to number 3 are erased, and certified\n")
    assert "erased 3 packets, up to number 3 with link " in said
    assert "3 from before" in said
    assert "NOT BELIEVED" not in said


def test_packets_that_somebody_else_removed_from_the_front_are_missed(tmp_path, clock) -> None:
    with kept_at(tmp_path / "p.db", clock) as kept:
        for number in range(9):
            kept.packet("ac-1", "in", "10.0.0.1", bytes([number]))
        kept.settle()
        link = next(each.link.hex() for each in packets.read(kept.path, kept.vault) if each.number == 4)
    db = apsw.Connection(str(kept.path))
    db.execute("DELETE FROM packet WHERE number <= 4")
    db.execute("INSERT OR REPLACE INTO about VALUES ('floor', '4'), ('floor_link', ?)", (link,))
    db.close()

    assert packets.check(kept.path).broken == 5


@pytest.mark.parametrize(("days", "rehearsal", "kept_for"), [(200, False, 200), (250, False, 250), (3, True, 3)])
def test_the_days_are_those_of_the_sessions(tmp_path, clock, days, rehearsal, kept_for) -> None:
    settings = Settings(city=City(rehearsal=rehearsal), data=Data(dir=tmp_path), retention=Retention(session_days=days))
    with Portal2(replace(settings, portal2=replace(settings.portal2, host="127.0.0.1", port=0)), clock) as gateway:
        assert gateway.journal._days == kept_for
        assert gateway.facts(0)[0].body["erased"] == 0


def test_what_goes_is_what_is_old_or_has_no_room_and_a_record_of_the_future_keeps_nobody() -> None:
    rows = [(1, 10, 0), (2, 999, 0), (3, 20, 0), (4, 60, 0), (5, 30, 0)]

    def upto(**wanted) -> tuple[int, int, int] | None:
        gone = erasure.cut(rows, **{"before_ms": 0, "now_ms": 100, "excess": 0, **wanted})
        return gone and (gone.upto, gone.packets, gone.aged)

    assert upto() is None
    assert upto(before_ms=50) == (3, 3, 2)
    assert upto(before_ms=15) == (1, 1, 1)
    assert upto(excess=1) == (1, 1, 0)
    assert upto(excess=4 * erasure.OVERHEAD) == (4, 4, 0)
    assert upto(before_ms=70, now_ms=1000) == (1, 1, 1)


# ---- sealed, and emptied on a wish
MAC, OTHER = "02:00:00:00:00:07", "02:00:00:00:00:08"


def said(kind: Type, address: str, mac: str = "") -> bytes:
    """Return a packet about an address, with the device's MAC if it names one."""
    attributes = ((Attribute.SESSION, bytes.fromhex(mac.replace(":", ""))),) if mac else ()
    return encode(Packet(type=kind, serial=7, request=9, user=address, attributes=attributes), b"secret")


def two_visits(kept: journal.Journal, clock) -> Trail:
    """Let two devices come and go; return the trail of the first."""
    for mac, address in ((MAC, "10.1.0.7"), (OTHER, "10.1.0.8")):
        kept.packet("ac-1", "in", "10.0.0.1", said(Type.ACK_INFO, address, mac))
        kept.packet("ac-1", "out", "10.0.0.1", said(Type.REQ_LOGOUT, address))
        kept.packet("ac-2", "out", "10.0.0.2", said(Type.REQ_LOGOUT, address))  # another place: another device's
    kept.settle()
    now_ms = clock.now_ms()
    stay = ("ac-1", "10.1.0.7", now_ms - 60_000, now_ms + 60_000)
    return Trail(whose=b"w" * 32, devices=frozenset({kept.vault.device(MAC)}), stays=(stay,), before_ms=now_ms + 1)


def test_no_packet_stands_in_clear_in_the_file_and_each_is_read_with_its_months_key(tmp_path, clock) -> None:
    with kept_at(tmp_path / "p.db", clock) as kept:
        two_visits(kept, clock)
        told = [each.octets for each in packets.read(kept.path, kept.vault)]
        disk = on_disk(kept.path)
        without = Vault(Periods(tmp_path / "nowhere"), bytes(32))
        dark = {(each.octets, each.judged) for each in packets.read(kept.path, without)}
        checked = packets.check(kept.path)

    assert told[0] == said(Type.ACK_INFO, "10.1.0.7", MAC)
    assert bytes.fromhex(MAC.replace(":", "")) not in disk
    assert bytes([10, 1, 0, 7]) not in disk
    assert dark == {(b"", "its month's key is gone")}
    assert (checked.packets, checked.broken) == (6, None), "the chain is verified without a key"


def test_a_wish_empties_the_packets_of_that_device_and_the_chain_still_holds(tmp_path, clock) -> None:
    with kept_at(tmp_path / "p.db", clock) as kept:
        trail = two_visits(kept, clock)
        before = [each.octets for each in packets.about(kept.path, kept.vault, trail)]
        sealed = {bytes(row[0]) for row in kept._db.execute("SELECT octets FROM packet WHERE number <= 2")}
        kept.forget([trail])
        kept.settle()
        kept.forget([trail])  # the next hour's round
        kept.settle()
        left = list(packets.read(kept.path, kept.vault))
        checked, disk = packets.check(kept.path), on_disk(kept.path)

    assert len(before) == 2
    assert [each.number for each in left if each.judged == "emptied on a wish"] == [1, 2]
    assert [bool(each.octets) for each in left] == [False, False, True, True, True, True, True]
    assert [(each.way, each.octets) for each in left[6:]] == [(packets.WISH, b"[[1,2]]")]
    assert not [each for each in sealed if each in disk], "neither file nor log holds the ciphertext"
    assert (checked.packets, checked.broken, checked.emptied) == (7, None, 2)


def stayed(kept: journal.Journal, mac: str, clock, *, since_s: int = 60) -> Trail:
    """Return the trail of a device that has had 10.1.0.7 for so long, and still has it by its record."""
    now_ms = clock.now_ms()
    stay = ("ac-1", "10.1.0.7", now_ms - since_s * 1000, now_ms + 60_000)
    devices = frozenset({kept.vault.device(mac)})
    return Trail(whose=mac.encode(), devices=devices, stays=(stay,), before_ms=now_ms + 1)


def test_who_had_an_address_before_is_neither_handed_nor_empties_the_packets_of_who_has_it_now(tmp_path, clock) -> None:
    """An address goes on while the last visitor's visit still runs: the next one's MAC and times were in the file."""
    arrived, asked, gone = said(Type.ACK_INFO, "10.1.0.7", OTHER), said(Type.REQ_AUTH, "10.1.0.7"), Type.NTF_LOGOUT
    with kept_at(tmp_path / "p.db", clock) as kept:
        for octets in (
            said(Type.ACK_INFO, "10.1.0.7", MAC),
            asked,
            arrived,
            asked,
            said(gone, "10.1.0.7", MAC),  # late: the controller has noticed that the first one went
            asked,
        ):
            kept.packet("ac-1", "in", "10.0.0.1", octets)
            clock.forward(1)
        kept.settle()
        first, second = stayed(kept, MAC, clock), stayed(kept, OTHER, clock)
        mine = [each.number for each in packets.about(kept.path, kept.vault, first)]
        others = [each.number for each in packets.about(kept.path, kept.vault, second)]
        kept.forget([first])
        kept.settle()
        emptied = [each.number for each in packets.read(kept.path, kept.vault) if each.judged == "emptied on a wish"]

    assert mine == emptied == [1, 2, 5]
    assert others == [3, 4, 6]


def test_the_question_who_has_an_address_is_about_whom_the_answer_names(tmp_path, clock) -> None:
    """Else the last visitor reads in their file when the next one came."""
    asked = said(Type.REQ_INFO, "10.1.0.7")
    with kept_at(tmp_path / "p.db", clock) as kept:
        for octets in (
            asked,
            asked,  # tried again
            said(Type.ACK_INFO, "10.1.0.7", MAC),
            asked,
            said(Type.ACK_INFO, "10.1.0.7", OTHER),
            asked,
            said(Type.ACK_INFO, "10.1.0.7", MAC),
            asked,  # and no answer: by who was there last
        ):
            kept.packet("ac-1", "in", "10.0.0.1", octets)
            clock.forward(1)
        kept.settle()
        clock.forward(packets.ANSWERED_MS / 1000)
        kept.packet("ac-1", "in", "10.0.0.1", said(Type.ACK_INFO, "10.1.0.7", OTHER))
        kept.settle()
        mine, others = (
            [each.number for each in packets.about(kept.path, kept.vault, stayed(kept, mac, clock))]
            for mac in (MAC, OTHER)
        )

    assert mine == [1, 2, 3, 6, 7, 8]
    assert others == [4, 5, 9]


def test_a_packet_that_is_not_believed_says_of_nobody_that_they_have_an_address(tmp_path, clock) -> None:
    with kept_at(tmp_path / "p.db", clock) as kept:
        kept.packet("ac-1", "in", "10.0.0.1", said(Type.ACK_INFO, "10.1.0.7", MAC))
        kept.packet("ac-1", "in", "10.9.9.9", said(Type.ACK_INFO, "10.1.0.7", OTHER), "not sealed with the secret")
        kept.packet("ac-1", "out", "10.0.0.1", said(Type.REQ_AUTH, "10.1.0.7"))
        kept.settle()
        mine = [each.number for each in packets.about(kept.path, kept.vault, stayed(kept, MAC, clock))]

    assert mine == [1, 3]


def test_who_had_an_address_before_a_visit_does_not_keep_its_packets(tmp_path, clock) -> None:
    with kept_at(tmp_path / "p.db", clock) as kept:
        kept.packet("ac-1", "in", "10.0.0.1", said(Type.ACK_INFO, "10.1.0.7", OTHER))
        kept.settle()
        clock.forward(3600)
        kept.packet("ac-1", "out", "10.0.0.1", said(Type.REQ_INFO, "10.1.0.7"))
        kept.settle()
        mine = [each.number for each in packets.about(kept.path, kept.vault, stayed(kept, MAC, clock))]

    assert mine == [2]


def test_what_is_held_of_one_is_found_without_a_look_at_each_packet_of_all(tmp_path, clock, monkeypatch) -> None:
    """Python would hold everybody else up for seconds: a file of 256 MB has some 700,000 packets."""
    with kept_at(tmp_path / "p.db", clock) as kept:
        for number in range(300):
            kept.packet("ac-1", "in", "10.0.0.1", said(Type.ACK_INFO, "10.1.0.9", f"02:00:00:00:01:{number % 256:02x}"))
        trail = two_visits(kept, clock)
        made = []
        monkeypatch.setattr(packets, "Row", lambda *values: made.append(values) or Row(*values))
        mine = [each.number for each in packets.about(kept.path, kept.vault, trail)]

    assert mine == [301, 302]
    assert len(made) == 2


def test_packets_after_a_wish_stay(tmp_path, clock) -> None:
    with kept_at(tmp_path / "p.db", clock) as kept:
        trail = two_visits(kept, clock)
        kept.forget([trail])
        kept.settle()
        clock.forward(10)
        kept.packet("ac-1", "in", "10.0.0.1", said(Type.ACK_INFO, "10.1.0.7", MAC))
        kept.settle()
        kept.forget([trail])
        kept.settle()

        assert [each.octets for each in packets.read(kept.path, kept.vault)][-1] != b""


@pytest.mark.parametrize(
    "wound",
    [
        "UPDATE packet SET octets = x'', period = 'emptied' WHERE number = 5",
        "UPDATE packet SET octets = x'00' WHERE number = 5",
        "UPDATE packet SET device = x'00' WHERE number = 5",
        "UPDATE packet SET seal = x'00' WHERE number = 5",
        "UPDATE packet SET period = '2020-01' WHERE number = 5",
        "UPDATE packet SET octets = x'5b5d' WHERE way = 'wish'",
        "DELETE FROM packet WHERE way = 'wish'",
    ],
)
def test_whoever_empties_or_alters_packets_without_a_certificate_is_told_of(tmp_path, clock, wound: str) -> None:
    with kept_at(tmp_path / "p.db", clock) as kept:
        kept.forget([two_visits(kept, clock)])
        kept.settle()
    db = apsw.Connection(str(kept.path))
    db.execute(wound)
    db.close()

    assert packets.check(kept.path).broken is not None


def test_seals_of_packets_are_known_without_opening_them(tmp_path, clock) -> None:
    with kept_at(tmp_path / "p.db", clock) as kept:
        octets = said(Type.NTF_LOGOUT, "10.1.0.7", MAC)
        kept.packet("ac-1", "in", "10.0.0.1", octets)
        kept.packet("ac-1", "in", "10.0.0.1", said(Type.ACK_INFO, "10.1.0.7", MAC))
        kept.settle()

        assert kept.seals("ac-1", [Type.NTF_LOGOUT], most=5) == [octets[16:32]]


def test_a_file_of_before_goes_on_with_its_chain_and_its_seals(tmp_path, clock) -> None:
    """Form 1 kept packets in clear: what stands there stays as it is until its time is over."""
    path, octets = tmp_path / "p.db", said(Type.NTF_LOGOUT, "10.1.0.7", MAC)
    db = apsw.Connection(str(path))
    db.execute(packets.FORMS[0] + "PRAGMA user_version = 1;").fetchall()
    old = packets.Kept(1, clock.now_ms(), "ac-1", "in", "10.0.0.1", octets, "")
    db.execute("INSERT INTO packet VALUES (1, ?, 'ac-1', 'in', '10.0.0.1', ?, '', ?)",
               (old.at_ms, octets, packets.link(packets.BEGINNING, old)))  # fmt: skip
    db.close()
    assert packets.check(path).packets == 1, "read before the portal has upgraded it"

    with kept_at(path, clock) as kept:
        kept.packet("ac-1", "in", "10.0.0.1", said(Type.NTF_LOGOUT, "10.1.0.8"))
        kept.settle()
        seals = kept.seals("ac-1", [Type.NTF_LOGOUT], most=5)

    assert len(seals) == 2
    assert seals[1] == octets[16:32]
    assert (packets.check(path).packets, packets.check(path).broken) == (2, None)
