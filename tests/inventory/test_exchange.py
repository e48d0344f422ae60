"""The register for other programs and back: round trips, hostile texts, a dump as NetBox lists it."""

import argparse
import csv as csv_module
import io
import json
from types import SimpleNamespace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from inventory import commands, edits
from inventory.city import city_of
from inventory.errors import FilesError, UsageError
from inventory.exchange import amendment, ansible, geojson, netbox, tables
from inventory.model import Area, Carrier, Device, Door, Service, Site
from inventory.reading.csv import guarded, plain
from inventory.reading.folder import read_city
from inventory.register import Register
from inventory.snapshot import of_city

NOW = 1_780_000_000_000
AREA = Area(id="110108001", name="万寿路街道", name_en="Wanshoulu", col=0, row=0)
EVIL = (
    '=HYPERLINK("http://evil.example/","x")',
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1+1)*cmd",
    "'=1+1",
    '"quoted", and, commas',
    "{{ lookup('pipe', 'id') }}",
    "{% raw %}",
    "!!python/object/apply:os.system [id]",
    "a: b # c",
    "- x",
    "*anchor",
    "no",
    "null",
    "99.90",
    "甲\u2003乙",
)


def city(names=EVIL, devices=0):
    yield AREA
    for number, name in enumerate(names):
        yield Carrier(id=f"c{number}", name=name)
        yield Site(
            id=f"s.{number}",
            name=name,
            area=AREA.id,
            address=name,
            longitude="-116.300",
            latitude="39.90",
            tags=("a", "b"),
        )
        yield Device(
            id=f"d{number}",
            site=f"s.{number}",
            carrier=f"c{number}",
            role="olt",
            name=name,
            profile="huawei_smartax",
            address=f"192.0.2.{number + 1}",
            port=1161,
            credential="olt",
            mac=f"0a0b0c0d0e{number:02x}",
            serial=f"SN-{number}",
        )
        yield Device(id=f"o{number}", site=f"s.{number}", carrier=f"c{number}", role="ont", parent=f"d{number}")
        yield Service(
            id=f"f{number}", kind="fiber", carrier=f"c{number}", site=f"s.{number}", role="ont", device=f"d{number}",
            subject=f"onu:sn:HWTC{number:08d}",
        )  # fmt: skip
        yield Door(
            id=f"ssh{number}", device=f"d{number}", kind="ssh", dialect="huawei_smartax", keys=(f"SHA256:{'A' * 43}",)
        )
    for number in range(devices):
        yield Device(id=f"ap-{number:04d}", site="s.0", carrier="c0", role="ap", mac=f"{number:012x}", parent="d0")


def seen(**kind):
    return of_city(city_of(city(**kind)), at_ms=NOW, rehearsal=False)


def folder(tmp_path, files):
    place = tmp_path / "made"
    place.mkdir()
    for name, written in files.items():
        (place / name).write_text(written, encoding="utf-8", newline="")
    return place


def test_the_files_of_a_register_are_read_back_as_the_register(tmp_path):
    held = seen()
    place = folder(tmp_path, tables.files(held))
    (place / "contracts").mkdir()

    again = of_city(read_city(place), at_ms=NOW, rehearsal=False)

    assert again.canonical == held.canonical


def test_no_cell_of_a_table_is_a_formula(tmp_path):
    for name, written in tables.files(seen()).items():
        if name.endswith(".csv"):
            for row in csv_module.reader(io.StringIO(written)):
                assert not [cell for cell in row if cell[:1] in "=+@" and cell], name
                assert not [cell for cell in row if cell.startswith("-") and not cell[1:].replace(".", "").isdigit()]


def test_carriers_are_yaml_that_a_strict_reader_takes_as_the_same_texts():
    told = yaml.safe_load(tables.files(seen())["carriers.yaml"])

    assert {each["id"]: each["name"] for each in told["carriers"]} == {f"c{n}": name for n, name in enumerate(EVIL)}


@given(st.text(max_size=20))
def test_a_guarded_cell_is_never_a_formula_and_says_the_same(text):
    assert plain(guarded(text)) == text or (text.startswith("'") and guarded(text) != text)
    assert guarded(text)[:1] not in {"=", "+", "@"}
    assert plain(guarded(text)) == text


def test_a_dump_for_netbox_is_read_back_as_the_same_sites_and_devices(tmp_path):
    held = seen()
    found = netbox.read(folder(tmp_path, netbox.dump(held)), {})

    assert {each.id: each for each in found.records} == {each.id: each for each in (*held.sites, *held.devices)}
    assert found.left_out == []


DUMP = {
    "sites.json": [
        {
            "id": 7,
            "name": "万柳公园",
            "slug": "wanliu-park",
            "status": {"value": "active", "label": "Active"},
            "region": {"id": 1, "slug": "110108001"},
            "physical_address": "万柳中路\r\n1号",
            "latitude": 39.97,
            "longitude": 116.290000,
            "tags": [{"slug": "park"}],
            "custom_fields": {},
        },
        {"id": 8, "name": "x", "slug": "planned-place", "status": {"value": "planned"}},
    ],
    "devices.json": [
        {
            "id": 31,
            "name": "OLT Wanliu #1",
            "role": {"slug": "olt"},
            "tenant": {"slug": "carrier-a"},
            "platform": {"slug": "huawei-smartax"},
            "serial": "2102310",
            "site": {"id": 7, "slug": "wanliu-park"},
            "status": {"value": "active"},
            "primary_ip": {"id": 5, "address": "192.0.2.5/24"},
            "tags": [],
            "custom_fields": {"netops_credential": "olt"},
        },
        {"id": 32, "name": "panel-1", "role": {"slug": "patch-panel"}, "site": {"slug": "wanliu-park"}},
    ],
    "interfaces.json": [
        {"id": 1, "device": {"id": 31}, "name": "mgmt", "mac_address": "0A:0B:0C:0D:0E:0F"},
        {"id": 2, "device": {"id": 31}, "name": "gpon0/1", "mac_address": "0A:0B:0C:0D:0E:10"},
    ],
    "ip-addresses.json": [{"id": 5, "address": "192.0.2.5/24", "assigned_object_id": 1}],
}


def dumped(tmp_path, lists=DUMP):
    return folder(tmp_path, {name: json.dumps({"next": None, "results": each}) for name, each in lists.items()})


def test_a_foreign_netbox_is_read_and_what_is_left_out_is_told(tmp_path):
    found = netbox.read(dumped(tmp_path), {})

    assert found.records == [
        Site(
            id="wanliu-park",
            name="万柳公园",
            area="110108001",
            address="万柳中路 1号",
            longitude="116.29",
            latitude="39.97",
            tags=("park",),
        ),
        Device(
            id="olt-wanliu-1",
            site="wanliu-park",
            carrier="carrier-a",
            role="olt",
            name="OLT Wanliu #1",
            profile="huawei_smartax",
            address="192.0.2.5",
            credential="olt",
            mac="0a0b0c0d0e0f",
            serial="2102310",
        ),
    ]
    assert found.left_out == [
        "site planned-place: its status is planned",
        "device panel-1: nobody asks a 'patch_panel'",
    ]


def test_what_netbox_does_not_say_keeps_what_the_register_has(tmp_path):
    known = Device(
        id="olt-wanliu-1", site="old", carrier="carrier-a", role="olt", profile="p", address="192.0.2.9", port=1161,
        tags=("night",),
    )  # fmt: skip
    found = netbox.read(dumped(tmp_path), {("device", known.id): known})

    device = found.records[1]
    assert (device.port, device.tags, device.address, device.site) == (1161, ("night",), "192.0.2.5", "wanliu-park")


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"devices.json": "[]"}, "sites.json: cannot be read"),
        ({"sites.json": "{", "devices.json": "[]"}, "sites.json: is no JSON"),
        ({"sites.json": '{"results": 1}', "devices.json": "[]"}, "no list of NetBox"),
        ({"sites.json": '{"next": "x", "results": []}', "devices.json": "[]"}, "one page of several"),
        (
            {"sites.json": '[{"slug": "a", "name": "n"}]', "devices.json": "[]"},
            "sites.json #1 area: the site lacks 'area'",
        ),
        (
            {"sites.json": "[]", "devices.json": '[{"role": {"slug": "olt"}}]'},
            "devices.json #1 id: the device lacks 'id'",
        ),
        ({"sites.json": "[" * 100_000, "devices.json": "[]"}, "is no JSON"),
    ],
)
def test_a_dump_that_cannot_be_used_is_refused_with_its_place(tmp_path, files, why):
    with pytest.raises(FilesError, match=why):
        netbox.read(folder(tmp_path, files), {})


def test_geojson_has_each_site_with_its_digits():
    told = json.loads(geojson.collection(seen()), parse_float=str)

    first = told["features"][0]
    assert (told["type"], first["id"], first["geometry"]) == (
        "FeatureCollection",
        "s.0",
        {"type": "Point", "coordinates": ["-116.300", "39.90"]},
    )
    assert {each["properties"]["name"] for each in told["features"]} == set(EVIL)
    assert first["properties"]["devices"] == 2


def test_an_ansible_inventory_holds_no_template():
    told = ansible.inventory(seen())

    assert "{{" not in json.dumps(told, ensure_ascii=False)
    assert "{%" not in json.dumps(told, ensure_ascii=False)
    assert told["_meta"]["hostvars"]["d0"]["ansible_host"] == "192.0.2.1"
    assert told["role_olt"]["hosts"] == sorted(f"d{number}" for number in range(len(EVIL)))
    assert "o0" not in told["_meta"]["hostvars"], "nobody can reach it"
    assert all(name.replace("_", "a").isalnum() for name in told if name != "_meta")


@pytest.fixture
def netops(url, capsys):
    def run(*words):
        parser = argparse.ArgumentParser()
        commands.arguments(parser)
        args = parser.parse_args([str(word) for word in words])
        args.now_ms = NOW
        settings = SimpleNamespace(register_url=url, city=SimpleNamespace(timezone="Asia/Shanghai", rehearsal=False))
        code = commands.run(args, settings)
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def filled(url):
    with Register(url, rehearsal=False) as register:
        register.apply(city_of(city(devices=5_000)), at_ms=NOW - 1000, now_ms=NOW - 1000)
    return url


def test_five_thousand_devices_go_out_and_come_back_without_a_difference(netops, filled, tmp_path):
    netops("export", "--format", "netbox", "--out", tmp_path / "nb")
    netops("export", "--format", "csv", "--out", tmp_path / "csv")

    by_netbox = netops("import", "--format", "netbox", tmp_path / "nb", "--dry-run")
    by_csv = netops("import", "--format", "csv", tmp_path / "csv", "--dry-run")

    for code, out, _err in (by_netbox, by_csv):
        assert code == 0
        assert out.startswith("0 added, 0 changed, 0 ended"), out[:300]
    assert len(json.loads((tmp_path / "nb" / "devices.json").read_text())["results"]) == 5_000 + 2 * len(EVIL)


@pytest.mark.parametrize("kind", ["netbox", "csv"])
def test_what_a_program_made_and_no_file_could_say_comes_back_unchanged(netops, url, tmp_path, kind):
    """A rehearsal's anchors have no carrier: an import must not stumble over what it does not change."""
    anchor = Device(id="anchor", site="s", carrier="", role="anchor", address="192.0.2.7", profile="p")
    place = Site(id="s", name="n", area=AREA.id)
    with Register(url, rehearsal=False) as register:
        register.apply(city_of([AREA, place, anchor]), at_ms=NOW - 1000, now_ms=NOW - 1000)
    netops("export", "--format", kind, "--out", tmp_path / "out")

    code, out, _ = netops("import", "--format", kind, tmp_path / "out", "--dry-run")

    assert (code, out.splitlines()[-1]) == (0, "2 as the register says")


def test_an_import_makes_an_amendment_and_writes_no_register(netops, filled, tmp_path, rows):
    table = tmp_path / "devices.csv"
    table.write_text("id,site,carrier,role,parent\nap-0001,s.1,c0,ap,d0\nap-new,s.1,c0,ap,d0\n")
    with Register(filled, rehearsal=False) as register:
        before = rows(register)

    code, out, err = netops("import", "--format", "csv", table, "--out", tmp_path / "a.json")

    with Register(filled, rehearsal=False) as register:
        assert rows(register) == before
        wanted = amendment.read(tmp_path / "a.json")
        assert [(each.id, bool(each.before)) for each in wanted] == [("ap-0001", True), ("ap-new", False)]
        assert wanted[0].after.mac == "000000000001", "a column that is not there keeps what the register has"
    assert (code, "~ device ap-0001" in out, "site: s.0 → s.1" in out, "+ device ap-new" in out) == (
        0,
        True,
        True,
        True,
    )
    assert "approve request register_change --amendment" in err


def test_a_first_part_of_an_import_can_be_taken_alone(netops, filled, tmp_path):
    table = tmp_path / "devices.csv"
    table.write_text("id,site,carrier,role,parent\na-child,s.1,c0,ap,z-parent\nz-parent,s.1,c0,wlan_controller,\n")

    _, out, err = netops("import", "--format", "csv", table, "--most", "1", "--dry-run")

    assert "+ device z-parent" in out
    assert "1 more: import again" in err


def test_a_directory_that_is_not_empty_is_not_written_into(netops, filled, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(UsageError, match="not empty"):
        netops("export", "--format", "csv", "--out", tmp_path)
    with pytest.raises(UsageError, match="with --out"):
        netops("export", "--format", "netbox")
    with pytest.raises(UsageError, match="did you mean"):
        netops("export", "--format", "ansible", "--host", "ap-00x1")


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("{", "is no JSON"),
        ("[]", "is no amendment"),
        ('{"format":"netops/amendment@1","changes":[{"noun":"site"}]}', "change 1: the edit: is no object"),
        ('{"format":"netops/amendment@1","changes":[1.5]}', "has no canonical form"),
    ],
)
def test_an_amendment_that_is_none_is_refused_with_its_place(tmp_path, written, why):
    path = tmp_path / "a.json"
    path.write_text(written)

    with pytest.raises(FilesError, match=why):
        amendment.read(path)


def test_an_amendment_is_read_back(tmp_path):
    wanted = edits.differing([each for each in city() if not isinstance(each, (Area, Carrier))], {})
    path = tmp_path / "a.json"
    path.write_text(amendment.written(wanted), encoding="utf-8")

    assert amendment.read(path) == wanted
