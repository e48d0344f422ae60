"""The register's promises, the same on SQLite and on PostgreSQL."""

import hashlib
import json
import threading

import pytest

from inventory.city import Source, city_of, key
from inventory.errors import RegisterError, SqlConflictError
from inventory.model import Area, Carrier, Device, Service, Site
from inventory.register import Register, Spell
from inventory.snapshot import of_city, snapshot
from inventory.tables import FOREVER, RECORD

AREA = Area(id="110108001", name="万寿路街道", name_en="Wanshoulu", col=0, row=0)


def carrier(name, said="甲"):
    return Carrier(id=name, name=said)


@pytest.fixture
def register(url):
    with Register(url, rehearsal=False) as opened:
        yield opened


def names(register, at_ms, recorded_ms=None):
    return {each.id: each.name for each in snapshot(register, at_ms=at_ms, recorded_ms=recorded_ms).carriers}


def counts(plan):
    return plan.count("add"), plan.count("change"), plan.count("end"), plan.unchanged


def test_a_second_apply_changes_nothing_not_even_a_byte(register, rows):
    city = city_of([AREA, carrier("a"), carrier("b")], source="test")
    assert counts(register.apply(city, at_ms=10, now_ms=100)) == (3, 0, 0, 0)
    before = rows(register)

    plan = register.apply(city, at_ms=20, now_ms=200)

    assert counts(plan) == (0, 0, 0, 3)
    assert rows(register) == before


def test_what_is_gone_from_the_files_has_ended_and_is_still_there_before(register):
    register.apply(city_of([carrier("a"), carrier("b")]), at_ms=10, now_ms=100)

    plan = register.apply(city_of([carrier("a")]), at_ms=50, now_ms=200)

    assert counts(plan) == (0, 0, 1, 1)
    assert names(register, 49) == {"a": "甲", "b": "甲"}
    assert names(register, 50) == {"a": "甲"}


def test_two_times_what_held_and_what_was_believed(register):
    """Carrier a was renamed at 30, which became known at 200."""
    register.apply(city_of([carrier("a")]), at_ms=10, now_ms=100)
    register.apply(city_of([carrier("a", "新")]), at_ms=30, now_ms=200)

    seen = {
        (at, believed): names(register, at, believed)
        for at in (5, 10, 29, 30, 99)
        for believed in (99, 100, 199, 200, None)
    }

    assert seen == {
        (at, believed): {}
        if at < 10 or believed == 99
        else {"a": "新"}
        if at >= 30 and believed in (200, None)
        else {"a": "甲"}
        for at in (5, 10, 29, 30, 99)
        for believed in (99, 100, 199, 200, None)
    }


def test_a_change_planned_ahead_outlives_an_apply_of_today(register):
    register.apply(city_of([carrier("a")]), at_ms=10, now_ms=100)
    register.apply(city_of([carrier("a", "new year")]), at_ms=1000, now_ms=110)

    again = register.apply(city_of([carrier("a")]), at_ms=20, now_ms=120)
    change = register.apply(city_of([carrier("a", "spring")]), at_ms=500, now_ms=130)

    assert counts(again) == (0, 0, 0, 1)
    assert change.changes[0].note == "until the change that is already recorded"
    assert [names(register, at)["a"] for at in (499, 500, 999, 1000)] == ["甲", "spring", "spring", "new year"]


def test_late_knowledge_corrects_the_past_up_to_the_next_record(register):
    register.apply(city_of([carrier("a")]), at_ms=100, now_ms=100)

    register.apply(city_of([carrier("a", "before")]), at_ms=50, now_ms=200)

    assert [names(register, at) for at in (49, 50, 99, 100)] == [{}, {"a": "before"}, {"a": "before"}, {"a": "甲"}]
    assert names(register, 50, 199) == {}


def test_an_end_at_the_instant_of_the_beginning_takes_it_back(register):
    register.apply(city_of([carrier("a")]), at_ms=10, now_ms=100)
    register.apply(city_of([]), at_ms=10, now_ms=200)

    assert names(register, 10) == {}
    assert names(register, 10, 150) == {"a": "甲"}
    assert [(told.recorded_from, told.recorded_to) for told in register.history("carrier", "a")] == [(100, 200)]


def test_spells_are_cut_to_what_was_asked(register):
    service = Service(id="s", kind="wifi", carrier="a", site="x", role="ap", device="d")
    moved = Service(id="s", kind="wifi", carrier="a", site="y", role="ap", device="d")
    register.apply(city_of([service]), at_ms=10, now_ms=100)
    register.apply(city_of([moved]), at_ms=30, now_ms=200)
    register.apply(city_of([]), at_ms=60, now_ms=300)

    assert register.spells("service", start_ms=20, end_ms=90) == [
        Spell(record=service, from_ms=20, to_ms=30),
        Spell(record=moved, from_ms=30, to_ms=60),
    ]
    assert register.spells("service", start_ms=60, end_ms=90) == []
    assert register.spells("service", start_ms=0, end_ms=FOREVER, name="t") == []
    assert register.spells("service", start_ms=20, end_ms=90, recorded_ms=150) == [
        Spell(record=service, from_ms=20, to_ms=90)
    ]


def test_recorded_time_moves_forward_within_the_same_millisecond(register):
    for said in ("1", "2", "3"):
        register.apply(city_of([carrier("a", said)]), at_ms=10, now_ms=100)

    told = register.history("carrier", "a")

    assert [(each.record.name, each.recorded_from, each.recorded_to) for each in told] == [
        ("1", 100, 101),
        ("2", 101, 102),
        ("3", 102, FOREVER),
    ]


def test_a_clock_that_stepped_back_is_refused(register):
    register.apply(city_of([carrier("a")]), at_ms=10, now_ms=1_780_000_000_000)

    with pytest.raises(RegisterError, match="the clock stepped back: correct it, then apply again"):
        register.apply(city_of([]), at_ms=10, now_ms=1_779_999_990_000)

    assert names(register, 10) == {"a": "甲"}


@pytest.mark.parametrize("rehearsal", [True, False])
def test_a_rehearsal_s_register_and_a_production_s_refuse_each_other(url, rehearsal):
    with Register(url, rehearsal=rehearsal) as register:
        register.apply(city_of([carrier("a")]), at_ms=10, now_ms=100)
    whose, other = ("a rehearsal", "a production") if rehearsal else ("a production", "a rehearsal")

    with pytest.raises(RegisterError, match=f"is of {whose} instance; {other} instance refuses it"):
        Register(url, rehearsal=not rehearsal, readonly=True).__enter__()


def test_a_register_that_became_another_s_while_open_refuses_the_apply(url):
    with Register(url, rehearsal=True) as late, Register(url, rehearsal=False) as early:
        early.apply(city_of([carrier("a")]), at_ms=10, now_ms=100)

        with pytest.raises(RegisterError, match="a rehearsal instance refuses it"):
            late.apply(city_of([]), at_ms=10, now_ms=200)


def test_a_snapshot_has_canonical_bytes_and_their_digest(register):
    city = city_of([AREA, carrier("b", "乙"), carrier("a"), Site(id="s", name="站", area=AREA.id)])
    register.apply(city, at_ms=10, now_ms=100)

    seen = snapshot(register, at_ms=10)

    assert json.dumps(
        json.loads(seen.canonical), ensure_ascii=False, sort_keys=True, separators=(",", ":")
    ).encode() == (seen.canonical)
    assert seen.canonical.startswith(b'{"areas":[{"col":0,"id":"110108001",')
    assert b'"rehearsal":false' in seen.canonical
    assert seen.digest == hashlib.sha256(seen.canonical).hexdigest()
    assert [each.id for each in seen.carriers] == ["a", "b"]
    assert seen.carrier["b"].name == "乙"
    assert seen.recorded_ms == 100


def test_the_digest_names_the_state_not_the_instant(register):
    city = city_of([carrier("a")])
    register.apply(city, at_ms=10, now_ms=100)
    first = snapshot(register, at_ms=10)
    register.apply(city_of([carrier("a", "other")]), at_ms=50, now_ms=200)

    assert snapshot(register, at_ms=49).digest == first.digest
    assert snapshot(register, at_ms=50).digest != first.digest
    assert snapshot(register, at_ms=99, recorded_ms=150).digest == first.digest
    assert of_city(city, at_ms=7, rehearsal=False).digest == first.digest
    assert of_city(city, at_ms=7, rehearsal=True).digest != first.digest


def test_the_digest_of_a_known_city_does_not_move(register):
    """These bytes are named in verdicts: a change here is a new format with a new name."""
    register.apply(
        city_of([AREA, carrier("a"), Device(id="d", site="s", carrier="a", role="ap")]), at_ms=10, now_ms=100
    )

    assert snapshot(register, at_ms=10).canonical.decode() == (
        '{"areas":[{"col":0,"id":"110108001","name":"万寿路街道","name_en":"Wanshoulu","population":0,"row":0}],'
        '"carriers":[{"id":"a","name":"甲","name_en":""}],"contracts":[],'
        '"devices":[{"address":"","carrier":"a","credential":"","id":"d","mac":"","name":"","parent":"","port":161,'
        '"profile":"","role":"ap","serial":"","site":"s","tags":[]}],'
        '"format":"netops/register@1","rehearsal":false,"services":[],"sites":[]}'
    )


def test_the_places_follow_the_files_without_a_change(register):
    record = carrier("a")
    for line in (3, 7):
        city = city_of([record])
        city = type(city)(
            city.records, {key(record): Source(f"carriers.yaml:{line}", {"name": f"carriers.yaml:{line + 1}"})}
        )
        plan = register.apply(city, at_ms=10, now_ms=100 * line)

    seen = snapshot(register, at_ms=10)

    assert counts(plan) == (0, 0, 0, 1)
    assert seen.where(record) == "carriers.yaml:7"
    assert seen.where(record, "name") == "carriers.yaml:8"
    assert seen.where(carrier("z"), "name") == "carrier 'z'"


def test_plan_writes_nothing_even_read_only(url, rows):
    with Register(url, rehearsal=False, readonly=True) as register:
        assert counts(register.plan(city_of([carrier("a")]), at_ms=10)) == (1, 0, 0, 0)
        assert rows(register) == []


def test_two_writers_at_once_come_one_after_the_other(url, whole):
    """Each of four writers adds its own carrier to what the others wrote; whoever is second sees the first."""
    errors = []

    def write(number):
        try:
            with Register(url, rehearsal=False) as register:
                for turn in range(5):
                    city = city_of([carrier("a", f"{number}.{turn}")])
                    register.apply(city, at_ms=10 + turn, now_ms=1000 + turn)
        except Exception as error:  # noqa: BLE001  (every error of a thread is the test's)
            errors.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    with Register(url, rehearsal=False) as register:
        assert whole(register)


def test_the_database_itself_refuses_two_open_beliefs(register, rows):
    register.apply(city_of([carrier("a")]), at_ms=10, now_ms=100)

    second = {**rows(register)[0]._asdict(), "id": 99, "valid_from": 77, "recorded_from": 300}
    with pytest.raises(SqlConflictError), register.database.write() as connection:
        connection.execute(RECORD.insert(), [second])

    assert len(rows(register)) == 1


def test_the_mark_is_the_same_exactly_while_the_snapshot_is(register):
    """A service asks for the mark each quarter of a minute, and for the snapshot only when it differs."""
    register.apply(city_of([carrier("a")]), at_ms=10, now_ms=100)
    register.apply(city_of([carrier("a", "later")]), at_ms=50, now_ms=200)
    register.apply(city_of([]), at_ms=70, now_ms=300)

    marks = {at: register.mark(at_ms=at) for at in (9, 10, 49, 50, 69, 70, 99)}
    digests = {at: snapshot(register, at_ms=at).digest for at in marks}

    assert marks[10] == marks[49]
    assert marks[50] == marks[69]
    assert marks[70] == marks[99]
    assert len({marks[at] for at in (9, 10, 50, 70)}) == 4
    assert len({digests[at] for at in (10, 50, 70)}) == 3
    assert register.ahead(at_ms=10) == [50]
    assert register.ahead(at_ms=50) == []


def test_what_was_taken_back_is_not_ahead(register):
    register.apply(city_of([carrier("a")]), at_ms=50, now_ms=100)
    register.apply(city_of([]), at_ms=50, now_ms=200)

    assert register.ahead(at_ms=10) == []
