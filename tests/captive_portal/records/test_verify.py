"""The verification: sound records pass, and every way of altering them is named."""

from __future__ import annotations

import json
import os
import random
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from captive_portal import tables
from captive_portal.records import chain, retention, verify
from captive_portal.records.persons import Persons
from captive_portal.records.tables import PERSON
from captive_portal.tables import ADDRESS, CONSENT, RECORD, SESSION
from inventory.sql import Database
from netops.config import City, Retention

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = max(1, int(os.environ.get("NETOPS_ROUNDS", "3")))

PHONE = "+8613800138000"


@dataclass
class Copy:
    """The databases of an office after a few visits, one erasure and one session that goes on."""

    database: Database
    settings: Any
    now_ms: int

    def look(self, heads: dict[int, str] | None = None) -> verify.Verified:
        with self.database.read() as connection:
            return verify.verify(connection, heads or {}, now_ms=self.now_ms)

    def change(self, *statements: Any) -> None:
        with self.database.write() as connection:
            for each in statements:
                connection.execute(each)

    def entries(self) -> list[Any]:
        with self.database.read() as connection:
            return list(connection.execute(sa.select(RECORD).order_by(RECORD.c.n)))


@pytest.fixture(scope="module")
def original(tmp_path_factory, city_settings, standing, house_of, office_of) -> Path:
    folder = tmp_path_factory.mktemp("original")
    with house_of(city_settings(folder), standing()) as house:
        office = office_of(house)
        office.visit(1, PHONE)
        office.forward(250)
        office.settle()
        for number in range(2, 6):
            office.visit(number, PHONE if number % 2 else "")
        going = office.visit(9, ended=False)
        office.forward(0.01)
        office.desk.visits.see(going, ("127.0.9.9",))
        office.forward(0.01)
        (folder / "now").write_text(str(office.now_ms))
    return folder


@pytest.fixture
def busy(original, tmp_path, settings):
    shutil.copytree(original, tmp_path, dirs_exist_ok=True)
    with Database(tables.url(settings)) as database:
        yield Copy(database, settings, int((tmp_path / "now").read_text()))


def test_sound_records_pass(busy) -> None:
    found = busy.look()

    assert found.problems == []
    assert (found.entries, found.erased, found.sessions) == (14, 2, 5)
    assert found.head == busy.entries()[-1].head


def test_the_ledgers_head_of_the_newest_entry_is_met(busy) -> None:
    found = busy.look({each.n: each.head.hex() for each in busy.entries()})

    assert (found.problems, found.anchored) == ([], found.entries)


_SECOND = sa.select(sa.func.min(SESSION.c.id)).scalar_subquery()
ALTERATIONS = {
    "an entry's body": (
        [sa.update(RECORD).where(RECORD.c.n == 8).values(body='{"session":"x"}')],
        "entry 8: its content",
    ),
    "an entry's time": ([sa.update(RECORD).where(RECORD.c.n == 8).values(at_ms=1)], "entry 8: its content"),
    "an entry's kind": ([sa.update(RECORD).where(RECORD.c.n == 8).values(kind="widened")], "entry 8: its content"),
    "a digest": ([sa.update(RECORD).where(RECORD.c.n == 8).values(digest=b"\1" * 32)], "entry 8: its content"),
    "a head": ([sa.update(RECORD).where(RECORD.c.n == 8).values(head=b"\1" * 32)], "entry 8: its head"),
    "a missing entry": ([sa.delete(RECORD).where(RECORD.c.n == 8)], "entry 8 is missing"),
    "an erasure by hand": ([sa.update(RECORD).where(RECORD.c.n == 8).values(body=None)], "no certificate says so"),
    "a certificate erased": (
        [sa.update(RECORD).where(RECORD.c.kind == chain.ERASED).values(body=None)],
        "a certificate without its body",
    ),
    "a session moved": ([sa.update(SESSION).where(SESSION.c.id == _SECOND).values(site="x")], "'site' is not"),
    "another device": (
        [sa.update(SESSION).where(SESSION.c.id == _SECOND).values(identity=b"\1" * 32)],
        "'identity' is not",
    ),
    "another person": (
        [sa.update(SESSION).where(SESSION.c.id == _SECOND).values(person=b"\1" * 32)],
        "'person' is not",
    ),
    "another time": ([sa.update(SESSION).where(SESSION.c.id == _SECOND).values(since_ms=1)], "'since_ms' is not"),
    "another end": (
        [sa.update(SESSION).where(SESSION.c.end.is_not(None)).values(octets_up=5)],
        "its end is not",
    ),
    "a session deleted": ([sa.delete(SESSION).where(SESSION.c.id == _SECOND)], "is not in the table"),
    "an address deleted": ([sa.delete(ADDRESS)], "'addresses' is not"),
    "a consent altered": ([sa.update(CONSENT).values(terms="0")], "'consent' is not"),
    "a consent to another text": ([sa.update(CONSENT).values(digest="1" * 64)], "whose text is not here"),
    "an address put in": (
        [
            sa.insert(ADDRESS).from_select(
                ["session", "address", "since_ms"],
                sa.select(SESSION.c.id, sa.literal("127.9.9.9"), SESSION.c.since_ms).where(SESSION.c.id == _SECOND),
            )
        ],
        "'addresses' is not",
    ),
    "an address of another time": (
        [sa.update(ADDRESS).where(ADDRESS.c.session == _SECOND).values(since_ms=ADDRESS.c.since_ms + 5)],
        "'addresses' is not",
    ),
    "a later address of another time": (
        [sa.update(ADDRESS).where(ADDRESS.c.address == "127.0.9.9").values(since_ms=ADDRESS.c.since_ms - 5)],
        "'addresses' is not",
    ),
    "another grant": (
        [sa.update(SESSION).where(SESSION.c.id == _SECOND).values(until_ms=SESSION.c.until_ms + 5)],
        "'until_ms' is not",
    ),
    "a later end": (
        [sa.update(SESSION).where(SESSION.c.end.is_not(None)).values(ended_ms=SESSION.c.ended_ms + 9_000_000)],
        "its end is not",
    ),
    "online at another time": (
        [sa.update(SESSION).where(SESSION.c.end.is_not(None)).values(online_ms=None)],
        "its end is not",
    ),
    "a consent of another time": (
        [sa.update(CONSENT).where(CONSENT.c.session == _SECOND).values(at_ms=CONSENT.c.at_ms - 5)],
        "'consent' is not",
    ),
    "a live session closed": (
        [sa.update(SESSION).where(SESSION.c.end.is_(None)).values(ended_ms=SESSION.c.since_ms + 1, end="expired")],
        "no entry says so",
    ),
    "an ended session opened": (
        [sa.update(SESSION).where(SESSION.c.end.is_not(None)).values(ended_ms=None, end=None)],
        "its end is not",
    ),
    "a session without an entry": (
        [
            sa.insert(SESSION).from_select(
                [each.name for each in SESSION.columns],
                sa.select(*(sa.literal("f" * 24) if c.name == "id" else c for c in SESSION.columns)).where(
                    SESSION.c.id == _SECOND
                ),
            )
        ],
        "without an entry",
    ),
}


@pytest.mark.parametrize("name", ALTERATIONS)
def test_every_alteration_is_named(busy, name) -> None:
    statements, said = ALTERATIONS[name]
    busy.change(*statements)

    assert [each for each in busy.look().problems if said in each]


def erase(busy, number: int, why: dict[str, Any], at_ms: int) -> None:
    """Erase a session with its entries as our own code does, and a certificate that says `why`."""
    with busy.database.write() as connection:
        body = json.loads(connection.execute(sa.select(RECORD.c.body).where(RECORD.c.n == number)).scalar())
        retention.delete_sessions(connection, [body["session"]])
        own = sa.select(RECORD.c.n).where(RECORD.c.body.contains(body["session"])).order_by(RECORD.c.n)
        retention.erase_entries(connection, list(connection.execute(own).scalars()), why, at_ms)


LAW_MS = 184 * retention.DAY_MS


@pytest.mark.parametrize(
    ("why", "before_ms", "at_ms"),
    [
        ("wish", -400 * retention.DAY_MS, 0),
        ("wish", 1, 0),
        ("retention", 1, 0),
        ("retention", 1, LAW_MS + 1),  # written in a time to come
    ],
)
def test_no_certificate_erases_what_the_law_still_keeps(busy, why, before_ms, at_ms) -> None:
    erase(busy, 5, {"why": why, "before_ms": busy.now_ms + before_ms, "sessions": 1}, busy.now_ms + at_ms)

    assert [each for each in busy.look().problems if "no certificate says so that the law allows" in each]


@pytest.mark.parametrize("why", ["wish", "retention"])
def test_a_certificate_holds_once_the_law_lets_go(busy, why) -> None:
    began_ms = busy.entries()[4].at_ms
    busy.now_ms += LAW_MS + retention.DAY_MS
    erase(busy, 5, {"why": why, "before_ms": began_ms + retention.DAY_MS // 2, "sessions": 1}, busy.now_ms)

    assert busy.look().problems == []


def test_in_a_rehearsal_the_settings_say_what_the_law_is(settings) -> None:
    short = replace(settings, retention=Retention(session_days=9, law_days=1))

    assert verify.law_days(short) == 1
    assert verify.law_days(replace(short, city=City())) == 184


@pytest.mark.parametrize("body", ["{}", "[]", '{"session":1}', '{"numbers":[[1]],"why":"wish","before_ms":5}', "x"])
@pytest.mark.parametrize("kind", ["opened", "widened", "ended", "erased"])
def test_an_entry_of_another_shape_is_a_finding_and_no_traceback(busy, kind, body) -> None:
    last = busy.entries()[-1]
    own = chain.digest(last.n + 1, last.at_ms, kind, body.encode())
    row = {"n": last.n + 1, "at_ms": last.at_ms, "kind": kind, "body": body, "digest": own}
    busy.change(sa.insert(RECORD).values(**row, head=chain.head(last.head, own)))

    assert [each for each in busy.look().problems if f"entry {last.n + 1}: its content is not what" in each]


def test_what_a_session_did_after_its_beginning_was_erased_is_still_compared(busy) -> None:
    """The horizon passes through the middle of a visit: what is left of its entries still counts."""
    opened, ended = (each for each in busy.entries() if each.n in {5, 6})
    id_ = json.loads(ended.body)["session"]
    before_ms, busy.now_ms = opened.at_ms + 1, opened.at_ms + LAW_MS + 1

    def at(at_ms: int) -> None:
        busy.change(sa.update(SESSION).where(SESSION.c.id == id_).values(ended_ms=at_ms))

    def widen(connection: Any) -> None:
        connection.execute(sa.insert(ADDRESS).values(session=id_, address="127.9.9.9", since_ms=before_ms + 1))

    with busy.database.write() as connection:
        retention.erase_entries(connection, [5], {"why": "retention", "before_ms": before_ms}, busy.now_ms)
    found = busy.look()
    assert [each for each in found.problems if id_ in each] == []
    at(ended.at_ms + 7)
    with busy.database.write() as connection:
        widen(connection)

    told = [each for each in busy.look().problems if id_ in each]
    assert ["its end" in each or "'addresses'" in each for each in told] == [True, True]


def test_a_chain_made_anew_is_not_the_one_that_the_ledger_knows(busy) -> None:
    heads = {each.n: each.head.hex() for each in busy.entries() if each.n % 4 == 0}
    before = chain.GENESIS
    anew = []
    for row in busy.entries():
        body = (row.body or "{}").replace("site-1", "site-2")
        own = chain.digest(row.n, row.at_ms, row.kind, body.encode()) if row.body else row.digest
        before = chain.head(before, own)
        anew.append(sa.update(RECORD).where(RECORD.c.n == row.n).values(
            body=body if row.body else None, digest=own, head=before))  # fmt: skip
    busy.change(*anew, sa.update(SESSION).values(site="site-2"))

    assert busy.look().problems == []
    assert [each for each in busy.look(heads).problems if "made anew" in each]


def test_an_end_that_was_cut_off_is_seen_by_the_ledgers_head(busy) -> None:
    heads = {busy.entries()[-1].n: busy.entries()[-1].head.hex()}
    busy.change(sa.delete(RECORD).where(RECORD.c.n >= 13), sa.delete(SESSION).where(
        SESSION.c.ended_ms.is_(None)))  # fmt: skip

    assert [each for each in busy.look(heads).problems if "the end is missing" in each]


def test_a_value_under_a_wrong_hash_is_found(busy) -> None:
    found = verify.Verified()
    with Persons(busy.settings) as persons:
        verify.persons(found, persons)
        assert (found.problems, found.persons > 3) == ([], True)

        with persons.database.write() as connection:
            connection.execute(sa.update(PERSON).where(PERSON.c.kind == "phone").values(sealed=b"\0" * 40))
        verify.persons(found, persons)
    assert "does not open" in found.problems[0]


@pytest.mark.slow
def test_any_bit_of_any_entry_is_missed(busy) -> None:
    chance = random.Random(4)
    names = ("at_ms", "kind", "body", "digest", "head")
    for _ in range(30 * ROUNDS):
        row = chance.choice([each for each in busy.entries() if each.body])
        name = chance.choice(names)
        was = getattr(row, name)
        if isinstance(was, int):
            other = was ^ 1 << chance.randrange(40)
        elif isinstance(was, bytes):
            other = bytes([was[0] ^ 1 << chance.randrange(8)]) + was[1:]
        else:
            at = chance.randrange(len(was))
            other = was[:at] + chr(ord(was[at]) ^ 1) + was[at + 1 :]
        busy.change(sa.update(RECORD).where(RECORD.c.n == row.n).values(**{name: other}))
        assert busy.look().problems, (row.n, name)
        busy.change(sa.update(RECORD).where(RECORD.c.n == row.n).values(**{name: was}))
    assert busy.look().problems == []
