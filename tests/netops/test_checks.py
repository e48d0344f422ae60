"""`netops check` and `netops db`: every name that fails at once, every branch brought up."""

import json
import re
import shutil
from argparse import Namespace
from pathlib import Path

import pytest

from inventory.city import City, Source, city_of, key
from inventory.errors import InventoryError
from inventory.model import Carrier, Device
from inventory.register import Register
from inventory.snapshot import of_city
from inventory.sql import Migrations
from inventory.tables import MIGRATIONS
from netops import checks
from netops.checks import Problem
from netops.commands import check, db
from netops.config import Credential, Data, Settings
from netops.errors import NetopsError
from tests.netops.instances import GUIDE, how_to_city

FLAGS = re.MULTILINE | re.DOTALL
NOW = 1_780_000_000_000


def seen(*records, places=None):
    city = city_of(records)
    return of_city(City(city.records, places or {}), at_ms=NOW, rehearsal=False)


def device(**said):
    return Device(id="d", site="s", carrier="c", role="ap", **said)


def test_all_checks_run_and_each_problem_comes_once_in_order():
    one, two = Problem("b:2", "x"), Problem("a:1", "y", "z")
    loaded = {"p": lambda: lambda *_: [one, two], "q": lambda: lambda *_: [one]}

    assert checks.run(Settings(), seen(), loaded) == [two, one]


def broken():
    raise ImportError("no module")


def refuses(*_):
    raise InventoryError("the file is gone")


def test_a_check_that_fails_is_a_problem_and_the_others_run():
    loaded = {"gone": broken, "late": lambda: refuses, "good": lambda: lambda *_: [Problem("a", "b")]}

    found = checks.run(Settings(), seen(), loaded)

    assert [(each.where, each.what) for each in found] == [
        ("a", "b"),
        ("check 'gone'", "cannot be loaded (no module)"),
        ("check 'late'", "the file is gone"),
    ]


def test_a_credential_that_the_settings_lack_is_named_where_it_stands():
    record = device(address="192.0.2.1", profile="p", credential="carrier_snmp")
    places = {key(record): Source("devices.yaml:3", {"credential": "devices.yaml:9"})}
    settings = Settings(credentials={"carrier-snmp": Credential()})

    assert checks.credentials(settings, seen(record, places=places)) == [
        Problem(
            "devices.yaml:9",
            "device 'd' names credential 'carrier_snmp', which the settings do not have",
            "did you mean 'carrier-snmp'?",
        )
    ]
    assert "add [credentials.carrier_snmp]" in checks.credentials(Settings(), seen(record))[0].remedy


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"address": "192.0.2.1", "profile": "p", "credential": "good"}, []),
        ({}, []),
        ({"address": "192.0.2.1", "profile": "p"}, ["device 'd' has an address but no credential"]),
    ],
    ids=["named", "never asked", "asked without"],
)
def test_only_a_device_that_is_asked_needs_a_credential(said, expected):
    settings = Settings(credentials={"good": Credential()})

    assert [each.what for each in checks.credentials(settings, seen(device(**said)))] == expected


@pytest.fixture
def instance(tmp_path):
    settings = Settings(data=Data(dir=tmp_path / "data"))
    db.upgrade(settings, [MIGRATIONS])
    return settings


def names(_, snapshot):
    return [Problem(f"{snapshot.carriers[0].id}.yaml:1", "what", "how")]


def test_check_prints_what_the_rooms_find_in_the_register(instance, monkeypatch, capsys):
    with Register(instance.register_url, rehearsal=False) as register:
        register.apply(city_of([Carrier(id="c", name="甲")]), at_ms=NOW, now_ms=NOW)
    monkeypatch.setattr(
        checks,
        "installed",
        lambda: {"names": lambda: lambda _, s: [Problem(f"{s.carriers[0].id}.yaml:1", "what", "how")]},
    )

    code = check.run(Namespace(dir=None, json=False, now_ms=NOW), instance)

    assert (code, capsys.readouterr().out) == (1, "c.yaml:1: what; how\n1 problem\n")


def test_check_says_when_all_names_resolve(instance, monkeypatch, capsys):
    monkeypatch.setattr(checks, "installed", lambda: {"names": lambda: lambda *_: []})

    code = check.run(Namespace(dir=None, json=False, now_ms=NOW), instance)

    assert (code, capsys.readouterr().out) == (0, "all names resolve (names)\n")


def test_check_of_a_directory_prints_its_faults_as_json(instance, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(checks, "installed", dict)

    code = check.run(Namespace(dir=tmp_path / "none", json=True, now_ms=NOW), instance)

    assert code == 1
    assert json.loads(capsys.readouterr().out) == [
        {
            "where": str(tmp_path / "none"),
            "what": "is no directory",
            "remedy": "name the directory that holds sites.csv",
        }
    ]


def test_upgrade_says_what_it_did_and_current_says_what_is_behind(tmp_path, monkeypatch, capsys):
    settings = Settings(data=Data(dir=tmp_path / "data"))
    monkeypatch.setattr(db, "installed", lambda: [MIGRATIONS])
    verbs = [
        ("upgrade", {"dry_run": True}),
        ("current", {"json": True}),
        ("upgrade", {"dry_run": False}),
        ("upgrade", {"dry_run": False}),
        ("current", {"json": False}),
    ]

    said = [(db.run(Namespace(verb=verb, **rest), settings), capsys.readouterr().out) for verb, rest in verbs]

    assert said == [
        (0, "inventory: empty, newest is 0002; run `netops db upgrade`\n"),
        (1, '[{"branch": "inventory", "version": "", "newest": "0002"}]\n'),
        (0, "inventory: empty → 0002\n"),
        (0, "inventory: nothing to do\n"),
        (0, "inventory: 0002\n"),
    ]


def test_every_installed_branch_has_its_own_version_table():
    """What setup.cfg lists can be loaded, and no two share a version table."""
    branches = db.installed()

    assert all(isinstance(branch, Migrations) for branch in branches)
    assert len({branch.version_table for branch in branches}) == len(branches)


def test_a_branch_that_cannot_be_loaded_is_named(monkeypatch):
    class Entry:
        name = "lost"

        def load(self):
            raise ImportError("no module named lost")

    monkeypatch.setattr(db, "entry_points", lambda group: [Entry()])

    with pytest.raises(NetopsError, match="migrations 'lost' cannot be loaded"):
        db.installed()


def test_the_data_directory_is_its_owner_s_alone(tmp_path):
    settings = Settings(data=Data(dir=tmp_path / "a" / "data"))
    db.upgrade(settings, [MIGRATIONS])

    assert Path(settings.data.dir).stat().st_mode & 0o077 == 0
    shutil.rmtree(settings.data.dir)


def test_a_name_that_will_hold_only_later_is_checked_today(instance, monkeypatch, capsys):
    """A misspelt indicator in next year's amendment must not wait for next year."""
    with Register(instance.register_url, rehearsal=False) as register:
        register.apply(city_of([Carrier(id="c", name="甲")]), at_ms=NOW, now_ms=NOW)
        register.apply(city_of([Carrier(id="z", name="乙")]), at_ms=NOW + 10_000, now_ms=NOW)
    monkeypatch.setattr(checks, "installed", lambda: {"names": lambda: names})

    check.run(Namespace(dir=None, json=False, now_ms=NOW + 1), instance)

    assert capsys.readouterr().out == "c.yaml:1: what; how\nz.yaml:1: what; how\n2 problems\n"


def test_every_name_in_the_guide_s_example_resolves(instance, tmp_path, capsys):
    """The whole house looks at what the how-to shows, with the credential that it names."""
    files = how_to_city(tmp_path)
    settings = Settings(data=instance.data, credentials={"carrier-a-snmp": Credential()})

    code = check.run(Namespace(dir=files, json=False, now_ms=NOW), settings)

    assert capsys.readouterr().out.startswith("all names resolve")
    assert code == 0


def test_the_city_of_the_guide_has_no_name_that_fails(tmp_path, capsys):
    """Whoever copies the how-to's files, `doors.csv` among them, and has its two credentials begins without a fault."""
    shown = re.findall(r"^### [^\n]*`([^`]+)`\n(?:[^`#\n]+\n)?```\w+\n(.*?)^```$", GUIDE.read_text("utf-8"), FLAGS)
    for name, text in shown:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    settings = Settings(
        credentials={"carrier-a-snmp": Credential(kind="snmp"), "carrier-a-ssh": Credential(kind="ssh", user="u")}
    )

    code = check.run(Namespace(dir=tmp_path, json=False, now_ms=NOW), settings)

    assert {"doors.csv", "devices.csv", "contracts/wifi-2026.yaml"} <= {name for name, _ in shown}
    assert (code, capsys.readouterr().out.partition(" (")[0]) == (0, "all names resolve")
