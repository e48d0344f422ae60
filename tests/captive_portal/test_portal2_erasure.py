"""Packets name MACs and addresses in clear: they go by the clock of the records, and the chain says that they went."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import apsw
import pytest

from captive_portal.gateways.portal2 import Portal2
from captive_portal.portal2 import erasure, journal
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
    return journal.Journal(path, clock, cap_bytes=1 << 30, days=days)


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
            kept.packet("ac-1", "in", "10.0.0.1", TOLD + bytes([number]) * 400)
        kept.settle()
        clock.forward(100 * DAY_S)
        kept.packet("ac-1", "out", "10.0.0.1", b"of later")
        kept.settle()
        rounds(kept, clock)
        before = on_disk(kept.path).count(TOLD), kept.floor
        clock.forward(101 * DAY_S)
        rounds(kept, clock, 102)
        checked, left = journal.check(kept.path), list(journal.read(kept.path))
        after = on_disk(kept.path).count(TOLD), kept.floor

    assert before[0] >= 40
    assert before[1] == 0
    assert after == (0, 40)
    assert [each.octets for each in left if each.way != journal.ERASED] == [b"of later"]
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
    assert journal.check(kept.path) == journal.Checked(packets=head[0] - 1, head=head, erased=1)


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
        link = next(each.link.hex() for each in journal.read(kept.path) if each.number == 4)
    db = apsw.Connection(str(kept.path))
    db.execute("DELETE FROM packet WHERE number <= 4")
    db.execute("INSERT OR REPLACE INTO about VALUES ('floor', '4'), ('floor_link', ?)", (link,))
    db.close()

    assert journal.check(kept.path).broken == 5


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
