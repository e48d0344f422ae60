"""`netops inventory`: what people see, and what programs read."""

import argparse
import json
from types import SimpleNamespace

import pytest

from inventory import commands
from inventory.errors import InventoryError
from inventory.reading.folder import built_in_areas
from inventory.show import visible

NOW = 1_780_000_000_000  # 2026-05-28T20:26:40Z


@pytest.fixture
def netops(url, capsys):
    """Run a command line at an instant; return exit code, output lines, error lines."""

    def run(*words, now_ms=NOW, rehearsal=False):
        parser = argparse.ArgumentParser()
        commands.arguments(parser)
        args = parser.parse_args([str(word) for word in words])
        args.now_ms = now_ms
        settings = SimpleNamespace(
            register_url=url, city=SimpleNamespace(timezone="Asia/Shanghai", rehearsal=rehearsal)
        )
        code = commands.run(args, settings)
        out, err = capsys.readouterr()
        return code, out.splitlines(), err.splitlines()

    return run


def test_plan_shows_and_apply_does_and_the_second_apply_has_nothing_to_do(netops, city):
    planned = netops("plan", city)
    dry = netops("apply", "--dry-run", city)
    nothing = netops("show")
    done = netops("apply", city)
    again = netops("apply", city, now_ms=NOW + 1000)

    assert planned == dry == done
    assert "+ device ac-1  devices.csv:2" in done[1]
    assert planned[1][-2:] == [
        "+ 29 areas built in; `netops inventory show areas` lists them after `apply`",
        "38 added, 0 changed, 0 ended, 0 unchanged, from 2026-05-29T04:26:40+08:00 on",
    ]
    assert not [line for line in planned[1] if line.startswith("+ area ")], "nobody wrote them, nobody need review them"
    assert "recorded: nothing yet" in nothing[1]
    assert again == (0, ["0 added, 0 changed, 0 ended, 38 unchanged, from 2026-05-29T04:26:41+08:00 on"], [])


def test_a_change_shows_each_field_before_and_after(netops, city):
    netops("apply", city)
    path = city / "devices.csv"
    path.write_text(path.read_text().replace("192.0.2.10", "192.0.2.11").replace("ap-2,,library", "ap-3,,library"))
    (city / "services.csv").write_text((city / "services.csv").read_text().replace("library", "bei-gate"))

    _, lines, _ = netops("plan", city, "--at", "2026-07-01")

    assert lines == [
        "+ device ap-3  devices.csv:4",
        "~ device ac-1  devices.csv:2",
        "    address: 192.0.2.10 → 192.0.2.11",
        "~ service wifi-2  services.csv:3",
        "    site: library → bei-gate",
        "- device ap-2  from 2026-07-01T00:00:00+08:00  in no file any more",
        "1 added, 2 changed, 1 ended, 35 unchanged, from 2026-07-01T00:00:00+08:00 on",
    ]


def test_faults_are_printed_all_with_their_places_and_nothing_is_changed(netops, city):
    (city / "sites.csv").write_text((city / "sites.csv").read_text().replace("1101080", "1101990"))

    code, out, err = netops("apply", city)

    assert (code, out) == (2, [])
    assert [line.split(": ")[0] for line in err] == ["sites.csv:2", "sites.csv:3", "2 problems; nothing was changed"]
    assert "areas: 0" in netops("show")[1]


def test_show_answers_at_an_instant_as_recorded(netops, city):
    netops("apply", city, "--at", "2026-01-01")
    path = city / "devices.csv"
    path.write_text(path.read_text().replace("控制器一", "控制器二"))
    netops("apply", city, "--at", "2026-03-01", now_ms=NOW + 1000)

    def name(*words):
        return json.loads(netops("show", "devices", "--json", *words, now_ms=NOW + 2000)[1][0])[0]["name"]

    assert name() == "控制器二"
    assert name("--at", "2026-02-28") == "控制器一"
    assert name("--at", "2026-03-01", "--as-recorded", "2026-05-28T20:26:40Z") == "控制器一"


def test_show_prints_a_table_whose_columns_stand_under_one_another(netops, city):
    netops("apply", city)

    _, lines, _ = netops("show", "sites")

    assert lines == [
        "id        name      area       gateway   tags",
        "bei-gate  北门广场  110108012  nftables  free;square",
        "library   图书馆    110108010",
    ]


def test_show_json_is_the_canonical_city_with_its_digest(netops, city):
    netops("apply", city, rehearsal=True)

    whole = json.loads(netops("show", "--json", rehearsal=True)[1][0])
    overview = netops("show", rehearsal=True)[1]

    assert whole["rehearsal"] is True
    assert overview[0] == "rehearsal: true"
    assert f"digest: {whole['digest']}" in overview
    assert {name: len(whole[name]) for name in ("areas", "contracts", "devices", "services")} == {
        "areas": 29,
        "contracts": 1,
        "devices": 3,
        "services": 2,
    }


def test_history_tells_when_it_held_and_when_it_was_believed(netops, city):
    netops("apply", city)
    (city / "carriers.yaml").write_text((city / "carriers.yaml").read_text().replace("甲", "乙"))
    netops("apply", city, now_ms=NOW + 1000)

    told = json.loads(netops("history", "carrier", "carrier-a", "--json")[1][0])
    lines = netops("history", "carrier", "carrier-a")[1]
    in_utc = netops("history", "carrier", "carrier-a", "--utc")[1]

    assert [(each["record"]["name"], each["valid_to_ms"], each["recorded_to_ms"]) for each in told] == [
        ("甲运营商", None, NOW + 1000),
        ("甲运营商", NOW + 1000, None),
        ("乙运营商", None, None),
    ]
    assert in_utc[0] == "holds 2026-05-28T20:26:40Z; recorded 2026-05-28T20:26:40Z, until 2026-05-28T20:26:41Z"
    assert lines[0] == (
        "holds 2026-05-29T04:26:40+08:00; recorded 2026-05-29T04:26:40+08:00, until 2026-05-29T04:26:41+08:00"
    )


def test_areas_from_ones_own_file_are_shown_one_by_one(netops, city):
    rows = [f"{area.id},{area.name},{area.name_en},{area.col},{area.row}," for area in built_in_areas()[:12]]
    (city / "areas.csv").write_text("\n".join(["code,name,name_en,col,row,population", *rows]), encoding="utf-8")

    code, lines, err = netops("plan", city)

    assert code == 0, err
    assert len([line for line in lines if line.startswith("+ area 1101080")]) == 12
    assert not [line for line in lines if "built in" in line]


def test_the_plan_as_json(netops, city):
    value = json.loads(netops("plan", "--json", city)[1][0])

    assert value["unchanged"] == 0
    assert {
        "action": "add",
        "noun": "carrier",
        "id": "carrier-a",
        "version": "",
        "from_ms": NOW,
        "to_ms": None,
        "place": "carriers.yaml:2",
        "note": "",
        "fields": [],
    } in value["changes"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("show", "devicess"), "did you mean 'devices'?"),
        (("show", "--at", "yesterday"), "'yesterday' is no instant"),
        (("show", "--as-recorded", "1066-10-14"), "outside the years 1970 to 2200"),
        (("history", "device", "none"), "device 'none' was never recorded"),
    ],
)
def test_a_question_that_cannot_be_answered_says_why(netops, words, expected):
    with pytest.raises(InventoryError, match=expected.replace("?", r"\?")):
        netops(*words)


def test_what_a_terminal_would_obey_is_made_visible():
    assert visible("图\x1b[31m\u202e\n") == "图<U+001B>[31m<U+202E><U+000A>"
