# ruff: noqa: E501  (the tables hold whole sentences)
"""Every way in which a city's files can be wrong, and the sentence that says so."""

import os
import resource
import time

import pytest

from inventory.errors import FilesError
from inventory.model import Carrier, Contract, Dispute
from inventory.reading.folder import built_in_areas, read_city
from inventory.reading.tree import MOST_PROBLEMS

CONTRACT = "contracts/wifi-2026.yaml"


def problems(folder):
    with pytest.raises(FilesError) as caught:
        read_city(folder)
    return [str(problem) for problem in caught.value.problems]


def swap(folder, name, old, new, count=1):
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, count), encoding="utf-8")


def line_of(folder, name, word):
    return (folder / name).read_text(encoding="utf-8").splitlines().index(word) + 1


CASES = [
    # rows
    ("sites.csv", "library,图书馆,110108010", "library,图书馆,110108099", "sites.csv:3: site 'library' names the area '110108099', which no file has; did you mean '110108029'?"),
    ("sites.csv", "library,", "bei-gate,", "sites.csv:3: site 'bei-gate' is already at sites.csv:2; give each its own id, or remove one of the two"),
    ("sites.csv", "library,", "Library,", "sites.csv:3: 'id' is 'Library', which is no id; use a-z, 0-9, _ . - and start with a letter or digit, at most 100"),
    ("sites.csv", "图书馆", "", "sites.csv:3: the site lacks 'name'; add `name`"),
    ("sites.csv", "39.992", "", "sites.csv:2: the site has only one coordinate; write both longitude and latitude, or none"),
    ("sites.csv", "39.992", "139.992", "sites.csv:2: 'latitude' is 139.992; expected a number from -90 to 90"),
    ("sites.csv", "39.992", "3.9e1", "sites.csv:2: 'latitude' is '3.9e1'; expected a decimal number like 99.95"),
    ("sites.csv", "gateway,tags", "gatway,tags", "sites.csv:1: 'gatway' is no column here; did you mean 'gateway'?"),
    ("sites.csv", "id,name,area", "id,name,name", "sites.csv:1: column 'name' is there twice; keep one of the two"),
    ("sites.csv", "library,图书馆", "library,图书馆,more", "sites.csv:3: has 9 cells, the header has 8; quote cells that hold a comma"),
    ("sites.csv", "图书馆", '"图书馆', "sites.csv:3: is not valid CSV: unexpected end of data; check its quotes"),
    ("sites.csv", "图书馆", "图书\u202e馆", "sites.csv:3: 'name' holds the character U+202E; remove it; it does not print"),
    ("sites.csv", "图书馆", "图书\x1b[2J馆", "sites.csv:3: 'name' holds the character U+001B; remove it; it does not print"),
    ("sites.csv", "图书馆", "馆" * 201, "sites.csv:3: 'name' has 201 characters; use at most 200"),
    ("devices.csv", "wlan_controller", "wlan-controler", "devices.csv:2: 'role' is 'wlan-controler'; did you mean 'wlan_controller'?"),
    ("devices.csv", "192.0.2.10", "ac1.example", "devices.csv:2: 'address' is 'ac1.example'; expected the IPv4 or IPv6 address of one device; write the port in 'port'"),
    ("devices.csv", "192.0.2.10", "fe80::1%eth0", "devices.csv:2: 'address' is 'fe80::1%eth0'; expected the IPv4 or IPv6 address of one device; write the port in 'port'"),
    ("devices.csv", "192.0.2.10", "fe80::1", "devices.csv:2: 'address' is 'fe80::1'; expected the IPv4 or IPv6 address of one device; write the port in 'port'"),
    ("devices.csv", "192.0.2.10", "::ffff:224.0.0.1", "devices.csv:2: 'address' is '::ffff:224.0.0.1'; expected the IPv4 or IPv6 address of one device; write the port in 'port'"),
    ("devices.csv", "192.0.2.10", "224.0.0.1", "devices.csv:2: 'address' is '224.0.0.1'; expected the IPv4 or IPv6 address of one device; write the port in 'port'"),
    ("devices.csv", ",161,", ",70000,", "devices.csv:2: 'port' is '70000'; expected a whole number from 1 to 65535"),
    ("devices.csv", "192.0.2.10,161", ",161", "devices.csv:2: the device has a port but no address; add the address or remove the port"),
    ("devices.csv", "huawei_wlan_ac", "", "devices.csv:2: the device has an address but no profile; say in 'profile' how it answers"),
    ("devices.csv", "0a:0b:0c:00:00:01", "0a:0b:0c:00:00", "devices.csv:3: 'mac' is '0a:0b:0c:00:00'; expected a MAC address like 0a:0b:0c:0d:0e:0f"),
    ("devices.csv", "0a:0b:0c:00:00:02", "0A-0B-0C-00-00-01", "devices.csv:4: device 'ap-2' has the MAC address 0a0b0c000001 of 'ap-1' (devices.csv:3); one of the two is wrong"),
    ("devices.csv", "bei-gate,carrier-a,ap", "bei-gate,carrier-b,ap", "devices.csv:3: device 'ap-1' names the carrier 'carrier-b', which no file has; did you mean 'carrier-a'?"),
    ("devices.csv", "carrier-a-snmp,,,,", "carrier-a-snmp,,,ap-1,", "devices.csv:2: device 'ac-1' is its own ancestor (ac-1 → ap-1 → ac-1); cut the circle"),
    ("services.csv", "wifi-2,wifi", "wifi-2,wlan", "services.csv:3: 'kind' is 'wlan'; expected one of: wifi, lte, fiber"),
    ("services.csv", "ap:mac:0a0b0c000002", "0a0b0c000002", "services.csv:3: 'subject' is '0a0b0c000002'; expected kind:id, like ap:mac:0a0b0c0d0e0f or onu:sn:HWTC01234567"),
    ("services.csv", "ap:mac:0a0b0c000002", "ap:mac:0A:0B:0C:00:00:01", "services.csv:3: service 'wifi-2' has the wifi subject ap:mac:0a0b0c000001 of 'wifi-1' (services.csv:2); one of the two is wrong"),
    ("services.csv", "ac-1,ap:mac:0a0b0c000002", "ap-2,ap:mac:0A:0B:0C:00:00:01", "services.csv:3: service 'wifi-2' has the wifi subject ap:mac:0a0b0c000001 of 'wifi-1' (services.csv:2); one of the two is wrong"),
    ("services.csv", "ap,ac-1,ap:mac:0a0b0c000002", "ap,ac-9,ap:mac:0a0b0c000002", "services.csv:3: service 'wifi-2' names the device 'ac-9', which no file has; did you mean 'ac-1'?"),
    # carriers
    ("carriers.yaml", "carriers:", "carrier:", "carriers.yaml:1: the file has no 'carrier'; did you mean 'carriers'?"),
    ("carriers.yaml", "name_en:", "nam_en:", "carriers.yaml:4: the carrier has no 'nam_en'; did you mean 'name_en'?"),
    ("carriers.yaml", "name: 甲运营商", "id: 甲", "carriers.yaml:3: key 'id' is already at line 2; keep one of the two"),
    ("carriers.yaml", "name_en: Carrier A", "keys: [carrier-a/disputes+12427286+AWfTterwwL9rWmAtNZ2uzIanp0BTSQ7DeuCOcTYFh8hw]", "carriers.yaml:4: 'carrier-a/disputes+12427286' in 'keys' is no verifier key; expected the line `<name>+<id>+<key>` that `netops dispute key` printed at the carrier's"),
    ("carriers.yaml", "name_en: Carrier A", "keys: [PRIVATE+KEY+carrier-a/disputes+12427285+AWfTterwwL9rWmAtNZ2uzIanp0BTSQ7DeuCOcTYFh8hw]", "carriers.yaml:4: 'keys' holds a private key, which must not leave its owner; expected the line `<name>+<id>+<key>` that `netops dispute key` printed at the carrier's; if others saw it, make a new key"),
    ("carriers.yaml", "name_en: Carrier A", "keys: [carrier-a+12427285]", "carriers.yaml:4: 'carrier-a+12427285' in 'keys' is no verifier key; expected the line `<name>+<id>+<key>` that `netops dispute key` printed at the carrier's"),
    # contracts
    (CONTRACT, "currency: CNY", "dispute: {objection_days: 0}", f"{CONTRACT}:8: 'objection_days' is '0'; expected a whole number from 1 to 250"),
    (CONTRACT, "currency: CNY", "dispute: {objections_days: 3}", f"{CONTRACT}:8: the dispute of contract 'wifi-2026' has no 'objections_days'; did you mean 'objection_days'?"),
    (CONTRACT, "contract: wifi-2026", "contract: wifi-2026\ncolour: red", f"{CONTRACT}:2: the contract has no 'colour'; expected one of: contract, version, title, carrier, valid_from, ends, timezone, currency, … (14 in all)"),
    (CONTRACT, "version: 1", "version: 2026-supplementary-agreement-number-7", f"{CONTRACT}:2: 'version' is '2026-supplementary-agreement-number-7', which is no id; use a-z, 0-9, _ . - and start with a letter or digit, at most 32"),
    (CONTRACT, "first_bad", "first-bad", f"{CONTRACT}:14: 'outage_edge' is 'first-bad'; did you mean 'first_bad'?"),
    (CONTRACT, "  unknown_mode: removed", "  #", f"{CONTRACT}:11: the rules of contract 'wifi-2026' lack 'unknown_mode'; it decides money, so it has no default"),
    (CONTRACT, "0.05 ", "5 ", f"{CONTRACT}:13: 'max_unknown_ratio' is 5; expected a number from 0 to 1"),
    (CONTRACT, "remove_from_denominator", "not_excluded", f"{CONTRACT}:11: 'exclusion_mode' is not_excluded, yet classes of exclusions are listed; remove the list, or say how an exclusion counts"),
    (CONTRACT, "  min_outage_s: 60", "  aggregation: weighted", f"{CONTRACT}:15: 'aggregation' is weighted and 'weight' is none; a weighted aggregation needs a weight, another one has none"),
    (CONTRACT, "  min_outage_s: 60", "  quorum: 2", f"{CONTRACT}:15: 'quorum' is 2 of 1 vantage points; expected at most 'vantages'"),
    (CONTRACT, "  min_outage_s: 60", "  min_samples_per_slice: 61", f"{CONTRACT}:15: 61 samples every 60 s do not fit a slice of 3600 s; every slice would be unknown; lower it or lengthen 'slice_s'"),
    (CONTRACT, "valid_from: 2026-01-01", "valid_from: 1 January", f"{CONTRACT}:5: 'valid_from' of contract 'wifi-2026': '1 January' is no instant; expected 2026-01-01 or 2026-01-01T08:00:00+08:00"),
    (CONTRACT, "ends: 2027-01-01", "ends: 2025-01-01", f"{CONTRACT}:6: contract 'wifi-2026' ends before it begins; expected an instant after 'valid_from'"),
    (CONTRACT, "Asia/Shanghai", "Asia/Beijing", f"{CONTRACT}:7: 'Asia/Beijing' is no IANA time zone; expected one like Asia/Shanghai"),
    (CONTRACT, "currency: CNY", "currency: RMB", f"{CONTRACT}:8: 'currency' is 'RMB'; expected one of: CNY, USD, EUR, HKD"),
    (CONTRACT, "target: 99.5", "target: 99,5", f"{CONTRACT}:34: 'target' is '99,5'; expected a decimal number like 99.95"),
    (CONTRACT, "        target: 99.5\n", "", f"{CONTRACT}:32: objective 'availability' lacks 'target'; add `target`"),
    (CONTRACT, "mon-fri 06:00-24:00", "fri-mon 06:00-24:00", f"{CONTRACT}:36: 'hours' has 'fri-mon 06:00-24:00'; expected `always` or windows like `mon-fri 08:00-20:00`"),
    (CONTRACT, "sat,sun 08", "fri,sun 08", f"{CONTRACT}:36: 'hours' has windows that overlap; each minute of the week belongs to one window"),
    (CONTRACT, "at_least: 99.0", "at_least: 99.6", f"{CONTRACT}:38: a tier holds no value at all; its lower bound lies above its upper one"),
    (CONTRACT, "{below: 99.0", "{at_most: 99.0", f"{CONTRACT}:38: tiers overlap; one value must lie in one tier; use `below` against `at_least`"),
    (CONTRACT, "{below: 99.0, ", "{below: 99.0, at_most: 98, ", f"{CONTRACT}:40: the tier states both 'below' and 'at_most'; keep the one the contract says"),
    (CONTRACT, "{below: 99.0, percent: 30}", "{percent: 30}", f"{CONTRACT}:40: the tier has no bound; state at_least, above, below or at_most"),
    (CONTRACT, "object_cap_percent: 100", "escalate_after: 3", f"{CONTRACT}:38: 'escalate_after' and 'escalate_factor' go together; state both or none"),
    (CONTRACT, "roles: [ap]", "roles: [aps]", f"{CONTRACT}:29: 'aps' in 'roles' is not known; did you mean 'ap'?"),
    (CONTRACT, "roles: [ap]", "areas: [110108009]", f"{CONTRACT}:29: contract 'wifi-2026' names the area '110108009', which no file has; did you mean '110108030'?"),
    (CONTRACT, "roles: [ap]", "role: [ap]", f"{CONTRACT}:29: the selector of item 'public-wifi' has no 'role'; did you mean 'roles'?"),
    (CONTRACT, "title: 2026", "title: [2026]\nx: 2026", f"{CONTRACT}:3: 'title' of contract 'wifi-2026' is a list or a map; write one value"),
    (CONTRACT, "title: 2026", "title: !!python/object/apply:os.system 2026", f"{CONTRACT}:3: uses the tag tag:yaml.org,2002:python/object/apply:os.system; write plain values"),
    (CONTRACT, "title: 2026", "title: &a 2026", f"{CONTRACT}:3: uses an anchor or alias (& or *); write the values out"),
    (CONTRACT, "title: 2026", "title: *a\nx: 2026", f"{CONTRACT}:3: uses an anchor or alias (& or *); write the values out"),
    (CONTRACT, "title: 2026", "? [a]\n: 2026", f"{CONTRACT}:3: has a key that is no plain word; write `key: value`"),
    (CONTRACT, "items:\n", "items: none\nx:\n", f"{CONTRACT}:24: 'items' of contract 'wifi-2026' is no list of maps; write entries that start with `- `"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "expected"), CASES, ids=[case[3][:70] for case in CASES])
def test_each_fault_is_named_with_its_place_and_remedy(city, name, old, new, expected):
    swap(city, name, old, new)

    assert expected in problems(city)


def test_all_faults_come_out_at_once_in_the_order_of_their_places(city):
    swap(city, "sites.csv", "110108010", "110108099")
    swap(city, "services.csv", "wifi-2,wifi", "wifi-2,wlan")
    swap(city, CONTRACT, "first_bad", "first-bad")
    swap(city, CONTRACT, "99.5\n", "99.O\n")

    places = [problem.split(": ")[0] for problem in problems(city)]

    assert places == [f"{CONTRACT}:14", f"{CONTRACT}:34", "services.csv:3", "sites.csv:3"]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("sites.csv", "图书馆", ""),
        ("sites.csv", "library,图", "LIBRARY,图"),
        ("sites.csv", "library,图书馆", "library,图书馆,more"),
        ("sites.csv", "gateway,tags", "gatway,tags"),
        ("carriers.yaml", "carriers:", "carriers: ["),
        ("carriers.yaml", "  - id: carrier-a", "  - id: CARRIER-A"),
    ],
)
def test_a_fault_in_one_record_causes_no_fault_in_those_that_name_it(city, name, old, new):
    swap(city, name, old, new)

    assert [problem.split(":")[0] for problem in problems(city)] == [name]


def test_a_file_that_is_missing_is_the_only_fault(city):
    (city / "sites.csv").unlink()

    assert len(problems(city)) == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sites.csv", "sites.csv is missing"),
        ("carriers.yaml", "carriers.yaml is missing"),
        ("services.csv", "services.csv is missing"),
        ("devices.csv", "devices.csv or devices.yaml is missing"),
    ],
)
def test_a_missing_file_is_refused_because_it_would_end_everything(city, name, expected):
    (city / name).unlink()

    assert any(expected in problem for problem in problems(city))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("devcies.csv", "devcies.csv: no file of this name is read; did you mean 'devices.csv'?"),
        ("carriers.yml", "carriers.yml: no file of this name is read; did you mean 'carriers.yaml'?"),
        ("contracts/a.yml", "contracts/a.yml: is not read; contracts are files that end in .yaml"),
    ],
)
def test_a_file_that_would_be_overlooked_is_named(city, name, expected):
    (city / name).write_text("", encoding="utf-8")

    assert expected in problems(city)


def test_the_same_device_in_csv_and_yaml_is_refused(city):
    (city / "devices.yaml").write_text("devices:\n- {id: ac-1, site: library, carrier: carrier-a, role: ap}\n")

    assert (
        "devices.yaml:2: device 'ac-1' is already at devices.csv:2; give each its own id, or remove one of the two"
        in problems(city)
    )


def test_a_gb18030_file_is_refused_with_the_command_that_converts_it(city):
    text = (city / "sites.csv").read_text(encoding="utf-8")
    (city / "sites.csv").write_bytes(text.encode("gb18030"))

    (found,) = problems(city)
    assert found == (
        "sites.csv:2: is not UTF-8 (byte 62 is 0xb1); it looks like GB18030: save it as 'CSV UTF-8', "
        "or convert it with `iconv -f GB18030 -t UTF-8 sites.csv`"
    )


@pytest.mark.parametrize(("encoding", "expected"), [("utf-16", "UTF-16"), ("latin-1", "save it as UTF-8")])
def test_other_encodings_are_refused(city, encoding, expected):
    (city / "carriers.yaml").write_bytes("carriers: é\xff\xfe".encode(encoding))

    assert expected in problems(city)[0]


def test_a_byte_order_mark_and_carriage_returns_of_a_spreadsheet_are_read(city):
    before = read_city(city)
    text = (city / "sites.csv").read_text(encoding="utf-8")
    (city / "sites.csv").write_bytes(("\ufeff" + text.replace("\n", "\r\n")).encode())

    assert read_city(city).records == before.records


def test_semicolons_between_columns_are_named(city):
    text = (city / "sites.csv").read_text(encoding="utf-8").splitlines()[0]
    (city / "sites.csv").write_text(text.replace(",", ";") + "\n")

    assert "sites.csv:1: its columns are separated by semicolons; save it separated by commas" in problems(city)


def test_a_pipe_in_the_place_of_a_file_is_refused_at_once(city):
    (city / "sites.csv").unlink()
    os.mkfifo(city / "sites.csv")

    assert "sites.csv: is no regular file; put the file itself here" in problems(city)


def test_a_directory_that_is_none_is_named(tmp_path):
    assert problems(tmp_path / "none") == [
        f"{tmp_path / 'none'}: is no directory; name the directory that holds sites.csv"
    ]


def test_thousands_of_faults_are_counted_not_printed(city):
    rows = "".join(f"v{i},wlan,carrier-a,library,ap,ac-1,,,\n" for i in range(5000))
    with (city / "services.csv").open("a", encoding="utf-8") as file:
        file.write(rows)

    found = problems(city)

    assert len(found) == MOST_PROBLEMS + 1
    assert any("4800 more problems are not shown" in problem for problem in found)


BOMBS = {
    "laughs": "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"b{i}: &b{i} [*a,*a,*a,*a,*a,*a]\n" for i in range(9)),
    "depth": "a: " + "[" * 500_000,
    "braces": "{" * 500_000,
    "block": "".join(" " * i + "- \n" for i in range(900)),
    "nodes": "a: [" + "1," * 900_000 + "]",
    "size": "a: " + "x" * 3_000_000,
    "merge": "a: &a {b: 1}\nc:\n  <<: *a\n",
    "one key": "? " * 200_000,
    "quotes": '"' + "\\x41" * 400_000,
    "documents": "a: 1\n---\n" * 100_000,
    "colons": ": " * 400_000,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_yaml_bomb_is_refused_in_less_than_a_second_and_50_mb(city, bomb):
    (city / CONTRACT).write_text(BOMBS[bomb], encoding="utf-8")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.process_time()

    found = problems(city)

    assert time.process_time() - begun < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000
    assert any(problem.startswith(CONTRACT) for problem in found)


@pytest.mark.parametrize(
    "bomb",
    [
        "x" * 17 * 2**20,
        'id,name,area\n"' + "x" * 2_000_000,
        "id,name,area\n" + "a" * 200_000 + ",b,c\n",
        "\n" * 4_000_000,
        "," * 2_000_000,
    ],
    ids=["size", "quote", "cell", "lines", "commas"],
)
def test_a_csv_bomb_is_refused_in_less_than_a_second(city, bomb):
    (city / "sites.csv").write_text(bomb)
    begun = time.process_time()

    found = problems(city)

    assert time.process_time() - begun < 1
    assert any(problem.startswith("sites.csv") for problem in found)


def test_the_built_in_areas_are_the_29_subdistricts():
    """Codes run from 110108001 to 110108030 without 009; no two share a tile."""
    areas = built_in_areas()

    assert [area.id for area in areas] == [f"1101080{n:02d}" for n in range(1, 31) if n != 9]
    assert len({(area.col, area.row) for area in areas}) == 29
    assert areas[0].short == "万寿路"
    assert areas[-1].short == "上庄"


@pytest.mark.parametrize("name", ["carriers.yaml", CONTRACT])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ": is empty; write its keys"),
        ("# nothing but words\n", ": is empty; write its keys"),
        ("\n- a\n- b\n", ":2: is not a map of keys; start with lines like `key: value`"),
        ("just words", ":1: is not a map of keys; start with lines like `key: value`"),
    ],
    ids=["empty", "comment", "list", "words"],
)
def test_a_yaml_file_without_keys_is_the_only_fault(city, name, text, expected):
    (city / name).write_text(text)

    assert problems(city) == [name + expected]


@pytest.mark.parametrize("name", ["sites.csv", "services.csv", "devices.csv"])
def test_a_csv_file_without_a_header_is_the_only_fault(city, name):
    (city / name).write_text("\n\n")

    (found,) = problems(city)
    assert found.startswith(f"{name}: is empty; start it with the header id,")


def test_a_city_without_devices_says_so_with_its_headers(city):
    for name, header in (("devices.csv", "id,site,carrier,role"), ("services.csv", "id,kind,carrier,site,role,device")):
        (city / name).write_text(header + "\n")

    assert {at[0] for at in read_city(city).records} == {"area", "site", "carrier", "contract"}


def test_as_many_samples_as_fit_a_slice_are_allowed(city):
    swap(city, CONTRACT, "  min_outage_s: 60", "  min_samples_per_slice: 60\n  quorum: 2\n  vantages: 2")

    rules = read_city(city).records["contract", "wifi-2026", "1"].rules

    assert (rules.min_samples_per_slice, rules.quorum, rules.vantages) == (60, 2, 2)


def test_tiers_that_touch_do_not_overlap(city):
    """The bounds of a known public schedule: < 99.99 and >= 99.0, < 99.0 and >= 95.0, < 95."""
    swap(city, CONTRACT, "{below: 99.5, at_least: 99.0, percent: 10}", "{below: 99.99, at_least: 99.0, percent: 10}")
    swap(
        city,
        CONTRACT,
        "{below: 99.0, percent: 30}",
        "{below: 99.0, at_least: 95.0, percent: 30}\n            - {below: 95, percent: 100}",
    )

    tiers = read_city(city).records["contract", "wifi-2026", "1"].items[0].objectives[0].credits.tiers

    assert [(tier.at_least, tier.below, tier.percent) for tier in tiers] == [
        ("99.0", "99.99", "10"),
        ("95.0", "99.0", "30"),
        ("", "95", "100"),
    ]


def test_a_number_keeps_every_digit_it_was_written_with(city):
    swap(city, CONTRACT, "target: 99.5", "target: 99.500000000001")

    contract = read_city(city).records["contract", "wifi-2026", "1"]

    assert contract.items[0].objectives[0].target == "99.500000000001"


def test_an_objective_s_rules_lie_over_the_contract_s(city):
    contract = read_city(city).records["contract", "wifi-2026", "1"]

    objective = contract.items[0].objectives[0]
    assert contract.rules.hours == ()
    assert [hours.days for hours in objective.rules.hours] == [(1, 2, 3, 4, 5), (6, 7)]
    assert objective.rules.min_outage_s == 60
    assert objective.rules.exclusions == contract.rules.exclusions


@pytest.mark.parametrize(
    ("written", "windows"),
    [
        ("fri 22:00-06:00", [((5,), 1320, 1440, ()), ((6,), 0, 360, ())]),
        ("sun 22:00-00:00", [((7,), 1320, 1440, ())]),
        ("sat,sun 22:00-06:00", [((6, 7), 1320, 1440, ()), ((1, 7), 0, 360, ())]),
        ("workday 08:00-20:00", [((), 480, 1200, ("workday",))]),
        ("'holiday,weekend 22:00-06:00'", [((), 1320, 1800, ("holiday", "weekend"))]),
    ],
)
def test_hours_may_run_over_midnight_and_be_of_kinds_of_days(city, written, windows):
    swap(city, CONTRACT, '[mon-fri 06:00-24:00, "sat,sun 08:00-24:00"]', written)
    swap(city, CONTRACT, "currency: CNY", "currency: CNY\ncalendar: cn")
    contract = read_city(city).records["contract", "wifi-2026", "1"]
    hours = contract.items[0].objectives[0].rules.hours

    assert [(each.days, each.start_minute, each.end_minute, each.kinds) for each in hours] == windows
    assert contract.calendar == "cn"


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ("workday 08:00-20:00", "has hours by kind of day and names no calendar; add `calendar: cn`"),
        ('[workday 08:00-20:00, "sat 08:00-12:00"]', "mixes weekdays and kinds of days"),
        ("[workday 08:00-20:00, workday 19:00-21:00]", "'hours' has windows that overlap"),
        ("[fri 22:00-06:00, sat 05:00-09:00]", "'hours' has windows that overlap"),
        ("[]", "'hours' is an empty list"),
        (
            f"[{', '.join(f'mon {n // 60:02d}:{n % 60:02d}-{n // 60:02d}:{n % 60 + 1:02d}' for n in range(0, 1202, 3))}]",
            "'hours' has 401 windows; expected at most 400",
        ),
        ("workdays 08:00-20:00", "expected `always` or windows"),
        ("fri 22:00-22:00", "expected `always` or windows"),
        ("fri 24:00-06:00", "expected `always` or windows"),
    ],
)
def test_hours_that_say_nothing_are_refused(city, written, what):
    swap(city, CONTRACT, '[mon-fri 06:00-24:00, "sat,sun 08:00-24:00"]', written)

    assert any(what in each for each in problems(city))


def test_a_contract_makes_no_more_promises_than_its_verifier_reads(city, monkeypatch):
    monkeypatch.setattr("inventory.reading.contract.MOST_OBJECTIVES", 0)

    assert any("contract 'wifi-2026' makes 1 promises; expected at most 0" in each for each in problems(city))


def test_every_part_of_a_contract_has_its_place(city):
    source = read_city(city).source(("contract", "wifi-2026", "1"))
    path = "items.public-wifi.objectives.availability.indicator"

    assert source.where(path) == f"{CONTRACT}:{line_of(city, CONTRACT, '        indicator: availability')}"
    assert source.where("items.public-wifi.none.at.all") == source.where("items.public-wifi")
    assert source.where("nothing") == f"{CONTRACT}:1"


def test_a_carriers_keys_and_the_days_of_a_dispute_are_read_as_written(city):
    key = "carrier-a/disputes+12427285+AWfTterwwL9rWmAtNZ2uzIanp0BTSQ7DeuCOcTYFh8hw"
    swap(city, "carriers.yaml", "name_en: Carrier A", f"keys: [{key}, {key}]")
    swap(city, CONTRACT, "currency: CNY", "dispute: {objection_days: 15}")
    made = read_city(city)

    assert [each.keys for each in made.records.values() if isinstance(each, Carrier)] == [(key,)]
    assert [each.dispute for each in made.records.values() if isinstance(each, Contract)] == [
        Dispute(objection_days=15)
    ]


def test_files_that_change_the_currency_inside_a_month_are_refused(city):
    later = (city / CONTRACT).read_text(encoding="utf-8").replace("version: 1", "version: 2")
    begins = next(line for line in later.splitlines() if line.startswith("valid_from:"))
    later = later.replace(begins, "valid_from: 2026-12-02").replace("currency: CNY", "currency: USD")
    (city / "contracts" / "later.yaml").write_text(later, encoding="utf-8")

    (said,) = problems(city)

    assert said.startswith(
        "contracts/later.yaml:8: contract 'wifi-2026' version 2 turns 'currency' from CNY into USD inside a month"
    )


def test_what_a_credit_is_per_and_how_minutes_under_two_objectives_are_owed_are_read_as_written(city):
    swap(city, CONTRACT, "object_cap_percent: 100", "object_cap_percent: 100\n          per: object")
    plain = read_city(city).records["contract", "wifi-2026", "1"]
    name = f"id: {plain.items[0].id}"
    swap(city, CONTRACT, name, f"{name}\n    double_credit: by_minute")

    item = read_city(city).records["contract", "wifi-2026", "1"].items[0]

    assert (plain.items[0].double_credit, item.double_credit) == ("dearest", "by_minute")
    assert item.objectives[0].credits.per == "object"
