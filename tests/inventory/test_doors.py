# ruff: noqa: E501  (the tables hold whole sentences)
"""Doors in the files of a city: what is read, what is refused, and that a city without any keeps its bytes."""

import pytest

from inventory.errors import FilesError
from inventory.model import Door
from inventory.reading.folder import read_city
from inventory.register import Register
from inventory.snapshot import of_city, snapshot

NOW = 1_780_000_000_000
HEADER = "id,device,kind,address,port,credential,dialect,keys\n"
PRINT = "SHA256:" + "a" * 43
LINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDeLJhXDYp3QbJZE3kQ1xKhdvjDXPHBBuJJoU3vQvWLc"


def problems(folder, row):
    (folder / "doors.csv").write_text(HEADER + row + "\n")
    with pytest.raises(FilesError) as caught:
        read_city(folder)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("ac-1-ssh,ac-1,ssh,,,ops,huawei_wlan_ac,", Door(id="ac-1-ssh", device="ac-1", kind="ssh", credential="ops", dialect="huawei_wlan_ac")),
        (
            f"ac-1-ssh,ac-1,ssh,192.0.2.99,2222,,huawei_wlan_ac,{PRINT};{LINE} root@ac-1",
            Door(id="ac-1-ssh", device="ac-1", kind="ssh", address="192.0.2.99", port=2222, dialect="huawei_wlan_ac", keys=(PRINT, LINE)),
        ),
        ("cell-1-acs,ap-1,cwmp,,,,,", Door(id="cell-1-acs", device="ap-1", kind="cwmp", port=7547)),
    ],
    ids=["the device's address", "its own address and two keys", "cwmp"],
)  # fmt: skip
def test_a_row_is_a_door(city, row, expected):
    (city / "doors.csv").write_text(HEADER + row + "\n")

    assert read_city(city).records["door", expected.id, ""] == expected


def test_yaml_lists_its_keys(city):
    (city / "doors.yaml").write_text(
        "doors:\n  - id: ac-1-ssh\n    device: ac-1\n    kind: ssh\n    dialect: comware\n"
        f"    keys:\n      - {PRINT}\n      - {LINE}\n"
    )

    assert read_city(city).records["door", "ac-1-ssh", ""].keys == (PRINT, LINE)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("d,ac-9,ssh,,,,x,", "doors.csv:2: door 'd' names the device 'ac-9', which no file has; did you mean 'ac-1'?"),
        ("d,ac-1,telnet,,,,x,", "doors.csv:2: 'kind' is 'telnet'; expected one of: ssh, cwmp"),
        ("d,ac-1,ssh,,,,,", "doors.csv:2: the door lacks 'dialect'; add `dialect`"),
        ("d,ac-1,cwmp,,,,x,", "doors.csv:2: the door is of kind cwmp and has 'dialect'; remove it; it is said of ssh only"),
        ("d,ap-1,ssh,,,,x,", "doors.csv:2: door 'd' has no address, and its device 'ap-1' has none; write the address at one of the two"),
        ("d,ac-1,ssh,,0,,x,", "doors.csv:2: 'port' is '0'; expected a whole number from 1 to 65535"),
        ("d,ac-1,ssh,,,,x,\ne,ac-1,ssh,,,,x,", "doors.csv:3: door 'e' has the ssh door to ac-1 of 'd' (doors.csv:2); one of the two is wrong"),
    ],
    ids=["device", "kind", "dialect", "cwmp", "address", "port", "twice"],
)  # fmt: skip
def test_a_door_that_leads_nowhere_is_refused(city, row, expected):
    assert problems(city, row) == [expected]


@pytest.mark.parametrize(
    "key",
    ["MD5:00:11", "SHA256:short", PRINT + "=", "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIDeLJhXDYp3QbJZE3kQ1xKhdvjDXPHBBuJJoU3vQvWLc", "ssh-ed25519 " + "!" * 60],
    ids=["md5", "short", "padded", "another kind inside", "no base64"],
)  # fmt: skip
def test_what_cannot_be_a_host_key_is_refused(city, key):
    (found,) = problems(city, f"d,ac-1,ssh,,,,x,{key}")

    assert found.startswith(f"doors.csv:2: '{key[:60]}' in 'keys' is no host key; expected `SHA256:`")


@pytest.mark.parametrize(
    "key", ["PRIVATE+KEY+carrier-a/w+1a2b3c4d+AYSecret", "-----BEGIN OPENSSH PRIVATE KEY----- b3BlbnNz"]
)
def test_a_private_key_in_a_door_is_told_without_any_part_of_it(city, key):
    (found,) = problems(city, f"d,ac-1,ssh,,,,x,{key}")

    assert found.startswith("doors.csv:2: 'keys' holds a private key, which must not leave its owner; expected")
    assert key[-8:] not in found


def test_more_keys_than_a_device_has_are_refused(city):
    (found,) = problems(city, "d,ac-1,ssh,,,,x," + ";".join([PRINT] * 9))

    assert found == "doors.csv:2: 'keys' has 9 keys; a device has at most 8; keep those it shows now"


def test_a_city_without_doors_keeps_its_bytes_and_one_with_doors_has_others(city, url):
    """Old verdicts name the digest of a register that knew no doors."""
    without = of_city(read_city(city), at_ms=NOW, rehearsal=False)
    (city / "doors.csv").write_text(HEADER + f"ac-1-ssh,ac-1,ssh,,,ops,comware,{PRINT}\n")
    with Register(url, rehearsal=False) as register:
        register.apply(read_city(city), at_ms=NOW, now_ms=NOW)
        seen = snapshot(register, at_ms=NOW)

    assert b'"doors"' not in without.canonical
    assert b'"doors":[{"address":"","credential":"ops","device":"ac-1",' in seen.canonical
    assert seen.digest != without.digest
    assert seen.door["ac-1-ssh"].keys == (PRINT,)
    assert without.doors == ()
