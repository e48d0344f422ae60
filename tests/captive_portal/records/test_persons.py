"""The store of persons: durable, sealed by the month, found by a keyed hash, gone with the key."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from captive_portal import keys
from captive_portal.errors import RecordsError
from captive_portal.model import Client
from captive_portal.portal2.vault import Vault
from captive_portal.records import cipher, periods, tables
from captive_portal.records.persons import Kind, Persons
from captive_portal.records.tables import PERIOD, PERSON
from netops.clock import to_ms, utc

PHONE = "+8613800138000"
MONTH_S = 31 * 86_400


@pytest.fixture
def persons(settings, clock):
    with Persons(settings, clock) as opened:
        yield opened


def rows(persons) -> list:
    with persons.database.read() as connection:
        return list(connection.execute(sa.select(PERSON).order_by(PERSON.c.period)))


def test_what_was_kept_is_opened_again_after_a_restart(settings, clock) -> None:
    with Persons(settings, clock) as first:
        hash_ = first.keep(Kind.PHONE, PHONE)

    with Persons(settings, clock) as second:
        known = second.opened(hash_)

    assert known is not None
    assert (known.kind, known.value, known.period) == (Kind.PHONE, PHONE, periods.month(clock.now_ms()))


def test_neither_file_nor_text_shows_the_number(persons, settings, caplog) -> None:
    caplog.set_level("DEBUG")
    known = persons.opened(persons.keep(Kind.PHONE, PHONE))

    stored = b"".join(file.read_bytes() for file in settings.data.dir.rglob("*") if file.is_file())
    assert PHONE.encode() not in stored
    assert PHONE[1:].encode() not in stored
    assert PHONE not in repr(known) + repr(persons.periods) + caplog.text


def test_the_same_value_is_one_hash_and_one_row_a_month_and_kinds_are_apart(persons) -> None:
    first, again = persons.keep("phone", PHONE), persons.keep("phone", PHONE)
    account = persons.keep("account", PHONE)

    assert first == again != account
    assert len(rows(persons)) == 2


def test_a_device_has_the_hash_that_sessions_are_joined_by(persons, settings) -> None:
    mac = "02:00:00:00:00:01"

    assert persons.keep(Kind.DEVICE, mac) == keys.identity(
        keys.identity_key(settings), Client(mac=mac, interface="simulated")
    )


def test_a_kind_that_nobody_knows_is_refused(persons) -> None:
    with pytest.raises(ValueError, match="passport"):
        persons.keep("passport", "E12345678")


def test_who_comes_back_in_another_month_is_sealed_again_from_the_hash_alone(persons, clock) -> None:
    hash_ = persons.keep(Kind.PHONE, PHONE)
    clock.forward(MONTH_S)

    assert persons.renew(hash_)
    assert [row.period for row in rows(persons)] == ["2026-09", "2026-10"]
    assert not persons.renew(b"\1" * 32)


def test_many_are_sealed_again_together_and_one_that_does_not_open_costs_the_others_nothing(
    persons, clock, monkeypatch
) -> None:
    monkeypatch.setattr("captive_portal.records.persons.TOGETHER", 2)
    hashes = [persons.keep(Kind.PHONE, f"{PHONE[:-1]}{number}") for number in range(6)]
    with persons.database.write() as connection:
        connection.execute(sa.update(PERSON).where(PERSON.c.hash == hashes[1]).values(sealed=b"x" * 45))
    clock.forward(MONTH_S)

    assert persons.renew_all([b"\1" * 32, *hashes]) == 5
    assert persons.renew_all(hashes) == 0
    assert [row.hash for row in rows(persons) if row.period == "2026-10"] == [
        row.hash for row in rows(persons) if row.period == "2026-09" and row.hash != hashes[1]
    ]


def test_nobody_is_passed_over_in_silence_where_the_months_key_cannot_be_made(persons, clock, settings) -> None:
    hash_ = persons.keep(Kind.PHONE, PHONE)
    clock.forward(MONTH_S)
    (tables.keys(settings) / "2026-10.key").mkdir()

    with pytest.raises(RecordsError, match="cannot be"):
        persons.renew_all([hash_])


def test_a_destroyed_key_ends_what_it_sealed_and_nothing_else(persons, clock, settings) -> None:
    hash_ = persons.keep(Kind.PHONE, PHONE)
    once = persons.keep(Kind.PHONE, "+8613900139000")
    clock.forward(MONTH_S)
    persons.renew(hash_)

    assert persons.periods.destroy("2026-09")
    assert not persons.periods.destroy("2026-09")
    assert persons.opened(once) is None
    assert persons.opened(hash_).value == PHONE
    assert not (tables.keys(settings) / "2026-09.key").exists()


def test_which_key_sealed_a_month_is_known_by_its_digest(persons) -> None:
    persons.keep(Kind.PHONE, PHONE)

    with persons.database.read() as connection:
        (row,) = connection.execute(sa.select(PERIOD))
    assert row.key == persons.periods.digest(row.period)


@pytest.mark.parametrize("column", ["hash", "period", "kind", "sealed"])
def test_a_row_that_was_altered_or_moved_does_not_open(persons, clock, column) -> None:
    hash_ = persons.keep(Kind.PHONE, PHONE)
    clock.forward(MONTH_S)
    other = persons.keep(Kind.PHONE, "+8613900139000")
    swap = {"hash": b"\1" * 32, "period": "2026-10", "kind": "account", "sealed": rows(persons)[1].sealed}
    with persons.database.write() as connection:
        changed = sa.update(PERSON).where(PERSON.c.hash == hash_).values({column: swap[column]})
        connection.execute(changed)

    with pytest.raises(RecordsError, match="does not open"):
        persons.opened(b"\1" * 32 if column == "hash" else hash_)
    assert persons.opened(other).value == "+8613900139000"


def test_a_clock_that_steps_back_seals_with_the_newest_key(persons, clock) -> None:
    persons.keep(Kind.PHONE, PHONE)
    clock.forward(-2 * MONTH_S)
    persons.keep(Kind.PHONE, "+8613900139000")

    assert {row.period for row in rows(persons)} == {"2026-09"}


@pytest.mark.parametrize("period", ["2026-13", "../x", "2026-1", "", "2026-01\n", "２０２６-01"])
def test_a_name_that_is_no_month_is_no_file(persons, period) -> None:
    with pytest.raises(RecordsError, match="no month"):
        persons.periods.key(period)


def test_a_month_ends_where_the_next_one_begins() -> None:
    for text in ("2026-02", "2028-02", "2026-12"):
        end = periods.ends_ms(text)

        assert periods.month(end - 1) == text < periods.month(end)
        assert to_ms(utc(end)) == end


def test_key_files_are_for_their_owner_alone(persons, settings) -> None:
    persons.keep(Kind.PHONE, PHONE)
    (file,) = tables.keys(settings).glob("*")

    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o027 == 0


def test_nothing_is_kept_where_the_key_cannot_be_made(settings, clock) -> None:
    folder = tables.keys(settings)
    folder.parent.mkdir()
    folder.write_text("a file where a directory should be")

    with Persons(settings, clock) as persons, pytest.raises(RecordsError, match="nothing was sealed"):
        persons.keep(Kind.PHONE, PHONE)


def test_a_key_that_is_destroyed_is_in_nobodys_memory(tmp_path, clock) -> None:
    """The portal has a second reader of the same keys, for its packets; and expanded keys are kept, too."""
    first, second = periods.Periods(tmp_path / "keys"), periods.Periods(tmp_path / "keys")
    vault = Vault(second, bytes(32))
    month, sealed = vault.seal(b"a packet", b"row", clock.now_ms(), cipher.nonces(1)[0])
    assert vault.open(month, sealed, b"row") == b"a packet"
    key = first.key(month)

    assert first.destroy(month)

    assert vault.open(month, sealed, b"row") is None
    assert cipher._expanded.cache_info().currsize == 0
    for each in (first, second):
        with pytest.raises(RecordsError, match="is not there"):
            each.key(month)
        assert key not in each._known.values()
