"""Access and erasure: what we hold of a person is given to who proves the number, and ends when the law allows it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from captive_portal.records import chain, proof, retention, subject, verify
from captive_portal.records.tables import PERSON, PROOF
from captive_portal.sms import code
from captive_portal.sms.book import Book
from captive_portal.sms.budget import Denied
from captive_portal.sms.number import Number
from captive_portal.sms.providers import Answer, Came, Message
from captive_portal.tables import SESSION
from captive_portal.verdict import Why
from netops.errors import AccessError

PHONE, OTHER = "+8613800138000", "+8613900139000"
NUMBER = Number(prefix="86", national="13800138000")


@dataclass
class Provider:
    came: Came = Came.TAKEN
    name: str = "test"
    taken: list[Message] = field(default_factory=list)

    def hand(self, message: Message) -> Answer:
        self.taken.append(message)
        return Answer(came=self.came)


@pytest.fixture
def desk(office):
    return proof.Desk(settings=office.house.settings, persons=office.persons)


@pytest.fixture
def provider():
    return Provider()


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**8:08d}"


# ---- proof by code
def test_the_code_that_was_sent_proves_the_number_once(office, desk, provider) -> None:
    desk.send(NUMBER, office.now_ms, store=office.store, providers=[provider])
    (message,) = provider.taken
    assert (message.phone, len(message.code), message.code in message.text) == (PHONE, 8, True)

    desk.prove(NUMBER, message.code, office.now_ms)

    with pytest.raises(AccessError, match="no code"):
        desk.prove(NUMBER, message.code, office.now_ms)


def test_three_tries_and_no_more_however_many_at_once(office, desk, provider) -> None:
    desk.send(NUMBER, office.now_ms, store=office.store, providers=[provider])
    code = provider.taken[0].code

    def attempt(_: int) -> str:
        try:
            desk.prove(NUMBER, wrong(code), office.now_ms)
        except AccessError as error:
            return str(error)
        return "proved"

    with ThreadPoolExecutor(16) as pool:
        said = list(pool.map(attempt, range(60)))

    assert len([each for each in said if "not the code" in each]) == 3
    assert "proved" not in said
    with pytest.raises(AccessError, match="no code"):
        desk.prove(NUMBER, code, office.now_ms)


def test_a_code_is_old_after_five_minutes_and_of_one_number_only(office, desk, provider) -> None:
    desk.send(NUMBER, office.now_ms, store=office.store, providers=[provider])
    code = provider.taken[0].code
    with pytest.raises(AccessError, match="no code"):
        desk.prove(Number(prefix="86", national="13900139000"), code, office.now_ms)

    with pytest.raises(AccessError, match="older than five minutes"):
        desk.prove(NUMBER, code, office.now_ms + proof.LIFE_MS)


def test_a_new_code_at_most_each_minute_and_only_when_somebody_takes_it(office, desk, provider) -> None:
    desk.send(NUMBER, office.now_ms, store=office.store, providers=[provider])
    with pytest.raises(AccessError, match="a moment ago; use that one, or wait 1 min"):
        desk.send(NUMBER, office.now_ms + 1000, store=office.store, providers=[provider])
    with pytest.raises(AccessError, match="no provider"):
        desk.send(NUMBER, office.now_ms + 60_000, store=office.store, providers=[Provider(came=Came.AWAY)])

    assert len(provider.taken) == 1


def test_codes_for_records_and_logins_are_of_one_budget_and_the_tries_of_a_day_are_fifteen(office, desk) -> None:
    providers = [provider, silent] = [Provider(), Provider(came=Came.AWAY)]
    said = []
    for number in range(100):
        try:
            desk.send(NUMBER, office.now_ms, store=office.store, providers=providers[number % 2 :])
        except AccessError as error:
            said.append(str(error))
        for _ in range(3):
            with pytest.raises(AccessError) as refused:
                desk.prove(NUMBER, "0", office.now_ms)
            said.append(str(refused.value))
        office.forward(1 / 1440)

    assert len(provider.taken) + len(silent.taken) == office.house.settings.sms.number_per_day == 5
    assert len([each for each in said if "not the code" in each]) == 3 * len(provider.taken)
    assert "this number has had all codes of a day" in said[-4]
    caps, login = office.house.settings.sms, code.fresh(8)
    wanted = replace(desk._counted(NUMBER, login, office.now_ms), identity=b"a phone's", site="site-1")
    refusal = Book(office.store, caps).reserve(wanted, office.now_ms)
    assert isinstance(refusal, Denied)
    assert refusal.why is Why.USED_TODAY


def test_neither_number_nor_code_stands_in_the_table(office, desk, provider) -> None:
    desk.send(NUMBER, office.now_ms, store=office.store, providers=[provider])
    with office.persons.database.read() as connection:
        (row,) = connection.execute(sa.select(PROOF))

    assert provider.taken[0].code.encode() not in row.code
    assert len(row.code) == len(row.hash) == 32


# ---- access
def test_a_person_is_given_all_of_theirs_and_nothing_of_others(office) -> None:
    office.visit(1, PHONE)
    office.visit(2, OTHER)
    office.visit(1, PHONE, ended=False)

    hash_ = office.persons.hashed("phone", PHONE)
    found = office.store.read(lambda connection: subject.access(connection, office.persons, hash_))

    assert found["identity"] == PHONE
    assert len(found["sessions"]) == 2
    first, second = found["sessions"]
    assert (first["device"], first["addresses"][0]["address"]) == ("02:00:00:00:00:01", "127.0.0.1")
    assert (first["end"], second["end"], second["ended"]) == ("logout", None, None)
    assert first["consent"]["terms"] == "2"
    assert OTHER not in json.dumps(found)


# ---- erasure
def wish(office, phone: str = PHONE) -> subject.Erased:
    hash_ = office.persons.hashed("phone", phone)
    return subject.wish(
        office.store, office.persons, hash_, settings=office.house.settings, by="cli:x", now_ms=office.now_ms
    )


def test_what_the_law_keeps_is_kept_and_used_for_nothing_else(office) -> None:
    session = office.visit(1, PHONE)
    done = wish(office)

    assert (done.now, done.kept) == (0, 1)
    assert done.until_ms == office.rows(SESSION)[0].ended_ms + 184 * retention.DAY_MS
    assert office.persons.restricted(session.grant.person, session.since_ms)
    assert office.persons.opened(session.grant.person).value == PHONE


def test_what_the_law_does_not_keep_goes_at_once_and_is_certified(office) -> None:
    office.visit(1, PHONE)
    office.visit(2, OTHER)
    office.visit(1, PHONE)
    office.forward(190)
    office.visit(3, OTHER)
    done = wish(office)

    assert (done.now, done.kept) == (2, 0)
    assert len(office.rows(SESSION)) == 2
    erased = [row.n for row in office.entries() if row.body is None]
    assert erased == [1, 2, 5, 6]
    (certificate,) = [row for row in office.entries() if row.kind == chain.ERASED]
    assert json.loads(certificate.body)["numbers"] == [[1, 2], [5, 6]]
    assert office.persons.hashed("phone", PHONE).hex() not in " ".join(row.body or "" for row in office.entries())
    assert office.store.read(lambda connection: verify.verify(connection, {}, now_ms=office.now_ms)).problems == []


def test_the_rest_goes_by_itself_when_the_law_lets_go(office) -> None:
    office.visit(1, PHONE)
    wish(office)
    office.forward(185)
    office.settle()

    assert office.rows(SESSION) == []
    office.visit(2, OTHER)
    assert len(office.rows(SESSION)) == 1


def test_the_sealed_number_goes_with_the_months_that_are_over(office) -> None:
    person = office.visit(1, PHONE).grant.person
    office.forward(220)
    office.persons.keep("phone", OTHER)
    wish(office)

    with office.persons.database.read() as connection:
        left = connection.execute(sa.select(PERSON.c.hash).where(PERSON.c.hash == person)).all()
    assert left == []


def test_logins_go_on_while_many_visits_are_erased_on_a_wish(office, monkeypatch) -> None:
    """A hundred visits of eight hours in a city of 300,000 entries a day: the only writer stood still for 8 s."""
    for number in range(12):
        office.visit(number, PHONE)
    office.forward(190)
    meanwhile: list[str] = []
    between = SimpleNamespace(sleep=lambda _: meanwhile.append(office.visit(100 + len(meanwhile), OTHER).id))
    monkeypatch.setattr(subject, "time", between)
    done = wish(office)

    assert (done.now, done.kept, len(meanwhile)) == (12, 0, 2)
    assert sorted(row.id for row in office.rows(SESSION)) == sorted(meanwhile)
    certificates = [json.loads(row.body) for row in office.entries() if row.kind == chain.ERASED]
    assert [(each["sessions"], each["entries"]) for each in certificates] == [(5, 10), (5, 10), (2, 4)]


def test_a_login_after_the_wish_is_a_new_relation(office) -> None:
    office.visit(1, PHONE)
    wish(office)
    office.forward(1)
    session = office.visit(1, PHONE)
    office.forward(190)
    office.settle()

    assert [row.id for row in office.rows(SESSION)] == [session.id]
    assert not office.persons.restricted(session.grant.person, session.since_ms)


def test_a_live_session_is_not_cut_by_a_wish(office) -> None:
    session = office.visit(1, PHONE, ended=False)
    wish(office)

    assert office.desk.current(session.client) is not None


def test_a_clock_that_jumps_ahead_does_not_fulfil_wishes_early(office) -> None:
    office.visit(1, PHONE)
    office.keeper.round(office.now_ms)
    wish(office)
    office.forward(3650)
    office.keeper.round(office.now_ms)

    assert len(office.rows(SESSION)) == 1


def test_an_erasure_is_told_as_a_fact_without_a_name(office) -> None:
    from netops import facts, spool

    person = office.visit(1, PHONE).grant.person
    office.forward(190)
    wish(office)
    office.keeper.state(office.now_ms)

    path = office.house.settings.data.dir / "spool" / "portal.db"
    told = [facts.decode(each.payload) for each in spool.read(path, after=0, limit=99)]
    (erased,) = [dict(each.body) for each in told if each.kind == "records_erased"]
    assert (erased["why"], erased["sessions"], erased["entries"]) == ("wish", 1, 2)
    assert person.hex() not in json.dumps(erased)


# ---- what gateways keep
def test_a_wish_leads_to_the_devices_and_the_addresses_of_that_person(office) -> None:
    session = office.visit(1, PHONE)
    office.visit(2, OTHER)
    hash_ = office.persons.hashed("phone", PHONE)
    assert subject.trails(office.store, office.persons) == []

    subject.wish(office.store, office.persons, hash_, settings=office.house.settings, by="x", now_ms=office.now_ms)
    (trail,) = subject.trails(office.store, office.persons)

    stay = ("simulated", "127.0.0.1", session.since_ms - 60_000, office.now_ms + 60_000)
    assert (trail.whose, trail.before_ms) == (hash_, office.now_ms)
    assert trail.devices == {office.persons.hashed("device", session.client.mac)}
    assert trail.stays == (stay,)


def test_visits_after_a_wish_are_no_part_of_its_trail(office) -> None:
    hash_ = office.persons.hashed("phone", PHONE)
    subject.wish(office.store, office.persons, hash_, settings=office.house.settings, by="x", now_ms=office.now_ms)
    office.forward(1)
    office.visit(1, PHONE)

    (trail,) = subject.trails(office.store, office.persons)

    assert (trail.devices, trail.stays) == (frozenset(), ())
