"""The two clocks: nothing goes before the law allows it, nothing stays beyond, and every erasure is certified."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import sqlalchemy as sa

from captive_portal.errors import PortalError
from captive_portal.records import chain, checks, keeper, retention, subject, tables, verify
from captive_portal.records.tables import PERIOD, PERSON
from captive_portal.tables import ADDRESS, BATCH, CONSENT, HOLDER, SESSION, VOUCHER
from netops import facts, spool
from netops.config import City, Retention

PHONE = "+8613800138000"


def kept(office) -> int:
    return sum(each.body is not None for each in office.entries() if each.kind not in chain.CERTIFICATES)


def stated(office, kind: str) -> list[dict]:
    path = office.house.settings.data.dir / "spool" / "portal.db"
    every = [facts.decode(entry.payload) for entry in spool.read(path, after=0, limit=1000)]
    return [dict(each.body) for each in every if each.kind == kind]


def test_what_ended_long_ago_goes_and_what_is_newer_stays(office) -> None:
    office.visit(1, PHONE)
    office.forward(100)
    office.visit(2, PHONE)
    office.forward(101)
    office.settle()

    (row,) = office.rows(SESSION)
    assert len(office.rows(ADDRESS)) == len(office.rows(CONSENT)) == 1
    assert kept(office) == 2
    assert [each.kind for each in office.entries() if each.body is None] == [chain.OPENED, chain.ENDED]
    assert row.since_ms > office.now_ms - 200 * retention.DAY_MS


def test_a_live_session_is_never_deleted_and_its_person_stays_known(office) -> None:
    session = office.visit(1, PHONE, ended=False)
    person = session.grant.person
    for _ in range(9):
        office.forward(30)
        office.settle()

    assert [row.id for row in office.rows(SESSION)] == [session.id]
    assert office.persons.opened(person).value == PHONE


def test_an_erasure_is_an_entry_and_a_fact_that_name_nobody(office) -> None:
    office.visit(1, PHONE)
    office.forward(300)
    office.settle()

    (certificate,) = [each for each in office.entries() if each.kind == chain.ERASED]
    body = json.loads(certificate.body)
    assert (body["numbers"], body["entries"], body["why"]) == ([[1, 2]], 2, "retention")
    (erased,) = [each for each in stated(office, "records_erased") if each["why"] == "retention"]
    assert (erased["entries"], erased["certificates"]) == (2, 1)


def test_a_months_key_goes_with_its_rows_and_is_certified_once(office) -> None:
    office.visit(1, PHONE)
    digest = office.persons.periods.digest("2026-09")
    office.forward(300)
    office.settle()

    assert office.persons.periods.names() == ()
    with office.persons.database.read() as connection:
        (row,) = connection.execute(sa.select(PERIOD))
        assert connection.execute(sa.select(PERSON)).all() == []
    assert (row.key, row.rows) == (digest, 2)
    assert [json.loads(each.body)["key"] for each in office.entries() if each.kind == chain.DESTROYED] == [digest]
    (told,) = [each for each in stated(office, "records_erased") if each["why"] == "key"]
    assert (told["period"], told["key"], told["rows"]) == ("2026-09", digest, 2)


def test_the_month_stays_until_its_last_day_is_old_enough(office) -> None:
    office.visit(1, PHONE)  # 2026-09-21
    office.forward(205)
    office.settle()

    assert office.rows(SESSION) == []
    assert office.persons.periods.names() == ("2026-09",)


@pytest.mark.parametrize("step", ["rows", "destroy", "delete", "certify", "note"])
def test_a_crash_within_the_end_of_a_key_is_taken_up_again(office, monkeypatch, step) -> None:
    office.visit(1, PHONE)
    office.forward(300)

    def crash(*_: object) -> None:
        raise PortalError("killed")

    reached = {"rows": 1, "delete": 2, "note": 3}.get(step)
    if step == "destroy":
        monkeypatch.setattr(type(office.persons.periods), "destroy", crash)
    elif step == "certify":
        monkeypatch.setattr(retention, "_certify", crash)
    else:
        write, calls = office.persons.database.write, []

        def counted(**words: str):
            calls.append(1)
            return crash() if len(calls) == reached else write(**words)

        monkeypatch.setattr(office.persons.database, "write", counted)
    with pytest.raises(PortalError, match="killed"):
        retention._destroy(office.store, office.persons, "2026-09", office.now_ms)
    monkeypatch.undo()
    found = verify.Verified()
    verify.persons(found, office.persons)
    assert found.problems == [], "an end that is under way is no alteration"
    office.settle()

    assert office.persons.periods.names() == ()
    assert len([each for each in office.entries() if each.kind == chain.DESTROYED]) == 1
    with office.persons.database.read() as connection:
        assert connection.execute(sa.select(PERSON)).all() == []


def test_a_clock_that_jumps_ahead_erases_a_day_an_hour_and_no_more(office) -> None:
    for _ in range(10):
        office.visit(1, PHONE)
        office.forward(2)
    office.keeper.round(office.now_ms)
    office.forward(3650)
    for _ in range(3):
        office.keeper.round(office.now_ms)
    office.forward(-3650)
    office.keeper.round(office.now_ms)

    assert len(office.rows(SESSION)) == 10


def test_the_horizon_catches_up_after_a_long_stop(office) -> None:
    short = replace(office.keeper, settings=replace(office.house.settings, retention=Retention(session_days=5)))
    office.visit(1)
    short.round(office.now_ms)
    office.forward(15)
    rounds = 0
    while office.rows(SESSION):
        short.round(office.now_ms)
        rounds += 1

    assert rounds == 6


def test_the_law_holds_where_the_settings_say_less(office) -> None:
    real = replace(office.house.settings, city=City(), retention=Retention(session_days=10, law_days=1))

    assert retention.keep_days(real) == 184
    assert retention.keep_days(replace(real, city=City(rehearsal=True))) == 10


def test_settings_below_the_law_erase_nothing_by_the_clock_nor_on_a_wish(office) -> None:
    """`netops check` says that they are wrong; until somebody reads it the records stay."""
    real = replace(office.house.settings, city=City(), retention=Retention(session_days=1, law_days=1))
    short = replace(office.keeper, settings=real)
    session = office.visit(1, PHONE)
    person = session.grant.person
    short.round(office.now_ms)
    for _ in range(183):
        office.forward(1)
        short.round(office.now_ms)
    wished = subject.wish(office.store, office.persons, person, settings=real, by="x", now_ms=office.now_ms)

    assert (wished.now, wished.kept) == (0, 1)
    assert wished.until_ms == session.since_ms + 184 * retention.DAY_MS
    assert kept(office) == 2


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (Retention(), ""),
        (Retention(law_days=30), "no six months"),
        (Retention(session_days=100), "law's minimum"),
        (Retention(session_days=350), "privacy maximum"),
    ],
)
def test_two_clocks_that_cannot_both_be_kept_are_a_problem(office, days, said) -> None:
    found = checks.check(replace(office.house.settings, city=City(), retention=days))

    assert [said in each.what for each in found] == ([True] if said else [])


def test_the_head_is_stated_once_for_each_state_of_the_chain(office) -> None:
    office.visit(1)
    office.keeper.round(office.now_ms)
    office.keeper.round(office.now_ms)

    (head,) = stated(office, "portal_records")
    assert (head["entries"], head["head"]) == (2, office.entries()[-1].head.hex())


def test_a_crash_after_the_fact_states_the_same_again(office, monkeypatch) -> None:
    office.visit(1)
    monkeypatch.setattr(keeper.retention, "note", lambda *_: (_ for _ in ()).throw(PortalError("killed")))
    with pytest.raises(PortalError, match="killed"):
        office.keeper.state(office.now_ms)
    monkeypatch.undo()
    office.keeper.state(office.now_ms)

    first, second = stated(office, "portal_records")
    assert first == second


def test_much_is_erased_in_small_pieces(office, monkeypatch) -> None:
    monkeypatch.setattr(retention, "SLICE", 4)
    for number in range(1, 8):
        office.visit(number)
    office.forward(300)
    batches = office.store.batches[0]
    office.settle()

    assert office.rows(SESSION) == []
    assert kept(office) == 0
    assert len([each for each in office.entries() if each.kind == chain.ERASED]) == 4
    assert office.store.batches[0] > batches + 4


def test_the_keys_folder_is_not_beside_the_database_alone(office) -> None:
    assert tables.keys(office.house.settings).parent != office.house.settings.data.dir


def test_a_crash_between_entries_and_sessions_leaves_records_that_verify(office, monkeypatch) -> None:
    """Found by kill -9 (seed 77, life 11): sessions went first, and their entries then named nothing."""
    office.visit(1, PHONE)
    office.forward(300)
    office.visit(2, PHONE)
    for name in ("_sessions", "_entries"):
        monkeypatch.setattr(retention, name, lambda *_: (_ for _ in ()).throw(PortalError("killed")))
        with pytest.raises(PortalError, match="killed"):
            office.settle()
        assert office.store.read(lambda connection: verify.verify(connection, {}, now_ms=office.now_ms)).problems == []
        monkeypatch.undo()


def test_an_entry_that_is_older_than_the_one_before_it_goes_first(office) -> None:
    """The clock had stepped back."""
    office.visit(1)
    office.forward(-10)
    office.visit(2)
    office.forward(203)
    office.settle()

    assert len(office.rows(SESSION)) == 1
    assert [each.n for each in office.entries() if each.body is None] == [3, 4]
    assert office.store.read(lambda connection: verify.verify(connection, {}, now_ms=office.now_ms)).problems == []


def test_who_used_a_voucher_is_forgotten_with_the_sessions_and_the_voucher_stays(office, monkeypatch) -> None:
    monkeypatch.setattr(retention, "SLICE", 2)

    def make(connection: sa.Connection) -> None:
        batch = {"label": "", "made_ms": 0, "made_by": "x", "minutes": 60, "devices": 1, "single_use": False}
        connection.execute(sa.insert(BATCH), {"id": "b", **batch, "start_by_ms": 0})
        for number, until_ms in ((1, office.now_ms + 5), (2, office.now_ms + 250 * retention.DAY_MS)):
            voucher = {"hash": bytes([number]) * 32, "batch": "b", "first_ms": office.now_ms, "until_ms": until_ms}
            connection.execute(sa.insert(VOUCHER), voucher)
            held = {"voucher": bytes([number]) * 32, "since_ms": office.now_ms}
            devices = range(5 if number == 1 else 1)
            connection.execute(sa.insert(HOLDER), [{**held, "identity": bytes([each]) * 32} for each in devices])

    office.store.write(make)
    office.forward(210)
    office.settle()

    assert [row.voucher[0] for row in office.rows(HOLDER)] == [2]
    assert len(office.rows(VOUCHER)) == 2


def test_what_is_erased_is_not_in_the_files_any_more(office) -> None:
    """A deleted row stays in a free page of SQLite until that is used again; found by reading the file."""
    session = office.visit(1, PHONE)
    person, device = session.grant.person, office.persons.hashed("device", session.client.mac)
    folder = office.house.settings.data.dir
    marks = (session.id.encode(), person, person.hex().encode(), device)
    before = (folder / "portal.db").read_bytes()
    assert all(mark in before for mark in marks)

    office.forward(300)
    office.settle()

    after = (folder / "portal.db").read_bytes() + (folder / "persons.db").read_bytes()
    assert [mark for mark in marks if mark in after] == []
