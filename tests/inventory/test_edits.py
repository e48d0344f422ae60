"""Edits of single records: the same rows as the files would make, and nothing written over unseen."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory import codec, edits
from inventory.city import city_of
from inventory.edits import Edit, digest
from inventory.errors import FilesError, SqlConflictError
from inventory.model import Area, Carrier, Device, Door, Service, Site
from inventory.reading.folder import read_city
from inventory.reading.tree import Notes
from inventory.register import Register
from inventory.snapshot import snapshot

AREA = Area(id="110108001", name="万寿路街道", name_en="Wanshoulu", col=0, row=0)
CARRIER = Carrier(id="a", name="甲")
SITE = Site(id="park", name="公园", area=AREA.id)
AC = Device(id="ac", site="park", carrier="a", role="wlan_controller", profile="huawei_wlan_ac", address="192.0.2.1")
AP = Device(id="ap", site="park", carrier="a", role="ap", mac="0a0b0c0d0e0f", parent="ac")
SOLD = Service(
    id="wifi", kind="wifi", carrier="a", site="park", role="ap", device="ac", subject="ap:mac:0a0b0c0d0e0f", parent="ac"
)
CITY = [AREA, CARRIER, SITE, AC, AP, SOLD]


@pytest.fixture
def register(url):
    with Register(url, rehearsal=False) as opened:
        opened.apply(city_of(CITY), at_ms=10, now_ms=100)
        yield opened


def changed(before, **fields):
    after = replace(before, **fields)
    return Edit(noun=type(before).__name__.lower(), id=before.id, before=digest(before), after=after)


def carried(register, wanted, *, at_ms=50, now_ms=200, request="req-1"):
    return register.edit(wanted, at_ms=at_ms, now_ms=now_ms, request=request, by="li.na, wang.min", reason="搬迁")


def body(rows):
    return [(r.noun, r.name, r.valid_from, r.valid_to, r.recorded_from, r.recorded_to, r.body) for r in rows]


@pytest.mark.parametrize(
    ("wanted", "records"),
    [
        ([changed(AC, address="192.0.2.9")], [AREA, CARRIER, SITE, replace(AC, address="192.0.2.9"), AP, SOLD]),
        ([Edit(noun="service", id="wifi", before=digest(SOLD), after=None)], [AREA, CARRIER, SITE, AC, AP]),
        (
            [Edit(noun="site", id="hall", before="", after=replace(SITE, id="hall")), changed(AP, site="hall")],
            [AREA, CARRIER, SITE, replace(SITE, id="hall"), AC, replace(AP, site="hall"), SOLD],
        ),
    ],
    ids=["change", "retire", "add and use"],
)
def test_an_edit_writes_the_rows_that_the_files_would_have_written(register, rows, tmp_path, wanted, records):
    from inventory.sql import upgrade
    from inventory.tables import MIGRATIONS

    other = f"sqlite:///{tmp_path / 'other.db'}"
    upgrade(MIGRATIONS, other)
    with Register(other, rehearsal=False) as twin:
        twin.apply(city_of(CITY), at_ms=10, now_ms=100)
        twin.apply(city_of(records), at_ms=50, now_ms=200)
        by_files = body(rows(twin))

    carried(register, wanted)

    assert sorted(body(rows(register))) == sorted(by_files)


def test_what_has_changed_since_is_refused_by_name_and_nothing_is_written(register, rows):
    register.apply(city_of([*CITY[:3], replace(AC, address="192.0.2.7"), AP, SOLD]), at_ms=20, now_ms=150)
    before = rows(register)

    with pytest.raises(FilesError, match="device 'ac': has changed since the request was made"):
        carried(register, [changed(AC, address="192.0.2.9"), changed(SITE, name="花园")])

    assert rows(register) == before, "all of it or nothing"


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ([Edit(noun="device", id="ac", before=digest(AC), after=None)], "names the device 'ac', which no file has"),
        ([changed(AP, site="nowhere")], "device 'ap' site: device 'ap' names the site 'nowhere'"),
        ([changed(AC, parent="ap")], "its own ancestor"),
        ([changed(AC, mac="0a0b0c0d0e0f")], "has the MAC address 0a0b0c0d0e0f of 'ap'"),
        ([Edit(noun="site", id="park", before="", after=SITE)], "site 'park': is there already"),
        ([Edit(noun="site", id="old", before=digest(SITE), after=None)], "does not hold any more"),
        ([changed(SITE, name="公园")], "is already as the request says"),
        ([changed(SITE, name="花园"), changed(SITE, name="果园")], "is in the request twice"),
    ],
)
def test_what_does_not_fit_the_register_is_refused_by_name(register, rows, wanted, why):
    before = rows(register)

    with pytest.raises(FilesError, match=why):
        carried(register, wanted)
    with pytest.raises(FilesError, match=why):
        register.plan_edits(wanted, at_ms=50)

    assert rows(register) == before


def test_what_is_planned_ahead_must_not_dangle_either(register):
    """A service that is to begin at 500 names a device that is retired now."""
    lone = Device(id="spare", site="park", carrier="a", role="ap")
    register.apply(city_of([*CITY, lone]), at_ms=20, now_ms=120)
    later = replace(SOLD, id="later", device="spare", subject="", parent="")
    register.apply(city_of([*CITY, lone, later]), at_ms=500, now_ms=130)

    with pytest.raises(FilesError, match="service 'later' names the device 'spare'"):
        carried(register, [Edit(noun="device", id="spare", before=digest(lone), after=None)])


def test_a_request_is_carried_out_once(register, rows):
    wanted = [changed(SITE, name="花园")]
    carried(register, wanted)
    before = rows(register)

    with pytest.raises(SqlConflictError):
        carried(register, [changed(replace(SITE, name="花园"), name="果园")], now_ms=300)

    assert (register.applied("req-1"), register.applied("req-2")) == (200, None)
    assert rows(register) == before


def test_the_history_says_who_when_and_why(register):
    carried(register, [changed(SITE, name="花园")])

    told = register.history("site", "park")
    newest, first = register.applications(most=5)

    assert [(each.record.name, each.by, each.request, each.reason) for each in told] == [
        ("公园", "", "", ""),
        ("公园", "li.na, wang.min", "req-1", "搬迁"),
        ("花园", "li.na, wang.min", "req-1", "搬迁"),
    ]
    assert (newest.request, newest.changed, newest.valid_ms, first.added) == ("req-1", 1, 50, len(CITY))


def test_files_that_lack_a_decision_say_that_they_take_it_back(register):
    carried(register, [changed(SITE, name="花园")])

    (change,) = register.plan(city_of(CITY), at_ms=60).changes

    assert change.note == "takes back what req-1 changed"


def test_a_later_edit_of_the_same_record_takes_nothing_back(register):
    carried(register, [changed(SITE, name="花园")])

    (change,) = register.plan_edits([changed(replace(SITE, name="花园"), name="果园")], at_ms=60).changes

    assert change.note == ""


RECORDS = [SITE, AC, AP, SOLD, Door(id="d", device="ac", kind="cwmp", port=7547)]


@pytest.mark.parametrize("record", RECORDS, ids=lambda each: each.id)
def test_an_edit_is_read_back_from_its_text(record):
    noun = type(record).__name__.lower()
    for edit in (
        Edit(noun=noun, id=record.id, before="", after=record),
        Edit(noun=noun, id=record.id, before=digest(record), after=None),
    ):
        assert edits.read(edits.text(edit)) == edit


@pytest.mark.parametrize("record", RECORDS, ids=lambda each: each.id)
def test_cells_are_read_back_as_the_record(record):
    notes = Notes()

    assert edits.made(type(record).__name__.lower(), edits.cells(record), notes) == record
    assert notes.found == []


def told(**other):
    base = {"noun": "site", "id": "park", "before": "", "after": codec.plain(SITE)}
    return json.dumps(base | other)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("{", "no object of noun"),
        ("[]", "no object of noun"),
        (told(more=1), "no object of noun"),
        (told(noun="contract"), "'contract' is not edited one by one"),
        (told(noun="sit"), "did you mean 'site'"),
        (told(before="x"), "no digest"),
        (told(after=None), "is ended, but was not there"),
        (told(after=[]), "is no site"),
        (told(after={"id": "park", "owner": "me"}), "is no site"),
        (told(after=codec.plain(replace(SITE, area=""))), "lacks 'area'"),
        (told(after=codec.plain(replace(SITE, name=" 公园"))), "not written in its one form"),
        (told(id="hall"), "not written in its one form"),
        (told(after=codec.plain(replace(SITE, name="a\u202eb"))), "U\\+202E"),
        (told(after=codec.plain(replace(SITE, longitude="116.3"))), "only one coordinate"),
    ],
)
def test_a_text_that_no_form_of_ours_makes_is_refused(written, why):
    with pytest.raises(FilesError, match=why):
        edits.read(written)


def test_parents_come_before_children_so_that_a_first_part_stands_alone():
    found = edits.differing([SOLD, AP, AC, SITE], {})

    assert [each.id for each in found] == ["park", "ac", "ap", "wifi"]


@given(st.text(max_size=30), st.text(max_size=30))
def test_whatever_is_typed_is_a_record_or_a_problem_at_its_field(name, area):
    notes = Notes()
    made = edits.made("site", {"id": "s", "name": name, "area": area}, notes)

    assert (made is None) == bool(notes.found)
    assert {each.where for each in notes.found} <= {"name", "area"}


def test_the_snapshot_of_an_edited_register_is_that_of_the_files(register):
    carried(register, [changed(SITE, name="花园")])
    seen = snapshot(register, at_ms=50)

    assert seen.site["park"].name == "花园"
    assert snapshot(register, at_ms=49).site["park"].name == "公园"


def test_a_device_listed_before_its_parent_is_not_its_own_ancestor(city):
    """The parent was held for one, because its child had shown it to be sound already."""
    path = city / "devices.csv"
    header, *lines = path.read_text().splitlines()
    path.write_text("\n".join([header, *lines[::-1]]) + "\n")

    assert read_city(city).records["device", "ac-1", ""].id == "ac-1"
