"""What a scope names is held against the register: a misspelt name is said, with the one that was probably meant."""

from __future__ import annotations

import pytest

from inventory.model import Area, Carrier, Contract, Site
from netops.access import named
from netops.access.scope import parse
from netops.errors import UsageError

KNOWN = named.names(
    [Area(id="110108011", name="中关村街道", name_en="Zhongguancun", col=1, row=1)],
    [Carrier(id="carrier-a", name="甲通信"), Carrier(id="carrier-b", name="乙通信")],
    [Contract(id="lte-2026", version="1", carrier="carrier-a", title="小站", valid_from_ms=0, items=())],
    [Site(id="s", name="s", area="110108011", address="", tags=("education", "health"))],
)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (
            "area:110108012",
            r"'area:110108012': the register has no subdistrict '110108012'; did you mean '110108011'\?",
        ),
        ("area:中关村", r"; did you mean '110108011' \(中关村街道\)\?"),
        ("carrier:carier-a", r"no carrier 'carier-a'; did you mean 'carrier-a'\?"),
        ("carrier:乙通信", r"; did you mean 'carrier-b' \(乙通信\)\?"),
        ("carrier:mobile", r"no carrier 'mobile'; it has carrier-a, carrier-b$"),
        ("contract:lte-2025", r"no contract 'lte-2025'; did you mean 'lte-2026'\?"),
        ("tag:eductaion", r"no site or service tagged 'eductaion'; did you mean 'education'\?"),
    ],
)
def test_a_name_that_there_is_not_is_said_with_the_nearest(words, why):
    with pytest.raises(UsageError, match=why):
        named.check(parse([words]), KNOWN)


def test_one_wrong_name_among_right_ones_is_found():
    right = ["area:110108011", "carrier:carrier-a", "carrier:carrier-b", "contract:lte-2026", "tag:health"]

    named.check(parse(right), KNOWN)
    assert named.unknown(parse([*right, "tag:heath", "area:1"]), KNOWN) == [("area", "1"), ("tag", "heath")]


def test_a_register_without_any_says_so():
    with pytest.raises(UsageError, match="it has none: apply its files first"):
        named.check(parse(["contract:x"]), named.names([], [], [], []))
