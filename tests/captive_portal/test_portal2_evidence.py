"""Every packet said with a controller is kept in a chain that holds, within its bound."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from captive_portal.model import Bounds
from captive_portal.portal2 import journal, packets
from captive_portal.portal2.vault import Vault
from captive_portal.records import cipher
from captive_portal.records.periods import Periods
from netops import sqlite

_spec = importlib.util.spec_from_file_location("portal2_world", Path(__file__).with_name("portal2_world.py"))
worlds = sys.modules.get("portal2_world") or importlib.util.module_from_spec(_spec)
if "portal2_world" not in sys.modules:
    sys.modules["portal2_world"] = worlds
    _spec.loader.exec_module(worlds)
MAC, ADDRESS, until = worlds.MAC, worlds.ADDRESS, worlds.until
HOUR = Bounds(seconds=3600)


@pytest.fixture
def world(tmp_path):
    with worlds.world(tmp_path) as made:
        yield made


def _kept(world) -> list[packets.Kept]:
    world.gateway.journal.settle()
    return list(packets.read(world.gateway.journal.path, world.gateway.journal.vault))


def test_every_packet_is_kept_in_a_chain(world) -> None:
    world.gateway.allow(world.client(), HOUR)
    kept = _kept(world)

    names = [(each.way, each.octets[1]) for each in kept]

    assert names == [("out", 1), ("in", 2), ("out", 3), ("in", 4), ("out", 7)]
    assert packets.check(world.gateway.journal.path) == packets.Checked(packets=5, head=world.gateway.journal.head)


def test_a_packet_that_is_changed_removed_or_slipped_in_is_found(world, tmp_path) -> None:
    import apsw

    world.gateway.allow(world.client(), HOUR)
    world.close()
    path = journal_path(world)
    for number, wound in enumerate(
        (
            "UPDATE packet SET octets = x'00' WHERE number = 3",
            "UPDATE packet SET at_ms = at_ms + 1 WHERE number = 2",
            "DELETE FROM packet WHERE number = 4",
            "UPDATE packet SET judged = 'forged' WHERE number = 3",
        )
    ):
        copy = tmp_path / f"wound{number}.db"
        source, target = apsw.Connection(str(path)), apsw.Connection(str(copy))
        with target.backup("main", source, "main") as backup:
            backup.step()
        target.execute(wound)
        target.close()
        source.close()

        assert packets.check(copy).broken is not None, wound


def journal_path(world) -> Path:
    from captive_portal.portal2.packets import journal_path as path

    return path(world.settings)


def test_the_journal_is_bounded_and_its_chain_still_holds(tmp_path) -> None:
    from netops.clock import SYSTEM

    with journal.Journal(
        tmp_path / "p.db", SYSTEM, vault=Vault(Periods(tmp_path / "keys"), bytes(32)), cap_bytes=95_000, days=9
    ) as kept:
        for _ in range(10):
            for _ in range(100):
                kept.packet("ac-1", "out", "10.0.0.1", bytes(60))
            kept.settle()
        checked = packets.check(kept.path)
        said = [each for each in packets.read(kept.path, kept.vault) if each.way == packets.ERASED]

    assert checked.broken is None
    assert checked.head[0] - checked.packets == checked.erased > 700
    assert 200 < checked.packets <= 300
    assert said


def test_a_flood_of_junk_is_counted_and_the_count_is_kept(tmp_path) -> None:
    from netops.clock import SYSTEM

    with journal.Journal(
        tmp_path / "p.db", SYSTEM, vault=Vault(Periods(tmp_path / "keys"), bytes(32)), cap_bytes=1 << 20, days=9
    ) as kept:
        for _ in range(5000):
            kept.packet("ac-1", "in", "10.0.0.1", b"junk", "no packet")
        missed = kept.missed
    told = [each.judged for each in packets.read(kept.path, kept.vault) if each.way == "missed"]

    assert missed >= 4800
    assert sum(int(each.split()[0]) for each in told) == missed


def test_a_full_disk_stops_no_login_and_the_chain_goes_on_afterwards(world, monkeypatch) -> None:
    monkeypatch.setattr(journal, "AGAIN_S", 0.05)
    monkeypatch.setattr(journal, "WAITING", 400)
    world.gateway.allow(world.client(), HOUR)
    kept = world.gateway.journal
    kept.settle()
    pages = kept._db.execute("PRAGMA page_count").get
    kept._db.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    for _ in range(600):
        kept.packet("ac-1", "in", "10.0.0.1", bytes(200))
    until(lambda: kept.wrong != "")

    world.gateway.revoke(world.client())
    world.gateway.allow(world.client(), HOUR)
    assert world.inside() == {ADDRESS: MAC}
    assert kept.waiting == 400, "memory is bounded"

    kept._db.execute("PRAGMA max_page_count = 1000000").fetchall()
    until(lambda: kept.wrong == "" and kept.waiting == 0)
    monkeypatch.setattr(journal, "MISSED_S", 0.0)
    until(lambda: kept._owed == {})
    kept.settle()

    def told() -> int:
        read = packets.read(kept.path, kept.vault)
        return sum(int(each.judged.split()[0]) for each in read if each.way == "missed")

    until(lambda: told() == kept.missed)
    assert packets.check(kept.path).broken is None
    assert kept.missed > 0
    assert [each.mac for each in kept.users("ac-1")] == [MAC]


def _journal(folder: Path) -> journal.Journal:
    from netops.clock import SYSTEM

    vault = Vault(Periods(folder / "keys"), bytes(32))
    return journal.Journal(folder / "p.db", SYSTEM, vault=vault, cap_bytes=1 << 30, days=9)


def _said_at_once(kept: journal.Journal, said: list[bytes]) -> None:
    with kept._turn:  # the writer sees all of them or none
        for octets in said:
            kept.packet("ac-1", "out", "10.0.0.1", octets)


def test_more_than_a_batch_is_written_without_a_pause_in_between(tmp_path, monkeypatch) -> None:
    """With one, the packets of a storm came faster than they were written, and then they were not kept."""
    monkeypatch.setattr(journal, "PAUSE_S", 60.0)
    with _journal(tmp_path) as kept:
        _said_at_once(kept, [bytes(60)] * 3 * journal.BATCH)
        kept.settle(20.0)
        waiting = kept.waiting

    assert waiting == 0


def test_a_batch_asks_the_random_source_once(tmp_path, monkeypatch) -> None:
    """Each question gives the interpreter's lock away: with one a packet, the threads of a storm outran the writer."""
    asked, draw = [], cipher.os.urandom
    with _journal(tmp_path) as kept:
        _said_at_once(kept, [bytes(60)])  # the month's key is made
        kept.settle()
        monkeypatch.setattr(cipher.os, "urandom", lambda count: asked.append(count) or draw(count))
        _said_at_once(kept, [bytes(60)] * 250)
        kept.settle()

    assert [count for count in asked if count] == [250 * cipher.NONCE]


@pytest.mark.parametrize("count", [1, journal.ROWS - 1, journal.ROWS, journal.ROWS + 1, 2 * journal.ROWS + 50])
def test_however_many_come_at_once_each_is_kept_in_order_under_a_nonce_of_its_own(tmp_path, count) -> None:
    said = [bytes(56) + number.to_bytes(4, "big") for number in range(count)]
    with _journal(tmp_path) as kept:
        _said_at_once(kept, said)
        kept.settle()
        held = [each.octets for each in packets.read(kept.path, kept.vault)]
        file = packets._opened(kept.path)
        nonces = {row.octets[: cipher.NONCE] for row in packets._rows(file, 0, "")}
        sqlite.close(file)
        checked = packets.check(kept.path)

    assert held == said
    assert len(nonces) == count
    assert (checked.packets, checked.broken) == (count, None)
