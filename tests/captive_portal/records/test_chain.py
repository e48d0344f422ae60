"""The chain: every session has its entries, in the transaction of its record, each bound to all before."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from captive_portal.errors import PortalError
from captive_portal.records import chain
from captive_portal.tables import RECORD, SESSION

PHONE = "+8613800138000"


def test_a_visit_is_two_entries_that_say_who_where_how_and_what_was_agreed(office) -> None:
    session = office.visit(1, PHONE)

    opened, ended = office.entries()
    body = json.loads(opened.body)
    assert (opened.kind, ended.kind) == (chain.OPENED, chain.ENDED)
    assert (body["session"], body["site"], body["method"]) == (session.id, "site-1", "numbers")
    assert body["person"] == office.persons.hashed("phone", PHONE).hex()
    assert body["device"] == office.persons.hashed("device", "02:00:00:00:00:01").hex()
    assert (body["addresses"], body["consent"]["terms"]) == (["127.0.0.1"], "2")
    assert json.loads(ended.body)["end"] == "logout"


def test_neither_number_nor_mac_stands_in_an_entry(office) -> None:
    office.visit(1, PHONE)

    text = " ".join(each.body for each in office.entries())
    assert PHONE[3:] not in text
    assert "02:00:00" not in text


def test_a_further_address_is_an_entry(office) -> None:
    session = office.visit(1, ended=False)
    office.desk.returning(session.client.at("fd77::5"))

    widened = office.entries()[-1]
    assert (widened.kind, json.loads(widened.body)["addresses"]) == (chain.WIDENED, ["fd77::5"])


def test_heads_follow_from_one_another(office) -> None:
    for number in range(1, 6):
        office.visit(number)

    before = chain.GENESIS
    for number, row in enumerate(office.entries(), 1):
        before = chain.head(before, chain.digest(row.n, row.at_ms, row.kind, row.body.encode()))
        assert (row.n, row.head) == (number, before)


def test_an_entry_that_cannot_be_written_takes_the_session_with_it(office, monkeypatch) -> None:
    monkeypatch.setattr(chain, "append", lambda *_: (_ for _ in ()).throw(PortalError("no entry")))

    with pytest.raises(PortalError, match="no_record"):
        office.visit(1)

    assert office.rows(SESSION) == office.entries() == []
    assert office.house.gateway.admitted() == []


def test_who_stands_nowhere_is_not_let_in(office) -> None:
    keep = office.persons.keep
    office.persons.keep = lambda kind, value: keep(kind, value) if kind == "device" else b"\1" * 32

    with pytest.raises(PortalError, match="no_record"):
        office.visit(1, PHONE)

    assert office.rows(SESSION) == []


def test_two_writers_append_one_after_the_other(office) -> None:
    from captive_portal import tables
    from inventory.sql import Database

    office.visit(1)
    with Database(tables.url(office.house.settings)) as other, other.write() as connection:
        chain.append(connection, [chain.Entry(kind=chain.ERASED, at_ms=office.now_ms, body={"entries": 0})])
    office.visit(2)

    assert [row.n for row in office.entries()] == [1, 2, 3, 4, 5]


def test_the_newest_is_found_without_a_look_at_the_others(office) -> None:
    office.visit(1)
    wanted = sa.select(RECORD.c.n, RECORD.c.head).order_by(RECORD.c.n.desc()).limit(1)
    words = sa.text(f"EXPLAIN QUERY PLAN {wanted.compile(compile_kwargs={'literal_binds': True})}")
    plan = office.store.read(lambda connection: str(connection.execute(words).all()))

    assert "TEMP B-TREE" not in plan
