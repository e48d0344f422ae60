"""A large file comes in parts: in order, resumed, whole or not at all, and never beyond what the disk is to hold."""

from __future__ import annotations

import os
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netops.config import Data, Objections, Settings
from netops.dispute import room
from netops.dispute.attached import MOST, File, Shelf
from netops.dispute.parts import KEPT_MS, PART_BYTES, Part, Parts, PlaceError
from netops.dispute.room import CITY, FullError
from netops.errors import UsageError
from netops.evidence import canonical

NOTE, OTHER = "a" * 64, "b" * 64
MB = room.MB


class Desk:
    def __init__(self, directory, **bounds):
        self.settings = Settings(data=Data(dir=directory), objections=Objections(**bounds))
        self.shelf = Shelf(self.settings)
        self.parts = Parts(self.settings, self.shelf)

    def give(self, data, at, *, until=None, note=NOTE, carrier="carrier-a", now_ms=0, other=None):
        told = {"file": canonical.digest(data), "name": "a.pdf", "size": len(data), "at": at, "data": data[at:until]}
        told["digest"] = canonical.digest(told["data"])
        return self.parts.take(note, Part(**told | (other or {})), carrier=carrier, now_ms=now_ms)

    def on_disk(self):
        return room.used(self.shelf.root, "carrier-a")


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def test_a_file_is_there_when_all_of_it_came_and_not_before(desk):
    data = os.urandom(PART_BYTES + 7)
    digest = canonical.digest(data)

    assert desk.parts.have(NOTE, digest) == 0
    assert desk.give(data, 0, until=PART_BYTES) == PART_BYTES
    assert desk.shelf.held(NOTE) == []
    assert desk.parts.have(NOTE, digest) == PART_BYTES
    assert Desk(desk.settings.data.dir).give(data, PART_BYTES) == -1, "another process goes on"
    (held,) = desk.shelf.held(NOTE)
    assert (held.name, held.size, held.digest) == ("a.pdf", len(data), digest)
    assert desk.shelf.path(NOTE, digest).read_bytes() == data
    assert desk.give(data, 0, until=9) == -1, "what is here whole is not begun again"


@settings(max_examples=40)
@given(data=st.binary(min_size=1, max_size=400), cuts=st.lists(st.integers(1, 90)), broken=st.integers(0, 5))
def test_however_it_is_cut_and_wherever_the_line_breaks_the_file_is_the_one(tmp_path_factory, data, cuts, broken):
    """After each part the client may have heard nothing: it says the same again, is told the place, and goes on."""
    desk = Desk(tmp_path_factory.mktemp("cut"))
    have, sizes = 0, iter([*cuts, *[400] * 400])
    while have >= 0:
        until = have + next(sizes)
        before, have = have, desk.give(data, have, until=until)
        if have >= 0 and broken:
            broken -= 1
            with pytest.raises(PlaceError) as told:
                desk.give(data, before, until=until)
            assert told.value.have == have

    assert desk.shelf.path(NOTE, canonical.digest(data)).read_bytes() == data


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"at": 1, "data": b"ata", "digest": canonical.digest(b"ata")}, "go on there"),
        ({"at": -1}, "go on there"),
        ({"digest": "0" * 64}, "repeat it"),
        ({"data": b"", "digest": canonical.digest(b"")}, "repeat it"),
        ({"data": b"x" * (PART_BYTES + 1), "digest": canonical.digest(b"x" * (PART_BYTES + 1))}, "repeat it"),
        ({"size": 3}, "beyond the size"),
        ({"size": -1}, "beyond the size"),
        ({"file": "c" * 64}, "another file than the note names"),
    ],
)
def test_what_is_no_next_part_is_refused_and_leaves_nothing(desk, other, why):
    with pytest.raises(UsageError, match=why):
        desk.give(b"data", 0, other=other)
    assert not list(desk.shelf.root.glob(f"{NOTE}/*.part"))
    assert desk.shelf.held(NOTE) == []


def test_more_files_than_a_note_may_have_are_not_begun(desk):
    for number in range(MOST):
        desk.give(f"file {number}".encode(), 0, until=4 if number else None)

    with pytest.raises(UsageError, match="at most 20"):
        desk.give(b"one more", 0)
    assert desk.give(b"file 7", 4) == -1, "those that were begun go on"


@pytest.mark.parametrize(
    ("bounds", "size", "carrier", "setting"),
    [
        ({"file_mb": 1}, MB + 1, "carrier-a", "file_mb"),
        ({"carrier_mb": 1}, MB - 9, "carrier-a", "carrier_mb"),
        ({"total_mb": 2}, MB + MB // 2, "carrier-b", "total_mb"),
    ],
)
def test_what_there_is_no_room_for_is_refused_at_its_first_byte_and_names_what_is_full(
    tmp_path, bounds, size, carrier, setting
):
    desk = Desk(tmp_path, **bounds)
    desk.shelf.keep(OTHER, [File(name="x", data=b"x" * (MB - 100_000))], carrier="carrier-a")
    before = desk.on_disk()
    with pytest.raises(FullError, match=rf"objections\.{setting}") as told:
        desk.give(b"y" * size, 0, until=10, carrier=carrier)

    assert told.value.setting == setting
    assert "bring it another way" in str(told.value)
    assert desk.on_disk() == before
    with pytest.raises(FullError):
        desk.shelf.keep(NOTE, [File(name="y", data=b"y" * size)], carrier=carrier)
    assert desk.on_disk() == before
    assert desk.give(b"small", 0, carrier=carrier) == -1


def test_many_that_are_begun_at_once_never_take_more_than_the_bound(tmp_path):
    """Each part is asked for, not the first alone: two files that fit singly do not fit together."""
    desk = Desk(tmp_path, carrier_mb=1)
    files = [bytes([number]) * (MB * 6 // 10) for number in (1, 2)]
    half = MB * 3 // 10
    for data in files:
        desk.give(data, 0, until=half)
    desk.give(files[0], half)

    with pytest.raises(FullError):
        desk.give(files[1], half)
    assert desk.on_disk().carrier <= MB


def test_the_citys_own_files_go_on_no_carriers_account(desk):
    desk.shelf.keep(NOTE, [File(name="x", data=b"x" * 1000)], carrier=CITY)
    desk.shelf.keep(OTHER, [File(name="x", data=b"x" * 5000)], carrier="carrier-a")

    assert 5000 <= desk.on_disk().carrier < 5100
    assert 6000 <= desk.on_disk().total < 6200


def test_carriers_however_many_leave_the_city_room_for_its_answers(tmp_path):
    desk = Desk(tmp_path, total_mb=5)
    for number in range(9):
        with suppress(FullError):
            desk.shelf.keep(f"{number:064x}", [File(name="x", data=b"x" * MB)], carrier=f"carrier-{number}")
    assert MB * 3 < desk.on_disk().total <= MB * 4

    desk.give(b"y" * (MB - 100_000), 0, carrier=CITY, until=PART_BYTES)
    desk.give(b"y" * (MB - 100_000), PART_BYTES, carrier=CITY)
    with pytest.raises(FullError, match=r"all carriers take 4 of 4 MB \(objections\.total_mb"):
        desk.give(b"z" * MB, 0, carrier="carrier-z", note=OTHER, until=9)


def test_what_nobody_went_on_with_for_a_day_is_thrown_away_and_makes_room(tmp_path):
    desk = Desk(tmp_path, carrier_mb=1)
    data = b"x" * (MB * 9 // 10)
    desk.give(data, 0, until=PART_BYTES)
    (left,) = desk.shelf.root.glob("*/*.part")
    began_ms = left.stat().st_mtime_ns // 1_000_000
    other = b"z" * (MB // 2)

    assert desk.parts.tidy(now_ms=began_ms + KEPT_MS - 60_000) == 0
    with pytest.raises(FullError):
        desk.give(other, 0, note=OTHER, until=9)
    assert desk.give(other, 0, note=OTHER, until=9, now_ms=began_ms + KEPT_MS + 60_000) == 9
    assert not left.exists()
