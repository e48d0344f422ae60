"""The how-to of repair times, rates, loss and light is read as it stands, and what it promises can be judged."""

import re
from pathlib import Path

import pytest

from inventory.reading.single import read_contract
from netops.commands.contract_words import Speaker
from netops.sla import derived, pitfalls, rules, streams

HOW_TO = Path(__file__).resolve().parents[3] / "docs" / "how-to"


@pytest.fixture
def held(tmp_path):
    """The guide's contract, with the item of the how-to added to it."""
    guide = (HOW_TO / "describe-your-city.md").read_text(encoding="utf-8")
    (contract,) = re.findall(r"^### `contracts/[^`]+`\n```yaml\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    text = (HOW_TO / "promise-repair-rate-and-light.md").read_text(encoding="utf-8")
    (item,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    file = tmp_path / "c.yaml"
    file.write_text(contract + "".join(f"  {line}\n" for line in item.splitlines()), encoding="utf-8")
    found, _ = read_contract(file)
    return found


def test_what_the_how_to_promises_can_be_judged_and_hides_no_pitfall(held):
    item = held.items[-1]

    for each in item.objectives:
        rules.objective(held, item, each)
        assert list(pitfalls.of(item, each)) == []
    assert [each.indicator for each in item.objectives][:4] == [
        derived.REPAIR,
        derived.REPEAT,
        derived.ACTIVE,
        derived.RATE,
    ]
    assert [each.name for each in streams.of(held)] == [
        "probe.throughput.mean >= 100000000 every 3600 s, 1 of 1",
        "probe.loss <= 50 every 60 s, 1 of 1",
        "pon.onu.margin.gpon_b_plus >= 1 every 3600 s, 1 of 1",
    ]
    assert streams.of_item(item) == {"probe.throughput", "probe.loss", "pon.onu.rx_power"}


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_each_objective_of_it_is_said_in_words(held, language):
    said = "\n".join(Speaker(language).contract(held))

    for each in held.items[-1].objectives:
        assert f"{each.id}: " in said or f"{each.id}：" in said
