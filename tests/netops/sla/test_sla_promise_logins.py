"""The how-to of promised logins is read as it stands, and what it promises can be judged."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from inventory.city import city_of
from inventory.reading.folder import read_city
from inventory.snapshot import of_city
from netops.config import Settings
from netops.sla import checks, streams
from tests.netops.instances import how_to_city

HOW_TO = Path(__file__).resolve().parents[3] / "docs" / "how-to"
AT = 1_790_784_000_000


@pytest.fixture
def city(tmp_path):
    """The guide's city, with the lines and the item of the how-to added to it."""
    files = how_to_city(tmp_path)
    text = (HOW_TO / "promise-logins.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"^```csv\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (item,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    held = read_city(files)
    carrier = next(each.id for each in held.records.values() if type(each).__name__ == "Carrier")
    site = next(each.id for each in held.records.values() if type(each).__name__ == "Site")
    (contract,) = (files / "contracts").iterdir()
    contract.write_text(contract.read_text(encoding="utf-8") + _indented(item), encoding="utf-8")
    _add(files / "devices.csv", {"id": "portal", "site": site, "carrier": carrier, "role": "portal"})
    head, row = (line.split(",") for line in lines.strip().splitlines())
    _add(files / "services.csv", {**dict(zip(head, row, strict=True)), "site": site, "carrier": carrier})
    return read_city(files)


def _add(file, values):
    head = file.read_text(encoding="utf-8").splitlines()[0].split(",")
    row = ",".join(values.get(name, "") for name in head)
    file.write_text(file.read_text(encoding="utf-8").rstrip("\n") + f"\n{row}\n", encoding="utf-8")


def _indented(item):
    return "".join(f"  {line}\n" for line in item.splitlines())


def test_what_the_how_to_promises_can_be_judged(city):
    snapshot = of_city(city, at_ms=AT, rehearsal=False)

    assert checks.check(Settings(), snapshot) == []
    (contract,) = snapshot.contracts
    assert [each.name for each in streams.of(contract)] == [
        "portal.login.success >= 1 one by one, in slots of 900 s",
        "portal.login.time <= 10000 one by one, in slots of 900 s",
        "portal.authentication.time <= 2000 one by one, in slots of 900 s",
        "portal.authentication.mean <= 100000 one by one, in slots of 900 s",
    ]


def test_an_item_that_would_count_a_login_twice_is_named(city):
    """At its site and by its way in: two services of the contract, one login."""
    (hall,) = (
        each for each in city.records.values() if getattr(each, "role", "") == "portal" and hasattr(each, "kind")
    )
    twice = replace(hall, id="logins-1-sms", subject=f"login:{hall.site}/sms")
    held = city_of([*city.records.values(), twice])

    found = [each.what for each in checks.check(Settings(), of_city(held, at_ms=AT, rehearsal=False))]
    assert found == ["contract wifi-2026: item 'logins' is counted one by one, of services by login, site"]
