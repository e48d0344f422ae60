"""What a month's report may come to is foretold: from slots and services, as both judges will count it."""

from dataclasses import replace

import pytest

from inventory.model import Contract, Objective, Rules, Selector, ServiceItem
from netops import cli
from netops.commands.contract_words import Speaker
from netops.sla import hours, month, pieces, streams
from netops.sla.hours import Listed, Roster
from netops.sla.intervals import Cause, State
from netops.sla.timeline import Run
from tests.netops.instances import guide_files

H, M = 3_600_000, 60_000
HOUR = 1_790_784_000_000
UP = Objective(id="up", indicator="availability", target="99")
PACKETS = Objective(
    id="packets", indicator="probe.packets.answered", threshold="20", target="99.9", rules=Rules(check_every_s=60)
)
SLOTS = 31 * 24 * 60


def contract(*objectives):
    item = ServiceItem(id="i", kind="wifi", select=Selector(), objectives=objectives)
    return Contract(id="c", version="1", carrier="x", title="t", valid_from_ms=0, items=(item,))


def test_what_is_counted_has_a_piece_in_each_slot_and_time_one_for_each_change():
    found = pieces.of(contract(UP, PACKETS), {"i": 80})

    assert (found.sure, found.most, found.promised) == (80 * SLOTS, 160 * SLOTS, 80)
    assert found.room == (4_000_000 - 80 * SLOTS) // 80
    assert pieces.found(found) is None


def test_a_contract_whose_slots_pass_the_bound_is_warned_of_with_the_figure_and_what_to_write():
    word, told = pieces.found(pieces.of(contract(PACKETS), {"i": 200}))

    assert word == "pieces_pass"
    assert told == {"pieces": "8,928,000", "bound": "4,000,000", "factor": 3}
    longer = replace(PACKETS, rules=Rules(check_every_s=3 * 60))
    assert pieces.found(pieces.of(contract(longer), {"i": 200})) is None


def test_so_many_services_that_one_outage_a_day_is_too_much_are_warned_of():
    word, told = pieces.found(pieces.of(contract(UP, UP, UP), {"i": 30_000}))

    assert (word, told["room"]) == ("pieces_few", 44)
    assert pieces.found(pieces.of(contract(UP, UP, UP), {"i": 10_000})) is None


def test_slots_so_long_that_nothing_can_change_so_often_are_not_warned_of():
    """Of 50,000 services each may change 44 times; with a slot a day there are 31."""
    made = replace(contract(UP, UP), rules=Rules(check_every_s=86_400))

    assert pieces.found(pieces.of(made, {"i": 50_000})) is None


@pytest.mark.parametrize("services", [1, 2, 7])
def test_the_judges_count_as_it_was_foretold(services):
    """Of an hour in which each service lost a packet in each slot: as many pieces as 3600 s have of the month's."""
    stream = streams.stream(PACKETS)
    roster = Roster(contract="c", listed=tuple(Listed(f"s-{n}", "i", "1") for n in range(services)))
    runs = {
        f"s-{n}": [
            Run(at, at + 19 - n, 20 - n, State.UP, Cause.NONE, "")
            for at in range(HOUR, HOUR + H, stream.every_s * 1000)
        ]
        for n in range(services)
    }
    told = hours.bodies(roster, runs, start_ms=HOUR, step_ms=1, stream=stream.name)
    read = hours.read_streams(told)[stream.name]
    rosters = hours.read_rosters(hours.roster_bodies(roster))
    sight = month.open_(read, rosters, start_ms=HOUR, end_ms=HOUR + H)
    foretold = pieces.of(contract(PACKETS), {"i": services}).sure * H // (31 * 24 * H)

    assert sight.cost >= foretold == services * 60


@pytest.fixture
def check(tmp_path, capsys):
    def run(*words, changed):
        (tmp_path / "c.yaml").write_text(changed, encoding="utf-8")
        code = cli.main(["contract", "check", str(tmp_path / "c.yaml"), *words])
        return code, capsys.readouterr().out

    return run


@pytest.mark.parametrize(("language", "said"), [("en", "a report takes at most 4,000,000"), ("zh_CN", "一份报告至多")])
def test_contract_check_warns_before_it_is_signed(check, language, said):
    text = guide_files()["contracts/wifi-2026.yaml"]

    few, told = check("--language", language, "--services", "10", changed=text)
    many, warned = check("--language", language, "--services", "100000", changed=text)

    assert (few, many) == (0, 1)
    assert said not in told
    assert said in warned
    assert "check_every_s" in warned


def test_contract_check_says_how_much_change_there_is_room_for():
    (line,) = Speaker("en").changes(contract(UP), 12_000)

    assert line.strip() == (
        "a month's report takes 4,000,000 changes of state: of 12000 services an item, 333 of each under each promise "
        "on average"
    )
    assert list(Speaker("en").changes(contract(UP), 10)) == []
