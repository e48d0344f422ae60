"""What is owed: by item or by object, the dearest objective or minute by minute, in one currency."""

from dataclasses import replace

import pytest

from netops.errors import UsageError
from netops.evidence import canonical
from netops.evidence.verifier import verify_numbers

H = 3_600_000
START = 1_790_784_000_000


def test_two_currencies_in_one_period_are_not_added(paper_world, paper_bundle, base_contract):
    later = replace(base_contract, version="2", valid_from_ms=START + H)
    world = paper_world(contracts=(base_contract, later), length=2)
    world.versions()
    world.hour(0, {"ap-1": "d" * 12}, world.roster())
    _, bundle = paper_bundle(world)
    texts = canonical.loads(bundle.members["contract.json"])
    texts[1]["currency"] = "USD"

    found = verify_numbers(replace(bundle, members={**bundle.members, "contract.json": canonical.dumps(texts)}))

    assert "contract.json: its versions owe in CNY and USD within one period" in [str(each) for each in found]
    world.contracts = (base_contract, replace(later, currency="USD"))
    with pytest.raises(UsageError, match="version 2 turns CNY into USD inside 2026-09-30T16:00"):
        paper_bundle(world)
